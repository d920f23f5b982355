//! Lineage as a tree, as diagrams, and as W3C PROV-JSON; reports as tables, CSV and pages with plots.

pub(crate) mod diagram;
pub(crate) mod mail;
pub(crate) mod page;
pub(crate) mod plot;
pub(crate) mod prov;
pub(crate) mod sheet;
pub(crate) mod tree;

use fonds_runtime::lineage::{Answer, Node, Relation};

/// The text of a relation, as PROV names it.
pub(crate) fn relation_name(relation: Relation) -> &'static str {
    match relation {
        Relation::Used => "used",
        Relation::WasGeneratedBy => "wasGeneratedBy",
        Relation::WasDerivedFrom => "wasDerivedFrom",
        Relation::WasInformedBy => "wasInformedBy",
        Relation::WasAssociatedWith => "wasAssociatedWith",
        Relation::WasAttributedTo => "wasAttributedTo",
        Relation::AlternateOf => "alternateOf",
    }
}

/// A node's id.
pub(crate) fn id(node: &Node) -> &str {
    match node {
        Node::Entity(entity) => &entity.id,
        Node::Activity(activity) => &activity.id,
        Node::Agent(agent) => &agent.id,
    }
}

/// What a person reads of a node: a run's job says more than its id.
pub(crate) fn title(node: &Node) -> String {
    match node {
        Node::Activity(activity) => activity.job.clone().unwrap_or_else(|| activity.id.clone()),
        other => id(other).to_owned(),
    }
}

/// Numbers for the nodes of an answer: a diagram's ids must not hold what a dataset's may.
///
/// An entity and an activity may have the same text, so a node is found by its kind too.
pub(crate) struct Numbers<'a>(std::collections::BTreeMap<(u8, &'a str), usize>);

impl<'a> Numbers<'a> {
    pub(crate) fn new(answer: &'a Answer) -> Self {
        Self(answer.nodes.iter().enumerate().map(|(number, node)| ((kind(node), id(node)), number)).collect())
    }

    /// The numbers of both ends of an edge, if both are in the answer.
    pub(crate) fn ends(&self, edge: &fonds_runtime::lineage::Edge) -> Option<(usize, usize)> {
        const ENTITY: u8 = 0;
        const ACTIVITY: u8 = 1;
        const AGENT: u8 = 2;
        let (from, to) = match edge.relation {
            Relation::Used => (ACTIVITY, ENTITY),
            Relation::WasGeneratedBy => (ENTITY, ACTIVITY),
            Relation::WasDerivedFrom | Relation::AlternateOf => (ENTITY, ENTITY),
            Relation::WasInformedBy => (ACTIVITY, ACTIVITY),
            Relation::WasAssociatedWith => (ACTIVITY, AGENT),
            Relation::WasAttributedTo => (ENTITY, AGENT),
        };
        Some((*self.0.get(&(from, &*edge.from))?, *self.0.get(&(to, &*edge.to))?))
    }
}

fn kind(node: &Node) -> u8 {
    match node {
        Node::Entity(_) => 0,
        Node::Activity(_) => 1,
        Node::Agent(_) => 2,
    }
}
