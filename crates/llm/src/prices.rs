//! What a call costs: tokens times the list price that held when the call was made, in whole pico-dollars, with the
//! price named. Built by `daemon` (or handed none) and used by `reader` on every finished call.
//!
//! The price data come with the `genai-prices` crate or from a newer file that the operator supplies; decoding them
//! takes tens of milliseconds, so they are decoded at the first priced call or at [`Prices::warm`], never at start.
//! A resolved price is kept as whole numbers (`rates`), so that a call prices in well under a microsecond. Unknown
//! models have no price; nothing here invents one. Money never passes through a float but once, when a price is read.

mod rates;

use crate::limits::PRICES_CACHED_MAX;
use genai_prices::Calculator;
use rates::{Priced, Rates, Tokens};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::{Duration, UNIX_EPOCH};
use tundra_record::llm::{LlmCall, Provenance};
use tundra_record::{PicoUsd, UnixNanos};

/// The release whose bundled data `Prices::bundled` uses; a test holds it to the lock file.
const BUNDLED: &str = "genai-prices-0.2.1";

/// Prices change at dates and, for some providers, at half hours of the day.
const SLOT_NANOS: i64 = 1_800_000_000_000;

/// An operator's own price for a model: negotiated rates, or what a local runtime costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceOverride {
    /// OpenTelemetry's name of the provider; `None` matches every provider.
    pub provider: Option<String>,
    /// The model's name, or its beginning followed by `*`.
    pub model: String,
    /// What the price is called in `price_ref`, such as `contract-2026`.
    pub label: String,
    /// Price of a million input tokens.
    pub input: PicoUsd,
    /// Price of a million tokens read from the cache; as `input` if not set.
    pub cache_read: Option<PicoUsd>,
    /// Price of a million tokens written to the cache; as `input` if not set.
    pub cache_write: Option<PicoUsd>,
    /// Price of a million tokens written for an hour; as `cache_write` if not set.
    pub cache_write_1h: Option<PicoUsd>,
    /// Price of a million output tokens.
    pub output: PicoUsd,
}

/// Price data that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot read price data `{version}`: {reason}; use a v2 data file of genai-prices or remove the setting"
)]
pub struct PriceDataError {
    /// What the data were called.
    pub version: String,
    /// What is wrong with them.
    pub reason: String,
}

/// Where prices come from.
#[derive(Debug)]
enum Data {
    Nothing,
    Bundled,
    Loaded(Box<Calculator>),
}

#[derive(Debug)]
struct Cached {
    provider: String,
    model: String,
    tier: String,
    slot: i64,
    priced: Option<Arc<Priced>>,
}

/// The price table: bundled or supplied data, and the operator's overrides before them.
#[derive(Debug)]
pub struct Prices {
    data: Data,
    version: String,
    overrides: Vec<PriceOverride>,
    cache: RwLock<HashMap<u64, Cached>>,
}

impl Prices {
    fn new(data: Data, version: &str) -> Self {
        let cache = RwLock::new(HashMap::new());
        Self { data, version: version.to_owned(), overrides: Vec::new(), cache }
    }

    /// The list prices that came with this build.
    pub fn bundled() -> Self {
        Self::new(Data::Bundled, BUNDLED)
    }

    /// No prices: costs stay unknown unless an override names the model.
    pub fn none() -> Self {
        Self::new(Data::Nothing, "none")
    }

    /// Newer list prices, in the v2 format of genai-prices; `version` names them in every `price_ref`.
    pub fn from_json(json: &[u8], version: &str) -> Result<Self, PriceDataError> {
        let failed =
            |e: genai_prices::Error| PriceDataError { version: version.to_owned(), reason: e.to_string() };
        let calculator = Calculator::from_json(json).map_err(failed)?;
        Ok(Self::new(Data::Loaded(Box::new(calculator)), version))
    }

    /// The same with the operator's own prices, which win over list prices; the first that matches counts.
    #[must_use]
    pub fn with_overrides(mut self, overrides: Vec<PriceOverride>) -> Self {
        self.overrides = overrides;
        self
    }

    /// Decodes the price data now rather than at the first priced call.
    pub fn warm(&self) {
        let _decoded = self.calculator();
    }

    fn calculator(&self) -> Option<&Calculator> {
        static BUNDLED_DATA: LazyLock<&'static Calculator> = LazyLock::new(Calculator::bundled);
        match &self.data {
            Data::Nothing => None,
            Data::Bundled => Some(*BUNDLED_DATA),
            Data::Loaded(calculator) => Some(calculator),
        }
    }

