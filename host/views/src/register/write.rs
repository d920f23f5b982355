//! Folding lifecycle facts and what puts them right.

use super::fact::{Fact, Told};
use super::keys::{self, ACCESS, CHANGED, FILED, HISTORY, ITEM, MARK, RECORD};
use super::read::{lifecycle, stored};
use super::state::{Extent, RecordState, resolve_stored};
use super::{due, read};
use crate::rows::{Pending, Rows, ViewError};
use fonds_model::{EntityId, Position};
use rustc_hash::FxHashSet;

/// Folds a fact of a record's life.
pub(super) fn lifecycle_fact(rows: &mut Pending<'_>, id: &EntityId, fact: Fact) -> Result<(), ViewError> {
    let position = fact.position;
    if add_facts(rows, id, position, vec![fact])? {
        put_touched(rows, position, std::slice::from_ref(id))?;
    }
    Ok(())
}

/// Folds an access: kept apart, and no reason to look at the record again.
pub(super) fn access(rows: &mut Pending<'_>, id: &EntityId, fact: Fact) -> Result<(), ViewError> {
    let position = fact.position;
    let value = keys::encode(&vec![fact])?;
    keys::put_long(rows, keys::key_at(ACCESS, id.as_str(), position), &value, 0)?;
    put_touched(rows, position, std::slice::from_ref(id))
}

/// Adds the facts that one item says of a record; `false` when they had been added before.
pub(super) fn add_facts(
    rows: &mut Pending<'_>,
    id: &EntityId,
    position: Position,
    facts: Vec<Fact>,
) -> Result<bool, ViewError> {
    let old = stored(rows, id)?;
    if old.as_ref().is_some_and(|(state, _)| state.last >= position) {
        return Ok(false);
    }
    let value = keys::encode(&facts)?;
    keys::put_long(rows, keys::key_at(HISTORY, id.as_str(), position), &value, 0)?;
    let mut new = old.as_ref().map(|(state, _)| state.clone()).unwrap_or_default();
    for fact in &facts {
        new.apply(fact, Extent::Stored);
    }
    settle(rows, id, old, &new)?;
    for fact in &facts {
        due::note_later(rows, id, fact)?;
    }
    Ok(true)
}

/// Writes a record's new state, with the rows that lead to it.
fn settle(
    rows: &mut Pending<'_>,
    id: &EntityId,
    old: Option<(RecordState, u16)>,
    new: &RecordState,
) -> Result<(), ViewError> {
    let (old, had) = old.map_or((None, 0), |(old, had)| (Some(old), had));
    file(rows, id, old.as_ref(), new);
    if let Some(old) = &old {
        rows.delete(keys::key_by_seq(CHANGED, old.last.seq, id.as_str()));
    }
    rows.put(keys::key_by_seq(CHANGED, new.last.seq, id.as_str()), Vec::new());
    count(rows, old.is_some_and(|old| old.standing > 0), new.standing > 0)?;
    keys::put_long(rows, keys::key(RECORD, id.as_str()), &keys::encode(new)?, had)
}

/// Writes into which files a record goes; a row with a byte says that only the record's own dates tell whether it does.
///
/// What has left a file keeps its row there: as the log knew it once, or on an earlier day, it was in it.
fn file(rows: &mut Pending<'_>, id: &EntityId, old: Option<&RecordState>, new: &RecordState) {
    let certain = new.is_filed_for_certain();
    if old.is_some_and(|old| old.filings == new.filings && old.is_filed_for_certain() == certain) {
        return;
    }
    for left in old.iter().flat_map(|old| &old.filings).filter(|file| !new.filings.contains(file)) {
        rows.put(filed_key(left, id), vec![read::LEFT]);
    }
    for file in &new.filings {
        rows.put(filed_key(file, id), if certain { Vec::new() } else { vec![read::PERHAPS] });
    }
}

fn filed_key(file: &EntityId, id: &EntityId) -> Vec<u8> {
    let mut key = keys::key(FILED, file.as_str());
    key.push(0);
    key.extend_from_slice(id.as_str().as_bytes());
    key
}

fn count(rows: &mut Pending<'_>, stood: bool, stands: bool) -> Result<(), ViewError> {
    if stood == stands {
        return Ok(());
    }
    let records = read::counts(rows)?.records;
    let records = if stands { records.saturating_add(1) } else { records.saturating_sub(1) };
    rows.put(keys::key(MARK, "records"), keys::encode(&records)?);
    Ok(())
}

