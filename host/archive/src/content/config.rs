//! The file that names the content stores.

use super::{Place, Store, Stores, folder, object};
use crate::ArchiveError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A longer file is refused unread.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    stores: BTreeMap<String, Entry>,
}

/// One store; it has a folder or a bucket.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// A folder; a path that is not absolute begins at the file that names it.
    folder: Option<String>,
    /// A bucket of an S3-compatible object store.
    bucket: Option<String>,
    /// Other ways in which its locations begin, such as `s3://records/`.
    #[serde(default)]
    at: Vec<String>,
    /// What stands before each key within the bucket.
    prefix: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    /// What the names of the environment's variables with the credentials begin with; `AWS` unless said.
    credentials: Option<String>,
    /// Requests are not signed.
    #[serde(default)]
    anonymous: bool,
}

pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn open(path: &Path, environment: Environment<'_>) -> Result<Stores, ArchiveError> {
    let wrong = |why: String| ArchiveError::Config { path: path.to_owned(), why };
    let length = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(wrong(format!("it has {length} bytes, and at most {FILE_BYTES_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let file: File = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let mut stores: Vec<Store> = Vec::with_capacity(file.stores.len());
    for (name, entry) in file.stores {
        let store = store(&name, entry, path, environment).map_err(|why| wrong(format!("store `{name}`: {why}")))?;
        let of_two = |other: &Store| other.beginnings.iter().any(|beginning| store.beginnings.contains(beginning));
        if let Some(other) = stores.iter().find(|other| of_two(other)) {
            return Err(wrong(format!("locations of the stores `{}` and `{name}` begin alike", other.name)));
        }
        stores.push(store);
    }
    Ok(Stores { stores })
}

fn store(name: &str, entry: Entry, file: &Path, environment: Environment<'_>) -> Result<Store, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(plain) {
        return Err("a name is lower-case letters, digits and hyphens".to_owned());
    }
    if entry.at.iter().any(String::is_empty) {
        return Err("`at` must not be empty: all locations would begin so".to_owned());
    }
    let mut beginnings = entry.at.clone();
    beginnings.push(format!("{name}:"));
    let place = match (&entry.folder, &entry.bucket) {
        (Some(folder), None) => {
            let of_buckets = [&entry.prefix, &entry.endpoint, &entry.region, &entry.credentials];
            if of_buckets.iter().any(|setting| setting.is_some()) || entry.anonymous {
                return Err("a folder has no `prefix`, `endpoint`, `region` or credentials".to_owned());
            }
            let root = file.parent().unwrap_or(Path::new(".")).join(folder);
            Place::Folder(folder::Folder::open(&root)?)
        }
        (None, Some(bucket)) => Place::Object(object::Bucket::open(settings(bucket, &entry, environment)?)?),
        _ => return Err("give it either a `folder` or a `bucket`".to_owned()),
    };
    Ok(Store { name: name.to_owned(), beginnings, place })
}

fn settings(bucket: &str, entry: &Entry, environment: Environment<'_>) -> Result<object::Settings, String> {
    let begin = entry.credentials.as_deref().unwrap_or("AWS");
    let credentials = if entry.anonymous {
        None
    } else {
        let secret = |what: &str| {
            let name = format!("{begin}_{what}");
            environment(&name).ok_or_else(|| format!("set `{name}` in the environment, or `anonymous = true`"))
        };
        let token = environment(&format!("{begin}_SESSION_TOKEN"));
        Some((secret("ACCESS_KEY_ID")?, secret("SECRET_ACCESS_KEY")?, token))
    };
    Ok(object::Settings {
        bucket: bucket.to_owned(),
        prefix: entry.prefix.clone().unwrap_or_default(),
        endpoint: entry.endpoint.clone(),
        region: entry.region.clone(),
        credentials,
    })
}
