use crate::{Limits, Options, Reader};
use fonds_model::{AgencyPath, Event, Format, Kind};
use serde_json::{Value, json};

/// A document of events, in the prefix that many repositories write.
fn document(events: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <premis:premis xmlns:premis="http://www.loc.gov/premis/v3" version="3.0">
          <premis:object><premis:objectIdentifier><premis:objectIdentifierType>local</premis:objectIdentifierType>
            <premis:objectIdentifierValue>case/1</premis:objectIdentifierValue></premis:objectIdentifier>
            <premis:objectCharacteristicsExtension><x:event xmlns:x="urn:x"><x:event/></x:event></premis:objectCharacteristicsExtension>
          </premis:object>
          {events}
          <premis:agent/>
        </premis:premis>"#
    )
}

fn event(id: &str, kind: &str, time: &str, rest: &str) -> String {
    format!(
        "<premis:event><premis:eventIdentifier><premis:eventIdentifierType>local</premis:eventIdentifierType>\
         <premis:eventIdentifierValue>{id}</premis:eventIdentifierValue></premis:eventIdentifier>\
         <premis:eventType authority=\"eventType\" valueURI=\"http://id.loc.gov/x\">{kind}</premis:eventType>\
         <premis:eventDateTime>{time}</premis:eventDateTime>{rest}</premis:event>"
    )
}

fn about(records: &[&str]) -> String {
    let linked = |id: &&str| {
        format!(
            "<premis:linkingObjectIdentifier><premis:linkingObjectIdentifierType>local</premis:linkingObjectIdentifierType>\
             <premis:linkingObjectIdentifierValue>{id}</premis:linkingObjectIdentifierValue></premis:linkingObjectIdentifier>"
        )
    };
    records.iter().map(linked).collect()
}

fn outcome(outcome: &str, note: &str) -> String {
    format!(
        "<premis:eventOutcomeInformation><premis:eventOutcome>{outcome}</premis:eventOutcome><premis:eventOutcomeDetail>\
         <premis:eventOutcomeDetailNote>{note}</premis:eventOutcomeDetailNote></premis:eventOutcomeDetail>\
         </premis:eventOutcomeInformation>"
    )
}

fn read_with(text: &str, format: Option<Format>) -> (Vec<Event>, Vec<String>) {
    let agency = AgencyPath::new("nl/archief").ok();
    let options = Options { format, agency, ..Options::default() };
    let (mut events, mut refused) = (Vec::new(), Vec::new());
    for found in Reader::new(text.as_bytes(), options, Vec::new()) {
        match found {
            Ok((_, event)) => events.push(event),
            Err(reject) => refused.push(reject.reason),
        }
    }
    (events, refused)
}

fn read(text: &str) -> Vec<Event> {
    let (events, refused) = read_with(text, None);
    assert_eq!(refused, Vec::<String>::new());
    events
}

fn one(kind: &str, rest: &str) -> (Kind, Value) {
    let events = read(&document(&event("1", kind, "2020-01-02T03:04:05Z", &(rest.to_owned() + &about(&["case/1"])))));
    assert_eq!(events.len(), 1);
    (events[0].kind, serde_json::from_slice(&events[0].body).unwrap())
}

fn refused(text: &str) -> String {
    let (events, refused) = read_with(text, None);
    assert!(events.is_empty(), "{events:?}");
    refused.concat()
}

