//! Lineage: where an entity came from, and what came of it.
//!
//! Entities (datasets and records) and activities (runs and jobs) are numbered; an entity's lists name the activities
//! that wrote and read it, and an activity's list holds what each event said of it, with its position and time. What
//! counts is worked out when a question is asked: a run's outputs once it is complete, nothing that was annulled, and
//! only what the log knew (`as_of`) or had happened (`on`).

mod annul;
mod ask;
mod code;
mod columns;
mod facts;
mod fold;
mod graph;
mod ground;
mod list;
mod names;
mod walk;

pub use ask::{
    ActivityNode, AgentNode, Answer, ColumnLine, Edge, EntityNode, Left, NODES_MAX, Node, Question, Relation,
    all_descendants, ancestors, ask, descendants,
};
pub use code::NodeId;
pub use graph::{Closure, Graph};
pub use walk::{Direction, Scratch};

use crate::{Pending, ViewError};
use fonds_model::openlineage::Lineage;
use fonds_model::{Entry, Position};

/// Folds one item.
///
/// # Errors
/// [`ViewError`] when the rows below cannot be read, or hold what this code did not write.
pub fn fold(entry: &Entry, item: u16, rows: &mut Pending<'_>) -> Result<(), ViewError> {
    fold::fold(entry, item, rows)
}

/// Folds an OpenLineage event that has been read.
pub(crate) fn fold_lineage(
    entry: &Entry,
    item: u16,
    lineage: &Lineage,
    rows: &mut Pending<'_>,
) -> Result<(), ViewError> {
    let position = Position { seq: entry.seq, item };
    fold::fold_lineage(&mut names::Folding::new(rows, position), lineage)
}

#[cfg(test)]
mod tests;
