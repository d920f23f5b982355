use super::*;
use crate::evaluator::Manifest;
use crate::facts::{Facts, facts_bytes};
use crate::request::{CASES_MAX, Mark, Occurrence, State};
use fonds_model::body::Needs;
use fonds_model::decision::{Awaited, Retention, Term};
use fonds_model::{Action, Clause, Cutoff, Digest, Label, MonthDay, PartialDate, Rule, Trigger};
use proptest::prelude::*;
use std::sync::Mutex;

/// A policy whose answer about a case is a function of its id and of what the test wants to go wrong.
struct Scripted {
    manifest: Manifest,
    asked: Mutex<Vec<Vec<String>>>,
    faulty: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// Answers by how often it was asked.
    moody: bool,
    aborts: bool,
}

fn scripted(faulty: impl Fn(&str) -> bool + Send + Sync + 'static) -> Scripted {
    let manifest = Manifest {
        name: "scripted".into(),
        version: "1".into(),
        summary: String::new(),
        reasons: vec![],
        world: World::Retention,
        interface: "0.1".into(),
    };
    Scripted { manifest, asked: Mutex::default(), faulty: Box::new(faulty), moody: false, aborts: false }
}

fn answer(id: &str, action: Action) -> Verdict {
    let term = Term::Waiting(Awaited::Trigger(Trigger::Event(id.to_owned())));
    Verdict::Retention(Retention { term, action, not_after: None, reasons: vec![] })
}

impl Plugin for Scripted {
    fn digest(&self) -> Digest {
        Digest::default()
    }
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }
    fn configure(&self, _: &str) -> Result<Result<Needs, String>, Fault> {
        Ok(Ok(Needs::default()))
    }
    fn evaluate(&self, request: &Request) -> Result<Answer, Failure> {
        let ids: Vec<String> = request.subjects.iter().map(|subject| subject.id.clone()).collect();
        let mut asked = self.asked.lock().unwrap();
        asked.push(ids.clone());
        if self.aborts {
            return Err(Failure::Aborted("the wall clock".into()));
        }
        if ids.iter().any(|id| (self.faulty)(id)) {
            return Err(fault(FaultKind::Trap, "trapped").into());
        }
        let action = if self.moody && asked.len() > 1 { Action::Keep } else { Action::Review };
        Ok(Answer { verdicts: ids.iter().map(|id| answer(id, action)).collect(), fuel: 100 })
    }
}

fn subject(number: usize) -> Subject {
    Subject {
        id: format!("permit/{number:03}"),
        kind: Some("case-file".into()),
        state: State::Closed,
        agency: Some((number % 3) as u32),
        series: Some("tx/001/A".into()),
        rule: if number % 4 == 3 { Err(Unruled::NoRule) } else { Ok((number % 2) as u32) },
        started: vec![
            Occurrence { trigger: Trigger::Closed, on: PartialDate::parse("2010-10-18").ok(), exact: true, seq: 12 },
            Occurrence {
                trigger: Trigger::Event("paid \"all\"".into()),
                on: PartialDate::parse("2010-10").ok(),
                exact: false,
                seq: 9,
            },
        ],
        marks: vec![Mark::Corrected],
        label: Some(Label { level: "internal".into(), categories: vec!["tax".into()] }),
        barrier: false,
        retention: None,
        attributes: vec![],
        history: vec![],
        ancestors: vec![],
        ancestors_truncated: false,
    }
}

fn request(cases: usize) -> Request {
    let agency = |number: usize| Agency {
        id: format!("agency-{number}"),
        path: format!("nl/wabo/{number}\n"),
        fiscal_year_end: (number == 1).then_some(MonthDay { month: 8, day: 31 }),
    };
    let rule = |number: u32| {
        let clause = Clause { trigger: Trigger::Closed, cutoff: Cutoff::FiscalYear, years: number, months: 0, days: 0 };
        let rule = Rule {
            permanent: false,
            clauses: vec![clause],
            action: Action::Destroy,
            authority: "tx 1".into(),
            citations: vec![],
        };
        Arc::new(RuleInForce { series: format!("tx/001/{number}"), title: "Permits".into(), rule })
    };
    Request {
        as_of: PartialDate::parse("2026-11-21").unwrap(),
        config: "{}".into(),
        levels: ["public".to_owned(), "internal".to_owned()].into(),
        agencies: (0..3).map(agency).collect(),
        rules: (0..2).map(rule).collect(),
        subjects: (0..cases).map(subject).collect(),
    }
}

