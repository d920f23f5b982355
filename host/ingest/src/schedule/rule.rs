//! What a code and a period mean, and when they mean nothing that is certain.

use super::wire::Object;
use fonds_model::{Action, Clause, Cutoff, Rule, Trigger};
use serde_json::Value;

/// A longer period that is not the source's word for permanent is taken for a slip.
const YEARS_MAX: u32 = 200;

/// How the sources write permanent in a field that wants a number of years.
const YEARS_PERMANENT: u32 = 999;

/// What a rule says, without what names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Terms {
    Permanent,
    Clause(Clause),
}

impl Terms {
    pub(super) fn into_rule(self, action: Action, authority: String, citations: Vec<String>) -> Rule {
        match self {
            Terms::Permanent => {
                Rule { permanent: true, clauses: Vec::new(), action: Action::Keep, authority, citations }
            }
            Terms::Clause(clause) => Rule { permanent: false, clauses: vec![clause], action, authority, citations },
        }
    }
}

/// What an object says about how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    Rule(Terms),
    /// It says nothing.
    None,
    /// It says something, and why it is not certain what.
    NotUnderstood(&'static str),
}

/// A period in the source's units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Period {
    years: Option<u32>,
    months: Option<u32>,
    weeks: Option<u32>,
    days: Option<u32>,
}

impl Period {
    fn of(object: &Object) -> Option<Self> {
        Some(Self {
            years: count(&object.years)?,
            months: count(&object.months)?,
            weeks: count(&object.weeks)?,
            days: count(&object.days)?,
        })
    }

    fn is_given(&self) -> bool {
        [self.years, self.months, self.weeks, self.days].iter().any(Option::is_some)
    }

    fn is_plausible(&self) -> bool {
        self.years.unwrap_or(0) <= YEARS_MAX
            && self.months.unwrap_or(0) <= YEARS_MAX * 12
            && self.weeks.unwrap_or(0) <= YEARS_MAX * 52
            && self.days.unwrap_or(0) <= YEARS_MAX * 365
    }

    fn clause(&self, trigger: Trigger, cutoff: Cutoff) -> Terms {
        Terms::Clause(Clause {
            trigger,
            cutoff,
            years: self.years.unwrap_or(0),
            months: self.months.unwrap_or(0),
            days: self.weeks.unwrap_or(0) * 7 + self.days.unwrap_or(0),
        })
    }
}

/// A whole number, written as one or as a text, or left out; `None` for anything else.
fn count(value: &Value) -> Option<Option<u32>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) if text.trim().is_empty() => Some(None),
        Value::String(text) => text.trim().parse().ok().map(Some),
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()).map(Some),
        _ => None,
    }
}

/// What an object's code, words and period mean together.
pub(super) fn meaning(object: &Object) -> Meaning {
    let Some(period) = Period::of(object) else {
        return Meaning::NotUnderstood("a period is not a whole number");
    };
    let code = object.code.trim();
    let words = words(&object.trigger);
    let permanent = period.years == Some(YEARS_PERMANENT);
    if code == "PM" || permanent {
        let agrees = matches!(code, "PM" | "") && (words.is_empty() || words.starts_with("permanent"));
        let period_agrees = permanent || !period.is_given();
        return match agrees && period_agrees {
            true => Meaning::Rule(Terms::Permanent),
            false => Meaning::NotUnderstood("it is called permanent, and something else as well"),
        };
    }
    if !period.is_plausible() {
        return Meaning::NotUnderstood("a period above 200 years");
    }
    if code.is_empty() { without_code(&words, period) } else { with_code(code, period) }
}

fn with_code(code: &str, period: Period) -> Meaning {
    // Without a period, a record is due on the day after its trigger.
    match trigger_of_code(code) {
        Some((trigger, cutoff)) => Meaning::Rule(period.clause(trigger, cutoff)),
        None => Meaning::NotUnderstood("an unknown code"),
    }
}

/// The codes of the Texas State Library (4.4 of its schedules).
fn trigger_of_code(code: &str) -> Option<(Trigger, Cutoff)> {
    Some(match code {
        "AC" => (Trigger::Closed, Cutoff::None),
        "FE" => (Trigger::Creation, Cutoff::FiscalYear),
        "CE" => (Trigger::Creation, Cutoff::CalendarYear),
        "US" => (Trigger::Superseded, Cutoff::None),
        "AV" => (Trigger::Event("value-ended".to_owned()), Cutoff::None),
        "LA" => (Trigger::Event("asset-disposed".to_owned()), Cutoff::None),
        _ => return None,
    })
}

fn without_code(words: &str, period: Period) -> Meaning {
    match (words.is_empty(), period.is_given()) {
        (true, false) => Meaning::None,
        (_, true) if only_repeats(words, period) => Meaning::Rule(period.clause(Trigger::Creation, Cutoff::None)),
        _ => match trigger_in_words(words) {
            Some((trigger, cutoff)) => Meaning::Rule(period.clause(trigger, cutoff)),
            None => Meaning::NotUnderstood("a rule in words"),
        },
    }
}

/// The few words that mean one thing only.
fn trigger_in_words(words: &str) -> Option<(Trigger, Cutoff)> {
    Some(match words {
        "created" | "creation" => (Trigger::Creation, Cutoff::None),
        "closed" | "after closed" => (Trigger::Closed, Cutoff::None),
        "superseded" | "until superseded" => (Trigger::Superseded, Cutoff::None),
        "fiscal year end" => (Trigger::Creation, Cutoff::FiscalYear),
        "calendar year end" => (Trigger::Creation, Cutoff::CalendarYear),
        _ => return None,
    })
}

/// Whether the words say nothing beyond the period: `2 years`, or an `and` left over between years and months.
fn only_repeats(words: &str, period: Period) -> bool {
    let mut rest = words.split(' ').filter(|word| !word.is_empty() && *word != "and");
    while let Some(word) = rest.next() {
        let Ok(number) = word.parse::<u32>() else { return false };
        let field = match rest.next() {
            None | Some("year" | "years") => period.years,
            Some("month" | "months") => period.months,
            Some("week" | "weeks") => period.weeks,
            Some("day" | "days") => period.days,
            Some(_) => return false,
        };
        if field != Some(number) {
            return false;
        }
    }
    true
}

/// A text in lower case with single blanks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether a note speaks of archives: then no default action may destroy.
pub(super) fn speaks_of_archives(text: &str) -> bool {
    words(text).contains("archiv")
}

/// Whether a note combines conditions in words, which no code says.
pub(super) fn combines_conditions(text: &str) -> bool {
    let words = words(text);
    ["whichever", "whatever is l", "later of", "latest of", "longer of", "longest of", "greater of"]
        .iter()
        .any(|phrase| words.contains(phrase))
}
