//! The interface's answers as today's decisions; whatever cannot be one is said, and the whole answer refused.

use super::wire;
use fonds_model::body::ReasonText;
use fonds_model::decision::{
    Archival, Attribute, Awaited, Because, Classification, Packaging, Plan, Retention, Term, Verdict,
};
use fonds_model::label::Declassification;
use fonds_model::{Action, Label, PartialDate, SeriesId, Trigger};
use jiff::civil::Date;

pub(super) fn retention(decision: wire::Retention, reasons: &[ReasonText]) -> Result<Verdict, String> {
    Ok(Verdict::Retention(Retention {
        term: match decision.term {
            wire::Term::Until(until) => Term::Until(date(until)?),
            wire::Term::Waiting(awaited) => Term::Waiting(match awaited {
                wire::Awaited::Trigger(awaited) => Awaited::Trigger(trigger(awaited)?),
                wire::Awaited::UnknownDate => Awaited::UnknownDate,
            }),
            wire::Term::Forever => Term::Forever,
            wire::Term::Abstain => Term::Abstain,
        },
        action: match decision.action {
            wire::Action::Destroy => Action::Destroy,
            wire::Action::Review => Action::Review,
            wire::Action::Transfer => Action::Transfer,
            wire::Action::Keep => Action::Keep,
        },
        not_after: decision.not_after.map(date).transpose()?,
        reasons: because(decision.reasons, reasons)?,
    }))
}

pub(super) fn classification(decision: wire::Classification, reasons: &[ReasonText]) -> Result<Verdict, String> {
    Ok(Verdict::Classification(Classification {
        series: decision.series.map(|series| SeriesId::new(series).map_err(|error| error.to_string())).transpose()?,
        label: decision.label.map(label).transpose()?,
        declassify: match decision.declassify {
            wire::Declassification::Never => Declassification::Never,
            wire::Declassification::On(on) => Declassification::On(date(on)?),
            wire::Declassification::OnEvent(name) => Declassification::OnEvent(name),
            wire::Declassification::ReviewOn(on) => Declassification::ReviewOn(date(on)?),
        },
        reasons: because(decision.reasons, reasons)?,
    }))
}

pub(super) fn archival(decision: wire::Archival, reasons: &[ReasonText]) -> Result<Verdict, String> {
    let select = decision.select.map(|wire::Plan { destination, packaging, access, description }| {
        let mut description: Vec<Attribute> =
            description.into_iter().map(|wire::Attribute { name, value }| Attribute { name, value }).collect();
        description.sort();
        let packaging = match packaging {
            wire::Packaging::Bagit => Packaging::Bagit,
            wire::Packaging::EArk => Packaging::EArk,
        };
        Plan { destination, packaging, access, description }
    });
    Ok(Verdict::Archival(Archival { select, reasons: because(decision.reasons, reasons)? }))
}

fn date(date: wire::Date) -> Result<PartialDate, String> {
    let wire::Date { year, month, day } = date;
    let exact = || {
        let (year, month, day) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Date::new(year, month, day).ok().filter(|_| year >= 1)
    };
    exact()
        .map(PartialDate::from)
        .ok_or_else(|| format!("{year}-{month}-{day} is no date between the years 1 and 9999"))
}

fn trigger(trigger: wire::Trigger) -> Result<Trigger, String> {
    match trigger {
        wire::Trigger::Creation => Ok(Trigger::Creation),
        wire::Trigger::Closed => Ok(Trigger::Closed),
        wire::Trigger::Superseded => Ok(Trigger::Superseded),
        wire::Trigger::Event(name) if name.is_empty() => Err("a trigger is an event without a name".to_owned()),
        wire::Trigger::Event(name) => Ok(Trigger::Event(name)),
    }
}

fn label(label: wire::Label) -> Result<Label, String> {
    let wire::Label { level, mut categories } = label;
    if level.is_empty() {
        return Err("a label has no level".to_owned());
    }
    categories.sort();
    categories.dedup();
    Ok(Label { level, categories })
}

fn because(given: Vec<wire::Because>, reasons: &[ReasonText]) -> Result<Vec<Because>, String> {
    let known = |wire::Because { reason, detail }: wire::Because| match reasons.get(reason as usize) {
        Some(ReasonText { code, .. }) => Ok(Because { code: code.clone(), detail }),
        None => Err(format!("reason {reason} is none of the manifest's {}", reasons.len())),
    };
    given.into_iter().map(known).collect()
}
