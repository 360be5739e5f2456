//! Log lines and streams that do not take them: nobody else is held up, and every record is accounted for.

use std::io::{Error, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tracing::{info, info_span};
use tundra::testing::{Collector, Memory};
use tundra::{
    Builder, Dropped, ExportError, Exported, Exporter, Guard, JsonLines, Ledger, LogFormat, Undelivered,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// For what cannot come.
const SHORT: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Open,
    Stuck,
    Broken,
    Panics,
    /// Takes a few bytes, and says every other time that it would block.
    Hesitant,
}

struct Told {
    mood: Mood,
    /// Whether somebody writes and is stuck.
    holds: bool,
    hesitates: bool,
    text: Vec<u8>,
}

#[derive(Clone)]
struct Stream(Arc<(Mutex<Told>, Condvar)>);

impl Stream {
    fn new(mood: Mood) -> Self {
        Self(Arc::new((
            Mutex::new(Told { mood, holds: false, hesitates: false, text: Vec::new() }),
            Condvar::new(),
        )))
    }

    fn set(&self, mood: Mood) {
        self.0.0.lock().expect("no panic").mood = mood;
        self.0.1.notify_all();
    }

    /// Waits until a line is in its hands.
    fn holds(&self) {
        wait_until(|| self.0.0.lock().expect("no panic").holds);
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().expect("no panic").text.clone()).expect("text")
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut told = self.0.0.lock().expect("no panic");
        told.holds = told.mood == Mood::Stuck;
        let mut told = self.0.1.wait_while(told, |told| told.mood == Mood::Stuck).expect("no panic");
        told.holds = false;
        let mut len = bytes.len();
        match told.mood {
            Mood::Broken => return Err(ErrorKind::BrokenPipe.into()),
            Mood::Panics => {
                drop(told);
                panic!("a stream");
            }
            Mood::Hesitant => {
                told.hesitates = !told.hesitates;
                if told.hesitates {
                    return Err(Error::from(ErrorKind::WouldBlock));
                }
                len = len.min(1000);
            }
            Mood::Open | Mood::Stuck => {}
        }
        told.text.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn wait_until(done: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
}

struct Fails;

impl Exporter for Fails {
    fn export(&mut self, _: &Exported<'_>) -> Result<(), ExportError> {
        Err(ExportError::new("no"))
    }
}

fn start(stream: &Stream, set: impl FnOnce(Builder) -> Builder) -> (tracing::Dispatch, Guard) {
    let builder = tundra::builder().filter("trace").no_panic_hook().shutdown_deadline(SHORT);
    set(builder.log_output(Box::new(stream.clone()))).build().expect("it can be made")
}

/// The same once nothing is on its way to the collector: the ledger adds up.
fn settled(before: &Ledger) -> (u64, u64, Vec<(Dropped, u64)>, u64) {
    let now = tundra::health().logs;
    assert_eq!(now.created, now.exported + now.dropped_total() + now.waiting);
    since(before)
}

/// What became of log records since: exported, waiting, dropped, undelivered.
fn since(before: &Ledger) -> (u64, u64, Vec<(Dropped, u64)>, u64) {
    let now = tundra::health().logs;
    let dropped: Vec<_> = now
        .dropped
        .iter()
        .map(|(why, count)| (*why, count - before.dropped_for(*why)))
        .filter(|(_, count)| *count > 0)
        .collect();
    (now.exported - before.exported, now.waiting, dropped, now.undelivered - before.undelivered)
}

#[derive(Clone, Copy, Debug)]
enum Beside {
    Nobody,
    Failing,
    Taking,
}

fn beside(builder: Builder, who: Beside) -> Builder {
    match who {
        Beside::Nobody => builder,
        Beside::Failing => builder.exporter(Box::new(Fails)),
        Beside::Taking => builder.exporter(Box::new(Memory::default())),
    }
}

#[test]
fn a_record_is_exported_if_its_line_is_written_or_an_exporter_took_it() {
    crate::alone("console::a_record_is_exported_if_its_line_is_written_or_an_exporter_took_it", || {
        let check = |mood: Mood, who: Beside, exported: u64, dropped: &[(Dropped, u64)], undelivered: u64| {
            let before = tundra::health().logs;
            let stream = Stream::new(mood);
            let (dispatch, guard) = start(&stream, |builder| beside(builder, who));
            tracing::dispatcher::with_default(&dispatch, || (0..10).for_each(|n| info!(n, "line")));
            let flushed = guard.flush(PATIENCE).is_ok();
            let whole = matches!(mood, Mood::Open | Mood::Hesitant);
            assert_eq!(flushed, whole && !matches!(who, Beside::Failing), "{mood:?} {who:?}");
            let expect = (exported, 0, dropped.to_vec(), undelivered);
            assert_eq!(settled(&before), expect, "{mood:?} {who:?}");
            // An exporter that fails is told by a line besides.
            let lines = stream.text().matches("\"message\":\"line\"").count();
            assert_eq!(lines, if whole { 10 } else { 0 });
        };
        let failed = [(Dropped::ExportFailed, 10)];
        for mood in [Mood::Open, Mood::Hesitant] {
            check(mood, Beside::Nobody, 10, &[], 0);
            check(mood, Beside::Failing, 10, &[], 0);
            check(mood, Beside::Taking, 10, &[], 0);
        }
        for mood in [Mood::Broken, Mood::Panics] {
            check(mood, Beside::Nobody, 0, &failed, 0);
            check(mood, Beside::Failing, 0, &failed, 0);
            check(mood, Beside::Taking, 10, &[], 10);
        }
    });
}

// A full pipe, or a program that holds standard output's lock.
#[test]
fn a_stream_that_is_stuck_holds_nobody_up() {
    crate::alone("console::a_stream_that_is_stuck_holds_nobody_up", || {
        let (console, lines) = (Stream::new(Mood::Stuck), Stream::new(Mood::Stuck));
        let memory = Memory::default();
        let (dispatch, guard) = start(&console, |builder| {
            builder
                .exporter(Box::new(JsonLines::writer(Box::new(lines.clone()))))
                .exporter(Box::new(memory.clone()))
        });
        let work =
            || tracing::dispatcher::with_default(&dispatch, || info_span!("s").in_scope(|| info!("x")));
        for round in 1..=3 {
            work();
            assert!(guard.flush(SHORT).is_err());
            let until = Instant::now() + PATIENCE;
            while memory.0.lock().expect("no panic").logs.len() < round && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
            let records = memory.0.lock().expect("no panic");
            assert_eq!((records.spans.len(), records.logs.len()), (round, round));
        }
        // What is late comes after all, in order; a flush that waits long enough waits for it.
        let letting_go = std::thread::spawn({
            let (console, lines) = (console.clone(), lines.clone());
            move || {
                std::thread::sleep(SHORT);
                console.set(Mood::Open);
                lines.set(Mood::Open);
            }
        });
        work();
        guard.flush(PATIENCE).expect("it works");
        letting_go.join().expect("no panic");
        assert_eq!(console.text().lines().count(), 4);
        assert_eq!(lines.text().matches("\"traceId\"").count(), 8);
        // The end waits for nobody longer than it may.
        console.set(Mood::Stuck);
        lines.set(Mood::Stuck);
        work();
        drop(guard);
        let health = tundra::health();
        assert_eq!((health.spans.exported, health.spans.waiting), (5, 0));
        assert_eq!((health.logs.exported, health.logs.waiting), (5, 0));
    });
}

#[test]
fn lines_without_room_are_counted() {
    crate::alone("console::lines_without_room_are_counted", || {
        let check = |who: Beside| {
            let before = tundra::health().logs;
            let stream = Stream::new(Mood::Stuck);
            let (dispatch, guard) = start(&stream, |builder| beside(builder, who));
            let long = "x".repeat(10_000);
            tracing::dispatcher::with_default(&dispatch, || (0..2000).for_each(|n| info!(n, long, "line")));
            let until = Instant::now() + PATIENCE;
            let lost_so_far = || {
                let (_, _, dropped, undelivered) = since(&before);
                dropped.iter().map(|(_, count)| count).sum::<u64>() + undelivered
            };
            while lost_so_far() < 500 && Instant::now() < until {
                std::thread::sleep(SHORT);
            }
            stream.set(Mood::Open);
            let _ = guard.flush(PATIENCE);
            let (exported, waiting, dropped, undelivered) = settled(&before);
            let written = stream.text().lines().count() as u64;
            let lost = lost_so_far();
            assert!(written > 500 && lost > 500, "{written} {lost}");
            assert_eq!((waiting, written + lost), (0, 2000));
            match who {
                Beside::Taking => assert_eq!((exported, dropped), (2000, vec![])),
                _ => assert_eq!((exported, dropped), (written, vec![(Dropped::ConsoleFull, lost)])),
            }
            assert_eq!(undelivered, if matches!(who, Beside::Taking) { lost } else { 0 });
        };
        check(Beside::Nobody);
        check(Beside::Taking);
        let reasons = tundra::health().logs.undelivered_for;
        assert!(matches!(reasons[..], [(Undelivered::OutboxFull, _)]), "{reasons:?}");
    });
}

// Lines that the end comes before are lost with a reason, whoever is stuck.
#[test]
fn the_end_waits_for_lines_until_its_deadline() {
    crate::alone("console::the_end_waits_for_lines_until_its_deadline", || {
        let check = |first: Mood, exported: u64| {
            let (before, is_stuck) = (tundra::health().logs, first == Mood::Stuck);
            let stream = Stream::new(first);
            let deadline = if is_stuck { SHORT } else { PATIENCE };
            let (dispatch, guard) = start(&stream, |builder| builder.shutdown_deadline(deadline));
            tracing::dispatcher::with_default(&dispatch, || info!("first"));
            let _ = guard.flush(deadline);
            if is_stuck {
                stream.holds();
            }
            tracing::dispatcher::with_default(&dispatch, || info!("second"));
            drop(guard);
            if is_stuck {
                wait_until(|| !since(&before).2.is_empty());
            }
            stream.set(Mood::Open);
            wait_until(|| tundra::health().logs.waiting == 0);
            let (found, waiting, dropped, _) = settled(&before);
            let lost = if exported == 2 { vec![] } else { vec![(Dropped::Shutdown, 2 - exported)] };
            assert_eq!((found, waiting, dropped), (exported, 0, lost), "{first:?}");
        };
        check(Mood::Open, 2);
        // The first line was in the stream's hands.
        check(Mood::Stuck, 1);
    });
}

// A forked child goes on with the console; one that is stuck at that moment stays the parent's.
#[cfg(unix)]
#[test]
fn forked_children_have_lines_of_their_own() {
    crate::alone("console::forked_children_have_lines_of_their_own", || {
        let stream = Stream::new(Mood::Open);
        let (dispatch, guard) = start(&stream, |builder| builder);
        let say = |what: &str| tracing::dispatcher::with_default(&dispatch, || info!(what, "line"));
        let flushed = |patience| guard.flush(patience).is_ok();
        say("parent");
        assert!(flushed(PATIENCE));
        let child = || {
            say("child");
            let lines = flushed(PATIENCE) && stream.text().lines().count() == 2;
            lines && settled(&Ledger::default()) == (1, 0, vec![], 0)
        };
        assert!(crate::hazards::fork(child));
        assert!(crate::hazards::fork(|| crate::hazards::fork(child)));
        stream.set(Mood::Stuck);
        say("stuck");
        assert!(!flushed(SHORT));
        stream.holds();
        let silent = || {
            say("child");
            !flushed(PATIENCE) && settled(&Ledger::default()) == (0, 0, vec![(Dropped::Forked, 1)], 0)
        };
        assert!(crate::hazards::fork(silent));
        stream.set(Mood::Open);
        assert!(flushed(PATIENCE));
        assert_eq!(stream.text().lines().count(), 2);
    });
}

// A child opens the file for itself: the parent's may have been put aside.
#[cfg(unix)]
#[test]
fn forked_children_write_the_same_file() {
    crate::alone("console::forked_children_write_the_same_file", || {
        let path = std::env::temp_dir().join(format!("tundra-forked-{}.jsonl", std::process::id()));
        let aside = path.with_extension("aside");
        let (dispatch, guard) = start(&Stream::new(Mood::Open), |builder| {
            builder.no_log_output().exporter(Box::new(JsonLines::file(&path)))
        });
        let say = |what: &'static str| {
            tracing::dispatcher::with_default(&dispatch, || info_span!("said", what).in_scope(|| ()));
            guard.flush(PATIENCE).is_ok()
        };
        assert!(say("parent_first"));
        assert!(crate::hazards::fork(|| say("child_first")));
        std::fs::rename(&path, &aside).expect("it is there");
        assert!(crate::hazards::fork(|| say("child_second")));
        assert!(say("parent_second"));
        let said = |path: &std::path::Path| {
            let text = std::fs::read_to_string(path).expect("text");
            let whole = |line| serde_json::from_str::<serde_json::Value>(line).is_ok();
            assert!(text.ends_with('\n') && text.lines().all(whole), "{text}");
            let all = ["parent_first", "child_first", "child_second", "parent_second"];
            all.into_iter().filter(|what| text.matches(what).count() == 1).collect::<Vec<_>>()
        };
        assert_eq!(said(&aside), ["parent_first", "child_first", "parent_second"]);
        assert_eq!(said(&path), ["child_second"]);
        let _ = (std::fs::remove_file(&path), std::fs::remove_file(&aside));
    });
}

/// The only line that is written meanwhile.
fn line(format: LogFormat, set: impl Fn(Builder) -> Builder, work: impl FnOnce()) -> String {
    let collector = Collector::with(|builder| set(builder).log_format(format));
    collector.in_scope(work);
    let lines = collector.lines();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    lines
}

#[test]
fn a_json_line_has_each_key_once() {
    let check = |set: &dyn Fn(Builder) -> Builder, work: &dyn Fn(), expect: &[&str]| {
        let line = line(LogFormat::Json, set, work);
        let parsed: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        for (key, value) in parsed.as_object().expect("an object") {
            let said = format!("\"{key}\":");
            assert_eq!(line.matches(&said).count(), 1, "{key} {value} {line}");
        }
        expect.iter().for_each(|part| assert!(line.contains(part), "{part} {line}"));
    };
    let plain = |builder: Builder| builder;
    let shop = |builder: Builder| builder.service("shop").env("test").version("1.2");
    check(
        &plain,
        &|| info!(timestamp = 5, level = 3, message = 7, "x"),
        &["\"fields.timestamp\":5", "\"fields.level\":3"],
    );
    check(
        &shop,
        &|| info!(service = "a", env = "b", version = "c", name = "d"),
        &["\"fields.service\":\"a\"", "\"fields.env\":\"b\"", "\"fields.version\":\"c\"", "\"name\":\"d\""],
    );
    // What the line does not say itself keeps its name.
    check(&plain, &|| info!(version = "c", dd.version = 1), &["\"version\":\"c\"", "\"dd.version\":1"]);
    check(
        &plain,
        &|| {
            info_span!("s").in_scope(|| {
                info!(trace_id = 1, span_id = 2, dd.trace_id = 3, dd.span_id = 4, "x");
            });
        },
        &[
            "\"fields.trace_id\":1",
            "\"fields.span_id\":2",
            "\"fields.dd.trace_id\":3",
            "\"fields.dd.span_id\":4",
        ],
    );
    check(
        &plain,
        &|| info!(target: "own", target = "given", "x"),
        &["\"target\":\"own\"", "\"fields.target\":\"given\""],
    );
    check(
        &plain,
        &|| info!(nan = f64::NAN, up = f64::INFINITY, down = f64::NEG_INFINITY, half = 0.5, "x"),
        &["\"nan\":\"NaN\"", "\"up\":\"Infinity\"", "\"down\":\"-Infinity\"", "\"half\":0.5"],
    );
}

#[test]
fn a_plain_line_shows_what_it_says() {
    let hostile = "a\u{7f}b\u{9b}31mc\u{202e}d\u{2069}e\u{1b}f\ng\th";
    let check = |work: &dyn Fn(), expect: &str| {
        for format in [LogFormat::Plain, LogFormat::Pretty] {
            let line = line(format, |builder| builder, work);
            let bad = |c: &char| {
                ('\u{7f}'..'\u{a0}').contains(c) || "\u{202a}\u{202e}\u{2066}\u{2069}".contains(*c)
            };
            assert_eq!(line.chars().find(bad), None, "{line:?}");
            assert!(line.contains(expect), "{line:?}");
        }
    };
    check(&|| info!("{hostile}"), "a b 31mc d e f g\th");
    check(&|| info!(text = hostile, "x"), "\"a b 31mc d e\\u001bf\\ng\\th\"");
    check(&|| info!(list = ?[hostile], "x"), "a");
    check(&|| info!(target: "own\u{202e}", target = "given\u{9b}", "x"), "own ");
}

// As `#[instrument(err)]` tells it: the error is the message, and stands there once.
#[test]
fn an_error_alone_is_said_once() {
    let check = |work: &dyn Fn(), expect: &str| {
        let line = line(LogFormat::Plain, |builder| builder, work);
        assert!(line.trim_end().ends_with(expect), "{line:?}");
    };
    check(&|| tracing::error!(error = "no row 7"), "it::console: no row 7");
    check(
        &|| tracing::error!(error = "no row 7", "query failed"),
        "it::console: query failed exception.message=\"no row 7\"",
    );
}
