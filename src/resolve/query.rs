//! What is asked of the resolver: a thing that a program used, in the words it is known by.
//!
//! Names are brought to the normal form of their kind here, once; [`Query::for_path`] tells the
//! kind from where a file lies (Filesystem Hierarchy Standard, Debian's multiarch directories, the
//! Nix store). No file is looked at.

use bstr::ByteSlice;

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

impl Query {
    /// Reads a question as a person types it; the kind is told from its shape: `libssl.so.3`,
    /// `-lssl`, `zlib.pc`, `openssl/ssl.h`, `FooConfig.cmake`, `JSON::XS`, `Gtk-3.0.typelib`,
    /// `/usr/bin/git`, `share/zoneinfo`; what has no such shape is a command.
    pub fn parse(text: &[u8]) -> Self {
        Self::parse_as(shape(text), text)
    }

    /// Reads a question of a kind that is known.
    pub fn parse_as(kind: Kind, text: &[u8]) -> Self {
        let name = match kind {
            Kind::Soname | Kind::Command => base(text).to_vec(),
            Kind::LinkName => link_name(text),
            Kind::Header => header_name(text),
            Kind::PkgConfig => base(text)
                .strip_suffix(b".pc")
                .unwrap_or(base(text))
                .to_vec(),
            Kind::CMake => cmake_name(base(text)).unwrap_or_else(|| base(text).to_vec()),
            Kind::Python => python_name(text),
            Kind::Perl => perl_name(text),
            Kind::Typelib => typelib_name(base(text)).to_vec(),
            Kind::Data => text.strip_suffix(b"/").unwrap_or(text).to_vec(),
            Kind::Path => text.to_vec(),
        };
        let query = Self::new(kind, name);
        if text.starts_with(b"/") {
            query.at(text)
        } else {
            query
        }
    }

    /// The sharpest question about a file of this system: `/usr/bin/git` is the command `git`,
    /// `/usr/lib/x86_64-linux-gnu/libssl.so.3` the soname, `/nix/store/…-zlib-1.3-dev/include/zlib.h`
    /// the header. A place that says nothing remains a [`Kind::Path`].
    pub fn for_path(path: &[u8]) -> Self {
        below_a_root(path)
            .and_then(classify)
            .unwrap_or_else(|| Self::new(Kind::Path, path))
            .at(path)
    }
}

/// The kind that a name without a kind most likely has.
fn shape(text: &[u8]) -> Kind {
    let name = base(text);
    if text.starts_with(b"/") {
        return Kind::Path;
    }
    if text.starts_with(b"-l") && text.len() > 2 {
        return Kind::LinkName;
    }
    if text.contains_str("::") || name.ends_with(b".pm") {
        return Kind::Perl;
    }
    if name.ends_with(b".pc") {
        return Kind::PkgConfig;
    }
    if name.ends_with(b".typelib") {
        return Kind::Typelib;
    }
    if cmake_name(name).is_some() {
        return Kind::CMake;
    }
    if has_header_suffix(name) || text.starts_with(b"<") {
        return Kind::Header;
    }
    match library(name) {
        Some(Library::Versioned) => return Kind::Soname,
        Some(Library::Plain) => return Kind::LinkName,
        None => {}
    }
    match text.split_str("/").next() {
        Some(b"include") if text.contains(&b'/') => Kind::Header,
        Some(b"bin" | b"sbin") => Kind::Command,
        _ if text.contains(&b'/') => Kind::Data,
        _ => Kind::Command,
    }
}

/// The last part of a path.
fn base(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"/").unwrap_or(text);
    text.rfind_byte(b'/').map_or(text, |at| &text[at + 1..])
}

/// How the file name of a shared library ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Library {
    /// `libz.so.1`, `libbfd-2.40-system.so`-like names count as plain.
    Versioned,
    /// `libz.so`.
    Plain,
}

