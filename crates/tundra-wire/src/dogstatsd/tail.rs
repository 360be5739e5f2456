//! The optional sections of a line, in any order: `#tags`, `@rate`, `c:`, `e:`, `card:`, `T`, and those of events and
//! checks. Unknown sections are ignored, as Datadog's agent does.

use super::BAD;
use crate::budget::{Budget, Fault};
use std::borrow::Cow;
use tundra_record::{Attrs, UnixNanos, Value};

/// The container's id.
pub(super) const CONTAINER: &str = "c:";
/// What a container's environment says about it.
pub(super) const EXTERNAL: &str = "e:";
/// The host an event or check is about.
pub(super) const HOST: &str = "h:";

/// What the sections said.
#[derive(Debug, Default)]
pub(super) struct Tail<'a> {
    /// Tags as labels; a tag without a value has an empty one.
    pub(super) tags: Attrs<'a>,
    /// Other sections by their prefix, without those that have a field here.
    pub(super) fields: Attrs<'a>,
    /// One over the sample rate.
    pub(super) weight: f64,
    /// When, if said.
    pub(super) time: Option<UnixNanos>,
}

/// The prefixes that are kept as they are. Longer ones come first where one begins another.
const KEPT: [&str; 9] = ["card:", CONTAINER, EXTERNAL, HOST, "k:", "p:", "s:", "t:", "m:"];

impl<'a> Tail<'a> {
    pub(super) fn read(sections: Option<&'a str>, budget: &mut Budget) -> Result<Self, Fault> {
        let mut tail = Self { weight: 1.0, ..Self::default() };
        for section in sections.into_iter().flat_map(|sections| sections.split('|')) {
            tail.section(section, budget)?;
        }
        Ok(tail)
    }

    fn section(&mut self, section: &'a str, budget: &mut Budget) -> Result<(), Fault> {
        if let Some(tags) = section.strip_prefix('#') {
            return self.add_tags(tags, budget);
        }
        if let Some(rate) = section.strip_prefix('@') {
            let rate: f64 = rate.parse().map_err(|_| BAD)?;
            if !(rate > 0.0 && rate.is_finite()) {
                return Err(BAD);
            }
            self.weight = 1.0 / rate.min(1.0);
        } else if let Some(seconds) = section.strip_prefix('T').or_else(|| section.strip_prefix("d:")) {
            let seconds: i64 = seconds.parse().map_err(|_| BAD)?;
            self.time = Some(UnixNanos(seconds.max(0).saturating_mul(1_000_000_000)));
        } else if let Some(prefix) = KEPT.into_iter().find(|prefix| section.starts_with(prefix)) {
            budget.attr(self.fields.len(), section.len(), 0)?;
            self.fields.push((Cow::Borrowed(prefix), Value::from(&section[prefix.len()..])));
        }
        Ok(())
    }

    fn add_tags(&mut self, tags: &'a str, budget: &mut Budget) -> Result<(), Fault> {
        for tag in tags.split(',').filter(|tag| !tag.is_empty()) {
            let (key, value) = tag.split_once(':').unwrap_or((tag, ""));
            budget.attr(self.tags.len(), tag.len(), 0)?;
            self.tags.push((Cow::Borrowed(key), Value::from(value)));
        }
        Ok(())
    }
}
