use super::*;
use fonds_model::{Cutoff, Trigger};
use serde_json::json;

fn nested(series: &str, code: &str, trigger: &str, years: serde_json::Value, comments: &str) -> serde_json::Value {
    json!({
        "schedule_metadata": {"schedule_id": "001"},
        "series_metadata": {"series_id": series, "series_title": "Title", "legal_citation": "Code 1.2"},
        "retention_rules": {"trigger_event": trigger, "duration_years": years, "duration_months": null, "disposition_method": ""},
        "tracking_data": {"comments": comments}, "retention_code": code, "retention_weeks": "", "retention_days": "",
    })
}

fn import(objects: &[serde_json::Value], action: Action) -> Schedule {
    let text: String = objects.iter().map(|object| format!("{object}\n")).collect();
    let options = Options { default_action: action, ..Options::new("tx", "2026") };
    let schedule = read(text.as_bytes(), &options, &mut io::sink()).unwrap();
    let counts = schedule.counts;
    assert_eq!(counts.objects, counts.series + counts.duplicate + counts.conflicting + counts.rejected);
    schedule
}

/// The one clause of an object, as `trigger cutoff years-months-days`, or what stands in its place.
fn clause(object: &serde_json::Value) -> String {
    let schedule = import(std::slice::from_ref(object), Action::Destroy);
    match &schedule.series[0].rule {
        Ok(rule) if rule.permanent => format!("permanent {}", rule.action),
        Ok(rule) => {
            let clause = &rule.clauses[0];
            let cutoff = match clause.cutoff {
                Cutoff::None => "none",
                Cutoff::CalendarYear => "calendar",
                Cutoff::FiscalYear => "fiscal",
            };
            format!("{} {cutoff} {}-{}-{}", clause.trigger, clause.years, clause.months, clause.days)
        }
        Err(unruled) => format!("{unruled:?} {}", schedule.listed.len()),
    }
}

#[test]
fn each_code_means_its_trigger() {
    for (code, years, expected) in [
        ("AC", json!(3), "closed none 3-0-0"),
        ("FE", json!(3), "creation fiscal 3-0-0"),
        ("CE", json!("2"), "creation calendar 2-0-0"),
        ("US", json!(null), "superseded none 0-0-0"),
        ("AV", json!(1), "event:value-ended none 1-0-0"),
        ("LA", json!(5), "event:asset-disposed none 5-0-0"),
        ("PM", json!(999), "permanent keep"),
        ("PM", json!(null), "permanent keep"),
        ("", json!(4), "creation none 4-0-0"),
        ("", json!(null), "NoRule 0"),
        ("SEE", json!(2), "NoRule 1"),
        ("AC", json!(1855), "NoRule 1"),
        ("AC", json!(2.5), "NoRule 1"),
        ("AC", json!(-1), "NoRule 1"),
        ("AC", json!(999), "NoRule 1"),
        ("PM", json!(3), "NoRule 1"),
    ] {
        assert_eq!(clause(&nested("A", code, "", years.clone(), "")), expected, "{code} {years}");
    }
}

#[test]
fn words_that_only_repeat_the_period_are_creation_and_others_are_not_guessed() {
    for (trigger, years, expected) in [
        ("2 years", json!(2), "creation none 2-0-0"),
        ("03 years", json!(3), "creation none 3-0-0"),
        ("and", json!(3), "creation none 3-0-0"),
        ("5", json!(2), "NoRule 1"),
        ("3 years", json!(2), "NoRule 1"),
        ("Complete", json!(3), "NoRule 1"),
        ("Superseded/Obsolete", json!(null), "NoRule 1"),
        ("Until  Superseded", json!(1), "superseded none 1-0-0"),
        ("Closed", json!(3), "closed none 3-0-0"),
        ("PERMANENT (archival) ∞", json!(999), "permanent keep"),
        ("Complete", json!(999), "NoRule 1"),
    ] {
        assert_eq!(clause(&nested("A", "", trigger, years.clone(), "")), expected, "{trigger} {years}");
    }
}

