//! Where the tags of an XML stream are, without holding more of it than one tag.

/// The longest tag name that matters here is `/event`.
const NAME_BYTES: usize = 16;

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
    slash: bool,
    doctype: bool,
    foreign: bool,
    /// `<log>` has begun.
    pub(crate) seen_log: bool,
    /// `</log>` has been seen.
    pub(crate) log_closed: bool,
}

impl Tags {
    /// How much of a chunk belongs to the tag, comment or instruction that begins it.
    pub(crate) fn feed_token(&mut self, chunk: &[u8]) -> Option<usize> {
        self.feed_until(chunk, |_| true)
    }

    /// How much of a chunk belongs to the element that ends with `</name>`.
    pub(crate) fn feed_until_end_of(&mut self, chunk: &[u8], name: &[u8]) -> Option<usize> {
        self.feed_until(chunk, |tags| matches!(tags.name.split_first(), Some((b'/', rest)) if rest == name))
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
        matches!(self.name.as_slice(), b"trace" | b"event")
    }

    /// Whether the tag that has just ended is an element by itself.
    pub(crate) fn closes_itself(&self) -> bool {
        self.slash
    }

    /// Why the whole source is refused.
    pub(crate) fn refused(&self) -> Option<&'static str> {
        if self.doctype {
            Some("a document type or entity definition is not read; take it out of the XES")
        } else if self.foreign {
            Some("it is no XES: the outermost element is not `<log>`")
        } else {
            None
        }
    }

    /// Takes one byte, and says whether a tag has just ended.
    fn step(&mut self, byte: u8) -> bool {
        match (self.state, byte) {
            (State::Text, b'<') => {
                self.name.clear();
                (self.naming, self.slash) = (true, false);
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
                self.note_log();
                return true;
            }
            b'"' | b'\'' => {
                self.state = State::Tag(Some(byte));
                self.naming = false;
            }
            b'/' if !self.name.is_empty() => (self.naming, self.slash) = (false, true),
            byte if byte.is_ascii_whitespace() => self.naming = false,
            _ => {
                self.slash = false;
                if self.naming && self.name.len() < NAME_BYTES {
                    self.name.push(byte);
                }
            }
        }
        false
    }

    fn note_log(&mut self) {
        match self.name.as_slice() {
            b"log" => {
                self.seen_log = true;
                self.log_closed |= self.slash;
            }
            b"/log" => self.log_closed = true,
            _ if !self.seen_log => self.foreign = true,
            _ => {}
        }
    }
}
