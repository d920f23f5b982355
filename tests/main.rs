//! All of Fonds' tests that are not unit tests, as one binary: what is in a file beside this one is named here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may fail loudly, and says what it skips"
)]

mod archive;
mod backup;
mod conformance;
mod disposing;
mod disposition;
mod edits;
mod erase;
mod evidence;
mod faults;
mod flips;
mod full_disk;
mod fuzzing;
mod go;
mod holds;
mod hostile;
mod house;
mod ingest;
mod injected;
mod jobs;
mod kills;
mod left;
mod main_job;
mod merkle;
mod permits;
mod platter;
mod power_loss;
mod register;
mod replay;
mod reports;
mod shim;
mod store;
mod support;
mod sweeps;
mod tidy;
mod trial;
mod webhook;
