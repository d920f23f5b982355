//! Assembling exactly the facts that a policy needs, from the views at one log size.

use crate::RuntimeError;
use fonds_model::body::ReviewOutcome;
use fonds_model::decision::{Attribute, Mode};
use fonds_model::{AgencyPath, EntityId, Kind, Label, Levels, PartialDate, Position, Seq, SeriesId, Unruled};
use fonds_policy::request::RuleInForce;
use fonds_policy::{Agency, Ancestor, Happening, Mark, Occurrence, Request, RetentionInForce, Review, State, Subject};
use fonds_views::lineage::{self, Direction, Question, Relation};
use fonds_views::register::{self, Agencies, Binding, Hold, InForce, Record, Schedules};
use fonds_views::{Rows, ViewError};
use jiff::civil::Date;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The version of this code and of what it reads dates with; a decision records it.
pub(crate) const FACTS_VERSION: &str = "fonds-facts/2";

/// What a record is about to be judged by: itself, its decisions, and what they combine to.
pub(crate) struct Looked {
    pub(crate) record: Record,
    pub(crate) decisions: Vec<InForce>,
    /// What a reviewer said of it, where that stands.
    pub(crate) reviewed: Option<Review>,
}

/// Where the decisions that count stand, in order: what a proposal rests on.
pub(crate) fn rests_on(decisions: &[InForce]) -> Vec<Position> {
    let counts = decisions.iter().filter(|decision| decision.mode == Mode::Enforce);
    let mut positions: Vec<Position> = counts.map(|decision| decision.position).collect();
    positions.sort_unstable();
    positions
}

/// What all records of a sweep share: the date, agencies and rules in force on it.
pub(crate) struct Shared<'a> {
    pub(crate) rows: &'a dyn Rows,
    pub(crate) as_of: Date,
    /// The last entry that is read, so that what is appended meanwhile changes no fact; none: the log is empty.
    pub(crate) seq: Option<Seq>,
    pub(crate) agencies: Agencies,
    pub(crate) bindings: Vec<Binding>,
    schedules: Schedules,
    pub(crate) holds: Vec<Hold>,
    /// Whether any record was ever reviewed: else none is asked for its reviews.
    any_review: bool,
    pub(crate) levels: Levels,
    rules: std::cell::RefCell<FxHashMap<SeriesId, Result<Arc<RuleInForce>, Unruled>>>,
}

impl<'a> Shared<'a> {
    pub(crate) fn load(rows: &'a dyn Rows, as_of: Date, seq: Option<Seq>) -> Result<Self, RuntimeError> {
        Ok(Self {
            rows,
            as_of,
            seq,
            agencies: Agencies::load(rows, seq)?,
            bindings: register::bindings(rows, seq)?,
            schedules: Schedules::load(rows, seq)?,
            holds: register::holds(rows, seq)?.into_iter().filter(Hold::is_active).collect(),
            any_review: register::any_review(rows)?,
            levels: Levels::default(),
            rules: Default::default(),
        })
    }

    /// The rule of a series on the date; each series is read once.
    pub(crate) fn rule(&self, series: Option<&SeriesId>) -> Result<Result<Arc<RuleInForce>, Unruled>, ViewError> {
        let Some(series) = series else { return Ok(Err(Unruled::Unscheduled)) };
        if let Some(known) = self.rules.borrow().get(series) {
            return Ok(known.clone());
        }
        let found = self.schedules.series_on(self.rows, series, self.as_of)?.map(|series| {
            Arc::new(RuleInForce { series: series.series.to_string(), title: series.title, rule: series.rule })
        });
        self.rules.borrow_mut().insert(series.clone(), found.clone());
        Ok(found)
    }

    /// Where the rule of a series on the date was logged, and from when on its schedule's version is in force.
    pub(crate) fn rule_at(&self, series: &SeriesId) -> Result<Option<(Position, Option<PartialDate>)>, ViewError> {
        let Ok(rule) = self.schedules.series_on(self.rows, series, self.as_of)? else { return Ok(None) };
        let mut versions = self.schedules.versions(&rule.schedule).iter();
        let version = versions.find(|version| version.version == rule.version);
        Ok(Some((rule.position, version.and_then(|version| version.effective))))
    }

