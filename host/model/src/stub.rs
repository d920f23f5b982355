//! What stays of a payload when its content is erased: who, when and where from, and no title, text or attribute.

use crate::body::{self, Who};
use crate::{Envelope, Format, Kind};
use serde::Serialize;
use serde_json::{Map, Value};

/// The keys of an OpenLineage event that say which entities and activities it joins; all others are content.
const LINEAGE_KEYS: [&str; 23] = [
    "eventTime",
    "eventType",
    "producer",
    "run",
    "runId",
    "job",
    "dataset",
    "namespace",
    "name",
    "inputs",
    "outputs",
    "facets",
    "parent",
    "symlinks",
    "identifiers",
    "type",
    "lifecycleStateChange",
    "previousIdentifier",
    "lineage",
    "entries",
    "_deleted",
    "root",
    "schemaURL",
];

/// Fields that a correction may put right and that are content: a stub keeps the others.
const CONTENT_FIELDS: [&str; 7] = ["title", "attributes", "name", "location", "superseded_by", "format", "what"];

/// Whether a correction of this field says nothing that an erasure removes.
fn keeps_field(field: &str) -> bool {
    body::CORRECTABLE.contains(&field) && !CONTENT_FIELDS.contains(&field)
}

/// Whether an entry of this kind can be erased at all: what producers sent, and nothing of the host's own.
#[must_use]
pub fn is_erasable(kind: Kind) -> bool {
    kind.producer_may_send()
}

/// The payload that stands in the place of an erased one; `None` when nothing of it can be kept.
#[must_use]
pub fn of(kind: Kind, payload: &[u8]) -> Option<Vec<u8>> {
    let (envelope, body) = Envelope::split(payload).ok()?;
    let is_lineage = envelope.format == Format::OpenLineage;
    let kept = Envelope {
        format: if is_lineage { Format::OpenLineage } else { Format::Fonds },
        source: None,
        id: None,
        by: None,
        ..envelope.clone()
    };
    let body = if is_lineage { of_lineage(body)? } else { of_body(kind, &envelope, body)? };
    Some(kept.with_body(&body))
}

fn of_lineage(body: &[u8]) -> Option<Vec<u8>> {
    fn keep(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                let kept = fields.into_iter().filter(|(key, _)| LINEAGE_KEYS.contains(&key.as_str()));
                Value::Object(kept.map(|(key, value)| (key, keep(value))).collect::<Map<_, _>>())
            }
            Value::Array(items) => Value::Array(items.into_iter().map(keep).collect()),
            other => other,
        }
    }
    serde_json::to_vec(&keep(serde_json::from_slice(body).ok()?)).ok()
}

/// The ground that it rested on; not who, nor why.
fn ground(who: &Who) -> Who {
    Who { authority: who.authority.clone(), ..Who::default() }
}

