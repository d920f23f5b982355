//! The log as a whole, on a temporary folder with a store in memory.

use crate::testing::{MemoryStore, fill, named, new_log, open, open_with, payload, prepared};
use crate::tree::{self, leaf_hash};
use crate::{Checkpoint, LogError, LogStore, Options, Outcome, Reader, segment};
use fonds_model::{Kind, Timestamp};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Options with which no checkpoint is stored but at close.
fn slow_checkpoints() -> Options {
    Options { checkpoint_every: Duration::from_secs(3_600), ..Options::default() }
}

fn small_segments() -> Options {
    Options { segment_bytes: 20_000, ..slow_checkpoints() }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &target)
        } else {
            assert!(fs::copy(file.path(), target).is_ok())
        }
    }
}

fn last_segment(dir: &Path) -> PathBuf {
    segment::list(&dir.join("journal")).unwrap().pop().unwrap().path
}

#[test]
fn what_was_appended_is_there_after_close_and_open() {
    let (dir, log) = new_log();
    fill(&log, 0, 300, 7);
    log.catch_up(&mut |_, _| {}).unwrap();
    assert_eq!((log.size(), log.applied()), (300, 300));
    log.close().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.checkpoint().unwrap().0.size, 300);
    assert_eq!(reader.size().unwrap(), 300);
    for (number, framed) in reader.entries(0).unwrap().enumerate() {
        let entry = framed.unwrap().entry;
        assert_eq!((entry.seq, entry.kind), (number as u64, Kind::RecordCreated));
        assert_eq!(entry.items[0].content.as_ref().unwrap().payload, payload(number as u64));
    }
    assert_eq!(reader.entry(299).unwrap().entry.seq, 299);
    assert!(matches!(reader.entry(300), Err(LogError::NoEntry { seq: 300, size: 300 })));
    let log = open(dir.path()).unwrap();
    fill(&log, 300, 310, 10);
    log.close().unwrap();
    assert!(reader.verify(&mut |_, _| {}).unwrap().is_good());
    assert_eq!(reader.size().unwrap(), 310);
}

#[test]
fn sent_again_it_is_a_duplicate_and_with_other_content_a_conflict() {
    let (dir, log) = new_log();
    let other = || log.prepare(Kind::RecordCreated, vec![payload(1)], Some(&named(1, b"other"))).unwrap();
    let group = vec![prepared(&log, 1), prepared(&log, 1), other(), prepared(&log, 2)];
    let outcomes = log.stage(group).commit().unwrap();
    use Outcome::{Appended, Conflict, Duplicate};
    assert_eq!(outcomes, [Appended(0), Duplicate(0), Conflict(0), Appended(1)], "also within one group");
    log.catch_up(&mut |_, _| {}).unwrap();
    assert_eq!(
        log.stage(vec![prepared(&log, 2), other()]).commit().unwrap(),
        [Duplicate(1), Conflict(0)],
        "once applied"
    );
    log.close().unwrap();
    let log = open(dir.path()).unwrap();
    let again = log.stage(vec![prepared(&log, 1), prepared(&log, 2)]).commit().unwrap();
    assert_eq!(again, [Duplicate(0), Duplicate(1)], "after a new store was opened that has applied nothing yet");
    assert_eq!(log.size(), 2);
}

#[test]
fn the_hosts_own_entries_have_no_identity_and_are_never_duplicates() {
    let (_dir, log) = new_log();
    let own = || log.prepare(Kind::PolicyDecided, vec![b"{}\n{}".to_vec(); 3], None).unwrap();
    assert_eq!(log.stage(vec![own(), own()]).commit().unwrap(), [Outcome::Appended(0), Outcome::Appended(1)]);
    assert_eq!(log.reader().unwrap().entry(1).unwrap().entry.items.len(), 3);
}

