//! Reading the databases that nix-index makes.
//!
//! A database is the magic `NIXI`, a version (1) as a little-endian u64, and one zstd stream. The
//! stream is a row of records in a variant of locate's frcode: what the record is about, a NUL, by
//! how much the prefix shared with the path before grew or shrank (one signed byte, or 0x80 and two
//! big-endian bytes), the rest of the path, a newline. The files of a store path come first; a
//! record `p` whose path is a JSON text ends them and says whose they were.
//!
//! The reader streams: it holds one store path's listing at a time, in bounded memory, whatever the
//! bytes are. What becomes of a listing is `build`'s work.

use serde::Deserialize;
use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;

const MAGIC: &[u8; 4] = b"NIXI";
const VERSION: u64 = 1;

/// The longest record or path that is believed. Linux stops at 4 KiB for a path; a footer is a few
/// hundred bytes.
const MAX_RECORD: usize = 64 << 10;

/// The most bytes that the paths of one store path may take, shared prefixes written out. The
/// largest packages (TeX Live's, kernel sources) stay below a tenth of it.
const MAX_LISTING: usize = 512 << 20;

/// Why a database cannot be read. Offsets count the bytes of the unpacked listing.
#[derive(Debug, thiserror::Error)]
pub enum NixIndexError {
    /// The file does not begin with `NIXI`.
    #[error("not a nix-index database (it does not begin with NIXI)")]
    NotADatabase,
    /// The file is of a version that this reader does not know.
    #[error("version {0} of the nix-index format is not known here (only {VERSION} is)")]
    UnknownVersion(u64),
    /// Reading or unpacking failed.
    #[error("cut short or damaged: unpacking stopped at byte {offset} of the listing")]
    Unpack {
        /// How far the listing could be unpacked.
        offset: u64,
        /// What zstd or the disk said.
        source: io::Error,
    },
    /// A record breaks the format.
    #[error("damaged at byte {offset} of the listing: {what}")]
    Record {
        /// Where the record begins.
        offset: u64,
        /// In what way.
        what: &'static str,
    },
    /// A footer is no JSON text of the known shape.
    #[error("damaged at byte {offset} of the listing: the record of a store path cannot be read")]
    Footer {
        /// Where the record begins.
        offset: u64,
        /// What is wrong with the text.
        source: serde_json::Error,
    },
}

/// What a store path is, as its footer says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct StorePath<'a> {
    /// `/nix/store`.
    #[serde(borrow)]
    pub store_dir: Cow<'a, str>,
    /// The hash part.
    #[serde(borrow)]
    pub hash: Cow<'a, str>,
    /// The name part: derivation name, version and output.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// From which attribute nix-index came to it.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}

/// From which attribute nix-index came to a store path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Origin<'a> {
    /// The attribute.
    #[serde(borrow)]
    pub attr: Cow<'a, str>,
    /// The output.
    #[serde(borrow)]
    pub output: Cow<'a, str>,
    /// Whether the path is that attribute's own output; if not, it was met among the references of
    /// one and the attribute says nothing about it.
    pub toplevel: bool,
    /// For which system it was built; databases before 2024 do not say.
    #[serde(borrow, default)]
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub system: Option<Cow<'a, str>>,
}

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    /// A file.
    Regular {
        /// Its size in bytes.
        size: u64,
        /// Whether it may be executed.
        executable: bool,
    },
    /// A directory.
    Directory {
        /// How many entries it has.
        entries: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points, as written.
        target: &'a [u8],
    },
}

/// The listing of one store path.
#[derive(Debug)]
pub struct Package<'a> {
    /// What it is.
    pub store_path: StorePath<'a>,
    arena: &'a [u8],
    entries: &'a [Entry],
}

impl<'a> Package<'a> {
    /// What lies in the store path: the path below it (`/bin/jq`; empty for itself) and the node.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&'a [u8], Node<'a>)> + use<'a> {
        let arena = self.arena;
        self.entries.iter().map(move |entry| {
            let node = match &entry.node {
                StoredNode::Regular { size, executable } => Node::Regular {
                    size: *size,
                    executable: *executable,
                },
                StoredNode::Directory { entries } => Node::Directory { entries: *entries },
                StoredNode::Symlink { target } => Node::Symlink {
                    target: &arena[target.clone()],
                },
            };
            (&arena[entry.path.clone()], node)
        })
    }
}

#[derive(Debug)]
struct Entry {
    path: Range<usize>,
    node: StoredNode,
}

