//! Every recorded decision made again, from nothing but what it says it rests on.
//!
//! A decision is a function of plugin, configuration, date and the log's first entries: the plugin is asked again in
//! fresh instances, the facts are read from the views as they were then, and the item's bytes must come out the same.
//! The case is the unit of truth: a batch is asked together because that is quick, and a case that comes out otherwise
//! is asked again alone before it is called different.

mod batch;
mod compare;
mod report;
mod sweeps;

pub use report::{Difference, Replayed, Unreplayed};

use crate::{Runtime, RuntimeError, Store};
use batch::Worker;
use fonds_log::LogError;
use fonds_model::body::{self, LogErased};
use fonds_model::decision::{Decided, Fault};
use fonds_model::{Content, Digest, Entry, Envelope, Kind, Position, Seq};
use fonds_policy::Plugin;
use report::{Findings, Suspects};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

/// Entries that wait for a worker, for each of them.
const QUEUED: usize = 8;
/// More workers than this only wait for the store.
const WORKERS_MAX: usize = 8;

/// Hears how many entries have been read, and of how many.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// A plugin or a configuration that decisions name.
#[derive(Clone)]
enum Asked {
    Plugin(Arc<dyn Plugin>),
    /// It does not load: the fault that a sweep records then.
    Faulty(Fault),
    /// It is not among the blobs, or not whole.
    Missing(String),
}

/// An entry of decisions, with what they were asked of.
struct Job {
    entry: Entry,
    context: Decided,
    plugin: Asked,
    config: Result<Arc<str>, String>,
}

/// What the pass over the log finds beside decisions.
#[derive(Default)]
struct Passed {
    sweeps: Vec<sweeps::Recorded>,
    /// Items without content, and the entry that says it erased them.
    erased: BTreeMap<Position, Option<Seq>>,
    /// What `log.erased` entries name as their subject.
    erased_of: FxHashMap<String, Seq>,
    /// Something may have taken back what a record rests on.
    amended: bool,
}

/// How many threads work beside the one that reads.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(2, WORKERS_MAX)
}

impl Runtime {
    /// Makes every decision of the log again, and computes the digest of every sweep.
    ///
    /// # Errors
    /// [`RuntimeError`] when log or views cannot be read; what differs is in the answer.
    pub fn replay(&self, progress: &mut Progress<'_>) -> Result<Replayed, RuntimeError> {
        self.catch_up()?;
        let mut passed = Passed::default();
        let mut findings = Findings::default();
        let (jobs, queue) = mpsc::sync_channel::<Job>(workers() * QUEUED);
        let queue = Arc::new(Mutex::new(queue));
        let store: &dyn Store = self.store.as_ref();
        let engine = self.engine()?.engine();
        std::thread::scope(|scope| -> Result<(), RuntimeError> {
            // Only the workers hold the queue: when the last of them is gone, nobody waits for it.
            let work = |queue: Arc<Mutex<Receiver<Job>>>| move || work(&queue, Worker::new(store.as_rows(), engine));
            let handles: Vec<_> = (0..workers()).map(|_| scope.spawn(work(Arc::clone(&queue)))).collect();
            drop(queue);
            let read = self.read_log(&jobs, &mut passed, &mut findings, progress);
            drop(jobs);
            for handle in handles {
                let worked = handle.join().map_err(|_| stopped())?;
                findings.add(worked?);
            }
            read
        })?;
        let suspects = Suspects { rows: self.rows(), erased: &passed.erased, erased_of: &passed.erased_of };
        let mut replayed = suspects.judge(findings)?;
        for sweep in &passed.sweeps {
            let digest = sweeps::digest_of(store, sweep, passed.amended)?;
            replayed.sweep(sweep.seq, &sweep.completed.digest, &digest);
        }
        replayed.log_size = self.log_size();
        Ok(replayed)
    }

