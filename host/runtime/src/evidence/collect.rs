//! Gathering what concerns a record: its history, its lineage, its decisions, and what these rest on.

use super::format::{Content, Document, ERASED, FORMAT, Item, Proved};
use super::page::{self, Entry, Shown};
use super::{ENTRIES_MAX, Evidence, Unproved, check};
use crate::{Reader, Runtime, RuntimeError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fonds_log::Header;
use fonds_model::body::{self, Assurance, Step};
use fonds_model::decision::Decided;
use fonds_model::{AgencyPath, EntityId, Kind, Position, Seq, SeriesId, ids};
use fonds_policy::disposition::State;
use fonds_views::Rows;
use fonds_views::lineage::{self, Direction, Question};
use fonds_views::register::{self, Agencies, Disposition, Fact, Installed, Told};
use std::collections::{BTreeMap, BTreeSet};

/// Lineage is followed to at most this many nodes; the page says when there is more.
const LINEAGE_NODES_MAX: usize = 2_000;

/// The items that are wanted of each entry.
#[derive(Default)]
struct Wanted(BTreeMap<Seq, BTreeSet<u16>>);

impl Wanted {
    fn add(&mut self, position: Position) {
        self.0.entry(position.seq).or_default().insert(position.item);
    }

    fn entry(&mut self, seq: Seq) {
        self.add(Position { seq, item: 0 });
    }
}

/// What those filed into a file inherit from it.
fn is_inherited(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::RecordCreated
            | Kind::RecordCaptured
            | Kind::RecordFiled
            | Kind::RecordClassified
            | Kind::RecordMoved
            | Kind::RecordClosed
            | Kind::RecordReopened
            | Kind::EntryCorrected
            | Kind::EntryAnnulled
    )
}

impl Runtime {
    /// Everything that proves a record's history, in one file, and nothing of other records.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when the log has never named the record; [`RuntimeError::Invalid`] when there is more
    /// than one file may hold.
    pub fn evidence(&self, id: &str) -> Result<Evidence, RuntimeError> {
        let id = EntityId::new(id)?;
        let (mut wanted, truncated) = wanted(self.rows(), &id)?;
        if wanted.0.is_empty() {
            return Err(RuntimeError::NotFound(format!(
                "no entry tells of `{id}`: see `fonds record list`; ids are compared byte for byte"
            )));
        }
        for disposition in register::dispositions_of(self.rows(), &id)? {
            self.add_disposition(&disposition, &mut wanted)?;
        }
        self.bundle(id.as_str(), wanted, truncated)
    }

    /// What proves that dispositions were carried out, on which decisions, and who approved them: one file for all.
    ///
    /// # Errors
    /// [`RuntimeError::Denied`] when one has not been carried out; else as [`Runtime::evidence`].
    pub fn certificate(&self, ids: &[Position]) -> Result<Evidence, RuntimeError> {
        let settings = self.settings()?;
        let (mut all, mut records) = (Wanted::default(), BTreeSet::new());
        for id in ids {
            let found = self.found_disposition(*id)?;
            let state = crate::disposition::course(&found).state(&settings);
            let is_done = state == State::Done && found.acts.iter().all(|act| act.step != Step::Reviewed);
            let Some(record) = found.record().filter(|_| is_done) else {
                let why = format!("`{id}` has not been carried out: it is {}", state.as_str());
                return Err(RuntimeError::Denied(why));
            };
            for fact in register::history(self.rows(), record, None)? {
                all.add(fact.position);
            }
            decided(
                self.rows(),
                record,
                found.proposed.series.iter().filter_map(|id| SeriesId::new(id.as_str()).ok()).collect(),
                &mut all,
            )?;
            self.add_disposition(&found, &mut all)?;
            records.insert(record.to_string());
        }
        let records: Vec<String> = records.into_iter().collect();
        self.bundle(&records.join("\n"), all, false)
    }

    /// A proposal, what was done about it, and what shows who approved it.
    fn add_disposition(&self, found: &Disposition, wanted: &mut Wanted) -> Result<(), RuntimeError> {
        wanted.add(found.id);
        for act in &found.acts {
            wanted.add(act.position);
            if act.by_assurance != Some(Assurance::Signed) {
                continue;
            }
            // What was signed are the digests of all that it names: the headers have them.
            for named in self.named_by(act.position)? {
                wanted.0.entry(named.seq).or_default();
            }
            for key in
                register::person_keys(self.rows())?.into_iter().filter(|key| Some(&key.person) == act.by.as_ref())
            {
                wanted.entry(key.added_at);
            }
        }
        Ok(())
    }

