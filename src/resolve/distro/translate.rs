//! From a distribution's package to nixpkgs: a source that answers for files of the host.
//!
//! Three independent signs: what the index says of the *other* files that the package owns (a vote),
//! the package's own name, and the name of the source package it was built from. Where they agree,
//! the answer is good although the index does not know the file itself.

use super::{HostPackage, HostPackages, Via};
use crate::resolve::{
    AttrPath, Basis, Candidate, Facts, FileForm, Kind, Lexicon, Output, Query, SourceKind, rank,
};
use crate::trace::Bytes;
use bstr::ByteSlice;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

/// The host's packages as a source.
pub struct HostSource {
    packages: Box<dyn HostPackages + Send + Sync>,
    /// What each package is in nixpkgs; a run asks for few packages, many times.
    known: Mutex<HashMap<String, Arc<Vec<Translation>>>>,
}

/// What a host's package may be in nixpkgs.
#[derive(Clone, Debug, PartialEq)]
struct Translation {
    attr: AttrPath,
    /// How many independent signs agree, 1 to 4.
    agreements: u8,
    /// How many of the package's files the index gives to the attribute, and of how many.
    votes: (usize, usize),
}

/// How many files of one package are asked about: enough to decide, and bounded for packages with
/// thousands of headers.
const BALLOTS: usize = 12;
/// How many packages of the same source are asked about.
const SIBLINGS: usize = 12;
/// Of one kind.
const BALLOTS_OF_A_KIND: usize = 6;
/// How many files are looked at for those: a program in a directory of its own below `/usr/lib` can
/// have tens of thousands that tell nothing.
const LOOKED_AT: usize = 500;

impl HostSource {
    /// A source over a host's package database.
    pub fn new(packages: Box<dyn HostPackages + Send + Sync>) -> Self {
        Self {
            packages,
            known: Mutex::new(HashMap::new()),
        }
    }

    /// The version of the package that owns a file, in the distribution's form.
    pub fn version(&self, path: &Bytes) -> Option<String> {
        let version = self.packages.owner(path.as_bytes())?.package.version;
        (!version.is_empty()).then_some(version)
    }

    /// What may provide the file behind a query, told from the package that owns it.
    pub fn candidates(&self, query: &Query, index: &dyn Lexicon) -> Vec<Candidate> {
        let Some(path) = &query.path else {
            return Vec::new();
        };
        let Some(ownership) = self.packages.owner(path.as_bytes()) else {
            return Vec::new();
        };
        let package = &ownership.package;
        let translations = self.translate(package, index);
        let mut owned = format!("owned by {}'s {}", self.packages.vendor(), package.name);
        if package.source != package.name {
            owned.push_str(&format!(" (source {})", package.source));
        }
        if let Via::Link(target) = &ownership.via {
            owned.push_str(&format!(", as {target}"));
        }
        translations
            .iter()
            .map(|translation| {
                let mut note = owned.clone();
                let (votes, ballots) = translation.votes;
                if votes > 0 {
                    note.push_str(&format!(
                        ", of whose other files {votes} of {ballots} are from {}",
                        translation.attr
                    ));
                }
                let attribute = index.attribute(&translation.attr);
                Candidate {
                    attr: translation.attr.clone(),
                    output: output_of(
                        query.kind,
                        attribute.as_ref().map(|known| &known.outputs[..]),
                    ),
                    source: SourceKind::Host,
                    basis: Basis::Guess(translation.agreements),
                    form: FileForm::Regular,
                    place: Bytes::default(),
                    popularity: attribute.map(|known| known.popularity).unwrap_or_default(),
                    note: Some(note),
                    facts: Facts::default(),
                }
            })
            .collect()
    }

    fn translate(&self, package: &HostPackage, index: &dyn Lexicon) -> Arc<Vec<Translation>> {
        // A panic elsewhere leaves the map as it was: whole entries.
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&package.name) {
            return Arc::clone(known);
        }
        let mut poll = Poll::default();
        poll.add(&*self.packages, &package.name);
        if poll.is_empty() {
            // Data and documentation are packages of their own; those that were built with it have
            // the commands and libraries that tell.
            for sibling in self
                .packages
                .built_from(&package.source)
                .iter()
                .take(SIBLINGS)
            {
                poll.add(&*self.packages, sibling);
            }
        }
        let translations = Arc::new(translate(package, &poll, index));
        lock().insert(package.name.clone(), Arc::clone(&translations));
        translations
    }
}

/// The output in which things of a kind lie by nixpkgs' custom, if the package has it.
pub(in crate::resolve) fn output_of(kind: Kind, outputs: Option<&[Output]>) -> Option<Output> {
    let outputs = outputs?;
    let usual: &[&str] = match kind {
        Kind::Header | Kind::PkgConfig | Kind::CMake => &["dev", "out"],
        Kind::Soname | Kind::LinkName => &["lib", "out"],
        Kind::Command => &["bin", "out"],
        _ => &["out"],
    };
    let output = usual
        .iter()
        .find(|usual| outputs.iter().any(|output| output.0 == **usual))?;
    Some(Output((*output).to_owned()))
}

