//! Taking the content of erased items out of the entry blocks and the identities.
//!
//! sled keeps old pages: what is gone here is gone for every reader, and from the files once the store is made anew.

use crate::apply::Writer;
use crate::block::{self, Block};
use crate::keys;
use crate::store::{Store, lock};
use fonds_log::{Framed, StoreError};
use fonds_model::{Kind, Position, Seq, body};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

/// The items that entries say were erased, with the entry that says so.
pub(crate) fn said(entries: &[Framed]) -> BTreeMap<Position, Seq> {
    let erasures = entries.iter().filter(|framed| framed.entry.kind == Kind::LogErased);
    let items = erasures.flat_map(|framed| {
        let by = framed.entry.seq;
        let items = framed.entry.contents().flat_map(|(_, content)| body::erased_items(&content.payload));
        items.map(move |item| (item.position(), by)).collect::<Vec<_>>()
    });
    items.filter(|(position, by)| position.seq < *by).collect()
}

impl Store {
    /// Takes the content of items out of the blocks that hold them; what is out already stays as it is.
    pub(crate) fn erase(&self, writer: &mut Writer, items: &BTreeMap<Position, Seq>) -> Result<(), StoreError> {
        let mut done: BTreeSet<Seq> = BTreeSet::new();
        for seq in items.keys().map(|position| position.seq) {
            if !done.contains(&seq) {
                done.extend(self.erase_in_block(writer, seq, items)?);
            }
        }
        Ok(())
    }

    /// Rewrites the block of an entry without what is erased, and answers with the entries that it holds.
    fn erase_in_block(
        &self,
        writer: &mut Writer,
        seq: Seq,
        items: &BTreeMap<Position, Seq>,
    ) -> Result<Vec<Seq>, StoreError> {
        let lost = || self.base.disk.breaks(StoreError::Lost(format!("the block of entry {seq} cannot be read")));
        let (first, bytes) = self.read_block(seq)?.ok_or_else(lost)?;
        let mut entries = block::unpack(first, &bytes).ok_or_else(lost)?;
        let mut changed = false;
        for framed in &mut entries {
            changed |= self.erase_in_entry(framed, items);
        }
        if changed {
            let mut anew = Block::new(first);
            entries.iter().for_each(|framed| anew.push(framed));
            let packed = anew.pack(&mut writer.compressor).map_err(StoreError::Rejected)?;
            let _readers_wait = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
            for (row, bytes) in block::rows(&packed) {
                self.base.disk.call(|tree| tree.insert(keys::block(first, row), bytes))?;
            }
            let kept = block::rows(&packed).count();
            for (row, _) in block::rows(&bytes).skip(kept) {
                self.base.disk.call(|tree| tree.remove(keys::block(first, row)))?;
            }
            // The block that takes the next entries may be this one.
            writer.tail = None;
            lock(&self.recent).clear();
        }
        Ok(entries.iter().map(|framed| framed.entry.seq).collect())
    }

    fn erase_in_entry(&self, framed: &mut Framed, items: &BTreeMap<Position, Seq>) -> bool {
        let changed = framed.entry.erase(|position| items.get(&position).copied());
        if let Some(macs) = framed.macs.as_ref().filter(|_| changed) {
            let erased = framed.entry.items.iter().all(|item| item.content.is_none());
            let layers = self.base.layers();
            let mut memory = layers.memory.write().unwrap_or_else(PoisonError::into_inner);
            memory.put(keys::identity(&macs.name), Some(keys::known_row(framed.entry.seq, macs, erased)));
        }
        changed
    }
}
