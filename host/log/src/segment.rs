//! Segment files of the journal: their names, their beginning, and what lies in the folder.

use crate::error::io_error;
use crate::{LogError, disk};
use fonds_model::{Digest, Timestamp};
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes at the beginning of every segment.
pub(crate) const START_BYTES: usize = 68;
const MAGIC: &[u8; 16] = b"fonds journal 1\n";

/// How the log stood when a segment was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    /// The first entry of the segment: the log's size before it.
    pub(crate) seq: u64,
    /// The tree's root over the entries before it.
    pub(crate) root: Digest,
    /// The last entry's `at` before it.
    pub(crate) at: Timestamp,
}

impl Start {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(START_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.extend_from_slice(&self.root.0);
        bytes.extend_from_slice(&self.at.0.to_le_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when the bytes do not begin as a segment does.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<START_BYTES>()?;
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (seq, rest) = body.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
        let (root, at) = rest.split_first_chunk::<32>()?;
        let at = i64::from_le_bytes(at.try_into().ok()?);
        Some(Self { seq: u64::from_le_bytes(*seq), root: Digest(*root), at: Timestamp(at) })
    }
}

/// A segment that lies in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) seq: u64,
    pub(crate) sealed: bool,
    pub(crate) path: PathBuf,
}

pub(crate) fn plain_path(journal: &Path, seq: u64) -> PathBuf {
    journal.join(format!("{seq:020}.seg"))
}

pub(crate) fn sealed_path(journal: &Path, seq: u64) -> PathBuf {
    journal.join(format!("{seq:020}.seg.zst"))
}

/// The segments in order; where one is there both plain and sealed, the sealed one, which was made durable first.
pub(crate) fn list(journal: &Path) -> Result<Vec<Segment>, LogError> {
    let mut segments = Vec::new();
    for file in fs::read_dir(journal).map_err(io_error("list", journal))? {
        let path = file.map_err(io_error("list", journal))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let (stem, sealed) = match (name.strip_suffix(".seg.zst"), name.strip_suffix(".seg")) {
            (Some(stem), _) => (stem, true),
            (None, Some(stem)) => (stem, false),
            (None, None) => continue,
        };
        if let (20, Ok(seq)) = (stem.len(), stem.parse()) {
            segments.push(Segment { seq, sealed, path });
        }
    }
    segments.sort_by_key(|segment| (segment.seq, !segment.sealed));
    segments.dedup_by_key(|segment| segment.seq);
    Ok(segments)
}

/// Removes what a crash left of an unfinished sealing.
pub(crate) fn sweep(journal: &Path) -> Result<(), LogError> {
    // The name of the sealed one may not be durable yet: the crash may have come just after it was given.
    disk::sync_dir(journal)?;
    for segment in list(journal)?.iter().filter(|segment| segment.sealed) {
        remove(&plain_path(journal, segment.seq))?;
        remove(&sealed_path(journal, segment.seq).with_extension("part"))?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), LogError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error("remove", path)(error)),
        _ => Ok(()),
    }
}

/// How the log stood when a segment was begun.
pub(crate) fn start_of(segment: &Segment) -> Result<Start, LogError> {
    let bytes = if segment.sealed {
        crate::seal::Sealed::open(&segment.path)?.block(0)?
    } else {
        use std::io::Read as _;
        let mut bytes = Vec::with_capacity(START_BYTES);
        let file = fs::File::open(&segment.path).map_err(io_error("open", &segment.path))?;
        file.take(START_BYTES as u64).read_to_end(&mut bytes).map_err(io_error("read", &segment.path))?;
        bytes
    };
    Start::read(&bytes).filter(|start| start.seq == segment.seq).ok_or_else(|| {
        LogError::damaged(segment.seq, format!("`{}` does not begin as a segment", segment.path.display()))
    })
}

/// Removes a segment whose first group never became durable.
pub(crate) fn discard(journal: &Path, seq: u64) -> Result<(), LogError> {
    remove(&plain_path(journal, seq))?;
    disk::sync_dir(journal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segments_beginning_reads_back_and_every_flipped_bit_is_noticed() {
        let start = Start { seq: 77, root: Digest([4; 32]), at: Timestamp(-5) };
        let bytes = start.to_bytes();
        assert_eq!((bytes.len(), Start::read(&bytes)), (START_BYTES, Some(start)));
        for bit in 0..START_BYTES * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Start::read(&flipped), None, "bit {bit}");
        }
    }
}
