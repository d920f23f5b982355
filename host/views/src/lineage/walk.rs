//! The walk: upstream or downstream, level by level, never forward in time.
//!
//! Each node carries a bound. Upstream it is the latest moment at which something can have gone into what was asked
//! for; a write that came later is not followed. Downstream it is the earliest moment at which what was asked for can
//! have been in there; what was read before is not followed. The two are each other's mirror: B is upstream of A
//! exactly when A is downstream of B. A node whose bound gets better on a longer way is looked at again, but only at
//! the steps that the better bound allows, so that each dated step is taken once.

use crate::ViewError;
use serde::Serialize;

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Where it came from.
    Up,
    /// What came of it.
    Down,
    /// Both, each by itself.
    Both,
}

/// How a step takes part in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Pass {
    /// Always allowed, and the bound stays.
    Free,
    /// What happened at this moment limits what lies upstream of it.
    Read,
    /// Upstream it is allowed up to the bound, which stays.
    Gate,
    /// Allowed up to the bound, and is the new bound: the moment of a write.
    Write,
}

/// A step from a node to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) to: u32,
    pub(crate) pass: Pass,
    pub(crate) time: i64,
}

/// What a walk walks on.
pub(crate) trait Ground {
    type Step: Copy + Into<Step>;
    /// The steps from a node: first all that are not [`Pass::Write`], then those in order of time.
    fn steps(&mut self, node: u32) -> Result<&[Self::Step], ViewError>;
    /// Whether a node is an entity: what leads from another kind of node to one is a hop.
    fn is_entity(&self, node: u32) -> bool;
    /// Whether a node counts, and is shown: one that stands for a derivation is not.
    fn counts(&self, node: u32) -> bool;
    /// Whether it had to leave out steps to stay within its bounds.
    fn cut(&self) -> bool;
}

/// What was cut from an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Entities lie beyond the depth.
    pub(crate) entities: bool,
    /// Activities lie beyond the depth.
    pub(crate) activities: bool,
    /// There were too many nodes.
    pub(crate) nodes: bool,
}

/// How a walk goes, and where it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) up: bool,
    pub(crate) ever: bool,
    pub(crate) depth_max: u32,
    pub(crate) nodes_max: usize,
}

impl Way {
    fn first(self) -> i64 {
        if self.up { i64::MAX } else { i64::MIN }
    }

    fn worst(self) -> i64 {
        if self.up { i64::MIN } else { i64::MAX }
    }

    fn better(self, bound: i64, than: i64) -> bool {
        if self.up { bound > than } else { bound < than }
    }

    /// The bound after a step, if it is allowed.
    pub(crate) fn after(self, step: Step, bound: i64) -> Option<i64> {
        let Step { pass, time, .. } = step;
        if self.ever {
            return Some(bound);
        }
        match (pass, self.up) {
            (Pass::Free, _) => Some(bound),
            (Pass::Read, true) => Some(bound.min(time)),
            (Pass::Gate, true) => (time <= bound).then_some(bound),
            (Pass::Write, true) => (time <= bound).then_some(time),
            (Pass::Read, false) => (time >= bound).then_some(bound),
            (Pass::Gate, false) => Some(bound.max(time)),
            (Pass::Write, false) => (time >= bound).then_some(time),
        }
    }
}

/// The dated writes that a bound allows and the one before it did not.
fn newly<S: Copy + Into<Step>>(writes: &[S], way: Way, old: i64, new: i64) -> &[S] {
    if way.ever {
        return if old == way.worst() { writes } else { &[] };
    }
    let place = |bound: i64, with: bool| {
        writes.partition_point(|step| {
            let time = (*step).into().time;
            time < bound || (with && time == bound)
        })
    };
    let range = if way.up { place(old, true)..place(new, true) } else { place(new, false)..place(old, false) };
    writes.get(range).unwrap_or_default()
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    bound: i64,
    expanded: i64,
    depth: u32,
    queued: bool,
}

/// What a walk remembers of nodes; kept from one walk to the next, so that a small walk on a large graph is cheap.
#[derive(Debug, Default)]
pub struct Scratch {
    marks: Vec<Option<Mark>>,
    /// Nodes of the answer, in the order in which they were reached.
    order: Vec<u32>,
    beyond: Vec<u32>,
}

impl Scratch {
    /// Nodes that the last walk reached, with their depth and the bound up to which their steps were followed.
    pub(crate) fn reached(&self) -> impl Iterator<Item = (u32, u32, i64)> {
        self.order.iter().filter_map(|node| self.mark(*node).map(|mark| (*node, mark.depth, mark.expanded)))
    }

    /// Whether the last walk reached a node.
    pub(crate) fn has(&self, node: u32) -> bool {
        self.mark(node).is_some()
    }

    fn mark(&self, node: u32) -> Option<Mark> {
        self.marks.get(node as usize).copied().flatten()
    }

    fn mark_mut(&mut self, node: u32) -> &mut Option<Mark> {
        let node = node as usize;
        if self.marks.len() <= node {
            self.marks.resize(node + 1, None);
        }
        // The line above has made room for it.
        #[expect(clippy::indexing_slicing, reason = "resized to hold it")]
        &mut self.marks[node]
    }

