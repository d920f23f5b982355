//! The reference archival policy.
