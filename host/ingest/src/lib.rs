//! Untrusted wire formats into the model: OpenLineage, CloudEvents, XES, PREMIS, retention schedules.
//!
//! A source is read as a stream: [`source::open`] takes off gzip or zstd, [`split::Splitter`] finds one item after
//! another (a line, an element of a JSON array, a trace), and [`parse`] makes an event of one, or says why not. What
//! is wrong with one item never stops the next. [`Reader`] does all three; a program that wants several threads takes
//! the splitter in one and calls [`parse`], which is pure, in the others.
//!
//! Everything that comes in is taken as hostile: an item has a longest length, a nesting has a greatest depth, and
//! what is longer goes to the rejects as it streams by, so that memory stays flat.

mod canonical;
mod lifecycle;
mod lineage;
mod premis;
mod reader;
pub mod schedule;
pub mod source;
pub mod split;
mod tags;
pub mod xes;

pub use canonical::canonical;
pub use reader::{Options, Reader, parse, parse_json};

/// What ingest refuses, with what the person can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The bytes are no text.
    #[error("it is not UTF-8: byte {at} of the item is `0x{byte:02x}`")]
    NotUtf8 {
        /// Where in the item, from 0.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// The JSON of an item is broken.
    #[error("it is not JSON: {0}")]
    Json(String),
    /// Two members of one object have one name: readers would differ on what it says.
    #[error("the key `{0}` stands twice in one object")]
    DuplicateKey(String),
    /// The JSON or XML is nested too deeply.
    #[error("it is nested more than {0} deep")]
    Depth(usize),
    /// An item that is not what its format asks for.
    #[error("{0}")]
    Model(#[from] fonds_model::ModelError),
    /// A CloudEvent that is not one, or that is not allowed.
    #[error("{0}")]
    CloudEvent(String),
    /// An XES trace that cannot be read or mapped.
    #[error("{0}")]
    Trace(String),
    /// A PREMIS event that cannot be read.
    #[error("{0}")]
    Premis(String),
    /// A mapping for XES that cannot be used.
    #[error("the mapping cannot be used: {0}")]
    Mapping(String),
    /// A schedule's object that has no series.
    #[error("{0}")]
    Schedule(String),
    /// A source that cannot be read at all.
    #[error("the source cannot be read: {0}")]
    Read(#[from] std::io::Error),
}

/// How much one item may be, so that no input can take the memory or the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest item in bytes; a longer one is streamed to the rejects and never held.
    pub item_bytes_max: usize,
    /// The deepest nesting of JSON.
    pub json_depth_max: usize,
    /// The deepest nesting of XML within a trace.
    pub xml_depth_max: usize,
    /// The most attributes that a trace or one of its events may have.
    pub attributes_max: usize,
    /// The most series that a schedule may have.
    pub series_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            item_bytes_max: 16 << 20,
            json_depth_max: 128,
            xml_depth_max: 64,
            attributes_max: 10_000,
            series_max: 1_000_000,
        }
    }
}

/// An item that was refused; its bytes have gone to the rejects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

fn text(item: &[u8]) -> Result<&str, IngestError> {
    std::str::from_utf8(item).map_err(|error| {
        let at = error.valid_up_to();
        IngestError::NotUtf8 { at, byte: item.get(at).copied().unwrap_or_default() }
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
