//! Carrying out: checked at the end of the log, said to be under way, done, proved, and only then said to be done.
//!
//! A crash anywhere leaves a disposition in a state that says how far it came, and executing it again goes on from there.

use super::propose::Entries;
use super::{DispositionAnswer, course};
use crate::erase::{Cleared, ErasedPart, going_of};
use crate::facts::Shared;
use crate::judging::{HoldsNow, Judging};
use crate::{Runtime, RuntimeError};
use fonds_log::LogError;
use fonds_model::body::{self, Deleted, DispositionExecuted, DispositionExecuting, Proposal, Transferred, Who};
use fonds_model::{Digest, EntityId, Kind, Position};
use fonds_policy::disposition::{Settings, State};
use fonds_policy::request::CASES_MAX;
use fonds_views::register::{self, Disposition};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Where records' content lies, and how it is taken away.
pub trait Contents {
    /// Whether it is in this keeping; what is not lies in an agency's own system, which is asked.
    fn has(&self, location: &str) -> bool;

    /// Deletes content and reads back that it is gone.
    ///
    /// # Errors
    /// In words, when it could not be deleted or is still there.
    fn delete(&self, location: &str) -> Result<Deleted, String>;
}

/// Hands a record over to an archive.
pub trait HandOver {
    /// Makes the package and puts it where the archive takes it from; answers where, and with its manifest's digest.
    ///
    /// # Errors
    /// In words, when it could not.
    fn hand_over(&self, disposition: &DispositionAnswer) -> Result<(String, Digest), String>;
}

/// What `disposition execute` is told.
#[derive(Default)]
pub struct ExecuteTold<'a> {
    /// Which; those that are approved, or were cut off, when `all_approved` says so.
    pub ids: Vec<Position>,
    /// All that are approved or were cut off.
    pub all_approved: bool,
    /// Who carries it out.
    pub who: Who,
    /// Where content lies.
    pub contents: Option<&'a dyn Contents>,
    /// How records are handed over.
    pub hand_over: Option<&'a dyn HandOver>,
}

/// One disposition that could not be carried out whole.
#[derive(Debug, Clone, Serialize)]
pub struct ExecutedOne {
    /// The disposition.
    pub id: String,
    /// The record.
    pub record: Option<EntityId>,
    /// How far it came.
    pub state: &'static str,
    /// Why it came no further.
    pub why: String,
}

/// What `disposition execute` did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Executed {
    /// Carried out, to the end.
    pub done: u64,
    /// Handed over: the archive's receipt is waited for.
    pub handed_over: u64,
    /// Asked of an agency's own system: its acknowledgement is waited for.
    pub waiting: u64,
    /// What they rested on no longer stood: they were not carried out.
    pub lapsed: u64,
    /// Those that were not carried out to the end, and why; the first 1,000.
    pub left: Vec<ExecutedOne>,
    /// How many those are.
    pub left_count: u64,
    /// The log's size after it.
    pub log_size: u64,
}

const LEFT_SHOWN_MAX: usize = 1_000;

/// How far the carrying out is: dispositions done, and how many there are.
pub(crate) type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// What stopped a disposition, by its id.
type Stopped = BTreeMap<Position, String>;

impl Runtime {
    /// Carries out dispositions that are approved, and those that were cut off.
    ///
    /// # Errors
    /// When the log refuses or fails; what had been carried out until then stands, and a second call goes on.
    pub fn execute(&self, told: &ExecuteTold<'_>, progress: &mut Progress<'_>) -> Result<Executed, RuntimeError> {
        let ids = self.to_execute(told)?;
        let today = self.now().date_utc();
        let mut stopped = Stopped::new();
        let fresh = self.in_states(&ids, &[State::Approved])?;
        // The decisions are made again first: what no longer stands lapses in the sweep.
        let records: BTreeSet<EntityId> = fresh.iter().filter_map(|found| found.record().cloned()).collect();
        if !records.is_empty() {
            self.evaluate_with(today, false, records, &mut |_, _| {})?;
        }
        let total = ids.len() as u64;
        progress(0, total);
        let fresh = self.in_states(&ids, &[State::Approved])?;
        self.begin(fresh, told, &mut stopped)?;
        let begun = self.in_states(&ids, &[State::Executing])?;
        self.carry_out(&begun, told, &mut stopped, progress)?;
        let deleted = self.in_states(&ids, &[State::Deleted])?;
        self.erase_records(&deleted, &mut stopped)?;
        progress(total, total);
        self.executed(&ids, &stopped)
    }

