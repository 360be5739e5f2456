//! Files, streams, datagrams and vendors: what arrives there is what was recorded, within its bounds.

use super::connections::{refused, wait_until};
use super::{server, text};
use crate::testing::{Collector, Memory};
use crate::{DogStatsD, JsonLines, Otlp};
use std::io::Write;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::{info, info_span};

const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of its own for a test, gone afterwards.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tundra-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_are_otlp_json() {
    let kept = Kept::default();
    let lines = JsonLines::writer(Box::new(kept.clone()));
    let collector = Collector::with(|builder| builder.exporter(Box::new(lines)));
    collector.in_scope(|| info_span!("written", n = 1).in_scope(|| info!("said \"it\"")));
    let sent = collector.spans();
    let written = text(&kept.0.lock().expect("no panic"));
    let line = |key: &str| written.lines().find(|line| line.starts_with(key)).expect(key).to_owned();
    let limits = tundra_wire::Limits::default();
    let mut records = crate::testing::Records::default();
    tundra_wire::otlp::json::traces(line("{\"resourceSpans").as_bytes(), &limits, &mut records)
        .expect("spans");
    tundra_wire::otlp::json::logs(line("{\"resourceLogs").as_bytes(), &limits, &mut records).expect("logs");
    assert_eq!(records.spans, sent);
    assert_eq!(
        records.logs.iter().map(|log| log.body.to_text().into_owned()).collect::<Vec<_>>(),
        ["said \"it\""]
    );
}

#[test]
fn lines_do_not_tell_of_no_parent() {
    let kept = Kept::default();
    let lines = JsonLines::writer(Box::new(kept.clone()));
    let collector = Collector::with(|builder| builder.exporter(Box::new(lines)));
    collector.in_scope(|| info_span!("request").in_scope(|| drop(crate::llm::chat("openai", "gpt-4o"))));
    assert_eq!(collector.spans().len(), 2);
    let written = text(&kept.0.lock().expect("no panic"));
    assert!(written.contains("gpt-4o") && !written.contains("parent_id"), "{written}");
}

#[test]
fn files_are_put_aside_and_forgotten() {
    let folder = Folder::new("rotate");
    let path = folder.0.join("t.jsonl");
    std::fs::write(&path, "what was there before\n").expect("a file");
    let file = JsonLines::file(&path).rotate(4000, 2);
    let collector = Collector::with(|builder| builder.exporter(Box::new(file)));
    for n in 0..40 {
        collector.in_scope(|| info_span!("written", n).in_scope(|| ()));
        collector.spans();
    }
    drop(collector);
    let mut found: Vec<_> = std::fs::read_dir(&folder.0).expect("the folder").flatten().collect();
    found.sort_by_key(std::fs::DirEntry::path);
    let names: Vec<_> = found.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["t.jsonl", "t.jsonl.1", "t.jsonl.2"]);
    for entry in found {
        let written = std::fs::read_to_string(entry.path()).expect("text");
        let longest = written.lines().map(str::len).max().unwrap_or_default();
        assert!(written.ends_with('\n') && written.len() <= 4000.max(longest + 1), "{}", written.len());
    }
}

#[test]
fn a_file_that_cannot_be_written_costs_a_counter() {
    let before = crate::health().export_errors;
    let collector = Collector::with(|builder| {
        builder
            .exporter(Box::new(JsonLines::file("/nowhere/at/all")))
            .shutdown_deadline(Duration::from_secs(1))
    });
    let lost = refused();
    collector.in_scope(|| info_span!("s").in_scope(|| ()));
    assert!(collector.guard().flush(PATIENCE).is_err());
    assert_eq!(collector.spans().len(), 1);
    assert!(crate::health().export_errors > before && refused() > lost);
    let told = |failures: &[String]| {
        failures
            .iter()
            .any(|text| text.starts_with("`/nowhere/at/all` does not take") && text.contains("os error"))
    };
    assert!(told(&crate::health().failures), "{:?}", crate::health().failures);
}

