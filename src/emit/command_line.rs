//! A command as a person would type it, for a comment.

use super::home::Home;
use crate::trace::Bytes;
use crate::trace::secrets::without_secrets;

/// The arguments on one line, quoted as a shell wants them, secrets hidden.
pub(crate) fn command_line(arguments: &[Bytes], home: &Home) -> String {
    let shown: Vec<String> = arguments
        .iter()
        .map(|argument| home.shown(argument))
        .collect();
    let words: Vec<String> = without_secrets(&shown)
        .iter()
        .map(|argument| word(argument))
        .collect();
    words.join(" ")
}

fn word(text: &str) -> String {
    // Quotes would keep the shell from reading `~` as the home directory.
    match text.strip_prefix("~/") {
        Some(rest) => format!("~/{}", quoted(rest)),
        None => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "_-./:=@%+,…".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