    /// The proposals that an approval or a rejection names.
    fn named_by(&self, at: Position) -> Result<Vec<Position>, RuntimeError> {
        let said = self.said::<body::DispositionAnswered>(at)?;
        Ok(said.map(|said| said.dispositions).unwrap_or_default())
    }

    /// The file that proves what is wanted.
    fn bundle(&self, record: &str, mut wanted: Wanted, truncated: bool) -> Result<Evidence, RuntimeError> {
        let reader = self.log().reader()?;
        self.add_erasures(&mut wanted)?;
        if wanted.0.len() > ENTRIES_MAX {
            let why = format!("{} entries are wanted, and a file has at most {ENTRIES_MAX}", wanted.0.len());
            return Err(RuntimeError::Invalid(why));
        }
        self.log().checkpoint()?;
        let last = wanted.0.last_key_value().map_or(0, |(seq, _)| *seq);
        let (checkpoint, note) = reader.checkpoint_over(last)?;
        let mut document = Document {
            format: FORMAT.to_owned(),
            record: record.to_owned(),
            truncated,
            checkpoint: note,
            entries: Vec::with_capacity(wanted.0.len()),
        };
        let mut shown = Vec::with_capacity(wanted.0.len());
        for (seq, items) in &wanted.0 {
            let (proved, entry) = self.prove(&reader, *seq, items, checkpoint.size)?;
            document.entries.push(proved);
            shown.push(entry);
        }
        let invalid = |why: Unproved| RuntimeError::Invalid(why.to_string());
        let page = page::render(&document.record, truncated, &document.checkpoint, &shown);
        let bytes = document.to_file(&page).map_err(invalid)?;
        // What does not prove anything must not leave: it is checked as whoever gets it will check it.
        check(&bytes, reader.keys(), &[]).map_err(invalid)?;
        let document = document.to_text().map_err(invalid)?.into_bytes();
        Ok(Evidence { bytes, document, entries: shown.len(), size: checkpoint.size, truncated })
    }

    fn prove(
        &self,
        reader: &Reader,
        seq: Seq,
        wanted: &BTreeSet<u16>,
        size: u64,
    ) -> Result<(Proved, Entry), RuntimeError> {
        let entry = self.entry(seq)?;
        let digests: Vec<_> = entry.items.iter().map(|item| item.digest).collect();
        let header = Header { seq, at: entry.at, kind: entry.kind, items: digests.clone() };
        let header = String::from_utf8_lossy(&header.to_bytes()).into_owned();
        let proof = reader.prove(seq, Some(size))?.hashes;
        let (mut items, mut shown) = (Vec::new(), Vec::new());
        for (item, index) in entry.items.into_iter().zip(0..) {
            let (item, is) = match item.content {
                _ if !wanted.contains(&index) => (None, Shown::Withheld),
                None => (Some(Item::Gone(ERASED.to_owned())), Shown::Erased),
                Some(content) => {
                    let (salt, payload) = (ids::hex(&content.salt), STANDARD.encode(&content.payload));
                    (Some(Item::Content(Content { salt, payload })), Shown::Content(content.payload))
                }
            };
            items.push(item);
            shown.push(is);
        }
        let proof = proof.iter().map(|hash| STANDARD.encode(hash.0)).collect();
        let shown = Entry { seq, at: entry.at.to_string(), kind: entry.kind, digests, items: shown };
        Ok((Proved { header, proof, items }, shown))
    }

    /// The entries that erased what is wanted; erasures are few, and looked for only when something is gone.
    fn add_erasures(&self, wanted: &mut Wanted) -> Result<(), RuntimeError> {
        let mut said: BTreeMap<Seq, BTreeSet<Position>> = BTreeMap::new();
        for (seq, items) in &wanted.0 {
            let entry = self.entry(*seq)?;
            for (item, index) in entry.items.iter().zip(0..).filter(|(_, index)| items.contains(index)) {
                if let Some(erased) = &item.erased {
                    said.entry(erased.by).or_default().insert(Position { seq: *seq, item: index });
                }
            }
        }
        for (by, gone) in said {
            let entry = self.entry(by)?;
            for (position, content) in entry.contents() {
                if body::erased_items(&content.payload).iter().any(|item| gone.contains(&item.position())) {
                    wanted.add(position);
                }
            }
        }
        Ok(())
    }
}

