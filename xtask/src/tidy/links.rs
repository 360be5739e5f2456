//! Markdown links to files of the repository must lead somewhere. Addresses on the web are not followed.

use super::Problem;
use crate::house::{File, House};
use std::path::{Component, Path, PathBuf};

/// Links that lead nowhere.
pub(crate) fn check(house: &House) -> Vec<Problem> {
    let texts = house.files.iter().filter(|file| file.path.ends_with(".md"));
    texts.flat_map(|file| dead(house, file)).collect()
}

fn dead(house: &House, file: &File) -> Vec<Problem> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let dead = targets(line).into_iter().filter(|target| !leads(house, &file.path, target));
        found.extend(
            dead.map(|target| Problem::at(&file.path, index + 1, format!("`{target}` does not exist"))),
        );
    }
    found
}

/// What stands in the round brackets of `[text](target)`.
fn targets(line: &str) -> Vec<&str> {
    let links = line.split("](").skip(1);
    links.filter_map(|rest| rest.split([')', ' ']).next()).collect()
}

fn leads(house: &House, from: &str, target: &str) -> bool {
    let path = target.split('#').next().unwrap_or_default();
    if path.is_empty() || path.contains(':') {
        return true;
    }
    let folder = Path::new(from).parent().unwrap_or(Path::new(""));
    let Some(goal) = plain(&folder.join(path)) else { return false };
    let goal = goal.to_string_lossy().into_owned();
    let inside = format!("{goal}/");
    house.paths.iter().any(|path| *path == goal || path.starts_with(&inside))
}

/// The path without `.` and `..`; nothing if it leaves the repository.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(out.pop().then_some(())?),
            Component::Normal(name) => out.push(name),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests;
