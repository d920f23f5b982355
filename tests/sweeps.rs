//! What sweeps decide as the years go by.

use crate::house::House;
use crate::store::cloud_event;
use proptest::prelude::*;
use serde_json::{Value, json};

fn created(id: &str, on: &str, data: &Value) -> String {
    cloud_event(&format!("{id}-created"), "record.created", id, on, data)
}

#[test]
fn what_is_dated_in_the_future_counts_in_the_sweep_of_its_day_and_not_before() {
    let house = House::on("2026-06-01");
    house.bind("classification", "");
    house.bind("retention", "3");
    house.send(&[
        created("case/1", "2020-01-01", &json!({ "agency": "a", "series": "xx/1/A" })),
        created("copy/1", "2020-02-01", &json!({ "agency": "a", "derived_from": ["case/1"] })),
        created("file/1", "2020-01-01", &json!({ "agency": "b", "series": "xx/1/F" })),
        cloud_event("f", "record.closed", "file/1", "2021-01-01", &json!({})),
        created("letter/1", "2020-02-01", &json!({})),
        cloud_event("1", "record.labelled", "case/1", "2030-01-01", &json!({ "level": "secret" })),
        cloud_event("2", "record.classified", "case/1", "2030-01-01", &json!({ "series": "xx/1/B" })),
        cloud_event("3", "record.moved", "case/1", "2030-01-01", &json!({ "agency": "b" })),
        cloud_event("4", "record.modified", "case/1", "2030-01-01", &json!({ "title": "Later" })),
        cloud_event("5", "record.filed", "letter/1", "2030-01-01", &json!({ "file": "file/1" })),
    ]);
    let shown = |id: &str| {
        let record = house.record(id);
        ["series", "agency", "title"].map(|field| record[field].as_str().unwrap_or("-").to_owned())
    };
    house.sweep("2026-06-01");
    assert_eq!(shown("case/1"), ["xx/1/A", "a", "-"]);
    assert_eq!((house.level("case/1"), house.level("copy/1")), ("public".into(), "public".into()));
    assert_eq!(
        (house.record("letter/1")["agency"].clone(), house.record("file/1")["filed"].clone()),
        (json!(null), json!(null))
    );
    house.comes("2029-12-31");
    house.sweep("2029-12-31");
    assert_eq!(house.level("copy/1"), "public");
    house.comes("2031-01-01");
    let waiting = house.record("case/1");
    assert!(waiting["effective"]["blocked_by"].to_string().contains("pending"), "it has yet to be decided: {waiting}");
    house.sweep("2031-01-01");
    assert_eq!(shown("case/1"), ["xx/1/B", "b", "Later"]);
    assert_eq!(
        (house.level("case/1"), house.level("copy/1")),
        ("secret".into(), "secret".into()),
        "and what was made of it"
    );
    let letter = house.record("letter/1");
    assert_eq!((&letter["agency"], &letter["decisions"]["retention"]["date"]), (&json!("b"), &json!("2024-01-01")));
    assert_eq!(house.record("file/1")["filed"], 1);
    assert!(!house.record("case/1")["effective"]["blocked_by"].to_string().contains("pending"));
}

#[test]
fn a_sweep_that_looks_back_behind_the_last_one_is_refused_and_shortens_nothing() {
    let house = House::on("2026-06-01");
    house.bind("retention", "3");
    house.send(&[
        created("case/1", "2010-01-01", &json!({ "agency": "a" })),
        cloud_event("2", "record.closed", "case/1", "2012-01-01", &json!({})),
        cloud_event("3", "record.reopened", "case/1", "2014-01-01", &json!({})),
    ]);
    house.sweep("2013-01-01");
    assert_eq!(house.record("case/1")["decisions"]["retention"]["date"], "2015-01-01");
    house.sweep("2026-06-01");
    let refused = house.try_sweep("2013-01-01").unwrap_err().to_string();
    assert!(refused.contains("the last sweep was as of 2026-06-01"), "{refused}");
    assert!(house.record("case/1")["decisions"]["retention"]["date"].is_null(), "it waits for the next closing");
    house.sweep("2026-06-01");
}

