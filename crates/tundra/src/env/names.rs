//! What the environment says about who records: service, environment, version, host and further attributes.
//!
//! Read by `Environment`. Datadog's words come before OpenTelemetry's, but for a service that only `DD_TAGS` names. What
//! the process can find out by itself is not looked at.

use super::Lookup;

/// The resource's keys, and the older and Datadog's spellings of each: what `Resource` reads, in the same order.
pub(crate) const SERVICE: [&str; 1] = ["service.name"];
pub(crate) const ENV: [&str; 3] = ["deployment.environment.name", "deployment.environment", "env"];
pub(crate) const VERSION: [&str; 2] = ["service.version", "version"];
pub(crate) const HOST: [&str; 1] = ["host.name"];

/// `None` is what nobody named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) service: Option<String>,
    pub(crate) env: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) host: Option<String>,
    /// All attributes, the later of two that are alike before the earlier.
    pub(crate) attributes: Vec<(String, String)>,
}

impl Names {
    pub(super) fn read(lookup: &Lookup<'_>) -> Self {
        let mut otel = pairs(&lookup("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
        let decode = |text: &mut String| *text = percent_decoded(text);
        otel.iter_mut().flat_map(|(key, value)| [key, value]).for_each(decode);
        let tags = tags(&lookup("DD_TAGS").unwrap_or_default());
        let datadog = |name, keys: &[&str]| lookup(name).or_else(|| said(&tags, keys));
        let service = lookup("DD_SERVICE").or_else(|| lookup("OTEL_SERVICE_NAME"));
        Self {
            service: service.or_else(|| said(&otel, &SERVICE)).or_else(|| said(&tags, &SERVICE)),
            env: datadog("DD_ENV", &ENV).or_else(|| said(&otel, &ENV)),
            version: datadog("DD_VERSION", &VERSION).or_else(|| said(&otel, &VERSION)),
            host: datadog("DD_HOSTNAME", &HOST).or_else(|| said(&otel, &HOST)),
            attributes: otel.into_iter().chain(tags).collect(),
        }
    }
}

/// What a list says under the first of these keys that it has.
fn said(list: &[(String, String)], keys: &[&str]) -> Option<String> {
    let of = |key: &&str| list.iter().rev().find(|(name, value)| name == *key && !value.is_empty());
    keys.iter().find_map(of).map(|(_, value)| value.clone())
}

/// `DD_TAGS`: `key:value` between commas, and between blanks if there is no comma, as in Datadog's tracers. Their reserved
/// words become the resource's keys.
fn tags(text: &str) -> Vec<(String, String)> {
    let commas = text.contains(',');
    let between = |letter: char| if commas { letter == ',' } else { letter.is_whitespace() };
    let key = |key: String| match key.as_str() {
        "service" => SERVICE[0].to_owned(),
        "env" => ENV[0].to_owned(),
        "version" => VERSION[0].to_owned(),
        _ => key,
    };
    let found = text.split(between).filter_map(|tag| pair(tag, ':'));
    found.map(|(name, value)| (key(name), value)).collect()
}

/// `key=value` between commas; what is no pair is skipped.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split(',').filter_map(|text| pair(text, '=')).collect()
}

fn pair(text: &str, between: char) -> Option<(String, String)> {
    let (key, value) = text.split_once(between)?;
    Some((key.trim().to_owned(), value.trim().to_owned())).filter(|(key, _)| !key.is_empty())
}

/// A value with its `%xx` decoded; one that is no text then stays as it was.
pub(crate) fn percent_decoded(text: &str) -> String {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let hex = |pair: &[u8]| pair.iter().try_fold(0, |all, byte| Some(all << 4 | digit(byte)? as u8));
    let (mut rest, mut bytes) = (text.as_bytes(), Vec::with_capacity(text.len()));
    while let Some((first, after)) = rest.split_first() {
        let decoded = (*first == b'%').then(|| hex(after.get(..2)?)).flatten();
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
