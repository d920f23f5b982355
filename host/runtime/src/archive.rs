//! Packing records for an archive: their content from where it lies, what is said about them, and the proof of both.

use crate::answers::RecordAnswer;
use crate::{Runtime, RuntimeError};
use fonds_archive::{Event, Packed, Parcel, Record, Stores};
use fonds_model::decision::{Packaging, Plan};
use fonds_model::{EntityId, Label};
use fonds_views::register::{self, Fact, Told};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use fonds_archive::{ArchiveError, Finding, Format, Severity, Validation, validate};

/// A package has at most this many records.
pub const RECORDS_MAX: usize = 10_000;

/// What `archive pack` is told.
#[derive(Debug, Clone)]
pub struct PackTold {
    /// The records.
    pub records: Vec<String>,
    /// A new folder, or a new file that ends in `.tar`.
    pub to: PathBuf,
    /// The layout; that of the archival policy's plan when not said.
    pub format: Option<Format>,
    /// The file that names the content stores.
    pub content: PathBuf,
    /// The version of the program, which the package names.
    pub software_version: String,
}

/// A package that was made.
#[derive(Debug, Clone, Serialize)]
pub struct PackAnswer {
    /// Where it is.
    pub to: PathBuf,
    /// What it amounts to.
    #[serde(flatten)]
    pub packed: Packed,
    /// The archive that it is for, as the archival policy says.
    pub destination: Option<String>,
    /// The records that are in it.
    pub records: Vec<String>,
    /// Those of them that no archival policy in force selects.
    pub not_selected: Vec<String>,
    /// The log size that this reflects.
    pub log_size: u64,
}

impl Runtime {
    /// Packs records; content that is not what the log says refuses the package, and nothing is left behind.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when a record is not there, [`RuntimeError::Archive`] when its content is not what it
    /// must be, [`RuntimeError::Invalid`] when plans of several records do not fit into one package.
    pub fn pack(&self, told: &PackTold) -> Result<PackAnswer, RuntimeError> {
        let distinct: BTreeSet<&String> = told.records.iter().collect();
        if told.records.is_empty() || told.records.len() > RECORDS_MAX || distinct.len() < told.records.len() {
            let why = format!("name 1 to {RECORDS_MAX} records, each once: nothing was packed");
            return Err(RuntimeError::Invalid(why));
        }
        let stores = stores(&told.content)?;
        let (mut records, mut plans, mut not_selected) = (Vec::new(), Vec::new(), Vec::new());
        let mut sender = None;
        for id in &told.records {
            let answer = self.record(id, None, None)?;
            let plan = answer.effective.plan.clone();
            sender = sender.or_else(|| answer.agency.clone());
            records.push(self.packed_record(answer, plan.as_ref())?);
            match plan {
                Some(plan) => plans.push(plan),
                None => not_selected.push(id.clone()),
            }
        }
        let format = format_of(told.format, &plans)?;
        let destination = plans.first().map(|plan| plan.destination.clone());
        if let Some(other) = plans.iter().find(|plan| Some(&plan.destination) != destination.as_ref()) {
            let first = destination.unwrap_or_default();
            let why = format!("records for `{first}` and for `{}`: pack them apart", other.destination);
            return Err(RuntimeError::Invalid(why));
        }
        let now = self.now();
        let stem = told.to.file_stem().unwrap_or_default().to_string_lossy();
        let parcel = Parcel {
            id: stem.into_owned(),
            made: now.to_string(),
            made_seconds: u64::try_from(now.0 / 1_000_000).unwrap_or_default(),
            sender,
            destination: destination.clone(),
            software_version: told.software_version.clone(),
            records,
        };
        let packed = fonds_archive::pack(&parcel, &stores, &told.to, format)?;
        let (to, records, log_size) = (told.to.clone(), told.records.clone(), self.log_size());
        Ok(PackAnswer { to, packed, destination, records, not_selected, log_size })
    }

