//! What is late: approvals, what is approved and not carried out, what nobody has confirmed, and what the law allows no
//! longer.

use super::{Counting, LISTED_MAX, ReportTold, Times, days_between};
use crate::RuntimeError;
use fonds_policy::disposition::State;
use fonds_views::register::Disposition;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;

/// So many rows are counted apart.
const ROWS_MAX: usize = 50_000;

/// What something waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lateness {
    /// A proposal has not been answered.
    Approval,
    /// An approved one has not been carried out.
    Execution,
    /// The host was cut off while it carried one out.
    Resumption,
    /// An agency's own system has not said that it deleted the content.
    Acknowledgement,
    /// An archive has not said that it took the record.
    Receipt,
    /// The law allows the record no longer.
    NotAfter,
}

impl Lateness {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Execution => "execution",
            Self::Resumption => "resumption",
            Self::Acknowledgement => "acknowledgement",
            Self::Receipt => "receipt",
            Self::NotAfter => "not-after",
        }
    }

    /// What a disposition waits for in a state, and whether it may for a while.
    pub(super) const fn of(state: State) -> Option<(Self, bool)> {
        match state {
            State::Proposed => Some((Self::Approval, true)),
            State::Approved => Some((Self::Execution, true)),
            State::Executing | State::Deleted => Some((Self::Resumption, false)),
            State::Waiting => Some((Self::Acknowledgement, false)),
            State::HandedOver => Some((Self::Receipt, false)),
            State::Done | State::Rejected | State::Lapsed => None,
        }
    }
}

/// What is late in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LateRow {
    /// `approval`, `execution`, `resumption`, `acknowledgement`, `receipt`, `not-after`.
    pub waits_for: Lateness,
    /// The responsible agency.
    pub agency: Option<String>,
    /// What is to be done.
    pub action: Option<&'static str>,
    /// How many dispositions; of `not-after`: records.
    pub count: u64,
    /// For how many days the oldest has waited, or has been kept too long.
    pub oldest_days: u64,
}

/// One of them by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LateOne {
    /// What it waits for.
    pub waits_for: Lateness,
    /// The disposition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// The record.
    pub record: Option<String>,
    /// The responsible agency.
    pub agency: Option<String>,
    /// Since when.
    pub since: Date,
    /// For how many days.
    pub days: u64,
}

/// What is late.
#[derive(Debug, Clone, Serialize)]
pub struct Late {
    /// Approvals and executions are late after so many days.
    pub days: u32,
    /// By what is waited for, agency and action.
    pub rows: Vec<LateRow>,
    /// How many in all.
    pub total: u64,
    /// How many of them are in none of the rows, because there would be too many rows.
    pub beyond: u64,
    /// Each of them, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<Vec<LateOne>>,
}

type Key = (Lateness, Option<String>, Option<&'static str>);

/// What is being counted.
pub(super) struct Lates {
    days: u32,
    as_of: Date,
    rows: BTreeMap<Key, (u64, u64)>,
    total: u64,
    beyond: u64,
    listed: Option<Vec<LateOne>>,
}

impl Lates {
    pub(super) fn new(told: &ReportTold, as_of: Date) -> Self {
        let listed = told.list.then(Vec::new);
        Self { days: told.days, as_of, rows: BTreeMap::new(), total: 0, beyond: 0, listed }
    }

    pub(super) fn add_record(&mut self, one: &Counting<'_>) {
        let effective = &one.judged.effective;
        let Some(limit) = effective.not_after.filter(|_| effective.overdue) else { return };
        let record = one.judged.looked.record.id.as_str();
        let named = || (None, Some(record.to_owned()));
        self.add((Lateness::NotAfter, one.agency.clone(), one.action()), limit.last_day(), named);
    }

    pub(super) fn add_disposition(
        &mut self,
        found: &Disposition,
        state: State,
        times: &mut Times<'_>,
    ) -> Result<(), RuntimeError> {
        let Some((waits_for, may_wait)) = Lateness::of(state) else { return Ok(()) };
        let last = found.acts.last().filter(|_| state != State::Proposed);
        let since = times.on(last.map_or(found.id.seq, |act| act.position.seq))?;
        if may_wait && days_between(since, self.as_of) <= u64::from(self.days) {
            return Ok(());
        }
        let agency = found.proposed.agency.as_ref().map(ToString::to_string);
        let named = || (Some(found.id.to_string()), found.record().map(ToString::to_string));
        self.add((waits_for, agency, Some(found.proposed.action.as_str())), since, named);
        Ok(())
    }

    fn add(&mut self, key: Key, since: Date, named: impl FnOnce() -> (Option<String>, Option<String>)) {
        let days = days_between(since, self.as_of);
        self.total += 1;
        if let Some(listed) = self.listed.as_mut().filter(|listed| listed.len() < LISTED_MAX) {
            let (disposition, record) = named();
            let (waits_for, agency) = (key.0, key.1.clone());
            listed.push(LateOne { waits_for, disposition, record, agency, since, days });
        }
        if let Some((count, oldest)) = self.rows.get_mut(&key) {
            *count += 1;
            *oldest = (*oldest).max(days);
        } else if self.rows.len() < ROWS_MAX {
            self.rows.insert(key, (1, days));
        } else {
            self.beyond += 1;
        }
    }

    pub(super) fn finish(self) -> Late {
        let row = |((waits_for, agency, action), (count, oldest_days))| LateRow {
            waits_for,
            agency,
            action,
            count,
            oldest_days,
        };
        let rows = self.rows.into_iter().map(row).collect();
        Late { days: self.days, rows, total: self.total, beyond: self.beyond, listed: self.listed }
    }
}
