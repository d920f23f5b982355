//! Packages of ours keep every rule of CSIP, and each thing that can be wrong with one is found and named by its rule.

use crate::{ArchiveError, Event, Format, Packed, Parcel, Record, Representation, Stores, Validation, pack, validate};
use fonds_model::{ContentFile, Digest, Kind};
use std::fs;
use std::path::PathBuf;

struct Case {
    dir: tempfile::TempDir,
    stores: Stores,
}

fn file(name: &str, bytes: &[u8]) -> ContentFile {
    ContentFile {
        location: format!("papers:{name}"),
        name: None,
        size: Some(bytes.len() as u64),
        sha256: Some(Digest::of(bytes)),
        sha512: None,
        format: None,
    }
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("papers")).unwrap();
        fs::write(dir.path().join("papers/plan é.pdf"), b"a plan").unwrap();
        fs::write(dir.path().join("papers/plan.pdfa"), b"a plan for ever").unwrap();
        fs::write(dir.path().join("content.toml"), "[stores.papers]\nfolder = \"papers\"\n").unwrap();
        let stores = Stores::open(&dir.path().join("content.toml")).unwrap();
        Self { dir, stores }
    }

    fn parcel() -> Parcel {
        let event = |seq, kind| Event {
            seq,
            kind,
            time: "2024-01-02".to_owned(),
            detail: Some("with <marks> & \u{1} control".to_owned()),
            outcome: None,
            agent: Some("clerk".to_owned()),
        };
        let forms = [vec![file("plan é.pdf", b"a plan")], vec![file("plan.pdfa", b"a plan for ever")]];
        let record = Record {
            id: "permit/1".to_owned(),
            title: Some("Permit <1>".to_owned()),
            access: Some("closed until 2040".to_owned()),
            description: vec![("subject".to_owned(), "building".to_owned())],
            events: Kind::ALL.iter().zip(0..).map(|(kind, seq)| event(seq, *kind)).collect(),
            representations: forms.map(|files| Representation { files }).to_vec(),
            evidence: Some(b"<!doctype html>".to_vec()),
            ..Record::default()
        };
        let bare = Record { id: "permit/2".to_owned(), ..Record::default() };
        Parcel {
            id: "sip".to_owned(),
            made: "2026-11-22T05:25:08Z".to_owned(),
            made_seconds: 1_795_325_108,
            sender: Some("nl/wabo".to_owned()),
            software_version: "0.1.0".to_owned(),
            records: vec![record, bare],
            ..Parcel::default()
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn pack(&self, to: &str, format: Format) -> Result<Packed, ArchiveError> {
        pack(&Self::parcel(), &self.stores, &self.path(to), format)
    }

    fn edit(&self, name: &str, change: impl FnOnce(String) -> String) {
        let path = self.path(name);
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }

    fn breaks(&self, rule: &str, why: &str) {
        let validation = validate(&self.path("sip")).unwrap();
        let found = |finding: &&crate::Finding| finding.rule == rule && finding.what.contains(why);
        assert!(!validation.valid && validation.findings.iter().any(|f| found(&f)), "{rule} {why}: {validation:#?}");
    }
}

fn packed() -> Case {
    let case = Case::new();
    case.pack("sip", Format::Eark).unwrap();
    case
}

fn is_clean(validation: &Validation) -> bool {
    validation.valid && validation.findings.is_empty()
}

#[test]
fn a_package_of_ours_is_valid_as_a_folder_and_as_a_tar_in_both_formats() {
    let case = Case::new();
    for (to, format) in [("a", Format::Eark), ("a.tar", Format::Eark), ("b", Format::Bagit), ("b.tar", Format::Bagit)] {
        let packed = case.pack(to, format).unwrap();
        assert_eq!((packed.content_files, packed.content_bytes), (2, 6 + 15));
        let validation = validate(&case.path(to)).unwrap();
        assert!(is_clean(&validation), "{to}: {validation:#?}");
        assert_eq!((validation.format, validation.files, validation.bytes), (format, packed.files, packed.bytes));
    }
    let seal = |file: &str| Digest::of(&fs::read(case.path(file)).unwrap());
    assert_eq!(case.pack("c", Format::Eark).unwrap().seal, seal("c/METS.xml"));
    assert_eq!(case.pack("d", Format::Bagit).unwrap().seal, seal("d/tagmanifest-sha256.txt"));
    let content = case.path("a/representations/permit-1-rep2/data/plan.pdfa");
    assert_eq!(fs::read(content).unwrap(), b"a plan for ever");
}

#[test]
fn content_that_is_not_what_the_log_says_is_not_packed_and_leaves_nothing() {
    let case = Case::new();
    for format in [Format::Eark, Format::Bagit] {
        for (bytes, why) in [(&b"b plan"[..], "SHA-256"), (b"a longer plan", "its size is 13")] {
            fs::write(case.path("papers/plan é.pdf"), bytes).unwrap();
            let error = case.pack("sip", format).unwrap_err();
            assert!(matches!(error, ArchiveError::Differs { .. }) && error.to_string().contains(why), "{error}");
        }
        fs::remove_file(case.path("papers/plan é.pdf")).unwrap();
        assert!(case.pack("sip", format).unwrap_err().is_missing());
        let names: Vec<_> = fs::read_dir(case.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        fs::write(case.path("papers/plan é.pdf"), b"a plan").unwrap();
    }
}

#[test]
fn a_changed_a_missing_and_an_additional_file_break_the_package() {
    let data = "sip/representations/permit-1-rep1/data/plan é.pdf";
    let case = packed();
    fs::write(case.path(data), b"b plan").unwrap();
    case.breaks("CSIP71", "its sha256 is");
    fs::write(case.path(data), b"another plan").unwrap();
    case.breaks("CSIP69", "12 bytes");
    fs::remove_file(case.path(data)).unwrap();
    case.breaks("CSIP79", "not there");
    let case = packed();
    fs::write(case.path("sip/representations/permit-1-rep1/data/more.txt"), b"").unwrap();
    case.breaks("CSIP58", "no METS document names it");
    let case = packed();
    case.edit("sip/metadata/preservation/permit-1.premis.xml", |text| text.replace("clerk", "baker"));
    case.breaks("CSIP71", "its sha256 is");
    let case = packed();
    fs::remove_file(case.path("sip/representations/permit-1-rep1/METS.xml")).unwrap();
    case.breaks("CSIPSTR10", "is not there");
}

#[test]
fn each_rule_that_the_root_breaks_is_named() {
    let breaks: [(&str, &str, &str); 16] = [
        ("CSIP1", " OBJID=\"sip\"", ""),
        ("CSIP2", " TYPE=\"Other\"", ""),
        ("CSIP6", " PROFILE=\"https://earksip.dilcis.eu/profile/E-ARK-SIP-v2-2-0.xml\"", ""),
        ("SIP2", "E-ARK-SIP-v2-2-0.xml", "other.xml"),
        ("CSIP7", " CREATEDATE=\"2026-11-22T05:25:08Z\"", ""),
        ("CSIP9", "csip:OAISPACKAGETYPE=\"SIP\"", "csip:OAISPACKAGETYPE=\"TAR\""),
        ("CSIP11", "OTHERTYPE=\"SOFTWARE\"", "OTHERTYPE=\"PERSON\""),
        ("CSIP16", "csip:NOTETYPE=\"SOFTWARE VERSION\"", ""),
        ("CSIP117", "metsHdr", "otherHdr"),
        ("SIP15", "TYPE=\"ORGANIZATION\"", "TYPE=\"OTHER\""),
        ("CSIP18", "dmdSec ID=\"dmd-1\"", "dmdSec"),
        (
            "CSIP22",
            "LOCTYPE=\"URL\" xlink:type=\"simple\" xlink:href=\"metadata/descriptive/permit-1.dc.xml\"",
            "LOCTYPE=\"ARK\" xlink:type=\"simple\" xlink:href=\"metadata/descriptive/permit-1.dc.xml\"",
        ),
        ("CSIP80", "structMap", "otherMap"),
        ("CSIP82", "LABEL=\"CSIP\"", "LABEL=\"other\""),
        ("CSIP88", "LABEL=\"Metadata\"", "LABEL=\"other\""),
        ("CSIP116", "FILEID=\"group-1\"", "FILEID=\"group-9\""),
    ];
    for (rule, from, to) in breaks {
        let case = packed();
        case.edit("sip/METS.xml", |text| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        case.breaks(rule, "");
    }
}

#[test]
fn references_that_lead_out_of_the_package_are_refused() {
    for (href, why) in [
        ("../secret", "`..`"),
        ("metadata/../../secret", "`..`"),
        ("metadata/%2e%2e/%2e%2e/secret", "`..`"),
        ("/etc/passwd", "absolute"),
        ("file:///etc/passwd", "another place"),
        ("https://example.org/a", "another place"),
        ("~/secret", "`~`"),
    ] {
        let case = packed();
        fs::write(case.path("secret"), b"secret").unwrap();
        case.edit("sip/METS.xml", |text| text.replace("metadata/descriptive/permit-1.dc.xml", href));
        case.breaks("CSIP79", why);
    }
}

#[test]
fn xml_that_is_hostile_is_refused() {
    let deep = format!("{}{}", "<div>".repeat(100), "</div>".repeat(100));
    let cases = [
        ("<metsHdr", "<!DOCTYPE x [<!ENTITY a \"b\">]><metsHdr", "document type"),
        ("LABEL=\"CSIP\"", "LABEL=\"&a;\"", "an entity that is not XML's own"),
        ("<name>fonds</name>", "<name>&a;</name>", "an entity that is not XML's own"),
        ("</structMap>", &format!("{deep}</structMap>"), "elements in each other"),
        ("</mets>", "", "not well-formed XML"),
        ("</mets>", "</mets><mets></mets>", "more than one root"),
        ("http://www.loc.gov/METS/\"", "http://example.org/\"", "no METS document"),
    ];
    for (from, to, why) in cases {
        let case = packed();
        case.edit("sip/METS.xml", |text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let validation = validate(&case.path("sip")).unwrap();
        let found = validation.findings.iter().any(|finding| finding.rule == "CSIPSTR1" && finding.what.contains(why));
        let ends = validation.findings.iter().any(|finding| finding.what.contains("ends within"));
        assert!(!validation.valid && (found || ends), "{why}: {validation:#?}");
    }
}

#[test]
fn what_is_no_package_is_said() {
    let case = Case::new();
    let error = validate(&case.path("papers")).unwrap_err();
    assert!(matches!(error, ArchiveError::NoPackage(_)), "{error}");
    assert!(validate(&case.path("content.toml")).is_err());
}
