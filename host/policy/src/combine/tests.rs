use super::*;
use fonds_model::decision::{Archival, Attribute, Classification, Fault, FaultKind, Packaging, Retention};
use proptest::prelude::*;

fn date(text: &str) -> PartialDate {
    PartialDate::parse(text).unwrap()
}

fn retention(term: Term, action: Action, not_after: Option<PartialDate>) -> Given {
    let verdict = Verdict::Retention(Retention { term, action, not_after, reasons: vec![] });
    Given { world: World::Retention, verdict }
}

fn until(text: &str, action: Action) -> Given {
    retention(Term::Until(date(text)), action, None)
}

fn classified(series: Option<&str>, label: Option<(&str, &[&str])>, declassify: Declassification) -> Given {
    let label = label.map(|(level, categories)| Label {
        level: level.into(),
        categories: categories.iter().map(|category| (*category).into()).collect(),
    });
    let series = series.map(|series| SeriesId::new(series).unwrap());
    let verdict = Verdict::Classification(Classification { series, label, declassify, reasons: vec![] });
    Given { world: World::Classification, verdict }
}

fn archived(destination: Option<&str>) -> Given {
    let select = destination.map(|destination| Plan {
        destination: destination.into(),
        packaging: Packaging::Bagit,
        access: "open".into(),
        description: vec![Attribute { name: "title".into(), value: "register".into() }],
    });
    Given { world: World::Archival, verdict: Verdict::Archival(Archival { select, reasons: vec![] }) }
}

fn faulty(world: World, kind: FaultKind) -> Given {
    Given { world, verdict: Verdict::Fault(Fault { kind, detail: "why".into() }) }
}

fn combined(decisions: &[Given]) -> Effective {
    combine(decisions, &standing(&Levels::default()))
}

fn standing(levels: &Levels) -> Standing<'_> {
    Standing { as_of: date("2026-11-21"), levels, holds: &[], marks: &[], unruled: None, label: None, reviewed: None }
}

#[test]
fn the_latest_until_and_the_safest_action_win() {
    let effective = combined(&[until("2020-01-01", Action::Review), until("2024-05-01", Action::Destroy)]);
    assert_eq!(effective.due, Some(date("2024-05-01")));
    assert_eq!(effective.action, Some(Action::Review));
    assert!(effective.is_executable(date("2024-05-01")) && !effective.is_executable(date("2024-04-30")));
}

#[test]
fn forever_beats_waiting_and_waiting_beats_any_date() {
    let waiting = || retention(Term::Waiting(Awaited::Trigger(fonds_model::Trigger::Closed)), Action::Destroy, None);
    let effective = combined(&[until("2020-01-01", Action::Destroy), waiting()]);
    assert_eq!((effective.due, effective.blocked_by), (None, vec!["waiting:closed".to_owned()]));
    let effective = combined(&[waiting(), retention(Term::Forever, Action::Keep, None)]);
    assert_eq!((effective.due, effective.term), (None, Term::Forever));
}

#[test]
fn a_record_that_all_policies_abstain_from_is_retained() {
    let abstains = retention(Term::Abstain, Action::Destroy, None);
    let effective = combined(&[abstains.clone(), abstains.clone()]);
    assert_eq!((effective.due, effective.action), (None, None));
    assert_eq!(effective.blocked_by, ["no-decision"]);
    let decided = until("2020-01-01", Action::Review);
    assert_eq!(combined(&[abstains, decided.clone()]), combined(&[decided]));
}

#[test]
fn different_series_are_a_conflict_that_retains() {
    let due = until("2020-01-01", Action::Destroy);
    let one = classified(Some("tx/001/A"), None, Declassification::Never);
    let other = classified(Some("tx/001/B"), None, Declassification::Never);
    let effective = combined(&[due.clone(), one.clone(), other]);
    assert_eq!((effective.due, effective.series), (None, None));
    assert_eq!(effective.blocked_by, ["conflict:series"]);
    assert_eq!(combined(&[due, one.clone(), one]).series, Some(SeriesId::new("tx/001/A").unwrap()));
}

#[test]
fn the_highest_label_wins_with_all_categories_and_an_unknown_level_is_above_all() {
    let label = |level| {
        classified(
            None,
            Some((level, &["tax", "health"][..usize::from(level == "secret") + 1])),
            Declassification::Never,
        )
    };
    let effective = combined(&[label("internal"), label("secret")]);
    let want = Label { level: "secret".into(), categories: vec!["health".into(), "tax".into()] };
    assert_eq!(effective.label, Some(want));
    assert_eq!(combined(&[label("top-secret"), label("geheim")]).label.unwrap().level, "geheim");
}

#[test]
fn a_fault_of_classification_keeps_the_label_in_force() {
    let (levels, secret) = (Levels::default(), Label { level: "secret".into(), categories: vec!["tax".into()] });
    let in_force = Standing { label: Some(&secret), ..standing(&levels) };
    let public = classified(None, Some(("public", &[])), Declassification::Never);
    assert_eq!(combine(std::slice::from_ref(&public), &in_force).label.unwrap().level, "public");
    let effective = combine(&[public, faulty(World::Classification, FaultKind::AncestorsTruncated)], &in_force);
    assert_eq!(effective.label, Some(secret.clone()));
    assert!(effective.blocked_by.contains(&"fault:ancestors-truncated".to_owned()));
}

