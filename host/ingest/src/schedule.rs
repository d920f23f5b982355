//! Published retention schedules into series and rules: the dialect `state-series`.
//!
//! An object of either shape (nested, or flat) is a series. Codes and periods are understood; free text is not
//! guessed at, but listed for a person. `objects = series + duplicate + conflicting + rejected` always holds.

mod rule;
mod wire;

use crate::split::{Split, Splitter};
use crate::{IngestError, Limits, Reject, source, text};
use fonds_model::{Action, Digest, Series, SeriesId, Unruled};
use rule::{Meaning, Terms};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use wire::Object;

/// What an import says of itself.
#[derive(Debug, Clone)]
pub struct Options {
    /// The schedule's id: the first part of every series' id. It holds no slash.
    pub schedule: String,
    /// The schedule's version, as authorities name it.
    pub version: String,
    /// The action of series that name none; notes that speak of archives, or combine conditions, keep `review`.
    pub default_action: Action,
    /// How much there may be.
    pub limits: Limits,
}

impl Options {
    /// A version of a schedule whose series are reviewed in the end.
    #[must_use]
    pub fn new(schedule: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            schedule: schedule.into(),
            version: version.into(),
            default_action: Action::Review,
            limits: Limits::default(),
        }
    }
}

/// How many of what; `objects = series + duplicate + conflicting + rejected`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects in the source, broken ones included.
    pub objects: u64,
    /// Series with different ids.
    pub series: u64,
    /// Of the series, those without a rule; conflicting ones are not among them.
    pub without_rule: u64,
    /// Objects whose id and rule had both been there before.
    pub duplicate: u64,
    /// Objects whose id had been there before with another rule.
    pub conflicting: u64,
    /// Of the series, those with different rules.
    pub conflicting_series: u64,
    /// Objects that are no series.
    pub rejected: u64,
    /// Of the series, those that keep `review` since a note speaks of archives.
    pub archives_review: u64,
    /// Of the objects, those whose rule is in words or codes that are not understood.
    pub not_understood: u64,
    /// Of the objects, those whose notes combine conditions in words.
    pub conditions_in_words: u64,
}

/// Something for a person to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The line of the object, from 1.
    pub line: u64,
    /// The series.
    pub series: SeriesId,
    /// Why it is listed.
    pub why: &'static str,
    /// The source's words.
    pub text: String,
}

/// A schedule, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// SHA-256 of the source as it lies on disk.
    pub source: Digest,
    /// The series, in the order of their ids.
    pub series: Vec<Series>,
    /// How many of what.
    pub counts: Counts,
    /// What was not understood, and what a person should read, in the order of the source.
    pub listed: Vec<Listed>,
    /// What was refused; the bytes are in the rejects.
    pub rejects: Vec<Reject>,
}

/// Reads a schedule, compressed or not, as NDJSON or a JSON array.
///
/// # Errors
/// When the options cannot name a series, the source cannot be opened, or the rejects cannot be written.
pub fn read(from: impl Read + Send, options: &Options, rejects: &mut dyn Write) -> Result<Schedule, IngestError> {
    if options.schedule.is_empty() || options.schedule.contains('/') {
        let shown = crate::shortened(&options.schedule);
        let why = format!("`{shown}` cannot be a schedule's id: it must not be empty, nor hold a slash");
        return Err(IngestError::Schedule(why));
    }
    let mut hashing = Hashing { from, hash: Sha256::new() };
    let mut import = Import::new(options);
    {
        let mut splitter = Splitter::new(source::open(&mut hashing)?, options.limits);
        while let Some(split) = splitter.next(rejects)? {
            import.counts.objects += 1;
            match split {
                Split::Rejected(reject) => import.rejects.push(reject),
                Split::Item(item) => {
                    if let Err(error) = import.object(item.line, &item.bytes) {
                        rejects.write_all(&item.bytes)?;
                        rejects.write_all(b"\n")?;
                        import.rejects.push(Reject { line: item.line, reason: error.to_string() });
                    }
                }
            }
        }
    }
    io::copy(&mut hashing, &mut io::sink())?;
    Ok(import.finish(Digest(hashing.hash.finalize().into())))
}

