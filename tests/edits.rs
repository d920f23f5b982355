//! Somebody with the file system changes, drops, reorders, cuts, forks or rolls back the journal: `verify` finds it, and
//! where the whole folder is exchanged for an old or another one, a checkpoint that was kept elsewhere does.

use crate::faults::runs;
use crate::store::Store;
use crate::trial::{Kept, base, copy_folder, files};
use std::path::{Path, PathBuf};

/// The segments of a journal, in order; the last is plain, the others sealed.
fn segments(store: &Store) -> Vec<PathBuf> {
    files(&store.dir().join("journal"))
}

/// The frames of a plain segment after its beginning: its bytes from where to where, and whether each is an entry.
fn frames(bytes: &[u8]) -> Vec<(usize, usize, bool)> {
    const START_BYTES: usize = 68;
    let (mut frames, mut at) = (Vec::new(), START_BYTES);
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        frames.push((at, at + 8 + length, bytes[at + 8] == 1));
        at += 8 + length;
    }
    frames
}

/// A frame whose checksum is right again after somebody changed its body.
fn sealed_again(frame: &mut [u8]) {
    let (length, rest) = frame.split_at_mut(4);
    let (crc, body) = rest.split_at_mut(4);
    crc.copy_from_slice(&crc32c::crc32c_append(crc32c::crc32c(length), body).to_le_bytes());
}

fn edit(path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("a file");
    edit(&mut bytes);
    std::fs::write(path, bytes).expect("a file");
}

/// `verify` must say so, with the exit code that says so.
fn is_found(store: &Store, what: &str) {
    let came = store.came(&["verify"]);
    assert!(!came.panicked(), "{what}: {}", came.said);
    assert!(matches!(came.code(), Some(1 | 5)), "{what} is not found: {}", came.out);
}

#[test]
fn verify_finds_what_was_changed_dropped_reordered_or_cut_in_the_journal() {
    let base = base();
    // So that several groups lie in the plain segment at the end.
    for (number, from) in [(1, 60_000), (2, 60_010), (3, 60_020)] {
        base.must(&["ingest", &base.write(&format!("late-{number}"), runs(from..from + 10))]);
    }
    let last = segments(&base).pop().expect("a segment");
    let whole = std::fs::read(&last).expect("a file");
    let entry = *frames(&whole).iter().rfind(|(.., is_entry)| *is_entry).expect("an entry");
    let before = *frames(&whole).iter().filter(|(.., is_entry)| *is_entry).nth_back(1).expect("another");
    let in_last = |what: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let store = base.copy();
        edit(&segments(&store).pop().expect("a segment"), change);
        is_found(&store, what);
    };
    in_last("a payload that was changed, checksum and all", &|bytes| {
        let frame = &mut bytes[entry.0..entry.1];
        let at = frame.len() - 20;
        frame[at] ^= 1;
        sealed_again(frame);
    });
    in_last("a header that was changed, checksum and all", &|bytes| {
        let frame = &mut bytes[entry.0..entry.1];
        let at = frame.windows(6).position(|window| window == b"lineag").expect("a kind");
        frame[at] = b'L';
        sealed_again(frame);
    });
    in_last("an entry that was dropped", &|bytes| drop(bytes.drain(entry.0..entry.1)));
    in_last("two entries that changed places", &|bytes| {
        let swapped = [&whole[entry.0..entry.1], &whole[before.0..before.1]].concat();
        bytes[before.0..entry.1].copy_from_slice(&swapped);
    });
    in_last("an entry that stands there twice", &|bytes| {
        drop(bytes.splice(entry.1..entry.1, whole[entry.0..entry.1].to_vec()))
    });
    in_last("a segment that was cut", &|bytes| bytes.truncate(before.0));
    in_last("a segment that was emptied", &Vec::clear);
    let in_sealed = |what: &str, change: &dyn Fn(&Path)| {
        let store = base.copy();
        change(&segments(&store)[1]);
        is_found(&store, what);
    };
    in_sealed("a sealed segment that was dropped", &|path| std::fs::remove_file(path).expect("it goes"));
    in_sealed("a sealed segment that was cut", &|path| edit(path, |bytes| bytes.truncate(bytes.len() / 2)));
    in_sealed("a sealed segment under another's name", &|path| {
        std::fs::copy(path.with_file_name(segments(&base)[2].file_name().expect("a name")), path)
            .map(drop)
            .expect("a copy");
    });
    let store = base.copy();
    std::fs::remove_dir_all(store.dir().join("journal")).expect("it goes");
    std::fs::create_dir(store.dir().join("journal")).expect("an empty one");
    is_found(&store, "a journal that was dropped");
    let store = base.copy();
    edit(&store.dir().join("checkpoint"), |bytes| {
        let at = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
    });
    is_found(&store, "a checkpoint that was changed");
    assert_eq!(base.must(&["verify"])["verified"], true, "and the whole one is whole");
}

#[test]
fn a_journal_rolled_back_beneath_its_checkpoint_is_found_by_verify() {
    let store = base();
    let old = store.copy();
    store.must(&["ingest", &store.file("more").display().to_string()]);
    std::fs::remove_dir_all(store.dir().join("journal")).expect("it goes");
    copy_folder(&old.dir().join("journal"), &store.dir().join("journal"));
    is_found(&store, "an old journal under a newer checkpoint");
    // Nor is anything appended to it.
    let came = store.came(&["ingest", &store.file("more").display().to_string()]);
    assert_eq!(came.code(), Some(5), "{}", came.said);
}

#[test]
fn a_whole_folder_rolled_back_or_forked_is_found_by_a_checkpoint_that_was_kept_elsewhere() {
    let store = base();
    let old = store.copy();
    store.must(&["ingest", &store.file("more").display().to_string()]);
    let kept = Kept::now(&store).expect("a checkpoint");
    kept.is_within(&store).expect("the log itself has only grown");
    // Rolled back: by itself the old copy is in order, and that is why checkpoints are kept elsewhere.
    assert_eq!(old.must(&["verify"])["verified"], true);
    let said = kept.is_within(&old).expect_err("an old copy does not hold what was signed later");
    assert!(said.contains("no proof"), "{said}");
    // Forked: the old copy went on with other events, signed with the same key, to a larger size.
    old.must(&["ingest", &old.write("other", runs(70_000..75_000))]);
    assert!(Kept::now(&old).expect("a checkpoint").size() > kept.size());
    assert_eq!(old.must(&["verify"])["verified"], true);
    let said = kept.is_within(&old).expect_err("a fork does not begin with what was signed");
    assert!(said.contains("does not begin"), "{said}");
    // A fork beneath a store that was not exchanged with it is found at once, and not made to fit.
    std::fs::remove_dir_all(old.dir().join("store")).expect("it goes");
    copy_folder(&store.dir().join("store"), &old.dir().join("store"));
    let came = old.came(&["record", "list"]);
    assert_eq!(came.code(), Some(5), "{}", came.said);
    assert!(came.said.contains("does not fit the journal"), "{}", came.said);
}
