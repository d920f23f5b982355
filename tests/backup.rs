//! Copies: made beside a writer, put back so that they cannot fork the log, and erased with it.

use crate::erase::{SECRET, approve, filled, propose, stands_in};
use crate::store::{Store, cloud_event, text};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

fn at(dir: &Path, arguments: &[&str]) -> (i32, Value, String) {
    let output = std::process::Command::new(crate::support::fonds())
        .args(["--output", "json", "--store"])
        .arg(dir)
        .args(arguments)
        .output()
        .unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), answer, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn ok(dir: &Path, arguments: &[&str]) -> Value {
    let (code, answer, said) = at(dir, arguments);
    assert_eq!(code, 0, "fonds {arguments:?}: {said}");
    answer
}

#[test]
fn a_backup_is_made_beside_a_writer_and_verifies_and_a_second_one_copies_only_what_is_new() {
    let (store, ..) = filled();
    let to = store.file("backup");
    let mut writer =
        store.command(&["--quiet", "ingest", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut pipe = writer.stdin.take().unwrap();
    for id in 0..500 {
        let event = cloud_event(&format!("w{id}"), "record.accessed", "case/1", "2021-01-01", &json!({}));
        pipe.write_all(event.as_bytes()).unwrap();
    }
    pipe.flush().unwrap();
    while !store.run(&["backup", text(&to)]).status.success() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    drop(pipe);
    assert!(writer.wait().unwrap().success());
    assert_eq!(ok(&to, &["verify"])["verified"], true, "a backup is read and verified like the log itself");
    assert!(!to.join("keys/signing.key").exists() && !to.join("keys/cache.key").exists(), "never the signing key");
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(to.join("keys/identity.secret")).unwrap().permissions()
        ) & 0o77,
        0
    );

    let first = store.json(&["backup", text(&to)]);
    let again = store.json(&["backup", text(&to)]);
    assert!(again["copied"].as_u64().unwrap() <= 3 && again["kept"].as_u64().unwrap() >= 3, "{first} {again}");
    let newest = again["size"].as_u64().unwrap();
    let said = store.json(&["log", "show", &newest.to_string()]);
    assert!(said["header"].as_str().unwrap().contains("backup.made"), "the log says where copies of it lie: {said}");
    for within in [store.dir(), store.dir().join("journal"), store.dir().join("new/backup")] {
        let refused = store.refused(5, &["backup", text(&within)]);
        assert!(refused.contains("within the log"), "{refused}");
    }
    std::fs::create_dir(store.file("other")).unwrap();
    std::fs::write(store.file("other").join("letter"), "mine").unwrap();
    let refused = store.refused(5, &["backup", text(&store.file("other"))]);
    assert!(refused.contains("no backup"), "{refused}");
}

#[test]
fn a_restored_copy_is_only_read_until_it_is_known_to_be_the_newest() {
    let (store, cases, _) = filled();
    let (to, new) = (store.file("backup"), store.file("new"));
    let early = store.write("early.txt", store.ok(&["log", "checkpoint"]));
    store.ok(&["backup", text(&to)]);
    let before = store.ok(&["--output", "json", "record", "list"]);
    assert_eq!(ok(&new, &["restore", text(&to)])["state"], "read-only");
    let list = ok(&new, &["record", "list"]);
    let want: Value = serde_json::from_str(&before).unwrap();
    assert_eq!(list["records"].as_array().unwrap().len(), want["records"].as_array().unwrap().len());
    let (code, _, said) = at(&new, &["ingest", &cases]);
    assert!(code == 4 && said.contains("only read"), "{code} {said}");
    ok(&new, &["verify"]);

    // Somebody else holds a newer checkpoint: written to, the copy would fork the log.
    store.ok(&["annul", "3", "--reason", "sent for the wrong case"]);
    let late = store.write("late.txt", store.ok(&["log", "checkpoint"]));
    let key = store.dir().join("keys/signing.key");
    let (code, _, said) = at(&new, &["restore", "--match", &late, "--signing-key", text(&key)]);
    assert!(code != 0 && said.contains("fork"), "{said}");
    let other = Store::new();
    let (code, _, said) =
        at(&new, &["restore", "--match", &early, "--signing-key", text(&other.dir().join("keys/signing.key"))]);
    assert!(code != 0 && said.contains("not the one that signs"), "{said}");
    assert_eq!(at(&new, &["ingest", &cases]).0, 4, "what was refused changed nothing");

    ok(&new, &["restore", "--match", &early, "--signing-key", text(&key)]);
    let again = ok(&new, &["ingest", &cases]);
    assert_eq!((&again["duplicate"], &again["appended"]), (&json!(80), &json!(0)), "it knows what it has: {again}");
    ok(&new, &["annul", "4", "--reason", "test"]);
    ok(&new, &["verify"]);
}

