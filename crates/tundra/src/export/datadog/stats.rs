//! Counts spans in buckets of ten seconds, so that an Agent need not see those that are not kept.
//!
//! Every span that is the first of its service, that somebody marked as measured, or that crosses a border (client,
//! server, producer, consumer) counts, sampled or not. The exporter feeds it and sends what it gives out.

use super::chunks::{is_top_level, services_of_marked, type_of};
use super::operation::operation;
use crate::collector::Marked;
use crate::limits::{STATS_BUCKETS, STATS_GROUPS};
use std::collections::{BTreeMap, HashMap};
use tundra_record::{Resource, Span, SpanKind, Status, UnixNanos, Value};
use tundra_wire::datadog::stats::{Bucket, Group, Key};

const BUCKET_NANOS: u64 = 10_000_000_000;
/// What the resources beyond the limit are called.
const OVERFLOW: &str = "tundra_overflow";

/// Spans counted and not yet sent.
#[derive(Debug, Default)]
pub(super) struct Concentrator {
    periods: BTreeMap<u64, Period>,
    /// Periods that there ever were.
    serial: u64,
}

#[derive(Debug, Default)]
struct Period {
    serial: u64,
    places: HashMap<Key, usize>,
    groups: Vec<Group>,
}

/// Where spans that are all alike were counted last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    serial: u64,
    place: usize,
}