#[test]
fn a_closed_log_gives_its_lock_back_and_has_let_go_of_the_store() {
    let dir = tempfile::tempdir().unwrap();
    crate::Log::create(dir.path(), "log.example").unwrap();
    let store = Arc::new(MemoryStore::default());
    let log = open_with(dir.path(), Arc::clone(&store) as Arc<dyn LogStore>, Options::default()).unwrap();
    fill(&log, 0, 5, 5);
    let lock = log.close().unwrap();
    assert_eq!(Arc::strong_count(&store), 1);
    assert!(matches!(open(dir.path()), Err(LogError::Locked { .. })), "nobody comes in between");
    drop(lock);
    assert_eq!(open(dir.path()).unwrap().size(), 5);
}

#[test]
fn limits_are_checked_before_anything_is_written() {
    let (_dir, log) = new_log();
    let prepare = |payloads| log.prepare(Kind::RecordEvent, payloads, None);
    assert!(matches!(prepare(vec![vec![0; crate::PAYLOAD_BYTES_MAX + 1]]), Err(LogError::TooLarge { .. })));
    assert!(matches!(prepare(vec![vec![0]; 257]), Err(LogError::TooLarge { .. })));
    assert!(prepare(Vec::new()).unwrap_err().is_rejected());
    let full = open_with(_dir.path(), Arc::new(MemoryStore::default()), Options::default());
    assert!(matches!(full, Err(LogError::Locked { .. })), "one process at a time");
}

#[test]
fn a_full_disk_refuses_appends_and_reads_go_on() {
    let (dir, log) = new_log();
    fill(&log, 0, 3, 3);
    log.close().unwrap();
    let options = Options { free_bytes_min: u64::MAX, ..Options::default() };
    let log = open_with(dir.path(), Arc::new(MemoryStore::default()), options).unwrap();
    let error = log.stage(vec![prepared(&log, 9)]).commit().unwrap_err();
    assert!(matches!(error, LogError::Full { .. }) && error.is_rejected() && !error.is_fatal());
    assert_eq!(log.reader().unwrap().entry(2).unwrap().entry.seq, 2);
    assert!(log.catch_up(&mut |_, _| {}).is_ok());
}

#[test]
fn behind_a_store_that_failed_the_log_grows_to_the_backlogs_bound_and_no_further() {
    let dir = tempfile::tempdir().unwrap();
    crate::Log::create(dir.path(), "log.example").unwrap();
    let store = Arc::new(MemoryStore::default());
    store.fail();
    let options = Options { backlog_bytes_max: 5_000, ..Options::default() };
    let log = open_with(dir.path(), store, options.clone()).unwrap();
    let refused = (0..100).find_map(|number| log.stage(vec![prepared(&log, number)]).commit().err());
    assert!(matches!(refused, Some(LogError::Store(_))), "{refused:?}");
    let size = log.size();
    assert!((5..20).contains(&size), "{size}");
    assert!(log.close().is_err());
    let log = open_with(dir.path(), Arc::new(MemoryStore::default()), options).unwrap();
    assert_eq!((log.size(), log.stage(vec![prepared(&log, 0)]).commit().unwrap()), (size, vec![Outcome::Duplicate(0)]));
    fill(&log, size, size + 50, 1);
}

#[test]
fn identities_are_kept_in_memory_for_no_more_than_the_backlogs_bound_and_duplicates_are_found_all_the_same() {
    let (dir, log) = new_log();
    fill(&log, 0, 300, 10);
    log.close().unwrap();
    let layout = crate::layout::Layout::of(dir.path());
    let (signed, _) = log_reader(dir.path()).checkpoint().unwrap();
    let nothing = MemoryStore::default().applied().unwrap();
    let recovered = |bytes| crate::recover::recover(&layout, &signed, &nothing, bytes).unwrap();
    assert!(recovered(10_000).unapplied.is_none() && recovered(1 << 20).unapplied.is_some());
    let options = Options { backlog_bytes_max: 10_000, ..Options::default() };
    let log = open_with(dir.path(), Arc::new(MemoryStore::default()), options.clone()).unwrap();
    let group = vec![prepared(&log, 0), prepared(&log, 299), prepared(&log, 300), prepared(&log, 300)];
    use Outcome::{Appended, Duplicate};
    let want = [Duplicate(0), Duplicate(299), Appended(300), Duplicate(300)];
    assert_eq!(log.stage(group).commit().unwrap(), want);
    log.close().unwrap();
    let failing = Arc::new(MemoryStore::default());
    failing.fail();
    let log = open_with(dir.path(), failing, options).unwrap();
    let refused = log.stage(vec![prepared(&log, 0)]).commit();
    assert!(matches!(refused, Err(LogError::Store(_))), "rather than append what may be there: {refused:?}");
}

