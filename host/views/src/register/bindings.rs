//! Plugins that were installed, and policies that are bound.

use super::due;
use super::keys::{self, BINDING, PLUGIN};
use crate::rows::{Pending, Rows, ViewError};
use fonds_model::body::{Needs, PluginInstalled, PolicyBound};
use fonds_model::decision::{Mode, World};
use fonds_model::{AgencyPath, Digest, Position, Seq};
use serde::{Deserialize, Serialize};

/// A policy that is bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Its name.
    pub name: String,
    /// The entry that bound it.
    pub bound_at: Seq,
    /// SHA-256 of the component.
    pub plugin: Digest,
    /// Which question it answers.
    pub world: World,
    /// The agency that it is for, with all below it; none: everyone.
    pub scope: Option<AgencyPath>,
    /// SHA-256 of the configuration.
    pub config: Digest,
    /// Whether its decisions count.
    pub mode: Mode,
    /// What it needs beside a record's own fields.
    pub needs: Needs,
}

impl Binding {
    /// Whether it decides for an agency; a binding without a scope decides also where nobody answers.
    ///
    /// Both are paths on the same date: resolve the scope first where agencies have moved.
    #[must_use]
    pub fn applies_to(&self, agency: Option<&AgencyPath>) -> bool {
        match &self.scope {
            None => true,
            Some(scope) => agency.is_some_and(|agency| agency.is_within(scope.as_str())),
        }
    }
}

/// A plugin that was installed.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    /// The entry.
    pub position: Position,
    /// What it says.
    pub plugin: PluginInstalled,
}

pub(super) fn install(rows: &mut Pending<'_>, position: Position, plugin: &PluginInstalled) -> Result<(), ViewError> {
    keys::put_long(rows, keys::key_of(PLUGIN, position), &keys::json(plugin)?, 0)
}

pub(super) fn bind(rows: &mut Pending<'_>, position: Position, bound: PolicyBound) -> Result<(), ViewError> {
    let binding = Binding {
        name: bound.name,
        bound_at: position.seq,
        plugin: bound.plugin,
        world: bound.world,
        scope: bound.scope,
        config: bound.config,
        mode: bound.mode,
        needs: bound.needs,
    };
    let name = binding.name.clone();
    put(rows, position, &name, &Some(binding))
}

pub(super) fn unbind(rows: &mut Pending<'_>, position: Position, name: &str) -> Result<(), ViewError> {
    put(rows, position, name, &None)
}

fn put(rows: &mut Pending<'_>, position: Position, name: &str, binding: &Option<Binding>) -> Result<(), ViewError> {
    if name.contains('\0') {
        return Ok(());
    }
    keys::put_long(rows, keys::key_at(BINDING, name, position), &keys::json(binding)?, 0)?;
    due::for_all(rows, position, None)
}

/// The policies bound after entry `as_of`, by name. All along an agency's path apply: a nearer one never replaces a
/// farther.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn bindings(rows: &dyn Rows, as_of: Option<Seq>) -> Result<Vec<Binding>, ViewError> {
    // Rows of one name follow each other, oldest first: the last one read is the one that stands.
    let mut bound: Vec<(Vec<u8>, Option<Binding>)> = Vec::new();
    for row in crate::rows::below(rows, &[BINDING]) {
        let (key, first) = row?;
        if as_of.is_some_and(|seq| keys::position_of(&key).is_ok_and(|position| position.seq > seq)) {
            continue;
        }
        let binding = keys::from_json(&keys::whole(rows, &key, first)?, "a binding")?;
        let name = key.get(..key.len().saturating_sub(10)).unwrap_or_default().to_vec();
        match bound.last_mut() {
            Some(last) if last.0 == name => last.1 = binding,
            _ => bound.push((name, binding)),
        }
    }
    Ok(bound.into_iter().filter_map(|(_, binding)| binding).collect())
}

/// The plugins installed up to and including entry `as_of`, oldest first.
///
/// # Errors
/// [`ViewError`] when rows cannot be read.
pub fn plugins(rows: &dyn Rows, as_of: Option<Seq>) -> Result<Vec<Installed>, ViewError> {
    let mut plugins = Vec::new();
    for row in crate::rows::below(rows, &[PLUGIN]) {
        let (key, first) = row?;
        let position = keys::position_of(&key)?;
        if as_of.is_some_and(|seq| position.seq > seq) {
            break;
        }
        let plugin = keys::from_json(&keys::whole(rows, &key, first)?, "a plugin")?;
        plugins.push(Installed { position, plugin });
    }
    Ok(plugins)
}
