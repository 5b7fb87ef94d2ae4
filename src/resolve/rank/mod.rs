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

mod names;
mod sets;

pub(super) use names::{SHARED_DIRECTORIES, without_release};
pub(super) use sets::is_interpreter;

use super::distro::Manager;
use super::minimal::is_in_every_stdenv;
use super::versions::{self, Wanted};
use super::{AttrPath, Basis, Candidate, FileForm, Kind, Output, Query, Scored, Sign, SourceKind};
use names::{Likeness, Stems};
use sets::{
    BUNDLES, INTERPRETERS, PLAIN_SETS, is_copy_set, is_extension_of, is_language_set, is_module_of,
    is_release_of, is_variant, plain_of, proper_set,
};
use std::collections::BTreeMap;

/// Below this the answer stays open and the candidates are shown.
pub const THRESHOLD: f64 = 0.5;

/// Ours are never quite certain; only a person's pin is.
const HIGHEST: f64 = 0.99;

/// The strength of the answer that no candidate is right.
const NONE_OF_THESE: f64 = 3.5;

/// What can speak for or against a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// A person wrote it into `nixtrace.yaml`.
    Pinned,
    /// A person prefers the attribute in `nixtrace.yaml`.
    Preferred,
    /// The store path's own name says so.
    InStorePath,
    /// The output of a build has the file.
    Listed,
    /// The same, but the attribute was told from the derivation's name.
    ListedUnderOtherName,
    /// Only a release's command table has it.
    CommandTable,
    /// Only the package's name speaks for it.
    NameOnly,
    /// Only the old command table has it, while later listings have the command elsewhere: it has
    /// been dropped or absorbed since.
    NoLongerListed,
    /// Every build has the command from this package, so nothing else need be named for it.
    InEveryStdenv,
    /// One agreement of names between Debian and nixpkgs; each further one adds [`Self::Agreement`].
    Guess,
    /// A further independent agreement.
    Agreement,
    /// The guess rests on the name of Debian's source package, unchanged.
    SameSource,
    /// The guess rests on the project's home page.
    SameHomePage,
    /// No source but a rule of thumb about names says so.
    RuleOfThumb,
    /// Written by hand into the catalogue.
    Manual,
    /// Per source that says the same.
    AnotherSource,
    /// The package that owns the very file on this host is the attribute's, by its other files or
    /// its name: the full weight for two signs of that.
    OwnedOnHost,
    /// Seen in many listings, against in few: the full weight for all.
    OftenListed,
    /// The file is a link within the output.
    Link,
    /// The file is a link to another package's.
    ReExport,
    /// It lies where only the package itself looks: a plugin, or a copy of its own.
    PrivatePlace,
    /// The index knows only the directory above.
    DirectoryAbove,
    /// The index knows only another version of the name.
    OtherVersion,
    /// The name was told from the name on Darwin.
    NameFromDarwin,
    /// The command is what the package is called for.
    MainProgram,
    /// The attribute is called as the thing is.
    NameIsIt,
    /// The derivation is called as the thing is.
    DerivationNameIsIt,
    /// The names agree but for `lib`, version and punctuation.
    NameAlike,
    /// One name begins with the other.
    NameBegins,
    /// A member of a set other than the one where such things live.
    SetMember,
    /// A member of the set where such things live (`python3Packages` for a Python module).
    ProperSet,
    /// A member of a set that holds copies of packages: another platform's, a language's, a
    /// program's own.
    CopySet,
    /// A variant by name: `…Full`, `…Minimal`, `…-unwrapped`, `…-bin`, `…-headless`.
    Variant,
    /// The name of another candidate, and something added to it: `gpm-ncurses` beside `gpm`.
    VariantOfAnother,
    /// A program that carries copies of what others provide, or stands in for them.
    Bundle,
    /// An attribute for one major version, where another candidate is the plain one.
    MajorOfAnother,
    /// An attribute for one major version that only a release of years ago is known to have had;
    /// nixpkgs drops old majors.
    OldMajor,
    /// An interpreter under whose name a listing has an environment: a member of its own set has
    /// the file as well.
    Environment,
    /// The version in the name asks for this variant.
    RightVersion,
    /// The version in the name asks for another variant.
    WrongVersion,
    /// The version in the name is one that nixpkgs has no variant for; another may do.
    GoneVersion,
    /// The full weight for what nearly every package takes as an argument.
    Popular,
    /// nixpkgs has removed it.
    Removed,
    /// The licence is unfree.
    Unfree,
}

