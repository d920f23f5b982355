//! What one OpenLineage 2-0-2 event says, in PROV's words.
//!
//! Ingest reads an event through here to refuse what is not one, and the lineage fold reads the same bytes again
//! from the payload, so that both always agree.

use crate::{EntityId, Timestamp};

mod facets;
mod read;

pub use read::{Head, check, read};

/// A dataset that an event names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// `namespace/name`.
    pub id: EntityId,
    /// The namespace, kept beside the id, since names may hold colons and slashes.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The `version` facet.
    pub version: Option<String>,
    /// The `symlinks` facet: other names of the same data.
    pub aliases: Vec<EntityId>,
    /// The `ownership` facet.
    pub owners: Vec<Owner>,
    /// The `tags` facet, as key and value; a tag of one column has `COLUMN/KEY` for its key.
    pub tags: Vec<(String, String)>,
    /// The `lifecycleStateChange` facet.
    pub change: Option<Change>,
}

/// An owner of a dataset or a job: an Agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// `team:permits`, `user:jane`, …
    pub name: String,
    /// `MAINTAINER`, `STEWARD`, …
    pub kind: Option<String>,
}

/// A dataset's `lifecycleStateChange`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was made.
    Create,
    /// Its shape was changed.
    Alter,
    /// It had this name before.
    Rename(EntityId),
    /// `DROP`, `TRUNCATE` or `OVERWRITE`: a claim of loss, not a disposition.
    Loss(&'static str),
}

/// A run's `eventType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It has begun; it claims no output.
    Start,
    /// It goes on; it claims no output yet.
    Running,
    /// It is done; its outputs count.
    Complete,
    /// It was stopped; it claims no output.
    Abort,
    /// It failed; it claims no output.
    Fail,
    /// More about the run, at any time.
    Other,
}

/// What did it: a run, or a job that says what its runs do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// `run:RUNID`, or `job:NAMESPACE/NAME` for a job event.
    pub id: String,
    /// The run's state; `None` for a job event, whose declared outputs count at once.
    pub state: Option<RunState>,
    /// The job's namespace.
    pub job_namespace: String,
    /// The job's name.
    pub job_name: String,
    /// The `parent` facet: the run of which this is a part.
    pub parent: Option<String>,
    /// Owners of the job.
    pub owners: Vec<Owner>,
}

/// A column that was made from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnEdge {
    /// The dataset that was made.
    pub to: EntityId,
    /// Its column; empty when the source affects the whole dataset.
    pub to_field: String,
    /// The dataset that went in.
    pub from: EntityId,
    /// Its column; empty when the whole dataset went in.
    pub from_field: String,
    /// `DIRECT/IDENTITY`, `INDIRECT/JOIN`, …, sorted and joined by commas; may be empty.
    pub how: String,
}

/// An OpenLineage event, mapped.
///
/// What is derived, generated or made column by column counts when [`Lineage::claims_outputs`] says so; what was
/// used counts always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// `eventTime`.
    pub time: Timestamp,
    /// The run or job; `None` for a dataset event.
    pub activity: Option<Activity>,
    /// Datasets that were read: `used`.
    pub inputs: Vec<Dataset>,
    /// Datasets that were written (`wasGeneratedBy`, once the run is complete), or that a dataset event is about.
    pub outputs: Vec<Dataset>,
    /// Dataset from dataset as the `lineage` facet says it, `(made, from)`: `wasDerivedFrom`.
    pub derived: Vec<(EntityId, EntityId)>,
    /// Activity from activity as the `lineage` facet says it, `(informed, informant)`: `wasInformedBy`.
    pub informed: Vec<(String, String)>,
    /// Activity from dataset as the `lineage` facet says it, `(activity, dataset)`: `used`.
    pub used: Vec<(String, EntityId)>,
    /// Dataset from activity as the `lineage` facet says it, `(dataset, activity)`: `wasGeneratedBy`.
    pub generated: Vec<(EntityId, String)>,
    /// `columnLineage` and the fields of the `lineage` facet.
    pub columns: Vec<ColumnEdge>,
}

