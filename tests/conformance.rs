//! Other people's verifiers read what `log export` writes, and accept the proofs.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use fonds_log::{Lock, Log, Options, Reader};
use fonds_model::{Kind, Timestamp};
use sha2_digest_11::Sha256;
use signed_note::{Note, StandardVerifier, VerifierList};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tlog_tiles::{Checkpoint, Hash, HashReader, Tile, TileHashReader, TileReader};

const SIZES: [u64; 6] = [1, 2, 255, 256, 257, 65_536];

fn open(dir: &Path) -> Log {
    let store = Arc::new(fonds_fuzz::Nothing::default());
    let clock = Arc::new(|| Timestamp(1_767_323_045_000_000));
    Log::open(Lock::take(dir).unwrap(), store, Options::default(), clock).unwrap()
}

/// The exported tiles, as `tlog_tiles` asks for them.
struct Exported(PathBuf);

impl TileReader for Exported {
    fn height(&self) -> u8 {
        8
    }
    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        // Its paths name the height, which C2SP tlog-tiles fixes at 8 and leaves out.
        let path = |tile: &Tile| self.0.join(tile.path().replacen("tile/8/", "tile/", 1));
        Ok(tiles.iter().map(|tile| fs::read(path(tile)).unwrap()).collect())
    }
    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn root_of(checkpoint: &Checkpoint) -> RootHash<Sha256> {
    RootHash::new(checkpoint.hash().0.into(), checkpoint.size())
}

/// The exported leaves, in order, from the entry bundles.
fn leaves(dir: &Path, size: u64) -> Vec<Vec<u8>> {
    let mut leaves = Vec::new();
    while (leaves.len() as u64) < size {
        let (index, left) = (leaves.len() as u64 / 256, size - leaves.len() as u64);
        let name = if left < 256 { format!("{index:03}.p/{left}") } else { format!("{index:03}") };
        let bundle = fs::read(dir.join("tile/entries").join(name)).unwrap();
        let mut rest = &bundle[..];
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (leaf, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            leaves.push(leaf.to_vec());
            rest = after;
        }
    }
    leaves
}

fn check_proofs(reader: &Reader, checkpoint: &Checkpoint, leaves: &[Vec<u8>], older: &[Checkpoint]) {
    let (size, root) = (checkpoint.size(), root_of(checkpoint));
    for index in [0, 1, 127, 254, 255, 256, size / 2, size - 1].into_iter().filter(|index| *index < size) {
        let leaf = &leaves[index as usize];
        let hashes = reader.prove(index, None).unwrap().hashes;
        let proof = InclusionProof::<Sha256>::from_bytes(hashes.iter().flat_map(|hash| hash.0).collect());
        root.verify_inclusion(leaf, index, &proof).unwrap();
        assert!(root.verify_inclusion(b"another entry", index, &proof).is_err());
        let theirs: Vec<Hash> = hashes.iter().map(|hash| Hash(hash.0)).collect();
        tlog_tiles::check_record(&theirs, size, *checkpoint.hash(), index, tlog_tiles::record_hash(leaf)).unwrap();
    }
    for old in older {
        let hashes = reader.consistency(old.size(), size).unwrap().hashes;
        let proof =
            ConsistencyProof::<Sha256>::try_from_bytes(hashes.iter().flat_map(|hash| hash.0).collect()).unwrap();
        root.verify_consistency(&root_of(old), &proof).unwrap();
        let theirs: Vec<Hash> = hashes.iter().map(|hash| Hash(hash.0)).collect();
        tlog_tiles::check_tree(&theirs, size, *checkpoint.hash(), old.size(), *old.hash()).unwrap();
        assert!(tlog_tiles::check_tree(&theirs, size, Hash([0; 32]), old.size(), *old.hash()).is_err());
    }
}

#[test]
fn independent_verifiers_accept_tiles_checkpoint_inclusion_and_consistency_at_every_size() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    Log::create(&data, "log.example/fonds").unwrap();
    let log = open(&data);
    let reader = log.reader().unwrap();
    let key = StandardVerifier::new(&reader.keys()[0].to_string()).unwrap();
    let known = VerifierList::new(vec![Box::new(key)]);
    let mut older: Vec<Checkpoint> = Vec::new();
    for size in SIZES {
        let from = log.size();
        let prepare = |number: u64| log.prepare(Kind::RecordEvent, vec![number.to_be_bytes().to_vec()], None).unwrap();
        log.stage((from..size).map(prepare).collect()).commit().unwrap();
        log.checkpoint().unwrap();
        let exported = dir.path().join(format!("export-{size}"));
        reader.export(&exported).unwrap();

        let note = Note::from_bytes(&fs::read(exported.join("checkpoint")).unwrap()).unwrap();
        assert_eq!(note.verify(&known).unwrap().0.len(), 1, "signed by the log's key");
        let checkpoint = Checkpoint::from_bytes(note.text()).unwrap();
        assert_eq!((checkpoint.origin(), checkpoint.size()), ("log.example/fonds", size));

        let leaves = leaves(&exported, size);
        assert_eq!(leaves.len() as u64, size);
        let tiles = Exported(exported);
        let hashes = TileHashReader::new(size, *checkpoint.hash(), &tiles);
        for index in (0..size).step_by(usize::try_from(size / 16 + 1).unwrap()).chain([size - 1]) {
            let stored = hashes.read_hashes(&[tlog_tiles::stored_hash_index(0, index)]).unwrap();
            assert_eq!(
                stored,
                [tlog_tiles::record_hash(&leaves[index as usize])],
                "tiles lead from leaf {index} to the root"
            );
        }
        check_proofs(&reader, &checkpoint, &leaves, &older);
        older.push(checkpoint);
    }
    log.close().unwrap();
}
