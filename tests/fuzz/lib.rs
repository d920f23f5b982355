//! What bytes from anywhere may never do: a body for each thing that is parsed, run by cargo-fuzz and by the tests.
//!
//! A body returns when all is well, whether the bytes were understood or refused, and panics when they broke a promise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a body panics where a promise is broken"
)]

#[cfg(feature = "answers")]
mod answers;
mod events;
mod evidence;
mod log;

pub use log::Nothing;

/// Something that is parsed.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Takes any bytes; whether they were understood.
    pub body: fn(&[u8]) -> bool,
    /// Bytes that are understood, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "header", body: log::header, seeds: log::header_seeds },
    Target { name: "journal", body: log::journal, seeds: log::journal_seeds },
    Target { name: "note", body: log::note, seeds: log::note_seeds },
    Target { name: "checkpoint", body: log::checkpoint, seeds: log::checkpoint_seeds },
    Target { name: "proof", body: log::proof, seeds: log::proof_seeds },
    Target { name: "evidence", body: evidence::evidence, seeds: evidence::evidence_seeds },
    Target { name: "openlineage", body: events::openlineage, seeds: events::openlineage_seeds },
    Target { name: "cloudevents", body: events::cloudevents, seeds: events::cloudevents_seeds },
    Target { name: "xes", body: events::xes, seeds: events::xes_seeds },
    Target { name: "premis", body: events::premis, seeds: events::premis_seeds },
    Target { name: "schedule", body: events::schedule, seeds: events::schedule_seeds },
    #[cfg(feature = "answers")]
    Target { name: "answers", body: answers::answers, seeds: answers::answers_seeds },
];
