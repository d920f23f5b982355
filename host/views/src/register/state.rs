//! A record as its own history makes it: the one truth that the stored rows must equal.
//!
//! What is dated after the day asked about has not happened yet: it changes no field. What is dated after it was logged
//! was announced, and counts from its day on as if it had been logged then; of everything else the log's last word
//! counts. The first creation counts at once whatever its date (only its clock waits), since there is nothing before it
//! that it would change.

use super::amend;
use super::fact::{Created, Fact, Labelled, Told, micros_known};
use fonds_model::{AgencyPath, EntityId, Kind, PartialDate, Position, Seq, SeriesId, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A stored record keeps at most this many occurrences beside it; one with more is resolved from its history.
pub const OCCURRENCES_STORED_MAX: usize = 64;

/// A stored record keeps attributes of at most this many bytes; one with more is resolved from its history.
pub const ATTRIBUTE_BYTES_STORED_MAX: usize = 16_384;

/// A stored record keeps at most this many files that it is announced to go into or to leave.
///
/// A change of one beyond them does not make the record due for a look; what it shows is blocked as pending all the same.
const FILINGS_STORED_MAX: usize = 64;

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
    /// The last day that one of its facts is dated: before it, less than what is stored has happened.
    pub holds_from: Option<PartialDate>,
    /// The files that it is in, or was or will be in by what has been announced.
    pub(super) filings: Vec<EntityId>,
    /// The last day that was announced before it came.
    announced: Option<PartialDate>,
    /// When its newest fact was logged, that day was still to come.
    awaits: bool,
    /// What was announced counts after something that was logged later: its history must be read.
    disordered: bool,
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
            holds_from: None,
            filings: Vec::new(),
            announced: None,
            awaits: false,
            disordered: false,
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

/// A record as its history up to and including entry `as_of` makes it on a date, or, with no date, by all that was
/// logged: mistakes put right, all occurrences kept.
#[must_use]
pub fn resolve(id: &EntityId, history: &[Fact], as_of: Option<Seq>, on: Option<Date>) -> RecordState {
    let (mut state, facts) = noted(id, history, as_of, Extent::Whole);
    for fact in counting(&facts, on) {
        state.take(fact, Extent::Whole);
    }
    state
}

/// A record as its stored row keeps it: all that was logged, in the log's order.
pub(super) fn resolve_stored(id: &EntityId, history: &[Fact]) -> RecordState {
    let (mut state, facts) = noted(id, history, None, Extent::Stored);
    for fact in &facts {
        state.take(fact, Extent::Stored);
    }
    state
}

/// What does not hang on the order in which facts count, and the facts that stand.
fn noted(id: &EntityId, history: &[Fact], as_of: Option<Seq>, extent: Extent) -> (RecordState, Vec<Fact>) {
    let known: Vec<Fact> =
        history.iter().filter(|fact| as_of.is_none_or(|seq| fact.position.seq <= seq)).cloned().collect();
    let standing = amend::standing(id.as_str(), &known);
    let mut state = RecordState::default();
    for fact in &standing.facts {
        state.note(fact, extent);
    }
    state.corrected = standing.corrected;
    // A fact that a later correction brings here brings its amendments too, and theirs: before that none of them is of this
    // record. Amendments reach back only, so that in the log's order each comes after what it is about.
    let mut in_order: Vec<&Fact> = known.iter().collect();
    in_order.sort_by_key(|fact| fact.position);
    let mut here: BTreeSet<Position> = in_order.iter().filter_map(|fact| adopted(fact)).collect();
    for fact in in_order {
        if fact.target().is_none_or(|target| here.contains(&target)) {
            here.insert(fact.position);
            state.last = fact.position;
        }
    }
    (state, standing.facts)
}

/// The facts that have happened by a date, in the order in which they count.
fn counting(facts: &[Fact], on: Option<Date>) -> Vec<&Fact> {
    let first = facts.iter().position(is_creation);
    let mut counting: Vec<(Date, &Fact)> = Vec::with_capacity(facts.len());
    for (index, fact) in facts.iter().enumerate() {
        if first == Some(index) {
            counting.push((fact.at.date_utc(), fact));
        } else if fact.on.is_none_or(|day| on.is_none_or(|on| day.last_day() <= on)) {
            counting.push((counts_from(fact), fact));
        }
    }
    // Stable: facts that count from one day stay in the log's order.
    counting.sort_by_key(|(day, _)| *day);
    counting.into_iter().map(|(_, fact)| fact).collect()
}

fn is_creation(fact: &Fact) -> bool {
    matches!(fact.told, Told::Created(_))
}

/// The day on which a fact takes its place among the others: when it was logged, or its own day if that came later.
fn counts_from(fact: &Fact) -> Date {
    let logged = fact.at.date_utc();
    fact.on.map_or(logged, |on| logged.max(on.last_day()))
}

/// Where a fact of another subject stands that a correction gave to this record.
fn adopted(fact: &Fact) -> Option<Position> {
    match &fact.told {
        Told::Adopted(adopted) => Some(adopted.position),
        _ => None,
    }
}

impl RecordState {
    /// Takes in a standing fact that comes after all others in the log.
    pub(super) fn apply(&mut self, fact: &Fact, extent: Extent) {
        self.note(fact, extent);
        self.take(fact, extent);
    }

    /// Whether its fields as they are stored are those of a date, or of all that was logged.
    pub(super) fn holds_on(&self, on: Option<Date>) -> bool {
        !self.disordered && on.is_none_or(|on| self.holds_from.is_none_or(|from| from.last_day() <= on))
    }

    /// Whether the file that it was last filed into is its file from now on.
    pub(super) fn is_filed_for_certain(&self) -> bool {
        !self.disordered && !self.awaits && self.filings.len() <= 1
    }

    /// Notes what counts whatever the day: dates, occurrences, where it may be filed.
    fn note(&mut self, fact: &Fact, extent: Extent) {
        self.last = self.last.max(fact.position);
        self.standing += 1;
        let is_first = is_creation(fact) && !self.made;
        self.made |= is_creation(fact);
        if !is_creation(fact) {
            self.note_date(fact.on);
        }
        self.note_day(fact, is_first);
        match &fact.told {
            Told::Created(created) => {
                let what = if fact.kind == Kind::RecordCaptured { What::Captured } else { What::Created };
                self.happened(what, fact, extent);
                self.note_filing(created.file.as_ref());
            }
            Told::Filed(file) => self.note_filing(Some(file)),
            Told::Closed => self.happened(What::Closed, fact, extent),
            Told::Reopened => self.happened(What::Reopened, fact, extent),
            Told::Superseded(_) => self.happened(What::Superseded, fact, extent),
            Told::Happened { name, .. } => self.happened(What::Event(name.clone()), fact, extent),
            Told::LossReported(_) => self.happened(What::Loss, fact, extent),
            Told::Transferred => self.happened(What::Transferred, fact, extent),
            Told::Archived => self.happened(What::Archived, fact, extent),
            Told::Destroyed => self.happened(What::Destroyed, fact, extent),
            _ => {}
        }
    }

    /// Notes from which day on a fact counts; the first creation counts at once.
    fn note_day(&mut self, fact: &Fact, is_first: bool) {
        let logged = fact.at.date_utc();
        let day = if is_first { logged } else { counts_from(fact) };
        let announced = self.announced.map(|announced| announced.last_day());
        self.disordered |= announced.is_some_and(|announced| day < announced);
        if day > logged && announced.is_none_or(|announced| announced < day) {
            self.announced = Some(day.into());
        }
        self.awaits = self.announced.is_some_and(|announced| announced.last_day() > logged);
        if let Some(on) = fact.on.filter(|_| !is_first)
            && self.holds_from.is_none_or(|from| from.last_day() < on.last_day())
        {
            self.holds_from = Some(on.last_day().into());
        }
    }

    /// A filing ends those before it, unless something that was announced has yet to come.
    fn note_filing(&mut self, file: Option<&EntityId>) {
        let Some(file) = file else { return };
        if !self.awaits {
            self.filings.clear();
        }
        self.filings.retain(|known| known != file);
        self.filings.push(file.clone());
        if self.filings.len() > FILINGS_STORED_MAX {
            self.filings.remove(0);
        }
    }

    /// Sets the fields that a fact gives.
    fn take(&mut self, fact: &Fact, extent: Extent) {
        if !is_creation(fact) {
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
            Told::Superseded(by) => self.superseded_by = by.clone(),
            Told::Moved { location, agency } => {
                self.location = location.clone().or(self.location.take());
                self.name_agency(agency.as_ref(), true);
            }
            Told::Migrated(format) => self.format = format.clone().or(self.format.take()),
            Told::Closed
            | Told::Reopened
            | Told::Happened { .. }
            | Told::LossReported(_)
            | Told::Transferred
            | Told::Archived
            | Told::Destroyed
            | Told::Renamed(_)
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
