//! What the Agent said: `/info`, the rates in its answers to traces, and whether it changed since.
//!
//! Written on the sender thread, read by the exporter before each payload. Everything here comes from the network: what
//! does not parse, or has another type than expected, counts as a bad answer and changes nothing.

use super::evp::Proxy;
use crate::export::http::Response;
use crate::export::outbox::Watch;
use crate::health::DONE;
use crate::limits::PEER_TAGS;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tundra_record::Value;
use tundra_record::value::from_json;

/// An Agent that gave no usable `/info` is asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// What an Agent can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) v04: bool,
    pub(super) v05: bool,
    pub(super) stats: bool,
    /// Whether traces that are not kept need not be sent, as long as they are counted.
    pub(super) drops: bool,
    pub(super) structs: bool,
    /// Where it takes events for Datadog's LLM product.
    pub(super) proxy: Option<Proxy>,
    pub(super) remote_config: bool,
    pub(super) peer_tags: Vec<String>,
}

impl Info {
    /// What every Agent can do, for one that does not say.
    pub(super) fn unknown() -> Self {
        Self { v04: true, structs: true, ..Self::default() }
    }

    fn read(body: &[u8]) -> Option<Self> {
        let json = from_json(std::str::from_utf8(body).ok()?)?;
        let Some(Value::List(endpoints)) = json.get("endpoints") else { return None };
        let has = |path: &str| endpoints.iter().filter_map(Value::as_str).any(|found| found == path);
        let says = |key: &str| matches!(json.get(key), Some(Value::Bool(true)));
        let peer_tags = match json.get("peer_tags") {
            Some(Value::List(tags)) => {
                tags.iter().filter_map(Value::as_str).take(PEER_TAGS).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        Some(Self {
            v04: has("/v0.4/traces"),
            v05: has("/v0.5/traces"),
            stats: has("/v0.6/stats"),
            drops: says("client_drop_p0s"),
            // Older Agents do not say, and pass over what they do not know.
            structs: json.get("span_meta_structs") != Some(&Value::Bool(false)),
            proxy: Proxy::among(has),
            remote_config: has("/v0.7/config"),
            peer_tags,
        })
    }
}

/// Rates by service and environment.
pub(super) type Rates = HashMap<(String, String), f64>;

#[derive(Debug, Default)]
struct Heard {
    info: Option<Info>,
    /// The Agent's own word for its state when it gave `info`.
    state: Option<String>,
    asked: Option<Instant>,
    rates: Option<Rates>,
    config: Option<Vec<u8>>,
}

/// Everything heard so far.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<Heard>);

impl Answers {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `/info` should be asked for now; the caller does so.
    pub(super) fn should_ask(&self) -> bool {
        let mut heard = self.heard();
        let again = heard.asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN);
        let ask = heard.info.is_none() && again;
        if ask {
            heard.asked = Some(Instant::now());
        }
        ask
    }

    pub(super) fn info(&self) -> Info {
        self.heard().info.clone().unwrap_or_else(Info::unknown)
    }

    /// Where the Agent takes events; the usual place for one that has not answered yet.
    pub(super) fn proxy(&self) -> Option<Proxy> {
        self.heard().info.as_ref().map_or(Some(Proxy::USUAL), |info| info.proxy)
    }

    /// Rates that came since the last call.
    pub(super) fn take_rates(&self) -> Option<Rates> {
        self.heard().rates.take()
    }

    /// An answer about configuration that came since the last call.
    pub(super) fn take_config(&self) -> Option<Vec<u8>> {
        self.heard().config.take()
    }
}

impl Watch for Answers {
    fn answered(&self, path: &str, answer: Option<&Response>) {
        let Some(response) = answer else { return };
        let mut heard = self.heard();
        let state = response.header("datadog-agent-state");
        let fine = (200..300).contains(&response.status);
        match path {
            "/info" if fine => match Info::read(&response.body) {
                Some(info) => {
                    heard.info = Some(info);
                    heard.state = state.map(str::to_owned);
                }
                None => bad(),
            },
            // An Agent of before `/info`.
            "/info" if response.status == 404 => heard.info = Some(Info::unknown()),
            "/v0.7/config" if fine => heard.config = Some(response.body.clone()),
            "/v0.4/traces" | "/v0.5/traces" if fine => {
                match rates(&response.body) {
                    Some(rates) if rates.is_empty() => {}
                    Some(rates) => heard.rates = Some(rates),
                    None => bad(),
                }
                // Another Agent, or another configuration: what it can do has to be asked again.
                if heard.state.as_deref().is_some_and(|known| state.is_some_and(|state| state != known)) {
                    heard.state = None;
                    heard.info = None;
                    heard.asked = None;
                }
            }
            "/v0.5/traces" if response.status == 404 => {
                heard.info.get_or_insert_with(Info::unknown).v05 = false;
            }
            _ => {}
        }
    }
}

fn bad() {
    DONE.bad_answers.fetch_add(1, Relaxed);
}

/// Reads `{"rate_by_service": {"service:web,env:prod": 0.5}}`; an Agent whose rates did not change says `{}`.
fn rates(body: &[u8]) -> Option<Rates> {
    let json = from_json(std::str::from_utf8(body).ok()?)?;
    let Value::Map(_) = &json else { return None };
    let Some(found) = json.get("rate_by_service") else { return Some(Rates::new()) };
    let Value::Map(entries) = found else { return None };
    let rate = |(key, value): &(std::borrow::Cow<'_, str>, Value<'_>)| {
        let (service, env) = key.strip_prefix("service:")?.rsplit_once(",env:")?;
        let rate = match value {
            Value::Int(number) => *number as f64,
            Value::Double(number) => *number,
            _ => return None,
        };
        (0.0..=1.0).contains(&rate).then(|| ((service.to_owned(), env.to_owned()), rate))
    };
    entries.iter().map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infos() {
        let check =
            |body: &str, expect: Option<Info>| assert_eq!(Info::read(body.as_bytes()), expect, "{body}");
        let info = Info { v04: true, stats: true, drops: true, structs: true, ..Info::default() };
        check(
            r#"{"version":"7.83.3","endpoints":["/v0.4/traces","/v0.6/stats"],"client_drop_p0s":true}"#,
            Some(info.clone()),
        );
        // A wrong type says nothing, and spoils nothing.
        check(
            r#"{"endpoints":["/v0.4/traces",7,"/v0.6/stats"],"client_drop_p0s":true,"span_meta_structs":"yes",
                "peer_tags":{"a":1},"config":[[[[]]]]}"#,
            Some(info),
        );
        let peers = Info { structs: true, peer_tags: vec!["db.name".into()], ..Info::default() };
        check(
            r#"{"endpoints":[],"peer_tags":["db.name",null,3]}"#,
            Some(Info { peer_tags: vec!["db.name".into(), String::new()], ..peers }),
        );
        check(r#"{"endpoints":[],"span_meta_structs":false}"#, Some(Info::default()));
        for (listed, expect) in [("v1/", None), ("v2/", Some("v2")), ("v2/\",\"/evp_proxy/v4", Some("v4"))] {
            let body = format!(r#"{{"endpoints":["/evp_proxy/{listed}"],"span_meta_structs":false}}"#);
            let spans = Info::read(body.as_bytes()).and_then(|info| info.proxy).map(|proxy| proxy.spans);
            let expect = expect.map(|version| format!("/evp_proxy/{version}/api/v2/llmobs"));
            assert_eq!(spans.map(str::to_owned), expect, "{body}");
        }
        for bad in ["", "{}", "[]", "null", "{\"endpoints\":{}}", "{\"endpoints\":[\"/v0.4/traces\"", "\u{0}"]
        {
            check(bad, None);
        }
        check(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), None);
    }

    #[test]
    fn rates_by_service() {
        let check = |body: &[u8], expect: Option<&[(&str, &str, f64)]>| {
            let found = rates(body).map(|rates| {
                let mut list: Vec<_> = rates.into_iter().map(|((s, e), rate)| (s, e, rate)).collect();
                list.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
                list
            });
            let expect = expect
                .map(|list| list.iter().map(|(s, e, r)| ((*s).to_owned(), (*e).to_owned(), *r)).collect());
            assert_eq!(found, expect, "{}", String::from_utf8_lossy(&body[..body.len().min(90)]));
        };
        check(b"{}", Some(&[]));
        check(br#"{"rate_by_service":{}}"#, Some(&[]));
        check(
            br#"{"rate_by_service":{"service:,env:":1,"service:a,env:b,env:c":0.25}}"#,
            Some(&[("", "", 1.0), ("a,env:b", "c", 0.25)]),
        );
        check(b"OK\n", None);
        check(b"", None);
        check(b"[]", None);
        check(&[0xff, 0xfe], None);
        check(br#"{"rate_by_service":[]}"#, None);
        check(br#"{"rate_by_service":{"service:,env:":"1"}}"#, None);
        check(br#"{"rate_by_service":{"service:,env:":1.5}}"#, None);
        check(br#"{"rate_by_service":{"service:,env:":-0.5}}"#, None);
        check(br#"{"rate_by_service":{"service:,env:":1e999}}"#, None);
        check(br#"{"rate_by_service":{"nonsense":1}}"#, None);
        check(br#"{"rate_by_service":{"service:,env:":1"#, None);
    }
}
