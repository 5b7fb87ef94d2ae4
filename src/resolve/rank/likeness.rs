//! What the names of an attribute and of its derivation say of a candidate, beside the thing's own
//! name and the other candidates'.

use super::Field;
use super::evidence::is_private;
use super::feature::{Feature, Mark};
use super::names::{Likeness, drop_in};
use super::sets::{
    BUNDLES, INTERPRETERS, PLAIN_SETS, is_copy_set, is_extension_of, is_language_set, is_module_of,
    is_release_of, is_variant, plain_of, proper_set,
};
use crate::resolve::distro::Manager;
use crate::resolve::minimal::is_in_every_stdenv;
use crate::resolve::versions::Wanted;
use crate::resolve::{Basis, Candidate, Kind, Query, Sign, SourceKind};

/// As many packages with something in a directory make its name that of none of them.
const MANY: usize = 5;

/// What the attribute's and the derivation's names say.
pub(super) fn name_marks<'a>(
    query: &Query,
    row: &'a Candidate,
    rows: &[&Candidate],
    field: &Field<'a>,
) -> Vec<Mark<'a>> {
    let Field { attrs, stems, .. } = field;
    let mut marks = Vec::new();
    let attr = row.attr.as_str();
    let (set, member) = attr
        .rsplit_once('.')
        .map_or((None, attr), |(set, member)| (Some(set), member));
    let pname = rows.iter().find_map(|row| row.facts.pname.as_deref());
    // What was found by its name alone has nothing to gain from a likeness of names; only equality
    // is more than the rule that found it.
    let only_by_name = rows.iter().all(|row| {
        matches!(row.basis, Basis::Guess(_) | Basis::NameOnly)
            && row.source != SourceKind::Catalogue
    });
    // Nor has a guess that rests on the library's own name, after which Debian also calls its packages:
    // that is the likeness. The source and the home page do not bear it out.
    let is_guess_by_name = |row: &&Candidate| {
        let by_name = [Sign::PackageName, Sign::LibraryName, Sign::LibraryStem];
        let signs = &row.facts.signs;
        !signs.is_empty() && signs.iter().all(|sign| by_name.contains(sign))
    };
    let guessed_by_it = rows.iter().any(is_guess_by_name)
        && rows
            .iter()
            .all(|row| is_guess_by_name(row) || row.source == SourceKind::Heuristic);
    // Of what is dropped in for a program to find, to know the directory is to know nothing; nor is
    // the directory itself one package's.
    let known = row.facts.below.as_ref().unwrap_or(&query.name);
    let is_dropped_in = query.kind == Kind::Data
        && drop_in(query.name.as_bytes()).is_some_and(|place| known.len() <= place.len());
    // What many packages fill is called after one of them and is still not its own.
    let is_shared = is_dropped_in
        || query.kind == Kind::Data && row.facts.below.is_some() && field.above_it >= MANY;
    // What a rule made of the thing's name agrees with it, of course, and may not even exist.
    let made_of_it = rows
        .iter()
        .all(|row| row.source == SourceKind::Heuristic && row.basis == Basis::Guess(0));
    let likeness = match is_shared || guessed_by_it || made_of_it {
        true => Likeness::None,
        false => stems.compare(member),
    };
    let is_variant = is_variant(member, stems);
    marks.extend(match likeness {
        Likeness::Same => Some(Mark::of(Feature::NameIsIt)),
        _ if only_by_name || is_shared || guessed_by_it => None,
        Likeness::Alike => Some(Mark::of(Feature::NameAlike)),
        Likeness::Begins => Some(Mark::of(Feature::NameBegins)),
        Likeness::None => pname
            .filter(|pname| matches!(stems.compare(pname), Likeness::Same | Likeness::Alike))
            .map(|_| Mark::of(Feature::DerivationNameIsIt)),
    });
    if let Some(set) = set {
        let first = set.split('.').next().unwrap_or_default();
        if made_of_it {
            // That the set is the proper one is the rule.
        } else if Some(first) == proper_set(query.kind) {
            marks.push(Mark::of(Feature::ProperSet));
        } else if Manager::of(query.kind).is_some() && is_language_set(first) {
            // A distribution's package of a module is a member of the set, which says nothing.
        } else if is_copy_set(first) {
            marks.push(Mark::beside(Feature::CopySet, first));
        } else if !PLAIN_SETS.iter().any(|plain| is_release_of(first, plain)) {
            marks.push(Mark::of(Feature::SetMember));
        }
    }
    if is_variant {
        marks.push(Mark::of(Feature::Variant));
    } else if let Some(plain) = attrs.iter().find(|plain| is_extension_of(attr, plain)) {
        marks.push(Mark::beside(Feature::VariantOfAnother, plain));
    }
    // Below these every package of DocBook's has a directory, called as it is.
    let is_docbooks = ["share/sgml/", "share/xml/"]
        .iter()
        .any(|shared| query.name.starts_with(shared.as_bytes()));
    if query.kind == Kind::Data && is_docbooks && likeness == Likeness::None {
        marks.push(Mark::of(Feature::SharedDirectory));
    }
    if is_dropped_in {
        marks.push(Mark::of(Feature::SharedDirectory).part(2.0));
    }
    if likeness == Likeness::None && BUNDLES.iter().any(|bundle| attr.starts_with(bundle)) {
        marks.push(Mark::of(Feature::Bundle));
    }
    if !stems.has_version_of(member)
        && let Some(plain) =
            plain_of(attr).find_map(|plain| attrs.iter().copied().find(|attr| *attr == plain))
    {
        marks.push(Mark::beside(Feature::MajorOfAnother, plain));
    }
    if row.basis == Basis::ListedUnderOtherName
        && likeness == Likeness::None
        && let Some((_, set)) = INTERPRETERS
            .iter()
            .find(|(interpreter, _)| *interpreter == attr)
        && attrs.iter().any(|other| is_module_of(other, set))
    {
        marks.push(Mark::of(Feature::Environment));
    }
    if query.kind == Kind::Command
        && set.is_none()
        && is_in_every_stdenv(attr)
        && !is_variant
        && rows
            .iter()
            .any(|row| row.basis == Basis::Listed && !is_private(query.kind, row.place.as_bytes()))
    {
        marks.push(Mark::of(Feature::InEveryStdenv));
    }
    // The user's own index is of today's nixpkgs; only the embedded one reaches far back.
    let only_long_ago = rows.iter().all(|row| {
        row.source != SourceKind::Index
            && matches!(row.basis, Basis::CommandTable | Basis::NameOnly)
    });
    if only_long_ago && field.command_is_listed {
        marks.push(Mark::of(Feature::NoLongerListed));
    }
    // A name that one package alone ever had is not taken over by another.
    let is_alone = attrs.len() == 1 && row.basis == Basis::CommandTable;
    if is_alone && query.kind == Kind::Command && row.source != SourceKind::Index {
        marks.push(Mark::of(Feature::OnlyOne));
    }
    if only_long_ago && likeness != Likeness::Same && plain_of(attr).next().is_some() {
        marks.push(Mark::of(Feature::OldMajor));
    }
    marks
}

/// What the version in the thing's name says.
pub(super) fn version_mark(
    kind: Kind,
    row: &Candidate,
    wanted: Option<&Wanted>,
) -> Option<Mark<'static>> {
    let wanted = wanted?;
    let attr = &row.attr;
    match &wanted.attr {
        Some(right) if right == attr.as_str() => Some(Mark::of(Feature::RightVersion)),
        Some(_) if wanted.contradicts(attr) => Some(Mark::of(Feature::WrongVersion)),
        // A program that was linked with a version of which nixpkgs has none runs with no other, nor does
        // a build find it by its module's name; a command may well be served by another.
        None if kind != Kind::Command => Some(Mark::of(Feature::WrongVersion)),
        None if wanted.contradicts(attr) => Some(Mark::of(Feature::GoneVersion)),
        _ => None,
    }
}
