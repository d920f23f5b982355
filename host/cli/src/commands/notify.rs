//! Telling people what waits for them.

use super::report::write_file;
use crate::args::Notify;
use crate::output::{Screen, Tone};
use crate::render::mail;
use crate::{Failure, workshop};
use fonds_runtime::report::Notice;
use fonds_runtime::webhook::{Webhook, read_secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file in the data folder that says what was told last; it may be deleted at any time.
const TOLD: &str = "notified.json";

/// The same is not told again within a day, in microseconds.
const SAME_AGAIN_AFTER: i64 = 24 * 60 * 60 * 1_000_000;

/// Larger than that, it is not ours.
const TOLD_BYTES_MAX: u64 = 1 << 20;

/// So many receivers are remembered.
const REMEMBERED_MAX: usize = 1_000;

/// What a receiver was told last.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Last {
    state: String,
    at: i64,
}

/// What each receiver was told last, by what it is.
type Remembered = BTreeMap<String, Last>;

/// What `notify` answers.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    notice: &'a Notice,
    /// What was sent where.
    sent: Vec<Sent>,
    /// Who was told the same within a day.
    told_before: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Sent {
    channel: &'static str,
    to: String,
}

/// Who is to be told.
enum Channel {
    Mail { from: String, to: Vec<String>, drop: PathBuf },
    Webhook(Webhook),
}

impl Channel {
    fn name(&self) -> &'static str {
        match self {
            Self::Mail { .. } => "mail",
            Self::Webhook(_) => "webhook",
        }
    }

    /// What tells the receiver from others.
    fn receiver(&self) -> String {
        match self {
            Self::Mail { to, drop, .. } => format!("mail {} {}", drop.display(), to.join(" ")),
            Self::Webhook(webhook) => format!("webhook {}", webhook.receiver()),
        }
    }

    fn send(&self, notice: &Notice) -> Result<Sent, Failure> {
        let channel = self.name();
        match self {
            Self::Mail { from, to, drop } => {
                let message = mail::message(notice, from, to)?;
                let state = notice.state.get(..8).unwrap_or_default();
                let file = drop.join(format!("fonds-{}-{state}.eml", notice.looked_at.0));
                write_file(&file, &message)?;
                Ok(Sent { channel, to: file.display().to_string() })
            }
            Self::Webhook(webhook) => {
                let body = serde_json::to_vec(notice).map_err(std::io::Error::from)?;
                webhook.post(&body).map_err(|error| Failure::Check(error.to_string()))?;
                Ok(Sent { channel, to: webhook.host().to_owned() })
            }
        }
    }
}

/// Everything that can be refused is, before the log is opened.
fn channels(told: &Notify) -> Result<Vec<Channel>, Failure> {
    let mut channels = Vec::new();
    if let (Some(from), Some(drop)) = (&told.mail_from, &told.drop) {
        for address in told.mail_to.iter().chain([from]) {
            mail::address(address).map_err(Failure::Usage)?;
        }
        if !drop.is_dir() {
            return Err(Failure::Usage(format!("`{}` is not a folder", drop.display())));
        }
        channels.push(Channel::Mail { from: from.clone(), to: told.mail_to.clone(), drop: drop.clone() });
    }
    if let (Some(url), Some(secret)) = (&told.webhook, &told.webhook_secret) {
        channels.push(Channel::Webhook(Webhook::new(url, read_secret(secret)?, workshop::clock())?));
    }
    Ok(channels)
}

/// `notify`.
pub(crate) fn notify(dir: &Path, told: &Notify, screen: Screen) -> Result<(), Failure> {
    let channels = channels(told)?;
    let runtime = workshop::open(dir)?;
    let notice = runtime.notice()?;
    // Others may use the log while the message is on its way.
    runtime.close()?;
    let mut remembered = remembered(dir);
    let mut answer = Answer { notice: &notice, sent: Vec::new(), told_before: Vec::new() };
    let mut failed = Vec::new();
    for channel in channels.iter().filter(|_| notice.is_any()) {
        let receiver = channel.receiver();
        if !told.again && remembered.get(&receiver).is_some_and(|last| is_known(last, &notice)) {
            answer.told_before.push(channel.name());
            continue;
        }
        match channel.send(&notice) {
            Ok(sent) => {
                answer.sent.push(sent);
                remembered.insert(receiver, Last { state: notice.state.clone(), at: notice.looked_at.0 });
                remember(dir, &mut remembered)?;
            }
            // The other channel is tried all the same.
            Err(failure) => failed.push(failure.to_string()),
        }
    }
    screen.answer(&answer, |screen| text(&answer, channels.is_empty(), screen))?;
    if failed.is_empty() { Ok(()) } else { Err(Failure::Check(failed.join("; "))) }
}

/// Whether the same was told within a day; what was told in the future was told by another clock.
fn is_known(last: &Last, notice: &Notice) -> bool {
    last.state == notice.state && (0..SAME_AGAIN_AFTER).contains(&(notice.looked_at.0 - last.at))
}

/// What was told last; nothing where the file cannot be read, so that people are rather told twice than never.
fn remembered(dir: &Path) -> Remembered {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(dir.join(TOLD)).and_then(|file| file.take(TOLD_BYTES_MAX).read_to_end(&mut bytes));
    read.ok().and_then(|_| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn remember(dir: &Path, remembered: &mut Remembered) -> Result<(), Failure> {
    while remembered.len() > REMEMBERED_MAX {
        let oldest = remembered.iter().min_by_key(|(_, last)| last.at).map(|(receiver, _)| receiver.clone());
        oldest.and_then(|oldest| remembered.remove(&oldest));
    }
    write_file(&dir.join(TOLD), &serde_json::to_vec_pretty(remembered).map_err(std::io::Error::from)?)
}

fn text(answer: &Answer<'_>, is_only_asked: bool, screen: &Screen) -> String {
    if !answer.notice.is_any() {
        return "nothing waits, and nothing was sent\n".to_owned();
    }
    let mut text: String = mail::lines(answer.notice).iter().map(|line| format!("{line}\n")).collect();
    for sent in &answer.sent {
        text += &format!("told by {}: {}\n", sent.channel, screen.paint(Tone::Name, &sent.to));
    }
    for channel in &answer.told_before {
        text += &format!("not told by {channel}: the same was told within a day (--again tells it)\n");
    }
    if is_only_asked {
        text += "nobody was told: say --mail-to, --mail-from and --drop, or --webhook and --webhook-secret\n";
    }
    text
}
