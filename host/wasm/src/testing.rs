//! Guests for tests, written by hand: a retention policy whose `evaluate` is whatever a test wants it to be.

use crate::{Engine, EngineOptions, Limits};
use fonds_model::{PartialDate, Unruled};
use fonds_policy::{Evaluator, Plugin, Request, State, Subject};
use std::sync::Arc;
use wit_component::StringEncoding;

pub(crate) const WIT: &str = include_str!("../../../wit/v0.1/policy.wit");

/// A component of the retention world. `$n` is the number of cases; `$answer` gives `n` decisions of one date.
pub(crate) fn guest(evaluate: &str) -> Vec<u8> {
    crate::component::from_core_module(&core(&format!("(call $until (local.get $n)) {evaluate}"), "")).unwrap()
}

/// The core module of such a component. It answers `until 2030-01-02, destroy`, one reason, unless the body says otherwise.
pub(crate) fn core(evaluate: &str, more: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          {more}
          (memory (export "memory") 16)
          (global $top (mut i32) (i32.const 65536))
          (data (i32.const 16) "tests" "0.1.0" "fixed-date" "always the same day" "nope")
          ;; the manifest at 128: name, version, summary, reasons; its one reason at 160
          (data (i32.const 128) "\10\00\00\00\05\00\00\00" "\15\00\00\00\05\00\00\00" "\24\00\00\00\13\00\00\00" "\a0\00\00\00\01\00\00\00"
                "\1a\00\00\00\0a\00\00\00" "\24\00\00\00\13\00\00\00" "\00\00\00\00\00\00\00\00\00\00\00\00")
          ;; needs at 256: ok, no history, no ancestors, no attributes
          (data (i32.const 256) "\00\00\00\00" "\00\00\00\00\00\00\00\00" "\00\00\00\00" "\00\00\00\00\00\00\00\00")
          ;; an error at 320, `nope`
          (data (i32.const 320) "\01\00\00\00" "\37\00\00\00\04\00\00\00")
          ;; a reason given at 384: index 0, no detail
          (data (i32.const 384) "\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
          (func $alloc (param $size i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
            (global.set $top (i32.add (local.get $at) (local.get $size)))
            (local.get $at))
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $alloc (local.get 3)))
          (func (export "fonds:policy/plugin@0.1.0#describe") (result i32) (i32.const 128))
          (func (export "fonds:policy/plugin@0.1.0#configure") (param i32 i32) (result i32)
            (if (result i32) (i32.eqz (local.get 1)) (then (i32.const 256)) (else (i32.const 320))))
          ;; the answer at 448; a decision is 44 bytes
          (func $until (param $n i32) (local $at i32) (local $i i32)
            (i32.store8 (i32.const 448) (i32.const 0))
            (i32.store (i32.const 452) (local.tee $at (call $alloc (i32.mul (local.get $n) (i32.const 44)))))
            (i32.store (i32.const 456) (local.get $n))
            (block $done (loop $next
              (br_if $done (i32.eq (local.get $i) (local.get $n)))
              (i32.store8 (local.get $at) (i32.const 0))
              (i32.store offset=4 (local.get $at) (i32.const 2030))
              (i32.store8 offset=8 (local.get $at) (i32.const 1))
              (i32.store8 offset=9 (local.get $at) (i32.const 2))
              (i32.store8 offset=20 (local.get $at) (i32.const 0))
              (i32.store8 offset=24 (local.get $at) (i32.const 0))
              (i32.store offset=36 (local.get $at) (i32.const 384))
              (i32.store offset=40 (local.get $at) (i32.const 1))
              (local.set $at (i32.add (local.get $at) (i32.const 44)))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br $next))))
          (func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (i32.add (local.get 0) (i32.const 1)))))
          (func (export "fonds:policy/retention@0.1.0#evaluate")
            (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (param $n i32) (result i32)
            {evaluate}
            (i32.const 448)))"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_source("policy.wit", WIT).unwrap();
    let world = resolve.select_world(&[package], Some("retention-policy")).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    module
}

pub(crate) fn engine(limits: Limits) -> Engine {
    Engine::new(EngineOptions { cache_dir: None, cache_key: [7; 32], limits }).unwrap()
}

pub(crate) fn plugin(evaluate: &str, limits: Limits) -> Arc<dyn Plugin> {
    engine(limits).load(&guest(evaluate)).unwrap()
}

pub(crate) fn request(cases: usize) -> Request {
    let subject = |number: usize| Subject {
        id: format!("permit/{number}"),
        kind: Some("case-file".into()),
        state: State::Closed,
        agency: None,
        series: None,
        rule: Err(Unruled::Unscheduled),
        started: vec![],
        marks: vec![],
        label: None,
        barrier: false,
        retention: None,
        attributes: vec![],
        history: vec![],
        ancestors: vec![],
        ancestors_truncated: false,
    };
    Request {
        as_of: PartialDate::parse("2026-11-21").unwrap(),
        config: "".into(),
        levels: ["public".to_owned()].into(),
        agencies: vec![],
        rules: vec![],
        subjects: (0..cases).map(subject).collect(),
    }
}
