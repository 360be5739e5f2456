//! How programs begin and end wrongly: what they are told, and what is delivered all the same.

// `fn main() -> Result<(), tundra::Error>` shows an error by its `Debug`.
#[test]
fn errors_of_main_say_what_to_do() {
    let check = |error: tundra::Error, expect: &str| {
        let shown = format!("{error:?}");
        assert!(shown == error.to_string() && shown.contains(expect), "{shown}");
    };
    let refused = |builder: tundra::Builder| builder.build().expect_err("it cannot be made");
    check(refused(tundra::builder().filter("loud")), "`loud` is no level: use off, error");
    check(refused(tundra::builder().sampling_rules("[{]")), "write `[{\"service\": ");
    crate::alone("endings::errors_of_main_say_what_to_do", || {
        let _first = tundra::builder().no_log_output().install().expect("the first one");
        let error = tundra::builder().no_log_output().install().expect_err("there is one");
        check(error, "add `tundra::layer()` (feature `layer`) to your `Registry`");
    });
}
