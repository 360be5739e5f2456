//! The shapes that programs have: every kind of runtime, processes that are stopped and aborted, clocks that jump, agents
//! that misbehave, and a million random sequences of calls, through both doors, with a ledger that adds up.

use crate::ALONE;
use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};
use tracing::instrument::{Instrument, WithSubscriber};
use tracing::{Dispatch, Span, error, info, info_span};
use tundra::testing::{Clock, Collector};
use tundra::{DatadogAgent, ExportError, Exported, Exporter, Otlp, SpanExt};

/// Pending a few times, waking itself.
struct Pauses(u32);

impl Future for Pauses {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

async fn step() {
    let inner = async {
        Pauses(2).await;
        info!("pausing");
        Pauses(1).await;
    };
    inner.instrument(info_span!("inner")).await;
}

/// Five tasks in two ways, each with a child; as futures of one task, or spawned.
async fn tasks(spawned: bool) {
    let mut all: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::new();
    for _ in 0..5 {
        let task = step().instrument(info_span!("task")).with_current_subscriber();
        all.push(if spawned {
            let handle = tokio::spawn(task);
            Box::pin(async { handle.await.expect("no panic") })
        } else {
            Box::pin(task)
        });
    }
    for one in all {
        one.await;
    }
}

fn current_thread() -> Runtime {
    RuntimeBuilder::new_current_thread().enable_all().build().expect("a runtime")
}

fn multi_thread() -> Runtime {
    RuntimeBuilder::new_multi_thread().worker_threads(3).enable_all().build().expect("a runtime")
}

/// Polls until done, without any runtime.
fn plainly<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(std::task::Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

type Shape = (&'static str, fn(Collector));

/// In this shape the tasks run, their trees are whole, and the guard is dropped where the shape has it.
const SHAPES: [Shape; 8] = [
    ("none", |collector| {
        collector.in_scope(|| plainly(tasks(false).instrument(info_span!("root"))));
        check_tree(collector);
    }),
    ("current thread", |collector| {
        collector.in_scope(|| current_thread().block_on(tasks(true).instrument(info_span!("root"))));
        check_tree(collector);
    }),
    ("multi thread", |collector| {
        collector.in_scope(|| multi_thread().block_on(tasks(true).instrument(info_span!("root"))));
        check_tree(collector);
    }),
    ("inside block_on", |collector| {
        current_thread().block_on(async {
            let dispatch = collector.dispatch();
            let root = tracing::dispatcher::with_default(&dispatch, || info_span!("root"));
            tasks(true).instrument(root).with_subscriber(dispatch).await;
            check_tree(collector);
        });
    }),
    ("inside a worker", |collector| {
        let work = async {
            let dispatch = collector.dispatch();
            let root = tracing::dispatcher::with_default(&dispatch, || info_span!("root"));
            tasks(true).instrument(root).with_subscriber(dispatch).await;
            check_tree(collector);
        };
        multi_thread().block_on(async { tokio::spawn(work).await }).expect("no panic");
    }),
    ("blocking thread", |collector| {
        let work = || {
            collector.in_scope(|| plainly(tasks(false).instrument(info_span!("root"))));
            check_tree(collector);
        };
        multi_thread().block_on(async { tokio::task::spawn_blocking(work).await }).expect("no panic");
    }),
    ("local tasks", |collector| {
        let local = tokio::task::LocalSet::new();
        collector.in_scope(|| {
            let root = info_span!("root");
            let work = async {
                for _ in 0..5 {
                    let task = step().instrument(info_span!("task")).with_current_subscriber();
                    tokio::task::spawn_local(task).await.expect("no panic");
                }
            };
            current_thread().block_on(local.run_until(work.instrument(root)));
        });
        check_tree(collector);
    }),
    ("dropped runtime", |collector| {
        let runtime = multi_thread();
        collector.in_scope(|| runtime.block_on(tasks(true).instrument(info_span!("root"))));
        // These never end: the runtime's end ends their spans, wherever it drops them.
        for _ in 0..50 {
            let task = std::future::pending::<()>()
                .instrument(collector.in_scope(|| info_span!(parent: None, "pending")));
            runtime.spawn(task.with_subscriber(collector.dispatch()));
        }
        drop(runtime);
        assert_eq!(collector.spans().iter().filter(|span| span.name == "pending").count(), 50);
        check_tree(collector);
    }),
];

fn check_tree(collector: Collector) {
    let spans = collector.spans();
    let named = |name: &'static str| spans.iter().filter(move |span| span.name == name);
    let root = named("root")
        .next()
        .unwrap_or_else(|| panic!("no root: {} {:?}", collector.tree(), tundra::health()));
    assert_eq!((named("task").count(), named("inner").count()), (5, 5), "{}", collector.tree());
    for task in named("task") {
        assert_eq!((task.parent_id, task.trace_id), (Some(root.span_id), root.trace_id));
        assert_eq!(named("inner").filter(|inner| inner.parent_id == Some(task.span_id)).count(), 1);
    }
    let logs = collector.logs();
    assert_eq!(logs.len(), 5);
    let inside =
        |log: &tundra_record::LogRecord<'_>| named("inner").any(|span| log.span_id == Some(span.span_id));
    assert!(logs.iter().all(inside));
    drop(collector);
}

#[test]
fn every_runtime_shape() {
    for (name, shape) in SHAPES {
        let done = std::panic::catch_unwind(|| shape(Collector::new()));
        assert!(done.is_ok(), "shape: {name}");
    }
}

// A process for each, with the subscriber for all of it: a `Registry` lets go of parents through the thread's default.
#[test]
fn every_runtime_shape_of_a_whole_process() {
    const NAME: &str = "shapes::every_runtime_shape_of_a_whole_process";
    const SHAPE: &str = "TUNDRA_IT_SHAPE";
    if is_alone(NAME) {
        let wanted = std::env::var(SHAPE).expect("the parent says which");
        let (door, wanted) = wanted.split_once(' ').expect("a number and a name");
        let collector = crate::doors().swap_remove(door.parse().expect("a number"));
        tracing::dispatcher::set_global_default(collector.dispatch()).expect("the first one");
        let (_, shape) = SHAPES.into_iter().find(|(name, _)| *name == wanted).expect("there is such a shape");
        return shape(collector);
    }
    for (name, _) in SHAPES {
        for door in 0..crate::doors().len() {
            let output =
                alone_command(NAME).env(SHAPE, format!("{door} {name}")).output().expect("it starts");
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}, door {door}: {text}");
        }
    }
}

// The last of many recorders may come after the end; until then every value is one that somebody recorded.
#[test]
fn recorded_from_many_threads_while_it_ends() {
    for collector in crate::doors() {
        for round in 0..200 {
            let span = collector.in_scope(|| info_span!("s", round, n = tracing::field::Empty));
            thread::scope(|scope| {
                for thread in 1..4_u64 {
                    let span = span.clone();
                    scope.spawn(move || {
                        span.record("n", thread * 100);
                        span.set_attribute("late", format!("{thread}{}", "x".repeat(300)));
                        span.record("n", thread * 100 + 1);
                    });
                }
                drop(span);
            });
        }
        let spans = collector.spans();
        assert_eq!(spans.len(), 200);
        for span in &spans {
            let n: u64 = tundra::testing::attr(span, "n").and_then(|n| n.parse().ok()).expect("recorded");
            assert!([101, 201, 301].contains(&n), "the last value of a thread: {n}");
            assert!(tundra::testing::attr(span, "late").is_some_and(|late| late.len() == 301));
        }
    }
}

#[test]
fn a_clock_that_jumps() {
    for jump in [Duration::from_secs(315_360_000), Duration::from_secs(u64::MAX / 4), Duration::ZERO] {
        let clock = Clock::at(1_700_000_000_000_000_000);
        let collector = Collector::with_clock(clock);
        collector.in_scope(|| {
            let outer = info_span!("outer").entered();
            info_span!("before").in_scope(|| ());
            clock.advance(jump);
            info!("after");
            info_span!("after").in_scope(|| ());
            drop(outer);
        });
        let span = |name| collector.span(name).expect("recorded");
        let expect = i64::try_from(jump.as_nanos()).unwrap_or(i64::MAX - 1_700_000_000_000_000_000);
        let late = 1_700_000_000_000_000_000_i64.saturating_add(expect);
        assert_eq!((span("before").start.0, span("before").duration), (1_700_000_000_000_000_000, 0));
        assert_eq!((span("after").start.0, span("after").duration), (late, 0));
        assert_eq!(span("outer").duration, late - 1_700_000_000_000_000_000);
        assert_eq!(collector.logs()[0].time.0, late);
    }
}

/// A test of this binary in a process of its own.
fn alone_command(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test has a program"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ALONE, test);
    command
}

/// The same with pipes.
fn child(test: &str) -> Child {
    alone_command(test)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the test program starts")
}

fn is_alone(test: &str) -> bool {
    std::env::var(ALONE).is_ok_and(|name| name == test)
}

fn wait_for(lines: &mut impl BufRead, word: &str) {
    let mut seen = String::new();
    while lines.read_line(&mut seen).is_ok_and(|read| read > 0) {
        if seen.lines().last().is_some_and(|line| line.ends_with(word)) {
            return;
        }
    }
    panic!("`{word}` never came: {seen}");
}

/// For how long the process is stopped.
const STOPPED: Duration = Duration::from_millis(300);

// A stopped process goes on as if nothing had been: no record is lost, and time went on.
#[cfg(target_os = "linux")]
#[test]
fn a_suspended_process() {
    const NAME: &str = "shapes::a_suspended_process";
    if is_alone(NAME) {
        return suspended_child();
    }
    let mut child = child(NAME);
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    wait_for(&mut lines, "ready");
    let pid = i32::try_from(child.id()).expect("a process id");
    #[expect(unsafe_code, reason = "sending a signal has no safe form")]
    let signal = |number| {
        // SAFETY: the child was not waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(pid, number) }, 0);
    };
    signal(libc::SIGSTOP);
    let stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
    };
    while !stopped() {
        thread::yield_now();
    }
    // Not to wait for something: so that time passes.
    thread::sleep(STOPPED);
    signal(libc::SIGCONT);
    child.stdin.take().expect("piped").write_all(b"go on\n").expect("it listens");
    let mut rest = String::new();
    let _ = lines.read_to_string(&mut rest);
    assert!(child.wait().is_ok_and(|status| status.success()), "{rest}");
}

#[cfg(target_os = "linux")]
fn suspended_child() {
    let (records, guard) = crate::global();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    info_span!("busy").in_scope(|| info!("busy"));
                    thread::sleep(Duration::from_micros(100));
                }
            });
        }
        let across = info_span!("across").entered();
        let before = std::time::Instant::now();
        writeln!(std::io::stdout(), "ready").expect("the parent reads");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).expect("the parent writes");
        drop(across);
        let took = before.elapsed();
        stop.store(true, Relaxed);
        assert!(took >= STOPPED);
    });
    guard.flush(Duration::from_secs(30)).expect("it works again");
    let spans = tundra::health().spans;
    let records = records.lock().expect("no panic");
    assert_eq!((spans.created, spans.exported), (records.spans.len() as u64, records.spans.len() as u64));
    let across = records.spans.iter().find(|span| span.name == "across").expect("recorded");
    // Time went on while it was stopped; how exact the clock is, its own tests say.
    assert!(across.duration >= STOPPED.as_nanos() as i64 / 2, "{}", across.duration);
    let end = across.start.0 + across.duration;
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as i64;
    // It ended about now: to the second for the clock, to the minute for a busy machine.
    assert!(end <= now + 1_000_000_000 && now - end < 60_000_000_000, "{end} at {now}");
}

