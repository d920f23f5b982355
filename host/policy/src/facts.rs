//! The bytes that say what a policy was told about one case, whatever batch it was packed into.
//!
//! JSON without white space, in the interface's field order, `snake_case`, with the subject's agency and rule inlined
//! in the place of their indices. The configuration is not among them: the decision's context has its digest.

use crate::request::{
    Agency, Ancestor, Happening, Mark, Occurrence, Request, RetentionInForce, RuleInForce, State, Subject,
};
use fonds_model::decision::Attribute;
use fonds_model::{Action, Cutoff, Digest, Label, PartialDate, Trigger, Unruled};
use sha2::{Digest as _, Sha256};

/// Writes the facts of a request's cases; what the cases share is written once.
#[derive(Debug)]
pub struct Facts<'a> {
    request: &'a Request,
    opening: Vec<u8>,
    agencies: Vec<Vec<u8>>,
    rules: Vec<Vec<u8>>,
}

impl<'a> Facts<'a> {
    /// Prepares what the cases of a request share.
    #[must_use]
    pub fn new(request: &'a Request) -> Self {
        let mut opening = Json(b"{\"as_of\":".to_vec());
        opening.date(&request.as_of);
        opening.raw(",\"levels\":");
        opening.list(&request.levels, |json, level| json.text(level));
        Self {
            request,
            opening: opening.0,
            agencies: request.agencies.iter().map(|agency| Json::of(|json| json.agency(agency))).collect(),
            rules: request.rules.iter().map(|rule| Json::of(|json| json.rule(rule))).collect(),
        }
    }

    /// The facts of the case at `index`, none when there is no such case.
    #[must_use]
    pub fn bytes(&self, index: usize) -> Option<Vec<u8>> {
        let subject = self.request.subjects.get(index)?;
        let mut json = Json(Vec::with_capacity(1_024));
        json.0.extend_from_slice(&self.opening);
        json.subject(subject, self);
        Some(json.0)
    }

    /// SHA-256 of the facts of the case at `index`.
    #[must_use]
    pub fn digest(&self, index: usize) -> Option<Digest> {
        self.bytes(index).map(|bytes| Digest(Sha256::digest(bytes).into()))
    }
}

/// The facts of one case; for several of a request, [`Facts`] writes what they share once.
#[must_use]
pub fn facts_bytes(request: &Request, index: usize) -> Option<Vec<u8>> {
    Facts::new(request).bytes(index)
}

/// SHA-256 of the facts of one case.
#[must_use]
pub fn facts_digest(request: &Request, index: usize) -> Option<Digest> {
    Facts::new(request).digest(index)
}

/// JSON as it grows. Written by hand since a sweep writes it for every case, and formatting dates through
/// [`std::fmt`] costs more than all the rest.
struct Json(Vec<u8>);

