use super::*;
use fonds_model::Identity;
use proptest::prelude::*;

fn read(text: &[u8], options: &Options) -> (Vec<(u64, Event)>, Vec<Reject>, String) {
    let mut rejects = Vec::new();
    let (mut events, mut refused) = (Vec::new(), Vec::new());
    for found in Reader::new(text, options.clone(), &mut rejects) {
        match found {
            Ok(event) => events.push(event),
            Err(reject) => refused.push(reject),
        }
    }
    (events, refused, String::from_utf8_lossy(&rejects).into_owned())
}

fn one(text: &str) -> Result<Event, String> {
    parse_json(text.as_bytes(), &Options::default()).map_err(|error| error.to_string())
}

fn cloud(kind: &str, extra: &str, data: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","type":"{kind}","source":"/reg","id":"7","subject":"permit/1"{extra},"data":{data}}}"#
    )
}

const RUN: &str = r#" {"eventTime":"2024-05-01T10:00:00Z","producer":"https://p","run":{"runId":"r"},
    "job":{"namespace":"n","name":"j"},"eventType":"COMPLETE","x":{"unknown":[1.50]}} "#;

#[test]
fn an_openlineage_event_is_kept_verbatim_and_its_content_is_its_identity() {
    let options = Options { agency: AgencyPath::new("vn/ha-noi").ok(), ..Options::default() };
    let event = parse_json(RUN.as_bytes(), &options).unwrap();
    assert_eq!(event.body, RUN.trim().as_bytes());
    assert_eq!(event.kind, Kind::LineageRun);
    assert_eq!(event.envelope.source.as_deref(), Some("https://p"));
    assert_eq!(event.envelope.time.as_deref(), Some("2024-05-01T10:00:00Z"));
    assert_eq!(event.envelope.agency.as_ref().map(AgencyPath::as_str), Some("vn/ha-noi"));
    assert_eq!(event.envelope.subject, None);
    let again = one(&RUN.replace(" ", "").replace("\"producer\"", "\"pr\\u006fducer\"")).unwrap();
    assert_eq!(again.identity, event.identity, "the same content, spelled another way");
    let other = one(&RUN.replace("1.50", "1.5")).unwrap();
    assert_ne!(other.identity, event.identity, "a number is the text in which it was written");
}

