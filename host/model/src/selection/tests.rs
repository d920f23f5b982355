//! What the query language promises, and that no text makes it panic.

use super::{CONDITIONS_MAX, Dated, Query, QueryError, Selectable, Selection, TEXT_BYTES_MAX};
use crate::{AgencyPath, EntityId, Label, PartialDate, SeriesId};
use proptest::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;

#[derive(Debug, Clone)]
struct Permit {
    id: &'static str,
    created: Dated,
    closed: Dated,
    title: Option<&'static str>,
    level: Option<&'static str>,
    attributes: BTreeMap<&'static str, &'static str>,
}

fn on(date: &str) -> Dated {
    Dated::On(PartialDate::parse(date).unwrap())
}

fn permit() -> Permit {
    Permit {
        id: "permit/2010-0042",
        created: on("2010-03"),
        closed: Dated::Never,
        title: Some("Building permit, Waterloo square"),
        level: Some("confidential"),
        attributes: [("cost", "120"), ("street name", "Waterloo \"square\"")].into(),
    }
}

impl Selectable for Permit {
    type Error = Infallible;
    fn id(&self) -> &str {
        self.id
    }
    fn is_of(&self, agency: &AgencyPath) -> Result<bool, Infallible> {
        Ok(AgencyPath::new("nl/wabo/zuid").unwrap().is_within(agency.as_str()))
    }
    fn agencies(&self) -> Result<Vec<String>, Infallible> {
        Ok(vec!["nl/wabo/zuid".to_owned()])
    }
    fn series(&self) -> Result<Option<Cow<'_, str>>, Infallible> {
        Ok(Some("tx/783/597".into()))
    }
    fn label(&self) -> Result<Option<Label>, Infallible> {
        Ok(self.level.map(|level| Label { level: level.to_owned(), categories: vec!["medical".to_owned()] }))
    }
    fn state(&self) -> &'static str {
        "open"
    }
    fn created(&self) -> Dated {
        self.created
    }
    fn closed(&self) -> Dated {
        self.closed
    }
    fn title(&self) -> Option<&str> {
        self.title
    }
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).copied()
    }
}

fn selects(query: &str) -> bool {
    let Ok(selected) = Query::parse(query).unwrap().selects(&permit());
    selected
}

#[test]
fn a_query_selects_by_what_it_says_of_each_field() {
    for query in [
        "id = permit/2010-0042",
        "id ~ PERMIT/2010-",
        "id ~ 'permit/*-004?'",
        "agency = nl/wabo",
        "agency ~ */zuid",
        "agency != nl/wabo/noord",
        "series = tx/783/597",
        "state = open",
        "label >= confidential and label < top-secret",
        "label ~ medical",
        "created = 2010 and created < 2010-04 and created >= 2010",
        "title ~ 'waterloo'",
        "attributes.cost > 13 and attributes.cost <= 120.0",
        "attributes.\"street name\" = 'Waterloo \"square\"'",
        "attributes.absent != 7",
        "closed != 2010",
        "not closed < 2030",
        "id = x or (state = open and not (title ~ harbour))",
    ] {
        assert!(selects(query), "{query}");
    }
    for query in [
        "id = permit",
        "id ~ 'ermit/*'",
        "agency = nl/wab",
        "series = tx/783/59",
        "state != open",
        "label > confidential",
        "label = secret",
        "created < 2010",
        "created > 2010-03",
        "closed <= 2030",
        "title = 'building permit, waterloo square'",
        "attributes.cost < 13",
        "attributes.absent = 7",
        "attributes.absent ~ 7",
        "id = x and state = open or title ~ harbour",
    ] {
        assert!(!selects(query), "{query}");
    }
}

