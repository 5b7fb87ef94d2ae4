//! Adds nix-index databases to an index in the making: which attribute a store path belongs to, and
//! what each of its files is known by.

use super::build::{BuildError, Builder, join_outputs};
use super::format::Row;
use super::nix_index::{Node, Package, Reader};
use super::place::{self, Form};
use super::{AliasState, Index, Input};
use crate::resolve::{AttrPath, Basis, FileForm};
use bstr::ByteSlice;
use std::cell::Cell;
use std::io::{self, Read};
use std::path::Path;

/// How far a database was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Store paths read.
    pub store_paths: u64,
    /// Files and directories read.
    pub files: u64,
    /// Bytes of the packed database read, of as many as the file has.
    pub packed_bytes: u64,
}

impl Builder {
    /// Adds a nix-index database. `known` gives what a listing does not say: which attribute a
    /// derivation's name belongs to, how widely an attribute is used, what it is called today.
    ///
    /// # Errors
    /// When the database cannot be read to its end or a run cannot be put aside.
    pub fn add_database(
        &mut self,
        input: Input,
        path: &Path,
        database: impl Read,
        known: &Index,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), BuildError> {
        let failed = |source| BuildError::Database {
            path: path.to_owned(),
            source,
        };
        let packed = Cell::new(0);
        let mut checksum = crc32fast::Hasher::new();
        let mut done = Progress::default();
        {
            let mut reader = Reader::new(Counted {
                inner: database,
                count: &packed,
                checksum: &mut checksum,
            })
            .map_err(failed)?;
            while let Some(package) = reader.next_package().map_err(failed)? {
                done.store_paths += 1;
                done.files += package.entries().len() as u64;
                self.add_package(&package, known)?;
                done.packed_bytes = packed.get();
                progress(done);
            }
        }
        self.made_from(Input {
            entries: done.files,
            crc32: format!("{:08x}", checksum.finalize()),
            ..input
        });
        Ok(())
    }

    fn add_package(&mut self, package: &Package<'_>, known: &Index) -> Result<(), BuildError> {
        let store_path = &package.store_path;
        let origin = &store_path.origin;
        let (pname, version) = split_name(&store_path.name);
        let (attr, basis, output) = if origin.toplevel {
            let Some(attr) = today_of(&origin.attr, known) else {
                return Ok(());
            };
            (attr, Basis::Listed, origin.output.as_ref())
        } else {
            // The origin is another package that refers to this path: its name is all there is.
            let Some(attr) = attribute_named(pname, known) else {
                return Ok(());
            };
            (attr, Basis::ListedUnderOtherName, output_named(version))
        };
        let output = self.text(output);
        let number = self.describe(&attr, pname, known);
        let mut row = Row::new(number, basis);
        row.output = Some(output);
        let on_darwin = origin
            .system
            .as_ref()
            .is_some_and(|system| system.ends_with("-darwin"));
        (row.linux_listings, row.darwin_listings) = if on_darwin { (0, 1) } else { (1, 0) };
        let mut result = Ok(());
        for (path, node) in package.entries() {
            let Some(path) = path.strip_prefix(b"/") else {
                continue;
            };
            let form = match node {
                Node::Directory { .. } => Form::Directory,
                Node::Regular { .. } | Node::Symlink { .. } => Form::File,
            };
            row.form = match node {
                Node::Symlink { target } => link_form(target, &store_path.hash),
                Node::Regular { .. } | Node::Directory { .. } => FileForm::Regular,
            };
            place::known_by(path, form, |kind, key, place| {
                if result.is_ok()
                    && let Ok(place) = place.to_str()
                {
                    row.place = self.text(place);
                    result = self.add(kind, key, &row);
                }
            });
        }
        Ok(result?)
    }

    /// The number of an attribute that a database names, with what is known of it from before.
    pub(super) fn describe(&mut self, attr: &AttrPath, pname: &str, known: &Index) -> u32 {
        let seen = self.has(attr.as_str());
        // Facts about what an old name has become are not about what has the name today.
        let facts = known
            .attribute(attr)
            .filter(|facts| !seen && facts.attr == *attr);
        let (number, attribute) = self.attribute(attr.as_str());
        if let Some(facts) = facts {
            attribute.main_program = facts.main_program.unwrap_or_default();
            attribute.popularity = facts.popularity;
            attribute.unfree = facts.unfree;
            attribute.removed_by = facts.removed_by.unwrap_or_default();
            attribute.outputs = join_outputs(facts.outputs.iter().map(|output| output.0.as_str()));
        }
        if attribute.pname.is_empty() {
            attribute.pname = pname.to_owned();
        }
        number
    }
}

fn link_form(target: &[u8], own_hash: &str) -> FileForm {
    match target.strip_prefix(b"/nix/store/") {
        Some(elsewhere) if !elsewhere.starts_with(own_hash.as_bytes()) => FileForm::ReExport,
        _ => FileForm::Link,
    }
}

/// A store path's name as name and version, the way `builtins.parseDrvName` splits it: the version
/// begins after the first dash that no letter follows.
fn split_name(name: &str) -> (&str, &str) {
    let dash = name
        .match_indices('-')
        .map(|(at, _)| at)
        .find(|at| !name[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic()));
    match dash {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => (name, ""),
    }
}

/// What an attribute of a listing is called today; none if it is no attribute path.
pub(super) fn today_of(attr: &str, known: &Index) -> Option<AttrPath> {
    let mut attr = AttrPath::new(without_set_version(attr)).ok()?;
    for _ in 0..8 {
        match known.alias(&attr) {
            Some(alias) if matches!(alias.state, AliasState::Alias | AliasState::Renamed) => {
                attr = alias.to;
            }
            _ => break,
        }
    }
    Some(attr)
}

