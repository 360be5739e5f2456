//! Remote configuration from an Agent, product `APM_TRACING`: the sampling rate, tracing on or off, and ids in log lines.
//!
//! The exporter asks every few seconds if the Agent offers it, and applies what comes. Files must have the length and hash
//! that the signed document names; the signature itself is the Agent's to check, as with all of Datadog's tracers. What
//! does not fit together changes nothing and counts as a bad answer. A file says which service and environment it is for:
//! one for others is kept, since the Agent does not send it again, and asks for nothing.

use super::sha256;
use crate::health::DONE;
use crate::limits::REMOTE_CONFIGS;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tundra_record::value::{from_json, write_json_text};
use tundra_record::{Attrs, Resource, Value};

const PERIOD: Duration = Duration::from_secs(5);
const PRODUCT: &str = "APM_TRACING";
/// Bits 12 (sampling rate), 13 (ids in log lines) and 19 (tracing on or off), as big-endian bytes in base64.
const CAPABILITIES: &str = "CDAA";
const APPLIED: i64 = 2;

/// What was applied last, and what the Agent wants to be told about it.
#[derive(Debug, Default)]
pub(super) struct Remote {
    asked: Option<Instant>,
    version: i64,
    backend_state: String,
    files: Vec<File>,
}

#[derive(Clone, Debug, PartialEq)]
struct File {
    path: String,
    version: i64,
    length: usize,
    hash: String,
    /// The file's content, as the Agent does not send it twice.
    content: Content,
}

#[derive(Clone, Debug, PartialEq)]
struct Content {
    /// How far it reaches; `None` if not to this service.
    reach: Option<Reach>,
    wish: Wish,
}

/// Whom a file is for. What comes first here is said more closely, and decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    ServiceAndEnv,
    Service,
    Env,
    All,
}

/// What a configuration asks for; `None` where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Wish {
    pub(super) rate: Option<f64>,
    pub(super) tracing: Option<bool>,
    pub(super) log_injection: Option<bool>,
}

/// A JSON object from its members.
fn object<const N: usize>(members: [(&'static str, Value<'static>); N]) -> Value<'static> {
    Value::Map(members.into_iter().map(|(key, value)| (key.into(), value)).collect::<Attrs<'static>>())
}

fn text(text: &str) -> Value<'static> {
    Value::from(text.to_owned())
}

impl File {
    fn id(&self) -> &str {
        self.path.rsplit('/').nth(1).unwrap_or_default()
    }
}

impl Remote {
    /// The body of the next question, if it is time for one.
    pub(super) fn question(&mut self, runtime_id: &str, resource: &Resource<'_>) -> Option<Vec<u8>> {
        if self.asked.is_some_and(|asked| asked.elapsed() < PERIOD) {
            return None;
        }
        self.asked = Some(Instant::now());
        let state = |file: &File| {
            object([
                ("id", text(file.id())),
                ("version", Value::Int(file.version)),
                ("product", text(PRODUCT)),
                ("apply_state", Value::Int(APPLIED)),
                ("apply_error", text("")),
            ])
        };
        let cached = |file: &File| {
            let hash = object([("algorithm", text("sha256")), ("hash", text(&file.hash))]);
            object([
                ("path", text(&file.path)),
                ("length", Value::Int(i64::try_from(file.length).unwrap_or(i64::MAX))),
                ("hashes", Value::List(vec![hash])),
            ])
        };
        let tracer = object([
            ("runtime_id", text(runtime_id)),
            ("language", text("rust")),
            ("tracer_version", text(env!("CARGO_PKG_VERSION"))),
            ("service", text(resource.service().unwrap_or_default())),
            ("env", text(resource.env().unwrap_or_default())),
            ("app_version", text(resource.version().unwrap_or_default())),
            ("tags", Value::List(Vec::new())),
        ]);
        let known = object([
            ("root_version", Value::Int(1)),
            ("targets_version", Value::Int(self.version)),
            ("config_states", Value::List(self.files.iter().map(state).collect())),
            ("has_error", Value::Bool(false)),
            ("error", text("")),
            ("backend_client_state", text(&self.backend_state)),
        ]);
        let client = object([
            ("id", text(runtime_id)),
            ("products", Value::List(vec![text(PRODUCT)])),
            ("is_tracer", Value::Bool(true)),
            ("client_tracer", tracer),
            ("capabilities", text(CAPABILITIES)),
            ("state", known),
        ]);
        let files = Value::List(self.files.iter().map(cached).collect());
        let mut body = String::new();
        write_json_text(&object([("client", client), ("cached_target_files", files)]), &mut body);
        Some(body.into_bytes())
    }

