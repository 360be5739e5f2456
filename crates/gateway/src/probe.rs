//! Asks one profile whether it works, by its list of models: that costs nothing and proves address, network and key.
//! Called by `profiles`; it must never make a model generate.

use crate::address;
use crate::http::{Http, HttpError};
use crate::keys::Keys;
use crate::limits::{LISTING_BYTES_MAX, LOCAL_PROBE_WAIT, PROBE_WAIT};
use crate::models;
use llm::profile::{Health, Kind, Profile, Shape};
use reqwest::{Method, Request, StatusCode};
use tundra_record::env::Clock;

/// `profile` with what the probe found out.
pub(crate) async fn probe(http: &Http, keys: &Keys, clock: &dyn Clock, mut profile: Profile) -> Profile {
    let begun = clock.monotonic();
    let wait = if profile.kind == Kind::Local { LOCAL_PROBE_WAIT } else { PROBE_WAIT };
    let found = tokio::time::timeout(wait, ask(http, keys, &profile)).await;
    let took = clock.monotonic().saturating_duration_since(begun).as_millis();
    let (healthy, detail) = match found.unwrap_or(Err(Trouble::Http(HttpError::TimedOut))) {
        Ok(found) => {
            profile.models = models::merged(&profile, found);
            match profile.models.len() {
                0 => (Some(false), "it has no models: load one".to_owned()),
                1 => (Some(true), "1 model".to_owned()),
                more => (Some(true), format!("{more} models")),
            }
        }
        Err(trouble) => (trouble.healthy(), trouble.told(&profile)),
    };
    let latency_ms = healthy.map(|_| u32::try_from(took).unwrap_or(u32::MAX));
    profile.health = Health { healthy, latency_ms, detail };
    profile
}

enum Trouble {
    Address(address::AddressError),
    Http(HttpError),
    NoKey,
    Status(StatusCode),
    NotAList,
}

impl Trouble {
    /// Some providers have no list; that says nothing about their models.
    fn healthy(&self) -> Option<bool> {
        let unlisted = matches!(self, Self::Status(status) if matches!(status.as_u16(), 404 | 405 | 501));
        if unlisted { None } else { Some(false) }
    }

    fn told(&self, profile: &Profile) -> String {
        let variable = profile.key_variable.as_deref().unwrap_or("its key");
        match self {
            Self::Address(error) => error.to_string(),
            Self::Http(error) => error.to_string(),
            Self::NoKey => format!("no usable key: set `{variable}`"),
            Self::Status(status) if matches!(status.as_u16(), 401 | 403) => {
                format!("the key is refused (status {}): check `{variable}`", status.as_u16())
            }
            Self::Status(status) if self.healthy().is_none() => {
                format!("it lists no models (status {}): a task will show whether it works", status.as_u16())
            }
            Self::Status(status) => format!("it answers with status {}", status.as_u16()),
            Self::NotAList => "its answer is no list of models: check the base URL".to_owned(),
        }
    }
}

async fn ask(http: &Http, keys: &Keys, profile: &Profile) -> Result<Vec<String>, Trouble> {
    if let Some(path) = readiness_path(profile) {
        let url = address::url(profile.base_url.trim_end_matches("/v1"), path).map_err(Trouble::Address)?;
        get(http, Request::new(Method::GET, url)).await?;
    }
    let url = address::url(&profile.base_url, profile.shape.models_path()).map_err(Trouble::Address)?;
    let mut request = Request::new(Method::GET, url);
    if profile.key_variable.is_some() {
        let (name, value) = keys.header(profile).ok_or(Trouble::NoKey)?;
        request.headers_mut().insert(name, value);
    }
    if profile.shape == Shape::AnthropicMessages {
        // The version is part of every request's form; take it from the shape's own example.
        for (name, value) in llm::chat::request(profile.shape, "", "", "").headers {
            let value = reqwest::header::HeaderValue::from_static(value);
            request.headers_mut().insert(reqwest::header::HeaderName::from_static(name), value);
        }
    }
    let body = get(http, request).await?;
    models::read(&body).ok_or(Trouble::NotAList)
}

/// llama.cpp opens its port before its model is loaded; only `/health` tells.
fn readiness_path(profile: &Profile) -> Option<&'static str> {
    (profile.kind == Kind::Local && profile.name == "llama-cpp").then_some("/health")
}

async fn get(http: &Http, request: Request) -> Result<Vec<u8>, Trouble> {
    let reply = http.send(request).await.map_err(Trouble::Http)?;
    if !reply.status.is_success() {
        return Err(Trouble::Status(reply.status));
    }
    reply.body(LISTING_BYTES_MAX).await.map_err(Trouble::Http)
}
