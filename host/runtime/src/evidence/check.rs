//! Checking evidence with nothing but the file and the keys that the reader trusts.

use super::format::{Content, Document, ERASED, Item, Proved as ProvedEntry};
use super::page::{self, Entry, Shown};
use super::{FILE_BYTES_MAX, Unproved};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fonds_log::note::{self, Signed, Verifier};
use fonds_log::{Checkpoint, Header, SALT_BYTES, item_digest, tree};
use fonds_model::body::{self, Assurance, DispositionAnswered, PersonKeyAdded};
use fonds_model::{Digest, Envelope, Kind, Seq};
use fonds_policy::disposition::signed_text;
use serde::Deserialize;

/// What evidence proves.
#[derive(Debug, Clone)]
pub struct Proved {
    /// The record.
    pub record: String,
    /// The checkpoint that everything hangs on.
    pub checkpoint: Checkpoint,
    /// The log's signatures by keys that the reader trusts.
    pub signed: Vec<Signed>,
    /// The cosignatures by witnesses that the reader trusts.
    pub cosigned: Vec<Signed>,
    /// The names of those who signed too, and whose signatures were not checked.
    pub unchecked: Vec<String>,
    /// Entries that are in the log.
    pub entries: usize,
    /// Items whose content is what was logged.
    pub contents: usize,
    /// Items whose content was erased, by an entry that is here.
    pub erased: usize,
    /// Items of other records, here as digests only.
    pub withheld: usize,
    /// Decisions about the record.
    pub decisions: usize,
    /// Approvals and rejections whose signatures are right, by keys that entries here gave to those people.
    pub approvals: usize,
    /// Lineage was cut at the bound on its size.
    pub truncated: bool,
}

/// Checks evidence: one of the keys must have signed its checkpoint, and all of the witnesses must have cosigned it.
///
/// # Errors
/// [`Unproved`] with the first thing that does not hold.
pub fn check(file: &[u8], keys: &[Verifier], witnesses: &[Verifier]) -> Result<Proved, Unproved> {
    let (page, document) = Document::read(file)?;
    let (checkpoint, signed, cosigned, unchecked) = check_checkpoint(&document.checkpoint, keys, witnesses)?;
    let mut entries = Vec::with_capacity(document.entries.len());
    let mut before = None;
    for proved in &document.entries {
        let entry = check_entry(proved, &checkpoint)?;
        if before.is_some_and(|before| entry.seq <= before) {
            return Err(Unproved(format!("entry {} is out of order", entry.seq)));
        }
        before = Some(entry.seq);
        entries.push(entry);
    }
    let erased = check_erased(&document, &entries)?;
    let decisions = check_decisions(&document.record, &entries)?;
    let approvals = check_signed(&checkpoint.origin, &entries)?;
    let items = || entries.iter().flat_map(|entry| &entry.items);
    let count = |is: fn(&Shown) -> bool| items().filter(|item| is(item)).count();
    let proved = Proved {
        record: document.record.clone(),
        contents: count(|item| matches!(item, Shown::Content(_))),
        withheld: count(|item| matches!(item, Shown::Withheld)),
        entries: entries.len(),
        truncated: document.truncated,
        checkpoint,
        signed,
        cosigned,
        unchecked,
        erased,
        decisions,
        approvals,
    };
    let rendered = || page::render(&document.record, document.truncated, &document.checkpoint, &entries);
    if page.is_some_and(|page| rendered() != page) {
        return Err(Unproved("the page that people read is not the one that the entries give".to_owned()));
    }
    Ok(proved)
}

/// What a checkpoint says, who signed it, who cosigned it, and whose signatures were not checked.
type Vouched = (Checkpoint, Vec<Signed>, Vec<Signed>, Vec<String>);

fn check_checkpoint(text: &str, keys: &[Verifier], witnesses: &[Verifier]) -> Result<Vouched, Unproved> {
    let wrong = |error: fonds_log::LogError| Unproved(format!("the checkpoint: {error}"));
    let known: Vec<Verifier> = keys.iter().chain(witnesses).cloned().collect();
    let opened = note::read(text, &known).map_err(wrong)?;
    let checkpoint = Checkpoint::read(opened.text).map_err(wrong)?;
    if checkpoint.text() != opened.text {
        return Err(Unproved("the checkpoint says more than origin, size and root".to_owned()));
    }
    let (cosigned, signed): (Vec<Signed>, Vec<Signed>) =
        opened.signed.into_iter().partition(|signed| signed.key.is_witness());
    if !signed.iter().any(|signed| signed.key.name() == checkpoint.origin) {
        return Err(Unproved(format!("no key that you trust has signed the checkpoint of `{}`", checkpoint.origin)));
    }
    for witness in witnesses {
        if !cosigned.iter().any(|signed| signed.key == *witness) {
            return Err(Unproved(format!("the witness `{}` has not cosigned the checkpoint", witness.name())));
        }
    }
    Ok((checkpoint, signed, cosigned, opened.unknown))
}

