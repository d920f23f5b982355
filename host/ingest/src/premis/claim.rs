//! The text of one event, element by element; what stands in an extension is passed over.

use crate::{IngestError, Limits};
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event as Xml};

/// An event is about so many objects at most, and as many agents.
const LINKED_MAX: usize = 1_000;

/// So many details, outcomes and notes are kept of it.
const TEXTS_MAX: usize = 1_000;

/// An event as it says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) id_type: String,
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) kind_uri: Option<String>,
    pub(super) time: String,
    pub(super) details: Vec<String>,
    pub(super) outcomes: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) agents: Vec<Linked>,
    pub(super) objects: Vec<Linked>,
}

/// An agent or an object that it names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Linked {
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) roles: Vec<String>,
}

/// The elements that are read; all others are [`Part::Other`], and so is what stands in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Event,
    Identifier,
    IdType,
    IdValue,
    Type,
    Time,
    DetailInformation,
    Detail,
    OutcomeInformation,
    Outcome,
    OutcomeDetail,
    Note,
    Agent,
    Object,
    LinkedType,
    LinkedValue,
    LinkedRole,
    Other,
}

impl Part {
    fn of(within: Option<Part>, name: &[u8]) -> Part {
        match (within, name) {
            (None, b"event") => Part::Event,
            (Some(Part::Event), b"eventIdentifier") => Part::Identifier,
            (Some(Part::Identifier), b"eventIdentifierType") => Part::IdType,
            (Some(Part::Identifier), b"eventIdentifierValue") => Part::IdValue,
            (Some(Part::Event), b"eventType") => Part::Type,
            (Some(Part::Event), b"eventDateTime") => Part::Time,
            (Some(Part::Event), b"eventDetailInformation") => Part::DetailInformation,
            (Some(Part::DetailInformation), b"eventDetail") => Part::Detail,
            (Some(Part::Event), b"eventOutcomeInformation") => Part::OutcomeInformation,
            (Some(Part::OutcomeInformation), b"eventOutcome") => Part::Outcome,
            (Some(Part::OutcomeInformation), b"eventOutcomeDetail") => Part::OutcomeDetail,
            (Some(Part::OutcomeDetail), b"eventOutcomeDetailNote") => Part::Note,
            (Some(Part::Event), b"linkingAgentIdentifier") => Part::Agent,
            (Some(Part::Event), b"linkingObjectIdentifier") => Part::Object,
            (Some(Part::Agent), b"linkingAgentIdentifierType") => Part::LinkedType,
            (Some(Part::Agent), b"linkingAgentIdentifierValue") => Part::LinkedValue,
            (Some(Part::Agent), b"linkingAgentRole") => Part::LinkedRole,
            (Some(Part::Object), b"linkingObjectIdentifierType") => Part::LinkedType,
            (Some(Part::Object), b"linkingObjectIdentifierValue") => Part::LinkedValue,
            (Some(Part::Object), b"linkingObjectRole") => Part::LinkedRole,
            _ => Part::Other,
        }
    }

    fn has_text(self) -> bool {
        use Part::{Detail, IdType, IdValue, LinkedRole, LinkedType, LinkedValue, Note, Outcome, Time, Type};
        matches!(self, IdType | IdValue | Type | Time | Detail | Outcome | Note | LinkedType | LinkedValue | LinkedRole)
    }
}

fn wrong<T>(why: impl Into<String>) -> Result<T, IngestError> {
    Err(IngestError::Premis(why.into()))
}

fn broken(error: &impl std::fmt::Display) -> IngestError {
    IngestError::Premis(format!("the XML is broken: {error}"))
}

