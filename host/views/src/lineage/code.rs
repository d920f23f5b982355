//! How rows of the lineage view are written: varints, texts with their length before them.

use crate::ViewError;
use fonds_model::{Position, Timestamp};

/// The number that an entity or an activity is known by in rows.
///
/// It is made of the position that named it first and its place there, so that folding a log again, from any point
/// after a crash, gives every node the same number; and a node's number says when the log first heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u64);

const PLACE_BITS: u32 = 20;
const ITEM_BITS: u32 = 8;

impl NodeId {
    /// The `place`th name in an item; `None` when the item names more nodes than a number can hold.
    pub(crate) fn new(born: Position, place: u64) -> Option<Self> {
        let fits =
            born.seq < 1 << (64 - PLACE_BITS - ITEM_BITS) && born.item < 1 << ITEM_BITS && place < 1 << PLACE_BITS;
        fits.then(|| Self((born.seq << ITEM_BITS | u64::from(born.item)) << PLACE_BITS | place))
    }

    /// The position that named it first.
    #[must_use]
    pub fn born(self) -> Position {
        let item = self.0 >> PLACE_BITS & ((1 << ITEM_BITS) - 1);
        Position { seq: self.0 >> (PLACE_BITS + ITEM_BITS), item: u16::try_from(item).unwrap_or(u16::MAX) }
    }
}

/// Where a fact stands in the log, and when it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) position: Position,
    pub(crate) time: Timestamp,
}

/// Writes an entry of a row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn tagged(tag: u8) -> Self {
        Self(vec![tag])
    }

    pub(crate) fn number(&mut self, mut number: u64) -> &mut Self {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push((number & 0x7f) as u8);
        self
    }

    pub(crate) fn signed(&mut self, number: i64) -> &mut Self {
        self.number((number << 1 ^ number >> 63).cast_unsigned())
    }

    pub(crate) fn node(&mut self, node: NodeId) -> &mut Self {
        let low = PLACE_BITS + ITEM_BITS;
        self.number(node.0 >> low).number(node.0 & ((1 << low) - 1))
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub(crate) fn position(&mut self, position: Position) -> &mut Self {
        self.number(position.seq).number(u64::from(position.item))
    }

    pub(crate) fn fact(&mut self, fact: Fact) -> &mut Self {
        self.position(fact.position).signed(fact.time.0)
    }
}

/// Reads what [`Writer`] wrote.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

const DAMAGED: ViewError = ViewError::Damaged("lineage");

impl<'a> Reader<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn tag(&mut self) -> Result<u8, ViewError> {
        let (first, rest) = self.0.split_first().ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn number(&mut self) -> Result<u64, ViewError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.tag()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(DAMAGED)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, ViewError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn node(&mut self) -> Result<NodeId, ViewError> {
        let high = self.number()?;
        Ok(NodeId(high << (PLACE_BITS + ITEM_BITS) | self.number()?))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], ViewError> {
        let length = usize::try_from(self.number()?).map_err(|_| DAMAGED)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, ViewError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DAMAGED)
    }

    pub(crate) fn position(&mut self) -> Result<Position, ViewError> {
        Ok(Position { seq: self.number()?, item: u16::try_from(self.number()?).map_err(|_| DAMAGED)? })
    }

    pub(crate) fn fact(&mut self) -> Result<Fact, ViewError> {
        Ok(Fact { position: self.position()?, time: Timestamp(self.signed()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number: u64, signed: i64, text: String, seq in 0..1_u64 << 36, item in 0..256_u16, place in 0..1_u64 << 20) {
            let position = Position { seq, item };
            let node = NodeId::new(position, place).unwrap();
            prop_assert_eq!(node.born(), position);
            let mut writer = Writer::tagged(7);
            writer.number(number).signed(signed).text(&text).node(node).fact(Fact { position, time: Timestamp(signed) });
            let mut reader = Reader(&writer.0);
            prop_assert_eq!(reader.tag().unwrap(), 7);
            prop_assert_eq!(reader.number().unwrap(), number);
            prop_assert_eq!(reader.signed().unwrap(), signed);
            prop_assert_eq!(reader.text().unwrap(), text);
            prop_assert_eq!(reader.node().unwrap(), node);
            prop_assert_eq!(reader.fact().unwrap(), Fact { position, time: Timestamp(signed) });
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let mut reader = Reader(&bytes);
            while !reader.is_empty() {
                let _ = reader.text();
                if reader.fact().is_err() {
                    break;
                }
            }
        }
    }
}
