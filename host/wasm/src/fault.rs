//! Every way in which a call ends without an answer, as a typed fault.
//!
//! Details are the same wherever the call is run again: no address, no path of this machine, at most 500 bytes.

use crate::limits::Budget;
use fonds_model::decision::{Fault, FaultKind};
use fonds_policy::Failure;
use wasmtime::{PoolConcurrencyLimitError, Trap};

/// A detail has at most this many bytes.
const DETAIL_BYTES_MAX: usize = 500;

pub(crate) fn fault(kind: FaultKind, detail: &str) -> Fault {
    Fault { kind, detail: shortened(detail) }
}

pub(crate) fn load(detail: impl AsRef<str>) -> Fault {
    fault(FaultKind::Load, detail.as_ref())
}

/// At most 500 bytes of a text, cut between characters; what a terminal would obey is left out.
pub(crate) fn shortened(text: &str) -> String {
    let mut kept = String::with_capacity(text.len().min(DETAIL_BYTES_MAX));
    for character in text.chars() {
        let character = if character.is_control() { ' ' } else { character };
        if kept.len() + character.len_utf8() > DETAIL_BYTES_MAX {
            break;
        }
        kept.push(character);
    }
    kept
}

/// What an error of a call means.
pub(crate) fn of_call(error: &wasmtime::Error, budget: &Budget) -> Failure {
    if budget.host_failed || error.is::<PoolConcurrencyLimitError>() {
        return Failure::Aborted("the machine has no more memory for a policy's instance".to_owned());
    }
    if let Some(what) = budget.exceeded {
        return fault(FaultKind::Memory, what).into();
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return of_trap(*trap);
    }
    let said = error.root_cause().to_string();
    // wasmtime keeps this error's type to itself.
    if said.contains("fuel allocated for hostcalls has been exhausted") {
        return fault(FaultKind::AnswerTooLong, "its answer was longer than it may be").into();
    }
    // A realloc that hands out what it does not own is a guest that goes wrong before it is asked at all.
    let kind = if said.contains("realloc") { FaultKind::Trap } else { FaultKind::AnswerMalformed };
    fault(kind, &said).into()
}

fn of_trap(trap: Trap) -> Failure {
    let kind = match trap {
        Trap::Interrupt => return Failure::Aborted("a policy ran longer than the wall clock allows".to_owned()),
        Trap::OutOfFuel => FaultKind::Fuel,
        Trap::StackOverflow => FaultKind::Stack,
        Trap::AllocationTooLarge => FaultKind::Memory,
        Trap::StringOutOfBounds
        | Trap::ListOutOfBounds
        | Trap::InvalidDiscriminant
        | Trap::UnalignedPointer
        | Trap::InvalidChar => FaultKind::AnswerMalformed,
        _ => FaultKind::Trap,
    };
    fault(kind, &trap.to_string()).into()
}

/// What an error of instantiation means: a start function may trap; anything else is the machine's.
pub(crate) fn of_instantiation(error: &wasmtime::Error, budget: &Budget) -> Failure {
    if error.is::<Trap>() || budget.exceeded.is_some() {
        return of_call(error, budget);
    }
    Failure::Aborted(format!("a policy's instance could not be made: {}", shortened(&error.root_cause().to_string())))
}

/// The same for questions that are no decision (what it is, whether a configuration is right), where all is a fault.
pub(crate) fn of_failure(failure: Failure) -> Fault {
    match failure {
        Failure::Fault(fault) => fault,
        Failure::Aborted(why) => load(why),
    }
}
