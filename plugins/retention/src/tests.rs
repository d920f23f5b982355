//! What each kind of rule comes to, and the same for thousands of rules by a plain model.

use super::*;
use fonds_policy_sdk::{Agency, MonthDay, Occurrence, State, Trigger};

mod model;

pub(crate) fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn clause(trigger: Trigger, cutoff: Cutoff, years: u32, months: u32, days: u32) -> Clause {
    Clause { trigger, cutoff, years, months, days }
}

fn happened(trigger: Trigger, on: &str) -> Occurrence {
    Occurrence { trigger, on: Some(date(on)), exact: true, seq: 1 }
}

fn event(name: &str) -> Trigger {
    Trigger::Event(name.into())
}

/// A closed record of one agency and one rule, to be changed by each test.
pub(crate) fn request(clauses: Vec<Clause>, started: Vec<Occurrence>) -> Request {
    let mut request = Request::new(date("2026-01-01"));
    request.agencies = vec![Agency {
        id: "a".into(),
        path: "us/tx/dps".into(),
        fiscal_year_end: Some(MonthDay { month: 8, day: 31 }),
    }];
    request.rules = vec![Rule {
        series: "tx/783/597".into(),
        title: "Permits".into(),
        permanent: false,
        clauses,
        action: Action::Destroy,
        authority: "tx 2024 597".into(),
        citations: vec![],
    }];
    let subject = Subject::new("permit/1");
    request.subjects = vec![Subject {
        state: State::Closed,
        agency: Some(0),
        series: Some("tx/783/597".into()),
        rule: Ok(0),
        started,
        ..subject
    }];
    request
}

pub(crate) fn decide(request: Request) -> Decision {
    Retention::evaluate(request).unwrap().remove(0)
}

fn codes(decision: &Decision) -> Vec<String> {
    let manifest = Retention::describe();
    let code = |because: &Because| manifest.reasons[because.reason as usize].code.clone();
    decision.reasons.iter().map(code).collect()
}

fn until(text: &str) -> Term {
    Term::Until(date(text))
}

#[test]
fn three_years_after_the_fiscal_year_that_ended_in_august_2008_are_due_in_september_2011() {
    let rule = vec![clause(event("lease-ended"), Cutoff::FiscalYear, 3, 0, 0)];
    for on in ["2007-09-01", "2008-02-29", "2008-08-31"] {
        let decision = decide(request(rule.clone(), vec![happened(event("lease-ended"), on)]));
        assert_eq!(decision.term, until("2011-09-01"), "{on}");
        assert_eq!(decision.action, Action::Destroy);
        assert_eq!(decision.reasons[0].detail.as_deref(), Some("event:lease-ended, end of fiscal year + 3 years"));
    }
}

#[test]
fn a_record_is_due_on_the_day_after_the_last_day_kept() {
    let closed = |on| vec![happened(Trigger::Closed, on)];
    let years = |years| vec![clause(Trigger::Closed, Cutoff::None, years, 0, 0)];
    assert_eq!(decide(request(years(3), closed("2010-10-17"))).term, until("2013-10-18"));
    assert_eq!(decide(request(years(1), closed("2024-02-29"))).term, until("2025-03-01"), "28 February is kept");
    assert_eq!(decide(request(years(4), closed("2024-02-29"))).term, until("2028-03-01"), "29 February is kept");
    assert_eq!(decide(request(years(0), closed("2024-12-31"))).term, until("2025-01-01"));
}

#[test]
fn months_are_clamped_once_with_the_years_and_days_come_after() {
    let closed = |on| vec![happened(Trigger::Closed, on)];
    let term = |years, months, days, on| {
        decide(request(vec![clause(Trigger::Closed, Cutoff::None, years, months, days)], closed(on))).term
    };
    assert_eq!(term(0, 1, 0, "2023-01-31"), until("2023-03-01"), "kept through 28 February");
    assert_eq!(term(1, 1, 0, "2024-02-29"), until("2025-03-30"), "kept through 29 March, not 28");
    assert_eq!(term(0, 1, 1, "2023-01-31"), until("2023-03-02"), "kept through 1 March");
    assert_eq!(term(0, 0, 90, "2023-12-15"), until("2024-03-15"));
}

#[test]
fn a_fiscal_year_that_ends_in_february_keeps_its_last_day() {
    let rule = vec![clause(Trigger::Closed, Cutoff::FiscalYear, 3, 0, 0)];
    let mut request = request(rule, vec![happened(Trigger::Closed, "2004-12-01")]);
    request.agencies[0].fiscal_year_end = Some(MonthDay { month: 2, day: 29 });
    // The year ends on 2005-02-28, the third after it on 2008-02-29.
    assert_eq!(decide(request).term, until("2008-03-01"));
}

