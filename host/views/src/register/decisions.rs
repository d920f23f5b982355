//! What policies decided, and which decisions are in force.

use super::bindings::{Binding, bindings};
use super::due;
use super::keys::{self, DECIDED, DECIDED_BEFORE, DECISION};
use crate::rows::{Pending, Rows, ViewError};
use fonds_model::decision::{Alone, Decided, Mode, Term, Verdict, World};
use fonds_model::{Digest, EntityId, Label, PartialDate, Position, Seq, SeriesId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A decision in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// The binding's name.
    pub binding: String,
    /// The entry that bound it.
    pub bound_at: Seq,
    /// Which question it answers.
    pub world: World,
    /// Whether it counts.
    pub mode: Mode,
    /// The component's SHA-256.
    pub plugin: Digest,
    /// The configuration's SHA-256.
    pub config: Digest,
    /// The date that the policy was asked about.
    pub as_of: PartialDate,
    /// The facts are those of the log's first `log_size` entries.
    pub log_size: u64,
    /// The item that records it.
    pub position: Position,
    /// SHA-256 of the facts that the policy was given.
    pub facts: Digest,
    /// The item's own digest, as the entry's header has it.
    pub digest: Digest,
    /// The label that this binding's last answer gave: what it is now, or what a fault keeps.
    pub label: Option<Label>,
    /// What it says of the record by itself, where that is another label.
    pub alone: Option<Alone>,
    /// The entries that made its term sooner than the policy's last recorded one.
    pub shortened_by: Option<Vec<Position>>,
    /// What it said.
    pub verdict: Verdict,
}

/// The last term that was recorded for a record, whatever has become of the policy since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastTerm {
    /// How long.
    pub term: Term,
    /// Its facts were those of the log's first `log_size` entries.
    pub log_size: u64,
    /// The date that was asked about.
    pub as_of: PartialDate,
}

impl InForce {
    /// The label that rises from here along lineage: what the policy gives the record by itself, or what a fault keeps.
    #[must_use]
    pub fn passed_on(&self) -> Option<&Label> {
        self.alone.as_ref().map_or(self.label.as_ref(), |alone| alone.label.as_ref())
    }
}

/// The label that enforced classification decisions give, and the series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classified {
    /// Labels with the decisions that give them.
    pub labels: Vec<(Label, Position)>,
    /// Series, without repetition.
    pub series: Vec<SeriesId>,
}

/// A decision as its row keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    binding: String,
    position: Position,
    facts: [u8; 32],
    digest: [u8; 32],
    /// The entry that bound the policy.
    bound_at: Seq,
    /// The label of the binding's last answer, which a fault keeps: level and categories.
    label: Option<(String, Vec<String>)>,
    /// What the policy says of the record by itself, where that is another label.
    alone: Option<Option<(String, Vec<String>)>>,
    /// The entries that made its term sooner.
    shortened_by: Option<Vec<Position>>,
    /// The date on which it puts the record into the due index.
    due: Option<PartialDate>,
    /// The verdict's JSON, as it was logged.
    verdict: String,
}

#[derive(Deserialize)]
struct RawCase<'a> {
    record: String,
    facts: Digest,
    #[serde(borrow)]
    verdict: &'a RawValue,
    #[serde(default)]
    kept: Option<Label>,
    #[serde(default)]
    alone: Option<Alone>,
    #[serde(default)]
    shortened_by: Option<Vec<Position>>,
}

/// Folds item 0: what the decisions of an entry share.
pub(super) fn fold_context(rows: &mut Pending<'_>, position: Position, body: &[u8]) -> Result<(), ViewError> {
    let Ok(decided) = serde_json::from_slice::<Decided>(body) else { return Ok(()) };
    rows.put(keys::key_by_seq(DECIDED, position.seq, ""), keys::encode(&decided)?);
    Ok(())
}

