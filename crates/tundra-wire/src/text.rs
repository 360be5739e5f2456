//! Text from bytes that claim to be UTF-8. Decoders use it for every string they keep.

use std::borrow::Cow;
use tundra_record::Text;

/// The bytes as text. Broken UTF-8 is repaired with U+FFFD: one bad byte must not cost a client its whole request.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> Text<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(String::from_utf8_lossy(bytes).into_owned()),
    }
}
