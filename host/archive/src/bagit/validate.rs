//! Whether a bag is complete and valid (RFC 8493 §3). Nothing about it is trusted, and nothing is fetched.

use super::info::{self, Declaration, TAG_BYTES_MAX};
use super::manifest::{self, Manifest};
use crate::finding::{Findings, Format, Validation};
use crate::hash::{self, Algorithm};
use crate::name;
use crate::tree::Tree;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A longer manifest is refused unread.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// Validates a bag that was opened, with what was found on opening it.
#[must_use]
pub(crate) fn validate_tree(tree: &Tree, mut findings: Findings) -> Validation {
    let declaration = declaration(tree, &mut findings);
    let version = declaration.as_ref().map(|said| format!("{}.{}", said.version.0, said.version.1));
    if let Some(declaration) = declaration {
        check(tree, &declaration, &mut findings);
    }
    findings.into_validation(Format::Bagit, version, tree.total())
}

/// Validates a bag, which is a folder or a `.tar` of one.
///
/// # Errors
/// [`crate::ArchiveError::Io`] when it cannot be read at all; whatever else is wrong is a finding.
pub fn validate(path: &std::path::Path) -> Result<Validation, crate::ArchiveError> {
    let mut findings = Findings::default();
    let tree = Tree::open(path, &mut findings)?;
    Ok(validate_tree(&tree, findings))
}

fn declaration(tree: &Tree, findings: &mut Findings) -> Option<Declaration> {
    match tree.small("bagit.txt", 1_024) {
        Ok(bytes) => info::declaration(&bytes, findings),
        Err(why) => {
            findings.error("RFC 8493 §2.1.1", "bagit.txt", why);
            None
        }
    }
}

fn check(tree: &Tree, declaration: &Declaration, findings: &mut Findings) {
    let Declaration { version, encoding } = *declaration;
    let read = |file: &str, max, findings: &mut Findings| {
        let text = tree.small(file, max).and_then(|bytes| encoding.decode(&bytes).map_err(str::to_owned));
        text.map_err(|why| findings.error("RFC 8493 §2.1.1", file, why)).ok()
    };
    check_collisions(tree, findings);
    let mut manifests = Vec::new();
    for file in tree.names().filter(|file| !file.contains('/')) {
        match manifest::kind_of(file) {
            None => {}
            Some((_, Err(algorithm))) => {
                let what = format!("its algorithm `{}` is not supported", crate::finding::shown(&algorithm));
                findings.error("RFC 8493 §2.4", file, what);
            }
            Some((is_of_tags, Ok(algorithm))) => {
                if let Some(text) = read(file, MANIFEST_BYTES_MAX, findings) {
                    manifests.push(Manifest::read(file, (is_of_tags, algorithm), &text, version, findings));
                }
            }
        }
    }
    check_manifests(&manifests, findings);
    let info_file = if version < (0, 96) && tree.has("package-info.txt") { "package-info.txt" } else { "bag-info.txt" };
    if tree.has(info_file)
        && let Some(text) = read(info_file, TAG_BYTES_MAX, findings)
    {
        let fields = info::read(info_file, &text, findings);
        check_oxum(tree, info_file, info::oxum(info_file, &fields, findings), findings);
    }
    if tree.has("fetch.txt")
        && let Some(text) = read("fetch.txt", MANIFEST_BYTES_MAX, findings)
    {
        check_fetch(tree, &manifests, manifest::read_fetch(&text, version, findings), findings);
    }
    check_completeness(tree, &manifests, version, findings);
    check_digests(tree, &manifests, findings);
}

/// Two files that are one on systems where case does not count, or letters are composed.
fn check_collisions(tree: &Tree, findings: &mut Findings) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for name in tree.names() {
        if let Some(other) = seen.insert(name::folded(name), name) {
            let what = format!("`{}` is the same file on some systems", crate::finding::shown(other));
            findings.error("RFC 8493 §5.2", name, what);
        }
    }
}

fn check_manifests(manifests: &[Manifest], findings: &mut Findings) {
    if !manifests.iter().any(|manifest| !manifest.is_of_tags) {
        findings.error("RFC 8493 §2.1.3", None, "it has no payload manifest whose algorithm is supported");
    } else if !manifests.iter().any(|manifest| !manifest.is_of_tags && manifest.algorithm.is_strong()) {
        findings.warning("RFC 8493 §2.4", None, "its payload is proved by MD5 or SHA-1 only, which can be forged");
    }
    let mut seen = BTreeSet::new();
    for manifest in manifests {
        if !seen.insert((manifest.is_of_tags, manifest.algorithm)) {
            findings.error("RFC 8493 §2.1.3", manifest.file.as_str(), "there is another manifest of its algorithm");
        }
    }
}

