//! Power loss: what a real run wrote is replayed up to some point, and what was not synced is lost, torn or reordered.
//!
//! `bash tests/campaign.sh power-loss [STATES]` is the long form.

use crate::faults::runs;
use crate::platter::{Loss, Platter};
use crate::shim::{Call, Fault, Random, preload, read_trace, rounds, say, shim};
use crate::store::{Store, cloud_event, component, text};
use crate::trial::entries;
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
    /// The header and all payloads of each entry.
    entries: Vec<String>,
}

/// The store's work, a command after the other, with the shim between it and its files.
struct Worker {
    store: Store,
    shim: PathBuf,
    trace: PathBuf,
}

impl Worker {
    fn command(&self, fault: Option<&Fault>, arguments: &[&str]) -> Command {
        let mut command = Command::new(crate::support::fonds());
        command.arg("-vv").arg("--store").arg(self.store.dir().join(BELOW)).args(arguments);
        preload(&mut command, &self.shim, &self.store.dir(), fault);
        command.env("SHIM_TRACE", &self.trace).env_remove("FONDS_STORE").stdin(Stdio::null());
        // Some segments, and sealed ones among them.
        command.env("FONDS_SEGMENT_BYTES", "300000");
        command
    }

    /// Runs it to its end, which acknowledges all that it did.
    fn done(&self, arguments: &[&str]) {
        let ran = self.command(None, arguments).output().expect("the program starts");
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        let size = fonds_log::Reader::open(&self.store.dir().join(BELOW)).and_then(|reader| reader.size());
        say(&self.trace, &format!("size {}", size.expect("the log is whole")));
    }

    /// Ingests events; each group that is acknowledged is said into the trace. With a fault it is killed on the way.
    fn ingest(&self, file: &str, fault: Option<&Fault>) {
        let size = fonds_log::Reader::open(&self.store.dir().join(BELOW)).and_then(|reader| reader.size());
        say(&self.trace, &format!("base {}", size.expect("the log is whole")));
        let mut command = self.command(fault, &["ingest", file]);
        let ran = command.output().expect("the program starts");
        assert_eq!(ran.status.success(), fault.is_none(), "{}", String::from_utf8_lossy(&ran.stderr));
        if fault.is_none() {
            self.done(&["verify"]);
        }
    }
}

/// Everything that writes, some of it more than once, and once killed in the midst of it.
fn work(shim: PathBuf) -> Run {
    let store = Store::empty();
    std::fs::create_dir_all(store.dir()).expect("a folder");
    let begun = [true, false].map(|syncs| Platter::holding(&store.dir(), syncs));
    let trace = store.file("trace");
    let worker = Worker { store, shim, trace };
    let file = |name: &str, content: String| worker.store.write(name, content);
    worker.done(&["init", "--origin", "test.example/log"]);
    worker.done(&["agency", "define", "a"]);
    worker.ingest(&file("first", runs(0..3_000)), None);
    worker.ingest(&file("killed", runs(3_000..9_000)), Some(&Fault { at: 130, act: "kill-after", on: false }));
    worker.ingest(&file("next", runs(9_000..9_600)), None);
    let record = |n: u32, kind: &str, time: &str, data: &Value| {
        cloud_event(&format!("{kind}{n}"), kind, &format!("case/{n}"), time, data)
    };
    let records: String = (0..300)
        .flat_map(|n| {
            let created = record(n, "record.created", "2001-02-03", &json!({ "agency": "a", "title": n.to_string() }));
            [created, record(n, "record.closed", "2002-03-04", &json!({}))]
        })
        .collect();
    worker.ingest(&file("records", records), None);
    worker.done(&["plugin", "install", text(&component("plugins/retention"))]);
    worker.done(&["policy", "bind", "keep", "--plugin", "retention"]);
    worker.done(&["evaluate", "--as-of", "2020-01-01"]);
    worker.done(&["store", "rebuild"]);
    worker.ingest(&file("last", runs(9_600..9_700)), None);
    let dir = worker.store.dir();
    let calls = read_trace(&worker.trace, &dir);
    let entries = entries(&dir.join(BELOW)).expect("what it left is whole");
    Run { store: worker.store, shim: worker.shim, calls, begun, entries }
}