    /// Packs records and reads the package back: what leaves for an archive must be what it says. The package's seal is what
    /// the archive's receipt is compared with.
    ///
    /// # Errors
    /// As [`Runtime::pack`]; [`RuntimeError::Invalid`] when the package that was written does not read back whole.
    pub fn hand_over(&self, told: &PackTold) -> Result<PackAnswer, RuntimeError> {
        let packed = self.pack(told)?;
        let validation = validate(&told.to)?;
        match validation.findings.into_iter().find(|finding| finding.severity == Severity::Error) {
            None => Ok(packed),
            Some(finding) => {
                let (path, what) = (finding.path.unwrap_or_default(), finding.what);
                let why = format!("the package `{}` does not read back: {path} {what}", told.to.display());
                Err(RuntimeError::Invalid(why))
            }
        }
    }

    fn packed_record(&self, answer: RecordAnswer, plan: Option<&Plan>) -> Result<Record, RuntimeError> {
        let id = EntityId::new(answer.id.as_str())?;
        let mut facts = register::standing(self.rows(), &id, None)?;
        facts.extend(register::accesses(self.rows(), &id, None)?);
        facts.sort_by_key(|fact| fact.position);
        let description = plan.map(|plan| plan.description.as_slice()).unwrap_or_default();
        Ok(Record {
            title: answer.title,
            kind: answer.kind,
            agency: answer.agency,
            creator: answer.creator,
            series: answer.series,
            created: answer.created.map(|date| date.to_string()),
            closed: answer.closed.map(|date| date.to_string()),
            label: answer.label.as_ref().map(label_text),
            access: plan.map(|plan| plan.access.clone()).filter(|access| !access.is_empty()),
            description: description.iter().map(|field| (field.name.clone(), field.value.clone())).collect(),
            events: facts.iter().map(event).collect(),
            representations: self.content(&id)?,
            evidence: Some(self.evidence(&answer.id)?.bytes),
            id: answer.id,
        })
    }
}

/// The content stores that a file names; none where there is no such file, and then no content can be located.
pub(crate) fn stores(file: &Path) -> Result<Stores, RuntimeError> {
    if file.exists() { Ok(Stores::open(file)?) } else { Ok(Stores::none()) }
}

fn format_of(told: Option<Format>, plans: &[Plan]) -> Result<Format, RuntimeError> {
    let of_plan = |plan: &Plan| match plan.packaging {
        Packaging::Bagit => Format::Bagit,
        Packaging::EArk => Format::Eark,
    };
    let mut planned = plans.iter().map(of_plan);
    match (told, planned.next()) {
        (Some(format), _) => Ok(format),
        (None, Some(format)) if planned.all(|other| other == format) => Ok(format),
        (None, Some(_)) => {
            Err(RuntimeError::Invalid("the plans ask for different packages: say which with --format".to_owned()))
        }
        (None, None) => {
            Err(RuntimeError::Invalid("no archival policy selects it, so say which package with --format".to_owned()))
        }
    }
}

fn label_text(label: &Label) -> String {
    match label.categories.as_slice() {
        [] => label.level.clone(),
        categories => format!("{} ({})", label.level, categories.join(", ")),
    }
}

/// What happened, as a package tells it.
fn event(fact: &Fact) -> Event {
    let time = match (fact.time, fact.on) {
        (Some(time), _) => time.to_string(),
        (None, Some(date)) => date.to_string(),
        (None, None) => fact.at.to_string(),
    };
    let (detail, outcome) = match &fact.told {
        Told::Happened { name, .. } => (Some(name.clone()), None),
        Told::Moved { location, .. } => (location.clone(), None),
        Told::Migrated(format) => (format.clone(), None),
        Told::LossReported(what) => (what.clone(), None),
        Told::Accessed { with, purpose } => {
            let said: Vec<&str> = with.iter().chain(purpose).map(String::as_str).collect();
            (Some(said.join(": ")).filter(|said| !said.is_empty()), None)
        }
        Told::Filed(file) => (Some(file.to_string()), None),
        Told::Classified(series) => (Some(series.to_string()), None),
        Told::Labelled(labelled) => (Some(label_text(&labelled.label())), None),
        Told::FixityChecked { algorithm, digest, passed } => {
            (Some(format!("{algorithm} {digest}")), Some(if *passed { "pass" } else { "fail" }))
        }
        _ => (None, None),
    };
    let outcome = outcome.map(str::to_owned);
    Event { seq: fact.position.seq, kind: fact.kind, time, detail, outcome, agent: fact.said.by.clone() }
}
