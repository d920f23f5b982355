//! What is due is proposed, and what no longer stands lapses: the last step of a sweep.

use super::{course, proposal};
use crate::facts::{Shared, rests_on};
use crate::judging::{Judged, Judging};
use crate::{Runtime, RuntimeError};
use fonds_log::Ticket;
use fonds_model::body::{DispositionLapsed, DispositionProposed, Proposal, SURVIVORS_MAX, Step, Who};
use fonds_model::{Action, AgencyPath, EntityId, Kind, Position};
use fonds_policy::disposition::{Settings, State};
use fonds_policy::request::CASES_MAX;
use fonds_views::register::{self, Disposition, Record, Told};
use fonds_views::{ViewError, lineage};
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeSet;

/// Derivations are followed so many hops down for what a proposal names as surviving.
const SURVIVORS_DEPTH: u32 = 20;

/// So many entries may wait for the disk at once.
const TICKETS_MAX: usize = 64;

/// What a sweep did about dispositions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Proposed {
    pub(crate) proposed: u64,
    pub(crate) lapsed: u64,
}

/// What would become of a record on a date.
pub(crate) struct Outlook {
    pub(crate) judged: Judged,
    pub(crate) rests_on: Vec<Position>,
    /// What is to be done once it is due.
    pub(crate) action: Option<Proposal>,
}

/// What is to be done with a record once it is due.
pub(crate) fn outlook(judged: &Judged) -> Option<Proposal> {
    let has_left = matches!(judged.facts.state, register::State::Transferred | register::State::Archived);
    judged.effective.action.map(|action| match action {
        // The archive has it: what is left here is the sender's copy.
        Action::Transfer if has_left => Proposal::Destroy,
        action => Proposal::from(action),
    })
}

impl Outlook {
    pub(crate) fn of(judging: &Judging<'_>, record: Record) -> Result<Self, ViewError> {
        let judged = judging.judge(record)?;
        let action = outlook(&judged);
        Ok(Self { rests_on: rests_on(&judged.looked.decisions), judged, action })
    }

    /// Why a proposal does not stand any more, if so.
    fn against(&self, proposed: &DispositionProposed, on: Date) -> Option<String> {
        if self.judged.facts.destroyed.is_some() {
            return Some("the record was destroyed".to_owned());
        }
        // INVARIANT (hold wins): whatever else is right, a hold is enough.
        if let Some(hold) = self.judged.effective.blocked_by.iter().find(|why| why.starts_with("hold:")) {
            return Some(hold.clone());
        }
        if self.rests_on != proposed.rests_on {
            return Some("the decisions that it rests on are no longer in force".to_owned());
        }
        if !self.judged.effective.is_executable(on.into()) {
            let until = self.judged.effective.due.map(|due| format!("due on {due}"));
            let why: Vec<String> = until.into_iter().chain(self.judged.effective.blocked_by.iter().cloned()).collect();
            return Some(format!("the record is not due: {}", why.join(", ")));
        }
        (self.action != Some(proposed.action)).then(|| {
            let now = self.action.map_or("nothing", Proposal::as_str);
            format!("the record is to {now}, and no longer to {}", proposed.action.as_str())
        })
    }
}

/// Entries of one kind with an item a record, on their way into the log.
pub(crate) struct Entries<'a> {
    runtime: &'a Runtime,
    kind: Kind,
    payloads: Vec<Vec<u8>>,
    tickets: std::collections::VecDeque<Ticket>,
}

impl<'a> Entries<'a> {
    pub(crate) fn new(runtime: &'a Runtime, kind: Kind) -> Self {
        Self { runtime, kind, payloads: Vec::new(), tickets: std::collections::VecDeque::new() }
    }

    /// Adds an item about a record.
    pub(crate) fn add<T: Serialize>(
        &mut self,
        record: Option<&EntityId>,
        by: Option<&str>,
        body: &T,
    ) -> Result<(), RuntimeError> {
        self.payloads.push(self.runtime.own_item(record, by, body)?);
        if self.payloads.len() == CASES_MAX { self.submit() } else { Ok(()) }
    }

