//! Plugins, bindings, and the sweep that asks them.

use super::{date_or_today, read_file};
use crate::args::{Mode, Plugin, Policy};
use crate::output::{Screen, Tone, pairs, table};
use crate::{Failure, workshop};
use fonds_model::{Digest, decision};
use fonds_runtime::admin::{Binding, Persons};
use fonds_wasm::{build, component};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// `plugin …`.
pub(crate) fn plugin(dir: &Path, command: Plugin, screen: Screen) -> Result<(), Failure> {
    match command {
        Plugin::Build { dir: source, to } => {
            screen.say(&format!("building {} for wasm32-unknown-unknown …", source.display()));
            let built =
                build::crate_to_component(&source, to.as_deref()).map_err(|error| Failure::Check(error.to_string()))?;
            let digest = Digest::of(&built.component);
            let answer =
                json!({ "name": built.name, "file": built.path, "digest": digest, "bytes": built.component.len() });
            Ok(screen.answer(&answer, |screen| {
                let shown = [
                    ("file", built.path.display().to_string()),
                    ("bytes", built.component.len().to_string()),
                    ("digest", digest.to_string()),
                ];
                pairs(screen, &shown)
            })?)
        }
        Plugin::Inspect { file } => inspect(dir, &file, screen),
        Plugin::Install { file, by, approved_by } => {
            let component = read_file(&file)?;
            let runtime = workshop::open(dir)?;
            let (entry, body) = runtime.install_plugin(&component, &Persons { by, approved_by })?;
            let answer = json!({ "name": body.name, "version": body.version, "world": body.world, "interface": body.interface,
                "digest": body.digest, "seq": entry.seq, "log_size": entry.log_size });
            screen.answer(&answer, |screen| {
                format!(
                    "{} {} ({}) is installed: entry {}\n",
                    screen.paint(Tone::Name, &body.name),
                    body.version,
                    body.world,
                    entry.seq
                )
            })?;
            Ok(runtime.close()?)
        }
        Plugin::List => {
            let runtime = workshop::open(dir)?;
            let plugins = runtime.plugins()?;
            let rows = plugins.iter().map(|plugin| {
                let digest: String = plugin.digest.to_hex().chars().take(16).collect();
                vec![
                    plugin.name.clone(),
                    plugin.version.clone(),
                    plugin.world.to_string(),
                    digest,
                    plugin.seq.to_string(),
                ]
            });
            let shown = table(&["plugin", "version", "world", "digest", "seq"], rows);
            Ok(screen.list("plugins", &plugins, runtime.log_size(), |_| shown)?)
        }
    }
}

fn inspect(dir: &Path, file: &Path, screen: Screen) -> Result<(), Failure> {
    let bytes = read_file(file)?;
    let found = component::inspect(&bytes).map_err(|error| Failure::Check(error.to_string()))?;
    let digest = Digest::of(&bytes);
    let loaded = workshop::engine(dir.to_owned())().and_then(|engine| engine.load(&bytes));
    let (manifest, fault) = match &loaded {
        Ok(plugin) => (Some(plugin.manifest()), None),
        Err(fault) => (None, Some(fault.to_string())),
    };
    let reasons = manifest.map(|manifest| &manifest.reasons);
    let answer = json!({ "digest": digest, "bytes": bytes.len(), "imports": found.imports, "exports": found.exports,
        "world": found.world, "interface": found.interface, "name": manifest.map(|manifest| &manifest.name),
        "version": manifest.map(|manifest| &manifest.version), "summary": manifest.map(|manifest| &manifest.summary),
        "reasons": reasons, "refused": fault });
    screen.answer(&answer, |screen| {
        let none = || "-".to_owned();
        let mut shown = vec![
            ("name", manifest.map_or_else(none, |manifest| manifest.name.clone())),
            ("version", manifest.map_or_else(none, |manifest| manifest.version.clone())),
            ("summary", manifest.map_or_else(none, |manifest| manifest.summary.clone())),
            ("world", found.world.map_or_else(none, |world| world.to_string())),
            ("interface", found.interface.clone().unwrap_or_else(none)),
            ("imports", if found.imports.is_empty() { "nothing".to_owned() } else { found.imports.join(", ") }),
            ("bytes", bytes.len().to_string()),
            ("digest", digest.to_string()),
        ];
        if let Some(fault) = &fault {
            shown.push(("refused", screen.paint(Tone::Bad, fault)));
        }
        let mut text = pairs(screen, &shown);
        if let Some(reasons) = reasons {
            text +=
                &table(&["code", "text"], reasons.iter().map(|reason| vec![reason.code.clone(), reason.text.clone()]));
        }
        text
    })?;
    fault.map_or(Ok(()), |_| Err(Failure::Check(format!("`{}` cannot be used as a policy", file.display()))))
}

