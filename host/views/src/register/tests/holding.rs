//! What holds a record, against a plain reading of the whole history that knows no index, no cache and no order of looking.

use crate::Pending;
use crate::register::testing::{Log, Sent, day, event, id};
use crate::register::{
    Agencies, Hold, Holding, InForceOf, Moment, Record, Through, filed_at, holds, ids, record, record_on,
};
use crate::rows::{MemoryRows, ViewError};
use fonds_model::body::HoldPlaced;
use fonds_model::selection::Query;
use fonds_model::{EntityId, Envelope, Kind, Label, Seq, SeriesId, Timestamp};
use jiff::civil::Date;
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const IDS: [&str; 6] = ["a", "b", "c", "d", "f", "g"];
const NAMES: [&str; 3] = ["one", "two", "three"];

/// What was sent decides alone.
struct AsSent;

impl InForceOf for AsSent {
    fn series(&self, record: &Record) -> Result<Option<SeriesId>, ViewError> {
        Ok(record.series().cloned())
    }
    fn label(&self, record: &Record) -> Result<Option<Label>, ViewError> {
        Ok(record.own.label.as_ref().map(|label| label.label()))
    }
}

/// What a query means, in Rust.
type Means = fn(&Record, Option<Date>) -> bool;

fn queries() -> Vec<(&'static str, Means)> {
    fn attribute(record: &Record) -> Option<&str> {
        record.own.attributes.get("x").map(String::as_str)
    }
    fn closed(record: &Record, on: Option<Date>) -> bool {
        let facts = on.map_or_else(|| record.facts_logged(), |on| record.facts_on(on));
        facts.occurrence(&fonds_model::Trigger::Closed).is_some()
    }
    vec![
        ("id = a or id = g", |record, _| ["a", "g"].contains(&record.id.as_str())),
        ("attributes.x >= 2", |record, _| attribute(record).is_some_and(|x| x >= "2")),
        ("not attributes.x = 1 and series = s/1/A", |record, _| {
            attribute(record) != Some("1") && record.series().is_some_and(|series| series.as_str() == "s/1/A")
        }),
        ("closed > 1990", closed),
    ]
}

fn known() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&IDS[..])
}

fn hour() -> impl Strategy<Value = String> {
    (0..20_u32).prop_map(|hour| format!("2020-01-{:02}T{:02}:00:00Z", 1 + hour / 10, hour % 10))
}

fn selection() -> impl Strategy<Value = serde_json::Value> {
    let one = prop_oneof![
        4 => proptest::collection::vec(known(), 1..3).prop_map(|records| json!({ "records": records })),
        1 => Just(json!({"records": [], "series": ["s/1/A"]})),
        1 => Just(json!({"records": ["c"], "series": ["s/1/B", "s/1/C"]})),
        1 => proptest::sample::select(&["nl", "nl/a", "vn"][..]).prop_map(|agency| json!({"agencies": [agency]})),
        1 => (0..4_usize).prop_map(|query| json!({"query": queries()[query].0})),
    ];
    (one, any::<bool>()).prop_map(|(mut selection, derived)| {
        if derived {
            selection["with_derived"] = json!(true);
        }
        selection
    })
}

