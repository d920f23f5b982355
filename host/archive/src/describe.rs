//! What is said about a record in the words of others: Dublin Core, EAD 3 and PREMIS 3.

mod premis;

use crate::ArchiveError;
use crate::parcel::{Parcel, PlacedRecord, Record};
use crate::xml::Xml;

/// The namespace of [`SCHEMA`].
const DESCRIPTION: &str = "https://fonds.dev/description/1";

/// What checks the Dublin Core description: it goes into each package of its own.
pub(crate) const SCHEMA: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="https://fonds.dev/description/1" elementFormDefault="qualified">
 <xs:element name="record">
  <xs:annotation><xs:documentation>A record in Dublin Core: elements of http://purl.org/dc/elements/1.1/ in any order.</xs:documentation></xs:annotation>
  <xs:complexType>
   <xs:sequence><xs:any namespace="http://purl.org/dc/elements/1.1/" processContents="lax" minOccurs="1" maxOccurs="unbounded"/></xs:sequence>
  </xs:complexType>
 </xs:element>
</xs:schema>
"#;

/// What a person who opens a package reads first.
pub(crate) fn read_me(parcel: &Parcel) -> String {
    let mut text = format!("{}\nMade {} by fonds {}.\n\n", parcel.id, parcel.made, parcel.software_version);
    text.push_str(
        "METS.xml lists every file. metadata/descriptive describes the records, metadata/preservation says what\n",
    );
    text.push_str(
        "happened to them, and documentation holds, for each record, a page that proves its history.\n\nRecords:\n",
    );
    for record in &parcel.records {
        text.push_str(&format!("- {}\n", crate::finding::shown(&record.id)));
    }
    text
}

/// The files that describe a record, by what they are called.
pub(crate) fn files(parcel: &Parcel, placed: &PlacedRecord<'_>) -> Result<[(&'static str, Vec<u8>); 3], ArchiveError> {
    Ok([
        ("dc.xml", dublin_core(parcel, placed.record)?),
        ("ead.xml", ead(parcel, placed.record)?),
        ("premis.xml", premis::render(parcel, placed)?),
    ])
}

/// The record in Dublin Core.
fn dublin_core(parcel: &Parcel, record: &Record) -> Result<Vec<u8>, ArchiveError> {
    let mut xml = Xml::new();
    xml.open("record", &[("xmlns", DESCRIPTION), ("xmlns:dc", "http://purl.org/dc/elements/1.1/")]);
    xml.text("dc:identifier", &[], &record.id);
    xml.text("dc:title", &[], record.title.as_deref().unwrap_or(&record.id));
    xml.text_if("dc:creator", record.creator.as_deref().or(record.agency.as_deref()));
    xml.text_if("dc:publisher", parcel.sender.as_deref().or(record.agency.as_deref()));
    xml.text_if("dc:type", record.kind.as_deref());
    xml.text_if("dc:date", record.created.as_deref());
    xml.text_if("dc:relation", record.series.as_deref());
    xml.text_if("dc:rights", record.access.as_deref());
    for (name, value) in &record.description {
        match element(name) {
            Some(element) => xml.text(element, &[], value),
            None => xml.text("dc:description", &[], &format!("{name}: {value}")),
        }
    }
    let mut formats: Vec<&str> = Vec::new();
    for format in record.representations.iter().flat_map(|form| &form.files).filter_map(|file| file.format.as_deref()) {
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    formats.into_iter().for_each(|format| xml.text("dc:format", &[], format));
    xml.finish()
}

/// The element that a field of the plan's description is, where its name is one of Dublin Core's.
fn element(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("dc:").or_else(|| name.strip_prefix("dc.")).unwrap_or(name);
    Some(match name {
        "title" => "dc:title",
        "subject" => "dc:subject",
        "description" => "dc:description",
        "contributor" => "dc:contributor",
        "creator" => "dc:creator",
        "publisher" => "dc:publisher",
        "date" => "dc:date",
        "type" => "dc:type",
        "source" => "dc:source",
        "language" => "dc:language",
        "relation" => "dc:relation",
        "coverage" => "dc:coverage",
        "rights" => "dc:rights",
        _ => return None,
    })
}

/// The record as one unit of description in EAD 3.
fn ead(parcel: &Parcel, record: &Record) -> Result<Vec<u8>, ArchiveError> {
    let agency = parcel.sender.as_deref().or(record.agency.as_deref()).unwrap_or("unknown");
    let title = record.title.as_deref().unwrap_or(&record.id);
    let mut xml = Xml::new();
    xml.open("ead", &[("xmlns", "http://ead3.archivists.org/schema/")]);
    xml.open("control", &[]);
    xml.text("recordid", &[], &record.id);
    xml.open("filedesc", &[]);
    xml.open("titlestmt", &[]);
    xml.text("titleproper", &[], title);
    xml.close();
    xml.close();
    xml.empty("maintenancestatus", &[("value", "new")]);
    xml.open("maintenanceagency", &[]);
    xml.text("agencyname", &[], agency);
    xml.close();
    xml.open("maintenancehistory", &[]);
    xml.open("maintenanceevent", &[]);
    xml.empty("eventtype", &[("value", "created")]);
    xml.text("eventdatetime", &[("standarddatetime", &parcel.made)], &parcel.made);
    xml.empty("agenttype", &[("value", "machine")]);
    xml.text("agent", &[], &format!("fonds {}", parcel.software_version));
    xml.close();
    xml.close();
    xml.close();
    let level = if record.kind.as_deref().is_some_and(|kind| kind.contains("file")) { "file" } else { "item" };
    xml.open("archdesc", &[("level", level)]);
    xml.open("did", &[]);
    xml.text("unitid", &[], &record.id);
    xml.text("unittitle", &[], title);
    match (&record.created, &record.closed) {
        (Some(from), Some(to)) => xml.text("unitdate", &[], &format!("{from}/{to}")),
        (Some(date), None) | (None, Some(date)) => xml.text("unitdate", &[], date),
        (None, None) => {}
    }
    if let Some(creator) = record.creator.as_deref().or(record.agency.as_deref()) {
        xml.open("origination", &[]);
        xml.open("corpname", &[]);
        xml.text("part", &[], creator);
        xml.close();
        xml.close();
    }
    xml.close();
    let sections = [
        ("accessrestrict", record.access.clone()),
        ("arrangement", record.series.as_ref().map(|series| format!("Series {series}"))),
        ("userestrict", record.label.as_ref().map(|label| format!("Label: {label}"))),
    ];
    for (section, text) in sections.into_iter().filter_map(|(section, text)| Some((section, text?))) {
        xml.open(section, &[]);
        xml.text("p", &[], &text);
        xml.close();
    }
    if !record.description.is_empty() {
        xml.open("odd", &[]);
        for (name, value) in &record.description {
            xml.text("p", &[], &format!("{name}: {value}"));
        }
        xml.close();
    }
    xml.finish()
}
