//! Questions to the views, answered in the shapes that programs read.

use crate::answers::{
    DecisionAnswer, EffectiveAnswer, Explanation, HeldAnswer, HistoryAnswer, Reason, RecordAnswer, RuleAnswer, Said,
};
use crate::effective::settled;
use crate::facts::Shared;
use crate::judging::{Judged, Judging};
use crate::{Runtime, RuntimeError};
use fonds_model::body::ReasonText;
use fonds_model::decision::{Mode, Term, Verdict, World};
use fonds_model::{AgencyPath, Digest, EntityId, PartialDate, Seq, SeriesId, Timestamp, Trigger, Unruled};
use fonds_policy::combine::Effective;
use fonds_views::lineage::{self, Answer, Question};
use fonds_views::register::{self, Facts, InForce, Record, Schedules};
use jiff::civil::Date;
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::collections::BTreeMap;

/// An agency on a date, with what it inherits.
#[derive(Debug, Clone, Serialize)]
pub struct AgencyAnswer {
    /// Where it stands in the tree.
    pub path: String,
    /// Its stable id.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// Its zone, its own or inherited.
    pub time_zone: Option<String>,
    /// `MM-DD`, its own or inherited.
    pub fiscal_year_end: Option<String>,
    /// Who answers for its records, or will, in the order in which they take over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub succeeded_by: Vec<SuccessionAnswer>,
    /// Whose records it answers for, or will.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub succeeds: Vec<SuccessionAnswer>,
    /// The log size that this reflects.
    pub log_size: u64,
}

/// The other agency of a succession.
#[derive(Debug, Clone, Serialize)]
pub struct SuccessionAnswer {
    /// Its path.
    pub path: String,
    /// Its stable id.
    pub id: String,
    /// From when on.
    pub effective: PartialDate,
    /// The law, order or decision that it rests on.
    pub authority: Option<String>,
    /// Who said so.
    pub by: Option<String>,
    /// The entry that says so.
    pub seq: Seq,
}

/// A version of a schedule.
#[derive(Debug, Clone, Serialize)]
pub struct ScheduleAnswer {
    /// Its id.
    pub schedule: String,
    /// Its version.
    pub version: String,
    /// From when on it is in force; none: always.
    pub effective: Option<PartialDate>,
    /// How many series it has.
    pub series: u64,
    /// The entry that has its first part.
    pub seq: Seq,
}

/// An installed plugin.
#[derive(Debug, Clone, Serialize)]
pub struct PluginAnswer {
    /// The manifest's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Which question it answers.
    pub world: World,
    /// The interface that it was built for.
    pub interface: String,
    /// SHA-256 of the component.
    pub digest: Digest,
    /// What it is.
    pub summary: String,
    /// The entry that installed it.
    pub seq: Seq,
}

/// A binding in force.
#[derive(Debug, Clone, Serialize)]
pub struct PolicyAnswer {
    /// Its name.
    pub name: String,
    /// Which question it answers.
    pub world: World,
    /// The plugin's name.
    pub plugin_name: String,
    /// SHA-256 of the component.
    pub plugin: Digest,
    /// SHA-256 of the configuration.
    pub config: Digest,
    /// The agency that it is for; everyone when none.
    pub scope: Option<String>,
    /// Whether its decisions count.
    pub mode: Mode,
    /// The entry that bound it.
    pub seq: Seq,
}

/// Which records `record list` shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this agency and all below it.
    pub agency: Option<String>,
    /// Of this series.
    pub series: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Due on or before this date.
    pub due_by: Option<Date>,
    /// As they are on this date; today when none.
    pub on: Option<Date>,
}

/// What `lineage` is asked.
#[derive(Debug, Clone)]
pub struct LineageTold {
    /// The question, but for `as_of`.
    pub question: Question,
    /// `SEQ` or a time.
    pub as_of: Option<String>,
}

