//! The log: entry bytes, Merkle tree, append, checkpoint, proofs.

pub mod store;

pub use store::{Applied, Framed, Known, LogStore, Mac, Macs, StoreError};
