//! The required fields of an event, and the event as PROV.
//!
//! Required are `eventTime`, `producer`, and what the three kinds of OpenLineage 2-0-2 need. `schemaURL` is not:
//! real producers leave it out. A facet that does not fit its schema is kept like an unknown one and not interpreted,
//! so [`check`] and [`read`] accept the same events.

use super::facets::{self, Found};
use super::{Activity, Dataset, Lineage, RunState};
use crate::ids::ID_BYTES_MAX;
use crate::{EntityId, Kind, ModelError, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A text that borrows from the event wherever it holds no escape.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// An event with its facets as `F`: skipped when it is only checked, raw when it is read.
#[derive(Deserialize)]
#[serde(bound(deserialize = "F: Deserialize<'de>"))]
struct Wire<'a, F> {
    #[serde(borrow, rename = "eventTime")]
    event_time: Text<'a>,
    #[serde(borrow)]
    producer: Text<'a>,
    #[serde(borrow, default, rename = "eventType")]
    event_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    run: Option<WireRun<'a, F>>,
    #[serde(borrow, default)]
    job: Option<WireJob<'a, F>>,
    #[serde(borrow, default)]
    dataset: Option<WireDataset<'a, F>>,
    #[serde(borrow, default)]
    inputs: Option<Vec<WireDataset<'a, F>>>,
    #[serde(borrow, default)]
    outputs: Option<Vec<WireDataset<'a, F>>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "F: Deserialize<'de>"))]
struct WireRun<'a, F> {
    #[serde(borrow, rename = "runId")]
    run_id: Text<'a>,
    #[serde(default = "none")]
    facets: Option<F>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "F: Deserialize<'de>"))]
struct WireJob<'a, F> {
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(default = "none")]
    facets: Option<F>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "F: Deserialize<'de>"))]
struct WireDataset<'a, F> {
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(default = "none")]
    facets: Option<F>,
}

fn none<F>() -> Option<F> {
    None
}

fn wrong(kind: Kind, why: impl Into<String>) -> ModelError {
    ModelError::Body { kind: kind.as_str(), why: why.into() }
}

/// What an envelope needs of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'a> {
    /// `lineage.run`, `lineage.dataset` or `lineage.job`.
    pub kind: Kind,
    /// `eventTime` as it was written; one without an offset, which real clients send, is read as UTC and gets a `Z`.
    pub time: Cow<'a, str>,
    /// `producer`.
    pub producer: Cow<'a, str>,
}

/// Checks that a text is an event, without reading its facets.
///
/// # Errors
/// [`ModelError::Body`] exactly when [`read`] refuses it.
pub fn check(text: &str) -> Result<Head<'_>, ModelError> {
    let wire: Wire<'_, IgnoredAny> = parse(text)?;
    let kind = kind_of(&wire)?;
    let (_, time) = time_of(kind, wire.event_time.0)?;
    Ok(Head { kind, time, producer: wire.producer.0 })
}

