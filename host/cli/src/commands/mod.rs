//! One function a command: open, ask the runtime, show the answer.

mod archive;
mod backup;
mod demo;
mod disposition;
mod erase;
mod evidence;
mod holds;
mod house;
mod ingest;
mod keys;
mod log;
mod notify;
mod policy;
mod record;
mod report;
mod verify;

use crate::args::{self, Cli, Command};
use crate::output::Screen;
use crate::{Failure, workshop};
use clap::CommandFactory;
use fonds_model::PartialDate;
use jiff::civil::Date;
use std::path::Path;

/// Carries out the command.
pub(crate) fn run(cli: Cli, screen: Screen) -> Result<(), Failure> {
    let dir = cli.store.as_path();
    match cli.command {
        Command::Init { origin } => house::init(dir, &origin, screen),
        Command::Agency(command) => house::agency(dir, command, screen),
        Command::Schedule(command) => house::schedule(dir, command, screen),
        Command::Ingest(told) => ingest::ingest(dir, &told, screen),
        Command::Plugin(command) => policy::plugin(dir, command, screen),
        Command::Policy(command) => policy::policy(dir, command, screen),
        Command::Evaluate { as_of, all } => policy::evaluate(dir, as_of.as_deref(), all, screen),
        Command::Record(command) => record::record(dir, command, screen),
        Command::Explain { id } => record::explain(dir, &id, screen),
        Command::Lineage(told) => record::lineage(dir, &told, screen),
        Command::Correct { position, field, to, why } => log::correct(dir, &position, &field, &to, why, screen),
        Command::Annul { position, why } => log::annul(dir, &position, why, screen),
        Command::Log(command) => log::log(dir, command, screen),
        Command::Evidence { id, to } => evidence::evidence(dir, &id, &to, screen),
        Command::VerifyEvidence { file, keys, witnesses } => evidence::verify(&file, &keys, &witnesses, screen),
        Command::Verify { replay } => verify::verify(dir, replay, screen),
        Command::Store(args::Store::Rebuild) => erase::rebuild(dir, screen),
        Command::Backup { dir: to } => backup::backup(dir, &to, screen),
        Command::Restore(told) => backup::restore(dir, &told, screen),
        Command::Hold(command) => holds::hold(dir, command, screen),
        Command::Disposition(command) => disposition::disposition(dir, command, screen),
        Command::Setting(command) => disposition::setting(dir, command, screen),
        Command::Access(command) => disposition::access(dir, command, screen),
        Command::Archive(command) => archive::archive(dir, command, screen),
        Command::Fixity(command) => archive::fixity(dir, command, screen),
        Command::Report(command) => report::report(dir, command, screen),
        Command::Notify(told) => notify::notify(dir, &told, screen),
        Command::Demo { dir } => demo::demo(dir, screen),
        Command::Schema { kind } => schema(kind.as_deref(), screen),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "fonds", &mut std::io::stdout());
            Ok(())
        }
        Command::Man => Ok(clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?),
    }
}

fn schema(kind: Option<&str>, screen: Screen) -> Result<(), Failure> {
    use fonds_model::{Kind, schema};
    let Some(kind) = kind else {
        let kinds: Vec<&str> =
            Kind::ALL.iter().filter(|kind| schema::of(**kind).is_some()).map(|kind| kind.as_str()).collect();
        return Ok(screen.answer(&kinds, |_| kinds.join("\n") + "\n")?);
    };
    let kind = Kind::parse(kind)?;
    let schema = schema::of(kind)
        .ok_or_else(|| Failure::NotFound(format!("`{kind}` publishes no schema of its own: see `fonds schema`")))?;
    let text = serde_json::to_string_pretty(&schema).map_err(std::io::Error::from)?;
    Ok(screen.text(&(text + "\n"))?)
}

/// A date that was said, or today in the zone of this machine's users: UTC, as the log has it.
fn date_or_today(text: Option<&str>) -> Result<Date, Failure> {
    let today = workshop::now().date_utc();
    match text {
        None => Ok(today),
        Some(text) => {
            let date = PartialDate::parse(text)?;
            date.exact().ok_or_else(|| Failure::Usage(format!("`{text}` is not a whole date: write YYYY-MM-DD")))
        }
    }
}

/// Who runs this, where nobody says `--by`: by the environment, else whose process it is.
fn system_user() -> Result<String, Failure> {
    use std::os::unix::fs::MetadataExt;
    let named = ["LOGNAME", "USER"].into_iter().filter_map(|name| std::env::var(name).ok());
    if let Some(named) = named.into_iter().find(|name| !name.trim().is_empty()) {
        return Ok(named);
    }
    let unknown = |_| Failure::Usage("say who does it: --by NAME (the system names no user)".to_owned());
    let uid = std::fs::metadata("/proc/self").map_err(unknown)?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(uid.as_str())).then(|| name.to_owned())
    });
    Ok(name.unwrap_or_else(|| format!("uid:{uid}")))
}

/// A file's bytes, `-` being stdin; at most 64 MiB.
fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    const BYTES_MAX: u64 = 64 << 20;
    let wrong = |error: std::io::Error| Failure::Usage(format!("`{}` could not be read: {error}", path.display()));
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).map_err(wrong)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)
    };
    read.map_err(wrong)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Failure::Usage(format!("`{}` is larger than 64 MiB", path.display())));
    }
    Ok(bytes)
}
