//! Lines of shell inside an indented string: quoted for the shell first, then escaped for Nix.

use super::{Expression, NixText};
use bstr::ByteSlice;

/// The columns of a value that nixfmt leaves on its line of a string, however long the line is.
const UNBROKEN: usize = 30;

/// One line of a script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Its pieces; between two lines of a string nothing else stands.
    pub(super) pieces: Vec<Piece>,
}

/// A piece of a line.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Text that is escaped for an indented string.
    Text(String),
    /// `${…}`
    Nix(Expression),
}

impl Piece {
    /// Whether nixfmt would break it inside its braces to keep the line short.
    pub(super) fn may_break(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Nix(value) => {
                !value.is_simple()
                    && value
                        .on_one_line()
                        .is_none_or(|line| line.chars().count() > UNBROKEN)
            }
        }
    }
}

impl Line {
    /// A line that begins with shell source of the program's own.
    pub(crate) fn shell(source: &'static str) -> Self {
        Self::default().then(source)
    }

    /// The columns that it is indented by.
    pub(super) fn indentation(&self) -> usize {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text.len() - text.trim_start_matches(' ').len(),
            _ => 0,
        }
    }

    /// The columns from the piece with that number to where the line may next be broken.
    pub(super) fn reach(&self, from: usize) -> usize {
        let mut columns = 0;
        for piece in &self.pieces[from..] {
            match piece {
                Piece::Text(text) => columns += text.chars().count(),
                Piece::Nix(_) if piece.may_break() => return columns + "${".len(),
                Piece::Nix(value) => {
                    let value = value.on_one_line().unwrap_or_default();
                    columns += "${}".len() + value.chars().count();
                }
            }
        }
        columns
    }

    /// More shell source of the program's own, as it is: it may hold `$out` and `''${array[@]}`.
    pub(crate) fn then(mut self, source: &'static str) -> Self {
        self.pieces.push(Piece::Text(source.to_owned()));
        self
    }

    /// A word that the shell reads as these bytes.
    pub(crate) fn word(mut self, bytes: &[u8]) -> Self {
        self.pieces.push(Piece::Text(escaped(&shell_word(bytes))));
        self
    }

    /// The value of a Nix expression.
    pub(crate) fn nix(mut self, expression: Expression) -> Self {
        self.pieces.push(Piece::Nix(expression));
        self
    }

    /// The value of a Nix attribute.
    pub(crate) fn value(self, text: NixText) -> Self {
        self.nix(text.into())
    }
}

/// Bytes as one word of bash.
///
/// What a text file should not hold (control characters, bytes that are not UTF-8, characters that
/// reorder the text) is spelt by `$'\xff'`.
fn shell_word(bytes: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return bytes.to_str_lossy().into_owned();
    }
    let shows = bytes
        .to_str()
        .is_ok_and(|text| super::visible(text.as_bytes()) == text);
    if shows {
        let word = format!("'{}'", bytes.to_str_lossy().replace('\'', r"'\''"));
        // The escape of `${` begins with two quotes, and Nix would take them with one before them
        // for the escape of two quotes.
        if !word.contains("'${") {
            return word;
        }
    }
    let mut word = "$'".to_owned();
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => {
                word.push('\\');
                word.push(char::from(byte));
            }
            b'$' => word.push_str("\\x24"),
            b' '..=b'~' => word.push(char::from(byte)),
            // No argument and no path holds a NUL, so none is lost.
            0 => {}
            _ => word.push_str(&format!("\\x{byte:02x}")),
        }
    }
    word.push('\'');
    word
}

/// Text as it stands in an indented string (Nix manual, "String literal").
fn escaped(text: &str) -> String {
    text.replace("''", "'''").replace("${", "''${")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_one_word_for_the_shell() {
        assert_eq!(shell_word(b"/usr/bin/a-b_c.d"), "/usr/bin/a-b_c.d");
        assert_eq!(shell_word(b""), "''");
        assert_eq!(shell_word(b"it's $x"), r"'it'\''s $x'");
        assert_eq!(shell_word(b"a\n\xff'\\"), r"$'a\x0a\xff\'\\'");
        assert_eq!(shell_word("\u{202e}".as_bytes()), r"$'\xe2\x80\xae'");
        assert_eq!(shell_word(b"a ${x}"), "'a ${x}'");
        assert_eq!(shell_word(b"${x}"), r"$'\x24{x}'");
    }

    #[test]
    fn nothing_leaves_the_string() {
        assert_eq!(escaped("''${x}''"), "'''''${x}'''");
    }
}
