//! Whether Nix reads back what was meant.

use super::instantiate::Nix;
use super::{Comment, Entry, Expression, Line, NixText, visible};
use crate::resolve::AttrPath;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

/// The value of an expression, all of it.
fn value(nix: &Nix, source: &str) -> Value {
    let json = nix.instantiate(&["--eval", "--strict", "--json"], source);
    serde_json::from_str(&json.unwrap()).unwrap()
}

/// That many examples, so that one call of Nix can judge them all.
fn examples<T>(count: usize, of: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::default();
    (0..count)
        .map(|_| of.new_tree(&mut runner).unwrap().current())
        .collect()
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[\n{}\n]", items.collect::<Vec<_>>().join("\n"))
}

/// A line of shell, of every length, with values in it that fit on a line of their own.
fn line() -> impl Strategy<Value = Line> {
    let name = "x[a-z]{1,12}";
    let path = move || {
        (name, vec(prop_oneof![name, "[0-9][a-z]{1,12}"], 0..3))
            .prop_map(|(set, parts)| NixText::select_parts(&set, parts.iter().map(String::as_str)))
    };
    let call = (path(), vec("x[a-z]{1,12}", 1..4)).prop_map(|(function, arguments)| {
        let arguments = arguments.iter().map(|name| NixText::attribute(name).into());
        Expression::Apply(function, arguments.collect())
    });
    let value = prop_oneof![path().prop_map(Expression::from), call];
    ("[a-z ]{1,60}", vec((value, "[a-z ]{1,60}"), 1..4)).prop_map(|(first, rest)| {
        let first = Line::default().word(format!("x{first}").as_bytes());
        rest.into_iter().fold(first, |line, (value, text)| {
            line.nix(value).word(text.as_bytes())
        })
    })
}

proptest! {
    #[test]
    fn lines_of_a_script_are_broken_where_nixfmt_breaks_them(lines in vec(line(), 1..4)) {
        let set = Expression::Set {
            entries: vec![Entry::binding("script", Expression::Lines(lines))],
            spaced: false,
        };
        let text = format!("{}\n", set.source(0));
        let formatted = nixfmt_rs::format(&text)
            .map_err(|error| TestCaseError::fail(format!("{error:?}\n{text}")))?;
        prop_assert_eq!(formatted, text);
    }
}

