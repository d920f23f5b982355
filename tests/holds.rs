//! Holds: what they catch now and later, what they stand against, and how they end.

use crate::house::House;
use crate::register::scheduled;
use crate::store::{Store, cloud_event};
use fonds_model::EntityId;
use fonds_model::body::Who;
use fonds_runtime::holds::HoldTold;
use serde_json::{Value, json};

const AUTHORITY: [&str; 2] = ["--authority", "Council 12"];

fn send(store: &Store, events: &[String]) {
    store.ok(&["ingest", &store.write("events.ndjson", events.concat())]);
}

fn created(id: &str, data: &Value) -> String {
    cloud_event(&format!("created {id}"), "record.created", id, "2020-01-01", data)
}

fn place(store: &Store, name: &str, what: &[&str]) -> Value {
    store.json(&[&["hold", "place", name][..], &AUTHORITY, what].concat())
}

fn refused(store: &Store, code: i32, what: &[&str]) -> String {
    store.refused(code, &[&["hold", "place", "refused"][..], &AUTHORITY, what].concat())
}

fn release(store: &Store, name: &str) {
    store.ok(&["hold", "release", name, "--authority", "Council 19", "--by", "visser"]);
}

fn holds(store: &Store, id: &str) -> Value {
    store.json(&["record", "show", id])["holds"].clone()
}

fn held(store: &Store, name: &str) -> Vec<String> {
    let shown = store.json(&["hold", "show", name]);
    let held = shown["held"].as_array().expect("a list");
    assert_eq!(shown["holds"], json!(held.len()));
    assert!(shown["log_size"].as_u64().is_some());
    held.iter().map(|held| held["record"].as_str().unwrap().to_owned()).collect()
}

/// Permits of two agencies, a file with a letter, and an agency that succeeds another one.
fn filled() -> Store {
    let store = Store::new();
    store.ok(&["agency", "define", "nl/wabo"]);
    store.ok(&["agency", "define", "nl/wabo/zuid"]);
    store.ok(&["agency", "define", "nl/milieu"]);
    let permit = |agency: &str, cost: u32| json!({ "agency": agency, "series": "xx/1/A", "title": format!("Permit of {cost}"), "attributes": { "cost": cost } });
    send(
        &store,
        &[
            created("permit/1", &permit("nl/wabo/zuid", 10)),
            created("permit/2", &permit("nl/wabo", 200)),
            created("permit/3", &permit("nl/milieu", 3000)),
            created("file/1", &json!({ "agency": "nl/milieu" })),
            created("letter/1", &json!({ "file": "file/1", "title": "Complaint" })),
        ],
    );
    store
}

