//! The bodies of lifecycle and administrative kinds, and the JSON schema that each publishes.
//!
//! Producers' bodies tolerate fields that Fonds does not know: they are kept byte for byte and never interpreted.

use crate::content::ContentFile;
use crate::decision::{Mode, World};
use crate::label::Declassification;
use crate::{
    Action, AgencyPath, Digest, EntityId, Format, Kind, Label, ModelError, MonthDay, PartialDate, Position, Selection,
    SeriesId,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Who did it, and on what ground; part of every lifecycle and administrative body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Who {
    /// The person or system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How sure we are of `by`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_assurance: Option<Assurance>,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// The law, order or decision that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How sure we are of who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// The sender says so.
    Asserted,
    /// The host knows the sender.
    Authenticated,
    /// The statement carries a signature.
    Signed,
}

/// The attributes of a record, as text; a producer's numbers and booleans keep the text they were written in.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// An attribute's value: text, a number or a truth value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Text, as it is.
    Text(String),
    /// A number.
    Number(#[schemars(with = "f64")] serde_json::Number),
    /// A truth value.
    Bool(bool),
}

impl AttributeValue {
    /// The value as policies see it.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            AttributeValue::Text(text) => text.clone(),
            AttributeValue::Number(number) => number.to_string(),
            AttributeValue::Bool(truth) => truth.to_string(),
        }
    }
}

