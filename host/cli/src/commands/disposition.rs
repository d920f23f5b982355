//! Dispositions, settings, and the keys of the people who approve.

use super::{date_or_today, read_file, system_user};
use crate::args::{Access, Disposition, Execute, Named, Outcome, Output, PersonKey, Say, Setting};
use crate::output::{Screen, Tone, pairs, table};
use crate::{Failure, workshop};
use fonds_model::body::{Assurance, ReviewOutcome, Who};
use fonds_model::{Digest, PartialDate, Position};
use fonds_runtime::Runtime;
use fonds_runtime::disposition::{
    Approved, Approver, DispositionAnswer, DispositionFilter, ExecuteTold, Executed, HandOver, Keeping, Packages,
    Preview, ReviewTold,
};
use fonds_runtime::note::Signer;
use fonds_runtime::webhook::{Webhook, read_secret};
use serde_json::json;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

fn who(by: Option<String>, authority: Option<String>, reason: Option<String>) -> Result<Who, Failure> {
    let by = by.map_or_else(system_user, Ok)?;
    Ok(super::erase::who(Some(by), authority, reason))
}

fn id(text: &str) -> Result<Position, Failure> {
    let wrong =
        || Failure::Usage(format!("`{text}` is no disposition: SEQ/ITEM, as `fonds disposition list` shows it"));
    Position::parse(text.trim()).ok_or_else(wrong)
}

/// The proposals that are named, one by one or in a list.
fn named(named: &Named) -> Result<Vec<Position>, Failure> {
    let mut ids = named.ids.iter().map(|text| id(text)).collect::<Result<Vec<_>, _>>()?;
    let Some(list) = &named.list else { return Ok(ids) };
    let text = String::from_utf8(read_file(list)?)
        .map_err(|_| Failure::Usage(format!("`{}` is not text: an id a line", list.display())))?;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let read: Option<serde_json::Value> = line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten();
        let in_json = read.as_ref().and_then(|read| read.get("id")).and_then(serde_json::Value::as_str);
        ids.push(id(in_json.unwrap_or(line))?);
    }
    if ids.is_empty() {
        return Err(Failure::Usage(format!("`{}` names no disposition", list.display())));
    }
    Ok(ids)
}

/// `disposition …`.
pub(crate) fn disposition(dir: &Path, command: Disposition, screen: Screen) -> Result<(), Failure> {
    if let Disposition::Certificate { named: ids, to } = &command {
        return super::evidence::certificate(dir, &named(ids)?, to, screen);
    }
    let runtime = workshop::open(dir)?;
    match command {
        Disposition::Certificate { .. } => {}
        Disposition::List { due_by, agency, action, state, series, record } => {
            let due_by = due_by.as_deref().map(|date| date_or_today(Some(date))).transpose()?;
            let filter = DispositionFilter { due_by, agency, action, state, series, record };
            list(&runtime, &filter, screen)?;
        }
        Disposition::Show { id: text } => {
            let answer = runtime.disposition(id(&text)?)?;
            screen.answer(&answer, |screen| text_of(screen, &answer))?;
        }
        Disposition::Approve(told) => say(&runtime, told, screen, "approved", Runtime::approve)?,
        Disposition::Reject(told) => say(&runtime, told, screen, "rejected", Runtime::reject)?,
        Disposition::Review { id: text, outcome, until, authority, by, reason } => {
            let outcome = match outcome {
                Outcome::Extend => ReviewOutcome::Extend,
                Outcome::Destroy => ReviewOutcome::Destroy,
                Outcome::Transfer => ReviewOutcome::Transfer,
                Outcome::Keep => ReviewOutcome::Keep,
            };
            let until = until.as_deref().map(PartialDate::parse).transpose()?;
            let told = ReviewTold { id: id(&text)?, outcome, until, who: who(by, Some(authority), reason)? };
            let answer = runtime.review(told)?;
            screen.answer(&answer, |screen| text_of(screen, &answer))?;
        }
        Disposition::Execute(told) => return execute(dir, runtime, &told, screen),
        Disposition::Acknowledge { id: text, reference, content, by } => {
            let keeping = Keeping::open(&runtime, &super::archive::content_file(dir, content)?)?;
            let executed = runtime.acknowledge(id(&text)?, &reference, Some(&keeping), who(by, None, None)?)?;
            drop(keeping);
            runtime.close()?;
            return show_executed(&executed, screen);
        }
        Disposition::Receive { id: text, from, receipt, seal, by } => {
            let wrong = |text: &str| Failure::Usage(format!("`{text}` is no SHA-256 digest: 64 hex digits"));
            let seal = seal.as_deref().map(|text| Digest::parse(text).ok_or_else(|| wrong(text))).transpose()?;
            let answer = runtime.receive(id(&text)?, (&from, &receipt), seal, who(by, None, None)?)?;
            screen.answer(&answer, |screen| text_of(screen, &answer))?;
        }
    }
    Ok(runtime.close()?)
}