#[test]
fn a_cloud_event_says_who_when_and_what() {
    let text = cloud("record.created", r#","time":"1987-05""#, r#"{"agency":"nl/x","by":"jane","kind":"case-file"}"#);
    let event = one(&text).unwrap();
    assert_eq!(event.kind, Kind::RecordCreated);
    assert_eq!(event.envelope.subject.as_ref().unwrap().as_str(), "permit/1");
    assert_eq!(event.envelope.agency.as_ref().unwrap().as_str(), "nl/x");
    assert_eq!((event.envelope.by.as_deref(), event.envelope.time.as_deref()), (Some("jane"), Some("1987-05")));
    assert_eq!(event.body, text.as_bytes());
    let Some(Identity::Named { name, .. }) = event.identity else { panic!("named") };
    assert_eq!(name, Identity::name_of(&[b"/reg", b"7"]));
}

#[test]
fn every_producers_lifecycle_kind_is_read() {
    for (kind, data) in [
        ("record.captured", "{}"),
        ("record.filed", r#"{"file":"f/1"}"#),
        ("record.classified", r#"{"series":"tx/1/A"}"#),
        ("record.labelled", r#"{"level":"secret"}"#),
        ("record.modified", r#"{"attributes":{"a":1,"b":"x","c":true}}"#),
        ("record.accessed", r#"{"purpose":"audit"}"#),
        ("record.shared", r#"{"with":"court"}"#),
        ("record.closed", "{}"),
        ("record.reopened", r#"{"reason":"appeal"}"#),
        ("record.superseded", r#"{"superseded_by":"permit/2"}"#),
        ("record.event", r#"{"name":"value-ended"}"#),
        ("record.moved", r#"{"location":"shelf 3"}"#),
        ("record.migrated", r#"{"format":"application/pdf"}"#),
        ("record.fixity-checked", r#"{"algorithm":"sha256","digest":"ab","outcome":"pass"}"#),
        ("record.loss-reported", r#"{"what":"fire"}"#),
        ("entry.corrected", r#"{"seq":3,"field":"on","new":"2024-01-01"}"#),
        ("entry.annulled", r#"{"seq":3,"reason":"typing error"}"#),
    ] {
        let event = one(&cloud(kind, "", data));
        assert_eq!(event.as_ref().map(|event| event.kind.as_str()), Ok(kind));
    }
}

#[test]
fn a_cloud_event_that_is_not_right_is_refused_with_the_field_that_is_wrong() {
    for (text, why) in [
        (cloud("record.destroyed", "", "{}"), "`record.destroyed` is a kind of the host's own"),
        (cloud("policy.decided", "", "{}"), "`policy.decided` is a kind of the host's own"),
        (cloud("org.example.record.created", "", "{}"), "`org.example.record.created` is not a kind"),
        (cloud("lineage.run", "", "{}"), "send the OpenLineage event as it is"),
        (cloud("record.created", "", r#"{"series":5}"#), "`data.series` does not fit"),
        (cloud("record.created", "", r#"{"agency":"","series":"a"}"#), "`data.agency` does not fit"),
        (cloud("record.event", "", "{}"), "missing field `name`"),
        (cloud("entry.annulled", "", "{}"), "missing field `seq`"),
        (cloud("record.closed", "", "[]"), "must be an object"),
        (cloud("record.closed", r#","time":"2024-02-30""#, "{}"), "`2024-02-30` is not a date"),
        (cloud("record.closed", r#","time":"2024-02-03T10:00:00""#, "{}"), "is not a date"),
        (cloud("record.closed", r#","data_base64":"aa""#, "{}"), "`data_base64`"),
        (cloud("record.closed", "", "{}").replace("permit/1", ""), "it is empty"),
        (cloud("record.closed", "", "{}").replace("subject", "object"), "missing field `subject`"),
        (cloud("record.closed", "", "{}").replace("\"7\"", "\"\""), "`id` is empty"),
        (cloud("record.closed", "", "{}").replace("\"id\"", "\"no\""), "missing field `id`"),
        (cloud("record.closed", "", "{}").replace("1.0", "0.3"), "`specversion` is `0.3`"),
        (cloud("record.closed", "", r#"{"a":1,"a":2}"#), "stands twice"),
    ] {
        let error = one(&text).unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn only_the_kinds_that_are_allowed_come_in() {
    let options = Options { allowed: vec![Kind::RecordClosed], ..Options::default() };
    assert!(parse_json(cloud("record.closed", "", "{}").as_bytes(), &options).is_ok());
    assert!(parse_json(cloud("record.created", "", "{}").as_bytes(), &options).is_err());
    assert!(parse_json(RUN.as_bytes(), &options).is_err());
}

#[test]
fn what_is_refused_goes_to_the_rejects_byte_for_byte_and_stops_nothing() {
    let run = RUN.replace('\n', "");
    let mut text = format!("{run}\nbroken \u{7f}\n").into_bytes();
    text.extend_from_slice(b"{\"not\":\"\xff\"}\n");
    text.extend_from_slice(cloud("record.closed", "", "{}").as_bytes());
    let mut rejects = Vec::new();
    let found: Vec<_> = Reader::new(text.as_slice(), Options::default(), &mut rejects).collect();
    assert_eq!(found.len(), 4);
    assert!(found[0].is_ok() && matches!(&found[3], Ok((4, event)) if event.kind == Kind::RecordClosed));
    assert!(matches!(&found[1], Err(Reject { line: 2, .. })));
    assert!(matches!(&found[2], Err(Reject { line: 3, reason }) if reason.contains("not UTF-8")));
    assert_eq!(rejects, b"broken \x7f\n{\"not\":\"\xff\"}\n");
}

const MAP: &str = r#"
[record]
id = "permit/{concept:name}"
agency = "nl/{department}"
created = "startdate"
closed = "enddate"
[[series]]
when = { department = "General" }
series = "tx/783/597"
"#;

fn mapped() -> Options {
    Options { mapping: Some(Arc::new(Mapping::parse(MAP.as_bytes()).unwrap())), ..Options::default() }
}

fn trace(attributes: &str, events: &str) -> String {
    format!(
        "<trace><string key='concept:name' value='case-1'/><string key='department' value='General'/>\n\
         <date key='startdate' value='2011-10-11T13:42:22.688+02:00'/>{attributes}{events}</trace>"
    )
}

const STEP: &str = "<event><string key='concept:name' value='T02 &amp; &#233;'/>\
    <date key='time:timestamp' value='2011-10-12T08:26:25.398+02:00'/></event>";

#[test]
fn a_case_file_is_created_things_happen_and_it_is_closed() {
    let closed = "<date key='enddate' value='2011-10-18T13:56:55.943+02:00'/>";
    let log = format!("<log>{}</log>", trace(closed, &STEP.repeat(2)));
    let (events, refused, _) = read(log.as_bytes(), &mapped());
    assert_eq!(refused, []);
    let shown: Vec<_> =
        events.iter().map(|(_, event)| (event.kind.as_str(), event.envelope.time.as_deref().unwrap())).collect();
    assert_eq!(
        shown,
        [
            ("record.created", "2011-10-11T13:42:22.688+02:00"),
            ("record.event", "2011-10-12T08:26:25.398+02:00"),
            ("record.event", "2011-10-12T08:26:25.398+02:00"),
            ("record.closed", "2011-10-18T13:56:55.943+02:00"),
        ]
    );
    let event = &events[0].1;
    assert_eq!(event.envelope.subject.as_ref().unwrap().as_str(), "permit/case-1");
    assert_eq!(event.envelope.agency.as_ref().unwrap().as_str(), "nl/General");
    let body: serde_json::Value = serde_json::from_slice(&event.body).unwrap();
    assert_eq!((body["series"].as_str(), body["kind"].as_str()), (Some("tx/783/597"), Some("case-file")));
    assert_eq!(body["attributes"]["department"], "General");
    let step: serde_json::Value = serde_json::from_slice(&events[1].1.body).unwrap();
    assert_eq!(step["name"], "T02 & é");
}

#[test]
fn importing_again_finds_each_of_two_equal_events_again() {
    let log = format!("<log>{}</log>", trace("", &STEP.repeat(2)));
    let first = read(log.as_bytes(), &mapped()).0;
    let names: std::collections::HashSet<_> = first.iter().map(|(_, event)| format!("{:?}", event.identity)).collect();
    assert_eq!(names.len(), 3, "equal events are told apart");
    assert_eq!(read(log.as_bytes(), &mapped()).0, first);
}

#[test]
fn a_case_that_closes_later_was_still_created_as_it_was() {
    let open = read(format!("<log>{}</log>", trace("", STEP)).as_bytes(), &mapped()).0;
    let closed = "<date key='enddate' value='2011-10-18T13:56:55.943+02:00'/>";
    let closed = read(format!("<log>{}</log>", trace(closed, STEP)).as_bytes(), &mapped()).0;
    assert_eq!(closed[..2], open[..], "no conflict with what is known");
    assert_eq!(closed.len(), 3);
}

#[test]
fn what_is_nested_is_flattened_with_its_path() {
    let nested = "<list key='parts'><values><int key='n' value='1'/><int key='n' value='2'/></values></list>\
        <string key='a' value='x'><boolean key='b' value='true'/></string><float key='f' value='1.5'/>";
    let events = read(format!("<log>{}</log>", trace(nested, "")).as_bytes(), &mapped()).0;
    let body: serde_json::Value = serde_json::from_slice(&events[0].1.body).unwrap();
    let of = |name: &str| body["attributes"][name].clone();
    assert_eq!(
        (of("parts/n"), of("parts/n/2"), of("a"), of("a/b"), of("f")),
        (1.into(), 2.into(), "x".into(), true.into(), 1.5.into())
    );
}

#[test]
fn a_trace_that_is_wrong_is_refused_with_its_line_and_the_next_is_read() {
    for (bad, why) in [
        ("<trace><string key='department' value='General'/></trace>".to_owned(), "no attribute `concept:name`"),
        (trace("<date key='deadline' value='2011-02-30T00:00:00Z'/>", ""), "`deadline` is `2011-02-30T00:00:00Z`"),
        (trace("<int key='n' value='many'/>", ""), "`n` is `many`"),
        (trace("<string key='s'/>", ""), "`s` has no value"),
        (trace("<string value='s'/>", ""), "no `key`"),
        (trace("<string key='s' value='&lol;'/>", ""), "XML is broken"),
        (trace("", "<event><string key='x' value='y'/></event>"), "no `concept:name`"),
        (trace("<string key='s' value='a'>", ""), "XML is broken"),
        (trace(&"<string key='s' value='a'>".repeat(200), &"</string>".repeat(200)), "nested more than 64 deep"),
    ] {
        let log = format!("<log>\n{bad}\n{}\n</log>", trace("", STEP));
        let (events, refused, rejects) = read(log.as_bytes(), &mapped());
        assert_eq!((refused.len(), events.len()), (1, 2), "{why}: {refused:?}");
        assert!(refused[0].line == 2 && refused[0].reason.contains(why), "{why}: {refused:?}");
        assert_eq!(rejects, format!("{bad}\n"));
    }
    let (events, refused, _) = read(b"<log><trace/></log>", &Options::default());
    assert!(events.is_empty() && refused[0].reason.contains("--map"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), head in prop::sample::select(vec!["", "[", "{", "<log>", "<log><trace>"])) {
        let text = [head.as_bytes(), &bytes].concat();
        let (events, _, _) = read(&text, &mapped());
        prop_assert!(events.is_empty());
    }

    #[test]
    fn an_array_and_lines_give_the_same_events(ids in prop::collection::vec("[a-z\"\\\\é]{1,8}", 1..10)) {
        let events: Vec<serde_json::Value> = ids
            .iter()
            .map(|id| serde_json::json!({"specversion": "1.0", "type": "record.closed", "source": "s", "id": id, "subject": id}))
            .collect();
        let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
        let array = serde_json::to_string(&events).unwrap();
        let of = |text: &str| read(text.as_bytes(), &Options::default()).0.into_iter().map(|(_, event)| event).collect::<Vec<_>>();
        prop_assert_eq!(of(&lines).len(), ids.len());
        prop_assert_eq!(of(&lines), of(&array));
    }
}
