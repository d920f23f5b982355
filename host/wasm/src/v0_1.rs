//! Interface 0.1: today's request lowered into it, its answers lifted into today's decisions.
//!
//! The types are written out beside `wit/v0.1/policy.wit` instead of generated from it, so that a request is lowered
//! straight from borrowed text; wasmtime compares every one of them with the component's own when it is loaded.

mod lift;
mod lower;
mod wire;

use crate::fault::{fault, of_call};
use crate::plugin::Running;
use fonds_model::body::{Needs, ReasonText};
use fonds_model::decision::{FaultKind, Verdict, World};
use fonds_policy::{Failure, Request};
use wasmtime::component::{Component, ComponentExportIndex, ComponentNamedList, Lift, TypedFunc};

/// The version, as manifests say it.
pub(crate) const INTERFACE: &str = "0.1";

/// What `evaluate` answers in a world whose decision is `T`.
type Answered<T> = (Result<Vec<T>, String>,);

/// Where a component's functions are, found once.
pub(crate) struct Exports {
    pub(crate) world: World,
    describe: ComponentExportIndex,
    configure: ComponentExportIndex,
    evaluate: ComponentExportIndex,
}

pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) reasons: Vec<ReasonText>,
}

impl Exports {
    /// The functions of the one world that the component exports.
    pub(crate) fn find(component: &Component) -> Result<Self, String> {
        let interface = |name: &str| component.get_export_index(None, format!("fonds:policy/{name}@0.1.0").as_str());
        let function = |of: &ComponentExportIndex, name: &str| {
            component.get_export_index(Some(of), name).ok_or_else(|| format!("it exports no function `{name}`"))
        };
        let worlds: Vec<_> =
            World::ALL.into_iter().filter_map(|world| interface(world.as_str()).map(|found| (world, found))).collect();
        let (Some(plugin), [(world, decides)]) = (interface("plugin"), worlds.as_slice()) else {
            return Err("it exports none of the worlds of fonds:policy@0.1.0, or more than one".to_owned());
        };
        let (describe, configure) = (function(&plugin, "describe")?, function(&plugin, "configure")?);
        Ok(Self { world: *world, describe, configure, evaluate: function(decides, "evaluate")? })
    }

    /// Whether the functions have the interface's types.
    pub(crate) fn check(&self, running: &mut Running) -> Result<(), String> {
        let evaluate = match self.world {
            World::Retention => self.asked::<wire::Retention>(running).err(),
            World::Classification => self.asked::<wire::Classification>(running).err(),
            World::Archival => self.asked::<wire::Archival>(running).err(),
        };
        let describe = typed::<(), (wire::Manifest,)>(running, &self.describe).err();
        let configure = typed::<(&str,), (Result<wire::Needs, String>,)>(running, &self.configure).err();
        match evaluate.or(describe).or(configure) {
            Some(error) => Err(format!("its types are not those of fonds:policy@0.1.0: {}", error.root_cause())),
            None => Ok(()),
        }
    }

    pub(crate) fn describe(&self, running: &mut Running) -> wasmtime::Result<Described> {
        let call = typed::<(), (wire::Manifest,)>(running, &self.describe)?;
        let (manifest,) = call.call(&mut running.store, ())?;
        let wire::Manifest { name, version, summary, reasons } = manifest;
        let reasons =
            reasons.into_iter().map(|wire::Reason { code, text, authority }| ReasonText { code, text, authority });
        Ok(Described { name, version, summary, reasons: reasons.collect() })
    }

    pub(crate) fn configure(&self, running: &mut Running, config: &str) -> wasmtime::Result<Result<Needs, String>> {
        let call = typed::<(&str,), (Result<wire::Needs, String>,)>(running, &self.configure)?;
        let (answered,) = call.call(&mut running.store, (config,))?;
        Ok(answered.map(|wire::Needs { history, ancestors, attributes }| Needs { history, ancestors, attributes }))
    }

    fn asked<'a, T: Lift + 'static>(
        &self,
        running: &mut Running,
    ) -> wasmtime::Result<TypedFunc<(wire::Request<'a>,), Answered<T>>>
    where
        Answered<T>: ComponentNamedList,
    {
        typed(running, &self.evaluate)
    }

    fn call<T: Lift + 'static>(&self, running: &mut Running, request: &Request) -> Result<Vec<T>, Failure>
    where
        Answered<T>: ComponentNamedList,
    {
        let called = match self.asked::<T>(running) {
            Ok(call) => call.call(&mut running.store, (lower::request(request),)),
            Err(error) => Err(error),
        };
        let (answered,) = called.map_err(|error| of_call(&error, running.store.data()))?;
        let decisions = answered.map_err(|refusal| fault(FaultKind::Refused, &refusal))?;
        let (given, asked) = (decisions.len(), request.subjects.len());
        if given != asked {
            return Err(malformed(&format!("{given} decisions for {asked} cases")));
        }
        Ok(decisions)
    }

    pub(crate) fn retention(
        &self,
        running: &mut Running,
        request: &Request,
        reasons: &[ReasonText],
    ) -> Result<Vec<Verdict>, Failure> {
        lifted(self.call(running, request)?, reasons, lift::retention)
    }

    pub(crate) fn classification(
        &self,
        running: &mut Running,
        request: &Request,
        reasons: &[ReasonText],
    ) -> Result<Vec<Verdict>, Failure> {
        lifted(self.call(running, request)?, reasons, lift::classification)
    }

    pub(crate) fn archival(
        &self,
        running: &mut Running,
        request: &Request,
        reasons: &[ReasonText],
    ) -> Result<Vec<Verdict>, Failure> {
        lifted(self.call(running, request)?, reasons, lift::archival)
    }
}

fn typed<P, R>(running: &mut Running, index: &ComponentExportIndex) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + wasmtime::component::Lower,
    R: ComponentNamedList + Lift,
{
    running.instance.get_typed_func(&mut running.store, index)
}

fn lifted<T>(
    decisions: Vec<T>,
    reasons: &[ReasonText],
    lift: impl Fn(T, &[ReasonText]) -> Result<Verdict, String>,
) -> Result<Vec<Verdict>, Failure> {
    let all = decisions.into_iter().map(|decision| lift(decision, reasons));
    all.collect::<Result<_, _>>().map_err(|why| malformed(&why))
}

fn malformed(why: &str) -> Failure {
    fault(FaultKind::AnswerMalformed, why).into()
}

#[cfg(test)]
mod tests;
