//! Stub.
use super::field::Field;
use super::hit::Scratch;
pub(super) fn find(_text: &str, _field: Field, _scratch: &mut Scratch) {}
