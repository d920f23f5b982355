//! Sealed segments: zstd frames that stand alone, and an index for reaching into the middle.
//!
//! A sealed file is the plain segment, cut between frames into blocks, each compressed by itself, and after them a
//! zstd skippable frame with the index: `zstd -d` gives the plain segment back.

use crate::error::io_error;
use crate::frame::{self, Peek};
use crate::segment::{self, START_BYTES, Segment};
use crate::{LogError, disk};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// A block is cut once it has this many bytes before compression.
const BLOCK_BYTES: usize = 256 << 10;
/// No block is larger: one entry that is itself larger than a block.
const BLOCK_BYTES_MAX: usize = 64 << 20;
const LEVEL: i32 = 3;
const SKIPPABLE: u32 = 0x184D_2A50;
const MAGIC: &[u8; 8] = b"fondsix1";
const ROW_BYTES: usize = 16;
/// Rows' number, end seq, CRC, magic.
pub(crate) const FOOT_BYTES: usize = 24;

/// Where a block lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    seq: u64,
    plain: u32,
    packed: u32,
    offset: u64,
}

/// Compresses a plain segment that is complete, makes the sealed one durable, and removes the plain one.
pub(crate) fn seal(journal: &Path, seq: u64) -> Result<(), LogError> {
    let plain = segment::plain_path(journal, seq);
    let bytes = disk::read(&plain)?;
    let sealed = pack(seq, &bytes)?;
    let path = segment::sealed_path(journal, seq);
    disk::replace(&path, &sealed, 0o644)?;
    fs::remove_file(&plain).map_err(io_error("remove", &plain))
}

/// A whole segment, as it was before compression if it is sealed.
pub(crate) fn read(segment: &Segment) -> Result<Vec<u8>, LogError> {
    if segment.sealed { Sealed::open(&segment.path)?.unpack() } else { disk::read(&segment.path) }
}

/// Puts a segment's bytes anew in its place, sealed if it is, so that a crash leaves either the old or the new one.
pub(crate) fn replace(segment: &Segment, bytes: &[u8]) -> Result<(), LogError> {
    if segment.sealed {
        return disk::replace(&segment.path, &pack(segment.seq, bytes)?, 0o644);
    }
    disk::replace(&segment.path, bytes, 0o644)
}

fn pack(seq: u64, bytes: &[u8]) -> Result<Vec<u8>, LogError> {
    let wrong = || LogError::damaged(seq, "the segment to be sealed is not whole");
    let (start, mut rest) = bytes.split_at_checked(START_BYTES).ok_or_else(wrong)?;
    let (mut blocks, mut next) = (vec![(seq, start)], seq);
    while !rest.is_empty() {
        let (mut end, first) = (0, next);
        while end < BLOCK_BYTES && end < rest.len() {
            let Peek::Whole { bytes, is_entry } = frame::peek(rest.get(end..).unwrap_or_default()) else {
                return Err(wrong());
            };
            end += bytes;
            next += u64::from(is_entry);
        }
        let (these, after) = rest.split_at_checked(end).ok_or_else(wrong)?;
        blocks.push((first, these));
        rest = after;
    }
    pack_blocks(&blocks, next)
}

