//! Settings that people know from other SDKs and that mean nothing here, or not with this value: named once at start, so
//! that nobody believes in them.
//!
//! Names and what holds instead; never a value, for values can be keys.

use super::{Lookup, content, truth};

/// Variables that are not read at all, and what to know about each.
const IGNORED: [(&str, &str); 38] = [
    ("OTEL_CONFIG_FILE", "set the other variables, or use `tundra::builder()`"),
    ("OTEL_EXPERIMENTAL_CONFIG_FILE", "set the other variables, or use `tundra::builder()`"),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", LIMITS),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", LIMITS),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", LIMITS),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", LIMITS),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", LIMITS),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", LIMITS),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", LIMITS),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", LIMITS),
    ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", LIMITS),
    ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", LIMITS),
    ("OTEL_BSP_SCHEDULE_DELAY", QUEUES),
    ("OTEL_BSP_EXPORT_TIMEOUT", QUEUES),
    ("OTEL_BSP_MAX_QUEUE_SIZE", QUEUES),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", QUEUES),
    ("OTEL_BLRP_SCHEDULE_DELAY", QUEUES),
    ("OTEL_BLRP_EXPORT_TIMEOUT", QUEUES),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", QUEUES),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", QUEUES),
    ("OTEL_METRIC_EXPORT_INTERVAL", "metrics are told every 10 seconds and at each `Guard::flush`"),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "a request may take what `OTEL_EXPORTER_OTLP_METRICS_TIMEOUT` says"),
    ("OTEL_LOG_LEVEL", NO_LOG),
    ("DD_LOG_LEVEL", NO_LOG),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "metrics carry no exemplars"),
    ("DD_PROFILING_ENABLED", "there is no profiler"),
    ("DD_APPSEC_ENABLED", "there is no application security"),
    ("DD_IAST_ENABLED", "there is no application security"),
    ("DD_DYNAMIC_INSTRUMENTATION_ENABLED", "there is no dynamic instrumentation"),
    ("DD_DATA_STREAMS_ENABLED", "there are no data streams"),
    ("DD_SERVICE_MAPPING", "a span's service is its field `service.name`"),
    ("DD_SPAN_SAMPLING_RULES", "traces are kept as a whole"),
    ("DD_SPAN_SAMPLING_RULES_FILE", "traces are kept as a whole"),
    ("DD_LLMOBS_SAMPLE_RATE", "model calls are kept with their traces; see `Builder::keep_llm`"),
    ("DD_TRACE_BAGGAGE_TAG_KEYS", "baggage is passed on and is no attribute of spans"),
    ("DD_TRACE_HTTP_SERVER_ERROR_STATUSES", "answers from 500 on are failures of the server"),
    ("DD_TRACE_HEADER_TAGS", "record headers as fields"),
    ("DD_LLMOBS_AGENTLESS_ENABLED", "set `DD_API_KEY` and no Agent"),
];

/// Switches, and what holds where they are neither on nor off.
const SWITCHES: [(&str, &str); 5] = [
    ("DD_TRACE_ENABLED", "spans are recorded"),
    ("DD_LOGS_INJECTION", "log lines name their trace"),
    ("DD_REMOTE_CONFIGURATION_ENABLED", "an Agent may change settings"),
    ("DD_TRACE_STATS_COMPUTATION_ENABLED", "statistics are counted here"),
    ("TUNDRA_REDACT", "personal data and secrets are taken out"),
];

const NO_LOG: &str =
    "the SDK keeps no log of its own: `health()` tells how it fares, and `RUST_LOG` says what is recorded";
const LIMITS: &str = "limits are fixed, and what is cut is marked";
const QUEUES: &str = "queues are bounded in bytes; `Builder::export_every` sets how long records wait";
const MUTUAL: &str = "client certificates are not supported; send through a collector on this machine";

const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];
const PROPAGATORS: [&str; 8] =
    ["tracecontext", "w3c", "datadog", "b3", "b3 single header", "b3multi", "baggage", "none"];

