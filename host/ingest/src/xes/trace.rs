//! One trace as events of one record: created, what happened, closed.

use super::attributes::{Flat, key_and_value, typed};
use super::mapping::Mapping;
use crate::{IngestError, Limits, Options, canonical};
use fonds_model::body::{Closed, Created, Happened, Who};
use fonds_model::ids::hex;
use fonds_model::{AgencyPath, EntityId, Envelope, Event, Format, Identity, Kind};
use quick_xml::events::{BytesStart, Event as Xml};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// A trace, read and not yet mapped.
#[derive(Default)]
struct Trace {
    case: Flat,
    events: Vec<Flat>,
}

/// The events of a trace: `record.created`, one `record.event` for each of its own, and `record.closed` when it is.
///
/// They stand in that order whatever their dates; which of them happened after the closing, the dates tell.
pub(crate) fn parse(text: &str, options: &Options) -> Result<Vec<Event>, IngestError> {
    let Some(mapping) = options.mapping.as_deref() else {
        return Err(IngestError::Trace("an XES log needs a mapping: say which with `--map MAP.toml`".to_owned()));
    };
    let Trace { mut case, events } = read(text, &options.limits)?;
    let source = Source::of(mapping, &case, options)?;
    let date = |name: &Option<String>| name.as_deref().map_or(Ok(None), |name| case.date(name));
    let (created, closed) = (date(&mapping.created)?, date(&mapping.closed)?);
    let series = mapping.series(&case).cloned();
    let title = mapping.title.as_ref().map(|title| title.fill(&case)).transpose()?;
    // A case that closes later is still the case that was created: its end is told by `record.closed` alone.
    if let Some(name) = &mapping.closed {
        case.remove(name);
    }
    let body = Created {
        agency: source.agency.clone(),
        creator: None,
        series,
        kind: Some("case-file".to_owned()),
        title,
        file: None,
        label: None,
        derived_from: Vec::new(),
        attributes: case.into_attributes(),
        content: Vec::new(),
        who: Who::default(),
    };
    let mut out = Vec::with_capacity(events.len() + 2);
    out.push(source.event(Kind::RecordCreated, created, &body, Name::Once("created"))?);
    let mut seen: HashMap<[u8; 32], u32> = HashMap::new();
    for event in events {
        out.push(happened(&source, event, &mut seen)?);
    }
    if let Some(closed) = closed {
        let body = Closed { who: Who::default() };
        out.push(source.event(Kind::RecordClosed, Some(closed), &body, Name::Once("closed"))?);
    }
    for event in &out {
        if !options.allowed.contains(&event.kind) {
            return Err(IngestError::Trace(format!("`{}` is not among the kinds that are allowed here", event.kind)));
        }
    }
    Ok(out)
}

/// An event of the trace; equal ones are told apart by how often they have stood before, so that importing the log
/// again finds each of them again.
fn happened(source: &Source<'_>, event: Flat, seen: &mut HashMap<[u8; 32], u32>) -> Result<Event, IngestError> {
    let time = event.date("time:timestamp")?;
    let Some(name) = event.get("concept:name").map(|name| name.to_text()) else {
        return Err(IngestError::Trace("an event of the trace has no `concept:name`".to_owned()));
    };
    let body = Happened { name, attributes: event.into_attributes(), who: Who::default() };
    let bytes = to_json(&body)?;
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let occurrence = seen.entry(digest).and_modify(|count| *count += 1).or_insert(0);
    source.event_of(Kind::RecordEvent, time, bytes, Name::Event(digest, *occurrence))
}

enum Name {
    Once(&'static str),
    Event([u8; 32], u32),
}

/// What all events of one trace share.
struct Source<'a> {
    mapping: &'a Mapping,
    subject: EntityId,
    agency: Option<AgencyPath>,
    depth_max: usize,
}

impl<'a> Source<'a> {
    fn of(mapping: &'a Mapping, case: &Flat, options: &Options) -> Result<Self, IngestError> {
        let agency = match &mapping.agency {
            Some(agency) => Some(AgencyPath::new(agency.fill(case)?)?),
            None => options.agency.clone(),
        };
        let subject = EntityId::new(mapping.record.fill(case)?)?;
        Ok(Self { mapping, subject, agency, depth_max: options.limits.json_depth_max })
    }

    fn event(
        &self,
        kind: Kind,
        time: Option<String>,
        body: &impl serde::Serialize,
        name: Name,
    ) -> Result<Event, IngestError> {
        self.event_of(kind, time, to_json(body)?, name)
    }

