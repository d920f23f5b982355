//! What was destroyed and transferred in a period, and under which authority.

use super::tally::{Counted, Tally};
use super::{ReportTold, Times};
use crate::RuntimeError;
use fonds_model::body::Step;
use fonds_views::register::Disposition;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

/// What is counted apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DisposedRow {
    /// `destroyed` or `transferred`.
    pub outcome: &'static str,
    /// The rule that says so; none: what was destroyed on a person's own proposal.
    pub authority: Option<String>,
    /// The responsible agency.
    pub agency: Option<String>,
}

/// What was disposed of.
#[derive(Debug, Clone, Serialize)]
pub struct Disposed {
    /// The first day of the period.
    pub from: Date,
    /// The last day of it.
    pub to: Date,
    /// By outcome, authority and agency.
    #[serde(flatten)]
    pub counted: Counted<DisposedRow>,
}

/// What is being counted.
pub(super) struct Gone {
    from: Date,
    to: Date,
    tally: Tally<DisposedRow>,
}

impl Gone {
    /// The year up to the date, unless a period was said.
    pub(super) fn new(told: &ReportTold, as_of: Date) -> Result<Self, RuntimeError> {
        let to = told.to.unwrap_or_else(|| told.from.map_or(as_of, |from| from.max(as_of)));
        let a_year_before = || to.checked_sub(1.year())?.tomorrow();
        let too_early = |_| RuntimeError::Invalid(format!("no year ends on {to}"));
        let from = told.from.map_or_else(a_year_before, Ok).map_err(too_early)?;
        Ok(Self { from, to, tally: Tally::default() })
    }

    pub(super) fn add(&mut self, found: &Disposition, times: &mut Times<'_>) -> Result<(), RuntimeError> {
        let ends = found.acts.iter().rev().find_map(|act| match act.step {
            Step::Destroyed => Some(("destroyed", act.position)),
            Step::Transferred => Some(("transferred", act.position)),
            _ => None,
        });
        let Some((outcome, position)) = ends else { return Ok(()) };
        let on = times.on(position.seq)?;
        if (self.from..=self.to).contains(&on) {
            let rule = &found.proposed.rule;
            let authority = (!rule.is_empty()).then(|| rule.join("; "));
            let agency = found.proposed.agency.as_ref().map(ToString::to_string);
            self.tally.add(DisposedRow { outcome, authority, agency });
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Disposed {
        Disposed { from: self.from, to: self.to, counted: self.tally.finish() }
    }
}