macro_rules! bodies {
    ($( $(#[$doc:meta])* $name:ident { $( $(#[$field_doc:meta])* $field:ident : $type:ty ),* $(,)? } )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
        pub struct $name {
            $( $(#[$field_doc])* pub $field: $type, )*
            /// Who did it, and on what ground.
            #[serde(flatten)]
            pub who: Who,
        }
    )* };
}

mod disposition;
pub use disposition::*;

bodies! {
    /// `record.created` and `record.captured`.
    Created {
        /// The responsible agency; also the record's creator, unless `creator` says another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agency: Option<AgencyPath>,
        /// The agency whose fonds it belongs to; it never changes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        creator: Option<AgencyPath>,
        /// The series, where the producer knows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        series: Option<SeriesId>,
        /// What the record is: `case-file`, `dataset`, …
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// What people call it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The file (aggregation) that it is filed into.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<EntityId>,
        /// Its label, where the producer gives one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<Label>,
        /// What it was made from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        derived_from: Vec<EntityId>,
        /// Its attributes.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        attributes: Attributes,
        /// Its content: where each file lies, and what it must be.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        content: Vec<ContentFile>,
    }
    /// `record.filed`.
    Filed {
        /// The file (aggregation) that takes the record; series, agency and closing are inherited from it.
        file: EntityId,
    }
    /// `record.classified`.
    Classified {
        /// The series that it belongs to.
        series: SeriesId,
    }
    /// `record.labelled`.
    Labelled {
        /// The level and its categories.
        #[serde(flatten)]
        label: Label,
        /// An authorised downgrade: ancestors' labels stop here.
        #[serde(default)]
        barrier: bool,
        /// When it is to come down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        declassify: Option<Declassification>,
    }
    /// `record.modified`: attributes that are set, and what it was made from.
    Modified {
        /// What people call it now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// Attributes that are set anew.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        attributes: Attributes,
        /// What went into it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        derived_from: Vec<EntityId>,
        /// Files of its content that are new, or take the place of those of the same name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        content: Vec<ContentFile>,
    }
    /// `record.accessed` and `record.shared`.
    Accessed {
        /// With whom it was shared.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<String>,
        /// What for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<String>,
    }
    /// `record.closed` and `record.reopened`.
    Closed {
    }
    /// `record.superseded`.
    Superseded {
        /// The record that took its place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        superseded_by: Option<EntityId>,
    }
    /// `record.event`: something named that happened to it, such as `value-ended` or `asset-disposed`.
    Happened {
        /// Its name; a rule's trigger `event:NAME` means it.
        name: String,
        /// Its attributes.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        attributes: Attributes,
    }
    /// `record.moved`: to another place, or into another agency's responsibility.
    Moved {
        /// Where it lies now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        /// Who answers for it now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agency: Option<AgencyPath>,
        /// Files of its content that lie elsewhere now, by their names.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        content: Vec<ContentFile>,
    }
    /// `record.migrated`: to another format.
    Migrated {
        /// The format that it has now, as a media type or a PRONOM id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        format: Option<String>,
        /// What it was made from, when the migration gave it another id.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        derived_from: Vec<EntityId>,
        /// Its content in that format, which stands beside what it was made from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        content: Vec<ContentFile>,
    }
    /// `record.fixity-checked`.
    FixityChecked {
        /// `sha256`, `sha512`, …
        algorithm: String,
        /// What was computed; empty when there was nothing to read.
        digest: String,
        /// `pass` or `fail`.
        outcome: Outcome,
        /// Where the file lies that was read; none: all of the record's content, however it is kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        /// How many bytes it has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// What it should have been, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<String>,
        /// What was found, in words, where it is not as it should be: `missing`, another size, …
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    }
    /// `record.loss-reported`: a claim that content is gone without a disposition.
    LossReported {
        /// What was lost, and how (`DROP`, `TRUNCATE`, `OVERWRITE`, fire, …).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        what: Option<String>,
    }
    /// `entry.corrected`.
    Corrected {
        /// The entry that was wrong.
        seq: u64,
        /// The item within it.
        #[serde(default)]
        item: u16,
        /// The field: `on`, `subject`, `agency`, or a field of its body.
        field: String,
        /// What it should have said.
        new: serde_json::Value,
    }
    /// `entry.annulled`.
    Annulled {
        /// The entry that should never have been sent.
        seq: u64,
        /// The item within it.
        #[serde(default)]
        item: u16,
    }
    /// `agency.defined`.
    AgencyDefined {
        /// Where it stands in the tree from now on.
        path: AgencyPath,
        /// Its stable id: its first path, unless said.
        id: AgencyPath,
        /// What people call it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// An IANA zone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time_zone: Option<String>,
        /// The last day of its fiscal year.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fiscal_year_end: Option<MonthDay>,
        /// From when on; none: it has always been so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effective: Option<PartialDate>,
    }
    /// `agency.succeeded`: from a date on another agency answers for its records; whose fonds they are never changes.
    AgencySucceeded {
        /// The id of the agency that no longer answers for them.
        agency: AgencyPath,
        /// The id of the one that does.
        successor: AgencyPath,
        /// From when on.
        effective: PartialDate,
    }
    /// Item 0 of `schedule.imported`; each further item is a [`crate::Series`].
    ScheduleImported {
        /// The schedule's id.
        schedule: String,
        /// Its version.
        version: String,
        /// From when on; none: it has always been in force.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effective: Option<PartialDate>,
        /// Who approved it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
        /// The action of series that name none.
        default_action: Action,
        /// SHA-256 of the file.
        source: Digest,
        /// Which part this is, from 0; the version is in force only once all are there.
        part: u32,
        /// How many parts there are.
        parts: u32,
    }
    /// `plugin.installed`.
    PluginInstalled {
        /// SHA-256 of the component.
        digest: Digest,
        /// The manifest's name.
        name: String,
        /// The manifest's version.
        version: String,
        /// Which question it answers.
        world: World,
        /// The interface that it was built for, such as `0.1`.
        interface: String,
        /// What it is, in a sentence.
        summary: String,
        /// The reasons that it can give.
        reasons: Vec<ReasonText>,
        /// The second person who approved it, where one was wanted or named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
    }
    /// `policy.bound`.
    PolicyBound {
        /// The binding's name.
        name: String,
        /// SHA-256 of the component.
        plugin: Digest,
        /// Which question it answers.
        world: World,
        /// The agency that it is for, with all below it; none: everyone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<AgencyPath>,
        /// SHA-256 of the configuration.
        config: Digest,
        /// Whether its decisions count.
        mode: Mode,
        /// What it needs beside a record's own fields.
        needs: Needs,
        /// The second person who approved it, where one was wanted or named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
    }
    /// `log.key-added`: the checkpoint over this entry is signed by both keys, and those after it by the new one.
    KeyAdded {
        /// The new key, as a C2SP verifier key `name+hash+key`.
        key: String,
        /// The key that it takes the place of; what that key signed before stays verifiable.
        replaces: String,
    }
    /// `log.witness-added`.
    WitnessAdded {
        /// The witness's key, as a C2SP verifier key of type 4 (tlog-cosignature).
        key: String,
    }
    /// `policy.unbound`.
    PolicyUnbound {
        /// The binding's name.
        name: String,
        /// The second person who approved it, where one was wanted or named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
    }
    /// `backup.made`.
    BackupMade {
        /// The folder.
        to: String,
        /// Entries that it holds.
        size: u64,
        /// The tree's root over them.
        root: Digest,
    }
    /// `hold.placed`: disposition of these records is frozen until the hold is released.
    HoldPlaced {
        /// The hold's name.
        name: String,
        /// The records that it holds, also those that come later.
        #[serde(flatten)]
        selection: Selection,
        /// It holds what is derived from them too, also what is derived later.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        with_derived: bool,
        /// The case or inquiry that it serves.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        matter: Option<String>,
        /// Who ordered it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
        /// When to ask whether it is still needed; it never ends by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review_by: Option<PartialDate>,
    }
    /// `hold.released`.
    HoldReleased {
        /// The hold's name.
        name: String,
    }
    /// `log.erased`: the content of these items is gone; their digests stay, and what stands here in its place.
    LogErased {
        /// The proposals that it carries out.
        proposals: Vec<Position>,
        /// Those who approved it.
        approved_by: Vec<String>,
        /// What was erased.
        items: Vec<ErasedItem>,
        /// The records that it told of, as the register had them.
        records: Vec<RecordStub>,
    }
}

/// An item that was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ErasedItem {
    /// The entry.
    pub seq: u64,
    /// The item within it.
    pub item: u16,
    /// The kind of its entry.
    #[schemars(with = "String")]
    pub kind: Kind,
    /// Its digest, which its header keeps.
    pub digest: Digest,
    /// The payload that stands in its place: who and when, no title, text or attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stub: Option<String>,
}

impl ErasedItem {
    /// Where it stands.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { seq: self.seq, item: self.item }
    }
}

/// A record as practice remembers it when its content is gone (ISO 15489-1 §9.9, MoReq2010 R8.4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RecordStub {
    /// Its id.
    pub id: String,
    /// The responsible agency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agency: Option<String>,
    /// The agency whose fonds it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
    /// Its series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<PartialDate>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<PartialDate>,
    /// Its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// What was to become of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The rule that said so: schedule, version and item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rule: Vec<String>,
}

