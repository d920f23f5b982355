use crate::testing::{WIT, engine, plugin, request};
use crate::{Engine, EngineOptions, Limits};
use fonds_model::decision::{Because, FaultKind, Retention, Term, Verdict, World};
use fonds_model::{Action, Digest, PartialDate};
use fonds_policy::{Evaluator, Failure};
use sha2::{Digest as _, Sha256};

/// What a body of `evaluate` comes to; a fault must be the same each time.
fn fault_of(evaluate: &str, limits: Limits) -> (FaultKind, String) {
    let plugin = plugin(evaluate, limits);
    let asked = || match plugin.evaluate(&request(3)) {
        Err(Failure::Fault(fault)) => (fault.kind, fault.detail),
        other => panic!("{other:?}"),
    };
    let (first, again) = (asked(), asked());
    assert_eq!(first, again);
    assert!(!first.1.is_empty() && first.1.len() <= 500 && !first.1.contains("0x"), "{}", first.1);
    first
}

fn kind_of(evaluate: &str) -> FaultKind {
    fault_of(evaluate, Limits { fuel: 2_000_000, ..Limits::default() }).0
}

#[test]
fn interface_0_1_is_frozen() {
    let digest = Digest(Sha256::digest(WIT).into()).to_hex();
    let frozen = "ebb283922fa84386d1aab2e8b9e86f2f4680db45b3b0a7576a60ffdd65e460d4";
    assert_eq!(digest, frozen, "plugins were built against wit/v0.1; a change needs a new folder");
}

#[test]
fn a_policy_says_what_it_is_and_decides_every_case_with_its_reasons_by_code() {
    let plugin = plugin("", Limits::default());
    let manifest = plugin.manifest();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("tests", "0.1.0"));
    assert_eq!((manifest.world, manifest.interface.as_str()), (World::Retention, "0.1"));
    let answer = plugin.evaluate(&request(255)).unwrap();
    let want = Verdict::Retention(Retention {
        term: Term::Until(PartialDate::parse("2030-01-02").unwrap()),
        action: Action::Destroy,
        not_after: None,
        reasons: vec![Because { code: "fixed-date".into(), detail: None }],
    });
    assert_eq!(answer.verdicts, vec![want; 255]);
    assert!(answer.fuel > 0 && answer.fuel < 100_000, "{}", answer.fuel);
    assert_eq!(plugin.evaluate(&request(255)).unwrap(), answer, "the same question, the same answer and the same fuel");
}

#[test]
fn a_configuration_that_the_policy_refuses_is_no_fault() {
    let plugin = plugin("", Limits::default());
    assert_eq!(plugin.configure("").unwrap().unwrap().ancestors, 0);
    assert_eq!(plugin.configure("x = 1").unwrap(), Err("nope".to_owned()));
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    assert_eq!(kind_of("(loop $again (br $again))"), FaultKind::Fuel);
}

