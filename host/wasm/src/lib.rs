//! The only crate that names wasmtime: limits, determinism, one module per WIT version.
//!
//! A plugin is a component that imports no function. It runs in a fresh instance a call, under limits that are the same
//! everywhere, so that the same question always gets the same answer, and the same fault.

pub mod build;
mod cache;
pub mod component;
mod engine;
mod fault;
mod limits;
mod plugin;
#[cfg(test)]
mod testing;
mod v0_1;

pub use engine::{ENGINE_VERSION, Engine, EngineOptions};
pub use limits::Limits;

/// What building or setting up refuses, with what the person can do.
#[derive(Debug, thiserror::Error)]
pub enum WasmError {
    /// The engine cannot be set up on this machine.
    #[error("the WebAssembly engine cannot start here: {0}")]
    Engine(String),
    /// A limit is out of its range.
    #[error("the limit `{name}` cannot be {value}: {why}")]
    Limit {
        /// Which limit.
        name: &'static str,
        /// What was asked for.
        value: u64,
        /// What it may be.
        why: &'static str,
    },
    /// The bytes are no component, or no core module with the interface in it.
    #[error("{0}")]
    NotAComponent(String),
    /// The component needs functions that no policy gets.
    #[error(
        "the component imports {} and a policy may import no function: build it for wasm32-unknown-unknown, \
         without files, clocks, random numbers or the network",
        listed(.0)
    )]
    Imports(Vec<String>),
    /// The guest toolchain is missing.
    #[error("{0}")]
    Toolchain(String),
    /// `cargo` failed; its own messages went to stderr.
    #[error("`{command}` failed: {why}")]
    Cargo {
        /// What was run.
        command: String,
        /// How it ended.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("`{}` cannot be {what}: {source}", path.display())]
    File {
        /// Which file.
        path: std::path::PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(shown.len());
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", shown.join(", "))
}
