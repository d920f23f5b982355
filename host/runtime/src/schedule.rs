//! Importing a published schedule: one version, in as many entries as it needs, appended together or not at all.

use crate::admin::{json, who};
use crate::answers::RejectAnswer;
use crate::ingest::{open, open_rejects};
use crate::{Runtime, RuntimeError};
use fonds_ingest::Reject;
use fonds_ingest::schedule::{Listed, Options, Schedule as Read};
use fonds_log::Outcome;
use fonds_model::body::ScheduleImported;
use fonds_model::{Action, Kind, PartialDate, Series};
use fonds_policy::request::CASES_MAX;
use fonds_views::register::{Schedules, Version};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A schedule's id has at most this many bytes.
const SCHEDULE_ID_BYTES_MAX: usize = 100;

/// What `schedule import` is told.
#[derive(Debug, Clone)]
pub struct ImportTold {
    /// The file, `-` being stdin.
    pub file: PathBuf,
    /// The schedule's id.
    pub schedule: String,
    /// Its version; today's date unless said.
    pub version: Option<String>,
    /// From when on it is in force; always unless said.
    pub effective: Option<PartialDate>,
    /// The action of series that name none.
    pub default_action: Action,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// Where rejected objects go, byte for byte.
    pub rejects: Option<PathBuf>,
    /// Who imports it.
    pub by: Option<String>,
}

/// What a `schedule import` did: `series + duplicate + conflicting + rejected` is the number of objects.
#[derive(Debug, Clone, Serialize)]
pub struct Imported {
    /// The schedule's id.
    pub schedule: String,
    /// Its version.
    pub version: String,
    /// Objects that were read.
    pub objects: u64,
    /// Series, each counted once.
    pub series: u64,
    /// Series that have no rule.
    pub without_rule: u64,
    /// Objects that said again what another of the same key says.
    pub duplicate: u64,
    /// Objects that say otherwise than another of the same key.
    pub conflicting: u64,
    /// Series that such objects have made conflicting.
    pub conflicting_series: u64,
    /// Series that stay with a person because their notes speak of archives.
    pub archives_review: u64,
    /// Free text that was not understood: it is listed, and never guessed at.
    pub not_understood: u64,
    /// Objects that could not be taken.
    pub rejected: u64,
    /// Whether anything was appended; the same version of the same source is imported once.
    pub appended: bool,
    /// The log's size after it.
    pub log_size: u64,
    /// What a person should read: free text that was not understood, conditions in words.
    pub listed: Vec<ListedAnswer>,
    /// Why objects could not be taken.
    pub rejects: Vec<RejectAnswer>,
}

/// Free text that was not guessed from.
#[derive(Debug, Clone, Serialize)]
pub struct ListedAnswer {
    /// The line.
    pub line: u64,
    /// The series.
    pub series: String,
    /// Why a person should read it.
    pub why: String,
    /// The text.
    pub text: String,
}

impl Runtime {
    /// Imports a published schedule of the dialect `state-series`.
    ///
    /// # Errors
    /// When the file cannot be read, or the log refuses; then nothing of the version is in force.
    pub fn import_schedule_file(&self, told: &ImportTold) -> Result<Imported, RuntimeError> {
        if self.settings()?.second_person {
            let (by, approved_by) = (told.by.clone(), told.approved_by.clone());
            self.check_persons(&crate::admin::Persons { by, approved_by })?;
        }
        if told.schedule.is_empty()
            || told.schedule.len() > SCHEDULE_ID_BYTES_MAX
            || told.schedule.contains(['/', '\0'])
        {
            let why = format!(
                "`{}` is not a schedule's id: write 1 to {SCHEDULE_ID_BYTES_MAX} characters, no slash",
                told.schedule
            );
            return Err(RuntimeError::Invalid(why));
        }
        let version = told.version.clone().unwrap_or_else(|| self.now().date_utc().to_string());
        let mut options = Options::new(told.schedule.as_str(), version.as_str());
        options.default_action = told.default_action;
        let mut rejects = open_rejects(told.rejects.as_deref())?;
        let read = fonds_ingest::schedule::read(open(&told.file)?, &options, &mut rejects)
            .map_err(|error| RuntimeError::Invalid(format!("`{}`: {error}", told.file.display())))?;
        let flushed = rejects.flush();
        flushed
            .map_err(|error| RuntimeError::writing(told.rejects.as_deref().unwrap_or(Path::new("rejects")), error))?;
        let appended = !read.series.is_empty() && self.import_schedule(told, &version, &read)?;
        let file = told.file.display().to_string();
        let listed = |found: &Listed| ListedAnswer {
            line: found.line,
            series: found.series.to_string(),
            why: found.why.to_owned(),
            text: found.text.clone(),
        };
        let reject =
            |found: &Reject| RejectAnswer { file: file.clone(), line: found.line, reason: found.reason.clone() };
        let counts = &read.counts;
        Ok(Imported {
            schedule: told.schedule.clone(),
            version,
            objects: counts.objects,
            series: counts.series,
            without_rule: counts.without_rule,
            duplicate: counts.duplicate,
            conflicting: counts.conflicting,
            conflicting_series: counts.conflicting_series,
            archives_review: counts.archives_review,
            not_understood: counts.not_understood,
            rejected: counts.rejected,
            appended,
            log_size: self.log_size(),
            listed: read.listed.iter().map(listed).collect(),
            rejects: read.rejects.iter().map(reject).collect(),
        })
    }

    /// Appends a version as one group; answers whether anything was appended.
    fn import_schedule(&self, told: &ImportTold, version: &str, read: &Read) -> Result<bool, RuntimeError> {
        let known = Schedules::load(self.rows(), None)?;
        let same = |known: &Version| {
            let said = told.version.is_none() || known.version == version;
            said && known.source == read.source && known.effective == told.effective && known.is_complete()
        };
        if let Some(known) = known.versions(&told.schedule).iter().find(|known| same(known)) {
            if known.default_action == told.default_action {
                return Ok(false);
            }
            let why = format!(
                "this file is version `{}` of `{}` already, with the default action `{}`: give the new one another --version",
                known.version, told.schedule, known.default_action
            );
            return Err(RuntimeError::Invalid(why));
        }
        let chunks: Vec<&[Series]> = read.series.chunks(CASES_MAX).collect();
        let parts = u32::try_from(chunks.len())
            .map_err(|_| RuntimeError::Invalid("a schedule has too many series to be imported at once".to_owned()))?;
        let envelope = self.own_envelope(told.by.as_deref());
        let mut group = Vec::with_capacity(chunks.len());
        for (part, chunk) in (0..parts).zip(chunks) {
            let head = ScheduleImported {
                schedule: told.schedule.clone(),
                version: version.to_owned(),
                effective: told.effective,
                approved_by: told.approved_by.clone(),
                default_action: told.default_action,
                source: read.source,
                part,
                parts,
                who: who(told.by.clone()),
            };
            let mut payloads = vec![envelope.with_body(&json(&head)?)];
            for one in chunk {
                payloads.push(envelope.with_body(&json(one)?));
            }
            group.push(self.log().prepare(Kind::ScheduleImported, payloads, None)?);
        }
        for outcome in self.log().stage(group).commit()? {
            if !matches!(outcome, Outcome::Appended(_)) {
                return Err(RuntimeError::Invalid(format!("a part of the schedule was answered {outcome:?}")));
            }
        }
        self.catch_up()?;
        Ok(true)
    }
}
