//! The store: one tree, one writer, many readers.

use crate::apply::Writer;
use crate::disk::Disk;
use crate::hot::Hot;
use crate::keys::{self, Progress};
use crate::merge::Layers;
use crate::read::Recent;
use crate::run::Run;
use crate::spill::{Base, Spiller};
use crate::{STORE, folders};
use fonds_log::{Applied, Framed, Known, LogStore, Mac, StoreError};
use fonds_model::{Digest, Position, Seq};
use fonds_views::rows::Row;
use fonds_views::{Pending, ViewError};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// What commands and the server read, over sled.
///
/// It is `Sync`: any number of threads read while one applies. A reader in the midst of an `apply` sees the rows of the
/// batches that are written; rows of entries above the size it asks for are for the views to leave out.
pub struct Store {
    pub(crate) base: Arc<Base>,
    pub(crate) spiller: Spiller,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) progress: Mutex<Progress>,
    /// Held for writing while a block that readers may see is written again.
    pub(crate) blocks: RwLock<()>,
    pub(crate) recent: Mutex<Recent>,
}

impl Store {
    /// Opens the store in `folder`, or makes an empty one there.
    ///
    /// When the folder is named [`STORE`], what a rebuild that was cut off left beside it is put right first.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when it is open elsewhere or its files cannot be reached; [`StoreError::Lost`] when it is
    /// damaged: then [`crate::set_aside`] it and build it again.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, StoreError> {
        let folder = folder.as_ref();
        if let (Some(dir), Some(STORE)) = (folder.parent(), folder.file_name().and_then(|name| name.to_str())) {
            folders::settle(dir)?;
        }
        let disk = Disk::open(folder)?;
        let (progress, runs) = named(&disk)?;
        let newest = runs.iter().max().copied().unwrap_or(0);
        let runs = runs.into_iter().map(|id| Run::load(&disk, id).map(Arc::new)).collect::<Result<_, _>>()?;
        let writer = Writer::new(progress).map_err(|error| StoreError::Rejected(error.to_string()))?;
        let base = Arc::new(Base::new(disk, Layers { runs, ..Layers::default() }, progress, newest));
        base.delete_unnamed()?;
        Ok(Self {
            spiller: Spiller::new(Arc::clone(&base)),
            base,
            writer: Mutex::new(writer),
            progress: Mutex::new(progress),
            blocks: RwLock::default(),
            recent: Mutex::default(),
        })
    }

    /// The next item to apply: above [`LogStore::applied`] while an `apply` has come only a part of its way.
    #[must_use]
    pub fn reached(&self) -> Position {
        self.progress().next
    }

    /// As [`LogStore::apply`], with another fold than [`fonds_views::fold`]: for tests and measurements.
    ///
    /// # Errors
    /// As [`LogStore::apply`].
    pub fn apply_with<F>(&self, entries: &[Framed], root: Digest, fold: F) -> Result<(), StoreError>
    where
        F: FnMut(&fonds_model::Entry, u16, &mut Pending<'_>) -> Result<(), ViewError>,
    {
        self.write(entries, root, fold)
    }

    /// Deletes all rows of the views, and goes back to nothing applied, so that the log applies everything again.
    ///
    /// # Errors
    /// [`StoreError`]; when it is cut off, the next open ends it.
    pub fn drop_views(&self) -> Result<(), StoreError> {
        let mut writer = lock(&self.writer);
        self.settle(&mut writer)?;
        writer.hot = Hot::default();
        self.base.forget_all()?;
        (*lock(&self.progress), writer.handed_over) = (Progress::NONE, Progress::NONE);
        self.settle_blocks(&mut writer)
    }

    /// All rows of the views, in order of key: two stores that folded the same entries have equal ones.
    pub fn views_dump(&self) -> impl Iterator<Item = Row> {
        self.merged(&[keys::VIEWS], None, false)
    }

    pub(crate) fn progress(&self) -> Progress {
        *lock(&self.progress)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let mut writer = lock(&self.writer);
        if self.base.disk.broken().is_none()
            && let Err(error) = self.spill(&mut writer)
        {
            tracing::warn!(%error, "the store's last rows could not be written while closing: they are applied again");
        }
    }
}

impl LogStore for Store {
    /// In the midst of an `apply` (and after a crash there) this is the end of the one before it, since no root is known
    /// in between. What `apply` is then given again is passed over, once it has been compared.
    fn applied(&self) -> Result<Applied, StoreError> {
        let progress = self.progress();
        match self.base.disk.broken() {
            Some(error) => Err(error.clone()),
            None => Ok(Applied { next: Position { seq: progress.size, item: 0 }, root: progress.root }),
        }
    }

    fn known(&self, name: &Mac) -> Result<Option<Known>, StoreError> {
        let Some(row) = self.base.layers().get(&self.base.disk, &keys::identity(name))? else { return Ok(None) };
        match keys::read_known(&row, name) {
            Some(known) => Ok(Some(known)),
            None => Err(self.base.disk.breaks(StoreError::Lost("an identity cannot be read".to_owned()))),
        }
    }

    fn entry(&self, seq: Seq) -> Result<Option<Framed>, StoreError> {
        if seq < self.progress().next.seq { self.read_entry(seq).map(Some) } else { Ok(None) }
    }

    fn apply(&self, entries: &[Framed], root: Digest) -> Result<(), StoreError> {
        self.write(entries, root, fonds_views::fold)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.spill(&mut lock(&self.writer))?;
        self.base.disk.sync()
    }
}

/// The position and the runs that it follows; one batch wrote both, so that one without the other is loss.
fn named(disk: &Disk) -> Result<(Progress, Vec<u64>), StoreError> {
    let lost = |what: &str| disk.breaks(StoreError::Lost(format!("its {what} cannot be read")));
    match (disk.call(|tree| tree.get(keys::PROGRESS))?, disk.call(|tree| tree.get(keys::RUNS))?) {
        (None, None) => Ok((Progress::NONE, Vec::new())),
        (Some(progress), Some(runs)) => Ok((
            Progress::read(&progress).ok_or_else(|| lost("position"))?,
            keys::read_run_list(&runs).ok_or_else(|| lost("list of runs"))?,
        )),
        (None, Some(_)) => Err(lost("position")),
        (Some(_), None) => Err(lost("list of runs")),
    }
}

/// A thread that panicked while it held one of these locks left nothing half done that a reader relies on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