impl Lineage {
    /// Whether what the event says was written counts: a run that has only started, failed or aborted claims none.
    #[must_use]
    pub fn claims_outputs(&self) -> bool {
        self.activity.as_ref().is_none_or(|activity| matches!(activity.state, None | Some(RunState::Complete)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, ModelError};

    fn run(state: &str, job_facets: &str, output_facets: &str) -> String {
        format!(
            r#"{{"eventType":"{state}","eventTime":"2024-05-01T10:00:00+02:00","producer":"p","schemaURL":"s",
            "run":{{"runId":"{{{{ any }}}}","facets":{{"parent":{{"run":{{"runId":"r0"}},"job":{{"namespace":"n","name":"d"}}}}}}}},
            "job":{{"namespace":"etl","name":"load","facets":{{{job_facets}}}}},
            "inputs":[{{"namespace":"db","name":"a"}}],
            "outputs":[{{"namespace":"db","name":"b","facets":{{{output_facets}}}}}]}}"#
        )
    }

    fn lineage(text: &str) -> Lineage {
        read(text.as_bytes()).unwrap().1
    }

    fn id(text: &str) -> EntityId {
        EntityId::new(text).unwrap()
    }

    #[test]
    fn a_run_that_is_not_complete_claims_no_output() {
        for (state, claims) in [
            ("START", false),
            ("RUNNING", false),
            ("COMPLETE", true),
            ("ABORT", false),
            ("FAIL", false),
            ("OTHER", false),
        ] {
            assert_eq!(lineage(&run(state, "", "")).claims_outputs(), claims, "{state}");
        }
    }

