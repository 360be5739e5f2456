//! OTLP over HTTP on 4318: `/v1/traces`, `/v1/logs`, `/v1/metrics`, in protobuf and JSON, and the paths that clients of
//! other products use for the same bytes.

use crate::listener::{Answer, BodyError, Door, plain, read_body, text};
use crate::otlp_answer;
use crate::path::{Ack, Form, Intake, Protocol, Received, TakeError, Text};
use http::{HeaderMap, Method, Request, StatusCode, header};
use hyper::body::Incoming;

/// The OTLP/HTTP side of a listener.
#[derive(Clone, Debug)]
pub struct OtlpHttp {
    intake: Intake,
}

impl OtlpHttp {
    /// A door to `intake`.
    pub fn new(intake: Intake) -> Self {
        Self { intake }
    }
}

fn form(path: &str, spelled: Text) -> Option<Form> {
    match path.trim_end_matches('/') {
        "/v1/traces" | "/otel/v1/traces" | "/api/public/otel/v1/traces" => Some(Form::OtlpTraces(spelled)),
        "/v1/logs" | "/otel/v1/logs" => Some(Form::OtlpLogs(spelled)),
        "/v1/metrics" | "/otel/v1/metrics" => Some(Form::OtlpMetrics(spelled)),
        _ => None,
    }
}

fn spelling(content_type: Option<&str>) -> Option<Text> {
    let essence = content_type?.split(';').next()?.trim();
    match essence {
        "application/x-protobuf" | "application/protobuf" => Some(Text::Protobuf),
        "application/json" => Some(Text::Json),
        _ => None,
    }
}

impl Door for OtlpHttp {
    const PROTOCOL: Protocol = Protocol::OtlpHttp;

    fn intake(&self) -> &Intake {
        &self.intake
    }

    fn refuse(&self, status: StatusCode, message: &str) -> Answer {
        otlp_answer::status(status, Text::Json, message)
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let refuse = |status, reason, spelled, message: &str| {
            self.intake.ledger().add(Self::PROTOCOL, "requests_refused", reason, 1);
            otlp_answer::status(status, spelled, message)
        };
        let spelled = spelling(text(request.headers(), header::CONTENT_TYPE.as_str()));
        let answer_in = spelled.unwrap_or(Text::Json);
        let Some(form) = form(request.uri().path(), answer_in) else {
            let message = "not an OTLP path: use /v1/traces, /v1/logs or /v1/metrics";
            return refuse(StatusCode::NOT_FOUND, "unknown_path", answer_in, message);
        };
        if request.method() != Method::POST {
            let mut answer = refuse(StatusCode::METHOD_NOT_ALLOWED, "method", answer_in, "use POST");
            answer.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
            return answer;
        }
        if is_grpc(&request) {
            let message = "this is OTLP over HTTP: send gRPC to the gRPC port (4317)";
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "grpc_to_http", answer_in, message);
        }
        if spelled.is_none() {
            let message = "content type must be application/x-protobuf or application/json";
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", answer_in, message);
        }
        let encoding = text(request.headers(), header::CONTENT_ENCODING.as_str()).map(str::to_owned);
        let (body, permit) = match read_body(&self.intake, request.into_body()).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                self.intake.ledger().add(Self::PROTOCOL, "requests_refused", error.reason(), 1);
                return failed(&error, answer_in);
            }
            Err(error) => {
                let (status, reason) = body_status(&error);
                return refuse(status, reason, answer_in, &error.to_string());
            }
        };
        let received = Received { protocol: Self::PROTOCOL, form, encoding, body, headers: HeaderMap::new() };
        match self.intake.take(received, permit).await {
            Ok(ack) => done(ack, form, answer_in),
            Err(error) => failed(&error, answer_in),
        }
    }
}

fn is_grpc(request: &Request<Incoming>) -> bool {
    text(request.headers(), header::CONTENT_TYPE.as_str()).is_some_and(|t| t.starts_with("application/grpc"))
}

/// Status and ledger reason of a body that could not be read.
pub(crate) fn body_status(error: &BodyError) -> (StatusCode, &'static str) {
    match error {
        BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        BodyError::TooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, "too_slow"),
        BodyError::Truncated => (StatusCode::BAD_REQUEST, "truncated"),
    }
}

fn done(ack: Ack, form: Form, spelled: Text) -> Answer {
    let (name, body_type) = match form {
        Form::OtlpLogs(_) => ("rejectedLogRecords", spelled),
        Form::OtlpMetrics(_) => ("rejectedDataPoints", spelled),
        _ => ("rejectedSpans", spelled),
    };
    match body_type {
        Text::Protobuf => {
            plain(StatusCode::OK, "application/x-protobuf", otlp_answer::partial_success(ack.rejected))
        }
        Text::Json if ack.rejected == 0 => plain(StatusCode::OK, "application/json", "{}"),
        Text::Json => {
            let partial = serde_json::json!({"partialSuccess": {
                name: ack.rejected.to_string(), "errorMessage": otlp_answer::REJECTED
            }});
            plain(StatusCode::OK, "application/json", partial.to_string())
        }
    }
}

fn failed(error: &TakeError, spelled: Text) -> Answer {
    let status = match error {
        TakeError::Inflate(crate::inflate::InflateError::Unsupported { .. }) => {
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        }
        TakeError::Inflate(crate::inflate::InflateError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
        TakeError::Decode(_) | TakeError::Inflate(_) => StatusCode::BAD_REQUEST,
        TakeError::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        TakeError::Append(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut answer = otlp_answer::status(status, spelled, &error.to_string());
    if error.is_retryable() {
        answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    answer
}
