//! From memory into runs, and from many runs into one.
//!
//! Rows that were applied stay in memory until they fill it, or until [`fonds_log::LogStore::sync`]. Then a thread of its
//! own writes them as a run while the next ones gather, and one last small batch names the run and the position that
//! follows its rows: after a crash the store is exactly as it was at such a point, and the log applies what came after
//! again. The same thread merges runs; it leaves off whenever memory is full again, so that the writer hardly ever waits.

use crate::apply::Writer;
use crate::disk::Disk;
use crate::keys::{self, Progress};
use crate::memory::Memory;
use crate::merge::{Layers, Merge};
use crate::run::{Run, RunWriter};
use crate::store::{Store, lock};
use fonds_log::StoreError;
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

/// Rows take about this much memory before they are handed over, and as much again while they are written: some 30,000
/// events, of which twice as many are applied again after a crash.
const MEMORY_BYTES_MAX: usize = if cfg!(test) { 8 * 1024 } else { 40 * 1024 * 1024 };
/// So many runs of about one size become one.
const MERGED_RUNS: usize = 4;
/// After so many rows a merge looks whether memory is full.
const LOOK_EVERY_ROWS: u64 = if cfg!(test) { 16 } else { 4_096 };

/// The rows in all their layers, and where they lie: what writer, readers and the thread that writes runs share.
pub(crate) struct Base {
    pub(crate) disk: Disk,
    pub(crate) layers: RwLock<Arc<Layers>>,
    pub(crate) written: Mutex<Written>,
}

/// What stands on disk.
pub(crate) struct Written {
    /// The position beside the list of runs.
    pub(crate) committed: Progress,
    /// The number of the newest run.
    newest_run: u64,
    /// Runs that were merged, until no reader holds them.
    retired: Vec<Arc<Run>>,
}

impl Base {
    pub(crate) fn new(disk: Disk, layers: Layers, committed: Progress, newest_run: u64) -> Self {
        let written = Mutex::new(Written { committed, newest_run, retired: Vec::new() });
        Self { disk, layers: RwLock::new(Arc::new(layers)), written }
    }

