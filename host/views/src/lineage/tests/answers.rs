//! Answers that a person can check by hand.

use super::*;
use crate::lineage::{Left, Relation};
use RunState::{Abort, Complete, Fail, Running, Start};

#[test]
fn what_fed_an_input_only_after_it_was_read_is_no_ancestor() {
    let rows = folded(&[
        run("x", Complete, 5, &["old"], &["b"]),
        run("r", Start, 10, &["b"], &[]),
        run("y", Complete, 15, &["c"], &["b"]),
        run("r", Complete, 20, &[], &["a"]),
    ]);
    assert_eq!(entities(&answer(&rows, &up("a"))), [("a", 0), ("b", 1), ("old", 2)]);
    assert_eq!(entities(&answer(&rows, &down("c"))), [("c", 0), ("b", 1)]);
    let ever = Question { ever: true, ..up("a") };
    assert_eq!(entities(&answer(&rows, &ever)), [("a", 0), ("b", 1), ("c", 2), ("old", 2)]);
}

#[test]
fn a_run_claims_outputs_only_once_it_is_complete() {
    for state in [Start, Running, Fail, Abort] {
        let rows = folded(&[run("r", Start, 1, &["in"], &["out"]), run("r", state, 2, &["in"], &["out"])]);
        assert_eq!(entities(&answer(&rows, &up("out"))), [("out", 0)], "{state:?}");
        assert_eq!(entities(&answer(&rows, &down("in"))), [("in", 0)], "{state:?}");
    }
    let rows = folded(&[
        run("r", Start, 1, &["in"], &["out"]),
        run("r", Complete, 2, &[], &[]),
        run("r", Fail, 3, &[], &["not"]),
    ]);
    let found = answer(&rows, &up("out"));
    assert_eq!(entities(&found), [("out", 0), ("in", 1)]);
    let edges: Vec<_> = found.edges.iter().map(|e| (&*e.from, &*e.to, e.relation, e.seq, e.at.0)).collect();
    assert_eq!(edges, [("out", "run:r", Relation::WasGeneratedBy, 1, 2), ("run:r", "in", Relation::Used, 0, 1)]);
    assert_eq!(entities(&answer(&rows, &up("not"))), [("not", 0)]);
    let before = Question { as_of: Some(0), ..up("out") };
    assert_eq!(entities(&answer(&rows, &before)), [("out", 0)]);
}

#[test]
fn an_annulled_event_counts_no_more_and_an_annulled_annulment_brings_it_back() {
    let mut log = vec![run("r", Complete, 1, &["in"], &["out"]), Said::Annulled(0)];
    assert_eq!(entities(&answer(&folded(&log), &up("out"))), [("out", 0)]);
    let before = Question { as_of: Some(0), ..up("out") };
    assert_eq!(entities(&answer(&folded(&log), &before)), [("out", 0), ("in", 1)]);
    log.push(Said::Annulled(1));
    assert_eq!(entities(&answer(&folded(&log), &up("out"))), [("out", 0), ("in", 1)]);
}

#[test]
fn facets_make_derivations_informants_owners_aliases_and_columns() {
    let mut first = event("r", Some(Complete), 10, &["in"], &["new"]);
    first.outputs[0].change = Some(fonds_model::openlineage::Change::Rename(id("previous")));
    first.outputs[0].aliases.push(id("glue/new"));
    first.outputs[0].owners.push(Owner { name: "team:permits".into(), kind: None });
    first.informed.push(("run:r".into(), "run:q".into()));
    first.columns.push(ColumnEdge {
        to: id("new"),
        to_field: "x".into(),
        from: id("in"),
        from_field: "y".into(),
        how: "DIRECT/IDENTITY".into(),
    });
    let mut earlier = event("q", Some(Complete), 5, &["far"], &[]);
    earlier.activity.as_mut().unwrap().owners.push(Owner { name: "user:jane".into(), kind: None });
    let rows = folded(&[earlier, first.clone(), first].map(|event| Said::Event(Box::new(event))));
    let found = answer(&rows, &Question { columns: true, ..up("glue/new") });
    assert_eq!(entities(&found), [("glue/new", 0), ("new", 0), ("far", 1), ("in", 1), ("previous", 1)]);
    let edges: Vec<_> = found.edges.iter().map(|e| (&*e.from, &*e.to, e.relation)).collect();
    assert_eq!(
        edges,
        [
            ("glue/new", "new", Relation::AlternateOf),
            ("new", "previous", Relation::WasDerivedFrom),
            ("new", "run:r", Relation::WasGeneratedBy),
            ("new", "team:permits", Relation::WasAttributedTo),
            ("run:q", "far", Relation::Used),
            ("run:q", "user:jane", Relation::WasAssociatedWith),
            ("run:r", "in", Relation::Used),
            ("run:r", "run:q", Relation::WasInformedBy),
        ]
    );
    let columns: Vec<_> = found
        .columns
        .iter()
        .map(|c| (c.from.as_str(), c.from_field.as_str(), c.to.as_str(), c.to_field.as_str()))
        .collect();
    assert_eq!(columns, [("new", "x", "in", "y")]);
    assert_eq!(found.columns[0].seq, 1);
}

