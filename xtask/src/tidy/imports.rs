//! Who imports whom: the manifests against the table in ARCHITECTURE.md, the borders around the query engine and the
//! columnar format, and the SDK's dependency budget. Dependencies of tests are free.

mod table;

use super::Problem;
use crate::house::{House, Room, cargo, output};
use anyhow::Result;
use std::collections::BTreeSet;
use table::{Imports, Row, SDK};

const TABLE_PATH: &str = "ARCHITECTURE.md";
/// Crates that the SDK brings to an application with default features, proc macros apart, itself included.
const SDK_CRATES_MAX: usize = 25;
/// Rooms from this floor up may use the SDK's macros for their own telemetry.
const SDK_FLOOR_MIN: u8 = 3;

/// A border: a family of crates and the rooms that may touch it.
const BORDERS: [(&[&str], &[&str]); 2] =
    [(&["datafusion"], &["query"]), (&["arrow", "parquet"], &["store", "query"])];

/// Imports that the table does not know, the table's lines that nobody needs, and broken borders.
pub(crate) fn check(house: &House) -> Result<Vec<Problem>> {
    let mut found = against_table(house);
    found.extend(house.rooms.iter().flat_map(borders));
    found.extend(sdk_budget(house)?);
    Ok(found)
}

fn against_table(house: &House) -> Vec<Problem> {
    let Some(file) = house.file(TABLE_PATH) else {
        return vec![Problem::new(TABLE_PATH, "missing: it holds the table of who may import whom")];
    };
    let rows = match table::parse(&file.text) {
        Ok(rows) => rows,
        Err(what) => return vec![Problem::new(TABLE_PATH, what)],
    };
    let ours: BTreeSet<&str> = house.rooms.iter().map(|room| room.package.as_str()).collect();
    let gone = rows.iter().filter(|row| !ours.contains(row.room.as_str()));
    let gone = gone.map(|row| {
        Problem::at(TABLE_PATH, row.line, format!("there is no crate `{}`: strike its row", row.room))
    });
    let rooms = house.rooms.iter().filter(|room| room.folder != "xtask");
    gone.chain(rooms.flat_map(|room| against_row(room, &rows, &ours))).collect()
}

fn against_row(room: &Room, rows: &[Row], ours: &BTreeSet<&str>) -> Vec<Problem> {
    let Some(row) = rows.iter().find(|row| row.room == room.package) else {
        let what = format!("`{}` has no row in {TABLE_PATH}'s table: add one", room.package);
        return vec![Problem::new(&room.manifest, what)];
    };
    let floor = |name: &str| rows.iter().find(|row| row.room == name).map(|row| row.floor);
    let needs: Vec<&str> = room.needs.iter().map(String::as_str).filter(|need| ours.contains(need)).collect();
    let mut found = Vec::new();
    for need in &needs {
        let telemetry = *need == SDK && row.floor >= SDK_FLOOR_MIN;
        if !telemetry && !row.imports.allow(need) {
            let what = format!("`{}` may not import `{need}` (table in {TABLE_PATH})", room.package);
            found.push(Problem::new(&room.manifest, what));
        }
        if !telemetry && floor(need).is_some_and(|below| below >= row.floor) {
            let what = format!("`{need}` is not on a floor below `{}`: imports go down", room.package);
            found.push(Problem::new(&room.manifest, what));
        }
    }
    if let Imports::Named(named) = &row.imports {
        // Whether a room says something about itself is its own affair.
        let unused = named.iter().filter(|name| *name != SDK && !needs.contains(&name.as_str()));
        found.extend(unused.map(|name| {
            let what = format!("`{}` does not import `{name}`: strike it from the row", room.package);
            Problem::at(TABLE_PATH, row.line, what)
        }));
    }
    found
}

fn borders(room: &Room) -> Vec<Problem> {
    let crossed = |need: &String| {
        let family = |name: &str| *need == name || need.starts_with(&format!("{name}-"));
        let border = BORDERS.iter().find(|(families, _)| families.iter().any(|name| family(name)))?;
        let may = border.1;
        let what = || format!("only `{}` may depend on `{need}`", may.join("` and `"));
        (!may.contains(&room.package.as_str())).then(|| Problem::new(&room.manifest, what()))
    };
    room.needs.iter().filter_map(crossed).collect()
}

fn sdk_budget(house: &House) -> Result<Vec<Problem>> {
    let Some(sdk) = house.rooms.iter().find(|room| room.package == SDK) else {
        return Ok(Vec::new());
    };
    let arguments = ["tree", "--package", SDK, "--edges=normal,no-proc-macro", "--prefix=none"];
    let tree = output(&house.root, &cargo(), &arguments)?;
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    if crates.len() <= SDK_CRATES_MAX {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = crates.iter().copied().collect();
    let what =
        format!("the SDK brings {} crates, at most {SDK_CRATES_MAX}: {}", names.len(), names.join(", "));
    Ok(vec![Problem::new(&sdk.manifest, what)])
}

#[cfg(test)]
mod tests;
