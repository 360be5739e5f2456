//! All metrics of the process in Prometheus's text format. Serving the text is the application's business.

use super::collect;
use super::process::Process;
use super::registry::{self, Kind, Labels};
use super::sketch::{BUCKETS, upper_bound};
use crate::engine::Local;
use std::collections::BTreeMap;
use std::fmt::Write;
use tundra_record::{MetricValue, UnixNanos};

/// One metric: its type and its lines.
#[derive(Default)]
struct Family {
    kind: &'static str,
    lines: String,
}

/// Every counter, gauge and histogram of the process as it stands now, in Prometheus's text exposition format 0.0.4.
///
/// Names and labels are written with `_` for what Prometheus does not allow. Counters end in `_total`, and count from the
/// start of the process whatever else is exported. Histograms show the buckets that are not empty.
///
/// ```
/// let _tundra = tundra::builder().no_log_output().install()?;
/// tundra::increment_counter!("llm.requests", model = "gpt-4o");
/// let text = tundra::metrics::prometheus();
/// assert!(text.contains("# TYPE llm_requests_total counter\nllm_requests_total{model=\"gpt-4o\"} 1\n"));
/// # Ok::<(), tundra::Error>(())
/// ```
pub fn prometheus() -> String {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut add = |name: &str, kind: &'static str, write: &dyn Fn(&str, &mut String)| {
        let mut name = clean(name);
        if kind == "counter" && !name.ends_with("_total") {
            name.push_str("_total");
        }
        let family = families.entry(name.clone()).or_default();
        // A name that stands for two kinds can only be one of them there.
        if family.kind.is_empty() || family.kind == kind {
            family.kind = kind;
            write(&name, &mut family.lines);
        }
    };
    let guard = registry::read();
    let all = guard.as_ref().map_or(&[][..], |registry| &registry.all);
    for (number, series) in all.iter().enumerate() {
        let labels = &series.labels;
        match series.kind {
            Kind::Counter => {
                let total = collect::total(number);
                add(&series.name, "counter", &|name, out| line(name, labels, None, &total.to_string(), out));
            }
            Kind::Gauge => {
                let Some(value) = registry::gauge(number) else { continue };
                add(&series.name, "gauge", &|name, out| line(name, labels, None, &float(value), out));
            }
            Kind::Histogram => {
                add(&series.name, "histogram", &|name, out| histogram(name, number, labels, out))
            }
        }
    }
    drop(guard);
    let mut own = Vec::new();
    Process::default().points(UnixNanos::default(), &mut own);
    for point in own {
        if let MetricValue::Gauge(value) = point.value {
            add(&point.name, "gauge", &|name, out| line(name, &Labels::new(), None, &float(value), out));
        }
    }
    let text = |(name, family): (String, Family)| format!("# TYPE {name} {}\n{}", family.kind, family.lines);
    families.into_iter().map(text).collect()
}

fn histogram(name: &str, number: usize, labels: &Labels, out: &mut String) {
    let mut buckets = Box::new([0; BUCKETS]);
    let mut sum = 0.0;
    for local in Local::all() {
        sum += local.cells.sketch(number).map_or(0.0, |sketch| sketch.read(&mut buckets));
    }
    let (bucket, mut count) = (format!("{name}_bucket"), 0_u64);
    for (at, more) in buckets.iter().enumerate().filter(|(_, more)| **more > 0) {
        count += u64::from(*more);
        if at + 1 < BUCKETS {
            line(&bucket, labels, Some(&float(upper_bound(at))), &count.to_string(), out);
        }
    }
    line(&bucket, labels, Some("+Inf"), &count.to_string(), out);
    line(&format!("{name}_sum"), labels, None, &float(sum), out);
    line(&format!("{name}_count"), labels, None, &count.to_string(), out);
}

fn line(name: &str, labels: &Labels, bound: Option<&str>, value: &str, out: &mut String) {
    out.push_str(name);
    let bound = bound.map(|bound| ("le".to_owned(), bound.to_owned()));
    let mut between = '{';
    for (key, text) in labels.iter().chain(&bound) {
        let _infallible = write!(out, "{between}{}=\"{}\"", label(key), escaped(text));
        between = ',';
    }
    if between == ',' {
        out.push('}');
    }
    let _infallible = writeln!(out, " {value}");
}

/// A name with nothing but letters, digits, `_` and `:`, and no digit in front.
fn clean(name: &str) -> String {
    let mut text: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == ':' { c } else { '_' })
        .collect();
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) {
        text.insert(0, '_');
    }
    text
}

fn label(name: &str) -> String {
    clean(name).replace(':', "_")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn float(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let check = |name: &str, labels: &[(&str, &str)], expect: &str| {
            let labels: Labels =
                labels.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
            let mut out = String::new();
            line(&clean(name), &labels, None, "1", &mut out);
            assert_eq!(out, expect);
        };
        check("a.b-c", &[], "a_b_c 1\n");
        check("9lives", &[("a:b", "x")], "_9lives{a_b=\"x\"} 1\n");
        check("x", &[("k", "a\"b\\c\nd"), ("l", "é")], "x{k=\"a\\\"b\\\\c\\nd\",l=\"é\"} 1\n");
        check("", &[("", "")], "_{_=\"\"} 1\n");
    }

    #[test]
    fn all_kinds() {
        let _collector = crate::testing::Collector::new();
        crate::increment_counter!("prom.requests", model = "m");
        crate::gauge!("prom.level", 2.5);
        [1.0, 1.0, 700.0]
            .into_iter()
            .for_each(|value| crate::histogram!("prom.duration", value, model = "m"));
        let text = prometheus();
        let lines: Vec<_> = text.lines().filter(|line| line.contains("prom_")).collect();
        assert_eq!(
            lines,
            [
                "# TYPE prom_duration histogram",
                "prom_duration_bucket{model=\"m\",le=\"1.0625\"} 2",
                "prom_duration_bucket{model=\"m\",le=\"704\"} 3",
                "prom_duration_bucket{model=\"m\",le=\"+Inf\"} 3",
                "prom_duration_sum{model=\"m\"} 702",
                "prom_duration_count{model=\"m\"} 3",
                "# TYPE prom_level gauge",
                "prom_level 2.5",
                "# TYPE prom_requests_total counter",
                "prom_requests_total{model=\"m\"} 1",
            ]
        );
    }
}