fn wanted(rows: &dyn Rows, id: &EntityId) -> Result<(Wanted, bool), RuntimeError> {
    let mut wanted = Wanted::default();
    let mut series = BTreeSet::new();
    let mut agencies = BTreeSet::new();
    let history = register::history(rows, id, None)?;
    let record = register::record(rows, id, None)?;
    let mut facts = history;
    for file in record.iter().flat_map(|record| record.files.iter()) {
        facts.extend(register::lifecycle(rows, &file.id, None)?.into_iter().filter(|fact| is_inherited(fact.kind)));
    }
    for fact in &facts {
        wanted.add(fact.position);
        named_in(fact, &mut series, &mut agencies);
    }
    decided(rows, id, series, &mut wanted)?;
    add_agencies(rows, &agencies, &mut wanted)?;
    let mut question = Question::new(id.clone(), Direction::Up);
    question.nodes_max = LINEAGE_NODES_MAX;
    let mut truncated = false;
    if let Some(answer) = lineage::ask(rows, &question)? {
        answer.edges.iter().for_each(|edge| wanted.entry(edge.seq));
        truncated = answer.truncated;
    }
    Ok((wanted, truncated))
}

/// The series and agencies that a fact names.
fn named_in(fact: &Fact, series: &mut BTreeSet<SeriesId>, agencies: &mut BTreeSet<AgencyPath>) {
    agencies.extend(fact.agency.clone());
    match &fact.told {
        Told::Created(created) => {
            series.extend(created.series.clone());
            agencies.extend(created.agency.clone());
            agencies.extend(created.creator.clone());
        }
        Told::Classified(named) => _ = series.insert(named.clone()),
        Told::Moved { agency, .. } => agencies.extend(agency.clone()),
        Told::Adopted(fact) => named_in(fact, series, agencies),
        Told::Corrected { new, .. } => {
            // A correction may name either; what it does not name is simply not found.
            let text = serde_json::from_str::<String>(new).unwrap_or_default();
            series.extend(SeriesId::new(text.as_str()).ok());
            agencies.extend(AgencyPath::new(text).ok());
        }
        _ => {}
    }
}

/// The decisions, in force or not, with the bindings, plugins and rules that they rest on.
fn decided(
    rows: &dyn Rows,
    id: &EntityId,
    mut series: BTreeSet<SeriesId>,
    wanted: &mut Wanted,
) -> Result<(), RuntimeError> {
    let plugins = register::plugins(rows, None)?;
    let decisions = register::decided(rows, id)?;
    for decision in register::decisions(rows, id, None)? {
        if let fonds_model::decision::Verdict::Classification(said) = decision.verdict {
            series.extend(said.series);
        }
    }
    for position in decisions {
        let Some(context) = register::context(rows, position.seq)? else { continue };
        wanted.add(position);
        wanted.entry(position.seq);
        wanted.entry(context.bound_at);
        if let Some(Installed { position, .. }) = plugins.iter().find(|known| known.plugin.digest == context.plugin) {
            wanted.add(*position);
        }
        for series in &series {
            add_rule(rows, series, &context, wanted)?;
        }
    }
    Ok(())
}

fn add_rule(rows: &dyn Rows, series: &SeriesId, context: &Decided, wanted: &mut Wanted) -> Result<(), RuntimeError> {
    let seen = context.log_size.checked_sub(1);
    if let Ok(rule) = register::series_on(rows, series, context.as_of.last_day(), seen)? {
        wanted.add(rule.position);
        wanted.entry(rule.position.seq);
    }
    Ok(())
}

/// How the agencies that are named, and those above them, were defined.
fn add_agencies(rows: &dyn Rows, named: &BTreeSet<AgencyPath>, wanted: &mut Wanted) -> Result<(), RuntimeError> {
    let agencies = Agencies::load(rows, None)?;
    for id in agencies.ids() {
        let definitions = agencies.definitions(id);
        let stands = |path: &AgencyPath| named.iter().any(|named| named.is_within(path.as_str()));
        if definitions.iter().any(|definition| stands(&definition.defined.path)) || stands(id) {
            definitions.iter().for_each(|definition| wanted.add(definition.position));
        }
    }
    Ok(())
}