/// Base64 that is written in one way only, to at most so many bytes.
fn base64(text: &str, bytes_max: usize) -> Option<Vec<u8>> {
    if text.len() / 4 > bytes_max / 3 + 1 {
        return None;
    }
    STANDARD.decode(text).ok()
}

fn check_entry(proved: &ProvedEntry, checkpoint: &Checkpoint) -> Result<Entry, Unproved> {
    let header = Header::parse(proved.header.as_bytes())
        .map_err(|_| Unproved("a header is not written as headers are".to_owned()))?;
    let wrong = |why: &str| Unproved(format!("entry {}: {why}", header.seq));
    let hash = |text: &String| base64(text, 32).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).map(Digest);
    let proof: Option<Vec<Digest>> = proved.proof.iter().map(hash).collect();
    let proof = proof.ok_or_else(|| wrong("its proof is not made of hashes"))?;
    let leaf = tree::leaf_hash(proved.header.as_bytes());
    if !tree::verify_inclusion(leaf, header.seq, checkpoint.size, &proof, &checkpoint.root) {
        return Err(wrong("it is not in the log that the checkpoint signed"));
    }
    if proved.items.len() != header.items.len() {
        return Err(wrong("it has another number of items than its header"));
    }
    let mut items = Vec::with_capacity(proved.items.len());
    for (item, digest) in proved.items.iter().zip(&header.items) {
        items.push(match item {
            None => Shown::Withheld,
            Some(Item::Gone(word)) if word == ERASED => Shown::Erased,
            Some(Item::Gone(_)) => return Err(wrong("an item is neither here, nor erased, nor left out")),
            Some(Item::Content(content)) => Shown::Content(
                check_content(content, digest).ok_or_else(|| wrong("an item is not what its digest says"))?,
            ),
        });
    }
    Ok(Entry { seq: header.seq, at: header.at.to_string(), kind: header.kind, digests: header.items, items })
}

fn check_content(content: &Content, digest: &Digest) -> Option<Vec<u8>> {
    let salt = unhex(&content.salt)?;
    let payload = base64(&content.payload, FILE_BYTES_MAX)?;
    (item_digest(&salt, &payload) == *digest).then_some(payload)
}

fn unhex(text: &str) -> Option<[u8; SALT_BYTES]> {
    // A digest is read from 64 hex digits, and a salt has 32.
    let bytes = Digest::parse(&format!("{text}{}", "0".repeat(32)))?.0;
    bytes.first_chunk().copied().filter(|_| text.len() == 2 * SALT_BYTES)
}

#[derive(Deserialize)]
struct Erasure {
    items: Vec<ErasedItem>,
}

/// The members of a `log.erased` item that name what is gone.
#[derive(Deserialize)]
struct ErasedItem {
    seq: Seq,
    item: usize,
    digest: Digest,
}

/// The items that a `log.erased` payload names.
pub(super) fn erased_by(payload: &[u8]) -> Vec<(Seq, usize, Digest)> {
    let Ok((_, body)) = Envelope::split(payload) else { return Vec::new() };
    let erasure: Result<Erasure, _> = serde_json::from_slice(body);
    erasure
        .map_or_else(|_| Vec::new(), |erasure| erasure.items.into_iter().map(|i| (i.seq, i.item, i.digest)).collect())
}

/// Whoever says that an item was erased must show the entry that erased it.
fn check_erased(document: &Document, entries: &[Entry]) -> Result<usize, Unproved> {
    let mut named = Vec::new();
    for entry in entries.iter().filter(|entry| entry.kind == Kind::LogErased) {
        entry.contents().for_each(|(_, payload)| named.extend(erased_by(payload)));
    }
    named.sort_unstable();
    let mut erased = 0;
    for entry in entries {
        for (index, (item, digest)) in entry.items.iter().zip(&entry.digests).enumerate() {
            if !matches!(item, Shown::Erased) {
                continue;
            }
            if named.binary_search(&(entry.seq, index, *digest)).is_err() {
                let (seq, record) = (entry.seq, &document.record);
                let why = format!("item {seq}/{index} of `{record}` is said to be erased, and no entry here erased it");
                return Err(Unproved(why));
            }
            erased += 1;
        }
    }
    Ok(erased)
}

