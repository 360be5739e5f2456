//! What the environment gives, and which profile the rule picks.

use super::*;

fn candidate(origin: Origin, kind: Kind, healthy: Option<bool>, latency_ms: Option<u32>) -> Candidate {
    Candidate { is_default: false, origin, kind, healthy, latency_ms }
}

#[test]
fn the_rule() {
    use Kind::{Cloud, Local};
    use Origin::{Configuration, Discovered, Environment};
    let check = |candidates: &[Candidate], expect: Option<(usize, &str)>| {
        let got = choose(candidates);
        assert_eq!(got.map(|choice| choice.index), expect.map(|(index, _)| index), "{candidates:?}");
        let (got, expect) = (got.map_or("", |c| c.reason), expect.map_or("", |(_, reason)| reason));
        assert!(got.contains(expect), "{got} / {expect}");
    };
    let slow = candidate(Environment, Cloud, Some(true), Some(300));
    let fast = candidate(Environment, Cloud, Some(true), Some(80));
    let unchecked = candidate(Environment, Cloud, None, None);
    let broken = candidate(Environment, Cloud, Some(false), Some(1));
    let local = candidate(Discovered, Local, Some(true), Some(1));
    let configured = candidate(Configuration, Cloud, Some(true), Some(900));
    let default = Candidate { is_default: true, ..configured };
    check(&[], None);
    check(&[broken], None);
    check(&[local], Some((0, "local runtime")));
    check(&[local, slow], Some((1, "cloud")));
    check(&[slow, fast, local], Some((1, "fastest healthy cloud")));
    check(&[broken, local, unchecked], Some((1, "local runtime")));
    check(&[unchecked, broken], Some((0, "not checked yet")));
    check(&[fast, local, configured], Some((2, "configured and healthy")));
    check(&[configured, configured], Some((0, "configured")));
    check(&[fast, configured, default], Some((2, "default")));
    check(&[fast, Candidate { healthy: Some(false), ..default }], Some((0, "cloud")));
    check(
        &[broken, Candidate { healthy: Some(false), ..default }],
        Some((1, "though its last check failed")),
    );
    check(&[slow, slow], Some((0, "")));
}

#[test]
fn the_environment() {
    let check = |variables: &[(&str, &str)], expect: &[(&str, Kind, &str)]| {
        let found = from_environment(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        let got: Vec<_> = found.iter().map(|p| (p.name.as_str(), p.kind, p.base_url.as_str())).collect();
        assert_eq!(got, expect);
        assert!(!format!("{found:?}").contains("sk-"), "no key is kept");
    };
    check(&[], &[]);
    check(&[("OPENAI_API_KEY", " ")], &[]);
    check(&[("OPENAI_API_KEY", "sk-1")], &[("openai", Kind::Cloud, "https://api.openai.com/v1")]);
    check(
        &[("OPENAI_API_KEY", "sk-1"), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1/")],
        &[("openai", Kind::Custom, "http://127.0.0.1:9/v1")],
    );
    check(
        &[("GOOGLE_API_KEY", "sk-1"), ("ANTHROPIC_API_KEY", "sk-2")],
        &[
            ("anthropic", Kind::Cloud, "https://api.anthropic.com"),
            ("gemini", Kind::Cloud, "https://generativelanguage.googleapis.com"),
        ],
    );
    check(&[("AZURE_OPENAI_API_KEY", "sk-1")], &[]);
    check(
        &[("AZURE_OPENAI_API_KEY", "sk-1"), ("AZURE_OPENAI_ENDPOINT", "https://x.openai.azure.com")],
        &[("azure-openai", Kind::Cloud, "https://x.openai.azure.com/openai/v1")],
    );
}

#[test]
fn a_lone_local_runtime_has_a_plain_name() {
    let ollama = LOCAL[0].profile("127.0.0.1", LOCAL[0].port);
    assert_eq!(ollama.base_url, "http://127.0.0.1:11434");
    let mut alone = [ollama.clone()];
    name_lone_local(&mut alone, 0);
    assert_eq!((alone[0].name.as_str(), alone[0].provider.as_str()), ("local-runtime", "Local"));
    let mut with_cloud = [ollama, Profile::default()];
    name_lone_local(&mut with_cloud, 0);
    assert_eq!(with_cloud[0].name, "ollama");
}

#[test]
fn names_are_unique_and_shapes_have_words() {
    let mut names: Vec<_> = CLOUD.iter().map(|c| c.name).chain(LOCAL.iter().map(|l| l.name)).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for shape in [Shape::OpenAiChat, Shape::AnthropicMessages, Shape::Gemini, Shape::Ollama] {
        assert_eq!(Shape::from_word(shape.as_str()), Some(shape));
    }
}
