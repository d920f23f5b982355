//! The whole graph in memory, for a process that lives long.
//!
//! Nodes are dense integers, steps lie in one array each way, and moments are ranks, so that a step takes eight bytes.
//! It walks by the same code as a question that reads rows, as the log stood when it was loaded.

use super::annul::Seen;
use super::ask::name_of;
use super::code::{Fact, NodeId};
use super::facts::{self, Activity, Draft};
use super::fold::edge;
use super::ground;
use super::list::{self, List};
use super::names::{self, Space};
use super::walk::{self, Direction, Ground, Pass, Scratch, Step, Way};
use crate::{Rows, ViewError};
use fonds_model::EntityId;
use rustc_hash::FxHashMap;

/// How many nodes a graph can hold: a step keeps its kind in the two bits above.
const NODES_MAX: usize = 1 << 30;

/// A step, packed: the node with its kind above it, and the rank of its moment.
#[derive(Debug, Clone, Copy)]
struct Packed {
    to: u32,
    rank: u32,
}

const PASSES: [Pass; 4] = [Pass::Free, Pass::Read, Pass::Gate, Pass::Write];

impl From<Packed> for Step {
    fn from(Packed { to, rank }: Packed) -> Step {
        let pass = PASSES.get((to >> 30) as usize).copied().unwrap_or(Pass::Free);
        Step { to: to & (NODES_MAX as u32 - 1), pass, time: i64::from(rank) }
    }
}

/// Steps one way: those of node `n` begin at `starts[n]`.
#[derive(Debug, Default)]
struct Steps {
    starts: Vec<u32>,
    packed: Vec<Packed>,
}

/// The graph of all that the log says, in the order of time.
#[derive(Debug, Default)]
pub struct Graph {
    /// Sorted.
    entities: Vec<NodeId>,
    /// Runs and jobs, and then what stands for a derivation.
    activities: usize,
    up: Steps,
    down: Steps,
}

/// What a walk through a [`Graph`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closure {
    /// Entities with their depth, nearest first, then by number; the one that was asked about is the first.
    pub entities: Vec<(NodeId, u32)>,
    /// How many runs and jobs lie between them.
    pub activities: usize,
    /// Whether depth or the bound on nodes cut anything.
    pub truncated: bool,
}

/// One step before it is packed.
struct Loose {
    from: u32,
    to: u32,
    pass: Pass,
    time: i64,
}

/// A graph that is being loaded.
#[derive(Default)]
struct Loading {
    up: Vec<Loose>,
    down: Vec<Loose>,
    /// How many there are so far.
    derivations: u32,
}

