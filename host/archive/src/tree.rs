//! Reading a package that is a folder, or one `.tar` of it, without trusting anything about it.

use crate::error::io_error;
use crate::finding::Findings;
use crate::{ArchiveError, name, sink};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A package of more files is refused.
pub const FILES_MAX: usize = 1_000_000;

/// A package's files by their names within it.
#[derive(Debug)]
pub(crate) struct Tree {
    place: Place,
    files: BTreeMap<String, Entry>,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Tar(Arc<File>),
}

/// A file's size, and where it begins in a tar.
#[derive(Debug, Clone, Copy)]
struct Entry {
    size: u64,
    at: u64,
}

impl Tree {
    /// Lists the files; what cannot be one is a finding.
    pub(crate) fn open(path: &Path, findings: &mut Findings) -> Result<Self, ArchiveError> {
        let kind = fs::metadata(path).map_err(io_error("read", path))?;
        if kind.is_dir() {
            let mut files = BTreeMap::new();
            walk(path, &mut files, findings)?;
            return Ok(Self { place: Place::Folder(path.to_owned()), files });
        }
        if !sink::is_tar(path) || !kind.is_file() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it is neither a folder nor a `.tar`");
            return Err(io_error("read", path)(source));
        }
        let file = File::open(path).map_err(io_error("read", path))?;
        let files = index(&file, findings).map_err(io_error("read", path))?;
        Ok(Self { place: Place::Tar(Arc::new(file)), files })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    pub(crate) fn size(&self, name: &str) -> Option<u64> {
        self.files.get(name).map(|entry| entry.size)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// How many files there are, and how many bytes they have.
    pub(crate) fn total(&self) -> (u64, u64) {
        let bytes = self.files.values().fold(0_u64, |sum, entry| sum.saturating_add(entry.size));
        (u64::try_from(self.files.len()).unwrap_or(u64::MAX), bytes)
    }

    /// Reads a file from its start.
    pub(crate) fn read(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        let entry = self.files.get(name).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        match &self.place {
            Place::Folder(root) => {
                // A link that took the file's place since it was listed is not followed, and a pipe not waited for.
                let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
                let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
                let file = File::options().read(true).custom_flags(flags).open(root.join(name))?;
                if !file.metadata()?.is_file() {
                    return Err(io::Error::other("it is no file any more"));
                }
                Ok(Box::new(file))
            }
            Place::Tar(file) => Ok(Box::new(Part { file: file.clone(), at: entry.at, left: entry.size })),
        }
    }

    /// All of a file that has at most `max` bytes.
    pub(crate) fn small(&self, name: &str, max: u64) -> Result<Vec<u8>, String> {
        match self.size(name) {
            None => return Err("is not there".to_owned()),
            Some(size) if size > max => return Err(format!("has {size} bytes, and at most {max} are read")),
            Some(_) => {}
        }
        let mut bytes = Vec::new();
        let read = self.read(name).and_then(|read| read.take(max).read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(|error| format!("cannot be read: {error}"))
    }
}

/// A part of a tar.
struct Part {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let count = self.file.read_at(into.get_mut(..most).unwrap_or_default(), self.at)?;
        if count == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the tar ends within the file"));
        }
        let length = u64::try_from(count).unwrap_or_default();
        self.at += length;
        self.left -= length;
        Ok(count)
    }
}

/// Takes a name into the list, or says why it cannot be there.
fn add(files: &mut BTreeMap<String, Entry>, name: String, entry: Entry, findings: &mut Findings) {
    if files.len() >= FILES_MAX {
        findings.error("bounds", None, format!("it has more than {FILES_MAX} files"));
        return;
    }
    if let Some(why) = name::why_unsafe(&name) {
        findings.error("paths", name.as_str(), format!("its name {why}"));
        return;
    }
    if files.insert(name.clone(), entry).is_some() {
        findings.error("paths", name.as_str(), "it is there twice");
    }
}