fn verdicts(calls: &[Call], cases: usize) -> Vec<Verdict> {
    let ranges: Vec<usize> = calls.iter().flat_map(|call| call.subjects.clone()).collect();
    assert_eq!(ranges, (0..cases).collect::<Vec<_>>(), "the calls cover every case once, in order");
    assert!(calls.iter().all(|call| call.subjects.len() == call.verdicts.len()));
    calls.iter().flat_map(|call| call.verdicts.clone()).collect()
}

fn kind(verdict: &Verdict) -> Option<FaultKind> {
    if let Verdict::Fault(fault) = verdict { Some(fault.kind) } else { None }
}

#[test]
fn a_batch_without_faults_is_one_call_and_one_case_is_asked_again() {
    let plugin = scripted(|_| false);
    let calls = decide(&plugin, &mut Sweep::new(), &request(255)).unwrap();
    assert_eq!((calls.len(), calls[0].fuel), (1, 100));
    assert!(verdicts(&calls, 255).iter().all(|verdict| kind(verdict).is_none()));
    let asked: Vec<usize> = plugin.asked.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(asked, [255, 1]);
}

#[test]
fn one_case_that_faults_costs_no_other_its_decision() {
    for bad in [0, 1, 100, 253, 254] {
        let plugin = scripted(move |id| id == format!("permit/{bad:03}"));
        let mut sweep = Sweep::new();
        let calls = decide(&plugin, &mut sweep, &request(255)).unwrap();
        for (at, verdict) in verdicts(&calls, 255).iter().enumerate() {
            assert_eq!(kind(verdict), (at == bad).then_some(FaultKind::Trap), "case {at}");
            assert!(at == bad || *verdict == answer(&format!("permit/{at:03}"), Action::Review));
        }
        assert_eq!((sweep.lone_faults(), sweep.suspended()), (1, None));
    }
}

#[test]
fn after_sixteen_lone_faults_the_plugin_is_asked_no_more_and_the_rest_retain() {
    let plugin = scripted(|id| id.ends_with('5'));
    let mut sweep = Sweep::new();
    let calls = decide(&plugin, &mut sweep, &request(255)).unwrap();
    let all = verdicts(&calls, 255);
    let faults = |kind_of| all.iter().filter(|verdict| kind(verdict) == Some(kind_of)).count();
    assert_eq!((faults(FaultKind::Trap), faults(FaultKind::Suspended)), (16, 255 - 156), "the sixteenth is case 155");
    let before = plugin.asked.lock().unwrap().len();
    let next = decide(&plugin, &mut sweep, &request(3)).unwrap();
    assert!(verdicts(&next, 3).iter().all(|verdict| kind(verdict) == Some(FaultKind::Suspended)));
    assert_eq!(plugin.asked.lock().unwrap().len(), before, "a suspended plugin is not called");
}

#[test]
fn another_answer_the_second_time_makes_the_whole_batch_faults_and_suspends() {
    let mut plugin = scripted(|_| false);
    plugin.moody = true;
    let mut sweep = Sweep::new();
    let calls = decide(&plugin, &mut sweep, &request(40)).unwrap();
    assert!(verdicts(&calls, 40).iter().all(|verdict| kind(verdict) == Some(FaultKind::Nondeterministic)));
    assert_eq!(sweep.suspended().map(|fault| fault.kind), Some(FaultKind::Suspended));
    assert!(!format!("{calls:?}").contains("permit/"), "no case is named beside the others");
}

#[test]
fn what_the_host_could_not_do_is_no_decision() {
    let mut plugin = scripted(|_| false);
    plugin.aborts = true;
    assert!(decide(&plugin, &mut Sweep::new(), &request(3)).is_err());
}

#[test]
fn an_empty_request_asks_nothing() {
    let plugin = scripted(|_| true);
    assert_eq!(decide(&plugin, &mut Sweep::new(), &request(0)), Ok(vec![]));
    assert!(plugin.asked.lock().unwrap().is_empty());
}

#[test]
fn more_cases_than_a_batch_holds_are_asked_in_several() {
    let plugin = scripted(|_| false);
    let calls = decide(&plugin, &mut Sweep::new(), &request(600)).unwrap();
    assert_eq!(verdicts(&calls, 600).len(), 600);
    assert!(plugin.asked.lock().unwrap().iter().all(|asked| asked.len() <= CASES_MAX));
}

