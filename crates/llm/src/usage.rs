//! Token counts as a dialect tells them, and how they become inclusive totals with a provenance. Used by every
//! dialect, by `raw` and by `chat`. Unknown is never zero here.

use tundra_record::llm::{Provenance, Usage};

/// What one source said about tokens, before it is known whether its totals are inclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) input: Option<u64>,
    pub(crate) cache_read: Option<u64>,
    pub(crate) cache_write: Option<u64>,
    pub(crate) cache_write_5m: Option<u64>,
    pub(crate) cache_write_1h: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) reasoning: Option<u64>,
    /// Input and output together, for clients that say nothing finer about one of the two.
    pub(crate) total: Option<u64>,
    /// Whether `input` leaves out cache reads and writes.
    pub(crate) exclusive: bool,
    /// Whether `output` leaves out reasoning.
    pub(crate) reasoning_apart: bool,
    /// Whether the numbers are a guess of the client.
    pub(crate) estimated: bool,
}

impl Counts {
    /// Whether anything was said.
    pub(crate) fn any(&self) -> bool {
        self.input.or(self.output).or(self.cache_read).or(self.reasoning).or(self.total).is_some()
    }

    /// Inclusive totals. A cache count larger than the input it should be part of proves that the client counts
    /// exclusively, whatever its convention says; likewise reasoning and output.
    pub(crate) fn usage(mut self) -> Usage {
        let mut derived = false;
        if self.cache_write.is_none() && (self.cache_write_5m.is_some() || self.cache_write_1h.is_some()) {
            self.cache_write = Some(sum(self.cache_write_5m, self.cache_write_1h));
            derived = true;
        }
        if let (Some(input), Some(total)) = (self.input, self.total)
            && self.output.is_none()
            && total >= input
        {
            self.output = Some(total - input);
            derived = true;
        } else if let (None, Some(output), Some(total)) = (self.input, self.output, self.total)
            && let Some(input) = total.checked_sub(output)
        {
            self.input = Some(input);
            derived = true;
        }
        let cached = sum(self.cache_read, self.cache_write);
        if let Some(input) = self.input
            && cached > 0
            && (self.exclusive || cached > input)
        {
            self.input = Some(input.saturating_add(cached));
            derived = true;
        }
        if let (Some(output), Some(reasoning)) = (self.output, self.reasoning)
            && reasoning > 0
            && (self.reasoning_apart || reasoning > output)
        {
            self.output = Some(output.saturating_add(reasoning));
            derived = true;
        }
        let provenance = match (self.any(), self.estimated, derived) {
            (false, ..) => Provenance::Unknown,
            (_, true, _) => Provenance::Estimated,
            (_, _, true) => Provenance::Derived,
            _ => Provenance::Reported,
        };
        Usage {
            input: self.input,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            cache_write_1h: self.cache_write_1h,
            output: self.output,
            reasoning: self.reasoning,
            provenance,
        }
    }

    /// Fills what is missing here from the raw response of the same call; what was said already stays.
    pub(crate) fn fill_from(&mut self, raw: &Counts) {
        if self.input.is_none() {
            (self.input, self.exclusive) = (raw.input, raw.exclusive);
        }
        if self.output.is_none() {
            (self.output, self.reasoning_apart) = (raw.output, raw.reasoning_apart);
        }
        self.cache_read = self.cache_read.or(raw.cache_read);
        self.cache_write = self.cache_write.or(raw.cache_write);
        self.cache_write_5m = self.cache_write_5m.or(raw.cache_write_5m);
        self.cache_write_1h = self.cache_write_1h.or(raw.cache_write_1h);
        self.reasoning = self.reasoning.or(raw.reasoning);
    }
}

fn sum(one: Option<u64>, two: Option<u64>) -> u64 {
    one.unwrap_or(0).saturating_add(two.unwrap_or(0))
}

#[cfg(test)]
mod tests;