    fn clear(&mut self) {
        for node in self.order.drain(..).chain(self.beyond.drain(..)) {
            if let Some(mark) = self.marks.get_mut(node as usize) {
                *mark = None;
            }
        }
    }
}

/// One walk under way.
struct Walk<'a, G: Ground> {
    ground: &'a mut G,
    scratch: &'a mut Scratch,
    way: Way,
    level: u32,
    counted: usize,
    queue: Vec<u32>,
    next: Vec<(u32, i64)>,
    taken: Vec<(u32, i64)>,
    cut: Cut,
}

/// Walks from a node; what was reached stands in `scratch`.
pub(crate) fn walk<G: Ground>(ground: &mut G, start: u32, way: Way, scratch: &mut Scratch) -> Result<Cut, ViewError> {
    walk_from(ground, &[start], way, scratch)
}

/// Walks from several nodes at once: what any of them reaches by itself is reached, and nothing else.
pub(crate) fn walk_from<G: Ground>(
    ground: &mut G,
    starts: &[u32],
    way: Way,
    scratch: &mut Scratch,
) -> Result<Cut, ViewError> {
    scratch.clear();
    let (queue, next) = (Vec::new(), starts.iter().map(|start| (*start, way.first())).collect());
    let mut walk =
        Walk { ground, scratch, way, level: 0, counted: 0, queue, next, taken: Vec::new(), cut: Cut::default() };
    walk.run()?;
    let mut cut = walk.cut;
    cut.nodes |= walk.ground.cut();
    Ok(cut)
}

impl<G: Ground> Walk<'_, G> {
    fn run(&mut self) -> Result<(), ViewError> {
        let mut expanded_before = None;
        while !self.next.is_empty() && !self.done() {
            for (node, bound) in std::mem::take(&mut self.next) {
                self.reach(node, bound);
            }
            if self.level == self.way.depth_max {
                // Goes on to see whether anything lies beyond; what it does there is no part of the answer.
                let expanded: Vec<i64> = self.scratch.reached().map(|(_, _, expanded)| expanded).collect();
                expanded_before = Some(expanded);
            }
            let mut at = 0;
            while let Some(node) = self.queue.get(at).copied()
                && !self.done()
            {
                at += 1;
                self.expand(node)?;
            }
            self.queue.clear();
            self.level = self.level.saturating_add(1);
        }
        if let Some(before) = expanded_before {
            let order = std::mem::take(&mut self.scratch.order);
            for (node, expanded) in order.iter().zip(before.into_iter().chain(std::iter::repeat(self.way.worst()))) {
                if let Some(mark) = self.scratch.mark_mut(*node) {
                    mark.expanded = expanded;
                }
            }
            self.scratch.order = order;
        }
        for node in std::mem::take(&mut self.scratch.beyond) {
            *self.scratch.mark_mut(node) = None;
        }
        Ok(())
    }

    /// The last level is always walked to its end, since other names of what was reached belong to the answer.
    fn done(&self) -> bool {
        self.cut.nodes || (self.cut.entities && self.level > self.way.depth_max)
    }

    /// Notes that a node is reached with a bound, and queues it if that is news.
    fn reach(&mut self, node: u32, bound: i64) {
        let (way, level) = (self.way, self.level);
        if let Some(mark) = self.scratch.mark_mut(node) {
            if way.better(bound, mark.bound) {
                mark.bound = bound;
                if !mark.queued {
                    mark.queued = true;
                    self.queue.push(node);
                }
            }
            return;
        }
        let entity = self.ground.is_entity(node);
        let counts = self.ground.counts(node);
        // What is reached at the last level itself came in by a hop to it; anything else lies beyond.
        let beyond = level > way.depth_max || (level == way.depth_max && !entity);
        if beyond {
            self.cut.entities |= entity;
            self.cut.activities |= counts && !entity;
            self.scratch.beyond.push(node);
        } else {
            if counts && self.counted >= way.nodes_max {
                self.cut.nodes = true;
                return;
            }
            self.counted += usize::from(counts);
            self.scratch.order.push(node);
        }
        *self.scratch.mark_mut(node) = Some(Mark { bound, expanded: way.worst(), depth: level, queued: true });
        self.queue.push(node);
    }

    fn expand(&mut self, node: u32) -> Result<(), ViewError> {
        let way = self.way;
        let Some(mark) = self.scratch.mark_mut(node) else { return Ok(()) };
        let (old, new) = (mark.expanded, mark.bound);
        mark.queued = false;
        mark.expanded = new;
        let from_entity = self.ground.is_entity(node);
        let mut taken = std::mem::take(&mut self.taken);
        let steps = self.ground.steps(node)?;
        let (others, writes) = steps.split_at(steps.partition_point(|step| (*step).into().pass != Pass::Write));
        for step in others.iter().chain(newly(writes, way, old, new)) {
            let step: Step = (*step).into();
            taken.extend(way.after(step, new).map(|bound| (step.to, bound)));
        }
        for (to, bound) in taken.drain(..) {
            if from_entity || !self.ground.is_entity(to) {
                self.reach(to, bound);
            } else if self.scratch.mark(to).is_none_or(|mark| way.better(bound, mark.bound)) {
                self.next.push((to, bound));
            }
        }
        self.taken = taken;
        Ok(())
    }
}
