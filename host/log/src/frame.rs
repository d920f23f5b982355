//! Frames of the journal: length, CRC-32C, then an entry or a group's trailer.
//!
//! ```text
//! frame   = length:u32 crc:u32 body            all little endian; the CRC is over the length's bytes and the body
//! entry   = 1 flags:u8 header_length:u16 items:u16 header [name:32 [content:32]] item…
//! item    = length:u32 salt:16 payload         or, once erased, 0xffffffff by:u64: the entry that says so
//! trailer = 2 start:u64 size:u64 root:32       the log's size before the group; size and root after it
//! ```

use crate::entry::{Header, SALT_BYTES};
use crate::{Framed, LogError, Macs};
use fonds_model::{Content, Digest, Entry, Item, Seq};

/// Length and CRC.
pub(crate) const PREFIX_BYTES: usize = 8;
/// No body is longer: the largest entry with its header and macs.
const BODY_BYTES_MAX: usize = crate::entry::ENTRY_BYTES_MAX + (1 << 20);
const ENTRY: u8 = 1;
const TRAILER: u8 = 2;
const TRAILER_BYTES: usize = 49;
const HAS_NAME: u8 = 1;
const HAS_CONTENT: u8 = 2;
const ERASED: u32 = u32::MAX;

/// A frame whose CRC was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Entry(EntryFrame<'a>),
    Trailer { start: u64, size: u64, root: Digest },
}

/// An entry as its frame has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryFrame<'a> {
    pub(crate) header: &'a [u8],
    pub(crate) macs: Option<Macs>,
    count: u16,
    items: &'a [u8],
}

/// What stands at the beginning of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peek {
    /// A frame of that many bytes in all.
    Whole { bytes: usize, is_entry: bool },
    /// The beginning of a frame of that many bytes, or too little to say.
    Short,
    /// No frame.
    Bad,
}

/// Looks at length and tag only.
pub(crate) fn peek(bytes: &[u8]) -> Peek {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Peek::Short };
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || length > BODY_BYTES_MAX {
        return Peek::Bad;
    }
    let Some(tag) = rest.get(4) else { return Peek::Short };
    let is_entry = match *tag {
        ENTRY => true,
        TRAILER if length == TRAILER_BYTES => false,
        _ => return Peek::Bad,
    };
    if rest.len() < 4 + length { Peek::Short } else { Peek::Whole { bytes: PREFIX_BYTES + length, is_entry } }
}

/// Reads the frame at the beginning of some bytes, with what follows it; `None` when it is not whole or its CRC is wrong.
pub(crate) fn read(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (body, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    if crc32c::crc32c_append(crc32c::crc32c(length), body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (tag, body) = body.split_first()?;
    let frame = match *tag {
        ENTRY => Frame::Entry(EntryFrame::read(body)?),
        TRAILER => {
            let (start, rest) = body.split_first_chunk::<8>()?;
            let (size, root) = rest.split_first_chunk::<8>()?;
            let (start, size) = (u64::from_le_bytes(*start), u64::from_le_bytes(*size));
            Frame::Trailer { start, size, root: Digest(root.try_into().ok()?) }
        }
        _ => return None,
    };
    Some((frame, rest))
}

/// Appends a frame whose body `write` appends.
fn push(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX_BYTES]);
    write(out);
    let Some((prefix, body)) = out.get_mut(start..).and_then(|frame| frame.split_at_mut_checked(PREFIX_BYTES)) else {
        return;
    };
    let length = (body.len() as u32).to_le_bytes();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&length), body).to_le_bytes();
    for (to, from) in prefix.iter_mut().zip(length.iter().chain(&crc)) {
        *to = *from;
    }
}

/// Appends a group's trailer.
pub(crate) fn push_trailer(out: &mut Vec<u8>, start: u64, size: u64, root: &Digest) {
    push(out, |out| {
        out.push(TRAILER);
        out.extend_from_slice(&start.to_le_bytes());
        out.extend_from_slice(&size.to_le_bytes());
        out.extend_from_slice(&root.0);
    });
}

