//! Reads the table "Who may import whom" out of a markdown text: the one with the columns `room`, `floor` and
//! `may import`. Short names stand for packages: `record` for `tundra-record`, `the SDK` for `tundra-sdk`.

/// The package that applications depend on.
pub(crate) const SDK: &str = "tundra-sdk";

/// One room's row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The package.
    pub(crate) room: String,
    /// From 1, the ground.
    pub(crate) floor: u8,
    /// What it may import.
    pub(crate) imports: Imports,
    /// Where the row stands, from 1.
    pub(crate) line: usize,
}

/// What a room may import of ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Imports {
    /// Exactly these, and all of them are in use.
    Named(Vec<String>),
    /// Whatever it likes; for the room that wires the others.
    All,
}

impl Imports {
    /// Whether `package` is among them.
    pub(crate) fn allow(&self, package: &str) -> bool {
        match self {
            Self::Named(named) => named.iter().any(|name| name == package),
            Self::All => true,
        }
    }
}

/// All rows, or what is wrong with the table.
pub(crate) fn parse(markdown: &str) -> Result<Vec<Row>, String> {
    let mut lines = markdown.lines().enumerate();
    let columns = lines.find_map(|(_, line)| Columns::of(&cells(line)));
    let columns = columns.ok_or("no table with the columns `room`, `floor` and `may import`")?;
    let rows = lines.skip(1).take_while(|(_, line)| line.starts_with('|'));
    rows.map(|(index, line)| columns.row(&cells(line), index + 1)).collect()
}

struct Columns {
    room: usize,
    floor: usize,
    imports: usize,
}

impl Columns {
    fn of(head: &[String]) -> Option<Self> {
        let column = |name: &str| head.iter().position(|cell| cell == name);
        Some(Self { room: column("room")?, floor: column("floor")?, imports: column("may import")? })
    }

    fn row(&self, cells: &[String], line: usize) -> Result<Row, String> {
        let cell =
            |at: usize| cells.get(at).map(String::as_str).ok_or(format!("line {line}: a cell is missing"));
        let floor = cell(self.floor)?;
        Ok(Row {
            room: package(cell(self.room)?),
            floor: floor.parse().map_err(|_| format!("line {line}: `{floor}` is not a floor"))?,
            imports: imports(cell(self.imports)?),
            line,
        })
    }
}

fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn imports(cell: &str) -> Imports {
    let parts: Vec<&str> = cell.split([',', ';']).map(str::trim).collect();
    if parts.iter().any(|part| part.starts_with("all ")) {
        return Imports::All;
    }
    // `the SDK, to trace itself` leaves a half sentence behind the comma.
    let names = parts.iter().filter(|part| !part.is_empty() && !part.starts_with("nothing"));
    Imports::Named(names.filter(|part| !part.starts_with("to ")).map(|part| package(part)).collect())
}

/// The package that a name in the table stands for: `` `tundra` (package `tundra-sdk`) `` is `tundra-sdk`.
fn package(cell: &str) -> String {
    let inside = cell.split_once("(package ").map(|(_, inside)| inside.trim_end_matches(')'));
    let name = inside.unwrap_or_else(|| cell.split(" (").next().unwrap_or(cell));
    match name.replace('`', "").trim() {
        "record" => "tundra-record".to_owned(),
        "wire" => "tundra-wire".to_owned(),
        "the SDK" | "SDK" | "tundra" => SDK.to_owned(),
        other => other.to_owned(),
    }
}
