//! What a record is given, and that nothing lowers what it was derived from.

use super::*;
use fonds_policy_sdk::{Agency, Ancestor, Attribute, Date, Occurrence, Trigger};

fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn label(level: &str) -> Option<Label> {
    Some(Label { level: level.into(), categories: vec![] })
}

fn with_categories(level: &str, categories: &[&str]) -> Option<Label> {
    Some(Label { level: level.into(), categories: categories.iter().map(|&category| category.into()).collect() })
}

fn derived_from(entity: &str, depth: u32, label: Option<Label>) -> Ancestor {
    Ancestor { entity: entity.into(), depth, label }
}

fn subject() -> Subject {
    let department = Attribute { name: "department".into(), value: "General".into() };
    Subject {
        kind: Some("case-file".into()),
        agency: Some(0),
        attributes: vec![department],
        ..Subject::new("permit/1")
    }
}

fn ask(config: &str, subject: Subject) -> Result<Decision, String> {
    let mut request = Request::new(date("2026-01-01"));
    request.config = config.into();
    request.agencies = vec![Agency { id: "a".into(), path: "nl/wabo/centre".into(), fiscal_year_end: None }];
    request.subjects = vec![subject];
    Classification::evaluate(request).map(|mut decisions| decisions.remove(0))
}

fn decide(config: &str, subject: Subject) -> Decision {
    ask(config, subject).unwrap()
}

fn reasons(decision: &Decision) -> Vec<(String, Option<String>)> {
    let manifest = Classification::describe();
    let said = |because: &Because| (manifest.reasons[because.reason as usize].code.clone(), because.detail.clone());
    decision.reasons.iter().map(said).collect()
}

fn codes(decision: &Decision) -> Vec<String> {
    reasons(decision).into_iter().map(|(code, _)| code).collect()
}

const SERIES: &str = r#"{"series": [
    {"agency": "nl/wabo", "kind": "dataset", "series": "nl/1/data"},
    {"agency": "nl/wab", "series": "nl/1/wrong-agency"},
    {"agency": "nl/wabo", "kind": "case-file", "attributes": {"department": "Gen*"}, "series": "nl/1/general"},
    {"series": "nl/1/other"}
]}"#;

#[test]
fn the_first_rule_that_matches_gives_the_series() {
    let decision = decide(SERIES, subject());
    assert_eq!(decision.series.as_deref(), Some("nl/1/general"));
    assert_eq!(reasons(&decision), [("series-rule".into(), Some("nl/1/general".into()))]);
    let other = Subject { attributes: vec![], ..subject() };
    assert_eq!(decide(SERIES, other).series.as_deref(), Some("nl/1/other"));
}

#[test]
fn a_record_that_has_a_series_keeps_it() {
    let filed = Subject { series: Some("nl/1/own".into()), ..subject() };
    let decision = decide(SERIES, filed);
    assert_eq!(decision.series, None);
    assert_eq!(codes(&decision), ["no-rule"]);
}

const LABELS: &str = r#"{"default_level": "internal", "labels": [
    {"series": "nl/1/gen*", "level": "confidential", "categories": ["personal", "health"]},
    {"attributes": {"department": "General"}, "level": "public", "categories": ["city"]},
    {"kind": "dataset", "level": "top-secret"}
]}"#;

#[test]
fn of_all_rules_that_match_the_highest_level_and_all_categories_count() {
    let filed = Subject { series: Some("nl/1/general".into()), ..subject() };
    let decision = decide(LABELS, filed);
    assert_eq!(decision.label, with_categories("confidential", &["city", "health", "personal"]));
    assert_eq!(codes(&decision), ["label-rule", "label-rule"]);
}

#[test]
fn a_series_just_given_counts_for_the_label() {
    let config = r#"{"series": [{"series": "nl/1/a"}], "labels": [{"series": "nl/1/a", "level": "secret"}]}"#;
    assert_eq!(decide(config, subject()).label, label("secret"));
}

#[test]
fn where_no_rule_labels_it_the_default_does_or_nothing() {
    let stranger = Subject { attributes: vec![], ..subject() };
    let decision = decide(LABELS, stranger.clone());
    assert_eq!((decision.label.clone(), codes(&decision)), (label("internal"), vec!["default-level".to_owned()]));
    let decision = decide("{}", stranger);
    assert_eq!((decision.label.clone(), codes(&decision)), (None, vec!["no-rule".to_owned()]));
}

#[test]
fn what_is_derived_is_never_lower_than_its_ancestors_and_the_reason_names_the_highest() {
    let derived = Subject {
        ancestors: vec![
            derived_from("near", 1, label("public")),
            derived_from("unlabelled", 1, None),
            derived_from("far", 2, with_categories("secret", &["health"])),
            derived_from("farther", 3, label("secret")),
        ],
        ..subject()
    };
    let decision = decide(LABELS, derived);
    assert_eq!(decision.label, with_categories("secret", &["city", "health"]));
    assert_eq!(
        reasons(&decision),
        [("label-rule".into(), Some("public".into())), ("ancestor".into(), Some("far".into())),]
    );
    assert_eq!(decision.declassify, Declassification::Never);
}

