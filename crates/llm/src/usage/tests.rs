//! Inclusive totals from every way of counting.

use super::*;

#[test]
fn totals_are_inclusive() {
    let check = |counts: Counts, input, output, provenance| {
        let usage = counts.usage();
        assert_eq!((usage.input, usage.output, usage.provenance), (input, output, provenance), "{counts:?}");
    };
    let openai = Counts { input: Some(1234), cache_read: Some(1024), output: Some(56), ..Counts::default() };
    check(openai, Some(1234), Some(56), Provenance::Reported);
    let anthropic = Counts {
        input: Some(210),
        cache_read: Some(1024),
        cache_write: Some(300),
        output: Some(56),
        ..Counts::default()
    };
    check(anthropic, Some(1534), Some(56), Provenance::Derived);
    check(Counts { exclusive: true, ..anthropic }, Some(1534), Some(56), Provenance::Derived);
    let split =
        Counts { cache_write: None, cache_write_5m: Some(100), cache_write_1h: Some(200), ..anthropic };
    check(split, Some(1534), Some(56), Provenance::Derived);
    let gemini = Counts { input: Some(1234), output: Some(24), reasoning: Some(32), ..Counts::default() };
    check(gemini, Some(1234), Some(56), Provenance::Derived);
    check(
        Counts { reasoning: Some(20), reasoning_apart: true, ..gemini },
        Some(1234),
        Some(44),
        Provenance::Derived,
    );
    check(Counts::default(), None, None, Provenance::Unknown);
    check(Counts { estimated: true, ..openai }, Some(1234), Some(56), Provenance::Estimated);
    let total = Counts { input: Some(9), total: Some(12), ..Counts::default() };
    check(total, Some(9), Some(3), Provenance::Derived);
    let edge =
        Counts { input: Some(u64::MAX), cache_read: Some(u64::MAX), exclusive: true, ..Counts::default() };
    check(edge, Some(u64::MAX), None, Provenance::Derived);
}