/// Appends an entry; `items` come from [`push_item`].
pub(crate) fn push_entry(out: &mut Vec<u8>, header: &[u8], macs: Option<&Macs>, count: u16, items: &[u8]) {
    push(out, |out| {
        let flags = match macs {
            None => 0,
            Some(macs) if macs.name == macs.content => HAS_NAME,
            Some(_) => HAS_NAME | HAS_CONTENT,
        };
        out.extend_from_slice(&[ENTRY, flags]);
        out.extend_from_slice(&(header.len() as u16).to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(header);
        if let Some(macs) = macs {
            out.extend_from_slice(&macs.name);
            if flags & HAS_CONTENT != 0 {
                out.extend_from_slice(&macs.content);
            }
        }
        out.extend_from_slice(items);
    });
}

/// Appends an item as a frame has it.
pub(crate) fn push_item(out: &mut Vec<u8>, salt: &[u8; SALT_BYTES], payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(salt);
    out.extend_from_slice(payload);
}

/// Appends an item whose content an entry erased.
pub(crate) fn push_erased(out: &mut Vec<u8>, by: Seq) {
    out.extend_from_slice(&ERASED.to_le_bytes());
    out.extend_from_slice(&by.to_le_bytes());
}

/// An item as its frame has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemFrame<'a> {
    Kept(&'a [u8; SALT_BYTES], &'a [u8]),
    /// By that entry.
    Erased(Seq),
}

impl<'a> EntryFrame<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let (flags, rest) = body.split_first()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (count, rest) = rest.split_first_chunk::<2>()?;
        let (header, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let (macs, items) = match *flags {
            0 => (None, rest),
            HAS_NAME => {
                let (name, rest) = rest.split_first_chunk::<32>()?;
                (Some(Macs { name: *name, content: *name }), rest)
            }
            flags if flags == HAS_NAME | HAS_CONTENT => {
                let (name, rest) = rest.split_first_chunk::<32>()?;
                let (content, rest) = rest.split_first_chunk::<32>()?;
                (Some(Macs { name: *name, content: *content }), rest)
            }
            _ => return None,
        };
        Some(Self { header, macs, count: u16::from_le_bytes(*count), items })
    }

    /// The items in order; stops short where the bytes do.
    pub(crate) fn items(&self) -> impl Iterator<Item = ItemFrame<'a>> + use<'a> {
        let mut rest = self.items;
        (0..self.count).map_while(move |_| {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let length = u32::from_le_bytes(*length);
            if length == ERASED {
                let (by, after) = after.split_first_chunk::<8>()?;
                rest = after;
                return Some(ItemFrame::Erased(u64::from_le_bytes(*by)));
            }
            let (salt, after) = after.split_first_chunk::<SALT_BYTES>()?;
            let (payload, after) = after.split_at_checked(length as usize)?;
            rest = after;
            Some(ItemFrame::Kept(salt, payload))
        })
    }

    /// Whether all that it said was erased.
    pub(crate) fn is_erased(&self) -> bool {
        self.items().all(|item| matches!(item, ItemFrame::Erased(_)))
    }

    /// Appends the same entry without the content of the items that `erases` names with the entry that erased them.
    pub(crate) fn push_without(&self, out: &mut Vec<u8>, erases: impl Fn(u16) -> Option<Seq>) {
        let mut items = Vec::with_capacity(self.items.len());
        for (item, index) in self.items().zip(0_u16..) {
            match (item, erases(index)) {
                (ItemFrame::Erased(by), _) | (ItemFrame::Kept(..), Some(by)) => push_erased(&mut items, by),
                (ItemFrame::Kept(salt, payload), None) => push_item(&mut items, salt, payload),
            }
        }
        push_entry(out, self.header, self.macs.as_ref(), self.count, &items);
    }

    /// The entry in the words of the model; digests are taken as the header has them.
    pub(crate) fn to_framed(self, seq: u64) -> Result<Framed, LogError> {
        let header = Header::parse(self.header).map_err(|_| LogError::damaged(seq, "its header is not understood"))?;
        if header.seq != seq {
            return Err(LogError::damaged(seq, format!("its header says {}", header.seq)));
        }
        let items: Vec<Item> = header
            .items
            .iter()
            .zip(self.items())
            .map(|(digest, item)| match item {
                ItemFrame::Kept(salt, payload) => {
                    Item::kept(*digest, Content { salt: *salt, payload: payload.to_vec() })
                }
                ItemFrame::Erased(by) => Item::erased(*digest, by),
            })
            .collect();
        if items.len() != header.items.len() || items.len() != usize::from(self.count) {
            return Err(LogError::damaged(seq, "its header and its payloads differ in number"));
        }
        Ok(Framed { entry: Entry { seq, at: header.at, kind: header.kind, items }, macs: self.macs })
    }
}

