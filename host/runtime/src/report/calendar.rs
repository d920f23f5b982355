//! The calendar: what is due in which month, whose it is, and what is to be done with it.

use super::tally::{Counted, Tally};
use super::{Counting, ReportTold};
use crate::RuntimeError;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Serialize, Serializer};

/// The calendar goes on for so many months unless it is said how long.
const MONTHS: i32 = 24;

/// When something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// It has been due before, or is today.
    Overdue,
    /// In this month, by its first day.
    Month(Date),
    /// After the last of the months shown.
    Later,
}

impl std::fmt::Display for When {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Overdue => formatter.write_str("overdue"),
            Self::Month(first) => write!(formatter, "{:04}-{:02}", first.year(), first.month()),
            Self::Later => formatter.write_str("later"),
        }
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is counted apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DueRow {
    /// `overdue`, `YYYY-MM`, `later`.
    pub month: When,
    /// The responsible agency.
    pub agency: Option<String>,
    /// `destroy`, `transfer`, `review`, `keep`.
    pub action: Option<&'static str>,
    /// Something is in its way, such as a hold.
    pub blocked: bool,
}

/// What is due by month.
#[derive(Debug, Clone, Serialize)]
pub struct Due {
    /// The first day of the period; none: the backlog counts as one line.
    pub from: Option<Date>,
    /// The last day of it.
    pub to: Date,
    /// By month, agency, action, and whether it is blocked.
    #[serde(flatten)]
    pub counted: Counted<DueRow>,
}

/// What is being counted.
pub(super) struct Calendar {
    from: Option<Date>,
    to: Date,
    /// There is a line for what comes after.
    has_later: bool,
    as_of: Date,
    tally: Tally<DueRow>,
}

impl Calendar {
    pub(super) fn new(told: &ReportTold, as_of: Date) -> Result<Self, RuntimeError> {
        let first = told.from.unwrap_or(as_of);
        let last = || first.first_of_month().checked_add(MONTHS.months())?.yesterday();
        let too_far = |_| RuntimeError::Invalid(format!("no calendar goes on from {first}"));
        let to = told.to.map_or_else(last, Ok).map_err(too_far)?;
        Ok(Self {
            from: told.from,
            to,
            has_later: told.to.is_none() && told.from.is_none(),
            as_of,
            tally: Tally::default(),
        })
    }

    pub(super) fn add(&mut self, one: &Counting<'_>) {
        let Some(due) = one.judged.effective.due else { return };
        let due = due.last_day();
        let month = match self.from {
            Some(from) if due < from => return,
            None if due <= self.as_of => When::Overdue,
            _ if due <= self.to => When::Month(due.first_of_month()),
            _ if self.has_later => When::Later,
            _ => return,
        };
        let blocked = !one.judged.effective.blocked_by.is_empty();
        self.tally.add(DueRow { month, agency: one.agency.clone(), action: one.action(), blocked });
    }

    pub(super) fn finish(self) -> Due {
        Due { from: self.from, to: self.to, counted: self.tally.finish() }
    }
}
