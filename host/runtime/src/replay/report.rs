//! What a replay found, and what of it an erasure explains.

use crate::RuntimeError;
use fonds_model::{Digest, EntityId, Position, Seq};
use fonds_views::{Rows, register};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::collections::BTreeMap;

/// A report lists at most this many differences; all are counted.
const DIFFERENCES_MAX: usize = 1_000;
/// Cases whose facts differ and that may rest on what was erased; beyond this many they are called different.
const SUSPECTS_MAX: usize = 1 << 20;

/// Something that does not come out as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The entry.
    pub seq: Seq,
    /// The item within it.
    pub item: u16,
    /// The record; none where the whole entry is concerned.
    pub record: Option<String>,
    /// The binding that decided; none for a sweep.
    pub policy: Option<String>,
    /// Which field differs: `facts` means that the views tell another story, and not the policy.
    pub field: String,
    /// What the log says.
    pub recorded: String,
    /// What came out now.
    pub replayed: String,
}

/// Decisions that could not be made again, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreplayed {
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Recorded decisions: those that were made again, and those that could not be.
    pub decisions: u64,
    /// Decisions that were made again.
    pub replayed: u64,
    /// Those that came out byte for byte.
    pub equal: u64,
    /// Of these, how many came out only when their case was asked alone.
    pub alone: u64,
    /// Those that did not.
    pub different: u64,
    /// The first 1,000 differences, in order of entry, those of sweeps last.
    pub differences: Vec<Difference>,
    /// What could not be made again or compared.
    pub not_replayable: Vec<Unreplayed>,
    /// Sweeps whose digest was computed again.
    pub sweeps: u64,
    /// Those whose digest is another.
    pub sweeps_different: u64,
    /// The log's size.
    pub log_size: u64,
}

impl Replayed {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.different == 0 && self.sweeps_different == 0
    }

    pub(super) fn sweep(&mut self, seq: Seq, recorded: &Digest, replayed: &Digest) {
        self.sweeps += 1;
        if recorded != replayed {
            self.sweeps_different += 1;
            self.list(of_sweep(seq, recorded.to_string(), replayed.to_string()));
        }
    }

    fn list(&mut self, difference: Difference) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(difference);
        }
    }
}

fn of_sweep(seq: Seq, recorded: String, replayed: String) -> Difference {
    Difference { seq, item: 0, record: None, policy: None, field: "digest".to_owned(), recorded, replayed }
}

/// A case that came out otherwise.
#[derive(Debug)]
pub(super) struct Otherwise {
    pub(super) differences: Vec<Difference>,
    /// Its facts are others, so that an erasure may be why; the entities that they rest on.
    pub(super) rests_on: Vec<String>,
}

/// What one worker found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) equal: u64,
    pub(super) alone: u64,
    otherwise: Vec<Otherwise>,
    /// Cases beyond those that are kept.
    different: u64,
    sweeps: Vec<Difference>,
    unreplayed: BTreeMap<String, u64>,
}

impl Findings {
    pub(super) fn add(&mut self, other: Findings) {
        self.equal += other.equal;
        self.alone += other.alone;
        self.different += other.different;
        self.otherwise.extend(other.otherwise);
        self.sweeps.extend(other.sweeps);
        for (reason, count) in other.unreplayed {
            *self.unreplayed.entry(reason).or_default() += count;
        }
    }

    pub(super) fn unreplayed(&mut self, count: u64, reason: &str) {
        if count > 0 {
            *self.unreplayed.entry(reason.to_owned()).or_default() += count;
        }
    }

    pub(super) fn otherwise(&mut self, otherwise: Otherwise) {
        if self.otherwise.len() < SUSPECTS_MAX {
            self.otherwise.push(otherwise);
        } else {
            self.different += 1;
        }
    }

    /// Item 0 is not what decisions share: whoever wrote it, none of them can be believed.
    pub(super) fn context_not_understood(&mut self, seq: Seq, cases: u64) {
        let difference = Difference {
            seq,
            item: 0,
            record: None,
            policy: None,
            field: "context".to_owned(),
            recorded: "not understood".to_owned(),
            replayed: "what decisions share".to_owned(),
        };
        self.otherwise(Otherwise { differences: vec![difference], rests_on: Vec::new() });
        self.different += cases.saturating_sub(1);
    }

    pub(super) fn sweep_not_understood(&mut self, seq: Seq) {
        self.sweeps.push(of_sweep(seq, "not understood".to_owned(), "a sweep".to_owned()));
    }
}

/// Settles which differences an erasure explains.
pub(super) struct Suspects<'a> {
    pub(super) rows: &'a dyn Rows,
    /// Items that were erased, and the entry that did it where one is known.
    pub(super) erased: &'a BTreeMap<Position, Option<Seq>>,
    /// Records that erasures name.
    pub(super) erased_of: &'a FxHashMap<String, Seq>,
}