#[test]
fn what_a_rough_date_leaves_open_is_selected_also_when_it_is_denied() {
    // Some day in March 2010: whether before the 15th nobody knows.
    assert!(selects("created < 2010-03-15") && selects("not created < 2010-03-15"));
    assert!(selects("created = 2010-03-15") && selects("created != 2010-03-15"));
    assert!(!selects("created < 2010-03-15 and state = closed"));
    assert!(selects("created < 2010-03-15 and state = open"));
    let unknown = Permit { closed: Dated::SomeDay, ..permit() };
    let Ok(selected) = Query::parse("closed < 1950").unwrap().selects(&unknown);
    assert!(selected, "closed on a day that nobody wrote down");
}

#[test]
fn numbers_are_compared_exactly_whatever_their_length() {
    let with = |cost, query| {
        let permit = Permit { attributes: [("cost", cost)].into(), ..permit() };
        let Ok(selected) = Query::parse(query).unwrap().selects(&permit);
        selected
    };
    assert!(with("9007199254740993", "attributes.cost > 9007199254740992"));
    assert!(with("-10", "attributes.cost < -9.5") && with("-0", "attributes.cost >= 0.00"));
    assert!(with("0.05", "attributes.cost < 0.5") && with("007", "attributes.cost <= 7"));
    assert!(with("9", "attributes.cost < 10") && with("9a", "attributes.cost > 10a"));
}

#[test]
fn a_query_without_a_condition_or_true_of_everything_is_refused() {
    for query in ["", "   ", "\n\t"] {
        assert_eq!(Query::parse(query), Err(QueryError::Empty), "{query:?}");
    }
    for query in ["id ~ *", "title ~ '**?'", "id ~ ''", "id = \"\"", "title != ''", "attributes.a >= ''"] {
        assert!(matches!(Query::parse(query), Err(QueryError::Everything(_))), "{query:?}");
    }
    assert!(Selection::default().is_empty() && !Selection::default().selects(&permit()).unwrap());
}

#[test]
fn what_is_no_query_says_where_and_what_should_stand_there() {
    for query in [
        "()",
        "(",
        ")",
        "id",
        "id =",
        "= a",
        "id = a b",
        "id = a and",
        "or id = a",
        "not",
        "id ! a",
        "id = and",
        "colour = red",
        "attributes. = 1",
        "attributes.\"\" = 1",
        "state = lost",
        "state < open",
        "agency < nl",
        "created ~ 2010",
        "created = May",
        "created = 2010-13",
        "label > mine",
        "id = 'a",
        "(id = a",
        "id = a)",
        "id == a",
        "ID = a",
        "id = a id = b",
        "attributes .x = 1",
    ] {
        let error = Query::parse(query).expect_err(query).to_string();
        assert!(error.contains("the query is not understood at"), "{query:?}: {error}");
    }
    let error = Query::parse("state = open and colour = red").unwrap_err().to_string();
    assert!(error.contains("`colour`, the character at 18"), "{error}");
}

#[test]
fn a_hostile_query_is_refused_before_it_costs_anything() {
    let deep = format!("{}id = a{}", "(".repeat(8_000), ")".repeat(8_000));
    assert_eq!(Query::parse(&deep), Err(QueryError::TooDeep));
    assert_eq!(Query::parse(&format!("{}id = a", "not ".repeat(4_000))), Err(QueryError::TooDeep));
    assert_eq!(Query::parse(&"(".repeat(16_000)), Err(QueryError::TooDeep));
    assert_eq!(Query::parse(&"x".repeat(TEXT_BYTES_MAX + 1)), Err(QueryError::TooLong));
    let many = vec!["id=a"; CONDITIONS_MAX + 1].join(" or ");
    assert_eq!(Query::parse(&many), Err(QueryError::TooMany));
    // Short as it is written, and long as it is kept.
    let quoted = format!("id = '{}'", "\"".repeat(TEXT_BYTES_MAX - 10));
    assert_eq!(Query::parse(&quoted), Err(QueryError::TooLong));
    let slow = format!("title ~ '{}b'", "a*".repeat(4_000));
    let permit = Permit { title: Some(Box::leak("a".repeat(20_000).into_boxed_str())), ..permit() };
    let started = std::time::Instant::now();
    let Ok(selected) = Query::parse(&slow).unwrap().selects(&permit);
    assert!(!selected && started.elapsed().as_secs() < 20);
}

