//! The command line, as shared with examples, tests and people.

mod archive;
mod disposition;
mod log;
mod report;

pub(crate) use archive::{Archive, Fixity, PackageFormat};
pub(crate) use disposition::{Access, Disposition, Execute, Named, Outcome, PersonKey, Say, Setting};
pub(crate) use log::{Cosign, Erase, Hold, Key, Log, PlaceHold, Restore, Store, Witness};
pub(crate) use report::{Notify, Period, Report, Sheet};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Fonds keeps the chain of custody of public records.
///
/// Every lineage and lifecycle event goes into one tamper-evident log; policies that agencies write themselves, compiled
/// to WebAssembly components, say how each record is classified, how long it is kept and how it is archived; anyone can
/// check afterwards where a record came from and that every decision was right.
#[derive(Debug, Parser)]
#[command(
    name = "fonds",
    version,
    max_term_width = 110,
    after_help = "Example: fonds --store /srv/fonds init --origin fonds.example.org/log"
)]
pub(crate) struct Cli {
    /// The folder that holds the log.
    #[arg(long, global = true, env = "FONDS_STORE", default_value = "./fonds-data", value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// Tables for people, one JSON document or lines of JSON for programs.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Say nothing on stderr but errors.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more on stderr; twice: everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What answers look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// One document.
    Json,
    /// A document a line.
    Ndjson,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new store with its signing key; a folder that holds something else is refused.
    #[command(after_help = "Example: fonds init --origin fonds.example.org/log")]
    Init {
        /// The log's name in its checkpoints; a schema-less URL that is yours.
        #[arg(long, default_value = "fonds.local/log")]
        origin: String,
    },
    /// Define agencies, and read them.
    #[command(subcommand, after_help = "Example: fonds agency list")]
    Agency(Agency),
    /// Import retention schedules, and read them.
    #[command(subcommand, after_help = "Example: fonds schedule list")]
    Schedule(Schedule),
    /// Take in events: OpenLineage, lifecycle events as CloudEvents, XES, PREMIS.
    #[command(after_help = "Example: fonds ingest events.ndjson.gz --rejects rejected.ndjson")]
    Ingest(Ingest),
    /// Build, inspect, install and list policy plugins.
    #[command(subcommand, after_help = "Example: fonds plugin list")]
    Plugin(Plugin),
    /// Say which plugin decides for whom.
    #[command(subcommand, after_help = "Example: fonds policy list")]
    Policy(Policy),
    /// Run what is new or due through the policies in force.
    #[command(after_help = "Example: fonds evaluate --as-of 2026-01-01")]
    Evaluate {
        /// The date asked about; today unless said. Never after today, and never before that of the last sweep.
        #[arg(long, value_name = "DATE")]
        as_of: Option<String>,
        /// Look at every record, not only at what is new or due.
        #[arg(long)]
        all: bool,
    },
    /// The register of records.
    #[command(subcommand, after_help = "Example: fonds record list --due-by 2026-12-31")]
    Record(Record),
    /// The decisions in force about a record, with reasons, authorities and the entries they rest on.
    #[command(after_help = "Example: fonds explain permit/2011-0042")]
    Explain {
        /// The record's id.
        id: String,
    },
    /// Where an entity came from, and what came of it.
    #[command(after_help = "Example: fonds lineage postgres://db:5432/permits.public.register --up --view mermaid")]
    Lineage(Lineage),
    /// Put a mistake right beside the entry.
    #[command(
        after_help = "Example: fonds correct 12 --field on --to 2011-10-18 --reason 'typing error' --by j.jansen"
    )]
    Correct {
        /// The entry, and the item within it.
        #[arg(value_name = "SEQ[/ITEM]")]
        position: String,
        /// `on`, `subject`, `agency`, or a field of its body.
        #[arg(long)]
        field: String,
        /// What it should have said: JSON, or plain text.
        #[arg(long, value_name = "V")]
        to: String,
        #[command(flatten)]
        why: Why,
    },
    /// Say that an entry should never have been sent.
    #[command(after_help = "Example: fonds annul 12 --reason 'sent for the wrong case' --by j.jansen")]
    Annul {
        /// The entry, and the item within it.
        #[arg(value_name = "SEQ[/ITEM]")]
        position: String,
        #[command(flatten)]
        why: Why,
    },
    /// Freeze the disposition of records, and free them again.
    #[command(subcommand, after_help = "Example: fonds hold list")]
    Hold(Hold),
    /// What is to become of records that are due: list it, approve it, carry it out.
    #[command(subcommand, after_help = "Example: fonds disposition list --due-by 2026-12-31")]
    Disposition(Disposition),
    /// How many people a disposition wants, and how they say so.
    #[command(subcommand, after_help = "Example: fonds setting list")]
    Setting(Setting),
    /// The people who approve, and their keys.
    #[command(subcommand, after_help = "Example: fonds access key list")]
    Access(Access),
    /// Pack records for an archive, and check packages.
    #[command(subcommand, after_help = "Example: fonds archive validate /srv/out/permits-2024")]
    Archive(Archive),
    /// Whether content is still what the log says, where it lies.
    #[command(subcommand, after_help = "Example: fonds fixity check --all")]
    Fixity(Fixity),
    /// Calendars and reports: what is due when, what is held, what waits, what is late, what was disposed of.
    #[command(subcommand, after_help = "Example: fonds report all --html reports.html")]
    Report(Report),
    /// Tell people what waits for them, by e-mail or webhook: counts and agencies, and of no record its id or title.
    ///
    /// Nothing is sent when nothing waits, or when the same was told within a day.
    #[command(
        after_help = "Example: fonds notify --mail-to archivist@merwestad.example --mail-from fonds@merwestad.example --drop /var/spool/fonds"
    )]
    Notify(Notify),
    /// The log itself: entries, checkpoint, proofs, export, erasure.
    #[command(subcommand, after_help = "Example: fonds log checkpoint")]
    Log(Log),
    /// Write the proof of a record's history into one file, which is also a page to read.
    ///
    /// It holds what concerns the record and nothing else, checks without a store and a network, and opens in any browser.
    #[command(after_help = "Example: fonds evidence permit/2011-0042 --to permit.html")]
    Evidence {
        /// The record's id.
        id: String,
        /// Where it goes.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Check evidence with no store at hand: signatures, proofs, contents, and the page that people read.
    #[command(after_help = "Example: fonds verify-evidence permit.html --key \"$(cat log.vkey)\"")]
    VerifyEvidence {
        /// The evidence; `-`: stdin.
        file: PathBuf,
        /// A key of the log: name+hash+key, from a source that you trust, and never from the file itself.
        #[arg(long = "key", value_name = "VKEY", required = true)]
        keys: Vec<String>,
        /// A witness who must have cosigned.
        #[arg(long = "witness", value_name = "VKEY")]
        witnesses: Vec<String>,
    },
    /// Re-hash everything against the signed checkpoint.
    #[command(after_help = "Example: fonds verify --replay --output json")]
    Verify {
        /// Make every decision again, too, and compare it with what was recorded; this needs the store.
        #[arg(long)]
        replay: bool,
    },
    /// Repair of what can be rebuilt.
    #[command(subcommand, after_help = "Example: fonds store rebuild")]
    Store(Store),
    /// Copy the log beside its writer: a new folder, or an older backup, of which only what changed is written.
    #[command(after_help = "Example: fonds backup /mnt/backup/fonds")]
    Backup {
        /// The folder.
        dir: PathBuf,
    },
    /// Put a backup back; it is only read until it is known to be the newest copy, or goes on under a new name.
    #[command(
        after_help = "Example: fonds --store new restore /mnt/backup/fonds --match witness.txt --signing-key signing.key"
    )]
    Restore(Restore),
    /// Run the main job on a small sample that comes with the program.
    #[command(after_help = "Example: fonds demo")]
    Demo {
        /// Where the demo's store is made; a temporary folder unless said.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Print the JSON schema of a kind's body.
    #[command(after_help = "Example: fonds schema record.created")]
    Schema {
        /// The kind; all kinds are listed when none is named.
        kind: Option<String>,
    },
    /// Print shell completions.
    #[command(after_help = "Example: fonds completions bash > /etc/bash_completion.d/fonds")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    #[command(after_help = "Example: fonds man > fonds.1")]
    Man,
}

