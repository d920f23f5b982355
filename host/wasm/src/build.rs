//! `plugin build`: a Rust crate to a core module to a component.

use crate::{WasmError, component};
use serde::Deserialize;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What guests are built for: a machine with nothing on it, so that there is nothing to import.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A component that was built.
#[derive(Debug)]
pub struct Built {
    /// Where it was written.
    pub path: PathBuf,
    /// The crate's name.
    pub name: String,
    /// The component.
    pub component: Vec<u8>,
}

/// How the guest's standard library is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toolchain {
    /// It is installed beside the host's.
    Installed,
    /// It is built from the sources that lie in the toolchain (Debian's `rustc-web` and `rust-web-src`).
    FromSource,
}

impl Toolchain {
    /// Finds out what the toolchain in this sysroot can do.
    ///
    /// # Errors
    /// [`WasmError::Toolchain`] that says what to run, when it can do neither.
    pub fn in_sysroot(sysroot: &Path) -> Result<Self, WasmError> {
        let rustlib = sysroot.join("lib/rustlib");
        if rustlib.join(TARGET).join("lib").is_dir() {
            return Ok(Self::Installed);
        }
        if rustlib.join("src/rust/library/std/Cargo.toml").is_file() {
            return Ok(Self::FromSource);
        }
        Err(WasmError::Toolchain(format!(
            "there is no Rust standard library for {TARGET} in `{}`: run `rustup target add {TARGET}`, or on Debian \
             `apt-get install rustc-web rust-web-src lld`",
            sysroot.display()
        )))
    }

    /// The arguments of `cargo` and the environment that it needs.
    fn settings(self) -> (&'static [&'static str], &'static [(&'static str, &'static str)]) {
        match self {
            Self::Installed => (&[], &[]),
            Self::FromSource => (
                &["-Zbuild-std=std,panic_abort"],
                &[("RUSTC_BOOTSTRAP", "1"), ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "rust-lld")],
            ),
        }
    }
}

/// Builds a Rust crate into a component and writes it, by default to `target/plugins/NAME.wasm`.
///
/// The crate must be a `cdylib` that exports one of the policy worlds. Cargo's own messages go to stderr.
///
/// # Errors
/// Whatever is missing or refused, with what to do: the toolchain, the crate, an import.
pub fn crate_to_component(dir: &Path, out: Option<&Path>) -> Result<Built, WasmError> {
    let manifest = dir.join("Cargo.toml");
    if !manifest.is_file() {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(WasmError::File { path: manifest, what: "read", source });
    }
    let manifest =
        manifest.canonicalize().map_err(|source| WasmError::File { path: manifest, what: "read", source })?;
    let described = described(&manifest)?;
    let package = described.package(&manifest)?;
    let core = built(&manifest, &package.name, profile(&described.workspace_root))?;
    let core = std::fs::read(&core).map_err(|source| WasmError::File { path: core, what: "read", source })?;
    let component = component::from_core_module(&core)?;
    let default = || described.target_directory.join("plugins").join(format!("{}.wasm", package.name));
    let path = out.map_or_else(default, Path::to_owned);
    write(&path, &component).map_err(|source| WasmError::File { path: path.clone(), what: "written", source })?;
    Ok(Built { path, name: package.name.clone(), component })
}

/// What `cargo metadata` says, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Described {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

impl Described {
    fn package(&self, manifest: &Path) -> Result<&Package, WasmError> {
        let wrong = |why: &str| WasmError::NotAComponent(format!("`{}` {why}", manifest.display()));
        let found = self.packages.iter().find(|package| package.manifest_path == manifest);
        let package = found.ok_or_else(|| wrong("is no crate: name the folder of one crate, not of a workspace"))?;
        let dynamic = package.targets.iter().any(|target| target.crate_types.iter().any(|kind| kind == "cdylib"));
        if !dynamic {
            return Err(wrong("is no plugin: put `crate-type = [\"cdylib\"]` under `[lib]`"));
        }
        Ok(package)
    }
}

fn described(manifest: &Path) -> Result<Described, WasmError> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
    let said = run(&mut cargo)?;
    serde_json::from_slice(&said).map_err(|error| failed(&cargo, &error.to_string()))
}

