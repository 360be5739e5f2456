//! Which folder is looked in, and what is made of the file.

use super::{Listening, data_folder, listening, url};
use std::path::PathBuf;

#[test]
fn the_folder_follows_the_environment() {
    let check = |set: &[(&str, &str)], expected: Option<&str>| {
        let value = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into());
        assert_eq!(data_folder(value), expected.map(PathBuf::from), "{set:?}");
    };
    check(&[], None);
    check(&[("HOME", "/h")], Some("/h/.local/share/tundra"));
    check(&[("HOME", "/h"), ("XDG_DATA_HOME", "/x")], Some("/x/tundra"));
    check(&[("HOME", "/h"), ("XDG_DATA_HOME", "")], Some("/h/.local/share/tundra"));
    check(&[("HOME", "/h"), ("XDG_DATA_HOME", "/x"), ("AT_DATA_DIR", "/d")], Some("/d"));
}

#[test]
fn the_file_may_be_there_or_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |text: Option<&str>, expected: Option<Listening>| {
        if let Some(text) = text {
            std::fs::write(folder.path().join("listening.json"), text).expect("writes");
        }
        assert_eq!(listening(folder.path()), expected);
    };
    check(None, None);
    check(Some("{\"pid\": 4"), None);
    let expected = Listening { pid: Some(4), api: Some("127.0.0.1:9".to_owned()), ..Listening::default() };
    check(Some("{\"pid\": 4, \"api\": \"127.0.0.1:9\", \"ui\": null, \"later\": 1}"), Some(expected));
}

#[test]
fn addresses_become_urls() {
    let check = |address: &str, expected: &str| assert_eq!(url(address), expected);
    check("127.0.0.1:9090", "http://127.0.0.1:9090");
    check("https://tundra.test/", "https://tundra.test");
}
