//! Erasing: proposed, approved by another person, checked at the end of the log, and only then done.
//!
//! INVARIANT (no back door): every erasure passes the hold check and the approvals; decisions, holds, approvals, schedules
//! and erasures are not erasable; an item that tells of several records goes only when all of them may go.

use crate::judging::HoldsNow;
use crate::{Runtime, RuntimeError};
use fonds_log::ERASED_ITEMS_MAX;
use fonds_model::body::{
    Closed, DispositionApproved, DispositionProposed, ErasedItem, LogErased, Proposal, RecordStub, Who,
};
use fonds_model::{EntityId, Kind, Position, Seq, openlineage, stub};
use fonds_views::Rows;
use fonds_views::register::{self, APPROVALS_MIN, BackupKept, Erasure};
use serde::Serialize;
use std::collections::BTreeSet;

/// What `log erase` is told.
#[derive(Debug, Clone, Default)]
pub struct EraseTold {
    /// Items by their place.
    pub items: Vec<Position>,
    /// A record that is to go whole.
    pub record: Option<String>,
    /// Who proposes it, on which authority, and why.
    pub who: Who,
}

/// How far an erasure has come.
#[derive(Debug, Clone, Serialize)]
pub struct ErasureAnswer {
    /// The entry that proposed it.
    pub proposal: Seq,
    /// `proposed` until it is approved, `pending` while something stands against it, `erased` once all of it is gone.
    pub state: &'static str,
    /// What stands against it.
    pub pending: Vec<String>,
    /// The items whose content is to go, or is gone.
    pub items: Vec<String>,
    /// The records that it was proposed for.
    pub records: Vec<EntityId>,
    /// Who proposed it.
    pub by: Option<String>,
    /// The authority that it rests on.
    pub authority: Option<String>,
    /// Who approved it.
    pub approved_by: Vec<String>,
    /// The entries that erased it.
    pub erased_by: Vec<Seq>,
    /// Backups that still hold some of it: what is erased here goes there with the next backup into the same folder.
    pub backups: Vec<BackupKept>,
    /// The log's size.
    pub log_size: u64,
}

/// What may go now, and what stands against the rest.
struct Judged {
    may: Vec<Position>,
    pending: BTreeSet<String>,
}

impl Runtime {
    /// Proposes to erase the content of items, or all that the log holds of a record.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`] when an item cannot be erased or nothing is named; [`RuntimeError::NotFound`] when it is
    /// not there.
    pub fn propose_erasure(&self, told: EraseTold) -> Result<ErasureAnswer, RuntimeError> {
        if told.who.by.as_deref().is_none_or(str::is_empty) || told.who.authority.as_deref().is_none_or(str::is_empty) {
            return Err(RuntimeError::Invalid(
                "an erasure says who and on which authority: --by, --authority".to_owned(),
            ));
        }
        let destroys = told.record.map(EntityId::new).transpose()?;
        let mut items: BTreeSet<Position> = BTreeSet::new();
        let mut records: BTreeSet<EntityId> = destroys.iter().cloned().collect();
        for item in told.items {
            self.check_erasable(item)?;
            records.extend(self.told_of(item)?);
            items.insert(item);
        }
        if let Some(id) = &destroys {
            items.extend(self.left_of(id)?);
        }
        // What puts an item right says again what it said, and so on.
        for id in &records {
            let history = register::history(self.rows(), id, None)?;
            for fact in history {
                let is_beside = fact.target().is_some_and(|target| items.contains(&target));
                if is_beside && self.check_erasable(fact.position).is_ok() {
                    items.insert(fact.position);
                }
            }
        }
        if items.is_empty() {
            return Err(RuntimeError::NotFound(
                "there is nothing to erase: --item SEQ[/ITEM] or --record ID".to_owned(),
            ));
        }
        if items.len() > ERASED_ITEMS_MAX {
            let why = format!("{} items are more than {ERASED_ITEMS_MAX}: erase them in several steps", items.len());
            return Err(RuntimeError::Invalid(why));
        }
        let by = told.who.by.clone();
        let body = DispositionProposed {
            action: Proposal::Erase,
            items: items.into_iter().collect(),
            records: records.into_iter().collect(),
            destroys,
            who: told.who,
        };
        let entry = self.append_body(Kind::DispositionProposed, by.as_deref(), &body)?;
        self.erasure(entry.seq)
    }

