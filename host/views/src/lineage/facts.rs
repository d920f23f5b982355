//! What the events of an activity come to, as a question sees them.

use super::annul::Seen;
use super::code::{Fact, NodeId, Reader};
use super::fold::{Said, activity};
use super::list::{self, List};
use super::names::NAME;
use crate::ViewError;
use fonds_model::{Position, Timestamp};
use rustc_hash::FxHashMap;

/// A read or a write, with the fact that it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touch {
    pub(crate) entity: NodeId,
    /// When; `None` for what a job reads, which holds for whenever it writes.
    pub(crate) time: Option<i64>,
    pub(crate) fact: Fact,
}

/// An activity that informed this one, or that this one informed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) activity: NodeId,
    pub(crate) fact: Fact,
}

/// An activity as a question sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Activity {
    pub(crate) name: String,
    pub(crate) job: Option<NodeId>,
    pub(crate) parent: Option<NodeId>,
    pub(crate) owners: Vec<(String, String, Fact)>,
    pub(crate) state: Option<Said>,
    pub(crate) started: Option<Timestamp>,
    /// The first COMPLETE.
    pub(crate) completed: Option<Fact>,
    /// Sorted by entity, one each.
    pub(crate) reads: Vec<Touch>,
    /// Sorted by entity, then time.
    pub(crate) writes: Vec<Touch>,
    pub(crate) informed_by: Vec<Told>,
    pub(crate) informs: Vec<Told>,
}

struct Event {
    said: Said,
    fact: Fact,
    reads: Vec<NodeId>,
    writes: Vec<NodeId>,
}

fn read_event(entry: &mut Reader<'_>) -> Result<Event, ViewError> {
    let said = usize::try_from(entry.number()?).ok().and_then(|said| Said::ALL.get(said)).copied();
    let said = said.ok_or(ViewError::Damaged("lineage event"))?;
    let fact = entry.fact()?;
    let mut nodes = || -> Result<Vec<NodeId>, ViewError> { (0..entry.number()?).map(|_| entry.node()).collect() };
    Ok(Event { said, fact, reads: nodes()?, writes: nodes()? })
}

/// An activity that is being put together from the entries of its list.
#[derive(Default)]
pub(crate) struct Draft {
    activity: Activity,
    events: Vec<Event>,
}

impl Draft {
    /// Takes an entry of the activity's list.
    pub(crate) fn take(&mut self, seen: &mut Seen<'_>, mut entry: Reader<'_>) -> Result<(), ViewError> {
        match entry.tag()? {
            NAME => entry.text()?.clone_into(&mut self.activity.name),
            activity::EVENT => {
                let event = read_event(&mut entry)?;
                if seen.stands(event.fact)? {
                    self.events.push(event);
                }
            }
            activity::JOB => self.activity.job = Some(entry.node()?),
            activity::PARENT => {
                let parent = entry.node()?;
                if seen.stands(entry.fact()?)? {
                    self.activity.parent = Some(parent);
                }
            }
            activity::OWNER => {
                let (name, kind) = (entry.text()?.to_owned(), entry.text()?.to_owned());
                let fact = entry.fact()?;
                if seen.tells(fact)? {
                    self.activity.owners.push((name, kind, fact));
                }
            }
            tag @ (activity::INFORMED_BY | activity::INFORMS) => {
                let told = Told { activity: entry.node()?, fact: entry.fact()? };
                if seen.stands(told.fact)? {
                    let informed = tag == activity::INFORMED_BY;
                    if informed { &mut self.activity.informed_by } else { &mut self.activity.informs }.push(told);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The activity, once all entries are taken.
    pub(crate) fn finish(self) -> Activity {
        let Draft { mut activity, mut events } = self;
        events.sort_by_key(|event| (event.fact.time, event.fact.position));
        let complete = events.iter().find(|event| event.said == Said::Complete).map(|event| event.fact);
        let last = events.iter().rfind(|event| event.said != Said::Other).or(events.last());
        activity.completed = complete;
        activity.state = complete.map(|_| Said::Complete).or(last.map(|event| event.said));
        activity.started = events.first().map(|event| event.fact.time);
        let mut reads: FxHashMap<NodeId, Touch> = FxHashMap::default();
        for event in &events {
            let wrote = match event.said {
                Said::Declared | Said::Complete => Some(event.fact),
                Said::Start | Said::Running | Said::Other => {
                    complete.map(|complete| later(complete, event.fact.position))
                }
                Said::Fail | Said::Abort => None,
            };
            if let Some(fact) = wrote {
                let touch = |entity: &NodeId| Touch { entity: *entity, time: Some(fact.time.0), fact };
                activity.writes.extend(event.writes.iter().map(touch));
            }
            let time = (event.said != Said::Declared).then_some(event.fact.time.0);
            for entity in &event.reads {
                let read = reads.entry(*entity).or_insert(Touch { entity: *entity, time, fact: event.fact });
                read.time = read.time.and(time.and(read.time));
            }
        }
        activity.reads = reads.into_values().collect();
        activity.reads.sort_unstable_by_key(|read| read.entity);
        activity.writes.sort_by_key(|write| (write.entity, write.time, write.fact.position));
        activity.writes.dedup_by_key(|write| (write.entity, write.time));
        for told in [&mut activity.informed_by, &mut activity.informs] {
            told.sort_by_key(|told| (told.activity, told.fact.time, told.fact.position));
        }
        activity
    }
}

/// When a run is complete that named an output before: the log knows it once it knows both.
fn later(complete: Fact, named: Position) -> Fact {
    Fact { position: complete.position.max(named), time: complete.time }
}

/// Reads an activity.
pub(crate) fn activity(seen: &mut Seen<'_>, node: NodeId) -> Result<Activity, ViewError> {
    let mut draft = Draft::default();
    let rows = seen.rows;
    list::each(rows, List::Activity, node, |entry| draft.take(seen, entry).map(|()| true))?;
    Ok(draft.finish())
}

impl Activity {
    /// Reads or writes of one entity.
    pub(crate) fn of(touches: &[Touch], entity: NodeId) -> impl Iterator<Item = &Touch> {
        let start = touches.partition_point(|touch| touch.entity < entity);
        touches.iter().skip(start).take_while(move |touch| touch.entity == entity)
    }

    /// Whether it read something at this time before all that it wrote, as a run does.
    pub(crate) fn reads_first(&self, time: i64) -> bool {
        self.writes.iter().all(|write| write.time.is_some_and(|wrote| wrote >= time))
    }
}
