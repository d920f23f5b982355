//! All of Fonds' tests that are not unit tests, as one binary: what is in a file beside this one is named here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may fail loudly, and says what it skips"
)]

mod conformance;
mod evidence;
mod faults;
mod go;
mod hostile;
mod ingest;
mod main_job;
mod merkle;
mod permits;
mod register;
mod store;
mod support;
mod tidy;
