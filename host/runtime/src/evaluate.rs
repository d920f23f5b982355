//! A sweep: what is new or due goes through the policies in force, and what changed is recorded.
//!
//! Classification comes in waves until labels settle, then retention, then archival; each sees the log as the one before
//! left it.

use crate::admin::json;
use crate::disposition::Proposed;
use crate::effective::{is_fault, joined, label_in_force, settled};
use crate::facts::{Builder, Case, FACTS_VERSION, Shared};
use crate::looking::Looking;
use crate::shortened::shortened_by;
use crate::{Runtime, RuntimeError};
use fonds_log::Ticket;
use fonds_model::decision::{Alone, Decided, Fault, SweepCompleted, SweepLookedAt, Verdict, World};
use fonds_model::{Digest, EntityId, Kind, Label, PartialDate, Position};
use fonds_policy::decide::{self, Call};
use fonds_policy::facts::Facts as FactsOf;
use fonds_policy::request::CASES_MAX;
use fonds_policy::{Plugin, Request, Subject};
use fonds_views::register::{self, Binding, Record};
use jiff::civil::Date;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Labels that have not settled after so many waves never will.
const WAVES_MAX: u32 = 64;

/// So many groups may wait for the disk at once.
const TICKETS_MAX: usize = 64;

/// The ids of whom a sweep looked at may have so many bytes in its entry.
const LISTED_BYTES_MAX: usize = 8 << 20;

/// So many of them stand in an item, of which an entry has 255 for them.
const LISTED_PER_ITEM_MAX: usize = 2_000;

/// What a sweep did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// The date that the policies were asked about.
    pub as_of: PartialDate,
    /// Records that at least one policy was asked about, each counted once, in however many waves and by however many.
    pub evaluated: u64,
    /// Decisions that changed and were recorded.
    pub changed: u64,
    /// Cases that got no answer: those records are retained.
    pub faults: u64,
    /// SHA-256 over the item digests of the decisions in force for all evaluated cases.
    pub digest: Digest,
    /// Dispositions that are proposed because they are due.
    pub proposed: u64,
    /// Proposals that no longer stand.
    pub lapsed: u64,
    /// The log's size after it.
    pub log_size: u64,
}

/// Tells how far a sweep is: cases done, and how many there are.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;

#[derive(Default)]
struct Tally {
    /// The records that were asked about, by a hash of their ids: a million of them are counted in a few megabytes.
    asked: HashSet<u64>,
    changed: u64,
    faults: u64,
    done: u64,
    total: u64,
}

impl Runtime {
    /// Runs what is new or due on a date (or everything) through the policies in force.
    ///
    /// A date after today is refused, and so is one before that of the last sweep: its decisions would take the place of
    /// newer ones, and what has happened since would count no longer.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`] for such a date; [`RuntimeError::Sweep`] when a policy ran into the wall clock.
    pub fn evaluate(&self, as_of: Date, all: bool, progress: &mut Progress<'_>) -> Result<Swept, RuntimeError> {
        self.evaluate_with(as_of, all, BTreeSet::new(), progress)
    }

    /// The same, and looks at these records whether or not they are new or due.
    pub(crate) fn evaluate_with(
        &self,
        as_of: Date,
        all: bool,
        also: BTreeSet<EntityId>,
        progress: &mut Progress<'_>,
    ) -> Result<Swept, RuntimeError> {
        let today = self.now().date_utc();
        if as_of > today {
            let why = format!("{as_of} has not come yet (today is {today}): a decision rests on what has happened");
            return Err(RuntimeError::Invalid(why));
        }
        self.catch_up()?;
        if let Some(last) = register::last_asked(self.rows())?.filter(|last| as_of < *last) {
            let why = format!(
                "the last sweep was as of {last}, and one as of {as_of} would put older decisions in the place of its own: \
                 sweep as of {last} or later; `fonds record show --on {as_of}` shows a record as it was"
            );
            return Err(RuntimeError::Invalid(why));
        }
        let log_size = self.log().size();
        let mut looking = self.whom(as_of, all)?.with(also);
        let mut tally = Tally { total: self.count(&looking)? * World::ALL.len() as u64, ..Tally::default() };
        let mut asked = self.asked(as_of)?;
        looking = self.classify(as_of, looking, &mut asked, &mut tally, progress)?;
        for world in [World::Retention, World::Archival] {
            let shared = Shared::load(self.rows(), as_of, self.log_size().checked_sub(1))?;
            self.ask_all(&shared, world, &looking, &mut asked, &mut tally, progress)?;
            self.catch_up()?;
        }
        let (looking, listed) = listed(looking)?;
        let digest = self.digest_in_force(&looking)?;
        let as_of = PartialDate::from(as_of);
        let (evaluated, changed, faults) = (tally.asked.len() as u64, tally.changed, tally.faults);
        let body = SweepCompleted { as_of, log_size, evaluated, changed, faults, digest };
        let envelope = self.own_envelope(None);
        let bodies = std::iter::once(json(&body)?).chain(listed);
        let payloads = bodies.map(|body| envelope.with_body(&body)).collect();
        self.append_own(Kind::SweepCompleted, payloads)?;
        let Proposed { proposed, lapsed } = self.propose_due(as_of.last_day())?;
        Ok(Swept { as_of, evaluated, changed, faults, digest, proposed, lapsed, log_size: self.log_size() })
    }

