//! What can go wrong in the log, and what the person can do.

use crate::StoreError;
use std::io;
use std::path::{Path, PathBuf};

/// An error of the log.
///
/// [`LogError::is_rejected`] says whether nothing was written, so that the same can be sent again, and
/// [`LogError::is_fatal`] whether the handle must be closed and the log opened anew.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// The append was not made and nothing was written; it is safe to try again.
    #[error("the append was not made: {0}; nothing was written, it is safe to try again")]
    Rejected(String),
    /// The disk is nearly full.
    #[error(
        "the disk has {free} bytes free and `{min}` are to stay free: nothing was written, make room and try again"
    )]
    Full {
        /// Bytes that are free.
        free: u64,
        /// Bytes that are to stay free.
        min: u64,
    },
    /// What was to be done at the end of the log is not allowed there.
    #[error("refused at the end of the log: {0}")]
    Refused(String),
    /// An entry breaks a limit.
    #[error("the entry is too large: {what} is `{is}` and at most {max} is allowed; split it")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        is: u64,
        /// How large it may be.
        max: u64,
    },
    /// The handle must not be used again.
    #[error("the log failed: {0}; close this process and open the log again")]
    Fatal(String),
    /// Another process has the log open.
    #[error("`{}` is in use by process {pid}: wait until it is done, or stop it", dir.display())]
    Locked {
        /// The data folder.
        dir: PathBuf,
        /// The first process's id, or `unknown`.
        pid: String,
    },
    /// A file or folder could not be read or written.
    #[error("could not {doing} `{}`: {why}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        why: String,
        /// Whether it is simply not there.
        missing: bool,
    },
    /// The folder holds something else already.
    #[error("`{}` is not empty: choose another folder for a new log", .0.display())]
    NotEmpty(PathBuf),
    /// A backup cannot be made there, or not put back so.
    #[error("`{}`: {why}", dir.display())]
    Backup {
        /// The folder.
        dir: PathBuf,
        /// Why not.
        why: String,
    },
    /// The log is a restored copy that may not be the newest: written to, it could fork the log.
    #[error(
        "`{}` is a restored copy and is only read: compare it with the newest checkpoint that others hold (`fonds restore --match`), or start a new origin (`fonds restore --new-origin`)", .0.display()
    )]
    ReadOnly(PathBuf),
    /// The folder holds no log.
    #[error("`{}` holds no log: make one with `fonds init`", .0.display())]
    NotALog(PathBuf),
    /// The log is of a version that this program does not know.
    #[error("the log's format is version `{0}`, newer than this program: use a newer one")]
    Version(u64),
    /// A name that cannot be the origin of a log.
    #[error("`{0}` cannot name a log: it must not be empty or hold white space or `+`")]
    Origin(String),
    /// A key that is not one.
    #[error("`{0}` is not a key: write it as `name+hash+key`")]
    Key(String),
    /// A note whose form or signature is wrong.
    #[error("the signed note is wrong: {0}")]
    Note(String),
    /// The witness does not cosign what it was shown.
    #[error("the witness refuses: {0}")]
    Witness(String),
    /// Bytes of the log that are not what was acknowledged.
    #[error(
        "the log is damaged at entry `{seq}`: {why}: run `fonds log repair`, which takes from the store what it still has, or restore a backup"
    )]
    Damaged {
        /// The first entry that is concerned.
        seq: u64,
        /// What is wrong.
        why: String,
    },
    /// The store does not belong to the journal.
    #[error("the store does not fit the journal ({0}): run `fonds store rebuild`")]
    StoreMismatch(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such entry.
    #[error("there is no entry `{seq}`: the log has {size}")]
    NoEntry {
        /// The entry that was asked for.
        seq: u64,
        /// How many there are.
        size: u64,
    },
    /// A proof for a size that is not signed, or the wrong way round.
    #[error("there is no proof from `{from}` to `{to}`: the signed log has {size} entries")]
    NoProof {
        /// The entry or the old size.
        from: u64,
        /// The new size.
        to: u64,
        /// The size of the signed checkpoint.
        size: u64,
    },
    /// There is no such blob, or it is not what its name says.
    #[error("the blob `{digest}` is {what}: restore `blobs/` from a backup")]
    Blob {
        /// Its digest.
        digest: String,
        /// `missing` or `damaged`.
        what: &'static str,
    },
}

impl LogError {
    /// Whether nothing was written and the same may be sent again.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        matches!(
            self,
            Self::Rejected(_) | Self::Full { .. } | Self::Refused(_) | Self::TooLarge { .. } | Self::ReadOnly(_)
        ) || matches!(self, Self::Store(StoreError::Rejected(_)))
    }

    /// Whether the handle must not be used again.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal(_) | Self::Damaged { .. })
            || matches!(self, Self::Store(StoreError::Fatal(_) | StoreError::Lost(_)))
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Io { missing: true, .. })
    }

    pub(crate) fn is_damaged(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    pub(crate) fn damaged(seq: u64, why: impl Into<String>) -> Self {
        Self::Damaged { seq, why: why.into() }
    }
}

/// Turns a system error into one that names what was done to which file.
pub(crate) fn io_error<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> LogError + 'a {
    move |error| LogError::Io {
        doing,
        path: path.to_owned(),
        why: error.to_string(),
        missing: error.kind() == io::ErrorKind::NotFound,
    }
}
