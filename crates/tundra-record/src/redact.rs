//! Placeholder.
/// Proof that a value went through the redactor.
#[derive(Clone, Copy, Debug)]
pub struct Redacted<T>(T);
impl<T> Redacted<T> {
    /// The value.
    pub fn get(&self) -> &T { &self.0 }
}
