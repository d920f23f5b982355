//! The log itself: entries, proofs, verification, repair, and mistakes put right.

use super::keys;
use crate::args::{Log, Why};
use crate::output::{Screen, Tone, pairs};
use crate::{Failure, workshop};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fonds_model::body::{Assurance, Who};
use fonds_model::{Digest, Position, ids};
use serde_json::{Value, json};
use std::path::Path;

impl From<Why> for Who {
    fn from(why: Why) -> Self {
        let by_assurance = why.by.as_ref().map(|_| Assurance::Asserted);
        Who { by: why.by, by_assurance, on_behalf_of: None, authority: why.authority, reason: Some(why.reason) }
    }
}

pub(super) fn position(text: &str) -> Result<Position, Failure> {
    Position::parse(text)
        .ok_or_else(|| Failure::Usage(format!("`{text}` is not an entry: write SEQ or SEQ/ITEM, such as 12 or 12/1")))
}

/// `correct`.
pub(crate) fn correct(dir: &Path, at: &str, field: &str, to: &str, why: Why, screen: Screen) -> Result<(), Failure> {
    let at = position(at)?;
    let new = serde_json::from_str(to).ok().filter(|value| !matches!(value, Value::Number(_)));
    let new = new.unwrap_or_else(|| Value::String(to.to_owned()));
    let runtime = workshop::open(dir)?;
    let entry = runtime.correct(at, field, new, why.into())?;
    screen.answer(&entry, |_| format!("entry {} puts `{field}` of {at} right\n", entry.seq))?;
    Ok(runtime.close()?)
}

/// `annul`.
pub(crate) fn annul(dir: &Path, at: &str, why: Why, screen: Screen) -> Result<(), Failure> {
    let at = position(at)?;
    let runtime = workshop::open(dir)?;
    let entry = runtime.annul(at, why.into())?;
    screen.answer(&entry, |_| format!("entry {} annuls {at}\n", entry.seq))?;
    Ok(runtime.close()?)
}

/// `log …`: reads journal and checkpoint, beside a running writer.
pub(crate) fn log(dir: &Path, command: Log, screen: Screen) -> Result<(), Failure> {
    let reader = workshop::reader(dir)?;
    match command {
        Log::Show { seq } => show(&reader, seq, screen),
        Log::Repair => super::backup::repair(dir, screen),
        Log::Erase(told) => super::erase::erase(dir, told, screen),
        Log::Checkpoint => {
            let (checkpoint, note) = reader.checkpoint_cosigned()?;
            let waiting = reader.scrub_waiting()?;
            Ok(if screen.is_json() {
                screen.answer(&json!({ "note": note, "scrub_waiting": waiting, "log_size": checkpoint.size }), |_| {
                    String::new()
                })
            } else {
                if let Some(waiting) = waiting {
                    screen.complain(&super::erase::scrub_text(waiting));
                }
                screen.text(&note)
            }?)
        }
        Log::Prove { seq, size } => {
            let proof = reader.prove(seq, size)?;
            let answer = json!({ "index": proof.index, "size": proof.size, "hashes": base64_of(&proof.hashes) });
            Ok(screen.text(&(answer.to_string() + "\n"))?)
        }
        Log::Consistency { old, new } => {
            let proof = reader.consistency(old, new)?;
            let answer = json!({ "old": proof.old, "new": proof.new, "hashes": base64_of(&proof.hashes) });
            Ok(screen.text(&(answer.to_string() + "\n"))?)
        }
        Log::Export { dir } => {
            let exported = reader.export(&dir)?.size;
            let answer = json!({ "size": exported, "dir": dir, "log_size": exported });
            Ok(screen.answer(&answer, |_| format!("{exported} entries are in {}\n", dir.display()))?)
        }
        Log::Key(command) => keys::key(dir, &reader, command, screen),
        Log::Witness(command) => keys::witness(dir, &reader, command, screen),
        Log::Cosign(told) => keys::cosign(dir, &reader, &told, screen),
    }
}

fn base64_of(hashes: &[Digest]) -> Vec<String> {
    hashes.iter().map(|hash| STANDARD.encode(hash.0)).collect()
}

fn show(reader: &fonds_runtime::Reader, seq: u64, screen: Screen) -> Result<(), Failure> {
    let entry = reader.entry(seq)?.entry;
    let header = String::from_utf8_lossy(&reader.header(seq)?).into_owned();
    let item = |item: &fonds_model::Item| match &item.content {
        Some(content) => json!({ "digest": item.digest, "salt": ids::hex(&content.salt),
            "payload": String::from_utf8_lossy(&content.payload) }),
        None => json!({ "digest": item.digest, "erased_by": item.erased.as_ref().map(|erased| erased.by) }),
    };
    let items: Vec<Value> = entry.items.iter().map(item).collect();
    let answer = json!({ "seq": seq, "header": header, "items": items, "log_size": reader.size()? });
    Ok(screen.answer(&answer, |screen| {
        let mut text = pairs(
            screen,
            &[
                ("entry", seq.to_string()),
                ("at", entry.at.to_string()),
                ("kind", screen.paint(Tone::Name, entry.kind.as_str())),
                ("header", header.clone()),
            ],
        );
        for (item, index) in entry.items.iter().zip(0..) {
            text += &screen.paint(Tone::Quiet, &format!("item {index}  sha256 {}\n", item.digest));
            match &item.content {
                Some(content) => text += &(String::from_utf8_lossy(&content.payload).into_owned() + "\n"),
                None => {
                    let by = item.erased.as_ref().map(|erased| format!(" by entry {}", erased.by));
                    text += &screen.paint(Tone::Bad, &format!("erased{}\n", by.unwrap_or_default()));
                }
            }
        }
        text
    })?)
}
