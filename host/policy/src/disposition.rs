//! What a disposition's acts amount to: who may approve it, when it may be carried out, when its approvals are void.
//!
//! Pure: the views keep what was done, the runtime does it, and here stands what it means.

use fonds_model::body::{Act, Assurance, Proposal, Step};
use fonds_model::{Digest, Position};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How far a disposition has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It waits for approvals.
    Proposed,
    /// It may be carried out, if all that it rests on still stands then.
    Approved,
    /// The host is carrying it out, or was when it was cut off.
    Executing,
    /// An agency's own system is carrying it out, and has not said yet that it is done.
    Waiting,
    /// Its content is gone, and the log's is about to go.
    Deleted,
    /// The archive has the package, and has not said yet that it took it.
    HandedOver,
    /// It is carried out.
    Done,
    /// Somebody rejected it.
    Rejected,
    /// What it rested on no longer stands.
    Lapsed,
}

impl State {
    /// All of them, in the order in which they come.
    pub const ALL: [State; 9] = [
        State::Proposed,
        State::Approved,
        State::Executing,
        State::Waiting,
        State::Deleted,
        State::HandedOver,
        State::Done,
        State::Rejected,
        State::Lapsed,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Proposed => "proposed",
            State::Approved => "approved",
            State::Executing => "executing",
            State::Waiting => "waiting",
            State::Deleted => "deleted",
            State::HandedOver => "handed-over",
            State::Done => "done",
            State::Rejected => "rejected",
            State::Lapsed => "lapsed",
        }
    }

    /// Whether nothing more is done about it.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, State::Done | State::Rejected | State::Lapsed)
    }

    /// Whether content may be gone already: what comes now comes too late.
    #[must_use]
    pub const fn is_past_return(self) -> bool {
        matches!(self, State::Executing | State::Waiting | State::Deleted | State::HandedOver | State::Done)
    }
}

/// Of which dispositions the approvals must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signed {
    /// Of none: a name is enough.
    None,
    /// Of those that destroy or erase.
    Destruction,
    /// Of all.
    All,
}

impl Signed {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Signed::None => "none",
            Signed::Destruction => "destruction",
            Signed::All => "all",
        }
    }
}

/// What an installation wants of its dispositions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// So many people other than the proposer approve: 1 to 3.
    pub approvals: usize,
    /// Whose approvals must be signed.
    pub signed: Signed,
    /// Whether binding a policy, installing a plugin and importing a schedule want a second person.
    pub second_person: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { approvals: 1, signed: Signed::Destruction, second_person: false }
    }
}

/// The settings' names, with what each may be.
pub const SETTINGS: [(&str, &[&str]); 3] = [
    ("approvals", &["1", "2", "3"]),
    ("signed-approvals", &["none", "destruction", "all"]),
    ("second-person", &["off", "on"]),
];

/// One change of a setting, as the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// The setting.
    pub name: &'a str,
    /// What it is to be.
    pub value: &'a str,
    /// Who says so.
    pub by: Option<&'a str>,
}

/// The place of a value among those that a setting may have, the weakest first.
fn rank(name: &str, value: &str) -> Option<usize> {
    let (_, values) = SETTINGS.iter().find(|(known, _)| *known == name)?;
    values.iter().position(|known| *known == value)
}

/// Whether a setting may have a value.
#[must_use]
pub fn is_setting(name: &str, value: &str) -> bool {
    rank(name, value).is_some()
}

impl Settings {
    /// The value of a setting.
    #[must_use]
    pub fn value(&self, name: &str) -> &'static str {
        match (name, self.approvals) {
            ("approvals", 1) => "1",
            ("approvals", 2) => "2",
            ("approvals", _) => "3",
            ("signed-approvals", _) => self.signed.as_str(),
            (_, _) if self.second_person => "on",
            _ => "off",
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        match (name, value) {
            ("approvals", _) => self.approvals = value.parse().unwrap_or(3),
            ("signed-approvals", "none") => self.signed = Signed::None,
            ("signed-approvals", "destruction") => self.signed = Signed::Destruction,
            ("signed-approvals", _) => self.signed = Signed::All,
            _ => self.second_person = value != "off",
        }
    }

