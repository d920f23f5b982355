//! Evidence: one file that proves a record's history to someone who trusts neither us nor our software.
//!
//! The file is a page that any browser shows, with the proof inside it; its bytes are documented in
//! `examples/verify-evidence/README.md`, where a verifier of its own stands. Every byte of it is accounted for: the
//! proof is written in one way only, and the page is made anew from what was proved and compared.

mod check;
mod collect;
mod format;
mod page;
#[cfg(test)]
mod tests;

pub use check::{Proved, check};

/// Evidence longer than this is refused unread.
pub const FILE_BYTES_MAX: usize = 64 << 20;
/// Evidence has at most this many entries.
pub const ENTRIES_MAX: usize = 10_000;

/// Why evidence does not prove what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unproved(String);

/// Evidence that was made.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The file.
    pub bytes: Vec<u8>,
    /// The proof alone, without the page.
    pub document: Vec<u8>,
    /// How many entries it proves.
    pub entries: usize,
    /// The size of the log that they are proved for.
    pub size: u64,
    /// Lineage was cut at the bound on its size.
    pub truncated: bool,
}
