//! PREMIS 3: the record and its files as objects, what happened as events, who did it as agents, who may see it as rights.

use crate::ArchiveError;
use crate::parcel::{Event, Parcel, Placed, PlacedRecord};
use crate::xml::Xml;
use fonds_model::Kind;
use std::collections::BTreeSet;

/// Where the terms for kinds of events are published.
const EVENT_TYPES: &str = "http://id.loc.gov/vocabulary/preservation/eventType";

/// The term of the PREMIS vocabulary for a kind of ours; none where it has none, and ours is written.
#[must_use]
pub(super) fn term(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::RecordCreated => "creation",
        Kind::RecordCaptured => "capture",
        Kind::RecordModified => "modification",
        Kind::RecordFiled => "metadata modification",
        Kind::RecordClassified | Kind::RecordLabelled => "policy assignment",
        Kind::RecordAccessed | Kind::RecordShared => "dissemination",
        Kind::RecordMoved | Kind::RecordTransferred => "transfer",
        Kind::RecordMigrated => "migration",
        Kind::RecordFixityChecked => "fixity check",
        Kind::RecordArchived => "accession",
        Kind::RecordDestroyed => "deletion",
        _ => return None,
    })
}

pub(super) fn render(parcel: &Parcel, placed: &PlacedRecord<'_>) -> Result<Vec<u8>, ArchiveError> {
    let mut xml = Xml::new();
    xml.open(
        "premis",
        &[
            ("xmlns", "http://www.loc.gov/premis/v3"),
            ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
            ("xsi:schemaLocation", "http://www.loc.gov/premis/v3 https://www.loc.gov/standards/premis/premis.xsd"),
            ("version", "3.0"),
        ],
    );
    let record = placed.record;
    xml.open("object", &[("xsi:type", "intellectualEntity")]);
    identifier(&mut xml, OBJECT, "fonds record", &record.id);
    xml.text_if("originalName", record.title.as_deref());
    if record.access.is_some() {
        linked_rights(&mut xml, &record.id);
    }
    xml.close();
    for (files, number) in placed.representations.iter().zip(1_u64..) {
        let form = format!("{}#rep{number}", record.id);
        xml.open("object", &[("xsi:type", "representation")]);
        identifier(&mut xml, OBJECT, "fonds representation", &form);
        relationship(&mut xml, ("structural", "represents"), "fonds record", &record.id);
        xml.close();
        for file in files {
            object(&mut xml, file, &form);
        }
    }
    for event in &record.events {
        write_event(&mut xml, event, &record.id);
    }
    packing(&mut xml, parcel, placed);
    let agents: BTreeSet<&str> = record.events.iter().filter_map(|event| event.agent.as_deref()).collect();
    for agent in agents {
        xml.open("agent", &[]);
        identifier(&mut xml, AGENT, "fonds agent", agent);
        xml.text("agentName", &[], agent);
        xml.close();
    }
    xml.open("agent", &[]);
    identifier(&mut xml, AGENT, "software", "fonds");
    xml.text("agentName", &[], "fonds");
    xml.text("agentType", &[], "software");
    xml.text("agentVersion", &[], &parcel.software_version);
    xml.close();
    if let Some(access) = &record.access {
        rights(&mut xml, &record.id, access);
    }
    xml.finish()
}

