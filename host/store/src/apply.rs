//! Applying entries: blocks go to sled, rows to memory, each few with the position that follows them.

use crate::block::{self, Block, Compressor};
use crate::erase;
use crate::hot::{Hot, WriterRows};
use crate::keys::{self, Progress};
use crate::store::{Store, lock};
use fonds_log::{Framed, StoreError};
use fonds_model::{Digest, Entry, Position, Seq};
use fonds_views::rows::VALUE_BYTES_MAX;
use fonds_views::{Pending, ViewError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// A block goes to sled by so many rows. sled gave memory back with batches of 200, and never with ten times that.
const BATCH_ROWS: usize = 180;
/// About so many rows join those in memory at once: what folds have pending is a tree, and quick while it is small.
///
/// What one item brings stays together whatever its size, since only the position tells what has been counted.
const STEP_ROWS: usize = 24;
/// Keys of views hold at most two ids of 2,048 bytes each, and some bytes beside them.
const KEY_BYTES_MAX: usize = 4_608;

type Written = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What only the one writer needs.
pub(crate) struct Writer {
    pub(crate) compressor: Compressor,
    /// The last block, while it may be written again with more entries.
    pub(crate) tail: Option<Block>,
    /// Whether blocks may hold more than was applied: after a crash, or an `apply` that failed.
    unsettled: bool,
    /// Up to where rows were handed over to be written as a run.
    pub(crate) handed_over: Progress,
    /// Rows that the folds read often, as they are now.
    pub(crate) hot: Hot,
}

impl Writer {
    pub(crate) fn new(handed_over: Progress) -> std::io::Result<Self> {
        let (compressor, hot) = (Compressor::new()?, Hot::default());
        Ok(Self { compressor, tail: None, unsettled: true, handed_over, hot })
    }
}

/// The batch under construction.
struct Step<'a> {
    store: &'a Store,
    rows: &'a WriterRows<'a>,
    /// Identities.
    own: Written,
    /// The views' rows.
    pending: Pending<'a>,
    progress: Progress,
}

impl Store {
    pub(crate) fn write<F>(&self, entries: &[Framed], root: Digest, mut fold: F) -> Result<(), StoreError>
    where
        F: FnMut(&Entry, u16, &mut Pending<'_>) -> Result<(), ViewError>,
    {
        let mut writer = lock(&self.writer);
        check(entries)?;
        let Some(end) = entries.last().map(|framed| framed.entry.seq.saturating_add(1)) else { return Ok(()) };
        let mut rest = self.not_yet_applied(entries)?;
        if writer.unsettled {
            self.settle_blocks(&mut writer)?;
        }
        writer.unsettled = true;
        let progress = self.progress();
        let rows = WriterRows { store: self, hot: RefCell::new(std::mem::take(&mut writer.hot)) };
        let mut step = Step { store: self, rows: &rows, own: Written::new(), pending: Pending::over(&rows), progress };
        while !rest.is_empty() {
            let (group, after) = rest.split_at(self.pack(&mut writer, rest)?);
            for framed in group {
                step.fold(framed, &mut fold)?;
            }
            rest = after;
            // Before the position says that the erasure is applied: what is cut off is erased again.
            let erased = erase::said(group);
            if !erased.is_empty() {
                self.erase(&mut writer, &erased)?;
            }
            step.write()?;
            self.spill_when_full(&mut writer)?;
        }
        // What was cut off may have come further than what it is given this time: then `end` lies below its position.
        if end >= step.progress.size {
            step.progress = Progress { size: end, root, ..step.progress };
        }
        step.write()?;
        writer.hot = rows.hot.into_inner();
        writer.unsettled = false;
        Ok(())
    }

    /// Passes over what has been applied already; it must be what the store has.
    fn not_yet_applied<'a>(&self, entries: &'a [Framed]) -> Result<&'a [Framed], StoreError> {
        let next = self.progress().next.seq;
        let first = entries.first().map_or(next, |framed| framed.entry.seq);
        if first > next {
            return Err(StoreError::Rejected(format!("entry {first} does not follow entry {next}, the next to apply")));
        }
        let passed = usize::try_from(next - first).unwrap_or(usize::MAX).min(entries.len());
        let (passed, rest) = entries.split_at(passed);
        for framed in passed {
            let seq = framed.entry.seq;
            if self.read_entry(seq)? != *framed {
                return Err(self.base.disk.breaks(StoreError::Lost(format!("entry {seq} is not the journal's"))));
            }
        }
        Ok(rest)
    }

    /// Puts the first entries of `rest` into a block and returns how many.
    fn pack(&self, writer: &mut Writer, rest: &[Framed]) -> Result<usize, StoreError> {
        let tail =
            writer.tail.take().filter(|tail| tail.is_extensible() && rest.first().is_some_and(|next| tail.fits(next)));
        let again = tail.is_some();
        let mut block = tail.unwrap_or_else(|| Block::new(rest.first().map_or(0, |framed| framed.entry.seq)));
        let mut taken = 0;
        for framed in rest {
            if !block.fits(framed) {
                break;
            }
            block.push(framed);
            taken += 1;
        }
        let bytes = block.pack(&mut writer.compressor).map_err(StoreError::Rejected)?;
        // A block that readers may be at is written again alone, and is small. A new one may come in parts: nobody reads it
        // before the position passes it.
        let _readers_wait = again.then(|| self.blocks.write().unwrap_or_else(PoisonError::into_inner));
        let rows: Vec<_> = block::rows(&bytes).collect();
        for rows in rows.chunks(BATCH_ROWS) {
            let mut batch = sled::Batch::default();
            rows.iter().for_each(|(row, bytes)| batch.insert(keys::block(block.first(), *row), *bytes));
            self.base.disk.call(|tree| tree.apply_batch(batch))?;
        }
        writer.tail = Some(block);
        Ok(taken)
    }

    /// Deletes blocks beyond the position, and finds the one to go on with.
    pub(crate) fn settle_blocks(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let next = self.progress().next.seq;
        lock(&self.recent).clear();
        self.base.disk.delete(&keys::block(next, 0), &[keys::BLOCK + 1])?;
        writer.tail = None;
        let Some(last) = next.checked_sub(1) else { return Ok(()) };
        let lost = || self.base.disk.breaks(StoreError::Lost(format!("the block of entry {last} cannot be read")));
        let (first, bytes) = self.read_block(last)?.ok_or_else(lost)?;
        let mut tail = Block::new(first);
        for framed in block::unpack(first, &bytes).ok_or_else(lost)?.iter().filter(|framed| framed.entry.seq < next) {
            tail.push(framed);
        }
        // A block that ends before the position would take the next entry under a seq that is not its own.
        if tail.next() != next {
            return Err(lost());
        }
        writer.tail = Some(tail);
        Ok(())
    }
}

