//! The host's own commands: agencies, schedules, plugins, bindings, corrections.

use crate::{Runtime, RuntimeError};
use fonds_log::Outcome;
use fonds_model::body::{
    self, AgencyDefined, AgencySucceeded, Annulled, Corrected, PluginInstalled, PolicyBound, PolicyUnbound, Who,
};
use fonds_model::decision::Mode;
use fonds_model::{AgencyPath, Digest, EntityId, Envelope, Format, Kind, MonthDay, PartialDate, Position, Seq};
use fonds_policy::Plugin;
use serde::Serialize;
use std::sync::Arc;

/// A configuration may have at most this many bytes.
const CONFIG_BYTES_MAX: usize = 1 << 20;

/// What `agency define` is told.
#[derive(Debug, Clone, Default)]
pub struct AgencyDefinition {
    /// Its stable id; its first path unless said.
    pub id: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// An IANA zone.
    pub time_zone: Option<String>,
    /// `MM-DD`.
    pub fiscal_year_end: Option<String>,
    /// From when on.
    pub effective: Option<String>,
    /// Who says so.
    pub by: Option<String>,
}

/// What `policy bind` is told.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The binding's name.
    pub name: String,
    /// The manifest's name, or a digest.
    pub plugin: String,
    /// The agency; everyone when none.
    pub scope: Option<String>,
    /// The configuration's bytes.
    pub config: Vec<u8>,
    /// Whether its decisions count.
    pub mode: Mode,
    /// Who binds it.
    pub persons: Persons,
}

/// Who changes what policies decide, and the second person who approves it.
#[derive(Debug, Clone, Default)]
pub struct Persons {
    /// Who does it.
    pub by: Option<String>,
    /// Who approves it; the setting `second-person` can demand one.
    pub approved_by: Option<String>,
}

/// An appended entry, as an answer.
#[derive(Debug, Clone, Serialize)]
pub struct AppendedEntry {
    /// The entry.
    pub seq: Seq,
    /// Its kind.
    pub kind: Kind,
    /// The log's size after it.
    pub log_size: u64,
}

/// Who did it, as a command's `--by` says.
pub(crate) fn who(by: Option<String>) -> Who {
    let by_assurance = by.as_ref().map(|_| body::Assurance::Asserted);
    Who { by, by_assurance, ..Who::default() }
}

impl Runtime {
    /// An envelope of the host's own, dated now.
    pub(crate) fn own_envelope(&self, by: Option<&str>) -> Envelope {
        let now = self.now();
        let mut envelope = Envelope::new(Format::Fonds);
        envelope.time = Some(now.to_string());
        envelope.on = Some(now.date_utc().into());
        envelope.by = by.map(str::to_owned);
        envelope
    }

    /// The payload of an item of the host's own about a record.
    pub(crate) fn own_item<T: Serialize>(
        &self,
        record: Option<&EntityId>,
        by: Option<&str>,
        body: &T,
    ) -> Result<Vec<u8>, RuntimeError> {
        let mut envelope = self.own_envelope(by);
        envelope.subject = record.cloned();
        Ok(envelope.with_body(&json(body)?))
    }

    /// Appends one of the host's own entries and applies it, so that the next answer reflects it.
    pub(crate) fn append_own(&self, kind: Kind, payloads: Vec<Vec<u8>>) -> Result<AppendedEntry, RuntimeError> {
        let prepared = self.log().prepare(kind, payloads, None)?;
        let outcomes = self.log().stage(vec![prepared]).commit()?;
        self.catch_up()?;
        match outcomes.first() {
            Some(Outcome::Appended(seq)) => Ok(AppendedEntry { seq: *seq, kind, log_size: self.log().size() }),
            other => Err(RuntimeError::Invalid(format!("an entry of the host's own was answered {other:?}"))),
        }
    }

    pub(crate) fn append_body<T: Serialize>(
        &self,
        kind: Kind,
        by: Option<&str>,
        body: &T,
    ) -> Result<AppendedEntry, RuntimeError> {
        self.append_own(kind, vec![self.own_envelope(by).with_body(&json(body)?)])
    }

    /// Defines an agency, or changes its settings from a date on.
    ///
    /// # Errors
    /// When a path, zone, day or date is not one.
    pub fn define_agency(&self, path: &str, told: &AgencyDefinition) -> Result<AppendedEntry, RuntimeError> {
        let path = AgencyPath::new(path)?;
        if let Some(zone) = told.time_zone.as_ref().filter(|zone| !fonds_model::date::is_zone(zone)) {
            return Err(fonds_model::ModelError::Zone(zone.clone()).into());
        }
        let id = match &told.id {
            Some(id) => AgencyPath::new(id.as_str())?,
            None => self.agency_id_at(&path)?.unwrap_or_else(|| path.clone()),
        };
        let body = AgencyDefined {
            id,
            path,
            name: told.name.clone(),
            time_zone: told.time_zone.clone(),
            fiscal_year_end: told.fiscal_year_end.as_deref().map(MonthDay::parse).transpose()?,
            effective: told.effective.as_deref().map(PartialDate::parse).transpose()?,
            who: who(told.by.clone()),
        };
        self.append_body(Kind::AgencyDefined, told.by.as_deref(), &body)
    }

