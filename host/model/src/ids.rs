//! Typed ids. All are compared byte for byte: what reads alike is one.

use crate::ModelError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An id may have at most this many bytes, so that it fits a store's key.
pub const ID_BYTES_MAX: usize = 2_048;

fn check(text: &str) -> Result<(), ModelError> {
    let why = if text.is_empty() {
        "it is empty"
    } else if text.len() > ID_BYTES_MAX {
        "it is longer than 2,048 bytes"
    } else if text.contains('\0') {
        "it holds a NUL character"
    } else {
        return Ok(());
    };
    Err(ModelError::Id { text: text.chars().take(80).collect(), why })
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text (1 to 2,048 bytes, no NUL) and keeps it byte for byte.
            ///
            /// # Errors
            /// [`ModelError::Id`] when the text cannot be an id.
            pub fn new(text: impl Into<String>) -> Result<Self, ModelError> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// The text, as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ModelError;
            fn try_from(text: String) -> Result<Self, ModelError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// The id of an entity: a dataset's `namespace/name`, or a lifecycle event's `subject`.
    EntityId
}
text_id! {
    /// A place in the tree of agencies, such as `vn/ha-noi/hoan-kiem`; an agency's id is its first path.
    AgencyPath
}
text_id! {
    /// A series of a schedule, `ID/SCHEDULE/SERIES`, split at the first two slashes: `tx/001/ACC1000`.
    SeriesId
}

impl EntityId {
    /// The entity of an OpenLineage dataset; no slash is put in when the name begins with one.
    ///
    /// # Errors
    /// [`ModelError::Id`] when the joined text cannot be an id.
    pub fn of_dataset(namespace: &str, name: &str) -> Result<Self, ModelError> {
        let slash = if name.starts_with('/') { "" } else { "/" };
        Self::new(format!("{namespace}{slash}{name}"))
    }
}

impl AgencyPath {
    /// This path and all above it, nearest first: `a/b/c`, `a/b`, `a`.
    pub fn lineage(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |path| path.rsplit_once('/').map(|(parent, _)| parent))
    }

    /// Whether `self` is `above` or lies below it.
    #[must_use]
    pub fn is_within(&self, above: &str) -> bool {
        self.lineage().any(|path| path == above)
    }
}

/// A SHA-256 digest, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Reads 64 hex digits; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 64 {
            return None;
        }
        let mut digest = [0_u8; 32];
        for (out, pair) in digest.iter_mut().zip(bytes.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *out = (hex_value(*high)? << 4) | hex_value(*low)?;
        }
        Some(Self(digest))
    }

    /// The 64 lower-case hex digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

/// The lower-case hex digits of some bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }));
        }
    }
    text
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a digest is 64 lower-case hex digits"))
    }
}

impl schemars::JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dataset_whose_name_begins_with_a_slash_gets_no_second_one() {
        let id = |namespace, name| EntityId::of_dataset(namespace, name).map(String::from);
        assert_eq!(
            id("postgres://db:5432", "permits.public.register"),
            Ok("postgres://db:5432/permits.public.register".into())
        );
        assert_eq!(id("file", "/tmp/a"), Ok("file/tmp/a".into()));
    }

    #[test]
    fn a_path_lies_within_itself_and_its_parents_only() {
        let path = AgencyPath::new("vn/ha-noi/hoan-kiem").unwrap();
        assert!(path.is_within("vn/ha-noi") && path.is_within("vn") && path.is_within("vn/ha-noi/hoan-kiem"));
        assert!(!path.is_within("vn/ha") && !path.is_within("ha-noi"));
    }

    #[test]
    fn a_digest_reads_what_it_writes_and_nothing_else() {
        let digest = Digest([0xa7; 32]);
        assert_eq!(Digest::parse(&digest.to_hex()), Some(digest));
        assert_eq!(Digest::parse(&digest.to_hex().to_uppercase()), None);
        assert_eq!(Digest::parse("a7"), None);
    }
}
