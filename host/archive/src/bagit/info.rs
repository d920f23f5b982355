//! `bagit.txt` and `bag-info.txt` (RFC 8493 §2.1.1 and §2.2.2).

use crate::finding::Findings;

/// A longer tag file is refused unread; manifests may be longer.
pub(super) const TAG_BYTES_MAX: u64 = 4 << 20;

/// What `bagit.txt` says.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) version: (u32, u32),
    pub(super) encoding: Encoding,
}

/// In which encoding the other tag files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16,
    Latin1,
}

impl Encoding {
    fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "UTF-8" | "UTF8" | "US-ASCII" | "ASCII" => Some(Self::Utf8),
            "UTF-16" | "UTF16" => Some(Self::Utf16),
            "ISO-8859-1" | "LATIN1" => Some(Self::Latin1),
            _ => None,
        }
    }

    /// A tag file's text; without the mark that some editors put in front.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<String, &'static str> {
        match self {
            Self::Utf8 => {
                let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
                std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "is not UTF-8")
            }
            Self::Latin1 => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
            Self::Utf16 => {
                let (is_little, bytes) = match bytes {
                    [0xff, 0xfe, rest @ ..] => (true, rest),
                    [0xfe, 0xff, rest @ ..] => (false, rest),
                    all => (false, all),
                };
                let pairs = bytes.chunks_exact(2);
                if !pairs.remainder().is_empty() {
                    return Err("is not UTF-16");
                }
                let units = pairs.map(|pair| match (pair, is_little) {
                    ([first, second], true) => u16::from_le_bytes([*first, *second]),
                    ([first, second], false) => u16::from_be_bytes([*first, *second]),
                    _ => 0,
                });
                char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| "is not UTF-16")
            }
        }
    }
}

/// Reads `bagit.txt`: two lines, with one space each and nothing else, since whoever reads leniently reads differently.
pub(super) fn declaration(bytes: &[u8], findings: &mut Findings) -> Option<Declaration> {
    const RULE: &str = "RFC 8493 §2.1.1";
    let mut wrong = |what: &str| findings.error(RULE, "bagit.txt", what);
    if bytes.starts_with(b"\xef\xbb\xbf") {
        wrong("begins with a byte order mark");
        return None;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        wrong("is not UTF-8");
        return None;
    };
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(&text).split('\n').collect();
    let [version, encoding] = lines.as_slice() else {
        wrong("has not exactly two lines");
        return None;
    };
    let Some(version) = version.strip_prefix("BagIt-Version: ") else {
        wrong("its first line is not `BagIt-Version: M.N`, letter by letter");
        return None;
    };
    let is_number = |text: &str| !text.is_empty() && text.len() < 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = version.split_once('.').filter(|(major, minor)| is_number(major) && is_number(minor));
    let Some((major, minor)) = numbers.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
    else {
        wrong("its version is not `M.N`");
        return None;
    };
    if (major, minor) < (0, 93) || (major, minor) > (1, 0) {
        wrong("its version is none that is known: 0.93 to 0.97 and 1.0 are read");
        return None;
    }
    let Some(encoding) = encoding.strip_prefix("Tag-File-Character-Encoding: ") else {
        wrong("its second line is not `Tag-File-Character-Encoding: …`, letter by letter");
        return None;
    };
    let Some(encoding) = Encoding::parse(encoding) else {
        wrong("its encoding is none that is read: UTF-8, UTF-16 and ISO-8859-1 are");
        return None;
    };
    Some(Declaration { version: (major, minor), encoding })
}

/// The labels and values of `bag-info.txt`; a line that begins with white space goes on with the value before.
pub(super) fn read(file: &str, text: &str, findings: &mut Findings) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for (line, number) in text.lines().zip(1_u64..) {
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            match fields.last_mut() {
                Some((_, value)) => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                None => findings.error("RFC 8493 §2.2.2", file, format!("line {number} goes on with nothing")),
            }
            continue;
        }
        match line.split_once(':') {
            Some((label, value)) if !label.trim().is_empty() => {
                fields.push((label.trim().to_owned(), value.trim().to_owned()));
            }
            _ => findings.error("RFC 8493 §2.2.2", file, format!("line {number} is no label and value")),
        }
    }
    fields
}

/// What `Payload-Oxum` says: bytes and files.
pub(super) fn oxum(file: &str, fields: &[(String, String)], findings: &mut Findings) -> Option<(u64, u64)> {
    const RULE: &str = "RFC 8493 §2.2.2";
    let said: Vec<&str> = fields
        .iter()
        .filter(|(label, _)| label.eq_ignore_ascii_case("Payload-Oxum"))
        .map(|(_, value)| value.as_str())
        .collect();
    let value = match said.as_slice() {
        [] => return None,
        [value] => value,
        _ => {
            findings.error(RULE, file, "says Payload-Oxum more than once");
            return None;
        }
    };
    let oxum = value.split_once('.').and_then(|(bytes, files)| Some((bytes.parse().ok()?, files.parse().ok()?)));
    if oxum.is_none() {
        findings.error(RULE, file, "its Payload-Oxum is not `BYTES.FILES`");
    }
    oxum
}
