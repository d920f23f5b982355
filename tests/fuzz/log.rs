//! The log's own formats: header, journal, note, checkpoint, proof.

use fonds_log::note::{Signer, Verifier};
use fonds_log::tree::{CompactRange, Plan, empty_root, leaf_hash, verify_consistency, verify_inclusion};
use fonds_log::{
    Applied, Checkpoint, Framed, Header, Known, Lock, Log, LogStore, Mac, Options, Reader, StoreError, item_digest,
};
use fonds_model::{Digest, Kind, Position, Seq, Timestamp};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const ORIGIN: &str = "fuzz.example/log";

/// What is understood as a header has those bytes and no others.
pub(crate) fn header(bytes: &[u8]) -> bool {
    let header = Header::parse(bytes);
    if let Ok(header) = &header {
        assert_eq!(header.to_bytes(), bytes);
    }
    header.is_ok()
}

pub(crate) fn header_seeds() -> Vec<Vec<u8>> {
    let item = item_digest(&[3; 16], b"hi");
    let header = |seq, at, kind, count: usize| Header { seq, at: Timestamp(at), kind, items: vec![item; count] };
    [
        header(0, 0, Kind::RecordCreated, 1),
        header(u64::MAX, 1_767_323_045_123_456, Kind::LineageRun, 3),
        header(77, -62_135_596_800_000_000, Kind::PolicyDecided, 256),
    ]
    .iter()
    .map(Header::to_bytes)
    .collect()
}

/// A store that only remembers how far it is.
pub struct Nothing(Mutex<Applied>);

impl Default for Nothing {
    fn default() -> Self {
        Self(Mutex::new(Applied { next: Position { seq: 0, item: 0 }, root: empty_root() }))
    }
}

impl LogStore for Nothing {
    fn applied(&self) -> Result<Applied, StoreError> {
        Ok(*self.0.lock().unwrap())
    }
    fn known(&self, _: &Mac) -> Result<Option<Known>, StoreError> {
        Ok(None)
    }
    fn entry(&self, _: Seq) -> Result<Option<Framed>, StoreError> {
        Ok(None)
    }
    fn apply(&self, entries: &[Framed], root: Digest) -> Result<(), StoreError> {
        let mut applied = self.0.lock().unwrap();
        *applied = Applied { next: Position { seq: applied.next.seq + entries.len() as u64, item: 0 }, root };
        Ok(())
    }
    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn open(dir: &Path) -> Result<Log, fonds_log::LogError> {
    let options = Options { free_bytes_min: 0, ..Options::default() };
    let clock = Arc::new(|| Timestamp(1_767_323_045_000_000));
    Log::open(Lock::take(dir)?, Arc::new(Nothing::default()), options, clock)
}

fn segment(dir: &Path) -> std::path::PathBuf {
    dir.join("journal").join(format!("{:020}.seg", 0))
}

thread_local! {
    /// A log that is made once, with its empty checkpoint; each input is its journal.
    static FOLDER: RefCell<Option<(TempDir, Vec<u8>)>> = const { RefCell::new(None) };
}

/// Frames as a segment has them after its beginning.
fn frames(segment: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut frames) = (segment.get(68..).unwrap_or_default(), Vec::new());
    while let Some(length) = rest.first_chunk::<4>() {
        let Some((frame, after)) = rest.split_at_checked(8 + u32::from_le_bytes(*length) as usize) else { break };
        frames.push(frame);
        rest = after;
    }
    frames
}

/// The bytes as frames whose checksums are right, so that what lies behind the checksum is reached.
fn summed(segment: &[u8]) -> Vec<u8> {
    let mut out = segment.get(..68).unwrap_or(segment).to_vec();
    if let Some((body, crc)) = out.split_last_chunk_mut::<4>() {
        *crc = crc32c::crc32c(body).to_le_bytes();
    }
    for frame in frames(segment) {
        let (length, body) = (&frame[..4], &frame[8..]);
        out.extend_from_slice(length);
        out.extend_from_slice(&crc32c::crc32c_append(crc32c::crc32c(length), body).to_le_bytes());
        out.extend_from_slice(body);
    }
    out
}

