//! The writer's queue: bounded in bytes, so that memory stays flat and who brings more waits.

use crate::erase::Intent;
use crate::prepare::Prepared;
use crate::{LogError, Outcome};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Where the answer to a job goes.
pub(crate) type Reply = Sender<Result<Vec<Outcome>, LogError>>;

/// What the writer is asked to do.
pub(crate) enum Job {
    /// Append these as one group.
    Append { group: Vec<Prepared>, bytes: usize, reply: Reply },
    /// Rewrite the journal without what an entry says is erased.
    Erase { intent: Intent, reply: Sender<Result<(), LogError>> },
    /// Say the log's size once all is applied, wait for the verdict, and append if it is yes.
    Checked { prepared: Prepared, ready: Sender<Result<u64, LogError>>, verdict: Receiver<bool>, reply: Reply },
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Job::Append { bytes, .. } => *bytes,
            Job::Checked { prepared, .. } => prepared.bytes(),
            Job::Erase { .. } => 0,
        }
    }
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
}

pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    bytes_max: usize,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { waiting: Mutex::default(), changed: Condvar::new(), bytes_max }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room, then queues; `false` when the queue is closed.
    pub(crate) fn put(&self, job: Job) -> bool {
        let bytes = job.bytes();
        let mut waiting = self.lock();
        while !waiting.closed && !waiting.jobs.is_empty() && waiting.bytes + bytes > self.bytes_max {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.closed {
            return false;
        }
        waiting.bytes += bytes;
        waiting.jobs.push_back(job);
        self.changed.notify_all();
        true
    }

    /// Waits for jobs and takes all that make up a group of at most `bytes_max`, at least one, and any other kind alone;
    /// none: the queue is closed and empty.
    pub(crate) fn take(&self, bytes_max: usize) -> Vec<Job> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() && !waiting.closed {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        while let Some(job) = waiting.jobs.front() {
            let alone = !matches!(job, Job::Append { .. });
            if !jobs.is_empty() && (alone || bytes + job.bytes() > bytes_max) {
                break;
            }
            bytes += job.bytes();
            jobs.extend(waiting.jobs.pop_front());
            if alone {
                break;
            }
        }
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        self.changed.notify_all();
        jobs
    }

    /// Takes no more; what is queued is still done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Takes no more and drops what is queued: nobody will do it.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.jobs.clear();
        waiting.bytes = 0;
        drop(waiting);
        self.changed.notify_all();
    }
}