/// The weights, in natural log-odds.
const WEIGHTS: &[(Feature, f64)] = &[
    (Feature::Pinned, 20.0),
    (Feature::Preferred, 4.0),
    (Feature::InStorePath, 4.0),
    (Feature::Listed, 4.0),
    (Feature::ListedUnderOtherName, 2.6),
    (Feature::CommandTable, 3.0),
    (Feature::NameOnly, 1.5),
    (Feature::NoLongerListed, -2.5),
    (Feature::InEveryStdenv, 4.0),
    (Feature::Guess, 2.2),
    (Feature::Agreement, 0.9),
    (Feature::SameSource, 1.6),
    (Feature::SameHomePage, 1.4),
    (Feature::RuleOfThumb, -0.5),
    (Feature::Manual, 10.0),
    (Feature::AnotherSource, 1.5),
    (Feature::OwnedOnHost, 2.0),
    (Feature::OftenListed, 1.0),
    (Feature::Link, -0.4),
    (Feature::ReExport, -7.0),
    (Feature::PrivatePlace, -2.5),
    (Feature::DirectoryAbove, -0.4),
    (Feature::OtherVersion, -1.5),
    (Feature::NameFromDarwin, -0.3),
    (Feature::MainProgram, 2.5),
    (Feature::NameIsIt, 3.0),
    (Feature::DerivationNameIsIt, 1.5),
    (Feature::NameAlike, 2.5),
    (Feature::NameBegins, 1.0),
    (Feature::SetMember, -2.0),
    (Feature::ProperSet, 1.5),
    (Feature::CopySet, -6.0),
    (Feature::Variant, -4.0),
    (Feature::VariantOfAnother, -2.0),
    (Feature::Bundle, -4.0),
    (Feature::MajorOfAnother, -2.5),
    (Feature::OldMajor, -2.5),
    (Feature::Environment, -5.0),
    (Feature::RightVersion, 6.0),
    (Feature::WrongVersion, -5.0),
    (Feature::GoneVersion, -1.0),
    (Feature::Popular, 3.5),
    (Feature::Removed, -5.0),
    (Feature::Unfree, -0.7),
];

fn weight(feature: Feature) -> f64 {
    WEIGHTS
        .iter()
        .find_map(|(named, weight)| (*named == feature).then_some(*weight))
        .unwrap_or(0.0)
}

/// How certain an answer can be that a feature speaks against: other evidence adds up to a high
/// share, but cannot make up for these.
fn ceiling(feature: Feature) -> f64 {
    match feature {
        Feature::WrongVersion => 0.4,
        Feature::GoneVersion => 0.6,
        Feature::OtherVersion => 0.75,
        Feature::RuleOfThumb => 0.65,
        Feature::Guess => 0.9,
        Feature::NameOnly => 0.8,
        Feature::Removed => 0.4,
        _ => HIGHEST,
    }
}

/// A feature of a candidate: how much of its weight counts, and the other attribute that it is about
/// if there is one.
struct Mark<'a> {
    feature: Feature,
    share: f64,
    other: Option<&'a str>,
}

impl<'a> Mark<'a> {
    fn of(feature: Feature) -> Self {
        Self {
            feature,
            share: 1.0,
            other: None,
        }
    }

    fn beside(feature: Feature, other: &'a str) -> Self {
        Self {
            other: Some(other),
            ..Self::of(feature)
        }
    }

