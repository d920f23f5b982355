//! The three kinds of policy, and how each becomes a component's exports.

use crate::bindings::{archival as a, classification as c, plugin as p, retention as r};
use crate::{Manifest, Needs, Request, Subject, archival, classification, retention};
use std::marker::PhantomData;

macro_rules! policy {
    ($(#[$doc:meta])* $trait:ident, $decision:ty, $marker:ident, $guest:path) => {
        $(#[$doc])*
        pub trait $trait: Sized {
            /// What the policy is; asked when it is installed.
            fn describe() -> Manifest;

            /// Reads and checks a configuration; asked when the policy is bound, and before each batch.
            ///
            /// # Errors
            /// What is wrong with it, in words for the person who wrote it.
            fn configure(config: &str) -> Result<Self, String>;

            /// What the host must put into a subject besides its own fields, with this configuration.
            fn needs(&self) -> Needs {
                Needs { history: Vec::new(), ancestors: 0, attributes: Vec::new() }
            }

            /// Prepares once what the batch's decisions share.
            ///
            /// # Errors
            /// Why no case of this batch can be decided; all of them are then retained.
            fn prepare(&mut self, _: &Request) -> Result<(), String> {
                Ok(())
            }

            /// Decides one case, by nothing but these facts: a batch is packing.
            fn decide(&self, request: &Request, subject: &Subject) -> $decision;

            /// Decides a batch: a decision for each of its subjects, in their order.
            ///
            /// # Errors
            /// Why it cannot; all of the batch's cases are then retained.
            fn evaluate(request: Request) -> Result<Vec<$decision>, String> {
                let mut policy = Self::configure(&request.config)?;
                policy.prepare(&request)?;
                let decisions = request.subjects.iter().map(|subject| policy.decide(&request, subject)).collect();
                // The instance goes with the call: taking the request apart first would be work for nobody.
                std::mem::forget((policy, request));
                Ok(decisions)
            }
        }

        #[doc(hidden)]
        pub struct $marker;

        impl<P: $trait> p::exports::fonds::policy::plugin::Guest for Component<$marker, P> {
            fn describe() -> Manifest {
                P::describe()
            }

            fn configure(config: String) -> Result<Needs, String> {
                P::configure(&config).map(|policy| policy.needs())
            }
        }

        impl<P: $trait> $guest for Component<$marker, P> {
            fn evaluate(request: Request) -> Result<Vec<$decision>, String> {
                P::evaluate(request)
            }
        }
    };
}

/// A policy as a component's exports; what the macros name.
#[doc(hidden)]
pub struct Component<World, Policy>(PhantomData<(World, Policy)>);

policy!(
    /// Says how long a record is kept, and what is done then.
    RetentionPolicy, retention::Decision, Retention, r::exports::fonds::policy::retention::Guest
);
policy!(
    /// Says which series a record belongs to, and how it is protected.
    ClassificationPolicy, classification::Decision, Classification, c::exports::fonds::policy::classification::Guest
);
policy!(
    /// Says whether a record is of enduring value, and how it is handed to an archive.
    ArchivalPolicy, archival::Decision, Archival, a::exports::fonds::policy::archival::Guest
);

/// Exports a [`RetentionPolicy`] from a plugin; where the target is not WebAssembly, checks its type.
#[macro_export]
macro_rules! export_retention {
    ($policy:ty) => {
        // Elsewhere the type is checked all the same.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Manifest = <$policy as $crate::RetentionPolicy>::describe;
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::Component<$crate::world::Retention, $policy>;
    $crate::bindings::plugin::export_plugin_part!(Exported with_types_in $crate::bindings::plugin);
    $crate::bindings::retention::export_retention_part!(Exported with_types_in $crate::bindings::retention);
        };
    };
}

/// Exports a [`ClassificationPolicy`] from a plugin; where the target is not WebAssembly, checks its type.
#[macro_export]
macro_rules! export_classification {
    ($policy:ty) => {
        // Elsewhere the type is checked all the same.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Manifest = <$policy as $crate::ClassificationPolicy>::describe;
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::Component<$crate::world::Classification, $policy>;
    $crate::bindings::plugin::export_plugin_part!(Exported with_types_in $crate::bindings::plugin);
            $crate::bindings::classification::export_classification_part!(
                Exported with_types_in $crate::bindings::classification
            );
        };
    };
}

/// Exports an [`ArchivalPolicy`] from a plugin; where the target is not WebAssembly, checks its type.
#[macro_export]
macro_rules! export_archival {
    ($policy:ty) => {
        // Elsewhere the type is checked all the same.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Manifest = <$policy as $crate::ArchivalPolicy>::describe;
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::Component<$crate::world::Archival, $policy>;
    $crate::bindings::plugin::export_plugin_part!(Exported with_types_in $crate::bindings::plugin);
    $crate::bindings::archival::export_archival_part!(Exported with_types_in $crate::bindings::archival);
        };
    };
}
