//! Rules of thumb about names, for what no other source knows.
//!
//! A rule only ever proposes attributes that exist, and what it proposes stays below certainty: the
//! agreement of two names is one sign and no more.

use super::rank::{SHARED_DIRECTORIES, without_release};
use super::{AttrPath, Basis, Candidate, Facts, FileForm, Kind, Lexicon, Query, SourceKind};
use crate::trace::Bytes;
use bstr::ByteSlice;

/// Attributes that are called as the thing is.
pub(super) fn candidates(query: &Query, index: &dyn Lexicon) -> Vec<Candidate> {
    let Ok(name) = query.name.to_str() else {
        return Vec::new();
    };
    let mut seen = Vec::new();
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
                output: None,
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

fn proposals(kind: Kind, name: &str) -> Vec<String> {
    match kind {
        Kind::Soname | Kind::LinkName => {
            let stem = name.split(".so").next().unwrap_or_default();
            with_and_without_lib(stem)
        }
        Kind::Command => vec![name.to_owned()],
        Kind::PkgConfig => with_and_without_lib(name),
        Kind::CMake => [
            with_and_without_lib(name),
            with_and_without_lib(&name.to_ascii_lowercase()),
        ]
        .concat(),
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
            Some(first) if name.starts_with("share/") && !SHARED_DIRECTORIES.contains(&first) => {
                vec![first.to_owned(), without_release(first).to_owned()]
            }
            _ => Vec::new(),
        },
        Kind::Gem => vec![format!("rubyPackages.{name}")],
        Kind::Lua => ["", "lua", "lua-"]
            .map(|prefix| format!("luaPackages.{prefix}{name}"))
            .to_vec(),
        Kind::OCaml => vec![
            format!("ocamlPackages.{name}"),
            format!("ocamlPackages.{}", name.replace('-', "_")),
        ],
        Kind::Jar => vec![name.to_owned()],
        // A package of the registry is a program only where nixpkgs has one of that name.
        Kind::Node => vec![name.rsplit('/').next().unwrap_or_default().to_owned()],
        Kind::R => vec![format!("rPackages.{}", name.replace('.', "_"))],
        Kind::Typelib
        | Kind::GSettings
        | Kind::Aclocal
        | Kind::Dpkg
        | Kind::Rpm
        | Kind::Pacman
        | Kind::Apk
        | Kind::Path => Vec::new(),
    }
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