    /// Waves of classification: what rose makes what was derived from it rise, until nothing does.
    fn classify(
        &self,
        as_of: Date,
        looking: Looking,
        asked: &mut BTreeMap<String, Asked>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<Looking, RuntimeError> {
        let depth = self.ancestors_needed()?;
        let mut looked_at = BTreeSet::new();
        let mut wave = looking;
        let mut first = None;
        for _ in 0..WAVES_MAX {
            let shared = Shared::load(self.rows(), as_of, self.log_size().checked_sub(1))?;
            let relabelled = self.ask_all(&shared, World::Classification, &wave, asked, tally, progress)?;
            self.catch_up()?;
            let mut next = BTreeSet::new();
            let mut cut = false;
            for id in relabelled {
                cut |= self.add_descendants(&id, depth, &mut next)?;
            }
            if cut {
                // There are more than can be told one by one: all are looked at, once.
                wave = Looking::All;
                first = Some(Looking::All);
                continue;
            }
            let done = std::mem::replace(&mut wave, Looking::Some(next.clone()));
            first.get_or_insert(done);
            if next.is_empty() {
                return Ok(first.unwrap_or(Looking::All).with(looked_at));
            }
            looked_at.extend(next);
        }
        Err(RuntimeError::Sweep(format!("labels had not settled after {WAVES_MAX} waves of classification")))
    }

    /// The bindings in force, each with its plugin loaded, or why it could not be.
    fn asked(&self, as_of: Date) -> Result<BTreeMap<String, Asked>, RuntimeError> {
        let shared = Shared::load(self.rows(), as_of, self.log_size().checked_sub(1))?;
        let mut asked = BTreeMap::new();
        for bound in &shared.bindings {
            let plugin = match self.load_plugin(&bound.plugin) {
                Ok(plugin) => Ok(plugin),
                Err(RuntimeError::Plugin(fault)) => Err(fault),
                Err(error) => return Err(error),
            };
            let config = String::from_utf8_lossy(&self.log().blob(&bound.config)?).into_owned();
            let config: Arc<str> = Arc::from(config);
            let builder = Builder::new(&shared, Arc::clone(&config));
            let sweep = decide::Sweep::new();
            asked.insert(
                bound.name.clone(),
                Asked { bound: Arc::new(bound.clone()), plugin, config, sweep, builder, previous: Vec::new() },
            );
        }
        Ok(asked)
    }

    /// Asks all policies of a world about all records looked at; answers whose label changed.
    fn ask_all(
        &self,
        shared: &Shared<'_>,
        world: World,
        looking: &Looking,
        asked: &mut BTreeMap<String, Asked>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<EntityId>, RuntimeError> {
        let mut recorder = Recorder {
            runtime: self,
            shared,
            log_size: self.log().size(),
            engine: String::new(),
            tickets: VecDeque::new(),
            relabelled: Vec::new(),
        };
        let mut of_world: Vec<&mut Asked> = asked.values_mut().filter(|asked| asked.bound.world == world).collect();
        if !of_world.is_empty() {
            self.engine()?.engine().clone_into(&mut recorder.engine);
            let records: Box<dyn Iterator<Item = Result<Record, fonds_views::ViewError>> + '_> = match looking {
                Looking::All => Box::new(register::records_on(self.rows(), shared.as_of)),
                Looking::Some(ids) => Box::new(
                    ids.iter()
                        .filter_map(|id| register::record_on(self.rows(), id, shared.seq, shared.as_of).transpose()),
                ),
            };
            for record in records {
                ask(shared, record?, world, &mut of_world, &mut recorder, tally)?;
                tally.done += 1;
                if tally.done.is_multiple_of(1_024) {
                    progress(tally.done, tally.total.max(tally.done));
                }
            }
            for asked in of_world {
                recorder.flush(asked, tally)?;
            }
            recorder.wait()?;
            progress(tally.done, tally.total.max(tally.done));
        } else {
            tally.done += self.count(looking)?;
        }
        Ok(recorder.relabelled)
    }

    /// SHA-256 over the item digests of the decisions in force for all evaluated cases, in order of (seq, item).
    fn digest_in_force(&self, looking: &Looking) -> Result<Digest, RuntimeError> {
        let bindings = self.bindings_in_force()?;
        let mut digests = Vec::new();
        match looking {
            Looking::All => {
                // Both lie in order of id: one pass over each, and no look for any single record.
                let mut decided = register::decided_records(self.rows(), &bindings).peekable();
                for record in register::records(self.rows()) {
                    let id = record?.id;
                    while decided.next_if(|found| found.as_ref().is_ok_and(|(other, _)| *other < id)).is_some() {}
                    if let Some(found) = decided.next_if(|found| found.as_ref().map_or(true, |(other, _)| *other == id))
                    {
                        digests.extend(found?.1);
                    }
                }
            }
            Looking::Some(ids) => {
                for id in ids {
                    digests.extend(register::decided_digests(self.rows(), &bindings, id)?);
                }
            }
        }
        digests.sort_unstable();
        let mut hash = Sha256::new();
        digests.iter().for_each(|(_, digest)| hash.update(digest.0));
        Ok(Digest(hash.finalize().into()))
    }
}

/// Whom the digest of a sweep is over, and the bodies of the items that say so; none where it is everyone.
///
/// A list that is longer than an entry should be is left out, and the digest is over everyone.
fn listed(looking: Looking) -> Result<(Looking, Vec<Vec<u8>>), RuntimeError> {
    let Looking::Some(ids) = &looking else { return Ok((looking, Vec::new())) };
    let mut bodies = Vec::new();
    let mut records: Vec<EntityId> = ids.iter().cloned().collect();
    loop {
        let rest = records.split_off(records.len().min(LISTED_PER_ITEM_MAX));
        bodies.push(json(&SweepLookedAt { records })?);
        records = rest;
        if records.is_empty() {
            break;
        }
    }
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    let fits = bytes <= LISTED_BYTES_MAX && bodies.len() <= CASES_MAX;
    Ok(if fits { (looking, bodies) } else { (Looking::All, Vec::new()) })
}

/// A binding as a sweep asks it.
struct Asked {
    bound: Arc<Binding>,
    plugin: Result<Arc<dyn Plugin>, Fault>,
    config: Arc<str>,
    sweep: decide::Sweep,
    builder: Builder,
    /// What stood before, a case each.
    previous: Vec<Previous>,
}

struct Previous {
    verdict: Option<Verdict>,
    /// What the policy said of the record by itself.
    alone: Option<Alone>,
    /// The label that it passed on.
    passed_on: Option<Label>,
    /// The record's label in force.
    label: Option<Label>,
    /// The highest label in force of its ancestors.
    risen: Option<Label>,
    id: EntityId,
}

fn ask(
    shared: &Shared<'_>,
    record: Record,
    world: World,
    asked: &mut [&mut Asked],
    recorder: &mut Recorder<'_>,
    tally: &mut Tally,
) -> Result<(), RuntimeError> {
    let facts = record.facts_on(shared.as_of);
    if facts.destroyed.is_some() {
        return Ok(());
    }
    let named = record.agency().cloned();
    let agency = shared.agency(named.as_ref());
    let mut applying =
        asked.iter_mut().filter(|asked| shared.applies(&asked.bound, agency.as_ref(), named.as_ref())).peekable();
    if applying.peek().is_none() {
        return Ok(());
    }
    tally.asked.insert(hash_of(&record.id));
    let looked = shared.look_as(record, agency.as_ref())?;
    let label = (world == World::Classification).then(|| label_in_force(shared, &looked)).flatten();
    let settled = settled(shared, &looked, &facts, world);
    for asked in applying {
        let name = &asked.bound.name;
        let previous = looked.decisions.iter().find(|decision| decision.binding == *name);
        let bound = Arc::clone(&asked.bound);
        let case = Case { looked: &looked, facts: &facts, agency: agency.as_ref(), bound: &bound, settled: &settled };
        let risen = asked.builder.add(case, shared)?;
        asked.previous.push(Previous {
            verdict: previous.map(|previous| previous.verdict.clone()),
            alone: previous.and_then(|previous| previous.alone.clone()),
            passed_on: previous.and_then(|previous| previous.passed_on().cloned()),
            label: label.clone(),
            risen,
            id: looked.record.id.clone(),
        });
        if asked.previous.len() == CASES_MAX {
            recorder.flush(asked, tally)?;
        }
    }
    Ok(())
}

/// The same in every run, since the count that rests on it is logged.
fn hash_of(id: &EntityId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.as_str().hash(&mut hasher);
    hasher.finish()
}

/// Puts decisions that changed into the log.
struct Recorder<'a> {
    runtime: &'a Runtime,
    shared: &'a Shared<'a>,
    log_size: u64,
    engine: String,
    tickets: VecDeque<Ticket>,
    relabelled: Vec<EntityId>,
}

