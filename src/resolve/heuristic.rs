//! Rules of thumb about names, for what no other source knows.
//!
//! A rule only ever proposes attributes that exist, and what it proposes stays below certainty: the
//! agreement of two names is one sign and no more.

use super::distro::translate::output_of;
use super::rank::{SHARED_DIRECTORIES, drop_in, without_release};
use super::{AttrPath, Basis, Candidate, Facts, FileForm, Kind, Lexicon, Query, SourceKind};
use crate::trace::Bytes;
use bstr::ByteSlice;

/// Attributes that are called as the thing is.
pub(super) fn candidates(query: &Query, index: &dyn Lexicon) -> Vec<Candidate> {
    let Ok(name) = query.name.to_str() else {
        return Vec::new();
    };
    let mut seen = Vec::new();
    if query.kind == Kind::R {
        // Whether it is from there the name does not say.
        let candidate = |attr| Candidate {
            attr,
            output: None,
            source: SourceKind::Heuristic,
            basis: Basis::Guess(0),
            form: FileForm::Regular,
            place: Bytes::default(),
            popularity: 0,
            note: Some(
                "nixpkgs has all of today's CRAN and Bioconductor, if it is from there".to_owned(),
            ),
            facts: Facts::default(),
        };
        return of_archive(name).map(candidate).into_iter().collect();
    }
    for text in proposals(query.kind, name) {
        if let Ok(attr) = AttrPath::new(text)
            && let Some(known) = index.attribute(&attr)
            && !seen
                .iter()
                .any(|candidate: &Candidate| candidate.attr == known.attr)
        {
            let attr = known.attr;
            seen.push(Candidate {
                note: Some(format!("{attr} is called like it")),
                attr,
                output: output_of(query.kind, Some(&known.outputs)),
                source: SourceKind::Heuristic,
                basis: Basis::Guess(1),
                form: FileForm::Regular,
                place: Bytes::default(),
                popularity: known.popularity,
                facts: Facts {
                    pname: known.pname,
                    unfree: known.unfree,
                    ..Facts::default()
                },
            });
        }
    }
    seen
}

/// Packages that CRAN has archived and many others needed: an installation of then has them still,
/// nixpkgs has not.
const ARCHIVED: [&str; 5] = [
    "RandomFields",
    "RandomFieldsUtils",
    "maptools",
    "rgdal",
    "rgeos",
];

/// A package of R, where the name is one that CRAN accepts (Writing R Extensions, 1.1.1). nixpkgs
/// has all of today's CRAN and Bioconductor, more than any index lists.
pub(super) fn of_archive(name: &str) -> Option<AttrPath> {
    let is_name = name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.ends_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    (is_name && !ARCHIVED.contains(&name))
        .then(|| AttrPath::new(format!("rPackages.{}", name.replace('.', "_"))).ok())
        .flatten()
}

/// The answer that a package of an archive is, where something of the host's own says so.
pub(super) fn candidate_of_archive(attr: AttrPath, note: String) -> Candidate {
    Candidate {
        attr,
        output: None,
        source: SourceKind::Host,
        basis: Basis::Guess(2),
        form: FileForm::Regular,
        place: Bytes::default(),
        popularity: 0,
        note: Some(note),
        facts: Facts::default(),
    }
}

