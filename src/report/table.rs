//! Columns of text that fit a width.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How one column is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Numbers: never cut, to the right.
    Number,
    /// Short words: never cut.
    Word,
    /// Paths: cut at their beginning, since their end tells more.
    Path,
    /// Sentences: cut at their end.
    Text,
}

/// A column that can be cut keeps at least so much.
const NARROWEST: usize = 12;

/// What lies between two columns.
const GAP: usize = 2;

/// Lays the rows out below each other, each line indented by two, `width` columns wide at most where the columns that can be
/// cut allow it.
pub(crate) fn table(rows: &[Vec<String>], columns: &[Column], width: usize) -> String {
    const INDENT: usize = 2;
    let mut widths: Vec<usize> = (0..columns.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        })
        .collect();
    let used = |widths: &[usize]| {
        let filled = widths.iter().filter(|&&it| it > 0).count();
        INDENT + widths.iter().sum::<usize>() + GAP * filled.saturating_sub(1)
    };
    // The widest is cut first, down to the next widest.
    while used(&widths) > width {
        let widest = (0..columns.len())
            .filter(|&column| {
                matches!(columns[column], Column::Path | Column::Text) && widths[column] > NARROWEST
            })
            .max_by_key(|&column| widths[column]);
        let Some(widest) = widest else { break };
        widths[widest] -= 1;
    }
    let mut text = String::new();
    for row in rows {
        let mut line = " ".repeat(INDENT);
        for ((cell, &column), &width) in row.iter().zip(columns).zip(&widths) {
            if width == 0 {
                continue;
            }
            let cell = match column {
                Column::Path => cut_start(cell, width),
                _ => cut_end(cell, width),
            };
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            let (before, after) = match column {
                Column::Number => (padding.as_str(), ""),
                _ => ("", padding.as_str()),
            };
            line.push_str(before);
            line.push_str(&cell);
            line.push_str(after);
            line.push_str(&" ".repeat(GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A text of at most `width` columns, an ellipsis at its end where something is left out.
pub(crate) fn cut_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    format!("{}…", first_that_fit(text, width.saturating_sub(1)))
}

/// The same with the ellipsis at its beginning; a path is cut between two components if that costs
/// little.
pub(crate) fn cut_start(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let short = last_that_fit(text, width.saturating_sub(1));
    match short.find('/') {
        Some(slash) if slash < short.len() / 3 => format!("…{}", &short[slash..]),
        _ => format!("…{short}"),
    }
}

/// A text after a beginning, broken between words so that it fits, its further lines indented; a word
/// that is longer than a line is broken as well. Nothing is left out.
pub(crate) fn wrapped(first: &str, text: &str, width: usize) -> String {
    let indent = first.width();
    let room = width.saturating_sub(indent).max(NARROWEST);
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut used = 0;
    let mut put = |word: &str| {
        let needed = if used == 0 { 0 } else { 1 } + word.width();
        if used > 0 && used + needed > room {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = " ".repeat(indent);
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += word.width();
    };
    for word in text.split(' ') {
        let mut rest = word;
        while rest.width() > room {
            let piece = first_that_fit(rest, room);
            put(piece);
            rest = &rest[piece.len()..];
        }
        put(rest);
    }
    lines.push_str(line.trim_end());
    lines.push('\n');
    lines
}

/// The first characters that fit. A character may change the width of its neighbour (an emoji's variation
/// selector), so that what fits one by one may have to be cut further.
fn first_that_fit(text: &str, width: usize) -> &str {
    let mut fits = &text[..one_by_one(text.chars(), width)];
    while fits.width() > width {
        let end = fits.char_indices().next_back().map_or(0, |(at, _)| at);
        fits = &fits[..end];
    }
    fits
}

/// The last characters that fit.
fn last_that_fit(text: &str, width: usize) -> &str {
    let length = one_by_one(text.chars().rev(), width);
    let mut fits = &text[text.len() - length..];
    while fits.width() > width {
        let mut characters = fits.chars();
        characters.next();
        fits = characters.as_str();
    }
    fits
}

/// How many bytes the first characters take that fit, each by itself.
fn one_by_one(characters: impl Iterator<Item = char>, width: usize) -> usize {
    let mut used = 0;
    characters
        .take_while(|it| {
            used += it.width().unwrap_or(0);
            used <= width
        })
        .map(char::len_utf8)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_loses_its_beginning_and_a_sentence_its_end() {
        let rows = [vec![
            "/usr/lib/x86_64-linux-gnu/libssl.so.3".to_owned(),
            "12".to_owned(),
            "read by a program with a long name".to_owned(),
        ]];
        let columns = [Column::Path, Column::Number, Column::Text];
        assert_eq!(
            table(&rows, &columns, 60),
            "  …_64-linux-gnu/libssl.so.3  12  read by a program with a …\n"
        );
    }

    #[test]
    fn what_is_wider_together_than_by_itself_is_cut_further() {
        // An asterisk, and the selector that makes it an emoji of two columns.
        let wide = "*\u{fe0f}";
        assert_eq!((wide.width(), "*".width()), (2, 1));
        assert_eq!(cut_end(&format!("ab{wide}cd"), 4), "ab*…");
        assert_eq!(cut_start(&format!("ab{wide}cd"), 4), "…\u{fe0f}cd");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            cells in prop::collection::vec(("\\PC{0,200}", "[0-9]{1,5}", "\\PC{0,200}"), 1..8),
            width in 40usize..200,
        ) {
            let rows: Vec<_> = cells.into_iter().map(|(a, b, c)| vec![a, b, c]).collect();
            for line in table(&rows, &[Column::Path, Column::Number, Column::Text], width).lines() {
                prop_assert!(line.width() <= width, "{line:?}");
            }
        }

        #[test]
        fn a_wrapped_text_fits_and_is_whole(text in "[ -~漢字]{0,200}", width in 40usize..200) {
            let lines = wrapped("  beginning  ", &text, width);
            for line in lines.lines() {
                prop_assert!(line.width() <= width, "{line:?}");
            }
            let letters = |text: &str| text.replace([' ', '\n'], "");
            prop_assert_eq!(letters(&lines), letters(&format!("beginning{text}")));
        }
    }
}
