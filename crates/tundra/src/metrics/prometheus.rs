//! All metrics of the process in Prometheus's text format. Serving the text is the application's business.

use super::collect;
use super::process::Process;
use super::registry::{self, Kind, Labels};
use super::sketch::{BUCKETS, upper_bound};
use crate::collector::clean_points;
use crate::engine::Local;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;
use tundra_record::{MetricPoint, MetricValue, Text, UnixNanos, Value};

/// What a series stands at.
enum Level {
    Counter(u64),
    Gauge(f64),
    /// Sum, and counts of the buckets that are not empty.
    Histogram(f64, BTreeMap<usize, u64>),
}

impl Level {
    fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) => "counter",
            Self::Gauge(_) => "gauge",
            Self::Histogram(..) => "histogram",
        }
    }

    /// Two series that differed in nothing but what was taken out are one.
    fn join(&mut self, other: Self) {
        match (self, other) {
            (Self::Counter(total), Self::Counter(more)) => *total = total.wrapping_add(more),
            (Self::Histogram(sum, buckets), Self::Histogram(more, counts)) => {
                *sum += more;
                counts.into_iter().for_each(|(at, count)| *buckets.entry(at).or_default() += count);
            }
            (Self::Gauge(value), Self::Gauge(latest)) => *value = latest,
            // A family has one kind only.
            _ => {}
        }
    }
}

/// Every counter, gauge and histogram of the process as it stands now, in Prometheus's text exposition format 0.0.4.
///
/// Names and labels are written with `_` for what Prometheus does not allow. Counters end in `_total`, and count from the
/// start of the process whatever else is exported. Histograms show the buckets that are not empty. Labels are redacted as
/// in what is exported, by the rules of the pipeline that was started last.
///
/// ```
/// let _tundra = tundra::builder().no_log_output().install()?;
/// tundra::increment_counter!("llm.requests", model = "gpt-4o");
/// let text = tundra::metrics::prometheus();
/// assert!(text.contains("# TYPE llm_requests_total counter\nllm_requests_total{model=\"gpt-4o\"} 1\n"));
/// # Ok::<(), tundra::Error>(())
/// ```
pub fn prometheus() -> String {
    let mut families: BTreeMap<String, BTreeMap<Labels, Level>> = BTreeMap::new();
    for (point, level) in levels() {
        let mut name = clean(&point.name);
        if matches!(level, Level::Counter(_)) && !name.ends_with("_total") {
            name.push_str("_total");
        }
        let label = |(key, value): &(Text<'_>, Value<'_>)| (key.to_string(), value.to_text().into_owned());
        let labels: Labels = point.attrs.iter().map(label).collect();
        let family = families.entry(name).or_default();
        // A name that stands for two kinds can only be one of them there.
        if family.values().next().is_none_or(|first| first.kind() == level.kind()) {
            match family.entry(labels) {
                Entry::Occupied(mut known) => known.get_mut().join(level),
                Entry::Vacant(place) => {
                    place.insert(level);
                }
            }
        }
    }
    let mut text = String::new();
    for (name, family) in families {
        let kind = family.values().next().map_or("untyped", Level::kind);
        let _infallible = writeln!(text, "# TYPE {name} {kind}");
        family.iter().for_each(|(labels, level)| lines(&name, labels, level, &mut text));
    }
    text
}

/// All series as they stand, clean, in the form that redaction knows; the points' own values mean nothing.
fn levels() -> Vec<(MetricPoint<'static>, Level)> {
    let guard = registry::read();
    let all = guard.as_ref().map_or(&[][..], |registry| &registry.all);
    let (mut points, mut levels) = (Vec::new(), Vec::new());
    for (number, series) in all.iter().enumerate() {
        let level = match series.kind {
            Kind::Counter => Level::Counter(collect::total(number)),
            Kind::Gauge => match registry::gauge(number) {
                Some(value) => Level::Gauge(value),
                None => continue,
            },
            Kind::Histogram => histogram(number),
        };
        let label = |(key, text): &(String, String)| (key.clone().into(), Value::from(text.clone()));
        points.push(MetricPoint {
            name: series.name.clone().into(),
            unit: Text::default(),
            time: UnixNanos::default(),
            start: UnixNanos::default(),
            attrs: series.labels.iter().map(label).collect(),
            value: MetricValue::Gauge(0.0),
        });
        levels.push(level);
    }
    drop(guard);
    clean_points(&mut points);
    let mut own = Vec::new();
    Process::default().points(UnixNanos::default(), &mut own);
    let own = own.into_iter().filter_map(|point| match point.value {
        MetricValue::Gauge(value) => Some((point, Level::Gauge(value))),
        _ => None,
    });
    points.into_iter().zip(levels).chain(own).collect()
}

fn histogram(number: usize) -> Level {
    let mut buckets = Box::new([0; BUCKETS]);
    let mut sum = 0.0;
    for local in Local::all() {
        sum += local.cells.sketch(number).map_or(0.0, |sketch| sketch.read(&mut buckets));
    }
    let filled = buckets.iter().enumerate().filter(|(_, count)| **count > 0);
    Level::Histogram(sum, filled.map(|(at, count)| (at, u64::from(*count))).collect())
}

fn lines(name: &str, labels: &Labels, level: &Level, out: &mut String) {
    match level {
        Level::Counter(total) => line(name, labels, None, &total.to_string(), out),
        Level::Gauge(value) => line(name, labels, None, &float(*value), out),
        Level::Histogram(sum, buckets) => {
            let (bucket, mut count) = (format!("{name}_bucket"), 0_u64);
            for (at, more) in buckets {
                count += more;
                if at + 1 < BUCKETS {
                    line(&bucket, labels, Some(&float(upper_bound(*at))), &count.to_string(), out);
                }
            }
            line(&bucket, labels, Some("+Inf"), &count.to_string(), out);
            line(&format!("{name}_sum"), labels, None, &float(*sum), out);
            line(&format!("{name}_count"), labels, None, &count.to_string(), out);
        }
    }
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
