//! Reports, and notices of what waits.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Where a report goes, and whom it is about.
#[derive(Debug, Args)]
pub(crate) struct Sheet {
    /// Of this agency and all below it.
    #[arg(long, value_name = "A")]
    pub(crate) agency: Option<String>,
    /// As it is on this date; today unless said.
    #[arg(long, value_name = "DATE")]
    pub(crate) on: Option<String>,
    /// Write it as CSV (RFC 4180) too; `-`: to stdout, in the place of the answer.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) csv: Option<PathBuf>,
    /// Write it as one page with plots too, which opens in any browser and prints; `-`: to stdout.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) html: Option<PathBuf>,
}

/// The first and the last day that a report is about.
#[derive(Debug, Args)]
pub(crate) struct Period {
    /// The first day.
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    /// The last day.
    #[arg(long, value_name = "DATE")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// The calendar: how many records are due in which month, whose they are, and what is to be done with them.
    ///
    /// Unless a period is said: what has been due before as one line `overdue`, 24 months, and the rest as `later`.
    #[command(after_help = "Example: fonds report due --agency nl/merwestad --csv due.csv")]
    Due {
        #[command(flatten)]
        sheet: Sheet,
        #[command(flatten)]
        period: Period,
    },
    /// The active holds by age: how many records each holds, and whether it was to be reviewed.
    #[command(after_help = "Example: fonds report holds --output json")]
    Holds {
        #[command(flatten)]
        sheet: Sheet,
    },
    /// What waits for which trigger, by agency and series.
    #[command(after_help = "Example: fonds report waiting --agency nl/merwestad")]
    Waiting {
        #[command(flatten)]
        sheet: Sheet,
    },
    /// Records that no rule says anything of: without a series, without a rule, with a conflicting or a withdrawn one.
    #[command(after_help = "Example: fonds report unscheduled --list --csv unscheduled.csv")]
    Unscheduled {
        #[command(flatten)]
        sheet: Sheet,
        /// Name the records, at most 100,000.
        #[arg(long)]
        list: bool,
    },
    /// What is late: approvals, what nobody carried out or confirmed, and what the law allows no longer.
    #[command(after_help = "Example: fonds report overdue --days 14 --list")]
    Overdue {
        #[command(flatten)]
        sheet: Sheet,
        /// Proposals and approved dispositions are late after so many days.
        #[arg(long, value_name = "N", default_value_t = 30)]
        days: u32,
        /// Name the dispositions and records, at most 100,000.
        #[arg(long)]
        list: bool,
    },
    /// What was destroyed and transferred, by the authority that says so; in the last year unless a period is said.
    #[command(after_help = "Example: fonds report disposed --from 2025-01-01 --to 2025-12-31 --csv disposed.csv")]
    Disposed {
        #[command(flatten)]
        sheet: Sheet,
        #[command(flatten)]
        period: Period,
    },
    /// All of them, from one pass over the register: as JSON, or as one page with plots.
    #[command(after_help = "Example: fonds report all --html reports.html")]
    All {
        /// Of this agency and all below it.
        #[arg(long, value_name = "A")]
        agency: Option<String>,
        /// As it is on this date; today unless said.
        #[arg(long, value_name = "DATE")]
        on: Option<String>,
        /// Write them as one page with plots, which opens in any browser and prints; `-`: to stdout.
        #[arg(long, value_name = "FILE|-")]
        html: Option<PathBuf>,
        /// Proposals and approved dispositions are late after so many days.
        #[arg(long, value_name = "N", default_value_t = 30)]
        days: u32,
    },
}

/// Whom to tell what waits.
#[derive(Debug, Args)]
pub(crate) struct Notify {
    /// Who gets the e-mail; may be said again.
    #[arg(long, value_name = "A@B", requires = "drop")]
    pub(crate) mail_to: Vec<String>,
    /// Whom it is from.
    #[arg(long, value_name = "A@B", requires = "mail_to")]
    pub(crate) mail_from: Option<String>,
    /// The folder into which the e-mail is put (RFC 5322, `.eml`), for a mail system to send.
    #[arg(long, value_name = "DIR", requires = "mail_to", requires = "mail_from")]
    pub(crate) drop: Option<PathBuf>,
    /// Where to send it as JSON, signed.
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    pub(crate) webhook: Option<String>,
    /// The file with the secret that is shared with the receiver: at least 16 bytes, which others may not read.
    #[arg(long, value_name = "FILE", requires = "webhook")]
    pub(crate) webhook_secret: Option<PathBuf>,
    /// Tell it again, though the same was told within a day.
    #[arg(long)]
    pub(crate) again: bool,
}
