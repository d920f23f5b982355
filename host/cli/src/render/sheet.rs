//! A report as a sheet of rows: for a table, for CSV, and for a page.

use super::plot::{Bar, Plot};
use fonds_runtime::report::{Disposed, Due, HoldsByAge, Late, Lateness, Reports, Unscheduled, Waiting, When};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// A report, ready to be shown.
pub(crate) struct Sheet {
    /// What it is called.
    pub(crate) title: &'static str,
    /// One sentence of what it counts.
    pub(crate) about: String,
    pub(crate) headings: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
    /// What stands below the rows.
    pub(crate) totals: String,
    pub(crate) plots: Vec<Plot>,
}

fn or_none(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

fn beyond(count: u64) -> String {
    if count == 0 { String::new() } else { format!("; {count} more are in too many rows to show") }
}

/// The sheets of the reports that were asked for, in the order of a page.
pub(crate) fn sheets(reports: &Reports) -> Vec<Sheet> {
    let as_of = reports.as_of;
    let all = [
        reports.due.as_ref().map(|due| of_due(due, as_of)),
        reports.overdue.as_ref().map(of_late),
        reports.holds.as_ref().map(of_holds),
        reports.waiting.as_ref().map(of_waiting),
        reports.unscheduled.as_ref().map(of_unscheduled),
        reports.disposed.as_ref().map(of_disposed),
    ];
    all.into_iter().flatten().collect()
}

/// The sheet that names the records or dispositions, where they were asked for.
pub(crate) fn listed(reports: &Reports) -> Option<Sheet> {
    if let Some(records) = reports.unscheduled.as_ref().and_then(|report| report.listed.as_ref()) {
        let row = |one: &fonds_runtime::report::UnscheduledRecord| {
            let series = or_none(one.series.as_deref());
            vec![one.id.clone(), or_none(one.agency.as_deref()), series, one.reason.to_owned()]
        };
        return Some(Sheet {
            title: "Records that no rule says anything of",
            about: String::new(),
            headings: vec!["record", "agency", "series", "reason"],
            totals: format!("{} records", records.len()),
            rows: records.iter().map(row).collect(),
            plots: Vec::new(),
        });
    }
    let late = reports.overdue.as_ref()?.listed.as_ref()?;
    let row = |one: &fonds_runtime::report::LateOne| {
        vec![
            one.waits_for.as_str().to_owned(),
            or_none(one.disposition.as_deref()),
            or_none(one.record.as_deref()),
            or_none(one.agency.as_deref()),
            one.since.to_string(),
            one.days.to_string(),
        ]
    };
    Some(Sheet {
        title: "What is late, one by one",
        about: String::new(),
        headings: vec!["waits for", "disposition", "record", "agency", "since", "days"],
        totals: format!("{} in all", late.len()),
        rows: late.iter().map(row).collect(),
        plots: Vec::new(),
    })
}

/// Bars, the longest first, with what is beyond so many as one more.
fn longest(counts: BTreeMap<String, u64>) -> Vec<Bar> {
    const BARS_MAX: usize = 20;
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
    let rest: u64 = counts.iter().skip(BARS_MAX).map(|(_, count)| count).sum();
    let others = counts.len().saturating_sub(BARS_MAX);
    let mut bars: Vec<Bar> =
        counts.into_iter().take(BARS_MAX).map(|(label, count)| Bar::of(label, "", count)).collect();
    if others > 0 {
        bars.push(Bar::of(format!("{others} others"), "", rest));
    }
    bars
}

fn summed<'a>(of: impl Iterator<Item = (Option<&'a str>, u64)>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (label, count) in of {
        *counts.entry(label.unwrap_or("(none)").to_owned()).or_default() += count;
    }
    counts
}

/// The steps of a calendar's axis: months, or years where there are too many of them.
fn steps(due: &Due, as_of: Date) -> Vec<(When, String)> {
    const STEPS_MAX: usize = 60;
    let first = due.from.unwrap_or(as_of).first_of_month();
    let mut steps = Vec::new();
    let mut month = Some(first).filter(|first| *first <= due.to);
    while let Some(at) = month {
        if steps.len() >= STEPS_MAX {
            return Vec::new();
        }
        steps.push((When::Month(at), When::Month(at).to_string()));
        month = at.last_of_month().tomorrow().ok().filter(|next| *next <= due.to);
    }
    if due.from.is_none() {
        steps.insert(0, (When::Overdue, "overdue".to_owned()));
    }
    if due.counted.rows.iter().any(|row| row.of.month == When::Later) {
        steps.push((When::Later, "later".to_owned()));
    }
    steps
}

