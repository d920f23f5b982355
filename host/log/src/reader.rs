//! Reading a log without its lock, beside a running writer.

use crate::checkpoint::Checkpoint;
use crate::chunks::{Chunks, Entries, for_each_entry};
use crate::entry::Header;
use crate::layout::Layout;
use crate::note::Verifier;
use crate::recover::Tail;
use crate::seal::Sealed;
use crate::segment::{self, Segment};
use crate::tree::{self, CompactRange, Node, Plan, leaf_hash, peaks};
use crate::{Framed, LogError, Report, ScrubWaiting, blobs, disk, erase, hashes, keys, tiles, verify};
use fonds_model::{Digest, Seq, Timestamp};
use std::collections::HashMap;
use std::path::Path;

/// Proof that an entry stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The entry.
    pub index: u64,
    /// The size of the log that it is proved for.
    pub size: u64,
    /// From the leaf's sibling up (RFC 9162 §2.1.3).
    pub hashes: Vec<Digest>,
}

/// Proof that the log at one size is the beginning of the log at another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The smaller size.
    pub old: u64,
    /// The larger size.
    pub new: u64,
    /// As RFC 9162 §2.1.4 orders them.
    pub hashes: Vec<Digest>,
}

/// A log that is only read; needs no lock and no store.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) layout: Layout,
    origin: String,
    keys: Vec<Verifier>,
}

