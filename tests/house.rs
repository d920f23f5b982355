//! A log in this process with a clock that a test sets and policies written in plain Rust, for what takes years.

use fonds_model::body::Needs;
use fonds_model::decision::{
    Awaited, Because, Classification, Fault, FaultKind, Mode, Retention, Term, Verdict, World,
};
use fonds_model::label::Declassification;
use fonds_model::{Action, Digest, Label, Levels, Timestamp, Trigger};
use fonds_policy::evaluator::{Answer, Evaluator, Failure, Manifest, Plugin};
use fonds_policy::{Request, Subject};
use fonds_runtime::admin::{Binding, Persons};
use fonds_runtime::evaluate::Swept;
use fonds_runtime::ingest::Told;
use fonds_runtime::{Lock, Parts, Runtime, RuntimeError};
use fonds_store::{STORE, Store};
use serde_json::Value;
use sha2::Digest as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

/// A log, open, with its own clock.
pub(crate) struct House {
    // Before the folder, which goes last.
    pub(crate) runtime: Runtime,
    folder: TempDir,
    now: Arc<AtomicI64>,
}

impl House {
    /// A new log on a day, at noon in UTC, with both policies installed and none bound.
    pub(crate) fn on(day: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("store");
        fonds_runtime::create(&dir, "test.example/log").unwrap();
        let now = Arc::new(AtomicI64::new(noon(day)));
        let (lock, clock) = (Lock::take(&dir).unwrap(), Arc::clone(&now));
        let parts = Parts {
            store: Arc::new(Store::open(dir.join(STORE)).unwrap()),
            engine: Box::new(|| Ok(Arc::new(Plain))),
            clock: Arc::new(move || Timestamp(clock.load(Ordering::SeqCst))),
            options: Default::default(),
        };
        let house = Self { runtime: Runtime::open(lock, parts).unwrap(), folder, now };
        for component in ["classification", "retention"] {
            house.runtime.install_plugin(component.as_bytes(), &Persons::default()).unwrap();
        }
        house
    }

    /// Time goes on to a day.
    pub(crate) fn comes(&self, day: &str) {
        self.now.store(noon(day), Ordering::SeqCst);
    }

    /// Binds one of the two for everyone.
    pub(crate) fn bind(&self, plugin: &str, config: &str) {
        self.bind_for(plugin, plugin, None, config);
    }

    /// Binds one of the two under a name, for an agency.
    pub(crate) fn bind_for(&self, name: &str, plugin: &str, scope: Option<&str>, config: &str) {
        let (name, plugin, scope) = (name.to_owned(), plugin.to_owned(), scope.map(str::to_owned));
        let told = Binding {
            name,
            plugin,
            scope,
            config: config.as_bytes().to_vec(),
            mode: Mode::Enforce,
            persons: Persons::default(),
        };
        self.runtime.bind_policy(&told).unwrap();
    }

    /// Takes in events, all of which must be taken; the first one's entry.
    pub(crate) fn send(&self, events: &[String]) -> u64 {
        let first = self.runtime.log_size();
        let ingested = self.try_send(events);
        assert_eq!(ingested.appended, events.len() as u64, "{:?}", ingested.rejects);
        first
    }

    /// Takes in events; what became of them.
    pub(crate) fn try_send(&self, events: &[String]) -> fonds_runtime::answers::Ingested {
        let file = self.folder.path().join("events.ndjson");
        std::fs::write(&file, events.concat()).unwrap();
        let told = Told { files: vec![file], format: None, map: None, agency: None, rejects: None };
        self.runtime.ingest(&told, &mut |_| {}).unwrap()
    }

    /// Sweeps as of a day.
    pub(crate) fn sweep(&self, as_of: &str) -> Swept {
        self.try_sweep(as_of).unwrap()
    }

    /// Sweeps as of a day, if that is allowed.
    pub(crate) fn try_sweep(&self, as_of: &str) -> Result<Swept, RuntimeError> {
        self.runtime.evaluate(as_of.parse().unwrap(), false, &mut |_, _| {})
    }

