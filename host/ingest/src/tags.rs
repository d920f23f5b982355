//! Where the tags of an XML stream are, without holding more of it than one tag.

/// The longest tag name that matters here is `/premis`.
const NAME_BYTES: usize = 16;

/// The namespace of PREMIS 3.
pub(crate) const PREMIS: &[u8] = b"http://www.loc.gov/premis/v3";

/// What the outermost element says that the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `<log>`: XES, whose items are traces.
    Xes,
    /// `<premis>`, whose items are the events in it, or an `<event>` by itself, in the namespace of PREMIS 3.
    Premis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// After `<`.
    Open,
    /// After `<!`, with how much of `--` has been seen.
    Bang(u8),
    /// In `<!-- -->`, with how many dashes have just been seen.
    Comment(u8),
    /// In `<![CDATA[ ]]>`, with how many brackets have just been seen.
    Cdata(u8),
    /// In `<? ?>`, and whether a question mark has just been seen.
    Instruction(bool),
    /// In a tag, and within which quotes.
    Tag(Option<u8>),
}

/// The tags of a stream, fed chunk by chunk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tags {
    state: State,
    name: Vec<u8>,
    naming: bool,
    prefixed: bool,
    slash: bool,
    doctype: bool,
    foreign: bool,
    /// How many elements are open after the tag that has just ended, and how many were before it.
    depth: (u64, u64),
    /// The outermost element is an event itself.
    is_event: bool,
    /// What the outermost element has said.
    pub(crate) dialect: Option<Dialect>,
    /// The outermost element is closed.
    pub(crate) closed: bool,
}

impl Tags {
    /// How much of a chunk belongs to the tag, comment or instruction that begins it.
    pub(crate) fn feed_token(&mut self, chunk: &[u8]) -> Option<usize> {
        self.feed_until(chunk, |_| true)
    }

    /// How much of a chunk belongs to the item that a tag of this name has begun.
    pub(crate) fn feed_item(&mut self, chunk: &[u8], name: &[u8]) -> Option<usize> {
        self.feed_until(chunk, |tags| match (tags.dialect, tags.name.split_first()) {
            // What stands in an event may have events of its own in it.
            (Some(Dialect::Premis), Some((b'/', _))) => tags.depth.0 <= tags.items_at(),
            (Some(Dialect::Premis), _) => false,
            (_, Some((b'/', rest))) => rest == name,
            _ => false,
        })
    }

    /// How deep the items of PREMIS stand.
    fn items_at(&self) -> u64 {
        u64::from(!self.is_event)
    }

    fn feed_until(&mut self, chunk: &[u8], is_end: impl Fn(&Self) -> bool) -> Option<usize> {
        for (at, byte) in chunk.iter().enumerate() {
            if self.step(*byte) && (self.refused().is_some() || is_end(self)) {
                return Some(at + 1);
            }
        }
        None
    }

    /// The name of the tag that has just ended, with its slash when it closes an element.
    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether the tag that has just ended begins an item: a trace, or an event that stands outside of one.
    pub(crate) fn opens_item(&self) -> bool {
        match self.dialect {
            Some(Dialect::Premis) => self.name == b"event" && self.depth.1 == self.items_at(),
            _ => matches!(self.name.as_slice(), b"trace" | b"event"),
        }
    }

    /// Whether the tag that has just ended is the outermost one of PREMIS, which must name its namespace.
    pub(crate) fn opens_premis(&self) -> bool {
        self.dialect == Some(Dialect::Premis)
            && self.depth.1 == 0
            && !self.name.is_empty()
            && !self.name.starts_with(b"/")
    }

    /// The stream is of no kind that is read.
    pub(crate) fn is_foreign(&mut self) {
        self.foreign = true;
    }

    /// Whether the tag that has just ended is an element by itself.
    pub(crate) fn closes_itself(&self) -> bool {
        self.slash
    }

