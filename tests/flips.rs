//! One flipped bit anywhere in the data folder: noticed or harmless, never a wrong answer without a word.
//!
//! `bash tests/campaign.sh flips [TRIALS]` is the long form.

use crate::shim::{Random, rounds};
use crate::store::Store;
use crate::trial::{Came, QUESTIONS, base, files};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Trials of the short form.
const TRIALS: u32 = 12;

/// What can be made anew from the journal: whatever happens to it, every question is answered as before.
const REBUILT: [&str; 4] = ["store", "hashes", "cache", "lock"];

/// A journal is put together again from the store: then all is as before.
fn repaired(store: &Store, whole: &Whole) -> Result<(), String> {
    let came = store.came(&["log", "repair"]);
    if came.code() != Some(0) {
        return Err(format!("log repair: {}", came.said));
    }
    if store.must(&["verify"])["verified"] != true {
        return Err("what was repaired does not verify".to_owned());
    }
    for (number, want) in whole.entries.iter().enumerate() {
        let mut shown = store.must(&["log", "show", &(number * 60).to_string()]);
        // What was asked in between may have been logged.
        shown["log_size"] = want["log_size"].clone();
        if shown != *want {
            return Err(format!("entry {} is {shown} after the repair", number * 60));
        }
    }
    Ok(())
}

/// What commands that change something answer on a whole store.
fn changes(store: &Store) -> [Came; 2] {
    // All of it is there already, and every decision stands.
    let again = store.file("records").display().to_string();
    let sent: [&[&str]; 2] = [&["ingest", &again], &["evaluate", "--all", "--as-of", "2020-01-01"]];
    // What changes something never begins again unasked: where the store is found to be lost in the midst of it, the person
    // is told, and the next try has one that was made anew.
    sent.map(|sent| Some(store.came(sent)).filter(|came| came.code() != Some(5)).unwrap_or_else(|| store.came(sent)))
}

fn flip(path: &Path, random: &mut Random) -> Option<(u64, u32)> {
    let mut bytes = std::fs::read(path).expect("a file");
    let (place, bit) = (random.below(bytes.len() as u64), random.below(8) as u32);
    *bytes.get_mut(place as usize)? ^= 1 << bit;
    std::fs::write(path, bytes).expect("a file");
    Some((place, bit))
}

/// What a whole store answers.
struct Whole {
    answers: Vec<Value>,
    entries: Vec<Value>,
    changes: Vec<Value>,
}

impl Whole {
    fn of(store: &Store) -> Self {
        let changed = store.copy();
        Self {
            answers: QUESTIONS.iter().map(|question| store.must(question)).collect(),
            entries: (0..20).map(|n| store.must(&["log", "show", &(n * 60).to_string()])).collect(),
            changes: changes(&changed).iter().map(|came| came.json().expect("JSON")).collect(),
        }
    }
}

/// Asks everything; how often it was refused, or what was answered wrongly without a word.
fn ask(store: &Store, whole: &Whole, random: &mut Random) -> Result<u32, String> {
    let mut refused = 0;
    let mut hear = |question: &str, came: &Came, want: &Value| {
        if came.panicked() || came.code().is_none() {
            return Err(format!("{question} died: {:?} {}", came.status, came.said));
        }
        if came.code() != Some(0) {
            refused += 1;
            return Ok(());
        }
        let got = came.json();
        if got.as_ref() == Some(want) { Ok(()) } else { Err(format!("{question} answered {got:?}, not {want}")) }
    };
    // Whichever question comes first meets the damage.
    let first = random.below(QUESTIONS.len() as u64) as usize;
    for index in (0..QUESTIONS.len()).map(|index| (index + first) % QUESTIONS.len()) {
        hear(&QUESTIONS[index].join(" "), &store.came(QUESTIONS[index]), &whole.answers[index])?;
    }
    let entry = random.below(whole.entries.len() as u64) as usize;
    let shown = store.came(&["log", "show", &(entry * 60).to_string()]);
    hear("log show", &shown, &whole.entries[entry])?;
    for (came, want) in changes(store).iter().zip(&whole.changes) {
        hear("a change", came, want)?;
    }
    Ok(refused)
}

#[test]
fn one_flipped_bit_anywhere_is_noticed_or_harmless_and_never_a_wrong_answer() {
    let trials = rounds("FONDS_FLIPS", TRIALS);
    let store = base();
    let whole = Whole::of(&store);
    let mut random = Random(u64::from(trials) + 11);
    let mut all = files(&store.dir());
    // There is no bit to flip in an empty file.
    all.retain(|path| path.metadata().is_ok_and(|about| about.len() > 0));
    let (mut tally, mut wrong) = (BTreeMap::<String, [u32; 2]>::new(), Vec::new());
    for trial in 0..trials {
        if trial % 50 == 49 {
            eprintln!("flips: {trial} of {trials} trials, {} wrong", wrong.len());
        }
        let copy = store.copy();
        // Half of them by file, so that small files have their turn, and half by size.
        let mut at = random.below(all.iter().map(|path| path.metadata().unwrap().len()).sum());
        let by_size = all.iter().find(|path| {
            let length = path.metadata().unwrap().len();
            let is_here = at < length;
            at = at.saturating_sub(length);
            is_here
        });
        let any = &all[random.below(all.len() as u64) as usize];
        let chosen = by_size.filter(|_| random.in_100(50)).unwrap_or(any);
        let below = chosen.strip_prefix(store.dir()).expect("it lies below");
        let Some(place) = flip(&copy.dir().join(below), &mut random) else { continue };
        let area = below.iter().next().unwrap().to_str().unwrap().to_owned();
        match ask(&copy, &whole, &mut random) {
            Ok(refused) => {
                tally.entry(area.clone()).or_default()[usize::from(refused > 0)] += 1;
                let noticed = refused > 0;
                if let Some(why) = (area == "journal" && noticed).then(|| repaired(&copy, &whole)).and_then(Result::err)
                {
                    wrong.push(format!("trial {trial}, {} at {place:?}: {why}", below.display()));
                }
                if refused > 0 && REBUILT.contains(&area.as_str()) {
                    wrong.push(format!("trial {trial}, {} at {place:?}: {refused} refused", below.display()));
                }
            }
            Err(why) => {
                eprintln!("trial {trial}, {} at {place:?}: {why}", below.display());
                wrong.push(format!("trial {trial}, {} at {place:?}: {why}", below.display()));
            }
        }
    }
    eprintln!("flips: {trials} trials; as before, noticed: {tally:?}; {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} of {trials} trials:\n{}", wrong.len(), wrong.join("\n"));
}
