//! What the UI's files are answered with, case by case, over a small made-up table.

use std::io::Write as _;
use std::sync::OnceLock;

use super::*;

const INDEX: &[u8] = b"<!doctype html><html lang=\"en\"><body></body></html>";
const SCRIPT: &[u8] = b"console.log('hello')";

fn gzipped() -> &'static [u8] {
    static BODY: OnceLock<Vec<u8>> = OnceLock::new();
    BODY.get_or_init(|| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(SCRIPT).unwrap();
        encoder.finish().unwrap()
    })
}

fn table() -> Vec<Asset> {
    let asset = |path, etag| Asset { path, etag, plain: None, gzip: None, brotli: None };
    vec![
        Asset { gzip: Some(gzipped()), brotli: Some(b"brotli"), ..asset("assets/app-1.js", "aa") },
        Asset { plain: Some(b"font"), ..asset("assets/inter-2.woff2", "bb") },
        Asset { plain: Some(b"<svg/>"), ..asset("favicon.svg", "cc") },
        Asset { plain: Some(INDEX), ..asset("index.html", "dd") },
    ]
}

#[derive(Default)]
struct Ask {
    path: &'static str,
    accept: Option<&'static str>,
    none_match: Option<&'static str>,
    cookie: Option<&'static str>,
}

#[track_caller]
fn check(ask: Ask, status: u16, encoding: Option<&str>, cache: &str, body: &[u8]) {
    let response = respond_from(&table(), ask.path, ask.accept, ask.none_match, ask.cookie).unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!(response.status().as_u16(), status, "{}", ask.path);
    assert_eq!(header("content-encoding"), encoding, "{}", ask.path);
    assert_eq!(header("cache-control"), Some(cache), "{}", ask.path);
    assert_eq!(header("content-security-policy"), Some(CONTENT_SECURITY_POLICY));
    assert_eq!(header("x-content-type-options"), Some("nosniff"));
    assert_eq!(header("referrer-policy"), Some("no-referrer"));
    assert_eq!(header("cross-origin-opener-policy"), Some("same-origin"));
    assert_eq!(String::from_utf8_lossy(response.body()), String::from_utf8_lossy(body), "{}", ask.path);
}

const FOREVER: &str = "public, max-age=31536000, immutable";
const DARK: &[u8] = b"<!doctype html><html data-theme=\"dark\" lang=\"en\"><body></body></html>";

#[test]
fn files_come_in_the_best_encoding_that_is_accepted() {
    let script = |accept| Ask { path: "/assets/app-1.js", accept, ..Ask::default() };
    check(script(Some("gzip, deflate, br")), 200, Some("br"), FOREVER, b"brotli");
    check(script(Some("gzip, deflate")), 200, Some("gzip"), FOREVER, gzipped());
    check(script(Some("br;q=0, gzip;q=0.5")), 200, Some("gzip"), FOREVER, gzipped());
    check(script(Some("identity")), 200, None, FOREVER, SCRIPT);
    check(script(None), 200, None, FOREVER, SCRIPT);
    check(
        Ask { path: "/assets/inter-2.woff2", accept: Some("br"), ..Ask::default() },
        200,
        None,
        FOREVER,
        b"font",
    );
    check(Ask { path: "/favicon.svg", ..Ask::default() }, 200, None, "no-cache", b"<svg/>");
}

#[test]
fn what_the_browser_has_is_not_sent_again() {
    let ask = |path, tag| Ask { path, none_match: Some(tag), ..Ask::default() };
    check(ask("/assets/app-1.js", "\"aa\""), 304, None, FOREVER, b"");
    check(ask("/assets/app-1.js", "\"zz\", W/\"aa\""), 304, None, FOREVER, b"");
    check(ask("/", "\"dd\""), 304, None, "no-cache", b"");
    check(ask("/", "\"dd-dark\""), 200, None, "no-cache", INDEX);
}

#[test]
fn screens_get_the_page_and_missing_files_do_not() {
    for path in ["/", "", "/traces", "/traces/4bf92f3577b34da6a3ce929d0e0e4736", "/index.html", "/no/such"] {
        check(Ask { path, ..Ask::default() }, 200, None, "no-cache", INDEX);
    }
    check(Ask { path: "/assets/app-0.js", ..Ask::default() }, 404, None, "no-store", b"");
    check(Ask { path: "/assets/../index.html", ..Ask::default() }, 404, None, "no-store", b"");
}

#[test]
fn only_a_known_theme_reaches_the_page() {
    let ask = |cookie| Ask { path: "/", cookie: Some(cookie), ..Ask::default() };
    check(ask("dark"), 200, None, "no-cache", DARK);
    check(ask("a=b; tundra_theme=dark; c=d"), 200, None, "no-cache", DARK);
    check(ask("tundra_theme=\"><script>"), 200, None, "no-cache", INDEX);
    check(ask("a=dark"), 200, None, "no-cache", INDEX);
}

#[test]
fn without_a_ui_there_is_no_answer() {
    assert!(respond_from(&[], "/", None, None, None).is_none());
}
