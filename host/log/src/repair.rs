//! Repair of a damaged journal from the store, which has every entry once more.
//!
//! A segment is only replaced when the tree over what was put together has the root that the next segment begins with, or
//! that was signed: what neither copy has whole is reported, and the segment stays as it is.

use crate::chunks::Frames;
use crate::entry::{self, Header};
use crate::frame::{self, Frame, Peek};
use crate::layout::Layout;
use crate::seal::{self, Sealed};
use crate::segment::{self, START_BYTES, Segment, Start};
use crate::tree::{CompactRange, empty_root, leaf_hash};
use crate::{Framed, Lock, LogError, LogStore, disk, hashes, keys};
use fonds_model::{Digest, Position, Seq, Timestamp, body};
use std::collections::{BTreeMap, BTreeSet};

/// No group has more entries: the smallest takes more than this part of the largest group's bytes.
const GROUP_ENTRIES_MAX: u64 = 1 << 20;

/// What a repair found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repaired {
    /// Segments that were replaced, by their first entry.
    pub segments: Vec<Seq>,
    /// Entries that came from the store.
    pub entries: Vec<Seq>,
    /// Entries that neither copy has whole.
    pub lost: Vec<Seq>,
}

/// What a segment still shows.
struct Found {
    /// Whole frames of entries by their seq.
    frames: BTreeMap<Seq, Vec<u8>>,
    /// Sizes of the log at which a group ended, with the root that its trailer has.
    ends: BTreeMap<u64, Digest>,
    /// Nothing of it is damaged.
    whole: bool,
    /// The seq of its first entry.
    first: Seq,
}

/// What entries of the journal say was erased: a store that has not heard of it yet must not bring it back.
fn erasures(segments: &[Segment]) -> Result<BTreeMap<Position, Seq>, LogError> {
    let mut erased = BTreeMap::new();
    for segment in segments {
        for (seq, frame) in look(segment)?.frames {
            let Some((_, Some(Frame::Entry(entry)), _)) = Frames::of(seq, &frame).next() else { continue };
            if !entry.header.windows(11).any(|part| part == b"\"log.erased") {
                continue;
            }
            let framed = entry.to_framed(seq)?;
            for (_, content) in framed.entry.contents() {
                erased.extend(body::erased_items(&content.payload).iter().map(|item| (item.position(), seq)));
            }
        }
    }
    Ok(erased)
}

/// Puts the journal together again from its own whole frames and from the store.
///
/// # Errors
/// [`LogError::Io`] when the disk refuses; what could not be repaired is in the answer.
pub fn repair(lock: &Lock, store: &dyn LogStore) -> Result<Repaired, LogError> {
    let layout = Layout::of(lock.dir());
    let (signed, _) = layout.checkpoint(&keys::verifiers(&layout.keys)?)?;
    let segments = segment::list(&layout.journal)?;
    let erased = erasures(&segments)?;
    let applied = store.applied()?;
    let promised = signed.size.max(applied.next.seq + u64::from(applied.next.item > 0));
    let mut repaired = Repaired::default();
    let (mut tree, mut at) = (CompactRange::default(), Timestamp(i64::MIN));
    // Where the whole journal's beginning is gone, so is the segment's name.
    let missing = segments.first().is_none_or(|first| first.seq > 0).then_some(Segment {
        seq: 0,
        sealed: false,
        path: segment::plain_path(&layout.journal, 0),
    });
    let all: Vec<Segment> = missing.into_iter().filter(|_| promised > 0).chain(segments).collect();
    for (index, this) in all.iter().enumerate() {
        let next = all.get(index + 1);
        let want = match next {
            Some(next) => segment::start_of(next).ok().map(|start| start.root),
            None => None,
        };
        if tree.size() != this.seq {
            // What came before is lost: its hashes may still tell where this one begins.
            match hashes::range(&layout.hashes, this.seq)? {
                Some(range) => tree = range,
                None => {
                    repaired.lost.push(this.seq);
                    continue;
                }
            }
        }
        let found = look(this)?;
        let end = next.map_or_else(
            || found.ends.last_key_value().map_or(0, |(size, _)| *size).max(promised).max(this.seq),
            |next| next.seq,
        );
        let start = Start { seq: this.seq, root: if this.seq == 0 { empty_root() } else { tree.root() }, at };
        let begins = (start, end, signed.size);
        let sources = (store, &erased);
        let Some(anew) = put_together(begins, found, sources, &mut tree, &mut at, &mut repaired)? else { continue };
        let roots = Roots { signed: signed.root, want };
        if roots.fit(&anew, &tree) {
            if let Some(bytes) = anew.bytes {
                seal::replace(this, &bytes)?;
                repaired.segments.push(this.seq);
                repaired.entries.extend(anew.from_store);
            }
        } else {
            repaired.lost.extend(anew.from_store);
        }
    }
    Ok(repaired)
}

