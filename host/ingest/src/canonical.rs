//! One spelling of a JSON text, so that what says the same is the same event.
//!
//! Keys are sorted by their bytes, white space is gone, a number keeps the text in which it was written (`1.0` is not
//! `1`), and a string has one spelling: only what must be escaped is, with the short escape where there is one.

use crate::{IngestError, shortened};

/// The canonical bytes of a JSON text.
///
/// # Errors
/// [`IngestError::Json`] for what is no JSON, [`IngestError::DuplicateKey`], and [`IngestError::Depth`].
pub fn canonical(text: &str, depth_max: usize) -> Result<Vec<u8>, IngestError> {
    let bytes = text.as_bytes();
    let mut writer = Writer {
        bytes,
        at: 0,
        depth_left: depth_max,
        depth_max,
        out: Vec::with_capacity(bytes.len()),
        members: Vec::with_capacity(64),
        scratch: Vec::new(),
    };
    writer.value()?;
    writer.blanks();
    if writer.at < bytes.len() { Err(writer.wrong("trailing characters")) } else { Ok(writer.out) }
}

/// A member of an object, as it stands in `out`: its key without quotes, and where its value ends.
#[derive(Clone, Copy)]
struct Member {
    start: usize,
    key_end: usize,
    end: usize,
}

struct Writer<'a> {
    bytes: &'a [u8],
    at: usize,
    depth_left: usize,
    depth_max: usize,
    out: Vec<u8>,
    /// The members of all objects that are open, the innermost last.
    members: Vec<Member>,
    scratch: Vec<u8>,
}

impl Writer<'_> {
    fn wrong(&self, why: &str) -> IngestError {
        IngestError::Json(format!("{why} at byte {}", self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), IngestError> {
        if self.peek() != Some(byte) {
            return Err(self.wrong(&format!("expected `{}`", char::from(byte))));
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self) -> Result<(), IngestError> {
        self.blanks();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.wrong("expected a value")),
        }
    }

    fn nested(&mut self, of: fn(&mut Self) -> Result<(), IngestError>) -> Result<(), IngestError> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(IngestError::Depth(self.depth_max))?;
        of(self)?;
        self.depth_left += 1;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), IngestError> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.wrong("expected a value"));
        }
        self.at += word.len();
        self.out.extend_from_slice(word);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), IngestError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(self.wrong("expected a digit")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<(), IngestError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        self.out.extend_from_slice(self.bytes.get(start..self.at).unwrap_or_default());
        Ok(())
    }

    fn array(&mut self) -> Result<(), IngestError> {
        self.at += 1;
        self.out.push(b'[');
        self.blanks();
        if self.peek() != Some(b']') {
            loop {
                self.value()?;
                self.blanks();
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
                self.out.push(b',');
            }
        }
        self.expect(b']')?;
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self) -> Result<(), IngestError> {
        self.at += 1;
        self.out.push(b'{');
        let (body, first) = (self.out.len(), self.members.len());
        self.blanks();
        if self.peek() != Some(b'}') {
            loop {
                self.member()?;
                self.blanks();
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
                self.out.push(b',');
            }
        }
        self.expect(b'}')?;
        self.sort(body, first)?;
        self.members.truncate(first);
        self.out.push(b'}');
        Ok(())
    }

    fn member(&mut self) -> Result<(), IngestError> {
        self.blanks();
        if self.peek() != Some(b'"') {
            return Err(self.wrong("expected a key"));
        }
        let start = self.out.len();
        self.string()?;
        let key_end = self.out.len();
        self.blanks();
        self.expect(b':')?;
        self.out.push(b':');
        self.value()?;
        self.members.push(Member { start, key_end, end: self.out.len() });
        Ok(())
    }

    /// Puts the members of the object whose text begins at `body` into the order of their keys.
    fn sort(&mut self, body: usize, first: usize) -> Result<(), IngestError> {
        let Self { out, members, scratch, .. } = self;
        let members = members.get_mut(first..).unwrap_or_default();
        let in_order = members.is_sorted_by(|a, b| order(out, a, b).is_lt());
        if in_order {
            return Ok(());
        }
        members.sort_unstable_by(|a, b| order(out, a, b));
        for pair in members.windows(2) {
            if let [a, b] = pair
                && order(out, a, b).is_eq()
            {
                let key = String::from_utf8_lossy(key(out, a)).into_owned();
                return Err(IngestError::DuplicateKey(shortened(&key)));
            }
        }
        scratch.clear();
        for member in members.iter() {
            if !scratch.is_empty() {
                scratch.push(b',');
            }
            scratch.extend_from_slice(out.get(member.start..member.end).unwrap_or_default());
        }
        out.truncate(body);
        out.extend_from_slice(scratch);
        Ok(())
    }

    fn string(&mut self) -> Result<(), IngestError> {
        self.at += 1;
        self.out.push(b'"');
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\') || *byte < 0x20);
            let Some(plain) = plain else { return Err(self.wrong("a string that never ends")) };
            self.out.extend_from_slice(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return Err(self.wrong("a control character in a string")),
            }
        }
        self.at += 1;
        self.out.push(b'"');
        Ok(())
    }

    fn escape(&mut self) -> Result<(), IngestError> {
        self.at += 1;
        let byte = self.peek().ok_or_else(|| self.wrong("a string that never ends"))?;
        self.at += 1;
        match byte {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => self.out.extend_from_slice(&[b'\\', byte]),
            b'/' => self.out.push(b'/'),
            b'u' => {
                let unit = self.hex4()?;
                self.unit(unit)?;
            }
            _ => return Err(self.wrong("an escape that JSON does not have")),
        }
        Ok(())
    }

    fn hex4(&mut self) -> Result<u32, IngestError> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or_else(|| self.wrong("an escape cut short"))?;
        let mut unit = 0;
        for digit in digits {
            let value = char::from(*digit).to_digit(16).ok_or_else(|| self.wrong("an escape that is not hex"))?;
            unit = unit << 4 | value;
        }
        self.at += 4;
        Ok(unit)
    }

    /// Writes a UTF-16 unit, with its other half where it has one; a half alone keeps its escape.
    fn unit(&mut self, unit: u32) -> Result<(), IngestError> {
        let mut code = unit;
        if (0xd800..0xdc00).contains(&unit) && self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
            let back = self.at;
            self.at += 2;
            let low = self.hex4()?;
            if (0xdc00..0xe000).contains(&low) {
                code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            } else {
                self.at = back;
            }
        }
        match (code, char::from_u32(code)) {
            (0x08, _) => self.out.extend_from_slice(b"\\b"),
            (0x09, _) => self.out.extend_from_slice(b"\\t"),
            (0x0a, _) => self.out.extend_from_slice(b"\\n"),
            (0x0c, _) => self.out.extend_from_slice(b"\\f"),
            (0x0d, _) => self.out.extend_from_slice(b"\\r"),
            (0x22, _) => self.out.extend_from_slice(b"\\\""),
            (0x5c, _) => self.out.extend_from_slice(b"\\\\"),
            (0x20.., Some(character)) => {
                self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => self.out.extend_from_slice(format!("\\u{code:04x}").as_bytes()),
        }
        Ok(())
    }
}

