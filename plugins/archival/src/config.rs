//! What can be configured, as JSON:
//!
//! ```json
//! {
//!   "select": [
//!     { "series": "tx/783/*", "action": "transfer", "agency": "us/tx", "kind": "case-file",
//!       "attributes": { "historic": "yes" },
//!       "destination": "Texas State Archives", "packaging": "bagit", "access": "open after 25 years",
//!       "description": { "title": "{title}", "identifier": "{id}", "creator": "{agency}" } }
//!   ]
//! }
//! ```
//!
//! The first rule counts of which all that is named matches: `series` and attributes are patterns with `*` and `?`,
//! `agency` is a path and all below it, `action` is how its retention ends (`transfer` or `keep`; either, when not
//! said). `packaging` is `bagit` or `e-ark`. In a description, `{id}`, `{kind}`, `{series}`, `{title}` (the series'),
//! `{authority}`, `{agency}`, `{level}`, `{as-of}` and `{attribute:NAME}` are filled in.

use crate::template::Template;
use fonds_policy_sdk::archival::Packaging;
use fonds_policy_sdk::{Action, Glob, Subject, config, within};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Rules, and lines of a description: at most this many.
const ENTRIES_MAX: usize = 1_000;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    pub(crate) select: Vec<Selection>,
}

/// Which records are selected, and what becomes of them.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct Selection {
    pub(crate) series: Glob,
    action: Option<Action>,
    agency: Option<String>,
    kind: Option<String>,
    attributes: BTreeMap<String, Glob>,
    pub(crate) destination: String,
    pub(crate) packaging: Packaging,
    pub(crate) access: String,
    pub(crate) description: BTreeMap<String, Template>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    series: Glob,
    action: Option<String>,
    agency: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, Glob>,
    destination: String,
    packaging: String,
    access: String,
    #[serde(default)]
    description: BTreeMap<String, String>,
}

impl TryFrom<Written> for Selection {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { series, action, agency, kind, attributes, destination, packaging, access, description } = written;
        let action = match action.as_deref() {
            None => None,
            Some("transfer") => Some(Action::Transfer),
            Some("keep") => Some(Action::Keep),
            Some(other) => return Err(format!("`{other}` selects nothing: write `transfer` or `keep`")),
        };
        let packaging = match packaging.as_str() {
            "bagit" => Packaging::Bagit,
            "e-ark" => Packaging::EArk,
            other => return Err(format!("`{other}` is no packaging: write `bagit` or `e-ark`")),
        };
        if series.0.is_empty() {
            return Err("`series` is empty: write `*` for all".into());
        }
        if destination.trim().is_empty() {
            return Err("`destination` is empty: say which archive takes the records".into());
        }
        let lines = description.into_iter().map(|(name, text)| Ok((name, Template::parse(&text)?)));
        let description = lines.collect::<Result<BTreeMap<_, _>, String>>()?;
        Ok(Self { series, action, agency, kind, attributes, destination, packaging, access, description })
    }
}

impl Config {
    /// Reads and checks a configuration.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let read: Self = config::read(text)?;
        let lines = read.select.iter().map(|rule| rule.description.len()).max().unwrap_or(0);
        if read.select.len().max(lines) > ENTRIES_MAX {
            return Err(format!("the configuration has a list of more than {ENTRIES_MAX} entries"));
        }
        Ok(read)
    }

    /// The attributes that rules and descriptions name.
    pub(crate) fn attributes(&self) -> Vec<String> {
        let named = self
            .select
            .iter()
            .flat_map(|rule| rule.attributes.keys().chain(rule.description.values().flat_map(Template::attributes)));
        named.collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }
}

impl Selection {
    /// Whether it selects a record whose retention ends with an action; one without a series matches no pattern.
    pub(crate) fn selects(&self, path: &str, subject: &Subject, action: Action) -> bool {
        self.action.is_none_or(|wanted| wanted == action)
            && subject.series.as_ref().is_some_and(|series| self.series.matches(series))
            && self.agency.as_ref().is_none_or(|agency| within(agency, path))
            && self.kind.as_ref().is_none_or(|kind| subject.kind.as_ref() == Some(kind))
            && subject.attributes_match(self.attributes.iter().map(|(name, glob)| (name.as_str(), glob.0.as_str())))
    }
}
