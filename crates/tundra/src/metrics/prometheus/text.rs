//! Prometheus's text exposition format: names, labels and lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Labels with the names that Prometheus allows.
pub(super) type Labels = BTreeMap<String, String>;

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Histogram,
    Counter,
    Gauge,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Histogram => "histogram",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }

    /// What the names of the family's lines end in.
    fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Histogram => &["", "_bucket", "_sum", "_count"],
            Self::Counter | Self::Gauge => &[""],
        }
    }
}

/// Names of lines that are taken.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// A family's name that shares no line with those before: `coll_total`, or else `coll_total_gauge`.
    pub(super) fn take(&mut self, name: &str, kind: Kind) -> String {
        let mut stem = clean(name);
        loop {
            let name = match kind {
                Kind::Counter if !stem.ends_with("_total") => format!("{stem}_total"),
                _ => stem.clone(),
            };
            let lines: Vec<String> = kind.endings().iter().map(|ending| format!("{name}{ending}")).collect();
            if !lines.iter().any(|line| self.0.contains(line)) {
                self.0.extend(lines);
                return name;
            }
            stem = format!("{stem}_{}", kind.word());
        }
    }
}

/// Labels in Prometheus's form. Names that become the same there have both values: `a_b="1;2"`.
pub(super) fn labels(written: impl Iterator<Item = (String, String)>, kind: Kind) -> Labels {
    let mut labels = Labels::new();
    for (key, value) in written {
        labels
            .entry(label(&key, kind))
            .and_modify(|values| *values = format!("{values};{value}"))
            .or_insert(value);
    }
    labels
}

pub(super) fn line(name: &str, labels: &Labels, bound: Option<f64>, value: &str, out: &mut String) {
    out.push_str(name);
    let bound = bound.map(|bound| ("le", float(bound)));
    let bound = bound.iter().map(|(key, text)| (*key, text));
    let mut between = '{';
    for (key, text) in labels.iter().map(|(key, text)| (&**key, text)).chain(bound) {
        let _infallible = write!(out, "{between}{key}=\"{}\"", escaped(text));
        between = ',';
    }
    if between == ',' {
        out.push('}');
    }
    let _infallible = writeln!(out, " {value}");
}

/// A name with nothing but letters, digits, `_` and `:`, and no digit in front.
fn clean(name: &str) -> String {
    let mut text: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == ':' { c } else { '_' })
        .collect();
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) {
        text.insert(0, '_');
    }
    text
}

/// Names that Prometheus keeps for itself are renamed as it does with other people's.
fn label(name: &str, kind: Kind) -> String {
    let name = clean(name).replace(':', "_");
    let reserved = name.starts_with("__") || (name == "le" && kind == Kind::Histogram);
    if reserved { format!("exported_{name}") } else { name }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

pub(super) fn float(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
        labels.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn lines() {
        let check = |name: &str, written: &[(&str, &str)], expect: &str| {
            let mut out = String::new();
            line(&clean(name), &labels(owned(written).into_iter(), Kind::Gauge), None, "1", &mut out);
            assert_eq!(out, expect);
        };
        check("a.b-c", &[], "a_b_c 1\n");
        check("9lives", &[("a:b", "x")], "_9lives{a_b=\"x\"} 1\n");
        check("x", &[("k", "a\"b\\c\nd"), ("l", "é")], "x{k=\"a\\\"b\\\\c\\nd\",l=\"é\"} 1\n");
        check("", &[("", "")], "_{_=\"\"} 1\n");
        check("x", &[("a.b", "1"), ("a:b", "2"), ("a_b", "3")], "x{a_b=\"1;2;3\"} 1\n");
        check("x", &[("__name__", "y"), ("le", "z")], "x{exported___name__=\"y\",le=\"z\"} 1\n");
    }

    #[test]
    fn a_bound_has_its_label_to_itself() {
        let mut out = String::new();
        let written = owned(&[("le", "x"), ("model", "m")]);
        line("h_bucket", &labels(written.into_iter(), Kind::Histogram), Some(0.5), "1", &mut out);
        assert_eq!(out, "h_bucket{exported_le=\"x\",model=\"m\",le=\"0.5\"} 1\n");
    }

    #[test]
    fn no_two_families_share_a_line() {
        let check = |families: &[(&str, Kind)], expect: &[&str]| {
            let mut names = Names::default();
            let found: Vec<_> = families.iter().map(|(name, kind)| names.take(name, *kind)).collect();
            assert_eq!(found, expect);
        };
        use Kind::{Counter, Gauge, Histogram};
        check(&[("a", Counter), ("a", Gauge)], &["a_total", "a"]);
        check(&[("coll", Counter), ("coll.total", Gauge)], &["coll_total", "coll_total_gauge"]);
        check(&[("hist", Histogram), ("hist.count", Gauge)], &["hist", "hist_count_gauge"]);
        check(&[("h.sum", Histogram), ("h", Histogram)], &["h_sum", "h_histogram"]);
        check(&[("a.b", Counter), ("a_b", Counter)], &["a_b_total", "a_b_counter_total"]);
        check(&[("a.b", Gauge), ("a_b", Gauge), ("a:b", Gauge)], &["a_b", "a_b_gauge", "a:b"]);
    }
}
