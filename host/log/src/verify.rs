//! Hashing everything anew: nothing that lies on disk is believed.

use crate::checkpoint::Checkpoint;
use crate::chunks::{Chunk, Chunks};
use crate::entry::{Header, item_digest};
use crate::frame::{EntryFrame, Frame, ItemFrame};
use crate::tree::{CompactRange, leaf_hash};
use crate::{LogError, ScrubWaiting, entry, segment};
use fonds_model::{Digest, Kind, Position, Seq, Timestamp, body};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};

/// A report lists at most this many damages; all are counted.
const DAMAGES_MAX: usize = 1_000;
/// Chunks that are being checked at a time, for each worker.
const IN_FLIGHT: usize = 4;

/// Something that is not as it was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The first entry that is concerned; `None` for the log as a whole.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Entries that were read.
    pub entries: u64,
    /// Items whose digest was computed anew.
    pub items: u64,
    /// Items whose content was erased.
    pub erased: u64,
    /// Bytes of journal before compression.
    pub bytes: u64,
    /// The signed checkpoint, when its signature is right.
    pub checkpoint: Option<Checkpoint>,
    /// The first 1,000 damages.
    pub damage: Vec<Damage>,
    /// How many damages there are.
    pub damages: u64,
    /// Erasures whose bytes the store's files may still hold.
    pub scrub_waiting: Option<ScrubWaiting>,
    /// The entries that add a key.
    pub(crate) key_entries: Vec<u64>,
}

impl Report {
    /// Whether all is as it was signed.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.damages == 0
    }

    pub(crate) fn add(&mut self, seq: Option<u64>, what: impl Into<String>) {
        self.damages += 1;
        if self.damage.len() < DAMAGES_MAX {
            self.damage.push(Damage { seq, what: what.into() });
        }
    }
}

/// What the tree needs from a chunk, in order.
enum Step {
    Leaf(Digest),
    /// An entry whose header cannot be believed.
    Lost,
    Trailer {
        size: u64,
        root: Digest,
    },
}

/// A chunk, checked by itself.
#[derive(Default)]
struct Checked {
    seq: u64,
    bytes: u64,
    steps: Vec<Step>,
    items: u64,
    /// Items without content, with the entry that their frame says erased them.
    erased: Vec<(Position, Seq)>,
    /// Items that an entry says it erased.
    named: Vec<(Position, Seq)>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    damage: Vec<(u64, String)>,
    key_entries: Vec<u64>,
}

pub(crate) fn verify(
    journal: &Path,
    signed: Result<Checkpoint, LogError>,
    size: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Folded, LogError> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let (give, taken) = mpsc::channel::<(u64, Chunk)>();
    let (tell, told) = mpsc::channel();
    let taken = Mutex::new(taken);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (taken, tell) = (&taken, tell.clone());
            scope.spawn(move || work(taken, &tell, size));
        }
        drop(tell);
        let mut folded = Folded::new(signed, size);
        let result = feed(&mut Chunks::new(journal, 0, size), &mut folded, &give, &told, workers * IN_FLIGHT, progress);
        drop(give);
        result?;
        starts(journal, size, &mut folded.report)?;
        Ok(folded)
    })
}

