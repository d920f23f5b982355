//! What waits for people, in counts: what a notification tells.

use super::late::Lateness;
use super::tally::{Counted, Tally};
use crate::disposition::course;
use crate::{Runtime, RuntimeError};
use fonds_model::Timestamp;
use fonds_views::register;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Dispositions that wait for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NoticeRow {
    /// `approval`, `acknowledgement` or `receipt`.
    pub waits_for: Lateness,
    /// The responsible agency.
    pub agency: Option<String>,
    /// What is to be done.
    pub action: &'static str,
}

/// What waits for people: counts and agencies, and of no record its id or title.
#[derive(Debug, Clone, Serialize)]
pub struct Notice {
    /// `fonds.waiting`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The log's name.
    pub origin: String,
    /// When it was looked.
    pub at: String,
    /// Proposals that wait for approval, or to be reviewed.
    pub approvals: u64,
    /// Dispositions that an agency's own system has not acknowledged.
    pub acknowledgements: u64,
    /// Dispositions that an archive has not given its receipt for.
    pub receipts: u64,
    /// Active holds whose day of review is over.
    pub holds_to_review: u64,
    /// The dispositions by what they wait for, agency and action.
    #[serde(flatten)]
    pub waiting: Counted<NoticeRow>,
    /// What shows them.
    pub commands: Vec<&'static str>,
    /// The log size that it reflects.
    pub log_size: u64,
    /// SHA-256 over which dispositions and holds these are: the same as long as they are.
    #[serde(skip)]
    pub state: String,
    /// When it was looked.
    #[serde(skip)]
    pub looked_at: Timestamp,
}

impl Notice {
    /// Whether anything waits.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.waiting.total > 0 || self.holds_to_review > 0
    }
}

impl Runtime {
    /// What waits for people now.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn notice(&self) -> Result<Notice, RuntimeError> {
        let log_size = self.reflected()?;
        let settings = self.settings()?;
        let looked_at = self.now();
        let mut state = Sha256::new();
        let mut tally = Tally::default();
        let (mut approvals, mut acknowledgements, mut receipts) = (0, 0, 0);
        for found in register::open_dispositions(self.rows()) {
            let found = found?;
            let waits_for = Lateness::of(course(&found).state(&settings)).map(|(waits_for, _)| waits_for);
            let count = match waits_for {
                Some(Lateness::Approval) => &mut approvals,
                Some(Lateness::Acknowledgement) => &mut acknowledgements,
                Some(Lateness::Receipt) => &mut receipts,
                _ => continue,
            };
            *count += 1;
            let Some(waits_for) = waits_for else { continue };
            state.update(format!("{} {}\n", waits_for.as_str(), found.id));
            let agency = found.proposed.agency.as_ref().map(ToString::to_string);
            tally.add(NoticeRow { waits_for, agency, action: found.proposed.action.as_str() });
        }
        let today = looked_at.date_utc();
        let overdue = register::holds(self.rows(), None)?.into_iter().filter(|hold| hold.is_overdue(today));
        let mut holds_to_review = 0;
        for hold in overdue {
            holds_to_review += 1;
            state.update(format!("hold {}\n", hold.placed_at));
        }
        let shown_by = [
            (approvals > 0, "fonds disposition list --state proposed"),
            (acknowledgements > 0, "fonds disposition list --state waiting"),
            (receipts > 0, "fonds disposition list --state handed-over"),
            (holds_to_review > 0, "fonds hold list --overdue"),
        ];
        Ok(Notice {
            kind: "fonds.waiting",
            origin: self.log().origin().to_owned(),
            at: looked_at.to_string(),
            approvals,
            acknowledgements,
            receipts,
            holds_to_review,
            waiting: tally.finish(),
            commands: shown_by.into_iter().filter_map(|(is_any, command)| is_any.then_some(command)).collect(),
            log_size,
            state: state.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            looked_at,
        })
    }
}
