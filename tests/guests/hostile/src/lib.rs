//! A retention policy that misbehaves as its configuration tells it to.
//!
//! | configuration | what it does |
//! |---|---|
//! | `ok`, or nothing | keeps every record until 2030-01-01, then review |
//! | `abstain` | has nothing to say |
//! | `destroy` | wants every record destroyed since 2000-01-01 |
//! | `loop` | never answers |
//! | `loop-on:ID` | never answers when that record is in the batch |
//! | `memory` | asks for memory until there is none |
//! | `stack` | calls itself until the stack is used up |
//! | `trap` | traps |
//! | `trap-on:ID` | traps when that record is in the batch |
//! | `long` | answers with a detail of 8 MiB for the batch's first record |
//! | `many` | answers with 100,000 reasons for each record |
//! | `aliased` | answers with 4,096 reasons a record that share one text of 1 MiB: little memory, much to lift |
//! | `flip` | answers by the size of the batch and the place in it, so a case alone is answered otherwise |
//! | `count` | leaves out the last decision |
//! | `more` | answers one decision too many |
//! | `bad-date` | keeps until 31 February |
//! | `bad-year` | keeps until a year that no calendar has |
//! | `reason` | gives a reason that its manifest does not have |
//! | `refuse` | refuses to evaluate, with words |
//! | `refuse-long` | refuses to evaluate, with a megabyte of words |
//! | `utf8` | answers with bytes that are no text |
//! | `greedy` | needs a million ancestors and 100,000 attributes |
//! | `configure-refuse`, `configure-trap`, `configure-loop` | misbehaves when it is configured |

mod lie;

use fonds_policy_sdk::retention::{Decision, Term};
use fonds_policy_sdk::{Action, Because, Date, Manifest, Needs, Request, RetentionPolicy, Subject};

fonds_policy_sdk::reasons! {
    enum Why {
        Told => "told", "its configuration says so: {detail}",
        Alone => "alone", "it was asked about this record alone",
    }
}

/// Does what its configuration says.
pub struct Hostile(String);

const UNTIL: Date = Date { year: 2030, month: 1, day: 1 };

impl RetentionPolicy for Hostile {
    fn describe() -> Manifest {
        Why::manifest("hostile", env!("CARGO_PKG_VERSION"), "Misbehaves as its configuration tells it to.")
    }

    fn configure(config: &str) -> Result<Self, String> {
        match config {
            "configure-refuse" => Err("this configuration is refused".into()),
            "configure-trap" => trap(),
            "configure-loop" => endless(),
            _ => Ok(Self(config.into())),
        }
    }

    fn needs(&self) -> Needs {
        if self.0 == "greedy" {
            let attributes = (0..100_000).map(|number| format!("attribute-{number}")).collect();
            return Needs { history: Vec::new(), ancestors: 1_000_000, attributes };
        }
        Needs { history: Vec::new(), ancestors: 0, attributes: Vec::new() }
    }

    fn prepare(&mut self, request: &Request) -> Result<(), String> {
        match self.0.as_str() {
            "loop" => endless(),
            "memory" => lie::all_memory(),
            "stack" => Err(lie::deep(request.subjects.len() as u64).to_string()),
            "trap" => trap(),
            "refuse" => Err("this batch is refused".into()),
            "refuse-long" => Err("no ".repeat(400_000)),
            _ => Ok(()),
        }
    }

    fn decide(&self, request: &Request, subject: &Subject) -> Decision {
        match self.0.as_str() {
            "abstain" => said(Term::Abstain, vec![]),
            "destroy" => {
                let past = Term::Until(Date { year: 2000, ..UNTIL });
                Decision { action: Action::Destroy, ..said(past, vec![Why::Told.with("destroy")]) }
            }
            "long" if is_first(request, subject) => said(Term::Until(UNTIL), vec![Why::Told.with("x".repeat(8 << 20))]),
            "many" => said(Term::Until(UNTIL), vec![Why::Alone.because(); 100_000]),
            "bad-date" => said(Term::Until(Date { month: 2, day: 31, ..UNTIL }), vec![]),
            "bad-year" => said(Term::Until(Date { year: i32::MAX, ..UNTIL }), vec![]),
            "reason" => said(Term::Until(UNTIL), vec![Because { reason: 1_000, detail: None }]),
            "flip" => flipped(request, subject),
            told => match told.split_once(':') {
                Some(("trap-on", id)) if id == subject.id => trap(),
                Some(("loop-on", id)) if id == subject.id => endless(),
                _ => said(Term::Until(UNTIL), vec![Why::Told.with("ok")]),
            },
        }
    }

    fn evaluate(request: Request) -> Result<Vec<Decision>, String> {
        let mut policy = Self::configure(&request.config)?;
        policy.prepare(&request)?;
        let decided = request.subjects.iter().map(|subject| policy.decide(&request, subject));
        let mut decisions: Vec<Decision> = decided.collect();
        match policy.0.as_str() {
            "count" => drop(decisions.pop()),
            "more" => decisions.push(said(Term::Abstain, vec![])),
            "aliased" => decisions = lie::aliased(decisions.len()),
            "utf8" => decisions.iter_mut().for_each(|decision| decision.reasons = vec![lie::no_text()]),
            _ => {}
        }
        Ok(decisions)
    }
}

fn said(term: Term, reasons: Vec<Because>) -> Decision {
    Decision { term, action: Action::Review, not_after: None, reasons }
}

fn is_first(request: &Request, subject: &Subject) -> bool {
    request.subjects.first().is_some_and(|first| first.id == subject.id)
}

/// What differs between calls is the packing: how many cases there are, and which is the first.
fn flipped(request: &Request, subject: &Subject) -> Decision {
    if request.subjects.len() == 1 {
        return said(Term::Forever, vec![Why::Alone.because()]);
    }
    let year = if is_first(request, subject) { UNTIL.year } else { UNTIL.year + 1 };
    said(Term::Until(Date { year, ..UNTIL }), vec![Why::Told.with("flip")])
}

#[allow(clippy::panic, reason = "trapping is what it is for")]
fn trap() -> ! {
    panic!("as told")
}

#[allow(clippy::empty_loop, reason = "an endless loop is what it is for")]
fn endless() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

fonds_policy_sdk::export_retention!(Hostile);
