//! What the host does with a record: decisions, rule, holds, and the parts of a file, all together.

use crate::effective::{combined, combined_under, label_in_force, series_in_force};
use crate::facts::{Looked, Shared};
use crate::{Runtime, RuntimeError};
use fonds_model::decision::{Mode, World};
use fonds_model::{EntityId, Label, SeriesId, Unruled};
use fonds_policy::combine::Effective;
use fonds_policy::request::RuleInForce;
use fonds_views::ViewError;
use fonds_views::register::{self, Caught, Facts, Held, Holding, InForceOf, Moment, Record, Sweep, Through};
use std::sync::Arc;

/// So many of the parts that keep a file are named.
const PARTS_NAMED_MAX: usize = 8;

impl InForceOf for Shared<'_> {
    fn series(&self, record: &Record) -> Result<Option<SeriesId>, ViewError> {
        if record.own.series.is_some() {
            return Ok(record.own.series.clone());
        }
        let looked = self.look(record.clone())?;
        let facts = looked.record.facts_on(self.as_of);
        let classified = combined(self, &looked, &facts, None, &[World::Classification]);
        Ok(series_in_force(&looked, classified.series.as_ref()))
    }

    fn label(&self, record: &Record) -> Result<Option<Label>, ViewError> {
        Ok(label_in_force(self, &self.look(record.clone())?))
    }
}

/// The holds that are active at one moment, on a date or by all that was logged.
pub(crate) fn holding<'a>(shared: &'a Shared<'a>, is_dated: bool) -> Holding<'a> {
    let moment = Moment { seq: shared.seq, on: is_dated.then_some(shared.as_of), today: shared.as_of };
    Holding::new(shared.rows, moment, shared.holds.clone(), &shared.agencies, shared)
}

/// Judges records at one moment.
pub(crate) struct Judging<'a> {
    pub(crate) shared: &'a Shared<'a>,
    pub(crate) holding: Holding<'a>,
    swept: Option<Sweep>,
}

/// What the host does with a record, and what that rests on.
pub(crate) struct Judged {
    pub(crate) looked: Looked,
    pub(crate) facts: Facts,
    pub(crate) series: Option<SeriesId>,
    pub(crate) rule: Result<Arc<RuleInForce>, Unruled>,
    pub(crate) held: Vec<Held>,
    pub(crate) effective: Effective,
}

impl<'a> Judging<'a> {
    pub(crate) fn new(shared: &'a Shared<'a>) -> Result<Self, ViewError> {
        let swept = register::last_sweep(shared.rows, shared.seq)?;
        Ok(Self { shared, holding: holding(shared, true), swept })
    }

    /// What the host does with a record: with what holds it, and no sooner than with any of its parts.
    pub(crate) fn judge(&self, record: Record) -> Result<Judged, ViewError> {
        let looked = self.shared.look(record)?;
        let held = self.holding.on(&looked.record)?;
        let mut judged = self.alone(looked, held)?;
        if judged.facts.destroyed.is_none() {
            self.keep_for_parts(&mut judged)?;
        }
        Ok(judged)
    }

    /// The same without its parts.
    fn alone(&self, looked: Looked, held: Vec<Held>) -> Result<Judged, ViewError> {
        let shared = self.shared;
        let facts = looked.record.facts_on(shared.as_of);
        let classified = combined(shared, &looked, &facts, None, &[World::Classification]);
        let series = series_in_force(&looked, classified.series.as_ref());
        let rule = shared.rule(series.as_ref())?;
        let names: Vec<String> = held.iter().map(|held| held.hold.clone()).collect();
        let mut effective =
            combined_under(shared, &looked, &facts, rule.as_ref().err().copied(), (&World::ALL, &names));
        // What has changed since the last sweep looked has yet to be decided: the decisions shown are of before.
        if facts.destroyed.is_some() {
            // There is nothing left to dispose of.
            (effective.due, effective.action, effective.overdue) = (None, None, false);
            effective.blocked_by = vec!["destroyed".to_owned()];
        } else {
            let parts = held.iter().filter_map(|held| match &held.through {
                Through::Part(part) => Some(format!("part:{part}")),
                _ => None,
            });
            effective.blocked_by.extend(parts);
            if self.is_pending(&looked, &facts)? {
                effective.blocked_by.push("pending".to_owned());
                effective.due = None;
            }
        }
        Ok(Judged { looked, facts, series, rule, held, effective })
    }