    /// Computes the call's cost from its usage; leaves it unknown if model or tokens are unknown.
    pub fn apply(&self, call: &mut LlmCall) {
        let input_only = matches!(call.operation.as_str(), "embeddings" | "rerank" | "moderation");
        let (Some(input), Some(output)) = (call.usage.input, call.usage.output.or(input_only.then_some(0)))
        else {
            return;
        };
        let Some(priced) = self.priced(call) else { return };
        let tokens = Tokens {
            input,
            cache_read: call.usage.cache_read.unwrap_or(0),
            cache_write: call.usage.cache_write.unwrap_or(0),
            cache_write_1h: call.usage.cache_write_1h.unwrap_or(0),
            output,
            reasoning: call.usage.reasoning.unwrap_or(0),
        };
        let Some(cost) = priced.cost(&tokens) else { return };
        let guessed = priced.guessed || call.usage.provenance == Provenance::Estimated;
        call.cost.computed = Some(cost);
        call.cost.provenance = if guessed { Provenance::Estimated } else { Provenance::Derived };
        call.cost.price_ref = Some(priced.name.clone());
    }

    fn priced(&self, call: &LlmCall) -> Option<Arc<Priced>> {
        let provider = call.provider.as_deref().unwrap_or_default();
        let tier = call.service_tier.as_deref().unwrap_or_default();
        let models = [call.response_model.as_deref(), call.request_model.as_deref()];
        let mut models = models.into_iter().flatten().filter(|model| !model.is_empty());
        models.find_map(|model| self.lookup(provider, model, tier, call.start))
    }

    fn lookup(&self, provider: &str, model: &str, tier: &str, at: UnixNanos) -> Option<Arc<Priced>> {
        let slot = at.0.div_euclid(SLOT_NANOS);
        let mut hasher = DefaultHasher::new();
        (provider, model, tier, slot).hash(&mut hasher);
        let hash = hasher.finish();
        let same = |cached: &&Cached| {
            cached.slot == slot && cached.model == model && cached.provider == provider && cached.tier == tier
        };
        let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = cache.get(&hash).filter(same) {
            return cached.priced.clone();
        }
        drop(cache);
        let priced = self.resolve(provider, model, tier, at).map(Arc::new);
        let (provider, model, tier) = (provider.to_owned(), model.to_owned(), tier.to_owned());
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= PRICES_CACHED_MAX {
            cache.clear();
        }
        cache.insert(hash, Cached { provider, model, tier, slot, priced: priced.clone() });
        priced
    }

    fn resolve(&self, provider: &str, model: &str, tier: &str, at: UnixNanos) -> Option<Priced> {
        if let Some(own) = self.overrides.iter().find(|own| own.matches(provider, model)) {
            let whose = if provider.is_empty() { "any" } else { provider };
            let name = format!("{whose}/{model}@{}", own.label);
            return Some(Priced { name, guessed: false, rates: vec![(0, own.rates())] });
        }
        let seconds = u64::try_from(at.0.div_euclid(1_000_000_000)).unwrap_or(0);
        let when = UNIX_EPOCH + Duration::from_secs(seconds);
        let (year, month, day) = at.date();
        let dated = format!("{year:04}-{month:02}-{day:02} ({})", self.version);
        let price = |model: &str| rates::resolve(self.calculator()?, &dated, provider, model, tier, when);
        price(model).or_else(|| Some(Priced { guessed: true, ..price(without_date(model)?)? }))
    }
}

/// `gpt-4o-mini-2024-08-06` and `claude-x-20250929` without their dates: a snapshot that the data do not list most
/// likely costs what its model costs.
fn without_date(model: &str) -> Option<&str> {
    let dated = |suffix: usize, digits: usize| {
        let (name, date) = model.split_at_checked(model.len().checked_sub(suffix)?)?;
        let numbers = date.bytes().filter(u8::is_ascii_digit).count();
        (date.starts_with('-') && numbers == digits && !name.is_empty()).then_some(name)
    };
    dated(11, 8).or_else(|| dated(9, 8))
}

impl PriceOverride {
    fn matches(&self, provider: &str, model: &str) -> bool {
        let named = match self.model.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning),
            None => model == self.model,
        };
        named && self.provider.as_deref().is_none_or(|own| own == provider)
    }

    fn rates(&self) -> Rates {
        let whole = |money: PicoUsd| u64::try_from(money.0).unwrap_or(0);
        let cache_write = self.cache_write.unwrap_or(self.input);
        Rates {
            request: 0,
            input: whole(self.input),
            cache_read: whole(self.cache_read.unwrap_or(self.input)),
            cache_write: whole(cache_write),
            cache_write_1h: whole(self.cache_write_1h.unwrap_or(cache_write)),
            output: whole(self.output),
            reasoning: whole(self.output),
        }
    }
}

#[cfg(test)]
mod tests;