    fn submit(&mut self) -> Result<(), RuntimeError> {
        let payloads = std::mem::take(&mut self.payloads);
        if payloads.is_empty() {
            return Ok(());
        }
        let log = self.runtime.log();
        let prepared = log.prepare(self.kind, payloads, None)?;
        self.tickets.push_back(log.stage(vec![prepared]).submit()?);
        if self.tickets.len() >= TICKETS_MAX
            && let Some(ticket) = self.tickets.pop_front()
        {
            ticket.wait()?;
        }
        Ok(())
    }

    /// Waits until all of them are durable and applied.
    pub(crate) fn finish(mut self) -> Result<(), RuntimeError> {
        self.submit()?;
        for ticket in self.tickets {
            ticket.wait()?;
        }
        self.runtime.catch_up()
    }
}

impl Runtime {
    /// Lapses what no longer stands on a date, and proposes what is due by then.
    pub(crate) fn propose_due(&self, as_of: Date) -> Result<Proposed, RuntimeError> {
        let settings = self.settings()?;
        let lapsed = self.lapse_fallen(as_of, &settings)?;
        let shared = Shared::load(self.rows(), as_of, None)?;
        let judging = Judging::new(&shared)?;
        let mut entries = Entries::new(self, Kind::DispositionProposed);
        let mut seen = BTreeSet::new();
        let mut proposed = 0;
        for due in register::due(self.rows(), as_of) {
            let (_, id) = due?;
            if !seen.insert(id.clone()) {
                continue;
            }
            if let Some(body) = self.proposal_for(&judging, &id, as_of)? {
                entries.add(Some(&id), None, &body)?;
                proposed += 1;
            }
        }
        entries.finish()?;
        Ok(Proposed { proposed, lapsed })
    }

    /// What is to be proposed about a record now, if anything.
    fn proposal_for(
        &self,
        judging: &Judging<'_>,
        id: &EntityId,
        as_of: Date,
    ) -> Result<Option<DispositionProposed>, RuntimeError> {
        let shared = judging.shared;
        let newest = register::newest_of(self.rows(), id)?;
        if newest.as_ref().is_some_and(|newest| !newest.has_ended()) {
            return Ok(None);
        }
        let Some(record) = register::record_on(self.rows(), id, shared.seq, as_of)? else { return Ok(None) };
        let stands = shared.agency(record.agency()).and_then(|agency| AgencyPath::new(agency.path.as_str()).ok());
        // An agency that nobody defined is the one that was named.
        let agency = stands.or_else(|| record.agency().cloned());
        let Outlook { judged, rests_on, action } = Outlook::of(judging, record)?;
        let effective = judged.effective;
        let Some(action) = action.filter(|_| effective.is_executable(as_of.into())) else {
            return Ok(None);
        };
        if judged.facts.destroyed.is_some() || newest.is_some_and(|newest| is_answered(&newest, action, &rests_on)) {
            return Ok(None);
        }
        let (survivors, recipients, more) = self.survivors(id)?;
        let shortened = judged.looked.decisions.iter().filter_map(|decision| decision.shortened_by.clone()).flatten();
        Ok(Some(DispositionProposed {
            rests_on,
            due: effective.due,
            not_after: effective.not_after,
            agency,
            series: judged.series.map(String::from),
            rule: judged.rule.iter().map(|rule| rule.rule.authority.clone()).collect(),
            destination: effective.plan.map(|plan| plan.destination),
            shortened_by: shortened.collect::<BTreeSet<_>>().into_iter().collect(),
            survivors,
            recipients,
            more,
            ..proposal(action, vec![id.clone()], Who::default())
        }))
    }

    /// What was derived from a record and lives on, and with whom it was shared.
    pub(crate) fn survivors(&self, id: &EntityId) -> Result<(Vec<EntityId>, Vec<String>, bool), RuntimeError> {
        let (derived, mut more) = lineage::descendants(self.rows(), id, SURVIVORS_DEPTH, None)?;
        let mut survivors = Vec::new();
        for (entity, _) in derived {
            if survivors.len() == SURVIVORS_MAX {
                more = true;
                break;
            }
            let record = register::record(self.rows(), &entity, None)?;
            if record.is_none_or(|record| record.facts_logged().destroyed.is_none()) {
                survivors.push(entity);
            }
        }
        let mut recipients = BTreeSet::new();
        for access in register::accesses(self.rows(), id, None)? {
            if let Told::Accessed { with: Some(with), .. } = access.told {
                recipients.insert(with);
            }
        }
        more |= recipients.len() > SURVIVORS_MAX;
        Ok((survivors, recipients.into_iter().take(SURVIVORS_MAX).collect(), more))
    }

