//! Questions about lineage, and their answers.

use super::annul::Seen;
use super::code::{Fact, NodeId};
use super::columns;
use super::facts::Activity;
use super::fold::{Said, entity};
use super::ground::{Node as Walked, RowGround, RowStep};
use super::list::{self, List};
use super::names::{self, NAME, Space};
use super::walk::{self, Cut, Direction, Scratch, Way};
use crate::{Rows, ViewError};
use fonds_model::{EntityId, Seq, Timestamp};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Nodes in an answer, unless the question says otherwise.
pub const NODES_MAX: usize = 100_000;

/// What is asked about an entity's lineage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The entity, by any of its names.
    pub entity: EntityId,
    /// Which way to walk.
    pub direction: Direction,
    /// Hops between entities at most.
    pub depth_max: u32,
    /// Entities and activities at most, each way.
    pub nodes_max: usize,
    /// As the log knew it up to this entry, inclusive.
    pub as_of: Option<Seq>,
    /// Only what had happened by this moment, inclusive.
    pub on: Option<Timestamp>,
    /// The plain union, whatever the order of time.
    pub ever: bool,
    /// Column edges too.
    pub columns: bool,
}

impl Question {
    /// All of the lineage of an entity one way, in the order of time.
    #[must_use]
    pub fn new(entity: EntityId, direction: Direction) -> Self {
        Self {
            entity,
            direction,
            depth_max: u32::MAX,
            nodes_max: NODES_MAX,
            as_of: None,
            on: None,
            ever: false,
            columns: false,
        }
    }
}

/// Where an entity came from, or what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The entity that was asked about.
    pub entity: String,
    /// Whether anything was left out.
    pub truncated: bool,
    /// What was left out.
    pub cut: Vec<Left>,
    /// In order of depth, then type, then id; agents last.
    pub nodes: Vec<Node>,
    /// In PROV's direction, from effect to cause; sorted.
    pub edges: Vec<Edge>,
    /// Columns made from columns; sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnLine>,
}

/// What was left out of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Left {
    /// What lies deeper than was asked for.
    Depth,
    /// What passes the bound on the number of nodes.
    Nodes,
}

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Node {
    /// A dataset or a record.
    Entity(EntityNode),
    /// A run or a job.
    Activity(ActivityNode),
    /// Who answers for an entity or a job.
    Agent(AgentNode),
}

/// A dataset or a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EntityNode {
    /// Hops from what was asked about.
    pub depth: u32,
    /// Its id.
    pub id: String,
    /// A dataset's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// A dataset's name within its namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Versions that events named, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Tags, by key and value.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<(String, String)>,
}

/// A run or a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ActivityNode {
    /// Hops from what was asked about to the nearest entity that it is reached from.
    pub depth: u32,
    /// `run:RUNID` or `job:NAMESPACE/NAME`.
    pub id: String,
    /// The job that a run is of, as `NAMESPACE/NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The run that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// A run's state: `start`, `running`, `complete`, `abort`, `fail` or `other`; `declared` for a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// The time of its first event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
}

/// Who answers for an entity or a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AgentNode {
    /// `team:permits`, `user:jane`, …
    pub id: String,
}

/// PROV's relations, from effect to cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Relation {
    /// An activity used an entity.
    Used,
    /// An entity was generated by an activity.
    WasGeneratedBy,
    /// An entity was derived from an entity.
    WasDerivedFrom,
    /// An activity was informed by an activity.
    WasInformedBy,
    /// An activity was associated with an agent.
    WasAssociatedWith,
    /// An entity was attributed to an agent.
    WasAttributedTo,
    /// Two names of one thing.
    AlternateOf,
}

/// An edge, from effect to cause.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// The effect.
    pub from: Arc<str>,
    /// The cause.
    pub to: Arc<str>,
    /// How they hang together.
    pub relation: Relation,
    /// The entry that brought it.
    pub seq: Seq,
    /// When it happened.
    pub at: Timestamp,
}

