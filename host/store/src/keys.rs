//! Keys and small rows of the store's own, all below the views' prefixes.

use fonds_log::{Known, Mac, Macs};
use fonds_model::{Digest, Position, Seq};

/// The first byte of views' keys, and of nothing else, is this or more.
pub(crate) const VIEWS: u8 = 0x20;
/// How far the journal has been followed.
pub(crate) const PROGRESS: &[u8] = &[0x01];
/// Identities, by the first half of their keyed digest.
const IDENTITY: u8 = 0x02;
/// Entries, in blocks by the seq of their first.
pub(crate) const BLOCK: u8 = 0x03;

/// Chunks of runs.
const CHUNK: u8 = 0x04;
/// What must be in memory of runs.
const RUN_INDEX: u8 = 0x05;
/// The runs that there are.
pub(crate) const RUNS: &[u8] = &[0x06];

/// The layout of rows below `0x20`; another number means that the store is built again.
const LAYOUT: u8 = 3;

/// The root of a tree with no leaf: SHA-256 of nothing (RFC 9162 §2.1.1).
pub(crate) const EMPTY_ROOT: Digest = Digest([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// The key of an identity: 128 bits of an HMAC under the store's secret are more than anybody can make collide.
pub(crate) fn identity(name: &Mac) -> Vec<u8> {
    let mut key = Vec::with_capacity(17);
    key.push(IDENTITY);
    key.extend(name.iter().take(16));
    key
}

/// The row of an identity: `seq ‖ erased`, and its content's mac where that is another one than its name's.
pub(crate) fn known_row(seq: Seq, macs: &Macs, erased: bool) -> Vec<u8> {
    let mut row = Vec::with_capacity(41);
    row.extend(seq.to_be_bytes());
    row.push(u8::from(erased));
    if macs.content != macs.name {
        row.extend(macs.content);
    }
    row
}

/// Reads what [`known_row`] wrote; `None` for anything else.
pub(crate) fn read_known(row: &[u8], name: &Mac) -> Option<Known> {
    let (seq, rest) = row.split_first_chunk::<8>()?;
    let (erased, content) = rest.split_first()?;
    let content = if content.is_empty() { *name } else { content.try_into().ok()? };
    Some(Known { seq: u64::from_be_bytes(*seq), content, erased: *erased != 0 })
}

/// The key of one row of a block.
pub(crate) fn block(first: Seq, row: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(13);
    key.push(BLOCK);
    key.extend(first.to_be_bytes());
    key.extend(row.to_be_bytes());
    key
}

/// The seq of the first entry of the block that a row's key belongs to.
pub(crate) fn block_first(key: &[u8]) -> Option<Seq> {
    let (prefix, rest) = key.split_first()?;
    let (first, row) = rest.split_first_chunk::<8>()?;
    (*prefix == BLOCK && row.len() == 4).then(|| u64::from_be_bytes(*first))
}

/// The key of a part of a chunk.
pub(crate) fn chunk(run: u64, number: u32, part: u8) -> Vec<u8> {
    let mut key = Vec::with_capacity(14);
    key.push(CHUNK);
    key.extend(run.to_be_bytes());
    key.extend(number.to_be_bytes());
    key.push(part);
    key
}

/// The run that a chunk's key belongs to.
pub(crate) fn chunk_run(key: &[u8]) -> Option<u64> {
    let (prefix, rest) = key.split_first()?;
    (*prefix == CHUNK).then_some(u64::from_be_bytes(*rest.first_chunk::<8>()?))
}

/// The key of a part of a run's index.
pub(crate) fn run_index(run: u64, part: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(13);
    key.push(RUN_INDEX);
    key.extend(run.to_be_bytes());
    key.extend(part.to_be_bytes());
    key
}

/// The list of runs, newest first.
pub(crate) fn run_list(runs: impl Iterator<Item = u64>) -> Vec<u8> {
    runs.flat_map(u64::to_be_bytes).collect()
}

/// Reads what [`run_list`] wrote.
pub(crate) fn read_run_list(row: &[u8]) -> Option<Vec<u64>> {
    let (runs, rest) = row.as_chunks::<8>();
    rest.is_empty().then(|| runs.iter().map(|run| u64::from_be_bytes(*run)).collect())
}

/// How far the store has come, as it is written with every list of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The next item to apply.
    pub(crate) next: Position,
    /// The size that `root` stands for: at most `next.seq`, less only in the midst of an `apply`.
    pub(crate) size: Seq,
    /// The tree's root over the first `size` entries.
    pub(crate) root: Digest,
}

impl Progress {
    /// Nothing applied.
    pub(crate) const NONE: Self = Self { next: Position { seq: 0, item: 0 }, size: 0, root: EMPTY_ROOT };

    /// The row.
    pub(crate) fn to_row(self) -> Vec<u8> {
        let mut row = Vec::with_capacity(51);
        row.push(LAYOUT);
        row.extend(self.next.seq.to_be_bytes());
        row.extend(self.next.item.to_be_bytes());
        row.extend(self.size.to_be_bytes());
        row.extend(self.root.0);
        row
    }

    /// Reads the row; `None` when this code did not write it.
    pub(crate) fn read(row: &[u8]) -> Option<Self> {
        let (layout, rest) = row.split_first()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let (item, rest) = rest.split_first_chunk::<2>()?;
        let (size, root) = rest.split_first_chunk::<8>()?;
        let next = Position { seq: u64::from_be_bytes(*seq), item: u16::from_be_bytes(*item) };
        let root = Digest(root.try_into().ok()?);
        let progress = Self { next, size: u64::from_be_bytes(*size), root };
        (*layout == LAYOUT && progress.size <= progress.next.seq).then_some(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_and_identities_read_back_as_they_were_written() {
        let progress = Progress { next: Position { seq: 9, item: 200 }, size: 7, root: Digest([4; 32]) };
        assert_eq!(Progress::read(&progress.to_row()), Some(progress));
        assert_eq!(Progress::read(&progress.to_row()[1..]), None);
        for (content, erased) in [([1; 32], false), ([2; 32], true)] {
            let macs = Macs { name: [1; 32], content };
            let known = read_known(&known_row(u64::MAX, &macs, erased), &macs.name);
            assert_eq!(known, Some(Known { seq: u64::MAX, content, erased }));
        }
    }

    #[test]
    fn blocks_lie_in_order_of_seq_and_below_all_views() {
        assert!(block(1, u32::MAX) < block(2, 0) && block(255, 0) < block(256, 0));
        assert!(block(u64::MAX, u32::MAX) < vec![VIEWS]);
        assert_eq!(block_first(&block(77, 3)), Some(77));
    }
}
