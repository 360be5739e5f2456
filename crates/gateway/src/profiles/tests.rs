//! What is found, what probes say, what is picked, and that no key gets out.

use crate::testing::{ANSWER, MODELS, Provider, Told, bare, gateway, openai};
use crate::{BuildError, Config, Gateway, Parts};
use llm::profile::{Health, Kind, Origin, Profile};
use std::collections::BTreeMap;

#[tokio::test]
async fn what_a_probe_says() {
    let check = async |told: Told, healthy: Option<bool>, detail: &str| {
        let provider = Provider::new(move |_, _| told);
        let profiles = gateway(bare(), &openai(&provider)).profiles();
        assert_eq!(profiles.list().profiles[0].health, Health::default(), "listed before it is probed");
        profiles.refresh().await;
        let health = profiles.list().profiles[0].health.clone();
        assert_eq!((health.healthy, health.detail.as_str()), (healthy, detail));
        let asked = provider.asked();
        assert_eq!((asked.len(), asked[0].what.as_str()), (1, "GET /models"));
        assert_eq!(asked[0].headers["authorization"], "Bearer sk-very-secret");
    };
    check((200, "", MODELS), Some(true), "1 model").await;
    check((200, "", r#"{"data":[{"id":"a"},{"id":"b"}]}"#), Some(true), "2 models").await;
    check((401, "", ""), Some(false), "the key is refused (status 401): check `OPENAI_API_KEY`").await;
    check((404, "", ""), None, "it lists no models (status 404): a task will show whether it works").await;
    check((500, "", ""), Some(false), "it answers with status 500").await;
    check((200, "", "<html>"), Some(false), "its answer is no list of models: check the base URL").await;
    check((302, "location: http://127.0.0.1:1/\r\n", ""), Some(false), "it answers with status 302").await;
}

#[tokio::test]
async fn local_runtimes_are_there_if_they_answer() {
    let ollama = Provider::new(|_, _| (200, "", r#"{"models":[{"name":"llama3.2:latest"}]}"#));
    let loading = Provider::new(|asked, _| match asked.what.as_str() {
        "GET /health" => (503, "", ""),
        _ => (200, "", MODELS),
    });
    let ports = [("ollama", ollama.port), ("llama-cpp", loading.port), ("vllm", Provider::nobody())];
    let config = Config { local_ports: BTreeMap::from(ports), ..Config::default() };
    let profiles = gateway(config.clone(), &[]).profiles();
    assert!(profiles.list().profiles.is_empty());
    profiles.refresh().await;
    let list = profiles.list();
    let chosen = list.chosen().expect("one works");
    assert_eq!((chosen.name.as_str(), chosen.provider.as_str()), ("local-runtime", "Local"));
    assert_eq!((chosen.default_model(), list.total_available()), (Some("llama3.2:latest"), 1));
    assert_eq!(list.profiles.len(), 1);

    let off = gateway(Config { discover: false, ..config }, &[]).profiles();
    off.refresh().await;
    assert!(off.list().profiles.is_empty());
}

#[tokio::test]
async fn configured_profiles_come_first() {
    let provider = Provider::new(|_, _| (200, "", MODELS));
    let own = |name: &str, port: u16| Profile {
        name: name.to_owned(),
        kind: Kind::Custom,
        origin: Origin::Configuration,
        base_url: format!("http://127.0.0.1:{port}/v1"),
        ..Profile::default()
    };
    let check = async |default: Option<&str>, profiles: Vec<Profile>, expected: &str| {
        let config = Config { default_profile: default.map(str::to_owned), profiles, ..bare() };
        let profiles = gateway(config, &openai(&provider)).profiles();
        profiles.refresh().await;
        assert_eq!(profiles.list().chosen().map(|profile| profile.name.clone()).as_deref(), Some(expected));
    };
    check(None, vec![], "openai").await;
    check(None, vec![own("a", provider.port), own("b", provider.port)], "a").await;
    check(Some("b"), vec![own("a", provider.port), own("b", provider.port)], "b").await;
    check(Some("a"), vec![own("a", Provider::nobody())], "openai").await;
}

#[tokio::test]
async fn a_profile_that_comes_back_is_picked_again() {
    let provider = Provider::new(|_, before| if before == 0 { (500, "", "") } else { (200, "", MODELS) });
    let profiles = gateway(bare(), &openai(&provider)).profiles();
    profiles.refresh().await;
    profiles.settled().await;
    assert!(profiles.list().chosen().is_none());
    profiles.refresh().await;
    assert_eq!(profiles.list().chosen().map(|profile| profile.name.as_str()), Some("openai"));
}

#[test]
fn addresses_are_checked_at_build() {
    let profile = Profile { name: "p".to_owned(), base_url: "ftp://x".to_owned(), ..Profile::default() };
    let config = Config { profiles: vec![profile], ..bare() };
    let http = crate::http::Http::new().expect("a client");
    let clock = std::sync::Arc::new(tundra_record::env::SystemClock);
    let built = super::Profiles::new(config, BTreeMap::new(), http, clock);
    assert!(matches!(built, Err(BuildError::Address { .. })));
}

#[test]
fn keys_are_never_shown() {
    let provider = Provider::new(|_, _| (200, "", ANSWER));
    let gateway: Gateway = gateway(bare(), &openai(&provider));
    let shown = format!("{gateway:?} {:?}", gateway.profiles().list());
    assert!(!shown.contains("sk-very"), "{shown}");
    // `Parts` hides what it holds as well.
    let _: fn(&Parts, &mut std::fmt::Formatter<'_>) -> std::fmt::Result = std::fmt::Debug::fmt;
}
