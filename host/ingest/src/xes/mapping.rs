//! How the traces of a log become records: a TOML file.

use super::attributes::Flat;
use crate::{IngestError, shortened};
use fonds_model::{Digest, SeriesId};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// A mapping; its id is the SHA-256 of its bytes, so that another mapping of the same log is another source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub(super) id: String,
    pub(super) record: Template,
    pub(super) agency: Option<Template>,
    pub(super) title: Option<Template>,
    pub(super) created: Option<String>,
    pub(super) closed: Option<String>,
    series: Vec<SeriesWhen>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    record: WireRecord,
    #[serde(default)]
    series: Vec<WireSeries>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRecord {
    id: String,
    agency: Option<String>,
    title: Option<String>,
    created: Option<String>,
    closed: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSeries {
    #[serde(default)]
    when: BTreeMap<String, String>,
    series: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SeriesWhen {
    when: BTreeMap<String, String>,
    series: SeriesId,
}

impl Mapping {
    /// Reads a mapping.
    ///
    /// # Errors
    /// [`IngestError::Mapping`] when it is no TOML, has a field that mappings do not have, or a template is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, IngestError> {
        let wrong = |why: String| IngestError::Mapping(why);
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
        let wire: Wire = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let record = Template::parse(&wire.record.id)?;
        if !record.0.iter().any(|part| matches!(part, Part::Attribute(_))) {
            let id = shortened(&wire.record.id);
            return Err(wrong(format!(
                "`record.id` is `{id}`, which gives all cases one id; write `{{concept:name}}`"
            )));
        }
        let template = |text: Option<String>| text.as_deref().map(Template::parse).transpose();
        let series = wire.series.into_iter().map(|rule| {
            let series = SeriesId::new(rule.series).map_err(|error| wrong(error.to_string()))?;
            Ok(SeriesWhen { when: rule.when, series })
        });
        Ok(Self {
            id: Digest(Sha256::digest(bytes).into()).to_hex(),
            record,
            agency: template(wire.record.agency)?,
            title: template(wire.record.title)?,
            created: wire.record.created,
            closed: wire.record.closed,
            series: series.collect::<Result<_, IngestError>>()?,
        })
    }

    /// The mapping's id: 64 hex digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The series of a case: the first that matches, if any.
    pub(super) fn series(&self, case: &Flat) -> Option<&SeriesId> {
        let matches = |rule: &&SeriesWhen| {
            rule.when.iter().all(|(name, value)| case.get(name).is_some_and(|found| found.to_text() == *value))
        };
        self.series.iter().find(matches).map(|rule| &rule.series)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Attribute(String),
}

/// A text with `{attribute}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

impl Template {
    fn parse(text: &str) -> Result<Self, IngestError> {
        let broken = || IngestError::Mapping(format!("`{}` has a brace without its partner", shortened(text)));
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(broken)?;
            if before.contains('}') || name.contains('{') || name.is_empty() {
                return Err(broken());
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Attribute(name.to_owned()));
            rest = after;
        }
        if rest.contains('}') {
            return Err(broken());
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The text for one case.
    pub(super) fn fill(&self, case: &Flat) -> Result<String, IngestError> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Attribute(name) => match case.get(name) {
                    Some(value) => text.push_str(&value.to_text()),
                    None => {
                        let why = format!("the trace has no attribute `{name}`, which the mapping asks for");
                        return Err(IngestError::Trace(why));
                    }
                },
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        Mapping::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_mapping_says_what_is_wrong_with_it() {
        assert!(why("[record]\nid = 'case'").contains("gives all cases one id"));
        assert!(why("[record]\nid = '{a'").contains("brace"));
        assert!(why("[record]\nid = '{a}}'").contains("brace"));
        assert!(why("[record]\nid = '{a}'\nclose = 'x'").contains("close"));
        assert!(why("[record]\nid = '{a}'\n[[series]]\nseries = ''").contains("not an id"));
        assert!(why("id").contains("the mapping cannot be used"));
    }

    #[test]
    fn another_mapping_has_another_id() {
        let id = |text: &str| Mapping::parse(text.as_bytes()).unwrap().id;
        assert_ne!(id("[record]\nid = '{a}'"), id("[record]\nid = '{a}' "));
    }
}
