//! Checking all that the log says: its bytes, and with `--replay` its decisions.

use crate::output::{Screen, Tone, table};
use crate::{Failure, workshop};
use fonds_runtime::replay::Replayed;
use fonds_runtime::{Damage, Reader, Report};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// `verify`.
pub(crate) fn verify(dir: &Path, replay: bool, screen: Screen) -> Result<(), Failure> {
    let reader = workshop::reader(dir)?;
    let report = hashed(&reader, screen)?;
    let whole = report.is_good();
    // What is not as it was signed is no ground to decide anything on.
    let replayed = (replay && whole).then(|| replayed(dir, screen)).transpose()?;
    let mut answer = answer(&report);
    if let Some(replayed) = &replayed {
        let fields = serde_json::to_value(replayed).map_err(std::io::Error::from)?;
        answer.as_object_mut().map(|answer| answer.insert("replay".to_owned(), fields));
    }
    screen.answer(&answer, |screen| {
        let decisions = replayed.as_ref().map(|replayed| shown_replay(screen, replayed)).unwrap_or_default();
        shown(screen, &report) + &decisions
    })?;
    if !whole {
        let why = "the log does not verify: keep every copy of it, and restore from one that does";
        return Err(Failure::Check(why.to_owned()));
    }
    match replayed {
        Some(replayed) if !replayed.is_good() => Err(Failure::Check(
            "what is recorded is not what the policies say: see the entries named above. Where only `facts` differ, run \
             `fonds store rebuild` and replay again before anyone is suspected"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

fn hashed(reader: &Reader, screen: Screen) -> Result<Report, Failure> {
    let bar = screen.progress("verifying");
    let report = reader.verify(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    Ok(report)
}

fn replayed(dir: &Path, screen: Screen) -> Result<Replayed, Failure> {
    let runtime = workshop::open(dir)?;
    let bar = screen.progress("replaying");
    let began = Instant::now();
    let replayed = runtime.replay(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    screen.took("decisions replayed", replayed.replayed, began.elapsed());
    runtime.close()?;
    Ok(replayed)
}

fn answer(report: &Report) -> Value {
    let damage = |found: &Damage| json!({ "seq": found.seq, "what": found.what });
    let signed = report.checkpoint.as_ref();
    let root = signed.map(|checkpoint| checkpoint.root.to_string());
    json!({ "verified": report.is_good(), "entries": report.entries, "items": report.items, "erased": report.erased,
        "bytes": report.bytes, "root": root, "origin": signed.map(|checkpoint| &checkpoint.origin), "damages": report.damages,
        "scrub_waiting": report.scrub_waiting, "damage": report.damage.iter().map(damage).collect::<Vec<_>>(), "log_size": signed.map(|checkpoint| checkpoint.size) })
}

fn shown(screen: &Screen, report: &Report) -> String {
    let mut text = String::new();
    for found in &report.damage {
        let entry = found.seq.map_or_else(|| "the log".to_owned(), |seq| format!("entry {seq}"));
        text += &format!("{} {entry}: {}\n", screen.paint(Tone::Bad, "damaged"), found.what);
    }
    let verdict =
        if report.is_good() { screen.paint(Tone::Good, "verified") } else { screen.paint(Tone::Bad, "NOT verified") };
    let root = report.checkpoint.as_ref().map(|checkpoint| checkpoint.root.to_string());
    let root = root.unwrap_or_else(|| "not signed".to_owned());
    text += &format!("{verdict}: {} entries, {} items, root {root}\n", report.entries, report.items);
    if report.erased > 0 {
        text += &format!("{} items were erased, as entries of the log say\n", report.erased);
    }
    if let Some(waiting) = report.scrub_waiting {
        text += &(super::erase::scrub_text(waiting) + "\n");
    }
    text
}

fn shown_replay(screen: &Screen, replayed: &Replayed) -> String {
    let mut text = String::new();
    if !replayed.differences.is_empty() {
        let rows = replayed.differences.iter().map(|found| {
            let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            vec![
                format!("{}/{}", found.seq, found.item),
                or_none(&found.record),
                or_none(&found.policy),
                found.field.clone(),
                found.recorded.clone(),
                found.replayed.clone(),
            ]
        });
        text += &table(&["entry", "record", "policy", "field", "recorded", "replayed"], rows);
    }
    for not in &replayed.not_replayable {
        text += &format!("{} {}: {}\n", screen.paint(Tone::Quiet, "not replayed"), not.count, not.reason);
    }
    let good = replayed.is_good();
    let (tone, verdict) = if good { (Tone::Good, "replayed") } else { (Tone::Bad, "NOT as recorded") };
    let Replayed { replayed: decisions, equal, different, sweeps, sweeps_different, .. } = replayed;
    text + &format!(
        "{}: {decisions} decisions, {equal} equal, {different} different; {sweeps} sweeps, {sweeps_different} different\n",
        screen.paint(tone, verdict)
    )
}
