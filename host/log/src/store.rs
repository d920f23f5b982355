//! What the log asks of the store that follows its journal.

use fonds_model::{Digest, Entry, Position, Seq};

/// A keyed digest (HMAC-SHA-256 under the store's secret).
pub type Mac = [u8; 32];

/// The keyed identity that a frame keeps, also through an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Macs {
    /// Of what names the event.
    pub name: Mac,
    /// Of its content; equal to `name` where the content is the identity.
    pub content: Mac,
}

/// An entry with the identity that its frame keeps; `None` for the host's own entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed {
    /// The entry.
    pub entry: Entry,
    /// Its keyed identity.
    pub macs: Option<Macs>,
}

/// An identity that is in the log already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The entry that has it.
    pub seq: Seq,
    /// Of its content.
    pub content: Mac,
    /// Whether that entry's payload has been erased.
    pub erased: bool,
}

/// How far a store has followed the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The next item to apply.
    pub next: Position,
    /// The tree's root over the first `next.seq` entries, for the check on open.
    pub root: Digest,
}

/// What a store can answer with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written; it is safe to try again.
    #[error("the store refused: {0}")]
    Rejected(String),
    /// The handle must not be used again until it is reopened.
    #[error("the store failed: {0}; close this process and open the store again")]
    Fatal(String),
    /// The store cannot be read: it is to be set aside and rebuilt from the journal.
    #[error("the store is lost ({0}): the next command makes it anew from the journal")]
    Lost(String),
}

/// The part of the disk that can be rebuilt: entries by seq, identities, and all the views.
///
/// One writer calls `apply` and `sync`; anybody may read beside it.
pub trait LogStore: Send + Sync {
    /// How far it has followed the journal; nothing applied yet is position 0/0 with the empty tree's root.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn applied(&self) -> Result<Applied, StoreError>;

    /// The entry that an identity belongs to, among those applied.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn known(&self, name: &Mac) -> Result<Option<Known>, StoreError>;

    /// An applied entry by its seq.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn entry(&self, seq: Seq) -> Result<Option<Framed>, StoreError>;

    /// Applies entries that follow the last applied one, folds them into the views, and remembers `root`, the tree's
    /// root after the last of them.
    ///
    /// Each batch that it writes carries the position after it, so that a crash in between never counts an item twice.
    /// When it returns `Ok`, readers see the entries; they survive power loss only after [`LogStore::sync`].
    ///
    /// # Errors
    /// [`StoreError`]; after `Rejected` the position says how far it came.
    fn apply(&self, entries: &[Framed], root: Digest) -> Result<(), StoreError>;

    /// When it returns `Ok`, all that was applied survives power loss.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] when an fsync failed; it is never tried again.
    fn sync(&self) -> Result<(), StoreError>;
}
