//! Strings, attribute paths and path literals, escaped for Nix.

use super::comment::Comment;
use super::layout::WIDTH;
use bstr::ByteSlice;
use std::fmt;

/// A piece of Nix source that is complete and escaped.
///
/// Only this module makes one from text that is not part of the program, so what a slot of a
/// template or an expression holds needs no second look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NixText(String);

/// Words that the grammar keeps for itself. `or` may name an attribute without quotes in some
/// places and not in others, so it is always quoted.
const KEYWORDS: [&str; 10] = [
    "assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with",
];

impl NixText {
    /// Source that is written in the program itself.
    pub(crate) fn constant(source: &'static str) -> Self {
        Self(source.to_owned())
    }

    /// Source that the layout has put together from pieces.
    pub(super) fn assembled(source: String) -> Self {
        Self(source)
    }

    /// A string literal in double quotes.
    ///
    /// A Nix string holds any byte but NUL, but its literal has no escape for a byte by its number,
    /// and a file of Nix should be UTF-8. So NUL and bytes that are not UTF-8 cannot be spelt: they
    /// become the text `\xNN`, which a person recognises (see [`NixText::can_spell`]). Every other
    /// value comes back from Nix as it was.
    pub(crate) fn string(bytes: &[u8]) -> Self {
        let mut literal = String::with_capacity(bytes.len() + 2);
        literal.push('"');
        for chunk in bytes.utf8_chunks() {
            let mut characters = chunk.valid().chars().peekable();
            while let Some(character) = characters.next() {
                match character {
                    '"' => literal.push_str("\\\""),
                    '\\' => literal.push_str("\\\\"),
                    '\n' => literal.push_str("\\n"),
                    // A carriage return that stands in the literal as it is would be read as a
                    // line feed.
                    '\r' => literal.push_str("\\r"),
                    '\t' => literal.push_str("\\t"),
                    '$' if characters.peek() == Some(&'{') => literal.push_str("\\$"),
                    '\0' => literal.push_str("\\\\x00"),
                    _ => literal.push(character),
                }
            }
            for byte in chunk.invalid() {
                literal.push_str(&format!("\\\\x{byte:02x}"));
            }
        }
        literal.push('"');
        Self(literal)
    }

    /// Whether [`NixText::string`] and [`NixText::path`] keep these bytes as they are.
    pub(crate) fn can_spell(bytes: &[u8]) -> bool {
        bytes.is_utf8() && !bytes.contains(&0)
    }

