//! One entry of decisions, made again.

use super::report::{Difference, Findings, Otherwise};
use super::{Asked, Job, compare};
use crate::RuntimeError;
use crate::admin::json;
use crate::effective::{label_in_force, settled};
use crate::evaluate::{CaseBody, alone, kept};
use crate::facts::{self, Builder, FACTS_VERSION, Looked, Shared};
use crate::shortened::shortened_by;
use fonds_model::decision::{Alone, Decided, Fault, FaultKind, Verdict, World};
use fonds_model::{Digest, EntityId, Entry, Label, Seq};
use fonds_policy::decide::{self, Sweep};
use fonds_policy::facts::Facts;
use fonds_policy::{Plugin, Request};
use fonds_views::Rows;
use fonds_views::register::{self, Binding};
use jiff::civil::Date;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Makes decisions again, and keeps what the last entry's facts shared for the next one.
pub(super) struct Worker<'a> {
    rows: &'a dyn Rows,
    engine: &'a str,
    shared: Option<Shared<'a>>,
    pub(super) findings: Findings,
}

/// A decision as the log has it.
struct Recorded<'e> {
    item: u16,
    record: EntityId,
    body: &'e [u8],
    /// The fault that it records, if it is one.
    fault: Option<Fault>,
}

/// A decision's body, read no further than is needed to make it again.
#[derive(Deserialize)]
struct CaseRead<'e> {
    #[serde(borrow)]
    record: Cow<'e, str>,
    facts: Digest,
    #[serde(borrow)]
    verdict: &'e serde_json::value::RawValue,
}

/// Cases that are asked together, with what stood before each.
struct Batch<'e, 'j> {
    cases: Vec<&'j Recorded<'e>>,
    builder: Builder,
    before: Vec<(Option<Label>, Option<Label>)>,
}

/// What all cases of an entry have in common.
struct Question<'q> {
    seq: Seq,
    context: &'q Decided,
    asked: &'q Asked,
    bound: &'q Binding,
    config: &'q Arc<str>,
    /// Another engine may have had more fuel or stack, or less.
    same_engine: bool,
}

impl<'a> Worker<'a> {
    pub(super) fn new(rows: &'a dyn Rows, engine: &'a str) -> Self {
        Self { rows, engine, shared: None, findings: Findings::default() }
    }

    /// Makes the decisions of an entry again.
    pub(super) fn replay(&mut self, job: Job) -> Result<(), RuntimeError> {
        let Job { entry, context, plugin, config } = job;
        let mut cases = self.read(&entry, &context);
        let as_of = context.as_of.last_day();
        let seq = context.log_size.checked_sub(1).filter(|seq| *seq < entry.seq);
        let shared = match self.shared.take().filter(|shared| shared.as_of == as_of && shared.seq == seq) {
            Some(shared) => shared,
            None => Shared::load(self.rows, as_of, seq)?,
        };
        let bound = shared.bindings.iter().find(|bound| bound.name == context.policy);
        if let Some((field, recorded, replayed)) = wrong_context(&entry, &context, seq, bound) {
            for case in &cases {
                self.otherwise(&entry, &context, case, (&format!("context.{field}"), &recorded, &replayed));
            }
        } else if let Some(bound) = bound {
            let why = match (&plugin, &config) {
                (Asked::Missing(why), _) | (_, Err(why)) => Some(why.clone()),
                _ => None,
            };
            if let Some(why) = why {
                self.findings.unreplayed(cases.len() as u64, &why);
                cases.clear();
            }
            if let Ok(config) = &config {
                let same_engine = context.engine == self.engine;
                let question =
                    Question { seq: entry.seq, context: &context, asked: &plugin, bound, config, same_engine };
                self.ask(&shared, &question, &entry, &cases)?;
            }
        }
        self.shared = Some(shared);
        Ok(())
    }

