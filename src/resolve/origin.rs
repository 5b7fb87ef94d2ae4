//! Where a package comes from that the reader's nixpkgs does not have: what `source` says in
//! `nixtrace.yaml`, as written (`Source`) and with its paths made absolute ([`Origin`]).
//!
//! Everything that Nix fetches is pinned, by a hash or by a revision: what is written works in pure
//! evaluation, and tomorrow as today.

use crate::trace::Bytes;
use bstr::ByteSlice;
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::{Component, Path, PathBuf};

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A file, or a directory with a `default.nix`, that is a function for `callPackage`; absolute
    /// and UTF-8.
    File(Bytes),
    /// Such a function in a tarball.
    Tarball(Tarball),
    /// The attribute of another nixpkgs.
    Nixpkgs(Tarball),
    /// The attribute of that name among a flake's packages; a locked reference.
    Flake(String),
}

/// A tarball that is pinned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Tarball {
    /// Where it is.
    pub url: String,
    /// The hash of its unpacked content, as `fetchTarball` takes it.
    pub sha256: String,
    /// The file in it that is meant; the whole if none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(&path.to_str_lossy()),
            Self::Tarball(Tarball { url, .. }) | Self::Nixpkgs(Tarball { url, .. }) => {
                f.write_str(url)
            }
            Self::Flake(reference) => f.write_str(reference),
        }
    }
}

/// The same as a person writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A path, relative to the file that says it or absolute.
    File(String),
    /// A tarball with a function for `callPackage`.
    Tarball(Tarball),
    /// Another nixpkgs.
    Nixpkgs(Tarball),
    /// A flake.
    Flake(String),
}

impl Source {
    /// The origin, with a relative path taken from the directory of the file that says it.
    ///
    /// None when that directory is not UTF-8: Nix has no way to spell the path.
    pub(super) fn origin(&self, directory: &Path) -> Option<Origin> {
        Some(match self {
            Self::File(path) => {
                let path = normal(&directory.join(path));
                Origin::File(path.to_str()?.into())
            }
            Self::Tarball(tarball) => Origin::Tarball(tarball.clone()),
            Self::Nixpkgs(tarball) => Origin::Nixpkgs(tarball.clone()),
            Self::Flake(reference) => Origin::Flake(reference.clone()),
        })
    }

    fn file(text: &str) -> Result<Self, String> {
        let is_path = ["./", "../", "/"]
            .iter()
            .any(|start| text.starts_with(start));
        if !is_path {
            return Err(format!(
                "`{text}` is no path: a file for callPackage begins with `./`, `../` or `/`"
            ));
        }
        if text.contains('\0') {
            return Err("no path has a NUL".to_owned());
        }
        Ok(Self::File(text.to_owned()))
    }
}

/// A path without `.` and `..`, by its text alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// The map that `source` can be.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Map {
    #[serde(skip_serializing_if = "Option::is_none")]
    nixpkgs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tarball: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flake: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl Map {
    fn source(self) -> Result<Source, String> {
        let texts = [
            &self.nixpkgs,
            &self.tarball,
            &self.flake,
            &self.sha256,
            &self.file,
        ];
        if texts
            .into_iter()
            .flatten()
            .any(|text| text.contains('\0') || text.is_empty())
        {
            return Err("a source has a text that is empty, or with a NUL".to_owned());
        }
        match self {
            Self {
                nixpkgs: Some(place),
                tarball: None,
                flake: None,
                sha256,
                file: None,
            } => Ok(Source::Nixpkgs(Tarball {
                url: if is_revision(&place) {
                    format!("https://github.com/NixOS/nixpkgs/archive/{place}.tar.gz")
                } else {
                    url(place)?
                },
                sha256: hash(sha256)?,
                file: None,
            })),
            Self {
                nixpkgs: None,
                tarball: Some(place),
                flake: None,
                sha256,
                file,
            } => Ok(Source::Tarball(Tarball {
                url: url(place)?,
                sha256: hash(sha256)?,
                file: file.map(inner).transpose()?,
            })),
            Self {
                nixpkgs: None,
                tarball: None,
                flake: Some(reference),
                sha256: None,
                file: None,
            } => locked(reference).map(Source::Flake),
            _ => Err(
                "a source is a path, or one of `nixpkgs` with `sha256`, `tarball` with `sha256` \
                 and perhaps `file`, or `flake`"
                    .to_owned(),
            ),
        }
    }
}

fn is_revision(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn url(text: String) -> Result<String, String> {
    let is_url = ["https://", "http://", "file://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    if is_url {
        Ok(text)
    } else {
        Err(format!(
            "`{text}` is neither the URL of a tarball nor a whole revision"
        ))
    }
}

/// A hash in one of the forms that `fetchTarball` takes: SRI, base 32, hexadecimal.
fn hash(text: Option<String>) -> Result<String, String> {
    let Some(text) = text else {
        return Err(
            "a tarball has to be pinned: add the `sha256` that `nix-prefetch-url --unpack` prints"
                .to_owned(),
        );
    };
    let digits = text.strip_prefix("sha256-").unwrap_or(&text);
    let is_hash = match text.len() - digits.len() {
        0 => {
            [52, 64].contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_alphanumeric())
        }
        _ => {
            digits.len() == 44
                && digits
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        }
    };
    if is_hash {
        Ok(text)
    } else {
        Err(format!("`{text}` is no SHA-256, like `sha256-…=`"))
    }
}

/// A path below the root of a tarball.
fn inner(text: String) -> Result<String, String> {
    let is_inner = text.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if is_inner {
        Ok(text)
    } else {
        Err(format!(
            "`{text}` is no path in the tarball, like `nix/acme.nix`"
        ))
    }
}

/// A flake reference that always gives the same: with a whole revision, or a hash.
fn locked(text: String) -> Result<String, String> {
    let is_locked =
        text.split(['/', '?', '&', '=', '#']).any(is_revision) || text.contains("narHash=sha256-");
    if !text.contains(':') || text.contains('#') {
        return Err(format!(
            "`{text}` is no flake reference, like `github:owner/repository/REVISION`; the output is \
             what `attr` names"
        ));
    }
    if is_locked {
        Ok(text)
    } else {
        Err(format!(
            "the flake `{text}` has to be locked: add a whole revision, or `narHash`"
        ))
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SourceVisitor;
        impl<'de> Visitor<'de> for SourceVisitor {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a path like `./nix/acme.nix`, or a map with `nixpkgs`, `tarball` or `flake`",
                )
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Source, E> {
                Source::file(text).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
                let map = Map::deserialize(MapAccessDeserializer::new(map))?;
                map.source().map_err(serde::de::Error::custom)
            }
        }
        deserializer.deserialize_any(SourceVisitor)
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let map = match self.clone() {
            Self::File(path) => return serializer.serialize_str(&path),
            Self::Flake(reference) => Map {
                flake: Some(reference),
                ..Map::default()
            },
            Self::Nixpkgs(Tarball { url, sha256, .. }) => Map {
                nixpkgs: Some(url),
                sha256: Some(sha256),
                ..Map::default()
            },
            Self::Tarball(Tarball { url, sha256, file }) => Map {
                tarball: Some(url),
                sha256: Some(sha256),
                file,
                ..Map::default()
            },
        };
        map.serialize(serializer)
    }
}
