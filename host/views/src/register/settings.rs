//! Settings that disposition rests on, and the keys of the people who approve: as they were changed, one by one.

use super::keys::{self, SETTING};
use crate::rows::{Pending, Rows, ViewError, below};
use fonds_model::body::{PersonKeyAdded, PersonKeyRetired, SettingChanged};
use fonds_model::{Position, Seq};
use serde::{Deserialize, Serialize};

/// One change of a setting; whether it is in force is fonds-policy's to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// What it was changed to.
    pub value: String,
    /// Who changed it.
    pub by: Option<String>,
    /// The item that says so.
    pub position: Position,
}

/// A person's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonKey {
    /// The person.
    pub person: String,
    /// The key, as a C2SP verifier key.
    pub key: String,
    /// The entry that added it.
    pub added_at: Seq,
    /// The entry that retired it.
    pub retired_at: Option<Seq>,
}

const CHANGE: &str = "setting ";
const KEY: &str = "key ";

/// Folds a change of a setting.
pub(super) fn changed(rows: &mut Pending<'_>, position: Position, body: &SettingChanged) -> Result<(), ViewError> {
    let change = Changed { name: body.name.clone(), value: body.value.clone(), by: body.who.by.clone(), position };
    rows.put(keys::key_at(SETTING, &[CHANGE, &body.name].concat(), position), keys::encode(&change)?);
    Ok(())
}

/// Folds a person's key.
pub(super) fn key_added(rows: &mut Pending<'_>, position: Position, body: &PersonKeyAdded) -> Result<(), ViewError> {
    let (person, key) = (body.person.clone(), body.key.clone());
    let added = PersonKey { person, key, added_at: position.seq, retired_at: None };
    rows.put(keys::key_at(SETTING, &[KEY, &body.person].concat(), position), keys::encode(&added)?);
    Ok(())
}

/// Folds the end of a person's key.
pub(super) fn key_retired(
    rows: &mut Pending<'_>,
    position: Position,
    body: &PersonKeyRetired,
) -> Result<(), ViewError> {
    let found: Vec<_> =
        keys::facts(rows, SETTING, &[KEY, &body.person].concat(), None).collect::<Result<Vec<_>, _>>()?;
    for (row, value) in found {
        let mut key: PersonKey = keys::decode(&value, "a person's key")?;
        if key.key == body.key && key.retired_at.is_none() && key.added_at < position.seq {
            key.retired_at = Some(position.seq);
            rows.put(row, keys::encode(&key)?);
        }
    }
    Ok(())
}

/// All changes of settings, by name and then in the order of the log.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn setting_changes(rows: &dyn Rows) -> Result<Vec<Changed>, ViewError> {
    let prefix = [&[SETTING], CHANGE.as_bytes()].concat();
    below(rows, &prefix).map(|row| keys::decode(&row?.1, "a setting")).collect()
}

/// All keys of people, by person and then in the order of the log.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn person_keys(rows: &dyn Rows) -> Result<Vec<PersonKey>, ViewError> {
    let prefix = [&[SETTING], KEY.as_bytes()].concat();
    below(rows, &prefix).map(|row| keys::decode(&row?.1, "a person's key")).collect()
}
