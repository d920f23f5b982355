//! Reading METS from anywhere: bounded in size, depth and number, without document types or entities.

use super::mets::{CSIP, METS, XLINK};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use std::collections::BTreeSet;

/// A longer METS is refused unread.
pub(super) const METS_BYTES_MAX: u64 = 256 << 20;
const DEPTH_MAX: usize = 64;
const ATTRIBUTES_MAX: usize = 64;

/// An element's attributes by name, those of CSIP and XLink with `csip:` and `xlink:` in front.
#[derive(Debug, Default, Clone)]
pub(super) struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// The value of an attribute that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.trim().is_empty())
    }
}

/// An agent of the header.
#[derive(Debug, Default)]
pub(super) struct Agent {
    pub(super) attributes: Attributes,
    pub(super) name: String,
    pub(super) notes: Vec<(Attributes, String)>,
}

/// A section of metadata: `dmdSec`, `digiprovMD`, `rightsMD`, …
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) attributes: Attributes,
    pub(super) references: Vec<Attributes>,
}

/// A `file` with its places.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) attributes: Attributes,
    pub(super) places: Vec<Attributes>,
}

/// A `fileGrp`; groups within groups stand beside them.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) attributes: Attributes,
    pub(super) files: Vec<File>,
}

/// A `div` of the structure that CSIP asks for.
#[derive(Debug, Default)]
pub(super) struct Division {
    pub(super) depth: usize,
    pub(super) attributes: Attributes,
    pub(super) file_pointers: Vec<Attributes>,
    pub(super) mets_pointers: Vec<Attributes>,
}

/// A METS document, as far as CSIP has rules for it.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) root: Attributes,
    pub(super) header: Option<Attributes>,
    pub(super) agents: Vec<Agent>,
    pub(super) sections: Vec<Section>,
    pub(super) file_section: Option<Attributes>,
    pub(super) groups: Vec<Group>,
    /// `structMap`s, each with its divisions.
    pub(super) structures: Vec<(Attributes, Vec<Division>)>,
    /// All ids.
    pub(super) ids: BTreeSet<String>,
    /// Ids that are there twice.
    pub(super) repeated: Vec<String>,
}