    /// Who answers on the date: of a record the agency that was named, followed to where it stands now or who succeeded it.
    pub(crate) fn agency(&self, path: Option<&AgencyPath>) -> Option<Agency> {
        let found = self.agencies.resolve(path?, self.as_of)?;
        Some(Agency { id: found.id.to_string(), path: found.path.to_string(), fiscal_year_end: found.fiscal_year_end })
    }

    /// Whether a binding is for an agency: for everyone, or for it or one above it, wherever both stand on the date.
    ///
    /// What is bound for a successor holds for what it took over, and not the reverse; what was bound for the predecessor
    /// still holds for the records that name it, since a succession alone ends no retention.
    pub(crate) fn applies(&self, bound: &Binding, agency: Option<&Agency>, named: Option<&AgencyPath>) -> bool {
        let Some(scope) = &bound.scope else { return true };
        let path = agency.and_then(|agency| AgencyPath::new(agency.path.as_str()).ok());
        let moved = self.agencies.standing(scope, self.as_of).map(|found| found.path);
        let is_within = |path: &AgencyPath| {
            path.is_within(scope.as_str()) || moved.as_ref().is_some_and(|moved| path.is_within(moved.as_str()))
        };
        // A binding for a path that has since moved still holds for the records that named it.
        path.as_ref().is_some_and(is_within) || named.is_some_and(is_within)
    }

    /// A record with its decisions in force.
    pub(crate) fn look(&self, record: Record) -> Result<Looked, ViewError> {
        let agency = self.agency(record.agency());
        self.look_as(record, agency.as_ref())
    }

    /// The same for a record whose agency on the date was resolved before.
    pub(crate) fn look_as(&self, record: Record, agency: Option<&Agency>) -> Result<Looked, ViewError> {
        let mut decisions = register::decisions_under(self.rows, &self.bindings, &record.id, self.seq)?;
        // What a policy said of a record that it no longer decides about is not in force.
        let named = record.agency();
        decisions.retain(|decision| {
            let bound = self.bindings.iter().find(|bound| bound.name == decision.binding);
            bound.is_some_and(|bound| self.applies(bound, agency, named))
        });
        let reviewed = if self.any_review { self.review_of(&record, &decisions)? } else { None };
        Ok(Looked { record, decisions, reviewed })
    }

    /// What a reviewer said of a record, where it still stands: a longer keeping always, the rest under the same decisions.
    fn review_of(&self, record: &Record, decisions: &[InForce]) -> Result<Option<Review>, ViewError> {
        let found = register::review_of(self.rows, &record.id, self.seq)?;
        let stands = |found: &register::Reviewed| match found.outcome {
            ReviewOutcome::Extend | ReviewOutcome::Keep => true,
            ReviewOutcome::Destroy | ReviewOutcome::Transfer => found.rests_on == rests_on(decisions),
        };
        Ok(found.filter(stands).map(|found| Review { outcome: found.outcome, until: found.until }))
    }
}

/// A batch for one binding as it grows; agencies and rules stand in it once.
pub(crate) struct Builder {
    pub(crate) request: Request,
    agencies: FxHashMap<String, u32>,
    rules: FxHashMap<String, u32>,
}

impl Builder {
    pub(crate) fn new(shared: &Shared<'_>, config: Arc<str>) -> Self {
        let request = Request {
            as_of: shared.as_of.into(),
            config,
            levels: Arc::from(shared.levels.0.clone()),
            agencies: Vec::new(),
            rules: Vec::new(),
            subjects: Vec::with_capacity(fonds_policy::request::CASES_MAX),
        };
        Self { request, agencies: FxHashMap::default(), rules: FxHashMap::default() }
    }

    /// Adds a case; answers with the highest label in force of its ancestors, below which a fault does not go.
    pub(crate) fn add(&mut self, case: Case<'_>, shared: &Shared<'_>) -> Result<Option<Label>, ViewError> {
        let Case { looked, facts, agency, bound, settled } = case;
        let record = &looked.record;
        let agency = agency.map(|agency| self.agency(agency));
        let series = settled.series.as_ref();
        let rule = shared.rule(series)?.map(|rule| self.rule(&rule));
        let needs = &bound.needs;
        let Ancestry { ancestors, truncated: ancestors_truncated, risen } =
            ancestors(shared, &record.id, needs.ancestors)?;
        self.request.subjects.push(Subject {
            id: record.id.to_string(),
            kind: record.own.kind.clone(),
            state: state(facts.state),
            agency,
            series: series.map(ToString::to_string),
            rule,
            started: facts.started.iter().map(occurrence).collect(),
            marks: facts.marks.iter().map(|mark| self::mark(*mark)).collect(),
            label: settled.label.clone(),
            barrier: settled.barrier,
            retention: settled.retention.clone(),
            attributes: attributes(record, &needs.attributes),
            history: history(shared, record, &needs.history)?,
            ancestors,
            ancestors_truncated,
        });
        Ok(risen)
    }

