//! Holds: placed and released by the host's own commands, and what they hold.

use crate::admin::AppendedEntry;
use crate::answers::{HeldAnswer, through};
use crate::judging::HoldsNow;
use crate::{Runtime, RuntimeError};
use fonds_model::body::{HoldPlaced, HoldReleased, Who};
use fonds_model::selection::{Query, Selection};
use fonds_model::{AgencyPath, EntityId, Kind, PartialDate, SeriesId};
use fonds_views::register::{self, Held, Hold, Through};
use serde::Serialize;
use std::collections::BTreeMap;

/// What `hold place` is told.
#[derive(Debug, Clone, Default)]
pub struct HoldTold {
    /// The hold's name.
    pub name: String,
    /// The records that it holds.
    pub records: Vec<String>,
    /// The series whose records it holds.
    pub series: Vec<String>,
    /// The agencies whose records it holds, with those below them.
    pub agencies: Vec<String>,
    /// What is so of the records that it holds.
    pub query: Option<String>,
    /// It holds what is derived from them too.
    pub with_derived: bool,
    /// The case or inquiry that it serves.
    pub matter: Option<String>,
    /// Who ordered it.
    pub issuer: Option<String>,
    /// When to ask whether it is still needed.
    pub review_by: Option<PartialDate>,
    /// Who places it, and the authority that it rests on.
    pub who: Who,
}

/// A hold that was placed, and what it catches now.
#[derive(Debug, Clone, Serialize)]
pub struct HoldPlacedAnswer {
    /// The entry.
    #[serde(flatten)]
    pub entry: AppendedEntry,
    /// The hold's name.
    pub hold: String,
    /// How many records it holds now.
    pub holds: u64,
    /// How many records there are.
    pub records: u64,
    /// How many proposals lapsed because of it.
    pub lapsed: u64,
    /// Dispositions for which it came too late: they were being carried out, and content may be gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub too_late: Vec<String>,
    /// What to know about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A hold, as `hold list` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct HoldAnswer {
    /// The hold.
    #[serde(flatten)]
    pub hold: Hold,
    /// `active` or `released`.
    pub state: &'static str,
    /// It was to be looked at again, and has not been released: a reminder, which ends nothing.
    pub overdue: bool,
}

/// A hold, and what it holds.
#[derive(Debug, Clone, Serialize)]
pub struct HoldShown {
    /// The hold.
    #[serde(flatten)]
    pub hold: HoldAnswer,
    /// How many records it holds now.
    pub holds: u64,
    /// Which.
    pub held: Vec<HeldRecord>,
    /// There are more: what it holds could not be looked at whole, and counts as held.
    pub truncated: bool,
    /// The log size that this reflects.
    pub log_size: u64,
}

