//! A source as plain bytes: gzip and zstd are known by their first bytes, whatever the file is called.

use std::io::{self, BufRead, BufReader, Read};

const BUFFER_BYTES: usize = 256 << 10;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A window above 128 MiB is refused: a frame must not choose how much memory we take.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Opens a source, taking off one layer of gzip (also of several members) or zstd.
///
/// # Errors
/// When the first bytes cannot be read, or the decoder cannot be made.
pub fn open<'a>(source: impl Read + Send + 'a) -> io::Result<Box<dyn BufRead + Send + 'a>> {
    let mut source = BufReader::with_capacity(BUFFER_BYTES, source);
    let mut head = Vec::with_capacity(4);
    // A pipe may hand over its first byte alone, so that one look into the buffer is not enough.
    source.by_ref().take(4).read_to_end(&mut head)?;
    let is = |magic: &[u8]| head.starts_with(magic);
    let (gzip, zstd) = (is(GZIP), is(ZSTD));
    let whole = BufReader::with_capacity(BUFFER_BYTES, io::Cursor::new(head).chain(source));
    Ok(if gzip {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, flate2::bufread::MultiGzDecoder::new(whole)))
    } else if zstd {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
        Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
    } else {
        Box::new(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn all(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        open(bytes)?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compression_is_known_by_its_first_bytes() {
        assert_eq!(all(b"{}").unwrap(), "{}");
        assert_eq!(all(b"").unwrap(), "");
        assert_eq!(all(&gzip("plain")).unwrap(), "plain");
        assert_eq!(all(&[gzip("one "), gzip("two")].concat()).unwrap(), "one two");
        assert_eq!(all(&zstd::encode_all(&b"dense"[..], 1).unwrap()).unwrap(), "dense");
    }

    #[test]
    fn a_pipe_that_gives_one_byte_at_a_time_is_read_as_well() {
        struct Drip(Vec<u8>);
        impl Read for Drip {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                if self.0.is_empty() || into.is_empty() {
                    return Ok(0);
                }
                into[0] = self.0.remove(0);
                Ok(1)
            }
        }
        let mut text = String::new();
        open(Drip(gzip("drop by drop"))).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "drop by drop");
    }

    #[test]
    fn a_truncated_gzip_is_an_error_and_not_an_end() {
        let whole = gzip(&"abc ".repeat(1_000));
        assert!(all(&whole[..whole.len() - 4]).is_err());
    }
}
