//! How the decisions in force about one record combine into what the host does with it.
//!
//! Combining is a join: the order in which policies are asked, and asking one twice, change nothing.

use crate::request::Mark;
use fonds_model::body::ReviewOutcome;
use fonds_model::decision::{Awaited, Plan, Term, Verdict, World};
use fonds_model::label::Declassification;
use fonds_model::{Action, Label, Levels, PartialDate, SeriesId, Unruled};
use std::collections::{BTreeMap, BTreeSet};

/// One enforcing binding's decision in force; a verdict that is a fault does not say its world itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Which question was asked.
    pub world: World,
    /// What was answered.
    pub verdict: Verdict,
}

/// What the host knows of the record besides the decisions.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The date asked about.
    pub as_of: PartialDate,
    /// The ladder of labels.
    pub levels: &'a Levels,
    /// The names of the active holds.
    pub holds: &'a [String],
    /// What the host noticed.
    pub marks: &'a [Mark],
    /// Why there is no rule, where there is none.
    pub unruled: Option<Unruled>,
    /// The label in force, which a fault of classification keeps.
    pub label: Option<&'a Label>,
    /// What a reviewer said is to become of the record, where that still stands.
    pub reviewed: Option<Review>,
}

/// What a reviewer said is to become of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Review {
    /// What.
    pub outcome: ReviewOutcome,
    /// Until when it is kept, when it is kept longer.
    pub until: Option<PartialDate>,
}

/// What the host does with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The first day on which the action may be taken; none when the record is retained without a date.
    pub due: Option<PartialDate>,
    /// How long it is kept; `Abstain` when no term stands, and the record is retained.
    pub term: Term,
    /// What is done then.
    pub action: Option<Action>,
    /// Why nothing may be done, sorted: `hold:NAME`, `fault:trap`, `conflict:series`, `implausible-date`, `waiting:closed`, …
    pub blocked_by: Vec<String>,
    /// The series that classification proposes.
    pub series: Option<SeriesId>,
    /// The label that classification gives.
    pub label: Option<Label>,
    /// When the label is to come down.
    pub declassify: Declassification,
    /// The law allows the record no longer than this.
    pub not_after: Option<PartialDate>,
    /// `not_after` has passed: reported, and never destroyed by itself.
    pub overdue: bool,
    /// How it is archived, when archival selects it.
    pub plan: Option<Plan>,
}

impl Effective {
    /// Whether the action may be taken on a date, once people have approved it.
    #[must_use]
    pub fn is_executable(&self, on: PartialDate) -> bool {
        let due = self.due.is_some_and(|due| due.last_day() <= on.last_day());
        due && self.blocked_by.is_empty() && self.action.is_some()
    }
}

/// Combines what all enforcing bindings decided about a record.
///
/// Forever > waiting > the latest `until`; abstaining is neutral. Keep > transfer > review > destroy; what archival
/// selects is at least transferred. Any fault, conflict or missing rule retains, and says so.
#[must_use]
pub fn combine(decisions: &[Given], standing: &Standing<'_>) -> Effective {
    let joined = decisions.iter().map(Joined::of).reduce(Joined::join).unwrap_or_default();
    joined.effective(standing)
}

/// How long, as a lattice: each of these beats the ones before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Kept {
    #[default]
    Abstain,
    Until(PartialDate),
    /// By its text, since what is awaited has no order.
    Waiting(BTreeMap<String, Awaited>),
    Forever,
}

impl Kept {
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Forever, _) | (_, Self::Forever) => Self::Forever,
            (Self::Waiting(mut all), Self::Waiting(more)) => {
                all.extend(more);
                Self::Waiting(all)
            }
            (waiting @ Self::Waiting(_), _) | (_, waiting @ Self::Waiting(_)) => waiting,
            (Self::Until(one), Self::Until(other)) => Self::Until(later(one, other)),
            (until @ Self::Until(_), Self::Abstain) | (Self::Abstain, until @ Self::Until(_)) => until,
            (Self::Abstain, Self::Abstain) => Self::Abstain,
        }
    }
}

