//! Desktop entries that came with a program: kept, with the paths of the machine taken out.

use super::identity::file_name;
use crate::emit::nix::{Comment, Line};
use crate::graph::subject::DesktopEntry;

/// Installs an entry from where it lies in the source, and has it start the program of the package.
///
/// `tree` is where the program's own files are in the output, for an icon among them.
pub(super) fn steps(entry: &DesktopEntry, source: &[u8], program: &[u8], tree: &[u8]) -> Vec<Line> {
    let mut lines = vec![
        Line::shell("install -Dm644 ")
            .word(source)
            .then(" -t $out/share/applications"),
    ];
    lines.extend(rewriting(entry, program, tree));
    lines
}

/// Takes the paths of the machine out of an entry that is installed.
pub(super) fn rewriting(entry: &DesktopEntry, program: &[u8], tree: &[u8]) -> Vec<Line> {
    let mut changes = Vec::new();
    for command in &entry.commands {
        let bare = command.trim_ascii();
        let bare = bare.strip_prefix(b"\"").unwrap_or(bare);
        let bare = bare.strip_suffix(b"\"").unwrap_or(bare);
        // Another program of the tree, or of the system, keeps its name.
        if command.as_bytes() != program && file_name(bare) == program {
            changes.push(
                Line::shell("  --replace-fail ")
                    .word(&[b"Exec=".as_slice(), command].concat())
                    .then(" ")
                    .word(&[b"Exec=".as_slice(), program].concat()),
            );
        }
    }
    if let Some((told, file)) = &entry.icon {
        changes.push(
            Line::shell("  --replace-fail ")
                .word(&[b"Icon=".as_slice(), told].concat())
                .then(" Icon=$out/")
                .word(&[tree, file].concat()),
        );
    }
    if changes.is_empty() {
        return Vec::new();
    }
    let first =
        Line::shell("substituteInPlace $out/share/applications/").word(file_name(&entry.path));
    let mut lines = vec![first];
    for change in changes {
        if let Some(line) = lines.pop() {
            lines.push(line.then(" \\"));
        }
        lines.push(change);
    }
    lines
}

/// What a person has to know of entries that start something else.
pub(super) fn unknown(entries: &[DesktopEntry], program: &[u8]) -> Option<Comment> {
    let other = entries
        .iter()
        .flat_map(|entry| &entry.commands)
        .find(|command| {
            let bare = command.as_bytes().strip_prefix(b"\"").unwrap_or(command);
            let bare = bare.strip_suffix(b"\"").unwrap_or(bare);
            bare.starts_with(b"/") && file_name(bare) != program
        })?;
    Comment::new(&format!(
        "TODO nixtrace: a desktop entry starts {other}, which is a place of this machine"
    ))
}