fn proposals(kind: Kind, name: &str) -> Vec<String> {
    match kind {
        Kind::Soname | Kind::LinkName => {
            let stem = name.split(".so").next().unwrap_or_default();
            match lua_module(stem) {
                Some(module) => of_lua(module),
                None => with_and_without_lib(stem),
            }
        }
        Kind::Command => vec![name.to_owned()],
        Kind::PkgConfig => with_and_without_lib(name),
        Kind::CMake => [
            with_and_without_lib(name),
            with_and_without_lib(&name.to_ascii_lowercase()),
        ]
        .concat(),
        // Modules of Python put their headers beside its own.
        Kind::Header if name.starts_with("python3.") => Vec::new(),
        Kind::Header => {
            let first = name.split('/').next().unwrap_or_default();
            with_and_without_lib(first.split('.').next().unwrap_or_default())
        }
        Kind::Python => [
            name.to_owned(),
            name.replace(['.', '_'], "-"),
            name.to_ascii_lowercase(),
        ]
        .map(|module| format!("python3Packages.{module}"))
        .to_vec(),
        Kind::Perl => vec![format!("perlPackages.{}", name.replace("::", ""))],
        // Most packages keep their data in a directory of their own name.
        Kind::Data => match name.split('/').nth(1) {
            Some(first) if !is_shared(name, first) && drop_in(name.as_bytes()).is_none() => {
                let mut proposals = vec![first.to_owned()];
                // What `lib/babeltrace2` is of is not `babeltrace`.
                if name.starts_with("share/") || first.contains('-') {
                    proposals.push(without_release(first).to_owned());
                }
                proposals
            }
            _ => Vec::new(),
        },
        Kind::Gem => vec![format!("rubyPackages.{name}")],
        Kind::Lua => of_lua(name),
        Kind::OCaml => vec![
            format!("ocamlPackages.{name}"),
            format!("ocamlPackages.{}", name.replace('-', "_")),
        ],
        Kind::Jar => vec![name.to_owned()],
        // A package of the registry is a program only where nixpkgs has one of that name.
        Kind::Node => vec![name.rsplit('/').next().unwrap_or_default().to_owned()],
        // `Jsonrpc-1.0` may be `jsonrpc`, `libjsonrpc` or `jsonrpc-glib`.
        Kind::Typelib => {
            let stem = name.split('-').next().unwrap_or_default();
            let stem = stem.to_ascii_lowercase();
            let mut proposals = with_and_without_lib(&stem);
            proposals.push(format!("{stem}-glib"));
            proposals
        }
        Kind::GSettings
        | Kind::Aclocal
        | Kind::Dpkg
        | Kind::Rpm
        | Kind::Pacman
        | Kind::Apk
        | Kind::R
        | Kind::Path => Vec::new(),
    }
}

fn of_lua(module: &str) -> Vec<String> {
    ["", "lua", "lua-"]
        .map(|prefix| format!("luaPackages.{prefix}{module}"))
        .to_vec()
}

/// `expat` of `liblua5.3-expat`, as Debian links modules of Lua.
fn lua_module(stem: &str) -> Option<&str> {
    let (release, module) = stem.strip_prefix("liblua")?.split_once('-')?;
    let is_release = release.starts_with(|c: char| c.is_ascii_digit());
    (is_release && module != "c++").then_some(module)
}

/// Directories of `lib/` that many packages fill, besides those of [`SHARED_DIRECTORIES`].
const SHARED_LIBRARY_DIRECTORIES: [&str; 14] = [
    "audit",
    "bfd-plugins",
    "cmake",
    "debug",
    "firmware",
    "gconv",
    "gio",
    "jvm",
    "mozilla",
    "pkcs11",
    "pkgconfig",
    "security",
    "systemd",
    "udev",
];

/// Whether what lies in a directory says nothing by the directory's name.
fn is_shared(name: &str, first: &str) -> bool {
    let is_library = name.starts_with("lib/");
    // A file of `lib/` itself is called by its own name, and that is a library's.
    let is_file = is_library && name.split('/').count() < 3;
    let is_known = is_library || name.starts_with("share/");
    !is_known
        || is_file
        || SHARED_DIRECTORIES.contains(&first)
        || is_library && SHARED_LIBRARY_DIRECTORIES.contains(&first)
}

/// `libfoo-2.0` may be `libfoo-2.0`, `foo-2.0`, `libfoo` or `foo`.
fn with_and_without_lib(stem: &str) -> Vec<String> {
    let bare = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let mut proposals = Vec::new();
    for name in [stem, bare] {
        if name.len() < 2 {
            continue;
        }
        proposals.push(name.to_owned());
        match name.strip_prefix("lib") {
            Some(rest) if rest.len() > 1 => proposals.push(rest.to_owned()),
            Some(_) => {}
            None => proposals.push(format!("lib{name}")),
        }
    }
    proposals
}
