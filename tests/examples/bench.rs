//! What the program cannot time from outside: closures in a warm process, the engine alone, a plugin from the cache.
//!
//! `bench graph STORE GRAPH [REPEATS]` loads a closed store's lineage into memory and walks it from the sample and the hub
//! of a generated graph; `bench engine COMPONENT [CASES]` asks the retention policy about made-up records. Run by
//! `tests/bench.sh`; figures are `min / median / max` of the repeats.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may fail loudly, and prints"
)]

use fonds_model::decision::{Term, Verdict};
use fonds_model::{Action, Clause, Cutoff, EntityId, PartialDate, Rule, Trigger};
use fonds_policy::request::{CASES_MAX, RuleInForce};
use fonds_policy::{Agency, Evaluator, Occurrence, Request, State, Subject};
use fonds_store::{STORE, Store};
use fonds_views::lineage::{Direction, Graph, NodeId, Scratch};
use fonds_wasm::{Engine, EngineOptions, Limits};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The program's own, so that what is measured here is what it does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: Option<&&str>, otherwise| text.map_or(otherwise, |text| text.parse().expect("a number"));
    match words.as_slice() {
        ["graph", store, graph, rest @ ..] => {
            graph_closures(Path::new(store), Path::new(graph), number(rest.first(), 5))
        }
        ["engine", component, rest @ ..] => engine(Path::new(component), number(rest.first(), 100_000)),
        _ => panic!("bench graph STORE GRAPH [REPEATS] | bench engine COMPONENT [CASES]"),
    }
}

fn report(what: &str, unit: &str, mut figures: Vec<f64>) {
    figures.sort_by(f64::total_cmp);
    let (min, median, max) = (figures[0], figures[figures.len() / 2], figures[figures.len() - 1]);
    println!("{what}: {min:.4} / {median:.4} / {max:.4} {unit}");
}

