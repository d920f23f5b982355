//! Bad input, which stops nothing else.

use crate::store::{Store, cloud_event, text};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;

/// OpenLineage runs, a line each, each its own content.
pub(crate) fn runs(numbers: std::ops::Range<u32>) -> String {
    let line = |run: u32| {
        json!({ "eventType": "COMPLETE", "eventTime": format!("2026-01-{:02}T10:00:00Z", 1 + run % 28),
            "producer": "https://test.example/p", "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": { "runId": format!("run-{run}") }, "job": { "namespace": "test", "name": "job" },
            "inputs": [{ "namespace": "db", "name": format!("t{}", run / 2) }],
            "outputs": [{ "namespace": "db", "name": format!("t{}", run + 1) }] })
        .to_string()
            + "\n"
    };
    numbers.map(line).collect()
}

#[test]
fn bad_input_is_rejected_byte_for_byte_with_its_line_and_stops_nothing_else() {
    let store = Store::new();
    let good = |id: &str| {
        cloud_event(id, "record.created", &format!("case/{id}"), "2020-01-01T00:00:00Z", &json!({ "agency": "a" }))
    };
    let bad: [&[u8]; 6] = [
        b"{ \"specversion\": \"1.0\", broken",
        b"{\"specversion\":\"1.0\",\"type\":\"record.created\",\"source\":\"s\",\"id\":\"\xff\"}",
        b"{\"specversion\":\"1.0\",\"type\":\"record.created\",\"source\":\"s\",\"id\":\"no-subject\"}",
        b"{\"specversion\":\"1.0\",\"type\":\"record.created\",\"source\":\"s\",\"id\":\"date\",\"subject\":\"x\",\"time\":\"2023-02-30T00:00:00Z\"}",
        b"{\"specversion\":\"1.0\",\"type\":\"policy.decided\",\"source\":\"s\",\"id\":\"host\",\"subject\":\"x\"}",
        b"[1, 2, 3]",
    ];
    let mut file = Vec::new();
    let mut want = Vec::new();
    for (number, item) in bad.iter().enumerate() {
        file.extend_from_slice(good(&format!("good-{number}")).as_bytes());
        file.extend_from_slice(item);
        file.push(b'\n');
        want.extend_from_slice(item);
        want.push(b'\n');
    }
    file.extend_from_slice(good("last").as_bytes());
    let file = store.write("mixed.ndjson", file);
    let rejects = store.file("rejects");
    let answer = store.answer(1, &["ingest", &file, "--rejects", text(&rejects)]);
    assert_eq!((&answer["appended"], &answer["rejected"]), (&Value::from(7), &Value::from(6)), "{answer}");
    assert_eq!(String::from_utf8_lossy(&std::fs::read(&rejects).unwrap()), String::from_utf8_lossy(&want));
    let lines: Vec<u64> =
        answer["rejects"].as_array().unwrap().iter().map(|reject| reject["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 4, 6, 8, 10, 12]);
    let reason = |index: usize| answer["rejects"][index]["reason"].as_str().unwrap();
    assert!(
        reason(1).contains("UTF-8") && reason(2).contains("subject") && reason(4).contains("policy.decided"),
        "{answer}"
    );
    assert!(answer["rejects"].as_array().unwrap().iter().all(|reject| reject["file"] == file.as_str()));
}

#[test]
fn a_line_of_100_megabytes_is_streamed_to_the_rejects_and_the_next_one_taken() {
    let store = Store::new();
    let long = "x".repeat(100 << 20);
    let good = cloud_event("1", "record.created", "case/1", "2020-01-01T00:00:00Z", &json!({}));
    let file = store.write("long.ndjson", format!("{long}\n{good}"));
    let rejects = store.file("rejects");
    let answer = store.answer(1, &["ingest", &file, "--format", "cloudevents", "--rejects", text(&rejects)]);
    assert_eq!((&answer["appended"], &answer["rejected"]), (&Value::from(1), &Value::from(1)), "{answer}");
    assert_eq!(std::fs::metadata(&rejects).unwrap().len(), (100 << 20) + 1);
}

#[test]
fn what_came_before_a_truncated_gzip_counts_and_the_break_is_said() {
    let store = Store::new();
    let events: String = (0..2_000)
        .map(|id| cloud_event(&id.to_string(), "record.created", &format!("case/{id}"), "2020-01-01", &json!({})))
        .collect();
    store.write("events.ndjson", &events);
    let packed = std::process::Command::new("gzip").arg("-c").arg(store.file("events.ndjson")).output().unwrap().stdout;
    let cut = store.write("cut.ndjson.gz", &packed[..packed.len() / 2]);
    let answer = store.answer(1, &["ingest", &cut]);
    let appended = answer["appended"].as_u64().unwrap();
    assert!(appended > 100 && appended < 2_000, "{answer}");
    assert!(answer["rejected"].as_u64().unwrap() >= 1);
    store.ok(&["verify"]);
}

#[test]
fn xml_entity_tricks_are_refused_and_expand_nothing() {
    let store = Store::new();
    let map = store.write("map.toml", "[record]\nid = \"case/{concept:name}\"\nagency = \"a\"\ncreated = \"start\"\n");
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE log [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\n\
        <log><trace><string key=\"concept:name\" value=\"&b;\"/><date key=\"start\" value=\"2020-01-01T00:00:00Z\"/></trace></log>";
    let file = store.write("bomb.xes", bomb);
    let answer = store.answer(1, &["ingest", &file, "--map", &map]);
    assert_eq!(answer["appended"], 0, "{answer}");
    assert!(answer["rejected"].as_u64().unwrap() >= 1, "{answer}");
}

#[test]
fn the_same_id_with_other_content_is_a_conflict_and_the_first_stands() {
    let store = Store::new();
    let event = |title: &str| cloud_event("1", "record.created", "case/1", "2020-01-01", &json!({ "title": title }));
    store.ok(&["ingest", &store.write("first.ndjson", event("first"))]);
    let answer = store.answer(1, &["ingest", &store.write("second.ndjson", event("second"))]);
    assert!(answer["rejects"][0]["reason"].as_str().unwrap().contains("conflict: entry 0"), "{answer}");
    assert_eq!(store.json(&["record", "show", "case/1"])["title"], "first");
}

#[test]
fn a_second_process_is_told_the_pid_of_the_first() {
    let store = Store::new();
    let mut first =
        store.command(&["ingest", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    let lock = store.dir().join("lock");
    for _ in 0..100 {
        if std::fs::read_to_string(&lock).is_ok_and(|pid| pid.trim() == first.id().to_string()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let said = store.refused(5, &["record", "list"]);
    assert!(said.contains(&first.id().to_string()), "{said}");
    store.ok(&["verify"]);
    store.ok(&["log", "checkpoint"]);
    drop(first.stdin.take());
    first.wait().expect("it ends");
    store.ok(&["record", "list"]);
}

#[test]
fn a_store_that_cannot_be_read_is_set_aside_with_a_word_and_made_anew_unasked() {
    let store = Store::new();
    store.ok(&["ingest", &store.write("records", crate::trial::records(0..50))]);
    let whole = store.json(&["record", "list"]);
    let db = store.dir().join("store/db");
    let mut bytes = std::fs::read(&db).unwrap();
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
    std::fs::write(&db, bytes).unwrap();
    let asked = store.run(&["--quiet", "--output", "json", "record", "list"]);
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert_eq!(asked.status.code(), Some(0), "{said}");
    assert_eq!(serde_json::from_slice::<Value>(&asked.stdout).unwrap(), whole);
    assert!(said.contains("store.lost") && said.contains("made anew") && !said.contains("panicked"), "{said}");
    assert!(store.dir().join("store.lost/db").is_file(), "it is kept, in case that it has what the journal lost");
    let again = store.run(&["record", "list"]);
    assert!(again.status.success() && again.stderr.is_empty(), "{}", String::from_utf8_lossy(&again.stderr));
}
