//! A loaded component: instantiated afresh for every call.

use crate::engine::TICK_MS;
use crate::fault::{load, of_call, of_failure, of_instantiation};
use crate::limits::{Budget, Limits};
use crate::v0_1;
use fonds_model::Digest;
use fonds_model::body::{Needs, ReasonText};
use fonds_model::decision::{Fault, World};
use fonds_policy::{Answer, Failure, Manifest, Plugin, Request};
use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre, Linker};

/// A manifest's name is one that a person types.
const NAME_BYTES_MAX: usize = 200;

pub(crate) struct Loaded {
    digest: Digest,
    manifest: Manifest,
    limits: Limits,
    pre: InstancePre<Budget>,
    exports: v0_1::Exports,
}

/// A fresh instance, with the fuel that it was given.
pub(crate) struct Running {
    pub(crate) store: Store<Budget>,
    pub(crate) instance: Instance,
}

impl Loaded {
    pub(crate) fn new(
        engine: &wasmtime::Engine,
        component: &Component,
        digest: Digest,
        limits: Limits,
    ) -> Result<Self, Fault> {
        let exports = v0_1::Exports::find(component).map_err(load)?;
        // No function is defined, so a component that asks for one (or for a resource) is refused here too.
        let pre = Linker::new(engine)
            .instantiate_pre(component)
            .map_err(|error| load(format!("it asks for more than a policy gets: {}", error.root_cause())))?;
        let name = String::new();
        let manifest = Manifest {
            name,
            version: String::new(),
            summary: String::new(),
            reasons: Vec::new(),
            world: exports.world,
            interface: v0_1::INTERFACE.to_owned(),
        };
        let mut loaded = Self { digest, manifest, limits, pre, exports };
        let mut running = loaded.instantiate().map_err(of_failure)?;
        loaded.exports.check(&mut running).map_err(load)?;
        let described = loaded.exports.describe(&mut running);
        let described = described.map_err(|error| of_failure(of_call(&error, running.store.data())))?;
        loaded.manifest.name = described.name;
        loaded.manifest.version = described.version;
        loaded.manifest.summary = described.summary;
        loaded.manifest.reasons = described.reasons;
        check_manifest(&loaded.manifest).map_err(load)?;
        Ok(loaded)
    }

    fn instantiate(&self) -> Result<Running, Failure> {
        let mut store = Store::new(self.pre.engine(), Budget::new(&self.limits));
        store.limiter(|budget| budget);
        store.set_hostcall_fuel(self.limits.answer_bytes);
        store.set_epoch_deadline(self.limits.wall_clock_ms.div_ceil(TICK_MS) + 1);
        // Before instantiation, whose start function runs on it too.
        store.set_fuel(self.limits.fuel).map_err(|error| Failure::Aborted(error.to_string()))?;
        match self.pre.instantiate(&mut store) {
            Ok(instance) => Ok(Running { store, instance }),
            Err(error) => Err(of_instantiation(&error, store.data())),
        }
    }
}

impl Plugin for Loaded {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn configure(&self, config: &str) -> Result<Result<Needs, String>, Fault> {
        let mut running = self.instantiate().map_err(of_failure)?;
        let answered = self.exports.configure(&mut running, config);
        let answered = answered.map_err(|error| of_failure(of_call(&error, running.store.data())))?;
        Ok(answered.map_err(|refusal| crate::fault::shortened(&refusal)))
    }

    fn evaluate(&self, request: &Request) -> Result<Answer, Failure> {
        let mut running = self.instantiate()?;
        let verdicts = match self.exports.world {
            World::Retention => self.exports.retention(&mut running, request, &self.manifest.reasons),
            World::Classification => self.exports.classification(&mut running, request, &self.manifest.reasons),
            World::Archival => self.exports.archival(&mut running, request, &self.manifest.reasons),
        }?;
        let left = running.store.get_fuel().map_err(|error| Failure::Aborted(error.to_string()))?;
        Ok(Answer { verdicts, fuel: self.limits.fuel.saturating_sub(left) })
    }
}

fn check_manifest(manifest: &Manifest) -> Result<(), String> {
    let Manifest { name, reasons, .. } = manifest;
    if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err("its manifest has no usable name (1 to 200 bytes)".to_owned());
    }
    let mut codes: Vec<&str> = reasons.iter().map(|ReasonText { code, .. }| code.as_str()).collect();
    if codes.contains(&"") {
        return Err("its manifest has a reason without a code".to_owned());
    }
    codes.sort_unstable();
    // A decision is logged with codes alone, so one code can have one text only.
    match codes.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first().copied()) {
        Some(code) => Err(format!("its manifest has the reason `{code}` twice")),
        None => Ok(()),
    }
}
