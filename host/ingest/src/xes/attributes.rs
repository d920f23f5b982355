//! Attributes of a trace or an event, flattened: what is nested is `key/sub`.

use crate::IngestError;
use fonds_model::body::{AttributeValue, Attributes};
use fonds_model::date::Written;
use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;
use std::collections::BTreeMap;

/// The attributes of one trace or event by their path, and how often each path has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Flat(BTreeMap<String, AttributeValue>, BTreeMap<String, u32>);

impl Flat {
    pub(super) fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.0.get(name)
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_attributes(self) -> Attributes {
        self.0
    }

    /// Puts an attribute in; the second of a list with the same key is `key/2`.
    pub(super) fn insert(&mut self, path: &str, value: AttributeValue) -> String {
        let count = self.1.entry(path.to_owned()).and_modify(|count| *count += 1).or_insert(1);
        let name = if *count == 1 { path.to_owned() } else { format!("{path}/{count}") };
        self.0.insert(name.clone(), value);
        name
    }

    /// The date of an attribute as it was written; `None` when there is no such attribute.
    pub(super) fn date(&self, name: &str) -> Result<Option<String>, IngestError> {
        self.get(name).map(|value| date(name, &value.to_text())).transpose()
    }
}

/// A date as an envelope keeps it: as written; one without an offset is read as UTC.
fn date(key: &str, text: &str) -> Result<String, IngestError> {
    let in_utc = format!("{text}Z");
    if Written::parse(text).is_ok() {
        Ok(text.to_owned())
    } else if Written::parse(&in_utc).is_ok() {
        Ok(in_utc)
    } else {
        let text = crate::shortened(text);
        Err(IngestError::Trace(format!("`{key}` is `{text}`, which is no date")))
    }
}

/// The `key` and `value` of an attribute's element.
pub(super) fn key_and_value(tag: &BytesStart<'_>) -> Result<(Option<String>, Option<String>), IngestError> {
    let (mut key, mut value) = (None, None);
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| IngestError::Trace(format!("the XML is broken: {error}")))?;
        let text = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| IngestError::Trace(format!("the XML is broken: {error}")))?;
        let name: &[u8] = attribute.key.as_ref().as_ref();
        match name {
            b"key" => key = Some(text.into_owned()),
            b"value" => value = Some(text.into_owned()),
            _ => {}
        }
    }
    Ok((key, value))
}

/// A value by the name of its element; `None` for a list or container, which has none of its own.
pub(super) fn typed(kind: &[u8], key: &str, value: Option<String>) -> Result<Option<AttributeValue>, IngestError> {
    let wrong = |what: &str, text: &str| {
        let text = crate::shortened(text);
        Err(IngestError::Trace(format!("`{key}` is `{text}`, which is no {what}")))
    };
    let Some(text) = value else {
        return match kind {
            b"list" | b"container" => Ok(None),
            _ => Err(IngestError::Trace(format!("`{key}` has no value"))),
        };
    };
    Ok(Some(match kind {
        b"int" => match text.trim().parse::<i64>() {
            Ok(number) => AttributeValue::Number(number.into()),
            Err(_) => return wrong("whole number", &text),
        },
        b"float" => match text.trim().parse::<f64>() {
            Ok(number) => {
                serde_json::Number::from_f64(number).map_or(AttributeValue::Text(text), AttributeValue::Number)
            }
            Err(_) => return wrong("number", &text),
        },
        b"boolean" => match text.trim() {
            "true" | "1" => AttributeValue::Bool(true),
            "false" | "0" => AttributeValue::Bool(false),
            _ => return wrong("truth value", &text),
        },
        b"date" => {
            date(key, &text)?;
            AttributeValue::Text(text)
        }
        _ => AttributeValue::Text(text),
    }))
}
