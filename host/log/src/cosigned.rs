//! Who signed what: keys against the entries that name them, and the cosignatures of witnesses.

use crate::checkpoint::Checkpoint;
use crate::note::{self, Signed, Verifier};
use crate::{LogError, Reader, Report, disk, keys, rotate, tree};
use fonds_model::Seq;

impl Reader {
    /// The witnesses whose cosignatures count.
    ///
    /// # Errors
    /// [`LogError::Io`] when they cannot be read.
    pub fn witnesses(&self) -> Result<Vec<Verifier>, LogError> {
        keys::witnesses(&self.layout.keys)
    }

    /// The newest checkpoint that witnesses have cosigned, with its note; `None` when none has.
    ///
    /// # Errors
    /// [`LogError::Note`] when a signature in it is wrong.
    pub fn cosigned(&self) -> Result<Option<(Checkpoint, String)>, LogError> {
        let note = match disk::read_text(&self.layout.cosigned) {
            Err(error) if error.is_missing() => return Ok(None),
            note => note?,
        };
        note::read(&note, &self.witnesses()?)?;
        Ok(Some((self.our_checkpoint(&note)?, note)))
    }

    /// The stored checkpoint with the cosignatures that witnesses gave for its size.
    ///
    /// # Errors
    /// As [`Reader::checkpoint`].
    pub fn checkpoint_cosigned(&self) -> Result<(Checkpoint, String), LogError> {
        let (checkpoint, note) = self.checkpoint()?;
        match self.cosigned()? {
            Some((same, cosigned)) if same == checkpoint => Ok((checkpoint, merged(&note, &cosigned))),
            _ => Ok((checkpoint, note)),
        }
    }

    /// The checkpoint to prove entries up to `seq` against: one that witnesses cosigned if it reaches that far.
    ///
    /// # Errors
    /// As [`Reader::checkpoint`].
    pub fn checkpoint_over(&self, seq: Seq) -> Result<(Checkpoint, String), LogError> {
        match self.cosigned()? {
            Some((checkpoint, note)) if checkpoint.size > seq => Ok((checkpoint, note)),
            _ => self.checkpoint(),
        }
    }

    /// Stores the cosignatures of a note that this log has signed; answers with those of the log's own witnesses.
    ///
    /// # Errors
    /// [`LogError::Note`] when the note is not of this log, no witness of it cosigned, a signature is wrong, or an older
    /// one is stored; [`LogError::Witness`] when what was cosigned is not a beginning of this log: then this copy of it is
    /// not the one that the witness saw.
    pub fn receive_cosigned(&self, note: &str) -> Result<(Checkpoint, Vec<Signed>), LogError> {
        let checkpoint = self.our_checkpoint(note)?;
        let witnesses = self.witnesses()?;
        let signed = note::read(note, &witnesses)?.signed;
        if signed.is_empty() {
            let why = "no witness of this log has cosigned it: see `fonds log witness list`";
            return Err(LogError::Note(why.to_owned()));
        }
        let (ours, _) = self.checkpoint()?;
        let contradicts = || {
            LogError::Witness(format!(
                "witnesses cosigned {} entries of `{}` that are not the beginning of this log: it was rolled back or \
                 forked, and must not be written to",
                checkpoint.size, checkpoint.origin
            ))
        };
        if !self.continues(&checkpoint, &ours)? {
            return Err(contradicts());
        }
        // Only what was checked is kept: our own signatures, and those of our witnesses.
        let own = note::read(note, &self.current_keys()?)?;
        let lines = own.signed.iter().chain(&signed).map(|signed| signed.line.as_str());
        let mut kept = note::with_lines(&format!("{}\n", own.text), lines);
        if let Some((stored, cosigned)) = self.cosigned()? {
            if stored.size > checkpoint.size {
                return Err(LogError::Note(format!("cosignatures for {} entries are stored already", stored.size)));
            }
            if stored == checkpoint {
                kept = merged(&kept, &cosigned);
            }
        }
        disk::replace(&self.layout.cosigned, kept.as_bytes(), 0o644)?;
        Ok((checkpoint, signed))
    }

    /// Whether the signed log is the same as, or has grown from, what an older checkpoint says.
    fn continues(&self, old: &Checkpoint, ours: &Checkpoint) -> Result<bool, LogError> {
        if old.size > ours.size {
            return Ok(false);
        }
        let hashes = self.consistency(old.size, ours.size)?.hashes;
        Ok(tree::verify_consistency(old.size, ours.size, &old.root, &ours.root, &hashes))
    }

    fn current_keys(&self) -> Result<Vec<Verifier>, LogError> {
        keys::verifiers(&self.layout.keys)
    }

    fn our_checkpoint(&self, note: &str) -> Result<Checkpoint, LogError> {
        let checkpoint = Checkpoint::open(note, &self.current_keys()?)?;
        if checkpoint.origin == self.origin() {
            return Ok(checkpoint);
        }
        Err(LogError::Note(format!("it is of another log, `{}`", checkpoint.origin)))
    }

