//! Metric points as DogStatsD lines, inverse to the decoder beside it. The SDK calls it; packing lines into datagrams of
//! the right size is done here, sending them is not.

use std::fmt::Write;
use tundra_record::metric::Histogram;
use tundra_record::{Attrs, MetricPoint, MetricValue, Value};

/// What every line of a sender says beside its metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Tags of all lines, `key:value`.
    pub tags: Vec<String>,
    /// The container's id, as `ci-<id>` or `in-<inode>`; empty if there is none.
    pub container: String,
    /// What the orchestrator told the container to say (`DD_EXTERNAL_ENV`); empty if nothing.
    pub external: String,
    /// `low`, `orchestrator`, `high` or `none`; empty leaves it to the Agent.
    pub cardinality: String,
}

/// Lines put together to packets that are never longer than a limit.
#[derive(Debug)]
pub struct Packets {
    limit: usize,
    line: String,
    packet: Vec<u8>,
    /// Points with a line in the packet that are not lost already.
    points: u64,
    /// The point being added.
    current: Current,
    /// Points of which a line alone is longer than a packet.
    pub too_long: u64,
    /// Points of which a line was in a packet that could not be sent.
    pub lost: u64,
}

/// Where a point stands of which some lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Current {
    /// In no packet, or in one that was sent.
    #[default]
    Fine,
    /// In the packet that is being filled.
    Packed,
    /// Counted as lost or too long: one point is counted once, however many lines it has.
    Counted,
}

/// Takes a packet, and says whether it could be sent.
pub type Send<'s> = dyn FnMut(&[u8]) -> bool + 's;

impl Packets {
    /// Packets of at most so many bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: String::new(),
            packet: Vec::new(),
            points: 0,
            current: Current::Fine,
            too_long: 0,
            lost: 0,
        }
    }

    /// Adds a point; `send` gets each packet that is full.
    ///
    /// Sums are counts if they say what was added since the last one, else gauges. A histogram becomes one sampled
    /// distribution value for each bucket that is not empty. Points that are not numbers or have no name are left out.
    pub fn add(&mut self, point: &MetricPoint<'_>, sender: &Sender, send: &mut Send<'_>) {
        if point.name.is_empty() {
            return;
        }
        self.current = Current::Fine;
        match &point.value {
            MetricValue::Gauge(value) => self.number(point, *value, "g", sender, send),
            MetricValue::Sum { value, temporality: tundra_record::Temporality::Delta, .. } => {
                self.number(point, *value, "c", sender, send);
            }
            MetricValue::Sum { value, .. } => self.number(point, *value, "g", sender, send),
            MetricValue::Histogram(histogram) => {
                for (value, count) in middles(histogram) {
                    self.line(point, value, ("d", rate(count)), sender, send);
                }
            }
            MetricValue::Summary { quantiles, .. } => {
                // What was already reduced cannot be merged any more, so each quantile is a gauge of its own.
                for (quantile, value) in quantiles {
                    let mut point = point.clone();
                    point.attrs.push(("quantile".into(), Value::Double(*quantile)));
                    self.number(&point, *value, "g", sender, send);
                }
            }
            MetricValue::SetMember(member) => {
                let member = clean(member, &[':', '|', '#', ',', '@']);
                self.write(point, &member, ("s", None), sender, send);
            }
        }
    }

    /// Sends what has not filled a packet.
    pub fn finish(&mut self, send: &mut Send<'_>) {
        if self.packet.is_empty() {
            return;
        }
        let sent = send(&self.packet);
        self.packet.clear();
        let points = std::mem::take(&mut self.points);
        if !sent {
            self.lost += points;
        }
        if self.current == Current::Packed {
            self.current = if sent { Current::Fine } else { Current::Counted };
        }
    }

    fn number(
        &mut self,
        point: &MetricPoint<'_>,
        value: f64,
        kind: &str,
        sender: &Sender,
        send: &mut Send<'_>,
    ) {
        self.line(point, value, (kind, None), sender, send);
    }

    fn line(
        &mut self,
        point: &MetricPoint<'_>,
        value: f64,
        kind: (&str, Option<f64>),
        sender: &Sender,
        send: &mut Send<'_>,
    ) {
        if value.is_finite() {
            self.write(point, &value.to_string(), kind, sender, send);
        }
    }

    fn write(
        &mut self,
        point: &MetricPoint<'_>,
        value: &str,
        (kind, rate): (&str, Option<f64>),
        sender: &Sender,
        send: &mut Send<'_>,
    ) {
        let line = &mut self.line;
        line.clear();
        line.push_str(&clean(&point.name, &[':', '|', '@']));
        let _infallible = write!(line, ":{value}|{kind}");
        if let Some(rate) = rate {
            let _infallible = write!(line, "|@{rate}");
        }
        tags(&point.attrs, sender, line);
        for (prefix, text) in
            [("c:", &sender.container), ("e:", &sender.external), ("card:", &sender.cardinality)]
        {
            if !text.is_empty() {
                let _infallible = write!(line, "|{prefix}{}", clean(text, &['|']));
            }
        }
        self.pack(send);
    }

    fn pack(&mut self, send: &mut Send<'_>) {
        if self.line.len() > self.limit {
            self.too_long += u64::from(self.current != Current::Counted);
            self.leave();
            return;
        }
        if !self.packet.is_empty() && self.packet.len() + 1 + self.line.len() > self.limit {
            self.finish(send);
        }
        if !self.packet.is_empty() {
            self.packet.push(b'\n');
        }
        self.packet.extend_from_slice(self.line.as_bytes());
        if self.current == Current::Fine {
            self.points += 1;
            self.current = Current::Packed;
        }
    }

    /// The current point is counted: not again with the packet that holds other lines of it.
    fn leave(&mut self) {
        self.points -= u64::from(self.current == Current::Packed);
        self.current = Current::Counted;
    }
}

