//! Calendars and reports: what is due when, what holds, what waits, what has no rule, what is late, what was disposed of.
//!
//! One pass over the register and one over the dispositions answer all of them. What is kept is counts, and of those no
//! more than a bound: memory does not grow with the register.

mod calendar;
mod gone;
mod holds;
mod late;
mod notice;
mod tally;

pub use calendar::{Due, DueRow, When};
pub use gone::{Disposed, DisposedRow};
pub use holds::{HeldRow, HoldsByAge};
pub use late::{Late, LateOne, LateRow, Lateness};
pub use notice::{Notice, NoticeRow};
pub use tally::{Counted, Row};

use crate::disposition::{course, outlook};
use crate::facts::Shared;
use crate::judging::{Judged, Judging};
use crate::{Runtime, RuntimeError};
use fonds_model::{AgencyPath, Seq};
use fonds_views::register::{self, Record};
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;
use tally::Tally;

/// So many records or dispositions are listed by name where a list is asked for.
pub const LISTED_MAX: usize = 100_000;

/// So many entries' times are remembered.
const TIMES_REMEMBERED_MAX: usize = 65_536;

/// A report's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// What is due in which month.
    Due,
    /// The active holds by age.
    Holds,
    /// What waits for which trigger.
    Waiting,
    /// What has no rule that counts.
    Unscheduled,
    /// What is late.
    Overdue,
    /// What was disposed of, and under which authority.
    Disposed,
}

impl Name {
    /// All of them, in the order of a page.
    pub const ALL: [Self; 6] =
        [Self::Due, Self::Overdue, Self::Holds, Self::Waiting, Self::Unscheduled, Self::Disposed];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Holds => "holds",
            Self::Waiting => "waiting",
            Self::Unscheduled => "unscheduled",
            Self::Overdue => "overdue",
            Self::Disposed => "disposed",
        }
    }

    /// Whether the register itself must be gone through for it.
    const fn reads_records(self) -> bool {
        !matches!(self, Self::Disposed)
    }

    /// Whether dispositions must be gone through for it.
    const fn reads_dispositions(self) -> bool {
        matches!(self, Self::Overdue | Self::Disposed)
    }
}

/// What reports are asked for.
#[derive(Debug, Clone)]
pub struct ReportTold {
    /// Which.
    pub names: Vec<Name>,
    /// Of this agency and all below it.
    pub agency: Option<String>,
    /// As it is on this date; today when none.
    pub on: Option<Date>,
    /// The first day of the period, where a report has one.
    pub from: Option<Date>,
    /// The last day of it.
    pub to: Option<Date>,
    /// What is open longer than so many days is late.
    pub days: u32,
    /// Name the records and dispositions too.
    pub list: bool,
}

impl ReportTold {
    /// Some reports as of today, about everybody.
    #[must_use]
    pub fn of(names: &[Name]) -> Self {
        Self { names: names.to_vec(), agency: None, on: None, from: None, to: None, days: 30, list: false }
    }

    fn wants(&self, name: Name) -> bool {
        self.names.contains(&name)
    }
}

/// A record that waits for a trigger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct WaitingRow {
    /// `closed`, `event:NAME`, `unknown-date`, …
    pub waiting_for: String,
    /// The responsible agency.
    pub agency: Option<String>,
    /// Its series in force.
    pub series: Option<String>,
}

/// A record without a rule that counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UnscheduledRow {
    /// The responsible agency.
    pub agency: Option<String>,
    /// `unscheduled`, `no-rule`, `conflicting-rule`, `withdrawn`.
    pub reason: &'static str,
}

/// One of them by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnscheduledRecord {
    /// Its id.
    pub id: String,
    /// The responsible agency.
    pub agency: Option<String>,
    /// Its series, where it has one.
    pub series: Option<String>,
    /// Why no rule counts.
    pub reason: &'static str,
}

/// What waits for which trigger; a record that waits for two is counted under both.
#[derive(Debug, Clone, Serialize)]
pub struct Waiting {
    /// By trigger, agency and series.
    #[serde(flatten)]
    pub counted: Counted<WaitingRow>,
}

/// What has no rule that counts, and is retained for that.
#[derive(Debug, Clone, Serialize)]
pub struct Unscheduled {
    /// By agency and reason.
    #[serde(flatten)]
    pub counted: Counted<UnscheduledRow>,
    /// The records, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<Vec<UnscheduledRecord>>,
}

/// The reports that were asked for.
#[derive(Debug, Clone, Serialize)]
pub struct Reports {
    /// The date that they are of.
    pub as_of: Date,
    /// The agency that they are about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agency: Option<String>,
    /// How many records were counted: all that stand and are not destroyed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// What is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
    /// What is late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue: Option<Late>,
    /// What holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<HoldsByAge>,
    /// What waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// What has no rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unscheduled: Option<Unscheduled>,
    /// What was disposed of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposed: Option<Disposed>,
    /// The log size that they reflect.
    pub log_size: u64,
}

/// A record as all counts look at it.
pub(crate) struct Counting<'a> {
    judged: &'a Judged,
    agency: Option<String>,
}

/// The date on which an entry was logged, remembered while neighbours ask for it.
struct Times<'a> {
    runtime: &'a Runtime,
    known: BTreeMap<Seq, Date>,
}

impl Times<'_> {
    fn on(&mut self, seq: Seq) -> Result<Date, RuntimeError> {
        if let Some(on) = self.known.get(&seq) {
            return Ok(*on);
        }
        let on = self.runtime.entry(seq)?.at.date_utc();
        if self.known.len() >= TIMES_REMEMBERED_MAX {
            self.known.clear();
        }
        self.known.insert(seq, on);
        Ok(on)
    }
}

