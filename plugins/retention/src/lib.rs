//! The reference retention policy.
