//! The reference classification policy: a series for what has none, and a label that is never lower than what a record
//! was derived from. See [`config`] for what can be configured.

pub mod config;
mod label;

use config::Config;
use fonds_policy_sdk::classification::{Decision, Declassification};
use fonds_policy_sdk::{Because, ClassificationPolicy, Label, Manifest, Needs, Request, Subject};
use label::{Protection, Ranks};

fonds_policy_sdk::reasons! {
    /// Why a record has its series and its label.
    pub enum Why {
        /// A rule for series.
        Series => "series-rule", "its agency, kind and attributes put it into {detail}",
        /// A rule for labels.
        Label => "label-rule", "a rule for what it is labels it {detail}",
        /// What holds where no rule does.
        Default => "default-level", "no rule labels it: the default",
        /// What it was derived from.
        Ancestor => "ancestor", "it was derived from {detail}, and is never lower than that",
        /// Somebody brought the label down, and may.
        Downgraded => "authorised-downgrade", "its label was brought down by somebody who may",
        /// There is more lineage than was looked at.
        Truncated => "ancestors-truncated", "not all that it was derived from could be looked at: the label in force stays",
        /// A level that the ladder does not have.
        UnknownLevel => "unknown-level", "the level {detail} is not on the ladder: the highest counts",
        /// Nothing applies.
        Nothing => "no-rule", "no rule applies to it",
    }
}

/// The policy, with its configuration.
#[derive(Debug)]
pub struct Classification {
    config: Config,
    ranks: Ranks,
}

impl ClassificationPolicy for Classification {
    fn describe() -> Manifest {
        Why::manifest(
            "classification",
            env!("CARGO_PKG_VERSION"),
            "Gives records a series and a label by agency, kind, attributes and what they were derived from.",
        )
    }

    fn configure(config: &str) -> Result<Self, String> {
        Ok(Self { config: Config::read(config)?, ranks: Ranks::default() })
    }

    fn needs(&self) -> Needs {
        Needs { history: Vec::new(), ancestors: self.config.ancestors, attributes: self.config.attributes() }
    }

    fn prepare(&mut self, request: &Request) -> Result<(), String> {
        self.ranks = Ranks::new(&request.levels)?;
        self.config.check_levels(&request.levels)
    }

    fn decide(&self, request: &Request, subject: &Subject) -> Decision {
        let mut reasons = Vec::new();
        let series = self.series(request, subject, &mut reasons);
        let (label, declassify) = self.label(request, subject, series.as_deref(), &mut reasons);
        if reasons.is_empty() {
            reasons.push(Why::Nothing.because());
        }
        Decision { series, label, declassify, reasons }
    }
}

impl Classification {
    /// The first rule that matches gives a series to a record that has none.
    fn series(&self, request: &Request, subject: &Subject, reasons: &mut Vec<Because>) -> Option<String> {
        if subject.series.is_some() {
            return None;
        }
        let path = request.agency_path(subject);
        let rule = self.config.series.iter().find(|rule| rule.who.matches(path, subject))?;
        reasons.push(Why::Series.with(rule.series.as_str()));
        Some(rule.series.clone())
    }

    /// The label, and when it comes down.
    fn label(
        &self,
        request: &Request,
        subject: &Subject,
        proposed: Option<&str>,
        reasons: &mut Vec<Because>,
    ) -> (Option<Label>, Declassification) {
        if subject.barrier
            && let Some(label) = &subject.label
        {
            reasons.push(Why::Downgraded.because());
            return (Some(label.clone()), Declassification::Never);
        }
        let series = subject.series.as_deref().or(proposed);
        let mut protection = self.by_rules(request, subject, series, reasons);
        self.raise_to_ancestors(subject, &mut protection, reasons);
        if subject.ancestors_truncated {
            reasons.push(Why::Truncated.because());
            if let Some(label) = &subject.label {
                self.ranks.raise(&mut protection, label, reasons);
            }
            // What was not looked at may forbid what the rules would allow.
            protection.declassify = Some(Declassification::Never);
        }
        let label = protection.rank.and_then(|rank| self.ranks.level(rank)).map(|level| Label {
            level: level.to_owned(),
            categories: protection.categories.into_iter().map(str::to_owned).collect(),
        });
        (label, protection.declassify.unwrap_or(Declassification::Never))
    }

    /// All rules that match: the highest level, all categories, the latest declassification.
    fn by_rules<'a>(
        &'a self,
        request: &Request,
        subject: &Subject,
        series: Option<&str>,
        reasons: &mut Vec<Because>,
    ) -> Protection<'a> {
        let mut protection = Protection::default();
        let path = request.agency_path(subject);
        for rule in &self.config.labels {
            let in_series = rule.series.as_ref().is_none_or(|glob| series.is_some_and(|series| glob.matches(series)));
            if !in_series || !rule.who.matches(path, subject) {
                continue;
            }
            protection.rank = protection.rank.max(self.ranks.rank(&rule.level));
            protection.categories.extend(rule.categories.iter().map(String::as_str));
            let declassify = rule.declassify.as_ref().map_or(Declassification::Never, |when| when.of(subject));
            protection.declassify = Some(match protection.declassify.take() {
                Some(other) => label::stricter(other, declassify),
                None => declassify,
            });
            reasons.push(Why::Label.with(rule.level.as_str()));
        }
        if protection.rank.is_none()
            && let Some(level) = &self.config.default_level
        {
            protection.rank = self.ranks.rank(level);
            reasons.push(Why::Default.because());
        }
        protection
    }

    /// The highest of what it was derived from, each where it raises the label.
    fn raise_to_ancestors<'a>(
        &'a self,
        subject: &'a Subject,
        protection: &mut Protection<'a>,
        reasons: &mut Vec<Because>,
    ) {
        for ancestor in &subject.ancestors {
            let Some(label) = &ancestor.label else { continue };
            if self.ranks.raise(protection, label, reasons) {
                reasons.push(Why::Ancestor.with(ancestor.entity.as_str()));
                // Nobody knows here when the ancestor's label comes down.
                protection.declassify = Some(Declassification::Never);
            }
        }
    }
}

fonds_policy_sdk::export_classification!(Classification);

#[cfg(test)]
mod tests;
