//! sled, held at arm's length: its errors and panics translated, its files synced by us.

use crate::run::RecentChunks;
use fonds_log::StoreError;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::Duration;

/// sled's page cache; more would not be faster for folds that append, and memory is promised to stay flat.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// How often sled's own thread hands buffers to the kernel.
///
/// It must run: nothing else in sled collects dead segments, so without it the file only grows.
const FLUSH_EVERY_MS: u64 = 500;

/// sled's threads hold its lock for a moment after it was closed: an open that finds it locked is tried again, for 2 s.
const LOCK_TRIES: u32 = 200;
const LOCK_WAIT: Duration = Duration::from_millis(10);

/// A file with this name in sled's folder says why what lies there is lost, to whoever opens it next.
const MARK: &str = "lost";

/// So many rows are deleted at a time.
const DELETED_ROWS: usize = 180;

/// An open sled, with the handles through which its files are synced.
pub(crate) struct Disk {
    folder: PathBuf,
    /// `None` only while it is being closed.
    db: Option<sled::Db>,
    files: Files,
    broken: OnceLock<StoreError>,
    /// What was read of runs last.
    pub(crate) recent: RecentChunks,
}

impl Disk {
    /// Opens or makes the sled in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let refused =
            |error: std::io::Error| StoreError::Rejected(format!("`{}` cannot be opened: {error}", folder.display()));
        fs::create_dir_all(folder).map_err(refused)?;
        if let Ok(why) = fs::read(folder.join(MARK)) {
            return Err(StoreError::Lost(String::from_utf8_lossy(&why).into_owned()));
        }
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .mode(sled::Mode::HighThroughput);
        let mut tries = 1..LOCK_TRIES;
        let db = loop {
            match catch_unwind(AssertUnwindSafe(|| config.open())) {
                Ok(Ok(db)) => break db,
                Ok(Err(sled::Error::Io(error))) if is_locked(&error) && tries.next().is_some() => sleep(LOCK_WAIT),
                Ok(Err(error)) => return Err(on_open(folder, error)),
                Err(panic) => return Err(StoreError::Lost(said(&*panic))),
            }
        };
        let files = match Files::open(folder) {
            Ok(files) => files,
            Err(error) => {
                // It would sync once more where nobody catches that it cannot.
                std::mem::forget(db);
                return Err(refused(error));
            }
        };
        let recent = RecentChunks::default();
        Ok(Self { folder: folder.to_owned(), db: Some(db), files, broken: OnceLock::new(), recent })
    }

    /// Calls sled, unless it broke before; a panic is caught and never goes further.
    pub(crate) fn call<T>(&self, call: impl FnOnce(&sled::Tree) -> sled::Result<T>) -> Result<T, StoreError> {
        if let Some(error) = self.broken.get() {
            return Err(error.clone());
        }
        let Some(db) = &self.db else { return Err(StoreError::Fatal("it was closed".to_owned())) };
        match catch_unwind(AssertUnwindSafe(|| call(db))) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.breaks(while_running(error))),
            Err(panic) => Err(self.breaks(StoreError::Lost(said(&*panic)))),
        }
    }

    /// Deletes sled's rows from `from` on and below `to`, some at a time.
    pub(crate) fn delete(&self, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        loop {
            let range = || (Bound::Included(from), Bound::Excluded(to));
            let found = self.call(|tree| tree.range::<&[u8], _>(range()).keys().take(DELETED_ROWS).collect())?;
            let keys: Vec<sled::IVec> = found;
            if keys.is_empty() {
                return Ok(());
            }
            let mut batch = sled::Batch::default();
            keys.into_iter().for_each(|key| batch.remove(key));
            self.call(|tree| tree.apply_batch(batch))?;
        }
    }

    /// From now on this handle answers with the error only; and where the store is lost, every later one.
    pub(crate) fn breaks(&self, error: StoreError) -> StoreError {
        let error = self.broken.get_or_init(|| error);
        if let StoreError::Lost(why) = error
            && let Err(error) = fs::write(self.folder.join(MARK), why)
        {
            tracing::warn!(%error, "that the store is lost could not be written down");
        }
        error.clone()
    }

    /// The error that broke it.
    pub(crate) fn broken(&self) -> Option<&StoreError> {
        self.broken.get()
    }

    /// Makes all that was written survive power loss.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.call(|tree| tree.flush())?;
        self.files.sync().map_err(|error| self.breaks(StoreError::Fatal(format!("fsync: {error}"))))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let sound = self.broken.get().is_none() && self.sync().is_ok();
        let db = self.db.take();
        if !sound {
            // Dropping a sled that failed can wait for ever for a thread that is gone; its memory is the lesser loss.
            return std::mem::forget(db);
        }
        let closed = catch_unwind(AssertUnwindSafe(|| drop(db))).is_ok();
        // sled writes on while it closes. What it wrote is not asked for by anybody, but it shall be whole.
        if let Err(error) = self.files.sync() {
            tracing::warn!(%error, closed, "the store's files could not be synced while closing");
        }
    }
}

