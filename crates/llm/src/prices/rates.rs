//! A model's price as whole numbers, taken from the price data by asking what known amounts cost. Used by `prices`
//! alone; asked once for a model, service tier and half hour.

use crate::limits::{PRICE_CONTEXT_MAX, PRICE_TIERS_MAX};
use genai_prices::{Calculator, PriceRequest, Usage, UsageKey};
use std::time::SystemTime;
use tundra_record::PicoUsd;

/// Tokens of one call; parts are included in the totals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write: u64,
    pub(super) cache_write_1h: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

/// Pico-dollars for a million tokens of each kind, and for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) request: u64,
    pub(super) input: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write: u64,
    pub(super) cache_write_1h: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

/// The price of a model at a time.
#[derive(Debug)]
pub(super) struct Priced {
    /// Provider, model and the data or label it comes from.
    pub(super) name: String,
    /// Whether the provider was guessed by the model's name.
    pub(super) guessed: bool,
    /// Rates by context size: from how many input tokens on, ascending, the first from 0.
    pub(super) rates: Vec<(u64, Rates)>,
}

impl Priced {
    /// What the tokens cost; `None` if parts exceed their total or the sum is beyond all money.
    pub(super) fn cost(&self, tokens: &Tokens) -> Option<PicoUsd> {
        let rates =
            self.rates.iter().rev().find(|(from, _)| tokens.input >= *from).map(|(_, rates)| rates)?;
        let for_an_hour = tokens.cache_write_1h.min(tokens.cache_write);
        let cached = tokens.cache_read.checked_add(tokens.cache_write)?;
        let parts = [
            (tokens.input.checked_sub(cached)?, rates.input),
            (tokens.cache_read, rates.cache_read),
            (tokens.cache_write - for_an_hour, rates.cache_write),
            (for_an_hour, rates.cache_write_1h),
            (tokens.output.checked_sub(tokens.reasoning)?, rates.output),
            (tokens.reasoning, rates.reasoning),
        ];
        let sum = parts.iter().try_fold(0u128, |sum, (tokens, rate)| {
            sum.checked_add(u128::from(*tokens) * u128::from(*rate))
        })?;
        let pico = (sum + 500_000) / 1_000_000 + u128::from(rates.request);
        i64::try_from(pico).ok().map(PicoUsd)
    }
}

/// Finds the model's price in the data. A provider that the data do not know (a proxy, a reseller) is priced as the
/// provider that the model's name points to, marked as a guess; a local runtime is not priced at all.
/// `dated` says of when and from where the price is.
pub(super) fn resolve(
    data: &Calculator,
    dated: &str,
    provider: &str,
    model: &str,
    tier: &str,
    when: SystemTime,
) -> Option<Priced> {
    const LOCAL: &[&str] = &["local", "ollama", "vllm", "llama.cpp", "llama_cpp", "lm_studio", "lmstudio"];
    if LOCAL.contains(&provider) {
        return None;
    }
    let known = Some(data_name(provider)).filter(|id| !id.is_empty());
    [(known, false), (None, true)].into_iter().filter(|(id, guessed)| id.is_some() || *guessed).find_map(
        |(id, guessed)| {
            let probe = Probe { data, provider: id, model, tier, when };
            let (name, _) = probe.ask(&[])?;
            let rates = probe.by_context()?;
            Some(Priced { name: format!("{name}@{dated}"), guessed, rates })
        },
    )
}

/// The price data's name of a provider, where it differs from OpenTelemetry's.
fn data_name(provider: &str) -> &str {
    match provider {
        "aws.bedrock" => "aws",
        "azure.ai.inference" | "azure.ai.openai" => "azure",
        "gcp.gemini" | "gcp.gen_ai" | "gcp.vertex_ai" => "google",
        "mistral_ai" => "mistral",
        "moonshot_ai" => "moonshotai",
        "together_ai" => "together",
        "x_ai" => "x-ai",
        other => other,
    }
}

struct Probe<'p> {
    data: &'p Calculator,
    provider: Option<&'p str>,
    model: &'p str,
    tier: &'p str,
    when: SystemTime,
}

impl Probe<'_> {
    /// What these amounts cost in dollars, and whose model it was.
    fn ask(&self, amounts: &[(UsageKey, u64)]) -> Option<(String, f64)> {
        let usage: Usage = amounts.iter().map(|(key, amount)| (key.clone(), *amount as f64)).collect();
        let mut request = PriceRequest::new(self.model, &usage).with_timestamp(self.when);
        if let Some(provider) = self.provider {
            request = request.with_provider_id(provider);
        }
        match self.tier {
            "" | "auto" | "standard" => {}
            "batch" => request = request.with_price_context("processing", "batch"),
            tier => request = request.with_price_context("service_tier", tier),
        }
        let answer = self.data.calculate(&request).ok()?;
        Some((format!("{}/{}", answer.provider_id, answer.model_id), answer.total_price))
    }

    /// The rates that hold for a request of `context` input tokens.
    fn at(&self, context: u64) -> Option<Rates> {
        const INPUT: UsageKey = UsageKey::INPUT_TOKENS;
        const OUTPUT: UsageKey = UsageKey::OUTPUT_TOKENS;
        let cost = |amounts: &[(UsageKey, u64)]| self.ask(amounts).map(|(_, dollars)| dollars);
        let rate = |dollars: f64| {
            let pico = dollars / context as f64 * 1e18;
            (pico.is_finite() && (0.0..1e19).contains(&pico)).then(|| pico.round() as u64)
        };
        let request = cost(&[])?;
        let input = cost(&[(INPUT, context)])?;
        let all_of = |key: UsageKey, more: &[(UsageKey, u64)]| {
            let mut amounts = vec![(INPUT, context), (key, context)];
            amounts.extend_from_slice(more);
            cost(&amounts).and_then(|dollars| rate(dollars - request))
        };
        let write = all_of(UsageKey::CACHE_WRITE_TOKENS, &[])?;
        let hour = all_of(UsageKey::CACHE_WRITE_TOKENS, &[(UsageKey::CACHE_WRITE_1H_TOKENS, context)]);
        let output = cost(&[(INPUT, context), (OUTPUT, context)])?;
        let thinking = [(INPUT, context), (OUTPUT, context), (UsageKey::OUTPUT_REASONING_TOKENS, context)];
        Some(Rates {
            request: PicoUsd::from_dollars(request).and_then(|pico| u64::try_from(pico.0).ok())?,
            input: rate(input - request)?,
            cache_read: all_of(UsageKey::CACHE_READ_TOKENS, &[])?,
            cache_write: write,
            cache_write_1h: hour.unwrap_or(write),
            output: rate((output - input).max(0.0))?,
            reasoning: rate((cost(&thinking)? - input).max(0.0))?,
        })
    }

    /// The rates of every context size: where the largest size costs the same as the smallest, there is one class;
    /// else the borders are found by halving.
    fn by_context(&self) -> Option<Vec<(u64, Rates)>> {
        let mut classes = vec![(0, self.at(1)?)];
        let mut from = 1;
        let last = self.at(PRICE_CONTEXT_MAX)?;
        while classes.len() < PRICE_TIERS_MAX {
            let here = classes.last().map(|(_, rates)| *rates)?;
            if here == last {
                break;
            }
            let (mut low, mut high) = (from, PRICE_CONTEXT_MAX);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if self.at(middle)? == here { low = middle } else { high = middle }
            }
            classes.push((high, self.at(high)?));
            from = high;
        }
        Some(classes)
    }
}
