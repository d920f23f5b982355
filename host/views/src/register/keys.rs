//! Keys and values of the register's rows.
//!
//! A fact row's key is a prefix, a text without NUL, a NUL and the position (seq, item), big-endian: so the rows of
//! one id lie together in the log's order, and reading at N takes what is at or below N.

use crate::rows::{Pending, Row, Rows, VALUE_BYTES_MAX, ViewError};
use fonds_model::{Position, Seq};
use serde::{Deserialize, Serialize};

/// `accessed` and `shared`, apart so that they never make a record slow to resolve.
pub(super) const ACCESS: u8 = b'A';
/// Bindings by name.
pub(super) const BINDING: u8 = b'B';
/// What does not fit into one value.
pub(super) const CHUNK: u8 = b'C';
/// Records that changed, by the seq that last changed them.
pub(super) const CHANGED: u8 = b'D';
/// Dates on which a record is to be looked at.
pub(super) const DUE: u8 = b'E';
/// What is filed into a file.
pub(super) const FILED: u8 = b'F';
/// Agencies.
pub(super) const AGENCY: u8 = b'G';
/// The history of records.
pub(super) const HISTORY: u8 = b'H';
/// The records that an item tells of.
pub(super) const ITEM: u8 = b'I';
/// Decisions that were replaced.
pub(super) const DECIDED_BEFORE: u8 = b'J';
/// What the decisions of one entry share.
pub(super) const DECIDED: u8 = b'K';
/// Plugins.
pub(super) const PLUGIN: u8 = b'L';
/// Marks of the whole register: sweeps, changes that concern every record, counts.
pub(super) const MARK: u8 = b'M';
/// Parts of imported schedules.
pub(super) const SCHEDULE: u8 = b'N';
/// Series as one import has them.
pub(super) const SERIES: u8 = b'O';
/// The latest decision of each binding, by record.
pub(super) const DECISION: u8 = b'Q';
/// Records as they are now; above all that a record's fold writes beside it.
pub(super) const RECORD: u8 = b'R';
/// Proposals of a disposition, by the item that made them.
pub(super) const DISPOSITION: u8 = b'X';
/// Those that are neither carried out nor given up.
pub(super) const OPEN: u8 = b'T';
/// The proposals about a record.
pub(super) const OF_RECORD: u8 = b'U';
/// What reviewers said of a record.
pub(super) const REVIEW: u8 = b'V';
/// The items that were erased.
pub(super) const ERASED: u8 = b'W';
/// Settings, and the keys of people.
pub(super) const SETTING: u8 = b'P';
/// Backups, by folder.
pub(super) const BACKUP: u8 = b'Z';
/// Holds, by name.
pub(super) const HOLD: u8 = b'Y';

/// Agencies that succeed others.
pub(super) const SUCCESSION: u8 = b'S';

const POSITION_BYTES: usize = 10;

fn position_bytes(position: Position) -> [u8; POSITION_BYTES] {
    let mut bytes = [0; POSITION_BYTES];
    let (seq, item) = bytes.split_at_mut(8);
    seq.copy_from_slice(&position.seq.to_be_bytes());
    item.copy_from_slice(&position.item.to_be_bytes());
    bytes
}

/// A prefix and a text.
pub(super) fn key(prefix: u8, text: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + text.len() + 1 + POSITION_BYTES);
    key.push(prefix);
    key.extend_from_slice(text.as_bytes());
    key
}

/// A prefix, a text, a NUL and a position.
pub(super) fn key_at(prefix: u8, text: &str, position: Position) -> Vec<u8> {
    let mut key = key(prefix, text);
    key.push(0);
    key.extend_from_slice(&position_bytes(position));
    key
}

/// A prefix and a position.
pub(super) fn key_of(prefix: u8, position: Position) -> Vec<u8> {
    let mut key = vec![prefix];
    key.extend_from_slice(&position_bytes(position));
    key
}

/// A prefix, a seq and an id: ordered by seq.
pub(super) fn key_by_seq(prefix: u8, seq: Seq, id: &str) -> Vec<u8> {
    let mut key = vec![prefix];
    key.extend_from_slice(&seq.to_be_bytes());
    key.extend_from_slice(id.as_bytes());
    key
}

/// The position at a key's end.
pub(super) fn position_of(key: &[u8]) -> Result<Position, ViewError> {
    let damaged = ViewError::Damaged("a key without a position");
    let Some(start) = key.len().checked_sub(POSITION_BYTES) else { return Err(damaged) };
    let (seq, item) = (key.get(start..start + 8), key.get(start + 8..));
    match (seq.and_then(|seq| seq.try_into().ok()), item.and_then(|item| item.try_into().ok())) {
        (Some(seq), Some(item)) => Ok(Position { seq: u64::from_be_bytes(seq), item: u16::from_be_bytes(item) }),
        _ => Err(damaged),
    }
}

/// The bounds of a text's fact rows up to and including `as_of`.
pub(super) fn bounds(prefix: u8, text: &str, as_of: Option<Seq>) -> (Vec<u8>, Vec<u8>) {
    let mut from = key(prefix, text);
    let mut to = from.clone();
    from.push(0);
    match as_of.and_then(|seq| seq.checked_add(1)) {
        Some(next) => {
            to.push(0);
            to.extend_from_slice(&next.to_be_bytes());
        }
        None => to.push(1),
    }
    (from, to)
}

