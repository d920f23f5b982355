//! Signed notes, as C2SP signed-note has them: Ed25519, verifier keys written `name+hash+key`.

use crate::LogError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The signature type of Ed25519 in C2SP signed-note.
const ED25519: u8 = 1;
/// The signature type of timestamped Ed25519 cosignatures in C2SP tlog-cosignature.
const COSIGNATURE: u8 = 4;
/// A note with more signatures than this is refused unread.
const SIGNATURES_MAX: usize = 100;
/// A note longer than this is refused unread.
const NOTE_BYTES_MAX: usize = 1 << 20;

/// Whether a text can name a key: not empty, no white space, no `+`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_id(name: &str, kind: u8, key: &VerifyingKey) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', kind]).chain_update(key.as_bytes()).finalize();
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash);
    [a, b, c, d]
}

/// What a cosignature signs: when it was seen, and the note's text (C2SP tlog-cosignature, `cosignature/v1`).
fn cosigned_text(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// A key that checks notes; its text is the C2SP verifier key `name+hash+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    kind: u8,
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
        let Some((&kind @ (ED25519 | COSIGNATURE), key)) = bytes.split_first() else { return Err(wrong()) };
        let key = <[u8; 32]>::try_from(key).map_err(|_| wrong())?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| wrong())?;
        if !is_name(name) || fonds_model::ids::hex(&key_id(name, kind, &key)) != hash {
            return Err(wrong());
        }
        Ok(Self { name: name.to_owned(), kind, key })
    }

    /// Whether it checks a witness's cosignatures, and not a log's own signatures.
    #[must_use]
    pub fn is_witness(&self) -> bool {
        self.kind == COSIGNATURE
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, self.kind, &self.key)
    }

    /// The time of a right cosignature, or nothing for a log's own right signature; `None` when it is wrong.
    fn check(&self, text: &str, signature: &[u8]) -> Option<Option<u64>> {
        let (time, text, signature) = if self.is_witness() {
            let (time, signature) = signature.split_first_chunk::<8>()?;
            let time = u64::from_be_bytes(*time);
            (Some(time), cosigned_text(time, text), signature)
        } else {
            (None, text.to_owned(), signature)
        };
        let signature = Signature::from_slice(signature).ok()?;
        self.key.verify_strict(text.as_bytes(), &signature).ok().map(|()| time)
    }

    /// The key's name: the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = fonds_model::ids::hex(&self.id());
        let mut bytes = vec![self.kind];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{hash}+{}", self.name, STANDARD.encode(bytes))
    }
}

/// A key that signs notes; it must be kept secret.
pub struct Signer {
    name: String,
    kind: u8,
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
        Ok(Self { name: name.to_owned(), kind: ED25519, key: SigningKey::from_bytes(seed) })
    }

    /// The key with which a witness of that name cosigns.
    ///
    /// # Errors
    /// As [`Signer::from_seed`].
    pub fn witness(name: &str, seed: &[u8; 32]) -> Result<Self, LogError> {
        Ok(Self { kind: COSIGNATURE, ..Self::from_seed(name, seed)? })
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
        let Some((&kind @ (ED25519 | COSIGNATURE), seed)) = bytes.split_first() else { return Err(wrong()) };
        let seed = <[u8; 32]>::try_from(seed).map_err(|_| wrong())?;
        let signer = Self { kind, ..Self::from_seed(name, &seed)? };
        if fonds_model::ids::hex(&signer.verifier().id()) != hash {
            return Err(wrong());
        }
        Ok(signer)
    }

    /// The text that [`Signer::parse`] reads: a secret.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let hash = fonds_model::ids::hex(&self.verifier().id());
        let mut bytes = vec![self.kind];
        bytes.extend_from_slice(self.key.as_bytes());
        format!("PRIVATE+KEY+{}+{hash}+{}", self.name, STANDARD.encode(bytes))
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier { name: self.name.clone(), kind: self.kind, key: self.key.verifying_key() }
    }

    /// The note: the text (which ends in a line feed), an empty line, and the signature's line.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        format!("{text}\n{}", self.line(&self.key.sign(text.as_bytes()).to_bytes()))
    }

    /// The line of a witness who saw that text at that time, in seconds since 1970; it ends in a line feed.
    #[must_use]
    pub fn cosign(&self, text: &str, time: u64) -> String {
        let signature = self.key.sign(cosigned_text(time, text).as_bytes());
        self.line(&[time.to_be_bytes().as_slice(), &signature.to_bytes()].concat())
    }

    fn line(&self, signature: &[u8]) -> String {
        let bytes = [self.verifier().id().as_slice(), signature].concat();
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
    }
}

