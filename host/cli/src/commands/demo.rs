//! The main job on the small municipality of `examples/permits`, which is part of the program.

use super::record::{explain_text, list_text};
use crate::output::{Screen, Tone};
use crate::render::tree;
use crate::{Failure, workshop};
use fonds_model::{EntityId, decision};
use fonds_runtime::Runtime;
use fonds_runtime::admin::{AgencyDefinition, Binding, Persons};
use fonds_runtime::ingest::Told;
use fonds_runtime::lineage::{Direction, Question};
use fonds_runtime::query::{Filter, LineageTold};
use fonds_runtime::schedule::ImportTold;
use fonds_wasm::build;
use jiff::civil::{Date, date};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The date that the demo's policies are asked about, so that it prints the same every year.
const AS_OF: Date = date(2026, 1, 1);
/// What is shown as due.
const DUE_BY: Date = date(2026, 12, 31);
/// The record that is explained, and the one whose lineage is shown.
const EXPLAINED: &str = "zaak/2016-0107";
const PUBLISHED: &str = "s3://opendata.merwestad.nl/statistiek/vergunningen-2017.csv";

const POLICIES: [&str; 3] = ["retention", "classification", "archival"];

macro_rules! sample {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../../examples/permits/", $name)).as_slice())
    };
}

const AGENCIES: &[u8] = sample!("agencies.json").1;
const SAMPLE: [(&str, &[u8]); 6] = [
    sample!("schedule.ndjson"),
    sample!("cases.ndjson"),
    sample!("registers.ndjson"),
    sample!("retention.json"),
    sample!("classification.json"),
    sample!("archival.json"),
];

#[derive(Deserialize)]
struct Agency {
    path: String,
    name: Option<String>,
    time_zone: Option<String>,
    fiscal_year_end: Option<String>,
}

/// `demo`.
pub(crate) fn demo(dir: Option<PathBuf>, screen: Screen) -> Result<(), Failure> {
    let scratch = std::env::temp_dir().join(format!("fonds-demo-{}", std::process::id()));
    let components = POLICIES.map(find_component);
    let is_kept = dir.is_some();
    let dir = dir.unwrap_or_else(|| scratch.clone());
    let files = scratch.with_extension("sample");
    let shown = unpack(&files).and_then(|()| show(&dir, &files, components, screen));
    // What the demo made for itself is of no use after it; a folder that was named stays.
    let _ = std::fs::remove_dir_all(&files);
    if !is_kept {
        let _ = std::fs::remove_dir_all(&scratch);
    }
    shown
}

fn unpack(files: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(files)?;
    SAMPLE.iter().try_for_each(|(name, bytes)| std::fs::write(files.join(name), bytes))?;
    Ok(())
}

/// A reference policy: as `plugin build` left it, or built now from the sources where they are at hand.
fn find_component(name: &str) -> Result<PathBuf, Failure> {
    let built = |folder: &Path| {
        let file = |name: String| Some(folder.join(name)).filter(|file| file.is_file());
        file(format!("{name}.wasm")).or_else(|| file(format!("fonds-{name}.wasm")))
    };
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let around = beside
        .iter()
        .flat_map(|folder| [folder.join("plugins"), folder.join("../plugins"), folder.join("../share/fonds")]);
    let folders = std::env::var_os("FONDS_PLUGINS")
        .map(PathBuf::from)
        .into_iter()
        .chain(around)
        .chain([PathBuf::from("target/plugins")]);
    if let Some(found) = folders.map(|folder| built(&folder)).find_map(|found| found) {
        return Ok(found);
    }
    let source = Path::new("plugins").join(name);
    if source.join("Cargo.toml").is_file() {
        return build::crate_to_component(&source, None)
            .map(|built| built.path)
            .map_err(|error| Failure::Check(error.to_string()));
    }
    Err(Failure::NotFound(format!(
        "the reference policy `{name}` is not at hand: run `fonds plugin build plugins/{name}` in the sources of Fonds, or name the folder of its components in FONDS_PLUGINS"
    )))
}

