//! The thread that lets the store follow the journal, reading from the journal so that memory stays flat.

use crate::chunks::Entries;
use crate::erase::Stubs;
use crate::recover::BATCH_ENTRIES;
use crate::shared::{Shared, State};
use crate::tree::{CompactRange, leaf_hash};
use crate::{Framed, LogError, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A batch is given to the store once it has this many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// The store is synced after this many bytes, and whenever it has caught up.
const SYNC_BYTES: u64 = 256 << 20;
/// Above this many bytes a second the writer has the machine to itself, until half the backlog is used up.
const TRAFFIC_BYTES_A_SECOND: u64 = 8 << 20;
const LOOK_EVERY: Duration = Duration::from_millis(50);
const RETRIES: u32 = 5;

/// Whether the writer is busy, from how much was appended since the last look.
struct Traffic {
    since: Instant,
    bytes: u64,
    heavy: bool,
}

impl Traffic {
    fn look(&mut self, appended_bytes: u64) -> bool {
        let passed = self.since.elapsed();
        if passed >= LOOK_EVERY {
            let a_second = (appended_bytes - self.bytes) as f64 / passed.as_secs_f64();
            (self.since, self.bytes) = (Instant::now(), appended_bytes);
            self.heavy = a_second > TRAFFIC_BYTES_A_SECOND as f64;
        }
        self.heavy
    }
}

pub(crate) struct Applier {
    shared: Arc<Shared>,
    tree: CompactRange,
    traffic: Traffic,
    unsynced_bytes: u64,
    since_sync: Instant,
}

/// Says that the store does not follow any more, whatever ended the applier.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        let error = LogError::Store(StoreError::Fatal("it does not follow the journal any more".to_owned()));
        self.0.change(|state| {
            state.store_failed.get_or_insert(error);
        });
    }
}

impl Applier {
    pub(crate) fn new(shared: Arc<Shared>, tree: CompactRange) -> Self {
        let bytes = shared.state().appended_bytes;
        let traffic = Traffic { since: Instant::now(), bytes, heavy: false };
        Self { shared, tree, traffic, unsynced_bytes: 0, since_sync: Instant::now() }
    }

    /// Works until the log closes or the store fails.
    pub(crate) fn run(mut self) {
        let _ended = Ended(Arc::clone(&self.shared));
        if let Err(error) = self.follow() {
            tracing::error!(%error, "the store does not follow the journal any more");
            self.shared.change(|state| state.store_failed = Some(error));
        }
    }

    fn follow(&mut self) -> Result<(), LogError> {
        let from = self.tree.size();
        let mut entries = Entries::new(&self.shared.layout.journal, from, from);
        let shared = Arc::clone(&self.shared);
        let mut stubs = Stubs::of(&shared.layout.journal);
        let mut batch: Vec<Framed> = Vec::new();
        while let Some(end) = self.wait_for_work()? {
            entries.extend(end);
            let mut bytes = 0;
            while batch.len() < BATCH_ENTRIES as usize && bytes < BATCH_BYTES {
                let next = entries
                    .next_with(|seq, entry, length| Ok((entry.to_framed(seq)?, leaf_hash(entry.header), length)))?;
                let Some((mut framed, leaf, length)) = next else { break };
                stubs.fill(&mut framed)?;
                self.tree.push(leaf, |_, _| {});
                bytes += length;
                batch.push(framed);
            }
            self.apply(&batch)?;
            self.unsynced_bytes += bytes as u64;
            let applied = self.tree.size();
            // Held until `applied` says so too: who loads identities goes by that.
            let mut unapplied = self.shared.unapplied();
            batch.iter().filter_map(|framed| framed.macs.as_ref()).for_each(|macs| unapplied.remove(macs));
            batch.clear();
            self.shared.change(|state| {
                state.applied = applied;
                state.applied_bytes += bytes as u64;
                if applied == state.size {
                    // Trailers are no entries; at the end nothing is outstanding.
                    state.applied_bytes = state.appended_bytes;
                }
            });
            drop(unapplied);
        }
        self.sync()
    }

    /// Waits until there is something that may be applied now, and says up to where; `None`: the log closes.
    fn wait_for_work(&mut self) -> Result<Option<u64>, LogError> {
        loop {
            let shared = Arc::clone(&self.shared);
            let state = shared.state();
            if state.closing || state.failed.is_some() {
                return Ok(None);
            }
            let (size, behind) = (state.size, state.applied < state.size);
            if behind && self.may_apply(&state) {
                drop(state);
                if self.unsynced_bytes > SYNC_BYTES {
                    self.sync()?;
                }
                return Ok(Some(size));
            }
            if !behind && self.unsynced_bytes > 0 && self.since_sync.elapsed() > Duration::from_millis(200) {
                drop(state);
                self.sync()?;
                continue;
            }
            drop(shared.wait(state, LOOK_EVERY));
        }
    }

    fn may_apply(&mut self, state: &State) -> bool {
        let heavy = self.traffic.look(state.appended_bytes);
        !heavy || state.urgent > 0 || state.backlog_bytes() > self.shared.options.backlog_bytes_max / 2
    }

    fn apply(&self, batch: &[Framed]) -> Result<(), LogError> {
        let root = self.tree.root();
        let mut rest = batch;
        for retry in 1.. {
            match self.shared.store.apply(rest, root) {
                Err(StoreError::Rejected(why)) if retry < RETRIES => {
                    tracing::warn!(why, retry, "the store refused; trying again");
                    std::thread::sleep(LOOK_EVERY * retry);
                    // It says how far it came.
                    let next = self.shared.store.applied()?.next.seq;
                    let done = rest.iter().take_while(|framed| framed.entry.seq < next).count();
                    rest = rest.get(done..).unwrap_or_default();
                }
                result => return Ok(result?),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), LogError> {
        self.shared.store.sync()?;
        (self.unsynced_bytes, self.since_sync) = (0, Instant::now());
        Ok(())
    }
}

impl Shared {
    /// Waits until the store has applied the first `target` entries; `progress` hears how many it has, and of how many.
    pub(crate) fn catch_up(&self, target: u64, progress: &mut dyn FnMut(u64, u64)) -> Result<(), LogError> {
        self.change(|state| state.urgent += 1);
        let result = loop {
            let state = self.state();
            let (applied, failed) = (state.applied, state.store_failed.clone().or_else(|| state.failed.clone()));
            if applied >= target {
                drop(state);
                progress(applied, target);
                break Ok(());
            }
            if let Some(error) = failed {
                break Err(error);
            }
            drop(self.wait(state, Duration::from_millis(100)));
            progress(applied, target);
        };
        self.change(|state| state.urgent -= 1);
        result
    }
}
