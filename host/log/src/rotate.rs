//! Rotation of the key that signs; its steps are told in [`crate::keys`].

use crate::chunks::Entries;
use crate::layout::Layout;
use crate::note::{Signer, Verifier};
use crate::shared::{Shared, Signing};
use crate::{Log, LogError, Outcome, Prepared, keys};
use fonds_model::body::{self, KeyAdded};
use fonds_model::{Entry, Kind, Seq};

/// The key that an entry adds; `None` when it is of another kind, or holds none.
pub(crate) fn key_added(entry: &Entry) -> Option<Verifier> {
    if entry.kind != Kind::LogKeyAdded {
        return None;
    }
    let (envelope, body) = entry.items.first()?.content.as_ref()?.split().ok()?;
    let added: KeyAdded = body::parse(entry.kind, envelope.format, body).ok()?;
    Verifier::parse(&added.key).ok()
}

/// The keys that sign, from disk: with the next one when a crash cut a rotation short whose entry is in the journal.
pub(crate) fn signing(layout: &Layout, size: u64) -> Result<Signing, LogError> {
    if layout.restored()?.is_some() {
        // A restored copy has no key and signs nothing: this one is nobody's.
        return Ok(Signing { signer: keys::generate(&layout.origin()?)?, next: None });
    }
    let signer = keys::signer(&layout.keys)?;
    let Some((next, from)) = keys::begun(&layout.keys)? else { return Ok(Signing { signer, next: None }) };
    let key = next.verifier();
    let done = key == signer.verifier();
    let mut added = false;
    if !done {
        for framed in Entries::new(&layout.journal, from.min(size), size) {
            if key_added(&framed?.entry).is_some_and(|found| found == key) {
                added = true;
                break;
            }
        }
    }
    if added {
        return Ok(Signing { signer, next: Some(next) });
    }
    keys::end(&layout.keys)?;
    Ok(Signing { signer, next: None })
}

/// Completes the rotation whose entry is in the journal: a checkpoint by both keys, then the new one signs alone.
pub(crate) fn finish(shared: &Shared) -> Result<(), LogError> {
    let Some(key) = shared.signing().next.as_ref().map(Signer::verifier) else { return Ok(()) };
    let dir = &shared.layout.keys;
    keys::put_first(dir, &key)?;
    shared.store_checkpoint()?;
    let mut signing = shared.signing();
    let Some(next) = signing.next.as_ref() else { return Ok(()) };
    keys::put_in_use(dir, next)?;
    if let Some(next) = signing.next.take() {
        signing.signer = next;
    }
    drop(signing);
    keys::end(dir)
}

impl Log {
    /// Puts a new key in use: `prepare` is told the new key and the one that it takes the place of, and makes the entry
    /// that says so. The checkpoint over that entry is signed by both, and those after it by the new key alone.
    ///
    /// A crash at any point leaves the old key in use, or a rotation that the next open completes.
    ///
    /// # Errors
    /// As [`crate::Ticket::wait`], and whatever `prepare` says; the old key then stays in use.
    pub fn rotate_key<E: From<LogError>>(
        &self,
        prepare: impl FnOnce(&Verifier, &Verifier) -> Result<Prepared, E>,
    ) -> Result<(Seq, Verifier), E> {
        let shared = &self.shared;
        let dir = &shared.layout.keys;
        let mut signing = shared.signing();
        if signing.next.is_some() {
            return Err(LogError::Rejected("another rotation goes on".to_owned()).into());
        }
        let next = keys::begin(dir, &shared.origin, self.size())?;
        let (new, old) = (next.verifier(), signing.signer.verifier());
        // From here on both sign, so that no checkpoint over the entry lacks the new key.
        signing.next = Some(next);
        drop(signing);
        let appended = prepare(&new, &old).and_then(|entry| Ok(self.stage(vec![entry]).commit()?));
        match appended.as_ref().map(|outcomes| outcomes.first()) {
            Ok(Some(Outcome::Appended(seq))) => {
                finish(shared)?;
                Ok((*seq, new))
            }
            _ => {
                // What is not known after a failure of the disk is judged on the next open, from `next.key`.
                if shared.check().is_ok() {
                    shared.signing().next = None;
                    keys::end(dir)?;
                }
                appended?;
                Err(LogError::Rejected("the rotation's entry was not appended".to_owned()).into())
            }
        }
    }

    /// The key that signs.
    #[must_use]
    pub fn key(&self) -> Verifier {
        self.shared.signing().signer.verifier()
    }

