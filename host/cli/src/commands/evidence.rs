//! Evidence: made from a store, checked without one.

use super::{keys, read_file};
use crate::output::{Screen, Tone};
use crate::{Failure, workshop};
use fonds_model::Position;
use fonds_runtime::evidence::{self, Evidence, Proved};
use serde_json::json;
use std::path::Path;

/// What evidence does not show, said wherever it is checked.
const UNPROVED: [&str; 2] = [
    "that nothing was left out: only the whole log shows that (`fonds verify`)",
    "that what producers sent is true: it is what was logged, when the log says it was",
];

/// `evidence`.
pub(crate) fn evidence(dir: &Path, id: &str, to: &Path, screen: Screen) -> Result<(), Failure> {
    let runtime = workshop::open(dir)?;
    let made = runtime.evidence(id)?;
    let bytes = write(to, &made)?;
    let answer = json!({ "record": id, "to": to, "entries": made.entries, "bytes": bytes,
        "truncated": made.truncated, "log_size": made.size });
    screen.answer(&answer, |_| {
        format!("{} entries about {id} are proved in {} ({bytes} bytes)\n", made.entries, to.display())
    })?;
    Ok(runtime.close()?)
}

/// `disposition certificate`.
pub(crate) fn certificate(dir: &Path, ids: &[Position], to: &Path, screen: Screen) -> Result<(), Failure> {
    let runtime = workshop::open(dir)?;
    let made = runtime.certificate(ids)?;
    let (count, bytes) = (ids.len(), write(to, &made)?);
    let answer =
        json!({ "dispositions": count, "to": to, "entries": made.entries, "bytes": bytes, "log_size": made.size });
    screen.answer(&answer, |_| format!("{count} dispositions are certified in {} ({bytes} bytes)\n", to.display()))?;
    Ok(runtime.close()?)
}

/// The page with the proof inside it, or the proof alone into a file for programs.
fn write(to: &Path, made: &Evidence) -> Result<usize, Failure> {
    let is_json = to.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let bytes = if is_json { &made.document } else { &made.bytes };
    let wrong = |error: std::io::Error| Failure::Usage(format!("`{}` could not be written: {error}", to.display()));
    std::fs::write(to, bytes).map_err(wrong)?;
    Ok(bytes.len())
}

/// `verify-evidence`.
pub(crate) fn verify(file: &Path, told: &[String], witnesses: &[String], screen: Screen) -> Result<(), Failure> {
    let (trusted, witnesses) = (keys::verifiers(told)?, keys::verifiers(witnesses)?);
    if let Some(key) = trusted.iter().find(|key| key.is_witness()) {
        return Err(Failure::Usage(format!("`{key}` is a witness's key: pass it with --witness")));
    }
    if let Some(key) = witnesses.iter().find(|key| !key.is_witness()) {
        return Err(Failure::Usage(format!("`{key}` is a log's key: pass it with --key")));
    }
    match evidence::check(&read_file(file)?, &trusted, &witnesses) {
        Ok(proved) => {
            let says = proves(&proved);
            let answer = json!({ "verified": true, "record": proved.record, "records": proved.record.lines().collect::<Vec<_>>(), "origin": proved.checkpoint.origin,
                "log_size": proved.checkpoint.size, "root": proved.checkpoint.root, "entries": proved.entries,
                "contents": proved.contents, "erased": proved.erased, "withheld": proved.withheld,
                "decisions": proved.decisions, "signed_approvals": proved.approvals, "truncated": proved.truncated,
                "cosignatures": keys::cosignatures(&proved.cosigned), "unchecked_signatures": proved.unchecked,
                "proves": says, "does_not_prove": UNPROVED });
            Ok(screen.answer(&answer, |screen| {
                let list = |lines: &mut dyn Iterator<Item = &str>| -> String {
                    lines.map(|line| format!("  - {line}\n")).collect()
                };
                let proves = list(&mut says.iter().map(String::as_str));
                let unproved = list(&mut UNPROVED.iter().copied());
                format!("{}; it proves:\n{proves}and does not prove:\n{unproved}", screen.paint(Tone::Good, "verified"))
            })?)
        }
        Err(why) => {
            let answer = json!({ "verified": false, "problem": why.to_string() });
            screen.answer(&answer, |screen| format!("{}: {why}\n", screen.paint(Tone::Bad, "NOT verified")))?;
            Err(Failure::Check("the evidence does not hold: do not rely on any of it".to_owned()))
        }
    }
}

fn proves(proved: &Proved) -> Vec<String> {
    let Proved { record, checkpoint, entries, contents, erased, decisions, cosigned, .. } = proved;
    let count = record.lines().count();
    let record = if count > 1 { format!("{count} records") } else { format!("`{record}`") };
    let mut says = vec![
        format!("the log `{}` had {} entries, as its key signed", checkpoint.origin, checkpoint.size),
        format!("{entries} entries about {record} and what decisions rest on stand in that log, in this order"),
        format!("{contents} contents are, byte for byte, what was logged"),
        format!("{decisions} decisions about {record} were recorded, by the plugins whose digests they name"),
        "the page in the file is the one that these entries give".to_owned(),
    ];
    if proved.approvals > 0 {
        says.push(format!(
            "{} approvals or rejections are signed by keys that the log gave to those people",
            proved.approvals
        ));
    }
    if *erased > 0 {
        says.push(format!("{erased} contents were erased, by entries that are here"));
    }
    for cosigned in keys::cosignatures(cosigned) {
        let text = |name| cosigned.get(name).and_then(serde_json::Value::as_str).unwrap_or("an unknown time");
        says.push(format!("{} saw that log, whole and only grown, at {}", text("name"), text("time")));
    }
    says
}
