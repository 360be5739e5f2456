//! Captures of real clients, decoded and understood: every call must have the numbers that the mock provider sent.

mod captures;
mod cases;
mod hostile;
mod measure;
mod truth;
