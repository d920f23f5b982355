//! The store against a plain model: crashes, retries, readers.

use crate::keys::{self, Progress};
use crate::merge::Layers;
use crate::store::lock;
use crate::{Store, set_aside};
use fonds_log::{Framed, LogStore, Macs, StoreError};
use fonds_model::{Content, Digest, EntityId, Entry, Envelope, Format, Item, Kind, Position, Timestamp};
use fonds_views::rows::MemoryRows;
use fonds_views::{Pending, Rows, ViewError};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

fn item(payload: &[u8], content: bool) -> Item {
    let mut digest = [payload.len() as u8; 32];
    digest.iter_mut().zip(payload).for_each(|(to, from)| *to ^= from);
    let content =
        content.then(|| Content { salt: [payload.first().copied().unwrap_or(9); 16], payload: payload.to_vec() });
    Item { digest: Digest(digest), content, erased: None }
}

/// An entry with these payloads.
pub(crate) fn entry(seq: u64, payloads: &[&str]) -> Framed {
    let items = payloads.iter().map(|payload| item(payload.as_bytes(), true)).collect();
    let entry = Entry { seq, at: Timestamp(1_700_000_000_000_000 + seq as i64), kind: Kind::LineageRun, items };
    let mut name = [7; 32];
    name[..8].copy_from_slice(&seq.to_be_bytes());
    Framed { entry, macs: Some(Macs { name, content: name }) }
}

/// Any entry, at any seq.
pub(crate) fn framed(bytes_max: usize) -> impl Strategy<Value = Framed> {
    let items = prop::collection::vec(
        (prop::collection::vec(any::<u8>(), 0..bytes_max), any::<bool>())
            .prop_map(|(bytes, content)| item(&bytes, content)),
        1..5,
    );
    let macs = prop::option::of((any::<[u8; 32]>(), prop::option::of(any::<[u8; 32]>())))
        .prop_map(|macs| macs.map(|(name, content)| Macs { name, content: content.unwrap_or(name) }));
    (0..u64::MAX / 2, any::<i64>(), prop::sample::select(Kind::ALL), items, macs)
        .prop_map(|(seq, at, kind, items, macs)| Framed { entry: Entry { seq, at: Timestamp(at), kind, items }, macs })
}

fn root(size: u64) -> Digest {
    Digest([size as u8 ^ 0x55; 32])
}

/// A fold that would show every double count: it adds, which is not the same when it is done twice.
fn count(entry: &Entry, item: u16, rows: &mut Pending<'_>) -> Result<(), ViewError> {
    let seen = rows.get(b"total")?.map_or(0, |row| u64::from_be_bytes(row.try_into().unwrap()));
    rows.put(b"total".to_vec(), (seen + 1).to_be_bytes().to_vec());
    let bucket = [b'b', (entry.seq % 7) as u8];
    let mut list = rows.get(&bucket)?.unwrap_or_default();
    list.push(item as u8);
    list.truncate(4_096);
    rows.put(bucket.to_vec(), list);
    for fact in 0..entry.seq % 5 {
        let mut key = vec![b'f'];
        key.extend(entry.seq.to_be_bytes());
        key.extend([item as u8, fact as u8]);
        rows.put(key, vec![item as u8; 30]);
    }
    if entry.seq.is_multiple_of(3) {
        rows.delete([&[b'f'][..], &(entry.seq / 2).to_be_bytes()[..], &[0, 1]].concat());
    }
    Ok(())
}

fn model(entries: &[Framed]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut rows = MemoryRows::default();
    for framed in entries {
        for item in 0..framed.entry.items.len() as u16 {
            let mut pending = Pending::over(&rows);
            count(&framed.entry, item, &mut pending).unwrap();
            let written = pending.into_written();
            rows.apply(written);
        }
    }
    rows.0
}

fn dump(store: &Store) -> BTreeMap<Vec<u8>, Vec<u8>> {
    store.views_dump().map(Result::unwrap).collect()
}

fn numbered(mut entries: Vec<Framed>) -> Vec<Framed> {
    for (framed, seq) in entries.iter_mut().zip(0_u64..) {
        framed.entry.seq = seq;
        if let Some(macs) = &mut framed.macs {
            macs.name[..8].copy_from_slice(&seq.to_be_bytes());
        }
    }
    entries
}

