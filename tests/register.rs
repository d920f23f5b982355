//! The register and lineage, as a person at the command line finds them.

use crate::store::{Store, cloud_event, component, text};
use serde_json::{Value, json};

/// One series: three years after closing, then destroy.
pub(crate) const SCHEDULE: &str = r#"{"schedule_metadata":{"state":"xx","schedule_id":"1"},"series_metadata":{"series_id":"A","series_title":"Cases","legal_citation":""},"retention_rules":{"trigger_event":"Closed","duration_years":3,"duration_months":null,"disposition_method":""},"tracking_data":{"comments":""},"state_specific_attributes":{},"retention_code":"AC","retention_days":""}
{"schedule_metadata":{"state":"xx","schedule_id":"1"},"series_metadata":{"series_id":"F","series_title":"Accounts","legal_citation":""},"retention_rules":{"trigger_event":"Fiscal Year End","duration_years":3,"duration_months":null,"disposition_method":""},"tracking_data":{"comments":""},"state_specific_attributes":{},"retention_code":"FE","retention_days":""}
"#;

/// A store with the schedule and the retention policy, bound for everyone.
pub(crate) fn scheduled() -> Store {
    let store = Store::new();
    let file = store.write("schedule.ndjson", SCHEDULE);
    store.ok(&["schedule", "import", &file, "--schedule", "xx", "--version", "1", "--default-action", "destroy"]);
    store.ok(&["agency", "define", "a", "--time-zone", "Europe/Amsterdam", "--fiscal-year-end", "08-31"]);
    store.ok(&["plugin", "install", text(&component("plugins/retention"))]);
    store.ok(&["policy", "bind", "keep", "--plugin", "retention"]);
    store
}

fn send(store: &Store, events: &[String]) {
    store.ok(&["ingest", &store.write("events.ndjson", events.concat())]);
}

fn created(id: &str, on: &str, series: &str) -> String {
    cloud_event(&format!("{id}-created"), "record.created", id, on, &json!({ "agency": "a", "series": series }))
}

fn until(store: &Store, id: &str) -> Value {
    store.ok(&["evaluate"]);
    store.json(&["record", "show", id])["decisions"]["retention"]["date"].clone()
}

#[test]
fn three_years_after_a_fiscal_year_that_ends_in_august_is_due_on_the_first_of_september() {
    let store = scheduled();
    send(&store, &[created("case/1", "2008-03-10", "xx/1/F")]);
    assert_eq!(until(&store, "case/1"), "2011-09-01", "DESIGN §7's own example");
    let due = |by: &str| store.json(&["record", "list", "--due-by", by])["records"].as_array().unwrap().len();
    assert_eq!((due("2011-08-31"), due("2011-09-01")), (0, 1));
}

#[test]
fn a_record_waits_for_its_closing_is_stopped_by_a_reopening_and_follows_the_next_closing() {
    let store = scheduled();
    send(&store, &[created("case/1", "2010-01-01", "xx/1/A")]);
    store.ok(&["evaluate"]);
    let retention = store.json(&["record", "show", "case/1"])["decisions"]["retention"].clone();
    assert_eq!((&retention["term"], &retention["waiting_for"]), (&Value::from("waiting"), &Value::from("closed")));
    send(&store, &[cloud_event("2", "record.closed", "case/1", "2012-02-29", &json!({}))]);
    assert_eq!(until(&store, "case/1"), "2015-03-01");
    send(&store, &[cloud_event("3", "record.reopened", "case/1", "2013-01-01", &json!({}))]);
    assert_eq!(until(&store, "case/1"), Value::Null);
    send(&store, &[cloud_event("4", "record.closed", "case/1", "2014-06-30", &json!({}))]);
    assert_eq!(until(&store, "case/1"), "2017-07-01");
}

