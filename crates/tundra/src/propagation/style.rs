//! Which headers are read and written: `DD_TRACE_PROPAGATION_STYLE[_EXTRACT|_INJECT]`, else `OTEL_PROPAGATORS`.

use crate::env::propagation_styles;
use std::sync::OnceLock;

/// One convention of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `traceparent` and `tracestate`.
    TraceContext,
    /// `x-datadog-*`.
    Datadog,
    /// `b3`.
    B3,
    /// `x-b3-*`.
    B3Multi,
    /// `baggage`.
    Baggage,
}

impl Style {
    /// The headers that it may write.
    #[cfg(feature = "opentelemetry")]
    pub(super) fn headers(self) -> &'static [&'static str] {
        match self {
            Self::TraceContext => &["traceparent", "tracestate"],
            Self::Datadog => &[
                "x-datadog-trace-id",
                "x-datadog-parent-id",
                "x-datadog-sampling-priority",
                "x-datadog-tags",
                "x-datadog-origin",
            ],
            Self::B3 => &["b3"],
            Self::B3Multi => &["x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"],
            Self::Baggage => &["baggage"],
        }
    }
}

/// In the order they are tried; W3C first, since every party of today speaks it.
const DEFAULT: [Style; 3] = [Style::TraceContext, Style::Datadog, Style::Baggage];

/// What is read and what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Styles {
    pub(super) extract: Vec<Style>,
    pub(super) inject: Vec<Style>,
}

impl Styles {
    /// From lists of names as the variables hold them; `None` where nothing was said.
    pub(super) fn parse(extract: Option<&str>, inject: Option<&str>) -> Self {
        let list = |text: Option<&str>| text.map_or_else(|| DEFAULT.to_vec(), names);
        Self { extract: list(extract), inject: list(inject) }
    }

    /// Those of this process.
    pub(super) fn get() -> &'static Self {
        static STYLES: OnceLock<Styles> = OnceLock::new();
        STYLES.get_or_init(|| {
            let (extract, inject) = propagation_styles();
            Self::parse(extract.as_deref(), inject.as_deref())
        })
    }
}

/// `none` and unknown names count as nothing.
fn names(text: &str) -> Vec<Style> {
    let mut styles = Vec::new();
    for name in text.split(',') {
        let style = match name.trim().to_ascii_lowercase().as_str() {
            "tracecontext" | "w3c" => Style::TraceContext,
            "datadog" => Style::Datadog,
            "b3" | "b3 single header" => Style::B3,
            "b3multi" => Style::B3Multi,
            "baggage" => Style::Baggage,
            _ => continue,
        };
        if !styles.contains(&style) {
            styles.push(style);
        }
    }
    styles
}