#[test]
fn the_strictest_declassification_wins_and_one_without_a_label_says_nothing() {
    let on = |day| Declassification::On(date(day));
    let labelled = |declassify| classified(None, Some(("secret", &[])), declassify);
    let joined = |all: &[Given]| combined(all).declassify;
    assert_eq!(joined(&[labelled(on("2030-01-01")), labelled(on("2031-01-01"))]), on("2031-01-01"));
    let review = Declassification::ReviewOn(date("2028-01-01"));
    assert_eq!(
        joined(&[labelled(on("2031-01-01")), labelled(review.clone())]),
        Declassification::ReviewOn(date("2031-01-01"))
    );
    let event = |name: &str| Declassification::OnEvent(name.into());
    assert_eq!(
        joined(&[labelled(review), labelled(event("published"))]),
        Declassification::Never,
        "it may come sooner"
    );
    assert_eq!(joined(&[labelled(event("published")), labelled(event("opened"))]), Declassification::Never);
    let only_series = classified(Some("tx/001/A"), None, Declassification::Never);
    assert_eq!(joined(&[only_series, labelled(on("2031-01-01"))]), on("2031-01-01"));
}

#[test]
fn the_laws_longest_period_combines_to_the_earliest_and_conflicts_with_a_longer_retention() {
    let with = |not_after| retention(Term::Until(date("2020-01-01")), Action::Destroy, Some(date(not_after)));
    let effective = combined(&[with("2040-01-01"), with("2030-01-01")]);
    assert_eq!((effective.not_after, effective.overdue), (Some(date("2030-01-01")), false));
    let effective = combined(&[with("2030-01-01"), until("2035-01-01", Action::Destroy)]);
    assert_eq!((effective.due, effective.blocked_by), (None, vec!["conflict:not-after".to_owned()]));
    let forever = combined(&[with("2030-01-01"), retention(Term::Forever, Action::Keep, None)]);
    assert_eq!(forever.blocked_by, ["conflict:not-after"]);
}

#[test]
fn past_the_laws_longest_period_a_record_is_overdue_and_still_only_people_may_destroy_it() {
    let law = |term| retention(term, Action::Destroy, Some(date("2025-01-01")));
    let due = combined(&[law(Term::Until(date("2020-01-01")))]);
    assert!(due.overdue && due.is_executable(date("2026-11-21")), "approval is asked for as always");
    let waiting = combined(&[law(Term::Waiting(Awaited::UnknownDate))]);
    assert_eq!(waiting.blocked_by, ["not-after:2025-01-01 overdue", "waiting:unknown-date"]);
}

#[test]
fn what_archival_selects_is_never_destroyed_and_two_plans_are_a_conflict() {
    let due = until("2020-01-01", Action::Destroy);
    let effective = combined(&[due.clone(), archived(Some("city-archive")), archived(None)]);
    assert_eq!(effective.action, Some(Action::Transfer));
    assert_eq!(effective.plan.unwrap().destination, "city-archive");
    let effective = combined(&[due, archived(Some("city-archive")), archived(Some("state-archive"))]);
    assert_eq!((effective.plan, effective.blocked_by), (None, vec!["conflict:plan".to_owned()]));
}

#[test]
fn a_record_without_a_rule_or_with_an_implausible_date_is_retained_for_that_reason() {
    let (levels, due) = (Levels::default(), until("2020-01-01", Action::Destroy));
    for (unruled, reason) in [
        (Unruled::Unscheduled, "unscheduled"),
        (Unruled::NoRule, "no-rule"),
        (Unruled::ConflictingRule, "conflicting-rule"),
        (Unruled::Withdrawn, "withdrawn"),
    ] {
        let effective = combine(std::slice::from_ref(&due), &Standing { unruled: Some(unruled), ..standing(&levels) });
        assert_eq!((effective.due, effective.blocked_by), (None, vec![reason.to_owned()]));
    }
    let marked = Standing { marks: &[Mark::Corrected, Mark::ImplausibleDate], ..standing(&levels) };
    assert_eq!(combine(&[due], &marked).blocked_by, ["implausible-date"]);
}

fn any_date() -> impl Strategy<Value = PartialDate> {
    prop_oneof![
        (2000..2060, 1..13, 1..29).prop_map(|(year, month, day)| date(&format!("{year}-{month:02}-{day:02}"))),
        (2000..2060, 1..13).prop_map(|(year, month)| date(&format!("{year}-{month:02}"))),
    ]
}

fn any_action() -> impl Strategy<Value = Action> {
    prop::sample::select(vec![Action::Destroy, Action::Review, Action::Transfer, Action::Keep])
}

fn any_term() -> impl Strategy<Value = Term> {
    prop_oneof![
        6 => any_date().prop_map(Term::Until),
        1 => Just(Term::Waiting(Awaited::UnknownDate)),
        1 => Just(Term::Waiting(Awaited::Trigger(fonds_model::Trigger::Closed))),
        1 => Just(Term::Forever),
        1 => Just(Term::Abstain),
    ]
}

