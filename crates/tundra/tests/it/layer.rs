//! The layer beside other layers: whose filter holds for whom, whose ids lead where.

use tracing::{debug, info, info_span};
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::prelude::*;
use tundra::testing::{Memory, Records};

fn layered(
    filter: &str,
) -> (tundra::RegistryLayer, tundra::Guard, std::sync::Arc<std::sync::Mutex<Records>>) {
    let memory = Memory::default();
    let builder = tundra::builder().filter(filter).no_log_output().exporter(Box::new(memory.clone()));
    let (layer, guard) = builder.layer().expect("it can be made");
    (layer, guard, memory.0)
}

/// Counts what a neighbor sees.
#[derive(Clone, Default)]
struct Neighbor(std::sync::Arc<std::sync::atomic::AtomicU32>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Neighbor {
    fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

fn names(guard: &tundra::Guard, records: &std::sync::Mutex<Records>) -> Vec<(String, String)> {
    guard.flush(std::time::Duration::from_secs(30)).expect("it works");
    let records = records.lock().expect("no panic");
    let name = |id| records.spans.iter().find(|span| Some(span.span_id) == id);
    let of = |span: &tundra_record::Span<'_>| {
        let above = name(span.parent_id).map_or(String::new(), |span| span.name.to_string());
        (span.name.to_string(), above)
    };
    records.spans.iter().map(of).collect()
}

#[test]
fn our_filter_is_ours_alone() {
    let (layer, guard, records) = layered("info");
    let neighbor = Neighbor::default();
    let stack = tracing::Dispatch::new(tracing_subscriber::registry().with(layer).with(neighbor.clone()));
    tracing::dispatcher::with_default(&stack, || {
        for _ in 0..3 {
            debug!("for the neighbor");
            info!("for both");
        }
        guard.set_filter("debug").expect("a level");
        debug!("for both, now");
        guard.set_filter("off").expect("a level");
        info!("for the neighbor");
    });
    names(&guard, &records);
    assert_eq!(records.lock().expect("no panic").logs.len(), 4);
    assert_eq!(neighbor.0.load(std::sync::atomic::Ordering::Relaxed), 8);
}

// A span that we do not record is no gap: its children go below the nearest one that we do.
#[test]
fn spans_we_do_not_record_are_stepped_over() {
    let (layer, guard, records) = layered("trace");
    let layer = layer.with_filter(FilterFn::new(|meta| meta.name() != "skipped"));
    let stack = tracing::Dispatch::new(
        tracing_subscriber::registry().with(layer).with(Neighbor::default().with_filter(LevelFilter::TRACE)),
    );
    tracing::dispatcher::with_default(&stack, || {
        let a = info_span!("a");
        let skipped = info_span!(parent: &a, "skipped");
        info_span!(parent: &skipped, "explicit").in_scope(|| info!(parent: &skipped, "inside"));
        a.in_scope(|| skipped.in_scope(|| info_span!("contextual").in_scope(|| ())));
    });
    let pair = |name: &str, above: &str| (name.to_owned(), above.to_owned());
    let expect = [pair("explicit", "a"), pair("contextual", "a"), pair("a", "")];
    assert_eq!(names(&guard, &records), expect);
    let records = records.lock().expect("no panic");
    let a = records.spans.iter().find(|span| span.name == "a").expect("recorded");
    assert_eq!(records.logs[0].span_id, Some(a.span_id));
}

// Two stacks number their spans alike; neither may find the other's.
#[test]
fn two_stacks_do_not_mix() {
    let (one, guard_one, records_one) = layered("trace");
    let (two, guard_two, records_two) = layered("trace");
    let one = tracing::Dispatch::new(tracing_subscriber::registry().with(one));
    let two = tracing::Dispatch::new(tracing_subscriber::registry().with(two));
    tracing::dispatcher::with_default(&one, || {
        let _a = info_span!("one").entered();
        tracing::dispatcher::with_default(&two, || {
            let _b = info_span!("two").entered();
            info_span!("two_child").in_scope(|| ());
        });
        info_span!("one_child").in_scope(|| ());
    });
    let pair = |name: &str, above: &str| (name.to_owned(), above.to_owned());
    assert_eq!(names(&guard_one, &records_one), [pair("one_child", "one"), pair("one", "")]);
    assert_eq!(names(&guard_two, &records_two), [pair("two_child", "two"), pair("two", "")]);
}

#[test]
fn a_switched_off_sdk_leaves_the_stack_alone() {
    crate::alone("layer::a_switched_off_sdk_leaves_the_stack_alone", || {
        // SAFETY: the test has the process to itself, and no other thread runs yet.
        #[expect(unsafe_code, reason = "setting a variable has no safe form")]
        unsafe {
            std::env::set_var("OTEL_SDK_DISABLED", "true");
        }
        let (layer, guard) = tundra::layer().expect("nothing can fail");
        let stack = tracing_subscriber::registry().with(layer).with(Neighbor::default());
        tracing::dispatcher::with_default(&tracing::Dispatch::new(stack), || {
            info_span!("s").in_scope(|| info!("x"));
        });
        drop(guard);
        assert_eq!(tundra::health().spans.created, 0);
    });
}
