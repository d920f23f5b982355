//! What is to be looked at again: by date, and because something changed.

use super::fact::{Fact, Told};
use super::keys::{self, CHANGED, DUE, MARK};
use super::read::{FILES_DEPTH_MAX, filed_into, id_in, stored};
use super::record::first_day;
use crate::rows::{Pending, Rows, ViewError};
use fonds_model::decision::SweepCompleted;
use fonds_model::label::Declassification;
use fonds_model::{EntityId, PartialDate, Position, Seq};
use jiff::civil::Date;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

const DATE_BYTES: usize = 10;

/// A completed sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The entry that says so.
    pub position: Position,
    /// What it says.
    pub completed: SweepCompleted,
}

fn due_key(date: Date, id: &str, why: &str) -> Vec<u8> {
    let mut key = vec![DUE];
    key.extend_from_slice(date.to_string().as_bytes());
    key.extend_from_slice(id.as_bytes());
    key.push(0);
    key.extend_from_slice(why.as_bytes());
    key
}

/// A record is to be looked at on a date, because of a binding's decision or (with no name) of its own facts.
pub(super) fn put(rows: &mut Pending<'_>, date: Date, id: &EntityId, binding: &str) {
    rows.put(due_key(date, id.as_str(), binding), Vec::new());
}

/// A decision that put a record there was replaced.
pub(super) fn remove(rows: &mut Pending<'_>, date: Date, id: &EntityId, binding: &str) {
    rows.delete(due_key(date, id.as_str(), binding));
}

/// What is dated after it was logged has yet to happen, and a label with a date comes down on it.
pub(super) fn note_later(rows: &mut Pending<'_>, id: &EntityId, fact: &Fact) -> Result<(), ViewError> {
    if let Some(on) = fact.on.map(|on| on.last_day()).filter(|on| *on > fact.at.date_utc()) {
        put(rows, on, id, "");
    }
    if let Told::Labelled(labelled) = &fact.told
        && let Some(on) = labelled.declassify.as_ref().and_then(date_of)
    {
        put(rows, on, id, "");
    }
    Ok(())
}

/// The date on which a label is to be looked at.
pub(super) fn date_of(declassify: &Declassification) -> Option<Date> {
    match declassify {
        Declassification::On(on) | Declassification::ReviewOn(on) => Some(on.last_day()),
        Declassification::Never | Declassification::OnEvent(_) => None,
    }
}

/// Records to be looked at by a date, in order of date and id: what a decision keeps until then, what is dated until
/// then, labels that come down by then. They are candidates; the record itself says whether it is due.
pub fn due(rows: &dyn Rows, by: Date) -> impl Iterator<Item = Result<(Date, EntityId), ViewError>> + '_ {
    due_between(rows, None, by)
}

/// The same, without what was to be looked at on or before `after`.
pub fn due_between(
    rows: &dyn Rows,
    after: Option<Date>,
    by: Date,
) -> impl Iterator<Item = Result<(Date, EntityId), ViewError>> + '_ {
    // `:` is the character after `9`, so this comes after all keys of a date that end in it.
    let past = |date: Date| crate::rows::after(&[&[DUE], date.to_string().as_bytes()].concat());
    let from = after.map_or_else(|| vec![DUE], past);
    let mut last: Option<(Date, EntityId)> = None;
    rows.range(&from, &past(by)).filter_map(move |row| {
        let read = row.and_then(|(key, _)| due_in(&key));
        match read {
            Ok(found) if last.as_ref() == Some(&found) => None,
            Ok(found) => {
                last = Some(found.clone());
                Some(Ok(found))
            }
            Err(error) => Some(Err(error)),
        }
    })
}

fn due_in(key: &[u8]) -> Result<(Date, EntityId), ViewError> {
    let start = 1 + DATE_BYTES;
    let date = keys::text_in(key, 1, start)?.parse().map_err(|_| ViewError::Damaged("a due row without a date"))?;
    let end = memchr::memchr(0, key).ok_or(ViewError::Damaged("a due row without an id"))?;
    let id =
        EntityId::new(keys::text_in(key, start, end)?).map_err(|_| ViewError::Damaged("a due row without an id"))?;
    Ok((date, id))
}

/// Folds a completed sweep.
pub(super) fn sweep(rows: &mut Pending<'_>, position: Position, completed: &SweepCompleted) -> Result<(), ViewError> {
    rows.put(keys::key_at(MARK, "sweep", position), keys::json(completed)?);
    Ok(())
}

/// The last completed sweep up to and including entry `as_of`.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn last_sweep(rows: &dyn Rows, as_of: Option<Seq>) -> Result<Option<Sweep>, ViewError> {
    let Some(row) = keys::facts_back(rows, MARK, "sweep", as_of).next() else { return Ok(None) };
    let (key, value) = row?;
    Ok(Some(Sweep { position: keys::position_of(&key)?, completed: keys::from_json(&value, "a sweep")? }))
}

