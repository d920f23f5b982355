//! The keys of a log: the one that signs, those that check, and the secret of the identities.
//!
//! A rotation is done in steps, each durable before the next, so that a crash leaves a log that signs with a key it has:
//! `next.key` is written, the entry that names the new key is appended, the key is put first among those that check, a
//! checkpoint over the entry is signed by both keys, `signing.key` is replaced, `next.key` is removed. On open, what
//! `next.key` tells of is completed when its entry is in the journal, and dropped when it is not. The old key's secret
//! goes with `signing.key`: it has nothing left to sign, and could only be stolen.

use crate::entry::SALT_BYTES;
use crate::error::io_error;
use crate::note::{Signer, Verifier};
use crate::{LogError, Macs, disk};
use fonds_model::{Digest, Identity};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::cell::RefCell;
use std::path::Path;

const SIGNING: &str = "signing.key";
/// The key that a rotation is about to put in use, and the log's size when it began.
const NEXT: &str = "next.key";
/// The keys of those who cosign, a line each, in the order in which they were added.
const WITNESSES: &str = "witnesses";
const CHECKING: &str = "verifier.keys";
const IDENTITY: &str = "identity.secret";

/// What a backup takes along: never a key that signs.
pub(crate) const IN_BACKUPS: [&str; 3] = [CHECKING, IDENTITY, WITNESSES];

/// A fresh signing key.
pub(crate) fn generate(origin: &str) -> Result<Signer, LogError> {
    let mut seed = [0; 32];
    fill_random(&mut seed)?;
    Signer::from_seed(origin, &seed)
}

/// Makes all keys in `keys/`; the secrets can be read by their owner only.
pub(crate) fn create(dir: &Path, origin: &str) -> Result<Signer, LogError> {
    let mut secret = [0; 32];
    fill_random(&mut secret)?;
    let signer = generate(origin)?;
    disk::replace(&dir.join(SIGNING), format!("{}\n", signer.to_secret_text()).as_bytes(), 0o600)?;
    disk::replace(&dir.join(IDENTITY), secret_text(&secret).as_bytes(), 0o600)?;
    disk::replace(&dir.join(CHECKING), format!("{}\n", signer.verifier()).as_bytes(), 0o644)?;
    Ok(signer)
}

/// A secret as its file has it: in hexadecimal, and the beginning of its digest. Under another secret no event would be
/// known again, and all that is sent twice would count twice without a word.
fn secret_text(secret: &[u8; 32]) -> String {
    let digest = Digest::of(secret).to_hex();
    format!("{}+{}\n", Digest(*secret), digest.get(..8).unwrap_or_default())
}

/// The key that signs checkpoints.
pub(crate) fn signer(dir: &Path) -> Result<Signer, LogError> {
    Signer::parse(&disk::read_text(&dir.join(SIGNING))?)
}

/// The keys that check them, a line each, the one in use first.
pub(crate) fn verifiers(dir: &Path) -> Result<Vec<Verifier>, LogError> {
    disk::read_text(&dir.join(CHECKING))?.lines().map(Verifier::parse).collect()
}

/// Begins a rotation: a fresh key, durable, that signs nothing alone yet.
pub(crate) fn begin(dir: &Path, origin: &str, size: u64) -> Result<Signer, LogError> {
    let signer = generate(origin)?;
    disk::replace(&dir.join(NEXT), format!("{}\n{size}\n", signer.to_secret_text()).as_bytes(), 0o600)?;
    Ok(signer)
}

/// The key of a rotation that was begun and not ended, and the size from which on its entry may stand.
pub(crate) fn begun(dir: &Path) -> Result<Option<(Signer, u64)>, LogError> {
    let text = match disk::read_text(&dir.join(NEXT)) {
        Err(error) if error.is_missing() => return Ok(None),
        text => text?,
    };
    let mut lines = text.lines();
    let signer = Signer::parse(lines.next().unwrap_or_default())?;
    let size = lines.next().and_then(|size| size.parse().ok());
    Ok(Some((signer, size.ok_or_else(|| LogError::Key(dir.join(NEXT).display().to_string()))?)))
}

