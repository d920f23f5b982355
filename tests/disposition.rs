//! Disposition as an archivist does it all year: proposed, approved, carried out, certified; and what must never happen.

use crate::main_job::{independent, permits_by};
use crate::store::{Store, cloud_event, component, text};
use crate::support;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const SCHEDULE: &str = r#"{"schedule_metadata":{"state":"xx","schedule_id":"1"},"series_metadata":{"series_id":"A","series_title":"Cases","legal_citation":"Archives Act 5"},"retention_rules":{"trigger_event":"Closed","duration_years":3,"duration_months":null,"disposition_method":""},"tracking_data":{"comments":""},"state_specific_attributes":{},"retention_code":"AC","retention_days":""}
"#;

/// Closed cases of a series that is kept three years, and one that still runs; what is then done is as said.
fn cases(count: u32, action: &str) -> Store {
    let store = Store::new();
    let schedule = store.write("schedule.ndjson", SCHEDULE);
    store.ok(&["schedule", "import", &schedule, "--schedule", "xx", "--version", "1", "--default-action", action]);
    store.ok(&["agency", "define", "a"]);
    store.ok(&["plugin", "install", text(&component("plugins/retention"))]);
    store.ok(&["policy", "bind", "keep", "--plugin", "retention"]);
    let mut events = String::new();
    for number in 0..count {
        let id = format!("case/{number}");
        let data = json!({ "agency": "a", "series": "xx/1/A", "title": format!("title {number}") });
        events += &cloud_event(&format!("c{number}"), "record.created", &id, "2010-01-02", &data);
        events += &cloud_event(&format!("d{number}"), "record.closed", &id, "2011-02-03", &json!({}));
    }
    let open = json!({ "agency": "a", "series": "xx/1/A" });
    events += &cloud_event("open", "record.created", "case/open", "2010-01-02", &open);
    store.ok(&["ingest", &store.write("events.ndjson", events)]);
    store.ok(&["evaluate"]);
    store
}

/// A person whose signatures count; the file of their key.
fn person(store: &Store, name: &str) -> String {
    let file = store.file(&format!("{name}.key")).display().to_string();
    let key = store.json(&["access", "key", "new", name, "--to", &file])["key"].as_str().unwrap().to_owned();
    store.ok(&["access", "key", "add", name, "--key", &key, "--by", "admin"]);
    file
}

/// The open dispositions, by record.
fn open(store: &Store) -> BTreeMap<String, Value> {
    let listed = store.json(&["disposition", "list"]);
    let of = |found: &Value| (found["record"].as_str().unwrap().to_owned(), found.clone());
    listed["dispositions"].as_array().unwrap().iter().map(of).collect()
}

fn id(found: &Value) -> &str {
    found["id"].as_str().unwrap()
}

