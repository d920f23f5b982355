//! Records: dates, mistakes, files and marks.

use crate::register::testing::{Log, day, event, id};
use crate::register::{
    Facts, Mark, OCCURRENCES_STORED_MAX, Record, State, history, lifecycle, record, record_on, records, resolve,
};
use crate::rows::MemoryRows;
use fonds_model::{Kind, Seq, Trigger};
use serde_json::json;

fn read(rows: &MemoryRows, of: &str) -> Record {
    record(rows, &id(of), None).unwrap().unwrap()
}

fn facts(log: &Log, of: &str, date: &str) -> Facts {
    read(&log.rows(), of).facts_on(day(date))
}

fn on(facts: &Facts, trigger: &str) -> Option<String> {
    let trigger = Trigger::parse(trigger).unwrap();
    facts.occurrence(&trigger).map(|found| found.on.map_or("unknown".into(), |on| on.to_string()))
}

fn created(log: &mut Log, of: &str, when: &str) -> Seq {
    log.push(event(Kind::RecordCreated, of, json!({"agency": "nl/wabo", "series": "tx/1/A"})).on(when))
}

fn plain(log: &mut Log, kind: Kind, of: &str, when: &str) -> Seq {
    log.push(event(kind, of, json!({})).on(when))
}

fn happened(log: &mut Log, of: &str, name: &str, when: &str) -> Seq {
    log.push(event(Kind::RecordEvent, of, json!({ "name": name })).on(when))
}

fn correct(log: &mut Log, seq: Seq, field: &str, new: serde_json::Value) -> Seq {
    log.push(event(Kind::EntryCorrected, "", json!({"seq": seq, "field": field, "new": new})))
}

fn annul(log: &mut Log, seq: Seq) -> Seq {
    log.push(event(Kind::EntryAnnulled, "", json!({"seq": seq})))
}

#[test]
fn a_record_has_what_its_creation_says_and_what_came_later() {
    let mut log = Log::default();
    let body = json!({"agency": "nl/wabo", "series": "tx/1/A", "kind": "case-file", "title": "Permit", "attributes": {"n": 1.50, "b": true},
        "label": {"level": "internal", "categories": ["z", "a"]}});
    log.push(event(Kind::RecordCreated, "p/1", body).on("2010-01-02"));
    log.push(event(Kind::RecordModified, "p/1", json!({"attributes": {"b": "no", "c": "x"}})).on("2010-02-02"));
    log.push(event(Kind::RecordClassified, "p/1", json!({"series": "tx/1/B"})));
    log.push(event(Kind::RecordMoved, "p/1", json!({"agency": "nl/new", "location": "shelf 3"})));
    let found = read(&log.rows(), "p/1");
    assert_eq!(found.agency().unwrap().as_str(), "nl/new");
    assert_eq!(found.own.creator.as_ref().unwrap().as_str(), "nl/wabo", "the fonds never changes");
    assert_eq!(found.series().unwrap().as_str(), "tx/1/B");
    assert_eq!(found.own.label.as_ref().unwrap().label().categories, ["a", "z"]);
    let attributes: Vec<_> = found.own.attributes.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(attributes, ["b=no", "c=x", "n=1.5"]);
    assert_eq!(on(&found.facts_on(day("2010-01-02")), "creation").as_deref(), Some("2010-01-02"));
}

#[test]
fn what_is_dated_after_the_as_of_date_has_not_happened_yet() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    plain(&mut log, Kind::RecordClosed, "p/1", "2012-05-01");
    let before = facts(&log, "p/1", "2012-04-30");
    assert_eq!((before.state, on(&before, "closed")), (State::Open, None));
    let after = facts(&log, "p/1", "2012-05-01");
    assert_eq!((after.state, on(&after, "closed").as_deref()), (State::Closed, Some("2012-05-01")));
}