#[derive(Deserialize)]
struct Case {
    record: String,
}

/// Decisions about other records have no place here, and each decision comes with what it shares.
fn check_decisions(record: &str, entries: &[Entry]) -> Result<usize, Unproved> {
    let mut decisions = 0;
    for entry in entries.iter().filter(|entry| entry.kind == Kind::PolicyDecided) {
        let wrong = |why: &str| Unproved(format!("entry {}: {why}", entry.seq));
        if !matches!(entry.items.first(), Some(Shown::Content(_))) {
            return Err(wrong("a decision without what its sweep shares"));
        }
        for (_, payload) in entry.contents().filter(|(index, _)| *index > 0) {
            let body = Envelope::split(payload).map(|(_, body)| serde_json::from_slice::<Case>(body));
            match body {
                Ok(Ok(case)) if record.split('\n').any(|record| record == case.record) => decisions += 1,
                Ok(Ok(_)) => return Err(wrong("it tells of another record")),
                _ => return Err(wrong("a decision that cannot be read")),
            }
        }
    }
    Ok(decisions)
}

/// An approval that says that it is signed is signed, by a key that an entry here gave to that person before.
fn check_signed(origin: &str, entries: &[Entry]) -> Result<usize, Unproved> {
    let own = |entry: &Entry, payload: &[u8]| -> Option<DispositionAnswered> {
        let (envelope, text) = Envelope::split(payload).ok()?;
        body::parse(entry.kind, envelope.format, text).ok()
    };
    let mut right = 0;
    for entry in entries.iter().filter(|entry| SIGNED_KINDS.iter().any(|(kind, _)| *kind == entry.kind)) {
        let verb = SIGNED_KINDS.iter().find(|(kind, _)| *kind == entry.kind).map_or("", |(_, verb)| verb);
        for (index, payload) in entry.contents() {
            let wrong = |why: &str| Unproved(format!("item {}/{index}: {why}", entry.seq));
            let Some(said) = own(entry, payload) else { return Err(wrong("an approval that cannot be read")) };
            if said.who.by_assurance != Some(Assurance::Signed) {
                continue;
            }
            let (Some(by), Some(line)) = (said.who.by.as_deref(), said.signature.as_deref()) else {
                return Err(wrong("it is said to be signed, and has no signature"));
            };
            let mut proposals = Vec::with_capacity(said.dispositions.len());
            for id in said.dispositions {
                let found = entries.binary_search_by(|entry| entry.seq.cmp(&id.seq)).ok();
                let digest = found.and_then(|at| entries.get(at)?.digests.get(usize::from(id.item)));
                proposals.push((id, *digest.ok_or_else(|| wrong("a proposal that it names is not here"))?));
            }
            let keys = keys_of(by, entry.seq, entries);
            let note = format!("{}\n{line}\n", signed_text(origin, verb, by, said.who.reason.as_deref(), &proposals));
            let opened = note::read(&note, &keys).map_err(|error| wrong(&error.to_string()))?;
            if opened.signed.is_empty() {
                return Err(wrong(&format!("no key that was `{by}`'s has signed it")));
            }
            right += 1;
        }
    }
    Ok(right)
}

const SIGNED_KINDS: [(Kind, &str); 2] = [(Kind::DispositionApproved, "approve"), (Kind::DispositionRejected, "reject")];

/// The keys that entries before one gave to a person.
fn keys_of(person: &str, before: Seq, entries: &[Entry]) -> Vec<Verifier> {
    let added = entries.iter().filter(|entry| entry.kind == Kind::AccessKeyAdded && entry.seq < before);
    let bodies = added.flat_map(|entry| entry.contents().map(move |(_, payload)| (entry.kind, payload)));
    let read = bodies.filter_map(|(kind, payload)| {
        let (envelope, text) = Envelope::split(payload).ok()?;
        body::parse::<PersonKeyAdded>(kind, envelope.format, text).ok()
    });
    read.filter(|added| added.person == person).filter_map(|added| Verifier::parse(&added.key).ok()).collect()
}