#[test]
fn a_bound_on_nodes_or_depth_is_kept_and_said() {
    let inputs: Vec<String> = (0..50).map(|n| format!("in{n}")).collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let rows = folded(&[run("q", Complete, 1, &["z"], &["in7"]), run("r", Complete, 2, &inputs, &["out"])]);
    let few = answer(&rows, &Question { nodes_max: 10, ..up("out") });
    assert_eq!((few.nodes.len(), few.truncated, few.cut.as_slice()), (10, true, &[Left::Nodes][..]));
    let near = answer(&rows, &Question { depth_max: 1, ..up("out") });
    assert_eq!((entities(&near).len(), near.truncated, near.cut.as_slice()), (51, true, &[Left::Depth][..]));
    let all = answer(&rows, &Question { depth_max: 2, ..up("out") });
    assert_eq!((entities(&all).len(), all.truncated), (52, false));
}

#[test]
fn an_event_writes_few_rows() {
    let mut base = MemoryRows::default();
    let log = [
        run("0", Complete, 1, &["a", "b", "c"], &["d", "e"]),
        run("1", Start, 2, &["a", "b", "c"], &["d", "e"]),
        run("1", Complete, 3, &["a", "b", "c"], &["d", "e"]),
    ];
    let mut counts = Vec::new();
    for (said, seq) in log.iter().zip(0..) {
        let mut pending = Pending::over(&base);
        fold_one(&mut pending, seq, said);
        counts.push(pending.len());
        let written = pending.into_written();
        base.apply(written);
    }
    // A run that is new costs its name, its list and a row each dataset; what is said of it later, one row.
    assert_eq!(counts[1..], [7, 1], "the first, with all its names: {}", counts[0]);
}

#[test]
fn the_json_is_the_one_that_programs_read() {
    let mut event = event("r", Some(Complete), 1, &["in"], &["out"]);
    (event.inputs[0].namespace, event.inputs[0].name, event.inputs[0].id) = ("ns".into(), "t".into(), id("ns/t"));
    let rows = folded(&[Said::Event(Box::new(event))]);
    let json = serde_json::to_value(answer(&rows, &up("out"))).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "entity": "out", "truncated": false, "cut": [],
            "nodes": [
                {"type": "entity", "depth": 0, "id": "out", "namespace": "", "name": "out"},
                {"type": "activity", "depth": 0, "id": "run:r", "job": "ns/j", "state": "complete",
                 "started": "1970-01-01T00:00:00.000001Z", "completed": "1970-01-01T00:00:00.000001Z"},
                {"type": "entity", "depth": 1, "id": "ns/t", "namespace": "ns", "name": "t"},
            ],
            "edges": [
                {"from": "out", "to": "run:r", "relation": "wasGeneratedBy", "seq": 0, "at": "1970-01-01T00:00:00.000001Z"},
                {"from": "run:r", "to": "ns/t", "relation": "used", "seq": 0, "at": "1970-01-01T00:00:00.000001Z"},
            ],
        })
    );
}

#[test]
fn nodes_are_numbered_by_where_the_log_named_them_first() {
    assert_eq!(NodeId::new(Position { seq: 3, item: 1 }, 9).unwrap().born(), Position { seq: 3, item: 1 });
}
