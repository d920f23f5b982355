//! A store in a temporary folder, and the program asked about it as its users would.

use crate::support;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A store that goes when the test ends.
pub(crate) struct Store {
    folder: TempDir,
}

impl Store {
    /// A new store, initialised.
    pub(crate) fn new() -> Self {
        let store = Self::empty();
        store.ok(&["init", "--origin", "test.example/log"]);
        store
    }

    /// A store that lies in a folder as `store` already.
    pub(crate) fn in_folder(folder: TempDir) -> Self {
        Self { folder }
    }

    /// A folder for a store that is yet to be made.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Where the store lies.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// A file beside the store.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the store.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.file(name);
        std::fs::write(&path, content).expect("a file beside the store");
        path.display().to_string()
    }

    /// The program with these arguments, not yet run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(support::fonds());
        command.arg("--store").arg(self.dir()).args(arguments).env_remove("FONDS_STORE");
        command
    }

    /// Runs it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Runs it, and it must exit with 0; what it printed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "fonds {arguments:?} exited with {:?}: {said}", output.status.code());
        String::from_utf8(output.stdout).expect("answers are text")
    }

    /// Lets a name be enough for an approval of a destruction; two people ask for that.
    pub(crate) fn lets_names_approve(&self) {
        for by in ["first", "second"] {
            self.ok(&["setting", "set", "signed-approvals", "none", "--by", by]);
        }
    }

    /// Runs it with `--output json`, and it must exit with 0; the document.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.answer(0, arguments)
    }

    /// Runs it with `--output json`, and it must exit with this code; the document.
    pub(crate) fn answer(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.run(&[&["--output", "json"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "fonds {arguments:?}: {said}");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("fonds {arguments:?} answered no JSON: {error}"))
    }

    /// Runs it, and it must exit with this code; what it said on stderr.
    pub(crate) fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "fonds {arguments:?}: {said}");
        said
    }
}

/// A reference policy or a guest of the tests, built once a run of the tests, by its folder below the workspace.
pub(crate) fn component(folder: &str) -> PathBuf {
    let name = folder.rsplit('/').next().expect("a folder has a name");
    let to = support::workspace().join("target/plugins").join(format!("{name}.wasm"));
    let built = Command::new(support::fonds())
        .current_dir(support::workspace())
        .args(["--quiet", "plugin", "build", folder, "--to"])
        .arg(&to)
        .output()
        .expect("the program starts");
    assert!(built.status.success(), "plugin build {folder}: {}", String::from_utf8_lossy(&built.stderr));
    to
}

/// A lifecycle event.
pub(crate) fn cloud_event(id: &str, kind: &str, subject: &str, time: &str, data: &Value) -> String {
    serde_json::json!({ "specversion": "1.0", "type": kind, "source": "https://test.example/cases", "id": id,
        "subject": subject, "time": time, "data": data })
    .to_string()
        + "\n"
}

/// The text of a path.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of the tests is text")
}
