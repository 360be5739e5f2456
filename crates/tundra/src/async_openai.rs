//! Calls of an `async-openai` client as LLM spans: one line around the client, and every chat, completion, embedding and
//! response is recorded, streams with their whole duration and their time to first token.
//!
//! ```no_run
//! let client = tundra::async_openai::traced(async_openai::Client::new());
//! ```
//!
//! Works at the client's HTTP service, so that typed requests, own types and each OpenAI-compatible provider look alike.
//! A call is one span, tries after a refusal included. What the caller gets is byte for byte what the provider sent: an
//! answer is read along while it passes, and what cannot be understood is left out.

mod answer;
mod body;
mod choice;
mod items;
mod provider;
mod request;
mod stream;
#[cfg(test)]
mod tests;

use crate::llm::Call;
use ::async_openai::Client;
use ::async_openai::config::Config;
use ::async_openai::middleware::retry::OpenAIRetryLayer;
use ::async_openai::middleware::{HttpRequestFactory, ReqwestService};
use answer::Answer;
use body::Heard;
use pin_project_lite::pin_project;
use reqwest_0_13::{Body, Client as HttpClient, Response};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

/// The same client with its calls recorded. It sends through an HTTP client of its own, with the retries that
/// `async-openai` does by default: see [`traced_with`] and [`CallLayer`] for clients that were given something else.
pub fn traced<C: Config>(client: Client<C>) -> Client<C> {
    traced_with(client, HttpClient::new())
}

/// The same, sending through this HTTP client.
pub fn traced_with<C: Config>(client: Client<C>, http: HttpClient) -> Client<C> {
    recorded(client, http, CallLayer::new())
}

/// The same as [`traced`], with the name of who answers: see [`CallLayer::provider`].
///
/// ```no_run
/// # use async_openai::config::OpenAIConfig;
/// let config = OpenAIConfig::new().with_api_base("http://localhost:11434/v1");
/// let client = tundra::async_openai::traced_as("ollama", async_openai::Client::with_config(config));
/// ```
pub fn traced_as<C: Config>(provider: &'static str, client: Client<C>) -> Client<C> {
    recorded(client, HttpClient::new(), CallLayer::new().provider(provider))
}

fn recorded<C: Config>(client: Client<C>, http: HttpClient, layer: CallLayer) -> Client<C> {
    let service = OpenAIRetryLayer::default().layer(ReqwestService::new(http));
    client.with_http_service(layer.layer(service))
}

/// Records the calls that pass: for clients with a service of their own, outside of whatever repeats requests.
///
/// ```no_run
/// use async_openai::middleware::ReqwestService;
/// use tower_layer::Layer;
/// let service = tundra::async_openai::CallLayer::new().layer(ReqwestService::default());
/// let client = async_openai::Client::new().with_http_service(service);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CallLayer {
    provider: Option<&'static str>,
}

impl CallLayer {
    /// Names the provider by the address that a request goes to.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who answers: `gen_ai.provider.name` of each call. Default: OpenTelemetry's name for hosts that are known, else the
    /// host's own, with the port if that is `localhost` or a number.
    pub fn provider(self, name: &'static str) -> Self {
        Self { provider: Some(name) }
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = Recorded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Recorded { inner, layer: *self }
    }
}

/// What [`CallLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct Recorded<S> {
    inner: S,
    layer: CallLayer,
}

impl<S> Service<HttpRequestFactory> for Recorded<S>
where
    S: Service<HttpRequestFactory, Response = Response>,
    S::Error: std::fmt::Display,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pending<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let seen = Arc::new(Seen::default());
        let (told, provider) = (Arc::clone(&seen), self.layer.provider);
        // Only the first try is looked at: the others send the same.
        let watched = HttpRequestFactory::new(move || {
            let (factory, told) = (factory.clone(), Arc::clone(&told));
            async move {
                let request = factory.build().await?;
                told.begin(&request, provider);
                Ok(request)
            }
        });
        Pending { inner: self.inner.call(watched), seen }
    }
}

/// The call, once its first request was built.
#[derive(Debug, Default)]
struct Seen(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Nothing,
    /// No model is called, or the answer has taken over.
    Settled,
    Running(Box<Call>),
}

impl Seen {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, request: &reqwest_0_13::Request, provider: Option<&str>) {
        let mut state = self.state();
        if matches!(*state, State::Nothing) {
            *state = request::begin(request, provider)
                .map_or(State::Settled, |call| State::Running(Box::new(call)));
        }
    }

    fn take(&self) -> Option<Call> {
        match std::mem::replace(&mut *self.state(), State::Settled) {
            State::Running(call) => Some(*call),
            _ => None,
        }
    }
}

pin_project! {
    /// The answer that is awaited, inside its call.
    #[derive(Debug)]
    pub struct Pending<F> {
        #[pin]
        inner: F,
        seen: Arc<Seen>,
    }

    impl<F> PinnedDrop for Pending<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(call) = this.project().seen.take() {
                call.cancelled();
            }
        }
    }
}

impl<F, E> Future for Pending<F>
where
    F: Future<Output = Result<Response, E>>,
    E: std::fmt::Display,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let span = match &*this.seen.state() {
            State::Running(call) => Some(call.span().clone()),
            _ => None,
        };
        let result = {
            let _inside = span.as_ref().map(tracing::Span::enter);
            ready!(this.inner.poll(context))
        };
        let Some(call) = this.seen.take() else { return Poll::Ready(result) };
        Poll::Ready(match result {
            Ok(response) => Ok(listen(response, call)),
            Err(error) => {
                call.failed("request", error.to_string());
                Err(error)
            }
        })
    }
}

/// The same response; the call ends with its body.
fn listen(response: Response, call: Call) -> Response {
    let (parts, body) = ::http::Response::from(response).into_parts();
    let answer = Answer::new(call, parts.status, &parts.headers);
    Response::from(::http::Response::from_parts(parts, Body::wrap(Heard::new(body, answer))))
}