    fn to_execute(&self, told: &ExecuteTold<'_>) -> Result<Vec<Position>, RuntimeError> {
        if told.all_approved {
            let settings = self.settings()?;
            let mut ready = Vec::new();
            for open in register::open_dispositions(self.rows()) {
                let open = open?;
                let state = course(&open).state(&settings);
                let is_ready = matches!(state, State::Approved | State::Executing | State::Deleted);
                if is_ready && open.proposed.action != Proposal::Erase {
                    ready.push(open.id);
                }
            }
            return Ok(ready);
        }
        let mut ids = told.ids.clone();
        if ids.is_empty() {
            // INVARIANT (empty selects nothing).
            let why = "name what is to be carried out: ID…, --list FILE, or --approved for all that is approved";
            return Err(RuntimeError::Invalid(why.to_owned()));
        }
        ids.sort_unstable();
        ids.dedup();
        for id in &ids {
            if self.found_disposition(*id)?.proposed.action == Proposal::Erase {
                let why = format!("`{id}` erases items of the log: `fonds log erase --execute {}`", id.seq);
                return Err(RuntimeError::Invalid(why));
            }
        }
        Ok(ids)
    }

    pub(super) fn in_states(&self, ids: &[Position], states: &[State]) -> Result<Vec<Disposition>, RuntimeError> {
        let settings = self.settings()?;
        let mut found = Vec::new();
        for id in ids {
            let one = self.found_disposition(*id)?;
            if states.contains(&course(&one).state(&settings)) {
                found.push(one);
            }
        }
        Ok(found)
    }

    /// Says that dispositions are being carried out, once everything about them was checked at the end of the log.
    fn begin(
        &self,
        fresh: Vec<Disposition>,
        told: &ExecuteTold<'_>,
        stopped: &mut Stopped,
    ) -> Result<(), RuntimeError> {
        let mut ready = Vec::with_capacity(fresh.len());
        for found in fresh {
            match self.why_not_begin(&found, told) {
                Some(why) => _ = stopped.insert(found.id, why),
                None => ready.push(found),
            }
        }
        for some in ready.chunks(CASES_MAX) {
            let mut some = some.to_vec();
            while !some.is_empty() {
                match self.begin_checked(&some, told) {
                    Ok(()) => break,
                    Err(RuntimeError::Log(LogError::Refused(_))) => {}
                    Err(error) => return Err(error),
                }
                let fallen = self.fallen(&some)?;
                if fallen.is_empty() {
                    return Err(RuntimeError::Invalid("something came in between: run it again".to_owned()));
                }
                some.retain(|found| fallen.iter().all(|(fallen, _)| fallen.id != found.id));
                self.lapse(&fallen)?;
            }
        }
        Ok(())
    }

    fn why_not_begin(&self, found: &Disposition, told: &ExecuteTold<'_>) -> Option<String> {
        match found.proposed.action {
            Proposal::Review => Some("a review is answered: `fonds disposition review`".to_owned()),
            Proposal::Transfer if told.hand_over.is_none() => {
                Some("say where packages for the archive go: --packages DIR".to_owned())
            }
            _ => None,
        }
    }

    fn begin_checked(&self, some: &[Disposition], told: &ExecuteTold<'_>) -> Result<(), RuntimeError> {
        let mut payloads = Vec::with_capacity(some.len());
        for found in some {
            let action = found.proposed.action;
            let contents = if action.destroys() { self.contents_of(found)? } else { Vec::new() };
            let has = |location: &String| told.contents.is_some_and(|contents| contents.has(location));
            let external = contents.iter().any(|location| !has(location));
            let body =
                DispositionExecuting { disposition: found.id, action, contents, external, who: told.who.clone() };
            payloads.push(self.own_item(found.record(), told.who.by.as_deref(), &body)?);
        }
        let prepared = self.log().prepare(Kind::DispositionExecuting, payloads, None)?;
        self.log().append_checked(prepared, |_| match self.fallen(some) {
            Ok(fallen) => fallen.first().map_or(Ok(()), |(found, why)| Err(format!("`{}`: {why}", found.id))),
            Err(error) => Err(error.to_string()),
        })?;
        self.catch_up()
    }

