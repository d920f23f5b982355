//! Backups and restored copies, as the log tells of them.

use crate::{Reader, Runtime, RuntimeError};
use fonds_log::{Backup, Outcome};
use fonds_model::body::{self, BackupMade, KeyAdded, LogErased};
use fonds_model::{Identity, Kind, Position, Seq};
use fonds_views::register::{self, BackupKept};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Backups that are made but not logged yet, since they need no lock and an entry does: a file each, delivered by whoever
/// has the log open next.
const NOTES: &str = "notes";

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
    let notes = dir.join(NOTES);
    let path = notes.join(format!("backup-{}-{}.json", now.0, checkpoint.size));
    write_durably(&notes, &path, &crate::admin::json(&body)?).map_err(|error| RuntimeError::writing(&path, error))?;
    Ok(BackupAnswer { to, size: checkpoint.size, copied, kept, bytes })
}

fn write_durably(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    std::fs::create_dir_all(folder)?;
    let part = path.with_extension("part");
    let mut file = std::fs::File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&part, path)?;
    std::fs::File::open(folder)?.sync_all()
}

impl Runtime {
    /// Logs the backups that were made since the log was last open.
    ///
    /// # Errors
    /// When the log refuses; the notes stay.
    pub fn deliver_notes(&self, dir: &Path) -> Result<(), RuntimeError> {
        let notes = dir.join(NOTES);
        let Ok(files) = std::fs::read_dir(&notes) else { return Ok(()) };
        let mut paths: Vec<PathBuf> = files.filter_map(|file| file.ok().map(|file| file.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
        paths.sort_unstable();
        for path in paths {
            let bytes = std::fs::read(&path).map_err(|error| RuntimeError::reading(&path, error))?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // A crash before the note is gone must not log the backup twice.
            let name = Identity::name_of(&[b"backup.made", name.as_bytes()]);
            let identity = Identity::Named { name, content: bytes.clone() };
            let payload = self.own_envelope(None).with_body(&bytes);
            let prepared = self.log().prepare(Kind::BackupMade, vec![payload], Some(&identity))?;
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

    /// Does again what a newer copy of the log did after this one ends: holds placed and released, and erasures.
    ///
    /// What this answers with is how many holds and how many erasures that were.
    ///
    /// # Errors
    /// When the newer copy cannot be read or the log refuses.
    pub fn apply_later(&self, newer: &Reader, from: Seq) -> Result<(u64, u64), RuntimeError> {
        let (mut holds, mut erasures) = (0, 0);
        for framed in newer.entries(from)? {
            let entry = framed?.entry;
            let Some(payload) = entry.items.first().and_then(|item| item.content.as_ref()).map(|it| it.payload.clone())
            else {
                continue;
            };
            // Once is enough, however often it is asked for.
            let name = Identity::name_of(&[b"restored", newer.origin().as_bytes(), &entry.seq.to_be_bytes()]);
            let identity = Identity::Named { name, content: payload.clone() };
            let prepared = self.log().prepare(entry.kind, vec![payload.clone()], Some(&identity))?;
            match entry.kind {
                Kind::HoldPlaced | Kind::HoldReleased => {
                    let outcome = self.log().stage(vec![prepared]).commit()?;
                    holds += u64::from(matches!(outcome.first(), Some(Outcome::Appended(_))));
                }
                Kind::LogErased => {
                    let said = body::erased_items(&payload);
                    let items: Vec<Position> = said.iter().map(body::ErasedItem::position).collect();
                    erasures += self.erase_again(&payload, items, from)?;
                }
                _ => {}
            }
        }
        self.catch_up()?;
        Ok((holds, erasures))
    }

    /// Erases what another copy has erased: approved there, it needs no approval here.
    fn erase_again(&self, payload: &[u8], items: Vec<Position>, size: u64) -> Result<u64, RuntimeError> {
        let is_there = |item: &Position| {
            let entry = self.entry(item.seq).ok();
            entry.is_some_and(|entry| entry.items.get(usize::from(item.item)).is_some_and(|it| it.content.is_some()))
        };
        let items: Vec<Position> = items.into_iter().filter(|item| item.seq < size && is_there(item)).collect();
        if items.is_empty() {
            return Ok(0);
        }
        let (envelope, body) = fonds_model::Envelope::split(payload)?;
        let mut erased: LogErased = body::parse(Kind::LogErased, envelope.format, body)?;
        erased.items.retain(|item| items.contains(&item.position()));
        let payload = envelope.with_body(&crate::admin::json(&erased)?);
        let prepared = self.log().prepare(Kind::LogErased, vec![payload], None)?;
        self.log().erase(prepared, &items, |_| Ok(()))?;
        Ok(1)
    }

    /// Says in the log with which key a restored copy goes on.
    ///
    /// # Errors
    /// When the log refuses.
    pub fn log_new_origin(&self, replaces: &str, by: Option<&str>) -> Result<(), RuntimeError> {
        let mut who = crate::admin::who(by.map(str::to_owned));
        who.reason = Some("a restored copy goes on under a new origin".to_owned());
        let body = KeyAdded { key: self.log().key().to_string(), replaces: replaces.to_owned(), who };
        let payload = self.own_envelope(by).with_body(&crate::admin::json(&body)?);
        self.append_own(Kind::LogKeyAdded, vec![payload]).map(drop)
    }
}
