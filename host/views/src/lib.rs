//! Pure folds over entries: lineage, the register of records, due work.
//!
//! Everything here can be dropped and folded again from the log, and comes out equal.

pub mod lineage;
pub mod register;
pub mod rows;

pub use rows::{Pending, Rows, ViewError};

use fonds_model::Entry;

/// Folds one item of an entry into all views.
///
/// Folding the same item again, with the rows it wrote already there, changes nothing.
///
/// # Errors
/// [`ViewError`] when the rows below cannot be read, or hold what this code did not write. An item that a fold cannot
/// understand is no error: it was checked at the edge, and what a later version sends is left to that version.
pub fn fold(entry: &Entry, item: u16, rows: &mut Pending<'_>) -> Result<(), ViewError> {
    lineage::fold(entry, item, rows)?;
    register::fold(entry, item, rows)
}