    /// The entry's decisions; what is not one is noted.
    fn read<'e>(&mut self, entry: &'e Entry, context: &Decided) -> Vec<Recorded<'e>> {
        let mut cases = Vec::with_capacity(entry.items.len());
        for (item, number) in entry.items.iter().zip(0_u16..).skip(1) {
            let Some(content) = &item.content else {
                self.findings.unreplayed(1, "the decision itself was erased");
                continue;
            };
            match read(&content.payload, number) {
                Some(case) => cases.push(case),
                None => {
                    let difference =
                        difference(entry.seq, number, None, context, ("body", "not understood", "a decision"));
                    self.findings.otherwise(Otherwise { differences: vec![difference], rests_on: Vec::new() });
                }
            }
        }
        cases
    }

    fn otherwise(&mut self, entry: &Entry, context: &Decided, case: &Recorded<'_>, said: (&str, &str, &str)) {
        let difference = difference(entry.seq, case.item, Some(&case.record), context, said);
        self.findings.otherwise(Otherwise { differences: vec![difference], rests_on: Vec::new() });
    }

    /// Asks about an entry's cases: those with an answer together, each fault alone.
    fn ask(
        &mut self,
        shared: &Shared<'_>,
        question: &Question<'_>,
        entry: &Entry,
        cases: &[Recorded<'_>],
    ) -> Result<(), RuntimeError> {
        let mut answered = Batch::new(shared, question);
        for case in cases {
            let mut alone = case.fault.is_some().then(|| Batch::new(shared, question));
            let batch = alone.as_mut().unwrap_or(&mut answered);
            if let Err(why) = batch.add(shared, question, case)? {
                let said = ("record", case.record.as_str(), why);
                let difference = difference(entry.seq, case.item, Some(&case.record), question.context, said);
                let rests_on = vec![case.record.to_string()];
                self.findings.otherwise(Otherwise { differences: vec![difference], rests_on });
            } else if let Some(alone) = alone {
                self.compare(shared, question, alone)?;
            }
        }
        self.compare(shared, question, answered)
    }

    /// Asks about a batch and compares what is said with what is recorded.
    fn compare(
        &mut self,
        shared: &Shared<'_>,
        question: &Question<'_>,
        batch: Batch<'_, '_>,
    ) -> Result<(), RuntimeError> {
        let Batch { cases, builder, before } = batch;
        let request = builder.request;
        if cases.is_empty() {
            return Ok(());
        }
        let verdicts = match verdicts(question.asked, &request) {
            Ok(verdicts) => verdicts,
            Err(why) => {
                self.findings.unreplayed(cases.len() as u64, &why);
                return Ok(());
            }
        };
        let facts = Facts::new(&request);
        let mut apart = apart(question, &request, &verdicts)?;
        for (index, ((case, before), verdict)) in cases.iter().zip(&before).zip(verdicts).enumerate() {
            let digest = facts.digest(index).unwrap_or_default();
            let made = Made { shared, question, request: &request, index, case, before, digest };
            self.judge(&made, verdict, apart.remove(&index))?;
        }
        Ok(())
    }

    fn judge(&mut self, made: &Made<'_, '_, '_>, verdict: Verdict, apart: Option<Alone>) -> Result<(), RuntimeError> {
        let Made { question, request, index, case, .. } = made;
        let body = match &case.fault {
            Some(recorded) => match not_comparable(recorded, &verdict, question.same_engine) {
                // The rest of the item is compared all the same.
                Some(why) if made.body(&Verdict::Fault(recorded.clone()), None)? == case.body => {
                    self.findings.unreplayed(1, why);
                    return Ok(());
                }
                Some(_) => made.body(&Verdict::Fault(recorded.clone()), None)?,
                // A fault is its kind: what the engine says of it is for people.
                None => match verdict {
                    Verdict::Fault(now) if now.kind == recorded.kind => {
                        made.body(&Verdict::Fault(recorded.clone()), None)?
                    }
                    verdict => made.body(&verdict, apart.as_ref())?,
                },
            },
            None if !question.same_engine && is_limit(&verdict) => {
                self.findings.unreplayed(1, OTHER_ENGINE);
                return Ok(());
            }
            None => made.body(&verdict, apart.as_ref())?,
        };
        if body == case.body {
            self.findings.equal += 1;
            return Ok(());
        }
        if request.subjects.len() > 1 {
            let alone = decide::sub_request(request, *index..*index + 1);
            let again = verdicts(question.asked, &alone).ok().and_then(|verdicts| verdicts.into_iter().next());
            if let Some(again) = again {
                let apart = self::apart(question, &alone, std::slice::from_ref(&again))?;
                if made.body(&again, apart.get(&0))? != case.body {
                    self.differs(made, &body);
                    return Ok(());
                }
                self.findings.equal += 1;
                self.findings.alone += 1;
                return Ok(());
            }
        }
        self.differs(made, &body);
        Ok(())
    }

    fn differs(&mut self, made: &Made<'_, '_, '_>, body: &[u8]) {
        let Made { question, request, index, case, .. } = made;
        let fields = compare::fields(case.body, body);
        let other_facts = fields.iter().any(|field| field.name == "facts");
        if other_facts && question.context.facts_version != FACTS_VERSION {
            let why =
                format!("its facts were assembled by {}, and now by {FACTS_VERSION}", question.context.facts_version);
            self.findings.unreplayed(1, &why);
            return;
        }
        let said = |field: &compare::Field| {
            let said = (field.name.as_str(), field.recorded.as_str(), field.replayed.as_str());
            difference(question.seq, case.item, Some(&case.record), question.context, said)
        };
        let differences = fields.iter().map(said).collect();
        let mut rests_on = Vec::new();
        if other_facts {
            rests_on.push(case.record.to_string());
            let subject = request.subjects.get(*index);
            rests_on.extend(subject.iter().flat_map(|subject| &subject.ancestors).map(|above| above.entity.clone()));
        }
        self.findings.otherwise(Otherwise { differences, rests_on });
    }
}

