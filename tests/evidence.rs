//! Evidence, checked by `fonds` and by the Python program that shares nothing with it: they must agree on all of it.

use crate::store::{Store, cloud_event, component, text};
use crate::support;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fonds_runtime::evidence::check;
use fonds_runtime::note::Verifier;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const SCHEDULE: &str = r#"{"schedule_metadata":{"state":"xx","schedule_id":"1"},"series_metadata":{"series_id":"A","series_title":"Cases <of> one","legal_citation":"Archives Act 5"},"retention_rules":{"trigger_event":"Closed","duration_years":3,"duration_months":null,"disposition_method":""},"tracking_data":{"comments":""},"state_specific_attributes":{},"retention_code":"AC","retention_days":""}
{"schedule_metadata":{"state":"xx","schedule_id":"1"},"series_metadata":{"series_id":"B","series_title":"SERIES-OF-ANOTHER","legal_citation":""},"retention_rules":{"trigger_event":"Closed","duration_years":9,"duration_months":null,"disposition_method":""},"tracking_data":{"comments":""},"state_specific_attributes":{},"retention_code":"AC","retention_days":""}
"#;

/// A store in which `case/1` was made of a register, filed, corrected and decided about, beside another record.
fn decided() -> Store {
    let store = Store::new();
    let schedule = store.write("schedule.ndjson", SCHEDULE);
    store.ok(&["schedule", "import", &schedule, "--schedule", "xx", "--version", "1", "--default-action", "destroy"]);
    store.ok(&["agency", "define", "a", "--time-zone", "Europe/Amsterdam", "--name", "Agency \"A\" & sons"]);
    store.ok(&["plugin", "install", text(&component("plugins/retention"))]);
    store.ok(&["policy", "bind", "keep", "--plugin", "retention"]);
    let run = json!({ "eventType": "COMPLETE", "eventTime": "2009-12-01T10:00:00Z", "producer": "https://test.example/p",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent", "run": { "runId": "run-1" },
        "job": { "namespace": "test", "name": "extract" }, "inputs": [{ "namespace": "db", "name": "source" }],
        "outputs": [{ "namespace": "db", "name": "register" }] });
    let events = [
        run.to_string() + "\n",
        cloud_event("f", "record.created", "file/1", "2009-01-01", &json!({ "agency": "a", "series": "xx/1/A" })),
        cloud_event(
            "1",
            "record.created",
            "case/1",
            "2010-01-01",
            &json!({ "agency": "a", "file": "file/1", "title": "<script>alert('x')</script> é…", "derived_from": ["db/register"] }),
        ),
        cloud_event("2", "record.accessed", "case/1", "2010-02-01", &json!({ "purpose": "appeal" })),
        cloud_event(
            "3",
            "record.created",
            "case/2",
            "2010-01-01",
            &json!({ "agency": "a", "title": "SECRET-OF-ANOTHER", "series": "xx/1/B" }),
        ),
        cloud_event("4", "record.closed", "case/2", "2011-01-01", &json!({})),
        cloud_event("5", "record.closed", "case/1", "2012-05-01", &json!({})),
        cloud_event("6", "record.closed", "file/1", "2012-06-01", &json!({})),
    ];
    let runs = store.write("runs.ndjson", events[0].as_bytes());
    store.ok(&["ingest", &runs]);
    store.ok(&["ingest", &store.write("cases.ndjson", events[1..].concat())]);
    store.ok(&["evaluate"]);
    let history = store.json(&["explain", "case/1"])["history"].clone();
    let closed =
        history.as_array().unwrap().iter().find(|fact| fact["kind"] == "record.closed").unwrap()["seq"].to_string();
    store.ok(&["correct", &closed, "--field", "on", "--to", "2013-05-01", "--reason", "typing error", "--by", "j"]);
    store.ok(&["evaluate"]);
    store
}

fn key(store: &Store) -> String {
    store.ok(&["log", "key", "show"]).trim().to_owned()
}

fn evidence(store: &Store, record: &str) -> String {
    store.ok(&["evidence", record, "--to", text(&store.file("evidence.html"))]);
    std::fs::read_to_string(store.file("evidence.html")).unwrap()
}

