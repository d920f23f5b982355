//! Counting by key, up to so many keys.

use serde::Serialize;
use std::collections::BTreeMap;

/// So many rows are counted apart; what would need another is counted beside them.
const ROWS_MAX: usize = 50_000;

/// A row and how many there are of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row<K> {
    /// Of what.
    #[serde(flatten)]
    pub of: K,
    /// How many.
    pub records: u64,
}

/// Rows with how many there are of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted<K> {
    /// In order.
    pub rows: Vec<Row<K>>,
    /// How many in all.
    pub total: u64,
    /// How many of them are in none of the rows, because there would be too many rows.
    #[serde(skip_serializing_if = "is_none")]
    pub beyond: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// What is being counted.
pub(super) struct Tally<K> {
    counts: BTreeMap<K, u64>,
    total: u64,
    beyond: u64,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), total: 0, beyond: 0 }
    }
}

impl<K: Ord> Tally<K> {
    pub(super) fn add(&mut self, key: K) {
        self.total += 1;
        if let Some(count) = self.counts.get_mut(&key) {
            *count += 1;
        } else if self.counts.len() < ROWS_MAX {
            self.counts.insert(key, 1);
        } else {
            self.beyond += 1;
        }
    }

    pub(super) fn finish(self) -> Counted<K> {
        let rows = self.counts.into_iter().map(|(of, records)| Row { of, records }).collect();
        Counted { rows, total: self.total, beyond: self.beyond }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_row_any_more_is_still_counted() {
        let mut tally = Tally::default();
        (0..ROWS_MAX + 7).for_each(|key| tally.add(key));
        tally.add(3);
        let counted = tally.finish();
        assert_eq!((counted.rows.len(), counted.total, counted.beyond), (ROWS_MAX, ROWS_MAX as u64 + 8, 7));
        assert_eq!(counted.rows[3].records, 2);
    }
}
