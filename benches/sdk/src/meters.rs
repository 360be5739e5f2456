//! Counters and histograms: ours, the `metrics` crate with two of its exporters, OpenTelemetry's.
//!
//! All of them count the same series through what a user writes at the call site, three labels or attributes each.

use crate::bursts::{Burst, burst};
use crate::sides::Side;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

struct Nowhere;

impl PushMetricExporter for Nowhere {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        black_box(metrics);
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Delta
    }
}

static INSTRUMENTS: OnceLock<(SdkMeterProvider, Counter<u64>, Histogram<f64>)> = OnceLock::new();

/// Sets a side up that only has metrics.
pub fn open(name: &str) -> Option<Side> {
    let mut flush: Box<dyn Fn() + Send + Sync> = Box::new(|| ());
    match name {
        "metrics_prometheus" => {
            let buckets = [10., 50., 100., 500., 1000., 5000.];
            let builder = metrics_exporter_prometheus::PrometheusBuilder::new();
            let recorder = builder.set_buckets(&buckets).expect("some buckets").build_recorder();
            let handle = recorder.handle();
            metrics::set_global_recorder(recorder).ok()?;
            flush = Box::new(move || handle.run_upkeep());
        }
        "metrics_dogstatsd" => {
            let builder = metrics_exporter_dogstatsd::DogStatsDBuilder::default();
            let builder = builder.with_remote_address("127.0.0.1:9").ok()?;
            builder.with_flush_interval(Duration::from_millis(500)).install().ok()?;
        }
        "metrics_otel" => {
            let reader = PeriodicReader::builder(Nowhere).with_interval(Duration::from_secs(3600)).build();
            let provider = SdkMeterProvider::builder().with_reader(reader).build();
            let meter = provider.meter("bench");
            let counter = meter.u64_counter("llm.requests").build();
            let histogram = meter.f64_histogram("llm.duration_ms").build();
            INSTRUMENTS.set((provider, counter, histogram)).ok()?;
        }
        _ => return None,
    }
    Some(Side { flush, ..Side::plain() })
}

/// A row's burst.
pub fn through_meters(row: &str, side: &str) -> Option<Burst> {
    match (row, side) {
        ("counter", "tundra") => burst(1000, || (0..1000).for_each(|_| own_counter())),
        ("histogram", "tundra") => burst(1000, || (0..1000).for_each(own_histogram)),
        ("counter", "metrics_prometheus" | "metrics_dogstatsd") => {
            burst(1000, || (0..1000).for_each(|_| metrics_counter()))
        }
        ("histogram", "metrics_prometheus" | "metrics_dogstatsd") => {
            burst(1000, || (0..1000).for_each(metrics_histogram))
        }
        ("counter", "metrics_otel") => burst(1000, || (0..1000).for_each(|_| otel_counter())),
        ("histogram", "metrics_otel") => burst(1000, || (0..1000).for_each(otel_histogram)),
        _ => None,
    }
}

#[inline(never)]
fn own_counter() {
    tundra::increment_counter!("llm.requests", model = "gpt-4o", provider = "openai", success = "true");
}

#[inline(never)]
fn own_histogram(n: u64) {
    tundra::histogram!("llm.duration_ms", n, model = "gpt-4o", provider = "openai", success = "true");
}

#[inline(never)]
fn metrics_counter() {
    metrics::counter!("llm.requests", "model" => "gpt-4o", "provider" => "openai", "success" => "true")
        .increment(1);
}

#[inline(never)]
fn metrics_histogram(n: u64) {
    metrics::histogram!("llm.duration_ms", "model" => "gpt-4o", "provider" => "openai", "success" => "true")
        .record(n as f64);
}

fn three() -> [KeyValue; 3] {
    [KeyValue::new("model", "gpt-4o"), KeyValue::new("provider", "openai"), KeyValue::new("success", "true")]
}

#[inline(never)]
fn otel_counter() {
    if let Some((_, counter, _)) = INSTRUMENTS.get() {
        counter.add(1, &three());
    }
}

#[inline(never)]
fn otel_histogram(n: u64) {
    if let Some((_, _, histogram)) = INSTRUMENTS.get() {
        histogram.record(n as f64, &three());
    }
}
