//! Holds: what freezes the disposition of records, until it is released.

use super::keys::{self, HOLD};
use super::record::Record;
use crate::rows::{Pending, Rows, ViewError, below};
use fonds_model::body::HoldPlaced;
use fonds_model::{EntityId, PartialDate, Position, Seq};
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
    /// The records that it holds.
    pub records: Vec<EntityId>,
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
}

/// Folds a hold that is placed; one name may be placed again once it was released.
pub(super) fn place(rows: &mut Pending<'_>, position: Position, body: HoldPlaced) -> Result<(), ViewError> {
    let hold = Hold {
        placed_at: position.seq,
        released_at: None,
        records: body.records,
        matter: body.matter,
        issuer: body.issuer,
        review_by: body.review_by,
        authority: body.who.authority,
        by: body.who.by,
        name: body.name,
    };
    keys::put_long(rows, keys::key_at(HOLD, &hold.name, position), &keys::json(&hold)?, 0)
}

/// Folds a release: of the newest hold of that name.
pub(super) fn release(rows: &mut Pending<'_>, position: Position, name: &str) -> Result<(), ViewError> {
    let newest = keys::facts_back(rows, HOLD, name, None).next().transpose()?;
    let Some((key, first)) = newest else { return Ok(()) };
    let had = keys::chunks(&first);
    let bytes = keys::whole(rows, &key, first)?;
    let mut hold: Hold = keys::from_json(&bytes, "a hold")?;
    if hold.released_at.is_none() && hold.placed_at < position.seq {
        hold.released_at = Some(position.seq);
        keys::put_long(rows, key, &keys::json(&hold)?, had)?;
    }
    Ok(())
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
        hold.released_at = hold.released_at.filter(|released| as_of.is_none_or(|as_of| *released <= as_of));
        holds.push(hold);
    }
    Ok(holds)
}

/// The names of the active holds on a record: its own, and those on a file that it is filed into.
#[must_use]
pub fn holds_of(holds: &[Hold], record: &Record) -> Vec<String> {
    let files = record.files.iter().map(|file| &file.id);
    let ids: Vec<&EntityId> = files.chain([&record.id]).collect();
    let is_on = |hold: &&Hold| hold.released_at.is_none() && ids.iter().any(|id| hold.records.contains(id));
    holds.iter().filter(is_on).map(|hold| hold.name.clone()).collect()
}
