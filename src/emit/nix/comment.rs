//! Comments that stay on their line, whatever they were made from.

use std::fmt::Write as _;

/// The text of a `#` comment: one line, no control characters, not blank, trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comment(String);

/// No comment is longer than this many characters; longer ones end in `…`.
const LONGEST: usize = 400;

impl Comment {
    /// The text as a comment; none when nothing visible is left of it.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let text = shortened(visible(text.as_bytes()).trim(), LONGEST);
        (!text.is_empty()).then_some(Self(text))
    }

    /// The columns that the whole comment takes.
    pub(crate) fn width(&self) -> usize {
        "# ".len() + self.0.chars().count()
    }

    /// The comment with its `#`, indented further by `indent` columns after the sign, cut to
    /// `width` columns if need be.
    pub(crate) fn line(&self, indent: usize, width: usize) -> String {
        let room = width.saturating_sub(indent + 2);
        format!("#{:indent$} {}", "", shortened(&self.0, room))
    }
}

/// The bytes as a person can see them on one line: control characters and those that reorder or
/// break text as `\n`, `\x1b` or `\u{202e}`, bytes that are not UTF-8 as `\xff`.
///
/// Meant for reading, not for reading back: a backslash stands as it is.
pub(crate) fn visible(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\0'..='\u{1f}' | '\u{7f}' => {
                    push(&mut text, format_args!("\\x{:02x}", character as u32))
                }
                _ if hides_or_reorders(character) => {
                    push(&mut text, format_args!("\\u{{{:x}}}", character as u32));
                }
                _ => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            push(&mut text, format_args!("\\x{byte:02x}"));
        }
    }
    text
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece)
        .expect("writing to a String does not fail");
}

/// C1 controls, line and paragraph separators, zero-width characters and those that change the
/// direction of text: an editor may show what follows them elsewhere ("Trojan Source",
/// CVE-2021-42574).
fn hides_or_reorders(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}')
}

/// At most `longest` characters of the text, the last one `…` if some are left out.
fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(longest.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
    }
}
