//! Where the nodes of a picture lie: in columns from left to right, as few crossings as a few sweeps
//! find.

use super::Picture;
use unicode_width::UnicodeWidthStr;

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
}

/// The height of every node.
pub(super) const HEIGHT: f64 = 26.0;

const GAP_X: f64 = 90.0;
const GAP_Y: f64 = 12.0;
const MARGIN: f64 = 16.0;

/// How often the columns are put in order by their neighbours.
const SWEEPS: usize = 6;

/// The places of all nodes, and the size of the whole.
pub(super) fn layout(picture: &Picture) -> (Vec<Place>, f64, f64) {
    let columns = picture
        .nodes
        .iter()
        .map(|node| node.column)
        .max()
        .map_or(0, |it| it + 1);
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); columns];
    for (number, node) in picture.nodes.iter().enumerate() {
        order[node.column].push(number);
    }
    let mut row = vec![0.0; picture.nodes.len()];
    for _ in 0..SWEEPS {
        for column in &mut order {
            let height = column.len() as f64;
            let middle = |number: &usize| {
                let others: Vec<f64> = picture
                    .edges
                    .iter()
                    .filter_map(|edge| match *number {
                        it if it == edge.to => Some(row[edge.from]),
                        it if it == edge.from => Some(row[edge.to]),
                        _ => None,
                    })
                    .collect();
                match others.len() {
                    0 => row[*number],
                    count => others.iter().sum::<f64>() / count as f64,
                }
            };
            let mut keyed: Vec<(f64, usize)> = column.iter().map(|it| (middle(it), *it)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            *column = keyed.into_iter().map(|(_, number)| number).collect();
            for (at, number) in column.iter().enumerate() {
                // Rows are told relative to the middle, so that columns of different heights face
                // each other.
                row[*number] = at as f64 - height / 2.0;
            }
        }
    }
    let tallest = order.iter().map(Vec::len).max().unwrap_or(0) as f64;
    let mut places = vec![
        Place {
            x: 0.0,
            y: 0.0,
            width: 0.0,
        };
        picture.nodes.len()
    ];
    let mut x = MARGIN;
    for column in &order {
        let widths = column.iter().map(|&it| width(&picture.nodes[it].shown()));
        let widest = widths.fold(0.0, f64::max);
        let top = (tallest - column.len() as f64) / 2.0 * (HEIGHT + GAP_Y);
        for (at, &number) in column.iter().enumerate() {
            places[number] = Place {
                x,
                y: MARGIN + top + at as f64 * (HEIGHT + GAP_Y),
                width: width(&picture.nodes[number].shown()),
            };
        }
        if !column.is_empty() {
            x += widest + GAP_X;
        }
    }
    let height = 2.0 * MARGIN + tallest * (HEIGHT + GAP_Y);
    (places, x - GAP_X + MARGIN, height)
}

/// The widest label, in characters.
pub(super) const LABEL: usize = 34;

fn width(label: &str) -> f64 {
    20.0 + 7.3 * label.width().min(LABEL) as f64
}
