//! The rows as ground for a walk: what the walk comes by is read, once, and nothing else.

use super::annul::Seen;
use super::code::{Fact, NodeId, Reader};
use super::facts::{self, Activity};
use super::fold::edge;
use super::list::{self, List};
use super::walk::{Ground, Pass, Step};
use crate::ViewError;
use fonds_model::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// A step with the fact that it rests on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowStep {
    pub(crate) step: Step,
    pub(crate) fact: Fact,
}

impl From<RowStep> for Step {
    fn from(step: RowStep) -> Step {
        step.step
    }
}

/// What a node of a walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Entity(NodeId),
    Activity(NodeId),
    /// That one entity was derived from another, by the entry's place in a list.
    Derivation(NodeId, NodeId, u64, u16, i64),
}

/// A derivation, as an entry of an entity's list has it.
pub(crate) struct Derived {
    pub(crate) other: NodeId,
    pub(crate) fact: Fact,
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
}

/// Reads a derivation; `None` when it does not stand, or is by a run that is not complete.
pub(crate) fn derived(
    seen: &mut Seen<'_>,
    entry: &mut Reader<'_>,
    mut completed: impl FnMut(&mut Seen<'_>, NodeId) -> Result<Option<Fact>, ViewError>,
) -> Result<Option<Derived>, ViewError> {
    let (other, mut fact) = (entry.node()?, entry.fact()?);
    let (mut earliest, mut latest) = (entry.signed()?, entry.signed()?);
    if !seen.stands(fact)? {
        return Ok(None);
    }
    if !entry.is_empty() {
        let Some(complete) = completed(seen, entry.node()?)? else { return Ok(None) };
        // Read when it was named, written when the run was done.
        earliest = complete.time.0;
        latest = latest.min(earliest);
        fact = Fact { position: fact.position.max(complete.position), time: complete.time };
    }
    Ok(Some(Derived { other, fact, earliest, latest }))
}

/// The steps from an entity to an activity that wrote it.
pub(crate) fn writes<'a>(activity: &'a Activity, entity: NodeId) -> impl Iterator<Item = (Pass, i64, Fact)> + 'a {
    Activity::of(&activity.writes, entity).filter_map(|write| write.time.map(|time| (Pass::Write, time, write.fact)))
}

/// The steps from an entity to an activity that read it.
pub(crate) fn reads<'a>(activity: &'a Activity, entity: NodeId) -> impl Iterator<Item = (Pass, i64, Fact)> + 'a {
    Activity::of(&activity.reads, entity).map(|read| match read.time {
        None => (Pass::Free, 0, read.fact),
        // A run that reads before it writes passes the same writes with its own time as with any bound before it.
        Some(time) if activity.reads_first(time) => (Pass::Write, time, read.fact),
        Some(time) => (Pass::Read, time, read.fact),
    })
}

pub(crate) fn in_order<S: Copy + Into<Step>>(steps: &mut [S]) {
    steps.sort_by_key(|step| {
        let step: Step = (*step).into();
        (step.pass, step.time, step.to)
    });
}

/// The rows, with what was read of them so far.
pub(crate) struct RowGround<'a> {
    pub(crate) seen: Seen<'a>,
    up: bool,
    nodes: Vec<Node>,
    index: FxHashMap<Node, u32>,
    steps: Vec<Option<Vec<RowStep>>>,
    activities: FxHashMap<NodeId, Rc<Activity>>,
    reads_left: usize,
    cut: bool,
}

impl<'a> RowGround<'a> {
    /// At most `reads_max` activities and entities are read.
    pub(crate) fn new(seen: Seen<'a>, up: bool, reads_max: usize) -> Self {
        Self {
            seen,
            up,
            nodes: Vec::new(),
            index: FxHashMap::default(),
            steps: Vec::new(),
            activities: FxHashMap::default(),
            reads_left: reads_max,
            cut: false,
        }
    }

    /// Turns to the other direction; activities that were read stay.
    pub(crate) fn turn(&mut self, up: bool, reads_max: usize) {
        self.up = up;
        (self.nodes, self.steps, self.cut, self.reads_left) = (Vec::new(), Vec::new(), false, reads_max);
        self.index = FxHashMap::default();
    }

