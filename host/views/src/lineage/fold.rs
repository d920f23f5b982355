//! What an item adds to the graph.

use super::code::{Fact, NodeId, Writer};
use super::list::List;
use super::names::{Folding, Space, cut};
use super::{annul, columns};
use crate::{Pending, ViewError};
use fonds_model::date::Written;
use fonds_model::openlineage::{self, Change, Dataset, Lineage, Owner, RunState};
use fonds_model::{EntityId, Entry, Format, Kind, PartialDate, Position, Timestamp, body};

/// Tags of entries in the lists up and down of an entity.
pub(crate) mod edge {
    /// An activity: in the list up it may have written the entity, in the list down it has read it.
    pub(crate) const ACTIVITY: u8 = 1;
    /// Another entity that this one was derived from (up), or that was derived from this one (down).
    pub(crate) const DERIVED: u8 = 2;
    /// Another name of the entity.
    pub(crate) const ALIAS: u8 = 3;
}

/// Tags of entries in the list of an activity.
pub(crate) mod activity {
    /// An event: its state, when, what it read and wrote.
    pub(crate) const EVENT: u8 = 1;
    /// The job that it is a run of.
    pub(crate) const JOB: u8 = 2;
    /// The run that it is a part of.
    pub(crate) const PARENT: u8 = 3;
    /// Who answers for the job.
    pub(crate) const OWNER: u8 = 4;
    /// An activity that informed it.
    pub(crate) const INFORMED_BY: u8 = 5;
    /// An activity that it informed.
    pub(crate) const INFORMS: u8 = 6;
}

/// Tags of entries in the list of an entity.
pub(crate) mod entity {
    /// Its version.
    pub(crate) const VERSION: u8 = 1;
    /// A tag, as key and value.
    pub(crate) const TAG: u8 = 2;
    /// Who answers for it.
    pub(crate) const OWNER: u8 = 3;
}

/// What an event says of its activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Said {
    /// A job, or a facet, says that it is so: what was written counts at once.
    Declared,
    /// A run that has begun.
    Start,
    /// A run that goes on.
    Running,
    /// A run that is done.
    Complete,
    /// A run that was stopped.
    Abort,
    /// A run that failed.
    Fail,
    /// More about a run.
    Other,
}

impl Said {
    pub(crate) const ALL: [Said; 7] =
        [Said::Declared, Said::Start, Said::Running, Said::Complete, Said::Abort, Said::Fail, Said::Other];

    fn of(state: Option<RunState>) -> Self {
        match state {
            None => Said::Declared,
            Some(RunState::Start) => Said::Start,
            Some(RunState::Running) => Said::Running,
            Some(RunState::Complete) => Said::Complete,
            Some(RunState::Abort) => Said::Abort,
            Some(RunState::Fail) => Said::Fail,
            Some(RunState::Other) => Said::Other,
        }
    }
}

/// Nodes that one entry of an activity's list names at most; more are split.
const NODES_PER_ENTRY: usize = 200;
/// Every fact is kept.
const ALL: (usize, usize) = (0, usize::MAX);
/// A fact that each event repeats is kept twice a row, so that one annulment does not take it away.
const REPEATS: usize = 2;
/// Texts beside ids are kept to this length.
const TEXT_BYTES_MAX: usize = 1_024;

