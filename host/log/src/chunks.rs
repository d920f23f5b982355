//! Streaming over the journal: whole frames in pieces of bounded size, beside a writer and without a lock.

use crate::erase::Intent;
use crate::error::io_error;
use crate::frame::{self, EntryFrame, Frame, Peek};
use crate::seal::Sealed;
use crate::segment::{self, START_BYTES};
use crate::{Framed, LogError};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

const CHUNK_BYTES: usize = 1 << 20;
/// A segment that is sealed between listing and opening is looked for again this often.
const RETRIES: u32 = 8;
const MISSING: &str = "it is missing in the journal";

/// Some whole frames that follow each other.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The seq of its first entry.
    pub(crate) seq: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Chunk {
    pub(crate) fn frames(&self) -> Frames<'_> {
        Frames { seq: self.seq, rest: &self.bytes }
    }
}

/// The frames of a chunk with the seq at which each stands; they end where no whole frame begins.
pub(crate) struct Frames<'a> {
    seq: u64,
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    /// The frames of some bytes.
    pub(crate) fn of(seq: u64, bytes: &'a [u8]) -> Self {
        Self { seq, rest: bytes }
    }
}

impl Frames<'_> {
    /// The seq at which bytes stand that are no frame; `None` when all were.
    pub(crate) fn unframed(&self) -> Option<u64> {
        (!self.rest.is_empty()).then_some(self.seq)
    }
}

impl<'a> Iterator for Frames<'a> {
    /// The seq, the frame (`None` when its CRC is wrong) and its length.
    type Item = (u64, Option<Frame<'a>>, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let Peek::Whole { bytes, is_entry } = frame::peek(self.rest) else { return None };
        let (this, rest) = self.rest.split_at_checked(bytes)?;
        let seq = self.seq;
        self.rest = rest;
        self.seq += u64::from(is_entry);
        Some((seq, frame::read(this).map(|(frame, _)| frame), bytes))
    }
}

enum Open {
    Sealed { sealed: Sealed, block: usize },
    Plain { file: File, path: PathBuf, offset: u64 },
}

/// Chunks in order, from the one that holds an entry, until `end` is reached.
pub(crate) struct Chunks {
    journal: PathBuf,
    /// The seq of the next entry in the open segment.
    next: u64,
    from: u64,
    end: u64,
    segment: u64,
    open: Option<Open>,
}

impl Chunks {
    pub(crate) fn new(journal: &Path, from: u64, end: u64) -> Self {
        Self { journal: journal.to_owned(), next: from, from, end, segment: 0, open: None }
    }

    /// Lets a reader that follows a growing log go on to a new end.
    pub(crate) fn extend(&mut self, end: u64) {
        self.end = end;
    }

