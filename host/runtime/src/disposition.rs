//! Dispositions: what policies decided is proposed, approved by people, and carried out by the host.
//!
//! INVARIANT (checked at the end): what cannot be undone is checked once more where the log ends, and the entry that says
//! that it is being done stands there before any content goes.

mod approve;
mod execute;
mod keeping;
mod propose;
mod settings;

pub use approve::{Approved, Approver, Preview, ReviewTold};
pub use execute::{Contents, ExecuteTold, Executed, ExecutedOne, HandOver};
pub use keeping::{Keeping, Packages};
pub use settings::{SettingAnswer, SettingsAnswer};

pub(crate) use propose::{Proposed, outlook};

use crate::{Runtime, RuntimeError};
use fonds_model::body::{DispositionProposed, Proposal, Step, Who};
use fonds_model::{EntityId, PartialDate, Position};
use fonds_policy::disposition::{Course, Settings, State};
use fonds_views::register::{self, Disposition};
use jiff::civil::Date;
use serde::Serialize;

/// What is done about a proposal, for fonds-policy to judge.
pub(crate) fn course(disposition: &Disposition) -> Course<'_> {
    let proposed = &disposition.proposed;
    Course { action: proposed.action, proposer: proposed.who.by.as_deref(), acts: &disposition.acts }
}

/// A proposal that says nothing yet but what is to be done, with what, and by whom.
pub(crate) fn proposal(action: Proposal, records: Vec<EntityId>, who: Who) -> DispositionProposed {
    DispositionProposed {
        action,
        records,
        items: Vec::new(),
        destroys: None,
        rests_on: Vec::new(),
        due: None,
        not_after: None,
        agency: None,
        series: None,
        rule: Vec::new(),
        destination: None,
        shortened_by: Vec::new(),
        survivors: Vec::new(),
        recipients: Vec::new(),
        more: false,
        who,
    }
}

/// One thing that was done about a proposal.
#[derive(Debug, Clone, Serialize)]
pub struct ActAnswer {
    /// `approved`, `rejected`, `lapsed`, `too-late`, `executing`, `executed`, `reviewed`, `destroyed`, `transferred`.
    pub step: &'static str,
    /// The entry that says so.
    pub seq: u64,
    /// The item within it.
    pub item: u16,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// `asserted`, `authenticated` or `signed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_assurance: Option<fonds_model::body::Assurance>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A disposition, and how far it has come.
#[derive(Debug, Clone, Serialize)]
pub struct DispositionAnswer {
    /// The item that proposed it: `SEQ/ITEM`.
    pub id: String,
    /// `proposed`, `approved`, `executing`, `waiting`, `deleted`, `handed-over`, `done`, `rejected`, `lapsed`.
    pub state: &'static str,
    /// `destroy`, `transfer`, `review`, `keep`, `erase`.
    pub action: &'static str,
    /// The record.
    pub record: Option<EntityId>,
    /// The first day on which it may be carried out.
    pub due: Option<PartialDate>,
    /// The law allows the record no longer than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<PartialDate>,
    /// The responsible agency.
    pub agency: Option<String>,
    /// Its series.
    pub series: Option<String>,
    /// The rule that says so.
    pub rule: Vec<String>,
    /// The decisions that it rests on.
    pub rests_on: Vec<String>,
    /// The entries that made its term sooner than it was said before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shortened_by: Vec<String>,
    /// The archive that is to have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// What was derived from it and lives on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub survivors: Vec<EntityId>,
    /// Those with whom it was shared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// There are more survivors or recipients than are named.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// Where the content lies that is being deleted, while it is under way: what an agency's own system is asked to delete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<String>,
    /// Who proposed it; none: the host, because a policy decided so.
    pub by: Option<String>,
    /// Those whose approval counts.
    pub approved_by: Vec<String>,
    /// So many more approvals are wanted.
    pub approvals_wanted: usize,
    /// What was done about it, in the order of the log.
    pub acts: Vec<ActAnswer>,
    /// The log size that this reflects.
    pub log_size: u64,
}

/// Which dispositions `disposition list` shows.
#[derive(Debug, Clone, Default)]
pub struct DispositionFilter {
    /// Due on or before this date.
    pub due_by: Option<Date>,
    /// Of this agency and all below it.
    pub agency: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// In this state; those that have not ended when none is said.
    pub state: Option<String>,
    /// Of this series.
    pub series: Option<String>,
    /// Of this record.
    pub record: Option<String>,
}

impl DispositionFilter {
    fn wants_ended(&self) -> bool {
        self.record.is_some() || matches!(self.state.as_deref(), Some("done" | "rejected" | "lapsed" | "all"))
    }

