//! Redacting JSON as JSON: every string and number by itself, with its name in mind, and nothing else of the
//! text touched. Called by the engine for texts that are JSON.

use super::super::config::Action;
use super::super::field::{Field, Treatment};
use super::super::hit::Scratch;
use super::super::json::{Kind, Leaf, decode, encode};
use super::super::rule::Rule;
use super::{Dropped, Redactor, Verdict};

impl Redactor {
    /// One round; `None` if nothing changes. What is found only across leaves takes its leaves as a whole.
    pub(super) fn rewrite_json(
        &self,
        text: &str,
        field: Field,
        leaves: &[Leaf],
        layer: usize,
        scratch: &mut Scratch,
        found: &mut Vec<u16>,
    ) -> Result<Option<Edited>, Dropped> {
        let hits = std::mem::take(&mut scratch.hits);
        let mut edit = Edit { text, out: String::new(), from: 0, names: false };
        let mut treatments: Vec<Treatment> = Vec::new();
        for leaf in leaves {
            let under = leaf.name.map_or(Treatment::Scan(field), |at| treatments[at]);
            let content = &text[leaf.start..leaf.end];
            if leaf.kind == Kind::Name {
                let decoded = decode(content);
                let own = self.treatment(&decoded);
                treatments.push(match (own, under) {
                    (Treatment::Secret(_), _) => own,
                    (_, Treatment::Secret(rule)) => Treatment::Secret(rule),
                    _ => own,
                });
            }
            let new = match leaf.kind {
                Kind::Name => self.leaf(content, Treatment::Scan(Field::NUMBER), layer, scratch, found)?,
                Kind::Text => self.leaf(content, under, layer, scratch, found)?,
                Kind::Number => self.number_leaf(content, under, scratch, found)?,
            };
            if let Some(new) = new {
                edit.replace(leaf, &new);
            }
        }
        if edit.from > 0 || hits.is_empty() {
            return Ok(edit.finish());
        }
        let mut next = 0;
        for leaf in leaves {
            while next < hits.len() && hits[next].end <= leaf.start {
                next += 1;
            }
            let under = match leaf.kind {
                Kind::Name => Treatment::Scan(Field::NUMBER),
                _ => leaf.name.map_or(Treatment::Scan(field), |at| treatments[at]),
            };
            let within = hits[next..].iter().take_while(|hit| hit.start < leaf.end);
            if let Some(hit) = within.filter(|hit| !is_exempt(hit.rule, under)).min_by_key(|hit| hit.start) {
                found.push(hit.rule);
                if self.action(hit.rule) == Action::Drop {
                    return Err(Dropped);
                }
                edit.replace(leaf, &self.labels[usize::from(hit.rule)]);
            }
        }
        Ok(edit.finish())
    }

    /// The new content of a string, decoded.
    fn leaf(
        &self,
        content: &str,
        treatment: Treatment,
        layer: usize,
        scratch: &mut Scratch,
        found: &mut Vec<u16>,
    ) -> Result<Option<String>, Dropped> {
        let decoded = decode(content);
        let verdict = match treatment {
            Treatment::Scan(field) => self.look_in(&decoded, field, layer + 1, scratch, found),
            Treatment::Secret(rule) => self.look_secret(&decoded, rule, scratch, found),
            Treatment::Token if self.is_secret_token(&decoded) => {
                self.look_secret(&decoded, Rule::Secret, scratch, found)
            }
            Treatment::Token => self.look_in(&decoded, Field::NUMBER, layer + 1, scratch, found),
            Treatment::Identity => self.look_identity(&decoded, scratch, found),
        };
        match verdict {
            Verdict::Clean => Ok(None),
            Verdict::Changed(new) => Ok(Some(new)),
            Verdict::Dropped => Err(Dropped),
        }
    }

    /// A bare number: secret by its name, or a payment card.
    fn number_leaf(
        &self,
        content: &str,
        treatment: Treatment,
        scratch: &mut Scratch,
        found: &mut Vec<u16>,
    ) -> Result<Option<String>, Dropped> {
        match treatment {
            Treatment::Scan(_) | Treatment::Secret(_) => self.leaf(content, treatment, 0, scratch, found),
            Treatment::Token | Treatment::Identity => Ok(None),
        }
    }
}

/// Whether a name says that its value cannot be what the rule takes it for.
fn is_exempt(rule: u16, under: Treatment) -> bool {
    let number = rule == Rule::Card.index() || rule == Rule::Phone.index();
    match under {
        Treatment::Scan(field) => {
            number && field.has(Field::NUMBER) || rule == Rule::Ip.index() && field.has(Field::VERSION)
        }
        Treatment::Token | Treatment::Identity => number,
        Treatment::Secret(_) => false,
    }
}

/// A copy of the text with some leaves replaced.
struct Edit<'t> {
    text: &'t str,
    out: String,
    from: usize,
    names: bool,
}

/// A text of which some leaves were replaced, and whether names were among them: what a name says about its
/// value may then have changed.
pub(super) struct Edited {
    pub(super) text: String,
    pub(super) names: bool,
}

impl Edit<'_> {
    fn replace(&mut self, leaf: &Leaf, new: &str) {
        self.names |= leaf.kind == Kind::Name;
        self.out.push_str(&self.text[self.from..leaf.start]);
        if leaf.kind == Kind::Number {
            self.out.push('"');
        }
        encode(new, &mut self.out);
        if leaf.kind == Kind::Number {
            self.out.push('"');
        }
        self.from = leaf.end;
    }

    fn finish(mut self) -> Option<Edited> {
        if self.from == 0 {
            return None;
        }
        self.out.push_str(&self.text[self.from..]);
        Some(Edited { text: self.out, names: self.names })
    }
}
