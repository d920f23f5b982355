//! The only crate that names wasmtime: limits, determinism, one module per WIT version.
