//! OTLP over gRPC on 4317: the three unary `Export` calls.
//!
//! Unary gRPC is one length-prefixed message each way and a status in the trailers; doing it on hyper keeps the bytes
//! whole for the walk and puts inflation under the same bound as every other door.

mod frame;

use crate::listener::{Answer, Door, plain, read_body, text};
use crate::otlp_answer;
use crate::otlp_http::body_status;
use crate::path::{Form, Intake, Protocol, Received, TakeError, Text};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{Either, StreamBody};
use hyper::body::Incoming;

/// The OTLP/gRPC side of a listener.
#[derive(Clone, Debug)]
pub struct OtlpGrpc {
    intake: Intake,
}

impl OtlpGrpc {
    /// A door to `intake`.
    pub fn new(intake: Intake) -> Self {
        Self { intake }
    }
}

/// gRPC's status codes, as far as this door uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Unavailable = 14,
}

fn form(path: &str) -> Option<Form> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
            Some(Form::OtlpTraces(Text::Protobuf))
        }
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Form::OtlpLogs(Text::Protobuf)),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
            Some(Form::OtlpMetrics(Text::Protobuf))
        }
        _ => None,
    }
}

impl Door for OtlpGrpc {
    const PROTOCOL: Protocol = Protocol::OtlpGrpc;

    fn intake(&self) -> &Intake {
        &self.intake
    }

    fn refuse(&self, _status: StatusCode, message: &str) -> Answer {
        failed(Code::PermissionDenied, message, None)
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let refuse = |code, reason, message: &str| {
            self.intake.ledger().add(Self::PROTOCOL, "requests_refused", reason, 1);
            failed(code, message, None)
        };
        let is_grpc = text(request.headers(), header::CONTENT_TYPE.as_str())
            .is_some_and(|content_type| content_type.starts_with("application/grpc"));
        if !is_grpc {
            self.intake.ledger().add(Self::PROTOCOL, "requests_refused", "http_to_grpc", 1);
            let message = "this is OTLP over gRPC: send OTLP over HTTP to the HTTP port (4318)\n";
            return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "text/plain; charset=utf-8", message);
        }
        let Some(form) = form(request.uri().path()) else {
            return refuse(Code::Unimplemented, "unknown_path", "only the OTLP Export calls are served here");
        };
        let encoding = text(request.headers(), "grpc-encoding").map(str::to_owned);
        let (body, permit) = match read_body(&self.intake, request.into_body()).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                self.intake.ledger().add(Self::PROTOCOL, "requests_refused", error.reason(), 1);
                return self.take_failed(&error);
            }
            Err(error) => {
                let (status, reason) = body_status(&error);
                let code = match status {
                    StatusCode::PAYLOAD_TOO_LARGE => Code::ResourceExhausted,
                    StatusCode::REQUEST_TIMEOUT => Code::DeadlineExceeded,
                    _ => Code::InvalidArgument,
                };
                return refuse(code, reason, &error.to_string());
            }
        };
        let message = match frame::message(&body) {
            Ok(message) => message,
            Err(error) => return refuse(Code::InvalidArgument, "malformed", &error.to_string()),
        };
        let encoding = if message.compressed { encoding } else { None };
        if message.compressed && encoding.is_none() {
            return refuse(Code::InvalidArgument, "malformed", "compressed message without grpc-encoding");
        }
        let received = Received {
            protocol: Self::PROTOCOL,
            form,
            encoding,
            body: body.slice_ref(message.bytes),
            headers: HeaderMap::new(),
        };
        match self.intake.take(received, permit).await {
            Ok(ack) => done(&otlp_answer::partial_success(ack.rejected)),
            Err(error) => self.take_failed(&error),
        }
    }
}

impl OtlpGrpc {
    fn take_failed(&self, error: &TakeError) -> Answer {
        let retry = error.is_retryable().then_some(self.intake.limits.retry_after.as_secs().max(1));
        let code = match error {
            TakeError::Decode(_) => Code::InvalidArgument,
            TakeError::Inflate(crate::inflate::InflateError::Unsupported { .. }) => Code::Unimplemented,
            TakeError::Inflate(crate::inflate::InflateError::TooLarge { .. }) => Code::InvalidArgument,
            TakeError::Inflate(_) => Code::InvalidArgument,
            TakeError::Overloaded { .. } => Code::ResourceExhausted,
            TakeError::Append(_) => Code::Unavailable,
        };
        failed(code, &error.to_string(), retry)
    }
}

fn done(message: &[u8]) -> Answer {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Ok(Frame::data(frame::framed(message))), Ok(Frame::trailers(trailers))];
    let mut answer = Response::new(Either::Right(StreamBody::new(futures::stream::iter(frames))));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    answer
}

/// A trailers-only answer: the status stands in the headers and there is no message.
fn failed(code: Code, message: &str, retry_after_seconds: Option<u64>) -> Answer {
    let mut answer = plain(StatusCode::OK, "application/grpc", Bytes::new());
    let headers = answer.headers_mut();
    headers.insert("grpc-status", HeaderValue::from(code as u16));
    if let Ok(value) = HeaderValue::from_str(&frame::percent_encoded(message)) {
        headers.insert("grpc-message", value);
    }
    let details = otlp_answer::rpc_status(code as u8, message, retry_after_seconds);
    if let Ok(value) = HeaderValue::from_str(&frame::base64(&details)) {
        headers.insert("grpc-status-details-bin", value);
    }
    answer
}
