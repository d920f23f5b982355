//! Asking a plugin about a batch, so that a case that faults never costs the others their decision.
//!
//! The case is the unit of truth; a batch is packing. A call that faults gives no verdict: the batch is halved under the
//! same limits until the faulting case stands alone.

use crate::evaluator::{Answer, Failure, Plugin};
use crate::request::{Agency, Request, RuleInForce, Subject};
use fonds_model::Unruled;
use fonds_model::decision::{Fault, FaultKind, Verdict, World};
use rustc_hash::FxHashMap;
use sha2::{Digest as _, Sha256};
use std::ops::Range;
use std::sync::Arc;

/// After so many cases that fault alone a plugin is suspended for the rest of the sweep.
pub const LONE_FAULTS_MAX: u32 = 16;

/// What one plugin did in one sweep so far; carried from batch to batch.
#[derive(Debug, Default)]
pub struct Sweep {
    lone_faults: u32,
    suspended: Option<Fault>,
}

impl Sweep {
    /// A sweep that has asked nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many cases have faulted alone.
    #[must_use]
    pub fn lone_faults(&self) -> u32 {
        self.lone_faults
    }

    /// Why the plugin is asked no more in this sweep, if so.
    #[must_use]
    pub fn suspended(&self) -> Option<&Fault> {
        self.suspended.as_ref()
    }

    fn suspend(&mut self, why: &str) {
        self.suspended.get_or_insert_with(|| fault(FaultKind::Suspended, why));
    }
}

/// One call as it was really made, or cases that a suspended plugin was not asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which of the request's subjects it was about.
    pub subjects: Range<usize>,
    /// Fuel that it used; 0 when it faulted or was not made.
    pub fuel: u64,
    /// A verdict a subject, in order.
    pub verdicts: Vec<Verdict>,
}

/// The host could not go on; nothing is to be recorded of this batch, and the sweep ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the sweep was stopped, and decided nothing more: {0}")]
pub struct Aborted(pub String);

/// Asks about a batch; the calls cover its subjects once each, in order.
///
/// A batch of more than [`crate::request::CASES_MAX`] is asked in packs of that many. In each batch one case is asked
/// again alone: another answer suspends the plugin and makes every case of the batch a fault. A classification that
/// rests on ancestors that were cut off is a fault of that case.
///
/// # Errors
/// [`Aborted`] when the host failed (the wall clock, memory): never a decision.
pub fn decide(plugin: &dyn Plugin, sweep: &mut Sweep, request: &Request) -> Result<Vec<Call>, Aborted> {
    let mut calls = Vec::with_capacity(1);
    let count = request.subjects.len();
    for start in (0..count).step_by(crate::request::CASES_MAX) {
        let range = start..count.min(start + crate::request::CASES_MAX);
        let mut batch = Batch { plugin, sweep, request, calls: Vec::with_capacity(1) };
        batch.ask(range.clone())?;
        batch.ask_one_again(range)?;
        calls.append(&mut batch.calls);
    }
    if plugin.manifest().world == World::Classification {
        cut_off(request, &mut calls);
    }
    Ok(calls)
}

struct Batch<'a> {
    plugin: &'a dyn Plugin,
    sweep: &'a mut Sweep,
    request: &'a Request,
    calls: Vec<Call>,
}

impl Batch<'_> {
    /// Asks about a range, in halves if it must be, from left to right.
    fn ask(&mut self, range: Range<usize>) -> Result<(), Aborted> {
        if range.is_empty() {
            return Ok(());
        }
        if let Some(suspended) = self.sweep.suspended() {
            let verdict = Verdict::Fault(suspended.clone());
            self.calls.push(all(range, 0, &verdict));
            return Ok(());
        }
        match self.call(range.clone())? {
            Ok(Answer { verdicts, fuel }) => self.calls.push(Call { subjects: range, fuel, verdicts }),
            Err(fault) if range.len() == 1 => {
                self.calls.push(all(range, 0, &Verdict::Fault(fault)));
                self.sweep.lone_faults += 1;
                if self.sweep.lone_faults >= LONE_FAULTS_MAX {
                    self.sweep.suspend("16 cases of this sweep had faulted alone");
                }
            }
            Err(_) => {
                let middle = range.start + range.len() / 2;
                self.ask(range.start..middle)?;
                self.ask(middle..range.end)?;
            }
        }
        Ok(())
    }

    fn call(&self, range: Range<usize>) -> Result<Result<Answer, Fault>, Aborted> {
        let whole = range == (0..self.request.subjects.len());
        let answered = if whole {
            self.plugin.evaluate(self.request)
        } else {
            self.plugin.evaluate(&sub_request(self.request, range.clone()))
        };
        match answered {
            Ok(answer) if answer.verdicts.len() == range.len() => Ok(Ok(answer)),
            Ok(_) => Ok(Err(fault(FaultKind::AnswerMalformed, "another number of decisions than there were cases"))),
            Err(Failure::Fault(fault)) => Ok(Err(fault)),
            Err(Failure::Aborted(why)) => Err(Aborted(why)),
        }
    }

    /// Asks one of the cases that were asked again, alone; the log says which, since it follows from their ids.
    fn ask_one_again(&mut self, range: Range<usize>) -> Result<(), Aborted> {
        let asked = |call: &&Call| !matches!(call.verdicts.first(), Some(Verdict::Fault(fault)) if fault.kind == FaultKind::Suspended);
        let count: usize = self.calls.iter().filter(asked).map(|call| call.subjects.len()).sum();
        // Who is suspended is so to the end: the cases that were asked come first.
        let Some(chosen) = chosen(self.request.subjects.get(range.start..range.start + count).unwrap_or_default())
        else {
            return Ok(());
        };
        let chosen = range.start + chosen;
        let again = match self.call(chosen..chosen + 1)? {
            Ok(answer) => answer.verdicts.into_iter().next(),
            Err(fault) => Some(Verdict::Fault(fault)),
        };
        let first = self.calls.iter().find(|call| call.subjects.contains(&chosen));
        let first = first.and_then(|call| call.verdicts.get(chosen - call.subjects.start));
        if first == again.as_ref() {
            return Ok(());
        }
        self.sweep.suspend("it had answered a case otherwise when it was asked again");
        // The detail names no case, since it stands beside every other.
        let otherwise = fault(
            FaultKind::Nondeterministic,
            "a case of the batch was answered otherwise when it was asked again alone",
        );
        let verdict = Verdict::Fault(otherwise);
        for call in &mut self.calls {
            call.verdicts.fill(verdict.clone());
        }
        Ok(())
    }
}

