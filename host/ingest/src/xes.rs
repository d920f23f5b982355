//! XES (ISO/IEEE 1849): case files become records by a mapping.

mod attributes;
pub mod mapping;
mod trace;

pub use mapping::Mapping;
pub(crate) use trace::parse;
