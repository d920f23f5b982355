//! Packages for archives, and checks of content.

use crate::args::{Archive, Fixity, PackageFormat};
use crate::output::{Screen, Tone, pairs, table};
use crate::{Failure, workshop};
use fonds_runtime::archive::{self, Format, PackTold, Severity, Validation};
use fonds_runtime::fixity::{CheckAnswer, CheckTold};
use std::path::{Path, PathBuf};

/// The file in the store's folder that names the content stores.
const CONTENT: &str = "content.toml";

/// The file that names the content stores: the one that was said, else the one in the store's folder.
pub(super) fn content_file(dir: &Path, told: Option<PathBuf>) -> Result<PathBuf, Failure> {
    match told {
        Some(file) if !file.exists() => Err(Failure::Usage(format!("`{}` is not there", file.display()))),
        Some(file) => Ok(file),
        None => Ok(dir.join(CONTENT)),
    }
}

/// `archive …`.
pub(crate) fn archive(dir: &Path, command: Archive, screen: Screen) -> Result<(), Failure> {
    match command {
        Archive::Pack { records, to, format, content } => {
            let format = format.map(|format| match format {
                PackageFormat::Bagit => Format::Bagit,
                PackageFormat::Eark => Format::Eark,
            });
            let content = content_file(dir, content)?;
            let software_version = env!("CARGO_PKG_VERSION").to_owned();
            pack(dir, &PackTold { records, to, format, content, software_version }, screen)
        }
        Archive::Validate { path } => validate(&path, screen),
    }
}

fn pack(dir: &Path, told: &PackTold, screen: Screen) -> Result<(), Failure> {
    let runtime = workshop::open(dir)?;
    let made = runtime.pack(told)?;
    screen.answer(&made, |screen| {
        let packed = &made.packed;
        let mut shown = vec![
            ("package", made.to.display().to_string()),
            ("records", made.records.len().to_string()),
            ("files", format!("{} ({} bytes)", packed.files, packed.bytes)),
            ("content", format!("{} files ({} bytes)", packed.content_files, packed.content_bytes)),
        ];
        shown.extend(made.destination.clone().map(|destination| ("for", destination)));
        pairs(screen, &shown)
    })?;
    if !made.not_selected.is_empty() {
        screen.say(&format!("no archival policy in force selects {}", made.not_selected.join(", ")));
    }
    if !made.packed.unproved.is_empty() {
        let count = made.packed.unproved.len();
        screen.say(&format!("the log says no digest of {count} files: nothing could be compared"));
    }
    Ok(runtime.close()?)
}

fn validate(path: &Path, screen: Screen) -> Result<(), Failure> {
    if !path.exists() {
        return Err(Failure::NotFound(format!("`{}` is not there", path.display())));
    }
    let validation = archive::validate(path)?;
    screen.answer(&validation, |screen| validation_text(screen, &validation))?;
    if validation.valid {
        return Ok(());
    }
    Err(Failure::Check("the package is not what it says: do not accept it".to_owned()))
}

fn validation_text(screen: &Screen, validation: &Validation) -> String {
    let verdict =
        if validation.valid { screen.paint(Tone::Good, "valid") } else { screen.paint(Tone::Bad, "NOT valid") };
    let mut text = format!("{verdict}: {} files, {} bytes\n", validation.files, validation.bytes);
    if !validation.findings.is_empty() {
        let rows = validation.findings.iter().map(|finding| {
            let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
            let path = finding.path.clone().unwrap_or_else(|| "-".to_owned());
            vec![severity.to_owned(), finding.rule.to_owned(), path, finding.what.clone()]
        });
        text += &table(&["", "rule", "file", "what is wrong"], rows);
    }
    if validation.more > 0 {
        text += &format!("and {} more\n", validation.more);
    }
    text
}

/// `fixity …`.
pub(crate) fn fixity(dir: &Path, command: Fixity, screen: Screen) -> Result<(), Failure> {
    let Fixity::Check { sample, all: _, restart, content, by } = command;
    let told = CheckTold { sample, content: content_file(dir, content)?, restart, by };
    let runtime = workshop::open(dir)?;
    let answer = runtime.check_fixity(dir, &told)?;
    screen.answer(&answer, |screen| check_text(screen, &answer))?;
    if let Some(after) = &answer.resumed_after {
        screen.say(&format!("taken up again after `{after}`, where an earlier check had stopped"));
    }
    runtime.close()?;
    if answer.is_clean() {
        return Ok(());
    }
    Err(Failure::Check("some content is not what the log says, or could not be looked at".to_owned()))
}

fn check_text(screen: &Screen, answer: &CheckAnswer) -> String {
    let checked = &answer.checked;
    let mut text = pairs(
        screen,
        &[
            ("records", checked.records.to_string()),
            ("files", format!("{} ({} bytes)", checked.files, checked.bytes)),
            ("as the log says", checked.passed.to_string()),
            ("first digest", checked.first.to_string()),
            ("differing", checked.differing.to_string()),
            ("missing", checked.missing.to_string()),
            ("unreachable", checked.unreachable.to_string()),
        ],
    );
    if !checked.problems.is_empty() {
        let rows = checked.problems.iter().map(|problem| {
            vec![problem.record.clone(), problem.location.clone(), problem.problem.clone(), problem.what.clone()]
        });
        text += &table(&["record", "location", "problem", "what"], rows);
    }
    text
}
