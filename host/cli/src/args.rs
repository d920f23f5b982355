//! The command line, as shared with examples, tests and people.

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
    #[command(subcommand)]
    Agency(Agency),
    /// Import retention schedules, and read them.
    #[command(subcommand)]
    Schedule(Schedule),
    /// Take in events: OpenLineage, lifecycle events as CloudEvents, XES.
    #[command(after_help = "Example: fonds ingest events.ndjson.gz --rejects rejected.ndjson")]
    Ingest(Ingest),
    /// Build, inspect, install and list policy plugins.
    #[command(subcommand)]
    Plugin(Plugin),
    /// Say which plugin decides for whom.
    #[command(subcommand)]
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
    #[command(subcommand)]
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
    #[command(subcommand)]
    Hold(Hold),
    /// The log itself: entries, checkpoint, proofs, export, erasure.
    #[command(subcommand)]
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
    #[command(subcommand)]
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
            Self::Explain { .. } | Self::Lineage(_) | Self::Record(_) => true,
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
    /// Its version; the file's digest unless said.
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
    /// NDJSON, JSON arrays or XES, also `.gz` or `.zst`, or `-`.
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
    },
    /// Let it decide no more; what it decided is no longer in force.
    #[command(after_help = "Example: fonds policy unbind keep")]
    Unbind {
        /// The binding's name.
        name: String,
        /// Who unbinds it.
        #[arg(long)]
        by: Option<String>,
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
        /// `open`, `closed`, `superseded`, `transferred` or `archived`.
        #[arg(long, value_name = "S")]
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

#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    /// An entry: the header's exact bytes, and its items.
    #[command(after_help = "Example: fonds log show 12")]
    Show {
        /// The entry.
        seq: u64,
    },
    /// The newest signed checkpoint, as a C2SP note.
    #[command(after_help = "Example: fonds log checkpoint > checkpoint.txt")]
    Checkpoint,
    /// The proof that an entry is in the log.
    #[command(after_help = "Example: fonds log prove 12 --size 100")]
    Prove {
        /// The entry.
        seq: u64,
        /// In the log of this size; the newest checkpoint's unless said.
        #[arg(long, value_name = "N")]
        size: Option<u64>,
    },
    /// The proof that the log only grew.
    #[command(after_help = "Example: fonds log consistency 100 200")]
    Consistency {
        /// The smaller size.
        old: u64,
        /// The larger size.
        new: u64,
    },
    /// Write the C2SP tlog-tiles layout, for other people's verifiers.
    #[command(after_help = "Example: fonds log export /var/www/log")]
    Export {
        /// An empty or new folder.
        dir: PathBuf,
    },
    /// Erase content: proposed by one person, approved by another; digests and stubs stay.
    #[command(
        after_help = "Example: fonds log erase --item 12 --authority 'GDPR art. 17' --by j.jansen\n         fonds log erase --approve 40 --by m.visser --scrub"
    )]
    Erase(Erase),
    /// Put a damaged journal together again from its whole frames and from the store.
    #[command(after_help = "Example: fonds log repair")]
    Repair,
    /// The keys that sign.
    #[command(subcommand)]
    Key(Key),
    /// Who cosigns this log's checkpoints, and this installation's own key as a witness of others.
    #[command(subcommand)]
    Witness(Witness),
    /// As a witness, cosign other logs' checkpoints: each only once it is seen to continue the last one cosigned.
    ///
    /// A source is a checkpoint in a file (`-`: stdin), or the data folder of another log. Answers with the note and all
    /// its signatures.
    #[command(
        after_help = "Example: fonds --store witness log cosign /srv/other/fonds-data --key \"$KEY\" > cosigned.txt"
    )]
    Cosign(Cosign),
}

