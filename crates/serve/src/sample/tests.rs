//! Sample data is what it says: whole trees, about now, of the promised size.

use super::{LARGE_SPANS, build};
use std::collections::HashSet;
use tundra_record::{Status, UnixNanos};

#[test]
fn traces_are_whole() {
    let now = UnixNanos(1_790_000_000_000_000_000);
    let samples = build(now);
    let all: Vec<_> = samples.parts.iter().flat_map(|(_, spans)| spans).collect();
    for (trace, least) in [(samples.run, 12), (samples.large, LARGE_SPANS)] {
        let spans: Vec<_> = all.iter().filter(|span| span.trace_id == trace).collect();
        assert!(spans.len() >= least, "{trace}: {}", spans.len());
        let ids: HashSet<_> = spans.iter().map(|span| span.span_id).collect();
        assert_eq!(ids.len(), spans.len(), "ids are unique");
        assert_eq!(spans.iter().filter(|span| span.parent_id.is_none()).count(), 1);
        assert!(spans.iter().filter_map(|span| span.parent_id).all(|parent| ids.contains(&parent)));
        assert!(spans.iter().any(|span| span.status == Status::Error));
        assert!(spans.iter().all(|span| span.end() <= now && span.start.0 > now.0 - 60_000_000_000));
    }
    assert_eq!(all.iter().filter(|span| span.trace_id == samples.large).count(), LARGE_SPANS);
    let models: HashSet<_> = all.iter().filter_map(|span| span.attr_str("gen_ai.request.model")).collect();
    assert_eq!(models.len(), 3);
    assert!(all.iter().any(|span| span.name == "execute_tool track_parcel" && span.status == Status::Error));
    assert_ne!(build(UnixNanos(now.0 + 1)).run, samples.run);
}
