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
    /// Points whose line alone is longer than a packet.
    pub too_long: u64,
}

impl Packets {
    /// Packets of at most so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, line: String::new(), packet: Vec::new(), too_long: 0 }
    }

    /// Adds a point; `send` gets each packet that is full.
    ///
    /// Sums are counts if they say what was added since the last one, else gauges. A histogram becomes one sampled
    /// distribution value for each bucket that is not empty. Points that are not numbers are left out.
    pub fn add(&mut self, point: &MetricPoint<'_>, sender: &Sender, send: &mut dyn FnMut(&[u8])) {
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
    pub fn finish(&mut self, send: &mut dyn FnMut(&[u8])) {
        if !self.packet.is_empty() {
            send(&self.packet);
            self.packet.clear();
        }
    }

    fn number(
        &mut self,
        point: &MetricPoint<'_>,
        value: f64,
        kind: &str,
        sender: &Sender,
        send: &mut dyn FnMut(&[u8]),
    ) {
        self.line(point, value, (kind, None), sender, send);
    }

    fn line(
        &mut self,
        point: &MetricPoint<'_>,
        value: f64,
        kind: (&str, Option<f64>),
        sender: &Sender,
        send: &mut dyn FnMut(&[u8]),
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
        send: &mut dyn FnMut(&[u8]),
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

    fn pack(&mut self, send: &mut dyn FnMut(&[u8])) {
        if self.line.len() > self.limit {
            self.too_long += 1;
            return;
        }
        if !self.packet.is_empty() && self.packet.len() + 1 + self.line.len() > self.limit {
            self.finish(send);
        }
        if !self.packet.is_empty() {
            self.packet.push(b'\n');
        }
        self.packet.extend_from_slice(self.line.as_bytes());
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

/// The middle of each bucket that is not empty, and how often it was seen.
fn middles(histogram: &Histogram) -> impl Iterator<Item = (f64, u64)> {
    let bounds = &histogram.bounds;
    histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(move |(at, count)| {
        let upper = bounds.get(at).copied();
        let lower = at.checked_sub(1).and_then(|below| bounds.get(below).copied());
        let middle = match (lower, upper) {
            (Some(lower), Some(upper)) => lower + (upper - lower) / 2.0,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => histogram.sum.unwrap_or_default() / (histogram.count.max(1) as f64),
        };
        (middle, *count)
    })
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
        let mut keep = |packet: &[u8]| sent.push(String::from_utf8_lossy(packet).into_owned());
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
