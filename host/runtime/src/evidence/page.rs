//! The page that people read, made from proved entries alone: the same entries always give the same bytes.

use fonds_model::{Digest, Kind, Seq};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// A payload is shown up to this many characters, and then an ellipsis; all of it is in the document.
const SHOWN_CHARACTERS_MAX: usize = 2_000;

const STYLE: &str = "body{font:16px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;\
background:#fff}h1,h2,h3{line-height:1.2;overflow-wrap:anywhere}h2{border-bottom:1px solid #999;margin-top:2.5rem}table{border-collapse:\
collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:\
1px solid #ddd;overflow-wrap:anywhere}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f4f4;padding:.6rem;\
font-size:.8rem}@media print{body{margin:0;max-width:none;font-size:10pt}tr,h2,h3{break-inside:avoid;break-after:avoid}}";

/// The tables, each with the beginnings of the kinds that it lists.
const SECTIONS: [(&str, &[&str]); 3] = [
    ("History", &["record.", "entry."]),
    ("Lineage", &["lineage."]),
    (
        "What decisions rest on",
        &[
            "access.",
            "agency.",
            "backup.",
            "hold.",
            "log.",
            "plugin.",
            "policy.b",
            "policy.u",
            "schedule.",
            "setting.",
            "sweep.",
            "term.",
        ],
    ),
];

/// The kinds of what is told word by word under Disposition.
const DISPOSES: [&str; 3] = ["disposition.", "record.destroyed", "record.transferred"];

const INTRO: &str = "This page was made from entries of a tamper-evident log. By itself it proves nothing: the proof \
stands inside this file, and <code>fonds verify-evidence</code>, or the verifier in <code>examples/verify-evidence</code>, \
checks it with the log's public key and makes this page anew to compare it. Evidence shows that what stands here was \
logged; that nothing was left out only the whole log can show. Parts of entries that concern other records are here \
as digests only.";

/// A proved entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) seq: Seq,
    pub(super) at: String,
    pub(super) kind: Kind,
    pub(super) digests: Vec<Digest>,
    pub(super) items: Vec<Shown>,
}

/// What is here of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// Its payload.
    Content(Vec<u8>),
    /// Its content was erased.
    Erased,
    /// It concerns other records.
    Withheld,
}

impl Entry {
    /// The items whose content is here.
    pub(super) fn contents(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.items.iter().enumerate().filter_map(|(index, item)| match item {
            Shown::Content(payload) => Some((index, payload.as_slice())),
            Shown::Erased | Shown::Withheld => None,
        })
    }
}

/// What a page shows of an envelope.
#[derive(Default, Deserialize)]
struct Line {
    format: Option<String>,
    on: Option<String>,
    subject: Option<String>,
    by: Option<String>,
}

/// A job or a dataset.
#[derive(Deserialize)]
struct Named {
    namespace: String,
    name: String,
}

/// What a page shows of an OpenLineage event.
#[derive(Deserialize)]
struct Event {
    job: Option<Named>,
    dataset: Option<Named>,
}

/// A payload, as far as a page shows it.
struct Told<'a> {
    line: Line,
    body: &'a [u8],
}

impl<'a> Told<'a> {
    fn read(payload: &'a [u8]) -> Self {
        let end = payload.iter().position(|byte| *byte == b'\n').unwrap_or(payload.len());
        let (line, rest) = payload.split_at(end);
        let line = serde_json::from_slice(line).unwrap_or_default();
        Self { line, body: rest.get(1..).unwrap_or_default() }
    }

    /// The body of what the host itself wrote.
    fn own(&self) -> Value {
        if self.line.format.as_deref() == Some("fonds") {
            serde_json::from_slice(self.body).unwrap_or_default()
        } else {
            Value::Null
        }
    }

