//! What holds a record: the one place where that is worked out.
//!
//! A hold holds *directly* what it selects (itself, or with a file that it is filed into) and, with what is derived, all
//! that came of it in the order of time. What is held directly is held; so is what is filed into a file that is held
//! directly; and a file is held by what is filed into it, since it cannot go without it.
//!
//! Asked about one record, the answer is looked for from the record: up its files, down its parts, up its lineage. Asked
//! about many ([`Holding::prepare`]), what each hold holds directly is worked out once, down the lineage, and then looked
//! up. Both give the same answer, and a test compares them with a third that knows neither way.

use super::agencies::Agencies;
use super::holds::Hold;
use super::read::{self, At, FILES_DEPTH_MAX};
use super::record::{Facts, Record};
use crate::lineage;
use crate::rows::{Rows, ViewError};
use fonds_model::selection::{Dated, Selectable};
use fonds_model::{AgencyPath, EntityId, Label, Selection, Seq, SeriesId, Trigger};
use jiff::civil::Date;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many entities and activities are walked to find all that came of what a hold selects; where there are more, each
/// record's own lineage is walked instead.
const DERIVED_MAX: usize = 2_000_000;

/// A file is looked into for so many records; one with more counts as held by what was not looked at.
const PARTS_MAX: usize = 1_000_000;

/// So few records are looked at for any question.
const NAMED_MAX: usize = 1_024;

/// Of so many records, what was worked out is remembered.
const REMEMBERED_MAX: usize = 16_384;

/// When records are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// As the log knew them after this entry; none: all of it.
    pub seq: Option<Seq>,
    /// As they are on this date; none: by all that was logged, what is announced among it.
    pub on: Option<Date>,
    /// The date on which agencies answer.
    pub today: Date,
}

/// What policies made of a record, which the caller knows.
pub trait InForceOf {
    /// Its series in force.
    ///
    /// # Errors
    /// [`ViewError`] when rows cannot be read.
    fn series(&self, record: &Record) -> Result<Option<SeriesId>, ViewError>;
    /// Its label in force.
    ///
    /// # Errors
    /// [`ViewError`] when rows cannot be read.
    fn label(&self, record: &Record) -> Result<Option<Label>, ViewError>;
}

/// How a hold comes to hold a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Through {
    /// It selects the record.
    Selected,
    /// The record was derived from what it holds.
    Derived,
    /// It holds a file that the record is filed into.
    File(EntityId),
    /// It holds a record that is filed into this one.
    Part(EntityId),
    /// There is too much to look at; so the record counts as held.
    Uncertain,
}

/// A hold on a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The hold's name.
    pub hold: String,
    /// How it comes to hold it.
    pub through: Through,
}

/// What one hold holds, worked out once.
#[derive(Debug, Default)]
pub struct Caught {
    /// What it holds directly.
    direct: FxHashMap<EntityId, Through>,
    /// The files above that, each with one of its parts.
    files: FxHashMap<EntityId, EntityId>,
    /// There was too much: what is not here may be held too.
    cut: bool,
}

struct Active {
    hold: Hold,
    records: FxHashSet<EntityId>,
}

/// What each active hold does with one record.
type Directly = Arc<[Option<Through>]>;

/// The active holds at one moment, to be asked what holds a record.
pub struct Holding<'a> {
    rows: &'a dyn Rows,
    moment: Moment,
    agencies: &'a Agencies,
    in_force: &'a dyn InForceOf,
    active: Vec<Active>,
    caught: OnceCell<Arc<Vec<Caught>>>,
    selected: RefCell<FxHashMap<EntityId, Arc<[bool]>>>,
    direct: RefCell<FxHashMap<EntityId, Directly>>,
    stands: RefCell<FxHashMap<AgencyPath, Option<AgencyPath>>>,
    moved: RefCell<FxHashMap<AgencyPath, Option<AgencyPath>>>,
}

impl<'a> Holding<'a> {
    /// The active ones of some holds, at a moment.
    #[must_use]
    pub fn new(
        rows: &'a dyn Rows,
        moment: Moment,
        holds: Vec<Hold>,
        agencies: &'a Agencies,
        in_force: &'a dyn InForceOf,
    ) -> Self {
        let active = holds.into_iter().filter(Hold::is_active).map(|hold| {
            let records = hold.selection.records.iter().cloned().collect();
            Active { hold, records }
        });
        Self {
            rows,
            moment,
            agencies,
            in_force,
            active: active.collect(),
            caught: OnceCell::new(),
            selected: RefCell::default(),
            direct: RefCell::default(),
            stands: RefCell::default(),
            moved: RefCell::default(),
        }
    }

