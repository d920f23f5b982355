//! What sweeps decide as the years go by.

use crate::house::House;
use crate::store::cloud_event;
use serde_json::{Value, json};

fn created(id: &str, on: &str, data: &Value) -> String {
    cloud_event(&format!("{id}-created"), "record.created", id, on, data)
}

#[test]
fn what_is_dated_in_the_future_counts_in_the_sweep_of_its_day_and_not_before() {
    let house = House::on("2026-06-01");
    house.bind("classification", "");
    house.bind("retention", "3");
    house.send(&[
        created("case/1", "2020-01-01", &json!({ "agency": "a", "series": "xx/1/A" })),
        created("copy/1", "2020-02-01", &json!({ "agency": "a", "derived_from": ["case/1"] })),
        created("file/1", "2020-01-01", &json!({ "agency": "b", "series": "xx/1/F" })),
        cloud_event("f", "record.closed", "file/1", "2021-01-01", &json!({})),
        created("letter/1", "2020-02-01", &json!({})),
        cloud_event("1", "record.labelled", "case/1", "2030-01-01", &json!({ "level": "secret" })),
        cloud_event("2", "record.classified", "case/1", "2030-01-01", &json!({ "series": "xx/1/B" })),
        cloud_event("3", "record.moved", "case/1", "2030-01-01", &json!({ "agency": "b" })),
        cloud_event("4", "record.modified", "case/1", "2030-01-01", &json!({ "title": "Later" })),
        cloud_event("5", "record.filed", "letter/1", "2030-01-01", &json!({ "file": "file/1" })),
    ]);
    let shown = |id: &str| {
        let record = house.record(id);
        ["series", "agency", "title"].map(|field| record[field].as_str().unwrap_or("-").to_owned())
    };
    house.sweep("2026-06-01");
    assert_eq!(shown("case/1"), ["xx/1/A", "a", "-"]);
    assert_eq!((house.level("case/1"), house.level("copy/1")), ("public".into(), "public".into()));
    assert_eq!(
        (house.record("letter/1")["agency"].clone(), house.record("file/1")["filed"].clone()),
        (json!(null), json!(null))
    );
    house.comes("2029-12-31");
    house.sweep("2029-12-31");
    assert_eq!(house.level("copy/1"), "public");
    house.comes("2031-01-01");
    let waiting = house.record("case/1");
    assert!(waiting["effective"]["blocked_by"].to_string().contains("pending"), "it has yet to be decided: {waiting}");
    house.sweep("2031-01-01");
    assert_eq!(shown("case/1"), ["xx/1/B", "b", "Later"]);
    assert_eq!(
        (house.level("case/1"), house.level("copy/1")),
        ("secret".into(), "secret".into()),
        "and what was made of it"
    );
    let letter = house.record("letter/1");
    assert_eq!((&letter["agency"], &letter["decisions"]["retention"]["date"]), (&json!("b"), &json!("2024-01-01")));
    assert_eq!(house.record("file/1")["filed"], 1);
    assert!(!house.record("case/1")["effective"]["blocked_by"].to_string().contains("pending"));
}
