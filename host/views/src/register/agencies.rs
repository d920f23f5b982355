//! The tree of agencies on a date, as the log knew it.

use super::due;
use super::keys::{self, AGENCY, SUCCESSION};
use super::record::first_day;
use crate::rows::{Pending, Rows, ViewError};
use fonds_model::body::{AgencyDefined, AgencySucceeded};
use fonds_model::{AgencyPath, MonthDay, Position, Seq};
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// An agency on a date, with the settings that it inherits down the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgencyOn {
    /// Its stable id.
    pub id: AgencyPath,
    /// Its path on that date.
    pub path: AgencyPath,
    /// What people call it.
    pub name: Option<String>,
    /// An IANA zone, its own or inherited.
    pub time_zone: Option<String>,
    /// The last day of its fiscal year, its own or inherited.
    pub fiscal_year_end: Option<MonthDay>,
}

/// A definition that took effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The entry.
    pub position: Position,
    /// What it says.
    pub defined: AgencyDefined,
}

/// Another agency that answers for the records of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Succession {
    /// The entry.
    pub position: Position,
    /// What it says.
    pub succeeded: AgencySucceeded,
}

impl Succession {
    fn effective(&self) -> Date {
        first_day(self.succeeded.effective)
    }
}

/// All agencies, as the log knew them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agencies {
    /// Definitions by id, in the order in which they take effect.
    by_id: BTreeMap<AgencyPath, Vec<Definition>>,
    /// Which agencies ever stood at a path.
    by_path: BTreeMap<String, BTreeSet<AgencyPath>>,
    /// Successions by the id of the agency that was succeeded, in the order in which they take effect.
    successions: BTreeMap<AgencyPath, Vec<Succession>>,
}

pub(super) fn fold(rows: &mut Pending<'_>, position: Position, defined: &AgencyDefined) -> Result<(), ViewError> {
    keys::put_long(rows, keys::key_of(AGENCY, position), &keys::json(defined)?, 0)?;
    due::for_all(rows, position, defined.effective)
}

pub(super) fn fold_succession(
    rows: &mut Pending<'_>,
    position: Position,
    succeeded: &AgencySucceeded,
) -> Result<(), ViewError> {
    keys::put_long(rows, keys::key_of(SUCCESSION, position), &keys::json(succeeded)?, 0)?;
    due::for_all(rows, position, Some(succeeded.effective))
}

/// Since always, when no date is given.
fn effective(defined: &AgencyDefined) -> Date {
    defined.effective.map_or(Date::MIN, first_day)
}

/// One agency's own settings on a date: each as the newest definition that gives it says.
struct Settings<'a> {
    path: &'a AgencyPath,
    name: Option<&'a String>,
    time_zone: Option<&'a String>,
    fiscal_year_end: Option<MonthDay>,
}

impl Agencies {
    /// Reads the definitions up to and including entry `as_of`.
    ///
    /// # Errors
    /// [`ViewError`] when rows cannot be read.
    pub fn load(rows: &dyn Rows, as_of: Option<Seq>) -> Result<Self, ViewError> {
        let mut agencies = Self::default();
        for row in crate::rows::below(rows, &[AGENCY]) {
            let (key, first) = row?;
            let position = keys::position_of(&key)?;
            if as_of.is_some_and(|seq| position.seq > seq) {
                break;
            }
            let defined: AgencyDefined = keys::from_json(&keys::whole(rows, &key, first)?, "an agency")?;
            agencies.by_path.entry(defined.path.as_str().to_owned()).or_default().insert(defined.id.clone());
            agencies.by_id.entry(defined.id.clone()).or_default().push(Definition { position, defined });
        }
        for definitions in agencies.by_id.values_mut() {
            definitions.sort_by_key(|definition| (effective(&definition.defined), definition.position));
        }
        for row in crate::rows::below(rows, &[SUCCESSION]) {
            let (key, first) = row?;
            let position = keys::position_of(&key)?;
            if as_of.is_some_and(|seq| position.seq > seq) {
                break;
            }
            let succeeded: AgencySucceeded = keys::from_json(&keys::whole(rows, &key, first)?, "a succession")?;
            let of = agencies.successions.entry(succeeded.agency.clone()).or_default();
            of.push(Succession { position, succeeded });
        }
        for successions in agencies.successions.values_mut() {
            successions.sort_by_key(|succession| (succession.effective(), succession.position));
        }
        Ok(agencies)
    }

    /// The ids of all agencies, in order.
    pub fn ids(&self) -> impl Iterator<Item = &AgencyPath> {
        self.by_id.keys()
    }