    /// Lets a witness's cosignatures count, once an entry says so.
    ///
    /// # Errors
    /// [`LogError::Key`] when it is not a witness's key; [`LogError::Io`] when it could not be written.
    pub fn add_witness(&self, key: &Verifier) -> Result<(), LogError> {
        if !key.is_witness() {
            return Err(LogError::Key(key.to_string()));
        }
        keys::add_witness(&self.shared.layout.keys, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fill, new_log, open};
    use crate::{Reader, disk};
    use fonds_model::{Envelope, Format};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    fn entry(log: &Log, new: &Verifier, old: &Verifier) -> Result<Prepared, LogError> {
        let body = serde_json::json!({ "key": new.to_string(), "replaces": old.to_string() }).to_string();
        log.prepare(Kind::LogKeyAdded, vec![Envelope::new(Format::Fonds).with_body(body.as_bytes())], None)
    }

    fn rotate(log: &Log) -> Verifier {
        log.rotate_key(|new, old| entry(log, new, old)).unwrap().1
    }

    fn note(dir: &Path) -> String {
        disk::read_text(&dir.join("checkpoint")).unwrap()
    }

    #[test]
    fn the_rotations_checkpoint_has_both_signatures_and_the_next_one_the_new_key_alone() {
        let (dir, log) = new_log();
        fill(&log, 0, 3, 3);
        let (old, before) = (log.key(), log.checkpoint().unwrap());
        let new = rotate(&log);
        let joint = note(dir.path());
        for key in [&old, &new] {
            assert_eq!(crate::Checkpoint::open(&joint, std::slice::from_ref(key)).unwrap().size, 4, "{key}");
        }
        fill(&log, 4, 5, 1);
        let after = log.checkpoint().unwrap();
        assert!(crate::Checkpoint::open(&after, std::slice::from_ref(&new)).is_ok());
        assert!(crate::Checkpoint::open(&after, std::slice::from_ref(&old)).is_err(), "the old key signs no more");
        log.close().unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        assert_eq!(reader.keys(), [new.clone(), old]);
        assert!(crate::Checkpoint::open(&before, reader.keys()).is_ok(), "old checkpoints stay verifiable");
        let mode = std::fs::metadata(dir.path().join("keys/signing.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let log = open(dir.path()).unwrap();
        assert_eq!(log.key(), new);
        let newest = rotate(&log);
        log.close().unwrap();
        assert_eq!(Reader::open(dir.path()).unwrap().keys()[..2], [newest, new]);
        assert!(reader.verify(&mut |_, _| {}).unwrap().is_good());
    }

    #[test]
    fn a_rotation_that_is_refused_leaves_the_old_key_in_use() {
        let (dir, log) = new_log();
        let old = log.key();
        let refused = log.rotate_key(|_, _| Err::<Prepared, _>(LogError::Rejected("no".to_owned())));
        assert!(refused.is_err());
        assert_eq!(log.key(), old);
        assert!(!dir.path().join("keys/next.key").exists());
        rotate(&log);
    }

    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            let target = to.join(file.file_name());
            if file.file_type().unwrap().is_dir() {
                copy(&file.path(), &target);
            } else {
                std::fs::copy(file.path(), target).unwrap();
            }
        }
    }

    #[test]
    fn killed_at_any_step_of_a_rotation_the_log_opens_and_signs_with_a_key_it_has() {
        let (dir, log) = new_log();
        fill(&log, 0, 3, 3);
        log.checkpoint().unwrap();
        let old = log.key();
        let states = tempfile::tempdir().unwrap();
        let mut state = 0;
        let mut keep = || {
            copy(dir.path(), &states.path().join(state.to_string()));
            state += 1;
        };
        // The steps of `rotate_key`, one by one, each followed by a copy of what a kill would leave.
        let shared = &log.shared;
        let keys_dir = &shared.layout.keys;
        let next = keys::begin(keys_dir, &shared.origin, log.size()).unwrap();
        let new = next.verifier();
        shared.signing().next = Some(next);
        keep();
        log.stage(vec![entry(&log, &new, &old).unwrap()]).commit().unwrap();
        keep();
        keys::put_first(keys_dir, &new).unwrap();
        keep();
        shared.store_checkpoint().unwrap();
        keep();
        keys::put_in_use(keys_dir, shared.signing().next.as_ref().unwrap()).unwrap();
        keep();
        keys::end(keys_dir).unwrap();
        keep();
        for state in 0..6 {
            let dir = states.path().join(state.to_string());
            let log = open(&dir).unwrap();
            assert_eq!(log.key(), if state == 0 { old.clone() } else { new.clone() }, "after step {state}");
            assert!(!dir.join("keys/next.key").exists(), "after step {state}");
            if state > 0 {
                let joint = note(&dir);
                assert!([&old, &new].iter().all(|key| crate::note::open(&joint, &[(*key).clone()]).is_ok()), "{state}");
            }
            let size = log.size();
            fill(&log, size, size + 2, 2);
            log.close().unwrap();
            let reader = Reader::open(&dir).unwrap();
            assert_eq!(reader.checkpoint().unwrap().0.size, size + 2, "after step {state}");
            let report = reader.verify(&mut |_, _| {}).unwrap();
            assert!(report.is_good(), "after step {state}: {report:?}");
        }
    }
}
