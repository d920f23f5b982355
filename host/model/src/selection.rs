//! Which records a hold is for: by name, by series, by agency, or by what a query says of them.

mod matching;
mod parse;
mod query;

pub use matching::{Dated, Selectable};
pub use query::{CONDITIONS_MAX, Condition, DEPTH_MAX, Field, Op, Query, QueryError, TEXT_BYTES_MAX, Term, Value};

use crate::{AgencyPath, EntityId, SeriesId};
use serde::{Deserialize, Serialize};

/// Records, by any of four ways: what one of them names is selected.
///
/// INVARIANT (empty selects nothing): a selection that names nothing selects no record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Selection {
    /// These records.
    #[serde(default)]
    pub records: Vec<EntityId>,
    /// The records of these series.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<SeriesId>,
    /// The records that these agencies, or those below them, answer for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agencies: Vec<AgencyPath>,
    /// The records that this is so of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Query>,
}

impl Selection {
    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && !self.is_open()
    }

    /// Whether it also selects records that come later.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.series.is_empty() || !self.agencies.is_empty() || self.query.is_some()
    }

    /// Sorts what it names, each once.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.records.sort_unstable();
        self.records.dedup();
        self.series.sort_unstable();
        self.series.dedup();
        self.agencies.sort_unstable();
        self.agencies.dedup();
        self
    }

    /// Whether a record is one of those that series, agencies or query select; those that are named are not looked at.
    ///
    /// # Errors
    /// What looking at the record gives.
    pub fn selects<S: Selectable>(&self, record: &S) -> Result<bool, S::Error> {
        for agency in &self.agencies {
            if record.is_of(agency)? {
                return Ok(true);
            }
        }
        if !self.series.is_empty()
            && let Some(series) = record.series()?
            && self.series.iter().any(|named| named.as_str() == series)
        {
            return Ok(true);
        }
        match &self.query {
            Some(query) => query.selects(record),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests;
