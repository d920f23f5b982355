//! PREMIS 3: what happened to objects of a repository, as events about records.
//!
//! An event becomes the kind of its type where there is one (capture, migration, fixity check, …) and a `record.event` with
//! the type for its name otherwise, or where its outcome says that it failed. One event about several objects becomes one
//! about each. All that it says is kept in the body, under `premis`.
//!
//! INVARIANT (no forged authority): that something was deleted or handed over elsewhere is a claim. A deletion becomes
//! `record.loss-reported`, and no type becomes a kind of the host's own.

mod claim;

use crate::{IngestError, Options, canonical, shortened};
use claim::{Claim, Linked};
use fonds_model::date::Written;
use fonds_model::{EntityId, Envelope, Event, Format, Identity, Kind};
use serde_json::{Map, Value, json};

/// What the events of one item may take together: an event about many objects is kept once for each.
const BYTES_MAX: usize = 64 << 20;

/// Reads one `<event>`.
pub(crate) fn parse(text: &str, options: &Options) -> Result<Vec<Event>, IngestError> {
    let claim = claim::read(text, &options.limits)?;
    for (name, value) in [
        ("eventIdentifierType", &claim.id_type),
        ("eventIdentifierValue", &claim.id),
        ("eventType", &claim.kind),
        ("eventDateTime", &claim.time),
    ] {
        if value.is_empty() {
            return wrong(format!("the event has no `{name}`"));
        }
    }
    if claim.objects.is_empty() {
        return wrong("the event has no `linkingObjectIdentifier`: it must say which record it is about".to_owned());
    }
    let time = moment(&claim.time)?;
    let (kind, mut body) = told(&claim);
    if !options.allowed.contains(&kind) {
        return wrong(format!("`{kind}` is not among the kinds that are allowed here"));
    }
    body.insert("premis".to_owned(), whole(&claim));
    let body = serde_json::to_vec(&body).map_err(|error| IngestError::Json(error.to_string()))?;
    if body.len().saturating_mul(claim.objects.len()) > BYTES_MAX {
        return wrong("the event is too long for the number of objects that it is about".to_owned());
    }
    let mut content = canonical(crate::text(&body)?, options.limits.json_depth_max)?;
    content.push(b'\n');
    content.extend_from_slice(time.as_bytes());
    let mut events: Vec<Event> = Vec::with_capacity(claim.objects.len());
    for object in &claim.objects {
        let subject = EntityId::new(object.value.as_str())?;
        if events.iter().any(|event| event.envelope.subject.as_ref() == Some(&subject)) {
            continue;
        }
        let one = claim.objects.iter().all(|other| other.value == object.value);
        let id = if one { claim.id.clone() } else { format!("{}/{subject}", claim.id) };
        let parts = [b"premis".as_slice(), claim.id_type.as_bytes(), claim.id.as_bytes(), subject.as_str().as_bytes()];
        let envelope = Envelope {
            source: Some(format!("premis:{}", claim.id_type)),
            id: Some(id),
            time: Some(time.clone()),
            subject: Some(subject.clone()),
            agency: options.agency.clone(),
            by: claim.agents.first().map(|agent| agent.value.clone()),
            ..Envelope::new(Format::Premis)
        };
        let identity = Identity::Named { name: Identity::name_of(&parts), content: content.clone() };
        events.push(Event { kind, envelope, body: body.clone(), identity: Some(identity) });
    }
    Ok(events)
}

fn wrong<T>(why: String) -> Result<T, IngestError> {
    Err(IngestError::Premis(why))
}

/// When it happened, as it was written; a time without an offset is read as UTC.
fn moment(text: &str) -> Result<String, IngestError> {
    for written in [text.to_owned(), format!("{text}Z")] {
        if Written::parse(&written).is_ok() {
            return Ok(written);
        }
    }
    wrong(format!("`eventDateTime` is `{}`, which is no date that is read", shortened(text)))
}

