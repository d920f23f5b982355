//! What can be configured, as JSON:
//!
//! ```json
//! {
//!   "ancestors": 8,
//!   "default_level": "internal",
//!   "series": [
//!     { "agency": "nl/wabo", "kind": "case-file", "attributes": { "department": "Gen*" }, "series": "tx/783/597" }
//!   ],
//!   "labels": [
//!     { "series": "tx/783/*", "level": "confidential", "categories": ["personal"],
//!       "declassify": { "after_years": 5, "from": "closed" } },
//!     { "attributes": { "secret": "yes" }, "level": "secret", "declassify": { "event": "trial-ended" } }
//!   ]
//! }
//! ```
//!
//! A rule applies when all that it names match: `agency` is a path and all below it, `series` and attributes are
//! patterns with `*` and `?`. Of `series` the first that applies counts, and only for a record that has none. Of
//! `labels` all that apply count together: the highest level, all categories, the latest declassification.
//! `declassify` is one of `on` (a date), `after_years` with `from` (`creation` unless said), `event`, `review_on`;
//! without it, or while its date is not known, never. Levels are those of the ladder.

use fonds_policy_sdk::classification::Declassification;
use fonds_policy_sdk::{Date, Glob, Period, Subject, Trigger, config, within};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Rules of each sort: at most this many.
const RULES_MAX: usize = 1_000;
/// Ancestors further away than this are not asked for.
const ANCESTORS_MAX: u32 = 64;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default = "ancestors")]
    pub(crate) ancestors: u32,
    pub(crate) default_level: Option<String>,
    #[serde(default)]
    pub(crate) series: Vec<SeriesRule>,
    #[serde(default)]
    pub(crate) labels: Vec<LabelRule>,
}

const fn ancestors() -> u32 {
    8
}

/// What a record must be for a rule to apply.
#[derive(Debug)]
pub(crate) struct Who {
    agency: Option<String>,
    kind: Option<String>,
    attributes: BTreeMap<String, Glob>,
}

/// Gives a record without a series one.
#[derive(Debug, Deserialize)]
#[serde(from = "WrittenSeries")]
pub(crate) struct SeriesRule {
    pub(crate) who: Who,
    pub(crate) series: String,
}

/// Labels a record.
#[derive(Debug, Deserialize)]
#[serde(try_from = "WrittenLabel")]
pub(crate) struct LabelRule {
    pub(crate) who: Who,
    pub(crate) series: Option<Glob>,
    pub(crate) level: String,
    pub(crate) categories: Vec<String>,
    pub(crate) declassify: Option<Declassify>,
}

/// When a rule's label comes down.
#[derive(Debug)]
pub(crate) enum Declassify {
    On(Date),
    After(Period, Trigger),
    Event(String),
    ReviewOn(Date),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSeries {
    agency: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, Glob>,
    series: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLabel {
    series: Option<Glob>,
    agency: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, Glob>,
    level: String,
    #[serde(default)]
    categories: Vec<String>,
    declassify: Option<WrittenDeclassify>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDeclassify {
    on: Option<String>,
    after_years: Option<u32>,
    from: Option<String>,
    event: Option<String>,
    review_on: Option<String>,
}

impl From<WrittenSeries> for SeriesRule {
    fn from(written: WrittenSeries) -> Self {
        let WrittenSeries { agency, kind, attributes, series } = written;
        Self { who: Who { agency, kind, attributes }, series }
    }
}

impl TryFrom<WrittenLabel> for LabelRule {
    type Error = String;

    fn try_from(written: WrittenLabel) -> Result<Self, String> {
        let WrittenLabel { series, agency, kind, attributes, level, categories, declassify } = written;
        let declassify = declassify.map(WrittenDeclassify::read).transpose()?;
        Ok(Self { who: Who { agency, kind, attributes }, series, level, categories, declassify })
    }
}

impl WrittenDeclassify {
    fn read(self) -> Result<Declassify, String> {
        let date = |text: &str| Date::parse(text).ok_or_else(|| format!("`{text}` is no date such as 2030-12-31"));
        match self {
            Self { on: Some(on), after_years: None, from: None, event: None, review_on: None } => {
                date(&on).map(Declassify::On)
            }
            Self { on: None, after_years: Some(years), from, event: None, review_on: None } => {
                let from = from.as_deref().unwrap_or("creation");
                let trigger = Trigger::parse(from).ok_or_else(|| {
                    format!("`{from}` is no trigger: write creation, closed, superseded or event:NAME")
                })?;
                Ok(Declassify::After(Period::years(years), trigger))
            }
            Self { on: None, after_years: None, from: None, event: Some(event), review_on: None }
                if !event.is_empty() =>
            {
                Ok(Declassify::Event(event))
            }
            Self { on: None, after_years: None, from: None, event: None, review_on: Some(on) } => {
                date(&on).map(Declassify::ReviewOn)
            }
            _ => Err("`declassify` is one of `on`, `after_years` (with `from`), `event` and `review_on`".into()),
        }
    }
}

impl Config {
    /// Reads and checks a configuration.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let read: Self = config::read(text)?;
        if read.series.len().max(read.labels.len()) > RULES_MAX {
            return Err(format!("the configuration has more than {RULES_MAX} rules of one sort"));
        }
        if read.ancestors > ANCESTORS_MAX {
            return Err(format!("`ancestors` is {}, and may be at most {ANCESTORS_MAX} hops", read.ancestors));
        }
        if read.series.iter().any(|rule| rule.series.is_empty()) {
            return Err("a rule gives an empty series".into());
        }
        Ok(read)
    }

    /// The attributes that rules name.
    pub(crate) fn attributes(&self) -> Vec<String> {
        let who = self.series.iter().map(|rule| &rule.who).chain(self.labels.iter().map(|rule| &rule.who));
        let names: BTreeSet<&String> = who.flat_map(|who| who.attributes.keys()).collect();
        names.into_iter().cloned().collect()
    }

    /// The ladder is the host's, so a level is checked when it is there.
    pub(crate) fn check_levels(&self, ladder: &[String]) -> Result<(), String> {
        let named = self.labels.iter().map(|rule| &rule.level).chain(&self.default_level);
        match named.into_iter().find(|level| !ladder.contains(level)) {
            Some(level) => {
                Err(format!("the configuration names the level `{level}`, which is none of {}", ladder.join(", ")))
            }
            None => Ok(()),
        }
    }
}

impl Who {
    /// Whether a record is what the rule is for.
    pub(crate) fn matches(&self, path: &str, subject: &Subject) -> bool {
        self.agency.as_ref().is_none_or(|agency| within(agency, path))
            && self.kind.as_ref().is_none_or(|kind| subject.kind.as_ref() == Some(kind))
            && subject.attributes_match(self.attributes.iter().map(|(name, glob)| (name.as_str(), glob.0.as_str())))
    }
}

impl Declassify {
    /// When that is for one record.
    pub(crate) fn of(&self, subject: &Subject) -> Declassification {
        match self {
            Self::On(date) => Declassification::On(*date),
            Self::ReviewOn(date) => Declassification::ReviewOn(*date),
            Self::Event(name) => Declassification::OnEvent(name.clone()),
            Self::After(period, trigger) => {
                let on = subject.started(trigger).and_then(|occurrence| occurrence.on);
                let day = on.and_then(|on| period.after(on)?.next());
                day.map_or(Declassification::Never, Declassification::On)
            }
        }
    }
}
