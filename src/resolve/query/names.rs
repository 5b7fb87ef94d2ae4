//! The normal forms of names, one for each kind of thing.

use super::Kind;
use bstr::ByteSlice;

/// The last part of a path.
pub(super) fn base(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"/").unwrap_or(text);
    text.rfind_byte(b'/').map_or(text, |at| &text[at + 1..])
}

/// How the file name of a shared library ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Library {
    /// `libz.so.1`, `libbfd-2.40-system.so`-like names count as plain.
    Versioned,
    /// `libz.so`.
    Plain,
}

pub(super) fn library(name: &[u8]) -> Option<Library> {
    if name.len() > 3 && name.ends_with(b".so") {
        return Some(Library::Plain);
    }
    let at = before_version(name)?;
    let version = &name[at + 4..];
    (at > 0 && version.first().is_some_and(u8::is_ascii_alphanumeric)).then_some(Library::Versioned)
}

/// The name of a library without its version: `libssl.so.3` is `libssl.so`.
pub(super) fn without_version(soname: &[u8]) -> &[u8] {
    before_version(soname).map_or(soname, |at| &soname[..at + 3])
}

/// Where the `.so.` of a versioned library begins. File names are too short for a prepared search to
/// pay.
pub(super) fn before_version(name: &[u8]) -> Option<usize> {
    name.windows(4).position(|four| four == b".so.")
}

/// `-lssl`, `libssl.a` and `libssl.so` are all `libssl.so`.
pub(super) fn link_name(text: &[u8]) -> Vec<u8> {
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

pub(super) fn has_header_suffix(name: &[u8]) -> bool {
    HEADER_SUFFIXES
        .iter()
        .any(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
}

/// The part of a header's path below `include/`.
pub(super) fn header_name(text: &[u8]) -> Vec<u8> {
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
pub(super) fn cmake_name(file: &[u8]) -> Option<Vec<u8>> {
    let stem = file.strip_suffix(b".cmake")?;
    let name = stem
        .strip_suffix(b"Config")
        .or_else(|| stem.strip_suffix(b"-config"))
        .or_else(|| stem.strip_prefix(b"Find"))?;
    (!name.is_empty()).then(|| name.to_vec())
}

pub(super) fn typelib_name(file: &[u8]) -> &[u8] {
    file.strip_suffix(b".typelib").unwrap_or(file)
}

/// `JSON/XS.pm` is `JSON::XS`.
pub(super) fn perl_name(text: &[u8]) -> Vec<u8> {
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
pub(super) fn python_name(text: &[u8]) -> Vec<u8> {
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
pub(super) fn python_part(part: &[u8]) -> &[u8] {
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
pub(super) fn is_multiarch_triplet(part: &[u8]) -> bool {
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

/// `lodash` of `lodash/fp`, `@babel/core` of `@babel/core/lib/index.js`.
pub(in crate::resolve) fn node_name(text: &[u8]) -> &[u8] {
    let parts = if text.starts_with(b"@") { 2 } else { 1 };
    match text.find_iter("/").nth(parts - 1) {
        Some(end) => &text[..end],
        None => text,
    }
}

/// The outermost module: `socket` of `socket.http`, `lwt` of `lwt.unix`.
pub(super) fn module_name(text: &[u8]) -> &[u8] {
    text.split_once_str(".").map_or(text, |(first, _)| first)
}

/// `nokogiri` of `nokogiri-1.15.4-x86_64-linux`: what comes before the first number after a dash.
pub(in crate::resolve) fn before_version_number(text: &[u8]) -> &[u8] {
    text.find_iter("-")
        .find(|dash| *dash > 0 && text.get(dash + 1).is_some_and(u8::is_ascii_digit))
        .map_or(text, |dash| &text[..dash])
}

/// `commons-io` of `commons-io-2.11.0.jar`.
pub(in crate::resolve) fn archive_name(file: &[u8]) -> &[u8] {
    before_version_number(file.strip_suffix(b".jar").unwrap_or(file))
}

/// A distribution's package without the version that a dependency asks for: `libssl-dev` of
/// `libssl-dev:amd64 (>= 3)`, `openssl` of `openssl>=3`.
pub(super) fn package_name(kind: Kind, text: &[u8]) -> &[u8] {
    let ends: &[u8] = match kind {
        Kind::Dpkg => b" (:=",
        // What a package provides has brackets, or a version that is part of it.
        Kind::Rpm => b" <>",
        Kind::Pacman if text.contains_str(".so=") => b" <>",
        _ => b" <>=~",
    };
    text.split(|byte| ends.contains(byte))
        .next()
        .unwrap_or_default()
}
