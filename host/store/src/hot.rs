//! Small rows that the one writer reads again and again: the numbers of names, mostly.
//!
//! A name that was given a number long ago lies in an old run, and each event asks for some of them. Only the writer
//! reads and keeps rows here, and it forgets what it writes, so that nobody can bring back a row that was replaced.

use crate::run;
use crate::store::Store;
use fonds_views::rows::Row;
use fonds_views::{Rows, ViewError};
use std::cell::RefCell;

/// The hash's highest bits say where a row is kept.
const SLOT_BITS: u32 = if cfg!(test) { 4 } else { 15 };
const KEY_BYTES_MAX: usize = 256;
const VALUE_BYTES_MAX: usize = 16;

/// The rows, each in the one slot that it can have.
#[derive(Default)]
pub(crate) struct Hot(Vec<Option<Slot>>);

struct Slot {
    key: Box<[u8]>,
    len: u8,
    value: [u8; VALUE_BYTES_MAX],
}

fn place(hash: u64) -> usize {
    (hash >> (u64::BITS - SLOT_BITS)) as usize
}

impl Hot {
    fn get(&self, hash: u64, key: &[u8]) -> Option<&[u8]> {
        let slot = self.0.get(place(hash))?.as_ref().filter(|slot| *slot.key == *key)?;
        slot.value.get(..usize::from(slot.len))
    }

    fn keep(&mut self, hash: u64, key: &[u8], value: &[u8]) {
        if key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
            return;
        }
        if self.0.is_empty() {
            self.0.resize_with(1 << SLOT_BITS, || None);
        }
        let mut slot = Slot { key: key.into(), len: value.len() as u8, value: [0; VALUE_BYTES_MAX] };
        slot.value.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
        if let Some(place) = self.0.get_mut(place(hash)) {
            *place = Some(slot);
        }
    }

    /// Forgets a row that is being written.
    pub(crate) fn forget(&mut self, key: &[u8]) {
        if let Some(slot) = self.0.get_mut(place(run::hash(key)))
            && slot.as_ref().is_some_and(|slot| *slot.key == *key)
        {
            *slot = None;
        }
    }
}

/// The store's rows as its writer reads them.
pub(crate) struct WriterRows<'a> {
    pub(crate) store: &'a Store,
    pub(crate) hot: RefCell<Hot>,
}

impl Rows for WriterRows<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        let hash = run::hash(key);
        if let Some(value) = self.hot.borrow().get(hash, key) {
            return Ok(Some(value.to_vec()));
        }
        let base = &self.store.base;
        let value =
            base.layers().get_hashed(&base.disk, key, hash).map_err(|error| ViewError::Store(error.to_string()))?;
        if let Some(value) = &value {
            self.hot.borrow_mut().keep(hash, key, value);
        }
        Ok(value)
    }

    fn range<'a>(&'a self, from: &[u8], to: &[u8]) -> Box<dyn Iterator<Item = Row> + 'a> {
        self.store.range(from, to)
    }

    fn range_back<'a>(&'a self, from: &[u8], to: &[u8]) -> Box<dyn Iterator<Item = Row> + 'a> {
        self.store.range_back(from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_kept_until_it_is_written_or_another_takes_its_slot() {
        let mut hot = Hot::default();
        let hash = |key: &[u8]| run::hash(key);
        hot.keep(hash(b"one"), b"one", b"1");
        assert_eq!(hot.get(hash(b"one"), b"one"), Some(&b"1"[..]));
        hot.keep(hash(b"one"), b"two", b"2");
        assert_eq!(hot.get(hash(b"one"), b"one"), None, "a slot holds one row, and says which");
        hot.keep(hash(b"one"), b"one", b"");
        assert_eq!(hot.get(hash(b"one"), b"one"), Some(&b""[..]));
        hot.forget(b"one");
        assert_eq!(hot.get(hash(b"one"), b"one"), None);
        hot.keep(hash(b"long"), b"long", &[0; VALUE_BYTES_MAX + 1]);
        assert_eq!(hot.get(hash(b"long"), b"long"), None);
    }
}