/// Gives a rotation up, or ends it once its key signs.
pub(crate) fn end(dir: &Path) -> Result<(), LogError> {
    match std::fs::remove_file(dir.join(NEXT)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error("remove", &dir.join(NEXT))(error)),
        _ => disk::sync_dir(dir),
    }
}

/// Puts a key first among those that check.
pub(crate) fn put_first(dir: &Path, key: &Verifier) -> Result<(), LogError> {
    let mut keys = verifiers(dir)?;
    keys.retain(|known| known != key);
    keys.insert(0, key.clone());
    write_keys(&dir.join(CHECKING), &keys)
}

/// Lets a key sign; the old key's secret is gone with it.
pub(crate) fn put_in_use(dir: &Path, signer: &Signer) -> Result<(), LogError> {
    disk::replace(&dir.join(SIGNING), format!("{}\n", signer.to_secret_text()).as_bytes(), 0o600)
}

/// The key of a restored copy that was to go on under a new name, as far as that came; `old` is the name on its checkpoint.
pub(crate) fn begun_anew(dir: &Path, old: &str, new: &str) -> Result<Option<Signer>, LogError> {
    if !dir.join(SIGNING).exists() {
        return Ok(None);
    }
    let begun = signer(dir)?;
    let name = begun.verifier().name().to_owned();
    if name == new {
        return Ok(Some(begun));
    }
    // The old log's own key signs nothing under a new name.
    let is_own = name == old && verifiers(dir)?.last().is_some_and(|first| first.name() == old);
    let why = format!("it was to go on as `{name}`, and that was cut off: give that name again");
    if is_own { Ok(None) } else { Err(LogError::Backup { dir: dir.to_owned(), why }) }
}

/// The witnesses whose cosignatures count.
pub(crate) fn witnesses(dir: &Path) -> Result<Vec<Verifier>, LogError> {
    match disk::read_text(&dir.join(WITNESSES)) {
        Err(error) if error.is_missing() => Ok(Vec::new()),
        text => text?.lines().map(Verifier::parse).collect(),
    }
}

/// Adds a witness to those whose cosignatures count.
pub(crate) fn add_witness(dir: &Path, key: &Verifier) -> Result<(), LogError> {
    let mut keys = witnesses(dir)?;
    if !keys.contains(key) {
        keys.push(key.clone());
    }
    write_keys(&dir.join(WITNESSES), &keys)
}

fn write_keys(path: &Path, keys: &[Verifier]) -> Result<(), LogError> {
    let text: String = keys.iter().map(|key| format!("{key}\n")).collect();
    disk::replace(path, text.as_bytes(), 0o644)
}

/// The secret with which this installation cosigns other logs, made on first use.
pub(crate) fn cosigner(path: &Path, name: &str) -> Result<Signer, LogError> {
    match disk::read_text(path) {
        Err(error) if error.is_missing() => {}
        text => return Signer::parse(&text?),
    }
    let mut seed = [0; 32];
    fill_random(&mut seed)?;
    let signer = Signer::witness(name, &seed)?;
    disk::replace(path, format!("{}\n", signer.to_secret_text()).as_bytes(), 0o600)?;
    Ok(signer)
}

fn fill_random(bytes: &mut [u8]) -> Result<(), LogError> {
    getrandom::fill(bytes).map_err(|error| LogError::Fatal(format!("the system gives no random bytes: {error}")))
}

/// The store secret, ready to key identities.
#[derive(Clone)]
pub(crate) struct Identities(Hmac<Sha256>);

impl Identities {
    pub(crate) fn load(dir: &Path) -> Result<Self, LogError> {
        let path = dir.join(IDENTITY);
        let text = disk::read_text(&path)?;
        let text = text.trim_end();
        let secret = Digest::parse(text.get(..64).unwrap_or_default());
        // The first stores wrote no digest after it.
        let secret = secret.filter(|secret| text.len() == 64 || secret_text(&secret.0).trim_end() == text);
        let why = "it is damaged: restore it from where the keys are kept";
        let secret = secret.ok_or_else(|| io_error("understand", &path)(std::io::Error::other(why)))?;
        Self::new(&secret.0)
    }

