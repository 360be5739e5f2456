//! Ids print and parse as the same hex, and refuse everything else.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn trace_id_round_trips(id in 1..=u128::MAX) {
        let text = TraceId(id).to_string();
        prop_assert_eq!(text.as_bytes(), TraceId(id).hex());
        prop_assert_eq!(text.parse(), Ok(TraceId(id)));
    }

    #[test]
    fn span_id_round_trips(id in 1..=u64::MAX) {
        let text = SpanId(id).to_string();
        prop_assert_eq!(text.as_bytes(), SpanId(id).hex());
        prop_assert_eq!(text.parse(), Ok(SpanId(id)));
    }
}

#[test]
fn refuses_what_is_not_an_id() {
    let zero = "0".repeat(32);
    for text in ["", "1", "xyz", zero.as_str(), "+1234567890123456789012345678901", "0123456789abcdef"] {
        assert!(text.parse::<TraceId>().is_err(), "{text:?}");
    }
    for text in ["", "0000000000000000", "+123456789abcdef", "0123456789abcdef0"] {
        assert!(text.parse::<SpanId>().is_err(), "{text:?}");
    }
}
