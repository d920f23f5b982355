//! Evidence files, which come from anybody: the key stands in the first line, so that the signature is looked at too.

use fonds_model::Timestamp;
use fonds_model::decision::{Fault, FaultKind};
use fonds_runtime::evidence::check;
use fonds_runtime::ingest::Told;
use fonds_runtime::note::Verifier;
use fonds_runtime::{Lock, Parts, Runtime};
use fonds_store::{STORE, Store};
use std::sync::Arc;

const EVENTS: &str = r#"{"specversion":"1.0","type":"record.created","source":"https://fuzz.example","id":"1","subject":"case/1","time":"2020-01-01","data":{"agency":"a","title":"<b>&"}}
{"specversion":"1.0","type":"record.closed","source":"https://fuzz.example","id":"2","subject":"case/1","time":"2021-01-01","data":{}}
"#;

/// A file that proves something is told of again with the same bytes; any other is refused.
pub(crate) fn evidence(bytes: &[u8]) -> bool {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return false };
    let key = std::str::from_utf8(&bytes[..end]).ok().and_then(|key| Verifier::parse(key).ok());
    let Some(key) = key else { return false };
    let file = &bytes[end + 1..];
    let proved = check(file, std::slice::from_ref(&key), &[]).is_ok();
    // Nobody without the secret makes another file that this key proves: what is proved is a seed, byte for byte.
    assert!(!proved || evidence_seeds_with(&key).is_none_or(|seed| seed == file), "another file was proved");
    proved
}

thread_local! {
    static SEED: (Verifier, Vec<u8>) = make();
}

fn evidence_seeds_with(key: &Verifier) -> Option<Vec<u8>> {
    SEED.with(|(known, file)| (known == key).then(|| file.clone()))
}

fn make() -> (Verifier, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("store");
    fonds_runtime::create(&dir, "fuzz.example/log").unwrap();
    let no_engine = || Err(Fault { kind: FaultKind::Load, detail: "there is none".to_owned() });
    let parts = Parts {
        store: Arc::new(Store::open(dir.join(STORE)).unwrap()),
        engine: Box::new(no_engine),
        clock: Arc::new(|| Timestamp(1_767_323_045_000_000)),
        options: Default::default(),
    };
    let runtime = Runtime::open(Lock::take(&dir).unwrap(), parts).unwrap();
    let file = folder.path().join("events.ndjson");
    std::fs::write(&file, EVENTS).unwrap();
    let told = Told { files: vec![file], format: None, map: None, agency: None, rejects: None };
    assert_eq!(runtime.ingest(&told, &mut |_| {}).unwrap().appended, 2);
    let made = runtime.evidence("case/1").unwrap().bytes;
    (runtime.log().key(), made)
}

pub(crate) fn evidence_seeds() -> Vec<Vec<u8>> {
    vec![SEED.with(|(key, file)| [format!("{key}\n").as_bytes(), file].concat())]
}
