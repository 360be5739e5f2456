//! Searches find what matches, in order, page by page, over hot rows and files alike.

use super::walk::{Stretch, Walk};
use super::{Cursor, Page, Sample, Search, Sort};
use crate::testing::{House, SECOND, ZERO, call, failed, shop, span};
use proptest::prelude::*;

fn ids(page: &Page) -> Vec<u8> {
    page.traces.iter().map(|trace| u8::from_str_radix(&trace.trace_id, 16).unwrap()).collect()
}

async fn check(house: &House, search: Search, expected: &[u8]) {
    let page = house.query.search(&search).await.unwrap();
    assert_eq!(ids(&page), expected, "{search:?}");
}

#[tokio::test]
async fn conditions() {
    let house = shop().await;
    let text = |text: &str| Some(text.to_owned());
    let all = Search::default;
    for _round in ["hot", "files"] {
        check(&house, all(), &[2, 1]).await;
        check(&house, Search { service: text("pay"), ..all() }, &[1]).await;
        check(&house, Search { service: text("nobody"), ..all() }, &[]).await;
        check(&house, Search { operation: text("GET /"), ..all() }, &[2]).await;
        check(&house, Search { errors: true, ..all() }, &[1]).await;
        check(&house, Search { service: text("shop"), errors: true, ..all() }, &[]).await;
        check(&house, Search { model: text("gpt-4o"), ..all() }, &[1]).await;
        check(&house, Search { model: text("gpt-4o"), service: text("pay"), ..all() }, &[1]).await;
        check(&house, Search { model: text("gpt-4o"), service: text("nobody"), ..all() }, &[]).await;
        check(&house, Search { model: text("other"), ..all() }, &[]).await;
        check(&house, Search { text: text("CHARGE"), ..all() }, &[1]).await;
        check(&house, Search { text: text("/order"), ..all() }, &[1]).await;
        check(&house, Search { text: text("xxxxxxxxxxxx"), ..all() }, &[1]).await;
        check(&house, Search { text: text("absent"), ..all() }, &[]).await;
        check(&house, Search { text: text("00000000000000000000000000000002"), ..all() }, &[2]).await;
        check(&house, Search { attrs: vec![("http.route".into(), "/order".into())], ..all() }, &[1]).await;
        check(&house, Search { attrs: vec![("http.route".into(), "/".into())], ..all() }, &[]).await;
        check(&house, Search { attrs: vec![("service.name".into(), "pay".into())], ..all() }, &[1]).await;
        let without =
            |key: &str, value: &str| Search { not_attrs: vec![(key.into(), value.into())], ..all() };
        check(&house, without("http.route", "/order"), &[2]).await;
        check(&house, without("http.route", "/"), &[2, 1]).await;
        check(&house, without("service.name", "pay"), &[2]).await;
        check(&house, without("env", "nowhere"), &[2, 1]).await;
        check(&house, Search { sort: Sort::Slowest, ..without("service.name", "pay") }, &[2]).await;
        check(&house, Search { min_duration_ns: Some(100), ..all() }, &[1]).await;
        check(&house, Search { max_duration_ns: Some(100), ..all() }, &[2]).await;
        check(&house, Search { from_ns: Some(ZERO + SECOND), ..all() }, &[2]).await;
        check(&house, Search { to_ns: Some(ZERO + SECOND), ..all() }, &[1]).await;
        check(&house, Search { sort: Sort::Slowest, ..all() }, &[1, 2]).await;
        check(&house, Search { sort: Sort::Slowest, service: text("pay"), ..all() }, &[1]).await;
        check(&house, Search { sample: Sample::Only, ..all() }, &[]).await;
        check(&house, Search { sample: Sample::Exclude, ..all() }, &[2, 1]).await;
        house.store.flush().await.unwrap();
    }
}

#[tokio::test]
async fn a_summary_counts_each_span_and_call_once() {
    let house = shop().await;
    // The same spans again, as a client's retry would send them, and the call told once more with a price.
    let chat = span(1, 12, Some(10), "chat", 300, 400);
    let known = call(&chat, "gpt-4o", (100, 20), Some(6_000));
    house.add("shop", vec![(chat, Some(known))]).await;
    house.add("pay", vec![(failed(span(1, 11, Some(10), "charge card", 100, 200)), None)]).await;
    let page =
        house.query.search(&Search { service: Some("pay".into()), ..Search::default() }).await.unwrap();
    let trace = &page.traces[0];
    assert_eq!((trace.name.as_str(), trace.service.as_str()), ("GET /order", "shop"));
    assert_eq!((trace.spans, trace.errors, trace.duration_ns, trace.partial), (3, 1, 900, false));
    assert_eq!((trace.spent.calls, trace.spent.tokens), (1, Some(120)));
    assert_eq!(trace.services, ["pay", "shop"]);
    assert_eq!(trace.models, ["gpt-4o"]);
}

