//! What bytes are: sizes and digests, computed while they stream, on all cores.

use fonds_model::{Digest, Fixity, Sha512, ids};
use sha2::Digest as _;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

/// How much is read at once.
const PIECE_BYTES: usize = 256 << 10;
/// A file of more than this has its two digests computed on two threads.
const ALONE_BYTES_MAX: usize = 1 << 20;
/// Pieces that may wait for the second thread.
const PIECES_WAITING_MAX: usize = 8;

/// Reads everything once and computes what it is.
///
/// # Errors
/// What reading says.
pub fn fixity_of(read: impl Read) -> io::Result<Fixity> {
    copy(read, &mut io::sink())
}

/// Copies everything, and computes on the way what it is. Memory does not grow with it.
///
/// # Errors
/// What reading or writing says.
pub fn copy(mut read: impl Read, write: &mut impl Write) -> io::Result<Fixity> {
    let first = piece(&mut read, ALONE_BYTES_MAX)?;
    write.write_all(&first)?;
    let mut short = sha2::Sha256::new();
    short.update(&first);
    let mut size = length(&first);
    let long = if first.len() < ALONE_BYTES_MAX {
        sha2::Sha512::digest(&first).into()
    } else {
        copy_on_two(read, write, first, &mut |piece| {
            short.update(piece);
            size += length(piece);
        })?
    };
    Ok(Fixity { size, sha256: Digest(short.finalize().into()), sha512: Sha512(long) })
}

/// The long digest is computed on a second thread, since it costs as much as all the rest.
fn copy_on_two(
    mut read: impl Read,
    write: &mut impl Write,
    first: Vec<u8>,
    each: &mut dyn FnMut(&[u8]),
) -> io::Result<[u8; 64]> {
    std::thread::scope(|scope| {
        let (to, from) = sync_channel::<Arc<Vec<u8>>>(PIECES_WAITING_MAX);
        let hashing = scope.spawn(move || {
            let mut long = sha2::Sha512::new();
            from.into_iter().for_each(|piece| long.update(&*piece));
            <[u8; 64]>::from(long.finalize())
        });
        let send = |to: &SyncSender<_>, piece| to.send(piece).map_err(|_| io::Error::other("hashing ended early"));
        send(&to, Arc::new(first))?;
        loop {
            let piece = Arc::new(piece(&mut read, PIECE_BYTES)?);
            if piece.is_empty() {
                break;
            }
            send(&to, piece.clone())?;
            each(&piece);
            write.write_all(&piece)?;
        }
        drop(to);
        hashing.join().map_err(|_| io::Error::other("hashing failed"))
    })
}

/// The next bytes, as many as are wanted unless it ends.
fn piece(read: &mut impl Read, wanted: usize) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(wanted);
    read.take(wanted as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// A digest's algorithm, as packages name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// All that are understood, the weakest first.
    pub const ALL: [Self; 6] = [Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its name in lower case without punctuation, as RFC 8493 §2.4 has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Reads such a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// How many hex digits its digest has.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha224 => 56,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }

    /// Whether nobody can make two files of one digest, as far as is known.
    #[must_use]
    pub const fn is_strong(self) -> bool {
        !matches!(self, Self::Md5 | Self::Sha1)
    }

    fn hasher(self) -> Box<dyn sha2::digest::DynDigest> {
        match self {
            Self::Md5 => Box::new(md5::Md5::default()),
            Self::Sha1 => Box::new(sha1::Sha1::default()),
            Self::Sha224 => Box::new(sha2::Sha224::default()),
            Self::Sha256 => Box::new(sha2::Sha256::default()),
            Self::Sha384 => Box::new(sha2::Sha384::default()),
            Self::Sha512 => Box::new(sha2::Sha512::default()),
        }
    }
}

/// A file's size, and its digest in lower-case hex by each algorithm that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// How many bytes were read.
    pub size: u64,
    /// The digests, in the order in which they were asked for.
    pub digests: Vec<(Algorithm, String)>,
}

/// Reads everything once and computes the digests that are asked for.
///
/// # Errors
/// What reading says.
pub fn digests_of(mut read: impl Read, algorithms: &[Algorithm]) -> io::Result<Digests> {
    let mut hashers: Vec<_> = algorithms.iter().map(|algorithm| algorithm.hasher()).collect();
    let mut buffer = vec![0; PIECE_BYTES];
    let mut size = 0;
    loop {
        let count = match read.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = buffer.get(..count).unwrap_or_default();
        hashers.iter_mut().for_each(|hasher| hasher.update(piece));
        size += length(piece);
    }
    let hex = |hasher: Box<dyn sha2::digest::DynDigest>| ids::hex(&hasher.finalize());
    Ok(Digests { size, digests: algorithms.iter().copied().zip(hashers.into_iter().map(hex)).collect() })
}

/// Does the same to each of many items on all cores; the answers come in the items' order.
pub fn on_all_cores<T: Sync, A: Send>(items: &[T], each: impl Fn(&T) -> A + Sync) -> Vec<A> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(items.len().max(1));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, each(item)));
        }
    };
    let mut answers: Vec<(usize, A)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut answers = work();
        for other in others {
            match other.join() {
                Ok(done) => answers.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        answers
    });
    answers.sort_unstable_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_the_same_and_is_said_right_at_every_size() {
        for size in [0, 1, PIECE_BYTES, ALONE_BYTES_MAX - 1, ALONE_BYTES_MAX, ALONE_BYTES_MAX + 7, 3 << 20] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let mut out = Vec::new();
            let fixity = copy(&bytes[..], &mut out).unwrap();
            assert_eq!(out, bytes);
            assert_eq!(fixity.size, size as u64);
            assert_eq!(fixity.sha256, Digest::of(&bytes));
            assert_eq!(fixity.sha512.0, <[u8; 64]>::from(sha2::Sha512::digest(&bytes)));
        }
    }

    #[test]
    fn the_digests_of_abc_are_those_that_the_standards_print() {
        let computed = digests_of(&b"abc"[..], &Algorithm::ALL).unwrap();
        let starts = ["900150983cd2", "a9993e364706", "23097d223405", "ba7816bf8f01", "cb00753f45a3", "ddaf35a19361"];
        for ((algorithm, digest), start) in computed.digests.iter().zip(starts) {
            assert!(digest.starts_with(start), "{algorithm:?}: {digest}");
            assert_eq!(digest.len(), algorithm.digits());
            assert_eq!(Algorithm::parse(algorithm.as_str()), Some(*algorithm));
        }
    }

    #[test]
    fn what_is_done_on_all_cores_comes_in_order() {
        let items: Vec<u64> = (0..1_000).collect();
        assert_eq!(on_all_cores(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(on_all_cores::<u64, u64>(&[], |item| *item), Vec::<u64>::new());
    }
}
