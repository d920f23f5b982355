//! Holds: what freezes the disposition of records, until it is released.

use super::keys::{self, HOLD};
use crate::rows::{Pending, Rows, ViewError, below};
use fonds_model::body::{HoldPlaced, HoldReleased};
use fonds_model::{PartialDate, Position, Selection, Seq};
use serde::{Deserialize, Serialize};

/// A hold, and whether it is still active.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// Its name.
    pub name: String,
    /// The entry that placed it.
    pub placed_at: Seq,
    /// The entry that released it.
    pub released_at: Option<Seq>,
    /// The records that it holds, those that come later among them.
    #[serde(flatten)]
    pub selection: Selection,
    /// It holds what is derived from them too.
    #[serde(default)]
    pub with_derived: bool,
    /// The case or inquiry that it serves.
    pub matter: Option<String>,
    /// Who ordered it.
    pub issuer: Option<String>,
    /// When to ask whether it is still needed.
    pub review_by: Option<PartialDate>,
    /// The law or order that it rests on.
    pub authority: Option<String>,
    /// Who placed it.
    pub by: Option<String>,
    /// The law or order that its release rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_on_authority: Option<String>,
    /// Who released it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_by: Option<String>,
}

impl Hold {
    /// Whether it holds now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.released_at.is_none()
    }

    /// Whether it should have been looked at again before a date; it holds all the same.
    #[must_use]
    pub fn is_overdue(&self, on: jiff::civil::Date) -> bool {
        self.is_active() && self.review_by.is_some_and(|review_by| review_by.last_day() < on)
    }
}

/// Folds a hold that is placed; one name may be placed again once it was released.
pub(super) fn place(rows: &mut Pending<'_>, position: Position, body: HoldPlaced) -> Result<(), ViewError> {
    let hold = Hold {
        placed_at: position.seq,
        released_at: None,
        selection: body.selection,
        with_derived: body.with_derived,
        matter: body.matter,
        issuer: body.issuer,
        review_by: body.review_by,
        authority: body.who.authority,
        by: body.who.by,
        name: body.name,
        released_on_authority: None,
        released_by: None,
    };
    keys::put_long(rows, keys::key_at(HOLD, &hold.name, position), &keys::json(&hold)?, 0)
}

/// Folds a release: of the newest active hold of that name.
pub(super) fn release(rows: &mut Pending<'_>, position: Position, body: HoldReleased) -> Result<(), ViewError> {
    let mut newest = None;
    for row in keys::facts_back(rows, HOLD, &body.name, None) {
        let (key, first) = row?;
        let had = keys::chunks(&first);
        let bytes = keys::whole(rows, &key, first)?;
        let hold: Hold = keys::from_json(&bytes, "a hold")?;
        if hold.released_at == Some(position.seq) {
            // It was folded before.
            return Ok(());
        }
        if hold.is_active() && hold.placed_at < position.seq && newest.is_none() {
            newest = Some((key, had, hold));
        }
    }
    let Some((key, had, mut hold)) = newest else { return Ok(()) };
    hold.released_at = Some(position.seq);
    (hold.released_on_authority, hold.released_by) = (body.who.authority, body.who.by);
    keys::put_long(rows, key, &keys::json(&hold)?, had)
}

/// All holds, active and released, by name, as the log knew them after entry `as_of`.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn holds(rows: &dyn Rows, as_of: Option<Seq>) -> Result<Vec<Hold>, ViewError> {
    let mut holds = Vec::new();
    for row in below(rows, &[HOLD]) {
        let (key, first) = row?;
        let bytes = keys::whole(rows, &key, first)?;
        let mut hold: Hold = keys::from_json(&bytes, "a hold")?;
        if as_of.is_some_and(|as_of| hold.placed_at > as_of) {
            continue;
        }
        if hold.released_at.is_some_and(|released| as_of.is_some_and(|as_of| released > as_of)) {
            (hold.released_at, hold.released_on_authority, hold.released_by) = (None, None, None);
        }
        holds.push(hold);
    }
    Ok(holds)
}