/// The same member of the set that nixpkgs keeps current: `python311Packages.numpy` is
/// `python3Packages.numpy`.
fn without_set_version(attr: &str) -> String {
    const SETS: [(&str, &str); 6] = [
        ("python3", "Packages"),
        ("perl", "Packages"),
        ("lua", "Packages"),
        ("rubyPackages_", ""),
        ("php", "Extensions"),
        ("php", "Packages"),
    ];
    if let Some(member) = attr.strip_prefix("libsForQt5.qt5.") {
        return format!("qt5.{member}");
    }
    // `ocaml-ng.ocamlPackages_4_14.lwt`: the current one is `ocamlPackages`.
    if let Some(rest) = attr.strip_prefix("ocaml-ng.ocamlPackages_")
        && let Some((_, member)) = rest.split_once('.')
    {
        return format!("ocamlPackages.{member}");
    }
    for (language, kind) in SETS {
        if let Some((versioned, member)) = attr.split_once('.')
            && let Some(rest) = versioned.strip_prefix(language)
            && let Some(version) = rest.strip_suffix(kind)
            && version.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        {
            let language = language.trim_end_matches('_');
            return format!("{language}{kind}.{member}");
        }
    }
    attr.to_owned()
}

/// The output that ends a store path's name after the version: `dev` of `1.5.6-dev`.
fn output_named(version: &str) -> &str {
    const OUTPUTS: [&str; 10] = [
        "bin", "debug", "dev", "devdoc", "doc", "info", "lib", "man", "static", "terminfo",
    ];
    match version.rsplit_once('-') {
        Some((_, output)) if OUTPUTS.contains(&output) => output,
        _ => "out",
    }
}

/// The attribute that a derivation's name stands for, if that is clear: the one of the same name, or
/// the only one.
fn attribute_named(pname: &str, known: &Index) -> Option<AttrPath> {
    let named = known.by_pname(pname);
    let same = named.iter().find(|attr| attr.as_str() == pname);
    match (same, named.as_slice()) {
        (Some(attr), _) | (None, [attr]) => Some(attr.clone()),
        _ => None,
    }
}

/// Counts and sums up what passes.
struct Counted<'a, R> {
    inner: R,
    count: &'a Cell<u64>,
    checksum: &'a mut crc32fast::Hasher,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        self.checksum.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_before_the_dash_that_no_letter_follows() {
        assert_eq!(split_name("zstd-1.5.6-dev"), ("zstd", "1.5.6-dev"));
        assert_eq!(split_name("gtk+3-3.24.35"), ("gtk+3", "3.24.35"));
        assert_eq!(split_name("git-minimal-2.39.0"), ("git-minimal", "2.39.0"));
        assert_eq!(split_name("hook"), ("hook", ""));
        assert_eq!(split_name("trailing-"), ("trailing", ""));
    }

    #[test]
    fn the_output_ends_the_name() {
        assert_eq!(output_named("1.5.6-dev"), "dev");
        assert_eq!(output_named("1.5.6"), "out");
        assert_eq!(output_named("2023-01-18"), "out");
    }

    #[test]
    fn sets_lose_their_version_and_nothing_else() {
        #[track_caller]
        fn check(attr: &str, expected: &str) {
            assert_eq!(without_set_version(attr), expected);
        }
        check("python311Packages.numpy", "python3Packages.numpy");
        check("python3Packages.numpy", "python3Packages.numpy");
        check("perl536Packages.JSONXS", "perlPackages.JSONXS");
        check("php82Extensions.intl", "phpExtensions.intl");
        check("libsForQt5.qt5.qtbase", "qt5.qtbase");
        check("lua52Packages.lpeg", "luaPackages.lpeg");
        check("rubyPackages_3_1.nokogiri", "rubyPackages.nokogiri");
        check("ocaml-ng.ocamlPackages_4_14.lwt", "ocamlPackages.lwt");
        check("luajitPackages.lpeg", "luajitPackages.lpeg");
        check("python311", "python311");
        check("python27Packages.numpy", "python27Packages.numpy");
    }

    #[test]
    fn an_old_name_is_today_s_unless_only_the_tables_had_it() {
        let known = {
            let mut builder = Builder::new();
            for (old, to, state) in [
                ("old", "renamed", AliasState::Renamed),
                ("ark", "kdePackages.ark", AliasState::Moved),
            ] {
                builder.alias(old, to, "", state);
                builder.attribute(to).1.main_program = "program".to_owned();
            }
            let mut bytes = Vec::new();
            builder.finish(&mut bytes).unwrap();
            Index::from_bytes(bytes, crate::resolve::SourceKind::Catalogue).unwrap()
        };
        let today = |attr: &str| today_of(attr, &known).unwrap();
        assert_eq!(today("old").as_str(), "renamed");
        assert_eq!(today("ark").as_str(), "ark");
        let mut builder = Builder::new();
        for (attr, main_program) in [("renamed", "program"), ("ark", "")] {
            builder.describe(&today(attr), attr, &known);
            assert_eq!(builder.attribute(attr).1.main_program, main_program);
        }
    }

    #[test]
    fn a_link_within_the_store_path_is_no_re_export() {
        let own = "f14451jmpw39crs5mvfp3adky084pcsx";
        assert_eq!(link_form(b"libz.so.1.3", own), FileForm::Link);
        let absolute = format!("/nix/store/{own}-zlib-1.3/lib/libz.so.1.3");
        assert_eq!(link_form(absolute.as_bytes(), own), FileForm::Link);
        let elsewhere = b"/nix/store/0000000000000000000000000000000a-zlib-1.3/lib/libz.so.1";
        assert_eq!(link_form(elsewhere, own), FileForm::ReExport);
    }
}