impl Runtime {
    /// The path's agency id as it was defined before, if it was.
    pub(crate) fn agency_id_at(&self, path: &AgencyPath) -> Result<Option<AgencyPath>, RuntimeError> {
        let agencies = register::Agencies::load(self.rows(), None)?;
        let found = agencies.standing(path, self.now().date_utc());
        Ok(found
            .filter(|found| found.path == *path && !agencies.definitions(&found.id).is_empty())
            .map(|found| found.id))
    }

    /// An agency on a date.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when neither it nor one above it is defined.
    pub fn agency(&self, path: &str, on: Date) -> Result<AgencyAnswer, RuntimeError> {
        let path = AgencyPath::new(path)?;
        let agencies = register::Agencies::load(self.rows(), None)?;
        let found = agencies.standing(&path, on);
        let found = found
            .ok_or_else(|| RuntimeError::NotFound(format!("no agency `{path}` is defined: see `fonds agency list`")))?;
        Ok(self.agency_answer(&agencies, found, on))
    }

    /// All agencies on a date, in order of path.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn agencies(&self, on: Date) -> Result<Vec<AgencyAnswer>, RuntimeError> {
        let agencies = register::Agencies::load(self.rows(), None)?;
        let found = agencies.ids().filter_map(|id| agencies.standing(id, on));
        let mut all: Vec<AgencyAnswer> = found.map(|found| self.agency_answer(&agencies, found, on)).collect();
        all.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(all)
    }

    fn agency_answer(&self, agencies: &register::Agencies, found: register::AgencyOn, on: Date) -> AgencyAnswer {
        let other = |id: &AgencyPath, succession: &register::Succession| SuccessionAnswer {
            path: agencies.standing(id, on).map_or_else(|| id.to_string(), |found| found.path.to_string()),
            id: id.to_string(),
            effective: succession.succeeded.effective,
            authority: succession.succeeded.who.authority.clone(),
            by: succession.succeeded.who.by.clone(),
            seq: succession.position.seq,
        };
        let successions = agencies.successions();
        let (mut succeeded_by, mut succeeds) = (Vec::new(), Vec::new());
        for succession in successions {
            let of = &succession.succeeded;
            if of.agency == found.id {
                succeeded_by.push(other(&of.successor, succession));
            } else if of.successor == found.id {
                succeeds.push(other(&of.agency, succession));
            }
        }
        AgencyAnswer {
            path: found.path.to_string(),
            id: found.id.to_string(),
            name: found.name,
            time_zone: found.time_zone,
            fiscal_year_end: found.fiscal_year_end.map(|day| day.to_string()),
            succeeded_by,
            succeeds,
            log_size: self.log_size(),
        }
    }

    /// All versions of all schedules.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn schedules(&self) -> Result<Vec<ScheduleAnswer>, RuntimeError> {
        let schedules = Schedules::load(self.rows(), None)?;
        let mut answers = Vec::new();
        for version in schedules.ids().flat_map(|id| schedules.versions(id)).filter(|version| version.is_complete()) {
            let mut series = 0;
            for one in schedules.series(self.rows(), version) {
                one?;
                series += 1;
            }
            let first = version.entries.values().flatten().min().copied().unwrap_or_default();
            let (schedule, effective) = (version.schedule.clone(), version.effective);
            answers.push(ScheduleAnswer { schedule, version: version.version.clone(), effective, series, seq: first });
        }
        Ok(answers)
    }

    /// A series' rule on a date, or why it has none.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn series(&self, id: &str, on: Date) -> Result<RuleAnswer, RuntimeError> {
        let id = SeriesId::new(id)?;
        let shared = Shared::load(self.rows(), on, None)?;
        rule_answer(&shared, Some(&id), self.log_size())
    }

    /// The installed plugins.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn plugins(&self) -> Result<Vec<PluginAnswer>, RuntimeError> {
        let answer = |found: register::Installed| PluginAnswer {
            name: found.plugin.name,
            version: found.plugin.version,
            world: found.plugin.world,
            interface: found.plugin.interface,
            digest: found.plugin.digest,
            summary: found.plugin.summary,
            seq: found.position.seq,
        };
        Ok(self.installed_plugins()?.into_iter().map(answer).collect())
    }

    /// The bindings in force.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn policies(&self) -> Result<Vec<PolicyAnswer>, RuntimeError> {
        let plugins = self.installed_plugins()?;
        let name = |digest: &Digest| {
            let found = plugins.iter().find(|plugin| plugin.plugin.digest == *digest);
            found.map_or_else(|| digest.to_hex(), |plugin| plugin.plugin.name.clone())
        };
        let answer = |bound: register::Binding| PolicyAnswer {
            plugin_name: name(&bound.plugin),
            name: bound.name,
            world: bound.world,
            plugin: bound.plugin,
            config: bound.config,
            scope: bound.scope.map(String::from),
            mode: bound.mode,
            seq: bound.bound_at,
        };
        Ok(self.bindings_in_force()?.into_iter().map(answer).collect())
    }

    /// A record, now or as the log knew it, as it is today or on a date.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when the log knew of none.
    pub fn record(&self, id: &str, as_of: Option<&str>, on: Option<Date>) -> Result<RecordAnswer, RuntimeError> {
        let seq = as_of.map(|text| self.seq_of(text)).transpose()?;
        let on = match (on, seq) {
            (Some(on), _) => on,
            (None, Some(seq)) => self.entry(seq)?.at.date_utc(),
            (None, None) => self.now().date_utc(),
        };
        let found = self.found(id, seq, on)?;
        let shared = Shared::load(self.rows(), on, seq)?;
        let log_size = seq.map_or(self.log_size(), |seq| seq + 1);
        let mut texts = Texts::new(self)?;
        answer(&Judging::new(&shared)?, found, &mut texts, log_size)
    }

    fn found(&self, id: &str, as_of: Option<Seq>, on: Date) -> Result<Record, RuntimeError> {
        let id = EntityId::new(id)?;
        register::record_on(self.rows(), &id, as_of, on)?.ok_or_else(|| {
            RuntimeError::NotFound(format!("no record `{id}`: see `fonds record list`; ids are compared byte for byte"))
        })
    }

    /// The records that a filter lets through, in order of id, or of date when it asks for what is due; each is handed to
    /// `show` as it is found.
    ///
    /// # Errors
    /// When the views cannot be read, or `show` fails.
    pub fn records<E: From<RuntimeError>>(
        &self,
        filter: &Filter,
        show: &mut dyn FnMut(RecordAnswer) -> Result<(), E>,
    ) -> Result<(), E> {
        let wrong = |error: fonds_views::ViewError| E::from(error.into());
        let on = filter.on.unwrap_or_else(|| self.now().date_utc());
        let shared = Shared::load(self.rows(), on, None)?;
        let judging = Judging::new(&shared).map_err(wrong)?;
        judging.holding.prepare().map_err(wrong)?;
        let mut texts = Texts::new(self)?;
        let mut one = |record: Record| -> Result<(), E> {
            if !filter.may_match(&shared, &record) {
                return Ok(());
            }
            let answer = answer(&judging, record, &mut texts, self.log_size())?;
            if filter.matches(&answer) { show(answer) } else { Ok(()) }
        };
        let Some(by) = filter.due_by else {
            return register::records_on(self.rows(), on).try_for_each(|record| one(record.map_err(wrong)?));
        };
        let mut seen = std::collections::BTreeSet::new();
        for due in register::due(self.rows(), by) {
            let (_, id) = due.map_err(wrong)?;
            if seen.insert(id.clone())
                && let Some(record) = register::record_on(self.rows(), &id, None, on).map_err(wrong)?
            {
                one(record)?;
            }
        }
        Ok(())
    }

    /// The decisions in force about a record, and the entries they rest on.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when there is no such record.
    pub fn explain(&self, id: &str) -> Result<Explanation, RuntimeError> {
        let today = self.now().date_utc();
        let record = self.record(id, None, Some(today))?;
        let shared = Shared::load(self.rows(), today, None)?;
        let looked = shared.look(self.found(id, None, today)?)?;
        let facts = looked.record.facts_on(shared.as_of);
        let series = settled(&shared, &looked, &facts, World::Retention).series;
        let history = register::history(self.rows(), &looked.record.id, None)?;
        let amended: BTreeMap<_, _> = history.iter().filter_map(|fact| Some((fact.target()?, fact))).collect();
        let shown = |fact: &register::Fact| HistoryAnswer {
            seq: fact.position.seq,
            item: fact.position.item,
            kind: fact.kind.as_str().to_owned(),
            at: fact.at.to_string(),
            on: fact.on,
            by: fact.said.by.clone(),
            put_right: amended.get(&fact.position).map(|by| format!("{} by entry {}", by.kind, by.position.seq)),
        };
        Ok(Explanation {
            record,
            rule: rule_answer(&shared, series.as_ref(), self.log_size())?,
            history: history.iter().map(shown).collect(),
        })
    }

    /// Where an entity came from, and what came of it.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when no event names it.
    pub fn lineage(&self, told: &LineageTold) -> Result<(Answer, u64), RuntimeError> {
        let seq = told.as_of.as_deref().map(|text| self.seq_of(text)).transpose()?;
        let question = Question { as_of: seq, ..told.question.clone() };
        let id = question.entity.clone();
        let answer = lineage::ask(self.rows(), &question)?.ok_or_else(|| {
            RuntimeError::NotFound(format!(
                "no event names `{id}`: ids are compared byte for byte, NAMESPACE/NAME for a dataset"
            ))
        })?;
        Ok((answer, seq.map_or(self.log_size(), |seq| seq + 1)))
    }

    /// `SEQ`, or the greatest entry that was logged at a time or before it.
    pub(crate) fn seq_of(&self, text: &str) -> Result<Seq, RuntimeError> {
        let size = self.log_size();
        if let Ok(seq) = text.parse::<Seq>() {
            return if seq < size {
                Ok(seq)
            } else {
                Err(RuntimeError::NotFound(format!("there is no entry {seq}: the log's size is {size}")))
            };
        }
        let at = match PartialDate::parse(text) {
            // A bare date means all that was logged on it.
            Ok(date) => fonds_model::date::Written::Date(date).instant().0 + 86_400_000_000 - 1,
            Err(_) => Timestamp::parse(text)?.0,
        };
        let found = self.log().reader()?.seq_at(Timestamp(at))?;
        found.ok_or_else(|| RuntimeError::NotFound(format!("nothing had been logged at {text}")))
    }
}