    /// Whether nothing is held at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// What holds a record: each hold once, in order of name; of several ways, the nearest.
    ///
    /// # Errors
    /// [`ViewError`] when rows cannot be read.
    pub fn on(&self, record: &Record) -> Result<Vec<Held>, ViewError> {
        if self.active.is_empty() {
            return Ok(Vec::new());
        }
        if self.is_quick() {
            self.prepare()?;
        }
        let held = match self.caught.get() {
            Some(caught) => self.looked_up(record, caught)?,
            None => self.looked_for(record)?,
        };
        Ok(self.named(held))
    }

    /// The same by a record's id; of what does not stand, the holds that name it or hold what it came of.
    ///
    /// # Errors
    /// [`ViewError`] when rows cannot be read.
    pub fn on_id(&self, id: &EntityId) -> Result<Vec<Held>, ViewError> {
        if self.active.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(record) = self.record(id)? {
            return self.on(&record);
        }
        let direct = self.directly(id, None)?;
        Ok(self.named(direct.iter().cloned()))
    }

    /// Names holds that hold, each once; of several ways, the nearest.
    fn named(&self, through: impl IntoIterator<Item = Option<Through>>) -> Vec<Held> {
        let named = self.active.iter().zip(through);
        let mut held: Vec<Held> = named
            .filter_map(|(active, through)| through.map(|through| Held { hold: active.hold.name.clone(), through }))
            .collect();
        held.sort_unstable();
        held.dedup_by(|next, kept| next.hold == kept.hold);
        held
    }

    /// Whether working out what each hold holds takes no more than to look at a few records.
    fn is_quick(&self) -> bool {
        let mut named = 0;
        self.active.iter().all(|active| {
            named += active.records.len();
            named <= NAMED_MAX && !active.hold.selection.is_open() && !active.hold.with_derived
        })
    }

    /// Works out once what each hold holds, since many records will be asked about.
    ///
    /// # Errors
    /// [`ViewError`] when rows cannot be read.
    pub fn prepare(&self) -> Result<Arc<Vec<Caught>>, ViewError> {
        if let Some(caught) = self.caught.get() {
            return Ok(Arc::clone(caught));
        }
        let caught = Arc::new(self.catch()?);
        Ok(Arc::clone(self.caught.get_or_init(|| caught)))
    }

    /// Takes what was worked out before, for the same holds at the same moment.
    pub fn prepared(&self, caught: Arc<Vec<Caught>>) {
        if caught.len() == self.active.len() {
            let _ = self.caught.set(caught);
        }
    }

    /// All that a hold holds now, files that only their parts hold apart; and whether there is more.
    ///
    /// # Errors
    /// [`ViewError`] when rows cannot be read.
    pub fn held_by(&self, name: &str) -> Result<(BTreeMap<EntityId, Through>, bool), ViewError> {
        let all = self.prepare()?;
        let mut held = BTreeMap::new();
        let mut cut = false;
        for (_, caught) in self.active.iter().zip(all.iter()).filter(|(active, _)| active.hold.name == name) {
            cut |= caught.cut;
            for (id, through) in &caught.direct {
                if self.record(id)?.is_none() {
                    continue;
                }
                held.insert(id.clone(), through.clone());
                let (parts, is_cut) = self.parts(id)?;
                cut |= is_cut;
                for part in parts {
                    held.entry(part).or_insert_with(|| Through::File(id.clone()));
                }
            }
        }
        Ok((held, cut))
    }

    /// Whether series, agencies or query of a selection select any record.
    ///
    /// # Errors
    /// [`ViewError`] when rows cannot be read.
    pub fn is_any(&self, selection: &Selection) -> Result<bool, ViewError> {
        let mut is_any = false;
        self.each_record(&mut |record| {
            let looked = Looked { holding: self, record, facts: OnceCell::new() };
            is_any = selection.selects(&looked)?;
            Ok(!is_any)
        })?;
        Ok(is_any)
    }

    fn record(&self, id: &EntityId) -> Result<Option<Record>, ViewError> {
        read::record_at(self.rows, id, self.at())
    }

    fn at(&self) -> At {
        At { seq: self.moment.seq, on: self.moment.on }
    }

