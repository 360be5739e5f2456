//! How programs begin and end wrongly: what they are told, and what is delivered all the same.

use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tracing::{info, info_span};
use tundra::{ExportError, Exported, Exporter, JsonLines};

const CASE: &str = "TUNDRA_IT_CASE";
const FILE: &str = "TUNDRA_IT_FILE";

/// A file for that process, which is nobody else's: tests of several builds run at once.
fn file(case: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tundra-endings-{}-{case}.jsonl", std::process::id()))
}

/// Runs a case of a test in a process of its own, which may end as it likes; nothing in that process itself.
fn ended(test: &str, case: &str, body: impl Fn(&str)) -> Option<Output> {
    if std::env::var(crate::ALONE).is_ok_and(|name| name == test) {
        body(&std::env::var(CASE).expect("the parent says which"));
        return None;
    }
    let program = std::env::current_exe().expect("a test has a program");
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture"]).env(crate::ALONE, test).env(CASE, case);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1").env(FILE, file(case));
    Some(command.output().expect("the test program starts"))
}

// `fn main() -> Result<(), tundra::Error>` shows an error by its `Debug`.
#[test]
fn errors_of_main_say_what_to_do() {
    let check = |error: tundra::Error, expect: &str| {
        let shown = format!("{error:?}");
        assert!(shown == error.to_string() && shown.contains(expect), "{shown}");
    };
    let refused = |builder: tundra::Builder| builder.build().expect_err("it cannot be made");
    check(refused(tundra::builder().filter("loud")), "`loud` is no level: use off, error");
    check(refused(tundra::builder().sampling_rules("[{]")), "write `[{\"service\": ");
    crate::alone("endings::errors_of_main_say_what_to_do", || {
        let _first = tundra::builder().no_log_output().install().expect("the first one");
        let error = tundra::builder().no_log_output().install().expect_err("there is one");
        check(error, "add `tundra::layer()` (feature `layer`) to your `Registry`");
    });
}

/// A program that ends without dropping its guard.
fn leaves(case: &str) {
    static KEPT: OnceLock<tundra::Guard> = OnceLock::new();
    let builder = tundra::builder().shutdown_deadline(Duration::from_secs(3600));
    let builder = match case {
        "from an exporter" => builder.exporter(Box::new(Exits)),
        "from a stream" => builder.log_output(Box::new(Exits)),
        _ => builder
            .exporter(Box::new(JsonLines::file(std::env::var_os(FILE).expect("the parent says which")))),
    };
    let guard = builder.install().expect("the first one");
    info_span!("last").in_scope(|| info!("last words"));
    match case {
        // Most children only exit; one that records exports its own, and what was the parent's stays so.
        #[cfg(unix)]
        "in the parent" => {
            child(|| true);
            // One that was forked while the collector was at work is silent.
            while !child(|| tundra::SpanExt::ids(&info_span!("child")).is_some()) {}
            std::process::exit(7);
        }
        "static" => assert!(KEPT.set(guard).is_ok()),
        "forgotten" => std::mem::forget(guard),
        "thread" => drop(std::thread::spawn(|| std::process::exit(7)).join()),
        "within a record" => info!(value = ?Exits, "never told"),
        "at a thread's end" => {
            std::thread::spawn(|| LAST.with(|_| info_span!("not the last").in_scope(|| ())))
                .join()
                .expect("it ends all");
        }
        "from an exporter" | "from a stream" => drop(guard),
        "with standard output" => {
            let _held = std::io::stdout().lock();
            std::process::exit(7);
        }
        _ => std::process::exit(7),
    }
}

/// Whether a forked child that does this and exits says that it worked.
#[cfg(unix)]
fn child(work: fn() -> bool) -> bool {
    let mut status = 0;
    // SAFETY: the child records, if anything, and exits; `status` is ours.
    #[expect(unsafe_code, reason = "there is no other way to fork")]
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            std::process::exit(i32::from(!work()));
        }
        libc::waitpid(pid, &raw mut status, 0);
    }
    status == 0
}

/// Ends the process on a thread of ours, or in the midst of something.
struct Exits;

thread_local! {
    static LAST: Exits = const { Exits };
}

impl Drop for Exits {
    fn drop(&mut self) {
        // Others are dropped with what holds them.
        if std::thread::current().name().is_none() {
            std::process::exit(7);
        }
    }
}

impl fmt::Debug for Exits {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::process::exit(7);
    }
}

