//! The reference retention policy: the clauses of the schedule's rule, counted to the last day kept.
//!
//! For each clause: the trigger's date, moved to the end of its calendar or fiscal year where the clause has a cutoff;
//! plus the period. That is the last day kept, and `until` is the day after. The latest clause wins; a clause whose
//! trigger has not happened makes the record wait, and one that cannot be counted keeps it. See [`config`] for what
//! can be configured.

pub mod config;
mod count;

use config::{Config, Trigger as Aliased};
use count::{Counted, count};
use fonds_policy_sdk::retention::{Awaited, Decision, Term};
use fonds_policy_sdk::{
    Action, Because, Clause, Cutoff, Date, Manifest, Mark, Needs, Request, RetentionPolicy, Rule, Subject, Unruled,
};

fonds_policy_sdk::reasons! {
    /// Why a record is kept as long as it is.
    pub enum Why {
        /// The clause that governs.
        Rule => "rule", "the schedule's rule: {detail}",
        /// The rule says so.
        Permanent => "permanent", "the schedule keeps this series permanently",
        /// A trigger has not happened.
        Waiting => "waiting", "the period starts with `{detail}`, which has not happened",
        /// A trigger has happened on no known day.
        UnknownDate => "unknown-date", "the period starts with `{detail}`, which happened on a day that nobody wrote down",
        /// A cutoff without a year to cut at.
        NoFiscalYear => "no-fiscal-year", "the rule counts from the end of the fiscal year, and the agency has none",
        /// Too far away.
        BeyondCalendar => "beyond-calendar", "the period ends after the year 9999: {detail}",
        /// A rule that says nothing.
        NoPeriod => "no-period", "the rule has neither a period nor the word permanent",
        /// No series, or one that no schedule knows.
        Unscheduled => "unscheduled", "no schedule covers this record",
        /// A series without a rule.
        NoRule => "no-rule", "the schedule gives its series no rule",
        /// A series with two rules.
        ConflictingRule => "conflicting-rule", "the schedule gives its series two different rules",
        /// A series that is gone.
        Withdrawn => "withdrawn", "the schedule's version in force no longer has its series",
        /// The law's longest period.
        NotAfter => "not-after", "may be kept for no longer than {detail}",
        /// Known to the month or the year.
        InexactDate => "inexact-date", "the day is not known: the last that it can have been counts",
        /// Somebody went on after it was closed.
        ActivityAfterClose => "activity-after-close", "something happened to it after it was closed",
    }
}

/// The policy, with its configuration and what a batch's decisions share.
#[derive(Debug, Default)]
pub struct Retention {
    config: Config,
    /// The text of each clause of each of the request's rules.
    texts: Vec<Vec<String>>,
    /// For each of the request's agencies, the events that stand for triggers there.
    aliases: Vec<Vec<Aliased>>,
    /// For each of the request's rules, the longest periods that apply to its series.
    longest: Vec<Vec<usize>>,
}

impl RetentionPolicy for Retention {
    fn describe() -> Manifest {
        Why::manifest(
            "retention",
            env!("CARGO_PKG_VERSION"),
            "Keeps records as long as their schedule's rule says, counted from its triggers.",
        )
    }

    fn configure(config: &str) -> Result<Self, String> {
        Ok(Self { config: Config::read(config)?, ..Self::default() })
    }

    fn needs(&self) -> Needs {
        let reopenings = self.config.has_closings().then(|| count::REOPENED.to_owned());
        Needs { history: reopenings.into_iter().collect(), ancestors: 0, attributes: Vec::new() }
    }

    fn prepare(&mut self, request: &Request) -> Result<(), String> {
        self.texts = request.rules.iter().map(|rule| rule.clauses.iter().map(text_of).collect()).collect();
        self.aliases = request.agencies.iter().map(|agency| self.config.aliases(&agency.path)).collect();
        self.longest = request.rules.iter().map(|rule| self.config.longest(&rule.series)).collect();
        Ok(())
    }

    fn decide(&self, request: &Request, subject: &Subject) -> Decision {
        let mut decision = match request.rule(subject) {
            Ok(rule) => self.by_rule(request, subject, rule),
            Err(unruled) => retained(match unruled {
                Unruled::Unscheduled => Why::Unscheduled,
                Unruled::NoRule => Why::NoRule,
                Unruled::ConflictingRule => Why::ConflictingRule,
                Unruled::Withdrawn => Why::Withdrawn,
            }),
        };
        if !self.config.not_after.is_empty() {
            self.limit(subject, &mut decision);
        }
        if subject.marks.contains(&Mark::ActivityAfterClose) {
            decision.reasons.push(Why::ActivityAfterClose.because());
        }
        decision
    }
}

