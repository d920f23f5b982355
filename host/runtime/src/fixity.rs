//! Checking that content is still what the log says, where it lies.

use crate::admin::{json, who};
use crate::{Runtime, RuntimeError, archive};
use fonds_archive::{ArchiveError, Stores, hash};
use fonds_model::body::{FixityChecked, Outcome};
use fonds_model::{ContentFile, EntityId, Fixity, Kind, ids};
use fonds_views::register;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file in the data folder that says how far a check of everything is.
const PROGRESS: &str = "fixity.json";
/// This many files are read before what was found is logged, as one entry.
const BATCH_FILES: usize = 200;
/// This many problems are listed; the others are counted.
const PROBLEMS_MAX: usize = 1_000;

/// What `fixity check` is told.
#[derive(Debug, Clone)]
pub struct CheckTold {
    /// Only this many records with content, taken by chance; everything when none.
    pub sample: Option<usize>,
    /// The file that names the content stores.
    pub content: PathBuf,
    /// Begin anew, also where an earlier check was cut short.
    pub restart: bool,
    /// Who checks.
    pub by: Option<String>,
}

/// Content that is not as it should be, or could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The record.
    pub record: String,
    /// Where the file lies, or should.
    pub location: String,
    /// `differs`, `missing` or `unreachable`.
    pub problem: String,
    /// What is wrong.
    pub what: String,
}

/// What a check found, and how far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Records whose content was looked at.
    pub records: u64,
    /// Files that were read to their end.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Files that are what the log says.
    pub passed: u64,
    /// Files whose digest was logged for the first time, since nobody had said one.
    pub first: u64,
    /// Files that are not what the log says.
    pub differing: u64,
    /// Files that are not there.
    pub missing: u64,
    /// Files that could not be looked at: no store is named for them, or it does not answer.
    pub unreachable: u64,
    /// What is wrong, the first thousand.
    pub problems: Vec<Problem>,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct CheckAnswer {
    /// What was found, what an earlier run found before it was cut short included.
    #[serde(flatten)]
    pub checked: Checked,
    /// The record after which an earlier check had stopped, where it was taken up again.
    pub resumed_after: Option<String>,
    /// The log size that this reflects.
    pub log_size: u64,
}

impl CheckAnswer {
    /// Whether every file is what the log says.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.checked.differing == 0 && self.checked.missing == 0 && self.checked.unreachable == 0
    }
}

/// How far a check of everything is.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    after: Option<String>,
    found: Checked,
}

/// What was found at one place.
enum Found {
    Is(Fixity),
    Missing,
    Unreachable(String),
}

impl Runtime {
    /// Reads content where it lies, logs what was found, and answers what differs or is missing. A check of everything
    /// that was cut short goes on after the last record that it logged.
    ///
    /// # Errors
    /// When the stores' file is not understood, or the log cannot be written.
    pub fn check_fixity(&self, dir: &Path, told: &CheckTold) -> Result<CheckAnswer, RuntimeError> {
        let stores = archive::stores(&told.content)?;
        let path = dir.join(PROGRESS);
        let is_all = told.sample.is_none();
        let mut progress = if is_all && !told.restart { read_progress(&path) } else { Progress::default() };
        let resumed_after = progress.after.clone();
        let mut batch: Vec<(EntityId, ContentFile)> = Vec::new();
        let log = |batch: &mut Vec<(EntityId, ContentFile)>, progress: &mut Progress| {
            self.check_batch(batch, &stores, told.by.as_deref(), &mut progress.found)?;
            progress.after = batch.last().map(|(id, _)| id.to_string()).or(progress.after.take());
            batch.clear();
            if is_all { write_progress(&path, progress) } else { Ok(()) }
        };
        for id in self.to_check(told.sample, resumed_after.as_deref())? {
            let files: Vec<ContentFile> = self.content(&id)?.into_iter().flat_map(|form| form.files).collect();
            progress.found.records += u64::from(!files.is_empty());
            batch.extend(files.into_iter().map(|file| (id.clone(), file)));
            // A record is taken up again whole, so that it is never half checked.
            if batch.len() >= BATCH_FILES {
                log(&mut batch, &mut progress)?;
            }
        }
        log(&mut batch, &mut progress)?;
        if is_all && path.exists() {
            std::fs::remove_file(&path).map_err(|error| RuntimeError::writing(&path, error))?;
        }
        Ok(CheckAnswer { checked: progress.found, resumed_after, log_size: self.log_size() })
    }

