//! What one source's row says of a candidate, without regard to names.

use super::feature::{Feature, Mark};
use crate::resolve::{Basis, Candidate, FileForm, Kind, Query, Sign, SourceKind};

/// What one source's row says, without regard to names.
pub(super) fn evidence(query: &Query, row: &Candidate) -> Vec<Mark<'static>> {
    // Few have more to be said of them.
    let mut marks = Vec::with_capacity(12);
    let facts = &row.facts;
    match row.source {
        SourceKind::Pin => marks.push(Mark::of(Feature::Pinned)),
        SourceKind::Store => marks.push(Mark::of(Feature::InStorePath)),
        SourceKind::Heuristic if row.basis != Basis::Manual => {
            marks.push(Mark::of(Feature::RuleOfThumb))
        }
        _ => {}
    }
    marks.push(Mark::of(match row.basis {
        Basis::Listed => Feature::Listed,
        Basis::ListedUnderOtherName => Feature::ListedUnderOtherName,
        Basis::CommandTable => Feature::CommandTable,
        Basis::NameOnly => Feature::NameOnly,
        Basis::Guess(_) => Feature::Guess,
        Basis::Manual => Feature::Manual,
    }));
    if let Basis::Guess(agreements @ 1..) = row.basis {
        marks.push(Mark::of(Feature::Agreement).part(f64::from(agreements.min(4) - 1)));
    }
    for (sign, feature) in [
        (Sign::SourceName, Feature::SameSource),
        (Sign::HomePage, Feature::SameHomePage),
    ] {
        if facts.signs.contains(&sign) {
            marks.push(Mark::of(feature));
        }
    }
    let listings = f64::from(facts.linux_listings);
    if listings > 0.0 {
        marks.push(Mark::of(Feature::OftenListed).part((1.0 + listings).ln() / 34f64.ln()));
    }
    match row.form {
        FileForm::Regular => {}
        FileForm::Link => marks.push(Mark::of(Feature::Link)),
        FileForm::ReExport => marks.push(Mark::of(Feature::ReExport)),
    }
    if is_private(query.kind, row.place.as_bytes()) {
        marks.push(Mark::of(Feature::PrivatePlace));
    }
    if let Some(below) = &facts.below {
        // The further above, the less it says: many packages have something in `share/gdb`.
        let further = query.name.len().saturating_sub(below.len());
        let levels = query.name.as_bytes()[query.name.len() - further..]
            .iter()
            .filter(|byte| matches!(byte, b'/' | b':' | b'.'))
            .count();
        let levels = match query.kind {
            Kind::Data => levels.clamp(1, 3),
            // Python's modules put their headers beside its own.
            Kind::Header if below.starts_with(b"python3.") && query.name != *below => 40,
            _ => 1,
        };
        marks.push(Mark::of(Feature::DirectoryAbove).part(levels as f64));
    }
    if facts.sibling.is_some() {
        marks.push(Mark::of(Feature::OtherVersion));
    }
    if facts.name_from_darwin {
        marks.push(Mark::of(Feature::NameFromDarwin));
    }
    if facts.is_main_program {
        marks.push(Mark::of(Feature::MainProgram));
    }
    if facts.removed_by.is_some() {
        marks.push(Mark::of(Feature::Removed));
    }
    if facts.unfree {
        marks.push(Mark::of(Feature::Unfree));
    }
    marks
}

/// Whether a place in an output is not one where a program of another package looks.
pub(super) fn is_private(kind: Kind, place: &[u8]) -> bool {
    let public: &[&[u8]] = match kind {
        Kind::Soname | Kind::LinkName => &[b"", b"lib", b"lib64"],
        Kind::Command => &[b"", b"bin", b"sbin"],
        Kind::PkgConfig => &[b"", b"lib/pkgconfig", b"share/pkgconfig"],
        _ => return false,
    };
    !public.contains(&place)
}
