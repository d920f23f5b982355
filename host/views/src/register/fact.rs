//! What one item says of one record, with the fields that a fold needs.

use fonds_model::body::{self, Assurance, Attributes, Outcome, Who};
use fonds_model::label::Declassification;
use fonds_model::{
    AgencyPath, EntityId, Envelope, Format, Kind, Label, PartialDate, Position, SeriesId, Timestamp, date::Written,
};
use serde::{Deserialize, Serialize};

/// Who said it, and on what ground.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The person or system.
    pub by: Option<String>,
    /// How sure we are of `by`.
    pub by_assurance: Option<Assurance>,
    /// For whom.
    pub on_behalf_of: Option<String>,
    /// The law, order or decision that it rests on.
    pub authority: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// One fact of a record's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The item that says so.
    pub position: Position,
    /// The lifecycle kind; for what an OpenLineage event says, the kind that it amounts to.
    pub kind: Kind,
    /// When it was logged.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// The civil date on which it happened.
    pub on: Option<PartialDate>,
    /// The instant at which it happened, where the producer wrote one.
    #[serde(with = "micros_known")]
    pub time: Option<Timestamp>,
    /// The zone that `on` was resolved in.
    pub zone: Option<String>,
    /// The agency that its envelope names.
    pub agency: Option<AgencyPath>,
    /// An OpenLineage event says it: one of several datasets', so that it has no one subject to correct.
    pub is_lineage: bool,
    /// Who said it.
    pub said: Said,
    /// What it says.
    pub told: Told,
}

/// What a fact says, by its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// `record.created` and `record.captured`.
    Created(Box<Created>),
    /// `record.filed`.
    Filed(EntityId),
    /// `record.classified`.
    Classified(SeriesId),
    /// `record.labelled`.
    Labelled(Labelled),
    /// `record.modified`.
    Modified {
        /// What people call it now.
        title: Option<String>,
        /// Attributes that are set anew, sorted.
        attributes: Vec<(String, String)>,
    },
    /// A dataset that had another name before.
    Renamed(EntityId),
    /// `record.accessed` and `record.shared`.
    Accessed {
        /// With whom it was shared.
        with: Option<String>,
        /// What for.
        purpose: Option<String>,
    },
    /// `record.closed`.
    Closed,
    /// `record.reopened`.
    Reopened,
    /// `record.superseded`, by which record.
    Superseded(Option<EntityId>),
    /// `record.event`.
    Happened {
        /// Its name.
        name: String,
        /// Its attributes, sorted.
        attributes: Vec<(String, String)>,
    },
    /// `record.moved`.
    Moved {
        /// Where it lies now.
        location: Option<String>,
        /// Who answers for it now.
        agency: Option<AgencyPath>,
    },
    /// `record.migrated`, to which format.
    Migrated(Option<String>),
    /// `record.fixity-checked`.
    FixityChecked {
        /// The algorithm.
        algorithm: String,
        /// What was computed.
        digest: String,
        /// Whether the content is as it was.
        passed: bool,
    },
    /// `record.loss-reported`: what was lost.
    LossReported(Option<String>),
    /// `record.transferred`.
    Transferred,
    /// `record.archived`.
    Archived,
    /// `record.destroyed`.
    Destroyed,
    /// `entry.corrected`.
    Corrected {
        /// The item that was wrong.
        target: Position,
        /// The field.
        field: String,
        /// What it should have said, as JSON.
        new: String,
    },
    /// `entry.annulled`: the item that never counts.
    Annulled(Position),
    /// A fact of another subject that a correction gave to this record.
    Adopted(Box<Fact>),
    /// A body that this version cannot read; it stands in the history and says nothing.
    Unread,
}

/// What `record.created` and `record.captured` say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The responsible agency.
    pub agency: Option<AgencyPath>,
    /// Whose fonds it belongs to.
    pub creator: Option<AgencyPath>,
    /// Its series.
    pub series: Option<SeriesId>,
    /// What it is.
    pub kind: Option<String>,
    /// What people call it.
    pub title: Option<String>,
    /// The file that it is filed into.
    pub file: Option<EntityId>,
    /// Its label.
    pub label: Option<Labelled>,
    /// Its attributes, sorted.
    pub attributes: Vec<(String, String)>,
}

/// A label that was given, as rows keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labelled {
    /// The level.
    pub level: String,
    /// The categories, sorted.
    pub categories: Vec<String>,
    /// An authorised downgrade: ancestors' labels stop here.
    pub barrier: bool,
    /// When it is to come down.
    pub declassify: Option<Declassification>,
}

impl Labelled {
    pub(super) fn new(label: Label, barrier: bool, declassify: Option<Declassification>) -> Self {
        let mut categories = label.categories;
        categories.sort_unstable();
        categories.dedup();
        Self { level: label.level, categories, barrier, declassify }
    }

    /// The label itself.
    #[must_use]
    pub fn label(&self) -> Label {
        Label { level: self.level.clone(), categories: self.categories.clone() }
    }
}

impl Fact {
    /// The attributes that it carries, sorted by name.
    #[must_use]
    pub fn attributes(&self) -> &[(String, String)] {
        match &self.told {
            Told::Created(created) => &created.attributes,
            Told::Modified { attributes, .. } | Told::Happened { attributes, .. } => attributes,
            _ => &[],
        }
    }

    /// The item that a correction or an annulment is about.
    #[must_use]
    pub fn target(&self) -> Option<Position> {
        match &self.told {
            Told::Corrected { target, .. } | Told::Annulled(target) => Some(*target),
            _ => None,
        }
    }

