//! What producers send: OpenLineage, CloudEvents, XES, PREMIS, and published schedules.

use fonds_ingest::xes::Mapping;
use fonds_ingest::{Options, Reader, canonical, parse_json, schedule as schedules};
use fonds_model::{Content, Entry, Event, Format, Item, Timestamp};
use fonds_views::Pending;
use fonds_views::rows::MemoryRows;
use std::sync::{Arc, LazyLock};

/// What ingest takes, the folds take; it is an entry like any other then, and nobody can refuse it any more.
fn is_foldable(event: &Event) {
    let payload = event.envelope.with_body(&event.body);
    let content = Content { salt: [0; 16], payload };
    let (envelope, body) = content.split().expect("what was joined is split again");
    assert_eq!((&envelope, body), (&event.envelope, event.body.as_slice()));
    let items = vec![Item::kept(fonds_model::Digest([0; 32]), content)];
    let entry = Entry { seq: 0, at: Timestamp(0), kind: event.kind, items };
    let rows = MemoryRows::default();
    fonds_views::fold(&entry, 0, &mut Pending::over(&rows)).expect("what was taken in is folded");
}

fn json(bytes: &[u8], format: Format) -> bool {
    let options = Options { format: Some(format), ..Options::default() };
    let event = parse_json(bytes, &options);
    if let Ok(event) = &event {
        assert!(event.kind.producer_may_send(), "a host's kind came in: {:?}", event.kind);
        let again = parse_json(bytes, &options).expect("it was understood before");
        assert_eq!((again.identity, again.body), (event.identity.clone(), event.body.clone()));
        is_foldable(event);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(same) = canonical(text, 128)
    {
        let same = String::from_utf8(same).expect("canonical JSON is text");
        assert_eq!(canonical(&same, 128).expect("canonical JSON is JSON"), same.as_bytes());
    }
    event.is_ok()
}

pub(crate) fn openlineage(bytes: &[u8]) -> bool {
    json(bytes, Format::OpenLineage)
}

pub(crate) fn openlineage_seeds() -> Vec<Vec<u8>> {
    let run = r#"{"eventType":"COMPLETE","eventTime":"2026-01-02T10:00:00.123Z","producer":"https://p.example","schemaURL":"https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent","run":{"runId":"0197","facets":{"parent":{"run":{"runId":"r"},"job":{"namespace":"n","name":"j"}}}},"job":{"namespace":"n","name":"j"},"inputs":[{"namespace":"db","name":"a"}],"outputs":[{"namespace":"db","name":"b","facets":{"columnLineage":{"fields":{"x":{"inputFields":[{"namespace":"db","name":"a","field":"y","transformations":[{"type":"DIRECT","subtype":"IDENTITY"}]}]}}},"lifecycleStateChange":{"lifecycleStateChange":"DROP"}}}]}"#;
    let dataset = r#"{"eventTime":"2026-01-02T10:00:00+07:00","producer":"p","schemaURL":"https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent","dataset":{"namespace":"s3://b","name":"/k","facets":{"ownership":{"owners":[{"name":"team","type":"MAINTAINER"}]}}}}"#;
    let job = r#"{"eventTime":"2026-01-02T10:00:00Z","producer":"p","schemaURL":"https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent","job":{"namespace":"n","name":"\u00e9"},"inputs":[],"outputs":[]}"#;
    [run, dataset, job].map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(crate) fn cloudevents(bytes: &[u8]) -> bool {
    json(bytes, Format::CloudEvents)
}

pub(crate) fn cloudevents_seeds() -> Vec<Vec<u8>> {
    let event = |kind: &str, data: &str| {
        format!(
            r#"{{"specversion":"1.0","type":"{kind}","source":"https://s.example","id":"1","subject":"case/1","time":"2020-01-01T23:30:00+09:00","data":{data}}}"#
        )
        .into_bytes()
    };
    vec![
        event("record.created", r#"{"agency":"a/b","series":"tx/1/A","title":"t","created":"1987-05"}"#),
        event("record.captured", r#"{"agency":"a","file":"file/1"}"#),
        event("record.event", r#"{"name":"value-ended","attributes":{"x":"1"}}"#),
        event("record.labelled", r#"{"level":"secret","categories":["x"],"barrier":true}"#),
        event("record.closed", "{}"),
        event("record.superseded", r#"{"by":"case/2"}"#),
        event("entry.corrected", r#"{"seq":3,"item":0,"field":"on","new":"2020-01-01","reason":"r"}"#),
        event("entry.annulled", r#"{"seq":3,"item":0,"reason":"r"}"#),
    ]
}

static MAPPING: LazyLock<Arc<Mapping>> = LazyLock::new(|| {
    let text = "[record]\nid = \"permit/{concept:name}\"\nagency = \"nl/wabo\"\ncreated = \"start\"\nclosed = \"end\"\n\
        [[series]]\nwhen = { department = \"General\" }\nseries = \"tx/783/597\"\n";
    Arc::new(Mapping::parse(text.as_bytes()).expect("a mapping"))
});

/// A whole source, so that the cutting into traces is tried too.
pub(crate) fn xes(bytes: &[u8]) -> bool {
    let options = Options { format: Some(Format::Xes), mapping: Some(Arc::clone(&MAPPING)), ..Options::default() };
    let mut rejects = Vec::new();
    let mut events = 0;
    for found in Reader::new(bytes, options, &mut rejects) {
        if let Ok((_, event)) = found {
            assert!(event.kind.producer_may_send());
            is_foldable(&event);
            events += 1;
        }
        assert!(events <= bytes.len(), "events out of nothing");
    }
    // A mapping comes from a person; what it may be is no less open.
    events > 0 || Mapping::parse(bytes).is_ok()
}

pub(crate) fn xes_seeds() -> Vec<Vec<u8>> {
    let log = r#"<?xml version="1.0" encoding="UTF-8"?><log xes.version="1.0"><extension name="Concept" prefix="concept" uri="http://x"/><global scope="trace"><string key="concept:name" value="n"/></global><trace><string key="concept:name" value="case-1"/><date key="start" value="2011-10-11T13:45:40.276+02:00"/><date key="end" value="2011-11-11"/><string key="department" value="General"/><event><string key="concept:name" value="Confirm &amp; send"/><date key="time:timestamp" value="2011-10-11T13:45:40Z"/><int key="n" value="7"><string key="meta" value="x"/></int></event><event><list key="l"><values><string key="a" value="b"/></values></list></event></trace><trace><string key="concept:name" value="case-2"/></trace></log>"#;
    let mapping = "[record]\nid = \"p/{concept:name}\"\nagency = \"a\"\ncreated = \"start\"\n[[series]]\nwhen = { d = \"x\" }\nseries = \"tx/1/2\"\n";
    vec![log.as_bytes().to_vec(), mapping.as_bytes().to_vec()]
}

/// A whole document; whatever it claims, no kind of the host's own comes of it.
pub(crate) fn premis(bytes: &[u8]) -> bool {
    let options = Options { format: Some(Format::Premis), ..Options::default() };
    let mut events = 0;
    for (_, event) in Reader::new(bytes, options, Vec::new()).flatten() {
        assert!(event.kind.producer_may_send(), "a host's kind came in: {:?}", event.kind);
        assert!(event.envelope.subject.is_some() && event.identity.is_some());
        is_foldable(&event);
        events += 1;
        assert!(events <= bytes.len(), "events out of nothing");
    }
    events > 0
}

pub(crate) fn premis_seeds() -> Vec<Vec<u8>> {
    let event = |prefix: &str, kind: &str, outcome: &str| {
        format!(
            "<P:event><P:eventIdentifier><P:eventIdentifierType>local</P:eventIdentifierType><P:eventIdentifierValue>1             </P:eventIdentifierValue></P:eventIdentifier><P:eventType valueURI=\"http://x\">{kind}</P:eventType>             <P:eventDateTime>2020-01-02T10:00:00+01:00</P:eventDateTime><P:eventDetailInformation><P:eventDetail>a &amp; b             <![CDATA[<c>]]></P:eventDetail></P:eventDetailInformation><P:eventOutcomeInformation><P:eventOutcome>{outcome}             </P:eventOutcome></P:eventOutcomeInformation><P:linkingAgentIdentifier><P:linkingAgentIdentifierType>n             </P:linkingAgentIdentifierType><P:linkingAgentIdentifierValue>j</P:linkingAgentIdentifierValue>             </P:linkingAgentIdentifier><P:linkingObjectIdentifier><P:linkingObjectIdentifierType>n             </P:linkingObjectIdentifierType><P:linkingObjectIdentifierValue>case/1</P:linkingObjectIdentifierValue>             </P:linkingObjectIdentifier></P:event>"
        )
        .replace("P:", prefix)
    };
    let document = |prefix: &str, events: &str| {
        let name =
            if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{}", prefix.trim_end_matches(':')) };
        format!(
            "<?xml version=\"1.0\"?><{prefix}premis {name}=\"http://www.loc.gov/premis/v3\">{events}</{prefix}premis>"
        )
    };
    let digest = "0".repeat(64);
    vec![
        document("premis:", &(event("premis:", "capture", "success") + &event("premis:", "deletion", ""))).into_bytes(),
        document("", &event("", "fixity check", &format!("pass {digest}"))).into_bytes(),
        event("p:", "migration", "fail")
            .replacen("<p:event", "<p:event xmlns:p='http://www.loc.gov/premis/v3'", 1)
            .into_bytes(),
    ]
}

/// Every object of a schedule is accounted for.
pub(crate) fn schedule(bytes: &[u8]) -> bool {
    let mut rejects = Vec::new();
    let Ok(read) = schedules::read(bytes, &schedules::Options::new("tx", "1"), &mut rejects) else { return false };
    let counts = read.counts;
    assert_eq!(counts.objects, counts.series + counts.duplicate + counts.conflicting + counts.rejected, "{counts:?}");
    assert_eq!(read.series.len() as u64, counts.series);
    assert!(read.series.windows(2).all(|pair| pair[0].id < pair[1].id), "series in order, each once");
    counts.series > 0
}

pub(crate) fn schedule_seeds() -> Vec<Vec<u8>> {
    let series = |id: &str, rest: &str| {
        format!(
            r#"{{"schedule_metadata":{{"state":"xx","schedule_id":"1"}},"series_metadata":{{"series_id":"{id}","series_title":"Cases","legal_citation":"X 1.2"}},"retention_rules":{{"trigger_event":"","duration_years":3,"duration_months":null,"disposition_method":""}},"tracking_data":{{"comments":"Archives review"}},"state_specific_attributes":{{}},{rest}}}"#
        )
    };
    let one = series("A", r#""retention_code":"CE","retention_days":"""#);
    let two = series("B", r#""retention_code":"PM","retention_days":"10""#);
    vec![one.clone().into_bytes(), format!("{one}\n{two}\n{one}\n").into_bytes(), format!("[{one},{two}]").into_bytes()]
}
