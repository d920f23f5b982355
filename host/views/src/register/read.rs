//! Reading records and their histories, now or as the log knew them.

use super::fact::Fact;
use super::keys::{self, ACCESS, FILED, HISTORY, MARK, RECORD};
use super::record::{File, Record};
use super::state::{self, RecordState, What};
use crate::rows::{self, Rows, ViewError};
use fonds_model::{EntityId, Seq};
use jiff::civil::Date;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Files within files are followed this many levels up.
pub const FILES_DEPTH_MAX: usize = 32;

/// How many files' inheritance an iteration remembers.
const FILES_REMEMBERED_MAX: usize = 4_096;

/// What the register holds in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that stand.
    pub records: u64,
}

/// A record by all that was logged up to and including entry `as_of`, whatever its date; `None` when the log knew of none.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn record(rows: &dyn Rows, id: &EntityId, as_of: Option<Seq>) -> Result<Option<Record>, ViewError> {
    record_at(rows, id, At { seq: as_of, on: None })
}

/// A record as it is on a date, by what the log knew after entry `as_of`: what is dated later changes nothing yet.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn record_on(rows: &dyn Rows, id: &EntityId, as_of: Option<Seq>, on: Date) -> Result<Option<Record>, ViewError> {
    record_at(rows, id, At { seq: as_of, on: Some(on) })
}

/// What is read: the log up to an entry, on a date; none: all of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) seq: Option<Seq>,
    pub(super) on: Option<Date>,
}

pub(super) fn record_at(rows: &dyn Rows, id: &EntityId, at: At) -> Result<Option<Record>, ViewError> {
    let Some(own) = state_of(rows, id, at)? else { return Ok(None) };
    let files = match &own.file {
        Some(file) => files(rows, file, at)?,
        None => Arc::from([]),
    };
    Ok(Some(Record { id: id.clone(), own, files }))
}

/// All records by all that was logged, in order of id.
pub fn records(rows: &dyn Rows) -> Records<'_> {
    Records { rows, below: rows::below(rows, &[RECORD]), on: None, remembered: FxHashMap::default() }
}

/// All records as they are on a date, in order of id.
pub fn records_on(rows: &dyn Rows, on: Date) -> Records<'_> {
    Records { on: Some(on), ..records(rows) }
}

/// The records whose ids come after `after`, in order of id: for going on where a page ended.
pub fn records_after<'a>(rows: &'a dyn Rows, after: &EntityId) -> Records<'a> {
    let mut from = keys::key(RECORD, after.as_str());
    from.push(0);
    Records { rows, below: rows.range(&from, &[RECORD + 1]), on: None, remembered: FxHashMap::default() }
}

/// The ids of all that was ever a record, in order: of what does not stand any more, too.
pub fn ids(rows: &dyn Rows) -> impl Iterator<Item = Result<EntityId, ViewError>> + '_ {
    rows::below(rows, &[RECORD]).map(|row| row.and_then(|(key, _)| id_in(&key, 1)))
}

/// Records in order of id.
pub struct Records<'a> {
    rows: &'a dyn Rows,
    below: Box<dyn Iterator<Item = rows::Row> + 'a>,
    on: Option<Date>,
    remembered: FxHashMap<EntityId, Arc<[Arc<File>]>>,
}

