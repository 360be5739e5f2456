//! Which base URLs pass.

use super::{AddressError, is_near, url};

#[test]
fn base_urls() {
    let check = |base: &str, expected: Result<(&str, bool), AddressError>| {
        let got = url(base, "/models");
        let got = got.as_ref().map(|url| (url.as_str(), is_near(url))).map_err(|error| *error);
        assert_eq!(got, expected, "{base}");
    };
    check("https://api.test/v1/", Ok(("https://api.test/v1/models", false)));
    check("http://127.0.0.1:9/v1", Ok(("http://127.0.0.1:9/v1/models", true)));
    check("http://localhost", Ok(("http://localhost/models", true)));
    check("http://[::1]:9", Ok(("http://[::1]:9/models", true)));
    check("http://[::ffff:127.0.0.1]", Ok(("http://[::ffff:7f00:1]/models", true)));
    check("http://10.0.0.8", Ok(("http://10.0.0.8/models", false)));
    check("", Err(AddressError::NotUrl));
    check("api.test/v1", Err(AddressError::NotUrl));
    check("file:///etc", Err(AddressError::Scheme));
    check("https://me:secret@api.test", Err(AddressError::Credentials));
    check("http://169.254.169.254/latest", Err(AddressError::LinkLocal));
    check("http://[fe80::1]", Err(AddressError::LinkLocal));
    check("http://[::ffff:169.254.169.254]", Err(AddressError::LinkLocal));
    check("http://2852039166/", Err(AddressError::LinkLocal));
}