    /// Those that may not be carried out as the log stands now, and why.
    fn fallen(&self, some: &[Disposition]) -> Result<Vec<(Disposition, String)>, RuntimeError> {
        let settings = self.settings()?;
        let shared = Shared::load(self.rows(), self.now().date_utc(), None)?;
        let judging = Judging::new(&shared)?;
        let mut fallen = Vec::new();
        for found in some {
            let now = self.found_disposition(found.id)?;
            let state = course(&now).state(&settings);
            let why = match state {
                State::Approved => self.why_lapsed(&judging, &now)?,
                other => Some(format!("it is {}", other.as_str())),
            };
            fallen.extend(why.map(|why| (now, why)));
        }
        Ok(fallen)
    }

    /// Where the content of a record lies.
    fn contents_of(&self, found: &Disposition) -> Result<Vec<String>, RuntimeError> {
        let Some(id) = found.record() else { return Ok(Vec::new()) };
        let files = self.content(id)?.into_iter().flat_map(|form| form.files);
        let mut locations: BTreeSet<String> = files.map(|file| file.location).collect();
        if locations.is_empty() {
            // A record that was moved, and of which nobody has said the files, lies there as a whole.
            let record = register::record(self.rows(), id, None)?;
            locations.extend(record.and_then(|record| record.own.location.clone()));
        }
        Ok(locations.into_iter().collect())
    }

    /// Whether a record's destruction is past the point of no return.
    pub(crate) fn is_being_destroyed(&self, id: &EntityId, settings: &Settings) -> Result<bool, RuntimeError> {
        let newest = register::newest_of(self.rows(), id)?;
        Ok(newest.is_some_and(|newest| {
            newest.proposed.action == Proposal::Destroy && course(&newest).state(settings).is_past_return()
        }))
    }

