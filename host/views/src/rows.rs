//! Rows under prefixed keys: what a fold reads and writes, whatever store lies below.

use std::collections::BTreeMap;
use std::ops::Bound;

/// A value has at most this many bytes; what is longer is packed into several rows.
pub const VALUE_BYTES_MAX: usize = 4_096;

/// Keys of views begin with one of these bytes; all below `0x20` belong to the store itself.
pub mod prefix {
    /// First of the lineage view's own prefixes: `a` to `z`.
    pub const LINEAGE: std::ops::RangeInclusive<u8> = b'a'..=b'z';
    /// First of the register's own prefixes: `A` to `Z`.
    pub const REGISTER: std::ops::RangeInclusive<u8> = b'A'..=b'Z';
}

/// What can go wrong below a view.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The store below failed.
    #[error("the store could not be read: {0}")]
    Store(String),
    /// A row holds what no fold wrote.
    #[error("a row of the views is damaged ({0}): run `fonds store rebuild`")]
    Damaged(&'static str),
}

/// A row, or why it could not be read.
pub type Row = Result<(Vec<u8>, Vec<u8>), ViewError>;

/// Ordered rows that can be read; the contract that a store fulfils.
///
/// Reads see every row that was written before by the same handle.
pub trait Rows {
    /// The value under a key.
    ///
    /// # Errors
    /// [`ViewError::Store`] when the store below failed.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError>;

    /// Rows with keys from `from` on and below `to`, in order of key.
    fn range<'a>(&'a self, from: &[u8], to: &[u8]) -> Box<dyn Iterator<Item = Row> + 'a>;

    /// Rows with keys from `from` on and below `to`, last key first.
    fn range_back<'a>(&'a self, from: &[u8], to: &[u8]) -> Box<dyn Iterator<Item = Row> + 'a>;
}

/// Rows below a prefix, in order of key.
pub fn below<'a>(rows: &'a dyn Rows, prefix: &[u8]) -> Box<dyn Iterator<Item = Row> + 'a> {
    rows.range(prefix, &after(prefix))
}

/// The first key after all that begin with `prefix`.
#[must_use]
pub fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![u8::MAX; 64]
}

/// Rows in memory: for tests, and for what is never stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryRows(pub BTreeMap<Vec<u8>, Vec<u8>>);

impl MemoryRows {
    /// Takes over what a fold wrote.
    pub fn apply(&mut self, written: BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
        for (key, value) in written {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }
}

impl Rows for MemoryRows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        Ok(self.0.get(key).cloned())
    }

    fn range<'a>(&'a self, from: &[u8], to: &[u8]) -> Box<dyn Iterator<Item = Row> + 'a> {
        Box::new(between(&self.0, from, to).map(|(key, value)| Ok((key.clone(), value.clone()))))
    }

    fn range_back<'a>(&'a self, from: &[u8], to: &[u8]) -> Box<dyn Iterator<Item = Row> + 'a> {
        Box::new(between(&self.0, from, to).rev().map(|(key, value)| Ok((key.clone(), value.clone()))))
    }
}

fn between<'a, V>(
    map: &'a BTreeMap<Vec<u8>, V>,
    from: &[u8],
    to: &[u8],
) -> std::collections::btree_map::Range<'a, Vec<u8>, V> {
    let to = if to < from { from } else { to };
    map.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)))
}

/// What a fold has written and the store has not yet: reads see it over the rows below.
pub struct Pending<'a> {
    base: &'a dyn Rows,
    written: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl<'a> Pending<'a> {
    /// Nothing written yet over `base`.
    #[must_use]
    pub fn over(base: &'a dyn Rows) -> Self {
        Self { base, written: BTreeMap::new() }
    }

    /// Writes a row.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.written.insert(key, Some(value));
    }

    /// Deletes a row.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.written.insert(key, None);
    }

    /// What was written under a key (`Some(None)`: deleted), whatever lies below.
    #[must_use]
    pub fn written(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.written.get(key).map(Option::as_deref)
    }

    /// How many rows are written or deleted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written.len()
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// What was written (`None`: deleted), in order of key.
    #[must_use]
    pub fn into_written(self) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        self.written
    }

    /// Takes what was written so far and goes on with nothing written.
    pub fn take_written(&mut self) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        std::mem::take(&mut self.written)
    }

    fn merged<'b>(&'b self, from: &[u8], to: &[u8], back: bool) -> Merged<'b> {
        let base = if back { self.base.range_back(from, to) } else { self.base.range(from, to) };
        let written = between(&self.written, from, to);
        let written: Written<'b> = if back { Box::new(written.rev()) } else { Box::new(written) };
        Merged { base: base.peekable(), written: written.peekable(), back }
    }
}

impl Rows for Pending<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        match self.written.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    fn range<'a>(&'a self, from: &[u8], to: &[u8]) -> Box<dyn Iterator<Item = Row> + 'a> {
        Box::new(self.merged(from, to, false))
    }

    fn range_back<'a>(&'a self, from: &[u8], to: &[u8]) -> Box<dyn Iterator<Item = Row> + 'a> {
        Box::new(self.merged(from, to, true))
    }
}

type Written<'a> = Box<dyn Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)> + 'a>;

struct Merged<'a> {
    base: std::iter::Peekable<Box<dyn Iterator<Item = Row> + 'a>>,
    written: std::iter::Peekable<Written<'a>>,
    back: bool,
}

impl Iterator for Merged<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            let order = match (self.base.peek(), self.written.peek()) {
                (None, None) => return None,
                (Some(_), None) | (Some(Err(_)), _) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(Ok((base, _))), Some((written, _))) => base.cmp(written),
            };
            let order = if self.back && self.base.peek().is_some() && self.written.peek().is_some() {
                order.reverse()
            } else {
                order
            };
            if order == std::cmp::Ordering::Less {
                return self.base.next();
            }
            if order == std::cmp::Ordering::Equal {
                self.base.next();
            }
            if let Some((key, Some(value))) = self.written.next() {
                return Some(Ok((key.clone(), value.clone())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(rows: Box<dyn Iterator<Item = Row> + '_>) -> Vec<(String, String)> {
        rows.map(|row| row.unwrap())
            .map(|(k, v)| (String::from_utf8(k).unwrap(), String::from_utf8(v).unwrap()))
            .collect()
    }

    #[test]
    fn reads_see_what_is_written_over_what_is_stored() {
        let mut base = MemoryRows::default();
        for key in ["a", "b", "c", "d"] {
            base.0.insert(key.into(), b"old".to_vec());
        }
        let mut pending = Pending::over(&base);
        pending.put(b"b".to_vec(), b"new".to_vec());
        pending.put(b"bb".to_vec(), b"new".to_vec());
        pending.delete(b"c".to_vec());
        let want = [("a", "old"), ("b", "new"), ("bb", "new"), ("d", "old")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(keys(pending.range(b"a", b"z")), want);
        let mut back = want.to_vec();
        back.reverse();
        assert_eq!(keys(pending.range_back(b"a", b"z")), back);
        assert_eq!(pending.get(b"c").unwrap(), None);
        let written = pending.into_written();
        base.apply(written);
        assert_eq!(keys(below(&base, b"b")), want[1..3]);
    }

    #[test]
    fn the_key_after_a_prefix_comes_after_all_below_it() {
        assert_eq!(after(b"ab"), b"ac");
        assert_eq!(after(&[1, 255]), [2]);
    }
}