    /// What changes in the order of the log amount to, and what waits for a second person.
    ///
    /// INVARIANT (no back door): a change that makes a setting stricter is in force at once; one that makes it weaker is
    /// in force only once another person has asked for the same.
    #[must_use]
    pub fn of<'a>(changes: impl IntoIterator<Item = Change<'a>>) -> (Self, BTreeMap<&'a str, Change<'a>>) {
        let mut settings = Self::default();
        let mut waiting: BTreeMap<&str, Change<'_>> = BTreeMap::new();
        for change in changes {
            let Some(wanted) = rank(change.name, change.value) else { continue };
            let is_weaker = rank(change.name, settings.value(change.name)).is_some_and(|now| wanted < now);
            let asked = waiting.get(change.name).filter(|asked| asked.value == change.value);
            let is_seconded = asked.is_some_and(|asked| change.by.is_some() && asked.by != change.by);
            if !is_weaker || is_seconded {
                settings.set(change.name, change.value);
                waiting.remove(change.name);
            } else if asked.is_none() {
                waiting.insert(change.name, change);
            }
        }
        (settings, waiting)
    }

    /// Whether an approval of an action must be signed.
    #[must_use]
    pub fn wants_signed(&self, action: Proposal) -> bool {
        match self.signed {
            Signed::None => false,
            Signed::Destruction => action.destroys(),
            Signed::All => true,
        }
    }
}

/// A proposal with what was done about it.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// What is proposed.
    pub action: Proposal,
    /// Who proposed it; none: the host, because a policy decided so.
    pub proposer: Option<&'a str>,
    /// What was done, in the order of the log.
    pub acts: &'a [Act],
}

impl<'a> Course<'a> {
    /// Those whose approval counts: each person once, never the proposer, and signed where that is wanted.
    #[must_use]
    pub fn approvals(&self, settings: &Settings) -> Vec<&'a Act> {
        let mut counting: Vec<&Act> = Vec::new();
        for act in self.acts.iter().filter(|act| act.step == Step::Approved) {
            let Some(by) = act.by.as_deref() else { continue };
            let is_signed = act.by_assurance == Some(Assurance::Signed) || !settings.wants_signed(self.action);
            let is_other = self.proposer != Some(by) && counting.iter().all(|known| known.by.as_deref() != Some(by));
            if is_other && is_signed {
                counting.push(act);
            }
        }
        counting
    }

    /// How far it has come.
    #[must_use]
    pub fn state(&self, settings: &Settings) -> State {
        let mut state = State::Proposed;
        for act in self.acts {
            state = match (act.step, state) {
                (Step::Rejected, State::Proposed | State::Approved) => State::Rejected,
                // What was only begun may still be stopped; what is done cannot.
                (Step::Lapsed, State::Proposed | State::Approved | State::Executing | State::Waiting) => State::Lapsed,
                (_, ended) if ended.has_ended() => ended,
                (Step::Executing, _) => State::Executing,
                (Step::ExecutingOutside, _) => State::Waiting,
                (Step::Executed, _) => match self.action {
                    Proposal::Destroy => State::Deleted,
                    Proposal::Transfer => State::HandedOver,
                    Proposal::Erase | Proposal::Review | Proposal::Keep => State::Done,
                },
                (Step::Reviewed | Step::Destroyed | Step::Transferred, _) => State::Done,
                (Step::Approved | Step::Rejected | Step::Lapsed | Step::TooLate, state) => state,
            };
        }
        let is_approved = || self.approvals(settings).len() >= settings.approvals;
        if state == State::Proposed && is_approved() { State::Approved } else { state }
    }

    /// Why a person may not approve it, if so.
    ///
    /// INVARIANT (segregation of duties): nobody approves what they proposed, and nobody counts twice.
    #[must_use]
    pub fn why_not_approve(&self, by: &str, is_signed: bool, settings: &Settings) -> Option<String> {
        let state = self.state(settings);
        if self.action == Proposal::Review {
            return Some("a review is answered and not approved: `fonds disposition review`".to_owned());
        }
        if !matches!(state, State::Proposed | State::Approved) {
            return Some(format!("it is {} already", state.as_str()));
        }
        if self.proposer == Some(by) {
            return Some(format!("`{by}` proposed it: another person approves"));
        }
        if settings.wants_signed(self.action) && !is_signed {
            let what = self.action.as_str();
            return Some(format!(
                "an approval to {what} is signed: give --key FILE (`fonds access key new` makes one; the setting is `signed-approvals`)"
            ));
        }
        let counts = self.approvals(settings).iter().any(|act| act.by.as_deref() == Some(by));
        counts.then(|| format!("`{by}` has approved it already"))
    }
}

/// The text that an approval or a rejection signs, for any verifier to make again: a line each for what it is, the log's
/// name, the verb, the person, the reason as JSON, and for each proposal its place and the digest of its item.
#[must_use]
pub fn signed_text(
    origin: &str,
    verb: &str,
    by: &str,
    reason: Option<&str>,
    proposals: &[(Position, Digest)],
) -> String {
    let reason = serde_json::Value::from(reason);
    let mut text = format!("fonds disposition v1\n{origin}\n{verb}\n{by}\n{reason}\n");
    for (id, digest) in proposals {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{id} {digest}");
    }
    text
}

#[cfg(test)]
mod tests;