#[derive(Debug, Args)]
pub(crate) struct Cosign {
    /// A checkpoint's file, `-`, or the data folder of another log.
    #[arg(required = true, value_name = "NOTE_FILE|STORE")]
    pub(crate) sources: Vec<PathBuf>,
    /// A key of the log, as `fonds log key show` prints it; needed once a key, and kept from then on.
    #[arg(long = "key", value_name = "VKEY")]
    pub(crate) keys: Vec<String>,
    /// What `fonds log consistency OLD NEW` printed, from the size cosigned last; a data folder needs none.
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Witness {
    /// This installation's key as a witness, made on first use: what others pass to `witness add`.
    #[command(after_help = "Example: fonds --store witness log witness key")]
    Key,
    /// Let a witness's cosignatures count; an entry says so.
    #[command(
        after_help = "Example: fonds log witness add \"$(fonds --store witness log witness key)\" --by c.archivist"
    )]
    Add {
        /// The witness's key: name+hash+key.
        #[arg(value_name = "VKEY")]
        key: String,
        /// Who adds it.
        #[arg(long)]
        by: Option<String>,
    },
    /// The witnesses whose cosignatures count.
    #[command(after_help = "Example: fonds log witness list")]
    List,
    /// Store a cosigned checkpoint, once its signatures are checked and it is seen to be of this log.
    #[command(after_help = "Example: fonds log witness receive cosigned.txt")]
    Receive {
        /// What the witness's `log cosign` printed; `-`: stdin.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup; none: what follows is for a copy that was restored before.
    #[arg(value_name = "DIR", required_unless_present_any = ["match_note", "new_origin", "later"])]
    pub(crate) from: Option<PathBuf>,
    /// The newest checkpoint that anyone else holds: a note in a file.
    #[arg(long = "match", value_name = "NOTE", requires = "signing_key", conflicts_with = "new_origin")]
    pub(crate) match_note: Option<PathBuf>,
    /// The log's signing key, as it was kept apart.
    #[arg(long, value_name = "FILE", requires = "match_note")]
    pub(crate) signing_key: Option<PathBuf>,
    /// Go on under this name, with a new key.
    #[arg(long, value_name = "NAME")]
    pub(crate) new_origin: Option<String>,
    /// A newer copy of the log, however broken: its later holds and erasures are done again.
    #[arg(long, value_name = "DIR")]
    pub(crate) later: Option<PathBuf>,
    /// The first entry of the newer copy that counts as later; the size of the backup unless said.
    #[arg(long, value_name = "SEQ", requires = "later")]
    pub(crate) later_from: Option<u64>,
    /// Who does it.
    #[arg(long)]
    pub(crate) by: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Erase {
    /// An item whose content is to go; may be said more than once.
    #[arg(long = "item", value_name = "SEQ[/ITEM]", conflicts_with_all = ["approve", "execute", "list"])]
    pub(crate) items: Vec<String>,
    /// A record of which all is to go.
    #[arg(long, value_name = "ID", conflicts_with_all = ["approve", "execute", "list"])]
    pub(crate) record: Option<String>,
    /// The law, order or decision that it rests on.
    #[arg(long, value_name = "TEXT")]
    pub(crate) authority: Option<String>,
    /// Who proposes or approves it.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Approve a proposal, and carry it out if nothing stands against it.
    #[arg(long, value_name = "PROPOSAL", conflicts_with_all = ["execute", "list"])]
    pub(crate) approve: Option<u64>,
    /// Carry out a proposal that was pending.
    #[arg(long, value_name = "PROPOSAL", conflicts_with = "list")]
    pub(crate) execute: Option<u64>,
    /// The proposals and how far each has come.
    #[arg(long)]
    pub(crate) list: bool,
    /// Make the store anew at once, so that no file holds the bytes any more.
    #[arg(long)]
    pub(crate) scrub: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Hold {
    /// Freeze the disposition of records.
    #[command(
        after_help = "Example: fonds hold place inquiry-7 --authority 'Council decision 12' --records permit/2011-0042"
    )]
    Place {
        /// The hold's name.
        name: String,
        /// The law or order that it rests on.
        #[arg(long, value_name = "TEXT")]
        authority: String,
        /// The records that it holds.
        #[arg(long, value_name = "ID", num_args = 1.., required = true)]
        records: Vec<String>,
        /// When to ask whether it is still needed; it never ends by itself.
        #[arg(long, value_name = "DATE")]
        review_by: Option<String>,
        /// The case or inquiry that it serves.
        #[arg(long, value_name = "T")]
        matter: Option<String>,
        /// Who ordered it.
        #[arg(long, value_name = "T")]
        issuer: Option<String>,
        /// Who places it.
        #[arg(long)]
        by: Option<String>,
    },
    /// End a hold; what it held may be disposed of again.
    #[command(after_help = "Example: fonds hold release inquiry-7 --authority 'Council decision 19'")]
    Release {
        /// The hold's name.
        name: String,
        /// The law or order that it rests on.
        #[arg(long, value_name = "TEXT")]
        authority: String,
        /// Who releases it.
        #[arg(long)]
        by: Option<String>,
    },
    /// All holds, active and released.
    #[command(after_help = "Example: fonds hold list --output json")]
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// The C2SP verifier key that signs now: name+hash+key.
    #[command(after_help = "Example: fonds log key show --all")]
    Show {
        /// Also the keys that signed before, which check older checkpoints; the newest first.
        #[arg(long)]
        all: bool,
    },
    /// Put a fresh key in use; an entry says so, and the checkpoint over it is signed by both keys.
    ///
    /// The old key's secret is dropped: it checks what it signed, and signs nothing more.
    #[command(after_help = "Example: fonds log key rotate --by c.archivist --reason 'yearly rotation'")]
    Rotate {
        /// Who rotates it.
        #[arg(long)]
        by: Option<String>,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Make the store anew from the journal, and swap it in.
    #[command(after_help = "Example: fonds store rebuild")]
    Rebuild,
}