    /// Lets another agency answer for the records of one from a date on; today unless said.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when either is not defined on that date; [`RuntimeError::Invalid`] when the records would
    /// come back to where they came from.
    pub fn succeed_agency(
        &self,
        old: &str,
        new: &str,
        effective: Option<&str>,
        who: Who,
    ) -> Result<(AppendedEntry, AgencySucceeded), RuntimeError> {
        let today = self.now().date_utc();
        let effective = effective.map(PartialDate::parse).transpose()?.unwrap_or_else(|| today.into());
        let agencies = fonds_views::register::Agencies::load(self.rows(), None)?;
        let id = |path: &str| -> Result<AgencyPath, RuntimeError> {
            let path = AgencyPath::new(path)?;
            let found = agencies.id_on(&path, effective.last_day()).cloned();
            found.ok_or_else(|| {
                let why =
                    format!("no agency `{path}` is defined on {effective}: run `fonds agency define {path}` first");
                RuntimeError::NotFound(why)
            })
        };
        let (agency, successor) = (id(old)?, id(new)?);
        if agencies.leads_to(&successor, &agency) {
            return Err(RuntimeError::Invalid(format!(
                "`{new}` cannot succeed `{old}`: its own records go to `{old}`, and nobody would answer for them in the end"
            )));
        }
        let by = who.by.clone();
        let body = AgencySucceeded { agency, successor, effective, who };
        Ok((self.append_body(Kind::AgencySucceeded, by.as_deref(), &body)?, body))
    }

    /// Puts a component into the log's keeping, once it was seen to load.
    ///
    /// Installing the same component again answers with the entry that has it.
    ///
    /// # Errors
    /// [`RuntimeError::Plugin`] when it does not load; the reason names what is wrong.
    pub fn install_plugin(
        &self,
        component: &[u8],
        persons: &Persons,
    ) -> Result<(AppendedEntry, PluginInstalled), RuntimeError> {
        self.check_persons(persons)?;
        let plugin = self.engine()?.load(component).map_err(RuntimeError::Plugin)?;
        let manifest = plugin.manifest();
        let body = PluginInstalled {
            digest: plugin.digest(),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            world: manifest.world,
            interface: manifest.interface.clone(),
            summary: manifest.summary.clone(),
            reasons: manifest.reasons.clone(),
            approved_by: persons.approved_by.clone(),
            who: who(persons.by.clone()),
        };
        let installed = self.installed_plugins()?;
        if let Some(known) = installed.iter().find(|known| known.plugin.digest == body.digest) {
            let entry =
                AppendedEntry { seq: known.position.seq, kind: Kind::PluginInstalled, log_size: self.log().size() };
            return Ok((entry, body));
        }
        self.log().put_blob(component)?;
        let entry = self.append_body(Kind::PluginInstalled, persons.by.as_deref(), &body)?;
        Ok((entry, body))
    }

    /// Lets a plugin decide for an agency and all below it.
    ///
    /// # Errors
    /// When the plugin is not installed, or refuses the configuration.
    pub fn bind_policy(&self, told: &Binding) -> Result<(AppendedEntry, PolicyBound), RuntimeError> {
        self.check_persons(&told.persons)?;
        if told.name.is_empty() || told.name.len() > 100 || told.name.contains(char::is_control) {
            return Err(RuntimeError::Invalid(format!(
                "`{}` is not a name for a binding: use 1 to 100 characters",
                told.name
            )));
        }
        if told.config.len() > CONFIG_BYTES_MAX {
            return Err(RuntimeError::Invalid("a configuration has at most 1 MiB".to_owned()));
        }
        let config = std::str::from_utf8(&told.config)
            .map_err(|_| RuntimeError::Invalid("the configuration is not UTF-8 text".to_owned()))?;
        let installed = self.installed_plugin(&told.plugin)?;
        let plugin = self.load_plugin(&installed.digest)?;
        let needs = plugin.configure(config).map_err(RuntimeError::Plugin)?;
        let needs = needs.map_err(|text| {
            RuntimeError::Invalid(format!("the plugin `{}` refuses the configuration: {text}", installed.name))
        })?;
        let body = PolicyBound {
            name: told.name.clone(),
            plugin: installed.digest,
            world: installed.world,
            scope: told.scope.as_deref().map(AgencyPath::new).transpose()?,
            config: self.log().put_blob(&told.config)?,
            mode: told.mode,
            needs,
            approved_by: told.persons.approved_by.clone(),
            who: who(told.persons.by.clone()),
        };
        let entry = self.append_body(Kind::PolicyBound, told.persons.by.as_deref(), &body)?;
        Ok((entry, body))
    }

