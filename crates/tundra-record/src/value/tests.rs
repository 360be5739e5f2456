//! Values survive the way through JSON text.

use super::*;
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        ".*".prop_map(Value::from),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        prop::num::f64::NORMAL.prop_map(Value::Double),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::Bytes(Cow::Owned(bytes))),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::vec(("[a-z.\"\\\\\n]{0,12}".prop_map(Cow::Owned), inner), 2..6)
                .prop_map(Value::Map),
        ]
    })
}

proptest! {
    #[test]
    fn json_round_trips(value in any_value()) {
        let mut text = String::new();
        write_json_text(&value, &mut text);
        prop_assert_eq!(from_json(&text), Some(value));
    }

    #[test]
    fn reading_never_panics(text in ".*") {
        let _maybe = from_json(&text);
    }
}

#[test]
fn numbers_in_other_clothes() {
    let check = |value: Value<'_>, int: Option<i64>, double: Option<f64>| {
        assert_eq!((value.as_int(), value.as_double()), (int, double), "{value:?}");
    };
    check(Value::Int(7), Some(7), Some(7.0));
    check(Value::Double(7.0), Some(7), Some(7.0));
    check(Value::Double(7.5), None, Some(7.5));
    check(Value::from("7"), Some(7), Some(7.0));
    check(Value::from("seven"), None, None);
}
