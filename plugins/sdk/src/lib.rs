//! What a Fonds policy plugin written in Rust depends on.
