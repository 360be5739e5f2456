//! The ledger adds up: created = exported + dropped + open, after any sequence of calls on any thread.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tracing::{Span, error, info, info_span};

/// A small generator, so that a failure can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[derive(Default)]
struct Shared {
    spans: Mutex<Vec<Span>>,
}

fn make(dice: &mut Dice, held: &[Span]) -> Span {
    let text = "x".repeat(dice.roll(300) as usize);
    match dice.roll(7) {
        0 => info_span!("plain"),
        1 => info_span!("four", a = 1, b = "two", c = 3.0, d = true),
        2 => info_span!("long", text),
        3 => info_span!(parent: None, "root", text = ?text),
        4 => match held.last() {
            Some(parent) => info_span!(parent: parent, "child", n = 1, late = tracing::field::Empty),
            None => info_span!("late", late = tracing::field::Empty),
        },
        5 => {
            let stale = info_span!("stale").id();
            info_span!(parent: stale, "of_stale")
        }
        _ => info_span!("late", late = tracing::field::Empty),
    }
}

fn step(dice: &mut Dice, held: &mut Vec<Span>, shared: &Shared) {
    let pick = |dice: &mut Dice, held: &Vec<Span>| dice.roll(held.len().max(1) as u64) as usize;
    match dice.roll(12) {
        0..=2 => held.push(make(dice, held)),
        3 => drop((!held.is_empty()).then(|| held.swap_remove(pick(dice, held)))),
        4 => held.extend(held.get(pick(dice, held)).cloned().into_iter().collect::<Vec<_>>()),
        5 => drop(held.get(pick(dice, held)).map(|span| span.record("late", dice.roll(1000)).clone())),
        6 => shared.spans.lock().expect("no panic").extend(held.pop()),
        7 => held.extend(shared.spans.lock().expect("no panic").pop()),
        8 => info!(n = dice.roll(10), "event"),
        9 => {
            let at = pick(dice, held);
            if let (Some(a), Some(b)) = (held.first(), held.get(at)) {
                let (in_a, in_b) = (a.enter(), b.enter());
                error!("inside");
                drop(in_a);
                info_span!("inner").in_scope(|| ());
                drop(in_b);
                b.follows_from(a);
            }
        }
        10 => drop(held.get(pick(dice, held)).map(|span| span.in_scope(Span::current))),
        // Bounded, so that the run stays small.
        _ => held.truncate(50),
    }
}

#[test]
fn random_calls_add_up() {
    crate::alone("ledger::random_calls_add_up", || {
        let (records, guard) = crate::global();
        let shared = Arc::new(Shared::default());
        for round in 0..10_u64 {
            thread::scope(|scope| {
                for worker in 0..4_u64 {
                    let shared = Arc::clone(&shared);
                    scope.spawn(move || {
                        let mut dice = Dice(0x9e37_79b9 + round * 4 + worker);
                        let mut held = Vec::new();
                        (0..2500).for_each(|_| step(&mut dice, &mut held, &shared));
                    });
                }
            });
        }
        let open = |shared: &Shared| {
            let spans = shared.spans.lock().expect("no panic");
            spans.iter().filter_map(Span::id).collect::<std::collections::HashSet<_>>().len() as u64
        };
        for clear in [false, true] {
            if clear {
                shared.spans.lock().expect("no panic").clear();
            }
            guard.flush(Duration::from_secs(30)).expect("memory takes everything");
            let health = tundra::health();
            let (spans, logs) = (&health.spans, &health.logs);
            assert_eq!(health.open_spans, open(&shared), "{health:?}");
            assert_eq!(
                spans.created,
                spans.exported + spans.dropped_total() + health.open_spans,
                "{health:?}"
            );
            assert_eq!(logs.created, logs.exported + logs.dropped_total(), "{health:?}");
            assert_eq!((spans.waiting, logs.waiting), (0, 0));
            let records = records.lock().expect("no panic");
            assert_eq!(records.spans.len() as u64, spans.exported);
            assert_eq!(records.logs.len() as u64, logs.exported);
            assert!(spans.created > 20_000 && spans.exported > 10_000, "{health:?}");
        }
        assert_eq!(tundra::health().spilled_bytes, 0);
    });
}

// An exporter that does nothing with such records does not make them exported ones.
#[test]
fn what_nobody_takes_is_dropped() {
    use tundra::{DatadogAgent, DogStatsD, Dropped, Exporter, Otlp};
    crate::alone("ledger::what_nobody_takes_is_dropped", || {
        let nobody = "http://127.0.0.1:9";
        let check = |exporter: Box<dyn Exporter>, expect: [[u64; 2]; 2]| {
            let counts = || {
                let health = tundra::health();
                [health.spans, health.logs]
                    .map(|ledger| [ledger.exported, ledger.dropped_for(Dropped::NoExporter)])
            };
            let before = counts();
            let built = tundra::builder().no_log_output().exporter(exporter).build();
            let (dispatch, guard) = built.expect("it can be made");
            tracing::dispatcher::with_default(&dispatch, || info_span!("s").in_scope(|| info!("x")));
            guard.flush(Duration::from_secs(30)).expect("nobody fails");
            let after = counts();
            let found = [0, 1].map(|kind| [0, 1].map(|at| after[kind][at] - before[kind][at]));
            assert_eq!(found, expect);
        };
        let (taken, not) = ([1, 0], [0, 1]);
        check(Box::new(Otlp::new(nobody).expect("an address")), [taken, taken]);
        check(Box::new(DatadogAgent::new(nobody).expect("an address")), [taken, not]);
        check(Box::new(DogStatsD::new("udp://127.0.0.1:9").expect("an address")), [not, not]);
    });
}
