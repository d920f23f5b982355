//! What can be configured, as JSON:
//!
//! ```json
//! {
//!   "triggers": { "nl": { "case-finished": "closed" }, "us/tx": { "lease-ended": "event:value-ended" } },
//!   "not_after": { "nl/*/personal-*": { "years": 5, "from": "closed" }, "tx/*": { "date": "2050-12-31" } }
//! }
//! ```
//!
//! `triggers`: in a jurisdiction (an agency's path and all below it), what the events that its systems send stand for.
//! The nearest path that names an event decides what it means; the latest occurrence of a trigger counts. What stands
//! for `closed` is stopped by a `record.reopened` that came after it, as `record.closed` itself is.
//!
//! `not_after`: the law's longest period for the series that match, counted like a rule's: the date is the day after
//! the last on which the record may be kept, so a rule of five years and a longest period of five years agree. Where
//! several match, the earliest wins. A period starts with `creation` unless `from` says otherwise, and says nothing
//! until that has happened.

use crate::count::{Happened, happened};
use fonds_policy_sdk::{Date, Glob, Period, Subject, Trigger as Meaning, config, within};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Jurisdictions, events in each, patterns of series: at most this many of each.
const ENTRIES_MAX: usize = 1_000;

/// The configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// By jurisdiction: what events stand for.
    #[serde(default)]
    triggers: BTreeMap<String, BTreeMap<String, Named>>,
    /// By pattern of series: the law's longest period.
    #[serde(default, deserialize_with = "limits")]
    pub(crate) not_after: Vec<(Glob, Limit)>,
}

#[derive(Debug, Deserialize)]
struct Named(#[serde(deserialize_with = "config::trigger")] Meaning);

/// An event that stands for a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// The event as the jurisdiction names it.
    pub event: Meaning,
    /// What it means in a rule.
    pub means: Meaning,
}

/// The longest that the law allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Up to this date.
    Date(Date),
    /// A period from a trigger.
    Period(Period, Meaning),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimit {
    date: Option<String>,
    from: Option<Named>,
    #[serde(default)]
    years: u32,
    #[serde(default)]
    months: u32,
    #[serde(default)]
    days: u32,
}

fn limits<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<(Glob, Limit)>, D::Error> {
    let written = BTreeMap::<Glob, WrittenLimit>::deserialize(deserializer)?;
    let limits = written.into_iter().map(|(series, limit)| limit.read().map(|limit| (series, limit)));
    limits.collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

impl WrittenLimit {
    fn read(self) -> Result<Limit, String> {
        let period = Period { years: self.years, months: self.months, days: self.days };
        match (self.date, period == Period::default()) {
            (Some(date), true) if self.from.is_none() => {
                Date::parse(&date).map(Limit::Date).ok_or_else(|| format!("`{date}` is no date such as 2030-12-31"))
            }
            (None, false) => Ok(Limit::Period(period, self.from.map_or(Meaning::Creation, |from| from.0))),
            _ => Err("a longest period has either a `date`, or `years`, `months` and `days` with `from`".into()),
        }
    }
}

impl Config {
    /// Reads and checks a configuration.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let read: Self = config::read(text)?;
        let longest =
            read.triggers.values().map(BTreeMap::len).chain([read.triggers.len(), read.not_after.len()]).max();
        if longest > Some(ENTRIES_MAX) {
            return Err(format!("the configuration has a list of more than {ENTRIES_MAX} entries"));
        }
        Ok(read)
    }

    /// Whether an event stands for `closed` anywhere: then a reopening must be known, since it stops what that started.
    pub(crate) fn has_closings(&self) -> bool {
        self.triggers.values().flat_map(BTreeMap::values).any(|means| means.0 == Meaning::Closed)
    }

    /// The events that stand for triggers at an agency; the nearest jurisdiction's word counts.
    pub(crate) fn aliases(&self, path: &str) -> Vec<Trigger> {
        let mut names: BTreeMap<&str, &Meaning> = BTreeMap::new();
        // Sorted, so a longer path that holds the agency comes after the shorter ones that do.
        for (_, events) in self.triggers.iter().filter(|(jurisdiction, _)| within(jurisdiction, path)) {
            names.extend(events.iter().map(|(event, means)| (event.as_str(), &means.0)));
        }
        let alias =
            |(event, means): (&str, &Meaning)| Trigger { event: Meaning::Event(event.into()), means: means.clone() };
        names.into_iter().map(alias).collect()
    }

    /// Which of the longest periods apply to a series.
    pub(crate) fn longest(&self, series: &str) -> Vec<usize> {
        let limits = self.not_after.iter().enumerate();
        limits.filter(|(_, (pattern, _))| pattern.matches(series)).map(|(index, _)| index).collect()
    }
}

impl Limit {
    /// The day by which the record has to be gone; none where its period has not started, or outlasts the calendar.
    pub(crate) fn day(&self, subject: &Subject, aliases: &[Trigger]) -> Option<Date> {
        match self {
            Self::Date(date) => Some(*date),
            Self::Period(period, from) => match happened(from, subject, aliases) {
                Happened::On { day, .. } => period.after(day)?.next(),
                Happened::Never | Happened::SomeDay => None,
            },
        }
    }

    /// As people write it: `closed + 5 years`.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Date(date) => date.to_string(),
            Self::Period(period, from) => format!("{from}{}", period_text(period.years, period.months, period.days)),
        }
    }
}

/// ` + 1 year + 6 months`; nothing for no period.
pub(crate) fn period_text(years: u32, months: u32, days: u32) -> String {
    let mut text = String::new();
    for (number, unit) in [(years, "year"), (months, "month"), (days, "day")] {
        if number > 0 {
            let plural = if number == 1 { "" } else { "s" };
            text.push_str(&format!(" + {number} {unit}{plural}"));
        }
    }
    text
}