/// Text with more than its share of what strings treat specially.
fn text() -> impl Strategy<Value = String> {
    let special = proptest::sample::select(vec![
        "$", "{", "}", "\\", "\"", "''", "\n", "\r", "\t", "${", "$$", "\r\n", "\u{1}", "\u{7f}",
    ]);
    let piece = prop_oneof![
        special.prop_map(str::to_owned),
        "\\PC{0,4}",
        "[^\\x00]{0,4}",
    ];
    vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

#[test]
fn a_string_is_what_it_was_when_nix_has_read_it() {
    let Some(nix) = Nix::installed() else { return };
    let strings = examples(3000, text());
    let source = list(
        strings
            .iter()
            .map(|text| NixText::string(text.as_bytes()).to_string()),
    );
    assert_eq!(value(&nix, &source), Value::from(strings));
}

#[test]
fn bytes_that_a_string_cannot_spell_become_visible_text() {
    let Some(nix) = Nix::installed() else { return };
    let strings = examples(2000, vec(any::<u8>(), 0..24));
    let source = list(
        strings
            .iter()
            .map(|bytes| NixText::string(bytes).to_string()),
    );
    let read = value(&nix, &source);
    for (bytes, read) in strings.iter().zip(read.as_array().unwrap()) {
        let expected: String = bytes
            .utf8_chunks()
            .map(|chunk| {
                let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
                chunk.valid().replace('\0', "\\x00") + &invalid.collect::<String>()
            })
            .collect();
        assert_eq!(read.as_str().unwrap(), expected);
        let kept = std::str::from_utf8(bytes) == Ok(read.as_str().unwrap());
        assert_eq!(NixText::can_spell(bytes), kept);
    }
}

#[test]
fn an_attribute_path_selects_the_attribute_of_that_name() {
    let Some(nix) = Nix::installed() else { return };
    let keyword = proptest::sample::select(vec![
        "assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with", "__curPos",
        "true", "null", "import",
    ]);
    let part = prop_oneof![
        1 => keyword.prop_map(str::to_owned),
        3 => "[a-zA-Z0-9_'+-]{1,6}",
    ];
    let paths = examples(1500, vec(part, 1..4));
    let source = list(paths.iter().enumerate().map(|(number, parts)| {
        let path = AttrPath::new(parts.join(".")).unwrap();
        let set = parts.iter().rev().fold(number.to_string(), |value, part| {
            format!("{{ \"{part}\" = {value}; }}")
        });
        format!(
            "(let pkgs = {set}; in {})",
            NixText::select_parts("pkgs", path.parts())
        )
    }));
    assert_eq!(
        value(&nix, &source),
        Value::from((0..1500).collect::<Vec<_>>())
    );
}

#[test]
fn a_path_names_the_same_file_to_nix() {
    let Some(nix) = Nix::installed() else { return };
    let component = prop_oneof![
        2 => "[a-zA-Z0-9._+-]{1,6}",
        1 => text().prop_map(|text| text.replace('/', "")),
    ]
    .prop_filter("these mean other files", |part| {
        !["", ".", ".."].contains(&part.as_str())
    });
    let paths = examples(1500, vec(component, 0..4));
    let source = list(paths.iter().map(|parts| {
        let path = NixText::path(format!("/{}", parts.join("/")).as_bytes());
        format!("(toString {path})")
    }));
    let expected: Vec<String> = paths
        .iter()
        .map(|parts| format!("/{}", parts.join("/")))
        .collect();
    assert_eq!(value(&nix, &source), Value::from(expected));
}

#[test]
fn a_comment_ends_where_its_line_ends() {
    let Some(nix) = Nix::installed() else { return };
    let comments = examples(2000, vec(any::<u8>(), 0..40));
    let source = list(comments.iter().enumerate().map(|(number, bytes)| {
        match Comment::new(&visible(bytes)) {
            Some(comment) => format!("{number} {}", comment.line(0, 100)),
            None => number.to_string(),
        }
    }));
    assert_eq!(
        value(&nix, &source),
        Value::from((0..2000).collect::<Vec<_>>())
    );
}

#[test]
fn a_comment_is_one_visible_line_of_bounded_length() {
    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let line = Comment::new(text).map(|comment| comment.line(0, 30));
        assert_eq!(line.as_deref(), expected);
    }
    check("needed by ./app", Some("# needed by ./app"));
    check("  \n", Some("# \\n"));
    check("  ", None);
    check("", None);
    check("a\r\nb\tc\u{1b}[31m", Some("# a\\r\\nb\\tc\\x1b[31m"));
    check("evil\u{202e}txt", Some("# evil\\u{202e}txt"));
    check(
        "one two three four five six seven eight",
        Some("# one two three four five six…"),
    );
}

#[test]
fn the_string_cases_that_people_get_wrong() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(NixText::string(text.as_bytes()).as_str(), expected);
    }
    check("${x}", r#""\${x}""#);
    check("$${x}", r#""$\${x}""#);
    check("$x {y} 5$", r#""$x {y} 5$""#);
    check(r#"a"b\c"#, r#""a\"b\\c""#);
    check("''${x}''", r#""''\${x}''""#);
    check("a\r\nb\tc", r#""a\r\nb\tc""#);
    check("a\0b", r#""a\\x00b""#);
}

#[test]
fn a_word_of_a_script_is_what_it_was_when_nix_and_the_shell_have_read_it() {
    use super::{Entry, Expression, Line};
    let Some(nix) = Nix::installed() else { return };
    let piece = prop_oneof![
        text().prop_map(String::into_bytes),
        vec(1..=u8::MAX, 0..6),
        Just(b"''${x}".to_vec()),
        Just(b"-n".to_vec()),
        Just(b"$(id)`id`!*~#;&|<>".to_vec()),
    ];
    let words: Vec<Vec<u8>> = examples(600, vec(piece, 0..4))
        .into_iter()
        .map(|pieces| pieces.concat())
        .map(|bytes| bytes.into_iter().filter(|byte| *byte != 0).collect())
        .collect();
    let lines = words
        .iter()
        .map(|word| Line::shell("printf '%s\\0' ").word(word));
    let script = Entry::binding("script", Expression::Lines(lines.collect()));
    let set = Expression::Set {
        entries: vec![script],
        spaced: false,
    };
    let read = value(&nix, set.source(0).as_str());
    // On standard input: the whole is longer than an argument may be.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let script = read["script"].as_str().unwrap();
    std::io::Write::write_all(&mut file, script.as_bytes()).unwrap();
    let output = std::process::Command::new("bash")
        .arg(file.path())
        .output()
        .unwrap();
    let told: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
    assert_eq!(told.len(), words.len() + 1);
    for (word, told) in words.iter().zip(told) {
        assert_eq!(word.as_slice(), told);
    }
}
