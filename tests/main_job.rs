//! The main job on real input, checked by other means than Fonds' own.

use crate::store::{Store, component, text};
use crate::support;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The permits ingested and decided under the Texas schedule, in the zone of Amsterdam.
pub(crate) fn permits(shared: &Path) -> Store {
    permits_by(shared, "review")
}

/// The same, with another action for the series that name none.
pub(crate) fn permits_by(shared: &Path, default_action: &str) -> Store {
    let store = Store::new();
    let zone = ["--time-zone", "Europe/Amsterdam", "--fiscal-year-end", "08-31"];
    store.ok(&[&["agency", "define", "nl/wabo"][..], &zone].concat());
    let schedule = shared.join("data/schedules/texas-series.ndjson.gz");
    let told = ["--schedule", "tx", "--version", "2026-03", "--default-action", default_action];
    let imported = store.json(&[&["schedule", "import", text(&schedule)][..], &told].concat());
    let count = |name: &str| imported[name].as_u64().expect("a count");
    let sum = count("series") + count("duplicate") + count("conflicting") + count("rejected");
    assert_eq!(sum, 30_102, "every Texas object is accounted for: {imported}");
    assert_eq!(imported["conflicting_series"], 6, "six keys stand twice with different rules");
    let mapping = support::workspace().join("tests/receipt.toml");
    let xes = shared.join("data/permits/receipt.xes.gz");
    let ingest = ["ingest", text(&xes), "--map", text(&mapping)];
    let first = store.json(&ingest);
    assert_eq!(first["rejected"], 0);
    let again = store.json(&ingest);
    assert_eq!(
        (&again["appended"], &again["log_size"]),
        (&Value::from(0), &first["log_size"]),
        "the import is idempotent"
    );
    assert_eq!(again["duplicate"], first["appended"]);
    let retention = component("plugins/retention");
    store.ok(&["plugin", "install", text(&retention)]);
    store.ok(&["policy", "bind", "keep", "--plugin", "retention"]);
    store
}

/// What the permits' retention must be, by id, computed from the sources by other means than Fonds'.
pub(crate) fn independent(shared: &Path, python: &Path) -> BTreeMap<String, Value> {
    let independent = Command::new(python)
        .arg(support::workspace().join("tests/receipt.py"))
        .args([shared.join("data/permits/receipt.xes.gz"), shared.join("data/schedules/texas-series.ndjson.gz")])
        .output()
        .expect("python runs");
    assert!(independent.status.success(), "{}", String::from_utf8_lossy(&independent.stderr));
    serde_json::from_slice(&independent.stdout).expect("JSON")
}

#[test]
fn every_permit_is_kept_until_the_day_that_an_independent_calculation_says() {
    let (Some(shared), Some(python)) = (support::shared(), support::python()) else { return };
    let store = permits(&shared);
    let swept = store.json(&["evaluate"]);
    assert_eq!((&swept["evaluated"], &swept["faults"]), (&Value::from(1_434), &Value::from(0)));

    let independent = independent(&shared, &python);
    assert_eq!(independent.len(), 1_434);

    let listed = store.json(&["record", "list"]);
    let records = listed["records"].as_array().expect("records");
    assert_eq!(records.len(), 1_434);
    let (mut waiting, mut active) = (0, 0);
    for record in records {
        let id = record["id"].as_str().expect("an id");
        let want = &independent[id];
        let retention = &record["decisions"]["retention"];
        assert_eq!(record["created"], want["created"], "{id}");
        assert_eq!(record["closed"], want["closed"], "{id}");
        assert_eq!(record["series"], want["series"], "{id}");
        assert_eq!(retention["date"], want["until"], "{id}");
        assert_eq!(retention["waiting_for"], want["waiting"], "{id}");
        let codes: Vec<&str> =
            retention["reasons"].as_array().unwrap().iter().filter_map(|r| r["code"].as_str()).collect();
        assert_eq!(codes.contains(&"activity-after-close"), want["active_after_close"] == true, "{id}: {codes:?}");
        waiting += u32::from(retention["term"] == "waiting");
        active += u32::from(want["active_after_close"] == true);
        if want["series"].is_null() {
            assert_eq!(retention["term"], "forever", "what no schedule knows is retained: {id}");
            assert!(codes.contains(&"unscheduled"), "{id}: {codes:?}");
        }
    }
    assert_eq!(active, 145);
    assert!(waiting > 80, "open cases wait for `closed`: {waiting}");
    store.ok(&["verify"]);
}

