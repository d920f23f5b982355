//! Writing METS as CSIP 2.2 and SIP 2.2 want it.

use crate::ArchiveError;
use crate::parcel::Parcel;
use crate::xml::Xml;
use fonds_model::Fixity;

/// The profile of a submission.
pub(super) const SIP_PROFILE: &str = "https://earksip.dilcis.eu/profile/E-ARK-SIP-v2-2-0.xml";
/// The profile of a representation within one.
pub(super) const CSIP_PROFILE: &str = "https://earkcsip.dilcis.eu/profile/E-ARK-CSIP-v2-2-0.xml";
pub(super) const METS: &str = "http://www.loc.gov/METS/";
pub(super) const CSIP: &str = "https://DILCIS.eu/XML/METS/CSIPExtensionMETS";
const SIP: &str = "https://DILCIS.eu/XML/METS/SIPExtensionMETS";
pub(super) const XLINK: &str = "http://www.w3.org/1999/xlink";
const LOCATIONS: &str = "http://www.loc.gov/METS/ http://www.loc.gov/standards/mets/mets.xsd \
    https://DILCIS.eu/XML/METS/CSIPExtensionMETS https://earkcsip.dilcis.eu/schema/DILCISExtensionMETS.xsd \
    https://DILCIS.eu/XML/METS/SIPExtensionMETS https://earksip.dilcis.eu/schema/DILCISExtensionSIPMETS.xsd";

