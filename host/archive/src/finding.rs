//! What validation finds.

use serde::Serialize;

/// No more findings than this are kept; the others are counted.
pub const FINDINGS_MAX: usize = 1_000;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The package is not what its format says, or its content is not what was packed.
    Error,
    /// It may be used, and somebody should look.
    Warning,
}

/// One thing that is wrong with a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rule that it breaks: a section of RFC 8493, or a rule's id in CSIP and SIP.
    pub rule: &'static str,
    /// The file that it is about, as the package calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is wrong.
    pub what: String,
}

/// Which format a package has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// BagIt, RFC 8493 and its drafts.
    Bagit,
    /// E-ARK CSIP and SIP.
    Eark,
}

/// What came of a validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Validation {
    /// Which format it has.
    pub format: Format,
    /// The version that it says.
    pub version: Option<String>,
    /// Whether nothing is wrong that counts.
    pub valid: bool,
    /// How many files were looked at.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// What is wrong, errors first; the first thousand.
    pub findings: Vec<Finding>,
    /// Findings that are not listed.
    pub more: u64,
}

/// Findings while they gather.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    kept: Vec<Finding>,
    more: u64,
    errors: u64,
}

impl Findings {
    fn add(&mut self, severity: Severity, rule: &'static str, path: Option<&str>, what: String) {
        if severity == Severity::Error {
            self.errors += 1;
        }
        if self.kept.len() < FINDINGS_MAX {
            self.kept.push(Finding { severity, rule, path: path.map(shown), what });
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn error<'p>(&mut self, rule: &'static str, path: impl Into<Option<&'p str>>, what: impl Into<String>) {
        self.add(Severity::Error, rule, path.into(), what.into());
    }

    pub(crate) fn warning<'p>(
        &mut self,
        rule: &'static str,
        path: impl Into<Option<&'p str>>,
        what: impl Into<String>,
    ) {
        self.add(Severity::Warning, rule, path.into(), what.into());
    }

    pub(crate) fn into_validation(
        mut self,
        format: Format,
        version: Option<String>,
        (files, bytes): (u64, u64),
    ) -> Validation {
        self.kept.sort_by_key(|finding| finding.severity);
        Validation { format, version, valid: self.errors == 0, files, bytes, findings: self.kept, more: self.more }
    }
}

/// A name from a package, short enough to be shown and with nothing that steers a terminal.
pub(crate) fn shown(name: &str) -> String {
    name.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
