//! Who is let in.

use super::{COOKIE, Token, escape, unescape};
use http::{HeaderMap, HeaderValue, header};

#[test]
fn admits() {
    let cookie = |value: &str| (header::COOKIE, format!("a=b; {COOKIE}={value}; c=d"));
    let bearer = |value: &str| (header::AUTHORIZATION, value.to_owned());
    let cases = [
        (None, None, true),
        (Some(""), None, true),
        (Some("s3cret"), None, false),
        (Some("s3cret"), Some(bearer("Bearer s3cret")), true),
        (Some("s3cret"), Some(bearer("bearer  s3cret ")), true),
        (Some("s3cret"), Some(bearer("Bearer s3cre")), false),
        (Some("s3cret"), Some(bearer("Bearer s3crets")), false),
        (Some("s3cret"), Some(bearer("Bearer S3cret")), false),
        (Some("s3cret"), Some(bearer("Basic s3cret")), false),
        (Some("s3cret"), Some(bearer("s3cret")), false),
        (Some("s3cret"), Some(bearer("Bearer ")), false),
        (Some("s3cret"), Some(cookie("s3cret")), true),
        (Some("a b;ü"), Some(cookie("a%20b%3B%C3%BC")), true),
        (Some("s3cret"), Some(cookie("s3cret%")), false),
        (Some("s3cret"), Some(cookie("%FF")), false),
        (Some("s3cret"), Some((header::COOKIE, "other=s3cret".to_owned())), false),
    ];
    for (secret, header, expected) in cases {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header.clone() {
            headers.insert(name, HeaderValue::from_str(&value).unwrap());
        }
        let token = Token::new(secret.map(str::to_owned));
        assert_eq!(token.admits(&headers), expected, "{secret:?} {header:?}");
    }
}

#[test]
fn escapes_and_hides() {
    for token in ["plain", "with space", "a;b=c,\"d\"", "%41", "grün"] {
        assert_eq!(unescape(&escape(token)).as_deref(), Some(token));
    }
    assert!(!format!("{:?}", Token::new(Some("s3cret".to_owned()))).contains("s3cret"));
}
