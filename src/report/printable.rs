//! Names from the traced system, made safe to print.
//!
//! A file may be called anything but `/` and NUL. Printed as it is, such a name could move the
//! cursor, set the terminal's title, or turn the direction of the text that follows it.

use std::fmt::Write as _;

/// The text of `bytes` on one line: control and direction characters as `\u{…}`, bytes that are
/// not UTF-8 as `\x…`, all else as it is.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || turns_text(c) {
                text.extend(c.escape_unicode());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Unicode's separators and marks for lines, paragraphs and directions (UAX #9).
fn turns_text(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn an_ordinary_name_is_itself() {
        assert_eq!(
            printable("/usr/lib/größe ✓.so".as_bytes()),
            "/usr/lib/größe ✓.so"
        );
    }

    #[test]
    fn what_drives_a_terminal_is_escaped() {
        assert_eq!(
            printable(b"a\x1b]0;title\x07\nb\xff\xe2\x80\xae"),
            r"a\u{1b}]0;title\u{7}\u{a}b\xff\u{202e}"
        );
    }
}