#[test]
fn a_mistake_is_put_right_beside_the_entry_and_the_past_still_shows_what_was_known() {
    let store = scheduled();
    send(
        &store,
        &[
            created("case/1", "2010-01-01", "xx/1/A"),
            cloud_event("2", "record.closed", "case/1", "2012-05-01", &json!({})),
        ],
    );
    assert_eq!(until(&store, "case/1"), "2015-05-02");
    let history = store.json(&["explain", "case/1"])["history"].clone();
    let closed =
        history.as_array().unwrap().iter().find(|fact| fact["kind"] == "record.closed").unwrap()["seq"].to_string();
    let before = store.json(&["log", "checkpoint"]);
    assert!(before["note"].as_str().unwrap().starts_with("test.example/log\n"));
    store.ok(&["correct", &closed, "--field", "on", "--to", "2013-05-01", "--reason", "typing error", "--by", "j"]);
    assert_eq!(until(&store, "case/1"), "2016-05-02");
    assert_eq!(
        store.json(&["record", "show", "case/1", "--as-of", &closed])["closed"],
        "2012-05-01",
        "as the log knew it"
    );
    store.ok(&["annul", &closed, "--reason", "another case was meant"]);
    assert_eq!(until(&store, "case/1"), Value::Null, "what is annulled never counts");
    assert!(store.refused(2, &["annul", "0", "--reason", "x"]).contains("the host itself wrote"));
}

#[test]
fn what_is_filed_into_a_file_follows_the_files_series_agency_and_closing() {
    let store = scheduled();
    send(
        &store,
        &[
            created("file/1", "2010-01-01", "xx/1/A"),
            cloud_event("2", "record.created", "letter/1", "2010-02-01", &json!({ "file": "file/1" })),
            cloud_event("3", "record.closed", "file/1", "2011-01-31", &json!({})),
        ],
    );
    assert_eq!(until(&store, "letter/1"), "2014-02-01");
    let letter = store.json(&["record", "show", "letter/1"]);
    assert_eq!(
        (&letter["series"], &letter["agency"], &letter["state"]),
        (&json!("xx/1/A"), &json!("a"), &json!("closed"))
    );
}

#[test]
fn a_date_of_reduced_precision_counts_from_its_last_day_and_an_implausible_one_retains() {
    let store = scheduled();
    send(
        &store,
        &[
            created("old", "1987", "xx/1/A"),
            cloud_event("2", "record.closed", "old", "1990-02", &json!({})),
            created("odd", "2000-01-01", "xx/1/A"),
            cloud_event("4", "record.closed", "odd", "1999-01-01", &json!({})),
        ],
    );
    assert_eq!(until(&store, "old"), "1993-03-01");
    let odd = store.json(&["record", "show", "odd"]);
    assert!(odd["effective"]["due"].is_null(), "{odd}");
    assert!(odd["effective"]["blocked_by"].as_array().unwrap().contains(&json!("implausible-date")), "{odd}");
}

#[test]
fn a_reopening_within_the_year_of_a_closing_that_is_known_to_the_year_stops_the_clock() {
    let store = scheduled();
    send(
        &store,
        &[
            created("case/1", "2010-01-01", "xx/1/A"),
            cloud_event("2", "record.closed", "case/1", "2012", &json!({})),
            cloud_event("3", "record.reopened", "case/1", "2012-06-01", &json!({})),
        ],
    );
    assert_eq!(until(&store, "case/1"), Value::Null, "the case is open as far as anybody knows");
}

