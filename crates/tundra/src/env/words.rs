//! How a variable's text is meant: without what surrounds it, and as yes or no.
//!
//! For all variables alike, so that no switch knows a word that another does not. Never decides what holds instead.

use super::Lookup;

/// A variable's text. A blank or line break around it (a key from a file ends in one) is nobody's intention, and a
/// variable with nothing else counts as unset.
pub(super) fn meant(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Yes or no; `None` for every other word.
pub(super) fn truth(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The variables that say whether content is recorded; the first that is set decides.
const CONTENT: [&str; 2] = ["TUNDRA_CAPTURE_CONTENT", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"];

/// Whether prompts and answers are recorded, and what to tell about a word that is not known. It counts as no: who sets
/// one of these is careful, and what was not recorded can be had the next time, but not the other way round.
pub(super) fn content(lookup: &Lookup<'_>) -> (bool, Option<String>) {
    let Some((name, text)) = CONTENT.iter().find_map(|name| Some((name, lookup(name)?))) else {
        return (true, None);
    };
    match content_word(&text) {
        Some(yes) => (yes, None),
        None => {
            let instead = "content is not recorded, unless the program says so";
            (false, Some(format!("`{name}` has a value that is not supported: {instead}")))
        }
    }
}

/// OpenTelemetry has words for where content goes. Here that is the span, which `event_only` leaves out.
fn content_word(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "span_only" | "span_and_event" => Some(true),
        "event_only" | "no_content" => Some(false),
        other => truth(other),
    }
}
