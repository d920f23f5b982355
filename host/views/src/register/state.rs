//! A record as its own history makes it: the one truth that the stored rows must equal.

use super::amend;
use super::fact::{Created, Fact, Labelled, Told, micros_known};
use fonds_model::{AgencyPath, EntityId, Kind, PartialDate, Position, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A stored record keeps at most this many occurrences beside it; one with more is resolved from its history.
pub const OCCURRENCES_STORED_MAX: usize = 64;

/// A stored record keeps attributes of at most this many bytes; one with more is resolved from its history.
pub const ATTRIBUTE_BYTES_STORED_MAX: usize = 16_384;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum What {
    /// It was created.
    Created,
    /// It was captured.
    Captured,
    /// It was closed.
    Closed,
    /// It was opened again.
    Reopened,
    /// Another record took its place.
    Superseded,
    /// A `record.event` of this name.
    Event(String),
    /// Its content was reported lost.
    Loss,
    /// It was handed to an archive.
    Transferred,
    /// An archive keeps it.
    Archived,
    /// It was destroyed.
    Destroyed,
}

/// One standing occurrence of something that moves a record's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurred {
    /// What.
    pub what: What,
    /// On which day; none when nobody has written it down.
    pub on: Option<PartialDate>,
    /// At which instant, where the producer wrote one.
    #[serde(with = "micros_known")]
    pub time: Option<Timestamp>,
    /// The item that says so.
    pub position: Position,
}

/// A record as its own facts make it, without what it inherits from a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordState {
    /// The newest item of its history, amendments included.
    pub last: Position,
    /// How many of its facts stand; none: the record is as if never sent.
    pub standing: u64,
    /// The responsible agency, as a fact last named it.
    pub agency: Option<AgencyPath>,
    /// The agency whose fonds it belongs to.
    pub creator: Option<AgencyPath>,
    /// Its own series.
    pub series: Option<SeriesId>,
    /// What it is: `case-file`, `dataset`, …
    pub kind: Option<String>,
    /// What people call it.
    pub title: Option<String>,
    /// The file that it is filed into.
    pub file: Option<EntityId>,
    /// Its own label, with the barrier and the declassification it was given.
    pub label: Option<Labelled>,
    /// The item that gave the label.
    pub labelled_at: Option<Position>,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// The record that took its place.
    pub superseded_by: Option<EntityId>,
    /// Where it lies.
    pub location: Option<String>,
    /// The format that it has.
    pub format: Option<String>,
    /// What happened to it, in the log's order.
    pub occurred: Vec<Occurred>,
    /// The earliest date of what happened to it, its creation apart.
    pub earliest: Option<PartialDate>,
    /// A standing correction or annulment is beside one of its entries.
    pub corrected: bool,
    /// There is more than a stored record keeps: its history must be read.
    pub spilled: bool,
    /// It has a creation or a capture of its own.
    pub made: bool,
    /// An agency was named by a fact that decides it, and not only by the envelope of another.
    agency_decided: bool,
    attribute_bytes: u64,
}

impl Default for RecordState {
    fn default() -> Self {
        Self {
            last: Position { seq: 0, item: 0 },
            standing: 0,
            agency: None,
            creator: None,
            series: None,
            kind: None,
            title: None,
            file: None,
            label: None,
            labelled_at: None,
            attributes: BTreeMap::new(),
            superseded_by: None,
            location: None,
            format: None,
            occurred: Vec::new(),
            earliest: None,
            corrected: false,
            spilled: false,
            made: false,
            agency_decided: false,
            attribute_bytes: 0,
        }
    }
}

/// How much of a record is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// What a stored row keeps.
    Stored,
}

/// A record as its history up to and including entry `as_of` makes it: mistakes put right, all occurrences kept.
#[must_use]
pub fn resolve(id: &EntityId, history: &[Fact], as_of: Option<fonds_model::Seq>) -> RecordState {
    resolved(id, history, as_of, Extent::Whole)
}

pub(super) fn resolved(
    id: &EntityId,
    history: &[Fact],
    as_of: Option<fonds_model::Seq>,
    extent: Extent,
) -> RecordState {
    let known: Vec<Fact> =
        history.iter().filter(|fact| as_of.is_none_or(|seq| fact.position.seq <= seq)).cloned().collect();
    let standing = amend::standing(id.as_str(), &known);
    let mut state = RecordState::default();
    for fact in &standing.facts {
        state.apply(fact, extent);
    }
    state.corrected = standing.corrected;
    // A fact that a later correction brings here brings its amendments too: before that they are not of this record.
    let here: BTreeSet<Position> =
        known.iter().flat_map(|fact| [Some(fact.position), adopted(fact)]).flatten().collect();
    let of_this = known.iter().filter(|fact| fact.target().is_none_or(|target| here.contains(&target)));
    state.last = of_this.map(|fact| fact.position).max().unwrap_or(state.last);
    state
}