#[test]
fn what_is_dated_after_the_as_of_date_gives_no_label_series_file_agency_title_or_successor_yet() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    log.push(event(Kind::RecordFiled, "p/1", json!({"file": "f/1"})).on("2010-01-01"));
    for (kind, body) in [
        (Kind::RecordLabelled, json!({"level": "secret", "barrier": true})),
        (Kind::RecordClassified, json!({"series": "tx/1/B"})),
        (Kind::RecordFiled, json!({"file": "f/2"})),
        (Kind::RecordMoved, json!({"agency": "nl/new", "location": "shelf 3"})),
        (Kind::RecordModified, json!({"title": "Later", "attributes": {"k": "later"}})),
        (Kind::RecordSuperseded, json!({"superseded_by": "p/2"})),
        (Kind::RecordMigrated, json!({"format": "fmt/95"})),
    ] {
        log.push(event(kind, "p/1", body).on("2030-06"));
    }
    let rows = log.rows();
    let before = record_on(&rows, &id("p/1"), None, day("2030-06-29")).unwrap().unwrap();
    assert_eq!(before.series().unwrap().as_str(), "tx/1/A");
    assert_eq!(before.agency().unwrap().as_str(), "nl/wabo");
    assert_eq!(before.own.file, Some(id("f/1")));
    let own = &before.own;
    assert_eq!((&own.label, &own.title, &own.superseded_by, &own.location), (&None, &None, &None, &None));
    assert!(own.attributes.is_empty() && own.format.is_none());
    let after = record_on(&rows, &id("p/1"), None, day("2030-06-30")).unwrap().unwrap();
    assert_eq!(after.series().unwrap().as_str(), "tx/1/B");
    assert_eq!(after.agency().unwrap().as_str(), "nl/new");
    assert_eq!(after.own.file, Some(id("f/2")));
    assert!(after.own.label.as_ref().is_some_and(|label| label.barrier && label.level == "secret"));
    assert_eq!((after.own.title.as_deref(), &after.own.superseded_by), (Some("Later"), &Some(id("p/2"))));
    assert_eq!(after, record(&rows, &id("p/1"), None).unwrap().unwrap(), "all that was logged");
    for date in ["2030-06-29", "2030-06-30"] {
        let listed: Vec<_> = crate::register::records_on(&rows, day(date)).map(|found| found.unwrap()).collect();
        let one = record_on(&rows, &id("p/1"), None, day(date)).unwrap().unwrap();
        assert_eq!(listed, [one]);
        let filed = |file: &str| crate::register::filed_on(&rows, &id(file), day(date)).count();
        assert_eq!((filed("f/1"), filed("f/2")), if date == "2030-06-29" { (1, 0) } else { (0, 1) });
        assert_eq!(crate::register::filed_into(&rows, &id("f/1")).count(), 1, "it is in either file for a look");
    }
}

#[test]
fn what_was_announced_counts_from_its_day_on_over_what_was_logged_before_that_day_and_not_after() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    let level = |log: &Log, date: &str| {
        record_on(&log.rows(), &id("p/1"), None, day(date)).unwrap().unwrap().own.label.unwrap().level
    };
    // The log's first day is 2026-01-01.
    log.push(event(Kind::RecordLabelled, "p/1", json!({"level": "secret"})).on("2030-01-01"));
    log.push(event(Kind::RecordLabelled, "p/1", json!({"level": "internal"})).on("2025-12-31"));
    log.push(event(Kind::RecordLabelled, "p/1", json!({"level": "confidential"})).on("2025-06-01"));
    assert_eq!(level(&log, "2029-12-31"), "confidential", "of what has happened, the last word counts");
    assert_eq!(level(&log, "2030-01-01"), "secret", "nothing that was said before its day takes its place");
    assert_eq!(record(&log.rows(), &id("p/1"), None).unwrap().unwrap().own.label.unwrap().level, "secret");
    log.days += 5 * 365;
    log.push(event(Kind::RecordLabelled, "p/1", json!({"level": "public"})).on("2029-01-01"));
    assert_eq!(level(&log, "2031-01-01"), "public", "it was said after the day had come");
}

