//! Erasure: no back door, no trace in any answer, and after the scrub none on the disk.

use crate::store::{Store, cloud_event, component, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

/// What must be gone.
pub(crate) const SECRET: &str = "gYq7-the-neighbour's-complaint-Zx9";
const OWNER: &str = "owner-Kp4-of-the-table";

fn records(store: &Store) -> String {
    let mut events = String::new();
    for id in 0..40 {
        let title = if id == 7 { SECRET.to_owned() } else { format!("title {id}") };
        let data =
            json!({ "agency": "nl/merwestad", "series": "xx/1/A", "title": title, "attributes": { "note": title } });
        events += &cloud_event(&format!("c{id}"), "record.created", &format!("case/{id}"), "2020-01-02", &data);
        events += &cloud_event(
            &format!("e{id}"),
            "record.event",
            &format!("case/{id}"),
            "2020-02-03",
            &json!({ "name": "heard", "attributes": { "by": title } }),
        );
    }
    store.write("cases.ndjson", events)
}

fn runs(store: &Store) -> String {
    let dataset = |name: &str| {
        json!({ "namespace": "db", "name": name, "facets": { "ownership": { "_producer": "p", "_schemaURL": "s",
            "owners": [{ "name": OWNER, "type": "DATA OWNER" }] } } })
    };
    let run = json!({ "eventType": "COMPLETE", "eventTime": "2026-01-01T10:00:00Z", "producer": "https://test.example/p",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": { "runId": "run-1", "facets": { "note": { "_producer": "p", "_schemaURL": "s", "text": SECRET } } },
        "job": { "namespace": "test", "name": "job" }, "inputs": [dataset("from")], "outputs": [dataset("made")] });
    store.write("runs.ndjson", run.to_string() + "\n")
}

pub(crate) fn filled() -> (Store, String, String) {
    let store = Store::new();
    let (cases, runs) = (records(&store), runs(&store));
    store.ok(&["ingest", &cases]);
    store.ok(&["ingest", &runs, "--agency", "nl/merwestad"]);
    store.lets_names_approve();
    (store, cases, runs)
}

pub(crate) fn propose(store: &Store, what: &[&str]) -> String {
    let rest = ["--authority", "GDPR art. 17", "--by", "jansen"];
    let answer = store.json(&[&["log", "erase"], what, &rest].concat());
    assert_eq!(answer["state"], "proposed", "{answer}");
    answer["proposal"].to_string()
}

pub(crate) fn approve(store: &Store, proposal: &str) -> Value {
    store.json(&["log", "erase", "--approve", proposal, "--by", "visser"])
}

/// Whether a text stands in any file below a folder, as it is or in anything that zstd unpacks.
pub(crate) fn stands_in(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.extend(stands_in(&path, text));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        let packed = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&[0x28, 0xB5, 0x2F, 0xFD])).any(|at| {
            let mut plain = Vec::new();
            let unpacked =
                zstd::stream::read::Decoder::new(&bytes[at..]).map(|it| it.take(64 << 20).read_to_end(&mut plain));
            // What follows a frame is no frame, and a frame in a page may be cut: what came before it is looked at.
            drop(unpacked);
            holds(&plain)
        });
        if holds(&bytes) || packed {
            found.push(path.display().to_string());
        }
    }
    found
}

fn answers(store: &Store) -> Vec<String> {
    let mut said = vec![store.ok(&["--output", "json", "record", "list"])];
    for id in ["case/7", "case/8", "db/made"] {
        said.push(store.ok(&["--output", "json", "record", "show", id]));
        said.push(store.ok(&["--output", "json", "record", "show", id, "--as-of", "80"]));
        said.push(store.ok(&["--output", "json", "explain", id]));
    }
    for view in ["json", "tree", "prov-json"] {
        said.push(store.ok(&["lineage", "db/made", "--columns", "--view", view]));
    }
    said
}

