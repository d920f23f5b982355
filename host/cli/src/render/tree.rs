//! Lineage as an indented tree.

use super::Numbers;
use crate::output::{Screen, Tone};
use fonds_runtime::lineage::{Answer, Direction, Node, Relation};
use std::collections::BTreeSet;

/// So many lines a person can read; the other views have all.
const LINES_MAX: usize = 2_000;

/// A step from an entity to the next one away from what was asked about: by a run or job, or none.
struct Step {
    to: usize,
    by: Option<usize>,
}

/// The tree of what it was made from, and of what was made from it.
pub(crate) fn lineage(screen: &Screen, answer: &Answer, direction: Direction) -> String {
    let mut text = String::new();
    let start = answer.nodes.iter().position(|node| matches!(node, Node::Entity(entity) if entity.id == answer.entity));
    for (way, heading, up) in [(Direction::Up, "made from", true), (Direction::Down, "made into", false)] {
        if direction != way && direction != Direction::Both {
            continue;
        }
        let mut branch =
            Branch { screen, answer, steps: steps(answer, up), seen: BTreeSet::new(), text: String::new(), lines: 0 };
        text += &format!("{} {}\n", screen.paint(Tone::Name, &answer.entity), screen.paint(Tone::Quiet, heading));
        if let Some(start) = start {
            branch.seen.insert(start);
            branch.grow(start, "");
        }
        if branch.lines == 0 {
            branch.text += "└─ nothing that the log knows of\n";
        }
        if branch.lines >= LINES_MAX {
            branch.text += "… and more: use --view json\n";
        }
        text += &branch.text;
    }
    text + &agents(screen, answer)
}

/// For each entity the next ones, up or down.
fn steps(answer: &Answer, up: bool) -> Vec<Vec<Step>> {
    let numbers = Numbers::new(answer);
    let mut steps: Vec<Vec<Step>> = answer.nodes.iter().map(|_| Vec::new()).collect();
    // Of each activity the entities on its far side: what it used, or what it generated.
    let mut far: Vec<Vec<usize>> = answer.nodes.iter().map(|_| Vec::new()).collect();
    let near_relation = if up { Relation::WasGeneratedBy } else { Relation::Used };
    let far_relation = if up { Relation::Used } else { Relation::WasGeneratedBy };
    let ends = |edge| numbers.ends(edge);
    for edge in answer.edges.iter().filter(|edge| edge.relation == far_relation) {
        if let Some((from, to)) = ends(edge) {
            let (activity, entity) = if up { (from, to) } else { (to, from) };
            if let Some(far) = far.get_mut(activity) {
                far.push(entity);
            }
        }
    }
    for edge in &answer.edges {
        let Some((from, to)) = ends(edge) else { continue };
        if edge.relation == near_relation {
            let (entity, activity) = if up { (from, to) } else { (to, from) };
            for next in far.get(activity).into_iter().flatten() {
                push(&mut steps, entity, Step { to: *next, by: Some(activity) });
            }
        } else if edge.relation == Relation::WasDerivedFrom {
            let (near, next) = if up { (from, to) } else { (to, from) };
            push(&mut steps, near, Step { to: next, by: None });
        }
    }
    steps
}

fn push(steps: &mut [Vec<Step>], at: usize, step: Step) {
    if let Some(steps) = steps.get_mut(at)
        && !steps.iter().any(|known| known.to == step.to && known.by == step.by)
    {
        steps.push(step);
    }
}

struct Branch<'a> {
    screen: &'a Screen,
    answer: &'a Answer,
    steps: Vec<Vec<Step>>,
    seen: BTreeSet<usize>,
    text: String,
    lines: usize,
}

impl Branch<'_> {
    /// Everything beyond an entity; one that was shown before is named and not unfolded again.
    fn grow(&mut self, root: usize, indent: &str) {
        let mut todo: Vec<(usize, Option<usize>, String, bool)> = self.children(root, indent);
        while let Some((to, by, indent, last)) = todo.pop() {
            if self.lines >= LINES_MAX {
                return;
            }
            self.lines += 1;
            let again = !self.seen.insert(to);
            let by = by
                .and_then(|by| self.answer.nodes.get(by))
                .map_or_else(String::new, |by| format!(" by {}", super::title(by)));
            let name = self.answer.nodes.get(to).map_or_else(String::new, super::title);
            let more =
                if again && self.steps.get(to).is_some_and(|steps| !steps.is_empty()) { " (see above)" } else { "" };
            let (arm, next) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            self.text += &format!("{indent}{arm}{name}{}\n", self.screen.paint(Tone::Quiet, &format!("{by}{more}")));
            if !again {
                todo.extend(self.children(to, &format!("{indent}{next}")));
            }
        }
    }

    /// The steps from an entity, last first, as a stack takes them.
    fn children(&self, of: usize, indent: &str) -> Vec<(usize, Option<usize>, String, bool)> {
        let steps = self.steps.get(of).map(Vec::as_slice).unwrap_or_default();
        let last = steps.len().saturating_sub(1);
        steps
            .iter()
            .enumerate()
            .rev()
            .map(|(index, step)| (step.to, step.by, indent.to_owned(), index == last))
            .collect()
    }
}

fn agents(screen: &Screen, answer: &Answer) -> String {
    let named: Vec<&str> = answer.nodes.iter().filter(|node| matches!(node, Node::Agent(_))).map(super::id).collect();
    if named.is_empty() {
        String::new()
    } else {
        screen.paint(Tone::Quiet, &format!("agents: {}", named.join(", "))) + "\n"
    }
}
