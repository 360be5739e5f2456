//! The house itself, and small made-up houses for the checks' own tests.

use super::problems;
use crate::house::{File, House, Room};
use std::path::PathBuf;

/// A house of these files.
pub(crate) fn house(files: &[(&str, &str)]) -> House {
    House {
        root: PathBuf::new(),
        files: files.iter().map(|(path, text)| file(path, text)).collect(),
        paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
        rooms: Vec::new(),
    }
}

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

/// A room in `crates/`, its package named as its folder unless told otherwise.
pub(crate) fn room(package: &str, folder: &str, needs: &[&str]) -> Room {
    Room {
        package: package.to_owned(),
        folder: folder.to_owned(),
        manifest: format!("crates/{folder}/Cargo.toml"),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
    }
}

#[test]
fn the_house_is_tidy() {
    let house = House::open().expect("the repository can be read");
    let problems = problems(&house).expect("every check can run");
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "`cargo xtask tidy` says:\n{}", told.join("\n"));
}
