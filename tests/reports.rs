//! Reports against a plain count over what `record list` and `disposition list` say, and notices as others read them.

use crate::main_job::{independent, permits_by};
use crate::store::{Store, cloud_event, component, text};
use crate::support;
use crate::webhook::{answer, assert_signed, serve};
use fonds_model::body::Who;
use fonds_model::{Digest, Position, Timestamp};
use fonds_runtime::disposition::{DispositionAnswer, ExecuteTold, HandOver};
use fonds_runtime::{Lock, Parts, Runtime};
use fonds_wasm::{Engine, EngineOptions, Limits};
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;

const NAMES: [&str; 6] = ["due", "holds", "waiting", "unscheduled", "overdue", "disposed"];

fn rule(schedule: &str, series: &str, years: u32) -> String {
    let row = json!({
        "schedule_metadata": { "state": schedule, "schedule_id": "1" },
        "series_metadata": { "series_id": series, "series_title": series, "legal_citation": "Archives Act 5" },
        "retention_rules": { "trigger_event": "Closed", "duration_years": years, "duration_months": null,
            "disposition_method": "" },
        "tracking_data": { "comments": "" }, "state_specific_attributes": {}, "retention_code": "AC", "retention_days": ""
    });
    format!("{row}\n")
}

fn today() -> Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Three agencies with records that are due or will be, that wait, that have no rule, or that are kept too long.
fn register() -> Store {
    let store = Store::new();
    for (id, series, action) in [("xx", &["A", "B", "D", "N", "N"][..], "destroy"), ("yy", &["T"], "transfer")] {
        let years = |place: usize| [3, 1, 1, 1, 2][place];
        let rules: String = series.iter().enumerate().map(|(place, series)| rule(id, series, years(place))).collect();
        let file = store.write(id, rules);
        store.ok(&["schedule", "import", &file, "--schedule", id, "--version", "1", "--default-action", action]);
    }
    for agency in ["a", "a/b", "c"] {
        store.ok(&["agency", "define", agency]);
    }
    store.ok(&["plugin", "install", text(&component("plugins/retention"))]);
    let config = store.write("config.json", r#"{"not_after": {"xx/1/D": {"years": 5, "from": "creation"}}}"#);
    store.ok(&["policy", "bind", "keep", "--plugin", "retention", "--config", &config]);
    let mut events = String::new();
    for number in 0..120_i32 {
        let id = format!("case/{number}");
        let agency = ["a", "a/b", "c"][number as usize % 3];
        let series = [Some("xx/1/A"), Some("xx/1/B"), Some("xx/1/D"), Some("yy/1/T"), Some("xx/1/N"), None];
        let mut data = json!({ "agency": agency, "title": format!("=secret {number}") });
        if let Some(series) = series[number as usize / 3 % 6] {
            data["series"] = json!(series);
        }
        events += &cloud_event(&format!("c{number}"), "record.created", &id, "2010-01-02", &data);
        if series[number as usize / 3 % 6] == Some("xx/1/B") && number % 4 == 1 {
            // Its content lies in a system that Fonds does not reach.
            let place = json!({ "location": format!("theirs/{number}") });
            events += &cloud_event(&format!("m{number}"), "record.moved", &id, "2010-01-03", &place);
        }
        if number % 7 != 0 {
            let closed = today().checked_sub((number * 23).days()).unwrap().to_string();
            events += &cloud_event(&format!("d{number}"), "record.closed", &id, &closed, &json!({}));
        }
    }
    // Due today, which is over in no calendar, and tomorrow.
    for (id, days) in [("edge/today", 1), ("edge/tomorrow", 0)] {
        let closed = today().checked_sub(1.year()).and_then(|day| day.checked_sub(days.days())).unwrap().to_string();
        events += &cloud_event(
            &format!("c{id}"),
            "record.created",
            id,
            "2010-01-02",
            &json!({ "agency": "c", "series": "xx/1/B" }),
        );
        events += &cloud_event(&format!("d{id}"), "record.closed", id, &closed, &json!({}));
    }
    store.ok(&["ingest", &store.write("events.ndjson", events)]);
    let held = ["hold", "place", "court", "--authority", "court 7", "--agency", "a/b", "--review-by", "2020-01-01"];
    store.ok(&held);
    store.ok(&["hold", "place", "=audit", "--authority", "audit 1", "--records", "case/1", "--records", "case/2"]);
    store.ok(&["evaluate"]);
    store.lets_names_approve();
    store
}

fn records(store: &Store) -> Vec<Value> {
    let listed = store.json(&["record", "list"])["records"].as_array().unwrap().clone();
    listed.into_iter().filter(|record| record["state"] != "destroyed").collect()
}

fn blocks(record: &Value) -> Vec<&str> {
    record["effective"]["blocked_by"].as_array().unwrap().iter().map(|why| why.as_str().unwrap()).collect()
}

/// Rows by some of their fields, as JSON, with their counts.
fn rows(report: &Value, fields: &[&str], count: &str) -> BTreeMap<String, u64> {
    let mut rows = BTreeMap::new();
    for row in report["rows"].as_array().unwrap() {
        let key: Vec<&Value> = fields.iter().map(|field| &row[field]).collect();
        let was = rows.insert(json!(key).to_string(), row[count].as_u64().unwrap());
        assert!(was.is_none(), "each row stands once: {row}");
    }
    rows
}

fn counted(keys: impl IntoIterator<Item = Value>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key.to_string()).or_default() += 1;
    }
    counts
}