/// A signature that is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// By whom.
    pub key: Verifier,
    /// When a witness saw it, in seconds since 1970; none for the log's own signature.
    pub time: Option<u64>,
    /// Its line, without a line feed.
    pub line: String,
}

/// A note, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened<'a> {
    /// What was signed; it ends in a line feed.
    pub text: &'a str,
    /// Who of those asked about signed it.
    pub signed: Vec<Signed>,
    /// The names of those whose signatures were passed over.
    pub unknown: Vec<String>,
}

/// Takes a note apart and checks the signatures by any of the keys; those by other keys are passed over.
///
/// # Errors
/// [`LogError::Note`] when its form is wrong, or a signature by one of the keys is wrong.
pub fn read<'a>(note: &'a str, keys: &[Verifier]) -> Result<Opened<'a>, LogError> {
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
    let mut opened = Opened { text, signed: Vec::new(), unknown: Vec::new() };
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
        match keys.iter().find(|key| key.name == name && key.id() == *id) {
            None => opened.unknown.push(name.to_owned()),
            Some(key) => {
                let time = key.check(text, signature).ok_or_else(|| wrong("the signature does not fit the text"))?;
                opened.signed.push(Signed { key: key.clone(), time, line: line.to_owned() });
            }
        }
    }
    Ok(opened)
}

/// The text of a note that at least one of the keys has signed; signatures by other keys are passed over.
///
/// # Errors
/// [`LogError::Note`] when its form is wrong, none of the keys signed it, or a signature by one of them is wrong.
pub fn open<'a>(note: &'a str, keys: &[Verifier]) -> Result<&'a str, LogError> {
    let opened = read(note, keys)?;
    if opened.signed.is_empty() {
        return Err(LogError::Note("no known key has signed it".to_owned()));
    }
    Ok(opened.text)
}

/// The note with further signature lines, each ending in a line feed; a line that is there already is not put in twice.
#[must_use]
pub fn with_lines<'a>(note: &str, lines: impl IntoIterator<Item = &'a str>) -> String {
    let mut note = note.to_owned();
    for line in lines {
        let line = line.trim_end_matches('\n');
        if !note.lines().any(|known| known == line) {
            note.push_str(line);
            note.push('\n');
        }
    }
    note
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
    fn a_cosignature_has_these_bytes_for_ever_and_tells_when_the_witness_saw_the_note() {
        let (log, witness) = (signer("log.example", 1), Signer::witness("witness.example", &[2; 32]).unwrap());
        let key = witness.verifier();
        assert!(key.is_witness() && key.to_string().starts_with("witness.example+"));
        assert_eq!(Verifier::parse(&key.to_string()).unwrap(), key);
        assert_eq!(Signer::parse(&witness.to_secret_text()).unwrap().verifier(), key);
        let note = with_lines(&log.sign("log.example\n"), [witness.cosign("log.example\n", 1_700_000_000).as_str()]);
        let opened = read(&note, std::slice::from_ref(&key)).unwrap();
        assert_eq!((opened.text, opened.unknown.as_slice()), ("log.example\n", ["log.example".to_owned()].as_slice()));
        assert_eq!(opened.signed[0].time, Some(1_700_000_000));
        assert_eq!(read(&note, &[log.verifier(), key.clone()]).unwrap().signed.len(), 2);
        // The time is signed too.
        let later = witness.cosign("log.example\n", 1_700_000_001);
        assert_ne!(later, witness.cosign("log.example\n", 1_700_000_000));
        let (head, line) = note.trim_end().rsplit_once(' ').unwrap();
        let mut bytes = STANDARD.decode(line).unwrap();
        assert_eq!(bytes.len(), 4 + 8 + 64);
        bytes[11] ^= 1;
        assert!(read(&format!("{head} {}\n", STANDARD.encode(bytes)), &[key]).is_err());
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
