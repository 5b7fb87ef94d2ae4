//! From candidates to a scored order, with the reasons: one pure function.
//!
//! Every observation about a candidate is a [`Feature`] with a weight, in one table. Weights are
//! natural log-odds: a candidate's strength is their sum, and its score is the share that its
//! strength has among all candidates and "none of these",
//!
//! ```text
//! score(c) = e^strength(c) / (e^NONE_OF_THESE + sum over all candidates d of e^strength(d))
//! ```
//!
//! so a lone but weak candidate stays below the threshold, two equally good ones halve the trust in
//! each, and a score of 0.9 means that nine in ten such answers should be right (the labelled
//! tables in `tests/data/labels` check that).
//!
//! The order of the candidates handed in never matters.

mod evidence;
mod feature;
mod likeness;
mod names;
mod sets;
#[cfg(test)]
mod tests;

pub use feature::{Counted, Feature};
pub(super) use names::{SHARED_DIRECTORIES, drop_in, without_release};
pub(super) use sets::{is_interpreter, plain_of_variant};

use super::versions::{self, Wanted};
use super::{AttrPath, Basis, Candidate, FileForm, Kind, Output, Query, Scored, SourceKind};
use evidence::{evidence, is_private};
use feature::{Mark, ceiling, where_it_is};
use likeness::{name_marks, version_mark};
use names::Stems;
use sets::BUNDLES;

/// Below this the answer stays open and the candidates are shown.
pub const THRESHOLD: f64 = 0.5;

/// The strength of the answer that no candidate is right.
const NONE_OF_THESE: f64 = 3.5;

/// How many candidates are answered; nobody looks further down.
pub const SHOWN: usize = 8;

/// Scores the candidates for a query, best first: one entry per attribute, the best [`SHOWN`] of
/// them.
///
/// Candidates of one attribute from several sources are one: the strongest of them counts, and each
/// further source adds to it.
/// The attributes that a person prefers come from `nixtrace.yaml`.
pub fn rank(query: &Query, candidates: &[Candidate], preferred: &[AttrPath]) -> Vec<Scored> {
    let wanted = versions::wanted(query);
    let stems = Stems::of(query);
    let mut rows: Vec<&Candidate> = candidates.iter().collect();
    rows.sort_by_key(|row| &row.attr);
    let by_attr = || rows.chunk_by(|a, b| a.attr == b.attr);
    let field = Field {
        attrs: by_attr().map(|rows| rows[0].attr.as_str()).collect(),
        command_is_listed: query.kind == Kind::Command
            && candidates.iter().any(is_widely_listed_command),
        above_it: by_attr()
            .filter(|rows| rows.iter().all(|row| row.facts.below.is_some()))
            .count(),
        wanted,
        stems,
    };
    let mut judged: Vec<Judged<'_>> = by_attr()
        .map(|rows| judge(query, rows, &field, preferred))
        .collect();
    // Attributes are unique here, so the order is total.
    judged.sort_by(|a, b| {
        b.strength
            .total_cmp(&a.strength)
            .then_with(|| a.row.attr.cmp(&b.row.attr))
    });
    // Strengths are small numbers (the weights above), so their exponentials are finite.
    let total: f64 = NONE_OF_THESE.exp()
        + judged
            .iter()
            .map(|judged| judged.strength.exp())
            .sum::<f64>();
    let mut scored: Vec<(f64, Judged<'_>)> = judged
        .into_iter()
        .map(|judged| (judged.score(total), judged))
        .collect();
    // A ceiling can put a strong candidate below a weaker one; the sort is stable.
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.truncate(SHOWN);
    scored
        .into_iter()
        .map(|(score, judged)| judged.told(score, query, field.wanted.as_ref()))
        .collect()
}

/// What one candidate is judged against: the question, and the others.
struct Field<'a> {
    attrs: Vec<&'a str>,
    /// Whether later listings have the command that is asked for.
    command_is_listed: bool,
    /// How many have only the directory above it.
    above_it: usize,
    wanted: Option<Wanted>,
    stems: Stems,
}

/// Whether nearly all listings have the command, and not only in a package that stands in for
/// others.
fn is_widely_listed_command(row: &Candidate) -> bool {
    row.facts.linux_listings >= 24
        && row.form != FileForm::ReExport
        && !is_private(Kind::Command, row.place.as_bytes())
        && !BUNDLES
            .iter()
            .any(|bundle| row.attr.as_str().starts_with(bundle))
}

/// An attribute with all that was said about it.
struct Judged<'a> {
    /// The strongest of its candidates.
    row: &'a Candidate,
    output: Output,
    strength: f64,
    marks: Vec<Mark<'a>>,
    notes: Vec<&'a str>,
    /// What an index saw, where that is not the strongest: worth telling, though it only counts as
    /// agreement.
    listing: Option<&'a Candidate>,
}

