//! Taking content away where it lies, and handing records over: what disposition asks of the archive's room.

use super::DispositionAnswer;
use super::execute::{Contents, HandOver};
use crate::archive::{Format, PackTold, stores};
use crate::{Runtime, RuntimeError};
use fonds_archive::Stores;
use fonds_model::Digest;
use fonds_model::body::Deleted;
use std::path::{Path, PathBuf};

/// The content stores that a file names.
pub struct Keeping<'a> {
    runtime: &'a Runtime,
    stores: Stores,
}

impl<'a> Keeping<'a> {
    /// Reads the file that names the stores; none where there is no such file, and then all content is others' to delete.
    ///
    /// # Errors
    /// [`RuntimeError::Archive`] when it is not understood, or a folder is not there.
    pub fn open(runtime: &'a Runtime, file: &Path) -> Result<Self, RuntimeError> {
        Ok(Self { runtime, stores: stores(file)? })
    }
}

impl Contents for Keeping<'_> {
    fn has(&self, location: &str) -> bool {
        self.stores.locate(location).is_ok()
    }

    fn delete(&self, location: &str) -> Result<Deleted, String> {
        let absence = self.stores.locate(location).and_then(|located| located.delete());
        let absence = absence.map_err(|error| error.to_string())?;
        if absence.other_names > 0 {
            let why =
                format!("`{location}` has {} other names in its file system: its bytes stay", absence.other_names);
            return Err(why);
        }
        let proof = format!("{}; {}", absence.deleted, absence.read_back);
        let absent_at = self.runtime.now().to_string();
        Ok(Deleted { location: location.to_owned(), digest: None, absent_at, proof })
    }
}

/// A folder that an archive takes packages from: one file a disposition, named after it.
pub struct Packages<'a> {
    runtime: &'a Runtime,
    folder: PathBuf,
    content: PathBuf,
    software_version: String,
}

impl<'a> Packages<'a> {
    /// Packages go into `folder`; content is read by the stores that `content` names.
    #[must_use]
    pub fn new(runtime: &'a Runtime, folder: PathBuf, content: PathBuf, software_version: String) -> Self {
        Self { runtime, folder, content, software_version }
    }
}

impl HandOver for Packages<'_> {
    fn hand_over(&self, disposition: &DispositionAnswer) -> Result<(String, Digest), String> {
        let record = disposition.record.as_ref().map(ToString::to_string).unwrap_or_default();
        let to = self.folder.join(format!("disposition-{}.tar", disposition.id.replace('/', "-")));
        std::fs::create_dir_all(&self.folder).map_err(|error| format!("`{}`: {error}", self.folder.display()))?;
        // What an attempt that was cut off has left is made anew: the log says of none that it was handed over.
        match std::fs::remove_file(&to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("`{}`: {error}", to.display()));
            }
            _ => {}
        }
        let planned = self.runtime.record(&record, None, None).map_err(|error| error.to_string())?.effective.plan;
        let told = PackTold {
            records: vec![record],
            to: to.clone(),
            format: if planned.is_none() { Some(Format::Bagit) } else { None },
            content: self.content.clone(),
            software_version: self.software_version.clone(),
        };
        let made = self.runtime.hand_over(&told).map_err(|error| error.to_string())?;
        Ok((to.display().to_string(), made.packed.seal))
    }
}