    fn new(secret: &[u8]) -> Result<Self, LogError> {
        let keyed = Hmac::new_from_slice(secret).map_err(|_| LogError::Key(IDENTITY.to_owned()))?;
        Ok(Self(keyed))
    }

    /// Names and contents are keyed apart, so that no name is ever taken for a content.
    pub(crate) fn macs(&self, identity: &Identity) -> Macs {
        match identity {
            Identity::Named { name, content } => Macs { name: self.mac(b'n', name), content: self.mac(b'c', content) },
            Identity::Content(content) => {
                let mac = self.mac(b'c', content);
                Macs { name: mac, content: mac }
            }
        }
    }

    fn mac(&self, domain: u8, bytes: &[u8]) -> crate::Mac {
        let mut keyed = self.0.clone();
        keyed.update(&[domain]);
        keyed.update(bytes);
        keyed.finalize().into_bytes().into()
    }
}

const POOL_BYTES: usize = 4_096;

thread_local! {
    static POOL: RefCell<(Vec<u8>, usize)> = const { RefCell::new((Vec::new(), 0)) };
}

/// 16 fresh random bytes, from a pool of the thread so that the system is asked once in 256 times.
pub(crate) fn salt() -> Result<[u8; SALT_BYTES], LogError> {
    POOL.with_borrow_mut(|(pool, used)| {
        if pool.len() < *used + SALT_BYTES {
            pool.resize(POOL_BYTES, 0);
            fill_random(pool)?;
            *used = 0;
        }
        let fresh = pool.get_mut(*used..).and_then(|rest| rest.first_chunk_mut::<SALT_BYTES>());
        *used += SALT_BYTES;
        // What was handed out is wiped from the pool: a salt must not outlive an erasure in memory either.
        Ok(fresh.map(std::mem::take).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn secrets_are_for_their_owner_only_and_the_key_that_checks_is_for_all() {
        let dir = tempfile::tempdir().unwrap();
        let made = create(dir.path(), "log.example").unwrap();
        for name in [SIGNING, IDENTITY] {
            let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert_eq!(verifiers(dir.path()).unwrap(), [made.verifier()]);
        assert_eq!(signer(dir.path()).unwrap().verifier(), made.verifier());
    }

    #[test]
    fn every_flipped_bit_of_the_secret_is_noticed_or_changes_no_identity() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path(), "log.example").unwrap();
        let (path, identity) = (dir.path().join(IDENTITY), Identity::Content(b"x".to_vec()));
        let (whole, macs) = (std::fs::read(&path).unwrap(), Identities::load(dir.path()).unwrap().macs(&identity));
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, flipped).unwrap();
            if let Ok(identities) = Identities::load(dir.path()) {
                assert_eq!(identities.macs(&identity), macs, "bit {bit}");
            }
        }
        std::fs::write(&path, &whole[..64]).unwrap();
        assert_eq!(Identities::load(dir.path()).unwrap().macs(&identity), macs, "as the first stores wrote it");
    }

    #[test]
    fn no_salt_comes_twice_or_is_zero() {
        let salts: HashSet<_> = (0..10_000).map(|_| salt().unwrap()).collect();
        assert_eq!(salts.len(), 10_000);
        assert!(!salts.contains(&[0; 16]));
    }

    #[test]
    fn a_name_is_never_taken_for_a_content_and_each_store_keys_its_own() {
        let ours = Identities::new(&[1; 32]).unwrap();
        let named = ours.macs(&Identity::Named { name: b"x".to_vec(), content: b"x".to_vec() });
        let content = ours.macs(&Identity::Content(b"x".to_vec()));
        assert_ne!(named.name, named.content);
        assert_eq!((content.name, content.content), (named.content, named.content));
        let other = Identities::new(&[2; 32]).unwrap();
        assert_ne!(other.macs(&Identity::Content(b"x".to_vec())), content);
    }
}