/// Whether a record is of an agency or one below it, by the name that was given or by who answers for it now.
pub(crate) fn is_of(shared: &Shared<'_>, record: &Record, above: &str) -> bool {
    let Some(named) = record.agency() else { return false };
    let stands = shared.agencies.resolve(named, shared.as_of).map(|found| found.path);
    named.is_within(above) || stands.is_some_and(|path| path.is_within(above))
}

impl Filter {
    /// What can be said before decisions are read.
    fn may_match(&self, shared: &Shared<'_>, record: &Record) -> bool {
        self.agency.as_ref().is_none_or(|above| is_of(shared, record, above))
    }

    fn matches(&self, answer: &RecordAnswer) -> bool {
        let is = |wanted: &Option<String>, found: Option<&String>| wanted.is_none() || wanted.as_ref() == found;
        let due = self.due_by.is_none_or(|by| answer.effective.due.is_some_and(|due| due.last_day() <= by));
        due && is(&self.series, answer.series.as_ref()) && is(&self.state, Some(&answer.state))
    }
}

/// The words of installed plugins' reasons, read once a command.
struct Texts(FxHashMap<Digest, Vec<ReasonText>>);

impl Texts {
    fn new(runtime: &Runtime) -> Result<Self, RuntimeError> {
        let plugins = runtime.installed_plugins()?.into_iter();
        Ok(Self(plugins.map(|plugin| (plugin.plugin.digest, plugin.plugin.reasons)).collect()))
    }

