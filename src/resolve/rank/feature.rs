//! What can speak for or against a candidate: the features with their weights, and the words for them.

use crate::resolve::versions::Wanted;
use crate::resolve::{Candidate, Kind, Query, SourceKind};
use serde::Serialize;
use std::fmt;

/// Ours are never quite certain; only a person's pin is.
const HIGHEST: f64 = 0.99;

/// What can speak for or against a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
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
    /// The command table has it in no other package.
    OnlyOne,
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
    /// It has something in a directory that many packages share.
    SharedDirectory,
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

impl fmt::Display for Feature {
    /// The word that JSON has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The weights, in natural log-odds.
pub(super) fn weight(feature: Feature) -> f64 {
    match feature {
        Feature::Pinned => 20.0,
        Feature::Preferred => 4.0,
        Feature::InStorePath => 4.0,
        Feature::Listed => 4.0,
        Feature::ListedUnderOtherName => 2.6,
        Feature::CommandTable => 3.0,
        Feature::NameOnly => 1.5,
        Feature::NoLongerListed => -2.5,
        Feature::OnlyOne => 1.0,
        Feature::InEveryStdenv => 4.0,
        Feature::Guess => 2.2,
        Feature::Agreement => 0.9,
        Feature::SameSource => 1.6,
        Feature::SameHomePage => 1.4,
        Feature::RuleOfThumb => -0.5,
        Feature::Manual => 10.0,
        Feature::AnotherSource => 1.5,
        Feature::OwnedOnHost => 2.0,
        Feature::OftenListed => 1.0,
        Feature::Link => -0.4,
        Feature::ReExport => -7.0,
        Feature::PrivatePlace => -2.5,
        Feature::DirectoryAbove => -0.4,
        Feature::SharedDirectory => -2.5,
        Feature::OtherVersion => -1.5,
        Feature::NameFromDarwin => -0.3,
        Feature::MainProgram => 2.5,
        Feature::NameIsIt => 3.0,
        Feature::DerivationNameIsIt => 1.5,
        Feature::NameAlike => 2.5,
        Feature::NameBegins => 1.0,
        Feature::SetMember => -2.0,
        Feature::ProperSet => 1.5,
        Feature::CopySet => -6.0,
        Feature::Variant => -4.0,
        Feature::VariantOfAnother => -2.0,
        Feature::Bundle => -4.0,
        Feature::MajorOfAnother => -2.5,
        Feature::OldMajor => -2.5,
        Feature::Environment => -5.0,
        Feature::RightVersion => 6.0,
        Feature::WrongVersion => -5.0,
        Feature::GoneVersion => -1.0,
        Feature::Popular => 3.5,
        // It is no answer, so whatever speaks for it must not make others less certain.
        Feature::Removed => -12.0,
        Feature::Unfree => -0.7,
    }
}

/// How certain an answer can be that a feature speaks against: other evidence adds up to a high
/// share, but cannot make up for these.
pub(super) fn ceiling(feature: Feature) -> f64 {
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

/// A feature that a candidate has, with what it counts for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Counted {
    /// The feature.
    pub feature: Feature,
    /// Its weight, in natural log-odds, by as much as the candidate has the feature.
    pub weight: f64,
}

/// A feature of a candidate: how much of its weight counts, and the other attribute that it is about
/// if there is one.
pub(super) struct Mark<'a> {
    pub(super) feature: Feature,
    pub(super) share: f64,
    other: Option<&'a str>,
}

impl<'a> Mark<'a> {
    pub(super) fn of(feature: Feature) -> Self {
        Self {
            feature,
            share: 1.0,
            other: None,
        }
    }

    pub(super) fn beside(feature: Feature, other: &'a str) -> Self {
        Self {
            other: Some(other),
            ..Self::of(feature)
        }
    }

    pub(super) fn part(self, share: f64) -> Self {
        Self { share, ..self }
    }

    pub(super) fn value(&self) -> f64 {
        weight(self.feature) * self.share
    }

    /// The feature in the words that a person reads, if it is worth telling. They are made for the
    /// candidates that are shown only: most are never seen.
    pub(super) fn words(
        &self,
        query: &Query,
        row: &Candidate,
        wanted: Option<&Wanted>,
    ) -> Option<String> {
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
            Feature::OnlyOne => "and in no other package".to_owned(),
            Feature::InEveryStdenv => "every stdenv has it".to_owned(),
            Feature::Agreement if row.source == SourceKind::Catalogue => {
                "guessed from the names of Debian's packages".to_owned()
            }
            // What the host's package tells is in the note.
            Feature::Agreement if row.source != SourceKind::Host => "guessed from names".to_owned(),
            Feature::ReExport => "but there it is a link to another package's file".to_owned(),
            Feature::PrivatePlace => format!("but only in {}, for its own use", row.place),
            Feature::SharedDirectory => "but many packages have something there".to_owned(),
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

/// `its output dev has include/zlib.h`.
pub(super) fn where_it_is(query: &Query, row: &Candidate) -> String {
    if let Some(below) = &row.facts.below {
        return format!("{below} is from {}", row.attr);
    }
    let known = row.facts.sibling.as_ref().unwrap_or(&query.name);
    let owner = match &row.output {
        Some(output) => format!("its output {output} has"),
        None => "it has".to_owned(),
    };
    let place = row.place.as_bytes();
    match query.kind {
        Kind::Header => format!("{owner} include/{known}"),
        Kind::Data | Kind::Path => format!("{owner} {known}"),
        Kind::Dpkg | Kind::Rpm | Kind::Pacman | Kind::Apk => {
            format!("it is what {} calls {known}", query.kind)
        }
        Kind::PkgConfig => format!("{owner} {known}.pc"),
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
        _ if place.is_empty() => format!("{owner} {known}"),
        _ => format!("{owner} {}/{known}", row.place),
    }
}
