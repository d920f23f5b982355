//! What is packed: records with their content, what is said about them, and the proof of their history.

use crate::content::Stores;
use crate::finding::Format;
use crate::sink::Written;
use crate::{ArchiveError, bagit, describe, eark, name};
use fonds_model::{ContentFile, Digest, Fixity, Kind};
use serde::Serialize;
use std::io::Read;
use std::path::Path;

/// What goes into one package.
#[derive(Debug, Clone, Default)]
pub struct Parcel {
    /// The package's id, as the archive will know it.
    pub id: String,
    /// When it is made, RFC 3339.
    pub made: String,
    /// The same in seconds since 1970.
    pub made_seconds: u64,
    /// Who hands it over: the responsible agency.
    pub sender: Option<String>,
    /// The archive that it is for.
    pub destination: Option<String>,
    /// The version of the program that makes it.
    pub software_version: String,
    /// The records.
    pub records: Vec<Record>,
}

/// A record that is packed.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub title: Option<String>,
    /// What it is: `case-file`, `dataset`, …
    pub kind: Option<String>,
    /// Who answers for it.
    pub agency: Option<String>,
    /// Whose fonds it belongs to.
    pub creator: Option<String>,
    /// Its series.
    pub series: Option<String>,
    /// When it was created.
    pub created: Option<String>,
    /// When it was closed.
    pub closed: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Who may see it, as the archival policy says.
    pub access: Option<String>,
    /// What the archival policy says about it.
    pub description: Vec<(String, String)>,
    /// What happened to it, in the order of the log.
    pub events: Vec<Event>,
    /// Its content: first as it was made, then each format that it was migrated to.
    pub representations: Vec<Representation>,
    /// A file that proves its history.
    pub evidence: Option<Vec<u8>>,
}

/// Something that happened to a record.
#[derive(Debug, Clone)]
pub struct Event {
    /// The entry of the log.
    pub seq: u64,
    /// What happened.
    pub kind: Kind,
    /// When, as far as that is known.
    pub time: String,
    /// More about it, in words.
    pub detail: Option<String>,
    /// `pass` or `fail`, where it was a check.
    pub outcome: Option<String>,
    /// Who did it.
    pub agent: Option<String>,
}

/// A record's content in one form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Representation {
    /// Its files.
    pub files: Vec<ContentFile>,
}

/// A package that was made.
#[derive(Debug, Clone, Serialize)]
pub struct Packed {
    /// Which format it has.
    pub format: Format,
    /// How many files it has, and how many bytes.
    pub files: u64,
    /// How many bytes those have.
    pub bytes: u64,
    /// How many files of content are in it.
    pub content_files: u64,
    /// How many bytes those have.
    pub content_bytes: u64,
    /// SHA-256 of the file that fixes all others: a bag's `tagmanifest-sha256.txt`, an E-ARK package's `METS.xml`.
    pub seal: Digest,
    /// Content of which the log says neither digest nor size, so that nothing could be compared.
    pub unproved: Vec<String>,
}

/// A file of content as it lies in the package.
#[derive(Debug)]
pub(crate) struct Placed<'p> {
    pub(crate) said: &'p ContentFile,
    /// Its path from the package's root.
    pub(crate) path: String,
    pub(crate) fixity: Fixity,
}

/// A record with its content as it lies in the package.
#[derive(Debug)]
pub(crate) struct PlacedRecord<'p> {
    pub(crate) record: &'p Record,
    /// A short name that no other record in the package has.
    pub(crate) name: String,
    pub(crate) representations: Vec<Vec<Placed<'p>>>,
}

/// Packs records: their content comes from the stores, and is compared with what the log says on the way.
///
/// # Errors
/// [`ArchiveError::Differs`] when content is not what the log says, [`ArchiveError::Missing`] when it is gone; nothing is
/// left behind then.
pub fn pack(parcel: &Parcel, stores: &Stores, to: &Path, format: Format) -> Result<Packed, ArchiveError> {
    match format {
        Format::Bagit => pack_bag(parcel, stores, to),
        Format::Eark => eark::pack(parcel, stores, to),
    }
}

