//! Makes an index: gathers rows from tables and databases, merges what they say of the same file,
//! and writes the sections that `format` describes.
//!
//! Keys and rows pass through a sorter that puts aside what memory should not hold; attributes,
//! texts and the distinct lists stay in memory. The same inputs give the same bytes.

use super::format::{
    AliasRecord, AliasState, AttributeRecord, FormatError, HEADER, KeyKind, MAGIC, Row, SECTIONS,
    UNCHECKED, VERSION, put_rows, put_varint, take_varint,
};
use super::nix_index::{NixIndexError, Node, Package, Reader};
use super::place::{self, Form};
use super::sorter::Sorter;
use super::{About, Index, Input};
use crate::resolve::{AttrPath, Basis, FileForm};
use bstr::ByteSlice;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// How many bytes of keys and rows are held before they are sorted and put aside.
const HELD: usize = 256 << 20;

/// A directory below `share/` or `etc/` that more attributes have than this tells nothing.
const COMMON: usize = 40;

/// Why an index cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An input cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The input.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of a table makes no sense.
    #[error("`{}`, line {line}: {what}", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A nix-index database cannot be read.
    #[error("cannot read the nix-index database `{}`", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        source: NixIndexError,
    },
    /// Temporary files or the index itself cannot be written.
    #[error("cannot write")]
    Write(#[from] io::Error),
    /// The keys cannot be written.
    #[error("cannot write the table of keys")]
    Keys(#[from] fst::Error),
    /// There is more than the format can hold.
    #[error("too much for one index: {0}")]
    TooLarge(&'static str),
    /// What was written cannot be read back.
    #[error("the new index cannot be read back")]
    Unusable(#[from] FormatError),
}

/// How far a database was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Store paths read.
    pub store_paths: u64,
    /// Files and directories read.
    pub files: u64,
    /// Bytes of the packed database read, of as many as the file has.
    pub packed_bytes: u64,
}

/// What is known of an attribute while the index is made.
#[derive(Clone, Debug, Default)]
pub(super) struct Attribute {
    pub(super) pname: String,
    pub(super) main_program: String,
    pub(super) outputs: String,
    pub(super) removed_by: String,
    /// Package expressions that take it as an argument.
    pub(super) used_by: u32,
    pub(super) popularity: u8,
    pub(super) unfree: bool,
}

/// An index in the making.
pub struct Builder {
    texts: Texts,
    attribute_ids: HashMap<String, u32>,
    attributes: Vec<(String, Attribute)>,
    aliases: BTreeMap<String, (String, String, AliasState)>,
    synonyms: HashSet<(u32, u32)>,
    rows: Sorter,
    made_from: Vec<Input>,
}

/// Texts by number; text 0 is empty.
struct Texts {
    numbers: HashMap<String, u32>,
    all: Vec<u8>,
    ends: Vec<u8>,
}

impl Texts {
    fn new() -> Self {
        let mut texts = Self {
            numbers: HashMap::new(),
            all: Vec::new(),
            ends: Vec::new(),
        };
        texts.number("");
        texts
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(text.to_owned(), number);
        self.all.extend_from_slice(text.as_bytes());
        self.ends
            .extend_from_slice(&(self.all.len() as u32).to_le_bytes());
        number
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// An empty index.
    pub fn new() -> Self {
        Self {
            texts: Texts::new(),
            attribute_ids: HashMap::new(),
            attributes: Vec::new(),
            aliases: BTreeMap::new(),
            synonyms: HashSet::new(),
            rows: Sorter::new(HELD),
            made_from: Vec::new(),
        }
    }

    pub(super) fn made_from(&mut self, input: Input) {
        self.made_from.push(input);
    }

    /// The number of an attribute, and what is known of it so far.
    pub(super) fn attribute(&mut self, name: &str) -> (u32, &mut Attribute) {
        let number = match self.attribute_ids.get(name) {
            Some(number) => *number,
            None => {
                let number = self.attributes.len() as u32;
                self.attribute_ids.insert(name.to_owned(), number);
                self.attributes
                    .push((name.to_owned(), Attribute::default()));
                number
            }
        };
        (number, &mut self.attributes[number as usize].1)
    }

    /// The attribute of today that a name stands for: aliases followed.
    pub(super) fn today(&self, name: &str) -> String {
        let mut name = name;
        // Aliases of aliases are few and short; a circle must not hold us up.
        for _ in 0..8 {
            match self.aliases.get(name) {
                Some((to, _, AliasState::Alias | AliasState::Renamed)) => name = to,
                _ => break,
            }
        }
        name.to_owned()
    }

    pub(super) fn alias(&mut self, old: &str, to: &str, since: &str, state: AliasState) {
        self.aliases
            .insert(old.to_owned(), (to.to_owned(), since.to_owned(), state));
    }

    /// Says that two attributes were the same package.
    pub(super) fn synonym(&mut self, a: &str, b: &str) {
        let (a, _) = self.attribute(a);
        let (b, _) = self.attribute(b);
        self.synonyms.insert((a.min(b), a.max(b)));
    }

    pub(super) fn text(&mut self, text: &str) -> u32 {
        self.texts.number(text)
    }

    /// Says that the row's attribute has what the key names. Keys that hold a NUL (no name does)
    /// are left out.
    pub(super) fn add(&mut self, kind: KeyKind, key: &[u8], row: &Row) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(24);
        row.put(&mut bytes);
        self.push(kind, key, &bytes)?;
        if kind == KeyKind::Header
            && let Some((directory, below)) = searched_directory(key)
        {
            let mut row = row.clone();
            row.place = self.texts.number(&format!("include/{directory}"));
            bytes.clear();
            row.put(&mut bytes);
            self.push(KeyKind::HeaderBelow, below, &bytes)?;
        }
        Ok(())
    }

    fn push(&mut self, kind: KeyKind, key: &[u8], payload: &[u8]) -> io::Result<()> {
        // The FST's builder takes keys of any length, but a name that no file can have helps nobody.
        if key.is_empty() || key.len() > 4096 || key.contains(&0) {
            return Ok(());
        }
        self.rows.push(&[&[kind as u8], key, &[0], payload])
    }

    /// Adds a nix-index database. `known` gives what a listing does not say: which attribute a
    /// derivation's name belongs to, how widely an attribute is used, what it is called today.
    ///
    /// # Errors
    /// When the database cannot be read to its end or a run cannot be put aside.
    pub fn add_database(
        &mut self,
        input: Input,
        path: &std::path::Path,
        database: impl Read,
        known: &Index,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), BuildError> {
        let failed = |source| BuildError::Database {
            path: path.to_owned(),
            source,
        };
        let packed = std::cell::Cell::new(0);
        let mut checksum = crc32fast::Hasher::new();
        let mut done = Progress::default();
        {
            let mut reader = Reader::new(Counted {
                inner: database,
                count: &packed,
                checksum: &mut checksum,
            })
            .map_err(failed)?;
            while let Some(package) = reader.next_package().map_err(failed)? {
                done.store_paths += 1;
                done.files += package.entries().len() as u64;
                self.add_package(&package, known)?;
                done.packed_bytes = packed.get();
                progress(done);
            }
        }
        self.made_from(Input {
            entries: done.files,
            crc32: format!("{:08x}", checksum.finalize()),
            ..input
        });
        Ok(())
    }

    fn add_package(&mut self, package: &Package<'_>, known: &Index) -> Result<(), BuildError> {
        let store_path = &package.store_path;
        let origin = &store_path.origin;
        let (pname, version) = split_name(&store_path.name);
        let (attr, basis, output) = if origin.toplevel {
            let Some(attr) = today_of(&origin.attr, known) else {
                return Ok(());
            };
            (attr, Basis::Listed, origin.output.as_ref())
        } else {
            // The origin is another package that refers to this path: its name is all there is.
            let Some(attr) = attribute_named(pname, known) else {
                return Ok(());
            };
            (attr, Basis::ListedUnderOtherName, output_named(version))
        };
        let output = self.texts.number(output);
        let number = self.describe(&attr, pname, known);
        let mut row = Row::new(number, basis);
        row.output = Some(output);
        let on_darwin = origin
            .system
            .as_ref()
            .is_some_and(|system| system.ends_with("-darwin"));
        (row.linux_listings, row.darwin_listings) = if on_darwin { (0, 1) } else { (1, 0) };
        let mut result = Ok(());
        for (path, node) in package.entries() {
            let Some(path) = path.strip_prefix(b"/") else {
                continue;
            };
            let form = match node {
                Node::Directory { .. } => Form::Directory,
                Node::Regular { .. } | Node::Symlink { .. } => Form::File,
            };
            row.form = match node {
                Node::Symlink { target } => link_form(target, &store_path.hash),
                Node::Regular { .. } | Node::Directory { .. } => FileForm::Regular,
            };
            place::known_by(path, form, |kind, key, place| {
                if result.is_ok()
                    && let Ok(place) = place.to_str()
                {
                    row.place = self.texts.number(place);
                    result = self.add(kind, key, &row);
                }
            });
        }
        Ok(result?)
    }

    /// The number of an attribute that a database names, with what is known of it from before.
    fn describe(&mut self, attr: &AttrPath, pname: &str, known: &Index) -> u32 {
        let seen = self.attribute_ids.contains_key(attr.as_str());
        let facts = if seen { None } else { known.attribute(attr) };
        let (number, attribute) = self.attribute(attr.as_str());
        if let Some(facts) = facts {
            attribute.main_program = facts.main_program.unwrap_or_default();
            attribute.popularity = facts.popularity;
            attribute.unfree = facts.unfree;
            attribute.removed_by = facts.removed_by.unwrap_or_default();
            attribute.outputs = join_outputs(facts.outputs.iter().map(|output| output.0.as_str()));
        }
        if attribute.pname.is_empty() {
            attribute.pname = pname.to_owned();
        }
        number
    }

    /// Sorts and merges all rows and writes the index.
    ///
    /// # Errors
    /// When there is more than the format holds, or it cannot be written.
    pub fn finish(mut self, mut out: impl Write) -> Result<About, BuildError> {
        let (attributes, aliases) = self.tables()?;
        let count = self.attributes.len() as u64;
        let judge = Judge {
            attributes: &self.attributes,
            synonyms: &self.synonyms,
        };
        let mut lists = Lists {
            postings: Vec::new(),
            offsets: HashMap::new(),
            keys: fst::MapBuilder::memory(),
            counts: BTreeMap::new(),
            candidates: 0,
        };
        let mut group = Group::default();
        self.rows.finish(|record| -> Result<(), BuildError> {
            let Some((key, payload)) = record.split_once_str(b"\0") else {
                return Ok(());
            };
            if key != group.key {
                lists.add(&judge, &mut group)?;
                group.key = key.to_vec();
            }
            group.payloads.push(payload.to_vec());
            Ok(())
        })?;
        lists.add(&judge, &mut group)?;
        let keys = lists.keys.into_inner()?;
        let about = About {
            made_from: self.made_from,
            keys: lists.counts,
            candidates: lists.candidates,
            attributes: count,
        };
        let texts = self.texts;
        if u32::try_from(texts.all.len()).is_err() {
            return Err(BuildError::TooLarge("its texts take more than 4 GiB"));
        }
        let mut described =
            serde_json::to_vec_pretty(&about).map_err(|error| BuildError::Write(error.into()))?;
        described.push(b'\n');
        write(
            &mut out,
            [
                &described,
                &texts.ends,
                &texts.all,
                &attributes,
                &aliases,
                &lists.postings,
                &keys,
            ],
        )?;
        Ok(about)
    }

    /// Writes the records of attributes and aliases, and adds the keys that lead to them.
    fn tables(&mut self) -> Result<(Vec<u8>, Vec<u8>), BuildError> {
        let mut attributes = Vec::new();
        for number in 0..self.attributes.len() as u32 {
            let (name, attribute) = self.attributes[number as usize].clone();
            let record = AttributeRecord {
                name: self.text(&name),
                pname: self.text(&attribute.pname),
                main_program: self.text(&attribute.main_program),
                outputs: self.text(&attribute.outputs),
                removed_by: self.text(&attribute.removed_by),
                popularity: attribute.popularity.max(popularity(attribute.used_by)),
                unfree: attribute.unfree,
            };
            self.attributes[number as usize].1.popularity = record.popularity;
            record.put(&mut attributes);
            let mut payload = Vec::new();
            put_varint(number.into(), &mut payload);
            self.push(KeyKind::Attribute, name.as_bytes(), &payload)?;
            if !attribute.pname.is_empty() {
                self.push(KeyKind::PackageName, attribute.pname.as_bytes(), &payload)?;
            }
        }
        let mut records = Vec::new();
        for (number, (old, (to, since, state))) in
            std::mem::take(&mut self.aliases).into_iter().enumerate()
        {
            AliasRecord {
                to: self.text(&to),
                since: self.text(&since),
                state,
            }
            .put(&mut records);
            let mut payload = Vec::new();
            put_varint(number as u64, &mut payload);
            self.push(KeyKind::Alias, old.as_bytes(), &payload)?;
        }
        Ok((attributes, records))
    }
}

/// All payloads of one key.
#[derive(Default)]
struct Group {
    key: Vec<u8>,
    payloads: Vec<Vec<u8>>,
}

/// The lists and the keys that lead to them.
struct Lists {
    postings: Vec<u8>,
    offsets: HashMap<Vec<u8>, u64>,
    keys: fst::MapBuilder<Vec<u8>>,
    counts: BTreeMap<String, u64>,
    candidates: u64,
}

impl Lists {
    /// Adds a group and empties it.
    fn add(&mut self, judge: &Judge<'_>, group: &mut Group) -> Result<(), BuildError> {
        let payloads = std::mem::take(&mut group.payloads);
        let (Some(first), Some(kind)) = (payloads.first(), group.key.first()) else {
            return Ok(());
        };
        let value = if [KeyKind::Attribute as u8, KeyKind::Alias as u8].contains(kind) {
            take_varint(&mut &first[..])
        } else if *kind == KeyKind::PackageName as u8 {
            let mut list = Vec::new();
            put_varint(payloads.len() as u64, &mut list);
            list.extend(payloads.iter().flatten());
            Some(self.offset(list))
        } else {
            let rows = payloads
                .iter()
                .filter_map(|payload| Row::take(&mut &payload[..]))
                .collect();
            let rows = judge.settle(rows);
            let attributes: BTreeSet<u32> = rows.iter().map(|row| row.attr).collect();
            if *kind == KeyKind::Data as u8 && attributes.len() > COMMON {
                return Ok(());
            }
            self.candidates += rows.len() as u64;
            let mut list = Vec::new();
            put_rows(&rows, &mut list);
            Some(self.offset(list))
        };
        if let (Some(value), Some(word)) = (value, KeyKind::word(*kind)) {
            self.keys.insert(&group.key, value)?;
            *self.counts.entry(word.to_owned()).or_default() += 1;
        }
        Ok(())
    }

    /// Where the list lies; equal lists lie at the same place.
    fn offset(&mut self, list: Vec<u8>) -> u64 {
        let end = self.postings.len() as u64;
        match self.offsets.entry(list) {
            std::collections::hash_map::Entry::Occupied(known) => *known.get(),
            std::collections::hash_map::Entry::Vacant(new) => {
                self.postings.extend_from_slice(new.key());
                *new.insert(end)
            }
        }
    }
}

/// Decides which rows of a key say the same.
struct Judge<'a> {
    attributes: &'a [(String, Attribute)],
    synonyms: &'a HashSet<(u32, u32)>,
}

impl Judge<'_> {
    /// Merges the rows that speak of the same file of the same package.
    fn settle(&self, mut rows: Vec<Row>) -> Vec<Row> {
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

/// A logarithmic measure of how many package expressions take the attribute as an argument: 24 for
/// one, 83 for ten, 160 for a hundred, 239 for a thousand.
pub(super) fn popularity(used_by: u32) -> u8 {
    let measure = (f64::from(used_by) + 1.0).log2() * 24.0;
    measure.round().min(255.0) as u8
}

/// Outputs as the attribute's record has them.
pub(super) fn join_outputs<'a>(outputs: impl Iterator<Item = &'a str>) -> String {
    outputs.collect::<Vec<_>>().join(",")
}

/// The directory of `include/` that a build is told to search (`-I`), and the header below it. Such
/// directories carry a version: `gtk-3.0`, `freetype2`, `python3.11`.
fn searched_directory(header: &[u8]) -> Option<(&str, &[u8])> {
    let (directory, below) = header.split_once_str(b"/")?;
    let versioned = directory.iter().any(u8::is_ascii_digit);
    let file = !below.is_empty() && !below.ends_with(b"/");
    (versioned && file).then_some((directory.to_str().ok()?, below))
}

fn link_form(target: &[u8], own_hash: &str) -> FileForm {
    match target.strip_prefix(b"/nix/store/") {
        Some(elsewhere) if !elsewhere.starts_with(own_hash.as_bytes()) => FileForm::ReExport,
        _ => FileForm::Link,
    }
}

/// A store path's name as name and version, the way `builtins.parseDrvName` splits it: the version
/// begins after the first dash that no letter follows.
fn split_name(name: &str) -> (&str, &str) {
    let dash = name
        .match_indices('-')
        .map(|(at, _)| at)
        .find(|at| !name[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic()));
    match dash {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => (name, ""),
    }
}

/// What an attribute of a listing is called today; none if it is no attribute path.
fn today_of(attr: &str, known: &Index) -> Option<AttrPath> {
    let mut attr = AttrPath::new(without_set_version(attr)).ok()?;
    for _ in 0..8 {
        match known.alias(&attr) {
            Some(alias) if matches!(alias.state, AliasState::Alias | AliasState::Renamed) => {
                attr = alias.to;
            }
            _ => break,
        }
    }
    Some(attr)
}

/// The same member of the set that nixpkgs keeps current: `python311Packages.numpy` is
/// `python3Packages.numpy`.
fn without_set_version(attr: &str) -> String {
    const SETS: [(&str, &str); 4] = [
        ("python3", "Packages"),
        ("perl", "Packages"),
        ("php", "Extensions"),
        ("php", "Packages"),
    ];
    if let Some(member) = attr.strip_prefix("libsForQt5.qt5.") {
        return format!("qt5.{member}");
    }
    for (language, kind) in SETS {
        if let Some((versioned, member)) = attr.split_once('.')
            && let Some(rest) = versioned.strip_prefix(language)
            && let Some(version) = rest.strip_suffix(kind)
            && version.bytes().all(|b| b.is_ascii_digit())
        {
            return format!("{language}{kind}.{member}");
        }
    }
    attr.to_owned()
}

/// The output that ends a store path's name after the version: `dev` of `1.5.6-dev`.
fn output_named(version: &str) -> &str {
    const OUTPUTS: [&str; 10] = [
        "bin", "debug", "dev", "devdoc", "doc", "info", "lib", "man", "static", "terminfo",
    ];
    match version.rsplit_once('-') {
        Some((_, output)) if OUTPUTS.contains(&output) => output,
        _ => "out",
    }
}

/// The attribute that a derivation's name stands for, if that is clear: the one of the same name, or
/// the only one.
fn attribute_named(pname: &str, known: &Index) -> Option<AttrPath> {
    let named = known.by_pname(pname);
    let same = named.iter().find(|attr| attr.as_str() == pname);
    match (same, named.as_slice()) {
        (Some(attr), _) | (None, [attr]) => Some(attr.clone()),
        _ => None,
    }
}

/// Counts and sums up what passes.
struct Counted<'a, R> {
    inner: R,
    count: &'a std::cell::Cell<u64>,
    checksum: &'a mut crc32fast::Hasher,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        self.checksum.update(&buffer[..read]);
        Ok(read)
    }
}

fn write(out: &mut impl Write, sections: [&[u8]; SECTIONS]) -> io::Result<()> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&[0; 4]);
    for section in sections {
        header.extend_from_slice(&(section.len() as u64).to_le_bytes());
    }
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&header[UNCHECKED..]);
    for section in sections {
        checksum.update(section);
    }
    header[UNCHECKED - 4..UNCHECKED].copy_from_slice(&checksum.finalize().to_le_bytes());
    out.write_all(&header)?;
    for section in sections {
        out.write_all(section)?;
    }
    out.flush()
}
