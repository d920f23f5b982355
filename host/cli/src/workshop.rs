//! Putting the parts together: lock, store, engine, clock; the only place that reads the clock.

use crate::Failure;
use fonds_model::Timestamp;
use fonds_model::decision::{Fault, FaultKind};
use fonds_runtime::archive::ArchiveError;
use fonds_runtime::{Clock, EngineMaker, Lock, LogError, Options, Parts, Reader, Runtime, RuntimeError, StoreError};
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
///
/// A store that is lost is set aside: [`Failure::Lost`], and who opens the log next makes it anew.
pub(crate) fn open(dir: &Path) -> Result<Runtime, Failure> {
    let (lock, options) = (lock(dir)?, options()?);
    let opened = Store::open(dir.join(STORE)).map_err(RuntimeError::from).and_then(|store| {
        let runtime = Runtime::open(lock, parts(dir, store, options))?;
        // An answer reflects the whole log: what a crash or a lost store left to apply is applied before any is given.
        runtime.catch_up()?;
        runtime.deliver_notes(dir);
        Ok(runtime)
    });
    match opened {
        Ok(runtime) => Ok(runtime),
        Err(error) if is_loss(&error) => {
            let _lock = self::lock(dir)?;
            let aside = fonds_store::set_aside(dir).map_err(|error| Failure::Store(error.to_string()))?;
            Err(Failure::Lost(format!("{error}; it is set aside as `{}`", dir.join(aside).display())))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the store cannot be read. One that fits another journal is not lost: a person has put it there, or the journal.
fn is_loss(error: &RuntimeError) -> bool {
    matches!(error, RuntimeError::Store(StoreError::Lost(_)) | RuntimeError::Log(LogError::Store(StoreError::Lost(_))))
}

/// Begins the same command again in the place of this process, after a store was lost; returns only where that may not be
/// done.
///
/// Within one process it cannot be opened anew: sled's threads live on, and would write into the folder of the new one.
pub(crate) fn begin_again() {
    const TRIES: &str = "FONDS_STORE_TRIES";
    const TRIES_MAX: u32 = 3;
    let tries = std::env::var(TRIES).ok().and_then(|tries| tries.parse().ok()).unwrap_or(0) + 1;
    if tries > TRIES_MAX {
        return;
    }
    #[cfg(unix)]
    if let Ok(program) = std::env::current_exe() {
        let mut again = std::process::Command::new(program);
        again.args(std::env::args_os().skip(1)).env(TRIES, tries.to_string());
        let error = std::os::unix::process::CommandExt::exec(&mut again);
        tracing::warn!(%error, "the command could not be begun again");
    }
}

/// Opens the log over a store that is open already.
pub(crate) fn with_store(dir: &Path, lock: Lock, store: Store) -> Result<Runtime, Failure> {
    Ok(Runtime::open(lock, parts(dir, store, options()?))?)
}

fn parts(dir: &Path, store: Store, options: Options) -> Parts {
    Parts { store: Arc::new(store), engine: engine(dir.to_owned()), clock: clock(), options }
}

/// The log's settings: `$FONDS_SEGMENT_BYTES`, after which a journal segment is ended, and `$FONDS_FREE_BYTES_MIN`, below
/// which nothing is appended.
fn options() -> Result<Options, Failure> {
    let mut options = Options::default();
    let settings =
        [("FONDS_SEGMENT_BYTES", &mut options.segment_bytes), ("FONDS_FREE_BYTES_MIN", &mut options.free_bytes_min)];
    for (name, setting) in settings {
        if let Some(value) = std::env::var_os(name) {
            let number = value.to_str().and_then(|value| value.parse().ok());
            *setting = number.ok_or_else(|| {
                Failure::Usage(format!("`{}` in {name} is not a number of bytes", value.to_string_lossy()))
            })?;
        }
    }
    Ok(options)
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

/// The secret under which compiled plugins are kept, made on first use, and anew where a crash left half of it; none where
/// it cannot be had, and then nothing is kept.
fn cache_key(dir: &Path) -> Option<[u8; 32]> {
    let path = dir.join("keys").join("cache.key");
    if let Some(key) = std::fs::read(&path).ok().and_then(|bytes| bytes.try_into().ok()) {
        return Some(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).ok()?;
    let part = path.with_extension("part");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&part).ok()?.write_all(&key).ok()?;
    std::fs::rename(&part, &path).ok()?;
    Some(key)
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        let text = error.to_string();
        match error {
            RuntimeError::NotFound(_) => Failure::NotFound(text),
            RuntimeError::Denied(_) | RuntimeError::Log(LogError::Refused(_) | LogError::ReadOnly(_)) => {
                Failure::Denied(text)
            }
            RuntimeError::Invalid(_) | RuntimeError::Model(_) | RuntimeError::File { .. } => Failure::Usage(text),
            RuntimeError::Log(LogError::NoEntry { .. } | LogError::NoProof { .. }) => Failure::NotFound(text),
            RuntimeError::Log(LogError::NotEmpty(_) | LogError::Origin(_)) => Failure::Usage(text),
            RuntimeError::Archive(error) => error.into(),
            RuntimeError::Plugin(_) | RuntimeError::Log(LogError::Witness(_)) => Failure::Check(text),
            _ => Failure::Store(text),
        }
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        let text = error.to_string();
        match error {
            ArchiveError::Differs { .. } | ArchiveError::Missing(_) | ArchiveError::StillThere { .. } => {
                Failure::Check(text)
            }
            ArchiveError::Content { .. } => Failure::Store(text),
            _ => Failure::Usage(text),
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
