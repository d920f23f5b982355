//! Backups and restored copies, as the log tells of them.

use crate::{Reader, Runtime, RuntimeError};
use fonds_log::{Backup, NOTES, Outcome};
use fonds_model::body::{self, BackupMade, LogErased};
use fonds_model::{Identity, Kind, Position, Seq, stub};
use fonds_views::register::{self, BackupKept};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A backup that was made.
#[derive(Debug, Clone, Serialize)]
pub struct BackupAnswer {
    /// The folder.
    pub to: String,
    /// Entries that it holds.
    pub size: u64,
    /// Files that were written.
    pub copied: u64,
    /// Files that were there already.
    pub kept: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// The log's size when it was made.
    pub log_size: u64,
}

/// Copies the log beside its writer, and notes that an entry is to say so.
///
/// # Errors
/// As [`Reader::backup`].
pub fn backup(
    (dir, reader): (&Path, &Reader),
    to: &Path,
    now: fonds_model::Timestamp,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<BackupAnswer, RuntimeError> {
    let Backup { checkpoint, copied, kept, bytes } = reader.backup(to, progress)?;
    let to = std::fs::canonicalize(to).map_err(|error| RuntimeError::reading(to, error))?.display().to_string();
    let body = BackupMade { to: to.clone(), size: checkpoint.size, root: checkpoint.root, who: body::Who::default() };
    let name = format!("backup-{}-{}.json", now.0, checkpoint.size);
    fonds_log::leave_note(dir, &name, &crate::admin::json(&body)?)?;
    let (size, log_size) = (checkpoint.size, reader.size()?);
    Ok(BackupAnswer { to, size, copied, kept, bytes, log_size })
}

impl Runtime {
    /// Logs what was done without the log's lock since it was last open. What cannot be logged now is left for the next
    /// time: nobody who asks something must be refused for it.
    pub fn deliver_notes(&self, dir: &Path) {
        if let Err(error) = self.try_deliver(dir) {
            tracing::warn!(%error, "a backup that was made is not logged yet");
        }
    }

    fn try_deliver(&self, dir: &Path) -> Result<(), RuntimeError> {
        let notes = dir.join(NOTES);
        let Ok(files) = std::fs::read_dir(&notes) else { return Ok(()) };
        let mut paths: Vec<PathBuf> = files.filter_map(|file| file.ok().map(|file| file.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
        paths.sort_unstable();
        for path in paths {
            let bytes = std::fs::read(&path).map_err(|error| RuntimeError::reading(&path, error))?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // A crash before the note is gone must not log the backup twice.
            let kind = if name.starts_with("key-") { Kind::LogKeyAdded } else { Kind::BackupMade };
            let name = Identity::name_of(&[kind.as_str().as_bytes(), name.as_bytes(), &bytes]);
            let identity = Identity::Named { name, content: bytes.clone() };
            let payload = self.own_envelope(None).with_body(&bytes);
            let prepared = self.log().prepare(kind, vec![payload], Some(&identity))?;
            self.log().stage(vec![prepared]).commit()?;
            std::fs::remove_file(&path).map_err(|error| RuntimeError::writing(&path, error))?;
        }
        self.catch_up()
    }

    /// Backups that still hold one of these items, as far as the log knows.
    pub(crate) fn backups_with(&self, items: &[Position]) -> Result<Vec<BackupKept>, RuntimeError> {
        let Some(first) = items.iter().map(|item| item.seq).min() else { return Ok(Vec::new()) };
        Ok(register::backups(self.rows())?.into_iter().filter(|backup| backup.size > first).collect())
    }

    /// Does again what a newer copy of this log did after the backup that this one was restored from: holds placed and
    /// released, and erasures; answers with how many holds and how many erasures that were.
    ///
    /// The newer copy must be signed by a key of this log and begin as this one does: what anybody else erased or released
    /// means nothing here.
    ///
    /// # Errors
    /// [`RuntimeError::Denied`] when this is no restored copy, or the other one is not of this log.
    pub fn apply_later(&self, newer: &Reader) -> Result<(u64, u64), RuntimeError> {
        let ours = self.log().reader()?;
        let denied = |why: &str| RuntimeError::Denied(format!("nothing was done again: {why}"));
        let from = ours.restored_size()?.ok_or_else(|| denied("this is no restored copy, or it is only read yet"))?;
        let (signed, note) = newer.checkpoint()?;
        fonds_log::Checkpoint::open(&note, ours.keys())?;
        if signed.size < from || from.checked_sub(1).is_some_and(|last| is_other(&ours, newer, last)) {
            return Err(denied("the newer copy does not begin as this log does"));
        }
        let (mut holds, mut erasures) = (0, 0);
        for framed in newer.entries(from)? {
            let entry = framed?.entry;
            if entry.seq >= signed.size {
                break;
            }
            let mut payloads = entry.contents().map(|(_, content)| content.payload.clone());
            match entry.kind {
                Kind::HoldPlaced | Kind::HoldReleased => {
                    let Some(payload) = payloads.next() else { continue };
                    // Once is enough, however often it is asked for.
                    let name = Identity::name_of(&[b"restored", newer.origin().as_bytes(), &entry.seq.to_be_bytes()]);
                    let identity = Identity::Named { name, content: payload.clone() };
                    let prepared = self.log().prepare(entry.kind, vec![payload], Some(&identity))?;
                    let outcome = self.log().stage(vec![prepared]).commit()?;
                    holds += u64::from(matches!(outcome.first(), Some(Outcome::Appended(_))));
                }
                Kind::LogErased => {
                    for payload in payloads {
                        erasures += self.erase_again(&payload, from)?;
                    }
                }
                _ => {}
            }
        }
        self.catch_up()?;
        Ok((holds, erasures))
    }

    /// Erases what a newer copy has erased: it was approved there, and no hold stood against it.
    fn erase_again(&self, payload: &[u8], size: u64) -> Result<u64, RuntimeError> {
        let (envelope, body) = fonds_model::Envelope::split(payload)?;
        let mut erased: LogErased = body::parse(Kind::LogErased, envelope.format, body)?;
        erased.items.retain(|said| {
            let entry = self.entry(said.seq).ok().filter(|entry| entry.seq < size && stub::is_erasable(entry.kind));
            let item = entry.and_then(|entry| entry.items.get(usize::from(said.item)).cloned());
            item.is_some_and(|item| item.content.is_some() && item.digest == said.digest)
        });
        let items: Vec<Position> = erased.items.iter().map(body::ErasedItem::position).collect();
        if items.is_empty() {
            return Ok(0);
        }
        let payload = envelope.with_body(&crate::admin::json(&erased)?);
        let prepared = self.log().prepare(Kind::LogErased, vec![payload], None)?;
        self.log().erase(prepared, &items, |_| Ok(()))?;
        Ok(1)
    }
}

/// Whether two copies have another entry at a place, and so another history up to it.
fn is_other(ours: &Reader, newer: &Reader, seq: Seq) -> bool {
    let root = |reader: &Reader| reader.prove(seq, Some(seq + 1)).ok().map(|proof| proof.hashes);
    let header = |reader: &Reader| reader.header(seq).ok();
    header(ours) != header(newer) || root(ours) != root(newer)
}