    /// What each hold does with a record, from what was worked out.
    fn looked_up(&self, record: &Record, caught: &[Caught]) -> Result<Vec<Option<Through>>, ViewError> {
        let mut held = Vec::with_capacity(caught.len());
        for caught in caught {
            let own = caught.direct.get(&record.id).cloned();
            let file = || record.files.iter().find(|file| caught.direct.contains_key(&file.id));
            let part = || caught.files.get(&record.id).cloned().map(Through::Part);
            held.push(own.or_else(|| file().map(|file| Through::File(file.id.clone()))).or_else(part));
        }
        let is_cut = |caught: &Caught| caught.cut || record.files.len() >= FILES_DEPTH_MAX;
        if caught.iter().zip(&held).any(|(caught, held)| held.is_none() && is_cut(caught)) {
            let looked_for = self.looked_for(record)?;
            for ((caught, held), found) in caught.iter().zip(&mut held).zip(looked_for) {
                if held.is_none() && is_cut(caught) {
                    *held = found;
                }
            }
        }
        Ok(held)
    }

    /// What each hold does with a record, from the record.
    fn looked_for(&self, record: &Record) -> Result<Vec<Option<Through>>, ViewError> {
        let mut held = self.directly(&record.id, Some(record))?.to_vec();
        let missing = |held: &[Option<Through>]| held.iter().any(Option::is_none);
        let mut add = |other: &[Option<Through>], as_it: &dyn Fn() -> Through| {
            for (held, other) in held.iter_mut().zip(other) {
                if held.is_none() && other.is_some() {
                    *held = Some(as_it());
                }
            }
            missing(&held)
        };
        let mut goes_on = add(&[], &|| Through::Selected);
        for file in record.files.iter() {
            if !goes_on {
                break;
            }
            goes_on = add(&self.directly(&file.id, None)?, &|| Through::File(file.id.clone()));
        }
        if goes_on {
            let (parts, cut) = self.parts(&record.id)?;
            for part in &parts {
                if !add(&self.directly(part, None)?, &|| Through::Part(part.clone())) {
                    break;
                }
            }
            if cut || record.files.len() >= FILES_DEPTH_MAX {
                let all = vec![Some(Through::Uncertain); self.active.len()];
                add(&all, &|| Through::Uncertain);
            }
        }
        Ok(held)
    }

    /// What each hold holds directly of one record, remembered.
    fn directly(&self, id: &EntityId, record: Option<&Record>) -> Result<Directly, ViewError> {
        if let Some(known) = self.direct.borrow().get(id) {
            return Ok(Arc::clone(known));
        }
        let chosen = self.chosen(id, record)?;
        let mut direct: Vec<Option<Through>> =
            chosen.iter().map(|chosen| chosen.then_some(Through::Selected)).collect();
        let derives = |(active, direct): (&Active, &Option<Through>)| active.hold.with_derived && direct.is_none();
        if self.active.iter().zip(&direct).any(derives) {
            let (ancestors, cut) = lineage::ancestors(self.rows, id, u32::MAX, self.at().seq)?;
            for (ancestor, _) in ancestors {
                self.add_derived(&ancestor, &mut direct)?;
            }
            for (active, direct) in self.active.iter().zip(&mut direct) {
                if cut && active.hold.with_derived && direct.is_none() {
                    *direct = Some(Through::Uncertain);
                }
            }
        }
        let direct: Directly = direct.into();
        remember(&self.direct, id, Arc::clone(&direct));
        Ok(direct)
    }

    /// Marks what holds an ancestor, itself or with a file that it is filed into, as holding what came of it.
    fn add_derived(&self, ancestor: &EntityId, direct: &mut [Option<Through>]) -> Result<(), ViewError> {
        let record = self.record(ancestor)?;
        let mut chosen = vec![self.chosen(ancestor, record.as_ref())?];
        for file in record.iter().flat_map(|record| record.files.iter()) {
            chosen.push(self.chosen(&file.id, None)?);
        }
        if record.is_some_and(|record| record.files.len() >= FILES_DEPTH_MAX) {
            chosen.push(vec![true; self.active.len()].into());
        }
        for (place, (active, direct)) in self.active.iter().zip(direct).enumerate() {
            let is_chosen = chosen.iter().any(|chosen| chosen.get(place).copied().unwrap_or_default());
            if active.hold.with_derived && direct.is_none() && is_chosen {
                *direct = Some(Through::Derived);
            }
        }
        Ok(())
    }

