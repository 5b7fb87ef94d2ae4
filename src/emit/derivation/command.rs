//! A command that has a package of its own: the command with the arguments that it was given.

use super::script::shell_application;
use super::{Derivation, Ingredients};
use crate::emit::nix::{Comment, Entry, Expression, Line};
use bstr::ByteSlice;

/// `writeShellApplication` with the command line.
pub(super) fn derivation(ingredients: &Ingredients<'_>) -> Derivation {
    let environment = ingredients.evidence.environment;
    let mut line = Line::shell("exec");
    let mut was_hidden = false;
    for word in &environment.command {
        was_hidden |= word.contains_str("…");
        line = line.then(" ");
        let shown = ingredients.evidence.home.path(word);
        line = match shown.strip_prefix(b"~/") {
            Some(inner) => line.then("\"$HOME\"/").word(inner),
            None => line.word(word),
        };
    }
    let text = Entry::binding("text", Expression::Lines(vec![line.then(" \"$@\"")]));
    let comment = was_hidden
        .then(|| Comment::new("TODO nixtrace: what looked like a secret was hidden as …"))
        .flatten();
    Derivation {
        bindings: Vec::new(),
        builder: ingredients.known("writeShellApplication"),
        entries: shell_application(ingredients, text.below(comment)),
    }
}
