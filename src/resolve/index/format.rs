//! The layout of an index file, and how its rows are written.
//!
//! ```text
//! magic (8 bytes) · version (u32) · CRC-32 of all that follows (u32) · the sections' lengths (u64 each)
//! about       JSON: made from what, counts
//! text ends   u32 each: where the texts end
//! texts       UTF-8, one after the other; text 0 is empty
//! attributes  fixed-size records
//! aliases     fixed-size records
//! postings    lists of rows; equal lists are stored once
//! keys        an FST: kind byte and key -> offset of a list, or number of a record
//! ```
//!
//! Numbers are little-endian; in postings they are LEB128. Everything here is safe on any bytes:
//! what does not fit is `None`.

use crate::resolve::{Basis, FileForm, Kind, Sign};
use std::ops::Range;

/// The first bytes of every index.
pub(super) const MAGIC: [u8; 8] = *b"\x89nxindex";
/// The version that is written and the only one that is read.
pub(super) const VERSION: u32 = 1;
/// How many sections there are.
pub(super) const SECTIONS: usize = 7;
/// Bytes before the checksummed part.
pub(super) const UNCHECKED: usize = 16;
/// Bytes before the first section.
pub(super) const HEADER: usize = UNCHECKED + SECTIONS * 8;

/// What is wrong with the bytes of an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The file is something else.
    #[error("it is not an index made by `nixtrace index build`")]
    NotAnIndex,
    /// The file was made by another version of nixtrace.
    #[error("its format has version {found}, this program reads version {VERSION}")]
    Version {
        /// The version it says.
        found: u32,
    },
    /// The file is shorter or longer than it says.
    #[error("it is cut short or damaged: {found} bytes where its header says {expected}")]
    Length {
        /// By its header.
        expected: u64,
        /// In fact.
        found: u64,
    },
    /// The bytes are not those that were written.
    #[error("it is damaged: its checksum does not agree")]
    Checksum,
    /// The checksum agrees but a section makes no sense.
    #[error("it is damaged: its {0} cannot be read")]
    Section(&'static str),
}

/// What a key is; the first byte of every key in the FST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum KeyKind {
    /// Attribute path -> number of its record.
    Attribute = b'A',
    /// Old attribute path -> number of the alias record.
    Alias = b'O',
    /// Derivation name without version -> attributes.
    PackageName = b'N',
    Distribution = b'Y',
    Command = b'c',
    Data = b'd',
    Header = b'h',
    /// A header by its path below a directory of `include/` that a build is told to search:
    /// `gtk/gtk.h` for `gtk-3.0/gtk/gtk.h`.
    HeaderBelow = b'H',
    Aclocal = b'a',
    Gem = b'g',
    GSettings = b'i',
    Jar = b'j',
    Node = b'n',
    OCaml = b'o',
    R = b'r',
    Lua = b'u',
    /// Packages of other distributions.
    Dpkg = b'D',
    Rpm = b'F',
    Pacman = b'P',
    Apk = b'K',
    /// A project's home page in its normal form -> attributes.
    HomePage = b'W',
    Perl = b'l',
    CMake = b'm',
    PkgConfig = b'p',
    Soname = b's',
    Typelib = b't',
    Python = b'y',
}