fn of_body(kind: Kind, envelope: &Envelope, body: &[u8]) -> Option<Vec<u8>> {
    fn json<T: Serialize>(body: &T) -> Option<Vec<u8>> {
        serde_json::to_vec(body).ok()
    }
    macro_rules! stub {
        ($type:ident $(, $field:ident)*) => {{
            let mut stub = body::parse::<body::$type>(kind, envelope.format, body).ok()?;
            stub.who = ground(&stub.who);
            $(stub.$field = Default::default();)*
            json(&stub)
        }};
    }
    match kind {
        Kind::RecordCreated | Kind::RecordCaptured => stub!(Created, title, attributes, content),
        Kind::RecordFiled => stub!(Filed),
        Kind::RecordClassified => stub!(Classified),
        Kind::RecordLabelled => stub!(Labelled),
        Kind::RecordModified => stub!(Modified, title, attributes, content),
        Kind::RecordAccessed | Kind::RecordShared => stub!(Accessed, with, purpose),
        Kind::RecordClosed | Kind::RecordReopened => stub!(Closed),
        Kind::RecordSuperseded => stub!(Superseded),
        Kind::RecordEvent => stub!(Happened, attributes),
        Kind::RecordMoved => stub!(Moved, location, content),
        Kind::RecordMigrated => stub!(Migrated, format, content),
        Kind::RecordFixityChecked => stub!(FixityChecked, digest, location, size, expected, detail),
        Kind::RecordLossReported => stub!(LossReported, what),
        Kind::EntryCorrected => {
            let body = body::parse::<body::Corrected>(kind, envelope.format, body).ok()?;
            let new = if keeps_field(&body.field) { body.new.clone() } else { Value::Null };
            json(&body::Corrected { new, who: ground(&body.who), ..body })
        }
        Kind::EntryAnnulled => stub!(Annulled),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stub(kind: Kind, format: Format, body: &str) -> String {
        let mut envelope = Envelope::new(format);
        envelope.source = Some("https://secret.example".to_owned());
        envelope.by = Some("secret person".to_owned());
        envelope.subject = crate::EntityId::new("permit/1").ok();
        envelope.time = Some("2020-01-02".to_owned());
        String::from_utf8(of(kind, &envelope.with_body(body.as_bytes())).unwrap()).unwrap()
    }

    #[test]
    fn a_stub_keeps_what_practice_keeps_and_no_word_of_the_content() {
        let created = stub(
            Kind::RecordCreated,
            Format::CloudEvents,
            r#"{"specversion":"1.0","data":{"agency":"a/b","series":"x/1/A","title":"secret","attributes":{"secret":"secret"},
                "derived_from":["b"],"by":"secret","reason":"secret","authority":"law 1","unknown":"secret"}}"#,
        );
        let want = "{\"v\":1,\"format\":\"fonds\",\"time\":\"2020-01-02\",\"subject\":\"permit/1\"}\n\
                    {\"agency\":\"a/b\",\"series\":\"x/1/A\",\"derived_from\":[\"b\"],\"authority\":\"law 1\"}";
        assert_eq!(created, want);
        let run = stub(
            Kind::LineageRun,
            Format::OpenLineage,
            r#"{"eventTime":"2020-01-01T00:00:00Z","eventType":"COMPLETE","producer":"p","secret":1,
                "run":{"runId":"r","facets":{"sql":{"query":"secret"},"parent":{"run":{"runId":"q"},"job":{"namespace":"n","name":"m"}}}},
                "job":{"namespace":"n","name":"j","facets":{"ownership":{"owners":[{"name":"secret"}]}}},
                "outputs":[{"namespace":"n","name":"d","facets":{"schema":{"fields":[{"name":"secret"}]},
                "symlinks":{"identifiers":[{"namespace":"n","name":"e","type":"TABLE"}]}}}]}"#,
        );
        assert!(!run.contains("secret"), "{run}");
        let (_, body) = Envelope::split(run.as_bytes()).unwrap();
        let (_, lineage) = crate::openlineage::read(body).unwrap();
        assert_eq!(lineage.outputs[0].aliases.len(), 1, "the ends of edges stay");
        assert_eq!(lineage.activity.unwrap().parent.as_deref(), Some("run:q"));
    }

    #[test]
    fn every_kind_that_can_be_erased_has_a_stub_that_its_fold_reads() {
        let bodies = [
            (Kind::RecordFiled, r#"{"file":"f"}"#),
            (Kind::RecordClassified, r#"{"series":"x/1/A"}"#),
            (Kind::RecordLabelled, r#"{"level":"secret"}"#),
            (Kind::RecordEvent, r#"{"name":"value-ended"}"#),
            (
                Kind::RecordFixityChecked,
                r#"{"algorithm":"sha256","digest":"00","outcome":"fail","location":"secret text","detail":"secret text"}"#,
            ),
            (Kind::RecordCreated, r#"{"content":[{"location":"secret text"}]}"#),
            (Kind::RecordCaptured, r#"{"content":[{"location":"secret text"}]}"#),
            (Kind::RecordModified, r#"{"content":[{"location":"secret text"}]}"#),
            (Kind::RecordMoved, r#"{"content":[{"location":"secret text"}]}"#),
            (Kind::RecordMigrated, r#"{"content":[{"location":"secret text"}]}"#),
            (Kind::EntryCorrected, r#"{"seq":1,"field":"title","new":"secret text"}"#),
            (Kind::EntryAnnulled, r#"{"seq":1}"#),
        ];
        for kind in Kind::ALL.iter().filter(|kind| is_erasable(**kind) && !kind.as_str().starts_with("lineage.")) {
            let body = bodies.iter().find(|(of, _)| of == kind).map_or("{}", |(_, body)| body);
            let text = stub(*kind, Format::Xes, body);
            assert!(!text.contains("secret text") && !text.contains("secret person"), "{kind}: {text}");
            let (envelope, body) = Envelope::split(text.as_bytes()).unwrap();
            assert!(body::described(*kind, envelope.format, body).is_ok(), "{kind}");
        }
    }
}
