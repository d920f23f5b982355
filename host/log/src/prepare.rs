//! An entry made ready beside the writer: salted, hashed and keyed, so that the writer has little to do.

use crate::entry::{self, ENTRY_BYTES_MAX, ITEMS_MAX, PAYLOAD_BYTES_MAX};
use crate::keys::{self, Identities};
use crate::{LogError, Macs, frame};
use fonds_model::{Digest, Identity, Kind};

/// An entry that only lacks its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    pub(crate) tail: Vec<u8>,
    pub(crate) macs: Option<Macs>,
    pub(crate) count: u16,
    pub(crate) items: Vec<u8>,
    digests: Vec<Digest>,
}

impl Prepared {
    pub(crate) fn new(
        kind: Kind,
        payloads: &[Vec<u8>],
        identity: Option<&Identity>,
        identities: &Identities,
    ) -> Result<Self, LogError> {
        check("the number of items", payloads.len(), ITEMS_MAX)?;
        if payloads.is_empty() {
            return Err(LogError::Rejected("an entry has at least one item".to_owned()));
        }
        let bytes = payloads.iter().map(Vec::len).sum();
        check("the size of its payloads", bytes, ENTRY_BYTES_MAX)?;
        let mut items = Vec::with_capacity(bytes + payloads.len() * 20);
        let mut digests = Vec::with_capacity(payloads.len());
        for payload in payloads {
            check("the size of a payload", payload.len(), PAYLOAD_BYTES_MAX)?;
            let salt = keys::salt()?;
            digests.push(entry::item_digest(&salt, payload));
            frame::push_item(&mut items, &salt, payload);
        }
        let macs = identity.map(|identity| identities.macs(identity));
        Ok(Self { tail: entry::tail(kind, &digests), macs, count: payloads.len() as u16, items, digests })
    }

    /// The digests of its items.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// About how many bytes of journal it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.items.len() + self.tail.len() + 160
    }
}

fn check(what: &'static str, is: usize, max: usize) -> Result<(), LogError> {
    if is > max { Err(LogError::TooLarge { what, is: is as u64, max: max as u64 }) } else { Ok(()) }
}
