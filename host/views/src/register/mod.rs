//! The register: records and their histories, agencies, schedules, bindings, decisions, and what is due.
//!
//! A record's history is kept fact by fact; [`resolve`] makes a record of it and is the truth. The stored record beside
//! it is only that answer kept up to date: taken on fact by fact while they come in order, and made anew from the
//! history when a mistake is put right.
//!
//! What is latest in the log decides a record's series, agency, file and label, and what was announced for a day decides
//! them from that day on; what happened latest decides its triggers. Both are asked for on a date.

mod agencies;
mod amend;
mod backups;
mod bindings;
mod datasets;
mod decisions;
mod dispositions;
mod due;
mod erasures;
mod fact;
mod holding;
mod holds;
mod keys;
mod read;
mod record;
mod schedules;
mod settings;
mod state;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod write;

pub use agencies::{Agencies, AgencyOn, Definition, Succession};
pub use backups::{BackupKept, backups};
pub use bindings::{Binding, Installed, bindings, plugins};
pub use decisions::{
    Classified, InForce, LastTerm, classified, context, decided, decided_digests, decided_records, decisions,
    decisions_under, last_term,
};
pub use dispositions::{
    Disposition, Reviewed, any_review, disposition, dispositions, dispositions_of, newest_of, open_dispositions,
    records_at, review_of,
};
pub use due::{
    Changed, Sweep, changed_since, due, due_between, last_asked, last_sweep, look_all_since, must_look_at_all, pending,
};
pub use erasures::{erased_by, records_of};
pub use fact::{Created, Fact, Labelled, Said, Told};
pub use holding::{Caught, Held, Holding, InForceOf, Moment, Through};
pub use holds::{Hold, holds};
pub use read::{
    Counts, FILES_DEPTH_MAX, Records, accesses, counts, filed_at, filed_into, filed_on, history, ids, lifecycle,
    record, record_on, records, records_after, records_on, standing,
};
pub use record::{Facts, File, Mark, Occurrence, Record, State, first_day};
pub use schedules::{RuleInForce, Schedules, SeriesAt, Version, series_on, series_rows};
pub use settings::{Changed as SettingChange, PersonKey, person_keys, setting_changes};
pub use state::{ATTRIBUTE_BYTES_STORED_MAX, OCCURRENCES_STORED_MAX, Occurred, RecordState, What, resolve};

use crate::{Pending, ViewError};
use fonds_model::body::{Step, Who};
use fonds_model::openlineage::Lineage;
use fonds_model::{Entry, Envelope, Kind, Position, Series, body, decision};

/// Folds one item into the register.
///
/// Folding the same item again changes nothing.
///
/// # Errors
/// [`ViewError`] when the rows below cannot be read.
pub fn fold(entry: &Entry, item: u16, rows: &mut Pending<'_>) -> Result<(), ViewError> {
    let Some(content) = entry.items.get(usize::from(item)).and_then(|item| item.content.as_ref()) else {
        return Ok(());
    };
    match entry.kind {
        Kind::LineageRun | Kind::LineageDataset | Kind::LineageJob => {
            let Some(lineage) = crate::read_lineage(&content.payload) else { return Ok(()) };
            fold_lineage(entry, item, &content.payload, &lineage, rows)
        }
        kind if concerns_register(kind) => {
            let Ok((envelope, body)) = content.split() else { return Ok(()) };
            fold_body(entry, Position { seq: entry.seq, item }, &envelope, body, rows)
        }
        _ => Ok(()),
    }
}

/// Folds an OpenLineage event that has been read.
pub(crate) fn fold_lineage(
    entry: &Entry,
    item: u16,
    payload: &[u8],
    lineage: &Lineage,
    rows: &mut Pending<'_>,
) -> Result<(), ViewError> {
    datasets::fold(entry, item, payload, lineage, rows)
}

fn concerns_register(kind: Kind) -> bool {
    kind.as_str().starts_with("record.")
        || matches!(
            kind,
            Kind::EntryCorrected
                | Kind::EntryAnnulled
                | Kind::AgencyDefined
                | Kind::AgencySucceeded
                | Kind::ScheduleImported
                | Kind::PluginInstalled
                | Kind::PolicyBound
                | Kind::PolicyUnbound
                | Kind::PolicyDecided
                | Kind::SweepCompleted
                | Kind::HoldPlaced
                | Kind::HoldReleased
                | Kind::DispositionProposed
                | Kind::DispositionApproved
                | Kind::DispositionRejected
                | Kind::DispositionLapsed
                | Kind::DispositionExecuting
                | Kind::DispositionExecuted
                | Kind::DispositionReviewed
                | Kind::SettingChanged
                | Kind::AccessKeyAdded
                | Kind::AccessKeyRetired
                | Kind::LogErased
                | Kind::BackupMade
        )
}

