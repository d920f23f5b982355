//! The bytes of the file: a page, and inside it one JSON document that is written in one way only.

use super::{ENTRIES_MAX, FILE_BYTES_MAX, Unproved};
use fonds_log::{HEADER_BYTES_MAX, ITEMS_MAX};
use serde::{Deserialize, Serialize};

/// What `format` says.
pub(super) const FORMAT: &str = "fonds-evidence/1";
/// What stands between the page and the document.
const OPEN: &str = "\n<template id=\"fonds-evidence-1\">\n";
/// What stands after the document.
const CLOSE: &str = "\n</template>\n</body>\n</html>\n";
/// A tree of 2^64 leaves has no longer path.
const PROOF_MAX: usize = 64;
/// The word for an item whose content was erased.
pub(super) const ERASED: &str = "erased";

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) format: String,
    /// The record's id.
    pub(super) record: String,
    /// Whether lineage was cut at the bound on its size.
    pub(super) truncated: bool,
    /// The signed note, with cosignatures.
    pub(super) checkpoint: String,
    /// In the order of the log.
    pub(super) entries: Vec<Proved>,
}

/// An entry with its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Proved {
    /// The header's exact bytes, which are text.
    pub(super) header: String,
    /// The inclusion proof, base64, from the leaf's sibling up.
    pub(super) proof: Vec<String>,
    /// As many as the header has digests; `null` for what concerns another record.
    pub(super) items: Vec<Option<Item>>,
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Item {
    /// Its content.
    Content(Content),
    /// [`ERASED`].
    Gone(String),
}

/// An item's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    /// 16 bytes in hex.
    pub(super) salt: String,
    /// The payload, base64.
    pub(super) payload: String,
}

fn wrong(why: &str) -> Unproved {
    Unproved(why.to_owned())
}

impl Document {
    /// Its one way to be written: no white space, and no character that means something in HTML.
    pub(super) fn to_text(&self) -> Result<String, Unproved> {
        let text = serde_json::to_string(self).map_err(|error| Unproved(error.to_string()))?;
        Ok(text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
    }

    /// The file with its page.
    pub(super) fn to_file(&self, page: &str) -> Result<Vec<u8>, Unproved> {
        let text = self.to_text()?;
        let file = [page, OPEN, &text, CLOSE].concat().into_bytes();
        if file.len() > FILE_BYTES_MAX {
            return Err(Unproved(format!("it has {} bytes, and evidence has at most {FILE_BYTES_MAX}", file.len())));
        }
        Ok(file)
    }

    /// Takes a file apart into its page, if it has one, and its document, and checks every bound before anything is
    /// computed.
    pub(super) fn read(file: &[u8]) -> Result<(Option<&str>, Self), Unproved> {
        if file.len() > FILE_BYTES_MAX {
            return Err(wrong("the file is longer than evidence may be"));
        }
        let file = std::str::from_utf8(file).map_err(|_| wrong("the file is not UTF-8 text"))?;
        if file.starts_with('{') {
            return Ok((None, Self::parse(file.trim_end_matches('\n'))?));
        }
        let rest = file.strip_suffix(CLOSE).ok_or_else(|| wrong("the file does not end as evidence does"))?;
        let (page, text) = rest.rsplit_once(OPEN).ok_or_else(|| wrong("the file holds no evidence"))?;
        Ok((Some(page), Self::parse(text)?))
    }

    fn parse(text: &str) -> Result<Self, Unproved> {
        let document: Self = serde_json::from_str(text).map_err(|error| Unproved(format!("the document: {error}")))?;
        document.check_bounds()?;
        if document.to_text()? != text {
            return Err(wrong("the document is not written in the one way that the format has"));
        }
        Ok(document)
    }

    fn check_bounds(&self) -> Result<(), Unproved> {
        if self.format != FORMAT {
            return Err(Unproved(format!("its format is `{}`, and this program reads {FORMAT}", self.format)));
        }
        if self.entries.is_empty() || self.entries.len() > ENTRIES_MAX {
            return Err(Unproved(format!("it has {} entries: 1 to {ENTRIES_MAX} are allowed", self.entries.len())));
        }
        let fits = |entry: &Proved| {
            entry.header.len() <= HEADER_BYTES_MAX && entry.proof.len() <= PROOF_MAX && entry.items.len() <= ITEMS_MAX
        };
        if self.entries.iter().all(fits) { Ok(()) } else { Err(wrong("an entry is larger than one may be")) }
    }
}