const OTHER_ENGINE: &str = "a fault of fuel or stack under another engine version is not comparable";
const OF_OTHERS: &str = "the policy was suspended in that sweep for what it did with other cases";

/// A case that was made again, on its way to being compared.
struct Made<'m, 'e, 's> {
    shared: &'m Shared<'s>,
    question: &'m Question<'m>,
    request: &'m Request,
    index: usize,
    case: &'m Recorded<'e>,
    before: &'m (Option<Label>, Option<Label>),
    digest: Digest,
}

impl Made<'_, '_, '_> {
    /// The item's body with a verdict.
    fn body(&self, verdict: &Verdict, alone: Option<&Alone>) -> Result<Vec<u8>, RuntimeError> {
        let fails = self.question.bound.world == World::Classification && matches!(verdict, Verdict::Fault(_));
        let subject = self.request.subjects.get(self.index);
        let shortened_by = match verdict {
            Verdict::Retention(said) => {
                let series = subject.and_then(|subject| subject.series.as_deref());
                shortened_by(self.shared, &self.case.record, self.question.bound, series, &said.term)?
            }
            _ => None,
        };
        let stood = (self.before.0.as_ref(), self.before.1.as_ref());
        let kept = subject.filter(|_| fails).and_then(|subject| kept(self.shared, subject, stood));
        json(&CaseBody { record: self.case.record.as_str(), facts: self.digest, verdict, kept, alone, shortened_by })
    }
}

impl<'e, 'j> Batch<'e, 'j> {
    fn new(shared: &Shared<'_>, question: &Question<'_>) -> Self {
        Self { cases: Vec::new(), builder: Builder::new(shared, Arc::clone(question.config)), before: Vec::new() }
    }

    /// Adds a case as the log knew it; `Err` says why there was none to decide.
    fn add(
        &mut self,
        shared: &Shared<'_>,
        question: &Question<'_>,
        case: &'j Recorded<'e>,
    ) -> Result<Result<(), &'static str>, RuntimeError> {
        let bound = question.bound;
        let Some(record) = register::record_on(shared.rows, &case.record, shared.seq, shared.as_of)? else {
            return Ok(Err("no such record then"));
        };
        let facts = record.facts_on(shared.as_of);
        if facts.destroyed.is_some() {
            return Ok(Err("destroyed by then"));
        }
        let named = record.agency().cloned();
        let agency = shared.agency(named.as_ref());
        if !shared.applies(bound, agency.as_ref(), named.as_ref()) {
            return Ok(Err("not one that the policy decided for"));
        }
        let keeps = bound.world == World::Classification && case.fault.is_some();
        let rests_on = |other: &Binding| other.world < bound.world || (keeps && other.world == bound.world);
        let looked = if shared.bindings.iter().any(rests_on) {
            shared.look_as(record, agency.as_ref())?
        } else {
            Looked { record, decisions: Vec::new(), reviewed: None }
        };
        let label = keeps.then(|| label_in_force(shared, &looked)).flatten();
        let settled = settled(shared, &looked, &facts, bound.world);
        let added = facts::Case { looked: &looked, facts: &facts, agency: agency.as_ref(), bound, settled: &settled };
        let risen = self.builder.add(added, shared)?;
        self.before.push((label, risen));
        self.cases.push(case);
        Ok(Ok(()))
    }
}

