//! Which rows of a key say the same, and what they say together.

use super::build::Attribute;
use super::format::Row;
use crate::resolve::Basis;
use std::collections::HashSet;

/// Decides which rows of a key say the same.
pub(super) struct Judge<'a> {
    pub(super) attributes: &'a [(String, Attribute)],
    pub(super) synonyms: &'a HashSet<(u32, u32)>,
}

impl Judge<'_> {
    /// Merges the rows that speak of the same file of the same package.
    pub(super) fn settle(&self, mut rows: Vec<Row>) -> Vec<Row> {
        rows.sort_by_key(|row| (row.attr, row.output.is_none(), row.output, row.place));
        let mut settled: Vec<Row> = Vec::new();
        for row in rows {
            let same_attribute = settled.partition_point(|other| other.attr < row.attr);
            let same = settled[same_attribute..].iter_mut().find(|other| {
                row.output.is_none() || other.output == row.output && other.place == row.place
            });
            match same {
                Some(other) => merge(other, row),
                None => settled.push(row),
            }
        }
        if self.synonyms.is_empty() {
            settled.sort();
            return settled;
        }
        let mut kept: Vec<Row> = Vec::new();
        settled.sort_by(|a, b| self.preference(a).cmp(&self.preference(b)));
        for row in settled {
            let named = kept.iter_mut().find(|better| {
                better.output == row.output
                    && better.place == row.place
                    && better.form == row.form
                    && self.interchangeable(better.attr, row.attr)
            });
            match named {
                Some(better) => merge(better, row),
                None => kept.push(row),
            }
        }
        kept.sort();
        kept
    }

    /// Whether two attributes are two names of one package. A name with a version and one without
    /// are kept apart: nixpkgs moves the latter on.
    fn interchangeable(&self, a: u32, b: u32) -> bool {
        self.synonyms.contains(&(a.min(b), a.max(b)))
            && version_suffix(&self.attributes[a as usize].0)
                == version_suffix(&self.attributes[b as usize].0)
    }

    /// The better name of two comes first: one given by hand, one that is not removed, nearer to the
    /// top, more used.
    fn preference(&self, row: &Row) -> (bool, bool, usize, u8, usize, &str) {
        let (name, attribute) = &self.attributes[row.attr as usize];
        (
            row.basis != Basis::Manual,
            !attribute.removed_by.is_empty(),
            name.matches('.').count(),
            u8::MAX - attribute.popularity,
            name.len(),
            name,
        )
    }
}

/// Puts what a second row says of the same file into the first.
fn merge(into: &mut Row, row: Row) {
    if basis_order(row.basis) < basis_order(into.basis) {
        into.basis = row.basis;
        into.signs = row.signs;
        into.note = row.note.or(into.note);
    } else {
        into.note = into.note.or(row.note);
    }
    into.form = into.form.min(row.form);
    into.output = into.output.or(row.output);
    if into.place == 0 {
        into.place = row.place;
    }
    into.linux_listings = into.linux_listings.max(row.linux_listings);
    into.darwin_listings = into.darwin_listings.max(row.darwin_listings);
    into.last_seen = into.last_seen.max(row.last_seen);
    into.in_command_table |= row.in_command_table;
    into.name_from_darwin &= row.name_from_darwin;
    into.of_the_host |= row.of_the_host;
}

/// The firmer basis first.
fn basis_order(basis: Basis) -> (u8, u8) {
    match basis {
        Basis::Manual => (0, 0),
        Basis::Listed => (1, 0),
        Basis::ListedUnderOtherName => (2, 0),
        Basis::CommandTable => (3, 0),
        Basis::Guess(agreements) => (4, u8::MAX - agreements),
        Basis::NameOnly => (5, 0),
    }
}

/// The digits and separators at an attribute's end: `_1_1` of `openssl_1_1`.
fn version_suffix(name: &str) -> &str {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || "_-.".contains(c));
    &name[stem.len()..]
}