#[test]
fn a_record_that_several_policies_were_asked_about_in_several_waves_is_counted_once() {
    let house = House::on("2026-06-01");
    house.bind("classification", "");
    house.bind("retention", "3");
    house.bind_for("elsewhere", "retention", Some("b"), "3");
    let made = |id: &str, from: &[&str]| created(id, "2020-01-01", &json!({ "agency": "a", "derived_from": from }));
    house.send(&[
        created("source", "2019-01-01", &json!({ "agency": "a", "label": { "level": "secret" } })),
        made("report", &["source"]),
        made("summary", &["report"]),
    ]);
    assert_eq!(house.sweep("2026-06-01").evaluated, 3);
    house.send(&[cloud_event("4", "record.labelled", "source", "2020-02-01", &json!({ "level": "top-secret" }))]);
    assert_eq!(house.sweep("2026-06-01").evaluated, 3, "and what hangs on it, whichever wave finds it");
    house.send(&[cloud_event("5", "record.closed", "summary", "2021-02-01", &json!({}))]);
    assert_eq!(house.sweep("2026-06-01").evaluated, 1);
    assert_eq!(house.sweep("2026-06-01").evaluated, 0);
}

#[test]
fn two_records_made_of_each_other_do_not_keep_a_label_that_neither_has_any_more() {
    for same_day in [true, false] {
        let house = House::on("2026-06-01");
        house.bind("classification", "");
        let day = |day: &str| if same_day { "2020-01-01".to_owned() } else { day.to_owned() };
        let made = |id: &str, of: &str, from: &str, on: &str| {
            cloud_event(id, "record.modified", of, &day(on), &json!({ "derived_from": [from] }))
        };
        let first = house.send(&[
            created("source", "2019-01-01", &json!({ "label": { "level": "secret" } })),
            created("a", "2019-01-01", &json!({ "attributes": { "level": "internal" } })),
            created("b", "2019-01-01", &json!({})),
            made("1", "a", "source", "2020-01-01"),
            made("2", "b", "a", "2020-02-01"),
            made("3", "a", "b", "2020-03-01"),
            made("4", "b", "a", "2020-04-01"),
        ]);
        house.sweep("2026-06-01");
        assert_eq!(["a", "b"].map(|id| house.level(id)), ["secret", "secret"]);
        let annulled = json!({ "seq": first, "reason": "never made" });
        house.send(&[cloud_event("5", "entry.annulled", "source", "2026-06-01", &annulled)]);
        house.sweep("2026-06-01");
        assert_eq!(["a", "b"].map(|id| house.level(id)), ["internal", "internal"], "what a has of its own still rises");
    }
}

#[test]
fn whatever_makes_a_term_sooner_is_named_in_the_decision_and_a_clock_that_starts_is_not() {
    let house = House::on("2026-06-01");
    house.bind("retention", "10");
    let first = house.send(&[
        created("case/1", "2010-01-01", &json!({ "agency": "a" })),
        cloud_event("2", "record.event", "case/1", "2011-01-01", &json!({ "name": "letter" })),
    ]);
    let retention = || house.record("case/1")["decisions"]["retention"].clone();
    let entries =
        |seqs: &[u64]| Value::from(seqs.iter().map(|seq| json!({ "seq": seq, "item": 0 })).collect::<Vec<_>>());
    house.sweep("2026-06-01");
    let closed = house.send(&[cloud_event("3", "record.closed", "case/1", "2020-05-01", &json!({}))]);
    house.sweep("2026-06-01");
    assert_eq!((&retention()["date"], &retention()["shortened_by"]), (&json!("2030-05-01"), &Value::Null), "it began");
    let correction = json!({ "seq": closed, "field": "on", "new": "2012-05-01", "reason": "typing error" });
    let corrected = house.send(&[cloud_event("4", "entry.corrected", "case/1", "2026-06-01", &correction)]);
    house.sweep("2026-06-01");
    assert_eq!((&retention()["date"], &retention()["shortened_by"]), (&json!("2022-05-01"), &entries(&[corrected])));
    let reopened = house.send(&[cloud_event("5", "record.reopened", "case/1", "2013-05-01", &json!({}))]);
    house.sweep("2026-06-01");
    assert_eq!((&retention()["term"], &retention()["shortened_by"]), (&json!("waiting"), &Value::Null));
    let annulment = json!({ "seq": reopened, "reason": "another case" });
    let annulled = house.send(&[cloud_event("6", "entry.annulled", "case/1", "2026-06-01", &annulment)]);
    house.sweep("2026-06-01");
    assert_eq!(
        retention()["shortened_by"],
        entries(&[annulled]),
        "the clock runs again since a reopening was taken back"
    );
    let bound = house.runtime.log_size();
    house.bind("retention", "1");
    house.sweep("2026-06-01");
    assert_eq!((&retention()["date"], &retention()["shortened_by"]), (&json!("2013-05-01"), &entries(&[bound])));
    house.bind("retention", "20");
    house.sweep("2026-06-01");
    assert_eq!(
        (&retention()["date"], &retention()["shortened_by"]),
        (&json!("2032-05-01"), &Value::Null),
        "it is later"
    );
    house.runtime.unbind_policy("retention", &Default::default()).unwrap();
    let bound = house.runtime.log_size();
    house.bind_for("another", "retention", None, "2");
    house.sweep("2026-06-01");
    assert_eq!(retention()["shortened_by"], entries(&[bound]), "another name hides nothing");
    assert!(first < closed);
}

