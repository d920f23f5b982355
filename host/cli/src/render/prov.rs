//! W3C PROV-JSON (<https://www.w3.org/submissions/prov-json/>).

use super::{Numbers, id};
use fonds_runtime::lineage::{Answer, Node, Relation};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The namespace of the ids: what stands after the prefix is an id, percent-encoded.
const NAMESPACE: &str = "urn:fonds:";

/// The answer as a PROV-JSON document.
///
/// An id becomes a qualified name: its text is percent-encoded, since a qualified name may hold no spaces, quotes or
/// slashes of its own; `prov:label` has it as it is.
pub(crate) fn json(answer: &Answer) -> std::io::Result<String> {
    let prefix = json!({
        "entity": format!("{NAMESPACE}entity:"),
        "activity": format!("{NAMESPACE}activity:"),
        "agent": format!("{NAMESPACE}agent:"),
        "fonds": NAMESPACE,
    });
    let mut sections: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for node in &answer.nodes {
        let (section, attributes) = described(node);
        sections.entry(section).or_default().insert(name(node), attributes);
    }
    let numbers = Numbers::new(answer);
    for (number, edge) in answer.edges.iter().enumerate() {
        let Some((from, to)) = numbers.ends(edge) else { continue };
        let (Some(from), Some(to)) = (answer.nodes.get(from), answer.nodes.get(to)) else { continue };
        let (section, from_role, to_role) = roles(edge.relation);
        let mut relation = Map::new();
        relation.insert(format!("prov:{from_role}"), name(from).into());
        relation.insert(format!("prov:{to_role}"), name(to).into());
        if matches!(edge.relation, Relation::Used | Relation::WasGeneratedBy) {
            relation.insert("prov:time".to_owned(), edge.at.to_string().into());
        }
        relation.insert("fonds:seq".to_owned(), json!({ "$": edge.seq.to_string(), "type": "xsd:long" }));
        sections.entry(section).or_default().insert(format!("_:r{number}"), Value::Object(relation));
    }
    let mut document = Map::from_iter([("prefix".to_owned(), prefix)]);
    document.extend(sections.into_iter().map(|(name, section)| (name.to_owned(), Value::Object(section))));
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn described(node: &Node) -> (&'static str, Value) {
    match node {
        Node::Entity(entity) => ("entity", json!({ "prov:label": entity.id })),
        Node::Activity(activity) => {
            let mut attributes = Map::new();
            attributes.insert("prov:label".to_owned(), super::title(node).into());
            if let Some(started) = activity.started {
                attributes.insert("prov:startTime".to_owned(), started.to_string().into());
            }
            if let Some(completed) = activity.completed {
                attributes.insert("prov:endTime".to_owned(), completed.to_string().into());
            }
            ("activity", Value::Object(attributes))
        }
        Node::Agent(agent) => ("agent", json!({ "prov:label": agent.id })),
    }
}

/// PROV-JSON's section and the names of both ends, effect first.
fn roles(relation: Relation) -> (&'static str, &'static str, &'static str) {
    match relation {
        Relation::Used => ("used", "activity", "entity"),
        Relation::WasGeneratedBy => ("wasGeneratedBy", "entity", "activity"),
        Relation::WasDerivedFrom => ("wasDerivedFrom", "generatedEntity", "usedEntity"),
        Relation::WasInformedBy => ("wasInformedBy", "informed", "informant"),
        Relation::WasAssociatedWith => ("wasAssociatedWith", "activity", "agent"),
        Relation::WasAttributedTo => ("wasAttributedTo", "entity", "agent"),
        Relation::AlternateOf => ("alternateOf", "alternate1", "alternate2"),
    }
}

/// `prefix:local`, the local part percent-encoded.
fn name(node: &Node) -> String {
    let prefix = match node {
        Node::Entity(_) => "entity",
        Node::Activity(_) => "activity",
        Node::Agent(_) => "agent",
    };
    format!("{prefix}:{}", encoded(id(node)))
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn a_local_name_holds_nothing_that_a_qualified_name_may_not() {
        assert_eq!(encoded("postgres://db:5432/a b\"é"), "postgres%3A%2F%2Fdb%3A5432%2Fa%20b%22%C3%A9");
    }
}
