//! The register, explanations, and lineage.

use super::date_or_today;
use crate::args::{Lineage, Output, Record, View};
use crate::output::{Screen, Tone, pairs, table};
use crate::render::{diagram, prov, tree};
use crate::{Failure, workshop};
use fonds_model::EntityId;
use fonds_model::date::Written;
use fonds_runtime::answers::{DecisionAnswer, Explanation, RecordAnswer, RuleAnswer, Said};
use fonds_runtime::lineage::{Answer, Direction, Question};
use fonds_runtime::query::{Filter, LineageTold};
use serde::Serialize;
use std::path::Path;

/// `record …`.
pub(crate) fn record(dir: &Path, command: Record, screen: Screen) -> Result<(), Failure> {
    let runtime = workshop::open(dir)?;
    match command {
        Record::Show { id, as_of, on } => {
            let on = on.as_deref().map(|date| date_or_today(Some(date))).transpose()?;
            let record = runtime.record(&id, as_of.as_deref(), on)?;
            screen.answer(&record, |screen| record_text(screen, &record))?;
        }
        Record::List { agency, series, state, due_by, on } => {
            let due_by = due_by.as_deref().map(|date| date_or_today(Some(date))).transpose()?;
            let on = on.as_deref().map(|date| date_or_today(Some(date))).transpose()?;
            let filter = Filter { agency, series, state, due_by, on };
            list(&runtime, &filter, screen)?;
        }
    }
    Ok(runtime.close()?)
}

fn list(runtime: &fonds_runtime::Runtime, filter: &Filter, screen: Screen) -> Result<(), Failure> {
    if screen.output == Output::Ndjson {
        // A register of millions goes out line by line.
        return runtime.records(filter, &mut |record| Ok::<(), Failure>(screen.answer(&record, |_| String::new())?));
    }
    let mut records = Vec::new();
    runtime.records(filter, &mut |record| {
        records.push(record);
        Ok::<(), Failure>(())
    })?;
    let shown = list_text(&screen, &records);
    Ok(screen.list("records", &records, runtime.log_size(), |_| shown)?)
}

/// The register as a table.
pub(crate) fn list_text(screen: &Screen, records: &[RecordAnswer]) -> String {
    let rows = records.iter().map(|record| {
        let due = record.effective.due.map_or_else(|| "-".to_owned(), |due| due.to_string());
        let action = record.effective.action.map_or_else(|| "-".to_owned(), |action| action.to_string());
        let label = record.label.as_ref().map_or_else(|| "-".to_owned(), |label| label.level.clone());
        let series = record.series.clone().unwrap_or_else(|| "-".to_owned());
        vec![record.id.clone(), record.state.clone(), series, label, due, action, why_text(record)]
    });
    let shown = table(&["record", "state", "series", "label", "due", "action", "why"], rows);
    format!("{shown}{}\n", screen.paint(Tone::Quiet, &format!("{} records", records.len())))
}

/// In a line: what stands in the way, else the retention decision's first reason.
fn why_text(record: &RecordAnswer) -> String {
    if !record.effective.blocked_by.is_empty() {
        return format!("blocked: {}", record.effective.blocked_by.join(", "));
    }
    let reason = record.decisions.get("retention").and_then(|decision| decision.reasons.first());
    let overdue = if record.effective.overdue { "; kept longer than the law allows" } else { "" };
    reason.map_or_else(String::new, |reason| format!("{}{overdue}", reason.text))
}