/// A body as its type; one that does not fit its kind changes nothing.
macro_rules! parsed {
    ($read:expr, $type:ty) => {{
        let (kind, format, body) = $read;
        match body::parse::<$type>(kind, format, body) {
            Ok(body) => body,
            Err(_) => return Ok(()),
        }
    }};
}

fn fold_body(
    entry: &Entry,
    position: Position,
    envelope: &Envelope,
    body: &[u8],
    rows: &mut Pending<'_>,
) -> Result<(), ViewError> {
    let kind = entry.kind;
    let read = (kind, envelope.format, body);
    match kind {
        Kind::AgencyDefined => agencies::fold(rows, position, &parsed!(read, body::AgencyDefined)),
        Kind::AgencySucceeded => agencies::fold_succession(rows, position, &parsed!(read, body::AgencySucceeded)),
        Kind::ScheduleImported if position.item == 0 => {
            schedules::fold_part(rows, position, &parsed!(read, body::ScheduleImported))
        }
        Kind::ScheduleImported => schedules::fold_series(rows, position, &parsed!(read, Series)),
        Kind::PluginInstalled => bindings::install(rows, position, &parsed!(read, body::PluginInstalled)),
        Kind::PolicyBound => bindings::bind(rows, position, parsed!(read, body::PolicyBound)),
        Kind::PolicyUnbound => bindings::unbind(rows, position, &parsed!(read, body::PolicyUnbound).name),
        Kind::PolicyDecided if position.item == 0 => decisions::fold_context(rows, position, body),
        Kind::PolicyDecided => {
            let digest = entry.items.get(usize::from(position.item)).map(|item| item.digest).unwrap_or_default();
            decisions::fold_case(rows, position, digest, body)
        }
        Kind::SweepCompleted => due::sweep(rows, position, &parsed!(read, decision::SweepCompleted)),
        Kind::BackupMade => backups::made(rows, position, parsed!(read, body::BackupMade)),
        Kind::HoldPlaced => holds::place(rows, position, parsed!(read, body::HoldPlaced)),
        Kind::HoldReleased => holds::release(rows, position, parsed!(read, body::HoldReleased)),
        kind if kind.as_str().starts_with("disposition.") => fold_disposition(entry, position, envelope, body, rows),
        Kind::SettingChanged => settings::changed(rows, position, &parsed!(read, body::SettingChanged)),
        Kind::AccessKeyAdded => settings::key_added(rows, position, &parsed!(read, body::PersonKeyAdded)),
        Kind::AccessKeyRetired => settings::key_retired(rows, position, &parsed!(read, body::PersonKeyRetired)),
        Kind::LogErased => erasures::erased(rows, position, &parsed!(read, body::LogErased)),
        Kind::EntryCorrected | Kind::EntryAnnulled => {
            write::amendment(rows, Fact::read(kind, envelope, body, position, entry.at))
        }
        _ => {
            let Some(id) = &envelope.subject else { return Ok(()) };
            let fact = Fact::read(kind, envelope, body, position, entry.at);
            dispositions::ended(rows, position, kind, envelope, body)?;
            dispositions::placed(rows, id, kind, envelope, body)?;
            if matches!(kind, Kind::RecordAccessed | Kind::RecordShared) {
                write::access(rows, id, fact)
            } else {
                write::lifecycle_fact(rows, id, fact)
            }
        }
    }
}

/// Folds a proposal, or what was done about some.
fn fold_disposition(
    entry: &Entry,
    position: Position,
    envelope: &Envelope,
    body: &[u8],
    rows: &mut Pending<'_>,
) -> Result<(), ViewError> {
    let kind = entry.kind;
    let read = (kind, envelope.format, body);
    match kind {
        Kind::DispositionProposed => dispositions::propose(rows, position, parsed!(read, body::DispositionProposed)),
        Kind::DispositionApproved | Kind::DispositionRejected => {
            let said = parsed!(read, body::DispositionAnswered);
            let step = if kind == Kind::DispositionApproved { Step::Approved } else { Step::Rejected };
            dispositions::act_on(rows, position, &said.dispositions, step, &said.who)
        }
        Kind::DispositionLapsed => {
            let said = parsed!(read, body::DispositionLapsed);
            let step = if said.too_late { Step::TooLate } else { Step::Lapsed };
            let who = Who { reason: Some(said.why), ..said.who };
            dispositions::act_on(rows, position, &[said.disposition], step, &who)
        }
        Kind::DispositionExecuting => {
            let said = parsed!(read, body::DispositionExecuting);
            let step = if said.external { Step::ExecutingOutside } else { Step::Executing };
            dispositions::act_on(rows, position, &[said.disposition], step, &said.who)
        }
        Kind::DispositionExecuted => {
            let said = parsed!(read, body::DispositionExecuted);
            dispositions::act_on(rows, position, &[said.disposition], Step::Executed, &said.who)
        }
        Kind::DispositionReviewed => {
            dispositions::reviewed(rows, position, entry.at, parsed!(read, body::DispositionReviewed))
        }
        _ => Ok(()),
    }
}