#[test]
fn an_old_copy_goes_on_under_a_new_origin_with_later_holds_and_erasures_done_again() {
    let (store, ..) = filled();
    let (to, new) = (store.file("backup"), store.file("new"));
    store.ok(&["backup", text(&to)]);
    assert!(!stands_in(&to, SECRET).is_empty());
    store.ok(&["hold", "place", "inquiry", "--authority", "Council 12", "--records", "case/9"]);
    let proposal = propose(&store, &["--item", "14", "--item", "15", "--item", "80"]);
    let erased = approve(&store, &proposal);
    assert_eq!(erased["backups"][0]["to"], json!(to.canonicalize().unwrap()), "{erased}");

    let newer = store.dir();
    let told = ["restore", text(&to), "--new-origin", "again.example/log", "--later", text(&newer)];
    let restored = ok(&new, &told);
    assert_eq!((&restored["holds"], &restored["erasures"]), (&json!(1), &json!(1)), "{restored}");
    assert_eq!(restored["origin"], "again.example/log");
    assert_eq!(ok(&new, &["record", "show", "case/9"])["holds"], json!(["inquiry"]));
    assert!(ok(&new, &["log", "show", "14"])["items"][0]["erased_by"].is_u64());
    assert_eq!(ok(&new, &["verify"])["verified"], true);
    ok(&new, &["store", "rebuild"]);
    assert_eq!(stands_in(&new, SECRET), Vec::<String>::new());

    // The next backup into the same folder no longer holds it either.
    store.ok(&["backup", text(&to)]);
    assert_eq!(stands_in(&to, SECRET), Vec::<String>::new());
    let list = store.json(&["log", "erase", "--list"]);
    assert_eq!(list["erasures"][0]["backups"], json!([]), "{list}");
}

#[test]
fn a_damaged_journal_is_named_by_entry_and_repaired_from_the_store() {
    let (store, ..) = filled();
    let whole = store.ok(&["--output", "json", "log", "show", "30"]);
    let journal = store.dir().join("journal");
    let segment = std::fs::read_dir(&journal).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&segment, bytes).unwrap();
    let report = store.answer(1, &["verify"]);
    assert!(report["damage"][0]["seq"].is_u64(), "{report}");
    let said = store.refused(5, &["ingest", &store.write("none.ndjson", "")]);
    assert!(said.contains("log repair"), "the error says what to do: {said}");
    let repaired = store.json(&["log", "repair"]);
    assert_eq!((&repaired["lost"], repaired["entries"].as_array().unwrap().len()), (&json!([]), 1), "{repaired}");
    store.ok(&["verify"]);
    assert_eq!(store.ok(&["--output", "json", "log", "show", "30"]), whole);
}

#[test]
fn what_another_log_erased_or_released_means_nothing_here() {
    let (store, ..) = filled();
    let (to, new) = (store.file("backup"), store.file("new"));
    store.ok(&["backup", text(&to)]);
    let (other, ..) = filled();
    let proposal = propose(&other, &["--item", "14"]);
    approve(&other, &proposal);
    let refused = at(&store.dir(), &["restore", "--later", text(&other.dir())]);
    assert!(refused.0 == 4 && refused.2.contains("no restored copy"), "{refused:?}");
    let told =
        ["restore", text(&to), "--new-origin", "again.example/log", "--later", &other.dir().display().to_string()];
    assert_ne!(at(&new, &told).0, 0, "it is signed by nobody whom this log knows");
    assert!(ok(&new, &["log", "show", "14"])["items"][0]["payload"].as_str().unwrap().contains(SECRET));
    ok(&new, &["verify"]);
}

