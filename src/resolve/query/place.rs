//! What a file is asked for as, told from the place where it lies.

use super::names::{
    Library, cmake_name, header_name, is_multiarch_triplet, library, perl_name, python_name,
};
use super::{Kind, Query};
use crate::resolve::modules::{Owner, owner_of};
use bstr::ByteSlice;

/// The path below the directory that packages are installed into: a store path, a profile, `/usr`,
/// `/usr/local` or `/`.
pub(super) fn below_a_root(path: &[u8]) -> Option<&[u8]> {
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
pub(super) fn classify(below: &[u8]) -> Option<Query> {
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
    match owner_of(&without_triplet(&parts)) {
        Some(Owner::Module { kind, name, .. }) => return Some(Query::new(kind, &*name)),
        // The interpreter's own library is the question for the interpreter.
        Some(Owner::Interpreter(command)) => return Some(Query::new(Kind::Command, command)),
        None => {}
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

/// `lib/lua/5.4` of Debian's `lib/x86_64-linux-gnu/lua/5.4`.
fn without_triplet<'a>(parts: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let is_triplet = |at: usize, part: &[u8]| at == 1 && is_multiarch_triplet(part);
    parts
        .iter()
        .enumerate()
        .filter(|(at, part)| !is_triplet(*at, part))
        .map(|(_, part)| *part)
        .collect()
}
