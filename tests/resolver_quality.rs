//! How often the resolver's first answer is right, over tables that people labelled.
//!
//! `tests/data/labels/*.tsv` hold what a packager would answer today, written from knowledge of
//! nixpkgs and not from the catalogue's sources. Precision counts what is answered; coverage is the
//! share that is answered at all.

use nixtrace::resolve::index::Index;
use nixtrace::resolve::{Kind, Query, Resolver, Verdict};
use std::path::Path;

/// What a table's queries came to.
#[derive(Default)]
struct Tally {
    labels: usize,
    answered: usize,
    right: usize,
    wrong: Vec<String>,
    open: Vec<String>,
}

impl Tally {
    fn precision(&self) -> f64 {
        self.right as f64 / self.answered.max(1) as f64
    }

    fn coverage(&self) -> f64 {
        self.answered as f64 / self.labels.max(1) as f64
    }
}

fn tally(kind: Kind, table: &str) -> Tally {
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
        tally.labels += 1;
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

#[test]
fn what_is_answered_is_right() {
    let mut below = Vec::new();
    // Data directories are the weakest evidence, and many belong to several packages.
    for (kind, table, precision, coverage) in [
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
    ] {
        let tally = tally(kind, table);
        println!(
            "{kind}: {} labels, precision {:.1} %, coverage {:.1} %",
            tally.labels,
            tally.precision() * 100.0,
            tally.coverage() * 100.0
        );
        for wrong in &tally.wrong {
            println!("  wrong {wrong}");
        }
        for open in &tally.open {
            println!("  open  {open}");
        }
        if tally.precision() < precision || tally.coverage() < coverage {
            below.push(kind);
        }
    }
    assert!(below.is_empty(), "precision or coverage too low: {below:?}");
}