    /// Approves a proposal, and carries it out if nothing stands against it.
    ///
    /// # Errors
    /// [`RuntimeError::Denied`] when the proposer approves; [`RuntimeError::NotFound`] when there is no such proposal.
    pub fn approve_erasure(&self, proposal: Seq, who: Who) -> Result<ErasureAnswer, RuntimeError> {
        let erasure = self.proposal(proposal)?;
        let by = who.by.clone().filter(|by| !by.is_empty());
        let by = by.ok_or_else(|| RuntimeError::Invalid("an approval says by whom: --by NAME".to_owned()))?;
        if erasure.by.as_ref() == Some(&by) {
            let why = format!("`{by}` proposed it: another person approves");
            return Err(RuntimeError::Denied(why));
        }
        if erasure.approvals.iter().all(|(known, _)| *known != by) {
            self.append_body(Kind::DispositionApproved, Some(&by), &DispositionApproved { proposal, who })?;
        }
        self.carry_out_erasure(proposal)
    }

    /// Carries out what is approved and nothing stands against; the rest goes on waiting.
    ///
    /// # Errors
    /// When the log refuses, or something came in between.
    pub fn carry_out_erasure(&self, proposal: Seq) -> Result<ErasureAnswer, RuntimeError> {
        let erasure = self.proposal(proposal)?;
        let judged = self.judge(&erasure)?;
        if !judged.may.is_empty() {
            self.erase(&erasure, &judged.may)?;
        }
        let erasure = self.proposal(proposal)?;
        if let Some(id) = erasure.destroys.as_ref().filter(|_| erasure.left().next().is_none()) {
            self.destroyed(id, &erasure)?;
        }
        self.erasure(proposal)
    }

    /// The items that tell of a record and still have their content.
    fn left_of(&self, id: &EntityId) -> Result<Vec<Position>, RuntimeError> {
        let history = register::history(self.rows(), id, None)?;
        let items: BTreeSet<Position> = history.iter().map(|fact| fact.position).collect();
        Ok(items.into_iter().filter(|item| self.check_erasable(*item).is_ok()).collect())
    }

    fn erase(&self, erasure: &Erasure, items: &[Position]) -> Result<(), RuntimeError> {
        let mut erased = Vec::with_capacity(items.len());
        for position in items {
            let entry = self.entry(position.seq)?;
            let item = entry.items.get(usize::from(position.item));
            let Some((item, content)) = item.and_then(|item| item.content.as_ref().map(|content| (item, content)))
            else {
                continue;
            };
            let stub = stub::of(entry.kind, &content.payload).and_then(|stub| String::from_utf8(stub).ok());
            let (seq, digest) = (position.seq, item.digest);
            erased.push(ErasedItem { seq, item: position.item, kind: entry.kind, digest, stub });
        }
        let mut records = Vec::new();
        for id in &erasure.records {
            records.push(self.record_stub(id)?);
        }
        let by = erasure.by.clone();
        let body = LogErased {
            proposal: erasure.proposal,
            approved_by: erasure.approvals.iter().map(|(by, _)| by.clone()).collect(),
            items: erased,
            records,
            who: Who { authority: erasure.authority.clone(), ..crate::admin::who(by.clone()) },
        };
        let payload = self.own_envelope(by.as_deref()).with_body(&crate::admin::json(&body)?);
        let prepared = self.log().prepare(Kind::LogErased, vec![payload], None)?;
        // A hold may have come since it was judged: at the end of the log nothing comes any more.
        self.log().erase(prepared, items, |_| {
            let now = self.proposal(erasure.proposal).map_err(|error| error.to_string())?;
            let judged = self.judge(&now).map_err(|error| error.to_string())?;
            let all = items.iter().all(|item| judged.may.contains(item));
            if all { Ok(()) } else { Err(judged.pending.into_iter().collect::<Vec<_>>().join("; ")) }
        })?;
        Ok(())
    }

