//! What is erased, and what stays in the register of it.

use super::dispositions;
use super::fact::Fact;
use super::keys::{self, ACCESS, ERASED, HISTORY};
use super::write;
use crate::rows::{Pending, Rows, ViewError};
use fonds_model::body::{ErasedItem, LogErased};
use fonds_model::{EntityId, Envelope, Position, Seq};
use std::collections::BTreeMap;

/// Folds an erasure: what the erased items had contributed gives way to their stubs.
pub(super) fn erased(rows: &mut Pending<'_>, position: Position, body: &LogErased) -> Result<(), ViewError> {
    let mut of_record: BTreeMap<EntityId, Vec<&ErasedItem>> = BTreeMap::new();
    for item in &body.items {
        rows.put(keys::key_of(ERASED, item.position()), position.seq.to_be_bytes().to_vec());
        for id in records_of(rows, item.position())? {
            of_record.entry(id).or_default().push(item);
        }
    }
    for (id, items) in of_record {
        blank(rows, &id, &items)?;
        write::resettle(rows, &id)?;
    }
    body.proposals.iter().try_for_each(|proposal| dispositions::erased(rows, position, *proposal))
}

/// The entry that erased an item, if it was erased.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn erased_by(rows: &dyn Rows, item: Position) -> Result<Option<Seq>, ViewError> {
    let Some(bytes) = rows.get(&keys::key_of(ERASED, item))? else { return Ok(None) };
    let bytes = bytes.try_into().map_err(|_| ViewError::Damaged("an erased item's row"))?;
    Ok(Some(Seq::from_be_bytes(bytes)))
}

/// Replaces what a record's rows hold of erased items by what their stubs say.
fn blank(rows: &mut Pending<'_>, id: &EntityId, items: &[&ErasedItem]) -> Result<(), ViewError> {
    for prefix in [HISTORY, ACCESS] {
        let all: Vec<_> = keys::facts(rows, prefix, id.as_str(), None).collect::<Result<_, _>>()?;
        for (key, first) in all {
            let had = keys::chunks(&first);
            let bytes = keys::whole(rows, &key, first)?;
            let facts: Vec<Fact> = keys::decode(&bytes, "a record's history")?;
            let without = |fact: &Fact| items.iter().fold(fact.clone(), |fact, item| fact.blanked(item));
            let blanked: Vec<Fact> = facts.iter().map(without).collect();
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
