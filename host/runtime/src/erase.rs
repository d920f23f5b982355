//! Erasing: proposed, approved by another person, checked at the end of the log, and only then done.
//!
//! INVARIANT (no back door): every erasure passes the hold check and the approvals; decisions, holds, approvals, schedules
//! and erasures are not erasable; an item that tells of several records goes only when all of them may go.

use crate::disposition::{Approver, course};
use crate::effective::label_in_force;
use crate::judging::{HoldsNow, Judging};
use crate::query::written;
use crate::{Runtime, RuntimeError};
use fonds_log::ERASED_ITEMS_MAX;
use fonds_model::body::{Destroyed, DispositionProposed, ErasedItem, LogErased, Proposal, RecordStub, Who};
use fonds_model::{EntityId, Entry, Kind, Position, Seq, Trigger, openlineage, stub};
use fonds_policy::disposition::{Settings, State};
use fonds_policy::request::CASES_MAX;
use fonds_views::Rows;
use fonds_views::register::{self, BackupKept, Disposition};
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
            items: items.into_iter().collect(),
            destroys,
            ..crate::disposition::proposal(Proposal::Erase, records.into_iter().collect(), told.who)
        };
        let entry = self.append_body(Kind::DispositionProposed, by.as_deref(), &body)?;
        self.erasure(entry.seq)
    }

    /// Approves a proposal, and carries it out if nothing stands against it.
    ///
    /// # Errors
    /// [`RuntimeError::Denied`] when this person may not approve it; [`RuntimeError::NotFound`] when there is no such
    /// proposal.
    pub fn approve_erasure(&self, proposal: Seq, approver: &Approver) -> Result<ErasureAnswer, RuntimeError> {
        let erasure = self.proposal(proposal)?;
        let settings = self.settings()?;
        let counts = course(&erasure).approvals(&settings).iter().any(|act| act.by == approver.who.by);
        if !counts {
            self.approve(&[erasure.id], approver)?;
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
        if let Some(id) = &erasure.proposed.destroys
            && !erasure.has_ended()
            && self.left(&erasure)?.is_empty()
            && self.left_of(id)?.is_empty()
        {
            self.say_destroyed(&[(id.clone(), &erasure)])?;
        }
        self.erasure(proposal)
    }

    /// The items of an erasure that are still there.
    fn left(&self, erasure: &Disposition) -> Result<Vec<Position>, RuntimeError> {
        let mut left = Vec::new();
        for item in &erasure.proposed.items {
            if register::erased_by(self.rows(), *item)?.is_none() {
                left.push(*item);
            }
        }
        Ok(left)
    }

    /// The items that tell of a record and still have their content.
    pub(crate) fn left_of(&self, id: &EntityId) -> Result<Vec<Position>, RuntimeError> {
        let history = register::history(self.rows(), id, None)?;
        // Only producers' events are erasable, and what was erased has a row that says so.
        let items: BTreeSet<Position> =
            history.iter().filter(|fact| stub::is_erasable(fact.kind)).map(|fact| fact.position).collect();
        let mut left = Vec::with_capacity(items.len());
        for item in items {
            if register::erased_by(self.rows(), item)?.is_none() {
                left.push(item);
            }
        }
        Ok(left)
    }

    fn erase(&self, erasure: &Disposition, items: &[Position]) -> Result<(), RuntimeError> {
        let mut going = Vec::with_capacity(items.len());
        for position in items {
            going.extend(self.going(*position)?);
        }
        let settings = self.settings()?;
        let part = ErasedPart::of(erasure, &settings, erasure.proposed.records.clone(), going);
        // A hold may have come since it was judged: at the end of the log nothing comes any more.
        self.erase_parts(vec![part], &|_| {
            let now = self.proposal(erasure.id.seq).map_err(|error| error.to_string())?;
            let judged = self.judge(&now).map_err(|error| error.to_string())?;
            let all = items.iter().all(|item| judged.may.contains(item));
            if all { Ok(()) } else { Err(judged.pending.into_iter().collect::<Vec<_>>().join("; ")) }
        })
    }

    /// An item on its way out, read once; none when its content is gone already.
    fn going(&self, position: Position) -> Result<Option<ErasedItem>, RuntimeError> {
        Ok(going_of(&self.entry(position.seq)?, position.item))
    }

    /// Appends the entries that say what is erased, each once `check` agrees at the end of the log, and erases it.
    ///
    /// Each proposal has an item of its own, so that what tells of one record tells of no other.
    pub(crate) fn erase_parts(
        &self,
        parts: Vec<ErasedPart>,
        check: &dyn Fn(&[EntityId]) -> Result<(), String>,
    ) -> Result<(), RuntimeError> {
        let ids: Vec<EntityId> = parts.iter().flat_map(|part| part.records.iter().cloned()).collect();
        let mut stubs = self.record_stubs(&ids)?.into_iter();
        let (mut entries, mut of_entry) = (Vec::new(), Vec::new());
        let (mut payloads, mut items): (Vec<Vec<u8>>, Vec<Position>) = Default::default();
        let mut records: Vec<EntityId> = Vec::new();
        let mut bytes = 0;
        for part in parts {
            let positions = part.items.iter().map(ErasedItem::position);
            let is_full = payloads.len() == CASES_MAX || bytes > ENTRY_BYTES || items.len() > ERASED_ITEMS_MAX;
            if is_full && !payloads.is_empty() {
                let whole = std::mem::take(&mut payloads);
                entries.push((self.log().prepare(Kind::LogErased, whole, None)?, std::mem::take(&mut items)));
                of_entry.push(std::mem::take(&mut records));
                bytes = 0;
            }
            items.extend(positions);
            let by = part.who.by.clone();
            let body = LogErased {
                proposals: vec![part.proposal],
                approved_by: part.approved_by,
                items: part.items,
                records: stubs.by_ref().take(part.records.len()).collect(),
                who: part.who,
            };
            records.extend(part.records);
            let payload = self.own_envelope(by.as_deref()).with_body(&crate::admin::json(&body)?);
            bytes += payload.len();
            payloads.push(payload);
        }
        if !payloads.is_empty() {
            entries.push((self.log().prepare(Kind::LogErased, payloads, None)?, items));
            of_entry.push(records);
        }
        Ok(self.log().erase_all(entries, |place, _| of_entry.get(place).map_or(Ok(()), |records| check(records)))?)
    }

    /// Says of records that nothing of them is left, each with the disposition that destroyed it.
    ///
    /// # Errors
    /// [`RuntimeError::Log`] when an event came since: it must not be said to be gone.
    pub(crate) fn say_destroyed(&self, records: &[(EntityId, &Disposition)]) -> Result<(), RuntimeError> {
        for some in records.chunks(CASES_MAX) {
            let mut payloads = Vec::with_capacity(some.len());
            for (id, disposition) in some {
                let authority = disposition.proposed.who.authority.clone();
                let who = Who { authority, ..crate::admin::who(disposition.proposed.who.by.clone()) };
                let by = disposition.proposed.who.by.as_deref();
                payloads.push(self.own_item(Some(id), by, &Destroyed { disposition: disposition.id, who })?);
            }
            let prepared = self.log().prepare(Kind::RecordDestroyed, payloads, None)?;
            self.log().append_checked(prepared, |_| {
                some.iter().try_for_each(|(id, _)| match self.left_of(id) {
                    Ok(left) if left.is_empty() => Ok(()),
                    Ok(left) => Err(came_since(left.len())),
                    Err(error) => Err(error.to_string()),
                })
            })?;
        }
        self.catch_up()
    }

    /// What of a proposal may go now: approved for every record that the item tells of, and none of them on hold.
    fn judge(&self, erasure: &Disposition) -> Result<Judged, RuntimeError> {
        let settings = self.settings()?;
        let mut judged = Judged { may: Vec::new(), pending: BTreeSet::new() };
        let course = course(erasure);
        match course.state(&settings) {
            State::Proposed => {
                let (has, wants) = (course.approvals(&settings).len(), settings.approvals);
                judged.pending.insert(format!("{has} of {wants} approvals"));
                return Ok(judged);
            }
            ended @ (State::Rejected | State::Lapsed) => {
                judged.pending.insert(format!("it was {}", ended.as_str()));
                return Ok(judged);
            }
            _ => {}
        }
        let cleared = Cleared::load(self, settings)?;
        let today = self.shared_today()?;
        let holds = HoldsNow::new(&today);
        for item in self.left(erasure)? {
            let against = self.against(item, &holds, &cleared)?;
            if against.is_empty() {
                judged.may.push(item);
            }
            judged.pending.extend(against);
        }
        Ok(judged)
    }

    /// What stands against the erasure of an item.
    pub(crate) fn against(
        &self,
        item: Position,
        holds: &HoldsNow<'_>,
        cleared: &Cleared,
    ) -> Result<Vec<String>, RuntimeError> {
        self.against_in(&self.entry(item.seq)?, item, holds, cleared)
    }

    /// The same for an item of an entry that was read before.
    pub(crate) fn against_in(
        &self,
        entry: &Entry,
        item: Position,
        holds: &HoldsNow<'_>,
        cleared: &Cleared,
    ) -> Result<Vec<String>, RuntimeError> {
        let mut against = Vec::new();
        for id in self.told_of_in(entry, item)? {
            against.extend(holds.on(&id)?.into_iter().map(|held| format!("hold:{} on `{id}`", held.hold)));
            if !cleared.may_go(self, item, &id)? {
                against.push(format!("item {item} also tells of `{id}`, whose erasure is not approved"));
            }
        }
        Ok(against)
    }

    /// The records that an item tells of; of an OpenLineage event, all its datasets that are records.
    fn told_of(&self, item: Position) -> Result<Vec<EntityId>, RuntimeError> {
        self.told_of_in(&self.entry(item.seq)?, item)
    }

    fn told_of_in(&self, entry: &Entry, item: Position) -> Result<Vec<EntityId>, RuntimeError> {
        let mut ids: BTreeSet<EntityId> = register::records_of(self.rows(), item)?.into_iter().collect();
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

    /// What practice remembers of records.
    fn record_stubs(&self, ids: &[EntityId]) -> Result<Vec<RecordStub>, RuntimeError> {
        let shared = self.shared_today()?;
        let judging = Judging::new(&shared)?;
        let mut stubs = Vec::with_capacity(ids.len());
        for id in ids {
            let mut stub = RecordStub { id: id.to_string(), ..RecordStub::default() };
            if let Some(record) = register::record_on(self.rows(), id, None, shared.as_of)? {
                let label = label_in_force(&shared, &shared.look(record.clone())?);
                let agency = shared.agency(record.agency()).map(|agency| agency.path);
                let judged = judging.judge(record)?;
                let (record, facts) = (&judged.looked.record, &judged.facts);
                stub.agency = agency;
                stub.creator = record.own.creator.as_ref().map(ToString::to_string);
                stub.created = written(facts, &Trigger::Creation, record);
                stub.closed = written(facts, &Trigger::Closed, record);
                stub.series = judged.series.map(String::from);
                stub.label = label;
                stub.action = judged.effective.action;
                stub.rule = judged.rule.iter().map(|rule| rule.rule.authority.clone()).collect();
            }
            stubs.push(stub);
        }
        Ok(stubs)
    }

    fn proposal(&self, proposal: Seq) -> Result<Disposition, RuntimeError> {
        let found = register::disposition(self.rows(), Position { seq: proposal, item: 0 })?;
        found.filter(|found| found.proposed.action == Proposal::Erase).ok_or_else(|| {
            RuntimeError::NotFound(format!("entry {proposal} proposes no erasure: see `fonds log erase --list`"))
        })
    }

    /// How far an erasure has come.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when there is no such proposal.
    pub fn erasure(&self, proposal: Seq) -> Result<ErasureAnswer, RuntimeError> {
        let erasure = self.proposal(proposal)?;
        let settings = self.settings()?;
        let mut judged = self.judge(&erasure)?;
        let is_left = !self.left(&erasure)?.is_empty();
        if let Some(id) = erasure.proposed.destroys.as_ref().filter(|_| !is_left && !erasure.has_ended()) {
            let left = self.left_of(id)?.len();
            if left > 0 {
                judged.pending.insert(came_since(left));
            }
        }
        let course = course(&erasure);
        let state = match (course.state(&settings), !is_left && judged.pending.is_empty()) {
            (State::Rejected, _) => "rejected",
            (State::Lapsed, _) => "lapsed",
            (_, true) => "erased",
            (State::Proposed, false) => "proposed",
            _ => "pending",
        };
        let mut erased_by: BTreeSet<Seq> = BTreeSet::new();
        for item in &erasure.proposed.items {
            erased_by.extend(register::erased_by(self.rows(), *item)?);
        }
        let last = erased_by.last().copied().unwrap_or(Seq::MAX);
        let mut backups = self.backups_with(&erasure.proposed.items)?;
        backups.retain(|backup| backup.size <= last);
        Ok(ErasureAnswer {
            proposal,
            state,
            pending: judged.pending.into_iter().collect(),
            approved_by: course.approvals(&settings).into_iter().filter_map(|act| act.by.clone()).collect(),
            items: erasure.proposed.items.iter().map(ToString::to_string).collect(),
            records: erasure.proposed.records,
            by: erasure.proposed.who.by,
            authority: erasure.proposed.who.authority,
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
        let mut answers = Vec::new();
        for found in register::dispositions(self.rows()) {
            let found = found?;
            if found.proposed.action == Proposal::Erase {
                answers.push(self.erasure(found.id.seq)?);
            }
        }
        Ok(answers)
    }
}

/// An entry that erases has about so many bytes at most.
const ENTRY_BYTES: usize = 8 << 20;

/// What one proposal erases.
pub(crate) struct ErasedPart {
    proposal: Position,
    approved_by: Vec<String>,
    /// The records that it tells of.
    records: Vec<EntityId>,
    items: Vec<ErasedItem>,
    /// Who erases, and on which authority.
    who: Who,
}

impl ErasedPart {
    pub(crate) fn of(found: &Disposition, settings: &Settings, records: Vec<EntityId>, items: Vec<ErasedItem>) -> Self {
        let (authority, by) = (found.proposed.who.authority.clone(), found.proposed.who.by.clone());
        let rule = found.proposed.rule.first().cloned();
        let who = Who { authority: authority.or(rule), ..crate::admin::who(by) };
        let approvals = course(found).approvals(settings).into_iter();
        let approved_by = approvals.filter_map(|act| act.by.clone()).collect();
        Self { proposal: found.id, approved_by, records, items, who }
    }
}

/// Which records may lose what an item tells of them.
pub(crate) struct Cleared {
    settings: Settings,
    /// Erasures of single items that are approved and not all done.
    erasures: Vec<Disposition>,
}

impl Cleared {
    pub(crate) fn load(runtime: &Runtime, settings: Settings) -> Result<Self, RuntimeError> {
        let mut erasures = Vec::new();
        for open in register::open_dispositions(runtime.rows()) {
            let open = open?;
            let state = course(&open).state(&settings);
            let is_approved = state == State::Approved || state.is_past_return();
            if open.proposed.action == Proposal::Erase && is_approved {
                erasures.push(open);
            }
        }
        Ok(Self { settings, erasures })
    }

    /// Whether it is approved that an item no longer tells of a record.
    fn may_go(&self, runtime: &Runtime, item: Position, id: &EntityId) -> Result<bool, RuntimeError> {
        let names =
            |erasure: &&Disposition| erasure.proposed.items.contains(&item) && erasure.proposed.records.contains(id);
        if self.erasures.iter().any(|erasure| names(&erasure)) {
            return Ok(true);
        }
        runtime.is_being_destroyed(id, &self.settings)
    }
}

/// An item of an entry on its way out; none when its content is gone already.
pub(crate) fn going_of(entry: &Entry, item: u16) -> Option<ErasedItem> {
    let found = entry.items.get(usize::from(item))?;
    let content = found.content.as_ref()?;
    let stub = stub::of(entry.kind, &content.payload).and_then(|stub| String::from_utf8(stub).ok());
    Some(ErasedItem { seq: entry.seq, item, kind: entry.kind, digest: found.digest, stub })
}

fn came_since(items: usize) -> String {
    format!("{items} items of the record came after the proposal: propose to erase them too")
}

fn is_record(rows: &dyn Rows, id: &EntityId) -> Result<bool, RuntimeError> {
    Ok(register::record(rows, id, None)?.is_some())
}
