//! From a distribution's package to nixpkgs: a source that answers for files of the host.
//!
//! Independent signs: what the index says of the *other* files that the package owns (a vote), the
//! package's own name, the name of the source package it was built from, and the project's home page.
//! Where they agree, the answer is good although the index does not know the file itself.

use super::poll::Poll;
use super::{HostPackage, HostPackages, Manager, Via, naming};
use crate::resolve::{
    AttrPath, Basis, Candidate, Facts, FileForm, Kind, Lexicon, Output, Query, SourceKind,
    heuristic, rank,
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
pub(super) struct Translation {
    pub(super) attr: AttrPath,
    /// How many independent signs agree, 1 to 4.
    pub(super) agreements: u8,
    /// How many of the package's files the index gives to the attribute, and of how many.
    votes: (usize, usize),
    /// Whether the package and the attribute name the same home page.
    same_page: bool,
}

impl Translation {
    /// What speaks for the attribute besides names, for a person, to be put behind the package;
    /// empty when nothing does.
    pub(super) fn evidence(&self, files: &str) -> String {
        let (votes, ballots) = self.votes;
        let mut words = String::new();
        if votes > 0 {
            words += &format!(
                ", of whose {files} {votes} of {ballots} are from {}",
                self.attr
            );
        }
        if self.same_page {
            words += &format!(", which has the home page of {}", self.attr);
        }
        words
    }
}

/// How many packages of the same source are asked about.
const SIBLINGS: usize = 12;

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

    /// The package that owns a file, and whose package manager it is.
    pub fn owner(&self, path: &Bytes) -> Option<(Manager, HostPackage)> {
        let owner = self.packages.owner(path.as_bytes())?;
        Some((self.packages.manager(), owner.package))
    }

    /// The files of a package, and no more than `most`.
    pub fn files(&self, package: &str, most: usize) -> Vec<Bytes> {
        let mut files = Vec::new();
        self.packages.files(package, &mut |path| {
            files.push(path.into());
            match files.len() < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        files
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
        let mut owned = format!("owned by {}'s {}", self.packages.vendor(), package.name);
        if package.source != package.name {
            owned.push_str(&format!(" (source {})", package.source));
        }
        if let Via::Link(target) = &ownership.via {
            owned.push_str(&format!(", as {target}"));
        }
        if let Some(attr) = of_archive(query, package) {
            let note = format!("{owned}; nixpkgs has all of today's CRAN and Bioconductor");
            return vec![heuristic::candidate_of_archive(attr, note)];
        }
        self.translate(package, index)
            .iter()
            .map(|translation| {
                let note = format!("{owned}{}", translation.evidence("other files"));
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

    /// What an installed package of a manager is in nixpkgs; none when this system has no such
    /// package.
    pub(super) fn installed(
        &self,
        manager: Manager,
        name: &str,
        index: &dyn Lexicon,
    ) -> Option<Arc<Vec<Translation>>> {
        if self.packages.manager() != manager {
            return None;
        }
        Some(self.translate(&self.packages.package(name)?, index))
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
        let translations = Arc::new(translate(self.packages.manager(), package, &poll, index));
        lock().insert(package.name.clone(), Arc::clone(&translations));
        translations
    }
}

/// The attribute of an R package that the host's package is called for: `r-cran-dplyr`, `r-bioc-limma`
/// of Debian, `R-dplyr` of Fedora and openSUSE, `r-dplyr` of Arch. Distributions package what is in the
/// archives, so it is there.
fn of_archive(query: &Query, package: &HostPackage) -> Option<AttrPath> {
    let name = query.name.to_str().ok().filter(|_| query.kind == Kind::R)?;
    let owner = package.name.to_ascii_lowercase();
    let module = ["r-cran-", "r-bioc-", "r-"]
        .iter()
        .find_map(|prefix| owner.strip_prefix(prefix))?;
    (module == name.to_ascii_lowercase())
        .then(|| heuristic::of_archive(name))
        .flatten()
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

fn translate(
    manager: Manager,
    package: &HostPackage,
    poll: &Poll,
    index: &dyn Lexicon,
) -> Vec<Translation> {
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
            naming::attributes(manager, name)
                .into_iter()
                .find_map(|attr| index.attribute(&attr))
        })
        .map(|known| known.attr)
        .collect();
    for attr in names {
        *signs.entry(attr).or_default() += 1;
    }
    // Attributes that share a page with another project's are few; the page alone decides nothing.
    let page: BTreeSet<AttrPath> = index
        .with_homepage(&package.homepage)
        .iter()
        .filter_map(|attr| index.attribute(attr))
        .map(|known| known.attr)
        .collect();
    for attr in &page {
        *signs.entry(attr.clone()).or_default() += 1;
    }
    let mut translations: Vec<Translation> = signs
        .into_iter()
        .map(|(attr, agreements)| Translation {
            votes: (votes.get(&attr).copied().unwrap_or_default(), ballots),
            agreements: agreements.min(4),
            same_page: page.contains(&attr),
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
