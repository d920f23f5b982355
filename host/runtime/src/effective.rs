//! A record's decisions in force, combined with what the host knows of it.

use crate::facts::{Looked, Settled, Shared, mark};
use fonds_model::decision::{Mode, Term, Verdict, World};
use fonds_model::{Action, Label, SeriesId, Unruled};
use fonds_policy::combine::{Effective, Given, Standing, combine};
use fonds_policy::{Mark, RetentionInForce};
use fonds_views::register::{Facts, InForce};

/// The enforcing decisions of a record, of one world or of all.
fn given(looked: &Looked, worlds: &[World]) -> Vec<Given> {
    let counts = |decision: &&InForce| decision.mode == Mode::Enforce && worlds.contains(&decision.world);
    let of = |decision: &InForce| Given { world: decision.world, verdict: decision.verdict.clone() };
    looked.decisions.iter().filter(counts).map(of).collect()
}

/// Combines the decisions of some worlds with what the host knows, holds apart: they change no term and no label.
pub(crate) fn combined(
    shared: &Shared<'_>,
    looked: &Looked,
    facts: &Facts,
    unruled: Option<Unruled>,
    worlds: &[World],
) -> Effective {
    combined_under(shared, looked, facts, unruled, (worlds, &[]))
}

/// Combines the decisions of some worlds with what the host knows, and the names of active holds.
pub(crate) fn combined_under(
    shared: &Shared<'_>,
    looked: &Looked,
    facts: &Facts,
    unruled: Option<Unruled>,
    (worlds, holds): (&[World], &[String]),
) -> Effective {
    let marks: Vec<Mark> = facts.marks.iter().map(|found| mark(*found)).collect();
    let own = looked.record.own.label.as_ref().map(|labelled| labelled.label());
    let kept = match (kept_label(shared, looked), own) {
        (Some(kept), Some(own)) => Some(joined(shared, kept, &own)),
        (kept, own) => kept.or(own),
    };
    let standing = Standing {
        as_of: shared.as_of.into(),
        levels: &shared.levels,
        holds,
        marks: &marks,
        unruled,
        label: kept.as_ref(),
        // What a policy is told does not depend on reviews: they are people's answers to what policies said.
        reviewed: looked.reviewed.filter(|_| worlds.len() == World::ALL.len()),
    };
    combine(&given(looked, worlds), &standing)
}

/// All that classifications gave before they failed: a fault keeps it.
fn kept_label(shared: &Shared<'_>, looked: &Looked) -> Option<Label> {
    let failed = |decision: &&InForce| decision.mode == Mode::Enforce && is_fault(&decision.verdict);
    let kept = looked.decisions.iter().filter(failed).filter_map(|decision| decision.label.clone());
    kept.reduce(|one, other| joined(shared, one, &other))
}

/// The higher of two levels, with the categories of both.
pub(crate) fn joined(shared: &Shared<'_>, one: Label, other: &Label) -> Label {
    let higher = shared.levels.rank(&other.level) > shared.levels.rank(&one.level);
    let level = if higher { other.level.clone() } else { one.level };
    let mut categories: Vec<String> = one.categories.into_iter().chain(other.categories.iter().cloned()).collect();
    categories.sort_unstable();
    categories.dedup();
    Label { level, categories }
}

/// The series in force: its own, else what classification says, else its file's.
pub(crate) fn series_in_force(looked: &Looked, classified: Option<&SeriesId>) -> Option<SeriesId> {
    let record = &looked.record;
    record.own.series.as_ref().or(classified).or_else(|| record.inherited_series()).cloned()
}

/// The label in force of a record: what classification gave, never below its own unless that is an authorised downgrade.
pub(crate) fn label_in_force(shared: &Shared<'_>, looked: &Looked) -> Option<Label> {
    let facts = looked.record.facts_on(shared.as_of);
    let classified = combined(shared, looked, &facts, None, &[World::Classification]).label;
    label_of(shared, looked, classified)
}

fn label_of(shared: &Shared<'_>, looked: &Looked, classified: Option<Label>) -> Option<Label> {
    let own = looked.record.own.label.as_ref();
    match (own, classified) {
        (Some(own), _) if own.barrier => Some(own.label()),
        (Some(own), Some(classified)) => Some(joined(shared, own.label(), &classified)),
        (Some(own), None) => Some(own.label()),
        (None, classified) => classified,
    }
}

/// The label that rises from a record to what was made of it: the one that it was given and the ones that policies give it
/// by itself, without what it has only from its own ancestors; those are its descendants' ancestors too.
pub(crate) fn label_passed_on(shared: &Shared<'_>, looked: &Looked) -> Option<Label> {
    let own = looked.record.own.label.as_ref();
    if let Some(own) = own.filter(|own| own.barrier) {
        return Some(own.label());
    }
    let classifies = |decision: &&InForce| decision.mode == Mode::Enforce && decision.world == World::Classification;
    let given = looked.decisions.iter().filter(classifies).filter_map(|decision| decision.passed_on().cloned());
    own.map(|own| own.label()).into_iter().chain(given).reduce(|one, other| joined(shared, one, &other))
}

/// What is settled for a policy of a world by the worlds before it.
pub(crate) fn settled(shared: &Shared<'_>, looked: &Looked, facts: &Facts, world: World) -> Settled {
    let own = looked.record.own.label.as_ref();
    let barrier = own.is_some_and(|own| own.barrier);
    if world == World::Classification {
        // A policy must not find its own last answer among its facts: its answer would depend on how often it was asked.
        let series = looked.record.series().cloned();
        return Settled { series, label: own.map(|own| own.label()), barrier, retention: None };
    }
    let classified = combined(shared, looked, facts, None, &[World::Classification]);
    let series = series_in_force(looked, classified.series.as_ref());
    let label = label_of(shared, looked, classified.label);
    let retention = (world == World::Archival).then(|| combined(shared, looked, facts, None, &[World::Retention]));
    let retention = retention.and_then(|retention| {
        let action = retention.action.unwrap_or(Action::Review);
        match retention.term {
            Term::Until(until) => Some(RetentionInForce { until: Some(until), forever: false, action }),
            Term::Forever => Some(RetentionInForce { until: None, forever: true, action }),
            Term::Waiting(_) | Term::Abstain => None,
        }
    });
    Settled { series, label, barrier, retention }
}

/// Whether a verdict is a fault.
pub(crate) fn is_fault(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Fault(_))
}
