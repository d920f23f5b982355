//! The stored records against the one pure function, over histories by chance.

use crate::register::read::stored;
use crate::register::state::resolve_stored;
use crate::register::testing::{Log, Sent, day, event, id};
use crate::register::{
    Fact, RecordState, Told, changed_since, filed_into, filed_on, lifecycle, record, record_on, records, records_on,
    resolve, standing,
};
use crate::rows::{MemoryRows, Rows};
use fonds_model::Kind;
use jiff::civil::Date;
use proptest::prelude::*;
use serde_json::json;

const IDS: [&str; 4] = ["a", "ab", "b", "f"];

fn subject() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&IDS[..])
}

fn when() -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(proptest::sample::select(
        &[
            "2009",
            "2010-05",
            "2010-05-06",
            "2011-01-01T10:00:00Z",
            "2011-01-01T11:00:00Z",
            "2026-02",
            "2027-01-01",
            "2040-01-01",
        ][..],
    ))
}

fn lifecycle_event() -> impl Strategy<Value = Sent> {
    let kinds = prop_oneof![
        subject().prop_map(|file| (Kind::RecordCreated, json!({"agency": "nl", "file": file, "series": "s/1/A"}))),
        Just((Kind::RecordCaptured, json!({"label": {"level": "secret"}}))),
        subject().prop_map(|file| (Kind::RecordFiled, json!({ "file": file }))),
        Just((Kind::RecordClosed, json!({}))),
        Just((Kind::RecordReopened, json!({}))),
        Just((Kind::RecordSuperseded, json!({"superseded_by": "b"}))),
        Just((Kind::RecordEvent, json!({"name": "value-ended", "attributes": {"x": 1}}))),
        Just((Kind::RecordMoved, json!({"agency": "vn"}))),
        (0..40_usize).prop_map(|n| (Kind::RecordModified, json!({"attributes": {"k": "v".repeat(n * 500)}}))),
        proptest::sample::select(&["internal", "secret", "public"][..])
            .prop_map(|level| (Kind::RecordLabelled, json!({"level": level, "barrier": true}))),
        Just((Kind::RecordAccessed, json!({}))),
        Just((Kind::RecordTransferred, json!({}))),
        Just((Kind::RecordClassified, json!({"series": 7}))),
    ];
    (kinds, subject(), when(), any::<bool>()).prop_map(|((kind, body), of, when, named)| {
        let sent = event(kind, of, body);
        let sent = if named { sent.agency("x/y") } else { sent };
        when.map_or_else(|| event(kind, of, json!({"name": "n"})), |when| sent.on(when))
    })
}

fn amendment() -> impl Strategy<Value = Sent> {
    let fields = prop_oneof![
        subject().prop_map(|of| ("subject", json!(of))),
        Just(("on", json!("2010-01-01"))),
        Just(("on", json!(null))),
        Just(("series", json!("s/1/B"))),
        subject().prop_map(|of| ("file", json!(of))),
        Just(("agency", json!("vn/other"))),
    ];
    prop_oneof![
        (0..40_u64).prop_map(|seq| event(Kind::EntryAnnulled, "", json!({ "seq": seq }))),
        (0..40_u64, fields).prop_map(|(seq, (field, new))| {
            event(Kind::EntryCorrected, "", json!({"seq": seq, "field": field, "new": new}))
        }),
    ]
}

fn log() -> impl Strategy<Value = Log> {
    proptest::collection::vec((0..60_i64, prop_oneof![3 => lifecycle_event(), 2 => amendment()]), 1..40).prop_map(
        |sent| {
            let mut log = Log::default();
            for (days, sent) in sent {
                log.days += days;
                log.push(sent);
            }
            log
        },
    )
}

fn whole_from(rows: &dyn Rows, of: &str) -> RecordState {
    resolve(&id(of), &lifecycle(rows, &id(of), None).unwrap(), None, None)
}

