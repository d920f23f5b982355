//! Evidence made by hand.
