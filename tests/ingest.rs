//! Real inputs through fonds-ingest: all of them are taken, and the counts add up.

use fonds_ingest::{Options, Reader, schedule, source, xes::Mapping};
use fonds_model::{Action, Event, Identity, Kind, Unruled};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// A file of the shared inputs; `None`, with a word to the reader, where they are not at hand.
fn shared(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(path);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "`{}` is missing", path.display());
    eprintln!("skipped: `{}` is not at hand", path.display());
    None
}

fn events(text: impl std::io::Read + Send, options: Options) -> Vec<Event> {
    let mut rejects = Vec::new();
    let reader = Reader::new(source::open(text).unwrap(), options, &mut rejects);
    reader.map(|found| found.unwrap_or_else(|reject| panic!("line {}: {}", reject.line, reject.reason)).1).collect()
}

fn content(event: &Event) -> Vec<u8> {
    match &event.identity {
        Some(Identity::Content(content)) => content.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_real_events_are_all_taken_and_hold_102_distinct_ones() {
    let Some(path) = shared("openlineage/events/real.ndjson.gz") else { return };
    let events = events(std::fs::File::open(path).unwrap(), Options::default());
    let distinct: BTreeSet<_> = events.iter().map(content).collect();
    assert_eq!((events.len(), distinct.len()), (106, 102));
    for event in &events {
        fonds_model::openlineage::read(&event.body).unwrap();
    }
}

#[test]
fn marquezs_events_are_taken_pretty_printed_and_as_an_array() {
    let Some(path) = shared("openlineage/marquez/metadata.template.json") else { return };
    let text = std::fs::read_to_string(&path).unwrap();
    let mut filled = text.replace("{{RUN_START_TIME}}", "2024-05-01T10:00:00Z");
    while let Some(at) = filled.find("{{RUN_END_TIME") {
        let end = at + filled[at..].find("}}").unwrap() + 2;
        filled.replace_range(at..end, "2024-05-01T10:07:00Z");
    }
    assert_eq!(events(filled.as_bytes(), Options::default()).len(), 26);
    for name in ["event_full.json", "event_simple.json", "event_additional_facet.json"] {
        let file = std::fs::File::open(path.with_file_name(name)).unwrap();
        assert_eq!(events(file, Options::default()).len(), 1, "{name}");
    }
}

#[test]
fn every_facet_of_the_specification_is_taken_and_comes_back_byte_for_byte() {
    let Some(folder) = shared("openlineage/spec/tests") else { return };
    let mut payloads = 0;
    for facet in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if facet.is_file() {
            let full = std::fs::read(&facet).unwrap();
            assert_eq!(events(full.as_slice(), Options::default()).len(), 1);
            continue;
        }
        for file in std::fs::read_dir(&facet).unwrap().map(|entry| entry.unwrap().path()) {
            let facets = std::fs::read_to_string(&file).unwrap();
            let wrapped = format!(
                r#"{{"eventType":"COMPLETE","eventTime":"2024-05-01T10:00:00Z","producer":"p","run":{{"runId":"r","facets":{facets}}},
                "job":{{"namespace":"n","name":"j","facets":{facets}}},"outputs":[{{"namespace":"db","name":"t","facets":{facets}}}]}}"#
            );
            let events = events(wrapped.as_bytes(), Options::default());
            assert_eq!(events.len(), 1, "{}", file.display());
            assert_eq!(events[0].body, wrapped.as_bytes());
            let (_, lineage) = fonds_model::openlineage::read(&events[0].body).unwrap();
            if file.to_string_lossy().contains("ColumnLineage") || file.ends_with("dataset-to-dataset.json") {
                assert!(!lineage.columns.is_empty(), "{}", file.display());
            }
            payloads += 1;
        }
    }
    assert_eq!(payloads, 46);
}

#[test]
fn the_permits_are_1434_records_with_8577_events() {
    let Some(path) = shared("permits/receipt.xes.gz") else { return };
    let map = br#"
[record]
id = "permit/{concept:name}"
agency = "nl/wabo"
created = "startdate"
closed = "enddate"
[[series]]
when = { department = "General" }
series = "tx/783/597"
"#;
    let options = Options { mapping: Some(Arc::new(Mapping::parse(map).unwrap())), ..Options::default() };
    let found = events(std::fs::File::open(&path).unwrap(), options.clone());
    let count = |kind| found.iter().filter(|event| event.kind == kind).count();
    let text = std::io::read_to_string(source::open(std::fs::File::open(&path).unwrap()).unwrap()).unwrap();
    // One `enddate` stands among the globals, which are no case.
    let closed = text.matches("key=\"enddate\"").count() - 1;
    assert_eq!(
        (count(Kind::RecordCreated), count(Kind::RecordEvent), count(Kind::RecordClosed)),
        (1_434, 8_577, closed)
    );
    let names: BTreeSet<_> = found.iter().map(|event| format!("{:?}", event.identity)).collect();
    assert_eq!(names.len(), found.len(), "no two events have one identity");
    assert_eq!(events(std::fs::File::open(&path).unwrap(), options), found, "the import is idempotent");
}

#[test]
fn all_30102_texas_objects_are_accounted_for() {
    let Some(path) = shared("schedules/texas-series.ndjson.gz") else { return };
    let options = schedule::Options { default_action: Action::Destroy, ..schedule::Options::new("tx", "2026") };
    let read =
        |path: &PathBuf| schedule::read(std::fs::File::open(path).unwrap(), &options, &mut std::io::sink()).unwrap();
    let texas = read(&path);
    let counts = texas.counts;
    eprintln!("texas: {counts:?}");
    assert_eq!(counts.objects, 30_102);
    assert_eq!(counts.series + counts.duplicate + counts.conflicting + counts.rejected, counts.objects);
    assert_eq!((counts.series, counts.duplicate, counts.conflicting, counts.conflicting_series), (29_912, 184, 6, 6));
    // 27 keys stand more than once, some of them up to 51 times; 6 of the 27 with two rules.
    assert_eq!((counts.without_rule, counts.not_understood), (3_593, 37));
    assert!(texas.series.is_sorted_by(|a, b| a.id < b.id));
    let why: BTreeMap<_, usize> = texas.listed.iter().fold(BTreeMap::new(), |mut counts, listed| {
        *counts.entry(listed.why).or_default() += 1;
        counts
    });
    eprintln!("texas, listed: {why:?}");
    let conflicting = texas.series.iter().filter(|series| series.rule == Err(Unruled::ConflictingRule));
    assert_eq!(conflicting.count(), 6);
    let carolina = read(&path.with_file_name("north-carolina-series.ndjson.gz"));
    eprintln!("north carolina: {:?}", carolina.counts);
    assert_eq!(carolina.counts.objects, 3_294);
    for listed in carolina.listed.iter().filter(|listed| listed.why == "a rule in words") {
        let series = carolina.series.iter().find(|series| series.id == listed.series).unwrap();
        assert!(series.rule.is_err(), "{listed:?}");
    }
}