fn log_reader(dir: &Path) -> Reader {
    Reader::open(dir).unwrap()
}

#[test]
fn sealed_segments_read_the_same_and_take_less_room() {
    let dir = tempfile::tempdir().unwrap();
    crate::Log::create(dir.path(), "log.example").unwrap();
    let log = open_with(dir.path(), Arc::new(MemoryStore::default()), small_segments()).unwrap();
    fill(&log, 0, 1_000, 50);
    let reader = log.reader().unwrap();
    let before: Vec<_> = reader.entries(0).unwrap().map(Result::unwrap).collect();
    log.close().unwrap();
    let segments = segment::list(&dir.path().join("journal")).unwrap();
    let sealed = segments.iter().filter(|segment| segment.sealed).count();
    assert!(sealed > 5 && sealed + 1 == segments.len(), "all but the active one: {sealed} of {}", segments.len());
    let after: Vec<_> = reader.entries(0).unwrap().map(Result::unwrap).collect();
    assert_eq!(before, after);
    for seq in [0, 1, 499, 998, 999] {
        assert_eq!(reader.entry(seq).unwrap(), before[seq as usize]);
    }
    let at = before[500].entry.at;
    let want = before.iter().rfind(|framed| framed.entry.at <= at).unwrap().entry.seq;
    assert_eq!(reader.seq_at(at).unwrap(), Some(want));
    assert_eq!(reader.seq_at(Timestamp(0)).unwrap(), None);
    assert_eq!(reader.seq_at(Timestamp(i64::MAX)).unwrap(), Some(999));
    let report = reader.verify(&mut |_, _| {}).unwrap();
    assert_eq!((report.is_good(), report.entries, report.items), (true, 1_000, 1_000));
    let log = open_with(dir.path(), Arc::new(MemoryStore::default()), small_segments()).unwrap();
    fill(&log, 1_000, 1_100, 50);
    log.close().unwrap();
    assert!(reader.verify(&mut |_, _| {}).unwrap().is_good());
}

#[test]
fn proofs_hold_against_the_signed_root_also_when_the_hash_files_are_lost_or_wrong() {
    let (dir, log) = new_log();
    fill(&log, 0, 600, 100);
    log.close().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let (signed, _) = reader.checkpoint().unwrap();
    let check = || {
        for index in [0, 1, 255, 256, 511, 599] {
            let proof = reader.prove(index, None).unwrap();
            let leaf = leaf_hash(&reader.header(index).unwrap());
            assert!(tree::verify_inclusion(leaf, index, 600, &proof.hashes, &signed.root), "{index}");
        }
        assert_eq!(reader.prove(3, Some(257)).unwrap().size, 257);
        assert!(!reader.consistency(257, 600).unwrap().hashes.is_empty());
        assert!(reader.consistency(0, 600).unwrap().hashes.is_empty());
    };
    check();
    assert!(matches!(reader.prove(600, None), Err(LogError::NoProof { .. })));
    assert!(matches!(reader.prove(0, Some(601)), Err(LogError::NoProof { .. })));
    assert!(matches!(reader.consistency(5, 4), Err(LogError::NoProof { .. })));
    let file = OpenOptions::new().write(true).open(dir.path().join("hashes/0")).unwrap();
    file.write_all_at(&[0; 32 * 600], 0).unwrap();
    check();
    fs::remove_dir_all(dir.path().join("hashes")).unwrap();
    fs::create_dir(dir.path().join("hashes")).unwrap();
    check();
    open(dir.path()).unwrap().close().unwrap();
    assert_eq!(fs::metadata(dir.path().join("hashes/0")).unwrap().len(), 32 * 600, "made anew on open");
}

