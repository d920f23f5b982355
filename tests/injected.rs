//! Every call that touches a file fails once, before and after it took effect, or the process dies there.
//!
//! `bash tests/campaign.sh inject [TRIALS]` is the long form.

use crate::shim::{Fault, Random, preload, rounds, shim};
use crate::store::Store;
use crate::trial::{Came, acknowledged, base, entries, finish};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Trials of the short form.
const TRIALS: u32 = 12;

const ACTS: [&str; 6] = ["eio-before", "eio-after", "enospc-before", "enospc-after", "kill-before", "kill-after"];

/// A command with a store that it has something to do in, and how that ends when nothing fails.
struct Job {
    store: Store,
    arguments: Vec<String>,
    /// Calls that it makes on files.
    calls: u64,
    before: Vec<String>,
    log_size: u64,
    register: Vec<Value>,
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// The register, without what differs from run to run.
fn register(store: &Store) -> Result<(u64, Vec<Value>), String> {
    let came = store.came(&["record", "list"]);
    if came.code() != Some(0) || came.panicked() {
        return Err(format!("the register cannot be read: {:?} {}", came.status, came.said));
    }
    let list = came.json().ok_or("no JSON")?;
    let row = |record: &Value| {
        let decided = &record["decisions"]["retention"];
        let row = [&record["id"], &record["state"], &record["created"], &record["closed"], &decided["term"]];
        Value::from(row.into_iter().chain([&decided["date"]]).cloned().collect::<Vec<_>>())
    };
    let rows = list["records"].as_array().into_iter().flatten().map(row).collect();
    Ok((list["log_size"].as_u64().unwrap_or_default(), rows))
}

impl Job {
    fn new(store: Store, arguments: &[&str], shim: &Path) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let whole = store.copy();
        let count = whole.file("count");
        let came = Self::run(&whole, &arguments, shim, None, Some(&count));
        assert_eq!(came.code(), Some(0), "{}", came.said);
        let calls = std::fs::read_to_string(count).expect("a count").trim().parse().expect("a number");
        let before = entries(&store.dir()).expect("the base is whole");
        let (log_size, register) = register(&whole).expect("the base is whole");
        Self { store, arguments, calls, before, log_size, register }
    }

    fn run(store: &Store, arguments: &[String], shim: &Path, fault: Option<&Fault>, count: Option<&Path>) -> Came {
        // Each copy has its inputs beside it.
        let arguments: Vec<String> = arguments.iter().map(|word| word.replace("BESIDE", &beside(store))).collect();
        let mut command = store.trial(&[&["-vv"], &words(&arguments)[..]].concat());
        preload(&mut command, shim, &store.dir(), fault);
        if let Some(count) = count {
            // It counts what it could fail at, and so everything that is read too.
            command.env("SHIM_COUNT", count).env("SHIM_AT", u64::MAX.to_string());
        }
        finish(&mut command)
    }

    /// Lets it fail once, and looks at what is left.
    fn fail(&self, shim: &Path, fault: &Fault) -> Result<&'static str, String> {
        let store = self.store.copy();
        let came = Self::run(&store, &self.arguments, shim, Some(fault), None);
        let ended = match (came.code(), fault.act.starts_with("kill")) {
            _ if came.panicked() => return Err(format!("it panicked: {}", came.said)),
            (Some(0), _) => "done all the same",
            (Some(5), _) => "refused",
            (None, true) => "killed",
            (code, _) => return Err(format!("it exited with {code:?}: {}", came.said)),
        };
        let safe = if ended == "done all the same" { self.log_size } else { 0 };
        let safe = safe.max(self.before.len() as u64 + acknowledged(&came.said));
        let (size, _) = register(&store)?;
        if size < safe {
            return Err(format!("{size} entries are left of {safe} acknowledged"));
        }
        let verified = store.came(&["verify"]);
        if verified.code() != Some(0) {
            return Err(format!("it does not verify: {}", verified.out));
        }
        if !entries(&store.dir())?.starts_with(&self.before) {
            return Err("earlier entries are not what they were".to_owned());
        }
        let again = Self::run(&store, &self.arguments, shim, None, None);
        if again.code() != Some(0) {
            return Err(format!("it cannot be done again: {}", again.said));
        }
        let (size, register) = register(&store)?;
        if register != self.register {
            return Err("done again, the register is another".to_owned());
        }
        // What is sent again is a duplicate; a sweep is another sweep.
        let exact = self.arguments.iter().any(|word| word == "ingest" || word == "rebuild");
        if exact && size != self.log_size {
            return Err(format!("done again, there are {size} entries and not {}", self.log_size));
        }
        Ok(ended)
    }
}

fn beside(store: &Store) -> String {
    store.file("").display().to_string().trim_end_matches('/').to_owned()
}

fn jobs(shim: &Path) -> Vec<Job> {
    let base = base();
    let undecided = base.copy();
    undecided.must(&["ingest", &undecided.file("more").display().to_string()]);
    vec![
        Job::new(base.copy(), &["ingest", "BESIDE/more"], shim),
        Job::new(undecided, &["evaluate", "--as-of", "2020-01-01"], shim),
        Job::new(base.copy(), &["store", "rebuild"], shim),
        Job::new(base, &["agency", "define", "b"], shim),
    ]
}

#[test]
fn a_call_that_fails_anywhere_loses_nothing_acknowledged() {
    let Some(shim) = shim() else { return };
    let trials = rounds("FONDS_INJECTIONS", TRIALS);
    let jobs = jobs(&shim);
    let mut random = Random(u64::from(trials) + 3);
    let (mut tally, mut wrong) = (BTreeMap::<(&str, &str), u32>::new(), Vec::new());
    for trial in 0..trials {
        if trial % 50 == 49 {
            eprintln!("injected: {trial} of {trials} trials, {} wrong", wrong.len());
        }
        let job = &jobs[trial as usize % jobs.len()];
        let act = ACTS[(trial as usize / jobs.len()) % ACTS.len()];
        let fault = Fault { at: 1 + random.below(job.calls), act, on: !act.starts_with("kill") && random.in_100(30) };
        match job.fail(&shim, &fault) {
            Ok(ended) => *tally.entry((act, ended)).or_default() += 1,
            Err(why) => wrong.push(format!("{:?} of {} calls, {fault:?}: {why}", job.arguments, job.calls)),
        }
    }
    eprintln!("injected: {trials} trials; {tally:?}; {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} of {trials} trials:\n{}", wrong.len(), wrong.join("\n"));
}
