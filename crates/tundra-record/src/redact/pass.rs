//! One batch's walk: every text of every record goes through the redactor here. `intake` makes one for each
//! request and wraps each record on its way to the store. No field that a client fills may be left out.

use super::Redacted;
use super::dictionary::{Dictionary, is_short};
use super::engine::{Redactor, Verdict};
use super::field::{Field, Treatment};
use super::hit::Scratch;
use super::limits::{REPLACEMENTS_MAX, VALUE_DEPTH_MAX};
use super::rule::Rule;
use crate::log::LogRecord;
use crate::metric::{MetricPoint, MetricValue};
use crate::resource::{Resource, Scope};
use crate::span::Span;
use crate::value::{Attrs, Text, Value};
use std::borrow::Cow;

const FLAVOR_NAME: u8 = 0xff;
const FLAVOR_IDENTITY: u8 = 0xfe;

/// The state of redacting one batch: what it has seen already, and how often each rule matched.
#[derive(Debug)]
pub struct Pass<'r> {
    redactor: &'r Redactor,
    dictionary: Dictionary,
    replacements: Vec<Replacement>,
    counts: Vec<u64>,
    found: Vec<u16>,
    scratch: Scratch,
}

/// What a repeated dirty value becomes.
#[derive(Debug)]
struct Replacement {
    /// `None` if the value goes altogether.
    text: Option<String>,
    found: Box<[u16]>,
}

/// What the name of an attribute says about the texts under it, where that is all it does: the name stays, and so do
/// numbers. For callers that meet the same name again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlainName(Field);

impl PlainName {
    /// For texts without a name: a message, the name of a span.
    pub const NONE: Self = Self(Field::PLAIN);
}

/// Whether a value stays or its attribute goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Keep,
    Changed,
    Drop,
}

