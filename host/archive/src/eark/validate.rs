//! Whether an E-ARK package is what its METS says: all of it, and nothing else.

use super::read::{self, Attributes, Document, METS_BYTES_MAX};
use super::rules;
use crate::finding::{Findings, Format, Validation, shown};
use crate::hash::{self, Algorithm};
use crate::name;
use crate::tree::Tree;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A package of more representations is refused.
const METS_MAX: usize = 10_000;

/// What METS says of a file.
#[derive(Debug)]
struct Said {
    size: Option<u64>,
    digest: Option<(Algorithm, String)>,
}

/// Validates an E-ARK package, which is a folder or a `.tar` of one.
///
/// # Errors
/// [`crate::ArchiveError::Io`] when it cannot be read at all; whatever else is wrong is a finding.
pub fn validate(path: &std::path::Path) -> Result<Validation, crate::ArchiveError> {
    let mut findings = Findings::default();
    let tree = Tree::open(path, &mut findings)?;
    Ok(validate_tree(&tree, findings))
}

/// Validates a package that was opened, with what was found on opening it.
#[must_use]
pub(crate) fn validate_tree(tree: &Tree, mut findings: Findings) -> Validation {
    check_collisions(tree, &mut findings);
    let mut said: BTreeMap<String, Said> = BTreeMap::new();
    let mut waiting = vec!["METS.xml".to_owned()];
    let mut read: BTreeSet<String> = BTreeSet::new();
    let mut version = None;
    while let Some(path) = waiting.pop() {
        if !read.insert(path.clone()) {
            continue;
        }
        if read.len() > METS_MAX {
            findings.error("bounds", None, format!("it has more than {METS_MAX} METS documents"));
            break;
        }
        let is_package = path == "METS.xml";
        let document = match tree.small(&path, METS_BYTES_MAX).and_then(|bytes| read::read(&bytes)) {
            Ok(document) => document,
            Err(why) => {
                findings.error(if is_package { "CSIPSTR1" } else { "CSIPSTR10" }, path.as_str(), why);
                continue;
            }
        };
        if is_package {
            version = document.root.get("PROFILE").map(str::to_owned);
        }
        rules::check(&document, &path, is_package, &mut findings);
        collect(&document, &path, &mut said, &mut waiting, &mut findings);
    }
    for name in tree.names().filter(|name| !said.contains_key(*name) && *name != "METS.xml") {
        findings.error("CSIP58", name, "no METS document names it");
    }
    check_files(tree, &said, &mut findings);
    findings.into_validation(Format::Eark, version, tree.total())
}

fn check_collisions(tree: &Tree, findings: &mut Findings) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for name in tree.names() {
        if let Some(other) = seen.insert(name::folded(name), name) {
            findings.error("CSIPSTR", name, format!("`{}` is the same file on some systems", shown(other)));
        }
    }
}

/// Gathers what a document says of files, and which other documents are to be read.
fn collect(
    document: &Document,
    path: &str,
    said: &mut BTreeMap<String, Said>,
    waiting: &mut Vec<String>,
    findings: &mut Findings,
) {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for section in &document.sections {
        for reference in &section.references {
            take(folder, reference.get("xlink:href"), reference, said, findings);
        }
    }
    for file in document.groups.iter().flat_map(|group| &group.files) {
        for place in &file.places {
            take(folder, place.get("xlink:href"), &file.attributes, said, findings);
        }
    }
    let divisions = document.structures.iter().flat_map(|(_, divisions)| divisions);
    for pointer in divisions.flat_map(|division| &division.mets_pointers) {
        if let Some(path) = resolved(folder, pointer.get("xlink:href"), findings) {
            if !said.contains_key(&path) {
                findings.error("CSIP108", path.as_str(), "the structure points to it, and no file group lists it");
            }
            waiting.push(path);
        }
    }
}

fn take(
    folder: &str,
    href: Option<&str>,
    attributes: &Attributes,
    said: &mut BTreeMap<String, Said>,
    findings: &mut Findings,
) {
    // That it is missing was found as a rule that is broken.
    if href.is_none() {
        return;
    }
    let Some(path) = resolved(folder, href, findings) else { return };
    let size = attributes.get("SIZE").map(|size| size.parse::<u64>());
    if size.as_ref().is_some_and(Result::is_err) {
        findings.error("CSIP69", path.as_str(), "its size is no number");
    }
    let digest = match (attributes.get("CHECKSUMTYPE"), attributes.get("CHECKSUM")) {
        (Some(algorithm), Some(digest)) => {
            let plain: String =
                algorithm.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
            let known = Algorithm::parse(&plain);
            if known.is_none() {
                let what = format!("its algorithm `{}` is not supported", shown(algorithm));
                findings.error("CSIP72", path.as_str(), what);
            }
            known.map(|algorithm| (algorithm, digest.to_ascii_lowercase()))
        }
        _ => None,
    };
    if said.insert(path.clone(), Said { size: size.and_then(Result::ok), digest }).is_some() {
        findings.error("CSIP76", path.as_str(), "METS names it twice");
    }
}

/// The path that a reference means, seen from the package's root; nothing outside is ever read.
fn resolved(folder: &str, href: Option<&str>, findings: &mut Findings) -> Option<String> {
    let href = href?;
    let wrong = |findings: &mut Findings, why: &str| {
        findings.error("CSIP79", shown(href).as_str(), format!("the reference {why}"));
        None
    };
    let Some(path) = percent_decoded(href) else { return wrong(findings, "is not UTF-8 when it is decoded") };
    let path = path.strip_prefix("./").unwrap_or(&path);
    if path.contains("://") || path.starts_with("file:") {
        return wrong(findings, "leads to another place: a package holds all that it names");
    }
    if let Some(why) = name::why_unsafe(path) {
        return wrong(findings, why);
    }
    Some(if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|pair| *byte == b'%' && pair.iter().all(u8::is_ascii_hexdigit));
        let decoded =
            pair.and_then(|pair| std::str::from_utf8(pair).ok()).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        out.push(decoded.unwrap_or(*byte));
        rest = if decoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8(out).ok()
}

fn check_files(tree: &Tree, said: &BTreeMap<String, Said>, findings: &mut Findings) {
    let mut there = Vec::new();
    for (path, said) in said {
        match tree.size(path) {
            None => findings.error("CSIP79", path.as_str(), "METS names it, and it is not there"),
            Some(size) if said.size.is_some_and(|said| said != size) => {
                let what = format!("it has {size} bytes, and METS says {}", said.size.unwrap_or_default());
                findings.error("CSIP69", path.as_str(), what);
            }
            Some(_) => there.extend(said.digest.as_ref().map(|(algorithm, digest)| (path, *algorithm, digest))),
        }
    }
    let wrong = hash::on_all_cores(&there, |(path, algorithm, digest)| {
        let computed = match tree.read(path).and_then(|read| hash::digests_of(read, &[*algorithm])) {
            Ok(computed) => computed.digests,
            Err(error) => return Some(format!("it cannot be read: {error}")),
        };
        let is = computed.into_iter().next().map(|(_, is)| is).unwrap_or_default();
        (is != **digest).then(|| format!("its {} is {is}, and METS says {}", algorithm.as_str(), shown(digest)))
    });
    for ((path, ..), what) in there.iter().zip(wrong) {
        if let Some(what) = what {
            findings.error("CSIP71", path.as_str(), what);
        }
    }
}