#[test]
fn a_first_creation_that_is_dated_later_says_what_the_record_is_and_starts_no_clock() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2062-01-01");
    log.push(event(Kind::RecordLabelled, "p/1", json!({"level": "secret"})).on("2026-01-01"));
    for date in ["2026-01-01", "2063-01-01"] {
        let found = record_on(&log.rows(), &id("p/1"), None, day(date)).unwrap().unwrap();
        assert_eq!(found.series().unwrap().as_str(), "tx/1/A");
        assert_eq!(found.own.label.as_ref().unwrap().level, "secret");
    }
    assert_eq!(on(&facts(&log, "p/1", "2026-01-01"), "creation"), None);
    assert_eq!(on(&facts(&log, "p/1", "2062-01-01"), "creation").as_deref(), Some("2062-01-01"));
}

#[test]
fn the_latest_standing_occurrence_of_a_trigger_wins_even_when_it_was_sent_first() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    happened(&mut log, "p/1", "value-ended", "2014-01-01");
    happened(&mut log, "p/1", "value-ended", "2012-01-01");
    happened(&mut log, "p/1", "value-ended", "2020-01-01");
    assert_eq!(on(&facts(&log, "p/1", "2019-01-01"), "event:value-ended").as_deref(), Some("2014-01-01"));
    assert_eq!(on(&facts(&log, "p/1", "2013-01-01"), "event:value-ended").as_deref(), Some("2012-01-01"));
}

#[test]
fn a_date_of_reduced_precision_is_its_last_day_and_not_exact() {
    let mut log = Log::default();
    created(&mut log, "p/1", "1987");
    let found = facts(&log, "p/1", "1990-01-01");
    assert_eq!(on(&found, "creation").as_deref(), Some("1987-12-31"));
    assert!(!found.started[0].exact);
    plain(&mut log, Kind::RecordClosed, "p/1", "1987-05-12");
    assert_eq!(facts(&log, "p/1", "1990-01-01").marks, [], "it may have been created before May");
}

#[test]
fn an_occurrence_without_a_date_waits_for_one() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    log.push(event(Kind::RecordClosed, "p/1", json!({})));
    let found = facts(&log, "p/1", "2020-01-01");
    assert_eq!((found.state, on(&found, "closed").as_deref()), (State::Closed, Some("unknown")));
    assert!(!found.started[1].exact);
}

#[test]
fn reopening_stops_the_clock_until_the_next_closing() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    plain(&mut log, Kind::RecordClosed, "p/1", "2011-01-01");
    plain(&mut log, Kind::RecordReopened, "p/1", "2012-01-01");
    assert_eq!(facts(&log, "p/1", "2013-01-01").state, State::Open);
    assert_eq!(on(&facts(&log, "p/1", "2011-06-01"), "closed").as_deref(), Some("2011-01-01"));
    plain(&mut log, Kind::RecordClosed, "p/1", "2014-01-01");
    assert_eq!(on(&facts(&log, "p/1", "2015-01-01"), "closed").as_deref(), Some("2014-01-01"));
    assert_eq!(facts(&log, "p/1", "2013-01-01").state, State::Open);
}

#[test]
fn a_reopening_without_a_date_stops_the_clock_of_what_was_logged_before_it() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    plain(&mut log, Kind::RecordClosed, "p/1", "2011-01-01");
    log.push(event(Kind::RecordReopened, "p/1", json!({})));
    assert_eq!(facts(&log, "p/1", "2013-01-01").state, State::Open);
    plain(&mut log, Kind::RecordClosed, "p/1", "2012-01-01");
    assert_eq!(on(&facts(&log, "p/1", "2013-01-01"), "closed").as_deref(), Some("2012-01-01"));
}

