//! How long typed reads take at a million spans. Not a test of time: run it by hand with
//! `cargo test --release -p query -- --ignored --nocapture a_million_spans`.

use crate::search::{Search, Sort};
use crate::stats::{Range, UsageBy};
use crate::testing::{House, SECOND, ZERO, call, failed, span};
use futures::TryStreamExt;
use std::future::Future;
use std::time::{Duration, Instant};
use tundra_record::TraceId;

const TRACES: u64 = 100_000;
const SERVICES: [&str; 5] = ["shop", "pay", "stock", "mail", "agent"];

/// Ten spans a trace, a trace every five milliseconds, one in a hundred failed, one in ten a model call.
async fn fill(house: &House) {
    for block in 0..TRACES / 100 {
        for (at, service) in SERVICES.into_iter().enumerate() {
            let mut spans = Vec::new();
            for trace in block * 100..block * 100 + 100 {
                // Ids look like ids, not like counters.
                let id = (u128::from(trace + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
                let start = i64::try_from(trace).unwrap() * SECOND / 200;
                for half in 0..2_u64 {
                    let own = at as u64 * 2 + half + 1;
                    let mut one = span(
                        id,
                        own,
                        (own > 1).then_some(1),
                        "GET /api/orders/{id}",
                        start + own as i64 * 1_000,
                        5_000_000,
                    );
                    one.attrs = (0..10)
                        .map(|key| {
                            (
                                format!("attribute.{key}").into(),
                                format!("value {key} of {}", trace % 97).into(),
                            )
                        })
                        .collect();
                    if trace % 100 == 7 && own == 3 {
                        one = failed(one);
                    }
                    let known = (own == 10).then(|| call(&one, "gpt-4o", (100, 20), Some(5_000)));
                    spans.push((one, known));
                }
            }
            house.add(service, spans).await;
        }
        if block % 100 == 99 && block + 1 < TRACES / 100 {
            house.store.flush().await.unwrap();
        }
    }
}

/// CPU time of this process so far, in milliseconds, to the clock tick (10 ms).
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

/// Wall time is a neighbor's business too, so the CPU time of a round is printed beside it.
async fn time<T, F: Future<Output = T>>(what: &str, mut once: impl FnMut(u64) -> F) {
    const ROUNDS: u64 = 31;
    let mut times: Vec<Duration> = Vec::new();
    let mut cpu = 0;
    for round in 0..ROUNDS {
        let began = Instant::now();
        once(round).await;
        times.push(began.elapsed());
        if round == 0 {
            cpu = cpu_ms();
        }
    }
    let cpu = (cpu_ms() - cpu) as f64 / (ROUNDS - 1) as f64;
    let first = times[0];
    times.sort();
    let (best, middle) = (times[0], times[15]);
    println!("{what:28} first {first:>9.1?}  best {best:>9.1?}  p50 {middle:>9.1?}  cpu {cpu:>6.1} ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of a minute, not a test"]
async fn a_million_spans() {
    let house = House::new().await;
    let began = Instant::now();
    fill(&house).await;
    println!("stored {} spans in {:.1?}: {:?}", house.query.spans(), began.elapsed(), house.store.stats());
    let id = |n: u64| {
        TraceId(u128::from((n * 6_007) % TRACES + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
    };
    let q = &house.query;
    time("trace by id", |n| async move { assert!(q.trace(id(n)).await.unwrap().is_some()) }).await;
    time("trace by id, unknown", |n| async move {
        assert!(q.trace(TraceId(u128::from(n) + 5)).await.unwrap().is_none())
    })
    .await;
    time(
        "one span",
        |n| async move { assert!(q.span(id(n), tundra_record::SpanId(3)).await.unwrap().is_some()) },
    )
    .await;
    let search = |search: Search| async move { q.search(&search).await.unwrap().traces.len() };
    let text = |text: &str| Some(text.to_owned());
    time("list, newest", |_| search(Search::default())).await;
    time("list, service", |_| search(Search { service: text("pay"), ..Search::default() })).await;
    time("list, errors", |_| search(Search { errors: true, ..Search::default() })).await;
    time("list, model", |_| search(Search { model: text("gpt-4o"), ..Search::default() })).await;
    time("list, text that is there", |_| search(Search { text: text("of 42"), ..Search::default() })).await;
    time("list, text that is nowhere", |_| search(Search { text: text("nowhere"), ..Search::default() }))
        .await;
    time("list, attribute", |_| {
        search(Search { attrs: vec![("attribute.3".into(), "value 3 of 5".into())], ..Search::default() })
    })
    .await;
    time("list, slowest", |_| search(Search { sort: Sort::Slowest, ..Search::default() })).await;
    let all = Range { from_ns: ZERO, to_ns: ZERO + 600 * SECOND };
    time("services", |_| async move { q.services(all).await.unwrap() }).await;
    time("operations", |_| async move { q.operations("pay", all).await.unwrap() }).await;
    time("llm usage", |_| async move { q.llm_usage(all, UsageBy::Model).await.unwrap() }).await;
    time("overview", |_| async move { q.overview(all).await.unwrap() }).await;
    time("senders", |_| async move { q.senders(0).await.unwrap() }).await;
    let sql = |text: &'static str| async move {
        q.sql(text, None).await.unwrap().try_collect::<Vec<_>>().await.unwrap().len()
    };
    time("sql: count", |_| sql("select count(*) as n from spans")).await;
    time("sql: group by", |_| sql("select service, count(*) as n from spans group by service")).await;
    time("sql: attribute", |_| {
        sql("select count(*) as n from spans where attrs['attribute.3'] = 'value 3 of 5'")
    })
    .await;
    time("sql: llm_calls", |_| sql("select count(*) as n, sum(cost_pusd) as cost from llm_calls")).await;
}