/// The label as one would say it in words: of what has happened, what was said last, where what was announced is said
/// on its day; the first creation is said when it was logged.
fn plain_label(facts: &[Fact], date: Date) -> Option<String> {
    let mut said: Option<(Date, String)> = None;
    let mut created = false;
    for fact in facts {
        let logged = fact.at.date_utc();
        let mut day = fact.on.map_or(logged, |on| on.last_day().max(logged));
        let mut has_happened = fact.on.is_none_or(|on| on.last_day() <= date);
        let label = match &fact.told {
            Told::Created(made) => {
                (day, has_happened) = if created { (day, has_happened) } else { (logged, true) };
                created = true;
                made.label.as_ref().map(|label| label.level.clone())
            }
            Told::Labelled(label) => Some(label.level.clone()),
            _ => None,
        };
        if let Some(label) = label.filter(|_| has_happened)
            && said.as_ref().is_none_or(|(before, _)| *before <= day)
        {
            said = Some((day, label));
        }
    }
    said.map(|(_, label)| label)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_stored_record_equals_what_its_history_resolves_to(log in log()) {
        let rows = log.rows();
        let mut standing = 0;
        for of in IDS {
            let whole = whole_from(&rows, of);
            match stored(&rows, &id(of)).unwrap() {
                Some((stored, _)) => {
                    let history = lifecycle(&rows, &id(of), None).unwrap();
                    prop_assert_eq!(stored, resolve_stored(&id(of), &history));
                }
                None => prop_assert_eq!(&whole, &RecordState::default()),
            }
            let found = record(&rows, &id(of), None).unwrap();
            prop_assert_eq!(found.map(|found| found.own), (whole.standing > 0).then_some(whole.clone()));
            standing += u64::from(whole.standing > 0);
            if let Some(file) = &whole.file {
                prop_assert!(filed_into(&rows, file).any(|filed| filed.unwrap() == id(of)));
            }
        }
        prop_assert_eq!(crate::register::counts(&rows).unwrap().records, standing);
        let listed: Vec<_> = records(&rows).map(|found| found.unwrap()).collect();
        prop_assert_eq!(listed.len() as u64, standing);
        for found in listed {
            prop_assert_eq!(record(&rows, &found.id, None).unwrap(), Some(found));
        }
        let mut changed: Vec<_> = changed_since(&rows, 0).map(|id| id.unwrap()).collect();
        changed.sort();
        let count = changed.len();
        changed.dedup();
        prop_assert_eq!(changed.len(), count, "each once");
    }

    #[test]
    fn reading_as_of_an_entry_equals_folding_the_log_up_to_it(log in log(), seq in 0..40_u64) {
        let (rows, shorter) = (log.rows(), log.rows_at(seq));
        for of in IDS {
            prop_assert_eq!(record(&rows, &id(of), Some(seq)).unwrap(), record(&shorter, &id(of), None).unwrap());
            let history = lifecycle(&rows, &id(of), None).unwrap();
            let known = lifecycle(&shorter, &id(of), None).unwrap();
            prop_assert_eq!(resolve(&id(of), &history, Some(seq), None), resolve(&id(of), &known, None, None));
        }
    }

    #[test]
    fn a_record_on_a_date_is_what_its_facts_of_that_day_make_in_the_order_in_which_they_count(
        log in log(), date in proptest::sample::select(&["2010-01-01", "2026-01-01", "2026-03-01", "2027-06-01", "2041-01-01"][..])
    ) {
        let (rows, date) = (log.rows(), day(date));
        for of in IDS {
            let history = lifecycle(&rows, &id(of), None).unwrap();
            let found = record_on(&rows, &id(of), None, date).unwrap();
            prop_assert_eq!(found.is_some(), record(&rows, &id(of), None).unwrap().is_some());
            let Some(found) = found else { continue };
            prop_assert_eq!(&found.own, &resolve(&id(of), &history, None, Some(date)));
            let label = plain_label(&standing(&rows, &id(of), None).unwrap(), date);
            prop_assert_eq!(found.own.label.as_ref().map(|label| label.level.as_str()), label.as_deref());
        }
        let is_now = log.entries.iter().all(|entry| entry.at.date_utc() <= date);
        for listed in records_on(&rows, date) {
            let listed = listed.unwrap();
            prop_assert_eq!(record_on(&rows, &listed.id, None, date).unwrap(), Some(listed.clone()));
            if let Some(file) = listed.own.file.filter(|_| is_now) {
                prop_assert!(filed_on(&rows, &file, date).any(|filed| filed.unwrap() == listed.id));
            }
        }
        for file in IDS.iter().filter(|_| is_now) {
            for filed in filed_on(&rows, &id(file), date) {
                let found = record_on(&rows, &filed.unwrap(), None, date).unwrap().unwrap();
                prop_assert_eq!(found.own.file, Some(id(file)));
            }
        }
    }

    #[test]
    fn folding_the_same_items_twice_changes_nothing(log in log()) {
        let once = log.rows();
        let mut twice = once.clone();
        log.fold_into(&mut twice).unwrap();
        prop_assert_eq!(&once, &twice);
        let mut each = MemoryRows::default();
        for entry in &log.entries {
            let one = Log { entries: vec![entry.clone(), entry.clone()], days: 0 };
            one.fold_into(&mut each).unwrap();
        }
        prop_assert_eq!(&once, &each);
    }
}
