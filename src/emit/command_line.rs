//! A command as a person would type it, for a comment.

use super::home::Home;
use crate::trace::Bytes;

/// The arguments on one line, quoted as a shell wants them.
pub(crate) fn command_line(arguments: &[Bytes], home: &Home) -> String {
    let words: Vec<String> = arguments
        .iter()
        .map(|argument| word(&home.shown(argument)))
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
    let plain = |character: char| character.is_alphanumeric() || "_-./:=@%+,".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
