//! Context in and out of `tonic` metadata.
//!
//! ```ignore
//! let client = GreeterClient::with_interceptor(channel, tundra::propagation::tonic::Propagate);
//! ```
//!
//! Servers put [`ServerLayer`](crate::tower::ServerLayer) (feature `tower`) in front, or call [`extract`].

use super::{Remote, http, inject as inject_into};
use ::tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use ::tonic::service::Interceptor;
use ::tonic::{Request, Status};

/// Reads the context out of a request's metadata, lists that came in several lines included.
pub fn extract(metadata: &MetadataMap) -> Option<Remote> {
    http::extract(metadata.as_ref())
}

/// Writes the current span's context; false if the thread is inside no span.
pub fn inject(metadata: &mut MetadataMap) -> bool {
    inject_into(|name, value| {
        if let Ok(value) = AsciiMetadataValue::try_from(value) {
            metadata.insert(AsciiMetadataKey::from_static(name), value);
        }
    })
}

/// An interceptor that writes the current span's context into every request of a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Propagate;

impl Interceptor for Propagate {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        inject(request.metadata_mut());
        Ok(request)
    }
}
