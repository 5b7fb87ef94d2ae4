//! Makes an index: gathers rows from `tables`, `listing` and `programs`, has `merge` decide which say the same, and
//! writes the sections that `format` describes.
//!
//! Keys and rows pass through a sorter that puts aside what memory should not hold; attributes,
//! texts and the distinct lists stay in memory. The same inputs give the same bytes.

use super::format::{
    AliasRecord, AliasState, AttributeRecord, HEADER, KeyKind, MAGIC, Row, SECTIONS, UNCHECKED,
    VERSION, put_rows, put_varint, take_varint,
};
use super::merge::Judge;
use super::nix_index::NixIndexError;
use super::sorter::Sorter;
use super::{About, Input};
use crate::sqlite::SqliteError;
use bstr::ByteSlice;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{self, Write};
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
    /// A release's table of commands cannot be read.
    #[error("cannot read the table of commands `{}`", path.display())]
    Programs {
        /// The table.
        path: PathBuf,
        /// What is wrong with it.
        source: SqliteError,
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
}

/// What is known of an attribute while the index is made.
#[derive(Clone, Debug, Default)]
pub(super) struct Attribute {
    pub(super) pname: String,
    pub(super) main_program: String,
    pub(super) outputs: String,
    pub(super) removed_by: String,
    /// The project's home page in its normal form.
    pub(super) homepage: String,
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

    /// Whether the attribute has been named already.
    pub(super) fn has(&self, name: &str) -> bool {
        self.attribute_ids.contains_key(name)
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
                Some((to, _, AliasState::Alias | AliasState::Renamed | AliasState::Moved)) => {
                    name = to;
                }
                _ => break,
            }
        }
        name.to_owned()
    }

    /// Says that an attribute has another name today. What is said later holds: a name that has come
    /// back leads nowhere.
    pub(super) fn alias(&mut self, old: &str, to: &str, since: &str, state: AliasState) {
        if self.aliases.get(to).is_some_and(|(back, ..)| back == old) {
            self.aliases.remove(to);
        }
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
            if !attribute.homepage.is_empty() {
                self.push(KeyKind::HomePage, attribute.homepage.as_bytes(), &payload)?;
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
        } else if [KeyKind::PackageName as u8, KeyKind::HomePage as u8].contains(kind) {
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