fn sent() -> impl Strategy<Value = Sent> {
    let agency = proptest::sample::select(&["nl", "nl/a", "nl/a/b", "vn"][..]);
    let name = proptest::sample::select(&NAMES[..]);
    let lifecycle = prop_oneof![
        4 => (agency, any::<bool>()).prop_map(|(agency, series)| {
            let series = series.then_some("s/1/A");
            (Kind::RecordCreated, json!({"agency": agency, "series": series, "attributes": {"x": 1}}))
        }),
        4 => known().prop_map(|file| (Kind::RecordFiled, json!({ "file": file }))),
        8 => known().prop_map(|from| (Kind::RecordModified, json!({"derived_from": [from], "attributes": {"x": "2"}}))),
        1 => Just((Kind::RecordClassified, json!({"series": "s/1/B"}))),
        1 => Just((Kind::RecordClosed, json!({}))),
        1 => Just((Kind::RecordMoved, json!({"agency": "vn"}))),
    ];
    prop_oneof![
        12 => (lifecycle, known(), hour()).prop_map(|((kind, body), of, hour)| event(kind, of, body).on(&hour)),
        4 => (name.clone(), selection()).prop_map(|(name, mut hold)| {
            hold["name"] = json!(name);
            event(Kind::HoldPlaced, "", hold)
        }),
        1 => name.prop_map(|name| event(Kind::HoldReleased, "", json!({ "name": name }))),
        1 => (0..30_u64).prop_map(|seq| event(Kind::EntryAnnulled, "", json!({ "seq": seq }))),
        1 => (0..30_u64, known()).prop_map(|(seq, of)| {
            event(Kind::EntryCorrected, "", json!({"seq": seq, "field": "subject", "new": of}))
        }),
        1 => Just(event(Kind::AgencyDefined, "", json!({"id": "nl/a", "path": "nl/renamed", "effective": "2020-01-02"}))),
        1 => Just(event(Kind::AgencySucceeded, "", json!({"agency": "nl/a", "successor": "vn", "effective": "2020-01-02"}))),
    ]
}

fn log() -> impl Strategy<Value = Log> {
    proptest::collection::vec((0..2_i64, sent()), 1..30).prop_map(|sent| {
        let mut log = Log::default();
        for id in ["nl", "nl/a", "vn"] {
            log.push(event(Kind::AgencyDefined, "", json!({"id": id, "path": id})));
        }
        for (days, sent) in sent {
            log.days += days;
            log.push(sent);
        }
        log
    })
}

/// The rows of all views.
fn folded(log: &Log) -> MemoryRows {
    let mut rows = MemoryRows::default();
    for entry in &log.entries {
        let mut pending = Pending::over(&rows);
        crate::fold(entry, 0, &mut pending).unwrap();
        let written = pending.into_written();
        rows.apply(written);
    }
    rows
}

/// The whole history, read anew for each question.
struct Plain<'a> {
    log: &'a Log,
    rows: &'a MemoryRows,
    seq: Seq,
    on: Option<Date>,
    today: Date,
}

