//! Calendars and reports: as a table, JSON, CSV, and one page.

use super::date_or_today;
use crate::args::{Output, Period, Report, Sheet as Told};
use crate::output::{Screen, Tone, table};
use crate::render::page;
use crate::render::sheet::{self, Sheet};
use crate::{Failure, workshop};
use fonds_runtime::report::{Name, ReportTold, Reports};
use jiff::civil::Date;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// So many rows are shown to a person; a program gets them all.
const SHOWN_MAX: usize = 500;

/// Where reports go besides stdout.
#[derive(Default)]
struct Files {
    csv: Option<PathBuf>,
    html: Option<PathBuf>,
}

fn date(text: Option<&str>) -> Result<Option<Date>, Failure> {
    text.map(|text| date_or_today(Some(text))).transpose()
}

fn told(name: Name, sheet: Told) -> Result<(ReportTold, Files), Failure> {
    let Told { agency, on, csv, html } = sheet;
    let on = date(on.as_deref())?;
    Ok((ReportTold { agency, on, ..ReportTold::of(&[name]) }, Files { csv, html }))
}

fn within(told: ReportTold, period: &Period) -> Result<ReportTold, Failure> {
    Ok(ReportTold { from: date(period.from.as_deref())?, to: date(period.to.as_deref())?, ..told })
}

/// `report …`.
pub(crate) fn report(dir: &Path, command: Report, screen: Screen) -> Result<(), Failure> {
    let (told, files) = match command {
        Report::Due { sheet, period } => {
            let (told, files) = self::told(Name::Due, sheet)?;
            (within(told, &period)?, files)
        }
        Report::Holds { sheet } => self::told(Name::Holds, sheet)?,
        Report::Waiting { sheet } => self::told(Name::Waiting, sheet)?,
        Report::Unscheduled { sheet, list } => {
            let (told, files) = self::told(Name::Unscheduled, sheet)?;
            (ReportTold { list, ..told }, files)
        }
        Report::Overdue { sheet, days, list } => {
            let (told, files) = self::told(Name::Overdue, sheet)?;
            (ReportTold { days, list, ..told }, files)
        }
        Report::Disposed { sheet, period } => {
            let (told, files) = self::told(Name::Disposed, sheet)?;
            (within(told, &period)?, files)
        }
        Report::All { agency, on, html, days } => {
            let on = date(on.as_deref())?;
            (ReportTold { agency, on, days, ..ReportTold::of(&Name::ALL) }, Files { html, ..Files::default() })
        }
    };
    let runtime = workshop::open(dir)?;
    let began = std::time::Instant::now();
    let reports = runtime.reports(&told)?;
    screen.took("records", reports.records.unwrap_or(0), began.elapsed());
    let sheets = sheet::sheets(&reports);
    if let Some(to) = &files.html {
        let page = page::page(&reports, &sheets, runtime.log().origin());
        if to == Path::new("-") {
            runtime.close()?;
            return Ok(screen.text(&page)?);
        }
        write_out(to, page.as_bytes())?;
    }
    runtime.close()?;
    // A list is what was asked for where one was asked for.
    let listed = sheet::listed(&reports);
    if let Some(to) = &files.csv {
        let csv = match (&listed, sheets.first()) {
            (Some(sheet), _) | (None, Some(sheet)) => in_csv(sheet)?,
            (None, None) => Vec::new(),
        };
        if to == Path::new("-") {
            return Ok(screen.text(&String::from_utf8_lossy(&csv))?);
        }
        write_out(to, &csv)?;
    }
    show(&told, &reports, &sheets, listed.as_ref(), screen)
}

fn in_csv(sheet: &Sheet) -> Result<Vec<u8>, Failure> {
    let mut csv = Vec::new();
    sheet.csv(&mut csv).map_err(|error| Failure::Print(std::io::Error::other(error)))?;
    Ok(csv)
}

/// Writes what a person named: what is no file, such as /dev/null, as it is.
fn write_out(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if std::fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return std::fs::write(path, bytes).map_err(|error| unwritten(path, &error));
    }
    write_file(path, bytes)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("`{}` could not be written: {error}", path.display()))
}

/// Writes a file beside its place and moves it there, so that nobody finds half of it.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    });
    written.map_err(|error| {
        // What is left of it helps nobody.
        let _ = std::fs::remove_file(&part);
        unwritten(path, &error)
    })
}

fn show(
    told: &ReportTold,
    reports: &Reports,
    sheets: &[Sheet],
    listed: Option<&Sheet>,
    screen: Screen,
) -> Result<(), Failure> {
    match screen.output {
        Output::Table => Ok(screen.text(&text(sheets, listed, &screen))?),
        Output::Json => Ok(screen.json(&document(told, reports)?)?),
        Output::Ndjson => {
            for name in &told.names {
                lines(*name, reports)?.iter().try_for_each(|line| screen.json(line))?;
            }
            Ok(())
        }
    }
}

/// One report stands at the top of its document; several each under their name.
fn document(told: &ReportTold, reports: &Reports) -> Result<Value, Failure> {
    let mut document = serde_json::to_value(reports).map_err(std::io::Error::from)?;
    if let ([name], Some(object)) = (told.names.as_slice(), document.as_object_mut())
        && let Some(Value::Object(own)) = object.remove(name.as_str())
    {
        object.insert("report".to_owned(), json!(name.as_str()));
        object.extend(own);
    }
    Ok(document)
}

/// A report's rows, or what it lists, a line each.
fn lines(name: Name, reports: &Reports) -> Result<Vec<Value>, Failure> {
    let all = serde_json::to_value(reports).map_err(std::io::Error::from)?;
    let Some(own) = all.get(name.as_str()) else { return Ok(Vec::new()) };
    let rows = own.get("listed").or_else(|| own.get("rows")).and_then(Value::as_array);
    let mut lines = rows.cloned().unwrap_or_default();
    for line in lines.iter_mut().filter_map(Value::as_object_mut) {
        line.insert("report".to_owned(), json!(name.as_str()));
        line.insert("as_of".to_owned(), json!(reports.as_of));
        line.insert("log_size".to_owned(), json!(reports.log_size));
    }
    Ok(lines)
}

fn text(sheets: &[Sheet], listed: Option<&Sheet>, screen: &Screen) -> String {
    let mut text = String::new();
    for sheet in sheets.iter().chain(listed) {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &format!("{}\n", screen.paint(Tone::Heading, sheet.title));
        if !sheet.about.is_empty() {
            text += &format!("{}\n", screen.paint(Tone::Quiet, &sheet.about));
        }
        text += &table(&sheet.headings, sheet.rows.iter().take(SHOWN_MAX).cloned());
        let more = sheet.rows.len().saturating_sub(SHOWN_MAX);
        let more = if more == 0 { String::new() } else { format!("; {more} more rows: --csv or --output json") };
        text += &format!("{}\n", screen.paint(Tone::Quiet, &format!("{}{more}", sheet.totals)));
    }
    text
}
