//! Values in other clothes, and flattened trees.

use super::*;

#[test]
fn words() {
    let check =
        |value: Value<'_>, expect: Option<&str>| assert_eq!(word(&value).as_deref(), expect, "{value:?}");
    check(Value::from("stop"), Some("stop"));
    check(Value::from("\"search\""), Some("search"));
    check(Value::from("[\"stop\"]"), Some("stop"));
    check(Value::List(vec![Value::from("stop"), Value::from("length")]), Some("stop"));
    check(Value::from(7), Some("7"));
    check(Value::from("[not json"), Some("[not json"));
    check(Value::from(""), None);
    check(Value::List(vec![]), None);
}

#[test]
fn counts_and_durations() {
    let check = |value: Value<'_>, expect: Option<u64>| assert_eq!(whole(&value), expect, "{value:?}");
    check(Value::from(1234), Some(1234));
    check(Value::from(1234.0), Some(1234));
    check(Value::from("1234"), Some(1234));
    check(Value::from(i64::MAX), Some(u64::MAX / 2));
    check(Value::from(i64::MIN), None);
    check(Value::from(-1), None);
    check(Value::from(0.5), None);
    check(Value::from(f64::NAN), None);
    assert_eq!(nanos(&Value::from(0.25), 1e9), Some(250_000_000));
    assert_eq!(nanos(&Value::from(f64::INFINITY), 1e9), None);
    assert_eq!(nanos(&Value::from(-1.0), 1e6), None);
    assert_eq!(nanos(&Value::from(f64::MAX), 1e6), None);
}

#[test]
fn trees() {
    let attrs: Attrs<'_> = [
        ("m.10.message.role", "tool"),
        ("m.2.message.role", "user"),
        ("m.2.message.calls.0.id", "a"),
        ("m.99999999.message.role", "x"),
        ("other", "y"),
    ]
    .into_iter()
    .map(|(key, value)| (Cow::Borrowed(key), Value::from(value)))
    .collect();
    let (tree, cut) = unflatten(&attrs, "m.").unwrap();
    assert!(cut);
    assert_eq!(
        tree.to_text(),
        r#"[{"message":{"calls":[{"id":"a"}],"role":"user"}},{"message":{"role":"tool"}}]"#
    );
    assert!(unflatten(&attrs, "n.").is_none());
}