impl Reader {
    /// Opens a log for reading.
    ///
    /// # Errors
    /// [`LogError::NotALog`] when the folder holds none.
    pub fn open(dir: &Path) -> Result<Self, LogError> {
        let layout = Layout::of(dir);
        let origin = layout.origin()?;
        let keys = keys::verifiers(&layout.keys)?;
        Ok(Self { layout, origin, keys })
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The keys that check its checkpoints, the one in use first; their text is the C2SP verifier key.
    #[must_use]
    pub fn keys(&self) -> &[Verifier] {
        &self.keys
    }

    /// The stored checkpoint, checked, and the signed note as it is.
    ///
    /// # Errors
    /// [`LogError::Note`] when its form or signature is wrong.
    pub fn checkpoint(&self) -> Result<(Checkpoint, String), LogError> {
        match self.layout.checkpoint(&self.keys) {
            // The key may have been rotated since this was opened.
            Err(LogError::Note(_)) => self.layout.checkpoint(&keys::verifiers(&self.layout.keys)?),
            checkpoint => checkpoint,
        }
    }

    /// How many entries stand in whole groups; never fewer than the stored checkpoint says.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when they are fewer; [`LogError`] when the journal cannot be read.
    pub fn size(&self) -> Result<u64, LogError> {
        // First the checkpoint: the journal may grow in between, and never shrinks below it.
        let signed = self.checkpoint();
        let size = self.whole_size()?;
        match signed {
            Ok((signed, _)) if signed.size > size => {
                Err(LogError::damaged(size, format!("{} entries were signed and are not there", signed.size)))
            }
            _ => Ok(size),
        }
    }

    /// How many entries stand in whole groups, up to the last segment that has one.
    fn whole_size(&self) -> Result<u64, LogError> {
        let mut tries = 0;
        loop {
            let mut size = 0;
            for segment in segment::list(&self.layout.journal)?.iter().rev() {
                size = match size_of(segment) {
                    Ok(Some(size)) => return Ok(size),
                    Ok(None) => 0,
                    // It was sealed, or discarded, since it was listed.
                    Err(error) if error.is_missing() && tries < 8 => {
                        tries += 1;
                        u64::MAX
                    }
                    Err(error) => return Err(error),
                };
                if size == u64::MAX {
                    break;
                }
            }
            if size != u64::MAX {
                return Ok(size);
            }
        }
    }

    /// An entry with its identity.
    ///
    /// # Errors
    /// [`LogError::NoEntry`] when there is none; [`LogError::Damaged`] when its bytes are not what was written.
    pub fn entry(&self, seq: Seq) -> Result<Framed, LogError> {
        self.check_seq(seq)?;
        let next = self.range(seq, seq + 1)?.next_sized()?;
        next.map(|(framed, _)| framed).ok_or(LogError::NoEntry { seq, size: seq })
    }

    /// The exact bytes of an entry's header: the Merkle leaf.
    ///
    /// # Errors
    /// As [`Reader::entry`].
    pub fn header(&self, seq: Seq) -> Result<Vec<u8>, LogError> {
        self.check_seq(seq)?;
        let mut header = Vec::new();
        for_each_entry(&mut Chunks::new(&self.layout.journal, seq, seq + 1), seq, seq + 1, |_, entry, _| {
            header = entry.header.to_vec();
            Ok(())
        })?;
        Ok(header)
    }

    fn check_seq(&self, seq: Seq) -> Result<(), LogError> {
        // The checkpoint is cheap to ask; the journal's end is looked for only beyond it.
        if self.checkpoint().is_ok_and(|(checkpoint, _)| seq < checkpoint.size) {
            return Ok(());
        }
        let size = self.size()?;
        if seq < size { Ok(()) } else { Err(LogError::NoEntry { seq, size }) }
    }

    /// The entries from `from` on to the log's end as it is now, read as they are asked for.
    ///
    /// # Errors
    /// [`LogError`] when the journal cannot be read.
    pub fn entries(&self, from: Seq) -> Result<Entries, LogError> {
        self.range(from, self.size()?)
    }

    /// Entries without what is being erased just now, though the journal may still hold it.
    fn range(&self, from: Seq, end: Seq) -> Result<Entries, LogError> {
        let erasing = erase::in_progress(&self.layout, || self.size())?;
        Ok(Entries::new(&self.layout.journal, from, end).leaving_out(erasing))
    }

    /// How many entries this log had when it was restored from a backup; `None` when it was not.
    ///
    /// # Errors
    /// [`LogError::Io`] when that cannot be read.
    pub fn restored_size(&self) -> Result<Option<u64>, LogError> {
        self.layout.restored_size()
    }

    /// How many erasures wait until the store's files are made anew without their bytes (`fonds store rebuild`).
    ///
    /// # Errors
    /// [`LogError::Io`] when that cannot be read.
    pub fn scrub_waiting(&self) -> Result<Option<ScrubWaiting>, LogError> {
        erase::waiting(&self.layout)
    }

    /// The greatest entry that was logged at or before a time; `None` when all are later.
    ///
    /// # Errors
    /// [`LogError`] when the journal cannot be read.
    pub fn seq_at(&self, time: Timestamp) -> Result<Option<Seq>, LogError> {
        let size = self.size()?;
        let segments = segment::list(&self.layout.journal)?;
        let (mut low, mut high) = (0, segments.len());
        // A segment's beginning has the `at` before it: segments that begin after the time are out.
        while low < high {
            let middle = low.midpoint(high);
            let Some(segment) = segments.get(middle) else { break };
            let start = segment::start_of(segment)?;
            if start.seq == 0 || start.at <= time { low = middle + 1 } else { high = middle }
        }
        let from = low.checked_sub(1).and_then(|at| segments.get(at)).map_or(0, |segment| segment.seq);
        let mut found = from.checked_sub(1);
        for_each_entry(&mut Chunks::new(&self.layout.journal, from, size), from, size, |seq, entry, _| {
            let header = Header::parse(entry.header)?;
            if header.at <= time {
                found = Some(seq);
                return Ok(());
            }
            Err(LogError::NoEntry { seq, size })
        })
        .or_else(|error| if matches!(error, LogError::NoEntry { .. }) { Ok(()) } else { Err(error) })?;
        Ok(found)
    }

    /// Proves that an entry stands in the signed log, or in the log at a smaller size that is part of it.
    ///
    /// The proof has been checked against the signed root before it is returned.
    ///
    /// # Errors
    /// [`LogError::NoProof`] when the entry or the size lies beyond the signed checkpoint.
    pub fn prove(&self, index: Seq, size: Option<u64>) -> Result<InclusionProof, LogError> {
        let (signed, _) = self.checkpoint()?;
        let size = size.unwrap_or(signed.size);
        let no_proof = || LogError::NoProof { from: index, to: size, size: signed.size };
        let plan = Plan::inclusion(index, size).filter(|_| size <= signed.size).ok_or_else(no_proof)?;
        let leaf = leaf_hash(&self.header(index)?);
        self.proved(&signed, size, &plan.nodes(), |hashes, root| {
            let proof = plan.fill(hashes)?;
            tree::verify_inclusion(leaf, index, size, &proof, root).then_some(proof)
        })
        .map(|hashes| InclusionProof { index, size, hashes })
    }

    /// Proves that the log at `old` is the beginning of the log at `new`; both are part of the signed log.
    ///
    /// # Errors
    /// [`LogError::NoProof`] when `old` is larger than `new`, or `new` lies beyond the signed checkpoint.
    pub fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, LogError> {
        let (signed, _) = self.checkpoint()?;
        let no_proof = || LogError::NoProof { from: old, to: new, size: signed.size };
        let plan = Plan::consistency(old, new).filter(|_| new <= signed.size).ok_or_else(no_proof)?;
        let (mut nodes, old_peaks) = (plan.nodes(), peaks(old));
        let planned = nodes.len();
        nodes.extend(&old_peaks);
        self.proved(&signed, new, &nodes, |hashes, root| {
            let (hashes, old_hashes) = hashes.split_at_checked(planned)?;
            let old_root = CompactRange::from_peaks(old, old_hashes.to_vec())?.root();
            let proof = plan.fill(hashes)?;
            tree::verify_consistency(old, new, &old_root, root, &proof).then_some(proof)
        })
        .map(|hashes| ConsistencyProof { old, new, hashes })
    }

    /// The root over the first `size` entries, which has been proved to belong to the signed log.
    pub(crate) fn root_at(&self, size: u64) -> Result<Digest, LogError> {
        let (signed, _) = self.checkpoint()?;
        if size > signed.size {
            return Err(LogError::NoProof { from: size, to: size, size: signed.size });
        }
        self.proved(&signed, size, &[], |_, root| Some(*root))
    }

    /// Makes a proof for `size`, whose root is itself proved to belong to the signed log: first from the hash files,
    /// and if those are behind or wrong, from the journal.
    fn proved<T>(
        &self,
        signed: &Checkpoint,
        size: u64,
        nodes: &[Node],
        make: impl Fn(&[Digest], &Digest) -> Option<T>,
    ) -> Result<T, LogError> {
        let to_signed = Plan::consistency(size, signed.size);
        let to_signed = to_signed.ok_or(LogError::NoProof { from: size, to: signed.size, size: signed.size })?;
        let mut all = nodes.to_vec();
        all.extend(peaks(size));
        all.extend(to_signed.nodes());
        let attempt = |hashes: &[Digest]| {
            let (ours, rest) = hashes.split_at_checked(nodes.len())?;
            let (peaks, rest) = rest.split_at_checked(size.count_ones() as usize)?;
            let root = CompactRange::from_peaks(size, peaks.to_vec())?.root();
            let link = to_signed.fill(rest)?;
            let linked = tree::verify_consistency(size, signed.size, &root, &signed.root, &link);
            if linked { make(ours, &root) } else { None }
        };
        if let Some(made) = hashes::read(&self.layout.hashes, &all)?.and_then(|hashes| attempt(&hashes)) {
            return Ok(made);
        }
        let hashes = self.hashes_from_journal(&all, signed.size)?;
        attempt(&hashes).ok_or_else(|| LogError::damaged(0, "the journal is not what the stored checkpoint signed"))
    }

    /// The hashes of some nodes, computed in one pass over the headers.
    fn hashes_from_journal(&self, nodes: &[Node], size: u64) -> Result<Vec<Digest>, LogError> {
        let mut wanted: HashMap<Node, Option<Digest>> = nodes.iter().map(|node| (*node, None)).collect();
        let mut tree = CompactRange::default();
        for_each_entry(&mut Chunks::new(&self.layout.journal, 0, size), 0, size, |_, entry, _| {
            tree.push(leaf_hash(entry.header), |node, hash| {
                if let Some(found) = wanted.get_mut(&node) {
                    *found = Some(hash);
                }
            });
            Ok(())
        })?;
        Ok(nodes.iter().filter_map(|node| wanted.get(node).copied().flatten()).collect())
    }

    /// Writes the signed log in the C2SP tlog-tiles layout: tiles, entry bundles and the checkpoint, which comes last.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when the tree's root is not the signed one: then no checkpoint is written.
    pub fn export(&self, dir: &Path) -> Result<Checkpoint, LogError> {
        let (signed, note) = self.checkpoint()?;
        // Tiles of another log would stand among ours; an older export of this one is gone on with.
        let there = std::fs::read_dir(dir).map_or(0, Iterator::count);
        let older =
            disk::read_text(&dir.join("checkpoint")).ok().filter(|note| Checkpoint::open(note, &self.keys).is_ok());
        if there > 0 && older.is_none() {
            return Err(LogError::NotEmpty(dir.to_owned()));
        }
        tiles::export(&self.layout.journal, &signed, dir)?;
        disk::replace(&dir.join("checkpoint"), note.as_bytes(), 0o644)?;
        Ok(signed)
    }

    /// Reads and hashes everything anew: frames, items, the tree, and the signature; `progress` hears how many entries
    /// are done, and of how many.
    ///
    /// # Errors
    /// [`LogError`] when the disk cannot be read at all; damage is in the report.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, LogError> {
        // First the checkpoint, then the size: the journal may grow in between, and never shrinks below it.
        let signed = self.checkpoint();
        let note = signed.as_ref().map(|(_, note)| note.clone()).ok();
        let (size, journal) = (self.whole_size()?, &self.layout.journal);
        // What is being erased meanwhile may be read before it or after it.
        let mut erasing = vec![erase::in_progress(&self.layout, || Ok(size))?];
        let folded = verify::verify(journal, signed.map(|(checkpoint, _)| checkpoint), size, progress)?;
        erasing.push(erase::in_progress(&self.layout, || self.whole_size())?);
        let said_later = |at, by| Ok(by < self.whole_size()? && erase::is_erased_by(journal, at, by)?);
        let mut report =
            folded.finish(&|at| erasing.iter().flatten().any(|it| it.items.contains_key(&at)), said_later)?;
        self.verify_keys(note.as_deref(), &mut report)?;
        report.scrub_waiting = self.scrub_waiting()?;
        Ok(report)
    }

    /// A blob by its digest, checked.
    ///
    /// # Errors
    /// [`LogError::Blob`] when it is missing or damaged.
    pub fn blob(&self, digest: &Digest) -> Result<Vec<u8>, LogError> {
        blobs::get(&self.layout.blobs, digest)
    }
}

/// The log's size after a segment's last whole group; `None` when it has none.
fn size_of(segment: &Segment) -> Result<Option<u64>, LogError> {
    if segment.sealed {
        return Ok(Some(Sealed::open(&segment.path)?.end));
    }
    let bytes = disk::read(&segment.path)?;
    let start = segment::Start::read(&bytes).filter(|start| start.seq == segment.seq);
    let size = start.map(|start| Tail::read(&bytes, start).size());
    Ok(size.filter(|size| *size > segment.seq))
}
