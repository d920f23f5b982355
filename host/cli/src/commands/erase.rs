//! Erasure, and the making anew of the store's files.

use crate::args;
use crate::output::{Screen, Tone, pairs, table};
use crate::{Failure, workshop};
use fonds_model::Position;
use fonds_model::body::{Assurance, Who};
use fonds_runtime::disposition::Approver;
use fonds_runtime::erase::{EraseTold, ErasureAnswer};
use fonds_runtime::{Lock, Runtime, ScrubWaiting};
use fonds_store::Store;
use serde_json::json;
use std::path::Path;

/// Who says so, as the command line has it.
pub(crate) fn who(by: Option<String>, authority: Option<String>, reason: Option<String>) -> Who {
    let by_assurance = by.as_ref().map(|_| Assurance::Asserted);
    Who { by, by_assurance, authority, reason, ..Who::default() }
}

/// `log erase`.
pub(crate) fn erase(dir: &Path, told: args::Erase, screen: Screen) -> Result<(), Failure> {
    let items = told.items.iter().map(|text| super::log::position(text)).collect::<Result<Vec<Position>, _>>()?;
    let runtime = workshop::open(dir)?;
    if told.list {
        list(&runtime, screen)?;
        return Ok(runtime.close()?);
    }
    let who = who(told.by, told.authority, told.reason);
    let erasure = match (told.approve, told.execute) {
        (Some(proposal), _) => {
            let key = told.key.as_deref().map(super::disposition::signer).transpose()?;
            runtime.approve_erasure(proposal, &Approver { who, key })?
        }
        (None, Some(proposal)) => runtime.carry_out_erasure(proposal)?,
        (None, None) => runtime.propose_erasure(EraseTold { items, record: told.record, who })?,
    };
    let lock = runtime.close_keeping_lock()?;
    if told.scrub && erasure.state == "erased" {
        make_anew(dir, lock, screen)?;
    }
    let waiting = workshop::reader(dir)?.scrub_waiting()?;
    screen.answer(&with_scrub(&erasure, waiting)?, |screen| erasure_text(screen, &erasure, waiting))?;
    if erasure.state == "pending" {
        return Err(Failure::Check(format!("the erasure is pending: {}", erasure.pending.join("; "))));
    }
    Ok(())
}

fn with_scrub(erasure: &ErasureAnswer, waiting: Option<ScrubWaiting>) -> Result<serde_json::Value, Failure> {
    let mut answer = serde_json::to_value(erasure).map_err(std::io::Error::from)?;
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("scrub_waiting".to_owned(), json!(waiting));
    }
    Ok(answer)
}

fn erasure_text(screen: &Screen, erasure: &ErasureAnswer, waiting: Option<ScrubWaiting>) -> String {
    let records: Vec<String> = erasure.records.iter().map(ToString::to_string).collect();
    let tone = if erasure.state == "erased" { Tone::Good } else { Tone::Bad };
    let mut text = pairs(
        screen,
        &[
            ("proposal", erasure.proposal.to_string()),
            ("state", screen.paint(tone, erasure.state)),
            ("items", erasure.items.join(", ")),
            ("records", if records.is_empty() { "-".to_owned() } else { records.join(", ") }),
            ("authority", erasure.authority.clone().unwrap_or_default()),
            ("proposed by", erasure.by.clone().unwrap_or_default()),
            ("approved by", erasure.approved_by.join(", ")),
            ("pending", erasure.pending.join("; ")),
            ("backups with it", erasure.backups.iter().map(|backup| backup.to.as_str()).collect::<Vec<_>>().join(", ")),
        ],
    );
    if erasure.state == "proposed" {
        text += &format!(
            "Another person approves it: fonds log erase --approve {} --by NAME --key FILE\n",
            erasure.proposal
        );
    }
    if erasure.state == "erased"
        && let Some(waiting) = waiting
    {
        text += &(scrub_text(waiting) + "\n");
    }
    text
}

/// What `verify`, `log checkpoint` and `log erase` say of erasures that wait.
pub(crate) fn scrub_text(waiting: ScrubWaiting) -> String {
    let ScrubWaiting { erasures, since } = waiting;
    let erasures = if erasures == 1 { "1 erasure waits".to_owned() } else { format!("{erasures} erasures wait") };
    format!("{erasures} since {since} until the store's files no longer hold the bytes: run `fonds store rebuild`")
}

fn list(runtime: &Runtime, screen: Screen) -> Result<(), Failure> {
    let all = runtime.erasures()?;
    let rows = all.iter().map(|erasure| {
        vec![
            erasure.proposal.to_string(),
            erasure.state.to_owned(),
            erasure.items.len().to_string(),
            erasure.by.clone().unwrap_or_default(),
            erasure.approved_by.join(", "),
            erasure.pending.join("; "),
        ]
    });
    let shown = table(&["proposal", "state", "items", "proposed by", "approved by", "pending"], rows);
    Ok(screen.list("erasures", &all, runtime.log_size(), |_| shown)?)
}

/// `store rebuild`.
pub(crate) fn rebuild(dir: &Path, screen: Screen) -> Result<(), Failure> {
    let size = make_anew(dir, workshop::lock(dir)?, screen)?;
    Ok(screen.answer(&json!({ "log_size": size }), |_| format!("the store was made anew from {size} entries\n"))?)
}

/// Makes the store anew from the journal beside the old one, puts it in its place, and deletes what was set aside: after
/// that no file of the store holds what was erased.
pub(super) fn make_anew(dir: &Path, lock: Lock, screen: Screen) -> Result<u64, Failure> {
    let failed = |error: fonds_runtime::StoreError| Failure::Store(error.to_string());
    let new = dir.join(fonds_store::NEW);
    // What an earlier rebuild left may hold what was erased since.
    if new.exists() {
        std::fs::remove_dir_all(&new)?;
    }
    let fresh = Store::open(new).map_err(failed)?;
    let runtime = workshop::with_store(dir, lock, fresh)?;
    let bar = screen.progress("rebuilding");
    runtime.log().catch_up(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let size = runtime.log_size();
    // Nobody may open the store that is about to be replaced.
    let lock = runtime.close_keeping_lock()?;
    fonds_store::swap_in(dir, fonds_store::NEW).map_err(failed)?;
    fonds_store::delete_lost(dir).map_err(failed)?;
    fonds_runtime::scrubbed(&lock)?;
    Ok(size)
}
