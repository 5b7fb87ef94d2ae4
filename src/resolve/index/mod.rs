//! The index: which attributes have the file, command, header or module of a name.
//!
//! One format serves the index inside this program ([`Index::embedded`]) and the user's own
//! ([`Index::open`]); `format` describes it, [`build`] makes it. Answers are [`Candidate`]s with
//! facts only; `rank` judges them. A look-up walks an FST and never scans.

pub mod build;
mod format;
mod keys;
mod listing;
mod map;
mod merge;
pub mod nix_index;
mod place;
mod programs;
mod sorter;
pub mod tables;
#[cfg(test)]
mod tests;

pub use format::{AliasState, FormatError};
pub use listing::Progress;

use super::directories;
use super::{AttrPath, Candidate, Facts, Kind, Output, Query, Source, SourceKind};
use crate::trace::Bytes;
use bstr::ByteSlice;
use format::{AliasRecord, AttributeRecord, KeyKind, Row};
use keys::Keys;
use map::Storage;
use place::Form;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Where the user's index lies unless said otherwise.
pub fn default_path() -> Option<PathBuf> {
    Some(directories::cache()?.join("nixtrace/index"))
}

/// More attributes than these have no project in common, only a page.
const SHARED_PAGE: usize = 6;

static EMBEDDED: &[u8] = include_bytes!("../../../catalog/catalogue.nxi");

/// Why an index file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It cannot be read.
    #[error("cannot read the index `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no index, or not whole.
    #[error("cannot use the index `{}`", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: FormatError,
    },
}

/// What an index was made from, and what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The inputs, in the order in which they were read.
    pub made_from: Vec<Input>,
    /// How many keys there are of each kind.
    pub keys: BTreeMap<String, u64>,
    /// How many pairs of a key and an attribute there are.
    pub candidates: u64,
    /// How many attributes are described.
    pub attributes: u64,
}

/// One input of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// `table`, `supplement`, `nix-index` or `programs`.
    pub kind: String,
    /// The file's name, without its directory.
    pub name: String,
    /// Rows of a table or files of a database.
    pub entries: u64,
    /// The CRC-32 of the file's bytes, in hexadecimal.
    pub crc32: String,
    /// When the file was last changed, in seconds since 1970; only for databases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<u64>,
}

/// What an index knows of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeFacts {
    /// The attribute, in today's name.
    pub attr: AttrPath,
    /// The name that was asked for, if it is an old one, and what has become of it.
    pub alias: Option<Alias>,
    /// The derivation's name without its version, if known.
    pub pname: Option<String>,
    /// The outputs, if known.
    pub outputs: Vec<Output>,
    /// The main program, if known.
    pub main_program: Option<String>,
    /// As [`Candidate::popularity`].
    pub popularity: u8,
    /// The release by which nixpkgs had removed it.
    pub removed_by: Option<String>,
    /// Whether its licence is unfree.
    pub unfree: bool,
}

/// An old attribute name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// Today's name.
    pub to: AttrPath,
    /// Since when, as nixpkgs dates it: `2024-06-12`.
    pub since: Option<String>,
    /// What has become of the old name.
    pub state: AliasState,
}

/// An open index.
#[derive(Debug)]
pub struct Index {
    source: SourceKind,
    about: Section,
    text_ends: Section,
    texts: Section,
    attributes: Section,
    aliases: Section,
    postings: Section,
    keys: Keys,
}

/// A range of the index's bytes; the bytes live as long as any section.
#[derive(Clone, Debug)]
struct Section {
    storage: Arc<Storage>,
    range: Range<usize>,
}

impl AsRef<[u8]> for Section {
    fn as_ref(&self) -> &[u8] {
        &self.storage[self.range.clone()]
    }
}