fn tags(attrs: &Attrs<'_>, sender: &Sender, line: &mut String) {
    let own = attrs.iter().map(|(key, value)| {
        let (key, value) = (clean(key, &[':', '|', ',', '#']), value.to_text());
        let value = clean(&value, &['|', ',']);
        if value.is_empty() { key } else { format!("{key}:{value}") }
    });
    let mut between = "|#";
    for tag in sender.tags.iter().map(|tag| clean(tag, &['|', ','])).chain(own) {
        line.push_str(between);
        line.push_str(&tag);
        between = ",";
    }
}

/// A text without what would end its place in a line.
fn clean(text: &str, special: &[char]) -> String {
    text.chars().map(|c| if special.contains(&c) || c.is_control() { '_' } else { c }).collect()
}

/// A value for each bucket that is not empty, and how often it was seen: the middle of a bucket with two bounds, and for
/// the outer ones what makes the mean right.
fn middles(histogram: &Histogram) -> impl Iterator<Item = (f64, u64)> {
    let (counts, bounds) = (&histogram.counts, &histogram.bounds);
    let inner = counts
        .iter()
        .skip(1)
        .zip(bounds.windows(2))
        .map(|(count, pair)| (pair[0] + (pair[1] - pair[0]) / 2.0, *count));
    let (lowest, highest) = outer(histogram, inner.clone());
    let first = counts.first().map(|count| (lowest, *count));
    let last = counts.get(1..).and_then(<[u64]>::last).map(|count| (highest, *count));
    first.into_iter().chain(inner).chain(last).filter(|(_, count)| *count > 0)
}

/// Values for the buckets that lack a bound: what the sum has beyond the others is theirs, as far as their one bound
/// and the extremes allow it. Without a sum it is the bound.
fn outer(histogram: &Histogram, inner: impl Iterator<Item = (f64, u64)>) -> (f64, f64) {
    let (counts, sum) = (&histogram.counts, histogram.sum.filter(|sum| sum.is_finite()));
    let (Some(first), Some(last)) = (histogram.bounds.first().copied(), histogram.bounds.last().copied())
    else {
        let mean = sum.unwrap_or_default() / (histogram.count.max(1) as f64);
        return (mean, mean);
    };
    let Some(sum) = sum else { return (first, last) };
    let rest = sum - inner.map(|(value, count)| value * count as f64).sum::<f64>();
    let count = |at: Option<&u64>| at.map_or(0.0, |count| *count as f64);
    let (below, above) = (count(counts.first()), count(counts.last()));
    let most = histogram.max.map_or(f64::INFINITY, |max| max.max(last));
    let high = if above > 0.0 { (rest / above).max(last).min(most) } else { last };
    // Where no bound is below zero, no value is likely to be.
    let least = histogram.min.unwrap_or(if first < 0.0 { f64::NEG_INFINITY } else { 0.0 }).min(first);
    let low = if below > 0.0 { ((rest - high * above) / below).min(first).max(least) } else { first };
    (low, high)
}

