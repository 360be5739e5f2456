//! The table's forms, and what each kind of wrong import is told.

use super::table::{Imports, Row, SDK, parse};
use super::{against_table, borders};
use crate::tidy::tests::{house, room};

const TABLE: &str = "\
# A house

| room | floor | what it is | may import | must never know |
|---|---|---|---|---|
| `tundra-record` | 1 | words | nothing of ours | tokio |
| `tundra` (package `tundra-sdk`) | 3 | SDK | record | prices |
| `store` | 2 | tables (and more) | record | HTTP |
| `gateway` | 3 | proxy | record, `store` (by contract) | |
| `daemon` | 6 | binary | all inner rooms; the SDK, to trace itself | |

| room | floor | may import |
";

#[test]
fn the_table_is_read() {
    let named = |names: &[&str]| Imports::Named(names.iter().map(|name| (*name).to_owned()).collect());
    let row = |room: &str, floor, imports, line| Row { room: room.to_owned(), floor, imports, line };
    let expected = vec![
        row("tundra-record", 1, named(&[]), 5),
        row(SDK, 3, named(&["tundra-record"]), 6),
        row("store", 2, named(&["tundra-record"]), 7),
        row("gateway", 3, named(&["tundra-record", "store"]), 8),
        row("daemon", 6, Imports::All, 9),
    ];
    assert_eq!(parse(TABLE), Ok(expected));
    assert!(parse("no table").is_err());
    assert_eq!(
        parse("| room | floor | may import |\n|---|---|---|\n| a | up | b |\n"),
        Err("line 3: `up` is not a floor".to_owned())
    );
}

#[test]
fn imports_are_held_to_the_table() {
    let check = |needs: &[&str], expected: &[&str]| {
        let mut house = house(&[("ARCHITECTURE.md", TABLE)]);
        house.rooms = vec![
            room("tundra-record", "tundra-record", &[]),
            room(SDK, "tundra", &["tundra-record"]),
            room("store", "store", &["tundra-record", "serde"]),
            room("daemon", "daemon", &["store", SDK]),
            room("gateway", "gateway", needs),
        ];
        let found: Vec<String> = against_table(&house).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{needs:?}");
    };
    check(&["tundra-record", "store", "tokio"], &[]);
    check(&["tundra-record", "store", SDK], &[]);
    check(
        &["store"],
        &["ARCHITECTURE.md:8: `gateway` does not import `tundra-record`: strike it from the row"],
    );
    check(
        &["tundra-record", "store", "daemon"],
        &[
            "crates/gateway/Cargo.toml: `gateway` may not import `daemon` (table in ARCHITECTURE.md)",
            "crates/gateway/Cargo.toml: `daemon` is not on a floor below `gateway`: imports go down",
        ],
    );
}

#[test]
fn rows_and_rooms_belong_together() {
    let mut house =
        house(&[("ARCHITECTURE.md", "| room | floor | may import |\n|-|-|-|\n| `llm` | 2 | |\n")]);
    house.rooms = vec![room("store", "store", &[]), room("xtask", "xtask", &[])];
    let found: Vec<String> = against_table(&house).iter().map(ToString::to_string).collect();
    let expected = [
        "ARCHITECTURE.md:3: there is no crate `llm`: strike its row",
        "crates/store/Cargo.toml: `store` has no row in ARCHITECTURE.md's table: add one",
    ];
    assert_eq!(found, expected);
}

#[test]
fn heavy_crates_stay_behind_their_borders() {
    let check = |package: &str, need: &str, fine: bool| {
        assert_eq!(borders(&room(package, package, &[need])).is_empty(), fine, "{package} {need}");
    };
    check("query", "datafusion", true);
    check("query", "datafusion-expr", true);
    check("store", "datafusion", false);
    check("store", "arrow-array", true);
    check("store", "parquet", true);
    check("intake", "arrow-array", false);
    check("serve", "parquet", false);
    check("serve", "arrowhead", true);
}