    /// Why the whole source is refused.
    pub(crate) fn refused(&self) -> Option<&'static str> {
        if self.doctype {
            Some("a document type or entity definition is not read; take it out of the XML")
        } else if self.foreign {
            Some(
                "it is neither XES nor PREMIS 3: the outermost element is no `<log>`, and none of the namespace `http://www.loc.gov/premis/v3`",
            )
        } else {
            None
        }
    }

    /// Takes one byte, and says whether a tag has just ended.
    fn step(&mut self, byte: u8) -> bool {
        match (self.state, byte) {
            (State::Text, b'<') => {
                self.name.clear();
                (self.naming, self.prefixed, self.slash) = (true, false, false);
                self.state = State::Open;
            }
            (State::Text, _) => {}
            (State::Open, b'!') => self.state = State::Bang(0),
            (State::Open, b'?') => self.state = State::Instruction(false),
            (State::Open, _) => {
                self.state = State::Tag(None);
                return self.tag_byte(byte);
            }
            (State::Bang(0), b'-') => self.state = State::Bang(1),
            (State::Bang(1), b'-') => self.state = State::Comment(0),
            (State::Bang(0), b'[') => self.state = State::Cdata(0),
            (State::Bang(_), _) => {
                self.doctype = true;
                return true;
            }
            (State::Comment(2), b'>') | (State::Cdata(2), b'>') | (State::Instruction(true), b'>') => {
                self.state = State::Text;
                self.name.clear();
                return true;
            }
            (State::Comment(dashes), b'-') => self.state = State::Comment((dashes + 1).min(2)),
            (State::Comment(_), _) => self.state = State::Comment(0),
            (State::Cdata(brackets), b']') => self.state = State::Cdata((brackets + 1).min(2)),
            (State::Cdata(_), _) => self.state = State::Cdata(0),
            (State::Instruction(_), _) => self.state = State::Instruction(byte == b'?'),
            (State::Tag(Some(quote)), _) if byte == quote => self.state = State::Tag(None),
            (State::Tag(Some(_)), _) => {}
            (State::Tag(None), _) => return self.tag_byte(byte),
        }
        false
    }

    fn tag_byte(&mut self, byte: u8) -> bool {
        match byte {
            b'>' => {
                self.state = State::Text;
                self.note_end();
                return true;
            }
            b'"' | b'\'' => {
                self.state = State::Tag(Some(byte));
                self.naming = false;
            }
            b'/' if !self.name.is_empty() => (self.naming, self.slash) = (false, true),
            byte if byte.is_ascii_whitespace() => self.naming = false,
            // What stands before the colon is whatever the file calls the namespace.
            b':' if self.naming && self.dialect != Some(Dialect::Xes) => {
                self.prefixed = true;
                self.name.truncate(usize::from(self.name.starts_with(b"/")));
            }
            _ => {
                self.slash = false;
                if self.naming && self.name.len() < NAME_BYTES {
                    self.name.push(byte);
                }
            }
        }
        false
    }

    /// A tag has ended: an element is open, or closed.
    fn note_end(&mut self) {
        let before = self.depth.0;
        let after = match (self.name.starts_with(b"/"), self.slash) {
            (true, _) => before.saturating_sub(1),
            (false, true) => before,
            (false, false) => before.saturating_add(1),
        };
        self.depth = (after, before);
        match (self.dialect, self.name.as_slice()) {
            (None, b"log") if !self.prefixed => self.dialect = Some(Dialect::Xes),
            (None, name @ (b"premis" | b"event")) => {
                self.is_event = name == b"event";
                self.dialect = Some(Dialect::Premis);
            }
            (None, _) => self.foreign = true,
            (Some(Dialect::Xes), b"/log") => self.closed = true,
            (Some(Dialect::Premis), name) if name.starts_with(b"/") => self.closed |= after == 0,
            _ => {}
        }
        self.closed |= before == 0 && self.slash && !self.foreign;
    }
}
