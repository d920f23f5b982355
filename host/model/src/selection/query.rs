//! The query language: conditions over a record's fields, joined by `and`, `or` and `not`.
//!
//! ```text
//! query     = term { "or" term }                    `and` binds closer than `or`, and `not` closest
//! term      = factor { "and" factor }
//! factor    = "not" factor | "(" query ")" | condition
//! condition = field operator value
//! field     = id | agency | series | state | label | created | closed | title | attributes.NAME | attributes."NAME"
//! operator  = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~"
//! value     = a word, or a text in "…" or '…' in which \ stands before a quote or another \
//! ```
//!
//! - `id`, `series`, `title` and attributes are texts: `=` compares byte for byte; `<` and its like compare two numbers as
//!   numbers and all else as text. `~` is true of a text that contains the value, or, where the value has `*` or `?`, of one
//!   that it fits as a pattern; it does not tell upper from lower case.
//! - `agency = PATH` is that agency and all below it, as everywhere; it follows renaming and succession. `~` looks at the path
//!   that was named and at the one that answers now.
//! - `state` is open, closed, superseded, transferred, archived or destroyed. `label` compares levels on the ladder; `label ~`
//!   looks at categories too.
//! - `created` and `closed` are dates, as exact as they are known. `created = 2010` is any day of 2010. Where a date that is
//!   known only to the month or the year leaves it open whether a condition is true, it counts as if it were, also under `not`:
//!   a hold rather holds too much.
//! - Of a field that a record does not have, only `!=` is true.

use crate::PartialDate;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A query has at most this many bytes, as it is written and as it is kept.
pub const TEXT_BYTES_MAX: usize = 16_384;

/// Parentheses and `not` go at most this deep.
pub const DEPTH_MAX: usize = 32;

/// A query has at most this many conditions.
pub const CONDITIONS_MAX: usize = 512;

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It has no condition.
    #[error("the query is empty, and an empty query selects nothing: write a condition, such as `series = tx/1/A`")]
    Empty,
    /// It is too long.
    #[error("the query is longer than {TEXT_BYTES_MAX} bytes: place several holds, or name the records in a file")]
    TooLong,
    /// It is too deep.
    #[error("the query goes deeper than {DEPTH_MAX} parentheses: write it with fewer")]
    TooDeep,
    /// It has too many conditions.
    #[error("the query has more than {CONDITIONS_MAX} conditions: name the records in a file")]
    TooMany,
    /// A condition that is true of everything.
    #[error("`{0}` is true of everything, and a selection is never all records: say which")]
    Everything(String),
    /// Something stands where something else should.
    #[error("the query is not understood at `{found}`, the character at {at}: {wanted}")]
    Unexpected {
        /// What stands there, shortened.
        found: String,
        /// Where, in characters, from 1.
        at: usize,
        /// What should stand there.
        wanted: &'static str,
    },
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The record's id.
    Id,
    /// Who answers for it.
    Agency,
    /// Its series in force.
    Series,
    /// Where it is in its life.
    State,
    /// The level of its label in force.
    Label,
    /// When it was created.
    Created,
    /// When it was closed.
    Closed,
    /// What people call it.
    Title,
    /// An attribute.
    Attribute(String),
}

/// How a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// `=`
    Is,
    /// `!=`
    IsNot,
    /// `<`
    Less,
    /// `<=`
    LessOrIs,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrIs,
    /// `~`
    Like,
}

impl Op {
    /// The sign for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Op::Is => "=",
            Op::IsNot => "!=",
            Op::Less => "<",
            Op::LessOrIs => "<=",
            Op::Greater => ">",
            Op::GreaterOrIs => ">=",
            Op::Like => "~",
        }
    }
}

/// What a condition compares with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A date.
    Date(PartialDate),
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it looks at.
    pub field: Field,
    /// How it compares.
    pub op: Op,
    /// With what.
    pub value: Value,
}

/// A part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// One condition.
    If(Condition),
    /// Not this.
    Not(Box<Term>),
    /// All of these; two or more.
    And(Vec<Term>),
    /// Any of these; two or more.
    Or(Vec<Term>),
}

/// A query that was read once, at the edge, and its text in one way of writing it.
///
/// One that was logged and cannot be read here (a later version wrote it) keeps its text and selects every record: to hold
/// too much is safe, and to hold nothing is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Query {
    text: String,
    term: Option<Term>,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// [`QueryError`] for what is none, is too long or too deep, or is true of everything.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let term = super::parse::parse(text)?;
        let text = term.to_string();
        if text.len() > TEXT_BYTES_MAX {
            return Err(QueryError::TooLong);
        }
        Ok(Self { text, term: Some(term) })
    }

    /// The one way of writing it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it says; `None` when this version cannot read it.
    #[must_use]
    pub fn term(&self) -> Option<&Term> {
        self.term.as_ref()
    }
}

impl From<String> for Query {
    fn from(text: String) -> Self {
        let term = super::parse::parse(&text).ok();
        Self { text, term }
    }
}

impl From<Query> for String {
    fn from(query: Query) -> String {
        query.text
    }
}

impl schemars::JsonSchema for Query {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Query".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text in double quotes.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{character}")?;
    }
    f.write_str("\"")
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Id => "id",
            Field::Agency => "agency",
            Field::Series => "series",
            Field::State => "state",
            Field::Label => "label",
            Field::Created => "created",
            Field::Closed => "closed",
            Field::Title => "title",
            Field::Attribute(name) => {
                f.write_str("attributes.")?;
                return quoted(f, name);
            }
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.field, self.op.as_str())?;
        match &self.value {
            Value::Text(text) => quoted(f, text),
            Value::Date(date) => write!(f, "{date}"),
        }
    }
}

impl Term {
    /// Writes it within a term that binds as close as `and` does, or closer.
    fn within(&self, f: &mut fmt::Formatter<'_>, is_bound: bool) -> fmt::Result {
        if is_bound { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::If(condition) => write!(f, "{condition}"),
            Term::Not(inner) => {
                f.write_str("not ")?;
                inner.within(f, matches!(**inner, Term::And(_) | Term::Or(_)))
            }
            Term::And(all) => joined(f, all, " and ", |term| matches!(term, Term::Or(_) | Term::And(_))),
            Term::Or(any) => joined(f, any, " or ", |term| matches!(term, Term::Or(_))),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, terms: &[Term], with: &str, is_bound: impl Fn(&Term) -> bool) -> fmt::Result {
    for (index, term) in terms.iter().enumerate() {
        if index > 0 {
            f.write_str(with)?;
        }
        term.within(f, is_bound(term))?;
    }
    Ok(())
}