impl Records<'_> {
    fn read(&mut self, key: &[u8], first: Vec<u8>) -> Result<Option<Record>, ViewError> {
        let id = id_in(key, 1)?;
        let bytes = keys::whole(self.rows, key, first)?;
        let stored: RecordState = keys::decode(&bytes, "a record")?;
        let Some(own) = state_at(self.rows, &id, stored, self.at())? else { return Ok(None) };
        let files = match &own.file {
            Some(file) => self.files(file)?,
            None => Arc::from([]),
        };
        Ok(Some(Record { id, own, files }))
    }

    fn at(&self) -> At {
        At { seq: None, on: self.on }
    }

    fn files(&mut self, file: &EntityId) -> Result<Arc<[Arc<File>]>, ViewError> {
        if let Some(files) = self.remembered.get(file) {
            return Ok(Arc::clone(files));
        }
        let files = files(self.rows, file, self.at())?;
        if self.remembered.len() >= FILES_REMEMBERED_MAX {
            self.remembered.clear();
        }
        self.remembered.insert(file.clone(), Arc::clone(&files));
        Ok(files)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, ViewError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let read = match self.below.next()? {
                Ok((key, first)) => self.read(&key, first),
                Err(error) => Err(error),
            };
            if let Some(read) = read.transpose() {
                return Some(read);
            }
        }
    }
}

/// The whole history of a record up to and including entry `as_of`, oldest first: what was annulled, amendments, and
/// accesses too.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn history(rows: &dyn Rows, id: &EntityId, as_of: Option<Seq>) -> Result<Vec<Fact>, ViewError> {
    let mut history = lifecycle(rows, id, as_of)?;
    history.extend(accesses(rows, id, as_of)?);
    history.sort_by_key(|fact| fact.position);
    Ok(history)
}

/// The accesses to a record and what was shared of it, oldest first.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn accesses(rows: &dyn Rows, id: &EntityId, as_of: Option<Seq>) -> Result<Vec<Fact>, ViewError> {
    facts(rows, ACCESS, id, as_of)
}

/// A record's facts as they were sent, amendments beside them, without accesses: what [`state::resolve`] resolves.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn lifecycle(rows: &dyn Rows, id: &EntityId, as_of: Option<Seq>) -> Result<Vec<Fact>, ViewError> {
    facts(rows, HISTORY, id, as_of)
}

/// The same facts with mistakes put right, in the log's order: what counts.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn standing(rows: &dyn Rows, id: &EntityId, as_of: Option<Seq>) -> Result<Vec<Fact>, ViewError> {
    Ok(super::amend::standing(id.as_str(), &lifecycle(rows, id, as_of)?).facts)
}

fn facts(rows: &dyn Rows, prefix: u8, id: &EntityId, as_of: Option<Seq>) -> Result<Vec<Fact>, ViewError> {
    let mut facts = Vec::new();
    for row in keys::facts(rows, prefix, id.as_str(), as_of) {
        let (key, first) = row?;
        let bytes = keys::whole(rows, &key, first)?;
        facts.extend(keys::decode::<Vec<Fact>>(&bytes, "a record's history")?);
    }
    Ok(facts)
}

/// How many records stand.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn counts(rows: &dyn Rows) -> Result<Counts, ViewError> {
    let records = match rows.get(&keys::key(MARK, "records"))? {
        Some(bytes) => keys::decode(&bytes, "the count of records")?,
        None => 0,
    };
    Ok(Counts { records })
}

/// Only a record's own dates tell whether it is in the file.
pub(super) const PERHAPS: u8 = 1;
/// The record has left the file, by all that was logged.
pub(super) const LEFT: u8 = 2;

/// What may be filed into a file, in order of id: what is in it now, and what was announced to go into it or leave it.
pub fn filed_into<'a>(rows: &'a dyn Rows, file: &EntityId) -> impl Iterator<Item = Result<EntityId, ViewError>> + 'a {
    let prefix = filed_prefix(file);
    let start = prefix.len();
    let may_be = |row: &rows::Row| row.as_ref().map_or(true, |(_, value)| value.first() != Some(&LEFT));
    rows::below(rows, &prefix).filter(may_be).map(move |row| row.and_then(|(key, _)| id_in(&key, start)))
}

/// What is in a file on a date, in order of id; the date is none before the last entry was logged, since it is taken as
/// given that what is filed for certain was so already.
pub fn filed_on<'a>(
    rows: &'a dyn Rows,
    file: &'a EntityId,
    on: Date,
) -> impl Iterator<Item = Result<EntityId, ViewError>> + 'a {
    filed(rows, file, At { seq: None, on: Some(on) }, true)
}