/// A log whose first group is signed and whose last two are not, as a crash leaves it.
fn crashed() -> (tempfile::TempDir, PathBuf, u64, u64) {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("live");
    crate::Log::create(&live, "log.example").unwrap();
    let log = open_with(&live, Arc::new(MemoryStore::default()), slow_checkpoints()).unwrap();
    fill(&log, 0, 3, 3);
    log.checkpoint().unwrap();
    fill(&log, 3, 5, 2);
    let before = fs::metadata(last_segment(&live)).unwrap().len();
    fill(&log, 5, 7, 2);
    let after = fs::metadata(last_segment(&live)).unwrap().len();
    let crashed = dir.path().join("crashed");
    copy(&live, &crashed);
    drop(log);
    (dir, crashed, before, after)
}

#[test]
fn a_tail_torn_at_any_byte_is_dropped_and_the_rest_kept() {
    let (dir, crashed, before, after) = crashed();
    for length in before..=after {
        let torn = dir.path().join(format!("torn-{length}"));
        copy(&crashed, &torn);
        let file = OpenOptions::new().write(true).open(last_segment(&torn)).unwrap();
        file.set_len(length).unwrap();
        let log = open_with(&torn, Arc::new(MemoryStore::default()), slow_checkpoints()).unwrap();
        let kept = if length == after { 7 } else { 5 };
        assert_eq!(log.size(), kept, "cut to {length}");
        if length % 64 > 0 && length < after {
            fs::remove_dir_all(&torn).unwrap();
            continue;
        }
        fill(&log, kept, 9, 4);
        log.close().unwrap();
        let report = Reader::open(&torn).unwrap().verify(&mut |_, _| {}).unwrap();
        assert_eq!((report.is_good(), report.entries), (true, 9), "cut to {length}");
        fs::remove_dir_all(&torn).unwrap();
    }
}

#[test]
fn a_flipped_byte_in_an_acknowledged_group_is_damage_and_in_the_torn_one_is_not() {
    let (dir, crashed, before, after) = crashed();
    for at in (0..after).step_by(13) {
        let flipped = dir.path().join(format!("flipped-{at}"));
        copy(&crashed, &flipped);
        let file = OpenOptions::new().read(true).write(true).open(last_segment(&flipped)).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
        let opened = open_with(&flipped, Arc::new(MemoryStore::default()), slow_checkpoints());
        match opened {
            Ok(log) => assert!(at >= before && log.size() == 5, "byte {at} was passed over"),
            Err(error) => assert!(at < before && matches!(error, LogError::Damaged { .. }), "byte {at}: {error}"),
        }
        fs::remove_dir_all(&flipped).unwrap();
    }
}

#[test]
fn a_group_that_the_store_has_applied_or_that_is_signed_is_never_dropped() {
    let (dir, crashed, before, after) = crashed();
    let file = OpenOptions::new().write(true).open(last_segment(&crashed)).unwrap();
    let store = Arc::new(MemoryStore::default());
    let whole = open_with(&crashed, Arc::clone(&store) as Arc<dyn LogStore>, slow_checkpoints()).unwrap();
    whole.catch_up(&mut |_, _| {}).unwrap();
    drop(whole);
    file.set_len(after - 1).unwrap();
    let error = open_with(&crashed, store, slow_checkpoints()).err().unwrap();
    assert!(matches!(error, LogError::Damaged { seq: 5, .. }), "{error}");
    file.set_len(before).unwrap();
    let error = open(&crashed).err().unwrap();
    assert!(matches!(error, LogError::Damaged { .. }), "signed at close: {error}");
    drop(dir);
}

#[test]
fn a_store_of_another_log_is_refused() {
    let (_other, log) = new_log();
    fill(&log, 0, 5, 5);
    let store = Arc::new(MemoryStore::default());
    let (dir, ours) = new_log();
    fill(&ours, 0, 5, 5);
    let entries: Vec<_> = log.reader().unwrap().entries(0).unwrap().map(Result::unwrap).collect();
    let signed = Checkpoint::open(&log.checkpoint().unwrap(), log.reader().unwrap().keys()).unwrap();
    store.apply(&entries, signed.root).unwrap();
    ours.close().unwrap();
    let refused = open_with(dir.path(), store, Options::default()).err().unwrap();
    assert!(matches!(refused, LogError::StoreMismatch(_)), "{refused}");
}

