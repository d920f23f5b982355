//! Erasures: proposed, approved by others, done; and what stays in the register of what was erased.

use super::fact::Fact;
use super::keys::{self, ACCESS, ERASURE, HISTORY};
use super::write;
use crate::rows::{Pending, Rows, ViewError, below};
use fonds_model::body::{DispositionApproved, DispositionProposed, ErasedItem, LogErased};
use fonds_model::{EntityId, Envelope, Position, Seq};
use serde::{Deserialize, Serialize};

/// A proposal to erase, and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Erasure {
    /// The entry that proposed it.
    pub proposal: Seq,
    /// The items whose content is to go.
    pub items: Vec<Position>,
    /// The records that it was proposed for.
    pub records: Vec<EntityId>,
    /// The record that is destroyed once all of it is gone.
    pub destroys: Option<EntityId>,
    /// Who proposed it.
    pub by: Option<String>,
    /// The law or order that it rests on.
    pub authority: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Who approved it, with the entries that say so; the proposer does not count.
    pub approvals: Vec<(String, Seq)>,
    /// The items that are gone, with the entry that erased each.
    pub erased: Vec<(Position, Seq)>,
}

impl Erasure {
    /// Whether enough others have approved it.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.approvals.len() >= APPROVALS_MIN
    }

    /// The items that are still there.
    pub fn left(&self) -> impl Iterator<Item = Position> + '_ {
        self.items.iter().copied().filter(|item| self.erased.iter().all(|(gone, _)| gone != item))
    }
}

/// So many people other than the proposer approve before anything is erased.
pub const APPROVALS_MIN: usize = 1;

fn key(proposal: Seq) -> Vec<u8> {
    keys::key_by_seq(ERASURE, proposal, "")
}

fn put(rows: &mut Pending<'_>, erasure: &Erasure, had: u16) -> Result<(), ViewError> {
    keys::put_long(rows, key(erasure.proposal), &keys::json(erasure)?, had)
}

fn stored(rows: &dyn Rows, proposal: Seq) -> Result<Option<(Erasure, u16)>, ViewError> {
    let Some((bytes, had)) = keys::get_long(rows, &key(proposal))? else { return Ok(None) };
    Ok(Some((keys::from_json(&bytes, "a proposal")?, had)))
}

/// Folds a proposal.
pub(super) fn propose(rows: &mut Pending<'_>, position: Position, body: DispositionProposed) -> Result<(), ViewError> {
    let erasure = Erasure {
        proposal: position.seq,
        items: body.items,
        records: body.records,
        destroys: body.destroys,
        by: body.who.by,
        authority: body.who.authority,
        reason: body.who.reason,
        approvals: Vec::new(),
        erased: Vec::new(),
    };
    if stored(rows, position.seq)?.is_some() { Ok(()) } else { put(rows, &erasure, 0) }
}

/// Folds an approval: each person counts once, and the proposer never.
pub(super) fn approve(rows: &mut Pending<'_>, position: Position, body: DispositionApproved) -> Result<(), ViewError> {
    let Some((mut erasure, had)) = stored(rows, body.proposal)? else { return Ok(()) };
    let Some(by) = body.who.by else { return Ok(()) };
    if erasure.by.as_ref() != Some(&by) && erasure.approvals.iter().all(|(known, _)| *known != by) {
        erasure.approvals.push((by, position.seq));
        put(rows, &erasure, had)?;
    }
    Ok(())
}

/// Folds an erasure: what the erased items had contributed gives way to their stubs.
pub(super) fn erased(rows: &mut Pending<'_>, position: Position, body: &LogErased) -> Result<(), ViewError> {
    for mut erasure in erasures(rows)? {
        let had = keys::get_long(rows, &key(erasure.proposal))?.map_or(0, |(_, had)| had);
        let gone: Vec<Position> =
            erasure.left().filter(|item| body.items.iter().any(|erased| erased.position() == *item)).collect();
        if !gone.is_empty() {
            erasure.erased.extend(gone.into_iter().map(|item| (item, position.seq)));
            put(rows, &erasure, had)?;
        }
    }
    for item in &body.items {
        for id in records_of(rows, item.position())? {
            blank(rows, &id, item)?;
            write::resettle(rows, &id)?;
        }
    }
    Ok(())
}

/// Replaces what a record's rows hold of an erased item by what its stub says.
fn blank(rows: &mut Pending<'_>, id: &EntityId, item: &ErasedItem) -> Result<(), ViewError> {
    for prefix in [HISTORY, ACCESS] {
        let all: Vec<_> = keys::facts(rows, prefix, id.as_str(), None).collect::<Result<_, _>>()?;
        for (key, first) in all {
            let had = keys::chunks(&first);
            let bytes = keys::whole(rows, &key, first)?;
            let facts: Vec<Fact> = keys::decode(&bytes, "a record's history")?;
            let blanked: Vec<Fact> = facts.iter().map(|fact| fact.blanked(item)).collect();
            if blanked != facts {
                keys::put_long(rows, key, &keys::encode(&blanked)?, had)?;
            }
        }
    }
    Ok(())
}

impl Fact {
    /// The same fact with what an erased item had said of it replaced by what its stub says.
    fn blanked(&self, item: &ErasedItem) -> Self {
        use super::fact::Told;
        if let Told::Adopted(original) = &self.told {
            return Self { told: Told::Adopted(Box::new(original.blanked(item))), ..self.clone() };
        }
        // What an OpenLineage event says of a record is in its stub word for word.
        if self.position != item.position() || self.is_lineage || self.kind != item.kind {
            return self.clone();
        }
        let stub = item.stub.as_ref().and_then(|stub| Envelope::split(stub.as_bytes()).ok());
        match stub {
            Some((envelope, body)) => Fact::read(item.kind, &envelope, body, self.position, self.at),
            None => Self { told: Told::Unread, said: super::fact::Said::default(), ..self.clone() },
        }
    }
}

/// The records that an item tells of; those that a correction gave it to among them.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn records_of(rows: &dyn Rows, position: Position) -> Result<Vec<EntityId>, ViewError> {
    Ok(write::touched(rows, position)?.0)
}

/// A proposal by the entry that made it.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn erasure(rows: &dyn Rows, proposal: Seq) -> Result<Option<Erasure>, ViewError> {
    Ok(stored(rows, proposal)?.map(|(erasure, _)| erasure))
}

/// All proposals to erase, oldest first.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn erasures(rows: &dyn Rows) -> Result<Vec<Erasure>, ViewError> {
    let mut erasures = Vec::new();
    for row in below(rows, &[ERASURE]) {
        let (key, first) = row?;
        erasures.push(keys::from_json(&keys::whole(rows, &key, first)?, "a proposal")?);
    }
    Ok(erasures)
}