impl Index {
    /// The index inside this program.
    pub fn embedded() -> &'static Self {
        static INDEX: OnceLock<Index> = OnceLock::new();
        INDEX.get_or_init(|| {
            Self::from_storage(Storage::Embedded(EMBEDDED), SourceKind::Catalogue)
                .expect("a test opens the very index that is compiled in")
        })
    }

    /// Opens the user's index and checks that it is whole.
    ///
    /// The checksum finds damage, not forgery: what was written to mislead under a checksum that
    /// agrees gives no answers, or wrong ones; [`Self::damage`] says what look-ups have met.
    ///
    /// # Errors
    /// When the file cannot be read, is no index, of another version, cut short or damaged.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let storage = Storage::load(path).map_err(|source| IndexError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::checked(storage, SourceKind::Index).map_err(|source| IndexError::Format {
            path: path.to_owned(),
            source,
        })
    }

    /// Takes up the bytes of an index and checks that they are whole.
    ///
    /// # Errors
    /// When they are no index, of another version, cut short or damaged.
    pub fn from_bytes(bytes: Vec<u8>, source: SourceKind) -> Result<Self, FormatError> {
        Self::checked(Storage::Owned(bytes), source)
    }

    fn checked(storage: Storage, source: SourceKind) -> Result<Self, FormatError> {
        format::sections(&storage)?;
        format::verify(&storage)?;
        Self::from_storage(storage, source)
    }

    /// Takes up bytes that are known to be whole.
    fn from_storage(storage: Storage, source: SourceKind) -> Result<Self, FormatError> {
        let ranges = format::sections(&storage)?;
        let storage = Arc::new(storage);
        let [about, text_ends, texts, attributes, aliases, postings, keys] =
            ranges.map(|range| Section {
                storage: Arc::clone(&storage),
                range,
            });
        Ok(Self {
            source,
            about,
            text_ends,
            texts,
            attributes,
            aliases,
            postings,
            keys: Keys::new(keys)?,
        })
    }

    /// What the index was made from, and what it holds.
    ///
    /// # Errors
    /// When that section is damaged, which only an unchecked index can be.
    pub fn about(&self) -> Result<About, FormatError> {
        serde_json::from_slice(self.about.as_ref())
            .map_err(|_| FormatError::Section("description of itself"))
    }

    /// What is wrong with the index in spite of its checksum, as far as look-ups have met it: they
    /// had no answers from it then.
    pub fn damage(&self) -> Option<FormatError> {
        self.keys.damage()
    }

    /// How many bytes it takes.
    pub fn size(&self) -> u64 {
        self.about.storage.len() as u64
    }

    /// What is known of an attribute; an old name gives the facts of today's.
    pub fn attribute(&self, attr: &AttrPath) -> Option<AttributeFacts> {
        let alias = self.alias(attr);
        let today = match &alias {
            Some(alias) if alias.state != AliasState::Default => &alias.to,
            _ => attr,
        };
        let id = self.value(KeyKind::Attribute, today.as_str().as_bytes())?;
        let facts = self.facts(u32::try_from(id).ok()?)?;
        Some(AttributeFacts { alias, ..facts })
    }

    /// What is known of every attribute, each under today's name.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeFacts> {
        (0..).map_while(|id| self.facts(id))
    }

    fn facts(&self, id: u32) -> Option<AttributeFacts> {
        let record = self.record(id)?;
        let outputs = self.text(record.outputs).unwrap_or_default();
        Some(AttributeFacts {
            attr: AttrPath::new(self.text(record.name)?).ok()?,
            alias: None,
            pname: self.some_text(record.pname),
            outputs: outputs
                .split(',')
                .filter(|output| !output.is_empty())
                .map(|output| Output(output.to_owned()))
                .collect(),
            main_program: self.some_text(record.main_program),
            popularity: record.popularity,
            removed_by: self.some_text(record.removed_by),
            unfree: record.unfree,
        })
    }

    /// What has become of an attribute name, if it is an old one.
    pub fn alias(&self, attr: &AttrPath) -> Option<Alias> {
        let id = self.value(KeyKind::Alias, attr.as_str().as_bytes())?;
        let record = AliasRecord::get(self.aliases.as_ref(), u32::try_from(id).ok()?)?;
        Some(Alias {
            to: AttrPath::new(self.text(record.to)?).ok()?,
            since: self.some_text(record.since),
            state: record.state,
        })
    }

    /// The attributes whose derivations have the name, versions left out: `gtk+3` gives `gtk3`.
    pub fn by_pname(&self, pname: &str) -> Vec<AttrPath> {
        let Some(offset) = self.value(KeyKind::PackageName, pname.as_bytes()) else {
            return Vec::new();
        };
        format::numbers(self.postings.as_ref(), offset)
            .filter_map(|id| AttrPath::new(self.text(self.record(id)?.name)?).ok())
            .collect()
    }

    /// The attributes of the project with a home page; none for a page that many projects share.
    pub fn by_homepage(&self, url: &str) -> Vec<AttrPath> {
        let Some(offset) = place::normal_homepage(url)
            .and_then(|page| self.value(KeyKind::HomePage, page.as_bytes()))
        else {
            return Vec::new();
        };
        let attributes: Vec<AttrPath> = format::numbers(self.postings.as_ref(), offset)
            .take(SHARED_PAGE + 1)
            .filter_map(|id| AttrPath::new(self.text(self.record(id)?.name)?).ok())
            .collect();
        if attributes.len() > SHARED_PAGE {
            return Vec::new();
        }
        attributes
    }

    /// What is known under another version of a library's name, or none: `libfoo.so.7` gives
    /// `libfoo.so`, `libfoo.so.5` and `libfoo.so.6` with their candidates, in the names' order.
    pub fn siblings(&self, soname: &[u8]) -> Vec<(Bytes, Vec<Candidate>)> {
        let Some(stem) = place::stem(soname) else {
            return Vec::new();
        };
        self.keys
            .parted(&KeyKind::Soname.key(stem), b'.')
            .into_iter()
            .map(|(key, offset)| (Bytes::from(&key[1..]), offset))
            .filter(|(name, _)| {
                name.as_bytes() != soname && place::stem(name.as_bytes()) == Some(stem)
            })
            .map(|(name, offset)| {
                let candidates = self
                    .list(offset, name.as_bytes())
                    .map(|mut candidate| {
                        candidate.facts.sibling = Some(name.clone());
                        candidate
                    })
                    .collect();
                (name, candidates)
            })
            .collect()
    }

    fn value(&self, kind: KeyKind, name: &[u8]) -> Option<u64> {
        self.keys.get(&kind.key(name))
    }

    fn text(&self, id: u32) -> Option<&str> {
        let ends = self.text_ends.as_ref();
        let end = |id: u32| format::number::<4>(ends, (id as usize).checked_mul(4)?);
        let begin = match id.checked_sub(1) {
            Some(before) => end(before)?,
            None => 0,
        };
        let range = usize::try_from(begin).ok()?..usize::try_from(end(id)?).ok()?;
        std::str::from_utf8(self.texts.as_ref().get(range)?).ok()
    }

    fn some_text(&self, id: u32) -> Option<String> {
        self.text(id)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    fn record(&self, id: u32) -> Option<AttributeRecord> {
        AttributeRecord::get(self.attributes.as_ref(), id)
    }

    /// The candidates for exactly this key.
    fn exact(&self, kind: KeyKind, name: &[u8]) -> Vec<Candidate> {
        match self.value(kind, name) {
            Some(offset) => self.list(offset, name).collect(),
            None => Vec::new(),
        }
    }

    fn list<'a>(&'a self, offset: u64, name: &'a [u8]) -> impl Iterator<Item = Candidate> + 'a {
        format::rows(self.postings.as_ref(), offset)
            .filter_map(move |row| self.candidate(&row, name))
    }

    fn candidate(&self, row: &Row, name: &[u8]) -> Option<Candidate> {
        let record = self.record(row.attr)?;
        Some(Candidate {
            attr: AttrPath::new(self.text(record.name)?).ok()?,
            output: row
                .output
                .and_then(|output| self.some_text(output))
                .map(Output),
            source: self.source,
            basis: row.basis,
            form: row.form,
            place: Bytes::from(self.text(row.place)?),
            popularity: record.popularity,
            note: row.note.and_then(|note| self.some_text(note)),
            facts: Facts {
                linux_listings: row.linux_listings,
                darwin_listings: row.darwin_listings,
                last_seen: row.last_seen,
                in_command_table: row.in_command_table,
                name_from_darwin: row.name_from_darwin,
                signs: format::signs(row.signs),
                pname: self.some_text(record.pname),
                is_main_program: !name.is_empty()
                    && self.text(record.main_program).map(str::as_bytes) == Some(name),
                removed_by: self.some_text(record.removed_by),
                unfree: record.unfree,
                of_the_host: row.of_the_host,
                below: None,
                sibling: None,
            },
        })
    }

    /// The candidates for the name, or for the nearest part of it that is known.
    fn nearest(&self, kind: KeyKind, name: &[u8], separator: &[u8]) -> Vec<Candidate> {
        let found = self.exact(kind, name);
        if found.is_empty() {
            self.above(kind, name, separator, b"")
        } else {
            found
        }
    }

    /// The candidates for the longest part of the name that is known, if any. Parts end at
    /// `separator`; `suffix` is what the keys of parts end with.
    fn above(&self, kind: KeyKind, name: &[u8], separator: &[u8], suffix: &[u8]) -> Vec<Candidate> {
        let mut part = name;
        while let Some(at) = part.rfind(separator) {
            part = &part[..at];
            let mut found = self.exact(kind, &[part, suffix].concat());
            if !found.is_empty() {
                for candidate in &mut found {
                    candidate.facts.below = Some(Bytes::from(part));
                }
                return found;
            }
        }
        Vec::new()
    }

    fn python(&self, name: &[u8]) -> Vec<Candidate> {
        let modules = self.nearest(KeyKind::Python, name, b".");
        if modules
            .iter()
            .any(|candidate| candidate.facts.below.is_none())
        {
            return modules;
        }
        let distributions = place::normal_distribution(name)
            .map(|normal| self.exact(KeyKind::Distribution, normal.as_bytes()))
            .unwrap_or_default();
        if distributions.is_empty() {
            modules
        } else {
            distributions
        }
    }

    fn header(&self, name: &[u8]) -> Vec<Candidate> {
        let mut found = self.exact(KeyKind::Header, name);
        if found.is_empty() {
            found = self.exact(KeyKind::HeaderBelow, name);
        }
        if found.is_empty() {
            found = self.above(KeyKind::Header, name, b"/", b"/");
        }
        found
    }

    fn link_name(&self, name: &[u8]) -> Vec<Candidate> {
        let found = self.exact(KeyKind::Soname, name);
        if !found.is_empty() {
            return found;
        }
        self.siblings(name)
            .into_iter()
            .flat_map(|(_, candidates)| candidates)
            .collect()
    }

    /// The candidates for a file of autoconf's macros; the archive's files are each called as the one
    /// macro in it, in small letters.
    fn macros(&self, name: &[u8]) -> Vec<Candidate> {
        let found = self.exact(KeyKind::Aclocal, name);
        if found.is_empty() {
            self.exact(KeyKind::Aclocal, &name.to_ascii_lowercase())
        } else {
            found
        }
    }

    /// The candidates for a path by what it is known by, the sharpest kind that answers.
    fn path(&self, path: &[u8]) -> Vec<Candidate> {
        let Some(relative) = place::below_root(path) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        place::known_by(&relative, Form::File, |kind, key, _| {
            if found.is_empty() {
                found = match kind {
                    KeyKind::Header => self.header(key),
                    KeyKind::Python => self.python(key),
                    KeyKind::Data => self.nearest(kind, key, b"/"),
                    _ => self.exact(kind, key),
                };
            }
        });
        if found.is_empty() {
            found = self.nearest(KeyKind::Data, &relative, b"/");
        }
        found
    }
}