impl KeyKind {
    /// The kinds that things are looked up by, with the word for each.
    pub(super) const ALL: [(Self, &'static str); 27] = [
        (Self::Soname, "soname"),
        (Self::Command, "command"),
        (Self::Header, "header"),
        (Self::HeaderBelow, "header-below"),
        (Self::PkgConfig, "pkg-config"),
        (Self::CMake, "cmake"),
        (Self::Python, "python"),
        (Self::Distribution, "python-distribution"),
        (Self::Perl, "perl"),
        (Self::Gem, "gem"),
        (Self::Node, "node"),
        (Self::Lua, "lua"),
        (Self::Jar, "jar"),
        (Self::R, "r"),
        (Self::OCaml, "ocaml"),
        (Self::Typelib, "typelib"),
        (Self::GSettings, "gsettings"),
        (Self::Aclocal, "aclocal"),
        (Self::Data, "data"),
        (Self::Dpkg, "dpkg"),
        (Self::Rpm, "rpm"),
        (Self::Pacman, "pacman"),
        (Self::Apk, "apk"),
        (Self::PackageName, "package-name"),
        (Self::HomePage, "home-page"),
        (Self::Attribute, "attribute"),
        (Self::Alias, "alias"),
    ];

    /// The key's kind for things of languages and tools that [`crate::resolve::modules`] tells from
    /// paths.
    pub(super) fn of_module(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Gem => Self::Gem,
            Kind::Node => Self::Node,
            Kind::Lua => Self::Lua,
            Kind::Jar => Self::Jar,
            Kind::R => Self::R,
            Kind::OCaml => Self::OCaml,
            Kind::GSettings => Self::GSettings,
            Kind::Aclocal => Self::Aclocal,
            _ => return None,
        })
    }

    /// The key as it stands in the FST.
    pub(super) fn key(self, name: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(name.len() + 1);
        key.push(self as u8);
        key.extend_from_slice(name);
        key
    }

    /// The word for the kind whose keys begin with the byte.
    pub(super) fn word(byte: u8) -> Option<&'static str> {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind as u8 == byte)
            .map(|(_, word)| *word)
    }
}

/// The length of `bytes`' sections as the header says, checked against the whole; does not look at
/// the checksum.
pub(super) fn sections(bytes: &[u8]) -> Result<[Range<usize>; SECTIONS], FormatError> {
    if bytes.get(..MAGIC.len()) != Some(&MAGIC[..]) {
        return Err(FormatError::NotAnIndex);
    }
    let version = number::<4>(bytes, 8).ok_or(FormatError::NotAnIndex)?;
    if version != u64::from(VERSION) {
        return Err(FormatError::Version {
            found: version as u32,
        });
    }
    let found = bytes.len() as u64;
    let cut = FormatError::Length {
        expected: HEADER as u64,
        found,
    };
    let mut end = HEADER as u64;
    let mut ranges: [Range<usize>; SECTIONS] = Default::default();
    for (at, range) in ranges.iter_mut().enumerate() {
        let length = number::<8>(bytes, UNCHECKED + at * 8).ok_or(cut.clone())?;
        let begin = end;
        end = end.saturating_add(length);
        // Lengths beyond the file's end are refused below, before a range is used.
        *range = begin.min(found) as usize..end.min(found) as usize;
    }
    if end != found {
        return Err(FormatError::Length {
            expected: end,
            found,
        });
    }
    Ok(ranges)
}

/// Compares the checksum.
pub(super) fn verify(bytes: &[u8]) -> Result<(), FormatError> {
    let expected = number::<4>(bytes, 12);
    let found = bytes.get(UNCHECKED..).map(crc32fast::hash);
    if expected.is_some() && expected == found.map(u64::from) {
        Ok(())
    } else {
        Err(FormatError::Checksum)
    }
}

/// The little-endian number of `N` (at most 8) bytes at an offset.
pub(super) fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(N)?)?;
    let mut number = [0; 8];
    number[..N].copy_from_slice(bytes);
    Some(u64::from_le_bytes(number))
}

/// Appends a LEB128 number.
pub(super) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a LEB128 number off the front.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    u32::try_from(take_varint(bytes)?).ok()
}

/// One attribute that has the thing a key names. Texts and attributes are numbers of their tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Row {
    pub(super) attr: u32,
    pub(super) output: Option<u32>,
    pub(super) place: u32,
    pub(super) basis: Basis,
    pub(super) form: FileForm,
    pub(super) linux_listings: u8,
    pub(super) darwin_listings: u8,
    pub(super) last_seen: Option<(u16, u8)>,
    pub(super) in_command_table: bool,
    pub(super) name_from_darwin: bool,
    pub(super) of_the_host: bool,
    /// The [`Sign`]s, a bit each.
    pub(super) signs: u8,
    pub(super) note: Option<u32>,
}

