//! A picture as SVG, readable in light and dark and without colour.

use super::layout::{HEIGHT, LABEL, layout};
use super::{NodeKind, Picture};
use crate::report::escape::escape;
use crate::report::table::cut_end;
use std::fmt::Write as _;

/// What a picture looks like by itself; in the page the page's own style is added.
pub(crate) const STYLE: &str = include_str!("svg.css");

/// The picture as an SVG file of its own.
pub fn svg(picture: &Picture) -> String {
    let (inner, width, height) = inner(picture);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" class=\"picture\">\n\
         <style>{STYLE}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n\
         {inner}</svg>\n"
    )
}

/// The elements of a picture, and its size.
pub(crate) fn inner(picture: &Picture) -> (String, f64, f64) {
    let (places, width, mut height) = layout(picture);
    let mut text = String::new();
    for edge in &picture.edges {
        let (from, to) = (places[edge.from], places[edge.to]);
        let class = if edge.needs { "edge needs" } else { "edge" };
        let (x1, y1) = (from.x + from.width, from.y + HEIGHT / 2.0);
        let (x2, y2) = (to.x, to.y + HEIGHT / 2.0);
        // What goes back or stays in its column bends out to the right.
        let bend = ((x2 - x1) / 2.0).max(30.0);
        let _ = writeln!(
            text,
            "<path class=\"{class}\" data-from=\"{}\" data-to=\"{}\" \
             d=\"M{x1:.1} {y1:.1} C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}\"/>",
            edge.from,
            edge.to,
            x1 + bend,
            x2 - bend,
        );
    }
    for (number, (node, place)) in picture.nodes.iter().zip(&places).enumerate() {
        let (class, corner) = match node.kind {
            NodeKind::Command => ("command", 0),
            NodeKind::Program => ("program", 0),
            NodeKind::Failed => ("program failed", 0),
            NodeKind::Package => ("package", 13),
            NodeKind::Implied => ("package implied", 13),
        };
        let label = escape(&cut_end(&node.shown(), LABEL));
        let _ = writeln!(
            text,
            "<g class=\"node {class}\" data-node=\"{number}\" data-name=\"{}\">\
             <title>{}: {}</title>\
             <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{HEIGHT}\" rx=\"{corner}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{label}</text></g>",
            escape(&node.label),
            escape(&node.label),
            escape(&node.detail),
            place.x,
            place.y,
            place.width,
            place.x + 10.0,
            place.y + 17.0,
        );
    }
    if picture.left_out > 0 {
        let _ = writeln!(
            text,
            "<text class=\"note\" x=\"16\" y=\"{:.1}\">{} more programs are not drawn</text>",
            height + 12.0,
            picture.left_out
        );
        height += 24.0;
    }
    (text, width.max(240.0), height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_name_leaves_its_element(picture in super::super::tests::hostile()) {
            let text = svg(&picture);
            // All markup is our own: as many elements as there are things to draw.
            let count = |what: &str| text.matches(what).count();
            prop_assert_eq!(count("<g "), picture.nodes.len());
            prop_assert_eq!(count("<path "), picture.edges.len());
            prop_assert_eq!(count("<text "), picture.nodes.len() + 1);
            prop_assert_eq!(count("<"), count(">"));
            prop_assert_eq!(count("<"), 5 + picture.nodes.len() * 7 + picture.edges.len() + 2);
            prop_assert!(!text.contains(|it: char| it.is_control() && it != '\n'));
        }
    }
}