#[test]
fn what_is_erased_is_in_no_answer_and_after_the_scrub_in_no_file() {
    let (store, cases, runs) = filled();
    let whole = answers(&store).concat();
    assert!(whole.contains(SECRET) && whole.contains(OWNER), "the answers show what is there");
    assert!(!stands_in(&store.dir(), SECRET).is_empty(), "the search finds what is there");
    let title = json!(SECRET).to_string();
    store.ok(&["correct", "16", "--field", "title", "--to", &title, "--reason", "typing error"]);

    let proposal = propose(&store, &["--record", "case/7"]);
    let erased = approve(&store, &proposal);
    assert_eq!((&erased["state"], &erased["items"]), (&json!("erased"), &json!(["14/0", "15/0"])), "{erased}");
    let lineage = propose(&store, &["--item", "80"]);
    assert_eq!(approve(&store, &lineage)["records"], json!(["db/made"]));

    let before = answers(&store);
    let said = before.concat();
    assert!(said.contains("case/7") && said.contains("db/from"), "the record and the ends of edges are still known");
    assert!(said.contains("destroyed"), "the record's state says what became of it");
    for seq in ["14", "15", "80"] {
        let shown = store.json(&["log", "show", seq]);
        assert!(shown["items"][0]["erased_by"].as_u64().unwrap() > 80, "{shown}");
    }
    // Entry 16 is another record's: it, and what put it right, say the same words and were not asked to go.
    assert_eq!(said.matches(SECRET).count(), 3, "{said}");
    assert!(!said.contains(OWNER));
    let other = propose(&store, &["--item", "16"]);
    assert_eq!(approve(&store, &other)["items"], json!(["16/0", "83/0"]), "what puts an item right goes with it");
    assert!(!answers(&store).concat().contains(SECRET));

    let again = store.json(&["ingest", &cases, &runs]);
    assert_eq!((&again["erased"], &again["appended"]), (&json!(4), &json!(0)), "nothing rises from the dead: {again}");
    let verified = store.json(&["verify"]);
    assert_eq!((&verified["erased"], &verified["scrub_waiting"]["erasures"]), (&json!(5), &json!(3)), "{verified}");
    let note = store.run(&["log", "checkpoint"]);
    assert!(String::from_utf8_lossy(&note.stderr).contains("3 erasures wait since"), "the checkpoint says so too");

    let before = answers(&store);
    store.ok(&["store", "rebuild"]);
    for text in [SECRET, OWNER] {
        assert_eq!(stands_in(&store.dir(), text), Vec::<String>::new(), "after the scrub the bytes are nowhere");
    }
    assert_eq!(answers(&store), before, "a store that was made anew answers the same");
    assert_eq!(store.json(&["verify"])["scrub_waiting"], Value::Null);
}

#[test]
fn an_erasure_at_once_leaves_no_byte_behind() {
    let (store, ..) = filled();
    let proposal = propose(&store, &["--item", "14", "--item", "15", "--item", "80"]);
    store.ok(&["log", "erase", "--approve", &proposal, "--by", "visser", "--scrub"]);
    assert_eq!(stands_in(&store.dir(), SECRET), Vec::<String>::new());
    store.ok(&["verify"]);
}

#[test]
fn there_is_no_back_door() {
    let (store, ..) = filled();
    let authority = ["--authority", "GDPR art. 17", "--by", "jansen"];
    let said = store.refused(2, &["log", "erase", "--item", "14", "--by", "jansen"]);
    assert!(said.contains("authority"), "{said}");
    store.refused(3, &[&["log", "erase", "--item", "999"][..], &authority].concat());

    let proposal = propose(&store, &["--item", "14"]);
    let said = store.refused(4, &["log", "erase", "--approve", &proposal, "--by", "jansen"]);
    assert!(said.contains("another person approves"), "{said}");
    let waiting = store.json(&["log", "erase", "--list"]);
    assert_eq!(waiting["erasures"][0]["pending"], json!(["0 of 1 approvals"]), "{waiting}");
    assert!(store.json(&["log", "show", "14"])["items"][0]["payload"].as_str().unwrap().contains(SECRET));
}

#[test]
fn a_hold_stands_against_an_erasure_until_it_is_released() {
    let (store, ..) = filled();
    store.ok(&["hold", "place", "inquiry", "--authority", "Council 12", "--records", "case/7"]);
    assert_eq!(store.json(&["record", "show", "case/7"])["holds"], json!(["inquiry"]));
    let proposal = propose(&store, &["--item", "14"]);
    let pending = store.answer(1, &["log", "erase", "--approve", &proposal, "--by", "visser"]);
    assert_eq!(pending["state"], "pending", "{pending}");
    assert!(pending["pending"][0].as_str().unwrap().contains("hold:inquiry"), "{pending}");
    assert!(store.json(&["log", "show", "14"])["items"][0]["payload"].as_str().unwrap().contains(SECRET));
    store.ok(&["hold", "release", "inquiry", "--authority", "Council 19"]);
    assert_eq!(store.json(&["log", "erase", "--execute", &proposal])["state"], "erased");
    // The hold, the proposal, the approval and the erasure themselves stay.
    for seq in 81..=85 {
        let said =
            store.refused(4, &["log", "erase", "--item", &seq.to_string(), "--authority", "x", "--by", "jansen"]);
        assert!(said.contains("are kept"), "{said}");
    }
}

