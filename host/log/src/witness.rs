//! A witness: cosigns other logs' checkpoints, and never two that contradict each other (C2SP tlog-cosignature).

use crate::checkpoint::Checkpoint;
use crate::note::{self, Signer, Verifier};
use crate::{Lock, LogError, disk, keys, tree};
use fonds_model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// The folder of a data folder that holds the witness's key and what it has cosigned.
const DIR: &str = "witness";

/// What was last cosigned of a log; it is durable before the cosignature leaves the process.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    origin: String,
    /// The log's keys that were told, or that signed.
    keys: Vec<String>,
    size: u64,
    root: Digest,
    /// The note as it was cosigned.
    note: String,
}

/// A witness, open: one process at a time, so that no two checkpoints are cosigned side by side.
pub struct Witness {
    dir: PathBuf,
    signer: Signer,
    _lock: Lock,
}

impl Witness {
    /// Opens the witness of a data folder; its key is made on first use and has the name of that folder's log.
    ///
    /// # Errors
    /// [`LogError::Locked`] when another process cosigns; [`LogError::Io`] when the disk refuses.
    pub fn open(data: &Path, name: &str) -> Result<Self, LogError> {
        let dir = data.join(DIR);
        disk::make_dir(&dir)?;
        let lock = Lock::take(&dir)?;
        let signer = keys::cosigner(&dir.join("witness.key"), name)?;
        Ok(Self { dir, signer, _lock: lock })
    }

    /// The key that checks its cosignatures.
    #[must_use]
    pub fn key(&self) -> Verifier {
        self.signer.verifier()
    }

    /// Cosigns a checkpoint that one of the log's keys has signed: those that are told, or that signed before.
    ///
    /// `proof` is asked for the consistency proof from the size last cosigned to the checkpoint's. What was seen is
    /// durable before the cosigned note is returned.
    ///
    /// # Errors
    /// [`LogError::Witness`] when no key is known for the log, when it rolled back or forked, or when the proof does not
    /// hold; nothing is cosigned then.
    pub fn cosign(
        &self,
        note: &str,
        told: &[Verifier],
        proof: &mut dyn FnMut(u64, u64) -> Result<Vec<Digest>, LogError>,
        now: Timestamp,
    ) -> Result<String, LogError> {
        let refuse = |why: String| LogError::Witness(why);
        let origin = note.lines().next().unwrap_or_default().to_owned();
        let seen = self.seen(&origin)?;
        let mut known = told.to_vec();
        for key in seen.iter().flat_map(|seen| &seen.keys) {
            known.push(Verifier::parse(key)?);
        }
        if known.is_empty() {
            return Err(refuse(format!("no key is known for the log `{origin}`: say one with --key")));
        }
        let opened = note::read(note, &known)?;
        let signed: Vec<&Verifier> =
            opened.signed.iter().map(|signed| &signed.key).filter(|key| !key.is_witness()).collect();
        if signed.is_empty() {
            return Err(refuse(format!(
                "no known key of `{origin}` has signed the checkpoint: where its key was rotated, say the new one with --key"
            )));
        }
        let checkpoint = Checkpoint::read(opened.text)?;
        if let Some(seen) = &seen {
            check(seen, &checkpoint, proof)?;
        }
        let line = self.signer.cosign(opened.text, u64::try_from(now.0 / 1_000_000).unwrap_or_default());
        let mut keys: Vec<String> = seen.into_iter().flat_map(|seen| seen.keys).collect();
        for key in signed.iter().map(ToString::to_string) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let Checkpoint { origin, size, root } = checkpoint;
        let note = note::with_lines(note, [line.as_str()]);
        self.remember(&Seen { origin, keys, size, root, note: note.clone() })?;
        Ok(note)
    }

    fn path(&self, origin: &str) -> PathBuf {
        let name = Digest(Sha256::digest(origin).into());
        self.dir.join(format!("{name}.json"))
    }

    fn seen(&self, origin: &str) -> Result<Option<Seen>, LogError> {
        let path = self.path(origin);
        let text = match disk::read_text(&path) {
            Err(error) if error.is_missing() => return Ok(None),
            text => text?,
        };
        // What cannot be read must not be taken for a log that was never seen.
        let seen: Result<Seen, _> = serde_json::from_str(&text);
        let seen = seen.map_err(|error| LogError::Witness(format!("`{}` is damaged: {error}", path.display())))?;
        if seen.origin != origin {
            return Err(LogError::Witness(format!("`{}` is of another log", path.display())));
        }
        Ok(Some(seen))
    }