    /// Every key that checks must be the log's first or be named by an entry, and the checkpoint must be signed by the
    /// key that its own entries put in use.
    pub(crate) fn verify_keys(&self, note: Option<&str>, report: &mut Report) -> Result<(), LogError> {
        let known = self.current_keys()?;
        let mut in_force = known.last().cloned();
        let mut named = Vec::new();
        let size = report.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size);
        for seq in report.key_entries.clone() {
            let Some(key) = self.entry(seq).ok().and_then(|framed| rotate::key_added(&framed.entry)) else {
                report.add(Some(seq), "it names no key that can be read");
                continue;
            };
            if seq < size {
                if !known.contains(&key) {
                    report.add(Some(seq), "the key that it adds is missing in keys/verifier.keys");
                }
                in_force = Some(key.clone());
            }
            named.push(key);
        }
        for key in known.iter().rev().skip(1).filter(|key| !named.contains(key)) {
            report.add(None, format!("keys/verifier.keys has the key `{key}`, which no entry adds"));
        }
        if let (Some(note), Some(key)) = (note, in_force)
            && note::open(note, std::slice::from_ref(&key)).is_err()
        {
            report.add(None, format!("the checkpoint is not signed by the key in use, `{key}`"));
        }
        self.verify_cosigned(report);
        Ok(())
    }

    /// What witnesses have cosigned must be a beginning of the log: a copy that was rolled back is seen by it.
    fn verify_cosigned(&self, report: &mut Report) {
        let Some(ours) = report.checkpoint.clone() else { return };
        let found = match self.cosigned() {
            Ok(None) => return,
            Ok(Some((cosigned, _))) => self.continues(&cosigned, &ours).map(|continues| (cosigned.size, continues)),
            Err(error) => Err(error),
        };
        match found {
            Ok((_, true)) => {}
            Ok((size, false)) => {
                report.add(None, format!("witnesses cosigned {size} entries that are not the beginning of this log"));
            }
            Err(error) => report.add(None, format!("what witnesses cosigned cannot be compared: {error}")),
        }
    }
}

/// A note with the signatures of another note over the same text.
fn merged(note: &str, other: &str) -> String {
    let lines = other.rsplit_once("\n\n").map_or("", |(_, lines)| lines);
    note::with_lines(note, lines.lines())
}

#[cfg(test)]
mod tests {
    use crate::testing::{fill, new_log};
    use crate::{LogError, Witness, disk, keys};
    use fonds_model::Timestamp;

    #[test]
    fn a_cosignature_is_stored_once_it_is_checked_and_shown_with_the_checkpoint_of_its_size() {
        let (dir, log) = new_log();
        let elsewhere = tempfile::tempdir().unwrap();
        let witness = Witness::open(elsewhere.path(), "witness.example").unwrap();
        fill(&log, 0, 5, 5);
        let note = log.checkpoint().unwrap();
        let reader = log.reader().unwrap();
        let at = Timestamp(1_700_000_000_000_000);
        let mut proof = |old, new| Ok(reader.consistency(old, new)?.hashes);
        let cosigned = witness.cosign(&note, reader.keys(), &mut proof, at).unwrap();
        assert!(matches!(reader.receive_cosigned(&cosigned), Err(LogError::Note(_))), "not a witness of this log yet");
        log.add_witness(&witness.key()).unwrap();
        assert!(log.add_witness(&log.key()).is_err(), "the log's own key is no witness's");
        assert!(reader.receive_cosigned(&note).is_err(), "nobody cosigned");
        assert_eq!(reader.receive_cosigned(&cosigned).unwrap().1.len(), 1);
        assert_eq!(reader.checkpoint_cosigned().unwrap().1, cosigned);
        fill(&log, 5, 9, 4);
        let newer = log.checkpoint().unwrap();
        assert_eq!(reader.checkpoint_cosigned().unwrap().1, newer, "of another size");
        assert_eq!(reader.checkpoint_over(4).unwrap().1, cosigned);
        assert_eq!(reader.checkpoint_over(5).unwrap().1, newer);
        let newer = witness.cosign(&newer, &[], &mut proof, at).unwrap();
        reader.receive_cosigned(&newer).unwrap();
        assert!(reader.receive_cosigned(&cosigned).is_err(), "an older one does not replace a newer");
        assert_eq!(reader.checkpoint_over(0).unwrap().0.size, 9);
        log.close().unwrap();
        // A copy that was rolled back is told so by what the witness saw.
        let old = cosigned.rsplit_once("\n\n").unwrap().0;
        disk::replace(&dir.path().join("checkpoint"), format!("{}\n", note.trim_end()).as_bytes(), 0o644).unwrap();
        assert!(old.contains("\n5\n"));
        assert!(matches!(reader.receive_cosigned(&newer), Err(LogError::Witness(_))));
        let report = reader.verify(&mut |_, _| {}).unwrap();
        assert!(report.damage.iter().any(|found| found.what.contains("witnesses cosigned 9 entries")), "{report:?}");
        let path = dir.path().join("checkpoint.cosigned");
        let line = newer.lines().last().unwrap();
        let flipped = newer.replace(line, &line.replacen("witness.example ", "witness.example A", 1));
        disk::replace(&path, flipped.as_bytes(), 0o644).unwrap();
        assert!(!reader.verify(&mut |_, _| {}).unwrap().is_good());
    }

    #[test]
    fn verify_finds_a_key_that_no_entry_adds() {
        let (dir, log) = new_log();
        fill(&log, 0, 2, 2);
        log.close().unwrap();
        let reader = crate::Reader::open(dir.path()).unwrap();
        assert!(reader.verify(&mut |_, _| {}).unwrap().is_good());
        let foreign = crate::note::Signer::from_seed("log.example", &[9; 32]).unwrap();
        keys::put_first(&dir.path().join("keys"), &foreign.verifier()).unwrap();
        let report = reader.verify(&mut |_, _| {}).unwrap();
        assert!(report.damage[0].what.contains("which no entry adds"), "{report:?}");
    }
}
