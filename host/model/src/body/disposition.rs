//! The bodies of a disposition's entries, from its proposal to the record's destruction or transfer.
//!
//! A disposition's id is the place of the item that proposed it. Each of these entries has an item a record, so that what
//! tells of one record tells of no other; an approval names many by their places.

use super::{Assurance, Who};
use crate::{Action, AgencyPath, Digest, EntityId, PartialDate, Position};
use serde::{Deserialize, Serialize};

/// What a proposal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Proposal {
    /// Erase the content of items of the log.
    Erase,
    /// Destroy the record: its content where it lies, and what the log tells of it.
    Destroy,
    /// Hand the record to an archive.
    Transfer,
    /// Let a person say what is to become of it.
    Review,
    /// Keep it permanently.
    Keep,
}

impl Proposal {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Proposal::Erase => "erase",
            Proposal::Destroy => "destroy",
            Proposal::Transfer => "transfer",
            Proposal::Review => "review",
            Proposal::Keep => "keep",
        }
    }

    /// Whether it takes content away that nobody can bring back.
    #[must_use]
    pub const fn destroys(self) -> bool {
        matches!(self, Proposal::Erase | Proposal::Destroy)
    }
}

impl From<Action> for Proposal {
    fn from(action: Action) -> Self {
        match action {
            Action::Destroy => Proposal::Destroy,
            Action::Transfer => Proposal::Transfer,
            Action::Review => Proposal::Review,
            Action::Keep => Proposal::Keep,
        }
    }
}

/// What a reviewer says is to become of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReviewOutcome {
    /// Keep it longer, and ask again then.
    Extend,
    /// Propose its destruction.
    Destroy,
    /// Propose its transfer.
    Transfer,
    /// Keep it permanently.
    Keep,
}

/// A piece of content that was deleted, and how its absence was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Deleted {
    /// Where it lay.
    pub location: String,
    /// What the log knew of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When the store was asked for it and had nothing, as RFC 3339.
    pub absent_at: String,
    /// What the store answered, or what the agency's system acknowledged.
    pub proof: String,
}

bodies! {
    /// `disposition.proposed`: what is to become of a record (or of items of the log), until others approve it.
    DispositionProposed {
        /// What is to be done.
        action: Proposal,
        /// The records that it is for; an erased item goes once that is so of all the records that it tells of.
        records: Vec<EntityId>,
        /// The items whose content is to be erased, where it is items that are to go.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        items: Vec<Position>,
        /// The record that is destroyed once all of it is gone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destroys: Option<EntityId>,
        /// The decisions in force that it rests on: it lapses when they no longer stand.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rests_on: Vec<Position>,
        /// The first day on which it may be carried out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<PartialDate>,
        /// The law allows the record no longer than this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_after: Option<PartialDate>,
        /// The responsible agency, as it stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agency: Option<AgencyPath>,
        /// Its series.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        series: Option<String>,
        /// The rule that says so: schedule, version and item.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rule: Vec<String>,
        /// The archive that is to have it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destination: Option<String>,
        /// The entries that made its term sooner than it was said before: whoever approves must see them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shortened_by: Vec<Position>,
        /// What was derived from it and lives on, as far as lineage knows; at most [`SURVIVORS_MAX`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        survivors: Vec<EntityId>,
        /// Those with whom it was shared; at most [`SURVIVORS_MAX`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        recipients: Vec<String>,
        /// There are more survivors or recipients than are named.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    }
    /// `disposition.approved` and `disposition.rejected`: what one person says of proposals.
    DispositionAnswered {
        /// The proposals.
        dispositions: Vec<Position>,
        /// The person's signature over them, as a C2SP signed-note line; the text is in `fonds_policy::disposition`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    }
    /// `disposition.lapsed`: what it rested on no longer stands, and its approvals are worth nothing any more.
    DispositionLapsed {
        /// The proposal.
        disposition: Position,
        /// What no longer stands.
        why: String,
        /// A hold came after the point of no return: it is said, and changes nothing any more.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        too_late: bool,
    }
    /// `disposition.executing`: everything was checked at the end of the log, and from here on content may be gone.
    DispositionExecuting {
        /// The proposal.
        disposition: Position,
        /// What is being done.
        action: Proposal,
        /// Where the content lies that is to be deleted.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        contents: Vec<String>,
        /// An agency's own system deletes it, and says so: this waits for its acknowledgement.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        external: bool,
    }
    /// `disposition.executed`: it is done, with the proof.
    DispositionExecuted {
        /// The proposal.
        disposition: Position,
        /// What was done.
        action: Proposal,
        /// What was deleted, and how its absence was seen.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        deleted: Vec<Deleted>,
        /// The package that was handed over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        package: Option<String>,
        /// SHA-256 of the package's manifest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        package_digest: Option<Digest>,
    }
    /// `disposition.reviewed`: what a person says is to become of a record.
    DispositionReviewed {
        /// The proposal that asked for the review.
        disposition: Position,
        /// What is to become of it.
        outcome: ReviewOutcome,
        /// Until when it is kept, when it is kept longer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<PartialDate>,
        /// The decisions in force that it was reviewed under: another outcome than a longer keeping ends with them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rests_on: Vec<Position>,
    }
    /// `record.destroyed`: neither the log nor the store of its content has it any more.
    Destroyed {
        /// The proposal that was carried out.
        disposition: Position,
    }
    /// `record.transferred`: the archive that took it has said so.
    Transferred {
        /// The proposal that was carried out.
        disposition: Position,
        /// Who keeps it now.
        to: String,
        /// How the archive calls its receipt.
        receipt: String,
        /// The seal of the package as the archive has it, compared with that of the one that was handed over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seal: Option<Digest>,
    }
    /// `setting.changed`: how many people a disposition wants, and how.
    SettingChanged {
        /// Which setting.
        name: String,
        /// What it is from now on.
        value: String,
    }
    /// `access.key-added`: a person's key, with which approvals are signed.
    PersonKeyAdded {
        /// The person, as `--by` names them.
        person: String,
        /// The key, as a C2SP verifier key `name+hash+key`.
        key: String,
    }
    /// `access.key-retired`: what it signs from now on counts no longer.
    PersonKeyRetired {
        /// The person.
        person: String,
        /// The key.
        key: String,
    }
}

/// A proposal names at most so many survivors, and so many recipients.
pub const SURVIVORS_MAX: usize = 20;

/// One thing that was done about a proposal, in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// What.
    pub step: Step,
    /// The item that says so.
    pub position: Position,
    /// Who did it.
    pub by: Option<String>,
    /// How sure we are of who.
    pub by_assurance: Option<Assurance>,
    /// Why, in words.
    pub why: Option<String>,
}

/// What can be done about a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Step {
    /// A person approved it.
    Approved,
    /// A person rejected it.
    Rejected,
    /// What it rested on no longer stands.
    Lapsed,
    /// A hold came after the point of no return.
    TooLate,
    /// It is being carried out by the host.
    Executing,
    /// It is being carried out by an agency's own system.
    ExecutingOutside,
    /// It is done, with the proof.
    Executed,
    /// A reviewer has said what is to become of the record.
    Reviewed,
    /// Nothing of the record is left.
    Destroyed,
    /// The archive has said that it took it.
    Transferred,
}