impl Exporter for Exits {
    fn export(&mut self, _: &Exported<'_>) -> Result<(), ExportError> {
        std::process::exit(7);
    }
}

impl Write for Exits {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        std::process::exit(7);
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_was_recorded_is_handed_over_at_exit() {
    let cases = [
        ("exit", 7),
        ("thread", 7),
        ("static", 0),
        ("forgotten", 0),
        ("within a record", 7),
        ("at a thread's end", 7),
        ("in the parent", 7),
    ];
    for (case, code) in cases {
        let Some(output) = ended("endings::what_was_recorded_is_handed_over_at_exit", case, leaves) else {
            return;
        };
        let lines = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            (output.status.code(), lines.matches("last words").count()),
            (Some(code), 1),
            "{case}: {lines}"
        );
        let exported = std::fs::read_to_string(file(case)).unwrap_or_default();
        assert_eq!(exported.matches("\"name\":\"last\"").count(), 1, "{case}: {exported}");
        let of_child = usize::from(case == "in the parent" && cfg!(unix));
        assert_eq!(exported.matches("\"name\":\"child\"").count(), of_child, "{case}: {exported}");
        let _ = std::fs::remove_file(file(case));
    }
}

// Each of them would last for the hour that a guard has.
#[test]
fn nobody_waits_at_exit_for_what_cannot_come() {
    for (case, exported) in [("from an exporter", 0), ("from a stream", 0), ("with standard output", 1)] {
        let Some(output) = ended("endings::nobody_waits_at_exit_for_what_cannot_come", case, leaves) else {
            return;
        };
        assert_eq!(output.status.code(), Some(7), "{case}: {output:?}");
        let found = std::fs::read_to_string(file(case)).unwrap_or_default();
        assert_eq!(found.matches("\"name\":\"last\"").count(), exported, "{case}: {found}");
        let _ = std::fs::remove_file(file(case));
    }
}

// Who wants to wait for ever says so, and nothing overflows: neither here nor on the threads that export.
#[test]
fn times_without_end() {
    let (url, _) = server(|_| OK);
    let collector = tundra::testing::Collector::with(|builder| {
        let otlp = tundra::Otlp::new(&url).expect("an address").timeout(Duration::MAX);
        builder.exporter(Box::new(otlp)).export_every(Duration::MAX).shutdown_deadline(Duration::MAX)
    });
    for _ in 0..2 {
        collector.in_scope(|| info_span!("s").in_scope(|| ()));
        collector.guard().flush(Duration::MAX).expect("it is taken");
    }
    assert_eq!(collector.spans().len(), 2);
}

/// Programs that drop their guard at once, or do not.
fn drops(case: &str) {
    let start = || tundra::builder().no_log_output().install().expect("the first one");
    match case {
        "at once" => {
            let _ = start();
            (0..3).for_each(|_| info_span!("work").in_scope(|| info!("working")));
        }
        "with nothing to tell" => drop(start()),
        // As a worker that outlives `main` might, where errors alone are wanted.
        "with nothing that is wanted" => {
            let builder = tundra::builder().no_log_output().filter("error");
            drop(builder.install().expect("the first one"));
            info_span!("later").in_scope(|| info!("later"));
        }
        _ => {
            let guard = start();
            info_span!("work").in_scope(|| info!("working"));
            drop(guard);
            info_span!("later").in_scope(|| info!("later"));
        }
    }
}

#[test]
fn a_guard_that_nobody_keeps_is_told() {
    let cases =
        [("at once", 1), ("with nothing to tell", 0), ("with nothing that is wanted", 0), ("at the end", 0)];
    for (case, told) in cases {
        let Some(output) = ended("endings::a_guard_that_nobody_keeps_is_told", case, drops) else { return };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{case}: {said}");
        assert_eq!(said.matches("keep it in `main`, as in `let _tundra = ").count(), told, "{case}: {said}");
    }
}

// The stack has a layer for lines already, and each would be there twice.
#[cfg(feature = "layer")]
#[test]
fn a_layer_leaves_lines_to_its_neighbors() {
    use tracing_subscriber::prelude::*;
    let run = |case: &str| {
        let (layer, guard) = match case {
            "usual" => tundra::layer().expect("it can be made"),
            _ => tundra::builder().layer().expect("it can be made"),
        };
        tracing_subscriber::registry().with(layer).try_init().expect("the first one");
        info!("said");
        drop(guard);
    };
    for (case, lines) in [("usual", 0), ("by the builder", 1)] {
        let Some(output) = ended("endings::a_layer_leaves_lines_to_its_neighbors", case, run) else { return };
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.matches("\"message\":\"said\"").count(), lines, "{case}: {said}");
    }
}