    /// Hands every entry of decisions to the workers, and remembers sweeps and erasures.
    fn read_log(
        &self,
        jobs: &SyncSender<Job>,
        passed: &mut Passed,
        findings: &mut Findings,
        progress: &mut Progress<'_>,
    ) -> Result<(), RuntimeError> {
        let mut asked = Blobs { runtime: self, plugins: FxHashMap::default(), configs: FxHashMap::default() };
        let total = self.log_size();
        for framed in self.log().reader()?.entries(0)? {
            let entry = framed?.entry;
            let seq = entry.seq;
            for (item, index) in entry.items.iter().zip(0_u16..) {
                if item.content.is_none() {
                    let by = item.erased.as_ref().map(|erased| erased.by);
                    passed.erased.insert(Position { seq, item: index }, by);
                }
            }
            match entry.kind {
                Kind::PolicyDecided => {
                    let Some(job) = asked.job(entry, findings)? else { continue };
                    // The workers are gone only when one has failed, and it says why.
                    if jobs.send(job).is_err() {
                        return Ok(());
                    }
                }
                Kind::SweepCompleted => match sweeps::Recorded::read(&entry) {
                    Some(sweep) => passed.sweeps.push(sweep),
                    None => findings.sweep_not_understood(seq),
                },
                Kind::LogErased => passed.erasure(&entry),
                Kind::EntryCorrected | Kind::EntryAnnulled => passed.amended = true,
                _ => {}
            }
            if seq.is_multiple_of(1_024) {
                progress(seq, total);
            }
        }
        progress(total, total);
        Ok(())
    }
}

impl Passed {
    /// The records that an erasure tells of.
    fn erasure(&mut self, entry: &Entry) {
        self.amended = true;
        for (_, content) in entry.contents() {
            let erased = content.split().ok();
            let erased =
                erased.and_then(|(envelope, body)| body::parse::<LogErased>(entry.kind, envelope.format, body).ok());
            let Some(erased) = erased else { continue };
            self.erased_of.extend(erased.records.into_iter().map(|record| (record.id, entry.seq)));
        }
    }
}

/// Plugins and configurations, each read once.
struct Blobs<'a> {
    runtime: &'a Runtime,
    plugins: FxHashMap<Digest, Asked>,
    configs: FxHashMap<Digest, Result<Arc<str>, String>>,
}

impl Blobs<'_> {
    /// The work that an entry of decisions makes; none when it cannot be asked at all, which is noted.
    fn job(&mut self, entry: Entry, findings: &mut Findings) -> Result<Option<Job>, RuntimeError> {
        let cases = entry.items.len().saturating_sub(1) as u64;
        let Some(content) = entry.items.first().and_then(|item| item.content.as_ref()) else {
            findings.unreplayed(cases, "what its decisions share was erased");
            return Ok(None);
        };
        let Some(context) = context(content) else {
            findings.context_not_understood(entry.seq, cases);
            return Ok(None);
        };
        let plugin = self.plugin(&context.plugin)?;
        let config = self.config(&context.config)?;
        Ok(Some(Job { entry, context, plugin, config }))
    }

    fn plugin(&mut self, digest: &Digest) -> Result<Asked, RuntimeError> {
        if let Some(known) = self.plugins.get(digest) {
            return Ok(known.clone());
        }
        let asked = match self.runtime.load_plugin(digest) {
            Ok(plugin) => Asked::Plugin(plugin),
            Err(RuntimeError::Plugin(fault)) => Asked::Faulty(fault),
            Err(RuntimeError::Log(LogError::Blob { what, .. })) => {
                Asked::Missing(format!("the plugin {digest} is {what}"))
            }
            Err(error) => return Err(error),
        };
        self.plugins.insert(*digest, asked.clone());
        Ok(asked)
    }

    fn config(&mut self, digest: &Digest) -> Result<Result<Arc<str>, String>, RuntimeError> {
        if let Some(known) = self.configs.get(digest) {
            return Ok(known.clone());
        }
        let config = match self.runtime.log().blob(digest) {
            Ok(bytes) => Ok(Arc::from(String::from_utf8_lossy(&bytes))),
            Err(LogError::Blob { what, .. }) => Err(format!("the configuration {digest} is {what}")),
            Err(error) => return Err(error.into()),
        };
        self.configs.insert(*digest, config.clone());
        Ok(config)
    }
}

fn context(content: &Content) -> Option<Decided> {
    let (Envelope { .. }, body) = content.split().ok()?;
    serde_json::from_slice(body).ok()
}

fn stopped() -> RuntimeError {
    RuntimeError::Invalid("a thread of the replay stopped unexpectedly: run it again".to_owned())
}

/// The next of a queue; none when there are no more.
fn next<T>(queue: &Mutex<Receiver<T>>) -> Option<T> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Makes decisions again until there are no more.
fn work(queue: &Mutex<Receiver<Job>>, mut worker: Worker<'_>) -> Result<Findings, RuntimeError> {
    while let Some(job) = next(queue) {
        worker.replay(job)?;
    }
    Ok(worker.findings)
}