/// What an agent does with a connection.
type Manners = fn(&mut TcpStream);

fn forever(stream: &mut TcpStream, piece: &[u8]) {
    while stream.write_all(piece).is_ok() {}
}

const MANNERS: [(&str, Manners); 12] = [
    ("closes", |_| ()),
    ("silent", |stream| drop(stream.read_to_end(&mut Vec::new()))),
    ("garbage", |stream| forever(stream, &[0xff, 0, 0x80, b'\n', b'\r'])),
    ("endless head", |stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        forever(stream, b"x-more: and more and more and more\r\n");
    }),
    ("10 GB", |stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n");
        forever(stream, &[b'{'; 65_536]);
    }),
    ("endless chunks", |stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        forever(stream, b"8\r\n{\"rate_b\r\n");
    }),
    ("a length that lies", |stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: -7\r\n\r\n{}");
    }),
    ("no length there is", |stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999999\r\n\r\n");
    }),
    ("interim answers", |stream| forever(stream, b"HTTP/1.1 100 Continue\r\n\r\n")),
    ("elsewhere", |stream| {
        let _ = stream
            .write_all(b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
    }),
    ("a byte at a time", |stream| {
        for byte in
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{".iter().cycle()
        {
            thread::sleep(Duration::from_millis(5));
            if stream.write_all(&[*byte]).is_err() {
                break;
            }
        }
    }),
    ("wrong types", |stream| {
        let body = br#"{"rate_by_service": [1e999, {"": null}], "endpoints": 7, "client_drop_p0s": "yes"}"#;
        let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        let _ = stream.write_all(body);
    }),
];

/// An agent with bad manners; gives its address.
fn agent(manners: Manners) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // Whatever was asked: some of it has to be read, else the answer is lost with the connection.
                let _ = stream.read(&mut [0; 65_536]);
                manners(&mut stream);
            });
        }
    });
    format!("http://{address}")
}