#[test]
fn a_closing_and_a_reopening_of_one_day_are_told_apart_by_their_instants() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    plain(&mut log, Kind::RecordReopened, "p/1", "2011-01-01T09:00:00Z");
    plain(&mut log, Kind::RecordClosed, "p/1", "2011-01-01T08:00:00Z");
    assert_eq!(facts(&log, "p/1", "2013-01-01").state, State::Open, "it was sent last and happened first");
}

#[test]
fn what_is_annulled_never_counts_and_an_annulled_annulment_counts_again() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    let closed = plain(&mut log, Kind::RecordClosed, "p/1", "2011-01-01");
    let annulled = annul(&mut log, closed);
    let found = facts(&log, "p/1", "2013-01-01");
    assert_eq!((found.state, found.marks.as_slice()), (State::Open, &[Mark::Corrected][..]));
    annul(&mut log, annulled);
    let found = facts(&log, "p/1", "2013-01-01");
    assert_eq!((found.state, found.marks.as_slice()), (State::Closed, &[][..]));
}

#[test]
fn an_annulment_that_names_a_later_entry_or_itself_changes_nothing() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    annul(&mut log, 1);
    annul(&mut log, 3);
    plain(&mut log, Kind::RecordClosed, "p/1", "2011-01-01");
    assert_eq!(facts(&log, "p/1", "2013-01-01").state, State::Closed);
}

#[test]
fn a_record_all_of_whose_facts_are_annulled_is_gone_from_the_register_and_still_in_the_history() {
    let mut log = Log::default();
    let seq = created(&mut log, "p/1", "2010-01-01");
    annul(&mut log, seq);
    let rows = log.rows();
    assert_eq!(record(&rows, &id("p/1"), None).unwrap(), None);
    assert!(record(&rows, &id("p/1"), Some(seq)).unwrap().is_some());
    assert_eq!(records(&rows).count(), 0);
    assert_eq!(crate::register::counts(&rows).unwrap().records, 0);
    assert_eq!(history(&rows, &id("p/1"), None).unwrap().len(), 2);
}

#[test]
fn a_corrected_date_is_the_date_and_the_record_says_so() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    let closed = plain(&mut log, Kind::RecordClosed, "p/1", "2021-01-01T10:00:00Z");
    let wrong = correct(&mut log, closed, "on", json!("2011-01-01"));
    let found = facts(&log, "p/1", "2015-01-01");
    assert_eq!(on(&found, "closed").as_deref(), Some("2011-01-01"));
    assert_eq!(found.marks, [Mark::Corrected]);
    annul(&mut log, wrong);
    assert_eq!(on(&facts(&log, "p/1", "2015-01-01"), "closed"), None);
    correct(&mut log, closed, "time", json!("2012-01-01T23:30:00-02:00"));
    assert_eq!(on(&facts(&log, "p/1", "2015-01-01"), "closed").as_deref(), Some("2012-01-01"));
    correct(&mut log, closed, "on", json!("the day after"));
    assert_eq!(on(&facts(&log, "p/1", "2015-01-01"), "closed").as_deref(), Some("2012-01-01"), "no date: no change");
}

#[test]
fn fields_of_a_body_are_corrected_and_the_last_correction_wins() {
    let mut log = Log::default();
    let made = created(&mut log, "p/1", "2010-01-01");
    let named = happened(&mut log, "p/1", "value-endde", "2012-01-01");
    let label = log.push(event(Kind::RecordLabelled, "p/1", json!({"level": "secret", "barrier": true})));
    correct(&mut log, made, "series", json!("tx/1/B"));
    correct(&mut log, made, "series", json!("tx/1/C"));
    correct(&mut log, made, "agency", json!("nl/other"));
    correct(&mut log, made, "file", json!("f/1"));
    correct(&mut log, named, "name", json!("value-ended"));
    correct(&mut log, label, "level", json!("internal"));
    let found = read(&log.rows(), "p/1");
    assert_eq!(found.series().unwrap().as_str(), "tx/1/C");
    assert_eq!(found.agency().unwrap().as_str(), "nl/other");
    assert_eq!(found.own.file.as_ref().unwrap().as_str(), "f/1");
    let labelled = found.own.label.as_ref().unwrap();
    assert_eq!((labelled.level.as_str(), labelled.barrier), ("internal", true));
    let found = found.facts_on(day("2013-01-01"));
    assert_eq!(on(&found, "event:value-ended").as_deref(), Some("2012-01-01"));
    assert_eq!(on(&found, "event:value-endde"), None);
}

