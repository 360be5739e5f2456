//! The live stream as server-sent events, for curl and `at tail`.

use super::Seat;
use super::client::{Client, Filter};
use super::socket::full;
use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::params::Params;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};
use std::convert::Infallible;
use tokio::sync::broadcast::error::RecvError;

/// New traces as they come in, as server-sent events `trace` and `rate`.
#[utoipa::path(get, path = "/api/live/traces", tag = "live",
    params(("service" = Option<String>, Query), ("q" = Option<String>, Query), ("status" = Option<String>, Query)),
    responses((status = 200, description = "events", content_type = "text/event-stream"),
        (status = 503, body = ErrorBody)))]
pub(crate) async fn live_traces(
    State(app): State<App>,
    params: Params,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let params = params.only(&["service", "q", "status"])?;
    let text = |name| params.text(name).map(str::to_owned);
    let filter = Filter { service: text("service"), q: text("q"), status: text("status") };
    let seat = app.hub.join().ok_or_else(full)?;
    Ok(Sse::new(events(seat, Client::new(filter))).keep_alive(KeepAlive::default()))
}

fn events(seat: Seat, client: Client) -> impl Stream<Item = Result<Event, Infallible>> {
    let messages = stream::unfold((seat, client), |(mut seat, mut client)| async move {
        loop {
            match seat.steps.recv().await {
                Ok(step) => {
                    let messages = client.messages(&step);
                    return Some((stream::iter(messages), (seat, client)));
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    messages.flatten().map(|mut message| {
        let kind = message["type"].as_str().unwrap_or("message").to_owned();
        // A trace is the data itself, as in the list; a rate keeps its numbers.
        let data = if kind == "trace" { message["trace"].take() } else { message };
        Ok(Event::default().event(kind).data(data.to_string()))
    })
}
