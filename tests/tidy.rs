//! Style is a test: which crate may name which, how long a file and a function may be, and what may not stand anywhere.

mod source;

use crate::support;
use cargo_metadata::{Metadata, MetadataCommand, Package};
use source::{blanked, functions, lines_with, without_unit_tests};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 700;
const FUNCTION_LINES_MAX: usize = 80;

/// The folders that may stand at the top, beside dot-folders and what git ignores.
const ROOMS: [&str; 5] = ["examples", "host", "plugins", "tests", "wit"];

/// Which of our crates each may name, and no other.
const EDGES: [(&str, &[&str]); 15] = [
    ("fonds-model", &[]),
    ("fonds-ingest", &["fonds-model"]),
    ("fonds-log", &["fonds-model"]),
    ("fonds-views", &["fonds-model"]),
    ("fonds-policy", &["fonds-model"]),
    ("fonds-wasm", &["fonds-policy", "fonds-model"]),
    ("fonds-store", &["fonds-log", "fonds-views", "fonds-model"]),
    ("fonds-archive", &["fonds-model"]),
    ("fonds-runtime", &["fonds-archive", "fonds-ingest", "fonds-log", "fonds-views", "fonds-policy", "fonds-model"]),
    ("fonds-server", &["fonds-runtime", "fonds-model"]),
    ("fonds", &["fonds-server", "fonds-runtime", "fonds-store", "fonds-wasm", "fonds-model"]),
    ("fonds-policy-sdk", &[]),
    ("fonds-retention", GUEST),
    ("fonds-classification", GUEST),
    ("fonds-archival", GUEST),
];

const GUEST: &[&str] = &["fonds-policy-sdk"];

/// Libraries that one crate alone may name.
const KEEPERS: [(&str, &str); 4] =
    [("sled", "fonds-store"), ("wasmtime", "fonds-wasm"), ("miette", "fonds"), ("object_store", "fonds-archive")];

fn metadata() -> Metadata {
    let manifest = support::workspace().join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().expect("cargo describes the workspace")
}

/// What is wrong with a crate's dependencies; `path` is the folder of its manifest within the workspace.
fn wrong_edges(name: &str, path: &Path, dependencies: &[String]) -> Vec<String> {
    let allowed = match EDGES.iter().find(|(crate_name, _)| *crate_name == name) {
        Some((_, allowed)) => allowed,
        None if path.starts_with("tests/guests") => GUEST,
        // The tests look at every room, and the fuzz targets at whatever parses.
        None if ["fonds-tests", "fonds-fuzz"].contains(&name) => return Vec::new(),
        None => return vec![format!("`{name}` is no room of DESIGN: give it its edges here")],
    };
    let mut wrong = Vec::new();
    for dependency in dependencies {
        let ours = dependency == "fonds" || dependency.starts_with("fonds-");
        if ours && !allowed.contains(&dependency.as_str()) {
            wrong.push(format!("`{name}` may not name `{dependency}`"));
        }
        for (library, keeper) in KEEPERS {
            if dependency == library && name != keeper {
                wrong.push(format!("only `{keeper}` may name `{library}`, and `{name}` does"));
            }
        }
    }
    wrong
}

fn folder(package: &Package) -> PathBuf {
    let manifest = package.manifest_path.as_std_path();
    manifest
        .strip_prefix(support::workspace())
        .unwrap_or(manifest)
        .parent()
        .expect("a manifest lies in a folder")
        .into()
}