#[test]
fn an_event_says_who_did_what_when_and_to_which_record() {
    let agent = "<premis:linkingAgentIdentifier><premis:linkingAgentIdentifierType>name</premis:linkingAgentIdentifierType>\
        <premis:linkingAgentIdentifierValue>J. &amp; K. Jansen&#33;</premis:linkingAgentIdentifierValue>\
        <premis:linkingAgentRole>implementer</premis:linkingAgentRole></premis:linkingAgentIdentifier>";
    let detail = "<premis:eventDetailInformation><premis:eventDetail><![CDATA[as <found>]]></premis:eventDetail>\
        <premis:eventDetailExtension><event><eventType>deletion</eventType></event></premis:eventDetailExtension>\
        </premis:eventDetailInformation>";
    let text = event(
        "e1",
        "quarantine",
        "2020-01-02",
        &format!("{detail}{}{agent}{}", outcome("clean", "none"), about(&["case/1"])),
    );
    let events = read(&document(&text));
    let envelope = &events[0].envelope;
    assert_eq!((events.len(), events[0].kind, envelope.format), (1, Kind::RecordEvent, Format::Premis));
    assert_eq!((envelope.source.as_deref(), envelope.id.as_deref()), (Some("premis:local"), Some("e1")));
    assert_eq!((envelope.time.as_deref(), envelope.by.as_deref()), (Some("2020-01-02"), Some("J. & K. Jansen!")));
    assert_eq!(envelope.subject.as_ref().unwrap().as_str(), "case/1");
    assert_eq!(envelope.agency.as_ref().unwrap().as_str(), "nl/archief");
    let body: Value = serde_json::from_slice(&events[0].body).unwrap();
    assert_eq!(body["name"], "quarantine");
    assert_eq!(body["attributes"], json!({"detail": "as <found>", "outcome": "clean", "outcome note": "none"}));
    assert_eq!(body["premis"]["type_uri"], "http://id.loc.gov/x");
    assert_eq!(body["premis"]["agents"], json!([{"type": "name", "id": "J. & K. Jansen!", "roles": ["implementer"]}]));
    assert_eq!(read_with(&document(&text), Some(Format::Premis)).0, events, "asked for by name");
}

#[test]
fn a_type_of_the_vocabulary_becomes_its_kind_and_any_other_an_event_of_its_name() {
    for (kind, want) in [
        ("creation", Kind::RecordCreated),
        ("Capture", Kind::RecordCaptured),
        ("ingestion", Kind::RecordCaptured),
        ("migration", Kind::RecordMigrated),
        ("normalization", Kind::RecordMigrated),
        ("modification", Kind::RecordModified),
        ("dissemination", Kind::RecordAccessed),
        ("transfer", Kind::RecordMoved),
        ("virus check", Kind::RecordEvent),
        ("policy assignment", Kind::RecordEvent),
    ] {
        assert_eq!(one(kind, "").0, want, "{kind}");
        let failed = one(kind, &outcome("Failure", "disk"));
        assert_eq!((failed.0, &failed.1["name"]), (Kind::RecordEvent, &json!(kind)), "what failed has not happened");
    }
}

#[test]
fn a_claim_of_deletion_or_deaccession_never_becomes_a_kind_of_the_hosts_own() {
    let (kind, body) = one("deletion", "");
    assert_eq!((kind, &body["what"]), (Kind::RecordLossReported, &json!("deletion")));
    for claimed in
        ["deaccession", "destruction", "record.destroyed", "record.transferred", "disposition.executed", "accession"]
    {
        let (kind, body) = one(claimed, "");
        assert_eq!((kind, &body["name"]), (Kind::RecordEvent, &json!(claimed)));
        assert!(kind.producer_may_send());
    }
}

#[test]
fn a_fixity_check_with_a_digest_and_an_outcome_is_one_and_without_is_told_as_an_event() {
    let digest = "A".repeat(64);
    let (kind, body) = one("fixity check", &outcome("pass", &format!("SHA-256: {digest}")));
    assert_eq!(kind, Kind::RecordFixityChecked);
    assert_eq!(
        (&body["algorithm"], &body["digest"], &body["outcome"]),
        (&json!("sha256"), &json!("a".repeat(64)), &json!("pass"))
    );
    let (kind, body) = one("fixity check", &outcome("Failed", &"0".repeat(32)));
    assert_eq!(
        (kind, &body["algorithm"], &body["outcome"]),
        (Kind::RecordFixityChecked, &json!("md5"), &json!("fail"))
    );
    for rest in [
        outcome("pass", "no digest"),
        outcome("who knows", &digest),
        outcome("pass", &format!("{digest} {}", "0".repeat(64))),
    ] {
        assert_eq!(one("fixity check", &rest).0, Kind::RecordEvent, "{rest}");
    }
}

