//! Agencies, schedules, bindings and decisions.

use crate::register::testing::{Log, day, event, id};
use crate::register::{
    Agencies, InForce, RuleInForce, Schedules, bindings, classified, decisions, due, must_look_at_all, plugins,
    series_on,
};
use crate::rows::MemoryRows;
use fonds_model::decision::Verdict;
use fonds_model::{AgencyPath, Kind, Seq, SeriesId, Unruled};
use serde_json::{Value, json};

fn agency(log: &mut Log, body: Value) -> Seq {
    log.push(event(Kind::AgencyDefined, "", body))
}

fn path(text: &str) -> AgencyPath {
    AgencyPath::new(text).unwrap()
}

#[test]
fn settings_are_inherited_down_the_tree_and_a_nearer_one_wins() {
    let mut log = Log::default();
    agency(&mut log, json!({"path": "vn", "id": "vn", "time_zone": "Asia/Ho_Chi_Minh", "fiscal_year_end": "12-31"}));
    agency(&mut log, json!({"path": "vn/ha-noi", "id": "vn/ha-noi", "fiscal_year_end": "08-31", "name": "Hà Nội"}));
    let agencies = Agencies::load(&log.rows(), None).unwrap();
    let found = agencies.resolve(&path("vn/ha-noi/hoan-kiem"), day("2026-01-01")).unwrap();
    assert_eq!((found.id.as_str(), found.name), ("vn/ha-noi/hoan-kiem", None), "unknown, and inherits all the same");
    assert_eq!(found.time_zone.as_deref(), Some("Asia/Ho_Chi_Minh"));
    assert_eq!(found.fiscal_year_end.unwrap().to_string(), "08-31");
    assert_eq!(agencies.resolve(&path("nl"), day("2026-01-01")), None);
}

#[test]
fn an_agency_keeps_its_id_when_its_path_changes_from_a_date_on() {
    let mut log = Log::default();
    agency(&mut log, json!({"path": "nl/old", "id": "nl/old", "time_zone": "Europe/Amsterdam"}));
    agency(&mut log, json!({"path": "eu", "id": "eu", "fiscal_year_end": "06-30"}));
    let moved = agency(&mut log, json!({"path": "eu/new", "id": "nl/old", "name": "New", "effective": "2020-07"}));
    let agencies = Agencies::load(&log.rows(), None).unwrap();
    let on = |text: &str, date: &str| agencies.resolve(&path(text), day(date)).unwrap();
    assert_eq!(on("nl/old", "2020-06-30").path.as_str(), "nl/old");
    let found = on("nl/old", "2020-07-01");
    assert_eq!((found.id.as_str(), found.path.as_str()), ("nl/old", "eu/new"));
    assert_eq!(found.time_zone.as_deref(), Some("Europe/Amsterdam"), "a later definition keeps what it does not set");
    assert_eq!(found.fiscal_year_end.unwrap().to_string(), "06-30");
    assert_eq!(on("eu/new", "2021-01-01").id.as_str(), "nl/old");
    let before = Agencies::load(&log.rows(), Some(moved - 1)).unwrap();
    assert_eq!(before.resolve(&path("nl/old"), day("2021-01-01")).unwrap().path.as_str(), "nl/old");
}

fn series(id: &str, years: u32) -> Value {
    let clause = json!({"trigger": "closed", "cutoff": "none", "years": years, "months": 0, "days": 0});
    json!({"id": id, "title": "T", "rule": {"Ok": {"permanent": false, "clauses": [clause], "action": "destroy", "authority": "a"}}})
}

fn import(log: &mut Log, version: &str, effective: Option<&str>, part: (u32, u32), of: &[Value]) -> Seq {
    let source = format!("{:0>64}", version.len());
    let header = json!({"schedule": "tx", "version": version, "effective": effective, "default_action": "destroy",
        "source": source, "part": part.0, "parts": part.1});
    let items = std::iter::once(header).chain(of.iter().cloned()).map(|item| (None, item));
    log.push_all(Kind::ScheduleImported, items.collect())
}

fn rule(log: &Log, of: &str, date: &str) -> Result<RuleInForce, Unruled> {
    series_on(&log.rows(), &SeriesId::new(of).unwrap(), day(date), None).unwrap()
}

fn years(log: &Log, of: &str, date: &str) -> Result<u32, Unruled> {
    rule(log, of, date).map(|found| found.rule.clauses[0].years)
}

