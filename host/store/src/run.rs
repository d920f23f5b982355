//! Sorted runs: many rows of the views in one of sled's, written once and in order.
//!
//! sled keeps at most 16 rows a page. A row of its own for each of the views' took 60 bytes of memory for ever, a page
//! read and a page written for each insert at a random key; packed by the hundred and written in order they cost next
//! to nothing. A run is a list of chunks; what must be found without reading it (the first key of each chunk, and a Bloom
//! filter over its keys) stands in rows beside them, and is in memory while the store is open.

use crate::disk::Disk;
use crate::keys;
use crate::store::lock;
use fonds_log::StoreError;
use fonds_views::rows::VALUE_BYTES_MAX;
use std::sync::Mutex;

/// sled gave memory back with small batches, and never with large ones; these rows are 4 KiB each.
const BATCH_ROWS: usize = 64;

/// What stands before a chunk's rows: its length with these bytes, and the CRC-32C of the rows.
const HEAD_BYTES: usize = 8;

/// An immutable run.
pub(crate) struct Run {
    /// Its number; a later run has a greater one.
    pub(crate) id: u64,
    /// Bytes of its chunks.
    pub(crate) bytes: u64,
    /// Rows, deleted ones among them.
    pub(crate) rows: u64,
    fences: Vec<Vec<u8>>,
    bloom: Bloom,
}

impl Run {
    /// What it says of a key: nothing, deleted, or the value.
    ///
    /// `hash` is [`hash`] of the key: who asks several runs works it out once.
    pub(crate) fn get(&self, disk: &Disk, key: &[u8], hash: u64) -> Result<Option<Option<Vec<u8>>>, StoreError> {
        if !self.bloom.may_hold(hash) {
            return Ok(None);
        }
        let Some(chunk) = self.fences.partition_point(|fence| fence.as_slice() <= key).checked_sub(1) else {
            return Ok(None);
        };
        let place = (self.id, chunk);
        let bytes = match disk.recent.get(place) {
            Some(bytes) => bytes,
            None => {
                let bytes = self.chunk(disk, chunk)?;
                disk.recent.keep(place, &bytes);
                bytes
            }
        };
        let mut rows = Decoder::new(&bytes);
        while let Some(value) = rows.next().ok_or_else(|| self.damaged(disk))? {
            if rows.key.as_slice() >= key {
                return Ok((rows.key == key).then(|| value.map(<[u8]>::to_vec)));
            }
        }
        Ok(None)
    }

    /// The chunks that can hold keys from `from` on and below `to`.
    pub(crate) fn chunks(&self, from: &[u8], to: Option<&[u8]>) -> std::ops::Range<usize> {
        let start = self.fences.partition_point(|fence| fence.as_slice() <= from).saturating_sub(1);
        let end = to.map_or(self.fences.len(), |to| self.fences.partition_point(|fence| fence.as_slice() < to));
        start..end.max(start)
    }

    fn chunk(&self, disk: &Disk, chunk: usize) -> Result<sled::IVec, StoreError> {
        let number = u32::try_from(chunk).map_err(|_| self.damaged(disk))?;
        let row =
            |part| disk.call(|tree| tree.get(keys::chunk(self.id, number, part)))?.ok_or_else(|| self.damaged(disk));
        let first = row(0)?;
        let len = first.first_chunk::<4>().map_or(0, |len| u32::from_be_bytes(*len) as usize);
        let mut bytes = first;
        if len > bytes.len() {
            let mut whole = bytes.to_vec();
            for part in 1..=u8::MAX {
                if whole.len() >= len {
                    break;
                }
                whole.extend_from_slice(&row(part)?);
            }
            bytes = whole.into();
        }
        let sound = bytes
            .split_at_checked(HEAD_BYTES)
            .is_some_and(|(head, rows)| head.get(4..).is_some_and(|crc| crc == crc32c::crc32c(rows).to_be_bytes()));
        if sound && bytes.len() == len { Ok(bytes) } else { Err(self.damaged(disk)) }
    }

