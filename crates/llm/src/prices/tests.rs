//! Costs to the last pico-dollar, and what has no price.

use super::*;
use tundra_record::llm::Usage;

/// 2026-11-20T00:00:00Z.
const DAY: UnixNanos = UnixNanos(1_795_132_800_000_000_000);

fn call(provider: &str, model: &str, input: u64, output: u64) -> LlmCall {
    LlmCall {
        provider: Some(provider.to_owned()).filter(|p| !p.is_empty()),
        response_model: Some(model.to_owned()),
        operation: "chat".to_owned(),
        start: DAY,
        usage: Usage {
            input: Some(input),
            output: Some(output),
            provenance: Provenance::Reported,
            ..Usage::default()
        },
        ..LlmCall::default()
    }
}

fn cost(prices: &Prices, mut call: LlmCall) -> (Option<i64>, Provenance, String) {
    prices.apply(&mut call);
    (call.cost.computed.map(|p| p.0), call.cost.provenance, call.cost.price_ref.unwrap_or_default())
}

#[test]
fn ground_truth() {
    let prices = Prices::bundled();
    let check = |provider: &str, model: &str, cached: [u64; 3], input: u64, expect: i64| {
        let mut call = call(provider, model, input, 56);
        call.usage.cache_read = Some(cached[0]);
        call.usage.cache_write = Some(cached[1]);
        call.usage.cache_write_1h = Some(cached[2]);
        call.usage.reasoning = Some(32);
        assert_eq!(cost(&prices, call).0, Some(expect), "{provider}/{model}");
    };
    check("openai", "gpt-4o-2024-08-06", [1024, 0, 0], 1234, 2_365_000_000);
    check("openai", "gpt-5", [1024, 0, 0], 1234, 950_500_000);
    check("anthropic", "claude-sonnet-4-5", [1024, 300, 0], 1534, 2_902_200_000);
    check("anthropic", "claude-sonnet-4-5", [1024, 300, 200], 1534, 3_352_200_000);
    // Not in the list price data under this date suffix: priced by the request's model.
    let mut mini = call("openai", "gpt-4o-mini-2024-08-06", 1234, 56);
    mini.request_model = Some("gpt-4o-mini".to_owned());
    mini.usage.cache_read = Some(1024);
    assert_eq!(cost(&prices, mini).0, Some(141_900_000));
    let mut embedding = call("openai", "text-embedding-3-small", 9, 0);
    embedding.usage.output = None;
    assert_eq!(cost(&prices, embedding.clone()).0, None, "a chat without output has no cost");
    embedding.operation = "embeddings".to_owned();
    let named = "openai/text-embedding-3-small@2026-11-20 (genai-prices-0.2.1)".to_owned();
    let expect = (Some(180_000), Provenance::Derived, named);
    assert_eq!(cost(&prices, embedding), expect);
}

#[test]
fn unknown_is_not_zero() {
    let prices = Prices::bundled();
    let check = |call: LlmCall, expect: Option<i64>, provenance: Provenance| {
        let shown = format!("{call:?}");
        let (got, how, _) = cost(&prices, call);
        assert_eq!((got, how), (expect, provenance), "{shown}");
    };
    check(call("openai", "no-such-model", 10, 10), None, Provenance::Unknown);
    check(call("ollama", "gpt-4o", 10, 10), None, Provenance::Unknown);
    check(call("my_proxy", "gpt-4o", 1_000_000, 0), Some(2_500_000_000_000), Provenance::Estimated);
    check(call("", "gpt-4o", 1_000_000, 0), Some(2_500_000_000_000), Provenance::Estimated);
    check(call("openai", "gpt-4o", u64::MAX, u64::MAX), None, Provenance::Unknown);
    let mut inside_out = call("openai", "gpt-4o", 10, 10);
    inside_out.usage.reasoning = Some(11);
    check(inside_out, None, Provenance::Unknown);
    check(
        call("openai", "gpt-4o-mini-1999-08-06", 1_000_000, 0),
        Some(150_000_000_000),
        Provenance::Estimated,
    );
    check(call("openai", "é-1999-08-06", 1, 1), None, Provenance::Unknown);
    check(LlmCall::default(), None, Provenance::Unknown);
    assert_eq!(cost(&Prices::none(), call("openai", "gpt-4o", 1, 1)).0, None);
}

