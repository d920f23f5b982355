//! The one writer thread: takes what is queued, writes frames and trailer, syncs once, acknowledges.

use crate::chunks::{Chunks, for_each_entry};
use crate::entry;
use crate::erase::Intent;
use crate::error::io_error;
use crate::hashes::HashWriter;
use crate::identities::{Met, Unapplied, meet};
use crate::prepare::Prepared;
use crate::queue::{Job, Queue};
use crate::recover::{self, Active, UNAPPLIED_MAX};
use crate::segment::{self, START_BYTES, Start};
use crate::shared::{Shared, State};
use crate::tree::CompactRange;
use crate::{LogError, Macs, Outcome, disk, erase, frame};
use fonds_model::Timestamp;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// A group is closed once it has this many bytes, unless one job alone has more.
const GROUP_BYTES: usize = 4 << 20;
/// A buffer that one large group has grown is given back.
const BUFFER_BYTES_KEPT: usize = 2 * GROUP_BYTES;

/// The segment that takes the next group.
struct Open {
    file: File,
    path: PathBuf,
    active: Active,
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    open: Option<Open>,
    tree: CompactRange,
    at: Timestamp,
    hashes: HashWriter,
    /// Hash files that could not be written stay behind and are made anew on the next open.
    hashes_good: bool,
    buffer: Vec<u8>,
    header: Vec<u8>,
    added: Vec<Macs>,
    /// The identities that the store has not applied were too many to be loaded on open.
    unloaded: bool,
}

