//! Wire to log: one thread reads and parses, one prepares, and the log's writer makes the group before durable.

use crate::admin::check_field;
use crate::answers::{Ingested, RejectAnswer};
use crate::{Runtime, RuntimeError};
use fonds_ingest::xes::Mapping;
use fonds_ingest::{Reader, Reject, source};
use fonds_log::{Outcome, Prepared, Ticket};
use fonds_model::body::{self, Annulled, Corrected, Created, Filed};
use fonds_model::date::Written;
use fonds_model::{AgencyPath, EntityId, Envelope, Event, Format, Identity, Kind, Seq};
use fonds_views::register::{self, Agencies};
use jiff::civil::Date;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the files hold.
pub use fonds_model::Format as WireFormat;

/// Events in one group.
const GROUP_EVENTS: usize = 512;
/// Payload bytes in one group.
const GROUP_BYTES: usize = 1 << 20;
/// Items that are parsed before they are handed over.
const BATCH_ITEMS: usize = 256;
/// Batches that may wait to be prepared.
const BATCHES_MAX: usize = 4;
/// Groups that may wait for the disk at once.
const TICKETS_MAX: usize = 8;
/// So many rejects are answered with; all are counted, and written to `--rejects`.
const REJECTS_MAX: usize = 1_000;
/// Records whose agency is remembered until the views know it.
const REMEMBERED_MAX: usize = 200_000;
/// A mapping for XES has at most this many bytes.
const MAPPING_BYTES_MAX: u64 = 1 << 20;

/// What `ingest` is told.
#[derive(Debug, Clone)]
pub struct Told {
    /// The files, `-` being stdin.
    pub files: Vec<PathBuf>,
    /// What they hold; found out when not said.
    pub format: Option<Format>,
    /// The mapping for XES.
    pub map: Option<PathBuf>,
    /// The agency that OpenLineage events come from.
    pub agency: Option<AgencyPath>,
    /// Where rejected items go, byte for byte.
    pub rejects: Option<PathBuf>,
}

impl Runtime {
    /// Takes in the events of some files; what is wrong with one never stops the others.
    ///
    /// `progress` is told how many are acknowledged. When this returns, the views reflect them.
    ///
    /// # Errors
    /// When the log fails, or a file cannot be opened; what was acknowledged before stands.
    pub fn ingest(&self, told: &Told, progress: &mut dyn FnMut(u64)) -> Result<Ingested, RuntimeError> {
        self.catch_up()?;
        let mapping = told.map.as_deref().map(read_mapping).transpose()?.map(Arc::new);
        let options = fonds_ingest::Options {
            format: told.format,
            agency: told.agency.clone(),
            mapping,
            ..fonds_ingest::Options::default()
        };
        let rejects = Rejects::new(open_rejects(told.rejects.as_deref())?);
        let mut intake = Intake::new(self, &rejects, progress)?;
        for path in &told.files {
            let source = source::open(open(path)?).map_err(|error| RuntimeError::reading(path, error))?;
            intake.file = Arc::from(path.display().to_string());
            let reader = Reader::new(source, options.clone(), rejects.writer());
            std::thread::scope(|threads| {
                let (batches, parsed) = sync_channel(BATCHES_MAX);
                let parser = threads.spawn(|| parse_all(reader, &rejects, batches));
                for batch in parsed {
                    for found in batch {
                        intake.take(found)?;
                    }
                }
                match parser.join() {
                    Ok(None) => Ok(()),
                    Ok(Some(error)) => Err(rejects_failed(error)),
                    Err(_) => {
                        Err(RuntimeError::Invalid(format!("`{}` could not be parsed to its end", path.display())))
                    }
                }
            })?;
        }
        let mut ingested = intake.finish()?;
        ingested.log_size = self.log_size();
        Ok(ingested)
    }
}

/// An item as it was parsed, with the line on which it begins.
type Found = Result<(u64, Event), Reject>;

/// Reads and parses to the end, beside the thread that prepares; answers with the error of writing the rejects, if any.
fn parse_all<'a, R: io::BufRead>(
    mut reader: Reader<R, RejectsWriter<'a>>,
    rejects: &'a Rejects,
    batches: SyncSender<Vec<Found>>,
) -> Option<io::Error> {
    let mut batch = Vec::with_capacity(BATCH_ITEMS);
    let mut bytes = 0;
    loop {
        let found = {
            let _turn = rejects.turn();
            reader.next()
        };
        let Some(found) = found else { break };
        bytes += found.as_ref().map_or(0, |(_, event)| event.body.len());
        batch.push(found);
        if batch.len() >= BATCH_ITEMS || bytes >= GROUP_BYTES {
            bytes = 0;
            // Nobody receives any more when the log has failed, and that is said there.
            if batches.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH_ITEMS))).is_err() {
                return None;
            }
        }
    }
    let _ = batches.send(batch);
    reader.fault()
}