/// What was in a file as the log knew it after entry `as_of`, on a date or by all that was logged; in order of id.
pub fn filed_at<'a>(
    rows: &'a dyn Rows,
    file: &'a EntityId,
    as_of: Option<Seq>,
    on: Option<Date>,
) -> impl Iterator<Item = Result<EntityId, ViewError>> + 'a {
    filed(rows, file, At { seq: as_of, on }, false)
}

fn filed<'a>(
    rows: &'a dyn Rows,
    file: &'a EntityId,
    at: At,
    is_now: bool,
) -> impl Iterator<Item = Result<EntityId, ViewError>> + 'a {
    let prefix = filed_prefix(file);
    let start = prefix.len();
    let is_in = move |id: &EntityId, certain: bool| -> Result<bool, ViewError> {
        Ok((certain && is_now) || state_of(rows, id, at)?.is_some_and(|state| state.file.as_ref() == Some(file)))
    };
    rows::below(rows, &prefix).filter_map(move |row| {
        let found = row.and_then(|(key, value)| {
            let id = id_in(&key, start)?;
            Ok(is_in(&id, value.is_empty())?.then_some(id))
        });
        found.transpose()
    })
}

fn filed_prefix(file: &EntityId) -> Vec<u8> {
    let mut prefix = keys::key(FILED, file.as_str());
    prefix.push(0);
    prefix
}

pub(super) fn id_in(key: &[u8], start: usize) -> Result<EntityId, ViewError> {
    EntityId::new(keys::text_in(key, start, key.len())?).map_err(|_| ViewError::Damaged("a key without an id"))
}

/// The stored state of a record, and how many rows follow its first.
pub(super) fn stored(rows: &dyn Rows, id: &EntityId) -> Result<Option<(RecordState, u16)>, ViewError> {
    let Some((bytes, had)) = keys::get_long(rows, &keys::key(RECORD, id.as_str()))? else { return Ok(None) };
    Ok(Some((keys::decode(&bytes, "a record")?, had)))
}

/// The whole state of a record that stands.
fn state_of(rows: &dyn Rows, id: &EntityId, at: At) -> Result<Option<RecordState>, ViewError> {
    match stored(rows, id)? {
        Some((stored, _)) => state_at(rows, id, stored, at),
        None => Ok(None),
    }
}

/// The stored state where it holds, else what the history makes of it.
fn state_at(rows: &dyn Rows, id: &EntityId, stored: RecordState, at: At) -> Result<Option<RecordState>, ViewError> {
    let is_newest = at.seq.is_none_or(|seq| stored.last.seq <= seq);
    if is_newest && (stored.standing == 0 || (!stored.spilled && stored.holds_on(at.on))) {
        return Ok((stored.standing > 0).then_some(stored));
    }
    let state = state::resolve(id, &lifecycle(rows, id, at.seq)?, at.seq, at.on);
    Ok((state.standing > 0).then_some(state))
}

/// A file and those above it, nearest first; a circle of files ends where it closes.
fn files(rows: &dyn Rows, file: &EntityId, at: At) -> Result<Arc<[Arc<File>]>, ViewError> {
    let mut files = Vec::new();
    let mut seen = FxHashSet::default();
    let mut next = Some(file.clone());
    while let Some(id) = next.take() {
        if files.len() >= FILES_DEPTH_MAX || !seen.insert(id.clone()) {
            break;
        }
        let Some(state) = state_of(rows, &id, at)? else { break };
        let is_closing = |what: &What| matches!(what, What::Closed | What::Reopened);
        next = state.file;
        files.push(Arc::new(File {
            id,
            agency: state.agency,
            series: state.series,
            closings: state.occurred.into_iter().filter(|occurred| is_closing(&occurred.what)).collect(),
            last: state.last,
            holds_from: state.holds_from,
        }));
    }
    Ok(files.into())
}
