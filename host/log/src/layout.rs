//! What lies where in a data folder, and how a new one is made.

use crate::checkpoint::Checkpoint;
use crate::error::io_error;
use crate::note::{self, Verifier};
use crate::{LogError, disk, keys, tree};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const VERSION: u64 = 1;

/// The paths of a data folder.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) hashes: PathBuf,
    pub(crate) keys: PathBuf,
    pub(crate) blobs: PathBuf,
    pub(crate) checkpoint: PathBuf,
    /// There while this is a restored copy that may not be the newest.
    restored: PathBuf,
    /// There while something is being erased.
    pub(crate) erasing: PathBuf,
    /// There while erased bytes wait for a scrub of the store's files.
    pub(crate) scrub: PathBuf,
    /// The newest checkpoint that witnesses have cosigned, if any has.
    pub(crate) cosigned: PathBuf,
}

/// `fonds.json`.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    version: u64,
    origin: String,
}

/// `restored`: the log is read and not written until it is known to be the newest copy, or goes on under a new name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Restored {
    /// The backup that it was made from.
    pub(crate) from: String,
    /// How many entries that had.
    pub(crate) size: u64,
}

impl Layout {
    pub(crate) fn of(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            journal: dir.join("journal"),
            hashes: dir.join("hashes"),
            keys: dir.join("keys"),
            blobs: dir.join("blobs"),
            checkpoint: dir.join("checkpoint"),
            restored: dir.join("restored"),
            erasing: dir.join("erasing"),
            scrub: dir.join("scrub"),
            cosigned: dir.join("checkpoint.cosigned"),
        }
    }

    pub(crate) fn about(&self) -> PathBuf {
        self.dir.join("fonds.json")
    }

    /// The log's origin, once it is sure that this folder holds a log of a known version.
    pub(crate) fn origin(&self) -> Result<String, LogError> {
        let path = self.about();
        let bytes = match disk::read(&path) {
            Err(error) if error.is_missing() => return Err(LogError::NotALog(self.dir.clone())),
            bytes => bytes?,
        };
        let about: About = serde_json::from_slice(&bytes)
            .map_err(|error| io_error("understand", &path)(std::io::Error::other(error.to_string())))?;
        if about.version != VERSION {
            return Err(LogError::Version(about.version));
        }
        Ok(about.origin)
    }

    /// Whether this is a restored copy that must not be written.
    pub(crate) fn restored(&self) -> Result<Option<Restored>, LogError> {
        disk::read_json(&self.restored)
    }

    pub(crate) fn set_restored(&self, restored: Option<&Restored>) -> Result<(), LogError> {
        match restored {
            Some(restored) => disk::write_json(&self.restored, restored),
            None => disk::remove(&self.restored),
        }
    }

    /// Lets a restored copy be written, and remembers how far it was one.
    pub(crate) fn resume(&self) -> Result<(), LogError> {
        if let Some(restored) = self.restored()? {
            disk::write_json(&self.resumed(), &restored)?;
        }
        self.set_restored(None)
    }

    fn resumed(&self) -> PathBuf {
        self.dir.join("resumed")
    }

    /// How many entries a log had that was restored from a backup.
    pub(crate) fn restored_size(&self) -> Result<Option<u64>, LogError> {
        let resumed: Option<Restored> = disk::read_json(&self.resumed())?;
        Ok(resumed.map(|resumed| resumed.size))
    }

    /// Gives the log another name.
    pub(crate) fn rename(&self, origin: &str) -> Result<(), LogError> {
        disk::write_json(&self.about(), &About { version: VERSION, origin: origin.to_owned() })
    }

    /// The stored checkpoint, checked, with its note.
    pub(crate) fn checkpoint(&self, keys: &[Verifier]) -> Result<(Checkpoint, String), LogError> {
        let note = disk::read_text(&self.checkpoint)?;
        let checkpoint = Checkpoint::open(&note, keys)?;
        // A restored copy that goes on under a new name has the older name's checkpoint for a moment.
        if checkpoint.origin != self.origin()? && self.restored()?.is_none() {
            return Err(LogError::Note(format!("it is of another log, `{}`", checkpoint.origin)));
        }
        Ok((checkpoint, note))
    }
}

/// Makes a new log in a folder that is empty or not there yet: keys, folders, and the signed checkpoint of nothing.
///
/// # Errors
/// [`LogError::NotEmpty`] when the folder holds something, [`LogError::Origin`] when the name cannot be one,
/// [`LogError::Io`] when the disk refuses.
pub(crate) fn create(dir: &Path, origin: &str) -> Result<(), LogError> {
    if !note::is_name(origin) {
        return Err(LogError::Origin(origin.to_owned()));
    }
    disk::make_dir_durable(dir)?;
    for file in std::fs::read_dir(dir).map_err(io_error("list", dir))? {
        if file.map_err(io_error("list", dir))?.file_name() != "lock" {
            return Err(LogError::NotEmpty(dir.to_owned()));
        }
    }
    let layout = Layout::of(dir);
    for folder in [&layout.journal, &layout.hashes, &layout.keys, &layout.blobs] {
        disk::make_dir(folder)?;
    }
    let signer = keys::create(&layout.keys, origin)?;
    let nothing = Checkpoint { origin: origin.to_owned(), size: 0, root: tree::empty_root() };
    disk::replace(&layout.checkpoint, nothing.sign(&signer).as_bytes(), 0o644)?;
    let about = serde_json::to_vec(&About { version: VERSION, origin: origin.to_owned() })
        .map_err(|error| io_error("write", &layout.about())(error.into()))?;
    // Last, since it makes the folder a log.
    disk::replace(&layout.about(), &about, 0o644)?;
    dir.parent().filter(|above| !above.as_os_str().is_empty()).map_or(Ok(()), disk::sync_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_log_refuses_a_folder_that_holds_something_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        create(&path, "log.example").unwrap();
        assert!(matches!(create(&path, "log.example"), Err(LogError::NotEmpty(_))));
        assert!(matches!(create(&dir.path().join("other"), "two words"), Err(LogError::Origin(_))));
        let layout = Layout::of(&path);
        let keys = keys::verifiers(&layout.keys).unwrap();
        assert_eq!(layout.checkpoint(&keys).unwrap().0.size, 0);
        assert!(matches!(Layout::of(dir.path()).origin(), Err(LogError::NotALog(_))));
    }
}