    /// Another record that has the same content and lives on, if there is one: what both have goes with the last of them.
    fn shared_with(&self, found: &Disposition, location: &str) -> Result<Option<EntityId>, RuntimeError> {
        let settings = self.settings()?;
        for id in register::records_at(self.rows(), location)? {
            if Some(&id) == found.record() {
                continue;
            }
            let Some(record) = register::record(self.rows(), &id, None)? else { continue };
            if record.facts_logged().destroyed.is_none() && !self.is_being_destroyed(&id, &settings)? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// What the entry said that began it.
    pub(super) fn begun(&self, found: &Disposition) -> Result<Option<DispositionExecuting>, RuntimeError> {
        use body::Step::{Executing, ExecutingOutside};
        let act = found.acts.iter().rev().find(|act| matches!(act.step, Executing | ExecutingOutside));
        let Some(act) = act else { return Ok(None) };
        self.said(act.position)
    }

    /// Does what was begun, and says so with the proof.
    fn carry_out(
        &self,
        begun: &[Disposition],
        told: &ExecuteTold<'_>,
        stopped: &mut Stopped,
        progress: &mut Progress<'_>,
    ) -> Result<(), RuntimeError> {
        let total = begun.len() as u64;
        let mut entries = Entries::new(self, Kind::DispositionExecuted);
        let ids: Vec<EntityId> = begun.iter().filter_map(|found| found.record().cloned()).collect();
        let holds: BTreeMap<EntityId, String> = ids
            .iter()
            .zip(self.holds_on_all(&ids)?)
            .filter_map(|(id, held)| Some((id.clone(), held.into_iter().next()?.hold)))
            .collect();
        for (found, done) in begun.iter().zip(1..) {
            match self.done(found, told, &holds)? {
                Ok(body) => entries.add(found.record(), told.who.by.as_deref(), &body)?,
                Err(why) => _ = stopped.insert(found.id, why),
            }
            if total.is_power_of_two() || done % 256 == 0 {
                progress(done, total);
            }
        }
        entries.finish()
    }

    /// Does one, or says why it could not.
    fn done(
        &self,
        found: &Disposition,
        told: &ExecuteTold<'_>,
        holds: &BTreeMap<EntityId, String>,
    ) -> Result<Result<DispositionExecuted, String>, RuntimeError> {
        let action = found.proposed.action;
        let mut body = DispositionExecuted {
            disposition: found.id,
            action,
            deleted: Vec::new(),
            package: None,
            package_digest: None,
            who: told.who.clone(),
        };
        match action {
            Proposal::Destroy => {
                // A hold that came since it was begun stops what can still be stopped.
                if let Some(hold) = found.record().and_then(|id| holds.get(id)) {
                    return Ok(Err(format!("hold:{hold}")));
                }
                let contents = self.begun(found)?.map(|begun| begun.contents).unwrap_or_default();
                for location in contents {
                    let Some(keeping) = told.contents.filter(|contents| contents.has(&location)) else {
                        return Ok(Err(format!("no content store has `{location}`: give --content FILE")));
                    };
                    match self.delete(found, keeping, &location)? {
                        Ok(deleted) => body.deleted.push(deleted),
                        Err(why) => return Ok(Err(why)),
                    }
                }
            }
            Proposal::Transfer => {
                let Some(hand_over) = told.hand_over else {
                    return Ok(Err("say where packages for the archive go: --packages DIR".to_owned()));
                };
                match hand_over.hand_over(&self.disposition(found.id)?) {
                    Ok((package, digest)) => (body.package, body.package_digest) = (Some(package), Some(digest)),
                    Err(why) => return Ok(Err(why)),
                }
            }
            Proposal::Erase | Proposal::Review | Proposal::Keep => {}
        }
        Ok(Ok(body))
    }

    /// Erases what the log tells of records whose content is gone, and says that they are destroyed.
    fn erase_records(&self, deleted: &[Disposition], stopped: &mut Stopped) -> Result<(), RuntimeError> {
        let cleared = Cleared::load(self, self.settings()?)?;
        let today = self.shared_today()?;
        let holds = HoldsNow::new(&today);
        let settings = self.settings()?;
        let (mut parts, mut taken) = (Vec::with_capacity(deleted.len()), BTreeSet::new());
        for found in deleted {
            let Some(id) = found.record() else { continue };
            let mut against = BTreeSet::new();
            let mut items = Vec::new();
            for item in self.left_of(id)? {
                let entry = self.entry(item.seq)?;
                let stands = self.against_in(&entry, item, &holds, &cleared)?;
                // What tells of several of them goes with the first.
                if stands.is_empty() && taken.insert(item) {
                    items.extend(going_of(&entry, item.item));
                }
                against.extend(stands);
            }
            if !items.is_empty() {
                parts.push(ErasedPart::of(found, &settings, vec![id.clone()], items));
            }
            if !against.is_empty() {
                stopped.insert(found.id, against.into_iter().collect::<Vec<_>>().join("; "));
            }
        }
        self.erase_parts(parts, &|records| {
            let holds = self.holds_on_all(records).map_err(|error| error.to_string())?;
            match records.iter().zip(holds).find_map(|(id, held)| Some((id, held.into_iter().next()?))) {
                Some((id, held)) => Err(format!("hold:{} on `{id}`", held.hold)),
                None => Ok(()),
            }
        })?;
        let mut gone = Vec::with_capacity(deleted.len());
        for found in deleted {
            if let Some(id) = found.record()
                && self.left_of(id)?.is_empty()
            {
                gone.push((id.clone(), found));
            }
        }
        self.say_destroyed(&gone)
    }

    /// An agency's own system says that it has deleted a record's content; what lies in our keeping is deleted with it.
    ///
    /// # Errors
    /// [`RuntimeError::Denied`] when the disposition does not wait for that, or content in our keeping cannot go.
    pub fn acknowledge(
        &self,
        id: Position,
        reference: &str,
        contents: Option<&dyn Contents>,
        who: Who,
    ) -> Result<Executed, RuntimeError> {
        let found = self.found_disposition(id)?;
        let state = course(&found).state(&self.settings()?);
        if state != State::Waiting {
            return Err(RuntimeError::Denied(format!("`{id}` waits for no acknowledgement: it is {}", state.as_str())));
        }
        let mut deleted = Vec::new();
        for location in self.begun(&found)?.map(|begun| begun.contents).unwrap_or_default() {
            deleted.push(match contents.filter(|contents| contents.has(&location)) {
                Some(keeping) => self.delete(&found, keeping, &location)?.map_err(RuntimeError::Denied)?,
                None => Deleted {
                    location,
                    digest: None,
                    absent_at: self.now().to_string(),
                    proof: format!("acknowledged: {reference}"),
                },
            });
        }
        let body = DispositionExecuted {
            disposition: id,
            action: found.proposed.action,
            deleted,
            package: None,
            package_digest: None,
            who: who.clone(),
        };
        let mut entries = Entries::new(self, Kind::DispositionExecuted);
        entries.add(found.record(), who.by.as_deref(), &body)?;
        entries.finish()?;
        let mut stopped = Stopped::new();
        self.erase_records(&self.in_states(&[id], &[State::Deleted])?, &mut stopped)?;
        self.executed(&[id], &stopped)
    }

    /// Deletes one piece of content, unless another record that lives on has it too.
    fn delete(
        &self,
        found: &Disposition,
        keeping: &dyn Contents,
        location: &str,
    ) -> Result<Result<Deleted, String>, RuntimeError> {
        Ok(match self.shared_with(found, location)? {
            Some(other) => Err(format!("`{location}` is content of `{other}` too, which lives on")),
            None => keeping.delete(location),
        })
    }

    /// An archive says that it took a record: from then on it is in its keeping.
    ///
    /// # Errors
    /// [`RuntimeError::Denied`] when the disposition does not wait for that.
    pub fn receive(
        &self,
        id: Position,
        (to, receipt): (&str, &str),
        seal: Option<Digest>,
        who: Who,
    ) -> Result<DispositionAnswer, RuntimeError> {
        let found = self.found_disposition(id)?;
        let state = course(&found).state(&self.settings()?);
        if state != State::HandedOver {
            return Err(RuntimeError::Denied(format!("`{id}` waits for no receipt: it is {}", state.as_str())));
        }
        let sealed = self.handed_over(&found)?;
        if seal.is_some() && seal != sealed {
            let sealed = sealed.map_or_else(|| "none".to_owned(), |seal| seal.to_string());
            let why = format!("the receipt is for another package: the seal of the one handed over is {sealed}");
            return Err(RuntimeError::Denied(why));
        }
        let by = who.by.clone();
        let body = Transferred { disposition: id, to: to.to_owned(), receipt: receipt.to_owned(), seal, who };
        let mut entries = Entries::new(self, Kind::RecordTransferred);
        entries.add(found.record(), by.as_deref(), &body)?;
        entries.finish()?;
        self.disposition(id)
    }

    /// The seal of the package that was handed over.
    fn handed_over(&self, found: &Disposition) -> Result<Option<Digest>, RuntimeError> {
        let act = found.acts.iter().rev().find(|act| act.step == body::Step::Executed);
        let Some(act) = act else { return Ok(None) };
        Ok(self.said::<DispositionExecuted>(act.position)?.and_then(|said| said.package_digest))
    }

    /// What an item of the host's own says.
    pub(crate) fn said<T: for<'de> serde::Deserialize<'de>>(&self, at: Position) -> Result<Option<T>, RuntimeError> {
        let entry = self.entry(at.seq)?;
        let item = entry.items.get(usize::from(at.item));
        let Some(content) = item.and_then(|item| item.content.as_ref()) else { return Ok(None) };
        let (envelope, text) = content.split()?;
        Ok(Some(body::parse(entry.kind, envelope.format, text)?))
    }

    fn executed(&self, ids: &[Position], stopped: &Stopped) -> Result<Executed, RuntimeError> {
        let settings = self.settings()?;
        let mut executed = Executed::default();
        for id in ids {
            let found = self.found_disposition(*id)?;
            let course = course(&found);
            let state = course.state(&settings);
            let lapsed = found.acts.iter().rev().find(|act| act.step == body::Step::Lapsed);
            let why = match state {
                State::Done => {
                    executed.done += 1;
                    continue;
                }
                State::HandedOver => {
                    executed.handed_over += 1;
                    continue;
                }
                State::Waiting => {
                    executed.waiting += 1;
                    "an agency's own system has it: `fonds disposition acknowledge` says that it is gone".to_owned()
                }
                State::Lapsed => {
                    executed.lapsed += 1;
                    lapsed.and_then(|act| act.why.clone()).unwrap_or_default()
                }
                State::Proposed => format!("{} of {} approvals", course.approvals(&settings).len(), settings.approvals),
                _ => stopped.get(id).cloned().unwrap_or_default(),
            };
            executed.left_count += 1;
            if executed.left.len() < LEFT_SHOWN_MAX {
                let record = found.record().cloned();
                executed.left.push(ExecutedOne { id: id.to_string(), record, state: state.as_str(), why });
            }
        }
        executed.log_size = self.log_size();
        Ok(executed)
    }
}