/// A column made from a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ColumnLine {
    /// The entity that was made.
    pub from: String,
    /// Its column; empty when the cause affects all of it.
    pub from_field: String,
    /// The entity that went in.
    pub to: String,
    /// Its column; empty when all of it went in.
    pub to_field: String,
    /// `DIRECT/IDENTITY`, …; may be empty.
    pub how: String,
    /// The entry that brought it.
    pub seq: Seq,
    /// When it happened.
    pub at: Timestamp,
}

/// Answers a question; `None` when the log has never named the entity.
///
/// # Errors
/// [`ViewError`] when the rows cannot be read.
pub fn ask(rows: &dyn Rows, question: &Question) -> Result<Option<Answer>, ViewError> {
    let seen = Seen::new(rows, question.as_of, question.on)?;
    let Some(start) = names::find(rows, Space::Entity, question.entity.as_str())?.filter(|node| seen.knows(*node))
    else {
        return Ok(None);
    };
    let reads_max = reads_max(question.nodes_max);
    let mut found = Found::default();
    let mut ground = RowGround::new(seen, true, reads_max);
    let mut cut = Cut::default();
    for up in [true, false] {
        let other = if up { Direction::Down } else { Direction::Up };
        if question.direction == other {
            continue;
        }
        ground.turn(up, reads_max);
        let way = Way { up, ever: question.ever, depth_max: question.depth_max, nodes_max: question.nodes_max.max(1) };
        let start = ground.number(Walked::Entity(start));
        let mut scratch = Scratch::default();
        let this = walk::walk(&mut ground, start, way, &mut scratch)?;
        cut.entities |= this.entities;
        cut.activities |= this.activities;
        cut.nodes |= this.nodes;
        found.take(&mut ground, &scratch, way);
    }
    let mut answer = found.tell(&mut ground, question)?;
    answer.cut.extend((cut.entities || cut.activities).then_some(Left::Depth));
    answer.cut.extend(cut.nodes.then_some(Left::Nodes));
    answer.truncated = !answer.cut.is_empty();
    Ok(Some(answer))
}

fn reads_max(nodes_max: usize) -> usize {
    nodes_max.saturating_mul(4).saturating_add(1_000)
}

/// The entities that one was derived from, with their depth, nearest first, then by id; and whether there are more.
///
/// # Errors
/// [`ViewError`] when the rows cannot be read.
pub fn ancestors(
    rows: &dyn Rows,
    entity: &EntityId,
    depth_max: u32,
    as_of: Option<Seq>,
) -> Result<(Vec<(EntityId, u32)>, bool), ViewError> {
    relatives(rows, entity, depth_max, as_of, true)
}

/// The entities that were derived from one, with their depth, nearest first, then by id; and whether there are more.
///
/// # Errors
/// [`ViewError`] when the rows cannot be read.
pub fn descendants(
    rows: &dyn Rows,
    entity: &EntityId,
    depth_max: u32,
    as_of: Option<Seq>,
) -> Result<(Vec<(EntityId, u32)>, bool), ViewError> {
    relatives(rows, entity, depth_max, as_of, false)
}

fn relatives(
    rows: &dyn Rows,
    entity: &EntityId,
    depth_max: u32,
    as_of: Option<Seq>,
    up: bool,
) -> Result<(Vec<(EntityId, u32)>, bool), ViewError> {
    let seen = Seen::new(rows, as_of, None)?;
    let Some(start) = names::find(rows, Space::Entity, entity.as_str())?.filter(|node| seen.knows(*node)) else {
        return Ok((Vec::new(), false));
    };
    let mut ground = RowGround::new(seen, up, reads_max(NODES_MAX));
    let number = ground.number(Walked::Entity(start));
    let mut scratch = Scratch::default();
    let way = Way { up, ever: false, depth_max, nodes_max: NODES_MAX };
    let cut = walk::walk(&mut ground, number, way, &mut scratch)?;
    let mut found = Vec::new();
    for (number, depth, _) in scratch.reached() {
        if let Some(Walked::Entity(node)) = ground.node(number)
            && node != start
            && let Some(id) = name_of(rows, List::Entity, node)?.and_then(|name| EntityId::new(name).ok())
        {
            found.push((id, depth));
        }
    }
    found.sort_by(|(one, near), (other, far)| (near, one).cmp(&(far, other)));
    Ok((found, cut.entities || cut.nodes))
}