#[test]
fn an_item_that_tells_of_two_records_waits_for_both() {
    let store = Store::new();
    let dataset = |name: &str| json!({ "namespace": "db", "name": name });
    let run = json!({ "eventType": "COMPLETE", "eventTime": "2026-01-01T10:00:00Z", "producer": "https://test.example/p",
        "run": { "runId": "run-1", "facets": { "note": { "text": SECRET } } }, "job": { "namespace": "test", "name": "job" },
        "inputs": [], "outputs": [dataset("one"), dataset("two")] });
    store.ok(&["ingest", &store.write("run.ndjson", run.to_string()), "--agency", "a"]);
    store.lets_names_approve();
    let one = propose(&store, &["--record", "db/one"]);
    let pending = store.answer(1, &["log", "erase", "--approve", &one, "--by", "visser"]);
    assert!(pending["pending"][0].as_str().unwrap().contains("also tells of `db/two`"), "{pending}");
    let two = propose(&store, &["--record", "db/two"]);
    assert_eq!(approve(&store, &two)["state"], "erased");
    assert_eq!(store.json(&["log", "erase", "--execute", &one])["state"], "erased");
    for id in ["db/one", "db/two"] {
        assert_eq!(store.json(&["record", "show", id])["state"], "destroyed");
    }
}

#[test]
fn a_hold_on_a_file_holds_what_is_filed_into_it() {
    let store = Store::new();
    let events = [
        cloud_event("1", "record.created", "file/1", "2020-01-01", &json!({ "agency": "a" })),
        cloud_event("2", "record.created", "case/1", "2020-01-01", &json!({ "file": "file/1", "title": SECRET })),
    ];
    store.ok(&["ingest", &store.write("events.ndjson", events.concat())]);
    store.lets_names_approve();
    store.ok(&["hold", "place", "inquiry", "--authority", "Council 12", "--records", "file/1"]);
    let proposal = propose(&store, &["--record", "case/1"]);
    let pending = store.answer(1, &["log", "erase", "--approve", &proposal, "--by", "visser"]);
    assert!(pending["pending"][0].as_str().unwrap().contains("hold:inquiry"), "{pending}");
    assert_eq!(store.json(&["record", "show", "case/1"])["title"], SECRET);
}

#[test]
fn a_record_is_not_called_destroyed_while_something_of_it_came_after_the_proposal() {
    let (store, ..) = filled();
    let proposal = propose(&store, &["--record", "case/7"]);
    let late = cloud_event("late", "record.modified", "case/7", "2021-01-01", &json!({ "title": SECRET }));
    store.ok(&["ingest", &store.write("late.ndjson", late)]);
    let pending = store.answer(1, &["log", "erase", "--approve", &proposal, "--by", "visser"]);
    assert!(pending["pending"][0].as_str().unwrap().contains("came after the proposal"), "{pending}");
    assert_ne!(store.json(&["record", "show", "case/7"])["state"], "destroyed");
    let rest = propose(&store, &["--record", "case/7"]);
    assert_eq!(approve(&store, &rest)["state"], "erased");
    let shown = store.json(&["record", "show", "case/7"]);
    assert_eq!((&shown["state"], &shown["effective"]["due"]), (&json!("destroyed"), &Value::Null), "{shown}");
    assert_eq!(shown["effective"]["blocked_by"], json!(["destroyed"]), "there is nothing left to dispose of: {shown}");
    assert_eq!(store.json(&["log", "erase", "--execute", &proposal])["state"], "erased");
}

#[test]
fn decisions_schedules_holds_approvals_and_erasures_are_never_erased() {
    let (store, ..) = filled();
    let schedule = store.write("schedule.ndjson", crate::register::SCHEDULE);
    store.ok(&["schedule", "import", &schedule, "--schedule", "xx", "--version", "1", "--default-action", "destroy"]);
    store.ok(&["plugin", "install", text(&component("plugins/retention"))]);
    store.ok(&["policy", "bind", "keep", "--plugin", "retention"]);
    store.ok(&["evaluate", "--as-of", "2026-01-01"]);
    store.ok(&["hold", "place", "inquiry", "--authority", "Council 12", "--records", "case/9"]);
    let proposal = propose(&store, &["--item", "14"]);
    assert_eq!(approve(&store, &proposal)["state"], "erased");
    let size = store.json(&["verify"])["log_size"].as_u64().unwrap();
    let mut refused = BTreeSet::new();
    for seq in 0..size {
        let shown = store.json(&["log", "show", &seq.to_string()]);
        let header: Value = serde_json::from_str(shown["header"].as_str().unwrap()).unwrap();
        let kind = header["kind"].as_str().unwrap().to_owned();
        if kind.starts_with("record.") || kind.starts_with("lineage.") {
            continue;
        }
        let told = ["log", "erase", "--item", &seq.to_string(), "--authority", "Act 1", "--by", "jansen"];
        let said = store.refused(4, &told);
        assert!(said.contains("are kept"), "{kind}: {said}");
        let again = store.json(&["log", "show", &seq.to_string()]);
        assert!(again["items"].as_array().unwrap().iter().all(|item| item["payload"].is_string()), "{kind}: {again}");
        assert_eq!(again["items"], shown["items"], "{kind}");
        refused.insert(kind);
    }
    for kind in ["policy.decided", "schedule.imported", "hold.placed", "disposition.approved", "log.erased"] {
        assert!(refused.contains(kind), "{kind} is not among {refused:?}");
    }
    assert_eq!(store.json(&["verify"])["log_size"], size, "what was refused is not logged");
}