/// Whether the bytes after the last whole group, where the log has `size` entries, show that a later group was begun:
/// then the group that is not whole had been made durable before, and is not the one that a crash has torn.
pub(crate) fn was_durable(torn: &[u8], size: u64) -> bool {
    let length = (TRAILER_BYTES as u32).to_le_bytes();
    (0..torn.len()).any(|at| {
        let Some(here) = torn.get(at..).filter(|here| here.starts_with(&length)) else { return false };
        let Some((Frame::Trailer { start, .. }, rest)) = read(here) else { return false };
        start > size || rest.iter().any(|byte| *byte != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fonds_model::{Kind, Timestamp, ids::hex};

    fn header() -> Header {
        let digest = crate::entry::item_digest(&[3; 16], b"hi");
        Header { seq: 5, at: Timestamp(0), kind: Kind::RecordClosed, items: vec![digest] }
    }

    fn frame(macs: Option<Macs>) -> Vec<u8> {
        let (mut out, mut items) = (Vec::new(), Vec::new());
        push_item(&mut items, &[3; 16], b"hi");
        push_entry(&mut out, &header().to_bytes(), macs.as_ref(), 1, &items);
        out
    }

    #[test]
    fn frames_have_these_bytes_for_ever() {
        let mut trailer = Vec::new();
        push_trailer(&mut trailer, 256, 258, &Digest([9; 32]));
        assert_eq!(
            hex(&trailer),
            "3100000055a0e87002000100000000000002010000000000000909090909090909090909090909090909090909090909090909090909090909"
        );
        let entry = hex(&frame(Some(Macs { name: [1; 32], content: [2; 32] })));
        let want = concat!(
            "f2000000d7ae3c5d0103960001007b2276223a312c22736571223a352c226174223a22313937302d30312d3031543030",
            "3a30303a30302e3030303030305a222c226b696e64223a227265636f72642e636c6f736564222c226974656d73223a5b",
            "226638303431363734323866666366633133313938666566386632663234666166386163623630303938643363316635",
            "3135353936396336363363643461373935225d7d01010101010101010101010101010101010101010101010101010101",
            "010101010202020202020202020202020202020202020202020202020202020202020202020000000303030303030303",
            "03030303030303036869",
        );
        assert_eq!(entry, want);
    }

    #[test]
    fn an_entry_comes_back_with_its_macs() {
        for macs in
            [None, Some(Macs { name: [1; 32], content: [1; 32] }), Some(Macs { name: [1; 32], content: [2; 32] })]
        {
            let bytes = frame(macs);
            let Some((Frame::Entry(entry), rest)) = read(&bytes) else { panic!("no entry") };
            assert!(rest.is_empty());
            assert_eq!(peek(&bytes), Peek::Whole { bytes: bytes.len(), is_entry: true });
            let framed = entry.to_framed(5).unwrap();
            assert_eq!(framed.macs, macs);
            assert_eq!(framed.entry.items[0].content.as_ref().unwrap().payload, b"hi");
            assert!(entry.to_framed(6).is_err(), "an entry in another's place is damage");
        }
    }

    #[test]
    fn an_erased_item_keeps_its_digest_and_the_identity() {
        let whole = frame(Some(Macs { name: [1; 32], content: [1; 32] }));
        let Some((Frame::Entry(entry), _)) = read(&whole) else { panic!("no entry") };
        assert!(!entry.is_erased());
        let mut out = Vec::new();
        entry.push_without(&mut out, |item| (item == 0).then_some(77));
        assert!(!out.windows(2).any(|bytes| bytes == b"hi"), "the payload is gone");
        let Some((Frame::Entry(entry), _)) = read(&out) else { panic!("no entry") };
        assert!(entry.is_erased());
        let framed = entry.to_framed(5).unwrap();
        assert_eq!(framed.entry.items, [Item::erased(header().items[0], 77)]);
        assert!(framed.macs.is_some());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = frame(None);
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert!(read(&flipped).is_none(), "bit {at}");
        }
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_none(), "cut at {end}");
        }
    }
}