// The application is not held up, and every record is accounted for, whatever comes back.
#[test]
fn agents_without_manners() {
    crate::alone("shapes::agents_without_manners", || {
        thread::scope(|scope| {
            for (name, manners) in MANNERS {
                for door in 0..crate::doors().len() {
                    scope.spawn(move || {
                        let url = agent(manners);
                        let collector = crate::doors_with(|builder| {
                            builder
                                .exporter(Box::new(DatadogAgent::new(&url).expect("an address")))
                                .exporter(Box::new(Otlp::new(&url).expect("an address")))
                                .shutdown_deadline(Duration::from_millis(700))
                        })
                        .swap_remove(door);
                        for _ in 0..3 {
                            collector.in_scope(|| info_span!("s", name).in_scope(|| info!("x")));
                            let _ = collector.guard().flush(Duration::from_secs(30));
                        }
                        assert_eq!((collector.spans().len(), collector.logs().len()), (3, 3), "{name}");
                        drop(collector);
                    });
                }
            }
        });
        let health = tundra::health();
        for ledger in [&health.spans, &health.logs] {
            assert_eq!(ledger.created, ledger.exported + ledger.dropped_total(), "{health:?}");
            assert_eq!(
                (ledger.created, ledger.waiting),
                (MANNERS.len() as u64 * crate::doors().len() as u64 * 3, 0)
            );
            assert!(ledger.undelivered <= 2 * ledger.created, "{health:?}");
        }
    });
}

