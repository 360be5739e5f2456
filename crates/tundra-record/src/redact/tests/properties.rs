//! What holds for every text: no panic, rest after one redaction, JSON stays JSON, work grows with the length.

use super::super::field::Field;
use super::super::hit::Scratch;
use super::super::{Redactor, gate, json, number};
use super::redactor;
use proptest::prelude::*;
use std::sync::LazyLock;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(redactor);

/// Pieces that rules and folds are made of, so that random texts come near to matching.
const PIECES: [&str; 64] = [
    "a@b.co",
    "@",
    "john",
    "%40",
    "%25",
    "%",
    "\\u0040",
    "\\",
    "\\n",
    "\"",
    "'",
    ":",
    "=",
    " ",
    "\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    "password",
    "token",
    "secret",
    "api_key",
    "authorization",
    "Bearer ",
    "cookie",
    "sk-",
    "sk-ant-",
    "AKIA",
    "abcdefghijklmnop1234",
    "0123456789",
    "4111111111111111",
    "4111 1111 ",
    "1111 1111",
    "+1415",
    "555",
    "-",
    ".",
    "/",
    "(",
    ")",
    "8.8.8.8",
    "2001:db8::1",
    "aa:bb:cc:dd:ee:01",
    "DE89370400440532013000",
    "://",
    "user:pw12@",
    "eyJhbGciOiJIUzI1NiJ9",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "\u{200b}",
    "＠",
    "４１１１",
    "é",
    "日本",
    "😀",
    "[EMAIL]",
    "[PASSWORD]",
    "[EMAIL:k1:0123456789abcdef01234567]",
    "tel ",
    "ssn ",
    "123-45-6789",
    "x",
];

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(PIECES.as_slice()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[ -~]{0,6}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

fn json_value() -> impl Strategy<Value = String> {
    let quoted = |text: String| {
        let mut out = String::from("\"");
        json::encode(&text, &mut out);
        out + "\""
    };
    let leaf = prop_oneof![
        4 => text().prop_map(quoted),
        1 => Just("null".to_owned()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => Just("4111111111111111".to_owned()),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((text(), inner.clone()), 0..4).prop_map(move |entries| {
                let entries: Vec<_> =
                    entries.into_iter().map(|(k, v)| format!("{}:{v}", quoted(k))).collect();
                format!("{{{}}}", entries.join(","))
            }),
            inner.prop_map(quoted),
        ]
    })
}

/// What the finder of numbers finds if every place was announced by a word.
fn all_numbers(text: &str, field: Field) -> usize {
    let mut scratch = Scratch::default();
    scratch.phone_words = (0..text.len()).collect();
    scratch.ssn_words = (0..text.len()).collect();
    number::find(text, field, &mut scratch);
    scratch.hits.len()
}

