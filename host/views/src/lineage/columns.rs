//! Columns made from columns.
//!
//! A row an event and dataset, below the dataset that was made; events that repeat what the one before them said keep
//! only where it stands. A row that is only the dataset's says where its newest event stands.

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

fn newest_key(made: NodeId) -> Vec<u8> {
    let mut key = Vec::with_capacity(23);
    key.push(PREFIX);
    key.extend_from_slice(&made.0.to_be_bytes());
    key
}

fn key(made: NodeId, position: Position, part: u32) -> Vec<u8> {
    let mut key = newest_key(made);
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
        let newest = newest(folding.rows, made)?;
        let before = match newest {
            Some(newest) if newest >= position => said_before(folding.rows, made, position)?,
            known => known,
        };
        let base = match before.map(|before| base_of(folding.rows, made, before)).transpose()?.flatten() {
            Some(base) if holds(folding.rows, made, base, &parts)? => base,
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
        if newest.is_none_or(|newest| newest < position) {
            let mut newest = Writer::default();
            newest.position(position);
            folding.rows.put(newest_key(made), newest.0);
        }
    }
    Ok(())
}

/// The newest event that said columns of a dataset.
fn newest(rows: &dyn Rows, made: NodeId) -> Result<Option<Position>, ViewError> {
    rows.get(&newest_key(made))?.map(|value| Reader(&value).position()).transpose()
}

/// The position whose rows hold what an event said.
fn base_of(rows: &dyn Rows, made: NodeId, position: Position) -> Result<Option<Position>, ViewError> {
    let head = rows.get(&key(made, position, 0))?;
    head.map(|head| read_head(position, &head).map(|head| head.base)).transpose()
}

/// Whether the rows at a position are these and no more.
fn holds(rows: &dyn Rows, made: NodeId, base: Position, parts: &[Vec<u8>]) -> Result<bool, ViewError> {
    for (part, number) in parts.iter().map(Some).chain([None]).zip(1..) {
        if rows.get(&key(made, base, number))?.as_ref() != part {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The event before this one, when this one is not the newest: it is folded again.
fn said_before(rows: &dyn Rows, made: NodeId, position: Position) -> Result<Option<Position>, ViewError> {
    let first = key(made, Position { seq: 0, item: 0 }, 0);
    let Some(row) = rows.range_back(&first, &key(made, position, 0)).next() else { return Ok(None) };
    Ok(read_key(&row?.0).map(|(before, _)| before))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pending;
    use crate::rows::MemoryRows;
    use fonds_model::EntityId;

    fn edges(fields: &[&str]) -> Vec<ColumnEdge> {
        let edge = |field: &&str| ColumnEdge {
            to: EntityId::new("made").unwrap(),
            to_field: (*field).to_owned(),
            from: EntityId::new("source").unwrap(),
            from_field: "f".repeat(400),
            how: "DIRECT".to_owned(),
        };
        fields.iter().map(edge).collect()
    }

    fn folded(base: &mut MemoryRows, log: &[Vec<&str>], from: usize) {
        for (seq, fields) in (0..).zip(log).skip(from) {
            let mut pending = Pending::over(base);
            let folding = &mut Folding::new(&mut pending, Position { seq, item: 0 });
            fold(folding, &edges(fields), None, Said::Complete, Timestamp(5)).unwrap();
            let written = pending.into_written();
            base.apply(written);
        }
    }

    #[test]
    fn columns_that_are_repeated_are_kept_once_and_those_that_changed_are_kept_again() {
        let (few, many) =
            (vec!["a", "b"], (0..26).map(|at| &"abcdefghijklmnopqrstuvwxyz"[at..=at]).collect::<Vec<_>>());
        let log = [few.clone(), few.clone(), many.clone(), many, few.clone(), few];
        let mut rows = MemoryRows::default();
        folded(&mut rows, &log, 0);
        let made = super::super::names::find(&rows, Space::Entity, "made").unwrap().unwrap();
        let heads = heads(&rows, made).unwrap();
        assert_eq!(heads.iter().map(|head| head.base.seq).collect::<Vec<_>>(), [0, 0, 2, 2, 4, 4]);
        for (head, fields) in heads.iter().zip(&log) {
            let mut found = Vec::new();
            each(&rows, made, head, |_, field, _, _| found.push(field.to_owned())).unwrap();
            assert_eq!(found, *fields, "what event {} said", head.fact.position.seq);
        }
        for from in 0..log.len() {
            let mut again = rows.clone();
            folded(&mut again, &log, from);
            assert_eq!(again, rows, "folded again from {from}");
        }
    }
}