/// Ends the queue whatever ends the writer, so that nobody waits for ever.
struct Ended(Arc<Shared>, Arc<Queue>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.1.abandon();
        if std::thread::panicking() {
            self.0.fail(&LogError::Fatal("the writer stopped unexpectedly".to_owned()));
        }
    }
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        queue: Arc<Queue>,
        (tree, at): (CompactRange, Timestamp),
        hashes: HashWriter,
        (active, unloaded): (Option<Active>, bool),
    ) -> Result<Self, LogError> {
        let open = match active {
            None => None,
            Some(active) => {
                let path = segment::plain_path(&shared.layout.journal, active.seq);
                let file = OpenOptions::new().write(true).open(&path).map_err(io_error("open", &path))?;
                Some(Open { file, path, active })
            }
        };
        let (buffer, header, added) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { shared, queue, open, tree, at, hashes, hashes_good: true, buffer, header, added, unloaded })
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let ended = Ended(Arc::clone(&self.shared), Arc::clone(&self.queue));
        loop {
            let mut jobs = self.queue.take(GROUP_BYTES);
            if jobs.is_empty() {
                break;
            }
            self.wait_for_backlog();
            match jobs.pop() {
                Some(Job::Checked { prepared, ready, verdict, reply }) => {
                    let refused = LogError::Rejected("the check was not made".to_owned());
                    let _ = match self.at_the_end() {
                        Err(error) => ready.send(Err(error.clone())).is_ok() && reply.send(Err(error)).is_ok(),
                        Ok(size) if ready.send(Ok(size)).is_ok() && verdict.recv() == Ok(true) => {
                            reply.send(self.append(std::iter::once(&prepared))).is_ok()
                        }
                        Ok(_) => reply.send(Err(refused)).is_ok(),
                    };
                }
                Some(Job::Erase { intent, reply }) => drop(reply.send(self.erase(&intent))),
                Some(last) => {
                    jobs.push(last);
                    self.append_jobs(jobs);
                }
                None => {}
            }
        }
        if self.hashes_good
            && let Err(error) = self.hashes.sync()
        {
            tracing::warn!(%error, "the tree's hashes may have to be made anew");
        }
        drop(ended);
    }

    fn append_jobs(&mut self, jobs: Vec<Job>) {
        let groups = || {
            jobs.iter().filter_map(|job| match job {
                Job::Append { group, reply, .. } => Some((group, reply)),
                Job::Checked { .. } | Job::Erase { .. } => None,
            })
        };
        let result = self.append(groups().flat_map(|(group, _)| group));
        let mut outcomes = match result {
            Ok(outcomes) => outcomes.into_iter(),
            Err(error) => {
                // Who waits no longer does not hear it.
                groups().for_each(|(_, reply)| drop(reply.send(Err(error.clone()))));
                return;
            }
        };
        groups().for_each(|(group, reply)| drop(reply.send(Ok(outcomes.by_ref().take(group.len()).collect()))));
    }

    /// Waits while the store is too far behind, or has more to apply than the disk has room for.
    fn wait_for_backlog(&self) {
        loop {
            // What cannot be asked is told by the append.
            let free = disk::free_bytes(&self.shared.layout.dir).unwrap_or(u64::MAX);
            let room = free.saturating_sub(self.shared.options.free_bytes_min);
            let state = self.shared.state();
            let behind = self.is_behind(&state) || state.backlog_bytes() > room;
            if !behind || state.store_failed.is_some() || state.failed.is_some() {
                return;
            }
            drop(self.shared.wait(state, Duration::from_millis(100)));
        }
    }

    fn is_behind(&self, state: &State) -> bool {
        state.backlog_bytes() > self.shared.options.backlog_bytes_max
            || self.unloaded && state.size - state.applied > UNAPPLIED_MAX
    }

    /// Refuses what the store will not follow, and what the disk has no room for: the group and all that the store has
    /// yet to apply.
    fn check_room(&self) -> Result<(), LogError> {
        self.shared.check()?;
        let backlog = {
            let state = self.shared.state();
            if let Some(error) = state.store_failed.as_ref().filter(|_| self.is_behind(&state)) {
                return Err(error.clone());
            }
            state.backlog_bytes()
        };
        let free = disk::free_bytes(&self.shared.layout.dir)?;
        let min = self.shared.options.free_bytes_min.saturating_add(backlog);
        if free < min { Err(LogError::Full { free, min }) } else { Ok(()) }
    }

    /// Loads the identities that the store has still to apply, when they were too many before.
    fn load_identities(&mut self) -> Result<(), LogError> {
        if !self.unloaded {
            return Ok(());
        }
        // While it is held, no identity is taken out by whoever applies.
        let mut unapplied = self.shared.unapplied();
        let (from, size) = (self.shared.state().applied, self.tree.size());
        let mut loaded = Unapplied::default();
        let mut chunks = Chunks::new(&self.shared.layout.journal, from, size);
        for_each_entry(&mut chunks, from, size, |seq, entry, _| {
            if let Some(macs) = entry.macs {
                loaded.insert(&macs, seq, entry.is_erased());
            }
            Ok(())
        })?;
        *unapplied = loaded;
        drop(unapplied);
        self.unloaded = false;
        Ok(())
    }

    /// Waits until the store has applied all, and gives the log's size.
    fn at_the_end(&self) -> Result<u64, LogError> {
        self.shared.catch_up(self.tree.size(), &mut |_, _| {})?;
        Ok(self.tree.size())
    }

    /// Rewrites the journal without what an entry says is erased; while it does, nothing is appended or sealed.
    ///
    /// A failure is fatal: the segment that is open may have been replaced. The next open makes it good.
    fn erase(&mut self, intent: &Intent) -> Result<(), LogError> {
        let shared = Arc::clone(&self.shared);
        let _still = shared.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        let erased = erase::finish(&shared.layout, intent).and_then(|()| match self.open.take() {
            None => Ok(()),
            Some(Open { path, active, .. }) => {
                let active = erase::reopened(&shared.layout.journal, active)?;
                let file = OpenOptions::new().write(true).open(&path).map_err(io_error("open", &path))?;
                self.open = Some(Open { file, path, active });
                Ok(())
            }
        });
        erased.map_err(|error| shared.fail(&error))
    }

    /// Appends a group; when it returns `Ok`, the group survives a power loss.
    fn append<'a>(&mut self, group: impl Iterator<Item = &'a Prepared>) -> Result<Vec<Outcome>, LogError> {
        self.check_room()?;
        self.load_identities()?;
        let (tree, at) = (self.tree.clone(), self.at);
        self.buffer.clear();
        self.added.clear();
        let result = self.build(group).and_then(|outcomes| {
            if self.tree.size() > tree.size() {
                frame::push_trailer(&mut self.buffer, tree.size(), self.tree.size(), &self.tree.root());
                self.write(&tree, at)?;
            }
            Ok(outcomes)
        });
        if result.is_err() {
            let mut unapplied = self.shared.unapplied();
            self.added.iter().for_each(|macs| unapplied.remove(macs));
            self.hashes.discard();
            (self.tree, self.at) = (tree, at);
        }
        if self.buffer.capacity() > BUFFER_BYTES_KEPT {
            self.buffer = Vec::new();
        }
        result
    }

    /// Puts the group's frames into the buffer and its leaves into the tree.
    fn build<'a>(&mut self, group: impl Iterator<Item = &'a Prepared>) -> Result<Vec<Outcome>, LogError> {
        let mut outcomes = Vec::with_capacity(group.size_hint().0);
        self.at = self.at.max((self.shared.clock)());
        let at = self.at.to_string();
        let shared = Arc::clone(&self.shared);
        let mut unapplied = shared.unapplied();
        for prepared in group {
            let seq = self.tree.size();
            if let Some(macs) = &prepared.macs {
                let met = match unapplied.meet(macs) {
                    None => shared.store.known(&macs.name)?.map(|known| meet(&known, macs)),
                    met => met,
                };
                if let Some(met) = met {
                    outcomes.push(Outcome::from(met));
                    continue;
                }
                unapplied.insert(macs, seq, false);
                self.added.push(*macs);
            }
            self.header.clear();
            entry::write_header(&mut self.header, seq, &at, &prepared.tail);
            recover::push(&mut self.tree, &mut self.hashes, &self.header)?;
            frame::push_entry(&mut self.buffer, &self.header, prepared.macs.as_ref(), prepared.count, &prepared.items);
            outcomes.push(Outcome::Appended(seq));
        }
        Ok(outcomes)
    }

    /// Writes the buffer as one group and makes it durable; `tree` and `at` are from before it.
    fn write(&mut self, tree: &CompactRange, at: Timestamp) -> Result<(), LogError> {
        let fits = |open: &&mut Open| open.active.offset < self.shared.options.segment_bytes;
        let active = match self.open.as_mut().filter(fits) {
            Some(open) => {
                let offset = open.active.offset;
                if let Err(error) = open.file.write_all_at(&self.buffer, offset) {
                    // Nothing of a group that was not acknowledged may stay.
                    open.file.set_len(offset).map_err(|error| self.shared.fail(&io_error("cut", &open.path)(error)))?;
                    return Err(LogError::Rejected(format!("`{}` could not be written: {error}", open.path.display())));
                }
                let synced = open.file.sync_data();
                synced.map_err(|error| self.shared.fail(&io_error("make durable", &open.path)(error)))?;
                open.active.offset += self.buffer.len() as u64;
                open.active
            }
            None => {
                let open = self.begin_segment(Start { seq: tree.size(), root: tree.root(), at })?;
                self.open.insert(open).active
            }
        };
        let size = self.tree.size();
        if self.hashes_good
            && let Err(error) = self.hashes.flush(size)
        {
            self.hashes_good = false;
            tracing::warn!(%error, "the tree's hashes are behind; proofs are made from the journal until the next open");
        }
        if !self.hashes_good {
            self.hashes.discard();
        }
        let (root, bytes) = (self.tree.root(), self.buffer.len() as u64);
        self.shared.change(|state| {
            (state.size, state.root, state.active) = (size, root, Some(active.seq));
            state.appended_bytes += bytes;
        });
        Ok(())
    }

    /// Begins a segment with the buffer as its first group.
    fn begin_segment(&self, start: Start) -> Result<Open, LogError> {
        let path = segment::plain_path(&self.shared.layout.journal, start.seq);
        let mut bytes = start.to_bytes();
        let written = OpenOptions::new().write(true).create(true).truncate(true).open(&path).and_then(|file| {
            file.write_all_at(&bytes, 0)?;
            file.write_all_at(&self.buffer, START_BYTES as u64)?;
            Ok(file)
        });
        bytes.clear();
        let file = match written {
            Ok(file) => file,
            Err(error) => {
                let rejected = format!("`{}` could not be written: {error}", path.display());
                segment::discard(&self.shared.layout.journal, start.seq).map_err(|error| self.shared.fail(&error))?;
                return Err(LogError::Rejected(rejected));
            }
        };
        file.sync_all().map_err(|error| self.shared.fail(&io_error("make durable", &path)(error)))?;
        disk::sync_dir(&self.shared.layout.journal).map_err(|error| self.shared.fail(&error))?;
        let active = Active { seq: start.seq, offset: (START_BYTES + self.buffer.len()) as u64 };
        Ok(Open { file, path, active })
    }
}

impl From<Met> for Outcome {
    fn from(met: Met) -> Self {
        match met {
            Met::Same(seq) => Outcome::Duplicate(seq),
            Met::Other(seq) => Outcome::Conflict(seq),
            Met::Erased(seq) => Outcome::Erased(seq),
        }
    }
}
