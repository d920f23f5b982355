//! What a fault may have left: a log with all that was acknowledged, erasures that are whole or not begun, and copies that
//! are whole or refused.

use crate::erase::stands_in;
use crate::store::{Store, cloud_event, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

/// Stands in records that are erased, the second of them with a scrub at once.
pub(crate) const SECRETS: [&str; 2] = ["Zq7-the-first-word-that-goes", "Zq8-the-second-word-that-goes"];
/// The name under which a restored copy goes on.
pub(crate) const AGAIN: &str = "again.example/log";

/// Every entry that was written, as bytes that must come back.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// As it was written.
    whole: Vec<String>,
    /// As it is after the entry that erased something of it, with that entry's seq.
    erased: BTreeMap<usize, (u64, String)>,
}

impl Written {
    /// Looks at the log as it is now; before each erasure, and at the end.
    pub(crate) fn see(&mut self, dir: &Path) -> Result<(), String> {
        let reader = fonds_log::Reader::open(dir).map_err(|error| error.to_string())?;
        for (framed, seq) in reader.entries(0).map_err(|error| error.to_string())?.zip(0..) {
            let framed = framed.map_err(|error| error.to_string())?;
            let by = framed.entry.items.iter().find_map(|item| item.erased.as_ref().map(|erased| erased.by));
            let shown = crate::trial::told(&framed);
            if seq == self.whole.len() {
                self.whole.push(shown.clone());
            }
            if let Some(by) = by {
                self.erased.insert(seq, (by, shown));
            }
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.whole.len()
    }

    /// Entries that were erased.
    pub(crate) fn erased(&self) -> usize {
        self.erased.len()
    }

    /// Whether an entry is as it was written, or as it is after its erasure.
    fn has(&self, seq: usize, entry: &String) -> bool {
        self.whole.get(seq) == Some(entry) || self.erased.get(&seq).is_some_and(|(_, erased)| erased == entry)
    }

    /// Whether a log of so many entries is a beginning of this one: what the last of them erased is gone whole, and all
    /// else is there.
    pub(crate) fn begins_as(&self, kept: &[String]) -> Result<(), String> {
        for (seq, entry) in kept.iter().enumerate() {
            let gone = self.erased.get(&seq).filter(|(by, _)| *by < kept.len() as u64);
            let (want, how) = gone.map_or((self.whole.get(seq), "whole"), |(_, erased)| (Some(erased), "erased"));
            if want != Some(entry) {
                return Err(format!("entry {seq} of {} is not {how} as it was written: {entry:.200}", kept.len()));
            }
        }
        Ok(())
    }
}

/// What had been acknowledged, from what was said.
#[derive(Debug, Default, Clone)]
pub(crate) struct Acknowledged {
    /// Entries of the log; `None` before the store was made.
    pub(crate) size: Option<u64>,
    base: u64,
    /// Entries of the newest backup, unless another is being made into its folder.
    backup: Option<u64>,
    /// What else was done, each by its word: `restored`, `renamed`, `scrubbed`.
    done: Vec<String>,
}

impl Acknowledged {
    pub(crate) fn hear(&mut self, said: &str) {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        for line in said.lines() {
            if let Some(base) = line.strip_prefix("base ").and_then(number) {
                self.base = base;
            }
            if let Some(backup) = line.strip_prefix("backup ").and_then(number) {
                self.backup = Some(backup);
            }
            if line == "backup begun" {
                // Until it is done the older one is whole, or it is refused.
                self.backup = None;
            }
            if let Some(done) = line.strip_prefix("done ") {
                self.done.push(done.to_owned());
            }
            let events = line.split_once("acknowledged events=").and_then(|(_, events)| number(events));
            let size = line.strip_prefix("size ").and_then(number).or(events.map(|events| self.base + events));
            self.size = self.size.max(size);
        }
    }