    /// How an agency was defined, in the order in which definitions take effect.
    #[must_use]
    pub fn definitions(&self, id: &AgencyPath) -> &[Definition] {
        self.by_id.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// All successions that were logged, by the agency that was succeeded.
    pub fn successions(&self) -> impl Iterator<Item = &Succession> {
        self.successions.values().flatten()
    }

    /// The succession of an agency that is in force on a date: the last that took effect.
    #[must_use]
    pub fn succession(&self, id: &AgencyPath, on: Date) -> Option<&Succession> {
        self.successions.get(id)?.iter().rev().find(|succession| succession.effective() <= on)
    }

    /// Whether records of one agency come to another by any of the successions, whatever their dates.
    #[must_use]
    pub fn leads_to(&self, from: &AgencyPath, to: &AgencyPath) -> bool {
        let mut seen = BTreeSet::new();
        let mut todo = vec![from];
        while let Some(id) = todo.pop() {
            if id == to {
                return true;
            }
            if seen.insert(id) {
                let of = self.successions.get(id).into_iter().flatten();
                todo.extend(of.map(|succession| &succession.succeeded.successor));
            }
        }
        false
    }

    /// Who answers on a date for what named a path: the agency itself, or who has succeeded it by then.
    ///
    /// A unit that nobody defined goes where the nearest agency above it went. A circle of successions, which the
    /// command refuses, ends where it closes; a successor that does not stand on the date answers for nothing.
    #[must_use]
    pub fn resolve(&self, path: &AgencyPath, on: Date) -> Option<AgencyOn> {
        let mut found = self.standing(path, on)?;
        let mut seen = BTreeSet::new();
        let mut from = self.answering(path, on);
        while let Some(succession) = from.filter(|id| seen.insert((*id).clone())).and_then(|id| self.succession(id, on))
        {
            let successor = &succession.succeeded.successor;
            let Some(own) = self.settings(successor, on) else { break };
            found = self.on(Some(successor), own.path, on)?;
            from = Some(successor);
        }
        Some(found)
    }

    /// The id of the agency itself, or, of a unit that nobody defined, of the nearest above it that somebody did.
    fn answering(&self, path: &AgencyPath, on: Date) -> Option<&AgencyPath> {
        self.id_of(path.as_str(), on).or_else(|| path.lineage().skip(1).find_map(|above| self.standing_at(above, on)))
    }

    /// The id of the agency that a path means on a date, where one is defined.
    #[must_use]
    pub fn id_on(&self, path: &AgencyPath, on: Date) -> Option<&AgencyPath> {
        self.id_of(path.as_str(), on)
    }

    /// An agency by the path that it has on a date, else by its id, else by a path that it had: with what it inherits, and
    /// whoever has succeeded it.
    ///
    /// A path that nobody defined is taken as its own id and inherits from those above it; `None` when they are
    /// unknown too.
    #[must_use]
    pub fn standing(&self, path: &AgencyPath, on: Date) -> Option<AgencyOn> {
        self.on(self.id_of(path.as_str(), on), path, on)
    }

    fn on(&self, id: Option<&AgencyPath>, path: &AgencyPath, on: Date) -> Option<AgencyOn> {
        let own = id.and_then(|id| self.settings(id, on));
        let path = own.as_ref().map_or(path, |own| own.path);
        let mut agency = AgencyOn {
            id: id.unwrap_or(path).clone(),
            path: path.clone(),
            name: own.as_ref().and_then(|own| own.name.cloned()),
            time_zone: own.as_ref().and_then(|own| own.time_zone.cloned()),
            fiscal_year_end: own.as_ref().and_then(|own| own.fiscal_year_end),
        };
        let mut known = own.is_some();
        for above in path.lineage().skip(1) {
            let Some(settings) = self.standing_at(above, on).and_then(|id| self.settings(id, on)) else { continue };
            known = true;
            agency.time_zone = agency.time_zone.or_else(|| settings.time_zone.cloned());
            agency.fiscal_year_end = agency.fiscal_year_end.or(settings.fiscal_year_end);
        }
        known.then_some(agency)
    }

    fn id_of(&self, path: &str, on: Date) -> Option<&AgencyPath> {
        let by_id = || self.known_id(path).filter(|id| self.settings(id, on).is_some());
        let once = || {
            let ever = self.by_path.get(path)?.iter().filter(|id| self.settings(id, on).is_some());
            ever.max_by_key(|id| self.definitions(id).iter().map(|definition| definition.position).max())
        };
        self.standing_at(path, on).or_else(by_id).or_else(once)
    }

    fn known_id(&self, path: &str) -> Option<&AgencyPath> {
        let id = AgencyPath::new(path).ok()?;
        self.by_id.get_key_value(&id).map(|(id, _)| id)
    }

    /// The agency whose path this is on a date; of two, the one that took it last.
    fn standing_at(&self, path: &str, on: Date) -> Option<&AgencyPath> {
        let here = |id: &&AgencyPath| self.settings(id, on).is_some_and(|settings| settings.path.as_str() == path);
        let taken = |id: &AgencyPath| {
            let in_force = self.definitions(id).iter().filter(|definition| effective(&definition.defined) <= on);
            in_force.map(|definition| (effective(&definition.defined), definition.position)).max()
        };
        self.by_path.get(path)?.iter().filter(here).max_by_key(|id| taken(id))
    }

    fn settings(&self, id: &AgencyPath, on: Date) -> Option<Settings<'_>> {
        let definitions = self.definitions(id).iter().map(|definition| &definition.defined);
        let mut found: Option<Settings<'_>> = None;
        for defined in definitions.take_while(|defined| effective(defined) <= on) {
            let before = found.take();
            found = Some(Settings {
                path: &defined.path,
                name: defined.name.as_ref().or(before.as_ref().and_then(|before| before.name)),
                time_zone: defined.time_zone.as_ref().or(before.as_ref().and_then(|before| before.time_zone)),
                fiscal_year_end: defined.fiscal_year_end.or(before.as_ref().and_then(|before| before.fiscal_year_end)),
            });
        }
        found
    }
}
