//! Datasets that are records.

use crate::register::testing::{Log, Sent, day, event, id};
use crate::register::{Mark, Record, State, history, record};
use fonds_model::{Format, Kind, Trigger};
use serde_json::{Value, json};

fn run(state: &str, outputs: Value, inputs: Value) -> Sent {
    let body = json!({
        "eventType": state, "eventTime": "2024-05-01T10:00:00Z", "producer": "https://example.org/etl",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "0190c7a5-0000-7000-8000-000000000001"}, "job": {"namespace": "etl", "name": "publish"},
        "inputs": inputs, "outputs": outputs,
    });
    event(Kind::LineageRun, "", body).format(Format::OpenLineage).on("2024-05-01T10:00:00Z")
}

fn dataset(name: &str) -> Value {
    json!({"namespace": "pg", "name": name})
}

fn changed(name: &str, change: &str) -> Value {
    let facet = json!({"_producer": "x", "_schemaURL": "y", "lifecycleStateChange": change,
        "previousIdentifier": {"namespace": "pg", "name": "old"}});
    json!({"namespace": "pg", "name": name, "facets": {"lifecycleStateChange": facet}})
}

fn read(log: &Log, name: &str) -> Option<Record> {
    record(&log.rows(), &id(&format!("pg/{name}")), None).unwrap()
}

#[test]
fn what_a_complete_run_of_an_agency_writes_becomes_a_record() {
    let mut log = Log::default();
    log.push(run("START", json!([dataset("out")]), json!([])).agency("nl/data"));
    assert_eq!(read(&log, "out"), None, "a run that has only started claims no output");
    log.push(run("COMPLETE", json!([dataset("out")]), json!([dataset("in")])).agency("nl/data"));
    let found = read(&log, "out").unwrap();
    assert_eq!(found.own.kind.as_deref(), Some("dataset"));
    assert_eq!(found.agency().unwrap().as_str(), "nl/data");
    let created = found.facts_on(day("2024-05-01")).occurrence(&Trigger::Creation).unwrap().on;
    assert_eq!(created.unwrap().to_string(), "2024-05-01");
    assert_eq!(read(&log, "in"), None, "what was only read is no record");
    log.push(run("COMPLETE", json!([dataset("out")]), json!([])).agency("nl/data"));
    assert_eq!(read(&log, "out").unwrap().own.standing, 1, "it is created once");
}

#[test]
fn without_an_agency_or_a_lifecycle_event_a_dataset_is_no_record() {
    let mut log = Log::default();
    log.push(run("COMPLETE", json!([changed("out", "CREATE"), changed("gone", "DROP")]), json!([])));
    assert_eq!((read(&log, "out"), read(&log, "gone")), (None, None));
    assert!(log.rows().0.is_empty());
}

#[test]
fn a_first_lifecycle_event_makes_a_record_of_a_dataset_whose_states_then_count() {
    let mut log = Log::default();
    log.push(event(Kind::RecordLabelled, "pg/out", json!({"level": "internal"})));
    log.push(run("COMPLETE", json!([changed("out", "CREATE")]), json!([])));
    log.push(run("COMPLETE", json!([changed("out", "ALTER")]), json!([])));
    log.push(run("COMPLETE", json!([changed("out", "RENAME")]), json!([])));
    let kinds: Vec<_> =
        history(&log.rows(), &id("pg/out"), None).unwrap().iter().map(|fact| fact.kind.as_str()).collect();
    assert_eq!(kinds, ["record.labelled", "record.created", "record.modified", "record.modified"]);
}

#[test]
fn a_drop_of_a_record_is_shown_as_loss_and_ends_nothing() {
    for change in ["DROP", "TRUNCATE", "OVERWRITE"] {
        let mut log = Log::default();
        log.push(run("COMPLETE", json!([dataset("out")]), json!([])).agency("nl/data"));
        log.push(run("FAIL", json!([changed("out", change)]), json!([])));
        assert_eq!(read(&log, "out").unwrap().facts_logged().marks, [], "a failed run claims nothing");
        log.push(run("COMPLETE", json!([changed("out", change)]), json!([])));
        let facts = read(&log, "out").unwrap().facts_on(day("2024-06-01"));
        assert_eq!((facts.state, facts.destroyed), (State::Open, None));
        assert_eq!(facts.marks, [Mark::LossReported]);
    }
}

#[test]
fn an_annulled_lineage_event_makes_no_record_and_its_subject_cannot_be_corrected() {
    let mut log = Log::default();
    let seq = log.push(run("COMPLETE", json!([dataset("a"), dataset("b")]), json!([])).agency("nl/data"));
    log.push(event(Kind::EntryCorrected, "", json!({"seq": seq, "field": "subject", "new": "pg/c"})));
    assert!(read(&log, "a").is_some() && read(&log, "b").is_some() && read(&log, "c").is_none());
    log.push(event(Kind::EntryAnnulled, "", json!({"seq": seq})));
    assert!(read(&log, "a").is_none() && read(&log, "b").is_none());
}
