use super::*;
use std::os::unix::fs::symlink;

struct Place {
    dir: tempfile::TempDir,
    stores: Stores,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("papers/2024")).unwrap();
    std::fs::write(dir.path().join("papers/2024/17.txt"), b"a permit").unwrap();
    std::fs::write(dir.path().join("outside.txt"), b"not ours").unwrap();
    let config = dir.path().join("content.toml");
    std::fs::write(&config, "[stores.papers]\nfolder = \"papers\"\nat = [\"file:///srv/papers/\", \"file:///\"]\n")
        .unwrap();
    let stores = Stores::open(&config).unwrap();
    Place { dir, stores }
}

#[test]
fn content_is_read_and_digested_where_it_lies() {
    let place = place();
    for location in ["papers:2024/17.txt", "file:///srv/papers/2024/17.txt", "file:///2024/17.txt"] {
        let located = place.stores.locate(location).unwrap();
        let fixity = located.fixity().unwrap();
        assert_eq!((fixity.size, located.size().unwrap()), (8, 8));
        assert_eq!(fixity.sha256, fonds_model::Digest::of(b"a permit"));
        assert_eq!(located.store(), "papers");
    }
    assert!(place.stores.locate("papers:2024/18.txt").unwrap().fixity().unwrap_err().is_missing());
    assert!(matches!(place.stores.locate("cold:1"), Err(ArchiveError::NoStore(_))));
}

#[test]
fn no_key_leads_out_of_its_store() {
    let place = place();
    for key in ["../outside.txt", "/etc/passwd", "2024/../../outside.txt", "./2024/17.txt", "2024//17.txt", "", "a\0b"]
    {
        let location = format!("papers:{key}");
        assert!(matches!(place.stores.locate(&location), Err(ArchiveError::Location { .. })), "{key}");
    }
    assert!(place.stores.locate(&format!("papers:{}", "a".repeat(KEY_BYTES_MAX + 1))).is_err());
}

#[test]
fn no_link_is_followed_and_nothing_but_a_file_is_read_or_deleted() {
    let place = place();
    let root = place.dir.path().join("papers");
    symlink(place.dir.path().join("outside.txt"), root.join("link.txt")).unwrap();
    symlink(place.dir.path(), root.join("up")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for key in ["link.txt", "up/outside.txt", "2024", "pipe"] {
        let location = format!("papers:{key}");
        let located = place.stores.locate(&location).unwrap();
        assert!(matches!(located.fixity(), Err(ArchiveError::NotAFile { .. })), "{key}");
        assert!(matches!(located.delete(), Err(ArchiveError::NotAFile { .. })), "{key}");
    }
    assert!(root.join("link.txt").symlink_metadata().is_ok() && place.dir.path().join("outside.txt").exists());
}

#[test]
fn a_deletion_says_what_was_there_and_that_it_is_gone_and_can_be_done_again() {
    let place = place();
    let file = place.dir.path().join("papers/2024/17.txt");
    let located = place.stores.locate("papers:2024/17.txt").unwrap();
    let absence = located.delete().unwrap();
    assert!(!file.exists());
    assert_eq!((absence.bytes, absence.other_names), (Some(8), 0));
    assert!(absence.read_back.contains("no such file"));
    let again = located.delete().unwrap();
    assert_eq!(again.bytes, None);
    assert!(again.deleted.contains("nothing"));
}

#[test]
fn a_deletion_says_that_the_bytes_stay_under_another_name() {
    let place = place();
    let papers = place.dir.path().join("papers");
    std::fs::hard_link(papers.join("2024/17.txt"), papers.join("copy.txt")).unwrap();
    assert_eq!(place.stores.locate("papers:2024/17.txt").unwrap().delete().unwrap().other_names, 1);
}

#[test]
fn a_file_that_names_stores_is_refused_with_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("content.toml");
    std::fs::create_dir(dir.path().join("a")).unwrap();
    let why = |text: &str| {
        std::fs::write(&config, text).unwrap();
        let none = |_: &str| None;
        config::open(&config, &none).unwrap_err().to_string()
    };
    assert!(why("[stores.A]\nfolder = \"a\"\n").contains("lower-case"));
    assert!(why("[stores.a]\nfolder = \"b\"\n").contains("cannot be opened"));
    assert!(why("[stores.a]\nfolder = \"a\"\nbucket = \"b\"\n").contains("either"));
    assert!(why("[stores.a]\n").contains("either"));
    assert!(why("[stores.a]\nfolder = \"a\"\nprefix = \"b\"\n").contains("no `prefix`"));
    assert!(why("[stores.a]\nfolder = \"a\"\nat = [\"\"]\n").contains("`at`"));
    assert!(why("[stores.a]\nfolder = \"a\"\nsecret = \"b\"\n").contains("secret"));
    assert!(why("[stores.a]\nbucket = \"b\"\ncredentials = \"COLD\"\n").contains("COLD_ACCESS_KEY_ID"));
    assert!(why("[stores.a]\nfolder = \"a\"\n[stores.b]\nfolder = \"a\"\nat = [\"a:\"]\n").contains("begin alike"));
}

#[test]
fn secrets_stand_in_no_description_of_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("content.toml");
    std::fs::write(&config, "[stores.cold]\nbucket = \"records\"\nendpoint = \"http://127.0.0.1:1\"\n").unwrap();
    let environment = |name: &str| Some(format!("hidden-{name}"));
    let stores = config::open(&config, &environment).unwrap();
    assert!(!format!("{stores:?}").contains("hidden"), "{stores:?}");
}
