//! The settings that dispositions rest on, and the keys of the people who approve.

use crate::admin::AppendedEntry;
use crate::{Runtime, RuntimeError, note};
use fonds_model::Kind;
use fonds_model::body::{PersonKeyAdded, PersonKeyRetired, SettingChanged, Who};
use fonds_policy::disposition::{Change, SETTINGS, Settings, is_setting};
use fonds_views::register::{self, PersonKey};
use serde::Serialize;

/// A setting.
#[derive(Debug, Clone, Serialize)]
pub struct SettingAnswer {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub value: &'static str,
    /// What it may be, the weakest first.
    pub values: &'static [&'static str],
    /// What somebody asked it to be, which is weaker and waits for a second person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// Who asked for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_by: Option<String>,
}

/// All settings.
#[derive(Debug, Clone, Serialize)]
pub struct SettingsAnswer {
    /// In the order of the documentation.
    pub settings: Vec<SettingAnswer>,
    /// The log size that this reflects.
    pub log_size: u64,
}

impl Runtime {
    /// The settings in force.
    pub(crate) fn settings(&self) -> Result<Settings, RuntimeError> {
        let changes = register::setting_changes(self.rows())?;
        Ok(Settings::of(changes.iter().map(change)).0)
    }

    /// The settings in force, and what waits for a second person.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn settings_shown(&self) -> Result<SettingsAnswer, RuntimeError> {
        let changes = register::setting_changes(self.rows())?;
        let (settings, waiting) = Settings::of(changes.iter().map(change));
        let answer = |(name, values): &(&'static str, &'static [&'static str])| {
            let asked = waiting.get(name);
            SettingAnswer {
                name,
                value: settings.value(name),
                values,
                waiting: asked.map(|asked| asked.value.to_owned()),
                waiting_by: asked.and_then(|asked| asked.by).map(str::to_owned),
            }
        };
        Ok(SettingsAnswer { settings: SETTINGS.iter().map(answer).collect(), log_size: self.log_size() })
    }

    /// Changes a setting: to a stricter value at once, to a weaker one once another person has asked for the same.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`] when there is no such setting or value, or nobody says who asks.
    pub fn change_setting(&self, name: &str, value: &str, who: Who) -> Result<AppendedEntry, RuntimeError> {
        if !is_setting(name, value) {
            let known: Vec<String> =
                SETTINGS.iter().map(|(name, values)| format!("{name} = {}", values.join("|"))).collect();
            return Err(RuntimeError::Invalid(format!("`{name} = {value}` is no setting: {}", known.join(", "))));
        }
        let by = who.by.clone().filter(|by| !by.is_empty());
        let by = by.ok_or_else(|| RuntimeError::Invalid("a setting says who changes it: --by NAME".to_owned()))?;
        let body = SettingChanged { name: name.to_owned(), value: value.to_owned(), who };
        self.append_body(Kind::SettingChanged, Some(&by), &body)
    }

    /// All keys of people.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub fn person_keys(&self) -> Result<Vec<PersonKey>, RuntimeError> {
        Ok(register::person_keys(self.rows())?)
    }

    /// The keys that a person's signatures count by.
    pub(crate) fn keys_of(&self, person: &str) -> Result<Vec<note::Verifier>, RuntimeError> {
        let keys = self.person_keys()?;
        let valid = keys.iter().filter(|key| key.person == person && key.retired_at.is_none());
        valid.map(|key| Ok(note::Verifier::parse(&key.key)?)).collect()
    }

    /// Lets a person's signatures by a key count.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`] when the key is not one, is of another name, or is somebody's already.
    pub fn add_person_key(&self, person: &str, key: &str, who: Who) -> Result<AppendedEntry, RuntimeError> {
        let verifier = note::Verifier::parse(key)?;
        if verifier.is_witness() || verifier.name() != person {
            let why = format!("the key is `{}`'s and not `{person}`'s: its name is the person", verifier.name());
            return Err(RuntimeError::Invalid(why));
        }
        if self.person_keys()?.iter().any(|known| known.key == key) {
            return Err(RuntimeError::Invalid(format!("the key `{key}` was added before")));
        }
        let by = who.by.clone();
        let body = PersonKeyAdded { person: person.to_owned(), key: key.to_owned(), who };
        self.append_body(Kind::AccessKeyAdded, by.as_deref(), &body)
    }

    /// Lets a key's signatures count no longer; what it signed before stands.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when the person has no such key.
    pub fn retire_person_key(&self, person: &str, key: &str, who: Who) -> Result<AppendedEntry, RuntimeError> {
        let keys = self.person_keys()?;
        let known = keys.iter().any(|known| known.person == person && known.key == key && known.retired_at.is_none());
        if !known {
            return Err(RuntimeError::NotFound(format!("`{person}` has no key `{key}`: see `fonds access key list`")));
        }
        let by = who.by.clone();
        let body = PersonKeyRetired { person: person.to_owned(), key: key.to_owned(), who };
        self.append_body(Kind::AccessKeyRetired, by.as_deref(), &body)
    }
}

fn change(changed: &register::SettingChange) -> Change<'_> {
    Change { name: &changed.name, value: &changed.value, by: changed.by.as_deref() }
}
