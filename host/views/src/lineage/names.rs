//! Texts to numbers: entities, and the runs and jobs that are activities.

use super::code::{NodeId, Reader, Writer};
use super::list::{self, List, Owner, Place};
use crate::{Pending, Rows, ViewError};
use fonds_model::Position;
use fonds_model::ids::ID_BYTES_MAX;
use std::hash::Hasher;

/// What a name belongs to; the first byte of the key under which its number stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Space {
    /// A dataset or a record.
    Entity = b'e',
    /// A run or a job.
    Activity = b'r',
}

/// The tag of the entry that holds a node's name, in lists of entities and of activities alike.
pub(crate) const NAME: u8 = 0;

fn key(space: Space, text: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + text.len());
    key.push(space as u8);
    key.extend_from_slice(text.as_bytes());
    key
}

/// The text, or its beginning when it is longer than `bytes_max`.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

/// The number of a name, if the log has named it.
pub(crate) fn find(rows: &dyn Rows, space: Space, text: &str) -> Result<Option<NodeId>, ViewError> {
    rows.get(&key(space, text))?.map(|value| Reader(&value).node()).transpose()
}

/// One item that is being folded.
pub(crate) struct Folding<'a, 'b> {
    pub(crate) rows: &'a mut Pending<'b>,
    pub(crate) position: Position,
    names: u64,
    parts: u64,
    /// Nodes that this item named first, in order, and whether the rows below did not know them.
    own: Vec<(NodeId, bool)>,
}

impl<'a, 'b> Folding<'a, 'b> {
    pub(crate) fn new(rows: &'a mut Pending<'b>, position: Position) -> Self {
        Self { rows, position, names: 0, parts: 0, own: Vec::new() }
    }

    /// Appends to a list; an entry of which `repeats` stand there already, up to its first `same` bytes, is left out.
    pub(crate) fn append(
        &mut self,
        list: List,
        owner: NodeId,
        entry: &[u8],
        repeats: (usize, usize),
    ) -> Result<(), ViewError> {
        self.parts += 1;
        let place = Place { position: self.position, part: self.parts };
        let owner = Owner { node: owner, is_new: self.own(owner).unwrap_or(false) };
        list::append(self.rows, list, owner, place, entry, repeats)
    }

    /// Whether a node that this item named first is new to the rows; `None` for one that it did not.
    fn own(&self, node: NodeId) -> Option<bool> {
        let place = self.own.binary_search_by_key(&node, |(own, _)| *own).ok()?;
        self.own.get(place).map(|(_, is_new)| *is_new)
    }

    /// The number of a name, given to it now if this item is the first that names it.
    ///
    /// `None` when one item names more than a million, which no reader at the edge lets through.
    pub(crate) fn intern(&mut self, space: Space, text: &str, namespace: usize) -> Result<Option<NodeId>, ViewError> {
        let long;
        let text = if text.len() > ID_BYTES_MAX {
            let mut hasher = rustc_hash::FxHasher::default();
            hasher.write(text.as_bytes());
            long = format!("{}~{:016x}", cut(text, ID_BYTES_MAX - 32), hasher.finish());
            &long
        } else {
            text
        };
        self.names += 1;
        let known = find(self.rows, space, text)?;
        let Some(node) = known.or_else(|| NodeId::new(self.position, self.names - 1)) else { return Ok(None) };
        if node.born() == self.position && self.own(node).is_none() {
            self.own.push((node, known.is_none()));
            // Also when the number is known: the row of the name may have been lost with the end of a batch.
            self.rows.put(key(space, text), {
                let mut value = Writer::default();
                value.node(node);
                value.0
            });
            let mut name = Writer::tagged(NAME);
            name.text(text).number(namespace as u64);
            let list = if space == Space::Entity { List::Entity } else { List::Activity };
            self.append(list, node, &name.0, (usize::MAX, 1))?;
        }
        Ok(Some(node))
    }
}
