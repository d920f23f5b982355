//! Components as bytes: made from a core module, and looked into without running them.

use crate::WasmError;
use fonds_model::decision::World;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::{Types, TypesRef};
use wasmparser::{Validator, WasmFeatures};
use wit_component::ComponentEncoder;

/// A component may have at most this many bytes: one made of Python, with its interpreter, has some 20 MB.
pub const COMPONENT_BYTES_MAX: usize = 32 << 20;

/// A core module with the interface's description in it, such as wit-bindgen makes, turned into a component.
///
/// # Errors
/// [`WasmError::NotAComponent`] when it is no such module; [`WasmError::Imports`] when it imports a function.
pub fn from_core_module(core: &[u8]) -> Result<Vec<u8>, WasmError> {
    let wrong = |error: &dyn std::fmt::Display| {
        WasmError::NotAComponent(format!("the module cannot be made into a component of a policy world: {error}"))
    };
    bounded(core)?;
    // Asked before the encoder, whose own words for a foreign import do not help.
    let foreign = core_imports(core)?;
    if !foreign.is_empty() {
        return Err(WasmError::Imports(foreign));
    }
    let mut encoder = ComponentEncoder::default();
    encoder.module(core).map_err(|error| wrong(&format!("{error:#}")))?.validate(true);
    let component = encoder.encode().map_err(|error| wrong(&format!("{error:#}")))?;
    bounded(&component)?;
    let found = inspect(&component)?;
    match (found.imports.is_empty(), found.world) {
        (false, _) => Err(WasmError::Imports(found.imports)),
        (true, None) => Err(wrong(&"it exports none of the worlds of fonds:policy, or more than one")),
        (true, Some(_)) => Ok(component),
    }
}

fn bounded(bytes: &[u8]) -> Result<(), WasmError> {
    if bytes.len() > COMPONENT_BYTES_MAX {
        let size = bytes.len();
        return Err(WasmError::NotAComponent(format!("it has {size} bytes, and a component may have 32 MiB")));
    }
    Ok(())
}

/// The functions that a core module imports: none is there for a policy.
fn core_imports(core: &[u8]) -> Result<Vec<String>, WasmError> {
    let wrong = |error: wasmparser::BinaryReaderError| {
        WasmError::NotAComponent(format!("it is no WebAssembly module: {error}"))
    };
    let mut names = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(core) {
        if let wasmparser::Payload::ImportSection(imports) = payload.map_err(wrong)? {
            for import in imports.into_imports() {
                let import = import.map_err(wrong)?;
                names.push(format!("{}/{}", import.module, import.name));
            }
        }
    }
    Ok(names)
}

/// The functions (and whatever else can run) that a component imports, by name; types alone are no import.
///
/// # Errors
/// [`WasmError::NotAComponent`] when the bytes are no valid component.
pub fn imports(component: &[u8]) -> Result<Vec<String>, WasmError> {
    let types = validated(component)?;
    let mut names = Vec::new();
    for (name, item) in outer_imports(component, &types)? {
        functions_of(&types, &name, &item, &mut names);
    }
    Ok(names)
}

/// What a component is, without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Which question it answers, when it exports exactly one of the worlds.
    pub world: Option<World>,
    /// The version of the interface, such as `0.1`, when it exports one.
    pub interface: Option<String>,
    /// The functions that it imports; a policy has none.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// Its size in bytes.
    pub size: usize,
}

/// Looks into a component without running it.
///
/// # Errors
/// [`WasmError::NotAComponent`] when the bytes are no valid component.
pub fn inspect(component: &[u8]) -> Result<Inspection, WasmError> {
    let imports = imports(component)?;
    let exports = outer_exports(component)?;
    let worlds: Vec<World> = World::ALL
        .into_iter()
        .filter(|world| exports.iter().any(|name| name.starts_with(&format!("fonds:policy/{world}@"))))
        .collect();
    let world = if let [world] = worlds.as_slice() { Some(*world) } else { None };
    let plugin = exports.iter().find_map(|name| name.strip_prefix("fonds:policy/plugin@"));
    let interface = plugin.and_then(|version| version.rsplit_once('.')).map(|(version, _)| version.to_owned());
    Ok(Inspection { world, interface, imports, exports, size: component.len() })
}

fn not_valid(error: impl std::fmt::Display) -> WasmError {
    WasmError::NotAComponent(format!("it is no valid WebAssembly component: {error}"))
}

fn validated(component: &[u8]) -> Result<Types, WasmError> {
    bounded(component)?;
    if !wasmparser::Parser::is_component(component) {
        return Err(not_valid("it begins otherwise (`fonds plugin build` makes one of a Rust crate)"));
    }
    Validator::new_with_features(WasmFeatures::default()).validate_all(component).map_err(not_valid)
}

fn outer_imports(component: &[u8], types: &Types) -> Result<Vec<(String, ComponentEntityType)>, WasmError> {
    let mut found = Vec::new();
    let mut depth = 0_u32;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.map_err(not_valid)? {
            wasmparser::Payload::ModuleSection { .. } | wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth = depth.saturating_sub(1),
            wasmparser::Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let name = import.map_err(not_valid)?.name.name;
                    let item =
                        types.component_item_for_import(name).ok_or_else(|| not_valid("an import has no type"))?;
                    found.push((name.to_owned(), item.ty));
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

fn outer_exports(component: &[u8]) -> Result<Vec<String>, WasmError> {
    let mut found = Vec::new();
    let mut depth = 0_u32;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.map_err(not_valid)? {
            wasmparser::Payload::ModuleSection { .. } | wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth = depth.saturating_sub(1),
            wasmparser::Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    found.push(export.map_err(not_valid)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// An instance that gives types alone gives nothing that runs; a resource is a handle to something of the host's.
#[expect(clippy::indexing_slicing, reason = "an id of a validated component's own types; there is no other way")]
fn functions_of(types: &Types, name: &str, item: &ComponentEntityType, names: &mut Vec<String>) {
    let types: TypesRef<'_> = types.as_ref();
    match item {
        ComponentEntityType::Instance(id) => {
            for (inner, item) in &types[*id].exports {
                match item.ty {
                    ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(_), .. } => {}
                    ComponentEntityType::Type { .. } => continue,
                    _ => {}
                }
                names.push(format!("{name}/{inner}"));
            }
        }
        ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(_), .. } => names.push(name.to_owned()),
        ComponentEntityType::Type { .. } => {}
        _ => names.push(name.to_owned()),
    }
}

#[cfg(test)]
mod tests;