impl Retention {
    fn by_rule(&self, request: &Request, subject: &Subject, rule: &Rule) -> Decision {
        if rule.permanent {
            // A rule that says both permanent and destroy contradicts itself: what keeps wins.
            let action = if rule.action == Action::Destroy { Action::Keep } else { rule.action };
            return Decision { action, ..retained(Why::Permanent) };
        }
        let mut latest: Option<(Date, usize, bool)> = None;
        let mut awaited: Option<Awaited> = None;
        let mut reasons: Vec<Because> = Vec::new();
        let mut uncountable = rule.clauses.is_empty().then(|| Why::NoPeriod.because());
        for (index, clause) in rule.clauses.iter().enumerate() {
            match count(clause, subject, self.aliases(subject), || request.fiscal_year_end(subject)) {
                Counted::LastDay { on, exact } => {
                    if latest.is_none_or(|(day, ..)| day < on) {
                        latest = Some((on, index, exact));
                    }
                }
                Counted::NotStarted => {
                    reasons.push(Why::Waiting.with(clause.trigger.to_string()));
                    awaited.get_or_insert_with(|| Awaited::Trigger(clause.trigger.clone()));
                }
                Counted::UnknownDate => {
                    reasons.push(Why::UnknownDate.with(clause.trigger.to_string()));
                    awaited.get_or_insert(Awaited::UnknownDate);
                }
                Counted::NoFiscalYear => uncountable = Some(Why::NoFiscalYear.because()),
                Counted::BeyondCalendar => uncountable = Some(Why::BeyondCalendar.with(self.text(subject, index))),
            }
        }
        if let Some(why) = uncountable {
            reasons.insert(0, why);
            return Decision { term: Term::Forever, action: Action::Review, not_after: None, reasons };
        }
        if let Some(awaited) = awaited {
            return Decision { term: Term::Waiting(awaited), action: rule.action, not_after: None, reasons };
        }
        let Some((last_day, index, exact)) = latest else { return retained(Why::NoPeriod) };
        let Some(until) = last_day.next() else {
            return Decision {
                reasons: vec![Why::BeyondCalendar.with(self.text(subject, index))],
                ..retained(Why::Rule)
            };
        };
        // Almost every decision ends here with one reason, in a list that is made no longer than that.
        let rule_says = Why::Rule.with(self.text(subject, index));
        let reasons = if exact { vec![rule_says] } else { vec![rule_says, Why::InexactDate.because()] };
        Decision { term: Term::Until(until), action: rule.action, not_after: None, reasons }
    }

    /// The earliest day after which the law allows the record no longer.
    fn limit(&self, subject: &Subject, decision: &mut Decision) {
        let by_rule = subject.rule.ok().and_then(|index| self.longest.get(index as usize));
        let found;
        let limits = match (by_rule, &subject.series) {
            (Some(limits), _) => limits,
            (None, Some(series)) => {
                found = self.config.longest(series);
                &found
            }
            (None, None) => return,
        };
        let limits = limits.iter().filter_map(|&index| self.config.not_after.get(index));
        let days = limits.filter_map(|(_, limit)| Some((limit.day(subject, self.aliases(subject))?, limit)));
        if let Some((day, limit)) = days.min_by_key(|(day, _)| *day) {
            decision.not_after = Some(day);
            decision.reasons.push(Why::NotAfter.with(limit.text()));
        }
    }

    fn aliases(&self, subject: &Subject) -> &[Aliased] {
        subject.agency.and_then(|index| self.aliases.get(index as usize)).map_or(&[], Vec::as_slice)
    }

    fn text(&self, subject: &Subject, clause: usize) -> &str {
        let texts = subject.rule.ok().and_then(|index| self.texts.get(index as usize));
        texts.and_then(|texts| texts.get(clause)).map_or("", String::as_str)
    }
}

/// Never due, and a person looks at it.
fn retained(why: Why) -> Decision {
    Decision { term: Term::Forever, action: Action::Review, not_after: None, reasons: vec![why.because()] }
}

/// A clause as people write it: `closed, end of fiscal year + 3 years`.
fn text_of(clause: &Clause) -> String {
    let mut text = clause.trigger.to_string();
    text.push_str(match clause.cutoff {
        Cutoff::None => "",
        Cutoff::CalendarYear => ", end of calendar year",
        Cutoff::FiscalYear => ", end of fiscal year",
    });
    text.push_str(&config::period_text(clause.years, clause.months, clause.days));
    text
}

fonds_policy_sdk::export_retention!(Retention);

#[cfg(test)]
mod tests;