/// Folds a case.
pub(super) fn fold_case(
    rows: &mut Pending<'_>,
    position: Position,
    digest: Digest,
    body: &[u8],
) -> Result<(), ViewError> {
    let Ok(case) = serde_json::from_slice::<RawCase<'_>>(body) else { return Ok(()) };
    let Ok(verdict) = serde_json::from_str::<Verdict>(case.verdict.get()) else { return Ok(()) };
    let (Ok(id), Some(decided)) = (EntityId::new(case.record), context(rows, position.seq)?) else { return Ok(()) };
    let due = (decided.mode == Mode::Enforce).then(|| due_on(&verdict, &decided.as_of)).flatten();
    let held = Held {
        binding: decided.policy,
        position,
        facts: case.facts.0,
        digest: digest.0,
        bound_at: decided.bound_at,
        label: label_of(&verdict).or_else(|| case.kept.map(|label| (label.level, label.categories))),
        alone: case.alone.map(|alone| alone.label.map(|label| (label.level, label.categories))),
        shortened_by: case.shortened_by,
        due: due.map(PartialDate::from),
        verdict: case.verdict.get().to_owned(),
    };
    hold(rows, &id, held, matches!(verdict, Verdict::Fault(_)))
}

/// The label that an answer gives.
fn label_of(verdict: &Verdict) -> Option<(String, Vec<String>)> {
    match verdict {
        Verdict::Classification(classification) => {
            classification.label.clone().map(|label| (label.level, label.categories))
        }
        Verdict::Retention(_) | Verdict::Archival(_) | Verdict::Fault(_) => None,
    }
}

/// The date on which a decision wants the record to be looked at again.
fn due_on(verdict: &Verdict, as_of: &PartialDate) -> Option<Date> {
    match verdict {
        Verdict::Retention(retention) => match &retention.term {
            Term::Until(until) => Some(until.last_day()),
            Term::Waiting(_) | Term::Forever | Term::Abstain => None,
        },
        Verdict::Classification(classification) => due::date_of(&classification.declassify),
        Verdict::Archival(_) => None,
        // A fault is tried again by the next day's sweep.
        Verdict::Fault(_) => as_of.last_day().tomorrow().ok(),
    }
}

/// Keeps the newest decision of each binding at hand, and the others for those who ask as of then.
fn hold(rows: &mut Pending<'_>, id: &EntityId, mut held: Held, is_fault: bool) -> Result<(), ViewError> {
    let key = keys::key(DECISION, id.as_str());
    let (mut latest, had) = match keys::get_long(rows, &key)? {
        Some((bytes, had)) => (keys::decode::<Vec<Held>>(&bytes, "a record's decisions")?, had),
        None => (Vec::new(), 0),
    };
    let index = latest.binary_search_by(|known| known.binding.cmp(&held.binding));
    if let Some(known) = index.ok().and_then(|index| latest.get_mut(index)) {
        if known.position == held.position {
            return Ok(());
        }
        if known.position > held.position {
            return put_before(rows, id, &held);
        }
        if is_fault && held.label.is_none() {
            // INVARIANT (fail closed): a fault of classification never lowers a label.
            held.label.clone_from(&known.label);
        }
        let before = std::mem::replace(known, held.clone());
        if let Some(due) = before.due {
            due::remove(rows, due.last_day(), id, &before.binding);
        }
        put_before(rows, id, &before)?;
    } else if let Err(index) = index {
        latest.insert(index, held.clone());
    }
    if let Some(due) = held.due {
        due::put(rows, due.last_day(), id, &held.binding);
    }
    keys::put_long(rows, key, &keys::encode(&latest)?, had)
}

/// Nothing is to be looked at any more about a record that was destroyed.
pub(super) fn not_due(rows: &mut Pending<'_>, id: &EntityId) -> Result<(), ViewError> {
    for held in held(rows, id, None)? {
        if let Some(due) = held.due {
            due::remove(rows, due.last_day(), id, &held.binding);
        }
    }
    Ok(())
}

fn put_before(rows: &mut Pending<'_>, id: &EntityId, held: &Held) -> Result<(), ViewError> {
    keys::put_long(rows, keys::key_at(DECIDED_BEFORE, id.as_str(), held.position), &keys::encode(held)?, 0)
}

/// What the decisions of one entry share.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn context(rows: &dyn Rows, seq: Seq) -> Result<Option<Decided>, ViewError> {
    match rows.get(&keys::key_by_seq(DECIDED, seq, ""))? {
        Some(bytes) => Ok(Some(keys::decode(&bytes, "a decision's context")?)),
        None => Ok(None),
    }
}

