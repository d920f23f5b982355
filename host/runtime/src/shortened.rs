//! What made a term sooner than the last recorded decision: the entries that whoever approves a disposition must see.

use crate::facts::Shared;
use fonds_model::decision::Term;
use fonds_model::{AgencyPath, Position, SeriesId};
use fonds_views::ViewError;
use fonds_views::register::{self, Binding, Fact, LastTerm, Told};
use jiff::civil::Date;
use std::collections::BTreeSet;

/// A decision names at most this many entries; it is marked all the same when there are more.
const ENTRIES_MAX: usize = 64;

/// The entries that made a term sooner than a policy's last one; none when it is not sooner.
///
/// They are those logged since the last decision's log size, and those whose day came between its date and this one,
/// that a term can rest on: the record's own and its files' facts, amendments among them, the binding, the rule, the
/// agency, and classifications. A clock that starts because what it waited for happened is no shortening.
pub(crate) fn shortened_by(
    shared: &Shared<'_>,
    id: &fonds_model::EntityId,
    bound: &Binding,
    series: Option<&str>,
    term: &Term,
) -> Result<Option<Vec<Position>>, ViewError> {
    let Some(last) = register::last_term(shared.rows, &shared.bindings, id, &bound.name, shared.seq)? else {
        return Ok(None);
    };
    let starts = matches!((&last.term, term), (Term::Waiting(_), Term::Until(_)));
    if !starts && !is_sooner(term, &last.term) {
        return Ok(None);
    }
    let since = Since { shared, last: &last };
    let mut entries = BTreeSet::new();
    let ordinary = since.facts(id, bound, &mut entries)?;
    since.settings(bound, series, &mut entries)?;
    if starts && entries.is_empty() {
        return Ok(None);
    }
    entries.extend(ordinary);
    Ok(Some(entries.into_iter().take(ENTRIES_MAX).collect()))
}

/// Forever, then a wait, then dates, the later first; a policy that abstains ends nothing.
fn is_sooner(term: &Term, last: &Term) -> bool {
    match (last, term) {
        (Term::Forever, Term::Waiting(_) | Term::Until(_)) => true,
        (Term::Until(before), Term::Until(now)) => now.last_day() < before.last_day(),
        _ => false,
    }
}

struct Since<'a> {
    shared: &'a Shared<'a>,
    last: &'a LastTerm,
}

impl Since<'_> {
    /// Whether the last decision did not know an entry, or knew it for a day that has come since.
    fn is_new(&self, position: Position, day: Option<Date>) -> bool {
        let before = self.last.as_of.last_day();
        position.seq >= self.last.log_size || day.is_some_and(|day| before < day && day <= self.shared.as_of)
    }

    /// Adds the facts of the record and its files that somebody put right or changed; answers with what plainly happened.
    fn facts(
        &self,
        id: &fonds_model::EntityId,
        bound: &Binding,
        to: &mut BTreeSet<Position>,
    ) -> Result<BTreeSet<Position>, ViewError> {
        let shared = self.shared;
        let record = register::record_on(shared.rows, id, shared.seq, shared.as_of)?;
        let files = record.iter().flat_map(|record| record.files.iter().map(|file| file.id.clone()));
        let ids: Vec<_> = std::iter::once(id.clone()).chain(files).collect();
        let mut ordinary = BTreeSet::new();
        for id in ids {
            for fact in register::lifecycle(shared.rows, &id, shared.seq)? {
                if !self.is_new(fact.position, fact.on.map(|on| on.last_day())) {
                    continue;
                }
                match concerns(&fact, !bound.needs.attributes.is_empty()) {
                    Some(true) => _ = to.insert(fact.position),
                    Some(false) => _ = ordinary.insert(fact.position),
                    None => {}
                }
            }
        }
        if record.as_ref().is_some_and(|record| record.own.series.is_none()) {
            let decided = register::decisions_under(shared.rows, &shared.bindings, id, shared.seq)?;
            let classified = decided.iter().filter(|said| said.world == fonds_model::decision::World::Classification);
            to.extend(classified.map(|said| said.position).filter(|position| self.is_new(*position, None)));
        }
        if let Some(agency) = record.as_ref().and_then(|record| record.agency()) {
            self.agency(agency, to);
        }
        Ok(ordinary)
    }

    /// Adds how an agency, those above it and its successor were defined.
    fn agency(&self, named: &AgencyPath, to: &mut BTreeSet<Position>) {
        let (agencies, on) = (&self.shared.agencies, self.shared.as_of);
        let answering = agencies.resolve(named, on).map(|found| found.path);
        for path in answering.iter().chain([named]).flat_map(|path| path.lineage()) {
            let Some(id) = AgencyPath::new(path).ok().and_then(|path| agencies.id_on(&path, on)) else { continue };
            let defined = agencies.definitions(id).iter();
            let defined = defined.map(|found| (found.position, found.defined.effective));
            let succession = agencies.succession(id, on).into_iter();
            let succession = succession.map(|found| (found.position, Some(found.succeeded.effective)));
            let changed = defined
                .chain(succession)
                .filter(|(position, effective)| self.is_new(*position, effective.map(register::first_day)));
            to.extend(changed.map(|(position, _)| position));
        }
    }

    /// Adds the binding and the rule, where they are others than before.
    fn settings(&self, bound: &Binding, series: Option<&str>, to: &mut BTreeSet<Position>) -> Result<(), ViewError> {
        let binding = Position { seq: bound.bound_at, item: 0 };
        if self.is_new(binding, None) {
            to.insert(binding);
        }
        let Some(series) = series.and_then(|series| SeriesId::new(series).ok()) else { return Ok(()) };
        if let Some((position, effective)) = self.shared.rule_at(&series)?
            && self.is_new(position, effective.map(register::first_day))
        {
            to.insert(position);
        }
        Ok(())
    }
}

/// Whether a fact can move a term: `true` when somebody put it right or changed what the record is, `false` when it
/// plainly happened, as a rule's clock expects.
fn concerns(fact: &Fact, needs_attributes: bool) -> Option<bool> {
    match &fact.told {
        Told::Corrected { .. } | Told::Annulled(_) | Told::Adopted(_) => Some(true),
        Told::Classified(_) | Told::Filed(_) | Told::Moved { .. } => Some(true),
        Told::Modified { attributes, .. } => (needs_attributes && !attributes.is_empty()).then_some(true),
        Told::Created(_) | Told::Closed | Told::Reopened | Told::Superseded(_) | Told::Happened { .. } => Some(false),
        _ => None,
    }
}
