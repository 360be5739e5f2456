//! The redactor as its callers see it: tables of cases, properties, and canaries in every field of every record.

mod canary;
mod properties;

use super::{Action, CustomRule, HashKey, Pass, PlainName, RedactConfig, Redactor, RuleError};
use crate::span::Span;
use crate::value::Value;

pub(super) fn config() -> RedactConfig {
    RedactConfig {
        hash_key: Some(HashKey { id: "k1".to_owned(), secret: b"0123456789abcdef".to_vec() }),
        secret_names: vec!["Secret-Thing".to_owned()],
        ..RedactConfig::default()
    }
}

pub(super) fn redactor() -> Redactor {
    Redactor::new(&config()).unwrap()
}

/// The tables' spelling of what a line cannot hold.
fn unwritten(text: &str) -> String {
    let mut out = text.replace("{+}", "").replace("{n}", "\n").replace("{t}", "\t");
    while let Some(at) = out.find("{U+") {
        let close = at + out[at..].find('}').unwrap();
        let code = u32::from_str_radix(&out[at + 3..close], 16).unwrap();
        out.replace_range(at..=close, char::from_u32(code).unwrap().encode_utf8(&mut [0; 4]));
    }
    out
}

fn rows(table: &str) -> impl Iterator<Item = Vec<String>> {
    table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(|line| line.split('\t').map(unwritten).collect())
}

/// Every row, all failures at once.
fn check(table: &str, of: impl Fn(&[String]) -> (String, String)) {
    let (mut count, mut wrong) = (0, Vec::new());
    for row in rows(table) {
        let (got, expected) = of(&row);
        count += 1;
        if got != expected {
            wrong.push(format!("{row:?}\n     got {got:?}\nexpected {expected:?}"));
        }
    }
    assert!(count > 0 && wrong.is_empty(), "{} of {count} rows:\n{}", wrong.len(), wrong.join("\n"));
}

fn expected(input: &str, column: &str) -> String {
    if column == "=" { input.to_owned() } else { column.to_owned() }
}

#[test]
fn cases() {
    let redactor = redactor();
    check(include_str!("../../tests/data/redact/cases.txt"), |row| {
        let got = redactor.text(&row[0]);
        assert_ne!(got.as_deref(), Some(row[0].as_str()), "a change that changes nothing");
        assert_eq!(got.as_deref().and_then(|got| redactor.text(got)), None, "not at rest: {row:?}");
        let mut pass = Pass::new(&redactor);
        // The second time it is known.
        for _ in 0..2 {
            assert_eq!(pass.is_clean(row[0].as_bytes(), PlainName::NONE), got.is_none(), "{row:?}");
        }
        (got.unwrap_or_else(|| row[0].clone()), expected(&row[0], &row[1]))
    });
}

#[test]
fn json() {
    let redactor = redactor();
    check(include_str!("../../tests/data/redact/json.txt"), |row| {
        let got = redactor.text(&row[0]).unwrap_or_else(|| row[0].clone());
        assert!(crate::value::from_json(&row[0]).is_some(), "{row:?}");
        assert!(crate::value::from_json(&got).is_some(), "no JSON any more: {got}");
        (got, expected(&row[0], &row[1]))
    });
}

#[test]
fn tokens_in_surroundings() {
    let redactor = redactor();
    let surroundings =
        ["$", "my key is $ thanks", "key=$&x=1", "(\"$\")", "a\n$\nb", "<$>", "`$`", "x: '$',", "\\n$\\n"];
    check(include_str!("../../tests/data/redact/tokens.txt"), |row| {
        let around = |with: &str| surroundings.map(|text| text.replace('$', with)).join("¶");
        let got = surroundings.map(|text| {
            let text = text.replace('$', &row[0]);
            redactor.text(&text).unwrap_or(text)
        });
        (got.join("¶"), around(&format!("[{}]", row[1])))
    });
}

#[test]
fn names() {
    let redactor = redactor();
    check(include_str!("../../tests/data/redact/names.txt"), |row| {
        let mut span =
            Span { attrs: vec![(row[0].as_str().into(), Value::from(row[1].as_str()))], ..Span::default() };
        let mut pass = Pass::new(&redactor);
        if let Some(name) = Pass::new(&redactor).plain_name(&row[0]) {
            assert_eq!(Pass::new(&redactor).is_clean(row[1].as_bytes(), name), row[2] == "=", "{row:?}");
        }
        pass.span(&mut span);
        let got = span.attrs[0].1.as_str().unwrap().to_owned();
        let hashed = row[2].ends_with(':') && got.starts_with(&row[2]) && got.len() == row[2].len() + 25;
        let expected = expected(&row[1], &row[2]);
        (got.clone(), if hashed { got } else { expected })
    });
}