#[test]
fn a_schedules_version_is_in_force_only_when_all_its_parts_are_there() {
    let mut log = Log::default();
    import(&mut log, "1", None, (0, 2), &[series("tx/1/A", 3)]);
    assert_eq!(years(&log, "tx/1/A", "2026-01-01"), Err(Unruled::Unscheduled));
    import(&mut log, "1", None, (1, 2), &[series("tx/1/B", 5)]);
    assert_eq!(years(&log, "tx/1/A", "2026-01-01"), Ok(3));
    assert_eq!(years(&log, "tx/1/B", "2026-01-01"), Ok(5));
    assert_eq!(years(&log, "tx/1/C", "2026-01-01"), Err(Unruled::Unscheduled));
    assert_eq!(years(&log, "us/1/A", "2026-01-01"), Err(Unruled::Unscheduled));
}

#[test]
fn the_newest_effective_version_is_in_force_also_for_what_exists_and_what_it_drops_is_withdrawn() {
    let mut log = Log::default();
    import(&mut log, "1", None, (0, 1), &[series("tx/1/A", 3), series("tx/1/B", 3)]);
    let second = import(&mut log, "22", Some("2020"), (0, 1), &[series("tx/1/A", 7)]);
    assert_eq!(years(&log, "tx/1/A", "2019-12-31"), Ok(3));
    assert_eq!(years(&log, "tx/1/B", "2019-12-31"), Ok(3));
    assert_eq!(years(&log, "tx/1/A", "2020-01-01"), Ok(7));
    assert_eq!(years(&log, "tx/1/B", "2020-01-01"), Err(Unruled::Withdrawn));
    let id = SeriesId::new("tx/1/B").unwrap();
    let before = series_on(&log.rows(), &id, day("2026-01-01"), Some(second - 1)).unwrap();
    assert_eq!(before.unwrap().version, "1", "the log did not know the second version yet");
    let rows = log.rows();
    let schedules = Schedules::load(&rows, None).unwrap();
    let listed = schedules.series(&rows, schedules.in_force("tx", day("2026-01-01")).unwrap());
    assert_eq!(listed.map(|found| found.unwrap().series.id.to_string()).collect::<Vec<_>>(), ["tx/1/A"]);
}

#[test]
fn a_series_without_a_rule_or_with_two_different_ones_says_so() {
    let mut log = Log::default();
    let none = json!({"id": "tx/1/N", "title": "N", "rule": {"Err": "no-rule"}});
    let conflicting = json!({"id": "tx/1/C", "title": "C", "rule": {"Err": "conflicting-rule"}});
    let of = [none, conflicting, series("tx/1/T", 1), series("tx/1/T", 2), series("tx/1/S", 2), series("tx/1/S", 2)];
    import(&mut log, "1", None, (0, 1), &of);
    assert_eq!(years(&log, "tx/1/N", "2026-01-01"), Err(Unruled::NoRule));
    assert_eq!(years(&log, "tx/1/C", "2026-01-01"), Err(Unruled::ConflictingRule));
    assert_eq!(years(&log, "tx/1/T", "2026-01-01"), Err(Unruled::ConflictingRule));
    assert_eq!(years(&log, "tx/1/S", "2026-01-01"), Ok(2), "the same rule twice is no conflict");
}

fn bind(log: &mut Log, name: &str, world: &str, mode: &str, scope: Option<&str>) -> Seq {
    let body = json!({"name": name, "plugin": "a".repeat(64), "world": world, "scope": scope, "config": "b".repeat(64),
        "mode": mode, "needs": {"history": [], "ancestors": 0, "attributes": []}});
    log.push(event(Kind::PolicyBound, "", body))
}