#[test]
fn a_label_that_rests_on_half_of_the_ancestors_is_a_fault_of_that_case_alone() {
    let mut plugin = scripted(|_| false);
    let mut request = request(4);
    request.subjects[2].ancestors_truncated = true;
    let all = verdicts(&decide(&plugin, &mut Sweep::new(), &request).unwrap(), 4);
    assert!(all.iter().all(|verdict| kind(verdict).is_none()), "retention does not rest on ancestors");
    plugin.manifest.world = World::Classification;
    let all = verdicts(&decide(&plugin, &mut Sweep::new(), &request).unwrap(), 4);
    let kinds: Vec<_> = all.iter().map(kind).collect();
    assert_eq!(kinds, [None, None, Some(FaultKind::AncestorsTruncated), None]);
}

proptest! {
    #[test]
    fn the_faulting_cases_and_only_those_are_faults(cases in 1_usize..300, bad in prop::collection::btree_set(0_usize..300, 0..15)) {
        let faulty = bad.clone();
        let plugin = scripted(move |id| faulty.contains(&id[7..].parse().unwrap()));
        let calls = decide(&plugin, &mut Sweep::new(), &request(cases)).unwrap();
        for (at, verdict) in verdicts(&calls, cases).iter().enumerate() {
            prop_assert_eq!(kind(verdict).is_some(), bad.contains(&at));
        }
    }

    #[test]
    fn a_case_has_the_same_facts_in_every_packing(cases in 1_usize..20, start in 0_usize..20, len in 1_usize..20) {
        let whole = request(cases);
        let range = start.min(cases)..(start + len).min(cases);
        let part = sub_request(&whole, range.clone());
        prop_assert_eq!(part.subjects.len(), range.len());
        for (at, index) in range.enumerate() {
            prop_assert_eq!(facts_bytes(&part, at), facts_bytes(&whole, index));
        }
        prop_assert!(part.agencies.len() <= whole.agencies.len() && part.rules.len() <= whole.rules.len());
    }
}

/// The facts as serde would write them, with the indices put in their place.
fn plainly(request: &Request, index: usize) -> String {
    let subject = &request.subjects[index];
    let tail = serde_json::to_string(subject).unwrap();
    let agency = serde_json::to_string(&subject.agency.map(|index| &request.agencies[index as usize])).unwrap();
    let rule = match subject.rule {
        Ok(index) => format!("{{\"ok\":{}}}", serde_json::to_string(&request.rules[index as usize]).unwrap()),
        Err(unruled) => format!("{{\"err\":{}}}", serde_json::to_string(&unruled).unwrap()),
    };
    let index_of = |field: &str| serde_json::to_string(&field).unwrap();
    let tail = tail
        .replacen(&format!("{}:{}", index_of("agency"), subject.agency.unwrap()), &format!("\"agency\":{agency}"), 1)
        .replacen(
            &format!("\"rule\":{}", serde_json::to_string(&subject.rule).unwrap()),
            &format!("\"rule\":{rule}"),
            1,
        );
    let tail = tail.replace(",\"categories\":[]", "");
    let levels = serde_json::to_string(&*request.levels).unwrap();
    format!("{{\"as_of\":\"{}\",\"levels\":{levels},{}", request.as_of, &tail[1..])
}

#[test]
fn facts_are_the_json_that_anyone_would_write_in_the_order_of_the_interface() {
    let request = request(8);
    let facts = Facts::new(&request);
    for index in 0..8 {
        assert_eq!(String::from_utf8(facts.bytes(index).unwrap()).unwrap(), plainly(&request, index));
    }
    assert_eq!(facts.bytes(8), None);
}

#[test]
fn every_fact_changes_the_digest() {
    let digest = |change: &dyn Fn(&mut Request)| {
        let mut request = request(4);
        change(&mut request);
        Facts::new(&request).digest(1)
    };
    let same = digest(&|_| {});
    assert_eq!(digest(&|request| request.config = "other".into()), same, "the context has the configuration's digest");
    let changes: [&dyn Fn(&mut Request); 6] = [
        &|request| request.as_of = PartialDate::parse("2026-11-22").unwrap(),
        &|request| request.levels = ["public".to_owned()].into(),
        &|request| request.agencies[1].path.push('x'),
        &|request| Arc::make_mut(&mut request.rules[1]).title.push('x'),
        &|request| request.subjects[1].started[0].exact = false,
        &|request| request.subjects[1].barrier = true,
    ];
    for change in changes {
        assert_ne!(digest(change), same);
    }
}