    fn of(&self, plugin: &Digest) -> &[ReasonText] {
        self.0.get(plugin).map_or(&[], Vec::as_slice)
    }
}

fn rule_answer(shared: &Shared<'_>, series: Option<&SeriesId>, log_size: u64) -> Result<RuleAnswer, RuntimeError> {
    let rule = shared.rule(series)?;
    let missing = rule.as_ref().err().map(|why| unruled(*why).to_owned());
    let rule = rule.ok();
    Ok(RuleAnswer {
        series: series.map(ToString::to_string),
        title: rule.as_ref().map(|rule| rule.title.clone()),
        missing,
        rule: rule.map(|rule| rule.rule.clone()),
        log_size: shared.seq.map_or(log_size, |seq| seq + 1),
    })
}

pub(crate) fn unruled(why: Unruled) -> &'static str {
    match why {
        Unruled::Unscheduled => "unscheduled",
        Unruled::NoRule => "no-rule",
        Unruled::ConflictingRule => "conflicting-rule",
        Unruled::Withdrawn => "withdrawn",
    }
}

fn answer(
    judging: &Judging<'_>,
    record: Record,
    texts: &mut Texts,
    log_size: u64,
) -> Result<RecordAnswer, RuntimeError> {
    let shared = judging.shared;
    let Judged { looked, facts, series, rule, held, effective } = judging.judge(record)?;
    let label = crate::effective::label_in_force(shared, &looked);
    let authority = rule.as_ref().ok().map(|rule| rule.rule.authority.clone());
    let (decisions, also) = shown(&looked.decisions, &effective, texts, authority.as_deref());
    let record = &looked.record;
    let filed = filed(shared, record);
    let on = |trigger: &Trigger| written(&facts, trigger, record);
    Ok(RecordAnswer {
        id: record.id.to_string(),
        agency: record
            .agency()
            .map(|named| shared.agency(Some(named)).map_or_else(|| named.to_string(), |agency| agency.path)),
        creator: record.own.creator.as_ref().map(ToString::to_string),
        series: series.map(String::from),
        kind: record.own.kind.clone(),
        title: record.own.title.clone(),
        state: if facts.destroyed.is_some() { "destroyed".to_owned() } else { facts.state.as_str().to_owned() },
        created: on(&Trigger::Creation),
        closed: on(&Trigger::Closed),
        file: record.own.file.as_ref().map(ToString::to_string),
        filed,
        label,
        marks: facts.marks.iter().map(|mark| mark.as_str().to_owned()).collect(),
        attributes: record.own.attributes.clone(),
        holds: held.iter().map(|held| held.hold.clone()).collect(),
        held_through: held.iter().map(HeldAnswer::of).collect(),
        decisions,
        also,
        effective: effective_answer(effective),
        log_size,
    })
}