/// Folds one item.
pub(crate) fn fold(entry: &Entry, item: u16, rows: &mut Pending<'_>) -> Result<(), ViewError> {
    let Some(content) = entry.items.get(usize::from(item)).and_then(|item| item.content.as_ref()) else {
        return Ok(());
    };
    let position = Position { seq: entry.seq, item };
    let folding = &mut Folding::new(rows, position);
    match entry.kind {
        Kind::LineageRun | Kind::LineageDataset | Kind::LineageJob => {
            crate::read_lineage(&content.payload).map_or(Ok(()), |lineage| fold_lineage(folding, &lineage))
        }
        Kind::RecordCreated | Kind::RecordCaptured | Kind::RecordModified | Kind::RecordMigrated => {
            let Ok((envelope, body)) = content.split() else { return Ok(()) };
            let Some(subject) = &envelope.subject else { return Ok(()) };
            let derived_from = derived_from(entry.kind, envelope.format, body);
            let when = When::of(envelope.time.as_deref(), envelope.on, entry.at);
            fold_derived(folding, entry.kind, subject, &derived_from, when)
        }
        Kind::LogErased => {
            for erased in body::erased_items(&content.payload) {
                annul::fold_erased(folding.rows, erased.position());
            }
            Ok(())
        }
        Kind::EntryAnnulled => {
            let Ok((envelope, body)) = content.split() else { return Ok(()) };
            match body::parse::<body::Annulled>(entry.kind, envelope.format, body) {
                Ok(annulled) => annul::fold(folding, annulled.position()),
                Err(_) => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn derived_from(kind: Kind, format: Format, body: &[u8]) -> Vec<EntityId> {
    let read = match kind {
        Kind::RecordModified => body::parse::<body::Modified>(kind, format, body).map(|body| body.derived_from),
        Kind::RecordMigrated => body::parse::<body::Migrated>(kind, format, body).map(|body| body.derived_from),
        _ => body::parse::<body::Created>(kind, format, body).map(|body| body.derived_from),
    };
    read.unwrap_or_default()
}

/// When something happened, as far as it was written down: it cannot have been before `earliest` or after `latest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When {
    pub(crate) at: Timestamp,
    pub(crate) earliest: Timestamp,
    pub(crate) latest: Timestamp,
}

const HOUR: i64 = 3_600_000_000;

impl When {
    pub(crate) fn exactly(at: Timestamp) -> Self {
        Self { at, earliest: at, latest: at }
    }

    /// A date may be that of any place on earth: 14 hours before UTC to 12 hours behind it.
    fn of(time: Option<&str>, on: Option<PartialDate>, logged: Timestamp) -> Self {
        let written = time.and_then(|time| Written::parse(time).ok()).or(on.map(Written::Date));
        let Some(written) = written else { return Self::exactly(logged) };
        let at = written.instant();
        let Written::Date(date) = written else { return Self::exactly(at) };
        let text = date.to_string();
        let first = match text.len() {
            4 => format!("{text}-01-01T00:00:00Z"),
            7 => format!("{text}-01T00:00:00Z"),
            _ => format!("{text}T00:00:00Z"),
        };
        let first = Timestamp::parse(&first).unwrap_or(at);
        let earliest = Timestamp(first.0.saturating_sub(14 * HOUR));
        Self { at, earliest, latest: Timestamp(at.0.saturating_add(36 * HOUR)) }
    }
}

/// Folds what a lifecycle event says a record was made from.
pub(crate) fn fold_derived(
    folding: &mut Folding<'_, '_>,
    kind: Kind,
    subject: &EntityId,
    derived_from: &[EntityId],
    when: When,
) -> Result<(), ViewError> {
    // Whoever asks for a record that came from nowhere is told just that, not that there is no such record.
    if derived_from.is_empty() && !matches!(kind, Kind::RecordCreated | Kind::RecordCaptured) {
        return Ok(());
    }
    let Some(made) = folding.intern(Space::Entity, subject.as_str(), 0)? else { return Ok(()) };
    for from in derived_from {
        if let Some(from) = folding.intern(Space::Entity, from.as_str(), 0)? {
            derive(folding, made, from, when, None)?;
        }
    }
    Ok(())
}

/// Folds an OpenLineage event.
pub(crate) fn fold_lineage(folding: &mut Folding<'_, '_>, lineage: &Lineage) -> Result<(), ViewError> {
    let fact = Fact { position: folding.position, time: lineage.time };
    let said = Said::of(lineage.activity.as_ref().and_then(|activity| activity.state));
    let own = match &lineage.activity {
        Some(activity) => fold_activity(folding, activity, said, fact)?,
        None => None,
    };
    let mut inputs = datasets(folding, &lineage.inputs, fact)?;
    let mut outputs = datasets(folding, &lineage.outputs, fact)?;
    let claims = !matches!(said, Said::Fail | Said::Abort);
    // What a run that is not done yet claims counts once that run is.
    let pending = if matches!(said, Said::Declared | Said::Complete) { None } else { own };
    for (dataset, given) in lineage
        .inputs
        .iter()
        .map(|dataset| (dataset, None))
        .chain(lineage.outputs.iter().filter(|_| claims).map(|dataset| (dataset, pending)))
    {
        if let Some(Change::Rename(previous)) = &dataset.change {
            derive_named(folding, &dataset.id, previous, lineage.time, given)?;
        }
    }
    for (made, from) in lineage.derived.iter().filter(|_| claims) {
        derive_named(folding, made, from, lineage.time, pending)?;
    }
    let own_name = lineage.activity.as_ref().map(|activity| activity.id.as_str());
    for (reader, dataset) in &lineage.used {
        let Some(dataset) = folding.intern(Space::Entity, dataset.as_str(), 0)? else { continue };
        if own_name == Some(reader.as_str()) {
            inputs.push(dataset);
        } else if let Some(reader) = folding.intern(Space::Activity, reader, 0)? {
            event(folding, reader, Said::Declared, fact, &[dataset], &[])?;
        }
    }
    for (dataset, writer) in &lineage.generated {
        let Some(dataset) = folding.intern(Space::Entity, dataset.as_str(), 0)? else { continue };
        if own_name == Some(writer.as_str()) {
            outputs.push(dataset);
        } else if matches!(said, Said::Declared | Said::Complete)
            && let Some(writer) = folding.intern(Space::Activity, writer, 0)?
        {
            event(folding, writer, Said::Declared, fact, &[], &[dataset])?;
        }
    }
    for (informed, informant) in &lineage.informed {
        inform(folding, informed, informant, fact)?;
    }
    if let Some(own) = own {
        event(folding, own, said, fact, &inputs, &outputs)?;
    }
    columns::fold(folding, &lineage.columns, own, said, lineage.time)
}

fn fold_activity(
    folding: &mut Folding<'_, '_>,
    activity: &openlineage::Activity,
    said: Said,
    fact: Fact,
) -> Result<Option<NodeId>, ViewError> {
    let Some(node) = folding.intern(Space::Activity, &activity.id, 0)? else { return Ok(None) };
    if said != Said::Declared {
        let job = format!("job:{}/{}", activity.job_namespace, activity.job_name);
        if let Some(job) = folding.intern(Space::Activity, &job, 0)? {
            folding.append(List::Activity, node, &Writer::tagged(activity::JOB).node(job).0, (usize::MAX, 1))?;
        }
    }
    if let Some(parent) = &activity.parent
        && let Some(parent) = folding.intern(Space::Activity, parent, 0)?
    {
        repeated(folding, List::Activity, node, Writer::tagged(activity::PARENT).node(parent), fact)?;
    }
    for owner in &activity.owners {
        repeated(folding, List::Activity, node, &mut owned(activity::OWNER, owner), fact)?;
    }
    Ok(Some(node))
}

fn owned(tag: u8, owner: &Owner) -> Writer {
    let mut entry = Writer::tagged(tag);
    entry.text(cut(&owner.name, TEXT_BYTES_MAX)).text(cut(owner.kind.as_deref().unwrap_or(""), TEXT_BYTES_MAX));
    entry
}

/// Appends a fact that events tend to repeat.
fn repeated(
    folding: &mut Folding<'_, '_>,
    list: List,
    owner: NodeId,
    entry: &mut Writer,
    fact: Fact,
) -> Result<(), ViewError> {
    let same = entry.0.len();
    entry.fact(fact);
    folding.append(list, owner, &entry.0, (same, REPEATS))
}

/// Interns datasets, with what the event says of them.
fn datasets(folding: &mut Folding<'_, '_>, named: &[Dataset], fact: Fact) -> Result<Vec<NodeId>, ViewError> {
    let mut nodes = Vec::with_capacity(named.len());
    for dataset in named {
        let Some(node) = folding.intern(Space::Entity, dataset.id.as_str(), dataset.namespace.len() + 1)? else {
            continue;
        };
        nodes.push(node);
        if let Some(version) = &dataset.version {
            let entry = &mut Writer::tagged(entity::VERSION);
            repeated(folding, List::Entity, node, entry.text(cut(version, TEXT_BYTES_MAX)), fact)?;
        }
        for (key, value) in &dataset.tags {
            let entry = &mut Writer::tagged(entity::TAG);
            entry.text(cut(key, TEXT_BYTES_MAX)).text(cut(value, TEXT_BYTES_MAX));
            repeated(folding, List::Entity, node, entry, fact)?;
        }
        for owner in &dataset.owners {
            repeated(folding, List::Entity, node, &mut owned(entity::OWNER, owner), fact)?;
        }
        for alias in &dataset.aliases {
            let Some(alias) = folding.intern(Space::Entity, alias.as_str(), 0)?.filter(|alias| *alias != node) else {
                continue;
            };
            for list in [List::Up, List::Down] {
                repeated(folding, list, node, Writer::tagged(edge::ALIAS).node(alias), fact)?;
                repeated(folding, list, alias, Writer::tagged(edge::ALIAS).node(node), fact)?;
            }
        }
    }
    Ok(nodes)
}

/// Appends an event to its activity, and the activity to what it reads and writes.
fn event(
    folding: &mut Folding<'_, '_>,
    node: NodeId,
    said: Said,
    fact: Fact,
    inputs: &[NodeId],
    outputs: &[NodeId],
) -> Result<(), ViewError> {
    let named = |nodes: &[NodeId]| {
        let mut nodes = nodes.to_vec();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    };
    let (inputs, outputs) = (named(inputs), named(outputs));
    let (mut reads, mut writes) = (inputs.chunks(NODES_PER_ENTRY), outputs.chunks(NODES_PER_ENTRY));
    let (mut read, mut write) = (reads.next(), writes.next());
    loop {
        let mut entry = Writer::tagged(activity::EVENT);
        entry.number(said as u64).fact(fact);
        for nodes in [read, write].map(Option::unwrap_or_default) {
            entry.number(nodes.len() as u64);
            for node in nodes {
                entry.node(*node);
            }
        }
        folding.append(List::Activity, node, &entry.0, ALL)?;
        (read, write) = (reads.next(), writes.next());
        if read.is_none() && write.is_none() {
            break;
        }
    }
    let edge = Writer::tagged(edge::ACTIVITY).node(node).0.clone();
    for input in &inputs {
        folding.append(List::Down, *input, &edge, (usize::MAX, 1))?;
    }
    for output in outputs.iter().filter(|_| !matches!(said, Said::Fail | Said::Abort)) {
        folding.append(List::Up, *output, &edge, (usize::MAX, 1))?;
    }
    Ok(())
}

fn derive_named(
    folding: &mut Folding<'_, '_>,
    made: &EntityId,
    from: &EntityId,
    time: Timestamp,
    pending: Option<NodeId>,
) -> Result<(), ViewError> {
    let made = folding.intern(Space::Entity, made.as_str(), 0)?;
    let from = folding.intern(Space::Entity, from.as_str(), 0)?;
    match (made, from) {
        (Some(made), Some(from)) => derive(folding, made, from, When::exactly(time), pending),
        _ => Ok(()),
    }
}

/// Appends a derivation to both ends; one by a run that is `pending` counts once that run is complete.
fn derive(
    folding: &mut Folding<'_, '_>,
    made: NodeId,
    from: NodeId,
    when: When,
    pending: Option<NodeId>,
) -> Result<(), ViewError> {
    let fact = Fact { position: folding.position, time: when.at };
    for (list, owner, other) in [(List::Up, made, from), (List::Down, from, made)] {
        let mut entry = Writer::tagged(edge::DERIVED);
        entry.node(other).fact(fact).signed(when.earliest.0).signed(when.latest.0);
        if let Some(run) = pending {
            entry.node(run);
        }
        folding.append(list, owner, &entry.0, ALL)?;
    }
    Ok(())
}

fn inform(folding: &mut Folding<'_, '_>, informed: &str, informant: &str, fact: Fact) -> Result<(), ViewError> {
    let informed = folding.intern(Space::Activity, informed, 0)?;
    let informant = folding.intern(Space::Activity, informant, 0)?;
    let (Some(informed), Some(informant)) = (informed, informant) else { return Ok(()) };
    folding.append(
        List::Activity,
        informed,
        &Writer::tagged(activity::INFORMED_BY).node(informant).fact(fact).0,
        ALL,
    )?;
    folding.append(List::Activity, informant, &Writer::tagged(activity::INFORMS).node(informed).fact(fact).0, ALL)
}