    /// The rows as they are now.
    pub(crate) fn layers(&self) -> Arc<Layers> {
        Arc::clone(&self.layers.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change_layers(&self, change: impl FnOnce(&mut Layers)) {
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Layers::clone(&layers);
        change(&mut changed);
        *layers = Arc::new(changed);
    }

    /// Lets what is in memory change no more, and begins anew beside it.
    fn fill(&self) {
        self.change_layers(|layers| {
            let next = Memory::after(&layers.memory.read().unwrap_or_else(PoisonError::into_inner));
            layers.full = Some(std::mem::replace(&mut layers.memory, Arc::new(RwLock::new(next))));
        });
    }

    /// One small batch says which runs there are and which position follows them.
    fn commit(&self, runs: &[Arc<Run>], progress: Progress) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        batch.insert(keys::RUNS, keys::run_list(runs.iter().map(|run| run.id)));
        batch.insert(keys::PROGRESS, progress.to_row());
        self.disk.call(|tree| tree.apply_batch(batch))?;
        lock(&self.written).committed = progress;
        Ok(())
    }

    fn next_run(&self) -> u64 {
        let mut written = lock(&self.written);
        written.newest_run += 1;
        written.newest_run
    }

    /// Writes what was filled as a run, with the position that follows it.
    fn write_full(&self, progress: Progress) -> Result<(), StoreError> {
        let layers = self.layers();
        let mut runs = layers.runs.clone();
        if let Some(full) = &layers.full {
            let full = full.read().unwrap_or_else(PoisonError::into_inner);
            if !full.is_empty() {
                let rows = full.in_order();
                let mut run = RunWriter::new(&self.disk, self.next_run(), rows.len() as u64);
                for (key, value) in rows {
                    run.push(key, value)?;
                }
                runs.insert(0, Arc::new(run.finish()?));
            }
        }
        self.commit(&runs, progress)?;
        self.change_layers(|layers| (layers.runs, layers.full) = (runs, None));
        Ok(())
    }

    /// Merges runs until they are few; `look` is asked now and then, and may add a run in front.
    fn merge_runs(&self, look: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
        loop {
            let layers = self.layers();
            let sizes: Vec<u64> = layers.runs.iter().map(|run| run.bytes).collect();
            let (merged, kept) = layers.runs.split_at(to_merge(&sizes).min(sizes.len()));
            if merged.is_empty() {
                break;
            }
            let mut run = RunWriter::new(&self.disk, self.next_run(), merged.iter().map(|run| run.rows).sum());
            let mut rows = Merge::of_runs(&self.disk, merged, &[], None, false);
            let mut passed = 0_u64;
            while let Some((key, value)) = rows.next()? {
                // With nothing below, what says deleted says nothing.
                if value.is_some() || !kept.is_empty() {
                    run.push(key, value)?;
                }
                passed += 1;
                if passed.is_multiple_of(LOOK_EVERY_ROWS) {
                    look()?;
                }
            }
            let run = Arc::new(run.finish()?);
            // What `look` added stands before what was merged.
            let mut runs = self.layers().runs.clone();
            let newer = runs.len().saturating_sub(layers.runs.len());
            runs.splice(newer..newer + merged.len(), [run]);
            let committed = lock(&self.written).committed;
            self.commit(&runs, committed)?;
            lock(&self.written).retired.extend(merged.iter().cloned());
            self.change_layers(|layers| layers.runs = runs);
        }
        self.delete_retired()
    }

    /// Goes back to no rows and nothing applied.
    pub(crate) fn forget_all(&self) -> Result<(), StoreError> {
        let runs = self.layers().runs.clone();
        self.commit(&[], Progress::NONE)?;
        lock(&self.written).retired.extend(runs);
        self.change_layers(|layers| *layers = Layers::default());
        self.delete_retired()
    }

    /// Deletes runs that no reader holds any more.
    fn delete_retired(&self) -> Result<(), StoreError> {
        let retired = std::mem::take(&mut lock(&self.written).retired);
        let (free, held): (Vec<_>, Vec<_>) = retired.into_iter().partition(|run| Arc::strong_count(run) == 1);
        lock(&self.written).retired = held;
        free.iter().try_for_each(|run| self.delete_run(run.id))
    }

    fn delete_run(&self, id: u64) -> Result<(), StoreError> {
        // The chunks last: a run that is only half deleted is found again by them.
        self.disk.delete(&keys::run_index(id, 0), &keys::run_index(id + 1, 0))?;
        self.disk.delete(&keys::chunk(id, 0, 0), &keys::chunk(id + 1, 0, 0))
    }

    /// Deletes runs that were being written or deleted when the store was last left.
    pub(crate) fn delete_unnamed(&self) -> Result<(), StoreError> {
        let live: Vec<u64> = self.layers().runs.iter().map(|run| run.id).collect();
        let mut from = 0;
        loop {
            let range = keys::chunk(from, 0, 0)..keys::chunk(u64::MAX, 0, 0);
            let row = self.disk.call(|tree| tree.range(range).keys().next().transpose())?;
            let Some(id) = row.and_then(|key| keys::chunk_run(&key)) else { return Ok(()) };
            if !live.contains(&id) {
                self.delete_run(id)?;
            }
            from = id + 1;
        }
    }
}

/// What the thread that writes runs is told, and says.
#[derive(Default)]
struct Work {
    /// What was filled is to be written, with this position.
    due: Option<Progress>,
    /// It is at work, merging perhaps.
    busy: bool,
    closing: bool,
    ended: bool,
}

#[derive(Default)]
struct Desk {
    work: Mutex<Work>,
    changed: Condvar,
}

impl Desk {
    fn change(&self, change: impl FnOnce(&mut Work)) {
        change(&mut lock(&self.work));
        self.changed.notify_all();
    }

