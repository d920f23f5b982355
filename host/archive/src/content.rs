//! Content stores: folders and S3-compatible object stores, named in one file.
//!
//! A location in the log is text that begins as one store's locations do; the rest of it is the key within that store.
//! No key leads out of its store: not by `..`, not by an absolute path, and not along a symbolic link.

mod config;
mod folder;
mod object;

use crate::{ArchiveError, hash};
use fonds_model::Fixity;
use serde::Serialize;
use std::io::{self, Read};
use std::path::Path;

/// A key longer than this is refused; S3 allows no longer one.
pub const KEY_BYTES_MAX: usize = 1_024;

/// The content stores that a file names.
#[derive(Debug)]
pub struct Stores {
    stores: Vec<Store>,
}

/// A content store, and how its locations begin.
#[derive(Debug)]
struct Store {
    name: String,
    beginnings: Vec<String>,
    place: Place,
}

/// What a content store is.
#[derive(Debug)]
enum Place {
    Folder(folder::Folder),
    Object(object::Bucket),
}

/// A place in a content store, at which content may lie.
#[derive(Debug, Clone, Copy)]
pub struct Located<'a> {
    store: &'a Store,
    location: &'a str,
    key: &'a str,
}

/// That content is gone: what was asked, what was there before, and what the store answered when it was read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Absence {
    /// The location.
    pub location: String,
    /// How many bytes lay there before; none when there was nothing.
    pub bytes: Option<u64>,
    /// What was asked of the store, and what it answered.
    pub deleted: String,
    /// What was asked afterwards, and what it answered.
    pub read_back: String,
    /// Under how many other names the same bytes stay in the file system (hard links); they are not gone.
    #[serde(skip_serializing_if = "is_zero")]
    pub other_names: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Stores {
    /// Reads the file that names the stores. Credentials are in the environment only.
    ///
    /// # Errors
    /// [`ArchiveError::Config`] when it is not understood; [`ArchiveError::Content`] when a folder is not there.
    pub fn open(file: &Path) -> Result<Self, ArchiveError> {
        Self::open_with(file, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// The same, with credentials from somewhere else than the environment: `secret` is asked for each by its name there.
    ///
    /// # Errors
    /// As [`Stores::open`].
    pub fn open_with(file: &Path, secret: &dyn Fn(&str) -> Option<String>) -> Result<Self, ArchiveError> {
        config::open(file, secret)
    }

    /// No stores: nothing can be located.
    #[must_use]
    pub fn none() -> Self {
        Self { stores: Vec::new() }
    }

    /// Finds the store whose locations begin as this one does; of several the longest beginning.
    ///
    /// # Errors
    /// [`ArchiveError::NoStore`] when there is none; [`ArchiveError::Location`] when the key leads out of the store.
    pub fn locate<'a>(&'a self, location: &'a str) -> Result<Located<'a>, ArchiveError> {
        let mut best: Option<(&Store, &str, usize)> = None;
        for store in &self.stores {
            for beginning in &store.beginnings {
                let longer = best.is_none_or(|(_, _, length)| beginning.len() > length);
                if let Some(key) = location.strip_prefix(beginning.as_str()).filter(|_| longer) {
                    best = Some((store, key, beginning.len()));
                }
            }
        }
        let (store, key, _) = best.ok_or_else(|| ArchiveError::NoStore(location.to_owned()))?;
        check_key(key).map_err(|why| ArchiveError::Location { location: location.to_owned(), why })?;
        Ok(Located { store, location, key })
    }

    /// The stores' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.stores.iter().map(|store| store.name.as_str())
    }
}

/// A key is parts with slashes between them, and no part means another folder.
fn check_key(key: &str) -> Result<(), &'static str> {
    if key.is_empty() {
        return Err("it names no file");
    }
    if key.len() > KEY_BYTES_MAX {
        return Err("its key is longer than 1,024 bytes");
    }
    if key.chars().any(char::is_control) {
        return Err("its key holds a control character");
    }
    for part in key.split('/') {
        match part {
            "" => return Err("its key is absolute, or has an empty part"),
            "." | ".." => return Err("its key has a part `.` or `..`"),
            _ => {}
        }
    }
    Ok(())
}

impl<'a> Located<'a> {
    /// The location, as the log says it.
    #[must_use]
    pub fn location(&self) -> &'a str {
        self.location
    }

    /// The store's name.
    #[must_use]
    pub fn store(&self) -> &'a str {
        &self.store.name
    }

    /// How many bytes lie there.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`] when nothing does.
    pub fn size(&self) -> Result<u64, ArchiveError> {
        match &self.store.place {
            Place::Folder(folder) => folder.size(self.key, self.location),
            Place::Object(bucket) => bucket.size(self.key, self.location),
        }
    }

    /// Reads the content, piece by piece.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`] when there is none.
    pub fn read(&self) -> Result<Box<dyn Read + Send>, ArchiveError> {
        match &self.store.place {
            Place::Folder(folder) => Ok(Box::new(folder.read(self.key, self.location)?)),
            Place::Object(bucket) => Ok(Box::new(bucket.read(self.key, self.location)?)),
        }
    }

    /// Reads the content once and computes what it is, in memory that does not grow with it.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`] when there is none, [`ArchiveError::Content`] when it cannot be read to its end.
    pub fn fixity(&self) -> Result<Fixity, ArchiveError> {
        let failed = |error: io::Error| ArchiveError::content("read", self.location, error);
        hash::fixity_of(self.read()?).map_err(failed)
    }

    /// Deletes the content and reads back that it is gone. What is not there already is as gone as what is deleted now,
    /// and the answer says so, so that a deletion that a crash cut short can be done again.
    ///
    /// # Errors
    /// [`ArchiveError::StillThere`] when the store still has it, or would keep it as an older version;
    /// [`ArchiveError::NotAFile`] when what lies there is no content.
    pub fn delete(&self) -> Result<Absence, ArchiveError> {
        match &self.store.place {
            Place::Folder(folder) => folder.delete(self.key, self.location),
            Place::Object(bucket) => bucket.delete(self.key, self.location),
        }
    }
}

#[cfg(test)]
mod tests;
