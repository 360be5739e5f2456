//! The order in which rules, rates and the Agent are asked, and the words that the engine loads.

use super::*;

fn settings(rules: &str, rate: Option<f64>, limit: Option<f64>) -> Settings {
    let rules = parse(rules).expect("rules");
    Settings { service: "web".into(), env: "prod".into(), rules, rate, limit, ..Settings::default() }
}

/// A pipeline that no other test has.
const LAST: u16 = PIPELINES as u16 - 1;

#[test]
fn decisions() {
    let agent = |pairs: &[(&str, &str, f64)]| {
        pairs.iter().map(|(service, env, rate)| (((*service).into(), (*env).into()), *rate)).collect()
    };
    let check =
        |settings: Settings, rates: &[(&str, &str, f64)], remote: Option<f64>, expect: (f64, Mechanism)| {
            let ruled = !settings.rules.is_empty() && remote.is_none();
            let sampler = Sampler::new(settings, LAST);
            sampler.set_agent_rates(agent(rates));
            sampler.set_remote(remote, false);
            let root = Span { name: "GET /health".into(), ..Span::default() };
            let found = sampler.explain(&root);
            assert_eq!((found.rate, found.mechanism), expect);
            assert_eq!(maker(LAST), (!ruled).then_some(expect.1), "who decides about all traces alike");
        };
    let rule = r#"[{"name": "nothing", "sample_rate": 0.9}, {"resource": "*health", "sample_rate": 0.1}]"#;
    check(settings("[]", None, None), &[], None, (1.0, Mechanism::Default));
    check(settings("[]", None, None), &[("", "", 0.3)], None, (0.3, Mechanism::Agent));
    check(settings("[]", None, None), &[("", "", 0.3), ("web", "prod", 0.2)], None, (0.2, Mechanism::Agent));
    check(settings("[]", None, None), &[("web", "dev", 0.2)], None, (1.0, Mechanism::Default));
    check(settings("[]", Some(0.5), None), &[("", "", 0.3)], None, (0.5, Mechanism::Rule));
    check(settings(rule, Some(0.5), None), &[("", "", 0.3)], None, (0.1, Mechanism::Rule));
    check(settings(rule, Some(0.5), None), &[("", "", 0.3)], Some(0.7), (0.7, Mechanism::Remote));
    let of_all = Sampler::new(
        settings(r#"[{"sample_rate": 0.1}, {"name": "x", "sample_rate": 1}]"#, None, None),
        LAST,
    );
    assert_eq!((maker(of_all.pipeline), maker(u16::MAX)), (Some(Mechanism::Rule), None));
}

// Whoever is asked then begins a trace of its own, instead of not being sampled for our sake.
#[test]
fn nobody_hears_of_a_trace_that_is_switched_off() {
    use crate::engine::{FOREIGN, SpanIdentity, UNSAMPLED};
    const OWN: u16 = LAST - 1;
    let sent = |tag: u16| {
        let mut sent = 0;
        let who = SpanIdentity { trace_high: 0, trace_low: 9101, span: 7, tag };
        crate::propagation::inject_identity(who, |_, _| sent += 1);
        sent
    };
    let sampler = Sampler::new(settings("[]", Some(0.0), None), OWN);
    for (rate, off) in [(None, false), (Some(0.5), false), (None, true), (Some(1.0), true), (None, false)] {
        sampler.set_remote(rate, off);
        assert_eq!(sent(OWN | UNSAMPLED) == 0, off, "{rate:?} {off}");
        assert!(sent(OWN | FOREIGN) > 0, "others decided");
    }
}

#[test]
fn words() {
    let check = |settings: Settings, rates: &[f64], expect: &str| {
        let sampler = Sampler::new(settings, u16::MAX);
        let rates = rates.iter().map(|rate| ((String::new(), String::new()), *rate));
        sampler.set_agent_rates(rates.collect());
        let found = match sampler.word() {
            KEEP_ALL => "all".to_owned(),
            ASK => "ask".to_owned(),
            word => format!("{:.3}", word as f64 / u64::MAX as f64),
        };
        assert_eq!(found, expect);
    };
    check(settings("[]", None, None), &[], "all");
    check(settings("[]", None, Some(10.0)), &[], "all");
    check(settings("[]", None, None), &[0.25], "0.250");
    check(settings("[]", Some(0.5), None), &[], "0.500");
    check(settings("[]", Some(0.0), Some(10.0)), &[], "0.000");
    check(settings("[]", Some(1.0), None), &[0.1], "all");
    check(settings("[]", Some(1.0), Some(10.0)), &[], "ask");
    check(settings(r#"[{"sample_rate": 1}]"#, None, None), &[], "ask");
}

// Datadog's tracers in other languages must decide alike: the reference is their formula in whole numbers.
#[test]
fn ids_decide_alike_everywhere() {
    for (rate, percent) in [(0.1, 10), (0.5, 50), (0.99, 99)] {
        let mut kept = 0_u32;
        for n in 1..=10_000_u64 {
            let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = u128::from(id) * 1_111_111_111_111_111_111 % (1 << 64);
            let reference = mixed * 100 <= (u128::from(u64::MAX)) * percent;
            // The threshold is a double: ids within its last bits may go either way.
            let near = mixed.abs_diff(u128::from(u64::MAX) * percent / 100) < 1 << 20;
            assert!(near || below(id, threshold(rate)) == reference, "{id} {rate}");
            kept += u32::from(below(id, threshold(rate)));
        }
        assert!((f64::from(kept) / 10_000.0 - rate).abs() < 0.02, "{rate}: {kept}");
    }
    assert!(!below(0, 0) && below(7, KEEP_ALL));
}
