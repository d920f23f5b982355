//! Evidence made by hand: what no store of today writes, and what somebody hostile would.

use super::format::{Content, Document, ERASED, FORMAT, Item, Proved};
use super::page::{self, Entry, Shown};
use super::{FILE_BYTES_MAX, check};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fonds_log::note::{Signer, Verifier};
use fonds_log::tree::{CompactRange, Plan, leaf_hash};
use fonds_log::{Checkpoint, Header, item_digest};
use fonds_model::{Digest, Kind, Timestamp, ids};
use std::collections::HashMap;

/// An entry of one item, and what evidence shows of it.
struct Made {
    kind: Kind,
    payload: Vec<u8>,
    is_erased: bool,
}

fn made(kind: Kind, envelope: &str, body: &str) -> Made {
    Made { kind, payload: format!("{envelope}\n{body}").into_bytes(), is_erased: false }
}

fn digest(payload: &[u8]) -> Digest {
    item_digest(&[7; 16], payload)
}

/// Evidence of all of a log, and the key that signed it.
fn evidence(made: &[Made]) -> (Vec<u8>, Verifier) {
    let signer = Signer::from_seed("log.example", &[1; 32]).unwrap();
    let (mut tree, mut nodes) = (CompactRange::default(), HashMap::new());
    let headers: Vec<Header> = made
        .iter()
        .zip(0..)
        .map(|(made, seq)| Header {
            seq,
            at: Timestamp(1_767_323_045_000_000),
            kind: made.kind,
            items: vec![digest(&made.payload)],
        })
        .collect();
    for header in &headers {
        tree.push(leaf_hash(&header.to_bytes()), |node, hash| _ = nodes.insert(node, hash));
    }
    let checkpoint = Checkpoint { origin: "log.example".to_owned(), size: tree.size(), root: tree.root() };
    let (mut entries, mut shown) = (Vec::new(), Vec::new());
    for (header, made) in headers.iter().zip(made) {
        let plan = Plan::inclusion(header.seq, tree.size()).unwrap();
        let hashes: Vec<Digest> = plan.nodes().iter().map(|node| nodes[node]).collect();
        let proof = plan.fill(&hashes).unwrap().iter().map(|hash| STANDARD.encode(hash.0)).collect();
        let content = Content { salt: ids::hex(&[7; 16]), payload: STANDARD.encode(&made.payload) };
        let (item, is) = if made.is_erased {
            (Item::Gone(ERASED.to_owned()), Shown::Erased)
        } else {
            (Item::Content(content), Shown::Content(made.payload.clone()))
        };
        entries.push(Proved { header: String::from_utf8(header.to_bytes()).unwrap(), proof, items: vec![Some(item)] });
        shown.push(Entry {
            seq: header.seq,
            at: header.at.to_string(),
            kind: header.kind,
            digests: header.items.clone(),
            items: vec![is],
        });
    }
    let document = Document {
        format: FORMAT.to_owned(),
        record: "case/1".to_owned(),
        truncated: false,
        checkpoint: checkpoint.sign(&signer),
        entries,
    };
    let page = page::render("case/1", false, &document.checkpoint, &shown);
    (document.to_file(&page).unwrap(), signer.verifier())
}

fn created() -> Made {
    made(Kind::RecordCreated, r#"{"v":1,"format":"cloudevents","subject":"case/1"}"#, r#"{"data":{"title":"x"}}"#)
}

fn erasure(of: &Made, item: u16) -> Made {
    let digest = digest(&of.payload);
    let body = format!(r#"{{"items":[{{"seq":0,"item":{item},"kind":"record.created","digest":"{digest}"}}]}}"#);
    made(Kind::LogErased, r#"{"v":1,"format":"fonds"}"#, &body)
}

fn says(made: &[Made]) -> String {
    let (file, key) = evidence(made);
    check(&file, &[key], &[]).map_or_else(|why| why.to_string(), |proved| format!("{} erased", proved.erased))
}

#[test]
fn what_is_said_to_be_erased_needs_the_entry_that_erased_it() {
    let gone = || Made { is_erased: true, ..created() };
    assert_eq!(says(&[created(), erasure(&created(), 0)]), "0 erased");
    assert_eq!(says(&[gone(), erasure(&created(), 0)]), "1 erased");
    for other in [
        vec![gone()],
        vec![gone(), erasure(&created(), 1)],
        vec![gone(), erasure(&erasure(&created(), 0), 0)],
        vec![gone(), Made { kind: Kind::RecordModified, ..erasure(&created(), 0) }],
        vec![gone(), Made { is_erased: true, ..erasure(&created(), 0) }],
    ] {
        assert!(says(&other).contains("no entry here erased it"), "{}", says(&other));
    }
}

#[test]
fn evidence_with_an_erasure_is_read_alike_by_the_independent_verifier() {
    // tests/run.sh sets it; without it the check is made by the end-to-end tests alone.
    let Some(python) = std::env::var_os("FONDS_PYTHON") else { return };
    let dir = tempfile::tempdir().unwrap();
    let gone = || Made { is_erased: true, ..created() };
    let verifier = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/verify-evidence/verify_evidence.py");
    for (entries, want) in [(vec![gone(), erasure(&created(), 0)], true), (vec![gone()], false)] {
        let (bytes, key) = evidence(&entries);
        let file = dir.path().join("evidence.html");
        std::fs::write(&file, bytes).unwrap();
        let mut asked = std::process::Command::new(&python);
        let said = asked.arg(verifier).arg(&file).arg("--key").arg(key.to_string()).output().unwrap();
        assert_eq!(said.status.success(), want, "{}", String::from_utf8_lossy(&said.stderr));
    }
}

#[test]
fn a_decision_about_another_record_is_refused_even_if_it_was_logged() {
    let decided = |record: &str| {
        let body = format!(r#"{{"record":"{record}","verdict":{{"archival":{{"select":null,"reasons":[]}}}}}}"#);
        made(Kind::PolicyDecided, r#"{"v":1,"format":"fonds"}"#, &body)
    };
    // One item is what a sweep shares; a case without it, and one of another record, are refused.
    assert_eq!(says(&[created(), decided("case/2")]), "0 erased");
    let lone = Made { is_erased: true, ..decided("case/1") };
    assert!(says(&[created(), erasure(&lone, 0), lone]).contains("no entry here erased it"));
}

#[test]
fn bounds_are_checked_before_anything_is_computed() {
    let key = Signer::from_seed("log.example", &[1; 32]).unwrap().verifier();
    let refused = |file: &[u8]| check(file, std::slice::from_ref(&key), &[]).unwrap_err().to_string();
    assert!(refused(&vec![b' '; FILE_BYTES_MAX + 1]).contains("longer than evidence may be"));
    assert!(refused(b"").contains("does not end"));
    let with = |text: &str| {
        format!("\n<template id=\"fonds-evidence-1\">\n{text}\n</template>\n</body>\n</html>\n").into_bytes()
    };
    assert!(refused(&with(&"[".repeat(100_000))).contains("the document"));
    let entries = r#"{"header":"","proof":[],"items":[]},"#.repeat(10_001);
    let many = format!(
        r#"{{"format":"fonds-evidence/1","record":"","truncated":false,"checkpoint":"","entries":[{}]}}"#,
        entries.trim_end_matches(',')
    );
    assert!(refused(&with(&many)).contains("10001 entries"));
}
