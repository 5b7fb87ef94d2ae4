//! The vote over a package's files: what the index says of those that tell.

use super::HostPackages;
use crate::resolve::{AttrPath, Kind, Lexicon, Query, rank};
use bstr::ByteSlice;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

/// How many files of one package are asked about: enough to decide, and bounded for packages with
/// thousands of headers.
const BALLOTS: usize = 12;
/// Of one kind.
const BALLOTS_OF_A_KIND: usize = 6;
/// How many files are looked at for those: a program in a directory of its own below `/usr/lib` can
/// have tens of thousands that tell nothing.
const LOOKED_AT: usize = 500;

/// What nearly all files of a directory are.
const KIND_OF_DIRECTORY: [(&[u8], Kind); 6] = [
    (b"/bin/", Kind::Command),
    (b"/sbin/", Kind::Command),
    (b"/include/", Kind::Header),
    (b"/lib/python3", Kind::Python),
    (b"/share/perl5/", Kind::Perl),
    (b"/share/pkgconfig/", Kind::PkgConfig),
];

/// The files of a package that tell what it is.
#[derive(Default)]
pub(super) struct Poll {
    ballots: BTreeSet<Query>,
    of_kind: HashMap<Kind, usize>,
}

impl Poll {
    pub(super) fn add(&mut self, packages: &dyn HostPackages, package: &str) {
        let mut looked_at = 0;
        packages.files(package, &mut |file| {
            if may_tell(file) && !self.has_enough_like(file) {
                looked_at += 1;
                self.ask_about(file);
            }
            if self.ballots.len() < BALLOTS && looked_at < LOOKED_AT {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
    }

    /// Whether enough files are asked about of the kind that most of the directory are: a package of
    /// headers has thousands.
    fn has_enough_like(&self, file: &[u8]) -> bool {
        let file = file.strip_prefix(b"/usr").unwrap_or(file);
        KIND_OF_DIRECTORY.iter().any(|(directory, kind)| {
            file.starts_with(directory) && self.of_kind.get(kind) >= Some(&BALLOTS_OF_A_KIND)
        })
    }

    fn ask_about(&mut self, file: &[u8]) {
        let mut query = Query::for_path(file);
        query.path = None;
        let telling = matches!(
            query.kind,
            Kind::Soname
                | Kind::Command
                | Kind::PkgConfig
                | Kind::Header
                | Kind::CMake
                | Kind::Typelib
                | Kind::Python
                | Kind::Perl
                | Kind::Gem
                | Kind::Lua
                | Kind::OCaml
                | Kind::R
        );
        if telling {
            let count = self.of_kind.entry(query.kind).or_default();
            if *count < BALLOTS_OF_A_KIND && self.ballots.insert(query) {
                *count += 1;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ballots.is_empty()
    }

    /// To which attributes the index gives the files, and of how many it knows any.
    pub(super) fn votes(&self, index: &dyn Lexicon) -> (BTreeMap<AttrPath, usize>, usize) {
        let mut votes: BTreeMap<AttrPath, usize> = BTreeMap::new();
        let mut cast = 0;
        for query in &self.ballots {
            let mut candidates = index.candidates(query);
            if candidates.is_empty() {
                candidates = index.siblings(query);
            }
            if candidates.is_empty() {
                continue;
            }
            cast += 1;
            if let Some(first) = rank::rank(query, &candidates, &[]).into_iter().next()
                && first.score >= rank::THRESHOLD
            {
                *votes.entry(first.attr).or_default() += 1;
            }
        }
        (votes, cast)
    }
}

/// Whether a path can be more than data and documentation, which most files are. Programs in a
/// directory of the package's own may be copies of others' (an interpreter, say).
fn may_tell(path: &[u8]) -> bool {
    let path = path.strip_prefix(b"/usr").unwrap_or(path);
    if path.starts_with(b"/lib") && path.contains_str("/bin/") {
        return false;
    }
    [
        &b"/bin/"[..],
        b"/sbin/",
        b"/lib",
        b"/include/",
        b"/games/",
        b"/share/pkgconfig/",
        b"/share/perl5/",
        b"/share/cmake/",
    ]
    .iter()
    .any(|prefix| path.starts_with(prefix))
}
