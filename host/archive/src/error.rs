//! What can go wrong with content and packages, and what the person can do.

use std::io;
use std::path::{Path, PathBuf};

/// Why content could not be read or deleted, or a package not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The file that names the content stores is not understood.
    #[error("`{}` does not name content stores: {why}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No store is configured for a location.
    #[error("no content store is named for `{0}`: add one to `content.toml` whose locations begin so")]
    NoStore(String),
    /// A location that leads out of its store, or that no store can have.
    #[error("`{location}` is no place in its content store: {why}")]
    Location {
        /// The location.
        location: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The content is not where it should be.
    #[error("there is nothing at `{0}`: the content was moved or deleted without the log")]
    Missing(String),
    /// What lies there is a symbolic link, a folder or a device, and no content.
    #[error("`{location}` is {what}, and no file: nothing was read or deleted")]
    NotAFile {
        /// The location.
        location: String,
        /// What it is.
        what: &'static str,
    },
    /// A store failed or refused.
    #[error("could not {doing} `{location}`: {why}")]
    Content {
        /// What was being done.
        doing: &'static str,
        /// To what.
        location: String,
        /// What the store answered.
        why: String,
    },
    /// Content is not what the log says.
    #[error("`{location}` is not what the log says: {why}; nothing was packed")]
    Differs {
        /// The location.
        location: String,
        /// What differs.
        why: String,
    },
    /// Deletion was asked for and the content is still there, or would stay as an older version.
    #[error("`{location}` is not gone: {why}")]
    StillThere {
        /// The location.
        location: String,
        /// What the store answered.
        why: String,
    },
    /// What was to be validated is no package.
    #[error("`{}` is neither a bag (no `bagit.txt`) nor an E-ARK package (no `METS.xml`)", .0.display())]
    NoPackage(PathBuf),
    /// A file or folder of the package could not be read or written.
    #[error("could not {doing} `{}`: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ArchiveError {
    pub(crate) fn content(doing: &'static str, location: &str, why: impl ToString) -> Self {
        Self::Content { doing, location: location.to_owned(), why: why.to_string() }
    }

    /// Whether there is simply nothing at the location.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }
}

/// Turns a system error into one that names what was done to which file.
pub(crate) fn io_error<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> ArchiveError + 'a {
    move |source| ArchiveError::Io { doing, path: path.to_owned(), source }
}