    /// Decodes a chunk into `decoded`, in place of what it held.
    pub(crate) fn read(&self, disk: &Disk, chunk: usize, decoded: &mut Chunk) -> Result<(), StoreError> {
        let bytes = self.chunk(disk, chunk)?;
        decoded.clear();
        let mut rows = Decoder::new(&bytes);
        while let Some(value) = rows.next().ok_or_else(|| self.damaged(disk))? {
            decoded.push(&rows.key, value);
        }
        Ok(())
    }

    fn damaged(&self, disk: &Disk) -> StoreError {
        disk.breaks(StoreError::Lost(format!("run {} of the views' rows cannot be read", self.id)))
    }

    /// Reads what must be in memory of a run.
    pub(crate) fn load(disk: &Disk, id: u64) -> Result<Self, StoreError> {
        let mut bytes = Vec::new();
        let mut rows = disk.call(|tree| Ok(tree.range(keys::run_index(id, 0)..keys::run_index(id + 1, 0))))?;
        while let Some((_, row)) = disk.call(|_| rows.next().transpose())? {
            bytes.extend_from_slice(&row);
        }
        let lost = || disk.breaks(StoreError::Lost(format!("the index of run {id} cannot be read")));
        Self::read_index(id, &bytes).ok_or_else(lost)
    }

    fn index(&self) -> Vec<u8> {
        let mut rest = Vec::new();
        for number in [self.bytes, self.rows, self.fences.len() as u64] {
            put_number(&mut rest, number);
        }
        for fence in &self.fences {
            put_number(&mut rest, fence.len() as u64);
            rest.extend(fence);
        }
        rest.extend(self.bloom.0.iter().flat_map(|word| word.to_le_bytes()));
        let mut bytes = crc32c::crc32c(&rest).to_be_bytes().to_vec();
        bytes.extend(rest);
        bytes
    }

    fn read_index(id: u64, bytes: &[u8]) -> Option<Self> {
        let (crc, mut rest) = bytes.split_first_chunk::<4>()?;
        if crc32c::crc32c(rest) != u32::from_be_bytes(*crc) {
            return None;
        }
        let (bytes, rows, count) = (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
        let mut fences = Vec::new();
        for _ in 0..count {
            let len = usize::try_from(number(&mut rest)?).ok()?;
            let (fence, after) = rest.split_at_checked(len)?;
            fences.push(fence.to_vec());
            rest = after;
        }
        let (words, rest) = rest.as_chunks::<8>();
        let bloom = Bloom(words.iter().map(|word| u64::from_le_bytes(*word)).collect());
        rest.is_empty().then_some(Self { id, bytes, rows, fences, bloom })
    }
}

/// Chunks that were asked for a key last, whole and checked: who asks for a row often asks for its neighbour next.
///
/// A run never changes and its number never comes again, so that nothing here can be out of date.
pub(crate) struct RecentChunks(Mutex<Vec<Option<Recent>>>);

/// A run's number and a chunk's, and its bytes.
type Recent = ((u64, usize), sled::IVec);

/// At most 4 MiB of chunks, but for the few that hold very long keys.
const RECENT_CHUNKS: usize = 1_024;

impl Default for RecentChunks {
    fn default() -> Self {
        Self(Mutex::new(vec![None; RECENT_CHUNKS]))
    }
}

impl RecentChunks {
    fn slot((run, chunk): (u64, usize)) -> usize {
        mix(run, chunk as u64) as usize % RECENT_CHUNKS
    }

    fn get(&self, place: (u64, usize)) -> Option<sled::IVec> {
        let slots = lock(&self.0);
        let (kept, bytes) = slots.get(Self::slot(place))?.as_ref()?;
        (*kept == place).then(|| bytes.clone())
    }

