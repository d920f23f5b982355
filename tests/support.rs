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
