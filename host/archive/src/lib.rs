//! Where records' content lies, and the packages in which archives take it.
//!
//! The log tells of content and never holds it. [`content`] reads it where it lies, computes what it is, and deletes it
//! with a proof that it is gone.

pub mod content;
mod error;
pub mod hash;

pub use content::{Absence, Located, Stores};
pub use error::ArchiveError;
