//! Keys put in use, witnesses added, and checkpoints cosigned.

use crate::admin::{AppendedEntry, json, who};
use crate::{Reader, Runtime, RuntimeError, Witness};
use fonds_log::LogError;
use fonds_log::note::Verifier;
use fonds_model::body::{KeyAdded, WitnessAdded};
use fonds_model::{Digest, Kind, Timestamp};
use serde::Serialize;

/// A key that was put in use.
#[derive(Debug, Clone, Serialize)]
pub struct RotatedKey {
    /// The entry.
    #[serde(flatten)]
    pub entry: AppendedEntry,
    /// The key that signs from now on.
    pub key: String,
    /// The key whose place it took.
    pub replaces: String,
}

impl Runtime {
    /// Puts a fresh key in use; the checkpoint over its entry is signed by both.
    ///
    /// # Errors
    /// When the entry could not be appended: the old key then stays in use.
    pub fn rotate_key(&self, by: Option<&str>, reason: Option<&str>) -> Result<RotatedKey, RuntimeError> {
        let mut replaces = String::new();
        let (seq, key) = self.log().rotate_key(|new, old| {
            replaces = old.to_string();
            let mut who = who(by.map(str::to_owned));
            who.reason = reason.map(str::to_owned);
            let body = KeyAdded { key: new.to_string(), replaces: replaces.clone(), who };
            let payload = self.own_envelope(by).with_body(&json(&body)?);
            Ok::<_, RuntimeError>(self.log().prepare(Kind::LogKeyAdded, vec![payload], None)?)
        })?;
        self.catch_up()?;
        let entry = AppendedEntry { seq, kind: Kind::LogKeyAdded, log_size: self.log_size() };
        Ok(RotatedKey { entry, key: key.to_string(), replaces })
    }

    /// Lets the cosignatures of a witness count; one that counts already is not added twice.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`] when it is not a witness's key.
    pub fn add_witness(&self, key: &str, by: Option<&str>) -> Result<Option<AppendedEntry>, RuntimeError> {
        let key = Verifier::parse(key).map_err(|error| RuntimeError::Invalid(error.to_string()))?;
        if !key.is_witness() {
            let why = format!("`{key}` is a log's key: `fonds log witness key` prints that of a witness");
            return Err(RuntimeError::Invalid(why));
        }
        if self.log().reader()?.witnesses()?.contains(&key) {
            return Ok(None);
        }
        let body = WitnessAdded { key: key.to_string(), who: who(by.map(str::to_owned)) };
        let payload = self.own_envelope(by).with_body(&json(&body)?);
        let entry = self.append_own(Kind::LogWitnessAdded, vec![payload])?;
        self.log().add_witness(&key)?;
        Ok(Some(entry))
    }
}

/// A consistency proof that was brought along: from a size, to a size, its hashes.
pub type Brought = (u64, u64, Vec<Digest>);

/// Cosigns a checkpoint, with the proof that was brought along or, where the log itself is at hand, the one it makes.
///
/// # Errors
/// [`LogError::Witness`] when the log rolled back or forked, or its key or the proof is not known.
pub fn cosign(
    witness: &Witness,
    note: &str,
    keys: &[Verifier],
    proof: Option<&Brought>,
    reader: Option<&Reader>,
    now: Timestamp,
) -> Result<String, RuntimeError> {
    let mut asked = |old: u64, new: u64| match (reader, proof) {
        (Some(reader), _) => Ok(reader.consistency(old, new)?.hashes),
        (None, Some((from, to, hashes))) if (*from, *to) == (old, new) => Ok(hashes.clone()),
        (None, Some((from, to, _))) => Err(LogError::Witness(format!(
            "the proof is from {from} to {to} entries: `fonds log consistency {old} {new}` makes the one that is needed"
        ))),
        (None, None) => Err(LogError::Witness(format!(
            "{old} entries were cosigned and this has {new}: bring the proof of `fonds log consistency {old} {new}` with --proof"
        ))),
    };
    Ok(witness.cosign(note, keys, &mut asked, now)?)
}