    fn event_of(&self, kind: Kind, time: Option<String>, body: Vec<u8>, name: Name) -> Result<Event, IngestError> {
        let (mapping, case) = (self.mapping.id.as_str(), self.subject.as_str());
        let (id, name) = match name {
            Name::Once(what) => {
                (format!("{case}/{what}"), Identity::name_of(&[mapping.as_bytes(), case.as_bytes(), what.as_bytes()]))
            }
            Name::Event(digest, occurrence) => (
                format!("{case}/{}/{occurrence}", hex(&digest)),
                Identity::name_of(&[mapping.as_bytes(), case.as_bytes(), &digest, &occurrence.to_be_bytes()]),
            ),
        };
        let text = crate::text(&body)?;
        let mut content = canonical(text, self.depth_max)?;
        content.push(b'\n');
        content.extend_from_slice(time.as_deref().unwrap_or_default().as_bytes());
        let envelope = Envelope {
            source: Some(mapping.to_owned()),
            id: Some(id),
            time,
            subject: Some(self.subject.clone()),
            agency: self.agency.clone(),
            ..Envelope::new(Format::Xes)
        };
        Ok(Event { kind, envelope, body, identity: Some(Identity::Named { name, content }) })
    }
}

fn to_json(body: &impl serde::Serialize) -> Result<Vec<u8>, IngestError> {
    serde_json::to_vec(body).map_err(|error| IngestError::Json(error.to_string()))
}

fn broken(error: &quick_xml::Error) -> IngestError {
    IngestError::Trace(format!("the XML is broken: {error}"))
}

/// Where in a trace the reader is.
enum Level {
    Trace,
    Event,
    /// An attribute with its path, which those within it continue.
    Attribute(String),
    /// `<values>` of a list: a wrapping without a key.
    Values(String),
}

fn read(text: &str, limits: &Limits) -> Result<Trace, IngestError> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut trace = Trace::default();
    let mut open: Vec<Level> = Vec::new();
    loop {
        match reader.read_event().map_err(|error| broken(&error))? {
            Xml::Start(tag) => {
                let in_event = matches!(open.get(1), Some(Level::Event));
                let level = enter(&tag, open.last(), in_event, &mut trace)?;
                if open.len() >= limits.xml_depth_max {
                    return Err(IngestError::Depth(limits.xml_depth_max));
                }
                open.push(level);
                let last = trace.events.last().map_or(0, Flat::len);
                if trace.case.len().max(last) > limits.attributes_max {
                    let most = limits.attributes_max;
                    return Err(IngestError::Trace(format!(
                        "the trace or an event of it has more than {most} attributes"
                    )));
                }
            }
            Xml::End(_) => {
                open.pop();
            }
            Xml::DocType(_) | Xml::GeneralRef(_) => {
                return Err(IngestError::Trace("an entity or document type stands within a trace".to_owned()));
            }
            Xml::Eof if open.is_empty() => return Ok(trace),
            Xml::Eof => return Err(IngestError::Trace("the trace is never closed".to_owned())),
            _ => {}
        }
    }
}

fn enter(
    tag: &BytesStart<'_>,
    within: Option<&Level>,
    in_event: bool,
    trace: &mut Trace,
) -> Result<Level, IngestError> {
    let name = tag.name();
    let name: &[u8] = name.as_ref().as_ref();
    let path = match (within, name) {
        (None, b"trace") => return Ok(Level::Trace),
        (None, _) => {
            return Err(IngestError::Trace("an event stands outside of a trace: it belongs to no case".to_owned()));
        }
        (Some(Level::Trace), b"event") => {
            trace.events.push(Flat::default());
            return Ok(Level::Event);
        }
        (_, b"trace" | b"event") => {
            return Err(IngestError::Trace("a trace or event stands within another: one is not closed".to_owned()));
        }
        (Some(Level::Attribute(path)), b"values") => return Ok(Level::Values(path.clone())),
        (Some(Level::Attribute(path) | Level::Values(path)), _) => Some(path),
        (Some(Level::Trace | Level::Event), _) => None,
    };
    let (key, value) = key_and_value(tag)?;
    let Some(key) = key else { return Err(IngestError::Trace("an attribute has no `key`".to_owned())) };
    let path = path.map_or_else(|| key.clone(), |path| format!("{path}/{key}"));
    let into = match trace.events.last_mut() {
        Some(event) if in_event => event,
        _ => &mut trace.case,
    };
    Ok(Level::Attribute(match typed(name, &path, value)? {
        Some(value) => into.insert(&path, value),
        None => path,
    }))
}
