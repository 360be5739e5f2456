//! The redactor as its callers see it.

use super::{RedactConfig, Redactor};

#[test]
fn first_light() {
    let redactor = Redactor::new(&RedactConfig::default()).unwrap();
    assert_eq!(redactor.text("hello a@b.co").as_deref(), Some("hello [EMAIL]"));
    assert_eq!(redactor.text("hello"), None);
}