/// The date that the newest decision was asked about.
pub(super) fn last_as_of(rows: &dyn Rows) -> Result<Option<Date>, ViewError> {
    let Some(row) = rows.range_back(&[DECIDED], &[DECIDED + 1]).next() else { return Ok(None) };
    let decided: Decided = keys::decode(&row?.1, "a decision's context")?;
    Ok(Some(decided.as_of.last_day()))
}

/// The decisions in force for a record after entry `as_of`, by binding: the newest of each binding that still stands
/// as it was when it decided.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn decisions(rows: &dyn Rows, id: &EntityId, as_of: Option<Seq>) -> Result<Vec<InForce>, ViewError> {
    decisions_under(rows, &bindings(rows, as_of)?, id, as_of)
}

type Digests = Vec<(Position, Digest)>;

/// Where the newest decisions under these bindings stand, with their items' digests.
fn digests_of(held: Vec<Held>, bindings: &[Binding]) -> Digests {
    let stands =
        |held: &Held| bindings.iter().any(|bound| bound.name == held.binding && bound.bound_at == held.bound_at);
    held.into_iter().filter(stands).map(|held| (held.position, Digest(held.digest))).collect()
}

/// The digests of the decisions in force about a record, under bindings that were read before.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn decided_digests(rows: &dyn Rows, bindings: &[Binding], id: &EntityId) -> Result<Digests, ViewError> {
    Ok(digests_of(held(rows, id, None)?, bindings))
}

/// The same for every record that was ever decided about, in order of id.
pub fn decided_records<'a>(
    rows: &'a dyn Rows,
    bindings: &'a [Binding],
) -> impl Iterator<Item = Result<(EntityId, Digests), ViewError>> + 'a {
    crate::rows::below(rows, &[DECISION]).map(move |row| {
        let (key, first) = row?;
        let id = super::read::id_in(&key, 1)?;
        let held: Vec<Held> = keys::decode(&keys::whole(rows, &key, first)?, "a record's decisions")?;
        Ok((id, digests_of(held, bindings)))
    })
}

/// The same for bindings that were read before, as of the same entry.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn decisions_under(
    rows: &dyn Rows,
    bindings: &[Binding],
    id: &EntityId,
    as_of: Option<Seq>,
) -> Result<Vec<InForce>, ViewError> {
    let mut found = Vec::new();
    for held in held(rows, id, as_of)? {
        let Some(binding) = bindings.iter().find(|binding| binding.name == held.binding) else { continue };
        let context = context(rows, held.position.seq)?.ok_or(ViewError::Damaged("a decision without its context"))?;
        if context.bound_at != binding.bound_at {
            continue;
        }
        let verdict = serde_json::from_str(&held.verdict).map_err(|_| ViewError::Damaged("a decision's verdict"))?;
        found.push(InForce {
            binding: held.binding,
            bound_at: context.bound_at,
            world: context.world,
            mode: context.mode,
            plugin: context.plugin,
            config: context.config,
            as_of: context.as_of,
            log_size: context.log_size,
            position: held.position,
            facts: Digest(held.facts),
            digest: Digest(held.digest),
            label: held.label.map(label),
            alone: held.alone.map(|alone| Alone { label: alone.map(label) }),
            shortened_by: held.shortened_by,
            verdict,
        });
    }
    Ok(found)
}

/// Every decision that was ever recorded about a record, in force or not, in the order of the log.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn decided(rows: &dyn Rows, id: &EntityId) -> Result<Vec<Position>, ViewError> {
    let mut positions: Vec<Position> = held(rows, id, None)?.into_iter().map(|held| held.position).collect();
    for row in keys::facts(rows, DECIDED_BEFORE, id.as_str(), None) {
        positions.push(keys::position_of(&row?.0)?);
    }
    positions.sort_unstable();
    Ok(positions)
}

fn label((level, categories): (String, Vec<String>)) -> Label {
    Label { level, categories }
}