/// A METS document.
pub(super) struct Mets<'p> {
    parcel: &'p Parcel,
    id: String,
    is_package: bool,
    /// Descriptions, with their kinds (`DC`, `EAD`).
    pub(super) descriptive: Vec<(&'static str, Ref)>,
    /// What happened, and rights (`PREMIS`).
    pub(super) administrative: Vec<(&'static str, Ref)>,
    pub(super) groups: Vec<Group>,
    pub(super) parts: Vec<Part>,
}

/// Files of one use.
pub(super) struct Group {
    usage: String,
    pub(super) files: Vec<Ref>,
}

impl Group {
    pub(super) fn new(usage: &str) -> Self {
        Self { usage: usage.to_owned(), files: Vec::new() }
    }
}

/// A representation with its own METS.
pub(super) struct Part {
    pub(super) label: String,
    pub(super) mets: Ref,
}

/// A file that is named with what it is.
pub(super) struct Ref {
    path: String,
    media_type: String,
    size: u64,
    sha256: String,
}

impl Ref {
    pub(super) fn of(path: String, media_type: &str, fixity: &Fixity) -> Self {
        Self { path, media_type: media_type.to_owned(), size: fixity.size, sha256: fixity.sha256.to_hex() }
    }
}

/// A path as a URI reference.
pub(super) fn href(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

impl<'p> Mets<'p> {
    pub(super) fn package(parcel: &'p Parcel, id: &str) -> Self {
        Self::new(parcel, id, true)
    }

    pub(super) fn representation(parcel: &'p Parcel, id: &str) -> Self {
        Self::new(parcel, id, false)
    }

    fn new(parcel: &'p Parcel, id: &str, is_package: bool) -> Self {
        Self {
            parcel,
            id: id.to_owned(),
            is_package,
            descriptive: Vec::new(),
            administrative: Vec::new(),
            groups: Vec::new(),
            parts: Vec::new(),
        }
    }

    pub(super) fn render(&self) -> Result<Vec<u8>, ArchiveError> {
        let mut xml = Xml::new();
        let profile = if self.is_package { SIP_PROFILE } else { CSIP_PROFILE };
        xml.open(
            "mets",
            &[
                ("xmlns", METS),
                ("xmlns:csip", CSIP),
                ("xmlns:sip", SIP),
                ("xmlns:xlink", XLINK),
                ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
                ("xsi:schemaLocation", LOCATIONS),
                ("OBJID", &self.id),
                ("TYPE", "Other"),
                ("csip:OTHERTYPE", "Public records"),
                ("csip:CONTENTINFORMATIONTYPE", "MIXED"),
                ("PROFILE", profile),
            ],
        );
        self.header(&mut xml);
        for ((kind, said), number) in self.descriptive.iter().zip(1_u64..) {
            let id = format!("dmd-{number}");
            xml.open("dmdSec", &[("ID", &id), ("CREATED", &self.parcel.made), ("STATUS", "CURRENT")]);
            self.metadata(&mut xml, kind, said);
            xml.close();
        }
        if !self.administrative.is_empty() {
            xml.open("amdSec", &[("ID", "amd-1")]);
            for ((kind, said), number) in self.administrative.iter().zip(1_u64..) {
                let id = format!("digiprov-{number}");
                xml.open("digiprovMD", &[("ID", &id), ("CREATED", &self.parcel.made), ("STATUS", "CURRENT")]);
                self.metadata(&mut xml, kind, said);
                xml.close();
            }
            xml.close();
        }
        self.files(&mut xml);
        self.structure(&mut xml);
        xml.finish()
    }

    fn header(&self, xml: &mut Xml) {
        let made = self.parcel.made.as_str();
        xml.open(
            "metsHdr",
            &[("CREATEDATE", made), ("LASTMODDATE", made), ("RECORDSTATUS", "NEW"), ("csip:OAISPACKAGETYPE", "SIP")],
        );
        let mut agent = |attributes: &[(&str, &str)], name: &str, note: (&str, &str)| {
            xml.open("agent", attributes);
            xml.text("name", &[], name);
            xml.text("note", &[("csip:NOTETYPE", note.0)], note.1);
            xml.close();
        };
        let software = [("ROLE", "CREATOR"), ("TYPE", "OTHER"), ("OTHERTYPE", "SOFTWARE")];
        agent(&software, "fonds", ("SOFTWARE VERSION", &self.parcel.software_version));
        if self.is_package {
            let sender = self.parcel.sender.as_deref().unwrap_or("unknown");
            let submitter = [("ROLE", "OTHER"), ("OTHERROLE", "SUBMITTER"), ("TYPE", "ORGANIZATION")];
            agent(&submitter, sender, ("IDENTIFICATIONCODE", sender));
            if let Some(archive) = &self.parcel.destination {
                let keeper = [("ROLE", "PRESERVATION"), ("TYPE", "ORGANIZATION")];
                agent(&keeper, archive, ("IDENTIFICATIONCODE", archive));
            }
        }
        xml.close();
    }

    fn metadata(&self, xml: &mut Xml, kind: &str, said: &Ref) {
        let (href, size) = (href(&said.path), said.size.to_string());
        xml.empty(
            "mdRef",
            &[
                ("LOCTYPE", "URL"),
                ("xlink:type", "simple"),
                ("xlink:href", &href),
                ("MDTYPE", kind),
                ("MIMETYPE", &said.media_type),
                ("SIZE", &size),
                ("CREATED", &self.parcel.made),
                ("CHECKSUM", &said.sha256),
                ("CHECKSUMTYPE", "SHA-256"),
            ],
        );
    }

    fn files(&self, xml: &mut Xml) {
        if self.groups.is_empty() && self.parts.is_empty() {
            return;
        }
        xml.open("fileSec", &[("ID", "files")]);
        for (group, number) in self.groups.iter().zip(1_u64..) {
            let id = format!("group-{number}");
            xml.open("fileGrp", &[("ID", &id), ("USE", &group.usage)]);
            for (file, of_group) in group.files.iter().zip(1_u64..) {
                self.file(xml, &format!("file-{number}-{of_group}"), file);
            }
            xml.close();
        }
        for (part, number) in self.parts.iter().zip(1_u64..) {
            let id = format!("representation-{number}");
            let attributes = [("ID", id.as_str()), ("USE", &part.label), ("csip:CONTENTINFORMATIONTYPE", "MIXED")];
            xml.open("fileGrp", &attributes);
            self.file(xml, &format!("representation-{number}-mets"), &part.mets);
            xml.close();
        }
        xml.close();
    }

    fn file(&self, xml: &mut Xml, id: &str, file: &Ref) {
        let size = file.size.to_string();
        xml.open(
            "file",
            &[
                ("ID", id),
                ("MIMETYPE", &file.media_type),
                ("SIZE", &size),
                ("CREATED", &self.parcel.made),
                ("CHECKSUM", &file.sha256),
                ("CHECKSUMTYPE", "SHA-256"),
            ],
        );
        let href = href(&file.path);
        xml.empty("FLocat", &[("LOCTYPE", "URL"), ("xlink:type", "simple"), ("xlink:href", &href)]);
        xml.close();
    }

    fn structure(&self, xml: &mut Xml) {
        let ids = |prefix: &str, count: usize| {
            (1..=count).map(|number| format!("{prefix}-{number}")).collect::<Vec<_>>().join(" ")
        };
        xml.open("structMap", &[("ID", "structure"), ("TYPE", "PHYSICAL"), ("LABEL", "CSIP")]);
        xml.open("div", &[("ID", "root"), ("LABEL", &self.id)]);
        let (described, digiprov) = (ids("dmd", self.descriptive.len()), ids("digiprov", self.administrative.len()));
        let mut metadata = vec![("ID", "metadata"), ("LABEL", "Metadata")];
        if !described.is_empty() {
            metadata.push(("DMDID", &described));
        }
        if !digiprov.is_empty() {
            metadata.push(("ADMID", &digiprov));
        }
        xml.empty("div", &metadata);
        for (group, number) in self.groups.iter().zip(1_u64..) {
            let id = format!("div-{number}");
            xml.open("div", &[("ID", &id), ("LABEL", &group.usage)]);
            xml.empty("fptr", &[("FILEID", &format!("group-{number}"))]);
            xml.close();
        }
        for (part, number) in self.parts.iter().zip(1_u64..) {
            let (id, title) = (format!("div-representation-{number}"), format!("representation-{number}"));
            xml.open("div", &[("ID", &id), ("LABEL", &part.label)]);
            let href = href(&part.mets.path);
            let pointer =
                [("LOCTYPE", "URL"), ("xlink:type", "simple"), ("xlink:href", href.as_str()), ("xlink:title", &title)];
            xml.empty("mptr", &pointer);
            xml.close();
        }
    }
}