impl<'r> Pass<'r> {
    /// For one batch. Cheap: buffers are allocated when first needed.
    pub fn new(redactor: &'r Redactor) -> Self {
        Self {
            redactor,
            dictionary: Dictionary::default(),
            replacements: Vec::new(),
            counts: vec![0; redactor.rule_count()],
            found: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// How often each rule matched in this batch, by rule id; rules that did not match are left out.
    pub fn counts(&self) -> impl Iterator<Item = (&'r str, u64)> + '_ {
        let redactor: &'r Redactor = self.redactor;
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(move |(at, count)| (redactor.rule_id(at), *count))
    }

    /// One span with its events and links. Ids, times, kinds and `trace_state` stay as they are.
    pub fn span<'s, 'a>(&mut self, span: &'s mut Span<'a>) -> Redacted<&'s Span<'a>> {
        if let Some(service) = &mut span.service {
            self.text(service, Field::PLAIN);
        }
        self.text(&mut span.name, Field::PLAIN);
        if let Some(resource) = &mut span.resource {
            self.text(resource, Field::PLAIN);
        }
        self.text(&mut span.status_message, Field::PLAIN);
        self.attrs(&mut span.attrs);
        for event in &mut span.events {
            self.text(&mut event.name, Field::PLAIN);
            self.attrs(&mut event.attrs);
        }
        for link in &mut span.links {
            self.attrs(&mut link.attrs);
        }
        Redacted(span)
    }

    /// One log record.
    pub fn log<'s, 'a>(&mut self, log: &'s mut LogRecord<'a>) -> Redacted<&'s LogRecord<'a>> {
        self.text(&mut log.severity_text, Field::PLAIN);
        self.text(&mut log.event_name, Field::PLAIN);
        if self.value(&mut log.body, Treatment::Scan(Field::PLAIN), 0) == Fate::Drop {
            log.body = Value::from(self.redactor.dropped());
        }
        self.attrs(&mut log.attrs);
        Redacted(log)
    }

    /// One metric point: its name, unit, labels and, for a set, its member.
    pub fn metric<'s, 'a>(&mut self, point: &'s mut MetricPoint<'a>) -> Redacted<&'s MetricPoint<'a>> {
        self.text(&mut point.name, Field::PLAIN);
        self.text(&mut point.unit, Field::PLAIN);
        self.attrs(&mut point.attrs);
        if let MetricValue::SetMember(member) = &mut point.value {
            let mut text = Cow::Owned(std::mem::take(member));
            self.text(&mut text, Field::PLAIN);
            *member = text.into_owned();
        }
        Redacted(point)
    }

    /// A resource.
    pub fn resource<'s, 'a>(&mut self, resource: &'s mut Resource<'a>) -> Redacted<&'s Resource<'a>> {
        self.attrs(&mut resource.attrs);
        Redacted(resource)
    }

    /// A scope.
    pub fn scope<'s, 'a>(&mut self, scope: &'s mut Scope<'a>) -> Redacted<&'s Scope<'a>> {
        self.text(&mut scope.name, Field::PLAIN);
        self.text(&mut scope.version, Field::VERSION);
        Redacted(scope)
    }

    /// What a name says, if it stays as it is and does not hide whatever is under it.
    pub fn plain_name(&mut self, name: &str) -> Option<PlainName> {
        let mut cleaned = Cow::Borrowed(name);
        match self.name(&mut cleaned) {
            Treatment::Scan(field) if cleaned == name => Some(PlainName(field)),
            _ => None,
        }
    }

    /// Whether a text under such a name stays as it is; bytes that are no UTF-8 do not. If not, its record has to be
    /// redacted as a whole.
    #[inline]
    pub fn is_clean(&mut self, text: &[u8], name: PlainName) -> bool {
        let PlainName(field) = name;
        if text.len() < self.redactor.shortest() {
            return true;
        }
        match if is_short(text) { self.dictionary.get_bytes(text, field.0) } else { None } {
            Some(known) => known == 0,
            None => std::str::from_utf8(text).is_ok_and(|text| self.look(text, field)),
        }
    }

    /// Whether a text that is not known is clean; remembered if it is.
    fn look(&mut self, text: &str, field: Field) -> bool {
        self.found.clear();
        let verdict = self.redactor.look(text, field, &mut self.scratch, &mut self.found);
        let clean = verdict == Verdict::Clean;
        if clean {
            self.dictionary.put(text, field.0, 0);
        }
        clean
    }

    fn attrs(&mut self, attrs: &mut Attrs<'_>) {
        self.entries(attrs, None, 0);
    }

    /// Entries of a map; `inherited` is the rule of an enclosing name that is secret.
    fn entries(&mut self, entries: &mut Attrs<'_>, inherited: Option<Rule>, depth: usize) {
        entries.retain_mut(|(name, value)| {
            let own = self.name(name);
            let treatment = match (own, inherited) {
                (Treatment::Secret(_), _) | (_, None) => own,
                (_, Some(rule)) => Treatment::Secret(rule),
            };
            self.value(value, treatment, depth) != Fate::Drop
        });
    }

    /// Classifies a name and cleans it. A name cannot be dropped; it becomes a label.
    fn name(&mut self, name: &mut Text<'_>) -> Treatment {
        if let Some(known) = self.dictionary.get(name, FLAVOR_NAME) {
            return Treatment::unpack(known);
        }
        let treatment = self.redactor.treatment(name);
        self.found.clear();
        match self.redactor.look(name, Field::NUMBER, &mut self.scratch, &mut self.found) {
            Verdict::Clean => {
                self.dictionary.put(name, FLAVOR_NAME, treatment.pack());
                return treatment;
            }
            Verdict::Changed(text) => *name = Cow::Owned(text),
            Verdict::Dropped => *name = Cow::Borrowed(self.redactor.dropped()),
        }
        self.tally();
        treatment
    }

    fn value(&mut self, value: &mut Value<'_>, treatment: Treatment, depth: usize) -> Fate {
        if depth > VALUE_DEPTH_MAX {
            self.found.clear();
            self.found.push(Rule::Unscannable.index());
            self.tally();
            *value = Value::from(self.redactor.label_of(Rule::Unscannable));
            return Fate::Changed;
        }
        match value {
            Value::Str(text) => self.string(text, treatment),
            Value::Bool(_) => Fate::Keep,
            Value::Int(_) | Value::Double(_) => self.number(value, treatment),
            Value::Bytes(bytes) => {
                let mut text = String::from_utf8_lossy(bytes);
                let fate = self.string(&mut text, treatment);
                if fate != Fate::Keep {
                    *value = Value::from(self.redactor.dropped());
                }
                fate
            }
            Value::List(items) => {
                let mut fate = Fate::Keep;
                for item in items {
                    if self.value(item, treatment, depth + 1) == Fate::Drop {
                        fate = Fate::Drop;
                    }
                }
                fate
            }
            Value::Map(entries) => {
                let inherited = match treatment {
                    Treatment::Secret(rule) => Some(rule),
                    _ => None,
                };
                self.entries(entries, inherited, depth + 1);
                Fate::Keep
            }
        }
    }

    fn string(&mut self, text: &mut Text<'_>, treatment: Treatment) -> Fate {
        let field = match treatment {
            Treatment::Scan(field) => field,
            Treatment::Identity => return self.identity(text),
            Treatment::Secret(rule) => return self.secret(text, rule),
            Treatment::Token if self.redactor.is_secret_token(text) => {
                return self.secret(text, Rule::Secret);
            }
            Treatment::Token => Field::NUMBER,
        };
        self.scan(text, field)
    }

    /// A text that must stay, whatever it holds.
    fn text(&mut self, text: &mut Text<'_>, field: Field) {
        if self.scan(text, field) == Fate::Drop {
            *text = Cow::Borrowed(self.redactor.dropped());
        }
    }

    #[inline]
    fn scan(&mut self, text: &mut Text<'_>, field: Field) -> Fate {
        if text.len() < self.redactor.shortest() {
            return Fate::Keep;
        }
        let known = if is_short(text.as_bytes()) { self.dictionary.get(text, field.0) } else { None };
        if let Some(known) = known {
            return self.replay(text, known);
        }
        self.found.clear();
        let verdict = self.redactor.look(text, field, &mut self.scratch, &mut self.found);
        self.settle(text, field.0, verdict)
    }

    fn identity(&mut self, text: &mut Text<'_>) -> Fate {
        if let Some(known) = self.dictionary.get(text, FLAVOR_IDENTITY) {
            return self.replay(text, known);
        }
        self.found.clear();
        let verdict = self.redactor.look_identity(text, &mut self.scratch, &mut self.found);
        self.settle(text, FLAVOR_IDENTITY, verdict)
    }

    fn secret(&mut self, text: &mut Text<'_>, rule: Rule) -> Fate {
        self.found.clear();
        let verdict = self.redactor.look_secret(text, rule, &mut self.scratch, &mut self.found);
        self.tally();
        apply(text, verdict)
    }

    fn number(&mut self, value: &mut Value<'_>, treatment: Treatment) -> Fate {
        let Treatment::Secret(rule) = treatment else { return Fate::Keep };
        let mut text = Cow::Owned(value.to_text().into_owned());
        let fate = self.secret(&mut text, rule);
        if fate == Fate::Changed {
            *value = Value::from(text.into_owned());
        }
        fate
    }

    fn settle(&mut self, text: &mut Text<'_>, flavor: u8, verdict: Verdict) -> Fate {
        if matches!(verdict, Verdict::Clean) {
            self.dictionary.put(text, flavor, 0);
            return Fate::Keep;
        }
        self.tally();
        if is_short(text.as_bytes()) && self.replacements.len() < REPLACEMENTS_MAX {
            let replaced = match &verdict {
                Verdict::Changed(new) => Some(new.clone()),
                _ => None,
            };
            self.replacements.push(Replacement { text: replaced, found: self.found.as_slice().into() });
            let number = u32::try_from(self.replacements.len()).unwrap_or(0);
            self.dictionary.put(text, flavor, number);
        }
        apply(text, verdict)
    }

    fn replay(&mut self, text: &mut Text<'_>, known: u32) -> Fate {
        let Some(at) = (known as usize).checked_sub(1) else { return Fate::Keep };
        let replacement = &self.replacements[at];
        for rule in &replacement.found {
            self.counts[usize::from(*rule)] += 1;
        }
        match &replacement.text {
            Some(new) => {
                *text = Cow::Owned(new.clone());
                Fate::Changed
            }
            None => Fate::Drop,
        }
    }

    fn tally(&mut self) {
        for rule in &self.found {
            self.counts[usize::from(*rule)] += 1;
        }
    }
}

fn apply(text: &mut Text<'_>, verdict: Verdict) -> Fate {
    match verdict {
        Verdict::Clean => Fate::Keep,
        Verdict::Changed(new) => {
            *text = Cow::Owned(new);
            Fate::Changed
        }
        Verdict::Dropped => Fate::Drop,
    }
}