fn due_plot(due: &Due, as_of: Date) -> Plot {
    let by_month = steps(due, as_of);
    let mut bars: Vec<Bar> = by_month.iter().map(|(_, label)| Bar::empty(label.clone())).collect();
    let mut years: BTreeMap<String, Bar> = BTreeMap::new();
    for row in &due.counted.rows {
        let part = row.of.action.unwrap_or("no action");
        let bar = if by_month.is_empty() {
            let year = row.of.month.to_string().chars().take_while(|character| *character != '-').collect::<String>();
            Some(years.entry(year.clone()).or_insert_with(|| Bar::empty(year)))
        } else {
            let found = by_month.iter().position(|(when, _)| *when == row.of.month);
            found.and_then(|found| bars.get_mut(found))
        };
        if let Some(bar) = bar {
            bar.add(part, row.records);
        }
    }
    bars.extend(years.into_values());
    Plot { title: "Records due, by month and what is to be done".to_owned(), unit: "records", is_upright: true, bars }
}

fn of_due(due: &Due, as_of: Date) -> Sheet {
    let rows = due.counted.rows.iter().map(|row| {
        let (of, count) = (&row.of, row.records.to_string());
        let blocked = if of.blocked { "yes" } else { "no" };
        vec![of.month.to_string(), or_none(of.agency.as_deref()), or_none(of.action), blocked.to_owned(), count]
    });
    let by_agency = summed(due.counted.rows.iter().map(|row| (row.of.agency.as_deref(), row.records)));
    let of_agency = Plot {
        title: "Records due, by agency".to_owned(),
        unit: "records",
        is_upright: false,
        bars: longest(by_agency),
    };
    let from = due.from.map_or_else(|| "the backlog, and then".to_owned(), |from| format!("from {from}"));
    Sheet {
        title: "Due by month",
        about: format!(
            "Records by the month in which they are due: {from} to {}. Blocked: something is in the way, such as a hold.",
            due.to
        ),
        headings: vec!["month", "agency", "action", "blocked", "records"],
        rows: rows.collect(),
        totals: format!("{} records{}", due.counted.total, beyond(due.counted.beyond)),
        plots: vec![due_plot(due, as_of), of_agency],
    }
}

fn of_late(late: &Late) -> Sheet {
    let rows = late.rows.iter().map(|row| {
        let agency = or_none(row.agency.as_deref());
        let (count, days) = (row.count.to_string(), row.oldest_days.to_string());
        vec![row.waits_for.as_str().to_owned(), agency, or_none(row.action), count, days]
    });
    let called = |waits_for: Lateness| match waits_for {
        Lateness::Approval => "waits for approval",
        Lateness::Execution => "approved, not carried out",
        Lateness::Resumption => "cut off",
        Lateness::Acknowledgement => "waits for an acknowledgement",
        Lateness::Receipt => "waits for a receipt",
        Lateness::NotAfter => "kept longer than the law allows",
    };
    let counts = summed(late.rows.iter().map(|row| (Some(called(row.waits_for)), row.count)));
    let plot = Plot { title: "What is late".to_owned(), unit: "", is_upright: false, bars: longest(counts) };
    Sheet {
        title: "Overdue",
        about: format!(
            "Proposals that wait for approval, and approved dispositions that nobody carried out, for more than {} days; what was cut off, or waits to be confirmed; and records that the law allows no longer.",
            late.days
        ),
        headings: vec!["waits for", "agency", "action", "count", "oldest, days"],
        rows: rows.collect(),
        totals: format!("{} in all{}", late.total, beyond(late.beyond)),
        plots: vec![plot],
    }
}

fn of_holds(holds: &HoldsByAge) -> Sheet {
    let rows = holds.rows.iter().map(|row| {
        vec![
            row.hold.clone(),
            row.placed_on.to_string(),
            row.days.to_string(),
            row.records.to_string(),
            row.review_by.map_or_else(|| "-".to_owned(), |on| on.to_string()),
            if row.overdue { "yes" } else { "no" }.to_owned(),
            or_none(row.authority.as_deref()),
            or_none(row.matter.as_deref()),
        ]
    });
    let part = |row: &fonds_runtime::report::HeldRow| if row.overdue { "review is overdue" } else { "active" };
    let bars = holds.rows.iter().take(40).map(|row| Bar::of(row.hold.clone(), part(row), row.days));
    let title = "Active holds by age, the oldest first".to_owned();
    Sheet {
        title: "Holds by age",
        about: "Active holds: when they were placed, how many records they hold, and when they were to be reviewed."
            .to_owned(),
        headings: vec!["hold", "placed on", "days", "records", "review by", "overdue", "authority", "matter"],
        rows: rows.collect(),
        totals: format!("{} holds, {} records held", holds.total, holds.records_held),
        plots: vec![Plot { title, unit: "days", is_upright: false, bars: bars.collect() }],
    }
}

