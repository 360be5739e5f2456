//! Counters, gauges and histograms from macro to point.

use std::thread;
use tundra::testing::Collector;
use tundra_record::{MetricPoint, MetricValue, Value};

fn named<'a>(points: &'a [MetricPoint<'static>], name: &str) -> Vec<&'a MetricPoint<'static>> {
    points.iter().filter(|point| point.name == name).collect()
}

fn sum(points: &[&MetricPoint<'_>]) -> f64 {
    let value = |point: &&MetricPoint<'_>| match &point.value {
        MetricValue::Sum { value, .. } => *value,
        MetricValue::Histogram(histogram) => histogram.count as f64,
        _ => 0.0,
    };
    points.iter().map(value).sum()
}

#[cfg(feature = "tokio")]
#[test]
fn the_runtime_tells_of_itself() {
    crate::alone("metrics::the_runtime_tells_of_itself", || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
        let (records, guard) = runtime.block_on(async { crate::global() });
        let pending = runtime.spawn(std::future::pending::<()>());
        let flush = || guard.flush(std::time::Duration::from_secs(30)).expect("it works");
        flush();
        flush();
        let value = |name: &str| {
            let records = records.lock().expect("no panic");
            named(&records.points, name).last().map(|point| point.value.clone())
        };
        assert_eq!(value("tokio.workers"), Some(MetricValue::Gauge(2.0)));
        assert_eq!(value("tokio.tasks.alive"), Some(MetricValue::Gauge(1.0)));
        assert!(value("tokio.global_queue.depth").is_some() && value("tokio.workers.busy").is_some());
        let text = tundra::metrics::prometheus();
        assert!(text.contains("\ntokio_workers 2\n") && text.contains("\nprocess_thread_count "), "{text}");
        pending.abort();
        drop(runtime);
        // A runtime that is gone is no harm.
        flush();
        for name in ["memory.usage", "unix.file_descriptor.count", "thread.count", "cpu.utilization"] {
            assert!(value(&format!("process.{name}")).is_some(), "{name}");
        }
    });
}

#[test]
fn what_is_not_measured_is_counted() {
    crate::alone("metrics::what_is_not_measured_is_counted", || {
        let (records, guard) = crate::global();
        let flush = || guard.flush(std::time::Duration::from_secs(30)).expect("it works");
        for value in [1.0, f64::INFINITY, f64::NAN] {
            tundra::histogram!("it.finite", value);
        }
        flush();
        tundra::histogram!("it.finite", 60e9);
        flush();
        let sums: Vec<_> = {
            let records = records.lock().expect("no panic");
            let histogram = |point: &&MetricPoint<'_>| match &point.value {
                MetricValue::Histogram(found) => (found.count, found.sum, found.bounds.last().copied()),
                other => panic!("{other:?}"),
            };
            named(&records.points, "it.finite").iter().map(histogram).collect()
        };
        assert_eq!(sums, [(1, Some(1.0), Some(1.0)), (1, Some(60e9), Some(2_f64.powi(34)))]);
        for n in 0..9000 {
            let name = format!("it.name.{n}");
            tundra::counter!(name, 1);
        }
        // This call site comes when there is no place left, and is told of once.
        (0..5).for_each(|_| tundra::increment_counter!("it.late"));
        let health = tundra::health();
        let count =
            |why| health.unmeasured.iter().find(|(reason, _)| *reason == why).map(|(_, count)| *count);
        assert_eq!(count(tundra::Unmeasured::NotFinite), Some(2));
        assert_eq!(count(tundra::Unmeasured::NoRoom), Some(9001 - (health.series as u64 - 1)));
    });
}

