//! Round trips, bombs and damage in every encoding.

use super::*;
use std::io::Write;

fn deflated(encoding: &str, plain: &[u8]) -> Bytes {
    let level = flate2::Compression::default();
    match encoding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(plain).expect("writes to memory");
            encoder.finish().expect("writes to memory").into()
        }
        "zlib" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(plain).expect("writes to memory");
            encoder.finish().expect("writes to memory").into()
        }
        "raw" => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(plain).expect("writes to memory");
            encoder.finish().expect("writes to memory").into()
        }
        "zstd" => zstd::encode_all(plain, 3).expect("writes to memory").into(),
        other => panic!("no encoder for {other}"),
    }
}

#[test]
fn reads_what_clients_write() {
    let plain = b"some text that repeats, some text that repeats".repeat(50);
    for (made, named) in
        [("gzip", "gzip"), ("gzip", "X-GZIP"), ("zlib", "deflate"), ("raw", "deflate"), ("zstd", "zstd")]
    {
        let out = inflate(deflated(made, &plain), Some(named), 1 << 20).expect("inflates");
        assert_eq!(out, plain, "{made} as {named}");
    }
    assert_eq!(inflate(Bytes::from_static(b"x"), None, 0).expect("identity"), "x");
}

#[test]
fn bombs_stop_at_the_limit() {
    let zeros = vec![0; 8 << 20];
    for (made, named) in [("gzip", "gzip"), ("zlib", "deflate"), ("raw", "deflate"), ("zstd", "zstd")] {
        let error = inflate(deflated(made, &zeros), Some(named), 1 << 20).expect_err("too large");
        assert!(
            matches!(error, InflateError::TooLarge { limit_bytes } if limit_bytes == 1 << 20),
            "{named}: {error}"
        );
    }
}

#[test]
fn damage_is_told_and_never_panics() {
    for (made, named) in [("gzip", "gzip"), ("zlib", "deflate"), ("zstd", "zstd")] {
        let whole = deflated(made, &b"abc".repeat(1000));
        for cut in 1..whole.len() {
            let got = inflate(whole.slice(..cut), Some(named), 1 << 20);
            assert!(got.is_err(), "{named} cut at {cut}");
        }
    }
    let error = inflate(Bytes::from_static(b"x"), Some("br"), 10).expect_err("unsupported");
    assert!(error.to_string().contains("`br`"), "{error}");
}
