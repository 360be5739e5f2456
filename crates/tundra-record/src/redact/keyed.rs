//! Keyed hashes: equal values stay equal, nobody without the key can test a guess. Used by the engine.
//!
//! Without feature `redact` (with `redact-rules` alone) no key can be made, and no hash is ever written.

use super::config::{HashKey, RuleError};
#[cfg(feature = "redact")]
use hmac::{Hmac, KeyInit, Mac};
#[cfg(feature = "redact")]
use sha2::Sha256;
use std::fmt;
#[cfg(feature = "redact")]
use std::fmt::Write as _;

const KEPT_BYTES: usize = 12;
#[cfg(feature = "redact")]
const SECRET_BYTES_MIN: usize = 16;
#[cfg(feature = "redact")]
const KEY_ID_MAX: usize = 16;

/// A key that is ready to use.
#[derive(Clone)]
pub(super) struct Keyed {
    id: String,
    #[cfg(feature = "redact")]
    mac: Hmac<Sha256>,
    #[cfg(not(feature = "redact"))]
    never: std::convert::Infallible,
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(not(feature = "redact"))]
impl Keyed {
    pub(super) fn new(key: &HashKey) -> Result<Self, RuleError> {
        Err(RuleError::NoHashes { id: key.id.clone() })
    }

    pub(super) fn write(&self, _: &str, _: &str, _: &mut String) {
        match self.never {}
    }
}

#[cfg(feature = "redact")]
impl Keyed {
    pub(super) fn new(key: &HashKey) -> Result<Self, RuleError> {
        let bad = || RuleError::BadKey { id: key.id.clone() };
        let id_ok = (1..=KEY_ID_MAX).contains(&key.id.len()) && key.id.bytes().all(is_key_id_byte);
        if !id_ok || key.secret.len() < SECRET_BYTES_MIN {
            return Err(bad());
        }
        let mac = Hmac::<Sha256>::new_from_slice(&key.secret).map_err(|_| bad())?;
        Ok(Self { id: key.id.clone(), mac })
    }

    /// Appends `[LABEL:key:hash]`.
    pub(super) fn write(&self, label: &str, text: &str, out: &mut String) {
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        let digest = mac.finalize().into_bytes();
        let _infallible = write!(out, "[{label}:{}:", self.id);
        for byte in digest.iter().take(KEPT_BYTES) {
            let _infallible = write!(out, "{byte:02x}");
        }
        out.push(']');
    }
}

fn is_key_id_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// The label inside `text` if the whole text is of the form that [`Keyed::write`] makes.
pub(super) fn label_of(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let mut parts = inner.split(':');
    let label = parts.next()?;
    let Some(id) = parts.next() else { return Some(label) };
    let hash = parts.next()?;
    let ok = !id.is_empty()
        && id.bytes().all(is_key_id_byte)
        && hash.len() == KEPT_BYTES * 2
        && hash.bytes().all(|b| b.is_ascii_hexdigit())
        && parts.next().is_none();
    ok.then_some(label)
}