impl Row {
    /// A row of which nothing is known but the attribute and from what it is known.
    pub(super) fn new(attr: u32, basis: Basis) -> Self {
        Self {
            attr,
            output: None,
            place: 0,
            basis,
            form: FileForm::Regular,
            linux_listings: 0,
            darwin_listings: 0,
            last_seen: None,
            in_command_table: false,
            name_from_darwin: false,
            of_the_host: false,
            signs: 0,
            note: None,
        }
    }

    /// Appends the row.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let (basis, agreements) = match self.basis {
            Basis::Listed => (0, 0),
            Basis::ListedUnderOtherName => (1, 0),
            Basis::CommandTable => (2, 0),
            Basis::NameOnly => (3, 0),
            Basis::Guess(agreements) => (4, agreements),
            Basis::Manual => (5, 0),
        };
        let form = match self.form {
            FileForm::Regular => 0,
            FileForm::Link => 1,
            FileForm::ReExport => 2,
        };
        let listed = self.linux_listings > 0 || self.darwin_listings > 0;
        out.push(
            basis
                | form << 3
                | u8::from(self.output.is_some()) << 5
                | u8::from(listed) << 6
                | u8::from(self.note.is_some()) << 7,
        );
        out.push(
            u8::from(self.in_command_table)
                | u8::from(self.name_from_darwin) << 1
                | u8::from(self.of_the_host) << 2
                | u8::from(self.last_seen.is_some()) << 3,
        );
        put_varint(self.attr.into(), out);
        put_varint(self.place.into(), out);
        if let Some(output) = self.output {
            put_varint(output.into(), out);
        }
        if listed {
            out.push(self.linux_listings);
            out.push(self.darwin_listings);
        }
        if let Some((year, month)) = self.last_seen {
            put_varint(u64::from(year) * 12 + u64::from(month) - 1, out);
        }
        if let Basis::Guess(_) = self.basis {
            out.push(agreements);
            out.push(self.signs);
        }
        if let Some(note) = self.note {
            put_varint(note.into(), out);
        }
    }

    /// Takes a row off the front.
    pub(super) fn take(bytes: &mut &[u8]) -> Option<Self> {
        let flags = take_byte(bytes)?;
        let marks = take_byte(bytes)?;
        let mut row = Self::new(
            take_u32(bytes)?,
            match flags & 7 {
                0 => Basis::Listed,
                1 => Basis::ListedUnderOtherName,
                2 => Basis::CommandTable,
                3 => Basis::NameOnly,
                4 => Basis::Guess(0),
                5 => Basis::Manual,
                _ => return None,
            },
        );
        row.form = match flags >> 3 & 3 {
            0 => FileForm::Regular,
            1 => FileForm::Link,
            2 => FileForm::ReExport,
            _ => return None,
        };
        row.place = take_u32(bytes)?;
        if flags & 1 << 5 != 0 {
            row.output = Some(take_u32(bytes)?);
        }
        if flags & 1 << 6 != 0 {
            row.linux_listings = take_byte(bytes)?;
            row.darwin_listings = take_byte(bytes)?;
        }
        row.in_command_table = marks & 1 != 0;
        row.name_from_darwin = marks & 2 != 0;
        row.of_the_host = marks & 4 != 0;
        if marks & 8 != 0 {
            let months = take_varint(bytes)?;
            row.last_seen = Some((u16::try_from(months / 12).ok()?, (months % 12) as u8 + 1));
        }
        if let Basis::Guess(_) = row.basis {
            row.basis = Basis::Guess(take_byte(bytes)?);
            row.signs = take_byte(bytes)?;
        }
        if flags & 1 << 7 != 0 {
            row.note = Some(take_u32(bytes)?);
        }
        Some(row)
    }
}

/// Appends a list of rows.
pub(super) fn put_rows(rows: &[Row], out: &mut Vec<u8>) {
    put_varint(rows.len() as u64, out);
    for row in rows {
        row.put(out);
    }
}

/// The rows of the list at an offset; ends early where the bytes make no sense.
pub(super) fn rows(postings: &[u8], offset: u64) -> impl Iterator<Item = Row> {
    let mut rest = usize::try_from(offset)
        .ok()
        .and_then(|offset| postings.get(offset..))
        .unwrap_or_default();
    let count = take_varint(&mut rest).unwrap_or(0);
    (0..count).map_while(move |_| Row::take(&mut rest))
}