    /// Reads what an item says; a body that does not fit its kind is kept as [`Told::Unread`].
    pub(super) fn read(kind: Kind, envelope: &Envelope, body: &[u8], position: Position, at: Timestamp) -> Self {
        let (told, who) = read(kind, envelope, body).unwrap_or((Told::Unread, Who::default()));
        Self { said: said(who, envelope), ..Self::bare(kind, envelope, position, at, told) }
    }

    /// A fact with nothing of a body.
    pub(super) fn bare(kind: Kind, envelope: &Envelope, position: Position, at: Timestamp, told: Told) -> Self {
        let written = envelope.time.as_deref().and_then(|time| Written::parse(time).ok());
        Self {
            position,
            kind,
            at,
            on: envelope.on,
            time: written.and_then(instant),
            zone: envelope.zone.clone(),
            agency: envelope.agency.clone(),
            is_lineage: envelope.format == Format::OpenLineage,
            said: said(Who::default(), envelope),
            told,
        }
    }
}

/// The instant of a written time; a bare date has none.
pub(super) fn instant(written: Written) -> Option<Timestamp> {
    match written {
        Written::Instant(at, _) => Some(at),
        Written::Date(_) => None,
    }
}

fn said(who: Who, envelope: &Envelope) -> Said {
    Said {
        by: who.by.or_else(|| envelope.by.clone()),
        by_assurance: who.by_assurance,
        on_behalf_of: who.on_behalf_of,
        authority: who.authority,
        reason: who.reason,
    }
}

/// Attributes as sorted text.
pub(super) fn texts(attributes: &Attributes) -> Vec<(String, String)> {
    attributes.iter().map(|(name, value)| (name.clone(), value.to_text())).collect()
}

fn read(kind: Kind, envelope: &Envelope, body: &[u8]) -> Option<(Told, Who)> {
    let format = envelope.format;
    macro_rules! parse {
        ($type:ident) => {
            body::parse::<body::$type>(kind, format, body).ok()?
        };
    }
    Some(match kind {
        Kind::RecordCreated | Kind::RecordCaptured => {
            let body = parse!(Created);
            (Told::Created(Box::new(created(&body))), body.who)
        }
        Kind::RecordFiled => {
            let body = parse!(Filed);
            (Told::Filed(body.file), body.who)
        }
        Kind::RecordClassified => {
            let body = parse!(Classified);
            (Told::Classified(body.series), body.who)
        }
        Kind::RecordLabelled => {
            let body = parse!(Labelled);
            (Told::Labelled(Labelled::new(body.label, body.barrier, body.declassify)), body.who)
        }
        Kind::RecordModified => {
            let body = parse!(Modified);
            (Told::Modified { title: body.title, attributes: texts(&body.attributes) }, body.who)
        }
        Kind::RecordAccessed | Kind::RecordShared => {
            let body = parse!(Accessed);
            (Told::Accessed { with: body.with, purpose: body.purpose }, body.who)
        }
        Kind::RecordClosed => (Told::Closed, parse!(Closed).who),
        Kind::RecordReopened => (Told::Reopened, parse!(Closed).who),
        Kind::RecordSuperseded => {
            let body = parse!(Superseded);
            (Told::Superseded(body.superseded_by), body.who)
        }
        Kind::RecordEvent => {
            let body = parse!(Happened);
            (Told::Happened { name: body.name, attributes: texts(&body.attributes) }, body.who)
        }
        Kind::RecordMoved => {
            let body = parse!(Moved);
            (Told::Moved { location: body.location, agency: body.agency }, body.who)
        }
        Kind::RecordMigrated => {
            let body = parse!(Migrated);
            (Told::Migrated(body.format), body.who)
        }
        Kind::RecordFixityChecked => {
            let body = parse!(FixityChecked);
            let passed = body.outcome == Outcome::Pass;
            (Told::FixityChecked { algorithm: body.algorithm, digest: body.digest, passed }, body.who)
        }
        Kind::RecordLossReported => {
            let body = parse!(LossReported);
            (Told::LossReported(body.what), body.who)
        }
        Kind::RecordTransferred => (Told::Transferred, parse!(Transferred).who),
        Kind::RecordArchived => (Told::Archived, parse!(Closed).who),
        Kind::RecordDestroyed => (Told::Destroyed, parse!(Destroyed).who),
        Kind::EntryCorrected => {
            let body = parse!(Corrected);
            (Told::Corrected { target: body.position(), field: body.field, new: body.new.to_string() }, body.who)
        }
        Kind::EntryAnnulled => {
            let body = parse!(Annulled);
            (Told::Annulled(body.position()), body.who)
        }
        _ => return None,
    })
}

fn created(body: &body::Created) -> Created {
    Created {
        agency: body.agency.clone(),
        creator: body.creator.clone(),
        series: body.series.clone(),
        kind: body.kind.clone(),
        title: body.title.clone(),
        file: body.file.clone(),
        label: body.label.clone().map(|label| Labelled::new(label, false, None)),
        attributes: texts(&body.attributes),
    }
}

/// Timestamps as microseconds.
mod micros {
    use fonds_model::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp)
    }
}

/// Timestamps that may be unknown, as microseconds.
pub(super) mod micros_known {
    use fonds_model::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::register) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(|at| at.0).serialize(serializer)
    }

    pub(in crate::register) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp))
    }
}