fn read(payload: &[u8], item: u16) -> Option<Recorded<'_>> {
    let (envelope, body) = fonds_model::Envelope::split(payload).ok()?;
    let CaseRead { record, facts: Digest(_), verdict } = serde_json::from_slice(body).ok()?;
    let record = EntityId::new(record).ok().filter(|record| envelope.subject.as_ref() == Some(record))?;
    let fault = match verdict.get().starts_with("{\"fault\"") {
        true => match serde_json::from_str(verdict.get()).ok()? {
            Verdict::Fault(fault) => Some(fault),
            _ => None,
        },
        false => None,
    };
    Some(Recorded { item, record, body, fault })
}

/// What a plugin says of a request's cases; `Err` when the machine, and not the plugin, failed.
fn verdicts(asked: &Asked, request: &Request) -> Result<Vec<Verdict>, String> {
    match asked {
        Asked::Plugin(plugin) => ask_plugin(plugin.as_ref(), request),
        Asked::Faulty(fault) => Ok(vec![Verdict::Fault(fault.clone()); request.subjects.len()]),
        Asked::Missing(why) => Err(why.clone()),
    }
}

fn ask_plugin(plugin: &dyn Plugin, request: &Request) -> Result<Vec<Verdict>, String> {
    let calls = decide::decide(plugin, &mut Sweep::new(), request).map_err(|aborted| aborted.to_string())?;
    Ok(calls.into_iter().flat_map(|call| call.verdicts).collect())
}

/// What the policy says of cases by themselves, where ancestors may have raised their labels.
fn apart(
    question: &Question<'_>,
    request: &Request,
    verdicts: &[Verdict],
) -> Result<BTreeMap<usize, Alone>, RuntimeError> {
    match question.asked {
        Asked::Plugin(plugin) if question.bound.world == World::Classification => {
            alone((plugin.as_ref(), &mut Sweep::new()), request, verdicts.iter().enumerate())
        }
        _ => Ok(BTreeMap::new()),
    }
}

/// Why a recorded fault says nothing about what comes out now.
fn not_comparable(recorded: &Fault, now: &Verdict, same_engine: bool) -> Option<&'static str> {
    match recorded.kind {
        FaultKind::Suspended | FaultKind::Nondeterministic => Some(OF_OTHERS),
        FaultKind::Fuel | FaultKind::Stack if !same_engine => Some(OTHER_ENGINE),
        _ if !same_engine && is_limit(now) => Some(OTHER_ENGINE),
        _ => None,
    }
}

fn is_limit(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Fault(fault) if matches!(fault.kind, FaultKind::Fuel | FaultKind::Stack))
}

/// What of an entry's shared context cannot be: a decision rests on entries before it and on the binding in force then.
fn wrong_context(
    entry: &Entry,
    context: &Decided,
    seq: Option<Seq>,
    bound: Option<&Binding>,
) -> Option<(&'static str, String, String)> {
    if seq.is_none() {
        return Some(("log_size", context.log_size.to_string(), format!("1 to {}", entry.seq)));
    }
    let logged: Date = entry.at.date_utc();
    if context.as_of.exact().is_none_or(|as_of| as_of > logged) {
        return Some(("as_of", context.as_of.to_string(), format!("a day up to {logged}")));
    }
    let Some(bound) = bound else { return Some(("policy", context.policy.clone(), "not bound then".to_owned())) };
    let Binding { bound_at, plugin, world, config, mode, .. } = bound;
    let said = [
        ("bound_at", context.bound_at.to_string(), bound_at.to_string()),
        ("world", context.world.to_string(), world.to_string()),
        ("mode", format!("{:?}", context.mode).to_lowercase(), format!("{mode:?}").to_lowercase()),
        ("plugin", context.plugin.to_string(), plugin.to_string()),
        ("config", context.config.to_string(), config.to_string()),
    ];
    said.into_iter().find(|(_, recorded, bound)| recorded != bound)
}

fn difference(
    seq: Seq,
    item: u16,
    record: Option<&EntityId>,
    context: &Decided,
    (field, recorded, replayed): (&str, &str, &str),
) -> Difference {
    Difference {
        seq,
        item,
        record: record.map(ToString::to_string),
        policy: Some(context.policy.clone()),
        field: field.to_owned(),
        recorded: recorded.to_owned(),
        replayed: replayed.to_owned(),
    }
}