#[test]
fn no_order_of_ancestors_and_no_rule_gives_a_lower_label_than_any_of_them() {
    let levels = ["public", "internal", "confidential", "secret", "top-secret"];
    let rank = |label: &Option<Label>| {
        label.as_ref().map_or(0, |label| levels.iter().position(|l| *l == label.level).unwrap())
    };
    for own in levels {
        for near in levels {
            for far in levels {
                let config = format!(r#"{{"labels": [{{"level": "{own}"}}]}}"#);
                let ancestors = vec![derived_from("a", 1, label(near)), derived_from("b", 2, label(far))];
                let decided = decide(&config, Subject { ancestors, ..subject() });
                let highest = rank(&label(own)).max(rank(&label(near))).max(rank(&label(far)));
                assert_eq!(rank(&decided.label), highest, "{own} {near} {far}");
            }
        }
    }
}

#[test]
fn an_authorised_downgrade_stops_what_ancestors_say() {
    let published = Subject {
        label: label("public"),
        barrier: true,
        ancestors: vec![derived_from("cases", 1, label("secret"))],
        ancestors_truncated: true,
        ..subject()
    };
    let decision = decide(LABELS, published.clone());
    assert_eq!((decision.label.clone(), codes(&decision)), (label("public"), vec!["authorised-downgrade".to_owned()]));
    let without_label = Subject { label: None, ..published };
    assert_eq!(decide(LABELS, without_label).label, with_categories("secret", &["city"]), "nothing to stop at");
}

#[test]
fn when_ancestors_are_cut_off_the_label_in_force_stays() {
    let cut = Subject { label: with_categories("secret", &["x"]), ancestors_truncated: true, ..subject() };
    let decision = decide(LABELS, cut);
    assert_eq!(decision.label, with_categories("secret", &["city", "x"]));
    assert_eq!(codes(&decision), ["label-rule", "ancestors-truncated"]);
}

#[test]
fn a_level_that_nobody_knows_counts_as_the_highest() {
    let derived = Subject { ancestors: vec![derived_from("a", 1, label("cosmic"))], ..subject() };
    let decision = decide(LABELS, derived);
    assert_eq!(decision.label, with_categories("top-secret", &["city"]));
    assert_eq!(codes(&decision), ["label-rule", "unknown-level", "ancestor"]);
}

#[test]
fn declassification_takes_the_later_of_two_and_never_when_nobody_knows() {
    let closed = Occurrence { trigger: Trigger::Closed, on: Some(date("2020-02-29")), exact: true, seq: 1 };
    let with = |one: &str, other: &str| {
        let config = format!(
            r#"{{"labels": [{{"level": "secret", "declassify": {one}}}, {{"level": "public", "declassify": {other}}}]}}"#
        );
        decide(&config, Subject { started: vec![closed.clone()], ..subject() }).declassify
    };
    let on = |text| Declassification::On(date(text));
    let after = r#"{"after_years": 1, "from": "closed"}"#;
    assert_eq!(with(after, after), on("2021-03-01"));
    assert_eq!(with(after, r#"{"on": "2030-01-01"}"#), on("2030-01-01"));
    assert_eq!(
        with(r#"{"review_on": "2025-01-01"}"#, r#"{"on": "2030-01-01"}"#),
        Declassification::ReviewOn(date("2030-01-01"))
    );
    assert_eq!(with(r#"{"event": "end"}"#, r#"{"event": "end"}"#), Declassification::OnEvent("end".into()));
    assert_eq!(with(r#"{"event": "end"}"#, r#"{"on": "2030-01-01"}"#), Declassification::Never);
    assert_eq!(
        with(r#"{"after_years": 1}"#, r#"{"on": "2030-01-01"}"#),
        Declassification::Never,
        "no creation is known"
    );
}

#[test]
fn a_level_that_the_ladder_does_not_have_decides_nothing() {
    for config in [r#"{"default_level": "cosmic"}"#, r#"{"labels": [{"kind": "never", "level": "cosmic"}]}"#] {
        let refusal = ask(config, subject()).unwrap_err();
        assert!(refusal.contains("`cosmic`") && refusal.contains("public, internal"), "{refusal}");
    }
}

#[test]
fn it_needs_the_attributes_that_rules_name_and_the_ancestors_that_it_is_told() {
    let needs = |config: &str| Classification::configure(config).unwrap().needs();
    assert_eq!(needs(SERIES).attributes, ["department"]);
    assert_eq!(needs(SERIES).ancestors, 8);
    assert_eq!(needs(r#"{"ancestors": 3}"#).ancestors, 3);
}

#[test]
fn a_configuration_that_says_something_else_is_refused() {
    for config in [
        "[]",
        r#"{"ancestors": 65}"#,
        r#"{"level": "public"}"#,
        r#"{"series": [{"series": ""}]}"#,
        r#"{"series": [{"serie": "x"}]}"#,
        r#"{"labels": [{"categories": []}]}"#,
        r#"{"labels": [{"level": "public", "declassify": {}}]}"#,
        r#"{"labels": [{"level": "public", "declassify": {"on": "2030-01-01", "event": "x"}}]}"#,
        r#"{"labels": [{"level": "public", "declassify": {"on": "2030-02-30"}}]}"#,
        r#"{"labels": [{"level": "public", "declassify": {"after_years": 5, "from": "whenever"}}]}"#,
        r#"{"labels": [{"level": "public", "declassify": {"event": ""}}]}"#,
    ] {
        assert!(Classification::configure(config).is_err(), "{config}");
    }
}