/// Counts what it is given.
#[derive(Clone, Default)]
struct Counting(Arc<(AtomicU64, AtomicU64)>);

impl Exporter for Counting {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        self.0.0.fetch_add(batch.spans() as u64, Relaxed);
        self.0.1.fetch_add(batch.logs() as u64, Relaxed);
        Ok(())
    }
}

/// A small generator, so that a sequence can be repeated by its seed.
struct Dice {
    state: u64,
    /// Whether ids of closed spans are tried as parents; a `Registry` panics at them.
    stale: bool,
}

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % sides
    }
}

fn make(dice: &mut Dice, held: &[Span]) -> Span {
    let text = "é".repeat(dice.roll(120) as usize);
    let parent = held.get(dice.roll(held.len().max(1) as u64) as usize);
    match (dice.roll(9), parent) {
        (0, _) => info_span!("plain"),
        (1, _) => info_span!("four", a = 1, b = "two", c = 3.0, d = true),
        (2, _) => info_span!("long", text, more = ?text),
        (3, _) => info_span!(parent: None, "root", text = ?text),
        (4, Some(parent)) => {
            info_span!(parent: parent, "child", n = dice.roll(9), late = tracing::field::Empty)
        }
        (5, _) if dice.stale => {
            let stale = info_span!("stale").id();
            info_span!(parent: stale, "of_stale")
        }
        (6, _) => tundra::llm::chat("openai", "gpt-4o").span().clone(),
        (7, _) => tracing::debug_span!("never"),
        _ => info_span!("late", late = tracing::field::Empty),
    }
}

