//! The reference archival policy: at the end of retention, selects records of enduring value and plans their package.
//! See [`config`] for what can be configured.

pub mod config;
mod template;

use config::{Config, Selection};
use fonds_policy_sdk::archival::{Decision, Plan};
use fonds_policy_sdk::{
    Action, ArchivalPolicy, Attribute, Because, Manifest, Mark, Needs, Request, RetentionInForce, State, Subject,
};

fonds_policy_sdk::reasons! {
    /// Why a record is selected, or is not.
    pub enum Why {
        /// A rule selects it.
        Selected => "selected", "of enduring value by the rule for {detail}",
        /// No rule does.
        NoSelectionRule => "no-selection-rule", "no rule selects it",
        /// Too early.
        NotYet => "not-yet", "retained until {detail}",
        /// Its clock has not started.
        Waiting => "waiting", "its retention has not started to run",
        /// Kept for ever where it is.
        KeptHere => "kept-here", "retained for ever, and not to be handed over now",
        /// Nobody has said how long it is kept.
        NoRetention => "no-retention", "no retention is in force for it",
        /// It is to go elsewhere.
        OtherAction => "other-action", "its retention ends with {detail}",
        /// Kept for ever, and still in use.
        StillOpen => "still-open", "kept for ever, and not closed yet",
        /// It is there.
        AlreadyArchived => "already-archived", "an archive has it already",
        /// There may be nothing left to hand over.
        LossReported => "loss-reported", "its content was reported lost: a person has to look first",
        /// Its dates cannot be right.
        ImplausibleDate => "implausible-date", "something is dated before its creation: a person has to look first",
    }
}

/// The policy, with its configuration.
#[derive(Debug)]
pub struct Archival {
    config: Config,
}

impl ArchivalPolicy for Archival {
    fn describe() -> Manifest {
        Why::manifest(
            "archival",
            env!("CARGO_PKG_VERSION"),
            "Selects records of enduring value at the end of retention, and plans the package for the archive.",
        )
    }

    fn configure(config: &str) -> Result<Self, String> {
        Ok(Self { config: Config::read(config)? })
    }

    fn needs(&self) -> Needs {
        Needs { history: Vec::new(), ancestors: 0, attributes: self.config.attributes() }
    }

    fn decide(&self, request: &Request, subject: &Subject) -> Decision {
        let selected = ready(request, subject).and_then(|retention| {
            let path = request.agency_path(subject);
            let selects = |rule: &&Selection| rule.selects(path, subject, retention.action);
            self.config.select.iter().find(selects).ok_or_else(|| Why::NoSelectionRule.because())
        });
        match selected {
            Ok(rule) => {
                let select = Some(plan(rule, request, subject));
                Decision { select, reasons: vec![Why::Selected.with(rule.series.0.as_str())] }
            }
            Err(why) => Decision { select: None, reasons: vec![why] },
        }
    }
}

/// The retention of a record that may be handed over now, or why it may not.
fn ready<'a>(request: &Request, subject: &'a Subject) -> Result<&'a RetentionInForce, Because> {
    if matches!(subject.state, State::Transferred | State::Archived) {
        return Err(Why::AlreadyArchived.because());
    }
    if subject.marks.contains(&Mark::LossReported) {
        return Err(Why::LossReported.because());
    }
    if subject.marks.contains(&Mark::ImplausibleDate) {
        return Err(Why::ImplausibleDate.because());
    }
    let retention = subject.retention.as_ref().ok_or_else(|| Why::NoRetention.because())?;
    match (retention.forever, retention.until, retention.action) {
        // Said to be kept for ever as such. For ever with another action is what stays because something is wrong.
        (true, _, Action::Keep) if subject.state == State::Open => Err(Why::StillOpen.because()),
        (true, _, Action::Keep) => Ok(retention),
        (true, ..) => Err(Why::KeptHere.because()),
        (false, None, _) => Err(Why::Waiting.because()),
        (false, Some(until), _) if until > request.as_of => Err(Why::NotYet.with(until.to_string())),
        (false, Some(_), Action::Destroy) => Err(Why::OtherAction.with("destroy")),
        (false, Some(_), Action::Review) => Err(Why::OtherAction.with("review")),
        (false, Some(_), Action::Transfer | Action::Keep) => Ok(retention),
    }
}

fn plan(rule: &Selection, request: &Request, subject: &Subject) -> Plan {
    let filled = |(name, template): (&String, &template::Template)| Attribute {
        name: name.clone(),
        value: template.fill(request, subject),
    };
    Plan {
        destination: rule.destination.clone(),
        packaging: rule.packaging,
        access: rule.access.clone(),
        description: rule.description.iter().map(filled).collect(),
    }
}

fonds_policy_sdk::export_archival!(Archival);

#[cfg(test)]
mod tests;
