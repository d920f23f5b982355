//! From memory into runs, and from many runs into one.
//!
//! Rows that were applied stay in memory until they fill it, or until [`fonds_log::LogStore::sync`]. Then they are
//! written as a run, and one last small batch names the run and the position that follows its rows: after a crash the
//! store is exactly as it was at such a point, and the log applies what came after again.

use crate::apply::Writer;
use crate::keys::{self, Progress};
use crate::merge::{Layers, Memory, Merge};
use crate::run::{Run, RunWriter};
use crate::store::{Store, lock};
use fonds_log::StoreError;
use std::sync::{Arc, PoisonError, RwLock};

/// Rows take about this much memory before they are written: some 75,000 events or more, which is also what is applied
/// again after a crash.
const MEMORY_BYTES_MAX: usize = if cfg!(test) { 8 * 1024 } else { 96 * 1024 * 1024 };
/// So many runs of about one size become one.
const MERGED_RUNS: usize = 4;

impl Store {
    /// The rows as they are now.
    pub(crate) fn layers(&self) -> Arc<Layers> {
        Arc::clone(&self.layers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what is in memory once that is much.
    pub(crate) fn spill_when_full(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let bytes = self.layers().memory.read().unwrap_or_else(PoisonError::into_inner).bytes;
        if bytes >= MEMORY_BYTES_MAX { self.spill(writer) } else { Ok(()) }
    }

    /// Writes what is in memory, with the position.
    pub(crate) fn spill(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let (layers, progress) = (self.layers(), self.progress());
        let memory = layers.memory.read().unwrap_or_else(PoisonError::into_inner);
        if memory.rows.is_empty() && progress == writer.committed {
            return Ok(());
        }
        let mut runs = layers.runs.clone();
        if !memory.rows.is_empty() {
            let mut run = RunWriter::new(&self.disk, writer.next_run(), memory.rows.len() as u64);
            for (key, value) in &memory.rows {
                run.push(key, value.as_deref())?;
            }
            runs.insert(0, Arc::new(run.finish()?));
        }
        drop(memory);
        drop(layers);
        self.commit(writer, Arc::default(), runs, progress)?;
        self.merge_runs(writer)
    }

    /// One small batch says which runs there are and which position follows them.
    pub(crate) fn commit(
        &self,
        writer: &mut Writer,
        memory: Arc<RwLock<Memory>>,
        runs: Vec<Arc<Run>>,
        progress: Progress,
    ) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        batch.insert(keys::RUNS, keys::run_list(runs.iter().map(|run| run.id)));
        batch.insert(keys::PROGRESS, progress.to_row());
        self.disk.call(|tree| tree.apply_batch(batch))?;
        *self.layers.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Layers { memory, runs });
        *lock(&self.progress) = progress;
        writer.committed = progress;
        Ok(())
    }

    fn merge_runs(&self, writer: &mut Writer) -> Result<(), StoreError> {
        loop {
            let layers = self.layers();
            let sizes: Vec<u64> = layers.runs.iter().map(|run| run.bytes).collect();
            let (merged, kept) = layers.runs.split_at(to_merge(&sizes).min(sizes.len()));
            if merged.is_empty() {
                break;
            }
            let mut run = RunWriter::new(&self.disk, writer.next_run(), merged.iter().map(|run| run.rows).sum());
            let mut rows = Merge::of_runs(&self.disk, merged, &[], None, false);
            while let Some((key, value)) = rows.next()? {
                // With nothing below, what says deleted says nothing.
                if value.is_some() || !kept.is_empty() {
                    run.push(key, value)?;
                }
            }
            let runs = std::iter::once(Arc::new(run.finish()?)).chain(kept.iter().cloned()).collect();
            writer.retired.extend(merged.iter().cloned());
            let memory = Arc::clone(&layers.memory);
            let progress = writer.committed;
            drop(rows);
            drop(layers);
            self.commit(writer, memory, runs, progress)?;
        }
        self.delete_retired(writer)
    }

    /// Deletes runs that no reader holds any more.
    pub(crate) fn delete_retired(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let (free, held): (Vec<_>, Vec<_>) =
            std::mem::take(&mut writer.retired).into_iter().partition(|run| Arc::strong_count(run) == 1);
        writer.retired = held;
        free.iter().try_for_each(|run| self.delete_run(run.id))
    }

    fn delete_run(&self, id: u64) -> Result<(), StoreError> {
        // The chunks last: a run that is only half deleted is found again by them.
        self.delete(&keys::run_index(id, 0), &keys::run_index(id + 1, 0))?;
        self.delete(&keys::chunk(id, 0, 0), &keys::chunk(id + 1, 0, 0))
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