#[test]
fn the_gate_knows_each_kind_of_number() {
    let cases = [
        "8.8.8.8",
        "call 555-0123",
        "x 123 45 6789",
        "(212) 555-0123",
        "+49 30 1234567",
        "4111 1111 1111 1111",
        "GB82 WEST 1234 5698 7654 32",
        "LC55HEMM000100010012001200023015",
        "MT84MALT011000012345MTLCAST001S",
    ];
    for text in cases {
        assert!(all_numbers(text, Field::PLAIN) > 0, "{text}");
        assert!(gate::may_hold_numbers(text), "{text}");
    }
    for text in ["w123 w4567 w89", "12:34:56", "1.2.3", "gpt-4o on 2 of 16 cores", "a1b2c3d4e5f6a7b8"] {
        assert!(!gate::may_hold_numbers(text), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_number_is_gated_away(text in "[0-9A-D x.()/+-]{0,40}|[A-Z]{2}[0-9]{2}([ A-Z0-9]{1,5}){3,8}") {
        if !gate::may_hold_numbers(&text) {
            prop_assert_eq!(all_numbers(&text, Field::PLAIN), 0, "{}", text);
        }
    }

    #[test]
    fn comes_to_rest(text in text()) {
        if let Some(once) = REDACTOR.text(&text) {
            prop_assert_ne!(&once, &text);
            prop_assert_eq!(REDACTOR.text(&once), None, "{}", once);
        }
    }

    #[test]
    fn never_panics(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = REDACTOR.text(&text);
        let _ = REDACTOR.text(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn json_stays_json(text in json_value()) {
        prop_assert!(json::leaves(&text).is_some() || !json::may_be(&text), "{}", text);
        if let Some(once) = REDACTOR.text(&text).filter(|_| json::may_be(&text)) {
            prop_assert!(json::leaves(&once).is_some(), "{} became {}", text, once);
            prop_assert!(crate::value::from_json(&once).is_some(), "{} became {}", text, once);
            prop_assert_eq!(REDACTOR.text(&once), None, "{}", once);
        }
    }
}

/// Work per byte for a repeated piece at two lengths.
fn check_linear(piece: &str, longest: usize) -> String {
    let work = |bytes: usize| {
        let text = piece.repeat(bytes / piece.len() + 1);
        let mut scratch = Scratch::default();
        let _verdict = REDACTOR.look(&text, Field::PLAIN, &mut scratch, &mut Vec::new());
        scratch.work as f64 / text.len() as f64
    };
    let (small, large) = (work(longest / 16), work(longest));
    let linear = large < small * 2.0 + 4.0 && large < 400.0;
    if linear { String::new() } else { format!("{piece:?}: {small} then {large} steps a byte\n") }
}

/// Repeated, each tempts some finder to look at the same bytes again and again.
const REPEATED: [&str; 77] = [
    "secret=",
    "secret=sk-abcdefghijklmnopqrst1",
    "password=eyJhbGciOi.abcd=",
    "aa:bb:",
    "4111 ",
    "://a:b@",
    "\\u0040",
    "-----BEGIN PRIVATE KEY-----",
    "@",
    "a@b.",
    "a@b.co ",
    "a.",
    "eyJ",
    "eyJ.",
    "eyJaaaaaaaaaa.",
    "sk-",
    "sk-a1",
    "-sk-",
    "xoxb-1-",
    "AKIA",
    "password=",
    "password=*",
    "password: ",
    "token=1",
    "authorization: ",
    "authorization: digest ",
    "authorization:digest",
    "bearer ",
    "cookie",
    "cookie:a=",
    "cookie=",
    "://",
    "://a:",
    "1",
    "1 ",
    "1-",
    "1.",
    "12 ",
    "4111-",
    "+1",
    "+1 ",
    "tel 1",
    "ssn 1",
    "a:",
    ":",
    "::",
    "1:",
    "aa-",
    "aa-bb-",
    "DE89",
    "DE89 ",
    "-----BEGIN ",
    "-----END ",
    "\\",
    "\\\\",
    "%40",
    "%25",
    "%",
    "\u{200b}",
    "＠",
    "[",
    "{",
    "{\"a\":",
    "\"",
    "[\"a@b.co\",",
    "hooks.slack.com/",
    "sig=",
    "8Q~",
    "JQQJ99",
    "aaaa",
    " ",
    "é",
    "日",
    "[EMAIL]",
    "password=[A]",
    "1//0",
    "AKIAAAAAAAAAAAAAAAA1 ",
];

#[test]
fn work_grows_with_the_length() {
    const MIB: usize = 1 << 20;
    let hardest = ["a@", "eyJ-", "password=("];
    let mut wrong: String = hardest.into_iter().map(|piece| check_linear(piece, MIB)).collect();
    wrong.extend(REPEATED.into_iter().map(|piece| check_linear(piece, MIB / 64)));
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn nested_json_is_unpacked_in_linear_work() {
    let mut text = String::from("{\"mail\":\"a@b.co\"}");
    for _ in 0..8 {
        let mut quoted = String::new();
        json::encode(&text, &mut quoted);
        text = format!("[\"{quoted}\",\"{quoted}\"]");
        let mut scratch = Scratch::default();
        let once = REDACTOR.look(&text, Field::PLAIN, &mut scratch, &mut Vec::new());
        assert!(scratch.work < 200 * text.len() as u64, "{} for {}", scratch.work, text.len());
        assert!(!format!("{once:?}").contains("@b.co"));
    }
}
