//! The digest of a sweep, computed again.

use super::{QUEUED, next, stopped, workers};
use crate::{RuntimeError, Store};
use fonds_model::decision::{SweepCompleted, SweepLookedAt};
use fonds_model::{Digest, EntityId, Entry, Position, Seq};
use fonds_views::register::{self, Binding};
use fonds_views::{Rows, ViewError};
use jiff::civil::Date;
use sha2::{Digest as _, Sha256};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};

/// Records that a worker takes at a time.
const TAKEN: usize = 1_024;

/// A sweep as the log has it.
pub(super) struct Recorded {
    pub(super) seq: Seq,
    pub(super) completed: SweepCompleted,
    /// Whom it looked at; none: everyone.
    looked_at: Option<Vec<EntityId>>,
}

impl Recorded {
    /// `None` when the entry is not what a sweep writes.
    pub(super) fn read(entry: &Entry) -> Option<Self> {
        let (first, rest) = entry.items.split_first()?;
        let completed = serde_json::from_slice(first.content.as_ref()?.split().ok()?.1).ok()?;
        let mut looked_at = (!rest.is_empty()).then(Vec::new);
        for item in rest {
            let listed: SweepLookedAt = serde_json::from_slice(item.content.as_ref()?.split().ok()?.1).ok()?;
            looked_at.get_or_insert_default().extend(listed.records);
        }
        Some(Self { seq: entry.seq, completed, looked_at })
    }
}

type Found = Vec<(Position, Digest)>;

/// SHA-256 over the item digests of the decisions that were in force before the entry, for all whom the sweep looked at.
///
/// `amended`: a record may stand no more, or may have stood then only.
pub(super) fn digest_of(store: &dyn Store, sweep: &Recorded, amended: bool) -> Result<Digest, RuntimeError> {
    let as_of = sweep.seq.checked_sub(1);
    let bindings = register::bindings(store.as_rows(), as_of)?;
    let (ids, queue) = mpsc::sync_channel::<Vec<EntityId>>(workers() * QUEUED);
    let queue = Arc::new(Mutex::new(queue));
    let standing = (sweep.looked_at.is_none() && amended).then(|| sweep.completed.as_of.last_day());
    let mut found = Found::new();
    std::thread::scope(|scope| -> Result<(), RuntimeError> {
        let bindings = bindings.as_slice();
        let work = |queue: Arc<Mutex<Receiver<Vec<EntityId>>>>| {
            move || in_force(&queue, store.as_rows(), bindings, as_of, standing)
        };
        let handles: Vec<_> = (0..workers()).map(|_| scope.spawn(work(Arc::clone(&queue)))).collect();
        drop(queue);
        let mut taken = Vec::with_capacity(TAKEN);
        let mut hand_out = |id: EntityId| {
            taken.push(id);
            // The workers are gone only when one has failed, and it says why.
            taken.len() < TAKEN || ids.send(std::mem::replace(&mut taken, Vec::with_capacity(TAKEN))).is_ok()
        };
        match &sweep.looked_at {
            Some(listed) => {
                let _ = listed.iter().cloned().all(&mut hand_out);
            }
            None => {
                for id in register::ids(store.as_rows()) {
                    if !hand_out(id?) {
                        break;
                    }
                }
            }
        }
        let _ = ids.send(taken);
        drop(ids);
        for handle in handles {
            found.extend(handle.join().map_err(|_| stopped())??);
        }
        Ok(())
    })?;
    found.sort_unstable();
    let mut hash = Sha256::new();
    found.iter().for_each(|(_, digest)| hash.update(digest.0));
    Ok(Digest(hash.finalize().into()))
}

fn in_force(
    queue: &Mutex<Receiver<Vec<EntityId>>>,
    rows: &dyn Rows,
    bindings: &[Binding],
    as_of: Option<Seq>,
    standing: Option<Date>,
) -> Result<Found, ViewError> {
    let mut found = Found::new();
    while let Some(ids) = next(queue) {
        for id in ids {
            let decisions = register::decisions_under(rows, bindings, &id, as_of)?;
            let stands = |on| register::record_on(rows, &id, as_of, on).map(|record| record.is_some());
            if decisions.is_empty() || !standing.map_or(Ok(true), stands)? {
                continue;
            }
            found.extend(decisions.into_iter().map(|decision| (decision.position, decision.digest)));
        }
    }
    Ok(found)
}
