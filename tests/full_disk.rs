//! A full disk: nothing acknowledged is lost, reads go on, and writing resumes when there is space again.
//!
//! `bash tests/campaign.sh full-disk [TRIALS]` is the long form.

use crate::faults::runs;
use crate::shim::{Random, preload, rounds, shim};
use crate::store::Store;
use crate::trial::{acknowledged, base, finish};
use std::process::Command;

/// Trials of the short form.
const TRIALS: u32 = 4;
/// Events that are sent; more than fit.
const RUNS: u32 = 5_000;

/// The register as it stands, which can be read whatever the disk says.
fn size(store: &Store) -> u64 {
    let listed = store.must(&["record", "list"]);
    assert!(!listed["records"].as_array().expect("records").is_empty());
    listed["log_size"].as_u64().expect("a size")
}

#[test]
fn when_writes_find_no_space_nothing_acknowledged_is_lost_and_writing_resumes_with_space() {
    let Some(shim) = shim() else { return };
    let base = base();
    base.write("more", runs(50_000..50_000 + RUNS));
    let trials = rounds("FONDS_FULL_DISKS", TRIALS);
    let mut random = Random(u64::from(trials));
    let mut refused = 0;
    for trial in 0..trials {
        let store = base.copy();
        let before = size(&store);
        let budget = random.below(3_500_000);
        let more = store.file("more").display().to_string();
        // All that is below the root has so many bytes and no more, whoever asks how many are free.
        let short = |arguments: &[&str]| {
            let mut command = store.trial(arguments);
            preload(&mut command, &shim, &store.dir(), None);
            finish(command.env("SHIM_BUDGET", budget.to_string()))
        };
        let came = short(&["-vv", "ingest", &more]);
        let context = format!("trial {trial}, {budget} bytes: {:?} {}", came.status, came.said);
        assert!(!came.panicked() && matches!(came.code(), Some(0 | 5)), "{context}");
        refused += u32::from(came.code() == Some(5));
        let safe = before + acknowledged(&came.said);
        let kept = size(&store);
        assert!(kept >= safe, "{kept} entries are left of {safe}: {context}");
        assert_eq!(store.must(&["verify"])["verified"], true, "{context}");
        let resumed = store.must(&["ingest", &more]);
        assert_eq!(resumed["log_size"], before + u64::from(RUNS), "{context}");
        assert_eq!(store.must(&["verify"])["verified"], true, "{context}");
    }
    eprintln!("full disk: {trials} trials, {refused} refused, 0 lost");
    assert!(refused > 0, "no trial was short of space");
}

/// A small disk of its own, which goes when the test ends.
struct SmallDisk(Store);

impl SmallDisk {
    /// None where this process may not mount one.
    fn new(bytes: u64) -> Option<Self> {
        let store = Store::empty();
        std::fs::create_dir(store.dir()).expect("a folder");
        let size = format!("size={bytes}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(store.dir()).output();
        let mounted = mounted.expect("`mount` is there");
        if mounted.status.success() {
            return Some(Self(store));
        }
        // tests/run.sh tries it too: it says that this is skipped where the harness keeps it, or that it may not fail.
        let why = String::from_utf8_lossy(&mounted.stderr);
        assert!(std::env::var_os("FONDS_SMALL_DISK").is_none(), "a tmpfs could be mounted before: {why}");
        eprintln!("skipped: no tmpfs can be mounted: {why}");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.dir()).status();
    }
}

#[test]
fn a_small_disk_that_fills_up_refuses_before_it_is_full_and_takes_the_rest_when_there_is_room() {
    let Some(disk) = SmallDisk::new(24 << 20) else { return };
    let store = &disk.0;
    let limited = |arguments: &[&str]| {
        let mut command = store.trial(arguments);
        finish(command.env("FONDS_FREE_BYTES_MIN", (8 << 20).to_string()))
    };
    store.must(&["init", "--origin", "test.example/log"]);
    let ballast = store.dir().join("ballast");
    std::fs::write(&ballast, vec![0; 6 << 20]).expect("there is room for it");
    let events = store.write("runs", runs(0..40_000));
    let came = limited(&["-vv", "ingest", &events]);
    assert_eq!(came.code(), Some(5), "{}", came.said);
    assert!(came.said.contains("make room"), "{}", came.said);
    let safe = acknowledged(&came.said);
    let listed = limited(&["record", "list"]).json().expect("reads go on");
    let kept = listed["log_size"].as_u64().expect("a size");
    assert!(kept >= safe && kept > 0, "{kept} of {safe}");
    assert_eq!(limited(&["verify"]).code(), Some(0));
    // It is refused as long as there is no room, and nothing changes by asking.
    assert_eq!(limited(&["ingest", &events]).code(), Some(5));
    std::fs::remove_file(&ballast).expect("room is made");
    let came = limited(&["-vv", "ingest", &events]);
    let more = limited(&["record", "list"]).json().expect("reads go on")["log_size"].as_u64().expect("a size");
    assert!(more > kept, "writing resumes: {kept}, then {more}: {}", came.said);
    assert_eq!(limited(&["verify"]).code(), Some(0));
}
