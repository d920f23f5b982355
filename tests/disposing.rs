//! Random lives of records, holds, rules and approvals, and a plain reading of the log that says what must never be in it.

use crate::house::House;
use fonds_model::body::{self, Deleted, Who};
use fonds_model::{Kind, Position};
use fonds_runtime::disposition::{Approver, Contents, DispositionAnswer, DispositionFilter, ExecuteTold};
use fonds_runtime::holds::HoldTold;
use fonds_runtime::{Runtime, RuntimeError};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const PEOPLE: [&str; 3] = ["anna", "bert", "carla"];
const RECORDS: usize = 6;

#[derive(Debug, Clone)]
enum Step {
    /// A record is created, and lies where content stores can or cannot reach it, or is all in the log.
    Create(usize, u8),
    Close(usize),
    Hold(usize, usize),
    Release(usize),
    /// Another rule: so many years after the closing.
    Rule(i16),
    Days(i64),
    Sweep,
    Approve(usize, usize),
    Reject(usize),
    /// All that is approved or was cut off; the content store fails where the bit is set.
    Execute(u8),
    Acknowledge(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let record = || 0..RECORDS;
    prop_oneof![
        3 => (record(), 0_u8..3).prop_map(|(record, place)| Step::Create(record, place)),
        3 => record().prop_map(Step::Close),
        2 => (0_usize..3, record()).prop_map(|(hold, record)| Step::Hold(hold, record)),
        1 => (0_usize..3).prop_map(Step::Release),
        1 => (1_i16..4).prop_map(Step::Rule),
        3 => (50_i64..700).prop_map(Step::Days),
        3 => Just(Step::Sweep),
        4 => (0_usize..3, 0_usize..8).prop_map(|(person, nth)| Step::Approve(person, nth)),
        1 => (0_usize..8).prop_map(Step::Reject),
        4 => any::<u8>().prop_map(Step::Execute),
        1 => (0_usize..8).prop_map(Step::Acknowledge),
    ]
}

/// A content store that has what begins with `ours`, and fails on some records.
struct Flaky(u8);

impl Contents for Flaky {
    fn has(&self, location: &str) -> bool {
        location.starts_with("ours/")
    }

    fn delete(&self, location: &str) -> Result<Deleted, String> {
        let number: u8 = location.trim_start_matches("ours/").parse().unwrap();
        if self.0 & (1 << number) != 0 {
            return Err("the store is away".to_owned());
        }
        let absent_at = "2020-01-01T00:00:00Z".to_owned();
        Ok(Deleted { location: location.to_owned(), digest: None, absent_at, proof: "404".to_owned() })
    }
}

fn event(id: String, kind: &str, record: usize, day: &str, data: Value) -> String {
    json!({ "specversion": "1.0", "id": id, "source": "/test", "type": kind, "subject": format!("r/{record}"),
        "time": format!("{day}T08:00:00Z"), "data": data })
    .to_string()
        + "\n"
}

fn by(name: &str) -> Who {
    Who { by: Some(name.to_owned()), authority: Some("Act 1".to_owned()), ..Who::default() }
}

struct Life {
    house: House,
    day: jiff::civil::Date,
    created: BTreeSet<usize>,
    sent: usize,
}

impl Life {
    fn new() -> Self {
        let house = House::on("2020-01-01");
        for person in ["first", "second"] {
            house.runtime.change_setting("signed-approvals", "none", by(person)).unwrap();
        }
        house.bind("retention", "1");
        Self { house, day: jiff::civil::date(2020, 1, 1), created: BTreeSet::new(), sent: 0 }
    }

    fn runtime(&self) -> &Runtime {
        &self.house.runtime
    }

    fn send(&mut self, kind: &str, record: usize, data: Value) {
        self.sent += 1;
        let event = event(format!("e{}", self.sent), kind, record, &self.day.to_string(), data);
        // A record that was destroyed may get events again: they are only more to erase.
        self.house.try_send(&[event]);
    }

    fn dispositions(&self, state: Option<&str>) -> Vec<DispositionAnswer> {
        let mut all = Vec::new();
        let filter = DispositionFilter { state: state.map(str::to_owned), ..DispositionFilter::default() };
        self.runtime()
            .dispositions(&filter, &mut |found| {
                all.push(found);
                Ok::<(), RuntimeError>(())
            })
            .unwrap();
        all
    }

