//! Measures applying synthetic OpenLineage events, the memory and the disk that it takes, and opening the store after.
//!
//! `cargo run --release -p fonds-store --example apply -- FOLDER [EVENTS]`; the folder must not exist.

#![allow(clippy::print_stdout, reason = "it is a measurement, and its answer is for a person")]

use fonds_log::{Framed, LogStore, Macs, StoreError};
use fonds_model::{Content, Digest, Entry, Item, Kind, Timestamp};
use fonds_store::Store;
use fonds_views::{Pending, Rows, ViewError};
use std::path::Path;
use std::time::Instant;

/// How many entries one call applies.
const GROUP: u64 = 4_096;
/// How often the files are synced while applying.
const SYNC_EVERY: u64 = 65_536;

fn main() -> Result<(), StoreError> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/apply-store".to_owned());
    let events: u64 = std::env::args().nth(2).and_then(|events| events.parse().ok()).unwrap_or(1_000_000);
    let folder = Path::new(&folder);
    let begun = Instant::now();
    let store = Store::open(folder)?;
    for from in (0..events).step_by(usize::try_from(GROUP).unwrap_or(1)) {
        let to = (from + GROUP).min(events);
        let entries: Vec<Framed> = (from..to).map(event).collect();
        store.apply_with(&entries, Digest::default(), fold)?;
        if to.is_multiple_of(SYNC_EVERY) || to == events {
            store.sync()?;
            let seconds = begun.elapsed().as_secs_f64();
            println!("{to} events, {:.0} events/s, {}, {} MB on disk", to as f64 / seconds, memory(), disk_mb(folder));
        }
    }
    let begun = Instant::now();
    drop(store);
    println!("closed in {:.3} s, {} MB on disk", begun.elapsed().as_secs_f64(), disk_mb(folder));
    for open in ["first", "second"] {
        let begun = Instant::now();
        let store = Store::open(folder)?;
        println!("{open} open in {:.3} s, {}", begun.elapsed().as_secs_f64(), memory());
        let begun = Instant::now();
        let reads = 1_000;
        for read in 0..reads {
            let seq = noise(read) % events;
            assert_eq!(store.entry(seq)?, Some(event(seq)));
        }
        println!("{:.1} µs to read an entry at random", begun.elapsed().as_secs_f64() * 1e6 / reads as f64);
        let begun = Instant::now();
        drop(store);
        println!("closed in {:.3} s", begun.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Numbers without order (splitmix64).
fn noise(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn random<const N: usize>(seed: u64) -> [u8; N] {
    let mut bytes = [0; N];
    for (chunk, step) in bytes.chunks_mut(8).zip(0_u64..) {
        chunk.copy_from_slice(noise(seed ^ (step << 56)).to_le_bytes().get(..chunk.len()).unwrap_or_default());
    }
    bytes
}

fn event(seq: u64) -> Framed {
    let name = |n: u64| {
        format!(
            "{{\"namespace\":\"postgres://db:5432\",\"name\":\"permits.public.table_{n}\",\"facets\":{{\"schema\":{{\"_producer\":\"https://example.org/etl\",\"fields\":[{{\"name\":\"id\",\"type\":\"int\"}},{{\"name\":\"street\",\"type\":\"text\"}}]}}}}}}"
        )
    };
    let payload = format!(
        "{{\"v\":1,\"format\":\"openlineage\",\"time\":\"2026-01-01T00:00:00Z\",\"agency\":\"nl/wabo\"}}\n{{\"eventType\":\"COMPLETE\",\"eventTime\":\"2026-01-01T00:00:00.{:06}Z\",\"run\":{{\"runId\":\"{:016x}-{:08x}\"}},\"job\":{{\"namespace\":\"etl\",\"name\":\"job_{}\"}},\"inputs\":[{},{}],\"outputs\":[{}]}}",
        seq % 1_000_000,
        noise(seq),
        seq,
        seq % 5_000,
        name(noise(seq) % 100_000),
        name(noise(seq + 1) % 100_000),
        name(seq % 100_000)
    );
    let content = Content { salt: random(seq ^ 1 << 40), payload: payload.into_bytes() };
    let items = vec![Item::kept(Digest(random(seq ^ 2 << 40)), content)];
    let name = random(seq ^ 3 << 40);
    let entry =
        Entry { seq, at: Timestamp(1_767_225_600_000_000 + seq.cast_signed() * 37), kind: Kind::LineageRun, items };
    Framed { entry, macs: Some(Macs { name, content: name }) }
}

/// About the rows that lineage writes for a run with two inputs and one output: eight, some read before they are written.
fn fold(entry: &Entry, _: u16, rows: &mut Pending<'_>) -> Result<(), ViewError> {
    let seq = entry.seq.to_be_bytes();
    for (prefix, dataset) in
        [(b'i', noise(entry.seq) % 100_000), (b'i', noise(entry.seq + 1) % 100_000), (b'o', entry.seq % 100_000)]
    {
        let id = dataset.to_be_bytes();
        let name = [&b"n"[..], format!("postgres://db:5432/permits.public.table_{dataset}").as_bytes()].concat();
        if rows.get(&name)?.is_none() {
            rows.put(name, id.to_vec());
        }
        rows.put([&[prefix], &id[..], &seq[..]].concat(), vec![1; 16]);
        rows.put([&[prefix + 1], &id[..], &seq[..]].concat(), vec![2; 16]);
    }
    rows.put([&b"r"[..], &seq[..]].concat(), vec![3; 40]);
    rows.put([&b"a"[..], &noise(entry.seq).to_be_bytes()[..]].concat(), seq.to_vec());
    Ok(())
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mb = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
    };
    format!("{} MB in memory, {} MB at most", mb("VmRSS:").unwrap_or(0) / 1024, mb("VmHWM:").unwrap_or(0) / 1024)
}

fn disk_mb(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(std::fs::Metadata::is_file).map(|file| file.len()).sum::<u64>()
        >> 20
}