/// The records that an item tells of, those that a correction gave it to among them; the first is its own.
pub(super) fn touched(rows: &dyn Rows, position: Position) -> Result<(Vec<EntityId>, u16), ViewError> {
    match keys::get_long(rows, &keys::key_of(ITEM, position))? {
        Some((bytes, had)) => Ok((keys::decode(&bytes, "the records of an item")?, had)),
        None => Ok((Vec::new(), 0)),
    }
}

/// Writes which records an item tells of.
pub(super) fn put_touched(rows: &mut Pending<'_>, position: Position, ids: &[EntityId]) -> Result<(), ViewError> {
    keys::put_long(rows, keys::key_of(ITEM, position), &keys::encode(&ids)?, 0)
}

/// Adds a record to those that an item tells of.
fn touch(rows: &mut Pending<'_>, position: Position, id: &EntityId) -> Result<(), ViewError> {
    let (mut ids, had) = touched(rows, position)?;
    if ids.contains(id) {
        return Ok(());
    }
    ids.push(id.clone());
    keys::put_long(rows, keys::key_of(ITEM, position), &keys::encode(&ids)?, had)
}

/// Folds a correction or an annulment: it joins the history of every record that its target tells of.
///
/// It reaches back only; one that names itself, a later entry, or an item that tells of no record changes nothing here.
pub(super) fn amendment(rows: &mut Pending<'_>, fact: Fact) -> Result<(), ViewError> {
    let position = fact.position;
    let Some(target) = fact.target().filter(|target| *target < position) else { return Ok(()) };
    let (mut ids, _) = touched(rows, target)?;
    let Some(home) = ids.first().cloned() else { return Ok(()) };
    if is_folded(rows, &ids, position)? {
        return Ok(());
    }
    let adopting = new_subject(&fact).filter(|id| !ids.contains(id));
    let value = keys::encode(&vec![fact.clone()])?;
    for id in &ids {
        keys::put_long(rows, keys::key_at(HISTORY, id.as_str(), position), &value, 0)?;
    }
    if let Some(adopting) = adopting
        && adopt(rows, &home, &adopting, target, &fact)?
    {
        ids.push(adopting);
    }
    put_touched(rows, position, &ids)?;
    for id in &ids {
        resettle(rows, id)?;
    }
    Ok(())
}

/// Whether an amendment has been folded before: each record that it touches has it in its history.
fn is_folded(rows: &dyn Rows, ids: &[EntityId], position: Position) -> Result<bool, ViewError> {
    let Some(last) = ids.last() else { return Ok(true) };
    Ok(stored(rows, last)?.is_some_and(|(state, _)| state.last >= position))
}

fn new_subject(fact: &Fact) -> Option<EntityId> {
    match &fact.told {
        Told::Corrected { field, new, .. } if field == "subject" => serde_json::from_str(new).ok(),
        _ => None,
    }
}

/// Gives a fact, with all that already stands beside it, to the record that a correction names.
fn adopt(
    rows: &mut Pending<'_>,
    home: &EntityId,
    adopting: &EntityId,
    target: Position,
    correction: &Fact,
) -> Result<bool, ViewError> {
    let known = lifecycle(rows, home, None)?;
    let Some(original) = known.iter().find(|fact| fact.position == target && fact.target().is_none()) else {
        return Ok(false);
    };
    if original.is_lineage || !original.kind.producer_may_send() || matches!(original.told, Told::Adopted(_)) {
        return Ok(false);
    }
    let mut beside: FxHashSet<Position> = FxHashSet::from_iter([target]);
    for fact in known.iter().filter(|fact| fact.position < correction.position) {
        if fact.target().is_some_and(|target| beside.contains(&target)) && beside.insert(fact.position) {
            let value = keys::encode(&vec![fact.clone()])?;
            keys::put_long(rows, keys::key_at(HISTORY, adopting.as_str(), fact.position), &value, 0)?;
        }
    }
    let adopted = Fact { told: Told::Adopted(Box::new(original.clone())), ..correction.clone() };
    let value = keys::encode(&vec![correction.clone(), adopted])?;
    keys::put_long(rows, keys::key_at(HISTORY, adopting.as_str(), correction.position), &value, 0)?;
    for position in beside {
        touch(rows, position, adopting)?;
    }
    Ok(true)
}

/// Resolves a record anew from its whole history.
pub(super) fn resettle(rows: &mut Pending<'_>, id: &EntityId) -> Result<(), ViewError> {
    let old = stored(rows, id)?;
    let history = lifecycle(rows, id, None)?;
    let new = resolve_stored(id, &history);
    settle(rows, id, old, &new)?;
    for fact in super::amend::standing(id.as_str(), &history).facts {
        due::note_later(rows, id, &fact)?;
    }
    Ok(())
}
