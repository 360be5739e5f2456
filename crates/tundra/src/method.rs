//! HTTP methods in OpenTelemetry's words, for client spans and server spans.

use ::http::Method;

/// How spans tell a method. Those that nobody knows have no end: told as they are, they would be names without number.
#[derive(Clone, Copy)]
pub(crate) struct Told<'m> {
    /// `http.request.method`.
    pub(crate) method: &'m str,
    /// `http.request.method_original`, where that is another.
    pub(crate) original: Option<&'m str>,
    /// What a span is called by it.
    pub(crate) name: &'m str,
}

pub(crate) fn told(method: &Method) -> Told<'_> {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    let text = method.as_str();
    if KNOWN.contains(method) {
        Told { method: text, original: None, name: text }
    } else {
        Told { method: "_OTHER", original: Some(text), name: "HTTP" }
    }
}