    /// Why a proposal does not stand on a date, if so.
    pub(crate) fn why_lapsed(
        &self,
        judging: &Judging<'_>,
        found: &Disposition,
    ) -> Result<Option<String>, RuntimeError> {
        let shared = judging.shared;
        let Some(id) = found.record() else { return Ok(None) };
        let Some(record) = register::record_on(self.rows(), id, shared.seq, shared.as_of)? else {
            return Ok(Some("there is no such record any more".to_owned()));
        };
        Ok(Outlook::of(judging, record)?.against(&found.proposed, shared.as_of))
    }

    /// Lapses the open proposals that no longer stand on a date.
    fn lapse_fallen(&self, as_of: Date, settings: &Settings) -> Result<u64, RuntimeError> {
        let shared = Shared::load(self.rows(), as_of, None)?;
        let judging = Judging::new(&shared)?;
        let mut fallen = Vec::new();
        for found in register::open_dispositions(self.rows()) {
            let found = found?;
            let state = course(&found).state(settings);
            if found.proposed.action != Proposal::Erase
                && matches!(state, State::Proposed | State::Approved)
                && let Some(why) = self.why_lapsed(&judging, &found)?
            {
                fallen.push((found, why));
            }
        }
        self.lapse(&fallen)?;
        Ok(fallen.len() as u64)
    }

    /// Lapses what a new hold catches, and says of what is past return that the hold came too late.
    pub(crate) fn lapse_held(&self) -> Result<Vec<(Position, bool)>, RuntimeError> {
        let settings = self.settings()?;
        let open = register::open_dispositions(self.rows()).collect::<Result<Vec<_>, _>>()?;
        let mut of_record: Vec<Disposition> = open
            .into_iter()
            .filter(|found| found.record().is_some() && found.proposed.action != Proposal::Erase)
            .collect();
        of_record.sort_by_key(|found| found.id);
        let ids: Vec<EntityId> = of_record.iter().filter_map(|found| found.record().cloned()).collect();
        let mut entries = Entries::new(self, Kind::DispositionLapsed);
        let mut told = Vec::new();
        for (found, held) in of_record.iter().zip(self.holds_on_all(&ids)?) {
            let too_late = course(found).state(&settings).is_past_return();
            let known = found.acts.iter().filter(|act| act.step == Step::TooLate).filter_map(|act| act.why.as_deref());
            let known: BTreeSet<&str> = known.collect();
            let Some(held) = held.iter().find(|held| !known.contains(format!("hold:{}", held.hold).as_str())) else {
                continue;
            };
            let why = format!("hold:{}", held.hold);
            let body = DispositionLapsed { disposition: found.id, why, too_late, who: Who::default() };
            entries.add(found.record(), None, &body)?;
            told.push((found.id, too_late));
        }
        entries.finish()?;
        Ok(told)
    }

    /// Says that proposals no longer stand, and why.
    pub(crate) fn lapse(&self, fallen: &[(Disposition, String)]) -> Result<(), RuntimeError> {
        let mut entries = Entries::new(self, Kind::DispositionLapsed);
        for (found, why) in fallen {
            let (disposition, why) = (found.id, why.clone());
            let body = DispositionLapsed { disposition, why, too_late: false, who: Who::default() };
            entries.add(found.record(), None, &body)?;
        }
        entries.finish()
    }
}

/// Whether people have answered just this proposal: rejected it, or had it carried out.
fn is_answered(newest: &Disposition, action: Proposal, rests_on: &[Position]) -> bool {
    let is_same = newest.proposed.action == action && newest.proposed.rests_on == rests_on;
    // A review that keeps a record longer is asked for again when that ends.
    is_same && newest.acts.iter().all(|act| !matches!(act.step, Step::Lapsed | Step::Reviewed))
}
