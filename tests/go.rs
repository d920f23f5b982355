//! Go's transparency log library, `golang.org/x/mod/sumdb`, checks an exported log of 100,000 entries.

use crate::store::{Store, text};
use crate::support;
use serde_json::{Value, json};
use std::process::Command;

const ENTRIES: u64 = 100_000;
/// The log is grown in these steps, so that there are older checkpoints to be consistent with.
const STEPS: [u64; 4] = [1, 4_097, 65_536, ENTRIES];

/// Debian's place of Go libraries; none when Go or the library is not installed.
fn go() -> Option<Command> {
    let library = std::path::Path::new("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog");
    let found = library.is_dir() && Command::new("go").arg("version").output().is_ok_and(|said| said.status.success());
    if !found {
        eprintln!(
            "skipped: no Go with golang.org/x/mod (Debian: golang-go golang-golang-x-mod-dev); tests/run.sh installs them"
        );
        return None;
    }
    let mut go = Command::new("go");
    go.env("GO111MODULE", "off").env("GOPATH", "/usr/share/gocode").env("GOFLAGS", "");
    Some(go)
}

fn events(from: u64, to: u64) -> String {
    let event = |number: u64| {
        crate::store::cloud_event(
            &number.to_string(),
            "record.accessed",
            &format!("case/{number}"),
            "2020-01-01",
            &json!({}),
        )
    };
    (from..to).map(event).collect()
}

/// A log of 100,000 entries, exported, with older checkpoints and proofs a line each.
fn exported(store: &Store) -> (String, String, String) {
    let mut proofs = String::new();
    let mut line = |proof: &str| proofs += &(proof.trim_end().to_owned() + "\n");
    let mut size = 0;
    for step in STEPS {
        store.ok(&["ingest", &store.write("events.ndjson", events(size, step))]);
        size = step;
        line(&json!({ "checkpoint": store.ok(&["log", "checkpoint"]) }).to_string());
    }
    for pair in STEPS.windows(2) {
        line(&store.ok(&["log", "consistency", &pair[0].to_string(), &pair[1].to_string()]));
        line(&store.ok(&["log", "consistency", &pair[0].to_string(), &ENTRIES.to_string()]));
    }
    for size in STEPS {
        for index in [0, 1, 255, 256, 4_096, 65_535, size / 2, size - 1].into_iter().filter(|index| *index < size) {
            line(&store.ok(&["log", "prove", &index.to_string(), "--size", &size.to_string()]));
        }
    }
    let exported = store.file("exported");
    store.ok(&["log", "export", text(&exported)]);
    let key = store.ok(&["log", "key", "show"]).trim().to_owned();
    (exported.display().to_string(), key, store.write("proofs.ndjson", proofs))
}

#[test]
fn go_accepts_checkpoint_tiles_inclusion_and_consistency_of_100_000_entries_and_no_tile_that_was_changed() {
    let Some(mut build) = go() else { return };
    let store = Store::new();
    let program = store.file("check");
    let cache = store.file("go-cache");
    let source = support::workspace().join("tests/go/main.go");
    let built = build.env("GOCACHE", &cache).args(["build", "-o", text(&program), text(&source)]).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let (exported, key, proofs) = exported(&store);
    let check = |key: &str| Command::new(&program).args([&exported, key, &proofs]).output().unwrap();
    let said = check(&key);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let counts: Value = serde_json::from_slice(&said.stdout).unwrap();
    eprintln!("Go checked {counts}");
    assert_eq!((counts["size"].as_u64(), counts["older"].as_u64()), (Some(ENTRIES), Some(4)));
    assert!(counts["inclusion"].as_u64().unwrap() >= 20 && counts["consistency"] == 6, "{counts}");
    assert!(counts["tiles"].as_u64().unwrap() >= ENTRIES / 256, "every tile of leaves was read: {counts}");
    // Another key, a changed tile and a changed leaf are refused.
    let other = Store::new().ok(&["log", "key", "show"]);
    assert!(!check(other.trim()).status.success(), "another key of the same name");
    for file in ["tile/0/123", "tile/entries/200", "tile/1/000"] {
        let path = std::path::Path::new(&exported).join(file);
        let good = std::fs::read(&path).unwrap();
        let mut changed = good.clone();
        changed[100] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert!(!check(&key).status.success(), "{file} was changed");
        std::fs::write(&path, good).unwrap();
    }
    assert!(check(&key).status.success());
}
