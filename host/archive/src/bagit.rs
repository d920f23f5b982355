//! BagIt 1.0 (RFC 8493): bags are written with SHA-256 and SHA-512, and read from version 0.93 on.

mod info;
mod manifest;
mod validate;
mod write;

pub use validate::validate;
pub(crate) use validate::validate_tree;
pub use write::{Bag, Bagged};

#[cfg(test)]
mod tests;
