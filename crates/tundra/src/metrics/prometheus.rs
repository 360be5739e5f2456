//! All metrics of the process in Prometheus's text format. Serving the text is the application's business.

mod text;

use super::process::Process;
use super::registry;
use super::sketch::upper_bound;
use super::{collect, totals};
use crate::collector::clean_points;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;
use text::{Kind, Labels, Names, float, line};
use tundra_record::{MetricPoint, MetricValue, Text, UnixNanos};

/// Bounds of every histogram, the same at each time and in each instance, or nobody could add them up: powers of two from
/// about a millionth to 17 thousand million.
const BOUNDS: std::ops::RangeInclusive<i32> = -20..=34;
const BUCKETS: usize = 56;

/// What a series stands at.
enum Level {
    Counter(u64),
    Gauge(f64),
    /// Sum, and counts between `BOUNDS`.
    Histogram(f64, Box<[u64; BUCKETS]>),
}

impl Level {
    fn kind(&self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Gauge(_) => Kind::Gauge,
            Self::Histogram(..) => Kind::Histogram,
        }
    }

    /// Two series that differed in nothing but what was taken out are one.
    fn join(&mut self, other: Self) {
        match (self, other) {
            (Self::Counter(total), Self::Counter(more)) => *total = total.wrapping_add(more),
            (Self::Histogram(sum, counts), Self::Histogram(more, others)) => {
                *sum += more;
                counts.iter_mut().zip(*others).for_each(|(count, other)| *count += other);
            }
            (Self::Gauge(value), Self::Gauge(latest)) => *value = latest,
            // A family has one kind only.
            _ => {}
        }
    }
}

/// Every counter, gauge and histogram of the process as it stands now, in Prometheus's text exposition format 0.0.4, and
/// what the process and a watched runtime tell of themselves.
///
/// Names and labels are written with `_` for what Prometheus does not allow; labels that become the same have both values,
/// `1;2`, and a metric whose name is taken by then has its kind behind it. A histogram's own label `le` is `exported_le`.
/// Counters end in `_total`, and count from the start of the process whatever else is exported. Histograms have the
/// same 55 bounds always and everywhere, the powers of two from 2^-20 to 2^34, so that `sum by (le)` holds; a quantile
/// computed from them is less than twice and more than half the true one. Labels are redacted as in what is
/// exported, by the rules of the pipeline that was made last.
///
/// ```
/// let _tundra = tundra::builder().no_log_output().install()?;
/// tundra::increment_counter!("llm.requests", model = "gpt-4o");
/// let text = tundra::metrics::prometheus();
/// assert!(text.contains("# TYPE llm_requests_total counter\nllm_requests_total{model=\"gpt-4o\"} 1\n"));
/// # Ok::<(), tundra::Error>(())
/// ```
pub fn prometheus() -> String {
    let mut families: BTreeMap<(Kind, String), BTreeMap<Labels, Level>> = BTreeMap::new();
    for (point, level) in levels() {
        let written = point.attrs.iter().map(|(key, value)| (key.to_string(), value.to_text().into_owned()));
        let labels = text::labels(written, level.kind());
        match families.entry((level.kind(), point.name.into_owned())).or_default().entry(labels) {
            Entry::Occupied(mut known) => known.get_mut().join(level),
            Entry::Vacant(place) => {
                place.insert(level);
            }
        }
    }
    let mut names = Names::default();
    let named = families.into_iter().map(|((kind, name), family)| (names.take(&name, kind), (kind, family)));
    let mut text = String::new();
    for (name, (kind, family)) in named.collect::<BTreeMap<_, _>>() {
        let _infallible = writeln!(text, "# TYPE {name} {}", kind.word());
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
            registry::Kind::Counter => Level::Counter(collect::total(number)),
            registry::Kind::Gauge => match registry::gauge(number) {
                Some(value) => Level::Gauge(value),
                None => continue,
            },
            registry::Kind::Histogram => histogram(number),
        };
        points.push(MetricPoint {
            name: series.name.clone().into(),
            unit: Text::default(),
            time: UnixNanos::default(),
            start: UnixNanos::default(),
            attrs: series.attrs(),
            value: MetricValue::Gauge(0.0),
        });
        levels.push(level);
    }
    drop(guard);
    clean_points(&mut points);
    let own = own_points().into_iter().filter_map(|point| match point.value {
        MetricValue::Gauge(value) => Some((point, Level::Gauge(value))),
        _ => None,
    });
    points.into_iter().zip(levels).chain(own).collect()
}

/// What the process and the runtime tell of themselves. Shares of time are missing, for they need two looks.
fn own_points() -> Vec<MetricPoint<'static>> {
    let mut points = Vec::new();
    Process::default().points(UnixNanos::default(), &mut points);
    #[cfg(feature = "tokio")]
    super::tokio::Tokio::default().points(UnixNanos::default(), &mut points);
    points
}

fn bounds() -> impl Iterator<Item = f64> {
    BOUNDS.map(|power| 2_f64.powi(power))
}

