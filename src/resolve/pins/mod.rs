//! `nixtrace.yaml`: what a person has decided about names and paths.
//!
//! The form is described in `docs/pins.md`; [`recorded`] writes a file of that form. serde_yaml is known only here; the file is bounded in
//! size, unknown keys are errors, and every error names the line and column.

mod pattern;
pub mod recorded;

use super::{AttrPath, Basis, Candidate, Facts, FileForm, Output, Query, SourceKind};
use crate::trace::Bytes;
use pattern::Pattern;
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
}

/// What a name is pinned to: `foo`, or `{ attr: foo, output: lib }`.
#[derive(Debug)]
struct Pin {
    attr: AttrPath,
    output: Option<Output>,
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
        Self::parse(&bytes, path)
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
    pub fn pinned(&self, query: &Query) -> Option<Candidate> {
        let (pattern, pin) = self
            .pins
            .iter()
            .filter(|(pattern, _)| pattern.matches(query))
            .max_by_key(|(pattern, _)| (pattern.is_exact(), pattern.text.len()))?;
        Some(Candidate {
            attr: pin.attr.clone(),
            output: pin.output.clone(),
            source: SourceKind::Pin,
            basis: Basis::Manual,
            form: FileForm::Regular,
            place: Bytes::default(),
            popularity: 0,
            note: Some(format!("pinned by `{}`", pattern.text)),
            facts: Facts::default(),
        })
    }

    /// The pattern by which the query is to be ignored.
    pub fn ignored(&self, query: &Query) -> Option<&str> {
        self.ignore
            .iter()
            .find(|pattern| pattern.matches(query))
            .map(|pattern| pattern.text.as_str())
    }

