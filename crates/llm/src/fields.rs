//! Reading attributes by lists of candidate keys, and values that hide in other clothes (numbers as text, JSON in
//! text, JSON text in JSON text). Used by every dialect; never changes what it reads.

use crate::limits::{INDEX_MAX, JSON_BYTES_MAX};
use std::borrow::Cow;
use std::collections::BTreeMap;
use tundra_record::value::{from_json, get};
use tundra_record::{Attrs, Text, Value};

/// Attributes, as records hold them.
pub(crate) type Pairs<'v, 'a> = &'v [(Text<'a>, Value<'a>)];

/// The value under the first of `keys` that is there and not an empty text.
pub(crate) fn find<'v, 'a>(attrs: Pairs<'v, 'a>, keys: &[&str]) -> Option<&'v Value<'a>> {
    keys.iter().filter_map(|key| get(attrs, key)).find(|value| value.as_str() != Some(""))
}

/// Attributes that many keys are looked for in. Most of a dialect's keys are missing in most records, and nearly all of
/// those are ruled out by their length alone.
#[derive(Clone, Copy)]
pub(crate) struct Known<'v, 'a> {
    attrs: Pairs<'v, 'a>,
    /// A bit for each length of a key, modulo 64.
    lengths: u64,
}

impl<'v, 'a> Known<'v, 'a> {
    pub(crate) fn of(attrs: Pairs<'v, 'a>) -> Self {
        let lengths = attrs.iter().fold(0, |lengths, (key, _)| lengths | Self::bit(key));
        Self { attrs, lengths }
    }

    fn bit(key: &str) -> u64 {
        1 << (key.len() % 64)
    }

    fn all<'k>(self, keys: &'k [&str]) -> impl Iterator<Item = &'v Value<'a>> + use<'v, 'a, 'k> {
        let may_be = keys.iter().filter(move |key| self.lengths & Self::bit(key) != 0);
        may_be.filter_map(move |key| get(self.attrs, key))
    }

    /// As [`find`].
    pub(crate) fn find(self, keys: &[&str]) -> Option<&'v Value<'a>> {
        self.all(keys).find(|value| value.as_str() != Some(""))
    }

    /// As [`text`].
    pub(crate) fn text(self, keys: &[&str]) -> Option<String> {
        self.find(keys).and_then(word)
    }

    /// The count under the first key that has one.
    pub(crate) fn count(self, keys: &[&str]) -> Option<u64> {
        self.all(keys).find_map(whole)
    }
}

/// The same inside a map value.
pub(crate) fn inside<'v, 'a>(value: &'v Value<'a>, keys: &[&str]) -> Option<&'v Value<'a>> {
    match value {
        Value::Map(entries) => find(entries, keys),
        _ => None,
    }
}

/// Follows `path` down through maps.
pub(crate) fn dig<'v, 'a>(value: &'v Value<'a>, path: &[&str]) -> Option<&'v Value<'a>> {
    path.iter().try_fold(value, |at, key| at.get(key)).filter(|found| found.as_str() != Some(""))
}

/// A short text: text, the text inside a JSON text (`"\"search\""`), the first text of a list, or a number as text.
pub(crate) fn word(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Str(text) if text.starts_with(['"', '[']) => match parse(text) {
            Some(inner @ (Value::Str(_) | Value::List(_))) => word_of_parsed(&inner),
            _ => Some(text.clone().into_owned()),
        },
        other => word_of_parsed(other),
    }
    .filter(|text| !text.is_empty())
}

fn word_of_parsed(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.clone().into_owned()),
        Value::Int(_) | Value::Double(_) | Value::Bool(_) => Some(value.to_text().into_owned()),
        Value::List(items) => {
            items.iter().filter_map(Value::as_str).find(|t| !t.is_empty()).map(str::to_owned)
        }
        Value::Bytes(_) | Value::Map(_) => None,
    }
}

/// The text under the first key that has one.
pub(crate) fn text(attrs: Pairs<'_, '_>, keys: &[&str]) -> Option<String> {
    find(attrs, keys).and_then(word)
}

/// A count: a whole number that is not negative.
pub(crate) fn whole(value: &Value<'_>) -> Option<u64> {
    value.as_int().and_then(|number| u64::try_from(number).ok())
}

/// Parses a JSON text of bearable size.
pub(crate) fn parse(text: &str) -> Option<Value<'_>> {
    if text.len() > JSON_BYTES_MAX { None } else { from_json(text) }
}

/// The value, with a text that is a JSON list or object replaced by what it says.
pub(crate) fn opened<'v>(value: &'v Value<'_>) -> Cow<'v, Value<'v>> {
    if let Value::Str(text) = value
        && text.trim_start().starts_with(['{', '['])
        && let Some(parsed) = parse(text)
    {
        return Cow::Owned(parsed);
    }
    Cow::Borrowed(value)
}

/// Nanoseconds from a number of `unit` nanoseconds; negative and absurd ones are no duration.
pub(crate) fn nanos(value: &Value<'_>, unit: f64) -> Option<i64> {
    let nanos = value.as_double()? * unit;
    (nanos.is_finite() && (0.0..9e18).contains(&nanos)).then_some(nanos.round() as i64)
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step<'v> {
    Index(u32),
    Name(&'v str),
}

enum Node<'v> {
    Leaf(&'v Value<'v>),
    Branch(BTreeMap<Step<'v>, Node<'v>>),
}

/// Rebuilds the tree that a client flattened into keys such as `<prefix>0.message.role`. `None` if no key has the
/// prefix. Indexes beyond the limit are left out; the second part says whether that happened.
pub(crate) fn unflatten<'v>(attrs: Pairs<'v, 'v>, prefix: &str) -> Option<(Value<'v>, bool)> {
    let mut root = BTreeMap::new();
    let mut cut = false;
    for (key, value) in attrs {
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        cut |= !insert(&mut root, rest, value);
    }
    if root.is_empty() { None } else { Some((grown(Node::Branch(root)), cut)) }
}

fn insert<'v>(root: &mut BTreeMap<Step<'v>, Node<'v>>, path: &'v str, value: &'v Value<'v>) -> bool {
    const STEPS_MAX: usize = 12;
    let mut at = root;
    let mut steps = path.splitn(STEPS_MAX, '.').peekable();
    while let Some(step) = steps.next() {
        let step = match step.parse::<u32>() {
            Ok(index) if index > INDEX_MAX => return false,
            Ok(index) => Step::Index(index),
            Err(_) => Step::Name(step),
        };
        if steps.peek().is_none() {
            at.insert(step, Node::Leaf(value));
            return true;
        }
        let next = at.entry(step).or_insert_with(|| Node::Branch(BTreeMap::new()));
        if matches!(next, Node::Leaf(_)) {
            *next = Node::Branch(BTreeMap::new());
        }
        let Node::Branch(below) = next else { return false };
        at = below;
    }
    true
}

fn grown<'v>(node: Node<'v>) -> Value<'v> {
    match node {
        Node::Leaf(value) => value.clone(),
        Node::Branch(below) if below.keys().all(|step| matches!(step, Step::Index(_))) => {
            Value::List(below.into_values().map(grown).collect())
        }
        Node::Branch(below) => {
            let named = |(step, node): (Step<'v>, Node<'v>)| match step {
                Step::Index(index) => (Cow::Owned(index.to_string()), grown(node)),
                Step::Name(name) => (Cow::Borrowed(name), grown(node)),
            };
            Value::Map(below.into_iter().map(named).collect::<Attrs<'v>>())
        }
    }
}

#[cfg(test)]
mod tests;
