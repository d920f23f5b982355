//! Reading a policy's configuration: JSON, with unknown fields refused by whoever derives `deny_unknown_fields`.

use crate::{Date, Trigger, matches};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Reads a configuration; an empty one is `{}`.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read<C: for<'de> Deserialize<'de>>(config: &str) -> Result<C, String> {
    let config = if config.trim().is_empty() { "{}" } else { config };
    // serde would also take a list for a struct, field by field.
    if !config.trim_start().starts_with('{') {
        return Err("the configuration must be a JSON object".into());
    }
    serde_json::from_str(config).map_err(|error| format!("the configuration cannot be read: {error}"))
}

/// A pattern in which `*` stands for any text and `?` for one character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Glob(pub String);

impl Glob {
    /// Whether it matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        matches(&self.0, text)
    }
}

/// For `#[serde(deserialize_with)]`: a date written `YYYY-MM-DD`.
///
/// # Errors
/// When it is no such date.
pub fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    Date::parse(&text).ok_or_else(|| D::Error::custom(format_args!("`{text}` is no date such as 2030-12-31")))
}

/// For `#[serde(deserialize_with)]`: a trigger written `creation`, `closed`, `superseded` or `event:NAME`.
///
/// # Errors
/// When it is no trigger.
pub fn trigger<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Trigger, D::Error> {
    let text = String::deserialize(deserializer)?;
    Trigger::parse(&text).ok_or_else(|| {
        D::Error::custom(format_args!("`{text}` is no trigger: write creation, closed, superseded or event:NAME"))
    })
}
