//! What the environment says about sampling: `DD_TRACE_SAMPLING_RULES`, rate and limit, and `OTEL_TRACES_SAMPLER`.
//!
//! Read by `Environment`. A typo must not keep a service from starting: what cannot be read is told in a notice and counts
//! as unset, a rule at a time. No notice holds a value.

use super::Lookup;
use crate::sampling::{Rule, parse_each};

/// As understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) rules: Vec<Rule>,
    pub(crate) rate: Option<f64>,
    pub(crate) limit: Option<f64>,
    /// The rate that OpenTelemetry's variables come to.
    pub(crate) otel_rate: Option<f64>,
}

impl Sampling {
    pub(super) fn read(lookup: &Lookup<'_>, notices: &mut Vec<String>) -> Self {
        let mut number = |name: &str, most: f64, what: &str| {
            let text = lookup(name)?;
            let found = text.parse().ok().filter(|number| (0.0..=most).contains(number));
            if found.is_none() {
                notices.push(format!("`{name}` is no {what}: it says nothing, as if it were unset"));
            }
            found
        };
        let (share, amount) = ("share from 0 to 1", "number of traces a second");
        let rate = number("DD_TRACE_SAMPLE_RATE", 1.0, share);
        let limit = number("DD_TRACE_RATE_LIMIT", f64::MAX, amount);
        let otel_rate = otel_rate(lookup, |name| number(name, 1.0, share));
        Self { rules: rules(lookup, notices), rate, limit, otel_rate }
    }
}

/// The rules that can be read.
fn rules(lookup: &Lookup<'_>, notices: &mut Vec<String>) -> Vec<Rule> {
    let name = "DD_TRACE_SAMPLING_RULES";
    let Some(json) = lookup(name) else { return Vec::new() };
    let (rules, bad): (Vec<_>, Vec<_>) = match parse_each(&json) {
        Ok(each) => each.into_iter().partition(Result::is_ok),
        Err(error) => {
            notices.push(format!("`{name}` says nothing, as if it were unset: {error}"));
            return Vec::new();
        }
    };
    if let Some(Err(first)) = bad.first() {
        notices.push(format!("`{name}` holds without {} of its rules (0 is the first): {first}", bad.len()));
    }
    rules.into_iter().flatten().collect()
}

/// `OTEL_TRACES_SAMPLER` as a rate. All samplers here are parent-based; those that are not by name differ only for traces
/// that began elsewhere.
fn otel_rate(lookup: &Lookup<'_>, share: impl FnOnce(&str) -> Option<f64>) -> Option<f64> {
    let name = lookup("OTEL_TRACES_SAMPLER")?.to_ascii_lowercase();
    match name.strip_prefix("parentbased_").unwrap_or(&name) {
        "always_on" => Some(1.0),
        "always_off" => Some(0.0),
        "traceidratio" => Some(share("OTEL_TRACES_SAMPLER_ARG").unwrap_or(1.0)),
        _ => None,
    }
}
