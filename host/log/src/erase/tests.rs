use super::*;
use crate::testing::{MemoryStore, fill, named, new_log, open, open_with, payload};
use crate::{Log, Options, Outcome};
use fonds_model::{Digest, Envelope, Format};
use std::sync::Arc;

fn says_erased(log: &Log, items: &[Position]) -> crate::Prepared {
    let items = items.iter().map(|at| ErasedItem {
        seq: at.seq,
        item: at.item,
        kind: Kind::RecordCreated,
        digest: Digest::default(),
        stub: Some(format!("stub of {}", at.seq)),
    });
    let body = body::LogErased {
        proposals: Vec::new(),
        approved_by: Vec::new(),
        items: items.collect(),
        records: Vec::new(),
        who: body::Who::default(),
    };
    let payload = Envelope::new(Format::Fonds).with_body(&serde_json::to_vec(&body).unwrap());
    log.prepare(Kind::LogErased, vec![payload], None).unwrap()
}

fn at(seq: u64) -> Position {
    Position { seq, item: 0 }
}

fn erase(log: &Log, items: &[Position]) -> u64 {
    log.erase(says_erased(log, items), items, |_| Ok(())).unwrap();
    log.size() - 1
}

/// Whether a payload stands anywhere in the journal, unpacked.
fn is_in_journal(dir: &Path, number: u64) -> bool {
    let wanted = payload(number);
    segment::list(&dir.join("journal")).unwrap().iter().any(|segment| {
        let bytes = seal::read(segment).unwrap();
        bytes.windows(wanted.len()).any(|window| window == wanted)
    })
}

fn assert_erased(dir: &Path, seq: u64, by: u64) {
    let reader = crate::Reader::open(dir).unwrap();
    let report = reader.verify(&mut |_, _| {}).unwrap();
    assert!(report.is_good(), "{:?}", report.damage);
    let item = reader.entry(seq).unwrap().entry.items.remove(0);
    assert_eq!((item.content, item.erased.map(|erased| erased.by)), (None, Some(by)));
    assert!(!is_in_journal(dir, seq));
    assert!(reader.scrub_waiting().unwrap().is_some());
}

#[test]
fn what_is_erased_is_gone_from_sealed_and_open_segments_and_the_log_still_verifies_and_grows() {
    let dir = tempfile::tempdir().unwrap();
    Log::create(dir.path(), "log.example").unwrap();
    let options = || Options { segment_bytes: 4_000, ..Options::default() };
    let log = open_with(dir.path(), Arc::new(MemoryStore::default()), options()).unwrap();
    fill(&log, 0, 100, 5);
    log.close().unwrap();
    let log = open_with(dir.path(), Arc::new(MemoryStore::default()), options()).unwrap();
    fill(&log, 100, 103, 3);
    let sealed = segment::list(&dir.path().join("journal")).unwrap().iter().filter(|segment| segment.sealed).count();
    assert!(sealed > 2, "{sealed} segments are sealed");
    assert!(is_in_journal(dir.path(), 7) && is_in_journal(dir.path(), 101), "the search finds what is there");
    let by = erase(&log, &[at(7), at(50), at(101)]);
    for seq in [7, 50, 101] {
        assert_erased(dir.path(), seq, by);
    }
    assert!(is_in_journal(dir.path(), 8) && is_in_journal(dir.path(), 102), "its neighbours stay");
    fill(&log, 104, 110, 2);
    log.close().unwrap();
    let log = open(dir.path()).unwrap();
    assert_eq!(log.size(), 110);
    let again = log.prepare(Kind::RecordCreated, vec![payload(7)], Some(&named(7, &payload(7)))).unwrap();
    assert_eq!(log.stage(vec![again]).commit().unwrap(), [Outcome::Erased(7)], "it does not rise from the dead");
}

