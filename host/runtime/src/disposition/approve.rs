//! What people say of proposals: approved, rejected, reviewed.

use super::course;
use crate::facts::Shared;
use crate::{Runtime, RuntimeError, note};
use fonds_model::body::{Assurance, DispositionAnswered, DispositionReviewed, Proposal, ReviewOutcome, Who};
use fonds_model::{Digest, Kind, PartialDate, Position};
use fonds_policy::disposition::{State, signed_text};
use fonds_views::register::{self, Disposition};
use serde::Serialize;
use std::collections::BTreeMap;

/// An item of an approval names at most so many proposals: its text stays one that any verifier takes.
const NAMED_MAX: usize = 2_000;

/// So many proposals may be approved at once.
const AT_ONCE_MAX: usize = 500_000;

/// Who approves, and with which key.
pub struct Approver {
    /// The person, and why.
    pub who: Who,
    /// Their key, when the approval is to be signed.
    pub key: Option<note::Signer>,
}

/// What an approval or a rejection is about, before or after it is made.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// How many proposals.
    pub dispositions: usize,
    /// How many of each action.
    pub by_action: BTreeMap<&'static str, usize>,
    /// How many of each agency.
    pub by_agency: BTreeMap<String, usize>,
    /// How many of each series.
    pub by_series: BTreeMap<String, usize>,
    /// How many have a term that was made sooner than it was said before.
    pub shortened: usize,
}

/// What an approval or a rejection did.
#[derive(Debug, Clone, Serialize)]
pub struct Approved {
    /// What it was about.
    #[serde(flatten)]
    pub preview: Preview,
    /// Those that may be carried out now.
    pub approved: usize,
    /// Whether anything was logged; a preview logs nothing.
    pub logged: bool,
    /// The log's size after it.
    pub log_size: u64,
}

/// What `disposition review` is told.
#[derive(Debug, Clone)]
pub struct ReviewTold {
    /// The proposal that asks for the review.
    pub id: Position,
    /// What is to become of the record.
    pub outcome: ReviewOutcome,
    /// Until when it is kept, when it is kept longer.
    pub until: Option<PartialDate>,
    /// Who reviewed it, and on which authority.
    pub who: Who,
}

/// Proposals, and a person's signature over them where there is a key.
type Signed = (Vec<Position>, Option<String>);

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

impl Approver {
    /// The person's name.
    fn by(&self) -> Result<&str, RuntimeError> {
        let by = self.who.by.as_deref().filter(|by| !by.trim().is_empty());
        let by = by.ok_or_else(|| RuntimeError::Invalid("an approval says by whom: --by NAME".to_owned()))?;
        if has_control(by) || self.who.reason.as_deref().is_some_and(has_control) {
            return Err(RuntimeError::Invalid("a name or a reason is one line of text".to_owned()));
        }
        Ok(by)
    }
}

impl Runtime {
    /// What an approval of these proposals would be about.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when one is not there.
    pub fn preview(&self, ids: &[Position]) -> Result<Preview, RuntimeError> {
        let found = ids.iter().map(|id| self.found_disposition(*id)).collect::<Result<Vec<_>, _>>()?;
        Ok(preview_of(&found))
    }

    /// Approves proposals: all of them or, when one may not be approved, none.
    ///
    /// # Errors
    /// [`RuntimeError::Denied`] when this person may not approve one of them; [`RuntimeError::NotFound`] when one is not
    /// there.
    pub fn approve(&self, ids: &[Position], approver: &Approver) -> Result<Approved, RuntimeError> {
        let by = approver.by()?;
        let settings = self.settings()?;
        let (ids, found) = self.named(ids)?;
        for disposition in &found {
            let why = course(disposition).why_not_approve(by, approver.key.is_some(), &settings);
            if let Some(why) = why {
                return Err(RuntimeError::Denied(format!("`{}` cannot be approved: {why}", disposition.id)));
            }
        }
        self.answer(Kind::DispositionApproved, (&ids, &found), approver)
    }