/// The workspace's own profile for guests, when it has one.
fn profile(workspace: &Path) -> &'static str {
    let manifest = std::fs::read_to_string(workspace.join("Cargo.toml")).unwrap_or_default();
    let has = manifest.lines().any(|line| line.trim() == "[profile.guest]");
    if has { "guest" } else { "release" }
}

/// Runs `cargo build` and says where the core module lies.
fn built(manifest: &Path, name: &str, profile: &str) -> Result<PathBuf, WasmError> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "sysroot"]).current_dir(manifest.parent().unwrap_or(manifest));
    let sysroot = String::from_utf8_lossy(&run(&mut rustc)?).trim().to_owned();
    let (args, environment) = Toolchain::in_sysroot(Path::new(&sysroot))?.settings();
    let mut cargo = Command::new("cargo");
    cargo.current_dir(manifest.parent().unwrap_or(manifest));
    cargo.args(["build", "--lib", "--target", TARGET, "--profile", profile, "--manifest-path"]).arg(manifest);
    cargo
        .args(["--package", name, "--message-format=json-render-diagnostics"])
        .args(args)
        .envs(environment.iter().copied());
    let said = run(&mut cargo)?;
    let module = said.split(|byte| *byte == b'\n').filter_map(|line| artifact(line, manifest)).next_back();
    module.ok_or_else(|| failed(&cargo, "it wrote no WebAssembly module"))
}

/// The module of one of cargo's messages, when it is about this crate.
fn artifact(line: &[u8], manifest: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        manifest_path: PathBuf,
        filenames: Vec<PathBuf>,
    }
    let message: Message = serde_json::from_slice(line).ok()?;
    let ours = message.manifest_path == manifest;
    message.filenames.into_iter().find(|file| ours && file.extension().is_some_and(|kind| kind == "wasm"))
}

/// Runs a command whose messages go to our stderr, and gives back its answer.
fn run(command: &mut Command) -> Result<Vec<u8>, WasmError> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => WasmError::Toolchain(format!(
            "`{}` is not on the path: install Rust (https://rustup.rs)",
            command.get_program().display()
        )),
        _ => failed(command, &error.to_string()),
    })?;
    if output.status.success() { Ok(output.stdout) } else { Err(failed(command, &output.status.to_string())) }
}

fn failed(command: &Command, why: &str) -> WasmError {
    let words: Vec<OsString> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(std::ffi::OsStr::to_owned).collect();
    let command = words.join(std::ffi::OsStr::new(" ")).to_string_lossy().into_owned();
    WasmError::Cargo { command, why: why.to_owned() }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written =
        std::fs::File::create(&temporary).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_data()));
    written.and_then(|()| std::fs::rename(&temporary, path)).inspect_err(|_| drop(std::fs::remove_file(&temporary)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_that_cannot_build_guests_says_what_to_run() {
        let sysroot = tempfile::tempdir().unwrap();
        let said = Toolchain::in_sysroot(sysroot.path()).unwrap_err().to_string();
        assert!(said.contains("rustup target add wasm32-unknown-unknown") && said.contains("rustc-web"), "{said}");
    }

    #[test]
    fn sources_in_the_sysroot_stand_in_for_an_installed_standard_library() {
        let sysroot = tempfile::tempdir().unwrap();
        let std = sysroot.path().join("lib/rustlib/src/rust/library/std");
        std::fs::create_dir_all(&std).unwrap();
        std::fs::write(std.join("Cargo.toml"), "").unwrap();
        assert_eq!(Toolchain::in_sysroot(sysroot.path()).unwrap(), Toolchain::FromSource);
        std::fs::create_dir_all(sysroot.path().join("lib/rustlib/wasm32-unknown-unknown/lib")).unwrap();
        assert_eq!(Toolchain::in_sysroot(sysroot.path()).unwrap(), Toolchain::Installed);
    }

    #[test]
    fn a_folder_without_a_crate_is_said_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let said = crate_to_component(folder.path(), None).unwrap_err().to_string();
        assert!(said.contains("Cargo.toml"), "{said}");
    }
}
