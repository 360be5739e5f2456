//! The redactor: looks at one text, decides, rewrites. Built once and shared; `pass` calls it for every text
//! of a record, the SDK and others call [`Redactor::text`] for loose texts.
//!
//! A text that changed is looked at again until nothing is found in it, so the result is clean by construction
//! and redacting it again changes nothing.

use super::config::{Action, RedactConfig, RuleError};
use super::field::{Field, Treatment, folded_name, treatment};
use super::fold;
use super::gate::{Custom, Gate};
use super::hit::{Hit, Scratch, merge};
use super::json;
use super::keyed::{Keyed, label_of};
use super::limits::{CUSTOM_RULES_MAX, JSON_LAYERS_MAX, ROUNDS_MAX};
use super::rule::{RULES, Rule};
use super::shape;

const DROPPED: &str = "[DROPPED]";

/// The rules, compiled. `Send` and `Sync`; share it behind an `Arc`.
#[derive(Debug)]
pub struct Redactor {
    ids: Vec<String>,
    labels: Vec<String>,
    actions: Vec<Action>,
    secret_names: Vec<String>,
    gate: Gate,
    key: Option<Keyed>,
    text_bytes_max: usize,
}

/// What came of looking at a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Clean,
    Changed(String),
    Dropped,
}

impl Redactor {
    /// Compiles the rules; takes some milliseconds.
    pub fn new(config: &RedactConfig) -> Result<Self, RuleError> {
        if config.custom.len() > CUSTOM_RULES_MAX {
            return Err(RuleError::TooMany { count: config.custom.len(), limit: CUSTOM_RULES_MAX });
        }
        let mut ids: Vec<String> = RULES.iter().map(|(_, id, _)| (*id).to_owned()).collect();
        let mut labels: Vec<String> = RULES.iter().map(|(_, _, label)| format!("[{label}]")).collect();
        let mut custom = Vec::new();
        for rule in &config.custom {
            let label = format!("[{}]", rule.label);
            if ids.contains(&rule.id) || labels.contains(&label) || label == DROPPED {
                return Err(RuleError::Duplicate { id: rule.id.clone() });
            }
            custom.push(Custom::new(rule, ids.len())?);
            ids.push(rule.id.clone());
            labels.push(label);
        }
        let key = config.hash_key.as_ref().map(Keyed::new).transpose()?;
        let actions = actions(config, &ids, key.is_some())?;
        let redactor = Self {
            gate: Gate::new(custom)?,
            secret_names: config.secret_names.iter().map(|name| folded_name(name)).collect(),
            text_bytes_max: config.text_bytes_max,
            ids,
            labels,
            actions,
            key,
        };
        redactor.check_labels()?;
        Ok(redactor)
    }