    fn wait_while(&self, is_so: impl Fn(&Work) -> bool) {
        let waits = self.changed.wait_while(lock(&self.work), |work| is_so(work));
        drop(waits.unwrap_or_else(PoisonError::into_inner));
    }
}

/// The thread that writes and merges runs, there from the first run on.
pub(crate) struct Spiller {
    base: Arc<Base>,
    desk: Arc<Desk>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Spiller {
    pub(crate) fn new(base: Arc<Base>) -> Self {
        Self { base, desk: Arc::default(), thread: Mutex::default() }
    }

    /// Lets what was filled be written.
    fn write(&self, progress: Progress) -> Result<(), StoreError> {
        let mut thread = lock(&self.thread);
        if thread.is_none() {
            let (base, desk) = (Arc::clone(&self.base), Arc::clone(&self.desk));
            let spawned = std::thread::Builder::new().name("fonds-runs".to_owned()).spawn(move || run(&base, &desk));
            *thread = Some(spawned.map_err(|error| self.base.disk.breaks(StoreError::Fatal(error.to_string())))?);
        }
        self.desk.change(|work| work.due = Some(progress));
        Ok(())
    }

    /// Waits until nothing is left to be written.
    fn wait_written(&self) -> Result<(), StoreError> {
        self.desk.wait_while(|work| work.due.is_some() && !work.ended);
        self.base.disk.broken().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Waits until nothing is left to be merged either.
    fn wait_idle(&self) -> Result<(), StoreError> {
        self.desk.wait_while(|work| (work.due.is_some() || work.busy) && !work.ended);
        self.wait_written()
    }
}

impl Drop for Spiller {
    fn drop(&mut self) {
        self.desk.change(|work| work.closing = true);
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

/// Says that no run will be written any more, whatever ended the thread.
struct Ended<'a>(&'a Base, &'a Desk);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.disk.breaks(StoreError::Fatal("its runs are not written any more".to_owned()));
        }
        self.1.change(|work| work.ended = true);
    }
}

fn run(base: &Base, desk: &Desk) {
    let _ended = Ended(base, desk);
    loop {
        desk.wait_while(|work| work.due.is_none() && !work.closing);
        if lock(&desk.work).due.is_none() {
            return;
        }
        desk.change(|work| work.busy = true);
        let mut look = || {
            let due = lock(&desk.work).due;
            let wrote = due.map_or(Ok(()), |progress| base.write_full(progress));
            if due.is_some() {
                desk.change(|work| work.due = None);
            }
            wrote
        };
        // An error has broken the disk, and whoever calls next is told.
        if let Err(error) = look().and_then(|()| base.merge_runs(&mut look)) {
            base.disk.breaks(error);
        }
        desk.change(|work| work.busy = false);
    }
}

impl Store {
    /// Hands over what is in memory once that is much.
    pub(crate) fn spill_when_full(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let bytes = self.base.layers().memory.read().unwrap_or_else(PoisonError::into_inner).bytes;
        if bytes >= MEMORY_BYTES_MAX { self.hand_over(writer) } else { Ok(()) }
    }

    /// Hands over what is in memory, with the position, once what was handed over before is written.
    fn hand_over(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let progress = self.progress();
        let is_empty = self.base.layers().memory.read().unwrap_or_else(PoisonError::into_inner).is_empty();
        if is_empty && progress == writer.handed_over {
            return Ok(());
        }
        self.spiller.wait_written()?;
        self.base.fill();
        self.spiller.write(progress)?;
        writer.handed_over = progress;
        Ok(())
    }

    /// Writes what is in memory, with the position.
    pub(crate) fn spill(&self, writer: &mut Writer) -> Result<(), StoreError> {
        self.hand_over(writer)?;
        self.spiller.wait_written()
    }

    /// Writes nothing more, and waits until no run is being written or merged.
    pub(crate) fn settle(&self, _writer: &mut Writer) -> Result<(), StoreError> {
        self.spiller.wait_idle()
    }
}

/// How many of the newest runs to merge: those of which none is much larger than all newer ones together.
fn to_merge(sizes: &[u64]) -> usize {
    let mut newer = 0_u64;
    let count = sizes
        .iter()
        .take_while(|size| {
            let fits = newer == 0 || **size <= newer + newer / 2;
            newer += **size;
            fits
        })
        .count();
    if count >= MERGED_RUNS { count } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::to_merge;

    #[test]
    fn runs_stay_few_and_a_row_is_merged_a_few_times_only() {
        let (mut runs, mut written) = (Vec::new(), 0);
        for _ in 0..1_000 {
            runs.insert(0, 100_u64);
            loop {
                let count = to_merge(&runs);
                let merged: u64 = runs.drain(..count).sum();
                if count == 0 {
                    break;
                }
                written += merged;
                runs.insert(0, merged);
            }
            assert!(runs.len() < 16, "{runs:?}");
        }
        assert!(written < 1_000 * 100 * 9, "{written} bytes written for {}", 1_000 * 100);
    }
}
