//! The live stream over a WebSocket, for the UI.

use super::Seat;
use super::client::{Client, Filter};
use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::limits::{LIVE_MESSAGE_BYTES, LIVE_SEND};
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tokio::sync::broadcast::error::RecvError;

pub(crate) fn full() -> ApiError {
    let hint = "close another tab";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many live streams are open", hint)
}

/// New traces as they come in, over a WebSocket. Messages: `{type: "trace", trace}` and `{type: "rate", spans_per_s,
/// skipped, total_spans}`; a client may send `{filter: {service?, q?, status?}, paused?}`.
#[utoipa::path(get, path = "/api/live", tag = "live",
    responses((status = 101, description = "a WebSocket"), (status = 503, body = ErrorBody)))]
pub(crate) async fn live(
    State(app): State<App>,
    socket: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let socket = match socket {
        Ok(socket) => socket,
        Err(rejection) => {
            let hint = "open a WebSocket, or use /api/live/traces";
            return ApiError::new(rejection.status(), "no_websocket", rejection.body_text(), hint)
                .into_response();
        }
    };
    let Some(seat) = app.hub.join() else { return full().into_response() };
    socket
        .max_message_size(LIVE_MESSAGE_BYTES)
        .max_frame_size(LIVE_MESSAGE_BYTES)
        .on_upgrade(|socket| serve(socket, seat))
}

async fn serve(mut socket: WebSocket, mut seat: Seat) {
    let mut client = Client::new(Filter::default());
    loop {
        tokio::select! {
            step = seat.steps.recv() => match step {
                Ok(step) => {
                    for message in client.messages(&step) {
                        let sent = tokio::time::timeout(LIVE_SEND, socket.send(Message::Text(message.to_string().into())));
                        if !matches!(sent.await, Ok(Ok(()))) {
                            return;
                        }
                    }
                }
                // The next step says how many were missed.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(text))) => client.hear(&text),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}
