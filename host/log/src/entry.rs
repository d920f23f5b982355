//! The exact bytes of a header, digests of items, and the limits of an entry.

use crate::LogError;
use fonds_model::{Digest, Kind, Seq, Timestamp};
use sha2::{Digest as _, Sha256};

/// An entry has at most this many items.
pub const ITEMS_MAX: usize = 256;
/// A header has at most this many bytes, so that an entry bundle of C2SP tlog-tiles can hold it.
pub const HEADER_BYTES_MAX: usize = 65_535;
/// A payload has at most this many bytes.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// The payloads of an entry have together at most this many bytes.
pub const ENTRY_BYTES_MAX: usize = 32 << 20;
/// Bytes of salt before each payload.
pub const SALT_BYTES: usize = 16;

/// An item's digest: `sha256(salt ‖ payload)`.
#[must_use]
pub fn item_digest(salt: &[u8; SALT_BYTES], payload: &[u8]) -> Digest {
    Digest(Sha256::new().chain_update(salt).chain_update(payload).finalize().into())
}

/// A header, read from its exact bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The entry's index.
    pub seq: Seq,
    /// When it was logged.
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// Its items' digests.
    pub items: Vec<Digest>,
}

/// The end of a header, which does not depend on where the entry comes to stand.
pub(crate) fn tail(kind: Kind, items: &[Digest]) -> Vec<u8> {
    let mut tail = Vec::with_capacity(40 + items.len() * 67);
    tail.extend_from_slice(b",\"kind\":\"");
    tail.extend_from_slice(kind.as_str().as_bytes());
    tail.extend_from_slice(b"\",\"items\":[");
    for (index, item) in items.iter().enumerate() {
        tail.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
        push_hex(&mut tail, &item.0);
        tail.push(b'"');
    }
    tail.extend_from_slice(b"]}");
    tail
}

fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.push(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
        }
    }
}

/// Writes the exact bytes of a header; `at` is its RFC 3339 text.
pub(crate) fn write_header(out: &mut Vec<u8>, seq: Seq, at: &str, tail: &[u8]) {
    out.extend_from_slice(b"{\"v\":1,\"seq\":");
    push_decimal(out, seq);
    out.extend_from_slice(b",\"at\":\"");
    out.extend_from_slice(at.as_bytes());
    out.push(b'"');
    out.extend_from_slice(tail);
}

fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let start = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

impl Header {
    /// The exact bytes: one JSON object in a fixed order.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_header(&mut bytes, self.seq, &self.at.to_string(), &tail(self.kind, &self.items));
        bytes
    }

    /// Reads the exact bytes and refuses any others that mean the same.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when they are not a header.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogError> {
        Self::read(bytes).ok_or_else(|| LogError::damaged(0, "its header is not understood"))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"{\"v\":1,\"seq\":")?;
        let digits = rest.iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
        let (seq, rest) = rest.split_at_checked(digits)?;
        if seq.len() > 1 && seq.first() == Some(&b'0') {
            return None;
        }
        let seq = std::str::from_utf8(seq).ok()?.parse().ok()?;
        let (at, rest) = rest.strip_prefix(b",\"at\":\"")?.split_at_checked(27)?;
        let at = read_time(at)?;
        let rest = rest.strip_prefix(b"\",\"kind\":\"")?;
        let end = rest.iter().position(|byte| *byte == b'"')?;
        let (kind, rest) = rest.split_at_checked(end)?;
        let kind = Kind::parse(std::str::from_utf8(kind).ok()?).ok()?;
        let mut rest = rest.strip_prefix(b"\",\"items\":[")?.strip_suffix(b"]}")?;
        let mut items = Vec::with_capacity((rest.len() + 1) / 67);
        loop {
            let (hex, after) = rest.strip_prefix(b"\"")?.split_at_checked(64)?;
            items.push(Digest::parse(std::str::from_utf8(hex).ok()?)?);
            let after = after.strip_prefix(b"\"")?;
            if after.is_empty() {
                break;
            }
            rest = after.strip_prefix(b",")?;
        }
        (items.len() <= ITEMS_MAX).then_some(Self { seq, at, kind, items })
    }
}

/// Reads `YYYY-MM-DDTHH:MM:SS.ffffffZ` and no other way to write a time.
fn read_time(text: &[u8]) -> Option<Timestamp> {
    let pattern = b"0000-00-00T00:00:00.000000Z";
    let fits = text.len() == pattern.len()
        && text
            .iter()
            .zip(pattern)
            .all(|(byte, want)| if *want == b'0' { byte.is_ascii_digit() } else { byte == want });
    if !fits {
        return None;
    }
    Timestamp::parse(std::str::from_utf8(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            seq: 1_204,
            at: Timestamp::parse("2026-01-02T03:04:05.678901Z").unwrap(),
            kind: Kind::RecordCreated,
            items: vec![Digest([0xab; 32]), Digest([1; 32])],
        }
    }

    #[test]
    fn a_header_has_these_bytes_for_ever() {
        let want = format!(
            "{{\"v\":1,\"seq\":1204,\"at\":\"2026-01-02T03:04:05.678901Z\",\"kind\":\"record.created\",\"items\":[\"{}\",\"{}\"]}}",
            "ab".repeat(32),
            "01".repeat(32)
        );
        assert_eq!(String::from_utf8(header().to_bytes()).unwrap(), want);
        assert_eq!(Header::parse(want.as_bytes()).unwrap(), header());
    }

    #[test]
    fn the_same_meaning_in_other_bytes_is_refused() {
        let text = String::from_utf8(header().to_bytes()).unwrap();
        for (from, to) in [
            ("1204", "01204"),
            ("\"v\":1,", "\"v\": 1,"),
            ("05.678901Z", "05.678901z"),
            ("record.created", "record.invented"),
            ("ab", "AB"),
            ("]}", "]} "),
        ] {
            assert!(Header::parse(text.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
        }
        assert!(
            Header::parse(
                b"{\"v\":1,\"seq\":0,\"at\":\"2026-01-02T03:04:05.678901Z\",\"kind\":\"record.created\",\"items\":[]}"
            )
            .is_err()
        );
    }

    #[test]
    fn the_largest_entry_fits_its_limits() {
        let header = Header { seq: u64::MAX, items: vec![Digest([7; 32]); ITEMS_MAX], ..header() };
        assert!(header.to_bytes().len() <= HEADER_BYTES_MAX);
        assert_eq!(Header::parse(&header.to_bytes()).unwrap(), header);
    }

    #[test]
    fn an_items_digest_is_the_sha_256_of_salt_and_payload() {
        let hex = item_digest(&[0; 16], b"abc").to_hex();
        assert_eq!(hex, "277e7ff6d232b9763f4a66e8d05d210da32dac9c6dbce1026ad4cc98acb5fefe");
    }
}
