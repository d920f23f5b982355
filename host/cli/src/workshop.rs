//! Putting the parts together: lock, store, engine, clock; the only place that reads the clock.

use crate::Failure;
use fonds_model::Timestamp;
use fonds_model::decision::{Fault, FaultKind};
use fonds_runtime::{Clock, EngineMaker, Lock, LogError, Parts, Reader, Runtime, RuntimeError, StoreError};
use fonds_store::{STORE, Store};
use fonds_wasm::{Engine, EngineOptions, Limits};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of compiled plugins, which may be deleted at any time.
const CACHE: &str = "cache";

/// The clock of this machine.
pub(crate) fn clock() -> Clock {
    Arc::new(now)
}

/// Now, in microseconds.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

/// Opens the log, its store and, when a policy is asked, its engine.
pub(crate) fn open(dir: &Path) -> Result<Runtime, Failure> {
    let lock = lock(dir)?;
    let store = match Store::open(dir.join(STORE)) {
        Ok(store) => store,
        Err(StoreError::Lost(why)) => {
            return Err(Failure::Store(format!(
                "the store is lost ({why}); the journal is not: run `fonds store rebuild`, which sets it aside and makes it anew"
            )));
        }
        Err(error) => return Err(Failure::Store(error.to_string())),
    };
    let runtime = with_store(dir, lock, store)?;
    // An answer reflects the whole log: what a crash or a lost store left to apply is applied before any is given.
    runtime.catch_up()?;
    Ok(runtime)
}

/// Opens the log over a store that is open already.
pub(crate) fn with_store(dir: &Path, lock: Lock, store: Store) -> Result<Runtime, Failure> {
    let parts =
        Parts { store: Arc::new(store), engine: engine(dir.to_owned()), clock: clock(), options: Default::default() };
    Ok(Runtime::open(lock, parts)?)
}

/// One process at a time: the second is told the first's pid.
pub(crate) fn lock(dir: &Path) -> Result<Lock, Failure> {
    Ok(Lock::take(dir)?)
}

/// Reads journal and checkpoint without the store's lock, beside a running writer.
pub(crate) fn reader(dir: &Path) -> Result<Reader, Failure> {
    Ok(Reader::open(dir)?)
}

/// An engine that keeps what it compiled; without a store it keeps nothing.
pub(crate) fn engine(dir: PathBuf) -> EngineMaker {
    Box::new(move || {
        let cache_key = cache_key(&dir);
        let options = EngineOptions {
            cache_dir: cache_key.is_some().then(|| dir.join(CACHE)),
            cache_key: cache_key.unwrap_or_default(),
            limits: Limits::default(),
        };
        match Engine::new(options) {
            Ok(engine) => Ok(Arc::new(engine)),
            Err(error) => Err(Fault { kind: FaultKind::Load, detail: error.to_string() }),
        }
    })
}

/// The secret under which compiled plugins are kept, made on first use; none where it cannot be had, and then nothing is kept.
fn cache_key(dir: &Path) -> Option<[u8; 32]> {
    let path = dir.join("keys").join("cache.key");
    if let Ok(bytes) = std::fs::read(&path) {
        return bytes.try_into().ok();
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).ok()?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path).ok()?.write_all(&key).ok()?;
    Some(key)
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        let text = error.to_string();
        match error {
            RuntimeError::NotFound(_) => Failure::NotFound(text),
            RuntimeError::Denied(_) | RuntimeError::Log(LogError::Refused(_)) => Failure::Denied(text),
            RuntimeError::Invalid(_) | RuntimeError::Model(_) | RuntimeError::File { .. } => Failure::Usage(text),
            RuntimeError::Log(LogError::NoEntry { .. } | LogError::NoProof { .. }) => Failure::NotFound(text),
            RuntimeError::Log(LogError::NotEmpty(_) | LogError::Origin(_)) => Failure::Usage(text),
            RuntimeError::Plugin(_) | RuntimeError::Log(LogError::Witness(_)) => Failure::Check(text),
            _ => Failure::Store(text),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        RuntimeError::from(error).into()
    }
}

impl From<fonds_model::ModelError> for Failure {
    fn from(error: fonds_model::ModelError) -> Self {
        Failure::Usage(error.to_string())
    }
}
