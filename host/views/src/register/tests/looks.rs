//! What is to be looked at again.

use crate::register::testing::{Log, day, event, id};
use crate::register::{changed_since, due, due_between, last_sweep, look_all_since, must_look_at_all, pending};
use crate::rows::MemoryRows;
use fonds_model::Kind;
use serde_json::json;

fn pending_ids(rows: &MemoryRows) -> Vec<String> {
    pending(rows).unwrap().map(|id| id.unwrap().to_string()).collect()
}

fn due_ids(rows: &MemoryRows, by: &str) -> Vec<String> {
    due(rows, day(by)).map(|found| found.unwrap()).map(|(date, id)| format!("{date} {id}")).collect()
}

fn sweep(log: &mut Log, as_of: &str, log_size: u64) {
    let body = json!({"as_of": as_of, "log_size": log_size, "evaluated": 1, "changed": 0, "faults": 0, "digest": "0".repeat(64)});
    log.push(event(Kind::SweepCompleted, "", body));
}

fn created(log: &mut Log, of: &str) {
    log.push(event(Kind::RecordCreated, of, json!({})).on("2010-01-01"));
}

#[test]
fn what_changed_is_looked_at_until_a_sweep_that_saw_it_and_an_access_is_no_change() {
    let mut log = Log::default();
    created(&mut log, "b");
    created(&mut log, "a");
    assert_eq!(pending_ids(&log.rows()), ["b", "a"]);
    log.push(event(Kind::RecordClosed, "b", json!({})).on("2011-01-01"));
    assert_eq!(pending_ids(&log.rows()), ["a", "b"], "each once");
    sweep(&mut log, "2026-01-01", 2);
    assert_eq!(pending_ids(&log.rows()), ["b"], "the sweep began before it was closed");
    sweep(&mut log, "2026-01-01", 4);
    assert!(pending_ids(&log.rows()).is_empty());
    log.push(event(Kind::RecordAccessed, "a", json!({})));
    assert!(pending_ids(&log.rows()).is_empty());
    assert_eq!(last_sweep(&log.rows(), Some(3)).unwrap().unwrap().completed.log_size, 2);
}

#[test]
fn a_change_of_a_file_is_a_change_of_all_that_is_filed_into_it() {
    let mut log = Log::default();
    created(&mut log, "f");
    log.push(event(Kind::RecordCreated, "g", json!({"file": "f"})));
    log.push(event(Kind::RecordCreated, "d1", json!({"file": "g"})));
    log.push(event(Kind::RecordCreated, "d2", json!({"file": "f"})));
    log.push(event(Kind::RecordCreated, "d3", json!({"file": "f"})));
    log.push(event(Kind::RecordFiled, "d3", json!({"file": "elsewhere"})));
    let seq = log.push(event(Kind::RecordClosed, "f", json!({})).on("2012-01-01"));
    let rows = log.rows();
    let mut ids: Vec<_> = changed_since(&rows, seq).map(|id| id.unwrap().to_string()).collect();
    ids.sort();
    assert_eq!(ids, ["d1", "d2", "f", "g"]);
    log.push(event(Kind::RecordFiled, "f", json!({"file": "d1"})));
    let rows = log.rows();
    assert_eq!(changed_since(&rows, seq).count(), 4, "a circle of files ends, each once");
    let mut all: Vec<_> = pending_ids(&rows);
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!((count, all.len()), (5, 5));
    assert_eq!(crate::register::filed_into(&rows, &id("f")).count(), 2);
}

#[test]
fn what_is_dated_after_it_was_logged_and_labels_that_come_down_are_looked_at_on_their_day() {
    let mut log = Log::default();
    created(&mut log, "a");
    log.push(event(Kind::RecordClosed, "a", json!({})).on("2030-02"));
    log.push(event(Kind::RecordLabelled, "b", json!({"level": "secret", "declassify": {"on": "2027-01-01"}})));
    let rows = log.rows();
    assert_eq!(due_ids(&rows, "2030-02-28"), ["2027-01-01 b", "2030-02-28 a"]);
    assert_eq!(due_ids(&rows, "2030-02-27"), ["2027-01-01 b"]);
    assert_eq!(due_between(&rows, Some(day("2027-01-01")), day("2031-01-01")).count(), 1);
}

#[test]
fn a_change_of_agencies_makes_every_record_due_for_a_look_also_on_the_day_it_takes_effect() {
    let mut log = Log::default();
    let all = |log: &Log, date: &str| must_look_at_all(&log.rows(), day(date)).unwrap();
    assert!(all(&log, "2026-01-01"), "never swept");
    sweep(&mut log, "2026-01-01", 0);
    assert!(!all(&log, "2026-01-02"));
    assert!(all(&log, "2025-12-31"), "it looks back");
    let seq = log.push(event(Kind::AgencyDefined, "", json!({"path": "nl", "id": "nl", "effective": "2027"})));
    assert_eq!(look_all_since(&log.rows()).unwrap(), Some(seq));
    assert!(all(&log, "2026-01-02"));
    sweep(&mut log, "2026-01-02", 2);
    assert!(!all(&log, "2026-12-31"));
    assert!(all(&log, "2027-01-01"));
}
