//! The stored records against the one pure function, over histories by chance.

use crate::register::read::stored;
use crate::register::state::{Extent, resolved};
use crate::register::testing::{Log, Sent, event, id};
use crate::register::{RecordState, changed_since, filed_into, lifecycle, record, records, resolve};
use crate::rows::{MemoryRows, Rows};
use fonds_model::Kind;
use proptest::prelude::*;
use serde_json::json;

const IDS: [&str; 4] = ["a", "ab", "b", "f"];

fn subject() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&IDS[..])
}

fn when() -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(proptest::sample::select(
        &["2009", "2010-05", "2010-05-06", "2011-01-01T10:00:00Z", "2011-01-01T11:00:00Z", "2040-01-01"][..],
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
        Just((Kind::RecordLabelled, json!({"level": "internal", "barrier": true}))),
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
    proptest::collection::vec(prop_oneof![3 => lifecycle_event(), 2 => amendment()], 1..40).prop_map(|sent| {
        let mut log = Log::default();
        for sent in sent {
            log.push(sent);
        }
        log
    })
}

fn resolved_from(rows: &dyn Rows, of: &str, extent: Extent) -> RecordState {
    resolved(&id(of), &lifecycle(rows, &id(of), None).unwrap(), None, extent)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_stored_record_equals_what_its_history_resolves_to(log in log()) {
        let rows = log.rows();
        let mut standing = 0;
        for of in IDS {
            let whole = resolved_from(&rows, of, Extent::Whole);
            match stored(&rows, &id(of)).unwrap() {
                Some((stored, _)) => prop_assert_eq!(stored, resolved_from(&rows, of, Extent::Stored)),
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
            prop_assert_eq!(resolve(&id(of), &history, Some(seq)).standing, resolve(&id(of), &known, None).standing);
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
            let one = Log { entries: vec![entry.clone(), entry.clone()] };
            one.fold_into(&mut each).unwrap();
        }
        prop_assert_eq!(&once, &each);
    }
}
