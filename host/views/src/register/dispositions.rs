//! Dispositions: proposed, and what was done about each since; what it amounts to is fonds-policy's to say.

use super::keys::{self, DISPOSITION, OF_RECORD, OPEN, REVIEW};
use super::{decisions, due, erasures};
use crate::rows::{Pending, Rows, ViewError, below};
use fonds_model::body::{
    self, Act, Destroyed, DispositionProposed, DispositionReviewed, Proposal, ReviewOutcome, Step, Transferred, Who,
};
use fonds_model::{EntityId, Envelope, Kind, PartialDate, Position, Seq, Timestamp};
use serde::{Deserialize, Serialize};

/// A proposal, and what was done about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disposition {
    /// The item that proposed it.
    pub id: Position,
    /// What was proposed.
    pub proposed: DispositionProposed,
    /// What was done about it, in the order of the log.
    pub acts: Vec<Act>,
}

impl Disposition {
    /// The record that it is for; an erasure of single items has none.
    #[must_use]
    pub fn record(&self) -> Option<&EntityId> {
        match self.proposed.action {
            Proposal::Erase => self.proposed.destroys.as_ref(),
            _ => self.proposed.records.first(),
        }
    }

    /// Whether nothing more is done about it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let action = self.proposed.action;
        self.acts.iter().any(|act| match act.step {
            Step::Rejected | Step::Lapsed | Step::Reviewed | Step::Destroyed | Step::Transferred => true,
            Step::Executed => match action {
                Proposal::Destroy | Proposal::Transfer => false,
                Proposal::Erase => self.proposed.destroys.is_none(),
                Proposal::Review | Proposal::Keep => true,
            },
            Step::Approved | Step::TooLate | Step::Executing | Step::ExecutingOutside => false,
        })
    }
}

/// What a reviewer said of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// The item that says so.
    pub position: Position,
    /// What is to become of it.
    pub outcome: ReviewOutcome,
    /// Until when it is kept, when it is kept longer.
    pub until: Option<PartialDate>,
    /// The decisions that it was reviewed under.
    pub rests_on: Vec<Position>,
}

fn stored(rows: &dyn Rows, id: Position) -> Result<Option<(Disposition, u16)>, ViewError> {
    let Some((bytes, had)) = keys::get_long(rows, &keys::key_of(DISPOSITION, id))? else { return Ok(None) };
    Ok(Some((keys::from_json(&bytes, "a disposition")?, had)))
}

fn put(rows: &mut Pending<'_>, disposition: &Disposition, had: u16) -> Result<(), ViewError> {
    let open = keys::key_of(OPEN, disposition.id);
    if disposition.has_ended() {
        rows.delete(open)
    } else {
        rows.put(open, Vec::new())
    }
    keys::put_long(rows, keys::key_of(DISPOSITION, disposition.id), &keys::json(disposition)?, had)
}

/// Folds a proposal.
pub(super) fn propose(
    rows: &mut Pending<'_>,
    position: Position,
    proposed: DispositionProposed,
) -> Result<(), ViewError> {
    if stored(rows, position)?.is_some() {
        return Ok(());
    }
    let disposition = Disposition { id: position, proposed, acts: Vec::new() };
    if let Some(record) = disposition.record() {
        let key = keys::key(OF_RECORD, record.as_str());
        let (bytes, had) = keys::get_long(rows, &key)?.unwrap_or_default();
        let mut ids: Vec<Position> =
            if bytes.is_empty() { Vec::new() } else { keys::decode(&bytes, "a record's dispositions")? };
        ids.push(position);
        keys::put_long(rows, key, &keys::encode(&ids)?, had)?;
    }
    put(rows, &disposition, 0)
}

/// Folds what an item says was done about proposals.
pub(super) fn act_on(
    rows: &mut Pending<'_>,
    position: Position,
    ids: &[Position],
    step: Step,
    who: &Who,
) -> Result<(), ViewError> {
    for id in ids {
        let Some((mut disposition, had)) = stored(rows, *id)? else { continue };
        if disposition.acts.iter().any(|act| (act.position, act.step) == (position, step)) {
            continue;
        }
        let (by, by_assurance, why) = (who.by.clone(), who.by_assurance, who.reason.clone());
        disposition.acts.push(Act { step, position, by, by_assurance, why });
        put(rows, &disposition, had)?;
    }
    Ok(())
}

/// Folds a review; a record that is kept longer is looked at again when that ends.
pub(super) fn reviewed(
    rows: &mut Pending<'_>,
    position: Position,
    at: Timestamp,
    body: DispositionReviewed,
) -> Result<(), ViewError> {
    act_on(rows, position, &[body.disposition], Step::Reviewed, &body.who)?;
    let Some((disposition, _)) = stored(rows, body.disposition)? else { return Ok(()) };
    let Some(record) = disposition.record() else { return Ok(()) };
    let until = body.until.map_or_else(|| at.date_utc(), |until| until.last_day());
    due::put(rows, until, record, "");
    let reviewed = Reviewed { position, outcome: body.outcome, until: body.until, rests_on: body.rests_on };
    rows.put(keys::key_at(REVIEW, record.as_str(), position), keys::encode(&reviewed)?);
    Ok(())
}