    pub(crate) fn next(&mut self) -> Result<Option<Chunk>, LogError> {
        while self.next < self.end {
            let chunk = match self.open.take() {
                None => {
                    self.open = Some(self.open_segment()?);
                    continue;
                }
                Some(Open::Sealed { sealed, block }) => {
                    if block >= sealed.blocks() {
                        self.next = sealed.end;
                        continue;
                    }
                    let bytes = sealed.block(block);
                    let seq = sealed.block_seq(block);
                    self.next = sealed.block_seq(block + 1);
                    self.open = Some(Open::Sealed { sealed, block: block + 1 });
                    Chunk { seq, bytes: bytes? }
                }
                Some(Open::Plain { file, path, offset }) => {
                    let Some((chunk, entries)) = self.read_plain(&file, &path, offset)? else {
                        // Where the segment was rewritten, what came before is read again and passed over.
                        self.from = self.from.max(self.next);
                        continue;
                    };
                    self.next += entries;
                    let offset = offset + chunk.bytes.len() as u64;
                    self.open = Some(Open::Plain { file, path, offset });
                    chunk
                }
            };
            if self.next > self.from {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }

    /// Goes on after what is damaged, with the next block or the next segment, and says where that begins; `None` when
    /// there is none.
    pub(crate) fn skip(&mut self) -> Result<Option<u64>, LogError> {
        if self.open.is_some() {
            return Ok(Some(self.next));
        }
        let after = segment::list(&self.journal)?.into_iter().find(|segment| segment.seq > self.segment);
        let Some(segment) = after.filter(|segment| segment.seq < self.end) else {
            self.next = self.end;
            return Ok(None);
        };
        (self.next, self.from) = (segment.seq, segment.seq);
        Ok(Some(segment.seq))
    }

    fn open_segment(&mut self) -> Result<Open, LogError> {
        let mut tries = 0;
        loop {
            match self.try_open() {
                // A segment that is sealed while the folder is listed may be in the list under neither of its names.
                Err(error) if (error.is_missing() || error.is_damaged()) && tries < RETRIES => tries += 1,
                opened => return opened,
            }
        }
    }

    fn try_open(&mut self) -> Result<Open, LogError> {
        let segments = segment::list(&self.journal)?;
        let at = segments.partition_point(|segment| segment.seq <= self.next);
        let segment = at.checked_sub(1).and_then(|at| segments.get(at));
        let segment = segment.ok_or_else(|| LogError::damaged(self.next, "its journal segment is missing"))?;
        self.segment = segment.seq;
        if segment.sealed {
            let sealed = Sealed::open(&segment.path)?;
            if sealed.end <= self.next {
                return Err(LogError::damaged(self.next, "no journal segment holds it"));
            }
            let block = sealed.block_of(self.next);
            return Ok(Open::Sealed { sealed, block });
        }
        let file = File::open(&segment.path).map_err(io_error("open", &segment.path))?;
        self.next = segment.seq;
        Ok(Open::Plain { file, path: segment.path.clone(), offset: START_BYTES as u64 })
    }

    /// Whether a segment begins with that seq; looked for more than once, as it may be sealed meanwhile.
    fn is_begun(&self, seq: u64) -> Result<bool, LogError> {
        for _ in 0..RETRIES {
            if segment::list(&self.journal)?.iter().any(|segment| segment.seq == seq) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whole frames from an offset, and how many entries they are; `None` at the end of a segment that another follows, or
    /// that an erasure has put another in the place of.
    fn read_plain(&self, file: &File, path: &Path, offset: u64) -> Result<Option<(Chunk, u64)>, LogError> {
        let mut want = CHUNK_BYTES;
        loop {
            let mut bytes = read_at_most(file, offset, want).map_err(io_error("read", path))?;
            let (mut end, mut entries, mut bad) = (0, 0, false);
            loop {
                match frame::peek(bytes.get(end..).unwrap_or_default()) {
                    // What lies beyond the end may not be durable yet, and be cut off again: it is never kept.
                    Peek::Whole { is_entry: true, .. } if self.next + entries >= self.end => break,
                    Peek::Whole { bytes, is_entry } => {
                        end += bytes;
                        entries += u64::from(is_entry);
                    }
                    Peek::Short => break,
                    Peek::Bad => {
                        bad = true;
                        break;
                    }
                }
            }
            if end > 0 {
                bytes.truncate(end);
                return Ok(Some((Chunk { seq: self.next, bytes }, entries)));
            }
            if !bad && bytes.len() == want {
                want *= 4;
                continue;
            }
            let follows = bytes.is_empty() && self.next != self.segment;
            if follows && self.is_begun(self.next)? || is_replaced(file, path) {
                return Ok(None);
            }
            return Err(LogError::damaged(self.next, format!("`{}` does not hold it whole", path.display())));
        }
    }
}

/// Whether another file has the path of an open one.
fn is_replaced(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let is_other = |open: std::fs::Metadata| std::fs::metadata(path).is_ok_and(|there| there.ino() != open.ino());
    file.metadata().is_ok_and(is_other)
}

fn read_at_most(file: &File, offset: u64, want: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; want];
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// Calls `take` with every entry in `[from, end)`, in order.
pub(crate) fn for_each_entry(
    chunks: &mut Chunks,
    from: u64,
    end: u64,
    mut take: impl FnMut(u64, EntryFrame<'_>, usize) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let mut next = from;
    while let Some(chunk) = chunks.next()? {
        for (seq, frame, bytes) in chunk.frames().skip_while(|(seq, ..)| *seq < from) {
            if seq >= end {
                break;
            }
            match frame {
                Some(Frame::Entry(_)) if seq != next => return Err(LogError::damaged(next, MISSING)),
                Some(Frame::Entry(entry)) => {
                    take(seq, entry, bytes)?;
                    next += 1;
                }
                Some(Frame::Trailer { .. }) => {}
                None => return Err(LogError::damaged(seq, "its checksum is wrong")),
            }
        }
    }
    if next < end { Err(LogError::damaged(next, MISSING)) } else { Ok(()) }
}

/// Entries in order, read as they are asked for.
pub struct Entries {
    chunks: Chunks,
    chunk: Option<Chunk>,
    offset: usize,
    seq: u64,
    end: u64,
    erasing: Option<Intent>,
}

impl Entries {
    pub(crate) fn new(journal: &Path, from: u64, end: u64) -> Self {
        Self { chunks: Chunks::new(journal, from, end), chunk: None, offset: 0, seq: from, end, erasing: None }
    }

    /// The same entries without what is being erased.
    pub(crate) fn leaving_out(self, erasing: Option<Intent>) -> Self {
        Self { erasing, ..self }
    }

    /// Lets it go on to a new end.
    pub(crate) fn extend(&mut self, end: u64) {
        self.end = end;
        self.chunks.extend(end);
    }

    /// The next entry and the length of its frame.
    pub(crate) fn next_sized(&mut self) -> Result<Option<(Framed, usize)>, LogError> {
        let mut next = self.next_with(|seq, entry, bytes| Ok((entry.to_framed(seq)?, bytes)))?;
        if let (Some(erasing), Some((framed, _))) = (&self.erasing, &mut next) {
            erasing.leave_out(framed);
        }
        Ok(next)
    }

    /// What `take` makes of the next entry's seq, frame and the frame's length.
    pub(crate) fn next_with<T>(
        &mut self,
        take: impl FnOnce(u64, EntryFrame<'_>, usize) -> Result<T, LogError>,
    ) -> Result<Option<T>, LogError> {
        while self.seq < self.end {
            let Some(chunk) = self.chunk.as_mut() else {
                self.chunk = self.chunks.next()?;
                self.offset = 0;
                if self.chunk.is_none() {
                    return Err(LogError::damaged(self.seq, MISSING));
                }
                continue;
            };
            let rest = chunk.bytes.get(self.offset..).unwrap_or_default();
            let Some((seq, frame, bytes)) = (Frames { seq: chunk.seq, rest }).next() else {
                self.chunk = None;
                continue;
            };
            self.offset += bytes;
            match frame {
                Some(Frame::Entry(entry)) => {
                    chunk.seq += 1;
                    if seq < self.seq {
                        continue;
                    }
                    if seq > self.seq {
                        return Err(LogError::damaged(self.seq, MISSING));
                    }
                    self.seq = seq + 1;
                    return take(seq, entry, bytes).map(Some);
                }
                Some(Frame::Trailer { .. }) => {}
                None => return Err(LogError::damaged(seq, "its checksum is wrong")),
            }
        }
        Ok(None)
    }
}

impl Iterator for Entries {
    type Item = Result<Framed, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_sized() {
            Ok(next) => next.map(|(framed, _)| Ok(framed)),
            Err(error) => {
                self.end = self.seq;
                Some(Err(error))
            }
        }
    }
}
