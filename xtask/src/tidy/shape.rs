//! The shape of the tree: opening comments, no `mod.rs`, flat folders, honest names, lints switched on.

use super::Problem;
use crate::house::{File, House};
use std::path::Path;

/// Folders below `src`.
const SRC_DEPTH_MAX: usize = 2;
/// Such a name says who uses it, not what it is.
const NAMES_BANNED: [&str; 9] =
    ["core", "common", "util", "utils", "types", "helper", "helpers", "misc", "prelude"];
/// As a crate, this too; as a module an `error.rs` per door is fine.
const CRATES_BANNED: [&str; 1] = ["error"];

/// Whatever does not have the shape.
pub(crate) fn check(house: &House) -> Vec<Problem> {
    let files = house.rust().flat_map(file);
    let rooms = house.rooms.iter().flat_map(|room| {
        let banned =
            |name: &&String| [&NAMES_BANNED[..], &CRATES_BANNED[..]].concat().contains(&name.as_str());
        let named = [&room.package, &room.folder].into_iter().find(banned);
        let named = named.map(|name| format!("`{name}` says nothing as a crate's name: name what it is"));
        let manifest = house.file(&room.manifest).map_or("", |file| file.text.as_str());
        let lints = !manifest.contains("[lints]\nworkspace = true");
        let lints = lints.then(|| "add `[lints]` with `workspace = true`".to_owned());
        named.into_iter().chain(lints).map(|what| Problem::new(&room.manifest, what))
    });
    files.chain(rooms).collect()
}

fn file(file: &File) -> Vec<Problem> {
    let mut found = Vec::new();
    if !file.text.trim_start_matches("#!/usr/bin/env").trim_start().starts_with("//!") {
        let what = "open with `//!`: what lives here, who calls it, what it must never do";
        found.push(Problem::at(&file.path, 1, what));
    }
    let path = Path::new(&file.path);
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if stem == "mod" {
        found.push(Problem::new(&file.path, "no `mod.rs`: put `foo.rs` beside `foo/`"));
    }
    if NAMES_BANNED.contains(&stem) {
        found.push(Problem::new(&file.path, format!("`{stem}` says nothing as a module: name what it is")));
    }
    if let Some((_, inside)) = file.path.split_once("/src/")
        && inside.matches('/').count() > SRC_DEPTH_MAX
    {
        found.push(Problem::new(&file.path, format!("deeper than {SRC_DEPTH_MAX} folders under `src`")));
    }
    found
}

#[cfg(test)]
mod tests;