#[test]
fn a_query_is_kept_in_one_way_of_writing() {
    for (written, kept) in [
        ("id=a", "id = \"a\""),
        ("((id = 'a'))", "id = \"a\""),
        ("not not state=open", "state = \"open\""),
        ("(id=a AND id=b) and id=c", "id = \"a\" and id = \"b\" and id = \"c\""),
        ("id=a and (id=b or id=c)", "id = \"a\" and (id = \"b\" or id = \"c\")"),
        ("not (id=a or id=b)", "not (id = \"a\" or id = \"b\")"),
        ("created<2010", "created < 2010"),
        ("attributes.x~'a\"\\\\'", "attributes.\"x\" ~ \"a\\\"\\\\\""),
    ] {
        let query = Query::parse(written).unwrap();
        assert_eq!(query.as_str(), kept);
        assert_eq!(Query::parse(kept).unwrap(), query);
    }
}

#[test]
fn a_logged_query_that_cannot_be_read_keeps_its_text_and_selects_everything() {
    let text = "\"colour = red\"";
    let query: Query = serde_json::from_str(text).unwrap();
    assert!(query.term().is_none());
    let Ok(selected) = query.selects(&permit());
    assert!(selected);
    assert_eq!(serde_json::to_string(&query).unwrap(), text);
}

#[test]
fn a_selection_of_records_reads_as_it_was_written_before_there_were_others() {
    let old: Selection = serde_json::from_str(r#"{"records":["a"]}"#).unwrap();
    assert_eq!(old.records, [EntityId::new("a").unwrap()]);
    assert!(!old.is_empty() && !old.is_open());
    assert_eq!(serde_json::to_string(&old).unwrap(), r#"{"records":["a"]}"#);
    let series = Selection { series: vec![SeriesId::new("tx/783/597").unwrap()], ..Selection::default() };
    assert!(series.selects(&permit()).unwrap());
    let agency = Selection { agencies: vec![AgencyPath::new("nl").unwrap()], ..Selection::default() };
    assert!(agency.selects(&permit()).unwrap());
}

fn query() -> impl Strategy<Value = String> {
    let value = prop_oneof!["[a-z*?]{1,5}", "\"[ -!#-\\[\\]-~]{1,8}\"", "20[0-9]{2}(-0[1-9])?"];
    let field = proptest::sample::select(&["id", "title", "series", "created", "attributes.x", "attributes.'y z'"][..]);
    let op = proptest::sample::select(&["=", "!=", "<", "<=", ">", ">=", "~"][..]);
    let leaf = (field, op, value).prop_map(|(field, op, value)| format!("{field} {op} {value}"));
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("not {one}")),
            inner.clone().prop_map(|one| format!("({one})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} and ({other})")),
            (inner.clone(), inner).prop_map(|(one, other)| format!("({one}) or {other}")),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        let _ = Query::parse(&text);
        let _ = serde_json::from_value::<Query>(text.into()).unwrap().selects(&permit());
    }

    #[test]
    fn no_pieces_of_a_query_make_the_reader_panic(
        pieces in proptest::collection::vec(proptest::sample::select(
            &["(", ")", "not", "and", "or", "id", "=", "!", "<", "~", "'", "\"", "\\", "a*", "attributes.", "created", "2010", " "][..]
        ), 0..60)
    ) {
        let text = pieces.concat();
        if let Ok(query) = Query::parse(&text) {
            prop_assert_eq!(Query::parse(query.as_str()).unwrap(), query);
        }
        let _ = Query::parse(&pieces.join(" "));
    }

    #[test]
    fn what_is_kept_reads_as_what_was_written(text in query()) {
        if let Ok(query) = Query::parse(&text) {
            let again = Query::parse(query.as_str()).unwrap();
            prop_assert_eq!(&again, &query);
            let (Ok(one), Ok(other)) = (query.selects(&permit()), again.selects(&permit()));
            prop_assert_eq!(one, other);
        }
    }
}
