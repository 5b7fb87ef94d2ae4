//! The kinds of things that can be looked up.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of things that can be looked up.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum,
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
    /// A Ruby gem: `nokogiri`.
    Gem,
    /// A Node package: `lodash`, `@babel/core`.
    Node,
    /// A Lua module, or a rock by its name: `socket`, `luasocket`.
    Lua,
    /// A Java archive by its file's name without `.jar` and version: `commons-io`.
    Jar,
    /// An R package: `dplyr`.
    R,
    /// An OCaml package by the name that findlib knows: `lwt`.
    #[serde(rename = "ocaml")]
    #[value(name = "ocaml")]
    OCaml,
    /// A GObject introspection typelib: `Gtk-3.0`.
    Typelib,
    /// A GSettings schema: `org.gnome.desktop.interface`.
    #[serde(rename = "gsettings")]
    #[value(name = "gsettings")]
    GSettings,
    /// A file of autoconf macros, or a macro: `pkg` (for `pkg.m4`), `PKG_CHECK_MODULES`.
    Aclocal,
    /// A file or directory below `share/`, `etc/` or `lib/`, relative to the package's root:
    /// `share/zoneinfo`.
    Data,
    /// A package of Debian, Ubuntu and their kin: `libssl-dev`.
    Dpkg,
    /// A package of Fedora, openSUSE and their kin, or what one provides: `openssl-devel`,
    /// `pkgconfig(zlib)`.
    Rpm,
    /// A package of Arch: `python-numpy`.
    Pacman,
    /// A package of Alpine, or what one provides: `py3-numpy`, `so:libssl.so.3`.
    Apk,
    /// A bare absolute path.
    Path,
}

impl Kind {
    /// What a thing of this kind is called in a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Soname | Self::LinkName => "library",
            Self::Command => "command",
            Self::Header => "header",
            Self::PkgConfig => "pkg-config module",
            Self::CMake => "CMake package",
            Self::Python => "Python module",
            Self::Perl => "Perl module",
            Self::Gem => "gem",
            Self::Node => "Node package",
            Self::Lua => "Lua module",
            Self::Jar => "Java archive",
            Self::R => "R package",
            Self::OCaml => "OCaml package",
            Self::Typelib => "typelib",
            Self::GSettings => "GSettings schema",
            Self::Aclocal => "autoconf macro",
            Self::Data => "data",
            Self::Dpkg | Self::Rpm | Self::Pacman | Self::Apk => "package",
            Self::Path => "file",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_possible_value() {
            Some(value) => f.write_str(value.get_name()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_word_everywhere() {
        for kind in Kind::value_variants() {
            let written = serde_json::to_value(kind).unwrap();
            assert_eq!(written, kind.to_string());
            assert_eq!(Kind::from_str(&kind.to_string(), false).as_ref(), Ok(kind));
        }
    }
}
