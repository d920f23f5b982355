//! The log: entry bytes, Merkle tree, append, checkpoint, proofs.
//!
//! The log is the truth. The journal makes an append durable before it is acknowledged; the store follows it and can be
//! rebuilt from it; the tree's hashes lie beside the journal, so that proofs need neither the store nor its lock.

mod applier;
mod backup;
mod blobs;
mod checkpoint;
mod chunks;
mod cosigned;
mod disk;
mod entry;
mod erase;
mod error;
mod frame;
mod hashes;
mod identities;
mod keeper;
mod keys;
mod layout;
mod lock;
mod log;
pub mod note;
mod prepare;
mod queue;
mod reader;
mod recover;
mod repair;
mod rotate;
mod seal;
mod segment;
mod shared;
pub mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tiles;
pub mod tree;
mod verify;
mod witness;
mod writer;

pub use backup::{Backup, NOTES, leave_note, restore, resume, start_anew};
pub use checkpoint::Checkpoint;
pub use chunks::Entries;
pub use entry::{ENTRY_BYTES_MAX, HEADER_BYTES_MAX, Header, ITEMS_MAX, PAYLOAD_BYTES_MAX, SALT_BYTES, item_digest};
pub use erase::{ERASED_ITEMS_MAX, ScrubWaiting, scrubbed};
pub use error::LogError;
pub use lock::Lock;
pub use log::{Log, Outcome, Staged, Ticket};
pub use prepare::Prepared;
pub use reader::{ConsistencyProof, InclusionProof, Reader};
pub use repair::{Repaired, repair};
pub use shared::{Clock, Options};
pub use store::{Applied, Framed, Known, LogStore, Mac, Macs, StoreError};
pub use verify::{Damage, Report};
pub use witness::Witness;
