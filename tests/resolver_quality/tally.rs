//! How often the resolver's first answer is right, over tables that people labelled.
//!
//! `tests/data/labels/*.tsv` hold what a packager would answer today, written from knowledge of
//! nixpkgs and not from the catalogue's sources. Precision counts what is answered; coverage is the
//! share that is answered at all.

use nixtrace::resolve::index::Index;
use nixtrace::resolve::{Kind, Query, Resolver, Verdict};
use std::path::Path;

/// The label of a name that nixpkgs has nothing of.
const NOTHING: &str = "-";

/// What a table's queries came to.
#[derive(Default)]
pub(crate) struct Tally {
    /// The names that nixpkgs has something of; the others are right to stay open.
    pub(crate) labels: usize,
    pub(crate) answered: usize,
    /// Those of `labels` that were answered.
    pub(crate) covered: usize,
    pub(crate) right: usize,
    pub(crate) wrong: Vec<String>,
    pub(crate) open: Vec<String>,
}

impl Tally {
    /// The share of what was answered that is right.
    pub(crate) fn precision(&self) -> f64 {
        self.right as f64 / self.answered.max(1) as f64
    }

    /// The share that was answered.
    pub(crate) fn coverage(&self) -> f64 {
        self.covered as f64 / self.labels.max(1) as f64
    }
}

/// Asks for every name of a table.
pub(crate) fn tally(kind: Kind, table: &str) -> Tally {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/labels")
        .join(table);
    let text = std::fs::read_to_string(&path).expect("the labels are in the repository");
    let resolver = Resolver::new().with_index(Index::embedded());
    let mut tally = Tally::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = line
            .split_once('\t')
            .expect("a name, a tab, its attributes");
        let resolution = resolver.resolve(&Query::new(kind, name));
        let may_stay_open = labels.split('|').any(|label| label == NOTHING);
        if may_stay_open && resolution.verdict != Verdict::Package {
            continue;
        }
        tally.labels += usize::from(labels != NOTHING);
        let shown = |n: usize| {
            resolution
                .candidates
                .iter()
                .take(n)
                .map(|c| format!("{} {:.3}", c.attr, c.score))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match (&resolution.verdict, &resolution.best) {
            (Verdict::Package, Some(best)) => {
                tally.answered += 1;
                tally.covered += usize::from(labels != NOTHING);
                if labels.split('|').any(|label| label == best.attr.as_str()) {
                    tally.right += 1;
                } else {
                    tally
                        .wrong
                        .push(format!("{name}: {} (wanted {labels})", shown(3)));
                }
            }
            _ => tally
                .open
                .push(format!("{name}: {} (wanted {labels})", shown(3))),
        }
    }
    tally
}

/// Names that were drawn at random and labelled before the resolver was asked for them.
pub(crate) const BLIND: &[(Kind, &str)] = &[
    (Kind::Soname, "blind/sonames.tsv"),
    (Kind::Command, "blind/commands.tsv"),
    (Kind::PkgConfig, "blind/pkg-config.tsv"),
    (Kind::Header, "blind/headers.tsv"),
    (Kind::Python, "blind/python.tsv"),
    (Kind::Perl, "blind/perl.tsv"),
    (Kind::Typelib, "blind/typelibs.tsv"),
    (Kind::CMake, "blind/cmake.tsv"),
    (Kind::Gem, "blind/gem.tsv"),
    (Kind::Data, "blind/data.tsv"),
];

/// A second such set, of things whose names those who labelled them knew: `tests/data/labels/blind-second`.
pub(crate) const BLIND_SECOND: &[(Kind, &str)] = &[
    (Kind::Soname, "blind-second/sonames.tsv"),
    (Kind::Command, "blind-second/commands.tsv"),
    (Kind::PkgConfig, "blind-second/pkg-config.tsv"),
    (Kind::Typelib, "blind-second/typelibs.tsv"),
    (Kind::Data, "blind-second/data.tsv"),
];

/// A kind's table, and what it must reach: precision and coverage.
pub(crate) const GOALS: &[(Kind, &str, f64, f64)] = &[
    (Kind::Soname, "sonames.tsv", 0.97, 0.9),
    (Kind::Command, "commands.tsv", 0.97, 0.9),
    (Kind::PkgConfig, "pkg-config.tsv", 0.97, 0.9),
    (Kind::Header, "headers.tsv", 0.97, 0.9),
    (Kind::Python, "python.tsv", 0.97, 0.9),
    (Kind::Perl, "perl.tsv", 0.97, 0.9),
    (Kind::Typelib, "typelibs.tsv", 0.97, 0.9),
    (Kind::CMake, "cmake.tsv", 0.97, 0.9),
    (Kind::Gem, "gem.tsv", 0.97, 0.9),
    (Kind::Lua, "lua.tsv", 0.97, 0.9),
    (Kind::OCaml, "ocaml.tsv", 0.97, 0.9),
    (Kind::Node, "node.tsv", 0.97, 0.9),
    (Kind::GSettings, "gsettings.tsv", 0.97, 0.9),
    (Kind::Aclocal, "aclocal.tsv", 0.97, 0.9),
    (Kind::Jar, "jar.tsv", 0.97, 0.9),
    // Asked without a system that has the package: by its name alone.
    (Kind::Dpkg, "dpkg.tsv", 0.97, 0.85),
    (Kind::Rpm, "rpm.tsv", 0.97, 0.85),
    (Kind::Pacman, "pacman.tsv", 0.97, 0.85),
    (Kind::Apk, "apk.tsv", 0.97, 0.85),
    // CRAN is larger than what can be written by hand; the rest stays open.
    (Kind::R, "r.tsv", 0.97, 0.8),
    (Kind::Data, "data.tsv", 0.9, 0.7),
];

/// The sonames of Debian's most-depended-on library packages: how many there are, how many are
/// answered, and those that are not. No label says what they are; the tables measure that.
pub(crate) fn debian() -> Tally {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/debian-libraries.tsv");
    let text = std::fs::read_to_string(path).expect("the table is in the repository");
    let resolver = Resolver::new().with_index(Index::embedded());
    let mut tally = Tally::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let sonames = line.split('\t').nth(2).expect("package, count, sonames");
        for soname in sonames.split(' ') {
            tally.labels += 1;
            let resolution = resolver.resolve(&Query::new(Kind::Soname, soname));
            // What belongs to the host is an answer: no package.
            if matches!(resolution.verdict, Verdict::Open) {
                tally.open.push(soname.to_owned());
            } else {
                tally.covered += 1;
            }
        }
    }
    tally
}
