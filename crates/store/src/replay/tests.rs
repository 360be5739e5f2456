//! The set of seen sequences.

use super::Seen;

#[test]
fn each_sequence_counts_once_in_any_order() {
    let cases: &[&[(u64, bool)]] = &[
        &[(1, true), (2, true), (2, false), (1, false), (3, true)],
        &[(10, true), (12, true), (11, true), (11, false), (12, false), (10, false), (13, true)],
        &[
            (5, true),
            (1, true),
            (3, true),
            (2, true),
            (4, true),
            (4, false),
            (1, false),
            (5, false),
            (6, true),
        ],
    ];
    for case in cases {
        let mut seen = Seen::default();
        for (seq, fresh) in *case {
            assert_eq!(seen.add(*seq), *fresh, "{seq} in {case:?}");
        }
    }
}
