//! `/etc/ld.so.cache`, which ldconfig(8) writes and glibc's loader reads.
//!
//! Three formats are in use (glibc's `dl-cache.h`): the old one of libc5's days, the new one, and
//! the new one behind the old one, for programs that only know that. The new one may carry an
//! extension with the names of `glibc-hwcaps` subdirectories. Numbers are in the byte order of the
//! machine that the cache is for.

use super::Endianness;
use bstr::{BStr, ByteSlice};
use std::ops::Range;

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";

/// `struct cache_file`: the magic, padding, and the number of entries.
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;
/// `struct cache_file_new`.
const NEW_HEADER: usize = 48;
const NEW_ENTRY: usize = 24;
/// `struct cache_extension`, and one section of it.
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
const EXTENSION_HEADER: usize = 8;
const EXTENSION_SECTION: usize = 16;
/// `cache_extension_tag_glibc_hwcaps`.
const HWCAPS_TAG: u32 = 1;
/// The upper half of an entry's `hwcap` when the lower one is an index into the extension; the ten
/// lowest bits of it are an ISA level (`DL_CACHE_HWCAP_ISA_LEVEL_MASK`).
const HWCAP_EXTENSION: u32 = 1 << 30;
const ISA_LEVEL: u32 = (1 << 10) - 1;

/// A cache of libraries.
#[derive(Clone, Debug)]
pub struct LdCache {
    data: Vec<u8>,
    /// Sorted by name; among equal names, in the file's order, which is the loader's preference.
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    flags: u32,
    name: Range<usize>,
    path: Range<usize>,
    hwcap: Hwcap,
}

#[derive(Clone, Debug)]
enum Hwcap {
    None,
    /// A subdirectory of `glibc-hwcaps`.
    Named(Range<usize>),
    /// Bits of glibc before 2.33, for directories such as `tls` and `haswell`.
    Legacy,
}

/// One line of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachedLibrary<'c> {
    /// What it is found by: the soname or a link's name.
    pub name: &'c BStr,
    /// Where it is.
    pub path: &'c BStr,
    /// The ABI: glibc's `FLAG_*` of `ldconfig.h`.
    pub flags: u32,
    /// The `glibc-hwcaps` subdirectory that it lies in, if any.
    pub hwcap: Option<&'c BStr>,
}

/// Why a cache could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCache {
    /// It is something else.
    #[error("it does not begin as a loader's cache does")]
    NotACache,
    /// A part of it is missing.
    #[error("its {0} is cut off")]
    Truncated(&'static str),
}

impl LdCache {
    /// Reads a cache in any of its formats.
    ///
    /// # Errors
    /// When the bytes are no cache, or a part is missing.
    pub fn parse(data: Vec<u8>) -> Result<Self, BadCache> {
        let mut entries = if data.starts_with(NEW_MAGIC) {
            new_entries(&data, 0)?
        } else if data.starts_with(OLD_MAGIC) {
            let order = order_by_count(&data, OLD_HEADER - 4, OLD_ENTRY);
            let count = word(&data, OLD_HEADER - 4, order).ok_or(BadCache::Truncated("header"))?;
            let end = entries_end(OLD_HEADER, count, OLD_ENTRY)?;
            // The new header is aligned as its 64-bit members are: to 4 bytes on i386, else to 8.
            let aligned = [end.next_multiple_of(8), end.next_multiple_of(4)];
            let new = aligned.into_iter().find(|at| {
                let rest = data.get(*at..);
                rest.is_some_and(|rest| rest.starts_with(NEW_MAGIC))
            });
            match new {
                Some(at) => new_entries(&data, at)?,
                None => old_entries(&data, end, order)?,
            }
        } else {
            return Err(BadCache::NotACache);
        };
        entries.sort_by(|a, b| data[a.name.clone()].cmp(&data[b.name.clone()]));
        Ok(Self { data, entries })
    }

    /// The file that the loader would take for `name`: one with these flags, from the first of the
    /// `hwcaps` that has one, else from no such subdirectory.
    ///
    /// Entries for directories of the legacy kind (`tls`, `haswell`) are passed over, as glibc does
    /// since 2.37.
    pub fn find(&self, name: &BStr, flags: u32, hwcaps: &[&BStr]) -> Option<&BStr> {
        let first = self
            .entries
            .partition_point(|entry| self.text(&entry.name) < name);
        let rank = |entry: &Entry| match &entry.hwcap {
            Hwcap::None => Some(hwcaps.len()),
            Hwcap::Named(wanted) => hwcaps.iter().position(|have| *have == self.text(wanted)),
            Hwcap::Legacy => None,
        };
        self.entries[first..]
            .iter()
            .take_while(|entry| self.text(&entry.name) == name)
            .filter(|entry| entry.flags == flags)
            .filter_map(|entry| Some((rank(entry)?, entry)))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, entry)| self.text(&entry.path))
    }

    /// All of it, by name.
    pub fn iter(&self) -> impl Iterator<Item = CachedLibrary<'_>> {
        self.entries.iter().map(|entry| CachedLibrary {
            name: self.text(&entry.name),
            path: self.text(&entry.path),
            flags: entry.flags,
            hwcap: match &entry.hwcap {
                Hwcap::Named(name) => Some(self.text(name)),
                Hwcap::None | Hwcap::Legacy => None,
            },
        })
    }

    fn text(&self, range: &Range<usize>) -> &BStr {
        self.data[range.clone()].as_bstr()
    }
}

