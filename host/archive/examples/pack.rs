//! Packs files of random content and validates the package, and says how long each took and how much memory.
//!
//! `cargo run --release -p fonds-archive --example pack -- FILES BYTES_PER_FILE bagit|eark FOLDER [tar]`

#![allow(clippy::print_stdout, reason = "it says what it measured")]

use fonds_archive::{Format, Parcel, Record, Representation, Stores, pack, validate};
use fonds_model::{ContentFile, Kind};
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [files, bytes, format, folder, rest @ ..] = arguments.as_slice() else {
        return Err("say FILES BYTES_PER_FILE bagit|eark FOLDER [tar]".into());
    };
    let (files, bytes): (u64, usize) = (files.parse()?, bytes.parse()?);
    let format = if format == "eark" { Format::Eark } else { Format::Bagit };
    let folder = Path::new(folder);
    let content = folder.join("content");
    if !content.exists() {
        make(&content, files, bytes)?;
    }
    let config = folder.join("content.toml");
    fs::write(&config, "[stores.papers]\nfolder = \"content\"\n")?;
    let stores = Stores::open(&config)?;
    let file = |number| ContentFile {
        location: format!("papers:{}/{number}.bin", number % 100),
        name: Some(format!("part {}/é {number}.bin", number % 100)),
        size: None,
        sha256: None,
        sha512: None,
        format: Some("application/octet-stream".to_owned()),
    };
    let representation = Representation { files: (0..files).map(file).collect() };
    let parcel = parcel(representation);
    let to = folder.join(if rest.is_empty() { "package".to_owned() } else { "package.tar".to_owned() });
    let began = Instant::now();
    let packed = pack(&parcel, &stores, &to, format)?;
    report("packed", packed.bytes, began);
    let began = Instant::now();
    let validation = validate(&to)?;
    report("validated", validation.bytes, began);
    println!("valid {}, {} files, {:?}", validation.valid, validation.files, validation.findings);
    Ok(())
}

fn parcel(representation: Representation) -> Parcel {
    let event = |seq, kind, outcome: Option<&str>| fonds_archive::Event {
        seq,
        kind,
        time: "2026-11-22T05:00:00Z".to_owned(),
        detail: Some("a <detail> & more".to_owned()),
        outcome: outcome.map(str::to_owned),
        agent: Some("a clerk".to_owned()),
    };
    let record = Record {
        id: "bench/1 <é>".to_owned(),
        title: Some("A record with many files".to_owned()),
        kind: Some("case-file".to_owned()),
        agency: Some("vn/ha-noi".to_owned()),
        series: Some("tx/1/A".to_owned()),
        created: Some("2024-01".to_owned()),
        access: Some("open after 2040".to_owned()),
        description: vec![("subject".to_owned(), "benches".to_owned()), ("note".to_owned(), "large".to_owned())],
        events: vec![
            event(1, Kind::RecordCreated, None),
            event(2, Kind::RecordClosed, None),
            event(3, Kind::RecordFixityChecked, Some("pass")),
        ],
        representations: vec![representation],
        evidence: Some(b"<!doctype html><p>evidence</p>\n".to_vec()),
        ..Record::default()
    };
    Parcel {
        id: "bench".to_owned(),
        made: "2026-11-22T05:25:08Z".to_owned(),
        made_seconds: 1_795_325_108,
        sender: Some("vn/ha-noi".to_owned()),
        destination: Some("National Archives".to_owned()),
        software_version: env!("CARGO_PKG_VERSION").to_owned(),
        records: vec![record],
    }
}

/// Content that no file system and no disk can make smaller.
fn make(folder: &Path, files: u64, bytes: usize) -> Result<(), Box<dyn Error>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut piece = vec![0_u8; 1 << 20];
    for number in 0..files {
        let to = folder.join((number % 100).to_string());
        fs::create_dir_all(&to)?;
        let mut file = fs::File::create(to.join(format!("{number}.bin")))?;
        let mut left = bytes;
        while left > 0 {
            let count = left.min(piece.len());
            for eight in piece.chunks_exact_mut(8) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                eight.copy_from_slice(&state.to_le_bytes());
            }
            file.write_all(piece.get(..count).unwrap_or_default())?;
            left -= count;
        }
    }
    Ok(())
}

fn report(what: &str, bytes: u64, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("{what} {bytes} bytes in {seconds:.2} s: {:.0} MB/s, {peak}", bytes as f64 / seconds / 1e6);
}
