//! Holds: placed and released by the host's own commands.

use crate::admin::AppendedEntry;
use crate::{Runtime, RuntimeError};
use fonds_model::body::{HoldPlaced, HoldReleased, Who};
use fonds_model::{EntityId, Kind, PartialDate};
use fonds_views::register::{self, Hold};

/// What `hold place` is told.
#[derive(Debug, Clone, Default)]
pub struct HoldTold {
    /// The hold's name.
    pub name: String,
    /// The records that it holds.
    pub records: Vec<String>,
    /// The case or inquiry that it serves.
    pub matter: Option<String>,
    /// Who ordered it.
    pub issuer: Option<String>,
    /// When to ask whether it is still needed.
    pub review_by: Option<PartialDate>,
    /// Who places it, and the authority that it rests on.
    pub who: Who,
}

impl Runtime {
    /// All holds, active and released.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn holds(&self) -> Result<Vec<Hold>, RuntimeError> {
        Ok(register::holds(self.rows(), None)?)
    }

    /// Freezes the disposition of records.
    ///
    /// # Errors
    /// When it names no record, an unknown one, or is active already.
    pub fn place_hold(&self, told: HoldTold) -> Result<AppendedEntry, RuntimeError> {
        // INVARIANT (empty selects nothing): a hold that names nothing is a mistake, and never "all".
        if told.records.is_empty() {
            return Err(RuntimeError::Invalid("a hold names the records that it holds: --records ID…".to_owned()));
        }
        if told.name.trim().is_empty() || told.name.contains(char::is_control) {
            return Err(RuntimeError::Invalid(format!("`{}` is not a name for a hold", told.name)));
        }
        if self.holds()?.iter().any(|hold| hold.name == told.name && hold.released_at.is_none()) {
            return Err(RuntimeError::Invalid(format!(
                "the hold `{}` is active already: choose another name",
                told.name
            )));
        }
        let mut records = Vec::with_capacity(told.records.len());
        for id in told.records {
            let id = EntityId::new(id)?;
            if register::record(self.rows(), &id, None)?.is_none() {
                return Err(RuntimeError::NotFound(format!("no record `{id}`: see `fonds record list`")));
            }
            records.push(id);
        }
        records.sort_unstable();
        records.dedup();
        let HoldTold { name, matter, issuer, review_by, who, .. } = told;
        let by = who.by.clone();
        let body = HoldPlaced { name, records, matter, issuer, review_by, who };
        self.append_body(Kind::HoldPlaced, by.as_deref(), &body)
    }

    /// Ends a hold.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when no active hold has that name.
    pub fn release_hold(&self, name: &str, who: Who) -> Result<AppendedEntry, RuntimeError> {
        if !self.holds()?.iter().any(|hold| hold.name == name && hold.released_at.is_none()) {
            return Err(RuntimeError::NotFound(format!("no active hold is named `{name}`: see `fonds hold list`")));
        }
        let by = who.by.clone();
        self.append_body(Kind::HoldReleased, by.as_deref(), &HoldReleased { name: name.to_owned(), who })
    }
}
