//! kill -9 at any moment, again and again, while it takes events in, decides, erases, and makes its store anew.
//!
//! What was acknowledged is heard by this process through a pipe, and outlives the one that is killed.
//! `bash tests/campaign.sh kill [CYCLES]` is the long form.

use crate::faults::runs;
use crate::shim::{Random, rounds};
use crate::store::{Store, component, text};
use crate::trial::{Kept, acknowledged, records};
use serde_json::Value;
use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

/// Cycles of the short form.
const CYCLES: u32 = 12;
/// So many cycles go to one store: then it is checked whole, and another begins.
const ONE_STORE: u32 = 20;
/// Events and records that a cycle brings.
const RUNS: u32 = 5_000;
const RECORDS: u32 = 30;

/// Runs a command and kills it after a while; what it had said by then, and whether it was done before.
fn kill_after(store: &Store, arguments: &[&str], wait: Duration) -> (String, bool) {
    let mut command = store.trial(&[&["-vv"], arguments].concat());
    command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut pipe = child.stderr.take().expect("a pipe");
    let listener = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = pipe.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    std::thread::sleep(wait);
    let _ = child.kill();
    let done = child.wait().expect("it ends").code() == Some(0);
    (listener.join().expect("the listener ends"), done)
}

/// A store under way, and what must be in it.
struct Cycle {
    store: Store,
    /// Entries that were acknowledged.
    safe: u64,
    /// A checkpoint that was seen.
    kept: Kept,
    /// About how many milliseconds each of the four commands takes to its end, as far as is known: a kill after none
    /// of its work, or after all, would test nothing.
    reach_ms: [u64; 4],
    /// Events that were erased: they do not rise from the dead when they are sent again.
    erased: u64,
    /// Files of events that are yet to be sent whole.
    unfinished: Vec<String>,
}

impl Cycle {
    fn new() -> Self {
        let store = Store::empty();
        store.must(&["init", "--origin", "test.example/log"]);
        store.must(&["agency", "define", "a"]);
        store.must(&["plugin", "install", text(&component("plugins/retention"))]);
        store.must(&["policy", "bind", "keep", "--plugin", "retention"]);
        store.lets_names_approve();
        let kept = Kept::now(&store).expect("a checkpoint");
        Self { store, safe: kept.size(), kept, reach_ms: [300; 4], erased: 0, unfinished: Vec::new() }
    }

    /// Kills one command, and looks at what is left.
    fn turn(&mut self, number: u32, random: &mut Random) {
        let which = [0, 0, 1, 2, 3][number as usize % 5];
        let wait = Duration::from_millis(3 + random.below(self.reach_ms[which]));
        let (job, said, done) = match number % 5 {
            0 | 1 => {
                let events =
                    records(number * RECORDS..(number + 1) * RECORDS) + &runs(number * RUNS..(number + 1) * RUNS);
                let file = self.store.write(&format!("events-{number}"), events);
                let (said, done) = kill_after(&self.store, &["ingest", &file], wait);
                let events = acknowledged(&said);
                assert!(!done || events == u64::from(RUNS + 2 * RECORDS), "{events} acknowledged: {said}");
                self.safe += events;
                self.unfinished.push(file);
                ("ingest", said, done)
            }
            2 => {
                let (said, done) = kill_after(&self.store, &["evaluate", "--as-of", "2021-01-01"], wait);
                ("evaluate", said, done)
            }
            3 => {
                let (said, done) = kill_after(&self.store, &["store", "rebuild"], wait);
                ("store rebuild", said, done)
            }
            _ => self.erase(random, wait),
        };
        let reach = self.reach_ms[which];
        self.reach_ms[which] = if done { reach * 4 / 5 } else { reach * 8 / 7 }.clamp(20, 4_000);
        assert!(!said.contains("panicked"), "cycle {number}: {said}");
        let listed = self.store.must(&["record", "list"]);
        let size = listed["log_size"].as_u64().expect("a size");
        assert!(size >= self.safe, "cycle {number}, {job} killed: {size} entries are left of {}", self.safe);
        self.safe = size;
        assert_eq!(self.store.must(&["verify"])["verified"], true, "cycle {number}, {job} killed");
        self.kept.is_within(&self.store).unwrap_or_else(|why| panic!("cycle {number}, {job} killed: {why}"));
        self.kept = Kept::now(&self.store).expect("a checkpoint");
        eprintln!(
            "cycle {number}: {job} killed after {wait:?}{}, {size} entries are whole",
            if done { " (done)" } else { "" }
        );
    }