    /// A file's term is its longest part's: it is due when the last of them is, and never while one has no date.
    ///
    /// INVARIANT (fail closed): a part that cannot be looked at has no date.
    fn keep_for_parts(&self, judged: &mut Judged) -> Result<(), ViewError> {
        let (parts, cut) = self.holding.parts(&judged.looked.record.id)?;
        let mut kept = Vec::new();
        if cut {
            kept.push("part:too-many".to_owned());
        }
        for part in parts {
            if kept.len() >= PARTS_NAMED_MAX {
                break;
            }
            let Some(found) = self.part(&part)? else { continue };
            match (found.effective.due, judged.effective.due) {
                (None, _) => kept.push(format!("part:{part}")),
                (Some(due), Some(own)) if due.last_day() > own.last_day() => judged.effective.due = Some(due),
                _ => {}
            }
        }
        if !kept.is_empty() {
            judged.effective.due = None;
            let known = &mut judged.effective.blocked_by;
            kept.retain(|part| !known.contains(part));
            known.extend(kept);
        }
        Ok(())
    }

    /// A part by itself, unless nothing is left of it.
    fn part(&self, id: &EntityId) -> Result<Option<Judged>, ViewError> {
        let Some(record) = register::record_on(self.shared.rows, id, self.shared.seq, self.shared.as_of)? else {
            return Ok(None);
        };
        let judged = self.alone(self.shared.look(record)?, Vec::new())?;
        Ok(Some(judged).filter(|judged| judged.facts.destroyed.is_none()))
    }

    /// Whether something counts today that the decisions shown were not asked about: it was logged after the last sweep
    /// looked, or the sweep looked back to a day on which it had not happened.
    fn is_pending(&self, looked: &Looked, facts: &Facts) -> Result<bool, ViewError> {
        let (shared, record) = (self.shared, &looked.record);
        if !looked.decisions.iter().any(|decision| decision.mode == Mode::Enforce) {
            return Ok(false);
        }
        let swept = self.swept.as_ref();
        let Some(swept) = swept.filter(|swept| record.changed_at() < swept.completed.log_size) else {
            return Ok(true);
        };
        let as_of = swept.completed.as_of.last_day();
        let then = record.facts_on(as_of);
        if (then.state, &then.started) != (facts.state, &facts.started) {
            return Ok(true);
        }
        // A series, a label, a file or an agency that was dated after the sweep's date and has come since, or the reverse.
        let holds = record.holds_from().is_none_or(|from| from <= as_of && from <= shared.as_of);
        let then = if holds { None } else { register::record_on(shared.rows, &record.id, shared.seq, as_of)? };
        Ok(then.is_some_and(|then| then.own != record.own || then.files != record.files))
    }
}

/// What each of the active holds catches.
pub(crate) type AllCaught = Arc<Vec<Caught>>;

/// What holds records now: as they are today, and by all that was logged, so that what is announced holds already.
pub(crate) struct HoldsNow<'a> {
    dated: Holding<'a>,
    logged: Holding<'a>,
}

impl<'a> HoldsNow<'a> {
    pub(crate) fn new(shared: &'a Shared<'a>) -> Self {
        Self { dated: holding(shared, true), logged: holding(shared, false) }
    }

    /// Works out once what each hold holds, since many records will be asked about.
    pub(crate) fn prepare(&self) -> Result<(AllCaught, AllCaught), ViewError> {
        Ok((self.dated.prepare()?, self.logged.prepare()?))
    }

    /// Takes what was worked out before, for the same holds.
    pub(crate) fn prepared(&self, dated: &AllCaught, logged: &AllCaught) {
        self.dated.prepared(Arc::clone(dated));
        self.logged.prepared(Arc::clone(logged));
    }

    /// What holds a record, each hold once; what does not stand any more is held by those that name it.
    pub(crate) fn on(&self, id: &EntityId) -> Result<Vec<Held>, ViewError> {
        if self.dated.is_empty() {
            return Ok(Vec::new());
        }
        let mut held = self.logged.on_id(id)?;
        for more in self.dated.on_id(id)? {
            if held.iter().all(|known| known.hold != more.hold) {
                held.push(more);
            }
        }
        held.sort_unstable();
        Ok(held)
    }
}

impl Runtime {
    /// What all records share today.
    pub(crate) fn shared_today(&self) -> Result<Shared<'_>, RuntimeError> {
        Shared::load(self.rows(), self.now().date_utc(), None)
    }
}
