//! Where records' content lies, and the packages in which archives take it.
//!
//! The log tells of content and never holds it. [`content`] reads it where it lies, computes what it is, and deletes it
//! with a proof that it is gone. [`pack`] puts records into one package, a
//! bag ([`bagit`]) or a submission to an archive ([`eark`]), and [`validate`] checks one that trusts nobody.

pub mod bagit;
pub mod content;
mod describe;
pub mod eark;
mod error;
mod finding;
pub mod hash;
mod name;
mod parcel;
mod sink;
mod tree;
mod xml;

pub use content::{Absence, Located, Stores};
pub use error::ArchiveError;
pub use finding::{FINDINGS_MAX, Finding, Format, Severity, Validation};
pub use parcel::{Event, Packed, Parcel, Record, Representation, pack};
pub use tree::FILES_MAX;

use finding::Findings;
use std::path::Path;
use tree::Tree;

/// Validates a package of either format, which is a folder or a `.tar` of one.
///
/// # Errors
/// [`ArchiveError::NoPackage`] when it is neither, [`ArchiveError::Io`] when it cannot be read at all; whatever else is
/// wrong is a finding.
pub fn validate(path: &Path) -> Result<Validation, ArchiveError> {
    let mut findings = Findings::default();
    let tree = Tree::open(path, &mut findings)?;
    if tree.has("METS.xml") && !tree.has("bagit.txt") {
        return Ok(eark::validate_tree(&tree, findings));
    }
    if tree.has("bagit.txt") || tree.names().any(|name| name.starts_with("data/") || name.starts_with("manifest-")) {
        return Ok(bagit::validate_tree(&tree, findings));
    }
    Err(ArchiveError::NoPackage(path.to_owned()))
}