/// Folds a record's end: it was destroyed, or an archive took it.
pub(super) fn ended(
    rows: &mut Pending<'_>,
    position: Position,
    kind: Kind,
    envelope: &Envelope,
    text: &[u8],
) -> Result<(), ViewError> {
    match kind {
        Kind::RecordDestroyed => match body::parse::<Destroyed>(kind, envelope.format, text) {
            Ok(said) => {
                if let Some(id) = &envelope.subject {
                    decisions::not_due(rows, id)?;
                }
                act_on(rows, position, &[said.disposition], Step::Destroyed, &said.who)
            }
            Err(_) => Ok(()),
        },
        Kind::RecordTransferred => match body::parse::<Transferred>(kind, envelope.format, text) {
            Ok(said) => act_on(rows, position, &[said.disposition], Step::Transferred, &said.who),
            Err(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Folds an erasure into the proposal that it carries out: single items are gone once the last of them is.
pub(super) fn erased(rows: &mut Pending<'_>, position: Position, id: Position) -> Result<(), ViewError> {
    let Some((disposition, _)) = stored(rows, id)? else { return Ok(()) };
    if disposition.proposed.action != Proposal::Erase {
        return Ok(());
    }
    for item in &disposition.proposed.items {
        if erasures::erased_by(rows, *item)?.is_none() {
            return Ok(());
        }
    }
    act_on(rows, position, &[id], Step::Executed, &Who::default())
}

/// A disposition by the item that proposed it.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn disposition(rows: &dyn Rows, id: Position) -> Result<Option<Disposition>, ViewError> {
    Ok(stored(rows, id)?.map(|(disposition, _)| disposition))
}

/// All dispositions, oldest first.
pub fn dispositions(rows: &dyn Rows) -> impl Iterator<Item = Result<Disposition, ViewError>> + '_ {
    below(rows, &[DISPOSITION]).map(move |row| {
        let (key, first) = row?;
        keys::from_json(&keys::whole(rows, &key, first)?, "a disposition")
    })
}

/// Those that are neither carried out nor given up, oldest first.
pub fn open_dispositions(rows: &dyn Rows) -> impl Iterator<Item = Result<Disposition, ViewError>> + '_ {
    below(rows, &[OPEN]).map(move |row| {
        let id = keys::position_of(&row?.0)?;
        disposition(rows, id)?.ok_or(ViewError::Damaged("an open disposition without its row"))
    })
}

fn ids_of(rows: &dyn Rows, record: &EntityId) -> Result<Vec<Position>, ViewError> {
    match keys::get_long(rows, &keys::key(OF_RECORD, record.as_str()))? {
        Some((bytes, _)) => keys::decode(&bytes, "a record's dispositions"),
        None => Ok(Vec::new()),
    }
}

/// The newest proposal about a record.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn newest_of(rows: &dyn Rows, record: &EntityId) -> Result<Option<Disposition>, ViewError> {
    match ids_of(rows, record)?.last() {
        Some(id) => disposition(rows, *id),
        None => Ok(None),
    }
}

/// All proposals about a record, oldest first.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn dispositions_of(rows: &dyn Rows, record: &EntityId) -> Result<Vec<Disposition>, ViewError> {
    let found = ids_of(rows, record)?.into_iter().map(|id| Ok(stored(rows, id)?.map(|(found, _)| found)));
    found.filter_map(Result::transpose).collect()
}

/// Whether any record was ever reviewed.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn any_review(rows: &dyn Rows) -> Result<bool, ViewError> {
    Ok(below(rows, &[REVIEW]).next().transpose()?.is_some())
}

/// What was last said of a record in a review, up to and including entry `as_of`.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn review_of(rows: &dyn Rows, record: &EntityId, as_of: Option<Seq>) -> Result<Option<Reviewed>, ViewError> {
    match keys::facts_back(rows, REVIEW, record.as_str(), as_of).next() {
        Some(row) => Ok(Some(keys::decode(&row?.1, "a review")?)),
        None => Ok(None),
    }
}

/// The member of a lifecycle body that says where content lies.
#[derive(Deserialize)]
struct Placed {
    #[serde(default)]
    content: Vec<fonds_model::ContentFile>,
    #[serde(default)]
    location: Option<String>,
}

const PLACE: &str = "place ";

/// Folds where an event says that content of a record lies, so that content of several is not taken from any of them.
pub(super) fn placed(
    rows: &mut Pending<'_>,
    record: &EntityId,
    kind: Kind,
    envelope: &Envelope,
    text: &[u8],
) -> Result<(), ViewError> {
    let is_said = matches!(
        kind,
        Kind::RecordCreated | Kind::RecordCaptured | Kind::RecordModified | Kind::RecordMoved | Kind::RecordMigrated
    );
    let Some(said) = is_said.then(|| body::parse::<Placed>(kind, envelope.format, text).ok()).flatten() else {
        return Ok(());
    };
    for location in said.content.into_iter().map(|file| file.location).chain(said.location) {
        let mut key = keys::key(keys::SETTING, &[PLACE, &location].concat());
        key.push(0);
        key.extend_from_slice(record.as_str().as_bytes());
        rows.put(key, Vec::new());
    }
    Ok(())
}

/// The records that ever had content at a location.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn records_at(rows: &dyn Rows, location: &str) -> Result<Vec<EntityId>, ViewError> {
    let mut prefix = keys::key(keys::SETTING, &[PLACE, location].concat());
    prefix.push(0);
    below(rows, &prefix).map(|row| super::read::id_in(&row?.0, prefix.len())).collect()
}
