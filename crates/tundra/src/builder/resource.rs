//! Who records, from all who say something about it: the builder's calls before the environment, the environment before what
//! the process finds out by itself.
//!
//! Pure: what was found is handed in. No key stands twice, and no two spellings of a name say different things.

use crate::env::{ENV, HOST, Names, SERVICE, VERSION};
use tundra_record::{Attrs, Resource, Value};

/// What the process finds out by itself.
pub(super) struct Found {
    /// The name of the program's file.
    pub(super) program: String,
    pub(super) host: Option<String>,
    pub(super) pid: u32,
}

/// `calls` are the builder's, of which the last counts.
pub(super) fn resource(calls: &[(String, String)], said: &Names, found: Found) -> Resource<'static> {
    let mut attrs = Attrs::new();
    set(&mut attrs, "process.pid", Value::Int(i64::from(found.pid)));
    for (key, text) in said.attributes.iter().chain(calls) {
        set(&mut attrs, key, Value::from(text.clone()));
    }
    let names: [(&[&str], Option<String>); 4] = [
        (&SERVICE, said.service.clone().or(Some(found.program))),
        (&ENV, said.env.clone()),
        (&VERSION, said.version.clone()),
        (&HOST, said.host.clone().or(found.host)),
    ];
    for (spellings, otherwise) in names {
        let called = calls.iter().rev().find(|(key, _)| spellings.contains(&key.as_str()));
        if let Some(name) = called.map(|(_, name)| name.clone()).or(otherwise) {
            name_all(&mut attrs, spellings, &name);
        }
    }
    for (key, text) in [("name", "tundra"), ("language", "rust"), ("version", env!("CARGO_PKG_VERSION"))] {
        set(&mut attrs, &format!("telemetry.sdk.{key}"), Value::from(text));
    }
    Resource { attrs }
}

/// Under the first spelling, and under each other one that is there.
fn name_all(attrs: &mut Attrs<'static>, spellings: &[&str], name: &str) {
    for (at, key) in spellings.iter().enumerate() {
        if at == 0 || attrs.iter().any(|(have, _)| have == key) {
            set(attrs, key, Value::from(name.to_owned()));
        }
    }
}

fn set(attrs: &mut Attrs<'static>, key: &str, value: Value<'static>) {
    attrs.retain(|(have, _)| have != key);
    attrs.push((key.to_owned().into(), value));
}

#[cfg(test)]
mod tests {
    use super::*;

    type Said<'s> = &'s [(&'s str, &'s str)];

    #[test]
    fn who_wins() {
        let check = |calls: Said<'_>, variables: Said<'_>, expect: Said<'_>| {
            let mut builder = crate::builder();
            let find = |name: &str| variables.iter().find(|(key, _)| *key == name);
            builder.environment = crate::env::Environment::from_lookup(|name| Some(find(name)?.1.to_owned()));
            for (key, text) in calls {
                builder = match *key {
                    ".service" => builder.service(*text),
                    ".env" => builder.env(*text),
                    ".version" => builder.version(*text),
                    key => builder.attribute(key, *text),
                };
            }
            let found = Found { program: "program".into(), host: Some("kernel".into()), pid: 7 };
            let attrs = resource(&builder.attributes, &builder.environment.names, found).attrs;
            let detected = [("process.pid", "7"), ("service.name", "program"), ("host.name", "kernel")];
            let detected = detected.into_iter().filter(|(key, _)| expect.iter().all(|(have, _)| have != key));
            let mut expect: Vec<(&str, &str)> = expect.iter().copied().chain(detected).collect();
            let sdk = |key: &str| key.starts_with("telemetry.sdk.");
            let texts = attrs.iter().map(|(key, value)| (&**key, value.to_text()));
            let mut texts: Vec<_> = texts.filter(|(key, _)| !sdk(key)).collect();
            let mut shown: Vec<_> = texts.iter_mut().map(|(key, text)| (*key, &**text)).collect();
            expect.sort_unstable();
            shown.sort_unstable();
            assert_eq!(shown, expect, "{calls:?} {variables:?}");
        };
        const ENV: &str = "deployment.environment.name";
        const OLD: &str = "deployment.environment";
        check(&[], &[], &[]);
        // The program's calls win over everything, the last of them over the others.
        let own = [("service.name", "checkout"), ("host.name", "my-host"), ("process.pid", "1")];
        check(&own, &[], &own);
        let all = [
            ("DD_SERVICE", "d"),
            ("DD_ENV", "d"),
            ("DD_VERSION", "d"),
            ("DD_HOSTNAME", "d"),
            ("DD_TAGS", "process.pid:8,k:t"),
            ("OTEL_RESOURCE_ATTRIBUTES", "k=o,host.name=o,service.version=o"),
        ];
        let of_all = [("service.name", "d"), (ENV, "d"), ("service.version", "d"), ("host.name", "d")];
        let of_tags = [("process.pid", "8"), ("k", "t")];
        check(&[], &all, &[&of_all[..], &of_tags].concat());
        let called = [(ENV, "c"), ("service.version", "c"), ("k", "c")];
        check(&[&own[..], &called].concat(), &all, &[&own[..], &called].concat());
        let methods = [(".service", "checkout"), (".env", "c"), (".version", "c"), ("k", "c")];
        check(&[&methods[..], &own[1..]].concat(), &all, &[&own[..], &called].concat());
        check(&[(".service", "a"), ("service.name", "b")], &[], &[("service.name", "b")]);
        check(&[("service.name", "b"), (".service", "a")], &[], &[("service.name", "a")]);
        // Other spellings of a name are the same name.
        check(&[(OLD, "c")], &[("DD_ENV", "d")], &[(OLD, "c"), (ENV, "c")]);
        check(&[("version", "c")], &[("DD_VERSION", "d")], &[("version", "c"), ("service.version", "c")]);
        let old = ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=o");
        check(&[], &[old], &[(OLD, "o"), (ENV, "o")]);
        check(&[(".env", "c")], &[old], &[(OLD, "c"), (ENV, "c")]);
        check(&[], &[old, ("DD_TAGS", "env:dd")], &[(OLD, "dd"), (ENV, "dd")]);
        // The environment wins over what is found.
        check(&[], &[("OTEL_RESOURCE_ATTRIBUTES", "host.name=o")], &[("host.name", "o")]);
        check(&[], &[("OTEL_RESOURCE_ATTRIBUTES", "process.pid=9")], &[("process.pid", "9")]);
        check(&[], &[("DD_TAGS", "service:cart")], &[("service.name", "cart")]);
        check(&[], &[("OTEL_RESOURCE_ATTRIBUTES", "k=a,k=b")], &[("k", "b")]);
    }
}