/// All that came of any of some entities, in the order of time, those themselves among it; and whether there is more.
///
/// # Errors
/// [`ViewError`] when the rows cannot be read.
pub fn all_descendants<'a>(
    rows: &dyn Rows,
    entities: impl IntoIterator<Item = &'a EntityId>,
    as_of: Option<Seq>,
    nodes_max: usize,
) -> Result<(Vec<EntityId>, bool), ViewError> {
    let mut ground = RowGround::new(Seen::new(rows, as_of, None)?, false, reads_max(nodes_max));
    let mut starts = Vec::new();
    for entity in entities {
        let node = names::find(rows, Space::Entity, entity.as_str())?;
        if let Some(node) = node.filter(|node| ground.seen.knows(*node)) {
            starts.push(ground.number(Walked::Entity(node)));
        }
    }
    let mut scratch = Scratch::default();
    let way = Way { up: false, ever: false, depth_max: u32::MAX, nodes_max };
    let cut = walk::walk_from(&mut ground, &starts, way, &mut scratch)?;
    let mut found = Vec::new();
    for (number, ..) in scratch.reached() {
        if let Some(Walked::Entity(node)) = ground.node(number)
            && let Some(id) = name_of(rows, List::Entity, node)?.and_then(|name| EntityId::new(name).ok())
        {
            found.push(id);
        }
    }
    Ok((found, cut.entities || cut.nodes))
}

/// The text of a node's name.
pub(crate) fn name_of(rows: &dyn Rows, list: List, node: NodeId) -> Result<Option<String>, ViewError> {
    let mut name = None;
    list::each(rows, list, node, |mut entry| {
        if entry.tag()? == NAME {
            name = Some(entry.text()?.to_owned());
        }
        Ok(name.is_none())
    })?;
    Ok(name)
}

/// What walks have found, before it is put into words.
#[derive(Default)]
struct Found {
    entities: BTreeMap<NodeId, u32>,
    activities: BTreeMap<NodeId, u32>,
    edges: BTreeMap<(NodeId, NodeId, Relation), Fact>,
}

impl Found {
    fn take(&mut self, ground: &mut RowGround<'_>, scratch: &Scratch, way: Way) {
        for (number, depth, expanded) in scratch.reached() {
            let Some(node) = ground.node(number) else { continue };
            let nodes = match node {
                Walked::Entity(entity) => Some((&mut self.entities, entity)),
                Walked::Activity(activity) => Some((&mut self.activities, activity)),
                Walked::Derivation(..) => None,
            };
            if let Some((nodes, node)) = nodes {
                nodes.entry(node).and_modify(|known| *known = depth.min(*known)).or_insert(depth);
            }
            let followed = expanded != if way.up { i64::MIN } else { i64::MAX };
            for RowStep { step, fact } in ground.steps_read(number) {
                let Some(to) = ground.node(step.to).filter(|_| scratch.has(step.to)) else { continue };
                let alias = matches!((node, to), (Walked::Entity(_), Walked::Entity(_)));
                if alias || (followed && way.after(*step, expanded).is_some()) {
                    self.edge(node, to, way.up, *fact);
                }
            }
        }
    }

    fn edge(&mut self, node: Walked, to: Walked, up: bool, fact: Fact) {
        let (effect, cause) = if up { (node, to) } else { (to, node) };
        let edge = match (effect, cause) {
            (Walked::Entity(effect), Walked::Activity(cause)) => (effect, cause, Relation::WasGeneratedBy),
            (Walked::Activity(effect), Walked::Entity(cause)) => (effect, cause, Relation::Used),
            (Walked::Activity(effect), Walked::Activity(cause)) => (effect, cause, Relation::WasInformedBy),
            (Walked::Entity(one), Walked::Entity(other)) => (one.max(other), one.min(other), Relation::AlternateOf),
            // The step out of a derivation tells it all; the step into it may lead to one that leads nowhere.
            (Walked::Derivation(effect, cause, ..), Walked::Entity(_)) if up => {
                (effect, cause, Relation::WasDerivedFrom)
            }
            (Walked::Entity(_), Walked::Derivation(effect, cause, ..)) if !up => {
                (effect, cause, Relation::WasDerivedFrom)
            }
            _ => return,
        };
        let known = self.edges.entry(edge).or_insert(fact);
        if (fact.time, fact.position) < (known.time, known.position) {
            *known = fact;
        }
    }