    /// The attribute at `parts` of `set`: `pkgs.openssl`, `ps."7zz"`.
    pub(crate) fn select_parts<'a>(set: &str, parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut source = set.to_owned();
        for part in parts {
            source.push('.');
            source.push_str(&Self::attribute(part).0);
        }
        Self(source)
    }

    /// The name of an attribute, in quotes if it needs them.
    pub(crate) fn attribute(name: &str) -> Self {
        if is_identifier(name) {
            Self(name.to_owned())
        } else {
            Self::string(name.as_bytes())
        }
    }

    /// A variable; none when the grammar has no such identifier.
    pub(crate) fn variable(name: &str) -> Option<Self> {
        is_identifier(name).then(|| Self(name.to_owned()))
    }

    /// A set of arguments that a function takes by name.
    pub(crate) fn formals<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        debug_assert!(names.iter().all(|name| is_identifier(name)));
        Self(match names.as_slice() {
            [] => "{ }".to_owned(),
            [only] => format!("{{ {only} }}"),
            several => format!("{{\n  {},\n}}", several.join(",\n  ")),
        })
    }

    /// An attribute path of the program's own that ends with a name.
    pub(crate) fn joined(path: &'static str, name: &Self) -> Self {
        Self(format!("{path}{name}"))
    }

    /// The attribute of the program's own that a set has.
    pub(crate) fn attribute_of(set: &Self, name: &'static str) -> Self {
        Self(format!("{set}.{name}"))
    }

    /// An attribute path without a set in front.
    pub(crate) fn attribute_path<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let parts: Vec<String> = parts
            .into_iter()
            .map(|part| Self::attribute(part).0)
            .collect();
        Self(parts.join("."))
    }

    /// The path to an output that a flake has for a system: `packages.${system}.default`.
    pub(crate) fn flake_output(kind: &'static str, system: &'static str, path: &Self) -> Self {
        Self(format!("{kind}.${{{system}}}.{path}"))
    }

    /// An assertion that a package has at least a version.
    pub(crate) fn assertion(at_least: &Self, found: &Self, version: &Self) -> Self {
        Self(format!("assert {at_least} {found} {version};"))
    }

    /// The pin of nixpkgs among those that a path gives.
    pub(crate) fn pin_of(import: &Self) -> Self {
        Self(format!("(import {import}).nixpkgs"))
    }

    /// The text with the semicolon of a binding.
    pub(crate) fn ended(self) -> Self {
        Self(self.0 + ";")
    }

    /// The binding that gives one of Arion's services an image.
    pub(crate) fn service_image(service: &'static str, image: &Self) -> Self {
        Self(format!("services.{service}.service.image = {image};"))
    }

    /// A function that is true of the package with that name.
    pub(crate) fn is_called(name: &Self) -> Self {
        Self(format!("pkg: pkg.pname or \"\" == {name}"))
    }

    /// `NAME=` and the value of a package's place, as one string.
    pub(crate) fn assignment(name: &str, package: &Self, rest: &'static str) -> Self {
        let name = Self::string(format!("{name}=").as_bytes());
        let name = name.0.trim_end_matches('"');
        Self(format!("{name}${{{package}}}{rest}\""))
    }

    /// A place in the output of the derivation that it stands in.
    pub(crate) fn in_output(path: &[u8]) -> Self {
        let path = Self::string(&[b"/", path].concat());
        Self(format!("\"${{placeholder \"out\"}}{}", &path.0[1..]))
    }

    /// A number.
    pub(crate) fn number(number: u16) -> Self {
        Self(number.to_string())
    }

    /// A string in which the value of an expression stands before more text of the program's own.
    pub(crate) fn interpolated(value: &Self, rest: &'static str) -> Self {
        Self(format!("\"${{{value}}}{rest}\""))
    }

    /// A path: as a literal (`/srv/nixpkgs`, `./nixpkgs`, `~/nixpkgs`) where the grammar has one,
    /// else as an expression in parentheses. A relative path is relative to the file it is in.
    ///
    /// Only for what [`NixText::can_spell`] accepts.
    pub(crate) fn path(path: &[u8]) -> Self {
        let (root, rest) = match path {
            [b'/', rest @ ..] => ("/", rest),
            [b'~', b'/', rest @ ..] => ("~/", rest),
            _ => ("./", path),
        };
        // Nix knows neither empty components nor a slash at the end.
        let components: Vec<&[u8]> = rest
            .split_str("/")
            .filter(|component| !matches!(*component, b"" | b"."))
            .collect();
        let joined = components.join(&b'/');
        let plain = |component: &&[u8]| {
            component
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(byte))
        };
        if components.is_empty() {
            Self(format!("{root}."))
        } else if components == [b".."] && root == "./" {
            // Without a slash it is no path.
            Self("../.".to_owned())
        } else if components.iter().all(plain) {
            let root = if root == "./" && components[0] == b".." {
                ""
            } else {
                root
            };
            Self(format!("{root}{}", joined.to_str_lossy()))
        } else {
            let below = Self::string(&[b"/".as_slice(), &joined].concat());
            Self(format!("({root}. + {below})"))
        }
    }

    /// The same with its text indented after the sign.
    pub(crate) fn comment_indented(comment: &Comment, indent: usize) -> Self {
        Self(comment.line(indent, WIDTH))
    }

    /// A comment on a line of its own that begins in the first columns.
    pub(crate) fn comment(comment: &Comment) -> Self {
        Self(comment.line(0, WIDTH))
    }

    /// Whether it is an attribute path, of which no name is in quotes.
    pub(super) fn is_simple(&self) -> bool {
        self.0.split('.').all(is_identifier)
    }

    /// The source.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NixText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the grammar reads the text as one identifier (Nix manual, "Identifiers").
fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-'".contains(&byte))
        && !KEYWORDS.contains(&text)
}
