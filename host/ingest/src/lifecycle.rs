//! CloudEvents 1.0 in JSON: the lifecycle of records, and corrections of entries.

use crate::{IngestError, Options, canonical, shortened};
use fonds_model::date::Written;
use fonds_model::{AgencyPath, EntityId, Envelope, Event, Format, Identity, Kind, body};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    specversion: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    source: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, default)]
    subject: Option<Text<'a>>,
    #[serde(borrow, default)]
    time: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    data_base64: Option<IgnoredAny>,
}

/// What every body may say, beside its own fields.
#[derive(Default, Deserialize)]
struct Common {
    #[serde(default)]
    agency: Option<AgencyPath>,
    #[serde(default)]
    by: Option<String>,
}

fn wrong<T>(why: String) -> Result<T, IngestError> {
    Err(IngestError::CloudEvent(why))
}

/// Whether a JSON text calls itself a CloudEvent.
pub(crate) fn is_one(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        #[serde(default)]
        specversion: Option<IgnoredAny>,
    }
    serde_json::from_str::<Probe>(text).is_ok_and(|probe| probe.specversion.is_some())
}

/// An event whose `(source, id)` is its identity.
pub(crate) fn parse(text: &str, options: &Options) -> Result<Event, IngestError> {
    let wire: Wire<'_> = match serde_json::from_str(text) {
        Ok(wire) => wire,
        Err(error) if error.is_data() => return wrong(format!("it is no CloudEvent: {error}")),
        Err(error) => return Err(IngestError::Json(error.to_string())),
    };
    let content = canonical(text, options.limits.json_depth_max)?;
    if wire.specversion.0 != "1.0" {
        return wrong(format!("`specversion` is `{}`; only `1.0` is read", shortened(&wire.specversion.0)));
    }
    for (name, value) in [("source", &wire.source.0), ("id", &wire.id.0)] {
        if value.is_empty() {
            return wrong(format!("`{name}` is empty: it is part of the event's identity"));
        }
    }
    if wire.data_base64.is_some() {
        return wrong("`data_base64` is not read: send `data` as JSON".to_owned());
    }
    let kind = kind_of(&wire.kind.0, options)?;
    let subject = match &wire.subject {
        Some(subject) => Some(EntityId::new(subject.0.as_ref())?),
        None if kind.as_str().starts_with("record.") => {
            return wrong(format!("missing field `subject`: `{kind}` must say which record it is about"));
        }
        None => None,
    };
    if let Some(time) = &wire.time {
        Written::parse(&time.0)?;
    }
    let data = wire.data.map_or("{}", RawValue::get);
    check_data(kind, data)?;
    let common: Common = serde_json::from_str(data).unwrap_or_default();
    let envelope = Envelope {
        source: Some(wire.source.0.to_string()),
        id: Some(wire.id.0.to_string()),
        time: wire.time.map(|time| time.0.into_owned()),
        subject,
        agency: common.agency.or_else(|| options.agency.clone()),
        by: common.by,
        ..Envelope::new(Format::CloudEvents)
    };
    let name = Identity::name_of(&[wire.source.0.as_bytes(), wire.id.0.as_bytes()]);
    let identity = Some(Identity::Named { name, content });
    Ok(Event { kind, envelope, body: text.as_bytes().to_vec(), identity })
}

// INVARIANT (no forged authority): a kind that only the host may send never comes in from outside.
fn kind_of(text: &str, options: &Options) -> Result<Kind, IngestError> {
    let kind = Kind::parse(text)?;
    if !kind.producer_may_send() {
        return wrong(format!("`{kind}` is a kind of the host's own: no producer may send it"));
    }
    if kind.as_str().starts_with("lineage.") {
        return wrong(format!("`{kind}` is not sent as a CloudEvent: send the OpenLineage event as it is"));
    }
    if !options.allowed.contains(&kind) {
        return wrong(format!("`{kind}` is not among the kinds that are allowed here"));
    }
    Ok(kind)
}

/// Whether `data` fits the kind's schema.
fn check_data(kind: Kind, data: &str) -> Result<(), IngestError> {
    match kind {
        Kind::RecordCreated | Kind::RecordCaptured => fits::<body::Created>(kind, data),
        Kind::RecordFiled => fits::<body::Filed>(kind, data),
        Kind::RecordClassified => fits::<body::Classified>(kind, data),
        Kind::RecordLabelled => fits::<body::Labelled>(kind, data),
        Kind::RecordModified => fits::<body::Modified>(kind, data),
        Kind::RecordAccessed | Kind::RecordShared => fits::<body::Accessed>(kind, data),
        Kind::RecordClosed | Kind::RecordReopened => fits::<body::Closed>(kind, data),
        Kind::RecordSuperseded => fits::<body::Superseded>(kind, data),
        Kind::RecordEvent => fits::<body::Happened>(kind, data),
        Kind::RecordMoved => fits::<body::Moved>(kind, data),
        Kind::RecordMigrated => fits::<body::Migrated>(kind, data),
        Kind::RecordFixityChecked => fits::<body::FixityChecked>(kind, data),
        Kind::RecordLossReported => fits::<body::LossReported>(kind, data),
        Kind::EntryCorrected => fits::<body::Corrected>(kind, data),
        Kind::EntryAnnulled => fits::<body::Annulled>(kind, data),
        other => wrong(format!("`{other}` is not read from a CloudEvent")),
    }
}

fn fits<T: serde::de::DeserializeOwned>(kind: Kind, data: &str) -> Result<(), IngestError> {
    if !data.starts_with('{') {
        return wrong(format!("`data` of `{kind}` must be an object"));
    }
    let Err(error) = serde_json::from_str::<T>(data) else { return Ok(()) };
    let error = without_place(&error);
    let read = |text: &str| serde_json::from_str::<T>(text).err().map(|error| without_place(&error));
    wrong(match culprit(data, &error, read) {
        Some(field) => format!("`data.{}` does not fit `{kind}`: {error}", shortened(&field)),
        None => format!("`data` does not fit `{kind}`: {error}"),
    })
}

/// The parser counts lines and columns within `data`, which nobody could find again.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why).to_owned()
}

/// The field that is wrong: the one without which the error is another. Where bodies share fields, the parser does
/// not say which it was.
fn culprit(data: &str, error: &str, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    if error.starts_with("missing field") {
        return None;
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(data).ok()?;
    let is_culprit = |field: &&String| {
        let rest: BTreeMap<_, _> = members.iter().filter(|(name, _)| name != field).collect();
        serde_json::to_string(&rest).is_ok_and(|rest| read(&rest).as_deref() != Some(error))
    };
    // More than this many fields are not worth trying one by one.
    members.keys().take(64).find(is_culprit).cloned()
}