impl Judged<'_> {
    fn score(&self, total: f64) -> f64 {
        if self.row.source == SourceKind::Pin {
            return 1.0;
        }
        let score = self
            .marks
            .iter()
            .map(|mark| ceiling(mark.feature))
            .fold(self.strength.exp() / total, f64::min);
        (score * 1000.0).round() / 1000.0
    }

    fn told(mut self, score: f64, query: &Query, wanted: Option<&Wanted>) -> Scored {
        self.marks.sort_by(|a, b| {
            b.value()
                .abs()
                .total_cmp(&a.value().abs())
                .then_with(|| a.feature.cmp(&b.feature))
        });
        let mut because: Vec<String> = self.notes.iter().map(|note| (*note).to_owned()).collect();
        because.extend(self.listing.map(|listing| where_it_is(query, listing)));
        for mark in &self.marks {
            if let Some(words) = mark.words(query, self.row, wanted)
                && !because.contains(&words)
            {
                because.push(words);
            }
        }
        Scored {
            attr: self.row.attr.clone(),
            output: self.output,
            score,
            because,
            origin: None,
            forced: None,
            features: self
                .marks
                .iter()
                .map(|mark| Counted {
                    feature: mark.feature,
                    weight: mark.value(),
                })
                .collect(),
        }
    }
}

fn judge<'a>(
    query: &Query,
    rows: &[&'a Candidate],
    field: &Field<'a>,
    preferred: &[AttrPath],
) -> Judged<'a> {
    let mut marked: Vec<(&Candidate, Vec<Mark<'_>>)> = rows
        .iter()
        .map(|row| (*row, evidence(query, row)))
        .collect();
    // By strength; what remains equal is decided by content, so that order never matters.
    marked.sort_by(|(a, a_marks), (b, b_marks)| {
        strength(b_marks)
            .total_cmp(&strength(a_marks))
            .then_with(|| {
                (a.source, &a.output, &a.place, &a.note)
                    .cmp(&(b.source, &b.output, &b.place, &b.note))
            })
    });
    // A rule of thumb sees the same names as the host's source does: no second opinion.
    let sources = rows
        .iter()
        .map(|row| row.source)
        .filter(|source| *source != SourceKind::Heuristic)
        .fold(0_u8, |sources, source| sources | 1 << source as u8)
        .count_ones();
    let mut notes: Vec<&str> = marked
        .iter()
        .filter_map(|(row, _)| row.note.as_deref())
        .collect();
    notes.dedup();
    // A listing knows the output; rules only know the custom. What was written by hand mends the old
    // listings of the catalogue, not the person's own.
    let is_listed =
        |row: &Candidate| matches!(row.basis, Basis::Listed | Basis::ListedUnderOtherName);
    let output_said_by = |row: &Candidate| match row.source {
        SourceKind::Catalogue if row.basis == Basis::Manual => 1,
        SourceKind::Catalogue if is_listed(row) => 2,
        _ if is_listed(row) => 0,
        _ => 3,
    };
    let output = marked
        .iter()
        .filter(|(row, _)| row.output.is_some())
        .min_by_key(|(row, _)| output_said_by(row))
        .and_then(|(row, _)| row.output.clone())
        .unwrap_or_default();
    let popularity = rows
        .iter()
        .map(|row| row.popularity)
        .max()
        .unwrap_or_default();
    let (row, mut marks) = marked.swap_remove(0);
    let listing = marked
        .iter()
        .map(|(other, _)| *other)
        .find(|other| is_listed(other))
        .filter(|_| !is_listed(row));
    marks.extend(name_marks(query, row, rows, field));
    if marks
        .iter()
        .any(|mark| mark.feature == Feature::MajorOfAnother)
    {
        // The main program of one version is that of the package itself as well.
        marks.retain(|mark| mark.feature != Feature::MainProgram);
    }
    marks.extend(version_mark(query.kind, row, field.wanted.as_ref()));
    if preferred.contains(&row.attr) {
        marks.push(Mark::of(Feature::Preferred));
    }
    let signs = rows
        .iter()
        .filter(|row| row.source == SourceKind::Host)
        .map(|row| match row.basis {
            Basis::Guess(agreements) => agreements,
            _ => 2,
        })
        .max();
    if sources > 1
        && let Some(signs) = signs
    {
        marks.push(Mark::of(Feature::OwnedOnHost).part(f64::from(signs) / 2.0));
    }
    if sources > 1 {
        marks.push(Mark::of(Feature::AnotherSource).part(f64::from(sources - 1)));
    }
    if popularity > 0 {
        // Who has the directory above need not have the file, however widely it is used.
        let counts = if query.kind == Kind::Data && row.facts.below.is_some() {
            0.4
        } else {
            1.0
        };
        let share = counts * f64::from(popularity) / 255.0;
        marks.push(Mark::of(Feature::Popular).part(share));
    }
    Judged {
        row,
        output,
        strength: strength(&marks),
        marks,
        notes,
        listing,
    }
}

fn strength(marks: &[Mark<'_>]) -> f64 {
    marks.iter().map(Mark::value).sum()
}
