//! The nouns of Fonds: ids, dates, kinds, envelopes, entries, rules and labels.
//!
//! No I/O and no clock: "now" is always an argument. Every other crate speaks these words, and they are
//! the field's own (W3C PROV, OpenLineage, ISO 15489, MoReq2010).

pub mod body;
pub mod content;
pub mod date;
pub mod decision;
pub mod entry;
pub mod envelope;
pub mod event;
pub mod ids;
pub mod kind;
pub mod label;
pub mod openlineage;
pub mod rule;
pub mod schema;
pub mod selection;
pub mod stub;

pub use content::{ContentFile, Fixity, Sha512};
pub use date::{PartialDate, Timestamp};
pub use entry::{Content, Entry, Erased, Item, Position, Seq};
pub use envelope::{Envelope, Format};
pub use event::{Event, Identity};
pub use ids::{AgencyPath, Digest, EntityId, SeriesId};
pub use kind::Kind;
pub use label::{Label, Levels};
pub use rule::{Action, Clause, Cutoff, MonthDay, Rule, Series, Trigger, Unruled};
pub use selection::Selection;

/// What a model type refuses, with what the person can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// An id is empty, too long, or holds a control character.
    #[error("`{text}` is not an id: {why}")]
    Id {
        /// The offending text, shortened.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A date is not one, or cannot exist.
    #[error("`{0}` is not a date: write YYYY, YYYY-MM, YYYY-MM-DD or an RFC 3339 time")]
    Date(String),
    /// A time zone is not in the IANA database.
    #[error("`{0}` is not a time zone of the IANA database, such as `Europe/Amsterdam`")]
    Zone(String),
    /// A kind of event that does not exist.
    #[error("`{0}` is not a kind of event that Fonds knows")]
    Kind(String),
    /// A payload whose first line is not an envelope.
    #[error("a payload's first line is not an envelope: {0}")]
    Envelope(String),
    /// A body that does not fit its kind.
    #[error("the body does not fit `{kind}`: {why}")]
    Body {
        /// The kind whose schema it breaks.
        kind: &'static str,
        /// What is wrong, as the parser says it.
        why: String,
    },
    /// A retention rule or one of its words that is not understood.
    #[error("`{0}` is not understood as part of a retention rule")]
    Rule(String),
    /// A query that is not understood.
    #[error(transparent)]
    Query(#[from] selection::QueryError),
}
