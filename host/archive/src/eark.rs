//! E-ARK packages: the common specification (CSIP) and submissions (SIP), 2.2.

mod mets;
mod read;
mod rules;
mod validate;

#[cfg(test)]
mod tests;

use crate::content::Stores;
use crate::finding::Format;
use crate::parcel::{self, Packed, Parcel, Placed, PlacedRecord};
use crate::sink::Sink;
use crate::{ArchiveError, describe, name};
use fonds_model::ContentFile;
use mets::{Group, Mets, Part, Ref};
use std::path::Path;

pub use validate::validate;
pub(crate) use validate::validate_tree;

/// Packs records as one SIP: each representation has its own METS, and the root's names all of them.
pub(crate) fn pack(parcel: &Parcel, stores: &Stores, to: &Path) -> Result<Packed, ArchiveError> {
    let mut sink = Sink::create(to, parcel.made_seconds)?;
    let mut package = Mets::package(parcel, &sink.top());
    let mut records = Vec::with_capacity(parcel.records.len());
    for (record, name) in parcel.records.iter().zip(parcel::names(parcel)) {
        let mut representations = Vec::new();
        for (representation, number) in record.representations.iter().zip(1_u64..) {
            let folder = format!("representations/{name}-rep{number}");
            let placed = representation_files(&mut sink, &folder, &representation.files, stores)?;
            package.parts.push(representation_mets(&mut sink, parcel, &folder, &placed)?);
            representations.push(placed);
        }
        records.push(PlacedRecord { record, name, representations });
    }
    let mut documentation = Group::new("Documentation");
    for placed in &records {
        describe_record(&mut sink, parcel, placed, &mut package)?;
        if let Some(evidence) = &placed.record.evidence {
            let path = format!("documentation/{}/evidence.html", placed.name);
            documentation.files.push(put(&mut sink, path, evidence, "text/html")?);
        }
    }
    let read_me = describe::read_me(parcel);
    documentation.files.push(put(&mut sink, "documentation/README.txt".to_owned(), read_me.as_bytes(), "text/plain")?);
    let mut schemas = Group::new("Schemas");
    let schema = describe::SCHEMA.as_bytes();
    schemas.files.push(put(&mut sink, "schemas/fonds-description.xsd".to_owned(), schema, "application/xml")?);
    package.groups = vec![documentation, schemas];
    let seal = sink.bytes("METS.xml", &package.render()?)?.sha256;
    Ok(parcel::packed(Format::Eark, sink.finish()?, seal, &records))
}

fn representation_files<'p>(
    sink: &mut Sink,
    folder: &str,
    files: &'p [ContentFile],
    stores: &Stores,
) -> Result<Vec<Placed<'p>>, ArchiveError> {
    let mut namer = name::Namer::default();
    let mut placed = Vec::with_capacity(files.len());
    for said in files {
        let path = format!("{folder}/data/{}", namer.path(said.name()));
        placed.push(parcel::place(said, stores, |size, read| Ok((path.clone(), sink.file(&path, size, read)?)))?);
    }
    Ok(placed)
}

/// Writes a representation's METS, and says what the root's is to say of it.
fn representation_mets(
    sink: &mut Sink,
    parcel: &Parcel,
    folder: &str,
    placed: &[Placed<'_>],
) -> Result<Part, ArchiveError> {
    let title = folder.rsplit('/').next().unwrap_or(folder);
    let mut mets = Mets::representation(parcel, title);
    if !placed.is_empty() {
        let mut data = Group::new("Data");
        for file in placed {
            let path = file.path.strip_prefix(folder).unwrap_or(&file.path).trim_start_matches('/');
            data.files.push(Ref::of(path.to_owned(), media_type(file.said), &file.fixity));
        }
        mets.groups.push(data);
    }
    let path = format!("{folder}/METS.xml");
    let written = put(sink, path, &mets.render()?, "application/xml")?;
    Ok(Part { label: format!("Representations/{title}"), mets: written })
}

fn describe_record(
    sink: &mut Sink,
    parcel: &Parcel,
    placed: &PlacedRecord<'_>,
    package: &mut Mets<'_>,
) -> Result<(), ArchiveError> {
    for (end, bytes) in describe::files(parcel, placed)? {
        let (folder, kind) = match end {
            "dc.xml" => ("descriptive", "DC"),
            "ead.xml" => ("descriptive", "EAD"),
            _ => ("preservation", "PREMIS"),
        };
        let path = format!("metadata/{folder}/{}.{end}", placed.name);
        let said = put(sink, path, &bytes, "text/xml")?;
        let into = if kind == "PREMIS" { &mut package.administrative } else { &mut package.descriptive };
        into.push((kind, said));
    }
    Ok(())
}

fn put(sink: &mut Sink, path: String, bytes: &[u8], media_type: &'static str) -> Result<Ref, ArchiveError> {
    let fixity = sink.bytes(&path, bytes)?;
    Ok(Ref::of(path, media_type, &fixity))
}

/// The media type of a file of content: as the log says it, else by the end of its name.
pub(crate) fn media_type(file: &ContentFile) -> &str {
    if let Some(format) = file.format.as_deref().filter(|format| is_media_type(format)) {
        return format;
    }
    let end = file.name().rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match end.as_str() {
        "pdf" => "application/pdf",
        "txt" | "log" => "text/plain",
        "csv" => "text/csv",
        "xml" => "application/xml",
        "json" => "application/json",
        "html" | "htm" => "text/html",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "tif" | "tiff" => "image/tiff",
        "zip" => "application/zip",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "odt" => "application/vnd.oasis.opendocument.text",
        "eml" => "message/rfc822",
        _ => "application/octet-stream",
    }
}

fn is_media_type(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.split_once('/').is_some_and(|(kind, rest)| plain(kind) && plain(rest))
}