/// The month of a date in a calendar that begins today and has 24 months.
fn month(due: &str) -> String {
    let now = today();
    let months = i32::from(now.year()) * 12 + i32::from(now.month()) - 1 + 24;
    let after = format!("{:04}-{:02}", months / 12, months % 12 + 1);
    match due {
        due if due <= now.to_string().as_str() => "overdue".to_owned(),
        due if due[..7] >= *after => "later".to_owned(),
        due => due[..7].to_owned(),
    }
}

#[test]
fn the_calendar_counts_what_a_plain_count_over_the_register_does() {
    let store = register();
    let due = store.json(&["report", "due"]);
    let naive = |records: &[Value]| {
        let due = records.iter().filter(|record| record["effective"]["due"].is_string());
        counted(due.map(|record| {
            let effective = &record["effective"];
            let month = month(effective["due"].as_str().unwrap());
            json!([month, record["agency"], effective["action"], !blocks(record).is_empty()])
        }))
    };
    let all = records(&store);
    let due_of = |id: &str| all.iter().find(|record| record["id"] == id).unwrap()["effective"]["due"].clone();
    assert_eq!((due_of("edge/today"), due_of("edge/tomorrow")), (json!(today()), json!(today().tomorrow().unwrap())));
    let fields = ["month", "agency", "action", "blocked"];
    assert_eq!(rows(&due, &fields, "records"), naive(&all));
    let months: BTreeSet<&str> =
        due["rows"].as_array().unwrap().iter().filter_map(|row| row["month"].as_str()).collect();
    assert!(months.len() > 7 && months.contains("overdue") && months.contains("later"), "{months:?}");
    assert_eq!(due["total"], naive(&all).values().sum::<u64>());
    assert_eq!((&due["report"], &due["as_of"]), (&json!("due"), &json!(today().to_string())));
    assert_eq!(due["log_size"], store.json(&["record", "show", "case/1"])["log_size"]);

    let of_a: Vec<Value> = all.iter().filter(|record| record["agency"] != "c").cloned().collect();
    assert_eq!(rows(&store.json(&["report", "due", "--agency", "a"]), &fields, "records"), naive(&of_a));

    let (from, to) =
        (today().checked_sub(1.year()).unwrap().to_string(), today().checked_add(40.days()).unwrap().to_string());
    let period = store.json(&["report", "due", "--from", &from, "--to", &to]);
    let within = all.iter().filter_map(|record| record["effective"]["due"].as_str());
    let within = within.filter(|due| (from.as_str()..=to.as_str()).contains(due)).map(|due| json!([due[..7]]));
    let mut by_month: BTreeMap<String, u64> = BTreeMap::new();
    for row in period["rows"].as_array().unwrap() {
        *by_month.entry(json!([row["month"]]).to_string()).or_default() += row["records"].as_u64().unwrap();
    }
    assert_eq!(by_month, counted(within));
    store.refused(2, &["report", "due", "--from", &to, "--to", &from]);
    store.refused(2, &["report", "due", "--from", "9999-12-31"]);
}

