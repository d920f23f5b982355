//! The plain model: a list of events, and "ancestor in time" as it is defined, with no thought of speed.

use super::Said;
use fonds_model::openlineage::RunState;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
struct Activity {
    /// When, and what was read; a job reads whenever it writes.
    reads: Vec<(Option<i64>, String)>,
    writes: Vec<(i64, String)>,
    /// Named by a run that may be complete one day.
    claims: Vec<String>,
    completed: Option<i64>,
}

/// What a question sees of a log.
#[derive(Debug, Default)]
pub(super) struct Plain {
    activities: BTreeMap<String, Activity>,
    derived: Vec<(String, String, i64)>,
    aliases: Vec<(String, String)>,
    pub(super) entities: BTreeSet<String>,
}

fn annulled(log: &[Said], seq: usize) -> bool {
    log.iter().enumerate().any(|(by, said)| {
        matches!(said, Said::Annulled(target) if *target == seq as u64) && by > seq && !annulled(log, by)
    })
}

impl Plain {
    pub(super) fn of(log: &[Said], as_of: usize, on: i64) -> Self {
        let log = log.get(..=as_of).unwrap_or(log);
        let mut plain = Plain::default();
        for (seq, said) in log.iter().enumerate() {
            let stands = !annulled(log, seq);
            match said {
                Said::Event(event) => {
                    for dataset in event.inputs.iter().chain(&event.outputs) {
                        plain.entities.insert(dataset.id.to_string());
                        for alias in &dataset.aliases {
                            plain.entities.insert(alias.to_string());
                            if stands && event.time.0 <= on {
                                plain.aliases.push((dataset.id.to_string(), alias.to_string()));
                            }
                        }
                    }
                    if stands && event.time.0 <= on {
                        plain.take(event);
                    }
                }
                Said::Derived(made, from, time) => {
                    plain.entities.extend([made.clone(), from.clone()]);
                    if stands && *time <= on {
                        plain.derived.push((made.clone(), from.clone(), *time));
                    }
                }
                Said::Annulled(_) => {}
            }
        }
        plain
    }

    fn take(&mut self, event: &super::Lineage) {
        let own = event.activity.as_ref().unwrap();
        let activity = self.activities.entry(own.id.clone()).or_default();
        let time = own.state.map(|_| event.time.0);
        activity.reads.extend(event.inputs.iter().map(|input| (time, input.id.to_string())));
        let outputs = event.outputs.iter().map(|output| output.id.to_string());
        match own.state {
            None | Some(RunState::Complete) => {
                activity.writes.extend(outputs.map(|output| (event.time.0, output)));
            }
            Some(RunState::Fail | RunState::Abort) => {}
            Some(_) => activity.claims.extend(outputs),
        }
        if own.state == Some(RunState::Complete) {
            activity.completed = Some(activity.completed.map_or(event.time.0, |known| known.min(event.time.0)));
        }
    }

    /// One hop upstream from an entity of which only what was written by `bound` counts.
    fn hops(&self, entity: &str, bound: i64, ever: bool) -> Vec<(String, i64)> {
        let mut found = Vec::new();
        for activity in self.activities.values() {
            let claimed =
                activity.completed.into_iter().flat_map(|at| activity.claims.iter().map(move |name| (at, name)));
            for (wrote, output) in activity.writes.iter().map(|(at, name)| (*at, name)).chain(claimed) {
                if output != entity || (wrote > bound && !ever) {
                    continue;
                }
                for (_, input) in &activity.reads {
                    let first = activity.reads.iter().filter(|(_, other)| other == input).map(|(time, _)| *time);
                    let read = first.map(|time| time.unwrap_or(i64::MAX)).min().unwrap();
                    found.push((input.clone(), if ever { i64::MAX } else { read.min(wrote) }));
                }
            }
        }
        for (made, from, time) in &self.derived {
            if made == entity && (*time <= bound || ever) {
                found.push((from.clone(), if ever { i64::MAX } else { *time.min(&bound) }));
            }
        }
        found
    }

    fn same(&self, entity: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::from([entity.to_owned()]);
        loop {
            let before = names.len();
            for (one, other) in &self.aliases {
                if names.contains(one) || names.contains(other) {
                    names.extend([one.clone(), other.clone()]);
                }
            }
            if names.len() == before {
                return names;
            }
        }
    }

    /// All entities upstream with the fewest hops to them.
    pub(super) fn upstream(&self, entity: &str, ever: bool) -> BTreeMap<String, u32> {
        let mut depths = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut level: BTreeSet<(String, i64)> = BTreeSet::from([(entity.to_owned(), i64::MAX)]);
        for depth in 0.. {
            level = level
                .into_iter()
                .flat_map(|(name, bound)| self.same(&name).into_iter().map(move |n| (n, bound)))
                .collect();
            level.retain(|state| seen.insert(state.clone()));
            if level.is_empty() {
                break;
            }
            for (name, _) in &level {
                depths.entry(name.clone()).or_insert(depth);
            }
            level = level.iter().flat_map(|(name, bound)| self.hops(name, *bound, ever)).collect();
        }
        depths
    }
}
