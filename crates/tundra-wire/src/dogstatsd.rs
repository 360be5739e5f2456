//! DogStatsD, versions 1.0 to 1.6: lines of text to metric points (and back, `encode`), and its events and service checks
//! to log records. `intake` calls it for UDP, unix sockets (which it unframes first) and the HTTP proxy path.
//!
//! A line that does not parse is rejected alone. Every value of a packed line becomes a point of its own. Tags stay
//! labels; `service`, `env` and `version` among them and the container's id also make the resource.

pub mod encode;
mod message;
mod metric;
mod tail;

use crate::budget::{Budget, Fault};
use crate::limits::Limits;
use crate::text::text;
use std::borrow::Cow;
use tail::Tail;
use tundra_record::value::get;
use tundra_record::{Reject, Resource, Scope, Sink, UnixNanos, Value};

/// Decodes the lines of a packet. `now` is the time of lines that say none.
///
/// It cannot fail as a whole: each line beyond what `limits` allow for one packet is rejected as `TooMany`.
pub fn lines(packet: &[u8], now: UnixNanos, limits: &Limits, sink: &mut impl Sink) {
    let mut packet_state = Packet { now, budget: Budget::new(packet.len(), limits), announced: None };
    for line in packet.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if let Err(fault) = packet_state.line(&text(line), sink) {
            sink.reject(match fault {
                Fault::Record(reason) => reason,
                Fault::Request(_) => Reject::TooMany,
            });
        }
    }
}

/// A line that does not parse.
const BAD: Fault = Fault::Record(Reject::BadLine);

/// What the lines of one packet share.
#[derive(Debug)]
struct Packet {
    now: UnixNanos,
    budget: Budget,
    /// What the resource announced last was made of.
    announced: Option<[Option<String>; RESOURCE.len()]>,
}

/// What makes a line's resource: the tag or field, and its name as an attribute.
const RESOURCE: [(&str, &str); 6] = [
    ("service", "service.name"),
    ("env", "deployment.environment.name"),
    ("version", "service.version"),
    (tail::CONTAINER, "container.id"),
    (tail::EXTERNAL, "datadog.external_env"),
    (tail::HOST, "host.name"),
];

impl Packet {
    fn line(&mut self, line: &str, sink: &mut impl Sink) -> Result<(), Fault> {
        if line.starts_with("_e{") {
            message::event(line, self, sink)
        } else if line.starts_with("_sc|") {
            message::check(line, self, sink)
        } else {
            metric::metric(line, self, sink)
        }
    }

    /// Announces the line's resource, if it is another than that of the line before.
    fn announce(&mut self, tail: &Tail<'_>, sink: &mut impl Sink) {
        let said = RESOURCE.map(|(key, _)| get(&tail.fields, key).or(get(&tail.tags, key))?.as_str());
        let same = self.announced.as_ref().is_some_and(|have| have.iter().map(Option::as_deref).eq(said));
        if same {
            return;
        }
        let mut resource = Resource::default();
        for ((_, name), text) in RESOURCE.into_iter().zip(said) {
            if let Some(text) = text {
                resource.attrs.push((Cow::Borrowed(name), Value::from(text)));
            }
        }
        sink.resource(&mut resource);
        if self.announced.is_none() {
            sink.scope(&mut Scope::default());
        }
        self.announced = Some(said.map(|text| text.map(str::to_owned)));
    }
}

#[cfg(test)]
mod tests;
