//! Writing a bag.

use super::manifest;
use crate::sink::{Sink, Written};
use crate::{ArchiveError, hash, name};
use fonds_model::{Digest, Fixity};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

/// A bag that is being written; it has its name only when it is finished.
#[derive(Debug)]
pub struct Bag {
    sink: Sink,
    payload: BTreeMap<String, Fixity>,
    tags: BTreeMap<String, Fixity>,
    /// Where payload that is not inside is to be fetched, its size, and its path.
    fetch: Vec<(String, u64, String)>,
    payload_names: name::Namer,
    tag_names: name::Namer,
}

/// A bag that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bagged {
    /// How many files it has.
    pub files: u64,
    /// How many bytes those have.
    pub bytes: u64,
    /// SHA-256 of `tagmanifest-sha256.txt`, which fixes all the others.
    pub seal: Digest,
}

impl Bag {
    /// Begins a bag in a new folder, or in a new `.tar`; `time` (seconds since 1970) dates a tar's files.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] when it is there already or cannot be made.
    pub fn create(to: &Path, time: u64) -> Result<Self, ArchiveError> {
        let mut tag_names = name::Namer::default();
        // What the bag's own files are called, and the folder of the payload, is no name for another file.
        let own = ["bagit.txt", "bag-info.txt", "fetch.txt", "data"];
        own.into_iter().for_each(|own| drop(tag_names.path(own)));
        Ok(Self {
            sink: Sink::create(to, time)?,
            payload: BTreeMap::new(),
            tags: BTreeMap::new(),
            fetch: Vec::new(),
            payload_names: name::Namer::default(),
            tag_names,
        })
    }

    /// Writes a file of the payload while it is read. Its name may be anything: what not every system can have is
    /// written otherwise, and the answer says how.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] when it cannot be read or written, or has another size.
    pub fn payload(&mut self, like: &str, size: u64, read: impl Read) -> Result<(String, Fixity), ArchiveError> {
        let path = format!("data/{}", self.payload_names.path(like));
        let fixity = self.sink.file(&path, size, read)?;
        self.payload.insert(path.clone(), fixity);
        Ok((path, fixity))
    }

    /// Says where a file of the payload is to be fetched that is not inside.
    pub fn fetch(&mut self, like: &str, url: &str, fixity: Fixity) -> String {
        let path = format!("data/{}", self.payload_names.path(like));
        self.payload.insert(path.clone(), fixity);
        let plain = |c: char| if c.is_whitespace() || c.is_control() { format!("%{:02X}", c as u32) } else { c.into() };
        self.fetch.push((url.chars().map(plain).collect(), fixity.size, path.clone()));
        path
    }

    /// Writes a tag file: what is said about the payload.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] when it cannot be written.
    pub fn tag(&mut self, like: &str, bytes: &[u8]) -> Result<String, ArchiveError> {
        let path = self.tag_names.path(like);
        self.put(path.clone(), bytes)?;
        Ok(path)
    }

    fn put(&mut self, path: String, bytes: &[u8]) -> Result<(), ArchiveError> {
        let fixity = self.sink.bytes(&path, bytes)?;
        self.tags.insert(path, fixity);
        Ok(())
    }

    /// Writes what a bag says of itself, makes it durable and gives it its name. `date` is the day of bagging.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] when that fails; nothing is left behind then.
    pub fn finish(mut self, info: &[(String, String)], date: &str) -> Result<Bagged, ArchiveError> {
        self.put("bagit.txt".to_owned(), b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")?;
        let bytes = self.payload.values().fold(0_u64, |sum, fixity| sum.saturating_add(fixity.size));
        let mut text = format!("Bagging-Date: {date}\nPayload-Oxum: {bytes}.{}\n", self.payload.len());
        for (label, value) in info {
            let _ = writeln!(text, "{}: {}", one_line(label).replace(':', "-"), one_line(value));
        }
        self.put("bag-info.txt".to_owned(), text.as_bytes())?;
        if !self.fetch.is_empty() {
            let mut text = String::new();
            for (url, size, path) in &self.fetch {
                let _ = writeln!(text, "{url} {size} {}", manifest::encoded(path));
            }
            self.put("fetch.txt".to_owned(), text.as_bytes())?;
        }
        for algorithm in [hash::Algorithm::Sha256, hash::Algorithm::Sha512] {
            let text = manifest::render(&self.payload, algorithm);
            self.put(format!("manifest-{}.txt", algorithm.as_str()), text.as_bytes())?;
        }
        let tags = std::mem::take(&mut self.tags);
        let text = manifest::render(&tags, hash::Algorithm::Sha512);
        self.sink.bytes("tagmanifest-sha512.txt", text.as_bytes())?;
        let text = manifest::render(&tags, hash::Algorithm::Sha256);
        let seal = self.sink.bytes("tagmanifest-sha256.txt", text.as_bytes())?.sha256;
        let Written { files, bytes } = self.sink.finish()?;
        Ok(Bagged { files, bytes, seal })
    }
}

/// A value stands on one line, however it was written.
fn one_line(value: &str) -> String {
    let words: Vec<&str> = value.split(|c: char| c.is_control() || c.is_whitespace()).collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
