//! The only crate that names sled: what commands and the server read.
