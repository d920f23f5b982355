//! Writing a package: a folder, or one `.tar` of it. It has its name only once it is whole.

use crate::error::io_error;
use crate::{ArchiveError, hash, name};
use fonds_model::Fixity;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// A package that is being written.
#[derive(Debug)]
pub(crate) struct Sink {
    to: PathBuf,
    partial: PathBuf,
    into: Into,
    files: u64,
    bytes: u64,
    is_done: bool,
}

#[derive(Debug)]
enum Into {
    Folder,
    Tar(Box<Tar>),
}

#[derive(Debug)]
struct Tar {
    file: BufWriter<File>,
    /// The folder in which all of it lies.
    top: String,
    /// Seconds since 1970, for all files.
    time: u64,
}

/// What a written package amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl Sink {
    /// Begins a package; `time` is what a tar's files are dated.
    pub(crate) fn create(to: &Path, time: u64) -> Result<Self, ArchiveError> {
        let stem = if is_tar(to) { to.file_stem() } else { to.file_name() };
        let (Some(file_name), Some(stem)) = (to.file_name(), stem.and_then(|stem| stem.to_str())) else {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it has no name that can be written");
            return Err(io_error("make", to)(source));
        };
        if fs::symlink_metadata(to).is_ok() {
            let source = io::Error::new(io::ErrorKind::AlreadyExists, "it is there already");
            return Err(io_error("make", to)(source));
        }
        let mut partial_name = std::ffi::OsString::from(".");
        partial_name.push(file_name);
        partial_name.push(format!(".{}.partial", std::process::id()));
        let partial = to.with_file_name(partial_name);
        let into = if is_tar(to) {
            let file = File::create_new(&partial).map_err(io_error("make", &partial))?;
            let top = stem.to_owned();
            Into::Tar(Box::new(Tar { file: BufWriter::with_capacity(1 << 20, file), top, time }))
        } else {
            fs::create_dir(&partial).map_err(io_error("make", &partial))?;
            Into::Folder
        };
        Ok(Self { to: to.to_owned(), partial, into, files: 0, bytes: 0, is_done: false })
    }

    /// The name of the folder that is the package.
    pub(crate) fn top(&self) -> String {
        match &self.into {
            Into::Tar(tar) => tar.top.clone(),
            Into::Folder => self.to.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// Writes a file whose size is known, while it is read, and says what it is.
    pub(crate) fn file(&mut self, path: &str, size: u64, read: impl Read) -> Result<Fixity, ArchiveError> {
        debug_assert!(name::why_unsafe(path).is_none(), "{path}");
        // Nothing more than what was announced is taken: a tar's header cannot be changed afterwards.
        let mut read = read.take(size.saturating_add(1));
        let fixity = match &mut self.into {
            Into::Folder => {
                let to = self.partial.join(path);
                let folder = to.parent().unwrap_or(&self.partial);
                fs::create_dir_all(folder).map_err(io_error("make", folder))?;
                let mut file = File::create_new(&to).map_err(io_error("write", &to))?;
                hash::copy(&mut read, &mut file).map_err(io_error("write", &to))?
            }
            Into::Tar(tar) => {
                let failed = |error| io_error("write", &self.partial)(error);
                tar.header(path, size).map_err(failed)?;
                let fixity = hash::copy(&mut read, &mut tar.file).map_err(failed)?;
                tar.pad(fixity.size).map_err(failed)?;
                fixity
            }
        };
        if fixity.size != size {
            let why = format!("`{path}` was to have {size} bytes, and other bytes came: it changes while it is packed");
            return Err(io_error("pack into", &self.to)(io::Error::other(why)));
        }
        self.files += 1;
        self.bytes += size;
        Ok(fixity)
    }

    /// Writes a file that is in memory.
    pub(crate) fn bytes(&mut self, path: &str, bytes: &[u8]) -> Result<Fixity, ArchiveError> {
        self.file(path, u64::try_from(bytes.len()).unwrap_or(u64::MAX), bytes)
    }

    /// Makes it durable and gives it its name.
    pub(crate) fn finish(mut self) -> Result<Written, ArchiveError> {
        let failed = |source| ArchiveError::Io { doing: "finish", path: self.partial.clone(), source };
        match &mut self.into {
            Into::Folder => {
                let folder = File::open(&self.partial).map_err(failed)?;
                rustix::fs::syncfs(&folder).map_err(|error| failed(error.into()))?;
            }
            Into::Tar(tar) => {
                // Two empty blocks end a tar.
                tar.file.write_all(&[0; 1_024]).map_err(failed)?;
                tar.file.flush().map_err(failed)?;
                tar.file.get_ref().sync_all().map_err(failed)?;
            }
        }
        fs::rename(&self.partial, &self.to).map_err(io_error("name", &self.to))?;
        let folder = self.to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error("make durable", folder))?;
        self.is_done = true;
        Ok(Written { files: self.files, bytes: self.bytes })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        // What is not whole is nobody's package; that it cannot be removed must not hide why it is not whole.
        let _ = match self.into {
            Into::Folder => fs::remove_dir_all(&self.partial),
            Into::Tar(_) => fs::remove_file(&self.partial),
        };
    }
}

impl Tar {
    fn header(&mut self, path: &str, size: u64) -> io::Result<()> {
        let path = format!("{}/{path}", self.top);
        let mut header = tar::Header::new_ustar();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(self.time);
        header.set_entry_type(tar::EntryType::Regular);
        if header.set_path(&path).is_err() || size >= 1 << 33 {
            // What does not fit a ustar header stands in front of it (POSIX.1-2001 pax).
            let mut records = Vec::new();
            pax(&mut records, "path", &path);
            pax(&mut records, "size", &size.to_string());
            let mut extended = tar::Header::new_ustar();
            extended.set_entry_type(tar::EntryType::XHeader);
            extended.set_path("PaxHeader/long")?;
            extended.set_mode(0o644);
            extended.set_mtime(self.time);
            extended.set_size(u64::try_from(records.len()).unwrap_or(u64::MAX));
            extended.set_cksum();
            self.file.write_all(extended.as_bytes())?;
            self.file.write_all(&records)?;
            self.pad(u64::try_from(records.len()).unwrap_or_default())?;
            header.set_path(format!("{}/long", self.top.chars().take(20).collect::<String>()))?;
        }
        header.set_cksum();
        self.file.write_all(header.as_bytes())
    }

    /// Files lie at multiples of 512 bytes.
    fn pad(&mut self, size: u64) -> io::Result<()> {
        let over = usize::try_from(size % 512).unwrap_or_default();
        let zeros = [0; 512];
        self.file.write_all(zeros.get(..(512 - over) % 512).unwrap_or_default())
    }
}

/// A pax record says its own length: `27 path=…\n`.
fn pax(into: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    into.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

/// Whether a package with this name is one file.
pub(crate) fn is_tar(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("tar"))
}
