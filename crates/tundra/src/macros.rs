//! The macros applications write: metrics with handles cached at the call site, and named spans.
//!
//! They expand to items under `$crate`; a program that uses them needs no other import.

/// Adds one to a counter: `increment_counter!("llm.requests", model = "gpt-4o", success = "true")`.
///
/// With literal labels the series is looked up once per call site; with computed ones at each call.
#[macro_export]
macro_rules! increment_counter {
    ($name:expr $(, $($label:tt)*)?) => { $crate::counter!($name, 1 $(, $($label)*)?) };
}

/// Adds to a counter: `counter!("llm.tokens", 42, direction = "input")`.
#[macro_export]
macro_rules! counter {
    ($name:literal, $amount:expr $(, $key:ident $(. $more:ident)* = $value:literal)* $(,)?) => {{
        static SITE: $crate::metrics::CounterSite = $crate::metrics::CounterSite::new(
            $name, &[$((concat!(stringify!($key) $(, ".", stringify!($more))*), concat!($value))),*]);
        SITE.add($amount);
    }};
    ($name:expr, $amount:expr $(, $key:ident $(. $more:ident)* = $value:expr)* $(,)?) => {
        $crate::metrics::Counter::new(
            &$name, &[$((concat!(stringify!($key) $(, ".", stringify!($more))*), &$value)),*]).add($amount)
    };
}

/// Sets a gauge: `gauge!("daemon.uptime", 12.5)`, labels as in [`increment_counter!`].
#[macro_export]
macro_rules! gauge {
    ($name:literal, $amount:expr $(, $key:ident $(. $more:ident)* = $value:literal)* $(,)?) => {{
        static SITE: $crate::metrics::GaugeSite = $crate::metrics::GaugeSite::new(
            $name, &[$((concat!(stringify!($key) $(, ".", stringify!($more))*), concat!($value))),*]);
        SITE.set($amount as f64);
    }};
    ($name:expr, $amount:expr $(, $key:ident $(. $more:ident)* = $value:expr)* $(,)?) => {
        $crate::metrics::Gauge::new(
            &$name, &[$((concat!(stringify!($key) $(, ".", stringify!($more))*), &$value)),*]).set($amount as f64)
    };
}

/// Counts a value in a histogram: `histogram!("task.duration_ms", 45.2)`, labels as in [`increment_counter!`].
#[macro_export]
macro_rules! histogram {
    ($name:literal, $amount:expr $(, $key:ident $(. $more:ident)* = $value:literal)* $(,)?) => {{
        static SITE: $crate::metrics::HistogramSite = $crate::metrics::HistogramSite::new(
            $name, &[$((concat!(stringify!($key) $(, ".", stringify!($more))*), concat!($value))),*]);
        SITE.record($amount as f64);
    }};
    ($name:expr, $amount:expr $(, $key:ident $(. $more:ident)* = $value:expr)* $(,)?) => {
        $crate::metrics::Histogram::new(
            &$name, &[$((concat!(stringify!($key) $(, ".", stringify!($more))*), &$value)),*]).record($amount as f64)
    };
}

/// Starts a span and enters it until the guard is dropped:
/// `let _s = traced_span!("operation", service = "at-daemon", component = "llm", model = "gpt-4");`
///
/// The name is a literal; one that is known at run time goes into a field `otel.name`. Fields are written as in
/// `tracing::info_span!`. `service = ...` as the first field names the span's service. Not to
/// be held across an `.await`: use `tracing::Instrument` there.
#[macro_export]
macro_rules! traced_span {
    ($name:expr, service = $service:expr $(, $($field:tt)*)?) => {
        $crate::__private::tracing::info_span!($name, service.name = $service $(, $($field)*)?).entered()
    };
    ($name:expr $(, $($field:tt)*)?) => {
        $crate::__private::tracing::info_span!($name $(, $($field)*)?).entered()
    };
}
