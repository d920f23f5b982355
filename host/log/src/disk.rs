//! Files and folders made durable.

use crate::LogError;
use crate::error::io_error;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), LogError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error("make durable", dir))
}

/// Writes a file so that after a power loss either the old or the new one is there, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), LogError> {
    let part = path.with_extension("part");
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    })();
    written.map_err(io_error("write", path))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Removes a file, if it is there, so that it does not come back.
pub(crate) fn remove(path: &Path) -> Result<(), LogError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        removed => removed.map_err(io_error("remove", path))?,
    }
    path.parent().map_or(Ok(()), sync_dir)
}

/// A small file of ours; `None` when it is not there.
pub(crate) fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, LogError> {
    match read(path) {
        Err(error) if error.is_missing() => Ok(None),
        bytes => serde_json::from_slice(&bytes?)
            .map(Some)
            .map_err(|error| io_error("understand", path)(std::io::Error::other(error.to_string()))),
    }
}

/// Writes a small file of ours.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), LogError> {
    let bytes = serde_json::to_vec(value).map_err(|error| io_error("write", path)(error.into()))?;
    replace(path, &bytes, 0o644)
}

/// Makes a folder and those above it, and the names of all that were not there durable.
pub(crate) fn make_dir_durable(dir: &Path) -> Result<(), LogError> {
    let is_missing = |above: &&Path| !above.as_os_str().is_empty() && !above.exists();
    let missing: Vec<&Path> = dir.ancestors().take_while(is_missing).collect();
    make_dir(dir)?;
    missing.iter().filter_map(|made| made.parent()).try_for_each(|above| {
        let is_here = above.as_os_str().is_empty();
        sync_dir(if is_here { Path::new(".") } else { above })
    })
}

/// Makes a folder and those above it.
pub(crate) fn make_dir(dir: &Path) -> Result<(), LogError> {
    fs::create_dir_all(dir).map_err(io_error("make the folder", dir))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LogError> {
    fs::read(path).map_err(io_error("read", path))
}

pub(crate) fn read_text(path: &Path) -> Result<String, LogError> {
    fs::read_to_string(path).map_err(io_error("read", path))
}

/// Bytes that this process may still write on the disk of that folder.
pub(crate) fn free_bytes(dir: &Path) -> Result<u64, LogError> {
    let stat = rustix::fs::statvfs(dir).map_err(|error| io_error("ask for the free space of", dir)(error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
