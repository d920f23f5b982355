//! Copies of the log: made beside its writer, put back so that they cannot fork it, and repaired from the store.

use crate::args::Restore;
use crate::output::{Screen, pairs};
use crate::{Failure, workshop};
use fonds_runtime::Reader;
use fonds_store::Store;
use serde_json::json;
use std::path::Path;

/// `backup`.
pub(crate) fn backup(dir: &Path, to: &Path, screen: Screen) -> Result<(), Failure> {
    let reader = workshop::reader(dir)?;
    let bar = screen.progress("copying");
    let made = fonds_runtime::backup::backup((dir, &reader), to, workshop::now(), &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    // The entry that says so needs the log's lock; where another process has it, that one logs it.
    match workshop::lock(dir) {
        Ok(lock) => {
            drop(lock);
            workshop::open(dir)?.close()?;
        }
        Err(busy) => screen.complain(&format!("the entry `backup.made` follows: {busy}")),
    }
    Ok(screen.answer(&made, |screen| {
        pairs(
            screen,
            &[
                ("backup", made.to.clone()),
                ("entries", made.size.to_string()),
                ("copied", format!("{} files, {} bytes", made.copied, made.bytes)),
                ("there already", format!("{} files", made.kept)),
            ],
        ) + "It holds no signing key: keep `keys/signing.key` apart, or a restored copy can only go on under a new origin.\n"
    })?)
}

/// `restore`.
pub(crate) fn restore(dir: &Path, told: &Restore, screen: Screen) -> Result<(), Failure> {
    if let Some(from) = &told.from {
        let bar = screen.progress("restoring");
        fonds_runtime::restore(from, dir, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        })?;
        bar.finish_and_clear();
    }
    let mut state = "read-only";
    if let (Some(note), Some(key)) = (&told.match_note, &told.signing_key) {
        let (note, key) = (std::fs::read_to_string(note)?, std::fs::read_to_string(key)?);
        fonds_runtime::resume(&workshop::lock(dir)?, &note, &key)?;
        state = "resumed";
    }
    if let Some(origin) = &told.new_origin {
        fonds_runtime::start_anew(&workshop::lock(dir)?, origin)?;
        // Opened once, so that the entry that names the new key is there.
        workshop::open(dir)?.close()?;
        state = "new origin";
    }
    let (mut holds, mut erasures) = (0, 0);
    if let Some(later) = &told.later {
        let runtime = workshop::open(dir)?;
        (holds, erasures) = runtime.apply_later(&Reader::open(later)?)?;
        runtime.close()?;
    }
    let reader = workshop::reader(dir)?;
    let (checkpoint, _) = reader.checkpoint()?;
    let answer = json!({ "store": dir, "state": state, "origin": checkpoint.origin, "log_size": checkpoint.size,
        "holds": holds, "erasures": erasures });
    Ok(screen.answer(&answer, |screen| {
        let shown = [
            ("store", dir.display().to_string()),
            ("state", state.to_owned()),
            ("origin", checkpoint.origin.clone()),
            ("entries", checkpoint.size.to_string()),
            ("holds done again", holds.to_string()),
            ("erasures done again", erasures.to_string()),
        ];
        let next = if state == "read-only" {
            "It is only read until `--match` compares it with the newest checkpoint that others hold, or `--new-origin` renames it.\n"
        } else {
            ""
        };
        pairs(screen, &shown) + next
    })?)
}

/// `log repair`.
pub(crate) fn repair(dir: &Path, screen: Screen) -> Result<(), Failure> {
    let lock = workshop::lock(dir)?;
    let store = Store::open(dir.join(fonds_store::STORE)).map_err(|error| Failure::Store(error.to_string()))?;
    let repaired = fonds_runtime::repair(&lock, &store)?;
    drop(store);
    let answer = json!({ "segments": repaired.segments, "entries": repaired.entries, "lost": repaired.lost });
    screen.answer(&answer, |screen| {
        pairs(
            screen,
            &[
                ("segments replaced", repaired.segments.len().to_string()),
                ("entries from the store", repaired.entries.len().to_string()),
                ("lost", repaired.lost.len().to_string()),
            ],
        )
    })?;
    let Some(first) = repaired.lost.first() else { return Ok(()) };
    Err(Failure::Check(format!(
        "{} entries are whole in neither journal nor store, the first is entry {first}: restore them from a backup",
        repaired.lost.len()
    )))
}
