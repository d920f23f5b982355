//! What an engine must do for a policy to be asked.

use crate::request::Request;
use fonds_model::Digest;
use fonds_model::body::{Needs, ReasonText};
use fonds_model::decision::{Fault, Verdict, World};

/// What a component says of itself, and what the host found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The policy's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is, in a sentence.
    pub summary: String,
    /// The reasons that it can give; a decision names one by index.
    pub reasons: Vec<ReasonText>,
    /// Which question it answers.
    pub world: World,
    /// The interface that it was built for, such as `0.1`.
    pub interface: String,
}

/// A loaded component: compiled (or taken from the cache) once, asked many times.
pub trait Plugin: Send + Sync {
    /// SHA-256 of the component.
    fn digest(&self) -> Digest;

    /// What it says of itself.
    fn manifest(&self) -> &Manifest;

    /// Checks a configuration, in a fresh instance, and says what the policy needs with it.
    ///
    /// # Errors
    /// `Ok(Err(text))` is the policy's own refusal; `Err` is a fault of the plugin.
    fn configure(&self, config: &str) -> Result<Result<Needs, String>, Fault>;

    /// Asks about a batch, in a fresh instance that is thrown away.
    ///
    /// The answer has exactly one verdict a subject, none of them a fault.
    ///
    /// # Errors
    /// [`Failure::Fault`] gives no verdict for any case of the batch; [`Failure::Aborted`] says nothing about the
    /// policy at all, and ends the sweep.
    fn evaluate(&self, request: &Request) -> Result<Answer, Failure>;
}

/// How a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The policy's own: the same call fails in the same way, so it is evidence and can be replayed.
    #[error("{0}")]
    Fault(Fault),
    /// The host's own (the wall clock ran out, memory or an instance could not be had): never a decision.
    #[error("the sweep was stopped, and decided nothing more: {0}")]
    Aborted(String),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Failure::Fault(fault)
    }
}

/// What a call answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// A verdict a case, in order.
    pub verdicts: Vec<Verdict>,
    /// Fuel that the call used.
    pub fuel: u64,
}

/// An engine that loads components.
pub trait Evaluator: Send + Sync {
    /// The engine and its version, as decisions record it.
    fn engine(&self) -> &str;

    /// Loads a component, compiled or from the cache.
    ///
    /// # Errors
    /// A fault of kind `load` that says what is wrong: it imports a function (named), exports no world of a known
    /// interface, or is no component.
    fn load(&self, component: &[u8]) -> Result<std::sync::Arc<dyn Plugin>, Fault>;
}