    /// Which holds select a record, remembered.
    fn chosen(&self, id: &EntityId, record: Option<&Record>) -> Result<Arc<[bool]>, ViewError> {
        if let Some(known) = self.selected.borrow().get(id) {
            return Ok(Arc::clone(known));
        }
        let is_open = self.active.iter().any(|active| active.hold.selection.is_open());
        let read = if record.is_none() && is_open { self.record(id)? } else { None };
        let record = record.or(read.as_ref());
        let looked = record.map(|record| Looked { holding: self, record, facts: OnceCell::new() });
        let mut selected = Vec::with_capacity(self.active.len());
        for active in &self.active {
            let named = active.records.contains(id);
            selected.push(match &looked {
                Some(looked) if !named => active.hold.selection.selects(looked)?,
                _ => named,
            });
        }
        let selected: Arc<[bool]> = selected.into();
        remember(&self.selected, id, Arc::clone(&selected));
        Ok(selected)
    }

    /// What stands in a file, and in what stands in it, as many levels down as a record looks up; and whether there is more.
    ///
    /// # Errors
    /// [`ViewError`] when rows cannot be read.
    pub fn parts(&self, file: &EntityId) -> Result<(Vec<EntityId>, bool), ViewError> {
        let mut found = Vec::new();
        let mut seen = FxHashSet::from_iter([file.clone()]);
        let mut level = vec![file.clone()];
        for _ in 0..FILES_DEPTH_MAX {
            let mut next = Vec::new();
            for file in level {
                for part in read::filed_at(self.rows, &file, self.moment.seq, self.moment.on) {
                    let part = part?;
                    if found.len() >= PARTS_MAX {
                        return Ok((found, true));
                    }
                    if seen.insert(part.clone()) {
                        found.push(part.clone());
                        next.push(part);
                    }
                }
            }
            if next.is_empty() {
                return Ok((found, false));
            }
            level = next;
        }
        Ok((found, true))
    }

    /// What each hold holds directly, and the files above that.
    fn catch(&self) -> Result<Vec<Caught>, ViewError> {
        let mut all: Vec<Caught> = Vec::with_capacity(self.active.len());
        for active in &self.active {
            let direct = active.records.iter().map(|id| (id.clone(), Through::Selected)).collect();
            all.push(Caught { direct, ..Caught::default() });
        }
        if self.active.iter().any(|active| active.hold.selection.is_open()) {
            self.each_record(&mut |record| {
                let looked = Looked { holding: self, record, facts: OnceCell::new() };
                for (active, caught) in self.active.iter().zip(&mut all) {
                    if active.hold.selection.is_open() && active.hold.selection.selects(&looked)? {
                        caught.direct.insert(record.id.clone(), Through::Selected);
                    }
                }
                Ok(true)
            })?;
        }
        for (active, caught) in self.active.iter().zip(&mut all) {
            if active.hold.with_derived {
                self.derive(caught)?;
            }
            let Caught { direct, files, cut } = caught;
            for id in direct.keys() {
                let Some(record) = self.record(id)? else { continue };
                *cut |= record.files.len() >= FILES_DEPTH_MAX;
                for file in record.files.iter() {
                    files.entry(file.id.clone()).or_insert_with(|| id.clone());
                }
            }
        }
        Ok(all)
    }

    /// Adds what came of what a hold selects and of what is filed into it.
    fn derive(&self, caught: &mut Caught) -> Result<(), ViewError> {
        let mut seeds: FxHashSet<EntityId> = caught.direct.keys().cloned().collect();
        for id in caught.direct.keys() {
            // Nothing inherits from a file that does not stand.
            if self.record(id)?.is_none() {
                continue;
            }
            let (parts, cut) = self.parts(id)?;
            caught.cut |= cut;
            seeds.extend(parts);
        }
        let (found, cut) = lineage::all_descendants(self.rows, &seeds, self.at().seq, DERIVED_MAX)?;
        caught.cut |= cut;
        for id in found {
            // A part of a selected file that nothing else led to is held through its file.
            if !seeds.contains(&id) {
                caught.direct.entry(id).or_insert(Through::Derived);
            }
        }
        Ok(())
    }