fn step_one(dice: &mut Dice, held: &mut Vec<Span>, shared: &Mutex<Vec<Span>>) {
    let at = dice.roll(held.len().max(1) as u64) as usize;
    match dice.roll(18) {
        0..=3 => held.push(make(dice, held)),
        4 | 5 if !held.is_empty() => drop(held.swap_remove(at)),
        6 => held.extend(held.get(at).cloned()),
        7 => drop(held.get(at).map(|span| span.record("late", dice.roll(1000)).clone())),
        8 => drop(held.get(at).map(|span| span.record("nowhere", "x").clone())),
        9 => shared.lock().expect("no panic").extend(held.pop()),
        10 => held.extend(shared.lock().expect("no panic").pop()),
        11 => info!(n = dice.roll(10), text = "y".repeat(dice.roll(300) as usize), "event"),
        12 => error!(error = "broken", "failed"),
        13 => {
            if let (Some(a), Some(b)) = (held.first(), held.get(at)) {
                let (in_a, in_b) = (a.enter(), b.enter());
                drop(in_a);
                info_span!("inner").in_scope(|| info!("inside"));
                drop(in_b);
                b.follows_from(a);
            }
        }
        14 => held.iter().take(3).for_each(|span| {
            span.set_attribute("key", dice.roll(10) as i64);
            span.set_name("renamed");
        }),
        15 => drop(held.get(at).map(|span| span.in_scope(Span::current))),
        16 => {
            let mut headers = Vec::new();
            let _inside = held.get(at).map(Span::enter);
            tundra::propagation::inject(|name, value| headers.push((name, value.to_owned())));
            let get =
                |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
            if let Some(remote) = tundra::propagation::extract(get) {
                remote.in_scope(|| info_span!("remote").in_scope(|| ()));
            }
        }
        _ => {
            tundra::counter!("it.shapes", dice.roll(5), kind = "a");
            held.truncate(40);
        }
    }
}

/// Sequences of a dozen calls each; fewer where nothing is optimized.
const SEQUENCES: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
const WORKERS: u64 = 4;

/// Runs it inside a dispatcher, or else inside the process's own.
fn inside(dispatch: Option<&Dispatch>, run: impl FnOnce()) {
    match dispatch {
        Some(dispatch) => tracing::dispatcher::with_default(dispatch, run),
        None => run(),
    }
}

