//! Checkpoints, as C2SP tlog-checkpoint has them: origin, size and root, signed as a note.

use crate::LogError;
use crate::note::{self, Signer, Verifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fonds_model::Digest;

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The tree's root over them.
    pub root: Digest,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.0))
    }

    /// The signed note.
    #[must_use]
    pub fn sign(&self, signer: &Signer) -> String {
        signer.sign(&self.text())
    }

    /// Checks a signed note and reads what it says; lines after the third are passed over, as the format has it.
    ///
    /// # Errors
    /// [`LogError::Note`] when its form or signature is wrong.
    pub fn open(note: &str, keys: &[Verifier]) -> Result<Self, LogError> {
        Self::read(note::open(note, keys)?)
    }

    /// Reads the text of a note whose signatures were checked before.
    ///
    /// # Errors
    /// [`LogError::Note`] when it is no checkpoint.
    pub fn read(text: &str) -> Result<Self, LogError> {
        let wrong = || LogError::Note("it is signed, but it is no checkpoint".to_owned());
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(wrong());
        };
        if size.is_empty() || size.len() > 1 && size.starts_with('0') || !size.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(wrong());
        }
        let size = size.parse().map_err(|_| wrong())?;
        let root = STANDARD.decode(root).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or_else(wrong)?;
        Ok(Self { origin: origin.to_owned(), size, root: Digest(root) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_what_it_writes_and_refuses_a_size_written_otherwise() {
        let signer = Signer::from_seed("log.example", &[1; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "log.example".into(), size: 257, root: Digest([9; 32]) };
        let note = checkpoint.sign(&signer);
        assert!(
            note.starts_with("log.example\n257\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n\n\u{2014} log.example ")
        );
        assert_eq!(Checkpoint::open(&note, &[signer.verifier()]).unwrap(), checkpoint);
        for size in ["0257", "+257", "", "-1", "2 57"] {
            let note = signer.sign(&format!("log.example\n{size}\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n"));
            assert!(Checkpoint::open(&note, &[signer.verifier()]).is_err(), "{size}");
        }
    }
}