fn any_declassification() -> impl Strategy<Value = Declassification> {
    prop_oneof![
        Just(Declassification::Never),
        any_date().prop_map(Declassification::On),
        any_date().prop_map(Declassification::ReviewOn),
        prop::sample::select(vec!["a", "b"]).prop_map(|name| Declassification::OnEvent(name.into())),
    ]
}

fn any_fault() -> impl Strategy<Value = Given> {
    let kinds =
        vec![FaultKind::Trap, FaultKind::Fuel, FaultKind::Memory, FaultKind::Suspended, FaultKind::AncestorsTruncated];
    (prop::sample::select(World::ALL.to_vec()), prop::sample::select(kinds))
        .prop_map(|(world, kind)| faulty(world, kind))
}

fn any_given() -> impl Strategy<Value = Given> {
    let series = prop::option::of(prop::sample::select(vec!["tx/001/A", "tx/001/B"]));
    let level = prop::option::of(prop::sample::select(vec!["public", "internal", "secret", "geheim"]));
    let categories = prop::sample::subsequence(vec!["health", "tax"], 0..=2);
    prop_oneof![
        6 => (any_term(), any_action(), prop::option::weighted(0.2, any_date()))
            .prop_map(|(term, action, not_after)| retention(term, action, not_after)),
        2 => (series, level, categories, any_declassification()).prop_map(|(series, level, categories, declassify)| {
            classified(series, level.map(|level| (level, categories.as_slice())), declassify)
        }),
        1 => prop::option::of(prop::sample::select(vec!["city", "state"])).prop_map(archived),
        1 => any_fault(),
    ]
}

fn any_decisions() -> impl Strategy<Value = Vec<Given>> {
    prop::collection::vec(any_given(), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn hold_wins(decisions in any_decisions(), on in any_date()) {
        let (levels, holds) = (Levels::default(), ["audit-2026".to_owned()]);
        let effective = combine(&decisions, &Standing { holds: &holds, ..standing(&levels) });
        prop_assert!(!effective.is_executable(on));
        prop_assert!(effective.blocked_by.contains(&"hold:audit-2026".to_owned()));
    }

    #[test]
    fn fail_closed(decisions in any_decisions(), fault in any_fault(), at in 0_usize..6, on in any_date()) {
        let before = combined(&decisions);
        let mut with = decisions.clone();
        with.insert(at.min(decisions.len()), fault.clone());
        let added = combined(&with);
        prop_assert!(!added.is_executable(on), "a fault made it executable");
        prop_assert!(added.due.is_none() || added.due >= before.due, "a fault brought the date forward");
        prop_assert!(added.action >= before.action, "a fault made the action less safe");
        // A policy that faults in place of its answer is no better.
        if let Some(place) = with.get_mut(at.min(decisions.len()) + 1) {
            *place = fault;
            prop_assert!(!combined(&with).is_executable(on));
        }
    }

    #[test]
    fn empty_selects_nothing(on in any_date(), others in any_decisions()) {
        prop_assert!(!combined(&[]).is_executable(on));
        let without_retention: Vec<Given> = others.into_iter().filter(|given| given.world != World::Retention).collect();
        prop_assert!(!combined(&without_retention).is_executable(on), "no retention policy has decided");
    }

    #[test]
    fn the_order_of_policies_changes_nothing(decisions in any_decisions(), seed in any::<prop::sample::Index>()) {
        let mut turned = decisions.clone();
        if !turned.is_empty() {
            let by = seed.index(turned.len());
            turned.rotate_left(by);
        }
        let reversed: Vec<Given> = decisions.iter().rev().cloned().collect();
        prop_assert_eq!(&combined(&decisions), &combined(&turned));
        prop_assert_eq!(&combined(&decisions), &combined(&reversed));
    }

    #[test]
    fn asking_a_policy_twice_changes_nothing(decisions in any_decisions()) {
        let twice: Vec<Given> = decisions.iter().flat_map(|given| [given.clone(), given.clone()]).collect();
        prop_assert_eq!(combined(&decisions), combined(&twice));
    }

    #[test]
    fn joining_is_associative(one in any_decisions(), two in any_decisions(), three in any_decisions()) {
        let joined = |all: &[Given]| all.iter().map(Joined::of).reduce(Joined::join).unwrap_or_default();
        let left = joined(&one).join(joined(&two)).join(joined(&three));
        let right = joined(&one).join(joined(&two).join(joined(&three)));
        let levels = Levels::default();
        prop_assert_eq!(left.effective(&standing(&levels)), right.effective(&standing(&levels)));
    }

    #[test]
    fn one_more_policy_never_brings_the_date_forward(decisions in any_decisions(), more in any_given()) {
        let before = combined(&decisions);
        let mut with = decisions;
        with.push(more);
        let after = combined(&with);
        if let (Some(before), Some(after)) = (before.due, after.due) {
            prop_assert!(after.last_day() >= before.last_day());
        }
        prop_assert!(after.action >= before.action);
    }
}