/// `policy …`.
pub(crate) fn policy(dir: &Path, command: Policy, screen: Screen) -> Result<(), Failure> {
    let runtime = workshop::open(dir)?;
    match command {
        Policy::Bind { name, plugin, scope, config, mode, by, approved_by } => {
            let persons = Persons { by, approved_by };
            let config = config.as_deref().map(read_file).transpose()?.unwrap_or_default();
            let mode = match mode {
                Mode::Enforce => decision::Mode::Enforce,
                Mode::Observe => decision::Mode::Observe,
            };
            let (entry, body) = runtime.bind_policy(&Binding { name, plugin, scope, config, mode, persons })?;
            let answer = json!({ "name": body.name, "plugin": body.plugin, "world": body.world, "scope": body.scope,
                "config": body.config, "mode": body.mode, "needs": body.needs, "seq": entry.seq, "log_size": entry.log_size });
            screen.answer(&answer, |screen| {
                let scope = body.scope.as_ref().map_or("everyone", |scope| scope.as_str());
                format!(
                    "{} decides {} for {scope}: entry {}\n",
                    screen.paint(Tone::Name, &body.name),
                    body.world,
                    entry.seq
                )
            })?;
        }
        Policy::Unbind { name, by, approved_by } => {
            let entry = runtime.unbind_policy(&name, &Persons { by, approved_by })?;
            screen.answer(&entry, |_| format!("{name} decides no more: entry {}\n", entry.seq))?;
        }
        Policy::List => {
            let policies = runtime.policies()?;
            let rows = policies.iter().map(|bound| {
                let scope = bound.scope.clone().unwrap_or_else(|| "everyone".to_owned());
                let mode = if bound.mode == decision::Mode::Enforce { "enforce" } else { "observe" };
                vec![
                    bound.name.clone(),
                    bound.world.to_string(),
                    bound.plugin_name.clone(),
                    scope,
                    mode.to_owned(),
                    bound.seq.to_string(),
                ]
            });
            let shown = table(&["policy", "world", "plugin", "scope", "mode", "seq"], rows);
            screen.list("policies", &policies, runtime.log_size(), |_| shown)?;
        }
    }
    Ok(runtime.close()?)
}

/// `evaluate`.
pub(crate) fn evaluate(dir: &Path, as_of: Option<&str>, all: bool, screen: Screen) -> Result<(), Failure> {
    let as_of = date_or_today(as_of)?;
    let runtime = workshop::open(dir)?;
    let bar = screen.progress("evaluating");
    let began = Instant::now();
    // The last time that progress is told, all decisions are acknowledged; applying them and the sweep's digest follow.
    let mut acknowledged = Duration::ZERO;
    let sweep = runtime.evaluate(as_of, all, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        acknowledged = began.elapsed();
    })?;
    bar.finish_and_clear();
    screen.took("decisions acknowledged", sweep.changed, acknowledged);
    screen.took("decisions made", sweep.changed, began.elapsed());
    screen.answer(&sweep, |screen| {
        let faults = if sweep.faults == 0 {
            screen.paint(Tone::Good, "no faults")
        } else {
            screen.paint(Tone::Bad, &format!("{} faults: those records are retained", sweep.faults))
        };
        let mut text = format!(
            "as of {}: {} evaluated, {} decisions changed, {faults}\n",
            sweep.as_of, sweep.evaluated, sweep.changed
        );
        if sweep.proposed + sweep.lapsed > 0 {
            let see = "see `fonds disposition list`";
            text += &format!("{} dispositions proposed, {} lapsed: {see}\n", sweep.proposed, sweep.lapsed);
        }
        text
    })?;
    Ok(runtime.close()?)
}