#[test]
fn a_calendar_cutoff_counts_from_the_end_of_december() {
    let rule = vec![clause(Trigger::Creation, Cutoff::CalendarYear, 2, 0, 0)];
    for on in ["2020-01-01", "2020-12-31"] {
        let decision = decide(request(rule.clone(), vec![happened(Trigger::Creation, on)]));
        assert_eq!(decision.term, until("2023-01-01"), "{on}");
    }
}

#[test]
fn a_fiscal_cutoff_without_a_fiscal_year_keeps_the_record_and_says_so() {
    let rule = vec![clause(Trigger::Closed, Cutoff::FiscalYear, 3, 0, 0)];
    let mut none = request(rule, vec![happened(Trigger::Closed, "2004-12-01")]);
    none.agencies[0].fiscal_year_end = None;
    let mut impossible = none.clone();
    impossible.agencies[0].fiscal_year_end = Some(MonthDay { month: 2, day: 30 });
    let mut nobody = none.clone();
    nobody.subjects[0].agency = None;
    for request in [none, impossible, nobody] {
        let decision = decide(request);
        assert_eq!((&decision.term, decision.action), (&Term::Forever, Action::Review));
        assert_eq!(codes(&decision), ["no-fiscal-year"]);
    }
}

#[test]
fn of_several_clauses_the_latest_wins_and_is_named() {
    let rule = vec![
        clause(Trigger::Creation, Cutoff::None, 10, 0, 0),
        clause(Trigger::Closed, Cutoff::None, 3, 0, 0),
        clause(event("audited"), Cutoff::None, 1, 0, 0),
    ];
    let started = |closed: &str| {
        vec![
            happened(Trigger::Creation, "2000-05-05"),
            happened(Trigger::Closed, closed),
            happened(event("audited"), "2001-01-01"),
        ]
    };
    let decision = decide(request(rule.clone(), started("2005-01-01")));
    assert_eq!(decision.term, until("2010-05-06"));
    assert_eq!(decision.reasons[0].detail.as_deref(), Some("creation + 10 years"));
    let decision = decide(request(rule, started("2009-01-01")));
    assert_eq!(decision.term, until("2012-01-02"));
    assert_eq!(decision.reasons[0].detail.as_deref(), Some("closed + 3 years"));
}

#[test]
fn a_clause_whose_trigger_has_not_happened_waits_and_says_for_what() {
    let rule = vec![
        clause(Trigger::Creation, Cutoff::None, 10, 0, 0),
        clause(event("asset-disposed"), Cutoff::None, 1, 0, 0),
        clause(Trigger::Superseded, Cutoff::None, 1, 0, 0),
    ];
    let decision = decide(request(rule, vec![happened(Trigger::Creation, "1990-01-01")]));
    assert_eq!(decision.term, Term::Waiting(Awaited::Trigger(event("asset-disposed"))));
    let details: Vec<_> = decision.reasons.iter().map(|because| because.detail.as_deref().unwrap()).collect();
    assert_eq!(details, ["event:asset-disposed", "superseded"]);
}

#[test]
fn a_trigger_on_no_known_day_waits_for_the_date() {
    let rule = vec![clause(Trigger::Closed, Cutoff::None, 3, 0, 0)];
    let unknown = Occurrence { on: None, ..happened(Trigger::Closed, "2000-01-01") };
    let impossible = Occurrence { on: Some(Date { year: 2023, month: 2, day: 30 }), ..unknown.clone() };
    for occurrence in [unknown, impossible] {
        let decision = decide(request(rule.clone(), vec![occurrence]));
        assert_eq!(decision.term, Term::Waiting(Awaited::UnknownDate));
        assert_eq!(codes(&decision), ["unknown-date"]);
    }
}

#[test]
fn a_date_known_to_the_year_counts_from_its_last_day_and_says_so() {
    let rule = vec![clause(Trigger::Closed, Cutoff::None, 3, 0, 0)];
    let inexact = Occurrence { exact: false, ..happened(Trigger::Closed, "1987-12-31") };
    let decision = decide(request(rule, vec![inexact]));
    assert_eq!(decision.term, until("1991-01-01"));
    assert_eq!(codes(&decision), ["rule", "inexact-date"]);
}