/// Any file may stand where a journal segment should: it is read, judged and verified, never believed beyond what it holds.
pub(crate) fn journal(bytes: &[u8]) -> bool {
    let Some((mode, bytes)) = bytes.split_first() else { return false };
    let bytes = if mode % 2 == 0 { summed(bytes) } else { bytes.to_vec() };
    FOLDER.with_borrow_mut(|folder| {
        let (folder, checkpoint) = folder.get_or_insert_with(|| {
            let folder = tempfile::tempdir().unwrap();
            Log::create(folder.path(), ORIGIN).unwrap();
            let checkpoint = std::fs::read(folder.path().join("checkpoint")).unwrap();
            (folder, checkpoint)
        });
        let dir = folder.path();
        for file in
            std::fs::read_dir(dir.join("journal")).unwrap().chain(std::fs::read_dir(dir.join("hashes")).unwrap())
        {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
        std::fs::write(dir.join("checkpoint"), checkpoint).unwrap();
        std::fs::write(segment(dir), &bytes).unwrap();
        read(dir, mode & 2 != 0)
    })
}

fn read(dir: &Path, write: bool) -> bool {
    let reader = Reader::open(dir).unwrap();
    let report = reader.verify(&mut |_, _| {});
    let good = report.as_ref().is_ok_and(fonds_log::Report::is_good);
    if let Ok(entries) = reader.entries(0) {
        let read: Result<Vec<Framed>, _> = entries.collect();
        if let (true, Ok(report)) = (good, &report) {
            assert_eq!(read.map(|entries| entries.len() as u64).unwrap(), report.entries, "what verifies can be read");
        }
    }
    let _ = reader.seq_at(Timestamp(0));
    if !write {
        return good;
    }
    // Whatever was kept on open is whole from then on, and can be added to.
    let Ok(log) = open(dir) else { return false };
    let size = log.size();
    let prepared = log.prepare(Kind::RecordClosed, vec![b"{\"v\":1}\n{}".to_vec()], None).unwrap();
    log.stage(vec![prepared]).commit().expect("what was opened can be appended to");
    drop(log);
    assert_eq!(reader.size().unwrap(), size + 1);
    let report = reader.verify(&mut |_, _| {}).unwrap();
    assert!(report.damage.iter().all(|damage| damage.seq.is_none_or(|seq| seq < size)), "{:?}", report.damage);
    good
}

pub(crate) fn journal_seeds() -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    Log::create(dir.path(), ORIGIN).unwrap();
    let log = open(dir.path()).unwrap();
    for group in 1..4_usize {
        let payload = |n: usize| format!("{{\"v\":1,\"subject\":\"case/{n}\"}}\n{{\"n\":{n}}}").into_bytes();
        let prepared = (0..group)
            .map(|n| log.prepare(Kind::RecordCreated, (0..=n).map(payload).collect(), None).unwrap())
            .collect();
        log.stage(prepared).commit().unwrap();
    }
    drop(log);
    let segment = std::fs::read(segment(dir.path())).unwrap();
    (0..4).map(|mode| [&[mode], segment.as_slice()].concat()).collect()
}

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[5; 32]).unwrap()
}

/// A signature is right for the text that was signed only; a key that is understood is written as it was read, but for
/// white space at its end.
pub(crate) fn note(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let verifier = [signer().verifier()];
    let (signed, key, secret) = (fonds_log::note::open(text, &verifier), Verifier::parse(text), Signer::parse(text));
    if let Ok(signed) = &signed {
        assert!(TEXTS.contains(signed), "a forged note: {signed:?}");
    }
    if let Ok(key) = &key {
        assert_eq!(key.to_string(), text.trim_end());
    }
    if let Ok(secret) = &secret {
        assert_eq!(secret.to_secret_text(), text.trim_end());
    }
    signed.is_ok() || key.is_ok() || secret.is_ok()
}

