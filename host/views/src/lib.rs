//! Pure folds over entries: lineage, the register of records, due work.
//!
//! Everything here can be dropped and folded again from the log, and comes out equal.

pub mod lineage;
pub mod register;
pub mod rows;

pub use rows::{Pending, Rows, ViewError};

use fonds_model::openlineage::{self, Lineage};
use fonds_model::{Entry, Envelope, Kind};

/// Folds one item of an entry into all views.
///
/// Folding the same item again, with the rows it wrote already there, changes nothing.
///
/// # Errors
/// [`ViewError`] when the rows below cannot be read, or hold what this code did not write. An item that a fold cannot
/// understand is no error: it was checked at the edge, and what a later version sends is left to that version.
pub fn fold(entry: &Entry, item: u16, rows: &mut Pending<'_>) -> Result<(), ViewError> {
    // What was erased is folded as its stub, at the place where it stood: so a view that is built anew is equal.
    match entry.stubbed(item) {
        Some(stubbed) => fold_content(&stubbed, item, rows),
        None => fold_content(entry, item, rows),
    }
}

fn fold_content(entry: &Entry, item: u16, rows: &mut Pending<'_>) -> Result<(), ViewError> {
    if !matches!(entry.kind, Kind::LineageRun | Kind::LineageDataset | Kind::LineageJob) {
        lineage::fold(entry, item, rows)?;
        return register::fold(entry, item, rows);
    }
    let content = entry.items.get(usize::from(item)).and_then(|item| item.content.as_ref());
    let Some(payload) = content.map(|content| content.payload.as_slice()) else { return Ok(()) };
    let Some(read) = read_lineage(payload) else { return Ok(()) };
    lineage::fold_lineage(entry, item, &read, rows)?;
    register::fold_lineage(entry, item, payload, &read, rows)
}

/// An OpenLineage event from its payload; `None` for one that a later version took, which is left to that version.
pub(crate) fn read_lineage(payload: &[u8]) -> Option<Lineage> {
    let line_end = memchr::memchr(b'\n', payload)?;
    let (line, rest) = payload.split_at_checked(line_end)?;
    // The envelope's other fields are not asked for here; what does not begin as this version writes it is parsed.
    if !line.starts_with(b"{\"v\":1,") {
        Envelope::split(payload).ok()?;
    }
    openlineage::read(rest.get(1..)?).ok().map(|(_, lineage)| lineage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_whatever_its_envelope_says_and_one_of_a_later_version_is_left() {
        let body = br#"{"eventTime":"2024-01-01T00:00:00Z","producer":"p","schemaURL":"s","job":{"namespace":"n","name":"j"}}"#;
        let read = |line: &str| read_lineage(&[line.as_bytes(), b"\n", body].concat()).is_some();
        assert!(read(r#"{"v":1,"format":"openlineage"}"#));
        assert!(read(r#"{ "format":"openlineage", "v":1 }"#));
        assert!(!read(r#"{"v":2,"format":"openlineage"}"#));
        assert!(!read(r#"{"v":10,"format":"openlineage"}"#));
        assert!(read_lineage(body).is_none(), "there is no envelope");
    }
}
