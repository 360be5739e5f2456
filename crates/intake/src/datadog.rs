//! The Datadog tracers' side, on 8126: `/info`, the trace endpoints v0.3 to v0.5, and what of the EVP proxy carries
//! LLM Observability.
//!
//! Answers as a Datadog Agent does: JSON with sampling rates (all 1.0: an LLM trace is worth keeping), 429 only to
//! clients that ask for real statuses, and the headers by which clients notice that `/info` changed.

mod evp;
mod info;

use crate::listener::{Answer, BodyError, Door, plain, read_body, text};
use crate::otlp_http::body_status;
use crate::path::{Form, Intake, Protocol, Received, TakeError};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use std::sync::Arc;

pub use info::Info;

/// The Datadog side of a listener.
#[derive(Clone, Debug)]
pub struct Datadog {
    intake: Intake,
    info: Arc<Info>,
}

impl Datadog {
    /// A door to `intake`; `info` is what `/info` says.
    pub fn new(intake: Intake, info: Info) -> Self {
        Self { intake, info: Arc::new(info) }
    }
}

/// What a path asks for.
enum Ask {
    Info,
    Traces(Version),
    /// LLM Observability by way of the EVP proxy.
    Evp(Form),
    /// `/v0.N/services`, which old clients post to and nobody reads any more.
    Services,
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V03,
    V04,
    V05,
}

fn ask(path: &str) -> Ask {
    match path {
        "/info" => Ask::Info,
        "/v0.3/traces" => Ask::Traces(Version::V03),
        "/v0.4/traces" => Ask::Traces(Version::V04),
        "/v0.5/traces" => Ask::Traces(Version::V05),
        "/v0.3/services" | "/v0.4/services" => Ask::Services,
        _ => evp::form(path).map_or(Ask::Unknown, Ask::Evp),
    }
}

/// Every trace is kept, whatever its service: `service:,env:` is the default for all.
const RATES: &str = r#"{"rate_by_service":{"service:,env:":1}}"#;
const RATES_VERSION: &str = "tundra-1";

impl Door for Datadog {
    const PROTOCOL: Protocol = Protocol::Datadog;

    fn intake(&self) -> &Intake {
        &self.intake
    }

    fn refuse(&self, status: StatusCode, message: &str) -> Answer {
        plain(status, "text/plain; charset=utf-8", format!("{message}\n"))
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let mut answer = match ask(request.uri().path()) {
            Ask::Info => plain(StatusCode::OK, "application/json", self.info.body.clone()),
            Ask::Services => plain(StatusCode::OK, "text/plain; charset=utf-8", "OK\n"),
            Ask::Traces(version) if matches!(*request.method(), Method::POST | Method::PUT) => {
                self.traces(version, request).await
            }
            Ask::Evp(form) if matches!(*request.method(), Method::POST | Method::PUT) => {
                self.evp(form, request).await
            }
            Ask::Traces(_) | Ask::Evp(_) => {
                let mut answer = self.turn_away(StatusCode::METHOD_NOT_ALLOWED, "method", "use POST or PUT");
                answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, PUT"));
                answer
            }
            Ask::Unknown => {
                let message = "not served here: /info lists what is";
                self.turn_away(StatusCode::NOT_FOUND, "unknown_path", message)
            }
        };
        let headers = answer.headers_mut();
        headers.insert("datadog-agent-version", HeaderValue::from_static(info::AGENT_VERSION));
        headers.insert("datadog-agent-state", self.info.state.clone());
        answer
    }
}

impl Datadog {
    fn turn_away(&self, status: StatusCode, reason: &'static str, message: &str) -> Answer {
        self.intake.ledger().add(Self::PROTOCOL, "requests_refused", reason, 1);
        self.refuse(status, message)
    }