    /// In a forked child: what was applied holds here as well, and the Agent is asked on the child's own behalf.
    pub(super) fn after_fork(&mut self) {
        self.asked = None;
    }

    /// What an answer asks for; `None` if it brings nothing new or cannot be understood.
    pub(super) fn apply(&mut self, body: &[u8], resource: &Resource<'_>) -> Option<Wish> {
        let json = std::str::from_utf8(body).ok().and_then(from_json);
        if matches!(&json, Some(Value::Map(entries)) if entries.is_empty()) {
            return None;
        }
        match json.and_then(|json| self.read(&json, resource)) {
            Some((version, backend_state, files)) => {
                (self.version, self.backend_state, self.files) = (version, backend_state, files);
                Some(self.wish())
            }
            None => {
                DONE.bad_answers.fetch_add(1, Relaxed);
                None
            }
        }
    }

    /// All files together: for each setting the closest file that has it, and of two as close the first.
    fn wish(&self) -> Wish {
        let ours = |file: &File| file.content.reach.map(|reach| (reach, file.content.wish));
        let mut wishes: Vec<(Reach, Wish)> = self.files.iter().filter_map(ours).collect();
        wishes.sort_by_key(|(reach, _)| *reach);
        Wish {
            rate: wishes.iter().find_map(|(_, wish)| wish.rate),
            tracing: wishes.iter().find_map(|(_, wish)| wish.tracing),
            log_injection: wishes.iter().find_map(|(_, wish)| wish.log_injection),
        }
    }

    fn read(&self, json: &Value<'_>, resource: &Resource<'_>) -> Option<(i64, String, Vec<File>)> {
        let document = STANDARD.decode(json.get("targets")?.as_str()?).ok()?;
        let document = from_json(std::str::from_utf8(&document).ok()?)?;
        let signed = document.get("signed")?;
        let backend = signed.get("custom").and_then(|custom| custom.get("opaque_backend_state")?.as_str());
        let backend = backend.unwrap_or_default().to_owned();
        let list = |key: &str| match json.get(key) {
            Some(Value::List(items)) => items.as_slice(),
            _ => &[],
        };
        let (paths, sent) = (list("client_configs"), list("target_files"));
        let ours =
            paths.iter().filter_map(Value::as_str).filter(|path| path.contains(&format!("/{PRODUCT}/")));
        let files: Option<Vec<File>> = ours
            .take(REMOTE_CONFIGS)
            .map(|path| self.file(path, signed.get("targets")?.get(path)?, sent, resource))
            .collect();
        Some((signed.get("version")?.as_int()?, backend, files?))
    }

    /// One file as the document describes it, with its content from the answer or from before.
    fn file(
        &self,
        path: &str,
        target: &Value<'_>,
        sent: &[Value<'_>],
        resource: &Resource<'_>,
    ) -> Option<File> {
        let hash = target.get("hashes")?.get("sha256")?.as_str()?.to_owned();
        let length = usize::try_from(target.get("length")?.as_int()?).ok()?;
        let version = target.get("custom").and_then(|custom| custom.get("v")?.as_int()).unwrap_or_default();
        let of_path = |item: &&Value<'_>| item.get("path").and_then(Value::as_str) == Some(path);
        let Some(item) = sent.iter().find(of_path) else {
            let known = self.files.iter().find(|file| file.path == path && file.hash == hash)?;
            return Some(File { version, ..known.clone() });
        };
        let raw = STANDARD.decode(item.get("raw")?.as_str()?).ok()?;
        if raw.len() != length || sha256::hex(&raw) != hash {
            return None;
        }
        let content = content(&from_json(std::str::from_utf8(&raw).ok()?)?, resource)?;
        Some(File { path: path.to_owned(), version, length, hash, content })
    }
}

/// Reads `{"service_target": {"service": "web", "env": "prod"}, "lib_config": ..}`. What is for others need not make sense
/// here.
fn content(json: &Value<'_>, resource: &Resource<'_>) -> Option<Content> {
    let reach = reach(json.get("service_target"), resource);
    let wish = if reach.is_some() { wish(json)? } else { Wish::default() };
    Some(Content { reach, wish })
}

/// `*`, an empty text and nothing at all fit every service and every environment.
fn reach(target: Option<&Value<'_>>, resource: &Resource<'_>) -> Option<Reach> {
    let wanted = |key: &str| {
        let text = target.and_then(|target| target.get(key)?.as_str()).unwrap_or_default();
        Some(text).filter(|text| !matches!(*text, "" | "*"))
    };
    let (service, env) = (wanted("service"), wanted("env"));
    let fits = |wanted: Option<&str>, own: Option<&str>| {
        wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(own.unwrap_or_default()))
    };
    if !fits(service, resource.service()) || !fits(env, resource.env()) {
        return None;
    }
    Some(match (service, env) {
        (Some(_), Some(_)) => Reach::ServiceAndEnv,
        (Some(_), None) => Reach::Service,
        (None, Some(_)) => Reach::Env,
        (None, None) => Reach::All,
    })
}