#[derive(Debug)]
enum StoredNode {
    Regular { size: u64, executable: bool },
    Directory { entries: u64 },
    Symlink { target: Range<usize> },
}

/// A database being read from its beginning to its end.
pub struct Reader<'r> {
    listing: Box<dyn BufRead + 'r>,
    /// Bytes of the listing before the next record.
    offset: u64,
    /// The path of the record before, and how much of it the next record was told to share.
    path: Vec<u8>,
    shared: usize,
    about: Vec<u8>,
    arena: Vec<u8>,
    entries: Vec<Entry>,
}

impl<'r> Reader<'r> {
    /// Checks the head of a database and begins to unpack it.
    ///
    /// # Errors
    /// When it is no database, or one of another version.
    pub fn new(mut database: impl Read + 'r) -> Result<Self, NixIndexError> {
        let mut head = [0; 12];
        database.read_exact(&mut head).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                NixIndexError::NotADatabase
            } else {
                NixIndexError::Unpack {
                    offset: 0,
                    source: error,
                }
            }
        })?;
        let (magic, version) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(NixIndexError::NotADatabase);
        }
        let version = version
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        if version != VERSION {
            return Err(NixIndexError::UnknownVersion(version));
        }
        let unpacked = zstd::stream::read::Decoder::new(database)
            .map_err(|source| NixIndexError::Unpack { offset: 0, source })?;
        Ok(Self {
            listing: Box::new(BufReader::with_capacity(256 << 10, unpacked)),
            offset: 0,
            path: Vec::new(),
            shared: 0,
            about: Vec::new(),
            arena: Vec::new(),
            entries: Vec::new(),
        })
    }

    /// How many bytes of the unpacked listing were read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next store path with its listing; none at the end.
    ///
    /// # Errors
    /// When the database is damaged or cut short; nothing can be read after that.
    pub fn next_package(&mut self) -> Result<Option<Package<'_>>, NixIndexError> {
        self.arena.clear();
        self.entries.clear();
        loop {
            let begin = self.offset;
            let broken = |what| NixIndexError::Record {
                offset: begin,
                what,
            };
            if !self.next_record()? {
                return if self.entries.is_empty() {
                    Ok(None)
                } else {
                    Err(broken("it ends within the listing of a store path"))
                };
            }
            if self.about == b"p" {
                let store_path =
                    serde_json::from_slice(&self.path).map_err(|source| NixIndexError::Footer {
                        offset: begin,
                        source,
                    })?;
                return Ok(Some(Package {
                    store_path,
                    arena: &self.arena,
                    entries: &self.entries,
                }));
            }
            if !matches!(self.path.first(), None | Some(b'/')) {
                return Err(broken("a path does not begin with `/`"));
            }
            if self.arena.len() + self.path.len() + self.about.len() > MAX_LISTING {
                return Err(broken("the listing of one store path has no end"));
            }
            let node = self
                .node()
                .ok_or_else(|| broken("an unknown kind of file"))?;
            let path = self.keep(self.path.len(), |reader| &reader.path);
            self.entries.push(Entry { path, node });
        }
    }

    /// Reads the record's two parts into `about` and `path`; false at the end of the listing.
    fn next_record(&mut self) -> Result<bool, NixIndexError> {
        let begin = self.offset;
        let broken = |what| NixIndexError::Record {
            offset: begin,
            what,
        };
        self.about.clear();
        if self.read_until(0, Part::About)? == 0 {
            return Ok(false);
        }
        if self.about.pop() != Some(0) {
            return Err(broken("a record is cut short or has no end"));
        }
        let first = self.byte(begin)?;
        let growth = if first == 0x80 {
            i16::from_be_bytes([self.byte(begin)?, self.byte(begin)?])
        } else {
            i16::from(first.cast_signed())
        };
        self.shared = self
            .shared
            .checked_add_signed(isize::from(growth))
            .filter(|shared| *shared <= self.path.len())
            .ok_or_else(|| broken("more of the path before is shared than it has"))?;
        self.path.truncate(self.shared);
        self.read_until(b'\n', Part::Path)?;
        if self.path.len() <= self.shared || self.path.pop() != Some(b'\n') {
            return Err(broken("a path is cut short or has no end"));
        }
        if self.path.len() > MAX_RECORD {
            return Err(broken("a path is longer than any path can be"));
        }
        Ok(true)
    }

    /// Appends to a part of the record up to and with the delimiter, or as much as is believed.
    fn read_until(&mut self, delimiter: u8, part: Part) -> Result<usize, NixIndexError> {
        let text = match part {
            Part::About => &mut self.about,
            Part::Path => &mut self.path,
        };
        let read = (&mut self.listing)
            .take(MAX_RECORD as u64 + 1)
            .read_until(delimiter, text)
            .map_err(|source| NixIndexError::Unpack {
                offset: self.offset,
                source,
            })?;
        self.offset += read as u64;
        Ok(read)
    }

    fn byte(&mut self, begin: u64) -> Result<u8, NixIndexError> {
        let mut byte = [0];
        self.listing.read_exact(&mut byte).map_err(|source| {
            if source.kind() == io::ErrorKind::UnexpectedEof {
                NixIndexError::Record {
                    offset: begin,
                    what: "a record is cut short or has no end",
                }
            } else {
                NixIndexError::Unpack {
                    offset: self.offset,
                    source,
                }
            }
        })?;
        self.offset += 1;
        Ok(byte[0])
    }

    fn node(&mut self) -> Option<StoredNode> {
        let (kind, text) = self.about.split_last()?;
        Some(match kind {
            b'r' | b'x' => StoredNode::Regular {
                size: number(text)?,
                executable: *kind == b'x',
            },
            b'd' => StoredNode::Directory {
                entries: number(text)?,
            },
            b's' => {
                let length = text.len();
                StoredNode::Symlink {
                    target: self.keep(length, |reader| &reader.about),
                }
            }
            _ => return None,
        })
    }

    fn keep(&mut self, length: usize, part: impl Fn(&Self) -> &Vec<u8>) -> Range<usize> {
        let begin = self.arena.len();
        let mut arena = std::mem::take(&mut self.arena);
        arena.extend_from_slice(&part(self)[..length]);
        self.arena = arena;
        begin..begin + length
    }
}

