//! The minimal set: from the needs of a run to the packages that must be named.
//!
//! Every need is looked up. What several needs have in common becomes one package with all their
//! reasons; what something else brings is kept, marked with what brings it; what has no certain
//! package stays open, with its candidates. Nothing is dropped silently.

use super::candidate::{AttrPath, Output, Scored};
use super::query::{Kind, Query};
use super::{Resolution, Verdict};
use crate::graph::{Language, MissingThing, Need, Role, RunKind, Thing, Usage, classify};
use crate::trace::Bytes;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// An attribute that the run needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Package {
    /// The attribute.
    pub attr: AttrPath,
    /// The output that holds what was used.
    pub output: Output,
    /// What it is needed as.
    pub role: Role,
    /// Why it need not be listed: `stdenv`, or the attribute that brings it; none when it is to be
    /// listed.
    pub implied: Option<String>,
    /// How sure this is, 0 to 1.
    pub score: f64,
    /// Why, for a person, most telling first.
    pub because: Vec<String>,
}

/// Something used whose package is not certain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unresolved {
    /// The file.
    pub path: Bytes,
    /// How it was used and why there is no answer, one sentence for a person.
    pub why: String,
    /// What it may be, best first; can be empty.
    pub candidates: Vec<Scored>,
}

/// Something that a failed run looked for in vain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missing {
    /// What: a soname, command, header or module, as the program named it.
    pub name: Bytes,
    /// Who missed it and how that showed.
    pub why: String,
    /// What would provide it, best first.
    pub candidates: Vec<Scored>,
}

/// The outcome of [`choose`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Sorted by role and attribute.
    pub packages: Vec<Package>,
    /// Sorted by path.
    pub unresolved: Vec<Unresolved>,
    /// Sorted by name.
    pub missing: Vec<Missing>,
}

/// Commands that every `stdenv` has, compiler or not (nixpkgs manual, "Tools provided by
/// stdenv"), and the shell's own.
const STDENV: &[&str] = &[
    "bash",
    "bashInteractive",
    "bashNonInteractive",
    "bzip2",
    "coreutils",
    "coreutils-full",
    "diffutils",
    "file",
    "findutils",
    "gawk",
    "gnugrep",
    "gnumake",
    "gnused",
    "gnutar",
    "gzip",
    "patch",
    "gnupatch",
    "xz",
];

/// What a `stdenv` with a compiler has besides.
const STDENV_CC: &[&str] = &[
    "gcc",
    "binutils",
    "binutils-unwrapped",
    "patchelf",
    "stdenv.cc",
    "stdenv.cc.cc",
    "stdenv.cc.bintools",
    "gcc-unwrapped",
];

/// Whether a `stdenv` with a compiler has a package's commands.
pub(super) fn is_in_every_stdenv(attr: &str) -> bool {
    STDENV.contains(&attr) || STDENV_CC.contains(&attr)
}

/// The C library and the kernel's headers: part of every program that is built with Nix.
const LIBC: &[&str] = &["glibc", "linuxHeaders"];

/// How many reasons a package keeps; a build can read hundreds of headers of one.
const REASONS: usize = 8;

