//! What is handed to an archive, and why the rest is not.

use super::*;
use fonds_policy_sdk::archival::Packaging;
use fonds_policy_sdk::{Agency, Date, Label, Rule};

const CONFIG: &str = r#"{"select": [
    {"series": "tx/783/*", "action": "transfer", "attributes": {"historic": "y*"}, "kind": "case-file", "agency": "us/tx",
     "destination": "State Archives", "packaging": "e-ark", "access": "open after 25 years",
     "description": {"title": "{title} ({series})", "creator": "{agency}", "note": "{attribute:topic}, {level}, {kind}",
                     "identifier": "{id}", "authority": "{authority}", "date": "{as-of}"}},
    {"series": "tx/*", "destination": "City Archives", "packaging": "bagit", "access": "closed"}
]}"#;

fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn retention(until: Option<&str>, forever: bool, action: Action) -> Option<RetentionInForce> {
    Some(RetentionInForce { until: until.map(date), forever, action })
}

fn attribute(name: &str, value: &str) -> Attribute {
    Attribute { name: name.into(), value: value.into() }
}

/// Due for transfer, and historic.
fn subject() -> Subject {
    Subject {
        kind: Some("case-file".into()),
        state: State::Closed,
        agency: Some(0),
        series: Some("tx/783/597".into()),
        rule: Ok(0),
        retention: retention(Some("2026-01-01"), false, Action::Transfer),
        attributes: vec![attribute("historic", "yes"), attribute("topic", "bridges")],
        label: Some(Label { level: "public".into(), categories: vec![] }),
        ..Subject::new("permit/1")
    }
}

fn decide(subject: Subject) -> Decision {
    let mut request = Request::new(date("2026-01-01"));
    request.config = CONFIG.into();
    request.agencies = vec![Agency { id: "a".into(), path: "us/tx/dps".into(), fiscal_year_end: None }];
    request.rules = vec![Rule {
        series: "tx/783/597".into(),
        title: "Permits".into(),
        permanent: false,
        clauses: vec![],
        action: Action::Transfer,
        authority: "tx 2024 597".into(),
        citations: vec![],
    }];
    request.subjects = vec![subject];
    Archival::evaluate(request).unwrap().remove(0)
}

fn why_not(subject: Subject) -> (String, Option<String>) {
    let decision = decide(subject);
    assert_eq!(decision.select, None);
    let because = &decision.reasons[0];
    (Archival::describe().reasons[because.reason as usize].code.clone(), because.detail.clone())
}

#[test]
fn at_the_end_of_retention_a_record_of_enduring_value_gets_a_plan() {
    let decision = decide(subject());
    let plan = decision.select.unwrap();
    assert_eq!((plan.destination.as_str(), plan.packaging), ("State Archives", Packaging::EArk));
    assert_eq!(plan.access, "open after 25 years");
    let described: Vec<_> = plan.description.iter().map(|line| (line.name.as_str(), line.value.as_str())).collect();
    assert_eq!(
        described,
        [
            ("authority", "tx 2024 597"),
            ("creator", "us/tx/dps"),
            ("date", "2026-01-01"),
            ("identifier", "permit/1"),
            ("note", "bridges, public, case-file"),
            ("title", "Permits (tx/783/597)"),
        ]
    );
    assert_eq!(decision.reasons, [Why::Selected.with("tx/783/*")]);
}

#[test]
fn the_first_rule_that_matches_plans() {
    let plain = Subject { attributes: vec![attribute("historic", "no")], ..subject() };
    let plan = decide(plain).select.unwrap();
    assert_eq!((plan.destination.as_str(), plan.packaging), ("City Archives", Packaging::Bagit));
    let kept = Subject { retention: retention(None, true, Action::Keep), ..subject() };
    assert_eq!(decide(kept).select.unwrap().destination, "City Archives", "the first rule wants a transfer");
}

#[test]
fn nothing_is_selected_before_the_end_of_retention() {
    let early = Subject { retention: retention(Some("2026-01-02"), false, Action::Transfer), ..subject() };
    assert_eq!(why_not(early), ("not-yet".into(), Some("2026-01-02".into())));
    let waiting = Subject { retention: retention(None, false, Action::Transfer), ..subject() };
    assert_eq!(why_not(waiting).0, "waiting");
    assert_eq!(why_not(Subject { retention: None, ..subject() }).0, "no-retention");
}

#[test]
fn forever_is_handed_over_only_when_it_is_kept_as_such_and_closed() {
    let kept = |state| Subject { state, retention: retention(None, true, Action::Keep), ..subject() };
    assert_eq!(why_not(kept(State::Open)).0, "still-open");
    assert!(decide(kept(State::Closed)).select.is_some());
    for action in [Action::Destroy, Action::Review, Action::Transfer] {
        let stuck = Subject { retention: retention(None, true, action), ..subject() };
        assert_eq!(why_not(stuck).0, "kept-here", "{action:?}: retained because something is wrong");
    }
}

#[test]
fn what_ends_otherwise_is_not_selected() {
    for (action, word) in [(Action::Destroy, "destroy"), (Action::Review, "review")] {
        let other = Subject { retention: retention(Some("2020-01-01"), false, action), ..subject() };
        assert_eq!(why_not(other), ("other-action".into(), Some(word.into())));
    }
}

#[test]
fn a_record_without_a_matching_rule_is_left() {
    assert_eq!(why_not(Subject { series: None, ..subject() }).0, "no-selection-rule", "no series matches no pattern");
    assert_eq!(why_not(Subject { series: Some("nl/1".into()), ..subject() }).0, "no-selection-rule");
}

#[test]
fn what_is_gone_or_doubtful_is_not_handed_over() {
    for state in [State::Transferred, State::Archived] {
        assert_eq!(why_not(Subject { state, ..subject() }).0, "already-archived");
    }
    assert_eq!(why_not(Subject { marks: vec![Mark::LossReported], ..subject() }).0, "loss-reported");
    assert_eq!(why_not(Subject { marks: vec![Mark::ImplausibleDate], ..subject() }).0, "implausible-date");
}

#[test]
fn an_empty_configuration_selects_nothing() {
    let mut request = Request::new(date("2026-01-01"));
    request.subjects = vec![subject()];
    assert_eq!(Archival::evaluate(request).unwrap()[0].select, None);
}

#[test]
fn it_needs_the_attributes_of_its_rules_and_templates() {
    assert_eq!(Archival::configure(CONFIG).unwrap().needs().attributes, ["historic", "topic"]);
}

#[test]
fn a_configuration_that_says_something_else_is_refused() {
    let rule = |fields: &str| format!(r#"{{"select": [{{{fields}}}]}}"#);
    let good = r#""series": "*", "destination": "d", "packaging": "bagit", "access": "a""#;
    assert!(Archival::configure(&rule(good)).is_ok());
    for config in [
        "[]".into(),
        r#"{"selects": []}"#.into(),
        rule(&format!(r#"{good}, "action": "destroy""#)),
        rule(&format!(r#"{good}, "serie": "x""#)),
        rule(&format!(r#"{good}, "description": {{"title": "{{"}}"#)),
        rule(&format!(r#"{good}, "description": {{"title": "{{name}}"}}"#)),
        rule(&format!(r#"{good}, "description": {{"title": "{{attribute:}}"}}"#)),
        rule(&good.replace(r#""*""#, r#""""#)),
        rule(&good.replace(r#""d""#, r#""  ""#)),
        rule(&good.replace("bagit", "zip")),
        rule(r#""destination": "d", "packaging": "bagit", "access": "a""#),
    ] {
        assert!(Archival::configure(&config).is_err(), "{config}");
    }
}
