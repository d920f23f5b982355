//! Signed notes, as C2SP signed-note has them: Ed25519, verifier keys written `name+hash+key`.

use crate::LogError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The signature type of Ed25519 in C2SP signed-note.
const ED25519: u8 = 1;
/// A note with more signatures than this is refused unread.
const SIGNATURES_MAX: usize = 100;
/// A note longer than this is refused unread.
const NOTE_BYTES_MAX: usize = 1 << 20;

/// Whether a text can name a key: not empty, no white space, no `+`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes()).finalize();
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash);
    [a, b, c, d]
}

/// A key that checks notes; its text is the C2SP verifier key `name+hash+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: VerifyingKey,
}

impl Verifier {
    /// Reads `name+hash+key`.
    ///
    /// # Errors
    /// [`LogError::Key`] when it is not one, or its hash is not of that name and key.
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let wrong = || LogError::Key(text.chars().take(120).collect());
        let mut parts = text.trim_end().splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let bytes = STANDARD.decode(key).map_err(|_| wrong())?;
        let Some((&ED25519, key)) = bytes.split_first() else { return Err(wrong()) };
        let key = <[u8; 32]>::try_from(key).map_err(|_| wrong())?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| wrong())?;
        if !is_name(name) || fonds_model::ids::hex(&key_id(name, &key)) != hash {
            return Err(wrong());
        }
        Ok(Self { name: name.to_owned(), key })
    }

    /// The key's name: the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = fonds_model::ids::hex(&key_id(&self.name, &self.key));
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{hash}+{}", self.name, STANDARD.encode(bytes))
    }
}

/// A key that signs notes; it must be kept secret.
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl Signer {
    /// The key of that name made of 32 random bytes.
    ///
    /// # Errors
    /// [`LogError::Origin`] when the name cannot be one.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, LogError> {
        if !is_name(name) {
            return Err(LogError::Origin(name.to_owned()));
        }
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// Reads `PRIVATE+KEY+name+hash+seed`.
    ///
    /// # Errors
    /// [`LogError::Key`], which never repeats the secret.
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let wrong = || LogError::Key("PRIVATE+KEY+…".to_owned());
        let mut parts = text.trim_end().strip_prefix("PRIVATE+KEY+").ok_or_else(wrong)?.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let bytes = STANDARD.decode(key).map_err(|_| wrong())?;
        let Some((&ED25519, seed)) = bytes.split_first() else { return Err(wrong()) };
        let seed = <[u8; 32]>::try_from(seed).map_err(|_| wrong())?;
        let signer = Self::from_seed(name, &seed)?;
        if fonds_model::ids::hex(&key_id(name, &signer.key.verifying_key())) != hash {
            return Err(wrong());
        }
        Ok(signer)
    }

    /// The text that [`Signer::parse`] reads: a secret.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let hash = fonds_model::ids::hex(&key_id(&self.name, &self.key.verifying_key()));
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(self.key.as_bytes());
        format!("PRIVATE+KEY+{}+{hash}+{}", self.name, STANDARD.encode(bytes))
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The note: the text (which ends in a line feed), an empty line, and the signature's line.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let mut bytes = key_id(&self.name, &self.key.verifying_key()).to_vec();
        bytes.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
    }
}

/// The text of a note that at least one of the keys has signed; signatures by other keys are passed over.
///
/// # Errors
/// [`LogError::Note`] when its form is wrong, none of the keys signed it, or a signature by one of them is wrong.
pub fn open<'a>(note: &'a str, keys: &[Verifier]) -> Result<&'a str, LogError> {
    let wrong = |why: &str| LogError::Note(why.to_owned());
    if note.len() > NOTE_BYTES_MAX {
        return Err(wrong("it is longer than a note may be"));
    }
    if note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(wrong("it holds a control character"));
    }
    let end = note.rfind("\n\n").ok_or_else(|| wrong("it has no signatures"))? + 1;
    let (text, signatures) = note.split_at(end);
    let signatures = signatures.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
    let signatures = signatures.ok_or_else(|| wrong("its last line is not whole"))?;
    let mut signed = false;
    for (count, line) in signatures.split('\n').enumerate() {
        if count >= SIGNATURES_MAX {
            return Err(wrong("it has too many signatures"));
        }
        let malformed = || wrong("a signature's line is not understood");
        let (name, signature) =
            line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')).ok_or_else(malformed)?;
        let bytes = STANDARD.decode(signature).map_err(|_| malformed())?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or_else(malformed)?;
        if !is_name(name) || signature.is_empty() {
            return Err(malformed());
        }
        let Some(key) = keys.iter().find(|key| key.name == name && key_id(name, &key.key) == *id) else { continue };
        let good =
            Signature::from_slice(signature).is_ok_and(|sig| key.key.verify_strict(text.as_bytes(), &sig).is_ok());
        if !good {
            return Err(wrong("the signature does not fit the text"));
        }
        signed = true;
    }
    if signed { Ok(text) } else { Err(wrong("no known key has signed it")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(name: &str, seed: u8) -> Signer {
        Signer::from_seed(name, &[seed; 32]).unwrap()
    }

    #[test]
    fn a_note_has_these_bytes_for_ever() {
        let signer = signer("log.example/fonds", 7);
        assert_eq!(
            signer.verifier().to_string(),
            "log.example/fonds+572ca3d2+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
        );
        let signature = "Vyyj0k4oFDq0+hjdMU2g4h4a3yYr2eCVNljhnm8sy30OadDh35G4Mm/Ap34RvsoA1hBrlVLatsPvHC7dm/BzdeXhwwU=";
        assert_eq!(signer.sign("hello\n"), format!("hello\n\n\u{2014} log.example/fonds {signature}\n"));
    }

    #[test]
    fn a_note_opens_with_a_key_that_signed_it_and_with_no_other() {
        let (ours, other) = (signer("log.example", 1), signer("log.example", 2));
        let note = ours.sign("hello\nworld\n");
        assert_eq!(open(&note, &[other.verifier(), ours.verifier()]).unwrap(), "hello\nworld\n");
        assert!(open(&note, &[other.verifier()]).is_err());
        assert!(open(&note, &[]).is_err());
        let cosigned = format!("{note}{}", other.sign("hello\nworld\n").rsplit_once("\n\n").unwrap().1);
        assert!(open(&cosigned, &[ours.verifier()]).is_ok() && open(&cosigned, &[other.verifier()]).is_ok());
    }

    #[test]
    fn every_changed_byte_of_a_note_is_noticed() {
        let signer = signer("log.example", 1);
        let note = signer.sign("hello\n");
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(text) = String::from_utf8(bytes) {
                assert!(open(&text, &[signer.verifier()]).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn keys_read_what_they_write_and_refuse_what_was_changed() {
        let signer = signer("log.example", 3);
        let text = signer.verifier().to_string();
        assert_eq!(Verifier::parse(&text).unwrap(), signer.verifier());
        assert!(Verifier::parse(&text.replace("log.example", "log.elsewhere")).is_err());
        assert!(Verifier::parse("log.example+00000000+").is_err());
        let again = Signer::parse(&signer.to_secret_text()).unwrap();
        assert_eq!(again.sign("x\n"), signer.sign("x\n"));
        assert!(Signer::from_seed("with space", &[0; 32]).is_err() && Signer::from_seed("a+b", &[0; 32]).is_err());
    }
}