impl Recorder<'_> {
    /// Asks about the batch that has been gathered, and records what changed.
    fn flush(&mut self, asked: &mut Asked, tally: &mut Tally) -> Result<(), RuntimeError> {
        let fresh = Builder::new(self.shared, Arc::clone(&asked.config));
        let request = std::mem::replace(&mut asked.builder, fresh).request;
        let previous = std::mem::take(&mut asked.previous);
        if previous.is_empty() {
            return Ok(());
        }
        let calls = match &asked.plugin {
            Ok(plugin) => decide::decide(plugin.as_ref(), &mut asked.sweep, &request)
                .map_err(|aborted| RuntimeError::Sweep(aborted.to_string()))?,
            Err(fault) => {
                let verdicts = vec![Verdict::Fault(fault.clone()); previous.len()];
                vec![Call { subjects: 0..previous.len(), fuel: 0, verdicts }]
            }
        };
        let said = calls.iter().flat_map(|call| call.subjects.clone().zip(&call.verdicts));
        let alone = match &asked.plugin {
            Ok(plugin) => alone((plugin.as_ref(), &mut asked.sweep), &request, said)?,
            Err(_) => BTreeMap::new(),
        };
        let facts = FactsOf::new(&request);
        let batch = Batch { request: &request, facts: &facts, previous: &previous, alone: &alone };
        for call in calls {
            tally.faults += call.verdicts.iter().filter(|verdict| is_fault(verdict)).count() as u64;
            self.record(asked, &call, &batch, tally)?;
        }
        Ok(())
    }

    fn record(&mut self, asked: &Asked, call: &Call, batch: &Batch<'_>, tally: &mut Tally) -> Result<(), RuntimeError> {
        let body = asked.bound.as_ref();
        let mut envelope = self.runtime.own_envelope(None);
        let mut payloads = Vec::new();
        for (index, verdict) in call.subjects.clone().zip(&call.verdicts) {
            let alone = batch.alone.get(&index);
            let changed =
                |before: &&Previous| before.verdict.as_ref() != Some(verdict) || before.alone.as_ref() != alone;
            let Some(before) = batch.previous.get(index).filter(changed) else { continue };
            if payloads.is_empty() {
                let context = Decided {
                    policy: body.name.clone(),
                    bound_at: body.bound_at,
                    world: body.world,
                    mode: body.mode,
                    plugin: body.plugin,
                    config: body.config,
                    log_size: self.log_size,
                    as_of: self.shared.as_of.into(),
                    facts_version: FACTS_VERSION.to_owned(),
                    engine: self.engine.clone(),
                    fuel: call.fuel,
                };
                payloads.push(envelope.with_body(&json(&context)?));
            }
            if body.world == World::Classification {
                self.note_label(before, verdict, alone);
            }
            let subject = batch.request.subjects.get(index);
            let fails = body.world == World::Classification && is_fault(verdict);
            let stood = (before.label.as_ref(), before.risen.as_ref());
            let kept = subject.filter(|_| fails).and_then(|subject| kept(self.shared, subject, stood));
            let shortened_by = match verdict {
                Verdict::Retention(said) => {
                    let series = subject.and_then(|subject| subject.series.as_deref());
                    shortened_by(self.shared, &before.id, body, series, &said.term)?
                }
                _ => None,
            };
            let facts = batch.facts.digest(index).unwrap_or_default();
            let case = CaseBody { record: before.id.as_str(), facts, verdict, kept, alone, shortened_by };
            envelope.subject = Some(before.id.clone());
            payloads.push(envelope.with_body(&json(&case)?));
            tally.changed += 1;
        }
        if payloads.is_empty() {
            return Ok(());
        }
        let prepared = self.runtime.log().prepare(Kind::PolicyDecided, payloads, None)?;
        self.tickets.push_back(self.runtime.log().stage(vec![prepared]).submit()?);
        if self.tickets.len() >= TICKETS_MAX
            && let Some(ticket) = self.tickets.pop_front()
        {
            ticket.wait()?;
        }
        Ok(())
    }

    /// A label that is no longer what it was, or no longer rises as it did, concerns what was derived from the record.
    fn note_label(&mut self, before: &Previous, verdict: &Verdict, alone: Option<&Alone>) {
        let same = matches!(verdict, Verdict::Classification(now) if {
            let passed_on = alone.map_or(&now.label, |alone| &alone.label);
            now.label == before.label && *passed_on == before.passed_on
        });
        if !same {
            self.relabelled.push(before.id.clone());
        }
    }

    fn wait(&mut self) -> Result<(), RuntimeError> {
        for ticket in self.tickets.drain(..) {
            ticket.wait()?;
        }
        Ok(())
    }
}