impl Command {
    /// Whether it changes nothing, so that it may be carried out again.
    pub(crate) fn only_asks(&self) -> bool {
        match self {
            Self::Explain { .. } | Self::Lineage(_) | Self::Record(_) | Self::Report(_) => true,
            Self::Agency(agency) => matches!(agency, Agency::Show { .. } | Agency::List),
            Self::Schedule(schedule) => matches!(schedule, Schedule::Show { .. } | Schedule::List),
            Self::Plugin(plugin) => matches!(plugin, Plugin::List),
            Self::Policy(policy) => matches!(policy, Policy::List),
            _ => false,
        }
    }
}

/// Who says so, and why.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Why it is put right.
    #[arg(long)]
    pub(crate) reason: String,
    /// Who says so.
    #[arg(long)]
    pub(crate) by: Option<String>,
    /// The law, order or decision that it rests on.
    #[arg(long)]
    pub(crate) authority: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Agency {
    /// Define an agency, or change its settings from a date on.
    #[command(
        after_help = "Example: fonds agency define nl/merwestad --time-zone Europe/Amsterdam --fiscal-year-end 12-31"
    )]
    Define {
        /// Where it stands in the tree.
        path: String,
        /// Its stable id; its first path unless said.
        #[arg(long)]
        id: Option<String>,
        /// What people call it.
        #[arg(long)]
        name: Option<String>,
        /// An IANA time zone; inherited down the tree.
        #[arg(long, value_name = "Z")]
        time_zone: Option<String>,
        /// The last day of its fiscal year; inherited down the tree.
        #[arg(long, value_name = "MM-DD")]
        fiscal_year_end: Option<String>,
        /// From when on; it has always been so unless said.
        #[arg(long, value_name = "DATE")]
        effective: Option<String>,
        /// Who says so.
        #[arg(long)]
        by: Option<String>,
    },
    /// Let another agency answer for the records of one from a date on; whose fonds they are never changes.
    #[command(
        after_help = "Example: fonds agency succeed nl/oudstad nl/merwestad --effective 2027-01-01 --authority 'Stb. 2026, 12' --by archivist"
    )]
    Succeed {
        /// The agency whose records go over.
        old: String,
        /// The agency that answers for them.
        new: String,
        /// From when on; today unless said.
        #[arg(long, value_name = "DATE")]
        effective: Option<String>,
        /// The law, order or decision that it rests on.
        #[arg(long, value_name = "TEXT")]
        authority: String,
        /// Who says so.
        #[arg(long, value_name = "WHO")]
        by: String,
    },
    /// One agency with what it inherits.
    #[command(after_help = "Example: fonds agency show nl/merwestad/archief")]
    Show {
        /// Its path.
        path: String,
    },
    /// All agencies.
    #[command(after_help = "Example: fonds agency list")]
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// Import a published schedule into series and rules.
    #[command(after_help = "Example: fonds schedule import texas-series.ndjson.gz --schedule tx --version 2026-03")]
    Import(ScheduleImport),
    /// The schedules and their versions.
    #[command(after_help = "Example: fonds schedule list")]
    List,
    /// One series with its rule in force.
    #[command(after_help = "Example: fonds schedule show tx/001/ACC1000")]
    Show {
        /// `ID/SCHEDULE/SERIES`.
        series: String,
        /// The date asked about; today unless said.
        #[arg(long, value_name = "DATE")]
        on: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleImport {
    /// NDJSON or a JSON array, also `.gz` or `.zst`, or `-`.
    pub(crate) file: PathBuf,
    /// The schedule's id, which begins every series' id.
    #[arg(long, value_name = "ID")]
    pub(crate) schedule: String,
    /// Its version; today's date unless said.
    #[arg(long, value_name = "V")]
    pub(crate) version: Option<String>,
    /// From when on it is in force; it has always been unless said.
    #[arg(long, value_name = "DATE")]
    pub(crate) effective: Option<String>,
    /// What the file is written in.
    #[arg(long, value_parser = ["state-series"], default_value = "state-series")]
    pub(crate) dialect: String,
    /// The action of series that name none.
    #[arg(long, value_parser = ["destroy", "transfer", "review", "keep"], default_value = "review")]
    pub(crate) default_action: String,
    /// Who approved it.
    #[arg(long)]
    pub(crate) approved_by: Option<String>,
    /// Objects that could not be taken go here, byte for byte.
    #[arg(long, value_name = "F")]
    pub(crate) rejects: Option<PathBuf>,
    /// Who imports it.
    #[arg(long)]
    pub(crate) by: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// NDJSON, JSON arrays, XES or PREMIS, also `.gz` or `.zst`, or `-`.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// What the files hold; found out when not said.
    #[arg(long, value_enum)]
    pub(crate) format: Option<IngestFormat>,
    /// How XES case files become records.
    #[arg(long, value_name = "MAP.toml")]
    pub(crate) map: Option<PathBuf>,
    /// The agency that OpenLineage events come from: what its runs write becomes its record.
    #[arg(long, value_name = "PATH")]
    pub(crate) agency: Option<String>,
    /// Items that could not be taken go here, byte for byte.
    #[arg(long, value_name = "F")]
    pub(crate) rejects: Option<PathBuf>,
}

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IngestFormat {
    /// OpenLineage 2-0-2.
    Openlineage,
    /// Lifecycle events as CloudEvents 1.0.
    Cloudevents,
    /// IEEE 1849.
    Xes,
    /// The events of a PREMIS 3 document.
    Premis,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Build a Rust crate into a component that imports nothing.
    #[command(after_help = "Example: fonds plugin build plugins/retention --to retention.wasm")]
    Build {
        /// The crate's folder.
        dir: PathBuf,
        /// Where the component goes; target/plugins/NAME.wasm unless said.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// What a component is: its world, manifest, imports and digest.
    #[command(after_help = "Example: fonds plugin inspect target/plugins/retention.wasm")]
    Inspect {
        /// The component.
        file: PathBuf,
    },
    /// Put a component into the log's keeping.
    #[command(after_help = "Example: fonds plugin install target/plugins/retention.wasm")]
    Install {
        /// The component.
        file: PathBuf,
        /// Who installs it.
        #[arg(long)]
        by: Option<String>,
        /// The second person who approves it; the setting `second-person` can demand one.
        #[arg(long, value_name = "WHO")]
        approved_by: Option<String>,
    },
    /// The installed plugins.
    #[command(after_help = "Example: fonds plugin list")]
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Let a plugin decide for an agency and all below it.
    #[command(
        after_help = "Example: fonds policy bind keep --plugin retention --scope nl/merwestad --config retention.json"
    )]
    Bind {
        /// The binding's name.
        name: String,
        /// The manifest's name (the newest installed), or a digest.
        #[arg(long, value_name = "P")]
        plugin: String,
        /// The agency; everyone unless said.
        #[arg(long, value_name = "AGENCY")]
        scope: Option<String>,
        /// The configuration; an empty one unless said.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Whether its decisions count, or are recorded only.
        #[arg(long, value_enum, default_value_t = Mode::Enforce)]
        mode: Mode,
        /// Who binds it.
        #[arg(long)]
        by: Option<String>,
        /// The second person who approves it; the setting `second-person` can demand one.
        #[arg(long, value_name = "WHO")]
        approved_by: Option<String>,
    },
    /// Let it decide no more; what it decided is no longer in force.
    #[command(after_help = "Example: fonds policy unbind keep")]
    Unbind {
        /// The binding's name.
        name: String,
        /// Who unbinds it.
        #[arg(long)]
        by: Option<String>,
        /// The second person who approves it; the setting `second-person` can demand one.
        #[arg(long, value_name = "WHO")]
        approved_by: Option<String>,
    },
    /// The bindings in force.
    #[command(after_help = "Example: fonds policy list")]
    List,
}

