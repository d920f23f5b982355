//! A record with what it inherits from its files, and its facts on a date.

use super::amend::later;
use super::state::{Occurred, RecordState, What};
use fonds_model::{AgencyPath, EntityId, PartialDate, Position, Seq, SeriesId, Trigger};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a record is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// In use.
    Open,
    /// Closed, itself or with its file.
    Closed,
    /// Another record took its place.
    Superseded,
    /// Handed to an archive.
    Transferred,
    /// Kept by an archive.
    Archived,
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Closed => "closed",
            State::Superseded => "superseded",
            State::Transferred => "transferred",
            State::Archived => "archived",
        }
    }
}

/// What the register noticed about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// Something happened to it after it was closed.
    ActivityAfterClose,
    /// Something is dated before its creation.
    ImplausibleDate,
    /// Somebody reported its content lost: a claim, and no disposition.
    LossReported,
    /// A correction or an annulment stands beside one of its entries.
    Corrected,
}

impl Mark {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Mark::ActivityAfterClose => "activity-after-close",
            Mark::ImplausibleDate => "implausible-date",
            Mark::LossReported => "loss-reported",
            Mark::Corrected => "corrected",
        }
    }
}

/// A trigger that has happened: its latest standing occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// Which trigger.
    pub trigger: Trigger,
    /// The last day that it can have been; none when nobody has written the day down.
    pub on: Option<PartialDate>,
    /// Whether the day itself is known.
    pub exact: bool,
    /// The item that says so.
    pub position: Position,
}

/// A record's facts on a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Where it is in its life.
    pub state: State,
    /// The triggers that have happened, sorted by trigger.
    pub started: Vec<Occurrence>,
    /// What was noticed, sorted.
    pub marks: Vec<Mark>,
    /// It was destroyed: nothing is left to decide.
    pub destroyed: Option<Position>,
}

impl Facts {
    /// The occurrence of a trigger.
    #[must_use]
    pub fn occurrence(&self, trigger: &Trigger) -> Option<&Occurrence> {
        self.started.iter().find(|occurrence| occurrence.trigger == *trigger)
    }
}

/// A file as those filed into it inherit from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: EntityId,
    /// Its own agency.
    pub agency: Option<AgencyPath>,
    /// Its own series.
    pub series: Option<SeriesId>,
    /// Its own closings and reopenings.
    pub closings: Vec<Occurred>,
    /// The newest item of its history.
    pub last: Position,
    /// The last day that one of its facts is dated.
    pub holds_from: Option<PartialDate>,
}

/// A record as the log knew it: its own state, and the files that it is filed into, nearest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: EntityId,
    /// What its own facts say.
    pub own: RecordState,
    /// The files above it, nearest first.
    pub files: Arc<[Arc<File>]>,
}

impl Record {
    /// Who answers for it: its own agency, else its nearest file's that has one.
    #[must_use]
    pub fn agency(&self) -> Option<&AgencyPath> {
        self.own.agency.as_ref().or_else(|| self.files.iter().find_map(|file| file.agency.as_ref()))
    }

    /// Its series from what was sent: its own, else its nearest file's that has one.
    ///
    /// A decided series counts between the two: for a record with none of its own, before what a file gives.
    #[must_use]
    pub fn series(&self) -> Option<&SeriesId> {
        self.own.series.as_ref().or_else(|| self.inherited_series())
    }

    /// The series of its nearest file that has one.
    #[must_use]
    pub fn inherited_series(&self) -> Option<&SeriesId> {
        self.files.iter().find_map(|file| file.series.as_ref())
    }

    /// The newest entry of its own history and its files': what it says has not changed since.
    #[must_use]
    pub fn changed_at(&self) -> Seq {
        self.files.iter().map(|file| file.last.seq).fold(self.own.last.seq, Seq::max)
    }

    /// The last day that one of its own or its files' facts is dated: before it, less had happened.
    #[must_use]
    pub fn holds_from(&self) -> Option<Date> {
        let files = self.files.iter().map(|file| file.holds_from);
        files.chain([self.own.holds_from]).flatten().map(|on| on.last_day()).max()
    }

    /// Its facts on a date: what is dated after it has not happened yet.
    #[must_use]
    pub fn facts_on(&self, date: Date) -> Facts {
        self.facts(Some(date))
    }

    /// Its facts by all that was logged, whatever the date.
    #[must_use]
    pub fn facts_logged(&self) -> Facts {
        self.facts(None)
    }

    fn facts(&self, date: Option<Date>) -> Facts {
        let by = |occurred: &&Occurred| has_happened(occurred, date);
        let latest_of =
            |what: &What| latest(self.own.occurred.iter().filter(by).filter(|occurred| occurred.what == *what));
        let closing = self.closing(date);
        let mut started = Vec::new();
        let mut start = |trigger: Trigger, occurred: Option<&Occurred>| {
            if let Some(occurred) = occurred {
                started.push(occurrence(trigger, occurred));
            }
        };
        start(Trigger::Creation, latest_of(&What::Created).or_else(|| latest_of(&What::Captured)));
        start(Trigger::Closed, closing);
        let superseded = latest_of(&What::Superseded);
        start(Trigger::Superseded, superseded);
        for (name, occurred) in self.events(date) {
            start(Trigger::Event(name.to_owned()), Some(occurred));
        }
        let state = if latest_of(&What::Archived).is_some() {
            State::Archived
        } else if latest_of(&What::Transferred).is_some() {
            State::Transferred
        } else if superseded.is_some() {
            State::Superseded
        } else if closing.is_some() {
            State::Closed
        } else {
            State::Open
        };
        let destroyed = latest_of(&What::Destroyed).map(|occurred| occurred.position);
        let loss = latest_of(&What::Loss).is_some();
        Facts { state, started, marks: self.marks(date, closing, loss), destroyed }
    }