    /// What an item is about, in a few words.
    fn about(&self, kind: Kind) -> String {
        if let Some(subject) = &self.line.subject {
            return subject.clone();
        }
        if kind.as_str().starts_with("lineage.") {
            let Ok(event) = serde_json::from_slice::<Event>(self.body) else { return String::new() };
            let named = event.job.or(event.dataset);
            return named.map(|named| format!("{}/{}", named.namespace, named.name)).unwrap_or_default();
        }
        let own = self.own();
        let told = ["path", "name", "id", "schedule", "key", "seq"].iter().find_map(|name| own.get(name));
        told.map(scalar).unwrap_or_default()
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Reasons are told in words, and what else somebody approved in one go is of no concern here.
const UNSHOWN: [&str; 2] = ["dispositions", "reasons"];

/// Names and values of a JSON value, names sorted, lists name by name.
fn flat(value: &Value, name: &str, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().filter(|name| !UNSHOWN.contains(&name.as_str())).collect();
            names.sort_unstable();
            for member in names {
                let below = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                flat(members.get(member).unwrap_or(&Value::Null), &below, rows);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| flat(value, name, rows)),
        Value::Null => {}
        scalar_value => rows.push((name.to_owned(), scalar(scalar_value))),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    out
}

fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let row = |tag: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let body: String = rows.iter().map(|cells| row("td", cells)).collect();
    format!("<table>\n{}{body}</table>\n", row("th", &head))
}

fn pairs(rows: Vec<(String, String)>) -> String {
    table(&["what", "says"], &rows.into_iter().map(|(name, value)| vec![name, value]).collect::<Vec<_>>())
}

/// The page, up to where the document begins; up to `</header>` it is the same in every file.
pub(super) fn render(record: &str, truncated: bool, checkpoint: &str, entries: &[Entry]) -> String {
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>Evidence about a record</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header>\n<p><strong>Evidence about a record.</strong> {INTRO}</p>\n</header>\n"
    );
    out += &format!("<h1>{}</h1>\n<h2>Decisions</h2>\n", escape(record));
    let plugins = installed(entries);
    for entry in entries.iter().filter(|entry| entry.kind == Kind::PolicyDecided) {
        out += &decisions(entry, &plugins);
    }
    out += "<h2>Disposition</h2>\n";
    for entry in entries.iter().filter(|entry| DISPOSES.iter().any(|kind| entry.kind.as_str().starts_with(kind))) {
        for (index, payload) in entry.contents() {
            let mut rows = Vec::new();
            flat(&Told::read(payload).own(), "", &mut rows);
            rows.push(("logged".to_owned(), entry.at.clone()));
            out += &format!("<h3>{}/{index} {}</h3>\n{}", entry.seq, entry.kind, pairs(rows));
        }
    }
    for (title, kinds) in SECTIONS {
        out += &listed(title, entries, kinds);
    }
    if truncated {
        out += "<p>Its lineage goes on: it was cut at the bound on its size.</p>\n";
    }
    out += &rules(entries);
    out += "<h2>Word for word</h2>\n";
    for entry in entries {
        out += &words(entry);
    }
    out + &format!("<h2>Checkpoint</h2>\n<pre>{}</pre>", escape(checkpoint))
}

fn listed(title: &str, entries: &[Entry], kinds: &[&str]) -> String {
    let mut rows = Vec::new();
    for entry in entries.iter().filter(|entry| kinds.iter().any(|kind| entry.kind.as_str().starts_with(kind))) {
        for (index, item) in entry.items.iter().enumerate() {
            let told = match item {
                Shown::Withheld => continue,
                Shown::Content(payload) => Some(Told::read(payload)),
                Shown::Erased => None,
            };
            let about = told.as_ref().map_or_else(|| "erased".to_owned(), |told| told.about(entry.kind));
            let line = told.map(|told| told.line).unwrap_or_default();
            rows.push(vec![
                format!("{}/{index}", entry.seq),
                entry.kind.as_str().to_owned(),
                about,
                line.on.unwrap_or_default(),
                entry.at.clone(),
                line.by.unwrap_or_default(),
            ]);
        }
    }
    format!("<h2>{title}</h2>\n{}", table(&["entry", "what", "about", "on", "logged", "by"], &rows))
}