fn library(name: &[u8]) -> Option<Library> {
    if name.len() > 3 && name.ends_with(b".so") {
        return Some(Library::Plain);
    }
    let at = before_version(name)?;
    let version = &name[at + 4..];
    (at > 0 && version.first().is_some_and(u8::is_ascii_alphanumeric)).then_some(Library::Versioned)
}

/// The name of a library without its version: `libssl.so.3` is `libssl.so`.
pub(crate) fn without_version(soname: &[u8]) -> &[u8] {
    before_version(soname).map_or(soname, |at| &soname[..at + 3])
}

/// Where the `.so.` of a versioned library begins. File names are too short for a prepared search to
/// pay.
fn before_version(name: &[u8]) -> Option<usize> {
    name.windows(4).position(|four| four == b".so.")
}

/// `-lssl`, `libssl.a` and `libssl.so` are all `libssl.so`.
fn link_name(text: &[u8]) -> Vec<u8> {
    let stem = match text.strip_prefix(b"-l") {
        // `-l:libfoo.so.1` names the file itself (ld(1)).
        Some(name) => match name.strip_prefix(b":") {
            Some(file) => return without_version(file).to_vec(),
            None => [b"lib", name].concat(),
        },
        None => base(text).to_vec(),
    };
    let stem = without_version(&stem);
    let stem = stem.strip_suffix(b".a").unwrap_or(stem);
    let stem = stem.strip_suffix(b".so").unwrap_or(stem);
    if stem.is_empty() {
        return Vec::new();
    }
    let lib: &[u8] = if stem.starts_with(b"lib") {
        b""
    } else {
        b"lib"
    };
    [lib, stem, b".so"].concat()
}

const HEADER_SUFFIXES: [&[u8]; 9] = [
    b".h", b".hh", b".hpp", b".hxx", b".h++", b".H", b".inl", b".ipp", b".tcc",
];

