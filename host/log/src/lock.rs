//! One process at a time.

use crate::LogError;
use crate::error::io_error;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The right to write in a data folder, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    dir: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock and writes this process's id into it.
    ///
    /// # Errors
    /// [`LogError::Locked`] when another process has it, [`LogError::NotALog`] when there is no such folder.
    pub fn take(dir: &Path) -> Result<Self, LogError> {
        if dir.join("backup").exists() && !dir.join("restored").exists() {
            let why = "it is a backup: put it back with `fonds --store NEW restore`, or read it with `fonds verify`";
            return Err(LogError::Backup { dir: dir.to_owned(), why: why.to_owned() });
        }
        let path = dir.join("lock");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = match file.map_err(io_error("open", &path)) {
            Err(error) if error.is_missing() => return Err(LogError::NotALog(dir.to_owned())),
            file => file?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = file.take(32).read_to_string(&mut text);
                let pid = text.trim();
                let known = read.is_ok() && !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
                let pid = if known { pid } else { "unknown" }.to_owned();
                return Err(LogError::Locked { dir: dir.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(io_error("write", &path))?;
        Ok(Self { dir: dir.to_owned(), _file: file })
    }

    /// The data folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_told_the_firsts_pid_and_gets_in_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        let error = Lock::take(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        Lock::take(dir.path()).unwrap();
        assert!(matches!(Lock::take(&dir.path().join("nowhere")), Err(LogError::NotALog(_))));
    }
}
