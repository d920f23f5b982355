//! A store with something of everything in it, copied for each trial, and asked what it has to answer.

use crate::faults::runs;
use crate::store::{Store, cloud_event, component, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Nothing that is asked of a small store takes so long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// Small segments, so that a small store has many, and most of them sealed.
const SEGMENT_BYTES: &str = "40000";
/// Events of the base.
pub(crate) const RUNS: u32 = 1_200;
/// Records of the base, each created and closed.
const RECORDS: u32 = 120;

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) said: String,
}

impl Came {
    /// Its exit code, which a process has that was not killed.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.out).ok()
    }

    /// What no fault may ever lead to.
    pub(crate) fn panicked(&self) -> bool {
        // One of sled's that was caught is told of as the loss of the store, and is none.
        let ended = |line: &str| line.starts_with("thread '") && line.contains("panicked at");
        self.said.lines().any(ended) || self.code() == Some(101)
    }
}

/// Runs a command to its end; what hangs fails the test.
pub(crate) fn finish(command: &mut Command) -> Came {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| std::fs::File::create(folder.path().join(name)).expect("a file");
    let read = |name: &str| String::from_utf8_lossy(&std::fs::read(folder.path().join(name)).unwrap()).into_owned();
    let began = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("said")).spawn().expect("the program starts");
    loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            return Came { status, out: read("out"), said: read("said") };
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("it hangs: {command:?}\n{}", read("said"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Store {
    /// The program with `--output json`, small segments and these arguments, not yet run.
    pub(crate) fn trial(&self, arguments: &[&str]) -> Command {
        self.trial_at(&self.dir(), arguments)
    }

    /// The same on another data folder.
    pub(crate) fn trial_at(&self, dir: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(crate::support::fonds());
        command.arg("--store").arg(dir).args(["--output", "json"]).args(arguments).env_remove("FONDS_STORE");
        // Whatever is left on this machine's disk is enough for a trial, save where a test says otherwise.
        command.env("FONDS_SEGMENT_BYTES", SEGMENT_BYTES).env("FONDS_FREE_BYTES_MIN", "1000000");
        command
    }

    /// Runs it.
    pub(crate) fn came(&self, arguments: &[&str]) -> Came {
        finish(&mut self.trial(arguments))
    }

    /// Runs it, and it must exit with 0; the document.
    pub(crate) fn must(&self, arguments: &[&str]) -> Value {
        let came = self.came(arguments);
        assert_eq!(came.code(), Some(0), "{arguments:?}: {}", came.said);
        came.json().unwrap_or_else(|| panic!("{arguments:?} answered no JSON"))
    }

    /// A copy of the store, in a folder of its own.
    pub(crate) fn copy(&self) -> Store {
        let copy = Store::empty();
        copy_folder(&self.dir(), &copy.dir());
        for name in FILES {
            let _ = std::fs::copy(self.file(name), copy.file(name));
        }
        if self.file(BACKUP).exists() {
            copy_folder(&self.file(BACKUP), &copy.file(BACKUP));
        }
        copy
    }
}

/// Inputs that a copy takes along.
const FILES: [&str; 3] = ["runs", "records", "more"];
/// A folder that a copy takes along.
pub(crate) const BACKUP: &str = "backup";

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in std::fs::read_dir(from).expect("a folder") {
        let file = file.expect("a file");
        let to = to.join(file.file_name());
        if file.file_type().expect("a type").is_dir() {
            copy_folder(&file.path(), &to);
        } else {
            std::fs::copy(file.path(), to).expect("a copy");
        }
    }
}

/// All files below a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).into_iter().flatten() {
        let path = file.expect("a file").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Records, each created, and closed later.
pub(crate) fn records(numbers: std::ops::Range<u32>) -> String {
    let record = |n: u32, kind: &str, time: &str, data: &Value| {
        cloud_event(&format!("{kind}{n}"), kind, &format!("case/{n}"), time, data)
    };
    let both = |n: u32| {
        let data = json!({ "agency": "a", "title": format!("case {n}") });
        [record(n, "record.created", "2001-02-03", &data), record(n, "record.closed", "2002-03-04", &json!({}))]
    };
    numbers.flat_map(both).collect()
}

/// The store that trials copy: lineage, records, a policy that has decided, sealed segments.
pub(crate) fn base() -> Store {
    let store = Store::empty();
    store.must(&["init", "--origin", "test.example/log"]);
    store.must(&["agency", "define", "a", "--time-zone", "Europe/Amsterdam"]);
    // In several commands: how much of one goes into a segment is a matter of how fast the program is.
    for part in 0..6 {
        store.must(&["ingest", &store.write("runs", runs(part * RUNS / 6..(part + 1) * RUNS / 6))]);
    }
    store.must(&["ingest", &store.write("records", records(0..RECORDS))]);
    store.must(&["plugin", "install", text(&component("plugins/retention"))]);
    store.must(&["policy", "bind", "keep", "--plugin", "retention"]);
    store.must(&["evaluate", "--as-of", "2020-01-01"]);
    store.lets_names_approve();
    store.write("more", runs(RUNS..RUNS + 1_500) + &records(RECORDS..RECORDS + 40));
    let sealed = files(&store.dir()).iter().filter(|path| path.extension().is_some_and(|zst| zst == "zst")).count();
    assert!(sealed > 3, "{sealed} sealed segments");
    store
}

/// Questions that read journal, store and views.
pub(crate) const QUESTIONS: [&[&str]; 8] = [
    &["verify"],
    &["record", "list"],
    &["record", "show", "case/7"],
    &["explain", "case/8"],
    &["lineage", "db/t300", "--up", "--depth", "40", "--view", "json"],
    &["log", "checkpoint"],
    &["log", "prove", "500"],
    &["agency", "list"],
];

/// An entry as a text that is another when anything of it is; the payloads as their digests, since there are many.
pub(crate) fn told(framed: &fonds_log::Framed) -> String {
    let fonds_log::Framed { entry, macs } = framed;
    let items = entry.items.iter().map(|item| {
        let content = item.content.as_ref().map(|content| (content.salt, fonds_model::Digest::of(&content.payload)));
        format!(" {:?} {content:?} {:?}", item.digest, item.erased)
    });
    format!("{} {:?} {} {macs:?}{}", entry.seq, entry.at, entry.kind, items.collect::<String>())
}

/// A log's entries, each as a text that must come back.
pub(crate) fn entries(dir: &Path) -> Result<Vec<String>, String> {
    let reader = fonds_log::Reader::open(dir).map_err(|error| error.to_string())?;
    let entries = reader.entries(0).map_err(|error| error.to_string())?;
    entries.map(|framed| framed.map(|framed| told(&framed)).map_err(|error| error.to_string())).collect()
}

/// The number in the last line that says how many events were acknowledged.
pub(crate) fn acknowledged(said: &str) -> u64 {
    let number = |line: &str| line.split_once("acknowledged events=")?.1.trim().parse().ok();
    said.lines().filter_map(number).next_back().unwrap_or(0)
}

/// A checkpoint that is kept elsewhere: the log must only ever grow from it.
#[derive(Debug, Clone)]
pub(crate) struct Kept(fonds_log::Checkpoint);

impl Kept {
    /// What `log checkpoint` says now.
    pub(crate) fn now(store: &Store) -> Result<Self, String> {
        let reader = fonds_log::Reader::open(&store.dir()).map_err(|error| error.to_string())?;
        reader.checkpoint().map(|(checkpoint, _)| Self(checkpoint)).map_err(|error| error.to_string())
    }

    pub(crate) fn size(&self) -> u64 {
        self.0.size
    }

    /// Whether the log as it is now begins with what was signed then.
    pub(crate) fn is_within(&self, store: &Store) -> Result<(), String> {
        let now = Self::now(store)?.0;
        let (old, new) = (self.0.size.to_string(), now.size.to_string());
        let came = store.came(&["log", "consistency", &old, &new]);
        let proof = came.json().filter(|_| came.code() == Some(0)).ok_or(came.said)?;
        let hashes: Vec<fonds_model::Digest> =
            proof["hashes"].as_array().into_iter().flatten().filter_map(|hash| digest(hash.as_str()?)).collect();
        let whole = fonds_log::tree::verify_consistency(self.0.size, now.size, &self.0.root, &now.root, &hashes);
        if whole {
            Ok(())
        } else {
            Err(format!("the log of {new} entries does not begin with the {old} signed before"))
        }
    }
}

fn digest(text: &str) -> Option<fonds_model::Digest> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    bytes.try_into().ok().map(fonds_model::Digest)
}