#[test]
fn an_event_that_stands_for_closed_in_a_jurisdiction_is_stopped_by_a_reopening_too() {
    let store = scheduled();
    let config = store.write("names.json", r#"{"triggers":{"a":{"case-finished":"closed"}}}"#);
    store.ok(&["policy", "bind", "keep", "--plugin", "retention", "--config", &config]);
    let finished =
        |id: &str, on: &str| cloud_event(id, "record.event", "case/1", on, &json!({ "name": "case-finished" }));
    send(&store, &[created("case/1", "2010-01-01", "xx/1/A"), finished("2", "2012-05-01")]);
    assert_eq!(until(&store, "case/1"), "2015-05-02");
    send(&store, &[cloud_event("3", "record.reopened", "case/1", "2013-01-01", &json!({}))]);
    assert_eq!(until(&store, "case/1"), Value::Null, "the case goes on");
    send(&store, &[finished("4", "2014-05-01")]);
    assert_eq!(until(&store, "case/1"), "2017-05-02");
}

#[test]
fn an_unchanged_record_is_not_decided_again_and_a_date_to_come_is_refused() {
    let store = scheduled();
    send(&store, &[created("case/1", "2010-01-01", "xx/1/A"), created("case/2", "2010-01-01", "xx/1/A")]);
    let first = store.json(&["evaluate"]);
    assert_eq!((&first["evaluated"], &first["changed"]), (&json!(2), &json!(2)));
    let second = store.json(&["evaluate"]);
    assert_eq!((&second["evaluated"], &second["changed"]), (&json!(0), &json!(0)), "nothing is new or due");
    let all = store.json(&["evaluate", "--all"]);
    assert_eq!((&all["evaluated"], &all["changed"]), (&json!(2), &json!(0)));
    send(&store, &[cloud_event("9", "record.closed", "case/2", "2012-01-01", &json!({}))]);
    let third = store.json(&["evaluate"]);
    assert_eq!((&third["evaluated"], &third["changed"]), (&json!(1), &json!(1)), "only what changed");
    assert!(store.refused(2, &["evaluate", "--as-of", "2999-01-01"]).contains("has not come yet"));
}

#[test]
fn a_policy_that_observes_is_recorded_and_changes_nothing() {
    let store = scheduled();
    store.ok(&["policy", "unbind", "keep"]);
    store.ok(&["policy", "bind", "watch", "--plugin", "retention", "--mode", "observe"]);
    send(&store, &[created("case/1", "2010-01-01", "xx/1/F")]);
    store.ok(&["evaluate"]);
    let record = store.json(&["record", "show", "case/1"]);
    assert_eq!(record["also"][0]["date"], "2013-09-01", "{record}");
    assert!(record["decisions"].as_object().unwrap().is_empty() && record["effective"]["due"].is_null(), "{record}");
}

#[test]
fn a_label_rises_along_lineage_and_stops_at_an_authorised_downgrade() {
    let store = scheduled();
    store.ok(&["plugin", "install", text(&component("plugins/classification"))]);
    let config = store.write("classification.json", r#"{"default_level":"internal"}"#);
    store.ok(&["policy", "bind", "label", "--plugin", "classification", "--config", &config]);
    let made = |id: &str, from: &[&str]| {
        cloud_event(
            &format!("{id}-made"),
            "record.created",
            id,
            "2020-01-01",
            &json!({ "agency": "a", "derived_from": from }),
        )
    };
    send(
        &store,
        &[
            cloud_event(
                "1",
                "record.created",
                "source",
                "2019-01-01",
                &json!({ "agency": "a", "label": { "level": "secret" } }),
            ),
            made("report", &["source"]),
            made("summary", &["report"]),
            made("statistics", &["report"]),
            cloud_event(
                "5",
                "record.labelled",
                "statistics",
                "2020-02-01",
                &json!({ "level": "public", "barrier": true, "authority": "director" }),
            ),
            made("press", &["statistics"]),
        ],
    );
    store.ok(&["evaluate"]);
    let record = |id: &str| store.json(&["record", "show", id]);
    let level = |id: &str| record(id)["label"]["level"].as_str().unwrap_or("-").to_owned();
    let levels = ["source", "report", "summary", "statistics", "press"].map(level);
    assert_eq!(
        levels,
        ["secret", "secret", "secret", "public", "internal"],
        "what was released is public behind the barrier too"
    );
    let reasons = record("report")["decisions"]["classification"]["reasons"].to_string();
    assert!(reasons.contains("source"), "the reason names the ancestor: {reasons}");
}

#[test]
fn a_run_that_comes_after_the_sweep_raises_the_label_of_what_it_wrote() {
    let store = scheduled();
    store.ok(&["plugin", "install", text(&component("plugins/classification"))]);
    store.ok(&[
        "policy",
        "bind",
        "label",
        "--plugin",
        "classification",
        "--config",
        &store.write("c.json", r#"{"default_level":"public"}"#),
    ]);
    let made = |id: &str, level: &str| {
        cloud_event(
            &format!("{id}-made"),
            "record.created",
            id,
            "2020-01-01",
            &json!({ "agency": "a", "label": { "level": level } }),
        )
    };
    send(&store, &[made("db/x", "secret"), made("db/y", "public")]);
    store.ok(&["evaluate"]);
    let level = || store.json(&["record", "show", "db/y"])["label"]["level"].clone();
    assert_eq!(level(), "public");
    let run = json!({ "eventType": "COMPLETE", "eventTime": "2026-01-01T00:00:00Z", "producer": "https://p", "schemaURL": "https://s",
        "run": { "runId": "late" }, "job": { "namespace": "j", "name": "n" },
        "inputs": [{ "namespace": "db", "name": "x" }], "outputs": [{ "namespace": "db", "name": "y" }] });
    let ingested = store.json(&["ingest", &store.write("late.ndjson", run.to_string())]);
    let seq = (ingested["log_size"].as_u64().unwrap() - 1).to_string();
    store.ok(&["evaluate"]);
    assert_eq!(level(), "secret", "nothing was said of db/y itself, and yet it must rise");
    store.ok(&["annul", &seq, "--reason", "it never ran"]);
    store.ok(&["evaluate"]);
    assert_eq!(level(), "public", "what is annulled never counts");
}

#[test]
fn what_changed_since_the_last_sweep_blocks_until_it_is_decided() {
    let store = scheduled();
    send(
        &store,
        &[
            created("case/1", "2000-01-01", "xx/1/A"),
            cloud_event("2", "record.closed", "case/1", "2001-01-01", &json!({})),
        ],
    );
    assert_eq!(until(&store, "case/1"), "2004-01-02");
    send(&store, &[cloud_event("3", "record.reopened", "case/1", "2002-01-01", &json!({}))]);
    let effective = store.json(&["record", "show", "case/1"])["effective"].clone();
    assert!(effective["due"].is_null() && effective["blocked_by"].to_string().contains("pending"), "{effective}");
    assert_eq!(store.json(&["record", "list", "--due-by", "2030-01-01"])["records"], json!([]));
    let said = store.refused(2, &["evaluate", "--as-of", "2001-06-30"]);
    assert!(said.contains("2001-06-30") && said.contains("the last sweep was as of"), "{said}");
    let effective = store.json(&["record", "show", "case/1"])["effective"].clone();
    assert!(effective["due"].is_null(), "nor has it made anything due: {effective}");
    send(&store, &[cloud_event("4", "record.accessed", "case/1", "2002-01-01", &json!({}))]);
    store.ok(&["evaluate"]);
    send(&store, &[cloud_event("5", "record.accessed", "case/1", "2002-02-01", &json!({}))]);
    let blocked = store.json(&["record", "show", "case/1"])["effective"]["blocked_by"].to_string();
    assert!(!blocked.contains("pending"), "an access changes nothing: {blocked}");
}

#[test]
fn an_event_of_another_source_can_neither_be_corrected_nor_annulled() {
    let store = Store::new();
    send(&store, &[cloud_event("1", "record.created", "case/1", "2020-01-01", &json!({}))]);
    let foreign = json!({ "specversion": "1.0", "type": "entry.annulled", "source": "https://elsewhere", "id": "x", "data": { "seq": 0, "reason": "r" } });
    let answer = store.answer(1, &["ingest", &store.write("foreign.ndjson", foreign.to_string())]);
    assert!(answer["rejects"][0]["reason"].as_str().unwrap().contains("own events"), "{answer}");
    store.ok(&["record", "show", "case/1"]);
}

#[test]
fn a_correction_of_a_lineage_event_is_refused_since_it_would_change_no_edge() {
    let store = Store::new();
    let run = json!({ "eventType": "COMPLETE", "eventTime": "2026-01-01T00:00:00Z", "producer": "https://p", "schemaURL": "https://s",
        "run": { "runId": "r" }, "job": { "namespace": "j", "name": "n" },
        "inputs": [{ "namespace": "db", "name": "x" }], "outputs": [{ "namespace": "db", "name": "y" }] });
    store.ok(&["ingest", &store.write("run.ndjson", run.to_string())]);
    let said = store.refused(2, &["correct", "0", "--field", "on", "--to", "2020-01-01", "--reason", "r"]);
    assert!(said.contains("changes no edge"), "{said}");
    send(&store, &[cloud_event("1", "record.created", "case/1", "2020-01-01", &json!({ "derived_from": ["a"] }))]);
    let said = store.refused(2, &["correct", "1", "--field", "derived_from", "--to", "[\"b\"]", "--reason", "r"]);
    assert!(said.contains("`derived_from` makes edges of lineage"), "{said}");
    for (id, field) in [("2", "derived_from"), ("3", "no-such-field")] {
        let correction = json!({ "seq": 1, "field": field, "new": "b", "reason": "r" });
        let event = cloud_event(id, "entry.corrected", "case/1", "2020-01-02", &correction);
        let answer = store.answer(1, &["ingest", &store.write("correction.ndjson", event)]);
        assert!(answer["rejects"][0]["reason"].as_str().unwrap().contains(field), "a producer is told too: {answer}");
    }
    store.ok(&["annul", "0", "--reason", "it never ran"]);
}

#[test]
fn a_successor_answers_for_the_records_from_the_day_on_and_its_policies_decide_while_the_fonds_stays() {
    let store = scheduled();
    for agency in ["old", "new"] {
        store.ok(&["agency", "define", agency]);
    }
    let config = store.write("label.json", r#"{"default_level":"secret"}"#);
    store.ok(&["plugin", "install", text(&component("plugins/classification"))]);
    let bind = ["policy", "bind", "label", "--plugin", "classification", "--scope", "new", "--config", &config];
    store.ok(&bind);
    send(
        &store,
        &[cloud_event("1", "record.created", "case/1", "2010-01-01", &json!({ "agency": "old", "series": "xx/1/A" }))],
    );
    store.ok(&["evaluate"]);
    let found = || store.json(&["record", "list", "--agency", "new"])["records"].as_array().unwrap().len();
    assert_eq!((found(), store.json(&["record", "show", "case/1"])["label"].clone()), (0, Value::Null));
    let succeed = |old: &str, new: &str, effective: &str| {
        ["agency", "succeed", old, new, "--effective", effective, "--authority", "Act 12", "--by", "j"]
            .map(str::to_owned)
    };
    let run = |arguments: &[String]| store.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(run(&succeed("old", "new", "2999-01-01")).status.success());
    assert_eq!(found(), 0, "it has not come yet");
    assert!(run(&succeed("old", "new", "2020-01-01")).status.success());
    store.ok(&["evaluate"]);
    let record = store.json(&["record", "show", "case/1"]);
    assert_eq!((&record["agency"], &record["creator"]), (&json!("new"), &json!("old")), "{record}");
    assert_eq!((found(), &record["label"]["level"]), (1, &json!("secret")), "what is bound for the successor applies");
    let shown = store.json(&["agency", "show", "old"]);
    assert_eq!(
        (&shown["succeeded_by"][0]["path"], &shown["succeeded_by"][0]["authority"]),
        (&json!("new"), &json!("Act 12"))
    );
    assert_eq!(store.json(&["agency", "show", "new"])["succeeds"][0]["path"], "old");
    assert!(store.ok(&["agency", "list"]).contains("new from 2020-01-01"));
    for (old, new, code) in [("new", "old", 2), ("old", "old", 2), ("old", "nobody", 3)] {
        let refused = run(&succeed(old, new, "2021-01-01"));
        assert_eq!(refused.status.code(), Some(code), "{old} {new}: {}", String::from_utf8_lossy(&refused.stderr));
    }
}

#[test]
fn a_schedule_is_imported_once_and_another_default_action_needs_another_version() {
    let store = Store::new();
    let file = store.write("schedule.ndjson", SCHEDULE);
    let import = |more: &[&str]| [&["schedule", "import", &file, "--schedule", "xx"], more].concat().join(" ");
    let run = |line: &str| store.run(&line.split(' ').collect::<Vec<_>>());
    assert!(run(&import(&["--version", "1", "--default-action", "destroy"])).status.success());
    let size = store.json(&["verify"])["log_size"].clone();
    assert!(run(&import(&["--version", "1", "--default-action", "destroy"])).status.success());
    assert_eq!(store.json(&["verify"])["log_size"], size, "nothing was appended");
    let said =
        store.refused(2, &import(&["--version", "1", "--default-action", "review"]).split(' ').collect::<Vec<_>>());
    assert!(said.contains("another") && said.contains("--version"), "{said}");
    assert!(run(&import(&["--version", "2", "--default-action", "review"])).status.success());
    assert_eq!(
        store.json(&["schedule", "show", "xx/1/A"])["rule"]["action"],
        "review",
        "the newer version is in force"
    );
}

#[test]
fn exit_codes_tell_a_script_what_went_wrong() {
    let store = Store::new();
    store.refused(2, &["init"]);
    store.refused(2, &["no-such-command"]);
    store.refused(2, &["agency", "define", "a", "--time-zone", "Mars/Olympus"]);
    store.refused(2, &["evaluate", "--as-of", "2024-02-30"]);
    store.refused(3, &["record", "show", "nobody"]);
    store.refused(3, &["log", "show", "99"]);
    store.refused(3, &["policy", "bind", "p", "--plugin", "none"]);
    Store::empty().refused(5, &["record", "list"]);
    assert_examples(&store, &[]);
}

/// The help of every command below one ends with an example.
fn assert_examples(store: &Store, above: &[&str]) {
    let help = store.ok(&[above, &["--help"]].concat());
    assert!(
        above.is_empty() || help.trim_end().lines().rev().take(3).any(|line| line.contains("fonds ")),
        "{above:?}: {help}"
    );
    let Some((_, listed)) = help.split_once("Commands:\n") else { return };
    let names = listed
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        assert_examples(store, &[above, &[name]].concat());
    }
}

#[test]
fn lineage_never_goes_forward_in_time_unless_it_is_asked_to() {
    let store = Store::new();
    let run = |id: &str, time: &str, input: &str, output: &str, state: &str| {
        json!({ "eventType": state, "eventTime": time, "producer": "https://p", "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
            "run": { "runId": id }, "job": { "namespace": "j", "name": id },
            "inputs": [{ "namespace": "db", "name": input }], "outputs": [{ "namespace": "db", "name": output }] }).to_string() + "\n"
    };
    let events = run("1", "2026-01-01T00:00:00Z", "b", "a", "COMPLETE")
        + &run("2", "2026-02-01T00:00:00Z", "c", "b", "COMPLETE")
        + &run("3", "2026-03-01T00:00:00Z", "x", "a", "FAIL")
        + &run("4", "2026-03-02T00:00:00Z", "y", "a", "START");
    store.ok(&["ingest", &store.write("runs.ndjson", events)]);
    let entities = |arguments: &[&str]| {
        let answer = store.json(&[&["lineage", "db/a", "--up", "--view", "json"], arguments].concat());
        let nodes = answer["nodes"].as_array().unwrap().clone();
        let mut ids: Vec<String> = nodes
            .iter()
            .filter(|node| node["type"] == "entity")
            .map(|node| node["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids.join(" ")
    };
    assert_eq!(
        entities(&[]),
        "db/a db/b",
        "c fed b only after a was made of it; what failed or only began made nothing"
    );
    assert_eq!(entities(&["--ever"]), "db/a db/b db/c");
    assert_eq!(entities(&["--on", "2025-12-31"]), "db/a");
    assert!(store.ok(&["lineage", "db/a", "--up"]).contains("└─ db/b"));
    assert!(store.ok(&["lineage", "db/a", "--up", "--view", "dot"]).starts_with("digraph"));
    assert!(store.ok(&["lineage", "db/a", "--up", "--view", "mermaid"]).starts_with("flowchart"));
    store.refused(3, &["lineage", "db/nowhere"]);
}