#[derive(Clone, Copy)]
enum Part {
    About,
    Path,
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Writes databases, for tests: what nix-index would write for the same listings.
#[cfg(test)]
pub(crate) mod write {
    use super::{MAGIC, Node, StorePath, VERSION};

    /// A store path and its listing.
    #[derive(Clone, Debug)]
    pub(crate) struct Listing {
        pub(crate) store_path: StorePath<'static>,
        pub(crate) entries: Vec<(Vec<u8>, Owned)>,
    }

    /// A node that owns its link target.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) enum Owned {
        Regular { size: u64, executable: bool },
        Directory { entries: u64 },
        Symlink { target: Vec<u8> },
    }

    impl Owned {
        pub(crate) fn as_node(&self) -> Node<'_> {
            match self {
                Self::Regular { size, executable } => Node::Regular {
                    size: *size,
                    executable: *executable,
                },
                Self::Directory { entries } => Node::Directory { entries: *entries },
                Self::Symlink { target } => Node::Symlink { target },
            }
        }
    }

    /// The unpacked stream.
    pub(crate) fn listing(packages: &[Listing]) -> Vec<u8> {
        let mut out = Vec::new();
        for package in packages {
            let mut before: Vec<u8> = Vec::new();
            let mut shared = 0_i64;
            let mut record = |about: &[u8], path: &[u8]| {
                let common = before.iter().zip(path).take_while(|(a, b)| a == b).count();
                // The format's differences have 16 bits.
                let common = common.min(usize::from(u16::MAX >> 1)) as i64;
                out.extend_from_slice(about);
                out.push(0);
                match i8::try_from(common - shared) {
                    Ok(growth) if growth != i8::MIN => out.push(growth.cast_unsigned()),
                    _ => {
                        out.push(0x80);
                        let growth = i16::try_from(common - shared).unwrap();
                        out.extend_from_slice(&growth.to_be_bytes());
                    }
                }
                out.extend_from_slice(&path[usize::try_from(common).unwrap()..]);
                out.push(b'\n');
                shared = common;
                before = path.to_vec();
            };
            for (path, node) in &package.entries {
                let about = match node {
                    Owned::Regular { size, executable } => {
                        format!("{size}{}", if *executable { 'x' } else { 'r' }).into_bytes()
                    }
                    Owned::Directory { entries } => format!("{entries}d").into_bytes(),
                    Owned::Symlink { target } => [target, b"s".as_slice()].concat(),
                };
                record(&about, path);
            }
            record(b"p", &serde_json::to_vec(&package.store_path).unwrap());
        }
        out
    }

    /// A database around an unpacked stream.
    pub(crate) fn database(listing: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&zstd::encode_all(listing, 3).unwrap());
        out
    }
}

#[cfg(test)]
mod tests;
