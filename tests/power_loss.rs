//! Power loss: what a real run wrote is replayed up to some point, and what was not synced is lost, torn or reordered.
//!
//! `bash tests/campaign.sh power-loss [STATES]` is the long form.

use crate::faults::runs;
use crate::left::{AGAIN, Acknowledged, SECRETS, Written, check_copies, check_log};
use crate::platter::{Loss, Platter};
use crate::shim::{Call, Fault, Random, preload, read_trace, rounds, say, shim};
use crate::store::{Store, cloud_event, component, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Where the store lies below the folder that is watched: `init` makes both.
const BELOW: &str = "deep/below";
/// States that the short form looks at.
const STATES: u32 = 24;
/// States for each point at which power is lost.
const AT_ONE_POINT: u32 = 3;

/// A run of the program, written down.
struct Run {
    /// Where it ran; what it left is whole.
    store: Store,
    shim: PathBuf,
    calls: Vec<Call>,
    /// The disk before it: one that syncs when it is told to, and one that does not.
    begun: [Platter; 2],
    written: Written,
}

/// The store's work, a command after the other, with the shim between it and its files.
struct Worker {
    store: Store,
    shim: PathBuf,
    trace: PathBuf,
}

impl Worker {
    fn log(&self) -> PathBuf {
        self.store.dir().join(BELOW)
    }

    fn size(&self) -> u64 {
        fonds_log::Reader::open(&self.log()).and_then(|reader| reader.size()).expect("the log is whole")
    }

    fn command(&self, dir: &Path, fault: Option<&Fault>, arguments: &[&str]) -> Command {
        let mut command = Command::new(crate::support::fonds());
        command.args(["-vv", "--output", "json", "--store"]).arg(dir).args(arguments);
        preload(&mut command, &self.shim, &self.store.dir(), fault);
        command.env("SHIM_TRACE", &self.trace).env_remove("FONDS_STORE").stdin(Stdio::null());
        // Some segments, and sealed ones among them.
        command.env("FONDS_SEGMENT_BYTES", "300000");
        command
    }

    /// Runs it to its end on some data folder; its answer.
    fn runs(&self, dir: &Path, arguments: &[&str]) -> Value {
        let ran = self.command(dir, None, arguments).output().expect("the program starts");
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        serde_json::from_slice(&ran.stdout).unwrap_or_default()
    }

    /// Runs it to its end, which acknowledges all that it did; its answer.
    fn done(&self, arguments: &[&str]) -> Value {
        let answer = self.runs(&self.log(), arguments);
        say(&self.trace, &format!("size {}", self.size()));
        answer
    }

    /// Ingests events; each group that is acknowledged is said into the trace. With a fault it is killed on the way.
    fn ingest(&self, name: &str, events: String, fault: Option<&Fault>) {
        let file = self.store.write(name, events);
        say(&self.trace, &format!("base {}", self.size()));
        let mut command = self.command(&self.log(), fault, &["ingest", &file]);
        let ran = command.output().expect("the program starts");
        assert_eq!(ran.status.success(), fault.is_none(), "{}", String::from_utf8_lossy(&ran.stderr));
        if fault.is_none() {
            self.done(&["verify"]);
        }
    }

    /// Erases what one person proposes and another approves.
    fn erase(&self, written: &mut Written, what: &[&str], how: &[&str]) {
        written.see(&self.log()).expect("the log is whole");
        let proposed = self.done(&[&["log", "erase", "--authority", "Act 1", "--by", "a"], what].concat());
        let proposal = proposed["proposal"].to_string();
        let erased = self.done(&[&["log", "erase", "--approve", &proposal, "--by", "b"], how].concat());
        assert_eq!(erased["state"], "erased", "{erased}");
    }

    fn backup(&self) {
        say(&self.trace, "backup begun");
        let made = self.done(&["backup", text(&self.store.dir().join("backup"))]);
        say(&self.trace, &format!("backup {}", made["size"]));
    }

    /// Puts the backup back, to be read and under a new name.
    fn restore(&self) {
        let backup = self.store.dir().join("backup");
        self.runs(&self.store.dir().join("restored"), &["restore", text(&backup)]);
        say(&self.trace, "done restored");
        self.runs(&self.store.dir().join("renamed"), &["restore", text(&backup), "--new-origin", AGAIN]);
        say(&self.trace, "done renamed");
    }
}

/// Records, each created and closed; two of them with a word that is to go.
fn records() -> String {
    let record = |n: u32, kind: &str, time: &str, data: &Value| {
        cloud_event(&format!("{kind}{n}"), kind, &format!("case/{n}"), time, data)
    };
    (0..300)
        .flat_map(|n| {
            let title = SECRETS.get(n as usize).map_or_else(|| n.to_string(), |&secret| secret.to_owned());
            let created = record(n, "record.created", "2001-02-03", &json!({ "agency": "a", "title": title }));
            [created, record(n, "record.closed", "2002-03-04", &json!({}))]
        })
        .collect()
}

/// Everything that writes, some of it more than once, and once killed in the midst of it.
fn work(shim: PathBuf) -> Run {
    let store = Store::empty();
    std::fs::create_dir_all(store.dir()).expect("a folder");
    let begun = [true, false].map(|syncs| Platter::holding(&store.dir(), syncs));
    let trace = store.file("trace");
    let worker = Worker { store, shim, trace };
    let mut written = Written::default();
    worker.done(&["init", "--origin", "test.example/log"]);
    worker.done(&["agency", "define", "a"]);
    worker.ingest("first", runs(0..3_000), None);
    worker.ingest("killed", runs(3_000..9_000), Some(&Fault { at: 130, act: "kill-after", on: false }));
    worker.ingest("next", runs(9_000..9_600), None);
    worker.ingest("records", records(), None);
    worker.done(&["plugin", "install", text(&component("plugins/retention"))]);
    worker.done(&["policy", "bind", "keep", "--plugin", "retention"]);
    worker.done(&["evaluate", "--as-of", "2020-01-01"]);
    for by in ["first", "second"] {
        worker.done(&["setting", "set", "signed-approvals", "none", "--by", by]);
    }
    worker.backup();
    // Of the first segment, of one in the midst, and of a record, in one step.
    worker.erase(&mut written, &["--item", "5", "--item", "2500", "--record", "case/0"], &[]);
    worker.backup();
    worker.done(&["log", "key", "rotate", "--by", "a"]);
    worker.done(&["store", "rebuild"]);
    worker.ingest("last", runs(9_600..9_700), None);
    worker.erase(&mut written, &["--record", "case/1"], &["--scrub"]);
    say(&worker.trace, "done scrubbed");
    worker.backup();
    worker.restore();
    written.see(&worker.log()).expect("what it left is whole");
    let calls = read_trace(&worker.trace, &worker.store.dir());
    Run { store: worker.store, shim: worker.shim, calls, begun, written }
}

/// Loses power at many points in as many ways; the states looked at, and what was wrong with which.
fn lose_power(run: &mut Run, states: u32, seed: u64, syncs: bool) -> (u32, Vec<String>) {
    let mut random = Random(seed);
    let points = states.div_ceil(AT_ONE_POINT);
    // One in each stretch of the run, so that few points are spread as well as many.
    let calls = run.calls.len() as u64;
    let at = (0..u64::from(points)).map(|point| (point * calls + random.below(calls)) / u64::from(points));
    let at: Vec<usize> = at.map(|at| at as usize).collect();
    let [with, without] = &mut run.begun;
    let mut platter = std::mem::take(if syncs { with } else { without });
    let (mut acknowledged, mut looked, mut wrong) = (Acknowledged::default(), 0, Vec::new());
    for at in at {
        if looked % 60 == 0 {
            eprintln!("power loss: {looked} of {states} states, {} wrong", wrong.len());
        }
        while platter.calls() < at {
            let call = &run.calls[platter.calls()];
            platter.take(call);
            if let Call::Said(said) = call {
                acknowledged.hear(said);
            }
        }
        for _ in 0..AT_ONE_POINT {
            let loss = Loss::random(&mut random, at);
            let folder = tempfile::tempdir().expect("a temporary folder");
            let left = folder.path().join("left");
            platter.lose_power(&loss, &mut random, &left);
            looked += 1;
            if acknowledged.size.is_none() {
                // Nobody was told that there is a store: whatever is said of it, nothing panics.
                panics_never(&left.join(BELOW));
                continue;
            }
            // Now and then it is lost again, while the first command puts right what the first loss left.
            if syncs && looked % 5 == 0 && left.join(BELOW).is_dir() {
                lose_power_again(&left, &run.shim, &mut random);
            }
            if let Err(why) = settle(folder, &left, run, &acknowledged, looked % 8 == 0) {
                let why = format!("power lost at call {at} of {}, {loss:?}: {why}", run.calls.len());
                if syncs {
                    eprintln!("wrong: {why}");
                }
                wrong.push(why);
            }
        }
    }
    (looked, wrong)
}

/// Opens what a power loss left, and loses power at some point of that; what then is left stands in the same place.
fn lose_power_again(left: &Path, shim: &Path, random: &mut Random) {
    let trace = left.with_extension("trace");
    let mut platter = Platter::holding(left, true);
    let mut command = Command::new(crate::support::fonds());
    command.arg("--store").arg(left.join(BELOW)).args(["record", "list"]).env_remove("FONDS_STORE");
    preload(&mut command, shim, left, None);
    let ran = command.env("SHIM_TRACE", &trace).output().expect("the program starts");
    assert!(!String::from_utf8_lossy(&ran.stderr).contains("panicked"));
    let calls = read_trace(&trace, left);
    let at = random.below(calls.len() as u64 + 1) as usize;
    calls.iter().take(at).for_each(|call| platter.take(call));
    std::fs::remove_dir_all(left).expect("it goes");
    platter.lose_power(&Loss::random(random, at), random, left);
}

fn settle(folder: TempDir, left: &Path, run: &Run, said: &Acknowledged, thorough: bool) -> Result<(), String> {
    if let Err(error) = std::fs::rename(left.join(BELOW), folder.path().join("store")) {
        return Err(format!("there is no store: {error}"));
    }
    let store = Store::in_folder(folder);
    let checked = check_log(&store, &run.written, said, thorough)
        .and_then(|_| check_copies(&store.file("left"), &store.dir(), &run.written, said, thorough));
    if let (Err(_), Some(keep)) = (&checked, std::env::var_os("FONDS_KEEP")) {
        let to = Path::new(&keep).join(format!("state-{}", std::process::id()));
        let _ = Command::new("cp").arg("-a").arg(store.file("")).arg(to).status();
    }
    checked
}

fn panics_never(dir: &Path) {
    let output = Command::new(crate::support::fonds()).arg("--store").arg(dir).arg("verify").output().expect("it runs");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

#[test]
fn after_a_power_loss_at_any_point_nothing_acknowledged_is_lost() {
    let Some(shim) = shim() else { return };
    let mut run = work(shim);
    let (entries, erased, calls) = (run.written.len(), run.written.erased(), run.calls.len());
    assert!(entries > 4_300 && erased == 6 && calls > 400, "{entries} entries, {erased} erased, {calls} calls");
    let states = rounds("FONDS_POWER_LOSSES", STATES);
    let (looked, wrong) = lose_power(&mut run, states, u64::from(states), true);
    eprintln!("power loss: {looked} states of {} calls, {} wrong", run.calls.len(), wrong.len());
    assert!(
        wrong.is_empty(),
        "{} of {looked} states, such as:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );

    // The control: a program that never syncs, on the same disk, loses most of the time. Else the test proves nothing.
    let states = states.div_ceil(4).max(12);
    let (looked, wrong) = lose_power(&mut run, states, u64::from(states), false);
    eprintln!("control without fsync: {looked} states, {} wrong", wrong.len());
    assert!(wrong.len() as u32 * 2 > looked, "only {} of {looked} states are wrong without fsync", wrong.len());
    drop(run.store);
}
