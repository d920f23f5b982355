//! The active holds by age, and how many records each holds.

use super::{Counting, Times, days_between};
use crate::RuntimeError;
use crate::facts::Shared;
use fonds_model::PartialDate;
use fonds_views::register::Hold;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;

/// An active hold.
#[derive(Debug, Clone, Serialize)]
pub struct HeldRow {
    /// Its name.
    pub hold: String,
    /// When it was placed.
    pub placed_on: Date,
    /// How many days ago.
    pub days: u64,
    /// How many records it holds.
    pub records: u64,
    /// When to ask whether it is still needed.
    pub review_by: Option<PartialDate>,
    /// That day is over.
    pub overdue: bool,
    /// The law or order that it rests on.
    pub authority: Option<String>,
    /// The case or inquiry that it serves.
    pub matter: Option<String>,
    /// Who placed it.
    pub by: Option<String>,
}

/// The active holds, the oldest first.
#[derive(Debug, Clone, Serialize)]
pub struct HoldsByAge {
    /// The holds.
    pub rows: Vec<HeldRow>,
    /// How many there are.
    pub total: u64,
    /// How many records are held by one or more.
    pub records_held: u64,
}

/// What is being counted.
pub(super) struct Ages {
    active: Vec<Hold>,
    held: BTreeMap<String, u64>,
    records: u64,
}

impl Ages {
    pub(super) fn new(shared: &Shared<'_>) -> Self {
        Self { active: shared.holds.clone(), held: BTreeMap::new(), records: 0 }
    }

    pub(super) fn add(&mut self, one: &Counting<'_>) {
        let mut last = None;
        // In order of name, so that one hold in two ways is counted once.
        for held in &one.judged.held {
            if last == Some(&held.hold) {
                continue;
            }
            last = Some(&held.hold);
            match self.held.get_mut(&held.hold) {
                Some(count) => *count += 1,
                None => drop(self.held.insert(held.hold.clone(), 1)),
            }
        }
        self.records += u64::from(last.is_some());
    }

    pub(super) fn finish(self, times: &mut Times<'_>, as_of: Date) -> Result<HoldsByAge, RuntimeError> {
        let mut rows = Vec::new();
        for hold in self.active {
            let placed_on = times.on(hold.placed_at)?;
            rows.push(HeldRow {
                placed_on,
                days: days_between(placed_on, as_of),
                records: self.held.get(&hold.name).copied().unwrap_or(0),
                overdue: hold.is_overdue(as_of),
                review_by: hold.review_by,
                authority: hold.authority,
                matter: hold.matter,
                by: hold.by,
                hold: hold.name,
            });
        }
        rows.sort_by(|one, other| (one.placed_on, &one.hold).cmp(&(other.placed_on, &other.hold)));
        Ok(HoldsByAge { total: rows.len() as u64, rows, records_held: self.records })
    }
}