    /// Hands each record to `visit`, until it says `false`.
    fn each_record(&self, visit: &mut dyn FnMut(&Record) -> Result<bool, ViewError>) -> Result<(), ViewError> {
        let records: Box<dyn Iterator<Item = Result<Option<Record>, ViewError>> + '_> = match self.moment {
            Moment { seq: Some(_), .. } => Box::new(read::ids(self.rows).map(|id| id.and_then(|id| self.record(&id)))),
            Moment { on: Some(on), .. } => Box::new(read::records_on(self.rows, on).map(|record| record.map(Some))),
            Moment { .. } => Box::new(read::records(self.rows).map(|record| record.map(Some))),
        };
        for record in records {
            if let Some(record) = record?
                && !visit(&record)?
            {
                break;
            }
        }
        Ok(())
    }

    /// Where an agency that was named stands, or who answers for it now.
    fn stands(&self, named: &AgencyPath) -> Option<AgencyPath> {
        if let Some(known) = self.stands.borrow().get(named) {
            return known.clone();
        }
        let found = self.agencies.resolve(named, self.moment.today).map(|found| found.path);
        remember(&self.stands, named, found.clone());
        found
    }

    /// Where an agency stands now by its own path, whoever has succeeded it.
    fn moved(&self, agency: &AgencyPath) -> Option<AgencyPath> {
        if let Some(known) = self.moved.borrow().get(agency) {
            return known.clone();
        }
        let found = self.agencies.standing(agency, self.moment.today).map(|found| found.path);
        remember(&self.moved, agency, found.clone());
        found
    }
}

fn remember<K: Clone + Eq + std::hash::Hash, V>(memory: &RefCell<FxHashMap<K, V>>, key: &K, value: V) {
    let mut memory = memory.borrow_mut();
    if memory.len() >= REMEMBERED_MAX {
        memory.clear();
    }
    memory.insert(key.clone(), value);
}

/// A record as selections look at it.
struct Looked<'a> {
    holding: &'a Holding<'a>,
    record: &'a Record,
    facts: OnceCell<Facts>,
}

impl Looked<'_> {
    fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| match self.holding.moment.on {
            Some(on) => self.record.facts_on(on),
            None => self.record.facts_logged(),
        })
    }

    /// The date of a trigger as it was written.
    fn dated(&self, trigger: &Trigger) -> Dated {
        let Some(found) = self.facts().occurrence(trigger) else { return Dated::Never };
        let of_files = self.record.files.iter().flat_map(|file| &file.closings);
        let mut all = self.record.own.occurred.iter().chain(of_files);
        let written = all.find(|occurred| occurred.position == found.position);
        written.map_or(found.on, |occurred| occurred.on).map_or(Dated::SomeDay, Dated::On)
    }
}

impl Selectable for Looked<'_> {
    type Error = ViewError;

    fn id(&self) -> &str {
        self.record.id.as_str()
    }

    /// What was placed for an agency holds what it took over; what names an agency that was succeeded stays held too.
    fn is_of(&self, agency: &AgencyPath) -> Result<bool, ViewError> {
        let Some(named) = self.record.agency() else { return Ok(false) };
        let holding = self.holding;
        let moved = holding.moved(agency);
        let is_within = |path: &AgencyPath| {
            path.is_within(agency.as_str()) || moved.as_ref().is_some_and(|moved| path.is_within(moved.as_str()))
        };
        Ok(is_within(named) || holding.stands(named).is_some_and(|stands| is_within(&stands)))
    }

    fn agencies(&self) -> Result<Vec<String>, ViewError> {
        let Some(named) = self.record.agency() else { return Ok(Vec::new()) };
        let stands = self.holding.stands(named).filter(|stands| stands != named);
        Ok(std::iter::once(named.clone()).chain(stands).map(String::from).collect())
    }

    fn series(&self) -> Result<Option<Cow<'_, str>>, ViewError> {
        let series = self.holding.in_force.series(self.record)?;
        Ok(series.map(|series| Cow::Owned(String::from(series))))
    }

    fn label(&self) -> Result<Option<Label>, ViewError> {
        self.holding.in_force.label(self.record)
    }

    fn state(&self) -> &'static str {
        let facts = self.facts();
        if facts.destroyed.is_some() { "destroyed" } else { facts.state.as_str() }
    }

    fn created(&self) -> Dated {
        self.dated(&Trigger::Creation)
    }

    fn closed(&self) -> Dated {
        self.dated(&Trigger::Closed)
    }

    fn title(&self) -> Option<&str> {
        self.record.own.title.as_deref()
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.record.own.attributes.get(name).map(String::as_str)
    }
}