impl Suspects<'_> {
    pub(super) fn judge(&self, findings: Findings) -> Result<Replayed, RuntimeError> {
        let Findings { equal, alone, mut otherwise, different, sweeps, mut unreplayed } = findings;
        otherwise.sort_by_key(|case| case.differences.first().map(|found| (found.seq, found.item)));
        let mut replayed = Replayed { equal, alone, different, ..Replayed::default() };
        for case in otherwise {
            if let Some(reason) = self.explained(&case)? {
                *unreplayed.entry(reason).or_default() += 1;
                continue;
            }
            replayed.different += 1;
            case.differences.into_iter().for_each(|difference| replayed.list(difference));
        }
        replayed.replayed = replayed.equal + replayed.different;
        replayed.decisions = replayed.replayed + unreplayed.values().sum::<u64>();
        replayed.not_replayable = unreplayed.into_iter().map(|(reason, count)| Unreplayed { reason, count }).collect();
        replayed.sweeps = sweeps.len() as u64;
        replayed.sweeps_different = replayed.sweeps;
        sweeps.into_iter().for_each(|difference| replayed.list(difference));
        Ok(replayed)
    }

    /// Why other facts are no fault of anybody's: what they rested on was erased.
    fn explained(&self, case: &Otherwise) -> Result<Option<String>, RuntimeError> {
        if self.erased.is_empty() && self.erased_of.is_empty() {
            return Ok(None);
        }
        for id in &case.rests_on {
            let by = match self.erased_of.get(id) {
                Some(by) => Some(Some(*by)),
                None => self.erased_among(id)?,
            };
            if let Some(by) = by {
                let by = by.map_or_else(|| "an entry that is not known".to_owned(), |seq| format!("entry {seq}"));
                return Ok(Some(format!("a payload that its facts rested on was erased by {by}")));
            }
        }
        Ok(None)
    }

    /// The erasure of an item of an entity's history, if there is one.
    fn erased_among(&self, id: &str) -> Result<Option<Option<Seq>>, RuntimeError> {
        let Ok(id) = EntityId::new(id) else { return Ok(None) };
        let facts = register::history(self.rows, &id, None)?;
        Ok(facts.iter().find_map(|fact| self.erased.get(&fact.position).copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fonds_views::rows::MemoryRows;

    fn otherwise(seq: Seq, id: &str) -> Otherwise {
        let difference = Difference {
            seq,
            item: 1,
            record: Some(id.to_owned()),
            policy: Some("keep".to_owned()),
            field: "facts".to_owned(),
            recorded: "1".to_owned(),
            replayed: "2".to_owned(),
        };
        Otherwise { differences: vec![difference], rests_on: vec![id.to_owned()] }
    }

    #[test]
    fn other_facts_are_explained_by_an_erasure_of_what_they_rested_on_and_by_no_other() {
        let erased = BTreeMap::from([(Position { seq: 3, item: 0 }, Some(9))]);
        let erased_of = FxHashMap::from_iter([("case/1".to_owned(), 9)]);
        let suspects = Suspects { rows: &MemoryRows::default(), erased: &erased, erased_of: &erased_of };
        let mut findings = Findings { equal: 5, ..Findings::default() };
        findings.otherwise(otherwise(8, "case/2"));
        findings.otherwise(otherwise(7, "case/1"));
        let replayed = suspects.judge(findings).unwrap();
        assert_eq!((replayed.decisions, replayed.replayed, replayed.different), (7, 6, 1));
        assert_eq!(replayed.differences[0].record.as_deref(), Some("case/2"));
        let not = &replayed.not_replayable[0];
        assert_eq!((not.reason.as_str(), not.count), ("a payload that its facts rested on was erased by entry 9", 1));
    }

    #[test]
    fn another_answer_from_the_same_facts_is_explained_by_no_erasure() {
        let erased_of = FxHashMap::from_iter([("case/1".to_owned(), 9)]);
        let erased = BTreeMap::from([(Position { seq: 3, item: 0 }, Some(9))]);
        let suspects = Suspects { rows: &MemoryRows::default(), erased: &erased, erased_of: &erased_of };
        let mut findings = Findings::default();
        findings.otherwise(Otherwise { rests_on: Vec::new(), ..otherwise(7, "case/1") });
        assert_eq!(suspects.judge(findings).unwrap().different, 1);
    }

    #[test]
    fn a_report_lists_a_thousand_differences_and_counts_all() {
        let (erased, erased_of) = (BTreeMap::new(), FxHashMap::default());
        let suspects = Suspects { rows: &MemoryRows::default(), erased: &erased, erased_of: &erased_of };
        let mut findings = Findings::default();
        (0..1_500).for_each(|seq| findings.otherwise(otherwise(seq, "case/1")));
        let replayed = suspects.judge(findings).unwrap();
        assert_eq!((replayed.different, replayed.differences.len()), (1_500, 1_000));
    }
}
