//! Where exporters send to: an HTTP server that takes everything, and one that never answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Listens on a free port of loopback and serves each connection with `serve`.
fn listen(serve: fn(TcpStream)) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    Ok(format!("http://{address}"))
}

/// Answers 200 to everything.
pub fn open() -> std::io::Result<String> {
    listen(|stream| drop(answer_all(stream)))
}

/// Takes everything and never says a word.
pub fn silent() -> std::io::Result<String> {
    listen(|mut stream| {
        let mut buffer = [0; 4096];
        while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
    })
}

/// An address where nobody listens.
pub fn refused() -> std::io::Result<String> {
    Ok(format!("http://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?))
}

fn answer_all(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    let mut held = Vec::new();
    loop {
        let head = loop {
            if let Some(at) = held.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                read => held.extend_from_slice(&buffer[..read]),
            }
        };
        let text = String::from_utf8_lossy(&held[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let chunked = text.contains("transfer-encoding: chunked");
        let is_done = |held: &[u8]| {
            if chunked { held.ends_with(b"0\r\n\r\n") } else { held.len() >= head + length.unwrap_or(0) }
        };
        while !is_done(&held) {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                read => held.extend_from_slice(&buffer[..read]),
            }
        }
        held.clear();
        let (kind, body) = if text.contains(" /v1/") {
            ("application/x-protobuf", "")
        } else {
            ("application/json", r#"{"rate_by_service":{"service:,env:":1}}"#)
        };
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")?;
    }
}
