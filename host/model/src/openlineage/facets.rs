//! The facets that Fonds understands; every other one, and one that does not fit its schema, is left as it is.

use super::read::Text;
use super::{Activity, Change, ColumnEdge, Dataset, Lineage, Owner};
use crate::{EntityId, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// What the facets of one event say about who came from whom; sets, since producers repeat themselves.
#[derive(Default)]
pub(super) struct Found {
    derived: BTreeSet<(EntityId, EntityId)>,
    by_columns: BTreeSet<(EntityId, EntityId)>,
    informed: BTreeSet<(String, String)>,
    used: BTreeSet<(String, EntityId)>,
    generated: BTreeSet<(EntityId, String)>,
    columns: Vec<ColumnEdge>,
}

impl Found {
    /// The whole event. A dataset that only `columnLineage` names as a source, and no input, is derivation too.
    pub(super) fn into_lineage(
        mut self,
        time: Timestamp,
        activity: Option<Activity>,
        inputs: Vec<Dataset>,
        outputs: Vec<Dataset>,
    ) -> Lineage {
        let read: BTreeSet<&EntityId> = inputs.iter().map(|input| &input.id).collect();
        let by_columns = self.by_columns.into_iter().filter(|(_, from)| !read.contains(from));
        self.derived.extend(by_columns);
        Lineage {
            time,
            activity,
            inputs,
            outputs,
            derived: self.derived.into_iter().filter(|(made, from)| made != from).collect(),
            informed: self.informed.into_iter().collect(),
            used: self.used.into_iter().collect(),
            generated: self.generated.into_iter().collect(),
            columns: self.columns,
        }
    }
}

/// A facet by its name, unless it is marked as deleted or does not fit.
fn facet<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    #[derive(Deserialize)]
    struct Deleted {
        #[serde(default)]
        _deleted: bool,
    }
    let text = raw?.get();
    match serde_json::from_str::<Deleted>(text) {
        Ok(Deleted { _deleted: false }) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// The items of a list that fit, so that one bad item does not hide its neighbours.
fn each<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Vec<T> {
    let items: Vec<&RawValue> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    items.into_iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect()
}

#[derive(Default, Deserialize)]
struct Facets<'a> {
    #[serde(borrow, default, rename = "columnLineage")]
    column_lineage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    lineage: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "lifecycleStateChange")]
    lifecycle_state_change: Option<&'a RawValue>,
    #[serde(borrow, default)]
    symlinks: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ownership: Option<&'a RawValue>,
    #[serde(borrow, default)]
    version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tags: Option<&'a RawValue>,
    #[serde(borrow, default)]
    parent: Option<&'a RawValue>,
}

impl<'a> Facets<'a> {
    fn of(raw: &'a RawValue) -> Self {
        serde_json::from_str(raw.get()).unwrap_or_default()
    }
}

/// The `parent` facet of a run.
pub(super) fn parent(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Parent<'a> {
        #[serde(borrow)]
        run: Run<'a>,
    }
    #[derive(Deserialize)]
    struct Run<'a> {
        #[serde(borrow, rename = "runId")]
        run_id: Text<'a>,
    }
    let parent: Parent<'_> = facet(Facets::of(raw).parent)?;
    Some(format!("run:{}", parent.run.run_id.0))
}

/// The `ownership` facet of a job.
pub(super) fn owners(raw: &RawValue) -> Vec<Owner> {
    owners_of(Facets::of(raw).ownership)
}

fn owners_of(raw: Option<&RawValue>) -> Vec<Owner> {
    #[derive(Deserialize)]
    struct Ownership<'a> {
        #[serde(borrow, default)]
        owners: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct WireOwner {
        name: String,
        #[serde(default, rename = "type")]
        kind: Option<String>,
    }
    let ownership: Option<Ownership<'_>> = facet(raw);
    let owners = each::<WireOwner>(ownership.and_then(|ownership| ownership.owners));
    owners.into_iter().map(|owner| Owner { name: owner.name, kind: owner.kind }).collect()
}

#[derive(Deserialize)]
struct Name<'a> {
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

impl Name<'_> {
    fn id(&self) -> Option<EntityId> {
        EntityId::of_dataset(&self.namespace.0, &self.name.0).ok()
    }
}