    /// The latest occurrence of each `record.event`, by name.
    fn events(&self, date: Option<Date>) -> BTreeMap<&str, &Occurred> {
        let mut events: BTreeMap<&str, &Occurred> = BTreeMap::new();
        for occurred in self.own.occurred.iter().filter(|occurred| has_happened(occurred, date)) {
            if let What::Event(name) = &occurred.what {
                events
                    .entry(name)
                    .and_modify(|known| {
                        if supersedes(occurred, known) {
                            *known = occurred;
                        }
                    })
                    .or_insert(occurred);
            }
        }
        events
    }

    /// The closing in force: its own if it was ever closed or opened again by then, else its nearest file's.
    fn closing(&self, date: Option<Date>) -> Option<&Occurred> {
        let own = closings(&self.own.occurred);
        let levels = std::iter::once(own).chain(self.files.iter().map(|file| closings(&file.closings)));
        for level in levels {
            let mut known = level.filter(|occurred| has_happened(occurred, date)).peekable();
            if known.peek().is_some() {
                return standing_closing(&known.collect::<Vec<_>>());
            }
        }
        None
    }

    fn marks(&self, date: Option<Date>, closing: Option<&Occurred>, loss: bool) -> Vec<Mark> {
        let mut marks = Vec::new();
        let active = |closing: &Occurred| {
            let mut events = self.own.occurred.iter().filter(|occurred| matches!(occurred.what, What::Event(_)));
            events.any(|event| has_happened(event, date) && is_after(event, closing))
        };
        if closing.is_some_and(active) {
            marks.push(Mark::ActivityAfterClose);
        }
        if self.is_implausible(date) {
            marks.push(Mark::ImplausibleDate);
        }
        if loss {
            marks.push(Mark::LossReported);
        }
        if self.own.corrected {
            marks.push(Mark::Corrected);
        }
        marks
    }

    /// Something has happened to it before the first day on which it can have been created.
    fn is_implausible(&self, date: Option<Date>) -> bool {
        let of = |what: What| latest(self.own.occurred.iter().filter(move |occurred| occurred.what == what));
        let creation = of(What::Created).or_else(|| of(What::Captured)).and_then(|occurred| occurred.on);
        let (Some(creation), Some(earliest)) = (creation, self.own.earliest) else { return false };
        let earliest = earliest.last_day();
        date.is_none_or(|date| earliest <= date) && earliest < first_day(creation)
    }
}

fn closings(occurred: &[Occurred]) -> impl Iterator<Item = &Occurred> {
    occurred.iter().filter(|occurred| matches!(occurred.what, What::Closed | What::Reopened))
}

/// The latest closing that no reopening came after.
fn standing_closing<'a>(known: &[&'a Occurred]) -> Option<&'a Occurred> {
    let reopenings: Vec<&Occurred> = known.iter().copied().filter(|known| known.what == What::Reopened).collect();
    let standing = known.iter().copied().filter(|known| known.what == What::Closed).filter(|closing| {
        // Where a day is unknown the order of the log decides: a doubt stops the clock of what was logged before it.
        !reopenings.iter().any(|reopened| match (reopened.on, closing.on) {
            (Some(on), Some(closed)) if !may_be_one_day(on, closed) => supersedes(reopened, closing),
            (Some(on), Some(closed)) if on.is_exact() && closed.is_exact() => supersedes(reopened, closing),
            _ => reopened.position > closing.position,
        })
    });
    latest(standing)
}

/// Whether two dates can mean the same day.
fn may_be_one_day(one: PartialDate, other: PartialDate) -> bool {
    first_day(one) <= other.last_day() && first_day(other) <= one.last_day()
}

fn has_happened(occurred: &Occurred, date: Option<Date>) -> bool {
    match (occurred.on, date) {
        (Some(on), Some(date)) => on.last_day() <= date,
        _ => true,
    }
}

/// Whether the later of two occurrences is `left`; one on an unknown day may have been after any other.
fn supersedes(left: &Occurred, right: &Occurred) -> bool {
    match (left.on, right.on) {
        (None, Some(_)) => true,
        (Some(_), None) => false,
        (None, None) => left.position > right.position,
        (Some(a), Some(b)) => match a.last_day().cmp(&b.last_day()) {
            std::cmp::Ordering::Equal => later((left.time, left.position), (right.time, right.position)),
            order => order.is_gt(),
        },
    }
}

fn latest<'a>(occurred: impl Iterator<Item = &'a Occurred>) -> Option<&'a Occurred> {
    occurred.reduce(|known, next| if supersedes(next, known) { next } else { known })
}

/// Whether an event came after a closing: by the instant where both have one, else by the day.
fn is_after(event: &Occurred, closing: &Occurred) -> bool {
    match (event.time, closing.time) {
        (Some(event), Some(closing)) => event > closing,
        _ => match (event.on, closing.on) {
            (Some(event), Some(closing)) => event.last_day() > closing.last_day(),
            _ => false,
        },
    }
}

fn occurrence(trigger: Trigger, occurred: &Occurred) -> Occurrence {
    Occurrence {
        trigger,
        on: occurred.on.map(|on| on.last_day().into()),
        exact: occurred.on.is_some_and(|on| on.is_exact()),
        position: occurred.position,
    }
}

/// The first day that a date can mean.
#[must_use]
pub fn first_day(date: PartialDate) -> Date {
    let last = date.last_day();
    if date.is_exact() {
        return last;
    }
    // `YYYY` has four characters and `YYYY-MM` seven.
    let month = if date.to_string().len() == 4 { 1 } else { last.month() };
    Date::new(last.year(), month, 1).unwrap_or(last)
}