/// The latest date that policies were asked about: by the last completed sweep, or by one that was cut off after it.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn last_asked(rows: &dyn Rows) -> Result<Option<Date>, ViewError> {
    let swept = last_sweep(rows, None)?.map(|sweep| sweep.completed.as_of.last_day());
    Ok(swept.max(super::decisions::last_as_of(rows)?))
}

#[derive(Serialize, Deserialize)]
struct ForAll {
    effective: Option<PartialDate>,
}

/// Folds a change that concerns every record: of a schedule, an agency or a binding, from a date on.
pub(super) fn for_all(
    rows: &mut Pending<'_>,
    position: Position,
    effective: Option<PartialDate>,
) -> Result<(), ViewError> {
    rows.put(keys::key_at(MARK, "all", position), keys::encode(&ForAll { effective })?);
    Ok(())
}

/// The newest entry that changed a schedule, an agency or a binding.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn look_all_since(rows: &dyn Rows) -> Result<Option<Seq>, ViewError> {
    match keys::facts_back(rows, MARK, "all", None).next() {
        Some(row) => Ok(Some(keys::position_of(&row?.0)?.seq)),
        None => Ok(None),
    }
}

/// Whether a sweep as of a date must look at every record, and not only at those pending or due.
///
/// So it is when no sweep was completed, when one looks back before the last, when a schedule, an agency or a binding
/// changed since, or when such a change takes effect between the two dates.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn must_look_at_all(rows: &dyn Rows, as_of: Date) -> Result<bool, ViewError> {
    let Some(sweep) = last_sweep(rows, None)? else { return Ok(true) };
    let before = sweep.completed.as_of.last_day();
    if as_of < before {
        return Ok(true);
    }
    for row in keys::facts_back(rows, MARK, "all", None) {
        let (key, value) = row?;
        if keys::position_of(&key)?.seq >= sweep.completed.log_size {
            return Ok(true);
        }
        let effective = keys::decode::<ForAll>(&value, "a change for all")?.effective.map(first_day);
        if effective.is_some_and(|effective| before < effective && effective <= as_of) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Records that changed since the last completed sweep looked at the log, and what is filed into them: each once, in
/// the order of change. Accesses are no change.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn pending(rows: &dyn Rows) -> Result<Changed<'_>, ViewError> {
    let since = last_sweep(rows, None)?.map_or(0, |sweep| sweep.completed.log_size);
    Ok(changed_since(rows, since))
}

/// Records that entries from `since` on changed, and what is filed into them.
pub fn changed_since(rows: &dyn Rows, since: Seq) -> Changed<'_> {
    let below = rows.range(&keys::key_by_seq(CHANGED, since, ""), &[CHANGED + 1]);
    Changed { rows, since, below, filed: Vec::new(), seen: FxHashSet::default() }
}

/// Records that changed.
pub struct Changed<'a> {
    rows: &'a dyn Rows,
    since: Seq,
    below: Box<dyn Iterator<Item = crate::rows::Row> + 'a>,
    /// Files whose content is still to be looked at, with their depth below the record that changed.
    filed: Vec<Filed<'a>>,
    /// What was reached through files: a record that changed itself comes by its own row.
    seen: FxHashSet<EntityId>,
}

struct Filed<'a> {
    depth: usize,
    content: Box<dyn Iterator<Item = Result<EntityId, ViewError>> + 'a>,
}

impl Changed<'_> {
    fn filed(&mut self) -> Option<Result<EntityId, ViewError>> {
        while let Some(file) = self.filed.last_mut() {
            let depth = file.depth;
            match file.content.next() {
                None => {
                    self.filed.pop();
                }
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(id)) => match self.changed_itself(&id) {
                    Err(error) => return Some(Err(error)),
                    Ok(true) => {}
                    Ok(false) => {
                        if self.seen.insert(id.clone()) {
                            self.descend(&id, depth + 1);
                            return Some(Ok(id));
                        }
                    }
                },
            }
        }
        None
    }

    fn changed_itself(&self, id: &EntityId) -> Result<bool, ViewError> {
        Ok(stored(self.rows, id)?.is_some_and(|(state, _)| state.last.seq >= self.since))
    }

    fn descend(&mut self, id: &EntityId, depth: usize) {
        if depth > FILES_DEPTH_MAX {
            return;
        }
        let mut content = filed_into(self.rows, id).peekable();
        if content.peek().is_some() {
            self.filed.push(Filed { depth, content: Box::new(content) });
        }
    }
}

impl Iterator for Changed<'_> {
    type Item = Result<EntityId, ViewError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(filed) = self.filed() {
            return Some(filed);
        }
        let id = self.below.next()?.and_then(|(key, _)| id_in(&key, 9));
        if let Ok(id) = &id {
            self.descend(id, 1);
        }
        Some(id)
    }
}
