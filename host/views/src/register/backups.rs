//! Backups that were made of the log: what is erased here may lie there still.

use super::keys::{self, BACKUP};
use crate::rows::{Pending, Rows, ViewError, below};
use fonds_model::body::BackupMade;
use fonds_model::{Position, Seq};
use serde::{Deserialize, Serialize};

/// The newest backup in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupKept {
    /// The folder.
    pub to: String,
    /// Entries that it holds.
    pub size: u64,
    /// The entry that says so.
    pub seq: Seq,
}

/// Folds a backup: one into the same folder takes an older one's place.
pub(super) fn made(rows: &mut Pending<'_>, position: Position, body: BackupMade) -> Result<(), ViewError> {
    let key = keys::key(BACKUP, &body.to);
    let kept = BackupKept { to: body.to, size: body.size, seq: position.seq };
    let had = keys::get_long(rows, &key)?.map_or(0, |(_, had)| had);
    keys::put_long(rows, key, &keys::json(&kept)?, had)
}

/// The newest backup in each folder.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn backups(rows: &dyn Rows) -> Result<Vec<BackupKept>, ViewError> {
    let mut backups = Vec::new();
    for row in below(rows, &[BACKUP]) {
        let (key, first) = row?;
        backups.push(keys::from_json(&keys::whole(rows, &key, first)?, "a backup")?);
    }
    Ok(backups)
}
