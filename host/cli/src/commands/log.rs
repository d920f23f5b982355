//! The log itself: entries, proofs, verification, repair, and mistakes put right.

use crate::args::{self, Key, Log, Why};
use crate::output::{Screen, Tone, pairs};
use crate::{Failure, workshop};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fonds_model::body::{Assurance, Who};
use fonds_model::{Digest, Position, ids};
use fonds_store::Store;
use serde_json::{Value, json};
use std::path::Path;

impl From<Why> for Who {
    fn from(why: Why) -> Self {
        let by_assurance = why.by.as_ref().map(|_| Assurance::Asserted);
        Who { by: why.by, by_assurance, on_behalf_of: None, authority: why.authority, reason: Some(why.reason) }
    }
}

fn position(text: &str) -> Result<Position, Failure> {
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
        Log::Checkpoint => {
            let (_, note) = reader.checkpoint()?;
            Ok(if screen.is_json() {
                screen.answer(&json!({ "note": note }), |_| String::new())
            } else {
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
            let answer = json!({ "size": exported, "dir": dir });
            Ok(screen.answer(&answer, |_| format!("{exported} entries are in {}\n", dir.display()))?)
        }
        Log::Key(Key::Show) => {
            let key = fonds_runtime::key(&reader)?;
            Ok(screen.answer(&json!({ "key": key }), |_| format!("{key}\n"))?)
        }
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
        None => json!({ "digest": item.digest, "erased_by": Value::Null }),
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
                None => text += &screen.paint(Tone::Bad, "erased\n"),
            }
        }
        text
    })?)
}

/// `verify`.
pub(crate) fn verify(dir: &Path, screen: Screen) -> Result<(), Failure> {
    let reader = workshop::reader(dir)?;
    let bar = screen.progress("verifying");
    let report = reader.verify(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let whole = report.is_good();
    let damage = |found: &fonds_runtime::Damage| json!({ "seq": found.seq, "what": found.what });
    let signed = report.checkpoint.as_ref();
    let root = signed.map(|checkpoint| checkpoint.root.to_string());
    let answer = json!({ "verified": whole, "entries": report.entries, "items": report.items, "erased": report.erased,
        "bytes": report.bytes, "root": root, "origin": signed.map(|checkpoint| &checkpoint.origin), "damages": report.damages,
        "damage": report.damage.iter().map(damage).collect::<Vec<_>>(), "log_size": signed.map(|checkpoint| checkpoint.size) });
    screen.answer(&answer, |screen| {
        let mut text = String::new();
        for found in &report.damage {
            let entry = found.seq.map_or_else(|| "the log".to_owned(), |seq| format!("entry {seq}"));
            text += &format!("{} {entry}: {}\n", screen.paint(Tone::Bad, "damaged"), found.what);
        }
        let verdict =
            if whole { screen.paint(Tone::Good, "verified") } else { screen.paint(Tone::Bad, "NOT verified") };
        let root = root.clone().unwrap_or_else(|| "not signed".to_owned());
        text + &format!("{verdict}: {} entries, {} items, root {root}\n", report.entries, report.items)
    })?;
    if whole {
        Ok(())
    } else {
        Err(Failure::Check("the log does not verify: keep every copy of it, and restore from one that does".to_owned()))
    }
}

/// `store rebuild`.
pub(crate) fn store(dir: &Path, command: args::Store, screen: Screen) -> Result<(), Failure> {
    let args::Store::Rebuild = command;
    let lock = workshop::lock(dir)?;
    let new = dir.join(fonds_store::NEW);
    // What an earlier rebuild left is gone on with, unless it was lost itself.
    if fonds_store::is_lost(&new) {
        std::fs::remove_dir_all(&new)?;
    }
    let fresh = Store::open(new).map_err(|error| Failure::Store(error.to_string()))?;
    let runtime = workshop::with_store(dir, lock, fresh)?;
    let bar = screen.progress("rebuilding");
    runtime.log().catch_up(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let size = runtime.log_size();
    // Nobody may open the store that is about to be replaced.
    let lock = runtime.close_keeping_lock()?;
    fonds_store::swap_in(dir, fonds_store::NEW).map_err(|error| Failure::Store(error.to_string()))?;
    drop(lock);
    Ok(screen.answer(&json!({ "log_size": size }), |_| format!("the store was made anew from {size} entries\n"))?)
}