/// What an outcome says, where it says it in one of the usual words.
fn passed(claim: &Claim) -> Option<bool> {
    let said: Vec<bool> = claim
        .outcomes
        .iter()
        .filter_map(|outcome| {
            let outcome = outcome.to_lowercase();
            let begins = |words: &[&str]| words.iter().any(|word| outcome.starts_with(word));
            if begins(&["fail", "unsuccess", "not ", "error", "invalid"]) {
                Some(false)
            } else {
                begins(&["pass", "success", "ok", "valid"]).then_some(true)
            }
        })
        .collect();
    // Of two outcomes that contradict each other the worse one counts.
    if said.is_empty() { None } else { Some(said.iter().all(|passed| *passed)) }
}

/// The kind that an event's type stands for, and its body.
fn told(claim: &Claim) -> (Kind, Map<String, Value>) {
    let mut body = Map::new();
    let name = claim.kind.to_lowercase();
    if name == "fixity check" {
        if let (Some(passed), Some((algorithm, digest))) = (passed(claim), digest(claim)) {
            body.insert("algorithm".to_owned(), json!(algorithm));
            body.insert("digest".to_owned(), json!(digest));
            body.insert("outcome".to_owned(), json!(if passed { "pass" } else { "fail" }));
            return (Kind::RecordFixityChecked, body);
        }
        return happened(claim);
    }
    let kind = match name.as_str() {
        "creation" => Kind::RecordCreated,
        "capture" | "ingestion" => Kind::RecordCaptured,
        "migration" | "normalization" => Kind::RecordMigrated,
        "modification" | "metadata modification" => Kind::RecordModified,
        "dissemination" => Kind::RecordAccessed,
        "transfer" => Kind::RecordMoved,
        "deletion" => Kind::RecordLossReported,
        _ => return happened(claim),
    };
    // What was tried and failed has not happened.
    if passed(claim) == Some(false) {
        return happened(claim);
    }
    if kind == Kind::RecordLossReported {
        let detail = claim.details.first().map_or_else(|| claim.kind.clone(), |detail| format!("{name}: {detail}"));
        body.insert("what".to_owned(), json!(detail));
    }
    (kind, body)
}

/// A `record.event` with the type for its name, and what it says as attributes.
fn happened(claim: &Claim) -> (Kind, Map<String, Value>) {
    let mut attributes = Map::new();
    for (name, said) in [("detail", &claim.details), ("outcome", &claim.outcomes), ("outcome note", &claim.notes)] {
        for (text, count) in said.iter().zip(1_u32..) {
            let name = if count == 1 { name.to_owned() } else { format!("{name}/{count}") };
            attributes.insert(name, json!(text));
        }
    }
    let mut body = Map::from_iter([("name".to_owned(), json!(claim.kind))]);
    body.insert("attributes".to_owned(), Value::Object(attributes));
    (Kind::RecordEvent, body)
}

/// The digest that a fixity check names, and the algorithm whose length it has.
fn digest(claim: &Claim) -> Option<(&'static str, String)> {
    let said = claim.notes.iter().chain(&claim.details).chain(&claim.outcomes);
    let words = said.flat_map(|text| text.split(|character: char| !character.is_ascii_alphanumeric()));
    let mut found = words.filter(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit())).filter_map(|word| {
        let algorithm = match word.len() {
            32 => "md5",
            40 => "sha1",
            64 => "sha256",
            128 => "sha512",
            _ => return None,
        };
        Some((algorithm, word.to_ascii_lowercase()))
    });
    let first = found.next()?;
    // Where there are two, nobody says here which of them was computed.
    if found.all(|other| other == first) { Some(first) } else { None }
}

/// All that it says, objects apart: each of them has an event of its own.
fn whole(claim: &Claim) -> Value {
    let agent = |Linked { kind, value, roles }: &Linked| json!({ "type": kind, "id": value, "roles": roles });
    let mut whole = Map::new();
    whole.insert("type".to_owned(), json!(claim.kind));
    if let Some(uri) = &claim.kind_uri {
        whole.insert("type_uri".to_owned(), json!(uri));
    }
    let texts = [("details", &claim.details), ("outcomes", &claim.outcomes), ("outcome_notes", &claim.notes)];
    for (name, texts) in texts.into_iter().filter(|(_, texts)| !texts.is_empty()) {
        whole.insert(name.to_owned(), json!(texts));
    }
    if !claim.agents.is_empty() {
        whole.insert("agents".to_owned(), claim.agents.iter().map(agent).collect());
    }
    Value::Object(whole)
}

#[cfg(test)]
mod tests;
