//! Fonds on the command line.
fn main() {}
