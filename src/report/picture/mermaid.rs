//! A picture as a Mermaid flow chart, which forges draw in Markdown.

use super::{NodeKind, Picture};
use std::fmt::Write as _;

/// The picture as `flowchart LR`.
pub fn mermaid(picture: &Picture) -> String {
    let mut text = String::from("flowchart LR\n");
    for (number, node) in picture.nodes.iter().enumerate() {
        let label = quoted(&node.label);
        let _ = match node.kind {
            NodeKind::Command => writeln!(text, "  n{number}[[{label}]]"),
            NodeKind::Program => writeln!(text, "  n{number}[{label}]"),
            NodeKind::Failed => writeln!(text, "  n{number}>{label}]"),
            NodeKind::Package => writeln!(text, "  n{number}([{label}])"),
            NodeKind::Implied => writeln!(text, "  n{number}({label})"),
        };
    }
    for edge in &picture.edges {
        let arrow = if edge.needs { "-.->" } else { "-->" };
        let _ = writeln!(text, "  n{} {arrow} n{}", edge.from, edge.to);
    }
    if picture.left_out > 0 {
        let _ = writeln!(
            text,
            "  %% {} more programs are not drawn",
            picture.left_out
        );
    }
    text
}

/// A label in quotes. Mermaid takes HTML and Markdown in it, so all but plain characters are written
/// as entities (`#35;`).
fn quoted(text: &str) -> String {
    let mut label = String::from("\"");
    for character in text.chars() {
        if character.is_alphanumeric() || " ./-_+~:,@×…".contains(character) {
            label.push(character);
        } else {
            let _ = write!(label, "#{};", u32::from(character));
        }
    }
    // An empty label is an error.
    if text.is_empty() {
        label.push(' ');
    }
    label.push('"');
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_name_leaves_its_label(picture in super::super::tests::hostile()) {
            let text = mermaid(&picture);
            let lines: Vec<&str> = text.lines().collect();
            prop_assert_eq!(lines.len(), picture.nodes.len() + picture.edges.len() + 2);
            for (number, line) in lines[1..=picture.nodes.len()].iter().enumerate() {
                let inner = line
                    .strip_prefix(&format!("  n{number}[\""))
                    .and_then(|line| line.strip_suffix("\"]"));
                let is_plain = |it: char| it.is_alphanumeric() || " ./-_+~:,@×…#;".contains(it);
                prop_assert!(inner.is_some_and(|inner| inner.chars().all(is_plain)), "{line}");
            }
        }
    }
}