/// Of two dates the one whose last day is later; of a day and the month that it ends, the more exact.
fn later(one: PartialDate, other: PartialDate) -> PartialDate {
    if (one.last_day(), one) >= (other.last_day(), other) { one } else { other }
}

fn earlier(one: PartialDate, other: PartialDate) -> PartialDate {
    if (one.last_day(), one) <= (other.last_day(), other) { one } else { other }
}

/// Everything that was decided, joined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Joined {
    kept: Kept,
    action: Option<Action>,
    not_after: Option<PartialDate>,
    series: BTreeSet<SeriesId>,
    levels: BTreeSet<String>,
    categories: BTreeSet<String>,
    declassify: Option<Declassification>,
    plans: Vec<Plan>,
    faults: BTreeSet<&'static str>,
    worlds_faulty: BTreeSet<World>,
}

impl Joined {
    fn of(given: &Given) -> Self {
        let mut joined = Self::default();
        match &given.verdict {
            Verdict::Retention(retention) => {
                // A longest period is the law's, whatever the policy says of the shortest.
                joined.not_after = retention.not_after;
                joined.kept = match &retention.term {
                    Term::Abstain => return joined,
                    Term::Until(date) => Kept::Until(*date),
                    Term::Waiting(awaited) => Kept::Waiting([(awaited.to_string(), awaited.clone())].into()),
                    Term::Forever => Kept::Forever,
                };
                joined.action = Some(retention.action);
            }
            Verdict::Classification(classification) => {
                joined.series = classification.series.iter().cloned().collect();
                if let Some(label) = &classification.label {
                    joined.take_label(label);
                    joined.declassify = Some(classification.declassify.clone());
                }
            }
            Verdict::Archival(archival) => joined.plans = archival.select.iter().cloned().collect(),
            Verdict::Fault(fault) => {
                joined.faults.insert(fault.kind.as_str());
                joined.worlds_faulty.insert(given.world);
            }
        }
        joined
    }

    fn take_label(&mut self, label: &Label) {
        self.levels.insert(label.level.clone());
        self.categories.extend(label.categories.iter().cloned());
    }

    fn join(mut self, mut other: Self) -> Self {
        self.kept = self.kept.join(other.kept);
        self.action = self.action.max(other.action);
        self.not_after = both(self.not_after, other.not_after, earlier);
        self.series.append(&mut other.series);
        self.levels.append(&mut other.levels);
        self.categories.append(&mut other.categories);
        self.declassify = both(self.declassify, other.declassify, stricter);
        for plan in other.plans {
            if !self.plans.contains(&plan) {
                self.plans.push(plan);
            }
        }
        self.faults.append(&mut other.faults);
        self.worlds_faulty.append(&mut other.worlds_faulty);
        self
    }

    fn effective(mut self, standing: &Standing<'_>) -> Effective {
        if let (Kept::Until(until), Some(longer)) = (&self.kept, standing.reviewed.and_then(|review| review.until)) {
            self.kept = Kept::Until(later(*until, longer));
        }
        if let (Some(label), true) = (standing.label, self.worlds_faulty.contains(&World::Classification)) {
            self.take_label(label);
        }
        let mut blocked: BTreeSet<String> = self.retaining(standing);
        let until = if let Kept::Until(until) = &self.kept { Some(*until) } else { None };
        let due = until.filter(|_| blocked.is_empty());
        let overdue = self.not_after.is_some_and(|limit| limit.last_day() < standing.as_of.last_day());
        if let (Some(limit), true, None) = (self.not_after, overdue, due) {
            blocked.insert(format!("not-after:{limit} overdue"));
        }
        // INVARIANT (hold wins): whatever was decided, an active hold is among the reasons, and one reason is enough.
        blocked.extend(standing.holds.iter().map(|hold| format!("hold:{hold}")));

        let selected = (!self.plans.is_empty()).then_some(Action::Transfer);
        let term = self.term();
        let action = self.action.map(|action| Some(action).max(selected)).unwrap_or_default();
        let action = match (action, standing.reviewed.map(|review| review.outcome)) {
            (Some(Action::Review), Some(ReviewOutcome::Destroy)) => Some(Action::Destroy),
            (Some(Action::Review), Some(ReviewOutcome::Transfer)) => Some(Action::Transfer),
            (action, _) => action,
        };
        let rank = |level: &String| (standing.levels.rank(level), level.clone());
        let categories = self.categories.into_iter().collect();
        Effective {
            due,
            term,
            action,
            blocked_by: blocked.into_iter().collect(),
            series: one(self.series.into_iter()),
            label: self.levels.into_iter().max_by_key(rank).map(|level| Label { level, categories }),
            declassify: self.declassify.unwrap_or(Declassification::Never),
            not_after: self.not_after,
            overdue,
            plan: one(self.plans.into_iter()),
        }
    }

