//! A store in memory, and a log on a temporary folder, for the tests.

use crate::{Applied, Clock, Framed, Known, Lock, Log, LogError, LogStore, Mac, Options, Prepared, StoreError};
use fonds_model::{Digest, Identity, Kind, Position, Seq, Timestamp};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Rows {
    entries: Vec<Framed>,
    root: Option<Digest>,
    names: HashMap<Mac, Seq>,
}

/// A `LogStore` that is a `Vec`.
#[derive(Default)]
pub(crate) struct MemoryStore(Mutex<Rows>, AtomicBool);

impl MemoryStore {
    /// From now on it cannot follow the journal.
    pub(crate) fn fail(&self) {
        self.1.store(true, Ordering::Relaxed);
    }
}

impl LogStore for MemoryStore {
    fn applied(&self) -> Result<Applied, StoreError> {
        let rows = self.0.lock().unwrap();
        let root = rows.root.unwrap_or_else(crate::tree::empty_root);
        Ok(Applied { next: Position { seq: rows.entries.len() as u64, item: 0 }, root })
    }

    fn known(&self, name: &Mac) -> Result<Option<Known>, StoreError> {
        let rows = self.0.lock().unwrap();
        Ok(rows.names.get(name).map(|seq| {
            let framed = &rows.entries[*seq as usize];
            let erased = framed.entry.items.iter().any(|item| item.content.is_none());
            Known { seq: *seq, content: framed.macs.unwrap().content, erased }
        }))
    }

    fn entry(&self, seq: Seq) -> Result<Option<Framed>, StoreError> {
        Ok(self.0.lock().unwrap().entries.get(seq as usize).cloned())
    }

    fn apply(&self, entries: &[Framed], root: Digest) -> Result<(), StoreError> {
        if self.1.load(Ordering::Relaxed) {
            return Err(StoreError::Fatal("it was told to fail".to_owned()));
        }
        let mut rows = self.0.lock().unwrap();
        for framed in entries {
            assert_eq!(framed.entry.seq, rows.entries.len() as u64, "the store is given entries in order, each once");
            if let Some(macs) = framed.macs {
                rows.names.insert(macs.name, framed.entry.seq);
            }
            rows.entries.push(framed.clone());
        }
        rows.root = Some(root);
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A clock that goes on by a millisecond whenever it is read.
pub(crate) fn clock() -> Clock {
    let now = AtomicI64::new(1_767_323_045_000_000);
    Arc::new(move || Timestamp(now.fetch_add(1_000, Ordering::Relaxed)))
}

pub(crate) fn open_with(dir: &Path, store: Arc<dyn LogStore>, options: Options) -> Result<Log, LogError> {
    Log::open(Lock::take(dir)?, store, options, clock())
}

pub(crate) fn open(dir: &Path) -> Result<Log, LogError> {
    open_with(dir, Arc::new(MemoryStore::default()), Options::default())
}

/// A new log in a folder of its own.
pub(crate) fn new_log() -> (tempfile::TempDir, Log) {
    let dir = tempfile::tempdir().unwrap();
    Log::create(dir.path(), "log.example").unwrap();
    let log = open(dir.path()).unwrap();
    (dir, log)
}

pub(crate) fn payload(number: u64) -> Vec<u8> {
    format!("{{\"v\":1,\"format\":\"fonds\",\"subject\":\"permit/{number}\"}}\n{{\"number\":{number}}}").into_bytes()
}

pub(crate) fn prepared(log: &Log, number: u64) -> Prepared {
    let identity = named(number, &payload(number));
    log.prepare(Kind::RecordCreated, vec![payload(number)], Some(&identity)).unwrap()
}

pub(crate) fn named(number: u64, content: &[u8]) -> Identity {
    Identity::Named { name: number.to_be_bytes().to_vec(), content: content.to_vec() }
}

/// Appends entries `from..to` in groups of `group`.
pub(crate) fn fill(log: &Log, from: u64, to: u64, group: usize) {
    let numbers: Vec<u64> = (from..to).collect();
    for numbers in numbers.chunks(group) {
        let outcomes = log.stage(numbers.iter().map(|number| prepared(log, *number)).collect()).commit().unwrap();
        let want: Vec<_> = numbers.iter().map(|number| crate::Outcome::Appended(*number)).collect();
        assert_eq!(outcomes, want);
    }
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let to = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &to);
        } else {
            std::fs::copy(file.path(), to).unwrap();
        }
    }
}
