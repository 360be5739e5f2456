//! Decodes the captured requests of one client and has the reader understand each record.

use flate2::read::GzDecoder;
use llm::{Prices, Reader};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tundra_record::llm::{LlmCall, LlmMessage, Understood};
use tundra_record::{LogRecord, MetricPoint, Reject, Resource, Scope, Sink, Span};
use tundra_wire::Limits;
use tundra_wire::datadog::DatadogHeaders;

pub(crate) static READER: LazyLock<Reader> = LazyLock::new(|| Reader::new(Prices::bundled()));

/// What was understood of one client's spans and logs, in the order they arrived.
#[derive(Debug, Default)]
pub(crate) struct Case {
    resource: Resource<'static>,
    scope: Scope<'static>,
    pub(crate) spans: Vec<(Span<'static>, Option<Understood>)>,
    pub(crate) logs: Vec<(String, Option<Understood>)>,
}

impl Case {
    pub(crate) fn calls(&self) -> Vec<&LlmCall> {
        self.spans.iter().filter_map(|(_, understood)| understood.as_ref()?.call.as_ref()).collect()
    }

    /// Kind and name of each run.
    pub(crate) fn runs(&self) -> Vec<String> {
        let runs = self.spans.iter().filter_map(|(_, understood)| understood.as_ref()?.run.as_ref());
        runs.map(|run| format!("{} {}", run.kind, run.agent_name)).collect()
    }

    /// The messages of the nth call, one line each.
    pub(crate) fn messages(&self, call: usize) -> Vec<String> {
        let understood = self.spans.iter().filter_map(|(_, understood)| understood.as_ref());
        let messages = understood.filter(|u| u.call.is_some()).nth(call).map(|u| &u.messages[..]);
        messages.unwrap_or_default().iter().map(line).collect()
    }
}

fn line(m: &LlmMessage) -> String {
    let name = m.tool_name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    let id = m.tool_call_id.as_deref().map(|id| format!(" #{id}")).unwrap_or_default();
    let content: String = m.content.chars().take(60).collect();
    format!("{} {}.{} {} {}{name}{id}: {content}", m.direction.as_str(), m.idx, m.part, m.role, m.kind)
}

impl Sink for Case {
    fn resource(&mut self, resource: &mut Resource<'_>) {
        self.resource = Resource { attrs: tundra_record::value::into_owned(resource.attrs.clone()) };
    }

    fn scope(&mut self, scope: &mut Scope<'_>) {
        self.scope = Scope {
            name: scope.name.clone().into_owned().into(),
            version: scope.version.clone().into_owned().into(),
        };
    }

    fn span(&mut self, span: &mut Span<'_>) {
        let understood = READER.span(&self.resource, &self.scope, span);
        self.spans.push((span.clone().into_owned(), understood));
    }

    fn log(&mut self, log: &mut LogRecord<'_>) {
        let name =
            log.attrs.iter().find(|(key, _)| key == "event.name").map(|(_, v)| v.to_text().into_owned());
        self.logs.push((name.unwrap_or_default(), READER.log(&self.resource, &self.scope, log)));
    }

    fn metric(&mut self, _point: &mut MetricPoint<'_>) {}

    fn reject(&mut self, reason: Reject) {
        panic!("a captured record was refused: {reason:?}");
    }
}

/// Decodes all requests of a capture.
pub(crate) fn case(name: &str) -> Case {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let mut bodies: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "body"))
        .collect();
    bodies.sort();
    let mut case = Case::default();
    for path in bodies {
        let headers = std::fs::read_to_string(path.with_extension("headers.json")).unwrap();
        let body = unpacked(std::fs::read(&path).unwrap());
        let limits = Limits::default();
        let door = |suffix: &str| headers.contains(&format!("{suffix}\""));
        if door("/v0.4/traces") {
            tundra_wire::datadog::traces_v03_v04(&body, &DatadogHeaders::default(), &limits, &mut case)
                .unwrap();
        } else if door("/v1/traces") {
            tundra_wire::otlp::traces(&body, &limits, &mut case).unwrap();
        } else if door("/v1/logs") {
            tundra_wire::otlp::logs(&body, &limits, &mut case).unwrap();
        }
    }
    case
}

fn unpacked(body: Vec<u8>) -> Vec<u8> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return body;
    }
    let mut out = Vec::new();
    GzDecoder::new(&body[..]).read_to_end(&mut out).unwrap();
    out
}