/// What had been acknowledged, from what was said; `None` before the store was made.
#[derive(Default)]
struct Acknowledged {
    size: Option<u64>,
    base: u64,
}

impl Acknowledged {
    fn hear(&mut self, said: &str) {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        for line in said.lines() {
            if let Some(base) = line.strip_prefix("base ").and_then(number) {
                self.base = base;
            }
            let events = line.split_once("acknowledged events=").and_then(|(_, events)| number(events));
            let size = line.strip_prefix("size ").and_then(number).or(events.map(|events| self.base + events));
            self.size = self.size.max(size);
        }
    }
}

/// Opens what a power loss left as a user would; why it is not good, if it is not.
fn check(store: &Store, run: &Run, acknowledged: u64, rebuild: bool) -> Result<(), String> {
    let ask = |arguments: &[&str]| -> Result<Value, String> {
        let output = store.run(&[&["--output", "json"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() || said.contains("panicked") {
            return Err(format!("{arguments:?} exited with {:?}: {said}", output.status.code()));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
    };
    // Beside whoever will open it first, it is verified as it lies there: what a crash has torn off is no damage.
    if ask(&["verify"])?["verified"] != true {
        return Err("it does not verify before it is opened".to_owned());
    }
    let records = ask(&["record", "list"])?;
    let size = records["log_size"].as_u64().unwrap_or_default();
    if size < acknowledged {
        return Err(format!("{size} entries are left of {acknowledged} acknowledged"));
    }
    if ask(&["verify"])?["verified"] != true {
        return Err("it does not verify".to_owned());
    }
    let kept = entries(&store.dir())?;
    if kept.len() as u64 != size || run.entries.get(..kept.len()) != Some(&kept) {
        return Err("entries are not those that were written".to_owned());
    }
    // Plugins and configurations are durable before an entry names them.
    for plugin in ask(&["plugin", "list"])?["plugins"].as_array().into_iter().flatten() {
        let digest = plugin["digest"].as_str().unwrap_or_default();
        let bytes = std::fs::read(store.dir().join("blobs").join(digest)).map_err(|error| error.to_string())?;
        if fonds_model::Digest::of(&bytes).to_hex() != digest {
            return Err(format!("the plugin {digest} is torn"));
        }
    }
    if rebuild {
        std::fs::remove_dir_all(store.dir().join("store")).map_err(|error| error.to_string())?;
        if ask(&["record", "list"])? != records {
            return Err("a store that is made anew answers otherwise".to_owned());
        }
    }
    let next = store.write("next.ndjson", cloud_event("next", "record.created", "case/next", "2020-01-01", &json!({})));
    let appended = ask(&["ingest", &next])?;
    if appended["log_size"] != size + 1 { Err(format!("writing does not go on: {appended}")) } else { Ok(()) }
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
            let Some(acknowledged) = acknowledged.size else {
                // Nobody was told that there is a store: whatever is said of it, nothing panics.
                panics_never(&left.join(BELOW));
                continue;
            };
            // Now and then it is lost again, while the first command puts right what the first loss left.
            if syncs && looked % 5 == 0 && left.join(BELOW).is_dir() {
                lose_power_again(&left, &run.shim, &mut random);
            }
            if let Err(why) = settle(folder, &left, run, acknowledged, looked % 8 == 0) {
                wrong.push(format!("power lost at call {at} of {}, {loss:?}: {why}", run.calls.len()));
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

fn settle(folder: TempDir, left: &Path, run: &Run, acknowledged: u64, rebuild: bool) -> Result<(), String> {
    if let Err(error) = std::fs::rename(left.join(BELOW), folder.path().join("store")) {
        return Err(format!("there is no store: {error}"));
    }
    let store = Store::in_folder(folder);
    let checked = check(&store, run, acknowledged, rebuild);
    if let (Err(_), Some(keep)) = (&checked, std::env::var_os("FONDS_KEEP")) {
        let to = Path::new(&keep).join(format!("state-{}", std::process::id()));
        let _ = Command::new("cp").arg("-a").arg(store.dir()).arg(to).status();
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
    let (entries, calls) = (run.entries.len(), run.calls.len());
    assert!(entries > 4_300 && calls > 400, "{entries} entries, {calls} calls");
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