#[test]
fn a_hold_on_a_series_an_agency_or_a_query_also_holds_what_comes_later() {
    let store = filled();
    let placed = place(&store, "series", &["--series", "xx/1/A"]);
    assert_eq!((&placed["holds"], &placed["records"]), (&json!(3), &json!(5)), "{placed}");
    place(&store, "agency", &["--agency", "nl/wabo"]);
    place(&store, "query", &["--query", "attributes.cost > 1000 or title ~ complaint"]);
    assert_eq!(held(&store, "agency"), ["permit/1", "permit/2"]);
    assert_eq!(held(&store, "query"), ["letter/1", "permit/3"]);
    assert_eq!(holds(&store, "permit/1"), json!(["agency", "series"]));
    assert_eq!(holds(&store, "file/1"), json!(["query"]), "the letter in it is held");
    let data = json!({ "agency": "nl/wabo/noord", "series": "xx/1/A", "attributes": { "cost": 5000 } });
    send(&store, &[created("permit/4", &data)]);
    assert_eq!(holds(&store, "permit/4"), json!(["agency", "query", "series"]));
    // What an agency took over is held with it.
    store.ok(&[
        "agency",
        "succeed",
        "nl/milieu",
        "nl/wabo",
        "--effective",
        "2020-06-01",
        "--authority",
        "x",
        "--by",
        "y",
    ]);
    assert_eq!(held(&store, "agency"), ["file/1", "letter/1", "permit/1", "permit/2", "permit/3", "permit/4"]);
    let listed = store.json(&["hold", "list", "--record", "permit/3"]);
    let names: Vec<&str> = listed["holds"].as_array().unwrap().iter().map(|h| h["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["agency", "query", "series"]);
    assert!(listed["log_size"].as_u64().is_some());
}

#[test]
fn a_selection_that_is_empty_or_names_what_is_unknown_is_refused_and_a_count_of_0_is_said() {
    let store = filled();
    let size = store.json(&["hold", "list"])["log_size"].clone();
    assert!(refused(&store, 2, &[]).contains("--records, --series, --agency or --query"));
    for query in ["", "  ", "title ~ *", "id ~ ''"] {
        let said = refused(&store, 2, &["--query", query]);
        assert!(said.contains("empty") || said.contains("everything"), "{query}: {said}");
    }
    let empty = format!("@{}", store.write("empty.txt", "\n \n"));
    assert!(refused(&store, 2, &["--records", &empty]).contains("names no record"));
    assert!(refused(&store, 2, &["--query", &"(".repeat(10_000)]).contains("deeper"));
    assert!(refused(&store, 2, &["--query", "colour = red"]).contains("`colour`"));
    assert!(refused(&store, 3, &["--records", "permit/9"]).contains("no record `permit/9`"));
    assert!(refused(&store, 3, &["--series", "xx/1/Z"]).contains("xx/1/Z"));
    assert!(refused(&store, 3, &["--agency", "nl/wab"]).contains("nl/wab"));
    assert!(refused(&store, 3, &["--series", "xx/1/A", "xx/1/Z"]).contains("xx/1/Z"), "one of two is unknown");
    assert!(
        store.refused(2, &["hold", "place", "x", "--authority", " ", "--records", "permit/1"]).contains("authority")
    );
    assert_eq!(store.json(&["hold", "list"])["log_size"], size, "nothing was logged");
    let placed = place(&store, "later", &["--query", "attributes.cost > 1000000"]);
    assert_eq!(placed["holds"], 0);
    assert!(placed["note"].as_str().unwrap().contains("no record now"), "{placed}");
    assert_eq!(held(&store, "later"), Vec::<String>::new());
    let all = place(&store, "all", &["--query", "created > 1900"]);
    assert!(all["note"].as_str().unwrap().contains("all 5 records"), "{all}");
}

#[test]
fn a_list_of_records_in_a_file_is_held_and_each_is_free_when_its_last_hold_is_gone() {
    let store = filled();
    let list = format!("@{}", store.write("list.txt", "permit/1\r\n\npermit/2\npermit/1\n"));
    assert_eq!(place(&store, "one", &["--records", &list, "permit/3"])["holds"], 3);
    place(&store, "two", &["--records", "permit/2"]);
    assert!(refused(&store, 2, &["--records", "@/nowhere"]).contains("could not be read"));
    assert_eq!(holds(&store, "permit/2"), json!(["one", "two"]));
    release(&store, "one");
    assert_eq!((holds(&store, "permit/1"), holds(&store, "permit/2")), (json!([]), json!(["two"])));
    let shown = store.json(&["hold", "show", "one"]);
    assert_eq!(
        (&shown["state"], &shown["released_by"], &shown["holds"]),
        (&json!("released"), &json!("visser"), &json!(0))
    );
    release(&store, "two");
    assert_eq!(holds(&store, "permit/2"), json!([]));
    assert!(store.refused(3, &["hold", "release", "two", "--authority", "x"]).contains("no active hold"));
    // The name is free again, and the past is as it was known.
    let again = place(&store, "one", &["--records", "permit/3"]);
    let before = (again["seq"].as_u64().unwrap() - 1).to_string();
    assert_eq!(store.json(&["record", "show", "permit/3", "--as-of", &before])["holds"], json!([]));
    let first = store.json(&["hold", "list"])["holds"][0]["placed_at"].to_string();
    assert_eq!(store.json(&["record", "show", "permit/2", "--as-of", &first])["holds"], json!(["one"]));
    assert!(
        store
            .refused(2, &["hold", "place", "one", "--authority", "x", "--records", "permit/1"])
            .contains("active already")
    );
}

#[test]
fn what_is_derived_from_a_held_record_is_held_also_what_is_derived_later() {
    let store = filled();
    let derived = |id: &str, of: &str, from: &str, time: &str| {
        cloud_event(id, "record.modified", of, time, &json!({ "derived_from": [from] }))
    };
    place(&store, "inquiry", &["--records", "permit/1", "--with-derived"]);
    place(&store, "plain", &["--records", "permit/1"]);
    let run = |id: &str, from: &str, to: &str, time: &str| {
        let dataset = |name: &str| json!({ "namespace": "db", "name": name });
        json!({ "eventType": "COMPLETE", "eventTime": time, "producer": "https://test.example/p",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": { "runId": id }, "job": { "namespace": "test", "name": "job" },
            "inputs": [dataset(from)], "outputs": [dataset(to)] })
        .to_string()
            + "\n"
    };
    send(
        &store,
        &[
            created("db/table", &json!({ "agency": "nl/milieu" })),
            created("db/report", &json!({ "agency": "nl/milieu" })),
            created("db/before", &json!({ "agency": "nl/milieu" })),
            derived("d1", "db/table", "permit/1", "2021-01-01T00:00:00Z"),
        ],
    );
    let runs =
        [run("r1", "table", "before", "2020-12-01T00:00:00Z"), run("r2", "table", "report", "2021-02-01T00:00:00Z")];
    store.ok(&["ingest", &store.write("runs.ndjson", runs.concat()), "--agency", "nl/milieu"]);
    assert_eq!(holds(&store, "db/table"), json!(["inquiry"]));
    assert_eq!(holds(&store, "db/report"), json!(["inquiry"]), "two steps away");
    assert_eq!(holds(&store, "db/before"), json!([]), "it was made before the permit went into the table");
    assert_eq!(held(&store, "inquiry"), ["db/report", "db/table", "permit/1"]);
    assert_eq!(held(&store, "plain"), ["permit/1"]);
    let shown = store.json(&["record", "show", "db/report"]);
    assert_eq!(shown["held_through"], json!([{ "hold": "inquiry", "through": "derived" }]));
    let listed = store.json(&["record", "list"]);
    for record in listed["records"].as_array().unwrap() {
        let one = store.json(&["record", "show", record["id"].as_str().unwrap()]);
        assert_eq!(record["holds"], one["holds"], "asked about all, and about one: {}", record["id"]);
    }
    // Erasure asks the same question.
    store.lets_names_approve();
    let erase = ["--authority", "GDPR art. 17", "--by", "jansen"];
    let proposal =
        store.json(&[&["log", "erase", "--record", "db/report"][..], &erase].concat())["proposal"].to_string();
    let pending = store.answer(1, &["log", "erase", "--approve", &proposal, "--by", "visser"]);
    assert!(pending["pending"].to_string().contains("hold:inquiry on `db/report`"), "{pending}");
    let before = store.json(&["record", "list"]);
    store.ok(&["store", "rebuild"]);
    assert_eq!(store.json(&["record", "list"]), before, "the store made anew says the same");
}

#[test]
fn a_review_date_reminds_and_ends_nothing() {
    let store = filled();
    place(
        &store,
        "late",
        &["--records", "permit/1", "--review-by", "2021-05", "--matter", "Inquiry 7", "--issuer", "Court"],
    );
    place(&store, "early", &["--records", "permit/2", "--review-by", "2999-01-01"]);
    place(&store, "none", &["--records", "permit/2"]);
    let overdue = store.json(&["hold", "list", "--overdue"]);
    assert_eq!(overdue["holds"].as_array().unwrap().len(), 1, "{overdue}");
    let late = &overdue["holds"][0];
    assert_eq!((&late["name"], &late["overdue"], &late["matter"]), (&json!("late"), &json!(true), &json!("Inquiry 7")));
    assert_eq!(holds(&store, "permit/1"), json!(["late"]), "it holds all the same");
    let output = store.run(&["hold", "list"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds until it is released"));
    release(&store, "late");
    assert_eq!(store.json(&["hold", "list", "--overdue"])["holds"], json!([]));
}

#[test]
fn a_release_restores_exactly_the_disposition_that_would_have_been() {
    let store = scheduled();
    let closed = |id: &str, on: &str| cloud_event(&format!("closed {id}"), "record.closed", id, on, &json!({}));
    let series = json!({ "agency": "a", "series": "xx/1/A" });
    send(&store, &[created("case/1", &series), created("case/2", &series), closed("case/1", "2020-05-01")]);
    store.ok(&["evaluate"]);
    let effective = |id: &str| store.json(&["record", "show", id])["effective"].clone();
    let before = (effective("case/1"), effective("case/2"));
    assert_eq!((&before.0["due"], &before.0["blocked_by"]), (&json!("2023-05-02"), &json!([])));
    place(&store, "inquiry", &["--agency", "a"]);
    let blocked = effective("case/1");
    assert_eq!((&blocked["due"], &blocked["blocked_by"]), (&json!("2023-05-02"), &json!(["hold:inquiry"])));
    store.ok(&["evaluate", "--all"]);
    assert_eq!(effective("case/1"), blocked, "a sweep ends no hold");
    release(&store, "inquiry");
    assert_eq!((effective("case/1"), effective("case/2")), before);
}

#[test]
fn a_file_is_due_when_its_longest_part_is_and_blocked_while_a_part_is_held_or_has_no_date() {
    let store = scheduled();
    let closed = cloud_event("closed", "record.closed", "file/1", "2020-05-01", &json!({}));
    send(
        &store,
        &[
            created("file/1", &json!({ "agency": "a", "series": "xx/1/A" })),
            created("short/1", &json!({ "file": "file/1" })),
            closed,
        ],
    );
    store.ok(&["evaluate"]);
    let effective = |id: &str| store.json(&["record", "show", id])["effective"].clone();
    assert_eq!(
        (effective("file/1")["due"].clone(), effective("short/1")["due"].clone()),
        (json!("2023-05-02"), json!("2023-05-02"))
    );
    send(&store, &[created("long/1", &json!({ "file": "file/1", "series": "xx/1/F" }))]);
    store.ok(&["evaluate"]);
    assert_eq!(effective("long/1")["due"], "2023-09-01");
    assert_eq!((&effective("file/1")["due"], &effective("file/1")["blocked_by"]), (&json!("2023-09-01"), &json!([])));
    assert_eq!(effective("short/1")["due"], "2023-05-02", "what else is in the file has its own term");
    let is_due = |date: &str| {
        let due = store.json(&["record", "list", "--due-by", date]);
        due["records"].as_array().unwrap().iter().any(|record| record["id"] == "file/1")
    };
    assert_eq!((is_due("2023-08-31"), is_due("2023-09-01")), (false, true));
    place(&store, "inquiry", &["--records", "short/1"]);
    assert_eq!(effective("file/1")["blocked_by"], json!(["hold:inquiry", "part:short/1"]));
    assert_eq!(effective("long/1")["blocked_by"], json!([]), "only the part itself is held");
    release(&store, "inquiry");
    // A part in no series has no term, so that its file has none either.
    send(&store, &[created("none/1", &json!({ "file": "long/1", "series": "xx/1/Z" }))]);
    store.ok(&["evaluate"]);
    let file = effective("file/1");
    assert_eq!((&file["due"], &file["blocked_by"]), (&json!(null), &json!(["part:none/1"])), "{file}");
}

#[test]
fn what_is_kept_from_one_batch_to_the_next_is_what_is_so() {
    let house = House::on("2026-01-01");
    let ids: Vec<EntityId> = (0..60).map(|n| EntityId::new(format!("case/{n}")).unwrap()).collect();
    let data = |n: usize| json!({ "agency": "a", "attributes": { "size": n } });
    let events: Vec<String> = ids.iter().enumerate().map(|(n, id)| created(id.as_str(), &data(n))).collect();
    house.send(&events);
    let who = |authority: &str| Who { authority: Some(authority.to_owned()), ..Who::default() };
    let hold = |name: &str, query: &str| {
        let (name, query) = (name.to_owned(), Some(query.to_owned()));
        let told = HoldTold { name, query, with_derived: true, who: who("Council 12"), ..HoldTold::default() };
        house.runtime.place_hold(told).unwrap()
    };
    // Each way of asking gives the same: many at once, by what was kept, and one by one.
    let held = |want: &[usize]| {
        for _ in 0..2 {
            let all = house.runtime.holds_on_all(&ids).unwrap();
            let found: Vec<usize> = (0..ids.len()).filter(|n| !all[*n].is_empty()).collect();
            assert_eq!(found, want);
        }
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(!house.runtime.holds_on(id).unwrap().is_empty(), want.contains(&n), "{id}");
        }
    };
    held(&[]);
    assert_eq!(hold("small", "attributes.size < 2").holds, 2);
    held(&[0, 1]);
    let derive = |id: &str, of: usize, from: usize| {
        let data = json!({ "derived_from": [ids[from]] });
        cloud_event(id, "record.modified", ids[of].as_str(), "2021-01-01", &data)
    };
    house.send(&[derive("d1", 7, 1)]);
    held(&[0, 1, 7]);
    house.send(&[derive("d2", 9, 7)]);
    held(&[0, 1, 7, 9]);
    // Nothing that a sweep logs changes it.
    house.sweep("2026-01-01");
    held(&[0, 1, 7, 9]);
    assert_eq!(hold("large", "attributes.size >= 58").holds, 2);
    held(&[0, 1, 7, 9, 58, 59]);
    house.runtime.release_hold("small", who("Council 19")).unwrap();
    held(&[58, 59]);
    house.comes("2026-01-02");
    held(&[58, 59]);
}

#[test]
fn premis_events_come_in_as_a_repository_wrote_them() {
    let store = Store::new();
    let event = |id: &str, kind: &str, record: &str| {
        format!(
            "<event><eventIdentifier><eventIdentifierType>UUID</eventIdentifierType><eventIdentifierValue>{id}\
             </eventIdentifierValue></eventIdentifier><eventType>{kind}</eventType><eventDateTime>2020-01-02T10:00:00Z\
             </eventDateTime><linkingObjectIdentifier><linkingObjectIdentifierType>local</linkingObjectIdentifierType>\
             <linkingObjectIdentifierValue>{record}</linkingObjectIdentifierValue></linkingObjectIdentifier></event>"
        )
    };
    let events = event("1", "capture", "case/1") + &event("2", "deletion", "case/1") + &event("3", "capture", "");
    let text = format!("<premis xmlns=\"http://www.loc.gov/premis/v3\" version=\"3.0\">{events}</premis>");
    let file = store.write("events.xml", text);
    let taken = store.answer(1, &["ingest", &file, "--agency", "nl/archief"]);
    assert_eq!((&taken["appended"], &taken["rejected"]), (&json!(2), &json!(1)), "{taken}");
    let record = store.json(&["record", "show", "case/1"]);
    assert_eq!((&record["agency"], &record["created"]), (&json!("nl/archief"), &json!("2020-01-02")));
    assert_eq!(
        (&record["state"], &record["marks"]),
        (&json!("open"), &json!(["loss-reported"])),
        "a claim destroys nothing"
    );
    let again = store.answer(1, &["ingest", &file, "--agency", "nl/archief", "--format", "premis"]);
    assert_eq!((&again["appended"], &again["duplicate"]), (&json!(0), &json!(2)), "{again}");
}
