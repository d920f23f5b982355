//! One target for cargo-fuzz; `$FONDS_FUZZ_TARGET` says which body it runs.

#![no_main]

use std::sync::LazyLock;

static BODY: LazyLock<fn(&[u8]) -> bool> = LazyLock::new(|| {
    let name = std::env::var("FONDS_FUZZ_TARGET").unwrap_or_default();
    let target = fonds_fuzz::TARGETS.iter().find(|target| target.name == name);
    target.map_or_else(|| std::process::abort(), |target| target.body)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    BODY(bytes);
});
