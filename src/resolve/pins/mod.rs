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
        let candidate = pins(FILE).unwrap().pinned(&query)?.candidate;
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
    fn a_pin_can_name_a_source_of_the_package() {
        let hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let revision = "0123456789abcdef0123456789abcdef01234567";
        let text = format!(
            "\
pins:
  liba.so.1: {{ attr: a, source: ./nix/../a.nix }}
  libb.so.1: {{ attr: b, output: lib, source: {{ nixpkgs: {revision}, sha256: {hash} }} }}
  libc.so.1: {{ attr: c, source: {{ tarball: 'https://x.org/c.tar.gz', sha256: {hash}, file: nix/c.nix }} }}
  libd.so.1: {{ attr: default, source: {{ flake: 'github:x/d/{revision}' }} }}
"
        );
        let pins = pins(&text)
            .unwrap()
            .below(Path::new("/srv/project"), Path::new("nixtrace.yaml"))
            .unwrap();
        let origin = |name: &str| {
            let pinned = pins.pinned(&Query::parse(name.as_bytes())).unwrap();
            serde_json::to_string(&pinned.origin).unwrap()
        };
        assert_eq!(origin("liba.so.1"), r#"{"file":"/srv/project/a.nix"}"#);
        assert_eq!(
            origin("libb.so.1"),
            format!(
                r#"{{"nixpkgs":{{"url":"https://github.com/NixOS/nixpkgs/archive/{revision}.tar.gz","sha256":"{hash}"}}}}"#
            )
        );
        assert_eq!(
            origin("libc.so.1"),
            format!(
                r#"{{"tarball":{{"url":"https://x.org/c.tar.gz","sha256":"{hash}","file":"nix/c.nix"}}}}"#
            )
        );
        assert_eq!(
            origin("libd.so.1"),
            format!(r#"{{"flake":"github:x/d/{revision}"}}"#)
        );
    }

    #[test]
    fn a_source_that_is_not_pinned_or_not_clear_is_an_error_at_its_place() {
        for (source, expected) in [
            (
                "acme.nix",
                "`acme.nix` is no path: a file for callPackage begins with `./`, `../` or `/`",
            ),
            (
                "{ tarball: 'https://x.org/c.tar.gz' }",
                "a tarball has to be pinned: add the `sha256` that `nix-prefetch-url --unpack` prints",
            ),
            (
                "{ nixpkgs: nixos-24.05, sha256: x }",
                "`nixos-24.05` is neither the URL of a tarball nor a whole revision",
            ),
            (
                "{ flake: 'github:x/y' }",
                "the flake `github:x/y` has to be locked: add a whole revision, or `narHash`",
            ),
            (
                "{ flake: x, tarball: y }",
                "a source is a path, or one of `nixpkgs` with `sha256`, `tarball` with `sha256` and perhaps `file`, or `flake`",
            ),
            (
                "{ url: x }",
                "unknown field `url`, expected one of `nixpkgs`, `tarball`, `flake`, `sha256`, `file`",
            ),
        ] {
            let text = format!("pins:\n  a: {{ attr: a, source: {source} }}\n");
            let error = pins(&text).unwrap_err();
            assert!(error.starts_with("nixtrace.yaml:2:"), "{error}");
            assert!(error.ends_with(expected), "{error}");
        }
    }

    #[test]
    fn a_role_can_be_decided_with_or_without_the_attribute() {
        let pins = pins(
            "pins:\n  git: { role: runtime }\n  '*.so.1': { attr: x, role: build }\n  liba.so.1: a\n",
        )
        .unwrap();
        let git = Query::parse(b"git");
        assert_eq!(pins.pinned(&git), None);
        assert_eq!(pins.role(&git), Some(ForcedRole::Runtime));
        // The sharper pin says nothing of a role, so the wider one's holds.
        let library = Query::parse(b"liba.so.1");
        assert_eq!(pins.pinned(&library).unwrap().candidate.attr.as_str(), "a");
        assert_eq!(pins.role(&library), Some(ForcedRole::Build));
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
                "nixtrace.yaml:2:17: pins.a: unknown field `outputs`, expected one of `attr`, `output`, `source`, `role`",
            ),
            (
                "pins:\n  a: { output: lib }\n",
                "nixtrace.yaml:2:6: pins.a: missing field `attr`; only a `role` can do without",
            ),
            (
                "pins:\n  a: { role: cook }\n",
                "nixtrace.yaml:2:14: pins.a.role: unknown variant `cook`, expected one of `native`, `build`, `runtime`, `test`, `data`",
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
                "nixtrace.yaml:2:6: pins.a: invalid type: integer `3`, expected an attribute path like `openssl`, or a map with `attr` or `role`",
            ),
        ] {
            assert_eq!(pins(text).unwrap_err(), expected, "{text}");
        }
        let error = pins("pins:\n  a: {").unwrap_err();
        assert!(error.starts_with("nixtrace.yaml:"), "{error}");
    }

    #[test]
    fn the_example_in_the_documentation_is_read() {
        let text = include_str!("../../../docs/pins.md");
        let example = text.split("```").nth(1).unwrap();
        pins(example.strip_prefix("yaml\n").unwrap()).unwrap();
    }

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema = include_str!("../../../docs/pins.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let keys = |pointer: &str| -> Vec<String> {
            let properties = schema.pointer(pointer).unwrap().as_object().unwrap();
            properties.keys().map(|key| format!("`{key}`")).collect()
        };
        let long = "/properties/pins/additionalProperties/oneOf/1";
        for (unknown, pointer) in [
            ("x: 1", "/properties".to_owned()),
            ("pins: { a: { x: 1 } }", format!("{long}/properties")),
        ] {
            let error = pins(unknown).unwrap_err();
            let expected = format!("expected one of {}", keys(&pointer).join(", "));
            assert!(error.ends_with(&expected), "{error}");
        }
        let roles = schema
            .pointer(&format!("{long}/properties/role/enum"))
            .unwrap();
        for role in roles.as_array().unwrap() {
            pins(&format!("pins: {{ a: {{ role: {role} }} }}")).unwrap();
        }
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
