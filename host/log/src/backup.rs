//! Copies of a log: made beside its writer and without its lock, and put back so that they cannot fork it.
//!
//! A backup is a data folder without store, hashes and signing key: journal up to the signed checkpoint, blobs, the keys
//! that check, and the secret of the identities (its owner's only), without which what is sent again would be taken again.
//! It is read, verified and exported like the log itself.

use crate::checkpoint::Checkpoint;
use crate::error::io_error;
use crate::layout::{Layout, Restored};
use crate::note::Signer;
use crate::recover::Tail;
use crate::seal::{self, FOOT_BYTES, Sealed};
use crate::segment::{self, Segment, Start};
use crate::{Lock, LogError, Reader, disk, erase, keys};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// A segment that is sealed or rewritten while it is copied is looked for again this often.
const RETRIES: u32 = 8;
/// What a backup is known by.
const MARK: &str = "backup";

/// What a backup holds, and what was copied for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The checkpoint that it ends with.
    pub checkpoint: Checkpoint,
    /// Files that were written.
    pub copied: u64,
    /// Files that were there already.
    pub kept: u64,
    /// Bytes that were written.
    pub bytes: u64,
}

struct Copying {
    copied: u64,
    kept: u64,
    bytes: u64,
}

impl Copying {
    /// Writes a file so that either the old or the new one is there, whole.
    fn put(&mut self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), LogError> {
        if fs::read(path).is_ok_and(|there| there == bytes) {
            self.kept += 1;
            return Ok(());
        }
        disk::replace(path, bytes, mode)?;
        self.copied += 1;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

impl Reader {
    /// Copies the signed log to `to`: a new or empty folder, or an older backup of this log, of which only what changed is
    /// written. `progress` hears how many segments are done, and of how many.
    ///
    /// # Errors
    /// [`LogError::Backup`] when the folder holds something else or another history; [`LogError::Rejected`] while
    /// something is being erased; [`LogError::Io`] when the disk refuses.
    pub fn backup(&self, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Backup, LogError> {
        if erase::in_progress(&self.layout, || self.size())?.is_some() {
            return Err(LogError::Rejected("something is being erased: make the backup in a moment".to_owned()));
        }
        let (checkpoint, note) = self.checkpoint()?;
        let into = Layout::of(to);
        self.check_target(&into, &checkpoint)?;
        // A backup that was told of is there after a power loss, and so is the name of its folder.
        disk::make_dir_durable(to)?;
        // First: what is cut off after it is known for a backup that is to be made again.
        disk::replace(&to.join(MARK), format!("{}\n", self.origin()).as_bytes(), 0o644)?;
        for folder in [&into.journal, &into.blobs, &into.keys, &into.hashes] {
            disk::make_dir(folder)?;
        }
        let mut copying = Copying { copied: 0, kept: 0, bytes: 0 };
        self.copy_journal(&into, checkpoint.size, &mut copying, progress)?;
        copy_named(&self.layout.blobs, &into.blobs, |_| true, 0o644, &mut copying)?;
        copy_named(&self.layout.keys, &into.keys, |name| keys::IN_BACKUPS.contains(&name), 0o600, &mut copying)?;
        if let Ok(cosigned) = disk::read(&self.layout.cosigned) {
            copying.put(&into.cosigned, &cosigned, 0o644)?;
        }
        if erase::in_progress(&self.layout, || self.size())?.is_some() {
            return Err(LogError::Rejected("something was erased meanwhile: make the backup again".to_owned()));
        }
        copying.put(&into.about(), &disk::read(&self.layout.about())?, 0o644)?;
        // Last: until it is there the backup is the older one; or, where something of that was erased or a key was added
        // since, it does not verify and is refused until the backup is made again.
        copying.put(&into.checkpoint, note.as_bytes(), 0o644)?;
        for folder in [&into.journal, &into.blobs, &into.keys, &into.dir] {
            disk::sync_dir(folder)?;
        }
        let Copying { copied, kept, bytes } = copying;
        Ok(Backup { checkpoint, copied, kept, bytes })
    }

    /// A backup goes into a folder of its own, or onto an older backup of the same history.
    fn check_target(&self, into: &Layout, checkpoint: &Checkpoint) -> Result<(), LogError> {
        let refused = |why: String| Err(LogError::Backup { dir: into.dir.clone(), why });
        // A copy among the files of what it copies would be taken for them, and be lost with them.
        let real = |dir: &Path| fs::canonicalize(if dir.as_os_str().is_empty() { Path::new(".") } else { dir }).ok();
        let (own, lies_in) = (real(&self.layout.dir), into.dir.ancestors().find_map(real));
        if own.zip(lies_in).is_some_and(|(own, lies_in)| lies_in.starts_with(own)) {
            return refused("it lies within the log that is copied: name a folder elsewhere".to_owned());
        }
        let part = Path::new(MARK).with_extension("part");
        let mut there = fs::read_dir(&into.dir).into_iter().flatten().flatten();
        if there.all(|file| file.file_name() == part) {
            return Ok(());
        }
        if !into.dir.join(MARK).exists() {
            return refused("it holds something that is no backup: name a new or empty folder".to_owned());
        }
        let Ok(origin) = into.origin() else { return Ok(()) };
        if origin != self.origin() {
            return refused(format!("it is a backup of another log, `{origin}`"));
        }
        let Ok((older, _)) = into.checkpoint(self.keys()) else { return Ok(()) };
        if older.size > checkpoint.size {
            return refused(format!("it has {} entries, and this log {}: it is newer", older.size, checkpoint.size));
        }
        // Fails unless the older root is that of the same size of this log.
        if self.root_at(older.size)? != older.root {
            return refused("it is a backup of another history of this log".to_owned());
        }
        Ok(())
    }

    fn copy_journal(
        &self,
        into: &Layout,
        size: u64,
        copying: &mut Copying,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), LogError> {
        let mut names = BTreeSet::new();
        let segments: Vec<Segment> =
            segment::list(&self.layout.journal)?.into_iter().filter(|segment| segment.seq < size).collect();
        let ends = segments.iter().skip(1).map(|segment| segment.seq).chain([size]);
        for ((segment, end), done) in segments.iter().zip(ends).zip(1..) {
            names.insert(self.copy_segment(segment.clone(), into, end, copying)?);
            progress(done, segments.len() as u64);
        }
        for file in fs::read_dir(&into.journal).map_err(io_error("list", &into.journal))? {
            let path = file.map_err(io_error("list", &into.journal))?.path();
            if !names.contains(&path) {
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
            }
        }
        Ok(())
    }

    fn copy_segment(
        &self,
        mut segment: Segment,
        into: &Layout,
        size: u64,
        copying: &mut Copying,
    ) -> Result<PathBuf, LogError> {
        for _ in 0..RETRIES {
            match copy_segment(&segment, into, size, copying) {
                // It was sealed or rewritten since it was listed.
                Err(error) if error.is_missing() => {}
                copied => return copied,
            }
            let again = segment::list(&self.layout.journal)?.into_iter().find(|again| again.seq == segment.seq);
            segment = again.ok_or_else(|| LogError::damaged(segment.seq, "its journal segment is missing"))?;
        }
        Err(LogError::Rejected("the journal changes too fast to be copied: make the backup in a moment".to_owned()))
    }
}

/// Copies a segment up to a size of the log, which it must reach.
fn copy_segment(segment: &Segment, into: &Layout, size: u64, copying: &mut Copying) -> Result<PathBuf, LogError> {
    if segment.sealed {
        let sealed = Sealed::open(&segment.path)?;
        if sealed.end <= size {
            let to = segment::sealed_path(&into.journal, segment.seq);
            if is_same(&segment.path, &to)? {
                copying.kept += 1;
            } else {
                copying.put(&to, &disk::read(&segment.path)?, 0o644)?;
            }
            return Ok(to);
        }
    }
    let to = segment::plain_path(&into.journal, segment.seq);
    let bytes = up_to(segment.seq, seal::read(segment)?, size)?;
    copying.put(&to, &bytes, 0o644).map(|()| to)
}

/// The groups of a segment up to a size of the log.
fn up_to(seq: u64, mut bytes: Vec<u8>, size: u64) -> Result<Vec<u8>, LogError> {
    let start = Start::read(&bytes).filter(|start| start.seq == seq);
    let start = start.ok_or_else(|| LogError::damaged(seq, "its segment does not begin as one"))?;
    let tail = Tail::read(&bytes, start);
    // INVARIANT: what is damaged never takes the place of an older copy that is whole.
    let end = tail.end_at(size).filter(|_| tail.size() >= size);
    let end = end.ok_or_else(|| LogError::damaged(tail.size(), "an acknowledged group is not whole"))?;
    bytes.truncate(end);
    Ok(bytes)
}

/// Whether two sealed segments of one seq are the same: an erasure changes length and index.
fn is_same(one: &Path, other: &Path) -> Result<bool, LogError> {
    let foot = |path: &Path| -> std::io::Result<(u64, Vec<u8>)> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        // Number of rows, end, CRC and magic tell it from every other of the same seq.
        let mut foot = vec![0; (FOOT_BYTES as u64).min(length) as usize];
        file.read_exact_at(&mut foot, length.saturating_sub(FOOT_BYTES as u64))?;
        Ok((length, foot))
    };
    let ours = foot(one).map_err(io_error("read", one))?;
    match foot(other) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        theirs => Ok(ours == theirs.map_err(io_error("read", other))?),
    }
}

/// Copies the files of a folder whose names `wanted` lets through.
fn copy_named(
    from: &Path,
    to: &Path,
    wanted: impl Fn(&str) -> bool,
    mode: u32,
    copying: &mut Copying,
) -> Result<(), LogError> {
    for file in fs::read_dir(from).map_err(io_error("list", from))? {
        let name = file.map_err(io_error("list", from))?.file_name();
        if let Some(name) = name.to_str().filter(|name| wanted(name) && !name.ends_with(".part")) {
            copying.put(&to.join(name), &disk::read(&from.join(name))?, mode)?;
        }
    }
    Ok(())
}

/// Puts a backup into a new data folder, which can be read and not written until it is known to be the newest.
///
/// # Errors
/// [`LogError::NotEmpty`] when the folder holds something; [`LogError::Backup`] when what was copied does not verify.
pub fn restore(from: &Path, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Backup, LogError> {
    let reader = Reader::open(from)?;
    if fs::read_dir(to).map_or(0, Iterator::count) > 0 {
        return Err(LogError::NotEmpty(to.to_owned()));
    }
    // From the first file on it is a copy that must not be written.
    let layout = Layout::of(to);
    disk::make_dir_durable(to)?;
    disk::replace(&to.join(MARK), format!("{}\n", reader.origin()).as_bytes(), 0o644)?;
    layout.set_restored(Some(&Restored { from: from.display().to_string(), size: 0 }))?;
    let made = reader.backup(to, progress)?;
    let report = Reader::open(to)?.verify(&mut |_, _| {})?;
    if let Some(damage) = report.damage.first() {
        let why = format!("what it holds does not verify: {}", damage.what);
        return Err(LogError::Backup { dir: from.to_owned(), why });
    }
    layout.set_restored(Some(&Restored { from: from.display().to_string(), size: made.checkpoint.size }))?;
    fs::remove_file(to.join(MARK)).map_err(io_error("remove", &to.join(MARK)))?;
    disk::sync_dir(to)?;
    Ok(made)
}

/// Lets a restored log be written again, once its history has been compared with the newest checkpoint that anyone else
/// holds: `note`; `key` is the log's signing key as it was kept.
///
/// # Errors
/// [`LogError::Backup`] when the copy is older than the checkpoint or of another history, or the key is not the log's.
pub fn resume(lock: &Lock, note: &str, key: &str) -> Result<Checkpoint, LogError> {
    let (layout, reader) = restored_copy(lock)?;
    let refused = |why: String| Err(LogError::Backup { dir: lock.dir().to_owned(), why });
    let (newest, (ours, _)) = (Checkpoint::open(note, reader.keys())?, reader.checkpoint()?);
    if newest.origin != ours.origin {
        return refused(format!("the checkpoint is of another log, `{}`", newest.origin));
    }
    if newest.size == 0 {
        return refused("the checkpoint of an empty log shows nothing: give the newest that others hold".to_owned());
    }
    if newest.size > ours.size {
        let why = format!(
            "others hold a checkpoint of {} entries, and this copy has {}: written to, it would fork the log; restore a newer copy, or start a new origin",
            newest.size, ours.size
        );
        return refused(why);
    }
    if reader.root_at(newest.size)? != newest.root {
        return refused("the checkpoint is of another history than this copy: one of them was forked".to_owned());
    }
    let signer = Signer::parse(key.trim_end())?;
    if reader.keys().first() != Some(&signer.verifier()) {
        return refused("the key is not the one that signs this log".to_owned());
    }
    keys::put_in_use(&layout.keys, &signer)?;
    layout.resume()?;
    Ok(ours)
}

/// A copy that was restored whole and is only read yet.
fn restored_copy(lock: &Lock) -> Result<(Layout, Reader), LogError> {
    let (layout, reader) = (Layout::of(lock.dir()), Reader::open(lock.dir())?);
    let refused = |why: &str| Err(LogError::Backup { dir: lock.dir().to_owned(), why: why.to_owned() });
    if layout.restored()?.is_none() {
        return refused("it is no restored copy");
    }
    // What was cut off, or did not verify, would go on as if it were the log.
    if layout.dir.join(MARK).exists() {
        return refused("it was not restored to the end: remove the folder, and restore the backup again");
    }
    Ok((layout, reader))
}

/// Notes that lie in a data folder until whoever has the log open next logs them, since an entry needs its lock.
pub const NOTES: &str = "notes";

/// Leaves a note, durable when this returns.
///
/// # Errors
/// [`LogError::Io`] when it cannot be written.
pub fn leave_note(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), LogError> {
    let notes = dir.join(NOTES);
    disk::make_dir_durable(&notes)?;
    disk::replace(&notes.join(name), bytes, 0o644)
}

/// Lets a restored log go on under a new name with a new key, so that nobody takes the two for one. Where that was cut off,
/// the same name does the rest of it, with the same key: one that no entry names would be taken for a forgery.
///
/// # Errors
/// [`LogError::Backup`] when it is no restored copy, or was begun under another name; [`LogError::Origin`] when the name cannot be one, or is the old one.
pub fn start_anew(lock: &Lock, origin: &str) -> Result<Checkpoint, LogError> {
    let (layout, reader) = restored_copy(lock)?;
    let (ours, note) = reader.checkpoint()?;
    let before = layout.dir.join("checkpoint.restored");
    let begun = if before.exists() { keys::begun_anew(&layout.keys, &ours.origin, origin)? } else { None };
    if begun.is_some() && origin == ours.origin {
        // All but the last step was done.
        layout.resume()?;
        return Ok(ours);
    }
    if !crate::note::is_name(origin) || origin == ours.origin {
        return Err(LogError::Origin(origin.to_owned()));
    }
    let replaces = reader.keys().iter().find(|key| key.name() == ours.origin).map(ToString::to_string);
    let signer = begun.map_or_else(|| keys::generate(origin), Ok)?;
    disk::replace(&before, note.as_bytes(), 0o644)?;
    keys::put_in_use(&layout.keys, &signer)?;
    keys::put_first(&layout.keys, &signer.verifier())?;
    let anew = Checkpoint { origin: origin.to_owned(), ..ours };
    // The entry that names the key follows once the log can be written.
    let key = signer.verifier().to_string();
    let said = serde_json::json!({ "key": key, "replaces": replaces.unwrap_or_default(),
        "reason": "a restored copy goes on under a new origin" });
    leave_note(&layout.dir, "key-added.json", said.to_string().as_bytes())?;
    // Until the mark is gone, the same command does all of it again.
    layout.rename(origin)?;
    disk::replace(&layout.checkpoint, anew.sign(&signer).as_bytes(), 0o644)?;
    layout.resume()?;
    Ok(anew)
}