/// Chooses packages for all needs of a run, asking `resolve` for each.
///
/// The order of the needs does not matter.
pub fn choose(usage: &Usage, mut resolve: impl FnMut(&Query) -> Resolution) -> Choice {
    let answers: Vec<Resolution> = usage
        .needs
        .iter()
        .map(|need| first_answer(&queries(&need.thing, Some(&need.path)), &mut resolve))
        .collect();

    let mut packages: BTreeMap<AttrPath, Package> = BTreeMap::new();
    let mut open: BTreeMap<Bytes, (Unresolved, usize)> = BTreeMap::new();
    // Data that a package brings which is there anyway is no need of its own, so data comes last.
    let (data, things): (Vec<usize>, Vec<usize>) =
        (0..usage.needs.len()).partition(|&number| usage.needs[number].role == Role::Data);
    for number in things.into_iter().chain(data) {
        let need = &usage.needs[number];
        let Some(brought) = brought(usage, &answers, number) else {
            // What brings it has no name, so it cannot be said to be implied by anything; it is
            // still nothing that the run asked for itself.
            continue;
        };
        match &answers[number].best {
            Some(best) => {
                let implied = implied(usage, need, best, &brought);
                add(&mut packages, need, best, implied);
            }
            None if need.brought_by.is_some() || answers[number].verdict != Verdict::Open => {}
            None => leave_open(&mut open, need, &answers[number]),
        }
    }
    let mut packages: Vec<Package> = packages.into_values().collect();
    packages.sort_by(|a, b| (a.role, &a.attr).cmp(&(b.role, &b.attr)));
    Choice {
        packages,
        unresolved: open
            .into_values()
            .map(|(unresolved, more)| with_count(unresolved, more))
            .collect(),
        missing: missing(usage, &mut resolve),
    }
}

/// The questions to ask for a thing, the sharpest first.
fn queries(thing: &Thing, path: Option<&Bytes>) -> Vec<Query> {
    let query = |kind, name: &Bytes| {
        let query = Query::new(kind, name.clone());
        match path {
            Some(path) => query.at(path.clone()),
            None => query,
        }
    };
    match thing {
        Thing::Command(name) => vec![query(Kind::Command, name)],
        Thing::Library(name) if name.ends_with(b".so") => {
            vec![query(Kind::Soname, name), query(Kind::LinkName, name)]
        }
        Thing::Library(name) => vec![query(Kind::Soname, name)],
        Thing::Header(name) => vec![query(Kind::Header, name)],
        Thing::PkgConfig(name) => vec![query(Kind::PkgConfig, name)],
        Thing::Data(name) => vec![query(Kind::Data, name)],
        Thing::Module {
            language: Language::Python,
            name,
            distribution,
        } => distribution
            .iter()
            .chain([name])
            .map(|name| query(Kind::Python, name))
            .collect(),
        Thing::Module {
            language: Language::Perl,
            name,
            ..
        } => vec![query(Kind::Perl, name)],
        Thing::Module { name, .. } => vec![query(Kind::Path, path.unwrap_or(name))],
    }
}

fn first_answer(queries: &[Query], resolve: &mut impl FnMut(&Query) -> Resolution) -> Resolution {
    let mut first: Option<Resolution> = None;
    for query in queries {
        let resolution = resolve(query);
        if resolution.best.is_some() {
            return resolution;
        }
        // With no certain answer, the sharpest question that had candidates is worth showing.
        if first
            .as_ref()
            .is_none_or(|first| first.candidates.is_empty())
        {
            first = Some(resolution);
        }
    }
    first.expect("every thing has at least one query")
}

/// Who brings what a need asks for.
enum Brought {
    /// Nobody: it is asked for itself.
    Itself,
    /// This other package.
    By(AttrPath),
}

/// Follows what brings a need to the next package that is another one; none when that has no name.
fn brought(usage: &Usage, answers: &[Resolution], number: usize) -> Option<Brought> {
    let attr = |number: usize| answers[number].best.as_ref().map(|best| &best.attr);
    let own = attr(number);
    let mut at = number;
    // No chain is longer than there are needs; a longer one goes in a circle.
    for _ in 0..usage.needs.len() {
        let Some(by) = usage.needs[at].brought_by else {
            // A package that something else of it was asked for.
            let is_own = at == number || attr(at) == own;
            return is_own.then_some(Brought::Itself);
        };
        if let Some(other) = attr(by)
            && Some(other) != own
        {
            return Some(Brought::By(other.clone()));
        }
        at = by;
    }
    None
}

