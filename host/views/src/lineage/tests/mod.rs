#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may fail loudly"
)]

mod answers;
mod model;
mod plain;

use super::code::NodeId;
use super::fold::{When, fold_derived, fold_lineage};
use super::names::Folding;
use super::{Answer, Direction, Node, Question, annul, ask};
use crate::Pending;
use crate::rows::MemoryRows;
use fonds_model::openlineage::{Activity, ColumnEdge, Dataset, Lineage, Owner, RunState};
use fonds_model::{EntityId, Kind, Position, Timestamp};

fn id(text: &str) -> EntityId {
    EntityId::new(text).unwrap()
}

fn dataset(name: &str) -> Dataset {
    Dataset {
        id: id(name),
        namespace: String::new(),
        name: name.to_owned(),
        version: None,
        aliases: Vec::new(),
        owners: Vec::new(),
        tags: Vec::new(),
        change: None,
    }
}

/// An event of a run or, without a state, of a job.
fn event(activity: &str, state: Option<RunState>, time: i64, inputs: &[&str], outputs: &[&str]) -> Lineage {
    let (prefix, job_name) = if state.is_some() { ("run:", "j") } else { ("job:ns/", activity) };
    Lineage {
        time: Timestamp(time),
        activity: Some(Activity {
            id: format!("{prefix}{activity}"),
            state,
            job_namespace: "ns".to_owned(),
            job_name: job_name.to_owned(),
            parent: None,
            owners: Vec::new(),
        }),
        inputs: inputs.iter().map(|name| dataset(name)).collect(),
        outputs: outputs.iter().map(|name| dataset(name)).collect(),
        derived: Vec::new(),
        informed: Vec::new(),
        used: Vec::new(),
        generated: Vec::new(),
        columns: Vec::new(),
    }
}

/// What a log of one item an entry says.
#[derive(Debug, Clone)]
enum Said {
    Event(Box<Lineage>),
    Derived(String, String, i64),
    Annulled(u64),
}

fn fold_one(pending: &mut Pending<'_>, seq: u64, said: &Said) {
    let folding = &mut Folding::new(pending, Position { seq, item: 0 });
    match said {
        Said::Event(lineage) => fold_lineage(folding, lineage).unwrap(),
        Said::Derived(made, from, time) => {
            let when = When::exactly(Timestamp(*time));
            fold_derived(folding, Kind::RecordModified, &id(made), &[id(from)], when).unwrap();
        }
        Said::Annulled(target) => annul::fold(folding, Position { seq: *target, item: 0 }).unwrap(),
    }
}

fn fold_into(base: &mut MemoryRows, log: &[Said]) {
    let mut pending = Pending::over(base);
    for (said, seq) in log.iter().zip(0..) {
        fold_one(&mut pending, seq, said);
    }
    let written = pending.into_written();
    base.apply(written);
}

fn folded(log: &[Said]) -> MemoryRows {
    let mut base = MemoryRows::default();
    fold_into(&mut base, log);
    base
}

fn run(activity: &str, state: RunState, time: i64, inputs: &[&str], outputs: &[&str]) -> Said {
    Said::Event(Box::new(event(activity, Some(state), time, inputs, outputs)))
}

fn up(entity: &str) -> Question {
    Question::new(id(entity), Direction::Up)
}

fn down(entity: &str) -> Question {
    Question::new(id(entity), Direction::Down)
}

fn answer(rows: &MemoryRows, question: &Question) -> Answer {
    ask(rows, question).unwrap().unwrap()
}

/// The entities of an answer with their depth, in its order.
fn entities(answer: &Answer) -> Vec<(&str, u32)> {
    let named = answer.nodes.iter().filter_map(|node| match node {
        Node::Entity(node) => Some((node.id.as_str(), node.depth)),
        _ => None,
    });
    named.collect()
}