fn random_sequences(dispatch: Option<&Dispatch>, guard: &tundra::Guard, counting: &Counting, stale: bool) {
    let shared = Mutex::new(Vec::new());
    let rounds = 20;
    for round in 0..rounds {
        thread::scope(|scope| {
            for worker in 0..WORKERS {
                let shared = &shared;
                scope.spawn(move || {
                    inside(dispatch, || {
                        let mut held = Vec::new();
                        for sequence in 0..SEQUENCES / rounds / WORKERS {
                            let mut dice = Dice { state: round << 48 | worker << 40 | sequence, stale };
                            (0..8 + dice.roll(9)).for_each(|_| step_one(&mut dice, &mut held, shared));
                        }
                    });
                });
            }
        });
        inside(dispatch, || shared.lock().expect("no panic").truncate(100));
        guard.flush(Duration::from_secs(60)).expect("everything is taken");
        let health = tundra::health();
        let (spans, logs) = (&health.spans, &health.logs);
        assert_eq!(spans.created, spans.exported + spans.dropped_total() + health.open_spans, "{health:?}");
        assert_eq!(logs.created, logs.exported + logs.dropped_total(), "{health:?}");
        let (seen_spans, seen_logs) = (counting.0.0.load(Relaxed), counting.0.1.load(Relaxed));
        assert_eq!((spans.exported, logs.exported), (seen_spans, seen_logs), "{health:?}");
        assert_eq!((spans.waiting, logs.waiting), (0, 0));
    }
    inside(dispatch, || drop(std::mem::take(&mut *shared.lock().expect("no panic"))));
    guard.flush(Duration::from_secs(60)).expect("everything is taken");
    let health = tundra::health();
    assert_eq!((health.open_spans, health.spilled_bytes), (0, 0), "{health:?}");
    assert!(health.spans.exported > SEQUENCES, "{health:?}");
}

fn builder(counting: &Counting) -> tundra::Builder {
    tundra::builder().no_log_output().filter("info").exporter(Box::new(counting.clone()))
}

#[test]
fn a_million_random_sequences() {
    crate::alone("shapes::a_million_random_sequences", || {
        let counting = Counting::default();
        let (dispatch, guard) = builder(&counting).build().expect("it can be made");
        random_sequences(Some(&dispatch), &guard, &counting, true);
    });
}

#[cfg(feature = "layer")]
#[test]
fn a_million_random_sequences_through_a_layer() {
    use tracing_subscriber::prelude::*;
    crate::alone("shapes::a_million_random_sequences_through_a_layer", || {
        let counting = Counting::default();
        let (layer, guard) = builder(&counting).layer().expect("it can be made");
        // A `Registry` lets go of a closed span's parent through the thread's default. A thread that is inside a call into
        // a scoped one finds none there, and the parent stays open for good; the process's own is always found.
        tracing_subscriber::registry().with(layer).init();
        random_sequences(None, &guard, &counting, false);
    });
}

const ABORTS: &str = r#"
struct Lines;

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        std::io::Write::write(&mut std::io::stdout(), bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() {
    let _tundra = tundra::builder().log_output(Box::new(Lines)).install().unwrap();
    let _span = tracing::info_span!("work").entered();
    tracing::info!("before the end");
    panic!("the end");
}
"#;

// A program that aborts on panic still says what it recorded, the panic included, before it ends.
#[cfg(target_os = "linux")]
#[test]
fn a_program_that_aborts_on_panic() {
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aborts");
    std::fs::create_dir_all(folder.join("src")).expect("a folder for the build");
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    std::fs::copy(lock, folder.join("Cargo.lock")).expect("the workspace has a lock file");
    let manifest = format!(
        "[package]\nname = \"aborts\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         tracing = \"0.1\"\ntundra-sdk = {{ path = {:?} }}\n[profile.dev]\npanic = \"abort\"\ndebug = false\n",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).expect("written");
    std::fs::write(folder.join("src/main.rs"), ABORTS).expect("written");
    let target = folder.join("target");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--offline", "--quiet"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let tells_all = |_| {
        let output = Command::new(target.join("debug/aborts")).output().expect("it starts");
        assert_eq!(output.status.signal(), Some(libc::SIGABRT));
        let lines = String::from_utf8_lossy(&output.stdout);
        lines.contains("before the end") && lines.contains("the end") && lines.contains("panicked")
    };
    // It has a second, which is too short now and then where others are at work.
    assert!((0..20).any(tells_all));
}