    /// Lets a binding decide no more.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when no binding has that name.
    pub fn unbind_policy(&self, name: &str, persons: &Persons) -> Result<AppendedEntry, RuntimeError> {
        self.check_persons(persons)?;
        if !self.bindings_in_force()?.iter().any(|bound| bound.name == name) {
            return Err(RuntimeError::NotFound(format!("no policy is bound as `{name}`: see `fonds policy list`")));
        }
        let approved_by = persons.approved_by.clone();
        let body = PolicyUnbound { name: name.to_owned(), approved_by, who: who(persons.by.clone()) };
        self.append_body(Kind::PolicyUnbound, persons.by.as_deref(), &body)
    }

    /// What changes how long records are kept is done by two people, where the setting says so.
    pub(crate) fn check_persons(&self, persons: &Persons) -> Result<(), RuntimeError> {
        let Persons { by, approved_by } = persons;
        let are_two = by.is_some() && approved_by.is_some() && by != approved_by;
        if approved_by.is_some() && !are_two {
            return Err(RuntimeError::Denied(
                "who approves it is another than who does it: --by, --approved-by".to_owned(),
            ));
        }
        if are_two || !self.settings()?.second_person {
            return Ok(());
        }
        let why = "the setting `second-person` wants two people: say --by NAME and --approved-by ANOTHER";
        Err(RuntimeError::Denied(why.to_owned()))
    }

    /// Puts a mistake right beside the entry.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when there is no such item.
    pub fn correct(
        &self,
        at: Position,
        field: &str,
        new: serde_json::Value,
        who: Who,
    ) -> Result<AppendedEntry, RuntimeError> {
        let kind = self.check_correctable(at)?;
        check_field(at.seq, kind, field).map_err(RuntimeError::Invalid)?;
        if matches!(field, "on" | "time") {
            let text = new.as_str().unwrap_or_default();
            fonds_model::date::Written::parse(text)?;
        }
        let by = who.by.clone();
        let body = Corrected { seq: at.seq, item: at.item, field: field.to_owned(), new, who };
        self.append_body(Kind::EntryCorrected, by.as_deref(), &body)
    }

    /// Says that an entry should never have been sent.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when there is no such item.
    pub fn annul(&self, at: Position, who: Who) -> Result<AppendedEntry, RuntimeError> {
        self.check_correctable(at)?;
        let by = who.by.clone();
        let body = Annulled { seq: at.seq, item: at.item, who };
        self.append_body(Kind::EntryAnnulled, by.as_deref(), &body)
    }

    /// Producers' events may be put right; what the host itself did stands.
    fn check_correctable(&self, at: Position) -> Result<Kind, RuntimeError> {
        let entry = self.entry(at.seq)?;
        if usize::from(at.item) >= entry.items.len() {
            return Err(RuntimeError::NotFound(format!("entry {} has no item {}", at.seq, at.item)));
        }
        if entry.kind.producer_may_send() {
            Ok(entry.kind)
        } else {
            Err(RuntimeError::Invalid(format!(
                "entry {} is `{}`, which the host itself wrote: it stands, and a new command changes what comes after",
                at.seq, entry.kind
            )))
        }
    }

    /// The installed plugin of a name (the newest) or a digest.
    pub(crate) fn installed_plugin(&self, name: &str) -> Result<PluginInstalled, RuntimeError> {
        let digest = Digest::parse(name);
        let found = self
            .installed_plugins()?
            .into_iter()
            .rev()
            .find(|plugin| digest.map_or(plugin.plugin.name == name, |digest| plugin.plugin.digest == digest));
        found.map(|found| found.plugin).ok_or_else(|| {
            RuntimeError::NotFound(format!("no plugin `{name}` is installed: run `fonds plugin install FILE` first"))
        })
    }

    /// A plugin from the log's blobs, compiled or from the cache.
    pub(crate) fn load_plugin(&self, digest: &Digest) -> Result<Arc<dyn Plugin>, RuntimeError> {
        let component = self.log().blob(digest)?;
        self.engine()?.load(&component).map_err(RuntimeError::Plugin)
    }
}

/// Whether a correction of a field of an entry can be followed, or why not.
///
/// What was made of what is read from the event itself, and edges know no correction: one of a lineage event would stand
/// beside it and change nothing.
pub(crate) fn check_field(seq: Seq, kind: Kind, field: &str) -> Result<(), String> {
    if matches!(kind, Kind::LineageRun | Kind::LineageDataset | Kind::LineageJob) {
        return Err(format!(
            "entry {seq} is `{kind}`, and a correction changes no edge of lineage: annul it and send the event anew"
        ));
    }
    if field == "derived_from" {
        return Err(format!(
            "`derived_from` makes edges of lineage, which no correction changes: annul entry {seq} and send the event anew"
        ));
    }
    if body::CORRECTABLE.contains(&field) {
        Ok(())
    } else {
        Err(format!("`{field}` is not a field that can be put right: {}", body::CORRECTABLE.join(", ")))
    }
}

/// A body's bytes.
pub(crate) fn json<T: Serialize>(body: &T) -> Result<Vec<u8>, RuntimeError> {
    serde_json::to_vec(body).map_err(|error| RuntimeError::Invalid(format!("a body could not be written: {error}")))
}
