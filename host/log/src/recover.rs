//! What is done on open: the journal's tail is judged and written anew, the tree's hashes are checked, and the store's
//! position is compared with both.

use crate::checkpoint::Checkpoint;
use crate::chunks::{Chunks, for_each_entry};
use crate::entry::Header;
use crate::error::io_error;
use crate::frame::{self, Frame, Peek};
use crate::hashes::{self, HashWriter};
use crate::identities::Unapplied;
use crate::layout::Layout;
use crate::segment::{self, START_BYTES, Segment, Start};
use crate::tree::{CompactRange, empty_root, leaf_hash};
use crate::{Applied, LogError, disk, erase, seal};
use fonds_model::{Digest, Timestamp};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;

/// The store is given at most this many entries at once, and its root may be that of its last whole batch.
pub(crate) const BATCH_ENTRIES: u64 = 256;
/// Identities that are kept in memory on open; where there are more, the store first applies the rest.
pub(crate) const UNAPPLIED_MAX: u64 = 2_000_000;

/// A group of the journal that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Group {
    size: u64,
    root: Digest,
    /// Where its trailer ends in the segment.
    end: usize,
}

/// The whole groups of a segment, and how the log stands after them.
#[derive(Debug)]
pub(crate) struct Tail {
    start: Start,
    groups: Vec<Group>,
    at: Timestamp,
}

impl Tail {
    /// Reads groups until one is not whole.
    pub(crate) fn read(bytes: &[u8], start: Start) -> Self {
        let mut tail = Self { start, groups: Vec::new(), at: start.at };
        let mut rest = bytes.get(START_BYTES..).unwrap_or_default();
        let (mut next, mut last) = (start.seq, None);
        while let Peek::Whole { .. } = frame::peek(rest) {
            let Some((frame, after)) = frame::read(rest) else { break };
            match frame {
                Frame::Entry(entry) => {
                    next += 1;
                    last = Some(entry.header);
                }
                Frame::Trailer { start, size, root } if size == next && start == tail.size() => {
                    tail.groups.push(Group { size, root, end: bytes.len() - after.len() });
                    if let Some(header) = last.and_then(|header| Header::parse(header).ok()) {
                        tail.at = header.at;
                    }
                }
                Frame::Trailer { .. } => break,
            }
            rest = after;
        }
        tail
    }

    pub(crate) fn size(&self) -> u64 {
        self.groups.last().map_or(self.start.seq, |group| group.size)
    }

    /// Where the group ends after which the log has `size` entries, or the last one when all come before.
    pub(crate) fn end_at(&self, size: u64) -> Option<usize> {
        if self.size() <= size {
            return Some(self.end());
        }
        self.groups.iter().find(|group| group.size == size).map(|group| group.end)
    }

    fn root(&self) -> Digest {
        self.groups.last().map_or(self.start.root, |group| group.root)
    }

    fn end(&self) -> usize {
        self.groups.last().map_or(START_BYTES, |group| group.end)
    }
}

/// The segment that takes the next group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Active {
    pub(crate) seq: u64,
    pub(crate) offset: u64,
}

/// A log that is ready to be written.
pub(crate) struct Recovered {
    pub(crate) tree: CompactRange,
    pub(crate) at: Timestamp,
    pub(crate) active: Option<Active>,
    pub(crate) hashes: HashWriter,
    /// `None` when they are too many: the writer loads them once the store has applied enough.
    pub(crate) unapplied: Option<Unapplied>,
    pub(crate) backlog_bytes: u64,
}

