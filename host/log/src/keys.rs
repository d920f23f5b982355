//! The keys of a log: one that signs, one that checks, and the secret of the identities.

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
const CHECKING: &str = "verifier.keys";
const IDENTITY: &str = "identity.secret";

/// Makes all keys in `keys/`; the secrets can be read by their owner only.
pub(crate) fn create(dir: &Path, origin: &str) -> Result<Signer, LogError> {
    let (mut seed, mut secret) = ([0; 32], [0; 32]);
    fill_random(&mut seed)?;
    fill_random(&mut secret)?;
    let signer = Signer::from_seed(origin, &seed)?;
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