/// Reads `{"lib_config": {"tracing_sampling_rate": 0.5, "tracing_enabled": true, "log_injection_enabled": true}}`; null
/// and absent mean nothing.
fn wish(content: &Value<'_>) -> Option<Wish> {
    let config = content.get("lib_config")?;
    let rate = match config.get("tracing_sampling_rate") {
        Some(Value::Int(number)) => Some(*number as f64),
        Some(Value::Double(number)) => Some(*number),
        _ => None,
    };
    if rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
        return None;
    }
    let says = |key: &str| match config.get(key) {
        Some(Value::Bool(yes)) => Some(*yes),
        _ => None,
    };
    Some(Wish { rate, tracing: says("tracing_enabled"), log_injection: says("log_injection_enabled") })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const PATH: &str = "datadog/2/APM_TRACING/abc/config";

    /// An answer with one file; `hash` replaces the right one.
    pub(crate) fn answer(content: &str, hash: Option<&str>) -> String {
        answer_of(&[(PATH, content)], hash)
    }

    fn answer_of(files: &[(&str, &str)], hash: Option<&str>) -> String {
        let list = |text: &dyn Fn(&str, &str) -> String| {
            files.iter().map(|(path, content)| text(path, content)).collect::<Vec<_>>().join(",")
        };
        let targets = list(&|path, content| {
            let right = sha256::hex(content.as_bytes());
            let (length, hash) = (content.len(), hash.unwrap_or(&right));
            format!(r#""{path}":{{"length":{length},"hashes":{{"sha256":"{hash}"}},"custom":{{"v":3}}}}"#)
        });
        let document = format!(
            r#"{{"signed":{{"version":7,"custom":{{"opaque_backend_state":"b3A="}},"targets":{{{targets}}}}}}}"#
        );
        format!(
            r#"{{"targets":"{}","target_files":[{}],"client_configs":[{}]}}"#,
            STANDARD.encode(document),
            list(&|path, content| format!(r#"{{"path":"{path}","raw":"{}"}}"#, STANDARD.encode(content))),
            list(&|path, _| format!(r#""{path}""#)),
        )
    }

    fn web() -> Resource<'static> {
        let attrs = [("service.name", "Web"), ("deployment.environment.name", "prod")];
        Resource { attrs: attrs.into_iter().map(|(key, text)| (key.into(), Value::from(text))).collect() }
    }

    #[test]
    fn answers() {
        let check = |body: &str, expect: Option<Wish>| {
            assert_eq!(Remote::default().apply(body.as_bytes(), &web()), expect, "{body}");
        };
        let rate = |rate| Some(Wish { rate, ..Wish::default() });
        check(&answer(r#"{"lib_config":{"tracing_sampling_rate":0.25}}"#, None), rate(Some(0.25)));
        check(&answer(r#"{"lib_config":{"tracing_sampling_rate":null}}"#, None), rate(None));
        let off = Some(Wish { tracing: Some(false), ..Wish::default() });
        check(&answer(r#"{"lib_config":{"tracing_enabled":false}}"#, None), off);
        let bare = Some(Wish { log_injection: Some(false), ..Wish::default() });
        check(&answer(r#"{"lib_config":{"log_injection_enabled":false}}"#, None), bare);
        check("{}", None);
        for bad in ["", "[]", "null", r#"{"targets":"%"}"#, r#"{"targets":"e30="}"#, r#"{"targets":7}"#] {
            check(bad, None);
        }
        check(&answer(r#"{"lib_config":{"tracing_sampling_rate":2}}"#, None), None);
        check(&answer(r#"{"lib_config":{"tracing_sampling_rate":0.25}}"#, Some("00")), None);
        check(&answer("no JSON", None), None);
        check(&answer("[]", None), None);
    }

    /// A file for a service and an environment.
    fn file_for(service: &str, env: &str, config: &str) -> String {
        format!(r#"{{"service_target":{{"service":"{service}","env":"{env}"}},"lib_config":{{{config}}}}}"#)
    }

    #[test]
    fn the_closest_file_decides() {
        let check = |files: &[(&str, &str, &str)], expect: (Option<f64>, Option<bool>, Option<bool>)| {
            let named = files.iter().enumerate().map(|(number, (service, env, config))| {
                (format!("datadog/2/APM_TRACING/f{number}/config"), file_for(service, env, config))
            });
            let named: Vec<_> = named.collect();
            let files: Vec<_> = named.iter().map(|(path, content)| (&**path, &**content)).collect();
            let (mut remote, body) = (Remote::default(), answer_of(&files, None));
            let (rate, tracing, log_injection) = expect;
            for _ in 0..2 {
                let found = remote.apply(body.as_bytes(), &web());
                assert_eq!(found, Some(Wish { rate, tracing, log_injection }), "{files:?}");
            }
            assert_eq!(remote.files.len(), files.len(), "a file for others is not asked for again");
        };
        let (off, on) = (r#""tracing_enabled":false"#, r#""tracing_enabled":true"#);
        let nothing = (None, None, None);
        for (service, env) in [("web", "PROD"), ("WEB", "*"), ("*", "Prod"), ("", ""), ("*", "*")] {
            check(&[(service, env, off)], (None, Some(false), None));
        }
        for (service, env) in [("cart", "prod"), ("cart", "*"), ("web", "dev"), ("", "dev")] {
            check(&[(service, env, off)], nothing);
            check(&[(service, env, r#""tracing_sampling_rate":7"#)], nothing);
        }
        check(&[("*", "*", off), ("web", "*", on)], (None, Some(true), None));
        check(&[("*", "*", on), ("cart", "*", off)], (None, Some(true), None));
        let rate = |percent: u32| format!(r#""tracing_sampling_rate":0.{percent}"#);
        let (all, env, service, both) = (rate(1), rate(2), rate(3), rate(4));
        let mut files =
            vec![("*", "*", &*all), ("*", "prod", &*env), ("web", "*", &*service), ("web", "prod", &*both)];
        for expect in [0.4, 0.3, 0.2, 0.1] {
            check(&files, (Some(expect), None, None));
            files.pop();
        }
        // Each setting is looked for by itself, and of two files as close the first counts.
        let both = format!(r#"{off},"log_injection_enabled":false"#);
        check(
            &[("*", "*", &both), ("web", "", &rate(5)), ("Web", "*", &rate(6))],
            (Some(0.5), Some(false), Some(false)),
        );
    }

    #[test]
    fn what_was_applied_is_told() {
        let mut remote = Remote::default();
        assert!(
            remote
                .apply(answer(r#"{"lib_config":{"tracing_sampling_rate":0.5}}"#, None).as_bytes(), &web())
                .is_some()
        );
        let body = remote.question("run", &Resource::default()).expect("the first question");
        let body = String::from_utf8(body).expect("text");
        for said in [
            r#""targets_version":7"#,
            r#""id":"abc","version":3,"product":"APM_TRACING","apply_state":2"#,
            r#""backend_client_state":"b3A=""#,
            r#""path":"datadog/2/APM_TRACING/abc/config""#,
        ] {
            assert!(body.contains(said), "{said} in {body}");
        }
        assert_eq!(remote.question("run", &Resource::default()), None);
        // The file is gone: so is what it asked for.
        let gone = STANDARD.encode(r#"{"signed":{"version":8,"targets":{}}}"#);
        let gone = format!(r#"{{"targets":"{gone}","client_configs":[]}}"#);
        assert_eq!(remote.apply(gone.as_bytes(), &web()), Some(Wish::default()));
    }
}
