//! The tests of Fonds: everything that is not a unit test lives here, in one binary.