#[test]
fn actions() {
    let with = |id: &str, action| RedactConfig { actions: [(id.to_owned(), action)].into(), ..config() };
    let text = |config: &RedactConfig| Redactor::new(config).unwrap().text("to a@b.co").unwrap_or_default();
    assert_eq!(text(&with("email", Action::Redact)), "to [EMAIL]");
    assert_eq!(text(&with("email", Action::Off)), "");
    assert_eq!(text(&with("email", Action::Drop)), "[DROPPED]");
    let hashed = text(&with("email", Action::Hash));
    assert!(hashed.starts_with("to [EMAIL:k1:") && hashed.len() == 38, "{hashed}");
    assert_eq!(Redactor::new(&with("email", Action::Hash)).unwrap().text(&hashed), None);

    let error = |config: &RedactConfig| Redactor::new(config).unwrap_err();
    assert!(matches!(error(&with("mail", Action::Off)), RuleError::Unknown { .. }));
    assert!(matches!(error(&with("oversize", Action::Off)), RuleError::Fixed { .. }));
    let keyless = RedactConfig { hash_key: None, ..with("email", Action::Hash) };
    assert!(matches!(error(&keyless), RuleError::NoKey { .. }));
    let short = HashKey { id: "k".to_owned(), secret: vec![1] };
    assert!(!format!("{short:?}").contains('1'), "the secret is not shown");
    assert!(matches!(error(&RedactConfig { hash_key: Some(short), ..config() }), RuleError::BadKey { .. }));
}

#[test]
fn rules_of_the_users_own() {
    let rule = |pattern: &str, literals: &[&str]| RedactConfig {
        custom: vec![CustomRule {
            id: "badge".to_owned(),
            label: "BADGE".to_owned(),
            pattern: pattern.to_owned(),
            literals: literals.iter().map(|l| (*l).to_owned()).collect(),
        }],
        ..config()
    };
    let redactor = Redactor::new(&rule(r"B-\d{4}", &["b-"])).unwrap();
    assert_eq!(redactor.text("at B-1234").as_deref(), Some("at [BADGE]"));
    assert_eq!(redactor.text("at B-12"), None);
    for bad in ["(", "x*", r"\w+", "BADGE"] {
        assert!(matches!(Redactor::new(&rule(bad, &[])), Err(RuleError::Pattern { .. })), "{bad}");
    }
}

#[test]
fn too_long_is_replaced_and_counted() {
    let redactor = Redactor::new(&RedactConfig { text_bytes_max: 100, ..config() }).unwrap();
    let mut span = Span { name: "x".repeat(101).into(), ..Span::default() };
    let mut pass = Pass::new(&redactor);
    pass.span(&mut span);
    assert_eq!(span.name, "[OVERSIZE]");
    assert_eq!(pass.counts().collect::<Vec<_>>(), [("oversize", 1)]);
}

#[test]
fn dropped_attributes_go_and_counts_repeat() {
    let actions = [("email".to_owned(), Action::Drop)].into();
    let redactor = Redactor::new(&RedactConfig { actions, ..config() }).unwrap();
    let mut pass = Pass::new(&redactor);
    for _ in 0..3 {
        let attrs = vec![("a".into(), Value::from("a@b.co")), ("b".into(), Value::from("8.8.8.8"))];
        let mut span = Span { attrs, ..Span::default() };
        pass.span(&mut span);
        assert_eq!(span.attrs, [("b".into(), Value::from("[IP]"))]);
    }
    assert_eq!(pass.counts().collect::<Vec<_>>(), [("email", 3), ("ip", 3)]);
}

#[test]
fn ids_and_labels_are_unique_and_well_formed() {
    let redactor = redactor();
    let (mut ids, mut labels): (Vec<&str>, Vec<&str>) = redactor.rules().unzip();
    for (at, (rule, ..)) in super::rule::RULES.iter().enumerate() {
        assert_eq!(usize::from(rule.index()), at, "{rule:?}");
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!((ids.len(), labels.len()), (count, count));
}
