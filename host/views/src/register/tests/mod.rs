//! What the register promises, rule by rule.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may fail loudly"
)]

mod datasets;
mod holding;
mod looks;
mod model;
mod records;
mod tables;
