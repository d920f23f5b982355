//! Holds: placed, released, listed and shown.

use super::erase::who;
use super::read_file;
use crate::args::{Hold, PlaceHold};
use crate::output::{Screen, Tone, pairs, table};
use crate::{Failure, workshop};
use fonds_model::PartialDate;
use fonds_runtime::Runtime;
use fonds_runtime::holds::{HoldAnswer, HoldShown, HoldTold};
use serde::Serialize;
use std::path::Path;

/// So many held records are shown to a person; a program gets them all.
const SHOWN_MAX: usize = 100;

/// `hold …`.
pub(crate) fn hold(dir: &Path, command: Hold, screen: Screen) -> Result<(), Failure> {
    let runtime = workshop::open(dir)?;
    match command {
        Hold::Place(told) => place(&runtime, *told, screen)?,
        Hold::Release { name, authority, by } => {
            let entry = runtime.release_hold(&name, who(by, Some(authority), None))?;
            screen.answer(&entry, |_| format!("the hold {name} is released: entry {}\n", entry.seq))?;
        }
        Hold::List { overdue, record } => list(&runtime, overdue, record.as_deref(), screen)?,
        Hold::Show { name } => {
            let shown = runtime.hold(&name)?;
            screen.answer(&shown, |screen| hold_text(screen, &shown))?;
        }
    }
    Ok(runtime.close()?)
}

fn place(runtime: &Runtime, told: PlaceHold, screen: Screen) -> Result<(), Failure> {
    let PlaceHold { name, authority, records, series, agency, query, with_derived, .. } = told;
    let review_by = told.review_by.as_deref().map(PartialDate::parse).transpose()?;
    let told = HoldTold {
        name,
        records: named(records)?,
        series,
        agencies: agency,
        query,
        with_derived,
        matter: told.matter,
        issuer: told.issuer,
        review_by,
        who: who(told.by, Some(authority), None),
    };
    let placed = runtime.place_hold(told)?;
    if let Some(note) = &placed.note {
        screen.say(&format!("Note: {note}."));
    }
    Ok(screen.answer(&placed, |screen| {
        let name = screen.paint(Tone::Name, &placed.hold);
        let mut text =
            format!("the hold {name} is active and holds {} records: entry {}\n", placed.holds, placed.entry.seq);
        if placed.lapsed > 0 {
            text += &format!("{} proposals to dispose of them have lapsed\n", placed.lapsed);
        }
        if !placed.too_late.is_empty() {
            let late = format!("it came too late for {}: content may be gone\n", placed.too_late.join(", "));
            text += &screen.paint(Tone::Bad, &late);
        }
        text
    })?)
}

/// The ids that were said, and those in the files that were.
fn named(said: Vec<String>) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    for text in said {
        let Some(file) = text.strip_prefix('@') else {
            ids.push(text);
            continue;
        };
        let bytes = read_file(Path::new(file))?;
        let lines = String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("`{file}` is not UTF-8")))?;
        let lines = lines.lines().map(|line| line.strip_suffix('\r').unwrap_or(line));
        let before = ids.len();
        ids.extend(lines.filter(|line| !line.trim().is_empty()).map(str::to_owned));
        if ids.len() == before {
            return Err(Failure::Usage(format!("`{file}` names no record, and an empty list selects nothing")));
        }
    }
    Ok(ids)
}

/// A hold in a list, with how it comes to hold the record that was asked about.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    hold: HoldAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    through: Option<String>,
}

fn list(runtime: &Runtime, overdue: bool, record: Option<&str>, screen: Screen) -> Result<(), Failure> {
    let on = record.map(|id| runtime.holds_answer(id)).transpose()?;
    let mut listed = Vec::new();
    for hold in runtime.holds()? {
        let found = on.as_ref().map(|on| on.iter().find(|held| held.hold == hold.hold.name && hold.hold.is_active()));
        let through = match found {
            None => None,
            Some(None) => continue,
            Some(Some(held)) => Some(match &held.record {
                Some(record) => format!("{} {record}", held.through),
                None => held.through.to_owned(),
            }),
        };
        if hold.overdue || !overdue {
            listed.push(Listed { hold, through });
        }
    }
    let late = listed.iter().filter(|listed| listed.hold.overdue).count();
    let rows = listed.iter().map(|Listed { hold: HoldAnswer { hold, state, overdue }, through }| {
        let review = hold.review_by.map(|date| if *overdue { format!("{date} overdue") } else { date.to_string() });
        let what = through.clone().unwrap_or_else(|| selection_text(hold));
        let authority = hold.authority.clone().unwrap_or_default();
        vec![hold.name.clone(), (*state).to_owned(), what, review.unwrap_or_default(), authority]
    });
    let what = if record.is_some() { "through" } else { "holds" };
    let shown = table(&["hold", "state", what, "review by", "authority"], rows);
    if late > 0 && !screen.is_json() {
        let holds = if late == 1 { "1 hold was".to_owned() } else { format!("{late} holds were") };
        screen.say(&format!("{holds} to be reviewed by now: each holds until it is released."));
    }
    Ok(screen.list("holds", &listed, runtime.log_size(), |_| shown)?)
}

/// What a hold selects, in a line.
fn selection_text(hold: &fonds_runtime::Hold) -> String {
    let selection = &hold.selection;
    let mut parts = Vec::new();
    match selection.records.as_slice() {
        [] => {}
        [one] => parts.push(one.to_string()),
        many => parts.push(format!("{} records", many.len())),
    }
    parts.extend(selection.series.iter().map(|series| format!("series {series}")));
    parts.extend(selection.agencies.iter().map(|agency| format!("agency {agency}")));
    parts.extend(selection.query.iter().map(|query| format!("query {query}")));
    let derived = if hold.with_derived { ", and what is derived" } else { "" };
    format!("{}{derived}", parts.join(" or "))
}

fn hold_text(screen: &Screen, shown: &HoldShown) -> String {
    let HoldAnswer { hold, state, overdue } = &shown.hold;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let review = hold.review_by.map_or_else(|| "-".to_owned(), |date| date.to_string());
    let mut told = vec![
        ("hold", screen.paint(Tone::Name, &hold.name)),
        ("state", (*state).to_owned()),
        ("holds", selection_text(hold)),
        ("authority", or_none(&hold.authority)),
        ("matter", or_none(&hold.matter)),
        ("issuer", or_none(&hold.issuer)),
        ("review by", if *overdue { screen.paint(Tone::Bad, &format!("{review} (overdue)")) } else { review }),
        ("placed", format!("entry {}, by {}", hold.placed_at, or_none(&hold.by))),
    ];
    if let Some(released) = hold.released_at {
        let authority = or_none(&hold.released_on_authority);
        told.push(("released", format!("entry {released}, by {}, {authority}", or_none(&hold.released_by))));
    }
    told.push(("records now", shown.holds.to_string()));
    let rows = shown.held.iter().take(SHOWN_MAX).map(|held| {
        let through = held.file.as_ref().map_or_else(|| held.through.to_owned(), |file| format!("file {file}"));
        vec![held.record.clone(), through]
    });
    let mut text = pairs(screen, &told);
    if !shown.held.is_empty() {
        text += &table(&["record", "held"], rows);
    }
    if shown.held.len() > SHOWN_MAX {
        text += &format!("… and {} more: --output json has them all\n", shown.held.len() - SHOWN_MAX);
    }
    if shown.truncated {
        text += "There is too much to look at: what is not shown counts as held where that cannot be told.\n";
    }
    text
}