impl Plain<'_> {
    fn record(&self, of: &str) -> Option<Record> {
        match self.on {
            Some(on) => record_on(self.rows, &id(of), Some(self.seq), on).unwrap(),
            None => record(self.rows, &id(of), Some(self.seq)).unwrap(),
        }
    }

    fn known(&self) -> impl Iterator<Item = (Seq, Kind, Envelope, serde_json::Value)> + '_ {
        self.log.entries.iter().filter(|entry| entry.seq <= self.seq).map(|entry| {
            let (envelope, body) = entry.items[0].content.as_ref().unwrap().split().unwrap();
            (entry.seq, entry.kind, envelope, serde_json::from_slice(body).unwrap())
        })
    }

    fn active(&self) -> Vec<(String, HoldPlaced)> {
        let mut active: BTreeMap<String, Vec<HoldPlaced>> = BTreeMap::new();
        for (_, kind, _, body) in self.known() {
            let name = body["name"].as_str().unwrap_or_default().to_owned();
            match kind {
                Kind::HoldPlaced => active.entry(name).or_default().push(serde_json::from_value(body).unwrap()),
                Kind::HoldReleased => drop(active.get_mut(&name).and_then(Vec::pop)),
                _ => {}
            }
        }
        active.into_iter().flat_map(|(name, placed)| placed.into_iter().map(move |hold| (name.clone(), hold))).collect()
    }

    fn annulled(&self, seq: Seq) -> bool {
        self.known().any(|(by, kind, _, body)| {
            kind == Kind::EntryAnnulled && body["seq"] == json!(seq) && by > seq && !self.annulled(by)
        })
    }

    /// Who made what of what, and when, by what lineage reads: the subject as it was sent.
    fn edges(&self) -> Vec<(String, String, i64)> {
        let mut edges = Vec::new();
        for (seq, kind, envelope, body) in self.known() {
            if kind == Kind::RecordModified && !self.annulled(seq) {
                let time = Timestamp::parse(envelope.time.as_deref().unwrap()).unwrap().0;
                for from in body["derived_from"].as_array().into_iter().flatten() {
                    let made = envelope.subject.as_ref().unwrap().to_string();
                    edges.push((made, from.as_str().unwrap().to_owned(), time));
                }
            }
        }
        edges
    }

    fn upstream(&self, of: &str) -> BTreeSet<String> {
        let edges = self.edges();
        let mut seen = BTreeSet::from([(of.to_owned(), i64::MAX)]);
        let mut todo = vec![(of.to_owned(), i64::MAX)];
        while let Some((made, bound)) = todo.pop() {
            for (_, from, time) in edges.iter().filter(|(to, _, time)| *to == made && *time <= bound) {
                if seen.insert((from.clone(), *time)) {
                    todo.push((from.clone(), *time));
                }
            }
        }
        seen.into_iter().map(|(name, _)| name).collect()
    }

    fn files(&self, of: &str) -> Vec<String> {
        let mut files: Vec<String> = Vec::new();
        let mut at = of.to_owned();
        while let Some(file) = self.record(&at).and_then(|record| record.own.file) {
            if files.contains(&file.to_string()) || self.record(file.as_str()).is_none() {
                break;
            }
            files.push(file.to_string());
            at = file.to_string();
        }
        files
    }

    fn chosen(&self, hold: &HoldPlaced, of: &str) -> bool {
        let selection = &hold.selection;
        if selection.records.contains(&id(of)) {
            return true;
        }
        let Some(found) = self.record(of) else { return false };
        let agencies = Agencies::load(self.rows, Some(self.seq)).unwrap();
        let is_of = |agency: &fonds_model::AgencyPath| {
            let named = found.agency().cloned();
            let stands = named.as_ref().and_then(|named| agencies.resolve(named, self.today)).map(|on| on.path);
            let moved = agencies.standing(agency, self.today).map(|on| on.path);
            named.into_iter().chain(stands).any(|path| {
                path.is_within(agency.as_str()) || moved.as_ref().is_some_and(|moved| path.is_within(moved.as_str()))
            })
        };
        let query = selection.query.as_ref().map(|query| {
            let means = queries().into_iter().find(|(text, _)| Query::parse(text).unwrap().term() == query.term());
            (means.unwrap().1)(&found, self.on)
        });
        selection.series.iter().any(|series| found.series() == Some(series))
            || selection.agencies.iter().any(is_of)
            || query.unwrap_or(false)
    }

    fn with_file(&self, hold: &HoldPlaced, of: &str) -> bool {
        self.chosen(hold, of) || self.files(of).iter().any(|file| self.chosen(hold, file))
    }

    fn directly(&self, hold: &HoldPlaced, of: &str) -> bool {
        let derived = || self.upstream(of).iter().any(|from| from != of && self.with_file(hold, from));
        self.chosen(hold, of) || (hold.with_derived && derived())
    }

    /// The names of what holds a record, and of those that only hold a part of it.
    fn held(&self, of: &str) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut held, mut by_itself) = (BTreeSet::new(), BTreeSet::new());
        for (name, hold) in self.active() {
            let itself = self.directly(&hold, of) || self.files(of).iter().any(|file| self.directly(&hold, file));
            let part = |other: &&&str| {
                self.record(other).is_some()
                    && self.files(other).contains(&of.to_owned())
                    && self.directly(&hold, other)
            };
            if itself || IDS.iter().find(part).is_some() {
                held.insert(name.clone());
            }
            if itself {
                by_itself.insert(name);
            }
        }
        let by_part = held.difference(&by_itself).cloned().collect();
        (held, by_part)
    }
}