/// The decisions of one entry, each with its reasons in the words of the plugin's manifest.
fn decisions(entry: &Entry, plugins: &HashMap<String, Value>) -> String {
    let mut out = String::new();
    let mut shared = Value::Null;
    for (index, payload) in entry.contents() {
        let body = Told::read(payload).own();
        if index == 0 {
            shared = body;
            continue;
        }
        let get = |name: &str| shared.get(name).map(scalar).unwrap_or_default();
        let (policy, world, as_of) = (get("policy"), get("world"), get("as_of"));
        let verdict = body.get("verdict").cloned().unwrap_or_default();
        let mut rows = Vec::new();
        flat(&body, "", &mut rows);
        let plugin = plugins.get(&get("plugin")).unwrap_or(&Value::Null);
        for (code, detail) in reasons(&verdict) {
            rows.push(("because".to_owned(), reason(plugin, &code, &detail)));
        }
        flat(&shared, "", &mut rows);
        rows.push(("plugin.name".to_owned(), plugin.get("name").map(scalar).unwrap_or_default()));
        rows.push(("plugin.version".to_owned(), plugin.get("version").map(scalar).unwrap_or_default()));
        let title = escape(&format!("{}/{index} {policy}: {world}, as of {as_of}", entry.seq));
        out += &format!("<h3>{title}</h3>\n{}", pairs(rows));
    }
    out
}

/// The codes and details of a verdict's reasons.
fn reasons(verdict: &Value) -> Vec<(String, String)> {
    let said = verdict.as_object().into_iter().flat_map(|worlds| worlds.values());
    let reasons = said.filter_map(|said| said.get("reasons")?.as_array()).flatten();
    let text = |reason: &Value, name: &str| reason.get(name).map(scalar).unwrap_or_default();
    reasons.map(|reason| (text(reason, "code"), text(reason, "detail"))).collect()
}

/// What is here of installed plugins, by digest; the first entry of each counts.
fn installed(entries: &[Entry]) -> HashMap<String, Value> {
    let mut plugins = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == Kind::PluginInstalled) {
        for (_, payload) in entry.contents() {
            let body = Told::read(payload).own();
            let digest = body.get("digest").map(scalar).unwrap_or_default();
            plugins.entry(digest).or_insert(body);
        }
    }
    plugins
}

/// A reason in the words of the manifest, with the authority that it cites.
fn reason(plugin: &Value, code: &str, detail: &str) -> String {
    let known = plugin.get("reasons").and_then(Value::as_array).into_iter().flatten();
    let Some(known) = known.into_iter().find(|known| known.get("code").is_some_and(|found| found == code)) else {
        return format!("{code} {detail}");
    };
    let text = known.get("text").map(scalar).unwrap_or_default().replace("{detail}", detail);
    match known.get("authority").filter(|authority| !scalar(authority).is_empty()) {
        Some(authority) => format!("{text} ({})", scalar(authority)),
        None => text,
    }
}

/// The rules of the series that decisions rest on, with their authorities and citations.
fn rules(entries: &[Entry]) -> String {
    let mut out = String::new();
    for entry in entries.iter().filter(|entry| entry.kind == Kind::ScheduleImported) {
        for (index, payload) in entry.contents().filter(|(index, _)| *index > 0) {
            let series = Told::read(payload).own();
            let id = series.get("id").map(scalar).unwrap_or_default();
            let mut rows = Vec::new();
            flat(&series, "", &mut rows);
            out += &format!("<h3>{}/{index} {}</h3>\n{}", entry.seq, escape(&id), pairs(rows));
        }
    }
    out
}

/// An entry's payloads as they were logged.
fn words(entry: &Entry) -> String {
    let mut out = String::new();
    for (index, item) in entry.items.iter().enumerate() {
        let text = match item {
            Shown::Withheld => continue,
            Shown::Erased => "erased".into(),
            Shown::Content(payload) => String::from_utf8_lossy(payload),
        };
        let mut shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
        if shown.len() < text.len() {
            shown.push('\u{2026}');
        }
        out += &format!("<h3>{}/{index} {}</h3>\n<pre>{}</pre>\n", entry.seq, entry.kind, escape(&shown));
    }
    out
}