impl Source for Index {
    fn candidates(&self, query: &Query) -> Vec<Candidate> {
        let name = query.name.as_bytes();
        match query.kind {
            Kind::Soname => self.exact(KeyKind::Soname, name),
            Kind::LinkName => self.link_name(name),
            Kind::Command => self.exact(KeyKind::Command, name),
            Kind::Header => self.header(name),
            Kind::PkgConfig => self.exact(KeyKind::PkgConfig, name),
            Kind::CMake => self.exact(KeyKind::CMake, name),
            Kind::Python => self.python(name),
            Kind::Perl => self.exact(KeyKind::Perl, name),
            Kind::Typelib => self.exact(KeyKind::Typelib, name),
            // A name known by hand stands for all schemas of its project, whoever else has this one.
            Kind::GSettings => {
                let mut found = self.exact(KeyKind::GSettings, name);
                found.extend(self.above(KeyKind::GSettings, name, b".", b""));
                found
            }
            Kind::Aclocal => self.macros(name),
            Kind::Gem => self.exact(KeyKind::Gem, name),
            Kind::Node => self.exact(KeyKind::Node, name),
            Kind::Lua => self.exact(KeyKind::Lua, name),
            Kind::Jar => self.exact(KeyKind::Jar, name),
            Kind::R => self.exact(KeyKind::R, name),
            Kind::OCaml => self.exact(KeyKind::OCaml, name),
            Kind::Dpkg => self.exact(KeyKind::Dpkg, name),
            Kind::Rpm => self.exact(KeyKind::Rpm, name),
            Kind::Pacman => self.exact(KeyKind::Pacman, name),
            Kind::Apk => self.exact(KeyKind::Apk, name),
            Kind::Data => self.nearest(KeyKind::Data, name.trim_end_with(|c| c == '/'), b"/"),
            Kind::Path => self.path(name),
        }
    }
}