    #[test]
    fn a_run_names_itself_its_job_its_parent_and_its_datasets() {
        let found = lineage(&run("COMPLETE", r#""ownership":{"owners":[{"name":"team:x","type":"STEWARD"},{}]}"#, ""));
        let activity = found.activity.unwrap();
        assert_eq!((activity.id.as_str(), activity.parent.as_deref()), ("run:{{ any }}", Some("run:r0")));
        assert_eq!(activity.owners, [Owner { name: "team:x".into(), kind: Some("STEWARD".into()) }]);
        assert_eq!(found.inputs[0].id, id("db/a"));
        assert_eq!(found.outputs[0].id, id("db/b"));
        assert_eq!(found.time.to_string(), "2024-05-01T08:00:00.000000Z");
    }

    #[test]
    fn the_facets_of_a_dataset_are_read_and_a_broken_one_is_left_alone() {
        let facets = r#""version":{"datasetVersion":"7"},
            "symlinks":{"identifiers":[{"namespace":"hive","name":"t","type":"TABLE"},{"name":"half"}]},
            "tags":{"tags":[{"key":"pii","value":"yes","field":"email"},{"key":"k","value":"v"}]},
            "lifecycleStateChange":{"lifecycleStateChange":"RENAME","previousIdentifier":{"namespace":"db","name":"old"}},
            "ownership":"nobody","never-heard-of":[1]"#;
        let output = lineage(&run("COMPLETE", "", facets)).outputs.remove(0);
        assert_eq!(output.version.as_deref(), Some("7"));
        assert_eq!(output.aliases, [id("hive/t")]);
        assert_eq!(output.tags, [("email/pii".into(), "yes".into()), ("k".into(), "v".into())]);
        assert_eq!(output.change, Some(Change::Rename(id("db/old"))));
        assert_eq!(output.owners, []);
    }

    #[test]
    fn a_deleted_facet_says_nothing() {
        let facets = r#""version":{"_deleted":true,"datasetVersion":"7"}"#;
        assert_eq!(lineage(&run("COMPLETE", "", facets)).outputs[0].version, None);
    }

    #[test]
    fn drop_truncate_and_overwrite_are_losses() {
        for loss in ["DROP", "TRUNCATE", "OVERWRITE"] {
            let facets = format!(r#""lifecycleStateChange":{{"lifecycleStateChange":"{loss}"}}"#);
            assert_eq!(lineage(&run("COMPLETE", "", &facets)).outputs[0].change, Some(Change::Loss(loss)));
        }
    }

    #[test]
    fn columns_come_from_columns_and_a_source_that_is_no_input_is_derivation() {
        let facets = r#""columnLineage":{"fields":{"x":{"inputFields":[
            {"namespace":"db","name":"a","field":"y","transformations":[{"type":"INDIRECT","subtype":"JOIN"},{"type":"DIRECT"}]},
            {"namespace":"db","name":"c","field":"z"}],"transformationType":"IDENTITY"}},
            "dataset":[{"namespace":"db","name":"a","field":"w","transformations":[{"type":"INDIRECT","subtype":"SORT"}]}]}"#;
        let found = lineage(&run("COMPLETE", "", facets));
        let shown: Vec<String> = found
            .columns
            .iter()
            .map(|edge| format!("{}.{}<{}.{} {}", edge.to, edge.to_field, edge.from, edge.from_field, edge.how))
            .collect();
        assert_eq!(
            shown,
            ["db/b.x<db/a.y DIRECT,INDIRECT/JOIN", "db/b.x<db/c.z IDENTITY", "db/b.<db/a.w INDIRECT/SORT"]
        );
        assert_eq!(found.derived, [(id("db/b"), id("db/c"))]);
    }

    #[test]
    fn the_lineage_facet_links_datasets_jobs_and_runs() {
        let facet = r#""lineage":{"entries":[
            {"namespace":"db","name":"t","type":"DATASET","inputs":[{"namespace":"db","name":"s","type":"DATASET"},
                {"namespace":"af","name":"j","type":"JOB"}],
             "fields":{"f":{"inputs":[{"namespace":"db","name":"u","type":"DATASET","field":"g"},{"type":"JOB"}]}}},
            {"type":"JOB","inputs":[{"namespace":"db","name":"q","type":"DATASET"}]},
            {"namespace":"af","name":"k","type":"JOB","runId":"r9","inputs":[{"namespace":"af","name":"j","type":"JOB","runId":"r8"}]},
            {"type":"NONSENSE"}]}"#;
        let found = lineage(&run("COMPLETE", facet, ""));
        assert_eq!(found.derived, [(id("db/t"), id("db/s")), (id("db/t"), id("db/u"))]);
        assert_eq!(found.generated, [(id("db/t"), "job:af/j".into()), (id("db/t"), "run:{{ any }}".into())]);
        assert_eq!(found.used, [("run:{{ any }}".into(), id("db/q"))]);
        assert_eq!(found.informed, [("run:r9".into(), "run:r8".into())]);
        assert_eq!((found.columns.len(), found.columns[0].to_field.as_str()), (1, "f"));
    }

    #[test]
    fn a_dataset_event_and_a_job_event_are_what_they_say() {
        let dataset = r#"{"eventTime":"2024-05-01T10:00:00Z","producer":"p","dataset":{"namespace":"file","name":"/x",
            "facets":{"lineage":{"inputs":[{"namespace":"file","name":"/y","type":"DATASET"}]}}}}"#;
        let (kind, found) = read(dataset.as_bytes()).unwrap();
        assert_eq!((kind, found.activity.is_none(), found.claims_outputs()), (Kind::LineageDataset, true, true));
        assert_eq!(found.derived, [(id("file/x"), id("file/y"))]);
        let job = r#"{"eventTime":"2021-11-03T10:53:52.427343","producer":"p","job":{"namespace":"n","name":"j"},"inputs":null}"#;
        let (kind, found) = read(job.as_bytes()).unwrap();
        assert_eq!((kind, found.activity.unwrap().id.as_str()), (Kind::LineageJob, "job:n/j"));
        let head = check(job).unwrap();
        assert_eq!(head.time, "2021-11-03T10:53:52.427343Z", "a time without an offset is read as UTC");
    }

    #[test]
    fn what_is_no_event_is_refused_with_the_field_that_is_wrong() {
        let whole = run("COMPLETE", "", "");
        let cases = [
            (whole.replace("eventTime", "time"), "missing field `eventTime`"),
            (whole.replace("2024-05-01T", "2024-02-30T"), "`eventTime` is `2024-02-30T10:00:00+02:00`"),
            (whole.replace("\"producer\"", "\"by\""), "missing field `producer`"),
            (whole.replace("COMPLETE", "DONE"), "`eventType` is `DONE`"),
            (whole.replace("\"job\":", "\"jab\":"), "missing field `job`"),
            (whole.replace("\"name\":\"a\"", "\"name\":7"), "expected a string"),
            (whole.replace("\"name\":\"a\"", "\"name\":\"\""), "`name` is empty"),
            (whole.replace("{{ any }}", ""), "`run.runId` is empty"),
            (whole.replace("{{ any }}", &"r".repeat(3_000)), "`run.runId` is longer"),
            (whole.replace("\"name\":\"b\"", "\"name\":\"b\\u0000\""), "NUL"),
            ("{}".into(), "missing field `eventTime`"),
            (
                r#"{"eventTime":"2024-05-01T10:00:00Z","producer":"p"}"#.into(),
                "missing field `run`, `job` or `dataset`",
            ),
            ("[1]".into(), "invalid"),
            (whole[..whole.len() - 1].into(), "EOF"),
        ];
        for (text, why) in cases {
            let refused = |error: &ModelError| error.to_string().contains(why);
            let (read, checked) = (read(text.as_bytes()).unwrap_err(), check(&text).unwrap_err());
            assert!(refused(&read), "{why}: {read}");
            assert_eq!(read, checked);
        }
    }
}
