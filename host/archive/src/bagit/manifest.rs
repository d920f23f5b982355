//! Manifests and `fetch.txt`: lines that name files (RFC 8493 §2.1.3, §2.2.1 and §2.2.3).

use crate::finding::Findings;
use crate::hash::Algorithm;
use crate::name;
use crate::tree::FILES_MAX;
use fonds_model::Fixity;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// A manifest.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) file: String,
    pub(super) algorithm: Algorithm,
    /// Whether it lists tag files, and not the payload.
    pub(super) is_of_tags: bool,
    /// Digests in lower case by path.
    pub(super) entries: BTreeMap<String, String>,
}

/// A line of `fetch.txt`.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) url: String,
    pub(super) path: String,
}

/// A path as a manifest writes it (§2.1.3: line ends and `%`, and only those, are percent-encoded).
pub(super) fn encoded(path: &str) -> String {
    path.replace('%', "%25").replace('\n', "%0A").replace('\r', "%0D")
}

/// A path as it was before; drafts before 1.0 do not encode `%`.
fn decoded(path: &str, (major, _): (u32, u32)) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let is = match after.get(..2).map(str::to_ascii_uppercase).as_deref() {
            Some("0A") => Some('\n'),
            Some("0D") => Some('\r'),
            Some("25") if major >= 1 => Some('%'),
            _ => None,
        };
        match is {
            Some(c) => {
                out.push(c);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A manifest's text.
pub(super) fn render(files: &BTreeMap<String, Fixity>, algorithm: Algorithm) -> String {
    let mut text = String::new();
    for (path, fixity) in files {
        let path = encoded(path);
        // A `String` takes whatever is written.
        let _ = match algorithm {
            Algorithm::Sha512 => writeln!(text, "{}  {path}", fixity.sha512),
            _ => writeln!(text, "{}  {path}", fixity.sha256),
        };
    }
    text
}

/// Which manifest a file at the top is; an error for one whose algorithm is not understood.
pub(super) fn kind_of(file: &str) -> Option<(bool, Result<Algorithm, String>)> {
    let lower = file.to_ascii_lowercase();
    let stem = lower.strip_suffix(".txt")?;
    let (is_of_tags, algorithm) = match stem.strip_prefix("tagmanifest-") {
        Some(algorithm) => (true, algorithm),
        None => (false, stem.strip_prefix("manifest-")?),
    };
    // `sha-512` is how some tools wrote it before the RFC.
    let plain: String = algorithm.chars().filter(char::is_ascii_alphanumeric).collect();
    Some((is_of_tags, Algorithm::parse(&plain).ok_or_else(|| algorithm.to_owned())))
}

/// Takes paths in, and finds those that are unsafe, twice there, or one file on some systems.
struct Paths<'f> {
    file: &'f str,
    folded: HashMap<String, String>,
}

impl Paths<'_> {
    /// Whether the path may be used.
    fn take(&mut self, path: &str, findings: &mut Findings) -> bool {
        if let Some(why) = name::why_unsafe(path) {
            findings.error("RFC 8493 §5.1", path, format!("`{}` names a path that {why}", self.file));
            return false;
        }
        match self.folded.insert(name::folded(path), path.to_owned()) {
            Some(other) if other == path => {
                findings.error("RFC 8493 §2.1.3", path, format!("`{}` lists it twice", self.file));
                false
            }
            Some(other) => {
                let other = crate::finding::shown(&other);
                let what = format!("`{}` lists `{other}` too, which is the same file on some systems", self.file);
                findings.error("RFC 8493 §5.2", path, what);
                true
            }
            None => true,
        }
    }
}

/// Whether a list has more lines than a package has files; what is left of it is not read.
fn is_too_long(file: &str, line: u64, findings: &mut Findings) -> bool {
    let is = usize::try_from(line).is_ok_and(|line| line > FILES_MAX);
    if is {
        findings.error("bounds", file, format!("has more than {FILES_MAX} lines"));
    }
    is
}

impl Manifest {
    pub(super) fn read(
        file: &str,
        (is_of_tags, algorithm): (bool, Algorithm),
        text: &str,
        version: (u32, u32),
        findings: &mut Findings,
    ) -> Self {
        let mut entries = BTreeMap::new();
        let mut paths = Paths { file, folded: HashMap::new() };
        for (line, number) in text.lines().zip(1_u64..) {
            if line.trim().is_empty() {
                continue;
            }
            if is_too_long(file, number, findings) {
                break;
            }
            let Some((digest, path)) = line.split_once([' ', '\t']) else {
                findings.error("RFC 8493 §2.1.3", file, format!("line {number} is no digest and path"));
                continue;
            };
            let path = path.trim_start_matches([' ', '\t']);
            // md5sum writes an asterisk for a file that was read as it is.
            let path = path.strip_prefix('*').unwrap_or(path);
            if digest.len() != algorithm.digits() || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let what = format!("line {number} has no digest of {}", algorithm.as_str());
                findings.error("RFC 8493 §2.4", file, what);
                continue;
            }
            let path = match path.strip_prefix("./") {
                Some(rest) => {
                    findings.warning("RFC 8493 §2.1.3", file, format!("line {number}: the path begins with `./`"));
                    rest
                }
                None => path,
            };
            let path = decoded(path, version);
            if !paths.take(&path, findings) {
                continue;
            }
            if path.starts_with("data/") == is_of_tags {
                let what = if is_of_tags { "payload in a tag manifest" } else { "a path outside `data/`" };
                findings.error("RFC 8493 §2.1.3", path.as_str(), format!("`{file}` lists {what}"));
                continue;
            }
            entries.insert(path, digest.to_ascii_lowercase());
        }
        Self { file: file.to_owned(), algorithm, is_of_tags, entries }
    }
}

/// Reads `fetch.txt`; nothing is ever fetched.
pub(super) fn read_fetch(text: &str, version: (u32, u32), findings: &mut Findings) -> Vec<Fetch> {
    const RULE: &str = "RFC 8493 §2.2.3";
    let mut lines = Vec::new();
    let mut paths = Paths { file: "fetch.txt", folded: HashMap::new() };
    for (line, number) in text.lines().zip(1_u64..) {
        if line.trim().is_empty() {
            continue;
        }
        if is_too_long("fetch.txt", number, findings) {
            break;
        }
        let mut parts = line.splitn(2, [' ', '\t']);
        let url = parts.next().unwrap_or_default();
        let rest = parts.next().unwrap_or_default().trim_start_matches([' ', '\t']);
        let Some((length, path)) = rest.split_once([' ', '\t']) else {
            findings.error(RULE, "fetch.txt", format!("line {number} is no URL, length and path"));
            continue;
        };
        if length != "-" && length.parse::<u64>().is_err() {
            findings.error(RULE, "fetch.txt", format!("line {number}: the length is neither a number nor `-`"));
        }
        if !["https://", "http://", "ftp://", "sftp://", "s3://"].iter().any(|scheme| url.starts_with(scheme)) {
            let what = format!("line {number}: `{}` is not fetched from another machine", crate::finding::shown(url));
            findings.error("RFC 8493 §5.1", "fetch.txt", what);
        }
        let path = decoded(path.trim_start_matches([' ', '\t']), version);
        if !paths.take(&path, findings) {
            continue;
        }
        if !path.starts_with("data/") {
            findings.error(RULE, path.as_str(), "`fetch.txt` lists a path outside `data/`");
            continue;
        }
        lines.push(Fetch { url: url.to_owned(), path });
    }
    lines
}
