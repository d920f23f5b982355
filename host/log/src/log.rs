//! The log, open for appending.

use crate::applier::Applier;
use crate::erase::Intent;
use crate::keys::{self, Identities};
use crate::layout::{self, Layout};
use crate::lock::Lock;
use crate::prepare::Prepared;
use crate::queue::{Job, Queue};
use crate::recover::{Recovered, recover};
use crate::shared::{Clock, Options, Shared, State};
use crate::writer::Writer;
use crate::{LogError, LogStore, Reader, blobs, erase, hashes, keeper, rotate};
use fonds_model::{Digest, Identity, Kind, Position, Seq};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What became of a prepared entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is the entry with this seq.
    Appended(Seq),
    /// The same was there before, as this entry.
    Duplicate(Seq),
    /// Its name was there before with other content, as this entry.
    Conflict(Seq),
    /// It was there before, as this entry, and has been erased; it does not rise from the dead.
    Erased(Seq),
}

/// The log, open for appending: one process, one writer thread, any number of callers.
///
/// INVARIANT (append-only): entry bytes and item digests never change once acknowledged.
pub struct Log {
    pub(crate) shared: Arc<Shared>,
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
    followers: Mutex<Vec<JoinHandle<()>>>,
    /// One erasure at a time.
    erasing: Mutex<()>,
    /// The last to go: who gets the lock next finds the store closed.
    lock: Option<Lock>,
}

/// A group on its way into the log: it is appended whole or not at all, and only by `commit` or `submit`.
#[must_use = "nothing is appended before `commit` or `submit`"]
pub struct Staged<'a> {
    log: &'a Log,
    group: Vec<Prepared>,
}

/// A group that was submitted.
#[must_use = "whether the group was appended is known only after `wait`"]
#[derive(Debug)]
pub struct Ticket(Receiver<Result<Vec<Outcome>, LogError>>);

impl Ticket {
    /// Waits until the group is durable; an outcome for each prepared entry, in order.
    ///
    /// # Errors
    /// [`LogError`]: the group was not appended, or (fatal) it is not known.
    pub fn wait(self) -> Result<Vec<Outcome>, LogError> {
        self.0.recv().unwrap_or_else(|_| Err(LogError::Fatal("the writer has stopped".to_owned())))
    }
}

impl Staged<'_> {
    /// Appends the group and waits; when it returns `Ok`, the group survives a power loss.
    ///
    /// # Errors
    /// As [`Ticket::wait`].
    pub fn commit(self) -> Result<Vec<Outcome>, LogError> {
        self.submit()?.wait()
    }

    /// Queues the group; waits only while the queue is full.
    ///
    /// # Errors
    /// [`LogError::TooLarge`] when it cannot be one group, [`LogError::Fatal`] when the log is closed.
    pub fn submit(self) -> Result<Ticket, LogError> {
        let bytes: usize = self.group.iter().map(Prepared::bytes).sum();
        let max = self.log.shared.options.group_bytes_max;
        if bytes > max {
            return Err(LogError::TooLarge { what: "the size of a staged group", is: bytes as u64, max: max as u64 });
        }
        let (reply, answer) = mpsc::channel();
        if self.group.is_empty() {
            let _ = reply.send(Ok(Vec::new()));
        } else {
            self.log.put(Job::Append { group: self.group, bytes, reply })?;
        }
        Ok(Ticket(answer))
    }
}

impl Log {
    /// Makes a new log: folders, keys (the secrets readable by their owner only), and the signed checkpoint of nothing.
    ///
    /// # Errors
    /// [`LogError::NotEmpty`] when the folder holds something else; [`LogError::Origin`] when the name cannot be one.
    pub fn create(dir: &Path, origin: &str) -> Result<(), LogError> {
        layout::create(dir, origin)
    }

