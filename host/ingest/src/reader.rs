//! A source as events.

use crate::split::{Cut, Item, Split, Splitter};
use crate::xes::{self, Mapping};
use crate::{IngestError, Limits, Reject, lifecycle, lineage, premis, text};
use fonds_model::{AgencyPath, Event, Format, Kind};
use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

/// How a source is read.
#[derive(Debug, Clone)]
pub struct Options {
    /// The format; `None`: each item shows its own.
    pub format: Option<Format>,
    /// The agency of events that name none.
    pub agency: Option<AgencyPath>,
    /// How traces become records; XES needs it.
    pub mapping: Option<Arc<Mapping>>,
    /// The kinds that may come in, host's kinds excepted in any case.
    pub allowed: Vec<Kind>,
    /// How much one item may be.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: None,
            agency: None,
            mapping: None,
            allowed: Kind::ALL.iter().copied().filter(|kind| kind.producer_may_send()).collect(),
            limits: Limits::default(),
        }
    }
}

/// Makes events of an item: one of JSON, several of a trace. Pure, so that several threads can do it.
///
/// # Errors
/// Why the item is refused, all of it.
pub fn parse(item: &Item, options: &Options) -> Result<Vec<Event>, IngestError> {
    match item.cut {
        Cut::Json => parse_json(&item.bytes, options).map(|event| vec![event]),
        Cut::Trace => match options.format {
            None | Some(Format::Xes) => xes::parse(text(&item.bytes)?, options),
            Some(_) => Err(IngestError::Trace("it is XES, and another format was asked for".to_owned())),
        },
        Cut::Event => match options.format {
            None | Some(Format::Premis) => premis::parse(text(&item.bytes)?, options),
            Some(_) => Err(IngestError::Premis("it is PREMIS, and another format was asked for".to_owned())),
        },
    }
}

/// Makes the event of one JSON item: an OpenLineage event, or a CloudEvent.
///
/// # Errors
/// Why the item is refused.
pub fn parse_json(bytes: &[u8], options: &Options) -> Result<Event, IngestError> {
    let text = text(bytes.trim_ascii())?;
    let event = match options.format {
        Some(Format::CloudEvents) => lifecycle::parse(text, options),
        Some(Format::OpenLineage) => lineage::parse(text, options),
        Some(Format::Xes) => Err(IngestError::Trace("it is no XES, which was asked for".to_owned())),
        Some(Format::Premis) => Err(IngestError::Premis("it is no PREMIS, which was asked for".to_owned())),
        Some(Format::Fonds) => Err(IngestError::CloudEvent("no producer may send the host's own format".to_owned())),
        // Lineage comes by the million, so that it is tried first and pays for no look at the format.
        None => match lineage::parse(text, options) {
            Err(_) if lifecycle::is_one(text) => lifecycle::parse(text, options),
            found => found,
        },
    }?;
    if !options.allowed.contains(&event.kind) {
        let why = format!("`{}` is not among the kinds that are allowed here", event.kind);
        return Err(IngestError::CloudEvent(why));
    }
    Ok(event)
}

/// The events of a source, one after another, with the line on which each one's item begins.
///
/// What is refused goes to `rejects` byte for byte, each item with a line feed after it, before its [`Reject`] is
/// returned.
pub struct Reader<R, W> {
    splitter: Splitter<R>,
    options: Options,
    rejects: W,
    waiting: VecDeque<(u64, Event)>,
    fault: Option<io::Error>,
}

impl<R, W> std::fmt::Debug for Reader<R, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("splitter", &self.splitter).finish_non_exhaustive()
    }
}

impl<R: BufRead, W: Write> Reader<R, W> {
    /// A reader of a source whose compression is already taken off ([`crate::source::open`]).
    pub fn new(source: R, options: Options, rejects: W) -> Self {
        let splitter = Splitter::new(source, options.limits);
        Self { splitter, options, rejects, waiting: VecDeque::new(), fault: None }
    }

    /// Where the rejects go, for what is refused later on the way.
    pub fn rejects(&mut self) -> &mut W {
        &mut self.rejects
    }

    /// The error of writing the rejects, after which the reader is at its end.
    pub fn fault(&mut self) -> Option<io::Error> {
        self.fault.take()
    }

    fn advance(&mut self) -> io::Result<Option<Result<(u64, Event), Reject>>> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(Some(Ok(event)));
            }
            match self.splitter.next(&mut self.rejects)? {
                None => return Ok(None),
                Some(Split::Rejected(reject)) => return Ok(Some(Err(reject))),
                Some(Split::Item(item)) => match parse(&item, &self.options) {
                    Ok(events) => self.waiting.extend(events.into_iter().map(|event| (item.line, event))),
                    Err(error) => {
                        self.rejects.write_all(&item.bytes)?;
                        self.rejects.write_all(b"\n")?;
                        return Ok(Some(Err(Reject { line: item.line, reason: error.to_string() })));
                    }
                },
            }
        }
    }
}

impl<R: BufRead, W: Write> Iterator for Reader<R, W> {
    type Item = Result<(u64, Event), Reject>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.fault.is_some() {
            return None;
        }
        self.advance().unwrap_or_else(|error| {
            self.fault = Some(error);
            None
        })
    }
}

#[cfg(test)]
mod tests;
