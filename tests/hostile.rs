//! Plugins that misbehave: each is a typed fault in the log, the records that it concerned, and only those, are
//! retained, and the host and the other policies go on.

use crate::store::{Store, cloud_event, component, text};
use serde_json::{Value, json};

/// Fifty records that the reference policy gives a date, and the hostile guest bound beside it with a configuration.
pub(crate) fn beside_a_good_policy(config: &str, records: u32) -> Store {
    let store = Store::new();
    let series = r#"{"schedule_metadata":{"state":"xx","schedule_id":"1"},"series_metadata":{"series_id":"A","series_title":"Cases","legal_citation":""},"retention_rules":{"trigger_event":"","duration_years":3,"duration_months":null,"disposition_method":""},"tracking_data":{"comments":""},"state_specific_attributes":{},"retention_code":"CE","retention_days":""}"#;
    store.ok(&[
        "schedule",
        "import",
        &store.write("schedule.ndjson", series),
        "--schedule",
        "xx",
        "--default-action",
        "destroy",
    ]);
    let created = |n: u32| {
        cloud_event(
            &n.to_string(),
            "record.created",
            &format!("case/{n:04}"),
            "2010-05-05",
            &json!({ "agency": "a", "series": "xx/1/A" }),
        )
    };
    store.ok(&["ingest", &store.write("cases.ndjson", (0..records).map(created).collect::<String>())]);
    store.ok(&["plugin", "install", text(&component("plugins/retention"))]);
    store.ok(&["plugin", "install", text(&component("tests/guests/hostile"))]);
    store.ok(&["policy", "bind", "good", "--plugin", "retention"]);
    let hostile = store.json(&["plugin", "list"])["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .find(|plugin| plugin["name"] != "retention")
        .unwrap()["digest"]
        .clone();
    let config = store.write("hostile.conf", config);
    store.ok(&["policy", "bind", "hostile", "--plugin", hostile.as_str().unwrap(), "--config", &config]);
    store
}

fn records(store: &Store) -> Vec<Value> {
    store.json(&["record", "list"])["records"].as_array().expect("records").clone()
}

/// The kind of the hostile policy's fault about a record, if it has one.
fn fault(record: &Value) -> Option<&str> {
    let decisions =
        record["decisions"].as_object().unwrap().values().chain(record["also"].as_array().into_iter().flatten());
    decisions.filter(|decision| decision["policy"] == "hostile").find_map(|decision| decision["fault"]["kind"].as_str())
}

/// What the good policy says of a record.
fn good(record: &Value) -> &Value {
    let decisions =
        record["decisions"].as_object().unwrap().values().chain(record["also"].as_array().into_iter().flatten());
    decisions
        .into_iter()
        .find(|decision| decision["policy"] == "good")
        .map_or(&Value::Null, |decision| &decision["date"])
}

fn every_record_is_retained(config: &str, kinds: &[&str]) {
    let store = beside_a_good_policy(config, 40);
    let swept = store.json(&["evaluate"]);
    assert_eq!(swept["faults"], 40, "{config}");
    for record in records(&store) {
        let fault = fault(&record).unwrap_or_else(|| panic!("{config}: no fault in {record}"));
        assert!(kinds.contains(&fault), "{config}: {fault}");
        assert_eq!(good(&record), "2014-01-01", "{config}: the other policy went on");
        assert!(record["effective"]["due"].is_null(), "{config}: it is retained");
        let blocked = record["effective"]["blocked_by"].to_string();
        assert!(blocked.contains(&format!("fault:{fault}")), "{config}: {blocked}");
    }
    assert_eq!(store.json(&["record", "list", "--due-by", "2030-01-01"])["records"], json!([]));
    store.ok(&["verify"]);
}

#[test]
fn a_trap_retains_what_it_concerned() {
    every_record_is_retained("trap", &["trap", "suspended"]);
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    every_record_is_retained("loop", &["fuel", "suspended"]);
}

#[test]
fn a_memory_bomb_stops_at_its_limit() {
    every_record_is_retained("memory", &["memory", "trap", "suspended"]);
}

#[test]
fn an_over_long_answer_is_not_read() {
    every_record_is_retained("long", &["answer-too-long", "suspended"]);
}

#[test]
fn an_answer_of_another_length_is_malformed() {
    every_record_is_retained("count", &["answer-malformed", "suspended"]);
}

#[test]
fn one_that_answers_otherwise_the_second_time_is_suspended() {
    every_record_is_retained("flip", &["nondeterministic", "suspended"]);
}

#[test]
fn one_that_traps_on_a_single_record_of_a_thousand_costs_no_other_its_decision() {
    let store = beside_a_good_policy("trap-on:case/0512", 1_000);
    let swept = store.json(&["evaluate"]);
    assert_eq!((&swept["evaluated"], &swept["faults"]), (&json!(1_000), &json!(1)));
    for record in records(&store) {
        let alone = record["id"] == "case/0512";
        assert_eq!(fault(&record), alone.then_some("trap"), "{}", record["id"]);
        assert_eq!(record["effective"]["due"].is_null(), alone, "{record}");
    }
}

#[test]
fn a_component_that_imports_a_function_is_refused_and_the_function_named() {
    let store = Store::new();
    let built = store.run(&["plugin", "build", text(&crate::support::workspace().join("tests/guests/importing"))]);
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    assert_eq!(built.status.code(), Some(1), "{said}");
    assert!(said.contains("fonds:importing/clock"), "{said}");
}