/// How many records are filed into one; more than 10,000 are not counted.
fn filed(shared: &Shared<'_>, record: &Record) -> u64 {
    const COUNTED_MAX: usize = 10_000;
    let count = match shared.seq {
        None => register::filed_on(shared.rows, &record.id, shared.as_of).take(COUNTED_MAX).count(),
        seq => register::filed_at(shared.rows, &record.id, seq, Some(shared.as_of)).take(COUNTED_MAX).count(),
    };
    count as u64
}

/// The date of a trigger as it was written, whatever its precision.
pub(crate) fn written(facts: &Facts, trigger: &Trigger, record: &Record) -> Option<PartialDate> {
    let found = facts.occurrence(trigger)?;
    let own = record.own.occurred.iter().find(|occurred| occurred.position == found.position);
    own.map_or(found.on, |occurred| occurred.on)
}

fn effective_answer(effective: Effective) -> EffectiveAnswer {
    let declassify = effective.label.is_some().then_some(effective.declassify);
    EffectiveAnswer {
        due: effective.due,
        action: effective.action,
        blocked_by: effective.blocked_by,
        not_after: effective.not_after,
        overdue: effective.overdue,
        declassify,
        plan: effective.plan,
    }
}

/// The decision that governs in each world, and the others.
fn shown(
    decisions: &[InForce],
    effective: &Effective,
    texts: &Texts,
    authority: Option<&str>,
) -> (BTreeMap<String, DecisionAnswer>, Vec<DecisionAnswer>) {
    let mut governing = BTreeMap::new();
    let mut also = Vec::new();
    for world in World::ALL {
        let of_world: Vec<&InForce> = decisions.iter().filter(|decision| decision.world == world).collect();
        let enforced = |decision: &&&InForce| decision.mode == Mode::Enforce;
        let chosen = of_world.iter().filter(enforced).find(|decision| governs(&decision.verdict, effective));
        let chosen = chosen.or_else(|| of_world.iter().find(enforced)).copied();
        for decision in of_world {
            let answer = decision_answer(decision, texts, authority);
            if chosen.is_some_and(|chosen| std::ptr::eq(chosen, decision)) {
                governing.insert(world.as_str().to_owned(), answer);
            } else {
                also.push(answer);
            }
        }
    }
    (governing, also)
}

