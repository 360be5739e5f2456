//! Reads a provider's list of models, whichever of the four forms it has, and puts one that can chat first.

use crate::limits::{MODEL_NAME_BYTES_MAX, MODELS_MAX};
use llm::profile::{Kind, Profile};
use serde_json::Value;

/// Parts of names of models that do not chat.
const NO_CHAT: [&str; 10] =
    ["embed", "tts", "whisper", "dall-e", "moderation", "image", "audio", "rerank", "realtime", "guard"];

/// The names in the list; `None` if it is none.
pub(crate) fn read(body: &[u8]) -> Option<Vec<String>> {
    let list: Value = serde_json::from_slice(body).ok()?;
    let entries = list.get("data").or_else(|| list.get("models"))?.as_array()?;
    let name = |entry: &Value| {
        let name = ["id", "name", "model"].into_iter().find_map(|key| entry.get(key)?.as_str())?;
        let name = name.strip_prefix("models/").unwrap_or(name);
        (!name.is_empty() && name.len() <= MODEL_NAME_BYTES_MAX).then(|| name.to_owned())
    };
    Some(entries.iter().filter_map(name).take(MODELS_MAX).collect())
}

/// The models of `profile` after it listed `found`, the one to use first. A cloud provider's list may be one page of many,
/// so its usual model stays first even if unseen; a local runtime or a proxy has what it lists.
pub(crate) fn merged(profile: &Profile, found: Vec<String>) -> Vec<String> {
    let usual = profile.default_model();
    let listed = usual.and_then(|usual| found.iter().find(|name| name.as_str() == usual));
    let kept = usual.filter(|_| profile.kind == Kind::Cloud || found.is_empty());
    let chats = |name: &&String| NO_CHAT.iter().all(|part| !name.to_lowercase().contains(part));
    let first = listed.map(String::as_str).or(kept).or_else(|| found.iter().find(chats).map(String::as_str));
    let Some(first) = first.map(str::to_owned) else { return found };
    let others = found.into_iter().filter(|name| *name != first);
    std::iter::once(first.clone()).chain(others).collect()
}

#[cfg(test)]
mod tests;
