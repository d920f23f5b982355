//! An entry of the log, as the folds read it.

use crate::{Digest, Envelope, Kind, ModelError, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The index of an entry, from 0.
pub type Seq = u64;

/// An item of an entry: `SEQ/ITEM`, items counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Position {
    /// The entry.
    pub seq: Seq,
    /// The item within it, 0 to 255.
    pub item: u16,
}

impl Position {
    /// Reads `SEQ` (item 0) or `SEQ/ITEM`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (seq, item) = text.split_once('/').unwrap_or((text, "0"));
        Some(Self { seq: seq.parse().ok()?, item: item.parse().ok()? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.seq, self.item)
    }
}

/// What an item's digest stands for, while it has not been erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// 16 random bytes, so that nobody can guess a payload from its digest.
    pub salt: [u8; 16],
    /// The envelope's line and the body.
    pub payload: Vec<u8>,
}

impl Content {
    /// The envelope and the body.
    ///
    /// # Errors
    /// [`ModelError::Envelope`] when the payload does not begin with one.
    pub fn split(&self) -> Result<(Envelope, &[u8]), ModelError> {
        Envelope::split(&self.payload)
    }
}

/// One item: its digest for ever, its content until it is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// `sha256(salt ‖ payload)`.
    pub digest: Digest,
    /// The salt and the payload; `None` once erased.
    pub content: Option<Content>,
    /// What erased it; `None` while it has its content.
    pub erased: Option<Erased>,
}

/// What became of an item's content.
#[derive(Debug, Clone)]
pub struct Erased {
    /// The `log.erased` entry that says so.
    pub by: Seq,
    /// The payload that entry keeps in the content's place, where whoever reads the item has it at hand.
    pub stub: Option<Vec<u8>>,
}

/// The entry that erased it says all of it: two are the same when it is.
impl PartialEq for Erased {
    fn eq(&self, other: &Self) -> bool {
        self.by == other.by
    }
}

impl Eq for Erased {}

impl Item {
    /// An item that has its content.
    #[must_use]
    pub fn kept(digest: Digest, content: Content) -> Self {
        Self { digest, content: Some(content), erased: None }
    }

    /// An item whose content was erased by an entry.
    #[must_use]
    pub fn erased(digest: Digest, by: Seq) -> Self {
        Self { digest, content: None, erased: Some(Erased { by, stub: None }) }
    }
}

/// An entry: a small header that is a Merkle leaf, and what it says beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its index in the log.
    pub seq: Seq,
    /// When it was logged; never before the previous entry's.
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// 1 to 256 items.
    pub items: Vec<Item>,
}

impl Entry {
    /// The same entry with an item's stub in the place of the content that was erased; `None` when there is no stub.
    #[must_use]
    pub fn stubbed(&self, item: u16) -> Option<Entry> {
        let erased = self.items.get(usize::from(item)).filter(|item| item.content.is_none())?;
        let payload = erased.erased.as_ref()?.stub.clone()?;
        let mut entry = self.clone();
        entry.items.get_mut(usize::from(item))?.content = Some(Content { salt: [0; 16], payload });
        Some(entry)
    }

    /// Takes the content of the items that `erases` names with the entry that erased them; whether there was any.
    pub fn erase(&mut self, erases: impl Fn(Position) -> Option<Seq>) -> bool {
        let (seq, mut changed) = (self.seq, false);
        for (item, index) in self.items.iter_mut().zip(0_u16..).filter(|(item, _)| item.content.is_some()) {
            if let Some(by) = erases(Position { seq, item: index }) {
                *item = Item::erased(item.digest, by);
                changed = true;
            }
        }
        changed
    }

    /// The items whose content is still there, with their positions.
    pub fn contents(&self) -> impl Iterator<Item = (Position, &Content)> {
        self.items.iter().zip(0_u16..).filter_map(|(item, index)| {
            item.content.as_ref().map(|content| (Position { seq: self.seq, item: index }, content))
        })
    }
}