/// Every facet of a dataset that is understood.
pub(super) fn of_dataset(raw: &RawValue, own: Option<&Activity>, dataset: &mut Dataset, found: &mut Found) {
    #[derive(Deserialize)]
    struct Version {
        #[serde(rename = "datasetVersion")]
        dataset_version: String,
    }
    let facets = Facets::of(raw);
    dataset.version = facet::<Version>(facets.version).map(|facet| facet.dataset_version);
    dataset.aliases = symlinks(facets.symlinks);
    dataset.owners = owners_of(facets.ownership);
    dataset.tags = tags(facets.tags);
    dataset.change = change(facets.lifecycle_state_change);
    if let Some(facet) = facet::<ColumnLineage<'_>>(facets.column_lineage) {
        column_lineage(&facet, &dataset.id, found);
    }
    if let Some(sources) = facet::<Sources<'_>>(facets.lineage) {
        into_dataset(&sources, &dataset.id, own, found);
    }
}

fn symlinks(raw: Option<&RawValue>) -> Vec<EntityId> {
    #[derive(Deserialize)]
    struct Symlinks<'a> {
        #[serde(borrow, default)]
        identifiers: Option<&'a RawValue>,
    }
    let names = each::<Name<'_>>(facet::<Symlinks<'_>>(raw).and_then(|facet| facet.identifiers));
    names.iter().filter_map(Name::id).collect()
}

fn tags(raw: Option<&RawValue>) -> Vec<(String, String)> {
    #[derive(Deserialize)]
    struct Tags<'a> {
        #[serde(borrow, default)]
        tags: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Tag {
        key: String,
        value: String,
        #[serde(default)]
        field: Option<String>,
    }
    let tags = each::<Tag>(facet::<Tags<'_>>(raw).and_then(|facet| facet.tags));
    let named = |tag: Tag| match tag.field {
        Some(field) => (format!("{field}/{}", tag.key), tag.value),
        None => (tag.key, tag.value),
    };
    tags.into_iter().map(named).collect()
}

fn change(raw: Option<&RawValue>) -> Option<Change> {
    #[derive(Deserialize)]
    struct StateChange<'a> {
        #[serde(borrow, rename = "lifecycleStateChange")]
        change: Text<'a>,
        #[serde(borrow, default, rename = "previousIdentifier")]
        previous: Option<Name<'a>>,
    }
    let facet: StateChange<'_> = facet(raw)?;
    Some(match (facet.change.0.as_ref(), facet.previous.and_then(|name| name.id())) {
        ("CREATE", _) => Change::Create,
        ("RENAME", Some(previous)) => Change::Rename(previous),
        ("ALTER" | "RENAME", _) => Change::Alter,
        ("DROP", _) => Change::Loss("DROP"),
        ("TRUNCATE", _) => Change::Loss("TRUNCATE"),
        ("OVERWRITE", _) => Change::Loss("OVERWRITE"),
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Transformation<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    subtype: Option<Text<'a>>,
}

fn how(raw: Option<&RawValue>) -> String {
    let all: BTreeSet<String> = each::<Transformation<'_>>(raw)
        .into_iter()
        .map(|step| match step.subtype {
            Some(subtype) if !subtype.0.is_empty() => format!("{}/{}", step.kind.0, subtype.0),
            _ => step.kind.0.into_owned(),
        })
        .collect();
    all.into_iter().collect::<Vec<_>>().join(",")
}

#[derive(Deserialize)]
struct ColumnLineage<'a> {
    #[serde(borrow, default)]
    fields: BTreeMap<String, &'a RawValue>,
    #[serde(borrow, default)]
    dataset: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct InputField<'a> {
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    field: String,
    #[serde(borrow, default)]
    transformations: Option<&'a RawValue>,
}

/// `columnLineage` up to 1-2-0: by column, and what affects the whole dataset (a filter, a join, an order).
fn column_lineage(facet: &ColumnLineage<'_>, to: &EntityId, found: &mut Found) {
    #[derive(Deserialize)]
    struct Field<'a> {
        #[serde(borrow, default, rename = "inputFields")]
        input_fields: Option<&'a RawValue>,
        /// Up to 1-0-1 the transformation stood here, once for all sources.
        #[serde(borrow, default, rename = "transformationType")]
        transformation: Option<Text<'a>>,
    }
    let mut add = |to_field: &str, inputs: Option<&RawValue>, otherwise: &str| {
        for input in each::<InputField<'_>>(inputs) {
            let Ok(from) = EntityId::of_dataset(&input.namespace.0, &input.name.0) else { continue };
            let how = match how(input.transformations) {
                none if none.is_empty() => otherwise.to_owned(),
                some => some,
            };
            found.by_columns.insert((to.clone(), from.clone()));
            let (to, to_field) = (to.clone(), to_field.to_owned());
            found.columns.push(ColumnEdge { to, to_field, from, from_field: input.field, how });
        }
    };
    for (name, raw) in &facet.fields {
        let Ok(field) = serde_json::from_str::<Field<'_>>(raw.get()) else { continue };
        let otherwise = field.transformation.as_ref().map_or("", |text| text.0.as_ref());
        add(name, field.input_fields, otherwise);
    }
    add("", facet.dataset, "");
}