/// Where rejects go, from the thread that parses and from the one that hears of conflicts: an item at a time.
struct Rejects {
    out: Mutex<Box<dyn Write + Send>>,
    turn: Mutex<()>,
}

/// The parser's way to the rejects; it holds its turn while it writes.
struct RejectsWriter<'a>(&'a Rejects);

impl Rejects {
    fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out: Mutex::new(out), turn: Mutex::new(()) }
    }

    fn writer(&self) -> RejectsWriter<'_> {
        RejectsWriter(self)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn out(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an item that was refused after it was parsed.
    fn item(&self, body: &[u8]) -> Result<(), RuntimeError> {
        let _turn = self.turn();
        let mut out = self.out();
        out.write_all(body).and_then(|()| out.write_all(b"\n")).map_err(rejects_failed)
    }
}

impl Write for RejectsWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.out().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.out().flush()
    }
}

fn rejects_failed(error: io::Error) -> RuntimeError {
    RuntimeError::writing(Path::new("--rejects"), error)
}

/// A file's bytes as they come, `-` being stdin.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read + Send>, RuntimeError> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path).map_err(|error| RuntimeError::reading(path, error))?;
    Ok(Box::new(file))
}

/// Where rejects go: a file, or nowhere.
pub(crate) fn open_rejects(path: Option<&Path>) -> Result<Box<dyn Write + Send>, RuntimeError> {
    let Some(path) = path else { return Ok(Box::new(io::sink())) };
    let file = File::create(path).map_err(|error| RuntimeError::writing(path, error))?;
    Ok(Box::new(io::BufWriter::new(file)))
}

fn read_mapping(path: &Path) -> Result<Mapping, RuntimeError> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| RuntimeError::reading(path, error))?;
    file.take(MAPPING_BYTES_MAX).read_to_end(&mut text).map_err(|error| RuntimeError::reading(path, error))?;
    Mapping::parse(&text).map_err(|error| RuntimeError::Invalid(format!("`{}`: {error}", path.display())))
}

/// An event on its way, as much of it as a later refusal must name.
struct Waiting {
    file: Arc<str>,
    line: u64,
    /// The producer's bytes, kept while they may still be refused as a conflict.
    body: Option<Vec<u8>>,
}

struct Intake<'a> {
    runtime: &'a Runtime,
    rejects: &'a Rejects,
    dates: Dates<'a>,
    group: Vec<Prepared>,
    group_bytes: usize,
    waiting: Vec<Waiting>,
    tickets: VecDeque<(Ticket, Vec<Waiting>)>,
    ingested: Ingested,
    file: Arc<str>,
    progress: &'a mut dyn FnMut(u64),
}

impl<'a> Intake<'a> {
    fn new(runtime: &'a Runtime, rejects: &'a Rejects, progress: &'a mut dyn FnMut(u64)) -> Result<Self, RuntimeError> {
        Ok(Self {
            runtime,
            rejects,
            dates: Dates::new(runtime)?,
            group: Vec::with_capacity(GROUP_EVENTS),
            group_bytes: 0,
            waiting: Vec::with_capacity(GROUP_EVENTS),
            tickets: VecDeque::new(),
            ingested: Ingested::default(),
            file: Arc::from(""),
            progress,
        })
    }

    /// Prepares an event, and sends its group once it is full.
    fn take(&mut self, found: Found) -> Result<(), RuntimeError> {
        self.ingested.received += 1;
        let (line, event) = match found {
            Ok(found) => found,
            Err(reject) => {
                let file = Arc::clone(&self.file);
                self.reject(&file, reject.line, reject.reason);
                return Ok(());
            }
        };
        let Event { kind, mut envelope, body, identity } = event;
        if self.dates.is_full() {
            self.settle()?;
            self.runtime.catch_up()?;
            self.dates.forget();
        }
        let own = self.check_own(kind, &envelope, &body)?;
        let resolved =
            own.and_then(|()| self.dates.resolve(kind, &mut envelope, &body).map_err(|error| error.to_string()));
        if let Err(reason) = resolved {
            return self.refuse(line, &body, reason);
        }
        let payload = envelope.with_body(&body);
        let prepared = match self.runtime.log().prepare(kind, vec![payload], identity.as_ref()) {
            Ok(prepared) => prepared,
            Err(error) if error.is_rejected() => {
                return self.refuse(line, &body, error.to_string());
            }
            Err(error) => return Err(error.into()),
        };
        let may_conflict = matches!(identity, Some(Identity::Named { .. }));
        self.waiting.push(Waiting { file: Arc::clone(&self.file), line, body: may_conflict.then_some(body) });
        self.group_bytes += prepared.bytes();
        self.group.push(prepared);
        if self.group.len() >= GROUP_EVENTS || self.group_bytes >= GROUP_BYTES {
            self.send()?;
        }
        Ok(())
    }

