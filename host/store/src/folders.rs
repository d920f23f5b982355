//! The store's folder beside others: a lost one set aside, a rebuilt one swapped in.

use fonds_log::StoreError;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The name of the folder that is in use.
pub const STORE: &str = "store";
/// The name of the folder in which a store is built anew, until [`swap_in`].
pub const NEW: &str = "store.new";
/// The name of the folder that a lost store is given.
pub const LOST: &str = "store.lost";
/// What stood in the way of a rebuilt store, until it is deleted.
const OLD: &str = "store.old";

/// Renames the store's folder below `dir` to `store.lost`, in the place of one that was set aside before, and returns
/// that name.
///
/// It may still hold what the journal has lost since; that is looked for before it is deleted. No handle on it may be used
/// any more; one that broke may still exist.
///
/// # Errors
/// [`StoreError::Rejected`] when the folder cannot be renamed.
pub fn set_aside(dir: &Path) -> Result<&'static str, StoreError> {
    // Only the newest: what cannot be read must not fill the disk.
    let set_aside = || {
        if dir.join(STORE).exists() {
            delete(dir, LOST)?;
        }
        rename(dir, STORE, LOST)
    };
    set_aside().map_err(|error| refused(dir, &error))?;
    Ok(LOST)
}

/// Deletes a store that was set aside: it may hold what was erased since.
///
/// # Errors
/// [`StoreError::Rejected`] when it cannot be deleted.
pub fn delete_lost(dir: &Path) -> Result<(), StoreError> {
    delete(dir, LOST).and_then(|()| File::open(dir)?.sync_all()).map_err(|error| refused(dir, &error))
}

/// Puts the rebuilt store in the folder `new` below `dir` in the place of the one in use, which is deleted.
///
/// Neither may be open. After a crash at any point, opening the store finds either the old one or the new one.
///
/// # Errors
/// [`StoreError::Rejected`] when a folder cannot be synced or renamed.
pub fn swap_in(dir: &Path, new: &str) -> Result<(), StoreError> {
    swap(dir, new).map_err(|error| refused(dir, &error))
}

/// Ends a swap that was cut off, and deletes what an unfinished rebuild left; called before the store is opened.
pub(crate) fn settle(dir: &Path) -> Result<(), StoreError> {
    let settle = || {
        if dir.join(OLD).exists() {
            // The old one only gives way once the new one is whole.
            if !dir.join(STORE).exists() {
                rename(dir, NEW, STORE)?;
            }
            delete(dir, OLD)?;
        }
        delete(dir, NEW)
    };
    settle().map_err(|error| refused(dir, &error))
}

fn swap(dir: &Path, new: &str) -> io::Result<()> {
    sync_all(&dir.join(new))?;
    delete(dir, OLD)?;
    if new != NEW {
        // What ends a swap that was cut off knows this name only.
        rename(dir, new, NEW)?;
    }
    if dir.join(STORE).exists() {
        rename(dir, STORE, OLD)?;
    }
    rename(dir, NEW, STORE)?;
    delete(dir, OLD)
}

/// Renames and makes the renaming durable, so that no later one can be seen without it.
fn rename(dir: &Path, from: &str, to: &str) -> io::Result<()> {
    fs::rename(dir.join(from), dir.join(to))?;
    File::open(dir)?.sync_all()
}

fn delete(dir: &Path, name: &str) -> io::Result<()> {
    match fs::remove_dir_all(dir.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_all(folder: &Path) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        let file = file?;
        if file.file_type()?.is_dir() {
            sync_all(&file.path())?;
        } else {
            File::open(file.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}

fn refused(dir: &Path, error: &io::Error) -> StoreError {
    StoreError::Rejected(format!("the folders in `{}`: {error}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(dir: &Path, name: &str, says: &str) {
        fs::create_dir_all(dir.join(name).join("blobs")).unwrap();
        fs::write(dir.join(name).join("db"), says).unwrap();
    }

    fn says(dir: &Path) -> String {
        fs::read_to_string(dir.join(STORE).join("db")).unwrap()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_rebuilt_store_takes_the_place_of_the_old_one_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), NEW, "first");
        swap_in(dir.path(), NEW).unwrap();
        make(dir.path(), "store.other", "second");
        swap_in(dir.path(), "store.other").unwrap();
        assert_eq!((says(dir.path()).as_str(), names(dir.path())), ("second", vec![STORE.to_owned()]));
    }

    #[test]
    fn a_swap_cut_off_at_any_point_ends_with_one_whole_store() {
        // What the disk shows after each step of a swap, and after a rebuild that never came to it.
        for (there, want) in [
            (&[(STORE, "old"), (NEW, "half")][..], "old"),
            (&[(OLD, "old"), (NEW, "new")], "new"),
            (&[(OLD, "old"), (STORE, "new")], "new"),
            (&[(STORE, "new")], "new"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            there.iter().for_each(|(name, says)| make(dir.path(), name, says));
            settle(dir.path()).unwrap();
            assert_eq!((says(dir.path()).as_str(), names(dir.path())), (want, vec![STORE.to_owned()]));
        }
    }

    #[test]
    fn of_lost_stores_the_newest_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        for lost in ["first", "second"] {
            make(dir.path(), STORE, lost);
            assert_eq!(set_aside(dir.path()).unwrap(), LOST);
        }
        assert!(matches!(set_aside(dir.path()), Err(StoreError::Rejected(_))), "there is none left");
        assert_eq!(fs::read_to_string(dir.path().join(LOST).join("db")).unwrap(), "second");
    }
}
