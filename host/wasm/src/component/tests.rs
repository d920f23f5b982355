use super::*;
use crate::testing::{core, engine, guest};
use crate::{Engine, EngineOptions, Limits};
use fonds_model::decision::FaultKind;
use fonds_policy::Evaluator;

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn a_policy_imports_nothing_and_is_seen_to() {
    let inspected = inspect(&guest("")).unwrap();
    assert_eq!((inspected.world, inspected.interface.as_deref()), (Some(World::Retention), Some("0.1")));
    assert_eq!(inspected.imports, [""; 0]);
    assert!(inspected.exports.contains(&"fonds:policy/retention@0.1.0".to_owned()), "{:?}", inspected.exports);
}

#[test]
fn a_component_that_imports_a_function_is_refused_by_its_name() {
    let clock = component(
        r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64))))))"#,
    );
    assert_eq!(imports(&clock).unwrap(), ["wasi:clocks/wall-clock@0.2.0/now"]);
    let Err(fault) = engine(Limits::default()).load(&clock) else { panic!("it was loaded") };
    assert_eq!(fault.kind, FaultKind::Load);
    assert!(fault.detail.contains("`wasi:clocks/wall-clock@0.2.0/now`"), "{fault}");
    let bare = component(r#"(component (import "now" (func (result u64))))"#);
    assert_eq!(imports(&bare).unwrap(), ["now"]);
}

#[test]
fn an_import_of_types_alone_is_none_and_one_of_a_resource_is() {
    let types =
        component(r#"(component (import "a:b/types@0.1.0" (instance (type $u u32) (export "t" (type (eq $u))))))"#);
    assert_eq!(imports(&types).unwrap(), [""; 0]);
    let resource =
        component(r#"(component (import "a:b/files@0.1.0" (instance (export "file" (type (sub resource))))))"#);
    assert_eq!(imports(&resource).unwrap(), ["a:b/files@0.1.0/file"]);
}

#[test]
fn a_core_module_that_imports_a_function_is_refused_by_its_name() {
    let core = core("", r#"(import "env" "random" (func (result i32)))"#);
    let refused = from_core_module(&core).unwrap_err();
    assert!(refused.to_string().contains("`env/random`"), "{refused}");
}

#[test]
fn what_is_no_component_is_said_to_be_none() {
    for bytes in [&b"not wasm"[..], b"", b"\0asm\x01\0\0\0"] {
        assert!(matches!(inspect(bytes), Err(WasmError::NotAComponent(_))));
        let Err(fault) = engine(Limits::default()).load(bytes) else { panic!("it was loaded") };
        assert_eq!(fault.kind, FaultKind::Load);
    }
    let truncated = guest("");
    let truncated = &truncated[..truncated.len() / 2];
    assert!(imports(truncated).is_err() && engine(Limits::default()).load(truncated).is_err());
    assert!(from_core_module(b"\0asm\x01\0\0\0").is_err(), "a module without the interface");
}

#[test]
fn a_component_larger_than_it_may_be_is_refused_before_any_work() {
    let Err(fault) = engine(Limits::default()).load(&vec![0; COMPONENT_BYTES_MAX + 1]) else { panic!("it was loaded") };
    assert!(fault.detail.contains("32 MiB"), "{fault}");
}

#[test]
fn a_component_of_no_policy_world_is_refused() {
    let Err(fault) = engine(Limits::default()).load(&component("(component)")) else { panic!("it was loaded") };
    assert!(fault.detail.contains("none of the worlds"), "{fault}");
}

fn cached(dir: &std::path::Path, key: u8) -> Engine {
    Engine::new(EngineOptions { cache_dir: Some(dir.to_owned()), cache_key: [key; 32], limits: Limits::default() })
        .unwrap()
}

fn only_file(dir: &std::path::Path) -> std::path::PathBuf {
    let files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn a_compiled_plugin_is_taken_from_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let first = cached(dir.path(), 1).load(&guest("")).unwrap();
    let written = std::fs::metadata(only_file(dir.path())).unwrap().modified().unwrap();
    let again = cached(dir.path(), 1).load(&guest("")).unwrap();
    assert_eq!(std::fs::metadata(only_file(dir.path())).unwrap().modified().unwrap(), written);
    let request = crate::testing::request(5);
    assert_eq!(first.evaluate(&request), again.evaluate(&request));
}

#[test]
fn a_damaged_or_foreign_file_in_the_cache_is_never_run_and_is_compiled_again() {
    let dir = tempfile::tempdir().unwrap();
    cached(dir.path(), 1).load(&guest("")).unwrap();
    let file = only_file(dir.path());
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for damaged in [flipped, whole[..whole.len() / 2].to_vec(), vec![], vec![0; 20]] {
        std::fs::write(&file, &damaged).unwrap();
        let plugin = cached(dir.path(), 1).load(&guest("")).unwrap();
        assert!(plugin.evaluate(&crate::testing::request(1)).is_ok());
        assert_ne!(std::fs::read(only_file(dir.path())).unwrap(), damaged);
    }
    // Another key knows the file for a stranger's.
    let ours = std::fs::read(&file).unwrap();
    cached(dir.path(), 2).load(&guest("")).unwrap();
    assert_ne!(std::fs::read(only_file(dir.path())).unwrap(), ours);
}

#[test]
fn the_engine_says_the_version_that_it_is() {
    let lock = include_str!("../../../../Cargo.lock");
    let wasmtime = lock.split("[[package]]").find(|package| package.contains("name = \"wasmtime\"\n")).unwrap();
    let version = crate::ENGINE_VERSION.strip_prefix("wasmtime ").unwrap();
    assert!(wasmtime.contains(&format!("version = \"{version}\"")), "{wasmtime}");
}
