//! What a policy answers: any bytes at all in its memory, lifted through the interface.

use fonds_model::{PartialDate, Unruled};
use fonds_policy::{Evaluator as _, Failure, Plugin, Request, State, Subject};
use fonds_wasm::{Engine, EngineOptions, Limits, component};
use std::sync::{Arc, LazyLock};
use wit_component::StringEncoding;

const WIT: &str = include_str!("../../wit/v0.1/policy.wit");
/// Where the answer lies in the guest's memory.
const ANSWER: u32 = 131_072;
const ANSWER_BYTES_MAX: usize = 4_096;

/// A retention policy whose answer is what its configuration spells, a byte in two letters.
fn guest() -> Vec<u8> {
    let text = format!(
        r#"(module
          (memory (export "memory") 4)
          (global $top (mut i32) (i32.const 65536))
          (data (i32.const 16) "tests" "0.1.0" "any" "any answer")
          ;; the manifest at 128: name, version, summary, reasons; its one reason at 160
          (data (i32.const 128) "\10\00\00\00\05\00\00\00" "\15\00\00\00\05\00\00\00" "\1a\00\00\00\03\00\00\00" "\a0\00\00\00\01\00\00\00"
                "\1a\00\00\00\03\00\00\00" "\1d\00\00\00\0a\00\00\00" "\00\00\00\00\00\00\00\00\00\00\00\00")
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
            (global.set $top (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
          (func (export "fonds:policy/plugin@0.1.0#describe") (result i32) (i32.const 128))
          ;; needs at 256, all zero: ok, and nothing
          (func (export "fonds:policy/plugin@0.1.0#configure") (param i32 i32) (result i32) (i32.const 256))
          (func $letter (param i32) (result i32) (i32.and (i32.sub (i32.load8_u (local.get 0)) (i32.const 97)) (i32.const 15)))
          (func (export "fonds:policy/retention@0.1.0#evaluate")
            (param i32 i32 i32) (param $from i32) (param $length i32) (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
            (local $i i32)
            (block $done (loop $next
              (br_if $done (i32.ge_u (local.get $i) (i32.shr_u (local.get $length) (i32.const 1))))
              (i32.store8 (i32.add (i32.const {ANSWER}) (local.get $i))
                (i32.or (i32.shl (call $letter (local.get $from)) (i32.const 4))
                        (call $letter (i32.add (local.get $from) (i32.const 1)))))
              (local.set $from (i32.add (local.get $from) (i32.const 2)))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br $next)))
            (i32.const {ANSWER})))"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_source("policy.wit", WIT).unwrap();
    let world = resolve.select_world(&[package], Some("retention-policy")).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    component::from_core_module(&module).unwrap()
}

static PLUGIN: LazyLock<Arc<dyn Plugin>> = LazyLock::new(|| {
    let engine = Engine::new(EngineOptions { cache_dir: None, cache_key: [7; 32], limits: Limits::default() }).unwrap();
    engine.load(&guest()).unwrap()
});

fn subject(number: usize) -> Subject {
    Subject {
        id: format!("permit/{number}"),
        kind: None,
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
    }
}

/// A fault, or a verdict a case; never anything else, and never the end of the host.
pub(crate) fn answers(bytes: &[u8]) -> bool {
    let Some((cases, bytes)) = bytes.split_first() else { return false };
    let bytes = &bytes[..bytes.len().min(ANSWER_BYTES_MAX)];
    let letters = |byte: &u8| [byte >> 4, byte & 15].map(|half| char::from(b'a' + half));
    let config: String = bytes.iter().flat_map(letters).collect();
    let cases = usize::from(cases % 4) + 1;
    let request = Request {
        as_of: PartialDate::parse("2026-11-21").unwrap(),
        config: config.as_str().into(),
        levels: ["public".to_owned()].into(),
        agencies: vec![],
        rules: vec![],
        subjects: (0..cases).map(subject).collect(),
    };
    match PLUGIN.evaluate(&request) {
        Ok(answer) => {
            assert_eq!(answer.verdicts.len(), cases);
            true
        }
        Err(Failure::Fault(fault)) => fault.detail.contains("nope"),
        Err(Failure::Aborted(why)) => panic!("an answer stopped the sweep: {why}"),
    }
}

pub(crate) fn answers_seeds() -> Vec<Vec<u8>> {
    let number = |value: u32| value.to_le_bytes().to_vec();
    let list = |cases: u32| [vec![0; 4], number(ANSWER + 16), number(cases), vec![0; 4]].concat();
    let reasons = |cases: u32| ANSWER + 16 + 44 * cases;
    // Until a date, review; one reason without a detail.
    let decision = |cases: u32| {
        let term = [number(0), number(2030), vec![1, 2, 0, 0], vec![0; 8]].concat();
        [term, number(1), vec![0; 12], number(reasons(cases)), number(1)].concat()
    };
    let because = || vec![0; 16];
    let answer = |cases: u32| {
        let decisions: Vec<u8> = (0..cases).flat_map(|_| decision(cases)).collect();
        [vec![cases as u8 - 1], list(cases), decisions, because()].concat()
    };
    let refusal = [vec![0], number(1), number(ANSWER + 16), number(4), vec![0; 4], b"nope".to_vec()].concat();
    vec![answer(1), answer(3), refusal]
}
