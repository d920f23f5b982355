//! The log itself: entries, proofs, keys and witnesses, erasure, holds, copies and repair.

use clap::{Args, Subcommand};
use std::path::PathBuf;

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
        after_help = "Example: fonds log erase --item 12 --authority 'GDPR art. 17' --by j.jansen\n         fonds log erase --approve 40 --by m.visser --key m.visser.key --scrub"
    )]
    Erase(Erase),
    /// Put a damaged journal together again from its whole frames and from the store.
    #[command(after_help = "Example: fonds log repair")]
    Repair,
    /// The keys that sign.
    #[command(subcommand, after_help = "Example: fonds log key show")]
    Key(Key),
    /// Who cosigns this log's checkpoints, and this installation's own key as a witness of others.
    #[command(subcommand, after_help = "Example: fonds log witness list")]
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
    /// The approver's key: the approval is signed with it.
    #[arg(long, value_name = "FILE", requires = "approve")]
    pub(crate) key: Option<PathBuf>,
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
    /// Freeze the disposition of records: of those that are named, and of those of a series, an agency or a query, also when
    /// they come later.
    ///
    /// A query is made of conditions over id, agency, series, state, label, created, closed, title and attributes.NAME, with
    /// = != < <= > >= and ~ (contains, or fits a pattern of * and ?), joined by and, or, not and parentheses.
    #[command(
        after_help = "Example: fonds hold place inquiry-7 --authority 'Council decision 12' --query 'agency = nl/wabo and closed < 2012' --with-derived"
    )]
    Place(Box<PlaceHold>),
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
    #[command(after_help = "Example: fonds hold list --overdue")]
    List {
        /// Only those that were to be looked at again by now; they hold all the same.
        #[arg(long)]
        overdue: bool,
        /// Only those that hold this record now, and how.
        #[arg(long, value_name = "ID")]
        record: Option<String>,
    },
    /// A hold, and the records that it holds now.
    #[command(after_help = "Example: fonds hold show inquiry-7")]
    Show {
        /// The hold's name.
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlaceHold {
    /// The hold's name.
    pub(crate) name: String,
    /// The law or order that it rests on.
    #[arg(long, value_name = "TEXT")]
    pub(crate) authority: String,
    /// The records that it holds; `@FILE` has one in a line, and `@-` is stdin.
    #[arg(long, value_name = "ID|@FILE", num_args = 1..)]
    pub(crate) records: Vec<String>,
    /// The series whose records it holds.
    #[arg(long, value_name = "SERIES", num_args = 1..)]
    pub(crate) series: Vec<String>,
    /// The agencies whose records it holds, with all below them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) agency: Vec<String>,
    /// What is so of the records that it holds.
    #[arg(long, value_name = "QUERY")]
    pub(crate) query: Option<String>,
    /// Hold all that is derived from them too, also what is derived later.
    #[arg(long)]
    pub(crate) with_derived: bool,
    /// When to ask whether it is still needed; it never ends by itself.
    #[arg(long, value_name = "DATE")]
    pub(crate) review_by: Option<String>,
    /// The case or inquiry that it serves.
    #[arg(long, value_name = "T")]
    pub(crate) matter: Option<String>,
    /// Who ordered it.
    #[arg(long, value_name = "T")]
    pub(crate) issuer: Option<String>,
    /// Who places it.
    #[arg(long)]
    pub(crate) by: Option<String>,
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
