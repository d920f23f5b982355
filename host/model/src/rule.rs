//! Retention rules: clauses, triggers, actions, and the series that carry them.

use crate::{ModelError, PartialDate, SeriesId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is done at the end of retention; ordered so that the greater is the safer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Destroy the record.
    Destroy,
    /// A person decides.
    Review,
    /// Hand it to an archive.
    Transfer,
    /// Keep it permanently.
    Keep,
}

impl Action {
    /// Reads `destroy`, `review`, `transfer` or `keep`.
    ///
    /// # Errors
    /// [`ModelError::Rule`] for any other word.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        match text {
            "destroy" => Ok(Self::Destroy),
            "review" => Ok(Self::Review),
            "transfer" => Ok(Self::Transfer),
            "keep" => Ok(Self::Keep),
            _ => Err(ModelError::Rule(text.to_owned())),
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Destroy => "destroy",
            Self::Review => "review",
            Self::Transfer => "transfer",
            Self::Keep => "keep",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// To the end of which year a trigger's date is moved before the period is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cutoff {
    /// The trigger's own day counts.
    None,
    /// 31 December of the trigger's year.
    CalendarYear,
    /// The end of the responsible agency's fiscal year.
    FiscalYear,
}

/// What starts a clock: `creation`, `closed`, `superseded` or `event:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// The record's creation.
    Creation,
    /// The record, or the file that it is filed into, was closed.
    Closed,
    /// Another record took its place.
    Superseded,
    /// A `record.event` of that name.
    Event(String),
}

impl Trigger {
    /// Reads the text of a trigger.
    ///
    /// # Errors
    /// [`ModelError::Rule`] for any other text.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        match (text, text.strip_prefix("event:")) {
            ("creation", _) => Ok(Self::Creation),
            ("closed", _) => Ok(Self::Closed),
            ("superseded", _) => Ok(Self::Superseded),
            (_, Some(name)) if !name.is_empty() => Ok(Self::Event(name.to_owned())),
            _ => Err(ModelError::Rule(text.to_owned())),
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Creation => f.write_str("creation"),
            Self::Closed => f.write_str("closed"),
            Self::Superseded => f.write_str("superseded"),
            Self::Event(name) => write!(f, "event:{name}"),
        }
    }
}

impl Serialize for Trigger {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Trigger {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Trigger".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^(creation|closed|superseded|event:.+)$" })
    }
}

/// One condition of a rule: a period counted from a trigger, moved to the end of its year by a cutoff.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Clause {
    /// What starts the clock.
    pub trigger: Trigger,
    /// To the end of which year the trigger's date is moved first.
    pub cutoff: Cutoff,
    /// Whole years of the period.
    pub years: u32,
    /// Whole months, counted together with the years.
    pub months: u32,
    /// Days, counted last.
    pub days: u32,
}

/// A day of every year, such as the last of a fiscal year: `08-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonthDay {
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31; 29 February means the last day of February.
    pub day: u8,
}

impl MonthDay {
    /// Reads `MM-DD`.
    ///
    /// # Errors
    /// [`ModelError::Date`] for anything else; 30 February is no day of any year.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let date = PartialDate::parse(&format!("2024-{text}")).ok().and_then(|date| date.exact());
        let date = date.ok_or_else(|| ModelError::Date(text.to_owned()))?;
        Ok(Self { month: date.month().unsigned_abs(), day: date.day().unsigned_abs() })
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

impl Serialize for MonthDay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MonthDay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for MonthDay {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MonthDay".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]{2}-[0-9]{2}$" })
    }
}

/// Why a record has no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unruled {
    /// It has no series, or one that no schedule knows.
    Unscheduled,
    /// Its series stands in the schedule without a rule.
    NoRule,
    /// One version of the schedule gives its series two different rules.
    ConflictingRule,
    /// The schedule's version in force no longer has its series.
    Withdrawn,
}

/// A series' rule in one version of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rule {
    /// Never due.
    pub permanent: bool,
    /// All must have passed; the latest wins.
    pub clauses: Vec<Clause>,
    /// What is done then.
    pub action: Action,
    /// Schedule, version and item: the disposition authority.
    pub authority: String,
    /// Statutes and regulations.
    #[serde(default)]
    pub citations: Vec<String>,
}

/// A series as one version of a schedule has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Series {
    /// `ID/SCHEDULE/SERIES`.
    pub id: SeriesId,
    /// What the schedule calls it.
    pub title: String,
    /// Its rule, or why it has none (`no-rule`, `conflicting-rule`).
    pub rule: Result<Rule, Unruled>,
    /// The source's notes that a person should read, such as conditions in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
