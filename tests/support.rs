//! What several tests need: where things lie.

use std::path::{Path, PathBuf};

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie within the workspace").to_path_buf()
}

/// The real data that stands beside the checkout, `../shared`; none when it is not there, which fails under `CI=true`.
pub(crate) fn shared() -> Option<PathBuf> {
    let shared = workspace().parent()?.join("shared");
    if shared.is_dir() {
        return Some(shared);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "`{}` is absent, and CI=true needs it", shared.display());
    eprintln!("skipped: ../shared is absent");
    None
}

/// The program under test, as `cargo build` left it: `$FONDS_BIN`, else beside this test's own folder.
pub(crate) fn fonds() -> PathBuf {
    if let Some(named) = std::env::var_os("FONDS_BIN") {
        return PathBuf::from(named);
    }
    let test = std::env::current_exe().expect("a test knows where it is");
    let built = test.parent().and_then(Path::parent).expect("cargo puts tests into deps").join("fonds");
    assert!(built.is_file(), "`{}` is absent: run `cargo build` first, as tests/run.sh does", built.display());
    built
}

/// A Python that has the package `prov`; none when tests/run.sh could not get one, which fails under `CI=true`.
pub(crate) fn python() -> Option<PathBuf> {
    let python =
        std::env::var_os("FONDS_PYTHON").map_or_else(|| workspace().join("target/python/bin/python"), PathBuf::from);
    if python.is_file() {
        return Some(python);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "`{}` is absent, and CI=true needs it", python.display());
    eprintln!("skipped: no Python with the package prov; tests/run.sh makes one");
    None
}

/// That Python, where it has these packages too; none when tests/run.sh could not get them, which fails under `CI=true`.
pub(crate) fn python_with(packages: &str) -> Option<PathBuf> {
    let python = python()?;
    let probe = format!(
        "import importlib.util, sys; sys.exit(any(importlib.util.find_spec(name) is None for name in '{packages}'.split(', ')))"
    );
    if std::process::Command::new(&python).args(["-c", &probe]).status().is_ok_and(|status| status.success()) {
        return Some(python);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "Python lacks one of {packages}, and CI=true needs it");
    eprintln!("skipped: Python lacks one of {packages}; tests/run.sh installs them");
    None
}
