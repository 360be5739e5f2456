//! Strips personal data and secrets, and makes the type that proves it.
//!
//! `intake` builds one [`Redactor`] at start and one [`Pass`] for each request; `store` and `outlet` accept
//! [`Redacted`] values only, and only this module can make them. Nothing here reads a clock, a file or
//! randomness, and no text that a rule matched is ever logged, counted by value or put into an error.

mod address;
mod config;
mod dictionary;
mod engine;
mod field;
mod fold;
mod gate;
mod hit;
mod json;
mod keyed;
mod limits;
mod literal;
mod mail;
mod number;
mod pass;
mod rule;
mod shape;
mod token;

pub use config::{Action, CustomRule, HashKey, RedactConfig, RuleError};
pub use engine::Redactor;
pub use limits::{DICTIONARY_TEXT_MAX, TEXT_BYTES_DEFAULT};
pub use pass::{Pass, PlainName};

/// Proof that a value went through the redactor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// The value.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// A value computed from redacted values is redacted too. `compute` may use nothing but its argument and
    /// constants: whatever else it brings in would bypass the rules.
    pub fn derive<U>(&self, compute: impl FnOnce(&T) -> U) -> Redacted<U> {
        Redacted(compute(&self.0))
    }
}

impl<T> Redacted<Option<T>> {
    /// A redacted absence is an absence.
    pub fn transpose(self) -> Option<Redacted<T>> {
        self.0.map(Redacted)
    }
}

// They hash, too.
#[cfg(test)]
#[cfg(feature = "redact")]
mod tests;