/// Whether it is this decision that the combination follows.
fn governs(verdict: &Verdict, effective: &Effective) -> bool {
    match verdict {
        Verdict::Retention(retention) => retention.term == effective.term,
        Verdict::Classification(said) => said.label == effective.label,
        Verdict::Archival(said) => said.select == effective.plan,
        Verdict::Fault(_) => true,
    }
}

fn decision_answer(decision: &InForce, texts: &Texts, authority: Option<&str>) -> DecisionAnswer {
    let texts = texts.of(&decision.plugin);
    let (said, reasons, fault) = match &decision.verdict {
        Verdict::Retention(said) => {
            let (term, date, waiting_for) = match &said.term {
                Term::Until(date) => ("until", Some(*date), None),
                Term::Waiting(awaited) => ("waiting", None, Some(awaited.to_string())),
                Term::Forever => ("forever", None, None),
                Term::Abstain => ("abstain", None, None),
            };
            let (not_after, action) = (said.not_after, Some(said.action));
            (Said::Retention { term, date, waiting_for, not_after, action }, said.reasons.as_slice(), None)
        }
        Verdict::Classification(said) => {
            let series = said.series.as_ref().map(ToString::to_string);
            let (label, declassify) = (said.label.clone(), Some(said.declassify.clone()));
            (Said::Classification { series, label, declassify }, said.reasons.as_slice(), None)
        }
        Verdict::Archival(said) => (Said::Archival { select: said.select.clone() }, said.reasons.as_slice(), None),
        Verdict::Fault(fault) => (unsaid(decision.world), [].as_slice(), Some(fault.clone())),
    };
    let authority = authority.filter(|_| decision.world == World::Retention);
    let mut reasons: Vec<Reason> = reasons.iter().map(|because| Reason::of(because, texts, authority)).collect();
    if let Some(fault) = &fault {
        let text = format!("the policy gave no answer ({}), so the record is retained", fault.detail);
        reasons.push(Reason { code: format!("fault:{}", fault.kind.as_str()), text, authority: None });
    }
    DecisionAnswer {
        said,
        reasons,
        policy: decision.binding.clone(),
        plugin: decision.plugin,
        config: decision.config,
        facts: decision.facts,
        as_of: decision.as_of,
        mode: decision.mode,
        seq: decision.position.seq,
        item: decision.position.item,
        shortened_by: decision.shortened_by.clone(),
        fault,
    }
}

/// The shape of a world's answer when there is none.
fn unsaid(world: World) -> Said {
    match world {
        World::Retention => {
            Said::Retention { term: "fault", date: None, waiting_for: None, not_after: None, action: None }
        }
        World::Classification => Said::Classification { series: None, label: None, declassify: None },
        World::Archival => Said::Archival { select: None },
    }
}
