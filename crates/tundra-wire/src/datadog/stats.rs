//! What a tracer counted of its own spans, as the msgpack that `/v0.6/stats` takes. The SDK fills and calls it.
//!
//! Durations go as DDSketch in protobuf with the mapping that Datadog's own clients use, so that sketches from different
//! clients can be merged.

use crate::msgpack::Writer;
use crate::protobuf::{double, message, packed, varint};

/// Each bin is this much wider than the one below.
const GAMMA: f64 = 1.015_625;
/// Where bin 0 lies; a constant of the mapping that every client shares.
const INDEX_OFFSET: f64 = 1.876_128_191_286_170_5;
/// Bins of one sketch: what is longer counts in the last one. Covers a nanosecond to some two years.
const BINS: usize = 2_560;

/// How often which duration was seen, within 0.8 percent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketch {
    /// The number of the first bin.
    first: i32,
    bins: Vec<f64>,
    zeros: f64,
}

impl Sketch {
    /// Counts one duration.
    pub fn add(&mut self, nanos: u64) {
        if nanos == 0 {
            self.zeros += 1.0;
            return;
        }
        let index = ((nanos as f64).ln() / GAMMA.ln() + INDEX_OFFSET).floor() as i32;
        let index = index.clamp(0, BINS as i32 - 1);
        if self.bins.is_empty() {
            self.first = index;
        }
        if index < self.first {
            let more = (self.first - index) as usize;
            self.bins.splice(0..0, std::iter::repeat_n(0.0, more));
            self.first = index;
        }
        let at = (index - self.first) as usize;
        if at >= self.bins.len() {
            self.bins.resize(at + 1, 0.0);
        }
        self.bins[at] += 1.0;
    }

    /// How many durations were counted.
    pub fn count(&self) -> f64 {
        self.zeros + self.bins.iter().sum::<f64>()
    }

    /// Appends the sketch as protobuf.
    pub fn encode(&self, out: &mut Vec<u8>) {
        message(1, out, |out| {
            double(1, GAMMA, out);
            double(2, INDEX_OFFSET, out);
        });
        message(2, out, |out| {
            packed(2, self.bins.iter().map(|count| count.to_bits()), out);
            varint(3, zigzag(self.first), out);
        });
        message(3, out, |_| {});
        double(4, self.zeros, out);
    }
}

fn zigzag(number: i32) -> u64 {
    u64::from((number.wrapping_shl(1) ^ (number >> 31)) as u32)
}

/// What spans are counted together by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The service.
    pub service: String,
    /// The operation.
    pub name: String,
    /// What was asked for.
    pub resource: String,
    /// Datadog's type of the span.
    pub kind: String,
    /// `client`, `server`, ...; empty if not said.
    pub span_kind: String,
    /// HTTP's status; 0 if there is none.
    pub status: u32,
    /// gRPC's status as text; empty if there is none.
    pub grpc_status: String,
    /// HTTP's method; empty if there is none.
    pub method: String,
    /// The route; empty if there is none.
    pub endpoint: String,
    /// Whether the trace begins here.
    pub root: bool,
    /// Made by a synthetic test.
    pub synthetic: bool,
    /// `key:value` of the other side.
    pub peer_tags: Vec<String>,
}

/// What was counted under one key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Spans.
    pub hits: u64,
    /// Of these, failed.
    pub errors: u64,
    /// Of these, the first of their service in the trace.
    pub top_level_hits: u64,
    /// Nanoseconds of all together.
    pub duration: u64,
    /// Durations of those that went well.
    pub ok: Sketch,
    /// Durations of those that failed.
    pub failed: Sketch,
}

/// What was counted in one period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bucket {
    /// When it begins, in nanoseconds since 1970.
    pub start: u64,
    /// How long it is, in nanoseconds.
    pub duration: u64,
    /// What was counted.
    pub groups: Vec<(Key, Group)>,
}

/// Who counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sender<'s> {
    /// The machine.
    pub host: &'s str,
    /// The environment.
    pub env: &'s str,
    /// The service's version.
    pub version: &'s str,
    /// The service.
    pub service: &'s str,
    /// The tracer's own version.
    pub tracer_version: &'s str,
    /// Names this run of the process.
    pub runtime_id: &'s str,
    /// The container; empty if there is none.
    pub container_id: &'s str,
    /// Rises with each payload.
    pub sequence: u64,
}

/// Appends a whole `/v0.6/stats` body.
pub fn encode(sender: &Sender<'_>, buckets: &[Bucket], out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    let texts = [
        ("Hostname", sender.host),
        ("Env", sender.env),
        ("Version", sender.version),
        ("Lang", "rust"),
        ("TracerVersion", sender.tracer_version),
        ("RuntimeID", sender.runtime_id),
        ("Service", sender.service),
        ("ContainerID", sender.container_id),
    ];
    writer.map(texts.len() + 2);
    for (key, text) in texts {
        writer.text(key);
        writer.text(text);
    }
    writer.text("Sequence");
    writer.uint(sender.sequence);
    writer.text("Stats");
    writer.array(buckets.len());
    for bucket in buckets {
        writer.map(3);
        for (key, number) in [("Start", bucket.start), ("Duration", bucket.duration)] {
            writer.text(key);
            writer.uint(number);
        }
        writer.text("Stats");
        writer.array(bucket.groups.len());
        bucket.groups.iter().for_each(|(key, group)| write_group(key, group, &mut writer));
    }
}

/// `IsTraceRoot` is a three-valued word: 0 would mean that nobody said.
const ROOT: u64 = 1;
const NOT_ROOT: u64 = 2;

fn write_group(key: &Key, group: &Group, writer: &mut Writer<'_>) {
    let texts = [
        ("Service", &key.service),
        ("Name", &key.name),
        ("Resource", &key.resource),
        ("Type", &key.kind),
        ("SpanKind", &key.span_kind),
        ("GRPCStatusCode", &key.grpc_status),
        ("HTTPMethod", &key.method),
        ("HTTPEndpoint", &key.endpoint),
    ];
    let numbers = [
        ("HTTPStatusCode", u64::from(key.status)),
        ("Hits", group.hits),
        ("Errors", group.errors),
        ("Duration", group.duration),
        ("TopLevelHits", group.top_level_hits),
        ("IsTraceRoot", if key.root { ROOT } else { NOT_ROOT }),
    ];
    writer.map(texts.len() + numbers.len() + 5);
    for (name, text) in texts {
        writer.text(name);
        writer.text(text);
    }
    for (name, number) in numbers {
        writer.text(name);
        writer.uint(number);
    }
    writer.text("DBType");
    writer.text("");
    writer.text("Synthetics");
    writer.bool(key.synthetic);
    writer.text("PeerTags");
    writer.array(key.peer_tags.len());
    key.peer_tags.iter().for_each(|tag| writer.text(tag));
    for (name, sketch) in [("OkSummary", &group.ok), ("ErrorSummary", &group.failed)] {
        let mut bytes = Vec::new();
        sketch.encode(&mut bytes);
        writer.text(name);
        writer.bytes(&bytes);
    }
}

#[cfg(test)]
mod tests;