#[test]
fn permanent_is_never_due_and_never_destroyed() {
    for (said, done) in
        [(Action::Destroy, Action::Keep), (Action::Transfer, Action::Transfer), (Action::Keep, Action::Keep)]
    {
        let mut request = request(vec![], vec![happened(Trigger::Closed, "1900-01-01")]);
        request.rules[0].permanent = true;
        request.rules[0].action = said;
        let decision = decide(request);
        assert_eq!((&decision.term, decision.action), (&Term::Forever, done));
        assert_eq!(codes(&decision), ["permanent"]);
    }
}

#[test]
fn a_rule_without_a_clause_is_not_due_at_once() {
    let decision = decide(request(vec![], vec![happened(Trigger::Closed, "1900-01-01")]));
    assert_eq!((&decision.term, decision.action), (&Term::Forever, Action::Review));
    assert_eq!(codes(&decision), ["no-period"]);
}

#[test]
fn without_a_rule_a_record_is_retained_with_that_reason() {
    for (unruled, code) in [
        (Unruled::Unscheduled, "unscheduled"),
        (Unruled::NoRule, "no-rule"),
        (Unruled::ConflictingRule, "conflicting-rule"),
        (Unruled::Withdrawn, "withdrawn"),
    ] {
        let mut request = request(vec![], vec![happened(Trigger::Closed, "1900-01-01")]);
        request.subjects[0].rule = Err(unruled);
        let decision = decide(request);
        assert_eq!((&decision.term, decision.action), (&Term::Forever, Action::Review));
        assert_eq!(codes(&decision), [code]);
    }
    let mut astray = request(vec![], vec![]);
    astray.subjects[0].rule = Ok(7);
    assert_eq!(codes(&decide(astray)), ["no-rule"]);
}

#[test]
fn a_period_beyond_the_calendar_is_forever_and_says_so() {
    for years in [7_980, u32::MAX] {
        let rule = vec![clause(Trigger::Closed, Cutoff::None, years, 0, 0)];
        let decision = decide(request(rule, vec![happened(Trigger::Closed, "2020-01-01")]));
        assert_eq!((&decision.term, decision.action), (&Term::Forever, Action::Review));
        assert_eq!(codes(&decision), ["beyond-calendar"]);
    }
    // Its last day kept is the calendar's last: there is no day after it.
    let rule = vec![clause(Trigger::Closed, Cutoff::CalendarYear, 0, 0, 0)];
    assert_eq!(codes(&decide(request(rule, vec![happened(Trigger::Closed, "9999-03-01")]))), ["beyond-calendar"]);
}

#[test]
fn activity_after_close_is_said_beside_the_rule() {
    let rule = vec![clause(Trigger::Closed, Cutoff::None, 3, 0, 0)];
    let mut request = request(rule, vec![happened(Trigger::Closed, "2010-10-17")]);
    request.subjects[0].marks = vec![Mark::ActivityAfterClose];
    let decision = decide(request);
    assert_eq!(decision.term, until("2013-10-18"));
    assert_eq!(codes(&decision), ["rule", "activity-after-close"]);
}

#[test]
fn a_jurisdictions_own_event_starts_the_clock_and_the_nearest_word_counts() {
    let rule = vec![clause(Trigger::Closed, Cutoff::None, 3, 0, 0)];
    let config =
        r#"{"triggers": {"us": {"done": "superseded"}, "us/tx": {"done": "closed"}, "nl": {"klaar": "closed"}}}"#;
    let with = |started| {
        let mut request = request(rule.clone(), started);
        request.config = config.into();
        decide(request)
    };
    assert_eq!(with(vec![happened(event("done"), "2010-10-17")]).term, until("2013-10-18"));
    assert_eq!(
        with(vec![happened(event("klaar"), "2010-10-17")]).term,
        Term::Waiting(Awaited::Trigger(Trigger::Closed))
    );
    let both = vec![happened(Trigger::Closed, "2012-01-01"), happened(event("done"), "2010-10-17")];
    assert_eq!(with(both).term, until("2015-01-02"), "the later of both");
    let unknown = Occurrence { on: None, ..happened(event("done"), "2010-10-17") };
    let term = with(vec![happened(Trigger::Closed, "2012-01-01"), unknown]).term;
    assert_eq!(term, Term::Waiting(Awaited::UnknownDate), "the unknown day may be later");
}

