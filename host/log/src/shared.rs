//! What the threads of an open log share.

use crate::checkpoint::Checkpoint;
use crate::identities::Unapplied;
use crate::keys::Identities;
use crate::layout::Layout;
use crate::note::Signer;
use crate::{LogError, LogStore, disk, note};
use fonds_model::{Digest, Timestamp};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Gives the time; only the edge has one.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The settings of an open log.
#[derive(Debug, Clone)]
pub struct Options {
    /// A segment is ended once it has this many bytes.
    pub segment_bytes: u64,
    /// A group, and so a staged group, has at most this many bytes.
    pub group_bytes_max: usize,
    /// At most this many bytes wait for the writer; who brings more waits.
    pub queue_bytes_max: usize,
    /// The store may be this many bytes of journal behind; then the writer waits for it.
    pub backlog_bytes_max: u64,
    /// Below this many free bytes of disk nothing is appended.
    pub free_bytes_min: u64,
    /// A checkpoint is stored at least this often while there is traffic.
    pub checkpoint_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 32 << 20,
            group_bytes_max: 48 << 20,
            queue_bytes_max: 16 << 20,
            backlog_bytes_max: 2 << 30,
            free_bytes_min: 256 << 20,
            checkpoint_every: Duration::from_secs(1),
        }
    }
}

/// How the log stands.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Entries that survive a power loss, and the root over them.
    pub(crate) size: u64,
    pub(crate) root: Digest,
    /// Entries that the store's readers see.
    pub(crate) applied: u64,
    /// Bytes of journal that were appended, and applied, since the log was opened; the backlog then counts as appended.
    pub(crate) appended_bytes: u64,
    pub(crate) applied_bytes: u64,
    /// The size of the stored checkpoint.
    pub(crate) checkpointed: u64,
    /// The segment that is being written.
    pub(crate) active: Option<u64>,
    /// How many wait for the store to be at the end.
    pub(crate) urgent: u32,
    /// The writer has ended.
    pub(crate) closing: bool,
    /// The log must not be used again.
    pub(crate) failed: Option<LogError>,
    /// The store cannot follow any more.
    pub(crate) store_failed: Option<LogError>,
}

impl State {
    /// Bytes of journal that the store has yet to apply.
    pub(crate) fn backlog_bytes(&self) -> u64 {
        self.appended_bytes.saturating_sub(self.applied_bytes)
    }
}

/// The keys that sign: while a rotation goes on, the next one signs beside the one in use.
pub(crate) struct Signing {
    pub(crate) signer: Signer,
    pub(crate) next: Option<Signer>,
}

pub(crate) struct Shared {
    pub(crate) layout: Layout,
    pub(crate) origin: String,
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<dyn LogStore>,
    pub(crate) identities: Identities,
    /// A restored copy, which must not be written.
    pub(crate) read_only: bool,
    signing: Mutex<Signing>,
    pub(crate) unapplied: Mutex<Unapplied>,
    state: Mutex<State>,
    changed: Condvar,
    /// Checkpoints are stored one after the other, so that an older one never replaces a newer.
    storing: Mutex<()>,
    /// Held while segments are sealed or rewritten.
    pub(crate) sealing: Mutex<()>,
}

impl Shared {
    pub(crate) fn new(
        (layout, origin): (Layout, String),
        (options, clock): (Options, Clock),
        store: Arc<dyn LogStore>,
        (identities, signing, read_only): (Identities, Signing, bool),
        unapplied: Unapplied,
        state: State,
    ) -> Self {
        Self {
            layout,
            origin,
            options,
            clock,
            store,
            identities,
            read_only,
            signing: Mutex::new(signing),
            unapplied: Mutex::new(unapplied),
            state: Mutex::new(state),
            changed: Condvar::new(),
            storing: Mutex::new(()),
            sealing: Mutex::new(()),
        }
    }

    /// A thread that panicked while it held the state has told so in it; what is there is still true.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn unapplied(&self) -> MutexGuard<'_, Unapplied> {
        self.unapplied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn signing(&self) -> MutexGuard<'_, Signing> {
        self.signing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    pub(crate) fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, at_most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Poisons the log: what is on disk is not known any more.
    pub(crate) fn fail(&self, error: &LogError) -> LogError {
        let fatal = LogError::Fatal(error.to_string());
        self.change(|state| {
            state.failed.get_or_insert(fatal.clone());
        });
        fatal
    }

    pub(crate) fn check(&self) -> Result<(), LogError> {
        self.state().failed.clone().map_or(Ok(()), Err)
    }

    /// Signs the durable size and stores the note before anybody sees it.
    pub(crate) fn store_checkpoint(&self) -> Result<String, LogError> {
        let _one = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        let (size, root) = {
            let state = self.state();
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            if state.checkpointed == state.size || self.read_only {
                drop(state);
                return disk::read_text(&self.layout.checkpoint);
            }
            (state.size, state.root)
        };
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root };
        let note = {
            let signing = self.signing();
            let note = checkpoint.sign(&signing.signer);
            let next = signing.next.as_ref().map(|next| checkpoint.sign(next));
            note::with_lines(&note, next.iter().filter_map(|note| note.lines().last()))
        };
        disk::replace(&self.layout.checkpoint, note.as_bytes(), 0o644)?;
        self.change(|state| state.checkpointed = size);
        Ok(note)
    }
}
