//! Requests of real clients, from bytes to rows.

use crate::house::{House, holds};
use intake::Protocol;
use intake::path::{Form, Text};
use serde_json::Value;
use std::path::{Path, PathBuf};
use store::Table;

fn llm_data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../llm/tests/data")
}

fn form(path: &str, content_type: &str) -> Option<(Protocol, Form)> {
    let text = if content_type.contains("json") { Text::Json } else { Text::Protobuf };
    let otlp = |form| Some((Protocol::OtlpHttp, form));
    match path {
        path if path.ends_with("/v1/traces") => otlp(Form::OtlpTraces(text)),
        path if path.ends_with("/v1/logs") => otlp(Form::OtlpLogs(text)),
        path if path.ends_with("/v1/metrics") => otlp(Form::OtlpMetrics(text)),
        "/v0.4/traces" => Some((Protocol::Datadog, Form::DatadogV04)),
        "/v0.5/traces" => Some((Protocol::Datadog, Form::DatadogV05)),
        _ => None,
    }
}

/// Every captured request that has a form here: protocol, form, encoding, body.
fn requests(case: &Path) -> Vec<(Protocol, Form, Option<String>, Vec<u8>)> {
    let mut names: Vec<_> =
        std::fs::read_dir(case).expect("a case").flatten().map(|entry| entry.path()).collect();
    names.sort();
    let mut found = Vec::new();
    for headers in names.iter().filter(|path| path.to_string_lossy().ends_with(".headers.json")) {
        let about: Value = serde_json::from_slice(&std::fs::read(headers).expect("readable")).expect("JSON");
        let header = |name: &str| {
            let all = about["headers"].as_array()?;
            let pair =
                all.iter().find(|pair| pair[0].as_str().is_some_and(|key| key.eq_ignore_ascii_case(name)))?;
            Some(pair[1].as_str()?.to_owned())
        };
        let path = about["path"].as_str().unwrap_or("").split('?').next().unwrap_or("").to_owned();
        let Some((protocol, form)) = form(&path, &header("content-type").unwrap_or_default()) else {
            continue;
        };
        let body = PathBuf::from(headers.to_string_lossy().replace(".headers.json", ".body"));
        let Ok(body) = std::fs::read(body) else { continue };
        found.push((protocol, form, header("content-encoding"), body));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_captured_request_is_taken_and_nothing_planted_survives() {
    let mut cases = 0;
    for case in std::fs::read_dir(llm_data()).expect("test data").flatten().map(|entry| entry.path()) {
        let requests = if case.is_dir() { requests(&case) } else { Vec::new() };
        if requests.is_empty() {
            continue;
        }
        cases += 1;
        let house = House::open().await;
        let mut stored = 0;
        for (protocol, form, encoding, body) in requests {
            let ack = house.take(protocol, form, encoding.as_deref(), body).await;
            let ack = ack.unwrap_or_else(|error| panic!("{}: {form:?}: {error}", case.display()));
            assert_eq!(ack.rejected, 0, "{}", case.display());
            stored += ack.stored;
        }
        let rows: usize =
            [Table::Spans, Table::Logs, Table::Metrics].into_iter().map(|table| house.rows(table)).sum();
        assert_eq!(rows as u64, stored, "{}", case.display());
        let ledger = house.intake.ledger();
        assert_eq!(ledger.total("received"), ledger.total("stored") + ledger.total("rejected"));
        assert_eq!(ledger.total("in_flight"), 0);
        assert!(
            !holds(house.folder.path(), b"jane.doe@example.com"),
            "{}: an address is on disk",
            case.display()
        );
        assert!(house.rows(Table::LlmCalls) > 0, "{}: no model call was understood", case.display());
        house.store.close().await.expect("seals");
    }
    assert!(cases >= 5, "only {cases} cases have data");
}
