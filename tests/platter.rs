//! A disk that loses its power: what files and folders may look like afterwards, given the calls that changed them.
//!
//! The promises are those of POSIX and no more: what fsync or fdatasync covered is there. Of all else each sector shows
//! any of its versions, a file's length is any that it had, and a folder's entries are lost or kept in any combination;
//! only a rename is either there or not.

use crate::shim::{Call, Random};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::rc::Rc;

type Entries = BTreeMap<String, usize>;

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Rc<[u8]>),
    Cut(u64),
}

#[derive(Debug, Clone)]
enum Naming {
    Set(String, usize),
    Gone(String),
    Move(String, String, usize),
}

/// A file or a folder: what is durable, and what is not yet, with the number of the call that did it.
#[derive(Debug, Default)]
struct Node {
    is_folder: bool,
    bytes: Vec<u8>,
    changes: Vec<(usize, Change)>,
    /// A folder's entries as programs see them, and as they are durable.
    live: Entries,
    durable: Entries,
    namings: Vec<(usize, Naming)>,
}

/// How much a power loss takes.
#[derive(Debug, Clone)]
pub(crate) struct Loss {
    /// Calls from here on never reached the disk, unless they were synced.
    pub(crate) cut: usize,
    /// Of a hundred unsynced changes to files, so many are kept whole; of the others half are torn, sector by sector.
    pub(crate) kept: u64,
    /// Of a hundred unsynced names, so many are kept.
    pub(crate) names_kept: u64,
    /// Whether a lost name loses all that were given after it, as in a file system with a journal.
    pub(crate) names_in_order: bool,
    /// Bytes that a disk writes at once.
    pub(crate) sector: u64,
}

impl Loss {
    /// A loss at the call `at`, out of all those that may be.
    pub(crate) fn random(random: &mut Random, at: usize) -> Self {
        let recent = at - random.below(200.min(at as u64 + 1)) as usize;
        Self {
            cut: if random.in_100(50) { at } else { recent },
            kept: [0, 20, 50, 80, 100][random.below(5) as usize],
            names_kept: [0, 30, 70, 100][random.below(4) as usize],
            names_in_order: random.in_100(50),
            sector: if random.in_100(50) { 512 } else { 4_096 },
        }
    }
}

/// The disk as the calls so far have left it.
#[derive(Default)]
pub(crate) struct Platter {
    nodes: Vec<Node>,
    inodes: HashMap<u64, usize>,
    calls: usize,
    /// Whether fsync is believed; without it the disk of a program that never calls it.
    syncs: bool,
}

impl Platter {
    /// A disk that holds a folder with all that is in it, durably.
    pub(crate) fn holding(folder: &Path, syncs: bool) -> Self {
        let mut platter = Self { nodes: Vec::new(), inodes: HashMap::new(), calls: 0, syncs };
        platter.hold(folder);
        platter
    }

    fn hold(&mut self, path: &Path) -> usize {
        let about = std::fs::metadata(path).expect("it is there");
        let node = self.nodes.len();
        self.nodes.push(Node { is_folder: about.is_dir(), ..Node::default() });
        self.inodes.insert(about.ino(), node);
        if about.is_dir() {
            for file in std::fs::read_dir(path).expect("a folder") {
                let file = file.expect("a file");
                let entry = self.hold(&file.path());
                self.nodes[node].live.insert(file.file_name().into_string().expect("a name"), entry);
            }
            self.nodes[node].durable = self.nodes[node].live.clone();
        } else {
            self.nodes[node].bytes = std::fs::read(path).expect("a file");
        }
        node
    }