#[test]
fn a_corrected_subject_moves_a_fact_with_all_that_stands_beside_it_and_back() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    created(&mut log, "p/2", "2010-01-01");
    let closed = plain(&mut log, Kind::RecordClosed, "p/1", "2021-01-01");
    correct(&mut log, closed, "on", json!("2011-01-01"));
    let moved = correct(&mut log, closed, "subject", json!("p/2"));
    let date = "2013-01-01";
    assert_eq!(on(&facts(&log, "p/1", date), "closed"), None);
    assert_eq!(on(&facts(&log, "p/2", date), "closed").as_deref(), Some("2011-01-01"));
    correct(&mut log, closed, "on", json!("2012-01-01"));
    assert_eq!(on(&facts(&log, "p/2", date), "closed").as_deref(), Some("2012-01-01"));
    let again = correct(&mut log, closed, "subject", json!("p/3"));
    assert_eq!(on(&facts(&log, "p/2", date), "closed"), None);
    assert_eq!(on(&facts(&log, "p/3", date), "closed").as_deref(), Some("2012-01-01"));
    annul(&mut log, again);
    assert_eq!(on(&facts(&log, "p/2", date), "closed").as_deref(), Some("2012-01-01"));
    assert_eq!(record(&log.rows(), &id("p/3"), None).unwrap(), None);
    annul(&mut log, moved);
    assert_eq!(on(&facts(&log, "p/1", date), "closed").as_deref(), Some("2012-01-01"));
    assert_eq!(on(&facts(&log, "p/2", date), "closed"), None);
}

#[test]
fn a_correction_is_unknown_to_those_who_ask_as_of_before_it() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    let closed = plain(&mut log, Kind::RecordClosed, "p/1", "2011-01-01");
    correct(&mut log, closed, "subject", json!("p/2"));
    let rows = log.rows();
    let before = record(&rows, &id("p/1"), Some(closed)).unwrap().unwrap();
    assert_eq!(on(&before.facts_on(day("2013-01-01")), "closed").as_deref(), Some("2011-01-01"));
    assert_eq!(record(&rows, &id("p/2"), Some(closed)).unwrap(), None);
}

#[test]
fn what_is_filed_inherits_series_agency_and_closing_unless_it_has_its_own() {
    let mut log = Log::default();
    created(&mut log, "f/1", "2010-01-01");
    plain(&mut log, Kind::RecordClosed, "f/1", "2012-01-01");
    log.push(event(Kind::RecordCreated, "d/1", json!({"file": "f/1"})).on("2011-01-01"));
    log.push(event(Kind::RecordCreated, "d/2", json!({"series": "tx/1/Z", "agency": "nl/own"})).on("2011-01-01"));
    log.push(event(Kind::RecordFiled, "d/2", json!({"file": "f/1"})));
    plain(&mut log, Kind::RecordClosed, "d/2", "2011-06-01");
    let rows = log.rows();
    let bare = read(&rows, "d/1");
    assert_eq!((bare.series().unwrap().as_str(), bare.agency().unwrap().as_str()), ("tx/1/A", "nl/wabo"));
    assert_eq!(bare.own.series, None);
    let found = bare.facts_on(day("2013-01-01"));
    assert_eq!((found.state, on(&found, "closed").as_deref()), (State::Closed, Some("2012-01-01")));
    let own = read(&rows, "d/2");
    assert_eq!((own.series().unwrap().as_str(), own.agency().unwrap().as_str()), ("tx/1/Z", "nl/own"));
    assert_eq!(on(&own.facts_on(day("2013-01-01")), "closed").as_deref(), Some("2011-06-01"));
    plain(&mut log, Kind::RecordReopened, "d/2", "2012-06-01");
    assert_eq!(facts(&log, "d/2", "2013-01-01").state, State::Open, "opened again itself, whatever its file does");
}

