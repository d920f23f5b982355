//! Plugins and configurations, each under its SHA-256.

use crate::{LogError, disk};
use fonds_model::Digest;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Two threads that keep the same blob would write the same temporary file.
static ONE: Mutex<()> = Mutex::new(());

pub(crate) fn put(dir: &Path, bytes: &[u8]) -> Result<Digest, LogError> {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let digest = Digest(Sha256::digest(bytes).into());
    let path = dir.join(digest.to_hex());
    // One that is there may be from a process that crashed before it was durable; it is written anew all the same.
    disk::make_dir(dir)?;
    disk::replace(&path, bytes, 0o644)?;
    Ok(digest)
}

pub(crate) fn get(dir: &Path, digest: &Digest) -> Result<Vec<u8>, LogError> {
    let wrong = |what| LogError::Blob { digest: digest.to_hex(), what };
    match disk::read(&dir.join(digest.to_hex())) {
        Err(error) if error.is_missing() => Err(wrong("missing")),
        Err(error) => Err(error),
        Ok(bytes) if <[u8; 32]>::from(Sha256::digest(&bytes)) == digest.0 => Ok(bytes),
        Ok(_) => Err(wrong("damaged")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_comes_back_and_a_changed_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let digest = put(dir.path(), b"plugin").unwrap();
        assert_eq!(get(dir.path(), &digest).unwrap(), b"plugin");
        std::fs::write(dir.path().join(digest.to_hex()), b"evil").unwrap();
        assert!(matches!(get(dir.path(), &digest), Err(LogError::Blob { what: "damaged", .. })));
        assert!(matches!(get(dir.path(), &Digest([0; 32])), Err(LogError::Blob { what: "missing", .. })));
    }
}
