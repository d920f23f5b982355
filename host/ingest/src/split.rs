//! A stream cut into items: lines, JSON values that run over several lines, elements of a JSON array, XES traces, or PREMIS events.
//!
//! Nothing is parsed here beyond what the cut needs, so that one thread can split while others parse. Which of the
//! five it is, the first bytes say. Memory is bounded by [`Limits::item_bytes_max`]: what is longer is written to the
//! rejects as it streams by.

use crate::tags::{Dialect, PREMIS, Tags};
use crate::{Limits, Reject};
use std::io::{self, BufRead, Write};

mod balance;

use balance::{Balance, Stop};

/// One item, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its bytes, without the line feed or comma that ends it.
    pub bytes: Vec<u8>,
    /// What it was cut from.
    pub cut: Cut,
}

/// What an item was cut from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// A line, a value or an element: JSON.
    Json,
    /// A `<trace>` of an XES log.
    Trace,
    /// An `<event>` of a PREMIS document.
    Event,
}

/// What the splitter found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Split {
    /// An item to parse.
    Item(Item),
    /// Bytes that are no item; they have been written to the rejects.
    Rejected(Reject),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// What comes next is not known yet.
    Start,
    Lines,
    /// JSON values over several lines, one after another.
    Values,
    Array,
    Xml,
    Done,
}

/// Cuts a source into items.
pub struct Splitter<R> {
    source: R,
    limits: Limits,
    mode: Mode,
    line: u64,
    tags: Tags,
}

impl<R> std::fmt::Debug for Splitter<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Splitter").field("mode", &self.mode).field("line", &self.line).finish_non_exhaustive()
    }
}

/// How a stretch of bytes came to its end.
enum End {
    /// The scanner found it.
    Found,
    /// The source is at its end.
    Source,
    /// The source broke off.
    Fault(io::Error),
}

/// A stretch of bytes: held, or gone to the rejects because it was too long.
struct Stretch {
    bytes: Vec<u8>,
    streamed: u64,
    /// What was streamed ended in a line feed.
    ended_line: bool,
    end: End,
}

impl<R: BufRead> Splitter<R> {
    /// A splitter of a source whose compression is already taken off ([`crate::source::open`]).
    pub fn new(source: R, limits: Limits) -> Self {
        Self { source, limits, mode: Mode::Start, line: 1, tags: Tags::default() }
    }

