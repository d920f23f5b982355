//! Whom a sweep looks at: everyone, or only what changed or has come due since the last one.

use crate::{Runtime, RuntimeError};
use fonds_model::body::{self, Annulled, Corrected};
use fonds_model::decision::World;
use fonds_model::{EntityId, Entry, Kind, openlineage};
use fonds_views::{lineage, register};
use jiff::civil::Date;
use std::collections::BTreeSet;

/// When more records than this are concerned, everyone is looked at instead.
const SOME_MAX: usize = 250_000;

/// Files within files are followed this many levels down.
const FILES_DEPTH_MAX: usize = 32;

/// Whom a sweep looks at.
pub(crate) enum Looking {
    /// Every record.
    All,
    /// These.
    Some(BTreeSet<EntityId>),
}

impl Looking {
    pub(crate) fn with(self, more: BTreeSet<EntityId>) -> Self {
        match self {
            Looking::All => Looking::All,
            Looking::Some(mut ids) => {
                ids.extend(more);
                Looking::Some(ids)
            }
        }
    }
}

/// What entries since the last sweep concern besides the records whose own facts they are.
#[derive(Default)]
struct Concerned {
    entities: BTreeSet<EntityId>,
    all: bool,
}

impl Runtime {
    /// Everyone, or who changed since the last sweep, or is to be looked at by this date, and what was derived from them.
    pub(crate) fn whom(&self, as_of: Date, all: bool) -> Result<Looking, RuntimeError> {
        let rows = self.rows();
        let last = register::last_sweep(rows, None)?;
        let Some(last) = last.filter(|_| !all) else { return Ok(Looking::All) };
        let before = last.completed.as_of.last_day();
        // A sweep as of an earlier day than its own saw less than was logged: what lies between has no index.
        let looked_back = before < self.entry(last.position.seq)?.at.date_utc();
        if (looked_back && as_of > before) || register::must_look_at_all(rows, as_of)? {
            return Ok(Looking::All);
        }
        let concerned = self.concerned_since(last.completed.log_size, last.position.seq)?;
        if concerned.all {
            return Ok(Looking::All);
        }
        let mut ids = BTreeSet::new();
        for id in register::pending(rows)? {
            ids.insert(id?);
        }
        for due in register::due_between(rows, Some(before), as_of) {
            let id = due?.1;
            self.add_filed(&id, FILES_DEPTH_MAX, &mut ids)?;
            ids.insert(id);
        }
        let depth = self.ancestors_needed()?;
        let mut cut = false;
        for id in ids.clone().iter().chain(&concerned.entities) {
            cut |= self.add_descendants(id, depth, &mut ids)?;
        }
        for id in concerned.entities {
            if register::record(rows, &id, None)?.is_some() {
                ids.insert(id);
            }
        }
        Ok(if cut || ids.len() > SOME_MAX { Looking::All } else { Looking::Some(ids) })
    }

    /// How many records that are.
    pub(crate) fn count(&self, looking: &Looking) -> Result<u64, RuntimeError> {
        Ok(match looking {
            Looking::All => register::counts(self.rows())?.records,
            Looking::Some(ids) => ids.len() as u64,
        })
    }

    /// What lineage entries since the last sweep name; everyone, when that cannot be told.
    fn concerned_since(&self, from: u64, swept_at: u64) -> Result<Concerned, RuntimeError> {
        let mut concerned = Concerned::default();
        if self.ancestors_needed()? == 0 {
            return Ok(concerned);
        }
        for seq in from..self.log_size() {
            let entry = self.entry(seq)?;
            match entry.kind {
                Kind::LineageRun | Kind::LineageDataset | Kind::LineageJob => concerned.add_lineage(&entry),
                // An amendment of lineage can add or take away any edge.
                Kind::EntryCorrected | Kind::EntryAnnulled => {
                    let target = target_of(&entry).map(|seq| self.entry(seq)).transpose()?;
                    concerned.all |= target.is_none_or(|target| target.kind.as_str().starts_with("lineage."));
                }
                // A sweep that was cut off decided something, and what hangs on it was not asked.
                Kind::PolicyDecided if seq > swept_at => concerned.all = true,
                _ => {}
            }
            if concerned.all || concerned.entities.len() > SOME_MAX {
                concerned.all = true;
                break;
            }
        }
        Ok(concerned)
    }

    /// The deepest ancestry that any classification in force asks for.
    pub(crate) fn ancestors_needed(&self) -> Result<u32, RuntimeError> {
        let bound = self.bindings_in_force()?;
        let classifying = bound.iter().filter(|bound| bound.world == World::Classification);
        Ok(classifying.map(|bound| bound.needs.ancestors).max().unwrap_or(0))
    }

    /// Adds the records that were derived from an entity; answers whether there are more than could be told.
    pub(crate) fn add_descendants(
        &self,
        id: &EntityId,
        depth: u32,
        to: &mut BTreeSet<EntityId>,
    ) -> Result<bool, RuntimeError> {
        if depth == 0 {
            return Ok(false);
        }
        let (found, _) = lineage::descendants(self.rows(), id, depth, None)?;
        let cut = found.len() >= lineage::NODES_MAX;
        for (entity, _) in found {
            if register::record(self.rows(), &entity, None)?.is_some() {
                to.insert(entity);
            }
        }
        Ok(cut)
    }

    /// Adds what is filed into a file, and into what is filed into it.
    fn add_filed(&self, file: &EntityId, depth: usize, to: &mut BTreeSet<EntityId>) -> Result<(), RuntimeError> {
        let mut todo = vec![(file.clone(), depth)];
        while let Some((file, depth)) = todo.pop() {
            for id in register::filed_into(self.rows(), &file) {
                let id = id?;
                if to.insert(id.clone()) && depth > 0 {
                    todo.push((id, depth - 1));
                }
            }
        }
        Ok(())
    }
}

impl Concerned {
    fn add_lineage(&mut self, entry: &Entry) {
        for (_, content) in entry.contents() {
            let Ok((_, body)) = content.split() else { continue };
            let Ok((_, lineage)) = openlineage::read(body) else { continue };
            let named = lineage.inputs.iter().chain(&lineage.outputs).map(|dataset| &dataset.id);
            let derived = lineage.derived.iter().flat_map(|(made, from)| [made, from]);
            let written =
                lineage.generated.iter().map(|(made, _)| made).chain(lineage.used.iter().map(|(_, from)| from));
            self.entities.extend(named.chain(derived).chain(written).cloned());
            // A run that is complete makes real what its earlier events named, and informed others: they name it.
            let names_nothing = lineage.inputs.is_empty() && lineage.outputs.is_empty();
            self.all |= (names_nothing && lineage.activity.is_some()) || !lineage.informed.is_empty();
        }
    }
}

/// The entry that a correction or an annulment is about.
fn target_of(entry: &Entry) -> Option<u64> {
    let (_, content) = entry.contents().next()?;
    let (envelope, text) = content.split().ok()?;
    match entry.kind {
        Kind::EntryCorrected => body::parse::<Corrected>(entry.kind, envelope.format, text).ok().map(|said| said.seq),
        Kind::EntryAnnulled => body::parse::<Annulled>(entry.kind, envelope.format, text).ok().map(|said| said.seq),
        _ => None,
    }
}