fn translate(package: &HostPackage, poll: &Poll, index: &dyn Lexicon) -> Vec<Translation> {
    let (votes, ballots) = poll.votes(index);
    let mut signs: BTreeMap<AttrPath, u8> = BTreeMap::new();
    for (attr, votes) in &votes {
        // Half of the files is as good as two agreements of names. One file among many is rather
        // the index's own error, or the very file that is in doubt.
        let sign = match votes {
            votes if votes * 2 >= ballots => 2,
            // Modules have files that are called as the interpreter's own are.
            _ if rank::is_interpreter(attr.as_str()) => continue,
            votes if votes * 4 >= ballots => 1,
            _ => continue,
        };
        *signs.entry(attr.clone()).or_default() += sign;
    }
    // The nearest name counts; the same attribute by both names is one sign.
    let names: BTreeSet<AttrPath> = [&package.name, &package.source]
        .into_iter()
        .filter_map(|name| {
            attributes_by_name(name)
                .into_iter()
                .find_map(|attr| index.attribute(&attr))
        })
        .map(|known| known.attr)
        .collect();
    for attr in names {
        *signs.entry(attr).or_default() += 1;
    }
    let mut translations: Vec<Translation> = signs
        .into_iter()
        .map(|(attr, agreements)| Translation {
            votes: (votes.get(&attr).copied().unwrap_or_default(), ballots),
            agreements: agreements.min(4),
            attr,
        })
        .collect();
    translations.sort_by(|a, b| {
        (b.agreements, b.votes.0)
            .cmp(&(a.agreements, a.votes.0))
            .then_with(|| a.attr.cmp(&b.attr))
    });
    translations.truncate(8);
    translations
}

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
struct Poll {
    ballots: BTreeSet<Query>,
    of_kind: HashMap<Kind, usize>,
}

impl Poll {
    fn add(&mut self, packages: &dyn HostPackages, package: &str) {
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
        );
        if telling {
            let count = self.of_kind.entry(query.kind).or_default();
            if *count < BALLOTS_OF_A_KIND && self.ballots.insert(query) {
                *count += 1;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.ballots.is_empty()
    }

    /// To which attributes the index gives the files, and of how many it knows any.
    fn votes(&self, index: &dyn Lexicon) -> (BTreeMap<AttrPath, usize>, usize) {
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

/// The attributes that a Debian package's name suggests: `libssl-dev` is `libssl` or `ssl`,
/// `python3-yaml` is `python3Packages.yaml`, `libjson-xs-perl` is `perlPackages.JsonXs` or
/// `perlPackages.JSONXS`. Whether they exist is another question.
fn attributes_by_name(name: &str) -> Vec<AttrPath> {
    let mut texts: Vec<String> = Vec::new();
    if let Some(module) = name.strip_prefix("python3-") {
        texts.push(format!("python3Packages.{module}"));
        texts.push(format!("python3Packages.{}", module.replace('.', "-")));
    } else if let Some(module) = name
        .strip_prefix("lib")
        .and_then(|rest| rest.strip_suffix("-perl"))
    {
        let capitalised = |word: &str| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_ascii_uppercase().to_string() + letters.as_str()
            })
        };
        texts.push(format!(
            "perlPackages.{}",
            module.split('-').map(capitalised).collect::<String>()
        ));
        texts.push(format!(
            "perlPackages.{}",
            module.replace('-', "").to_ascii_uppercase()
        ));
    } else if let Some(gem) = name.strip_prefix("ruby-") {
        texts.push(format!("rubyPackages.{gem}"));
    } else {
        let mut stem = name;
        loop {
            texts.push(stem.to_owned());
            if let Some(bare) = stem.strip_prefix("lib") {
                texts.push(bare.to_owned());
            }
            let shorter = [
                "-dev",
                "-bin",
                "-utils",
                "-tools",
                "-data",
                "-common",
                "-minimal",
                "-core",
                "-runtime",
                "-defaults",
                "t64",
            ]
            .iter()
            .find_map(|suffix| stem.strip_suffix(suffix))
            .unwrap_or_else(|| {
                // One number at a time: `libgav1-1` is `libgav1` before it is `libgav`.
                let bare = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
                bare.strip_suffix('-').unwrap_or(bare)
            });
            if shorter == stem || shorter.is_empty() {
                break;
            }
            stem = shorter;
        }
    }
    texts
        .into_iter()
        .filter_map(|text| AttrPath::new(text).ok())
        .collect()
}