#[tokio::test]
async fn a_root_from_long_before_is_found() {
    let house = House::new().await;
    let hours = 3 * 3_600 * SECOND;
    house.add("agent", vec![(span(1, 1, None, "run", 0, hours + 10), None)]).await;
    house.store.flush().await.unwrap();
    house
        .add(
            "agent",
            vec![
                (span(1, 2, Some(1), "late step", hours, 5), None),
                (span(2, 3, Some(9), "orphan", hours, 5), None),
            ],
        )
        .await;
    let page = house.query.search(&Search::default()).await.unwrap();
    let shown: Vec<_> = page.traces.iter().map(|t| (t.name.as_str(), t.spans, t.partial)).collect();
    assert_eq!(shown, [("run", 2, false), ("orphan", 1, true)]);
}

/// Some traces, in several files and in memory; page by page every one comes exactly once, in order.
#[tokio::test]
async fn pages() {
    let house = House::new().await;
    for n in 1..=60_u64 {
        let start = i64::try_from(n).unwrap() * SECOND;
        let mut spans = vec![(span(u128::from(n), n * 10, None, "root", start, 100), None)];
        // Long traces: their newest span lies far behind their root, so pages meet them twice.
        spans.push((
            span(u128::from(n), n * 10 + 1, Some(n * 10), "late", start + (n as i64 % 7) * 9 * SECOND, 5),
            None,
        ));
        house.add("shop", spans).await;
        if n % 20 == 0 {
            house.store.flush().await.unwrap();
        }
    }
    for (sort, limit) in [(Sort::Newest, 7), (Sort::Newest, 60), (Sort::Newest, 1), (Sort::Slowest, 9)] {
        let mut search = Search { sort, limit: Some(limit), ..Search::default() };
        let mut all = Vec::new();
        for asked in 0.. {
            assert!(asked <= 100, "{sort:?} {limit}: pages without end");
            let page = house.query.search(&search).await.unwrap();
            assert!(page.traces.len() <= limit);
            all.extend(ids(&page));
            let Some(next) = page.next else { break };
            assert_eq!(Cursor::from_word(&next.to_word()), Some(next.clone()));
            search.cursor = Some(next);
        }
        let mut unique = all.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!((all.len(), unique.len()), (60, 60), "{sort:?} {limit}: {all:?}");
    }
}

#[test]
fn wrong_searches_and_cursors() {
    let long = Search { text: Some("x".repeat(5_000)), ..Search::default() };
    let many = Search { attrs: vec![("a".into(), "b".into()); 17], ..Search::default() };
    let turned = Search { from_ns: Some(2), to_ns: Some(1), ..Search::default() };
    for search in [long, many, turned] {
        assert!(search.check().is_err());
    }
    for word in ["", ".", "1", "x.", "1.xyz", "99999999999999999999.", "1.'; drop"] {
        assert_eq!(Cursor::from_word(word), None, "{word}");
    }
}

proptest! {
    /// The steps of a walk cover the whole range, without gaps or overlaps.
    #[test]
    fn a_walk_covers_everything(
        stretches in prop::collection::vec((-1_000_000_i64..1_000_000, 0_i64..500_000, 0_u64..3_000_000), 0..20),
        from in prop::option::of(-2_000_000_i64..2_000_000),
        to in prop::option::of(-2_000_000_i64..2_000_000),
    ) {
        let stretches: Vec<_> =
            stretches.into_iter().map(|(first, width, rows)| Stretch { first, last: first + width, rows }).collect();
        let first = stretches.iter().map(|s| s.first).min().unwrap_or(0).max(from.unwrap_or(i64::MIN));
        let end = stretches.iter().map(|s| s.last + 1).max().unwrap_or(0).min(to.unwrap_or(i64::MAX));
        let mut walk = Walk::new(stretches, from, to, None);
        let mut at = end;
        let mut steps = 0;
        while let Some(step) = walk.step() {
            prop_assert!(step.from < step.to);
            prop_assert_eq!(step.to, at);
            at = step.from;
            walk.next();
            steps += 1;
            prop_assert!(steps < 10_000);
        }
        if first < end {
            prop_assert_eq!(at, first);
        }
    }
}
