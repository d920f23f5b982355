//! A new store, agencies, and schedules.

use super::date_or_today;
use crate::args::{Agency, Schedule, ScheduleImport};
use crate::output::{Screen, Tone, pairs, table};
use crate::{Failure, workshop};
use fonds_model::body::{Assurance, Who};
use fonds_model::{Action, PartialDate};
use fonds_runtime::admin::AgencyDefinition;
use fonds_runtime::query::{AgencyAnswer, SuccessionAnswer};
use fonds_runtime::schedule::ImportTold;
use serde_json::json;
use std::path::Path;

/// `init`.
pub(crate) fn init(dir: &Path, origin: &str, screen: Screen) -> Result<(), Failure> {
    let key = fonds_runtime::create(dir, origin)?;
    workshop::open(dir)?.close()?;
    let answer = json!({ "store": dir, "origin": origin, "key": key });
    Ok(screen.answer(&answer, |screen| {
        let shown = [("store", dir.display().to_string()), ("origin", origin.to_owned()), ("key", key.clone())];
        pairs(screen, &shown) + "Keep the key: whoever checks this log needs it, and it is not secret.\n"
    })?)
}

/// `agency …`.
pub(crate) fn agency(dir: &Path, command: Agency, screen: Screen) -> Result<(), Failure> {
    let runtime = workshop::open(dir)?;
    match command {
        Agency::Define { path, id, name, time_zone, fiscal_year_end, effective, by } => {
            let told = AgencyDefinition { id, name, time_zone, fiscal_year_end, effective, by };
            let entry = runtime.define_agency(&path, &told)?;
            screen.answer(&entry, |screen| {
                format!("{} is defined: entry {}\n", screen.paint(Tone::Name, &path), entry.seq)
            })?;
        }
        Agency::Succeed { old, new, effective, authority, by } => {
            let who = Who { by: Some(by), authority: Some(authority), ..Who::default() };
            let who = Who { by_assurance: Some(Assurance::Asserted), ..who };
            let (entry, said) = runtime.succeed_agency(&old, &new, effective.as_deref(), who)?;
            let answer = json!({ "agency": said.agency, "successor": said.successor, "effective": said.effective,
                "seq": entry.seq, "log_size": entry.log_size });
            screen.answer(&answer, |screen| {
                let name = |id: &fonds_model::AgencyPath| screen.paint(Tone::Name, id.as_str());
                let (successor, agency) = (name(&said.successor), name(&said.agency));
                format!(
                    "{successor} answers for the records of {agency} from {}: entry {}\n",
                    said.effective, entry.seq
                )
            })?;
        }
        Agency::Show { path } => {
            let agency = runtime.agency(&path, date_or_today(None)?)?;
            screen.answer(&agency, |screen| agency_text(screen, &agency))?;
        }
        Agency::List => {
            let agencies = runtime.agencies(date_or_today(None)?)?;
            let rows = agencies.iter().map(|agency| {
                let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
                vec![
                    agency.path.clone(),
                    or_none(&agency.name),
                    or_none(&agency.time_zone),
                    or_none(&agency.fiscal_year_end),
                    successions_text(&agency.succeeded_by),
                ]
            });
            let shown = table(&["agency", "name", "time zone", "fiscal year ends", "succeeded by"], rows);
            screen.list("agencies", &agencies, runtime.log_size(), |_| shown)?;
        }
    }
    Ok(runtime.close()?)
}

fn agency_text(screen: &Screen, agency: &AgencyAnswer) -> String {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut shown = vec![
        ("path", agency.path.clone()),
        ("id", agency.id.clone()),
        ("name", or_none(&agency.name)),
        ("time zone", or_none(&agency.time_zone)),
        ("fiscal year ends", or_none(&agency.fiscal_year_end)),
    ];
    for (name, others) in [("succeeded by", &agency.succeeded_by), ("succeeds", &agency.succeeds)] {
        if !others.is_empty() {
            shown.push((name, successions_text(others)));
        }
    }
    pairs(screen, &shown)
}

fn successions_text(others: &[SuccessionAnswer]) -> String {
    let text = |other: &SuccessionAnswer| {
        let authority = other.authority.as_ref().map_or_else(String::new, |authority| format!(" [{authority}]"));
        format!("{} from {}{authority}", other.path, other.effective)
    };
    others.iter().map(text).collect::<Vec<_>>().join("; ")
}

/// `schedule …`.
pub(crate) fn schedule(dir: &Path, command: Schedule, screen: Screen) -> Result<(), Failure> {
    match command {
        Schedule::Import(told) => import(dir, told, screen),
        Schedule::List => {
            let runtime = workshop::open(dir)?;
            let schedules = runtime.schedules()?;
            let rows = schedules.iter().map(|schedule| {
                let effective = schedule.effective.map_or_else(|| "always".to_owned(), |date| date.to_string());
                vec![
                    schedule.schedule.clone(),
                    schedule.version.clone(),
                    effective,
                    schedule.series.to_string(),
                    schedule.seq.to_string(),
                ]
            });
            let shown = table(&["schedule", "version", "effective", "series", "seq"], rows);
            screen.list("schedules", &schedules, runtime.log_size(), |_| shown)?;
            Ok(runtime.close()?)
        }
        Schedule::Show { series, on } => {
            let on = date_or_today(on.as_deref())?;
            let runtime = workshop::open(dir)?;
            let rule = runtime.series(&series, on)?;
            screen.answer(&rule, |screen| super::record::rule_text(screen, &rule))?;
            Ok(runtime.close()?)
        }
    }
}

fn import(dir: &Path, told: ScheduleImport, screen: Screen) -> Result<(), Failure> {
    let told = ImportTold {
        file: told.file,
        schedule: told.schedule,
        version: told.version,
        effective: told.effective.as_deref().map(PartialDate::parse).transpose()?,
        default_action: Action::parse(&told.default_action)?,
        approved_by: told.approved_by,
        rejects: told.rejects,
        by: told.by,
    };
    let runtime = workshop::open(dir)?;
    let imported = runtime.import_schedule_file(&told)?;
    screen.answer(&imported, |screen| {
        let mut text = pairs(
            screen,
            &[
                ("series", imported.series.to_string()),
                ("without rule", imported.without_rule.to_string()),
                ("duplicate", imported.duplicate.to_string()),
                ("conflicting", format!("{} more of {} series", imported.conflicting, imported.conflicting_series)),
                ("not understood", format!("{}: listed with --output json", imported.not_understood)),
                ("rejected", imported.rejected.to_string()),
                ("version", imported.version.clone()),
            ],
        );
        if !imported.appended && imported.series > 0 {
            text += "This version was imported before: nothing was appended.\n";
        }
        text + &super::ingest::rejects_text(screen, &imported.rejects)
    })?;
    runtime.close()?;
    super::ingest::reject_failure(imported.rejected)
}
