//! The only crate that names sled: what commands and the server read.
//!
//! The journal is the truth; everything here can be lost and built again from it. One tree holds it all, under keys
//! whose first byte says what a row is: below `0x20` the store's own rows ([`keys`]), from there on the views'.
//!
//! Invariants:
//! - *Counted once.* Rows are gathered in memory, written as a sorted run ([`run`]), and named together with the
//!   position that follows them in one atomic batch ([`spill`]). After a crash the fold goes on exactly there.
//! - *Small rows.* No value is above [`fonds_views::rows::VALUE_BYTES_MAX`] bytes: entries lie in blocks ([`block`]) and
//!   views in chunks, each split into rows of that size. Batches have at most some hundred of them.
//! - *Our own fsync.* sled's `flush` hands bytes to the kernel and no further; [`Store`] syncs its files and folder
//!   itself ([`disk`]).
//! - *Lost, never wrong.* When sled panics or finds corruption, the answer is [`fonds_log::StoreError::Lost`] and the
//!   handle answers nothing else from then on, nor does one that is opened later. Blocks, chunks of runs and their indexes carry a CRC-32C, and what must
//!   agree (position and list of runs, position and last block) is compared.

mod apply;
mod block;
mod disk;
mod erase;
mod folders;
mod hot;
mod keys;
mod memory;
mod merge;
mod read;
mod run;
mod spill;
mod store;

#[cfg(test)]
mod tests;

pub use disk::{hide_panics, is_lost};
pub use folders::{LOST, NEW, STORE, delete_lost, set_aside, swap_in};
pub use store::Store;