fn decide(log: &mut Log, policy: &str, world: &str, mode: &str, bound_at: Seq, cases: &[(&str, Value)]) -> Seq {
    let context = json!({"policy": policy, "bound_at": bound_at, "world": world, "mode": mode, "plugin": "a".repeat(64),
        "config": "b".repeat(64), "log_size": 1, "as_of": "2026-01-01", "facts_version": "1", "engine": "e", "fuel": 9});
    let case = |(of, verdict): &(&'static str, Value)| {
        (Some(*of), json!({"record": of, "facts": "c".repeat(64), "verdict": verdict}))
    };
    let cases: Vec<(&'static str, Value)> = cases.iter().map(|(of, verdict)| (leak(of), verdict.clone())).collect();
    let items = std::iter::once((None, context)).chain(cases.iter().map(case));
    log.push_all(Kind::PolicyDecided, items.collect())
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn until(date: &str) -> Value {
    json!({"retention": {"term": {"until": date}, "action": "destroy", "not_after": null,
        "reasons": [{"code": "rule", "detail": "tx/1/A"}]}})
}

fn due_dates(rows: &MemoryRows) -> Vec<String> {
    due(rows, day("2099-01-01")).map(|found| found.unwrap()).map(|(date, id)| format!("{date} {id}")).collect()
}

fn positions(found: &[InForce]) -> Vec<(String, u64)> {
    found.iter().map(|found| (found.binding.clone(), found.position.seq)).collect()
}

#[test]
fn all_bindings_along_an_agencys_path_apply_until_they_are_unbound() {
    let mut log = Log::default();
    bind(&mut log, "wide", "retention", "enforce", Some("vn"));
    let near = bind(&mut log, "near", "retention", "observe", Some("vn/ha-noi"));
    bind(&mut log, "all", "archival", "enforce", None);
    log.push(event(Kind::PolicyUnbound, "", json!({"name": "near"})));
    let rows = log.rows();
    let names = |as_of| bindings(&rows, as_of).unwrap().into_iter().map(|bound| bound.name).collect::<Vec<_>>();
    assert_eq!(names(None), ["all", "wide"]);
    assert_eq!(names(Some(near)), ["near", "wide"]);
    let applies = |agency: Option<&AgencyPath>| {
        bindings(&rows, Some(2)).unwrap().iter().map(|bound| bound.applies_to(agency)).collect::<Vec<_>>()
    };
    assert_eq!(applies(Some(&path("vn/ha-noi/x"))), [true, true, true]);
    assert_eq!(applies(Some(&path("vn/hue"))), [true, false, true]);
    assert_eq!(applies(None), [true, false, false]);
}

#[test]
fn a_newer_decision_replaces_the_older_one_of_its_binding_and_its_place_among_what_is_due() {
    let mut log = Log::default();
    let bound = bind(&mut log, "r", "retention", "enforce", None);
    let first =
        decide(&mut log, "r", "retention", "enforce", bound, &[("p/1", until("2030-01-01")), ("p/2", until("2030"))]);
    assert_eq!(due_dates(&log.rows()), ["2030-01-01 p/1", "2030-12-31 p/2"]);
    let second = decide(&mut log, "r", "retention", "enforce", bound, &[("p/1", until("2028-01-01"))]);
    let rows = log.rows();
    assert_eq!(due_dates(&rows), ["2028-01-01 p/1", "2030-12-31 p/2"]);
    let found = decisions(&rows, &id("p/1"), None).unwrap();
    assert_eq!(positions(&found), [("r".to_owned(), second)]);
    let Verdict::Retention(verdict) = &found[0].verdict else { panic!("{found:?}") };
    assert_eq!(serde_json::to_value(&verdict.term).unwrap(), json!({"until": "2028-01-01"}));
    assert_eq!(positions(&decisions(&rows, &id("p/1"), Some(first)).unwrap()), [("r".to_owned(), first)]);
    assert!(decisions(&rows, &id("p/1"), Some(bound)).unwrap().is_empty());
    decide(&mut log, "r", "retention", "enforce", bound, &[("p/1", json!({"fault": {"kind": "trap", "detail": "x"}}))]);
    let looked_at = ["2026-01-02 p/1", "2030-12-31 p/2"];
    assert_eq!(due_dates(&log.rows()), looked_at, "a fault has no date of its own, and is tried again the day after");
}

#[test]
fn a_decision_is_in_force_only_under_the_binding_that_made_it() {
    let mut log = Log::default();
    let bound = bind(&mut log, "r", "retention", "enforce", None);
    let decided = decide(&mut log, "r", "retention", "enforce", bound, &[("p/1", until("2030-01-01"))]);
    bind(&mut log, "r", "retention", "enforce", None);
    let rows = log.rows();
    assert!(decisions(&rows, &id("p/1"), None).unwrap().is_empty());
    assert_eq!(decisions(&rows, &id("p/1"), Some(decided)).unwrap().len(), 1);
}

#[test]
fn a_decision_that_is_only_observed_is_recorded_and_makes_nothing_due() {
    let mut log = Log::default();
    let bound = bind(&mut log, "r", "retention", "observe", None);
    decide(&mut log, "r", "retention", "observe", bound, &[("p/1", until("2030-01-01"))]);
    let rows = log.rows();
    assert!(due_dates(&rows).is_empty());
    assert_eq!(decisions(&rows, &id("p/1"), None).unwrap().len(), 1);
}

#[test]
fn an_enforced_classification_gives_a_label_and_a_series_beside_the_records_own() {
    let mut log = Log::default();
    log.push(event(Kind::RecordCreated, "p/1", json!({"kind": "case-file"})));
    let verdict = |level: &str| {
        json!({"classification": {"series": "tx/1/A", "label": {"level": level},
            "declassify": {"on": "2031-01-01"}, "reasons": []}})
    };
    let enforced = bind(&mut log, "c", "classification", "enforce", None);
    let observed = bind(&mut log, "o", "classification", "observe", None);
    decide(&mut log, "c", "classification", "enforce", enforced, &[("p/1", verdict("secret"))]);
    decide(&mut log, "o", "classification", "observe", observed, &[("p/1", verdict("top-secret"))]);
    let rows = log.rows();
    let found = classified(&decisions(&rows, &id("p/1"), None).unwrap());
    assert_eq!(found.labels.iter().map(|(label, _)| label.level.as_str()).collect::<Vec<_>>(), ["secret"]);
    assert_eq!(found.series, [SeriesId::new("tx/1/A").unwrap()]);
    let record = crate::register::record(&rows, &id("p/1"), None).unwrap().unwrap();
    assert_eq!((record.own.label.as_ref(), record.series()), (None, None));
    assert_eq!(due_dates(&rows), ["2031-01-01 p/1"]);
}

#[test]
fn installed_plugins_are_listed_as_the_log_knew_them() {
    let mut log = Log::default();
    let body = |name: &str| {
        json!({"digest": "a".repeat(64), "name": name, "version": "1", "world": "retention", "interface": "0.1",
            "summary": "s".repeat(5_000), "reasons": [{"code": "c", "text": "t"}]})
    };
    log.push(event(Kind::PluginInstalled, "", body("one")));
    log.push(event(Kind::PluginInstalled, "", body("two")));
    let rows = log.rows();
    assert_eq!(plugins(&rows, None).unwrap().len(), 2);
    let first = plugins(&rows, Some(0)).unwrap();
    assert_eq!((first.len(), first[0].plugin.name.as_str(), first[0].plugin.summary.len()), (1, "one", 5_000));
}

#[test]
fn who_succeeded_an_agency_answers_from_its_day_on_for_its_undefined_units_too_and_a_circle_ends() {
    let mut log = Log::default();
    for path in ["vn/old", "vn/old/desk", "vn/new", "vn/newer"] {
        let zone = if path == "vn/new" { json!("Asia/Ho_Chi_Minh") } else { json!(null) };
        log.push(event(Kind::AgencyDefined, "", json!({"path": path, "id": path, "time_zone": zone})));
    }
    let succeed = |log: &mut Log, old: &str, new: &str, effective: &str| {
        log.push(event(Kind::AgencySucceeded, "", json!({"agency": old, "successor": new, "effective": effective})))
    };
    let first = succeed(&mut log, "vn/old", "vn/new", "2027-01-01");
    succeed(&mut log, "vn/new", "vn/newer", "2030");
    let rows = log.rows();
    let agencies = Agencies::load(&rows, None).unwrap();
    let path = |text: &str| fonds_model::AgencyPath::new(text).unwrap();
    let answers =
        |agencies: &Agencies, of: &str, on: &str| agencies.resolve(&path(of), day(on)).unwrap().path.to_string();
    assert_eq!(answers(&agencies, "vn/old", "2026-12-31"), "vn/old");
    assert_eq!(answers(&agencies, "vn/old", "2027-01-01"), "vn/new");
    assert_eq!(
        agencies.resolve(&path("vn/old"), day("2027-01-01")).unwrap().time_zone.as_deref(),
        Some("Asia/Ho_Chi_Minh")
    );
    assert_eq!(answers(&agencies, "vn/old", "2030-01-01"), "vn/newer", "and who succeeded the successor");
    assert_eq!(
        answers(&agencies, "vn/old/counter", "2027-01-01"),
        "vn/new",
        "nobody defined it: it goes with its agency"
    );
    assert_eq!(answers(&agencies, "vn/old/desk", "2027-01-01"), "vn/old/desk", "an agency of its own stays");
    assert_eq!(agencies.standing(&path("vn/old"), day("2031-01-01")).unwrap().path.as_str(), "vn/old");
    assert!(
        agencies.leads_to(&path("vn/old"), &path("vn/newer")) && !agencies.leads_to(&path("vn/newer"), &path("vn/old"))
    );
    let before = Agencies::load(&rows, Some(first - 1)).unwrap();
    assert_eq!(answers(&before, "vn/old", "2028-01-01"), "vn/old", "nobody knew yet");
    sweep_as_of(&mut log, "2026-06-01");
    assert!(!must_look_at_all(&log.rows(), day("2026-12-31")).unwrap());
    assert!(must_look_at_all(&log.rows(), day("2027-01-01")).unwrap(), "every record is looked at on the day");
    succeed(&mut log, "vn/newer", "vn/old", "2031");
    let agencies = Agencies::load(&log.rows(), None).unwrap();
    assert!(["vn/old", "vn/new", "vn/newer"].contains(&answers(&agencies, "vn/old", "2032-01-01").as_str()));
}

fn sweep_as_of(log: &mut Log, as_of: &str) {
    let size = log.entries.len();
    let body =
        json!({"as_of": as_of, "log_size": size, "evaluated": 1, "changed": 0, "faults": 0, "digest": "0".repeat(64)});
    log.push(event(Kind::SweepCompleted, "", body));
}
