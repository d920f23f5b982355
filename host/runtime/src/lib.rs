//! The one loop, and the only caller of append.
//!
//! Wire → event → entry → state → decision → entry: everything that changes a store goes through [`Runtime`], which holds
//! the log, the store that follows it, and the engine that asks policies. The caller hands the store, the engine and the
//! clock in.

pub mod admin;
pub mod answers;
pub mod archive;
pub mod backup;
mod caught;
mod content;
pub mod disposition;
mod effective;
pub mod erase;
mod error;
pub mod evaluate;
pub mod evidence;
mod facts;
pub mod fixity;
pub mod holds;
pub mod ingest;
mod judging;
pub mod keys;
mod looking;
pub mod query;
pub mod replay;
pub mod report;
pub mod schedule;
mod shortened;
pub mod webhook;

pub use error::RuntimeError;
pub use fonds_log::{
    Checkpoint, Damage, Lock, LogError, Options, Reader, Report, ScrubWaiting, StoreError, Witness, note, repair,
    restore, resume, scrubbed, start_anew,
};
pub use fonds_policy::Evaluator;
pub use fonds_views::lineage;
pub use fonds_views::register::{Held, Hold, Through};

use fonds_log::{Log, LogStore};
use fonds_model::decision::Fault;
use fonds_model::{Entry, Seq, Timestamp};
use fonds_views::Rows;
use fonds_views::register::{Binding, Installed};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

/// A store that follows the log and answers from its views.
pub trait Store: LogStore + Rows + Send + Sync {
    /// The same store, as the log wants it.
    fn as_log_store(self: Arc<Self>) -> Arc<dyn LogStore>;
    /// The same store, as the folds want it.
    fn as_rows(&self) -> &dyn Rows;
}

impl<T: LogStore + Rows + Send + Sync + 'static> Store for T {
    fn as_log_store(self: Arc<Self>) -> Arc<dyn LogStore> {
        self
    }
    fn as_rows(&self) -> &dyn Rows {
        self
    }
}

/// Makes the engine when the first policy is asked; most commands ask none.
pub type EngineMaker = Box<dyn Fn() -> Result<Arc<dyn Evaluator>, Fault> + Send + Sync>;

pub use fonds_log::Clock;

/// What the caller hands in.
pub struct Parts {
    /// The store that follows the journal.
    pub store: Arc<dyn Store>,
    /// Makes the engine.
    pub engine: EngineMaker,
    /// "Now".
    pub clock: Clock,
    /// The log's settings.
    pub options: Options,
}

/// An open log with its store and its engine.
pub struct Runtime {
    // Before the log, which gives the folder's lock back when it goes: the store is closed by then.
    store: Arc<dyn Store>,
    log: Log,
    engine: OnceLock<Arc<dyn Evaluator>>,
    make_engine: EngineMaker,
    clock: Clock,
    caught: Mutex<Option<caught::Kept>>,
}

/// Makes a new log in `dir` and answers with the key that verifies it.
///
/// # Errors
/// [`RuntimeError::Log`] when the folder holds something else.
pub fn create(dir: &Path, origin: &str) -> Result<String, RuntimeError> {
    Log::create(dir, origin)?;
    key(&Reader::open(dir)?)
}

/// The C2SP verifier key of a log.
///
/// # Errors
/// [`RuntimeError::NotFound`] when it has none.
pub fn key(reader: &Reader) -> Result<String, RuntimeError> {
    let key = reader.keys().first().map(ToString::to_string);
    key.ok_or_else(|| RuntimeError::NotFound("the log has no key".to_owned()))
}

impl Runtime {
    /// Opens the log that `lock` was taken for, and recovers what a crash left.
    ///
    /// # Errors
    /// [`RuntimeError::Log`] when the log is damaged or cannot be read.
    pub fn open(lock: Lock, parts: Parts) -> Result<Self, RuntimeError> {
        let Parts { store, engine, clock, options } = parts;
        let log = Log::open(lock, store.clone().as_log_store(), options, clock.clone())?;
        Ok(Self { log, store, engine: OnceLock::new(), make_engine: engine, clock, caught: Mutex::default() })
    }

    /// Closes the log: what is acknowledged is applied and the last checkpoint signed.
    ///
    /// # Errors
    /// [`RuntimeError::Log`] when that fails; nothing that was acknowledged is lost by it.
    pub fn close(self) -> Result<(), RuntimeError> {
        self.close_keeping_lock().map(drop)
    }

    /// Closes the log and the store, and gives the folder's lock to the caller, so that nobody opens either in between.
    ///
    /// # Errors
    /// As [`Runtime::close`].
    pub fn close_keeping_lock(self) -> Result<Lock, RuntimeError> {
        self.catch_up()?;
        let Self { log, store, .. } = self;
        drop(store);
        Ok(log.close()?)
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The views' rows.
    pub(crate) fn rows(&self) -> &dyn Rows {
        self.store.as_rows()
    }

    /// "Now".
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The engine, made on first use.
    pub(crate) fn engine(&self) -> Result<&Arc<dyn Evaluator>, RuntimeError> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine = (self.make_engine)().map_err(RuntimeError::Plugin)?;
        Ok(self.engine.get_or_init(|| engine))
    }

    /// Waits until the views reflect the whole log.
    ///
    /// # Errors
    /// When the store failed.
    pub fn catch_up(&self) -> Result<(), RuntimeError> {
        Ok(self.log.catch_up(&mut |_, _| {})?)
    }

    /// The log's size, which answers reflect.
    #[must_use]
    pub fn log_size(&self) -> u64 {
        self.log.size()
    }

    /// An entry of the log.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when the log is not that long.
    pub fn entry(&self, seq: Seq) -> Result<Entry, RuntimeError> {
        let framed = self.store.entry(seq)?;
        framed.map(|framed| framed.entry).ok_or_else(|| {
            RuntimeError::NotFound(format!("there is no entry {seq}: the log's size is {}", self.log.size()))
        })
    }

    /// The bindings in force now.
    pub(crate) fn bindings_in_force(&self) -> Result<Vec<Binding>, RuntimeError> {
        Ok(fonds_views::register::bindings(self.rows(), None)?)
    }

    /// The installed plugins, oldest first.
    pub(crate) fn installed_plugins(&self) -> Result<Vec<Installed>, RuntimeError> {
        Ok(fonds_views::register::plugins(self.rows(), None)?)
    }
}
