//! Rows that are not in a run yet.
//!
//! Folds of lineage ask for rows by their keys only, millions of times: a hash finds one with a look or two, where a tree
//! takes twenty. Whoever asks for a range puts them in order, and from then on they stay in order.

use crate::run::Chunk;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

/// Beside key and value a row takes about this much.
const ROW_BYTES: usize = 96;

type Value = Option<Vec<u8>>;

/// Rows, deleted ones among them, as they were last written.
#[derive(Default)]
pub(crate) struct Memory {
    table: Table,
    /// About what they take, the table included.
    pub(crate) bytes: usize,
}

enum Table {
    Hashed(HashMap<Vec<u8>, Value, Seed>),
    Ordered(BTreeMap<Vec<u8>, Value>),
}

impl Default for Table {
    fn default() -> Self {
        Self::Hashed(HashMap::default())
    }
}

impl Memory {
    /// Empty, for those who used `before`: in order when that had to be.
    pub(crate) fn after(before: &Self) -> Self {
        let table = match &before.table {
            Table::Hashed(_) => Table::default(),
            Table::Ordered(_) => Table::Ordered(BTreeMap::new()),
        };
        Self { table, bytes: 0 }
    }

    /// Takes a row over, in place of the one that stood under its key.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Value) {
        let len = |value: &Value| value.as_ref().map_or(0, Vec::len);
        let (key_len, value_len) = (key.len(), len(&value));
        let old = match &mut self.table {
            Table::Hashed(rows) => rows.insert(key, value),
            Table::Ordered(rows) => rows.insert(key, value),
        };
        self.bytes = match old {
            Some(old) => self.bytes.saturating_sub(len(&old)) + value_len,
            None => self.bytes + key_len + value_len + ROW_BYTES,
        };
    }

    /// What it says of a key: nothing, deleted, or the value.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Value> {
        match &self.table {
            Table::Hashed(rows) => rows.get(key),
            Table::Ordered(rows) => rows.get(key),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.table {
            Table::Hashed(rows) => rows.is_empty(),
            Table::Ordered(rows) => rows.is_empty(),
        }
    }

    /// All rows in order of key.
    pub(crate) fn in_order(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        match &self.table {
            Table::Ordered(rows) => rows.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect(),
            Table::Hashed(rows) => {
                let mut rows: Vec<_> = rows.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect();
                rows.sort_unstable_by_key(|(key, _)| *key);
                rows
            }
        }
    }
}

/// A few rows from `from` on and below `to`: the first ones, or the last when it is read back.
pub(crate) fn page(memory: &RwLock<Memory>, from: &[u8], to: Option<&[u8]>, back: bool, count: usize) -> Chunk {
    let mut page = Chunk::default();
    if to.is_some_and(|to| to <= from) {
        return page;
    }
    let range = (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded));
    loop {
        if let Table::Ordered(rows) = &memory.read().unwrap_or_else(PoisonError::into_inner).table {
            let range = rows.range::<[u8], _>(range);
            if back {
                let last: Vec<_> = range.rev().take(count).collect();
                last.into_iter().rev().for_each(|(key, value)| page.push(key, value.as_deref()));
            } else {
                range.take(count).for_each(|(key, value)| page.push(key, value.as_deref()));
            }
            return page;
        }
        let table = &mut memory.write().unwrap_or_else(PoisonError::into_inner).table;
        if let Table::Hashed(rows) = table {
            *table = Table::Ordered(std::mem::take(rows).into_iter().collect());
        }
    }
}

/// Where hashing begins, so that nobody outside can make names that all fall into one place.
struct Seed(u64);

impl Default for Seed {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for Seed {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher(self.0)
    }
}

/// One folded multiplication a word: it stays in memory, and may be another one with each run.
struct KeyHasher(u64);

/// The fraction of the golden ratio, odd.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl KeyHasher {
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(FACTOR);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        let mut word = [0; 8];
        word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.mix(u64::from_le_bytes(word));
        self.mix(bytes.len() as u64);
    }

    /// A slice's length, which the hash of its bytes holds already.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_row_that_is_written_again_takes_no_more_memory() {
        let mut memory = Memory::default();
        memory.put(vec![1; 10], Some(vec![0; 100]));
        let once = memory.bytes;
        for len in [50, 0, 100] {
            memory.put(vec![1; 10], Some(vec![1; len]));
            assert_eq!(memory.bytes, once - 100 + len);
        }
        memory.put(vec![1; 10], None);
        assert_eq!(memory.bytes, once - 100);
    }

    type Put = (Vec<u8>, Value);

    fn puts() -> impl Strategy<Value = Vec<Put>> {
        let key = prop::collection::vec(0..4_u8, 0..4);
        prop::collection::vec((key, prop::option::of(prop::collection::vec(any::<u8>(), 0..3))), 0..60)
    }

    fn all(chunk: &Chunk) -> Vec<Put> {
        (0..chunk.len()).map(|row| (chunk.key(row).to_vec(), chunk.value(row).map(<[u8]>::to_vec))).collect()
    }

    proptest! {
        #[test]
        fn rows_are_the_same_before_they_are_put_in_order_and_after(before in puts(), after in puts(), from in prop::collection::vec(0..4_u8, 0..3), to in prop::option::of(prop::collection::vec(0..4_u8, 0..3)), count in 1..9_usize, back: bool) {
            let memory = RwLock::new(Memory::default());
            let mut model = BTreeMap::new();
            for (puts, ordered) in [(before, false), (after, true)] {
                for (key, value) in puts {
                    memory.write().unwrap().put(key.clone(), value.clone());
                    model.insert(key, value);
                }
                prop_assert_eq!(matches!(memory.read().unwrap().table, Table::Ordered(_)), ordered);
                for (key, value) in &model {
                    let found = memory.read().unwrap().get(key).cloned();
                    prop_assert_eq!(found.as_ref(), Some(value));
                }
                let in_order: Vec<Put> = memory.read().unwrap().in_order().into_iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect();
                prop_assert_eq!(&in_order, &model.clone().into_iter().collect::<Vec<_>>());
                let within: Vec<Put> = in_order.into_iter().filter(|(key, _)| *key >= from && to.as_ref().is_none_or(|to| key < to)).collect();
                let first = if back { within.len().saturating_sub(count)..within.len() } else { 0..count.min(within.len()) };
                if to.as_ref().is_none_or(|to| *to > from) {
                    prop_assert_eq!(all(&page(&memory, &from, to.as_deref(), back, count)), &within[first]);
                } else {
                    page(&memory, &[], None, false, 1);
                }
            }
        }
    }
}
