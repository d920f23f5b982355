//! Where records' content lies, and the packages in which archives take it.
//!
//! The log tells of content and never holds it. [`content`] reads it where it lies, computes what it is, and deletes it
//! with a proof that it is gone. [`bagit`] packs it into bags and checks them.

pub mod bagit;
pub mod content;
mod error;
mod finding;
pub mod hash;
mod name;
mod sink;
mod tree;

pub use content::{Absence, Located, Stores};
pub use error::ArchiveError;
pub use finding::{FINDINGS_MAX, Finding, Format, Severity, Validation};
pub use tree::FILES_MAX;
