//! What is asked of the resolver: a thing that a program used, in the words it is known by.

use crate::trace::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of things that can be looked up.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
#[value(rename_all = "kebab-case")]
pub enum Kind {
    /// A shared library by its soname: `libssl.so.3`.
    Soname,
    /// A library as the linker is asked for it: `libssl.so`, `-lssl`.
    #[serde(rename = "linkname")]
    #[value(name = "linkname")]
    LinkName,
    /// A program by its name: `git`.
    Command,
    /// A C or C++ header by its path below `include/`: `openssl/ssl.h`.
    Header,
    /// A pkg-config module: `zlib` (or `zlib.pc`).
    PkgConfig,
    /// A CMake package by the name given to `find_package`: `Boost`.
    #[serde(rename = "cmake")]
    #[value(name = "cmake")]
    CMake,
    /// A Python module by its import name, or a distribution by its name: `numpy`.
    Python,
    /// A Perl module: `JSON::XS`.
    Perl,
    /// A GObject introspection typelib: `Gtk-3.0`.
    Typelib,
    /// A file or directory below `share/`, `etc/` or `lib/`, relative to the package's root:
    /// `share/zoneinfo`.
    Data,
    /// A bare absolute path.
    Path,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Soname => "soname",
            Self::LinkName => "linkname",
            Self::Command => "command",
            Self::Header => "header",
            Self::PkgConfig => "pkg-config",
            Self::CMake => "cmake",
            Self::Python => "python",
            Self::Perl => "perl",
            Self::Typelib => "typelib",
            Self::Data => "data",
            Self::Path => "path",
        })
    }
}

/// One question to the resolver.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    /// What kind of thing it is.
    pub kind: Kind,
    /// Its name in the normal form of its kind (see [`Kind`]'s examples): no `.pc`, no `-l`, no
    /// `include/`.
    pub name: Bytes,
    /// The file on this system that stands behind the question, if one does: lets the package
    /// database of the host and the pins be asked.
    pub path: Option<Bytes>,
}

impl Query {
    /// A question about a name alone.
    pub fn new(kind: Kind, name: impl Into<Bytes>) -> Self {
        Self {
            kind,
            name: name.into(),
            path: None,
        }
    }

    /// The same question, with the file that it is about.
    pub fn at(mut self, path: impl Into<Bytes>) -> Self {
        self.path = Some(path.into());
        self
    }
}
