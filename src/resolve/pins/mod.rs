//! `nixtrace.yaml`: what a person has decided about names and paths.
//!
//! The form is described in `docs/pins.md`; [`recorded`] writes a file of that form. serde_yaml is
//! known only here; the file is bounded in size and depth, unknown keys are errors, and every error
//! names the line and column.

mod pattern;
mod pin;
pub mod recorded;

use super::forced::ForcedRole;
use super::origin::Origin;
use super::{AttrPath, Basis, Candidate, Facts, FileForm, Query, SourceKind};
use crate::trace::Bytes;
use pattern::Pattern;
use pin::Pin;
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest file that is read: 1 MiB.
pub const SIZE_LIMIT: u64 = 1 << 20;

/// The decisions of one file; empty ones decide nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pins {
    #[serde(deserialize_with = "unique_pins")]
    pins: Vec<(Pattern, Pin)>,
    ignore: Vec<Pattern>,
    prefer: Vec<Attr>,
    /// From where relative paths in it lead.
    #[serde(skip)]
    directory: PathBuf,
}

/// What a query is pinned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The attribute, as a candidate among others.
    pub candidate: Candidate,
    /// Where it comes from, if not from the reader's nixpkgs.
    pub origin: Option<Origin>,
}

impl Pins {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is larger than [`SIZE_LIMIT`], or is not what `docs/pins.md`
    /// describes.
    pub fn load(path: &Path) -> Result<Self, PinsError> {
        let read = |source| PinsError::Read {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes))
            .map_err(read)?;
        if bytes.len() as u64 > SIZE_LIMIT {
            return Err(PinsError::TooLarge {
                path: path.to_owned(),
            });
        }
        let absolute = std::path::absolute(path).map_err(read)?;
        Self::parse(&bytes, path)?.below(absolute.parent().unwrap_or(Path::new("/")), path)
    }

    /// The same with relative paths in it leading from this directory.
    fn below(mut self, directory: &Path, path: &Path) -> Result<Self, PinsError> {
        let mut sources = self.pins.iter().filter_map(|(_, pin)| pin.source.as_ref());
        if sources.any(|source| source.origin(directory).is_none()) {
            return Err(PinsError::Unspeakable {
                path: path.to_owned(),
            });
        }
        self.directory = directory.to_owned();
        Ok(self)
    }

    /// Reads a file's content; the path is for messages.
    ///
    /// # Errors
    /// As [`Pins::load`].
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, PinsError> {
        if let Some((line, column)) = too_deep(bytes) {
            let message = format!("nested more than {DEPTH_LIMIT} deep");
            return Err(PinsError::Invalid {
                path: path.to_owned(),
                line,
                column,
                message,
            });
        }
        // An empty document is YAML's null, and an empty file of pins is fine.
        match serde_yaml::from_slice::<Option<Self>>(bytes) {
            Ok(pins) => Ok(pins.unwrap_or_default()),
            Err(error) => Err(PinsError::invalid(path, &error)),
        }
    }

    /// What the query is pinned to. Exact names go before patterns, longer patterns before
    /// shorter ones.
    pub fn pinned(&self, query: &Query) -> Option<Pinned> {
        let (pattern, pin) = self.sharpest(query, |pin| pin.attr.is_some())?;
        let origin = pin
            .source
            .as_ref()
            .and_then(|source| source.origin(&self.directory));
        let from = origin.as_ref().map(|origin| format!(", from {origin}"));
        let candidate = Candidate {
            attr: pin.attr.clone()?,
            output: pin.output.clone(),
            source: SourceKind::Pin,
            basis: Basis::Manual,
            form: FileForm::Regular,
            place: Bytes::default(),
            popularity: 0,
            note: Some(format!(
                "pinned by `{}`{}",
                pattern.text,
                from.unwrap_or_default()
            )),
            facts: Facts::default(),
        };
        Some(Pinned { candidate, origin })
    }

    /// What the query's package is to be for, found as [`Self::pinned`] finds its attribute.
    pub fn role(&self, query: &Query) -> Option<ForcedRole> {
        self.sharpest(query, |pin| pin.role.is_some())?.1.role
    }

    fn sharpest(&self, query: &Query, decides: impl Fn(&Pin) -> bool) -> Option<&(Pattern, Pin)> {
        self.pins
            .iter()
            .filter(|(pattern, pin)| decides(pin) && pattern.matches(query))
            .max_by_key(|(pattern, _)| (pattern.is_exact(), pattern.text.len()))
    }

    /// The pattern by which the query is to be ignored.
    pub fn ignored(&self, query: &Query) -> Option<&str> {
        self.ignore
            .iter()
            .find(|pattern| pattern.matches(query))
            .map(|pattern| pattern.text.as_str())
    }

    /// The names that are pinned, as written, each with what it is pinned to.
    fn entries(&self) -> impl Iterator<Item = (&str, &Pin)> {
        self.pins
            .iter()
            .map(|(pattern, pin)| (pattern.text.as_str(), pin))
    }

    /// Attributes to prefer where several would do.
    pub fn preferred(&self) -> Vec<AttrPath> {
        self.prefer.iter().map(|Attr(attr)| attr.clone()).collect()
    }
}

