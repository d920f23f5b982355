//! What holds catch, kept from one question to the next while nothing has come that could change it.

use crate::judging::{AllCaught, HoldsNow};
use crate::{Runtime, RuntimeError};
use fonds_model::{Kind, Seq};
use fonds_views::register::Hold;
use jiff::civil::Date;
use std::sync::PoisonError;

/// So many records are each asked about by themselves before it pays to work out what every hold catches.
const ALONE_MAX: usize = 32;

/// So many entries are looked through to see whether one of them changes what holds catch.
const LOOKED_THROUGH_MAX: u64 = 65_536;

/// What the active holds catch at one log size.
pub(crate) struct Kept {
    /// How many entries the views reflected, and have been found to change nothing of it since.
    size: u64,
    /// The date.
    on: Date,
    /// The holds, by name and the entry that placed them.
    holds: Vec<(String, Seq)>,
    dated: AllCaught,
    logged: AllCaught,
}

impl Runtime {
    /// How many entries the views reflect: read before anything is worked out, so that what comes meanwhile is looked at
    /// the next time.
    pub(crate) fn reflected(&self) -> Result<u64, RuntimeError> {
        Ok(self.store.applied()?.next.seq)
    }

    /// Makes ready to answer about so many records: by what was kept, or by working it out once and keeping it.
    pub(crate) fn ready(
        &self,
        holds: &HoldsNow<'_>,
        (active, size): (&[Hold], u64),
        records: usize,
    ) -> Result<(), RuntimeError> {
        let on = self.now().date_utc();
        let named: Vec<(String, Seq)> = active.iter().map(|hold| (hold.name.clone(), hold.placed_at)).collect();
        let mut kept = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.as_mut().filter(|known| known.on == on && known.holds == named)
            && self.changes_nothing(known.size, size, active)?
        {
            known.size = size;
            holds.prepared(&known.dated, &known.logged);
            return Ok(());
        }
        *kept = None;
        if records > ALONE_MAX {
            let (dated, logged) = holds.prepare()?;
            *kept = Some(Kept { size, on, holds: named, dated, logged });
        }
        Ok(())
    }

    /// Whether no entry of a stretch can change what holds catch.
    fn changes_nothing(&self, from: Seq, to: Seq, active: &[Hold]) -> Result<bool, RuntimeError> {
        if to < from || to - from > LOOKED_THROUGH_MAX {
            return Ok(false);
        }
        let is_queried = active.iter().any(|hold| hold.selection.query.is_some());
        for seq in from..to {
            let is_harmless = match self.entry(seq)?.kind {
                Kind::SweepCompleted | Kind::BackupMade => true,
                // What is erased or destroyed no longer says what a query may ask for.
                Kind::LogErased | Kind::RecordDestroyed => !is_queried,
                kind => kind.as_str().starts_with("disposition."),
            };
            if !is_harmless {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
