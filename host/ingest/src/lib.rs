//! Untrusted wire formats into the model: OpenLineage, CloudEvents, XES, retention schedules.