    fn agency(&mut self, agency: &Agency) -> u32 {
        let agencies = &mut self.request.agencies;
        *self.agencies.entry(agency.path.clone()).or_insert_with(|| {
            agencies.push(agency.clone());
            index(agencies.len())
        })
    }

    fn rule(&mut self, rule: &Arc<RuleInForce>) -> u32 {
        if let Some(known) = self.rules.get(&rule.series) {
            return *known;
        }
        self.request.rules.push(Arc::clone(rule));
        let place = index(self.request.rules.len());
        self.rules.insert(rule.series.clone(), place);
        place
    }
}

/// The index of the last of so many; a batch has at most 255 of anything.
fn index(len: usize) -> u32 {
    u32::try_from(len.saturating_sub(1)).unwrap_or(u32::MAX)
}

/// One record on its way into a batch.
pub(crate) struct Case<'a> {
    pub(crate) looked: &'a Looked,
    pub(crate) facts: &'a register::Facts,
    pub(crate) agency: Option<&'a Agency>,
    pub(crate) bound: &'a Binding,
    pub(crate) settled: &'a Settled,
}

/// What earlier decisions and the record's own facts settle for a policy that comes after them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settled {
    pub(crate) series: Option<SeriesId>,
    pub(crate) label: Option<Label>,
    pub(crate) barrier: bool,
    pub(crate) retention: Option<RetentionInForce>,
}

fn state(state: register::State) -> State {
    match state {
        register::State::Open => State::Open,
        register::State::Closed => State::Closed,
        register::State::Superseded => State::Superseded,
        register::State::Transferred => State::Transferred,
        register::State::Archived => State::Archived,
    }
}

/// The register's mark in the words of the policy interface.
pub(crate) fn mark(mark: register::Mark) -> Mark {
    match mark {
        register::Mark::ActivityAfterClose => Mark::ActivityAfterClose,
        register::Mark::ImplausibleDate => Mark::ImplausibleDate,
        register::Mark::LossReported => Mark::LossReported,
        register::Mark::Corrected => Mark::Corrected,
    }
}

fn occurrence(occurrence: &register::Occurrence) -> Occurrence {
    Occurrence {
        trigger: occurrence.trigger.clone(),
        on: occurrence.on,
        exact: occurrence.exact,
        seq: occurrence.position.seq,
    }
}

