//! Schedules, their versions, and the rule of a series on a date.

use super::due;
use super::keys::{self, SCHEDULE, SERIES};
use super::record::first_day;
use crate::rows::{Pending, Rows, ViewError};
use fonds_model::body::ScheduleImported;
use fonds_model::{Action, Digest, PartialDate, Position, Rule, Seq, Series, SeriesId, Unruled};
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// One import of one version of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The schedule's id.
    pub schedule: String,
    /// The version.
    pub version: String,
    /// From when on; none: it has always been in force.
    pub effective: Option<PartialDate>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// SHA-256 of the file.
    pub source: Digest,
    /// The action of series that name none.
    pub default_action: Action,
    /// How many parts it has.
    pub parts: u32,
    /// The parts that are there, with the entries that brought them.
    pub entries: BTreeMap<u32, BTreeSet<Seq>>,
}

impl Version {
    /// Whether all of its parts are there: only then can it be in force.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        u32::try_from(self.entries.len()).is_ok_and(|parts| parts == self.parts)
    }

    fn effective_from(&self) -> Date {
        self.effective.map_or(Date::MIN, first_day)
    }

    fn has(&self, seq: Seq) -> bool {
        self.entries.values().any(|seqs| seqs.contains(&seq))
    }

    /// When it became complete: the newest entry of its parts' first appearances.
    fn completed_at(&self) -> Option<Seq> {
        self.entries.values().filter_map(|seqs| seqs.first().copied()).max()
    }
}

/// The rule of a series on a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInForce {
    /// `ID/SCHEDULE/SERIES`.
    pub series: SeriesId,
    /// What the schedule calls it.
    pub title: String,
    /// The rule.
    pub rule: Rule,
    /// The schedule.
    pub schedule: String,
    /// The version in force.
    pub version: String,
    /// The item that says so.
    pub position: Position,
}

/// A series as a version has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesAt {
    /// The item that says so.
    pub position: Position,
    /// What it says.
    pub series: Series,
}

/// All schedules with their versions, as the log knew them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedules {
    by_id: BTreeMap<String, Vec<Version>>,
    as_of: Option<Seq>,
}

pub(super) fn fold_part(rows: &mut Pending<'_>, position: Position, part: &ScheduleImported) -> Result<(), ViewError> {
    if part.schedule.contains('\0') {
        return Ok(());
    }
    let key = keys::key_at(SCHEDULE, &part.schedule, position);
    keys::put_long(rows, key, &keys::json(part)?, 0)?;
    due::for_all(rows, position, part.effective)
}

pub(super) fn fold_series(rows: &mut Pending<'_>, position: Position, series: &Series) -> Result<(), ViewError> {
    let key = keys::key_at(SERIES, series.id.as_str(), position);
    keys::put_long(rows, key, &keys::json(series)?, 0)
}

/// The schedule that a series is of: what stands before the first slash.
fn schedule_of(id: &SeriesId) -> &str {
    id.as_str().split('/').next().unwrap_or_default()
}

/// The rule of a series on a date, as the log knew it after entry `as_of`, or why it has none.
///
/// To ask of many series, load [`Schedules`] once.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn series_on(
    rows: &dyn Rows,
    id: &SeriesId,
    date: Date,
    as_of: Option<Seq>,
) -> Result<Result<RuleInForce, Unruled>, ViewError> {
    let mut schedules = Schedules { by_id: BTreeMap::new(), as_of };
    for row in keys::facts(rows, SCHEDULE, schedule_of(id), as_of) {
        let (key, first) = row?;
        schedules.add(rows, &key, first)?;
    }
    schedules.series_on(rows, id, date)
}

impl Schedules {
    /// Reads what was imported up to and including entry `as_of`.
    ///
    /// # Errors
    /// [`ViewError`] when rows cannot be read.
    pub fn load(rows: &dyn Rows, as_of: Option<Seq>) -> Result<Self, ViewError> {
        let mut schedules = Self { by_id: BTreeMap::new(), as_of };
        for row in crate::rows::below(rows, &[SCHEDULE]) {
            let (key, first) = row?;
            if as_of.is_none_or(|seq| keys::position_of(&key).is_ok_and(|position| position.seq <= seq)) {
                schedules.add(rows, &key, first)?;
            }
        }
        Ok(schedules)
    }

