//! The thread that stores checkpoints while there is traffic and seals segments when there is none.

use crate::shared::Shared;
use crate::{LogError, seal, segment};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// When nothing was appended for so long, and the store has applied all, segments are sealed.
const QUIET: Duration = Duration::from_millis(500);
/// More plain segments than this are sealed in any case, so that a long burst does not fill the disk.
const PLAIN_MAX: usize = 64;

/// Works until the log closes.
pub(crate) fn run(shared: &Arc<Shared>) {
    let mut stored = Instant::now();
    let (mut bytes, mut quiet_since, mut behind) = (0, Instant::now(), false);
    loop {
        let looked = Instant::now();
        while looked.elapsed() < LOOK_EVERY {
            let state = shared.state();
            if state.closing || state.failed.is_some() {
                return;
            }
            if state.appended_bytes != bytes {
                (bytes, quiet_since) = (state.appended_bytes, Instant::now());
            }
            // Sealing would take the machine from the store that catches up; one that failed never does.
            behind = state.applied < state.size && state.store_failed.is_none();
            drop(shared.wait(state, LOOK_EVERY));
        }
        if stored.elapsed() + LOOK_EVERY >= shared.options.checkpoint_every {
            if let Err(error) = shared.store_checkpoint() {
                tracing::error!(%error, "the checkpoint could not be stored");
            }
            stored = Instant::now();
        }
        let quiet = !behind && quiet_since.elapsed() > QUIET;
        if let Err(error) = seal_next(shared, if quiet { 0 } else { PLAIN_MAX }) {
            tracing::error!(%error, "a segment could not be sealed");
            quiet_since = Instant::now();
        }
    }
}

/// Seals the first segment that is complete, if more than `plain_max` are; whether there was one.
pub(crate) fn seal_next(shared: &Shared, plain_max: usize) -> Result<bool, LogError> {
    let _still = shared.sealing.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(active) = shared.state().active else { return Ok(false) };
    let plain: Vec<_> = segment::list(&shared.layout.journal)?
        .into_iter()
        .filter(|segment| !segment.sealed && segment.seq < active)
        .collect();
    let Some(first) = plain.first().filter(|_| plain.len() > plain_max) else { return Ok(false) };
    seal::seal(&shared.layout.journal, first.seq)?;
    Ok(true)
}