/// Judges and repairs what lies on disk.
pub(crate) fn recover(
    layout: &Layout,
    checkpoint: &Checkpoint,
    applied: &Applied,
    backlog_bytes_max: u64,
) -> Result<Recovered, LogError> {
    segment::sweep(&layout.journal)?;
    let promised = checkpoint.size.max(applied.next.seq + u64::from(applied.next.item > 0));
    let (tail, bytes, segment) = last_segment(layout, promised)?;
    let kept = kept_tree(layout, &tail, &bytes, checkpoint)?;
    let was_kept = kept.is_some();
    let tree = kept.map_or_else(|| make_tree(layout, &tail, checkpoint), Ok)?;
    let active = match segment {
        Some(segment) if !segment.sealed => {
            rewrite(&segment, &bytes, &tail, checkpoint.size)?;
            Some(Active { seq: segment.seq, offset: tail.end() as u64 })
        }
        _ => None,
    };
    let active = erase::settle(layout, tree.size(), active)?;
    match check_store(layout, tree.size(), applied) {
        // The hash files may be wrong where neither the checkpoint nor a trailer shows it.
        Err(LogError::StoreMismatch(_)) if was_kept && applied.next.seq <= tree.size() => {
            make_tree(layout, &tail, checkpoint)?;
            check_store(layout, tree.size(), applied)?;
        }
        checked => checked?,
    }
    let hashes = HashWriter::open(&layout.hashes, tree.size())?;
    let from = applied.next.seq;
    let (mut unapplied, mut backlog_bytes) = (Some(Unapplied::default()), 0);
    for_each_entry(&mut Chunks::new(&layout.journal, from, tree.size()), from, tree.size(), |seq, entry, bytes| {
        backlog_bytes += bytes as u64;
        if backlog_bytes > backlog_bytes_max || seq - from >= UNAPPLIED_MAX {
            unapplied = None;
        }
        if let (Some(unapplied), Some(macs)) = (&mut unapplied, entry.macs) {
            unapplied.insert(&macs, seq, entry.is_erased());
        }
        Ok(())
    })?;
    Ok(Recovered { tree, at: tail.at, active, hashes, unapplied, backlog_bytes })
}

/// The last segment with its whole groups; what is torn beyond `promised` is dropped, anything else torn is damage.
fn last_segment(layout: &Layout, promised: u64) -> Result<(Tail, Vec<u8>, Option<Segment>), LogError> {
    loop {
        let Some(segment) = segment::list(&layout.journal)?.pop() else {
            if promised > 0 {
                return Err(LogError::damaged(
                    0,
                    format!("the journal is empty, and {promised} entries were promised"),
                ));
            }
            let start = Start { seq: 0, root: empty_root(), at: Timestamp(i64::MIN) };
            return Ok((Tail { start, groups: Vec::new(), at: start.at }, Vec::new(), None));
        };
        let bytes = seal::read(&segment)?;
        let start = Start::read(&bytes).filter(|start| start.seq == segment.seq);
        let tail = start.map(|start| Tail::read(&bytes, start));
        let size = tail.as_ref().map_or(segment.seq, Tail::size);
        let torn = bytes.get(tail.as_ref().map_or(0, Tail::end)..).unwrap_or_default();
        let is_torn = torn.iter().any(|byte| *byte != 0);
        if size < promised || is_torn && (segment.sealed || frame::was_durable(torn, size)) {
            return Err(LogError::damaged(size, "an acknowledged group is not whole"));
        }
        if let Some(tail) = tail
            && (!tail.groups.is_empty() || segment.seq == 0)
        {
            return Ok((tail, bytes, Some(segment)));
        }
        segment::discard(&layout.journal, segment.seq)?;
    }
}

/// The tree over all whole groups, from the hash files and the last segment; `None` when the files do not fit.
fn kept_tree(
    layout: &Layout,
    tail: &Tail,
    bytes: &[u8],
    checkpoint: &Checkpoint,
) -> Result<Option<CompactRange>, LogError> {
    let Some(tree) = grow(layout, tail, bytes)? else { return Ok(None) };
    Ok((root_at(layout, checkpoint.size)? == Some(checkpoint.root)).then_some(tree))
}

