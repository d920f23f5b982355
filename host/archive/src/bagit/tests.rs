//! Bags of ours are valid, and each thing that can be wrong with one is found.
//!
//! The cases follow the categories that the Library of Congress publishes in its conformance suite, and those of the
//! RFC's section on security.

use super::*;
use crate::{Severity, Validation};
use sha2::Digest as _;
use std::fs;
use std::path::{Path, PathBuf};

struct Case {
    dir: tempfile::TempDir,
    bag: PathBuf,
}

impl Case {
    /// A good bag of ours.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bag");
        write(&path);
        Self { bag: path, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.bag.join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn edit(&self, name: &str, change: impl FnOnce(String) -> String) {
        fs::write(self.path(name), change(self.text(name))).unwrap();
    }

    /// Changes a tag file, and its digest in the tag manifests: what somebody would do who means it.
    fn edit_signed(&self, name: &str, change: impl FnOnce(String) -> String) {
        self.edit(name, change);
        self.sign(name);
    }

    fn sign(&self, name: &str) {
        let bytes = fs::read(self.path(name)).unwrap();
        for (manifest, digest) in [
            ("tagmanifest-sha256.txt", hex(&sha2::Sha256::digest(&bytes))),
            ("tagmanifest-sha512.txt", hex(&sha2::Sha512::digest(&bytes))),
        ] {
            self.edit(manifest, |text| {
                let others = text.lines().filter(|line| !line.ends_with(&format!("  {name}")));
                others.map(|line| format!("{line}\n")).collect::<String>() + &format!("{digest}  {name}\n")
            });
        }
    }

    /// Adds a line to both payload manifests, and signs them.
    fn list(&self, bytes: &[u8], path: &str) {
        let (short, long) = (hex(&sha2::Sha256::digest(bytes)), hex(&sha2::Sha512::digest(bytes)));
        self.edit_signed("manifest-sha256.txt", |text| text + &format!("{short}  {path}\n"));
        self.edit_signed("manifest-sha512.txt", |text| text + &format!("{long}  {path}\n"));
    }

    fn validate(&self) -> Validation {
        validate(&self.bag).unwrap()
    }

    /// Asserts that it is refused for something that reads so.
    fn refused(&self, why: &str) {
        let validation = self.validate();
        let errors: Vec<_> = validation.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert!(!validation.valid && errors.iter().any(|finding| finding.what.contains(why)), "{why}: {validation:#?}");
    }
}

fn hex(bytes: &[u8]) -> String {
    fonds_model::ids::hex(bytes)
}

fn write(path: &Path) {
    let mut bag = Bag::create(path, 0).unwrap();
    for (name, bytes) in [("a.txt", &b"one"[..]), ("b/c d.txt", b"two"), ("b/é.txt", b""), ("100%.txt", b"three")] {
        let (_, fixity) = bag.payload(name, bytes.len() as u64, bytes).unwrap();
        assert_eq!(fixity.sha256, fonds_model::Digest::of(bytes));
    }
    bag.tag("metadata/note.txt", b"a note").unwrap();
    bag.finish(&[("Source-Organization".to_owned(), "Hoàn Kiếm\nward".to_owned())], "2026-11-22").unwrap();
}

#[test]
fn a_bag_of_ours_is_valid_as_a_folder_and_as_a_tar() {
    let case = Case::new();
    let validation = case.validate();
    assert!(validation.valid && validation.findings.is_empty(), "{validation:#?}");
    assert_eq!(validation.version.as_deref(), Some("1.0"));
    assert_eq!(validation.files, 4 + 1 + 2 + 4);
    assert!(case.text("bag-info.txt").contains("Source-Organization: Hoàn Kiếm ward\n"));
    assert!(case.text("bag-info.txt").contains("Payload-Oxum: 11.4\n"));
    assert!(case.path("data/100_.txt").exists());
    let tar = case.dir.path().join("other.tar");
    write(&tar);
    let packed = validate(&tar).unwrap();
    assert!(packed.valid && packed.findings.is_empty(), "{packed:#?}");
    assert_eq!((packed.files, packed.bytes), (validation.files, validation.bytes));
    let left: Vec<_> = fs::read_dir(case.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing half-made is left: {left:?}");
}

#[test]
fn a_bag_that_is_not_finished_leaves_nothing_behind_and_takes_no_ones_place() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["bag", "bag.tar"] {
        let mut bag = Bag::create(&dir.path().join(name), 0).unwrap();
        let error = bag.payload("a", 3, &b"changed"[..]).unwrap_err();
        assert!(error.to_string().contains("changes while it is packed"), "{error}");
        drop(bag);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
    fs::write(dir.path().join("bag.tar"), b"somebody's").unwrap();
    assert!(Bag::create(&dir.path().join("bag.tar"), 0).is_err());
    assert_eq!(fs::read(dir.path().join("bag.tar")).unwrap(), b"somebody's");
}

#[test]
fn a_changed_a_missing_and_an_additional_file_are_refused() {
    let case = Case::new();
    fs::write(case.path("data/a.txt"), b"0ne").unwrap();
    case.refused("its sha256 is");
    let case = Case::new();
    fs::remove_file(case.path("data/a.txt")).unwrap();
    case.refused("it is not there");
    let case = Case::new();
    fs::write(case.path("data/extra.txt"), b"").unwrap();
    case.refused("no manifest lists it");
    let case = Case::new();
    case.edit("metadata/note.txt", |_| "another note".to_owned());
    case.refused("its sha256 is");
    let case = Case::new();
    fs::remove_file(case.path("metadata/note.txt")).unwrap();
    case.refused("`tagmanifest-sha256.txt` lists it, and it is not there");
}

#[test]
fn a_wrong_repeated_or_unreadable_payload_oxum_is_refused() {
    for (oxum, why) in [
        ("Payload-Oxum: 12.4", "Payload-Oxum says 12.4"),
        ("Payload-Oxum: 11.5", "Payload-Oxum says 11.5"),
        ("Payload-Oxum: 11.4\nPayload-Oxum: 11.4", "more than once"),
        ("Payload-Oxum: eleven", "not `BYTES.FILES`"),
        ("Payload-Oxum: -11.4", "not `BYTES.FILES`"),
    ] {
        let case = Case::new();
        case.edit_signed("bag-info.txt", |text| text.replace("Payload-Oxum: 11.4", oxum));
        case.refused(why);
    }
}

#[test]
fn tricks_with_white_space_in_bagit_txt_are_refused() {
    let tricks = [
        "BagIt-Version : 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version:1.0\nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version:  1.0\nTag-File-Character-Encoding: UTF-8\n",
        " BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version: 1.0 \nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version: 1.0\nTag-File-Character-Encoding:\tUTF-8\n",
        "BagIt-Version: 1.0\n\nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n\n",
        "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\nMore: here\n",
        "\u{feff}BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bagit-version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version: 1.0\n",
        "BagIt-Version: 2.0\nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version: 1\nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version: 1.0\nTag-File-Character-Encoding: WTF-8\n",
        "",
    ];
    for trick in tricks {
        let case = Case::new();
        case.edit_signed("bagit.txt", |_| trick.to_owned());
        let validation = case.validate();
        assert!(validation.findings.iter().any(|finding| finding.rule == "RFC 8493 §2.1.1"), "{trick:?}");
        assert!(!validation.valid);
    }
    let case = Case::new();
    case.edit_signed("bagit.txt", |text| text.replace('\n', "\r\n"));
    assert!(case.validate().valid, "other line ends are allowed");
    fs::remove_file(case.path("bagit.txt")).unwrap();
    case.refused("is not there");
}

#[test]
fn paths_that_lead_out_of_the_bag_are_refused_in_manifests_and_in_fetch_txt() {
    let case = Case::new();
    fs::write(case.dir.path().join("secret"), b"secret").unwrap();
    for (path, why) in [
        ("../secret", "`..`"),
        ("data/../../secret", "`..`"),
        ("data/./a.txt", "`.`"),
        ("/etc/passwd", "absolute"),
        ("~/secret", "`~`"),
        ("~root/secret", "`~`"),
        ("C:\\secret", "drive"),
        ("\\\\host\\secret", "absolute"),
        ("data\\..\\..\\secret", "`..`"),
        ("data/%0A/../../../secret", "`..`"),
    ] {
        let case = Case::new();
        case.list(b"secret", path);
        case.refused(why);
        let case = Case::new();
        fs::write(case.path("fetch.txt"), format!("https://example.org/a 6 {path}\n")).unwrap();
        case.sign("fetch.txt");
        case.refused(why);
    }
    let case = Case::new();
    case.list(b"a note", "metadata/note.txt");
    case.refused("a path outside `data/`");
    let case = Case::new();
    fs::write(case.path("fetch.txt"), "file:///etc/passwd 3 data/a.txt\n").unwrap();
    case.sign("fetch.txt");
    case.refused("not fetched from another machine");
}

#[test]
fn links_and_pipes_in_a_bag_are_refused_and_not_followed() {
    let case = Case::new();
    fs::write(case.dir.path().join("outside"), b"one").unwrap();
    fs::remove_file(case.path("data/a.txt")).unwrap();
    std::os::unix::fs::symlink(case.dir.path().join("outside"), case.path("data/a.txt")).unwrap();
    case.refused("a link, a pipe or a device");
    let case = Case::new();
    let pipe = case.path("data/pipe");
    rustix::fs::mknodat(rustix::fs::CWD, pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    case.refused("a link, a pipe or a device");
}

#[test]
fn entries_that_are_there_twice_or_collide_are_refused() {
    let case = Case::new();
    case.list(b"one", "data/a.txt");
    case.refused("lists it twice");
    let case = Case::new();
    fs::write(case.path("data/A.txt"), b"one").unwrap();
    case.list(b"one", "data/A.txt");
    case.refused("same file on some systems");
    let case = Case::new();
    fs::write(case.path("data/b/e\u{301}.txt"), b"").unwrap();
    case.list(b"", "data/b/e\u{301}.txt");
    case.refused("same file on some systems");
    let case = Case::new();
    fs::rename(case.path("data/b/é.txt"), case.path("data/b/e\u{301}.txt")).unwrap();
    case.refused("only a file is there whose name reads alike");
}

#[test]
fn algorithms_that_are_not_supported_and_digests_that_are_none_are_refused() {
    let case = Case::new();
    fs::write(case.path("manifest-whirlpool.txt"), "00  data/a.txt\n").unwrap();
    case.sign("manifest-whirlpool.txt");
    case.refused("`whirlpool` is not supported");
    let case = Case::new();
    case.edit_signed("manifest-sha256.txt", |text| text.replacen(|c: char| c.is_ascii_hexdigit(), "z", 1));
    case.refused("no digest of sha256");
    let case = Case::new();
    for name in ["manifest-sha256.txt", "manifest-sha512.txt"] {
        fs::remove_file(case.path(name)).unwrap();
    }
    case.refused("no payload manifest");
}

#[test]
fn manifests_that_leave_something_out_are_refused() {
    let without = |name: &'static str| {
        move |text: String| text.lines().filter(|line| !line.contains(name)).map(|line| format!("{line}\n")).collect()
    };
    for name in ["manifest-sha256.txt", "bagit.txt", "bag-info.txt"] {
        let case = Case::new();
        case.edit("tagmanifest-sha256.txt", without(name));
        case.refused("`tagmanifest-sha256.txt` does not list it");
    }
    let case = Case::new();
    case.edit_signed("manifest-sha512.txt", without("data/a.txt"));
    case.refused("not every payload manifest lists it");
    let case = Case::new();
    case.edit_signed("manifest-sha512.txt", |text| format!("{text}not a line\n"));
    case.refused("has no digest of sha512");
}

#[test]
fn what_is_still_to_be_fetched_is_incomplete_and_complete_once_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("holey");
    let mut bag = Bag::create(&path, 0).unwrap();
    bag.payload("a.txt", 3, &b"one"[..]).unwrap();
    let fixity = crate::hash::fixity_of(&b"far away"[..]).unwrap();
    assert_eq!(bag.fetch("far.txt", "https://example.org/a b", fixity), "data/far.txt");
    bag.finish(&[], "2026-11-22").unwrap();
    let case = Case { bag: path, dir };
    assert_eq!(case.text("fetch.txt"), "https://example.org/a%20b 8 data/far.txt\n");
    case.refused("to be fetched from https://example.org/a%20b");
    fs::write(case.path("data/far.txt"), b"far away").unwrap();
    assert!(case.validate().valid);
}

#[test]
fn bags_of_older_drafts_and_other_encodings_are_read() {
    let dir = tempfile::tempdir().unwrap();
    for version in ["0.93", "0.94", "0.95", "0.96", "0.97", "1.0"] {
        for algorithm in crate::hash::Algorithm::ALL {
            let bag = dir.path().join(format!("{version}-{}", algorithm.as_str()));
            fs::create_dir_all(bag.join("data")).unwrap();
            fs::write(bag.join("data/a b.txt"), b"one").unwrap();
            let declared = format!("BagIt-Version: {version}\nTag-File-Character-Encoding: UTF-16\n");
            fs::write(bag.join("bagit.txt"), declared).unwrap();
            let digest = &crate::hash::digests_of(&b"one"[..], &[algorithm]).unwrap().digests[0].1;
            let line = format!("\u{feff}{}\t*data/a b.txt\r\n", digest.to_uppercase());
            let wide: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
            fs::write(bag.join(format!("manifest-{}.txt", algorithm.as_str())), wide).unwrap();
            let validation = validate(&bag).unwrap();
            let marked = validation.findings.iter().any(|finding| finding.what.contains("can be forged"));
            assert!(validation.valid, "{validation:#?}");
            assert_eq!(marked, !algorithm.is_strong());
        }
    }
}

#[test]
fn a_tar_that_is_hostile_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let tar = |name: &str, make: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
        let mut builder = tar::Builder::new(Vec::new());
        make(&mut builder);
        let path = dir.path().join(name);
        fs::write(&path, builder.into_inner().unwrap()).unwrap();
        path
    };
    let raw = |name: &[u8], kind: tar::EntryType, bytes: &'static [u8]| {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_size(bytes.len() as u64);
        header.set_entry_type(kind);
        header.set_cksum();
        (header, bytes)
    };
    let evil = [
        (&b"../evil"[..], tar::EntryType::Regular, "`..`"),
        (b"/evil", tar::EntryType::Regular, "absolute"),
        (b"bag/link", tar::EntryType::Symlink, "a link or a device"),
        (b"bag/link", tar::EntryType::Link, "a link or a device"),
        (b"evil", tar::EntryType::Regular, "in no folder"),
    ];
    for (name, kind, why) in evil {
        let path = tar("evil.tar", &|builder| {
            let (header, bytes) = raw(name, kind, b"evil");
            builder.append(&header, bytes).unwrap();
        });
        let validation = validate(&path).unwrap();
        let found = validation.findings.iter().any(|finding| finding.what.contains(why));
        assert!(!validation.valid && found, "{why}: {validation:#?}");
    }
    let two = tar("two.tar", &|builder| {
        for name in [b"one/a", b"two/a"] {
            let (header, bytes) = raw(name, tar::EntryType::Regular, b"a");
            builder.append(&header, bytes).unwrap();
        }
    });
    assert!(validate(&two).unwrap().findings.iter().any(|finding| finding.what.contains("more than one folder")));
    let whole = dir.path().join("bag.tar");
    write(&whole);
    let bytes = fs::read(&whole).unwrap();
    for cut in [1, 511, 513, 1_600, bytes.len() / 2] {
        fs::write(&whole, &bytes[..cut]).unwrap();
        assert!(validate(&whole).map_or(true, |validation| !validation.valid), "cut at {cut}");
    }
}

#[test]
fn names_that_do_not_fit_a_tars_header_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.tar");
    let name = format!("{}/{}.txt", "folder/".repeat(20), "é".repeat(90));
    let mut bag = Bag::create(&path, 0).unwrap();
    bag.payload(&name, 3, &b"one"[..]).unwrap();
    bag.finish(&[], "2026-11-22").unwrap();
    let validation = validate(&path).unwrap();
    assert!(validation.valid && validation.findings.is_empty(), "{validation:#?}");
}