    fn tell(self, ground: &mut RowGround<'_>, question: &Question) -> Result<Answer, ViewError> {
        let mut telling = Telling::default();
        for (node, depth) in &self.entities {
            telling.entity(ground, *node, *depth)?;
        }
        for (node, depth) in &self.activities {
            telling.activity(ground, *node, *depth)?;
        }
        if question.columns {
            for node in self.entities.keys() {
                telling.columns(ground, *node, &self)?;
            }
        }
        let edge = |from: Arc<str>, to: Arc<str>, relation, Fact { position, time }| Edge {
            from,
            to,
            relation,
            seq: position.seq,
            at: time,
        };
        let mut edges = Vec::with_capacity(self.edges.len() + telling.edges.len());
        for ((effect, cause, relation), fact) in &self.edges {
            if let (Some(from), Some(to)) = (telling.names.get(effect), telling.names.get(cause)) {
                edges.push(edge(Arc::clone(from), Arc::clone(to), *relation, *fact));
            }
        }
        let with_agents = std::mem::take(&mut telling.edges).into_iter();
        edges.extend(with_agents.map(|((from, to, relation), fact)| edge(from.into(), to.into(), relation, fact)));
        edges.sort_by(|one, other| (&one.from, &one.to, one.relation).cmp(&(&other.from, &other.to, other.relation)));
        // An entity and an activity may bear the same name: of edges that read alike the last one is told.
        edges.dedup_by(|next, kept| {
            let alike = (&next.from, &next.to, next.relation) == (&kept.from, &kept.to, kept.relation);
            if alike {
                std::mem::swap(next, kept);
            }
            alike
        });
        let mut nodes = telling.nodes;
        nodes.extend(telling.agents.into_iter().map(|id| Node::Agent(AgentNode { id })));
        nodes.sort_by(|one, other| order(one).cmp(&order(other)));
        let columns = telling.columns.into_iter().collect();
        let entity = question.entity.to_string();
        Ok(Answer { entity, truncated: false, cut: Vec::new(), nodes, edges, columns })
    }
}

fn order(node: &Node) -> (u32, u8, &str) {
    match node {
        Node::Entity(node) => (node.depth, 0, &node.id),
        Node::Activity(node) => (node.depth, 1, &node.id),
        Node::Agent(node) => (u32::MAX, 2, &node.id),
    }
}

/// An answer that is being put into words.
#[derive(Default)]
struct Telling {
    names: FxHashMap<NodeId, Arc<str>>,
    nodes: Vec<Node>,
    agents: BTreeSet<String>,
    /// Those with agents.
    edges: BTreeMap<(String, String, Relation), Fact>,
    columns: BTreeSet<ColumnLine>,
}

impl Telling {
    fn agent(&mut self, effect: &str, agent: &str, relation: Relation, fact: Fact) {
        self.agents.insert(agent.to_owned());
        let known = self.edges.entry((effect.to_owned(), agent.to_owned(), relation)).or_insert(fact);
        if (fact.time, fact.position) < (known.time, known.position) {
            *known = fact;
        }
    }