fn names(holding: &Holding<'_>, of: &Record) -> (BTreeSet<String>, BTreeSet<String>) {
    let held = holding.on(of).unwrap();
    let by_part = held.iter().filter(|held| matches!(held.through, Through::Part(_))).map(|held| held.hold.clone());
    let all: BTreeSet<String> = held.iter().map(|held| held.hold.clone()).collect();
    assert_eq!(all.len(), held.len(), "each hold once: {held:?}");
    (all, by_part.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn what_holds_a_record_is_what_a_plain_reading_of_the_history_says(
        log in log(), back in proptest::option::of(0..30_u64), date in proptest::option::of(Just("2020-01-01"))
    ) {
        let rows = folded(&log);
        let last = log.entries.len() as Seq - 1;
        let seq = back.map(|back| last.saturating_sub(back));
        let today = day("2026-06-01");
        let on = date.map(day);
        let agencies = Agencies::load(&rows, seq).unwrap();
        let at = Moment { seq, on, today };
        let ask = || Holding::new(&rows, at, holds(&rows, seq).unwrap(), &agencies, &AsSent);
        let (one_by_one, at_once) = (ask(), ask());
        at_once.prepare().unwrap();
        let plain = Plain { log: &log, rows: &rows, seq: seq.unwrap_or(last), on, today };
        let mut all: BTreeMap<String, BTreeSet<EntityId>> = BTreeMap::new();
        for of in IDS {
            let Some(record) = plain.record(of) else { continue };
            let (held, by_part) = plain.held(of);
            prop_assert_eq!(&names(&at_once, &record), &(held.clone(), by_part.clone()), "{} at once", of);
            prop_assert_eq!(&names(&one_by_one, &record), &(held.clone(), by_part.clone()), "{} alone", of);
            for name in held.difference(&by_part) {
                all.entry(name.clone()).or_default().insert(id(of));
            }
        }
        for name in NAMES {
            let (caught, cut) = at_once.held_by(name).unwrap();
            prop_assert!(!cut);
            prop_assert_eq!(caught.into_keys().collect::<BTreeSet<_>>(), all.remove(name).unwrap_or_default(), "{}", name);
        }
    }

    #[test]
    fn what_was_in_a_file_is_found_at_any_moment(log in log(), back in 0..30_u64) {
        let rows = folded(&log);
        let seq = (log.entries.len() as Seq - 1).saturating_sub(back);
        for file in IDS {
            let found: Vec<_> = filed_at(&rows, &id(file), Some(seq), None).map(|id| id.unwrap()).collect();
            let all: Vec<_> = ids(&rows).map(|id| id.unwrap()).collect();
            let is_in = |of: &EntityId| {
                record(&rows, of, Some(seq)).unwrap().is_some_and(|record| record.own.file == Some(id(file)))
            };
            prop_assert_eq!(found, all.into_iter().filter(is_in).collect::<Vec<_>>());
        }
    }
}

fn created(of: &str, body: serde_json::Value) -> Sent {
    event(Kind::RecordCreated, of, body).on("2020-01-01T00:00:00Z")
}

fn held(rows: &MemoryRows, of: &str) -> Vec<(String, Through)> {
    let agencies = Agencies::default();
    let at = Moment { seq: None, on: None, today: day("2026-06-01") };
    let ask = || Holding::new(rows, at, holds(rows, None).unwrap(), &agencies, &AsSent);
    let (one_by_one, at_once) = (ask(), ask());
    at_once.prepare().unwrap();
    let record = record(rows, &id(of), None).unwrap().unwrap();
    let held = one_by_one.on(&record).unwrap();
    assert_eq!(held, at_once.on(&record).unwrap(), "{of}");
    held.into_iter().map(|held| (held.hold, held.through)).collect()
}

#[test]
fn a_hold_with_what_is_derived_follows_the_order_of_time_and_what_comes_later() {
    let mut log = Log::default();
    let derived = |of: &str, from: &str, hour: u32| {
        event(Kind::RecordModified, of, json!({"derived_from": [from]})).on(&format!("2020-01-01T{hour:02}:00:00Z"))
    };
    for of in ["raw", "clean", "early", "report"] {
        log.push(created(of, json!({})));
    }
    log.push(event(Kind::HoldPlaced, "", json!({"name": "inquiry", "records": ["raw"], "with_derived": true})));
    // What was read of `clean` before `raw` went into it is none of it.
    log.push(derived("early", "clean", 3));
    log.push(derived("clean", "raw", 5));
    assert_eq!(held(&folded(&log), "report"), []);
    log.push(derived("report", "clean", 7));
    let rows = folded(&log);
    let inquiry = |through| vec![("inquiry".to_owned(), through)];
    assert_eq!(held(&rows, "raw"), inquiry(Through::Selected));
    assert_eq!(held(&rows, "clean"), inquiry(Through::Derived));
    assert_eq!(held(&rows, "report"), inquiry(Through::Derived), "derived after the hold was placed");
    assert_eq!(held(&rows, "early"), []);
}

#[test]
fn a_part_that_is_held_holds_its_file_and_not_what_else_is_in_it() {
    let mut log = Log::default();
    log.push(created("file", json!({})));
    for of in ["one", "two"] {
        log.push(created(of, json!({"file": "file"})));
    }
    log.push(event(Kind::HoldPlaced, "", json!({"name": "inquiry", "records": ["one"]})));
    let rows = folded(&log);
    assert_eq!(held(&rows, "file"), [("inquiry".to_owned(), Through::Part(id("one")))]);
    assert_eq!(held(&rows, "two"), []);
    log.push(event(Kind::HoldReleased, "", json!({"name": "inquiry", "authority": "x"})));
    log.push(event(Kind::HoldPlaced, "", json!({"name": "inquiry", "records": ["file"]})));
    let rows = folded(&log);
    assert_eq!(held(&rows, "two"), [("inquiry".to_owned(), Through::File(id("file")))]);
}

#[test]
fn files_nested_deeper_than_is_looked_count_as_held() {
    let mut log = Log::default();
    log.push(created("f0", json!({})));
    for depth in 1..40 {
        log.push(created(&format!("f{depth}"), json!({"file": format!("f{}", depth - 1)})));
    }
    log.push(event(Kind::HoldPlaced, "", json!({"name": "inquiry", "records": ["f0"]})));
    log.push(event(Kind::HoldPlaced, "", json!({"name": "other", "records": ["f39"]})));
    let rows = folded(&log);
    for of in ["f0", "f5", "f20", "f33", "f39"] {
        let found: Vec<String> = held(&rows, of).into_iter().map(|(hold, _)| hold).collect();
        assert_eq!(found, ["inquiry", "other"], "{of}");
    }
}

#[test]
fn a_hold_is_kept_as_it_was_known_before_its_release() {
    let mut log = Log::default();
    log.push(event(Kind::HoldPlaced, "", json!({"name": "inquiry", "records": ["a"], "authority": "Council 12"})));
    log.push(event(Kind::HoldReleased, "", json!({"name": "inquiry", "authority": "Council 19", "by": "visser"})));
    let rows = folded(&log);
    let now = holds(&rows, None).unwrap();
    assert_eq!((now[0].released_at, now[0].released_by.as_deref()), (Some(1), Some("visser")));
    assert_eq!(now[0].released_on_authority.as_deref(), Some("Council 19"));
    let then: Vec<Hold> = holds(&rows, Some(0)).unwrap();
    assert!(then[0].is_active() && then[0].released_by.is_none() && then[0].released_on_authority.is_none());
}
