//! The fuzz targets' bodies, over their seeds and mutations of them, the same in every run.
//!
//! `bash tests/campaign.sh fuzz [SECONDS]` gives each to cargo-fuzz.

use crate::shim::{Random, rounds};
use fonds_fuzz::TARGETS;

/// Mutations of each target in the short form.
const ROUNDS: u32 = 400;

/// What is inserted now and then: bytes that formats care about.
const WORDS: [&[u8]; 16] = [
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\\u0000",
    b"null",
    b"1e999",
    b"9999-12-31",
    b"-1",
    b"\n\n",
    b"</trace>",
    b"\xc3\x28",
];

fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let any = |random: &mut Random| seeds[random.below(seeds.len() as u64) as usize].clone();
    let mut bytes = any(random);
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        let to = (at + random.below(24) as usize).min(bytes.len());
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            2 => drop(bytes.drain(at..to)),
            3 => drop(bytes.splice(at..at, bytes[at..to].to_vec())),
            4 => drop(bytes.splice(at..at, WORDS[random.below(WORDS.len() as u64) as usize].to_vec())),
            5 => drop(bytes.splice(at..to, WORDS[random.below(WORDS.len() as u64) as usize].to_vec())),
            6 => bytes.truncate(at),
            _ => {
                let other = any(random);
                let from = random.below(other.len() as u64 + 1) as usize;
                bytes.splice(at..to, other[from..].iter().take(64).copied());
            }
        }
    }
    bytes
}

fn run(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("there is such a target");
    let seeds = (target.seeds)();
    if let Some(folder) = std::env::var_os("FONDS_FUZZ_SEEDS") {
        let folder = std::path::Path::new(&folder).join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the seeds");
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(number.to_string()), seed).expect("a seed");
        }
    }
    for (number, seed) in seeds.iter().enumerate() {
        assert!((target.body)(seed), "{name}: seed {number} is not understood: {}", String::from_utf8_lossy(seed));
    }
    let mut random = Random(1);
    for _ in 0..rounds("FONDS_FUZZ", ROUNDS) {
        let bytes = mutated(&seeds, &mut random);
        let shown = bytes.clone();
        if std::panic::catch_unwind(move || (target.body)(&bytes)).is_err() {
            panic!("{name} breaks with {:?}, {}", String::from_utf8_lossy(&shown), fonds_model::ids::hex(&shown));
        }
    }
}

const OF_THE_LOG: [&str; 4] = ["header", "note", "checkpoint", "proof"];
const OF_EVENTS: [&str; 5] = ["openlineage", "cloudevents", "xes", "premis", "schedule"];
const ALONE: [&str; 3] = ["journal", "evidence", "answers"];

#[test]
fn every_target_is_run_here() {
    let mut run = [&OF_THE_LOG[..], &OF_EVENTS, &ALONE].concat();
    let mut targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    run.sort_unstable();
    targets.sort_unstable();
    assert_eq!(run, targets);
}

#[test]
fn bytes_from_anywhere_break_no_promise_of_the_log() {
    OF_THE_LOG.iter().for_each(|name| run(name));
}

#[test]
fn a_journal_of_any_bytes_breaks_no_promise() {
    run("journal");
}

#[test]
fn events_of_any_bytes_break_no_promise() {
    OF_EVENTS.iter().for_each(|name| run(name));
}

#[test]
fn evidence_of_any_bytes_proves_nothing_that_was_not_proved() {
    run("evidence");
}

#[test]
fn answers_of_any_bytes_break_no_promise() {
    run("answers");
}