fn assert_holds(store: &Store, entries: &[Framed]) {
    for framed in entries {
        assert_eq!(store.entry(framed.entry.seq).unwrap().as_ref(), Some(framed));
        let Some(macs) = framed.macs else { continue };
        let known = store.known(&macs.name).unwrap().unwrap();
        let erased = framed.entry.items.iter().all(|item| item.content.is_none());
        assert_eq!((known.seq, known.content, known.erased), (framed.entry.seq, macs.content, erased));
    }
    assert_eq!(store.entry(entries.len() as u64).unwrap(), None);
    assert_eq!(store.known(&[0xee; 32]).unwrap(), None);
}

/// Applies from where the store says it is, in calls of `step` entries; the fold fails after `crash` items.
fn apply_from(store: &Store, entries: &[Framed], step: usize, crash: usize) -> Result<(), StoreError> {
    let mut left = crash;
    let from = store.applied().unwrap().next.seq as usize;
    for group in entries[from..].chunks(step) {
        let size = group.last().unwrap().entry.seq + 1;
        store.apply_with(group, root(size), |entry, item, rows| {
            left = left.checked_sub(1).ok_or_else(|| ViewError::Store("out of power".into()))?;
            count(entry, item, rows)
        })?;
        assert_eq!(store.applied().unwrap().next, Position { seq: size, item: 0 });
        assert_eq!(store.applied().unwrap().root, root(size));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn crashes_at_any_point_never_count_an_item_twice(
        entries in prop::collection::vec(framed(400), 1..300).prop_map(numbered),
        crashes in prop::collection::vec((0..600_usize, 1..200_usize, any::<bool>()), 0..5),
        step in 1..200_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("store");
        let mut store = Store::open(&folder).unwrap();
        for (crash, step, reopen) in crashes {
            if apply_from(&store, &entries, step, crash).is_err() {
                let reached = store.reached();
                prop_assert!(reached.seq >= store.applied().unwrap().next.seq);
                assert_eq!(store.entry(reached.seq).unwrap(), None);
            }
            if reopen {
                store.lose_memory();
                drop(store);
                store = Store::open(&folder).unwrap();
            }
        }
        apply_from(&store, &entries, step, usize::MAX).unwrap();
        prop_assert_eq!(dump(&store), model(&entries));
        assert_holds(&store, &entries);
        store.sync().unwrap();
        drop(store);
        let store = Store::open(&folder).unwrap();
        prop_assert_eq!(dump(&store), model(&entries));
        assert_holds(&store, &entries);
        store.drop_views().unwrap();
        prop_assert_eq!(store.views_dump().count(), 0);
        apply_from(&store, &entries, step, usize::MAX).unwrap();
        prop_assert_eq!(dump(&store), model(&entries));
        assert_holds(&store, &entries);
    }
}

impl Store {
    /// What a crash takes: rows in memory, and how far they went.
    fn lose_memory(&self) {
        let mut writer = lock(&self.writer);
        self.settle(&mut writer).unwrap();
        let layers = Layers { runs: self.base.layers().runs.clone(), ..Layers::default() };
        *self.base.layers.write().unwrap() = std::sync::Arc::new(layers);
        let committed = lock(&self.base.written).committed;
        (*lock(&self.progress), writer.handed_over) = (committed, committed);
    }
}

/// Bytes that cannot be compressed.
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let next = |_| {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as u8
        };
        (0..len).map(next).collect()
    }
}

fn opened(dir: &Path) -> Store {
    Store::open(dir.join("store")).unwrap()
}