#[test]
fn files_within_files_inherit_and_a_circle_of_files_ends() {
    let mut log = Log::default();
    created(&mut log, "top", "2010-01-01");
    plain(&mut log, Kind::RecordClosed, "top", "2012-01-01");
    log.push(event(Kind::RecordCreated, "mid", json!({"file": "top"})).on("2010-01-01"));
    log.push(event(Kind::RecordCreated, "leaf", json!({"file": "mid"})).on("2010-01-01"));
    assert_eq!(read(&log.rows(), "leaf").series().unwrap().as_str(), "tx/1/A");
    assert_eq!(on(&facts(&log, "leaf", "2013-01-01"), "closed").as_deref(), Some("2012-01-01"));
    log.push(event(Kind::RecordFiled, "top", json!({"file": "leaf"})));
    let found = read(&log.rows(), "leaf");
    assert_eq!(found.files.len(), 3);
    assert_eq!(found.series().unwrap().as_str(), "tx/1/A");
    for from in 0..40_u32 {
        log.push(event(Kind::RecordFiled, &format!("n/{from}"), json!({"file": format!("n/{}", from + 1)})));
    }
    assert_eq!(read(&log.rows(), "n/0").files.len(), crate::register::FILES_DEPTH_MAX);
}

#[test]
fn activity_after_the_closing_is_marked_by_the_instant_and_else_by_the_day() {
    let marks = |closed: &str, after: &str| {
        let mut log = Log::default();
        created(&mut log, "p/1", "2010-01-01");
        plain(&mut log, Kind::RecordClosed, "p/1", closed);
        happened(&mut log, "p/1", "letter", after);
        facts(&log, "p/1", "2013-01-01").marks
    };
    assert_eq!(marks("2011-01-01T10:00:00Z", "2011-01-01T10:00:01Z"), [Mark::ActivityAfterClose]);
    assert_eq!(marks("2011-01-01T10:00:00Z", "2011-01-01T10:00:00Z"), []);
    assert_eq!(marks("2011-01-01T10:00:00Z", "2011-01-01"), []);
    assert_eq!(marks("2011-01-01", "2011-01-02T00:00:00Z"), [Mark::ActivityAfterClose]);
    assert_eq!(marks("2011-01-01", "2014-01-01"), [], "it has not happened yet");
}

#[test]
fn a_fact_dated_before_the_creation_is_implausible_and_an_access_is_not() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    plain(&mut log, Kind::RecordAccessed, "p/1", "2001-01-01");
    assert_eq!(facts(&log, "p/1", "2013-01-01").marks, []);
    happened(&mut log, "p/1", "letter", "2009-12-31");
    assert_eq!(facts(&log, "p/1", "2013-01-01").marks, [Mark::ImplausibleDate]);
    let mut log = Log::default();
    created(&mut log, "p/1", "2050-01-01");
    plain(&mut log, Kind::RecordClosed, "p/1", "2011-01-01");
    let found = facts(&log, "p/1", "2013-01-01");
    assert_eq!(found.marks, [Mark::ImplausibleDate], "a creation that is to come hides no closing");
}

#[test]
fn a_reported_loss_is_marked_and_changes_no_state() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    log.push(event(Kind::RecordLossReported, "p/1", json!({"what": "fire"})));
    let found = facts(&log, "p/1", "2013-01-01");
    assert_eq!((found.state, found.marks.as_slice(), found.destroyed), (State::Open, &[Mark::LossReported][..], None));
}