fn list(runtime: &Runtime, filter: &DispositionFilter, screen: Screen) -> Result<(), Failure> {
    if screen.output == Output::Ndjson {
        return runtime.dispositions(filter, &mut |found| Ok::<(), Failure>(screen.answer(&found, |_| String::new())?));
    }
    let mut all = Vec::new();
    runtime.dispositions(filter, &mut |found| {
        all.push(found);
        Ok::<(), Failure>(())
    })?;
    let rows = all.iter().map(|found| {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            found.id.clone(),
            found.state.to_owned(),
            found.action.to_owned(),
            found.record.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            found.due.map_or_else(|| "-".to_owned(), |due| due.to_string()),
            or_none(&found.agency),
            or_none(&found.series),
            found.approved_by.join(", "),
        ]
    });
    let shown = table(&["id", "state", "action", "record", "due", "agency", "series", "approved by"], rows);
    let counted = screen.paint(Tone::Quiet, &format!("{} dispositions", all.len()));
    Ok(screen.list("dispositions", &all, runtime.log_size(), |_| format!("{shown}{counted}\n"))?)
}

fn text_of(screen: &Screen, found: &DispositionAnswer) -> String {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let texts = |texts: &[String]| if texts.is_empty() { "-".to_owned() } else { texts.join(", ") };
    let tone = if matches!(found.state, "rejected" | "lapsed") { Tone::Bad } else { Tone::Good };
    let survivors: Vec<String> = found.survivors.iter().map(ToString::to_string).collect();
    let more = if found.more { ", and more" } else { "" };
    let mut shown = vec![
        ("disposition", screen.paint(Tone::Name, &found.id)),
        ("state", screen.paint(tone, found.state)),
        ("action", found.action.to_owned()),
        ("record", found.record.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)),
        ("due", found.due.map_or_else(|| "-".to_owned(), |due| due.to_string())),
        ("agency", or_none(&found.agency)),
        ("series", or_none(&found.series)),
        ("rule", texts(&found.rule)),
        ("rests on", texts(&found.rests_on)),
        ("proposed by", found.by.clone().unwrap_or_else(|| "the host, as policies decided".to_owned())),
        ("approved by", texts(&found.approved_by)),
    ];
    if !found.shortened_by.is_empty() {
        shown.push(("sooner because of", screen.paint(Tone::Bad, &texts(&found.shortened_by))));
    }
    if !found.contents.is_empty() {
        shown.push(("content", found.contents.join(", ")));
    }
    if !survivors.is_empty() {
        shown.push(("lives on in", format!("{}{more}", survivors.join(", "))));
    }
    if !found.recipients.is_empty() {
        shown.push(("shared with", format!("{}{more}", found.recipients.join(", "))));
    }
    let mut text = pairs(screen, &shown);
    for act in &found.acts {
        let by = act.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        let signed = if act.by_assurance == Some(Assurance::Signed) { ", signed" } else { "" };
        let why = act.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let entry = screen.paint(Tone::Quiet, &format!("entry {}/{}", act.seq, act.item));
        text += &format!("{}{by}{signed}{why}  {entry}\n", act.step);
    }
    if found.state == "proposed" && found.action != "review" {
        text += &format!(
            "{} more people approve it: fonds disposition approve {} --by NAME --key FILE\n",
            found.approvals_wanted, found.id
        );
    }
    text
}

type Saying = fn(&Runtime, &[Position], &Approver) -> Result<Approved, fonds_runtime::RuntimeError>;