    /// INVARIANT (fail closed): what retains the record whatever its date; with any of these there is no date.
    fn retaining(&self, standing: &Standing<'_>) -> BTreeSet<String> {
        let mut reasons: BTreeSet<String> = self.faults.iter().map(|kind| format!("fault:{kind}")).collect();
        let mut when = |holds: bool, reason: &str| {
            if holds {
                reasons.insert(reason.to_owned());
            }
        };
        when(self.series.len() > 1, "conflict:series");
        when(self.plans.len() > 1, "conflict:plan");
        when(standing.marks.contains(&Mark::ImplausibleDate), "implausible-date");
        let too_late = |limit: PartialDate| match &self.kept {
            Kept::Until(until) => limit.last_day() < until.last_day(),
            Kept::Forever => true,
            Kept::Waiting(_) | Kept::Abstain => false,
        };
        when(self.not_after.is_some_and(too_late), "conflict:not-after");
        when(self.kept == Kept::Abstain && !self.worlds_faulty.contains(&World::Retention), "no-decision");
        when(standing.reviewed.is_some_and(|review| review.outcome == ReviewOutcome::Keep), "kept-by-review");
        when(standing.unruled == Some(Unruled::Unscheduled), "unscheduled");
        when(standing.unruled == Some(Unruled::NoRule), "no-rule");
        when(standing.unruled == Some(Unruled::ConflictingRule), "conflicting-rule");
        when(standing.unruled == Some(Unruled::Withdrawn), "withdrawn");
        if let Kept::Waiting(awaited) = &self.kept {
            reasons.extend(awaited.keys().map(|awaited| format!("waiting:{awaited}")));
        }
        reasons
    }

    /// The combined term; none stands when a retention policy faulted, since it might have said a longer one.
    fn term(&self) -> Term {
        if self.worlds_faulty.contains(&World::Retention) {
            return Term::Abstain;
        }
        match &self.kept {
            Kept::Abstain => Term::Abstain,
            Kept::Until(date) => Term::Until(*date),
            Kept::Waiting(awaited) => awaited.values().next().cloned().map_or(Term::Abstain, Term::Waiting),
            Kept::Forever => Term::Forever,
        }
    }
}

fn both<T>(one: Option<T>, other: Option<T>, join: impl FnOnce(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(join(one, other)),
        (one, None) => one,
        (None, other) => other,
    }
}

/// The only one there is.
fn one<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next();
    if all.next().is_some() { None } else { first }
}

/// The more restrictive: never, then a review on a day, then a day, of two days always the later. An event may come
/// sooner than any day or other event, so that beside one of those it is never.
fn stricter(one: Declassification, other: Declassification) -> Declassification {
    use Declassification::{Never, On, OnEvent, ReviewOn};
    match (one, other) {
        (OnEvent(one), OnEvent(other)) if one == other => OnEvent(one),
        (On(one), On(other)) => On(later(one, other)),
        (ReviewOn(one) | On(one), ReviewOn(other) | On(other)) => ReviewOn(later(one, other)),
        _ => Never,
    }
}

#[cfg(test)]
mod tests;
