//! What a policy is asked: the facts of a batch of cases, as the log knew them at one size.
//!
//! These are today's types; a module of fonds-wasm lowers them into the interface version that a plugin was built for.

use fonds_model::decision::Attribute;
use fonds_model::{Action, Label, MonthDay, PartialDate, Rule, Seq, Timestamp, Trigger, Unruled};
use serde::Serialize;
use std::sync::Arc;

/// A batch holds at most this many cases, so that item 0 of its entry is free for what they share.
pub const CASES_MAX: usize = 255;

/// The responsible agency, with the settings that it inherits down the tree, as of the request's date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agency {
    /// Its stable id.
    pub id: String,
    /// Its path on the request's date.
    pub path: String,
    /// The last day of its fiscal year, its own or inherited.
    pub fiscal_year_end: Option<MonthDay>,
}

/// A rule in force, with the series that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleInForce {
    /// `ID/SCHEDULE/SERIES`.
    pub series: String,
    /// What the schedule calls it.
    pub title: String,
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
}

/// A trigger that has happened on or before the request's date: the latest standing occurrence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Occurrence {
    /// Which trigger.
    pub trigger: Trigger,
    /// The last day that it can have been; none when nobody has written the day down.
    pub on: Option<PartialDate>,
    /// Whether the day itself is known.
    pub exact: bool,
    /// The entry that says so.
    pub seq: Seq,
}

/// One thing that happened to the record, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// The entry.
    pub seq: Seq,
    /// Its kind.
    pub kind: String,
    /// When it was logged.
    pub at: Timestamp,
    /// The last day on which it can have happened.
    pub on: Option<PartialDate>,
    /// Its attributes, sorted by name.
    pub attributes: Vec<Attribute>,
}

/// An entity that the record was derived from, nearest first, then by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ancestor {
    /// Its id.
    pub entity: String,
    /// Hops from the record.
    pub depth: u32,
    /// The label that it passes on, where it is a record that has one: without what it has from its own ancestors.
    pub label: Option<Label>,
}

/// Where a record is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// In use.
    Open,
    /// Closed: nothing is added any more.
    Closed,
    /// Another record took its place.
    Superseded,
    /// Handed to an archive.
    Transferred,
    /// Kept by an archive.
    Archived,
}

/// What the host noticed about a record that a policy may give as a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Something happened to it after it was closed.
    ActivityAfterClose,
    /// Something is dated before its creation: the host retains it whatever a policy says.
    ImplausibleDate,
    /// Somebody reported its content lost.
    LossReported,
    /// A correction or an annulment stands beside one of its entries.
    Corrected,
}

/// The retention in force, as the host combined it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetentionInForce {
    /// The first day on which the action may be taken.
    pub until: Option<PartialDate>,
    /// Never.
    pub forever: bool,
    /// What is done then.
    pub action: Action,
}

/// One record as the log knew it at the request's log size; `agency` and `rule` are indices into the request's lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// Its id.
    pub id: String,
    /// What it is: `case-file`, `dataset`, …
    pub kind: Option<String>,
    /// Where it is in its life.
    pub state: State,
    /// Who answers for it.
    pub agency: Option<u32>,
    /// Its series.
    pub series: Option<String>,
    /// The rule in force, or why there is none.
    pub rule: Result<u32, Unruled>,
    /// The triggers that have happened, sorted.
    pub started: Vec<Occurrence>,
    /// What the host noticed, sorted.
    pub marks: Vec<Mark>,
    /// Its label in force.
    pub label: Option<Label>,
    /// The label is an authorised downgrade.
    pub barrier: bool,
    /// The retention in force, for policies that come after it.
    pub retention: Option<RetentionInForce>,
    /// The attributes that the policy needs, sorted by name.
    pub attributes: Vec<Attribute>,
    /// The kinds of events that the policy needs, oldest first.
    pub history: Vec<Happening>,
    /// Ancestors to the depth that the policy needs.
    pub ancestors: Vec<Ancestor>,
    /// Whether there are more of them.
    pub ancestors_truncated: bool,
}

/// A batch of cases, with what they share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The date asked about.
    pub as_of: PartialDate,
    /// The configuration, as it was bound.
    pub config: Arc<str>,
    /// Labels' levels from lowest to highest.
    pub levels: Arc<[String]>,
    /// The agencies that subjects name by index.
    pub agencies: Vec<Agency>,
    /// The rules that subjects name by index.
    pub rules: Vec<Arc<RuleInForce>>,
    /// The cases, at most [`CASES_MAX`].
    pub subjects: Vec<Subject>,
}