fn record_text(screen: &Screen, record: &RecordAnswer) -> String {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let date = |date: Option<fonds_model::PartialDate>| date.map_or_else(|| "-".to_owned(), |date| date.to_string());
    let label = record.label.as_ref().map_or_else(
        || "-".to_owned(),
        |label| std::iter::once(&label.level).chain(&label.categories).cloned().collect::<Vec<_>>().join(" "),
    );
    let mut shown = vec![
        ("record", screen.paint(Tone::Name, &record.id)),
        ("title", or_none(&record.title)),
        ("kind", or_none(&record.kind)),
        ("agency", or_none(&record.agency)),
        ("series", or_none(&record.series)),
        ("state", record.state.clone()),
        ("created", date(record.created)),
        ("closed", date(record.closed)),
        ("label", label),
    ];
    if let Some(file) = &record.file {
        shown.push(("filed into", file.clone()));
    }
    if record.filed > 0 {
        shown.push(("contains", format!("{} records", record.filed)));
    }
    if !record.marks.is_empty() {
        shown.push(("marks", record.marks.join(", ")));
    }
    for (name, value) in &record.attributes {
        shown.push((name, value.clone()));
    }
    shown.push(("due", effective_text(screen, record)));
    pairs(screen, &shown) + &decisions_text(screen, record)
}

fn effective_text(screen: &Screen, record: &RecordAnswer) -> String {
    let effective = &record.effective;
    let action = effective.action.map_or("no action", |action| action.as_str());
    let mut text = match effective.due {
        Some(due) => format!("{due}, then {action}"),
        None => "never: retained".to_owned(),
    };
    if effective.overdue {
        text += ", kept longer than the law allows";
    }
    if !effective.blocked_by.is_empty() {
        text += &screen.paint(Tone::Bad, &format!(" ({})", effective.blocked_by.join(", ")));
    }
    text
}

fn decisions_text(screen: &Screen, record: &RecordAnswer) -> String {
    let mut text = String::new();
    let governing = record.decisions.values().map(|decision| (decision, "decides"));
    let also = record.also.iter().map(|decision| (decision, "says too"));
    for (decision, verb) in governing.chain(also) {
        let head = format!("{} {verb}: {}", decision.policy, said_text(decision));
        text += &format!(
            "\n{}  {}\n",
            screen.paint(Tone::Heading, &head),
            screen.paint(Tone::Quiet, &entry_text(decision))
        );
        if let Some(entries) = &decision.shortened_by {
            let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
            let said = format!("  sooner than it decided before, because of: {}\n", entries.join(", "));
            text += &screen.paint(Tone::Bad, &said);
        }
        for reason in &decision.reasons {
            let authority = reason.authority.as_ref().map_or_else(String::new, |authority| format!(" [{authority}]"));
            text += &format!("  because {}: {}{authority}\n", reason.code, reason.text);
        }
    }
    text
}

fn entry_text(decision: &DecisionAnswer) -> String {
    let plugin: String = decision.plugin.to_hex().chars().take(12).collect();
    format!("entry {}/{}, plugin {plugin}, as of {}", decision.seq, decision.item, decision.as_of)
}

fn said_text(decision: &DecisionAnswer) -> String {
    match &decision.said {
        Said::Retention { term, date, waiting_for, action, .. } => {
            let action = action.map_or("retain", |action| action.as_str());
            match (date, waiting_for) {
                (Some(date), _) => format!("{term} {date}, then {action}"),
                (None, Some(waiting)) => format!("waiting for {waiting}, then {action}"),
                (None, None) => format!("{term}, {action}"),
            }
        }
        Said::Classification { series, label, .. } => {
            let label = label.as_ref().map_or("no label", |label| label.level.as_str());
            series.as_ref().map_or_else(|| label.to_owned(), |series| format!("{label}, series {series}"))
        }
        Said::Archival { select: Some(plan) } => format!("selected for {}", plan.destination),
        Said::Archival { select: None } => "not selected".to_owned(),
    }
}

/// `explain`.
pub(crate) fn explain(dir: &Path, id: &str, screen: Screen) -> Result<(), Failure> {
    let runtime = workshop::open(dir)?;
    let explanation = runtime.explain(id)?;
    screen.answer(&explanation, |screen| explain_text(screen, &explanation))?;
    Ok(runtime.close()?)
}