    async fn traces(&self, version: Version, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let form = match trace_form(version, text(&parts.headers, "content-type")) {
            Some(form) => form,
            None => {
                let message = "content type must be application/msgpack or application/json";
                return self.turn_away(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", message);
            }
        };
        match self.take(form, &parts.headers, body).await {
            Ok(()) => accepted(version, &parts.headers),
            Err(Refused::Body(error)) => self.body_refused(&error),
            // Clients that do not ask for real statuses treat anything but 200 as a broken Agent.
            Err(Refused::Take(error)) if error.is_retryable() && !wants_status(&parts.headers) => {
                accepted(version, &parts.headers)
            }
            Err(Refused::Take(error)) => self.failed(&error),
        }
    }

    /// LLM Observability: answered as the intake behind a real Agent's proxy answers.
    async fn evp(&self, form: Form, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        if !evp::is_json(text(&parts.headers, "content-type")) {
            let message = "content type must be application/json";
            return self.turn_away(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", message);
        }
        match self.take(form, &parts.headers, body).await {
            Ok(()) => plain(StatusCode::ACCEPTED, "application/json", "{}"),
            Err(Refused::Body(error)) => self.body_refused(&error),
            Err(Refused::Take(error)) => self.failed(&error),
        }
    }

    /// Reads a body and takes it. An empty one is a connectivity check: some clients send no body at all.
    async fn take(&self, form: Form, headers: &HeaderMap, body: Incoming) -> Result<(), Refused> {
        let read = read_body(&self.intake, body).await.map_err(Refused::Body)?;
        let (body, permit) = read.map_err(|error| {
            self.intake.ledger().add(Self::PROTOCOL, "requests_refused", error.reason(), 1);
            Refused::Take(error)
        })?;
        if body.is_empty() {
            return Ok(());
        }
        let received = Received {
            protocol: Self::PROTOCOL,
            form,
            encoding: text(headers, "content-encoding").map(str::to_owned),
            body,
            headers: headers.clone(),
        };
        self.intake.take(received, permit).await.map(drop).map_err(Refused::Take)
    }

    fn body_refused(&self, error: &BodyError) -> Answer {
        let (status, reason) = body_status(error);
        self.turn_away(status, reason, &error.to_string())
    }

    fn failed(&self, error: &TakeError) -> Answer {
        if error.is_retryable() {
            let mut answer = self.refuse(StatusCode::TOO_MANY_REQUESTS, &error.to_string());
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            return answer;
        }
        let status = match error {
            TakeError::Inflate(crate::inflate::InflateError::TooLarge { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            TakeError::Inflate(crate::inflate::InflateError::Unsupported { .. }) => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            _ => StatusCode::BAD_REQUEST,
        };
        self.refuse(status, &error.to_string())
    }
}

/// Why a request was not taken.
enum Refused {
    Body(BodyError),
    Take(TakeError),
}

fn wants_status(headers: &HeaderMap) -> bool {
    text(headers, "datadog-send-real-http-status")
        .is_some_and(|value| !matches!(value, "0" | "f" | "F" | "false" | "False" | "FALSE"))
}

fn trace_form(version: Version, content_type: Option<&str>) -> Option<Form> {
    let essence = content_type.unwrap_or("").split(';').next().unwrap_or("").trim();
    match (version, essence) {
        (Version::V05, "application/msgpack" | "") => Some(Form::DatadogV05),
        (Version::V05, _) => None,
        (_, "application/msgpack") => Some(Form::DatadogV04),
        (_, "application/json" | "text/json" | "") => Some(Form::DatadogJson),
        _ => None,
    }
}

fn accepted(version: Version, headers: &HeaderMap) -> Answer {
    if version == Version::V03 {
        return plain(StatusCode::OK, "text/plain; charset=utf-8", "OK\n");
    }
    let known = text(headers, "datadog-rates-payload-version");
    let body = if known == Some(RATES_VERSION) { "{}" } else { RATES };
    let mut answer = plain(StatusCode::OK, "application/json", body);
    if known.is_some() {
        answer.headers_mut().insert("datadog-rates-payload-version", HeaderValue::from_static(RATES_VERSION));
    }
    answer
}