#[test]
fn months_weeks_and_days_count_too_and_the_flat_shape_says_the_same() {
    let flat = json!({"schedule_id": "232", "series_id": "CM-1", "series_title": "Docket", "retention_statement": "After Closed plus 1 year",
        "retention_years": 1, "retention_months": "6", "retention_weeks": "2", "retention_days": "3", "retention_code": "AC",
        "comments": "", "disposition": "", "legal_citation": ""});
    assert_eq!(clause(&flat), "closed none 1-6-17");
    let schedule = import(&[flat], Action::Destroy);
    let rule = schedule.series[0].rule.as_ref().unwrap();
    assert_eq!(schedule.series[0].id.as_str(), "tx/232/CM-1");
    assert_eq!(rule.authority, "schedule tx version 2026, item 232/CM-1");
    assert_eq!((rule.action, rule.citations.len()), (Action::Destroy, 0));
}

#[test]
fn the_same_rule_twice_is_folded_and_different_rules_are_never_decided_by_chance() {
    let schedule = import(
        &[
            nested("A", "AC", "", json!(3), ""),
            nested("A", "AC", "", json!(3), "a note"),
            nested("B", "AC", "", json!(3), ""),
            nested("B", "FE", "", json!(3), ""),
            nested("B", "AC", "", json!(3), ""),
            nested("C", "", "", json!(null), ""),
            json!({"series_metadata": 1}),
        ],
        Action::Destroy,
    );
    let counts = schedule.counts;
    assert_eq!((counts.series, counts.duplicate, counts.conflicting, counts.conflicting_series), (3, 1, 2, 1));
    assert_eq!((counts.without_rule, counts.rejected, counts.objects), (1, 1, 7));
    assert_eq!(schedule.series[0].notes, ["a note"]);
    assert_eq!(schedule.series[1].rule, Err(Unruled::ConflictingRule));
    assert_eq!(schedule.series[2].rule, Err(Unruled::NoRule));
}

#[test]
fn a_note_on_archives_or_on_combined_conditions_keeps_review() {
    let schedule = import(
        &[
            nested("A", "AC", "", json!(3), "Transfer to\nthe State ARCHIVES."),
            nested("B", "AC", "", json!(3), "3 years, or 1 year after leaving, whichever\nis later"),
            nested("C", "AC", "", json!(3), "nothing of note"),
        ],
        Action::Destroy,
    );
    let actions: Vec<_> = schedule.series.iter().map(|series| series.rule.as_ref().unwrap().action).collect();
    assert_eq!(actions, [Action::Review, Action::Review, Action::Destroy]);
    assert_eq!((schedule.counts.archives_review, schedule.counts.conditions_in_words), (1, 1));
    assert_eq!((schedule.listed.len(), schedule.listed[0].line), (1, 2));
}

#[test]
fn ids_stay_as_the_source_has_them_and_split_at_the_first_two_slashes() {
    let schedule = import(&[nested("a/b\n c", "AC", "", json!(1), "")], Action::Review);
    assert_eq!(schedule.series[0].id.as_str(), "tx/001/a/b\n c");
    assert_eq!(schedule.series[0].rule.as_ref().unwrap().clauses[0].trigger, Trigger::Closed);
}

#[test]
fn what_is_no_series_is_refused_byte_for_byte_and_the_digest_is_that_of_the_file() {
    let text = b"{\"schedule_id\":\"1\"}\nnot json\n{\"schedule_id\":\"1\",\"series_id\":\"\"}\n";
    let mut rejects = Vec::new();
    let schedule = read(&text[..], &Options::new("tx", "1"), &mut rejects).unwrap();
    assert_eq!(rejects, text);
    assert_eq!(schedule.rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(schedule.rejects[0].reason.contains("missing field `series_id`"));
    assert_eq!(schedule.source, Digest(Sha256::digest(text).into()));
    assert!(read(&text[..], &Options::new("t/x", "1"), &mut io::sink()).is_err());
}
