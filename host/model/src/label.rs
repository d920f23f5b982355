//! Classification labels: a level, categories, and when it is to be declassified.

use crate::PartialDate;
use serde::{Deserialize, Serialize};

/// How a record is protected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Label {
    /// One of the ladder's levels.
    pub level: String,
    /// Compartments beside the level, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

/// When a label is to come down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Declassification {
    /// By nobody's calendar: only a new decision brings it down.
    Never,
    /// On this date.
    On(PartialDate),
    /// When a `record.event` of this name happens.
    OnEvent(String),
    /// A person looks at it on this date.
    ReviewOn(PartialDate),
}

/// A ladder of levels, from lowest to highest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Levels(pub Vec<String>);

impl Default for Levels {
    fn default() -> Self {
        Self(["public", "internal", "confidential", "secret", "top-secret"].map(String::from).to_vec())
    }
}

impl Levels {
    /// The rank of a level, from 0; a level that is not on the ladder ranks above all (fail closed).
    #[must_use]
    pub fn rank(&self, level: &str) -> usize {
        self.0.iter().position(|known| known == level).unwrap_or(self.0.len())
    }
}