#[test]
fn tiers_and_times() {
    let prices = Prices::bundled();
    let at = |call: LlmCall, day: &str, start: i64| {
        let _ = day;
        cost(&prices, LlmCall { start: UnixNanos(start * 1_000_000_000), ..call }).0
    };
    // The whole request is repriced above 200,000 tokens of context.
    assert_eq!(cost(&prices, call("anthropic", "claude-sonnet-4-5", 200_000, 0)).0, Some(600_000_000_000));
    assert_eq!(cost(&prices, call("anthropic", "claude-sonnet-4-5", 200_001, 0)).0, Some(1_200_006_000_000));
    // o3 became cheaper on 2025-06-10.
    let o3 = call("openai", "o3", 1_000_000, 0);
    assert_eq!(at(o3.clone(), "2025-06-09", 1_749_427_200), Some(10_000_000_000_000));
    assert_eq!(at(o3.clone(), "2025-06-10", 1_749_513_600), Some(2_000_000_000_000));
    // The tier that the response reported.
    let flex = LlmCall { service_tier: Some("flex".to_owned()), ..o3 };
    assert_eq!(cost(&prices, flex).0, Some(1_000_000_000_000));
    assert_eq!(at(call("openai", "gpt-4o", 1, 1), "before time", -1), Some(12_500_000));
}

#[test]
fn overrides_win() {
    let own = PriceOverride {
        provider: Some("openai".to_owned()),
        model: "gpt-4o*".to_owned(),
        label: "contract-2026".to_owned(),
        input: PicoUsd(1_000_000_000_000),
        output: PicoUsd(2_000_000_000_000),
        cache_read: Some(PicoUsd(0)),
        ..PriceOverride::default()
    };
    let prices = Prices::none().with_overrides(vec![own]);
    let mut cached = call("openai", "gpt-4o-mini", 1_000_000, 1_000_000);
    let named = "openai/gpt-4o-mini@contract-2026".to_owned();
    assert_eq!(cost(&prices, cached.clone()), (Some(3_000_000_000_000), Provenance::Derived, named));
    cached.usage.cache_read = Some(500_000);
    assert_eq!(cost(&prices, cached).0, Some(2_500_000_000_000));
    assert_eq!(cost(&prices, call("azure.ai.openai", "gpt-4o", 1, 1)).0, None);
}

#[test]
fn agrees_with_the_price_library() {
    let prices = Prices::bundled();
    let data = Calculator::bundled();
    let mut compared = 0;
    for provider in data.providers() {
        for model in provider.models().take(12) {
            let usage = genai_prices::Usage::from([
                (genai_prices::UsageKey::INPUT_TOKENS, 12_345.0),
                (genai_prices::UsageKey::CACHE_READ_TOKENS, 2_000.0),
                (genai_prices::UsageKey::CACHE_WRITE_TOKENS, 1_000.0),
                (genai_prices::UsageKey::OUTPUT_TOKENS, 678.0),
            ]);
            let request = genai_prices::PriceRequest::new(model.id(), &usage)
                .with_provider_id(provider.id())
                .with_timestamp(UNIX_EPOCH + Duration::from_nanos(DAY.0 as u64));
            let Ok(expect) = data.calculate(&request) else { continue };
            let mut ours = call(provider.id(), model.id(), 12_345, 678);
            ours.usage.cache_read = Some(2_000);
            ours.usage.cache_write = Some(1_000);
            prices.apply(&mut ours);
            let Some(got) = ours.cost.computed else { continue };
            let difference = (got.dollars() - expect.total_price).abs();
            assert!(difference < 1e-11, "{}/{}: {got} {}", provider.id(), model.id(), expect.total_price);
            compared += 1;
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn bundled_version_is_the_locked_one() {
    let lock = include_str!("../../../../Cargo.lock");
    let (name, version) = BUNDLED.rsplit_once('-').unwrap();
    assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")));
}

#[test]
fn bad_data_is_refused() {
    let error = Prices::from_json(b"[1]", "mine").unwrap_err().to_string();
    assert!(error.starts_with("cannot read price data `mine`"), "{error}");
}