    fn nth(&self, nth: usize) -> Option<Position> {
        let all = self.dispositions(None);
        all.get(nth % all.len().max(1)).and_then(|found| Position::parse(&found.id))
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Create(record, place) => {
                if self.created.insert(*record) {
                    self.send("record.created", *record, json!({ "agency": "a" }));
                    match place {
                        1 => self.send("record.moved", *record, json!({ "location": format!("ours/{record}") })),
                        2 => self.send("record.moved", *record, json!({ "location": format!("theirs/{record}") })),
                        _ => {}
                    }
                }
            }
            Step::Close(record) if self.created.contains(record) => self.send("record.closed", *record, json!({})),
            Step::Close(_) => {}
            Step::Hold(hold, record) => {
                let told = HoldTold {
                    name: format!("h{hold}"),
                    records: vec![format!("r/{record}")],
                    who: by("court"),
                    ..HoldTold::default()
                };
                drop(self.runtime().place_hold(told));
            }
            Step::Release(hold) => drop(self.runtime().release_hold(&format!("h{hold}"), by("court"))),
            Step::Rule(years) => self.house.bind("retention", &years.to_string()),
            Step::Days(days) => {
                self.day = self.day.checked_add(jiff::Span::new().days(*days)).unwrap();
                self.house.comes(&self.day.to_string());
            }
            Step::Sweep => drop(self.house.try_sweep(&self.day.to_string()).unwrap()),
            Step::Approve(person, nth) => {
                if let Some(id) = self.nth(*nth) {
                    drop(self.runtime().approve(&[id], &Approver { who: by(PEOPLE[*person]), key: None }));
                }
            }
            Step::Reject(nth) => {
                if let Some(id) = self.nth(*nth) {
                    let who = Who { reason: Some("no".to_owned()), ..by("anna") };
                    drop(self.runtime().reject(&[id], &Approver { who, key: None }));
                }
            }
            Step::Execute(fails) => {
                let flaky = Flaky(*fails);
                let told = ExecuteTold {
                    all_approved: true,
                    who: by("ops"),
                    contents: Some(&flaky),
                    ..ExecuteTold::default()
                };
                self.runtime().execute(&told, &mut |_, _| {}).unwrap();
            }
            Step::Acknowledge(nth) => {
                if let Some(id) = self.nth(*nth) {
                    drop(self.runtime().acknowledge(id, "gone", None, by("owner")));
                }
            }
        }
    }
}

/// What the log's entries amount to, read one after the other with nothing of the views.
#[derive(Default)]
struct Reading {
    /// Active holds, with their records.
    holds: BTreeMap<String, BTreeSet<String>>,
    proposals: BTreeMap<Position, Course>,
    destroyed: BTreeSet<String>,
}

#[derive(Default)]
struct Course {
    record: String,
    approved_by: BTreeSet<String>,
    ended: bool,
    executing: bool,
    executed: bool,
}

fn parsed<T: for<'de> serde::Deserialize<'de>>(kind: Kind, payload: &[u8]) -> T {
    let (envelope, text) = fonds_model::Envelope::split(payload).unwrap();
    body::parse(kind, envelope.format, text).unwrap()
}

impl Reading {
    fn of(runtime: &Runtime) -> Result<Self, TestCaseError> {
        let mut reading = Self::default();
        for seq in 0..runtime.log_size() {
            let entry = runtime.entry(seq).unwrap();
            for (position, content) in entry.contents() {
                reading.read(runtime, entry.kind, position, &content.payload)?;
            }
        }
        Ok(reading)
    }