#[test]
fn the_longest_period_is_the_earliest_that_matches_and_agrees_with_a_rule_of_the_same_length() {
    let rule = vec![clause(Trigger::Closed, Cutoff::None, 5, 0, 0)];
    let with = |config: &str| {
        let started = vec![happened(Trigger::Creation, "2009-01-01"), happened(Trigger::Closed, "2010-10-17")];
        let mut request = request(rule.clone(), started);
        request.config = config.into();
        decide(request)
    };
    let decision = with(r#"{"not_after": {"tx/*": {"years": 5, "from": "closed"}, "*": {"date": "2050-01-01"}}}"#);
    assert_eq!(decision.not_after, Some(date("2015-10-18")));
    assert_eq!(decision.term, until("2015-10-18"));
    assert_eq!(codes(&decision), ["rule", "not-after"]);
    assert_eq!(with(r#"{"not_after": {"tx/*": {"years": 5}}}"#).not_after, Some(date("2014-01-02")), "from creation");
    assert_eq!(with(r#"{"not_after": {"nl/*": {"years": 5}}}"#).not_after, None);
    assert_eq!(with(r#"{"not_after": {"tx/*": {"years": 5, "from": "superseded"}}}"#).not_after, None);
}

#[test]
fn a_configuration_that_says_something_else_is_refused() {
    for config in [
        "[]",
        "{",
        r#"{"trigger": {}}"#,
        r#"{"triggers": {"nl": {"klaar": "finished"}}}"#,
        r#"{"triggers": {"nl": {"klaar": "event:"}}}"#,
        r#"{"not_after": {"*": {}}}"#,
        r#"{"not_after": {"*": {"years": 0}}}"#,
        r#"{"not_after": {"*": {"years": -1}}}"#,
        r#"{"not_after": {"*": {"date": "2030-02-30"}}}"#,
        r#"{"not_after": {"*": {"date": "2030-01-01", "years": 1}}}"#,
        r#"{"not_after": {"*": {"date": "2030-01-01", "from": "closed"}}}"#,
    ] {
        assert!(Retention::configure(config).is_err(), "{config}");
    }
    for config in ["", "{}", r#"{"triggers": {}, "not_after": {}}"#] {
        assert!(Retention::configure(config).is_ok(), "{config}");
    }
}

#[test]
fn a_reopening_stops_the_clock_that_an_event_standing_for_closed_started() {
    let config = r#"{"triggers":{"us":{"case-finished":"closed","value-gone":"event:value-ended"}}}"#;
    let decide = |clauses: Trigger, started: Vec<Occurrence>, reopened: Option<(&str, u64)>| {
        let mut request = request(vec![clause(clauses, Cutoff::None, 1, 0, 0)], started);
        request.config = config.into();
        request.subjects[0].history = reopened
            .map(|(on, seq)| fonds_policy_sdk::Happening {
                seq,
                kind: "record.reopened".into(),
                at: 0,
                on: Date::parse(on),
                attributes: Vec::new(),
            })
            .into_iter()
            .collect();
        super::Retention::evaluate(request).unwrap().remove(0).term
    };
    let finished =
        |on: &str, exact: bool, seq: u64| vec![Occurrence { exact, seq, ..happened(event("case-finished"), on) }];
    let waiting = Term::Waiting(Awaited::Trigger(Trigger::Closed));
    let closed = |started, reopened| decide(Trigger::Closed, started, reopened);
    assert_eq!(closed(finished("2012-05-01", true, 5), None), until("2013-05-02"));
    assert_eq!(closed(finished("2012-05-01", true, 5), Some(("2012-06-01", 4))), waiting, "it was opened again");
    assert_eq!(
        closed(finished("2012-05-01", true, 5), Some(("2012-04-01", 6))),
        until("2013-05-02"),
        "and closed after"
    );
    assert_eq!(closed(finished("2012-05-01", true, 5), Some(("2012-05-01", 6))), waiting);
    assert_eq!(closed(finished("2012-05-01", true, 5), Some(("2012-05-01", 4))), until("2013-05-02"));
    assert_eq!(closed(finished("2012-05-01", true, 5), Some(("on some day", 6))), waiting, "a doubt stops the clock");
    assert_eq!(
        closed(finished("2012-12-31", false, 5), Some(("2012-03-01", 6))),
        waiting,
        "it may have been in January"
    );
    assert_eq!(closed(finished("2012-12-31", false, 5), Some(("2011-03-01", 6))), until("2014-01-01"));
    let other =
        decide(event("value-ended"), vec![happened(event("value-gone"), "2012-05-01")], Some(("2012-06-01", 9)));
    assert_eq!(other, until("2013-05-02"), "a reopening stops no other clock");
}

#[test]
fn reopenings_are_asked_for_only_where_an_event_stands_for_closed() {
    let needs = |config: &str| Retention::configure(config).unwrap().needs().history;
    assert_eq!(needs(r#"{"triggers":{"nl":{"case-finished":"closed"}}}"#), ["record.reopened"]);
    assert!(needs(r#"{"triggers":{"nl":{"lease-ended":"event:value-ended"}}}"#).is_empty());
    assert!(needs("").is_empty());
}
