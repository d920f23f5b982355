//! The two shapes in which a state's series are published.

use crate::{IngestError, shortened};
use serde::Deserialize;
use serde_json::Value;

/// An object of the source, whichever shape it had.
#[derive(Debug, Clone, Default)]
pub(super) struct Object {
    pub(super) schedule: String,
    pub(super) series: String,
    pub(super) title: String,
    pub(super) code: String,
    /// What starts the clock, or the whole rule, in the source's words.
    pub(super) trigger: String,
    pub(super) years: Value,
    pub(super) months: Value,
    pub(super) weeks: Value,
    pub(super) days: Value,
    pub(super) comments: String,
    pub(super) disposition: String,
    pub(super) citations: Vec<String>,
}

#[derive(Deserialize)]
struct Nested {
    schedule_metadata: ScheduleMetadata,
    series_metadata: SeriesMetadata,
    #[serde(default)]
    retention_rules: RetentionRules,
    #[serde(default)]
    tracking_data: TrackingData,
    #[serde(default)]
    retention_code: Option<String>,
    #[serde(default)]
    retention_weeks: Value,
    #[serde(default)]
    retention_days: Value,
}

#[derive(Deserialize)]
struct ScheduleMetadata {
    schedule_id: String,
}

#[derive(Deserialize)]
struct SeriesMetadata {
    series_id: String,
    #[serde(default)]
    series_title: Option<String>,
    #[serde(default)]
    legal_citation: Option<String>,
}

#[derive(Default, Deserialize)]
struct RetentionRules {
    #[serde(default)]
    trigger_event: Option<String>,
    #[serde(default)]
    duration_years: Value,
    #[serde(default)]
    duration_months: Value,
    #[serde(default)]
    disposition_method: Option<String>,
}

#[derive(Default, Deserialize)]
struct TrackingData {
    #[serde(default)]
    comments: Option<String>,
}

#[derive(Deserialize)]
struct Flat {
    schedule_id: String,
    series_id: String,
    #[serde(default)]
    series_title: Option<String>,
    #[serde(default)]
    retention_statement: Option<String>,
    #[serde(default)]
    retention_years: Value,
    #[serde(default)]
    retention_months: Value,
    #[serde(default)]
    retention_weeks: Value,
    #[serde(default)]
    retention_days: Value,
    #[serde(default)]
    retention_code: Option<String>,
    #[serde(default)]
    comments: Option<String>,
    #[serde(default)]
    disposition: Option<String>,
    #[serde(default)]
    legal_citation: Option<String>,
}

impl Object {
    /// Reads an object of either shape.
    ///
    /// # Errors
    /// When it is no JSON, has neither shape, or does not say which series it is.
    pub(super) fn parse(text: &str) -> Result<Self, IngestError> {
        #[derive(Deserialize)]
        struct Shape {
            #[serde(default)]
            schedule_metadata: Option<serde::de::IgnoredAny>,
        }
        let shape: Shape = read(text)?;
        let object = match shape.schedule_metadata {
            Some(_) => Self::from(read::<Nested>(text)?),
            None => Self::from(read::<Flat>(text)?),
        };
        for (name, value) in [("schedule_id", &object.schedule), ("series_id", &object.series)] {
            if value.trim().is_empty() {
                return Err(IngestError::Schedule(format!(
                    "`{name}` is empty: the object does not say which series it is"
                )));
            }
        }
        if object.schedule.contains('/') {
            let shown = shortened(&object.schedule);
            return Err(IngestError::Schedule(format!("`schedule_id` is `{shown}`: it must not hold a slash")));
        }
        Ok(object)
    }

    /// What the source's notes say beside the rule: all of it is kept for a person to read.
    pub(super) fn notes(&self) -> Vec<String> {
        [&self.comments, &self.disposition].into_iter().filter(|text| !text.trim().is_empty()).cloned().collect()
    }

    /// Every text in which the source may speak of archives or combine conditions.
    pub(super) fn said(&self) -> Vec<&str> {
        vec![&self.comments, &self.disposition, &self.trigger]
    }

    /// The rule as the source has it, for a person to read.
    pub(super) fn rule_in_words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for (name, text) in [("code", &self.code), ("trigger", &self.trigger)] {
            if !text.trim().is_empty() {
                words.push(format!("{name} `{text}`"));
            }
        }
        let periods = [("years", &self.years), ("months", &self.months), ("weeks", &self.weeks), ("days", &self.days)];
        for (name, value) in periods {
            match value {
                Value::Null => {}
                Value::String(text) if text.is_empty() => {}
                value => words.push(format!("{name} {value}")),
            }
        }
        words.join(", ")
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, IngestError> {
    serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            IngestError::Schedule(format!("it is no series: {error}"))
        } else {
            IngestError::Json(error.to_string())
        }
    })
}

fn citations(text: Option<String>) -> Vec<String> {
    text.into_iter().filter(|text| !text.trim().is_empty()).collect()
}

impl From<Nested> for Object {
    fn from(nested: Nested) -> Self {
        Self {
            schedule: nested.schedule_metadata.schedule_id,
            series: nested.series_metadata.series_id,
            title: nested.series_metadata.series_title.unwrap_or_default(),
            code: nested.retention_code.unwrap_or_default(),
            trigger: nested.retention_rules.trigger_event.unwrap_or_default(),
            years: nested.retention_rules.duration_years,
            months: nested.retention_rules.duration_months,
            weeks: nested.retention_weeks,
            days: nested.retention_days,
            comments: nested.tracking_data.comments.unwrap_or_default(),
            disposition: nested.retention_rules.disposition_method.unwrap_or_default(),
            citations: citations(nested.series_metadata.legal_citation),
        }
    }
}

impl From<Flat> for Object {
    fn from(flat: Flat) -> Self {
        Self {
            schedule: flat.schedule_id,
            series: flat.series_id,
            title: flat.series_title.unwrap_or_default(),
            code: flat.retention_code.unwrap_or_default(),
            trigger: flat.retention_statement.unwrap_or_default(),
            years: flat.retention_years,
            months: flat.retention_months,
            weeks: flat.retention_weeks,
            days: flat.retention_days,
            comments: flat.comments.unwrap_or_default(),
            disposition: flat.disposition.unwrap_or_default(),
            citations: citations(flat.legal_citation),
        }
    }
}
