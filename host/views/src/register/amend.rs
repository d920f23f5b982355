//! Mistakes put right: which facts of a history stand, and what they say once corrected.

use super::fact::{Fact, Labelled, Told, instant};
use fonds_model::{Position, Timestamp, date::Written};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

/// A history with its mistakes put right.
pub(super) struct Standing {
    /// The facts that count for the record, corrected, in the log's order.
    pub(super) facts: Vec<Fact>,
    /// A standing correction or annulment is beside one of its entries.
    pub(super) corrected: bool,
}

/// Puts a record's mistakes right.
///
/// What is annulled never counts; an annulment that is itself annulled by one that stands is as if never sent, and so
/// is a correction. Amendments reach back only, so from the newest to the oldest each is settled by those after it.
pub(super) fn standing(id: &str, history: &[Fact]) -> Standing {
    let (annulled, corrections) = settle(history);
    let mut standing = Standing { facts: Vec::new(), corrected: false };
    for (home, fact) in originals(history) {
        let amendments = corrections.get(&fact.position).map(Vec::as_slice).unwrap_or_default();
        if !fact.kind.producer_may_send() {
            // What the host did (a destruction, a transfer) is no claim that somebody could take back.
            standing.facts.push(fact.clone());
            continue;
        }
        if annulled.contains(&fact.position) {
            standing.corrected = true;
            continue;
        }
        standing.corrected |= !amendments.is_empty();
        let mut fact = fact.clone();
        let mut subject = home.then(|| id.to_owned());
        for (field, new) in amendments {
            if field == "subject" && !fact.is_lineage {
                subject = new.as_str().map(str::to_owned).or(subject);
            } else {
                correct(&mut fact, field, new);
            }
        }
        if subject.as_deref() == Some(id) {
            standing.facts.push(fact);
        }
    }
    standing.facts.sort_by_key(|fact| fact.position);
    standing
}

/// Facts that are no amendments, with whether they were sent about this record in the first place.
fn originals(history: &[Fact]) -> impl Iterator<Item = (bool, &Fact)> {
    history.iter().filter_map(|fact| match &fact.told {
        Told::Corrected { .. } | Told::Annulled(_) => None,
        Told::Adopted(original) => Some((false, &**original)),
        _ => Some((true, fact)),
    })
}

type Corrections = FxHashMap<Position, Vec<(String, Value)>>;

fn settle(history: &[Fact]) -> (FxHashSet<Position>, Corrections) {
    let mut amendments: Vec<&Fact> = history.iter().filter(|fact| fact.target().is_some()).collect();
    amendments.sort_by_key(|fact| fact.position);
    amendments.dedup_by_key(|fact| fact.position);
    let mut annulled = FxHashSet::default();
    let mut corrections = Corrections::default();
    for fact in amendments.iter().rev().filter(|fact| fact.target().is_some_and(|target| target < fact.position)) {
        if annulled.contains(&fact.position) {
            continue;
        }
        match &fact.told {
            Told::Annulled(target) => {
                annulled.insert(*target);
            }
            Told::Corrected { target, field, new } => {
                let new = serde_json::from_str(new).unwrap_or(Value::Null);
                corrections.entry(*target).or_default().push((field.clone(), new));
            }
            _ => {}
        }
    }
    for list in corrections.values_mut() {
        list.reverse();
    }
    (annulled, corrections)
}

/// Sets a field of a fact; what does not fit the field changes nothing, since the edge refuses it.
fn correct(fact: &mut Fact, field: &str, new: &Value) {
    match field {
        "on" => {
            if new.is_null() {
                (fact.on, fact.time) = (None, None);
            } else if let Some(on) = read(new) {
                (fact.on, fact.time) = (Some(on), None);
            }
        }
        "time" => {
            let Some(written) = new.as_str().and_then(|text| Written::parse(text).ok()) else { return };
            // The zone is the one in which the event's day was resolved; later settings never rewrite it.
            if let Ok(on) = written.resolve(fact.zone.as_deref()) {
                (fact.on, fact.time) = (Some(on), instant(written));
            }
        }
        "agency" => correct_agency(fact, new),
        _ => correct_body(&mut fact.told, field, new),
    }
}

fn correct_agency(fact: &mut Fact, new: &Value) {
    if !new.is_null() && !new.is_string() {
        return;
    }
    let agency = read(new);
    match &mut fact.told {
        Told::Created(created) => created.agency = agency.clone(),
        Told::Moved { agency: moved, .. } => *moved = agency.clone(),
        _ => {}
    }
    fact.agency = agency;
}

fn correct_body(told: &mut Told, field: &str, new: &Value) {
    match (told, field) {
        (Told::Created(created), "series") => set(&mut created.series, new),
        (Told::Created(created), "creator") => set(&mut created.creator, new),
        (Told::Created(created), "kind") => set(&mut created.kind, new),
        (Told::Created(created), "title") => set(&mut created.title, new),
        (Told::Created(created), "file") => set(&mut created.file, new),
        (Told::Created(created), "label") => {
            if new.is_null() {
                created.label = None;
            } else if let Some(label) = read(new) {
                created.label = Some(Labelled::new(label, false, None));
            }
        }
        (Told::Created(created), "attributes") => set_attributes(&mut created.attributes, new),
        (Told::Filed(file), "file") => replace(file, new),
        (Told::Classified(series), "series") => replace(series, new),
        (Told::Labelled(labelled), "level") => replace(&mut labelled.level, new),
        (Told::Labelled(labelled), "categories") => {
            replace(&mut labelled.categories, new);
            labelled.categories.sort_unstable();
            labelled.categories.dedup();
        }
        (Told::Labelled(labelled), "barrier") => replace(&mut labelled.barrier, new),
        (Told::Labelled(labelled), "declassify") => set(&mut labelled.declassify, new),
        (Told::Modified { title, .. }, "title") => set(title, new),
        (Told::Modified { attributes, .. } | Told::Happened { attributes, .. }, "attributes") => {
            set_attributes(attributes, new);
        }
        (Told::Superseded(by), "superseded_by") => set(by, new),
        (Told::Happened { name, .. }, "name") => replace(name, new),
        (Told::Moved { location, .. }, "location") => set(location, new),
        (Told::Migrated(format), "format") => set(format, new),
        (Told::LossReported(what), "what") => set(what, new),
        _ => {}
    }
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

fn set<T: serde::de::DeserializeOwned>(field: &mut Option<T>, new: &Value) {
    if let Some(value) = read::<Option<T>>(new) {
        *field = value;
    }
}

fn replace<T: serde::de::DeserializeOwned>(field: &mut T, new: &Value) {
    if let Some(value) = read(new) {
        *field = value;
    }
}

fn set_attributes(field: &mut Vec<(String, String)>, new: &Value) {
    if let Some(attributes) = read(new) {
        *field = super::fact::texts(&attributes);
    }
}

/// When a fact was known to happen at an instant; used where two facts of one day are told apart.
pub(super) fn later(left: (Option<Timestamp>, Position), right: (Option<Timestamp>, Position)) -> bool {
    match (left.0, right.0) {
        (Some(a), Some(b)) if a != b => a > b,
        _ => left.1 > right.1,
    }
}