    /// A producer puts only its own events right; the inner error is why this one may not.
    fn check_own(&mut self, kind: Kind, envelope: &Envelope, body: &[u8]) -> Result<Result<(), String>, RuntimeError> {
        let target = match kind {
            Kind::EntryCorrected => {
                body::parse::<Corrected>(kind, envelope.format, body).map(|said| (said.position(), Some(said.field)))
            }
            Kind::EntryAnnulled => {
                body::parse::<Annulled>(kind, envelope.format, body).map(|said| (said.position(), None))
            }
            _ => return Ok(Ok(())),
        };
        let (target, field) = match target {
            Ok(target) => target,
            Err(error) => return Ok(Err(error.to_string())),
        };
        // The entry may be one of those just sent.
        self.settle()?;
        self.runtime.catch_up()?;
        let entry = match self.runtime.entry(target.seq) {
            Ok(entry) => entry,
            Err(RuntimeError::NotFound(why)) => return Ok(Err(why)),
            Err(error) => return Err(error),
        };
        let item = entry.items.get(usize::from(target.item)).and_then(|item| item.content.as_ref());
        let of = item.and_then(|content| content.split().ok()).and_then(|(envelope, _)| envelope.source);
        Ok(if entry.kind.producer_may_send() && of.is_some() && of == envelope.source {
            field.map_or(Ok(()), |field| check_field(target.seq, entry.kind, &field))
        } else {
            Err(format!("entry {target} is not one of this source's own events, and only those can it put right"))
        })
    }

    fn send(&mut self) -> Result<(), RuntimeError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let group = std::mem::replace(&mut self.group, Vec::with_capacity(GROUP_EVENTS));
        let waiting = std::mem::replace(&mut self.waiting, Vec::with_capacity(GROUP_EVENTS));
        self.group_bytes = 0;
        let ticket = self.runtime.log().stage(group).submit()?;
        self.tickets.push_back((ticket, waiting));
        if self.tickets.len() >= TICKETS_MAX {
            self.settle_one()?;
        }
        Ok(())
    }

    /// Waits for the oldest group and counts what became of it.
    fn settle_one(&mut self) -> Result<(), RuntimeError> {
        let Some((ticket, waiting)) = self.tickets.pop_front() else { return Ok(()) };
        for (outcome, waiting) in ticket.wait()?.into_iter().zip(waiting) {
            match outcome {
                Outcome::Appended(_) => self.ingested.appended += 1,
                Outcome::Duplicate(_) => self.ingested.duplicate += 1,
                Outcome::Erased(_) => self.ingested.erased += 1,
                Outcome::Conflict(seq) => {
                    self.rejects.item(waiting.body.as_deref().unwrap_or_default())?;
                    let reason = format!(
                        "conflict: entry {seq} has the same source and id with other content; send a correction, or a new id"
                    );
                    self.reject(&waiting.file, waiting.line, reason);
                }
            }
        }
        (self.progress)(self.ingested.appended + self.ingested.duplicate);
        Ok(())
    }

    /// Sends what is gathered and waits for all of it.
    fn settle(&mut self) -> Result<(), RuntimeError> {
        self.send()?;
        while !self.tickets.is_empty() {
            self.settle_one()?;
        }
        Ok(())
    }

    /// Refuses an event that was parsed.
    fn refuse(&mut self, line: u64, body: &[u8], reason: String) -> Result<(), RuntimeError> {
        self.rejects.item(body)?;
        let file = Arc::clone(&self.file);
        self.reject(&file, line, reason);
        Ok(())
    }

    fn reject(&mut self, file: &str, line: u64, reason: String) {
        self.ingested.rejected += 1;
        if self.ingested.rejects.len() < REJECTS_MAX {
            self.ingested.rejects.push(RejectAnswer { file: file.to_owned(), line, reason });
        }
    }

    /// The last acknowledgement, and then the views.
    fn finish(mut self) -> Result<Ingested, RuntimeError> {
        self.settle()?;
        self.rejects.out().flush().map_err(rejects_failed)?;
        self.runtime.catch_up()?;
        Ok(self.ingested)
    }
}