    fn keep(&self, place: (u64, usize), bytes: &sled::IVec) {
        if let Some(slot) = lock(&self.0).get_mut(Self::slot(place)) {
            *slot = Some((place, bytes.clone()));
        }
    }
}

/// Writes a run; nothing reads it before it is named by the list of runs.
pub(crate) struct RunWriter<'a> {
    disk: &'a Disk,
    run: Run,
    batch: sled::Batch,
    batched: usize,
    chunk: Vec<u8>,
    last: Vec<u8>,
}

impl<'a> RunWriter<'a> {
    /// A run of at most `rows_max` rows.
    pub(crate) fn new(disk: &'a Disk, id: u64, rows_max: u64) -> Self {
        let run = Run { id, bytes: 0, rows: 0, fences: Vec::new(), bloom: Bloom::for_rows(rows_max) };
        Self { disk, run, batch: sled::Batch::default(), batched: 0, chunk: Vec::new(), last: Vec::new() }
    }

    /// Adds a row whose key comes after the last one's.
    pub(crate) fn push(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
        if !self.chunk.is_empty() && self.chunk.len() + key.len() + value.map_or(0, <[u8]>::len) + 12 > VALUE_BYTES_MAX
        {
            self.end_chunk()?;
        }
        if self.chunk.is_empty() {
            self.run.fences.push(key.to_vec());
            self.chunk.extend([0; HEAD_BYTES]);
            self.last.clear();
        }
        let shared = shared(key, &self.last);
        let suffix = key.get(shared..).unwrap_or_default();
        put_number(&mut self.chunk, shared as u64);
        put_number(&mut self.chunk, suffix.len() as u64);
        put_number(&mut self.chunk, value.map_or(0, |value| value.len() as u64 + 1));
        self.chunk.extend(suffix);
        self.chunk.extend(value.unwrap_or_default());
        self.last.clear();
        self.last.extend(key);
        self.run.bloom.add(hash(key));
        self.run.rows += 1;
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), StoreError> {
        let len = u32::try_from(self.chunk.len()).unwrap_or(u32::MAX);
        if let Some((head, rows)) = self.chunk.split_at_mut_checked(HEAD_BYTES) {
            let crc = crc32c::crc32c(rows).to_be_bytes();
            head.iter_mut().zip(len.to_be_bytes().into_iter().chain(crc)).for_each(|(to, from)| *to = from);
        }
        self.run.bytes += u64::from(len);
        let number = u32::try_from(self.run.fences.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let chunk = std::mem::take(&mut self.chunk);
        for (part, bytes) in (0_u8..).zip(chunk.chunks(VALUE_BYTES_MAX)) {
            self.put(keys::chunk(self.run.id, number, part), bytes)?;
        }
        Ok(())
    }

    fn put(&mut self, key: Vec<u8>, bytes: &[u8]) -> Result<(), StoreError> {
        self.batch.insert(key, bytes);
        self.batched += 1;
        if self.batched >= BATCH_ROWS { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let batch = std::mem::take(&mut self.batch);
        self.batched = 0;
        self.disk.call(|tree| tree.apply_batch(batch))
    }

    /// Writes what is left, and the index.
    pub(crate) fn finish(mut self) -> Result<Run, StoreError> {
        if !self.chunk.is_empty() {
            self.end_chunk()?;
        }
        let index = self.run.index();
        for (part, bytes) in (0_u32..).zip(index.chunks(VALUE_BYTES_MAX)) {
            self.put(keys::run_index(self.run.id, part), bytes)?;
        }
        self.write()?;
        Ok(self.run)
    }
}

/// How many bytes two keys begin with in common.
fn shared(key: &[u8], last: &[u8]) -> usize {
    let (words, last_words) = (key.as_chunks::<8>().0, last.as_chunks::<8>().0);
    let words = words.iter().zip(last_words).take_while(|(one, other)| one == other).count() * 8;
    let (key, last) = (key.get(words..).unwrap_or_default(), last.get(words..).unwrap_or_default());
    words + key.iter().zip(last).take_while(|(one, other)| one == other).count()
}

/// The rows of a decoded chunk.
#[derive(Default)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    /// Where key and value end in `bytes`; both begin where the one before ends.
    rows: Vec<(usize, usize, bool)>,
}

impl Chunk {
    fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
    }