/// Far more than the form needs.
const DEPTH_LIMIT: usize = 32;

/// Where brackets or dashes are nested beyond the limit, as line and column.
///
/// The YAML scanner's time is quadratic in the depth, so a hostile megabyte of brackets would keep
/// it busy for minutes. Brackets in quotes and comments are counted too; no sensible name has so
/// many.
fn too_deep(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut open = 0_usize;
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let mut dashes = 0;
        for (at, byte) in line.iter().enumerate() {
            match byte {
                b'[' | b'{' => open += 1,
                b']' | b'}' => open = open.saturating_sub(1),
                b'-' | b'?' | b':' if line.get(at + 1) == Some(&b' ') => dashes += 1,
                _ => {}
            }
            if open > DEPTH_LIMIT || dashes > DEPTH_LIMIT {
                return Some((number + 1, at + 1));
            }
        }
    }
    None
}

/// Why a file of pins cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinsError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What reading it gave.
        source: io::Error,
    },
    /// It is larger than any real one.
    #[error("{} is larger than 1 MiB", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A path in it leads to a name that is not UTF-8.
    #[error("{} names a file that Nix cannot: the path to it is not UTF-8", path.display())]
    Unspeakable {
        /// The file of pins.
        path: PathBuf,
    },
    /// It is not what `docs/pins.md` describes.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
}

impl PinsError {
    fn invalid(path: &Path, error: &serde_yaml::Error) -> Self {
        let text = error.to_string();
        // A file that ends too early has no location of its own; its first line is as good.
        let (line, column) = error
            .location()
            .map_or((1, 1), |at| (at.line(), at.column()));
        let place = format!(" at line {line} column {column}");
        Self::Invalid {
            path: path.to_owned(),
            line,
            column,
            message: text.replace(&place, ""),
        }
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(deserializer, "a name, a path or a pattern", |text| {
            Self::new(text.to_owned())
        })
    }
}

/// Reads a text and checks it inside the deserializer, which so adds the position to the error.
fn checked<'de, D, T, E>(
    deserializer: D,
    expected: &'static str,
    check: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
{
    struct Checker<F>(&'static str, F);
    impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for Checker<F> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<Error: serde::de::Error>(self, text: &str) -> Result<T, Error> {
            self.1(text).map_err(Error::custom)
        }
    }
    deserializer.deserialize_str(Checker(expected, check))
}

/// An attribute path, checked while the position in the file is known.
#[derive(Debug)]
struct Attr(AttrPath);

impl<'de> Deserialize<'de> for Attr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(deserializer, "an attribute path like `openssl`", |text| {
            AttrPath::new(text).map(Self)
        })
    }
}

/// The name of an output: it becomes part of an attribute path.
#[derive(Debug)]
struct OutputName(String);

impl<'de> Deserialize<'de> for OutputName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(deserializer, "an output like `dev`", |text| {
            let well_formed = !text.contains('.') && AttrPath::new(text).is_ok();
            if well_formed {
                Ok(Self(text.to_owned()))
            } else {
                Err(format!(
                    "`{text}` is not an output, like `out`, `dev` or `lib`"
                ))
            }
        })
    }
}

/// Reads the map of pins in its order; a name that is pinned twice is an error.
fn unique_pins<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(Pattern, Pin)>, D::Error> {
    struct PinsVisitor;
    impl<'de> Visitor<'de> for PinsVisitor {
        type Value = Vec<(Pattern, Pin)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map from names to attributes")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut seen = HashSet::new();
            let mut pins = Vec::new();
            while let Some(pattern) = map.next_key_seed(NewPattern(&mut seen))? {
                pins.push((pattern, map.next_value()?));
            }
            Ok(pins)
        }
    }
    deserializer.deserialize_any(PinsVisitor)
}

/// A key of the map of pins that must not have occurred before; checked while its position is
/// known.
struct NewPattern<'a>(&'a mut HashSet<String>);

impl<'de> DeserializeSeed<'de> for NewPattern<'_> {
    type Value = Pattern;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Pattern, D::Error> {
        checked(deserializer, "a name, a path or a pattern", |text| {
            if !self.0.insert(text.to_owned()) {
                return Err(format!("`{text}` is pinned twice"));
            }
            Pattern::new(text.to_owned())
        })
    }
}

#[cfg(test)]
mod tests;
