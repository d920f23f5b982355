//! Evidence: made from a store, checked without one.

use super::{keys, read_file};
use crate::output::{Screen, Tone};
use crate::{Failure, workshop};
use fonds_runtime::evidence::{self, Proved};
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
    std::fs::write(to, &made.bytes)
        .map_err(|error| Failure::Usage(format!("`{}` could not be written: {error}", to.display())))?;
    let answer = json!({ "record": id, "to": to, "entries": made.entries, "bytes": made.bytes.len(),
        "truncated": made.truncated, "log_size": made.size });
    screen.answer(&answer, |_| {
        format!("{} entries about {id} are proved in {} ({} bytes)\n", made.entries, to.display(), made.bytes.len())
    })?;
    Ok(runtime.close()?)
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
            let answer = json!({ "verified": true, "record": proved.record, "origin": proved.checkpoint.origin,
                "log_size": proved.checkpoint.size, "root": proved.checkpoint.root, "entries": proved.entries,
                "contents": proved.contents, "erased": proved.erased, "withheld": proved.withheld,
                "decisions": proved.decisions, "truncated": proved.truncated,
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
    let mut says = vec![
        format!("the log `{}` had {} entries, as its key signed", checkpoint.origin, checkpoint.size),
        format!("{entries} entries about `{record}` and what its decisions rest on stand in that log, in this order"),
        format!("{contents} contents are, byte for byte, what was logged"),
        format!("{decisions} decisions about `{record}` were recorded, by the plugins whose digests they name"),
        "the page in the file is the one that these entries give".to_owned(),
    ];
    if *erased > 0 {
        says.push(format!("{erased} contents were erased, by entries that are here"));
    }
    for cosigned in keys::cosignatures(cosigned) {
        let text = |name| cosigned.get(name).and_then(serde_json::Value::as_str).unwrap_or("an unknown time");
        says.push(format!("{} saw that log, whole and only grown, at {}", text("name"), text("time")));
    }
    says
}