    /// Rejects proposals: they are not carried out, and not proposed again while the decisions they rest on stand.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`] without a reason; [`RuntimeError::Denied`] when one is being carried out already.
    pub fn reject(&self, ids: &[Position], approver: &Approver) -> Result<Approved, RuntimeError> {
        approver.by()?;
        if approver.who.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
            return Err(RuntimeError::Invalid("a rejection says why: --reason TEXT".to_owned()));
        }
        let settings = self.settings()?;
        let (ids, found) = self.named(ids)?;
        for disposition in &found {
            let state = course(disposition).state(&settings);
            if !matches!(state, State::Proposed | State::Approved) {
                let why = format!("`{}` cannot be rejected: it is {}", disposition.id, state.as_str());
                return Err(RuntimeError::Denied(why));
            }
        }
        self.answer(Kind::DispositionRejected, (&ids, &found), approver)
    }

    /// Logs what a person says of proposals, signed where there is a key.
    fn answer(
        &self,
        kind: Kind,
        (ids, found): (&[Position], &[Disposition]),
        approver: &Approver,
    ) -> Result<Approved, RuntimeError> {
        let verb = if kind == Kind::DispositionApproved { "approve" } else { "reject" };
        let who = signing(approver);
        let mut payloads = Vec::new();
        for (dispositions, signature) in self.signatures(verb, ids, approver)? {
            let body = DispositionAnswered { dispositions, signature, who: who.clone() };
            payloads.push(self.own_item(None, who.by.as_deref(), &body)?);
        }
        self.append_own(kind, payloads)?;
        let now = self.in_states(ids, &[State::Approved])?;
        Ok(Approved { preview: preview_of(found), approved: now.len(), logged: true, log_size: self.log_size() })
    }

    /// Answers a proposal to review: keep it longer or for good, or let its destruction or transfer be proposed.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`] when the answer makes no sense; [`RuntimeError::Denied`] when it waits for none.
    pub fn review(&self, told: ReviewTold) -> Result<super::DispositionAnswer, RuntimeError> {
        let found = self.found_disposition(told.id)?;
        let state = course(&found).state(&self.settings()?);
        if found.proposed.action != Proposal::Review || state.has_ended() {
            let (action, state) = (found.proposed.action.as_str(), state.as_str());
            return Err(RuntimeError::Denied(format!("`{}` waits for no review: it is to {action}, {state}", told.id)));
        }
        if told.who.by.is_none() || told.who.authority.as_deref().is_none_or(str::is_empty) {
            let why = "a review says who and under which authority: --by NAME --authority TEXT";
            return Err(RuntimeError::Invalid(why.to_owned()));
        }
        let today = self.now().date_utc();
        match (told.outcome, told.until) {
            (ReviewOutcome::Extend, Some(until)) if until.last_day() > today => {}
            (ReviewOutcome::Extend, _) => {
                return Err(RuntimeError::Invalid(
                    "to keep it longer say until when, after today: --until DATE".to_owned(),
                ));
            }
            (_, Some(_)) => return Err(RuntimeError::Invalid("--until goes with `--outcome extend`".to_owned())),
            (_, None) => {}
        }
        let record = found.record().cloned();
        let rests_on = match &record {
            Some(id) => {
                let shared = Shared::load(self.rows(), today, None)?;
                let record = register::record_on(self.rows(), id, None, today)?;
                let looked = record.map(|record| shared.look(record)).transpose()?;
                looked.map(|looked| crate::facts::rests_on(&looked.decisions)).unwrap_or_default()
            }
            None => Vec::new(),
        };
        let by = told.who.by.clone();
        let body = DispositionReviewed {
            disposition: told.id,
            outcome: told.outcome,
            until: told.until,
            rests_on,
            who: told.who,
        };
        let payload = self.own_item(record.as_ref(), by.as_deref(), &body)?;
        self.append_own(Kind::DispositionReviewed, vec![payload])?;
        self.disposition(told.id)
    }

    /// The proposals that are named, each once.
    fn named(&self, ids: &[Position]) -> Result<(Vec<Position>, Vec<Disposition>), RuntimeError> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        // INVARIANT (empty selects nothing): nobody approves "all" by naming none.
        if ids.is_empty() {
            return Err(RuntimeError::Invalid("name what is meant: ID…, or --list FILE".to_owned()));
        }
        if ids.len() > AT_ONCE_MAX {
            let why = format!("{} proposals are more than {AT_ONCE_MAX} at once: take them in parts", ids.len());
            return Err(RuntimeError::Invalid(why));
        }
        let found = ids.iter().map(|id| self.found_disposition(*id)).collect::<Result<Vec<_>, _>>()?;
        Ok((ids, found))
    }

    /// The proposals in parts, each with the person's signature over it where there is a key.
    fn signatures(&self, verb: &str, ids: &[Position], approver: &Approver) -> Result<Vec<Signed>, RuntimeError> {
        let by = approver.by()?;
        let Some(key) = &approver.key else {
            return Ok(ids.chunks(NAMED_MAX).map(|ids| (ids.to_vec(), None)).collect());
        };
        let verifier = key.verifier();
        if !self.keys_of(by)?.contains(&verifier) {
            return Err(RuntimeError::Denied(format!(
                "the key is not one of `{by}`'s: `fonds access key add {by} --key '{verifier}'` makes it one"
            )));
        }
        let mut parts = Vec::new();
        for ids in ids.chunks(NAMED_MAX) {
            let proposals = self.with_digests(ids)?;
            let text = signed_text(self.log().origin(), verb, by, approver.who.reason.as_deref(), &proposals);
            let note = key.sign(&text);
            let line = note.lines().last().map(str::to_owned);
            parts.push((ids.to_vec(), line));
        }
        Ok(parts)
    }

    /// Proposals with the digests of their items.
    fn with_digests(&self, ids: &[Position]) -> Result<Vec<(Position, Digest)>, RuntimeError> {
        let mut proposals = Vec::with_capacity(ids.len());
        let mut entry = None;
        for id in ids {
            if entry.as_ref().is_none_or(|entry: &fonds_model::Entry| entry.seq != id.seq) {
                entry = Some(self.entry(id.seq)?);
            }
            let item = entry.as_ref().and_then(|entry| entry.items.get(usize::from(id.item)));
            let item = item.ok_or_else(|| RuntimeError::NotFound(format!("no disposition `{id}`")))?;
            proposals.push((*id, item.digest));
        }
        Ok(proposals)
    }
}

fn preview_of(found: &[Disposition]) -> Preview {
    let mut preview = Preview {
        dispositions: found.len(),
        by_action: BTreeMap::new(),
        by_agency: BTreeMap::new(),
        by_series: BTreeMap::new(),
        shortened: 0,
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    for proposed in found.iter().map(|found| &found.proposed) {
        *preview.by_action.entry(proposed.action.as_str()).or_default() += 1;
        let agency = or_none(proposed.agency.as_ref().map(ToString::to_string));
        *preview.by_agency.entry(agency).or_default() += 1;
        *preview.by_series.entry(or_none(proposed.series.clone())).or_default() += 1;
        preview.shortened += usize::from(!proposed.shortened_by.is_empty());
    }
    preview
}

fn signing(approver: &Approver) -> Who {
    let assurance = if approver.key.is_some() { Assurance::Signed } else { Assurance::Asserted };
    Who { by_assurance: Some(assurance), ..approver.who.clone() }
}