/// The items that a `log.erased` payload says were erased; none when it is not one.
#[must_use]
pub fn erased_items(payload: &[u8]) -> Vec<ErasedItem> {
    let read = crate::Envelope::split(payload).ok();
    let read = read.and_then(|(envelope, body)| parse::<LogErased>(Kind::LogErased, envelope.format, body).ok());
    read.map(|erased| erased.items).unwrap_or_default()
}

/// `pass` or `fail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The content is as it was.
    Pass,
    /// The content has changed.
    Fail,
}

/// A reason that a plugin can give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReasonText {
    /// A code to count by.
    pub code: String,
    /// A text to read; `{detail}` stands for the decision's detail.
    pub text: String,
    /// The law to cite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// What the host puts into a record's facts besides its own fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Needs {
    /// Kinds of events wanted in the history.
    pub history: Vec<String>,
    /// Ancestors up to this many hops; 0: none.
    pub ancestors: u32,
    /// Attributes by name.
    pub attributes: Vec<String>,
}

/// The part of a payload's body that a kind's schema describes: a CloudEvent's `data`, else the body itself.
///
/// # Errors
/// [`ModelError::Body`] when the body is not JSON.
pub fn described(kind: Kind, format: Format, body: &[u8]) -> Result<&RawValue, ModelError> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
    let wrong = |error: serde_json::Error| ModelError::Body { kind: kind.as_str(), why: error.to_string() };
    if format != Format::CloudEvents {
        return serde_json::from_slice(body).map_err(wrong);
    }
    let event: Event<'_> = serde_json::from_slice(body).map_err(wrong)?;
    match event.data {
        Some(data) => Ok(data),
        None => serde_json::from_str("{}").map_err(wrong),
    }
}

/// Reads a body as its kind's type.
///
/// # Errors
/// [`ModelError::Body`] when it does not fit.
pub fn parse<'a, T: Deserialize<'a>>(kind: Kind, format: Format, body: &'a [u8]) -> Result<T, ModelError> {
    let described = described(kind, format, body)?;
    serde_json::from_str(described.get())
        .map_err(|error| ModelError::Body { kind: kind.as_str(), why: error.to_string() })
}

/// The fields of an event that a correction may name.
pub const CORRECTABLE: [&str; 20] = [
    "on",
    "time",
    "subject",
    "agency",
    "creator",
    "series",
    "kind",
    "title",
    "file",
    "label",
    "level",
    "categories",
    "barrier",
    "declassify",
    "attributes",
    "name",
    "location",
    "superseded_by",
    "format",
    "what",
];

impl Corrected {
    /// Where the mistake stands.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { seq: self.seq, item: self.item }
    }
}

impl Annulled {
    /// Where the mistake stands.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { seq: self.seq, item: self.item }
    }
}