const TEXTS: [&str; 3] =
    ["one line\n", "fuzz.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "a\n\nb\n"];

pub(crate) fn note_seeds() -> Vec<Vec<u8>> {
    let signer = signer();
    let mut seeds: Vec<String> = TEXTS.iter().map(|text| signer.sign(text)).collect();
    seeds.extend([signer.verifier().to_string(), signer.to_secret_text()]);
    seeds.into_iter().map(String::into_bytes).collect()
}

/// Checkpoints say what was signed, and what is signed comes back.
pub(crate) fn checkpoint(bytes: &[u8]) -> bool {
    let (signer, text) = (signer(), String::from_utf8_lossy(bytes));
    let known = |found: &Checkpoint| CHECKPOINTS.iter().any(|size| *found == signed(*size));
    let found = Checkpoint::open(&text, &[signer.verifier()]);
    if let Ok(found) = &found {
        assert!(known(found), "a forged checkpoint: {found:?}");
    }
    // The same words, signed: what is understood then, is signed to the same text again.
    if text.ends_with('\n')
        && let Ok(found) = Checkpoint::open(&signer.sign(&text), &[signer.verifier()])
    {
        let again =
            Checkpoint::open(&found.sign(&signer), &[signer.verifier()]).expect("what was signed is understood");
        assert_eq!(again, found);
        return true;
    }
    found.is_ok()
}

const CHECKPOINTS: [u64; 3] = [0, 1, 70_000];

fn signed(size: u64) -> Checkpoint {
    Checkpoint { origin: ORIGIN.to_owned(), size, root: leaf_hash(&size.to_be_bytes()) }
}

pub(crate) fn checkpoint_seeds() -> Vec<Vec<u8>> {
    let notes = CHECKPOINTS.iter().map(|size| signed(*size).sign(&signer()));
    notes
        .flat_map(|note| [note.split("\n\n").next().unwrap_or_default().to_owned() + "\n", note])
        .map(String::into_bytes)
        .collect()
}

/// The hashes of a small tree.
struct Tree {
    root: Digest,
    nodes: HashMap<(u8, u64), Digest>,
}

impl Tree {
    fn of(size: u64) -> Self {
        let (mut range, mut nodes) = (CompactRange::default(), HashMap::new());
        for leaf in 0..size {
            range.push(leaf_hash(&leaf.to_be_bytes()), |node, hash| {
                nodes.insert((node.level, node.index), hash);
            });
        }
        Self { root: range.root(), nodes }
    }

    fn proof(&self, plan: &Plan) -> Vec<Digest> {
        let hashes: Vec<Digest> = plan.nodes().iter().map(|node| self.nodes[&(node.level, node.index)]).collect();
        plan.fill(&hashes).unwrap()
    }
}

/// Of all proofs for a tree only the right one is believed, for the right entry and sizes only.
pub(crate) fn proof(bytes: &[u8]) -> bool {
    let [size, index, to, edits @ ..] = bytes else { return false };
    let (size, index) = (u64::from(size % 70) + 1, u64::from(*index) % (u64::from(size % 70) + 1));
    let tree = Tree::of(size);
    let leaf = leaf_hash(&index.to_be_bytes());
    let whole = tree.proof(&Plan::inclusion(index, size).unwrap());
    assert!(verify_inclusion(leaf, index, size, &whole, &tree.root));
    let (edited, at, of) = edit(&whole, edits, index, size);
    if edited != whole || at != index {
        assert!(!verify_inclusion(leaf, at, of, &edited, &tree.root), "{edits:?}");
    }
    let old = u64::from(*to) % (size + 1);
    let old_root = Tree::of(old).root;
    let whole = tree.proof(&Plan::consistency(old, size).unwrap());
    assert!(verify_consistency(old, size, &old_root, &tree.root, &whole));
    let (edited, ..) = edit(&whole, edits, 0, 0);
    if edited != whole {
        assert!(!verify_consistency(old, size, &old_root, &tree.root, &edited), "{edits:?}");
    }
    if old != size {
        assert!(!verify_consistency(old, size, &tree.root, &old_root, &whole), "the roots change places");
    }
    // Whatever sizes are claimed, it ends.
    if let Some(claimed) = edits.first_chunk::<16>() {
        let (one, other) = claimed.split_at(8);
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
        let _ = verify_inclusion(leaf, number(one), number(other), &whole, &tree.root);
        let _ = verify_consistency(number(one), number(other), &old_root, &tree.root, &whole);
        let _ = (Plan::inclusion(number(one), number(other)), Plan::consistency(number(one), number(other)));
    }
    true
}

/// A proof with some of its hashes dropped, doubled, swapped or changed, and another index.
fn edit(proof: &[Digest], edits: &[u8], mut index: u64, size: u64) -> (Vec<Digest>, u64, u64) {
    let mut proof = proof.to_vec();
    for edit in edits.chunks_exact(3).take(4) {
        let (at, value) = (usize::from(edit[1]), edit[2]);
        match (edit[0] % 6, proof.len()) {
            (0, _) => proof.insert(at % (proof.len() + 1), Digest([value; 32])),
            (1, 1..) => drop(proof.remove(at % proof.len())),
            (2, 1..) => {
                let place = at % proof.len();
                proof[place].0[usize::from(value) % 32] ^= value | 1;
            }
            (3, 2..) => {
                let length = proof.len();
                proof.swap(at % length, usize::from(value) % length);
            }
            (4, _) => index = u64::from(value),
            _ => {}
        }
    }
    (proof, index, size)
}

pub(crate) fn proof_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![vec![7, 3, 4], vec![64, 63, 32, 2, 0, 1], vec![69, 0, 69, 1, 0, 0, 0, 0, 7]];
    seeds.push([&[33, 5, 9][..], &u64::MAX.to_le_bytes(), &(u64::MAX - 1).to_le_bytes()].concat());
    seeds
}