/// Why a record is kept as it is.
pub(crate) fn explain_text(screen: &Screen, explanation: &Explanation) -> String {
    let mut text = record_text(screen, &explanation.record);
    text += &format!("\n{}\n{}", screen.paint(Tone::Heading, "rule"), rule_text(screen, &explanation.rule));
    let rows = explanation.history.iter().map(|fact| {
        let on = fact.on.map_or_else(|| "-".to_owned(), |on| on.to_string());
        let entry = format!("{}/{}", fact.seq, fact.item);
        vec![
            entry,
            on,
            fact.kind.clone(),
            fact.by.clone().unwrap_or_default(),
            fact.put_right.clone().unwrap_or_default(),
        ]
    });
    text + "\n" + &table(&["entry", "on", "what happened", "by", "put right"], rows)
}

/// A rule for a person.
pub(crate) fn rule_text(screen: &Screen, answer: &RuleAnswer) -> String {
    let series = answer.series.clone().unwrap_or_else(|| "-".to_owned());
    let Some(rule) = &answer.rule else {
        let missing = answer.missing.clone().unwrap_or_default();
        return pairs(screen, &[("series", series), ("rule", screen.paint(Tone::Bad, &format!("none: {missing}")))]);
    };
    let clause = |clause: &fonds_model::Clause| {
        let mut text = clause.trigger.to_string();
        match clause.cutoff {
            fonds_model::Cutoff::None => {}
            fonds_model::Cutoff::CalendarYear => text += ", end of the calendar year",
            fonds_model::Cutoff::FiscalYear => text += ", end of the fiscal year",
        }
        for (count, unit) in [(clause.years, "years"), (clause.months, "months"), (clause.days, "days")] {
            if count > 0 {
                text += &format!(" + {count} {unit}");
            }
        }
        text
    };
    let clauses = if rule.permanent {
        "permanent".to_owned()
    } else {
        rule.clauses.iter().map(clause).collect::<Vec<_>>().join("; ")
    };
    pairs(
        screen,
        &[
            ("series", series),
            ("title", answer.title.clone().unwrap_or_default()),
            ("kept", clauses),
            ("then", rule.action.to_string()),
            ("authority", rule.authority.clone()),
            ("citations", if rule.citations.is_empty() { "-".to_owned() } else { rule.citations.join("; ") }),
        ],
    )
}

/// A lineage answer with the log size that it reflects.
#[derive(Serialize)]
struct Sized<'a> {
    #[serde(flatten)]
    answer: &'a Answer,
    log_size: u64,
}

/// `lineage`.
pub(crate) fn lineage(dir: &Path, told: &Lineage, screen: Screen) -> Result<(), Failure> {
    let direction = match (told.up, told.down) {
        (true, _) => Direction::Up,
        (_, true) => Direction::Down,
        _ => Direction::Both,
    };
    let question = Question {
        depth_max: told.depth,
        nodes_max: told.nodes,
        on: told.on.as_deref().map(moment).transpose()?,
        ever: told.ever,
        columns: told.columns,
        ..Question::new(EntityId::new(told.id.as_str())?, direction)
    };
    let runtime = workshop::open(dir)?;
    let (answer, log_size) = runtime.lineage(&LineageTold { question, as_of: told.as_of.clone() })?;
    let view = told.view.unwrap_or(if screen.is_json() { View::Json } else { View::Tree });
    match view {
        View::Json => screen.json(&Sized { answer: &answer, log_size })?,
        View::Tree => screen.text(&tree::lineage(&screen, &answer, direction))?,
        View::Dot => screen.text(&diagram::dot(&answer))?,
        View::Mermaid => screen.text(&diagram::mermaid(&answer))?,
        View::ProvJson => screen.text(&prov::json(&answer)?)?,
    }
    if answer.truncated {
        screen.say("The answer was cut: ask for more with --depth and --nodes.");
    }
    Ok(runtime.close()?)
}

/// The last moment of a date, or a moment as it is written.
fn moment(text: &str) -> Result<fonds_model::Timestamp, Failure> {
    Ok(match Written::parse(text)? {
        date @ Written::Date(_) => fonds_model::Timestamp(date.instant().0.saturating_add(86_400_000_000 - 1)),
        Written::Instant(at, _) => at,
    })
}