fn has_header_suffix(name: &[u8]) -> bool {
    HEADER_SUFFIXES
        .iter()
        .any(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
}

/// The part of a header's path below `include/`.
fn header_name(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(b"<").unwrap_or(text);
    let text = text.strip_suffix(b">").unwrap_or(text);
    let text = match text.strip_prefix(b"include/") {
        Some(below) => below,
        None => text
            .split_once_str("/include/")
            .map_or(text, |(_, below)| below),
    };
    let text = match text.split_once_str("/") {
        Some((first, rest)) if is_multiarch_triplet(first) => rest,
        _ => text,
    };
    text.to_vec()
}

/// `FooConfig.cmake`, `foo-config.cmake` and `FindFoo.cmake` are `Foo`, `foo` and `Foo`.
fn cmake_name(file: &[u8]) -> Option<Vec<u8>> {
    let stem = file.strip_suffix(b".cmake")?;
    let name = stem
        .strip_suffix(b"Config")
        .or_else(|| stem.strip_suffix(b"-config"))
        .or_else(|| stem.strip_prefix(b"Find"))?;
    (!name.is_empty()).then(|| name.to_vec())
}

fn typelib_name(file: &[u8]) -> &[u8] {
    file.strip_suffix(b".typelib").unwrap_or(file)
}

/// `JSON/XS.pm` is `JSON::XS`.
fn perl_name(text: &[u8]) -> Vec<u8> {
    let text = text.strip_suffix(b".pm").unwrap_or(text);
    text.replace("/", "::")
}

/// Namespace packages: many distributions share the first name, so the second one tells.
const PYTHON_NAMESPACES: [&[u8]; 12] = [
    b"azure",
    b"backports",
    b"flufl",
    b"google",
    b"jaraco",
    b"keyrings",
    b"logilab",
    b"paste",
    b"repoze",
    b"ruamel",
    b"sphinxcontrib",
    b"zope",
];

/// A module path below `site-packages`, or a name: its top-level module, or its distribution's name
/// when it is metadata (`numpy-1.26.dist-info`).
fn python_name(text: &[u8]) -> Vec<u8> {
    let mut parts = text.split_str("/").filter(|part| !part.is_empty());
    let first = python_part(parts.next().unwrap_or_default());
    match parts.next() {
        Some(second) if PYTHON_NAMESPACES.contains(&first) => {
            [first, b".", python_part(second)].concat()
        }
        _ => first.to_vec(),
    }
}

/// One part of a module's path without what an importer adds to it: `_cffi.cpython-311-x86_64.so`
/// is `_cffi`, `PyYAML-6.0.dist-info` is `PyYAML`.
fn python_part(part: &[u8]) -> &[u8] {
    for suffix in [&b".dist-info"[..], b".egg-info", b".egg", b".libs"] {
        if let Some(distribution) = part.strip_suffix(suffix) {
            return distribution
                .split_once_str("-")
                .map_or(distribution, |(name, _)| name);
        }
    }
    if let Some(stem) = part.strip_suffix(b".so") {
        return stem.split_once_str(".").map_or(stem, |(name, _)| name);
    }
    [&b".py"[..], b".pyc", b".pyi", b".pth"]
        .iter()
        .find_map(|suffix| part.strip_suffix(*suffix))
        .unwrap_or(part)
}

/// `x86_64-linux-gnu` and its like, the names of Debian's multiarch directories.
fn is_multiarch_triplet(part: &[u8]) -> bool {
    [
        &b"-linux-gnu"[..],
        b"-linux-gnueabihf",
        b"-linux-gnueabi",
        b"-linux-gnux32",
        b"-linux-gnuabi64",
    ]
    .iter()
    .any(|suffix| part.len() > suffix.len() && part.ends_with(suffix))
}

/// The path below the directory that packages are installed into: a store path, a profile, `/usr`,
/// `/usr/local` or `/`.
fn below_a_root(path: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = path.strip_prefix(b"/nix/store/") {
        return rest.split_once_str("/").map(|(_, below)| below);
    }
    for profile in [
        &b"/run/current-system/sw/"[..],
        b"/nix/var/nix/profiles/default/",
    ] {
        if let Some(below) = path.strip_prefix(profile) {
            return Some(below);
        }
    }
    if path.starts_with(b"/home/") || path.starts_with(b"/root/") {
        return ["/.nix-profile/", "/.local/state/nix/profile/"]
            .iter()
            .find_map(|profile| path.find(profile).map(|at| &path[at + profile.len()..]));
    }
    if let Some(user) = path.strip_prefix(b"/etc/profiles/per-user/") {
        return user.split_once_str("/").map(|(_, below)| below);
    }
    [&b"/usr/local/"[..], b"/usr/", b"/"]
        .iter()
        .find_map(|root| path.strip_prefix(*root))
}

/// The question about a file by its place below the root of its package.
fn classify(below: &[u8]) -> Option<Query> {
    let parts: Vec<&[u8]> = below
        .split_str("/")
        .filter(|part| !part.is_empty())
        .collect();
    let (file, directories) = parts.split_last()?;
    let first = *directories.first()?;
    if below.ends_with(b"/") && !matches!(first, b"share" | b"etc") {
        return None;
    }
    // What lies below musl's directories is the C library's own, whatever it is called.
    if directories
        .iter()
        .any(|directory| directory.ends_with(b"-linux-musl"))
    {
        return Some(Query::new(Kind::Command, "musl-gcc"));
    }
    if let Some(query) = well_known_data(&parts).or_else(|| of_a_language(&parts)) {
        return Some(query);
    }
    match first {
        b"bin" | b"sbin" | b"games" if parts.len() == 2 => {
            return Some(Query::new(Kind::Command, *file));
        }
        b"include" => return Some(Query::new(Kind::Header, header_name(below))),
        b"share" | b"lib" | b"lib64" | b"lib32" | b"libx32" | b"etc" => {}
        _ => return None,
    }
    match directories.last() {
        Some(&b"pkgconfig") if file.ends_with(b".pc") => {
            return Some(Query::parse_as(Kind::PkgConfig, file));
        }
        Some(&b"girepository-1.0") if file.ends_with(b".typelib") => {
            return Some(Query::parse_as(Kind::Typelib, file));
        }
        // /usr/lib/jvm/…/bin/java, /usr/lib/llvm-14/bin/clang.
        Some(&b"bin" | &b"sbin") if first != b"share" => {
            return Some(Query::new(Kind::Command, *file));
        }
        _ => {}
    }
    if let Some(name) = cmake_directory(&parts) {
        return Some(Query::new(Kind::CMake, name));
    }
    if first.starts_with(b"lib") {
        return Some(below_lib(&parts));
    }
    Some(Query::new(Kind::Data, parts.join(&b'/')))
}

/// The package of a file below a directory that `find_package` searches.
fn cmake_directory(parts: &[&[u8]]) -> Option<Vec<u8>> {
    let at = parts.iter().position(|part| *part == b"cmake")?;
    let file = parts.last()?;
    if let Some(name) = cmake_name(file).filter(|_| !file.starts_with(b"Find")) {
        return Some(name);
    }
    // lib/cmake/Boost-1.74.0/BoostConfig.cmake: the version is no part of the name.
    let directory = parts.get(at + 1).filter(|_| at + 2 < parts.len())?;
    let name = match directory.rsplit_once_str("-") {
        Some((name, version)) if version.first().is_some_and(u8::is_ascii_digit) => name,
        _ => directory,
    };
    Some(name.to_vec())
}

/// Libraries and what else lies below `lib/`, Debian's `lib/x86_64-linux-gnu/` among it.
fn below_lib(parts: &[&[u8]]) -> Query {
    let mut rest = &parts[1..];
    if rest.len() > 1 && is_multiarch_triplet(rest[0]) {
        rest = &rest[1..];
    }
    // The loader looks here for variants of a library for newer processors (ld.so(8)).
    if rest.len() > 2 && rest[0] == b"glibc-hwcaps" {
        rest = &rest[2..];
    }
    if let [file] = rest {
        match library(file) {
            Some(Library::Versioned) => return Query::new(Kind::Soname, *file),
            // A loader or a plugin opens `libfoo.so` too, but the development link and the file
            // are the same package.
            Some(Library::Plain) => return Query::new(Kind::LinkName, *file),
            None if file.starts_with(b"lib") && file.ends_with(b".a") => {
                return Query::parse_as(Kind::LinkName, file);
            }
            None => {}
        }
    } else if let Some(Library::Versioned) = rest.last().and_then(|file| library(file)) {
        // A private library; a soname is still the sharpest thing to ask for.
        return Query::new(Kind::Soname, rest[rest.len() - 1]);
    }
    let mut below: Vec<u8> = b"lib".to_vec();
    for part in rest {
        below.push(b'/');
        below.extend_from_slice(part);
    }
    Query::new(Kind::Data, below)
}

/// Data that many systems keep in places of their own, by the name that nixpkgs' package has for
/// it.
fn well_known_data(parts: &[&[u8]]) -> Option<Query> {
    let name: &[u8] = match parts {
        [
            b"etc",
            b"ssl",
            b"certs",
            b"ca-certificates.crt" | b"ca-bundle.crt",
        ]
        | [b"etc", b"ssl", b"cert.pem" | b"ca-bundle.pem"]
        | [b"etc", b"pki", b"tls", b"certs", b"ca-bundle.crt"]
        | [b"etc", b"pki", b"tls", b"cert.pem"]
        | [
            b"etc",
            b"pki",
            b"ca-trust",
            b"extracted",
            b"pem",
            b"tls-ca-bundle.pem",
        ]
        | [b"share", b"ca-certificates", ..] => b"etc/ssl/certs/ca-bundle.crt",
        // The C locale in UTF-8 comes with the C library; others are packages of their own.
        [b"lib", b"locale", b"C.utf8" | b"C.UTF-8", ..] => {
            return Some(Query::new(Kind::Soname, "libc.so.6"));
        }
        [b"lib", b"locale", b"locale-archive"] => b"lib/locale/locale-archive",
        [b"lib" | b"etc", b"terminfo", ..] => {
            let mut below = b"share".to_vec();
            for part in &parts[1..] {
                below.push(b'/');
                below.extend_from_slice(part);
            }
            return Some(Query::new(Kind::Data, below));
        }
        _ => return None,
    };
    Some(Query::new(Kind::Data, name))
}

/// Modules of Python and Perl. What belongs to the interpreter itself (the standard library, its
/// extension modules) is the question for the interpreter.
fn of_a_language(parts: &[&[u8]]) -> Option<Query> {
    if !parts[0].starts_with(b"lib") && parts[0] != b"share" {
        return None;
    }
    // `lib/python3.11` or `lib/x86_64-linux-gnu/perl5`; deeper it is a copy that some program
    // brings for itself.
    let language = parts.iter().take(3).position(|part| {
        is_python_library(part) || matches!(*part, b"perl" | b"perl5" | b"perl-base")
    })?;
    let rest = &parts[language + 1..];
    let (next, below) = rest.split_first()?;
    if !is_python_library(parts[language]) {
        return perl_module(parts[language], rest);
    }
    if matches!(*next, b"site-packages" | b"dist-packages") {
        return (!below.is_empty())
            .then(|| Query::new(Kind::Python, python_name(&below.join(&b'/'))));
    }
    parts[0]
        .starts_with(b"lib")
        .then(|| Query::new(Kind::Command, "python3"))
}

/// `python3.11`, and Debian's `python3` that all versions share.
fn is_python_library(part: &[u8]) -> bool {
    part.strip_prefix(b"python3").is_some_and(|version| {
        version.is_empty()
            || version
                .strip_prefix(b".")
                .is_some_and(|minor| minor.iter().all(u8::is_ascii_digit))
    })
}

/// A Perl module's file below a directory of `@INC`. The core's modules lie in Debian's `perl/5.36`
/// and `perl-base`, Nix's `perl5/5.38.2` and Arch's `perl5/5.38/core_perl`; all others in `perl5`,
/// there or in `site_perl` and `vendor_perl`.
fn perl_module(directory: &[u8], rest: &[&[u8]]) -> Option<Query> {
    let mut core = directory != b"perl5";
    let mut rest = rest;
    while let Some((part, below)) = rest.split_first() {
        match *part {
            b"core_perl" => core = true,
            b"site_perl" | b"vendor_perl" => core = false,
            version if version.first().is_some_and(u8::is_ascii_digit) => {
                core |=
                    rest.len() > 1 && directory == b"perl5" && version.find_iter(".").count() == 2;
            }
            b"auto" => {}
            part if part.contains_str("-linux") => {}
            _ => break,
        }
        // `site_perl/5.38.2` comes with the version below, which then says nothing.
        rest = below;
        if matches!(*part, b"site_perl" | b"vendor_perl") {
            while rest.first().is_some_and(|part| {
                part.first().is_some_and(u8::is_ascii_digit)
                    || part.contains_str("-linux")
                    || *part == b"auto"
            }) {
                rest = &rest[1..];
            }
            break;
        }
    }
    let (file, directories) = rest.split_last()?;
    if core {
        return Some(Query::new(Kind::Command, "perl"));
    }
    let module = if file.ends_with(b".so") {
        // auto/JSON/XS/XS.so belongs to JSON::XS.
        directories.join(&b'/')
    } else {
        file.ends_with(b".pm").then(|| rest.join(&b'/'))?
    };
    (!module.is_empty()).then(|| Query::new(Kind::Perl, perl_name(&module)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> String {
        let query = Query::parse(text.as_bytes());
        format!("{} {}", query.kind, query.name)
    }

    fn of(path: &str) -> String {
        let query = Query::for_path(path.as_bytes());
        assert_eq!(query.path, Some(Bytes::from(path)));
        format!("{} {}", query.kind, query.name)
    }

    #[test]
    fn the_kind_is_told_from_the_shape() {
        for (text, expected) in [
            ("libssl.so.3", "soname libssl.so.3"),
            ("ld-linux-x86-64.so.2", "soname ld-linux-x86-64.so.2"),
            ("libssl.so", "linkname libssl.so"),
            ("-lssl", "linkname libssl.so"),
            ("-l:libssl.so.3", "linkname libssl.so"),
            ("zlib.pc", "pkg-config zlib"),
            ("gtk+-3.0.pc", "pkg-config gtk+-3.0"),
            ("openssl/ssl.h", "header openssl/ssl.h"),
            ("zlib.h", "header zlib.h"),
            ("<boost/any.hpp>", "header boost/any.hpp"),
            ("FooConfig.cmake", "cmake Foo"),
            ("foo-config.cmake", "cmake foo"),
            ("JSON::XS", "perl JSON::XS"),
            ("JSON/XS.pm", "perl JSON::XS"),
            ("Gtk-3.0.typelib", "typelib Gtk-3.0"),
            ("/usr/bin/git", "path /usr/bin/git"),
            ("share/zoneinfo", "data share/zoneinfo"),
            ("etc/fonts/", "data etc/fonts"),
            ("bin/git", "command git"),
            ("include/openssl/ssl.h", "header openssl/ssl.h"),
            ("git", "command git"),
            ("[", "command ["),
            ("7z", "command 7z"),
            ("python3.11", "command python3.11"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn a_path_is_the_sharpest_thing_its_place_says() {
        for (path, expected) in [
            ("/usr/bin/git", "command git"),
            ("/bin/sh", "command sh"),
            ("/usr/local/sbin/nginx", "command nginx"),
            (
                "/usr/lib/jvm/java-17-openjdk-amd64/bin/java",
                "command java",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/libssl.so.3",
                "soname libssl.so.3",
            ),
            ("/lib64/ld-linux-x86-64.so.2", "soname ld-linux-x86-64.so.2"),
            ("/usr/lib/x86_64-linux-gnu/libssl.so", "linkname libssl.so"),
            ("/usr/lib/x86_64-linux-gnu/libz.a", "linkname libz.so"),
            (
                "/usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libz.so.1",
                "soname libz.so.1",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/pulseaudio/libpulsecommon-16.1.so",
                "data lib/pulseaudio/libpulsecommon-16.1.so",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/gio/modules/libgiognutls.so",
                "data lib/gio/modules/libgiognutls.so",
            ),
            (
                "/usr/include/x86_64-linux-gnu/curl/curl.h",
                "header curl/curl.h",
            ),
            ("/usr/include/openssl/ssl.h", "header openssl/ssl.h"),
            (
                "/usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc",
                "pkg-config zlib",
            ),
            ("/usr/share/pkgconfig/iso-codes.pc", "pkg-config iso-codes"),
            (
                "/usr/lib/x86_64-linux-gnu/cmake/Boost-1.74.0/BoostConfig.cmake",
                "cmake Boost",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/cmake/Qt5Core/Qt5CoreMacros.cmake",
                "cmake Qt5Core",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/girepository-1.0/Gtk-3.0.typelib",
                "typelib Gtk-3.0",
            ),
            (
                "/usr/lib/python3/dist-packages/numpy/core/__init__.py",
                "python numpy",
            ),
            (
                "/usr/lib/python3/dist-packages/_cffi_backend.cpython-311-x86_64-linux-gnu.so",
                "python _cffi_backend",
            ),
            (
                "/usr/lib/python3/dist-packages/PyYAML-6.0.dist-info/METADATA",
                "python PyYAML",
            ),
            (
                "/usr/local/lib/python3.11/site-packages/google/protobuf/message.py",
                "python google.protobuf",
            ),
            ("/usr/lib/python3/dist-packages/six.py", "python six"),
            (
                "/usr/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so",
                "command python3",
            ),
            ("/usr/lib/python3.11/ssl.py", "command python3"),
            ("/usr/share/perl5/URI/Escape.pm", "perl URI::Escape"),
            (
                "/usr/lib/x86_64-linux-gnu/perl5/5.36/JSON/XS.pm",
                "perl JSON::XS",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/perl5/5.36/auto/JSON/XS/XS.so",
                "perl JSON::XS",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/perl-base/strict.pm",
                "command perl",
            ),
            ("/usr/share/perl/5.36.0/strict.pm", "command perl"),
            (
                "/usr/share/zoneinfo/Europe/Paris",
                "data share/zoneinfo/Europe/Paris",
            ),
            ("/lib/terminfo/x/xterm", "data share/terminfo/x/xterm"),
            (
                "/etc/ssl/certs/ca-certificates.crt",
                "data etc/ssl/certs/ca-bundle.crt",
            ),
            ("/usr/lib/locale/C.utf8/LC_CTYPE", "soname libc.so.6"),
            ("/etc/fonts/fonts.conf", "data etc/fonts/fonts.conf"),
            (
                "/usr/libexec/gcc/x86_64-linux-gnu/12/cc1",
                "path /usr/libexec/gcc/x86_64-linux-gnu/12/cc1",
            ),
            ("/usr/include/x86_64-linux-musl/stdio.h", "command musl-gcc"),
            ("/home/me/x", "path /home/me/x"),
            ("/run/current-system/sw/bin/git", "command git"),
            (
                "/nix/store/00000000000000000000000000000000-git-2.44.0/bin/git",
                "command git",
            ),
            (
                "/nix/store/00000000000000000000000000000000-perl5.38.2-JSON-XS-4.03/lib/perl5/site_perl/5.38.2/x86_64-linux-thread-multi/JSON/XS.pm",
                "perl JSON::XS",
            ),
            (
                "/nix/store/00000000000000000000000000000000-perl-5.38.2/lib/perl5/5.38.2/strict.pm",
                "command perl",
            ),
        ] {
            assert_eq!(of(path), expected, "{path}");
        }
    }

    #[test]
    fn a_forced_kind_has_its_own_normal_form() {
        for (kind, text, expected) in [
            (Kind::Python, "numpy", "numpy"),
            (
                Kind::Python,
                "google/protobuf/message.py",
                "google.protobuf",
            ),
            (Kind::Perl, "JSON/XS.pm", "JSON::XS"),
            (Kind::LinkName, "ssl", "libssl.so"),
            (Kind::CMake, "Boost", "Boost"),
            (Kind::PkgConfig, "zlib", "zlib"),
            (Kind::Typelib, "Gtk-3.0", "Gtk-3.0"),
            (Kind::Header, "/usr/include/zlib.h", "zlib.h"),
            (Kind::Command, "/usr/bin/git", "git"),
        ] {
            assert_eq!(
                Query::parse_as(kind, text.as_bytes()).name,
                Bytes::from(expected),
                "{kind} {text}"
            );
        }
    }

    const KINDS: [Kind; 11] = [
        Kind::Soname,
        Kind::LinkName,
        Kind::Command,
        Kind::Header,
        Kind::PkgConfig,
        Kind::CMake,
        Kind::Python,
        Kind::Perl,
        Kind::Typelib,
        Kind::Data,
        Kind::Path,
    ];

    proptest! {
        #[test]
        fn any_bytes_are_a_query(text in prop::collection::vec(any::<u8>(), 0..80)) {
            Query::parse(&text);
            Query::for_path(&text);
            for kind in KINDS {
                Query::parse_as(kind, &text);
            }
        }

        #[test]
        fn any_path_of_familiar_parts_is_a_query(parts in prop::collection::vec(
            prop::sample::select(vec!["usr", "lib", "perl5", "5.36", "5.36.0", "auto", "site_perl", "python3", "python3.11",
                "dist-packages", "cmake", "pkgconfig", "a.so", "x.so.1", "x86_64-linux-gnu", "include", "bin", "", ".so.", "glibc-hwcaps"]), 0..8)) {
            let path = format!("/{}", parts.join("/"));
            Query::for_path(path.as_bytes());
        }
    }
}