// Until it is written again.
#[test]
fn a_file_that_is_there_again_is_well() {
    let folder = Folder::new("again");
    let path = folder.0.join("later").join("t.jsonl");
    let collector = Collector::with(|builder| builder.exporter(Box::new(JsonLines::file(&path))));
    let ails = || {
        collector.in_scope(|| info_span!("s").in_scope(|| ()));
        let _ = collector.guard().flush(PATIENCE);
        let shown = format!("`{}`", path.display());
        crate::health().failures.iter().any(|text| text.starts_with(&shown))
    };
    assert!(ails());
    std::fs::create_dir(folder.0.join("later")).expect("a folder");
    assert!(!ails());
}

// `OTEL_TRACES_EXPORTER=console` and nothing else for log records: those are not exported.
#[test]
fn lines_of_some_signals_take_no_others() {
    use crate::Exporter;
    for only in [[true, false, true], [false, true, false], [false; 3]] {
        let lines = JsonLines::writer(Box::new(std::io::sink())).only(only);
        assert_eq!(lines.takes(), only[..2]);
    }
}

// A disk that does not take anything, or a pipe that nobody reads.
#[cfg(unix)]
#[test]
fn a_file_that_is_slow_holds_nobody_up() {
    let folder = Folder::new("slow");
    let path = folder.0.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("it runs");
    assert!(made.success());
    let memory = Memory::default();
    let (file, other) = (JsonLines::file(&path).only([true, false, false]), memory.clone());
    let deadline = Duration::from_millis(50);
    let collector = Collector::with(|builder| {
        let builder = builder.exporter(Box::new(file)).exporter(Box::new(other));
        builder.shutdown_deadline(deadline)
    });
    let flush = || collector.guard().flush(deadline).is_ok();
    collector.in_scope(|| info_span!("first").in_scope(|| ()));
    assert!(!flush(), "nobody reads");
    wait_until(|| memory.0.lock().expect("no panic").spans.len() == 1, "the other exporter has it");
    // What is late comes after all, and a flush that waits long enough waits for it.
    let reader = std::thread::spawn(move || std::fs::read_to_string(path));
    collector.in_scope(|| info_span!("second").in_scope(|| ()));
    wait_until(flush, "all is written");
    drop(collector);
    let read = reader.join().expect("no panic").expect("text");
    assert!(read.lines().count() == 2 && read.contains("first") && read.contains("second"), "{read}");
}

// Whoever wrote it did not come to the end of a line; and there are others who move it.
#[test]
fn files_that_are_not_as_they_were_left() {
    let folder = Folder::new("left");
    let path = folder.0.join("t.jsonl");
    std::fs::write(&path, "{\"half\":").expect("a file");
    let written = |file: JsonLines, count: usize, between: &dyn Fn()| {
        let collector = Collector::with(|builder| builder.exporter(Box::new(file)));
        for n in 0..count {
            collector.in_scope(|| info_span!("written", n).in_scope(|| ()));
            assert_eq!(collector.spans().len(), n + 1);
            between();
        }
    };
    let file = || JsonLines::file(&path).only([true, false, false]);
    written(file(), 1, &|| ());
    let found = std::fs::read_to_string(&path).expect("text");
    let lines: Vec<_> = found.lines().collect();
    assert!(matches!(lines[..], ["{\"half\":", line] if line.contains("written")), "{found}");
    for kept in [0, 2] {
        written(file().rotate(1, kept), 3, &|| {
            let found = std::fs::read_to_string(&path).expect("each line is in the file, alone");
            assert!(found.lines().count() == 1, "{found}");
            std::fs::remove_file(&path).expect("it was there");
        });
    }
}

fn counted(collector: &Collector) {
    for n in 0..5_u32 {
        crate::increment_counter!("outputs.requests", model = "gpt-4o");
        crate::histogram!("outputs.duration", f64::from(n) + 0.5, model = "gpt-4o");
    }
    collector.points();
}

#[test]
fn datagrams_over_udp() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let statsd =
        DogStatsD::new(&format!("udp://{}", socket.local_addr().expect("bound"))).expect("an address");
    let collector = Collector::with(|builder| builder.env("test").exporter(Box::new(statsd)));
    counted(&collector);
    let mut all = String::new();
    let mut packet = [0; 10_000];
    while !(all.contains("outputs.requests:") && all.contains("outputs.duration:")) {
        let bytes = socket.recv(&mut packet).expect("a datagram");
        assert!(bytes <= 1432);
        all.push_str(&text(&packet[..bytes]));
        all.push('\n');
    }
    let line = all.lines().find(|line| line.starts_with("outputs.requests:")).expect("a line");
    assert!(line.contains("|c|#service:test,env:test,model:gpt-4o"), "{line}");
    let line = all.lines().find(|line| line.starts_with("outputs.duration:")).expect("a line");
    assert!(line.contains("|d|"), "{line}");
}