#[test]
fn marquezs_events_and_every_facet_of_the_specification_come_back_byte_for_byte_and_once() {
    let Some(shared) = support::shared() else { return };
    let store = Store::new();
    let folder = shared.join("data/openlineage");
    let template = std::fs::read_to_string(folder.join("marquez/metadata.template.json")).unwrap();
    let mut filled = template.replace("{{RUN_START_TIME}}", "2024-05-01T10:00:00Z");
    while let Some(at) = filled.find("{{RUN_END_TIME") {
        let end = at + filled[at..].find("}}").unwrap() + 2;
        filled.replace_range(at..end, "2024-05-01T10:07:00Z");
    }
    let mut files = vec![store.write("marquez.json", filled)];
    let mut wrapped = Vec::new();
    let mut found: Vec<_> =
        std::fs::read_dir(folder.join("spec/tests")).unwrap().map(|file| file.unwrap().path()).collect();
    found.sort();
    for path in found {
        if path.is_file() {
            files.push(text(&path).to_owned());
            continue;
        }
        for facets in std::fs::read_dir(&path).unwrap().map(|file| file.unwrap().path()) {
            // One line each, the facets as they are: only the line ends between them go.
            let facets = std::fs::read_to_string(&facets).unwrap().replace(['\n', '\r'], " ");
            wrapped.push(format!(
                r#"{{"eventType":"COMPLETE","eventTime":"2024-05-01T10:00:00Z","producer":"p","run":{{"runId":"r","facets":{facets}}},"job":{{"namespace":"n","name":"j","facets":{facets}}},"outputs":[{{"namespace":"db","name":"t","facets":{facets}}}]}}"#
            ));
        }
    }
    assert!(wrapped.len() >= 46, "{}", wrapped.len());
    // Packed as a producer may send it.
    let packed = zstd::stream::encode_all((wrapped.join("\n") + "\n").as_bytes(), 3).unwrap();
    files.push(store.write("spec.ndjson.zst", packed));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let told = |files: &[&str]| store.json(&[&["ingest"], files].concat());
    let first = told(&files);
    assert_eq!(first["rejected"], 0, "{first}");
    let again = told(&files);
    assert_eq!(
        (&again["appended"], &again["log_size"]),
        (&Value::from(0), &first["log_size"]),
        "the log has not grown"
    );
    assert_eq!(again["duplicate"], first["received"]);
    let size = first["log_size"].as_u64().unwrap();
    let bodies: Vec<String> = (0..size)
        .map(|seq| {
            let shown = store.json(&["log", "show", &seq.to_string()]);
            shown["items"][0]["payload"].as_str().unwrap().split_once('\n').unwrap().1.to_owned()
        })
        .collect();
    for event in &wrapped {
        assert!(bodies.contains(event), "it did not come back as it was sent: {event}");
    }
    store.ok(&["verify"]);
}

#[test]
fn all_openlineage_events_are_taken_once_and_their_facets_come_back_byte_for_byte() {
    let Some(shared) = support::shared() else { return };
    let store = Store::new();
    let real = shared.join("data/openlineage/events/real.ndjson.gz");
    let first = store.json(&["ingest", text(&real)]);
    let counts =
        |answer: &Value| ["received", "appended", "duplicate", "rejected"].map(|name| answer[name].as_u64().unwrap());
    assert_eq!(counts(&first), [106, 102, 4, 0]);
    let again = store.json(&["ingest", text(&real)]);
    assert_eq!(counts(&again), [106, 0, 106, 0]);
    assert_eq!(again["log_size"], first["log_size"], "the log has not grown");
    let payload = store.json(&["log", "show", "0"])["items"][0]["payload"].as_str().expect("a payload").to_owned();
    let (_, body) = payload.split_once('\n').expect("an envelope's line");
    let unpacked = Command::new("zcat").arg(&real).output().expect("zcat runs").stdout;
    let line = unpacked.split(|byte| *byte == b'\n').next().expect("a line");
    assert_eq!(body.as_bytes(), line, "the event came back as it was sent");
    store.ok(&["verify"]);
}

#[test]
fn the_log_is_the_truth_delete_every_view_and_lose_nothing() {
    let Some(shared) = support::shared() else { return };
    let store = permits(&shared);
    store.ok(&["ingest", text(&shared.join("data/openlineage/events/real.ndjson.gz"))]);
    store.ok(&["evaluate"]);
    let views = || {
        let dataset = "postgres://POSTGRES_HOST:1234/postgres.postgres.orders_snapshot";
        let lineage = store.json(&["lineage", dataset, "--view", "json", "--columns"]);
        (store.json(&["record", "list"]), lineage, store.json(&["explain", "permit/case-10017"]))
    };
    let before = views();
    std::fs::remove_dir_all(store.dir().join("store")).expect("the store's folder");
    assert_eq!(views(), before, "what the journal says is all there is");
    store.ok(&["store", "rebuild"]);
    assert_eq!(views(), before);
}

#[test]
fn prov_json_loads_in_the_python_package() {
    let (Some(shared), Some(python)) = (support::shared(), support::python()) else { return };
    let store = Store::new();
    store.ok(&["ingest", text(&shared.join("data/openlineage/events/real.ndjson.gz"))]);
    let dataset = "postgres://POSTGRES_HOST:1234/postgres.postgres.orders_snapshot";
    let lineage = store.json(&["lineage", dataset, "--view", "json"]);
    let document = store.write("prov.json", store.ok(&["lineage", dataset, "--view", "prov-json"]));
    let script = "import sys, prov.model as m\nd = m.ProvDocument.deserialize(sys.argv[1])\n\
                  print(len(list(d.get_records(m.ProvElement))), len(list(d.get_records(m.ProvRelation))))";
    let loaded = Command::new(python).args(["-c", script, &document]).output().expect("python runs");
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    let count = |name: &str| lineage[name].as_array().expect("a list").len();
    let want = format!("{} {}\n", count("nodes"), count("edges"));
    assert_eq!(String::from_utf8_lossy(&loaded.stdout), want, "every node and edge is in the PROV document");
    assert!(count("edges") > 0);
}