/// Why a need's package need not be listed, if there is a reason.
fn implied(usage: &Usage, need: &Need, best: &Scored, brought: &Brought) -> Option<String> {
    let is_one_of = |names: &[&str]| names.contains(&best.attr.as_str());
    let by_stdenv = match need.role {
        Role::Command | Role::Interpreter => {
            is_one_of(STDENV) || is_one_of(STDENV_CC) || is_one_of(LIBC)
        }
        Role::Library | Role::Dlopen | Role::Header | Role::PkgConfig => {
            is_one_of(LIBC)
                || comes_with_libc(&need.thing)
                || (usage.kind == RunKind::Build && is_one_of(STDENV_CC))
        }
        Role::Module | Role::Data => is_one_of(LIBC),
    };
    if by_stdenv {
        return Some("stdenv".to_owned());
    }
    match brought {
        Brought::Itself => None,
        Brought::By(by) if STDENV.contains(&by.as_str()) || STDENV_CC.contains(&by.as_str()) => {
            Some("stdenv".to_owned())
        }
        Brought::By(by) => Some(by.to_string()),
    }
}

/// nixpkgs' glibc carries the compiler's unwinder, which its own thread cancellation opens.
fn comes_with_libc(thing: &Thing) -> bool {
    matches!(thing, Thing::Library(soname) if soname.as_bytes() == b"libgcc_s.so.1")
}

fn add(
    packages: &mut BTreeMap<AttrPath, Package>,
    need: &Need,
    best: &Scored,
    implied: Option<String>,
) {
    let package = packages
        .entry(best.attr.clone())
        .or_insert_with(|| Package {
            attr: best.attr.clone(),
            output: best.output.clone(),
            role: need.role,
            implied: implied.clone(),
            score: best.score,
            because: Vec::new(),
        });
    let is_stronger = implied.is_none() && package.implied.is_some() && need.role != Role::Data;
    let is_equal = implied.is_none() == package.implied.is_none();
    if is_stronger || (is_equal && need.role < package.role) {
        package.role = need.role;
        package.output = best.output.clone();
    }
    if is_stronger {
        package.implied = None;
        package.because.insert(0, need.why.clone());
    } else if package.because.len() < REASONS && !package.because.contains(&need.why) {
        package.because.push(need.why.clone());
    }
    package.score = package.score.max(best.score);
    for reason in &best.because {
        if package.because.len() < REASONS && !package.because.contains(reason) {
            package.because.push(reason.clone());
        }
    }
}

/// Keeps a need without an answer. Headers and data of one directory are told once.
fn leave_open(open: &mut BTreeMap<Bytes, (Unresolved, usize)>, need: &Need, answer: &Resolution) {
    let key = match need.role {
        Role::Header | Role::Data => {
            classify::parent(need.path.as_ref()).map_or_else(|| need.path.clone(), Bytes::from)
        }
        _ => need.path.clone(),
    };
    let reason = match answer.candidates.len() {
        0 => "no package is known to have it",
        1 => "the one candidate is not certain",
        _ => "several packages may have it",
    };
    open.entry(key)
        .and_modify(|(_, more)| *more += 1)
        .or_insert_with(|| {
            (
                Unresolved {
                    path: need.path.clone(),
                    why: format!("{}; {reason}", need.why),
                    candidates: answer.candidates.iter().take(5).cloned().collect(),
                },
                0,
            )
        });
}

fn with_count(mut unresolved: Unresolved, more: usize) -> Unresolved {
    if more > 0 {
        unresolved
            .why
            .push_str(&format!(" (and {more} more files of its directory)"));
    }
    unresolved
}

fn missing(usage: &Usage, resolve: &mut impl FnMut(&Query) -> Resolution) -> Vec<Missing> {
    let mut found: BTreeMap<&Thing, BTreeSet<&str>> = BTreeMap::new();
    for MissingThing { thing, by } in &usage.missing {
        found.entry(thing).or_default().insert(by);
    }
    found
        .into_iter()
        .map(|(thing, by)| {
            let answer = first_answer(&queries(thing, None), resolve);
            let by: Vec<&str> = by.into_iter().take(3).collect();
            Missing {
                name: answer.query.name.clone(),
                why: format!("{} not found by {}", answer.query.kind, by.join(", ")),
                candidates: answer.candidates.into_iter().take(5).collect(),
            }
        })
        .collect()
}
