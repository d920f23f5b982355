//! A bucket of an S3-compatible object store.

use super::Absence;
use crate::ArchiveError;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectMeta, ObjectStore as _, ObjectStoreExt as _, RetryConfig};
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Once};
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long a store may take to answer at all, and to send the next piece.
const WAIT: Duration = Duration::from_secs(60);
const RETRIES_MAX: usize = 3;

/// Where a bucket is, and who asks.
pub(super) struct Settings {
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    /// Key id, secret, and a session's token.
    pub(super) credentials: Option<(String, String, Option<String>)>,
}

/// A bucket.
pub(super) struct Bucket {
    name: String,
    prefix: String,
    store: AmazonS3,
    /// Requests are made on the thread that wants their answer.
    runtime: Arc<Runtime>,
}

// Secrets are inside.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Bucket {
    pub(super) fn open(settings: Settings) -> Result<Self, String> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // An error says that another part of the process chose one already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let is_plain = settings.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        // No limit for the whole request: what is large takes long. A server that falls silent is left.
        let client = ClientOptions::new()
            .with_allow_http(is_plain)
            .with_timeout_disabled()
            .with_connect_timeout(Duration::from_secs(10))
            .with_read_timeout(WAIT);
        let retry = RetryConfig { max_retries: RETRIES_MAX, retry_timeout: WAIT, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(settings.region.as_deref().unwrap_or("us-east-1"))
            .with_client_options(client)
            .with_retry(retry);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        builder = match settings.credentials {
            Some((id, secret, token)) => {
                let signed = builder.with_access_key_id(id).with_secret_access_key(secret);
                if let Some(token) = token { signed.with_token(token) } else { signed }
            }
            None => builder.with_skip_signature(true),
        };
        let store = builder.build().map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = Arc::new(runtime.map_err(|error| error.to_string())?);
        Ok(Self { name: settings.bucket, prefix: settings.prefix, store, runtime })
    }

    fn key(&self, key: &str, location: &str) -> Result<Key, ArchiveError> {
        let wrong = |_| ArchiveError::Location { location: location.to_owned(), why: "no object can have that key" };
        Key::parse(format!("{}{key}", self.prefix)).map_err(wrong)
    }

    fn head(&self, key: &Key, location: &str) -> Result<ObjectMeta, ArchiveError> {
        self.runtime.block_on(self.store.head(key)).map_err(|error| failed("look at", location, &error))
    }

    pub(super) fn size(&self, key: &str, location: &str) -> Result<u64, ArchiveError> {
        Ok(self.head(&self.key(key, location)?, location)?.size)
    }

    pub(super) fn read(&self, key: &str, location: &str) -> Result<Object, ArchiveError> {
        let key = self.key(key, location)?;
        let got = self.runtime.block_on(self.store.get(&key)).map_err(|error| failed("read", location, &error))?;
        let left = got.meta.size;
        // The stream is made where a runtime is: it waits on its timer.
        let _inside = self.runtime.enter();
        Ok(Object { stream: got.into_stream(), piece: bytes::Bytes::new(), left, runtime: self.runtime.clone() })
    }

    pub(super) fn delete(&self, key: &str, location: &str) -> Result<Absence, ArchiveError> {
        let key = self.key(key, location)?;
        let before = match self.head(&key, location) {
            Ok(meta) => Some(meta),
            Err(ArchiveError::Missing(_)) => None,
            Err(error) => return Err(error),
        };
        let still = |why: String| ArchiveError::StillThere { location: location.to_owned(), why };
        // In a bucket that keeps versions a deletion only hides the newest: its bytes would stay.
        if let Some(version) = before.as_ref().and_then(|meta| meta.version.as_deref()).filter(|id| *id != "null") {
            return Err(still(format!(
                "the bucket `{}` keeps versions, and version `{version}` would stay: nothing was deleted; have the \
                 versions deleted by whoever runs the bucket, and acknowledge that",
                self.name
            )));
        }
        let deleted = match &before {
            Some(_) => {
                let answer = self.runtime.block_on(self.store.delete(&key));
                answer.map_err(|error| failed("delete", location, &error))?;
                "DELETE: done"
            }
            None => "nothing was there to delete",
        };
        match self.head(&key, location) {
            Err(ArchiveError::Missing(_)) => {}
            Err(error) => return Err(error),
            Ok(meta) => return Err(still(format!("HEAD after the deletion found {} bytes", meta.size))),
        }
        if self.lists(&key, location)? {
            return Err(still("the bucket's list still has it after the deletion".to_owned()));
        }
        Ok(Absence {
            location: location.to_owned(),
            bytes: before.map(|meta| meta.size),
            deleted: deleted.to_owned(),
            read_back: "HEAD: 404 not found; LIST: not there".to_owned(),
            other_names: 0,
        })
    }

    /// Whether the bucket's list has the key.
    fn lists(&self, key: &Key, location: &str) -> Result<bool, ArchiveError> {
        let text = key.as_ref();
        let folder = text.rsplit_once('/').and_then(|(folder, _)| Key::parse(folder).ok());
        // A list is in order of key: it begins just before this one, and ends behind it.
        let mut before = text.to_owned();
        before.pop();
        let before = Key::parse(&before).ok().filter(|key| key.as_ref() == before && !before.is_empty());
        self.runtime.block_on(async {
            let mut listed = match &before {
                Some(before) => self.store.list_with_offset(folder.as_ref(), before),
                None => self.store.list(folder.as_ref()),
            };
            while let Some(meta) = listed.next().await {
                let found = meta.map_err(|error| failed("list", location, &error))?.location;
                if found.as_ref() >= text {
                    return Ok(found == *key);
                }
            }
            Ok(false)
        })
    }
}

fn failed(doing: &'static str, location: &str, error: &object_store::Error) -> ArchiveError {
    match error {
        object_store::Error::NotFound { .. } => ArchiveError::Missing(location.to_owned()),
        error => ArchiveError::content(doing, location, error),
    }
}

/// An object that is being read.
pub(super) struct Object {
    stream: BoxStream<'static, object_store::Result<bytes::Bytes>>,
    piece: bytes::Bytes,
    left: u64,
    runtime: Arc<Runtime>,
}

impl Read for Object {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.runtime.block_on(self.stream.next()) {
                Some(piece) => self.piece = piece.map_err(io::Error::other)?,
                None if self.left == 0 => return Ok(0),
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the store ended it early")),
            }
        }
        let take = self.piece.len().min(into.len());
        let head = self.piece.split_to(take);
        if let Some(into) = into.get_mut(..take) {
            into.copy_from_slice(&head);
        }
        let length = u64::try_from(take).unwrap_or(u64::MAX);
        let ends = "the store sent more than it said";
        self.left = self.left.checked_sub(length).ok_or_else(|| io::Error::other(ends))?;
        Ok(take)
    }
}
