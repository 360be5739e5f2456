//! LLM Observability told beside the traces: events of real clients become spans under their APM spans' ids.

use super::fixtures::all;
use super::recorder::{Item, record, spans};
use tundra_record::{Status, Value};

fn body(name: &str) -> Vec<u8> {
    all().into_iter().find(|fixture| fixture.name == name).unwrap().body
}

#[test]
fn an_event_has_the_ids_of_its_apm_span() {
    for run in ["datadog/js-v04-llm/", "datadog/js6-v04-llm/"] {
        let of_run = |format: &str| {
            let fixtures = all().into_iter().filter(|f| f.format == format && f.name.starts_with(run));
            fixtures.flat_map(|fixture| spans(format, &fixture.body)).collect::<Vec<_>>()
        };
        let traces = of_run("v04");
        let told = of_run("llmobs");
        assert_eq!(told.len(), 14, "{run}");
        for told in told {
            let twin =
                traces.iter().find(|span| (span.trace_id, span.span_id) == (told.trace_id, told.span_id));
            let twin = twin.unwrap_or_else(|| panic!("{run}: {} has no APM span", told.name));
            assert!(twin.attr_str("_dd.llmobs.submitted").is_some(), "{run}: {}", told.name);
            assert_eq!((&told.name, &told.service), (&twin.name, &twin.service), "{run}");
            assert!((told.start.0 - twin.start.0).abs() < 1_000_000, "{run}: {}", told.name);
        }
    }
}

#[test]
fn an_event_tells_a_whole_span() {
    let told = spans("llmobs", &body("datadog/py-llmobs-evp/0009-POST_evp_proxy_v2_api_v2_llmobs.bin"));
    let root = &told[0];
    assert_eq!(root.trace_id.to_string(), "6b00d5b1000000004356b80a057c54ec");
    assert_eq!((root.span_id.0, root.parent_id), (6_622_873_989_732_986_188, None));
    assert_eq!((&*root.name, root.service.as_deref()), ("handle_chat", Some("fixture-svc")));
    assert_eq!((root.start.0, root.duration), (1_795_216_817_172_531_236, 1_593_555));
    assert_eq!(told[1].parent_id, Some(root.span_id));
    let failed = told.iter().find(|span| span.name == "chat_fail").unwrap();
    assert_eq!(failed.status, Status::Error);
    assert!(!failed.status_message.is_empty());
    let event = root.attr("meta_struct._llmobs").unwrap();
    let kind = event.get("meta").and_then(|meta| meta.get("span")?.get("kind")).and_then(Value::as_str);
    assert_eq!(kind, Some("workflow"));
    assert_eq!(event.get("span_id"), None, "the span says it");
    // Each record of the request stands behind the resource and scope it belongs to.
    let items =
        record("llmobs", &body("datadog/py-llmobs-evp/0009-POST_evp_proxy_v2_api_v2_llmobs.bin")).unwrap();
    let Item::Resource(resource) = &items[0] else { panic!("{:?}", items[0]) };
    let said = |key: &str| resource.attrs.iter().find(|(name, _)| name == key).and_then(|(_, v)| v.as_str());
    assert_eq!(said("deployment.environment.name"), Some("fixture"));
    assert_eq!(said("service.version"), Some("1.2.3"));
    let Item::Scope(scope) = &items[1] else { panic!("{:?}", items[1]) };
    assert_eq!((&*scope.name, &*scope.version), (tundra_record::EVENT_SCOPE, "4.16.0"));
}

#[test]
fn an_evaluation_carries_all_its_fields() {
    let name = "datadog/py-llmobs-evp/0008-POST_evp_proxy_v2_api_intake_llm_obs_v2_eval_metric.bin";
    let items = record("llmobs-evaluations", &body(name)).unwrap();
    let logs = items.into_iter().filter_map(|item| if let Item::Log(log) = item { Some(log) } else { None });
    let logs: Vec<_> = logs.collect();
    assert_eq!(logs[0].event_name, tundra_wire::datadog::EVALUATION_EVENT);
    assert_eq!(logs[0].span_id.map(|id| id.0), Some(4_677_277_450_468_033_095));
    assert_eq!((logs[0].trace_id, logs[0].time.0), (None, 1_795_216_817_174_000_000));
    assert_eq!(logs[0].body.as_str(), Some("toxicity"));
    let field =
        |key: &str| logs[0].attrs.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
    assert_eq!(field("score_value"), Some(Value::Double(0.03)));
    assert_eq!(field("reasoning"), Some(Value::from("clean")));
    let by_tag = logs.iter().find(|log| log.body.as_str() == Some("by_tag")).unwrap();
    assert_eq!(by_tag.span_id, None, "it names a tag");
    let old = br#"{"data":{"attributes":{"metrics":[{"span_id":"7","label":"x"}]}}}"#;
    let Some(Item::Log(old)) = record("llmobs-evaluations", old).unwrap().pop() else { panic!("no log") };
    assert_eq!(old.span_id.map(|id| id.0), Some(7));
}