/// Days from one date to another, and none before it.
fn days_between(from: Date, to: Date) -> u64 {
    u64::try_from(from.until(to).map_or(0, |span| span.get_days())).unwrap_or(0)
}

impl Runtime {
    /// Reports, all of them from one pass.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`] when the period ends before it begins, and when the views cannot be read.
    pub fn reports(&self, told: &ReportTold) -> Result<Reports, RuntimeError> {
        let log_size = self.reflected()?;
        let as_of = told.on.unwrap_or_else(|| self.now().date_utc());
        if let (Some(from), Some(to)) = (told.from, told.to)
            && to < from
        {
            return Err(RuntimeError::Invalid(format!("the period ends on {to}, before it begins on {from}")));
        }
        let within = told.agency.as_deref().map(AgencyPath::new).transpose()?;
        let shared = Shared::load(self.rows(), as_of, None)?;
        let mut times = Times { runtime: self, known: BTreeMap::new() };
        let mut due = calendar::Calendar::new(told, as_of)?;
        let mut late = late::Lates::new(told, as_of);
        let mut held = holds::Ages::new(&shared);
        let mut gone = gone::Gone::new(told, as_of)?;
        let (mut waiting, mut unruled) = (Tally::default(), Tally::default());
        let mut listed = Vec::new();
        let mut records = None;
        if told.names.iter().any(|name| name.reads_records()) {
            let mut count = 0;
            self.count_records(&shared, told.agency.as_deref(), &mut |one| {
                count += 1;
                due.add(one);
                late.add_record(one);
                held.add(one);
                count_waiting(one, &mut waiting);
                count_unruled(one, &mut unruled, told.list.then_some(&mut listed));
            })?;
            records = Some(count);
        }
        if told.names.iter().any(|name| name.reads_dispositions()) {
            let settings = self.settings()?;
            let found: Box<dyn Iterator<Item = _>> = if told.wants(Name::Disposed) {
                Box::new(register::dispositions(self.rows()))
            } else {
                Box::new(register::open_dispositions(self.rows()))
            };
            for found in found {
                let found = found?;
                let agency = found.proposed.agency.as_ref();
                if within.as_ref().is_some_and(|within| agency.is_none_or(|agency| !agency.is_within(within.as_str())))
                {
                    continue;
                }
                let state = course(&found).state(&settings);
                late.add_disposition(&found, state, &mut times)?;
                gone.add(&found, &mut times)?;
            }
        }
        let listed = told.list.then_some(listed);
        Ok(Reports {
            as_of,
            agency: told.agency.clone(),
            records,
            due: told.wants(Name::Due).then(|| due.finish()),
            overdue: told.wants(Name::Overdue).then(|| late.finish()),
            holds: if told.wants(Name::Holds) { Some(held.finish(&mut times, as_of)?) } else { None },
            waiting: told.wants(Name::Waiting).then(|| Waiting { counted: waiting.finish() }),
            unscheduled: told.wants(Name::Unscheduled).then(|| Unscheduled { counted: unruled.finish(), listed }),
            disposed: told.wants(Name::Disposed).then(|| gone.finish()),
            log_size,
        })
    }

    /// Goes through all records that are not destroyed, once.
    fn count_records(
        &self,
        shared: &Shared<'_>,
        agency: Option<&str>,
        count: &mut dyn FnMut(&Counting<'_>),
    ) -> Result<(), RuntimeError> {
        let judging = Judging::new(shared)?;
        judging.holding.prepare()?;
        for record in register::records_on(self.rows(), shared.as_of) {
            let record: Record = record?;
            if agency.is_some_and(|above| !crate::query::is_of(shared, &record, above)) {
                continue;
            }
            let named = record.agency();
            let agency =
                named.map(|named| shared.agency(Some(named)).map_or_else(|| named.to_string(), |agency| agency.path));
            let judged = judging.judge(record)?;
            if judged.facts.destroyed.is_none() {
                count(&Counting { judged: &judged, agency });
            }
        }
        Ok(())
    }
}

fn count_waiting(one: &Counting<'_>, tally: &mut Tally<WaitingRow>) {
    let awaited = one.judged.effective.blocked_by.iter().filter_map(|why| why.strip_prefix("waiting:"));
    for waiting_for in awaited {
        tally.add(WaitingRow {
            waiting_for: waiting_for.to_owned(),
            agency: one.agency.clone(),
            series: one.judged.series.as_ref().map(ToString::to_string),
        });
    }
}

fn count_unruled(one: &Counting<'_>, tally: &mut Tally<UnscheduledRow>, listed: Option<&mut Vec<UnscheduledRecord>>) {
    let Err(why) = &one.judged.rule else { return };
    let reason = crate::query::unruled(*why);
    tally.add(UnscheduledRow { agency: one.agency.clone(), reason });
    if let Some(listed) = listed.filter(|listed| listed.len() < LISTED_MAX) {
        let series = one.judged.series.as_ref().map(ToString::to_string);
        let id = one.judged.looked.record.id.to_string();
        listed.push(UnscheduledRecord { id, agency: one.agency.clone(), series, reason });
    }
}

impl Counting<'_> {
    /// What is to be done with it once it is due.
    fn action(&self) -> Option<&'static str> {
        outlook(self.judged).map(fonds_model::body::Proposal::as_str)
    }
}