    /// How many calls it has taken.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    fn folder_of<'a>(&self, path: &'a Path) -> (usize, &'a str) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let mut at = 0;
        for part in path.parent().into_iter().flat_map(Path::components) {
            let part = part.as_os_str().to_str().expect("a name");
            at = *self.nodes[at].live.get(part).unwrap_or_else(|| panic!("`{}` is not known", path.display()));
        }
        (at, name)
    }

    fn make(&mut self, path: &Path, inode: u64, is_folder: bool) {
        let (folder, name) = self.folder_of(path);
        let node = self.nodes.len();
        self.nodes.push(Node { is_folder, ..Node::default() });
        self.inodes.insert(inode, node);
        self.nodes[folder].live.insert(name.to_owned(), node);
        self.nodes[folder].namings.push((self.calls, Naming::Set(name.to_owned(), node)));
    }

    fn node(&mut self, inode: u64) -> &mut Node {
        let node = *self.inodes.get(&inode).expect("the file was made before it was written");
        &mut self.nodes[node]
    }

    /// Takes the next call.
    pub(crate) fn take(&mut self, call: &Call) {
        let number = self.calls;
        match call {
            Call::Create { path, inode } => self.make(path, *inode, false),
            Call::MakeFolder { path, inode } => self.make(path, *inode, true),
            Call::Write { inode, offset, bytes } => {
                let change = Change::Write(*offset, bytes.as_slice().into());
                self.node(*inode).changes.push((number, change));
            }
            Call::Truncate { inode, length } => self.node(*inode).changes.push((number, Change::Cut(*length))),
            Call::Sync { inode } if self.syncs => self.node(*inode).settle(),
            Call::Sync { .. } | Call::Said(_) => {}
            Call::Rename { from, to } => {
                let ((folder, from), (other, to)) = (self.folder_of(from), self.folder_of(to));
                assert_eq!(folder, other, "a rename goes into another folder");
                let folder = &mut self.nodes[folder];
                let node = folder.live.remove(from).expect("what is renamed is there");
                folder.live.insert(to.to_owned(), node);
                folder.namings.push((number, Naming::Move(from.to_owned(), to.to_owned(), node)));
            }
            Call::Unlink { path } => {
                let (folder, name) = self.folder_of(path);
                self.nodes[folder].live.remove(name);
                self.nodes[folder].namings.push((number, Naming::Gone(name.to_owned())));
            }
        }
        self.calls += 1;
    }

    /// Writes what is left after a power loss into an empty folder.
    pub(crate) fn lose_power(&self, loss: &Loss, random: &mut Random, to: &Path) {
        let mut lost_from = usize::MAX;
        self.write(0, loss, random, &mut lost_from, to);
    }

    fn write(&self, node: usize, loss: &Loss, random: &mut Random, lost_from: &mut usize, to: &Path) {
        std::fs::create_dir_all(to).expect("a folder");
        for (name, entry) in self.nodes[node].entries_after(loss, random, lost_from) {
            let to = to.join(&name);
            if self.nodes[entry].is_folder {
                self.write(entry, loss, random, lost_from, &to);
            } else {
                std::fs::write(to, self.nodes[entry].bytes_after(loss, random)).expect("a file");
            }
        }
    }
}

impl Node {
    /// fsync: all of it is durable now.
    fn settle(&mut self) {
        for (_, change) in self.changes.drain(..) {
            change.apply(&mut self.bytes);
        }
        if self.is_folder {
            self.namings.clear();
            self.durable.clone_from(&self.live);
        }
    }

    fn entries_after(&self, loss: &Loss, random: &mut Random, lost_from: &mut usize) -> Entries {
        let mut entries = self.durable.clone();
        for (number, naming) in &self.namings {
            if *number >= loss.cut || *number >= *lost_from || !random.in_100(loss.names_kept) {
                if loss.names_in_order {
                    *lost_from = (*number).min(*lost_from);
                }
                continue;
            }
            match naming {
                Naming::Set(name, node) => drop(entries.insert(name.clone(), *node)),
                Naming::Gone(name) => drop(entries.remove(name)),
                Naming::Move(from, to, node) => {
                    if entries.get(from) == Some(node) {
                        entries.remove(from);
                    }
                    entries.insert(to.clone(), *node);
                }
            }
        }
        entries
    }

    fn bytes_after(&self, loss: &Loss, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let mut lengths = vec![bytes.len()];
        // A sector that shows an old version shows nothing of what came later.
        let mut old = HashSet::new();
        for (number, change) in &self.changes {
            let whole = *number < loss.cut && random.in_100(loss.kept);
            let torn = *number < loss.cut && random.in_100(50);
            match change {
                Change::Cut(length) => {
                    if whole {
                        bytes.truncate(*length as usize);
                    }
                    lengths.push(*length as usize);
                }
                Change::Write(offset, written) => {
                    lengths.push((*offset as usize + written.len()).max(lengths.last().copied().unwrap_or(0)));
                    let mut at = 0;
                    while at < written.len() {
                        let place = offset + at as u64;
                        let sector = place / loss.sector;
                        let end = written.len().min(at + ((sector + 1) * loss.sector - place) as usize);
                        if !old.contains(&sector) && (whole || torn && random.in_100(50)) {
                            Change::Write(place, written[at..end].into()).apply(&mut bytes);
                        } else {
                            old.insert(sector);
                        }
                        at = end;
                    }
                }
            }
        }
        let length = if loss.kept == 100 && loss.cut > self.changes.last().map_or(0, |(number, _)| *number) {
            lengths.last().copied()
        } else {
            lengths.get(random.below(lengths.len() as u64) as usize).copied()
        };
        bytes.resize(length.unwrap_or(0), 0);
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Cut(length) => bytes.resize(*length as usize, 0),
            Self::Write(offset, written) => {
                let end = *offset as usize + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset as usize..end].copy_from_slice(written);
            }
        }
    }
}
