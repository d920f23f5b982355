//! Dispositions, the settings that they rest on, and the keys of the people who approve.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Which proposals are meant.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Dispositions by their ids, as `fonds disposition list` shows them.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// A file with an id a line, or what `disposition list --output ndjson` printed; `-`: stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) list: Option<PathBuf>,
}

/// Who says what of proposals.
#[derive(Debug, Args)]
pub(crate) struct Say {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Who says so; the system's user unless said.
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// The person's key: it is signed with it.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Only count what it would be about; nothing is logged.
    #[arg(long)]
    pub(crate) preview: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Disposition {
    /// What is proposed, approved and under way; also what has ended, when a state is named.
    #[command(after_help = "Example: fonds disposition list --due-by 2026-12-31 --action destroy")]
    List {
        /// Due on or before this date.
        #[arg(long, value_name = "DATE")]
        due_by: Option<String>,
        /// Of this agency and all below it.
        #[arg(long, value_name = "A")]
        agency: Option<String>,
        /// What is to be done.
        #[arg(long, value_parser = ["destroy", "transfer", "review", "keep", "erase"])]
        action: Option<String>,
        /// How far it has come; those that have not ended unless said.
        #[arg(long, value_parser = ["proposed", "approved", "executing", "waiting", "deleted", "handed-over", "done", "rejected", "lapsed", "all"])]
        state: Option<String>,
        /// Of this series.
        #[arg(long, value_name = "S")]
        series: Option<String>,
        /// Of this record, those that have ended too.
        #[arg(long, value_name = "ID")]
        record: Option<String>,
    },
    /// One disposition, with all that was done about it.
    #[command(after_help = "Example: fonds disposition show 120/3")]
    Show {
        /// Its id.
        id: String,
    },
    /// Approve proposals: all that are named or, when one may not be approved, none.
    #[command(
        after_help = "Example: fonds disposition list --due-by 2026-12-31 --output ndjson > due.ndjson\n         fonds disposition approve --list due.ndjson --by m.visser --key m.visser.key --preview"
    )]
    Approve(Say),
    /// Reject proposals; they are not proposed again while the decisions that they rest on stand.
    #[command(after_help = "Example: fonds disposition reject 120/3 --by m.visser --reason 'asked for by the court'")]
    Reject(Say),
    /// Answer a proposal to review: keep the record longer or for good, or let its destruction or transfer be proposed.
    #[command(
        after_help = "Example: fonds disposition review 120/3 --outcome extend --until 2030-01-01 --authority 'board decision 7' --by m.visser"
    )]
    Review {
        /// The proposal.
        id: String,
        /// What is to become of the record.
        #[arg(long, value_enum)]
        outcome: Outcome,
        /// Until when it is kept, when it is kept longer.
        #[arg(long, value_name = "DATE")]
        until: Option<String>,
        /// The law, order or decision that it rests on.
        #[arg(long, value_name = "TEXT")]
        authority: String,
        /// Who reviewed it; the system's user unless said.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Carry out what is approved, and what was cut off: everything is checked again before any content goes.
    #[command(after_help = "Example: fonds disposition execute --approved --by m.visser --scrub")]
    Execute(Execute),
    /// Say that an agency's own system has deleted a record's content; only then is the record destroyed.
    #[command(
        after_help = "Example: fonds disposition acknowledge 120/3 --reference 'ticket 8812, deleted' --by system-owner"
    )]
    Acknowledge {
        /// The disposition.
        id: String,
        /// How the agency's system calls what it did.
        #[arg(long, value_name = "TEXT")]
        reference: String,
        /// The file that names the content stores; `content.toml` in the store's folder unless said.
        #[arg(long, value_name = "FILE")]
        content: Option<PathBuf>,
        /// Who says so; the system's user unless said.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Record an archive's receipt: from then on the record is in its keeping.
    #[command(
        after_help = "Example: fonds disposition receive 120/3 --from 'National Archives' --receipt 'accession 2026-114' --by depot"
    )]
    Receive {
        /// The disposition.
        id: String,
        /// The archive.
        #[arg(long, value_name = "NAME")]
        from: String,
        /// How it calls its receipt.
        #[arg(long, value_name = "TEXT")]
        receipt: String,
        /// The seal of the package as the archive computed it; another than that of the package handed over is refused.
        #[arg(long, value_name = "SHA256")]
        seal: Option<String>,
        /// Who says so; the system's user unless said.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Write the proof that dispositions were carried out: what, when, under which authority, by whom, on which decisions.
    ///
    /// It is evidence: `verify-evidence` checks it offline, and any browser shows it. Without `.html` at the end of the
    /// file's name it is the proof alone, as JSON.
    #[command(after_help = "Example: fonds disposition certificate 120/3 --to certificate.html")]
    Certificate {
        #[command(flatten)]
        named: Named,
        /// Where it goes: FILE.html or FILE.json.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Execute {
    #[command(flatten)]
    pub(crate) named: Named,
    /// All that is approved, and all that was cut off.
    #[arg(long, conflicts_with_all = ["ids", "list"])]
    pub(crate) approved: bool,
    /// Who carries it out; the system's user unless said.
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Make the store anew at once, so that no file holds what was erased any more.
    #[arg(long)]
    pub(crate) scrub: bool,
    /// The file that names the content stores; `content.toml` in the store's folder unless said.
    #[arg(long, value_name = "FILE")]
    pub(crate) content: Option<PathBuf>,
    /// Where packages for the archive go; needed to transfer.
    #[arg(long, value_name = "DIR")]
    pub(crate) packages: Option<PathBuf>,
    /// Ask the agency's own system here to delete what lies there; it is asked again by executing again.
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    pub(crate) webhook: Option<String>,
    /// The secret that the other system checks the request's signature with.
    #[arg(long, value_name = "FILE", requires = "webhook")]
    pub(crate) webhook_secret: Option<PathBuf>,
}

/// What a reviewer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outcome {
    /// Keep it longer, and ask again then.
    Extend,
    /// Propose its destruction.
    Destroy,
    /// Propose its transfer.
    Transfer,
    /// Keep it permanently.
    Keep,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Setting {
    /// The settings in force, and what waits for a second person.
    #[command(after_help = "Example: fonds setting list")]
    List,
    /// Change a setting: to a stricter value at once, to a weaker one once another person has asked for the same.
    #[command(after_help = "Example: fonds setting set approvals 2 --by c.archivist --authority 'board decision 7'")]
    Set {
        /// `approvals`, `signed-approvals` or `second-person`.
        name: String,
        /// What it is to be.
        value: String,
        /// Who asks for it; the system's user unless said.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// The law, order or decision that it rests on.
        #[arg(long, value_name = "TEXT")]
        authority: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Access {
    /// The keys with which people sign what they approve.
    #[command(subcommand, after_help = "Example: fonds access key list")]
    Key(PersonKey),
}

#[derive(Debug, Subcommand)]
pub(crate) enum PersonKey {
    /// Make a key: the secret goes into a file that only its owner may read, and the public half is printed.
    #[command(after_help = "Example: fonds access key new m.visser --to m.visser.key")]
    New {
        /// The person, as `--by` names them.
        person: String,
        /// A new file.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Let a person's signatures by a key count; an entry says so.
    #[command(after_help = "Example: fonds access key add m.visser --key \"$(cat m.visser.vkey)\" --by c.archivist")]
    Add {
        /// The person.
        person: String,
        /// The public key: name+hash+key.
        #[arg(long, value_name = "VKEY")]
        key: String,
        /// Who says so; the system's user unless said.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Let a key's signatures count no longer; what it signed before stands.
    #[command(after_help = "Example: fonds access key retire m.visser --key \"$(cat m.visser.vkey)\" --by c.archivist")]
    Retire {
        /// The person.
        person: String,
        /// The public key: name+hash+key.
        #[arg(long, value_name = "VKEY")]
        key: String,
        /// Who says so; the system's user unless said.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Whose keys count, and whose did.
    #[command(after_help = "Example: fonds access key list")]
    List,
}
