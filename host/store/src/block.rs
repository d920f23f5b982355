//! Consecutive entries, packed: what cannot be compressed (digests, salts, macs) apart from what can.
//!
//! A block is `total ‖ crc ‖ count ‖ raw bytes ‖ text bytes ‖ raw ‖ zstd(text)`, split into rows of at most
//! [`VALUE_BYTES_MAX`] bytes. `total` (4 bytes) counts everything after itself, so that rows left over from a longer
//! block are not read; `crc` is the CRC-32C of all that follows it.

use fonds_log::{Framed, Macs};
use fonds_model::{Content, Digest, Entry, Item, Kind, Seq, Timestamp};
use fonds_views::rows::VALUE_BYTES_MAX;

/// A block takes no more entries once it has this many.
const ENTRIES_MAX: usize = 128;
/// A block takes no more entries once it has this many bytes before compression; so it is at most 65 rows or one entry.
const BYTES_MAX: usize = 128 * 1024;
/// A block that an earlier call wrote is written again with more entries while it is smaller than this: entries that
/// come one by one still share blocks, and none costs more than this much again.
const EXTENDED_BYTES_MAX: usize = 16 * 1024;
/// Fast: the journal is where bytes are kept small.
const LEVEL: i32 = 1;

/// A block under construction.
pub(crate) struct Block {
    first: Seq,
    count: usize,
    at: i64,
    raw: Vec<u8>,
    text: Vec<u8>,
}

impl Block {
    pub(crate) fn new(first: Seq) -> Self {
        Self { first, count: 0, at: 0, raw: Vec::new(), text: Vec::new() }
    }

    /// The seq of its first entry.
    pub(crate) fn first(&self) -> Seq {
        self.first
    }

    /// The seq that follows its last entry.
    pub(crate) fn next(&self) -> Seq {
        self.first.saturating_add(self.count as u64)
    }

    /// Whether it may be written again with more entries.
    pub(crate) fn is_extensible(&self) -> bool {
        self.count < ENTRIES_MAX && self.raw.len() + self.text.len() < EXTENDED_BYTES_MAX
    }

    /// Whether an entry fits; an empty block takes any.
    pub(crate) fn fits(&self, framed: &Framed) -> bool {
        let bytes = self.raw.len() + self.text.len() + bytes_of(framed);
        self.count == 0 || (self.count < ENTRIES_MAX && bytes <= BYTES_MAX)
    }

    /// Adds the next entry.
    pub(crate) fn push(&mut self, framed: &Framed) {
        let Framed { entry, macs } = framed;
        let step = entry.at.0.wrapping_sub(self.at);
        self.at = entry.at.0;
        self.count += 1;
        put_number(&mut self.text, ((step << 1) ^ (step >> 63)).cast_unsigned());
        put_bytes(&mut self.text, entry.kind.as_str().as_bytes());
        let same = macs.is_some_and(|macs| macs.name == macs.content);
        self.text.push(if macs.is_none() {
            0
        } else if same {
            1
        } else {
            2
        });
        if let Some(macs) = macs {
            self.raw.extend(macs.name);
            if !same {
                self.raw.extend(macs.content);
            }
        }
        put_number(&mut self.text, entry.items.len() as u64);
        for item in &entry.items {
            self.raw.extend(item.digest.0);
            match (&item.content, &item.erased) {
                (Some(content), _) => {
                    self.text.push(1);
                    self.raw.extend(content.salt);
                    put_bytes(&mut self.text, &content.payload);
                }
                (None, Some(erased)) => {
                    self.text.push(2);
                    put_number(&mut self.text, erased.by);
                }
                (None, None) => self.text.push(0),
            }
        }
    }

    /// The block's bytes, ready to be split into rows.
    ///
    /// # Errors
    /// Why it cannot be packed: it would be above 4 GiB.
    pub(crate) fn pack(&self, compressor: &mut Compressor) -> Result<Vec<u8>, String> {
        let text = compressor.0.compress(&self.text).map_err(|error| error.to_string())?;
        let mut rest = Vec::with_capacity(32 + self.raw.len() + text.len());
        for number in [self.count, self.raw.len(), self.text.len()] {
            put_number(&mut rest, number as u64);
        }
        rest.extend(&self.raw);
        rest.extend(text);
        let total = u32::try_from(rest.len() + 4).map_err(|_| "an entry is above 4 GiB".to_owned())?;
        let mut bytes = Vec::with_capacity(rest.len() + 8);
        bytes.extend(total.to_be_bytes());
        bytes.extend(crc32c::crc32c(&rest).to_be_bytes());
        bytes.extend(rest);
        Ok(bytes)
    }
}

/// Roughly what an entry adds to a block.
fn bytes_of(framed: &Framed) -> usize {
    let items = framed.entry.items.iter();
    96 + items.map(|item| 54 + item.content.as_ref().map_or(0, |content| content.payload.len())).sum::<usize>()
}