/// A name for each record.
pub(crate) fn names(parcel: &Parcel) -> Vec<String> {
    let mut namer = name::Namer::default();
    parcel.records.iter().map(|record| namer.path(&name::slug(&record.id))).collect()
}

/// Opens a file of content, hands it to whoever writes it, and compares what was written with what the log says.
pub(crate) fn place<'p>(
    said: &'p ContentFile,
    stores: &Stores,
    write: impl FnOnce(u64, Box<dyn Read + Send>) -> Result<(String, Fixity), ArchiveError>,
) -> Result<Placed<'p>, ArchiveError> {
    let located = stores.locate(&said.location)?;
    let size = located.size()?;
    let differs = |why| ArchiveError::Differs { location: said.location.clone(), why };
    if let Some(expected) = said.size.filter(|expected| *expected != size) {
        // Before a byte of it is copied.
        return Err(differs(format!("its size is {size}, and the log says {expected}")));
    }
    let (path, fixity) = write(size, located.read()?)?;
    match fixity.differs_from(said) {
        Some(why) => Err(differs(why)),
        None => Ok(Placed { said, path, fixity }),
    }
}

/// What is told of a package that was made.
pub(crate) fn packed(format: Format, written: Written, seal: Digest, records: &[PlacedRecord<'_>]) -> Packed {
    let Written { files, bytes } = written;
    let mut packed = Packed { format, files, bytes, content_files: 0, content_bytes: 0, seal, unproved: Vec::new() };
    for placed in records.iter().flat_map(|record| record.representations.iter().flatten()) {
        packed.content_files += 1;
        packed.content_bytes += placed.fixity.size;
        if placed.said.sha256.is_none() && placed.said.sha512.is_none() {
            packed.unproved.push(placed.said.location.clone());
        }
    }
    packed
}

fn pack_bag(parcel: &Parcel, stores: &Stores, to: &Path) -> Result<Packed, ArchiveError> {
    let mut bag = bagit::Bag::create(to, parcel.made_seconds)?;
    let mut records = Vec::with_capacity(parcel.records.len());
    for (record, name) in parcel.records.iter().zip(names(parcel)) {
        let mut representations = Vec::new();
        for (representation, number) in record.representations.iter().zip(1_u64..) {
            let mut placed = Vec::with_capacity(representation.files.len());
            for said in &representation.files {
                let like = format!("{name}/rep{number}/{}", said.name());
                placed.push(place(said, stores, |size, read| bag.payload(&like, size, read))?);
            }
            representations.push(placed);
        }
        records.push(PlacedRecord { record, name, representations });
    }
    for placed in &records {
        for (end, bytes) in describe::files(parcel, placed)? {
            bag.tag(&format!("metadata/{}/{end}", placed.name), &bytes)?;
        }
        if let Some(evidence) = &placed.record.evidence {
            bag.tag(&format!("metadata/{}/evidence.html", placed.name), evidence)?;
        }
    }
    let date = parcel.made.get(..10).unwrap_or(&parcel.made);
    let bagged = bag.finish(&bag_info(parcel), date)?;
    let written = Written { files: bagged.files, bytes: bagged.bytes };
    Ok(packed(Format::Bagit, written, bagged.seal, &records))
}

fn bag_info(parcel: &Parcel) -> Vec<(String, String)> {
    let mut info = vec![("External-Identifier".to_owned(), parcel.id.clone())];
    let mut add = |label: &str, value: &str| info.push((label.to_owned(), value.to_owned()));
    if let Some(sender) = &parcel.sender {
        add("Source-Organization", sender);
    }
    if let Some(destination) = &parcel.destination {
        add("Destination", destination);
    }
    add("Bag-Software-Agent", &format!("fonds {}", parcel.software_version));
    for record in &parcel.records {
        add("Internal-Sender-Identifier", &record.id);
        let fields = [
            ("Internal-Sender-Description", &record.title),
            ("Access", &record.access),
            ("Record-Series", &record.series),
        ];
        for (label, value) in fields {
            if let Some(value) = value {
                add(label, value);
            }
        }
    }
    info
}
