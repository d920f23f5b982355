//! An event on its way into the log.

use crate::{Envelope, Kind};

/// What makes a producer's event the same as one that was sent before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// `(source, id)` is unique; sent again with other content it is a conflict.
    Named {
        /// The bytes that name the event: length-prefixed parts, so that no two names run together.
        name: Vec<u8>,
        /// The bytes of its canonical content.
        content: Vec<u8>,
    },
    /// The canonical content is the identity (OpenLineage): it can be a duplicate and never a conflict.
    Content(Vec<u8>),
}

impl Identity {
    /// The name of an event made of several parts, each with its length before it.
    #[must_use]
    pub fn name_of(parts: &[&[u8]]) -> Vec<u8> {
        let mut name = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
        for part in parts {
            name.extend_from_slice(&(part.len() as u64).to_be_bytes());
            name.extend_from_slice(part);
        }
        name
    }
}

/// One event that ingest or a host command hands to the log: one entry with one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// What is known of it beside the body; `on` and `zone` are resolved by the runtime at append.
    pub envelope: Envelope,
    /// The producer's body, byte for byte.
    pub body: Vec<u8>,
    /// Its identity; `None` for the host's own events.
    pub identity: Option<Identity>,
}

#[cfg(test)]
mod tests {
    use super::Identity;

    #[test]
    fn parts_of_a_name_never_run_together() {
        assert_ne!(Identity::name_of(&[b"ab", b"c"]), Identity::name_of(&[b"a", b"bc"]));
    }
}