/// Resolves the civil date of events, once, at append (DESIGN §4, Dates).
///
/// What this run sent is remembered, and before it the views are read as they were when it began: how far the store has
/// come meanwhile changes nothing.
struct Dates<'a> {
    runtime: &'a Runtime,
    agencies: Agencies,
    today: Date,
    zones: FxHashMap<AgencyPath, Option<String>>,
    remembered: FxHashMap<EntityId, AgencyPath>,
    /// The last entry that the views are read at.
    began: Option<Seq>,
    any_zone: bool,
}

impl<'a> Dates<'a> {
    fn new(runtime: &'a Runtime) -> Result<Self, RuntimeError> {
        let agencies = Agencies::load(runtime.rows(), None)?;
        let has_zone = |id| agencies.definitions(id).iter().any(|known| known.defined.time_zone.is_some());
        let any_zone = agencies.ids().any(has_zone);
        let today = runtime.now().date_utc();
        let began = runtime.log_size().checked_sub(1);
        let (zones, remembered) = (FxHashMap::default(), FxHashMap::default());
        Ok(Self { runtime, agencies, today, zones, remembered, began, any_zone })
    }

    /// Whether so much is remembered that all of it should be applied and read from the views again.
    fn is_full(&self) -> bool {
        self.remembered.len() >= REMEMBERED_MAX
    }

    /// The views know all that was sent.
    fn forget(&mut self) {
        self.remembered.clear();
        self.began = self.runtime.log_size().checked_sub(1);
    }

    /// Fills in `on` and `zone`: a date is taken as written; else the agency's zone decides; else the offset as written.
    fn resolve(&mut self, kind: Kind, envelope: &mut Envelope, body: &[u8]) -> Result<(), RuntimeError> {
        let written = envelope.time.as_deref().map(Written::parse).transpose()?;
        if !self.any_zone {
            envelope.on = written.map(|written| written.resolve(None)).transpose()?;
            return Ok(());
        }
        let agency = self.agency(kind, envelope, body)?;
        if let (Some(subject), Some(agency)) = (&envelope.subject, &agency) {
            self.remembered.insert(subject.clone(), agency.clone());
        }
        let zone = match written {
            Some(Written::Instant(..)) => agency.and_then(|agency| self.zone(agency)),
            Some(Written::Date(_)) | None => None,
        };
        envelope.on = written.map(|written| written.resolve(zone.as_deref())).transpose()?;
        envelope.zone = zone;
        Ok(())
    }

    /// Who answers for the event's record: the agency it names, the one named before, or that of the file it goes into.
    fn agency(&self, kind: Kind, envelope: &Envelope, body: &[u8]) -> Result<Option<AgencyPath>, RuntimeError> {
        if let Some(agency) = &envelope.agency {
            return Ok(Some(agency.clone()));
        }
        let Some(subject) = &envelope.subject else { return Ok(None) };
        if let Some(agency) = self.known(subject)? {
            return Ok(Some(agency));
        }
        match file_of(kind, envelope.format, body) {
            Some(file) => self.known(&file),
            None => Ok(None),
        }
    }

    fn known(&self, id: &EntityId) -> Result<Option<AgencyPath>, RuntimeError> {
        if let Some(agency) = self.remembered.get(id) {
            return Ok(Some(agency.clone()));
        }
        let Some(began) = self.began else { return Ok(None) };
        let record = register::record_on(self.runtime.rows(), id, Some(began), self.today)?;
        Ok(record.and_then(|record| record.agency().cloned()))
    }

    fn zone(&mut self, agency: AgencyPath) -> Option<String> {
        let (agencies, today) = (&self.agencies, self.today);
        let zone = self.zones.entry(agency);
        let zone = zone.or_insert_with_key(|agency| agencies.resolve(agency, today).and_then(|found| found.time_zone));
        zone.clone()
    }
}

/// The file that an event puts its record into.
fn file_of(kind: Kind, format: Format, body: &[u8]) -> Option<EntityId> {
    match kind {
        Kind::RecordCreated | Kind::RecordCaptured => body::parse::<Created>(kind, format, body).ok()?.file,
        Kind::RecordFiled => Some(body::parse::<Filed>(kind, format, body).ok()?.file),
        _ => None,
    }
}