    fn entity(&mut self, ground: &mut RowGround<'_>, node: NodeId, depth: u32) -> Result<(), ViewError> {
        let mut told = EntityNode { depth, ..EntityNode::default() };
        let seen = &mut ground.seen;
        let mut versions = Vec::new();
        let mut owners = Vec::new();
        list::each(seen.rows, List::Entity, node, |mut entry| {
            match entry.tag()? {
                NAME => {
                    entry.text()?.clone_into(&mut told.id);
                    if let Some(length) = usize::try_from(entry.number()?).ok().and_then(|end| end.checked_sub(1))
                        && let Some((namespace, name)) = told.id.split_at_checked(length)
                    {
                        // The slash that joined them is no part of either, unless the name begins with it: both read
                        // alike then, and the id is the same.
                        let name = name.strip_prefix('/').unwrap_or(name);
                        (told.namespace, told.name) = (Some(namespace.to_owned()), Some(name.to_owned()));
                    }
                }
                entity::VERSION => {
                    let version = entry.text()?.to_owned();
                    let fact = entry.fact()?;
                    if seen.tells(fact)? && !versions.iter().any(|(_, known)| *known == version) {
                        versions.push((fact.time, version));
                    }
                }
                entity::TAG => {
                    let tag = (entry.text()?.to_owned(), entry.text()?.to_owned());
                    if seen.tells(entry.fact()?)? {
                        told.tags.insert(tag);
                    }
                }
                entity::OWNER => {
                    let (name, _kind) = (entry.text()?.to_owned(), entry.text()?);
                    let fact = entry.fact()?;
                    if seen.tells(fact)? {
                        owners.push((name, fact));
                    }
                }
                _ => {}
            }
            Ok(true)
        })?;
        versions.sort_by_key(|(time, _)| *time);
        told.versions = versions.into_iter().map(|(_, version)| version).collect();
        for (owner, fact) in owners {
            self.agent(&told.id, &owner, Relation::WasAttributedTo, fact);
        }
        self.names.insert(node, told.id.as_str().into());
        self.nodes.push(Node::Entity(told));
        Ok(())
    }

    fn activity(&mut self, ground: &mut RowGround<'_>, node: NodeId, depth: u32) -> Result<(), ViewError> {
        let rows = ground.seen.rows;
        let Some(activity) = ground.activity(node)? else { return Ok(()) };
        let Activity { name, job, parent, owners, state, started, completed, .. } = &*activity;
        for (owner, _, fact) in owners {
            self.agent(name, owner, Relation::WasAssociatedWith, *fact);
        }
        let named = |node: &Option<NodeId>| node.map(|node| name_of(rows, List::Activity, node)).transpose();
        let job = named(job)?.flatten().map(|job| job.strip_prefix("job:").unwrap_or(&job).to_owned());
        self.names.insert(node, name.as_str().into());
        self.nodes.push(Node::Activity(ActivityNode {
            depth,
            id: name.clone(),
            job,
            parent: named(parent)?.flatten(),
            state: state.map(word),
            started: *started,
            completed: completed.map(|fact| fact.time),
        }));
        Ok(())
    }

    /// Columns of an entity that the answer's activities made of columns of the answer's entities.
    fn columns(&mut self, ground: &mut RowGround<'_>, made: NodeId, found: &Found) -> Result<(), ViewError> {
        let rows = ground.seen.rows;
        let mut known = BTreeMap::new();
        for head in columns::heads(rows, made)? {
            let mut fact = head.fact;
            if !ground.seen.tells(fact)? {
                continue;
            }
            if let Some(node) = head.activity {
                if !found.edges.contains_key(&(made, node, Relation::WasGeneratedBy)) {
                    continue;
                }
                if !matches!(head.said, Said::Declared | Said::Complete) {
                    let Some(complete) = ground.activity(node)?.and_then(|activity| activity.completed) else {
                        continue;
                    };
                    fact = Fact { position: fact.position.max(complete.position), time: complete.time };
                }
            }
            columns::each(rows, made, &head, |from, to_field, from_field, how| {
                if found.entities.contains_key(&from) {
                    let line = (to_field.to_owned(), from, from_field.to_owned(), how.to_owned());
                    known.entry(line).or_insert(fact);
                }
            })?;
        }
        for ((made_field, from, from_field, how), Fact { position, time }) in known {
            if let (Some(made), Some(from)) = (self.names.get(&made), self.names.get(&from)) {
                self.columns.insert(ColumnLine {
                    from: made.to_string(),
                    from_field: made_field,
                    to: from.to_string(),
                    to_field: from_field,
                    how,
                    seq: position.seq,
                    at: time,
                });
            }
        }
        Ok(())
    }
}

fn word(said: Said) -> &'static str {
    match said {
        Said::Declared => "declared",
        Said::Start => "start",
        Said::Running => "running",
        Said::Complete => "complete",
        Said::Abort => "abort",
        Said::Fail => "fail",
        Said::Other => "other",
    }
}
