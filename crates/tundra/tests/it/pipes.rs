//! A program that leaves the signal for broken pipes as the system has it, as command line tools do, must not die of an
//! exporter whose server hangs up.
#![expect(unsafe_code, reason = "a signal's default has to be set")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};
use tracing::info_span;
use tundra::testing::Collector;
use tundra::{DatadogAgent, Otlp};

/// Reads a little of what comes, answers or not, and hangs up.
fn hang_up(mut stream: impl Read + Write, answers: bool) {
    let _ = stream.read(&mut [0; 4096]);
    if answers {
        let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    }
}

#[test]
fn servers_that_hang_up() {
    crate::alone("pipes::servers_that_hang_up", || {
        // SAFETY: no handler is installed.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let tcp_url = format!("http://{}", tcp.local_addr().expect("bound"));
        let path = std::env::temp_dir().join(format!("tundra-pipes-{}.sock", std::process::id()));
        let unix = UnixListener::bind(&path).expect("a socket");
        std::thread::spawn(move || {
            tcp.incoming().flatten().enumerate().for_each(|(n, stream)| hang_up(stream, n % 2 == 0));
        });
        std::thread::spawn(move || {
            unix.incoming().flatten().enumerate().for_each(|(n, stream)| hang_up(stream, n % 2 == 0));
        });
        let collector = Collector::with(|builder| {
            builder
                .exporter(Box::new(DatadogAgent::new(&format!("unix://{}", path.display())).expect("a path")))
                .exporter(Box::new(Otlp::new(&tcp_url).expect("an address")))
                .shutdown_deadline(Duration::from_millis(100))
        });
        let text = "x".repeat(1 << 19);
        let patience = Instant::now() + Duration::from_secs(60);
        while tundra::health().export_errors < 12 {
            assert!(Instant::now() < patience, "{:?}", tundra::health());
            collector.in_scope(|| (0..4).for_each(|_| info_span!("large", text).in_scope(|| ())));
            collector.spans();
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = std::fs::remove_file(&path);
    });
}