#[test]
fn a_superseded_record_says_by_which_one() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    log.push(event(Kind::RecordSuperseded, "p/1", json!({"superseded_by": "p/2"})).on("2011-02-03"));
    let found = read(&log.rows(), "p/1");
    assert_eq!(found.own.superseded_by.as_ref().unwrap().as_str(), "p/2");
    let found = found.facts_on(day("2012-01-01"));
    assert_eq!((found.state, on(&found, "superseded").as_deref()), (State::Superseded, Some("2011-02-03")));
}

#[test]
fn an_event_about_a_subject_that_was_never_created_makes_a_record_that_waits_for_its_creation() {
    let mut log = Log::default();
    plain(&mut log, Kind::RecordClosed, "p/1", "2011-01-01");
    let found = facts(&log, "p/1", "2013-01-01");
    assert_eq!((found.state, on(&found, "creation")), (State::Closed, None));
    log.push(event(Kind::RecordCreated, "p/1", json!({})).on("2010-01-01").agency("nl/sender"));
    assert_eq!(read(&log.rows(), "p/1").agency().unwrap().as_str(), "nl/sender");
}

#[test]
fn accesses_stand_in_the_history_and_change_nothing_else() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    let before = read(&log.rows(), "p/1");
    log.push(event(Kind::RecordShared, "p/1", json!({"with": "x"})).on("2011-01-01"));
    let rows = log.rows();
    assert_eq!(read(&rows, "p/1"), before);
    assert_eq!(history(&rows, &id("p/1"), None).unwrap().len(), 2);
    log.push(event(Kind::RecordAccessed, "p/9", json!({})));
    assert_eq!(record(&log.rows(), &id("p/9"), None).unwrap(), None);
}

#[test]
fn a_record_with_very_much_history_is_answered_from_it_whole() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    for _ in 0..OCCURRENCES_STORED_MAX {
        happened(&mut log, "p/1", "letter", "2011-01-01");
    }
    happened(&mut log, "p/1", "value-ended", "2012-01-01");
    let text = "x".repeat(9_000);
    log.push(event(Kind::RecordModified, "p/1", json!({"attributes": {"a": text, "b": text}})));
    let rows = log.rows();
    let found = read(&rows, "p/1");
    assert_eq!(on(&found.facts_on(day("2013-01-01")), "event:value-ended").as_deref(), Some("2012-01-01"));
    assert_eq!(found.own.attributes.len(), 2);
    assert_eq!(found.own, resolve(&id("p/1"), &lifecycle(&rows, &id("p/1"), None).unwrap(), None, None));
    assert_eq!(records(&rows).next().unwrap().unwrap(), found);
}

#[test]
fn a_body_that_does_not_fit_its_kind_stands_in_the_history_and_says_nothing() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    log.push(event(Kind::RecordClassified, "p/1", json!({"series": 7})));
    let rows = log.rows();
    assert_eq!(read(&rows, "p/1").series().unwrap().as_str(), "tx/1/A");
    assert_eq!(history(&rows, &id("p/1"), None).unwrap().len(), 2);
}

#[test]
fn what_the_host_did_to_a_record_cannot_be_annulled_or_given_to_another() {
    let mut log = Log::default();
    created(&mut log, "p/1", "2010-01-01");
    let disposition = json!({ "disposition": { "seq": 0, "item": 0 } });
    let destroyed = log.push(event(Kind::RecordDestroyed, "p/1", disposition).on("2020-01-01"));
    annul(&mut log, destroyed);
    correct(&mut log, destroyed, "on", json!("2030-01-01"));
    correct(&mut log, destroyed, "subject", json!("p/2"));
    let found = facts(&log, "p/1", "2021-01-01");
    assert_eq!(found.destroyed.map(|position| position.seq), Some(destroyed));
    assert_eq!(record(&log.rows(), &id("p/2"), None).unwrap(), None);
}