    fn read(&mut self, runtime: &Runtime, kind: Kind, at: Position, payload: &[u8]) -> Result<(), TestCaseError> {
        match kind {
            Kind::HoldPlaced => {
                let said: Value = parsed(kind, payload);
                let records = said["records"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned());
                self.holds.insert(said["name"].as_str().unwrap().to_owned(), records.collect());
            }
            Kind::HoldReleased => _ = self.holds.remove(&parsed::<body::HoldReleased>(kind, payload).name),
            Kind::DispositionProposed => {
                let said: body::DispositionProposed = parsed(kind, payload);
                prop_assert!(!said.rests_on.is_empty(), "{at} rests on no decision");
                for decision in said.rests_on {
                    let before = decision < at && runtime.entry(decision.seq).unwrap().kind == Kind::PolicyDecided;
                    prop_assert!(before, "{at} rests on {decision}, which is no decision before it");
                }
                let record = said.records[0].to_string();
                self.proposals.insert(at, Course { record, ..Course::default() });
            }
            Kind::DispositionApproved => {
                let said: body::DispositionAnswered = parsed(kind, payload);
                for id in said.dispositions {
                    self.proposals.get_mut(&id).unwrap().approved_by.insert(said.who.by.clone().unwrap());
                }
            }
            Kind::DispositionRejected => {
                for id in parsed::<body::DispositionAnswered>(kind, payload).dispositions {
                    self.proposals.get_mut(&id).unwrap().ended = true;
                }
            }
            Kind::DispositionLapsed => {
                let said: body::DispositionLapsed = parsed(kind, payload);
                self.proposals.get_mut(&said.disposition).unwrap().ended |= !said.too_late;
            }
            Kind::DispositionExecuting => {
                let said: body::DispositionExecuting = parsed(kind, payload);
                let course = self.proposals.get_mut(&said.disposition).unwrap();
                prop_assert!(!course.ended && !course.executing, "{at}: it had ended, or was begun before");
                prop_assert!(!course.approved_by.is_empty(), "{at}: nobody had approved it");
                let hold = self.holds.iter().find(|(_, records)| records.contains(&course.record));
                prop_assert!(hold.is_none(), "{at}: {} was on hold", course.record);
                course.executing = true;
            }
            Kind::DispositionExecuted => {
                let said: body::DispositionExecuted = parsed(kind, payload);
                let course = self.proposals.get_mut(&said.disposition).unwrap();
                prop_assert!(course.executing && !course.executed, "{at}: it was not begun, or is done twice");
                course.executed = true;
            }
            Kind::LogErased => {
                let said: body::LogErased = parsed(kind, payload);
                let done = said.proposals.iter().all(|id| self.proposals[id].executed);
                prop_assert!(done, "{at} erases before the proof that content is gone");
                prop_assert!(!said.approved_by.is_empty());
            }
            Kind::RecordDestroyed => {
                let said: body::Destroyed = parsed(kind, payload);
                let course = &self.proposals[&said.disposition];
                prop_assert!(course.executed && !course.ended, "{at}: destroyed before it was carried out");
                prop_assert!(self.destroyed.insert(course.record.clone()), "{at}: destroyed twice");
            }
            _ => {}
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_no_held_record_is_destroyed_and_every_destruction_has_its_approval_and_decision_before_it(
        steps in prop::collection::vec(step(), 20..80),
    ) {
        let mut life = Life::new();
        for step in &steps {
            life.take(step);
        }
        let reading = Reading::of(life.runtime())?;
        for record in &life.created {
            let id = format!("r/{record}");
            let shown = life.house.record(&id);
            prop_assert_eq!(shown["state"] == "destroyed", reading.destroyed.contains(&id), "{}", shown);
        }
    }

    #[test]
    fn releasing_a_hold_restores_exactly_the_disposition_that_would_have_been(
        steps in prop::collection::vec(step(), 10..50),
        held in prop::collection::vec((0_usize..50, 0_usize..RECORDS, 1_usize..10), 1..4),
    ) {
        // The same life twice, once with holds that come and go; nobody approves anything.
        let quiet = |step: &&Step| matches!(step, Step::Create(..) | Step::Close(_) | Step::Rule(_) | Step::Days(_) | Step::Sweep);
        let steps: Vec<&Step> = steps.iter().filter(quiet).collect();
        let (mut without, mut with) = (Life::new(), Life::new());
        for (at, step) in steps.iter().enumerate() {
            for (number, (begins, record, lasts)) in held.iter().enumerate() {
                let hold = 10 + number;
                if at == begins % steps.len() {
                    with.take(&Step::Hold(hold, *record));
                }
                if at == begins % steps.len() + lasts {
                    with.take(&Step::Release(hold));
                }
            }
            without.take(step);
            with.take(step);
        }
        for number in 0..held.len() {
            with.take(&Step::Release(10 + number));
        }
        for life in [&mut without, &mut with] {
            life.take(&Step::Sweep);
        }
        for record in &without.created {
            let id = format!("r/{record}");
            prop_assert_eq!(&with.house.record(&id)["effective"], &without.house.record(&id)["effective"], "{}", id);
        }
        let open = |life: &Life| -> BTreeSet<String> {
            life.dispositions(None).into_iter().map(|found| format!("{:?} {} {}", found.record, found.action, found.state)).collect()
        };
        prop_assert_eq!(open(&with), open(&without));
    }
}