/// The newest decision of each binding, whether or not the binding stands.
fn held(rows: &dyn Rows, id: &EntityId, as_of: Option<Seq>) -> Result<Vec<Held>, ViewError> {
    let Some((bytes, _)) = keys::get_long(rows, &keys::key(DECISION, id.as_str()))? else { return Ok(Vec::new()) };
    let mut latest: Vec<Held> = keys::decode(&bytes, "a record's decisions")?;
    let Some(as_of) = as_of.filter(|as_of| latest.iter().any(|held| held.position.seq > *as_of)) else {
        return Ok(latest);
    };
    latest.retain(|held| held.position.seq <= as_of);
    for row in keys::facts_back(rows, DECIDED_BEFORE, id.as_str(), Some(as_of)) {
        let (key, first) = row?;
        let before: Held = keys::decode(&keys::whole(rows, &key, first)?, "a decision that was replaced")?;
        if let Err(index) = latest.binary_search_by(|known| known.binding.cmp(&before.binding)) {
            latest.insert(index, before);
        }
    }
    Ok(latest)
}

/// The last term that a binding of this name recorded for a record up to entry `as_of`: however it was bound then, and
/// before any fault. Where it recorded none, the longest of what bindings recorded that no longer stand.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn last_term(
    rows: &dyn Rows,
    bindings: &[Binding],
    id: &EntityId,
    name: &str,
    as_of: Option<Seq>,
) -> Result<Option<LastTerm>, ViewError> {
    let latest = held(rows, id, as_of)?;
    let gone = |held: &&Held| bindings.iter().all(|bound| bound.name != held.binding);
    let own: Vec<&Held> = latest.iter().filter(|held| held.binding == name).collect();
    let asked = if own.is_empty() { latest.iter().filter(gone).collect() } else { own };
    let mut longest: Option<LastTerm> = None;
    for held in asked {
        if let Some(found) = term_of(rows, id, held)?
            && longest.as_ref().is_none_or(|known| length(&known.term) < length(&found.term))
        {
            longest = Some(found);
        }
    }
    Ok(longest)
}

/// How long a term keeps: forever, then a wait, then dates; abstaining is no term.
fn length(term: &Term) -> (u8, Option<Date>) {
    match term {
        Term::Abstain => (0, None),
        Term::Until(until) => (1, Some(until.last_day())),
        Term::Waiting(_) => (2, None),
        Term::Forever => (3, None),
    }
}

/// The term of a decision, or, of a fault, of the binding's last answer before it.
fn term_of(rows: &dyn Rows, id: &EntityId, held: &Held) -> Result<Option<LastTerm>, ViewError> {
    let read = |held: &Held| -> Result<Option<Option<LastTerm>>, ViewError> {
        let verdict = serde_json::from_str(&held.verdict).map_err(|_| ViewError::Damaged("a decision's verdict"))?;
        let Verdict::Retention(retention) = verdict else {
            return Ok((!matches!(verdict, Verdict::Fault(_))).then_some(None));
        };
        let context = context(rows, held.position.seq)?.ok_or(ViewError::Damaged("a decision without its context"))?;
        Ok(Some(Some(LastTerm { term: retention.term, log_size: context.log_size, as_of: context.as_of })))
    };
    if let Some(found) = read(held)? {
        return Ok(found);
    }
    for row in keys::facts_back(rows, DECIDED_BEFORE, id.as_str(), Some(held.position.seq)) {
        let (key, first) = row?;
        let before: Held = keys::decode(&keys::whole(rows, &key, first)?, "a decision that was replaced")?;
        if before.binding == held.binding
            && let Some(found) = read(&before)?
        {
            return Ok(found);
        }
    }
    Ok(None)
}

/// What enforced classification decisions give a record that has no label or series of its own.
#[must_use]
pub fn classified(decisions: &[InForce]) -> Classified {
    let mut classified = Classified::default();
    for decision in decisions.iter().filter(|decision| decision.mode == Mode::Enforce) {
        let Verdict::Classification(verdict) = &decision.verdict else { continue };
        classified.labels.extend(verdict.label.clone().map(|label| (label, decision.position)));
        if let Some(series) = verdict.series.as_ref().filter(|series| !classified.series.contains(series)) {
            classified.series.push(series.clone());
        }
    }
    classified
}