/// Handles kept open for life: an fsync through a handle that was opened later can miss an error that came before.
struct Files {
    folder: File,
    db: File,
    conf: File,
    blobs: File,
    blobs_path: PathBuf,
    blobs_synced: Mutex<BTreeSet<std::ffi::OsString>>,
}

impl Files {
    fn open(folder: &Path) -> std::io::Result<Self> {
        if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        let blobs_path = folder.join("blobs");
        let files = Self {
            folder: File::open(folder)?,
            db: File::open(folder.join("db"))?,
            conf: File::open(folder.join("conf"))?,
            blobs: File::open(&blobs_path)?,
            blobs_path,
            blobs_synced: Mutex::default(),
        };
        files.sync()?;
        Ok(files)
    }

    fn sync(&self) -> std::io::Result<()> {
        self.sync_blobs()?;
        self.db.sync_all()?;
        self.conf.sync_all()?;
        self.folder.sync_all()
    }

    /// Rows are small, so that sled's leaves never go to blob files; an index page over very long keys may. Such a file is
    /// written once, and never changed.
    fn sync_blobs(&self) -> std::io::Result<()> {
        let mut synced = self.blobs_synced.lock().unwrap_or_else(PoisonError::into_inner);
        let mut there = BTreeSet::new();
        for file in fs::read_dir(&self.blobs_path)? {
            let name = file?.file_name();
            if !synced.contains(&name) {
                match File::open(self.blobs_path.join(&name)) {
                    Ok(blob) => blob.sync_all()?,
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
            }
            there.insert(name);
        }
        *synced = there;
        self.blobs.sync_all()
    }
}

fn on_open(folder: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) if is_locked(&error) => {
            StoreError::Rejected(format!("`{}` is open elsewhere: close the other process first", folder.display()))
        }
        sled::Error::Io(error) if !is_damage(&error) => {
            StoreError::Rejected(format!("`{}` cannot be opened: {error}", folder.display()))
        }
        error => StoreError::Lost(error.to_string()),
    }
}

fn while_running(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) if !is_damage(&error) => StoreError::Fatal(error.to_string()),
        error => StoreError::Lost(error.to_string()),
    }
}

/// sled says it in words only.
fn is_locked(error: &std::io::Error) -> bool {
    error.to_string().starts_with("could not acquire lock")
}

/// sled reads past the end of a file that was cut short.
fn is_damage(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput)
}

/// Whether the store in `folder` was found to be lost: it is to be set aside.
#[must_use]
pub fn is_lost(folder: &Path) -> bool {
    folder.join(MARK).exists()
}

/// Keeps what panics within sled from stderr: it is caught here, or by sled's own threads, and told as an error.
pub fn hide_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let within_sled = panic.location().is_some_and(|place| place.file().contains("/sled-"));
        if within_sled {
            tracing::info!("{panic}");
        } else {
            before(panic);
        }
    }));
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("sled panicked: {}", text.unwrap_or("without a word"))
}