/// The sample rate that stands for so many values. Agents cut one over the rate to a whole number, so the rate is chosen
/// such that nothing is cut off.
fn rate(count: u64) -> Option<f64> {
    if count <= 1 {
        return None;
    }
    let exact = 1.0 / count as f64;
    Some(if (1.0 / exact) < count as f64 { exact.next_down() } else { exact })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tundra_record::{Temporality, UnixNanos};

    fn point(name: &'static str, value: MetricValue) -> MetricPoint<'static> {
        let attrs = vec![("model".into(), Value::from("gpt|4,o")), ("n".into(), Value::Int(1))];
        let (time, start) = (UnixNanos(1), UnixNanos(0));
        MetricPoint { name: name.into(), unit: "".into(), time, start, attrs, value }
    }

    fn packets(limit: usize, points: &[MetricPoint<'_>], sender: &Sender) -> (Vec<String>, u64) {
        let mut sent = Vec::new();
        let mut keep = |packet: &[u8]| {
            sent.push(String::from_utf8_lossy(packet).into_owned());
            true
        };
        let mut packets = Packets::new(limit);
        points.iter().for_each(|point| packets.add(point, sender, &mut keep));
        packets.finish(&mut keep);
        (sent, packets.too_long)
    }

    fn counter(value: f64) -> MetricValue {
        MetricValue::Sum { value, temporality: Temporality::Delta, monotonic: true }
    }

    #[test]
    fn lines() {
        let check = |value: MetricValue, expect: &str| {
            let (sent, _) = packets(1432, &[point("a.b", value)], &Sender::default());
            assert_eq!(sent.join(" / "), expect);
        };
        check(MetricValue::Gauge(1.5), "a.b:1.5|g|#model:gpt_4_o,n:1");
        check(MetricValue::Gauge(f64::NAN), "");
        check(counter(3.0), "a.b:3|c|#model:gpt_4_o,n:1");
        check(MetricValue::SetMember("x:y".into()), "a.b:x_y|s|#model:gpt_4_o,n:1");
        let histogram = Histogram {
            count: 3,
            bounds: vec![1.0, 2.0],
            counts: vec![0, 1, 2],
            temporality: Temporality::Delta,
            ..Histogram::default()
        };
        check(
            MetricValue::Histogram(histogram),
            "a.b:1.5|d|#model:gpt_4_o,n:1\na.b:2|d|@0.5|#model:gpt_4_o,n:1",
        );
    }

    #[test]
    fn a_metric_without_a_name_is_left_out() {
        let (sent, _) = packets(1432, &[point("", counter(1.0))], &Sender::default());
        assert_eq!(sent, Vec::<String>::new());
    }

    fn histogram(bounds: &[f64], counts: &[u64], sum: f64) -> Histogram {
        Histogram {
            count: counts.iter().sum(),
            sum: Some(sum),
            bounds: bounds.to_vec(),
            counts: counts.to_vec(),
            temporality: Temporality::Delta,
            ..Histogram::default()
        }
    }

    #[test]
    fn outer_buckets_make_the_mean_right() {
        let check = |histogram: Histogram, expect: &[(f64, u64)]| {
            assert_eq!(middles(&histogram).collect::<Vec<_>>(), expect, "{histogram:?}");
        };
        check(histogram(&[], &[], 0.0), &[]);
        check(histogram(&[], &[4], 6.0), &[(1.5, 4)]);
        check(histogram(&[16.0], &[0, 1], 60.0), &[(60.0, 1)]);
        check(histogram(&[1.0, 2.0], &[0, 2, 2], 103.0), &[(1.5, 2), (50.0, 2)]);
        check(histogram(&[-1.0, 1.0], &[2, 3, 0], -10.0), &[(-5.0, 2), (0.0, 3)]);
        check(histogram(&[-1.0, 1.0], &[1, 0, 1], 55.0), &[(-1.0, 1), (55.0, 1)][..]);
        check(histogram(&[-1.0, 1.0], &[1, 0, 1], -7.0), &[(-8.0, 1), (1.0, 1)]);
        // Middles are not exact: what would follow from that and cannot be is not believed.
        check(histogram(&[0.0, 10.0], &[1, 4, 0], 8.0), &[(0.0, 1), (5.0, 4)]);
        check(histogram(&[1.0, 9.0], &[0, 2, 1], 7.0), &[(5.0, 2), (9.0, 1)]);
        let known = Histogram { min: Some(-2.0), ..histogram(&[0.0, 10.0], &[1, 4, 0], 8.0) };
        check(known, &[(-2.0, 1), (5.0, 4)]);
        let known = Histogram { max: Some(70.0), ..histogram(&[0.0, 10.0], &[0, 4, 1], 100.0) };
        check(known, &[(5.0, 4), (70.0, 1)]);
        let unknown = Histogram { sum: None, ..histogram(&[1.0, 2.0], &[1, 0, 1], 0.0) };
        check(unknown, &[(1.0, 1), (2.0, 1)]);
    }

    #[test]
    fn lost_points_are_counted_once() {
        let check = |limit: usize, fails: fn(usize) -> bool, expect: (u64, u64)| {
            let lines = [1, 1, 1, 1, 1, 1, 1, 1, 0];
            let many = histogram(&[0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0], &lines, 0.0);
            let points = [
                point("a", MetricValue::Histogram(many.clone())),
                point("b", MetricValue::Gauge(1.0)),
                point("c", MetricValue::Histogram(many)),
            ];
            let (mut packets, mut number) = (Packets::new(limit), 0);
            let mut send = |_: &[u8]| {
                number += 1;
                !fails(number)
            };
            points.iter().for_each(|point| packets.add(point, &Sender::default(), &mut send));
            packets.finish(&mut send);
            assert_eq!((packets.lost, packets.too_long), expect, "{limit}");
        };
        // One packet, one for each line, and two lines in each.
        for limit in [8000, 30, 60] {
            check(limit, |_| false, (0, 0));
            check(limit, |_| true, (3, 0));
        }
        check(8000, |number| number == 1, (3, 0));
        check(30, |number| number == 1 || number == 3, (1, 0));
        check(30, |number| number == 9, (1, 0));
        check(60, |number| number == 5, (2, 0));
        check(60, |number| number >= 5, (2, 0));
        check(10, |_| true, (0, 3));
    }

    #[test]
    fn a_sender_is_named_on_each_line() {
        let sender = Sender {
            tags: vec!["env:test".into()],
            container: "ci-abc".into(),
            external: "it-false".into(),
            cardinality: "low".into(),
        };
        let (sent, _) = packets(1432, &[point("a", MetricValue::Gauge(1.0))], &sender);
        assert_eq!(sent, ["a:1|g|#env:test,model:gpt_4_o,n:1|c:ci-abc|e:it-false|card:low"]);
    }

    #[test]
    fn packets_keep_their_size() {
        let points: Vec<_> =
            (0..100).map(|n| point("some.metric", MetricValue::Gauge(f64::from(n)))).collect();
        for limit in [60, 100, 1432, 8192] {
            let (sent, too_long) = packets(limit, &points, &Sender::default());
            assert!(sent.iter().all(|packet| packet.len() <= limit), "{limit}");
            assert_eq!(sent.iter().map(|packet| packet.lines().count()).sum::<usize>(), 100);
            assert_eq!(too_long, 0);
        }
        assert_eq!(packets(10, &points, &Sender::default()), (vec![], 100));
    }

    #[test]
    fn rates_stand_for_their_count() {
        for count in 2..100_000_u64 {
            let rate = rate(count).expect("more than one");
            assert_eq!((1.0 / rate) as u64, count);
        }
    }
}
