//! The request, the decision, and how decisions combine: pure, and no wasm here.

pub mod combine;
pub mod decide;
pub mod evaluator;
pub mod request;

pub use evaluator::{Answer, Evaluator, Manifest, Plugin};
pub use request::{Agency, Ancestor, Happening, Mark, Occurrence, Request, RetentionInForce, State, Subject};