    /// Opens the log for appending, after what a crash left has been judged and repaired (DESIGN §4, On open).
    ///
    /// # Errors
    /// [`LogError::Damaged`] when what was acknowledged is not there; [`LogError::StoreMismatch`] when the store belongs
    /// to another journal: set it aside, open an empty one, and it is rebuilt by [`Log::catch_up`].
    pub fn open(lock: Lock, store: Arc<dyn LogStore>, options: Options, clock: Clock) -> Result<Self, LogError> {
        let layout = Layout::of(lock.dir());
        let origin = layout.origin()?;
        let (checkpoint, _) = layout.checkpoint(&keys::verifiers(&layout.keys)?)?;
        let applied = store.applied()?;
        let Recovered { tree, at, active, hashes, unapplied, backlog_bytes } =
            recover(&layout, &checkpoint, &applied, options.backlog_bytes_max)?;
        let from = applied.next.seq;
        let behind = hashes::range(&layout.hashes, from)?;
        let behind = behind.ok_or_else(|| LogError::damaged(from, "the tree's hashes are missing"))?;
        let state = State {
            size: tree.size(),
            root: tree.root(),
            applied: from,
            appended_bytes: backlog_bytes,
            checkpointed: checkpoint.size,
            active: active.map(|active| active.seq),
            ..State::default()
        };
        let read_only = layout.restored()?.is_some();
        let keys = (Identities::load(&layout.keys)?, rotate::signing(&layout, tree.size())?, read_only);
        let queue = Arc::new(Queue::new(options.queue_bytes_max));
        let unloaded = unapplied.is_none();
        let unapplied = unapplied.unwrap_or_default();
        let shared = Arc::new(Shared::new((layout, origin), (options, clock), store, keys, unapplied, state));
        rotate::finish(&shared)?;
        let writer = Writer::new(Arc::clone(&shared), Arc::clone(&queue), (tree, at), hashes, (active, unloaded))?;
        let applier = Applier::new(Arc::clone(&shared), behind);
        let keeper = Arc::clone(&shared);
        let writer = spawn("fonds-writer", move || writer.run())?;
        let followers =
            vec![spawn("fonds-applier", move || applier.run())?, spawn("fonds-keeper", move || keeper::run(&keeper))?];
        Ok(Self {
            shared,
            queue,
            writer: Mutex::new(Some(writer)),
            followers: Mutex::new(followers),
            erasing: Mutex::default(),
            lock: Some(lock),
        })
    }

    /// Salts, hashes and keys an entry; may be called from many threads at once.
    ///
    /// # Errors
    /// [`LogError::TooLarge`] when it breaks a limit.
    pub fn prepare(
        &self,
        kind: Kind,
        payloads: Vec<Vec<u8>>,
        identity: Option<&Identity>,
    ) -> Result<Prepared, LogError> {
        Prepared::new(kind, &payloads, identity, &self.shared.identities)
    }