/// What the Python program says of each of some files: the problem, or nothing when all holds; `None` without a Python.
fn python(dir: &Path, keys: &[String]) -> Option<Vec<String>> {
    const DRIVER: &str = "import json, pathlib, sys; sys.path.insert(0, sys.argv[1])\n\
        import verify_evidence as v\nkeys = [v.vkey(k) for k in sys.argv[3:]]\nsaid = []\n\
        for n in range(len(list(pathlib.Path(sys.argv[2]).iterdir()))):\n\
        \x20   try: v.check((pathlib.Path(sys.argv[2]) / str(n)).read_bytes(), keys); said.append('')\n\
        \x20   except (AttributeError, v.InvalidSignature, LookupError, RecursionError, TypeError, ValueError) as why: said.append(str(why) or type(why).__name__)\n\
        print(json.dumps(said))";
    let output = Command::new(support::python()?)
        .args(["-c", DRIVER])
        .arg(support::workspace().join("examples/verify-evidence"))
        .arg(dir)
        .args(keys)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Checks files with both programs, which must agree; what Fonds says of each, nothing when all holds.
fn both(files: &[Vec<u8>], keys: &[String], witnesses: &[String]) -> Vec<String> {
    let parse = |keys: &[String]| keys.iter().map(|key| Verifier::parse(key).unwrap()).collect::<Vec<_>>();
    let ours: Vec<String> = files
        .iter()
        .map(|file| check(file, &parse(keys), &parse(witnesses)).map_or_else(|why| why.to_string(), |_| String::new()))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    for (number, file) in files.iter().enumerate() {
        std::fs::write(dir.path().join(number.to_string()), file).unwrap();
    }
    if let Some(theirs) = python(dir.path(), &[keys, witnesses].concat()) {
        for (number, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours.is_empty(), theirs.is_empty(), "file {number}: Fonds says `{ours}`, Python `{theirs}`");
        }
    }
    ours
}

/// Checks one file with both programs.
fn one(file: &[u8], keys: &[&String], witnesses: &[&String]) -> String {
    let owned = |keys: &[&String]| keys.iter().map(|key| (*key).clone()).collect::<Vec<_>>();
    both(&[file.to_vec()], &owned(keys), &owned(witnesses)).remove(0)
}

const OPEN: &str = "<template id=\"fonds-evidence-1\">\n";
const CLOSE: &str = "\n</template>\n</body>\n</html>\n";

/// The page and the document.
fn apart(file: &str) -> (&str, Value) {
    let (page, rest) = file.rsplit_once(OPEN).unwrap();
    (page, serde_json::from_str(rest.strip_suffix(CLOSE).unwrap()).unwrap())
}

/// The file with a document that was changed, written in the one way that the format has.
fn with(file: &str, change: impl Fn(&mut Value)) -> Vec<u8> {
    let (page, mut document) = apart(file);
    change(&mut document);
    // Members in the format's order.
    let object = |value: &Value, names: &[&str]| -> String {
        let known = names.iter().filter(|name| value.get(**name).is_some());
        let members: Vec<String> = known.map(|name| format!("\"{name}\":{}", value[*name])).collect();
        format!("{{{}}}", members.join(","))
    };
    let entry = |entry: &Value| {
        let item = |item: &Value| if item.is_object() { object(item, &["salt", "payload"]) } else { item.to_string() };
        let items: Vec<String> = entry["items"].as_array().unwrap().iter().map(item).collect();
        format!("{{\"header\":{},\"proof\":{},\"items\":[{}]}}", entry["header"], entry["proof"], items.join(","))
    };
    let entries: Vec<String> = document["entries"].as_array().unwrap().iter().map(entry).collect();
    let head = object(&document, &["format", "record", "truncated", "checkpoint"]);
    let text = format!("{},\"entries\":[{}]}}", head.strip_suffix('}').unwrap(), entries.join(","));
    let text = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    [page, OPEN, &text, CLOSE].concat().into_bytes()
}

fn position(document: &Value, kind: &str) -> usize {
    let entries = document["entries"].as_array().unwrap();
    entries
        .iter()
        .position(|entry| entry["header"].as_str().unwrap().contains(kind))
        .unwrap_or_else(|| panic!("no {kind}"))
}

