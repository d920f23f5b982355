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
mod edits;
mod faults;
mod flips;
mod full_disk;
mod fuzzing;
mod hostile;
mod ingest;
mod injected;
mod kills;
mod main_job;
mod permits;
mod platter;
mod power_loss;
mod register;
mod shim;
mod store;
mod support;
mod tidy;
mod trial;
