//! `verify --replay`: every decision is made again, and one that the policies would not make is found and named.

use crate::hostile::beside_a_good_policy;
use crate::main_job::permits;
use crate::permits::Store as Example;
use crate::store::{Store, cloud_event, component, text};
use crate::support;
use fonds_log::{Lock, Log, Options, Reader};
use fonds_model::decision::SweepCompleted;
use fonds_model::{Entry, Envelope, Kind, Timestamp};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Appends an entry as the program itself would, so that every hash is right: only its content is forged.
fn forge(dir: &Path, kind: Kind, payloads: Vec<Vec<u8>>) -> u64 {
    let lock = Lock::take(dir).unwrap();
    let store = fonds_store::Store::open(dir.join(fonds_store::STORE)).unwrap();
    let at = Reader::open(dir).unwrap().entries(0).unwrap().last().unwrap().unwrap().entry.at;
    let clock = Arc::new(move || Timestamp(at.0 + 1));
    let log = Log::open(lock, Arc::new(store), Options::default(), clock).unwrap();
    let seq = log.size();
    let prepared = log.prepare(kind, payloads, None).unwrap();
    log.stage(vec![prepared]).commit().unwrap();
    log.catch_up(&mut |_, _| {}).unwrap();
    drop(log.close().unwrap());
    seq
}

/// The payload of an item with its body changed.
fn changed(entry: &Entry, item: usize, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (envelope, body) = entry.items[item].content.as_ref().unwrap().split().unwrap();
    let mut body: Value = serde_json::from_slice(body).unwrap();
    change(&mut body);
    envelope.with_body(body.to_string().as_bytes())
}

/// The payload of an item as it is.
fn same(entry: &Entry, item: usize) -> Vec<u8> {
    entry.items[item].content.as_ref().unwrap().payload.clone()
}

fn last(dir: &Path, kind: Kind) -> Entry {
    let entries = Reader::open(dir).unwrap().entries(0).unwrap().map(|framed| framed.unwrap().entry);
    entries.filter(|entry| entry.kind == kind).last().unwrap()
}

/// Two closed records with a rule of three years, decided.
fn decided() -> Store {
    let store = Store::new();
    let series = r#"{"schedule_metadata":{"state":"xx","schedule_id":"1"},"series_metadata":{"series_id":"A","series_title":"Cases","legal_citation":""},"retention_rules":{"trigger_event":"","duration_years":3,"duration_months":null,"disposition_method":""},"tracking_data":{"comments":""},"state_specific_attributes":{},"retention_code":"CE","retention_days":""}"#;
    let file = store.write("schedule.ndjson", series);
    store.ok(&["schedule", "import", &file, "--schedule", "xx", "--version", "1", "--default-action", "destroy"]);
    send(&store, "1", "record.created", "case/1", "2010-05-05", &json!({ "agency": "a", "series": "xx/1/A" }));
    send(&store, "2", "record.created", "case/2", "2011-05-05", &json!({ "agency": "a", "series": "xx/1/A" }));
    store.ok(&["plugin", "install", text(&component("plugins/retention"))]);
    store.ok(&["policy", "bind", "keep", "--plugin", "retention"]);
    assert_eq!(store.json(&["evaluate"])["changed"], 2);
    store
}

fn send(store: &Store, id: &str, kind: &str, record: &str, on: &str, data: &Value) {
    let event = cloud_event(id, kind, record, on, data);
    assert_eq!(store.json(&["ingest", &store.write("event.ndjson", event)])["appended"], 1);
}

/// What a replay answers, and all of it must be equal; how many decisions that are.
fn all_equal(store: &Store) -> u64 {
    let replay = store.json(&["verify", "--replay"])["replay"].clone();
    let count = |name: &str| replay[name].as_u64().unwrap();
    assert_eq!((count("different"), count("sweeps_different")), (0, 0), "{replay}");
    assert_eq!(count("equal"), count("decisions"), "{replay}");
    assert!(count("sweeps") > 0, "{replay}");
    count("equal")
}