fn show(dir: &Path, files: &Path, components: [Result<PathBuf, Failure>; 3], screen: Screen) -> Result<(), Failure> {
    let heading = |text: &str| screen.text(&format!("\n{}\n", screen.paint(Tone::Heading, text)));
    fonds_runtime::create(dir, "merwestad.example/log")?;
    let runtime = workshop::open(dir)?;
    heading("A small municipality: agencies, a retention schedule, what its systems sent")?;
    fill(&runtime, files, screen)?;
    heading("Three policies, each a WebAssembly component that can do nothing but answer")?;
    for (name, component) in POLICIES.into_iter().zip(components) {
        let (_, installed) = runtime.install_plugin(&super::read_file(&component?)?, &Persons::default())?;
        let config = std::fs::read(files.join(format!("{name}.json")))?;
        let mode = decision::Mode::Enforce;
        let scope = Some("nl/merwestad".to_owned());
        runtime.bind_policy(&Binding {
            name: name.to_owned(),
            plugin: installed.digest.to_hex(),
            scope,
            config,
            mode,
            persons: Persons::default(),
        })?;
        screen.text(&format!(
            "{} {}: {}\n",
            screen.paint(Tone::Name, &installed.name),
            installed.version,
            installed.summary
        ))?;
    }
    let sweep = runtime.evaluate(AS_OF, false, &mut |_, _| {})?;
    screen.text(&format!(
        "as of {AS_OF}: {} records, {} decisions, {} faults\n",
        sweep.evaluated, sweep.changed, sweep.faults
    ))?;

    heading("What is due by the end of 2026, and what stands in the way")?;
    let mut due = Vec::new();
    runtime.records(&Filter { due_by: Some(DUE_BY), ..Filter::default() }, &mut |record| {
        due.push(record);
        Ok::<(), Failure>(())
    })?;
    screen.text(&list_text(&screen, &due))?;
    heading(&format!("Why: {EXPLAINED}"))?;
    screen.text(&explain_text(&screen, &runtime.explain(EXPLAINED)?))?;
    heading("Where the published figures came from")?;
    let question = Question::new(EntityId::new(PUBLISHED)?, Direction::Up);
    let (answer, _) = runtime.lineage(&LineageTold { question, as_of: None })?;
    screen.text(&tree::lineage(&screen, &answer, Direction::Up))?;
    runtime.close()?;

    heading("The signed checkpoint, and everything hashed again against it")?;
    screen.text(&workshop::reader(dir)?.checkpoint()?.1)?;
    super::verify::verify(dir, false, screen)
}

fn fill(runtime: &Runtime, files: &Path, screen: Screen) -> Result<(), Failure> {
    let agencies: Vec<Agency> = serde_json::from_slice(AGENCIES).map_err(std::io::Error::from)?;
    for agency in &agencies {
        let Agency { name, time_zone, fiscal_year_end, .. } = agency;
        let (name, time_zone, fiscal_year_end) = (name.clone(), time_zone.clone(), fiscal_year_end.clone());
        runtime.define_agency(
            &agency.path,
            &AgencyDefinition { name, time_zone, fiscal_year_end, ..AgencyDefinition::default() },
        )?;
    }
    let imported = runtime.import_schedule_file(&ImportTold {
        file: files.join("schedule.ndjson"),
        schedule: "merwestad".to_owned(),
        version: Some("2020".to_owned()),
        effective: None,
        default_action: fonds_model::Action::Destroy,
        approved_by: None,
        rejects: None,
        by: None,
    })?;
    let mut events = 0;
    for file in ["cases.ndjson", "registers.ndjson"] {
        let told = Told { files: vec![files.join(file)], format: None, map: None, agency: None, rejects: None };
        events += runtime.ingest(&told, &mut |_| {})?.appended;
    }
    Ok(screen.text(&format!("{} agencies, {} series, {events} events\n", agencies.len(), imported.series))?)
}