#[test]
fn filling_memory_over_and_over_costs_fuel_by_the_byte() {
    let fill = "(loop $again (memory.fill (i32.const 65536) (i32.const 1) (i32.const 900000)) (br $again))";
    let started = std::time::Instant::now();
    assert_eq!(fault_of(fill, Limits::default()).0, FaultKind::Fuel);
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn a_trap_is_a_trap_and_an_endless_recursion_a_stack_fault() {
    assert_eq!(kind_of("unreachable"), FaultKind::Trap);
    assert_eq!(fault_of("(drop (call $deeper (i32.const 0)))", Limits::default()).0, FaultKind::Stack);
}

#[test]
fn asking_for_more_memory_than_a_call_may_have_is_a_memory_fault() {
    assert_eq!(kind_of("(drop (memory.grow (i32.const 60000)))"), FaultKind::Memory);
    assert_eq!(kind_of("(loop $again (drop (memory.grow (i32.const 10))) (br $again))"), FaultKind::Memory);
}

#[test]
fn an_answer_longer_than_it_may_be_is_a_fault_even_when_its_text_is_aliased() {
    // An error text that is the whole memory.
    let limits = Limits { answer_bytes: 100_000, ..Limits::default() };
    let whole = "(i32.store8 (i32.const 448) (i32.const 1)) (i32.store (i32.const 452) (i32.const 0)) (i32.store (i32.const 456) (i32.const 1000000))";
    assert_eq!(fault_of(whole, limits).0, FaultKind::AnswerTooLong);
    // More decisions than fit, all in the same bytes.
    let many = "(i32.store (i32.const 456) (i32.const 20000))";
    assert_eq!(fault_of(many, limits).0, FaultKind::AnswerTooLong);
}

#[test]
fn an_answer_that_is_none_is_malformed() {
    let few = fault_of("(i32.store (i32.const 456) (i32.const 2))", Limits::default());
    assert_eq!(few, (FaultKind::AnswerMalformed, "2 decisions for 3 cases".to_owned()));
    let reason = fault_of("(i32.store (i32.const 384) (i32.const 7))", Limits::default());
    assert_eq!(reason, (FaultKind::AnswerMalformed, "reason 7 is none of the manifest's 1".to_owned()));
    let date = fault_of(
        "(i32.store8 offset=9 (i32.load (i32.const 452)) (i32.const 30)) (i32.store8 offset=8 (i32.load (i32.const 452)) (i32.const 2))",
        Limits::default(),
    );
    assert_eq!(date.0, FaultKind::AnswerMalformed);
    assert!(date.1.starts_with("2030-2-30 is no date"), "{}", date.1);
    // A list beyond the memory, a variant that does not exist, text that is no UTF-8.
    assert_eq!(kind_of("(i32.store (i32.const 452) (i32.const -64))"), FaultKind::AnswerMalformed);
    assert_eq!(kind_of("(i32.store8 (i32.load (i32.const 452)) (i32.const 9))"), FaultKind::AnswerMalformed);
    let text = "(i32.store8 (i32.const 448) (i32.const 1)) (i32.store8 (i32.const 600) (i32.const 255)) (i32.store (i32.const 452) (i32.const 600)) (i32.store (i32.const 456) (i32.const 1))";
    assert_eq!(kind_of(text), FaultKind::AnswerMalformed);
}

#[test]
fn a_policy_that_answers_with_an_error_has_refused() {
    let refused = "(i32.store8 (i32.const 448) (i32.const 1)) (i32.store (i32.const 452) (i32.const 55)) (i32.store (i32.const 456) (i32.const 4))";
    assert_eq!(fault_of(refused, Limits::default()), (FaultKind::Refused, "nope".to_owned()));
}

#[test]
fn the_wall_clock_aborts_and_is_never_a_decision() {
    let limits = Limits { fuel: u64::MAX, wall_clock_ms: 100, ..Limits::default() };
    let plugin = plugin("(loop $again (br $again))", limits);
    assert!(matches!(plugin.evaluate(&request(1)), Err(Failure::Aborted(_))));
}

#[test]
fn a_limit_that_makes_no_sense_is_refused_with_its_range() {
    let limits = Limits { stack_bytes: 1 << 30, ..Limits::default() };
    let refused = Engine::new(EngineOptions { cache_dir: None, cache_key: [0; 32], limits }).unwrap_err();
    assert!(refused.to_string().contains("stack_bytes"), "{refused}");
}

#[test]
fn a_policy_never_sees_what_an_earlier_call_left_behind() {
    // It traps on whatever the last call wrote.
    let plugin = plugin(
        "(if (i32.load (i32.const 4096)) (then unreachable)) (i32.store (i32.const 4096) (i32.const 1))",
        Limits::default(),
    );
    assert!(plugin.evaluate(&request(1)).is_ok() && plugin.evaluate(&request(1)).is_ok());
}

#[test]
fn every_world_of_the_interface_has_the_types_that_the_host_speaks() {
    let engine = engine(Limits::default());
    for (world, exports) in [
        ("retention-policy", "retention"),
        ("classification-policy", "classification"),
        ("archival-policy", "archival"),
    ] {
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve.push_source("policy.wit", WIT).unwrap();
        let id = resolve.select_world(&[package], Some(world)).unwrap();
        let mangling = wit_parser::ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync);
        let mut module = wit_component::dummy_module(&resolve, id, mangling);
        wit_component::embed_component_metadata(&mut module, &resolve, id, wit_component::StringEncoding::UTF8, false)
            .unwrap();
        let component = crate::component::from_core_module(&module).unwrap();
        let inspected = crate::component::inspect(&component).unwrap();
        assert_eq!((inspected.world.map(World::as_str), inspected.interface.as_deref()), (Some(exports), Some("0.1")));
        // It has the right types, and traps as soon as it is asked what it is.
        let Err(fault) = engine.load(&component) else { panic!("a dummy says nothing of itself") };
        assert_eq!(fault.kind, FaultKind::Trap, "{world}: {fault}");
    }
}