#[test]
fn a_store_is_not_refused_because_the_hash_files_are_wrong() {
    let dir = tempfile::tempdir().unwrap();
    crate::Log::create(dir.path(), "log.example").unwrap();
    let log = open_with(dir.path(), Arc::new(MemoryStore::default()), small_segments()).unwrap();
    fill(&log, 0, 600, 20);
    let entries: Vec<_> = log.reader().unwrap().entries(0).unwrap().take(200).map(Result::unwrap).collect();
    let reader = log.reader().unwrap();
    log.close().unwrap();
    let mut tree = tree::CompactRange::default();
    (0..200).for_each(|seq| tree.push(leaf_hash(&reader.header(seq).unwrap()), |_, _| {}));
    let store = Arc::new(MemoryStore::default());
    store.apply(&entries, tree.root()).unwrap();
    // In the roots of 600 entries this hash is covered by one of a higher level; in that of 200 it is not.
    let file = OpenOptions::new().write(true).open(dir.path().join("hashes/0")).unwrap();
    file.write_all_at(&[7; 32], 100 * 32).unwrap();
    let log = open_with(dir.path(), store, small_segments()).unwrap();
    log.catch_up(&mut |_, _| {}).unwrap();
    assert_eq!(log.applied(), 600);
    let made = fs::read(dir.path().join("hashes/0")).unwrap();
    assert_ne!(made[100 * 32..101 * 32], [7; 32], "made anew");
}

#[test]
fn what_cannot_be_undone_is_checked_at_the_end_of_the_log() {
    let (_dir, log) = new_log();
    fill(&log, 0, 20, 20);
    let mut seen = None;
    let outcome = log.append_checked(prepared(&log, 99), |size| {
        seen = Some((size, log.applied()));
        Ok(())
    });
    assert_eq!((outcome.unwrap(), seen), (Outcome::Appended(20), Some((20, 20))));
    let refused = log.append_checked(prepared(&log, 100), |_| Err("a hold is active".to_owned())).unwrap_err();
    assert!(matches!(&refused, LogError::Refused(why) if why == "a hold is active") && refused.is_rejected());
    assert_eq!(log.size(), 21);
    fill(&log, 21, 23, 1);
}

#[test]
fn many_threads_append_and_each_entry_is_there_once() {
    let (dir, log) = new_log();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let log = &log;
            scope.spawn(move || {
                let tickets: Vec<_> = (0..50)
                    .map(|group| {
                        let numbers = (0..10).map(|n| prepared(log, thread * 250 + group * 10 + n)).collect();
                        log.stage(numbers).submit().unwrap()
                    })
                    .collect();
                tickets.into_iter().for_each(|ticket| assert_eq!(ticket.wait().unwrap().len(), 10));
            });
        }
    });
    // Neighbouring threads send half of their events in common.
    assert_eq!(log.size(), 1_250);
    log.catch_up(&mut |_, _| {}).unwrap();
    log.close().unwrap();
    assert!(Reader::open(dir.path()).unwrap().verify(&mut |_, _| {}).unwrap().is_good());
}

#[test]
fn a_checkpoint_is_stored_before_it_is_given_out_and_while_there_is_traffic() {
    let (dir, log) = new_log();
    fill(&log, 0, 4, 2);
    let note = log.checkpoint().unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("checkpoint")).unwrap(), note);
    fill(&log, 4, 6, 2);
    let reader = log.reader().unwrap();
    let stored = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        reader.checkpoint().unwrap().0.size == 6
    });
    assert!(stored, "within a second or so");
}

