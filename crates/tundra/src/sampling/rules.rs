//! Sampling rules as `DD_TRACE_SAMPLING_RULES` has them: patterns over service, name, resource and tags, and a rate.
//!
//! Parsed when a pipeline is built, matched when a trace begins. Patterns know `*` and `?` and ignore case.

use crate::limits::SAMPLING_RULES;
use tundra_record::value::from_json;
use tundra_record::{Span, Text, Value};

/// A list of rules that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "sampling rule {number} cannot be read ({what}): write `[{{\"service\": \"web-*\", \"sample_rate\": 0.5}}]`"
)]
pub struct RulesError {
    number: usize,
    what: &'static str,
}

/// One rule; an absent pattern matches everything.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    service: Option<String>,
    name: Option<String>,
    resource: Option<String>,
    tags: Vec<(String, String)>,
    pub(crate) rate: f64,
}

/// What rules look at.
pub(crate) struct Facts<'f> {
    pub(crate) service: &'f str,
    pub(crate) name: &'f str,
    pub(crate) resource: &'f str,
    pub(crate) tags: Vec<(&'f str, Text<'f>)>,
}

impl<'f> Facts<'f> {
    /// Of a finished root.
    pub(crate) fn of_span(span: &'f Span<'_>, service: &'f str) -> Self {
        Self {
            service: span.service.as_deref().unwrap_or(service),
            name: &span.name,
            resource: span.resource.as_deref().unwrap_or(&span.name),
            tags: span.attrs.iter().map(|(key, value)| (&**key, value.to_text())).collect(),
        }
    }
}

impl Rule {
    /// Whether it matches whatever there is.
    pub(crate) fn is_of_all(&self) -> bool {
        self.service.is_none() && self.name.is_none() && self.resource.is_none() && self.tags.is_empty()
    }

    pub(crate) fn matches(&self, facts: &Facts<'_>) -> bool {
        let fits = |pattern: &Option<String>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| glob(pattern.as_bytes(), text.as_bytes()))
        };
        let tag = |(key, pattern): &(String, String)| {
            let found = facts.tags.iter().find(|(name, _)| name == key);
            found.is_some_and(|(_, text)| glob(pattern.as_bytes(), text.as_bytes()))
        };
        fits(&self.service, facts.service)
            && fits(&self.name, facts.name)
            && fits(&self.resource, facts.resource)
            && self.tags.iter().all(tag)
    }
}

/// Reads a JSON list of rules, all of which must be readable.
pub(crate) fn parse(json: &str) -> Result<Vec<Rule>, RulesError> {
    parse_each(json)?.into_iter().collect()
}

/// The same, rule by rule.
pub(crate) fn parse_each(json: &str) -> Result<Vec<Result<Rule, RulesError>>, RulesError> {
    let Some(Value::List(items)) = from_json(json) else {
        return Err(RulesError { number: 0, what: "not a JSON list" });
    };
    if items.len() > SAMPLING_RULES {
        return Err(RulesError { number: SAMPLING_RULES, what: "too many rules" });
    }
    let numbered = items.iter().enumerate();
    Ok(numbered.map(|(number, item)| rule(item).map_err(|what| RulesError { number, what })).collect())
}

fn rule(item: &Value<'_>) -> Result<Rule, &'static str> {
    let text = |key: &str| match item.get(key) {
        None => Ok(None),
        Some(Value::Str(pattern)) if pattern.is_empty() => Ok(None),
        Some(Value::Str(pattern)) => Ok(Some(pattern.to_string())),
        Some(_) => Err("a pattern is no text"),
    };
    let rate = item.get("sample_rate").and_then(Value::as_double).ok_or("no `sample_rate`")?;
    if !(0.0..=1.0).contains(&rate) {
        return Err("`sample_rate` is not between 0 and 1");
    }
    let tags = match item.get("tags") {
        None => Vec::new(),
        Some(Value::Map(tags)) => {
            tags.iter().map(|(key, value)| (key.to_string(), value.to_text().into_owned())).collect()
        }
        Some(_) => return Err("`tags` is no object"),
    };
    Ok(Rule { service: text("service")?, name: text("name")?, resource: text("resource")?, tags, rate })
}

/// Whether a text fits a pattern, in time that is at most the product of their lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // Where the last star stood, and how much of the text it takes.
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(b'?') => (at, from) = (at + 1, from + 1),
            Some(byte) if byte.eq_ignore_ascii_case(&text[from]) => (at, from) = (at + 1, from + 1),
            _ => match &mut star {
                Some((place, taken)) => {
                    *taken += 1;
                    (at, from) = (*place + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        let check = |pattern: &str, text: &str, expect: bool| {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), expect, "{pattern} {text}");
        };
        check("", "", true);
        check("", "a", false);
        check("*", "", true);
        check("*", "anything", true);
        check("web", "WEB", true);
        check("web", "webs", false);
        check("web-?", "web-1", true);
        check("web-?", "web-", false);
        check("*-api*", "my-api-1", true);
        check("GET /*/x", "GET /a/b/x", true);
        check("a*b*c", "abbbbd", false);
        check(&"*a".repeat(50), &"a".repeat(10_000), true);
        check(&format!("{}b", "*a".repeat(50)), &"a".repeat(2_000), false);
    }

    #[test]
    fn rules() {
        let check = |json: &str, expect: Result<usize, &str>| {
            let found = parse(json).map(|rules| rules.len()).map_err(|error| error.what);
            assert_eq!(found, expect, "{json}");
        };
        check("[]", Ok(0));
        check(r#"[{"sample_rate": 1}]"#, Ok(1));
        check(r#"[{"service": "a", "tags": {"k": "v", "n": 1}, "sample_rate": "0.5"}]"#, Ok(1));
        check("", Err("not a JSON list"));
        check("{}", Err("not a JSON list"));
        check("[1]", Err("no `sample_rate`"));
        check(r#"[{"service": "a"}]"#, Err("no `sample_rate`"));
        check(r#"[{"sample_rate": 2}]"#, Err("`sample_rate` is not between 0 and 1"));
        check(r#"[{"sample_rate": 1, "name": 3}]"#, Err("a pattern is no text"));
        check(r#"[{"sample_rate": 1, "tags": []}]"#, Err("`tags` is no object"));
        check(&format!("[{}]", vec![r#"{"sample_rate":1}"#; 2000].join(",")), Err("too many rules"));
    }

    #[test]
    fn a_rule_fits_all_it_names() {
        let rule =
            &parse(r#"[{"service": "a*", "resource": "GET *", "tags": {"k": "v?"}, "sample_rate": 1}]"#)
                .expect("rules")[0];
        let check = |service: &str, resource: &str, tags: Vec<(&str, Text<'_>)>, expect: bool| {
            let facts = Facts { service, name: "n", resource, tags };
            assert_eq!(rule.matches(&facts), expect, "{service} {resource}");
        };
        check("ab", "GET /", vec![("k", "v1".into())], true);
        check("ab", "GET /", vec![("k", "v".into())], false);
        check("ab", "GET /", vec![], false);
        check("b", "GET /", vec![("k", "v1".into())], false);
        check("ab", "PUT /", vec![("k", "v1".into())], false);
    }
}
