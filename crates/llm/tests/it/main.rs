//! Captures of real clients, decoded and understood: every call must have the numbers that the mock provider sent.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail by panicking and may print")]

mod captures;
mod cases;
mod hostile;
mod measure;
mod truth;
