//! Which field of a decision differs.

use serde_json::Value;

/// What a value is shortened to in a report.
const TEXT_BYTES_MAX: usize = 200;

/// A field that differs, with what it says on each side.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) recorded: String,
    pub(super) replayed: String,
}

/// The first field that differs within each of a body's own fields, in their order; bytes that differ and say the same
/// are said to be `bytes`.
pub(super) fn fields(recorded: &[u8], replayed: &[u8]) -> Vec<Field> {
    let text = |bytes: &[u8]| shortened(&String::from_utf8_lossy(bytes));
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    let whole = |name: &str| vec![Field { name: name.to_owned(), recorded: text(recorded), replayed: text(replayed) }];
    let (Some(Value::Object(one)), Some(Value::Object(other))) = (parse(recorded), parse(replayed)) else {
        return whole("body");
    };
    let names: Vec<&String> = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name))).collect();
    let found: Vec<Field> =
        names.into_iter().filter_map(|name| first(name.clone(), one.get(name), other.get(name))).collect();
    if found.is_empty() { whole("bytes") } else { found }
}

fn first(path: String, one: Option<&Value>, other: Option<&Value>) -> Option<Field> {
    match (one, other) {
        (Some(one), Some(other)) if one == other => None,
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            names.into_iter().find_map(|name| first(format!("{path}.{name}"), one.get(name), other.get(name)))
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => (0..one.len().max(other.len()))
            .find_map(|index| first(format!("{path}[{index}]"), one.get(index), other.get(index))),
        (one, other) => Some(Field { name: path, recorded: said(one), replayed: said(other) }),
    }
}

fn said(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => shortened(text),
        Some(value) => shortened(&value.to_string()),
    }
}

fn shortened(text: &str) -> String {
    let end = (0..=text.len().min(TEXT_BYTES_MAX)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let cut = text.get(..end).unwrap_or_default();
    if cut.len() < text.len() { format!("{cut}…") } else { cut.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_that_differs_is_named_by_its_path_and_facts_apart_from_the_answer() {
        let one = br#"{"facts":"1","record":"a","verdict":{"retention":{"reasons":[{"code":"rule"}],"term":{"until":"2011-01-01"}}}}"#;
        let other =
            br#"{"facts":"2","record":"a","verdict":{"retention":{"reasons":[],"term":{"until":"2012-01-01"}}}}"#;
        let found = fields(one, other);
        let names: Vec<&str> = found.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["facts", "verdict.retention.reasons[0]"]);
        let until = br#"{"facts":"1","record":"a","verdict":{"retention":{"reasons":[{"code":"rule"}],"term":{"until":"2012-01-01"}}}}"#;
        let found = fields(one, until);
        let field = &found[0];
        assert_eq!(field.name, "verdict.retention.term.until");
        assert_eq!((field.recorded.as_str(), field.replayed.as_str()), ("2011-01-01", "2012-01-01"));
    }

    #[test]
    fn bytes_that_say_the_same_in_another_way_differ_all_the_same() {
        assert_eq!(fields(b"{\"a\":1}", b"{ \"a\":1}")[0].name, "bytes");
        assert_eq!(fields(b"{\"a\":1}", b"not json")[0].name, "body");
    }
}
