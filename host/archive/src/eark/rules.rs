//! What CSIP 2.2 and SIP 2.2 require of a METS document, by the ids of their rules.

use super::read::{Attributes, Document};
use crate::finding::Findings;

/// The package types of OAIS.
const PACKAGE_TYPES: [&str; 5] = ["SIP", "AIP", "DIP", "AIU", "AIC"];

/// Names the rules that a document breaks.
struct Check<'f> {
    path: &'f str,
    findings: &'f mut Findings,
}

impl Check<'_> {
    fn must(&mut self, rule: &'static str, holds: bool, what: &str) {
        if !holds {
            self.findings.error(rule, self.path, what);
        }
    }

    fn should(&mut self, rule: &'static str, holds: bool, what: &str) {
        if !holds {
            self.findings.warning(rule, self.path, what);
        }
    }

    /// An attribute that must be there.
    fn has(&mut self, rule: &'static str, attributes: &Attributes, element: &str, name: &str) {
        if attributes.get(name).is_none() {
            self.must(rule, false, &format!("`{element}` has no `{name}`"));
        }
    }

    /// An attribute that must have one value.
    fn is(&mut self, rule: &'static str, attributes: &Attributes, (element, name): (&str, &str), value: &str) {
        if attributes.get(name) != Some(value) {
            self.must(rule, false, &format!("`{element}`'s `{name}` is not `{value}`"));
        }
    }
}

/// Checks a document; `is_package` when it is the root's.
pub(super) fn check(document: &Document, path: &str, is_package: bool, findings: &mut Findings) {
    let mut check = Check { path, findings };
    let is_sip = document.header.as_ref().and_then(|header| header.get("csip:OAISPACKAGETYPE")) == Some("SIP");
    root(&mut check, document, is_package && is_sip);
    header(&mut check, document, is_package && is_sip);
    sections(&mut check, document, is_package);
    files(&mut check, document, is_package);
    structure(&mut check, document);
}

fn root(check: &mut Check<'_>, document: &Document, is_sip: bool) {
    let root = &document.root;
    check.has("CSIP1", root, "mets", "OBJID");
    check.has("CSIP2", root, "mets", "TYPE");
    if root.get("TYPE").is_some_and(|kind| kind.eq_ignore_ascii_case("other")) {
        check.should("CSIP3", root.get("csip:OTHERTYPE").is_some(), "its type is other, and which is not said");
    }
    if root.get("csip:CONTENTINFORMATIONTYPE") == Some("OTHER") {
        let holds = root.get("csip:OTHERCONTENTINFORMATIONTYPE").is_some();
        check.must("CSIP5", holds, "its content information type is other, and which is not said");
    } else {
        let holds = root.get("csip:CONTENTINFORMATIONTYPE").is_some();
        check.should("CSIP4", holds, "`mets` has no `csip:CONTENTINFORMATIONTYPE`");
    }
    check.has("CSIP6", root, "mets", "PROFILE");
    if is_sip {
        let holds = root.get("PROFILE").is_some_and(|profile| profile.contains("E-ARK-SIP"));
        check.must("SIP2", holds, "its profile is not that of an E-ARK SIP");
    }
    for id in document.repeated.iter().take(100) {
        check.must("CSIP85", false, &format!("the id `{}` is there twice", crate::finding::shown(id)));
    }
}

fn header(check: &mut Check<'_>, document: &Document, is_sip: bool) {
    let Some(header) = &document.header else {
        return check.must("CSIP117", false, "`metsHdr` is missing");
    };
    check.has("CSIP7", header, "metsHdr", "CREATEDATE");
    let kind = header.get("csip:OAISPACKAGETYPE");
    check.must("CSIP9", kind.is_some_and(|kind| PACKAGE_TYPES.contains(&kind)), "`csip:OAISPACKAGETYPE` is none");
    check.must("CSIP10", !document.agents.is_empty(), "`metsHdr` has no agent");
    let software = document.agents.iter().find(|agent| {
        agent.attributes.get("ROLE") == Some("CREATOR") && agent.attributes.get("OTHERTYPE") == Some("SOFTWARE")
    });
    match software {
        None => check.must("CSIP11", false, "no agent is the software that created it"),
        Some(agent) => {
            check.is("CSIP12", &agent.attributes, ("agent", "TYPE"), "OTHER");
            check.must("CSIP14", !agent.name.trim().is_empty(), "the creating software has no name");
            let note = agent.notes.iter().find(|(_, note)| !note.trim().is_empty());
            check.must("CSIP15", note.is_some(), "the creating software has no version");
            let typed = note.is_some_and(|(of, _)| of.get("csip:NOTETYPE") == Some("SOFTWARE VERSION"));
            check.must("CSIP16", typed, "the creating software's note is not typed `SOFTWARE VERSION`");
        }
    }
    if is_sip {
        let submits = document.agents.iter().any(|agent| {
            let kind = agent.attributes.get("TYPE");
            kind == Some("ORGANIZATION") || kind == Some("INDIVIDUAL")
        });
        check.must("SIP15", submits, "no agent is an organisation or person that submits it");
    }
}

