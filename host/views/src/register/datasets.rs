//! Datasets that are records: what OpenLineage events say of their life.

use super::fact::{Created, Fact, Told};
use super::read::stored;
use super::write;
use crate::rows::{Pending, ViewError};
use fonds_model::openlineage::{Change, Dataset, Lineage};
use fonds_model::{EntityId, Entry, Envelope, Kind, Position};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;

/// Folds an OpenLineage entry.
///
/// When its sender was said to be an agency, each dataset that it claims to have written becomes a record. Of datasets
/// that are records, a `lifecycleStateChange` is a fact of their life; a loss is a claim and no disposition.
pub(super) fn fold(
    entry: &Entry,
    item: u16,
    payload: &[u8],
    lineage: &Lineage,
    rows: &mut Pending<'_>,
) -> Result<(), ViewError> {
    if !lineage.claims_outputs() || !may_concern_records(payload, lineage) {
        return Ok(());
    }
    let Ok((envelope, _)) = Envelope::split(payload) else { return Ok(()) };
    let position = Position { seq: entry.seq, item };
    let written: FxHashSet<&EntityId> = lineage.outputs.iter().map(|output| &output.id).collect();
    let mut told: BTreeMap<EntityId, Vec<Fact>> = BTreeMap::new();
    for dataset in lineage.outputs.iter().chain(lineage.inputs.iter().filter(|dataset| dataset.change.is_some())) {
        let known = stored(rows, &dataset.id)?;
        let (is_record, is_made) = known.map_or((false, false), |(state, _)| (state.standing > 0, state.made));
        let facts = told.entry(dataset.id.clone()).or_default();
        let becomes = written.contains(&dataset.id) && envelope.agency.is_some();
        if !is_record && !becomes {
            continue;
        }
        let made = is_made || facts.iter().any(|fact| matches!(fact.told, Told::Created(_)));
        if !made && (becomes || dataset.change == Some(Change::Create)) {
            facts.push(fact(entry, &envelope, position, Kind::RecordCreated, created(dataset)));
        }
        if let Some((kind, told)) = dataset.change.as_ref().and_then(changed)
            && !facts.iter().any(|fact| fact.told == told)
        {
            facts.push(fact(entry, &envelope, position, kind, told));
        }
    }
    told.retain(|_, facts| !facts.is_empty());
    let mut added = Vec::new();
    for (id, facts) in told {
        if write::add_facts(rows, &id, position, facts)? {
            added.push(id);
        }
    }
    if added.is_empty() { Ok(()) } else { write::put_touched(rows, position, &added) }
}

/// Whether an event can concern a record at all; of most the envelope need not be parsed.
fn may_concern_records(payload: &[u8], lineage: &Lineage) -> bool {
    let end = memchr::memchr(b'\n', payload).unwrap_or(payload.len());
    let envelope = payload.get(..end).unwrap_or_default();
    lineage.outputs.iter().chain(&lineage.inputs).any(|dataset| dataset.change.is_some())
        || memchr::memmem::find(envelope, b"\"agency\"").is_some()
}

fn fact(entry: &Entry, envelope: &Envelope, position: Position, kind: Kind, told: Told) -> Fact {
    Fact::bare(kind, envelope, position, entry.at, told)
}

fn created(dataset: &Dataset) -> Told {
    Told::Created(Box::new(Created {
        kind: Some("dataset".to_owned()),
        title: Some(dataset.name.clone()),
        ..Created::default()
    }))
}

fn changed(change: &Change) -> Option<(Kind, Told)> {
    match change {
        Change::Create => None,
        Change::Alter => Some((Kind::RecordModified, Told::Modified { title: None, attributes: Vec::new() })),
        Change::Rename(from) => Some((Kind::RecordModified, Told::Renamed(from.clone()))),
        Change::Loss(what) => Some((Kind::RecordLossReported, Told::LossReported(Some((*what).to_owned())))),
    }
}