/// Checks how each segment begins, which no entry needs but a search and the next open do.
fn starts(journal: &Path, size: u64, report: &mut Report) -> Result<(), LogError> {
    for segment in segment::list(journal)?.iter().filter(|segment| segment.seq < size) {
        match segment::start_of(segment) {
            Ok(_) => {}
            Err(LogError::Damaged { seq, why }) => report.add(Some(seq), why),
            // It was sealed since it was listed, and the writer has checked it.
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn work(taken: &Mutex<Receiver<(u64, Chunk)>>, tell: &Sender<(u64, Checked)>, size: u64) {
    loop {
        let next = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, chunk)) = next else { return };
        if tell.send((number, check(&chunk, size))).is_err() {
            return;
        }
    }
}

/// Reads chunks, hands them out, and folds what comes back in order.
fn feed(
    chunks: &mut Chunks,
    folded: &mut Folded,
    give: &Sender<(u64, Chunk)>,
    told: &Receiver<(u64, Checked)>,
    in_flight_max: usize,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), LogError> {
    let stopped = || LogError::Fatal("a verifying thread stopped".to_owned());
    let (mut given, mut done, mut early, mut more) = (0_u64, 0_u64, BTreeMap::new(), true);
    loop {
        while more && given - done < in_flight_max as u64 {
            match chunks.next() {
                Ok(Some(chunk)) => {
                    give.send((given, chunk)).map_err(|_| stopped())?;
                    given += 1;
                }
                Ok(None) => more = false,
                Err(LogError::Damaged { seq, why }) => {
                    let resumed = chunks.skip()?;
                    more = resumed.is_some();
                    let what = resumed.map_or(why.clone(), |next| format!("{why}; entries up to {next} are lost"));
                    early.insert(given, Checked { seq, damage: vec![(seq, what)], ..Checked::default() });
                    given += 1;
                }
                Err(error) => return Err(error),
            }
        }
        while let Some(checked) = early.remove(&done) {
            folded.take(checked);
            done += 1;
        }
        progress(folded.report.entries, folded.size);
        if done == given {
            if more {
                continue;
            }
            return Ok(());
        }
        let (number, checked) = told.recv().map_err(|_| stopped())?;
        early.insert(number, checked);
    }
}

/// Checks all of a chunk that can be checked without the chunks before it.
fn check(chunk: &Chunk, size: u64) -> Checked {
    let mut checked = Checked { seq: chunk.seq, ..Checked::default() };
    let mut frames = chunk.frames();
    for (seq, frame, bytes) in frames.by_ref() {
        if seq >= size && !matches!(frame, Some(Frame::Trailer { .. })) {
            // What was appended since the verification began is not its matter.
            return checked;
        }
        checked.bytes += bytes as u64;
        match frame {
            None => {
                checked.damage.push((seq, "its checksum is wrong".to_owned()));
                checked.steps.push(Step::Lost);
            }
            Some(Frame::Trailer { size, root, .. }) => checked.steps.push(Step::Trailer { size, root }),
            Some(Frame::Entry(entry)) => {
                checked.steps.push(Step::Leaf(leaf_hash(entry.header)));
                if let Err(why) = check_entry(seq, entry, &mut checked) {
                    checked.damage.push((seq, why));
                }
            }
        }
    }
    if let Some(seq) = frames.unframed() {
        checked.damage.push((seq, "no frame begins where its frame should".to_owned()));
        checked.steps.push(Step::Lost);
    }
    checked
}

fn check_entry(seq: u64, entry: EntryFrame<'_>, checked: &mut Checked) -> Result<(), String> {
    let header = Header::parse(entry.header).map_err(|_| "its header is not understood".to_owned())?;
    if header.seq != seq {
        return Err(format!("its header says {}", header.seq));
    }
    if entry.header.len() > entry::HEADER_BYTES_MAX {
        return Err("its header is longer than a header may be".to_owned());
    }
    if checked.last.is_some_and(|last| header.at < last) {
        return Err("it was logged before the entry before it".to_owned());
    }
    checked.first.get_or_insert(header.at);
    checked.last = Some(header.at);
    if header.kind == Kind::LogKeyAdded {
        checked.key_entries.push(seq);
    }
    let mut count = 0;
    for (index, item) in entry.items().enumerate() {
        count += 1;
        let Some(digest) = header.items.get(index) else { break };
        match item {
            ItemFrame::Erased(by) => checked.erased.push((Position { seq, item: index as u16 }, by)),
            ItemFrame::Kept(salt, payload) if item_digest(salt, payload) == *digest => {
                checked.items += 1;
                if header.kind == Kind::LogErased {
                    checked.named.extend(body::erased_items(payload).iter().map(|item| (item.position(), seq)));
                }
            }
            ItemFrame::Kept(..) => return Err(format!("item {index} is not what its digest says")),
        }
    }
    if count == header.items.len() { Ok(()) } else { Err("its header and its payloads differ in number".to_owned()) }
}

/// The tree, grown chunk by chunk, and what was found.
pub(crate) struct Folded {
    report: Report,
    tree: CompactRange,
    /// A leaf is unknown: roots can no longer be compared.
    lost: bool,
    next: u64,
    size: u64,
    at: Option<Timestamp>,
    erased: BTreeSet<(Position, Seq)>,
    named: BTreeSet<(Position, Seq)>,
}

impl Folded {
    fn new(signed: Result<Checkpoint, LogError>, size: u64) -> Self {
        let (tree, at) = (CompactRange::default(), None);
        let (erased, named) = (BTreeSet::new(), BTreeSet::new());
        let mut folded = Self { report: Report::default(), tree, lost: false, next: 0, size, at, erased, named };
        match signed {
            Err(error) => folded.report.add(None, error.to_string()),
            Ok(signed) => {
                if signed.size > size {
                    let what = format!("the signed checkpoint has {} entries and the journal {size}", signed.size);
                    folded.report.add(Some(size), what);
                }
                folded.report.checkpoint = Some(signed);
            }
        }
        folded.compare();
        folded
    }

    /// Compares with the signed root when the tree has just reached its size.
    fn compare(&mut self) {
        let signed = self.report.checkpoint.as_ref().filter(|signed| signed.size == self.tree.size());
        if !self.lost && signed.is_some_and(|signed| signed.root != self.tree.root()) {
            self.report.add(None, "the tree's root is not the one that the checkpoint signed");
        }
    }

    fn take(&mut self, checked: Checked) {
        if checked.seq != self.next {
            if !self.lost {
                self.report.add(Some(self.next), format!("entries up to {} are missing", checked.seq));
            }
            self.lost = true;
            self.next = checked.seq;
        }
        if let (Some(before), Some(first)) = (self.at, checked.first)
            && first < before
        {
            self.report.add(Some(checked.seq), "it was logged before the entry before it");
        }
        self.at = checked.last.or(self.at);
        if checked.steps.is_empty() {
            if checked.damage.is_empty() {
                self.report.add(Some(checked.seq), "its block holds no frame");
            }
            self.lost = true;
        }
        checked.damage.into_iter().for_each(|(seq, what)| self.report.add(Some(seq), what));
        self.report.key_entries.extend(checked.key_entries);
        self.report.items += checked.items;
        self.report.erased += checked.erased.len() as u64;
        self.erased.extend(checked.erased);
        self.named.extend(checked.named);
        self.report.bytes += checked.bytes;
        for step in checked.steps {
            match step {
                Step::Leaf(leaf) => {
                    self.report.entries += 1;
                    self.next += 1;
                    if !self.lost {
                        self.tree.push(leaf, |_, _| {});
                        self.compare();
                    }
                }
                Step::Lost => {
                    self.next += 1;
                    self.lost = true;
                }
                Step::Trailer { size, root } => {
                    if size != self.next {
                        self.report.add(Some(self.next), format!("its group's trailer says {size} entries"));
                    } else if !self.lost && root != self.tree.root() {
                        self.report.add(Some(self.next), "its group's trailer has another root");
                    }
                }
            }
        }
    }

    /// What has no content must be what an entry says was erased, and the other way round.
    fn compare_erasures(
        &mut self,
        is_erasing: &dyn Fn(Position) -> bool,
        is_said_later: impl Fn(Position, Seq) -> Result<bool, LogError>,
    ) -> Result<(), LogError> {
        let unsaid: Vec<_> = self.erased.difference(&self.named).copied().collect();
        for (at, by) in unsaid {
            // An erasure may have come since the verification began.
            if by < self.size || !is_said_later(at, by)? {
                let what = format!("item {} has no content, and entry {by} does not say that it was erased", at.item);
                self.report.add(Some(at.seq), what);
            }
        }
        let undone: Vec<_> = self.named.difference(&self.erased).copied().collect();
        for (at, by) in undone.into_iter().filter(|(at, _)| !is_erasing(*at)) {
            let what = format!("item {} is still there, and entry {by} says that it was erased", at.item);
            self.report.add(Some(at.seq), what);
        }
        Ok(())
    }

    /// The report; what is being erased meanwhile, and what was since, is told by whoever looks there.
    pub(crate) fn finish(
        mut self,
        is_erasing: &dyn Fn(Position) -> bool,
        is_said_later: impl Fn(Position, Seq) -> Result<bool, LogError>,
    ) -> Result<Report, LogError> {
        if !self.lost && self.next < self.size {
            self.report.add(Some(self.next), "the journal ends before its last group");
        }
        self.compare_erasures(is_erasing, is_said_later)?;
        // INVARIANT (verify fails closed): a report without damage has read every entry and grown the whole tree.
        if self.report.is_good() && (self.lost || self.report.entries != self.size || self.tree.size() != self.size) {
            let what = format!("{} of {} entries could be read", self.report.entries, self.size);
            self.report.add(None, what);
        }
        Ok(self.report)
    }
}