fn say(runtime: &Runtime, told: Say, screen: Screen, verb: &str, saying: Saying) -> Result<(), Failure> {
    let ids = named(&told.named)?;
    if told.preview {
        let preview = runtime.preview(&ids)?;
        let answer = json!({ "preview": preview, "logged": false, "log_size": runtime.log_size() });
        return Ok(screen.answer(&answer, |screen| preview_text(screen, &preview, "would be"))?);
    }
    let key = told.key.as_deref().map(signer).transpose()?;
    let by = match (told.by, &key) {
        (Some(by), _) => by,
        (None, Some(key)) => key.verifier().name().to_owned(),
        (None, None) => system_user()?,
    };
    let approver = Approver { who: who(Some(by), None, told.reason)?, key };
    let done = saying(runtime, &ids, &approver)?;
    Ok(screen.answer(&done, |screen| {
        let mut text = preview_text(screen, &done.preview, verb);
        if verb == "approved" {
            text += &format!("{} may be carried out now: fonds disposition execute --approved\n", done.approved);
        }
        text
    })?)
}

fn preview_text(screen: &Screen, preview: &Preview, verb: &str) -> String {
    let mut text = format!("{} dispositions {verb}\n", preview.dispositions);
    let mut counts = |what: &str, counts: Vec<(String, usize)>| {
        for (name, count) in counts {
            text += &format!("{count:>9}  {} {name}\n", screen.paint(Tone::Quiet, what));
        }
    };
    counts("to", preview.by_action.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect());
    counts("of", preview.by_agency.iter().map(|(name, count)| (name.clone(), *count)).collect());
    counts("in", preview.by_series.iter().map(|(name, count)| (name.clone(), *count)).collect());
    if preview.shortened > 0 {
        let said = format!("{} of them come due sooner than it was decided before\n", preview.shortened);
        text += &screen.paint(Tone::Bad, &said);
    }
    text
}

/// A person's key from the file that keeps it.
pub(crate) fn signer(file: &Path) -> Result<Signer, Failure> {
    let text = String::from_utf8(read_file(file)?)
        .map_err(|_| Failure::Usage(format!("`{}` is not a key: `fonds access key new` makes one", file.display())))?;
    Ok(Signer::parse(&text).map_err(fonds_runtime::RuntimeError::from)?)
}

fn execute(dir: &Path, runtime: Runtime, told: &Execute, screen: Screen) -> Result<(), Failure> {
    let ids = named(&told.named)?;
    let who = who(told.by.clone(), None, None)?;
    let webhook = match (&told.webhook, &told.webhook_secret) {
        (Some(url), Some(secret)) => Some(Webhook::new(url, read_secret(secret)?, workshop::clock())?),
        _ => None,
    };
    let executed = carried_out(dir, &runtime, told, (ids, who), screen)?;
    let unasked = webhook.map(|webhook| ask_to_delete(&runtime, &executed, &webhook)).transpose()?.unwrap_or_default();
    let lock = runtime.close_keeping_lock()?;
    if told.scrub && executed.done > 0 {
        super::erase::make_anew(dir, lock, screen)?;
    }
    show_executed(&executed, screen)?;
    match unasked.as_slice() {
        [] => Ok(()),
        unasked => Err(Failure::Check(format!("not asked, and still waiting: {}", unasked.join("; ")))),
    }
}

/// Asks an agency's own system to delete what it has; whom it could not be asked about, and why.
fn ask_to_delete(runtime: &Runtime, executed: &Executed, webhook: &Webhook) -> Result<Vec<String>, Failure> {
    let mut unasked = Vec::new();
    for waiting in executed.left.iter().filter(|left| left.state == "waiting") {
        let found = runtime.disposition(id(&waiting.id)?)?;
        let asked = json!({ "type": "disposition.deletion-requested", "origin": runtime.log().origin(),
            "disposition": found.id, "record": found.record, "contents": found.contents, "rule": found.rule,
            "acknowledge": format!("fonds disposition acknowledge {} --reference TEXT", found.id) });
        let body = serde_json::to_vec(&asked).map_err(std::io::Error::from)?;
        if let Err(error) = webhook.post(&body) {
            unasked.push(format!("`{}`: {error}", found.id));
        }
    }
    Ok(unasked)
}