/// A record that a hold holds.
#[derive(Debug, Clone, Serialize)]
pub struct HeldRecord {
    /// Its id.
    pub record: String,
    /// `selected`, `derived`, `file` or `uncertain`.
    pub through: &'static str,
    /// The file that it is held with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl Runtime {
    /// All holds, active and released, by name.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn holds(&self) -> Result<Vec<HoldAnswer>, RuntimeError> {
        Ok(register::holds(self.rows(), None)?.into_iter().map(|hold| self.hold_answer(hold)).collect())
    }

    fn hold_answer(&self, hold: Hold) -> HoldAnswer {
        let state = if hold.is_active() { "active" } else { "released" };
        HoldAnswer { state, overdue: hold.is_overdue(self.now().date_utc()), hold }
    }

    /// The newest hold of a name, and what it holds now; one that was released holds nothing.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when no hold ever had that name.
    pub fn hold(&self, name: &str) -> Result<HoldShown, RuntimeError> {
        let missing = || RuntimeError::NotFound(format!("no hold is named `{name}`: see `fonds hold list`"));
        let mut named: Vec<Hold> = register::holds(self.rows(), None)?;
        named.retain(|hold| hold.name == name);
        let hold = named.pop().ok_or_else(missing)?;
        let (held, truncated) = if hold.is_active() { self.held_by(hold.clone())? } else { (BTreeMap::new(), false) };
        let held: Vec<HeldRecord> = held
            .into_iter()
            .map(|(id, how)| {
                let (through, file) = through(&how);
                HeldRecord { record: id.to_string(), through, file }
            })
            .collect();
        let hold = self.hold_answer(hold);
        Ok(HoldShown { hold, holds: held.len() as u64, held, truncated, log_size: self.log_size() })
    }

    /// What holds a record now: the one answer that whatever disposes of records asks for, at the end of the log.
    ///
    /// A record is looked at as it is today and by all that was logged, so that what is announced holds already.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn holds_on(&self, id: &EntityId) -> Result<Vec<Held>, RuntimeError> {
        Ok(HoldsNow::new(&self.shared_today()?).on(id)?)
    }

    /// What holds each of many records now, in their order; what each hold holds is worked out once, and again only when
    /// something has come that can change it.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn holds_on_all(&self, ids: &[EntityId]) -> Result<Vec<Vec<Held>>, RuntimeError> {
        let size = self.reflected()?;
        let today = self.shared_today()?;
        let holds = HoldsNow::new(&today);
        self.ready(&holds, (&today.holds, size), ids.len())?;
        ids.iter().map(|id| Ok(holds.on(id)?)).collect()
    }

    /// What holds a record now, as an answer.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when there is no such record.
    pub fn holds_answer(&self, id: &str) -> Result<Vec<HeldAnswer>, RuntimeError> {
        let id = self.known_record(id.to_owned())?;
        Ok(self.holds_on(&id)?.iter().map(HeldAnswer::of).collect())
    }

    /// Freezes the disposition of records.
    ///
    /// # Errors
    /// When it selects nothing, names what is unknown, or is active already.
    pub fn place_hold(&self, told: HoldTold) -> Result<HoldPlacedAnswer, RuntimeError> {
        let HoldTold { name, with_derived, matter, issuer, review_by, who, .. } = told;
        if name.trim().is_empty() || name.len() > 200 || name.contains(char::is_control) {
            return Err(RuntimeError::Invalid(format!("`{name}` is not a name for a hold: use 1 to 200 characters")));
        }
        if who.authority.as_deref().is_none_or(|authority| authority.trim().is_empty()) {
            return Err(RuntimeError::Invalid("a hold says which law or order it rests on: --authority".to_owned()));
        }
        let selection = Selection {
            records: told.records.into_iter().map(|id| self.known_record(id)).collect::<Result<_, _>>()?,
            series: told.series.into_iter().map(SeriesId::new).collect::<Result<_, _>>()?,
            agencies: told.agencies.into_iter().map(AgencyPath::new).collect::<Result<_, _>>()?,
            query: told.query.as_deref().map(Query::parse).transpose().map_err(fonds_model::ModelError::from)?,
        }
        .in_order();
        // INVARIANT (empty selects nothing): a hold that names nothing is a mistake, and never "all".
        if selection.is_empty() {
            let why = "a hold says what it holds: --records, --series, --agency or --query";
            return Err(RuntimeError::Invalid(why.to_owned()));
        }
        if register::holds(self.rows(), None)?.iter().any(|hold| hold.name == name && hold.is_active()) {
            return Err(RuntimeError::Invalid(format!("the hold `{name}` is active already: choose another name")));
        }
        self.check_known(&selection)?;
        let by = who.by.clone();
        let body = HoldPlaced { name: name.clone(), selection, with_derived, matter, issuer, review_by, who };
        let entry = self.append_body(Kind::HoldPlaced, by.as_deref(), &body)?;
        self.catch_up()?;
        let caught = self.hold(&name)?;
        let records = register::counts(self.rows())?.records;
        let note = match caught.holds {
            0 => Some("it holds no record now, and will hold those that come later".to_owned()),
            all if all >= records && body.selection.is_open() => {
                Some(format!("it holds all {records} records there are"))
            }
            _ => None,
        };
        let (mut lapsed, mut too_late) = (0, Vec::new());
        for (disposition, is_late) in self.lapse_held()? {
            if is_late { too_late.push(disposition.to_string()) } else { lapsed += 1 }
        }
        Ok(HoldPlacedAnswer { entry, hold: name, holds: caught.holds, records, lapsed, too_late, note })
    }

    /// Ends a hold.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when no active hold has that name.
    pub fn release_hold(&self, name: &str, who: Who) -> Result<AppendedEntry, RuntimeError> {
        if who.authority.as_deref().is_none_or(|authority| authority.trim().is_empty()) {
            return Err(RuntimeError::Invalid("a release says which law or order it rests on: --authority".to_owned()));
        }
        if !register::holds(self.rows(), None)?.iter().any(|hold| hold.name == name && hold.is_active()) {
            return Err(RuntimeError::NotFound(format!("no active hold is named `{name}`: see `fonds hold list`")));
        }
        let by = who.by.clone();
        self.append_body(Kind::HoldReleased, by.as_deref(), &HoldReleased { name: name.to_owned(), who })
    }

    fn known_record(&self, id: String) -> Result<EntityId, RuntimeError> {
        let id = EntityId::new(id)?;
        match register::record(self.rows(), &id, None)? {
            Some(_) => Ok(id),
            None => Err(RuntimeError::NotFound(format!("no record `{id}`: see `fonds record list`"))),
        }
    }

    /// What one hold holds now, as records are today.
    fn held_by(&self, hold: Hold) -> Result<(BTreeMap<EntityId, Through>, bool), RuntimeError> {
        let mut today = self.shared_today()?;
        let name = hold.name.clone();
        today.holds = vec![hold];
        Ok(crate::judging::holding(&today, true).held_by(&name)?)
    }

    /// A series or an agency that no schedule, no definition and no record names is a slip of the pen.
    fn check_known(&self, selection: &Selection) -> Result<(), RuntimeError> {
        let agencies = register::Agencies::load(self.rows(), None)?;
        let today = self.now().date_utc();
        for series in &selection.series {
            let named = Selection { series: vec![series.clone()], ..Selection::default() };
            if register::series_rows(self.rows(), series, None)?.is_empty() && !self.is_any(named)? {
                let why = format!("no schedule and no record names the series `{series}`: see `fonds schedule list`");
                return Err(RuntimeError::NotFound(why));
            }
        }
        for agency in &selection.agencies {
            let named = Selection { agencies: vec![agency.clone()], ..Selection::default() };
            if agencies.id_on(agency, today).is_none() && !self.is_any(named)? {
                let why = format!("no agency and no record is of `{agency}`: see `fonds agency list`");
                return Err(RuntimeError::NotFound(why));
            }
        }
        Ok(())
    }

    /// Whether there is a record that a selection selects.
    fn is_any(&self, selection: Selection) -> Result<bool, RuntimeError> {
        let today = self.shared_today()?;
        Ok(crate::judging::holding(&today, true).is_any(&selection)?)
    }
}
