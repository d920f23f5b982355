//! What a policy asks of a request and its subjects.

use crate::{Agency, Date, MonthDay, Occurrence, Request, Rule, State, Subject, Trigger, Unruled, matches};
use std::fmt;

impl Request {
    /// A request without cases, for tests to fill.
    #[must_use]
    pub fn new(as_of: Date) -> Self {
        let levels = ["public", "internal", "confidential", "secret", "top-secret"].map(String::from).into();
        Self { as_of, config: String::new(), levels, agencies: Vec::new(), rules: Vec::new(), subjects: Vec::new() }
    }

    /// A subject's rule, or why it has none; an index that leads nowhere is no rule.
    ///
    /// # Errors
    /// Why there is none.
    pub fn rule(&self, subject: &Subject) -> Result<&Rule, Unruled> {
        subject.rule.and_then(|index| self.rules.get(index as usize).ok_or(Unruled::NoRule))
    }

    /// The agency that answers for a subject.
    #[must_use]
    pub fn agency(&self, subject: &Subject) -> Option<&Agency> {
        self.agencies.get(subject.agency? as usize)
    }

    /// The path of the agency that answers for a subject; empty where none does.
    #[must_use]
    pub fn agency_path(&self, subject: &Subject) -> &str {
        self.agency(subject).map_or("", |agency| &agency.path)
    }

    /// The end of the fiscal year of the agency that answers for a subject.
    #[must_use]
    pub fn fiscal_year_end(&self, subject: &Subject) -> Option<MonthDay> {
        self.agency(subject)?.fiscal_year_end.filter(|end| end.is_real())
    }
}

impl Subject {
    /// An open record of which nothing more is known, for tests to fill.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind: None,
            state: State::Open,
            agency: None,
            series: None,
            rule: Err(Unruled::Unscheduled),
            started: Vec::new(),
            marks: Vec::new(),
            label: None,
            barrier: false,
            retention: None,
            attributes: Vec::new(),
            history: Vec::new(),
            ancestors: Vec::new(),
            ancestors_truncated: false,
        }
    }

    /// A trigger that has happened, where it has.
    #[must_use]
    pub fn started(&self, trigger: &Trigger) -> Option<&Occurrence> {
        self.started.iter().find(|occurrence| occurrence.trigger == *trigger)
    }

    /// An attribute's value; the policy must have said that it needs it.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_str())
    }

    /// Whether each of these attributes is there and matches its pattern.
    pub fn attributes_match<'a>(&self, patterns: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
        patterns.into_iter().all(|(name, pattern)| self.attribute(name).is_some_and(|value| matches(pattern, value)))
    }
}

impl Trigger {
    /// Reads `creation`, `closed`, `superseded` or `event:NAME`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match (text, text.strip_prefix("event:")) {
            ("creation", _) => Some(Self::Creation),
            ("closed", _) => Some(Self::Closed),
            ("superseded", _) => Some(Self::Superseded),
            (_, Some(name)) if !name.is_empty() => Some(Self::Event(name.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Creation => f.write_str("creation"),
            Self::Closed => f.write_str("closed"),
            Self::Superseded => f.write_str("superseded"),
            Self::Event(name) => write!(f, "event:{name}"),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}
