//! What was annulled, and which facts stand.

use super::code::{Fact, NodeId, Writer};
use super::list::{self, List};
use super::names::Folding;
use crate::{Pending, Rows, ViewError};
use fonds_model::{Position, Seq, Timestamp};
use rustc_hash::FxHashMap;

/// Annulments of annulments are followed this deep; beyond it the fact counts, since more lineage is the safe side.
const DEPTH_MAX: u32 = 32;

fn block(position: Position) -> NodeId {
    NodeId(position.seq >> 10)
}

/// Folds an annulment of an earlier item.
pub(crate) fn fold(folding: &mut Folding<'_, '_>, target: Position) -> Result<(), ViewError> {
    let by = folding.position;
    if target >= by {
        return Ok(());
    }
    let mut entry = Writer::default();
    entry.position(target).position(by);
    folding.append(List::Annulled, block(target), &entry.0, (0, usize::MAX))
}

/// Items whose content was erased: their edges stay, and nothing else that they said.
const ERASED: u8 = b'x';

fn erased_key(position: Position) -> Vec<u8> {
    let mut key = vec![ERASED];
    key.extend_from_slice(&position.seq.to_be_bytes());
    key.extend_from_slice(&position.item.to_be_bytes());
    key
}

/// Folds an erasure of an earlier item.
pub(crate) fn fold_erased(rows: &mut Pending<'_>, target: Position) {
    rows.put(erased_key(target), Vec::new());
}

/// Which facts a question sees.
pub(crate) struct Seen<'a> {
    pub(crate) rows: &'a dyn Rows,
    as_of: Seq,
    on: Timestamp,
    any: bool,
    any_erased: bool,
    blocks: FxHashMap<NodeId, Vec<(Position, Position)>>,
}

impl<'a> Seen<'a> {
    pub(crate) fn new(rows: &'a dyn Rows, as_of: Option<Seq>, on: Option<Timestamp>) -> Result<Self, ViewError> {
        let any = crate::rows::below(rows, &[List::Annulled as u8]).next().transpose()?.is_some();
        let any_erased = crate::rows::below(rows, &[ERASED]).next().transpose()?.is_some();
        let (as_of, on) = (as_of.unwrap_or(Seq::MAX), on.unwrap_or(Timestamp(i64::MAX)));
        Ok(Self { rows, as_of, on, any, any_erased, blocks: FxHashMap::default() })
    }

    /// Whether the log knew a node.
    pub(crate) fn knows(&self, node: NodeId) -> bool {
        node.born().seq <= self.as_of
    }

    /// Whether a fact was known, had happened, and was not annulled.
    pub(crate) fn stands(&mut self, fact: Fact) -> Result<bool, ViewError> {
        if fact.position.seq > self.as_of || fact.time > self.on {
            return Ok(false);
        }
        Ok(!self.any || !self.annulled(fact.position, 0)?)
    }

    /// Whether what a fact says beside its edges may be told: it stands, and its content was not erased since.
    pub(crate) fn tells(&mut self, fact: Fact) -> Result<bool, ViewError> {
        Ok(self.stands(fact)? && !(self.any_erased && self.rows.get(&erased_key(fact.position))?.is_some()))
    }

    fn annulled(&mut self, position: Position, depth: u32) -> Result<bool, ViewError> {
        if depth > DEPTH_MAX {
            return Ok(false);
        }
        let block = block(position);
        if !self.blocks.contains_key(&block) {
            let mut found = Vec::new();
            list::each(self.rows, List::Annulled, block, |mut entry| {
                found.push((entry.position()?, entry.position()?));
                Ok(true)
            })?;
            found.sort_unstable();
            self.blocks.insert(block, found);
        }
        let found = self.blocks.get(&block).map(Vec::as_slice).unwrap_or_default();
        let start = found.partition_point(|(target, _)| *target < position);
        let by: Vec<Position> = found
            .iter()
            .skip(start)
            .take_while(|(target, by)| *target == position && by.seq <= self.as_of)
            .map(|(_, by)| *by)
            .take(64)
            .collect();
        for by in by {
            if !self.annulled(by, depth + 1)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
