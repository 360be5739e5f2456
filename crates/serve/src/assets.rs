//! The web UI inside the binary: finds a file, chooses its encoding and answers with the headers that a page full of
//! other people's text needs. The router of this room calls [`respond`] for everything outside `/api`.
//!
//! It must never read the disk, run a template or answer a path under `/api`.

use std::borrow::Cow;
use std::io::Read as _;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

#[cfg(test)]
mod tests;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What the browser may do with a page of ours. Traces contain hostile text by nature (prompts), so: no inline
/// script or style, nothing from elsewhere, and markup only through the one policy that Svelte's templates use.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types svelte-trusted-html";

/// The cookie that keeps the chosen theme, so that the first paint already has it.
pub const THEME_COOKIE: &str = "tundra_theme";

/// No file of the UI is larger than this once inflated; a bound for the decoder, not a budget.
const MAX_INFLATED_BYTES: u64 = 16 << 20;

/// One file of `ui/dist`, as the build script found it.
struct Asset {
    path: &'static str,
    etag: &'static str,
    /// The file as it is; absent where it can be inflated from `gzip`.
    plain: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

/// Whether a UI was built into this binary.
pub fn is_built() -> bool {
    !TABLE.is_empty()
}

/// Answers a GET for `path` (as in the request line, without the query).
///
/// `None` means that no UI was built in: show the small server-rendered page instead. `theme_cookie` is the theme
/// (`dark`, `light`) or the whole `Cookie` header; anything else is ignored. Paths that are no file are screens of
/// the UI and get its index page; a missing file under `/assets/` is 404, because a stale tab must not take a page
/// for a script.
pub fn respond(
    path: &str,
    accept_encoding: Option<&str>,
    if_none_match: Option<&str>,
    theme_cookie: Option<&str>,
) -> Option<Response<Bytes>> {
    respond_from(TABLE, path, accept_encoding, if_none_match, theme_cookie)
}

fn respond_from(
    table: &[Asset],
    path: &str,
    accept_encoding: Option<&str>,
    if_none_match: Option<&str>,
    theme_cookie: Option<&str>,
) -> Option<Response<Bytes>> {
    let index = find(table, "index.html")?;
    let name = path.trim_start_matches('/');
    let response = match find(table, name) {
        Some(asset) if asset.path != index.path => file(asset, accept_encoding, if_none_match),
        None if name.starts_with("assets/") => empty(StatusCode::NOT_FOUND, "no-store"),
        _ => page(index, if_none_match, theme_cookie),
    };
    Some(response)
}

fn find<'t>(table: &'t [Asset], name: &str) -> Option<&'t Asset> {
    table.binary_search_by(|asset| asset.path.cmp(name)).ok().map(|at| &table[at])
}

/// A file with a fingerprint in its name never changes; the few others are asked for again each time.
fn file(asset: &Asset, accept_encoding: Option<&str>, if_none_match: Option<&str>) -> Response<Bytes> {
    let cache =
        if asset.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let etag = format!("\"{}\"", asset.etag);
    if is_same(if_none_match, &etag) {
        return with_etag(empty(StatusCode::NOT_MODIFIED, cache), &etag);
    }
    let (encoding, body) = encode(asset, accept_encoding.unwrap_or_default());
    let mut response = empty(StatusCode::OK, cache);
    *response.body_mut() = body;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(asset.path)));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    with_etag(response, &etag)
}

/// The index page. It is small, so it goes out plain, with the theme written into its first tag: no flash of the
/// other theme, and no inline script to prevent one.
fn page(index: &Asset, if_none_match: Option<&str>, theme_cookie: Option<&str>) -> Response<Bytes> {
    let theme = theme_cookie.and_then(theme_in);
    let etag = match theme {
        Some(theme) => format!("\"{}-{theme}\"", index.etag),
        None => format!("\"{}\"", index.etag),
    };
    if is_same(if_none_match, &etag) {
        return with_etag(empty(StatusCode::NOT_MODIFIED, "no-cache"), &etag);
    }
    let plain = plain(index);
    let mut response = empty(StatusCode::OK, "no-cache");
    *response.body_mut() = match theme {
        Some(theme) => {
            let html = String::from_utf8_lossy(&plain);
            Bytes::from(html.replacen("<html", &format!("<html data-theme=\"{theme}\""), 1))
        }
        None => plain,
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::VARY, HeaderValue::from_static("cookie"));
    with_etag(response, &etag)
}

/// The theme that a cookie header or a bare value names. Only the two known words ever reach the page.
fn theme_in(cookie: &str) -> Option<&'static str> {
    let value = cookie
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == THEME_COOKIE).then_some(value))
        .unwrap_or(cookie);
    ["dark", "light"].into_iter().find(|known| *known == value.trim())
}

fn encode(asset: &Asset, accepted: &str) -> (Option<&'static str>, Bytes) {
    if let Some(body) = asset.brotli.filter(|_| accepts(accepted, "br")) {
        return (Some("br"), Bytes::from_static(body));
    }
    if let Some(body) = asset.gzip.filter(|_| accepts(accepted, "gzip")) {
        return (Some("gzip"), Bytes::from_static(body));
    }
    (None, plain(asset))
}

fn plain(asset: &Asset) -> Bytes {
    match (asset.plain, asset.gzip) {
        (Some(body), _) => Bytes::from_static(body),
        (None, Some(gzip)) => Bytes::from(inflate(gzip).into_owned()),
        (None, None) => Bytes::new(),
    }
}

fn inflate(gzip: &[u8]) -> Cow<'static, [u8]> {
    let mut body = Vec::new();
    match flate2::read::GzDecoder::new(gzip).take(MAX_INFLATED_BYTES).read_to_end(&mut body) {
        Ok(_) => Cow::Owned(body),
        // Only a broken build can get here; an empty file is the honest answer then.
        Err(_) => Cow::Borrowed(b""),
    }
}

/// Whether an `Accept-Encoding` header takes `encoding`; `q=0` is a refusal.
fn accepts(header: &str, encoding: &str) -> bool {
    header.split(',').any(|part| {
        let mut words = part.split(';').map(str::trim);
        let named = words.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding) || name == "*");
        let refused = words
            .filter_map(|word| word.strip_prefix("q="))
            .any(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0));
        named && !refused
    })
}

fn is_same(if_none_match: Option<&str>, etag: &str) -> bool {
    if_none_match.is_some_and(|sent| {
        sent.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == etag || tag == "*")
    })
}

fn with_etag(mut response: Response<Bytes>, etag: &str) -> Response<Bytes> {
    if let Ok(value) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

fn empty(status: StatusCode, cache: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    secure(response.headers_mut());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// The headers of every page of ours, the server-rendered one included.
pub fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (http::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json" | "webmanifest") => "application/json",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
