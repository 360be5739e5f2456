//! Times as the SDKs write them.

use super::*;

#[test]
fn instants() {
    let check = |text: &str, expect: Option<i64>| assert_eq!(instant(text).map(|at| at.0), expect, "{text}");
    check("1970-01-01T00:00:00Z", Some(0));
    check("2000-02-29T12:30:15.5Z", Some(951_827_415_500_000_000));
    check("2026-11-20T23:21:39.522619Z", Some(1_795_216_899_522_619_000));
    check("2026-11-20T23:21:39.522619+00:00", Some(1_795_216_899_522_619_000));
    for bad in ["", "Z", "2026-11-20", "2026-13-20T00:00:00Z", "2026-11-20T24:00:00Z", "9999-01-01T00:00:00Z"]
    {
        check(bad, None);
    }
    check("2026-11-20T00:00:00.1234567890Z", None);
    check("2026-11-20T00:00:00.é0000000Z", None);
}
