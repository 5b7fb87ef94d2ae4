//! A picture as Graphviz's language.

use super::{NodeKind, Picture};
use std::fmt::Write as _;

/// The picture as a `digraph`; `dot -Tsvg` draws it.
pub fn dot(picture: &Picture) -> String {
    let mut text = String::from(
        "digraph run {\n  rankdir = LR;\n  node [shape = box, fontname = \"sans-serif\", fontsize = 11];\n",
    );
    for (number, node) in picture.nodes.iter().enumerate() {
        let style = match node.kind {
            NodeKind::Command => "bold",
            NodeKind::Program => "solid",
            NodeKind::Failed => "dotted",
            NodeKind::Package => "\"rounded,bold\"",
            NodeKind::Implied => "\"rounded,dashed\"",
        };
        let _ = writeln!(
            text,
            "  n{number} [label = {}, tooltip = {}, style = {style}];",
            quoted(&node.label),
            quoted(&node.detail)
        );
    }
    for edge in &picture.edges {
        let style = if edge.needs { " [style = dashed]" } else { "" };
        let _ = writeln!(text, "  n{} -> n{}{style};", edge.from, edge.to);
    }
    if picture.left_out > 0 {
        let note = format!("{} more programs are not drawn", picture.left_out);
        let _ = writeln!(text, "  label = {};", quoted(&note));
    }
    text.push_str("}\n");
    text
}

/// A quoted string: in labels a backslash begins an escape, so it is one itself.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads what is written as Graphviz's lexer does: the strings of each line, and the rest.
    fn strings(line: &str) -> (Vec<String>, String) {
        let (mut strings, mut rest) = (Vec::new(), String::new());
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            if character != '"' {
                rest.push(character);
                continue;
            }
            let mut text = String::new();
            loop {
                match characters.next().expect("a string that ends") {
                    '"' => break,
                    '\\' => text.push(characters.next().expect("an escape has a letter")),
                    other => text.push(other),
                }
            }
            strings.push(text);
        }
        (strings, rest)
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_string(picture in super::super::tests::hostile()) {
            let text = dot(&picture);
            let lines: Vec<&str> = text.lines().collect();
            prop_assert_eq!(lines.len(), picture.nodes.len() + picture.edges.len() + 5);
            for (number, node) in picture.nodes.iter().enumerate() {
                let (strings, rest) = strings(lines[3 + number]);
                prop_assert_eq!(&strings[0], &node.label);
                prop_assert_eq!(&strings[1], &node.detail);
                prop_assert_eq!(rest, format!("  n{number} [label = , tooltip = , style = solid];"));
            }
        }
    }
}
