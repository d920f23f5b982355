//! Where a record's content lies, and what it must be when it is read there.
//!
//! The log keeps what is said of content and never the content itself: that stays in folders and object stores.

use crate::{Digest, ids};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One file of a record's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ContentFile {
    /// Where it lies: `STORE:KEY` for a content store that the operator has named, or any text with which one's
    /// locations begin, such as `s3://bucket/`.
    pub location: String,
    /// What it is called within the record, with slashes between folders; the location's last part when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many bytes it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Its SHA-512.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha512: Option<Sha512>,
    /// Its format, as a media type or a PRONOM id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

impl ContentFile {
    /// What it is called within the record.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.name {
            Some(name) => name,
            None => self.location.rsplit(['/', ':']).next().unwrap_or(&self.location),
        }
    }
}

/// What the content of a file is, as it was computed from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Fixity {
    /// How many bytes it has.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Its SHA-512.
    pub sha512: Sha512,
}

impl Fixity {
    /// What of `said` is not so, in words; `None` when all that it says holds, and also when it says nothing.
    #[must_use]
    pub fn differs_from(&self, said: &ContentFile) -> Option<String> {
        let differs = |what: &str, is: &dyn fmt::Display, said: &dyn fmt::Display| {
            Some(format!("its {what} is {is}, and the log says {said}"))
        };
        if let Some(size) = said.size.filter(|size| *size != self.size) {
            return differs("size", &self.size, &size);
        }
        if let Some(digest) = said.sha256.filter(|digest| *digest != self.sha256) {
            return differs("SHA-256", &self.sha256, &digest);
        }
        let digest = said.sha512.filter(|digest| *digest != self.sha512)?;
        differs("SHA-512", &self.sha512, &digest)
    }
}

/// A SHA-512 digest, written as 128 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha512(pub [u8; 64]);

impl Sha512 {
    /// Reads 128 lower-case hex digits; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (high, low) = text.split_at_checked(64)?;
        let mut digest = [0; 64];
        let (first, second) = digest.split_at_mut(32);
        first.copy_from_slice(&Digest::parse(high)?.0);
        second.copy_from_slice(&Digest::parse(low)?.0);
        Some(Self(digest))
    }
}

impl fmt::Display for Sha512 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ids::hex(&self.0))
    }
}

impl fmt::Debug for Sha512 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha512({self})")
    }
}

impl Serialize for Sha512 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha512 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a SHA-512 digest is 128 lower-case hex digits"))
    }
}

impl schemars::JsonSchema for Sha512 {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sha512".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{128}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> ContentFile {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_file_is_called_what_it_says_or_by_the_end_of_its_location() {
        assert_eq!(file(r#"{"location":"papers:2024/17.pdf"}"#).name(), "17.pdf");
        assert_eq!(file(r#"{"location":"papers:17.pdf"}"#).name(), "17.pdf");
        assert_eq!(file(r#"{"location":"papers:17.pdf","name":"a/b.pdf"}"#).name(), "a/b.pdf");
    }

    #[test]
    fn each_thing_that_the_log_says_of_a_file_is_compared() {
        let is = Fixity { size: 3, sha256: Digest::of(b"abc"), sha512: Sha512([7; 64]) };
        assert_eq!(is.differs_from(&file(r#"{"location":"a:b"}"#)), None);
        let mut said = file(r#"{"location":"a:b","size":3}"#);
        said.sha256 = Some(is.sha256);
        said.sha512 = Some(is.sha512);
        assert_eq!(is.differs_from(&said), None);
        assert!(is.differs_from(&ContentFile { size: Some(4), ..said.clone() }).unwrap().contains("size"));
        let other = Some(Digest::of(b"abd"));
        assert!(is.differs_from(&ContentFile { sha256: other, ..said.clone() }).unwrap().contains("SHA-256"));
        let other = Some(Sha512([8; 64]));
        assert!(is.differs_from(&ContentFile { sha512: other, ..said }).unwrap().contains("SHA-512"));
    }

    #[test]
    fn a_long_digest_reads_what_it_writes_and_nothing_else() {
        let digest = Sha512([0xa7; 64]);
        assert_eq!(Sha512::parse(&digest.to_string()), Some(digest));
        assert_eq!(Sha512::parse(&digest.to_string().to_uppercase()), None);
        assert_eq!(Sha512::parse(&"a".repeat(127)), None);
        assert_eq!(Sha512::parse(&"é".repeat(64)), None);
    }
}