fn old_entries(data: &[u8], strings: usize, order: Endianness) -> Result<Vec<Entry>, BadCache> {
    let table = data
        .get(OLD_HEADER..strings)
        .ok_or(BadCache::Truncated("table"))?;
    table
        .chunks_exact(OLD_ENTRY)
        .map(|entry| {
            Ok(Entry {
                flags: field(entry, 0, order),
                name: string(data, strings, field(entry, 4, order))?,
                path: string(data, strings, field(entry, 8, order))?,
                hwcap: Hwcap::None,
            })
        })
        .collect()
}

/// Entries of the new format, whose header is at `start`; offsets of strings count from there.
fn new_entries(data: &[u8], start: usize) -> Result<Vec<Entry>, BadCache> {
    const HEADER: BadCache = BadCache::Truncated("header");
    let header = data.get(start..start + NEW_HEADER).ok_or(HEADER)?;
    let order = match header[28] & 3 {
        2 => Endianness::Little,
        3 => Endianness::Big,
        // Written before 2.32: the byte order is what makes sense of the number of entries.
        _ => order_by_count(&data[start..], 20, NEW_ENTRY),
    };
    let end = entries_end(start + NEW_HEADER, field(header, 20, order), NEW_ENTRY)?;
    let table = data
        .get(start + NEW_HEADER..end)
        .ok_or(BadCache::Truncated("table"))?;
    let names = match field(header, 32, order) {
        0 => Vec::new(),
        // From the start of the file, not of this header.
        at => hwcap_names(data, at as usize, start, order)?,
    };
    table
        .chunks_exact(NEW_ENTRY)
        .map(|entry| {
            let halves = match order {
                Endianness::Little => (field(entry, 20, order), field(entry, 16, order)),
                Endianness::Big => (field(entry, 16, order), field(entry, 20, order)),
            };
            let hwcap = match halves {
                (0, 0) => Hwcap::None,
                (high, index) if high & !ISA_LEVEL == HWCAP_EXTENSION => {
                    let name = names.get(index as usize);
                    Hwcap::Named(name.ok_or(BadCache::Truncated("extension"))?.clone())
                }
                _ => Hwcap::Legacy,
            };
            Ok(Entry {
                flags: field(entry, 0, order),
                name: string(data, start, field(entry, 4, order))?,
                path: string(data, start, field(entry, 8, order))?,
                hwcap,
            })
        })
        .collect()
}

/// The names of the `glibc-hwcaps` subdirectories, in the extension at `at`.
fn hwcap_names(
    data: &[u8],
    at: usize,
    strings: usize,
    order: Endianness,
) -> Result<Vec<Range<usize>>, BadCache> {
    const EXTENSION: BadCache = BadCache::Truncated("extension");
    if word(data, at, order).ok_or(EXTENSION)? != EXTENSION_MAGIC {
        return Err(EXTENSION);
    }
    let count = word(data, at.saturating_add(4), order).ok_or(EXTENSION)?;
    let end = entries_end(at + EXTENSION_HEADER, count, EXTENSION_SECTION)?;
    let sections = data.get(at + EXTENSION_HEADER..end).ok_or(EXTENSION)?;
    let Some(section) = sections
        .chunks_exact(EXTENSION_SECTION)
        .find(|section| field(section, 0, order) == HWCAPS_TAG)
    else {
        return Ok(Vec::new());
    };
    let offset = field(section, 8, order) as usize;
    let length = field(section, 12, order) as usize;
    offset
        .checked_add(length)
        .and_then(|end| data.get(offset..end))
        .ok_or(EXTENSION)?
        .chunks_exact(4)
        .map(|name| string(data, strings, field(name, 0, order)))
        .collect()
}

fn entries_end(start: usize, count: u32, size: usize) -> Result<usize, BadCache> {
    (count as usize)
        .checked_mul(size)
        .and_then(|length| start.checked_add(length))
        .ok_or(BadCache::Truncated("table"))
}

/// The byte order in which the count at `at` is small enough for the file; little where both are.
fn order_by_count(data: &[u8], at: usize, size: usize) -> Endianness {
    let fits =
        |order| word(data, at, order).is_some_and(|count| count as usize <= data.len() / size);
    if !fits(Endianness::Little) && fits(Endianness::Big) {
        Endianness::Big
    } else {
        Endianness::Little
    }
}

/// A NUL-terminated string `offset` bytes behind `base`.
fn string(data: &[u8], base: usize, offset: u32) -> Result<Range<usize>, BadCache> {
    const STRING: BadCache = BadCache::Truncated("string table");
    let start = base.checked_add(offset as usize).ok_or(STRING)?;
    let rest = data.get(start..).ok_or(STRING)?;
    let length = rest.find_byte(0).ok_or(STRING)?;
    Ok(start..start + length)
}

fn word(data: &[u8], at: usize, order: Endianness) -> Option<u32> {
    data.get(at..at.checked_add(4)?)
        .map(|bytes| field(bytes, 0, order))
}

/// A 32-bit member of a record whose length is known to hold it.
fn field(record: &[u8], at: usize, order: Endianness) -> u32 {
    let raw = [record[at], record[at + 1], record[at + 2], record[at + 3]];
    match order {
        Endianness::Little => u32::from_le_bytes(raw),
        Endianness::Big => u32::from_be_bytes(raw),
    }
}
