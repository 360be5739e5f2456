//! How values are written in JSON, wherever they appear.

/// An absolute time: JSON numbers lose nanoseconds in browsers, so it is a string.
pub(crate) fn ns(time: i64) -> String {
    time.to_string()
}

/// A JSON text that was stored, as JSON; damaged text as a string rather than as an error.
pub(crate) fn stored_json(text: Option<&str>) -> serde_json::Value {
    let Some(text) = text else { return serde_json::Value::Null };
    serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::String(text.to_owned()))
}

/// The same, but an empty list or object where nothing was stored.
pub(crate) fn stored_json_or(text: Option<&str>, empty: serde_json::Value) -> serde_json::Value {
    if text.is_some() { stored_json(text) } else { empty }
}

/// Named texts as an object; of equal names the last one stays.
pub(crate) fn object(entries: Vec<(String, String)>) -> serde_json::Value {
    serde_json::Value::Object(entries.into_iter().map(|(key, value)| (key, value.into())).collect())
}

/// Absolute times inside an object of columns become strings, as everywhere.
pub(crate) fn columns(mut row: serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
    for name in ["start_ns", "time_ns", "received_ns"] {
        if let Some(value) = row.get_mut(name)
            && let Some(time) = value.as_i64()
        {
            *value = ns(time).into();
        }
    }
    // A revision is a 64-bit number that no browser can read, and nobody needs.
    row.shift_remove("revision");
    serde_json::Value::Object(row)
}