    fn remember(&self, seen: &Seen) -> Result<(), LogError> {
        let text = serde_json::to_vec(seen).map_err(|error| LogError::Witness(error.to_string()))?;
        disk::replace(&self.path(&seen.origin), &text, 0o644)
    }
}

/// INVARIANT (no two truths): what is cosigned of a log is one growing tree.
fn check(
    seen: &Seen,
    checkpoint: &Checkpoint,
    proof: &mut dyn FnMut(u64, u64) -> Result<Vec<Digest>, LogError>,
) -> Result<(), LogError> {
    let origin = &seen.origin;
    let (old, new) = (seen.size, checkpoint.size);
    if new < old {
        let why = format!("the log `{origin}` was rolled back: {old} entries were cosigned, and it shows {new}");
        return Err(LogError::Witness(why));
    }
    if new == old {
        return if checkpoint.root == seen.root {
            Ok(())
        } else {
            Err(LogError::Witness(format!("the log `{origin}` was forked: it shows another root for {old} entries")))
        };
    }
    let hashes = if old == 0 { Vec::new() } else { proof(old, new)? };
    if tree::verify_consistency(old, new, &seen.root, &checkpoint.root, &hashes) {
        return Ok(());
    }
    Err(LogError::Witness(format!(
        "the log `{origin}` was forked, or the proof is wrong: its {new} entries do not begin with the {old} that were \
         cosigned"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{CompactRange, leaf_hash};

    fn checkpoint(leaves: &[&str]) -> Checkpoint {
        let mut tree = CompactRange::default();
        leaves.iter().for_each(|leaf| tree.push(leaf_hash(leaf.as_bytes()), |_, _| {}));
        Checkpoint { origin: "log.example".to_owned(), size: tree.size(), root: tree.root() }
    }

    fn none(_: u64, _: u64) -> Result<Vec<Digest>, LogError> {
        Ok(Vec::new())
    }

    #[test]
    fn a_witness_cosigns_a_log_that_grows_and_refuses_a_fork_a_roll_back_and_a_stranger() {
        let dir = tempfile::tempdir().unwrap();
        let log = Signer::from_seed("log.example", &[1; 32]).unwrap();
        let other = Signer::from_seed("log.example", &[2; 32]).unwrap();
        let key = [log.verifier()];
        let at = Timestamp(1_700_000_000_000_000);
        let witness = Witness::open(dir.path(), "witness.example").unwrap();
        let cosign = |witness: &Witness, note: &str, told: &[Verifier], proof: Vec<Digest>| {
            witness.cosign(note, told, &mut |_, _| Ok(proof.clone()), at)
        };
        let first = checkpoint(&["a"]).sign(&log);
        assert!(witness.cosign(&first, &[], &mut none, at).unwrap_err().to_string().contains("--key"));
        assert!(cosign(&witness, &checkpoint(&["a"]).sign(&other), &key, Vec::new()).is_err(), "another key");
        let note = cosign(&witness, &first, &key, Vec::new()).unwrap();
        let opened = note::read(&note, &[witness.key()]).unwrap();
        assert_eq!(opened.signed[0].time, Some(1_700_000_000));
        // From now on the log's key is known, and what it showed before binds it, also after the witness was closed.
        drop(witness);
        let witness = Witness::open(dir.path(), "witness.example").unwrap();
        let second = checkpoint(&["a", "b"]).sign(&log);
        assert!(cosign(&witness, &second, &[], vec![leaf_hash(b"c")]).is_err(), "a wrong proof");
        cosign(&witness, &second, &[], vec![leaf_hash(b"b")]).unwrap();
        let refused = |note: &str, proof| cosign(&witness, note, &[], proof).unwrap_err().to_string();
        assert!(refused(&first, Vec::new()).contains("rolled back"));
        assert!(refused(&checkpoint(&["a", "x"]).sign(&log), Vec::new()).contains("forked"));
        assert!(refused(&checkpoint(&["x", "b", "c"]).sign(&log), vec![leaf_hash(b"c")]).contains("forked"));
        cosign(&witness, &second, &[], Vec::new()).unwrap();
        std::fs::write(witness.path("log.example"), "{").unwrap();
        assert!(cosign(&witness, &second, &key, Vec::new()).is_err(), "a damaged memory is no empty one");
    }
}
