//! XES (ISO/IEEE 1849): case files become records by a mapping.

mod attributes;
pub mod mapping;
pub(crate) mod scan;
mod trace;

pub use mapping::Mapping;
pub(crate) use trace::parse;