/// Whether a policy's decisions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// They count.
    Enforce,
    /// They are recorded and change nothing.
    Observe,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Record {
    /// The register, or a part of it.
    #[command(after_help = "Example: fonds record list --agency nl/merwestad --due-by 2026-12-31")]
    List {
        /// Records of this agency and all below it.
        #[arg(long, value_name = "A")]
        agency: Option<String>,
        /// Records of this series.
        #[arg(long, value_name = "S")]
        series: Option<String>,
        /// `open`, `closed`, `superseded`, `transferred`, `archived` or `destroyed`.
        #[arg(long, value_name = "S", value_parser = ["open", "closed", "superseded", "transferred", "archived", "destroyed"])]
        state: Option<String>,
        /// Records that are due on or before this date.
        #[arg(long, value_name = "DATE")]
        due_by: Option<String>,
        /// As they are on this date: what is dated later has not happened yet; today unless said.
        #[arg(long, value_name = "DATE")]
        on: Option<String>,
    },
    /// One record.
    #[command(after_help = "Example: fonds record show permit/2011-0042 --as-of 120")]
    Show {
        /// Its id.
        id: String,
        /// As the log knew it: up to this entry, or at this time.
        #[arg(long, value_name = "SEQ|TIME")]
        as_of: Option<String>,
        /// As it is on this date: what is dated later has not happened yet; today, or the day of `--as-of`, unless said.
        #[arg(long, value_name = "DATE")]
        on: Option<String>,
    },
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Lineage {
    /// The entity's id: a dataset's `namespace/name`, or a record's.
    pub(crate) id: String,
    /// What it was made from.
    #[arg(long, conflicts_with_all = ["down", "both"])]
    pub(crate) up: bool,
    /// What was made from it.
    #[arg(long, conflicts_with = "both")]
    pub(crate) down: bool,
    /// Both ways (so it is when neither is said).
    #[arg(long)]
    pub(crate) both: bool,
    /// Hops between entities.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) depth: u32,
    /// As the log knew it: up to this entry, or at this time.
    #[arg(long, value_name = "SEQ|TIME")]
    pub(crate) as_of: Option<String>,
    /// As it was: only what had happened by then.
    #[arg(long, value_name = "TIME")]
    pub(crate) on: Option<String>,
    /// Drop the order of time: the plain union of all edges.
    #[arg(long)]
    pub(crate) ever: bool,
    /// Columns too.
    #[arg(long)]
    pub(crate) columns: bool,
    /// How it is shown.
    #[arg(long, value_enum)]
    pub(crate) view: Option<View>,
    /// At most this many nodes.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) nodes: usize,
}

/// How lineage is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    /// An indented tree.
    Tree,
    /// Nodes and edges.
    Json,
    /// Graphviz.
    Dot,
    /// A Mermaid flowchart.
    Mermaid,
    /// W3C PROV-JSON.
    ProvJson,
}
