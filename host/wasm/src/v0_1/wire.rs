//! The interface's types, in the order and with the names of `wit/v0.1/policy.wit`.

use wasmtime::component::{ComponentType, Lift, Lower};

// Both ways.

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct Date {
    pub(crate) year: i32,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Action {
    #[component(name = "destroy")]
    Destroy,
    #[component(name = "review")]
    Review,
    #[component(name = "transfer")]
    Transfer,
    #[component(name = "keep")]
    Keep,
}

// What is asked, borrowed from the request.

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct MonthDay {
    pub(crate) month: u8,
    pub(crate) day: u8,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct AttributeRef<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Agency<'a> {
    pub(crate) id: &'a str,
    pub(crate) path: &'a str,
    #[component(name = "fiscal-year-end")]
    pub(crate) fiscal_year_end: Option<MonthDay>,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Cutoff {
    #[component(name = "none")]
    None,
    #[component(name = "calendar-year")]
    CalendarYear,
    #[component(name = "fiscal-year")]
    FiscalYear,
}

#[derive(ComponentType, Lower)]
#[component(variant)]
pub(crate) enum TriggerRef<'a> {
    #[component(name = "creation")]
    Creation,
    #[component(name = "closed")]
    Closed,
    #[component(name = "superseded")]
    Superseded,
    #[component(name = "event")]
    Event(&'a str),
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Clause<'a> {
    pub(crate) trigger: TriggerRef<'a>,
    pub(crate) cutoff: Cutoff,
    pub(crate) years: u32,
    pub(crate) months: u32,
    pub(crate) days: u32,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Rule<'a> {
    pub(crate) series: &'a str,
    pub(crate) title: &'a str,
    pub(crate) permanent: bool,
    pub(crate) clauses: Vec<Clause<'a>>,
    pub(crate) action: Action,
    pub(crate) authority: &'a str,
    pub(crate) citations: &'a [String],
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Unruled {
    #[component(name = "unscheduled")]
    Unscheduled,
    #[component(name = "no-rule")]
    NoRule,
    #[component(name = "conflicting-rule")]
    ConflictingRule,
    #[component(name = "withdrawn")]
    Withdrawn,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct LabelRef<'a> {
    pub(crate) level: &'a str,
    pub(crate) categories: &'a [String],
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Occurrence<'a> {
    pub(crate) trigger: TriggerRef<'a>,
    pub(crate) on: Option<Date>,
    pub(crate) exact: bool,
    pub(crate) seq: u64,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Happening<'a> {
    pub(crate) seq: u64,
    pub(crate) kind: &'a str,
    pub(crate) at: i64,
    pub(crate) on: Option<Date>,
    pub(crate) attributes: Vec<AttributeRef<'a>>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Ancestor<'a> {
    pub(crate) entity: &'a str,
    pub(crate) depth: u32,
    pub(crate) label: Option<LabelRef<'a>>,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum State {
    #[component(name = "open")]
    Open,
    #[component(name = "closed")]
    Closed,
    #[component(name = "superseded")]
    Superseded,
    #[component(name = "transferred")]
    Transferred,
    #[component(name = "archived")]
    Archived,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Mark {
    #[component(name = "activity-after-close")]
    ActivityAfterClose,
    #[component(name = "implausible-date")]
    ImplausibleDate,
    #[component(name = "loss-reported")]
    LossReported,
    #[component(name = "corrected")]
    Corrected,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct RetentionInForce {
    pub(crate) until: Option<Date>,
    pub(crate) forever: bool,
    pub(crate) action: Action,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Subject<'a> {
    pub(crate) id: &'a str,
    pub(crate) kind: Option<&'a str>,
    pub(crate) state: State,
    pub(crate) agency: Option<u32>,
    pub(crate) series: Option<&'a str>,
    pub(crate) rule: Result<u32, Unruled>,
    pub(crate) started: Vec<Occurrence<'a>>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) label: Option<LabelRef<'a>>,
    pub(crate) barrier: bool,
    pub(crate) retention: Option<RetentionInForce>,
    pub(crate) attributes: Vec<AttributeRef<'a>>,
    pub(crate) history: Vec<Happening<'a>>,
    pub(crate) ancestors: Vec<Ancestor<'a>>,
    #[component(name = "ancestors-truncated")]
    pub(crate) ancestors_truncated: bool,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Request<'a> {
    #[component(name = "as-of")]
    pub(crate) as_of: Date,
    pub(crate) config: &'a str,
    pub(crate) levels: &'a [String],
    pub(crate) agencies: Vec<Agency<'a>>,
    pub(crate) rules: Vec<Rule<'a>>,
    pub(crate) subjects: Vec<Subject<'a>>,
}

// What is answered.

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Needs {
    pub(crate) history: Vec<String>,
    pub(crate) ancestors: u32,
    pub(crate) attributes: Vec<String>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Reason {
    pub(crate) code: String,
    pub(crate) text: String,
    pub(crate) authority: Option<String>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) reasons: Vec<Reason>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Because {
    pub(crate) reason: u32,
    pub(crate) detail: Option<String>,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum Trigger {
    #[component(name = "creation")]
    Creation,
    #[component(name = "closed")]
    Closed,
    #[component(name = "superseded")]
    Superseded,
    #[component(name = "event")]
    Event(String),
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum Awaited {
    #[component(name = "trigger")]
    Trigger(Trigger),
    #[component(name = "unknown-date")]
    UnknownDate,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum Term {
    #[component(name = "until")]
    Until(Date),
    #[component(name = "waiting")]
    Waiting(Awaited),
    #[component(name = "forever")]
    Forever,
    #[component(name = "abstain")]
    Abstain,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Retention {
    pub(crate) term: Term,
    pub(crate) action: Action,
    #[component(name = "not-after")]
    pub(crate) not_after: Option<Date>,
    pub(crate) reasons: Vec<Because>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Label {
    pub(crate) level: String,
    pub(crate) categories: Vec<String>,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum Declassification {
    #[component(name = "never")]
    Never,
    #[component(name = "on")]
    On(Date),
    #[component(name = "on-event")]
    OnEvent(String),
    #[component(name = "review-on")]
    ReviewOn(Date),
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Classification {
    pub(crate) series: Option<String>,
    pub(crate) label: Option<Label>,
    pub(crate) declassify: Declassification,
    pub(crate) reasons: Vec<Because>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[allow(dead_code, reason = "it is made by lifting only")]
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Packaging {
    #[component(name = "bagit")]
    Bagit,
    #[component(name = "e-ark")]
    EArk,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Plan {
    pub(crate) destination: String,
    pub(crate) packaging: Packaging,
    pub(crate) access: String,
    pub(crate) description: Vec<Attribute>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Archival {
    pub(crate) select: Option<Plan>,
    pub(crate) reasons: Vec<Because>,
}
