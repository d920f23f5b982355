//! The request, the decision, and how decisions combine: pure, and no wasm here.

pub mod combine;
pub mod decide;
pub mod disposition;
pub mod evaluator;
pub mod facts;
pub mod request;

pub use combine::{Effective, Given, Review, Standing};
pub use decide::{Aborted, Call, Sweep, decide};
pub use evaluator::{Answer, Evaluator, Failure, Manifest, Plugin};
pub use facts::Facts;
pub use request::{Agency, Ancestor, Happening, Mark, Occurrence, Request, RetentionInForce, State, Subject};
