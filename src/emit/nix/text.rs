//! Strings, attribute paths and path literals, escaped for Nix.

use super::comment::Comment;
use super::layout::WIDTH;
use crate::resolve::AttrPath;
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

    /// The attribute `path` of `set`: `pkgs.openssl`, `ps."7zz"`.
    pub(crate) fn select(set: &'static str, path: &AttrPath) -> Self {
        Self::select_parts(set, path.parts())
    }

    /// The attribute at `parts` of `set`.
    pub(crate) fn select_parts<'a>(
        set: &'static str,
        parts: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut source = set.to_owned();
        for part in parts {
            source.push('.');
            if is_identifier(part) {
                source.push_str(part);
            } else {
                source.push_str(&Self::string(part.as_bytes()).0);
            }
        }
        Self(source)
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

    /// A comment on a line of its own that begins in the first columns.
    pub(crate) fn comment(comment: &Comment) -> Self {
        Self(comment.line(0, WIDTH))
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