fn histogram(number: usize) -> Level {
    let (fine, sum) = totals::standing(number);
    let mut counts = Box::new([0; BUCKETS]);
    for (at, count) in fine.iter().enumerate().filter(|(_, count)| **count > 0) {
        let upper = upper_bound(at);
        counts[bounds().take_while(|bound| *bound < upper).count()] += count;
    }
    Level::Histogram(sum, counts)
}

fn lines(name: &str, labels: &Labels, level: &Level, out: &mut String) {
    match level {
        Level::Counter(total) => line(name, labels, None, &total.to_string(), out),
        Level::Gauge(value) => line(name, labels, None, &float(*value), out),
        Level::Histogram(sum, counts) => {
            let (bucket, mut count) = (format!("{name}_bucket"), 0_u64);
            for (bound, more) in bounds().chain([f64::INFINITY]).zip(counts.iter()) {
                count += more;
                line(&bucket, labels, Some(bound), &count.to_string(), out);
            }
            line(&format!("{name}_sum"), labels, None, &float(*sum), out);
            line(&format!("{name}_count"), labels, None, &count.to_string(), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(part: &str) -> Vec<String> {
        prometheus().lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }

    #[test]
    fn all_kinds() {
        let _collector = crate::testing::Collector::new();
        crate::increment_counter!("prom.requests", model = "m");
        crate::gauge!("prom.level", 2.5);
        [1.0, 1.0, 700.0]
            .into_iter()
            .for_each(|value| crate::histogram!("prom.duration", value, model = "m"));
        let lines = written("prom_");
        let buckets: Vec<_> = lines.iter().filter(|line| line.contains("_bucket")).collect();
        assert_eq!(buckets.len(), BUCKETS);
        for (line, bound) in buckets.into_iter().zip(bounds()) {
            let count = if bound < 1.0 { 0 } else { 2 + i32::from(bound >= 700.0) };
            assert_eq!(*line, format!("prom_duration_bucket{{model=\"m\",le=\"{bound}\"}} {count}"));
        }
        let others: Vec<_> =
            lines.iter().filter(|line| !line.contains("_bucket") || line.contains("+Inf")).collect();
        assert_eq!(
            others,
            [
                "# TYPE prom_duration histogram",
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

    #[test]
    fn outer_values() {
        let _collector = crate::testing::Collector::new();
        [-5.0, 0.0, 1e-7, 1e9, 60e9, f64::INFINITY]
            .into_iter()
            .for_each(|value| crate::histogram!("outer.values", value));
        let count = |bound: &str| {
            let line = format!("outer_values_bucket{{le=\"{bound}\"}} ");
            written(&line).first().map(|found| found[line.len()..].to_owned())
        };
        assert_eq!(count("0.00000095367431640625").as_deref(), Some("3"));
        assert_eq!(count("536870912").as_deref(), Some("3"));
        assert_eq!(count("17179869184").as_deref(), Some("4"));
        assert_eq!(count("+Inf").as_deref(), Some("5"));
        assert_eq!(written("outer_values_sum"), ["outer_values_sum 60999999995"]);
    }

    #[test]
    fn one_series_for_one_set_of_labels() {
        let _collector = crate::testing::Collector::new();
        crate::increment_counter!("ord.requests", a = "1", b = "2");
        crate::increment_counter!("ord.requests", b = "2", a = "1");
        crate::counter!("ord.requests", 3, b = 1 + 1, a = "0", a = 1);
        crate::counter!("ord.raw", 1, r#type = "1", http.r#fn = 1 + 1);
        crate::counter!("ord.raw", 1, type = "1", http.fn = "2");
        crate::counter!("ord.dots", 1, a_b = "2", a.b = "1");
        crate::histogram!("ord.le", 1.0, le = "x");
        let text = prometheus();
        for line in [
            "ord_requests_total{a=\"1\",b=\"2\"} 5\n",
            "ord_raw_total{http_fn=\"2\",type=\"1\"} 2\n",
            "ord_dots_total{a_b=\"1;2\"} 1\n",
            "ord_le_bucket{exported_le=\"x\",le=\"+Inf\"} 1\n",
            "ord_le_count{exported_le=\"x\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert_eq!(written("ord_requests").len(), 2);
    }

    #[test]
    fn names_that_collide() {
        let _collector = crate::testing::Collector::new();
        crate::gauge!("coll.total", 5);
        crate::counter!("coll", 7);
        crate::gauge!("collhist.count", 99);
        crate::histogram!("collhist", 1.0);
        let lines = written("coll");
        for line in [
            "# TYPE coll_total counter",
            "coll_total 7",
            "# TYPE coll_total_gauge gauge",
            "coll_total_gauge 5",
            "# TYPE collhist histogram",
            "collhist_count 1",
            "# TYPE collhist_count_gauge gauge",
            "collhist_count_gauge 99",
        ] {
            assert_eq!(lines.iter().filter(|found| *found == line).count(), 1, "{line} in {lines:?}");
        }
    }
}
