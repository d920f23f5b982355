//! The kinds of entries, and who may send which.

use crate::ModelError;
use std::fmt;

macro_rules! kinds {
    ($( $(#[$doc:meta])* $variant:ident = $text:literal, $producer:literal; )*) => {
        /// What an entry says happened.
        ///
        /// The text of a kind is what stands in a header, and is never changed or given another meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind { $( $(#[$doc])* #[doc = concat!("`", $text, "`")] $variant, )* }

        impl Kind {
            /// All kinds, in the order of the documentation.
            pub const ALL: &'static [Kind] = &[ $( Kind::$variant, )* ];

            /// The text that stands in a header.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Kind::$variant => $text, )* }
            }

            /// Whether a producer may send it; all others come from the host's own commands.
            #[must_use]
            pub const fn producer_may_send(self) -> bool {
                match self { $( Kind::$variant => $producer, )* }
            }

            /// Reads the text of a kind.
            ///
            /// # Errors
            /// [`ModelError::Kind`] when no kind has that text.
            pub fn parse(text: &str) -> Result<Kind, ModelError> {
                match text {
                    $( $text => Ok(Kind::$variant), )*
                    _ => Err(ModelError::Kind(text.chars().take(80).collect())),
                }
            }
        }
    };
}

kinds! {
    LineageRun = "lineage.run", true;
    LineageDataset = "lineage.dataset", true;
    LineageJob = "lineage.job", true;
    RecordCreated = "record.created", true;
    RecordCaptured = "record.captured", true;
    RecordFiled = "record.filed", true;
    RecordClassified = "record.classified", true;
    RecordLabelled = "record.labelled", true;
    RecordModified = "record.modified", true;
    RecordAccessed = "record.accessed", true;
    RecordShared = "record.shared", true;
    RecordClosed = "record.closed", true;
    RecordReopened = "record.reopened", true;
    RecordSuperseded = "record.superseded", true;
    RecordEvent = "record.event", true;
    RecordMoved = "record.moved", true;
    RecordMigrated = "record.migrated", true;
    RecordFixityChecked = "record.fixity-checked", true;
    RecordLossReported = "record.loss-reported", true;
    EntryCorrected = "entry.corrected", true;
    EntryAnnulled = "entry.annulled", true;
    AgencyDefined = "agency.defined", false;
    AgencySucceeded = "agency.succeeded", false;
    ScheduleImported = "schedule.imported", false;
    TermDefined = "term.defined", false;
    PluginInstalled = "plugin.installed", false;
    PolicyBound = "policy.bound", false;
    PolicyUnbound = "policy.unbound", false;
    PolicyDecided = "policy.decided", false;
    SweepCompleted = "sweep.completed", false;
    HoldPlaced = "hold.placed", false;
    HoldReleased = "hold.released", false;
    DispositionProposed = "disposition.proposed", false;
    DispositionApproved = "disposition.approved", false;
    DispositionRejected = "disposition.rejected", false;
    DispositionLapsed = "disposition.lapsed", false;
    DispositionExecuting = "disposition.executing", false;
    DispositionExecuted = "disposition.executed", false;
    DispositionReviewed = "disposition.reviewed", false;
    RecordDestroyed = "record.destroyed", false;
    RecordTransferred = "record.transferred", false;
    RecordArchived = "record.archived", false;
    LogErased = "log.erased", false;
    LogKeyAdded = "log.key-added", false;
    LogKeyRetired = "log.key-retired", false;
    LogWitnessAdded = "log.witness-added", false;
    AccessGranted = "access.granted", false;
    AccessRevoked = "access.revoked", false;
    AccessKeyAdded = "access.key-added", false;
    AccessKeyRetired = "access.key-retired", false;
    SettingChanged = "setting.changed", false;
    BackupMade = "backup.made", false;
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Kind::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn every_kind_reads_back_and_hosts_kinds_are_closed_to_producers() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Ok(*kind));
        }
        let open = Kind::ALL.iter().filter(|kind| kind.producer_may_send()).count();
        assert_eq!(open, 21, "DESIGN §4 lists 3 lineage, 16 record and 2 entry kinds");
        assert!(!Kind::PolicyDecided.producer_may_send() && !Kind::RecordDestroyed.producer_may_send());
    }
}
