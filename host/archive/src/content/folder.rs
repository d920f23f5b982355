//! A folder of content: each part of a key is opened beneath the one before, and no link is followed.

use super::Absence;
use crate::ArchiveError;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::path::Path;

/// A folder that holds content.
#[derive(Debug)]
pub(super) struct Folder {
    root: OwnedFd,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        // The root itself may be a link: the operator put it there.
        let root = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| format!("the folder `{}` cannot be opened: {error}", path.display()))?;
        Ok(Self { root })
    }

    /// The folder that holds the key's last part, and that part.
    fn parent<'k>(&self, key: &'k str, location: &str) -> Result<(OwnedFd, &'k str), ArchiveError> {
        let failed = |error: Errno| ArchiveError::content("reach", location, error);
        let (folders, name) = key.rsplit_once('/').map_or((None, key), |(folders, name)| (Some(folders), name));
        let mut folder = self.root.try_clone().map_err(|error| ArchiveError::content("reach", location, error))?;
        for part in folders.into_iter().flat_map(|folders| folders.split('/')) {
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
            folder = match rustix::fs::openat(&folder, part, flags, Mode::empty()) {
                Ok(next) => next,
                Err(Errno::NOENT) => return Err(ArchiveError::Missing(location.to_owned())),
                Err(Errno::LOOP | Errno::NOTDIR) => {
                    return Err(not_a_file(location, "reached through a link or a file"));
                }
                Err(error) => return Err(failed(error)),
            };
        }
        Ok((folder, name))
    }

    fn stat(&self, key: &str, location: &str) -> Result<Stat, ArchiveError> {
        let (parent, name) = self.parent(key, location)?;
        stat(&parent, name, location)
    }

    pub(super) fn size(&self, key: &str, location: &str) -> Result<u64, ArchiveError> {
        Ok(self.stat(key, location)?.st_size.try_into().unwrap_or_default())
    }

    pub(super) fn read(&self, key: &str, location: &str) -> Result<File, ArchiveError> {
        let (parent, name) = self.parent(key, location)?;
        // Without NONBLOCK a pipe of that name would wait for ever for somebody who writes.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&parent, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(ArchiveError::Missing(location.to_owned())),
            Err(Errno::LOOP) => return Err(not_a_file(location, "a symbolic link")),
            Err(error) => return Err(ArchiveError::content("open", location, error)),
        };
        let stat = rustix::fs::fstat(&file).map_err(|error| ArchiveError::content("open", location, error))?;
        check_type(&stat, location)?;
        // Read from start to end, once: the system reads ahead. It is only an advice.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
        Ok(File::from(file))
    }

    pub(super) fn delete(&self, key: &str, location: &str) -> Result<Absence, ArchiveError> {
        let absence = |bytes, deleted: &str, other_names| Absence {
            location: location.to_owned(),
            bytes,
            deleted: deleted.to_owned(),
            read_back: "lstat: no such file".to_owned(),
            other_names,
        };
        let before = match self.stat(key, location) {
            Ok(stat) => stat,
            Err(ArchiveError::Missing(_)) => return Ok(absence(None, "nothing was there to delete", 0)),
            Err(error) => return Err(error),
        };
        let failed = |error: Errno| ArchiveError::content("delete", location, error);
        let (parent, name) = self.parent(key, location)?;
        rustix::fs::unlinkat(&parent, name, AtFlags::empty()).map_err(failed)?;
        // Before the folder is on disk a power loss could bring the name back.
        rustix::fs::fsync(&parent).map_err(failed)?;
        // Read back from the root, as whoever looks for it would.
        match self.stat(key, location) {
            Err(ArchiveError::Missing(_)) => {}
            Err(error) => return Err(error),
            Ok(_) => {
                let why = "its name is there again after it was deleted: something else writes there".to_owned();
                return Err(ArchiveError::StillThere { location: location.to_owned(), why });
            }
        }
        #[allow(clippy::useless_conversion, reason = "it has another width on other processors")]
        let others = u64::from(before.st_nlink).saturating_sub(1);
        Ok(absence(Some(before.st_size.try_into().unwrap_or_default()), "unlink and fsync of its folder: done", others))
    }
}

fn stat(parent: &impl AsFd, name: &str, location: &str) -> Result<Stat, ArchiveError> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => check_type(&stat, location).map(|()| stat),
        Err(Errno::NOENT) => Err(ArchiveError::Missing(location.to_owned())),
        Err(error) => Err(ArchiveError::content("look at", location, error)),
    }
}

fn check_type(stat: &Stat, location: &str) -> Result<(), ArchiveError> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Symlink => Err(not_a_file(location, "a symbolic link")),
        FileType::Directory => Err(not_a_file(location, "a folder")),
        _ => Err(not_a_file(location, "a pipe, a socket or a device")),
    }
}

fn not_a_file(location: &str, what: &'static str) -> ArchiveError {
    ArchiveError::NotAFile { location: location.to_owned(), what }
}