/// The differences that a replay names: `SEQ/ITEM RECORD POLICY FIELD RECORDED REPLAYED`.
fn differences(store: &Store) -> Vec<String> {
    let answer = store.answer(1, &["verify", "--replay"]);
    assert_eq!(answer["verified"], true, "every hash is right, so that only a replay can find it");
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |found: &Value| {
        let at = format!("{}/{}", found["seq"], found["item"]);
        let words = ["record", "policy", "field", "recorded", "replayed"].map(|name| word(&found[name]));
        format!("{at} {}", words.join(" "))
    };
    answer["replay"]["differences"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn all_decisions_of_the_example_come_out_again_after_corrections_and_sweeps_of_some() {
    let store = Example::with_example();
    for policy in ["retention", "classification", "archival"] {
        let config = support::workspace().join("examples/permits").join(format!("{policy}.json"));
        store.run(&["plugin", "install", text(&component(&format!("plugins/{policy}")))]);
        store.run(&[
            "policy",
            "bind",
            policy,
            "--plugin",
            policy,
            "--scope",
            "nl/merwestad",
            "--config",
            text(&config),
        ]);
    }
    let replay = || store.answer(&["verify", "--replay"])["replay"].clone();
    store.run(&["evaluate", "--as-of", "2020-01-01"]);
    let first = replay();
    // What is known later, put right or bound otherwise never changes what was decided before.
    store.run(&["evaluate"]);
    store.run(&["correct", "7", "--field", "on", "--to", "2009-01-01", "--reason", "misread"]);
    let some = store.answer(&["evaluate"]);
    assert!(some["evaluated"].as_u64().unwrap() < 44, "only some were looked at: {some}");
    store.run(&["policy", "unbind", "archival"]);
    store.run(&["evaluate", "--all"]);
    store.run(&["store", "rebuild"]);
    let last = replay();
    for replay in [&first, &last] {
        assert_eq!((&replay["different"], &replay["sweeps_different"]), (&json!(0), &json!(0)), "{replay}");
        assert_eq!(replay["equal"], replay["decisions"], "{replay}");
        assert_eq!(replay["not_replayable"], json!([]), "{replay}");
    }
    assert_eq!(last["sweeps"], 4);
    assert!(last["equal"].as_u64() > first["equal"].as_u64(), "{last}");
}

#[test]
fn every_decision_about_the_real_permits_comes_out_again() {
    let Some(shared) = support::shared() else { return };
    let store = permits(&shared);
    assert_eq!(store.json(&["evaluate"])["changed"], 1_434);
    assert_eq!(all_equal(&store), 1_434);
    assert!(store.ok(&["verify", "--replay"]).contains("1434 decisions, 1434 equal, 0 different"));
}

#[test]
fn a_decision_with_one_changed_date_is_found_and_named() {
    let store = decided();
    assert_eq!(all_equal(&store), 2);
    let real = last(&store.dir(), Kind::PolicyDecided);
    let tampered = changed(&real, 2, |body| {
        let until = &mut body["verdict"]["retention"]["term"]["until"];
        assert_eq!(until, "2015-01-01");
        *until = json!("2012-01-01");
    });
    let seq = forge(&store.dir(), Kind::PolicyDecided, vec![same(&real, 0), same(&real, 1), tampered]);
    store.ok(&["verify"]);
    let found = differences(&store);
    assert_eq!(found, [format!("{seq}/2 case/2 keep verdict.retention.term.until 2012-01-01 2015-01-01")]);
    let said = store.refused(1, &["verify", "--replay"]);
    assert!(said.contains("what is recorded is not what the policies say"), "{said}");
}

#[test]
fn a_decision_about_another_record_from_other_facts_or_made_a_fault_is_named() {
    let store = decided();
    let real = last(&store.dir(), Kind::PolicyDecided);
    let facts = changed(&real, 1, |body| body["facts"] = json!("ab".repeat(32)));
    let fault = changed(&real, 2, |body| {
        body["verdict"] = json!({ "fault": { "kind": "trap", "detail": "unreachable" } });
    });
    let seq = forge(&store.dir(), Kind::PolicyDecided, vec![same(&real, 0), facts, fault]);
    let mut stranger = Envelope::split(&same(&real, 1)).unwrap().0;
    stranger.subject = fonds_model::EntityId::new("case/3").ok();
    let body = changed(&real, 1, |body| body["record"] = json!("case/3"));
    let body = body.split(|byte| *byte == b'\n').nth(1).unwrap().to_vec();
    forge(&store.dir(), Kind::PolicyDecided, vec![same(&real, 0), stranger.with_body(&body)]);
    let found = differences(&store);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with(&format!("{seq}/1 case/1 keep facts abab")), "{found:#?}");
    assert!(found[1].starts_with(&format!("{seq}/2 case/2 keep verdict.fault")), "{found:#?}");
    assert_eq!(found[2], format!("{}/1 case/3 keep record case/3 no such record then", seq + 1));
}

#[test]
fn a_decision_that_claims_another_binding_date_or_log_is_named() {
    let store = decided();
    let real = last(&store.dir(), Kind::PolicyDecided);
    let forged = [
        ("context.plugin", "plugin", json!("cd".repeat(32))),
        ("context.config", "config", json!("cd".repeat(32))),
        ("context.policy", "policy", json!("nobody")),
        ("context.mode", "mode", json!("observe")),
        ("context.log_size", "log_size", json!(u64::MAX)),
        ("context.log_size", "log_size", json!(0)),
        ("context.as_of", "as_of", json!("2999-01-01")),
    ];
    for (_, name, value) in &forged {
        let context = changed(&real, 0, |body| body[*name] = value.clone());
        forge(&store.dir(), Kind::PolicyDecided, vec![context, same(&real, 1)]);
    }
    let context = changed(&real, 0, |body| *body = json!("nothing of the kind"));
    forge(&store.dir(), Kind::PolicyDecided, vec![context, same(&real, 1)]);
    let found = differences(&store);
    assert_eq!(found.len(), forged.len() + 1, "{found:#?}");
    for (line, (field, ..)) in found.iter().zip(&forged) {
        assert!(line.contains(field), "{line}: {field}");
    }
    assert!(found[forged.len()].contains("- - context not understood"), "{found:#?}");
}

#[test]
fn a_sweep_whose_digest_was_changed_is_found_and_named() {
    let store = decided();
    send(&store, "3", "record.created", "case/3", "2012-05-05", &json!({ "agency": "a", "series": "xx/1/A" }));
    assert_eq!(store.json(&["evaluate"])["evaluated"], 1, "only the new one is looked at");
    assert_eq!(all_equal(&store), 3);
    let real = last(&store.dir(), Kind::SweepCompleted);
    assert_eq!(real.items.len(), 2, "it says whom it looked at");
    let right = forge(&store.dir(), Kind::SweepCompleted, vec![same(&real, 0), same(&real, 1)]);
    let wrong = changed(&real, 0, |body| body["digest"] = json!("ef".repeat(32)));
    let seq = forge(&store.dir(), Kind::SweepCompleted, vec![wrong, same(&real, 1)]);
    let fewer = changed(&real, 1, |body| body["records"] = json!([]));
    let other = forge(&store.dir(), Kind::SweepCompleted, vec![same(&real, 0), fewer]);
    assert_eq!((seq, other), (right + 1, right + 2));
    let sweep: SweepCompleted =
        serde_json::from_slice(real.items[0].content.as_ref().unwrap().split().unwrap().1).unwrap();
    let digest = sweep.digest.to_string();
    let found = differences(&store);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(found[0], format!("{seq}/0 - - digest {} {digest}", "ef".repeat(32)));
    assert!(found[1].starts_with(&format!("{other}/0 - - digest {digest} ")), "{found:#?}");
}

#[test]
fn what_was_annulled_since_still_stood_when_it_was_decided() {
    let store = decided();
    send(&store, "x", "entry.annulled", "case/2", "2026-01-01", &json!({ "seq": 2, "reason": "sent by mistake" }));
    assert!(store.run(&["record", "show", "case/2"]).status.code() == Some(3), "it stands no more");
    store.ok(&["evaluate"]);
    assert_eq!(all_equal(&store), 2);
}

#[test]
fn faults_fault_again_alone_and_what_followed_from_other_cases_is_said_to_be_so() {
    let store = beside_a_good_policy("trap", 12);
    assert_eq!(store.json(&["evaluate"])["faults"], 12);
    assert_eq!(all_equal(&store), 24);
    let store = beside_a_good_policy("trap", 20);
    assert_eq!(store.json(&["evaluate"])["faults"], 20);
    let replay = store.json(&["verify", "--replay"])["replay"].clone();
    assert_eq!(replay["equal"], 36, "20 of the good policy and 16 that faulted alone: {replay}");
    assert_eq!(replay["not_replayable"][0]["count"], 4, "{replay}");
    let reason = replay["not_replayable"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("suspended"), "{reason}");
    assert_eq!(replay["decisions"], 40);
}

#[test]
fn a_plugin_that_is_gone_is_said_and_counted_and_stops_nothing_else() {
    let store = decided();
    let digest = store.json(&["plugin", "list"])["plugins"][0]["digest"].as_str().unwrap().to_owned();
    std::fs::remove_file(store.dir().join("blobs").join(&digest)).unwrap();
    let replay = store.json(&["verify", "--replay"])["replay"].clone();
    assert_eq!((&replay["replayed"], &replay["decisions"]), (&json!(0), &json!(2)), "{replay}");
    assert_eq!(replay["not_replayable"], json!([{ "reason": format!("the plugin {digest} is missing"), "count": 2 }]));
}