fn carried_out(
    dir: &Path,
    runtime: &Runtime,
    told: &Execute,
    (ids, who): (Vec<Position>, Who),
    screen: Screen,
) -> Result<Executed, Failure> {
    let bar = screen.progress("executing");
    let content = super::archive::content_file(dir, told.content.clone())?;
    let keeping = Keeping::open(runtime, &content)?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let packages = told.packages.clone().map(|to| Packages::new(runtime, to, content, version));
    let asked = ExecuteTold {
        ids,
        all_approved: told.approved,
        who,
        contents: Some(&keeping),
        hand_over: packages.as_ref().map(|packages| packages as &dyn HandOver),
    };
    let executed = runtime.execute(&asked, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    Ok(executed)
}

fn show_executed(executed: &Executed, screen: Screen) -> Result<(), Failure> {
    screen.answer(executed, |screen| {
        let mut text = format!("{} carried out\n", executed.done);
        if executed.handed_over > 0 {
            let waits = "the archive's receipt is waited for: fonds disposition receive";
            text += &format!("{} handed over; {waits}\n", executed.handed_over);
        }
        for left in &executed.left {
            let record = left.record.as_ref().map_or_else(String::new, |record| format!(" {record}"));
            text += &screen.paint(Tone::Bad, &format!("{} {}{record}: {}\n", left.id, left.state, left.why));
        }
        let unsaid = executed.left_count.saturating_sub(executed.left.len() as u64);
        if unsaid > 0 {
            text += &format!("and {unsaid} more\n");
        }
        text
    })?;
    // Not being carried out at once is what waiting means; the rest somebody has to look at.
    let failed = executed.left_count - executed.waiting;
    if failed > 0 {
        return Err(Failure::Check(format!("{failed} dispositions were not carried out")));
    }
    Ok(())
}

/// `setting …`.
pub(crate) fn setting(dir: &Path, command: Setting, screen: Screen) -> Result<(), Failure> {
    let runtime = workshop::open(dir)?;
    if let Setting::Set { name, value, by, authority } = command {
        runtime.change_setting(&name, &value, who(by, authority, None)?)?;
    }
    let shown = runtime.settings_shown()?;
    screen.answer(&shown, |_| {
        let rows = shown.settings.iter().map(|setting| {
            let waiting = setting.waiting.as_ref().map_or_else(String::new, |value| {
                let by = setting.waiting_by.as_deref().unwrap_or("somebody");
                format!("`{value}`, asked for by {by}: another person asks for the same")
            });
            vec![setting.name.to_owned(), setting.value.to_owned(), setting.values.join(" | "), waiting]
        });
        table(&["setting", "value", "may be", "waits"], rows)
    })?;
    Ok(runtime.close()?)
}

/// `access …`.
pub(crate) fn access(dir: &Path, command: Access, screen: Screen) -> Result<(), Failure> {
    let Access::Key(command) = command;
    if let PersonKey::New { person, to } = command {
        return new_key(&person, &to, screen);
    }
    let runtime = workshop::open(dir)?;
    match command {
        PersonKey::New { .. } => {}
        PersonKey::Add { person, key, by } => {
            let entry = runtime.add_person_key(&person, &key, who(by, None, None)?)?;
            screen.answer(&entry, |_| format!("entry {}: signatures by the key count as {person}'s\n", entry.seq))?;
        }
        PersonKey::Retire { person, key, by } => {
            let entry = runtime.retire_person_key(&person, &key, who(by, None, None)?)?;
            screen.answer(&entry, |_| format!("entry {}: the key signs for {person} no longer\n", entry.seq))?;
        }
        PersonKey::List => {
            let keys = runtime.person_keys()?;
            let rows = keys.iter().map(|key| {
                let state = if key.retired_at.is_some() { "retired" } else { "counts" };
                vec![key.person.clone(), state.to_owned(), key.added_at.to_string(), key.key.clone()]
            });
            let shown = table(&["person", "state", "entry", "key"], rows);
            let all: Vec<_> = keys
                .iter()
                .map(|key| {
                    json!({ "person": key.person, "key": key.key, "added_at": key.added_at, "retired_at": key.retired_at })
                })
                .collect();
            screen.list("keys", &all, runtime.log_size(), |_| shown)?;
        }
    }
    Ok(runtime.close()?)
}

/// Makes a person's key; what it prints is public.
fn new_key(person: &str, to: &Path, screen: Screen) -> Result<(), Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Failure::Store(format!("no random bytes could be had: {error}")))?;
    let key = Signer::from_seed(person, &seed).map_err(|_| {
        Failure::Usage(format!("`{person}` cannot name a key: no white space, no `+`, at most 255 bytes"))
    })?;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(to);
    let mut file = file.map_err(|error| Failure::Usage(format!("`{}` could not be made: {error}", to.display())))?;
    std::io::Write::write_all(&mut file, format!("{}\n", key.to_secret_text()).as_bytes())?;
    file.sync_all()?;
    let public = key.verifier().to_string();
    screen.say(&format!("`{}` is a secret: whoever has it signs as {person}", to.display()));
    Ok(screen.answer(&json!({ "person": person, "key": public }), |_| format!("{public}\n"))?)
}