type Identifier = [&'static str; 3];
const OBJECT: Identifier = ["objectIdentifier", "objectIdentifierType", "objectIdentifierValue"];
const EVENT: Identifier = ["eventIdentifier", "eventIdentifierType", "eventIdentifierValue"];
const AGENT: Identifier = ["agentIdentifier", "agentIdentifierType", "agentIdentifierValue"];
const LINKED_AGENT: Identifier =
    ["linkingAgentIdentifier", "linkingAgentIdentifierType", "linkingAgentIdentifierValue"];
const LINKED_OBJECT: Identifier =
    ["linkingObjectIdentifier", "linkingObjectIdentifierType", "linkingObjectIdentifierValue"];
const RELATED: Identifier = ["relatedObjectIdentifier", "relatedObjectIdentifierType", "relatedObjectIdentifierValue"];
const RIGHTS: Identifier =
    ["rightsStatementIdentifier", "rightsStatementIdentifierType", "rightsStatementIdentifierValue"];
const LINKED_RIGHTS: Identifier = [
    "linkingRightsStatementIdentifier",
    "linkingRightsStatementIdentifierType",
    "linkingRightsStatementIdentifierValue",
];

fn identifier(xml: &mut Xml, [outer, kind_name, value_name]: Identifier, kind: &str, value: &str) {
    xml.open(outer, &[]);
    xml.text(kind_name, &[], kind);
    xml.text(value_name, &[], value);
    xml.close();
}

fn linked_rights(xml: &mut Xml, id: &str) {
    identifier(xml, LINKED_RIGHTS, "fonds rights", &format!("{id}#access"));
}

fn relationship(xml: &mut Xml, (kind, sub_kind): (&str, &str), id_kind: &str, id: &str) {
    xml.open("relationship", &[]);
    xml.text("relationshipType", &[], kind);
    xml.text("relationshipSubType", &[], sub_kind);
    identifier(xml, RELATED, id_kind, id);
    xml.close();
}

fn object(xml: &mut Xml, file: &Placed<'_>, form: &str) {
    xml.open("object", &[("xsi:type", "file")]);
    identifier(xml, OBJECT, "path in the package", &file.path);
    xml.open("objectCharacteristics", &[]);
    for (algorithm, digest) in
        [("SHA-256", file.fixity.sha256.to_string()), ("SHA-512", file.fixity.sha512.to_string())]
    {
        xml.open("fixity", &[]);
        xml.text("messageDigestAlgorithm", &[], algorithm);
        xml.text("messageDigest", &[], &digest);
        xml.close();
    }
    xml.text("size", &[], &file.fixity.size.to_string());
    xml.open("format", &[]);
    match file.said.format.as_deref().filter(|format| !format.contains('/')) {
        Some(pronom) => {
            xml.open("formatRegistry", &[]);
            xml.text("formatRegistryName", &[], "PRONOM");
            xml.text("formatRegistryKey", &[], pronom);
            xml.close();
        }
        None => {
            xml.open("formatDesignation", &[]);
            xml.text("formatName", &[], super::super::eark::media_type(file.said));
            xml.close();
        }
    }
    xml.close();
    xml.close();
    xml.text("originalName", &[], file.said.name());
    xml.open("storage", &[]);
    xml.open("contentLocation", &[]);
    xml.text("contentLocationType", &[], "where it was packed from");
    xml.text("contentLocationValue", &[], &file.said.location);
    xml.close();
    xml.close();
    relationship(xml, ("structural", "is part of"), "fonds representation", form);
    xml.close();
}

fn write_event(xml: &mut Xml, event: &Event, id: &str) {
    xml.open("event", &[]);
    identifier(xml, EVENT, "fonds log entry", &event.seq.to_string());
    match term(event.kind) {
        Some(term) => xml.text("eventType", &[("authority", "eventType"), ("authorityURI", EVENT_TYPES)], term),
        None => xml.text("eventType", &[], event.kind.as_str()),
    }
    xml.text("eventDateTime", &[], &event.time);
    let detail = match &event.detail {
        Some(detail) => format!("{}: {detail}", event.kind),
        None => event.kind.to_string(),
    };
    xml.open("eventDetailInformation", &[]);
    xml.text("eventDetail", &[], &detail);
    xml.close();
    if let Some(outcome) = &event.outcome {
        xml.open("eventOutcomeInformation", &[]);
        xml.text("eventOutcome", &[], outcome);
        xml.close();
    }
    if let Some(agent) = &event.agent {
        identifier(xml, LINKED_AGENT, "fonds agent", agent);
    }
    identifier(xml, LINKED_OBJECT, "fonds record", id);
    xml.close();
}

/// That it was packed, and that what was packed is what the log says.
fn packing(xml: &mut Xml, parcel: &Parcel, placed: &PlacedRecord<'_>) {
    let files: usize = placed.representations.iter().map(Vec::len).sum();
    for (term, detail) in [
        ("packing", format!("packed as {}", parcel.id)),
        ("fixity check", format!("{files} files compared with the log while they were packed")),
    ] {
        xml.open("event", &[]);
        identifier(xml, EVENT, "package", &format!("{}#{}", parcel.id, term.replace(' ', "-")));
        xml.text("eventType", &[("authority", "eventType"), ("authorityURI", EVENT_TYPES)], term);
        xml.text("eventDateTime", &[], &parcel.made);
        xml.open("eventDetailInformation", &[]);
        xml.text("eventDetail", &[], &detail);
        xml.close();
        xml.open("eventOutcomeInformation", &[]);
        xml.text("eventOutcome", &[], "success");
        xml.close();
        identifier(xml, LINKED_AGENT, "software", "fonds");
        identifier(xml, LINKED_OBJECT, "fonds record", &placed.record.id);
        xml.close();
    }
}

fn rights(xml: &mut Xml, id: &str, access: &str) {
    xml.open("rights", &[]);
    xml.open("rightsStatement", &[]);
    identifier(xml, RIGHTS, "fonds rights", &format!("{id}#access"));
    xml.text("rightsBasis", &[], "other");
    xml.open("otherRightsInformation", &[]);
    xml.text("otherRightsBasis", &[], "archival policy");
    xml.close();
    xml.open("rightsGranted", &[]);
    xml.text("act", &[], "disseminate");
    xml.text("restriction", &[], access);
    xml.close();
    identifier(xml, LINKED_OBJECT, "fonds record", id);
    xml.close();
    xml.close();
}
