//! What filters say about files.

use super::Bounds;
use datafusion::prelude::{Expr, col, lit};

fn services(names: &[&str]) -> Bounds {
    Bounds { services: Some(names.iter().map(|n| (*n).to_owned()).collect()), ..Bounds::default() }
}

#[test]
fn filters_and_their_bounds() {
    let check =
        |filter: Expr, expected: Bounds| assert_eq!(Bounds::of([&filter], "start_ns"), expected, "{filter}");
    let none = Bounds::default;
    let time = || col("start_ns");
    check(time().gt(lit(5_i64)), Bounds { from: 6, ..none() });
    check(lit(5_i64).lt_eq(time()), Bounds { from: 5, ..none() });
    check(time().gt_eq(lit(5_i64)).and(time().lt(lit(9_i64))), Bounds { from: 5, to: 8, ..none() });
    check(time().between(lit(1_i64), lit(2_i64)), Bounds { from: 1, to: 2, ..none() });
    check(time().not_between(lit(1_i64), lit(2_i64)), none());
    check(time().gt(lit(5_i64)).or(time().lt(lit(1_i64))), none());
    check(time().eq(lit(7_i64)), Bounds { from: 7, to: 7, ..none() });
    check(time().gt(lit(i64::MAX)), Bounds { from: i64::MAX, ..none() });
    check(col("time_ns").gt(lit(5_i64)), none());
    check(col("seq").gt(lit(41_i64)), Bounds { seq: 42, ..none() });
    check(col("service").eq(lit("a")), services(&["a"]));
    check(col("service").in_list(vec![lit("a"), lit("b")], false), services(&["a", "b"]));
    check(col("service").in_list(vec![lit("a"), lit("b")], true), none());
    check(col("service").eq(lit("a")).and(col("service").eq(lit("b"))), services(&[]));
    check(col("service").not_eq(lit("a")), none());
    check(col("sample").eq(lit(false)), Bounds { sample: Some(false), ..none() });
    check(!col("sample"), Bounds { sample: Some(false), ..none() });
    let trace = || Some(std::collections::BTreeSet::from(["ab".to_owned()]));
    check(col("trace_id").eq(lit("ab")), Bounds { needle: true, traces: trace(), ..none() });
    check(
        col("trace_id").in_list(vec![lit("ab")], false),
        Bounds { needle: true, traces: trace(), ..none() },
    );
    check(col("span_id").eq(lit("ab")), Bounds { needle: true, ..none() });
    check(col("user_id").in_list(vec![lit("ab")], false), Bounds { needle: true, ..none() });
    check(col("trace_id").not_eq(lit("ab")), none());
    check(col("trace_id").eq(lit("ab")).or(col("name").eq(lit("x"))), none());
}