/// Reads an event.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Claim, IngestError> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut claim = Claim::default();
    let mut open: Vec<Part> = Vec::new();
    let mut said = String::new();
    let mut seen = false;
    loop {
        match reader.read_event().map_err(|error| broken(&error))? {
            Xml::Start(tag) => {
                if open.len() >= limits.xml_depth_max {
                    return Err(IngestError::Depth(limits.xml_depth_max));
                }
                let local = tag.local_name();
                let part = Part::of(open.last().copied(), local.as_ref().as_ref());
                if open.is_empty() && (part != Part::Event || std::mem::replace(&mut seen, true)) {
                    return wrong("it is no event of PREMIS");
                }
                claim.begin(part, &tag)?;
                said.clear();
                open.push(part);
            }
            Xml::Text(text) if is_text(&open) => said.push_str(&text.xml10_content()),
            Xml::CData(text) if is_text(&open) => said.push_str(&text.xml10_content()),
            Xml::GeneralRef(reference) => {
                let resolved = resolve(&reference)?;
                if is_text(&open) {
                    said.push_str(&resolved);
                }
            }
            Xml::End(_) => {
                let linked = open.iter().rev().nth(1).copied();
                if let Some(part) = open.pop() {
                    claim.end(part, linked, said.trim())?;
                }
                said.clear();
            }
            Xml::DocType(_) => return wrong("a document type stands within an event"),
            Xml::Eof if open.is_empty() => return Ok(claim),
            Xml::Eof => return wrong("the event is never closed"),
            _ => {}
        }
    }
}

fn is_text(open: &[Part]) -> bool {
    open.last().is_some_and(|part| part.has_text())
}

/// The five entities that every XML has, and characters by number; no other.
fn resolve(reference: &BytesRef<'_>) -> Result<String, IngestError> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| broken(&error))? {
        return Ok(character.to_string());
    }
    match resolve_predefined_entity(&reference.xml10_content()) {
        Some(text) => Ok(text.to_owned()),
        None => wrong("an entity of the file's own stands within an event"),
    }
}

impl Claim {
    fn begin(&mut self, part: Part, tag: &BytesStart<'_>) -> Result<(), IngestError> {
        match part {
            Part::Agent => self.agents.push(Linked::default()),
            Part::Object => self.objects.push(Linked::default()),
            Part::Type => {
                for attribute in tag.attributes() {
                    let attribute = attribute.map_err(|error| broken(&error))?;
                    let name: &[u8] = attribute.key.as_ref().as_ref();
                    if name == b"valueURI" {
                        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
                        self.kind_uri = Some(value.map_err(|error| broken(&error))?.into_owned());
                    }
                }
            }
            _ => {}
        }
        if self.agents.len().max(self.objects.len()) > LINKED_MAX {
            return wrong(format!("the event names more than {LINKED_MAX} objects or agents"));
        }
        Ok(())
    }

    /// Takes the text of an element that has ended.
    fn end(&mut self, part: Part, within: Option<Part>, said: &str) -> Result<(), IngestError> {
        if said.is_empty() || !part.has_text() {
            return Ok(());
        }
        let once = |field: &mut String| {
            if field.is_empty() {
                said.clone_into(field);
                Ok(())
            } else {
                wrong("an identifier, type or date stands twice in one event")
            }
        };
        let linked = if within == Some(Part::Agent) { self.agents.last_mut() } else { self.objects.last_mut() };
        let many = match part {
            Part::IdType => return once(&mut self.id_type),
            Part::IdValue => return once(&mut self.id),
            Part::Type => return once(&mut self.kind),
            Part::Time => return once(&mut self.time),
            Part::LinkedType => return linked.map_or(Ok(()), |linked| once(&mut linked.kind)),
            Part::LinkedValue => return linked.map_or(Ok(()), |linked| once(&mut linked.value)),
            Part::LinkedRole => linked.map(|linked| &mut linked.roles),
            Part::Detail => Some(&mut self.details),
            Part::Outcome => Some(&mut self.outcomes),
            Part::Note => Some(&mut self.notes),
            _ => None,
        };
        let Some(many) = many else { return Ok(()) };
        if many.len() >= TEXTS_MAX {
            return wrong(format!("the event has more than {TEXTS_MAX} details, outcomes or roles"));
        }
        many.push(said.to_owned());
        Ok(())
    }
}