    fn add(&mut self, rows: &dyn Rows, key: &[u8], first: Vec<u8>) -> Result<(), ViewError> {
        let seq = keys::position_of(key)?.seq;
        let part: ScheduleImported = keys::from_json(&keys::whole(rows, key, first)?, "a schedule")?;
        let versions = self.by_id.entry(part.schedule.clone()).or_default();
        let same = |version: &&mut Version| {
            version.version == part.version
                && version.effective == part.effective
                && version.source == part.source
                && version.parts == part.parts
        };
        let index = part.part;
        match versions.iter_mut().find(same) {
            Some(version) => _ = version.entries.entry(index).or_default().insert(seq),
            None => versions.push(Version {
                schedule: part.schedule,
                version: part.version,
                effective: part.effective,
                approved_by: part.approved_by,
                source: part.source,
                parts: part.parts,
                default_action: part.default_action,
                entries: BTreeMap::from([(index, BTreeSet::from([seq]))]),
            }),
        }
        Ok(())
    }

    /// The ids of all schedules, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(String::as_str)
    }

    /// The versions of a schedule, in the order in which they were first imported.
    #[must_use]
    pub fn versions(&self, schedule: &str) -> &[Version] {
        self.by_id.get(schedule).map(Vec::as_slice).unwrap_or_default()
    }

    /// The version of a schedule in force on a date: of the complete ones the newest effective, then the newest import.
    #[must_use]
    pub fn in_force(&self, schedule: &str, date: Date) -> Option<&Version> {
        self.effective(schedule, date).max_by_key(|version| (version.effective_from(), version.completed_at()))
    }

    fn effective(&self, schedule: &str, date: Date) -> impl Iterator<Item = &Version> {
        self.versions(schedule).iter().filter(move |version| version.is_complete() && version.effective_from() <= date)
    }

    /// The rule of a series on a date, or why it has none.
    ///
    /// # Errors
    /// [`ViewError`] when rows cannot be read.
    pub fn series_on(
        &self,
        rows: &dyn Rows,
        id: &SeriesId,
        date: Date,
    ) -> Result<Result<RuleInForce, Unruled>, ViewError> {
        let schedule = schedule_of(id);
        let Some(version) = self.in_force(schedule, date) else { return Ok(Err(Unruled::Unscheduled)) };
        let known = series_rows(rows, id, self.as_of)?;
        let mut here = known.iter().filter(|known| version.has(known.position.seq));
        let Some(found) = here.next() else {
            let had = |version: &Version| known.iter().any(|known| version.has(known.position.seq));
            let withdrawn = self.effective(schedule, date).any(had);
            return Ok(Err(if withdrawn { Unruled::Withdrawn } else { Unruled::Unscheduled }));
        };
        if here.any(|other| other.series.rule != found.series.rule) {
            return Ok(Err(Unruled::ConflictingRule));
        }
        Ok(found.series.rule.clone().map(|rule| RuleInForce {
            series: id.clone(),
            title: found.series.title.clone(),
            rule,
            schedule: version.schedule.clone(),
            version: version.version.clone(),
            position: found.position,
        }))
    }

    /// The series of a schedule's version, in order of id.
    pub fn series<'a>(
        &'a self,
        rows: &'a dyn Rows,
        version: &'a Version,
    ) -> impl Iterator<Item = Result<SeriesAt, ViewError>> + 'a {
        let prefix = keys::key(SERIES, &format!("{}/", version.schedule));
        crate::rows::below(rows, &prefix).filter_map(move |row| {
            let read = row.and_then(|(key, first)| match keys::position_of(&key)? {
                position if version.has(position.seq) => series_at(rows, &key, first, position).map(Some),
                _ => Ok(None),
            });
            read.transpose()
        })
    }
}

/// A series as every import has it, oldest first.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn series_rows(rows: &dyn Rows, id: &SeriesId, as_of: Option<Seq>) -> Result<Vec<SeriesAt>, ViewError> {
    let mut found = Vec::new();
    for row in keys::facts(rows, SERIES, id.as_str(), as_of) {
        let (key, first) = row?;
        found.push(series_at(rows, &key, first, keys::position_of(&key)?)?);
    }
    Ok(found)
}

fn series_at(rows: &dyn Rows, key: &[u8], first: Vec<u8>, position: Position) -> Result<SeriesAt, ViewError> {
    Ok(SeriesAt { position, series: keys::from_json(&keys::whole(rows, key, first)?, "a series")? })
}