/// Reads an event.
///
/// # Errors
/// [`ModelError::Body`] when it is not an OpenLineage run, dataset or job event, and says which field is missing.
pub fn read(body: &[u8]) -> Result<(Kind, Lineage), ModelError> {
    let text = std::str::from_utf8(body).map_err(|_| wrong(Kind::LineageRun, "it is not UTF-8"))?;
    let wire: Wire<'_, &RawValue> = parse(text)?;
    let kind = kind_of(&wire)?;
    let (time, _) = time_of(kind, wire.event_time.0)?;
    let activity = activity_of(kind, &wire.event_type, wire.run.as_ref(), wire.job.as_ref())?;
    let mut found = Found::default();
    if let (Some(activity), Some(job)) = (&activity, &wire.job) {
        let of_run = wire.run.as_ref().and_then(|run| run.facets);
        for facets in [job.facets, of_run].into_iter().flatten() {
            facets::entries(facets, activity, &mut found);
        }
    }
    let own = activity.as_ref();
    let inputs = datasets(wire.inputs.unwrap_or_default(), own, &mut found)?;
    let written = wire.outputs.unwrap_or_default().into_iter().chain(wire.dataset);
    let outputs = datasets(written, own, &mut found)?;
    let lineage = found.into_lineage(time, activity, inputs, outputs);
    Ok((kind, lineage))
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ModelError> {
    serde_json::from_str(text).map_err(|error| wrong(Kind::LineageRun, error.to_string()))
}

fn kind_of<F>(wire: &Wire<'_, F>) -> Result<Kind, ModelError> {
    let kind = match (&wire.run, &wire.job, &wire.dataset) {
        (Some(run), Some(_), _) => {
            check_text(Kind::LineageRun, "run.runId", &run.run_id.0)?;
            run_state(&wire.event_type)?;
            Kind::LineageRun
        }
        (Some(_), None, _) => return Err(wrong(Kind::LineageRun, "missing field `job`")),
        (None, Some(_), Some(_)) => {
            return Err(wrong(Kind::LineageJob, "it has both `job` and `dataset`, so it is neither kind of event"));
        }
        (None, Some(_), None) if wire.event_type.is_some() => {
            return Err(wrong(Kind::LineageRun, "missing field `run`: it has an `eventType`"));
        }
        (None, Some(_), None) => Kind::LineageJob,
        (None, None, Some(_)) => Kind::LineageDataset,
        (None, None, None) => {
            return Err(wrong(Kind::LineageRun, "missing field `run`, `job` or `dataset`: it is no OpenLineage event"));
        }
    };
    if let Some(job) = &wire.job {
        check_text(kind, "job.namespace", &job.namespace.0)?;
        check_text(kind, "job.name", &job.name.0)?;
    }
    let lists = [&wire.inputs, &wire.outputs].into_iter().flatten().flatten();
    for dataset in lists.chain(&wire.dataset) {
        let joined = dataset.namespace.0.len() + dataset.name.0.len() + 1;
        if dataset.name.0.is_empty() {
            return Err(wrong(kind, "a dataset's `name` is empty"));
        }
        if joined > ID_BYTES_MAX {
            return Err(wrong(kind, "a dataset's `namespace` and `name` are longer than 2,048 bytes"));
        }
        if dataset.namespace.0.contains('\0') || dataset.name.0.contains('\0') {
            return Err(wrong(kind, "a dataset's `namespace` or `name` holds a NUL character"));
        }
    }
    Ok(kind)
}

fn check_text(kind: Kind, field: &str, text: &str) -> Result<(), ModelError> {
    if text.is_empty() {
        return Err(wrong(kind, format!("`{field}` is empty")));
    }
    if text.len() > ID_BYTES_MAX {
        return Err(wrong(kind, format!("`{field}` is longer than 2,048 bytes")));
    }
    if text.contains('\0') {
        return Err(wrong(kind, format!("`{field}` holds a NUL character")));
    }
    Ok(())
}

fn time_of(kind: Kind, text: Cow<'_, str>) -> Result<(Timestamp, Cow<'_, str>), ModelError> {
    if let Ok(time) = Timestamp::parse(&text) {
        return Ok((time, text));
    }
    let in_utc = format!("{text}Z");
    match Timestamp::parse(&in_utc) {
        Ok(time) => Ok((time, Cow::Owned(in_utc))),
        Err(_) => {
            let shown: String = text.chars().take(80).collect();
            Err(wrong(kind, format!("`eventTime` is `{shown}`, which is no RFC 3339 time")))
        }
    }
}

fn run_state(text: &Option<Text<'_>>) -> Result<RunState, ModelError> {
    let Some(text) = text else { return Ok(RunState::Other) };
    Ok(match text.0.as_ref() {
        "START" => RunState::Start,
        "RUNNING" => RunState::Running,
        "COMPLETE" => RunState::Complete,
        "ABORT" => RunState::Abort,
        "FAIL" => RunState::Fail,
        "OTHER" => RunState::Other,
        other => {
            let shown: String = other.chars().take(80).collect();
            let why = format!("`eventType` is `{shown}`; it must be START, RUNNING, COMPLETE, ABORT, FAIL or OTHER");
            return Err(wrong(Kind::LineageRun, why));
        }
    })
}

fn activity_of<'a>(
    kind: Kind,
    event_type: &Option<Text<'a>>,
    run: Option<&WireRun<'a, &'a RawValue>>,
    job: Option<&WireJob<'a, &'a RawValue>>,
) -> Result<Option<Activity>, ModelError> {
    let Some(job) = job else { return Ok(None) };
    let (namespace, name) = (job.namespace.0.to_string(), job.name.0.to_string());
    let id = match run {
        Some(run) => format!("run:{}", run.run_id.0),
        None => format!("job:{namespace}/{name}"),
    };
    let state = if kind == Kind::LineageRun { Some(run_state(event_type)?) } else { None };
    Ok(Some(Activity {
        id,
        state,
        job_namespace: namespace,
        job_name: name,
        parent: run.and_then(|run| run.facets).and_then(facets::parent),
        owners: job.facets.map(facets::owners).unwrap_or_default(),
    }))
}

fn datasets<'a>(
    list: impl IntoIterator<Item = WireDataset<'a, &'a RawValue>>,
    own: Option<&Activity>,
    found: &mut Found,
) -> Result<Vec<Dataset>, ModelError> {
    let mut datasets = Vec::new();
    for dataset in list {
        let (namespace, name) = (dataset.namespace.0.into_owned(), dataset.name.0.into_owned());
        let id = EntityId::of_dataset(&namespace, &name)?;
        let mut mapped = Dataset {
            id,
            namespace,
            name,
            version: None,
            aliases: Vec::new(),
            owners: Vec::new(),
            tags: Vec::new(),
            change: None,
        };
        if let Some(facets) = dataset.facets {
            facets::of_dataset(facets, own, &mut mapped, found);
        }
        datasets.push(mapped);
    }
    Ok(datasets)
}