/// The source of a target in the `lineage` facet: a dataset, or a job with or without a run.
#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    namespace: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default, rename = "runId")]
    run_id: Option<Text<'a>>,
    #[serde(default)]
    field: Option<String>,
    #[serde(borrow, default)]
    transformations: Option<&'a RawValue>,
}

/// The sources of a target: as a whole, and by its columns.
#[derive(Deserialize)]
struct Sources<'a> {
    #[serde(borrow, default)]
    inputs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    fields: Option<BTreeMap<String, &'a RawValue>>,
}

/// What a source or a target turns out to be.
enum End {
    Dataset(EntityId),
    Activity(String),
}

fn end(
    kind: &str,
    namespace: Option<&Text<'_>>,
    name: Option<&Text<'_>>,
    run: Option<&Text<'_>>,
    own: Option<&Activity>,
) -> Option<End> {
    match (kind, namespace, name, run) {
        ("DATASET", Some(namespace), Some(name), _) => {
            EntityId::of_dataset(&namespace.0, &name.0).ok().map(End::Dataset)
        }
        ("JOB", _, _, Some(run)) if !run.0.is_empty() => Some(End::Activity(format!("run:{}", run.0))),
        ("JOB", None, None, _) => own.map(|own| End::Activity(own.id.clone())),
        ("JOB", Some(namespace), Some(name), _) => {
            let is_own = |own: &&Activity| own.job_namespace == namespace.0 && own.job_name == name.0;
            let id = own.filter(is_own).map(|own| own.id.clone());
            Some(End::Activity(id.unwrap_or_else(|| format!("job:{}/{}", namespace.0, name.0))))
        }
        _ => None,
    }
}

impl Source<'_> {
    fn end(&self, own: Option<&Activity>) -> Option<End> {
        end(&self.kind.0, self.namespace.as_ref(), self.name.as_ref(), self.run_id.as_ref(), own)
    }
}

fn into_dataset(sources: &Sources<'_>, to: &EntityId, own: Option<&Activity>, found: &mut Found) {
    #[derive(Deserialize)]
    struct Field<'a> {
        #[serde(borrow, default)]
        inputs: Option<&'a RawValue>,
    }
    let mut add = |to_field: &str, raw: Option<&RawValue>| {
        for source in each::<Source<'_>>(raw) {
            match source.end(own) {
                Some(End::Activity(activity)) => {
                    found.generated.insert((to.clone(), activity));
                }
                Some(End::Dataset(from)) => {
                    found.derived.insert((to.clone(), from.clone()));
                    // A whole dataset that feeds a whole dataset is no edge between columns.
                    if !to_field.is_empty() || source.field.is_some() {
                        found.columns.push(ColumnEdge {
                            to: to.clone(),
                            to_field: to_field.to_owned(),
                            from,
                            how: how(source.transformations),
                            from_field: source.field.unwrap_or_default(),
                        });
                    }
                }
                None => {}
            }
        }
    };
    add("", sources.inputs);
    for (name, raw) in sources.fields.iter().flatten() {
        if let Ok(field) = serde_json::from_str::<Field<'_>>(raw.get()) {
            add(name, field.inputs);
        }
    }
}

/// The `lineage` facet of a job or a run: entries, each a target with its sources.
pub(super) fn entries(raw: &RawValue, own: &Activity, found: &mut Found) {
    #[derive(Deserialize)]
    struct Entries<'a> {
        #[serde(borrow, default)]
        entries: Option<&'a RawValue>,
    }
    let facet: Option<Entries<'_>> = facet(Facets::of(raw).lineage);
    let own = Some(own);
    let list: Vec<&RawValue> =
        facet.and_then(|facet| facet.entries).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    for raw in list {
        let Ok(target) = serde_json::from_str::<Source<'_>>(raw.get()) else { continue };
        let Ok(sources) = serde_json::from_str::<Sources<'_>>(raw.get()) else { continue };
        match target.end(own) {
            Some(End::Dataset(to)) => into_dataset(&sources, &to, own, found),
            Some(End::Activity(to)) => into_activity(&sources, &to, own, found),
            None => {}
        }
    }
}

fn into_activity(sources: &Sources<'_>, to: &str, own: Option<&Activity>, found: &mut Found) {
    for source in each::<Source<'_>>(sources.inputs) {
        match source.end(own) {
            Some(End::Activity(from)) if from != to => {
                found.informed.insert((to.to_owned(), from));
            }
            Some(End::Dataset(from)) => {
                found.used.insert((to.to_owned(), from));
            }
            _ => {}
        }
    }
}
