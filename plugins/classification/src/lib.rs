//! The reference classification policy.
