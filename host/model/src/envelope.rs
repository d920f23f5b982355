//! A payload: an envelope of one JSON line, a line feed, then the producer's body byte for byte.

use crate::{AgencyPath, EntityId, ModelError, PartialDate};
use serde::{Deserialize, Serialize};

/// The version of the envelope that this code writes.
pub const ENVELOPE_VERSION: u8 = 1;

/// What the body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// An OpenLineage 2-0-2 event, verbatim.
    OpenLineage,
    /// A CloudEvents 1.0 JSON event, verbatim; what the kind's schema describes is its `data`.
    CloudEvents,
    /// A JSON body made from an XES trace or event by a mapping.
    Xes,
    /// A JSON body made from a PREMIS 3 event.
    Premis,
    /// A JSON body of the host's own.
    Fonds,
}

/// What is known of an event beside its body; all that a fold needs that the body does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The envelope's version, 1.
    pub v: u8,
    /// What the body is written in.
    pub format: Format,
    /// The producer: a CloudEvents `source`, an OpenLineage `producer`, a mapping's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The event's id, unique within `source`, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it happened, as the producer wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The civil date on which it happened, resolved once at append.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<PartialDate>,
    /// The zone that `on` was resolved in; none when the date or the offset was taken as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The record or entity that the event is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<EntityId>,
    /// The agency that the event names, or that its sender was said to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agency: Option<AgencyPath>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Envelope {
    /// An envelope of today's version with nothing known yet.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            v: ENVELOPE_VERSION,
            format,
            source: None,
            id: None,
            time: None,
            on: None,
            zone: None,
            subject: None,
            agency: None,
            by: None,
        }
    }

    /// The payload: this envelope's line, then the body as it is.
    #[must_use]
    pub fn with_body(&self, body: &[u8]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(256 + body.len());
        // Writing to a Vec cannot fail, and no field of an envelope can refuse to be written.
        if serde_json::to_writer(&mut payload, self).is_err() {
            payload.clear();
        }
        payload.push(b'\n');
        payload.extend_from_slice(body);
        payload
    }

    /// Splits a payload into its envelope and its body.
    ///
    /// # Errors
    /// [`ModelError::Envelope`] when the first line is not an envelope of a known version.
    pub fn split(payload: &[u8]) -> Result<(Envelope, &[u8]), ModelError> {
        let end = payload
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(|| ModelError::Envelope("it has no line feed".into()))?;
        let (line, rest) = payload.split_at(end);
        let envelope: Envelope =
            serde_json::from_slice(line).map_err(|error| ModelError::Envelope(error.to_string()))?;
        if envelope.v != ENVELOPE_VERSION {
            return Err(ModelError::Envelope(format!("version {} is newer than this program", envelope.v)));
        }
        Ok((envelope, rest.get(1..).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_byte_for_byte() {
        let mut envelope = Envelope::new(Format::CloudEvents);
        envelope.subject = EntityId::new("permit/12\n\"x\"").ok();
        envelope.on = PartialDate::parse("1987-05").ok();
        let body = b"{ \"a\" :\t1.50,\n\"b\":\"\\u0041\" }\n";
        let payload = envelope.with_body(body);
        assert_eq!(Envelope::split(&payload), Ok((envelope, &body[..])));
    }

    #[test]
    fn the_line_is_in_the_order_of_the_documentation() {
        let payload = Envelope::new(Format::Fonds).with_body(b"{}");
        assert_eq!(payload, b"{\"v\":1,\"format\":\"fonds\"}\n{}");
    }

    #[test]
    fn a_newer_version_and_a_missing_line_are_refused() {
        assert!(Envelope::split(b"{\"v\":2,\"format\":\"fonds\"}\n{}").is_err());
        assert!(Envelope::split(b"{\"v\":1,\"format\":\"fonds\"}").is_err());
        assert!(Envelope::split(b"hello\n").is_err());
    }
}
