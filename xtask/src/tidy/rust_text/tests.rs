//! What counts as code, as a table.

use super::{Declared, Function, RustText};

#[test]
fn code_lines_leave_out_blanks_comments_and_tests() {
    let check = |text: &str, lines: usize| assert_eq!(RustText::new(text).code_lines(), lines, "{text}");
    check("", 0);
    check("//! doc\n\nuse a::b;\n", 1);
    check("/* one\n /* two */\n three */ let x = 1;\n", 1);
    check("let a = \"// not a comment\";\n", 1);
    check("let a = r#\"one\n\"two\"\nthree\"#;\n", 3);
    check("let a = '\"'; let b = '\\'';\n// gone\n", 1);
    check("fn a<'x>(b: &'x str) {\n  // why\n  b.len();\n}\n", 3);
    check("fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\nfn c() {}\n", 2);
    check("#[cfg(test)]\nmod tests;\nfn a() {}\n", 3);
    check("let for_each = br\"x\";\nlet r = 1;\n", 2);
}

#[test]
fn functions_are_measured_from_name_to_brace() {
    let check = |text: &str, expected: &[(&str, usize, usize)]| {
        let expected: Vec<Function> = expected
            .iter()
            .map(|(name, line, code_lines)| Function {
                name: (*name).to_owned(),
                line: *line,
                code_lines: *code_lines,
            })
            .collect();
        assert_eq!(RustText::new(text).functions(), expected, "{text}");
    };
    check("fn a() {}\n", &[("a", 1, 1)]);
    check("trait T {\n fn a(&self);\n fn b(&self) {\n\n  // why\n  1;\n }\n}\n", &[("b", 3, 3)]);
    check("fn a(x: [u8; 4]) -> [u8; 2] {\n 1\n}\n", &[("a", 1, 3)]);
    check("fn a(f: fn(u8) -> u8) {\n let s = \"}\";\n}\n", &[("a", 1, 3)]);
    check("fn a() {\n fn b() {\n }\n}\n", &[("a", 1, 4), ("b", 2, 2)]);
}

#[test]
fn declared_names() {
    let check = |text: &str, expected: &[(&str, usize)]| {
        let expected: Vec<Declared> =
            expected.iter().map(|(name, line)| Declared { name: (*name).to_owned(), line: *line }).collect();
        assert_eq!(RustText::new(text).declared(), expected, "{text}");
    };
    check("pub struct A;\npub const fn b() {}\n", &[("A", 1), ("b", 2)]);
    check("let s = span!(task.r#type = job.name);", &[]);
    check("mod x;\n// struct Nope\nstatic Y: u8 = 1;\n", &[("x", 1), ("Y", 3)]);
}
