//! What can go wrong in the one loop, and what the person can do.

use fonds_model::decision::Fault;

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The log refused or failed.
    #[error(transparent)]
    Log(#[from] fonds_log::LogError),
    /// The store below the log refused or failed.
    #[error(transparent)]
    Store(#[from] fonds_log::StoreError),
    /// A view could not be read.
    #[error(transparent)]
    View(#[from] fonds_views::ViewError),
    /// Content could not be read, or a package not be made.
    #[error(transparent)]
    Archive(#[from] fonds_archive::ArchiveError),
    /// A word, date or id was not understood.
    #[error(transparent)]
    Model(#[from] fonds_model::ModelError),
    /// What was asked for is not there.
    #[error("{0}")]
    NotFound(String),
    /// What was asked for makes no sense as it was asked.
    #[error("{0}")]
    Invalid(String),
    /// Who asks may not.
    #[error("{0}")]
    Denied(String),
    /// A plugin could not be loaded, or would not be configured.
    #[error("the plugin cannot be used: {0}")]
    Plugin(Fault),
    /// A file could not be read or written.
    #[error("`{path}` could not be {verb}: {source}")]
    File {
        /// Which file.
        path: String,
        /// `read` or `written`.
        verb: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another system was not told, or not so that it said it was.
    #[error("`{host}` was not told, after {attempts} attempts: {why}")]
    Webhook {
        /// The other system.
        host: String,
        /// How often it was tried.
        attempts: u32,
        /// What was in the way.
        why: String,
    },
    /// A policy ran longer than the wall clock allows: the sweep is given up, and nothing was decided by it.
    #[error("the sweep was given up: {0}; nothing of this batch was decided, run it again")]
    Sweep(String),
}

impl RuntimeError {
    /// A file that could not be read.
    pub fn reading(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), verb: "read", source }
    }

    /// A file that could not be written.
    pub fn writing(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), verb: "written", source }
    }
}
