//! Identities of entries that the store has not applied yet.

use crate::{Known, Mac, Macs};
use rustc_hash::FxHashMap;

/// Half of a keyed digest: 128 bits that nobody without the secret can make collide.
type Half = [u8; 16];
const ERASED: u64 = 1 << 63;

fn half(mac: &Mac) -> Half {
    mac.first_chunk().copied().unwrap_or_default()
}

/// What an identity not yet applied belongs to.
#[derive(Debug, Clone, Copy)]
struct Row {
    seq: u64,
    content: Half,
}

/// About 40 bytes an entry, for at most the backlog.
#[derive(Debug, Default)]
pub(crate) struct Unapplied(FxHashMap<Half, Row>);

/// What a new event meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    Same(u64),
    Other(u64),
    Erased(u64),
}

/// What an event with these macs meets in an entry that is known to the store.
pub(crate) fn meet(known: &Known, macs: &Macs) -> Met {
    if known.erased {
        Met::Erased(known.seq)
    } else if known.content == macs.content {
        Met::Same(known.seq)
    } else {
        Met::Other(known.seq)
    }
}

impl Unapplied {
    pub(crate) fn meet(&self, macs: &Macs) -> Option<Met> {
        let row = self.0.get(&half(&macs.name))?;
        let seq = row.seq & !ERASED;
        Some(if row.seq & ERASED != 0 {
            Met::Erased(seq)
        } else if row.content == half(&macs.content) {
            Met::Same(seq)
        } else {
            Met::Other(seq)
        })
    }

    pub(crate) fn insert(&mut self, macs: &Macs, seq: u64, erased: bool) {
        let seq = if erased { seq | ERASED } else { seq };
        self.0.insert(half(&macs.name), Row { seq, content: half(&macs.content) });
    }

    pub(crate) fn remove(&mut self, macs: &Macs) {
        self.0.remove(&half(&macs.name));
        // A backlog that was worked off gives its memory back.
        if self.0.is_empty() && self.0.capacity() > 1 << 16 {
            self.0 = FxHashMap::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_meets_its_like_its_rival_or_its_erased_self() {
        let mut unapplied = Unapplied::default();
        let macs = |name, content| Macs { name: [name; 32], content: [content; 32] };
        unapplied.insert(&macs(1, 1), 7, false);
        unapplied.insert(&macs(2, 2), 8, true);
        assert_eq!(unapplied.meet(&macs(1, 1)), Some(Met::Same(7)));
        assert_eq!(unapplied.meet(&macs(1, 9)), Some(Met::Other(7)));
        assert_eq!(unapplied.meet(&macs(2, 9)), Some(Met::Erased(8)));
        assert_eq!(unapplied.meet(&macs(3, 3)), None);
        unapplied.remove(&macs(1, 1));
        assert_eq!(unapplied.meet(&macs(1, 1)), None);
    }
}