fn check_oxum(tree: &Tree, file: &str, said: Option<(u64, u64)>, findings: &mut Findings) {
    let Some(said) = said else { return };
    let (mut bytes, mut files) = (0_u64, 0_u64);
    for name in tree.names().filter(|name| name.starts_with("data/")) {
        bytes = bytes.saturating_add(tree.size(name).unwrap_or_default());
        files += 1;
    }
    if (bytes, files) != said {
        let what = format!("Payload-Oxum says {}.{}, and the payload is {bytes}.{files}", said.0, said.1);
        findings.error("RFC 8493 §2.2.2", file, what);
    }
}

fn check_fetch(tree: &Tree, manifests: &[Manifest], lines: Vec<manifest::Fetch>, findings: &mut Findings) {
    for line in lines {
        let listed = manifests.iter().any(|manifest| manifest.entries.contains_key(&line.path));
        if !listed {
            findings.error("RFC 8493 §2.2.3", line.path.as_str(), "`fetch.txt` lists it, and no manifest does");
        } else if !tree.has(&line.path) {
            let url = crate::finding::shown(&line.url);
            findings.error("RFC 8493 §3", line.path.as_str(), format!("it is to be fetched from {url}: incomplete"));
        }
    }
}

fn check_completeness(tree: &Tree, manifests: &[Manifest], version: (u32, u32), findings: &mut Findings) {
    let payload: Vec<&Manifest> = manifests.iter().filter(|manifest| !manifest.is_of_tags).collect();
    for file in tree.names().filter(|name| name.starts_with("data/")) {
        let lists = |manifest: &&&Manifest| manifest.entries.contains_key(file);
        let count = payload.iter().filter(lists).count();
        // From 1.0 on each manifest lists all of the payload; in the drafts one of them was enough.
        if count == 0 {
            findings.error("RFC 8493 §3", file, "no manifest lists it");
        } else if count < payload.len() && version >= (1, 0) {
            findings.error("RFC 8493 §2.1.3", file, "not every payload manifest lists it");
        }
    }
    for manifest in manifests.iter().filter(|manifest| manifest.is_of_tags) {
        for file in tree.names().filter(|name| !name.starts_with("data/")) {
            let is_tag_manifest = matches!(manifest::kind_of(file), Some((true, _)));
            if is_tag_manifest || manifest.entries.contains_key(file) {
                continue;
            }
            let is_own =
                ["bagit.txt", "bag-info.txt", "fetch.txt"].contains(&file) || manifest::kind_of(file).is_some();
            let what = format!("`{}` does not list it", manifest.file);
            match is_own && version >= (0, 97) {
                true => findings.error("RFC 8493 §2.2.1", file, what),
                false => findings.warning("RFC 8493 §2.2.1", file, what),
            }
        }
    }
    check_presence(tree, manifests, findings);
}

/// Everything that a manifest lists is there, by that very name.
fn check_presence(tree: &Tree, manifests: &[Manifest], findings: &mut Findings) {
    let mut there: Option<BTreeSet<String>> = None;
    for manifest in manifests {
        for path in manifest.entries.keys().filter(|path| !tree.has(path)) {
            let there = there.get_or_insert_with(|| tree.names().map(name::folded).collect());
            let what = match there.get(&name::folded(path)) {
                Some(_) => format!("`{}` lists it, and only a file is there whose name reads alike", manifest.file),
                None => format!("`{}` lists it, and it is not there", manifest.file),
            };
            findings.error("RFC 8493 §3", path.as_str(), what);
        }
    }
}

fn check_digests(tree: &Tree, manifests: &[Manifest], findings: &mut Findings) {
    let mut wanted: BTreeMap<&str, Vec<(Algorithm, &str)>> = BTreeMap::new();
    for manifest in manifests {
        for (path, digest) in manifest.entries.iter().filter(|(path, _)| tree.has(path)) {
            wanted.entry(path).or_default().push((manifest.algorithm, digest));
        }
    }
    let wanted: Vec<(&str, Vec<(Algorithm, &str)>)> = wanted.into_iter().collect();
    let wrong = hash::on_all_cores(&wanted, |(path, digests)| {
        let algorithms: Vec<Algorithm> = digests.iter().map(|(algorithm, _)| *algorithm).collect();
        let computed = match tree.read(path).and_then(|read| hash::digests_of(read, &algorithms)) {
            Ok(computed) => computed.digests,
            Err(error) => return Some(format!("it cannot be read: {error}")),
        };
        let differ = digests.iter().zip(&computed).find(|((_, said), (_, is))| said != is);
        differ.map(|((algorithm, said), (_, is))| format!("its {} is {is}, and should be {said}", algorithm.as_str()))
    });
    for ((path, _), what) in wanted.iter().zip(wrong) {
        if let Some(what) = what {
            findings.error("RFC 8493 §3", *path, what);
        }
    }
}