fn fault(kind: FaultKind, detail: &str) -> Fault {
    Fault { kind, detail: detail.to_owned() }
}

fn all(subjects: Range<usize>, fuel: u64, verdict: &Verdict) -> Call {
    let verdicts = vec![verdict.clone(); subjects.len()];
    Call { subjects, fuel, verdicts }
}

/// Which case is asked again: by a digest of the first and last id and the number of cases, so that a replay chooses alike.
fn chosen(subjects: &[Subject]) -> Option<usize> {
    let (first, last) = (subjects.first()?, subjects.last()?);
    let mut hash = Sha256::new();
    for id in [&first.id, &last.id] {
        hash.update((id.len() as u64).to_be_bytes());
        hash.update(id);
    }
    hash.update((subjects.len() as u64).to_be_bytes());
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
    Some(u32::from_be_bytes([a, b, c, d]) as usize % subjects.len())
}

/// A label that rests on half of the ancestors may be too low: such a case is a fault.
fn cut_off(request: &Request, calls: &mut [Call]) {
    for call in calls {
        let subjects = request.subjects.get(call.subjects.clone()).unwrap_or_default();
        for (verdict, subject) in call.verdicts.iter_mut().zip(subjects) {
            if subject.ancestors_truncated && !subject.barrier && !matches!(verdict, Verdict::Fault(_)) {
                let detail = "the record has more ancestors than the policy was given";
                *verdict = Verdict::Fault(fault(FaultKind::AncestorsTruncated, detail));
            }
        }
    }
}

/// A part of a batch as a batch of its own: the agencies and rules that it names, numbered anew, and no others.
///
/// A case has the same facts in it as in the whole.
#[must_use]
pub fn sub_request(request: &Request, range: Range<usize>) -> Request {
    let mut agencies = Renumbered::default();
    let mut rules = Renumbered::default();
    let renumbered = |subject: &Subject| {
        let mut subject = subject.clone();
        subject.agency = subject.agency.and_then(|index| agencies.place(index, &request.agencies));
        subject.rule = subject.rule.and_then(|index| rules.place(index, &request.rules).ok_or(Unruled::Unscheduled));
        subject
    };
    let subjects = request.subjects.get(range).unwrap_or_default().iter().map(renumbered).collect();
    let agencies: Vec<Agency> = agencies.list;
    let rules: Vec<Arc<RuleInForce>> = rules.list;
    let (as_of, config, levels) = (request.as_of, Arc::clone(&request.config), Arc::clone(&request.levels));
    Request { as_of, config, levels, agencies, rules, subjects }
}

struct Renumbered<T> {
    places: FxHashMap<u32, u32>,
    list: Vec<T>,
}

impl<T> Default for Renumbered<T> {
    fn default() -> Self {
        Self { places: FxHashMap::default(), list: Vec::new() }
    }
}

impl<T: Clone> Renumbered<T> {
    /// The new index of what stood at `index`; none when nothing stood there.
    fn place(&mut self, index: u32, from: &[T]) -> Option<u32> {
        if let Some(place) = self.places.get(&index) {
            return Some(*place);
        }
        let value = from.get(index as usize)?.clone();
        let place = u32::try_from(self.list.len()).ok()?;
        self.list.push(value);
        self.places.insert(index, place);
        Some(place)
    }
}

#[cfg(test)]
mod tests;
