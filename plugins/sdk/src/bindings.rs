//! The bindings of `wit/v0.1`, generated once for all plugins.
//!
//! One world for each interface, so that a plugin exports `plugin` and one more and never all of them: wit-component
//! unites the worlds that it finds in a module.

/// The types interface: no function, so that importing it imports nothing that can be called.
pub mod shared {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package fonds:sdk-types; world types { import fonds:policy/types@0.1.0; }",
        additional_derives: [PartialEq, Eq, PartialOrd, Ord],
        generate_all,
        generate_unused_types: true,
        disable_custom_section_link_helpers: true,
    });
}

/// What every plugin exports: `describe` and `configure`.
pub mod plugin {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package fonds:sdk-plugin; world plugin-part { export fonds:policy/plugin@0.1.0; }",
        with: { "fonds:policy/types@0.1.0": crate::bindings::shared::fonds::policy::types },
        pub_export_macro: true,
        export_macro_name: "export_plugin_part",
        disable_custom_section_link_helpers: true,
    });
}

/// What a retention policy exports besides.
pub mod retention {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package fonds:sdk-retention; world retention-part { export fonds:policy/retention@0.1.0; }",
        with: { "fonds:policy/types@0.1.0": crate::bindings::shared::fonds::policy::types },
        pub_export_macro: true,
        export_macro_name: "export_retention_part",
        additional_derives: [PartialEq, Eq, PartialOrd, Ord],
        disable_custom_section_link_helpers: true,
    });
}

/// What a classification policy exports besides.
pub mod classification {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package fonds:sdk-classification; world classification-part { export fonds:policy/classification@0.1.0; }",
        with: { "fonds:policy/types@0.1.0": crate::bindings::shared::fonds::policy::types },
        pub_export_macro: true,
        export_macro_name: "export_classification_part",
        additional_derives: [PartialEq, Eq, PartialOrd, Ord],
        disable_custom_section_link_helpers: true,
    });
}

/// What an archival policy exports besides.
pub mod archival {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package fonds:sdk-archival; world archival-part { export fonds:policy/archival@0.1.0; }",
        with: { "fonds:policy/types@0.1.0": crate::bindings::shared::fonds::policy::types },
        pub_export_macro: true,
        export_macro_name: "export_archival_part",
        additional_derives: [PartialEq, Eq, PartialOrd, Ord],
        disable_custom_section_link_helpers: true,
    });
}
