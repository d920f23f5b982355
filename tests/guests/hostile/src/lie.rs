//! Answers that safe code cannot give: texts that overlap, and texts that are none.
#![allow(unsafe_code, reason = "these break Rust's own rules on purpose; the instance is thrown away after the call")]

use crate::{UNTIL, Why, said};
use fonds_policy_sdk::Because;
use fonds_policy_sdk::retention::{Decision, Term};

/// Grows memory until the host says no, and then has nothing left to work with.
pub(crate) fn all_memory() -> ! {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(std::hint::black_box(vec![1; 1 << 20]));
    }
}

/// Calls itself without an end that is ever reached; each call takes more of the host's stack than of the guest's own.
pub(crate) fn deep(depth: u64) -> u64 {
    // Called through a pointer, and used after the call, so that it becomes no loop.
    let below = std::hint::black_box(deep as fn(u64) -> u64);
    below(depth.wrapping_add(1)).wrapping_mul(depth | 1)
}

/// Thousands of reasons whose details are all the same bytes: small here, gigabytes when each is copied out.
///
/// Freeing them would free the same bytes many times over; the host must have stopped long before.
pub(crate) fn aliased(decisions: usize) -> Vec<Decision> {
    let shared = "x".repeat(1 << 20).leak();
    let alias = || {
        // SAFETY: none. Two owners of the same bytes are what this guest is for.
        let detail = unsafe { String::from_raw_parts(shared.as_ptr().cast_mut(), shared.len(), shared.len()) };
        Why::Told.with(detail)
    };
    (0..decisions).map(|_| said(Term::Until(UNTIL), (0..4_096).map(|_| alias()).collect())).collect()
}

/// A detail that is not UTF-8.
pub(crate) fn no_text() -> Because {
    // SAFETY: none. A text that is no text is what this guest is for.
    Why::Told.with(unsafe { String::from_utf8_unchecked(vec![0xFF, 0xFE, 0xC0]) })
}
