//! One clause of a rule, counted for one record.

use crate::config;
use fonds_policy_sdk::{Clause, Cutoff, Date, MonthDay, Occurrence, Period, Subject, Trigger};

/// The kind of event that opens a record again.
pub(crate) const REOPENED: &str = "record.reopened";

/// What counting a clause comes to.
pub(crate) enum Counted {
    /// The last day kept, and whether it rests on a day that is known.
    LastDay { on: Date, exact: bool },
    /// Its trigger has not happened.
    NotStarted,
    /// It has happened on a day that nobody has written down.
    UnknownDate,
    /// It counts from the end of a fiscal year, and the agency has none. A calendar year instead would be a guess, and
    /// could end sooner.
    NoFiscalYear,
    /// It ends after the calendar's last year.
    BeyondCalendar,
}

/// Counts a clause.
pub(crate) fn count(
    clause: &Clause,
    subject: &Subject,
    aliases: &[config::Trigger],
    fiscal_year_end: impl Fn() -> Option<MonthDay>,
) -> Counted {
    let (on, exact) = match happened(&clause.trigger, subject, aliases) {
        Happened::Never => return Counted::NotStarted,
        Happened::SomeDay => return Counted::UnknownDate,
        Happened::On { day, exact } => (day, exact),
    };
    let period = Period { years: clause.years, months: clause.months, days: clause.days };
    let last_day = match clause.cutoff {
        Cutoff::None => period.after(on),
        Cutoff::CalendarYear => period.after_year_of(on, MonthDay::DECEMBER_31),
        Cutoff::FiscalYear => match fiscal_year_end() {
            Some(end) => period.after_year_of(on, end),
            None => return Counted::NoFiscalYear,
        },
    };
    last_day.map_or(Counted::BeyondCalendar, |on| Counted::LastDay { on, exact })
}

/// When a trigger happened.
pub(crate) enum Happened {
    /// It has not.
    Never,
    /// It has, and nobody has written down when.
    SomeDay,
    /// On this day; or at the latest on it, where it is not exact.
    On { day: Date, exact: bool },
}

/// When a trigger happened, by its own name or by an event that stands for it in the agency's jurisdiction: the latest.
pub(crate) fn happened(trigger: &Trigger, subject: &Subject, aliases: &[config::Trigger]) -> Happened {
    let own = subject.started.iter().filter(|occurrence| occurrence.trigger == *trigger);
    if aliases.is_empty() {
        return own.fold(Happened::Never, later);
    }
    let named = aliases.iter().filter(|alias| alias.means == *trigger);
    let others = named.filter(|alias| alias.event != *trigger).filter_map(|alias| subject.started(&alias.event));
    let others = others.filter(|started| *trigger != Trigger::Closed || !is_reopened(started, subject));
    own.chain(others).fold(Happened::Never, later)
}

/// Whether a reopening stopped the clock that an event standing for `closed` had started; of `closed` itself the host has
/// said so already.
///
/// On one day, and where either day is unknown, what was logged later counts: a doubt stops the clock of what was logged
/// before it. Of an event known to the month or the year only its last day is told, so that its whole year is in doubt.
fn is_reopened(closing: &Occurrence, subject: &Subject) -> bool {
    let reopenings = subject.history.iter().filter(|happening| happening.kind == REOPENED);
    reopenings.into_iter().any(|reopened| match (reopened.on, closing.on) {
        (Some(on), Some(closed)) if on > closed => true,
        (Some(on), Some(closed)) if on < closed && (closing.exact || on.year < closed.year) => false,
        _ => reopened.seq > closing.seq,
    })
}

fn later(sofar: Happened, occurrence: &Occurrence) -> Happened {
    let Some(on) = occurrence.on.filter(|on| on.is_real()) else { return Happened::SomeDay };
    match sofar {
        Happened::SomeDay => Happened::SomeDay,
        Happened::On { day, exact } if day >= on => Happened::On { day, exact },
        Happened::Never | Happened::On { .. } => Happened::On { day: on, exact: occurrence.exact },
    }
}
