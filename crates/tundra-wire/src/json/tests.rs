//! Tests of the JSON reader: what it takes, and what text it makes of escapes.

use super::{Reader, Scalar};

#[test]
fn scalars() {
    for (json, expected) in [
        ("null", Scalar::Null),
        (" true", Scalar::Bool(true)),
        ("-1.5e3", Scalar::Number("-1.5e3")),
        ("18446744073709551615", Scalar::Number("18446744073709551615")),
        (r#""""#, Scalar::Text("".into())),
        (r#""a\n\"\\\/\u00e9""#, Scalar::Text("a\n\"\\/é".into())),
        (r#""\ud83e\udd80""#, Scalar::Text("🦀".into())),
        (r#""\ud83ex""#, Scalar::Text("\u{fffd}x".into())),
        (r#""\ud83e\u0041""#, Scalar::Text("\u{fffd}A".into())),
    ] {
        assert_eq!(Reader::new(json.as_bytes()).unwrap().scalar(), Ok(expected), "{json}");
    }
}

#[test]
fn numbers_of_scalars() {
    for (scalar, unsigned, signed) in [
        (Scalar::Number("7"), 7, 7),
        (Scalar::Text(" 7 ".into()), 7, 7),
        (Scalar::Number("18446744073709551615"), u64::MAX, i64::MAX),
        (Scalar::Number("-1"), u64::MAX, -1),
        (Scalar::Number("1.9"), 1, 1),
        (Scalar::Number("1e3"), 1_000, 1_000),
        (Scalar::Text("x".into()), 0, 0),
        (Scalar::Null, 0, 0),
        (Scalar::Bool(true), 1, 1),
    ] {
        assert_eq!((scalar.as_u64(), scalar.as_i64()), (unsigned, signed), "{scalar:?}");
    }
}