// The cells are the whole process's, and each round of the collector hands its deltas to all pipelines: one test.
#[test]
fn metrics() {
    let collector = Collector::with(|builder| builder.log_metrics(true));
    let work = || {
        for _ in 0..1000 {
            tundra::increment_counter!("it.counter", model = "gpt-4o", http.status = 200);
            tundra::histogram!("it.histogram", 45.2, unit = "ms");
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    let name = String::from("dynamic");
    for _ in 0..3 {
        tundra::counter!("it.dynamic", 2, name = name, n = 1 + 1);
    }
    tundra::gauge!("it.gauge", 3);
    tundra::gauge!("it.gauge", 4.5);
    (0..5000).for_each(|n| tundra::counter!("it.many", 1, n = n));

    let points = collector.points();
    let counter = named(&points, "it.counter");
    assert_eq!(sum(&counter), 4000.0);
    let labels: Vec<_> =
        counter[0].attrs.iter().map(|(key, value)| format!("{key}={}", value.to_text())).collect();
    assert_eq!(labels, ["http.status=200", "model=gpt-4o"]);
    let histogram = named(&points, "it.histogram");
    assert_eq!(sum(&histogram), 4000.0);
    let MetricValue::Histogram(buckets) = &histogram[0].value else { panic!("a histogram") };
    let filled = buckets.counts.iter().position(|count| *count > 0).expect("one is filled");
    assert!(buckets.bounds[filled - 1] <= 45.2 && 45.2 <= buckets.bounds[filled], "{buckets:?}");
    assert_eq!(buckets.counts.len(), buckets.bounds.len() + 1);
    assert_eq!(sum(&named(&points, "it.dynamic")), 6.0);
    assert_eq!(named(&points, "it.gauge").last().map(|point| &point.value), Some(&MetricValue::Gauge(4.5)));
    let many = named(&points, "it.many");
    assert_eq!(sum(&many), 5000.0);
    assert!(many.len() <= 1001 + 5, "{}", many.len());
    let overflow =
        |point: &&&MetricPoint<'_>| point.attrs.iter().any(|(key, _)| key == "otel.metric.overflow");
    assert!(sum(&many.iter().filter(overflow).copied().collect::<Vec<_>>()) >= 4000.0);
    assert!(many.iter().filter(|point| overflow(point)).all(|point| point.attrs[0].1 == Value::Bool(true)));
    assert!(!named(&points, "process.memory.usage").is_empty());

    let lines = collector.lines();
    let has = |part: &str| assert!(lines.contains(part), "{part} in {}", &lines[..lines.len().min(2000)]);
    has("\"message\":\"counter incremented\",\"metric_name\":\"it.dynamic\",\"value\":");
    has("\"message\":\"gauge set\",\"metric_name\":\"it.gauge\",\"value\":");
}

// Names and labels are cut between characters, and what becomes the same is one series.
#[test]
fn what_is_too_long_is_cut_and_adds_up() {
    crate::alone("metrics::what_is_too_long_is_cut_and_adds_up", || {
        let (records, guard) = crate::global();
        let check = |name: &str, labels: &[(&str, &str)], is_cut: bool, expect: (&str, &[(&str, &str)])| {
            let before = tundra::health().cut_series;
            let labels: Vec<(&str, &dyn std::fmt::Display)> =
                labels.iter().map(|(key, text)| (*key, text as _)).collect();
            for _ in 0..2 {
                tundra::metrics::Counter::new(name, &labels).add(1);
                tundra::metrics::Histogram::new(name, &labels).record(1.0);
            }
            guard.flush(std::time::Duration::from_secs(30)).expect("it works");
            let mut records = records.lock().expect("no panic");
            let points = std::mem::take(&mut records.points);
            let found = named(&points, expect.0);
            let attrs: Vec<_> =
                expect.1.iter().map(|(key, text)| ((*key).into(), Value::from(*text))).collect();
            assert_eq!((found.len(), sum(&found)), (2, 4.0), "{name}");
            assert!(found.iter().all(|point| point.attrs == attrs), "{found:?}");
            assert!(points.iter().all(|point| point.name.chars().count() <= 200));
            assert_eq!(tundra::health().cut_series - before, if is_cut { 4 } else { 0 }, "{name}");
        };
        let fits = "é".repeat(200);
        let [long, longer] = ["x", "🦀yz"].map(|end| format!("{fits}{end}"));
        check("it.cut", &[("a", "b")], false, ("it.cut", &[("a", "b")]));
        for name in [&*long, &*longer] {
            check(name, &[], true, (&fits, &[]));
            check("it.cut", &[(name, "1")], true, ("it.cut", &[(&fits, "1")]));
            check("it.cut", &[("a", name)], true, ("it.cut", &[("a", &fits)]));
        }
        check(&fits, &[(&fits, &fits)], false, (&fits, &[(&fits, &fits)]));
        let series = tundra::health().series;
        check(&longer, &[(&longer, &longer)], true, (&fits, &[(&fits, &fits)]));
        let keys: Vec<_> = (100..200).map(|n| n.to_string()).collect();
        let many: Vec<_> = keys.iter().map(|key| (&**key, "1")).collect();
        check("it.cut", &many, true, ("it.cut", &many[..64]));
        assert_eq!((series, tundra::health().series), (10, 12));
    });
}