#[test]
fn an_event_about_several_objects_becomes_one_about_each_with_ids_that_stay() {
    let send = |records: &[&str]| read(&document(&event("e1", "capture", "2020", &about(records))));
    let two = send(&["case/1", "case/2", "case/1"]);
    let ids: Vec<_> = two.iter().map(|event| event.envelope.id.clone().unwrap()).collect();
    assert_eq!(ids, ["e1/case/1", "e1/case/2"]);
    assert_ne!(two[0].identity, two[1].identity);
    // Sent again about one more, what was known is known again.
    let three = send(&["case/3", "case/1", "case/2"]);
    assert_eq!((&three[1].identity, &three[2].identity), (&two[0].identity, &two[1].identity));
    assert_eq!(send(&["case/1"])[0].identity, two[0].identity);
}

#[test]
fn an_event_by_itself_and_one_without_a_prefix_are_read() {
    let text = event("e1", "capture", "2020-05", &about(&["case/1"])).replace("premis:", "");
    let root = text.replacen("<event>", "<event xmlns='http://www.loc.gov/premis/v3'>", 1);
    assert_eq!(read(&root)[0].kind, Kind::RecordCaptured);
    let plain =
        format!("<premis xmlns=\"http://www.loc.gov/premis/v3\">{text}<!-- x -->{}</premis>", text.replace("e1", "e2"));
    assert_eq!(read(&plain).len(), 2);
}

#[test]
fn what_is_no_premis_event_is_refused_with_the_reason_and_stops_no_other() {
    let good = event("good", "capture", "2020", &about(&["case/1"]));
    for (bad, why) in [
        (event("", "capture", "2020", &about(&["a"])), "no `eventIdentifierValue`"),
        (event("1", "", "2020", &about(&["a"])), "no `eventType`"),
        (event("1", "capture", "some day", &about(&["a"])), "`some day`, which is no date"),
        (event("1", "capture", "2020", ""), "no `linkingObjectIdentifier`"),
        (event("1", "capture", "2020", &about(&[""])), "is not an id"),
        (event("1", "capture", "2020", "<premis:eventType>deletion</premis:eventType>"), "stands twice"),
        (event("1", "&own;", "2020", &about(&["a"])), "entity of the file's own"),
        (event("1", "capture", "2020", "<a></b>"), "the XML is broken"),
        ("<premis:event/>".to_owned(), "no `eventIdentifierType`"),
        (event("1", "capture", "2020", &"<premis:x>".repeat(80)), "deep"),
    ] {
        let (events, refused) = read_with(&document(&format!("{bad}{good}")), None);
        if !bad.contains("<premis:x>") && !bad.contains("<a>") {
            assert_eq!(events.len(), 1, "{bad}");
        }
        assert!(refused.concat().contains(why) || refused.concat().contains("ends before"), "{bad}: {refused:?}");
    }
}

#[test]
fn another_namespace_a_document_type_and_an_end_that_is_missing_are_said() {
    let good = event("1", "capture", "2020", &about(&["a"]));
    let old = document(&good).replace("http://www.loc.gov/premis/v3", "info:lc/xmlns/premis-v2");
    assert!(refused(&old).contains("neither XES nor PREMIS 3"));
    assert!(refused("<event><x/></event>").contains("neither XES nor PREMIS 3"));
    assert!(refused("<html/>").contains("neither XES nor PREMIS 3"));
    assert!(refused(&format!("<!DOCTYPE x [<!ENTITY a 'b'>]>{}", document(&good))).contains("document type"));
    let (events, refused) = read_with(document(&good).trim_end_matches("</premis:premis>"), None);
    assert_eq!(events.len(), 1);
    assert!(refused.concat().contains("ends before its outermost element"), "{refused:?}");
    assert!(read_with(&document(&good), Some(Format::Xes)).1.concat().contains("another format was asked for"));
}

#[test]
fn an_event_about_very_many_objects_is_refused_before_it_is_copied_for_each() {
    let ids: Vec<String> = (0..1_001).map(|id| format!("case/{id}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert!(refused(&document(&event("1", "capture", "2020", &about(&ids)))).contains("more than 1000"));
    let detail = format!(
        "<premis:eventDetailInformation><premis:eventDetail>{}</premis:eventDetail></premis:eventDetailInformation>",
        "x".repeat(1 << 20)
    );
    let text = document(&event("1", "capture", "2020", &(detail + &about(&ids[..100]))));
    assert!(text.len() < Limits::default().item_bytes_max);
    assert!(refused(&text).contains("too long for the number of objects"));
}