/// A source whose bytes are hashed as they are read.
struct Hashing<R> {
    from: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        self.hash.update(into.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// A series as its first object has it, and what later ones add.
struct Building {
    title: String,
    terms: Result<Terms, Unruled>,
    action: Action,
    authority: String,
    citations: Vec<String>,
    notes: Vec<String>,
    archives: bool,
}

struct Import<'a> {
    options: &'a Options,
    series: BTreeMap<SeriesId, Building>,
    counts: Counts,
    listed: Vec<Listed>,
    rejects: Vec<Reject>,
}

impl<'a> Import<'a> {
    fn new(options: &'a Options) -> Self {
        Self { options, series: BTreeMap::new(), counts: Counts::default(), listed: Vec::new(), rejects: Vec::new() }
    }

    fn object(&mut self, line: u64, bytes: &[u8]) -> Result<(), IngestError> {
        let object = Object::parse(text(bytes)?)?;
        let id = SeriesId::new(format!("{}/{}/{}", self.options.schedule, object.schedule, object.series))?;
        let known = self.series.contains_key(&id);
        if !known && self.series.len() >= self.options.limits.series_max {
            let most = self.options.limits.series_max;
            return Err(IngestError::Schedule(format!("the schedule has more than {most} series")));
        }
        let building = self.build(line, &id, object);
        match self.series.get_mut(&id) {
            None => {
                self.series.insert(id, building);
            }
            Some(first) => fold(first, building, &mut self.counts),
        }
        Ok(())
    }

    fn build(&mut self, line: u64, id: &SeriesId, object: Object) -> Building {
        let mut list = |why: &'static str, text: &str| {
            self.listed.push(Listed { line, series: id.clone(), why, text: text.to_owned() });
        };
        let mut notes = object.notes();
        let terms = match rule::meaning(&object) {
            Meaning::Rule(terms) => Ok(terms),
            Meaning::None => Err(Unruled::NoRule),
            Meaning::NotUnderstood(why) => {
                self.counts.not_understood += 1;
                let words = object.rule_in_words();
                list(why, &words);
                notes.push(format!("not understood: {words}"));
                Err(Unruled::NoRule)
            }
        };
        let said: Vec<&str> = object.said();
        let archives = said.iter().any(|text| rule::speaks_of_archives(text));
        let combined = said.iter().find(|text| rule::combines_conditions(text));
        if let Some(text) = combined {
            self.counts.conditions_in_words += 1;
            list("conditions are combined in words", text);
        }
        // A person reads what no code says, before anything is destroyed by it.
        let action = match self.options.default_action {
            _ if archives || combined.is_some() => Action::Review,
            action => action,
        };
        let Options { schedule, version, .. } = self.options;
        let authority = format!("schedule {schedule} version {version}, item {}/{}", object.schedule, object.series);
        Building { title: object.title, terms, action, authority, citations: object.citations, notes, archives }
    }

    fn finish(mut self, source: Digest) -> Schedule {
        let mut series = Vec::with_capacity(self.series.len());
        for (id, building) in self.series {
            self.counts.series += 1;
            self.counts.archives_review += u64::from(building.archives);
            match &building.terms {
                Err(Unruled::ConflictingRule) => self.counts.conflicting_series += 1,
                Err(_) => self.counts.without_rule += 1,
                Ok(_) => {}
            }
            let (action, authority, citations) = (building.action, building.authority, building.citations);
            let rule = building.terms.map(|terms| terms.into_rule(action, authority, citations));
            series.push(Series { id, title: building.title, rule, notes: building.notes });
        }
        self.counts.rejected = self.rejects.len() as u64;
        Schedule { source, series, counts: self.counts, listed: self.listed, rejects: self.rejects }
    }
}

/// A second object with the same id: the same rule is a duplicate, another one makes the series conflicting for good.
fn fold(first: &mut Building, again: Building, counts: &mut Counts) {
    if first.terms == again.terms {
        counts.duplicate += 1;
    } else {
        counts.conflicting += 1;
        first.terms = Err(Unruled::ConflictingRule);
    }
    first.archives |= again.archives;
    if first.action != again.action {
        first.action = Action::Review.max(first.action.max(again.action));
    }
    for (known, more) in [(&mut first.notes, again.notes), (&mut first.citations, again.citations)] {
        for text in more {
            if !known.contains(&text) {
                known.push(text);
            }
        }
    }
}

#[cfg(test)]
mod tests;
