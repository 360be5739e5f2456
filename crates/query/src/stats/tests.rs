//! Numbers over the shop's two traces.

use super::{LlmTotals, Range, UsageBy};
use crate::testing::{SECOND, ZERO, call, shop, span};

const ALL: Range = Range { from_ns: ZERO, to_ns: ZERO + 60 * SECOND };

#[tokio::test]
async fn services_and_operations() {
    let house = shop().await;
    let services = house.query.services(ALL).await.unwrap();
    let shown: Vec<_> = services.iter().map(|s| (s.service.as_str(), s.spans, s.errors, s.traces)).collect();
    assert_eq!(shown, [("shop", 3, 0, 2), ("pay", 1, 1, 1)]);
    assert_eq!(services[0].last_seen_ns, ZERO + 10 * SECOND);
    let operations = house.query.operations("shop", ALL).await.unwrap();
    assert_eq!(operations.len(), 3);
    assert!(house.query.operations("' or 1 = 1 --", ALL).await.unwrap().is_empty());
    let nothing = Range { from_ns: 0, to_ns: 1 };
    assert!(house.query.services(nothing).await.unwrap().is_empty());
}

#[tokio::test]
async fn sample_data_costs_nothing_and_revisions_count_once() {
    let house = shop().await;
    let again = span(1, 12, Some(10), "chat", 300, 400);
    let known = call(&again, "gpt-4o", (100, 20), Some(5_000));
    house.store.flush().await.unwrap();
    house.add("shop", vec![(again, Some(known))]).await;
    let sample = span(7, 70, None, "chat", 20, 5);
    let known = call(&sample, "gpt-4o", (1_000_000, 1), Some(1_000_000));
    house.add_as("demo", vec![(sample, Some(known))], true).await;
    let unpriced = span(8, 80, None, "chat", 30, 7);
    let known = call(&unpriced, "llama", (5, 6), None);
    house.add("shop", vec![(unpriced, Some(known))]).await;
    for by in [UsageBy::Model, UsageBy::Provider, UsageBy::Service, UsageBy::Agent] {
        let usage = house.query.llm_usage(ALL, by).await.unwrap();
        assert_eq!(usage.iter().map(|row| row.calls).sum::<i64>(), 2, "{by:?}");
        assert_eq!(usage.iter().filter_map(|row| row.cost_pusd).sum::<i64>(), 5_000, "{by:?}");
        assert_eq!(usage.iter().map(|row| row.unpriced_calls).sum::<i64>(), 1, "{by:?}");
    }
    let models = house.query.llm_usage(ALL, UsageBy::Model).await.unwrap();
    assert_eq!(models[0].model.as_deref(), Some("gpt-4o"));
    assert_eq!(
        (models[0].input_tokens, models[0].output_tokens, models[0].ttft_p50_ns),
        (Some(100), Some(20), Some(5))
    );
    assert_eq!((models[1].cost_pusd, models[1].cache_read_tokens), (None, None));
    let overview = house.query.overview(ALL).await.unwrap();
    let expected = LlmTotals { calls: 2, tokens: Some(131), cost_pusd: Some(5_000), unpriced_calls: 1 };
    assert_eq!(overview.llm, expected);
}

#[tokio::test]
async fn an_overview_adds_up() {
    let house = shop().await;
    let overview = house.query.overview(ALL).await.unwrap();
    assert_eq!((overview.spans, overview.traces, overview.errors), (4, 2, 1));
    assert_eq!(overview.series.spans.iter().sum::<i64>(), 4);
    assert_eq!(overview.series.errors.iter().sum::<i64>(), 1);
    assert_eq!(overview.series.spans.len(), overview.series.p95_ns.len());
    assert_eq!(overview.series.start_ns, ZERO);
    assert!(overview.series.step_ns > 0);
    let empty = house.query.overview(Range { from_ns: 5, to_ns: 5 }).await.unwrap();
    assert_eq!((empty.spans, empty.llm.calls, empty.llm.cost_pusd), (0, 0, None));
}

#[tokio::test]
async fn senders() {
    let house = shop().await;
    let senders = house.query.senders(0).await.unwrap();
    let mut shown: Vec<_> =
        senders.iter().map(|s| (s.service.as_str(), s.source.as_str(), s.spans)).collect();
    shown.sort_unstable();
    assert_eq!(shown, [("pay", "otlp", 1), ("shop", "otlp", 3)]);
    assert!(senders[0].resource_attrs.as_deref().unwrap().contains("service.name"));
    assert!(house.query.senders(i64::MAX).await.unwrap().is_empty());
}