fn graph_closures(store: &Path, graph: &Path, repeats: usize) {
    let began = Instant::now();
    let store = Store::open(store.join(STORE)).expect("the store opens");
    println!("store opened in {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    let began = Instant::now();
    let loaded = Graph::load(&store).expect("the graph loads");
    println!(
        "graph of {} nodes and {} edges loaded in {:.0} ms",
        loaded.nodes(),
        loaded.edges(),
        began.elapsed().as_secs_f64() * 1e3
    );
    let names: Vec<EntityId> = std::fs::read_to_string(graph.join("datasets.csv"))
        .expect("datasets.csv")
        .lines()
        .map(|line| {
            let mut fields = line.splitn(3, ',').skip(1);
            EntityId::of_dataset(fields.next().unwrap(), fields.next().unwrap()).unwrap()
        })
        .collect();
    let ids = |file: &str| -> Vec<NodeId> {
        let text = std::fs::read_to_string(graph.join(file)).expect("a list of ids");
        let known =
            text.lines().filter_map(|line| loaded.find(&store, &names[line.parse::<usize>().unwrap()]).unwrap());
        known.collect()
    };
    let (sample, hub) = (ids("sample.txt"), ids("hub.txt"));
    let mut scratch = Scratch::default();
    for (name, of, direction) in [
        ("hub down", &hub, Direction::Down),
        ("sample up", &sample, Direction::Up),
        ("sample down", &sample, Direction::Down),
    ] {
        for (order, ever) in [("ever", true), ("in time", false)] {
            let mut figures = Vec::new();
            let mut found = 0;
            for _ in 0..repeats {
                found = 0;
                let began = Instant::now();
                for start in of {
                    let closure =
                        loaded.closure(&mut scratch, *start, direction, u32::MAX, usize::MAX, ever).expect("a closure");
                    found += closure.entities.len().saturating_sub(1);
                }
                figures.push(began.elapsed().as_secs_f64() * 1e3 / of.len().max(1) as f64);
            }
            report(&format!("{name}, {order} ({} queries, {found} nodes)", of.len()), "ms a query", figures);
        }
    }
}

fn requests(cases: usize) -> Vec<Request> {
    let date = |text: &str| PartialDate::parse(text).unwrap();
    let rule = |number: usize| {
        let cutoff = [Cutoff::None, Cutoff::CalendarYear, Cutoff::FiscalYear][number % 3];
        let clauses =
            vec![Clause { trigger: Trigger::Closed, cutoff, years: 1 + number as u32 % 10, months: 0, days: 0 }];
        let authority = format!("schedule xx version 1, item 1/{number}");
        let rule = Rule { permanent: false, clauses, action: Action::Destroy, authority, citations: Vec::new() };
        Arc::new(RuleInForce { series: format!("xx/1/{number}"), title: "Cases of a kind".into(), rule })
    };
    let rules: Vec<_> = (0..8).map(rule).collect();
    let agency =
        Agency { id: "a/b".into(), path: "a/b".into(), fiscal_year_end: fonds_model::MonthDay::parse("08-31").ok() };
    let subject = |number: usize| {
        let occurrence =
            |trigger, on: &str| Occurrence { trigger, on: Some(date(on)), exact: true, seq: number as u64 };
        let closed = format!("20{:02}-{:02}-{:02}", number % 20, 1 + number % 12, 1 + number % 28);
        Subject {
            id: format!("permit/case-{number}"),
            kind: Some("case-file".into()),
            state: State::Closed,
            agency: Some(0),
            series: Some(format!("xx/1/{}", number % 8)),
            rule: Ok(number as u32 % 8),
            started: vec![occurrence(Trigger::Creation, "2000-01-01"), occurrence(Trigger::Closed, &closed)],
            marks: Vec::new(),
            label: None,
            barrier: false,
            retention: None,
            attributes: Vec::new(),
            history: Vec::new(),
            ancestors: Vec::new(),
            ancestors_truncated: false,
        }
    };
    let numbers: Vec<usize> = (0..cases).collect();
    let request = |batch: &[usize]| Request {
        as_of: date("2026-01-01"),
        config: Arc::from(""),
        levels: Arc::from(fonds_model::Levels::default().0),
        agencies: vec![agency.clone()],
        rules: rules.clone(),
        subjects: batch.iter().map(|number| subject(*number)).collect(),
    };
    numbers.chunks(CASES_MAX).map(request).collect()
}

fn engine(component: &Path, cases: usize) {
    let component = std::fs::read(component).expect("a component");
    let cache = tempfile::tempdir().expect("a folder");
    let options =
        || EngineOptions { cache_dir: Some(cache.path().to_owned()), cache_key: [7; 32], limits: Limits::default() };
    let began = Instant::now();
    Engine::new(options()).unwrap().load(&component).expect("it loads");
    println!("plugin compiled and loaded in {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    let mut figures = Vec::new();
    for _ in 0..5 {
        let engine = Engine::new(options()).unwrap();
        let began = Instant::now();
        engine.load(&component).expect("it loads");
        figures.push(began.elapsed().as_secs_f64() * 1e3);
    }
    report("plugin loaded from the cache", "ms", figures);

    let engine = Engine::new(options()).unwrap();
    let plugin = engine.load(&component).expect("it loads");
    let (mut figures, mut on_cpu, mut fuel) = (Vec::new(), Vec::new(), 0);
    for _ in 0..5 {
        let batches = requests(cases);
        let mut decided = 0;
        fuel = 0;
        let (began, cpu) = (Instant::now(), nanoseconds_on_cpu());
        for batch in &batches {
            let answer = plugin.evaluate(batch).expect("an answer");
            let until =
                |verdict: &&Verdict| matches!(verdict, Verdict::Retention(said) if matches!(said.term, Term::Until(_)));
            decided += answer.verdicts.iter().filter(until).count();
            fuel += answer.fuel;
        }
        assert_eq!(decided, cases, "every case has a date");
        figures.push(began.elapsed().as_secs_f64() * 1e6 / cases as f64);
        on_cpu.push((nanoseconds_on_cpu() - cpu) / 1e3 / cases as f64);
    }
    report("engine alone: request lowered, batch called, answer checked", "us a decision", figures);
    report("the same, in time on a core, whatever else runs", "us a decision", on_cpu);
    println!("{} fuel a decision", fuel / cases as u64);
}

/// How long this thread has been on a core, as Linux accounts for it.
fn nanoseconds_on_cpu() -> f64 {
    let accounted = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    accounted.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}
