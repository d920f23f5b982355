//! Today's request in the interface's types: text is borrowed, never copied.

use super::wire;
use fonds_model::decision::Attribute;
use fonds_model::{Action, Cutoff, Label, PartialDate, Trigger, Unruled};
use fonds_policy::request::{Mark, Request, RuleInForce, State, Subject};

pub(super) fn request(request: &Request) -> wire::Request<'_> {
    wire::Request {
        as_of: date(&request.as_of),
        config: &request.config,
        levels: &request.levels,
        agencies: request
            .agencies
            .iter()
            .map(|agency| wire::Agency {
                id: &agency.id,
                path: &agency.path,
                fiscal_year_end: agency.fiscal_year_end.map(|end| wire::MonthDay { month: end.month, day: end.day }),
            })
            .collect(),
        rules: request.rules.iter().map(|in_force| rule(in_force)).collect(),
        subjects: request.subjects.iter().map(subject).collect(),
    }
}

/// The last day that it can mean, which is what clocks use.
fn date(date: &PartialDate) -> wire::Date {
    let day = date.last_day();
    wire::Date { year: day.year().into(), month: day.month().unsigned_abs(), day: day.day().unsigned_abs() }
}

fn rule(in_force: &RuleInForce) -> wire::Rule<'_> {
    let RuleInForce { series, title, rule } = in_force;
    wire::Rule {
        series,
        title,
        permanent: rule.permanent,
        clauses: rule
            .clauses
            .iter()
            .map(|clause| wire::Clause {
                trigger: trigger(&clause.trigger),
                cutoff: match clause.cutoff {
                    Cutoff::None => wire::Cutoff::None,
                    Cutoff::CalendarYear => wire::Cutoff::CalendarYear,
                    Cutoff::FiscalYear => wire::Cutoff::FiscalYear,
                },
                years: clause.years,
                months: clause.months,
                days: clause.days,
            })
            .collect(),
        action: action(rule.action),
        authority: &rule.authority,
        citations: &rule.citations,
    }
}

fn trigger(trigger: &Trigger) -> wire::TriggerRef<'_> {
    match trigger {
        Trigger::Creation => wire::TriggerRef::Creation,
        Trigger::Closed => wire::TriggerRef::Closed,
        Trigger::Superseded => wire::TriggerRef::Superseded,
        Trigger::Event(name) => wire::TriggerRef::Event(name),
    }
}

fn action(action: Action) -> wire::Action {
    match action {
        Action::Destroy => wire::Action::Destroy,
        Action::Review => wire::Action::Review,
        Action::Transfer => wire::Action::Transfer,
        Action::Keep => wire::Action::Keep,
    }
}

fn label(label: &Label) -> wire::LabelRef<'_> {
    wire::LabelRef { level: &label.level, categories: &label.categories }
}

fn attributes(attributes: &[Attribute]) -> Vec<wire::AttributeRef<'_>> {
    attributes.iter().map(|Attribute { name, value }| wire::AttributeRef { name, value }).collect()
}

fn subject(subject: &Subject) -> wire::Subject<'_> {
    wire::Subject {
        id: &subject.id,
        kind: subject.kind.as_deref(),
        state: match subject.state {
            State::Open => wire::State::Open,
            State::Closed => wire::State::Closed,
            State::Superseded => wire::State::Superseded,
            State::Transferred => wire::State::Transferred,
            State::Archived => wire::State::Archived,
        },
        agency: subject.agency,
        series: subject.series.as_deref(),
        rule: subject.rule.map_err(|unruled| match unruled {
            Unruled::Unscheduled => wire::Unruled::Unscheduled,
            Unruled::NoRule => wire::Unruled::NoRule,
            Unruled::ConflictingRule => wire::Unruled::ConflictingRule,
            Unruled::Withdrawn => wire::Unruled::Withdrawn,
        }),
        started: subject
            .started
            .iter()
            .map(|occurrence| wire::Occurrence {
                trigger: trigger(&occurrence.trigger),
                on: occurrence.on.as_ref().map(date),
                exact: occurrence.exact,
                seq: occurrence.seq,
            })
            .collect(),
        marks: subject
            .marks
            .iter()
            .map(|mark| match mark {
                Mark::ActivityAfterClose => wire::Mark::ActivityAfterClose,
                Mark::ImplausibleDate => wire::Mark::ImplausibleDate,
                Mark::LossReported => wire::Mark::LossReported,
                Mark::Corrected => wire::Mark::Corrected,
            })
            .collect(),
        label: subject.label.as_ref().map(label),
        barrier: subject.barrier,
        retention: subject.retention.as_ref().map(|retention| wire::RetentionInForce {
            until: retention.until.as_ref().map(date),
            forever: retention.forever,
            action: action(retention.action),
        }),
        attributes: attributes(&subject.attributes),
        history: subject
            .history
            .iter()
            .map(|happening| wire::Happening {
                seq: happening.seq,
                kind: &happening.kind,
                at: happening.at.0,
                on: happening.on.as_ref().map(date),
                attributes: attributes(&happening.attributes),
            })
            .collect(),
        ancestors: subject
            .ancestors
            .iter()
            .map(|ancestor| wire::Ancestor {
                entity: &ancestor.entity,
                depth: ancestor.depth,
                label: ancestor.label.as_ref().map(label),
            })
            .collect(),
        ancestors_truncated: subject.ancestors_truncated,
    }
}