fn of_waiting(waiting: &Waiting) -> Sheet {
    let counted = &waiting.counted;
    let rows = counted.rows.iter().map(|row| {
        let (of, count) = (&row.of, row.records.to_string());
        vec![of.waiting_for.clone(), or_none(of.agency.as_deref()), or_none(of.series.as_deref()), count]
    });
    let counts = summed(counted.rows.iter().map(|row| (Some(row.of.waiting_for.as_str()), row.records)));
    let title = "Records by the trigger that they wait for".to_owned();
    Sheet {
        title: "Waiting for a trigger",
        about:
            "Records whose term has not begun, because something has not happened yet or nobody has said when it did."
                .to_owned(),
        headings: vec!["waiting for", "agency", "series", "records"],
        rows: rows.collect(),
        totals: format!("{} waits{}", counted.total, beyond(counted.beyond)),
        plots: vec![Plot { title, unit: "records", is_upright: false, bars: longest(counts) }],
    }
}

fn of_unscheduled(unscheduled: &Unscheduled) -> Sheet {
    let counted = &unscheduled.counted;
    let rows = counted
        .rows
        .iter()
        .map(|row| vec![or_none(row.of.agency.as_deref()), row.of.reason.to_owned(), row.records.to_string()]);
    let counts = summed(counted.rows.iter().map(|row| (row.of.agency.as_deref(), row.records)));
    let title = "Records without a rule that counts, by agency".to_owned();
    Sheet {
        title: "Unscheduled",
        about: "Records that are retained because no series, no rule, or more than one rule is theirs, or because it was withdrawn."
            .to_owned(),
        headings: vec!["agency", "reason", "records"],
        rows: rows.collect(),
        totals: format!("{} records{}", counted.total, beyond(counted.beyond)),
        plots: vec![Plot { title, unit: "records", is_upright: false, bars: longest(counts) }],
    }
}

fn of_disposed(disposed: &Disposed) -> Sheet {
    let counted = &disposed.counted;
    let rows = counted.rows.iter().map(|row| {
        let (of, count) = (&row.of, row.records.to_string());
        vec![of.outcome.to_owned(), or_none(of.authority.as_deref()), or_none(of.agency.as_deref()), count]
    });
    let mut bars: BTreeMap<String, Bar> = BTreeMap::new();
    for row in &counted.rows {
        let label = row.of.authority.as_deref().unwrap_or("(none)");
        let bar = bars.entry(label.to_owned()).or_insert_with(|| Bar::empty(label.to_owned()));
        bar.add(row.of.outcome, row.records);
    }
    let title = "Destroyed and transferred, by authority".to_owned();
    Sheet {
        title: "Destroyed and transferred",
        about: format!("Records that were destroyed or taken by an archive from {} to {}.", disposed.from, disposed.to),
        headings: vec!["outcome", "authority", "agency", "records"],
        rows: rows.collect(),
        totals: format!("{} records{}", counted.total, beyond(counted.beyond)),
        plots: vec![Plot { title, unit: "records", is_upright: false, bars: bars.into_values().take(40).collect() }],
    }
}

/// A cell that no spreadsheet takes for a formula.
///
/// OWASP names the beginnings `=`, `+`, `-`, `@`, tab and carriage return; a lone `-`, which says that there is nothing,
/// becomes empty.
fn guarded(cell: &str) -> std::borrow::Cow<'_, str> {
    match cell {
        "-" => "".into(),
        cell if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{cell}").into(),
        cell => cell.into(),
    }
}

impl Sheet {
    /// The sheet as CSV (RFC 4180), its headings first.
    pub(crate) fn csv(&self, to: impl std::io::Write) -> Result<(), csv::Error> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(to);
        writer.write_record(self.headings.iter().map(|heading| heading.replace(", ", "_").replace(' ', "_")))?;
        for row in &self.rows {
            writer.write_record(row.iter().map(|cell| guarded(cell).into_owned()))?;
        }
        Ok(writer.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn no_cell_begins_as_a_formula_does() {
        for (cell, written) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("a=1", "a=1"),
            ("", ""),
            ("-", ""),
            ("2026-01", "2026-01"),
        ] {
            assert_eq!(guarded(cell), written);
        }
    }
}