    pub(crate) fn number(&mut self, node: Node) -> u32 {
        let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        *self.index.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            self.steps.push(None);
            next
        })
    }

    pub(crate) fn node(&self, number: u32) -> Option<Node> {
        self.nodes.get(number as usize).copied()
    }

    /// An activity, read once; `None` when too much was read already.
    pub(crate) fn activity(&mut self, node: NodeId) -> Result<Option<Rc<Activity>>, ViewError> {
        if let Some(activity) = self.activities.get(&node) {
            return Ok(Some(activity.clone()));
        }
        let Some(left) = self.reads_left.checked_sub(1) else {
            self.cut = true;
            return Ok(None);
        };
        self.reads_left = left;
        let activity = Rc::new(facts::activity(&mut self.seen, node)?);
        self.activities.insert(node, activity.clone());
        Ok(Some(activity))
    }

    fn entity_steps(&mut self, entity: NodeId) -> Result<Vec<RowStep>, ViewError> {
        let up = self.up;
        let list = if up { List::Up } else { List::Down };
        let mut entries: Vec<Vec<u8>> = Vec::new();
        let room = self.reads_left.saturating_mul(2).saturating_add(16);
        list::each(self.seen.rows, list, entity, |entry| {
            entries.push(entry.0.to_vec());
            Ok(entries.len() < room)
        })?;
        self.cut |= entries.len() >= room;
        let mut steps = Vec::with_capacity(entries.len());
        let mut taken = FxHashSet::default();
        for entry in &entries {
            let mut entry = Reader(entry);
            match entry.tag()? {
                edge::ACTIVITY => {
                    let node = entry.node()?;
                    if !self.seen.knows(node) || !taken.insert(node) {
                        continue;
                    }
                    let Some(activity) = self.activity(node)? else { break };
                    let to = self.number(Node::Activity(node));
                    let step = |(pass, time, fact)| RowStep { step: Step { to, pass, time }, fact };
                    if up {
                        steps.extend(writes(&activity, entity).map(step));
                    } else {
                        steps.extend(reads(&activity, entity).map(step));
                    }
                }
                edge::DERIVED => steps.extend(self.derivation(entity, entry)?),
                edge::ALIAS => {
                    let (other, fact) = (entry.node()?, entry.fact()?);
                    if self.seen.stands(fact)? {
                        let to = self.number(Node::Entity(other));
                        steps.push(RowStep { step: Step { to, pass: Pass::Free, time: 0 }, fact });
                    }
                }
                _ => {}
            }
        }
        in_order(&mut steps);
        Ok(steps)
    }

    /// The step into a derivation; the step out of it is made at once.
    fn derivation(&mut self, entity: NodeId, mut entry: Reader<'_>) -> Result<Option<RowStep>, ViewError> {
        let activities = &self.activities;
        let derived = derived(&mut self.seen, &mut entry, |seen, run| match activities.get(&run) {
            Some(activity) => Ok(activity.completed),
            None => Ok(facts::activity(seen, run)?.completed),
        })?;
        let Some(Derived { other, fact, earliest, latest }) = derived else { return Ok(None) };
        let (made, from) = if self.up { (entity, other) } else { (other, entity) };
        let Fact { position, time: Timestamp(time) } = fact;
        let number = self.number(Node::Derivation(made, from, position.seq, position.item, time));
        let to = self.number(Node::Entity(other));
        let (enter, leave) = if self.up {
            ((Pass::Gate, earliest), (Pass::Read, latest))
        } else {
            ((Pass::Read, latest), (Pass::Gate, earliest))
        };
        let step = |to, (pass, time)| RowStep { step: Step { to, pass, time }, fact };
        if let Some(steps) = self.steps.get_mut(number as usize) {
            *steps = Some(vec![step(to, leave)]);
        }
        Ok(Some(step(number, enter)))
    }

    fn activity_steps(&mut self, node: NodeId) -> Result<Vec<RowStep>, ViewError> {
        let Some(activity) = self.activity(node)? else { return Ok(Vec::new()) };
        let mut steps = Vec::new();
        let touches = if self.up { &activity.reads } else { &activity.writes };
        for touch in touches {
            let to = self.number(Node::Entity(touch.entity));
            let pass = match (self.up, touch.time) {
                (_, None) => Pass::Free,
                (true, Some(_)) => Pass::Read,
                (false, Some(_)) => Pass::Write,
            };
            steps.push(RowStep { step: Step { to, pass, time: touch.time.unwrap_or(0) }, fact: touch.fact });
        }
        for told in if self.up { &activity.informed_by } else { &activity.informs } {
            let to = self.number(Node::Activity(told.activity));
            steps.push(RowStep { step: Step { to, pass: Pass::Read, time: told.fact.time.0 }, fact: told.fact });
        }
        in_order(&mut steps);
        Ok(steps)
    }

    /// The steps from a node that were read, if they were.
    pub(crate) fn steps_read(&self, number: u32) -> &[RowStep] {
        self.steps.get(number as usize).and_then(Option::as_deref).unwrap_or_default()
    }
}

impl Ground for RowGround<'_> {
    type Step = RowStep;

    fn steps(&mut self, number: u32) -> Result<&[RowStep], ViewError> {
        let place = number as usize;
        if let Some(None) = self.steps.get(place) {
            let steps = match self.node(number) {
                Some(Node::Entity(entity)) => self.entity_steps(entity)?,
                Some(Node::Activity(activity)) => self.activity_steps(activity)?,
                _ => Vec::new(),
            };
            if let Some(slot) = self.steps.get_mut(place) {
                *slot = Some(steps);
            }
        }
        Ok(self.steps_read(number))
    }

    fn is_entity(&self, number: u32) -> bool {
        matches!(self.node(number), Some(Node::Entity(_)))
    }

    fn counts(&self, number: u32) -> bool {
        !matches!(self.node(number), Some(Node::Derivation(..)))
    }

    fn cut(&self) -> bool {
        self.cut
    }
}
