//! The program with `shim/shim.c` between it and its files: what it wrote, in order, and calls that fail as told.

use crate::support;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The shim, built with the system's C compiler; none where there is none, which fails under `CI=true`.
pub(crate) fn shim() -> Option<PathBuf> {
    let source = support::workspace().join("tests/shim/shim.c");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim.so");
    let age = |path: &Path| std::fs::metadata(path).and_then(|about| about.modified()).ok();
    if age(&library).is_some_and(|built| Some(built) > age(&source)) {
        return Some(library);
    }
    // Tests run beside each other: none may load a half-written one.
    let part = library.with_extension(std::process::id().to_string());
    let built = Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(&part).arg(&source).status();
    if built.is_ok_and(|built| built.success()) {
        std::fs::rename(&part, &library).expect("the shim is moved into place");
        return Some(library);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "there is no cc, and CI=true needs it");
    eprintln!("skipped: there is no cc");
    None
}

/// A number from the environment: how long a campaign runs.
pub(crate) fn rounds(name: &str, short: u32) -> u32 {
    std::env::var(name).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(short)
}

/// A generator of its own: which points are hit must not depend on a library's.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }

    pub(crate) fn in_100(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What happens at which call.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) at: u64,
    /// `eio-before`, `enospc-after`, `kill-before`, …
    pub(crate) act: &'static str,
    /// Whether it goes on happening at every later call that writes.
    pub(crate) on: bool,
}

/// Puts the shim between a command and the files below `root`.
pub(crate) fn preload(command: &mut Command, shim: &Path, root: &Path, fault: Option<&Fault>) {
    command.env("LD_PRELOAD", shim).env("SHIM_ROOT", root).env("NO_COLOR", "1");
    if let Some(fault) = fault {
        command.env("SHIM_AT", fault.at.to_string()).env("SHIM_ACT", fault.act);
        if fault.on {
            command.env("SHIM_ON", "1");
        }
    }
}

/// A call that changed a file, or a word that was said meanwhile. Paths are below the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Create { path: PathBuf, inode: u64 },
    Write { inode: u64, offset: u64, bytes: Vec<u8> },
    Truncate { inode: u64, length: u64 },
    Sync { inode: u64 },
    Rename { from: PathBuf, to: PathBuf },
    Unlink { path: PathBuf },
    MakeFolder { path: PathBuf, inode: u64 },
    Said(String),
}

/// Reads what the shim wrote down.
pub(crate) fn read_trace(trace: &Path, root: &Path) -> Vec<Call> {
    let bytes = std::fs::read(trace).expect("the shim wrote a trace");
    let root = root.canonicalize().expect("the root is there");
    let (mut rest, mut calls) = (bytes.as_slice(), Vec::new());
    while let Some((head, after)) = rest.split_first_chunk::<36>() {
        let small = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes")) as usize;
        let large = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let (kind, inode, offset, length) = (small(0), large(12), large(20), large(28));
        let (path, after) = after.split_at(small(4));
        let (other, after) = after.split_at(small(8));
        let (content, after) = after.split_at(if matches!(kind, 2 | 8) { length as usize } else { 0 });
        let below = |path: &[u8]| {
            let path = String::from_utf8_lossy(path).into_owned();
            Path::new(&path).strip_prefix(&root).map_or_else(|_| PathBuf::from(&path), Path::to_owned)
        };
        calls.push(match kind {
            1 => Call::Create { path: below(path), inode },
            2 => Call::Write { inode, offset, bytes: content.to_vec() },
            3 => Call::Truncate { inode, length: offset },
            4 => Call::Sync { inode },
            5 => Call::Rename { from: below(path), to: below(other) },
            6 => Call::Unlink { path: below(path) },
            7 => Call::MakeFolder { path: below(path), inode },
            8 => Call::Said(String::from_utf8_lossy(content).into_owned()),
            _ => panic!("a call that is not replayed: {} on {}", String::from_utf8_lossy(other), below(path).display()),
        });
        rest = after;
    }
    assert!(rest.is_empty(), "the trace ends within a record");
    calls
}

/// Says something into a trace, between two processes.
pub(crate) fn say(trace: &Path, text: &str) {
    use std::io::Write as _;
    let mut record = Vec::new();
    record.extend_from_slice(&8_u32.to_le_bytes());
    record.extend_from_slice(&[0; 8 + 16]);
    record.extend_from_slice(&(text.len() as u64).to_le_bytes());
    record.extend_from_slice(text.as_bytes());
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(trace).expect("a trace");
    file.write_all(&record).expect("a trace is written");
}