    /// The next item, or what was refused in its place; `None` at the end.
    ///
    /// # Errors
    /// When `rejects` cannot be written.
    pub fn next(&mut self, rejects: &mut dyn Write) -> io::Result<Option<Split>> {
        loop {
            let found = match self.mode {
                Mode::Start => self.start(rejects)?,
                Mode::Lines => self.next_line(rejects)?,
                Mode::Values => self.next_value(Vec::new(), Balance::default(), self.line, rejects)?,
                Mode::Array => self.next_element(rejects)?,
                Mode::Xml => self.next_trace(rejects)?,
                Mode::Done => return Ok(None),
            };
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Takes bytes up to where `scan` says; it is given each chunk and says how much of it still belongs.
    fn take(
        &mut self,
        mut bytes: Vec<u8>,
        scan: &mut dyn FnMut(&[u8]) -> Option<usize>,
        rejects: &mut dyn Write,
    ) -> io::Result<Stretch> {
        let mut streamed = 0;
        let mut ended_line = false;
        let end = loop {
            let chunk = match self.source.fill_buf() {
                Ok([]) => break End::Source,
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => break End::Fault(error),
            };
            let found = scan(chunk);
            let taken = found.unwrap_or(chunk.len()).min(chunk.len());
            let part = chunk.get(..taken).unwrap_or_default();
            self.line += memchr::memchr_iter(b'\n', part).count() as u64;
            if streamed > 0 || bytes.len() + part.len() > self.limits.item_bytes_max {
                rejects.write_all(&bytes)?;
                rejects.write_all(part)?;
                streamed += (bytes.len() + part.len()) as u64;
                ended_line = part.last() == Some(&b'\n');
                bytes = Vec::new();
            } else {
                bytes.extend_from_slice(part);
            }
            self.source.consume(taken);
            if found.is_some() {
                break End::Found;
            }
        };
        Ok(Stretch { bytes, streamed, ended_line, end })
    }

    /// Passes over bytes without keeping them.
    fn skip(&mut self, scan: &mut dyn FnMut(&[u8]) -> Option<usize>) -> io::Result<Stretch> {
        let limit = std::mem::replace(&mut self.limits.item_bytes_max, 0);
        let skipped = self.take(Vec::new(), scan, &mut io::sink());
        self.limits.item_bytes_max = limit;
        skipped
    }

    /// The next byte that is no white space, still unread.
    fn peek(&mut self) -> io::Result<Result<Option<u8>, io::Error>> {
        let mut seen = None;
        let stretch = self.skip(&mut |chunk| blanks(chunk, &mut seen))?;
        Ok(match stretch.end {
            End::Fault(error) => Err(error),
            End::Found | End::Source => Ok(seen),
        })
    }

    fn start(&mut self, rejects: &mut dyn Write) -> io::Result<Option<Split>> {
        let first = match self.peek()? {
            Ok(Some(first)) => first,
            Ok(None) => {
                self.mode = Mode::Done;
                return Ok(None);
            }
            Err(error) => return self.broke_off(self.line, error),
        };
        match first {
            b'[' => {
                self.source.consume(1);
                self.mode = Mode::Array;
                Ok(None)
            }
            b'<' => {
                self.mode = Mode::Xml;
                Ok(None)
            }
            0xef => {
                let mut left = 3;
                let mark = self.take(Vec::new(), &mut |chunk| up_to(chunk, &mut left), rejects)?;
                if mark.bytes == b"\xef\xbb\xbf" { Ok(None) } else { self.first_line(mark.bytes, rejects) }
            }
            _ => self.first_line(Vec::new(), rejects),
        }
    }

    fn broke_off(&mut self, line: u64, error: io::Error) -> io::Result<Option<Split>> {
        self.mode = Mode::Done;
        let reason = format!("the source broke off here: {error}; all before it was read");
        Ok(Some(Split::Rejected(Reject { line, reason })))
    }

    /// A first line that ends within a value, and is not followed by a new one, begins a value of several lines.
    fn first_line(&mut self, held: Vec<u8>, rejects: &mut dyn Write) -> io::Result<Option<Split>> {
        self.mode = Mode::Lines;
        let line = self.line;
        if held.ends_with(b"\n") {
            let stretch = Stretch { bytes: held, streamed: 0, ended_line: false, end: End::Found };
            return self.finish(line, stretch, Cut::Json, None, rejects);
        }
        let stretch = self.take(held, &mut whole_line, rejects)?;
        let mut balance = Balance::default();
        let closed = balance.feed(&stretch.bytes, Stop::AfterValue).is_some() || balance.depth == 0;
        if stretch.streamed > 0 || closed || !matches!(stretch.end, End::Found) {
            return self.finish(line, stretch, Cut::Json, None, rejects);
        }
        // The white space before the next line's text belongs to the value, if the value goes on there.
        let line_bytes = stretch.bytes.len();
        let mut next = None;
        let mut stretch = self.take(stretch.bytes, &mut |chunk| blanks(chunk, &mut next), rejects)?;
        if matches!(next, Some(first) if first != b'{') && stretch.streamed == 0 {
            self.mode = Mode::Values;
            return self.next_value(stretch.bytes, balance, line, rejects);
        }
        stretch.bytes.truncate(line_bytes);
        self.finish(line, stretch, Cut::Json, None, rejects)
    }

    fn next_line(&mut self, rejects: &mut dyn Write) -> io::Result<Option<Split>> {
        let line = self.line;
        let stretch = self.take(Vec::new(), &mut whole_line, rejects)?;
        self.finish(line, stretch, Cut::Json, None, rejects)
    }

    fn next_value(
        &mut self,
        held: Vec<u8>,
        mut balance: Balance,
        mut line: u64,
        rejects: &mut dyn Write,
    ) -> io::Result<Option<Split>> {
        if held.is_empty() {
            if let Err(error) = self.peek()? {
                return self.broke_off(self.line, error);
            }
            line = self.line;
        }
        let stretch = self.take(held, &mut |chunk| balance.feed(chunk, Stop::AfterValue), rejects)?;
        let why = (balance.depth > 0).then_some("the value is never closed; it reaches to the end of the source");
        self.finish(line, stretch, Cut::Json, why, rejects)
    }

    fn next_element(&mut self, rejects: &mut dyn Write) -> io::Result<Option<Split>> {
        if let Err(error) = self.peek()? {
            return self.broke_off(self.line, error);
        }
        let line = self.line;
        let mut balance = Balance::default();
        let stretch = self.take(Vec::new(), &mut |chunk| balance.feed(chunk, Stop::BeforeComma), rejects)?;
        let empty = stretch.streamed == 0 && stretch.bytes.trim_ascii().is_empty();
        if matches!(stretch.end, End::Found) {
            match self.source.fill_buf() {
                Ok([b']', ..]) => {
                    self.source.consume(1);
                    // What follows the array is looked at afresh.
                    self.mode = Mode::Start;
                    if empty {
                        return Ok(None);
                    }
                }
                Ok([b',', ..]) => self.source.consume(1),
                _ => {}
            }
            let why = if balance.broken {
                Some("a string is not closed on its line; reading goes on with the next line that begins with `{`")
            } else {
                empty.then_some("an element is missing between two commas")
            };
            return match why {
                Some(why) => self.refuse(line, stretch, why, rejects).map(Some),
                None => self.finish(line, stretch, Cut::Json, None, rejects),
            };
        }
        let why = if balance.depth > 0 || balance.in_string {
            "the element is never closed: it reaches to the end of the source, where reading stopped"
        } else {
            "the array is never closed: the source ends before its `]`"
        };
        if let End::Source = stretch.end
            && !empty
            && balance.depth == 0
            && !balance.in_string
        {
            // The last element is whole, only the bracket is missing: the element counts, and the bracket is missed next.
            return self.finish(line, Stretch { end: End::Found, ..stretch }, Cut::Json, None, rejects);
        }
        self.finish(line, stretch, Cut::Json, Some(why), rejects)
    }

    fn next_trace(&mut self, rejects: &mut dyn Write) -> io::Result<Option<Split>> {
        let mut tags = std::mem::take(&mut self.tags);
        // Text between tags is passed over; a tag is held until its name is known.
        let text = self.skip(&mut |chunk| memchr::memchr(b'<', chunk))?;
        let line = self.line;
        if let End::Fault(error) = text.end {
            self.tags = tags;
            return self.broke_off(line, error);
        }
        let mut stretch = self.take(Vec::new(), &mut |chunk| tags.feed_token(chunk), rejects)?;
        if matches!(stretch.end, End::Found)
            && tags.opens_premis()
            && memchr::memmem::find(&stretch.bytes, PREMIS).is_none()
        {
            tags.is_foreign();
        }
        let start = matches!(stretch.end, End::Found) && tags.refused().is_none() && tags.opens_item();
        if start && !tags.closes_itself() {
            let held = std::mem::take(&mut stretch.bytes);
            let name = tags.name().to_vec();
            stretch = self.take(held, &mut |chunk| tags.feed_item(chunk, &name), rejects)?;
        }
        let refused = tags.refused();
        let (dialect, closed) = (tags.dialect, tags.closed);
        self.tags = tags;
        if let Some(why) = refused {
            self.mode = Mode::Done;
            return self.refuse(line, stretch, why, rejects).map(Some);
        }
        let cut = if dialect == Some(Dialect::Premis) { Cut::Event } else { Cut::Trace };
        match &stretch.end {
            End::Found if start => self.finish(line, stretch, cut, None, rejects),
            End::Found if stretch.streamed > 0 => {
                self.refuse(line, stretch, "a tag is longer than an item may be", rejects).map(Some)
            }
            End::Found => Ok(None),
            End::Source if closed => {
                self.mode = Mode::Done;
                Ok(None)
            }
            _ => {
                let why = match dialect {
                    None => "it is neither XES nor PREMIS 3: there is no outermost element",
                    Some(Dialect::Xes) => "the XES ends before its `</log>`",
                    Some(Dialect::Premis) => "the PREMIS ends before its outermost element does",
                };
                self.finish(line, stretch, cut, Some(why), rejects)
            }
        }
    }

    /// Writes the bytes to the rejects.
    fn refuse(&mut self, line: u64, stretch: Stretch, why: &str, rejects: &mut dyn Write) -> io::Result<Split> {
        rejects.write_all(&stretch.bytes)?;
        let whole_line = stretch.ended_line && stretch.bytes.is_empty();
        if !whole_line && (stretch.streamed > 0 || !stretch.bytes.is_empty()) {
            rejects.write_all(b"\n")?;
        }
        Ok(Split::Rejected(Reject { line, reason: why.to_owned() }))
    }

    /// An item, unless it is too long, the source broke off within it, or ended where `unfinished` says it must not.
    fn finish(
        &mut self,
        line: u64,
        mut stretch: Stretch,
        cut: Cut,
        unfinished: Option<&str>,
        rejects: &mut dyn Write,
    ) -> io::Result<Option<Split>> {
        if stretch.bytes.last() == Some(&b'\n') && cut == Cut::Json {
            stretch.bytes.pop();
        }
        let why = match (&stretch.end, unfinished) {
            (End::Fault(error), _) => {
                self.mode = Mode::Done;
                Some(format!("the source broke off here: {error}; all before it was read"))
            }
            (End::Source, unfinished) => {
                self.mode = Mode::Done;
                unfinished.map(str::to_owned)
            }
            (End::Found, _) => None,
        };
        let why = match why {
            None if stretch.streamed > 0 => Some(format!(
                "the item has {} bytes, more than the {} that one may have",
                stretch.streamed, self.limits.item_bytes_max
            )),
            why => why,
        };
        if let Some(why) = why {
            return self.refuse(line, stretch, &why, rejects).map(Some);
        }
        if stretch.bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        Ok(Some(Split::Item(Item { line, bytes: stretch.bytes, cut })))
    }
}

fn whole_line(chunk: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', chunk).map(|at| at + 1)
}

/// Up to the first byte that is no white space, which is put into `next`.
fn blanks(chunk: &[u8], next: &mut Option<u8>) -> Option<usize> {
    let at = chunk.iter().position(|byte| !byte.is_ascii_whitespace())?;
    *next = chunk.get(at).copied();
    Some(at)
}

/// So many bytes more, or up to the end of the line.
fn up_to(chunk: &[u8], left: &mut usize) -> Option<usize> {
    let taken = chunk.get(..*left).unwrap_or(chunk);
    *left -= taken.len();
    whole_line(taken).or((*left == 0).then_some(taken.len()))
}

#[cfg(test)]
mod tests;
