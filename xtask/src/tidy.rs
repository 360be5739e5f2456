//! The house rules as code: each check is a function from the house to problems. `cargo xtask tidy` and the test
//! `the_house_is_tidy` run them all. A rule without a check here is a wish. No check may change a file.

mod imports;
mod links;
mod ratchet;
mod rust_text;
mod shape;
mod sizes;
mod traces;
mod words;

use crate::house::House;
use anyhow::Result;
use std::fmt;

/// One thing to put right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where: a path, with the line if there is one.
    place: String,
    /// What is wrong and what to do.
    what: String,
}

impl Problem {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }

    fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), what)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Everything that is wrong with the house.
pub(crate) fn problems(house: &House) -> Result<Vec<Problem>> {
    let mut found = Vec::new();
    found.extend(sizes::check(house));
    found.extend(shape::check(house));
    found.extend(imports::check(house)?);
    found.extend(words::check(house));
    found.extend(traces::check(house));
    found.extend(links::check(house));
    Ok(found)
}

/// Lowers the ratchet to what is measured.
pub(crate) fn shrink(house: &House) -> Result<()> {
    sizes::shrink(house)
}

#[cfg(test)]
mod tests;
