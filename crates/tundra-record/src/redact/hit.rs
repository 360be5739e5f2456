//! What the finders report, how overlapping reports become one, and the buffers they share. Used by the engine
//! and every finder; never holds text beyond the call.

use super::fold::Folded;
use super::rule::Rule;

/// A stretch of a text that a rule matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// First byte.
    pub(super) start: usize,
    /// Byte after the last.
    pub(super) end: usize,
    /// Number of the rule.
    pub(super) rule: u16,
}

impl Hit {
    pub(super) fn new(start: usize, end: usize, rule: Rule) -> Self {
        Self { start, end, rule: rule.index() }
    }
}

/// Buffers reused from text to text, so that looking at a clean text allocates nothing once they are warm.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// What was found so far.
    pub(super) hits: Vec<Hit>,
    /// The hit that reaches furthest.
    reach: (usize, usize),
    /// Ends of words that announce a phone number.
    pub(super) phone_words: Vec<usize>,
    /// Ends of words that announce a US social security number.
    pub(super) ssn_words: Vec<usize>,
    /// Ends of words that announce a version.
    pub(super) version_words: Vec<usize>,
    /// Ends of user and password in URLs; an `@` there is no e-mail address.
    pub(super) credentials: Vec<usize>,
    /// Digit groups of the number under examination.
    pub(super) groups: Vec<(usize, usize)>,
    /// The text with its escapes unpacked, a layer at a time.
    pub(super) folded: Vec<Folded>,
    /// Bytes examined, for the tests that prove linear work.
    pub(super) work: u64,
}

impl Scratch {
    /// Forgets what belonged to the previous text.
    pub(super) fn clear_words(&mut self) {
        self.phone_words.clear();
        self.ssn_words.clear();
        self.version_words.clear();
        self.credentials.clear();
        self.reach = (0, 0);
    }

    pub(super) fn push(&mut self, start: usize, end: usize, rule: Rule) {
        self.hits.push(Hit::new(start, end, rule));
        if end > self.reach.1 {
            self.reach = (start, end);
        }
    }

    /// Whether `at` lies inside a hit, so that a finder need not look there again: without this, values that
    /// reach to the end of a text would be measured again for every word in them.
    pub(super) fn covered(&self, at: usize) -> bool {
        (self.reach.0..self.reach.1).contains(&at)
    }

    /// The same, but not where the hit begins: another rule may know better what it is.
    pub(super) fn covered_inside(&self, at: usize) -> bool {
        at != self.reach.0 && self.covered(at)
    }
}

/// Whether one of `ends` (rising) lies at most `reach` bytes before `at`.
pub(super) fn announced(ends: &[usize], at: usize, reach: usize) -> bool {
    let after = ends.partition_point(|end| *end <= at);
    after > 0 && at - ends[after - 1] <= reach
}

/// Leftmost first, longest first where two begin together; what overlaps is joined, under the first one's rule.
pub(super) fn merge(hits: &mut Vec<Hit>) {
    if hits.len() < 2 {
        return;
    }
    hits.sort_unstable_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)).then(b.rule.cmp(&a.rule)));
    let mut kept = 0;
    for at in 1..hits.len() {
        let next = hits[at];
        if next.start < hits[kept].end {
            hits[kept].end = hits[kept].end.max(next.end);
        } else {
            kept += 1;
            hits[kept] = next;
        }
    }
    hits.truncate(kept + 1);
}