/// One sentence for each setting that is not honored.
pub(super) fn notices(lookup: &Lookup<'_>) -> Vec<String> {
    let mut notices = Notices { lookup, found: Vec::new() };
    IGNORED.iter().for_each(|(name, instead)| notices.ignored(name, instead));
    SWITCHES.iter().for_each(|(name, holds)| notices.switch(name, holds));
    notices.disabled();
    notices.found.extend(content(lookup).1);
    notices.endpoint();
    ["", "TRACES_", "LOGS_", "METRICS_"].into_iter().for_each(|signal| notices.otlp(signal));
    notices.pairs("OTEL_RESOURCE_ATTRIBUTES");
    for signal in ["TRACES", "LOGS", "METRICS"] {
        let name = format!("OTEL_{signal}_EXPORTER");
        notices.values(&name, &["otlp", "console", "none"], "`otlp`, `console` and `none` are");
    }
    notices.values("OTEL_TRACES_SAMPLER", &SAMPLERS, "it says nothing, as if it were unset");
    for name in [
        "OTEL_PROPAGATORS",
        "DD_TRACE_PROPAGATION_STYLE",
        "DD_TRACE_PROPAGATION_STYLE_EXTRACT",
        "DD_TRACE_PROPAGATION_STYLE_INJECT",
    ] {
        let instead = "`tracecontext`, `datadog`, `b3`, `b3multi`, `baggage` and `none` are";
        notices.values(name, &PROPAGATORS, instead);
    }
    let continued = "traces from above are continued (`continue`, `restart` and `ignore` are supported)";
    notices.values("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT", &["continue", "restart", "ignore"], continued);
    let temporality = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    notices.values(temporality, &["delta", "lowmemory"], "counters and histograms are told as deltas");
    notices.found
}

struct Notices<'l, 'f> {
    lookup: &'l Lookup<'f>,
    found: Vec<String>,
}

impl Notices<'_, '_> {
    fn ignored(&mut self, name: &str, instead: &str) {
        let off = |text: &str| truth(text) == Some(false) || text.eq_ignore_ascii_case("none");
        if (self.lookup)(name).is_some_and(|text| !off(&text)) {
            self.found.push(format!("`{name}` is not honored: {instead}"));
        }
    }

    fn switch(&mut self, name: &str, holds: &str) {
        if (self.lookup)(name).is_some_and(|text| truth(&text).is_none()) {
            self.found.push(format!("`{name}` is neither `true` nor `false`: {holds}"));
        }
    }

    /// The specification knows one word for yes, and people know more.
    fn disabled(&mut self) {
        let name = "OTEL_SDK_DISABLED";
        let vain = |text: &str| !text.eq_ignore_ascii_case("true") && truth(text) != Some(false);
        if (self.lookup)(name).is_some_and(|text| vain(&text)) {
            self.found.push(format!(
                "`{name}` has a value that is not supported: only `true` switches the SDK off"
            ));
        }
    }

    /// A list of words, of which all have to be known.
    fn values(&mut self, name: &str, known: &[&str], instead: &str) {
        let is_known = |word: &str| known.iter().any(|known| word.eq_ignore_ascii_case(known));
        if (self.lookup)(name).is_some_and(|text| !text.split(',').map(str::trim).all(is_known)) {
            self.found.push(format!("`{name}` has a value that is not supported: {instead}"));
        }
    }

    /// The general endpoint with the path that is right for one signal: a common mix-up.
    fn endpoint(&mut self) {
        let name = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let paths = ["/v1/traces", "/v1/logs", "/v1/metrics"];
        if (self.lookup)(name)
            .is_some_and(|url| paths.iter().any(|path| url.trim_end_matches('/').ends_with(path)))
        {
            self.found.push(format!(
                "`{name}` ends in a signal's path, and gets it once more: leave `/v1/...` away, or set \
                 `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and its like"
            ));
        }
    }

    fn pairs(&mut self, name: &str) {
        let is_pair = |part: &str| part.trim().is_empty() || part.contains('=');
        if (self.lookup)(name).is_some_and(|text| !text.split(',').all(is_pair)) {
            self.found.push(format!("`{name}` has a part that is no `key=value`: it is left out"));
        }
    }

    fn otlp(&mut self, signal: &str) {
        let of = |what: &str| format!("OTEL_EXPORTER_OTLP_{signal}{what}");
        self.values(
            &of("PROTOCOL"),
            &["http/protobuf"],
            "OTLP goes over HTTP with protobuf, usually to port 4318",
        );
        let compressions: &[&str] = if cfg!(feature = "gzip") { &["gzip", "none"] } else { &["none"] };
        self.values(
            &of("COMPRESSION"),
            compressions,
            "requests go uncompressed (`gzip` needs feature `gzip`)",
        );
        if (self.lookup)(&of("TIMEOUT")).is_some_and(|text| text.parse::<u64>().is_err()) {
            self.found.push(format!("`{}` is no number of milliseconds: 10 seconds hold", of("TIMEOUT")));
        }
        self.pairs(&of("HEADERS"));
        if !cfg!(feature = "tls") {
            self.ignored(&of("CERTIFICATE"), "it needs feature `tls`");
        }
        self.ignored(&of("CLIENT_KEY"), MUTUAL);
        self.ignored(&of("CLIENT_CERTIFICATE"), MUTUAL);
    }
}