const NODES: [&str; 5] = ["n0", "n1", "n2", "n3", "n4"];
const LEVELS: [&str; 4] = ["public", "internal", "confidential", "secret"];

/// One thing that changes labels.
#[derive(Debug, Clone)]
enum Step {
    /// A record is given a label, perhaps as an authorised downgrade.
    Label(usize, usize, bool),
    /// A policy gives it one by its attribute.
    Attribute(usize, usize),
    /// A record was made of another, in a month of 2020: bare dates of neighbouring days may be one instant somewhere.
    Made(usize, usize, i8),
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        2 => (0..5_usize, 0..4_usize, proptest::bool::weighted(0.2)).prop_map(|(of, level, stops)| Step::Label(of, level, stops)),
        1 => (0..5_usize, 0..4_usize).prop_map(|(of, level)| Step::Attribute(of, level)),
        4 => (0..5_usize, 0..5_usize, 1..4_i8).prop_map(|(of, from, day)| Step::Made(of, from, day)),
    ];
    proptest::collection::vec(proptest::collection::vec(step, 1..6), 2..5)
}

/// The plain model: what each record has of its own, and the edges.
#[derive(Default)]
struct Model {
    given: [Option<(usize, bool)>; 5],
    attribute: [usize; 5],
    edges: Vec<(usize, usize, i8)>,
}

impl Model {
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Label(of, level, stops) => self.given[of] = Some((level, stops)),
            Step::Attribute(of, level) => self.attribute[of] = level,
            Step::Made(of, from, day) => self.edges.push((of, from, day)),
        }
    }

    fn own(&self, of: usize) -> usize {
        match self.given[of] {
            Some((level, true)) => level,
            Some((level, false)) => level.max(self.attribute[of]),
            None => self.attribute[of],
        }
    }

    /// The highest of what is its own and its ancestors' own, never going forward in time nor through a downgrade.
    fn level(&self, of: usize) -> &'static str {
        let stops = |node: usize| self.given[node].is_some_and(|(_, stops)| stops);
        let mut latest = [i8::MIN; 5];
        let mut highest = self.own(of);
        let mut todo = if stops(of) { Vec::new() } else { vec![(of, i8::MAX)] };
        while let Some((node, before)) = todo.pop() {
            for &(_, from, day) in self.edges.iter().filter(|(made, _, day)| *made == node && *day <= before) {
                if from != of && latest[from] < day {
                    latest[from] = day;
                    highest = highest.max(self.own(from));
                    if !stops(from) {
                        todo.push((from, day));
                    }
                }
            }
        }
        LEVELS[highest]
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn labels_are_those_of_a_plain_model_whatever_circles_lineage_has_and_come_down_with_their_source(steps in steps()) {
        let house = House::on("2026-06-01");
        house.bind("classification", "");
        house.send(&NODES.map(|id| created(id, "2019-01-01", &json!({}))));
        let mut model = Model::default();
        let mut sent = 0;
        let stops = steps.iter().flatten().any(|step| matches!(step, Step::Label(_, _, true)));
        for batch in steps {
            for mut step in batch {
                sent += 1;
                if let Step::Made(_, _, day) = &mut step {
                    // Where labels stop, a way around a downgrade counts whatever its order in time: the safe side.
                    *day = if stops { 1 } else { *day };
                }
                let (kind, of, on, data) = match step {
                    Step::Label(of, level, stops) => {
                        ("record.labelled", of, 9, json!({ "level": LEVELS[level], "barrier": stops }))
                    }
                    Step::Attribute(of, level) => {
                        ("record.modified", of, 9, json!({ "attributes": { "level": LEVELS[level] } }))
                    }
                    Step::Made(of, from, day) => ("record.modified", of, day, json!({ "derived_from": [NODES[from]] })),
                };
                house.send(&[cloud_event(&sent.to_string(), kind, NODES[of], &format!("2020-0{on}-01"), &data)]);
                model.take(&step);
            }
            house.sweep("2026-06-01");
            for (index, id) in NODES.iter().enumerate() {
                prop_assert_eq!(house.level(id), model.level(index), "{}: {:?} {:?}", id, model.given, model.edges);
            }
        }
    }
}
