//! Folding and asking, against the plain model.

use super::plain::Plain;
use super::*;
use crate::lineage::{Graph, Scratch};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(&NAMES[..]), 0..3)
}

fn said() -> impl Strategy<Value = Said> {
    let state = prop::sample::select(vec![
        Some(RunState::Start),
        Some(RunState::Start),
        Some(RunState::Running),
        Some(RunState::Complete),
        Some(RunState::Complete),
        Some(RunState::Complete),
        Some(RunState::Fail),
        Some(RunState::Abort),
        Some(RunState::Other),
        None,
    ]);
    let activity = prop::sample::select(vec!["1", "2", "3", "4", "5"]);
    let name = || prop::sample::select(&NAMES[..]);
    let event = (activity, state, 0..12_i64, names(), names(), prop::option::weighted(0.1, name())).prop_map(
        |(activity, state, time, inputs, outputs, alias)| {
            let mut event = event(activity, state, time, &inputs, &outputs);
            if let (Some(alias), Some(first)) = (alias, event.inputs.first_mut()) {
                first.aliases.push(id(alias));
            }
            Said::Event(Box::new(event))
        },
    );
    prop_oneof![
        8 => event,
        1 => (name(), name(), 0..12_i64).prop_map(|(made, from, time)| Said::Derived(made.into(), from.into(), time)),
        1 => (0..30_u64).prop_map(Said::Annulled),
    ]
}

fn log() -> impl Strategy<Value = Vec<Said>> {
    prop::collection::vec(said(), 1..30)
}

