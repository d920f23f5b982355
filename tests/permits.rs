//! The example in `examples/permits` says what it seems to say, and goes in whole.

use crate::support;
use fonds_model::{Format, Kind, body};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What stands in the log before the first case: five agencies and a schedule.
const BEFORE_CASES: u64 = 6;

fn folder() -> PathBuf {
    support::workspace().join("examples/permits")
}

fn lines(file: &str) -> Vec<String> {
    std::fs::read_to_string(folder().join(file)).unwrap().lines().map(str::to_owned).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// A store in a folder of its own, and the program that works on it.
pub(crate) struct Store(tempfile::TempDir);

impl Store {
    fn new() -> Self {
        let store = Self(tempfile::tempdir().unwrap());
        store.run(&["init", "--origin", "merwestad.example/log"]);
        store
    }

    /// Runs the program, which must succeed, and gives what it answered.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let store = self.0.path().join("store");
        let answer = Command::new(support::fonds()).arg("--store").arg(store).args(arguments).output().unwrap();
        let (out, err) =
            (String::from_utf8(answer.stdout).unwrap(), String::from_utf8_lossy(&answer.stderr).into_owned());
        assert!(answer.status.success(), "`fonds {}` gave {}: {err}{out}", arguments.join(" "), answer.status);
        out
    }

    pub(crate) fn answer(&self, arguments: &[&str]) -> Value {
        json(&self.run(&[&["--output", "json"][..], arguments].concat()))
    }

    /// All of the example, in the order of its script.
    pub(crate) fn with_example() -> Self {
        let store = Self::new();
        for agency in json(&lines("agencies.json").join("\n")).as_array().unwrap() {
            let mut arguments = vec!["agency", "define", agency["path"].as_str().unwrap()];
            for (field, option) in
                [("name", "--name"), ("time_zone", "--time-zone"), ("fiscal_year_end", "--fiscal-year-end")]
            {
                arguments.extend(agency[field].as_str().map(|value| [option, value]).into_iter().flatten());
            }
            store.run(&arguments);
        }
        let file = |name: &str| folder().join(name).display().to_string();
        let schedule = file("schedule.ndjson");
        let imported =
            store.answer(&["schedule", "import", &schedule, "--schedule", "merwestad", "--default-action", "destroy"]);
        assert_eq!((imported["series"].as_u64(), imported["without_rule"].as_u64()), (Some(14), Some(1)), "{imported}");
        for name in ["cases.ndjson", "registers.ndjson"] {
            let taken = store.answer(&["ingest", &file(name)]);
            let count = lines(name).len() as u64;
            assert_eq!((taken["appended"].as_u64(), taken["rejected"].as_u64()), (Some(count), Some(0)), "{taken}");
        }
        store
    }
}

#[test]
fn every_case_event_of_the_example_fits_its_kind() {
    for line in lines("cases.ndjson") {
        let event = json(&line);
        let kind = Kind::parse(event["type"].as_str().unwrap()).unwrap();
        assert!(kind.producer_may_send(), "{line}");
        let fits = match kind {
            Kind::RecordCreated | Kind::RecordCaptured => fits::<body::Created>(kind, &line),
            Kind::RecordLabelled => fits::<body::Labelled>(kind, &line),
            Kind::RecordEvent => fits::<body::Happened>(kind, &line),
            Kind::RecordSuperseded => fits::<body::Superseded>(kind, &line),
            Kind::RecordFiled => fits::<body::Filed>(kind, &line),
            Kind::RecordFixityChecked => fits::<body::FixityChecked>(kind, &line),
            Kind::EntryCorrected => fits::<body::Corrected>(kind, &line),
            Kind::EntryAnnulled => fits::<body::Annulled>(kind, &line),
            _ => fits::<body::Closed>(kind, &line),
        };
        assert_eq!(fits, Ok(()), "{line}");
    }
}

fn fits<T: for<'de> serde::Deserialize<'de>>(kind: Kind, line: &str) -> Result<(), fonds_model::ModelError> {
    body::parse::<T>(kind, Format::CloudEvents, line.as_bytes()).map(drop)
}

#[test]
fn what_the_example_mends_is_the_entry_that_it_means() {
    let cases = lines("cases.ndjson");
    let mended: Vec<(Value, Value)> = cases
        .iter()
        .map(|line| json(line))
        .filter(|event| event["type"].as_str().is_some_and(|kind| kind.starts_with("entry.")))
        .map(|event| {
            let index = event["data"]["seq"].as_u64().unwrap() - BEFORE_CASES;
            (json(&cases[usize::try_from(index).unwrap()]), event)
        })
        .collect();
    assert_eq!(mended.len(), 2);
    for (wrong, mend) in mended {
        assert_eq!(wrong["type"], "record.closed");
        assert_eq!(wrong["subject"], mend["subject"]);
    }
}

#[test]
fn the_examples_script_defines_the_agencies_that_its_file_lists() {
    let script = std::fs::read_to_string(folder().join("run.sh")).unwrap();
    let agencies = json(&lines("agencies.json").join("\n"));
    let listed = agencies.as_array().unwrap();
    assert_eq!(listed.len(), script.matches("fonds agency define ").count());
    for agency in listed {
        let line = script.lines().find(|line| line.contains(&format!("define {} ", agency["path"].as_str().unwrap())));
        let line = line.unwrap_or_else(|| panic!("{agency} is not defined"));
        for field in ["name", "time_zone", "fiscal_year_end"] {
            assert!(agency[field].as_str().is_none_or(|value| line.contains(value)), "{agency} in `{line}`");
        }
    }
}

#[test]
fn the_example_goes_in_whole_and_what_it_mends_is_mended() {
    let store = Store::with_example();
    let closed = |id: &str| store.answer(&["record", "show", id])["closed"].as_str().map(str::to_owned);
    assert_eq!(closed("zaak/2013-0214").as_deref(), Some("2013-11-25"), "the corrected date");
    assert_eq!(closed("zaak/2024-0026"), None, "the annulled closing");
    assert_eq!(closed("zaak/2017-0077").as_deref(), Some("2018-05-28"), "reopened, and closed again");
    store.run(&["verify"]);
}

/// Loads a PROV-JSON document with the package `prov` and counts what it found.
const LOAD_PROV: &str = "
import sys
from prov.model import ProvDocument, ProvEntity, ProvActivity, ProvDerivation, ProvGeneration, ProvUsage
document = ProvDocument.deserialize(sys.argv[1], format='json')
count = lambda cls: len(list(document.get_records(cls)))
print(count(ProvEntity), count(ProvActivity), count(ProvUsage), count(ProvGeneration), count(ProvDerivation))
";

#[test]
fn lineage_as_prov_json_is_read_by_the_independent_package() {
    let Some(python) = support::python() else { return };
    let store = Store::with_example();
    let figures = "s3://opendata.merwestad.nl/statistiek/vergunningen-2017.csv";
    let document = store.run(&["lineage", figures, "--up", "--view", "prov-json"]);
    let file = store.0.path().join("lineage.json");
    std::fs::write(&file, document).unwrap();
    let counts = run_python(&python, &file);
    assert_eq!(counts.len(), 5, "{counts:?}");
    assert!(counts[0] >= 8, "the figures, the register, two tables of intake and four cases: {counts:?}");
    assert!(counts[1..].iter().all(|count| *count > 0), "{counts:?}");
}

fn run_python(python: &Path, file: &Path) -> Vec<usize> {
    let answer = Command::new(python).args(["-c", LOAD_PROV]).arg(file).output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout).unwrap().split_whitespace().map(|count| count.parse().unwrap()).collect()
}
