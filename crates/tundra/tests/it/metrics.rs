//! Counters, gauges and histograms from macro to point.

use std::thread;
use tundra::testing::Collector;
use tundra_record::{MetricPoint, MetricValue};

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
        pending.abort();
        drop(runtime);
        // A runtime that is gone is no harm.
        flush();
        for name in ["memory.usage", "unix.file_descriptor.count", "thread.count", "cpu.utilization"] {
            assert!(value(&format!("process.{name}")).is_some(), "{name}");
        }
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
    assert_eq!(labels, ["model=gpt-4o", "http.status=200"]);
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
    assert!(!named(&points, "process.memory.usage").is_empty());

    let lines = collector.lines();
    let has = |part: &str| assert!(lines.contains(part), "{part} in {}", &lines[..lines.len().min(2000)]);
    has("\"message\":\"counter incremented\",\"metric_name\":\"it.dynamic\",\"value\":");
    has("\"message\":\"gauge set\",\"metric_name\":\"it.gauge\",\"value\":");
}
