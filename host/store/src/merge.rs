//! Rows in order over what is in memory and over all runs: the newest says what holds.

use crate::disk::Disk;
use crate::memory::{self, Memory};
use crate::run::{self, Chunk, Run};
use fonds_log::StoreError;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

/// All rows as they were at one moment; readers keep theirs while the writer goes on.
#[derive(Clone, Default)]
pub(crate) struct Layers {
    pub(crate) memory: Arc<RwLock<Memory>>,
    /// What is being written as the next run, and changes no more.
    pub(crate) full: Option<Arc<RwLock<Memory>>>,
    /// Newest first.
    pub(crate) runs: Vec<Arc<Run>>,
}

impl Layers {
    /// The value under a key.
    pub(crate) fn get(&self, disk: &Disk, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.get_hashed(disk, key, run::hash(key))
    }

    /// The value under a key whose [`run::hash`] is known.
    pub(crate) fn get_hashed(&self, disk: &Disk, key: &[u8], hash: u64) -> Result<Option<Vec<u8>>, StoreError> {
        for memory in std::iter::once(&self.memory).chain(&self.full) {
            if let Some(value) = memory.read().unwrap_or_else(PoisonError::into_inner).get(key) {
                return Ok(value.clone());
            }
        }
        for run in &self.runs {
            if let Some(value) = run.get(disk, key, hash)? {
                return Ok(value);
            }
        }
        Ok(None)
    }
}

/// A row as it is lent until the next one: its key, and its value unless it is deleted.
pub(crate) type Lent<'a> = (&'a [u8], Option<&'a [u8]>);

/// The rows of several layers in order of key, deleted ones among them.
pub(crate) struct Merge<'a> {
    disk: &'a Disk,
    sources: Vec<Source>,
    back: bool,
}

impl<'a> Merge<'a> {
    /// Over runs only, newest first.
    pub(crate) fn of_runs(disk: &'a Disk, runs: &[Arc<Run>], from: &[u8], to: Option<&[u8]>, back: bool) -> Self {
        let span = Span { from: from.to_vec(), to: to.map(<[u8]>::to_vec), back };
        let sources = runs.iter().map(|run| Source::of_run(Arc::clone(run), span.clone())).collect();
        Self { disk, sources, back }
    }

    /// Over all layers.
    pub(crate) fn of(disk: &'a Disk, layers: Layers, from: &[u8], to: Option<&[u8]>, back: bool) -> Self {
        let mut merge = Self::of_runs(disk, &layers.runs, from, to, back);
        let of_memory = |memory| Source {
            span: Span { from: from.to_vec(), to: to.map(<[u8]>::to_vec), back },
            rows: Chunk::default(),
            left: 0..0,
            more: More::Memory(memory),
        };
        let memories = std::iter::once(layers.memory).chain(layers.full).map(of_memory);
        merge.sources.splice(0..0, memories);
        merge
    }

    /// The next row that any layer has, as the newest one has it: with no value when that says deleted.
    pub(crate) fn next(&mut self) -> Result<Option<Lent<'_>>, StoreError> {
        let mut best: Option<usize> = None;
        for place in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(place) else { break };
            source.fill(self.disk)?;
            let (Some(key), best_key) = (self.key(place), best.and_then(|best| self.key(best))) else { continue };
            let nearer = best_key.is_none_or(|best| if self.back { key > best } else { key < best });
            if nearer {
                best = Some(place);
            }
        }
        let Some((source, older)) = best.and_then(|place| self.sources.get_mut(place..)?.split_first_mut()) else {
            return Ok(None);
        };
        let Some(row) = source.pass() else { return Ok(None) };
        let key = source.rows.key(row);
        for older in older {
            if older.key() == Some(key) {
                older.pass();
            }
        }
        Ok(Some((key, source.rows.value(row))))
    }

    fn key(&self, place: usize) -> Option<&[u8]> {
        self.sources.get(place)?.key()
    }
}

#[derive(Clone)]
struct Span {
    from: Vec<u8>,
    to: Option<Vec<u8>>,
    back: bool,
}

/// One layer's rows, some at a time.
struct Source {
    span: Span,
    rows: Chunk,
    /// Of `rows`, what has not been passed.
    left: Range<usize>,
    more: More,
}

enum More {
    Run(Arc<Run>, Range<usize>),
    Memory(Arc<RwLock<Memory>>),
    Nothing,
}

impl Source {
    fn of_run(run: Arc<Run>, span: Span) -> Self {
        let chunks = run.chunks(&span.from, span.to.as_deref());
        Self { span, rows: Chunk::default(), left: 0..0, more: More::Run(run, chunks) }
    }

    fn row(&self) -> Option<usize> {
        if self.left.is_empty() {
            None
        } else if self.span.back {
            self.left.end.checked_sub(1)
        } else {
            Some(self.left.start)
        }
    }

    fn key(&self) -> Option<&[u8]> {
        self.row().map(|row| self.rows.key(row))
    }

    fn pass(&mut self) -> Option<usize> {
        if self.span.back { self.left.next_back() } else { self.left.next() }
    }

    /// Reads on when all is passed.
    fn fill(&mut self, disk: &Disk) -> Result<(), StoreError> {
        while self.left.is_empty() {
            match &mut self.more {
                More::Nothing => return Ok(()),
                More::Run(run, chunks) => {
                    let Some(chunk) = (if self.span.back { chunks.next_back() } else { chunks.next() }) else {
                        self.more = More::Nothing;
                        return Ok(());
                    };
                    run.read(disk, chunk, &mut self.rows)?;
                    let end = self.span.to.as_ref().map_or(self.rows.len(), |to| self.rows.at(to));
                    self.left = self.rows.at(&self.span.from).min(end)..end;
                }
                More::Memory(memory) => {
                    let memory = Arc::clone(memory);
                    self.fill_from_memory(&memory);
                }
            }
        }
        Ok(())
    }

    /// A few at first, since most who ask for a range want one row.
    fn fill_from_memory(&mut self, memory: &RwLock<Memory>) {
        let Span { from, to, back } = &mut self.span;
        let count = if self.rows.len() == 0 { 2 } else { 64 };
        let rows = memory::page(memory, from, to.as_deref(), *back, count);
        if rows.len() < count {
            self.more = More::Nothing;
        } else if *back {
            *to = Some(rows.key(0).to_vec());
        } else {
            *from = [rows.key(rows.len() - 1), &[0]].concat();
        }
        self.left = 0..rows.len();
        self.rows = rows;
    }
}