    fn part(self, share: f64) -> Self {
        Self { share, ..self }
    }

    fn value(&self) -> f64 {
        weight(self.feature) * self.share
    }

    /// The feature in the words that a person reads, if it is worth telling. They are made for the
    /// candidates that are shown only: most are never seen.
    fn words(&self, query: &Query, row: &Candidate, wanted: Option<&Wanted>) -> Option<String> {
        let attr = &row.attr;
        let other = self.other.unwrap_or_default();
        Some(match self.feature {
            Feature::Preferred => "preferred in nixtrace.yaml".to_owned(),
            Feature::Listed | Feature::ListedUnderOtherName => where_it_is(query, row),
            Feature::CommandTable if row.source == SourceKind::Index => {
                format!("your channel's table of commands has it in {attr}")
            }
            Feature::CommandTable => {
                format!("the command table of an older release has it in {attr}")
            }
            Feature::NoLongerListed => format!("but no later listing has it in {attr}"),
            Feature::InEveryStdenv => "every stdenv has it".to_owned(),
            Feature::Agreement if row.source == SourceKind::Catalogue => {
                "guessed from the names of Debian's packages".to_owned()
            }
            // What the host's package tells is in the note.
            Feature::Agreement if row.source != SourceKind::Host => "guessed from names".to_owned(),
            Feature::ReExport => "but there it is a link to another package's file".to_owned(),
            Feature::PrivatePlace => format!("but only in {}, for its own use", row.place),
            Feature::OtherVersion => {
                let sibling = row.facts.sibling.as_ref()?;
                format!("known only as {sibling}: check that the version fits")
            }
            Feature::MainProgram => format!("it is the main program of {attr}"),
            Feature::Removed => {
                let release = row.facts.removed_by.as_ref()?;
                format!("but nixpkgs {release} has removed {attr}")
            }
            Feature::Unfree => "but its licence is unfree".to_owned(),
            Feature::NameIsIt => "the name is the same".to_owned(),
            Feature::NameAlike => "the name fits".to_owned(),
            Feature::DerivationNameIsIt => "the derivation's name fits".to_owned(),
            Feature::CopySet => format!("but {other} holds copies of packages"),
            Feature::Variant => format!("but {attr} is a variant"),
            Feature::VariantOfAnother => format!("but {attr} is a variant of {other}"),
            Feature::Bundle => format!("but {attr} bundles what others provide"),
            Feature::MajorOfAnother => format!("but {attr} is one version of {other}"),
            Feature::WrongVersion => match wanted {
                Some(Wanted {
                    attr: None, family, ..
                }) => format!("but nixpkgs has no {family} of this version"),
                _ => format!("but the version asked for is not that of {attr}"),
            },
            Feature::GoneVersion => {
                format!("nixpkgs has no {} of this version any more", wanted?.family)
            }
            Feature::Popular if self.share > 0.5 => "widely used in nixpkgs".to_owned(),
            _ => return None,
        })
    }
}

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
    let mut by_attr: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
    for candidate in candidates {
        by_attr
            .entry(candidate.attr.as_str())
            .or_default()
            .push(candidate);
    }
    let field = Field {
        attrs: by_attr.keys().copied().collect(),
        command_is_listed: query.kind == Kind::Command
            && candidates.iter().any(is_widely_listed_command),
        wanted,
        stems,
    };
    let mut judged: Vec<Judged<'_>> = by_attr
        .values()
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
    let mut sources: Vec<SourceKind> = rows
        .iter()
        .map(|row| row.source)
        .filter(|source| *source != SourceKind::Heuristic)
        .collect();
    sources.sort_unstable();
    sources.dedup();
    let mut notes: Vec<&str> = marked
        .iter()
        .filter_map(|(row, _)| row.note.as_deref())
        .collect();
    notes.dedup();
    // A listing knows the output; rules only know the custom.
    let is_listed =
        |row: &Candidate| matches!(row.basis, Basis::Listed | Basis::ListedUnderOtherName);
    let output = marked
        .iter()
        .filter(|(row, _)| is_listed(row))
        .chain(&marked)
        .find_map(|(row, _)| row.output.clone())
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
    if sources.len() > 1
        && let Some(signs) = signs
    {
        marks.push(Mark::of(Feature::OwnedOnHost).part(f64::from(signs) / 2.0));
    }
    if sources.len() > 1 {
        marks.push(Mark::of(Feature::AnotherSource).part((sources.len() - 1) as f64));
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

/// What one source's row says, without regard to names.
fn evidence(query: &Query, row: &Candidate) -> Vec<Mark<'static>> {
    let mut marks = Vec::new();
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
        let levels = if query.kind == Kind::Data {
            levels.clamp(1, 3)
        } else {
            1
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

/// `its output dev has include/zlib.h`.
fn where_it_is(query: &Query, row: &Candidate) -> String {
    if let Some(below) = &row.facts.below {
        return format!("{below} is from {}", row.attr);
    }
    let known = row.facts.sibling.as_ref().unwrap_or(&query.name);
    let output = row.output.clone().unwrap_or_default();
    let place = row.place.as_bytes();
    match query.kind {
        Kind::Header => format!("its output {output} has include/{known}"),
        Kind::Data | Kind::Path => format!("its output {output} has {known}"),
        Kind::Dpkg | Kind::Rpm | Kind::Pacman | Kind::Apk => {
            format!("it is what {} calls {known}", query.kind)
        }
        Kind::PkgConfig => format!("its output {output} has {known}.pc"),
        Kind::Python => format!("it brings the Python module {known}"),
        Kind::Perl => format!("it brings the Perl module {known}"),
        Kind::Gem => format!("it brings the gem {known}"),
        Kind::Node => format!("it brings the Node package {known}"),
        Kind::Lua => format!("it brings the Lua module {known}"),
        Kind::Jar => format!("it brings the Java archive {known}.jar"),
        Kind::R => format!("it brings the R package {known}"),
        Kind::OCaml => format!("it brings the OCaml package {known}"),
        Kind::CMake => format!("it brings the CMake package {known}"),
        Kind::Typelib => format!("it brings the typelib {known}"),
        Kind::GSettings => format!("it brings the schema {known}"),
        Kind::Aclocal => format!("it brings the autoconf macros {known}"),
        _ if place.is_empty() => format!("its output {output} has {known}"),
        _ => format!("its output {output} has {}/{known}", row.place),
    }
}

/// Whether a place in an output is not one where a program of another package looks.
fn is_private(kind: Kind, place: &[u8]) -> bool {
    let public: &[&[u8]] = match kind {
        Kind::Soname | Kind::LinkName => &[b"", b"lib", b"lib64"],
        Kind::Command => &[b"", b"bin", b"sbin"],
        Kind::PkgConfig => &[b"", b"lib/pkgconfig", b"share/pkgconfig"],
        _ => return false,
    };
    !public.contains(&place)
}

/// What the attribute's and the derivation's names say.
fn name_marks<'a>(
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
    marks.extend(match stems.compare(member) {
        Likeness::Same => Some(Mark::of(Feature::NameIsIt)),
        _ if only_by_name => None,
        Likeness::Alike => Some(Mark::of(Feature::NameAlike)),
        Likeness::Begins => Some(Mark::of(Feature::NameBegins)),
        Likeness::None => pname
            .filter(|pname| matches!(stems.compare(pname), Likeness::Same | Likeness::Alike))
            .map(|_| Mark::of(Feature::DerivationNameIsIt)),
    });
    if let Some(set) = set {
        let first = set.split('.').next().unwrap_or_default();
        if Some(first) == proper_set(query.kind) {
            marks.push(Mark::of(Feature::ProperSet));
        } else if Manager::of(query.kind).is_some() && is_language_set(first) {
            // A distribution's package of a module is a member of the set, which says nothing.
        } else if is_copy_set(first) {
            marks.push(Mark::beside(Feature::CopySet, first));
        } else if !PLAIN_SETS.iter().any(|plain| is_release_of(first, plain)) {
            marks.push(Mark::of(Feature::SetMember));
        }
    }
    if is_variant(member, stems) {
        marks.push(Mark::of(Feature::Variant));
    } else if let Some(plain) = attrs.iter().find(|plain| is_extension_of(attr, plain)) {
        marks.push(Mark::beside(Feature::VariantOfAnother, plain));
    }
    if BUNDLES.iter().any(|bundle| attr.starts_with(bundle))
        && stems.compare(member) == Likeness::None
    {
        marks.push(Mark::of(Feature::Bundle));
    }
    if let Some(plain) =
        plain_of(attr).find_map(|plain| attrs.iter().copied().find(|attr| *attr == plain))
    {
        marks.push(Mark::beside(Feature::MajorOfAnother, plain));
    }
    if row.basis == Basis::ListedUnderOtherName
        && stems.compare(member) == Likeness::None
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
        && !is_variant(member, stems)
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
    if only_long_ago && stems.compare(member) != Likeness::Same && plain_of(attr).next().is_some() {
        marks.push(Mark::of(Feature::OldMajor));
    }
    marks
}

fn version_mark(kind: Kind, row: &Candidate, wanted: Option<&Wanted>) -> Option<Mark<'static>> {
    let wanted = wanted?;
    let attr = &row.attr;
    match &wanted.attr {
        Some(right) if right == attr.as_str() => Some(Mark::of(Feature::RightVersion)),
        Some(_) if wanted.contradicts(attr) => Some(Mark::of(Feature::WrongVersion)),
        // A program that was linked with a version of which nixpkgs has none runs with no other;
        // a command may well be served by another.
        None if kind == Kind::Soname => Some(Mark::of(Feature::WrongVersion)),
        None if wanted.contradicts(attr) => Some(Mark::of(Feature::GoneVersion)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::Facts;
    use crate::trace::Bytes;
    use proptest::prelude::*;

    /// A candidate written as `attr^output has place`, with what differs from a file that all
    /// listings have.
    fn candidate(text: &str) -> Candidate {
        let (attr, rest) = text.split_once('^').unwrap();
        let (output, place) = rest.split_once(' ').unwrap_or((rest, ""));
        Candidate {
            attr: AttrPath::new(attr).unwrap(),
            output: (!output.is_empty()).then(|| Output(output.to_owned())),
            source: SourceKind::Catalogue,
            basis: Basis::Listed,
            form: FileForm::Regular,
            place: Bytes::from(place),
            popularity: 60,
            note: None,
            facts: Facts {
                linux_listings: 33,
                ..Facts::default()
            },
        }
    }

    fn ranked(query: Query, candidates: &[Candidate]) -> Vec<(String, f64)> {
        rank(&query, candidates, &[])
            .into_iter()
            .map(|scored| (scored.attr.to_string(), scored.score))
            .collect()
    }

    #[track_caller]
    fn wins(query: Query, best: &str, candidates: &[Candidate]) {
        let ranked = ranked(query, candidates);
        assert_eq!(ranked[0].0, best, "{ranked:?}");
        assert!(ranked[0].1 >= THRESHOLD, "{ranked:?}");
    }

    #[test]
    fn the_package_that_is_the_thing_goes_before_one_that_carries_it() {
        wins(
            Query::parse(b"libz.so.1"),
            "zlib",
            &[
                candidate("zlib^out lib"),
                candidate("steam-run^out lib"),
                candidate("acme^out lib/acme/vendor"),
            ],
        );
    }

    #[test]
    fn a_link_to_another_package_is_never_the_owner() {
        let mut link = candidate("elmPackages.elm^out lib");
        link.form = FileForm::ReExport;
        assert_eq!(
            ranked(Query::parse(b"libz.so.1"), &[link])
                .first()
                .map(|first| first.1 < THRESHOLD),
            Some(true)
        );
    }

    #[test]
    fn a_variant_goes_after_the_package() {
        wins(
            Query::parse(b"git"),
            "git",
            &[
                candidate("gitFull^out bin"),
                candidate("gitMinimal^out bin"),
                candidate("git^out bin"),
            ],
        );
    }

    fn command(text: &str, basis: Basis) -> Candidate {
        let mut row = candidate(&format!("{text}^bin bin"));
        row.basis = basis;
        if basis == Basis::CommandTable {
            row.facts.linux_listings = 0;
            row.facts.is_main_program = true;
        }
        row
    }

    #[test]
    fn a_command_that_every_stdenv_has_is_from_there() {
        wins(
            Query::new(Kind::Command, "mktemp"),
            "coreutils",
            &[
                command("mktemp", Basis::CommandTable),
                command("coreutils", Basis::Listed),
                command("coreutils-full", Basis::Listed),
            ],
        );
    }

    #[test]
    fn a_package_that_no_later_listing_has_goes_after_one_that_all_have() {
        let mut listed = command("util-linux", Basis::Listed);
        listed.popularity = 180;
        wins(
            Query::new(Kind::Command, "hardlink"),
            "util-linux",
            &[command("hardlink", Basis::CommandTable), listed],
        );
    }

    #[test]
    fn the_main_program_of_one_version_is_that_of_the_package() {
        let mut version = candidate("tesseract4^out bin");
        version.facts.is_main_program = true;
        let mut plain = candidate("tesseract^out bin");
        plain.basis = Basis::ListedUnderOtherName;
        wins(
            Query::new(Kind::Command, "tesseract"),
            "tesseract",
            &[version, plain],
        );
    }

    #[test]
    fn a_python_module_is_sought_in_its_set() {
        let query = Query::new(Kind::Python, "numpy");
        wins(
            query,
            "python3Packages.numpy",
            &[
                candidate("python3Packages.numpy^out site"),
                candidate("numpy-c^out lib"),
            ],
        );
    }

    #[test]
    fn the_version_asked_for_decides() {
        let candidates = [
            candidate("openssl^out lib"),
            candidate("openssl_1_1^out lib"),
        ];
        wins(Query::parse(b"libssl.so.1.1"), "openssl_1_1", &candidates);
        wins(Query::parse(b"libssl.so.3"), "openssl", &candidates);
    }

    #[test]
    fn another_version_is_never_certain() {
        let mut other = candidate("foo^out lib");
        other.facts.sibling = Some("libfoo.so.1".into());
        let ranked = rank(&Query::parse(b"libfoo.so.2"), &[other], &[]);
        assert!((THRESHOLD..0.8).contains(&ranked[0].score), "{ranked:?}");
        assert!(
            ranked[0]
                .because
                .contains(&"known only as libfoo.so.1: check that the version fits".to_owned())
        );
    }

    #[test]
    fn where_no_attribute_has_the_version_nothing_is_answered() {
        let ranked = ranked(
            Query::parse(b"libboost_system.so.1.74.0"),
            &[candidate("boost^out lib")],
        );
        assert!(ranked[0].1 < THRESHOLD, "{ranked:?}");
    }

    #[test]
    fn two_equal_candidates_leave_it_open() {
        let ranked = ranked(
            Query::parse(b"libx.so.1"),
            &[candidate("aaa^out lib"), candidate("bbb^out lib")],
        );
        assert!(ranked[0].1 <= THRESHOLD, "{ranked:?}");
        assert_eq!(
            ranked[0].0, "aaa",
            "the order of names decides between equals"
        );
    }

    #[test]
    fn a_pin_is_certain_and_a_preference_decides() {
        let mut pin = candidate("mine^out ");
        pin.source = SourceKind::Pin;
        assert_eq!(
            ranked(Query::parse(b"libx.so.1"), &[pin]),
            [("mine".to_owned(), 1.0)]
        );
        let candidates = [candidate("aaa^out lib"), candidate("bbb^out lib")];
        let preferred = [AttrPath::new("bbb").unwrap()];
        let scored = rank(&Query::parse(b"libx.so.1"), &candidates, &preferred);
        assert_eq!(scored[0].attr.as_str(), "bbb");
        assert!(scored[0].score > 0.9);
    }

    #[test]
    fn sources_that_agree_are_one_candidate_with_both_reasons() {
        let mut host = candidate("zlib^ ");
        host.source = SourceKind::Host;
        host.basis = Basis::Guess(3);
        host.note = Some("owned by Debian's zlib1g (source zlib)".to_owned());
        let scored = rank(
            &Query::parse(b"libz.so.1"),
            &[candidate("zlib^out lib"), host],
            &[],
        );
        assert_eq!(scored.len(), 1);
        assert_eq!(scored[0].output, Output("out".to_owned()));
        assert_eq!(
            scored[0].because[0],
            "owned by Debian's zlib1g (source zlib)"
        );
        assert!(
            scored[0]
                .because
                .contains(&"its output out has lib/libz.so.1".to_owned())
        );
    }

    fn any_candidate() -> impl Strategy<Value = Candidate> {
        let attr = prop::sample::select(vec![
            "zlib",
            "git",
            "gitFull",
            "openssl_1_1",
            "python3Packages.x",
            "a",
            "b-bin",
        ]);
        let basis = prop::sample::select(vec![
            Basis::Listed,
            Basis::CommandTable,
            Basis::NameOnly,
            Basis::Guess(0),
            Basis::Guess(9),
            Basis::Manual,
        ]);
        let form =
            prop::sample::select(vec![FileForm::Regular, FileForm::Link, FileForm::ReExport]);
        let source = prop::sample::select(vec![
            SourceKind::Catalogue,
            SourceKind::Host,
            SourceKind::Index,
        ]);
        let place = prop::sample::select(vec!["", "lib", "bin", "lib/x"]);
        let output = prop::option::of(prop::sample::select(vec!["out", "lib", "dev"]));
        (
            attr,
            basis,
            form,
            source,
            place,
            output,
            any::<u8>(),
            any::<u8>(),
            any::<bool>(),
        )
            .prop_map(
                |(
                    attr,
                    basis,
                    form,
                    source,
                    place,
                    output,
                    popularity,
                    linux_listings,
                    is_main_program,
                )| Candidate {
                    attr: AttrPath::new(attr).unwrap(),
                    output: output.map(|output| Output(output.to_owned())),
                    source,
                    basis,
                    form,
                    place: Bytes::from(place),
                    popularity,
                    note: None,
                    facts: Facts {
                        linux_listings,
                        is_main_program,
                        ..Facts::default()
                    },
                },
            )
    }

    proptest! {
        #[test]
        fn the_order_of_candidates_never_matters(
            candidates in prop::collection::vec(any_candidate(), 0..12),
            name in prop::sample::select(vec!["git", "libz.so.1", "libssl.so.1.1", "zlib.pc", "\u{fffd}::x"]),
            shuffle in any::<prop::sample::Index>(),
        ) {
            let query = Query::parse(name.as_bytes());
            let mut turned = candidates.clone();
            if !turned.is_empty() {
                turned.rotate_left(shuffle.index(candidates.len()));
            }
            let mut backwards = candidates.clone();
            backwards.reverse();
            let scored = rank(&query, &candidates, &[]);
            prop_assert_eq!(&rank(&query, &turned, &[]), &scored);
            prop_assert_eq!(&rank(&query, &backwards, &[]), &scored);
            prop_assert!(scored.iter().all(|one| (0.0..=1.0).contains(&one.score)));
            prop_assert!(scored.is_sorted_by(|a, b| a.score >= b.score));
        }
    }
}