    fn matches(&self, found: &Disposition, state: State) -> bool {
        let proposed = &found.proposed;
        let is = |wanted: &Option<String>, has: Option<&str>| wanted.is_none() || wanted.as_deref() == has;
        let of_agency = self
            .agency
            .as_ref()
            .is_none_or(|above| proposed.agency.as_ref().is_some_and(|agency| agency.is_within(above)));
        let due = self.due_by.is_none_or(|by| proposed.due.is_some_and(|due| due.last_day() <= by));
        let in_state = self.state.as_deref() == Some("all") || is(&self.state, Some(state.as_str()));
        let record = found.record().map(EntityId::as_str);
        due && of_agency
            && in_state
            && is(&self.action, Some(proposed.action.as_str()))
            && is(&self.series, proposed.series.as_deref())
            && is(&self.record, record)
    }
}

impl Runtime {
    /// The dispositions that a filter lets through, oldest first; each is handed to `show` as it is found.
    ///
    /// # Errors
    /// When the views cannot be read, or `show` fails.
    pub fn dispositions<E: From<RuntimeError>>(
        &self,
        filter: &DispositionFilter,
        show: &mut dyn FnMut(DispositionAnswer) -> Result<(), E>,
    ) -> Result<(), E> {
        let settings = self.settings()?;
        let found: Box<dyn Iterator<Item = Result<Disposition, fonds_views::ViewError>>> = if filter.wants_ended() {
            Box::new(register::dispositions(self.rows()))
        } else {
            Box::new(register::open_dispositions(self.rows()))
        };
        for found in found {
            let found = found.map_err(RuntimeError::from)?;
            if filter.matches(&found, course(&found).state(&settings)) {
                show(self.disposition_answer(&found, &settings)?)?;
            }
        }
        Ok(())
    }

    /// One disposition.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when there is none of that id.
    pub fn disposition(&self, id: Position) -> Result<DispositionAnswer, RuntimeError> {
        self.disposition_answer(&self.found_disposition(id)?, &self.settings()?)
    }

    pub(crate) fn found_disposition(&self, id: Position) -> Result<Disposition, RuntimeError> {
        register::disposition(self.rows(), id)?.ok_or_else(|| {
            RuntimeError::NotFound(format!("no disposition `{id}`: see `fonds disposition list --state all`"))
        })
    }

    fn disposition_answer(&self, found: &Disposition, settings: &Settings) -> Result<DispositionAnswer, RuntimeError> {
        let course = course(found);
        let is_under_way = matches!(course.state(settings), State::Executing | State::Waiting);
        let begun = if is_under_way { self.begun(found)? } else { None };
        let proposed = found.proposed.clone();
        let approvals = course.approvals(settings);
        let texts = |positions: &[Position]| positions.iter().map(ToString::to_string).collect();
        Ok(DispositionAnswer {
            id: found.id.to_string(),
            state: course.state(settings).as_str(),
            action: proposed.action.as_str(),
            record: found.record().cloned(),
            due: proposed.due,
            not_after: proposed.not_after,
            agency: proposed.agency.map(String::from),
            series: proposed.series,
            rule: proposed.rule,
            rests_on: texts(&proposed.rests_on),
            shortened_by: texts(&proposed.shortened_by),
            destination: proposed.destination,
            survivors: proposed.survivors,
            recipients: proposed.recipients,
            more: proposed.more,
            contents: begun.map(|begun| begun.contents).unwrap_or_default(),
            by: proposed.who.by,
            approvals_wanted: settings.approvals.saturating_sub(approvals.len()),
            approved_by: approvals.into_iter().filter_map(|act| act.by.clone()).collect(),
            acts: found.acts.iter().map(act_answer).collect(),
            log_size: self.log_size(),
        })
    }
}

fn act_answer(act: &fonds_model::body::Act) -> ActAnswer {
    let step = match act.step {
        Step::Approved => "approved",
        Step::Rejected => "rejected",
        Step::Lapsed => "lapsed",
        Step::TooLate => "too-late",
        Step::Executing | Step::ExecutingOutside => "executing",
        Step::Executed => "executed",
        Step::Reviewed => "reviewed",
        Step::Destroyed => "destroyed",
        Step::Transferred => "transferred",
    };
    ActAnswer {
        step,
        seq: act.position.seq,
        item: act.position.item,
        by: act.by.clone(),
        by_assurance: act.by_assurance,
        why: act.why.clone(),
    }
}