/// Compresses blocks, each with its first seq, and appends the index; `end` is the seq after the last entry.
fn pack_blocks(blocks: &[(u64, &[u8])], end: u64) -> Result<Vec<u8>, LogError> {
    let failed = || io_error("compress", Path::new("a segment"));
    let mut packer = zstd::bulk::Compressor::new(LEVEL).map_err(failed())?;
    packer.include_checksum(true).map_err(failed())?;
    let (mut out, mut rows) = (Vec::new(), Vec::with_capacity(blocks.len()));
    for (seq, bytes) in blocks {
        let packed = packer.compress(bytes).map_err(failed())?;
        out.extend_from_slice(&packed);
        rows.push((seq, bytes.len() as u32, packed.len() as u32));
    }
    let index_bytes = rows.len() * ROW_BYTES + FOOT_BYTES;
    out.extend_from_slice(&SKIPPABLE.to_le_bytes());
    out.extend_from_slice(&(index_bytes as u32).to_le_bytes());
    let start = out.len();
    for (seq, plain, packed) in &rows {
        out.extend_from_slice(&seq.to_le_bytes());
        out.extend_from_slice(&plain.to_le_bytes());
        out.extend_from_slice(&packed.to_le_bytes());
    }
    out.extend_from_slice(&(rows.len() as u32).to_le_bytes());
    out.extend_from_slice(&end.to_le_bytes());
    let crc = crc32c::crc32c(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(MAGIC);
    Ok(out)
}

/// Rewrites a block as if it had been sealed so: its index and its compression are right.
#[cfg(test)]
pub(crate) fn spoil(path: &Path, block: usize, spoil: impl FnOnce(&mut Vec<u8>)) {
    let sealed = Sealed::open(path).unwrap();
    let mut blocks: Vec<_> =
        (0..sealed.blocks()).map(|index| (sealed.block_seq(index), sealed.block(index).unwrap())).collect();
    spoil(&mut blocks[block].1);
    let blocks: Vec<_> = blocks.iter().map(|(seq, bytes)| (*seq, bytes.as_slice())).collect();
    fs::write(path, pack_blocks(&blocks, sealed.end).unwrap()).unwrap();
}

/// A sealed segment, open for reading.
#[derive(Debug)]
pub(crate) struct Sealed {
    path: PathBuf,
    file: File,
    rows: Vec<Row>,
    /// The seq after its last entry.
    pub(crate) end: u64,
}

impl Sealed {
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        let file = File::open(path).map_err(io_error("open", path))?;
        let length = file.metadata().map_err(io_error("read", path))?.len();
        let wrong = || LogError::damaged(0, format!("the index of `{}` is wrong", path.display()));
        let foot_at = length.checked_sub(FOOT_BYTES as u64).ok_or_else(wrong)?;
        let mut foot = [0; FOOT_BYTES];
        file.read_exact_at(&mut foot, foot_at).map_err(io_error("read", path))?;
        let (foot_body, magic) = foot.split_last_chunk::<8>().ok_or_else(wrong)?;
        let (summed, crc) = foot_body.split_last_chunk::<4>().ok_or_else(wrong)?;
        let (count, end) = summed.split_first_chunk::<4>().ok_or_else(wrong)?;
        let rows_bytes = u64::from(u32::from_le_bytes(*count)) * ROW_BYTES as u64;
        let rows_at = foot_at.checked_sub(rows_bytes).filter(|_| magic == MAGIC).ok_or_else(wrong)?;
        let mut index = vec![0; rows_bytes as usize];
        file.read_exact_at(&mut index, rows_at).map_err(io_error("read", path))?;
        if crc32c::crc32c_append(crc32c::crc32c(&index), summed) != u32::from_le_bytes(*crc) {
            return Err(wrong());
        }
        let mut offset = 0;
        let rows = index.chunks_exact(ROW_BYTES).filter_map(|row| {
            let (seq, rest) = row.split_first_chunk::<8>()?;
            let (plain, packed) = rest.split_first_chunk::<4>()?;
            let packed = u32::from_le_bytes(packed.try_into().ok()?);
            let row = Row { seq: u64::from_le_bytes(*seq), plain: u32::from_le_bytes(*plain), packed, offset };
            offset += u64::from(packed);
            Some(row)
        });
        let rows = rows.collect();
        let end = u64::from_le_bytes(end.try_into().map_err(|_| wrong())?);
        Ok(Self { path: path.to_owned(), file, rows, end })
    }

    /// How many blocks it has; the first holds the segment's beginning only.
    pub(crate) fn blocks(&self) -> usize {
        self.rows.len()
    }

    /// The first seq of a block.
    pub(crate) fn block_seq(&self, index: usize) -> u64 {
        self.rows.get(index).map_or(self.end, |row| row.seq)
    }

    /// The block that holds an entry.
    pub(crate) fn block_of(&self, seq: u64) -> usize {
        self.rows.partition_point(|row| row.seq <= seq).saturating_sub(1).max(1)
    }

    /// The whole segment as it was before compression.
    pub(crate) fn unpack(&self) -> Result<Vec<u8>, LogError> {
        let mut bytes = Vec::new();
        for block in 0..self.blocks() {
            bytes.extend_from_slice(&self.block(block)?);
        }
        Ok(bytes)
    }

    /// A block as it was before compression.
    pub(crate) fn block(&self, index: usize) -> Result<Vec<u8>, LogError> {
        let row = self.rows.get(index).copied();
        let damaged =
            |why: &str| LogError::damaged(self.block_seq(index), format!("{why} in `{}`", self.path.display()));
        let row = row.filter(|row| row.plain as usize <= BLOCK_BYTES_MAX && row.packed as usize <= BLOCK_BYTES_MAX);
        let row = row.ok_or_else(|| damaged("a block is missing"))?;
        let mut packed = vec![0; row.packed as usize];
        self.file.read_exact_at(&mut packed, row.offset).map_err(io_error("read", &self.path))?;
        let plain =
            zstd::bulk::decompress(&packed, row.plain as usize).map_err(|_| damaged("a block cannot be unpacked"))?;
        if plain.len() == row.plain as usize { Ok(plain) } else { Err(damaged("a block has another length")) }
    }
}
