//! What commands answer, in the stable shapes that programs read.

use fonds_model::body::ReasonText;
use fonds_model::decision::{Because, Fault, Mode, Plan};
use fonds_model::label::Declassification;
use fonds_model::{Action, Digest, Label, PartialDate, Position, Seq};
use fonds_views::register::{Held, Through};
use serde::Serialize;
use std::collections::BTreeMap;

/// A reason with its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The code to count by.
    pub code: String,
    /// The text to read.
    pub text: String,
    /// The law, or the schedule's item.
    pub authority: Option<String>,
}

impl Reason {
    /// A decision's reason in the words of its plugin's manifest; `rule` is the authority where the manifest has none.
    pub(crate) fn of(because: &Because, texts: &[ReasonText], rule: Option<&str>) -> Self {
        let known = texts.iter().find(|text| text.code == because.code);
        let detail = because.detail.as_deref().unwrap_or_default();
        let text = known.map_or_else(|| because.code.clone(), |known| known.text.replace("{detail}", detail));
        let authority = known.and_then(|known| known.authority.clone()).or_else(|| rule.map(str::to_owned));
        Self { code: because.code.clone(), text, authority }
    }
}

/// One policy's decision in force, or how it failed.
#[derive(Debug, Clone, Serialize)]
pub struct DecisionAnswer {
    /// What it decided.
    #[serde(flatten)]
    pub said: Said,
    /// Why.
    pub reasons: Vec<Reason>,
    /// The binding's name.
    pub policy: String,
    /// SHA-256 of the component.
    pub plugin: Digest,
    /// SHA-256 of the configuration.
    pub config: Digest,
    /// SHA-256 of the facts that it was given.
    pub facts: Digest,
    /// The date that it was asked about.
    pub as_of: PartialDate,
    /// Whether it counts.
    pub mode: Mode,
    /// The entry that has it.
    pub seq: Seq,
    /// The item within that entry.
    pub item: u16,
    /// The entries that made its term sooner than the policy's last recorded one; none when it is not sooner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortened_by: Option<Vec<Position>>,
    /// The interface's fault, when there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// What a policy decided, in the shape of its world.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Said {
    /// How long.
    Retention {
        /// `until`, `waiting`, `forever`, `abstain`, or `fault`.
        term: &'static str,
        /// The first day on which the action may be taken.
        date: Option<PartialDate>,
        /// What the clock waits for.
        waiting_for: Option<String>,
        /// The law's longest.
        not_after: Option<PartialDate>,
        /// What is done then.
        action: Option<Action>,
    },
    /// Which series and label.
    Classification {
        /// The series proposed.
        series: Option<String>,
        /// The label given.
        label: Option<Label>,
        /// When it is to come down.
        declassify: Option<Declassification>,
    },
    /// Whether it is archived, and how.
    Archival {
        /// The plan, when it is selected.
        select: Option<Plan>,
    },
}

/// What the host does with a record, all policies and holds combined.
#[derive(Debug, Clone, Serialize)]
pub struct EffectiveAnswer {
    /// The first day on which the action may be taken.
    pub due: Option<PartialDate>,
    /// What is done then.
    pub action: Option<Action>,
    /// Why nothing may be done.
    pub blocked_by: Vec<String>,
    /// The law allows the record no longer than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<PartialDate>,
    /// `not_after` has passed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub overdue: bool,
    /// When the label is to come down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declassify: Option<Declassification>,
    /// How it is archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

/// A hold on a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldAnswer {
    /// The hold's name.
    pub hold: String,
    /// `selected`, `derived`, `file`, `part` or `uncertain`.
    pub through: &'static str,
    /// The file, or the part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

impl HeldAnswer {
    pub(crate) fn of(held: &Held) -> Self {
        let (through, record) = through(&held.through);
        Self { hold: held.hold.clone(), through, record }
    }
}

/// How a hold comes to hold a record, in a word, and the file or the part that it does so with.
pub(crate) fn through(through: &Through) -> (&'static str, Option<String>) {
    match through {
        Through::Selected => ("selected", None),
        Through::Derived => ("derived", None),
        Through::File(id) => ("file", Some(id.to_string())),
        Through::Part(id) => ("part", Some(id.to_string())),
        Through::Uncertain => ("uncertain", None),
    }
}

/// One record.
#[derive(Debug, Clone, Serialize)]
pub struct RecordAnswer {
    /// Its id.
    pub id: String,
    /// The responsible agency's path.
    pub agency: Option<String>,
    /// The agency whose fonds it belongs to.
    pub creator: Option<String>,
    /// Its series, its own, its file's or as classified.
    pub series: Option<String>,
    /// What it is.
    pub kind: Option<String>,
    /// What people call it.
    pub title: Option<String>,
    /// `open`, `closed`, `superseded`, `transferred`, `archived`.
    pub state: String,
    /// When it was created.
    pub created: Option<PartialDate>,
    /// When it was closed, unless it was opened again.
    pub closed: Option<PartialDate>,
    /// The file that it is filed into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// How many records are filed into it.
    #[serde(skip_serializing_if = "is_zero")]
    pub filed: u64,
    /// The label in force.
    pub label: Option<Label>,
    /// What the host noticed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// Its attributes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The active holds.
    pub holds: Vec<String>,
    /// How each of them comes to hold it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_through: Vec<HeldAnswer>,
    /// The decision in force per world; of several enforcing policies the one that governs.
    pub decisions: BTreeMap<String, DecisionAnswer>,
    /// Decisions beside those: other policies', and observed ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<DecisionAnswer>,
    /// All of them combined.
    pub effective: EffectiveAnswer,
    /// The log size that this reflects.
    pub log_size: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One thing that happened to a record.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryAnswer {
    /// The entry.
    pub seq: Seq,
    /// The item within it.
    pub item: u16,
    /// Its kind.
    pub kind: String,
    /// When it was logged.
    pub at: String,
    /// When it happened.
    pub on: Option<PartialDate>,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// A correction or annulment that stands beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_right: Option<String>,
}

/// A record with the entries that its decisions rest on.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The record.
    #[serde(flatten)]
    pub record: RecordAnswer,
    /// The rule in force, or why there is none.
    pub rule: RuleAnswer,
    /// What happened to it, oldest first.
    pub history: Vec<HistoryAnswer>,
}

/// The rule that a record's series has on a date.
#[derive(Debug, Clone, Serialize)]
pub struct RuleAnswer {
    /// The series.
    pub series: Option<String>,
    /// What the schedule calls it.
    pub title: Option<String>,
    /// Why there is none: `unscheduled`, `no-rule`, `conflicting-rule`, `withdrawn`.
    pub missing: Option<String>,
    /// The rule.
    pub rule: Option<fonds_model::Rule>,
    /// The log size that this reflects.
    pub log_size: u64,
}

/// What an `ingest` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ingested {
    /// Items that were read.
    pub received: u64,
    /// New entries.
    pub appended: u64,
    /// Items that were in the log already, with the same content.
    pub duplicate: u64,
    /// Items that were in the log once and have been erased: they do not rise from the dead.
    #[serde(skip_serializing_if = "is_zero")]
    pub erased: u64,
    /// Items that could not be taken.
    pub rejected: u64,
    /// The log's size after it.
    pub log_size: u64,
    /// Why each could not; at most the first 1,000.
    pub rejects: Vec<RejectAnswer>,
}

/// An item that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectAnswer {
    /// The file.
    pub file: String,
    /// The line, or the element's line, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}