impl Concentrator {
    /// Counts spans by when they ended.
    pub(super) fn add(&mut self, spans: &[Marked<'_>], resource: &Resource<'_>, peer_tags: &[String]) {
        let services = services_of_marked(spans);
        for Marked { span, first, .. } in spans {
            let top = is_top_level(span, *first, &services);
            self.add_span(span, (*first, top), resource, peer_tags);
        }
    }

    /// The same of one span, which may be the first of its trace here, and the first of its service.
    pub(super) fn add_span(
        &mut self,
        span: &Span<'_>,
        (first, top): (bool, bool),
        resource: &Resource<'_>,
        peer_tags: &[String],
    ) {
        let measured = || span.attr("_dd.measured").and_then(Value::as_int) == Some(1);
        let border = matches!(
            span.kind,
            SpanKind::Client | SpanKind::Server | SpanKind::Producer | SpanKind::Consumer
        );
        if top || border || measured() {
            let period = self.period(span.end());
            let place = period.place(key(span, first, resource, peer_tags));
            count(&mut period.groups[place], span.duration, span.status == Status::Error, top);
        }
    }

    /// Counts a span that is the first of its service, went well and has no tag that matters; `key` is asked where it was
    /// not counted before.
    pub(super) fn add_plain(
        &mut self,
        known: &mut Known,
        (ended, nanos): (UnixNanos, i64),
        key: impl FnOnce() -> Key,
    ) {
        let period = self.period(ended);
        if known.serial != period.serial {
            *known = Known { serial: period.serial, place: period.place(key()) };
        }
        count(&mut period.groups[known.place], nanos, false, true);
    }

    fn period(&mut self, ended: UnixNanos) -> &mut Period {
        let ended = u64::try_from(ended.0).unwrap_or_default();
        let mut start = ended - ended % BUCKET_NANOS;
        if !self.periods.contains_key(&start) {
            match self.periods.last_key_value() {
                // Times that jump about must not cost memory.
                Some((last, _)) if self.periods.len() >= STATS_BUCKETS => start = *last,
                _ => {
                    self.serial += 1;
                    self.periods.insert(start, Period { serial: self.serial, ..Period::default() });
                }
            }
        }
        self.periods.entry(start).or_default()
    }

    /// Takes out what is over: buckets that ended before `now`, by more than one bucket; or all. Those that are as far ahead go,
    /// too: the clock was set back, or never showed such a time, and they would keep their places from others.
    pub(super) fn take(&mut self, now: u64, all: bool) -> Vec<Bucket> {
        let mut rest = match now.checked_sub(2 * BUCKET_NANOS) {
            _ if all => BTreeMap::new(),
            Some(old) => self.periods.split_off(&(old + 1)),
            None => return Vec::new(),
        };
        let ahead = rest.split_off(&now.saturating_add(2 * BUCKET_NANOS));
        let mut old = std::mem::replace(&mut self.periods, rest);
        old.extend(ahead);
        let bucket = |(start, mut period): (u64, Period)| {
            let places = period.places.into_iter();
            let mut groups: Vec<_> =
                places.map(|(key, place)| (key, std::mem::take(&mut period.groups[place]))).collect();
            groups.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            Bucket { start, duration: BUCKET_NANOS, groups }
        };
        old.into_iter().map(bucket).collect()
    }
}

impl Period {
    /// Where spans with this key are counted.
    fn place(&mut self, mut key: Key) -> usize {
        if self.groups.len() >= STATS_GROUPS && !self.places.contains_key(&key) {
            key = Key {
                service: key.service,
                name: OVERFLOW.into(),
                resource: OVERFLOW.into(),
                ..Key::default()
            };
        }
        let place = *self.places.entry(key).or_insert(self.groups.len());
        if place == self.groups.len() {
            self.groups.push(Group::default());
        }
        place
    }
}

fn count(group: &mut Group, nanos: i64, failed: bool, top: bool) {
    let nanos = u64::try_from(nanos).unwrap_or_default();
    group.hits += 1;
    group.errors += u64::from(failed);
    group.top_level_hits += u64::from(top);
    group.duration = group.duration.saturating_add(nanos);
    if failed { group.failed.add(nanos) } else { group.ok.add(nanos) }
}

/// The key of a span that `add_plain` counts.
pub(super) fn plain_key(resource: &Resource<'_>, name: &str, root: bool) -> Key {
    let kind = SpanKind::Internal;
    let span = Span { name: name.into(), kind, parent_id: (!root).then(Default::default), ..Span::default() };
    key(&span, root, resource, &[])
}

fn key(span: &Span<'_>, first: bool, resource: &Resource<'_>, peer_tags: &[String]) -> Key {
    let text = |keys: &[&str]| {
        keys.iter()
            .find_map(|key| span.attr(key))
            .map(|value| value.to_text().into_owned())
            .unwrap_or_default()
    };
    let outward = matches!(span.kind, SpanKind::Client | SpanKind::Producer | SpanKind::Consumer);
    let peer = |tag: &String| Some(format!("{tag}:{}", span.attr(tag)?.to_text()));
    let status = ["http.status_code", "http.response.status_code"].iter().find_map(|key| span.attr(key));
    let kind = text(&["span.type"]);
    let service = span.service.as_deref().or(resource.service()).unwrap_or("unknown_service");
    Key {
        service: service.to_owned(),
        name: operation(span).into_owned(),
        resource: span.resource.as_deref().unwrap_or(&span.name).to_owned(),
        kind: if kind.is_empty() { type_of(span).to_owned() } else { kind },
        span_kind: if span.kind == SpanKind::Unspecified {
            String::new()
        } else {
            span.kind.as_str().to_owned()
        },
        status: status.and_then(|code| code.to_text().parse().ok()).unwrap_or_default(),
        grpc_status: text(&["rpc.grpc.status_code", "rpc.response.status_code"]),
        method: text(&["http.method", "http.request.method"]),
        endpoint: text(&["http.route"]),
        root: first && span.parent_id.is_none(),
        synthetic: span
            .attr("_dd.origin")
            .and_then(Value::as_str)
            .is_some_and(|o| o.starts_with("synthetics")),
        peer_tags: if outward { peer_tags.iter().filter_map(peer).collect() } else { Vec::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tundra_record::{SpanId, UnixNanos};

    fn span(name: &'static str, id: u64, parent: u64, end: u64) -> Marked<'static> {
        let span = Span {
            name: name.into(),
            span_id: SpanId(id),
            parent_id: Some(SpanId(parent)).filter(|id| id.is_valid()),
            start: UnixNanos(end as i64 - 5),
            duration: 5,
            kind: SpanKind::Internal,
            ..Span::default()
        };
        Marked { span, first: parent == 0, decided_here: true, sampled: false, worth: None }
    }

    #[test]
    fn what_counts() {
        let mut concentrator = Concentrator::default();
        let mut other = span("other_service", 3, 1, 100);
        other.span.service = Some("db".into());
        let mut client = span("client", 4, 1, 100);
        client.span.kind = SpanKind::Client;
        client.span.attrs =
            vec![("db.name".into(), "users".into()), ("http.status_code".into(), Value::Int(503))];
        client.span.status = Status::Error;
        let spans = [span("root", 1, 0, 100), span("inner", 2, 1, 100), other, client];
        concentrator.add(&spans, &Resource::default(), &["db.name".to_owned(), "peer".to_owned()]);
        let buckets = concentrator.take(0, true);
        let mut found: Vec<_> = buckets[0]
            .groups
            .iter()
            .map(|(key, group)| (&*key.name, group.hits, group.errors, group.top_level_hits, key.status))
            .collect();
        found.sort_unstable();
        assert_eq!(found, [("client", 1, 1, 0, 503), ("other_service", 1, 0, 1, 0), ("root", 1, 0, 1, 0)]);
        let client = buckets[0].groups.iter().find(|(key, _)| key.name == "client").expect("it counts");
        assert_eq!(client.0.peer_tags, ["db.name:users"]);
        assert_eq!((client.0.root, client.1.failed.count(), client.1.ok.count()), (false, 1.0, 0.0));
    }

    #[test]
    fn buckets_go_when_they_are_over() {
        let mut concentrator = Concentrator::default();
        let ten = BUCKET_NANOS;
        let ends = [1, ten - 1, ten, 3 * ten + 7];
        let spans: Vec<_> = ends.iter().map(|end| span("root", 1, 0, *end)).collect();
        concentrator.add(&spans, &Resource::default(), &[]);
        let mut check = |now: u64, all: bool, expect: &[u64]| {
            let starts: Vec<_> = concentrator.take(now, all).iter().map(|bucket| bucket.start).collect();
            assert_eq!(starts, expect, "{now}");
        };
        check(ten, false, &[]);
        check(2 * ten, false, &[0]);
        check(2 * ten, false, &[]);
        check(4 * ten, false, &[ten]);
        check(4 * ten, true, &[3 * ten]);
    }

    #[test]
    fn times_to_come_hold_nobody_up() {
        let mut concentrator = Concentrator::default();
        let far = 1_000 * BUCKET_NANOS;
        let mut starts = |ends: &[u64], now: u64| -> Vec<u64> {
            let spans: Vec<_> = ends.iter().map(|end| span("root", 1, 0, *end)).collect();
            concentrator.add(&spans, &Resource::default(), &[]);
            concentrator.take(now, false).iter().map(|bucket| bucket.start).collect()
        };
        let many: Vec<_> = (0..STATS_BUCKETS as u64).map(|n| far + n * BUCKET_NANOS).collect();
        assert_eq!(starts(&many, 10 * BUCKET_NANOS), many);
        let soon = 11 * BUCKET_NANOS;
        assert!(starts(&[soon], 10 * BUCKET_NANOS).is_empty());
        assert_eq!(starts(&[], 13 * BUCKET_NANOS), [soon]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut concentrator = Concentrator::default();
        for n in 0..3 * STATS_GROUPS as u64 {
            let mut one = span("root", 1, 0, 10);
            one.span.resource = Some(format!("GET /{n}").into());
            let far = span("root", 1, 0, n * BUCKET_NANOS + 5);
            concentrator.add(&[one, far], &Resource::default(), &[]);
        }
        let buckets = concentrator.take(0, true);
        assert!(buckets.len() <= STATS_BUCKETS);
        assert!(buckets.iter().all(|bucket| bucket.groups.len() <= STATS_GROUPS + 1));
        let hits: u64 = buckets.iter().flat_map(|bucket| &bucket.groups).map(|(_, group)| group.hits).sum();
        assert_eq!(hits, 6 * STATS_GROUPS as u64);
    }
}
