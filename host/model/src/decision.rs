//! What policies answer, in the bytes that are digested and logged.
//!
//! Field order is the interface's, names are `snake_case`, lists are sorted where order means nothing, and a reason
//! is the code from the plugin's manifest.

use crate::label::Declassification;
use crate::{Action, Digest, EntityId, Label, PartialDate, Position, Seq, SeriesId, Trigger};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which of the three questions a policy answers, in the order in which a sweep asks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum World {
    /// Its series and its label.
    Classification,
    /// How long it is kept, and what is done then.
    Retention,
    /// Whether it is of enduring value, and how it is packed.
    Archival,
}

impl World {
    /// All three, in the order of a sweep.
    pub const ALL: [World; 3] = [World::Classification, World::Retention, World::Archival];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            World::Classification => "classification",
            World::Retention => "retention",
            World::Archival => "archival",
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reason given: its code in the manifest, and what is particular to this record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Because {
    /// The code in the manifest.
    pub code: String,
    /// What `{detail}` stands for in the manifest's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a clock that has not started waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// A trigger that has not happened.
    Trigger(Trigger),
    /// A trigger that has happened on a day that nobody has written down.
    UnknownDate,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Awaited::Trigger(trigger) => trigger.fmt(f),
            Awaited::UnknownDate => f.write_str("unknown-date"),
        }
    }
}

impl Serialize for Awaited {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Awaited {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "unknown-date" {
            return Ok(Awaited::UnknownDate);
        }
        Trigger::parse(&text).map(Awaited::Trigger).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Awaited {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Awaited".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

/// How long a record is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// The first day on which the action may be taken: the last day kept, plus one.
    Until(PartialDate),
    /// The clock has not started.
    Waiting(Awaited),
    /// For ever.
    Forever,
    /// This policy has nothing to say about this record.
    Abstain,
}

/// A retention policy's answer about one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Retention {
    /// How long.
    pub term: Term,
    /// What is done then.
    pub action: Action,
    /// The law allows the record no longer than this.
    pub not_after: Option<PartialDate>,
    /// Why.
    pub reasons: Vec<Because>,
}

/// A classification policy's answer about one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Classification {
    /// The series it belongs to, where the policy says one.
    pub series: Option<SeriesId>,
    /// How it is protected, where the policy says so.
    pub label: Option<Label>,
    /// When the label is to come down.
    pub declassify: Declassification,
    /// Why.
    pub reasons: Vec<Because>,
}

/// How a package is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Packaging {
    /// RFC 8493.
    Bagit,
    /// E-ARK CSIP.
    EArk,
}

/// An attribute of a record or of a package's description.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its value, as text.
    pub value: String,
}

/// How a record of enduring value is to be archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Plan {
    /// The archive that takes it.
    pub destination: String,
    /// The package's layout.
    pub packaging: Packaging,
    /// Who may see it there.
    pub access: String,
    /// The package's description, sorted by name.
    pub description: Vec<Attribute>,
}

/// An archival policy's answer about one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Archival {
    /// The plan, when the record is selected.
    pub select: Option<Plan>,
    /// Why.
    pub reasons: Vec<Because>,
}

/// How a plugin's call failed; its answer is never used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The guest trapped.
    Trap,
    /// It used up its fuel.
    Fuel,
    /// It asked for more memory than it may have.
    Memory,
    /// It used up its stack.
    Stack,
    /// Its answer was larger than it may be.
    AnswerTooLong,
    /// Its answer had another number of decisions than there were cases, or a value out of range.
    AnswerMalformed,
    /// It answered with an error of its own.
    Refused,
    /// It answered the same case differently the second time.
    Nondeterministic,
    /// It was suspended for this sweep after too many faults.
    Suspended,
    /// It could not be loaded or instantiated.
    Load,
    /// The record's ancestors were cut off by the depth that the policy asked for.
    AncestorsTruncated,
}

impl FaultKind {
    /// The word for it, as it stands in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            FaultKind::Trap => "trap",
            FaultKind::Fuel => "fuel",
            FaultKind::Memory => "memory",
            FaultKind::Stack => "stack",
            FaultKind::AnswerTooLong => "answer-too-long",
            FaultKind::AnswerMalformed => "answer-malformed",
            FaultKind::Refused => "refused",
            FaultKind::Nondeterministic => "nondeterministic",
            FaultKind::Suspended => "suspended",
            FaultKind::Load => "load",
            FaultKind::AncestorsTruncated => "ancestors-truncated",
        }
    }
}

/// A fault, as evidence: what went wrong, in words that name no host path and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// What the engine or the guest said, at most 500 bytes.
    pub detail: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.detail)
    }
}

/// What one policy said of one record, or how it failed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A retention policy's answer.
    Retention(Retention),
    /// A classification policy's answer.
    Classification(Classification),
    /// An archival policy's answer.
    Archival(Archival),
    /// No answer: the record is retained.
    Fault(Fault),
}

/// Whether a policy's decisions count, or are recorded only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They count.
    Enforce,
    /// They are recorded and change nothing.
    Observe,
}

/// Item 0 of a `policy.decided` entry: what all its decisions share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Decided {
    /// The binding's name.
    pub policy: String,
    /// The entry that bound it.
    pub bound_at: Seq,
    /// Which question it answers.
    pub world: World,
    /// Whether it counts.
    pub mode: Mode,
    /// The component's SHA-256.
    pub plugin: Digest,
    /// The configuration's SHA-256.
    pub config: Digest,
    /// The facts are those of the log's first `log_size` entries.
    pub log_size: u64,
    /// The date that the policy was asked about.
    pub as_of: PartialDate,
    /// The version of the code that assembles facts, and of the time zone database.
    pub facts_version: String,
    /// The engine and its version.
    pub engine: String,
    /// Fuel that the call used; logged, never hashed.
    pub fuel: u64,
}

/// Items 1 to 255 of a `policy.decided` entry: one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Case {
    /// The record; the envelope's subject says it too.
    pub record: String,
    /// SHA-256 of the facts that the policy was given about it.
    pub facts: Digest,
    /// What it said.
    pub verdict: Verdict,
    /// The label that a fault of classification keeps: what was in force, and what the ancestors that were read have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Label>,
    /// What a classification policy says of the record by itself, where that gives it another label than the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone: Option<Alone>,
    /// The entries that made its term sooner than the policy's last recorded one; none when it is not sooner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortened_by: Option<Vec<Position>>,
}

/// The label that a policy gives a record when it is not told its ancestors' labels: only this rises further.
///
/// What a record has from its own ancestors reaches its descendants from those ancestors, who are theirs too. Were it
/// passed on as well, two records made of each other would keep for ever what neither has of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Alone {
    /// The label; none where the policy gives none.
    pub label: Option<Label>,
}

/// Item 0 of a `sweep.completed` entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SweepCompleted {
    /// The date that the policies were asked about.
    pub as_of: PartialDate,
    /// The log's size when the sweep began.
    pub log_size: u64,
    /// How many records at least one policy was asked about, each counted once.
    pub evaluated: u64,
    /// How many decisions changed and were recorded.
    pub changed: u64,
    /// How many cases were faults.
    pub faults: u64,
    /// SHA-256 over the item digests of the decisions in force for all evaluated cases, in order of (seq, item).
    pub digest: Digest,
}

/// Items 1 on of a `sweep.completed` entry, which are there when the sweep did not look at everyone: whom it looked at.
///
/// Without them nobody could compute its digest again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepLookedAt {
    /// The records, in order of id; an entry's items follow each other.
    pub records: Vec<EntityId>,
}