    pub(crate) fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.bytes.extend(key);
        let key_end = self.bytes.len();
        self.bytes.extend(value.unwrap_or_default());
        self.rows.push((key_end, self.bytes.len(), value.is_some()));
    }

    /// How many rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    fn start(&self, row: usize) -> usize {
        row.checked_sub(1).and_then(|before| self.rows.get(before)).map_or(0, |(_, end, _)| *end)
    }

    /// The key of a row.
    pub(crate) fn key(&self, row: usize) -> &[u8] {
        let end = self.rows.get(row).map_or(0, |(end, _, _)| *end);
        self.bytes.get(self.start(row)..end).unwrap_or_default()
    }

    /// The value of a row; `None` when it says deleted.
    pub(crate) fn value(&self, row: usize) -> Option<&[u8]> {
        let (start, end, there) = *self.rows.get(row)?;
        if there { self.bytes.get(start..end) } else { None }
    }

    /// The first row whose key is at or after `key`.
    pub(crate) fn at(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle) < key { low = middle + 1 } else { high = middle }
        }
        low
    }
}

struct Decoder<'a> {
    rest: &'a [u8],
    key: Vec<u8>,
}

impl<'a> Decoder<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes.get(HEAD_BYTES..).unwrap_or_default(), key: Vec::with_capacity(64) }
    }

    /// The next row's value, its key being in `key`; `Some(None)` at the end, `None` when it is damaged.
    fn next(&mut self) -> Option<Option<Option<&'a [u8]>>> {
        if self.rest.is_empty() {
            return Some(None);
        }
        let shared = usize::try_from(number(&mut self.rest)?).ok()?;
        let suffix = usize::try_from(number(&mut self.rest)?).ok()?;
        let value = number(&mut self.rest)?;
        let (suffix, rest) = self.rest.split_at_checked(suffix)?;
        let (bytes, rest) = rest.split_at_checked(usize::try_from(value.saturating_sub(1)).ok()?)?;
        if shared > self.key.len() {
            return None;
        }
        self.rest = rest;
        self.key.truncate(shared);
        self.key.extend(suffix);
        Some(Some((value > 0).then_some(bytes)))
    }
}

/// A Bloom filter of 10 bits a key: one key in a hundred that is not there costs a look.
struct Bloom(Vec<u64>);

impl Bloom {
    fn for_rows(rows: u64) -> Self {
        Self(vec![0; usize::try_from(rows * 10 / 64 + 1).unwrap_or(1)])
    }

    fn places(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let bits = self.0.len() as u128 * 64;
        let step = hash.rotate_left(32) | 1;
        (0..7_u64).map(move |probe| {
            // The high bits of a product instead of a remainder: no division.
            let probe = hash.wrapping_add(probe.wrapping_mul(step));
            let bit = ((u128::from(probe) * bits) >> 64) as u64;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    fn add(&mut self, hash: u64) {
        for (word, bit) in self.places(hash) {
            if let Some(word) = self.0.get_mut(word) {
                *word |= bit;
            }
        }
    }

    fn may_hold(&self, hash: u64) -> bool {
        self.places(hash).all(|(word, bit)| self.0.get(word).is_some_and(|word| word & bit != 0))
    }
}

/// A hash that stays the same for ever, since filters are stored (the mixer of splitmix64 over words).
pub(crate) fn hash(key: &[u8]) -> u64 {
    let (words, rest) = key.as_chunks::<8>();
    let mut hash = words.iter().fold(key.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    if !rest.is_empty() {
        let mut word = [0; 8];
        word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        hash = mix(hash, u64::from_le_bytes(word));
    }
    hash
}

fn mix(hash: u64, word: u64) -> u64 {
    let mut hash = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}
