//! To come.
use crate::{Pending, ViewError};
use fonds_model::Entry;
/// Folds one item.
pub fn fold(_: &Entry, _: u16, _: &mut Pending<'_>) -> Result<(), ViewError> { Ok(()) }
