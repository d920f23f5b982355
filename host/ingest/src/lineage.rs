//! OpenLineage 2-0-2: run, dataset and job events, kept verbatim.

use crate::{IngestError, Options, canonical};
use fonds_model::{Envelope, Event, Format, Identity, openlineage};

/// An event whose identity is its content, since OpenLineage has no event id.
pub(crate) fn parse(text: &str, options: &Options) -> Result<Event, IngestError> {
    let head = openlineage::check(text)?;
    let identity = canonical(text, options.limits.json_depth_max)?;
    let mut envelope = Envelope::new(Format::OpenLineage);
    envelope.source = Some(head.producer.into_owned());
    envelope.time = Some(head.time.into_owned());
    envelope.agency.clone_from(&options.agency);
    Ok(Event { kind: head.kind, envelope, body: text.as_bytes().to_vec(), identity: Some(Identity::Content(identity)) })
}
