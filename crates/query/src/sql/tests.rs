//! SQL: what it answers (from `tests/sql.slt`), what it refuses, and what its errors say.

use crate::error::QueryError;
use crate::testing::{House, shop};
use futures::TryStreamExt;

async fn ask(house: &House, sql: &str, limit: Option<usize>) -> Result<String, QueryError> {
    let pieces: Vec<bytes::Bytes> = house.query.sql(sql, limit).await?.try_collect().await?;
    Ok(String::from_utf8(pieces.concat()).unwrap())
}

/// Statements and their rows, first over hot rows, then over files.
#[tokio::test]
async fn statements_and_their_rows() {
    let house = shop().await;
    for round in ["hot", "files"] {
        for case in include_str!("../../tests/sql.slt").split("\n\n").filter(|case| !case.trim().is_empty()) {
            let case: String =
                case.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
            if case.is_empty() {
                continue;
            }
            let (sql, expected) = case.split_once("----\n").expect("every case has a ---- line");
            let rows = ask(&house, sql, None).await;
            assert_eq!(rows.as_deref().ok(), Some(expected), "{round}: {sql}\n{rows:?}");
        }
        house.store.flush().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_refused() {
    let house = shop().await;
    let mut count = 0;
    for line in include_str!("../../tests/refused.txt").lines().filter(|line| !line.starts_with('#')) {
        let (expected, sql) = line.split_once(" | ").expect("every line is `what | statement`");
        count += 1;
        match ask(&house, sql, None).await {
            Err(QueryError::Refused { what, .. }) => assert_eq!(what, expected, "{sql}"),
            // Some of them are not even SQL to the parser; they are refused all the same.
            Err(QueryError::Invalid { message, .. })
                if expected == "invalid" || message.starts_with("not SQL") => {}
            other => panic!("{sql}: expected `{expected}`, got {other:?}"),
        }
    }
    assert!(count >= 60, "only {count} statements");
    assert_eq!(ask(&house, "select count(*) as n from spans", None).await.unwrap(), "{\"n\":4}\n");
}

#[tokio::test]
async fn errors_name_what_is_wrong() {
    let house = shop().await;
    for (sql, message, hint, place) in [
        ("select * from span", "there is no table `span`", "did you mean `spans`", Some((1, 15))),
        (
            "select trace_od from spans",
            "there is no column `trace_od`",
            "did you mean `trace_id`",
            Some((1, 8)),
        ),
        ("select\n  nmae\nfrom spans", "there is no column `nmae`", "did you mean `name`", Some((2, 3))),
        ("selec 1", "not SQL: ", "", Some((1, 1))),
        ("", "No SQL statements were provided", "", None),
        ("select 1; select 2", "single SQL statement", "", None),
        ("select nothing(1)", "nothing", "", None),
        ("select 1 / 0", "ivide by zero", "check casts", None),
        ("select cast('x' as bigint)", "Cannot cast string 'x'", "", None),
    ] {
        let error = ask(&house, sql, None).await.unwrap_err();
        assert!(error.to_string().contains(message), "{sql}: {error}");
        assert!(error.hint().contains(hint), "{sql}: {}", error.hint());
        if let Some((line, column)) = place {
            assert_eq!(error.position().map(|p| (p.line, p.column)), Some((line, column)), "{sql}: {error}");
        }
    }
}

#[tokio::test]
async fn bounds_hold() {
    let house = shop().await;
    let wide = format!("select {}", vec!["1"; 5_000].join(" + "));
    let deep = format!("select {}1{}", "(".repeat(60), ")".repeat(60));
    let long = format!("select '{}'", "x".repeat(70_000));
    let joins = format!("select 1 from spans {}", "cross join spans ".repeat(40));
    for sql in [&wide, &deep, &long, &joins] {
        let error = ask(&house, sql, None).await.unwrap_err();
        assert!(matches!(error, QueryError::TooLarge { .. }), "{error}");
    }
    assert_eq!(ask(&house, "select name from spans", Some(2)).await.unwrap().lines().count(), 2);
    assert_eq!(ask(&house, "select name from spans", Some(0)).await.unwrap(), "");
}

#[tokio::test]
async fn a_statement_that_needs_too_much_stops() {
    let config = crate::Config { memory_bytes: 1 << 20, partitions: 2, ..crate::Config::default() };
    let house = House::with(config).await;
    let many = (1..2_000).map(|id| (crate::testing::span(9, id, None, "n", 0, 1), None)).collect();
    house.add("shop", many).await;
    let sql = "select a.span_id, b.span_id, c.span_id from spans a cross join spans b cross join spans c \
        order by a.attrs['x'], b.name, c.span_id";
    let error = ask(&house, sql, None).await.unwrap_err();
    assert!(matches!(error, QueryError::Memory { .. }), "{error:?}");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_stops() {
    let config = crate::Config {
        sql_time: std::time::Duration::from_millis(50),
        partitions: 2,
        ..crate::Config::default()
    };
    let house = House::with(config).await;
    let many = (1..3_000).map(|id| (crate::testing::span(9, id, None, "n", 0, 1), None)).collect();
    house.add("shop", many).await;
    let sql = "select count(*) from spans a cross join spans b cross join spans c where a.duration_ns + b.start_ns <> c.seq";
    let error = ask(&house, sql, None).await.unwrap_err();
    assert!(matches!(error, QueryError::TimeOut { .. }), "{error:?}");
}

#[tokio::test]
async fn too_many_at_once_are_told_so_and_a_dropped_stream_frees_its_place() {
    let config = crate::Config {
        sql_concurrent: 1,
        sql_wait: std::time::Duration::from_millis(1),
        partitions: 2,
        ..crate::Config::default()
    };
    let house = House::with(config).await;
    let held = house.query.sql("select 1 as n", None).await.unwrap();
    assert!(matches!(ask(&house, "select 2", None).await, Err(QueryError::Busy { running: 1 })));
    drop(held);
    assert_eq!(ask(&house, "select 2 as n", None).await.unwrap(), "{\"n\":2}\n");
}

#[tokio::test]
async fn what_is_acknowledged_is_seen_by_the_next_statement() {
    let house = House::new().await;
    for n in 1..20 {
        house.add("shop", vec![(crate::testing::span(n, 1, None, "n", 0, 1), None)]).await;
        if n % 5 == 0 {
            house.store.flush().await.unwrap();
        }
        let rows = ask(&house, "select count(*) as n from spans", None).await.unwrap();
        assert_eq!(rows, format!("{{\"n\":{n}}}\n"));
    }
}

#[test]
fn every_table_is_described() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let house = House::new().await;
        let mut names: Vec<String> = house.query.tables().into_iter().map(|table| table.name).collect();
        let mut real = house.query.view().names();
        names.sort();
        real.sort();
        assert_eq!(names, real);
    });
}
