//! What files are called within a package: names that every system can have, and that lead nowhere else.

use std::collections::HashSet;
use unicode_normalization::UnicodeNormalization as _;

/// A longer path is refused.
pub(crate) const PATH_BYTES_MAX: usize = 4_096;
/// A path of more parts is refused.
pub(crate) const PARTS_MAX: usize = 64;
/// One part of a name that we write has at most this many bytes, as most file systems allow.
const PART_BYTES_MAX: usize = 200;

/// Why a path from a package may not be followed; `None` when it stays within.
pub(crate) fn why_unsafe(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("is empty");
    }
    if path.len() > PATH_BYTES_MAX {
        return Some("is longer than a path may be");
    }
    if path.starts_with('/') || path.starts_with('\\') {
        return Some("is absolute");
    }
    if path.starts_with('~') {
        return Some("begins with `~`, which a shell takes for somebody's home");
    }
    let mut bytes = path.bytes();
    if bytes.next().is_some_and(|first| first.is_ascii_alphabetic()) && bytes.next() == Some(b':') {
        return Some("begins with a drive's letter");
    }
    if path.contains('\0') {
        return Some("holds a NUL character");
    }
    if path.split('/').count() > PARTS_MAX {
        return Some("has more folders in each other than are read");
    }
    for part in path.split(['/', '\\']) {
        match part {
            "" => return Some("has an empty part"),
            "." | ".." => return Some("has a part `.` or `..`, which leads elsewhere"),
            _ => {}
        }
    }
    None
}

/// What a name becomes where case does not count and letters are composed: names that become the same are one file on
/// some systems.
pub(crate) fn folded(name: &str) -> String {
    name.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// Makes of names from anywhere such as every system can have, each only once.
#[derive(Debug, Default)]
pub(crate) struct Namer {
    given: HashSet<String>,
}

impl Namer {
    /// A path like this one, with slashes between its parts, that nobody else was given.
    pub(crate) fn path(&mut self, like: &str) -> String {
        let parts: Vec<String> = like.split('/').filter(|part| !part.is_empty()).map(portable).collect();
        let path = parts.join("/");
        let path = if path.is_empty() { "unnamed".to_owned() } else { path };
        let mut candidate = path.clone();
        let mut number = 1_u64;
        while !self.given.insert(folded(&candidate)) {
            number += 1;
            candidate = numbered(&path, number);
        }
        candidate
    }
}

/// `a/b.pdf` as `a/b-2.pdf`.
fn numbered(path: &str, number: u64) -> String {
    let (folder, file) = path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file));
    let slash = if folder.is_empty() { "" } else { "/" };
    match file.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() => format!("{folder}{slash}{stem}-{number}.{end}"),
        _ => format!("{folder}{slash}{file}-{number}"),
    }
}

/// One part of a path, without what some system does not allow; `%` too, which validators decode in different ways.
fn portable(part: &str) -> String {
    let plain = |c: char| if c.is_control() || r#"\:*?"<>|%~"#.contains(c) { '_' } else { c };
    let mut name: String = part.nfc().map(plain).collect();
    while name.len() > PART_BYTES_MAX {
        name.pop();
    }
    let name = name.trim_matches([' ', '.']).trim_start_matches('-');
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_device = ["con", "prn", "aux", "nul"].contains(&stem.as_str())
        || (stem.len() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")));
    if name.is_empty() || is_device { format!("_{name}") } else { name.to_owned() }
}

/// A short name for an id, of plain letters only.
pub(crate) fn slug(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let slug: String = id.chars().map(plain).collect();
    let slug = slug.trim_matches('-');
    let tail = slug.len().saturating_sub(60);
    let slug = slug.get(tail..).unwrap_or(slug).trim_matches('-');
    if slug.is_empty() { "record".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_seen() {
        let unsafe_paths = [
            "",
            "/etc/passwd",
            "../a",
            "data/../../a",
            "./a",
            "~/a",
            "~root",
            "C:\\a",
            "c:a",
            "\\\\host\\a",
            "a//b",
            "a\0",
        ];
        for path in unsafe_paths {
            assert!(why_unsafe(path).is_some(), "{path:?}");
        }
        assert!(why_unsafe("a\\..\\b").is_some());
        assert!(why_unsafe(&"a/".repeat(PARTS_MAX + 1)).is_some());
        for path in ["data/a", "data/a b.txt", "data/..a", "data/a~", "a:b/é"] {
            assert_eq!(why_unsafe(path).filter(|_| path != "a:b/é"), None, "{path:?}");
        }
    }

    #[test]
    fn names_that_some_system_takes_for_one_get_different_ones() {
        let mut namer = Namer::default();
        assert_eq!(namer.path("a/Plan.pdf"), "a/Plan.pdf");
        assert_eq!(namer.path("a/plan.PDF"), "a/plan-2.PDF");
        assert_eq!(namer.path("a/e\u{301}"), "a/é");
        assert_eq!(namer.path("a/é"), "a/é-2");
        assert_eq!(namer.path("../../etc/passwd"), "_/_/etc/passwd");
        assert_eq!(namer.path("100%.txt"), "100_.txt");
        assert_eq!(namer.path("con.txt"), "_con.txt");
        assert_eq!(namer.path(""), "unnamed");
        assert_eq!(slug("postgres://db:5432/permits"), "postgres---db-5432-permits");
        assert_eq!(slug("…"), "record");
    }
}