    /// Id and label of every rule, the user's own included.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ids.iter().zip(&self.labels).map(|(id, label)| (id.as_str(), label.as_str()))
    }

    /// The redacted text, or `None` if the text is clean. A text that a rule drops becomes `[DROPPED]`.
    pub fn text(&self, text: &str) -> Option<String> {
        match self.look(text, Field::PLAIN, &mut Scratch::default(), &mut Vec::new()) {
            Verdict::Clean => None,
            Verdict::Changed(text) => Some(text),
            Verdict::Dropped => Some(DROPPED.to_owned()),
        }
    }

    /// What is stored for an identity (`user.id`, ...), so that a query can ask for it: `None` if it is stored
    /// as it is.
    pub fn identity(&self, text: &str) -> Option<String> {
        match self.look_identity(text, &mut Scratch::default(), &mut Vec::new()) {
            Verdict::Clean => None,
            Verdict::Changed(text) => Some(text),
            Verdict::Dropped => Some(DROPPED.to_owned()),
        }
    }

    pub(super) fn rule_count(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn rule_id(&self, at: usize) -> &str {
        &self.ids[at]
    }

    pub(super) fn label_of(&self, rule: Rule) -> &'static str {
        // Only for rules that always become their label.
        match rule {
            Rule::Oversize => "[OVERSIZE]",
            _ => "[UNSCANNABLE]",
        }
    }

    pub(super) fn dropped(&self) -> &'static str {
        DROPPED
    }

    /// Shorter texts cannot match any rule.
    pub(super) fn shortest(&self) -> usize {
        self.gate.shortest()
    }

    pub(super) fn treatment(&self, name: &str) -> Treatment {
        match treatment(name, &self.secret_names) {
            Treatment::Secret(rule) if self.action(rule.index()) == Action::Off => {
                Treatment::Scan(Field::PLAIN)
            }
            other => other,
        }
    }

    /// Whether the value of a field called `token` is a credential and not a word or a number.
    pub(super) fn is_secret_token(&self, text: &str) -> bool {
        self.action(Rule::Secret.index()) != Action::Off && shape::is_opaque(text)
    }

    /// Looks at a text; the numbers of the rules that matched are appended to `found`.
    pub(super) fn look(
        &self,
        text: &str,
        field: Field,
        scratch: &mut Scratch,
        found: &mut Vec<u16>,
    ) -> Verdict {
        self.look_in(text, field, 0, scratch, found)
    }

    /// An identity that a rule matches becomes a keyed hash as a whole (a label if there is no key).
    pub(super) fn look_identity(&self, text: &str, scratch: &mut Scratch, found: &mut Vec<u16>) -> Verdict {
        if self.is_replaced(text) {
            return Verdict::Clean;
        }
        if text.len() > self.text_bytes_max {
            return self.oversize(found);
        }
        self.detect(text, Field::IDENTITY, scratch);
        let Some(hit) = scratch.hits.first() else { return Verdict::Clean };
        let rule = hit.rule;
        found.push(rule);
        let mut out = String::new();
        match (&self.key, self.action(rule)) {
            (_, Action::Drop) => return Verdict::Dropped,
            (Some(key), _) => key.write(self.bare_label(rule), text, &mut out),
            (None, _) => out.push_str(&self.labels[usize::from(rule)]),
        }
        Verdict::Changed(out)
    }

    /// The value under a name that is secret. Masked values and our own labels stay.
    pub(super) fn look_secret(
        &self,
        text: &str,
        rule: Rule,
        scratch: &mut Scratch,
        found: &mut Vec<u16>,
    ) -> Verdict {
        if self.is_replaced(text) {
            return Verdict::Clean;
        }
        if shape::is_masked(text) {
            return self.look(text, Field::PLAIN, scratch, found);
        }
        found.push(rule.index());
        let mut out = String::new();
        match self.action(rule.index()) {
            Action::Drop => Verdict::Dropped,
            _ => {
                self.replace(Hit::new(0, text.len(), rule), text, &mut out);
                Verdict::Changed(out)
            }
        }
    }

    fn look_in(
        &self,
        text: &str,
        field: Field,
        layer: usize,
        scratch: &mut Scratch,
        found: &mut Vec<u16>,
    ) -> Verdict {
        if text.len() > self.text_bytes_max {
            return self.oversize(found);
        }
        let mut current: Option<String> = None;
        // Whether every leaf of the text, being JSON, was brought to rest in an earlier round.
        let mut leaves_rest = false;
        for _ in 0..ROUNDS_MAX {
            let now = current.as_deref().unwrap_or(text);
            scratch.hits.clear();
            let seen = self.gate.find(now, field, scratch);
            self.settle(scratch);
            let suspect = !scratch.hits.is_empty() || seen.folds || seen.names;
            let leaves = if suspect && layer < JSON_LAYERS_MAX { json::leaves(now) } else { None };
            let next = match leaves {
                Some(_) if leaves_rest && scratch.hits.is_empty() => None,
                Some(leaves) => match self.rewrite_json(now, field, &leaves, layer, scratch, found) {
                    Ok(Some(edited)) => {
                        leaves_rest = !edited.names;
                        Some(edited.text)
                    }
                    Ok(None) => None,
                    Err(Dropped) => return Verdict::Dropped,
                },
                None => {
                    if seen.folds {
                        fold::find(&self.gate, now, field, scratch);
                        self.settle(scratch);
                    }
                    if scratch.hits.iter().any(|hit| self.action(hit.rule) == Action::Drop) {
                        found.extend(scratch.hits.iter().map(|hit| hit.rule));
                        return Verdict::Dropped;
                    }
                    self.splice(now, &scratch.hits, found)
                }
            };
            match next {
                Some(next) => current = Some(next),
                None => return current.map_or(Verdict::Clean, Verdict::Changed),
            }
        }
        found.push(Rule::Unscannable.index());
        let label = self.label_of(Rule::Unscannable);
        let is_json = json::leaves(text).is_some();
        Verdict::Changed(if is_json { format!("\"{label}\"") } else { label.to_owned() })
    }

    /// Fills `scratch.hits` with what the active rules find in the text and under its escapes.
    fn detect(&self, text: &str, field: Field, scratch: &mut Scratch) {
        scratch.hits.clear();
        if self.gate.find(text, field, scratch).folds {
            fold::find(&self.gate, text, field, scratch);
        }
        self.settle(scratch);
    }

    /// Leaves out what rules found that are off, and joins what overlaps.
    fn settle(&self, scratch: &mut Scratch) {
        if !scratch.hits.is_empty() {
            scratch.hits.retain(|hit| self.action(hit.rule) != Action::Off);
            merge(&mut scratch.hits);
        }
    }

    /// Replaces the hits; `None` if there are none.
    fn splice(&self, text: &str, hits: &[Hit], found: &mut Vec<u16>) -> Option<String> {
        if hits.is_empty() {
            return None;
        }
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for hit in hits {
            out.push_str(&text[from..hit.start]);
            self.replace(*hit, text, &mut out);
            found.push(hit.rule);
            from = hit.end;
        }
        out.push_str(&text[from..]);
        Some(out)
    }

    fn replace(&self, hit: Hit, text: &str, out: &mut String) {
        match (self.action(hit.rule), &self.key) {
            (Action::Hash, Some(key)) => key.write(self.bare_label(hit.rule), &text[hit.start..hit.end], out),
            _ => out.push_str(&self.labels[usize::from(hit.rule)]),
        }
    }

    fn oversize(&self, found: &mut Vec<u16>) -> Verdict {
        found.push(Rule::Oversize.index());
        match self.action(Rule::Oversize.index()) {
            Action::Drop => Verdict::Dropped,
            _ => Verdict::Changed(self.label_of(Rule::Oversize).to_owned()),
        }
    }

    fn action(&self, rule: u16) -> Action {
        self.actions[usize::from(rule)]
    }

    fn bare_label(&self, rule: u16) -> &str {
        self.labels[usize::from(rule)].trim_matches(['[', ']'])
    }

    /// Whether the whole text is a label or keyed hash of ours already.
    fn is_replaced(&self, text: &str) -> bool {
        text == DROPPED
            || label_of(text)
                .is_some_and(|label| (0..self.labels.len()).any(|at| self.bare_label(at as u16) == label))
    }

    /// A rule that matches a label would never come to rest.
    fn check_labels(&self) -> Result<(), RuleError> {
        let mut scratch = Scratch::default();
        for label in self.labels.iter().map(String::as_str).chain([DROPPED]) {
            self.detect(label, Field::PLAIN, &mut scratch);
            if let Some(hit) = scratch.hits.first() {
                let id = self.ids[usize::from(hit.rule)].clone();
                return Err(RuleError::Pattern { id, detail: format!("it matches the label `{label}`") });
            }
        }
        Ok(())
    }
}

/// A rule whose action is to drop the whole field matched inside it.
struct Dropped;

fn actions(config: &RedactConfig, ids: &[String], has_key: bool) -> Result<Vec<Action>, RuleError> {
    let mut actions = vec![Action::Redact; ids.len()];
    for (id, action) in &config.actions {
        let Some(at) = ids.iter().position(|known| known == id) else {
            return Err(RuleError::Unknown { id: id.clone(), known: ids.join(", ") });
        };
        let always = [Rule::Oversize, Rule::Unscannable].iter().any(|rule| usize::from(rule.index()) == at);
        if always && matches!(action, Action::Off | Action::Hash) {
            return Err(RuleError::Fixed { id: id.clone() });
        }
        if *action == Action::Hash && !has_key {
            return Err(RuleError::NoKey { id: id.clone() });
        }
        actions[at] = *action;
    }
    Ok(actions)
}

mod structured;