    /// The names that are pinned, as written, each with its attribute and output.
    fn entries(&self) -> impl Iterator<Item = (&str, &AttrPath, Option<&Output>)> {
        self.pins
            .iter()
            .map(|(pattern, pin)| (pattern.text.as_str(), &pin.attr, pin.output.as_ref()))
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

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PinVisitor;
        impl<'de> Visitor<'de> for PinVisitor {
            type Value = Pin;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute path like `openssl`, or a map with `attr` and `output`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pin, E> {
                let attr = AttrPath::new(text).map_err(E::custom)?;
                Ok(Pin { attr, output: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pin, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Long {
                    attr: Attr,
                    output: Option<OutputName>,
                }
                let long = Long::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Pin {
                    attr: long.attr.0,
                    output: long.output.map(|OutputName(name)| Output(name)),
                })
            }
        }
        deserializer.deserialize_any(PinVisitor)
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
mod tests {
    use super::*;
    use crate::resolve::Kind;
    use proptest::prelude::*;

    const FILE: &str = "\
pins:
  libfoo.so.1: foo
  awk: gawk
  python:yaml: python3Packages.pyyaml
  /opt/acme/lib/libx.so: { attr: acme, output: lib }
  /opt/acme/**: acme-tools
  /opt/**: everything
  libbar*.so.*: bar
ignore:
  - /opt/vendor/**
  - libinternal.so.2
prefer: [jdk17, stdenv.cc.cc]
";

    fn pins(text: &str) -> Result<Pins, String> {
        Pins::parse(text.as_bytes(), Path::new("nixtrace.yaml")).map_err(|error| error.to_string())
    }

    fn pinned(query: Query) -> Option<String> {
        let candidate = pins(FILE).unwrap().pinned(&query)?;
        Some(match candidate.output {
            Some(output) => format!("{}^{output}", candidate.attr),
            None => candidate.attr.to_string(),
        })
    }

    #[test]
    fn names_and_paths_are_pinned_the_sharpest_first() {
        for (query, expected) in [
            (Query::parse(b"libfoo.so.1"), Some("foo")),
            (Query::parse(b"libfoo.so.2"), None),
            (Query::parse(b"awk"), Some("gawk")),
            (Query::for_path(b"/usr/bin/awk"), Some("gawk")),
            (
                Query::new(Kind::Python, "yaml"),
                Some("python3Packages.pyyaml"),
            ),
            (Query::new(Kind::Command, "yaml"), None),
            (Query::parse(b"libbarbaz.so.7"), Some("bar")),
            (Query::for_path(b"/opt/acme/lib/libx.so"), Some("acme^lib")),
            (
                Query::for_path(b"/opt/acme/lib/liby.so"),
                Some("acme-tools"),
            ),
            (Query::parse(b"/opt/other/x"), Some("everything")),
        ] {
            assert_eq!(pinned(query.clone()).as_deref(), expected, "{query:?}");
        }
    }

    #[test]
    fn ignored_is_what_a_pattern_matches() {
        let pins = pins(FILE).unwrap();
        assert_eq!(
            pins.ignored(&Query::for_path(b"/opt/vendor/a/b")),
            Some("/opt/vendor/**")
        );
        assert_eq!(
            pins.ignored(&Query::parse(b"libinternal.so.2")),
            Some("libinternal.so.2")
        );
        assert_eq!(pins.ignored(&Query::parse(b"git")), None);
        assert_eq!(pins.preferred().len(), 2);
    }

    #[test]
    fn an_empty_file_decides_nothing() {
        for text in ["", "# nothing yet\n", "pins:\n", "ignore: []\n"] {
            assert!(
                pins(text).unwrap().pinned(&Query::parse(b"git")).is_none(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_column() {
        for (text, expected) in [
            (
                "pinz:\n  a: b\n",
                "nixtrace.yaml:1:1: unknown field `pinz`, expected one of `pins`, `ignore`, `prefer`",
            ),
            (
                "pins:\n  awk: gawk\n  x: not an attr\n",
                "nixtrace.yaml:3:6: pins.x: `not an attr` is not an attribute path of nixpkgs, like `openssl` or `python3Packages.numpy`",
            ),
            (
                "pins:\n  awk: gawk\n  awk: mawk\n",
                "nixtrace.yaml:3:3: pins: `awk` is pinned twice",
            ),
            (
                "pins:\n  a: { attr: x, outputs: y }\n",
                "nixtrace.yaml:2:17: pins.a: unknown field `outputs`, expected `attr` or `output`",
            ),
            (
                "pins: [a]\n",
                "nixtrace.yaml:1:7: pins: invalid type: sequence, expected a map from names to attributes",
            ),
            (
                "ignore:\n  - ok\n  - /bad/[*\n",
                "nixtrace.yaml:3:5: ignore[1]: error parsing glob '/bad/[*': unclosed character class; missing ']'",
            ),
            (
                "pins:\n  a: 3\n",
                "nixtrace.yaml:2:6: pins.a: invalid type: integer `3`, expected an attribute path like `openssl`, or a map with `attr` and `output`",
            ),
        ] {
            assert_eq!(pins(text).unwrap_err(), expected, "{text}");
        }
        let error = pins("pins:\n  a: {").unwrap_err();
        assert!(error.starts_with("nixtrace.yaml:"), "{error}");
    }

    #[test]
    fn a_hostile_file_is_an_error_in_no_time() {
        let laughs = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nignore: *c\n";
        assert!(pins(laughs).is_err());
        let deep = format!("ignore: {}", "[".repeat(100_000));
        assert_eq!(
            pins(&deep).unwrap_err(),
            "nixtrace.yaml:1:41: nested more than 32 deep"
        );
        let dashes = format!("ignore:\n  {}x", "- ".repeat(100_000));
        assert_eq!(
            pins(&dashes).unwrap_err(),
            "nixtrace.yaml:2:67: nested more than 32 deep"
        );
        assert!(pins("pins: &a\n  x: *a\n").is_err());
    }

    #[test]
    fn a_file_larger_than_the_limit_is_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(SIZE_LIMIT + 1).unwrap();
        assert!(matches!(
            Pins::load(file.path()),
            Err(PinsError::TooLarge { .. })
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Pins::parse(&bytes, Path::new("x"));
        }
    }
}