    /// `record show`, as JSON.
    pub(crate) fn record(&self, id: &str) -> Value {
        serde_json::to_value(self.runtime.record(id, None, None).unwrap()).unwrap()
    }

    /// The level of a record's label in force.
    pub(crate) fn level(&self, id: &str) -> String {
        self.record(id)["label"]["level"].as_str().unwrap_or("-").to_owned()
    }
}

fn noon(day: &str) -> i64 {
    Timestamp::parse(&format!("{day}T12:00:00Z")).unwrap().0
}

/// An engine whose components are the names of policies in plain Rust.
struct Plain;

impl Evaluator for Plain {
    fn engine(&self) -> &str {
        "plain/1"
    }

    fn load(&self, component: &[u8]) -> Result<Arc<dyn Plugin>, Fault> {
        let (name, world) = match component {
            b"classification" => ("classification", World::Classification),
            b"retention" => ("retention", World::Retention),
            _ => return Err(Fault { kind: FaultKind::Load, detail: "no such policy".to_owned() }),
        };
        let (version, interface) = ("1".to_owned(), "0.1".to_owned());
        let (name, summary, reasons) = (name.to_owned(), String::new(), Vec::new());
        let manifest = Manifest { name, version, summary, reasons, world, interface };
        Ok(Arc::new(Policy { digest: Digest(sha2::Sha256::digest(component).into()), manifest }))
    }
}

struct Policy {
    digest: Digest,
    manifest: Manifest,
}

impl Plugin for Policy {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn configure(&self, _: &str) -> Result<Result<Needs, String>, Fault> {
        let ancestors = if self.manifest.world == World::Classification { 20 } else { 0 };
        Ok(Ok(Needs { history: Vec::new(), ancestors, attributes: vec!["level".to_owned()] }))
    }

    fn evaluate(&self, request: &Request) -> Result<Answer, Failure> {
        let verdict = |subject: &Subject| match self.manifest.world {
            World::Classification => Verdict::Classification(label(request, subject)),
            _ => Verdict::Retention(keep(request, subject)),
        };
        Ok(Answer { verdicts: request.subjects.iter().map(verdict).collect(), fuel: 1 })
    }
}

/// The attribute `level`, else `public`; never below what it was derived from, unless that stops at the record.
fn label(request: &Request, subject: &Subject) -> Classification {
    let levels = Levels(request.levels.to_vec());
    let by_attribute = subject.attributes.iter().find(|attribute| attribute.name == "level");
    let own = by_attribute.map_or("public", |attribute| attribute.value.as_str());
    let ancestors = subject.ancestors.iter().filter_map(|ancestor| ancestor.label.as_ref());
    let all = std::iter::once(own).chain(ancestors.map(|label| label.level.as_str()));
    let level = match &subject.label {
        Some(label) if subject.barrier => label.level.clone(),
        _ => all.max_by_key(|level| levels.rank(level)).unwrap().to_owned(),
    };
    let label = Some(Label { level, categories: Vec::new() });
    Classification { series: None, label, declassify: Declassification::Never, reasons: Vec::new() }
}

/// So many years after the closing as the configuration says; `forever` and a wait for the closing else.
fn keep(request: &Request, subject: &Subject) -> Retention {
    let closed = subject.started.iter().find(|started| started.trigger == Trigger::Closed).and_then(|found| found.on);
    let term = match (request.config.parse::<i16>(), closed) {
        (Err(_), _) => Term::Forever,
        (Ok(_), None) => Term::Waiting(Awaited::Trigger(Trigger::Closed)),
        (Ok(years), Some(on)) => {
            let on = on.last_day();
            Term::Until(on.with().year(on.year() + years).build().unwrap().into())
        }
    };
    let reasons = vec![Because { code: "plain".to_owned(), detail: None }];
    Retention { term, action: Action::Destroy, not_after: None, reasons }
}