#[test]
fn holds_waits_and_what_has_no_rule_are_those_of_a_plain_count() {
    let store = register();
    let all = records(&store);
    let holds = store.json(&["report", "holds"]);
    let held = all.iter().flat_map(|record| record["holds"].as_array().unwrap()).map(|hold| json!([hold]));
    assert_eq!(rows(&holds, &["hold"], "records"), counted(held));
    let court = holds["rows"].as_array().unwrap().iter().find(|row| row["hold"] == "court").unwrap();
    assert_eq!(
        (&court["overdue"], &court["review_by"], &court["days"]),
        (&json!(true), &json!("2020-01-01"), &json!(0))
    );
    let any = all.iter().filter(|record| !record["holds"].as_array().unwrap().is_empty()).count();
    assert_eq!(holds["records_held"], any);

    let waits = all.iter().flat_map(|record| {
        let waits = blocks(record).into_iter().filter_map(|why| why.strip_prefix("waiting:"));
        waits.map(|wait| json!([wait, record["agency"], record["series"]])).collect::<Vec<_>>()
    });
    let waits = counted(waits);
    assert!(waits.len() > 5, "{waits:?}");
    assert_eq!(rows(&store.json(&["report", "waiting"]), &["waiting_for", "agency", "series"], "records"), waits);

    const REASONS: [&str; 4] = ["unscheduled", "no-rule", "conflicting-rule", "withdrawn"];
    let unruled: Vec<(&Value, &str)> = all
        .iter()
        .filter_map(|record| Some((record, blocks(record).into_iter().find(|why| REASONS.contains(why))?)))
        .collect();
    let unscheduled = store.json(&["report", "unscheduled", "--list"]);
    let naive = counted(unruled.iter().map(|(record, why)| json!([record["agency"], why])));
    assert_eq!(naive.len(), 6, "two reasons in each of three agencies: {naive:?}");
    assert_eq!(rows(&unscheduled, &["agency", "reason"], "records"), naive);
    let listed: Vec<&Value> = unscheduled["listed"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(listed, unruled.iter().map(|(record, _)| &record["id"]).collect::<Vec<_>>());
}

/// An archive that takes everything.
struct Shelf;

impl HandOver for Shelf {
    fn hand_over(&self, disposition: &DispositionAnswer) -> Result<(String, Digest), String> {
        Ok((format!("shelf/{}", disposition.id), Digest([7; 32])))
    }
}

/// Carries out dispositions, with an archive at hand.
fn hand_over(store: &Store, ids: &[String]) {
    let dir = store.dir();
    let parts = Parts {
        store: Arc::new(fonds_store::Store::open(dir.join(fonds_store::STORE)).unwrap()),
        engine: Box::new(|| {
            let options = EngineOptions { cache_dir: None, cache_key: Default::default(), limits: Limits::default() };
            Ok(Arc::new(Engine::new(options).unwrap()))
        }),
        clock: Arc::new(|| Timestamp(jiff::Timestamp::now().as_microsecond())),
        options: Default::default(),
    };
    let runtime = Runtime::open(Lock::take(&dir).unwrap(), parts).unwrap();
    let ids = ids.iter().map(|id| Position::parse(id).unwrap()).collect();
    let who = Who { by: Some("anna".to_owned()), ..Who::default() };
    let told = ExecuteTold { ids, who, hand_over: Some(&Shelf), ..ExecuteTold::default() };
    let executed = runtime.execute(&told, &mut |_, _| {}).unwrap();
    assert_eq!(executed.handed_over, 2, "{executed:?}");
    runtime.close().unwrap();
}

#[test]
fn what_is_late_and_what_was_disposed_of_are_those_of_a_plain_count() {
    let store = register();
    let ids = |action: &str, agency: &str| -> Vec<String> {
        let listed = store.json(&["disposition", "list", "--action", action, "--agency", agency]);
        listed["dispositions"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let (destroy, transfer) = (ids("destroy", "c"), ids("transfer", "c"));
    assert!(destroy.len() > 2 && transfer.len() > 2, "{destroy:?} {transfer:?}");
    let say = |verb: &str, ids: &[String]| {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        store.ok(&[&["disposition", verb][..], &ids, &["--by", "anna"]].concat());
    };
    say("approve", &[&destroy[..], &transfer[..3]].concat());
    hand_over(&store, &[&destroy[..destroy.len() - 1], &transfer[..2]].concat());
    let receipt = ["--from", "National Archives", "--receipt", "7", "--by", "depot"];
    store.ok(&[&["disposition", "receive", &transfer[0]][..], &receipt].concat());

    let disposed = store.json(&["report", "disposed"]);
    let done = store.json(&["disposition", "list", "--state", "done"]);
    let done = counted(done["dispositions"].as_array().unwrap().iter().map(|one| {
        let outcome = if one["action"] == "destroy" { "destroyed" } else { "transferred" };
        json!([outcome, one["rule"][0], one["agency"]])
    }));
    assert!(done.len() >= 2, "{done:?}");
    assert_eq!(rows(&disposed, &["outcome", "authority", "agency"], "records"), done);
    let tomorrow = today().tomorrow().unwrap().to_string();
    assert_eq!(store.json(&["report", "disposed", "--from", &tomorrow])["total"], 0);
    assert_eq!(store.json(&["report", "disposed", "--to", "2020-12-31"])["total"], 0);

    let late = store.json(&["report", "overdue", "--list"]);
    let too_long = records(&store).into_iter().filter(|record| record["effective"]["overdue"] == true);
    let too_long: BTreeSet<String> = too_long.map(|record| record["id"].to_string()).collect();
    assert!(too_long.len() > 5, "{too_long:?}");
    let of = |what: &str| -> BTreeSet<String> {
        let listed = late["listed"].as_array().unwrap().iter().filter(|one| one["waits_for"] == what);
        listed.map(|one| one["record"].to_string()).collect()
    };
    assert_eq!(of("not-after"), too_long);
    assert_eq!(of("receipt").len(), 1, "one was handed over and not received");
    assert!(!of("acknowledgement").is_empty(), "nobody has said that what lies elsewhere is gone");
    assert_eq!((of("approval").len(), of("execution").len()), (0, 0), "they are of today");

    // A hundred days later, every proposal waits for too long.
    let later = today().checked_add(100.days()).unwrap().to_string();
    let late = store.json(&["report", "overdue", "--on", &later]);
    let open = store.json(&["disposition", "list"]);
    let open = counted(open["dispositions"].as_array().unwrap().iter().map(|one| {
        let waits_for = match one["state"].as_str().unwrap() {
            "proposed" => "approval",
            "approved" => "execution",
            "handed-over" => "receipt",
            "waiting" => "acknowledgement",
            state => panic!("{state}"),
        };
        json!([waits_for, one["agency"], one["action"]])
    }));
    let mut shown = rows(&late, &["waits_for", "agency", "action"], "count");
    shown.retain(|key, _| !key.contains("not-after"));
    assert_eq!(shown, open);
    let approval = late["rows"].as_array().unwrap().iter().find(|row| row["waits_for"] == "approval").unwrap();
    assert_eq!(approval["oldest_days"], 100);
    let in_time = store.json(&["report", "overdue", "--on", &later, "--days", "100"]);
    assert!(rows(&in_time, &["waits_for", "agency", "action"], "count").keys().all(|key| !key.contains("approval")));
}

#[test]
fn csv_says_what_json_does_and_no_cell_is_a_formula() {
    let store = register();
    for name in NAMES {
        let json = store.json(&["report", name]);
        let said = store.ok(&["report", name, "--csv", "-"]);
        assert!(said.ends_with("\r\n") && !said.replace("\r\n", "").contains(['\r', '\n']), "RFC 4180: {said}");
        let mut read = csv::Reader::from_reader(said.as_bytes());
        let headings: Vec<String> = read.headers().unwrap().iter().map(str::to_owned).collect();
        let lines: Vec<csv::StringRecord> = read.records().map(Result::unwrap).collect();
        assert_eq!(lines.len(), json["rows"].as_array().unwrap().len(), "{name}");
        let count = headings.iter().position(|heading| ["records", "count"].contains(&heading.as_str())).unwrap();
        let total: u64 = lines.iter().map(|line| line[count].parse::<u64>().unwrap()).sum();
        let count = if name == "overdue" { "count" } else { "records" };
        let want: u64 = json["rows"].as_array().unwrap().iter().map(|row| row[count].as_u64().unwrap()).sum();
        assert_eq!(total, want, "{name}");
        let formula = |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        assert!(lines.iter().flatten().all(|cell| !formula(cell)), "{name}: {said}");
        let file = store.file("report.csv").display().to_string();
        store.ok(&["report", name, "--csv", &file]);
        assert_eq!(std::fs::read_to_string(file).unwrap(), said);
    }
    assert!(store.ok(&["report", "holds", "--csv", "-"]).contains("'=audit"), "a hold may be called like a formula");
    let lines = store.ok(&["--output", "ndjson", "report", "waiting"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), store.json(&["report", "waiting"])["rows"].as_array().unwrap().len());
    assert!(lines.iter().all(|line| line["log_size"].is_u64() && line["report"] == "waiting"));
}

#[test]
fn all_reports_are_one_page_without_scripts_that_loads_nothing() {
    let store = register();
    let hostile = "<script>alert(1)</script>\"'&\u{202e}";
    store.ok(&["hold", "place", hostile, "--authority", "<img src=x>", "--records", "case/4"]);
    let file = store.file("all.html");
    let all = store.json(&["report", "all", "--html", text(&file)]);
    for name in NAMES {
        let mut own = store.json(&["report", name]);
        let own = own.as_object_mut().unwrap();
        let shared = ["report", "as_of", "records", "log_size", "agency"];
        let own: serde_json::Map<_, _> =
            own.clone().into_iter().filter(|(key, _)| !shared.contains(&key.as_str())).collect();
        assert_eq!(all[name], Value::Object(own), "one pass says of {name} what its own does");
    }
    let page = std::fs::read_to_string(&file).unwrap();
    let lower = page.to_lowercase();
    for never in [
        "<script",
        "<img",
        "<link",
        "<iframe",
        "javascript:",
        "url(",
        "@import",
        "<foreignobject",
        " onload",
        "\u{202e}",
    ] {
        assert!(!lower.contains(never), "{never}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "and it is shown as it is");
    assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'"));
    let elsewhere = page.match_indices("http").filter(|(at, _)| {
        let rest = &page[*at..];
        !rest.starts_with("http-equiv=") && !rest.starts_with("http://www.w3.org/2000/svg\"")
    });
    assert_eq!(elsewhere.count(), 0, "it names nothing elsewhere but the namespace of SVG");
    assert!(page.matches("<svg").count() >= 5 && page.matches("<table").count() >= 5);
    assert_eq!(page.matches("<svg").count(), page.matches("role=\"img\"").count(), "each plot says what it is");
    if let Some(python) = support::python() {
        let script = r#"
import sys, re, xml.etree.ElementTree as xml, html.parser
page = open(sys.argv[1], encoding="utf-8").read()
plots = re.findall(r"<svg.*?</svg>", page, re.S)
ids = set()
for plot in plots:
    root = xml.fromstring(plot)
    ns = "{http://www.w3.org/2000/svg}"
    assert {e.tag for e in root.iter()} <= {ns + t for t in "svg title desc path rect text".split()}, "only drawing"
    named = root.get("aria-labelledby").split()
    found = {e.get("id"): e.text for e in root.iter() if e.get("id")}
    assert named == list(found) and all(found.values()), named
    assert not ids & set(found), "ids stand once"
    ids |= set(found)
class Balanced(html.parser.HTMLParser):
    open = []
    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "path", "rect"): self.open.append(tag)
    def handle_startendtag(self, tag, attrs): pass
    def handle_endtag(self, tag): assert self.open.pop() == tag, tag
balanced = Balanced(); balanced.feed(page); balanced.close()
assert balanced.open == [], balanced.open
print(len(plots))
"#;
        let said = Command::new(python).args(["-c", script, text(&file)]).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
}

#[test]
fn the_permits_calendar_is_that_of_an_independent_calculation() {
    let (Some(shared), Some(python)) = (support::shared(), support::python()) else { return };
    let store = permits_by(&shared, "destroy");
    store.ok(&["evaluate"]);
    let independent = independent(&shared, &python);
    // What happened before its creation makes a date that nobody can rely on: it has no day.
    let until =
        independent.values().filter(|want| want["implausible"] == false).filter_map(|want| want["until"].as_str());
    let until: Vec<&str> = until.collect();
    let report = store.json(&["report", "due", "--from", "2000-01-01", "--to", "2099-12-31"]);
    let mut by_month: BTreeMap<String, u64> = BTreeMap::new();
    for row in report["rows"].as_array().unwrap() {
        *by_month.entry(json!(row["month"]).to_string()).or_default() += row["records"].as_u64().unwrap();
    }
    assert!(by_month.len() > 10, "{by_month:?}");
    assert_eq!(by_month, counted(until.iter().map(|until| json!(until[..7]))));
    let waiting = independent.values().filter(|want| want["waiting"] == "closed").count();
    let mut waits = rows(&store.json(&["report", "waiting"]), &["waiting_for"], "records");
    assert_eq!(waits.remove("[\"closed\"]"), Some(waiting as u64).filter(|waiting| *waiting > 0), "{waits:?}");
    let unscheduled = independent.values().filter(|want| want["series"].is_null()).count();
    assert_eq!(store.json(&["report", "unscheduled"])["total"], unscheduled);
}

fn secret(store: &Store) -> String {
    let file = store.write("secret", "a secret that both of us know\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

fn mails(store: &Store) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(store.file("drop")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_waits_is_told_once_a_day_by_mail_and_webhook_in_counts_alone() {
    let store = register();
    std::fs::create_dir(store.file("drop")).unwrap();
    let (drop, secret) = (store.file("drop").display().to_string(), secret(&store));
    let mail = ["--mail-to", "anna@merwestad.example", "--mail-from", "fonds@merwestad.example", "--drop", &drop];
    let (url, told) = serve(vec![answer("503 Busy", ""), answer("200 OK", ""), answer("200 OK", "")]);
    let both = [&["notify", "--webhook", &url, "--webhook-secret", &secret][..], &mail].concat();
    let open = store.json(&["disposition", "list", "--state", "proposed"])["dispositions"].as_array().unwrap().len();
    let sent = store.json(&both);
    assert_eq!((&sent["approvals"], &sent["holds_to_review"]), (&json!(open), &json!(1)), "{sent}");
    assert_eq!(sent["sent"].as_array().unwrap().len(), 2);
    let requests: Vec<_> = told.try_iter().collect();
    assert_eq!(requests.len(), 2, "once busy, once taken");
    assert_signed(&requests[1], b"a secret that both of us know");
    let body: Value = serde_json::from_slice(&requests[1].body).unwrap();
    assert_eq!((&body["type"], &body["approvals"]), (&json!("fonds.waiting"), &json!(open)));
    let message = std::fs::read_to_string(&mails(&store)[0]).unwrap();
    for told in [body.to_string(), message] {
        assert!(told.contains("a/b") || told.contains('c'));
        assert!(
            !told.contains("case/") && !told.contains("secret") && !told.contains("court"),
            "no record, no hold: {told}"
        );
    }

    let sent = store.json(&both);
    assert_eq!(
        (&sent["sent"], &sent["told_before"]),
        (&json!([]), &json!(["mail", "webhook"])),
        "the same is told once"
    );
    assert_eq!(mails(&store).len(), 1);
    store.ok(&["hold", "release", "court", "--authority", "court 8"]);
    store.ok(&["evaluate"]);
    assert_eq!(store.json(&both)["sent"].as_array().unwrap().len(), 2, "something else is told at once");
    let again = [&["notify", "--again"][..], &mail].concat();
    assert_eq!(store.json(&again)["sent"].as_array().unwrap().len(), 1);
    assert_eq!(mails(&store).len(), 3);
    // The folder that remembers is still a log that verifies.
    assert_eq!(store.json(&["verify"])["verified"], true);
}

#[test]
fn a_notice_that_was_not_delivered_is_told_the_next_time() {
    let store = register();
    let secret = secret(&store);
    let (url, _) = serve(vec![answer("403 No", ""), answer("200 OK", "")]);
    let told = ["notify", "--webhook", &url, "--webhook-secret", &secret];
    assert!(store.refused(1, &told).contains("it answered 403"));
    assert_eq!(store.json(&told)["sent"][0]["channel"], "webhook");
}

#[test]
fn nothing_is_told_when_nothing_waits_and_bad_addresses_are_refused() {
    let store = Store::new();
    std::fs::create_dir(store.file("drop")).unwrap();
    let drop = store.file("drop").display().to_string();
    let told = |to: &'static str| {
        ["notify", "--mail-to", to, "--mail-from", "f@m.example", "--drop", &drop].map(str::to_owned)
    };
    let run = |to: &'static str| told(to);
    let good = run("anna@m.example");
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    assert_eq!(store.json(&good)["sent"], json!([]));
    assert!(mails(&store).is_empty());
    for bad in ["anna@m.example\r\nBcc: eve@evil.example", "anna", "a@b,c@d"] {
        let bad = run(bad);
        store.refused(2, &bad.iter().map(String::as_str).collect::<Vec<_>>());
    }
    store.refused(2, &["notify", "--webhook", "http://records.example/", "--webhook-secret", &secret(&store)]);
}

#[test]
fn a_mail_reader_sees_every_header_once_and_the_agencies_in_its_body() {
    let Some(python) = support::python() else { return };
    let store = Store::new();
    let schedule = store.write("xx", rule("xx", "A", 1));
    store.ok(&["schedule", "import", &schedule, "--schedule", "xx", "--version", "1", "--default-action", "destroy"]);
    store.ok(&["plugin", "install", text(&component("plugins/retention"))]);
    store.ok(&["policy", "bind", "keep", "--plugin", "retention"]);
    let agency = "hà-nội/hoàn-kiếm";
    store.ok(&["agency", "define", agency]);
    let data = json!({ "agency": agency, "series": "xx/1/A", "title": "t" });
    let events = cloud_event("1", "record.created", "case/1\r\nBcc: eve@evil.example", "2010-01-02", &data)
        + &cloud_event("2", "record.created", "case/2", "2010-01-02", &data)
        + &cloud_event("3", "record.closed", "case/2", "2010-01-03", &json!({}));
    store.run(&["ingest", &store.write("events.ndjson", events)]);
    store.ok(&["evaluate"]);
    std::fs::create_dir(store.file("drop")).unwrap();
    let drop = store.file("drop").display().to_string();
    let mail = [
        "--mail-to",
        "anna@merwestad.example",
        "--mail-to",
        "bert@merwestad.example",
        "--mail-from",
        "fonds@merwestad.example",
    ];
    store.ok(&[&["notify"][..], &mail, &["--drop", &drop]].concat());
    let script = r#"
import sys, email, email.policy
raw = open(sys.argv[1], "rb").read()
assert all(len(line) <= 998 for line in raw.split(b"\r\n")) and b"\n" not in raw.replace(b"\r\n", b"")
m = email.message_from_bytes(raw, policy=email.policy.default)
assert not m.defects, m.defects
for once in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
    assert len(m.get_all(once)) == 1, once
assert m.get_all("Bcc") is None
assert [a.addr_spec for a in m["To"].addresses] == ["anna@merwestad.example", "bert@merwestad.example"]
assert m["From"].addresses[0].addr_spec == "fonds@merwestad.example"
assert m["Subject"] == "Fonds: 1 proposal waits for approval (test.example/log)", m["Subject"]
assert m["Date"].datetime is not None
body = m.get_body().get_content()
assert sys.argv[2] + ": 1 to destroy" in body, body
assert "fonds disposition list --state proposed" in body and "case/" not in body
"#;
    let file = mails(&store)[0].display().to_string();
    let read = Command::new(python).args(["-c", script, &file, agency]).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}
