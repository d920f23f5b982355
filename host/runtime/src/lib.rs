//! The one loop, and the only caller of append.