/// Reads a METS document.
///
/// # Errors
/// What is wrong with it, where it is none that may be read.
pub(super) fn read(bytes: &[u8]) -> Result<Document, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    let mut reader = NsReader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    reader.config_mut().check_end_names = true;
    let mut document = Document::default();
    // The names of the open elements; those that are not METS's own are empty.
    let mut open: Vec<String> = Vec::new();
    let mut has_root = false;
    loop {
        let event = reader.read_event().map_err(|error| format!("is not well-formed XML: {error}"))?;
        match event {
            Event::Start(start) => {
                if open.is_empty() && has_root {
                    return Err("has more than one root".to_owned());
                }
                if open.len() >= DEPTH_MAX {
                    return Err(format!("has more than {DEPTH_MAX} elements in each other"));
                }
                has_root = true;
                let name = element(&reader, &start);
                document.begin(&name, attributes(&reader, &start)?, &open)?;
                open.push(name);
            }
            Event::Empty(start) => {
                if open.is_empty() {
                    return Err("has an empty root".to_owned());
                }
                let name = element(&reader, &start);
                document.begin(&name, attributes(&reader, &start)?, &open)?;
            }
            Event::End(_) => drop(open.pop()),
            Event::Text(text) => document.text(&open, &text.xml10_content()),
            Event::CData(text) => document.text(&open, &text.xml10_content()),
            Event::GeneralRef(entity) => document.text(&open, resolved(&entity)?.encode_utf8(&mut [0; 4])),
            Event::DocType(_) => return Err("has a document type, which is not read".to_owned()),
            Event::Eof if open.is_empty() && has_root => return Ok(document),
            Event::Eof => return Err("ends within an element".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn resolved(entity: &quick_xml::events::BytesRef<'_>) -> Result<char, String> {
    let wrong = || "has an entity that is not XML's own".to_owned();
    if let Some(c) = entity.resolve_char_ref().map_err(|_| wrong())? {
        return Ok(c);
    }
    match entity.xml10_content().as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(wrong()),
    }
}

fn element(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> String {
    match reader.resolver().resolve_element(start.name()) {
        (ResolveResult::Bound(space), name) if space.as_ref() == METS => name.as_ref().to_owned(),
        _ => String::new(),
    }
}

fn attributes(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Attributes, String> {
    let mut all = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("is not well-formed XML: {error}"))?;
        if all.len() >= ATTRIBUTES_MAX {
            return Err(format!("has an element with more than {ATTRIBUTES_MAX} attributes"));
        }
        let (space, name) = reader.resolver().resolve_attribute(attribute.key);
        let name = match space {
            ResolveResult::Unbound => name.as_ref().to_owned(),
            ResolveResult::Bound(space) if space.as_ref() == XLINK => format!("xlink:{}", name.as_ref()),
            ResolveResult::Bound(space) if space.as_ref() == CSIP => format!("csip:{}", name.as_ref()),
            _ => continue,
        };
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|_| "has an entity that is not XML's own".to_owned())?;
        all.push((name, value.into_owned()));
    }
    Ok(Attributes(all))
}

impl Document {
    fn begin(&mut self, name: &str, attributes: Attributes, open: &[String]) -> Result<(), String> {
        if open.is_empty() && name != "mets" {
            return Err("its root is no METS document".to_owned());
        }
        if let Some(id) = attributes.get("ID").filter(|_| !name.is_empty())
            && !self.ids.insert(id.to_owned())
        {
            self.repeated.push(id.to_owned());
        }
        let parent = open.last().map_or("", String::as_str);
        match (parent, name) {
            ("", "mets") if open.is_empty() => self.root = attributes,
            ("mets", "metsHdr") => self.header = Some(attributes),
            ("metsHdr", "agent") => self.agents.push(Agent { attributes, ..Agent::default() }),
            ("agent", "note") => {
                if let Some(agent) = self.agents.last_mut() {
                    agent.notes.push((attributes, String::new()));
                }
            }
            ("mets", "dmdSec") | ("amdSec", "techMD" | "rightsMD" | "sourceMD" | "digiprovMD") => {
                self.sections.push(Section { name: name.to_owned(), attributes, references: Vec::new() });
            }
            ("dmdSec" | "techMD" | "rightsMD" | "sourceMD" | "digiprovMD", "mdRef") => {
                if let Some(section) = self.sections.last_mut() {
                    section.references.push(attributes);
                }
            }
            ("mets", "fileSec") => self.file_section = Some(attributes),
            ("fileSec" | "fileGrp", "fileGrp") => self.groups.push(Group { attributes, files: Vec::new() }),
            ("fileGrp" | "file", "file") => {
                if let Some(group) = self.groups.last_mut() {
                    group.files.push(File { attributes, places: Vec::new() });
                }
            }
            ("file", "FLocat") => {
                if let Some(file) = self.groups.last_mut().and_then(|group| group.files.last_mut()) {
                    file.places.push(attributes);
                }
            }
            ("mets", "structMap") => self.structures.push((attributes, Vec::new())),
            ("structMap" | "div", "div") => {
                let depth = open.iter().filter(|name| *name == "div").count();
                if let Some((_, divisions)) = self.structures.last_mut() {
                    divisions.push(Division { depth, attributes, ..Division::default() });
                }
            }
            ("div", "fptr" | "mptr") => {
                if let Some(division) = self.structures.last_mut().and_then(|(_, divisions)| divisions.last_mut()) {
                    let into = if name == "fptr" { &mut division.file_pointers } else { &mut division.mets_pointers };
                    into.push(attributes);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, open: &[String], text: &str) {
        let Some(agent) = self.agents.last_mut() else { return };
        match open {
            [.., parent, name] if parent == "agent" && name == "name" => agent.name.push_str(text),
            [.., parent, name] if parent == "agent" && name == "note" => {
                if let Some((_, note)) = agent.notes.last_mut() {
                    note.push_str(text);
                }
            }
            _ => {}
        }
    }
}
