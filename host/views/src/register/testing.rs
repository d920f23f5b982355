//! A small log for tests, folded as the store folds it.

use crate::rows::MemoryRows;
use crate::{Pending, ViewError};
use fonds_model::{Content, Digest, EntityId, Entry, Envelope, Format, Item, Kind, PartialDate, Seq, Timestamp};
use serde_json::Value;

/// A log of entries with one item each, unless said otherwise.
#[derive(Default, Clone)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    /// How many days after the first one the next entries are logged.
    pub(super) days: i64,
}

/// One event on its way.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    kind: Kind,
    envelope: Envelope,
    body: Value,
}

pub(super) fn id(text: &str) -> EntityId {
    EntityId::new(text).unwrap()
}

pub(super) fn day(text: &str) -> jiff::civil::Date {
    text.parse().unwrap()
}

/// An event about a subject.
pub(super) fn event(kind: Kind, subject: &str, body: Value) -> Sent {
    let mut envelope = Envelope::new(Format::Fonds);
    envelope.subject = (!subject.is_empty()).then(|| id(subject));
    Sent { kind, envelope, body }
}

impl Sent {
    /// When it happened: a date, or an instant in UTC.
    pub(super) fn on(mut self, when: &str) -> Self {
        self.envelope.time = Some(when.to_owned());
        self.envelope.on = PartialDate::parse(&when[..when.len().min(10)]).ok();
        self
    }

    pub(super) fn agency(mut self, agency: &str) -> Self {
        self.envelope.agency = Some(fonds_model::AgencyPath::new(agency).unwrap());
        self
    }

    pub(super) fn format(mut self, format: Format) -> Self {
        self.envelope.format = format;
        self
    }
}

/// An entry a line, as a person would want to read it.
impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for entry in &self.entries {
            let payloads = entry.items.iter().filter_map(|item| item.content.as_ref());
            let texts: Vec<_> = payloads.map(|content| String::from_utf8_lossy(&content.payload)).collect();
            write!(f, "\n{} {} {} {}", entry.seq, entry.at, entry.kind, texts.join(" | ").replace('\n', " "))?;
        }
        Ok(())
    }
}

impl Log {
    pub(super) fn push(&mut self, sent: Sent) -> Seq {
        let items = vec![sent.envelope.with_body(sent.body.to_string().as_bytes())];
        self.push_items(sent.kind, items)
    }

    /// One entry of several host items.
    pub(super) fn push_all(&mut self, kind: Kind, items: Vec<(Option<&str>, Value)>) -> Seq {
        let payloads = items.into_iter().map(|(subject, body)| {
            let mut envelope = Envelope::new(Format::Fonds);
            envelope.subject = subject.map(id);
            envelope.with_body(body.to_string().as_bytes())
        });
        self.push_items(kind, payloads.collect())
    }

    fn push_items(&mut self, kind: Kind, payloads: Vec<Vec<u8>>) -> Seq {
        let seq = self.entries.len() as Seq;
        let item = |payload| Item::kept(Digest::default(), Content { salt: [0; 16], payload });
        let at = Timestamp(1_767_225_600_000_000 + self.days * 86_400_000_000 + seq as i64);
        self.entries.push(Entry { seq, at, kind, items: payloads.into_iter().map(item).collect() });
        seq
    }

    /// The rows after all entries.
    pub(super) fn rows(&self) -> MemoryRows {
        let mut rows = MemoryRows::default();
        self.fold_into(&mut rows).unwrap();
        rows
    }

    /// The rows after the entries up to and including `seq`.
    pub(super) fn rows_at(&self, seq: Seq) -> MemoryRows {
        let entries = self.entries.iter().take_while(|entry| entry.seq <= seq).cloned().collect();
        Self { entries, days: 0 }.rows()
    }

    pub(super) fn fold_into(&self, rows: &mut MemoryRows) -> Result<(), ViewError> {
        for entry in &self.entries {
            for (_, item) in entry.items.iter().zip(0_u16..) {
                let mut pending = Pending::over(rows);
                super::fold(entry, item, &mut pending)?;
                let written = pending.into_written();
                assert!(written.values().flatten().all(|value| value.len() <= crate::rows::VALUE_BYTES_MAX));
                rows.apply(written);
            }
        }
        Ok(())
    }
}
