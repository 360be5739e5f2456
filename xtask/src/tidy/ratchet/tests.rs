//! The list goes down, never up.

use super::Ratchet;
use std::collections::BTreeMap;

#[test]
fn lowers_and_forgets() {
    let (ratchet, bad) = Ratchet::parse("# why\na.rs = 500\n\nb.rs::f = 80\nc.rs = 410\nnonsense\n");
    assert_eq!(bad, [6]);
    let measured = BTreeMap::from([("a.rs".to_owned(), 450), ("b.rs::f".to_owned(), 90)]);
    let lowered = ratchet.lowered(&measured);
    assert_eq!(lowered.allowed, BTreeMap::from([("a.rs".to_owned(), 450), ("b.rs::f".to_owned(), 80)]));
    assert_eq!(Ratchet::parse(&lowered.write()), (lowered, vec![]));
}
