//! Lists packed into rows: what grows with the log is appended to the last row of its list.
//!
//! A row says which position was appended last, and folds come in the order of the log, so each row by itself knows
//! what it holds already. A store may lose the end of what a fold wrote, as long as it writes the rows of one list in
//! order of key: folding the same items again then leaves the same bytes.

use super::code::{NodeId, Reader, Writer};
use crate::{Pending, Rows, ViewError};
use fonds_model::Position;
use std::borrow::Cow;

/// What a list is about; the first byte of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum List {
    /// By block of 1,024 positions: what was annulled in it, and by what.
    Annulled = b'b',
    /// By entity: who read it, what was derived from it, its other names.
    Down = b'd',
    /// By activity: its name, its job, and what each event said of it.
    Activity = b'f',
    /// By entity: its name, versions, tags and owners.
    Entity = b'm',
    /// By entity: who wrote it, what it was derived from, its other names.
    Up = b'u',
}

/// A row that has reached this length takes no more, and only then can there be a next one.
const SEALED: usize = 768;

/// Under this number stands which row is the last, once there is more than one.
///
/// It may name an earlier row than the last one, since a store may have lost it: the rows after that are looked for.
const LAST: u32 = u32::MAX;

/// An entry has at most this many bytes, so that a row never passes [`crate::rows::VALUE_BYTES_MAX`].
pub(crate) const ENTRY_BYTES_MAX: usize = 3_200;

/// The place of an entry in the order in which the log brings them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) position: Position,
    pub(crate) part: u64,
}

fn key(list: List, owner: NodeId, row: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(13);
    key.push(list as u8);
    key.extend_from_slice(&owner.0.to_be_bytes());
    key.extend_from_slice(&row.to_be_bytes());
    key
}

fn read_key(key: &[u8]) -> Result<(NodeId, u32), ViewError> {
    let damaged = || ViewError::Damaged("lineage key");
    let (_, rest) = key.split_first().ok_or_else(damaged)?;
    let (owner, row) = rest.split_first_chunk().ok_or_else(damaged)?;
    Ok((NodeId(u64::from_be_bytes(*owner)), u32::from_be_bytes(row.try_into().map_err(|_| damaged())?)))
}

fn split(row: &[u8]) -> Result<(Place, Reader<'_>), ViewError> {
    let mut reader = Reader(row);
    let position = reader.position()?;
    Ok((Place { position, part: reader.number()? }, reader))
}

/// Whose list it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) node: NodeId,
    /// Whether no row of it can be stored yet, so that none is looked for there.
    pub(crate) is_new: bool,
}

/// The last row of a list.
struct Last<'a> {
    number: u32,
    /// The number that stands under [`LAST`], or 0.
    noted: u32,
    value: Cow<'a, [u8]>,
}

fn last<'a>(rows: &'a Pending<'_>, list: List, owner: Owner) -> Result<Option<Last<'a>>, ViewError> {
    let row = |number| {
        let key = key(list, owner.node, number);
        match rows.written(&key) {
            Some(value) => Ok(value.map(Cow::Borrowed)),
            None if owner.is_new => Ok(None),
            None => rows.get(&key).map(|value| value.map(Cow::Owned)),
        }
    };
    let Some(mut value) = row(0)? else { return Ok(None) };
    let (mut number, mut noted) = (0, 0);
    if value.len() >= SEALED
        && let Some(note) = row(LAST)?
    {
        noted = u32::try_from(Reader(&note).number()?).map_err(|_| ViewError::Damaged("lineage list"))?;
        if let Some(there) = row(noted)? {
            (number, value) = (noted, there);
        }
    }
    while value.len() >= SEALED
        && let Some(next) = row(number.saturating_add(1))?
    {
        (number, value) = (number.saturating_add(1), next);
    }
    Ok(Some(Last { number, noted, value }))
}

/// Appends an entry, unless it is there already, or the list's last row holds `repeats` entries that begin with the
/// same `same` bytes.
pub(crate) fn append(
    rows: &mut Pending<'_>,
    list: List,
    owner: Owner,
    place: Place,
    entry: &[u8],
    repeats: (usize, usize),
) -> Result<(), ViewError> {
    let entry = entry.get(..ENTRY_BYTES_MAX).unwrap_or(entry);
    let (row, noted, value) = match last(rows, list, owner)? {
        None => (0, 0, Some(appended(place, &[], entry))),
        Some(last) => {
            let held = &*last.value;
            let (newest, reader) = split(held)?;
            if place <= newest || has(reader.clone(), entry, repeats)? {
                (last.number, last.noted, None)
            } else if held.len() < SEALED {
                (last.number, last.noted, Some(appended(place, reader.0, entry)))
            } else {
                (last.number.saturating_add(1), last.noted, Some(appended(place, &[], entry)))
            }
        }
    };
    if row != noted {
        let mut note = Writer::default();
        note.number(u64::from(row));
        rows.put(key(list, owner.node, LAST), note.0);
    }
    if let Some(value) = value {
        rows.put(key(list, owner.node, row), value);
    }
    Ok(())
}

/// Whether a row holds `repeats` entries that begin with the same `same` bytes.
fn has(mut row: Reader<'_>, entry: &[u8], (same, repeats): (usize, usize)) -> Result<bool, ViewError> {
    let head = entry.get(..same).unwrap_or(entry);
    let mut found = 0;
    while found < repeats && !row.is_empty() {
        found += usize::from(row.bytes()?.starts_with(head));
    }
    Ok(found >= repeats)
}

