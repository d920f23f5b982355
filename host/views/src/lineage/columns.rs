//! Columns made from columns.
//!
//! A row an event and dataset, below the dataset that was made; events that repeat what the one before them said keep
//! only where it stands.

use super::code::{Fact, NodeId, Reader, Writer};
use super::fold::Said;
use super::names::{Folding, Space, cut};
use crate::{Rows, ViewError};
use fonds_model::openlineage::ColumnEdge;
use fonds_model::{Position, Timestamp};
use std::collections::BTreeMap;

const PREFIX: u8 = b'k';
const NAME_BYTES_MAX: usize = 512;
const ROW_BYTES_MAX: usize = 3_000;

fn key(made: NodeId, position: Position, part: u32) -> Vec<u8> {
    let mut key = vec![PREFIX];
    key.extend_from_slice(&made.0.to_be_bytes());
    key.extend_from_slice(&position.seq.to_be_bytes());
    key.extend_from_slice(&position.item.to_be_bytes());
    key.extend_from_slice(&part.to_be_bytes());
    key
}

fn read_key(key: &[u8]) -> Option<(Position, u32)> {
    let (seq, rest) = key.get(9..)?.split_first_chunk()?;
    let (item, rest) = rest.split_first_chunk()?;
    let part = u32::from_be_bytes(rest.try_into().ok()?);
    Some((Position { seq: u64::from_be_bytes(*seq), item: u16::from_be_bytes(*item) }, part))
}

/// What one event said of the columns of a dataset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// The event.
    pub(crate) fact: Fact,
    /// The run or job that made them.
    pub(crate) activity: Option<NodeId>,
    /// What the event said of that activity.
    pub(crate) said: Said,
    /// The position whose rows hold the columns.
    base: Position,
}

fn read_head(position: Position, value: &[u8]) -> Result<Head, ViewError> {
    let mut reader = Reader(value);
    let said = Said::ALL.get(usize::from(reader.tag()?)).copied().ok_or(ViewError::Damaged("lineage columns"))?;
    let (time, base) = (Timestamp(reader.signed()?), reader.position()?);
    let activity = if reader.is_empty() { None } else { Some(reader.node()?) };
    Ok(Head { fact: Fact { position, time }, activity, said, base })
}

/// Folds the column edges of an event.
pub(crate) fn fold(
    folding: &mut Folding<'_, '_>,
    edges: &[ColumnEdge],
    activity: Option<NodeId>,
    said: Said,
    time: Timestamp,
) -> Result<(), ViewError> {
    if matches!(said, Said::Fail | Said::Abort) {
        return Ok(());
    }
    let mut by_dataset: BTreeMap<NodeId, Vec<Vec<u8>>> = BTreeMap::new();
    for edge in edges {
        let made = folding.intern(Space::Entity, edge.to.as_str(), 0)?;
        let from = folding.intern(Space::Entity, edge.from.as_str(), 0)?;
        let (Some(made), Some(from)) = (made, from) else { continue };
        let mut entry = Writer::default();
        entry.node(from);
        for text in [&edge.to_field, &edge.from_field, &edge.how] {
            entry.text(cut(text, NAME_BYTES_MAX));
        }
        by_dataset.entry(made).or_default().push(entry.0);
    }
    for (made, mut entries) in by_dataset {
        entries.sort_unstable();
        entries.dedup();
        let position = folding.position;
        let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
        for entry in &entries {
            match parts.last_mut() {
                Some(part) if part.len() + entry.len() <= ROW_BYTES_MAX => part.extend_from_slice(entry),
                _ => parts.push(entry.clone()),
            }
        }
        let base = match said_before(folding.rows, made, position)? {
            Some(base) if rows_of(folding.rows, made, base)? == parts => base,
            _ => {
                for (part, number) in parts.into_iter().zip(1..) {
                    folding.rows.put(key(made, position, number), part);
                }
                position
            }
        };
        let mut head = Writer::tagged(said as u8);
        head.signed(time.0).position(base);
        if let Some(activity) = activity {
            head.node(activity);
        }
        folding.rows.put(key(made, position, 0), head.0);
    }
    Ok(())
}

/// Where the columns stand that the event before this one said.
fn said_before(rows: &dyn Rows, made: NodeId, position: Position) -> Result<Option<Position>, ViewError> {
    let first = key(made, Position { seq: 0, item: 0 }, 0);
    let Some(row) = rows.range_back(&first, &key(made, position, 0)).next() else { return Ok(None) };
    let Some((before, _)) = read_key(&row?.0) else { return Ok(None) };
    let head = rows.get(&key(made, before, 0))?;
    head.map(|head| read_head(before, &head).map(|head| head.base)).transpose()
}

fn rows_of(rows: &dyn Rows, made: NodeId, base: Position) -> Result<Vec<Vec<u8>>, ViewError> {
    rows.range(&key(made, base, 1), &key(made, base, u32::MAX)).map(|row| row.map(|(_, value)| value)).collect()
}

/// What events said of the columns of a dataset, oldest first.
pub(crate) fn heads(rows: &dyn Rows, made: NodeId) -> Result<Vec<Head>, ViewError> {
    let (first, last) = (Position { seq: 0, item: 0 }, Position { seq: u64::MAX, item: u16::MAX });
    let mut heads = Vec::new();
    for row in rows.range(&key(made, first, 0), &key(made, last, u32::MAX)) {
        let (key, value) = row?;
        match read_key(&key) {
            Some((position, 0)) => heads.push(read_head(position, &value)?),
            Some(_) => {}
            None => return Err(ViewError::Damaged("lineage columns")),
        }
    }
    Ok(heads)
}

/// The columns of a head: from which dataset, this column, from which column, how.
pub(crate) fn each(
    rows: &dyn Rows,
    made: NodeId,
    head: &Head,
    mut visit: impl FnMut(NodeId, &str, &str, &str),
) -> Result<(), ViewError> {
    for row in rows_of(rows, made, head.base)? {
        let mut reader = Reader(&row);
        while !reader.is_empty() {
            visit(reader.node()?, reader.text()?, reader.text()?, reader.text()?);
        }
    }
    Ok(())
}