#[cfg(unix)]
#[test]
fn datagrams_over_a_unix_socket() {
    let folder = Folder::new("dsd");
    let path = folder.0.join("dsd.socket");
    let url = format!("unix://{}", path.display());
    let collector =
        Collector::with(|builder| builder.exporter(Box::new(DogStatsD::new(&url).expect("an address"))));
    // Nobody is there yet: points are lost and counted, and later ones arrive.
    let lost = || crate::health().points_undelivered.iter().map(|(_, count)| count).sum::<u64>();
    let before = lost();
    counted(&collector);
    assert!(lost() > before);
    let socket = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    counted(&collector);
    let mut packet = [0; 10_000];
    let bytes = socket.recv(&mut packet).expect("a datagram");
    assert!(text(&packet[..bytes]).contains("service:test"));
}

#[test]
fn statsd_addresses() {
    for good in ["localhost", "udp://h:1", "udp://[::1]:8125", "unix:///run/x", "unixgram:///run/x"] {
        assert!(DogStatsD::new(good).is_ok(), "{good}");
    }
    for bad in ["", "udp://", "http://h", "unix://x", "a b", "udp://h:port", "h:99999"] {
        assert!(DogStatsD::new(bad).is_err(), "{bad}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn vendors() {
    let check = |otlp: Result<Otlp, crate::EndpointError>, host: &str, base: &str, header: (&str, &str)| {
        let otlp = otlp.expect("an address");
        let (endpoint, headers) = otlp.target();
        assert_eq!((endpoint.host(), &*endpoint.base), (host, base));
        assert!(headers.contains(&(header.0.to_owned(), header.1.to_owned())), "{headers:?}");
    };
    check(Otlp::honeycomb("k"), "api.honeycomb.io:443", "", ("x-honeycomb-team", "k"));
    check(Otlp::new_relic("k"), "otlp.nr-data.net:443", "", ("api-key", "k"));
    check(Otlp::datadog("datadoghq.eu", "k"), "otlp.datadoghq.eu:443", "", ("dd-api-key", "k"));
    let grafana = Otlp::grafana_cloud("prod-eu-west-2", "12", "t");
    let host = "otlp-gateway-prod-eu-west-2.grafana.net:443";
    check(grafana, host, "/otlp", ("Authorization", "Basic MTI6dA=="));
    let sentry = Otlp::sentry("https://abc@o1.ingest.sentry.io/7");
    let base = "/api/7/integration/otlp";
    check(sentry, "o1.ingest.sentry.io:443", base, ("x-sentry-auth", "sentry sentry_key=abc"));
    for bad in ["", "https://x/1", "https://@x/1", "https://k@x/"] {
        assert!(Otlp::sentry(bad).is_err(), "{bad}");
    }
}

#[cfg(feature = "gzip")]
#[test]
fn requests_can_be_compressed() {
    use std::io::Read;
    let (url, requests) = server(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec());
    let otlp = Otlp::new(&url).expect("an address").gzip(true);
    let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)));
    collector.in_scope(|| info_span!("squeezed").in_scope(|| ()));
    collector.spans();
    let request = requests.recv_timeout(PATIENCE).expect("a request");
    let at = request.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    assert!(text(&request[..at]).contains("Content-Encoding: gzip"));
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&request[at..]).read_to_end(&mut body).expect("gzip");
    assert!(text(&body).contains("squeezed"));
}

// A payload that is refused for good is lost once, and the next one goes.
#[test]
fn refused_payloads_are_counted() {
    let (url, requests) = server(|number| match number {
        0 => b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
    });
    let before = refused();
    let otlp = Otlp::new(&url).expect("an address");
    let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)));
    for name in ["first", "second"] {
        collector.in_scope(|| info_span!("span", name).in_scope(|| ()));
        collector.spans();
        drop(requests.recv_timeout(PATIENCE).expect("a request"));
    }
    drop(collector);
    assert!(refused() > before);
}