/// A server that answers by path; gives its address, and how many requests it has refused.
fn server(answer: fn(&str) -> &'static str) -> (String, Arc<AtomicUsize>) {
    use std::io::Read;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let count = Arc::new(AtomicUsize::new(0));
    let refused = Arc::clone(&count);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 65_536];
            let len = stream.read(&mut request).unwrap_or_default();
            let head = String::from_utf8_lossy(&request[..len]).into_owned();
            let answer = answer(head.split(' ').nth(1).unwrap_or_default());
            let _ = stream.write_all(answer.as_bytes());
            refused.fetch_add(usize::from(answer == LOST), Relaxed);
        }
    });
    (format!("http://{address}"), count)
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const LOST: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

// A program whose target is wrong or away is told, once, and whatever it shows of itself.
#[test]
fn targets_that_take_nothing_are_told() {
    let away = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("bound"))
    };
    let lost = "it answers with status 404; is this its address?";
    let check = |url: &str, expect: &[(&str, &str)]| {
        let target = || -> Box<dyn Exporter> {
            if !url.starts_with("http") {
                return Box::new(JsonLines::file(url));
            }
            Box::new(tundra::Otlp::new(url).expect("an address"))
        };
        let (lines, sent) = (Lines::default(), Box::new(tundra::testing::Memory::default()));
        let builder = tundra::builder().log_output(Box::new(lines.clone())).exporter(target()).exporter(sent);
        let (dispatch, guard) = builder.build().expect("it can be made");
        let tell = || (0..3).for_each(|_| info_span!("work").in_scope(|| info!("working")));
        tracing::dispatcher::with_default(&dispatch, tell);
        // Files are written on a thread of their own, which the end does not wait for before it tells.
        let _ = guard.flush(PATIENCE);
        drop(guard);
        let lines = lines.text();
        assert_eq!(lines.lines().count(), 3 + expect.len(), "{lines}");
        let found: Vec<_> =
            tundra::health().failures.into_iter().filter(|text| text.contains(&format!("`{url}`"))).collect();
        assert_eq!(found.len(), expect.len(), "{found:?}");
        for (of, why) in expect {
            let told = format!("`{url}` does not take what is sent{of}: ");
            let is = |text: &str| text.contains(&told) && text.contains(why);
            assert!(lines.lines().filter(|line| is(line)).count() == 1, "{lines}");
            assert!(found.iter().any(|text| is(text)), "{found:?}");
        }
    };
    check(&away, &[("", "; is it running?")]);
    check(&server(|_| "I am none\r\n\r\n").0, &[("", "; are address and port right?")]);
    // Of metrics there are those of other tests.
    check(
        &server(|path| if path == "/v1/metrics" { OK } else { LOST }).0,
        &[(" to `/v1/traces`", lost), (" to `/v1/logs`", lost)],
    );
    check(&server(|_| BUSY).0, &[]);
    check("/nowhere/at/all", &[("", "No such file or directory")]);
}

// Such as those that take traces and nothing else.
#[test]
fn a_target_that_takes_some_signals_is_told_once() {
    let (url, refused) = server(|path| if path == "/v1/logs" { LOST } else { OK });
    let otlp = tundra::Otlp::new(&url).expect("an address");
    let lines = Lines::default();
    let builder = tundra::builder().log_output(Box::new(lines.clone())).exporter(Box::new(otlp));
    let (dispatch, guard) = builder.build().expect("it can be made");
    for round in 1..=5 {
        tracing::dispatcher::with_default(&dispatch, || info_span!("work").in_scope(|| info!("working")));
        guard.flush(PATIENCE).expect("everything is handed over");
        let until = Instant::now() + PATIENCE;
        let is_known = || tundra::health().failures.iter().any(|text| text.contains(&url));
        while (refused.load(Relaxed) < round || !is_known()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    drop(guard);
    let lines = lines.text();
    assert_eq!(lines.matches("does not take what is sent to `/v1/logs`: ").count(), 1, "{lines}");
    assert_eq!(lines.lines().count(), 6, "{lines}");
}

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