/// Entries must follow one another, and have items.
fn check(entries: &[Framed]) -> Result<(), StoreError> {
    for pair in entries.windows(2) {
        if let [one, next] = pair
            && one.entry.seq.checked_add(1) != Some(next.entry.seq)
        {
            return Err(StoreError::Rejected(format!(
                "entry {} does not follow entry {}",
                next.entry.seq, one.entry.seq
            )));
        }
    }
    match entries.iter().find(|framed| !(1..=256).contains(&framed.entry.items.len())) {
        Some(wrong) => Err(StoreError::Rejected(format!("entry {} has not 1 to 256 items", wrong.entry.seq))),
        None => Ok(()),
    }
}

impl Step<'_> {
    fn fold<F>(&mut self, framed: &Framed, fold: &mut F) -> Result<(), StoreError>
    where
        F: FnMut(&Entry, u16, &mut Pending<'_>) -> Result<(), ViewError>,
    {
        let seq = framed.entry.seq;
        if let Some(macs) = &framed.macs {
            let erased = framed.entry.items.iter().all(|item| item.content.is_none());
            self.own.insert(keys::identity(&macs.name), Some(keys::known_row(seq, macs, erased)));
        }
        // An entry that was cut off goes on with the item it had come to.
        let from = if self.progress.next.seq == seq { self.progress.next.item } else { 0 };
        for (item, next) in (0_u16..).zip(framed.entry.items.iter().skip(1).map(Some).chain([None])) {
            if item < from {
                continue;
            }
            fold(&framed.entry, item, &mut self.pending).map_err(|error| self.store.view_failed(error))?;
            self.progress.next = after(seq, item, next.is_none());
            if self.own.len() + self.pending.len() >= STEP_ROWS {
                self.write()?;
            }
        }
        Ok(())
    }

    /// Makes the rows and their position seen, and begins another batch.
    fn write(&mut self) -> Result<(), StoreError> {
        let own = std::mem::take(&mut self.own);
        let views = self.pending.take_written();
        for (key, value) in &views {
            let value_len = value.as_ref().map_or(0, Vec::len);
            let is_views = key.first().is_some_and(|first| *first >= keys::VIEWS);
            if !is_views || key.len() > KEY_BYTES_MAX || value_len > VALUE_BYTES_MAX {
                let row = format!("a view wrote a row with a key of {} and a value of {value_len} bytes", key.len());
                return Err(StoreError::Fatal(row));
            }
        }
        let mut hot = self.rows.hot.borrow_mut();
        views.keys().for_each(|key| hot.forget(key));
        drop(hot);
        let layers = self.store.base.layers();
        let mut memory = layers.memory.write().unwrap_or_else(PoisonError::into_inner);
        own.into_iter().chain(views).for_each(|(key, value)| memory.put(key, value));
        drop(memory);
        *lock(&self.store.progress) = self.progress;
        Ok(())
    }
}

fn after(seq: Seq, item: u16, is_last: bool) -> Position {
    if is_last { Position { seq: seq.saturating_add(1), item: 0 } } else { Position { seq, item: item + 1 } }
}
