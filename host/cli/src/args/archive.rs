//! Packages for archives, and the state of content where it lies.

use clap::{ArgGroup, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Archive {
    /// Put records into one package: content, description, what happened, and the proof of it.
    ///
    /// Content is read where the log says that it lies, and compared with the log on the way; a difference refuses the
    /// package. The stores are named in `content.toml`; credentials are in the environment only.
    #[command(after_help = "Example: fonds archive pack permit/2011-0042 --to /srv/out/permits.tar --format bagit")]
    Pack {
        /// The records.
        #[arg(required = true, value_name = "RECORD")]
        records: Vec<String>,
        /// A new folder, or one file when it ends in `.tar`.
        #[arg(long, value_name = "DIR|FILE")]
        to: PathBuf,
        /// The package's layout; what the archival policy's plan says when not given.
        #[arg(long, value_enum)]
        format: Option<PackageFormat>,
        /// The file that names the content stores; `content.toml` in the store's folder unless said.
        #[arg(long, value_name = "FILE")]
        content: Option<PathBuf>,
    },
    /// Check a package of either format: all of it, and nothing else, is what it says. Needs no store.
    #[command(after_help = "Example: fonds archive validate /srv/out/permits.tar")]
    Validate {
        /// A folder, or a `.tar`.
        path: PathBuf,
    },
}

/// A package's layout.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PackageFormat {
    /// BagIt 1.0 (RFC 8493).
    Bagit,
    /// E-ARK SIP 2.2.
    Eark,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Fixity {
    /// Read content where it lies, compare it with the log, and log what was found.
    ///
    /// A check of everything that was cut short goes on where it stopped. Exits 1 when content differs, is missing, or could
    /// not be looked at.
    #[command(
        group = ArgGroup::new("which").required(true),
        after_help = "Example: fonds fixity check --sample 100 --by j.jansen"
    )]
    Check {
        /// Only this many records, taken by chance.
        #[arg(long, value_name = "N", group = "which")]
        sample: Option<usize>,
        /// Everything.
        #[arg(long, group = "which")]
        all: bool,
        /// Begin anew, also where an earlier check was cut short.
        #[arg(long, requires = "all")]
        restart: bool,
        /// The file that names the content stores; `content.toml` in the store's folder unless said.
        #[arg(long, value_name = "FILE")]
        content: Option<PathBuf>,
        /// Who checks.
        #[arg(long)]
        by: Option<String>,
    },
}