/// The tree over all whole groups, and its hash files, made anew from the journal.
fn make_tree(layout: &Layout, tail: &Tail, checkpoint: &Checkpoint) -> Result<CompactRange, LogError> {
    tracing::info!(size = tail.size(), "making the tree's hashes anew from the journal");
    let mut writer = HashWriter::open(&layout.hashes, 0)?;
    let mut tree = CompactRange::default();
    let mut chunks = Chunks::new(&layout.journal, 0, tail.size());
    for_each_entry(&mut chunks, 0, tail.size(), |seq, entry, _| {
        push(&mut tree, &mut writer, entry.header)?;
        if seq % 65_536 == 65_535 { writer.flush(seq + 1) } else { Ok(()) }
    })?;
    writer.flush(tree.size())?;
    writer.sync()?;
    if tree.root() != tail.root() {
        return Err(LogError::damaged(tail.start.seq, "the tree's root is not the one that its group's trailer has"));
    }
    if root_at(layout, checkpoint.size)? != Some(checkpoint.root) {
        return Err(LogError::damaged(checkpoint.size, "the journal is not what the stored checkpoint signed"));
    }
    Ok(tree)
}

/// Appends a header to the tree and its hashes.
pub(crate) fn push(tree: &mut CompactRange, writer: &mut HashWriter, header: &[u8]) -> Result<(), LogError> {
    let mut result = Ok(());
    tree.push(leaf_hash(header), |node, hash| {
        if result.is_ok() {
            result = writer.push(node, &hash);
        }
    });
    result
}

/// Takes the hash files up to the last segment as they are, grows the tree over it, and compares with every trailer;
/// `None` when they do not fit.
fn grow(layout: &Layout, tail: &Tail, bytes: &[u8]) -> Result<Option<CompactRange>, LogError> {
    let start = tail.start.seq;
    let Some(mut tree) = hashes::range(&layout.hashes, start)?.filter(|tree| tree.root() == tail.start.root) else {
        return Ok(None);
    };
    let mut writer = HashWriter::open(&layout.hashes, start)?;
    let mut rest = bytes.get(START_BYTES..tail.end()).unwrap_or_default();
    while let Some((frame, after)) = frame::read(rest) {
        match frame {
            Frame::Entry(entry) => push(&mut tree, &mut writer, entry.header)?,
            Frame::Trailer { root, .. } if root == tree.root() => {}
            Frame::Trailer { .. } => return Ok(None),
        }
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    writer.flush(tree.size())?;
    Ok(Some(tree))
}

/// The root over the first `size` entries, as the hash files have it.
fn root_at(layout: &Layout, size: u64) -> Result<Option<Digest>, LogError> {
    Ok(hashes::range(&layout.hashes, size)?.map(|range| range.root()))
}

/// Writes the kept tail anew and makes it durable: what a crashed process left may stand in memory only, and after a
/// failed fsync the system may believe that it is on disk.
fn rewrite(segment: &Segment, bytes: &[u8], tail: &Tail, signed: u64) -> Result<(), LogError> {
    let kept = tail.groups.iter().take_while(|group| group.size <= signed).last().map_or(0, |group| group.end);
    if kept == tail.end() && kept == bytes.len() {
        return Ok(());
    }
    let file = OpenOptions::new().write(true).open(&segment.path).map_err(io_error("open", &segment.path))?;
    let anew = bytes.get(kept..tail.end()).unwrap_or_default();
    let written = file
        .set_len(tail.end() as u64)
        .and_then(|()| file.write_all_at(anew, kept as u64))
        .and_then(|()| file.sync_all());
    written.map_err(io_error("write anew", &segment.path))?;
    segment.path.parent().map_or(Ok(()), disk::sync_dir)
}

fn check_store(layout: &Layout, size: u64, applied: &Applied) -> Result<(), LogError> {
    let next = applied.next.seq;
    if next > size || next == size && applied.next.item > 0 {
        let why = format!("the store has {next} entries and the journal {size}");
        return Err(LogError::StoreMismatch(why));
    }
    // A crash within a batch leaves the root of the batch before it.
    for seq in (next.saturating_sub(BATCH_ENTRIES)..=next).rev() {
        if root_at(layout, seq)? == Some(applied.root) {
            return Ok(());
        }
    }
    Err(LogError::StoreMismatch(format!("they differ in the first {next} entries")))
}
