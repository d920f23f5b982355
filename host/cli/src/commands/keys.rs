//! Keys, witnesses and cosignatures.

use super::read_file;
use crate::args::{Cosign, Key, Witness};
use crate::output::Screen;
use crate::{Failure, workshop};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fonds_model::Digest;
use fonds_runtime::keys::{self, Brought};
use fonds_runtime::note::{Signed, Verifier};
use fonds_runtime::{Checkpoint, LogError, Reader, RuntimeError};
use serde::Deserialize;
use serde_json::json;
use std::path::Path;

/// `log key …`.
pub(crate) fn key(dir: &Path, reader: &Reader, command: Key, screen: Screen) -> Result<(), Failure> {
    match command {
        Key::Show { all } => {
            let key = fonds_runtime::key(reader)?;
            let keys: Vec<String> = reader.keys().iter().map(ToString::to_string).collect();
            let shown = if all { keys.join("\n") } else { key.clone() };
            Ok(screen.answer(&json!({ "key": key, "keys": keys }), |_| format!("{shown}\n"))?)
        }
        Key::Rotate { by, reason } => {
            let runtime = workshop::open(dir)?;
            let rotated = runtime.rotate_key(by.as_deref(), reason.as_deref())?;
            screen.say(&format!("entry {} puts a new key in use; checkpoints from now on need it", rotated.entry.seq));
            screen.answer(&rotated, |_| format!("{}\n", rotated.key))?;
            Ok(runtime.close()?)
        }
    }
}

/// `log witness …`.
pub(crate) fn witness(dir: &Path, reader: &Reader, command: Witness, screen: Screen) -> Result<(), Failure> {
    match command {
        Witness::Key => {
            let key = fonds_runtime::Witness::open(dir, reader.origin())?.key().to_string();
            Ok(screen.answer(&json!({ "key": key }), |_| format!("{key}\n"))?)
        }
        Witness::List => {
            let keys: Vec<String> = reader.witnesses()?.iter().map(ToString::to_string).collect();
            let shown: String = keys.iter().map(|key| format!("{key}\n")).collect();
            Ok(screen.answer(&json!({ "witnesses": keys, "log_size": reader.size()? }), |_| shown)?)
        }
        Witness::Add { key, by } => {
            let runtime = workshop::open(dir)?;
            match runtime.add_witness(&key, by.as_deref())? {
                Some(entry) => {
                    screen.answer(&entry, |_| format!("entry {} adds the witness {key}\n", entry.seq))?;
                }
                None => {
                    let answer = json!({ "seq": null, "log_size": runtime.log_size() });
                    screen.answer(&answer, |_| format!("the witness {key} counts already\n"))?;
                }
            }
            Ok(runtime.close()?)
        }
        Witness::Receive { file } => {
            let (checkpoint, signed) = reader.receive_cosigned(&read_note(&file)?).map_err(refused)?;
            let answer =
                json!({ "size": checkpoint.size, "root": checkpoint.root, "cosignatures": cosignatures(&signed) });
            let names: Vec<&str> = signed.iter().map(|signed| signed.key.name()).collect();
            Ok(screen.answer(&answer, |_| format!("{} entries cosigned by {}\n", checkpoint.size, names.join(", ")))?)
        }
    }
}

/// Who cosigned, and when.
pub(crate) fn cosignatures(signed: &[Signed]) -> Vec<serde_json::Value> {
    let seconds = |time: u64| i64::try_from(time).ok().and_then(|time| jiff::Timestamp::from_second(time).ok());
    let one = |signed: &Signed| {
        let time = signed.time.and_then(seconds).map(|time| time.to_string());
        json!({ "name": signed.key.name(), "key": signed.key.to_string(), "time": time })
    };
    signed.iter().map(one).collect()
}

/// What `log consistency` prints.
#[derive(Deserialize)]
struct Proof {
    old: u64,
    new: u64,
    hashes: Vec<String>,
}

/// `log cosign`.
pub(crate) fn cosign(dir: &Path, own: &Reader, told: &Cosign, screen: Screen) -> Result<(), Failure> {
    let told_keys = verifiers(&told.keys)?;
    let proof = told.proof.as_deref().map(read_proof).transpose()?;
    let witness = fonds_runtime::Witness::open(dir, own.origin())?;
    let mut answers = Vec::new();
    for source in &told.sources {
        let log = if source.is_dir() { Some(workshop::reader(source)?) } else { None };
        let note = match &log {
            Some(log) => log.checkpoint()?.1,
            None => read_note(source)?,
        };
        let cosigned = keys::cosign(&witness, &note, &told_keys, proof.as_ref(), log.as_ref(), workshop::now());
        let cosigned = cosigned.map_err(|error| match error {
            RuntimeError::Log(error) => refused(error),
            other => other.into(),
        })?;
        let text = cosigned.rsplit_once("\n\n").map_or("", |(text, _)| text);
        let checkpoint = Checkpoint::read(text)?;
        answers.push(json!({ "origin": checkpoint.origin, "size": checkpoint.size, "note": cosigned }));
        if !screen.is_json() {
            screen.text(&cosigned)?;
        }
    }
    if screen.is_json() {
        screen.answer(&json!({ "witness": witness.key().to_string(), "cosigned": answers }), |_| String::new())?;
    }
    Ok(())
}

/// A note or a proof from elsewhere that does not hold is a check that failed, and no fault of this store.
fn refused(error: LogError) -> Failure {
    match error {
        LogError::Note(_) | LogError::Witness(_) => Failure::Check(error.to_string()),
        other => other.into(),
    }
}

/// Keys as they were told.
pub(crate) fn verifiers(keys: &[String]) -> Result<Vec<Verifier>, Failure> {
    keys.iter().map(|key| Verifier::parse(key).map_err(|error| Failure::Usage(error.to_string()))).collect()
}

fn read_note(file: &Path) -> Result<String, Failure> {
    let wrong = |_| Failure::Check(format!("`{}` is no signed note: it is not text", file.display()));
    String::from_utf8(read_file(file)?).map_err(wrong)
}

fn read_proof(file: &Path) -> Result<Brought, Failure> {
    let wrong = || Failure::Usage(format!("`{}` is not what `fonds log consistency` prints", file.display()));
    let proof: Proof = serde_json::from_slice(&read_file(file)?).map_err(|_| wrong())?;
    let hash = |text: &String| STANDARD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let hashes: Option<Vec<Digest>> = proof.hashes.iter().map(|text| hash(text).map(Digest)).collect();
    Ok((proof.old, proof.new, hashes.ok_or_else(wrong)?))
}
