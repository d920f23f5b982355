//! The tree's hashes in flat files, one for each level of tiles: `hashes/0`, `hashes/8`, …
//!
//! Only what C2SP tlog-tiles stores is stored: levels 0, 8, 16, …; those between are computed from 2 to 128 of them. All
//! of it can be made again from the journal, so it is never synced for an append, and always checked before it is used.

use crate::LogError;
use crate::error::io_error;
use crate::tree::{CompactRange, Node, node_hash, peaks};
use fonds_model::Digest;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Levels in a tile, as C2SP tlog-tiles fixes it.
pub(crate) const TILE_LEVELS: u8 = 8;
const HASH_BYTES: u64 = 32;

/// The hashes of some nodes, in the order asked; `None` when the files do not reach that far.
pub(crate) fn read(dir: &Path, nodes: &[Node]) -> Result<Option<Vec<Digest>>, LogError> {
    let mut files: BTreeMap<u8, File> = BTreeMap::new();
    let mut hashes = Vec::with_capacity(nodes.len());
    for node in nodes {
        let base = node.level / TILE_LEVELS * TILE_LEVELS;
        let path = dir.join(base.to_string());
        if let std::collections::btree_map::Entry::Vacant(vacant) = files.entry(base) {
            match File::open(&path).map_err(io_error("open", &path)) {
                Ok(file) => vacant.insert(file),
                Err(error) if error.is_missing() => return Ok(None),
                Err(error) => return Err(error),
            };
        }
        let count = HASH_BYTES << (node.level - base);
        let mut bytes = vec![0; count as usize];
        let read = files.get(&base).map(|file| file.read_exact_at(&mut bytes, node.index.saturating_mul(count)));
        match read {
            Some(Ok(())) => {}
            Some(Err(error)) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
                return Err(io_error("read", &path)(error));
            }
            _ => return Ok(None),
        }
        let mut row: Vec<Digest> = bytes.chunks_exact(32).filter_map(|hash| hash.try_into().ok().map(Digest)).collect();
        while row.len() > 1 {
            row = row
                .chunks_exact(2)
                .filter_map(|pair| <&[Digest; 2]>::try_from(pair).ok())
                .map(|[l, r]| node_hash(l, r))
                .collect();
        }
        hashes.extend(row);
    }
    Ok((hashes.len() == nodes.len()).then_some(hashes))
}

/// The compact range of the first `size` entries; `None` when the files do not reach that far.
pub(crate) fn range(dir: &Path, size: u64) -> Result<Option<CompactRange>, LogError> {
    Ok(read(dir, &peaks(size))?.and_then(|hashes| CompactRange::from_peaks(size, hashes)))
}

struct Level {
    file: File,
    path: PathBuf,
    unwritten: Vec<u8>,
}

/// The one that appends to the files.
pub(crate) struct HashWriter {
    dir: PathBuf,
    size: u64,
    levels: BTreeMap<u8, Level>,
}

impl HashWriter {
    /// Opens the files and cuts them to a size that they reach.
    pub(crate) fn open(dir: &Path, size: u64) -> Result<Self, LogError> {
        let mut writer = Self { dir: dir.to_owned(), size, levels: BTreeMap::new() };
        for base in (0..64).step_by(usize::from(TILE_LEVELS)) {
            if size >> base > 0 || dir.join(base.to_string()).exists() {
                let level = writer.level(base)?;
                level.file.set_len((size >> base) * HASH_BYTES).map_err(io_error("cut", &level.path))?;
            }
        }
        Ok(writer)
    }

    fn level(&mut self, base: u8) -> Result<&mut Level, LogError> {
        match self.levels.entry(base) {
            std::collections::btree_map::Entry::Occupied(level) => Ok(level.into_mut()),
            std::collections::btree_map::Entry::Vacant(vacant) => {
                let path = self.dir.join(base.to_string());
                let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
                let file = file.map_err(io_error("open", &path))?;
                Ok(vacant.insert(Level { file, path, unwritten: Vec::new() }))
            }
        }
    }

    /// Takes a subtree's hash; it is written with [`HashWriter::flush`].
    pub(crate) fn push(&mut self, node: Node, hash: &Digest) -> Result<(), LogError> {
        if node.level.is_multiple_of(TILE_LEVELS) {
            self.level(node.level)?.unwritten.extend_from_slice(&hash.0);
        }
        Ok(())
    }

    /// Forgets what was not written.
    pub(crate) fn discard(&mut self) {
        self.levels.values_mut().for_each(|level| level.unwritten.clear());
    }

    /// Writes what was taken; `size` is the log's size after it.
    pub(crate) fn flush(&mut self, size: u64) -> Result<(), LogError> {
        for (base, level) in &mut self.levels {
            let offset = (self.size >> base) * HASH_BYTES;
            level.file.write_all_at(&level.unwritten, offset).map_err(io_error("write", &level.path))?;
            level.unwritten.clear();
        }
        self.size = size;
        Ok(())
    }

    /// Makes all that was written durable.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.levels.values().try_for_each(|level| level.file.sync_data().map_err(io_error("make durable", &level.path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::leaf_hash;

    #[test]
    fn every_node_comes_back_whatever_its_level() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = HashWriter::open(dir.path(), 0).unwrap();
        let (mut range_, mut all) = (CompactRange::default(), Vec::new());
        for n in 0_u64..1_000 {
            let mut made = Vec::new();
            range_.push(leaf_hash(&n.to_be_bytes()), |node, hash| made.push((node, hash)));
            for (node, hash) in &made {
                writer.push(*node, hash).unwrap();
            }
            all.extend(made);
            if n % 97 == 0 {
                writer.flush(n + 1).unwrap();
            }
        }
        writer.flush(1_000).unwrap();
        let nodes: Vec<_> = all.iter().map(|(node, _)| *node).collect();
        let hashes: Vec<_> = all.iter().map(|(_, hash)| *hash).collect();
        assert_eq!(read(dir.path(), &nodes).unwrap(), Some(hashes));
        assert_eq!(range(dir.path(), 1_000).unwrap(), Some(range_));
        assert_eq!(range(dir.path(), 1_001).unwrap(), None);
        HashWriter::open(dir.path(), 300).unwrap();
        assert!(range(dir.path(), 300).unwrap().is_some() && range(dir.path(), 301).unwrap().is_none());
    }
}
