//! Whether a query is true of a record.

use super::query::{Condition, Field, Op, Query, Term, Value};
use crate::{AgencyPath, Label, Levels, PartialDate};
use std::borrow::Cow;
use std::cmp::Ordering;

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dated {
    /// It has not happened.
    Never,
    /// It has, and nobody has written the day down.
    SomeDay,
    /// On this date, as exact as it is known.
    On(PartialDate),
}

/// A record as a selection looks at it: each field is worked out only when it is asked for.
pub trait Selectable {
    /// What can go wrong in looking.
    type Error;
    /// Its id.
    fn id(&self) -> &str;
    /// Whether an agency, or one below it, answers for it: renaming and succession followed.
    ///
    /// # Errors
    /// When it cannot be told.
    fn is_of(&self, agency: &AgencyPath) -> Result<bool, Self::Error>;
    /// The paths of its agency: as named, and as it answers now.
    ///
    /// # Errors
    /// When it cannot be told.
    fn agencies(&self) -> Result<Vec<String>, Self::Error>;
    /// Its series in force.
    ///
    /// # Errors
    /// When it cannot be told.
    fn series(&self) -> Result<Option<Cow<'_, str>>, Self::Error>;
    /// Its label in force.
    ///
    /// # Errors
    /// When it cannot be told.
    fn label(&self) -> Result<Option<Label>, Self::Error>;
    /// The word for where it is in its life.
    fn state(&self) -> &'static str;
    /// When it was created.
    fn created(&self) -> Dated;
    /// When it was closed.
    fn closed(&self) -> Dated;
    /// What people call it.
    fn title(&self) -> Option<&str>;
    /// An attribute.
    fn attribute(&self, name: &str) -> Option<&str>;
}

/// True, false, or open.
type Truth = Option<bool>;

impl Query {
    /// Whether it is true of a record, or cannot be told.
    ///
    /// # Errors
    /// What looking at the record gives.
    pub fn selects<S: Selectable>(&self, record: &S) -> Result<bool, S::Error> {
        match self.term() {
            Some(term) => Ok(truth(term, record)? != Some(false)),
            None => Ok(true),
        }
    }
}

fn truth<S: Selectable>(term: &Term, record: &S) -> Result<Truth, S::Error> {
    // What decides `and` is a false, and `or` a true; without one, what is open leaves it open.
    let (terms, decides) = match term {
        Term::If(condition) => return holds(condition, record),
        Term::Not(inner) => return Ok(truth(inner, record)?.map(|truth| !truth)),
        Term::And(terms) => (terms, false),
        Term::Or(terms) => (terms, true),
    };
    let mut joined = Some(!decides);
    for term in terms {
        match truth(term, record)? {
            Some(found) if found == decides => return Ok(Some(decides)),
            Some(_) => {}
            None => joined = None,
        }
    }
    Ok(joined)
}

fn holds<S: Selectable>(Condition { field, op, value }: &Condition, record: &S) -> Result<Truth, S::Error> {
    let text = match value {
        Value::Date(date) => {
            let found = if *field == Field::Created { record.created() } else { record.closed() };
            return Ok(dated(found, *op, *date));
        }
        Value::Text(text) => text.as_str(),
    };
    Ok(Some(match field {
        Field::Id => texts(Some(record.id()), *op, text),
        Field::Title => texts(record.title(), *op, text),
        Field::Attribute(name) => texts(record.attribute(name), *op, text),
        Field::Series => texts(record.series()?.as_deref(), *op, text),
        Field::State => texts(Some(record.state()), *op, text),
        Field::Label => labels(record.label()?.as_ref(), *op, text),
        Field::Agency => match (op, AgencyPath::new(text)) {
            (Op::Like, _) => record.agencies()?.iter().any(|path| is_like(path, text)),
            (Op::IsNot, Ok(agency)) => !record.is_of(&agency)?,
            (_, Ok(agency)) => record.is_of(&agency)?,
            (_, Err(_)) => true,
        },
        // The parser gives these a date.
        Field::Created | Field::Closed => true,
    }))
}

fn ordered(op: Op, order: Ordering) -> bool {
    match op {
        Op::Is => order.is_eq(),
        Op::IsNot => order.is_ne(),
        Op::Less => order.is_lt(),
        Op::LessOrIs => order.is_le(),
        Op::Greater => order.is_gt(),
        Op::GreaterOrIs => order.is_ge(),
        Op::Like => false,
    }
}

fn texts(found: Option<&str>, op: Op, text: &str) -> bool {
    let Some(found) = found else { return op == Op::IsNot };
    match op {
        Op::Like => is_like(found, text),
        Op::Is => found == text,
        Op::IsNot => found != text,
        _ => {
            let order = match (Decimal::read(found), Decimal::read(text)) {
                (Some(one), Some(other)) => one.cmp(&other),
                _ => found.cmp(text),
            };
            ordered(op, order)
        }
    }
}

fn labels(found: Option<&Label>, op: Op, text: &str) -> bool {
    let Some(found) = found else { return op == Op::IsNot };
    match op {
        Op::Is => found.level == text,
        Op::IsNot => found.level != text,
        Op::Like => std::iter::once(&found.level).chain(&found.categories).any(|word| is_like(word, text)),
        _ => {
            let levels = Levels::default();
            ordered(op, levels.rank(&found.level).cmp(&levels.rank(text)))
        }
    }
}

/// Both dates may be any day of a month or a year.
fn dated(found: Dated, op: Op, date: PartialDate) -> Truth {
    let found = match found {
        Dated::Never => return Some(op == Op::IsNot),
        Dated::SomeDay => return None,
        Dated::On(found) => found,
    };
    let (first, last) = (found.first_day(), found.last_day());
    let (from, to) = (date.first_day(), date.last_day());
    let sure = |is: bool, is_not: bool| {
        if is {
            Some(true)
        } else if is_not {
            Some(false)
        } else {
            None
        }
    };
    let not = |truth: Truth| truth.map(|truth| !truth);
    let is = || sure(from <= first && last <= to, last < from || to < first);
    let is_less = || sure(last < from, from <= first);
    let is_at_most = || sure(last <= to, to < first);
    match op {
        Op::Is | Op::Like => is(),
        Op::IsNot => not(is()),
        Op::Less => is_less(),
        Op::LessOrIs => is_at_most(),
        Op::Greater => not(is_at_most()),
        Op::GreaterOrIs => not(is_less()),
    }
}

/// Whether a text contains another, or fits it as a pattern, whatever the case.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
    if !pattern.contains(['*', '?']) {
        return text.contains(&pattern);
    }
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    // Of the stars only the last one is ever gone back to, so that no pattern takes more than text times pattern steps.
    let (mut at, mut in_pattern, mut star) = (0, 0, None);
    while let Some(character) = text.get(at) {
        match pattern.get(in_pattern) {
            Some('*') => {
                star = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => {
                at += 1;
                in_pattern += 1;
            }
            _ => match &mut star {
                Some((place, from)) => {
                    *from += 1;
                    (at, in_pattern) = (*from, *place + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(in_pattern).all(|rest| *rest == '*')
}

/// A decimal number of any length, compared exactly.
#[derive(PartialEq, Eq)]
struct Decimal<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        // There is one zero.
        let is_negative = is_negative && !(whole.is_empty() && fraction.is_empty());
        Some(Self { is_negative, whole, fraction })
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let size = |number: &Self| (number.whole.len(), number.whole.to_owned(), number.fraction.to_owned());
        match (self.is_negative, other.is_negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => size(self).cmp(&size(other)),
            (true, true) => size(other).cmp(&size(self)),
        }
    }
}