/// A segment as it should be.
struct Anew {
    /// `None` when it is so already.
    bytes: Option<Vec<u8>>,
    from_store: Vec<Seq>,
    /// The root at the signed size, where this segment has it.
    at_signed: Option<Digest>,
    /// Every group that was still whole ends with the root that its trailer has.
    trailers_fit: bool,
}

/// Roots that the tree must have.
struct Roots {
    signed: Digest,
    want: Option<Digest>,
}

impl Roots {
    fn fit(&self, anew: &Anew, tree: &CompactRange) -> bool {
        let signed = anew.at_signed.is_none_or(|root| root == self.signed);
        signed && anew.trailers_fit && self.want.is_none_or(|want| want == tree.root())
    }
}

/// Looks at all that a segment shows, and goes on after what is damaged.
fn look(segment: &Segment) -> Result<Found, LogError> {
    let mut found = Found { frames: BTreeMap::new(), ends: BTreeMap::new(), whole: true, first: segment.seq };
    if !segment.path.exists() {
        found.whole = false;
        return Ok(found);
    }
    if !segment.sealed {
        let bytes = disk::read(&segment.path)?;
        found.whole &= Start::read(&bytes).is_some_and(|start| start.seq == segment.seq);
        found.take(bytes.get(START_BYTES..).unwrap_or_default());
        return Ok(found);
    }
    let Ok(sealed) = Sealed::open(&segment.path) else {
        found.whole = false;
        return Ok(found);
    };
    for block in 0..sealed.blocks() {
        match sealed.block(block) {
            Ok(bytes) if block == 0 => found.whole &= Start::read(&bytes).is_some_and(|start| start.seq == segment.seq),
            Ok(bytes) => found.take(&bytes),
            Err(_) => found.whole = false,
        }
    }
    Ok(found)
}

