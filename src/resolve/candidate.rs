//! What sources answer: attributes that may provide the thing, with the facts that speak for and
//! against each. Judging them is `rank`'s work.

use super::forced::ForcedRole;
use super::origin::Origin;
use super::rank::Counted;
use crate::trace::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An attribute path below `pkgs`: `openssl`, `python3Packages.numpy`.
///
/// Kept as its parts joined with dots; a part that holds a dot does not occur in nixpkgs. Whether a
/// part needs quotes in Nix is the emitter's business.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttrPath(String);

impl AttrPath {
    /// Takes an attribute path of which no part is empty.
    ///
    /// # Errors
    /// Says what is wrong when the text is empty, has an empty part, or a part has characters that
    /// no attribute in nixpkgs has (anything but letters, digits, `_`, `-`, `'` and `+`).
    pub fn new(text: impl Into<String>) -> Result<Self, BadAttrPath> {
        let text = text.into();
        let well_formed = text.split('.').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_-'+".contains(&b))
        });
        if well_formed {
            Ok(Self(text))
        } else {
            Err(BadAttrPath(text))
        }
    }

    /// The dotted text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts between the dots.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// For a member of a language's package set, the set and the member:
    /// `python3Packages.numpy` gives `("python3Packages", "numpy")`.
    pub fn set_member(&self) -> Option<(&str, &str)> {
        self.0.split_once('.')
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not an attribute path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an attribute path of nixpkgs, like `openssl` or `python3Packages.numpy`")]
pub struct BadAttrPath(String);

/// An output of a derivation: `out`, `dev`, `lib`, `bin`, …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Output(pub String);

impl Default for Output {
    fn default() -> Self {
        Self("out".to_owned())
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who answered, in the order in which sources are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// `nixtrace.yaml`.
    Pin,
    /// The path lies in `/nix/store`.
    Store,
    /// The user's index.
    Index,
    /// The index inside this program.
    Catalogue,
    /// The host's package database.
    Host,
    /// A rule of thumb about names.
    Heuristic,
}

/// How the index knows that an attribute has a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// A listing of the attribute's built outputs has the file.
    Listed,
    /// A listing has the file in a store path whose attribute was told from the derivation's name.
    ListedUnderOtherName,
    /// The release's command table (`programs.sqlite`) names it.
    CommandTable,
    /// Only the package's name speaks for it.
    NameOnly,
    /// A guess from the names and home pages of Debian's packages; the number of independent
    /// agreements (1 to 4).
    Guess(u8),
    /// Written by hand.
    Manual,
}

/// In what form the package has the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileForm {
    /// A file of its own, or a directory.
    Regular,
    /// A link within the output.
    Link,
    /// A link to another package's file: that package is the owner.
    ReExport,
}

/// One attribute that may provide what was asked for, as a source knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The attribute, in today's name.
    pub attr: AttrPath,
    /// The output that holds the thing; none when the source does not know.
    pub output: Option<Output>,
    /// Who says so.
    pub source: SourceKind,
    /// What the source knows it from.
    pub basis: Basis,
    /// In what form the file is there.
    pub form: FileForm,
    /// The directory of the output in which it lies (`lib`, `lib/gio/modules`, `bin`); empty when
    /// not known. For Python modules `site` or `stdlib`, for Perl modules `site` or `core`: the
    /// directory's own name has a version in it.
    pub place: Bytes,
    /// How widely the attribute is used, 0 to 255: a logarithmic measure of the package
    /// expressions that take it as an argument.
    pub popularity: u8,
    /// What the source has to add for a person: `owned by Debian's libssl3 (source openssl)`.
    pub note: Option<String>,
    /// What else an index knows; all unknown when the source is no index.
    pub facts: Facts,
}

/// What an index knows of a candidate beyond where the file lies. Nothing here is a judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// In how many of the listings of Linux it was seen (the embedded index read 33).
    pub linux_listings: u8,
    /// In how many of the listings of Darwin it was seen (the embedded index read 3).
    pub darwin_listings: u8,
    /// When a listing last had it, as a year and a month from 1.
    pub last_seen: Option<(u16, u8)>,
    /// Whether the command table of a release names it.
    pub in_command_table: bool,
    /// Whether the file's name was told from its name on Darwin (`libz.1.dylib` -> `libz.so.1`).
    pub name_from_darwin: bool,
    /// The signs that a guess rests on; empty for everything else.
    pub signs: Vec<Sign>,
    /// The derivation's name without its version, if known.
    pub pname: Option<String>,
    /// Whether the command asked for is the attribute's main program.
    pub is_main_program: bool,
    /// The release by which nixpkgs had removed the attribute (`2024-05`).
    pub removed_by: Option<String>,
    /// Whether its licence is unfree.
    pub unfree: bool,
    /// Whether the thing belongs to the host (a kernel driver's library): the attribute is named
    /// for information and must not become a dependency.
    pub of_the_host: bool,
    /// The known directory or module that what was asked for lies below, when the index knows only
    /// that: `share/zoneinfo` for `share/zoneinfo/Europe/Berlin`.
    pub below: Option<Bytes>,
    /// The name that the index knows, when it is another version of the one asked for:
    /// `libfoo.so.1` for `libfoo.so`.
    pub sibling: Option<Bytes>,
}

/// What a guess about an attribute rests on: names that agree between Debian and nixpkgs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// The name of Debian's binary package, less `lib` and version.
    PackageName,
    /// The name of Debian's source package.
    SourceName,
    /// The name of Debian's source package, less `lib` and version.
    SourceStem,
    /// The name of the library.
    LibraryName,
    /// The name of the library, less `lib` and version.
    LibraryStem,
    /// Both name the same home page; attributes that share one all have this sign.
    HomePage,
}

/// A candidate with its place in the order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// The attribute.
    pub attr: AttrPath,
    /// The output to take.
    pub output: Output,
    /// 0 to 1; how much a person should trust the answer.
    pub score: f64,
    /// Why, in the words a person reads, most telling first.
    pub because: Vec<String>,
    /// Where it comes from, if a person's pin says that it is not the reader's nixpkgs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What it is for, if a person has decided that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced: Option<ForcedRole>,
    /// What the score comes from, the weightiest first. Results for programs do not have it: weights
    /// are the resolver's own business, and change.
    #[serde(skip)]
    pub features: Vec<Counted>,
}
