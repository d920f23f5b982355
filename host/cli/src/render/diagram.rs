//! Graphviz and Mermaid.

use super::{Numbers, relation_name, title};
use fonds_runtime::lineage::{Answer, Node};
use std::fmt::Write as _;

/// A Graphviz graph, arrows from effect to cause as in PROV.
pub(crate) fn dot(answer: &Answer) -> String {
    let mut text = String::from("digraph lineage {\n  rankdir=RL;\n  node [fontname=\"sans-serif\"];\n");
    for (number, node) in answer.nodes.iter().enumerate() {
        let shape = match node {
            Node::Entity(_) => "ellipse",
            Node::Activity(_) => "box",
            Node::Agent(_) => "house",
        };
        let bold = if is_asked(answer, node) { ", penwidth=3" } else { "" };
        let _ = writeln!(text, "  n{number} [shape={shape}, label=\"{}\"{bold}];", quoted(&title(node)));
    }
    let numbers = Numbers::new(answer);
    for edge in &answer.edges {
        if let Some((from, to)) = numbers.ends(edge) {
            let _ = writeln!(text, "  n{from} -> n{to} [label=\"{}\"];", relation_name(edge.relation));
        }
    }
    text + "}\n"
}

/// A Mermaid flowchart, arrows from effect to cause as in PROV.
pub(crate) fn mermaid(answer: &Answer) -> String {
    let mut text = String::from("flowchart RL\n");
    for (number, node) in answer.nodes.iter().enumerate() {
        let label = escaped(&title(node));
        let _ = match node {
            Node::Entity(_) => writeln!(text, "  n{number}([\"{label}\"])"),
            Node::Activity(_) => writeln!(text, "  n{number}[\"{label}\"]"),
            Node::Agent(_) => writeln!(text, "  n{number}{{{{\"{label}\"}}}}"),
        };
    }
    let numbers = Numbers::new(answer);
    for edge in &answer.edges {
        if let Some((from, to)) = numbers.ends(edge) {
            let _ = writeln!(text, "  n{from} -->|{}| n{to}", relation_name(edge.relation));
        }
    }
    for (number, node) in answer.nodes.iter().enumerate() {
        if is_asked(answer, node) {
            let _ = writeln!(text, "  style n{number} stroke-width:4px");
        }
    }
    text
}

fn is_asked(answer: &Answer, node: &Node) -> bool {
    matches!(node, Node::Entity(entity) if entity.id == answer.entity)
}

/// A text within Graphviz's quotes.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A text within Mermaid's quotes: entities keep it from being read as markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '`' => out.push_str("#96;"),
            '\n' | '\r' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_their_quotes() {
        assert_eq!(quoted("a\"]; b\\"), "a\\\"]; b\\\\");
        assert_eq!(escaped("a\"]<b>#`\n"), "a#quot;]#lt;b#gt;#35;#96; ");
    }
}