#[test]
fn an_empty_store_has_applied_nothing_and_its_root_is_the_empty_trees() {
    let dir = tempfile::tempdir().unwrap();
    let applied = opened(dir.path()).applied().unwrap();
    assert_eq!(applied.next, Position { seq: 0, item: 0 });
    assert_eq!(applied.root.to_hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn large_entries_come_back_whole_and_no_value_is_above_4096_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut noise = Noise(1);
    let items = (0..256).map(|_| item(&noise.bytes(9_000), true)).collect();
    let many = Entry { seq: 1, at: Timestamp(5), kind: Kind::PolicyDecided, items };
    let one =
        Entry { seq: 2, at: Timestamp(4), kind: Kind::LineageJob, items: vec![item(&noise.bytes(3_000_000), true)] };
    let mut entries =
        vec![entry(0, &["before"]), Framed { entry: many, macs: None }, Framed { entry: one, macs: None }];
    entries.push(entry(3, &["after"]));
    let store = opened(dir.path());
    assert!(apply_from(&store, &entries, 4, 100).is_err(), "cut off within the entry of 256 items");
    assert_eq!(store.entry(1).unwrap(), None);
    drop(store);
    let store = opened(dir.path());
    apply_from(&store, &entries, 3, usize::MAX).unwrap();
    assert_holds(&store, &entries);
    assert_eq!(dump(&store), model(&entries));
    store.sync().unwrap();
    let longest = store.base.disk.call(|tree| Ok(tree.iter().map(|row| row.unwrap().1.len()).max())).unwrap();
    assert_eq!(longest, Some(4_096));
}

#[test]
fn what_was_applied_already_is_passed_over_and_another_entry_in_its_place_is_loss() {
    let dir = tempfile::tempdir().unwrap();
    let entries: Vec<_> = (0..10).map(|seq| entry(seq, &["one", "two"])).collect();
    let store = opened(dir.path());
    store.apply_with(&entries[..6], root(6), count).unwrap();
    store.apply_with(&entries[2..], root(10), count).unwrap();
    assert_eq!(dump(&store), model(&entries));
    let gap = store.apply_with(&[entry(11, &["late"])], root(12), count);
    assert!(matches!(gap, Err(StoreError::Rejected(_))), "{gap:?}");
    let other = store.apply_with(&[entry(9, &["other"])], root(10), count);
    assert!(matches!(other, Err(StoreError::Lost(_))), "{other:?}");
    assert!(matches!(store.applied(), Err(StoreError::Lost(_))), "a lost store answers nothing else");
}

#[test]
fn a_view_cannot_write_the_stores_own_rows_or_long_values() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());
    for (key, value) in [(vec![1], vec![]), (vec![], vec![]), (b"long".to_vec(), vec![0; 4_097])] {
        let wrote = store.apply_with(&[entry(0, &["one"])], root(1), |_, _, rows| {
            rows.put(key.clone(), value.clone());
            Ok(())
        });
        assert!(matches!(wrote, Err(StoreError::Fatal(_))), "{wrote:?}");
        assert_eq!(store.applied().unwrap().next.seq, 0);
    }
}

#[test]
fn a_damaged_file_is_lost_or_whole_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let mut noise = Noise(7);
    let entries: Vec<_> = (0..400)
        .map(|seq| {
            let items = vec![item(&noise.bytes(2_000), true)];
            Framed { entry: Entry { seq, at: Timestamp(5), kind: Kind::LineageRun, items }, macs: entry(seq, &[]).macs }
        })
        .collect();
    let store = opened(dir.path());
    apply_from(&store, &entries, 50, usize::MAX).unwrap();
    drop(store);
    let whole = std::fs::read(dir.path().join("store/db")).unwrap();
    let mut lost = 0;
    for trial in 0..32_usize {
        // A lost store leaves its lock behind, so each trial has a folder of its own.
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("store")).unwrap();
        let mut bytes = whole.clone();
        let place = bytes.len() * trial / 32 + 4_321;
        bytes[place] ^= 1 << (trial % 8);
        std::fs::write(dir.path().join("store/db"), &bytes).unwrap();
        match Store::open(dir.path().join("store")) {
            Err(error) => assert!(matches!(error, StoreError::Lost(_)), "{error}"),
            Ok(store) => {
                let next = store.reached().seq;
                let read = entries.iter().take(next as usize).try_for_each(|framed| {
                    assert_eq!(
                        store.entry(framed.entry.seq)?.as_ref(),
                        Some(framed),
                        "damage is never read as an entry"
                    );
                    Ok(())
                });
                match read {
                    Ok(()) if next == 400 => continue,
                    Ok(()) => {} // The log's check on open finds it: the position is below the checkpoint.
                    Err(error) => assert!(matches!(error, StoreError::Lost(_)), "{error}"),
                }
            }
        }
        lost += 1;
        assert_eq!(set_aside(dir.path()).unwrap(), crate::LOST);
        let store = opened(dir.path());
        apply_from(&store, &entries[..60], 50, usize::MAX).unwrap();
        assert_holds(&store, &entries[..60]);
    }
    assert!(lost > 4, "only {lost} of 32 damages in {} bytes were noticed", whole.len());
}

#[test]
fn a_second_handle_is_refused_while_the_first_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let _first = opened(dir.path());
    assert!(matches!(Store::open(dir.path().join("store")), Err(StoreError::Rejected(_))));
}