    /// Kills an erasure; then it is ended, and what was to go is gone.
    fn erase(&mut self, random: &mut Random, wait: Duration) -> (&'static str, String, bool) {
        // The host's own entries cannot be erased, and what is gone cannot go again.
        let mut tries = 1..=400;
        let (item, proposal) = loop {
            match tries.next() {
                // Whoever was killed before had not come to its first event.
                Some(200) => self.complete(),
                Some(_) => {}
                None => panic!("nothing of {} entries can be erased", self.safe),
            }
            let item = random.below(self.safe).to_string();
            let told = ["log", "erase", "--item", &item, "--authority", "Act 1", "--by", "a"];
            let output = self.store.trial(&told).output().expect("it starts");
            if output.status.success() {
                let proposed: Value = serde_json::from_slice(&output.stdout).expect("an answer");
                break (item, proposed["proposal"].to_string());
            }
            assert!(matches!(output.status.code(), Some(2 | 4)), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let (said, done) = kill_after(&self.store, &["log", "erase", "--approve", &proposal, "--by", "b"], wait);
        assert_eq!(self.store.must(&["verify"])["verified"], true, "an erasure killed after {wait:?}");
        assert_eq!(self.store.must(&["log", "erase", "--approve", &proposal, "--by", "b"])["state"], "erased");
        assert!(self.store.must(&["log", "show", &item])["items"][0]["erased_by"].is_u64());
        self.erased += 1;
        ("erase", said, done)
    }

    /// Sends all that was begun whole, and it counts once.
    fn complete(&mut self) {
        let all = u64::from(RUNS + 2 * RECORDS);
        for file in &self.unfinished {
            let sent = self.store.must(&["ingest", file]);
            let appended = sent["appended"].as_u64().expect("a count");
            let gone = sent["erased"].as_u64().unwrap_or(0);
            assert!(gone <= self.erased, "{sent}");
            assert_eq!(appended + sent["duplicate"].as_u64().unwrap() + gone, all, "{sent}");
            assert_eq!(sent["log_size"], self.safe + appended);
            self.safe += appended;
        }
        if let Some(file) = self.unfinished.last() {
            let again = self.store.must(&["ingest", file]);
            let gone = again["erased"].as_u64().unwrap_or(0);
            assert_eq!((&again["appended"], &again["duplicate"]), (&Value::from(0), &Value::from(all - gone)));
        }
    }

    /// Decides on all that is there, and compares the store with one that is made anew.
    fn end(mut self) {
        self.complete();
        assert_eq!(self.store.must(&["evaluate", "--as-of", "2021-01-01"])["faults"], 0);
        let listed = self.store.must(&["record", "list"]);
        self.store.must(&["store", "rebuild"]);
        assert_eq!(self.store.must(&["record", "list"]), listed, "a store that is made anew answers the same");
    }
}

#[test]
fn killed_at_any_moment_nothing_acknowledged_is_lost_and_nothing_is_counted_twice() {
    let cycles = rounds("FONDS_KILLS", CYCLES);
    let mut random = Random(u64::from(cycles) + 7);
    let (mut cycle, mut done) = (Cycle::new(), 0);
    for number in 0..cycles {
        if number > 0 && number % ONE_STORE == 0 {
            std::mem::replace(&mut cycle, Cycle::new()).end();
        }
        cycle.turn(number, &mut random);
        done += 1;
    }
    cycle.end();
    eprintln!("kill -9: {done} cycles, 0 lost");
}