/// The attributes that are needed by name, sorted; `*` alone means all of them.
fn attributes(record: &Record, needed: &[String]) -> Vec<Attribute> {
    let all = &record.own.attributes;
    let attribute = |(name, value): (&String, &String)| Attribute { name: name.clone(), value: value.clone() };
    if needed.iter().any(|name| name == "*") {
        return all.iter().map(attribute).collect();
    }
    let mut found: Vec<Attribute> = needed.iter().filter_map(|name| all.get_key_value(name)).map(attribute).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// What happened to the record, of the kinds that are needed and up to the date.
fn history(shared: &Shared<'_>, record: &Record, needed: &[String]) -> Result<Vec<Happening>, ViewError> {
    if needed.is_empty() {
        return Ok(Vec::new());
    }
    let wants_accesses =
        [Kind::RecordAccessed, Kind::RecordShared].iter().any(|kind| needed.iter().any(|n| n == kind.as_str()));
    let mut facts = register::standing(shared.rows, &record.id, shared.seq)?;
    if wants_accesses {
        facts.extend(register::accesses(shared.rows, &record.id, shared.seq)?);
        facts.sort_by_key(|fact| fact.position);
    }
    let wanted = facts.iter().filter(|fact| {
        let on_time = fact.on.is_none_or(|on| on.last_day() <= shared.as_of);
        on_time && needed.iter().any(|kind| kind == fact.kind.as_str())
    });
    let happening = |fact: &register::Fact| Happening {
        seq: fact.position.seq,
        kind: fact.kind.as_str().to_owned(),
        at: fact.at,
        on: fact.on.map(|on| PartialDate::from(on.last_day())),
        attributes: sorted(fact.attributes()),
    };
    Ok(wanted.map(happening).collect())
}

fn sorted(attributes: &[(String, String)]) -> Vec<Attribute> {
    let attribute = |(name, value): &(String, String)| Attribute { name: name.clone(), value: value.clone() };
    let mut sorted: Vec<Attribute> = attributes.iter().map(attribute).collect();
    sorted.sort_unstable();
    sorted
}

/// What a record was derived from.
#[derive(Default)]
struct Ancestry {
    /// Nearest first, with the labels that they pass on.
    ancestors: Vec<Ancestor>,
    /// There are more.
    truncated: bool,
    /// The highest of their labels in force, what they have from their own ancestors included.
    risen: Option<Label>,
}

/// The entities that it was derived from, nearest first, each with the label that it passes on.
///
/// All of them are here, or a policy's answer is a fault: so each passes on only what it has of its own, and a circle of
/// records that were made of each other keeps nothing that none of them has. What lies behind an authorised downgrade is
/// left out: labels stop there, whatever it was made of.
fn ancestors(shared: &Shared<'_>, id: &EntityId, depth: u32) -> Result<Ancestry, ViewError> {
    if depth == 0 {
        return Ok(Ancestry::default());
    }
    let (found, truncated) = lineage::ancestors(shared.rows, id, depth, shared.seq)?;
    let mut ancestors = Vec::with_capacity(found.len());
    let mut in_force = FxHashMap::default();
    let mut barriers = BTreeSet::new();
    for (entity, depth) in found {
        let record = register::record_on(shared.rows, &entity, shared.seq, shared.as_of)?;
        if record.as_ref().and_then(|record| record.own.label.as_ref()).is_some_and(|label| label.barrier) {
            barriers.insert(entity.to_string());
        }
        let looked = record.map(|record| shared.look(record)).transpose()?;
        let label = looked.as_ref().and_then(|looked| crate::effective::label_passed_on(shared, looked));
        if let Some(risen) = looked.as_ref().and_then(|looked| crate::effective::label_in_force(shared, looked)) {
            in_force.insert(entity.to_string(), risen);
        }
        ancestors.push(Ancestor { entity: entity.to_string(), depth, label });
    }
    if !barriers.is_empty() {
        let before = reached_before(shared, id, depth, &barriers)?;
        ancestors.retain(|ancestor| before.contains(&ancestor.entity));
    }
    let risen = ancestors.iter().filter_map(|ancestor| in_force.remove(&ancestor.entity));
    let risen = risen.reduce(|one, other| crate::effective::joined(shared, one, &other));
    Ok(Ancestry { ancestors, truncated, risen })
}

/// The ancestors that are reached without passing through any of the barriers, which are reached themselves.
fn reached_before(
    shared: &Shared<'_>,
    id: &EntityId,
    depth: u32,
    barriers: &BTreeSet<String>,
) -> Result<BTreeSet<String>, ViewError> {
    let question = Question { depth_max: depth, as_of: shared.seq, ..Question::new(id.clone(), Direction::Up) };
    let Some(answer) = lineage::ask(shared.rows, &question)? else { return Ok(BTreeSet::new()) };
    let mut causes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for edge in &answer.edges {
        match edge.relation {
            Relation::Used | Relation::WasGeneratedBy | Relation::WasDerivedFrom | Relation::WasInformedBy => {
                causes.entry(&edge.from).or_default().push(&edge.to);
            }
            Relation::AlternateOf => {
                causes.entry(&edge.from).or_default().push(&edge.to);
                causes.entry(&edge.to).or_default().push(&edge.from);
            }
            Relation::WasAssociatedWith | Relation::WasAttributedTo => {}
        }
    }
    let mut reached = BTreeSet::from([id.to_string()]);
    let mut todo = vec![id.to_string()];
    while let Some(effect) = todo.pop() {
        if effect != id.as_str() && barriers.contains(&effect) {
            continue;
        }
        for cause in causes.get(effect.as_str()).into_iter().flatten() {
            if reached.insert((*cause).to_owned()) {
                todo.push((*cause).to_owned());
            }
        }
    }
    Ok(reached)
}