#[test]
fn verify_names_the_entry_whose_bytes_were_changed() {
    let dir = tempfile::tempdir().unwrap();
    crate::Log::create(dir.path(), "log.example").unwrap();
    let log = open_with(dir.path(), Arc::new(MemoryStore::default()), small_segments()).unwrap();
    fill(&log, 0, 200, 10);
    let plain = last_segment(dir.path());
    let first = segment::list(&dir.path().join("journal")).unwrap().pop().unwrap().seq;
    log.close().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert!(reader.verify(&mut |_, _| {}).unwrap().is_good());
    let bytes = fs::read(&plain).unwrap();
    let mut flipped = bytes.clone();
    flipped[segment::START_BYTES + 300] ^= 1;
    fs::write(&plain, &flipped).unwrap();
    let report = reader.verify(&mut |_, _| {}).unwrap();
    assert_eq!(report.damage[0].seq, Some(first), "{report:?}");
    fs::write(&plain, &bytes[..bytes.len() / 2]).unwrap();
    assert!(!reader.verify(&mut |_, _| {}).unwrap().is_good(), "a log shorter than its checkpoint");
    fs::write(&plain, &bytes).unwrap();
    let sealed = segment::list(&dir.path().join("journal")).unwrap().remove(1);
    let mut packed = fs::read(&sealed.path).unwrap();
    let middle = packed.len() / 2;
    packed[middle] ^= 1;
    fs::write(&sealed.path, &packed).unwrap();
    let report = reader.verify(&mut |_, _| {}).unwrap();
    assert!(report.damages > 0 && report.damage[0].seq >= Some(sealed.seq), "{report:?}");
    assert!(report.entries > 100, "what is not damaged is still read: {report:?}");
}

#[test]
fn verify_notices_a_sealed_block_that_does_not_begin_with_a_frame_wherever_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("live");
    crate::Log::create(&live, "log.example").unwrap();
    let log = open_with(&live, Arc::new(MemoryStore::default()), small_segments()).unwrap();
    fill(&log, 0, 400, 10);
    log.close().unwrap();
    let mut sealed = segment::list(&live.join("journal")).unwrap();
    // Without the last segment the log ends with a sealed one; so it stands when a crash comes before the next append.
    let active = sealed.pop().unwrap();
    fs::remove_file(&active.path).unwrap();
    let reader = Reader::open(&live).unwrap();
    let signer = crate::keys::signer(&live.join("keys")).unwrap();
    let mut tree = tree::CompactRange::default();
    (0..active.seq).for_each(|seq| tree.push(leaf_hash(&reader.header(seq).unwrap()), |_, _| {}));
    let note = Checkpoint { origin: "log.example".into(), size: active.seq, root: tree.root() }.sign(&signer);
    fs::write(live.join("checkpoint"), note).unwrap();
    assert!(reader.verify(&mut |_, _| {}).unwrap().is_good());
    for (number, segment) in sealed.iter().enumerate() {
        let spoiled = dir.path().join(number.to_string());
        copy(&live, &spoiled);
        for block in [1, 0] {
            let path = segment::sealed_path(&spoiled.join("journal"), segment.seq);
            fs::copy(&segment.path, &path).unwrap();
            crate::seal::spoil(&path, block, |bytes| bytes[..8].fill(0));
            let report = Reader::open(&spoiled).unwrap().verify(&mut |_, _| {}).unwrap();
            assert!(!report.is_good(), "segment {number} of {}, block {block}: {report:?}", sealed.len());
            assert_eq!(report.damage[0].seq, Some(segment.seq), "{report:?}");
        }
    }
}

#[test]
fn verify_notices_a_checkpoint_that_signs_another_tree() {
    let (dir, log) = new_log();
    fill(&log, 0, 4, 2);
    log.close().unwrap();
    let path = dir.path().join("checkpoint");
    let note = fs::read_to_string(&path).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    fs::write(&path, note.replace("\n4\n", "\n3\n")).unwrap();
    assert!(!reader.verify(&mut |_, _| {}).unwrap().is_good());
    let signer = crate::keys::signer(&dir.path().join("keys")).unwrap();
    let forged = Checkpoint { origin: "log.example".into(), size: 4, root: leaf_hash(b"x") }.sign(&signer);
    fs::write(&path, forged).unwrap();
    assert!(!reader.verify(&mut |_, _| {}).unwrap().is_good());
    assert!(matches!(open(dir.path()), Err(LogError::Damaged { .. })));
}
