//! Erasing: an entry says what is gone, then the journal is rewritten without it.
//!
//! What is to go is written down before the entry that says so is appended. A crash in between leaves it undone; a crash
//! after the entry is made good on the next open, and until then readers leave out what the entry says is gone. What the
//! store's files still hold of it goes with the scrub: until that is done, the `scrub` file says so.

use crate::chunks::Entries;
use crate::error::io_error;
use crate::frame::{self, Frame, Peek};
use crate::layout::Layout;
use crate::recover::Active;
use crate::seal;
use crate::segment::{self, START_BYTES, Segment};
use crate::{Framed, Lock, LogError, disk};
use fonds_model::body::{self, ErasedItem};
use fonds_model::{Kind, Position, Seq, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// At most this many items are erased by one entry.
pub const ERASED_ITEMS_MAX: usize = 10_000;

/// What is being erased, from before the entry that says so until the journal no longer holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// Each item with the entry that says so, once it is appended.
    #[serde(with = "listed")]
    pub(crate) items: BTreeMap<Position, Seq>,
}

/// JSON has no maps of places.
mod listed {
    use super::{BTreeMap, Position, Seq};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(items: &BTreeMap<Position, Seq>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(items.iter().map(|(at, by)| (at.seq, at.item, by)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Position, Seq>, D::Error> {
        let items: Vec<(Seq, u16, Seq)> = Vec::deserialize(deserializer)?;
        Ok(items.into_iter().map(|(seq, item, by)| (Position { seq, item }, by)).collect())
    }
}

impl Intent {
    /// Each part's items with the entry that says so; a part that none says is left out.
    pub(crate) fn of(parts: &[Vec<Position>], said: &[Option<Seq>]) -> Self {
        let said = parts.iter().zip(said).filter_map(|(items, by)| Some((items, (*by)?)));
        Self { items: said.flat_map(|(items, by)| items.iter().map(move |at| (*at, by))).collect() }
    }

    /// The entry that erased an item, if one of these did.
    pub(crate) fn erases(&self, position: Position) -> Option<Seq> {
        self.items.get(&position).copied()
    }

    /// The entries that say so.
    pub(crate) fn by(&self) -> BTreeSet<Seq> {
        self.items.values().copied().collect()
    }

    /// Leaves out of an entry what is gone, though the journal may still hold it.
    pub(crate) fn leave_out(&self, framed: &mut Framed) {
        framed.entry.erase(|position| self.erases(position));
    }
}

/// Erasures whose bytes the store's files may still hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubWaiting {
    /// How many erasures.
    pub erasures: u64,
    /// Since when the first of them waits.
    pub since: Timestamp,
}

/// Writes down what is to be erased, before the entry that says so is appended.
pub(crate) fn begin(layout: &Layout, intent: &Intent) -> Result<(), LogError> {
    disk::write_json(&layout.erasing, intent)
}

/// Takes it back: the entry was not appended.
pub(crate) fn abandon(layout: &Layout) -> Result<(), LogError> {
    disk::remove(&layout.erasing)
}

/// What is being erased just now, if the log says so: the file alone is believed by nobody.
pub(crate) fn in_progress(
    layout: &Layout,
    size: impl FnOnce() -> Result<u64, LogError>,
) -> Result<Option<Intent>, LogError> {
    let Some(intent) = disk::read_json::<Intent>(&layout.erasing)? else { return Ok(None) };
    let said = said(&layout.journal, intent, size()?)?;
    Ok((!said.items.is_empty()).then_some(said))
}

/// Whether an entry that is in the log says that an item is erased.
pub(crate) fn is_erased_by(journal: &Path, at: Position, by: Seq) -> Result<bool, LogError> {
    Ok(erased_by(journal, by)?.iter().any(|item| item.position() == at))
}

/// Makes good an erasure that a crash cut off, or says that it was not done; the active segment may be shorter then.
pub(crate) fn settle(layout: &Layout, size: u64, active: Option<Active>) -> Result<Option<Active>, LogError> {
    let Some(intent) = disk::read_json::<Intent>(&layout.erasing)? else { return Ok(active) };
    let said = said(&layout.journal, intent, size)?;
    if said.items.is_empty() {
        tracing::warn!("an erasure was cut off before it was logged: nothing was erased");
        return abandon(layout).map(|()| active);
    }
    tracing::info!(by = ?said.by(), "an erasure that was cut off is made good");
    finish(layout, &said)?;
    active.map(|active| reopened(&layout.journal, active)).transpose()
}

/// The active segment after it may have been rewritten.
pub(crate) fn reopened(journal: &Path, active: Active) -> Result<Active, LogError> {
    let path = segment::plain_path(journal, active.seq);
    let offset = fs::metadata(&path).map_err(io_error("read", &path))?.len();
    Ok(Active { offset, ..active })
}

/// What of it the log says: an entry that was not appended, or that says something else, erased nothing.
fn said(journal: &Path, mut intent: Intent, size: u64) -> Result<Intent, LogError> {
    for by in intent.by() {
        let of = intent.items.iter().filter(|(_, said)| **said == by).map(|(at, _)| *at);
        let meant: BTreeSet<Position> = of.collect();
        let says = if by < size { erased_by(journal, by)? } else { Vec::new() };
        if says.iter().map(ErasedItem::position).collect::<BTreeSet<_>>() != meant {
            intent.items.retain(|_, said| *said != by);
        }
    }
    Ok(intent)
}

/// What an entry says it erased.
fn erased_by(journal: &Path, seq: Seq) -> Result<Vec<ErasedItem>, LogError> {
    let read = Entries::new(journal, seq, seq + 1).next_sized()?;
    let said = read.filter(|(framed, _)| framed.entry.kind == Kind::LogErased);
    Ok(said.iter().flat_map(|(framed, _)| framed.entry.contents()).flat_map(items_of).collect())
}

fn items_of((_, content): (Position, &fonds_model::Content)) -> Vec<ErasedItem> {
    body::erased_items(&content.payload)
}

/// Rewrites the journal, notes that the store's files wait for their scrub, and is done.
pub(crate) fn finish(layout: &Layout, intent: &Intent) -> Result<(), LogError> {
    rewrite(&layout.journal, intent)?;
    let waiting = disk::read_json::<ScrubWaiting>(&layout.scrub)?;
    let by = intent.by();
    let since = match (waiting, by.first()) {
        (Some(waiting), _) => waiting.since,
        (None, Some(first)) => at_of(&layout.journal, *first)?,
        (None, None) => return disk::remove(&layout.erasing),
    };
    let erasures = waiting.map_or(0, |waiting| waiting.erasures) + by.len() as u64;
    disk::write_json(&layout.scrub, &ScrubWaiting { erasures, since })?;
    disk::remove(&layout.erasing)
}

fn at_of(journal: &Path, seq: Seq) -> Result<Timestamp, LogError> {
    let read = Entries::new(journal, seq, seq + 1).next_sized()?;
    read.map(|(framed, _)| framed.entry.at).ok_or(LogError::NoEntry { seq, size: seq })
}

/// How many erasures wait for a scrub of the store's files, if any.
pub(crate) fn waiting(layout: &Layout) -> Result<Option<ScrubWaiting>, LogError> {
    disk::read_json(&layout.scrub)
}

/// Notes that the store was made anew from the journal under this lock, and that nothing older lies beside it.
///
/// # Errors
/// [`LogError::Io`] when the note cannot be removed; then the scrub only has to be done again.
pub fn scrubbed(lock: &Lock) -> Result<(), LogError> {
    disk::remove(&Layout::of(lock.dir()).scrub)
}

/// The segments that hold one of the items.
fn touched(journal: &Path, intent: &Intent) -> Result<Vec<Segment>, LogError> {
    let segments = segment::list(journal)?;
    let mut touched: BTreeMap<usize, &Segment> = BTreeMap::new();
    for item in intent.items.keys() {
        let at = segments.partition_point(|segment| segment.seq <= item.seq).checked_sub(1);
        let found = at.and_then(|at| segments.get(at).map(|segment| (at, segment)));
        let (at, segment) = found.ok_or_else(|| LogError::damaged(item.seq, "its journal segment is missing"))?;
        touched.insert(at, segment);
    }
    Ok(touched.into_values().cloned().collect())
}

/// Fails where the segments could not be rewritten, and changes nothing.
pub(crate) fn rehearse(journal: &Path, intent: &Intent) -> Result<(), LogError> {
    for segment in touched(journal, intent)? {
        without(segment.seq, &seal::read(&segment)?, intent)?;
    }
    Ok(())
}

/// Rewrites every segment that holds one of the items, so that a crash leaves either the old or the new one.
fn rewrite(journal: &Path, intent: &Intent) -> Result<(), LogError> {
    for segment in touched(journal, intent)? {
        if let Some(anew) = without(segment.seq, &seal::read(&segment)?, intent)? {
            seal::replace(&segment, &anew)?;
        }
    }
    // What a sealing that was cut off has left may hold it too.
    for segment in segment::list(journal)?.iter().filter(|segment| !segment.sealed) {
        disk::remove(&segment::sealed_path(journal, segment.seq).with_extension("part"))?;
    }
    disk::sync_dir(journal)
}

/// A segment's bytes without the items' content; `None` when it has none of it.
fn without(seq: Seq, bytes: &[u8], intent: &Intent) -> Result<Option<Vec<u8>>, LogError> {
    let (start, mut rest) = bytes
        .split_at_checked(START_BYTES)
        .ok_or_else(|| LogError::damaged(seq, "the segment that holds what is to be erased is not whole"))?;
    let (mut anew, mut next, mut changed) = (start.to_vec(), seq, false);
    while let Peek::Whole { bytes, is_entry } = frame::peek(rest) {
        let (this, after) = rest.split_at_checked(bytes).unwrap_or((rest, &[]));
        let here = |item| Position { seq: next, item };
        let is_touched = is_entry && intent.items.range(here(0)..=here(u16::MAX)).next().is_some();
        match frame::read(this) {
            Some((Frame::Entry(entry), _)) if is_touched => {
                changed = true;
                entry.push_without(&mut anew, |item| intent.erases(here(item)));
            }
            Some(_) => anew.extend_from_slice(this),
            None => return Err(LogError::damaged(next, "its checksum is wrong: repair it before erasing beside it")),
        }
        next += u64::from(is_entry);
        rest = after;
    }
    if rest.iter().any(|byte| *byte != 0) {
        return Err(LogError::damaged(next, "no frame begins where its frame should"));
    }
    Ok(changed.then_some(anew))
}

/// Finds the stubs of erased items, for a store that is built anew.
pub(crate) struct Stubs<'a> {
    journal: &'a Path,
    /// What the entry that was read last erased: erasures lie close together.
    last: Option<(Seq, BTreeMap<Position, Option<String>>)>,
}

impl<'a> Stubs<'a> {
    pub(crate) fn of(journal: &'a Path) -> Self {
        Self { journal, last: None }
    }

    /// Puts the stubs beside the items of an entry that were erased.
    pub(crate) fn fill(&mut self, framed: &mut Framed) -> Result<(), LogError> {
        let seq = framed.entry.seq;
        for (item, index) in framed.entry.items.iter_mut().zip(0_u16..) {
            let Some(erased) = item.erased.as_mut() else { continue };
            if self.last.as_ref().is_none_or(|(by, _)| *by != erased.by) {
                let said = erased_by(self.journal, erased.by)?;
                let stubs = said.into_iter().map(|item| (item.position(), item.stub)).collect();
                self.last = Some((erased.by, stubs));
            }
            let stub = self.last.as_ref().and_then(|(_, stubs)| stubs.get(&Position { seq, item: index }));
            erased.stub = stub.cloned().flatten().map(String::into_bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
