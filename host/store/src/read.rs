//! Reading rows and entries beside the writer.

use crate::merge::{Layers, Merge};
use crate::store::{Store, lock};
use crate::{block, keys};
use fonds_log::{Framed, StoreError};
use fonds_model::Seq;
use fonds_views::rows::Row;
use fonds_views::{Rows, ViewError};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

/// How many decoded blocks are kept: a walk over consecutive entries needs one, some readers beside it one each.
const RECENT_BLOCKS: usize = 8;
/// A block with more bytes than this in its rows is not kept.
const RECENT_BYTES_MAX: usize = 256 * 1024;

/// Blocks that were read last, newest first, by the seq of their first entry.
///
/// One that was written again since, with more entries, still says the truth about those it has.
#[derive(Default)]
pub(crate) struct Recent(VecDeque<(Seq, Arc<Vec<Framed>>)>);

impl Recent {
    fn entry(&mut self, seq: Seq) -> Option<Framed> {
        let holds = |first: Seq, entries: &[Framed]| seq.checked_sub(first).is_some_and(|at| at < entries.len() as u64);
        let place = self.0.iter().position(|(first, entries)| holds(*first, entries))?;
        let found = self.0.remove(place)?;
        let entry = at(&found.1, found.0, seq);
        self.0.push_front(found);
        entry
    }

    fn keep(&mut self, first: Seq, entries: Arc<Vec<Framed>>) {
        self.0.retain(|(other, _)| *other != first);
        self.0.push_front((first, entries));
        self.0.truncate(RECENT_BLOCKS);
    }

    /// Forgets all, before blocks change.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

fn at(entries: &[Framed], first: Seq, seq: Seq) -> Option<Framed> {
    entries.get(usize::try_from(seq.checked_sub(first)?).ok()?).cloned()
}

impl Store {
    /// An entry that must be there.
    pub(crate) fn read_entry(&self, seq: Seq) -> Result<Framed, StoreError> {
        if let Some(framed) = lock(&self.recent).entry(seq) {
            return Ok(framed);
        }
        // Held until the block is kept: one that an erasure has written anew must not be kept as it was before.
        let _whole = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        let Some((first, bytes)) = self.block_at(seq)? else { return Err(self.damaged(seq)) };
        let entries = Arc::new(block::unpack(first, &bytes).ok_or_else(|| self.damaged(seq))?);
        if bytes.len() <= RECENT_BYTES_MAX {
            lock(&self.recent).keep(first, Arc::clone(&entries));
        }
        at(&entries, first, seq).ok_or_else(|| self.damaged(seq))
    }

    /// The bytes of the last block that begins at or below `seq`.
    pub(crate) fn read_block(&self, seq: Seq) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        let _whole = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        self.block_at(seq)
    }

    fn block_at(&self, seq: Seq) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        let last = self
            .base
            .disk
            .call(|tree| tree.range(keys::block(0, 0)..=keys::block(seq, u32::MAX)).next_back().transpose())?;
        let Some(first) = last.and_then(|(key, _)| keys::block_first(&key)) else { return Ok(None) };
        let mut bytes = Vec::new();
        let mut len = 0;
        for row in 0.. {
            let row =
                self.base.disk.call(|tree| tree.get(keys::block(first, row)))?.ok_or_else(|| self.damaged(first))?;
            if bytes.is_empty() {
                len = block::packed_len(&row).ok_or_else(|| self.damaged(first))?;
            }
            bytes.extend_from_slice(&row);
            if bytes.len() >= len {
                break;
            }
        }
        Ok(Some((first, bytes)))
    }

    fn damaged(&self, seq: Seq) -> StoreError {
        self.base.disk.breaks(StoreError::Lost(format!("entry {seq} cannot be read")))
    }

    /// What a view's error means for the store.
    pub(crate) fn view_failed(&self, error: ViewError) -> StoreError {
        match (self.base.disk.broken(), error) {
            (Some(error), _) => error.clone(),
            (None, ViewError::Damaged(why)) => self.base.disk.breaks(StoreError::Lost(why.to_owned())),
            (None, error @ ViewError::Store(_)) => StoreError::Rejected(error.to_string()),
        }
    }

    /// Rows from `from` on and below `to`, read as they are asked for; after an error there are no more.
    pub(crate) fn merged(&self, from: &[u8], to: Option<&[u8]>, back: bool) -> Box<dyn Iterator<Item = Row> + '_> {
        if to.is_some_and(|to| to <= from) {
            return Box::new(std::iter::empty());
        }
        let mut rows = Some(Merge::of(&self.base.disk, Layers::clone(&self.base.layers()), from, to, back));
        Box::new(std::iter::from_fn(move || {
            loop {
                match rows.as_mut()?.next() {
                    Ok(Some((key, Some(value)))) => return Some(Ok((key.to_vec(), value.to_vec()))),
                    Ok(Some((_, None))) => {}
                    Ok(None) => return None,
                    Err(error) => {
                        rows = None;
                        return Some(Err(ViewError::Store(error.to_string())));
                    }
                }
            }
        }))
    }
}

impl Rows for Store {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        self.base.layers().get(&self.base.disk, key).map_err(|error| ViewError::Store(error.to_string()))
    }

    fn range<'a>(&'a self, from: &[u8], to: &[u8]) -> Box<dyn Iterator<Item = Row> + 'a> {
        self.merged(from, Some(to), false)
    }

    fn range_back<'a>(&'a self, from: &[u8], to: &[u8]) -> Box<dyn Iterator<Item = Row> + 'a> {
        self.merged(from, Some(to), true)
    }
}