fn walk(root: &Path, files: &mut BTreeMap<String, Entry>, findings: &mut Findings) -> Result<(), ArchiveError> {
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        if depth > name::PARTS_MAX {
            findings.error("bounds", prefix.as_str(), "it lies in more folders than are read");
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(io_error("read", &folder))? {
            let entry = entry.map_err(io_error("read", &folder))?;
            let path = entry.path();
            let Some(part) = entry.file_name().to_str().map(str::to_owned) else {
                findings.error("paths", path.to_string_lossy().as_ref(), "its name is not UTF-8");
                continue;
            };
            let name = if prefix.is_empty() { part } else { format!("{prefix}/{part}") };
            let data = fs::symlink_metadata(&path).map_err(io_error("read", &path))?;
            if data.is_dir() {
                folders.push((path, name, depth + 1));
            } else if data.is_file() {
                add(files, name, Entry { size: data.len(), at: 0 }, findings);
            } else {
                findings.error("paths", name.as_str(), "it is a link, a pipe or a device: a package holds files only");
            }
            if files.len() >= FILES_MAX {
                findings.error("bounds", None, format!("it has more than {FILES_MAX} files"));
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What stands in front of an entry that does not fit its header.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Lists what lies in the one folder of a tar (ustar, pax or GNU's long names).
fn index(file: &File, findings: &mut Findings) -> io::Result<BTreeMap<String, Entry>> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("the tar is damaged: {what}"));
    let length = file.metadata()?.len();
    let mut files = BTreeMap::new();
    let mut top: Option<String> = None;
    let mut extended = Extended::default();
    let (mut at, mut count) = (0_u64, 0_usize);
    while at < length {
        let mut block = [0; 512];
        file.read_exact_at(&mut block, at)?;
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        count += 1;
        if count > 2 * FILES_MAX {
            findings.error("bounds", None, format!("it has more than {FILES_MAX} entries"));
            break;
        }
        let header = tar::Header::from_byte_slice(&block);
        if header.cksum()? != checksum(&block) {
            return Err(wrong("a header does not add up"));
        }
        let kind = header.entry_type();
        let is_extension = matches!(kind.as_byte(), b'L' | b'K' | b'x' | b'g');
        let size = if is_extension { None } else { extended.size.take() }.map_or_else(|| header.size(), Ok)?;
        at += 512;
        let padded = size.checked_next_multiple_of(512).and_then(|size| at.checked_add(size));
        let next = padded.filter(|_| at + size <= length).ok_or_else(|| wrong("it ends within a file"))?;
        if is_extension {
            extension(kind.as_byte(), &small_at(file, at, size)?, &mut extended)?;
        } else {
            let path = extended.path.take().unwrap_or_else(|| header.path_bytes().into_owned());
            if let Some(name) = within(&path, kind, &mut top, findings) {
                add(&mut files, name, Entry { size, at }, findings);
            }
        }
        at = next;
    }
    Ok(files)
}

/// The sum of a header's bytes, its own place counted as spaces.
fn checksum(block: &[u8; 512]) -> u32 {
    block.iter().zip(0..).map(|(byte, at)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum()
}

fn small_at(file: &File, at: u64, size: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(size).ok().filter(|size| *size <= 1 << 16);
    let size = size.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a name in the tar is too long"))?;
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

fn extension(kind: u8, bytes: &[u8], extended: &mut Extended) -> io::Result<()> {
    match kind {
        b'L' => extended.path = Some(bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()),
        b'x' => {
            for record in tar::PaxExtensions::new(bytes) {
                let record = record?;
                match record.key_bytes() {
                    b"path" => extended.path = Some(record.value_bytes().to_vec()),
                    b"size" => {
                        let size = record.value().ok().and_then(|size| size.parse().ok());
                        extended.size = Some(size.ok_or_else(|| io::Error::other("a size in the tar is no number"))?);
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// The name of a file within the tar's one folder; `None` for folders, and for what cannot be there.
fn within(path: &[u8], kind: tar::EntryType, top: &mut Option<String>, findings: &mut Findings) -> Option<String> {
    let Ok(path) = std::str::from_utf8(path) else {
        findings.error("paths", None, "a name in the tar is not UTF-8");
        return None;
    };
    let path = path.strip_prefix("./").unwrap_or(path);
    let is_folder = kind.is_dir() || path.ends_with('/');
    let path = path.trim_end_matches('/');
    if is_folder && path.is_empty() {
        return None;
    }
    if let Some(why) = name::why_unsafe(path) {
        findings.error("paths", path, format!("its name {why}"));
        return None;
    }
    let (folder, rest) = path.split_once('/').unwrap_or((path, ""));
    if top.get_or_insert_with(|| folder.to_owned()) != folder {
        findings.error("tar", path, "the tar has more than one folder at its top");
        return None;
    }
    if is_folder {
        return None;
    }
    if !kind.is_file() || rest.is_empty() {
        findings.error("paths", path, "it is a link or a device, or in no folder: a package holds files only");
        return None;
    }
    Some(rest.to_owned())
}