    /// The records that are looked at, in order of id.
    fn to_check(&self, sample: Option<usize>, after: Option<&str>) -> Result<Vec<EntityId>, RuntimeError> {
        let mut chosen: Vec<EntityId> = Vec::new();
        let mut chance = Chance(self.now().0.unsigned_abs());
        let mut seen = 0_u64;
        for id in register::ids(self.rows()) {
            let id = id?;
            if after.is_some_and(|after| id.as_str() <= after) {
                continue;
            }
            match sample {
                None => chosen.push(id),
                // Each record with content has the same chance, however many there are (reservoir sampling).
                Some(wanted) if !self.content(&id)?.is_empty() => {
                    seen += 1;
                    if chosen.len() < wanted {
                        chosen.push(id);
                    } else if let Some(place) =
                        usize::try_from(chance.below(seen)).ok().and_then(|at| chosen.get_mut(at))
                    {
                        *place = id;
                    }
                }
                Some(_) => {}
            }
        }
        chosen.sort_unstable();
        Ok(chosen)
    }

    fn check_batch(
        &self,
        batch: &[(EntityId, ContentFile)],
        stores: &Stores,
        by: Option<&str>,
        found: &mut Checked,
    ) -> Result<(), RuntimeError> {
        let looked = hash::on_all_cores(batch, |(_, file)| look(stores, file));
        let mut payloads = Vec::new();
        for ((id, file), is) in batch.iter().zip(looked) {
            let body = match is {
                Found::Unreachable(what) => {
                    found.unreachable += 1;
                    found.problem(id, file, "unreachable", what);
                    continue;
                }
                Found::Missing => {
                    found.missing += 1;
                    found.problem(id, file, "missing", "nothing lies there".to_owned());
                    missing(file, by)
                }
                Found::Is(fixity) => found.compare(id, file, &fixity, by),
            };
            let mut envelope = self.own_envelope(by);
            envelope.subject = Some(id.clone());
            payloads.push(envelope.with_body(&json(&body)?));
        }
        while !payloads.is_empty() {
            let rest = payloads.split_off(payloads.len().min(BATCH_FILES));
            self.append_own(Kind::RecordFixityChecked, std::mem::replace(&mut payloads, rest))?;
        }
        Ok(())
    }
}

fn look(stores: &Stores, file: &ContentFile) -> Found {
    match stores.locate(&file.location).and_then(|located| located.fixity()) {
        Ok(fixity) => Found::Is(fixity),
        Err(ArchiveError::Missing(_)) => Found::Missing,
        Err(error) => Found::Unreachable(error.to_string()),
    }
}

fn missing(file: &ContentFile, by: Option<&str>) -> FixityChecked {
    FixityChecked {
        algorithm: "sha256".to_owned(),
        digest: String::new(),
        outcome: Outcome::Fail,
        location: Some(file.location.clone()),
        size: None,
        expected: file.sha256.map(|digest| digest.to_hex()),
        detail: Some("missing".to_owned()),
        who: who(by.map(str::to_owned)),
    }
}

impl Checked {
    fn problem(&mut self, id: &EntityId, file: &ContentFile, problem: &str, what: String) {
        if self.problems.len() < PROBLEMS_MAX {
            let (record, location) = (id.to_string(), file.location.clone());
            self.problems.push(Problem { record, location, problem: problem.to_owned(), what });
        }
    }

    /// Compares a file with what the log says; it is logged with the digest that the log has of it.
    fn compare(&mut self, id: &EntityId, file: &ContentFile, fixity: &Fixity, by: Option<&str>) -> FixityChecked {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(fixity.size);
        let differs = fixity.differs_from(file);
        let is_first = file.sha256.is_none() && file.sha512.is_none();
        match &differs {
            Some(what) => {
                self.differing += 1;
                self.problem(id, file, "differs", what.clone());
            }
            None if is_first => self.first += 1,
            None => self.passed += 1,
        }
        // By the digest that the log has, so that whoever reads the entry can compare it.
        let is_long = file.sha256.is_none() && file.sha512.is_some();
        let (algorithm, digest, expected) = if is_long {
            ("sha512", ids::hex(&fixity.sha512.0), file.sha512.map(|digest| digest.to_string()))
        } else {
            ("sha256", fixity.sha256.to_hex(), file.sha256.map(|digest| digest.to_hex()))
        };
        let first = is_first.then(|| "nothing was said of it before: this is its first digest".to_owned());
        FixityChecked {
            algorithm: algorithm.to_owned(),
            digest,
            outcome: if differs.is_none() { Outcome::Pass } else { Outcome::Fail },
            location: Some(file.location.clone()),
            size: Some(fixity.size),
            expected,
            detail: differs.or(first),
            who: who(by.map(str::to_owned)),
        }
    }
}

/// Numbers by chance, good enough to choose a sample (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(limit).unwrap_or_default()
    }
}

/// How far an earlier check was; one that cannot be read begins anew, which only costs time.
fn read_progress(path: &Path) -> Progress {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn write_progress(path: &Path, progress: &Progress) -> Result<(), RuntimeError> {
    let part = path.with_extension("part");
    std::fs::write(&part, json(progress)?).map_err(|error| RuntimeError::writing(&part, error))?;
    std::fs::rename(&part, path).map_err(|error| RuntimeError::writing(path, error))
}
