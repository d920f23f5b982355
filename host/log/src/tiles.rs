//! Export in the layout of C2SP tlog-tiles: `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`.

use crate::checkpoint::Checkpoint;
use crate::chunks::{Chunks, for_each_entry};
use crate::error::io_error;
use crate::hashes::TILE_LEVELS;
use crate::tree::{CompactRange, leaf_hash};
use crate::{LogError, disk};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const TILE_WIDTH: u64 = 256;

/// Tiles and bundles that are being filled; each is written when it is full.
struct Tiles<'a> {
    dir: &'a Path,
    levels: BTreeMap<u8, Vec<u8>>,
    bundle: Vec<u8>,
}

/// Writes tiles and bundles of the signed log, and fails if they do not have the signed root.
pub(crate) fn export(journal: &Path, signed: &Checkpoint, dir: &Path) -> Result<(), LogError> {
    let mut tiles = Tiles { dir, levels: BTreeMap::new(), bundle: Vec::new() };
    let mut tree = CompactRange::default();
    disk::make_dir(dir)?;
    for_each_entry(&mut Chunks::new(journal, 0, signed.size), 0, signed.size, |seq, entry, _| {
        tiles.bundle.extend_from_slice(&(entry.header.len() as u16).to_be_bytes());
        tiles.bundle.extend_from_slice(entry.header);
        let mut made = Vec::new();
        tree.push(leaf_hash(entry.header), |node, hash| {
            if node.level.is_multiple_of(TILE_LEVELS) {
                made.push((node, hash));
            }
        });
        for (node, hash) in made {
            tiles.levels.entry(node.level / TILE_LEVELS).or_default().extend_from_slice(&hash.0);
            if node.index % TILE_WIDTH == TILE_WIDTH - 1 {
                tiles.write_tile(node.level / TILE_LEVELS, node.index / TILE_WIDTH, None)?;
            }
        }
        if seq % TILE_WIDTH == TILE_WIDTH - 1 {
            tiles.write_bundle(seq / TILE_WIDTH, None)?;
        }
        Ok(())
    })?;
    if tree.size() != signed.size || tree.root() != signed.root {
        return Err(LogError::damaged(0, "the journal is not what the stored checkpoint signed"));
    }
    tiles.write_partial(signed.size)
}

impl Tiles<'_> {
    fn write_partial(&mut self, size: u64) -> Result<(), LogError> {
        for level in 0..64 / TILE_LEVELS {
            let hashes = size >> (level * TILE_LEVELS);
            if !hashes.is_multiple_of(TILE_WIDTH) {
                self.write_tile(level, hashes / TILE_WIDTH, Some(hashes % TILE_WIDTH))?;
            }
        }
        if size.is_multiple_of(TILE_WIDTH) {
            return Ok(());
        }
        self.write_bundle(size / TILE_WIDTH, Some(size % TILE_WIDTH))
    }

    fn write_tile(&mut self, level: u8, index: u64, width: Option<u64>) -> Result<(), LogError> {
        let bytes = self.levels.remove(&level).unwrap_or_default();
        write(&self.dir.join(format!("tile/{level}")).join(path(index, width)), &bytes)
    }

    fn write_bundle(&mut self, index: u64, width: Option<u64>) -> Result<(), LogError> {
        let bytes = std::mem::take(&mut self.bundle);
        write(&self.dir.join("tile/entries").join(path(index, width)), &bytes)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), LogError> {
    path.parent().map_or(Ok(()), disk::make_dir)?;
    fs::write(path, bytes).map_err(io_error("write", path))
}

/// `x001/x234/067`, and `.p/W` for a partial one.
fn path(index: u64, width: Option<u64>) -> PathBuf {
    let mut text = format!("{:03}", index % 1_000);
    let mut rest = index / 1_000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1_000);
        rest /= 1_000;
    }
    if let Some(width) = width {
        text = format!("{text}.p/{width}");
    }
    PathBuf::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_ones_of_the_specification() {
        assert_eq!(path(0, None), Path::new("000"));
        assert_eq!(path(1_234_067, None), Path::new("x001/x234/067"));
        assert_eq!(path(1_000, Some(17)), Path::new("x001/000.p/17"));
    }
}
