//! What a person reads after a run: a short table of packages with their reasons, and what stayed
//! open.
//!
//! Text only: where it goes is the caller's business. Every byte that comes from the traced system
//! passes [`printable`], so that a file name cannot steer the terminal.

pub mod summary;

pub use summary::summary;

use bstr::BStr;
use std::fmt::Write;

/// A text in which nothing can steer a terminal: control characters, U+0080 to U+009F and bytes
/// that are not UTF-8 are escaped as `\n` or `\x1b`.
pub fn printable(text: &BStr) -> String {
    let mut safe = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => safe.push_str("\\n"),
                '\t' => safe.push_str("\\t"),
                '\r' => safe.push_str("\\r"),
                _ if character.is_control() => {
                    let _ = write!(safe, "\\x{:02x}", u32::from(character));
                }
                // Marks that turn the direction of writing make a name look like another one.
                '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
                }
                _ => safe.push(character),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(safe, "\\x{byte:02x}");
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_can_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc".into()), "a\\x1b[2Jb\\nc");
        assert_eq!(printable(b"\xff\xc2\x9b".as_slice().into()), "\\xff\\x9b");
        assert_eq!(
            printable("evil\u{202e}gpj.exe".into()),
            "evil\\u{202e}gpj.exe"
        );
        assert_eq!(printable("naïve".into()), "naïve");
    }
}