#[test]
fn no_crate_names_another_than_its_room_may() {
    let wrong: Vec<String> = metadata()
        .packages
        .iter()
        .flat_map(|package| {
            let names: Vec<String> = package.dependencies.iter().map(|dependency| dependency.name.clone()).collect();
            wrong_edges(&package.name, &folder(package), &names)
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_edge_that_is_not_allowed_is_seen() {
    let wrong = |name: &str, path: &str, on: &[&str]| {
        wrong_edges(name, Path::new(path), &on.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).len()
    };
    assert_eq!(wrong("fonds-log", "host/log", &["fonds-model", "serde"]), 0);
    assert_eq!(wrong("fonds-log", "host/log", &["fonds-views"]), 1);
    assert_eq!(wrong("fonds-log", "host/log", &["sled"]), 1);
    assert_eq!(wrong("fonds-runtime", "host/runtime", &["fonds-store", "wasmtime"]), 2);
    assert_eq!(wrong("fonds-extra", "host/extra", &[]), 1);
    assert_eq!(wrong("guest-trap", "tests/guests/trap", &["fonds-policy-sdk"]), 0);
    assert_eq!(wrong("guest-trap", "tests/guests/trap", &["fonds-model"]), 1);
}

/// Whether a manifest takes the workspace's lints.
fn takes_lints(manifest: &str) -> bool {
    let section = manifest.split_once("[lints]").map_or("", |(_, rest)| rest);
    section.lines().skip(1).take_while(|line| !line.starts_with('[')).any(|line| line.trim() == "workspace = true")
}

#[test]
fn every_crate_takes_the_workspaces_lints() {
    for package in metadata().packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(takes_lints(&manifest), "`{}` has no `[lints] workspace = true`", package.manifest_path);
    }
    assert!(takes_lints("[package]\n\n[lints]\nworkspace = true\n"));
    assert!(!takes_lints("[package]\nversion.workspace = true\n[lints]\n[dependencies]\nworkspace = true\n"));
}

/// Every Rust file of the repository with its text, paths as seen from the workspace.
fn rust_files() -> Vec<(PathBuf, String)> {
    let root = support::workspace();
    let mut folders: Vec<PathBuf> = ROOMS.iter().map(|room| root.join(room)).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_path_buf(), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "the walk finds the sources");
    found
}

/// What is too long in a file.
fn too_long(path: &Path, text: &str) -> Vec<String> {
    let path = path.display();
    let lines = text.lines().count();
    let mut wrong = Vec::new();
    if lines > FILE_LINES_MAX {
        wrong.push(format!("{path}: {lines} lines; split it by idea (at most {FILE_LINES_MAX})"));
    }
    for function in functions(&blanked(text)) {
        if function.lines > FUNCTION_LINES_MAX {
            let (name, line, lines) = (function.name, function.line, function.lines);
            wrong.push(format!("{path}:{line}: `{name}` has {lines} lines (at most {FUNCTION_LINES_MAX})"));
        }
    }
    wrong
}

#[test]
fn no_file_and_no_function_is_longer_than_a_reader_can_hold() {
    let wrong: Vec<String> = rust_files().iter().flat_map(|(path, text)| too_long(path, text)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_too_long_is_seen() {
    let of = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
    assert_eq!(too_long(Path::new("a.rs"), &of(FUNCTION_LINES_MAX)).len(), 0);
    assert_eq!(too_long(Path::new("a.rs"), &of(FUNCTION_LINES_MAX + 1)).len(), 1);
    assert_eq!(too_long(Path::new("a.rs"), &of(FILE_LINES_MAX + 1)).len(), 2);
}

/// What stands in a file that may stand nowhere, or not there.
fn misplaced(path: &Path, text: &str) -> Vec<String> {
    let seen = blanked(text);
    let mut found = lines_with(&seen, &["todo!", "unimplemented!", "dbg!", "#[ignore"]);
    let prints = path.starts_with("host/cli") || !path.iter().any(|part| part == "src");
    if !prints {
        found.extend(lines_with(without_unit_tests(&seen), &["println!", "print!", "eprintln!", "eprint!"]));
    }
    found.into_iter().map(|(line, word)| format!("{}:{line}: `{word}`", path.display())).collect()
}

#[test]
fn nothing_is_left_undone_or_ignored_and_only_the_command_line_prints() {
    let wrong: Vec<String> = rust_files().iter().flat_map(|(path, text)| misplaced(path, text)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_misplaced_is_seen() {
    let count = |path: &str, text: &str| misplaced(Path::new(path), text).len();
    assert_eq!(count("host/log/src/lib.rs", "fn f() {\n    todo!()\n}\n"), 1);
    assert_eq!(count("host/log/src/lib.rs", "// todo!() says a comment\nconst T: &str = \"println!\";\n"), 0);
    assert_eq!(
        count("host/log/src/lib.rs", "fn f() { println!(); }\n#[cfg(test)]\nmod tests { fn g() { println!(); } }\n"),
        1
    );
    assert_eq!(count("host/cli/src/main.rs", "fn f() { println!(); }\n"), 0);
    assert_eq!(count("tests/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n"), 1);
}

/// The files that no `mod` names; a module's file is named by `main.rs` or `lib.rs` beside it, by its folder's `mod.rs`,
/// or by the file that its folder is called after.
fn orphans(files: &[(PathBuf, String)]) -> Vec<String> {
    let text = |path: &Path| files.iter().find(|(known, _)| known == path).map(|(_, text)| blanked(text));
    let names = |parent: &Path, stem: &str| {
        text(parent).is_some_and(|text| {
            text.lines().any(|line| line.trim().trim_start_matches("pub ").ends_with(&format!("mod {stem};")))
        })
    };
    let mut wrong = Vec::new();
    for (path, _) in files {
        let (Some(folder), Some(stem)) = (path.parent(), path.file_stem().and_then(|stem| stem.to_str())) else {
            continue;
        };
        let is_root = ["main", "lib", "build"].contains(&stem);
        let is_target = ["bin", "examples", "benches", "fuzz_targets"].iter().any(|name| folder.ends_with(name));
        if is_root || is_target {
            continue;
        }
        let (folder, stem) = match stem {
            "mod" => {
                (folder.parent().unwrap_or(folder), folder.file_name().and_then(|name| name.to_str()).unwrap_or(""))
            }
            _ => (folder, stem),
        };
        let parents =
            [folder.join("main.rs"), folder.join("lib.rs"), folder.join("mod.rs"), folder.with_extension("rs")];
        if !parents.iter().any(|parent| names(parent, stem)) {
            wrong.push(format!("{}: no `mod {stem};` names it, so it is never compiled", path.display()));
        }
    }
    wrong
}

#[test]
fn every_file_is_compiled_and_every_test_is_run() {
    let wrong = orphans(&rust_files());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_forgotten_file_is_seen() {
    let files = |files: &[(&str, &str)]| -> Vec<(PathBuf, String)> {
        files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect()
    };
    let whole = files(&[("t/main.rs", "mod a;\n"), ("t/a.rs", "mod b;\n"), ("t/a/b.rs", ""), ("t/lib.rs", "")]);
    assert_eq!(orphans(&whole), Vec::<String>::new());
    assert_eq!(orphans(&files(&[("t/main.rs", "// mod a;\n"), ("t/a.rs", "")])).len(), 1);
    assert_eq!(orphans(&files(&[("t/main.rs", "mod a;\n"), ("t/a.rs", ""), ("t/a/b.rs", "")])).len(), 1);
}

/// The folders that have no place at the top, and the rooms that are missing; `ignored` is git's list.
fn wrong_folders(folders: &[String], ignored: &str) -> Vec<String> {
    let ignores = |name: &str| ignored.lines().any(|line| line.trim_matches('/') == name);
    let known: BTreeSet<&str> = ROOMS.into();
    let there: BTreeSet<&str> =
        folders.iter().map(String::as_str).filter(|name| !name.starts_with('.') && !ignores(name)).collect();
    known.symmetric_difference(&there).map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_top_level_holds_the_five_rooms_and_no_other_folder() {
    let root = support::workspace();
    let folders: Vec<String> = std::fs::read_dir(&root)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let ignored = std::fs::read_to_string(root.join(".gitignore")).unwrap();
    assert_eq!(wrong_folders(&folders, &ignored), Vec::<String>::new());
}

#[test]
fn another_folder_and_a_missing_room_are_seen() {
    let folders = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let whole = folders(&["examples", "host", "plugins", "tests", "wit", "target", ".git"]);
    assert_eq!(wrong_folders(&whole, "/target\n"), Vec::<String>::new());
    assert_eq!(wrong_folders(&whole, ""), ["target"]);
    assert_eq!(wrong_folders(&folders(&["examples", "host", "plugins", "tests"]), ""), ["wit"]);
}