impl Json {
    fn of(write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut json = Self(Vec::new());
        write(&mut json);
        json.0
    }

    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, text: &str) {
        self.0.push(b'"');
        if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
            self.raw(text);
        } else {
            self.escaped(text);
        }
        self.0.push(b'"');
    }

    fn escaped(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'"' => self.raw("\\\""),
                b'\\' => self.raw("\\\\"),
                b'\n' => self.raw("\\n"),
                b'\r' => self.raw("\\r"),
                b'\t' => self.raw("\\t"),
                0x08 => self.raw("\\b"),
                0x0c => self.raw("\\f"),
                0..0x20 => self.raw(&format!("\\u{byte:04x}")),
                _ => self.0.push(byte),
            }
        }
    }

    fn number(&mut self, mut number: u64) {
        let mut digits = [0_u8; 20];
        let mut written = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            written += 1;
            if number == 0 {
                break;
            }
        }
        self.0.extend_from_slice(digits.get(digits.len() - written..).unwrap_or_default());
    }

    fn flag(&mut self, flag: bool) {
        self.raw(if flag { "true" } else { "false" });
    }

    fn date(&mut self, date: &PartialDate) {
        let Some(day) = date.exact() else { return self.text(&date.to_string()) };
        let digits = |number: i32| b'0' + (number % 10).unsigned_abs() as u8;
        let (year, month, day) = (i32::from(day.year()), i32::from(day.month()), i32::from(day.day()));
        self.0.extend_from_slice(&[
            b'"',
            digits(year / 1_000),
            digits(year / 100),
            digits(year / 10),
            digits(year),
            b'-',
        ]);
        self.0.extend_from_slice(&[digits(month / 10), digits(month), b'-', digits(day / 10), digits(day), b'"']);
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.raw("null"),
        }
    }

    fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.0.push(b'[');
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                self.0.push(b',');
            }
            write(self, value);
        }
        self.0.push(b']');
    }

    fn trigger(&mut self, trigger: &Trigger) {
        match trigger {
            Trigger::Creation => self.raw("\"creation\""),
            Trigger::Closed => self.raw("\"closed\""),
            Trigger::Superseded => self.raw("\"superseded\""),
            Trigger::Event(name) => self.text(&format!("event:{name}")),
        }
    }

    fn agency(&mut self, agency: &Agency) {
        self.raw("{\"id\":");
        self.text(&agency.id);
        self.raw(",\"path\":");
        self.text(&agency.path);
        self.raw(",\"fiscal_year_end\":");
        self.optional(agency.fiscal_year_end, |json, day| json.text(&day.to_string()));
        self.raw("}");
    }

    fn rule(&mut self, in_force: &RuleInForce) {
        let RuleInForce { series, title, rule } = in_force;
        self.raw("{\"series\":");
        self.text(series);
        self.raw(",\"title\":");
        self.text(title);
        self.raw(",\"permanent\":");
        self.flag(rule.permanent);
        self.raw(",\"clauses\":");
        self.list(&rule.clauses, |json, clause| {
            json.raw("{\"trigger\":");
            json.trigger(&clause.trigger);
            json.raw(match clause.cutoff {
                Cutoff::None => ",\"cutoff\":\"none\",\"years\":",
                Cutoff::CalendarYear => ",\"cutoff\":\"calendar-year\",\"years\":",
                Cutoff::FiscalYear => ",\"cutoff\":\"fiscal-year\",\"years\":",
            });
            json.number(clause.years.into());
            json.raw(",\"months\":");
            json.number(clause.months.into());
            json.raw(",\"days\":");
            json.number(clause.days.into());
            json.raw("}");
        });
        self.raw(",\"action\":");
        self.action(rule.action);
        self.raw(",\"authority\":");
        self.text(&rule.authority);
        self.raw(",\"citations\":");
        self.list(&rule.citations, |json, citation| json.text(citation));
        self.raw("}");
    }

    fn action(&mut self, action: Action) {
        self.text(action.as_str());
    }

    fn subject(&mut self, subject: &Subject, shared: &Facts<'_>) {
        self.raw(",\"id\":");
        self.text(&subject.id);
        self.raw(",\"kind\":");
        self.optional(subject.kind.as_deref(), Self::text);
        self.raw(match subject.state {
            State::Open => ",\"state\":\"open\",\"agency\":",
            State::Closed => ",\"state\":\"closed\",\"agency\":",
            State::Superseded => ",\"state\":\"superseded\",\"agency\":",
            State::Transferred => ",\"state\":\"transferred\",\"agency\":",
            State::Archived => ",\"state\":\"archived\",\"agency\":",
        });
        match subject.agency.and_then(|index| shared.agencies.get(index as usize)) {
            Some(agency) => self.0.extend_from_slice(agency),
            None => self.raw("null"),
        }
        self.raw(",\"series\":");
        self.optional(subject.series.as_deref(), Self::text);
        match subject.rule {
            Ok(index) => {
                self.raw(",\"rule\":{\"ok\":");
                match shared.rules.get(index as usize) {
                    Some(rule) => self.0.extend_from_slice(rule),
                    None => self.raw("null"),
                }
                self.raw("}");
            }
            Err(Unruled::Unscheduled) => self.raw(",\"rule\":{\"err\":\"unscheduled\"}"),
            Err(Unruled::NoRule) => self.raw(",\"rule\":{\"err\":\"no-rule\"}"),
            Err(Unruled::ConflictingRule) => self.raw(",\"rule\":{\"err\":\"conflicting-rule\"}"),
            Err(Unruled::Withdrawn) => self.raw(",\"rule\":{\"err\":\"withdrawn\"}"),
        }
        self.standing(subject);
        self.needed(subject);
        self.raw("}");
    }

    /// What the log says of the record: from `started` to `retention`.
    fn standing(&mut self, subject: &Subject) {
        self.raw(",\"started\":");
        self.list(&subject.started, Self::occurrence);
        self.raw(",\"marks\":");
        self.list(&subject.marks, |json, mark| {
            json.raw(match mark {
                Mark::ActivityAfterClose => "\"activity-after-close\"",
                Mark::ImplausibleDate => "\"implausible-date\"",
                Mark::LossReported => "\"loss-reported\"",
                Mark::Corrected => "\"corrected\"",
            });
        });
        self.raw(",\"label\":");
        self.optional(subject.label.as_ref(), Self::label);
        self.raw(",\"barrier\":");
        self.flag(subject.barrier);
        self.raw(",\"retention\":");
        self.optional(subject.retention.as_ref(), Self::retention);
    }

    /// What only some policies need: from `attributes` on.
    fn needed(&mut self, subject: &Subject) {
        self.raw(",\"attributes\":");
        self.list(&subject.attributes, Self::attribute);
        self.raw(",\"history\":");
        self.list(&subject.history, Self::happening);
        self.raw(",\"ancestors\":");
        self.list(&subject.ancestors, Self::ancestor);
        self.raw(",\"ancestors_truncated\":");
        self.flag(subject.ancestors_truncated);
    }

    fn occurrence(&mut self, occurrence: &Occurrence) {
        self.raw("{\"trigger\":");
        self.trigger(&occurrence.trigger);
        self.raw(",\"on\":");
        self.optional(occurrence.on.as_ref(), Self::date);
        self.raw(",\"exact\":");
        self.flag(occurrence.exact);
        self.raw(",\"seq\":");
        self.number(occurrence.seq);
        self.raw("}");
    }

    fn label(&mut self, label: &Label) {
        self.raw("{\"level\":");
        self.text(&label.level);
        self.raw(",\"categories\":");
        self.list(&label.categories, |json, category| json.text(category));
        self.raw("}");
    }

    fn retention(&mut self, retention: &RetentionInForce) {
        self.raw("{\"until\":");
        self.optional(retention.until.as_ref(), Self::date);
        self.raw(",\"forever\":");
        self.flag(retention.forever);
        self.raw(",\"action\":");
        self.action(retention.action);
        self.raw("}");
    }

    fn attribute(&mut self, attribute: &Attribute) {
        self.raw("{\"name\":");
        self.text(&attribute.name);
        self.raw(",\"value\":");
        self.text(&attribute.value);
        self.raw("}");
    }

    fn happening(&mut self, happening: &Happening) {
        self.raw("{\"seq\":");
        self.number(happening.seq);
        self.raw(",\"kind\":");
        self.text(&happening.kind);
        self.raw(",\"at\":");
        self.text(&happening.at.to_string());
        self.raw(",\"on\":");
        self.optional(happening.on.as_ref(), Self::date);
        self.raw(",\"attributes\":");
        self.list(&happening.attributes, Self::attribute);
        self.raw("}");
    }

    fn ancestor(&mut self, ancestor: &Ancestor) {
        self.raw("{\"entity\":");
        self.text(&ancestor.entity);
        self.raw(",\"depth\":");
        self.number(ancestor.depth.into());
        self.raw(",\"label\":");
        self.optional(ancestor.label.as_ref(), Self::label);
        self.raw("}");
    }
}
