//! Where links lead.

use super::check;
use crate::tidy::tests::house;

#[test]
fn links() {
    let check = |text: &str, fine: bool| {
        let house = house(&[("docs/a.md", text), ("docs/b.md", ""), ("README.md", "")]);
        assert_eq!(check(&house).is_empty(), fine, "{text}");
    };
    check("[b](b.md) and [top](../README.md#start)", true);
    check("[b](./b.md \"title\") [web](https://example.test/x) [here](#part)", true);
    check("[folder](../docs)", true);
    check("[gone](c.md)", false);
    check("[out](../../etc/passwd)", false);
    check("```\n[gone](c.md)\n```", true);
}