fn as_map(answer: &Answer) -> BTreeMap<String, u32> {
    entities(answer).into_iter().map(|(name, depth)| (name.to_owned(), depth)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn an_answer_is_what_the_definition_says(log in log(), as_of in 0..30_usize, on in 0..14_i64, ever: bool) {
        let rows = folded(&log);
        let plain = Plain::of(&log, as_of, on);
        let mut downstream: BTreeMap<&str, BTreeMap<String, u32>> = BTreeMap::new();
        for name in NAMES {
            let mut question = up(name);
            (question.as_of, question.on, question.ever) = (Some(as_of as u64), Some(Timestamp(on)), ever);
            let found = ask(&rows, &question).unwrap();
            prop_assert_eq!(found.is_some(), plain.entities.contains(name));
            let Some(found) = found else { continue };
            prop_assert!(!found.truncated);
            let want = plain.upstream(name, ever);
            prop_assert_eq!(as_map(&found), want.clone());
            for (above, depth) in want {
                downstream.entry(NAMES[NAMES.iter().position(|name| *name == above).unwrap()]).or_default().insert(name.to_owned(), depth);
            }
            for depth_max in 0..4 {
                question.depth_max = depth_max;
                let cut = answer(&rows, &question);
                let mut want = plain.upstream(name, ever);
                let all = want.len();
                want.retain(|_, depth| *depth <= depth_max);
                prop_assert!(want.len() == all || cut.truncated);
                let near = super::super::ancestors(&rows, &id(name), depth_max, None).unwrap();
                prop_assert!(near.0.windows(2).all(|pair| (pair[0].1, &pair[0].0) < (pair[1].1, &pair[1].0)));
                prop_assert_eq!(as_map(&cut), want);
            }
        }
        for (name, want) in downstream {
            let mut question = down(name);
            (question.as_of, question.on, question.ever) = (Some(as_of as u64), Some(Timestamp(on)), ever);
            prop_assert_eq!(as_map(&answer(&rows, &question)), want);
        }
    }

    #[test]
    fn ancestors_say_that_there_are_more_exactly_when_there_are(log in log(), depth_max in 0..4_u32) {
        let rows = folded(&log);
        let plain = Plain::of(&log, usize::MAX - 1, i64::MAX);
        for name in NAMES {
            let (found, truncated) = super::super::ancestors(&rows, &id(name), depth_max, None).unwrap();
            let want = if plain.entities.contains(name) { plain.upstream(name, false) } else { BTreeMap::new() };
            let mut near: Vec<_> = want.iter().filter(|(other, depth)| **depth <= depth_max && *other != name).map(|(name, depth)| (*depth, id(name))).collect();
            near.sort();
            prop_assert_eq!(found, near.into_iter().map(|(depth, name)| (name, depth)).collect::<Vec<_>>());
            prop_assert_eq!(truncated, want.values().any(|depth| *depth > depth_max));
        }
    }

    #[test]
    fn edges_join_nodes_of_the_answer_and_every_node_hangs_on_one(log in log(), depth_max in 0..4_u32) {
        let rows = folded(&log);
        for name in NAMES {
            for direction in [Direction::Up, Direction::Down, Direction::Both] {
                let mut question = Question::new(id(name), direction);
                question.depth_max = depth_max;
                let Some(found) = ask(&rows, &question).unwrap() else { continue };
                let ids: Vec<&str> = found.nodes.iter().map(|node| match node {
                    Node::Entity(node) => node.id.as_str(),
                    Node::Activity(node) => node.id.as_str(),
                    Node::Agent(node) => node.id.as_str(),
                }).collect();
                prop_assert!(found.edges.iter().all(|edge| ids.contains(&&*edge.from) && ids.contains(&&*edge.to)));
                for node in ids {
                    prop_assert!(node == name || found.edges.iter().any(|edge| *edge.from == *node || *edge.to == *node), "{}", node);
                }
            }
        }
    }

    #[test]
    fn the_graph_in_memory_agrees_with_the_rows(log in log(), depth_max in 0..4_u32, ever: bool) {
        let rows = folded(&log);
        let graph = Graph::load(&rows).unwrap();
        let mut scratch = Scratch::default();
        for name in NAMES {
            let Some(node) = graph.find(&rows, &id(name)).unwrap() else { continue };
            for direction in [Direction::Up, Direction::Down, Direction::Both] {
                for depth_max in [depth_max, u32::MAX] {
                    let question = Question { depth_max, ever, ..Question::new(id(name), direction) };
                    let found = answer(&rows, &question);
                    let closure = graph.closure(&mut scratch, node, direction, depth_max, 1_000, ever).unwrap();
                    let activities = found.nodes.iter().filter(|node| matches!(node, Node::Activity(_))).count();
                    prop_assert_eq!((closure.activities, closure.truncated), (activities, found.truncated));
                    let named = closure.entities.iter().map(|(node, depth)| {
                        (graph.id_of(&rows, *node).unwrap().unwrap().to_string(), *depth)
                    });
                    prop_assert_eq!(named.collect::<BTreeMap<_, _>>(), as_map(&found));
                }
            }
        }
    }

    #[test]
    fn folding_again_from_any_point_changes_nothing(log in log(), from in 0..30_usize) {
        let rows = folded(&log);
        let mut again = rows.clone();
        let mut pending = Pending::over(&rows);
        for (said, seq) in log.iter().zip(0..).skip(from) {
            fold_one(&mut pending, seq, said);
        }
        let written = pending.into_written();
        again.apply(written);
        prop_assert_eq!(again, rows);
    }

    #[test]
    fn a_store_that_kept_only_the_first_rows_of_a_fold_catches_up(log in log(), before in 0..30_usize, kept in 0..60_usize) {
        let whole = folded(&log);
        let mut torn = folded(log.get(..before).unwrap_or(&log));
        let mut pending = Pending::over(&torn);
        for (said, seq) in log.iter().zip(0..).skip(before) {
            fold_one(&mut pending, seq, said);
        }
        let written: BTreeMap<_, _> = pending.into_written().into_iter().take(kept).collect();
        torn.apply(written);
        let mut pending = Pending::over(&torn);
        for (said, seq) in log.iter().zip(0..).skip(before) {
            fold_one(&mut pending, seq, said);
        }
        let written = pending.into_written();
        torn.apply(written);
        prop_assert_eq!(torn, whole);
    }
}
