//! Nothing committed may tell on which machine it was made: no machine paths, no registry addresses in lock files.

use super::Problem;
use crate::house::{File, House};

/// Whatever gives a machine away.
pub(crate) fn check(house: &House) -> Vec<Problem> {
    house.files.iter().flat_map(in_file).collect()
}

fn in_file(file: &File) -> Vec<Problem> {
    let lines = file.text.lines().enumerate();
    let told = lines.filter_map(|(index, line)| {
        let what = machine_path(line).or_else(|| registry(&file.path, line))?;
        Some(Problem::at(&file.path, index + 1, what))
    });
    told.collect()
}

/// Folders that exist on one machine only. Pieced together so that this file does not tell on itself.
fn machine_path(line: &str) -> Option<String> {
    let folders = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/bash_", "jobs")];
    let begins =
        |at: usize| line[..at].bytes().next_back().is_none_or(|b| !b.is_ascii_alphanumeric() && b != b'.');
    let found = folders.iter().find(|folder| line.match_indices(**folder).any(|(at, _)| begins(at)))?;
    Some(format!("the machine's path `{found}`: use a relative path"))
}

fn registry(path: &str, line: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let line = line.trim_start();
    let told = match name {
        // The lock must install from whichever registry the reader has.
        "package-lock.json" | "npm-shrinkwrap.json" => line.starts_with("\"resolved\": \"http"),
        "Cargo.lock" => {
            line.starts_with("source = ") && !line.contains("github.com/rust-lang/crates.io-index")
        }
        ".npmrc" | "pip.conf" => line.contains("://"),
        "config.toml" if path.contains(".cargo/") => line.contains("://"),
        _ if name.ends_with(".txt") => {
            line.starts_with("--index-url") || line.starts_with("--extra-index-url")
        }
        _ => false,
    };
    told.then(|| "a registry's address: leave it to each machine's own settings".to_owned())
}

#[cfg(test)]
mod tests;
