//! Writing XML: elements in order, every text escaped, and no character that XML 1.0 does not have.

use crate::ArchiveError;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use std::io;
use std::path::PathBuf;

/// Attributes by name.
pub(crate) type Attributes<'a> = &'a [(&'a str, &'a str)];

/// An XML document that is being written.
pub(crate) struct Xml {
    writer: Writer<Vec<u8>>,
    open: Vec<&'static str>,
    failed: Option<io::Error>,
}

impl Xml {
    pub(crate) fn new() -> Self {
        let writer = Writer::new_with_indent(Vec::new(), b' ', 1);
        let mut xml = Self { writer, open: Vec::new(), failed: None };
        xml.write(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        xml
    }

    fn write(&mut self, event: Event<'_>) {
        if let Err(error) = self.writer.write_event(event) {
            self.failed.get_or_insert(error);
        }
    }

    fn start<'n>(name: &'n str, attributes: Attributes<'_>) -> BytesStart<'n> {
        let mut start = BytesStart::new(name);
        for (key, value) in attributes {
            start.push_attribute((*key, allowed(value).as_str()));
        }
        start
    }

    /// Opens an element.
    pub(crate) fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.write(Event::Start(Self::start(name, attributes)));
        self.open.push(name);
    }

    /// Closes the element that was opened last.
    pub(crate) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.write(Event::End(BytesEnd::new(name)));
        }
    }

    /// An element without content.
    pub(crate) fn empty(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.write(Event::Empty(Self::start(name, attributes)));
    }

    /// An element with text.
    pub(crate) fn text(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.write(Event::Start(Self::start(name, attributes)));
        self.write(Event::Text(BytesText::new(&allowed(text))));
        self.write(Event::End(BytesEnd::new(name)));
    }

    /// An element with text, where there is some.
    pub(crate) fn text_if(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, &[], text);
        }
    }

    /// The document's bytes; what is still open is closed.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, ArchiveError> {
        while !self.open.is_empty() {
            self.close();
        }
        match self.failed {
            Some(source) => Err(ArchiveError::Io { doing: "write", path: PathBuf::from("an XML file"), source }),
            None => {
                let mut bytes = self.writer.into_inner();
                bytes.push(b'\n');
                Ok(bytes)
            }
        }
    }
}

/// The text without the characters that XML 1.0 has no way to write.
fn allowed(text: &str) -> String {
    let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if fits(c) { c } else { '\u{fffd}' }).collect()
}