fn key<'a>(out: &'a [u8], member: &Member) -> &'a [u8] {
    out.get(member.start + 1..member.key_end - 1).unwrap_or_default()
}

/// The order of two keys by the bytes that they stand for.
fn order(out: &[u8], a: &Member, b: &Member) -> std::cmp::Ordering {
    let (a, b) = (key(out, a), key(out, b));
    if a.contains(&b'\\') || b.contains(&b'\\') { decoded(a).cmp(&decoded(b)) } else { a.cmp(b) }
}

/// The bytes that a canonical key stands for; half a surrogate pair keeps its escape, which no other key can equal.
fn decoded(key: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        match rest.next() {
            Some(b'b') => bytes.push(0x08),
            Some(b't') => bytes.push(0x09),
            Some(b'n') => bytes.push(0x0a),
            Some(b'f') => bytes.push(0x0c),
            Some(b'r') => bytes.push(0x0d),
            Some(b'u') => {
                let digits: String = rest.by_ref().take(4).map(|digit| char::from(*digit)).collect();
                match u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32) {
                    Some(character) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                    None => bytes.extend_from_slice(digits.as_bytes()),
                }
            }
            Some(other) => bytes.push(*other),
            None => {}
        }
    }
    (bytes, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> String {
        String::from_utf8(canonical(text, 128).unwrap()).unwrap()
    }

    #[test]
    fn keys_are_sorted_white_space_is_gone_and_numbers_stay_as_written() {
        assert_eq!(
            of(" {\"b\" : [1.0, -0, 1e5 ,{}], \"a\":\t{\"d\":null,\"c\":true}} "),
            r#"{"a":{"c":true,"d":null},"b":[1.0,-0,1e5,{}]}"#
        );
    }

    #[test]
    fn a_string_has_one_spelling() {
        assert_eq!(of(r#""\u0041\/\u00e9\ud83d\ude00\u0022\u000a\u001f""#), "\"A/é😀\\\"\\n\\u001f\"");
        assert_eq!(of(r#""\uD800x\udc00""#), r#""\ud800x\udc00""#);
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_however_it_is_spelled() {
        for text in [r#"{"a":1,"b":2,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":{"\n":1,"\u000a":2}}"#] {
            assert!(matches!(canonical(text, 128), Err(IngestError::DuplicateKey(_))), "{text}");
        }
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused() {
        let nest = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(canonical(&nest(128), 128).is_ok());
        assert!(matches!(canonical(&nest(129), 128), Err(IngestError::Depth(128))));
        assert!(matches!(canonical(&"{\"a\":".repeat(1_000_000), 128), Err(IngestError::Depth(128))));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in
            ["", "{", "[1,]", "{\"a\" 1}", "01", "1.", "nul", "\"\\x\"", "\"a\nb\"", "\"\\u12\"", "{}{}", "{\"a\":1,}"]
        {
            assert!(matches!(canonical(text, 128), Err(IngestError::Json(_))), "{text}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_canonical_text_is_the_one_that_serde_json_writes_with_sorted_keys(value in json()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let once = of(&pretty);
            prop_assert_eq!(&once, &serde_json::to_string(&value).unwrap());
            prop_assert_eq!(&of(&once), &once);
        }

        #[test]
        fn it_takes_what_serde_json_takes_and_never_panics(text in "[\\[\\]{}\",:\\\\u0-9a-f\\-+.eE tn]{0,24}") {
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            match canonical(&text, 128) {
                Ok(_) => {}
                Err(IngestError::DuplicateKey(_)) => {}
                Err(_) => prop_assert!(!theirs, "{}", text),
            }
        }
    }
}