#[test]
fn readers_beside_the_writer_see_whole_entries_and_ordered_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());
    let entries: Vec<_> = (0..3_000).map(|seq| entry(seq, &[format!("payload of {seq}").as_str()])).collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for group in entries.chunks(7) {
                let size = group.last().unwrap().entry.seq + 1;
                store.apply_with(group, root(size), count).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            let next = store.applied().unwrap().next.seq;
            for seq in (0..next).rev().take(20) {
                assert_eq!(store.entry(seq).unwrap().as_ref(), entries.get(seq as usize));
            }
            let keys: Vec<_> = store.range(b"f", b"g").take(50).map(|row| row.unwrap().0).collect();
            let mut back: Vec<_> = keys
                .last()
                .map(|last| store.range_back(b"f", last))
                .into_iter()
                .flatten()
                .take(50)
                .map(|row| row.unwrap().0)
                .collect();
            back.reverse();
            assert!(keys.is_sorted() && back.is_sorted());
        }
    });
    assert_eq!(dump(&store), model(&entries));
}

#[test]
fn a_record_filed_into_a_file_with_the_longest_of_ids_is_applied_and_read_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (record, file) = ("r".repeat(2_048), "f".repeat(2_048));
    let mut envelope = Envelope::new(Format::Fonds);
    envelope.subject = EntityId::new(record.as_str()).ok();
    let mut entries = Vec::new();
    for (seq, kind, body) in [
        (0, Kind::RecordCreated, "{}".to_owned()),
        (1, Kind::RecordFiled, format!("{{\"file\":\"{file}\"}}")),
        (2, Kind::RecordFiled, "{\"file\":\"elsewhere\"}".to_owned()),
    ] {
        let items = vec![item(&envelope.with_body(body.as_bytes()), true)];
        entries.push(Framed { entry: Entry { seq, at: Timestamp(5), kind, items }, macs: None });
    }
    let store = opened(dir.path());
    store.apply(&entries[..2], root(2)).unwrap();
    store.sync().unwrap();
    drop(store);
    let store = opened(dir.path());
    assert_eq!(store.applied().unwrap().next.seq, 2);
    let longest = store.views_dump().map(|row| row.unwrap().0.len()).max();
    assert_eq!(longest, Some(1 + 2_048 + 1 + 2_048), "the row that says what is filed where");
    store.apply(&entries[2..], root(3)).unwrap();
}

#[test]
fn a_damaged_chunk_of_rows_is_lost_and_never_read_as_rows() {
    let dir = tempfile::tempdir().unwrap();
    let entries: Vec<_> = (0..200).map(|seq| entry(seq, &["one"])).collect();
    let store = opened(dir.path());
    apply_from(&store, &entries, 50, usize::MAX).unwrap();
    store.sync().unwrap();
    let want = dump(&store);
    drop(store);
    for byte in [0, 6, 9, 40, 300] {
        let store = opened(dir.path());
        let run = store.base.layers().runs[0].id;
        let key = keys::chunk(run, 0, 0);
        let sound = store.base.disk.call(|tree| tree.get(&key)).unwrap().unwrap();
        let mut bytes = sound.to_vec();
        bytes[byte] ^= 4;
        store.base.disk.call(|tree| tree.insert(&key, bytes)).unwrap();
        let failed = store.views_dump().find_map(Result::err);
        assert!(failed.is_some(), "byte {byte} was read as it stood");
        assert!(matches!(store.applied(), Err(StoreError::Lost(_))));
        drop(store);
        assert!(crate::is_lost(&dir.path().join("store")), "whoever opens it next is told");
        assert!(matches!(Store::open(dir.path().join("store")), Err(StoreError::Lost(_))));
        set_aside(dir.path()).unwrap();
        let store = opened(dir.path());
        apply_from(&store, &entries, 50, usize::MAX).unwrap();
        assert_eq!(dump(&store), want);
    }
}

#[test]
fn a_list_of_runs_without_its_position_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    for key in [keys::PROGRESS, keys::RUNS] {
        let folder = dir.path().join(format!("store-{}", key[0]));
        let store = Store::open(&folder).unwrap();
        store.apply_with(&[entry(0, &["one"])], root(1), count).unwrap();
        store.sync().unwrap();
        store.base.disk.call(|tree| tree.remove(key)).unwrap();
        drop(store);
        assert!(matches!(Store::open(&folder), Err(StoreError::Lost(_))));
    }
}

#[test]
fn a_last_block_that_ends_before_the_position_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());
    store.apply_with(&[entry(0, &["one"]), entry(1, &["two"])], root(2), count).unwrap();
    store.sync().unwrap();
    drop(store);
    let store = opened(dir.path());
    let beyond = Progress { next: Position { seq: 5, item: 0 }, size: 5, root: root(5) };
    *lock(&store.progress) = beyond;
    let applied = store.apply_with(&[entry(5, &["six"])], root(6), count);
    assert!(matches!(applied, Err(StoreError::Lost(_))), "{applied:?}");
}