/// A row of what it held and one more entry.
fn appended(place: Place, held: &[u8], entry: &[u8]) -> Vec<u8> {
    let mut value = Writer(Vec::with_capacity(held.len() + entry.len() + 24));
    value.position(place.position).number(place.part);
    value.0.extend_from_slice(held);
    value.number(entry.len() as u64);
    value.0.extend_from_slice(entry);
    value.0
}

/// Hands each entry of a list to `visit`, oldest first, until it says `false`.
pub(crate) fn each(
    rows: &dyn Rows,
    list: List,
    owner: NodeId,
    mut visit: impl FnMut(Reader<'_>) -> Result<bool, ViewError>,
) -> Result<(), ViewError> {
    let mut row = 0;
    while let Some(value) = rows.get(&key(list, owner, row))? {
        let (_, mut reader) = split(&value)?;
        while !reader.is_empty() {
            if !visit(Reader(reader.bytes()?))? {
                return Ok(());
            }
        }
        if value.len() < SEALED {
            return Ok(());
        }
        row = row.saturating_add(1);
    }
    Ok(())
}

/// Hands each entry of all lists of a kind to `visit` with its owner, in order of owner, then oldest first.
pub(crate) fn each_of_all(
    rows: &dyn Rows,
    list: List,
    mut visit: impl FnMut(NodeId, Reader<'_>) -> Result<(), ViewError>,
) -> Result<(), ViewError> {
    for row in crate::rows::below(rows, &[list as u8]) {
        let (key, value) = row?;
        let (owner, number) = read_key(&key)?;
        if number == LAST {
            continue;
        }
        let (_, mut reader) = split(&value)?;
        while !reader.is_empty() {
            visit(owner, Reader(reader.bytes()?))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{MemoryRows, VALUE_BYTES_MAX};

    const FIVE: Owner = Owner { node: NodeId(5), is_new: false };

    fn place(seq: u64) -> Place {
        Place { position: Position { seq, item: 0 }, part: 0 }
    }

    fn append_all(base: &mut MemoryRows, entries: &[Vec<u8>]) {
        let written = {
            let mut pending = Pending::over(base);
            for (entry, seq) in entries.iter().zip(0..) {
                append(&mut pending, List::Up, FIVE, place(seq), entry, (usize::MAX, 1)).unwrap();
            }
            pending.into_written()
        };
        base.apply(written);
    }

    fn read(base: &MemoryRows) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        each(base, List::Up, NodeId(5), |entry| {
            found.push(entry.0.to_vec());
            Ok(true)
        })
        .unwrap();
        found
    }

    #[test]
    fn a_long_list_is_read_in_order_and_no_row_is_too_long_for_the_store() {
        let entries: Vec<_> = (0..500_u32).map(|n| vec![n as u8; 1 + (n as usize * 37) % ENTRY_BYTES_MAX]).collect();
        let mut base = MemoryRows::default();
        append_all(&mut base, &entries);
        let mut want = entries.clone();
        want.dedup();
        assert_eq!(read(&base), want);
        assert!(base.0.len() > 100 && base.0.values().all(|value| value.len() <= VALUE_BYTES_MAX));
    }

    #[test]
    fn the_end_of_a_long_list_is_found_without_a_range() {
        struct Gets(MemoryRows, std::cell::Cell<usize>);
        impl Rows for Gets {
            fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
                self.1.set(self.1.get() + 1);
                self.0.get(key)
            }
            fn range<'a>(&'a self, _: &[u8], _: &[u8]) -> Box<dyn Iterator<Item = crate::rows::Row> + 'a> {
                panic!("a range opens every run")
            }
            fn range_back<'a>(&'a self, from: &[u8], to: &[u8]) -> Box<dyn Iterator<Item = crate::rows::Row> + 'a> {
                self.range(from, to)
            }
        }
        let entries: Vec<_> = (0..4_000_u32).map(|n| n.to_be_bytes().repeat(6)).collect();
        let mut whole = MemoryRows::default();
        append_all(&mut whole, &entries);
        assert!(whole.0.len() > 100);
        let rows = Gets(whole, std::cell::Cell::default());
        append(&mut Pending::over(&rows), List::Up, FIVE, place(9_000), b"next", (usize::MAX, 1)).unwrap();
        assert!(rows.1.get() <= 4, "{} gets for one entry", rows.1.get());
    }

    #[test]
    fn applying_only_some_rows_and_then_all_again_gives_the_same_bytes() {
        let entries: Vec<_> = (0..400_u32).map(|n| n.to_be_bytes().repeat(6)).collect();
        let mut whole = MemoryRows::default();
        append_all(&mut whole, &entries);
        assert!(whole.0.len() > 8);
        for lost in 0..whole.0.len() {
            let mut half = whole.clone();
            // A row that came later than the lost one is lost too, or it is there and knows what it holds.
            let keys: Vec<_> = half.0.keys().skip(lost).cloned().collect();
            for key in keys {
                half.0.remove(&key);
            }
            append_all(&mut half, &entries);
            assert_eq!(half, whole);
        }
        let before = whole.clone();
        append_all(&mut whole, &entries);
        assert_eq!(whole, before);
    }
}