#[test]
fn what_is_due_is_proposed_approved_by_another_signed_carried_out_and_certified() {
    let store = cases(3, "destroy");
    let proposed = open(&store);
    assert_eq!(proposed.keys().collect::<Vec<_>>(), ["case/0", "case/1", "case/2"], "the open case is not due");
    let one = id(&proposed["case/0"]).to_owned();
    assert_eq!(proposed["case/0"]["due"], "2014-02-04");
    assert!(!proposed["case/0"]["rests_on"].as_array().unwrap().is_empty(), "it names the decision that it rests on");

    let said = store.refused(4, &["disposition", "approve", &one, "--by", "anna"]);
    assert!(said.contains("signed"), "{said}");
    let anna = person(&store, "anna");
    let stranger = store.file("stranger.key").display().to_string();
    store.ok(&["access", "key", "new", "anna", "--to", &stranger]);
    let said = store.refused(4, &["disposition", "approve", &one, "--by", "anna", "--key", &stranger]);
    assert!(said.contains("is not one of `anna`'s"), "another key of the same name: {said}");
    let said = store.refused(4, &["disposition", "approve", &one, "--by", "bert", "--key", &anna]);
    assert!(said.contains("is not one of `bert`'s"), "somebody else's key: {said}");
    let preview = store.json(&["disposition", "approve", &one, "--key", &anna, "--preview"]);
    assert_eq!((&preview["preview"]["by_action"]["destroy"], &preview["logged"]), (&json!(1), &json!(false)));
    let said = store.answer(1, &["disposition", "execute", &one]);
    assert_eq!(said["left"][0]["why"], "0 of 1 approvals", "nothing is carried out unapproved: {said}");
    assert_eq!(store.json(&["disposition", "approve", &one, "--key", &anna])["approved"], 1);
    assert_eq!(store.json(&["disposition", "execute", "--approved", "--scrub"])["done"], 1);

    assert_eq!(store.json(&["record", "show", "case/0"])["state"], "destroyed");
    assert!(crate::erase::stands_in(&store.dir(), "title 0").is_empty(), "its content is in no file");
    assert!(!crate::erase::stands_in(&store.dir(), "title 1").is_empty(), "another record's still is");
    let acts: Vec<Value> = store.json(&["disposition", "show", &one])["acts"].as_array().unwrap().clone();
    let steps: Vec<&str> = acts.iter().map(|act| act["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["approved", "executing", "executed", "destroyed"], "in this order in the log");
    assert_eq!(acts[0]["by_assurance"], "signed");

    let key = store.json(&["log", "key", "show"])["key"].as_str().unwrap().to_owned();
    for name in ["certificate.html", "certificate.json"] {
        let file = store.file(name).display().to_string();
        store.ok(&["disposition", "certificate", &one, "--to", &file]);
        let proved = store.json(&["verify-evidence", &file, "--key", &key]);
        assert_eq!((&proved["verified"], &proved["signed_approvals"]), (&json!(true), &json!(1)), "{proved}");
        assert_eq!(proved["record"], "case/0");
        let certificate = std::fs::read_to_string(store.file(name)).unwrap();
        assert!(!certificate.contains("case/1") && !certificate.contains("title 0"));
    }
    if let Some(python) = support::python() {
        let script = support::workspace().join("examples/verify-evidence/verify_evidence.py");
        let file = store.file("certificate.html");
        let checked = Command::new(python).arg(script).arg(file).args(["--key", &key]).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
    let two = id(&proposed["case/1"]);
    let said = store.refused(4, &["disposition", "certificate", two, "--to", "/dev/null"]);
    assert!(said.contains("has not been carried out"), "{said}");
    assert_eq!(store.json(&["verify", "--replay"])["verified"], true);
}

#[test]
fn an_empty_selection_selects_nothing() {
    let store = cases(1, "destroy");
    let anna = person(&store, "anna");
    let empty = store.write("empty", "# none\n\n");
    for verb in ["approve", "reject"] {
        store.refused(2, &["disposition", verb, "--key", &anna, "--reason", "r"]);
        store.refused(2, &["disposition", verb, "--list", &empty, "--key", &anna, "--reason", "r"]);
    }
    store.refused(2, &["disposition", "execute"]);
    store.refused(2, &["disposition", "execute", "--list", &empty]);
    assert_eq!(store.json(&["disposition", "execute", "--approved"])["done"], 0, "nothing is approved");
    assert_eq!(open(&store)["case/0"]["state"], "proposed");
}

#[test]
fn a_hold_lapses_what_was_approved_and_its_release_gives_eligibility_back_but_no_approval() {
    let store = cases(2, "destroy");
    let anna = person(&store, "anna");
    let before = store.json(&["record", "show", "case/0"])["effective"].clone();
    let both: Vec<String> = open(&store).values().map(|found| id(found).to_owned()).collect();
    store.ok(&["disposition", "approve", &both[0], &both[1], "--key", &anna]);
    let placed = store.json(&["hold", "place", "h", "--authority", "court 7", "--records", "case/0"]);
    assert_eq!(placed["lapsed"], 1, "{placed}");
    let executed = store.answer(1, &["disposition", "execute", &both[0], &both[1]]);
    assert_eq!((&executed["done"], &executed["lapsed"]), (&json!(1), &json!(1)), "{executed}");
    assert_eq!(executed["left"][0]["why"], "hold:h");
    assert_eq!(store.json(&["record", "show", "case/0"])["state"], "closed");
    assert_eq!(store.json(&["record", "show", "case/1"])["state"], "destroyed");
    store.ok(&["evaluate"]);
    assert!(open(&store).is_empty(), "what is held is not proposed");

    store.ok(&["hold", "release", "h", "--authority", "court 8"]);
    assert_eq!(store.json(&["evaluate"])["proposed"], 1);
    assert_eq!(store.json(&["record", "show", "case/0"])["effective"], before, "what would have been is again");
    let again = open(&store)["case/0"].clone();
    assert_eq!((&again["state"], &again["approved_by"]), (&json!("proposed"), &json!([])), "{again}");
    let executed = store.answer(1, &["disposition", "execute", id(&again)]);
    assert_eq!(executed["done"], 0, "the lapsed approval is worth nothing: {executed}");
}

#[test]
fn what_is_rejected_is_not_proposed_again_until_its_decision_changes() {
    let store = cases(1, "destroy");
    let one = id(&open(&store)["case/0"]).to_owned();
    store.refused(2, &["disposition", "reject", &one, "--by", "bert"]);
    store.ok(&["disposition", "reject", &one, "--by", "bert", "--reason", "the mayor asked"]);
    assert_eq!(store.json(&["evaluate", "--all"])["proposed"], 0);
    let anna = person(&store, "anna");
    let said = store.refused(4, &["disposition", "approve", &one, "--key", &anna]);
    assert!(said.contains("rejected already"), "{said}");
    // It was closed a year earlier than was said: another decision, and so another proposal.
    let closed = store.json(&["explain", "case/0"])["history"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["kind"] == "record.closed")
        .map(|event| event["seq"].to_string())
        .unwrap();
    store.ok(&["correct", &closed, "--field", "on", "--to", "2010-02-03", "--reason", "typing error"]);
    assert_eq!(store.json(&["evaluate"])["proposed"], 1);
    let again = open(&store)["case/0"].clone();
    assert_eq!(again["due"], "2013-02-04");
    let shortened = again["shortened_by"].as_array().unwrap();
    assert!(!shortened.is_empty(), "whoever approves sees what made it sooner: {again}");
}

#[test]
fn a_changed_rule_lapses_an_approval_before_anything_is_carried_out() {
    let store = cases(1, "destroy");
    let anna = person(&store, "anna");
    let one = id(&open(&store)["case/0"]).to_owned();
    store.ok(&["disposition", "approve", &one, "--key", &anna]);
    let longer = SCHEDULE.replace("\"duration_years\":3", "\"duration_years\":90");
    let longer = store.write("longer.ndjson", longer);
    store.ok(&["schedule", "import", &longer, "--schedule", "xx", "--version", "2", "--default-action", "destroy"]);
    let executed = store.answer(1, &["disposition", "execute", &one]);
    assert_eq!((&executed["done"], &executed["lapsed"]), (&json!(0), &json!(1)), "{executed}");
    assert_eq!(store.json(&["record", "show", "case/0"])["state"], "closed");
}

#[test]
fn three_approvals_are_three_people_and_one_person_cannot_make_it_fewer() {
    let store = cases(1, "destroy");
    let one = id(&open(&store)["case/0"]).to_owned();
    let keys: Vec<String> = ["anna", "bert", "carla"].iter().map(|name| person(&store, name)).collect();
    store.ok(&["setting", "set", "approvals", "3", "--by", "anna"]);
    let setting = |name: &str| {
        let shown = store.json(&["setting", "list"]);
        shown["settings"].as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap().clone()
    };
    store.ok(&["setting", "set", "approvals", "1", "--by", "anna"]);
    store.ok(&["setting", "set", "approvals", "1", "--by", "anna"]);
    assert_eq!((&setting("approvals")["value"], &setting("approvals")["waiting"]), (&json!("3"), &json!("1")));
    for (key, wanted) in keys.iter().zip([0, 0, 1]) {
        assert_eq!(store.json(&["disposition", "approve", &one, "--key", key])["approved"], wanted);
        store.refused(4, &["disposition", "approve", &one, "--key", key]);
    }
    store.ok(&["setting", "set", "approvals", "1", "--by", "bert"]);
    assert_eq!(setting("approvals")["value"], "1");
    store.refused(2, &["setting", "set", "approvals", "0", "--by", "bert"]);
}

#[test]
fn a_review_keeps_longer_or_lets_destruction_be_proposed_which_wants_its_own_approval() {
    let store = cases(2, "review");
    let proposed = open(&store);
    let (one, two) = (id(&proposed["case/0"]).to_owned(), id(&proposed["case/1"]).to_owned());
    assert_eq!(proposed["case/0"]["action"], "review");
    let said = store.refused(4, &["disposition", "approve", &one, "--by", "anna"]);
    assert!(said.contains("disposition review"), "{said}");
    let review = |id: &str, rest: &[&str]| {
        let who = ["--authority", "board 7", "--by", "anna"];
        [&["disposition", "review", id][..], rest, &who].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = |told: Vec<String>| store.json(&told.iter().map(String::as_str).collect::<Vec<_>>());
    let past = review(&one, &["--outcome", "extend", "--until", "2015-01-01"]);
    store.refused(2, &past.iter().map(String::as_str).collect::<Vec<_>>());
    run(review(&one, &["--outcome", "extend", "--until", "2090-01-01"]));
    run(review(&two, &["--outcome", "destroy"]));
    assert_eq!(store.json(&["evaluate"])["proposed"], 1);
    let due = store.json(&["record", "show", "case/0"])["effective"]["due"].clone();
    assert_eq!(due, "2090-01-01", "it is kept longer, and reviewed again then");
    let again = open(&store);
    assert_eq!(again.keys().collect::<Vec<_>>(), ["case/1"]);
    assert_eq!((&again["case/1"]["action"], &again["case/1"]["state"]), (&json!("destroy"), &json!("proposed")));
    let anna = person(&store, "anna");
    store.ok(&["disposition", "approve", id(&again["case/1"]), "--key", &anna]);
    assert_eq!(store.json(&["disposition", "execute", "--approved"])["done"], 1);
    assert_eq!(store.json(&["record", "show", "case/1"])["state"], "destroyed");
}

/// A store whose only case has a file in a folder, and one in a system that only its agency reaches.
fn with_content() -> (Store, std::path::PathBuf) {
    let store = cases(2, "destroy");
    let folder = store.file("papers");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["plan.pdf", "shared.pdf"] {
        std::fs::write(folder.join(name), name).unwrap();
    }
    let toml = format!("[stores.papers]\nfolder = {:?}\n", folder.display().to_string());
    std::fs::write(store.dir().join("content.toml"), toml).unwrap();
    let files = |locations: &[&str]| json!({ "content": locations.iter().map(|at| json!({ "location": at })).collect::<Vec<_>>() });
    let events = [
        cloud_event("m0", "record.modified", "case/0", "2010-06-01", &files(&["papers:plan.pdf", "papers:shared.pdf"])),
        cloud_event("m1", "record.modified", "case/1", "2010-06-01", &files(&["dms://7/42", "papers:shared.pdf"])),
    ];
    store.ok(&["ingest", &store.write("files.ndjson", events.concat())]);
    store.ok(&["evaluate"]);
    (store, folder)
}

#[test]
fn content_is_deleted_where_it_lies_and_an_agencys_own_system_is_waited_for() {
    let (store, folder) = with_content();
    let anna = person(&store, "anna");
    let proposed = open(&store);
    let (one, two) = (id(&proposed["case/0"]).to_owned(), id(&proposed["case/1"]).to_owned());
    store.ok(&["disposition", "approve", &one, "--key", &anna]);
    let executed = store.answer(1, &["disposition", "execute", &one]);
    assert!(executed["left"][0]["why"].as_str().unwrap().contains("content of `case/1` too"), "{executed}");
    assert!(folder.join("shared.pdf").exists(), "what another record has too stays");
    assert_eq!(store.json(&["record", "show", "case/0"])["state"], "closed", "not destroyed before all of it is gone");

    store.ok(&["disposition", "approve", &two, "--key", &anna]);
    let (url, asked) = crate::webhook::serve(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()]);
    let secret = store.write("secret", "0123456789abcdef0123456789abcdef");
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let hook = ["--webhook", &url, "--webhook-secret", &secret];
    let executed = store.answer(0, &[&["disposition", "execute", &two][..], &hook].concat());
    assert_eq!((&executed["waiting"], &executed["done"]), (&json!(1), &json!(0)), "{executed}");
    let asked = asked.recv().unwrap();
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!((&body["disposition"], &body["contents"][0]), (&json!(two), &json!("dms://7/42")), "{body}");
    assert!(asked.header("fonds-signature").contains("v1="));
    let waiting = store.json(&["disposition", "show", &two]);
    assert_eq!(waiting["contents"], json!(["dms://7/42", "papers:shared.pdf"]), "this is what the agency is asked");
    let placed = store.json(&["hold", "place", "late", "--authority", "court", "--records", "case/1"]);
    assert_eq!(placed["too_late"], json!([two]), "{placed}");
    store.ok(&["hold", "release", "late", "--authority", "court"]);
    assert_eq!(
        store.json(&["disposition", "acknowledge", &two, "--reference", "ticket 8", "--by", "owner"])["done"],
        1
    );
    assert_eq!(store.json(&["record", "show", "case/1"])["state"], "destroyed");

    assert_eq!(store.json(&["disposition", "execute", "--approved"])["done"], 1, "what was cut off goes on");
    assert!(!folder.join("plan.pdf").exists() && !folder.join("shared.pdf").exists());
    assert_eq!(store.json(&["record", "show", "case/0"])["state"], "destroyed");
    let key = store.json(&["log", "key", "show"])["key"].as_str().unwrap().to_owned();
    let file = store.file("certificate.html").display().to_string();
    store.ok(&["disposition", "certificate", &one, "--to", &file]);
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.contains("papers:plan.pdf") && page.contains("absent_at"), "it says what was deleted, and the proof");
    store.ok(&["verify-evidence", &file, "--key", &key]);
}

#[test]
fn a_transfer_is_packed_handed_over_and_only_the_receipt_ends_it_then_the_senders_copy_wants_its_own_approval() {
    let store = cases(1, "transfer");
    let one = id(&open(&store)["case/0"]).to_owned();
    let anna = person(&store, "anna");
    store.ok(&["disposition", "approve", &one, "--by", "anna"]);
    let executed = store.answer(1, &["disposition", "execute", &one]);
    assert!(executed["left"][0]["why"].as_str().unwrap().contains("--packages"), "{executed}");
    let packages = store.file("out");
    let to = packages.display().to_string();
    assert_eq!(store.json(&["disposition", "execute", &one, "--packages", &to])["handed_over"], 1);
    let package = std::fs::read_dir(&packages).unwrap().next().unwrap().unwrap().path();
    assert_eq!(store.json(&["archive", "validate", text(&package)])["valid"], true);
    assert_eq!(store.json(&["record", "show", "case/0"])["state"], "closed", "nobody has said that they took it");
    let receive =
        ["disposition", "receive", &one, "--from", "National Archives", "--receipt", "accession 7", "--by", "depot"];
    let other = "0".repeat(64);
    store.refused(4, &[&receive[..], &["--seal", &other]].concat());
    store.ok(&receive);
    assert_eq!(store.json(&["record", "show", "case/0"])["state"], "transferred");
    store.ok(&["evaluate"]);
    let copy = open(&store)["case/0"].clone();
    assert_eq!((&copy["action"], &copy["state"]), (&json!("destroy"), &json!("proposed")), "the sender's copy");
    store.ok(&["disposition", "approve", id(&copy), "--key", &anna]);
    assert_eq!(store.json(&["disposition", "execute", "--approved"])["done"], 1);
    assert_eq!(store.json(&["record", "show", "case/0"])["state"], "destroyed");
}

#[test]
fn where_a_second_person_is_wanted_one_alone_changes_no_policy() {
    let store = cases(1, "destroy");
    store.ok(&["setting", "set", "second-person", "on", "--by", "anna"]);
    let bind = ["policy", "bind", "other", "--plugin", "retention", "--by", "anna"];
    store.refused(4, &bind);
    store.refused(4, &[&bind[..], &["--approved-by", "anna"]].concat());
    store.ok(&[&bind[..], &["--approved-by", "bert"]].concat());
    store.refused(4, &["policy", "unbind", "other", "--by", "anna"]);
    let schedule = store.write("again.ndjson", SCHEDULE);
    let import = ["schedule", "import", &schedule, "--schedule", "xx", "--version", "2", "--by", "anna"];
    store.refused(4, &import);
    store.ok(&[&import[..], &["--approved-by", "bert"]].concat());
}

#[test]
fn the_permits_due_by_a_day_are_destroyed_but_for_the_held_case_and_the_counts_are_those_of_an_independent_calculation()
{
    let (Some(shared), Some(python)) = (support::shared(), support::python()) else { return };
    const BY: &str = "2021-12-31";
    let store = permits_by(&shared, "destroy");
    let independent = independent(&shared, &python);
    let is_due = |want: &Value| {
        // What happened before its creation makes a date that nobody can rely on: it is retained.
        want["until"].as_str().is_some_and(|until| until <= BY) && want["implausible"] == false
    };
    let due: BTreeSet<&String> = independent.iter().filter(|(_, want)| is_due(want)).map(|(id, _)| id).collect();
    assert!(due.len() > 500, "{} are due", due.len());
    let held = due.iter().next().expect("a case").as_str();
    let dataset = |namespace: &str, name: &str| json!({ "namespace": namespace, "name": name });
    let (namespace, name) = held.split_once('/').expect("permit/ID");
    let run = json!({ "eventType": "COMPLETE", "eventTime": "2024-05-01T10:00:00Z", "producer": "https://test.example/p",
        "run": { "runId": "r" }, "job": { "namespace": "n", "name": "j" },
        "inputs": [dataset(namespace, name)], "outputs": [dataset("db", "statistics")] });
    store.ok(&["ingest", &store.write("run.ndjson", run.to_string() + "\n"), "--agency", "nl/wabo"]);
    store.ok(&["hold", "place", "court", "--authority", "court 7", "--records", held, "--with-derived"]);
    store.ok(&["evaluate"]);
    assert_eq!(store.json(&["record", "show", "db/statistics"])["holds"], json!(["court"]));

    let listed = store.json(&["disposition", "list", "--due-by", BY]);
    let listed = listed["dispositions"].as_array().unwrap();
    let found: BTreeSet<&str> = listed.iter().map(|found| found["record"].as_str().unwrap()).collect();
    let want: BTreeSet<&str> = due.iter().map(|id| id.as_str()).filter(|id| *id != held).collect();
    assert_eq!(found.symmetric_difference(&want).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(listed.iter().all(|found| found["action"] == "destroy" || found["action"] == "review"));
    let destroy: Vec<&Value> = listed.iter().filter(|found| found["action"] == "destroy").collect();
    let list = store.write("due", destroy.iter().map(|found| format!("{}\n", id(found))).collect::<String>());
    let anna = person(&store, "anna");
    assert_eq!(store.json(&["disposition", "approve", "--list", &list, "--key", &anna])["approved"], destroy.len());
    let executed = store.json(&["disposition", "execute", "--approved", "--scrub"]);
    assert_eq!((&executed["done"], &executed["left_count"]), (&json!(destroy.len()), &json!(0)), "{executed}");
    let gone = store.json(&["record", "list", "--state", "destroyed"]);
    let gone: BTreeSet<&str> =
        gone["records"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(gone, destroy.iter().map(|found| found["record"].as_str().unwrap()).collect());
    assert!(!gone.contains(held));

    let some = store.write("some", destroy.iter().take(20).map(|found| format!("{}\n", id(found))).collect::<String>());
    let file = store.file("certificate.html").display().to_string();
    store.ok(&["disposition", "certificate", "--list", &some, "--to", &file]);
    let key = store.json(&["log", "key", "show"])["key"].as_str().unwrap().to_owned();
    let proved = store.json(&["verify-evidence", &file, "--key", &key]);
    assert_eq!(proved["records"].as_array().map(Vec::len), Some(20));
    let verified = store.json(&["verify", "--replay"]);
    assert_eq!(verified["verified"], true, "{verified}");
}