/// Where a fact of another subject stands that a correction gave to this record.
fn adopted(fact: &Fact) -> Option<Position> {
    match &fact.told {
        Told::Adopted(adopted) => Some(adopted.position),
        _ => None,
    }
}

impl RecordState {
    /// Takes in a standing fact that comes after all others.
    pub(super) fn apply(&mut self, fact: &Fact, extent: Extent) {
        self.last = self.last.max(fact.position);
        self.standing += 1;
        if !matches!(fact.told, Told::Created(_)) {
            self.note_date(fact.on);
            self.name_agency(fact.agency.as_ref(), false);
        }
        match &fact.told {
            Told::Created(created) => self.create(fact, created, extent),
            Told::Filed(file) => self.file = Some(file.clone()),
            Told::Classified(series) => self.series = Some(series.clone()),
            Told::Labelled(labelled) => self.give_label(labelled, fact.position),
            Told::Modified { title, attributes } => {
                self.title = title.clone().or(self.title.take());
                self.set_attributes(attributes, extent);
            }
            Told::Closed => self.happened(What::Closed, fact, extent),
            Told::Reopened => self.happened(What::Reopened, fact, extent),
            Told::Superseded(by) => {
                self.superseded_by = by.clone();
                self.happened(What::Superseded, fact, extent);
            }
            Told::Happened { name, .. } => self.happened(What::Event(name.clone()), fact, extent),
            Told::Moved { location, agency } => {
                self.location = location.clone().or(self.location.take());
                self.name_agency(agency.as_ref(), true);
            }
            Told::Migrated(format) => self.format = format.clone().or(self.format.take()),
            Told::LossReported(_) => self.happened(What::Loss, fact, extent),
            Told::Transferred => self.happened(What::Transferred, fact, extent),
            Told::Archived => self.happened(What::Archived, fact, extent),
            Told::Destroyed => self.happened(What::Destroyed, fact, extent),
            Told::Renamed(_)
            | Told::Accessed { .. }
            | Told::FixityChecked { .. }
            | Told::Corrected { .. }
            | Told::Annulled(_)
            | Told::Adopted(_)
            | Told::Unread => {}
        }
    }

    fn create(&mut self, fact: &Fact, created: &Created, extent: Extent) {
        let agency = created.agency.as_ref().or(fact.agency.as_ref());
        self.name_agency(agency, true);
        if self.creator.is_none() {
            self.creator = created.creator.as_ref().or(agency).cloned();
        }
        self.series = created.series.clone().or(self.series.take());
        self.kind = created.kind.clone().or(self.kind.take());
        self.title = created.title.clone().or(self.title.take());
        self.file = created.file.clone().or(self.file.take());
        if let Some(label) = &created.label {
            self.give_label(label, fact.position);
        }
        self.set_attributes(&created.attributes, extent);
        self.made = true;
        let what = if fact.kind == Kind::RecordCaptured { What::Captured } else { What::Created };
        self.happened(what, fact, extent);
    }

    fn give_label(&mut self, label: &Labelled, position: Position) {
        self.label = Some(label.clone());
        self.labelled_at = Some(position);
    }

    /// Creation and moving decide who answers for a record; the envelope of another fact only says it while none does.
    fn name_agency(&mut self, agency: Option<&AgencyPath>, decides: bool) {
        let Some(agency) = agency else { return };
        if decides || !self.agency_decided {
            self.agency = Some(agency.clone());
            self.agency_decided |= decides;
        }
    }

    fn note_date(&mut self, on: Option<PartialDate>) {
        let Some(on) = on else { return };
        if self.earliest.is_none_or(|earliest| on.last_day() < earliest.last_day()) {
            self.earliest = Some(on);
        }
    }

    fn happened(&mut self, what: What, fact: &Fact, extent: Extent) {
        if extent == Extent::Stored && self.occurred.len() >= OCCURRENCES_STORED_MAX {
            self.spilled = true;
        } else {
            self.occurred.push(Occurred { what, on: fact.on, time: fact.time, position: fact.position });
        }
    }

    fn set_attributes(&mut self, attributes: &[(String, String)], extent: Extent) {
        for (name, value) in attributes {
            let bytes = (name.len() + value.len()) as u64;
            if extent == Extent::Stored && self.attribute_bytes + bytes > ATTRIBUTE_BYTES_STORED_MAX as u64 {
                self.spilled = true;
                continue;
            }
            // What replaced values took is not given back, so that this depends on the facts alone.
            self.attribute_bytes += bytes;
            self.attributes.insert(name.clone(), value.clone());
        }
    }
}