/// A text's fact rows up to and including `as_of`, oldest first.
pub(super) fn facts<'a>(
    rows: &'a dyn Rows,
    prefix: u8,
    text: &str,
    as_of: Option<Seq>,
) -> Box<dyn Iterator<Item = Row> + 'a> {
    let (from, to) = bounds(prefix, text, as_of);
    rows.range(&from, &to)
}

/// The same rows, newest first.
pub(super) fn facts_back<'a>(
    rows: &'a dyn Rows,
    prefix: u8,
    text: &str,
    as_of: Option<Seq>,
) -> Box<dyn Iterator<Item = Row> + 'a> {
    let (from, to) = bounds(prefix, text, as_of);
    rows.range_back(&from, &to)
}

/// The text that stands in a key after its prefix, up to `end`.
pub(super) fn text_in(key: &[u8], start: usize, end: usize) -> Result<&str, ViewError> {
    key.get(start..end)
        .and_then(|text| std::str::from_utf8(text).ok())
        .ok_or(ViewError::Damaged("a key that is not text"))
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, ViewError> {
    postcard::to_stdvec(value).map_err(|_| ViewError::Damaged("a value that cannot be written"))
}

pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &'static str) -> Result<T, ViewError> {
    postcard::from_bytes(bytes).map_err(|_| ViewError::Damaged(what))
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, ViewError> {
    serde_json::to_vec(value).map_err(|_| ViewError::Damaged("a value that cannot be written"))
}

pub(super) fn from_json<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &'static str) -> Result<T, ViewError> {
    serde_json::from_slice(bytes).map_err(|_| ViewError::Damaged(what))
}

/// What of a long value fits into one row beside the count of the rows that follow.
const PIECE: usize = VALUE_BYTES_MAX - 2;

fn chunk_key(key: &[u8], index: u16) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(key.len() + 3);
    chunk.push(CHUNK);
    chunk.extend_from_slice(key);
    chunk.extend_from_slice(&index.to_be_bytes());
    chunk
}

/// How many rows follow the first row of a long value.
pub(super) fn chunks(first: &[u8]) -> u16 {
    match first {
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

/// Writes a value of any length; `had` is how many rows followed the value that it replaces.
pub(super) fn put_long(rows: &mut Pending<'_>, key: Vec<u8>, bytes: &[u8], had: u16) -> Result<(), ViewError> {
    let (head, rest) = bytes.split_at(bytes.len().min(PIECE));
    let count =
        u16::try_from(rest.len().div_ceil(PIECE)).map_err(|_| ViewError::Damaged("a value that is too long"))?;
    for (piece, index) in rest.chunks(PIECE).zip(0_u16..) {
        rows.put(chunk_key(&key, index), piece.to_vec());
    }
    for index in count..had {
        rows.delete(chunk_key(&key, index));
    }
    let mut first = Vec::with_capacity(2 + head.len());
    first.extend_from_slice(&count.to_be_bytes());
    first.extend_from_slice(head);
    rows.put(key, first);
    Ok(())
}

/// The whole of a long value, given its first row.
pub(super) fn whole(rows: &dyn Rows, key: &[u8], first: Vec<u8>) -> Result<Vec<u8>, ViewError> {
    let count = chunks(&first);
    let mut bytes = first;
    bytes.drain(..bytes.len().min(2));
    for index in 0..count {
        let piece =
            rows.get(&chunk_key(key, index))?.ok_or(ViewError::Damaged("a piece of a long value is missing"))?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// A long value by its key.
pub(super) fn get_long(rows: &dyn Rows, key: &[u8]) -> Result<Option<(Vec<u8>, u16)>, ViewError> {
    let Some(first) = rows.get(key)? else { return Ok(None) };
    let had = chunks(&first);
    Ok(Some((whole(rows, key, first)?, had)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::MemoryRows;

    #[test]
    fn the_rows_of_one_id_never_mix_with_those_of_an_id_that_begins_alike() {
        let mut base = MemoryRows::default();
        for (id, seq) in [("a", 1), ("a", 300), ("ab", 2), ("a\u{1}", 3)] {
            base.0.insert(key_at(HISTORY, id, Position { seq, item: 0 }), Vec::new());
        }
        let seqs = |as_of| {
            facts(&base, HISTORY, "a", as_of).map(|row| position_of(&row.unwrap().0).unwrap().seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(None), [1, 300]);
        assert_eq!(seqs(Some(299)), [1]);
        assert_eq!(seqs(Some(300)), [1, 300]);
        assert_eq!(seqs(Some(0)), Vec::<u64>::new());
    }

    #[test]
    fn a_long_value_is_packed_into_rows_of_at_most_four_kib_and_leaves_none_behind() {
        let mut base = MemoryRows::default();
        let mut had = 0;
        for length in [10_usize, 20_000, 4_094, 4_095, 0] {
            let value = vec![7_u8; length];
            let mut pending = Pending::over(&base);
            put_long(&mut pending, b"Rx".to_vec(), &value, had).unwrap();
            let written = pending.into_written();
            base.apply(written);
            assert!(base.0.values().all(|value| value.len() <= VALUE_BYTES_MAX));
            let (read, count) = get_long(&base, b"Rx").unwrap().unwrap();
            assert_eq!(read.len(), length);
            assert_eq!(base.0.len(), usize::from(count) + 1);
            had = count;
        }
    }
}
