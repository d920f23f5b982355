//! Reports as one page that stands by itself: plots, a table under each, no script, nothing from elsewhere.

use super::sheet::Sheet;
use fonds_runtime::report::Reports;
use std::fmt::Write as _;

/// So many rows of a table are on a page; CSV and JSON have them all.
const ROWS_MAX: usize = 1_000;

/// Nothing is loaded and nothing runs, whatever a name in the register says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "body{font:16px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#111;\
background:#fff}h1,h2,h3{line-height:1.2}h2{border-bottom:1px solid #999;margin-top:2.5rem}h3{font-size:1rem;margin:1.2rem \
0 .3rem}table{border-collapse:collapse;width:100%;margin:.5rem 0;font-size:.9rem}caption{text-align:left;font-weight:bold;\
padding:.4rem 0}th,td{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #ddd;\
overflow-wrap:anywhere}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}svg{width:100%;height:auto;font:13px \
system-ui,sans-serif}nav a{margin-right:1rem}@media print{nav{display:none}body{margin:0;max-width:none;font-size:10pt}\
svg,tr,h2,h3{break-inside:avoid}h2,h3,caption{break-after:avoid}thead{display:table-header-group}rect{\
print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

/// Text that stays text in HTML and SVG.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' => safe.push(character),
            // What XML has no character for, and what turns the direction of the text around it.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            other if other.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// The page of some reports.
pub(crate) fn page(reports: &Reports, sheets: &[Sheet], origin: &str) -> String {
    let mut page = String::with_capacity(1 << 16);
    let whose = reports.agency.as_ref().map_or_else(String::new, |agency| format!(" of {agency}"));
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>Reports{whose} as of {as_of}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Reports{whose} as of {as_of}</h1>\n<p>Counted from the log <code>{}</code> at size {}.{}</p>\n",
        escaped(origin),
        reports.log_size,
        reports.records.map_or_else(String::new, |records| format!(" Records looked at: {records}.")),
        as_of = reports.as_of,
        whose = escaped(&whose),
    );
    if sheets.len() > 1 {
        page.push_str("<nav aria-label=\"Reports\">");
        for (number, sheet) in sheets.iter().enumerate() {
            let _ = write!(page, "<a href=\"#report{number}\">{}</a> ", escaped(sheet.title));
        }
        page.push_str("</nav>\n");
    }
    for (number, sheet) in sheets.iter().enumerate() {
        section(&mut page, number, sheet);
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn section(page: &mut String, number: usize, sheet: &Sheet) {
    let title = escaped(sheet.title);
    let _ = write!(page, "<section aria-labelledby=\"report{number}\">\n<h2 id=\"report{number}\">{title}</h2>\n");
    let _ = writeln!(page, "<p>{}</p>", escaped(&sheet.about));
    for (index, plot) in sheet.plots.iter().enumerate() {
        if let Some(svg) = plot.svg(number * 10 + index) {
            let _ = write!(page, "<h3>{}</h3>\n{svg}", escaped(&plot.title));
        }
    }
    if sheet.rows.is_empty() {
        page.push_str("<p>Nothing.</p>\n</section>\n");
        return;
    }
    // A column is right-aligned when it counts.
    let counts = |heading: &str| matches!(heading, "records" | "count" | "days" | "oldest, days");
    let class = |heading: &str| if counts(heading) { " class=\"n\"" } else { "" };
    let _ = write!(page, "<table>\n<caption>{title}: {}</caption>\n<thead><tr>", escaped(&sheet.totals));
    for heading in &sheet.headings {
        let _ = write!(page, "<th scope=\"col\"{}>{}</th>", class(heading), escaped(heading));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in sheet.rows.iter().take(ROWS_MAX) {
        page.push_str("<tr>");
        for (cell, heading) in row.iter().zip(&sheet.headings) {
            let _ = write!(page, "<td{}>{}</td>", class(heading), escaped(cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n");
    if sheet.rows.len() > ROWS_MAX {
        let _ = writeln!(page, "<p>{} more rows are in CSV and JSON.</p>", sheet.rows.len() - ROWS_MAX);
    }
    page.push_str("</section>\n");
}