    /// A group that is to be appended whole or not at all.
    pub fn stage(&self, group: Vec<Prepared>) -> Staged<'_> {
        Staged { log: self, group }
    }

    /// Appends what cannot be undone: the store first applies all that is outstanding, `check` is asked at that size
    /// while nothing else is appended, and only if it agrees the entry is appended there.
    ///
    /// INVARIANT (checked at the end): no entry comes between what `check` has seen and the entry.
    ///
    /// # Errors
    /// [`LogError::Refused`] with what `check` said; else as [`Ticket::wait`].
    pub fn append_checked(
        &self,
        prepared: Prepared,
        check: impl FnOnce(u64) -> Result<(), String>,
    ) -> Result<Outcome, LogError> {
        let ((ready, size), (decide, verdict), (reply, answer)) = (mpsc::channel(), mpsc::channel(), mpsc::channel());
        self.put(Job::Checked { prepared, ready, verdict, reply })?;
        let stopped = || LogError::Fatal("the writer has stopped".to_owned());
        let size = size.recv().map_err(|_| stopped())??;
        check(size).map_err(LogError::Refused)?;
        decide.send(true).map_err(|_| stopped())?;
        let outcomes = Ticket(answer).wait()?;
        outcomes.first().copied().ok_or_else(stopped)
    }

    /// Erases the content of items: `prepared` is the `log.erased` entry that says so, and is appended as
    /// [`Log::append_checked`] does.
    ///
    /// When it returns `Ok`, neither journal nor store gives the content any more; the store's files may still hold its
    /// bytes until they are made anew ([`Reader::scrub_waiting`]).
    ///
    /// # Errors
    /// As [`Log::append_checked`]. After a failure that is fatal the next open either makes it good or says that nothing
    /// was erased.
    pub fn erase(
        &self,
        prepared: Prepared,
        items: &[Position],
        check: impl Fn(u64) -> Result<(), String>,
    ) -> Result<(), LogError> {
        self.erase_all(vec![(prepared, items.to_vec())], |_, size| check(size))
    }

    /// Erases by several entries, each with the items that it names, and rewrites the journal once for all of them.
    ///
    /// `check` is asked before each of them, by its place in `parts`. When one is refused, those before it stand and are
    /// done.
    ///
    /// # Errors
    /// As [`Log::erase`].
    pub fn erase_all(
        &self,
        parts: Vec<(Prepared, Vec<Position>)>,
        check: impl Fn(usize, u64) -> Result<(), String>,
    ) -> Result<(), LogError> {
        let _one = self.erasing.lock().unwrap_or_else(PoisonError::into_inner);
        let layout = &self.shared.layout;
        let (entries, items): (Vec<Prepared>, Vec<Vec<Position>>) = parts.into_iter().unzip();
        let mut said = vec![None; items.len()];
        let distinct: std::collections::BTreeSet<&Position> = items.iter().flatten().collect();
        if distinct.len() < items.iter().map(Vec::len).sum() {
            return Err(LogError::Refused("two entries would erase the same item".to_owned()));
        }
        let mut intent = Intent::default();
        let mut failed = None;
        for (place, prepared) in entries.into_iter().enumerate() {
            let mut by = 0;
            let appended = self.append_checked(prepared, |size| {
                check(place, size)?;
                by = size;
                if intent.items.is_empty() || said.get(place).copied().flatten() != Some(size) {
                    // Those that follow are expected to follow at once; one that does not is written down anew.
                    said.iter_mut().skip(place).zip(size..).for_each(|(said, by)| *said = Some(by));
                    intent = Intent::of(&items, &said);
                    // What cannot be rewritten must not be said to be gone.
                    if place == 0 {
                        erase::rehearse(&layout.journal, &intent).map_err(|error| error.to_string())?;
                    }
                    erase::begin(layout, &intent).map_err(|error| error.to_string())?;
                }
                Ok(())
            });
            match appended {
                Ok(Outcome::Appended(seq)) if seq == by => {}
                Ok(other) => return Err(LogError::Fatal(format!("an erasure was answered {other:?}"))),
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => {
                    // What was not appended is not erased.
                    said.iter_mut().skip(place).for_each(|said| *said = None);
                    intent = Intent::of(&items, &said);
                    failed = Some(error);
                    break;
                }
            }
        }
        if intent.items.is_empty() {
            erase::abandon(layout)?;
            return failed.map_or(Ok(()), Err);
        }
        erase::begin(layout, &intent)?;
        let (reply, answer) = mpsc::channel();
        self.put(Job::Erase { intent, reply })?;
        answer.recv().unwrap_or_else(|_| Err(LogError::Fatal("the writer has stopped".to_owned())))?;
        self.catch_up(&mut |_, _| {})?;
        failed.map_or(Ok(()), Err)
    }

    /// How many entries are durable.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.state().size
    }

    /// How many entries the store's readers see.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.shared.state().applied
    }

    /// Waits until the store has applied all that is durable now; `progress` hears how many, and of how many.
    ///
    /// # Errors
    /// [`LogError::Store`] when the store cannot follow any more.
    pub fn catch_up(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), LogError> {
        self.shared.catch_up(self.size(), progress)
    }

    /// The signed note over all that is durable now, stored before it is returned.
    ///
    /// # Errors
    /// [`LogError::Io`] when it could not be stored; [`LogError::Fatal`] when the log has failed.
    pub fn checkpoint(&self) -> Result<String, LogError> {
        self.shared.store_checkpoint()
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// Reads the same log, without a lock.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn reader(&self) -> Result<Reader, LogError> {
        Reader::open(&self.shared.layout.dir)
    }

    /// Keeps a plugin or a configuration; when it returns, it survives a power loss.
    ///
    /// # Errors
    /// [`LogError::Io`] when it could not be written.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, LogError> {
        blobs::put(&self.shared.layout.blobs, bytes)
    }

    /// A blob by its digest, checked.
    ///
    /// # Errors
    /// [`LogError::Blob`] when it is missing or damaged.
    pub fn blob(&self, digest: &Digest) -> Result<Vec<u8>, LogError> {
        blobs::get(&self.shared.layout.blobs, digest)
    }

    /// Appends what is queued, syncs the store as far as it is, stores the checkpoint, and seals what is complete.
    ///
    /// The store need not have caught up: it goes on when the log is opened again. The log no longer holds the store
    /// when this returns, and the folder's lock is the caller's.
    ///
    /// # Errors
    /// [`LogError`] of whatever could not be finished; what was acknowledged is durable in any case.
    pub fn close(mut self) -> Result<Lock, LogError> {
        self.finish()?;
        self.lock.take().ok_or_else(|| LogError::Fatal("the log is closed".to_owned()))
    }

    fn finish(&self) -> Result<(), LogError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = writer else { return Ok(()) };
        self.queue.close();
        let ended = writer.join();
        let store_failed = self.shared.state().store_failed.clone();
        self.shared.change(|state| state.closing = true);
        for follower in self.followers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = follower.join();
        }
        ended.map_err(|_| LogError::Fatal("the writer stopped unexpectedly".to_owned()))?;
        self.shared.store_checkpoint()?;
        while keeper::seal_next(&self.shared, 0)? {}
        store_failed.map_or(Ok(()), Err)
    }

    fn put(&self, job: Job) -> Result<(), LogError> {
        if self.shared.read_only {
            return Err(LogError::ReadOnly(self.shared.layout.dir.clone()));
        }
        if self.queue.put(job) {
            return Ok(());
        }
        self.shared.check()?;
        Err(LogError::Fatal("the log is closed".to_owned()))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::error!(%error, "the log was not closed cleanly");
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LogError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| LogError::Fatal(format!("no thread could be started: {error}")))
}