fn sections(check: &mut Check<'_>, document: &Document, is_package: bool) {
    for section in &document.sections {
        let is_description = section.name == "dmdSec";
        check.has(if is_description { "CSIP18" } else { "CSIP33" }, &section.attributes, &section.name, "ID");
        if is_description {
            check.has("CSIP19", &section.attributes, &section.name, "CREATED");
        }
        let rules: [&'static str; 9] = if is_description {
            ["CSIP22", "CSIP23", "CSIP24", "CSIP25", "CSIP26", "CSIP27", "CSIP28", "CSIP29", "CSIP30"]
        } else if section.name == "rightsMD" {
            ["CSIP49", "CSIP50", "CSIP51", "CSIP52", "CSIP53", "CSIP54", "CSIP55", "CSIP56", "CSIP57"]
        } else {
            ["CSIP36", "CSIP37", "CSIP38", "CSIP39", "CSIP40", "CSIP41", "CSIP42", "CSIP43", "CSIP44"]
        };
        for reference in &section.references {
            let [place, link, href, kind, media, size, created, digest, algorithm] = rules;
            check.is(place, reference, ("mdRef", "LOCTYPE"), "URL");
            check.is(link, reference, ("mdRef", "xlink:type"), "simple");
            let named = [
                (href, "xlink:href"),
                (kind, "MDTYPE"),
                (media, "MIMETYPE"),
                (size, "SIZE"),
                (created, "CREATED"),
                (digest, "CHECKSUM"),
                (algorithm, "CHECKSUMTYPE"),
            ];
            named.into_iter().for_each(|(rule, name)| check.has(rule, reference, "mdRef", name));
        }
    }
    let described = document.sections.iter().any(|section| section.name == "dmdSec");
    let preserved = document.sections.iter().any(|section| section.name == "digiprovMD");
    if is_package {
        check.should("CSIP17", described, "it has no descriptive metadata");
        check.should("CSIP31", preserved, "it has no preservation metadata");
    }
}

fn files(check: &mut Check<'_>, document: &Document, is_package: bool) {
    let Some(section) = &document.file_section else {
        return check.should("CSIP58", false, "`fileSec` is missing");
    };
    check.has("CSIP59", section, "fileSec", "ID");
    let uses: Vec<&str> = document.groups.iter().filter_map(|group| group.attributes.get("USE")).collect();
    if is_package {
        // CSIP 2.2 asks for both, and packages of metadata alone have neither: somebody should look.
        check.should("CSIP60", uses.contains(&"Documentation"), "no file group is documentation");
        check.should("CSIP113", uses.contains(&"Schemas"), "no file group is schemas");
        let holds = uses.iter().any(|usage| usage.starts_with("Representations"));
        check.should("CSIP114", holds, "no file group is a representation");
    }
    for group in &document.groups {
        check.has("CSIP64", &group.attributes, "fileGrp", "USE");
        check.has("CSIP65", &group.attributes, "fileGrp", "ID");
        check.must("CSIP66", !group.files.is_empty(), "a `fileGrp` has no file");
        for file in &group.files {
            for (rule, name) in [
                ("CSIP67", "ID"),
                ("CSIP68", "MIMETYPE"),
                ("CSIP69", "SIZE"),
                ("CSIP70", "CREATED"),
                ("CSIP71", "CHECKSUM"),
                ("CSIP72", "CHECKSUMTYPE"),
            ] {
                check.has(rule, &file.attributes, "file", name);
            }
            check.must("CSIP76", file.places.len() == 1, "a `file` has not exactly one `FLocat`");
            for place in &file.places {
                check.is("CSIP77", place, ("FLocat", "LOCTYPE"), "URL");
                check.is("CSIP78", place, ("FLocat", "xlink:type"), "simple");
                check.has("CSIP79", place, "FLocat", "xlink:href");
            }
        }
    }
}

fn structure(check: &mut Check<'_>, document: &Document) {
    if document.structures.is_empty() {
        return check.must("CSIP80", false, "`structMap` is missing");
    }
    let of_csip = document.structures.iter().find(|(map, _)| map.get("LABEL") == Some("CSIP"));
    let Some((map, divisions)) = of_csip else {
        return check.must("CSIP82", false, "no `structMap` is labelled `CSIP`");
    };
    check.is("CSIP81", map, ("structMap", "TYPE"), "PHYSICAL");
    check.has("CSIP83", map, "structMap", "ID");
    check.must("CSIP84", divisions.iter().filter(|div| div.depth == 0).count() == 1, "it has not one `div` at its top");
    let metadata = divisions.iter().find(|div| div.depth == 1 && div.attributes.get("LABEL") == Some("Metadata"));
    check.must("CSIP88", metadata.is_some(), "no `div` is labelled `Metadata`");
    let known = |id: &str| document.ids.contains(id);
    for division in divisions {
        check.has("CSIP85", &division.attributes, "div", "ID");
        for (rule, name) in [("CSIP91", "ADMID"), ("CSIP92", "DMDID")] {
            let ids = division.attributes.get(name).unwrap_or_default();
            check.must(rule, ids.split_whitespace().all(known), "a `div` names metadata that is not there");
        }
        for pointer in &division.file_pointers {
            let holds = pointer.get("FILEID").is_some_and(known);
            check.must("CSIP116", holds, "an `fptr` names a file or group that is not there");
        }
        for pointer in &division.mets_pointers {
            check.has("CSIP107", &division.attributes, "div", "LABEL");
            let holds = pointer.get("xlink:title").is_some_and(known);
            check.must("CSIP108", holds, "an `mptr`'s title names no file group");
            check.has("CSIP110", pointer, "mptr", "xlink:href");
            check.is("CSIP111", pointer, ("mptr", "xlink:type"), "simple");
            check.is("CSIP112", pointer, ("mptr", "LOCTYPE"), "URL");
        }
    }
}
