//! Where a JSON value ends: brackets and strings are followed, nothing else.

/// Where to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// After the bracket that closes the value, or at the end of a line outside of any.
    AfterValue,
    /// Before the comma or bracket that ends an element of an array.
    BeforeComma,
}

/// The state between two chunks.
#[derive(Debug, Default)]
pub(super) struct Balance {
    /// How many brackets are open.
    pub(super) depth: u64,
    /// Whether it is within a string.
    pub(super) in_string: bool,
    /// A line ended within a string, which no JSON does: the element is lost, and the next one is looked for.
    pub(super) broken: bool,
    escaped: bool,
    /// Only white space since the line feed, when broken.
    line_start: bool,
}

impl Balance {
    /// How much of a chunk belongs to the value; `None` when all of it does and more is needed.
    pub(super) fn feed(&mut self, chunk: &[u8], stop: Stop) -> Option<usize> {
        for (at, byte) in chunk.iter().enumerate() {
            if self.broken {
                match byte {
                    b'\n' => self.line_start = true,
                    b'{' | b']' if self.line_start => return Some(at),
                    byte if byte.is_ascii_whitespace() => {}
                    _ => self.line_start = false,
                }
            } else if self.in_string {
                self.string_byte(*byte, stop);
            } else {
                match (byte, stop) {
                    (b'"', _) => self.in_string = true,
                    (b',' | b']', Stop::BeforeComma) if self.depth == 0 => return Some(at),
                    (b'\n', Stop::AfterValue) if self.depth == 0 => return Some(at + 1),
                    (b'{' | b'[', _) => self.depth += 1,
                    (b'}' | b']', _) => {
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 && stop == Stop::AfterValue {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
            }
        }
        None
    }

    fn string_byte(&mut self, byte: u8, stop: Stop) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            b'\n' if stop == Stop::BeforeComma => {
                (self.broken, self.line_start) = (true, true);
            }
            _ => {}
        }
    }
}
