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
    /// The items whose content is still there, with their positions.
    pub fn contents(&self) -> impl Iterator<Item = (Position, &Content)> {
        self.items.iter().zip(0_u16..).filter_map(|(item, index)| {
            item.content.as_ref().map(|content| (Position { seq: self.seq, item: index }, content))
        })
    }
}