#[test]
fn an_erasure_that_is_refused_at_the_end_leaves_everything_as_it_was() {
    let (dir, log) = new_log();
    fill(&log, 0, 10, 5);
    let refused = log.erase(says_erased(&log, &[at(3)]), &[at(3)], |_| Err("a hold came".to_owned()));
    assert!(matches!(refused, Err(LogError::Refused(why)) if why == "a hold came"));
    assert_eq!(log.size(), 10);
    assert!(is_in_journal(dir.path(), 3) && !dir.path().join("erasing").exists());
}

#[test]
fn a_crash_before_the_entry_leaves_it_undone_and_one_after_it_is_made_good() {
    let (dir, log) = new_log();
    fill(&log, 0, 10, 5);
    let layout = Layout::of(dir.path());
    let intent = |by| Intent { items: BTreeMap::from([(at(3), by)]) };
    begin(&layout, &intent(10)).unwrap();
    log.close().unwrap();
    let log = open(dir.path()).unwrap();
    assert!(is_in_journal(dir.path(), 3) && !layout.erasing.exists(), "nothing said that it was erased");

    // The process dies with the entry in the log and the journal as it was.
    begin(&layout, &intent(10)).unwrap();
    log.stage(vec![says_erased(&log, &[at(3)])]).commit().unwrap();
    let reader = log.reader().unwrap();
    assert_eq!(reader.entry(3).unwrap().entry.items[0].content, None, "from the entry on nobody is shown it");
    let all: Vec<_> = reader.entries(0).unwrap().map(|framed| framed.unwrap().entry.items.remove(0).content).collect();
    assert!(all[3].is_none() && all[4].is_some());
    assert!(reader.verify(&mut |_, _| {}).unwrap().is_good(), "what is being erased is no damage");
    log.close().unwrap();
    let log = open(dir.path()).unwrap();
    assert_erased(dir.path(), 3, 10);
    assert!(!layout.erasing.exists());
    fill(&log, 11, 14, 3);
    log.close().unwrap();
    assert!(open(dir.path()).unwrap().reader().unwrap().verify(&mut |_, _| {}).unwrap().is_good());
}

#[test]
fn content_that_was_taken_out_by_hand_is_damage() {
    let (dir, log) = new_log();
    fill(&log, 0, 10, 5);
    log.close().unwrap();
    let problems = |dir: &Path| {
        let report = crate::Reader::open(dir).unwrap().verify(&mut |_, _| {}).unwrap();
        report.damage.into_iter().map(|damage| (damage.seq, damage.what)).collect::<Vec<_>>()
    };
    let intent = |by| Intent { items: BTreeMap::from([(at(3), by)]) };
    for by in [5, 900] {
        let copy = tempfile::tempdir().unwrap();
        crate::testing::copy(dir.path(), copy.path());
        rewrite(&copy.path().join("journal"), &intent(by)).unwrap();
        // A file that claims an erasure is believed by nobody.
        begin(&Layout::of(copy.path()), &intent(by)).unwrap();
        let found = problems(copy.path());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == Some(3) && found[0].1.contains("does not say that it was erased"), "{found:?}");
    }
    let log = open(dir.path()).unwrap();
    log.stage(vec![says_erased(&log, &[at(3)])]).commit().unwrap();
    log.close().unwrap();
    assert!(problems(dir.path())[0].1.contains("is still there"), "an erasure that was not done is said");
}

#[test]
fn a_store_that_is_built_anew_is_given_the_stubs() {
    let (dir, log) = new_log();
    fill(&log, 0, 10, 5);
    erase(&log, &[at(2), at(3)]);
    log.close().unwrap();
    let store = Arc::new(MemoryStore::default());
    let log = open_with(dir.path(), store.clone(), Options::default()).unwrap();
    log.catch_up(&mut |_, _| {}).unwrap();
    let stub = |seq| {
        use crate::LogStore as _;
        let item = store.entry(seq).unwrap().unwrap().entry.items.remove(0);
        item.erased.and_then(|erased| erased.stub)
    };
    assert_eq!((stub(2), stub(3), stub(4)), (Some(b"stub of 2".to_vec()), Some(b"stub of 3".to_vec()), None));
}