/// INVARIANT (fail closed): what a fault keeps is never below what was in force, nor below any ancestor that was read.
pub(crate) fn kept(
    shared: &Shared<'_>,
    subject: &Subject,
    (before, risen): (Option<&Label>, Option<&Label>),
) -> Option<Label> {
    let risen = risen.filter(|_| !subject.barrier);
    before.into_iter().chain(subject.label.iter()).chain(risen).fold(None, |kept, label| match kept {
        Some(kept) => Some(joined(shared, kept, label)),
        None => Some(label.clone()),
    })
}

/// [`fonds_model::decision::Case`], borrowed: a million of these are written in a sweep.
#[derive(Serialize)]
pub(crate) struct CaseBody<'a> {
    pub(crate) record: &'a str,
    pub(crate) facts: Digest,
    pub(crate) verdict: &'a Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alone: Option<&'a Alone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shortened_by: Option<Vec<Position>>,
}

/// A batch that was asked, with what stood before.
struct Batch<'a> {
    request: &'a Request,
    facts: &'a FactsOf<'a>,
    previous: &'a [Previous],
    /// What the policy says of cases by themselves, by their index, where that is another label.
    alone: &'a BTreeMap<usize, Alone>,
}

/// Asks again, without their ancestors' labels, about the cases that such a label may have raised.
///
/// Where that gives no answer, all of a label counts as the record's own and rises: a fault lowers none.
pub(crate) fn alone<'v>(
    (plugin, sweep): (&dyn Plugin, &mut decide::Sweep),
    request: &Request,
    verdicts: impl Iterator<Item = (usize, &'v Verdict)>,
) -> Result<BTreeMap<usize, Alone>, RuntimeError> {
    let mut alone = BTreeMap::new();
    let mut risen = Vec::new();
    let mut subjects = Vec::new();
    for (index, verdict) in verdicts {
        let (Verdict::Classification(said), Some(subject)) = (verdict, request.subjects.get(index)) else { continue };
        if subject.barrier || subject.ancestors.iter().all(|ancestor| ancestor.label.is_none()) {
            continue;
        }
        let mut subject = subject.clone();
        subject.ancestors.iter_mut().for_each(|ancestor| ancestor.label = None);
        risen.push((index, &said.label));
        subjects.push(subject);
    }
    if subjects.is_empty() {
        return Ok(alone);
    }
    let request = Request {
        as_of: request.as_of,
        config: Arc::clone(&request.config),
        levels: Arc::clone(&request.levels),
        agencies: request.agencies.clone(),
        rules: request.rules.clone(),
        subjects,
    };
    let calls = decide::decide(plugin, sweep, &request).map_err(|aborted| RuntimeError::Sweep(aborted.to_string()))?;
    for (place, verdict) in calls.iter().flat_map(|call| call.subjects.clone().zip(&call.verdicts)) {
        if let (Verdict::Classification(said), Some((index, label))) = (verdict, risen.get(place))
            && said.label != **label
        {
            alone.insert(*index, Alone { label: said.label.clone() });
        }
    }
    Ok(alone)
}