fn payload(item: &Value) -> String {
    String::from_utf8(STANDARD.decode(item["payload"].as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn evidence_tells_all_of_a_record_nothing_of_another_and_both_programs_accept_it() {
    let store = decided();
    let file = evidence(&store, "case/1");
    assert_eq!(with(&file, |_| {}), file.as_bytes(), "these tests write the document as the format has it");
    assert_eq!(one(file.as_bytes(), &[&key(&store)], &[]), "");
    let (page, document) = apart(&file);
    for kind in [
        "lineage.run",
        "record.created",
        "record.accessed",
        "record.closed",
        "entry.corrected",
        "policy.decided",
        "policy.bound",
        "plugin.installed",
        "schedule.imported",
        "agency.defined",
    ] {
        position(&document, kind);
    }
    let contents: String = document["entries"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|entry| entry["items"].as_array().unwrap())
        .filter(|item| item.is_object())
        .map(payload)
        .collect();
    for word in ["SECRET-OF-ANOTHER", "SERIES-OF-ANOTHER", "case/2"] {
        assert!(!file.contains(word) && !contents.contains(word), "{word} concerns another record");
    }
    assert!(
        !page.contains("<script") && page.contains("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; é…"),
        "text stays text"
    );
    assert!(page.contains("Content-Security-Policy") && page.contains("@media print"));
    // The decision that stood first, the one that the correction brought, their reasons and the rule's authority.
    for word in
        ["2015-05-02", "2016-05-02", "because", "Archives Act 5", "retention", "typing error", "db/register", "file/1"]
    {
        assert!(page.contains(word), "{word}");
    }
    let answer = store.json(&["verify-evidence", text(&store.file("evidence.html")), "--key", &key(&store)]);
    assert_eq!((&answer["verified"], &answer["record"]), (&json!(true), &json!("case/1")));
    assert_eq!(answer["decisions"], 2, "{answer}");
    assert_eq!(answer["withheld"].as_u64().map(|count| count > 0), Some(true), "{answer}");
    assert!(store.refused(3, &["evidence", "case/9", "--to", "/dev/null"]).contains("no entry tells"));
}

type Forged = (&'static str, Vec<u8>);

/// A value of the document exchanged for another.
fn put(file: &str, at: &str, to: &Value) -> Vec<u8> {
    with(file, |document| *document.pointer_mut(at).unwrap() = to.clone())
}

/// Some words of a text in the document exchanged for others.
fn swap(file: &str, at: &str, from: &str, to: &str) -> Vec<u8> {
    let text = apart(file).1.pointer(at).unwrap().as_str().unwrap().to_owned();
    assert!(text.contains(from), "{text}");
    put(file, at, &json!(text.replacen(from, to, 1)))
}

/// Some words of a payload exchanged for others.
fn reword(file: &str, at: &str, from: &str, to: &str) -> Vec<u8> {
    let text = payload(apart(file).1.pointer(at).unwrap());
    assert!(text.contains(from), "{text}");
    put(file, &format!("{at}/payload"), &json!(STANDARD.encode(text.replacen(from, to, 1))))
}

fn forged_entries(file: &str) -> Vec<Forged> {
    let (_, document) = apart(file);
    let (created, decided) = (position(&document, "record.created"), position(&document, "policy.decided"));
    let own = document["entries"][decided]["items"].as_array().unwrap().iter().rposition(Value::is_object).unwrap();
    let (header, item) = (format!("/entries/{created}/header"), format!("/entries/{created}/items/0"));
    let (proof, decision) = (format!("/entries/{created}/proof"), format!("/entries/{decided}/items/{own}"));
    let salt = document.pointer(&item).unwrap()["salt"].as_str().unwrap().to_owned();
    let other = if salt.starts_with('0') { "1" } else { "0" };
    let entries = |change: fn(&mut Vec<Value>, usize)| {
        with(file, |document| change(document["entries"].as_array_mut().unwrap(), created))
    };
    let hashes = |change: fn(&mut Vec<Value>)| {
        with(file, |document| change(document.pointer_mut(&proof).unwrap().as_array_mut().unwrap()))
    };
    vec![
        ("a header's kind", swap(file, &header, "record.created", "record.captured")),
        ("a header's time", swap(file, &header, "\"at\":\"2", "\"at\":\"1")),
        ("a payload", reword(file, &item, "2009", "2008")),
        ("a salt", swap(file, &format!("{item}/salt"), &salt[..1], other)),
        ("a proof's hash", put(file, &format!("{proof}/0"), &json!(STANDARD.encode([7; 32])))),
        ("a proof that is too short", hashes(|hashes| drop(hashes.pop()))),
        ("a proof that is too long", hashes(|hashes| hashes.push(json!(STANDARD.encode([7; 32]))))),
        ("a decision's date", reword(file, &decision, "2015-05-02", "2011-06-02")),
        ("a decision that is left out", put(file, &decision, &Value::Null)),
        ("an item that is said to be erased", put(file, &item, &json!("erased"))),
        ("another word for erased", put(file, &item, &json!("gone"))),
        ("an item too many", put(file, &format!("/entries/{created}/items"), &json!([Value::Null, Value::Null]))),
        ("an entry that is left out", entries(|entries, at| drop(entries.remove(at)))),
        ("an entry twice", entries(|entries, at| entries.insert(at, entries[at].clone()))),
        ("entries out of order", entries(|entries, _| entries.swap(0, 1))),
        ("no entries", entries(|entries, _| entries.clear())),
    ]
}

fn forged_texts(file: &str) -> Vec<Forged> {
    let replace = |from: &str, to: &str| {
        assert!(file.contains(from), "{from}");
        file.replacen(from, to, 1).into_bytes()
    };
    let renamed = String::from_utf8(put(file, "/record", &json!("case/2"))).unwrap();
    let named = r#"{"format":"fonds-evidence/1","record":"case/1""#;
    let (page, _) = apart(file);
    vec![
        ("the checkpoint's size", swap(file, "/checkpoint", "log\n2", "log\n3")),
        ("the checkpoint's origin", swap(file, "/checkpoint", "test.example", "rest.example")),
        ("the record", renamed.clone().into_bytes()),
        ("the record, on the page too", renamed.replace("<h1>case/1</h1>", "<h1>case/2</h1>").into_bytes()),
        ("another format", put(file, "/format", &json!("fonds-evidence/2"))),
        ("lineage said to be cut", put(file, "/truncated", &json!(true))),
        ("the page's text", replace("2016-05-02", "2011-05-02")),
        ("the page's style", replace("color:#111", "color:#fff")),
        ("words put into the page", replace("</header>\n", "</header>\n<p>All of it was destroyed.</p>\n")),
        ("white space in the document", replace("{\"format\":", "{ \"format\":")),
        ("a member twice", replace("{\"format\":", "{\"format\":\"fonds-evidence/1\",\"format\":")),
        ("a member that is not known", replace("{\"format\":", "{\"note\":\"x\",\"format\":")),
        ("a truth that is a number", replace("\"truncated\":false", "\"truncated\":0")),
        ("a member of an entry that is not known", replace("{\"header\":", "{\"x\":1,\"header\":")),
        ("a member of an item that is not known", replace("{\"salt\":", "{\"x\":1,\"salt\":")),
        ("members in another order", replace(named, r#"{"record":"case/1","format":"fonds-evidence/1""#)),
        ("a byte too many", format!("{file}\n").into_bytes()),
        ("a file cut short", file.as_bytes()[..file.len() / 2].to_vec()),
        ("nesting without end", [page, OPEN, &"[".repeat(1_000_000), CLOSE].concat().into_bytes()),
        ("nothing", Vec::new()),
        ("bytes that are no text", [file.as_bytes(), b"\xff"].concat()),
    ]
}

#[test]
fn each_kind_of_tampering_is_found_by_both_programs() {
    let store = decided();
    let file = evidence(&store, "case/1");
    let forged = [forged_entries(&file), forged_texts(&file)].concat();
    let (names, files): (Vec<_>, Vec<_>) = forged.into_iter().unzip();
    let said = both(&files, &[key(&store)], &[]);
    for (name, said) in names.iter().zip(&said) {
        assert!(!said.is_empty(), "{name} is accepted");
    }
    // The programs say so to whoever asks them, too.
    let forged = store.write("forged.html", &files[2]);
    let answer = store.answer(1, &["verify-evidence", &forged, "--key", &key(&store)]);
    assert_eq!(answer["verified"], false);
    assert!(answer["problem"].as_str().unwrap().contains("not what its digest says"), "{answer}");
}

#[test]
fn the_independent_verifier_is_short_enough_to_be_read() {
    let path = support::workspace().join("examples/verify-evidence/verify_evidence.py");
    assert!(std::fs::read_to_string(path).unwrap().lines().count() < 150);
}

#[test]
fn no_byte_of_a_file_is_free() {
    let store = decided();
    let file = evidence(&store, "case/1").into_bytes();
    let (step, mut files) = (file.len() / 400, Vec::new());
    for at in (0..file.len()).step_by(step.max(1)) {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 7);
        files.push(changed);
    }
    let keys = [Verifier::parse(&key(&store)).unwrap()];
    assert!(check(&file, &keys, &[]).is_ok());
    let accepted = files.iter().filter(|file| check(file, &keys, &[]).is_ok()).count();
    assert_eq!(accepted, 0, "of {}", files.len());
    // Python takes longer for each.
    let some: Vec<Vec<u8>> = files.into_iter().step_by(10).collect();
    assert!(both(&some, &[key(&store)], &[]).iter().all(|said| !said.is_empty()));
}

#[test]
fn a_wrong_key_is_refused_and_a_witness_that_did_not_cosign_too() {
    let (store, other, witness) = (decided(), Store::new(), Store::empty());
    witness.ok(&["init", "--origin", "archive.example/log"]);
    let witness_key = witness.ok(&["log", "witness", "key"]).trim().to_owned();
    let plain = evidence(&store, "case/1").into_bytes();
    assert!(one(&plain, &[&key(&other)], &[]).contains("no key that you trust"));
    assert!(one(&plain, &[&key(&store)], &[&witness_key]).contains("has not cosigned"));
    assert_eq!(one(&plain, &[&key(&other), &key(&store)], &[]), "", "one of the keys is enough");

    store.ok(&["log", "witness", "add", &witness_key]);
    assert!(store.refused(2, &["log", "witness", "add", &key(&other)]).contains("a log's key"));
    let dir = store.dir().display().to_string();
    assert!(witness.refused(1, &["log", "cosign", &dir]).contains("--key"), "a log that nobody vouched for");
    let cosigned = witness.ok(&["log", "cosign", &dir, "--key", &key(&store)]);
    let received = store.json(&["log", "witness", "receive", &store.write("cosigned.txt", &cosigned)]);
    assert_eq!(received["cosignatures"][0]["name"], "archive.example/log");
    assert_eq!(store.ok(&["log", "checkpoint"]), cosigned);
    let file = evidence(&store, "case/1").into_bytes();
    assert_eq!(one(&file, &[&key(&store)], &[&witness_key]), "");
    let answer = store.json(&[
        "verify-evidence",
        text(&store.file("evidence.html")),
        "--key",
        &key(&store),
        "--witness",
        &witness_key,
    ]);
    assert_eq!(answer["cosignatures"][0]["key"], witness_key.as_str());
    assert!(answer["cosignatures"][0]["time"].as_str().unwrap().starts_with("20"), "{answer}");
    // A cosignature whose time was moved is none.
    let text = String::from_utf8(file.clone()).unwrap();
    let (_, document) = apart(&text);
    let line = document["checkpoint"].as_str().unwrap().lines().last().unwrap().to_owned();
    let (name, signature) = line.rsplit_once(' ').unwrap();
    let mut bytes = STANDARD.decode(signature).unwrap();
    bytes[11] ^= 1;
    let moved = format!("{name} {}", STANDARD.encode(bytes));
    let escaped = |line: &str| line.replace('&', "&amp;");
    let forged = text.replace(&line, &moved).replace(&escaped(&line), &escaped(&moved)).into_bytes();
    assert!(one(&forged, &[&key(&store)], &[&witness_key]).contains("does not fit"));
}

#[test]
fn a_witness_follows_a_log_by_files_and_refuses_a_copy_that_was_rolled_back_and_went_another_way() {
    let (store, witness) = (Store::new(), Store::new());
    let send = |store: &Store, id: &str| {
        store.ok(&[
            "ingest",
            &store.write("one.ndjson", cloud_event(id, "record.created", id, "2020-01-01", &json!({}))),
        ]);
    };
    send(&store, "1");
    let first = store.write("first.txt", store.ok(&["log", "checkpoint"]));
    witness.ok(&["log", "cosign", &first, "--key", &key(&store)]);
    let copy = Store::empty();
    assert!(Command::new("cp").args(["-r", text(&store.dir()), text(&copy.dir())]).status().unwrap().success());
    send(&store, "2");
    let second = store.write("second.txt", store.ok(&["log", "checkpoint"]));
    assert!(witness.refused(1, &["log", "cosign", &second]).contains("fonds log consistency 1 2"));
    let proof = store.write("proof.json", store.ok(&["log", "consistency", "1", "2"]));
    let cosigned = witness.ok(&["log", "cosign", &second, "--proof", &proof]);
    store.ok(&["log", "witness", "add", witness.ok(&["log", "witness", "key"]).trim()]);
    store.ok(&["log", "witness", "receive", &store.write("cosigned.txt", &cosigned)]);
    assert!(witness.refused(1, &["log", "cosign", &first]).contains("rolled back"));
    send(&copy, "another");
    assert!(witness.refused(1, &["log", "cosign", text(&copy.dir())]).contains("forked"));
    copy.ok(&["log", "witness", "add", witness.ok(&["log", "witness", "key"]).trim()]);
    assert!(
        copy.refused(1, &["log", "witness", "receive", text(&store.file("cosigned.txt"))])
            .contains("rolled back or forked")
    );
}

#[test]
fn a_rotated_key_signs_alone_old_checkpoints_stay_verifiable_and_evidence_names_the_new_key() {
    let store = decided();
    let (old, before) = (key(&store), store.ok(&["log", "checkpoint"]));
    let rotated = store.json(&["log", "key", "rotate", "--by", "c.archivist", "--reason", "yearly rotation"]);
    let new = key(&store);
    assert_eq!((rotated["key"].as_str(), rotated["replaces"].as_str()), (Some(new.as_str()), Some(old.as_str())));
    assert_eq!(rotated["kind"], "log.key-added");
    assert_eq!(store.ok(&["log", "key", "show", "--all"]), format!("{new}\n{old}\n"));
    let joint = store.ok(&["log", "checkpoint"]);
    assert_eq!(joint.lines().filter(|line| line.starts_with('\u{2014}')).count(), 2, "{joint}");
    let file = evidence(&store, "case/1").into_bytes();
    assert_eq!(one(&file, &[&new], &[]), "");
    assert_eq!(one(&file, &[&old], &[]), "", "the rotation's checkpoint is signed by both");
    store.ok(&["agency", "define", "b"]);
    let file = evidence(&store, "case/1").into_bytes();
    assert_eq!(one(&file, &[&new], &[]), "");
    assert!(!one(&file, &[&old], &[]).is_empty(), "the old key signs no more");
    store.ok(&["verify"]);
    let known = signed_note::VerifierList::new(vec![Box::new(signed_note::StandardVerifier::new(&old).unwrap())]);
    assert_eq!(signed_note::Note::from_bytes(before.as_bytes()).unwrap().verify(&known).unwrap().0.len(), 1);
}

#[test]
fn a_record_with_a_hundred_entries_is_checked_in_under_100_milliseconds_and_its_file_is_under_1_megabyte() {
    let store = Store::new();
    let mut events =
        cloud_event("0", "record.created", "case/1", "2010-01-01", &json!({ "agency": "a", "title": "A case" }));
    for number in 1..100 {
        let attributes: Value = (0..10)
            .map(|n| (format!("attribute-{n}"), json!(format!("value {number} of {n}"))))
            .collect::<serde_json::Map<_, _>>()
            .into();
        events += &cloud_event(
            &number.to_string(),
            "record.event",
            "case/1",
            "2011-01-01",
            &json!({ "name": "step", "attributes": attributes }),
        );
    }
    store.ok(&["ingest", &store.write("events.ndjson", events)]);
    let file = evidence(&store, "case/1").into_bytes();
    assert!(file.len() < 1_000_000, "{} bytes", file.len());
    let keys = [Verifier::parse(&key(&store)).unwrap()];
    let began = Instant::now();
    let proved = check(&file, &keys, &[]).unwrap();
    let took = began.elapsed();
    assert_eq!((proved.entries, proved.contents), (100, 100));
    eprintln!("evidence of 100 entries: {} bytes, checked in {took:?}", file.len());
    // Other work on the machine, and a build without optimisation, are allowed for; the figure is for a quiet one.
    assert!(took.as_millis() < 1_000, "{took:?}");
}

#[test]
fn evidence_of_an_erased_record_proves_that_it_was_and_by_whom_and_holds_nothing_of_it() {
    let store = decided();
    let keys = [key(&store)];
    assert!(evidence(&store, "case/1").contains("appeal"));
    let proposal =
        store.json(&["log", "erase", "--record", "case/1", "--authority", "Archives Act 5", "--by", "jansen"]);
    let proposal = proposal["proposal"].to_string();
    store.lets_names_approve();
    store.ok(&["log", "erase", "--approve", &proposal, "--by", "visser"]);
    let file = evidence(&store, "case/1");
    assert!(!file.contains("appeal") && !file.contains("alert"), "the title and the purpose are gone");
    for kept in ["case/1", "log.erased", "record.destroyed", "Archives Act 5", "visser"] {
        assert!(file.contains(kept), "{kept}");
    }
    assert_eq!(one(file.as_bytes(), &[&keys[0]], &[]), "");
    let unsaid = with(&file, |document| {
        let at = position(document, "log.erased");
        document["entries"].as_array_mut().unwrap().remove(at);
    });
    assert_ne!(one(&unsaid, &[&keys[0]], &[]), "", "content that is missing without an erasure proves nothing");
}
