//! Style is a test: which crate may name which, how long a file and a function may be, and what may not stand anywhere.

use crate::support;

#[test]
fn the_workspace_is_where_the_tests_think_it_is() {
    assert!(support::workspace().join("Cargo.toml").is_file());
    if let Some(shared) = support::shared() {
        assert!(shared.join("data").is_dir());
    }
}