    fn destroyed(&self, id: &EntityId, erasure: &Erasure) -> Result<(), RuntimeError> {
        let known = register::lifecycle(self.rows(), id, None)?;
        if known.iter().any(|fact| fact.kind == Kind::RecordDestroyed) || !self.left_of(id)?.is_empty() {
            return Ok(());
        }
        let mut envelope = self.own_envelope(erasure.by.as_deref());
        envelope.subject = Some(id.clone());
        let who = Who { authority: erasure.authority.clone(), ..crate::admin::who(erasure.by.clone()) };
        let payload = envelope.with_body(&crate::admin::json(&Closed { who })?);
        let prepared = self.log().prepare(Kind::RecordDestroyed, vec![payload], None)?;
        // An event that came since must not be said to be gone.
        self.log().append_checked(prepared, |_| match self.left_of(id) {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) => Err(came_since(left.len())),
            Err(error) => Err(error.to_string()),
        })?;
        self.catch_up()
    }

    /// What of a proposal may go now: approved for every record that the item tells of, and none of them on hold.
    fn judge(&self, erasure: &Erasure) -> Result<Judged, RuntimeError> {
        let (today, all) = (self.shared_today()?, register::erasures(self.rows())?);
        let holds = HoldsNow::new(&today);
        let mut judged = Judged { may: Vec::new(), pending: BTreeSet::new() };
        if !erasure.is_approved() {
            judged.pending.insert(format!("{} of {APPROVALS_MIN} approvals", erasure.approvals.len()));
            return Ok(judged);
        }
        for item in erasure.left() {
            let against = self.against(item, &holds, &all)?;
            if against.is_empty() {
                judged.may.push(item);
            }
            judged.pending.extend(against);
        }
        Ok(judged)
    }

    /// What stands against the erasure of an item.
    fn against(&self, item: Position, holds: &HoldsNow<'_>, all: &[Erasure]) -> Result<Vec<String>, RuntimeError> {
        let mut against = Vec::new();
        for id in self.told_of(item)? {
            against.extend(holds.on(&id)?.into_iter().map(|held| format!("hold:{} on `{id}`", held.hold)));
            let approved = |erasure: &&Erasure| {
                erasure.is_approved() && erasure.items.contains(&item) && erasure.records.contains(&id)
            };
            if !all.iter().any(|erasure| approved(&erasure)) {
                against.push(format!("item {item} also tells of `{id}`, whose erasure is not approved"));
            }
        }
        Ok(against)
    }

    /// The records that an item tells of; of an OpenLineage event, all its datasets that are records.
    fn told_of(&self, item: Position) -> Result<Vec<EntityId>, RuntimeError> {
        let mut ids: BTreeSet<EntityId> = register::records_of(self.rows(), item)?.into_iter().collect();
        let entry = self.entry(item.seq)?;
        let content = entry.items.get(usize::from(item.item)).and_then(|item| item.content.as_ref());
        let read = content.and_then(|content| content.split().ok());
        if let Some((_, body)) = read.filter(|(envelope, _)| envelope.format == fonds_model::Format::OpenLineage)
            && let Ok((_, lineage)) = openlineage::read(body)
        {
            for dataset in lineage.inputs.into_iter().chain(lineage.outputs) {
                if is_record(self.rows(), &dataset.id)? {
                    ids.insert(dataset.id);
                }
            }
        }
        Ok(ids.into_iter().collect())
    }

    fn check_erasable(&self, item: Position) -> Result<(), RuntimeError> {
        let entry = self.entry(item.seq)?;
        let found = entry.items.get(usize::from(item.item));
        let found =
            found.ok_or_else(|| RuntimeError::NotFound(format!("entry {} has no item {}", item.seq, item.item)))?;
        if !stub::is_erasable(entry.kind) {
            let why = format!(
                "entry {} is a `{}`: decisions, holds, approvals, schedules, erasures and all else of the host's own are kept",
                item.seq, entry.kind
            );
            return Err(RuntimeError::Denied(why));
        }
        match &found.erased {
            None => Ok(()),
            Some(erased) => {
                Err(RuntimeError::Invalid(format!("item {item} was erased already, by entry {}", erased.by)))
            }
        }
    }

    /// What practice remembers of a record.
    fn record_stub(&self, id: &EntityId) -> Result<RecordStub, RuntimeError> {
        let record = match self.record(id.as_str(), None, None) {
            Err(RuntimeError::NotFound(_)) => return Ok(RecordStub { id: id.to_string(), ..RecordStub::default() }),
            record => record?,
        };
        let reasons = record.decisions.values().flat_map(|decision| &decision.reasons);
        let mut rule: Vec<String> = reasons.filter_map(|reason| reason.authority.clone()).collect();
        rule.sort_unstable();
        rule.dedup();
        Ok(RecordStub {
            id: record.id,
            agency: record.agency,
            creator: record.creator,
            series: record.series,
            created: record.created,
            closed: record.closed,
            label: record.label,
            action: record.effective.action,
            rule,
        })
    }

    fn proposal(&self, proposal: Seq) -> Result<Erasure, RuntimeError> {
        let missing =
            || RuntimeError::NotFound(format!("entry {proposal} proposes no erasure: see `fonds log erase --list`"));
        register::erasure(self.rows(), proposal)?.ok_or_else(missing)
    }

    /// How far an erasure has come.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when there is no such proposal.
    pub fn erasure(&self, proposal: Seq) -> Result<ErasureAnswer, RuntimeError> {
        let erasure = self.proposal(proposal)?;
        let mut judged = self.judge(&erasure)?;
        if let Some(id) = erasure.destroys.as_ref().filter(|_| erasure.left().next().is_none()) {
            let left = self.left_of(id)?.len();
            if left > 0 {
                judged.pending.insert(came_since(left));
            }
        }
        let is_gone = erasure.left().next().is_none() && judged.pending.is_empty();
        let state = match (is_gone, erasure.is_approved()) {
            (true, _) => "erased",
            (false, true) => "pending",
            (false, false) => "proposed",
        };
        let last = erasure.erased.iter().map(|(_, by)| *by).max().unwrap_or(Seq::MAX);
        let mut backups = self.backups_with(&erasure.items)?;
        backups.retain(|backup| backup.size <= last);
        let erased_by: BTreeSet<Seq> = erasure.erased.iter().map(|(_, by)| *by).collect();
        Ok(ErasureAnswer {
            proposal,
            state,
            pending: judged.pending.into_iter().collect(),
            items: erasure.items.iter().map(ToString::to_string).collect(),
            records: erasure.records,
            by: erasure.by,
            authority: erasure.authority,
            approved_by: erasure.approvals.into_iter().map(|(by, _)| by).collect(),
            erased_by: erased_by.into_iter().collect(),
            backups,
            log_size: self.log_size(),
        })
    }

    /// All proposals to erase, oldest first.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn erasures(&self) -> Result<Vec<ErasureAnswer>, RuntimeError> {
        let all = register::erasures(self.rows())?;
        all.iter().map(|erasure| self.erasure(erasure.proposal)).collect()
    }
}

fn came_since(items: usize) -> String {
    format!("{items} items of the record came after the proposal: propose to erase them too")
}

fn is_record(rows: &dyn Rows, id: &EntityId) -> Result<bool, RuntimeError> {
    Ok(register::record(rows, id, None)?.is_some())
}
