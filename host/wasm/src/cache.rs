//! Compiled components, kept on disk so that a command need not compile again.
//!
//! A file is HMAC-SHA-256 ‖ what wasmtime serialised; the HMAC covers the file's name too, which is made of the
//! component's digest, the engine's version and its configuration. Machine code is run unchecked, so nothing is loaded
//! whose HMAC does not hold.

use crate::engine::ENGINE_VERSION;
use fonds_model::Digest;
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::component::Component;

const MAC_BYTES: usize = 32;

/// No compiled component is larger; a longer file is none of ours.
const FILE_BYTES_MAX: u64 = 1 << 30;

static TURN: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; 32],
    config: [u8; 32],
}

impl Cache {
    pub(crate) fn new(dir: PathBuf, key: [u8; 32], engine: &wasmtime::Engine) -> Self {
        let mut hasher = Sha256Hasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { dir, key, config: hasher.0.finalize().into() }
    }

    /// The compiled component, when a file of ours holds it; any damage only means compiling again.
    pub(crate) fn load(&self, engine: &wasmtime::Engine, component: &Digest) -> Option<Component> {
        let name = self.name(component);
        let path = self.dir.join(&name);
        if path.metadata().ok()?.len() > FILE_BYTES_MAX {
            return None;
        }
        let bytes = std::fs::read(&path).ok()?;
        let (mac, compiled) = bytes.split_at_checked(MAC_BYTES)?;
        if self.mac(&name, compiled)?.verify_slice(mac).is_err() {
            tracing::warn!(file = name, "a compiled plugin in the cache is damaged; it is compiled again");
            return None;
        }
        #[allow(
            unsafe_code,
            reason = "the HMAC shows that this very engine wrote these bytes, which is what deserialize asks for"
        )]
        // SAFETY: only `store` writes a file whose HMAC holds under our key, and it writes what `serialize` gave.
        let loaded = unsafe { Component::deserialize(engine, compiled) };
        loaded.ok()
    }

    /// Keeps a compiled component; a cache that cannot be written costs time, and nothing else.
    pub(crate) fn store(&self, component: &Digest, compiled: &Component) {
        let name = self.name(component);
        let written = compiled.serialize().map_err(std::io::Error::other).and_then(|bytes| {
            let mac = self.mac(&name, &bytes).ok_or_else(|| std::io::Error::other("no key"))?;
            self.write(&name, &mac.finalize().into_bytes(), &bytes)
        });
        if let Err(error) = written {
            tracing::warn!(%error, "a compiled plugin could not be kept in the cache");
        }
    }

    fn write(&self, name: &str, mac: &[u8], bytes: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        let path = self.dir.join(name);
        // Two threads and two processes may be keeping the same plugin.
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        let temporary = self.dir.join(format!("{name}.{}.{turn}", std::process::id()));
        let mut file = std::fs::File::create(&temporary)?;
        let written = file.write_all(mac).and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_data());
        written.and_then(|()| std::fs::rename(&temporary, &path)).inspect_err(|_| remove(&temporary))
    }

    fn name(&self, component: &Digest) -> String {
        let mut hash = Sha256::new();
        hash.update(component.0);
        hash.update(self.config);
        hash.update(ENGINE_VERSION);
        format!("{}.cwasm", Digest(hash.finalize().into()))
    }

    fn mac(&self, name: &str, bytes: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(name.as_bytes());
        mac.update(bytes);
        Some(mac)
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(%error, "a temporary file of the cache stays behind");
    }
}

struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}