#[test]
fn a_backup_is_not_written_to_and_never_loses_what_it_has_to_a_damaged_log() {
    let (store, cases, _) = filled();
    let to = store.file("backup");
    store.ok(&["backup", text(&to)]);
    let (code, _, said) = at(&to, &["ingest", &cases]);
    assert!(code == 5 && said.contains("restore"), "{code} {said}");
    assert!(!to.join("store").exists(), "asking leaves nothing there");
    store.ok(&["annul", "3", "--reason", "test"]);
    let segment = std::fs::read_dir(store.dir().join("journal")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[500] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    store.refused(5, &["backup", text(&to)]);
    assert_eq!(ok(&to, &["verify"])["verified"], true, "the older copy is still whole");
}

#[test]
fn half_a_restored_copy_is_read_by_nobody_as_the_log_and_goes_on_under_no_name() {
    let (store, cases, _) = filled();
    let (to, new) = (store.file("backup"), store.file("new"));
    let note = store.write("note.txt", store.ok(&["log", "checkpoint"]));
    store.ok(&["backup", text(&to)]);
    ok(&new, &["restore", text(&to)]);
    // What a crash leaves before the copy was compared with what was signed: the mark of a backup is still there.
    std::fs::copy(to.join("backup"), new.join("backup")).unwrap();
    let key = store.dir().join("keys/signing.key");
    let told: [&[&str]; 2] = [
        &["restore", "--new-origin", "again.example/log"],
        &["restore", "--match", &note, "--signing-key", text(&key)],
    ];
    for told in told {
        let (code, _, said) = at(&new, told);
        assert!(code == 5 && said.contains("not restored to the end"), "{code} {said}");
    }
    assert_ne!(at(&new, &["ingest", &cases]).0, 0, "and nothing is written to it");
    assert_eq!(at(&new, &["restore", text(&to)]).0, 2, "it is not restored over what lies there");
    std::fs::remove_dir_all(&new).unwrap();
    ok(&new, &["restore", text(&to), "--new-origin", "again.example/log"]);
    ok(&new, &["ingest", &cases]);
}

#[test]
fn a_new_origin_that_was_cut_off_is_gone_on_with_under_the_same_name_and_key() {
    let (store, cases, _) = filled();
    let (to, whole, mark) = (store.file("backup"), store.file("whole"), store.file("mark"));
    store.ok(&["backup", text(&to)]);
    ok(&whole, &["restore", text(&to)]);
    std::fs::copy(whole.join("restored"), &mark).unwrap();
    let told = ["restore", "--new-origin", "again.example/log"];
    let (early, late) = (store.file("early"), store.file("late"));
    crate::trial::copy_folder(&whole, &early);
    ok(&whole, &told);
    // Cut off after the key was made, and before the mark was taken away.
    crate::trial::copy_folder(&whole.join("keys"), &early.join("keys"));
    std::fs::copy(whole.join("checkpoint.restored"), early.join("checkpoint.restored")).unwrap();
    crate::trial::copy_folder(&whole, &late);
    std::fs::copy(&mark, late.join("restored")).unwrap();
    for dir in [early, late] {
        let (code, _, said) = at(&dir, &["restore", "--new-origin", "third.example/log"]);
        assert!(code == 5 && said.contains("cut off"), "{code} {said}");
        ok(&dir, &told);
        ok(&dir, &["ingest", &cases]);
        assert_eq!(ok(&dir, &["verify"])["verified"], true, "every key that checks is named by an entry");
    }
}

#[test]
fn a_backup_that_was_cut_off_at_its_beginning_is_made_again_into_the_same_folder() {
    let (store, ..) = filled();
    let to = store.file("backup");
    std::fs::create_dir(&to).unwrap();
    // What a crash leaves of its very first file.
    std::fs::write(to.join("backup.part"), "test.ex").unwrap();
    store.ok(&["backup", text(&to)]);
    assert_eq!(ok(&to, &["verify"])["verified"], true);
    assert_eq!(ok(&store.file("new"), &["restore", text(&to)])["state"], "read-only");
}