/// The numbers of the list at an offset; ends early where the bytes make no sense.
pub(super) fn numbers(postings: &[u8], offset: u64) -> impl Iterator<Item = u32> {
    let mut rest = usize::try_from(offset)
        .ok()
        .and_then(|offset| postings.get(offset..))
        .unwrap_or_default();
    let count = take_varint(&mut rest).unwrap_or(0);
    (0..count).map_while(move |_| take_u32(&mut rest))
}

const SIGNS: [Sign; 6] = [
    Sign::PackageName,
    Sign::SourceName,
    Sign::SourceStem,
    Sign::LibraryName,
    Sign::LibraryStem,
    Sign::HomePage,
];

/// The bit of a sign in [`Row::signs`].
pub(super) fn sign_bit(sign: Sign) -> u8 {
    SIGNS
        .iter()
        .position(|one| *one == sign)
        .map_or(0, |at| 1 << at)
}

/// The signs whose bits are set.
pub(super) fn signs(bits: u8) -> Vec<Sign> {
    SIGNS
        .into_iter()
        .filter(|sign| bits & sign_bit(*sign) != 0)
        .collect()
}

/// A record of the attribute table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AttributeRecord {
    pub(super) name: u32,
    pub(super) pname: u32,
    pub(super) main_program: u32,
    /// The outputs, joined with commas.
    pub(super) outputs: u32,
    /// The release by which it was removed; the empty text if it was not.
    pub(super) removed_by: u32,
    pub(super) popularity: u8,
    pub(super) unfree: bool,
}

impl AttributeRecord {
    pub(super) const SIZE: usize = 22;

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        for text in [
            self.name,
            self.pname,
            self.main_program,
            self.outputs,
            self.removed_by,
        ] {
            out.extend_from_slice(&text.to_le_bytes());
        }
        out.push(self.popularity);
        out.push(u8::from(self.unfree));
    }

    pub(super) fn get(table: &[u8], id: u32) -> Option<Self> {
        let at = (id as usize).checked_mul(Self::SIZE)?;
        let record = table.get(at..at.checked_add(Self::SIZE)?)?;
        let text = |index: usize| number::<4>(record, index * 4).map(|text| text as u32);
        Some(Self {
            name: text(0)?,
            pname: text(1)?,
            main_program: text(2)?,
            outputs: text(3)?,
            removed_by: text(4)?,
            popularity: *record.get(20)?,
            unfree: *record.get(21)? != 0,
        })
    }
}

/// What has become of an old attribute name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasState {
    /// The old name still works.
    Alias,
    /// The old name fails with a message that names the new one.
    Renamed,
    /// The old package is gone; nixpkgs names this successor, which is another package.
    Replaced,
    /// The name is a general one that points to the current version; it stays the better name.
    Default,
    /// Written by hand: what the tables know under this name has another today. nixpkgs may have
    /// something else under it since, so it says nothing of what a listing of today names.
    Moved,
}

/// A record of the alias table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AliasRecord {
    pub(super) to: u32,
    /// The date that nixpkgs gives; the empty text if none.
    pub(super) since: u32,
    pub(super) state: AliasState,
}

impl AliasRecord {
    pub(super) const SIZE: usize = 9;

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to.to_le_bytes());
        out.extend_from_slice(&self.since.to_le_bytes());
        out.push(match self.state {
            AliasState::Alias => 0,
            AliasState::Renamed => 1,
            AliasState::Replaced => 2,
            AliasState::Default => 3,
            AliasState::Moved => 4,
        });
    }

    pub(super) fn get(table: &[u8], id: u32) -> Option<Self> {
        let at = (id as usize).checked_mul(Self::SIZE)?;
        let record = table.get(at..at.checked_add(Self::SIZE)?)?;
        Some(Self {
            to: number::<4>(record, 0)? as u32,
            since: number::<4>(record, 4)? as u32,
            state: match record.get(8)? {
                0 => AliasState::Alias,
                1 => AliasState::Renamed,
                2 => AliasState::Replaced,
                3 => AliasState::Default,
                4 => AliasState::Moved,
                _ => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests;