/// The compressor, kept so that its tables are not made anew for each block.
pub(crate) struct Compressor(zstd::bulk::Compressor<'static>);

impl Compressor {
    pub(crate) fn new() -> std::io::Result<Self> {
        zstd::bulk::Compressor::new(LEVEL).map(Self)
    }
}

/// The rows of a packed block.
pub(crate) fn rows(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    (0_u32..).zip(bytes.chunks(VALUE_BYTES_MAX))
}

/// How many bytes the whole block has, by its first row.
pub(crate) fn packed_len(row: &[u8]) -> Option<usize> {
    let (total, _) = row.split_first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*total)).ok()?.checked_add(4)
}

/// Reads a block back; `None` when its bytes are not what was packed.
pub(crate) fn unpack(first: Seq, bytes: &[u8]) -> Option<Vec<Framed>> {
    let bytes = bytes.get(..packed_len(bytes)?)?.get(4..)?;
    let (crc, rest) = bytes.split_first_chunk::<4>()?;
    if crc32c::crc32c(rest) != u32::from_be_bytes(*crc) {
        return None;
    }
    let mut head = Reader(rest);
    let (count, raw_len, text_len) = (head.number()?, head.number()?, head.number()?);
    let mut raw = Reader(head.take(usize::try_from(raw_len).ok()?)?);
    let text = zstd::bulk::decompress(head.0, usize::try_from(text_len).ok()?).ok()?;
    let mut text = Reader(&text);
    let mut at = 0_i64;
    let mut entries = Vec::with_capacity(usize::try_from(count).ok()?);
    for seq in (first..).take(usize::try_from(count).ok()?) {
        entries.push(read_entry(seq, &mut at, &mut raw, &mut text)?);
    }
    (raw.0.is_empty() && text.0.is_empty()).then_some(entries)
}

fn read_entry(seq: Seq, at: &mut i64, raw: &mut Reader<'_>, text: &mut Reader<'_>) -> Option<Framed> {
    let step = text.number()?;
    *at = at.wrapping_add((step >> 1).cast_signed() ^ -(step & 1).cast_signed());
    let kind = Kind::parse(std::str::from_utf8(text.bytes()?).ok()?).ok()?;
    let macs = match text.byte()? {
        0 => None,
        1 => raw.array().map(|name| Macs { name, content: name }),
        _ => Some(Macs { name: raw.array()?, content: raw.array()? }),
    };
    let mut items = Vec::new();
    for _ in 0..text.number()? {
        let digest = Digest(raw.array()?);
        items.push(match text.byte()? {
            0 => Item { digest, content: None, erased: None },
            2 => Item::erased(digest, text.number()?),
            _ => Item::kept(digest, Content { salt: raw.array()?, payload: text.bytes()?.to_vec() }),
        });
    }
    Some(Framed { entry: Entry { seq, at: Timestamp(*at), kind, items }, macs })
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend(bytes);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        self.take(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{entry, framed};
    use proptest::prelude::*;

    fn pack(entries: &[Framed]) -> Vec<u8> {
        let mut block = Block::new(entries[0].entry.seq);
        entries.iter().for_each(|framed| block.push(framed));
        block.pack(&mut Compressor::new().unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn a_block_reads_back_byte_for_byte(mut entries in prop::collection::vec(framed(2_000), 1..40), first in 0..u64::MAX / 2) {
            for (framed, seq) in entries.iter_mut().zip(first..) {
                framed.entry.seq = seq;
            }
            let bytes = pack(&entries);
            prop_assert!(rows(&bytes).all(|(_, row)| row.len() <= VALUE_BYTES_MAX));
            prop_assert_eq!(unpack(first, &bytes), Some(entries));
        }

        #[test]
        fn a_flipped_bit_or_a_missing_end_is_never_read_as_an_entry(
            framed in framed(300), place in any::<prop::sample::Index>(), bit in 0..8_u8,
        ) {
            let first = framed.entry.seq;
            let bytes = pack(std::slice::from_ref(&framed));
            let mut wrong = bytes.clone();
            wrong[place.index(bytes.len())] ^= 1 << bit;
            prop_assert_eq!(unpack(first, &wrong), None);
            prop_assert_eq!(unpack(first, &bytes[..place.index(bytes.len())]), None);
        }
    }

    #[test]
    fn what_a_longer_block_left_behind_is_not_read() {
        let entries = [entry(0, &["one"])];
        let mut bytes = pack(&entries);
        bytes.extend([7; 5_000]);
        assert_eq!(unpack(0, &bytes), Some(entries.to_vec()));
    }

    #[test]
    fn a_block_ends_at_its_bounds_but_takes_any_first_entry() {
        let small = entry(0, &["small"]);
        let large = entry(0, &["x".repeat(BYTES_MAX).as_str()]);
        let mut block = Block::new(0);
        assert!(block.fits(&large), "an entry above the bound has a block of its own");
        for _ in 0..ENTRIES_MAX {
            assert!(block.fits(&small) && block.is_extensible());
            block.push(&small);
        }
        assert!(!block.fits(&small) && !block.is_extensible());
    }
}