    fn is_done(&self, word: &str) -> bool {
        self.done.iter().any(|done| done == word)
    }
}

/// Runs the program on a data folder; what it said, unless it panicked or was killed.
fn run(dir: &Path, arguments: &[&str]) -> Result<Output, String> {
    let mut command = Command::new(crate::support::fonds());
    command.args(["--output", "json", "--store"]).arg(dir).args(arguments).env_remove("FONDS_STORE");
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code().is_none_or(|code| code == 101) || said.contains("panicked") {
        return Err(format!("{arguments:?} died: {:?} {said}", output.status));
    }
    Ok(output)
}

/// Its answer, which it must give.
fn ask(dir: &Path, arguments: &[&str]) -> Result<Value, String> {
    let output = run(dir, arguments)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let answer = String::from_utf8_lossy(&output.stdout);
        return Err(format!("{arguments:?} exited with {:?}: {said}{answer:.600}", output.status.code()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

fn verifies(dir: &Path, when: &str) -> Result<(), String> {
    let verified = ask(dir, &["verify"]).map_err(|why| format!("{when}: {why}"))?;
    if verified["verified"] == true { Ok(()) } else { Err(format!("it does not verify {when}: {verified}")) }
}

/// Opens what a power loss left of a log as a user would; its entries.
pub(crate) fn check_log(
    store: &Store,
    written: &Written,
    acknowledged: &Acknowledged,
    thorough: bool,
) -> Result<u64, String> {
    let dir = store.dir();
    if thorough && acknowledged.is_done("scrubbed") && !stands_in(&dir, SECRETS[1]).is_empty() {
        return Err("what was scrubbed is there again".to_owned());
    }
    // Beside whoever will open it first, it is verified as it lies there: what a crash has torn off is no damage.
    verifies(&dir, "before it is opened")?;
    let found = crate::trial::entries(&dir)?.len();
    let begun = std::fs::read(dir.join("erasing")).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let opened = run(&dir, &["record", "list"])?;
    let said = String::from_utf8_lossy(&opened.stderr).into_owned();
    let records: Value = serde_json::from_slice(&opened.stdout).map_err(|_| format!("no register: {said}"))?;
    let size = records["log_size"].as_u64().unwrap_or_default();
    let wanted = acknowledged.size.unwrap_or_default();
    if size < wanted {
        return Err(format!("{size} entries are left of {wanted} acknowledged"));
    }
    verifies(&dir, "after it was opened")?;
    let kept = crate::trial::entries(&dir)?;
    if kept.len() as u64 != size {
        return Err(format!("{} entries are read and {size} told of", kept.len()));
    }
    if kept.len() < found {
        return Err(format!("opening it lost entries: {found}, then {}", kept.len()));
    }
    // A note that lay there is logged by whoever opens it first, and again where power was lost before that was durable.
    // Nothing else that was not written then is there.
    let is_delivered = |entry: &String| entry.contains(" backup.made ");
    let same = kept.iter().zip(0..).take_while(|(entry, seq)| written.has(*seq, entry)).count().max(wanted as usize);
    let (found, delivered) = kept.split_at_checked(same).ok_or("there are fewer than were acknowledged")?;
    if let Some(other) = delivered.iter().find(|entry| !is_delivered(entry)) {
        return Err(format!("it has {other:.200}, which was not written so"));
    }
    written.begins_as(found)?;
    // Whatever was begun is at an end: the entry that says so is there, or the person is told that nothing was erased.
    if let Some(by) = begun.and_then(|begun| begun["by"].as_u64()) {
        let is_done = kept.get(by as usize).is_some_and(|entry| entry.contains(" log.erased "));
        if dir.join("erasing").exists() || !is_done && !said.contains("nothing was erased") {
            return Err(format!("an erasure that was cut off is neither ended nor spoken of: {said}"));
        }
    }
    // Plugins and configurations are durable before an entry names them.
    for plugin in ask(&dir, &["plugin", "list"])?["plugins"].as_array().into_iter().flatten() {
        let digest = plugin["digest"].as_str().unwrap_or_default();
        let bytes = std::fs::read(dir.join("blobs").join(digest)).map_err(|error| error.to_string())?;
        if fonds_model::Digest::of(&bytes).to_hex() != digest {
            return Err(format!("the plugin {digest} is torn"));
        }
    }
    if thorough {
        std::fs::remove_dir_all(dir.join("store")).map_err(|error| error.to_string())?;
        if ask(&dir, &["record", "list"])? != records {
            return Err("a store that is made anew answers otherwise".to_owned());
        }
    }
    let next = store.write("next.ndjson", cloud_event("next", "record.created", "case/next", "2020-01-01", &json!({})));
    let appended = ask(&dir, &["ingest", &next])?;
    if appended["log_size"] != size + 1 {
        return Err(format!("writing does not go on: {appended}"));
    }
    Ok(size)
}

/// A backup: one that was made is put back whole; one that was being made is, or an older one, or it is refused.
pub(crate) fn check_backup(backup: &Path, written: &Written, acknowledged: Option<u64>) -> Result<(), String> {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let to = scratch.path().join("back");
    if !backup.exists() && acknowledged.is_none() {
        return Ok(());
    }
    let output = run(&to, &["restore", text(backup)])?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        // What was refused is nothing that could be written to, or be taken for the log.
        if to.exists() {
            is_read_only(&to, scratch.path())?;
        }
        let lost = acknowledged.map(|size| format!("the backup of {size} entries cannot be put back: {said}"));
        return lost.map_or(Ok(()), Err);
    }
    verifies(&to, "put back")?;
    let kept = crate::trial::entries(&to)?;
    if (kept.len() as u64) < acknowledged.unwrap_or(0) {
        return Err(format!("{} entries are put back of {acknowledged:?}", kept.len()));
    }
    written.begins_as(&kept).map_err(|why| format!("of the backup, {why}"))?;
    is_read_only(&to, scratch.path())
}

/// A restored copy takes nothing.
pub(crate) fn is_read_only(dir: &Path, beside: &Path) -> Result<(), String> {
    let event = beside.join("event.ndjson");
    std::fs::write(&event, cloud_event("x", "record.created", "x", "2020-01-01", &json!({}))).expect("a file");
    match run(dir, &["ingest", text(&event)])? {
        taken if taken.status.success() => Err("a copy that is only to be read takes an event".to_owned()),
        _ => Ok(()),
    }
}

/// The copies beside the log: `backup`, `restored` from it, and `renamed`, one that goes on under another name.
pub(crate) fn check_copies(
    left: &Path,
    log: &Path,
    written: &Written,
    acknowledged: &Acknowledged,
    thorough: bool,
) -> Result<(), String> {
    let backup = left.join("backup");
    check_backup(&backup, written, acknowledged.backup)?;
    if thorough && backup.exists() {
        // The next one makes good whatever became of the last.
        let made = ask(log, &["backup", text(&backup)])?;
        let size = made["size"].as_u64().ok_or("no size")?;
        let again = left.join("again");
        if ask(&again, &["restore", text(&backup)])?["log_size"] != size {
            return Err(format!("a backup made again is not put back whole: {made}"));
        }
        verifies(&again, "put back from a backup made again")?;
    }
    let restored = left.join("restored");
    if acknowledged.is_done("restored") {
        verifies(&restored, "as a restored copy")?;
        written.begins_as(&crate::trial::entries(&restored)?).map_err(|why| format!("of the restored copy, {why}"))?;
        ask(&restored, &["record", "list"]).map_err(|why| format!("the restored copy: {why}"))?;
    }
    if restored.exists() {
        is_read_only(&restored, left)?;
    }
    check_renamed(&left.join("renamed"), left, acknowledged.is_done("renamed"))
}

/// A copy that goes on under another name goes on under that and no other, or not at all.
pub(crate) fn check_renamed(dir: &Path, beside: &Path, done: bool) -> Result<(), String> {
    if !dir.exists() && !done {
        return Ok(());
    }
    if !done && is_read_only(dir, beside).is_ok() {
        return Ok(());
    }
    let event = beside.join("later.ndjson");
    std::fs::write(&event, cloud_event("later", "record.created", "later", "2020-01-01", &json!({}))).expect("a file");
    ask(dir, &["ingest", text(&event)]).map_err(|why| format!("under its new name: {why}"))?;
    let note = ask(dir, &["log", "checkpoint"]).map_err(|why| format!("under its new name: {why}"))?;
    if !note["note"].as_str().is_some_and(|note| note.starts_with(AGAIN)) {
        return Err(format!("the copy goes on under the old name: {note}"));
    }
    verifies(dir, "under its new name")
}
