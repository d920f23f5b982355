//! The JSON schema that each lifecycle and administrative kind publishes.

use crate::{Kind, Series, body, decision};
use schemars::{Schema, schema_for};

/// The schema of a kind's body; `None` for OpenLineage kinds, whose schema is OpenLineage's own, and for kinds that
/// no command sends yet.
#[must_use]
pub fn of(kind: Kind) -> Option<Schema> {
    Some(match kind {
        Kind::RecordCreated | Kind::RecordCaptured => schema_for!(body::Created),
        Kind::RecordFiled => schema_for!(body::Filed),
        Kind::RecordClassified => schema_for!(body::Classified),
        Kind::RecordLabelled => schema_for!(body::Labelled),
        Kind::RecordModified => schema_for!(body::Modified),
        Kind::RecordAccessed | Kind::RecordShared => schema_for!(body::Accessed),
        Kind::RecordClosed | Kind::RecordReopened => schema_for!(body::Closed),
        Kind::RecordSuperseded => schema_for!(body::Superseded),
        Kind::RecordEvent => schema_for!(body::Happened),
        Kind::RecordMoved => schema_for!(body::Moved),
        Kind::RecordMigrated => schema_for!(body::Migrated),
        Kind::RecordFixityChecked => schema_for!(body::FixityChecked),
        Kind::RecordLossReported => schema_for!(body::LossReported),
        Kind::EntryCorrected => schema_for!(body::Corrected),
        Kind::EntryAnnulled => schema_for!(body::Annulled),
        Kind::AgencyDefined => schema_for!(body::AgencyDefined),
        Kind::AgencySucceeded => schema_for!(body::AgencySucceeded),
        Kind::ScheduleImported => schema_for!((body::ScheduleImported, Series)),
        Kind::PluginInstalled => schema_for!(body::PluginInstalled),
        Kind::PolicyBound => schema_for!(body::PolicyBound),
        Kind::PolicyUnbound => schema_for!(body::PolicyUnbound),
        Kind::LogKeyAdded => schema_for!(body::KeyAdded),
        Kind::LogWitnessAdded => schema_for!(body::WitnessAdded),
        Kind::PolicyDecided => schema_for!((decision::Decided, decision::Case)),
        Kind::SweepCompleted => schema_for!(decision::SweepCompleted),
        Kind::BackupMade => schema_for!(body::BackupMade),
        Kind::HoldPlaced => schema_for!(body::HoldPlaced),
        Kind::HoldReleased => schema_for!(body::HoldReleased),
        Kind::DispositionProposed => schema_for!(body::DispositionProposed),
        Kind::DispositionApproved | Kind::DispositionRejected => schema_for!(body::DispositionAnswered),
        Kind::DispositionLapsed => schema_for!(body::DispositionLapsed),
        Kind::DispositionExecuting => schema_for!(body::DispositionExecuting),
        Kind::DispositionExecuted => schema_for!(body::DispositionExecuted),
        Kind::DispositionReviewed => schema_for!(body::DispositionReviewed),
        Kind::RecordDestroyed => schema_for!(body::Destroyed),
        Kind::RecordTransferred => schema_for!(body::Transferred),
        Kind::SettingChanged => schema_for!(body::SettingChanged),
        Kind::AccessKeyAdded => schema_for!(body::PersonKeyAdded),
        Kind::AccessKeyRetired => schema_for!(body::PersonKeyRetired),
        Kind::LogErased => schema_for!(body::LogErased),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::Kind;

    #[test]
    fn every_producers_lifecycle_kind_publishes_a_schema() {
        for kind in Kind::ALL.iter().filter(|kind| kind.producer_may_send()) {
            assert_eq!(of(*kind).is_none(), kind.as_str().starts_with("lineage."), "{kind}");
        }
    }
}