impl Found {
    /// Takes the whole frames of some bytes; where none begins, the next place where one does is looked for.
    fn take(&mut self, mut rest: &[u8]) {
        while !rest.is_empty() {
            // Length and tag first: a checksum over whatever follows would be computed at every byte.
            let whole = matches!(frame::peek(rest), Peek::Whole { .. });
            match whole.then(|| frame::read(rest)).flatten() {
                Some((Frame::Entry(entry), after)) => {
                    let length = rest.len() - after.len();
                    match (Header::parse(entry.header), rest.get(..length)) {
                        (Ok(header), Some(bytes)) => drop(self.frames.entry(header.seq).or_insert(bytes.to_vec())),
                        _ => self.whole = false,
                    }
                    rest = after;
                }
                Some((Frame::Trailer { start, size, root }, after)) => {
                    // A group has at most so many entries; a trailer that claims more is nobody's.
                    if start >= self.first && size.checked_sub(start).is_some_and(|count| count <= GROUP_ENTRIES_MAX) {
                        self.ends.insert(size, root);
                    }
                    rest = after;
                }
                None => {
                    // What a crash has torn, or zeros that were never written, lie beyond the last group only.
                    self.whole = false;
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
        }
    }
}

/// Puts a segment together; `None` when an entry is lost, and then `tree` has not grown.
fn put_together(
    (start, end, signed): (Start, u64, u64),
    mut found: Found,
    (store, erased): (&dyn LogStore, &BTreeMap<Position, Seq>),
    tree: &mut CompactRange,
    at: &mut Timestamp,
    repaired: &mut Repaired,
) -> Result<Option<Anew>, LogError> {
    let mut from_store = Vec::new();
    for seq in start.seq..end {
        if let std::collections::btree_map::Entry::Vacant(place) = found.frames.entry(seq) {
            let Some(framed) = store.entry(seq)? else { continue };
            place.insert(frame_of(&framed, erased));
            from_store.push(seq);
        }
    }
    let lost: Vec<Seq> = (start.seq..end).filter(|seq| !found.frames.contains_key(seq)).collect();
    if !lost.is_empty() {
        repaired.lost.extend(lost);
        return Ok(None);
    }
    let is_same = found.whole && from_store.is_empty() && (found.ends.contains_key(&end) || start.seq == end);
    let ends: BTreeSet<u64> = found.ends.keys().copied().chain([end, signed]).collect();
    let (mut bytes, mut group, mut at_signed, mut trailers_fit) = (start.to_bytes(), start.seq, None, true);
    for (seq, frame) in found.frames.range(start.seq..end) {
        let mut one = Frames::of(*seq, frame);
        let Some((_, Some(Frame::Entry(entry)), _)) = one.next() else { return Ok(None) };
        tree.push(leaf_hash(entry.header), |_, _| {});
        *at = Header::parse(entry.header).map_or(*at, |header| header.at);
        bytes.extend_from_slice(frame);
        if tree.size() == signed {
            at_signed = Some(tree.root());
        }
        if let Some(root) = found.ends.get(&tree.size()) {
            trailers_fit &= *root == tree.root();
        }
        if ends.contains(&tree.size()) {
            frame::push_trailer(&mut bytes, group, tree.size(), &tree.root());
            group = tree.size();
        }
    }
    Ok(Some(Anew { bytes: (!is_same).then_some(bytes), from_store, at_signed, trailers_fit }))
}

/// An entry of the store as its frame in the journal.
fn frame_of(framed: &Framed, erased: &BTreeMap<Position, Seq>) -> Vec<u8> {
    let Framed { entry, macs } = framed;
    let digests: Vec<Digest> = entry.items.iter().map(|item| item.digest).collect();
    let (mut header, mut items, mut out) = (Vec::new(), Vec::new(), Vec::new());
    entry::write_header(&mut header, entry.seq, &entry.at.to_string(), &entry::tail(entry.kind, &digests));
    for (item, index) in entry.items.iter().zip(0_u16..) {
        let by = erased.get(&Position { seq: entry.seq, item: index }).copied();
        let by = by.or(item.erased.as_ref().map(|erased| erased.by));
        match (&item.content, by) {
            (Some(content), None) => frame::push_item(&mut items, &content.salt, &content.payload),
            (_, by) => frame::push_erased(&mut items, by.unwrap_or(u64::MAX)),
        }
    }
    frame::push_entry(&mut out, &header, macs.as_ref(), entry.items.len() as u16, &items);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MemoryStore, copy, fill, open_with};
    use crate::{Log, Options, Reader};
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    fn filled() -> (tempfile::TempDir, Arc<MemoryStore>) {
        let dir = tempfile::tempdir().unwrap();
        Log::create(dir.path(), "log.example").unwrap();
        let store = Arc::new(MemoryStore::default());
        let options = Options { segment_bytes: 8_000, ..Options::default() };
        let log = open_with(dir.path(), store.clone(), options).unwrap();
        fill(&log, 0, 200, 5);
        log.catch_up(&mut |_, _| {}).unwrap();
        log.close().unwrap();
        (dir, store)
    }

    fn problems(dir: &Path) -> usize {
        Reader::open(dir).unwrap().verify(&mut |_, _| {}).unwrap().damage.len()
    }

    fn entries(dir: &Path) -> Vec<Framed> {
        Reader::open(dir).unwrap().entries(0).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn any_damaged_bytes_of_any_segment_are_repaired_from_the_store() {
        let (dir, store) = filled();
        let whole = entries(dir.path());
        let segments = segment::list(&dir.path().join("journal")).unwrap();
        assert!(segments.len() > 3 && segments.iter().any(|segment| segment.sealed));
        for (number, segment) in segments.iter().enumerate() {
            let length = fs::metadata(&segment.path).unwrap().len() as usize;
            for at in [0, 20, START_BYTES, length / 3, length / 2, length - 30, length - 2] {
                let damaged = tempfile::tempdir().unwrap();
                copy(dir.path(), damaged.path());
                let path = damaged.path().join("journal").join(segment.path.file_name().unwrap());
                let mut bytes = fs::read(&path).unwrap();
                bytes[at] ^= 0x10;
                fs::write(&path, bytes).unwrap();
                assert!(problems(damaged.path()) > 0, "byte {at} of segment {number}");
                let lock = Lock::take(damaged.path()).unwrap();
                let repaired = repair(&lock, &*store).unwrap();
                assert_eq!((repaired.lost, repaired.segments), (vec![], vec![segment.seq]), "byte {at} of {number}");
                assert_eq!(problems(damaged.path()), 0, "byte {at} of segment {number}");
                assert_eq!(entries(damaged.path()), whole);
            }
        }
    }

    #[test]
    fn a_segment_that_is_gone_comes_back_and_what_neither_has_is_named() {
        let (dir, store) = filled();
        let segments = segment::list(&dir.path().join("journal")).unwrap();
        for gone in [0, 1, segments.len() - 1] {
            let damaged = tempfile::tempdir().unwrap();
            copy(dir.path(), damaged.path());
            let path = damaged.path().join("journal").join(segments[gone].path.file_name().unwrap());
            fs::remove_file(&path).unwrap();
            let lock = Lock::take(damaged.path()).unwrap();
            let nothing = repair(&lock, &MemoryStore::default()).unwrap();
            assert!(!nothing.lost.is_empty() && nothing.segments.is_empty(), "{nothing:?}");
            repair(&lock, &*store).unwrap();
            assert_eq!(problems(damaged.path()), 0, "segment {gone}");
        }
    }

    #[test]
    fn a_store_with_other_entries_repairs_nothing() {
        let (dir, _) = filled();
        let (_other, store) = filled();
        let segment = segment::list(&dir.path().join("journal")).unwrap().remove(1);
        let mut bytes = fs::read(&segment.path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&segment.path, &bytes).unwrap();
        let repaired = repair(&Lock::take(dir.path()).unwrap(), &*store).unwrap();
        assert!(repaired.segments.is_empty() && !repaired.lost.is_empty(), "{repaired:?}");
        assert_eq!(fs::read(&segment.path).unwrap(), bytes, "it stays as it is");
    }
}
