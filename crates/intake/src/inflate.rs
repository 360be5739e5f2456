//! Content encodings, with the output bounded while it grows: a bomb costs at most the limit.

use bytes::Bytes;
use std::io::Read;

/// Why a body could not be inflated.
#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    /// Not an encoding we read.
    #[error("content encoding `{encoding}` is not supported: send identity, gzip, deflate or zstd")]
    Unsupported {
        /// What the client named, cut short.
        encoding: String,
    },
    /// The compressed bytes are damaged.
    #[error("the {encoding} body is damaged or truncated")]
    Damaged {
        /// The encoding.
        encoding: &'static str,
    },
    /// More output than the limit.
    #[error("the body inflates to more than {limit_bytes} bytes: send smaller batches")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
}

/// The window a zstd frame may ask for: 8 MiB, as RFC 8878 recommends decoders to support.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The body as the client wrote it.
pub(crate) fn inflate(body: Bytes, encoding: Option<&str>, limit: usize) -> Result<Bytes, InflateError> {
    let encoding = encoding.unwrap_or("").trim();
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        return Ok(body);
    }
    if encoding.eq_ignore_ascii_case("gzip") || encoding.eq_ignore_ascii_case("x-gzip") {
        return read("gzip", flate2::read::MultiGzDecoder::new(&*body), body.len(), limit);
    }
    if encoding.eq_ignore_ascii_case("deflate") {
        // RFC 9110 means zlib; some clients send raw deflate. A zlib header is a multiple of 31.
        let zlib = matches!(*body, [a, b, ..] if a & 15 == 8 && (u16::from(a) << 8 | u16::from(b)).is_multiple_of(31));
        return if zlib {
            read("deflate", flate2::read::ZlibDecoder::new(&*body), body.len(), limit)
        } else {
            read("deflate", flate2::read::DeflateDecoder::new(&*body), body.len(), limit)
        };
    }
    if encoding.eq_ignore_ascii_case("zstd") {
        let damaged = |_| InflateError::Damaged { encoding: "zstd" };
        let mut decoder = zstd::stream::read::Decoder::with_buffer(&*body).map_err(damaged)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(damaged)?;
        return read("zstd", decoder, body.len(), limit);
    }
    Err(InflateError::Unsupported { encoding: encoding.chars().take(40).collect() })
}

fn read(
    encoding: &'static str,
    decoder: impl Read,
    compressed: usize,
    limit: usize,
) -> Result<Bytes, InflateError> {
    let mut out = Vec::with_capacity(compressed.saturating_mul(4).min(limit).min(1 << 20));
    let ceiling = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match decoder.take(ceiling).read_to_end(&mut out) {
        Ok(_) if out.len() > limit => Err(InflateError::TooLarge { limit_bytes: limit }),
        Ok(_) => Ok(out.into()),
        Err(_) => Err(InflateError::Damaged { encoding }),
    }
}

#[cfg(test)]
mod tests;
