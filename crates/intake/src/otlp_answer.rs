//! The few protobuf messages OTLP servers answer with, written by hand: partial success and `google.rpc.Status`.

use crate::listener::{Answer, plain};
use crate::path::Text;
use http::StatusCode;

/// What a client is told about records that were refused one by one.
pub(crate) const REJECTED: &str =
    "some records were not kept: ids must not be zero, and the limits in the docs hold";

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// `Export*ServiceResponse`: empty, or with `partial_success { rejected = 1, error_message = 2 }`. The three responses
/// share their field numbers.
pub(crate) fn partial_success(rejected: u64) -> Vec<u8> {
    let mut out = Vec::new();
    if rejected > 0 {
        let mut inner = vec![1 << 3];
        varint(rejected, &mut inner);
        field(2, REJECTED.as_bytes(), &mut inner);
        field(1, &inner, &mut out);
    }
    out
}

/// `google.rpc.Status { code = 1, message = 2, details = 3 }`, with a `RetryInfo` where the client should try again.
pub(crate) fn rpc_status(code: u8, message: &str, retry_after_seconds: Option<u64>) -> Vec<u8> {
    let mut out = vec![1 << 3, code];
    field(2, message.as_bytes(), &mut out);
    if let Some(seconds) = retry_after_seconds {
        let mut duration = vec![1 << 3];
        varint(seconds, &mut duration);
        let mut retry_info = Vec::new();
        field(1, &duration, &mut retry_info);
        let mut any = Vec::new();
        field(1, b"type.googleapis.com/google.rpc.RetryInfo", &mut any);
        field(2, &retry_info, &mut any);
        field(3, &any, &mut out);
    }
    out
}

/// The gRPC code that says the same as an HTTP status.
fn rpc_code(status: StatusCode) -> u8 {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => 3,
        StatusCode::REQUEST_TIMEOUT => 4,
        StatusCode::NOT_FOUND => 5,
        StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => 7,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYLOAD_TOO_LARGE => 8,
        StatusCode::METHOD_NOT_ALLOWED => 12,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        _ => 2,
    }
}

/// An error answer over HTTP, in the encoding the request came in.
pub(crate) fn status(status: StatusCode, spelled: Text, message: &str) -> Answer {
    let code = rpc_code(status);
    match spelled {
        Text::Protobuf => plain(status, "application/x-protobuf", rpc_status(code, message, None)),
        Text::Json => plain(
            status,
            "application/json",
            serde_json::json!({"code": code, "message": message}).to_string(),
        ),
    }
}
