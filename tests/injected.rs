//! Every call that touches a file fails once, before and after it took effect, or the process dies there.
//!
//! `bash tests/campaign.sh inject [STRIDE]` is the long form: it walks all calls of each job, or every so many of the jobs
//! that make many.

use crate::jobs::{Job, jobs};
use crate::shim::{Fault, Random, preload, rounds, shim};
use crate::store::Store;
use crate::trial::finish;
use std::collections::BTreeMap;

/// Trials of the short form.
const TRIALS: u32 = 14;
/// The seed of the short form.
const SEED: u64 = 15;
/// A job with no more calls than this is walked whole, whatever the stride.
const WALKED_WHOLE: u64 = 260;

/// What can become of a call that changes a file: whether it goes on, too, at every later call that writes.
const OF_A_WRITE: [(&str, bool); 7] = [
    ("eio-before", false),
    ("eio-after", false),
    ("enospc-before", false),
    ("enospc-before", true),
    ("enospc-after", false),
    ("kill-before", false),
    ("kill-after", false),
];
/// And of one that changes nothing, for which before and after are one.
const OF_A_READ: [(&str, bool); 2] = [("eio-before", false), ("kill-before", false)];

fn faults_at(job: &Job, at: u64) -> &'static [(&'static str, bool)] {
    if job.changes_at(at) { &OF_A_WRITE } else { &OF_A_READ }
}

/// A few faults, drawn.
fn drawn(jobs: &[Job]) -> Vec<(&Job, Fault)> {
    eprintln!("injected: {TRIALS} trials drawn with the seed {SEED}");
    let mut random = Random(SEED);
    let draw = |number: u32| {
        let job = &jobs[number as usize % jobs.len()];
        let at = 1 + random.below(job.calls());
        let faults = faults_at(job, at);
        let (act, on) = faults[random.below(faults.len() as u64) as usize];
        (job, Fault { at, act, on })
    };
    (0..TRIALS).map(draw).collect()
}

/// Every fault at every call, or at every so many.
fn walked(jobs: &[Job], stride: u64) -> Vec<(&Job, Fault)> {
    let of_job = |job| {
        let stride = if Job::calls(job) <= WALKED_WHOLE { 1 } else { stride.max(1) };
        let of_call = move |at| faults_at(job, at).iter().map(move |&(act, on)| (job, Fault { at, act, on }));
        (1..=job.calls()).step_by(stride as usize).flat_map(of_call)
    };
    jobs.iter().flat_map(of_job).collect()
}

#[test]
fn a_call_that_fails_anywhere_loses_nothing_acknowledged() {
    let Some(shim) = shim() else { return };
    let only = std::env::var("FONDS_INJECTED_JOB").unwrap_or_default();
    let jobs: Vec<Job> = jobs(&shim).into_iter().filter(|job| job.name().contains(&only)).collect();
    for job in &jobs {
        eprintln!("injected: `{}` makes {} calls on files", job.name(), job.calls());
    }
    let trials = match rounds("FONDS_INJECTIONS", 0) {
        0 => drawn(&jobs),
        stride => walked(&jobs, stride.into()),
    };
    let (mut tally, mut wrong) = (BTreeMap::<(&str, &str), u32>::new(), Vec::new());
    for (number, (job, fault)) in trials.iter().enumerate() {
        if number % 100 == 99 {
            eprintln!("injected: {number} of {} trials, {} wrong", trials.len(), wrong.len());
        }
        match job.fail(&shim, fault) {
            Ok(ended) => *tally.entry((job.name(), ended)).or_default() += 1,
            Err(why) => {
                let why = format!("`{}` of {} calls, {fault:?}: {why}", job.name(), job.calls());
                eprintln!("wrong: {why}");
                wrong.push(why);
            }
        }
    }
    eprintln!("injected: {} trials; {tally:#?}; {} wrong", trials.len(), wrong.len());
    assert!(wrong.is_empty(), "{} of {} trials:\n{}", wrong.len(), trials.len(), wrong.join("\n"));
}

#[test]
fn a_disk_that_takes_nothing_any_more_is_told_of_in_words() {
    let Some(shim) = shim() else { return };
    let store = Store::new();
    store.must(&["agency", "define", "a"]);
    let count = store.file("count");
    let run = |store: &Store, fault: Option<&Fault>| {
        let mut command = store.trial(&["agency", "define", "b"]);
        preload(&mut command, &shim, &store.dir(), fault);
        finish(command.env("SHIM_COUNT", &count))
    };
    assert_eq!(run(&store.copy(), None).code(), Some(0));
    let calls = std::fs::read(&count).expect("a count");
    let writes: Vec<u64> = (1..).zip(&calls).filter(|(_, letter)| **letter == b'w').map(|(at, _)| at).collect();
    assert!(writes.len() > 30, "{} of {} calls write", writes.len(), calls.len());
    for at in writes {
        let store = store.copy();
        let came = run(&store, Some(&Fault { at, act: "enospc-before", on: true }));
        assert!(matches!(came.code(), Some(0 | 5)) && !came.panicked(), "call {at}: {:?} {}", came.status, came.said);
        assert_eq!(came.said.trim().is_empty(), came.code() == Some(0), "call {at}: {}", came.said);
    }
}
