//! What `tracing` spans cannot do by themselves: attributes that were not declared, a name found out later.
//!
//! Works on spans of this SDK's own subscriber; on any other the calls fall back to declared fields or do nothing.

use crate::engine::{Engine, SpanIdentity, change_spill, identity};
use std::borrow::Cow;
use tracing::Span;
use tundra_record::{SpanId, TraceId, Value};

/// More for a [`tracing::Span`].
pub trait SpanExt {
    /// Adds an attribute under any name; the last value wins. Texts are moved, not copied.
    fn set_attribute(&self, key: &'static str, value: impl Into<Value<'static>>);

    /// Replaces the name.
    fn set_name(&self, name: impl Into<Cow<'static, str>>);

    /// The ids under which the span will be exported; `None` if it is not recorded by this SDK.
    fn ids(&self) -> Option<(TraceId, SpanId)>;
}

/// The span's id, if its subscriber is ours.
pub(crate) fn own_id(span: &Span) -> Option<u64> {
    span.with_subscriber(|(id, dispatch)| {
        if dispatch.is::<Engine>() {
            return Some(id.into_u64());
        }
        #[cfg(feature = "layer")]
        if let Some(layer) = dispatch.downcast_ref::<crate::RegistryLayer>() {
            return Some(layer.own_id(id)).filter(|ours| *ours != 0);
        }
        None
    })
    .flatten()
}

impl SpanExt for Span {
    fn set_attribute(&self, key: &'static str, value: impl Into<Value<'static>>) {
        let value = value.into();
        match own_id(self) {
            Some(id) => {
                change_spill(id, |spill| spill.add(Cow::Borrowed(key), value));
            }
            None => fall_back(self, key, &value),
        }
    }

    fn set_name(&self, name: impl Into<Cow<'static, str>>) {
        if let Some(id) = own_id(self) {
            change_spill(id, |spill| spill.rename(name.into()));
        }
    }

    fn ids(&self) -> Option<(TraceId, SpanId)> {
        let SpanIdentity { trace_high, trace_low, span, .. } = identity(own_id(self)?)?;
        Some((TraceId(u128::from(trace_high) << 64 | u128::from(trace_low)), SpanId(span)))
    }
}

fn fall_back(span: &Span, key: &'static str, value: &Value<'_>) {
    match value {
        Value::Str(text) => span.record(key, &**text),
        Value::Int(number) => span.record(key, number),
        Value::Double(number) => span.record(key, number),
        Value::Bool(truth) => span.record(key, truth),
        other => span.record(key, &*other.to_text()),
    };
}
