//! Measures how fast a new store follows the journal of a log that is there.
//!
//! `cargo run --release -p fonds-store --example follow -- LOG FOLDER`; the folder must not exist.

#![allow(clippy::print_stdout, reason = "it is a measurement, and its answer is for a person")]

use fonds_log::{Lock, Log, LogError, Options};
use fonds_model::Timestamp;
use fonds_store::Store;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), LogError> {
    let mut folders = std::env::args().skip(1).map(PathBuf::from);
    let (log, folder) = (folders.next().unwrap_or_default(), folders.next().unwrap_or_default());
    let begun = Instant::now();
    let store = Arc::new(Store::open(folder)?);
    let log = Log::open(Lock::take(&log)?, store, Options::default(), Arc::new(|| Timestamp(0)))?;
    log.catch_up(&mut |_, _| {})?;
    let (seconds, events) = (begun.elapsed().as_secs_f64(), log.size());
    println!("{events} events in {seconds:.2} s, {:.0}/s", events as f64 / seconds);
    log.close()?;
    println!("closed after {:.2} s", begun.elapsed().as_secs_f64());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
    Ok(())
}