impl Graph {
    /// Loads all that the rows hold.
    ///
    /// # Errors
    /// [`ViewError`] when the rows cannot be read, or hold more nodes than fit.
    pub fn load(rows: &dyn Rows) -> Result<Self, ViewError> {
        let mut seen = Seen::new(rows, None, None)?;
        let (mut entities, mut activities) = (Vec::new(), Vec::new());
        for (list, nodes) in [(List::Entity, &mut entities), (List::Activity, &mut activities)] {
            list::each_of_all(rows, list, |node, _| {
                if nodes.last() != Some(&node) {
                    nodes.push(node);
                }
                Ok(())
            })?;
        }
        let mut loading = Loading::default();
        let number = |nodes: &[NodeId], before: usize, node: NodeId| {
            nodes.binary_search(&node).ok().and_then(|place| u32::try_from(before + place).ok())
        };
        let entity = |node| number(&entities, 0, node);
        let activity = |node| number(&activities, entities.len(), node);
        let mut completed: FxHashMap<NodeId, Option<Fact>> = FxHashMap::default();
        loading.activities(&mut seen, &entity, &activity)?;
        let first = entities.len() + activities.len();
        list::each_of_all(rows, List::Up, |node, mut entry| {
            let Some(made) = entity(node) else { return Ok(()) };
            match entry.tag()? {
                edge::DERIVED => {
                    let derived = ground::derived(&mut seen, &mut entry, |seen, run| {
                        if let Some(known) = completed.get(&run) {
                            return Ok(*known);
                        }
                        let complete = facts::activity(seen, run)?.completed;
                        completed.insert(run, complete);
                        Ok(complete)
                    })?;
                    if let Some(derived) = derived
                        && let Some(from) = entity(derived.other)
                    {
                        loading.derivation(first, made, from, derived.earliest, derived.latest)?;
                    }
                }
                edge::ALIAS => {
                    let (other, fact) = (entry.node()?, entry.fact()?);
                    if let Some(other) = entity(other).filter(|other| *other != made)
                        && seen.stands(fact)?
                    {
                        for steps in [&mut loading.up, &mut loading.down] {
                            steps.push(Loose { from: made, to: other, pass: Pass::Free, time: 0 });
                        }
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        let nodes = first + loading.derivations as usize;
        if nodes >= NODES_MAX {
            return Err(ViewError::Damaged("lineage: more nodes than a graph in memory holds"));
        }
        let mut times: Vec<i64> = loading.up.iter().chain(&loading.down).map(|step| step.time).collect();
        times.sort_unstable();
        times.dedup();
        let up = Steps::pack(loading.up, nodes, &times);
        let down = Steps::pack(loading.down, nodes, &times);
        Ok(Self { activities: activities.len(), entities, up, down })
    }

    /// How many entities and activities it holds.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.entities.len() + self.activities
    }

    /// How many steps lead up: each read, write and derivation once.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.up.packed.len()
    }

    /// The number of an entity, by any of its names, if the graph was loaded after the log had named it.
    ///
    /// # Errors
    /// [`ViewError`] when the rows cannot be read.
    pub fn find(&self, rows: &dyn Rows, entity: &EntityId) -> Result<Option<NodeId>, ViewError> {
        let node = names::find(rows, Space::Entity, entity.as_str())?;
        Ok(node.filter(|node| self.entities.binary_search(node).is_ok()))
    }

    /// The id of an entity.
    ///
    /// # Errors
    /// [`ViewError`] when the rows cannot be read.
    pub fn id_of(&self, rows: &dyn Rows, node: NodeId) -> Result<Option<EntityId>, ViewError> {
        Ok(name_of(rows, List::Entity, node)?.and_then(|name| EntityId::new(name).ok()))
    }

    /// All that an entity came from, or all that came of it, in the order of time or (`ever`) in any; both ways are
    /// walked one after the other, and an entity found on both has the lesser depth.
    ///
    /// # Errors
    /// None today; the walk is the one that reads rows, which can fail.
    pub fn closure(
        &self,
        scratch: &mut Scratch,
        entity: NodeId,
        direction: Direction,
        depth_max: u32,
        nodes_max: usize,
        ever: bool,
    ) -> Result<Closure, ViewError> {
        let mut found = Closure::default();
        let Some(start) = self.entities.binary_search(&entity).ok().and_then(|place| u32::try_from(place).ok()) else {
            return Ok(found);
        };
        let mut reached: Vec<(u32, u32)> = Vec::new();
        for up in [true, false] {
            if direction == if up { Direction::Down } else { Direction::Up } {
                continue;
            }
            let way = Way { up, ever, depth_max, nodes_max: nodes_max.max(1) };
            let steps = if up { &self.up } else { &self.down };
            let cut = walk::walk(&mut Standing { graph: self, steps }, start, way, scratch)?;
            found.truncated |= cut.entities || cut.activities || cut.nodes;
            reached.extend(scratch.reached().map(|(node, depth, _)| (node, depth)));
        }
        if direction == Direction::Both {
            reached.sort_unstable();
            reached.dedup_by_key(|(node, _)| *node);
        }
        for (node, depth) in reached {
            match self.entities.get(node as usize) {
                Some(entity) => found.entities.push((*entity, depth)),
                None if (node as usize) < self.nodes() => found.activities += 1,
                None => {}
            }
        }
        found.entities.sort_unstable_by_key(|(node, depth)| (*depth, *node != entity, *node));
        Ok(found)
    }
}

impl Loading {
    fn activities(
        &mut self,
        seen: &mut Seen<'_>,
        entity: &impl Fn(NodeId) -> Option<u32>,
        activity: &impl Fn(NodeId) -> Option<u32>,
    ) -> Result<(), ViewError> {
        let mut current: Option<(NodeId, Draft)> = None;
        list::each_of_all(seen.rows, List::Activity, |node, entry| {
            if current.as_ref().is_none_or(|(known, _)| *known != node)
                && let Some((known, draft)) = current.replace((node, Draft::default()))
            {
                self.activity(activity(known), &draft.finish(), entity, activity);
            }
            match &mut current {
                Some((_, draft)) => draft.take(seen, entry),
                None => Ok(()),
            }
        })?;
        if let Some((known, draft)) = current {
            self.activity(activity(known), &draft.finish(), entity, activity);
        }
        Ok(())
    }

    fn activity(
        &mut self,
        number: Option<u32>,
        activity: &Activity,
        entity: &impl Fn(NodeId) -> Option<u32>,
        other: &impl Fn(NodeId) -> Option<u32>,
    ) {
        let Some(own) = number else { return };
        for write in &activity.writes {
            if let (Some(written), Some(time)) = (entity(write.entity), write.time) {
                self.up.push(Loose { from: written, to: own, pass: Pass::Write, time });
                self.down.push(Loose { from: own, to: written, pass: Pass::Write, time });
            }
        }
        for read in &activity.reads {
            let Some(input) = entity(read.entity) else { continue };
            let pass = if read.time.is_some() { Pass::Read } else { Pass::Free };
            self.up.push(Loose { from: own, to: input, pass, time: read.time.unwrap_or(0) });
            for (pass, time, _) in ground::reads(activity, read.entity) {
                self.down.push(Loose { from: input, to: own, pass, time });
            }
        }
        for (told, steps) in [(&activity.informed_by, &mut self.up), (&activity.informs, &mut self.down)] {
            for told in told {
                if let Some(to) = other(told.activity) {
                    steps.push(Loose { from: own, to, pass: Pass::Read, time: told.fact.time.0 });
                }
            }
        }
    }

    /// A derivation is a node of its own: a gate when it was written, a limit when it was read.
    fn derivation(&mut self, first: usize, made: u32, from: u32, earliest: i64, latest: i64) -> Result<(), ViewError> {
        let own = u32::try_from(first).ok().and_then(|first| first.checked_add(self.derivations));
        let own = own.ok_or(ViewError::Damaged("lineage: more nodes than a graph in memory holds"))?;
        self.derivations += 1;
        self.up.push(Loose { from: made, to: own, pass: Pass::Gate, time: earliest });
        self.up.push(Loose { from: own, to: from, pass: Pass::Read, time: latest });
        self.down.push(Loose { from, to: own, pass: Pass::Read, time: latest });
        self.down.push(Loose { from: own, to: made, pass: Pass::Gate, time: earliest });
        Ok(())
    }
}

impl Steps {
    fn pack(mut loose: Vec<Loose>, nodes: usize, times: &[i64]) -> Self {
        loose.sort_unstable_by_key(|step| (step.from, step.pass, step.time, step.to));
        loose.dedup_by_key(|step| (step.from, step.pass, step.time, step.to));
        let mut steps = Steps { starts: Vec::with_capacity(nodes + 1), packed: Vec::with_capacity(loose.len()) };
        for step in loose {
            while steps.starts.len() <= step.from as usize {
                steps.starts.push(steps.packed.len() as u32);
            }
            let rank = times.partition_point(|time| *time < step.time) as u32;
            steps.packed.push(Packed { to: step.to | (step.pass as u32) << 30, rank });
        }
        steps.starts.resize(nodes + 1, steps.packed.len() as u32);
        steps
    }

    fn of(&self, node: u32) -> &[Packed] {
        let node = node as usize;
        match (self.starts.get(node), self.starts.get(node + 1)) {
            (Some(start), Some(end)) => self.packed.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// A graph as ground for a walk one way.
struct Standing<'a> {
    graph: &'a Graph,
    steps: &'a Steps,
}

impl Ground for Standing<'_> {
    type Step = Packed;

    fn steps(&mut self, node: u32) -> Result<&[Packed], ViewError> {
        Ok(self.steps.of(node))
    }

    fn is_entity(&self, node: u32) -> bool {
        (node as usize) < self.graph.entities.len()
    }

    fn counts(&self, node: u32) -> bool {
        (node as usize) < self.graph.nodes()
    }

    fn cut(&self) -> bool {
        false
    }
}
